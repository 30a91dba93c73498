# Other extensions that are preloaded in many servers, and hook into the same
# places: all rows are judged, all messages sent, once, and each neighbour does
# its own work.  pg_stat_statements and auto_explain (nested statements, with
# ANALYZE) are part of PostgreSQL, pgaudit and pg_cron packages of their own;
# which of them are missing is said.  A last neighbour is made here: it takes
# most of the ten slots that a session has for callbacks of the relation cache.

use strict;
use warnings;

use File::Temp ();
use FindBin;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Endpoint;
use WbAutomations::Node;

chomp(my $library_directory = `$ENV{PG_CONFIG} --pkglibdir`);
chomp(my $includes = `$ENV{PG_CONFIG} --includedir-server`);
my $directory = File::Temp->newdir('wb_callbacks_XXXXXX', TMPDIR => 1);
my $probe = "$directory/callbacks.so";
my $said;
my $is_built = eval {
	IPC::Run::run([ $ENV{CC} || 'cc', '-shared', '-fPIC', "-I$includes", '-o', $probe, "$FindBin::Bin/../perl/callbacks.c" ], '>&', \$said);
};
diag $said if $said;

my %conf = (
	pg_stat_statements => 'pg_stat_statements.track = all',
	auto_explain => "auto_explain.log_min_duration = 0\nauto_explain.log_nested_statements = on\nauto_explain.log_analyze = on\nauto_explain.log_triggers = on\nauto_explain.log_verbose = on",
	pgaudit => "pgaudit.log = 'all'\npgaudit.log_relation = on\npgaudit.log_parameter = on\npgaudit.log_client = off",
	pg_cron => "cron.use_background_workers = on\ncron.database_name = 'postgres'");
my @present = grep { -e "$library_directory/$_.so" } sort keys %conf;
my %is_present = map { $_ => 1 } @present;
my $endpoint = WbAutomations::Endpoint->new;

# Who is loaded first has the outer hooks: once we, once they.
for my $order ('first', 'last')
{
	my @libraries = $order eq 'first' ? ('wb_automations', @present) : (@present, 'wb_automations');
	push @libraries, $probe if $is_built;
	my $node = WbAutomations::Node->new("loaded_$order", preload => 0, setup => 0, conf => join "\n",
		"shared_preload_libraries = '" . join(', ', @libraries) . "'", 'max_worker_processes = 20', 'wal_level = logical', @conf{@present});
	$node->sql("CREATE EXTENSION $_") for grep { $_ ne 'auto_explain' } @present;
	$node->sql('CREATE EXTENSION wb_automations; SELECT wb.setup()');
	my $run = $node->new_run('ml/shared', 'r');
	my $url = $endpoint->url("/$order");
	$node->sql(qq(
		SELECT wb.set_secret('ml', 'TOKEN', 'very-secret-value');
		SELECT wb.create_webhook_integration('ml', 'hook', '$url', access_token => 'TOKEN');
		SELECT wb.create_automation(n, wb.on_run_metric(wb.project('ml', 'shared'), wb.metric(n, '>', 5)),
			wb.send_webhook(wb.webhook_integration('ml', 'hook'), jsonb_build_object('name', n)), cooldown => '0') FROM unnest('{single,many,cron}'::text[]) n;
		SELECT wb.create_automation('state', wb.on_run_state(wb.project('ml', 'shared'), '{failed}'),
			wb.send_webhook(wb.webhook_integration('ml', 'hook'), '{"name": "state"}'));
		SELECT wb.create_automation('alias', wb.on_add_artifact_alias(wb.project('ml', 'shared'), wb.where('alias', '=', 'best')),
			wb.send_webhook(wb.webhook_integration('ml', 'hook'), '{"name": "alias"}'));));
	# What pgaudit wrote of the statement that stored the secret stands before this.
	my $stored = -s $node->logfile;
	$node->sql(qq(SELECT cron.schedule('log', '* * * * *',
		\$\$INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES ($run, 'cron', 1, 9) ON CONFLICT DO NOTHING\$\$))) if $is_present{pg_cron};

	# A publication beside it, whose subscriber has callbacks too.
	$node->sql('CREATE PUBLICATION everything FOR ALL TABLES');
	$node->sql(q(SELECT pg_create_logical_replication_slot('follow', 'pgoutput')));
	$node->sql(qq(
		INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES ($run, 'single', 1, 9);
		INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT $run, 'many', g, g FROM generate_series(1, 20) g;
		SELECT count(*) FROM pg_logical_slot_get_binary_changes('follow', NULL, NULL, 'proto_version', '1', 'publication_names', 'everything');
		INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES ($run, 'single', 2, 9);
		UPDATE wb.runs SET state = 'failed' WHERE id = $run;
		SELECT wb.log_artifact(wb.project_id('ml', 'shared'), 'model', 'model', aliases => '{best}');));
	my %expected = (single => 2, many => 15, state => 1, alias => 1, $is_present{pg_cron} ? (cron => 1) : ());
	my $count = 0;
	$count += $_ for values %expected;
	$node->poll("SELECT count(*) FROM wb.executions WHERE state = 'FINISHED'", $count);
	my %sent;
	$sent{ $_->{body} =~ /"name": *"(\w+)"/ ? $1 : '' }++ for grep { $_->{path} eq "/$order" } $endpoint->requests;
	is_deeply(\%sent, \%expected, "loaded $order: every row is judged and every message sent, once");
	is($node->sql("SELECT count(*) FROM wb.explain((SELECT id FROM wb.automations WHERE name = 'single'), $run) e WHERE e LIKE 'It fired%'"), '1',
		"loaded $order: wb.explain answers");
	is($node->sql(q(SELECT count(*) FROM wb.backtest((SELECT id FROM wb.automations WHERE name = 'many')))), '15', "loaded $order: wb.backtest answers");
	my %complaints = $node->complaints;
	is_deeply(\%complaints, {}, "loaded $order: wb.status() finds nothing wrong");

	my $log = slurp_file($node->logfile);
	unlike($log, qr/terminated by signal|PANIC|TRAP|out of \w*callback/, "loaded $order: nothing crashes");
	unlike(substr($log, $stored), qr/very-secret-value/, "loaded $order: what is sent with a secret shows it to nobody");
	ok($node->sql(q(SELECT count(*) FROM pg_stat_statements WHERE query LIKE 'INSERT INTO wb.run_metrics%')) > 0, 'pg_stat_statements counts') if $is_present{pg_stat_statements};
	like($log, qr/Trigger wb_capture: time=/, 'auto_explain explains, with our trigger') if $is_present{auto_explain};
	like($log, qr/AUDIT: SESSION,\d+,\d+,WRITE,INSERT,TABLE,wb\.run_metrics/, 'pgaudit writes') if $is_present{pgaudit};
	$node->stop;
}
SKIP:
{
	skip 'not tested beside ' . join(' and ', grep { !$is_present{$_} } sort keys %conf) . ', which are not installed (Debian: postgresql-NN-pgaudit, postgresql-NN-cron)', 1
	  if @present < keys %conf;
	pass('all neighbours are there');
}
SKIP:
{
	skip 'not tested beside a library that takes slots of callbacks: it could not be built here', 1 if !$is_built;
	pass('the library that takes slots of callbacks is there');
}

done_testing();
