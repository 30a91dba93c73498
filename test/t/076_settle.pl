# A backlog of executions that need no request is settled at once, and in
# place: no index has to learn of it.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Node;

my $node = WbAutomations::Node->new('settle');
my $firings = 2000;
$node->sql(qq(
	SELECT wb.create_project('ml', 'p');
	SELECT wb.create_automation('high', wb.on_run_metric(wb.project('ml', 'p'), wb.metric('loss', '>', 0)),
		wb.do_nothing(), cooldown => '0');
	SELECT wb.start_run(wb.project_id('ml', 'p'), 'r')));

# One commit, so the worker is woken once; it must go on by itself.
my $start = time;
$node->sql(qq(INSERT INTO wb.run_metrics (run_id, name, step, value)
	SELECT r.id, 'loss', g, 1 FROM wb.runs r, generate_series(1, $firings) g));
$node->wait_until_settled;
cmp_ok(time - $start, '<', 50, 'the worker does not wait for its regular look at the queue');
is($node->sql(q(SELECT count(*) FROM wb.executions WHERE state = 'FINISHED')), $firings, 'all are settled');

# The worker reports what it did when it is idle.
$node->poll(q(SELECT n_tup_upd FROM pg_stat_user_tables WHERE relid = 'wb.executions'::regclass), $firings);
is($node->sql(q(SELECT n_tup_hot_upd FROM pg_stat_user_tables WHERE relid = 'wb.executions'::regclass)), $firings,
	'each was settled within its page');

done_testing();
