# A backlog for one Slack channel ends as few messages, and no execution is
# left out of them.

use strict;
use warnings;

use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Endpoint;
use WbAutomations::Node;

my $node = WbAutomations::Node->new('digest', conf => 'wb_automations.delivery = off');
my $endpoint = WbAutomations::Endpoint->new(answers => [ { status => 200, body => 'ok' } ]);

$node->sql(sprintf q(
	SELECT wb.create_project('ml', 'digest');
	SELECT wb.create_slack_integration('ml', '%s');
	SELECT wb.create_webhook_integration('ml', 'hook', '%s');
	SELECT wb.create_automation('NaN', wb.on_run_metric(wb.project('ml', 'digest'), wb.is_nan('loss')),
		wb.send_notification(wb.slack_integration('ml'), title => 'loss of ${run_name}', severity => 'ERROR'));
	SELECT wb.create_automation('high', wb.on_run_metric(wb.project('ml', 'digest'), wb.metric('high', '>', 1)),
		wb.send_notification(wb.slack_integration('ml'), title => 'high in ${run_name}'));
	SELECT wb.create_automation('hook', wb.on_run_metric(wb.project('ml', 'digest'), wb.metric('hook', '>', 1)),
		wb.send_webhook(wb.webhook_integration('ml', 'hook')));
	INSERT INTO wb.runs (project_id, name, display_name) SELECT p.id, 'run' || n, 'bert <' || n || '>'
	FROM wb.projects p, generate_series(1, 500) n ORDER BY n;), $endpoint->url('/slack'), $endpoint->url('/hook'));

# Fire an automation on so many runs, one execution each.
sub fire
{
	my ($metric, $value, $count) = @_;

	$node->sql("INSERT INTO wb.run_metrics (run_id, name, step, value)
		SELECT id, '$metric', (SELECT coalesce(max(step) + 1, 0) FROM wb.run_metrics), '$value' FROM wb.runs ORDER BY id LIMIT $count");
	return;
}

# The messages sent since the last call, decoded.
my $read = 0;

sub messages
{
	my @all = grep { $_->{path} eq '/slack' } $endpoint->requests;
	my @new = @all[ $read .. $#all ];

	$read = @all;
	return map { JSON::PP->new->utf8->decode($_->{body}) } @new;
}

# Put the clock forward, again and again, until a query returns true.  Slack takes
# a message a second, and one that is down rests longer.
my $offset = 0;

sub pass_time_until
{
	my ($query, $seconds) = @_;
	my $deadline = time + 120;

	while ($node->sql($query) ne 't')
	{
		die "timed out waiting for: $query" if time > $deadline;
		$node->set('wb_automations.clock_offset', $offset += $seconds);
	}
	return;
}

sub settle
{
	pass_time_until(q(SELECT NOT EXISTS (SELECT FROM wb.executions WHERE state = 'PENDING')), 1);
	return;
}

# Executions of an automation by state and by what their result is.
sub tally
{
	my ($automation) = @_;

	return $node->sql("SELECT string_agg(n || ' ' || state || ' ' || kind, ', ' ORDER BY kind)
		FROM (SELECT count(*) AS n, state, result->>'resultType' AS kind FROM wb.executions
			WHERE automation_name = '$automation' GROUP BY 2, 3) t");
}

# 500 alerts of one automation, ten of another, and a webhook behind them.
fire('loss', 'NaN', 500);
fire('high', 2, 10);
fire('hook', 2, 30);
$node->set('wb_automations.delivery', 'on');
settle();

my @messages = messages();
my ($digest) = grep { $_->{text} =~ /fired/ } @messages;
is(scalar @messages, 11, '500 alerts are one message, and ten are ten');
is($digest->{text}, '*Automation NaN fired 500 times*', 'which says how many they were');
is($digest->{attachments}[0]{color}, '#d92d20', 'in the color of their severity');
my @lines = split /\n/, $digest->{attachments}[0]{blocks}[0]{text}{text};
is($lines[0], '- bert &lt;500&gt;: loss was NaN at step 0', 'and tells of the newest');
is($lines[9], '- bert &lt;491&gt;: loss was NaN at step 0', 'ten of them');
is($lines[10], 'and 490 more; all are in wb.automation_history', 'and where the others are');
is(tally('NaN'), '499 FINISHED DIGEST, 1 FINISHED HTTP_RESPONSE', 'all executions are FINISHED');
is($node->sql(q(
	SELECT count(*) FROM wb.executions d JOIN wb.executions e ON e.id = (d.result->>'executionId')::bigint
	WHERE d.result->>'resultType' = 'DIGEST' AND e.result->>'resultType' = 'HTTP_RESPONSE'
		AND e.action->>'title' = 'Automation NaN fired 500 times')), '499', 'the others name the one that was sent');
is($node->sql(q(SELECT count(*) FROM wb.delivery_attempts a JOIN wb.executions e ON e.id = a.execution_id AND automation_name = 'NaN')),
	'1', 'an attempt was made for one of them');
is(scalar(grep { $_->{path} eq '/hook' } $endpoint->requests), 30, 'webhooks have no digest');

# 20 are not too many, and another automation's do not count.
$node->sql(q(UPDATE wb.automations SET cooldown = '0'));
$node->set('wb_automations.delivery', 'off');
fire('loss', 'NaN', 20);
fire('high', 2, 20);
$node->set('wb_automations.delivery', 'on');
settle();
is(scalar(grep { $_->{text} =~ /fired/ } messages()), 0, 'twenty of each are no digest');

# A digest that fails is tried again, with what came in between; the attempt
# counts for the one that was sent.
$node->set('wb_automations.delivery', 'off');
fire('loss', 'NaN', 30);
$endpoint->set_answer({ status => 503, body => 'busy' });
$node->set('wb_automations.delivery', 'on');
$node->poll('SELECT count(last_error) = 30 FROM wb.deliveries');
is($node->sql('SELECT sum(attempts), count(DISTINCT due_at) FROM wb.deliveries'), '1|1',
	'when Slack is down all of them wait, until the same time');
fire('loss', 'NaN', 5);
pass_time_until('SELECT count(last_error) = 35 FROM wb.deliveries', 5);
messages();
$endpoint->set_answer({ status => 200, body => 'ok' });
$node->set('wb_automations.clock_offset', $offset += 3600);
settle();
is(join(', ', map { $_->{text} } messages()), '*Automation NaN fired 35 times*', 'they are told of by one message then');

# What Slack refuses it would refuse of each.
$node->set('wb_automations.delivery', 'off');
fire('loss', 'NaN', 30);
$endpoint->set_answer({ status => 400, body => 'invalid_payload' });
$node->set('wb_automations.delivery', 'on');
settle();
is($node->sql(q(SELECT count(*) FROM wb.executions WHERE state = 'FAILED' AND result->'error'->>'message' IS NOT NULL)), '30',
	'a digest that is refused leaves all of them FAILED, with the reason');

# A crash with a digest in hand loses none of them.
$endpoint->set_answer('hang');
fire('loss', 'NaN', 30);
$node->poll('SELECT count(*) > 0 FROM wb.delivery_claims');
$endpoint->wait_for_requests(scalar($endpoint->requests));
$node->kill_worker;
$endpoint->set_answer({ status => 200, body => 'ok' });
settle();
is($node->sql(q(SELECT count(*) FROM (SELECT state FROM wb.executions ORDER BY id DESC LIMIT 30) t WHERE state = 'FINISHED')), '30',
	'after a crash all of them are told of');

# What the worker died of twice is sent alone, and others do not share its fate.
messages();
$node->set('wb_automations.delivery', 'off');
fire('loss', 'NaN', 30);
$node->sql('UPDATE wb.deliveries SET crashes = 2 WHERE execution_id = (SELECT min(execution_id) FROM wb.deliveries)');
$node->set('wb_automations.delivery', 'on');
settle();
is(join(', ', sort map { $_->{text} } messages()), '*Automation NaN fired 29 times*, *loss of bert &lt;1&gt;*',
	'a suspect is in no digest');

# So many in one digest are one request: others have their room meanwhile.
messages();
$node->set('wb_automations.delivery', 'off');
$node->set('wb_automations.request_timeout', "'5s'");
$endpoint->set_answer('hang');
fire('loss', 'NaN', 400);
$node->set('wb_automations.delivery', 'on');
$node->poll('SELECT max(array_length(execution_ids, 1)) = 400 FROM wb.delivery_claims');
my $other = WbAutomations::Endpoint->new;
$node->sql(sprintf q(UPDATE wb.integrations SET url = '%s' WHERE kind = 'WEBHOOK'), $other->url('/other'));
fire('hook', 2, 1);
$other->wait_for_request;
is($node->sql('SELECT max(array_length(execution_ids, 1)) FROM wb.delivery_claims'), '400',
	'a digest of many on its way keeps nobody waiting');
$endpoint->set_answer({ status => 200, body => 'ok' });

done_testing();
