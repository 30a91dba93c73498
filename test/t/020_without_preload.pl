# Where the library is not preloaded nothing starts a worker by itself.  That
# is said wherever it matters, and one call changes it.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Endpoint;
use WbAutomations::Node;

my $node = WbAutomations::Node->new('by_hand', preload => 0, setup => 0);
my $endpoint = WbAutomations::Endpoint->new;
my $warning = qr/WARNING:  no worker runs in database "postgres", so nothing will be delivered\nHINT:  Add wb_automations to shared_preload_libraries and restart the server, or call SELECT wb\.start_worker\(\);/;
my ($result, $out, $err);

# A newcomer is told what comes next.
($result, $out, $err) = $node->psql('postgres', 'CREATE EXTENSION wb_automations');
like($err, qr/NOTICE:  wb_automations is installed; now run SELECT wb\.setup\(\); to make its tables/,
	'CREATE EXTENSION says what to do next');
($result, $out, $err) = $node->psql('postgres', 'SELECT wb.start_worker()');
like($err, qr/ERROR:  .*\nHINT:  .*wb\.setup\(\)/, 'wb.start_worker() before wb.setup() says what to do first');
($result, $out, $err) = $node->psql('postgres', 'SELECT wb.setup()');
like($err, $warning, 'wb.setup() warns that no worker runs, and names the two ways to one');

my $run = $node->new_run('ml/by-hand');
my $create = sprintf q(
	SELECT wb.create_webhook_integration('ml', 'hook', '%s');
	SELECT wb.create_automation('nan', wb.on_run_metric(wb.project('ml', 'by-hand'), wb.is_nan('loss')),
		wb.send_webhook(wb.webhook_integration('ml', 'hook')), cooldown => '0');), $endpoint->url;
($result, $out, $err) = $node->psql('postgres', $create);
like($err, $warning, 'wb.create_automation() warns of it too');

# The automation fires all the same, and the message waits.
$node->log_metric($run, 'loss', 'NaN');
is($node->sql('SELECT state FROM wb.automation_history'), 'PENDING', 'what fires waits');
is($node->sql(q(SELECT item, detail, hint FROM wb.status() WHERE NOT ok ORDER BY item)),
	join("\n",
		'launcher|does not run: the library is not preloaded|Add wb_automations to shared_preload_libraries and restart the server; until then wb.start_worker() starts a worker by hand.',
		'worker|does not run in database "postgres"|Call SELECT wb.start_worker();'),
	'wb.status() says how to start a worker');

# Not everybody may start one.
$node->sql(q(CREATE ROLE ann; CREATE ROLE operator; GRANT USAGE ON SCHEMA wb TO ann, operator;
	GRANT pg_signal_backend TO operator;));
($result, $out, $err) = $node->psql('postgres', 'SET ROLE ann; SELECT wb.start_worker()');
like($err, qr/ERROR:  permission denied to start a worker\nHINT:  Only superusers and members of role "pg_signal_backend" may start one\./,
	'a plain role may not start a worker');
is($node->sql('SELECT wb.worker_pid() IS NULL'), 't', 'and did not');

# One call, and everything is delivered; another one finds the worker.
my $pid = $node->sql('SET ROLE operator; SELECT wb.start_worker()');
$endpoint->wait_for_request;
$node->wait_until_settled;
is($node->sql('SELECT state FROM wb.automation_history'), 'FINISHED', 'wb.start_worker() delivers what waited');
is($node->worker_pid, $pid, 'and returns the process id of the worker');
is($node->sql('SELECT wb.start_worker()'), $pid, 'again, it returns the one that runs');
is($node->sql('SELECT item FROM wb.status() WHERE NOT ok'), 'launcher', 'wb.status() sees it');
is($node->sql('SELECT pid = wb.worker_pid(), state, starts IS NULL FROM wb.stat_worker()'), 't|idle|t',
	'wb.stat_worker() knows that it runs, and no more');
($result, $out, $err) = $node->psql('postgres', 'SELECT wb.setup()');
is($err, '', 'wb.setup() has nothing to warn of any more');

# Writers wake the worker although they were not preloaded: this message does
# not wait for its next look at the queue.
$node->log_metric($run, 'loss', 'NaN');
$endpoint->wait_for_request(30);
pass('a writer wakes the worker');

# It comes back by itself after it was killed, but not after a restart of the
# server.
my $killed = $node->kill_worker('TERM');
isnt($node->worker_pid, $killed, 'a worker that was killed is started again');
$node->restart;
is($node->sql('SELECT wb.worker_pid() IS NULL'), 't', 'after a restart of the server there is none');
$node->log_metric($run, 'loss', 'NaN');
$node->sql('SELECT wb.start_worker()');
$endpoint->wait_for_request;
$node->wait_until_settled;
is($node->sql(q(SELECT string_agg(state, ',') FROM wb.automation_history)), 'FINISHED,FINISHED,FINISHED',
	'until wb.start_worker() is called again');

# DROP DATABASE works even where the backend has not loaded the library: the
# worker ends like any other process.
$node->safe_psql('template1', 'DROP DATABASE postgres WITH (FORCE)');
is($node->safe_psql('template1', q(SELECT count(*) FROM pg_database WHERE datname = 'postgres')), '0',
	'DROP DATABASE WITH (FORCE) succeeds where nothing tells the worker to leave');

# Without a free slot the error says so.
{
	my $full = WbAutomations::Node->new('full', preload => 0, conf => 'max_worker_processes = 0');
	($result, $out, $err) = $full->psql('postgres', 'SELECT wb.start_worker()');
	like($err, qr/ERROR:  no slot for a background worker is free\nHINT:  You might need to increase "max_worker_processes"\./,
		'where no slot is free, the error names the setting');
}

done_testing();
