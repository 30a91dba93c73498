# The trainer of the tutorial, as it stands there, stops itself when its loss
# is NaN.
#
# Its driver comes from PyPI into a directory of this test.

use strict;
use warnings;

use FindBin;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Node;

my $python = $ENV{PYTHON} || 'python3';
my $directory = PostgreSQL::Test::Utils::tempdir();

# Run a command for at most so many seconds; returns whether it succeeded, its
# output, and its last words of complaint.
sub run_for
{
	my ($seconds, @command) = @_;
	my ($out, $err) = ('', '');
	my $ok = eval {
		IPC::Run::run(\@command, '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout($seconds));
	};
	return ($ok, $out, $ok ? '' : (split /\n/, $err || $@ || 'it failed')[-1]);
}

sub skip_loudly
{
	my ($reason) = @_;
	plan skip_all => "NOT TESTED: the trainer of the tutorial, because $reason";
}

my ($has_pip) = run_for(30, $python, '-m', 'pip', '--version');
skip_loudly("$python has no pip; name another Python in PYTHON") if !$has_pip;
my ($is_installed, undef, $complaint) = run_for(300, $python, '-m', 'pip', 'install', '--quiet', '--no-input',
	'--disable-pip-version-check', '--retries', '1', '--timeout', '15', '--target', $directory, 'psycopg[binary]==3.*');
skip_loudly("PyPI did not give psycopg: $complaint") if !$is_installed;

# The section's automation and its program.
open my $in, '<:encoding(UTF-8)', "$FindBin::Bin/../../docs/tutorial.md" or die $!;
my $tutorial = do { local $/; <$in> };
my ($section) = $tutorial =~ /^(## \d+\. A run that stops itself\n.*?)^## /ms;
my ($sql) = $section =~ /^```sql\n(.*?)^```/ms;
my ($program) = $section =~ /^```python\n(.*?)^```/ms;
my ($promise) = $section =~ /It prints `(.*?)`/;
open my $out, '>', "$directory/trainer.py" or die $!;
print $out $program;
close $out;

my $node = WbAutomations::Node->new('trainer');
$node->sql(q(SELECT wb.create_project('my-team', 'my-project')));
$node->sql($sql);

local $ENV{PYTHONPATH} = $directory;
local $ENV{PGHOST} = $node->host;
local $ENV{PGPORT} = $node->port;
local $ENV{PGDATABASE} = 'postgres';
my ($has_run, $said, $error) = run_for(180, $python, "$directory/trainer.py");
ok($has_run, 'the trainer ends') or diag $error;
is($said, "$promise\n", 'it says that it stopped because of the NaN');
is($node->sql('SELECT state FROM wb.runs'), 'failed', 'its run is failed');
cmp_ok($node->sql('SELECT max(step) FROM wb.run_metrics'), '<', 100000, 'before its steps were over');
is($node->sql(q(SELECT automation_name, state FROM wb.automation_history WHERE state <> 'SKIPPED')), 'stop at NaN|FINISHED',
	'history has what told it, once');
cmp_ok(scalar(grep { /\S/ } split /\n/, $program), '<=', 15, 'it needs no more than 15 lines');

done_testing();
