# Rows that logical replication writes are not judged, but they are in the table:
# a session that keeps a series sees them.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Node;

my $publisher = PostgreSQL::Test::Cluster->new('publisher');
$publisher->init(allows_streaming => 'logical');
$publisher->start;
$publisher->safe_psql('postgres', q(
	CREATE SCHEMA wb;
	CREATE TABLE wb.run_metrics (run_id bigint, name text, step bigint, value float8, logged_at timestamptz DEFAULT now(),
		PRIMARY KEY (run_id, name, step));
	CREATE PUBLICATION metrics FOR TABLE wb.run_metrics;));

my $node = WbAutomations::Node->new('subscriber', conf => 'wb_automations.worker = off');
my $run = $node->new_run('ml/p');
$node->sql(q(SELECT wb.create_automation('all', wb.on_run_metric(wb.project('ml', 'p'), wb.max('loss', '>', -1, 3)), wb.do_nothing(), cooldown => '0')));
$node->sql(sprintf q(CREATE SUBSCRIPTION metrics CONNECTION '%s dbname=postgres' PUBLICATION metrics), $publisher->connstr);
$node->wait_for_subscription_sync($publisher, 'metrics');

my $session = $node->background_psql('postgres');

# Write a row in the session that keeps the series; returns the window.
sub put
{
	my ($step) = @_;
	$session->query_safe("INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES ($run, 'loss', $step, $step)");
	return $session->query_safe("SELECT event->>'metricValues' FROM wb.executions ORDER BY id DESC LIMIT 1");
}

# Do something on the other server, and wait until it is here.
sub replicate
{
	my ($sql) = @_;
	$publisher->safe_psql('postgres', $sql);
	$publisher->wait_for_catchup('metrics');
	return;
}

put($_) for 1 .. 3;
is(put(4), '[2, 3, 4]', 'a session keeps a series');
replicate("INSERT INTO wb.run_metrics VALUES ($run, 'loss', 5, 5)");
is($node->sql(q(SELECT count(*) FROM wb.executions WHERE event->>'step' = '5')), 0, 'a replicated row is not judged');
is(put(6), '[4, 5, 6]', 'but seen');
replicate("UPDATE wb.run_metrics SET value = 55 WHERE step = 5");
is(put(7), '[55, 6, 7]', 'and so is its new value');
put(8);
replicate("UPDATE wb.run_metrics SET step = 9 WHERE step = 5");
is(put(10), '[8, 55, 10]', 'and its new place');
replicate("DELETE FROM wb.run_metrics WHERE step = 9");
is(put(11), '[8, 10, 11]', 'and that it is gone');
replicate('TRUNCATE wb.run_metrics');
put(12);
put(13);
is(put(14), '[12, 13, 14]', 'and that all are');

$session->quit;
$node->sql('DROP SUBSCRIPTION metrics');
$node->stop;
$publisher->stop;
done_testing();
