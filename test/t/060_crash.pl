# What a crash interrupts is neither lost nor sent under a second id.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use WbAutomations::Endpoint;
use WbAutomations::Node;

my $in_flight = 32;
my $node = WbAutomations::Node->new('crash', conf => "wb_automations.max_in_flight = $in_flight");
my $run = $node->new_run('ml/crash');
my $endpoint = WbAutomations::Endpoint->new;

# Every row of metric "load" is a message that says which step it is about.
$node->sql(sprintf q(
	SELECT wb.create_webhook_integration('ml', 'hook', '%s');
	SELECT wb.create_automation('load', wb.on_run_metric(wb.project('ml', 'crash'), wb.metric('load', '>', 0)),
		wb.send_webhook(wb.webhook_integration('ml', 'hook'), '{"step": "${step}"}'), cooldown => '0');),
	$endpoint->url);

# Fire for so many further steps, in one transaction.
my $steps = 0;

sub fire
{
	my ($count) = @_;

	$node->sql(sprintf q(INSERT INTO wb.run_metrics (run_id, name, step, value)
		SELECT %d, 'load', s, 1 FROM generate_series(%d, %d) s), $run, $steps + 1, $steps + $count);
	$steps += $count;
	return;
}

# How many requests came for each step, and under how many ids.
sub tally
{
	my (%requests, %ids);

	for my $request ($endpoint->requests)
	{
		my ($step) = $request->{body} =~ /"step": "(\d+)"/;
		$requests{$step}++;
		$ids{$step}{ $request->{headers}{'webhook-id'} } = 1;
	}
	my $doubled = 0;
	$doubled += $_ - 1 for values %requests;
	return {
		arrived => scalar keys %requests,
		doubled => $doubled,
		with_two_ids => scalar grep { keys %$_ > 1 } values %ids };
}

# The worker is killed when the receiver has the message and the worker does
# not know yet.  Nobody can know, so the message comes again under the same id,
# by which the receiver can tell; history has one line.
{
	$endpoint->set_answer('hang');
	fire(1);
	my $first = $endpoint->wait_for_request;
	$endpoint->set_answer(200);
	$node->kill_worker;
	my $second = $endpoint->wait_for_request;

	is($second->{headers}{'webhook-id'}, $first->{headers}{'webhook-id'},
		'a message that a crash interrupted comes again under the same id');
	is($second->{body}, $first->{body}, 'and is the same');
	$node->wait_until_settled;
	is($node->sql('SELECT state, attempts, status_code FROM wb.automation_history'), 'FINISHED|2|200',
		'it is recorded once, and both attempts count');
	is($node->sql('SELECT (SELECT count(*) FROM wb.deliveries), (SELECT count(*) FROM wb.delivery_claims)'),
		'0|0', 'the queue and the journal are empty');
}

# What was committed before the server lost its memory is sent after it.
{
	$node->set('wb_automations.delivery', 'off');
	fire(1000);
	$node->stop('immediate');
	$node->start;
	is($node->sql('SELECT count(*) FROM wb.deliveries'), '1000', 'the queue survives an immediate shutdown');
	$node->set('wb_automations.delivery', 'on');
	$node->wait_until_settled;
	is_deeply(tally(), { arrived => 1001, doubled => 1, with_two_ids => 0 },
		'each of 1,000 pending messages arrives once after an immediate shutdown');
}

# The same in the middle of the work: what was in flight may come twice.
{
	my $before = $endpoint->requests;
	$endpoint->set_answer({ delay => 0.02 });
	fire(1000);
	$endpoint->wait_for_requests($before + 300);
	$node->stop('immediate');
	$node->start;
	$node->wait_until_settled;
	my $tally = tally();
	is($tally->{arrived}, 2001, 'nothing is lost when the server stops while it delivers');
	cmp_ok($tally->{doubled}, '<=', 1 + $in_flight, 'no more comes twice than was in flight');
	is($tally->{with_two_ids}, 0, 'and that under the same id');
}

# The worker is killed again and again, at different moments.
for my $round (1 .. 5)
{
	my $doubled = tally()->{doubled};
	my $before = $endpoint->requests;

	fire(300);
	$endpoint->wait_for_requests($before + 37 * $round);
	$node->kill_worker;
	$node->wait_until_settled;
	my $tally = tally();
	is($tally->{arrived}, $steps, "kill $round under load: nothing is lost");
	cmp_ok($tally->{doubled} - $doubled, '<=', $in_flight,
		"kill $round under load: no more comes twice than was in flight");
}
is(tally()->{with_two_ids}, 0, 'what came twice came under the same id');
is($node->sql(q(SELECT state, count(*) FROM wb.executions GROUP BY state)), "FINISHED|$steps",
	'history has each message once, delivered');
is($node->sql('SELECT count(*) FROM wb.delivery_claims'), '0', 'the journal is empty');

# An automation that sends to a receiver of its own.
sub automate
{
	my ($name, $url) = @_;

	$node->sql(sprintf q(
		SELECT wb.create_webhook_integration('ml', '%s', '%s');
		SELECT wb.create_automation('%s', wb.on_run_metric(wb.project('ml', 'crash'), wb.metric('%s', '>', 0)),
			wb.send_webhook(wb.webhook_integration('ml', '%s')));), $name, $url, ($name) x 3);
	return;
}

# Somebody who stops the worker, again and again while a receiver is slow,
# proves nothing against the message.
{
	my $slow = WbAutomations::Endpoint->new(answers => ['hang']);
	automate('slow', $slow->url);
	$node->log_metric($run, 'slow', 1);
	for my $round (1 .. 3)
	{
		$slow->wait_for_requests($round);
		$node->kill_worker('TERM');
	}
	is($node->sql('SELECT attempts, crashes FROM wb.deliveries'), '3|0',
		'a worker that was told to end has queued again what was in flight');
	$slow->set_answer(200);
	$node->wait_until_settled;
	is($node->sql(q(SELECT state, attempts FROM wb.automation_history WHERE automation_name = 'slow')), 'FINISHED|4',
		'and nothing gives the message up');
}

# Nor does it where the worker is stopped in the midst of a transaction, here
# of one that waits for a lock.
{
	my $slow = WbAutomations::Endpoint->new(answers => ['hang']);
	automate('midst', $slow->url);
	$node->log_metric($run, 'midst', 1);
	$slow->wait_for_requests(1);

	my $blocker = $node->background_psql('postgres');
	$blocker->query_safe('BEGIN; LOCK TABLE wb.runs IN ACCESS EXCLUSIVE MODE');
	$node->set('wb_automations.crash_timeout', q('1s'));
	$node->poll(q(SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE backend_type = 'wb_automations worker'));
	$node->kill_worker('TERM');
	$blocker->query_safe('COMMIT');
	$blocker->quit;
	$slow->wait_for_requests(2);
	is($node->sql('SELECT attempts, crashes FROM wb.deliveries'), '1|0',
		'a worker that was told to end while it waited for a lock has queued again what was in flight');
	$slow->set_answer(200);
	$node->kill_worker('TERM');
	$node->wait_until_settled;
	$node->set('wb_automations.crash_timeout', q('5min'));
}

# What the worker dies of is given up when it died of it alone; whoever was in
# flight beside it is not.
{
	my $deadly = WbAutomations::Endpoint->new(answers => ['hang']);
	my $beside = WbAutomations::Endpoint->new(answers => [ 'hang', 'hang', 200 ]);
	automate('deadly', $deadly->url);
	automate('beside', $beside->url);
	$node->sql("INSERT INTO wb.run_metrics VALUES ($run, 'deadly', 1, 1), ($run, 'beside', 1, 1)");
	for my $round (1 .. 3)
	{
		$deadly->wait_for_requests($round);
		$beside->wait_for_requests($round) if $round < 3;
		$node->kill_worker;
	}
	$node->wait_until_settled;
	is($node->sql(q(SELECT state, attempts, error FROM wb.automation_history WHERE automation_name = 'deadly')),
		'FAILED|3|the worker stopped before it recorded the answer: 3 times, the last one with nothing else in hand',
		'a message that the worker dies of for the third time, and alone, is given up');
	is($node->sql(q(SELECT state, attempts FROM wb.automation_history WHERE automation_name = 'beside')), 'FINISHED|3',
		'one that was in flight with it is sent');
}

# A thousand others behind such a message do not have to wait for long.
{
	my $deadly = WbAutomations::Endpoint->new(answers => ['hang']);
	automate('poison', $deadly->url);
	$endpoint->set_answer({ delay => 0.02 });
	my $doubled = tally()->{doubled};
	$node->log_metric($run, 'poison', 1);
	$deadly->wait_for_requests(1);
	my $start = time;
	fire(1000);
	for my $round (1 .. 3)
	{
		$deadly->wait_for_requests($round);
		$node->kill_worker;
	}
	$node->poll("SELECT count(*) = $steps FROM wb.executions WHERE automation_name = 'load' AND state = 'FINISHED'");
	my $seconds = time - $start;
	cmp_ok($seconds, '<', 30, 'a thousand others are delivered within 30 seconds');
	$node->wait_until_settled;
	is($node->sql(q(SELECT state, attempts FROM wb.automation_history WHERE automation_name = 'poison')), 'FAILED|3', 'it is given up, as before');
	my $tally = tally();
	is($tally->{arrived}, $steps, 'the others all arrived');
	cmp_ok($tally->{doubled} - $doubled, '<=', 3 * $in_flight, 'and no more of them twice than was in flight');
	is($tally->{with_two_ids}, 0, 'under the same id');
	note(sprintf 'the others took %.1f s, %d came twice', $seconds, $tally->{doubled} - $doubled);
}

done_testing();
