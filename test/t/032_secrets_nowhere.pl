# Secrets are found nowhere: in no table, view, function's result, activity,
# log line, dump or file of the server, whatever becomes of the messages.
#
# The values below are looked for as they are.  They come from files, because
# what PostgreSQL itself writes of a literal is not ours to keep silent.

use strict;
use warnings;

use File::Find;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Endpoint;
use WbAutomations::Node;

my %marker = (
	TOKEN => 'tok-5e1ec7ab1e',
	SIGNING => 'sign"5e1ec7/ab1e\\key',
	SLACK => '/services/T0AAAAAAA/B0BBBBBBB/slack5e1ec7ab1eXYZ0123456');

# What of them must not be found: also a part that alone would do for a thief,
# and what they look like in JSON.
my @needles = ('tok-5e1ec7', 'sign"5e1ec7', 'sign\\"5e1ec7', '5e1ec7/ab1e', '5e1ec7\\/ab1e', 'slack5e1ec7ab1e');
my $needles = join '|', map { quotemeta } @needles;

# None of them is in a text; if one is, the surroundings of the first are shown.
sub has_none
{
	my ($text, $name) = @_;
	my $found = $text =~ /$needles/ ? substr $text, $-[0] > 200 ? $-[0] - 200 : 0, 300 : '';
	return is($found, '', $name);
}

my $node = WbAutomations::Node->new('nowhere', conf => q(
log_min_messages = debug5
log_statement = none
wb_automations.request_timeout = '2s'
));
# Each knows what it was sent itself.
my $endpoint = WbAutomations::Endpoint->new;
my $channel = WbAutomations::Endpoint->new;
my $run = $node->new_run('ml/secrets');
my $directory = PostgreSQL::Test::Utils::tempdir();

for my $name (sort keys %marker)
{
	append_to_file("$directory/$name", ($name eq 'SLACK' ? $channel->url($marker{SLACK}) : $marker{$name}) . "\n");
	$node->sql("SELECT wb.set_secret_from_file('ml', '$name', '$directory/$name')");
}
$node->sql(sprintf q(
	SELECT wb.create_webhook_integration('ml', 'hook', '%s', access_token => 'TOKEN', secret => 'SIGNING');
	SELECT wb.create_slack_integration('ml', channel_name => 'chat', url_secret => 'SLACK');
	SELECT wb.create_automation('web', wb.on_run_metric(wb.project('ml', 'secrets'), wb.metric('web', '>', 0)),
		wb.send_webhook(wb.webhook_integration('ml', 'hook'),
			'{"text": "${run_name}", "token": "${ACCESS_TOKEN}", "key": "${SIGNING}", "both": "${TOKEN}/${SIGNING}"}'), cooldown => '0');
	SELECT wb.create_automation('chat', wb.on_run_metric(wb.project('ml', 'secrets'), wb.metric('chat', '>', 0)),
		wb.send_notification(wb.slack_integration('ml'), title => '${TOKEN} ${SLACK}', message => '${ACCESS_TOKEN}'), cooldown => '0');
	CREATE ROLE reader LOGIN;
	GRANT USAGE ON SCHEMA wb TO reader;
	GRANT pg_read_all_data TO reader;), $endpoint->url('/hook'));

# Fire both, with an answer for each; returns what each was sent.
sub fire
{
	my ($answer, $channel_answer) = @_;
	my @before = map { scalar(() = $_->requests) } $endpoint, $channel;

	$endpoint->set_answer($answer);
	$channel->set_answer($channel_answer // $answer);
	$node->log_metric($run, $_, 1) for 'web', 'chat';
	return ($endpoint->wait_for_requests($before[0] + 1))[-1], ($channel->wait_for_requests($before[1] + 1))[-1];
}

# Everything that a receiver can do with what it was sent.
my ($web, $chat) = fire(200);
is($web->{headers}{authorization}, "Bearer $marker{TOKEN}", 'the token is sent');
ok($web->{body} =~ /$needles/, 'the secrets are in the body');
is($chat->{path}, $marker{SLACK}, 'the address of the channel is used');
has_none($chat->{body}, 'no secret is in what people read');
$node->wait_until_settled;

my $address = $channel->url($marker{SLACK});
my $slashed = $marker{SLACK} =~ s{/}{\\/}gr;
my $last = $marker{SLACK} =~ s{.*/}{}r;
my @echoes = (
	[ "you sent Bearer $marker{TOKEN} signed with $marker{SIGNING}", "you came to $address" ],
	[ $web->{body}, qq({"path": "$slashed", "error": "Cannot POST $marker{SLACK}"}) ],
	[ $web->{body} =~ s{/}{\\/}gr, "invalid_token $last" ],
	# the start of a secret, where the answer is cut
	[ ' ' x (8192 - 10) . $marker{TOKEN}, ' ' x (8192 - length($address) + 3) . $address ],
	[ ' ' x (8192 - 12) . $marker{SIGNING}, ' ' x (8192 - length($last) + 3) . $last ]);
for my $echo (@echoes)
{
	for my $status (200, 404, 500)
	{
		fire(map { {
			status => $status,
			body => $_,
			headers => { 'X-Echo' => $_, Location => $_, 'WWW-Authenticate' => $_, 'Set-Cookie' => "a=$_" } } } @$echo);
	}
}
fire(map { { status => 302, headers => { Location => "http://127.0.0.1/$_" } } } $marker{TOKEN}, $marker{SLACK});
fire(map { { raw => "HTTP/1.1 200 $_\r\nContent-Length: 1000\r\n\r\n$_" } } $marker{TOKEN}, $marker{SLACK});
fire(map { { raw => "HTTP/9.9 $_\r\n\r\n" } } $marker{TOKEN}, $marker{SLACK});
fire(map { { raw => "$_\r\n\r\n" } } $marker{TOKEN}, $marker{SLACK});
fire('reset');
fire('hang');
cmp_ok($node->sql(q(SELECT count(*) FROM wb.delivery_attempts WHERE status_code >= 400)), '>=', 20, 'receivers answered with errors');
$node->poll(q(SELECT NOT EXISTS (SELECT FROM wb.delivery_claims)));
is($node->sql(q(SELECT count(*) FROM wb.executions WHERE result->>'body' LIKE '%*******%')) > 5, 1,
	'and secrets that they sent back are masked in history');

# Held, for want of the key, and for a key that others may read.
my $key = $node->data_dir . '/wb_automations.key';
$_->set_answer(200) for $endpoint, $channel;
$node->sql('SELECT wb.resume_integration(id) FROM wb.integrations');
rename $key, "$key.away" or die $!;
$node->log_metric($run, $_, 1) for 'web', 'chat';
# Others, whose next attempt comes meanwhile, are held too.
$node->poll(q(SELECT count(*) = 2 FROM wb.deliveries WHERE last_error LIKE 'cannot open secret%'
	AND execution_id IN (SELECT id FROM wb.executions ORDER BY id DESC LIMIT 2)));
rename "$key.away", $key or die $!;
# Failed before it is sent: a token that no header can carry, an address that
# is not allowed or cannot be read.
append_to_file("$directory/SPLIT", "$marker{TOKEN}\n$marker{TOKEN}");
append_to_file("$directory/BAD_$_->[0]", $_->[1])
  for [ 1, "https://10.0.0.1$marker{SLACK}" ], [ 2, "https://a b$marker{SLACK}" ], [ 3, "ftp://hooks.example$marker{SLACK}" ],
  [ 4, "https://$marker{TOKEN}:x\@hooks.example/" ], [ 5, "$marker{TOKEN}" ];
$node->sql(sprintf q(
	SELECT wb.set_secret_from_file('ml', f, '%1$s/' || f) FROM unnest(array['SPLIT', 'BAD_1', 'BAD_2', 'BAD_3', 'BAD_4', 'BAD_5']) f;
	SELECT wb.create_webhook_integration('ml', 'split', '%2$s', access_token => 'SPLIT');
	SELECT wb.create_slack_integration('ml', channel_name => f, url_secret => f) FROM unnest(array['BAD_1', 'BAD_2', 'BAD_3', 'BAD_4', 'BAD_5']) f;
	SELECT wb.create_automation('bad' || i.id, wb.on_run_metric(wb.project('ml', 'secrets'), wb.metric('bad', '>', 0)),
		CASE i.kind WHEN 'SLACK' THEN wb.send_notification(i.id) ELSE wb.send_webhook(i.id) END, cooldown => '0')
	FROM wb.integrations i WHERE i.name ~ '^(split|BAD)';), $directory, $endpoint->url);
$node->log_metric($run, 'bad', 1);
$node->poll(q(SELECT count(*) = 6 FROM wb.automation_history WHERE automation_name LIKE 'bad%' AND state = 'FAILED'));
pass('and messages failed before they were sent');

# A rotation, and errors of the functions.
$node->sql('SELECT wb.rotate_secret_key()');
$node->psql('postgres', "SELECT wb.set_secret_from_file('ml', '$_->[0]', '$directory/$_->[1]')")
  for [ 'a b', 'TOKEN' ], [ 'TOKEN', 'none' ], [ 'SLACK', 'SPLIT' ];
$node->sql("SELECT wb.set_secret_from_file('ml', 'SLACK', '$directory/SLACK')");

# Every relation of every schema, as text and, where it holds bytes, as those;
# the statements name what they look for in halves, or they would find
# themselves.
my $search = q(
	CREATE FUNCTION pg_temp.search() RETURNS SETOF text LANGUAGE plpgsql AS $$
	DECLARE
		relation regclass;
		needles text[] := NEEDLES;
		found text;
		looked bigint := 0;
	BEGIN
		needles := needles || (SELECT array_agg(encode(convert_to(n, 'UTF8'), 'hex')) FROM unnest(needles) n)
			|| (SELECT array_agg(replace(replace(n, '\', '\\'), '"', '""')) FROM unnest(needles) n);
		FOR relation IN SELECT c.oid FROM pg_class c WHERE c.relkind IN ('r', 'v', 'm', 'p')
			AND has_table_privilege(c.oid, 'SELECT') AND c.relname <> 'pg_largeobject' ORDER BY 1 LOOP
			looked := looked + 1;
			BEGIN
				EXECUTE format('SELECT string_agg(DISTINCT left(n, 4), '', '' ORDER BY left(n, 4)) FROM (SELECT t::text AS row FROM %s t OFFSET 0) t, unnest($1) n
					WHERE strpos(t.row, n) > 0', relation) INTO found USING needles;
			EXCEPTION WHEN insufficient_privilege OR object_not_in_prerequisite_state OR feature_not_supported THEN
				found := NULL;
			END;
			IF found IS NOT NULL THEN
				RETURN NEXT format('%s has secrets that begin with %s', relation, found);
			END IF;
		END LOOP;
		RETURN NEXT format('looked at %s', CASE WHEN looked > 150 THEN 'everything' ELSE looked || ' relations only' END);
	END $$;
	SELECT * FROM pg_temp.search();)
  =~ s/NEEDLES/'ARRAY[' . join(', ', map { "'" . substr($_, 0, 6) . "' || '" . substr($_, 6) . "'" } @needles) . ']'/er;
for my $role ('reader', undef)
{
	my (undef, $out, $err) = $node->psql('postgres', $search, $role ? (extra_params => [ '-U', $role ]) : ());
	is($err, '', 'the search succeeds');
	is($out, 'looked at everything', ($role ? 'a role that reads all tables' : 'a superuser') . ' finds no secret in any relation');
}

# The search can find some.
{
	my (undef, $out) = $node->psql('postgres', "CREATE TEMPORARY TABLE planted AS
		SELECT pg_read_file('$directory/TOKEN') AS content, pg_read_binary_file('$directory/SIGNING') AS bytes; $search");
	like($out, qr/^planted has secrets that begin with 3565, 7369, tok-$/m, 'the search finds those that are planted, as bytes too');
}

# Every function that the reader may call with nothing, with an id, or with a
# name, and the functions that tell of integrations and secrets.
{
	my ($result, $out, $err) = $node->psql('postgres', q(
		SELECT format('SELECT x::text FROM wb.%I(%s) x;', p.proname, CASE p.pronargs - p.pronargdefaults
			WHEN 0 THEN '' WHEN 1 THEN CASE p.proargtypes[0] WHEN 'bigint'::regtype THEN n::text ELSE quote_literal(
				CASE p.proargtypes[0] WHEN 'jsonb'::regtype THEN '{"integrationID": 1}' WHEN 'text'::regtype THEN 'ml' ELSE '1' END) END
			ELSE CASE p.proname WHEN 'webhook_integration' THEN '''ml'', ''hook''' WHEN 'set_secret' THEN '''ml'', ''TOKEN'', ''x'''
				WHEN 'seal_secret' THEN '1, ''TOKEN'', ''x''' END END)
		FROM pg_proc p, generate_series(1, 3) n
		WHERE p.pronamespace = 'wb'::regnamespace AND p.prokind = 'f' AND p.prorettype <> 'trigger'::regtype
			AND (p.pronargs - p.pronargdefaults <= 1 OR p.proname IN ('webhook_integration', 'set_secret', 'seal_secret'))
			AND (n = 1 OR p.proargtypes[0] = 'bigint'::regtype)
			AND p.proname NOT IN ('setup', 'arm', 'prune', 'delete_automation')));
	my @calls = split /\n/, $out;
	cmp_ok(scalar @calls, '>', 40, 'there are functions to call');
	for my $role ('reader', undef)
	{
		my ($out, $err) = ('', '');
		$node->psql('postgres', join("\n", 'BEGIN; SAVEPOINT s;', map { "$_ ROLLBACK TO s;" } @calls),
			stdout => \$out, stderr => \$err, on_error_stop => 0, $role ? (extra_params => [ '-U', $role ]) : ());
		has_none("$out$err", 'no function tells a secret to ' . ($role // 'a superuser') . ', nor does its error');
		like($out, qr/hook|ml/, 'though they tell something');
	}
}

# Dumps, of every kind.
for my $command ([ 'pg_dump', '-d', 'postgres' ], [ 'pg_dump', '-d', 'postgres', '--inserts', '-n', 'wb' ], ['pg_dumpall'])
{
	my ($out, $err) = run_command([ @$command, '-h', $node->host, '-p', $node->port ]);
	ok($out =~ /wb\.secrets/, "@$command dumps the table");
	has_none($out, 'and no secret in it');
	for my $needle (@needles)
	{
		my $hex = unpack 'H*', $needle;
		ok(index($out, $hex) < 0, 'nor as bytes: ' . substr $needle, 0, 4);
	}
}

# The rest of what was held is sent, and then no process holds anything.
$node->set('wb_automations.clock_offset', 100);
$node->poll(q(SELECT NOT EXISTS (SELECT FROM wb.deliveries WHERE last_error LIKE 'cannot open secret%')));
$node->stop;

# The log at its most talkative, and every file of the data directory: tables,
# write-ahead log, statistics.
my $log = slurp_file($node->logfile);
ok($log =~ /DEBUG:  /, 'the log has everything that a log can have');
has_none($log, 'and no secret');
{
	my $files = 0;
	my @found;
	find(
		{
			no_chdir => 1,
			wanted => sub {
				return if !-f $_;
				$files++;
				push @found, $_ if slurp_file($_) =~ /$needles/;
			} },
		$node->data_dir);
	cmp_ok($files, '>', 500, 'the data directory has files');
	is("@found", '', 'none of which has a secret');
}

done_testing();
