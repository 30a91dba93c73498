# The worker keeps history and queue small, counts, and says what went wrong;
# people cancel and replay.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Endpoint;
use WbAutomations::Node;

my $node = WbAutomations::Node->new('upkeep', conf => qq(
max_prepared_transactions = 2
wb_automations.max_in_flight = 8
));
my $run = $node->new_run('ml/upkeep');
my $endpoint = WbAutomations::Endpoint->new;

# An automation on a metric of its own name.
sub automate
{
	my ($name, $action, $cooldown) = @_;

	return $node->sql(sprintf q(SELECT wb.create_automation('%s', wb.on_run_metric(wb.project('ml', 'upkeep'),
		wb.metric('%s', '>', 0)), %s, cooldown => '%s')), $name, $name, $action, $cooldown // '0');
}

my $hook = $node->sql(sprintf q(SELECT wb.create_webhook_integration('ml', 'hook', '%s')), $endpoint->url('/secret-path-71c2'));
automate('load', "wb.send_webhook($hook, '{\"step\": \"\${step}\"}')");
automate('quiet', 'wb.do_nothing()', '1 hour');
automate('note', 'wb.do_nothing()');

# Insert so many rows of a metric in one transaction.
my $step = 0;

sub fire
{
	my ($metric, $count) = @_;

	$node->sql(sprintf q(INSERT INTO wb.run_metrics (run_id, name, step, value)
		SELECT %d, '%s', s, 1 FROM generate_series(%d, %d) s), $run, $metric, $step + 1, $step + $count);
	$step += $count;
	return;
}

my $settled = q(SELECT state, count(*) FROM wb.executions e WHERE automation_name = '%s' GROUP BY state ORDER BY state);

# What was sent is sent again, as a message of its own, when it is replayed.
{
	fire('load', 1);
	my $first = $endpoint->wait_for_request;
	$node->wait_until_settled;
	my $id = $node->sql(q(SELECT max(execution_id) FROM wb.automation_history));
	$node->sql("SELECT wb.replay($id)");
	my $second = $endpoint->wait_for_request;
	is($second->{body}, $first->{body}, 'a replay sends the same');
	isnt($second->{headers}{'webhook-id'}, $first->{headers}{'webhook-id'}, 'under an id of its own');
	$node->wait_until_settled;
	is($node->sql(q(SELECT origin, state FROM wb.automation_history WHERE automation_name = 'load')),
		"replay|FINISHED\nevent|FINISHED", 'and has a line of its own in history');
}

# What failed for good is sent again by one statement.
{
	$endpoint->set_answer(404);
	$node->sql('UPDATE wb.integrations SET max_attempts = 1');
	fire('load', 3);
	$node->wait_until_settled;
	$endpoint->set_answer(200);
	$node->sql('UPDATE wb.integrations SET max_attempts = 12');
	my $before = $endpoint->requests;
	is($node->sql(q(SELECT count(wb.replay(execution_id)) FROM wb.automation_history WHERE state = 'FAILED')), '3',
		'all that failed can be replayed at once');
	$endpoint->wait_for_requests($before + 3);
	$node->wait_until_settled;
	is($node->sql(q(SELECT count(*) FROM wb.executions WHERE origin = 'replay' AND state = 'FINISHED')), '4', 'and arrives');

	# The log tells which attempt failed, without the path of the URL.
	my $log = slurp_file($node->logfile);
	like($log, qr/LOG:  execution \d+ of automation "load", integration "hook", host "127\.0\.0\.1": attempt 1 failed: "127\.0\.0\.1" answered with status 404\n.*DETAIL:  There will be no other attempt\./,
		'the log names automation, integration, host and attempt');
	unlike($log, qr/secret-path-71c2/, 'and not the path');
}

# What is cancelled while it is on its way stays cancelled.
{
	$endpoint->set_answer('hang');
	my $before = $endpoint->requests;
	fire('load', 1);
	$endpoint->wait_for_requests($before + 1);
	my $id = $node->sql(q(SELECT max(id) FROM wb.executions));
	$node->sql("SELECT wb.cancel($id)");
	$endpoint->set_answer(200);
	fire('load', 1);
	$node->poll("SELECT state = 'FINISHED' FROM wb.executions WHERE id = $id + 1");
	is($node->sql("SELECT state FROM wb.executions WHERE id = $id"), 'SKIPPED', 'what is cancelled in flight stays SKIPPED');
	$node->kill_worker('TERM');
	$node->worker_pid;
	fire('load', 1);
	$node->poll("SELECT state = 'FINISHED' FROM wb.executions WHERE id = $id + 2");
	is($node->sql("SELECT state FROM wb.executions WHERE id = $id"), 'SKIPPED', 'and is not sent by a later worker');
}

# What the worker did can be asked.
{
	my @stat = split /\|/, $node->sql(q(SELECT pid = wb.worker_pid(), starts, delivered > 0, retried + failed > 0, claims > 0,
		claimed >= claims, records > 0, wakes > 0, looks > 0, memory > 100000, last_error IS NULL, held FROM wb.stat_worker()));
	is_deeply(\@stat, [ 't', 2, ('t') x 9, 0 ], 'wb.stat_worker() tells what the worker did');
	is($node->sql(q(SELECT state FROM wb.stat_worker())), 'idle', 'and that it rests');
}

# A transaction that was prepared wakes the worker when it commits.
{
	$node->sql("BEGIN; INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES ($run, 'note', 1, 1); PREPARE TRANSACTION 'later'");
	my $wakes = $node->sql('SELECT wakes FROM wb.stat_worker()');
	is($node->sql(sprintf $settled, 'note'), '', 'a prepared transaction shows nothing');
	$node->sql("COMMIT PREPARED 'later'");
	local $PostgreSQL::Test::Utils::timeout_default = 20;
	$node->poll(sprintf($settled, 'note'), 'FINISHED|1');
	cmp_ok($node->sql('SELECT wakes FROM wb.stat_worker()'), '>', $wakes, 'COMMIT PREPARED wakes the worker');
}

# The worker removes history that is older than the setting says.
{
	fire('quiet', 2);
	my $old = $node->sql(q(SELECT count(*) FROM wb.executions WHERE state <> 'PENDING' AND automation_name <> 'quiet'));
	$node->sql(q(UPDATE wb.executions SET triggered_at = triggered_at - interval '2 days' WHERE automation_name <> 'quiet'));
	$node->sql(q(INSERT INTO wb.executions (automation_id, automation_name, state, triggered_at, event_type, why, event, action_type, action)
		SELECT 1, 'ancient', 'FINISHED', now() - interval '1 year', 'RUN_METRIC', '', '{}', 'NO_OP', '{}' FROM generate_series(1, 3000)));
	fire('note', 1);
	$node->wait_until_settled;
	cmp_ok($old, '>', 5, 'there is history');

	# A trigger of the user's own forbids it; nothing else suffers.
	$node->sql(q(CREATE FUNCTION forbid() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not mine'; END $$;
		CREATE TRIGGER forbid BEFORE DELETE ON wb.executions FOR EACH ROW EXECUTE FUNCTION forbid();));
	my $pid = $node->worker_pid;
	my $offset = -s $node->logfile;
	$node->set('wb_automations.retention', q('1d'));
	$node->wait_for_log(qr/WARNING:  could not remove old history: not mine/, $offset);
	fire('note', 1);
	$node->wait_until_settled;
	is($node->worker_pid, $pid, 'history that cannot be removed stops no worker');

	# A foreign key of the user's own keeps what it refers to.
	$node->sql(q(CREATE TABLE mine (id bigint REFERENCES wb.executions); INSERT INTO mine SELECT min(id) FROM wb.executions WHERE automation_name = 'ancient';
		DROP TRIGGER forbid ON wb.executions));
	$node->reload;
	$node->poll(q(SELECT count(*) FROM wb.executions WHERE triggered_at < now() - interval '1 day'), 1);
	is($node->sql(q(SELECT count(*) FROM wb.executions e JOIN mine USING (id))), '1', 'what a foreign key refers to stays');
	$node->sql('DROP TABLE mine');
	$node->reload;
	$node->poll(q(SELECT count(*) FROM wb.executions WHERE triggered_at < now() - interval '1 day'), 0);
	is($node->sql(q(SELECT automation_name, count(*) FROM wb.executions GROUP BY 1 ORDER BY 1)), "note|2\nquiet|2",
		'the worker removes what is too old, and that alone');
	is($node->sql(q(SELECT count(*) FROM wb.delivery_attempts t WHERE NOT EXISTS (SELECT FROM wb.executions e WHERE e.id = t.execution_id))),
		'0', 'with its attempts');
	$node->set('wb_automations.retention', '0');
}

# A queue that is too long loses the oldest of the automation that has most of
# them; the user's INSERT notices nothing, and wb.status() tells.
{
	$endpoint->set_answer('hang');
	my $before = $endpoint->requests;
	fire('load', 1);
	$endpoint->wait_for_requests($before + 1);
	my $seldom = automate('seldom', "wb.send_webhook($hook)");
	fire('seldom', 2);
	$endpoint->wait_for_requests($before + 3);
	$node->set('wb_automations.delivery', 'off');
	fire('load', 2500);
	$node->set('wb_automations.worker', 'off');
	$node->poll('SELECT wb.worker_pid() IS NULL');
	$node->set('wb_automations.queue_limit', 1000);
	is($node->sql(q(SELECT ok, detail ~ '^2503 waiting', hint FROM wb.status() WHERE item = 'queue')),
		'f|t|More than wb_automations.queue_limit, 1000: the worker skips the oldest of the automation that has most of them.',
		'wb.status() tells of a queue that is too long');
	$node->set('wb_automations.worker', 'on');
	$node->poll('SELECT count(*) FROM wb.deliveries', 1000);
	is($node->sql(q(SELECT automation_name, count(*), max(error) FROM wb.automation_history WHERE state = 'SKIPPED' AND automation_name <> 'quiet' GROUP BY 1)),
		'load|1503|the queue was longer than 1000', 'the worker makes the oldest of the busiest automation SKIPPED');
	is($node->sql(q(SELECT count(*) FROM wb.executions WHERE state = 'PENDING' AND automation_name = 'seldom')), '2',
		'and no other');
	is($node->sql(q(SELECT count(*) FROM wb.executions e WHERE e.state = 'PENDING' AND NOT EXISTS (SELECT FROM wb.deliveries d WHERE d.execution_id = e.id))),
		'0', 'nothing is PENDING and off the queue');
	$endpoint->set_answer(200);
	$node->set('wb_automations.delivery', 'on');
	$node->wait_until_settled;
}

# A clock that jumps, forward and back, sends nothing twice and holds nothing
# up: what waits for an attempt in an hour waits for no more than that hour.
{
	$endpoint->set_answer(200);
	my $before = $endpoint->requests;
	$node->set('wb_automations.clock_offset', q('1h'));
	fire('load', 1);
	$endpoint->wait_for_requests($before + 1);
	$node->wait_until_settled;

	$node->set('wb_automations.delivery', 'off');
	fire('load', 2);
	my $offset = -s $node->logfile;
	$node->set('wb_automations.clock_offset', 0);
	$node->wait_for_log(qr/LOG:  the clock was put back by 3(600|599) seconds, so what waits is due as much earlier/, $offset);
	$node->set('wb_automations.delivery', 'on');
	$endpoint->wait_for_requests($before + 3);
	fire('load', 1);
	$endpoint->wait_for_requests($before + 4);
	$node->wait_until_settled;
	is(scalar $endpoint->requests, $before + 4, 'a clock that jumps by an hour and back sends each message once, at once');

	$endpoint->set_answer(503);
	fire('load', 1);
	$endpoint->wait_for_requests($before + 5);
	$node->poll(q(SELECT attempts = 1 AND due_at < clock_timestamp() + interval '10 s' FROM wb.deliveries));
	$endpoint->set_answer(200);
	$node->wait_until_settled;
	is(scalar $endpoint->requests, $before + 6, 'and retries come when they should');
}

done_testing();
