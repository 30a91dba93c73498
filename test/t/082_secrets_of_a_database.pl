# A secret opens in the database that it was sealed in, and in no other one of
# the same server, which has the same keys.  What came with a copy is held until
# a superuser adopts it.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Endpoint;
use WbAutomations::Node;

my $node = WbAutomations::Node->new('sealed', conf => 'max_worker_processes = 20');
my $endpoint = WbAutomations::Endpoint->new;
my $system = $node->sql('SELECT system_identifier FROM pg_control_system()');

# A team with a webhook that has a token, and a rule on every state of a run.
sub set_up
{
	my ($database, $token) = @_;

	$node->safe_psql($database, sprintf q(
		SELECT wb.create_team('ml'), wb.create_project('ml', 'p');
		SELECT wb.set_secret('ml', 'TOKEN', '%s');
		SELECT wb.create_webhook_integration('ml', 'hook', '%s', access_token => 'TOKEN');
		SELECT wb.create_automation('started', wb.on_run_state(wb.project('ml', 'p'), array['running']),
			wb.send_webhook(wb.webhook_integration('ml', 'hook')), cooldown => '0');), $token, $endpoint->url("/$database"));
	return $node->safe_psql('postgres', "SELECT oid FROM pg_database WHERE datname = '$database'");
}

# What wb.status() says of secrets.
sub status
{
	return $node->safe_psql($_[0], q(SELECT ok, detail, hint FROM wb.status() WHERE item = 'secrets'));
}

sub error_of
{
	my ($database, $statement, @options) = @_;
	my (undef, undef, $err) = $node->psql($database, $statement, extra_params => \@options);
	return $err;
}

# A message of this database is held, and why; its id.
sub is_held
{
	my ($database, $reason, $what) = @_;
	my $id;

	$node->safe_psql($database, 'SELECT wb.start_run(1)');
	$id = $node->safe_psql($database, 'SELECT max(id) FROM wb.executions');
	ok($node->poll_query_until($database, "SELECT last_error = '$reason' FROM wb.deliveries WHERE execution_id = $id"), "$what: the message is held");
	is($node->safe_psql($database, "SELECT state, attempts FROM wb.automation_history WHERE execution_id = $id"), 'PENDING|0', "$what: nothing was tried");
	return $id;
}

# It is sent, with this token.
sub is_sent
{
	my ($database, $token, $what) = @_;

	$node->set('wb_automations.clock_offset', $node->sql('SHOW wb_automations.clock_offset') =~ s/\D+$//r + 100);
	$node->safe_psql($database, 'SELECT wb.wake()');
	ok($node->poll_query_until($database, q(SELECT NOT EXISTS (SELECT FROM wb.executions WHERE state <> 'FINISHED'))), "$what: the message is sent");
	my @tokens = map { $_->{headers}{authorization} } $endpoint->requests;
	is($tokens[-1], "Bearer $token", "$what: with the secret");
	return;
}

my $postgres = set_up('postgres', 'token-of-the-first');
is(status('postgres'), 't|all were sealed in this database|', 'wb.status() is content with secrets of this database');

# A row of another database, put into a team and under a name that are alike by
# the owner of this one.
{
	$node->sql('CREATE DATABASE thief');
	$node->safe_psql('thief', 'CREATE EXTENSION wb_automations; SELECT wb.setup();');
	set_up('thief', 'mine');
	my ($id, $key, $sealed) = split /\|/, $node->sql(q(SELECT entity_id, key_id, sealed FROM wb.secrets));
	$node->safe_psql('thief', "UPDATE wb.secrets SET key_id = '$key', sealed = '$sealed' WHERE entity_id = $id");
	is_held('thief', 'cannot open secret "TOKEN": it was sealed in another database', 'another database');
	is(status('thief'), 'f|1 were sealed elsewhere and do not open here: 1 in database "postgres" of this server: ml/TOKEN|'
		. "Messages that need them are held. Once you know how these rows came here, call SELECT wb.adopt_secrets('$system/$postgres'); as a superuser; or set them anew.",
		'wb.status() says whose it is, and what to do');
	is($node->safe_psql('thief', q(SELECT detail LIKE '%: cannot open secret "TOKEN": it was sealed in another database' FROM wb.status() WHERE item = 'queue')), 't', 'and why messages are held');

	# the note of where it was sealed can be changed by whoever writes the row
	my $here = $node->safe_psql('thief', q(SELECT encode(int8send(system_identifier) || int4send(d.oid::integer), 'hex')
		FROM pg_control_system(), pg_database d WHERE datname = current_database()));
	$node->safe_psql('thief', "UPDATE wb.secrets SET sealed = overlay(sealed PLACING '\\x$here'::bytea FROM 2)");
	is(status('thief'), 't|all were sealed in this database|', 'a row may claim that it was sealed here');
	$node->safe_psql('thief', 'SELECT wb.start_run(1)');
	ok($node->poll_query_until('thief', q(SELECT error = 'secret "TOKEN" is damaged or was sealed for another row' FROM wb.automation_history ORDER BY execution_id DESC LIMIT 1)),
		'but does not open for that');

	# nor is it adopted by anybody but a superuser
	$node->safe_psql('thief', "UPDATE wb.secrets SET sealed = '$sealed'; CREATE ROLE keeper; GRANT USAGE ON SCHEMA wb TO keeper;
		GRANT ALL ON ALL TABLES IN SCHEMA wb TO keeper; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA wb TO keeper");
	like(error_of('thief', "SET ROLE keeper; SELECT wb.adopt_secrets('$system/$postgres')"),
		qr/ERROR:  permission denied to adopt secrets\nHINT:  Only superusers may use what was sealed in another database; others set the secrets anew\./,
		'who is no superuser cannot adopt it, not even with all rights on the tables');
	like(error_of('thief', 'SELECT wb.rotate_secret_key()'),
		qr/ERROR:  cannot open secret "TOKEN": it was sealed in another database\nHINT:  See SELECT \* FROM wb\.status\(\);\./, 'nor by a rotation of the key');
	is((grep { $_->{path} eq '/thief' } $endpoint->requests), 0, 'the secret was sent nowhere');

	# the way out without a superuser
	$node->safe_psql('thief', q(SELECT wb.set_secret('ml', 'TOKEN', 'mine again'); UPDATE wb.executions SET state = 'FINISHED' WHERE state = 'FAILED'));
	is_sent('thief', 'mine again', 'set anew');
}

# A copy by CREATE DATABASE ... TEMPLATE, and one that was restored.
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $dump ], 'pg_dump');
$node->safe_psql('template1', 'CREATE DATABASE template TEMPLATE postgres');
$node->safe_psql('template1', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('restored'), '-f', $dump ], 'a dump is restored');
for my $copy ('template', 'restored')
{
	like(status($copy), qr/^f\|1 were sealed elsewhere/, "$copy: wb.status() says so before anything fires");
	$node->safe_psql($copy, q(SELECT wb.arm('send')));
	is_held($copy, 'cannot open secret "TOKEN": it was sealed in another database', $copy);
	is($node->safe_psql($copy, q(SELECT wb.adopt_secrets('1/1'), wb.adopt_secrets('unknown'), wb.adopt_secrets(''))), '0|0|0', "$copy: only what is named is adopted");
	is($node->safe_psql($copy, "SELECT wb.adopt_secrets('$system/$postgres')"), '1', "$copy: a superuser adopts it");
	is($node->safe_psql($copy, "SELECT wb.adopt_secrets('$system/$postgres')"), '0', "$copy: once");
	is(status($copy), 't|all were sealed in this database|', "$copy: then all is well");
	is_sent($copy, 'token-of-the-first', $copy);
}

# A trigger of an owner who is no superuser does not run as the superuser.
{
	$node->safe_psql('template', q(
		CREATE SCHEMA keeper AUTHORIZATION keeper;
		GRANT USAGE ON SCHEMA wb TO keeper;
		DO $$ DECLARE t record; BEGIN
			FOR t IN SELECT oid::regclass AS name FROM pg_class WHERE relnamespace = 'wb'::regnamespace AND relkind = 'r' LOOP
				EXECUTE format('ALTER TABLE %s OWNER TO keeper', t.name);
			END LOOP;
		END $$;
		SET ROLE keeper;
		CREATE TABLE keeper.seen (who name);
		CREATE FUNCTION keeper.look() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO keeper.seen VALUES (current_user); RETURN NEW; END';
		CREATE TRIGGER look BEFORE UPDATE ON wb.secrets FOR EACH ROW EXECUTE FUNCTION keeper.look();
		RESET ROLE;)
		. q(UPDATE wb.secrets SET sealed = ') . $node->sql('SELECT sealed FROM wb.secrets') . q(';)
		. "DELETE FROM keeper.seen; SELECT wb.adopt_secrets('$system/$postgres')");
	is($node->safe_psql('template', 'SELECT who FROM keeper.seen'), 'keeper', 'triggers of the owner run as the owner');
}

# What an older version sealed, which was bound to no database.
{
	my $old = old_seal('sealed long ago');

	$node->sql("UPDATE wb.secrets SET key_id = '$old->{key_id}', sealed = '\\x$old->{sealed}'");
	is_held('postgres', 'cannot open secret "TOKEN": it was sealed by an older version', 'an older version');
	is(status('postgres'), q(f|1 were sealed elsewhere and do not open here: 1 in an older version: ml/TOKEN|)
		. q(Messages that need them are held. Once you know how these rows came here, call SELECT wb.adopt_secrets('unknown'); as a superuser; or set them anew.),
		'an older version: wb.status() says what to do');
	is($node->sql(q(SELECT wb.adopt_secrets('unknown'))), '1', 'an older version: a superuser adopts it');
	is_sent('postgres', 'sealed long ago', 'an older version');
	is($node->sql('SELECT wb.rotate_secret_key()'), '1', 'and the key can be rotated again');
}

# Bytes that are no seal are damage, as they were.
for my $bytes ('', '02', '0201', '01' . '00' x 27, '03' . '00' x 60)
{
	is($node->sql("SELECT wb.secret_origin('\\x$bytes') IS NULL"), 't', 'bytes that are no sealed secret: ' . substr $bytes, 0, 8);
	is($node->sql("UPDATE wb.secrets SET sealed = '\\x$bytes'; SELECT wb.adopt_secrets('unknown')"), '0', 'which nobody adopts');
}
is(status('postgres'), 't|all were sealed in this database|', 'and which wb.status() does not take for a copy');

# A value sealed as the version before did it, by the openssl of the machine.
sub old_seal
{
	my ($value) = @_;
	my $key = slurp_file($node->data_dir . '/wb_automations.key');
	my $program = $node->basedir . '/seal.c';

	append_to_file($program, <<'C');
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
int
main(int argc, char **argv)
{
	unsigned char key[32], sealed[1000] = {1};
	int length, total;
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();

	for (int i = 0; i < 32; i++)
		sscanf(argv[1] + 2 * i, "%2hhx", &key[i]);
	EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key, sealed + 1);
	EVP_EncryptUpdate(cipher, NULL, &length, (unsigned char *) argv[2], strlen(argv[2]));
	EVP_EncryptUpdate(cipher, sealed + 13, &total, (unsigned char *) argv[3], strlen(argv[3]));
	EVP_EncryptFinal_ex(cipher, sealed + 13 + total, &length);
	EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, 16, sealed + 13 + total);
	for (int i = 0; i < 29 + total; i++)
		printf("%02x", sealed[i]);
	return 0;
}
C
	run_command([ 'cc', '-o', "$program.out", $program, '-lcrypto' ]);
	my ($sealed) = run_command([ "$program.out", unpack('H*', substr $key, 0, 32), '1/TOKEN', $value ]);
	return { key_id => substr(sha256_hex(substr $key, 0, 32), 0, 16), sealed => $sealed };
}

done_testing();
