# A role that may do no more than log metrics gets its message sent, and sees
# nothing of where it goes.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Endpoint;
use WbAutomations::Node;

my $node = WbAutomations::Node->new('privileges');
my $endpoint = WbAutomations::Endpoint->new;

$node->sql(sprintf q(
	SELECT wb.create_team('ml'), wb.create_project('ml', 'shared');
	SELECT wb.set_secret('ml', 'TOKEN', 'token-c0ffee');
	SELECT wb.create_webhook_integration('ml', 'hook', '%s', access_token => 'TOKEN');
	SELECT wb.create_automation('nan', wb.on_run_metric(wb.project('ml', 'shared'), wb.is_nan('loss')),
		wb.send_webhook(wb.webhook_integration('ml', 'hook'), '{"author": "${event_author}", "run": "${run_id}"}'));
	SELECT wb.create_automation('new', wb.on_run_state(wb.project('ml', 'shared'), array['running']),
		wb.send_webhook(wb.webhook_integration('ml', 'hook'), '{"state": "${run_status}"}'));
	CREATE ROLE ann LOGIN;
	GRANT USAGE ON SCHEMA wb TO ann;
	GRANT SELECT (id), INSERT (project_id, name) ON wb.runs TO ann;
	GRANT INSERT (run_id, name, step, value) ON wb.run_metrics TO ann;
	CREATE ROLE bob LOGIN;), $endpoint->url);

# What ann, as herself, gets from a statement: its output, and its error.
sub as_ann
{
	my ($statement) = @_;
	my ($result, $out, $err) =
	  $node->psql('postgres', $statement, extra_params => [ '-U', 'ann' ]);
	return ($out, $err);
}

# With plain INSERTs, because she may do nothing else.
my ($out, $err) = as_ann(q(
	INSERT INTO wb.runs (project_id, name) VALUES (1, 'annsrun1');
	INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (1, 'loss', 1, 'NaN');));
is($err, '', 'a role with INSERT on runs and metrics can log');
my @requests = $endpoint->wait_for_requests(2);
is_deeply([ sort map { $_->{body} } @requests ], [ '{"run": "annsrun1", "author": "ann"}', '{"state": "RUNNING"}' ],
	'its run and its NaN are delivered');
is($requests[0]{headers}{authorization}, 'Bearer token-c0ffee', 'with the secret of the team');
$node->wait_until_settled;
is($node->sql(q(SELECT automation_name, state FROM wb.automation_history ORDER BY automation_name)),
	"nan|FINISHED\nnew|FINISHED", 'and recorded');

# So does COPY, with many rows of many runs.
($out, $err) = as_ann("COPY wb.run_metrics (run_id, name, step, value) FROM stdin;\n"
	  . join('', map { "1\tloss\t$_\tNaN\n1\tother\t$_\t1\n" } 2 .. 50) . "\\.\n");
is($err, '', 'COPY is allowed as well');
$node->wait_until_settled;
is($node->sql(q(SELECT state, count(*) FROM wb.executions GROUP BY state ORDER BY state)), "FINISHED|2\nSKIPPED|1",
	'and the cooldown counts');

# She reads nothing of what stands behind it, and changes nothing.
for my $table ('integrations', 'secrets', 'automations', 'executions', 'deliveries', 'delivery_attempts',
	'delivery_claims', 'integration_states', 'stat_integrations', 'installation', 'automation_history', 'runs', 'run_metrics')
{
	(undef, $err) = as_ann("SELECT * FROM wb.$table");
	like($err, qr/ERROR:  permission denied for (?:table|view) $table/, "she cannot read wb.$table");
}
for my $statement (
	'INSERT INTO wb.executions (automation_id, automation_name, triggered_at, event_type, why, event, action_type, action) VALUES (1, $$x$$, now(), $$x$$, $$x$$, $${}$$, $$x$$, $${}$$)',
	'DELETE FROM wb.deliveries',
	'UPDATE wb.automations SET enabled = false',
	'UPDATE wb.integrations SET url = $$https://example.org$$',
	'TRUNCATE wb.secrets')
{
	(undef, $err) = as_ann($statement);
	like($err, qr/ERROR:  permission denied for table/, 'she cannot: ' . substr $statement, 0, 40);
}
for my $call (
	q(wb.seal_secret(1, 'x', 'y')), q(wb.set_secret('ml', 'TOKEN', 'mine')), 'wb.make_secret_key()',
	'wb.setup()', q(wb.arm('send')), 'wb.start_worker()', 'wb.wake()', q(wb.delete_secret('ml', 'TOKEN')))
{
	(undef, $err) = as_ann("SELECT $call");
	like($err, qr/ERROR:  permission denied/, "she cannot call $call");
}

# The trigger functions do not let her do as their owner: neither attached to a
# table of her own, nor by objects that her search_path puts in front.
$node->sql('CREATE SCHEMA hers AUTHORIZATION ann');
(undef, $err) = as_ann(q(
	CREATE TABLE hers.metrics (run_id bigint, name text, step bigint, value float8, logged_at timestamptz);
	CREATE TRIGGER t AFTER INSERT ON hers.metrics FOR EACH ROW EXECUTE FUNCTION wb.capture_run_metric();));
like($err, qr/ERROR:  permission denied for function (?:wb\.)?capture_run_metric/, 'she cannot attach a trigger function of ours');
($out, $err) = as_ann(q(
	CREATE FUNCTION hers.same(text, text) RETURNS boolean LANGUAGE plpgsql AS
		'BEGIN RAISE EXCEPTION ''called as %'', current_user; END';
	CREATE OPERATOR hers.= (LEFTARG = text, RIGHTARG = text, FUNCTION = hers.same);
	CREATE FUNCTION hers.now() RETURNS timestamptz LANGUAGE plpgsql AS
		'BEGIN RAISE EXCEPTION ''called as %'', current_user; END';
	SET search_path = hers, pg_catalog;
	INSERT INTO wb.runs (project_id, name) VALUES (1, 'annsrun2');
	INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (2, 'loss', 1, 'NaN');
	SELECT current_user;));
is("$out|$err", 'ann|', 'what her search_path puts in front is not called');
$node->wait_until_settled;
is($node->sql('SELECT count(*) FROM wb.executions WHERE run_id = 2'), '2', 'and her run fires all the same');

# Without USAGE on the schema there is no way in.
my ($result, $output, $error) = $node->psql('postgres', 'SELECT wb.worker_pid()', extra_params => [ '-U', 'bob' ]);
like($error, qr/ERROR:  permission denied for schema wb/, 'nobody else sees the schema');

# What became of it in the log: no secret.
unlike(slurp_file($node->logfile), qr/token-c0ffee/, 'the log has no secret');

done_testing();
