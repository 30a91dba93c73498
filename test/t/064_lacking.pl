# What the worker makes of settings that somebody left for every session, of a
# server without a connection or a slot to spare, and of rights that are taken
# from the owner of the tables while it runs.

use strict;
use warnings;

use List::Util qw(sum);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use WbAutomations::Endpoint;
use WbAutomations::Node;

my $node = WbAutomations::Node->new('lacking', setup => 0, conf => '
max_worker_processes = 3
max_connections = 8
superuser_reserved_connections = 0
max_wal_senders = 0
');
my $endpoint = WbAutomations::Endpoint->new;

# The extension in a database, owned by a role that is no superuser; every row
# of metric "load" is a message.
sub set_up
{
	my ($database) = @_;

	$node->safe_psql($database, sprintf q(
		CREATE EXTENSION wb_automations;
		GRANT CREATE, USAGE ON SCHEMA wb TO keeper;
		GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA wb TO keeper;
		SET ROLE keeper;
		SELECT wb.setup();
		RESET ROLE;
		REVOKE CREATE ON SCHEMA wb FROM keeper;
		SET ROLE keeper;
		SELECT wb.create_team('ml'), wb.create_project('ml', 'lacking');
		SELECT wb.start_run((SELECT id FROM wb.projects));
		SELECT wb.create_webhook_integration('ml', 'hook', '%s');
		SELECT wb.create_automation('load', wb.on_run_metric(wb.project('ml', 'lacking'), wb.metric('load', '>', 0)),
			wb.send_webhook(wb.webhook_integration('ml', 'hook'), '{"step": "${step}"}'), cooldown => '0')), $endpoint->url("/$database"));
	return;
}

my $steps = 0;

sub fire
{
	my ($database, $count) = @_;

	$node->safe_psql($database, sprintf q(INSERT INTO wb.run_metrics (run_id, name, step, value)
		SELECT 1, 'load', s, 1 FROM generate_series(%d, %d) s), $steps + 1, $steps + $count);
	$steps += $count;
	return;
}

sub is_settled
{
	my ($database, $what) = @_;

	ok($node->poll_query_until($database, q(SELECT NOT EXISTS (SELECT FROM wb.executions WHERE state <> 'FINISHED'))), "$what: all is delivered");
	my %came;
	$came{$_}++ for map { "$_->{path} $_->{body}" } grep { $_->{path} eq "/$database" } $endpoint->requests;
	is(scalar keys %came, $node->safe_psql($database, 'SELECT count(*) FROM wb.executions'), "$what: everything arrives");
	is(sum(values %came), $node->safe_psql($database, 'SELECT count(*) FROM wb.delivery_attempts'), "$what: as often as history says");
	return;
}

$node->sql('CREATE ROLE keeper');
set_up('postgres');
my $pid = $node->worker_pid;

# Settings of the database and of the role that the worker connects as, of which
# each would end its transactions or turn them into something else.
{
	my %nonsense = (
		default_transaction_read_only => 'on', default_transaction_isolation => 'serializable',
		default_transaction_deferrable => 'on', statement_timeout => '1ms', lock_timeout => '1ms',
		idle_in_transaction_session_timeout => '1ms', idle_session_timeout => '1ms', search_path => 'nowhere',
		session_replication_role => 'replica', row_security => 'off', role => 'keeper', default_tablespace => 'nowhere',
		temp_tablespaces => 'nowhere', DateStyle => 'German', TimeZone => 'Asia/Kathmandu', IntervalStyle => 'sql_standard',
		bytea_output => 'escape', extra_float_digits => '-15', work_mem => '64kB', enable_indexscan => 'off',
		array_nulls => 'off', client_encoding => 'SQL_ASCII', synchronous_commit => 'off', log_statement => 'all',
		transform_null_equals => 'on', quote_all_identifiers => 'on', xmlbinary => 'hex');
	my $superuser = $node->sql('SELECT current_user');
	$node->sql('SET client_min_messages = error;' . join ';', map {
			my $value = $nonsense{$_};
			("ALTER DATABASE postgres SET $_ = '$value'", "ALTER ROLE $superuser SET $_ = '$value'") } sort keys %nonsense);

	# every session of the test would have them too
	local $ENV{PGOPTIONS} = join ' ', '-c', 'client_min_messages=error', '-c', 'statement_timeout=0', '-c', 'default_transaction_read_only=off', '-c', 'idle_session_timeout=0',
	  '-c', 'idle_in_transaction_session_timeout=0', '-c', 'session_replication_role=origin', '-c', 'role=none', '-c', 'lock_timeout=0',
	  '-c', 'DateStyle=ISO', '-c', 'log_statement=none';
	$node->kill_worker('TERM');
	isnt($node->worker_pid, $pid, 'a worker starts, whatever the settings of database and role are');
	fire('postgres', 100);
	is_settled('postgres', 'settings of database and role');
	is($node->sql(q(SELECT count(*), bool_and(milliseconds >= 0) FROM wb.delivery_attempts)), '100|t', 'and recorded as ever');
	$node->safe_psql('template1', "ALTER DATABASE postgres RESET ALL; ALTER ROLE $superuser RESET ALL");
}

# The same for the whole server, while the worker runs.
{
	$node->sql("ALTER SYSTEM SET default_transaction_read_only = on; ALTER SYSTEM SET statement_timeout = '1ms'; SELECT pg_reload_conf()");
	local $ENV{PGOPTIONS} = '-c statement_timeout=0 -c default_transaction_read_only=off';
	fire('postgres', 100);
	is_settled('postgres', 'settings of the server');
	$node->sql('ALTER SYSTEM RESET ALL; SELECT pg_reload_conf()');
}

# Every connection is taken, and the worker has to start anew.
{
	$pid = $node->worker_pid;
	my @sessions = map {
		my %session = (in => "SELECT 'connected';\n", out => '', err => '');
		$session{run} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ], '<', \$session{in}, '>', \$session{out}, '2>', \$session{err});
		IPC::Run::pump($session{run}) until $session{out} =~ /connected/;
		\%session
	} 1 .. 8;
	my ($status, $out, $err) = $node->psql('postgres', 'SELECT 1');
	like($err, qr/too many clients already/, 'there is no connection left');
	$sessions[0]{in} = "INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT 1, 'load', s, 1 FROM generate_series($steps + 1, $steps + 100) s;\n";
	$steps += 100;
	kill 'TERM', $pid;
	IPC::Run::pump_nb($sessions[0]{run});
	$endpoint->wait_for_requests(300);
	pass('the worker needs none of them');
	IPC::Run::finish($_->{run}) for @sessions;
	is_settled('postgres', 'no connection to spare');
}

# The server has slots for three processes in the background: its own, ours that
# starts workers, and one worker.  The worker of a second database takes the slot
# as soon as there is one.
{
	$node->sql('CREATE DATABASE second');
	set_up('second');
	fire('second', 10);
	$node->wait_for_log(qr/WARNING:  no slot for a background worker is free, so database \d+ may have to wait for its deliveries\n.*HINT:  You might need to increase "max_worker_processes"\./);
	is($node->safe_psql('second', q(SELECT count(*) FROM wb.executions WHERE state = 'PENDING')), '10', 'without a slot everything waits');
	is($node->safe_psql('second', q(SELECT ok FROM wb.status() WHERE item = 'worker')), 'f', 'wb.status() says that there is no worker');
	$node->sql('DROP EXTENSION wb_automations CASCADE');
	is_settled('second', 'a slot that came free');
}

# Rights are taken from the owner of the tables.  The worker says so and goes on
# when they are back; that proves nothing against what it had sent meanwhile, and
# is nothing to send it again and again for.
{
	$endpoint->set_answer({ status => 503, delay => 0.05 });
	$node->safe_psql('second', 'REVOKE INSERT ON wb.delivery_attempts FROM keeper');
	my $log = -s $node->logfile;
	my $sent = $endpoint->requests;
	fire('second', 1);
	$node->wait_for_log(qr/ERROR:  permission denied for table delivery_attempts(?s:.*)ERROR:  permission denied for table delivery_attempts/, $log);
	is($node->safe_psql('second', 'SELECT attempts, crashes FROM wb.deliveries'), '0|0', 'a right that is missing proves nothing against a message');
	$node->safe_psql('second', 'GRANT INSERT ON wb.delivery_attempts TO keeper');
	ok($node->poll_query_until('second', 'SELECT attempts = 1 FROM wb.deliveries'), 'once it is back, the answer is recorded');
	is(scalar(() = $endpoint->requests), $sent + 1, 'for which nothing was sent again');
	$endpoint->set_answer(200);
	$node->set('wb_automations.clock_offset', 3600);
	ok($node->poll_query_until('second', q(SELECT NOT EXISTS (SELECT FROM wb.executions WHERE state <> 'FINISHED'))), 'and the message arrives');
}

# The same of a right without which nothing can be claimed.
{
	$node->safe_psql('second', 'REVOKE SELECT ON wb.executions FROM keeper');
	my ($log, $sent) = (-s $node->logfile, scalar(() = $endpoint->requests));
	fire('second', 20);
	$node->wait_for_log(qr/ERROR:  permission denied for table executions/, $log);
	is(scalar(() = $endpoint->requests), $sent, 'what cannot be read is not sent');
	$node->safe_psql('second', 'GRANT SELECT ON wb.executions TO keeper');
	is_settled('second', 'a right that is back');
}

done_testing();
