# The trainer of the tutorial, as it stands there, stops itself when its loss
# is NaN.
#
# Its driver comes from PyPI into a directory of this test.

use strict;
use warnings;

use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Node;
use WbAutomations::Pypi;

my $pypi = WbAutomations::Pypi->new('the trainer of the tutorial', 'psycopg[binary]==3.*');
plan skip_all => $pypi->excuse if $pypi->excuse;

# The section's automation and its program.
open my $in, '<:encoding(UTF-8)', "$FindBin::Bin/../../docs/tutorial.md" or die $!;
my $tutorial = do { local $/; <$in> };
my ($section) = $tutorial =~ /^(## \d+\. A run that stops itself\n.*?)^## /ms;
my ($sql) = $section =~ /^```sql\n(.*?)^```/ms;
my ($program) = $section =~ /^```python\n(.*?)^```/ms;
my ($promise) = $section =~ /It prints `(.*?)`/;
my $file = $pypi->directory . '/trainer.py';
append_to_file($file, $program);

my $node = WbAutomations::Node->new('trainer');
$node->sql(q(SELECT wb.create_project('my-team', 'my-project')));
$node->sql($sql);

local $ENV{PGHOST} = $node->host;
local $ENV{PGPORT} = $node->port;
local $ENV{PGDATABASE} = 'postgres';
my ($has_run, $said, $error) = $pypi->run(180, $file);
ok($has_run, 'the trainer ends') or diag $error;
is($said, "$promise\n", 'it says that it stopped because of the NaN');
is($node->sql('SELECT state FROM wb.runs'), 'failed', 'its run is failed');
cmp_ok($node->sql('SELECT max(step) FROM wb.run_metrics'), '<', 100000, 'before its steps were over');
is($node->sql(q(SELECT automation_name, state FROM wb.automation_history WHERE state <> 'SKIPPED')), 'stop at NaN|FINISHED',
	'history has what told it, once');
cmp_ok(scalar(grep { /\S/ } split /\n/, $program), '<=', 15, 'it needs no more than 15 lines');

done_testing();
