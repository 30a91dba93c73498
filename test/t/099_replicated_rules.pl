# Rules and runs that logical replication writes count at once, in sessions that
# looked before: the apply worker runs no statements, so rows announce them.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Node;

my $publisher = WbAutomations::Node->new('publisher', init => { allows_streaming => 'logical' }, conf => 'wb_automations.worker = off');
my $node = WbAutomations::Node->new('subscriber', conf => 'wb_automations.worker = off');

# Both have the team and the project, under the same ids.
$_->sql(q(SELECT wb.create_project('ml', 'p'))) for $publisher, $node;
$publisher->sql('CREATE PUBLICATION rules FOR TABLE wb.automations, wb.runs');
$node->sql(sprintf q(CREATE SUBSCRIPTION rules CONNECTION '%s dbname=postgres' PUBLICATION rules), $publisher->connstr);
$node->wait_for_subscription_sync($publisher, 'rules');

my $session = $node->background_psql('postgres', on_error_stop => 0);
my $run = $publisher->new_run('ml/p');
$publisher->wait_for_catchup('rules');

# Write a row in the session; returns what fired.
my $step = 0;

sub put
{
	$session->query(sprintf q(INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (%d, 'loss', %d, 1)), $run, ++$step);
	return $node->sql(sprintf q(SELECT string_agg(automation_name, ' ') FROM wb.executions WHERE event->>'step' = '%d'), $step);
}

# Do something on the other server, and wait until it is here.
sub replicate
{
	my ($sql) = @_;
	$publisher->sql($sql);
	$publisher->wait_for_catchup('rules');
	return;
}

is(put(), '', 'a session has looked for rules, and found none');
replicate(q(SELECT wb.create_automation('new', wb.on_run_metric(wb.project('ml', 'p'), wb.metric('loss', '>', 0)), wb.do_nothing(), cooldown => '0')));
is(put(), 'new', 'a replicated rule counts with the next row');
replicate('UPDATE wb.automations SET enabled = false');
is(put(), '', 'so does a change of it');
replicate('UPDATE wb.automations SET enabled = true');
is(put(), 'new', 'and another');
replicate('DELETE FROM wb.automations');
is(put(), '', 'and that it is gone');
replicate("DELETE FROM wb.runs WHERE id = $run");
put();
is($node->sql(sprintf 'SELECT count(*) FROM wb.run_metrics WHERE step = %d', $step), 0, 'a run that is gone takes no row any more');

$session->quit;
$node->sql('DROP SUBSCRIPTION rules');
$node->stop;
$publisher->stop;
done_testing();
