# A copy of a database sends nothing until somebody says that it shall, and a
# dump holds no secret.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Endpoint;
use WbAutomations::Node;

my $token = 'token-4e1b0c92';
my $node = WbAutomations::Node->new('copy', conf => qq(
log_min_messages = debug1
max_worker_processes = 20
));
my $endpoint = WbAutomations::Endpoint->new;
my $run = $node->new_run('ml/copy');

# One message delivered, three waiting; an index and a policy of the user's own
# on our tables.
$node->sql(sprintf q(
	SELECT wb.set_secret('ml', 'TOKEN', '%s');
	SELECT wb.create_webhook_integration('ml', 'hook', '%s', access_token => 'TOKEN');
	SELECT wb.create_automation('nan', wb.on_run_metric(wb.project('ml', 'copy'), wb.is_nan('loss')),
		wb.send_webhook(wb.webhook_integration('ml', 'hook')), cooldown => '0');
	CREATE INDEX runs_by_user ON wb.runs (username);
	CREATE POLICY own_runs ON wb.runs USING (username = current_user);
	ALTER TABLE wb.runs ENABLE ROW LEVEL SECURITY;), $token, $endpoint->url);
$node->log_metric($run, 'loss', 'NaN');
$node->wait_until_settled;
is($endpoint->wait_for_request->{headers}{authorization}, "Bearer $token", 'the original delivers');
$node->set('wb_automations.delivery', 'off');
$node->log_metric($run, 'loss', 'NaN', 'NaN', 'NaN');
my $origin = $node->sql(q(SELECT s.system_identifier || '/' || d.oid FROM pg_control_system() s, pg_database d WHERE d.datname = 'postgres'));
my $history = $node->sql('SELECT id, state FROM wb.executions ORDER BY id');

# Four ways to copy a database.
my $directory = $node->basedir;
$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', "$directory/plain.sql" ], 'pg_dump as SQL');
$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-Fc', '-f', "$directory/custom.dump" ],
	'pg_dump in custom format');
$node->safe_psql('template1', "CREATE DATABASE $_") for 'plain', 'custom', 'parallel';
$node->command_ok(
	[ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('plain'), '-f', "$directory/plain.sql" ],
	'a dump is restored by psql');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('custom'), "$directory/custom.dump" ],
	'a dump is restored by pg_restore');
$node->command_ok(
	[ 'pg_restore', '--exit-on-error', '-j2', '-d', $node->connstr('parallel'), "$directory/custom.dump" ],
	'a dump is restored by pg_restore in parallel');
$node->safe_psql('template1', 'CREATE DATABASE template TEMPLATE postgres');
my @copies = ('plain', 'custom', 'parallel', 'template');

# The worker of each copy is at work, and holds.
my $log = -s $node->logfile;
$node->set('wb_automations.delivery', 'on');
for my $copy (@copies)
{
	is($node->safe_psql($copy, 'SELECT id, state FROM wb.executions ORDER BY id'), $history,
		"$copy: restoring fires nothing and loses nothing");
	is($node->safe_psql($copy, q(SELECT (SELECT count(*) FROM pg_indexes WHERE indexname = 'runs_by_user'),
			(SELECT count(*) FROM pg_policies WHERE policyname = 'own_runs'),
			(SELECT relrowsecurity FROM pg_class WHERE oid = 'wb.runs'::regclass))), '1|1|t',
		"$copy: the user's index and policy are there");
	$node->safe_psql($copy, 'SELECT wb.start_worker()');
	$node->wait_for_log(
		qr/WARNING:  deliveries in database "$copy" are held: the database is a copy of another one\n.*HINT:  Call SELECT wb\.arm\('send'\); or SELECT wb\.arm\('discard'\);\./,
		$log);
	pass("$copy: the worker warns");
	is($node->safe_psql($copy, q(SELECT ok, detail, hint FROM wb.status() WHERE item = 'installation')),
		q(f|this database is a copy of another one, so nothing is sent|Call SELECT wb.arm('send'); or SELECT wb.arm('discard');),
		"$copy: wb.status() says so");
}

# Automations go on in the copy, but what they ask for waits as well.
$node->safe_psql('plain', "SELECT wb.log($run, '{\"loss\": \"NaN\"}')");
is($node->safe_psql('plain', q(SELECT count(*) FROM wb.executions WHERE state = 'PENDING')), '4',
	'an automation of a copy fires, and its message waits');

# The original is not disturbed: it sends what was waiting, and it alone.
my $installation = $node->sql('SELECT id FROM wb.installation');
$node->wait_until_settled;
my @requests = $endpoint->requests;
is_deeply([ sort map { $_->{headers}{'webhook-id'} } @requests ], [ map { "$installation-$_" } 1 .. 4 ],
	'the original has sent everything once, and no copy anything');

# wb.arm('send') lets a copy send, as an installation of its own.
{
	is($node->safe_psql('plain', "SELECT wb.adopt_secrets('$origin')"), '1', 'a superuser lets its secrets be used');
	my $armed = $node->safe_psql('plain', q(SELECT wb.arm('send')));
	isnt($armed, $installation, 'wb.arm() makes a new installation');
	@requests = $endpoint->wait_for_requests(8);
	is_deeply([ sort map { $_->{headers}{'webhook-id'} } @requests[ 4 .. 7 ] ],
		[ sort map { "$armed-$_" } 2 .. 5 ], q(wb.arm('send') sends what was waiting, under ids of its own));
	is($requests[4]{headers}{authorization}, "Bearer $token", 'with the secrets that were restored');
	$node->poll_query_until('plain', q(SELECT count(*) = 5 FROM wb.executions WHERE state = 'FINISHED'));
	is($node->safe_psql('plain', q(SELECT count(*) FROM wb.status() WHERE NOT ok)), '0',
		'then wb.status() has nothing to say');
}

# wb.arm('discard') does not send it, and history says so.
{
	$node->safe_psql('custom', "SELECT wb.adopt_secrets('$origin'), wb.arm('discard')");
	is($node->safe_psql('custom', q(SELECT state, count(*), max(error) FROM wb.automation_history GROUP BY state ORDER BY state)),
		"FINISHED|1|\nSKIPPED|3|discarded by wb.arm()", q(wb.arm('discard') settles what was waiting));
	$node->safe_psql('custom', "SELECT wb.log($run, '{\"loss\": \"NaN\"}')");
	$endpoint->wait_for_requests(9);
	ok($node->poll_query_until('custom', q(SELECT count(*) = 2 FROM wb.executions WHERE state = 'FINISHED')),
		'what fires from then on is sent');
	is(scalar $endpoint->requests, 9, 'and nothing else');
}
my ($result, $out, $err) = $node->psql('template', q(SELECT wb.arm('maybe')));
like($err, qr/ERROR:  unknown backlog policy "maybe"\nHINT:  With 'send' what is queued will be sent, with 'discard' it will not\./,
	'wb.arm() takes no other word');

# Neither a dump nor the log gives a secret away.
{
	my $key = slurp_file($node->data_dir . '/wb_automations.key');
	my $dump = slurp_file("$directory/plain.sql");
	my $custom = slurp_file("$directory/custom.dump");
	my $key_hex = unpack 'H*', $key;
	my $token_hex = unpack 'H*', $token;

	is(length $key, 32, 'the key file holds a key');
	is((stat $node->data_dir . '/wb_automations.key')[2] & 0777, 0600, 'that nobody else may read');
	like($dump, qr/^COPY wb\.secrets .*\n.*\tTOKEN\t[0-9a-f]+\t\\\\x[0-9a-f]{60,}/m, 'the dump has ciphertext');
	unlike($dump, qr/\Q$token\E|$token_hex|$key_hex/, 'and neither the secret nor the key');
	is(index($dump, $key), -1, 'in whatever form');
	is(index($custom, $_), -1, 'nor does the one in custom format') for $token, $key;
	unlike(slurp_file($node->logfile), qr/\Q$token\E|$token_hex|$key_hex/, 'the log at debug1 has no secret');
}

done_testing();
