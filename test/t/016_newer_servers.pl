# What only newer majors have works with the extension: names of what its
# processes wait for, a limit on transactions, the version of a loaded library,
# and extensions outside of the server's own directories.

use strict;
use warnings;

use File::Copy qw(copy);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Endpoint;
use WbAutomations::Node;

my $node = WbAutomations::Node->new('newer');
my $major = int($node->sql('SHOW server_version_num') / 10000);
my $run = $node->new_run('ml/newer');
$node->sql(q(SELECT wb.create_automation('nan', wb.on_run_metric(wb.project('ml', 'newer'), wb.is_nan('loss')), wb.do_nothing(), cooldown => '0')));

SKIP:
{
	skip 'NOT TESTED: names of wait events, which come with PostgreSQL 17', 4 if $major < 17;

	# pg_stat_activity names what each process waits for.
	my $waits_for = q(SELECT wait_event_type || '|' || wait_event FROM pg_stat_activity WHERE backend_type = 'wb_automations %s');
	$node->poll(sprintf($waits_for, 'worker'), 'Extension|WbWorkerIdle');
	pass('a worker with nothing to do');
	$node->poll(sprintf($waits_for, 'launcher'), 'Extension|WbLauncherIdle');
	pass('the launcher');
	my $endpoint = WbAutomations::Endpoint->new(answers => ['hang']);
	$node->sql(sprintf q(SELECT wb.create_webhook_integration('ml', 'slow', '%s');
		SELECT wb.create_automation('slow', wb.on_run_metric(wb.project('ml', 'newer'), wb.metric('slow', '>', 0)),
			wb.send_webhook(wb.webhook_integration('ml', 'slow')))), $endpoint->url);
	$node->log_metric($run, 'slow', 1);
	$node->poll(sprintf($waits_for, 'worker'), 'Extension|WbWorkerAnswer');
	pass('a worker with a request under way');
	is($node->sql(q(SELECT count(DISTINCT name) FROM pg_wait_events WHERE type = 'Extension' AND name IN ('WbWorkerIdle', 'WbWorkerAnswer', 'WbLauncherIdle'))),
		3, 'and the server lists them');
}

# Limits that a database sets for its users are none for the worker, which may
# have more to do in one transaction.  A trigger here takes it beyond each.
{
	my @limits = ('statement_timeout', 'idle_in_transaction_session_timeout', $major >= 17 ? 'transaction_timeout' : ());
	my $limit = 100;
	$node->sql("ALTER DATABASE postgres SET $_ = $limit") for @limits;
	local $ENV{PGOPTIONS} = join ' ', map { "-c $_=0" } @limits;
	$node->sql(sprintf q(CREATE FUNCTION take_long() RETURNS trigger LANGUAGE plpgsql AS $$
		DECLARE
			start timestamptz := clock_timestamp();
		BEGIN
			WHILE clock_timestamp() < start + interval '%d ms' LOOP
				PERFORM count(*) FROM generate_series(1, 1000);
			END LOOP;
			RETURN NULL;
		END $$;
		CREATE TRIGGER take_long AFTER UPDATE ON wb.executions FOR EACH ROW EXECUTE FUNCTION take_long()), 3 * $limit);
	$node->kill_worker('TERM');
	my $pid = $node->worker_pid;
	$node->log_metric($run, 'loss', 'NaN');
	$node->poll(q(SELECT state = 'FINISHED' FROM wb.executions WHERE automation_name = 'nan'));
	is($node->worker_pid, $pid, "@limits of the database do not hit the worker");
	$node->sql('DROP TRIGGER take_long ON wb.executions');
}

SKIP:
{
	skip 'NOT TESTED: the version of a loaded library, and other places for extensions, which come with PostgreSQL 18', 4 if $major < 18;

	# The library says which one it is.
	my $installed = $node->sql(q(SELECT extversion FROM pg_extension WHERE extname = 'wb_automations'));
	is($node->sql(q(SELECT module_name, version FROM pg_get_loaded_modules() WHERE file_name LIKE 'wb\_automations%')),
		"wb_automations|$installed", 'the library tells its name and version');

	# Everything may lie elsewhere.
	my $place = PostgreSQL::Test::Utils::tempdir();
	mkdir "$place/$_" or die "could not make $place/$_: $!" for qw(extension lib);
	my $from = $node->config_data('--sharedir');
	copy($_, "$place/extension/") or die "could not copy $_: $!" for glob("$from/extension/wb_automations*");
	copy($node->config_data('--pkglibdir') . '/wb_automations.so', "$place/lib/") or die "could not copy: $!";
	my $other = WbAutomations::Node->new('elsewhere', conf => "extension_control_path = '$place'\ndynamic_library_path = '$place/lib:\$libdir'");
	my $worker = $other->worker_pid;
	like(slurp_file("/proc/$worker/maps"), qr{\Q$place\E/lib/wb_automations\.so$}m, 'the worker has its library from there');
	unlike(slurp_file("/proc/$worker/maps"), qr{^(?!.*\Q$place\E).*/wb_automations\.so$}m, 'and from nowhere else');
	my $there = $other->new_run('ml/elsewhere');
	$other->sql(q(SELECT wb.create_automation('nan', wb.on_run_metric(wb.project('ml', 'elsewhere'), wb.is_nan('loss')), wb.do_nothing())));
	$other->log_metric($there, 'loss', 'NaN');
	$other->wait_until_settled;
	is($other->sql('SELECT state FROM wb.executions'), 'FINISHED', 'and all works');
	$other->stop;
}

$node->stop;
done_testing();
