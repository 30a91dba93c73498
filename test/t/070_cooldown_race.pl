# Sessions that fire at the same time do not wait for each other, and one
# message goes out.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Endpoint;
use WbAutomations::Node;

my $node = WbAutomations::Node->new('race');
my $endpoint = WbAutomations::Endpoint->new;

$node->sql(sprintf q(
	SELECT wb.create_team('ml');
	SELECT wb.create_webhook_integration('ml', 'hook', '%s');), $endpoint->url);

# A project of its own for each block, with one automation in it.  Returns a
# function that makes a run there.
sub make_project
{
	my ($name, $event, $action, @options) = @_;

	$node->sql(sprintf q(SELECT wb.create_project('ml', '%s');
		SELECT wb.create_automation('%s', %s, %s)), $name, $name,
		sprintf($event, "wb.project('ml', '$name')"), join ', ', $action, @options);
	return sub { $node->new_run("ml/$name") };
}

# Run a statement in that many sessions, all in open transactions, and commit
# them one after the other.  A session that had to wait for another one would
# run into its timeout.
sub run_side_by_side
{
	my (@statements) = @_;
	my @sessions = map { $node->background_psql('postgres') } @statements;

	for my $i (0 .. $#sessions)
	{
		$sessions[$i]->query_safe("BEGIN; SET LOCAL statement_timeout = '5s'; SET LOCAL lock_timeout = '5s'");
		$sessions[$i]->query_safe($statements[$i]);
	}
	$_->query_safe('COMMIT') for @sessions;
	$_->quit for @sessions;
	return;
}

# What became of the executions of a run, oldest first: states and why.
sub outcome
{
	my ($run) = @_;

	$node->wait_until_settled;
	return [ split /\n/, $node->sql(qq(SELECT concat_ws(' ', state,
			regexp_replace(error, 'until [-0-9]+ [0-9:.]+[0-9]( \\w+|[-+][0-9]+)', 'until <time>')) FROM wb.automation_history
		WHERE run_id = $run ORDER BY execution_id)) ];
}

my $webhook = "wb.send_webhook(wb.webhook_integration('ml', 'hook'), '{\"run\": \"\${run_id}\"}')";

# How many messages came about a run.
sub messages
{
	my ($run) = @_;
	my $name = $node->sql("SELECT name FROM wb.runs WHERE id = $run");
	return scalar grep { $_->{body} =~ /"\Q$name\E"/ } $endpoint->requests;
}

my $nan = 'wb.on_run_metric(%s, wb.is_nan(\'loss\'))';

# Two sessions, three sessions: the oldest execution is carried out, the others
# are skipped, and say for which one.
for my $count (2, 3)
{
	my $new_run = make_project("sessions-$count", $nan, $webhook);
	my $run = $new_run->();
	run_side_by_side(map { "INSERT INTO wb.run_metrics VALUES ($run, 'loss', $_, 'NaN')" } 1 .. $count);
	my $outcome = outcome($run);
	my $winner = $node->sql("SELECT min(id) FROM wb.executions WHERE run_id = $run");
	is_deeply($outcome,
		[ 'FINISHED', ("SKIPPED cooldown until <time>: execution $winner was accepted") x ($count - 1) ],
		"$count sessions that fire at the same time: one is carried out, the others say why not");
	is(messages($run), 1, "$count sessions that fire at the same time send one message");
}

# Both committed before the worker saw the first.
{
	my $run = make_project('batch', $nan, $webhook)->();
	$node->set('wb_automations.delivery', 'off');
	run_side_by_side(map { "INSERT INTO wb.run_metrics VALUES ($run, 'loss', $_, 'NaN')" } 1, 2);
	is($node->sql("SELECT count(*) FROM wb.executions WHERE run_id = $run AND state = 'PENDING'"), '2',
		'both of two open transactions fire');
	$node->set('wb_automations.delivery', 'on');
	like(join(',', @{ outcome($run) }), qr/^FINISHED,SKIPPED cooldown/, 'the worker lets one through where it meets both at once');
	is(messages($run), 1, 'and sends one message');
}

# The transaction that fired first commits last: the message has gone out by
# then, and there is no second one.
{
	my $run = make_project('late', $nan, $webhook)->();
	my $first = $node->background_psql('postgres');
	$first->query_safe("BEGIN; INSERT INTO wb.run_metrics VALUES ($run, 'loss', 1, 'NaN')");
	$node->sql("INSERT INTO wb.run_metrics VALUES ($run, 'loss', 2, 'NaN')");
	$node->wait_until_settled;
	is(messages($run), 1, 'an open transaction that fired does not hold up another one');
	$first->query_safe('COMMIT');
	$first->quit;
	like(join(',', @{ outcome($run) }), qr/^SKIPPED cooldown until <time>: execution \d+ was accepted,FINISHED$/,
		'what commits after the message went out is skipped');
	is(messages($run), 1, 'and sends nothing');
}

# A transaction that rolls back takes its firing along, and does not block the
# other one.
{
	my $run = make_project('rollback', $nan, $webhook)->();
	my $first = $node->background_psql('postgres');
	$first->query_safe("BEGIN; INSERT INTO wb.run_metrics VALUES ($run, 'loss', 1, 'NaN')");
	$node->sql("INSERT INTO wb.run_metrics VALUES ($run, 'loss', 2, 'NaN')");
	$first->query_safe('ROLLBACK');
	$first->quit;
	is_deeply(outcome($run), ['FINISHED'], 'a firing that was rolled back counts for nothing');
	is(messages($run), 1, 'the message goes out');
}

# Different runs have nothing to do with each other.
{
	my $new_run = make_project('runs', $nan, $webhook);
	my @runs = ($new_run->(), $new_run->());
	run_side_by_side(map { "INSERT INTO wb.run_metrics VALUES ($_, 'loss', 1, 'NaN')" } @runs);
	is_deeply([ map { @{ outcome($_) } } @runs ], [ 'FINISHED', 'FINISHED' ], 'each run has a cooldown of its own');
}

# Without a cooldown each of them is carried out.
{
	my $run = make_project('none', $nan, $webhook, "cooldown => '0'")->();
	run_side_by_side(map { "INSERT INTO wb.run_metrics VALUES ($run, 'loss', $_, 'NaN')" } 1, 2);
	is_deeply(outcome($run), [ 'FINISHED', 'FINISHED' ], 'without a cooldown both are carried out');
	is(messages($run), 2, 'and both are sent');
}

# Once per run_state, each state counts apart; once per run, the first one
# silences the others.
for my $case ([ 'run_state', 'FINISHED,FINISHED' ], [ 'run', 'FINISHED,SKIPPED cooldown until <time>' ])
{
	my ($once_per, $expected) = @$case;
	my $run = make_project("once-$once_per", q(wb.on_run_state(%s, array['finished', 'failed'])), $webhook,
		"once_per => '$once_per'")->();
	$node->sql("SELECT wb.finish_run($run)");
	$node->wait_until_settled;
	$node->sql("UPDATE wb.runs SET state = 'failed' WHERE id = $run");
	is(join(',', @{ outcome($run) }), $expected, "two states of a run, once per $once_per");
}

# The same state twice, once per run_state, is one message.
{
	my $run = make_project('again', q(wb.on_run_state(%s, array['finished', 'failed'])), $webhook,
		"once_per => 'run_state'")->();
	$node->sql("SELECT wb.finish_run($run)");
	$node->sql("UPDATE wb.runs SET state = 'running' WHERE id = $run");
	$node->sql("UPDATE wb.runs SET state = 'finished' WHERE id = $run");
	is(join(',', @{ outcome($run) }), 'FINISHED,SKIPPED cooldown until <time>',
		'the same state twice, once per run_state');
	is(messages($run), 1, 'is one message');
}

# After the cooldown the automation speaks again.
{
	my $run = make_project('later', $nan, $webhook, "cooldown => '1 hour'")->();
	$node->log_metric($run, 'loss', 'NaN', 'NaN', 'NaN');
	is(join(',', @{ outcome($run) }), 'FINISHED,SKIPPED cooldown until <time>',
		'within the cooldown the first suppressed match is noted, and no other');
	$node->sql(q(SET wb_automations.clock_offset = '59min';) .
		"INSERT INTO wb.run_metrics VALUES ($run, 'loss', 10, 'NaN')");
	is(scalar @{ outcome($run) }, 2, 'shortly before its end the cooldown still holds');
	$node->set('wb_automations.clock_offset', q('61min'));
	$node->log_metric($run, 'loss', 'NaN');
	is(join(',', @{ outcome($run) }), 'FINISHED,SKIPPED cooldown until <time>,FINISHED',
		'after the cooldown the automation fires again');
	is(messages($run), 2, 'and sends again');
	$node->set('wb_automations.clock_offset', 0);
}

# An action that does nothing goes the same way.
{
	my $run = make_project('nothing', $nan, 'wb.do_nothing()')->();
	run_side_by_side(map { "INSERT INTO wb.run_metrics VALUES ($run, 'loss', $_, 'NaN')" } 1, 2);
	like(join(',', @{ outcome($run) }), qr/^FINISHED,SKIPPED cooldown until <time>: execution \d+ was accepted$/,
		'executions that do nothing are settled by the worker, with the same cooldown');
	is($node->sql("SELECT count(*) FROM wb.delivery_attempts a JOIN wb.executions e ON e.id = a.execution_id WHERE run_id = $run"),
		'0', 'and count no attempt');
}

done_testing();
