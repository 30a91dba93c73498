# How the worker treats each receiver by itself: a breaker, a rate, an order,
# a pause by hand, and a fair share for the others.

use strict;
use warnings;

use List::Util qw(max);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use WbAutomations::Endpoint;
use WbAutomations::Node;

my $node = WbAutomations::Node->new('destinations', conf => "
wb_automations.request_timeout = '20s'
max_prepared_transactions = 1
");
my $run = $node->new_run('ml/destinations');
my $offset = 0;
my $step = 0;

# An automation on a metric of its own, which sends to $url.
sub automate
{
	my ($name, $url, @options) = @_;

	my $made = join ', ', "'ml'", "'$name'", "'$url'", @options;
	$node->sql(qq(SELECT wb.create_webhook_integration($made);
		SELECT wb.create_automation('$name', wb.on_run_metric(wb.project('ml', 'destinations'), wb.metric('$name', '>', 0)),
			wb.send_webhook(wb.webhook_integration('ml', '$name')), cooldown => '0');));
	return;
}

# Make it fire so often, in one transaction.
sub fire
{
	my ($name, $count) = @_;
	my $first = $step + 1;

	$step += $count // 1;
	$node->sql("INSERT INTO wb.run_metrics SELECT $run, '$name', s, 1 FROM generate_series($first, $step) s");
	return;
}

sub pass_time
{
	my ($seconds) = @_;

	$offset += $seconds;
	$node->set('wb_automations.clock_offset', $offset);
	return;
}

# Columns of an integration's line in wb.stat_integrations.
sub stat_of
{
	my ($name, $columns) = @_;
	return $node->sql("SELECT $columns FROM wb.stat_integrations WHERE name = '$name'");
}

sub wait_for
{
	my ($name, $condition) = @_;
	$node->poll("SELECT $condition FROM wb.stat_integrations WHERE name = '$name'");
	return;
}

# The ids of executions, in the order in which their messages came.
sub ids
{
	my ($endpoint) = @_;
	return map { $_->{headers}{'webhook-id'} =~ /(\d+)\z/ } $endpoint->requests;
}

# A receiver that is well, by which a test sees that the worker has looked.
my $well = WbAutomations::Endpoint->new;
automate('other', $well->url);

# After five failures in a row the breaker opens: what waits uses up no
# attempt, and one probe at a time finds out whether the receiver is back.
{
	my $endpoint = WbAutomations::Endpoint->new(answers => [503]);
	automate('broken', $endpoint->url);
	fire('broken', 4);
	wait_for('broken', 'retried = 4');
	is(stat_of('broken', 'breaker, waiting'), 'closed|4', 'four failures leave the breaker closed');
	fire('broken');
	wait_for('broken', 'retried = 5');
	is(stat_of('broken', 'breaker, round(extract(epoch FROM probe_at - last_error_at))'), 'open|30',
		'the fifth opens it for 30 seconds');
	fire('broken', 20);
	pass_time(20);
	fire('other');
	wait_for('other', 'delivered = 1');
	is(scalar $endpoint->requests, 5, 'while it is open, nothing is sent');
	is(stat_of('broken', 'waiting, in_flight, state'), '25|0|active', 'and everything waits');

	my $count = 5;
	for my $seconds (60, 120, 240, 480, 600, 600)
	{
		pass_time($count == 5 ? 11 : $seconds);
		$count++;
		wait_for('broken', "retried = $count");
		is(stat_of('broken', 'breaker, round(extract(epoch FROM probe_at - last_error_at))'), "open|$seconds",
			"probe @{[ $count - 5 ]} fails: open for $seconds s");
	}
	is(scalar $endpoint->requests, $count, 'each time one request is sent');

	# The worker's successor knows all that.
	my $before = stat_of('broken', 'breaker_opened_at, probe_at, delivered, retried, failed, held');
	$node->restart;
	$node->worker_pid;
	fire('other');
	wait_for('other', 'delivered = 2');
	is(stat_of('broken', 'breaker_opened_at, probe_at, delivered, retried, failed, held'), $before,
		'a restart of the server forgets nothing of it');
	is(scalar $endpoint->requests, $count, 'and sends nothing early');

	$endpoint->set_answer(200);
	pass_time(601);
	wait_for('broken', 'delivered = 25');
	is(stat_of('broken', 'breaker, breaker_opened_at, waiting'), 'closed||0', 'once a probe succeeds, all is sent');
}

# Open for three days, it is disabled; what waits is held until it is resumed.
{
	my $endpoint = WbAutomations::Endpoint->new(answers => ['close']);
	automate('lost', $endpoint->url);
	fire('lost', 5);
	wait_for('lost', "breaker = 'open'");
	pass_time(73 * 3600);
	wait_for('lost', "state = 'disabled'");
	like(stat_of('lost', 'reason'), qr/^no request succeeded for 72 hours: could not send to "127\.0\.0\.1"/,
		'a breaker that is open for 72 hours disables the integration, and says why');
	my $sent = $endpoint->requests;
	$endpoint->set_answer(200);
	fire('lost');
	pass_time(3600);
	fire('other');
	wait_for('other', 'delivered = 3');
	is(scalar $endpoint->requests, $sent, 'it gets nothing more');
	$node->sql(q(SELECT wb.resume_integration(id) FROM wb.integrations WHERE name = 'lost'));
	wait_for('lost', 'delivered > 0 AND waiting + in_flight = 0');
	is(stat_of('lost', 'state, reason, breaker'), 'active||closed', 'until it is resumed: the breaker is closed as well');
}

# A pause by hand holds everything, and a resume sends it at once.
{
	my $endpoint = WbAutomations::Endpoint->new;
	automate('paused', $endpoint->url);
	fire('paused');
	wait_for('paused', 'delivered = 1');
	$node->sql(q(SELECT wb.pause_integration(id) FROM wb.integrations WHERE name = 'paused'));
	fire('paused', 3);
	fire('other');
	wait_for('other', 'delivered = 4');
	is(stat_of('paused', q(state, reason ~ '^paused by ', waiting, in_flight)), 'paused|t|3|0', 'a paused integration keeps its messages');
	is(scalar $endpoint->requests, 1, 'and sends none');
	like({ $node->complaints }->{integrations}, qr/\bpaused is paused: paused by /, 'wb.status() says so');
	$node->sql(q(UPDATE wb.integrations SET state = 'active' WHERE name = 'paused'));
	my $start = time;
	wait_for('paused', 'delivered = 4');
	cmp_ok(time - $start, '<', 5, 'a plain UPDATE resumes it as well, at once');
	is($node->sql(q(SELECT DISTINCT state, attempts FROM wb.automation_history WHERE automation_name = 'paused')),
		'FINISHED|1', 'no attempt was used up');
}

# A receiver that is gone is disabled even while somebody holds its row, and
# nobody else's messages wait for that.
{
	my $endpoint = WbAutomations::Endpoint->new(answers => [410]);
	automate('held', $endpoint->url);
	$node->sql(q(BEGIN; SELECT FROM wb.integrations WHERE name = 'held' FOR UPDATE; PREPARE TRANSACTION 'held'));
	fire('held', 2);
	wait_for('held', 'held > 0 AND in_flight = 0');
	my $sent = $endpoint->requests;
	fire('held');
	pass_time(10);
	fire('other');
	$node->poll(q(SELECT waiting + in_flight = 0 FROM wb.stat_integrations WHERE name = 'other'));
	is(stat_of('held', 'state'), 'active', 'a row that somebody holds is not waited for');
	is(scalar $endpoint->requests, $sent, 'and nothing is sent there meanwhile');
	$node->sql(q(COMMIT PREPARED 'held'));
	pass_time(10);
	wait_for('held', q(state = 'disabled' AND waiting = 3));
	pass('once it is free, the integration is disabled');
}

# An ordered receiver gets one message at a time, in the order of their ids,
# whatever fails on the way and whoever stops meanwhile.
{
	my $endpoint = WbAutomations::Endpoint->new(
		answers => [ 200, 200, 503, 200, 500, 200, 200, { status => 429, headers => { 'Retry-After' => 30 } }, 200 ]);
	automate('ordered', $endpoint->url, 'ordered => true');
	fire('ordered', 100);
	my $delivered = 0;
	for (2, 3, 5)
	{
		$delivered = $_;
		wait_for('ordered', "delivered = $delivered AND retried + held > 0 AND in_flight = 0");
		my $sent = $endpoint->requests;
		fire('other');
		$node->poll(q(SELECT waiting + in_flight = 0 FROM wb.stat_integrations WHERE name = 'other'));
		is(scalar $endpoint->requests, $sent, "after message $delivered, one that failed holds up the rest");
		$node->kill_worker('TERM') if $delivered == 3;
		$node->worker_pid;
		pass_time(40);
	}
	wait_for('ordered', 'delivered = 100');
	my @ids = ids($endpoint);
	is(join(' ', @ids), join(' ', sort { $a <=> $b } @ids), 'all come in the order of their ids');
	is(scalar @ids, 103, 'with nothing sent again but what failed');
}

# Slack gets a message a second.
{
	my $slack = WbAutomations::Endpoint->new;
	$node->sql(sprintf q(SELECT wb.create_slack_integration('ml', '%s', 'slow');
		SELECT wb.create_automation('slow', wb.on_run_metric(wb.project('ml', 'destinations'), wb.metric('slow', '>', 0)),
			wb.send_notification(wb.slack_integration('ml')), cooldown => '0')), $slack->url);
	fire('slow', 4);
	my @at = map { $_->{at} / 1e6 } $slack->wait_for_requests(4, 20);
	for my $number (1 .. 3)
	{
		my $gap = $at[$number] - $at[ $number - 1 ];
		ok($gap > 0.95 && $gap < 3, "message @{[ $number + 1 ]} comes a second after the one before") or diag("after $gap s");
	}
}

# A receiver that hangs with a large backlog does not hold up another one.
{
	my $hanging = WbAutomations::Endpoint->new(answers => ['hang']);
	my $quick = WbAutomations::Endpoint->new;
	automate('hanging', $hanging->url);
	automate('quick', $quick->url);
	fire('hanging', 300);
	$hanging->wait_for_requests(60);
	my $start = time;
	fire('quick', 20);
	wait_for('quick', 'delivered = 20');
	cmp_ok(time - $start, '<', 5, 'a receiver that hangs, with 300 waiting, does not hold up another one');
	my $open = stat_of('hanging', 'in_flight');
	ok($open >= 60 && $open <= 90, 'it has no more than two thirds of the requests open') or diag("$open open");
	$node->sql(q(SELECT wb.pause_integration(id) FROM wb.integrations WHERE name = 'hanging'));
}

# Each attempt says where its time went.
{
	my $endpoint = WbAutomations::Endpoint->new(answers => [ { status => 200, delay => 0.3 } ]);
	automate('timed', $endpoint->url);
	fire('timed');
	wait_for('timed', 'delivered = 1');
	is($node->sql(q(SELECT a.first_byte_ms BETWEEN 250 AND a.milliseconds, a.connect_ms > 0, a.tls_ms, a.dns_ms >= 0,
				a.dns_ms + a.connect_ms + a.tls_ms + a.first_byte_ms <= a.milliseconds + 0.1
			FROM wb.delivery_attempts a JOIN wb.executions e ON e.id = a.execution_id WHERE e.automation_name = 'timed')),
		't|t|0|t|t', 'an attempt has the time of each part');
	is(stat_of('timed', 'delivered, retried, failed, held, throttled, last_success_at IS NOT NULL, last_error'), '1|0|0|0|0|t|',
		'and wb.stat_integrations counts it');
}

done_testing();
