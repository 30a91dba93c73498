# The owner of the tables alters them while the worker runs.  What it cannot
# read makes it hold, with one line in the log a minute, and nothing is lost:
# it goes on once the table is as it was.  Partitions it can read.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Endpoint;
use WbAutomations::Node;

my $node = WbAutomations::Node->new('altered');
my $endpoint = WbAutomations::Endpoint->new;
my $run = $node->new_run('ml/altered');
$node->sql(sprintf q(
	SELECT wb.create_webhook_integration('ml', 'hook', '%s');
	SELECT wb.create_automation('nan', wb.on_run_metric(wb.project('ml', 'altered'), wb.is_nan('loss')),
		wb.send_webhook(wb.webhook_integration('ml', 'hook'), '{"name": "${automation_name}"}'), cooldown => '0');), $endpoint->url);
$node->log_metric($run, 'loss', 'NaN');
$endpoint->wait_for_request;
$node->wait_until_settled;

# Each change comes to be with a row that waits.
my $at = 10;
for ([ 'executions', 'automation_name TYPE bigint USING 1', 'automation_name TYPE text USING \'nan\'' ],
	[ 'executions', 'run_id TYPE text', 'run_id TYPE bigint USING run_id::bigint' ],
	[ 'executions', 'why DROP NOT NULL', 'why SET NOT NULL' ],
	[ 'deliveries', 'attempts TYPE text', 'attempts TYPE smallint USING attempts::smallint' ],
	[ 'integrations', 'kind DROP NOT NULL', 'kind SET NOT NULL' ])
{
	my ($table, $change, $remedy) = @$_;
	my ($column) = split / /, $change;
	my $from = -s $node->logfile;

	$node->sql(sprintf q(BEGIN;
		INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (%d, 'loss', %d, 'NaN');
		DROP VIEW wb.automation_history, wb.stat_automations, wb.stat_integrations CASCADE;
		ALTER TABLE wb.%s ALTER %s; COMMIT), $run, $at++, $table, $change);
	$node->wait_for_log(qr/WARNING: .* deliveries in database "postgres" are held: column "$column" of wb\.$table/, $from)
	  if $at == 11;
	like($node->sql(q(SELECT detail FROM wb.status() WHERE item = 'tables')), qr/column "$column" of wb\.$table/,
		"wb.status() names $table.$column");
	$node->sql("ALTER TABLE wb.$table ALTER $remedy; SELECT wb.create_views();");
	$endpoint->wait_for_request;
	$node->wait_until_settled;
	is($node->sql('SELECT count(*) FROM wb.automation_history WHERE state = \'FINISHED\''), $at - 9, "after $change, and back, all was sent");
}

# One that waited for the lock of an ALTER TABLE may have to begin anew, once.
my $log = slurp_file($node->logfile);
unlike($log, qr/terminated by signal/, 'no process died of it');
my %said;
$said{$1}++ while $log =~ /\[(\d+)\] WARNING: .* deliveries in database "postgres" are held/g;
is(join(', ', grep { $said{$_} > 1 } keys %said), '', 'and no worker says twice within a minute that it holds');

# History and queue in partitions: rows fire, cooldowns hold, messages are sent.
$node->sql(q(BEGIN;
	DROP VIEW wb.automation_history, wb.stat_automations, wb.stat_integrations, wb.automation_list CASCADE;
	DROP TABLE wb.executions, wb.deliveries;
	CREATE TABLE wb.executions (id bigint GENERATED ALWAYS AS IDENTITY, automation_id bigint NOT NULL, automation_name text NOT NULL,
		origin text NOT NULL DEFAULT 'event', triggered_at timestamptz NOT NULL, cooldown interval, cooldown_key text NOT NULL DEFAULT '',
		event_type text NOT NULL, project_id bigint, run_id bigint, artifact_id bigint, why text NOT NULL, event jsonb NOT NULL,
		action_type text NOT NULL, scope_type text, scope_id bigint, state text NOT NULL DEFAULT 'PENDING', settled_at timestamptz,
		action jsonb NOT NULL, result jsonb, PRIMARY KEY (id, triggered_at)) PARTITION BY RANGE (triggered_at);
	CREATE TABLE wb.executions_past PARTITION OF wb.executions FOR VALUES FROM (MINVALUE) TO ('2020-01-01');
	CREATE TABLE wb.executions_now PARTITION OF wb.executions DEFAULT;
	CREATE TABLE wb.deliveries (execution_id bigint PRIMARY KEY, integration_id bigint NOT NULL, installation_id uuid NOT NULL,
		due_at timestamptz NOT NULL, attempts smallint NOT NULL DEFAULT 0, crashes smallint NOT NULL DEFAULT 0, last_error text)
		PARTITION BY HASH (execution_id);
	CREATE TABLE wb.deliveries_0 PARTITION OF wb.deliveries FOR VALUES WITH (MODULUS 2, REMAINDER 0);
	CREATE TABLE wb.deliveries_1 PARTITION OF wb.deliveries FOR VALUES WITH (MODULUS 2, REMAINDER 1);
	SELECT wb.setup(); COMMIT;
	SELECT wb.create_automation('once', wb.on_run_metric(wb.project('ml', 'altered'), wb.is_nan('accuracy')),
		wb.send_webhook(wb.webhook_integration('ml', 'hook')), cooldown => '1 day');));
# a worker that looked at the tables before may have begun anew
$node->poll(q(SELECT wb.worker_pid() IS NOT NULL));
is(join(', ', grep { $_ ne 'queue' } keys %{ { $node->complaints } }), '', 'wb.status() has nothing against partitions');
$node->log_metric($run, 'accuracy', 'NaN');
$endpoint->wait_for_request;
$node->log_metric($run, 'accuracy', 'NaN', 'NaN');
$node->wait_until_settled;
is($node->sql(q(SELECT string_agg(state, ' ' ORDER BY execution_id) FROM wb.automation_history)), 'FINISHED SKIPPED',
	'a partitioned history fires once a cooldown, and notes it once');
$node->log_metric($run, 'loss', 'NaN', 'NaN', 'NaN');
$endpoint->wait_for_requests(3);
$node->wait_until_settled;
is($node->sql(q(SELECT count(*) FROM wb.automation_history WHERE state = 'FINISHED')), '4', 'and delivers what fires');

done_testing();
