# A database that ran wb.setup() has one delivery worker, whatever happens to
# it, and none where there must not be one.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use WbAutomations::Endpoint;
use WbAutomations::Node;

my $node = WbAutomations::Node->new(
	'lifecycle',
	setup => 0,
	init => { allows_streaming => 1 },
	conf => 'max_worker_processes = 20');
my $count = q(SELECT count(*) FROM pg_stat_activity
	WHERE backend_type = 'wb_automations worker');

# Make the extension, and an automation that only leaves a line in history.
sub set_up
{
	my ($database) = @_;

	$node->safe_psql($database, q(
		CREATE EXTENSION wb_automations;
		SELECT wb.setup();
		SELECT wb.create_team('ml'), wb.create_project('ml', 'life');
		SELECT wb.start_run((SELECT id FROM wb.projects), name => 'one');
		SELECT wb.create_automation('nan', wb.on_run_metric(wb.project('ml', 'life'), wb.is_nan('loss')),
			wb.do_nothing(), cooldown => '0');));
	return;
}

# A firing of that automation is settled, so a worker is at work.
sub is_settled
{
	my ($database, $name) = @_;

	my $id = $node->safe_psql($database,
		q(SELECT wb.log(wb.run('ml/life/one'), '{"loss": "NaN"}');
		  SELECT max(id) FROM wb.executions;));
	$id =~ s/.*\n//s;
	ok($node->poll_query_until($database,
		"SELECT state = 'FINISHED' FROM wb.executions WHERE id = $id"), $name);
	return;
}

# Before wb.setup() there is nothing that a worker could do.
is($node->sql($count), '0', 'no worker runs before wb.setup()');

# wb.setup() calls the launcher; the server is not restarted.
set_up('postgres');
my $pid = $node->worker_pid;
is_settled('postgres', 'wb.setup() starts a worker');
is_deeply({ $node->complaints }, {}, 'wb.status() finds nothing wrong');

# The same in a database that is made while the server runs.
$node->safe_psql('postgres', 'CREATE DATABASE second');
set_up('second');
$node->worker_pid('second');
is_settled('second', 'wb.setup() starts a worker in a second database');
is($node->worker_pid, $pid, 'the worker of the first database is still the same');

# wb.setup() again, and sessions that ask for a worker at the same time, do not
# make a second one.
{
	my @sessions = map {
		IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c',
				'SELECT wb.setup(); SELECT wb.start_worker()' ], '>', \my $out)
	} 1 .. 4;
	IPC::Run::finish($_) for @sessions;
	is($node->sql('SELECT wb.start_worker()'), $pid, 'wb.start_worker() returns the worker that runs');
	is($node->sql("$count AND datname = 'postgres'"), '1', 'one worker per database');
}

# However the worker ends, a new one starts.
for my $signal ('TERM', 'KILL')
{
	my $old = $node->kill_worker($signal);
	isnt($node->worker_pid, $old, "a worker ended by SIG$signal is started again");
	is_settled('postgres', "it works after SIG$signal");
}
$pid = $node->worker_pid;
$node->sql("SELECT pg_terminate_backend($pid)");
$node->poll("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $pid)");
isnt($node->worker_pid, $pid, 'a worker ended by pg_terminate_backend is started again');

# Several sessions that start a worker at the moment at which none runs end up
# with one: the others do not get its lock.
{
	$node->kill_worker('TERM');
	my @sessions = map {
		IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c',
				'SELECT wb.start_worker()' ], '>', \my $out, '2>', \my $err)
	} 1 .. 4;
	IPC::Run::finish($_) for @sessions;
	$node->worker_pid;
	is_settled('postgres', 'sessions that start a worker at the same time get one that works');
	$node->poll("$count AND datname = 'postgres'", 1);
	pass('and only one');
}

# The setting stops all workers, and lets them come back, by a mere reload.
$node->set('wb_automations.worker', 'off');
$node->poll($count, 0);
pass('wb_automations.worker = off stops the workers');
my ($result, $out, $err) = $node->psql('postgres', 'SELECT wb.start_worker()');
like($err, qr/ERROR:  cannot start a worker while "wb_automations.worker" is off/,
	'none can be started by hand then');
$node->set('wb_automations.worker', 'on');
$node->poll($count, 2);
pass('wb_automations.worker = on brings them back');

# DROP DATABASE does not mind the worker, and a worker whose database could not
# be dropped goes on.
{
	my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('second') ],
		'<', \my $in, '>', \my $output);
	$in = "SELECT 'connected';\n";
	IPC::Run::pump($session) until ($output // '') =~ /connected/;
	($result, $out, $err) = $node->psql('postgres', 'DROP DATABASE second');
	like($err, qr/ERROR:  database "second" is being accessed by other users\nDETAIL:  There is 1 other session using the database\./,
		'DROP DATABASE complains of other sessions, not of the worker');
	IPC::Run::finish($session);
	$node->worker_pid('second');
	is_settled('second', 'the worker goes on after a DROP DATABASE that failed');

	$node->safe_psql('postgres', 'ALTER DATABASE second RENAME TO third');
	is_settled('third', 'the worker goes on after ALTER DATABASE RENAME');
	is($node->psql('postgres', 'DROP DATABASE third'), 0, 'DROP DATABASE succeeds while a worker runs');
	$node->poll($count, 1);
	pass('the worker of a dropped database is gone');
}

# DROP EXTENSION must not take the data along, and the worker ends with it.
($result, $out, $err) = $node->psql('postgres', 'DROP EXTENSION wb_automations');
like($err, qr/ERROR:  cannot drop extension wb_automations because other objects depend on it/,
	'DROP EXTENSION without CASCADE is refused');
my $executions = $node->sql('SELECT count(*) FROM wb.executions');
$node->sql('SET client_min_messages = error; DROP EXTENSION wb_automations CASCADE');
$node->poll($count, 0);
pass('DROP EXTENSION ends the worker');
is($node->sql('SELECT count(*) FROM wb.executions'), $executions, 'and leaves history in place');
$node->sql('CREATE EXTENSION wb_automations; SELECT wb.setup();');
$node->worker_pid;
is_settled('postgres', 'CREATE EXTENSION and wb.setup() bring everything back');

# The server stops although a receiver does not answer, and what was in flight
# is sent again after the start, as the same message.
{
	my $endpoint = WbAutomations::Endpoint->new(answers => ['hang']);
	$node->sql(sprintf q(
		SELECT wb.create_webhook_integration('ml', 'slow', '%s');
		SELECT wb.create_automation('slow', wb.on_run_metric(wb.project('ml', 'life'), wb.metric('slow', '>', 0)),
			wb.send_webhook(wb.webhook_integration('ml', 'slow')));
		SELECT wb.log(wb.run('ml/life/one'), '{"slow": 1}');), $endpoint->url);
	my $first = $endpoint->wait_for_request;

	my $start = time;
	$node->stop('fast');
	cmp_ok(time - $start, '<', 3, 'a fast shutdown does not wait for a slow receiver');

	$endpoint->set_answer(200);
	$node->start;
	my $second = $endpoint->wait_for_request;
	is($second->{headers}{'webhook-id'}, $first->{headers}{'webhook-id'},
		'what was in flight is sent again with the same id');
	$node->wait_until_settled;
	is($node->sql(q(SELECT state FROM wb.executions WHERE automation_name = 'slow')), 'FINISHED',
		'and recorded');
}

# A standby has no worker until it is promoted.
{
	$node->backup('base');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($node, 'base', has_streaming => 1);
	$standby->start;
	is($standby->safe_psql('postgres', $count), '0', 'a standby has no worker');
	($result, $out, $err) = $standby->psql('postgres', 'SELECT wb.start_worker()');
	like($err, qr/ERROR:  cannot start a worker during recovery/, 'none can be started there by hand');
	$node->wait_for_catchup($standby);
	$node->stop;
	$standby->promote;
	ok($standby->poll_query_until('postgres', $count, '1'), 'promotion starts a worker');
	$standby->stop;
}

# Tables of an older version: no worker runs on them, and the log says why;
# wb.setup() brings it back.
{
	my $old = WbAutomations::Node->new('old');
	$old->poll('SELECT wb.worker_pid() IS NOT NULL');
	$old->sql('UPDATE wb.installation SET schema_version = 1');
	my $log = -s $old->logfile;
	$old->sql('SELECT pg_terminate_backend(wb.worker_pid())');
	$old->sql('SELECT wb.wake()');
	$old->wait_for_log(qr/deliveries in database "postgres" are held: its tables are of an older version\n.*HINT:  Run SELECT wb\.setup\(\)/, $log);
	$old->poll('SELECT wb.worker_pid() IS NULL');
	pass('tables of an older version have no worker');
	$old->sql('SELECT wb.setup()');
	$old->poll('SELECT wb.worker_pid() IS NOT NULL');
	pass('wb.setup() brings it back');
	$old->stop;
}

done_testing();
