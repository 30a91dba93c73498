# The use cases whose point is what the receiver gets, each as its user would
# write it.  The others are in use_case_runs.sql and use_case_artifacts.sql.

use strict;
use warnings;

use IPC::Run ();
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Endpoint;
use WbAutomations::Node;

my $node = WbAutomations::Node->new('use_cases');
$node->sql(q(SELECT wb.create_team('ml', 'acme'), wb.create_registry('acme', 'models')));

# The requests that a piece of SQL causes, once all is settled.
sub requests_of
{
	my ($endpoint, $sql) = @_;
	my $before = $endpoint->requests;

	$node->sql($sql);
	$node->wait_until_settled;
	my @requests = $endpoint->requests;
	return @requests[ $before .. $#requests ];
}

sub body_of
{
	return JSON::PP->new->utf8->decode($_[0]{body});
}

# What the newest execution came to.
sub outcome
{
	return $node->sql(q(SELECT concat_ws(' ', state, status_code, error) FROM wb.automation_history LIMIT 1));
}

# The signature that a receiver computes, in hexadecimal digits.
sub sign
{
	my ($text, $key) = @_;
	my $digest;

	IPC::Run::run([ 'openssl', 'dgst', '-sha256', '-hmac', $key ], '<', \$text, '>', \$digest) or die 'openssl failed';
	return ($digest =~ /([0-9a-f]{64})/)[0];
}

# A version of a model, linked to the registry under an alias.
my $project = $node->sql(q(SELECT wb.create_project('ml', 'training')));

sub link_model
{
	my ($collection, $alias) = @_;
	return qq(SELECT wb.link_artifact(wb.log_artifact($project, '$collection', 'model'),
		wb.create_registry('acme', 'models'), '$collection', '{$alias}'));
}

subtest 'E02 the tutorial: a run with a name of ours ends with exit code 1, and Slack says so' => sub {
	my $slack = WbAutomations::Endpoint->new(answers => [ { status => 200, body => 'ok' } ]);
	my $tutorial = $node->sql(q(SELECT wb.create_project('ml', 'tutorial')));
	$node->sql(sprintf q(
		SELECT wb.create_slack_integration('ml', '%s', '#alerts');
		SELECT wb.create_automation(
			name   => 'failed runs',
			event  => wb.on_run_state(wb.project('ml', 'tutorial'), '{failed}', wb.where('display_name', '~', '^my-test-run')),
			action => wb.send_notification(wb.slack_integration('ml', '#alerts'), title => '${run_name} failed', severity => 'ERROR'));),
		$slack->url('/services/T0/B0/secret'));
	my @requests = requests_of($slack, qq(
		SELECT wb.finish_run(wb.start_run($tutorial, 'my-test-run-1'), exit_code => 0);
		SELECT wb.finish_run(wb.start_run($tutorial, 'your-test-run'), exit_code => 1);
		SELECT wb.finish_run(wb.start_run($tutorial, 'my-test-run-2'), exit_code => 1);));
	is(scalar @requests, 1, 'one message: not for the one that succeeded, nor for the one of another name');
	is($requests[0]{path}, '/services/T0/B0/secret', 'it goes to the address of the channel');
	is(body_of($requests[0])->{text}, '*my-test-run-2 failed*', 'it names the run');
	is(body_of($requests[0])->{attachments}[0]{blocks}[0]{text}{text}, 'run my-test-run-2 failed', 'and says why it was sent');
	is(outcome(), 'FINISHED 200', 'history has it as delivered');
};

subtest 'E28 an alias starts a workflow at GitHub with a repository_dispatch' => sub {
	my $github = WbAutomations::Endpoint->new(answers => [ { status => 204, body => '' } ]);
	$node->sql(sprintf q(
		SELECT wb.set_secret('ml', 'GITHUB_TOKEN', 'ghp_0123456789');
		SELECT wb.create_webhook_integration('ml', 'github', '%s', access_token => 'GITHUB_TOKEN');
		SELECT wb.create_automation('build and deploy',
			wb.on_add_artifact_alias(wb.registry('acme', 'models'), wb.where('alias', '=', 'deploy')),
			wb.send_webhook(wb.webhook_integration('ml', 'github'), '{"event_type": "BUILD_AND_DEPLOY", "client_payload": {
				"event_author": "${event_author}", "artifact_version": "${artifact_version}", "artifact_version_string": "${artifact_version_string}",
				"artifact_collection_name": "${artifact_collection_name}", "project_name": "${project_name}", "entity_name": "${entity_name}"}}'));),
		$github->url('/repos/acme/models/dispatches'));
	my @requests = requests_of($github, link_model('detector', 'deploy'));
	is(scalar @requests, 1, 'one request: not for "latest"');
	is("$requests[0]{method} $requests[0]{path}", 'POST /repos/acme/models/dispatches', 'to the address of the repository');
	is($requests[0]{headers}{authorization}, 'Bearer ghp_0123456789', 'with the token');
	my $author = $node->sql('SELECT current_user');
	my $version = $node->sql(q(SELECT 'wandb-artifact://_id/' || encode(('Artifact:' || max(id))::bytea, 'base64') FROM wb.artifacts));
	is_deeply(
		body_of($requests[0]),
		{
			event_type => 'BUILD_AND_DEPLOY',
			client_payload => {
				event_author => $author,
				artifact_version => $version,
				artifact_version_string => 'acme/models/detector:deploy',
				artifact_collection_name => 'detector',
				project_name => 'models',
				entity_name => 'acme' } },
		'the body is what GitHub asks for');
	is(outcome(), 'FINISHED 204', 'an answer without a body is a success');
};

subtest 'E44 a card for Microsoft Teams' => sub {
	my $teams = WbAutomations::Endpoint->new;
	$node->sql(sprintf q(
		SELECT wb.create_webhook_integration('ml', 'teams', '%s');
		SELECT wb.create_automation('card',
			wb.on_link_artifact(wb.registry('acme', 'models'), wb.where('alias', '=', 'card')),
			wb.send_webhook(wb.webhook_integration('ml', 'teams'), '{"@type": "MessageCard", "@context": "http://schema.org/extensions",
				"themeColor": "0076D7", "summary": "A new version", "sections": [{"activityTitle": "${artifact_version_string}",
				"facts": [{"name": "Author", "value": "${event_author}"}, {"name": "Event Type", "value": "${event_type}"}], "markdown": true}]}'));),
		$teams->url('/webhookb2/1@2/IncomingWebhook/3/4'));
	my @requests = requests_of($teams, link_model('card', 'card'));
	is(scalar @requests, 1, 'one card');
	is($requests[0]{path}, '/webhookb2/1@2/IncomingWebhook/3/4', 'to the address of the channel, as it was given');
	is_deeply(
		body_of($requests[0]),
		{
			'@type' => 'MessageCard',
			'@context' => 'http://schema.org/extensions',
			themeColor => '0076D7',
			summary => 'A new version',
			sections => [ {
					activityTitle => 'acme/models/card:v0',
					facts => [
						{ name => 'Author', value => $node->sql('SELECT current_user') },
						{ name => 'Event Type', value => 'LINK_ARTIFACT' } ],
					markdown => JSON::PP::true } ] },
		'variables are expanded where they are, however deep, and true stays true');
};

subtest 'E45 Slack by a webhook, with blocks of the sender' => sub {
	my $slack = WbAutomations::Endpoint->new(answers => [ { status => 200, body => 'ok' } ]);
	$node->sql(sprintf q(
		SELECT wb.create_webhook_integration('ml', 'slack', '%s');
		SELECT wb.create_automation('blocks',
			wb.on_link_artifact(wb.registry('acme', 'models'), wb.where('alias', '=', 'blocks')),
			wb.send_webhook(wb.webhook_integration('ml', 'slack'), '{"text": "New version", "blocks": [
				{"type": "section", "text": {"type": "mrkdwn", "text": "Registry event: ${event_type}"}},
				{"type": "section", "text": {"type": "mrkdwn", "text": "New version: ${artifact_version_string}"}},
				{"type": "divider"},
				{"type": "section", "text": {"type": "mrkdwn", "text": "Author: ${event_author}, ${tag}<@U024BE7LH>"}}]}'));),
		$slack->url('/services/T0/B0/blocks'));
	my @requests = requests_of($slack, link_model('blocks', 'blocks'));
	is(scalar @requests, 1, 'one message');
	my $author = $node->sql('SELECT current_user');
	is_deeply(
		body_of($requests[0]),
		{
			text => 'New version',
			blocks => [
				{ type => 'section', text => { type => 'mrkdwn', text => 'Registry event: LINK_ARTIFACT' } },
				{ type => 'section', text => { type => 'mrkdwn', text => 'New version: acme/models/blocks:v0' } },
				{ type => 'divider' },
				{ type => 'section', text => { type => 'mrkdwn', text => "Author: $author, <\@U024BE7LH>" } } ] },
		'the blocks are the sender\'s, a mention stays one, and what the event does not have is empty');
};

subtest 'E47 a rule is tried out without side effects' => sub {
	my $endpoint = WbAutomations::Endpoint->new;
	$node->sql(sprintf q(
		SELECT wb.create_webhook_integration('ml', 'verified', '%s');
		SELECT wb.create_automation('verify', wb.on_run_metric(wb.project('ml', 'training'), wb.metric('verify', '>', 1)), wb.do_nothing());),
		$endpoint->url('/verified'));
	my $log = "SELECT wb.log(wb.start_run($project, 'verify'), '{\"verify\": 2}')";
	is(scalar(my @none = requests_of($endpoint, $log)), 0, 'nothing is sent');
	is(outcome(), 'FINISHED', 'history says that it fired, and is done');
	is($node->sql(q(SELECT why FROM wb.automation_history LIMIT 1)), 'verify was 2, above 1, at step 0', 'and why');
	$node->sql(q(SELECT wb.update_automation(wb.automation('verify'),
		jsonb_build_object('action', wb.send_webhook(wb.webhook_integration('ml', 'verified'), '{"run": "${run_name}"}')))));
	is_deeply([ map { $_->{body} } requests_of($endpoint, $log) ], ['{"run": "verify"}'],
		'with its real action the same rule sends');
};

subtest 'E48 first in a test project with a test webhook, then for real' => sub {
	my $test = WbAutomations::Endpoint->new;
	my $real = WbAutomations::Endpoint->new;
	my $other = $node->sql(q(SELECT wb.create_project('ml', 'test')));
	$node->sql(sprintf q(
		SELECT wb.create_webhook_integration('ml', 'test', '%s'), wb.create_webhook_integration('ml', 'real', '%s');
		SELECT wb.create_automation('promoted', wb.on_run_state(wb.project('ml', 'test'), '{failed}', wb.where('display_name', '=', 'promoted')),
			wb.send_webhook(wb.webhook_integration('ml', 'test'), '{"run": "${run_path}"}'));),
		$test->url, $real->url);
	my $fail = 'SELECT wb.finish_run(wb.start_run(%d, \'promoted\', name => \'%s\'), 1);';
	is_deeply([ map { $_->{body} } requests_of($test, sprintf "$fail $fail", $project, 'real-1', $other, 'test-1') ],
		['{"run": "ml/test/test-1"}'], 'in the test project it tells the test webhook');
	is(scalar(my @early = $real->requests), 0, 'and nobody else');
	$node->sql(q(SELECT wb.update_automation(wb.automation('promoted'), jsonb_build_object('scope', wb.project('ml', 'training'),
		'action', wb.send_webhook(wb.webhook_integration('ml', 'real'), '{"run": "${run_path}"}')))));
	is_deeply([ map { $_->{body} } requests_of($real, sprintf "$fail $fail", $project, 'real-2', $other, 'test-2') ],
		['{"run": "ml/training/real-2"}'], 'moved to the real project it tells the real one');
	is(scalar(my @all = $test->requests), 1, 'and the test webhook no more');
};

subtest 'E50 a bearer token, and one more secret in the payload' => sub {
	my $endpoint = WbAutomations::Endpoint->new;
	$node->sql(sprintf q(
		SELECT wb.set_secret('ml', 'MODAL_TOKEN', 'as-0123456789'), wb.set_secret('ml', 'MODAL_KEY', 'ak-9876543210');
		SELECT wb.create_webhook_integration('ml', 'modal', '%s', access_token => 'MODAL_TOKEN', secret => 'MODAL_KEY');
		SELECT wb.create_automation('secrets', wb.on_link_artifact(wb.registry('acme', 'models'), wb.where('alias', '=', 'secrets')),
			wb.send_webhook(wb.webhook_integration('ml', 'modal'), '{"token": "${ACCESS_TOKEN}", "key": "${MODAL_KEY}"}'));),
		$endpoint->url);
	my @requests = requests_of($endpoint, link_model('secrets', 'secrets'));
	is(scalar @requests, 1, 'one request');
	is($requests[0]{headers}{authorization}, 'Bearer as-0123456789', 'the token is in the header');
	is_deeply(body_of($requests[0]), { token => 'as-0123456789', key => 'ak-9876543210' }, 'both secrets are in the body');
	is($node->sql(q(SELECT action->>'requestPayload' FROM wb.automation_history LIMIT 1)),
		'{"key": "${MODAL_KEY}", "token": "${ACCESS_TOKEN}"}', 'history has their names');
	is($node->sql(q(SELECT count(*) FROM wb.executions e WHERE e::text ~ 'as-0123456789|ak-9876543210')), '0', 'and never their values');
};

subtest 'E54 a receiver at the edge retrains only if the signature is ours' => sub {
	my $jetson = WbAutomations::Endpoint->new;
	$node->sql(sprintf q(
		SELECT wb.set_secret('ml', 'JETSON', 'shared-with-the-edge');
		SELECT wb.create_webhook_integration('ml', 'jetson', '%s', secret => 'JETSON');
		SELECT wb.create_automation('edge', wb.on_link_artifact(wb.registry('acme', 'models'), wb.where('alias', '=', 'edge')),
			wb.send_webhook(wb.webhook_integration('ml', 'jetson'), '{"retrain": "${artifact_version_string}"}'));),
		$jetson->url);
	my @requests = requests_of($jetson, link_model('edge', 'edge'));
	is(scalar @requests, 1, 'one request');
	my ($signature, $body) = ($requests[0]{headers}{'x-wandb-signature'}, $requests[0]{body});
	is($body, '{"retrain": "acme/models/edge:v0"}', 'with what to do');
	is($signature, sign($body, 'shared-with-the-edge'), 'the signature is that of the body under the shared secret');
	isnt($signature, sign("$body ", 'shared-with-the-edge'), 'and of no other body');
	isnt($signature, sign($body, 'guessed'), 'under no other secret');
};

done_testing();
