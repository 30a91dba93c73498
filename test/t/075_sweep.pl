# The worker finds runs that have fallen silent, and what they fire is
# delivered like anything else.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Endpoint;
use WbAutomations::Node;

my $node = WbAutomations::Node->new('sweep', conf => "wb_automations.crash_timeout = 1s\n");
my $endpoint = WbAutomations::Endpoint->new;
$node->sql(sprintf q(
	SELECT wb.create_project('ml', 'p');
	SELECT wb.create_webhook_integration('ml', 'hook', '%s');
	SELECT wb.create_automation('failed', wb.on_run_state(wb.project('ml', 'p'), '{failed}'),
		wb.send_webhook(wb.webhook_integration('ml', 'hook'), '{"what": "${run_status}", "run": "${run_name}"}'));
	SELECT wb.create_automation('silent', wb.on_run_silent(wb.project('ml', 'p'), '1 second'),
		wb.send_webhook(wb.webhook_integration('ml', 'hook'), '{"what": "silent", "run": "${run_name}"}'));),
	$endpoint->url);

# A run whose heartbeats end has crashed, and that is delivered as a failure.
$node->sql(q(SELECT wb.heartbeat(wb.start_run(wb.project_id('ml', 'p'), 'gone'))));
$node->poll(q(SELECT state FROM wb.runs WHERE display_name = 'gone'), 'crashed');

# A run that never sent one is silent, and not crashed.
$node->sql(q(SELECT wb.start_run(wb.project_id('ml', 'p'), 'mute')));
$node->poll(q(SELECT count(*) > 0 FROM wb.executions WHERE automation_name = 'silent' AND event->>'runName' = 'mute'));
is($node->sql(q(SELECT state FROM wb.runs WHERE display_name = 'mute')), 'running', 'silence alone is no crash');

$node->wait_until_settled;
my @bodies = map { $_->{body} } $endpoint->requests;
is(scalar(grep { $_ eq '{"run": "gone", "what": "FAILED"}' } @bodies), 1, 'a crash is delivered as a failure, once');
is(scalar(grep { $_ eq '{"run": "mute", "what": "silent"}' } @bodies), 1, 'silence is delivered, once');

# A user's trigger that fails does not stop the worker.
my $pid = $node->worker_pid;
$node->sql(q(
	CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no'; END$$;
	CREATE TRIGGER refuse BEFORE UPDATE ON wb.runs FOR EACH ROW EXECUTE FUNCTION refuse();
	INSERT INTO wb.runs (project_id, heartbeat_at) SELECT wb.project_id('ml', 'p'), now()));
$node->wait_for_log(qr/could not end 1 silent runs; run \d+: no/);
is($node->worker_pid, $pid, 'a run that cannot be written is logged, and the worker goes on');

done_testing();
