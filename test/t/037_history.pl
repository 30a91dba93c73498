# How executions end: the states that only the worker gives.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Endpoint;
use WbAutomations::Node;

my $node = WbAutomations::Node->new('history');
my $endpoint = WbAutomations::Endpoint->new;
my $run = $node->new_run('ml/history');

# Let an automation with this action fire; returns its row of history, before
# the worker has seen it and when it is settled: "state|attempts|error|result".
sub fire
{
	my ($name, $action) = @_;
	my $row = qq(SELECT state, attempts, error, result FROM wb.automation_history WHERE automation_name = '$name');

	$node->set('wb_automations.delivery', 'off');
	$node->sql("SELECT wb.create_automation('$name', wb.on_run_metric(wb.project('ml', 'history'), wb.metric('$name', '>', 0)), $action)");
	$node->log_metric($run, $name, 1);
	my $before = $node->sql($row);
	$node->set('wb_automations.delivery', 'on');
	$node->wait_until_settled;
	return ($before, $node->sql($row));
}

# A webhook that is tried once.
sub send_once
{
	my ($name, $url) = @_;

	$node->sql("SELECT wb.create_webhook_integration('ml', '$name', '$url', max_attempts => 1)");
	return "wb.send_webhook(wb.webhook_integration('ml', '$name'))";
}

# Nothing to send.
is_deeply([ fire('nothing', 'wb.do_nothing()') ], [ 'PENDING|0||', 'FINISHED|0||{"resultType": "DEFAULT"}' ],
	'G135 doing nothing is FINISHED by the worker');
is(scalar $endpoint->requests, 0, 'G135 and nothing is sent');
is($node->sql(q(SELECT count(*) FROM wb.delivery_attempts)), '0', 'G135 nor is anything attempted');

# Something to send, that arrives, is not wanted, or has nobody to arrive at.
is_deeply([ fire('taken', send_once('taken', $endpoint->url)) ],
	[ 'PENDING|0||', 'FINISHED|1||{"body": "ok", "resultType": "HTTP_RESPONSE", "statusCode": 200}' ],
	'G167 PENDING becomes FINISHED with an answer of 200');
$endpoint->set_answer({ status => 500, body => 'no' });
is_deeply([ fire('refused', send_once('refused', $endpoint->url)) ],
	[ 'PENDING|0||', 'FAILED|1|"127.0.0.1" answered with status 500|{"body": "no", "error": {"message": "\"127.0.0.1\" answered with status 500"}, "resultType": "HTTP_RESPONSE", "statusCode": 500}' ],
	'G167 and FAILED, with the error, when 500 was the last answer');
$endpoint->stop;
my ($before, $after) = fire('unreachable', send_once('unreachable', $endpoint->url));
is($before, 'PENDING|0||', 'G167 PENDING until it is tried');
like($after, qr/^FAILED\|1\|could not send to "127\.0\.0\.1": .*\|\{"error": \{"message": "could not send .*"\}, "resultType": "DEFAULT"\}$/,
	'G167 and FAILED, with the error, when nobody listens');

done_testing();
