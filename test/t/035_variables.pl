# What every variable is in a message about every type of event: one webhook a
# type, whose payload has them all, and the body that arrives is compared whole.

use strict;
use warnings;

use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Endpoint;
use WbAutomations::Node;

my @variables = qw(ACCESS_TOKEN SIGNING OTHER alias artifact_collection_name artifact_metadata.lr
  artifact_metadata.nested artifact_metadata.nested.deep artifact_metadata.none artifact_version artifact_version_index
  artifact_version_string automation_name entity_name event_author event_type last_sign_at metric_current_status
  metric_filter metric_filter_short metric_name metric_values observed project_name run_id run_name run_path run_status
  step summary tag threshold tick_at why no_such_name);
my $json = JSON::PP->new->utf8(0)->canonical;
my $payload = $json->encode({ map { $_ => "\${$_}" } @variables });

my $node = WbAutomations::Node->new('variables');
my $endpoint = WbAutomations::Endpoint->new;
$node->sql(sprintf q(
	SELECT wb.create_team('ml', 'acme'), wb.create_project('ml', 'vars'), wb.create_registry('acme', 'models');
	SELECT wb.set_secret('ml', 'TOKEN', 'token-7f3a9c'), wb.set_secret('ml', 'SIGNING', 'signing-key-51'), wb.set_secret('ml', 'OTHER', 'other-99');
	SELECT wb.create_webhook_integration('ml', 'hook', '%s', access_token => 'TOKEN', secret => 'SIGNING');), $endpoint->url);
my $project = $node->sql(q(SELECT wb.project_id('ml', 'vars')));
my $registry = $node->sql(q(SELECT wb.registry_id('acme', 'models')));
my $run = $node->sql("SELECT wb.start_run($project, 'bert-1', 'abc123', 'ann')");
my $version = $node->sql(qq(SELECT wb.log_artifact($project, 'detector', 'model', metadata => '{"lr": 0.1, "nested": {"deep": "x"}}')));
my $me = $node->sql('SELECT current_user');

# Make an automation on an event, let $sql happen, and compare the body of its
# webhook and what history keeps of it.  Returns the body.
sub expand
{
	my ($event_type, $event, $sql, %expected) = @_;

	$node->sql("SELECT wb.create_automation('on $event_type', $event, wb.send_webhook(wb.webhook_integration('ml', 'hook'), '$payload'))");
	$node->sql($sql);
	my $request = $endpoint->wait_for_request(20);
	my $body = eval { $json->decode($request->{body}) };
	is($@, '', "the body about $event_type is JSON");
	$node->wait_until_settled;
	my $kept = $json->decode($node->sql(qq(SELECT jsonb_build_object('event', event, 'payload', action->'requestPayload')
		FROM wb.automation_history WHERE automation_name = 'on $event_type' LIMIT 1)));
	%expected = (
		(map { $_ => '' } @variables),
		automation_name => "on $event_type",
		event_type => $event_type,
		entity_name => 'ml',
		project_name => 'vars',
		(map { $_ => ref $expected{$_} ? $expected{$_}->($kept->{event}) : $expected{$_} } keys %expected));

	is_deeply($body, { %expected, ACCESS_TOKEN => 'token-7f3a9c', SIGNING => 'signing-key-51' }, "G148 every variable of $event_type")
	  or diag($request->{body});
	is_deeply($kept->{payload}, { %expected, ACCESS_TOKEN => '${ACCESS_TOKEN}', SIGNING => '${SIGNING}' },
		"G154 history has the names of secrets, and else what was sent, of $event_type");
	$node->sql(qq(SELECT wb.delete_automation(wb.automation('on $event_type'))));
	return $body;
}

# The parts that events have in common.
my $here = q(wb.project('ml', 'vars'));
my %run = (event_author => 'ann', run_id => 'abc123', run_name => 'bert-1', run_path => 'ml/vars/abc123');
my %version = (
	event_author => $me,
	artifact_collection_name => 'detector',
	artifact_version => 'wandb-artifact://_id/' . encode_base64("Artifact:$version", ''),
	artifact_version_index => '0',
	artifact_version_string => 'ml/vars/detector:v0',
	'artifact_metadata.lr' => '0.1',
	'artifact_metadata.nested' => '{"deep": "x"}');

# The same sentence is ${why} and, where there is a metric, its status.
sub why
{
	my ($why) = @_;
	return (why => $why, metric_current_status => $why);
}

# Metrics.
my $body = expand('RUN_METRIC', "wb.on_run_metric($here, wb.avg('loss', '>=', 2.5, 3))",
	"INSERT INTO wb.run_metrics VALUES ($run, 'loss', 10, 2), ($run, 'loss', 11, 3), ($run, 'loss', 12, 4)",
	%run, why('average of the last 3 values of loss was 3, at or above 2.5, at step 12'),
	metric_name => 'loss', metric_values => '[2, 3, 4]', metric_filter => 'AVERAGE(loss, 3) >= 2.5', metric_filter_short => 'AVERAGE(loss) >= 2.5',
	step => '12', observed => '3', threshold => '2.5');
is_deeply([ @$body{qw(alias tag artifact_version run_status no_such_name)} ], [ ('') x 5 ],
	'G149 a variable that the event does not have is empty, and so is one that there is not');
expand('RUN_METRIC_CHANGE', "wb.on_run_metric($here, wb.increases_by('acc', frac => 0.25, window_size => 1, prior_window_size => 2))",
	"INSERT INTO wb.run_metrics VALUES ($run, 'acc', 1, 1), ($run, 'acc', 2, 1), ($run, 'acc', 3, 1.5)",
	%run, why('the last value of acc rose by 50 % against the 2 before, at least 25 %, at step 3'),
	metric_name => 'acc', metric_values => '[1, 1, 1.5]', metric_filter => 'AVERAGE(acc, 1) increases by 25 %', metric_filter_short => 'AVERAGE(acc) increases by 25 %',
	step => '3', observed => '0.5', threshold => '0.25');
expand('RUN_METRIC_ZSCORE', "wb.on_run_metric($here, wb.zscore('norm', 3, 2))",
	"INSERT INTO wb.run_metrics VALUES ($run, 'norm', 1, 1), ($run, 'norm', 2, 2), ($run, 'norm', 3, 3), ($run, 'norm', 4, 8.5)",
	%run, why('norm was 6.5 deviations from the mean of the 3 values before, at least 2, at step 4'),
	metric_name => 'norm', metric_values => '[1, 2, 3, 8.5]', metric_filter => 'zscore(norm, 3) > +/-2', metric_filter_short => 'zscore(norm) > +/-2',
	step => '4', observed => '6.5', threshold => '2');

# States, silence and times.
expand('RUN_STATE', "wb.on_run_state($here, '{failed}')", "SELECT wb.finish_run($run, 1)",
	%run, why => 'run bert-1 failed', run_status => 'FAILED');
$node->sql("SELECT wb.start_run($project, 'mute', 'def456', 'ann')");
expand('RUN_SILENT', "wb.on_run_silent($here, '30 minutes', 'loss')", q(SELECT wb.sweep(clock_timestamp() + interval '31 minutes')),
	%run, run_id => 'def456', run_name => 'mute', run_path => 'ml/vars/def456', metric_name => 'loss',
	last_sign_at => sub { $_[0]{lastSignAt} }, why => sub { $_[0]{why} }, metric_current_status => sub { $_[0]{why} });
expand('SCHEDULE', "wb.on_schedule($here, '1 day')", q(SELECT wb.sweep(clock_timestamp() + interval '25 hours')),
	tick_at => sub { $_[0]{tickAt} }, why => sub { $_[0]{why} },
	summary => sub { $node->sql(q(SELECT event->>'summary' FROM wb.executions WHERE event_type = 'SCHEDULE')) });

# Versions, in a project and in a registry.
$body = expand('CREATE_ARTIFACT', "wb.on_create_artifact($here)",
	qq(SELECT wb.log_artifact($project, 'detector', 'model', metadata => '{"lr": 3, "n": null}')),
	%version, artifact_version => sub { 'wandb-artifact://_id/' . encode_base64("Artifact:$_[0]{artifactId}", '') },
	artifact_version_index => '1', artifact_version_string => 'ml/vars/detector:v1',
	'artifact_metadata.lr' => '3', 'artifact_metadata.nested' => '', why => 'version detector:v1 was created');
my %linked = (%version, entity_name => 'acme', project_name => 'models', artifact_collection_name => 'released', artifact_version_string => 'acme/models/released:v0');
# The registry's organization owns the scope, and the integration is one of its teams'.
$body = expand('LINK_ARTIFACT', q(wb.on_link_artifact(wb.registry('acme', 'models'))), "SELECT wb.link_artifact($version, $registry, 'released')",
	%linked, why => 'version released:v0 was linked');
is($body->{event_type}, 'LINK_ARTIFACT', 'G150 a link is LINK_ARTIFACT');
is($body->{artifact_version}, 'wandb-artifact://_id/' . encode_base64("Artifact:$version", ''), 'G151 ${artifact_version} is the address of the version');
expand('UNLINK_ARTIFACT', q(wb.on_unlink_artifact(wb.registry('acme', 'models'))), "SELECT wb.unlink_artifact($version, $registry, 'released')",
	%linked, why => 'version released:v0 was unlinked');

# Aliases and tags.
$body = expand('ADD_ARTIFACT_ALIAS', "wb.on_add_artifact_alias($here)", "SELECT wb.add_alias($version, 'production')",
	%version, alias => 'production', artifact_version_string => 'ml/vars/detector:production', why => 'alias "production" was added to detector:v0');
is($body->{artifact_version_string}, 'ml/vars/detector:production', 'G152 ${artifact_version_string} is entity/project/collection:alias');
is_deeply([ @$body{map { "artifact_metadata.$_" } qw(lr nested nested.deep none)} ], [ '0.1', '{"deep": "x"}', '', '' ],
	'G153 ${artifact_metadata.KEY} takes members of the top level, objects as JSON text, and looks into none');
expand('ADD_ARTIFACT_TAG', "wb.on_add_artifact_tag($here)", "SELECT wb.add_tag($version, 'eu')", %version, tag => 'eu', why => 'tag "eu" was added to detector:v0');
expand('REMOVE_ARTIFACT_TAG', "wb.on_remove_artifact_tag($here)", "SELECT wb.remove_tag($version, 'eu')", %version, tag => 'eu', why => 'tag "eu" was removed from detector:v0');
my %collection = (event_author => $me, artifact_collection_name => 'detector', tag => 'raw');
expand('ADD_COLLECTION_TAG', "wb.on_add_collection_tag($here)", "SELECT wb.add_collection_tag(wb.collection_of($version), 'raw')",
	%collection, why => 'tag "raw" was added to collection detector');
expand('REMOVE_COLLECTION_TAG', "wb.on_remove_collection_tag($here)", "SELECT wb.remove_collection_tag(wb.collection_of($version), 'raw')",
	%collection, why => 'tag "raw" was removed from collection detector');

# Values that would end a string in JSON, or begin a template.
my $odd = 'a"b\\c}, "x": ["${ACCESS_TOKEN}';
$body = expand('ADD_ARTIFACT_ALIAS', "wb.on_add_artifact_alias($here, wb.where('alias', '<>', 'production'))",
	"SELECT wb.add_alias($version, '" . ($odd =~ tr/:/;/r) . "')",
	%version, alias => $odd =~ tr/:/;/r, artifact_version_string => 'ml/vars/detector:' . ($odd =~ tr/:/;/r), why => sub { $_[0]{why} });
is($body->{alias}, $odd =~ tr/:/;/r, 'G155 a quote in a value stays inside of its string');

# The secrets of a webhook are its access token and its signing secret.
is($body->{OTHER}, '', 'G156 another secret of the team is no variable of a webhook');
my (undef, undef, $err) = $node->psql('postgres',
	q(SELECT wb.create_webhook_integration('ml', 'two', 'https://127.0.0.1/', access_token => 'TOKEN', secret => 'SIGNING', other_secret => 'OTHER')));
like($err, qr/function wb\.create_webhook_integration\(.*other_secret => unknown\) does not exist/, 'G156 nor can a webhook have a third');

done_testing();
