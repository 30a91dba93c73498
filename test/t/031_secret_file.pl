# Secrets come from a file of the server, and the key that seals them can be
# replaced while messages are sent, by any database of the server.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Endpoint;
use WbAutomations::Node;

my $node = WbAutomations::Node->new('secret_file');
my $endpoint = WbAutomations::Endpoint->new;
my $run = $node->new_run('ml/secrets');
my $key_file = $node->data_dir . '/wb_automations.key';
my $directory = PostgreSQL::Test::Utils::tempdir();

# A file of the server with this content; returns its path.
sub write_secret
{
	my ($name, $content) = @_;
	my $path = "$directory/$name";
	unlink $path;
	append_to_file($path, $content);
	return $path;
}

# The error of a statement in database "postgres", as this role; empty where
# there was none.
sub error_of
{
	my ($statement, $role) = @_;
	my (undef, undef, $err) =
	  $node->psql('postgres', $statement, $role ? (extra_params => [ '-U', $role ]) : ());
	return $err;
}

# The token of the next message that arrives.
sub token_sent
{
	my $before = () = $endpoint->requests;
	$node->log_metric($run, 'loss', 1);
	my @requests = $endpoint->wait_for_requests($before + 1);
	$node->wait_until_settled;
	return $requests[-1]{headers}{authorization};
}

# The ids of the keys in the file, first one first.
sub key_ids
{
	return map { substr sha256_hex($_), 0, 16 } unpack '(a32)*', slurp_file($key_file);
}

sub keys_in_use
{
	my ($database) = @_;
	return [ split /\n/, $node->safe_psql($database // 'postgres', 'SELECT DISTINCT key_id FROM wb.secrets') ];
}

$node->sql(sprintf q(
	SELECT wb.set_secret('ml', 'TOKEN', 'literal');
	SELECT wb.create_webhook_integration('ml', 'hook', '%s', access_token => 'TOKEN');
	SELECT wb.create_automation('loss', wb.on_run_metric(wb.project('ml', 'secrets'), wb.metric('loss', '>', 0)),
		wb.send_webhook(wb.webhook_integration('ml', 'hook')), cooldown => '0');), $endpoint->url);

# A secret from a file replaces one, without the line end behind it.
{
	my $path = write_secret('token', "from a file \n");
	$node->sql("SELECT wb.set_secret_from_file('ml', 'TOKEN', '$path')");
	is(token_sent(), 'Bearer from a file', 'a secret comes from a file of the server');
	write_secret('token', "dos\r\n\n");
	$node->sql("SELECT wb.set_secret_from_file('ml', 'TOKEN', '$path')");
	is(token_sent(), 'Bearer dos', 'and is replaced, whatever ends its line');

	like(error_of(qq(SELECT wb.set_secret_from_file('ml', 'TOKEN', '$directory/none'))),
		qr/ERROR:  could not open file "\Q$directory\E\/none" for reading: No such file/, 'a file that is missing');
	my $empty = write_secret('empty', "\n");
	like(error_of(qq(SELECT wb.set_secret_from_file('ml', 'TOKEN', '$empty'))),
		qr/ERROR:  value of secret "TOKEN" must not be empty/, 'an empty file');
	like(error_of(q(SELECT wb.set_secret_from_file('ml', 'TOKEN', NULL))),
		qr/ERROR:  value of secret "TOKEN" must not be empty/, 'no path at all');
	like(error_of(qq(SELECT wb.set_secret_from_file('ml', 'a b', '$path'))),
		qr/ERROR:  invalid name of a secret: "a b"/, 'a name that cannot be');
	like(error_of(qq(SELECT wb.set_secret_from_file('nobody', 'TOKEN', '$path'))),
		qr/ERROR:  entity "nobody" does not exist/, 'an entity that does not exist');
	my $error = error_of(sprintf q(SELECT wb.set_secret_from_file('ml', 'TOKEN', '%s')), write_secret('binary', "se\xff\xfeQuX"));
	like($error, qr/ERROR:  invalid byte sequence/, 'bytes that are no text');
	unlike($error, qr/QuX/, 'of which the error shows none that are text');
	is(token_sent(), 'Bearer dos', 'none of which changes the secret');
}

# Whoever may not read files of the server does not by way of a secret.
{
	$node->sql(q(
		CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE eve LOGIN;
		GRANT USAGE ON SCHEMA wb TO ann, bob, eve;
		GRANT SELECT ON wb.entities, wb.secrets TO ann, bob, eve;
		GRANT INSERT, UPDATE ON wb.secrets TO ann, bob, eve;
		GRANT EXECUTE ON FUNCTION wb.seal_secret(bigint, text, text) TO ann, bob, eve;
		GRANT EXECUTE ON FUNCTION pg_read_file(text) TO bob, eve;
		GRANT pg_read_server_files TO bob;));
	my $path = write_secret('right', 'with the right');
	my $call = qq(SELECT wb.set_secret_from_file('ml', 'TOKEN', '$path'));
	like(error_of($call, 'ann'), qr/ERROR:  permission denied for function pg_read_file/,
		'a role that may set secrets may not read files');
	like(error_of($call, 'eve'), qr/ERROR:  absolute path not allowed/,
		'nor outside of the data directory without pg_read_server_files');
	is(error_of($call, 'bob'), '', 'one that may do both sets a secret from a file');
	is(token_sent(), 'Bearer with the right', 'which is sent');
	like(error_of('SELECT wb.rotate_secret_key()', 'bob'), qr/ERROR:  permission denied for function/, 'he cannot rotate the key');
	$node->sql('GRANT EXECUTE ON FUNCTION wb.rotate_secret_key() TO bob');
	like(error_of('SELECT wb.rotate_secret_key()', 'bob'), qr/ERROR:  permission denied to rotate the key of secrets/,
		'nor if somebody grants it: the file is that of all databases');
}

# A new key seals everything, and the messages go on.
{
	my ($old) = key_ids();
	$node->sql(q(SELECT wb.set_secret('ml', 'OTHER', 'other')));
	is($node->sql('SELECT wb.rotate_secret_key()'), '2', 'rotation says how many secrets it sealed');
	my ($new, @behind) = key_ids();
	isnt($new, $old, 'the file begins with a new key');
	is_deeply(\@behind, [$old], 'and holds the old one behind it');
	is_deeply(keys_in_use(), [$new], 'the new one sealed all secrets');
	is((stat $key_file)[2] & 07777, 0600, 'nobody else may read the file');
	is(token_sent(), 'Bearer with the right', 'a secret is what it was');
	$node->sql(q(SELECT wb.set_secret('ml', 'TOKEN', 'set later')));
	is_deeply(keys_in_use(), [$new], 'a secret that is set later is sealed with the new key');
	is(token_sent(), 'Bearer set later', 'and is sent');
}

# A rotation that is rolled back leaves a key too many, and nothing else.
{
	my ($old) = key_ids();
	$node->sql('BEGIN; SELECT wb.rotate_secret_key(); ROLLBACK');
	is_deeply(keys_in_use(), [$old], 'after a rollback the secrets are sealed as before');
	is((key_ids())[1], $old, 'with a key that is still there');
	is(token_sent(), 'Bearer set later', 'so they are sent');
}

# What a crash left beside the file is in nobody's way, nor is it used.
{
	my ($old) = key_ids();
	append_to_file("$key_file.new", 'half a key');
	is($node->sql('SELECT wb.rotate_secret_key()'), '2', 'half a file that a crash left is no hindrance');
	is((key_ids())[1], $old, 'and does not become the key file');
	ok(!-e "$key_file.new", 'it is gone');
	is(token_sent(), 'Bearer set later', 'a message is sent');
}

# A secret that does not open stops the rotation before it adds a key.
{
	my @before = key_ids();
	$node->sql(q(UPDATE wb.secrets SET sealed = sealed || '\x00' WHERE name = 'OTHER'));
	like(error_of('SELECT wb.rotate_secret_key()'),
		qr/ERROR:  cannot open secret "OTHER": it is damaged or was sealed for another row\nHINT:  Set this secret anew, or delete it\./,
		'a damaged secret is named');
	is_deeply([ key_ids() ], \@before, 'and no key is added in vain');
	$node->sql(q(SELECT wb.delete_secret('ml', 'OTHER')));
}

# Who sets a secret while the key is replaced seals it with the new one.
{
	my $rotation = $node->background_psql('postgres');
	$rotation->query_safe('BEGIN; SELECT wb.rotate_secret_key()');
	my $setting = $node->background_psql('postgres');
	$setting->query_until(qr/start/, "\\echo start\nSELECT wb.set_secret('ml', 'DURING', 'during');\n");
	$node->poll(q(SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'wb.secrets'::regclass)));
	$rotation->query_safe('COMMIT');
	$rotation->quit;
	$setting->quit;
	is_deeply(keys_in_use(), [ (key_ids())[0] ], 'a secret that is set meanwhile waits for the new key');
	is($node->sql(q(SELECT count(*) FROM wb.secrets WHERE name = 'DURING')), '1', 'and is set');
}

# Another database shares the file, and is not asked.
{
	$node->safe_psql('postgres', 'CREATE DATABASE other');
	$node->safe_psql('other', sprintf q(
		CREATE EXTENSION wb_automations; SELECT wb.setup();
		SELECT wb.create_project('ml', 'other');
		SELECT wb.set_secret('ml', 'TOKEN', 'of the other');
		SELECT wb.create_webhook_integration('ml', 'hook', '%s', access_token => 'TOKEN');
		SELECT wb.create_automation('started', wb.on_run_state(wb.project('ml', 'other'), array['running']),
			wb.send_webhook(wb.webhook_integration('ml', 'hook')), cooldown => '0');), $endpoint->url);
	my ($theirs) = key_ids();
	is_deeply(keys_in_use('other'), [$theirs], 'another database seals with the key that is first');
	$node->sql('SELECT wb.rotate_secret_key()');
	is_deeply(keys_in_use('other'), [$theirs], 'a rotation in one database leaves the secrets of the other');
	my $before = () = $endpoint->requests;
	$node->safe_psql('other', 'SELECT wb.start_run(1)');
	is(($endpoint->wait_for_requests($before + 1))[-1]{headers}{authorization}, 'Bearer of the other', 'which still open');
	is(token_sent(), 'Bearer set later', 'as do those of the first');
	$node->safe_psql('other', 'SELECT wb.rotate_secret_key()');
	is_deeply(keys_in_use('other'), [ (key_ids())[0] ], 'until it rotates too');

	# two at once wait for each other, and both keys stay
	my $first = $node->background_psql('postgres');
	$first->query_safe('BEGIN; SELECT wb.rotate_secret_key()');
	my $second = $node->background_psql('other');
	$second->query_until(qr/start/, "\\echo start\nSELECT wb.rotate_secret_key();\n");
	$node->poll(q(SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = 'userlock')));
	$first->query_safe('COMMIT');
	$first->quit;
	$second->quit;
	my %is_there = map { $_ => 1 } key_ids();
	ok($is_there{ keys_in_use()->[0] } && $is_there{ keys_in_use('other')->[0] }, 'two databases may rotate at once');
	isnt(keys_in_use()->[0], keys_in_use('other')->[0], 'each with a key of its own');
}

# The operations manual: keys that nothing is sealed with any more are cut off.
{
	my $count = 1;
	$count++ while (key_ids())[ $count - 1 ] ne keys_in_use()->[0];
	my $content = substr slurp_file($key_file), 0, 32 * $count;
	unlink $key_file;
	append_to_file($key_file, $content);
	chmod 0600, $key_file;
	is(scalar key_ids(), $count, 'without the keys behind those in use');
	is(token_sent(), 'Bearer set later', 'everything still opens');
}

# Replacing the key again and again while messages are sent loses none.
{
	my $before = () = $endpoint->requests;
	my $sent = 0;
	for my $i (1 .. 8)
	{
		$node->sql(sprintf q(INSERT INTO wb.run_metrics SELECT %d, 'loss', %d + s, 1 FROM generate_series(1, 25) s),
			$run, 1000 * $i);
		$sent += 25;
		$node->sql('SELECT wb.rotate_secret_key()');
	}
	my @arrived = $endpoint->wait_for_requests($before + $sent);
	$node->wait_until_settled;
	splice @arrived, 0, $before;
	is(scalar(grep { $_->{headers}{authorization} eq 'Bearer set later' } @arrived), $sent,
		'the worker sends on while the key is replaced');
	is($node->sql(q(SELECT state, max(attempts) FROM wb.automation_history GROUP BY state)), 'FINISHED|1',
		'each at its first attempt, and none was held');
}

# A full file takes no further key, and says so.
{
	error_of('SELECT wb.rotate_secret_key()') for 1 .. 16;
	is(scalar key_ids(), 16, 'a file holds sixteen keys');
	my @before = key_ids();
	like(error_of('SELECT wb.rotate_secret_key()'),
		qr/ERROR:  cannot add a key: file "wb_automations\.key" is full with 16 keys\nHINT:  Cut off those/,
		'and not one more');
	is_deeply([ key_ids() ], \@before, 'which changes nothing');
	is(token_sent(), 'Bearer set later', 'and stops nothing');

	append_to_file($key_file, 'x' x 32);
	like(error_of('SELECT wb.rotate_secret_key()'),
		qr/ERROR:  .*file "wb_automations\.key" does not hold keys of 32 bytes each, at most 16 of them/,
		'a longer one is no key file');
	truncate $key_file, 0;
	like(error_of(q(SELECT wb.set_secret('ml', 'NEW', 'x'))),
		qr/ERROR:  cannot seal secret "NEW": file "wb_automations\.key" does not hold keys/, 'nor is an empty one');
	unlink $key_file;
	POSIX::mkfifo($key_file, 0600) or die $!;
	like(error_of(q(SELECT wb.set_secret('ml', 'NEW', 'x'))),
		qr/ERROR:  cannot seal secret "NEW": "wb_automations\.key" is not a file/, 'nor is a pipe, which nobody waits for');
	unlink $key_file;
	like(error_of('SELECT wb.rotate_secret_key()'), qr/ERROR:  .*could not open file "wb_automations\.key"/,
		'there is nothing to replace without a file');
	$node->sql('SELECT wb.setup()');
	is(scalar key_ids(), 1, 'wb.setup() makes one that is missing');
	is((stat $key_file)[2] & 07777, 0600, 'that nobody else may read');
	like(error_of('SELECT wb.rotate_secret_key()'),
		qr/ERROR:  cannot open secret "\w+": file "wb_automations\.key" holds another key/,
		'and which does not open what the lost one sealed');
}

# A key file that is a link is replaced where the link leads.
{
	mkdir "$directory/keys" or die $!;
	rename $key_file, "$directory/keys/real" or die $!;
	symlink "$directory/keys/real", $key_file or die $!;
	$node->sql(q(DELETE FROM wb.secrets; SELECT wb.set_secret('ml', 'TOKEN', 'linked'); SELECT wb.rotate_secret_key()));
	ok(-l $key_file, 'a link stays a link');
	is(-s "$directory/keys/real", 64, 'and the file behind it gets the new key');
	is(token_sent(), 'Bearer linked', 'which seals');
}

done_testing();
