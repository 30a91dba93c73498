# Many sessions write the same metrics at the same time, in transactions of all
# kinds, and keep the points from one to the next.  Every committed row was judged
# once, and nothing has fired on rows that nobody committed.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Node;

my $sessions = 8;
my $rounds = $ENV{WB_SHARED_ROUNDS} // 60;
my $node = WbAutomations::Node->new('shared', conf => "max_prepared_transactions = 20\nsynchronous_commit = off");
my $run = $node->new_run('ml/p');
my $other = $node->new_run('ml/p');

# Values are all different, so a window is known by them.
$node->sql(q(
	SELECT wb.create_automation(name, wb.on_run_metric(wb.project('ml', 'p'), metric), wb.do_nothing(), cooldown => '0')
	FROM (VALUES ('sum', wb.avg('loss', '>', 50, 4)), ('low', wb.max('loss', '<', 70, 3)), ('one', wb.metric('loss', '>', 90))) r(name, metric);
	CREATE SEQUENCE steps;
	CREATE FUNCTION value_of(step bigint) RETURNS float8 LANGUAGE sql IMMUTABLE AS
	$$ SELECT (hashint8(step)::bigint + 2147483648) / 42949672.96::float8 $$;
	CREATE FUNCTION put(run bigint, count int = 1) RETURNS void LANGUAGE sql AS
	$$ INSERT INTO wb.run_metrics (run_id, name, step, value)
		SELECT run, 'loss', s, value_of(s) FROM (SELECT nextval('steps') AS s FROM generate_series(1, count)) n $$;
));

my @clients = map { $node->background_psql('postgres') } 1 .. $sessions;
my $prepared = 0;
my %busy;

# One random thing for one session to do.
sub act
{
	my ($i) = @_;
	my $client = $clients[$i];
	my $run_now = rand() < 0.8 ? $run : $other;
	my $dice = rand();

	if (!$busy{$i} && $dice < 0.6)
	{
		$client->query_safe('BEGIN' . (qw(), '', '', ' ISOLATION LEVEL REPEATABLE READ')[ int rand 3 ]);
		$busy{$i} = 1;
	}
	if ($busy{$i} && $dice > 0.55)
	{
		if ($dice < 0.60) { $client->query_safe('ROLLBACK') }
		elsif ($dice < 0.66)
		{
			my $name = 'p' . ++$prepared;
			$client->query_safe("PREPARE TRANSACTION '$name'");
			push @{ $busy{prepared} }, $name;
		}
		else { $client->query_safe('COMMIT') }
		delete $busy{$i};
		return;
	}
	$client->query_safe($busy{$i} && $dice < 0.1
		? "SAVEPOINT s; SELECT put($run_now); ROLLBACK TO s; SELECT put($run_now)"
		: sprintf 'SELECT put(%d, %d)', $run_now, 1 + int rand 3);
	return;
}

# All transactions end.
sub settle
{
	$clients[$_]->query_safe('COMMIT') for grep { $busy{$_} } 0 .. $#clients;
	$node->sql("COMMIT PREPARED '$_'") for @{ $busy{prepared} // [] };
	%busy = ();
	return;
}

srand($ENV{WB_SHARED_SEED} // 42);
for (1 .. $rounds)
{
	act(int rand $sessions) for 1 .. 25;
	settle();
}

# What must have fired with the committed rows, and what has.
my $views = q(
	CREATE OR REPLACE TEMP VIEW due AS
	SELECT 'one' AS name, run_id, step FROM wb.run_metrics WHERE name = 'loss' AND value > 90;
	CREATE OR REPLACE TEMP VIEW fired AS
	SELECT automation_name AS name, run_id, (event->>'step')::bigint AS step, event->'metricValues' AS judged, id FROM wb.executions;);

is($node->sql($views . q(
	SELECT count(*) FROM due d WHERE name = 'one' AND NOT EXISTS (SELECT FROM fired f WHERE (f.name, f.run_id, f.step) = (d.name, d.run_id, d.step)))),
	0, 'each value that meets a threshold has fired');
is($node->sql($views . q(
	SELECT count(*) FROM fired f WHERE name = 'one' AND NOT EXISTS (SELECT FROM due d WHERE (f.name, f.run_id, f.step) = (d.name, d.run_id, d.step)))),
	0, 'and no other');
is($node->sql($views . q(
	SELECT count(*) FROM (SELECT name, run_id, step FROM fired WHERE name = 'one' GROUP BY 1, 2, 3 HAVING count(*) > 1) d)), 0, 'and none twice');
is($node->sql($views . q(
	SELECT count(*) FROM fired f, jsonb_array_elements(judged) j
	WHERE NOT EXISTS (SELECT FROM wb.run_metrics m WHERE m.run_id = f.run_id AND value = j::float8))), 0,
	'no window has a value that was not committed');
is($node->sql($views . q(
	SELECT count(*) FROM fired f WHERE judged <> (SELECT jsonb_agg(value ORDER BY step) FROM wb.run_metrics m
		WHERE m.run_id = f.run_id AND to_jsonb(value) IN (SELECT jsonb_array_elements(judged))))), 0, 'all windows stand in the order of step');
cmp_ok($node->sql('SELECT count(*) FROM wb.executions'), '>', 3 * $rounds, 'and there are many');

# A session that dies leaves nothing behind that others would wait for.
{
	my $fresh = $node->new_run('ml/p');
	my $put = "INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES ($fresh, 'loss', %d, 80)";
	my $pid = $clients[2]->query_safe('SELECT pg_backend_pid()');
	my $reads = q(SELECT coalesce(sum(idx_scan), 0) FROM pg_stat_xact_user_tables WHERE relname = 'run_metrics');
	$clients[2]->query_safe('BEGIN');
	$clients[2]->query_safe(sprintf $put, 1);
	$node->sql("SELECT pg_terminate_backend($pid, 10000)");
	$clients[0]->query_safe(sprintf $put, $_) for 2, 3;
	$clients[0]->query_safe('BEGIN');
	my $before = $clients[0]->query_safe($reads);
	$clients[0]->query_safe(sprintf $put, 4);
	is($clients[0]->query_safe($reads), $before, 'a session that was terminated does not stand in the way');
	$clients[0]->query_safe('COMMIT');
}

# What a transaction writes to a metric without a rule, nobody notices; so once
# there is a rule, a series is not kept while such a transaction may be open.
{
	my $fresh = $node->new_run('ml/p');
	my ($old, $new) = @clients[ 3, 4 ];
	my $put = "INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES ($fresh, '%s', %d, %2\$d)";
	my $judged = qq(SELECT event->>'metricValues' FROM wb.executions WHERE run_id = $fresh ORDER BY id DESC LIMIT 1);

	$old->query_safe('BEGIN');
	$old->query_safe(sprintf $put, @$_) for [ 'else', 1 ], [ 'fresh', 1 ];
	$node->sql(q(SELECT wb.create_automation('new', wb.on_run_metric(wb.project('ml', 'p'), wb.max('fresh', '>', 0, 4)), wb.do_nothing(), cooldown => '0')));
	$new->query_safe(sprintf $put, 'fresh', $_) for 3, 4;
	$old->query_safe('COMMIT');
	$new->query_safe(sprintf $put, 'fresh', 5);
	is($node->sql($judged), '[1, 3, 4, 5]', 'a row of a transaction that did not know the rule is seen when it is committed');

	$new->query_safe(sprintf $put, 'fresh', 6);
	$old->query_safe('BEGIN');
	$old->query_safe(sprintf $put, 'else', 2);
	$node->sql(q(UPDATE wb.automations SET enabled = false WHERE name = 'new'));
	$old->query_safe(sprintf $put, 'fresh', 7);
	$node->sql(q(UPDATE wb.automations SET enabled = true WHERE name = 'new'));
	$new->query_safe(sprintf $put, 'fresh', $_) for 8, 9;
	is($node->sql($judged), '[5, 6, 8, 9]', 'and not before');
	$old->query_safe('COMMIT');
	$new->query_safe(sprintf $put, 'fresh', 10);
	is($node->sql($judged), '[7, 8, 9, 10]', 'so is that of one for which the rule was gone for a moment');
}

$_->quit for @clients[ 0, 1, 3 .. $#clients ];
$node->stop;
done_testing();
