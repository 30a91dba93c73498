# Eight sessions write the same metrics in truth at the same time.  Each row is
# judged against just what was committed and what its own transaction did, also
# where all series share one slot of shared memory: that costs reads, and no
# answer.
# perl/parallel_writers.py says what is compared, and compares it.
#
# WB_PARALLEL_TRANSACTIONS is how many each session makes, WB_PARALLEL_SEED the
# seed of what they do; when they do it is up to the machine.

use strict;
use warnings;

use FindBin;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use WbAutomations::Node;

my $sessions = 8;
my $transactions = $ENV{WB_PARALLEL_TRANSACTIONS} // 150;
my $seed = $ENV{WB_PARALLEL_SEED} // 1;
my $first = 1000;
my $runs = 2 * (2 + int($sessions * $transactions * 16 / 2000));
my @python = ($ENV{PYTHON} || 'python3', '-B', "$FindBin::Bin/../perl/parallel_writers.py");

for my $slots (65536, 1)
{
	# Nothing is delivered: then the worker writes to no execution, and the time of
	# its commit says which transaction made it.
	mkdir "$ENV{WB_PARALLEL_DIRECTORY}/$slots" if $ENV{WB_PARALLEL_DIRECTORY};
	my $node = WbAutomations::Node->new("slots_$slots",
		conf => "wb_automations.writer_slots = $slots\nwb_automations.delivery = off\ntrack_commit_timestamp = on\nmax_prepared_transactions = 20\nsynchronous_commit = off\nmax_connections = 40");
	my $directory = $ENV{WB_PARALLEL_DIRECTORY} ? "$ENV{WB_PARALLEL_DIRECTORY}/$slots" : PostgreSQL::Test::Utils::tempdir();
	$node->sql(qq(
		SELECT wb.create_team('ml');
		SELECT wb.create_project('ml', 'p');
		INSERT INTO wb.runs (id, project_id) SELECT $first + g, wb.project_id('ml', 'p') FROM generate_series(0, $runs - 1) g;
		INSERT INTO wb.run_metrics (run_id, name, step, value, logged_at) SELECT $first + r, 'loss', s - 20, 200 + s, '2000-01-01'
		FROM generate_series(0, $runs - 1) r, generate_series(0, 19) s;
		SELECT wb.create_automation(name, wb.on_run_metric(wb.project('ml', 'p'), metric), wb.do_nothing(), cooldown => '0') FROM (VALUES
			('all 4', wb.max('loss', '>', -1, 4)), ('all 20', wb.max('loss', '>', -1, 20)), ('avg 4', wb.avg('loss', '>', 60, 4)), ('low 4', wb.max('loss', '<', 60, 4)),
			('rise 4', wb.increases_by('loss', diff => 30, window_size => 2, prior_window_size => 2)), ('avg 20', wb.avg('loss', '<', 47, 20)),
			('far 20', wb.zscore('loss', 19, 1.5)), ('flat 20', wb.plateau('loss', 10, 10, 0.5)), ('unheard', wb.metric('loss', '>', 1e9))) a(name, metric);
		CREATE SEQUENCE steps START 100; -- so that none that is late comes before those above
		CREATE UNLOGGED TABLE sent (session int, transaction int, at timestamptz);
		CREATE UNLOGGED TABLE ended (session int, transaction int, at timestamptz)));

	ok(PostgreSQL::Test::Utils::run_log([ @python, 'play', $seed, $sessions, $transactions, $first, $directory ]), 'there are scripts');
	my $started = time;
	my @clients = map {
		IPC::Run::start([ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-f', "$directory/session$_.sql" ], '>', \my $out, '2>', "$directory/errors$_")
	} 1 .. $sessions;
	$_->finish for @clients;
	my $took = time - $started;
	my @errors = grep { /ERROR|FATAL|PANIC/ } map { split /\n/, slurp_file("$directory/errors$_") } 1 .. $sessions;
	is(scalar @errors, 0, 'no session met an error') or diag join "\n", splice @errors, 0, 5;

	my $seconds = 'extract(epoch FROM %s)';
	$node->sql(sprintf "COPY (%s) TO '$directory/%s'", @$_) for
		[ 'SELECT session, transaction, extract(epoch FROM at) FROM sent', 'sent' ],
		[ 'SELECT session, transaction, extract(epoch FROM at) FROM ended', 'ended' ],
		[ q(SELECT run_id, step, value, extract(epoch FROM logged_at), pg_xact_commit_timestamp(xmin) FROM wb.run_metrics WHERE name = 'loss'), 'points' ],
		[ q(SELECT automation_name, run_id, event->>'step', extract(epoch FROM triggered_at), event->>'observed',
			(SELECT string_agg(v, ',' ORDER BY n) FROM jsonb_array_elements_text(event->'metricValues') WITH ORDINALITY j(v, n)), pg_xact_commit_timestamp(xmin)
			FROM wb.executions ORDER BY id), 'executions' ];
	my ($said, $told) = ('', '');
	ok(PostgreSQL::Test::Utils::run_log([ @python, 'check', $directory ], '>', \$said, '2>', \$told), 'and a verdict') or diag $told;
	my %found = $said =~ /(\w+)=(\S+)/g;
	diag sprintf('%.1f s: ', $took) . $said if $ENV{WB_PARALLEL_TRANSACTIONS};

	is($found{stale}, 0, "$slots slots: no row was judged without what was committed before it");
	is($found{early}, 0, 'and none with what was not');
	is($found{direct}, 0, 'automations fire with a row on just what it sees');
	is($found{twice}, 0, 'nothing fires twice on a step');
	diag $told if $told;
	cmp_ok($found{firings}, '>', $transactions, 'many automations fired');

	$node->stop;
}

done_testing();
