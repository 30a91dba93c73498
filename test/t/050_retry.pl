# What fails for a while is tried again, what fails for good is not, and the
# session that wrote the row notices neither.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use WbAutomations::Endpoint;
use WbAutomations::Node;

my $node = WbAutomations::Node->new('retry', conf => q(
wb_automations.request_timeout = '400ms'
wb_automations.connect_timeout = '400ms'
));
my $run = $node->new_run('ml/retry');

# An automation on a metric of its own, which sends to $url.
sub automate
{
	my ($name, $url, @options) = @_;

	$node->sql(sprintf q(SELECT wb.create_webhook_integration(%s);
		SELECT wb.create_automation('%s', wb.on_run_metric(wb.project('ml', 'retry'), wb.metric('%s', '>', 0)),
			wb.send_webhook(wb.webhook_integration('ml', '%s')));),
		join(', ', "'ml'", "'$name'", "'$url'", @options), $name, $name, $name);
	return;
}

# The row of history of an automation: "state|attempts|status_code|error".
sub history
{
	my ($name) = @_;
	return $node->sql(qq(SELECT state, attempts, status_code, error
		FROM wb.automation_history WHERE automation_name = '$name'));
}

# Wait until it has been attempted so often, and the attempt is recorded.
sub wait_for_attempt
{
	my ($name, $number) = @_;

	$node->poll(qq(SELECT count(*) FROM wb.delivery_attempts t JOIN wb.executions e ON e.id = t.execution_id
		WHERE e.automation_name = '$name'), $number);
	return;
}

# Let so many seconds pass for the server.
my $offset = 0;

sub pass_time
{
	my ($seconds) = @_;

	$offset += $seconds;
	$node->set('wb_automations.clock_offset', $offset);
	return;
}

# A receiver that is down for a moment gets the same message again.
{
	my $endpoint = WbAutomations::Endpoint->new(answers => [ { status => 503, body => 'later' }, 200 ]);
	automate('down', $endpoint->url);
	$node->log_metric($run, 'down', 1);
	my $first = $endpoint->wait_for_request;
	wait_for_attempt('down', 1);

	is(history('down'), 'PENDING|1|503|"127.0.0.1" answered with status 503',
		'history says what the first attempt met');
	is($node->sql(q(SELECT next_attempt_at - clock_timestamp() BETWEEN '1 s' AND '6 s'
			FROM wb.automation_history WHERE automation_name = 'down')), 't',
		'and when the next one is due: in about five seconds');
	like($node->sql(q(SELECT ok, detail FROM wb.status() WHERE item = 'queue')),
		qr/^t\|1 waiting, 1 of them after a failed attempt\b.*: "127.0.0.1" answered with status 503$/,
		'wb.status() tells of it, though there is nothing to do');

	pass_time(10);
	my $second = $endpoint->wait_for_request;
	$node->wait_until_settled;
	is(history('down'), 'FINISHED|2|200|', 'a receiver that is back gets the message');
	is($second->{headers}{'webhook-id'}, $first->{headers}{'webhook-id'}, 'under the same id');
	cmp_ok($second->{headers}{'webhook-timestamp'}, '>=', $first->{headers}{'webhook-timestamp'} + 5,
		'with the time of the new attempt');
	is($node->sql(q(SELECT attempt, status_code, error, milliseconds > 0 FROM wb.delivery_attempts
			WHERE execution_id = (SELECT id FROM wb.executions WHERE automation_name = 'down') ORDER BY attempt)),
		qq(1|503|"127.0.0.1" answered with status 503|t\n2|200||t), 'delivery_attempts has a row for each');
	is_deeply({ $node->complaints }, {}, 'wb.status() is content again');
}

# Everything that may be better later: no connection, no answer, half an
# answer, and the statuses that say so.
{
	my %answers = (
		refused => undef,
		closed => 'close',
		reset => 'reset',
		timeout => 'hang',
		cut => { raw => 'HTTP/1.1 20' },
		map { ("status$_" => $_) } 408, 425, 500, 502, 504);
	my %error = (
		refused => qr/^could not send to "127\.0\.0\.1": .*(?:connect|refused)/i,
		closed => qr/^could not send to "127\.0\.0\.1": \w/,
		reset => qr/^could not send to "127\.0\.0\.1": \w/,
		timeout => qr/^could not send to "127\.0\.0\.1": .*timed out/i,
		cut => qr/^could not send to "127\.0\.0\.1": .*timed out/i,
		map { ("status$_" => qr/^"127\.0\.0\.1" answered with status $_$/) } 408, 425, 500, 502, 504);
	my %endpoint = map { $_ => WbAutomations::Endpoint->new(answers => [ $answers{$_} // 200 ]) } keys %answers;
	automate($_, $endpoint{$_}->url) for keys %answers;
	$endpoint{refused}->stop;

	# The writer does not feel any of it.
	my $start = time;
	$node->sql(join ';', map { "INSERT INTO wb.run_metrics VALUES ($run, '$_', 1, 1)" } keys %answers);
	cmp_ok(time - $start, '<', 5, 'dead receivers leave an INSERT untouched');
	$node->poll(sprintf q(SELECT count(*) = %d FROM wb.automation_history WHERE attempts = 1 AND automation_name IN (%s)),
		scalar keys %answers, join ', ', map { "'$_'" } keys %answers);
	# the next attempt is five seconds away, and what follows may take longer
	$node->set('wb_automations.delivery', 'off');
	for my $name (sort keys %answers)
	{
		my ($state, $attempts, $status, $error) = split /\|/, history($name), 4;
		is("$state $attempts", 'PENDING 1', "$name: will be tried again");
		like($error, $error{$name}, "$name: history says why");
	}
	$endpoint{refused} = WbAutomations::Endpoint->new(port => $endpoint{refused}->port);
	$_->set_answer(200) for values %endpoint;
	pass_time(10);
	$node->set('wb_automations.delivery', 'on');
	$node->wait_until_settled;
	is(history($_), 'FINISHED|2|200|', "$_: delivered by the second attempt") for sort keys %answers;
}

# What more attempts will hardly change is tried three times.
{
	my $elsewhere = WbAutomations::Endpoint->new;
	my %answers = (
		bad => 400,
		unknown => 406,
		redirect => { status => 302, headers => { Location => $elsewhere->url('/moved') } });
	for my $name (sort keys %answers)
	{
		my $endpoint = WbAutomations::Endpoint->new(answers => [ $answers{$name} ]);
		my $status = ref $answers{$name} ? $answers{$name}{status} : $answers{$name};
		automate($name, $endpoint->url);
		$node->log_metric($run, $name, 1);
		for my $number (1, 2)
		{
			wait_for_attempt($name, $number);
			pass_time(40);
		}
		$node->wait_until_settled;
		is(history($name), qq(FAILED|3|$status|"127.0.0.1" answered with status $status)
			  . ($name eq 'redirect' ? ', and redirects are not followed' : ''),
			"$name: fails at the third attempt");
		is(scalar $endpoint->requests, 3, "$name: three requests");
	}
	is(scalar $elsewhere->requests, 0, 'a redirect is not followed');
	is($node->sql(q(SELECT result FROM wb.executions WHERE automation_name = 'bad')),
		'{"body": "ok", "error": {"message": "\"127.0.0.1\" answered with status 400"}, "resultType": "HTTP_RESPONSE", "statusCode": 400}',
		'result has the answer and the error');
}

# A receiver that says 200 has the message, even if the rest of its answer is
# lost.
{
	my $endpoint = WbAutomations::Endpoint->new(
		answers => [ { raw => "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf a sen" } ]);
	automate('half', $endpoint->url);
	$node->log_metric($run, 'half', 1);
	$node->wait_until_settled;
	is(history('half'), 'FINISHED|1|200|', 'an answer of which only the start comes counts by its status');
}

# One attempt, if the integration says so.
{
	my $endpoint = WbAutomations::Endpoint->new(answers => [503]);
	automate('once', $endpoint->url, 'max_attempts => 1');
	$node->log_metric($run, 'once', 1);
	$node->wait_until_settled;
	is(history('once'), 'FAILED|1|503|"127.0.0.1" answered with status 503', 'max_attempts => 1 is one attempt');
	is(scalar $endpoint->requests, 1, 'and one request');
}

# A receiver that stays away for days: twelve attempts, farther and farther
# apart, and then the last error.
{
	my $endpoint = WbAutomations::Endpoint->new(answers => [ (503) x 11, 500 ]);
	automate('away', $endpoint->url);
	$node->log_metric($run, 'away', 1);
	my $number = 0;
	for my $seconds (5, 30, 120, 600, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
	{
		$number++;
		wait_for_attempt('away', $number);
		my $delay = $node->sql(q(SELECT round(extract(epoch FROM d.due_at - t.started_at))
			FROM wb.executions e JOIN wb.deliveries d ON d.execution_id = e.id
			JOIN wb.delivery_attempts t ON t.execution_id = e.id AND t.attempt = d.attempts
			WHERE e.automation_name = 'away'));
		# the last one is not put off beyond the age that a message may reach
		my $least = $number == 11 ? 0.5 : 0.8;
		ok($delay >= $least * $seconds - 1 && $delay <= 1.2 * $seconds + 2,
			"attempt @{[ $number + 1 ]} comes about $seconds s after the one before") or diag("after $delay s");
		pass_time($delay + 2);
	}
	$node->wait_until_settled;
	is(history('away'), 'FAILED|12|500|"127.0.0.1" answered with status 500',
		'after twelve attempts the execution is FAILED with the last error');
	is(scalar $endpoint->requests, 12, 'and twelve requests were sent');
	my %ids = map { $_->{headers}{'webhook-id'} => 1 } $endpoint->requests;
	is(scalar keys %ids, 1, 'all with the same id');
}

# A receiver that does not answer does not hold up the others, even with more
# waiting for it than the worker has open at one time; nor does it hold up
# anything in the database.
{
	my $slow = WbAutomations::Endpoint->new(answers => ['hang']);
	my $quick = WbAutomations::Endpoint->new;
	automate('slow', $slow->url, 'max_attempts => 1');
	automate('quick', $quick->url);
	$node->sql(q(UPDATE wb.automations SET cooldown = '0' WHERE name = 'slow'));
	$node->set('wb_automations.request_timeout', q('20s'));
	$node->sql("INSERT INTO wb.run_metrics SELECT $run, 'slow', s, 1 FROM generate_series(1, 300) s");
	$slow->wait_for_requests(50);

	my $start = time;
	$node->log_metric($run, 'quick', 1);
	$quick->wait_for_request;
	$node->poll(q(SELECT state = 'FINISHED' FROM wb.executions WHERE automation_name = 'quick'));
	cmp_ok(time - $start, '<', 5, 'another receiver is served while one does not answer');
	is($node->sql(q(SELECT DISTINCT state, attempts FROM wb.automation_history WHERE automation_name = 'slow')),
		'PENDING|0', 'which is still waited for');
	$node->poll(q(SELECT xact_start IS NULL AND backend_xmin IS NULL FROM pg_stat_activity
		WHERE backend_type = 'wb_automations worker'));
	pass('while requests are open, no transaction is');
	is($node->sql(q(SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
			WHERE backend_type = 'wb_automations worker' AND l.relation IS NOT NULL)),
		'0', 'and no table is locked');
}

done_testing();
