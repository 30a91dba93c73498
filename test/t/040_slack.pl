# What Slack gets, and what of its answers counts as a success.

use strict;
use warnings;

use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Endpoint;
use WbAutomations::Node;

my $node = WbAutomations::Node->new('slack');
my $endpoint = WbAutomations::Endpoint->new;

$node->sql(q(SELECT wb.create_team('ml'), wb.create_project('ml', 'slack')));
my $run = $node->sql(q(SELECT wb.start_run((SELECT id FROM wb.projects), name => 'abc123',
	display_name => 'bert <base> & "co"', username => 'ann')));
my $path = '/services/T000/B000/s3cr3tp4th';
$node->sql(sprintf q(SELECT wb.create_slack_integration('ml', '%s', channel_name => '#alerts', team_name => 'research')),
	$endpoint->url($path));

# Let an automation with these arguments of wb.send_notification fire on a
# metric of its own; returns the request.
my $made = 0;

sub notify
{
	my ($arguments) = @_;

	$made++;
	$node->sql(sprintf q(
		SELECT wb.create_automation('number %d', wb.on_run_metric(wb.project('ml', 'slack'), wb.metric('m%d', '>', 1)),
			wb.send_notification(wb.slack_integration('ml')%s));
		INSERT INTO wb.run_metrics VALUES (%d, 'm%d', 5, 2);), $made, $made, $arguments, $run, $made);
	my $request = $endpoint->wait_for_request;
	$node->wait_until_settled;
	return ($request, JSON::PP->new->utf8->decode($request->{body}));
}

# The newest line of history.
sub history
{
	my ($column) = @_;
	return $node->sql("SELECT $column FROM wb.automation_history LIMIT 1");
}

# The form of a message, with all that it says.
my ($request, $body) = notify(
	q(, title => '${metric_name} of ${run_name}', message => 'at *step* ${step}: ${observed} <https://example.org|doc>', severity => 'WARN'));
is("$request->{method} $request->{path}", "POST $path", 'a message goes to the address of the incoming webhook');
is($request->{headers}{'content-type'}, 'application/json', 'content-type is application/json');
is_deeply(
	$body,
	{
		text => '*m1 of bert &lt;base&gt; &amp; "co"*',
		attachments => [ {
				color => '#f2a60d',
				blocks => [
					{ type => 'section', text => { type => 'mrkdwn', text => 'at *step* 5: 2 &lt;https://example.org|doc&gt;' } },
					{ type => 'section', text => { type => 'mrkdwn', text => 'm1 was 2, above 1, at step 5' } },
					{
						type => 'section',
						fields => [
							map { { type => 'mrkdwn', text => $_ } } "*Project*\nml/slack",
							"*Run*\nbert &lt;base&gt; &amp; \"co\"", "*Author*\nann", "*Metric*\nm1", "*Step*\n5",
							"*Observed*\n2", "*Threshold*\n1" ] },
					{
						type => 'context',
						elements => [
							{ type => 'mrkdwn', text => 'number 1: a metric met a condition' },
							{ type => 'mrkdwn', text => "`SELECT * FROM wb.explain(1, $run, 5);`" } ] } ] } ]
	},
	'title, message, why, details and what to call; variables are expanded, and nothing in them is markup');
is(history('state'), 'FINISHED', 'the body "ok" is a success');
is_deeply(JSON::PP::decode_json(history('action')),
	{
		actionType => 'NOTIFICATION',
		integration => { id => 1, channelName => '#alerts', teamName => 'research' },
		title => 'm1 of bert <base> & "co"',
		text => 'at *step* 5: 2 <https://example.org|doc>',
		severity => 'WARN' },
	'G171 history has title, text and severity as they were sent');
is($node->sql(q(SELECT count(*) FROM wb.executions e, wb.integrations i WHERE concat(e, i) ~ 's3cr3tp4th')), '0',
	'and not the address, which carries a token');

# What was left out.
(undef, $body) = notify('');
is($body->{text}, '*Automation number 2 fired*', 'without a title the message names the automation');
is($body->{attachments}[0]{color}, '#2f80ed', 'INFO has a color');
is(scalar @{ $body->{attachments}[0]{blocks} }, 3, 'without a text there is one section less');
(undef, $body) = notify(q(, severity => 'ERROR'));
is($body->{attachments}[0]{color}, '#d92d20', 'ERROR has a color');

# A link to the run, from a template.
$node->set('wb_automations.run_url', q('https://wb.example/${entity_name}/${run_id}?q=${run_name}'));
(undef, $body) = notify(q(, title => 'look'));
is($body->{text}, '*<https://wb.example/ml/abc123?q=bert%20%3Cbase%3E%20&%20%22co%22|look>*',
	'G138 the title is a link to the run, by wb_automations.run_url');
is(scalar @{ $body->{attachments}[0]{blocks}[-1]{elements} }, 1, 'and then there is nothing to call');
is(history(q(action->>'titleURL')), 'https://wb.example/ml/abc123?q=bert%20%3Cbase%3E%20&%20%22co%22',
	'G138 which history keeps as titleURL');

# A text that is too long for Slack is cut where a character ends.
(undef, $body) = notify(q(, message => repeat('ä&', 3000)));
my $text = $body->{attachments}[0]{blocks}[0]{text}{text};
cmp_ok(length $text, '<=', 3000, 'a long text is cut to what Slack takes');
like($text, qr/^(?:\x{e4}&amp;)+\x{e4}?\.\.\.$/, 'between characters');

# Slack says "ok" or what is wrong, with any status.  Some of it ends the
# integration, which is then resumed.
for my $answer (
	[ 200, 'ok', 'FINISHED', undef ],
	[ 200, "ok\n", 'FINISHED', undef ],
	[ 200, '{"ok": true, "ts": "1"}', 'FINISHED', undef ],
	[ 200, 'invalid_payload', 'FAILED', 'Slack answered with status 200: invalid_payload' ],
	[ 200, '{"ok": false, "error": "channel_not_found"}', 'FAILED',
		'Slack answered with status 200: channel_not_found' ],
	[ 200, '<html>Sign in</html>', 'FAILED', 'Slack answered "<html>Sign in</html>"' ],
	[ 200, '', 'FAILED', 'Slack answered ""' ],
	[ 404, 'no_service', 'FAILED', 'Slack answered with status 404: no_service' ],
	[ 403, 'invalid_token', 'FAILED', 'Slack answered with status 403: invalid_token' ])
{
	my ($status, $said, $state, $error) = @$answer;
	$endpoint->set_answer({ status => $status, body => $said });
	notify('');
	$node->sql(q(SELECT wb.resume_integration(id) FROM wb.integrations WHERE state = 'disabled'));
	is(history(q(concat_ws('|', state, error))), join('|', grep { defined } $state, $error),
		sprintf 'status %d with body %s: %s', $status, $said =~ s/\n/\\n/r || 'empty', $state);
}
is(history(q(result->>'body')), 'invalid_token', 'what Slack said is in history');

# Slack that is down is tried again.
$endpoint->set_answer({ status => 503, body => 'ok' });
$made++;
$node->sql(qq(
	SELECT wb.create_automation('down', wb.on_run_metric(wb.project('ml', 'slack'), wb.metric('down', '>', 1)),
		wb.send_notification(wb.slack_integration('ml')));
	INSERT INTO wb.run_metrics VALUES ($run, 'down', 5, 2);));
$endpoint->wait_for_request;
$node->poll('SELECT attempts = 1 FROM wb.automation_history LIMIT 1');
is(history(q(concat_ws('|', state, error))), 'PENDING|"127.0.0.1" answered with status 503',
	'a status of 503 is tried again, whatever the body says');

# Messages about a state and about an alias say what they are about.
$endpoint->set_answer(200);
$node->sql(q(
	SELECT wb.create_automation('state', wb.on_run_state(wb.project('ml', 'slack'), array['failed']),
		wb.send_notification(wb.slack_integration('ml'), title => 'run ${run_status}'));
	SELECT wb.create_automation('alias', wb.on_add_artifact_alias(wb.project('ml', 'slack'), wb.where('alias', '=', 'prod')),
		wb.send_notification(wb.slack_integration('ml'), title => '${artifact_version_string}'));));
$node->sql("SELECT wb.finish_run($run, 1)");
$body = JSON::PP->new->utf8->decode($endpoint->wait_for_request->{body});
is($body->{text}, '*<https://wb.example/ml/abc123?q=bert%20%3Cbase%3E%20&%20%22co%22|run FAILED>*',
	'G138 a message about a run state links to the run');
is($body->{attachments}[0]{blocks}[0]{text}{text}, 'run bert &lt;base&gt; &amp; "co" failed', 'G138 and says what happened');
$node->sql(q(SELECT wb.log_artifact((SELECT id FROM wb.projects), 'detector', 'model', aliases => array['prod'])));
$body = JSON::PP->new->utf8->decode($endpoint->wait_for_request->{body});
is($body->{text}, '*ml/slack/detector:prod*', 'a message about an alias, which has no run to link to');
is_deeply([ map { $_->{text} } @{ $body->{attachments}[0]{blocks}[1]{fields} } ],
	[ "*Project*\nml/slack", "*Collection*\ndetector", "*Version*\nml/slack/detector:prod",
		"*Author*\n" . $node->sql('SELECT current_user'), "*Alias*\nprod" ], 'G138 which names the version');
is_deeply([ map { $_->{text} } @{ $body->{attachments}[0]{blocks}[-1]{elements} } ], ['alias: an alias was added'],
	'and says what happened to it');

done_testing();
