# The bytes that a webhook's receiver gets, and what history keeps of them.

use strict;
use warnings;

use IPC::Run ();
use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Endpoint;
use WbAutomations::Node;

my $node = WbAutomations::Node->new('webhook');
my $endpoint =
  WbAutomations::Endpoint->new(answers => [ { status => 202, body => '{"queued": true}' } ]);
my $run_name = qq(a "quoted" name\nin two lines, with 100% \\ and \${run_id});

$node->sql(q(SELECT wb.create_team('ml'), wb.create_project('ml', 'hooks')));
my $run = $node->sql(qq(SELECT wb.start_run((SELECT id FROM wb.projects), name => 'abc123',
	display_name => \$name\$$run_name\$name\$, username => 'ann')));
$node->sql(q(
	SELECT wb.set_secret('ml', 'DEPLOY_TOKEN', 'token-7f3a9c');
	SELECT wb.set_secret('ml', 'SIGNING', 'signing-key-51');
	SELECT wb.set_secret('ml', 'STANDARD', 'whsec_' || encode('a key of its own', 'base64'));));

# An integration and an automation on it, and the request that it sends.
my $made = 0;

sub integrate
{
	my (%options) = @_;

	$made++;
	$node->sql(sprintf q(SELECT wb.create_webhook_integration('ml', 'hook %d', '%s'%s)), $made,
		$endpoint->url("/in/$made?x=1"), join '', map { ", $_ => '$options{$_}'" } sort keys %options);
	return "wb.webhook_integration('ml', 'hook $made')";
}

sub automate
{
	my ($event, $action) = @_;

	$node->sql("SELECT wb.create_automation('number $made', $event, $action)");
	return;
}

# What history says of the execution that was settled last.
sub history
{
	my ($column) = @_;

	$node->wait_until_settled;
	my $value = $node->sql("SELECT $column FROM wb.automation_history LIMIT 1");
	return $value =~ /^[{\[]/ ? JSON::PP->new->utf8(0)->decode($value) : $value;
}

# What the openssl command says is the signature of a text.
sub sign
{
	my ($text, @key) = @_;
	my $signature;

	IPC::Run::run([ 'openssl', 'dgst', '-sha256', '-mac', 'HMAC', '-macopt', @key, '-binary' ],
		'<', \$text, '>', \$signature) or die 'openssl failed';
	return $signature;
}

my $project = q(wb.project('ml', 'hooks'));

# The least request: a POST of JSON with an id and a time, and the object {}.
{
	my $hook = integrate();
	automate("wb.on_run_metric($project, wb.metric('plain', '>', 1))", "wb.send_webhook($hook)");
	$node->log_metric($run, 'plain', 2);
	my $request = $endpoint->wait_for_request;
	my $headers = $request->{headers};

	is($request->{method}, 'POST', 'G141 a webhook is a POST');
	is($request->{path}, "/in/$made?x=1", 'to the path of the URL, with its query');
	is($headers->{host}, '127.0.0.1:' . $endpoint->port, 'the host header names the receiver');
	is($headers->{'content-type'}, 'application/json', 'G141 content-type is application/json');
	is($request->{body}, '{}', 'G147 without a payload the body is {}');
	my $id = $node->sql(q(SELECT i.id || '-' || e.id FROM wb.installation i, wb.executions e));
	is($headers->{'webhook-id'}, $id, 'webhook-id names installation and execution');
	cmp_ok(abs($headers->{'webhook-timestamp'} - time), '<', 30, 'webhook-timestamp is the time of sending');
	is_deeply([ grep { exists $headers->{$_} } 'authorization', 'x-wandb-signature', 'webhook-signature', 'expect' ],
		[], 'G144 without secrets there are no headers of secrets');
	is(history('state'), 'FINISHED', 'any 2xx status is a success');
	is_deeply(history('result'), { resultType => 'HTTP_RESPONSE', statusCode => 202, body => '{"queued": true}' },
		'G172 result has the answer with status and body');
	is(history(q(attempts || ' ' || status_code || ' ' || (error IS NULL))), '1 202 true',
		'history counts one attempt without an error');
}

# Access token and signatures, as another implementation computes them.
{
	my $hook = integrate(access_token => 'DEPLOY_TOKEN', secret => 'SIGNING');
	automate("wb.on_run_metric($project, wb.metric('signed', '>', 1))",
		qq(wb.send_webhook($hook, '{"ref": "main", "text": "\${run_name}"}')));
	$node->log_metric($run, 'signed', 2);
	my $request = $endpoint->wait_for_request;
	my $headers = $request->{headers};

	is($headers->{authorization}, 'Bearer token-7f3a9c', 'G142 the access token is a bearer token');
	is($headers->{'x-wandb-signature'}, unpack('H*', sign($request->{body}, 'key:signing-key-51')),
		'G143 X-Wandb-Signature is the HMAC-SHA256 of the body, in hexadecimal digits');
	is_deeply(JSON::PP::decode_json($request->{body}), { ref => 'main', text => $run_name }, 'G145 the body is the payload and nothing else');
	my $signed = "$headers->{'webhook-id'}.$headers->{'webhook-timestamp'}.$request->{body}";
	is($headers->{'webhook-signature'}, 'v1,' . encode_base64(sign($signed, 'key:signing-key-51'), ''),
		'webhook-signature is that of id, time and body');
}

# A secret in the form of Standard Webhooks stands for the bytes behind it.
{
	my $hook = integrate(secret => 'STANDARD');
	automate("wb.on_run_metric($project, wb.metric('standard', '>', 1))", "wb.send_webhook($hook)");
	$node->log_metric($run, 'standard', 2);
	my $headers = $endpoint->wait_for_request->{headers};

	my $signed = "$headers->{'webhook-id'}.$headers->{'webhook-timestamp'}.{}";
	is($headers->{'webhook-signature'},
		'v1,' . encode_base64(sign($signed, 'hexkey:' . unpack 'H*', 'a key of its own'), ''),
		'a secret with whsec_ signs with the key that it encodes');
}

# A receiver that was written for W&B's older header gets it in base64.
{
	my $hook = integrate(secret => 'SIGNING', signature_encoding => 'base64');
	automate("wb.on_run_metric($project, wb.metric('base64', '>', 1))", "wb.send_webhook($hook)");
	$node->log_metric($run, 'base64', 2);
	my $request = $endpoint->wait_for_request;

	is($request->{headers}{'x-wandb-signature'}, encode_base64(sign($request->{body}, 'key:signing-key-51'), ''),
		'X-Wandb-Signature is base64 where the integration says so');
}

# While a receiver changes its key, both keys sign; then the old one is cleared.
{
	my $hook = integrate(secret => 'SIGNING');
	automate("wb.on_run_metric($project, wb.metric('rotated', '>', 1))", "wb.send_webhook($hook)");
	$node->sql("UPDATE wb.automations SET cooldown = '0' WHERE name = 'number $made'");
	$node->sql(qq(
		SELECT wb.set_secret('ml', 'SIGNING_2', 'signing-key-52');
		UPDATE wb.integrations SET signing_secret = 'SIGNING_2', previous_secret = 'SIGNING' WHERE id = $hook;));
	$node->log_metric($run, 'rotated', 2);
	my $request = $endpoint->wait_for_request;
	my $headers = $request->{headers};
	my $signed = "$headers->{'webhook-id'}.$headers->{'webhook-timestamp'}.$request->{body}";

	is($headers->{'webhook-signature'},
		join(' ', map { 'v1,' . encode_base64(sign($signed, "key:$_"), '') } 'signing-key-52', 'signing-key-51'),
		'with a previous secret there are two signatures, that of the new one first');
	is($headers->{'x-wandb-signature'}, unpack('H*', sign($request->{body}, 'key:signing-key-52')),
		'X-Wandb-Signature is made with the new one');

	$node->sql("UPDATE wb.integrations SET previous_secret = NULL WHERE id = $hook; SELECT wb.delete_secret('ml', 'SIGNING');");
	$node->log_metric($run, 'rotated', 2);
	$headers = $endpoint->wait_for_request->{headers};
	is(scalar split(/ /, $headers->{'webhook-signature'}), 1, 'once it is cleared there is one');
	$node->sql(q(SELECT wb.set_secret('ml', 'SIGNING', 'signing-key-51')));
	is(history('state'), 'FINISHED', 'and the old secret is not needed any more');
}

# Every variable, in a body with lists and nested objects.  A name that is
# unknown, or of another kind of event, is empty.
my @variables = qw(alias artifact_collection_name artifact_metadata.lr artifact_metadata.nested
  artifact_version artifact_version_index artifact_version_string automation_name entity_name
  event_author event_type metric_current_status metric_filter metric_filter_short metric_name
  metric_values observed project_name run_id run_name run_path run_status step tag threshold why
  no_such_name);
my $payload = JSON::PP->new->canonical->encode({
	(map { $_ => "\${$_}" } @variables),
	mixed => [ 'run ${run_id} of ${entity_name}/${project_name}', 7, undef, JSON::PP::true,
		{ deep => '$run_id $ {run_id} ${run_id' } ] });

# The body of what $sql causes, decoded; only the variables that are not empty.
sub body_of
{
	my ($sql) = @_;

	$node->sql($sql);
	my $request = $endpoint->wait_for_request;
	my $body = eval { JSON::PP->new->utf8->decode($request->{body}) };
	is($@, '', 'the body is valid JSON');
	is_deeply([ sort grep { $_ ne 'mixed' } keys %$body ], [ sort @variables ], 'keys are not expanded');
	return { map { $_ => $body->{$_} } grep { ref $body->{$_} || $body->{$_} ne '' } keys %$body };
}

{
	my $hook = integrate();
	automate("wb.on_run_metric($project, wb.avg('loss', '>=', 2.5, 3))", "wb.send_webhook($hook, '$payload')");
	is_deeply(
		body_of("INSERT INTO wb.run_metrics VALUES ($run, 'loss', 10, 2), ($run, 'loss', 11, 3), ($run, 'loss', 12, 4)"),
		{
			automation_name => "number $made",
			entity_name => 'ml',
			event_author => 'ann',
			event_type => 'RUN_METRIC',
			metric_current_status => 'average of the last 3 values of loss was 3, at or above 2.5, at step 12',
			metric_filter => 'AVERAGE(loss, 3) >= 2.5',
			metric_filter_short => 'AVERAGE(loss) >= 2.5',
			metric_name => 'loss',
			metric_values => '[2, 3, 4]',
			observed => '3',
			project_name => 'hooks',
			run_id => 'abc123',
			run_name => $run_name,
			run_path => 'ml/hooks/abc123',
			step => '12',
			threshold => '2.5',
			why => 'average of the last 3 values of loss was 3, at or above 2.5, at step 12',
			mixed => [ 'run abc123 of ml/hooks', 7, undef, JSON::PP::true, { deep => '$run_id $ {run_id} ${run_id' } ] },
		'variables of a metric event; values stay inside of their JSON strings, and are not expanded again');
}

{
	my $hook = integrate();
	automate("wb.on_run_state($project, array['failed'])", "wb.send_webhook($hook, '$payload')");
	is_deeply(
		body_of("SELECT wb.finish_run($run, 254)"),
		{
			automation_name => "number $made",
			entity_name => 'ml',
			event_author => 'ann',
			event_type => 'RUN_STATE',
			project_name => 'hooks',
			run_id => 'abc123',
			run_name => $run_name,
			run_path => 'ml/hooks/abc123',
			run_status => 'FAILED',
			why => "run $run_name crashed",
			mixed => [ 'run abc123 of ml/hooks', 7, undef, JSON::PP::true, { deep => '$run_id $ {run_id} ${run_id' } ] },
		'variables of a state event');
}

{
	my $hook = integrate();
	my $version = $node->sql(q(SELECT wb.log_artifact((SELECT id FROM wb.projects), 'detector', 'model',
		metadata => '{"lr": 0.1, "nested": {"deep": "x"}}')));
	my $address = encode_base64("Artifact:$version", '');
	automate("wb.on_add_artifact_alias($project)", "wb.send_webhook($hook, '$payload')");
	my $author = $node->sql('SELECT current_user');
	my $got = body_of("SELECT wb.add_alias($version, 'production')");
	is_deeply(
		$got,
		{
			alias => 'production',
			artifact_collection_name => 'detector',
			'artifact_metadata.lr' => '0.1',
			'artifact_metadata.nested' => '{"deep": "x"}',
			artifact_version => "wandb-artifact://_id/$address",
			artifact_version_index => '0',
			artifact_version_string => 'ml/hooks/detector:production',
			automation_name => "number $made",
			entity_name => 'ml',
			event_author => $author,
			event_type => 'ADD_ARTIFACT_ALIAS',
			project_name => 'hooks',
			why => 'alias "production" was added to detector:v0',
			mixed => [ 'run  of ml/hooks', 7, undef, JSON::PP::true, { deep => '$run_id $ {run_id} ${run_id' } ] },
		'variables of an alias event');
}

# Secrets go into the body where the template names them, and nowhere else:
# neither into history, nor back into it with what the receiver answers.
{
	my $hook = integrate(access_token => 'DEPLOY_TOKEN', secret => 'SIGNING');
	$endpoint->set_answer({ status => 200, body => 'you sent token-7f3a9c and signing-key-51' });
	automate("wb.on_run_metric($project, wb.metric('secret', '>', 1))",
		qq(wb.send_webhook($hook, '{"token": "\${ACCESS_TOKEN}", "key": "\${SIGNING}", "other": "\${STANDARD}", "run": "\${run_id}"}')));
	$node->log_metric($run, 'secret', 2);
	my $request = $endpoint->wait_for_request;
	is_deeply(JSON::PP::decode_json($request->{body}),
		{ token => 'token-7f3a9c', key => 'signing-key-51', other => '', run => 'abc123' },
		'the secrets of the integration are variables, other secrets of the team are not');
	is_deeply(history('action'),
		{
			actionType => 'GENERIC_WEBHOOK',
			integration => { id => $made, name => "hook $made" },
			requestPayload => { token => '${ACCESS_TOKEN}', key => '${SIGNING}', other => '', run => 'abc123' } },
		'G171 history has the integration and the payload as it was sent');
	is(history(q(result->>'body')), 'you sent ************ and **************',
		'secrets that a receiver sends back are masked');
	is($node->sql(q(SELECT count(*) FROM wb.executions e, wb.delivery_attempts a
		WHERE concat(e, a) ~ 'token-7f3a9c|signing-key-51')), '0', 'no secret is anywhere in history');
}

# Text that is not ASCII goes out as UTF-8.
{
	my $hook = integrate();
	automate("wb.on_run_metric($project, wb.metric('accents', '>', 1))",
		qq(wb.send_webhook($hook, '{"text": "\${run_name}"}')));
	my $other = $node->new_run('ml/hooks', "r\xc3\xa9sum\xc3\xa9 \xe2\x82\xac");
	$node->log_metric($other, 'accents', 2);
	is($endpoint->wait_for_request->{body}, qq({"text": "r\xc3\xa9sum\xc3\xa9 \xe2\x82\xac"}),
		'the body is UTF-8');
}

# So it does from a database in another encoding, and so does the URL.
{
	$node->safe_psql('template1', q(CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0));
	$node->safe_psql('latin', sprintf q(SET client_encoding = 'UTF8';
		CREATE EXTENSION wb_automations; SELECT wb.setup();
		SELECT wb.create_team('ml'), wb.create_project('ml', 'latin');
		SELECT wb.create_webhook_integration('ml', 'hook', '%s');
		SELECT wb.create_slack_integration('ml', '%s');
		SELECT wb.create_automation('new', wb.on_run_state(wb.project('ml', 'latin'), array['running']),
			wb.send_webhook(wb.webhook_integration('ml', 'hook'), '{"text": "${run_name}"}'));
		SELECT wb.create_automation('chat', wb.on_run_state(wb.project('ml', 'latin'), array['running']),
			wb.send_notification(wb.slack_integration('ml'), title => '${run_name}'));
		SELECT wb.start_run(1, display_name => '%s');),
		$endpoint->url("/webhook/\xc3\xa9"), $endpoint->url("/slack/\xc3\xa9"), "r\xc3\xa9sum\xc3\xa9");
	my %body = map { lc $_->{path} => $_->{body} } $endpoint->wait_for_request, $endpoint->wait_for_request;
	is($body{'/webhook/%c3%a9'}, qq({"text": "r\xc3\xa9sum\xc3\xa9"}), 'a database in LATIN1 sends UTF-8 to a webhook');
	like($body{'/slack/%c3%a9'}, qr/^\{"text": "\*r\xc3\xa9sum\xc3\xa9\*"/, 'and to Slack');
}

# An answer that is no text at all is kept as far as it can be.
{
	my $hook = integrate();
	$endpoint->set_answer({ status => 200, body => "\xff\x00caf\xe9 ok" });
	automate("wb.on_run_metric($project, wb.metric('binary', '>', 1))", "wb.send_webhook($hook)");
	$node->log_metric($run, 'binary', 2);
	$endpoint->wait_for_request;
	is(history(q(result->>'body')), '??caf? ok', 'bytes that are no text become question marks');
}

done_testing();
