# A cluster that went through pg_upgrade, a database restored from a dump of the
# schema and one of the data, and a physical copy beside its original: nothing is
# lost, and no copy sends what the original sends.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Endpoint;
use WbAutomations::Node;

my $endpoint = WbAutomations::Endpoint->new;
my $node = WbAutomations::Node->new('old', init => { allows_streaming => 1 });
my $run = $node->new_run('ml/upgrade');
my @tables = split /\n/, $node->sql(q(SELECT c.oid::regclass FROM pg_class c WHERE relnamespace = 'wb'::regnamespace
	AND relkind IN ('r', 'p') AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND deptype = 'e') ORDER BY 1));

# One message delivered, fifty waiting; an index and a policy of the user's own.
$node->sql(sprintf q(
	SELECT wb.set_secret('ml', 'TOKEN', 'token-7f3a');
	SELECT wb.create_webhook_integration('ml', 'hook', '%s', access_token => 'TOKEN');
	SELECT wb.create_automation('load', wb.on_run_metric(wb.project('ml', 'upgrade'), wb.metric('load', '>', 0)),
		wb.send_webhook(wb.webhook_integration('ml', 'hook'), '{"step": "${step}"}'), cooldown => '0');
	CREATE INDEX runs_by_user ON wb.runs (username);
	CREATE POLICY own_runs ON wb.runs USING (username = current_user);
	ALTER TABLE wb.runs ENABLE ROW LEVEL SECURITY;), $endpoint->url);
$node->log_metric($run, 'load', 1);
$node->wait_until_settled;
$node->set('wb_automations.delivery', 'off');
$node->sql("INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT $run, 'load', s, 1 FROM generate_series(101, 150) s");

# All rows of all tables, one digest a table.
sub digests
{
	my ($server, $database) = @_;
	return $server->safe_psql($database, join ' UNION ALL ',
		map { "SELECT '$_', count(*), md5(string_agg(t::text, ',' ORDER BY t::text)) FROM $_ t" } @tables);
}

sub has_what_is_the_users
{
	my ($server, $database, $what) = @_;

	is($server->safe_psql($database, q(SELECT (SELECT count(*) FROM pg_indexes WHERE indexname = 'runs_by_user'),
			(SELECT count(*) FROM pg_policies WHERE policyname = 'own_runs'),
			(SELECT relrowsecurity FROM pg_class WHERE oid = 'wb.runs'::regclass))), '1|1|t', "$what: the user's index and policy are there");
	return;
}

# The worker of a copy is at work and holds.
sub holds
{
	my ($server, $database, $what, $log) = @_;

	$server->wait_for_log(qr/WARNING:  deliveries in database "$database" are held: the database is a copy of another one/, $log);
	is($server->safe_psql($database, q(SELECT hint FROM wb.status() WHERE item = 'installation')),
		q(Call SELECT wb.arm('send'); or SELECT wb.arm('discard');), "$what: wb.status() says what to do");
	return;
}

my $before = digests($node, 'postgres');
my $sent = $endpoint->requests;
my $origin = $node->sql(q(SELECT s.system_identifier || '/' || d.oid FROM pg_control_system() s, pg_database d WHERE d.datname = 'postgres'));
my $key = slurp_file($node->data_dir . '/wb_automations.key');

# A dump of the schema and one of the data, restored one after the other, as
# PostgreSQL says that it is done: without the triggers while the data come.
{
	my $directory = $node->basedir;
	$node->command_ok([ 'pg_dump', '--schema-only', '-d', $node->connstr('postgres'), '-f', "$directory/schema.sql" ], 'pg_dump --schema-only');
	$node->command_ok([ 'pg_dump', '--data-only', '--disable-triggers', '-d', $node->connstr('postgres'), '-f', "$directory/data.sql" ], 'pg_dump --data-only');
	$node->safe_psql('template1', 'CREATE DATABASE parts');
	$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('parts'), '-f', "$directory/$_.sql" ], "the $_ is restored") for 'schema', 'data';
	is(digests($node, 'parts'), $before, 'parts: all rows are equal');
	has_what_is_the_users($node, 'parts', 'parts');

	# the original waits for somebody to resume it, so whatever comes is the copy's
	my $log = -s $node->logfile;
	$node->sql('SELECT wb.pause_integration(id) FROM wb.integrations');
	$node->set('wb_automations.delivery', 'on');
	$node->safe_psql('parts', 'SELECT wb.start_worker()');
	holds($node, 'parts', 'parts', $log);
	is(scalar(() = $endpoint->requests), $sent, 'parts: nothing is sent');
	$node->set('wb_automations.delivery', 'off');
	$node->sql('SELECT wb.resume_integration(id) FROM wb.integrations');
	$before = digests($node, 'postgres');
}

# A physical copy cannot tell that it is one.  Started with delivery = off, it
# sends nothing, and says so.
{
	$node->backup('base');
	my $copy = PostgreSQL::Test::Cluster->new('copy');
	$copy->init_from_backup($node, 'base');
	$copy->append_conf('postgresql.conf', 'wb_automations.delivery = off');
	$copy->start;
	ok($copy->poll_query_until('postgres', 'SELECT wb.worker_pid() IS NOT NULL'), 'backup: its worker is at work');
	$copy->safe_psql('postgres', "SELECT wb.log($run, '{\"load\": 1}')");
	$copy->safe_psql('postgres', 'SELECT wb.wake()');
	ok($copy->poll_query_until('postgres', 'SELECT looks > 0 FROM wb.stat_worker()'), 'backup: it looks at its queue');
	is($copy->safe_psql('postgres', q(SELECT count(*) FROM wb.executions WHERE state = 'PENDING')), '51', 'backup: what waited waits, and what fires as well');
	is($copy->safe_psql('postgres', q(SELECT ok, detail FROM wb.status() WHERE item = 'delivery')), 'f|the setting wb_automations.delivery is off', 'backup: wb.status() says so');
	$copy->stop;
	is(scalar(() = $endpoint->requests), $sent, 'no copy has sent anything');
}

# pg_upgrade, into a cluster of the same version: what it does to a database is
# the same.  The new cluster has another system identifier.
{
	my $new = PostgreSQL::Test::Cluster->new('new');
	$new->init;
	$new->append_conf('postgresql.conf', slurp_file($node->data_dir . '/postgresql.conf') =~ /^(shared_preload_libraries.*)$/m ? $1 : die);
	$new->append_conf('postgresql.conf', "wb_automations.allow_http = on\nwb_automations.allowed_networks = '127.0.0.0/8'");
	$node->safe_psql('template1', 'DROP DATABASE parts');
	$node->stop;
	chdir $new->basedir or die "$!";
	my $bindir = $node->config_data('--bindir');
	command_ok([ 'pg_upgrade', '--no-sync', '-d', $node->data_dir, '-D', $new->data_dir, '-b', $bindir, '-B', $bindir,
			'-s', $new->host, '-p', $node->port, '-P', $new->port ], 'pg_upgrade');
	copy_key($node, $new);
	my $log = -e $new->logfile ? -s $new->logfile : 0;
	$new->start;
	is(digests($new, 'postgres'), $before, 'pg_upgrade: all rows are equal');
	has_what_is_the_users($new, 'postgres', 'pg_upgrade');
	holds($new, 'postgres', 'pg_upgrade', $log);
	$new->safe_psql('postgres', "SELECT wb.log($run, '{\"load\": 1}')");
	is(scalar(() = $endpoint->requests), $sent, 'pg_upgrade: nothing is sent until wb.arm()');

	is($new->safe_psql('postgres', q(SELECT hint FROM wb.status() WHERE item = 'secrets')),
		"Messages that need them are held. Once you know how these rows came here, call SELECT wb.adopt_secrets('$origin'); as a superuser; or set them anew.",
		'pg_upgrade: the secrets are of the old cluster, and wb.status() says what to do');
	is($new->safe_psql('postgres', "SELECT wb.adopt_secrets('$origin')"), '1', 'pg_upgrade: a superuser adopts them');
	my $armed = $new->safe_psql('postgres', q(SELECT wb.arm('send')));
	$endpoint->wait_for_requests($sent + 51);
	ok($new->poll_query_until('postgres', q(SELECT NOT EXISTS (SELECT FROM wb.executions WHERE state <> 'FINISHED'))), q(pg_upgrade: wb.arm('send') sends what waited));
	my @requests = ($endpoint->requests)[ $sent .. $sent + 50 ];
	is(scalar(() = $endpoint->requests), $sent + 51, 'pg_upgrade: each once');
	is(join(' ', sort map { $_->{body} =~ /(\d+)/ } @requests), join(' ', sort 101 .. 151), 'pg_upgrade: all that waited, and what fired since');
	is((grep { ($_->{headers}{authorization} // '') ne 'Bearer token-7f3a' } @requests), 0, 'pg_upgrade: with the secrets as they were');
	$new->stop;
}

# The key is a file beside the database, which pg_upgrade does not know of.
sub copy_key
{
	my ($from, $to) = @_;
	my $file = $to->data_dir . '/wb_automations.key';

	unlink $file;
	append_to_file($file, $key);
	chmod 0600, $file;
	return;
}

done_testing();
