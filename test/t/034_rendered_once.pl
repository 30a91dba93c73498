# What was rendered once is literal for ever: no value of a run, and no message
# that is sent again, is a template.

use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Endpoint;
use WbAutomations::Node;

my $node = WbAutomations::Node->new('rendered');
my $endpoint = WbAutomations::Endpoint->new;
my $channel = WbAutomations::Endpoint->new(answers => [ { status => 200, body => 'ok' } ]);
my $run = $node->new_run('ml/rendered', '${ACCESS_TOKEN} ${SIGNING} ${run_id} ${why}');
my $shown = '${ACCESS_TOKEN} ${SIGNING} ${run_id} ${why}';

$node->sql(sprintf q(
	SELECT wb.set_secret('ml', 'TOKEN', 'token-51f0ac'), wb.set_secret('ml', 'SIGNING', 'signing-9d22e1');
	SELECT wb.create_webhook_integration('ml', 'hook', '%s', access_token => 'TOKEN', secret => 'SIGNING');
	SELECT wb.create_slack_integration('ml', '%s', channel_name => '${automation_name}');
	SELECT wb.create_automation('web', wb.on_run_metric(wb.project('ml', 'rendered'), wb.metric('web', '>', 0)),
		wb.send_webhook(wb.webhook_integration('ml', 'hook'), '{"run": "${run_name}", "token": "${ACCESS_TOKEN}"}'), cooldown => '0');
	SELECT wb.create_automation('chat', wb.on_run_metric(wb.project('ml', 'rendered'), wb.metric('chat', '>', 0)),
		wb.send_notification(wb.slack_integration('ml'), title => '${run_name}', message => 'of ${run_name}', severity => 'ERROR'), cooldown => '0');
	SELECT wb.create_automation('tell', wb.on_run_metric(wb.project('ml', 'rendered'), wb.metric('tell', '>', 0)),
		wb.send_notify('told', '${run_name}'), cooldown => '0');), $endpoint->url, $channel->url('/services/T0/B0/rendered'));

# Fires, deletes the automation, and replays; returns what the receiver was
# sent at first and then.
sub fire_and_replay
{
	my ($name, $receiver) = @_;

	$node->log_metric($run, $name, 1);
	$node->wait_until_settled;
	$node->sql("SELECT wb.delete_automation(id) FROM wb.automations WHERE name = '$name'");
	# the second is a replay of a replay
	for (1 .. 2)
	{
		$node->sql("SELECT wb.replay(max(execution_id)) FROM wb.automation_history WHERE automation_name = '$name'");
		$node->wait_until_settled;
	}
	is($node->sql("SELECT string_agg(state, ' ') FROM wb.automation_history WHERE automation_name = '$name'"), 'FINISHED FINISHED FINISHED', "$name: all are sent");
	return map { decode_json($_->{body}) } $receiver->requests;
}

# A webhook: the author's template has a secret, and the name of the run looks
# like one.
{
	my ($sent, @again) = fire_and_replay('web', $endpoint);
	is($sent->{run}, $shown, 'a webhook: the name of a run is no template');
	is($sent->{token}, 'token-51f0ac', 'and the payload is');
	is($_->{run}, $shown, 'nor is it one when the automation is gone and its message is sent again') for @again;
	is($_->{token}, '${ACCESS_TOKEN}', 'which has the names of secrets, as history shows it') for @again;
	is(($endpoint->requests)[-1]{headers}{authorization}, 'Bearer token-51f0ac', 'while the header has the token');
}

# Slack.
{
	my ($sent, @again) = fire_and_replay('chat', $channel);
	is($sent->{text}, "*$shown*", 'Slack: the name of a run is no template');
	is($_->{text}, $sent->{text}, 'nor is it one in a replay') for @again;
	is($_->{attachments}[0]{color}, $sent->{attachments}[0]{color}, 'whose colour is the same') for @again;
	is($_->{attachments}[0]{blocks}[0]{text}{text}, "of $shown", 'and whose message is') for @again;
}

# A notification in the database.
{
	my $listener = $node->background_psql('postgres');
	$listener->query_safe('LISTEN told');
	fire_and_replay('tell', $endpoint);
	my $told = $listener->query_safe('SELECT 1');
	my @payloads = $told =~ /notification "told" with payload "(.*)" received/g;
	is_deeply(\@payloads, [ ($shown) x 3 ], 'a channel of the database is told the same three times');
	$listener->quit;
}

# A test of an integration that has the name of a variable.
{
	my $before = () = $channel->requests;
	$node->sql(q(CALL wb.test_integration(wb.slack_integration('ml'))));
	is(decode_json(($channel->wait_for_requests($before + 1))[-1]{body})->{text}, '*Test of this Slack integration*',
		'the name of a channel is no template');
}

done_testing();
