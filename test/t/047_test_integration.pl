# wb.test_integration sends at once, says what came back, and leaves nothing.

use strict;
use warnings;

use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Endpoint;
use WbAutomations::Node;

my $node = WbAutomations::Node->new('trial');
my $endpoint = WbAutomations::Endpoint->new(answers => [ { status => 202, body => 'queued for token-7f3a9c' } ]);
$node->sql(sprintf q(
	SELECT wb.create_project('ml', 'trial');
	SELECT wb.set_secret('ml', 'TOKEN', 'token-7f3a9c'), wb.set_secret('ml', 'KEY', 'signing-key-51');
	SELECT wb.create_webhook_integration('ml', 'hook', '%s', 'TOKEN', 'KEY');
	SELECT wb.create_slack_integration('ml', '%s', channel_name => '#alerts');), $endpoint->url('/hook'), $endpoint->url('/slack'));
my $hook = $node->sql(q(SELECT wb.webhook_integration('ml', 'hook')));
my $slack = $node->sql(q(SELECT wb.slack_integration('ml')));

# The row that a test returns, without the milliseconds, and what it complains.
sub try
{
	my ($arguments, $before) = @_;
	my ($code, $out, $err) = $node->psql('postgres', ($before // '') . "CALL wb.test_integration($arguments)");
	my @columns = split /\|/, $out, -1;

	splice @columns, 2, 1 if @columns > 2;
	return (join('|', @columns), $err =~ s/^psql:<stdin>:\d+: //mgr);
}

sub is_clean
{
	my ($what) = @_;
	is($node->sql(q(SELECT (SELECT count(*) FROM wb.executions), (SELECT count(*) FROM wb.deliveries),
		(SELECT count(*) FROM wb.delivery_attempts))), '0|0|0', "G159 nothing is left of $what");
	return;
}

# A webhook: the payload as it is, signed, and the answer with its secrets masked.
my ($row) = try(qq($hook, '{"try": "\${run_name}!"}'));
my $request = $endpoint->wait_for_request;
is($row, 't|202|queued for ************', 'G159 a test sends at once, and the answer comes back, without secrets');
is($request->{body}, '{"try": "!"}', 'the payload arrived; it is about no event');
is($request->{headers}{authorization}, 'Bearer token-7f3a9c', 'with the token');
ok($request->{headers}{'webhook-signature'}, 'and the signatures');
is_clean('a test that succeeded');
like($node->sql("CALL wb.test_integration($hook)"), qr/^t\|202\|[\d.]+\|/, 'the time is there, and the payload can be left out');
is($endpoint->wait_for_request->{body}, '{}', 'which is an empty object then');

# Slack: title, message and severity are the payload.
$endpoint->set_answer({ status => 200, body => 'ok' });
is((try($slack))[0], 't|200|ok', 'a Slack channel can be tried');
is(JSON::PP->new->decode($endpoint->wait_for_request->{body})->{text}, '*Test of this Slack integration*', 'with a title of its own');
try(qq($slack, '{"title": "hello", "severity": "ERROR"}'));
my $body = JSON::PP->new->decode($endpoint->wait_for_request->{body});
is("$body->{text} $body->{attachments}[0]{color}", '*hello* #d92d20', 'or with yours');

# One attempt, whatever comes of it.
for my $case (
	[ { status => 503, body => 'busy' }, 'f|503|busy' ],
	[ { status => 404, body => 'no_service' }, 'f|404|no_service' ],
	[ 'close', 'f||could not send to "127.0.0.1": Server returned nothing (no headers, no data)' ])
{
	my ($answer, $expected) = @$case;
	$endpoint->set_answer($answer);
	is((try($hook))[0], $expected, "$expected is an answer");
	$endpoint->wait_for_request;
}
is_clean('tests that failed');
$node->sql(q(SELECT wb.delete_secret('ml', 'KEY')));
is((try($hook))[0], 'f||secret "KEY" does not exist', 'what is not sent at all says why');
$node->sql(q(SELECT wb.set_secret('ml', 'KEY', 'signing-key-51')));

# It does not wait behind a backlog, and its worker sees to the others meanwhile.
$endpoint->set_answer(200);
$node->set('wb_automations.max_in_flight', 1);
$node->sql(q(
	SELECT wb.create_automation('many', wb.on_run_metric(wb.project('ml', 'trial'), wb.metric('m', '>', 1)),
		wb.send_webhook(wb.webhook_integration('ml', 'hook'), '{"many": 1}'), cooldown => '0');
	SELECT wb.start_run((SELECT id FROM wb.projects));));
my $count = $endpoint->requests;
$node->sql(q(INSERT INTO wb.run_metrics SELECT r.id, 'm', s, 2 FROM wb.runs r, generate_series(1, 1000) s));
try(qq($hook, '{"me": 1}'));
my @bodies = map { $_->{body} } $endpoint->requests;
my ($place) = grep { $bodies[$_] eq '{"me": 1}' } $count .. $#bodies;
cmp_ok($place - $count, '<', 900, 'a test overtakes what waits');
$node->wait_until_settled;
is($node->sql(q(SELECT count(*) FROM wb.executions WHERE state = 'FINISHED')), '1000', 'and what waits is sent too');
$node->sql('DELETE FROM wb.executions; DELETE FROM wb.delivery_attempts');

# What cannot be is an error that says what to do.
is((try($hook, 'BEGIN;'))[1], q(ERROR:  wb.test_integration cannot run inside a transaction block
DETAIL:  The worker sends the test, and sees only what is committed.
HINT:  CALL it outside of BEGIN and COMMIT, and from no function.
CONTEXT:  SQL statement "SELECT wb.wake_for_test()"
PL/pgSQL function wb.queue_test(bigint,jsonb) line 8 at PERFORM
PL/pgSQL function wb.test_integration(bigint,jsonb,boolean,integer,double precision,text) line 6 at assignment),
	'a test inside a transaction block is refused');
like((try('0'))[1], qr/^ERROR:  integration 0 does not exist/, 'an unknown integration is');
like((try('NULL'))[1], qr/^ERROR:  integration null does not exist/, 'and none');
like((try("$hook, '[1]'"))[1], qr/^ERROR:  payload of a test must be a JSON object, not \[1\]/, 'and a list as payload');
is((try("$hook, NULL"))[0], 't|200|ok', 'none is an empty one');

# Somebody without rights on the queue cannot send.
$node->sql('CREATE ROLE visitor; GRANT USAGE ON SCHEMA wb TO visitor; GRANT SELECT ON ALL TABLES IN SCHEMA wb TO visitor');
like((try($hook, 'SET ROLE visitor;'))[1], qr/permission denied for table executions/, 'a role that may only read cannot send');

# A caller who leaves early leaves a row, which the next call removes once it is old.
$node->set('wb_automations.request_timeout', "'1s'");
$endpoint->set_answer('hang');
like((try($hook, "SET statement_timeout = '300ms';"))[1], qr/canceling statement due to statement timeout/, 'waiting can be cancelled');
is($node->sql(q(SELECT origin FROM wb.executions)), 'test', 'and leaves a row');
$node->wait_until_settled;
$node->sql(q(UPDATE wb.executions SET triggered_at = triggered_at - interval '2 hours'));
$endpoint->set_answer(200);
try($hook);
$node->poll('SELECT count(*) = 0 FROM wb.executions');
is_clean('a caller who left early');

# While nothing may be sent, that is the answer.
for my $mode (qw(off dry_run))
{
	$node->set('wb_automations.delivery', $mode);
	like((try($hook))[1], qr/^ERROR:  nothing is sent while wb_automations.delivery is $mode/, "it says that delivery is $mode");
}
$node->set('wb_automations.delivery', 'on');
$node->set('wb_automations.worker', 'off');
$node->poll('SELECT wb.worker_pid() IS NULL');
like((try($hook))[1], qr/^ERROR:  no worker runs in database "postgres".*HINT:  Preload/s, 'and that no worker runs');

done_testing();
