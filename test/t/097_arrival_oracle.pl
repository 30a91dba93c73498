# Random statements of one session, and what an oracle in plain Python makes of
# the same rows, one by one in the order of their arrival: each automation fires
# on the same rows, in the same order, and observes the same number to the last
# bit.
#
# WB_ORACLE_SEED and WB_ORACLE_COUNT name the first seed and how many; each has
# WB_ORACLE_ROWS rows.  The same seed does the same again.

use strict;
use warnings;

use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use WbAutomations::Node;

my $first = $ENV{WB_ORACLE_SEED} // 1;
my $count = $ENV{WB_ORACLE_COUNT} // 4;
my $rows = $ENV{WB_ORACLE_ROWS} // 8000;
my ($fired, $automations) = (0, 0);
my $python = $ENV{PYTHON} || 'python3';
my $node = WbAutomations::Node->new('oracle', init => { extra => [ '--encoding=UTF8', '--no-locale' ] },
	conf => "wb_automations.worker = off\nautovacuum = off\nmax_prepared_transactions = 2");

$node->sql(q(
	CREATE TABLE executions (n bigint, automation text, run_id bigint, step bigint, state text, observed float8);
	CREATE TABLE points (run_id bigint, name text, step bigint, value float8);
	CREATE VIEW fired AS
	SELECT row_number() OVER (ORDER BY id) AS n, automation_name AS automation, run_id, (event->>'step')::bigint AS step, state, (event->>'observed')::float8 AS observed
	FROM wb.executions));

# Everything that differs between two queries, the first of it in words.
sub difference
{
	my ($one, $other) = @_;
	my $sql = "SELECT * FROM (SELECT 'oracle', x.* FROM ($one EXCEPT $other) x UNION ALL SELECT 'server', x.* FROM ($other EXCEPT $one) x) d";
	return ($node->sql("SELECT count(*) FROM ($sql) d"), $node->sql("$sql ORDER BY 2, 1 LIMIT 6"));
}

for my $seed ($first .. $first + $count - 1)
{
	my $directory = PostgreSQL::Test::Utils::tempdir();
	my $run = 1000 * $seed;

	my $made = PostgreSQL::Test::Utils::run_log([ $python, '-B', "$FindBin::Bin/../perl/arrivals.py", $seed, $rows, $run, $directory ],
		'>', \my $said, '2>', \my $complaint);
	ok($made, "seed $seed: the oracle has played") or do { diag $complaint; next };
	my ($errors) = $said =~ /errors=(\d+)/;

	my $started = time;
	PostgreSQL::Test::Utils::run_log([ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-f', "$directory/script.sql" ], '>', \my $out, '2>', \my $err);
	diag(sprintf '%s: %d rows, %.1f s', "seed $seed $said", $rows, time - $started) if $ENV{WB_ORACLE_SEED};
	my @errors = grep { /ERROR|FATAL|PANIC|connection/ } split /\n/, $err;
	my @others = grep { !/duplicate key value/ } @errors;
	is(scalar @others, 0, "seed $seed: no error but rows that were there") or diag $others[0];
	is(scalar @errors, $errors, "seed $seed: and as many of these as there must be");

	$node->sql("TRUNCATE executions, points; COPY executions FROM '$directory/executions'; COPY points FROM '$directory/points'");
	my ($differing, $words) = difference('SELECT run_id, name, step, float8send(value) FROM points',
		"SELECT run_id, name, step, float8send(value) FROM wb.run_metrics WHERE run_id BETWEEN $run AND $run + 9");
	is($differing, 0, "seed $seed: the points are those of the oracle") or diag $words;
	($differing, $words) = difference('SELECT * FROM executions', 'SELECT * FROM fired');
	is($differing, 0, "seed $seed: and so are the executions") or diag $words;
	$fired += $node->sql('SELECT count(*) FROM fired');
	$automations += $node->sql(q(SELECT count(DISTINCT automation) FROM fired));
	$node->sql('TRUNCATE wb.executions, wb.deliveries');
}

cmp_ok($fired, '>', $count * $rows / 20, 'they are many');
cmp_ok($automations, '>', 5 * $count, 'of many automations');

$node->stop;
done_testing();
