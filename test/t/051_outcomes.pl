# What becomes of a message by what its receiver answers: every kind of answer,
# from a webhook and from Slack.

use strict;
use warnings;

use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Endpoint;
use WbAutomations::Node;

my $node = WbAutomations::Node->new('outcomes');
my $run = $node->new_run('ml/outcomes');
my $offset = 0;
my %endpoint;

# An automation on a metric of its own, whose receiver answers so; it fires.
sub fire
{
	my ($name, $kind, @answers) = @_;

	$endpoint{$name} = WbAutomations::Endpoint->new(answers => \@answers);
	my $url = $endpoint{$name}->url;
	my ($made, $action) = $kind eq 'slack'
	  ? ("wb.create_slack_integration('ml', '$url', '$name')", "wb.send_notification(wb.slack_integration('ml', '$name'))")
	  : ("wb.create_webhook_integration('ml', '$name', '$url')", "wb.send_webhook(wb.webhook_integration('ml', '$name'))");
	$node->sql(qq(SELECT $made;
		SELECT wb.create_automation('$name', wb.on_run_metric(wb.project('ml', 'outcomes'), wb.metric('$name', '>', 0)),
			$action, cooldown => '0');
		INSERT INTO wb.run_metrics VALUES ($run, '$name', 1, 1);));
	return;
}

sub pass_time
{
	my ($seconds) = @_;

	$offset += $seconds;
	$node->set('wb_automations.clock_offset', $offset);
	return;
}

# "state|attempts|state of the integration" of a name.
sub fate
{
	my ($name) = @_;
	return $node->sql(qq(SELECT h.state, h.attempts, i.state FROM wb.automation_history h, wb.integrations i
		WHERE h.automation_name = '$name' AND i.name = '$name'));
}

# Wait until a statistic of an integration is so.
sub wait_for
{
	my ($name, $condition) = @_;
	$node->poll("SELECT $condition FROM wb.stat_integrations WHERE name = '$name'");
	return;
}

# Every kind of answer, three times where it is asked for again.
my @webhook = (
	[ [ 200, 201, 204 ], 'FINISHED|1|active' ],
	[ [ 301, 302, 304, 307, 308 ], 'FAILED|3|active' ],
	[ [ 400, 402, 405, 406, 409, 413, 414, 415, 422 ], 'FAILED|3|active' ],
	[ [ 401, 403, 404 ], 'PENDING|3|active' ],
	[ [410], 'PENDING|0|disabled' ],
	[ [ 408, 425, 500, 501, 502, 503, 504, 599, 'close', 'reset' ], 'PENDING|3|active' ]);
my @slack = (
	[ [ 302, 304, 400, 402, 405, 413, 414, 415, 422 ], 'FAILED|1|active' ],
	[ [ 401, 403, 404 ], 'PENDING|3|active' ],
	[ [410], 'PENDING|0|disabled' ],
	[ [ 408, 425, 500, 502, 503, 504, 'close', 'reset' ], 'PENDING|3|active' ],
	[ [ map { { status => $_->[0], body => $_->[1] } } [ 404, 'no_service' ], [ 403, 'invalid_token' ],
			[ 404, 'no_active_hooks' ], [ 404, 'no_team' ], [ 403, 'action_prohibited' ], [ 404, 'channel_not_found' ],
			[ 400, 'user_not_found' ], [ 200, '{"ok": false, "error": "no_team"}' ], [ 500, 'no_service' ] ],
		'FAILED|1|disabled' ],
	[ [ map { { status => $_, body => "channel_is_archived\n" } } 410, 400 ], 'PENDING|0|disabled' ],
	[ [ map { { status => $_->[0], body => $_->[1] } } [ 400, 'invalid_payload' ], [ 400, 'invalid_blocks' ],
			[ 200, 'no_text' ], [ 400, 'too_many_attachments' ], [ 200, 'something else' ], [ 500, 'invalid_payload' ] ],
		'FAILED|1|active' ],
	[ [ 200, { status => 200, body => '{"ok":true}' } ], 'FINISHED|1|active' ]);

# Nothing is sent but in the three rounds, however long all the rest takes.
my @cells;
$node->set('wb_automations.delivery', 'off');
for my $case ([ 'webhook', @webhook ], [ 'slack', @slack ])
{
	my ($kind, @lines) = @$case;
	for my $line (@lines)
	{
		for my $answer (@{ $line->[0] })
		{
			my $name = "$kind-" . scalar @cells;
			my $said = ref $answer ? "$answer->{status} $answer->{body}" : $answer;
			push @cells, [ $name, $said =~ s/\s+\z//r, $line->[1] ];
			fire($name, $kind, $answer);
		}
	}
}
my $expected = join ', ', map { sprintf q(('%s', %d, '%s')), $_->[0], (split /\|/, $_->[2])[ 1, 2 ] } @cells;
for my $round (1 .. 3)
{
	$node->set('wb_automations.delivery', 'on');
	$node->poll("SELECT bool_and(coalesce(h.attempts >= least($round, c.attempts) AND s.state = c.state AND s.in_flight = 0, false))
		FROM (VALUES $expected) c (name, attempts, state)
		LEFT JOIN wb.automation_history h ON h.automation_name = c.name LEFT JOIN wb.stat_integrations s ON s.name = c.name");
	$node->set('wb_automations.delivery', 'off');
	pass_time(40) if $round < 3;
}
is(fate($_->[0]), $_->[2], "$_->[0]: $_->[1]") for @cells;
$node->set('wb_automations.delivery', 'on');

# What is disabled says why, and its row waits.
{
	my ($gone) = grep { $_->[1] eq '410' } @cells;
	is($node->sql(qq(SELECT reason, waiting, held, failed FROM wb.stat_integrations WHERE name = '$gone->[0]')),
		'"127.0.0.1" answered with status 410|1|1|0', 'a receiver that is gone is disabled, and its message waits');
	is($node->sql(qq(SELECT error FROM wb.automation_history WHERE automation_name = '$gone->[0]')),
		'"127.0.0.1" answered with status 410', 'history says what it waits for');
	like({ $node->complaints }->{integrations}, qr/\b\Q$gone->[0]\E is disabled: "127\.0\.0\.1" answered with status 410/,
		'wb.status() names it');
	$endpoint{ $gone->[0] }->set_answer(200);
	$node->sql(qq(SELECT wb.resume_integration(id) FROM wb.integrations WHERE name = '$gone->[0]'));
	$node->poll(qq(SELECT state = 'FINISHED' FROM wb.automation_history WHERE automation_name = '$gone->[0]'));
	is(fate($gone->[0]), 'FINISHED|1|active', 'wb.resume_integration() sends it');
}

# A receiver that refuses is flagged after the fifth time, and tried for days.
{
	my ($forbidden) = grep { $_->[1] eq '403' } @cells;
	for my $attempts (4, 5)
	{
		pass_time(2500);
		$node->poll(qq(SELECT attempts = $attempts FROM wb.automation_history WHERE automation_name = '$forbidden->[0]'));
	}
	is($node->sql(qq(SELECT state, reason FROM wb.stat_integrations WHERE name = '$forbidden->[0]')),
		'active|refused 5 times in a row', 'a receiver that refused five times is flagged');
	like({ $node->complaints }->{integrations}, qr/\b\Q$forbidden->[0]\E refused 5 times in a row/, 'by wb.status() too');
}

# Retry-After, in all the ways it can be said, and not said: how long the
# receiver is left alone, in seconds.
for my $case (
	[ 'seconds', 429, '120', 120 ],
	[ 'busy', 503, '90', 90 ],
	[ 'date', 429, 'in 600 s', 600 ],
	[ 'past', 429, 'Thu, 01 Jan 2015 00:00:00 GMT', 30 ],
	[ 'huge', 429, '99999999', 3600 ],
	[ 'overflow', 429, '9' x 40, 30, 3600 ],
	[ 'zero', 429, '0', 30 ],
	[ 'negative', 429, '-5', 30 ],
	[ 'garbage', 429, 'soon', 30 ],
	[ 'unsaid', 429, undef, 30 ])
{
	my ($name, $status, $said, $least, $most) = @$case;
	$most //= $least;
	my $began = time;
	$said = POSIX::strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime($began + 600)) if $name eq 'date';
	fire($name, 'webhook', { status => $status, headers => defined $said ? { 'Retry-After' => $said } : {} }, 200);
	wait_for($name, 'throttled = 1');
	my ($pause, $held) = split /\|/, $node->sql(qq(SELECT extract(epoch FROM s.paused_until - s.last_error_at), d.due_at = s.paused_until
		FROM wb.stat_integrations s JOIN wb.deliveries d USING (integration_id) WHERE s.name = '$name'));
	# a date has come nearer by the time that the answer took
	$least -= time - $began if $name eq 'date';
	ok($pause > $least - 3 && $pause < $most + 1, "Retry-After $name") or diag("paused for $pause s");
	if ($name eq 'seconds')
	{
		# A second message waits as well, and neither has used up an attempt.
		$node->sql("INSERT INTO wb.run_metrics VALUES ($run, '$name', 2, 1)");
		pass_time(60);
		fire('meanwhile', 'webhook', 200);
		wait_for('meanwhile', 'delivered = 1');
		is(scalar $endpoint{$name}->requests, 1, 'while it is paused, it gets nothing');
		is($node->sql(qq(SELECT state, attempts, status_code, next_attempt_at IS NOT NULL, error FROM wb.automation_history
				WHERE automation_name = '$name' ORDER BY execution_id)),
			qq(PENDING|0||t|"127.0.0.1" answered with status 429\nPENDING|0||f|), 'and no attempt is used up');
	}
	pass_time($most + 5);
	wait_for($name, $name eq 'seconds' ? 'delivered = 2' : 'delivered = 1');
	is($node->sql(qq(SELECT DISTINCT state, attempts FROM wb.automation_history WHERE automation_name = '$name')),
		'FINISHED|1', 'then it is delivered by the first attempt that counts');
}

# Without a time the pause doubles, up to ten minutes.
{
	fire('again', 'slack', (429) x 7, 200);
	my $number = 0;
	for my $seconds (30, 60, 120, 240, 480, 600, 600)
	{
		$number++;
		wait_for('again', "throttled = $number");
		is($node->sql(q(SELECT round(extract(epoch FROM paused_until - last_error_at)) FROM wb.stat_integrations
				WHERE name = 'again')), $seconds, "pause $number lasts $seconds s");
		pass_time($seconds + 1);
	}
	wait_for('again', 'delivered = 1');
}

# Too old is not sent any more: 24 hours for Slack, 80 for a webhook.
{
	fire('old slack', 'slack', 500);
	fire('old hook', 'webhook', 500);
	fire('paused hook', 'webhook', { status => 503, headers => { 'Retry-After' => 60 } });
	wait_for($_, 'retried + held = 1') for 'old slack', 'old hook', 'paused hook';
	pass_time(24 * 3600 + 60);
	$node->poll(q(SELECT state = 'FAILED' FROM wb.automation_history WHERE automation_name = 'old slack'));
	is($node->sql(q(SELECT attempts, error FROM wb.automation_history WHERE automation_name = 'old slack')),
		'1|expired after 24 hours: "127.0.0.1" answered with status 500', 'a message to Slack expires after a day');
	wait_for('old hook', 'retried = 2');
	is($node->sql(q(SELECT state FROM wb.automation_history WHERE automation_name = 'old hook')), 'PENDING',
		'a webhook does not');
	pass_time(56 * 3600);
	$node->poll(qq(SELECT state = 'FAILED' FROM wb.automation_history WHERE automation_name = '$_'))
	  for 'old hook', 'paused hook';
	like($node->sql(q(SELECT error FROM wb.automation_history WHERE automation_name = 'old hook')),
		qr/^expired after 80 hours: "127\.0\.0\.1" answered with status 500$/, 'but after 80 hours');
	is($node->sql(q(SELECT attempts, error FROM wb.automation_history WHERE automation_name = 'paused hook')),
		'0|expired after 80 hours: "127.0.0.1" answered with status 503', 'and so does one that was only held');
}

done_testing();
