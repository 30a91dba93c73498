# What W&B's own client makes of every event, with every condition and every
# action that it can build, is imported, fires here on what it must and on
# nothing else, and is exported as the same document.
#
# The client comes from PyPI into a directory of this test, and talks to nobody:
# wandb_automations.py only prints what it would send, and what it would fire on.

use strict;
use warnings;

use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Node;
use WbAutomations::Pypi;

my $pypi = WbAutomations::Pypi->new("the documents of W&B's own client", 'wandb==0.31.*');
plan skip_all => $pypi->excuse if $pypi->excuse;

my $node = WbAutomations::Node->new('client', conf => 'wb_automations.delivery = off');
my $project = $node->sql(q(SELECT wb.create_project('my-team', 'my-project') FROM wb.create_team('my-team', 'my-org')));
my $registry = $node->sql(q(SELECT wb.create_registry('my-org', 'models')));
$node->sql("SELECT wb.link_artifact(wb.log_artifact($project, 'model', 'model'), $registry, 'target')");
my $slack = $node->sql(q(SELECT wb.create_slack_integration('my-team', 'https://127.0.0.1/slack')));
my $webhook = $node->sql(q(SELECT wb.create_webhook_integration('my-team', 'hook', 'https://127.0.0.1/hook')));
my @collections = map { $node->sql("SELECT id FROM wb.collections WHERE name = '$_'") } qw(model target);
my @entities = map { $node->sql("SELECT wb.entity_id('$_')") } qw(my-team my-org);

my ($is_printed, $output, $error) = $pypi->run(300, "$FindBin::Bin/../perl/wandb_automations.py",
	$project, @collections, @entities, $slack, $webhook);
ok($is_printed, 'the client prints its documents') or diag $error;
my @lines = split /\n/, $output;
my @refused = grep { /^\{"refused"/ } @lines;
@lines = grep { !/^\{"refused"/ } @lines;
cmp_ok(scalar @lines, '>=', 3500, 'the client printed as many as there are');

# Each document is imported, and the row compared with what came in.
$node->sql(join "\n", 'CREATE TABLE carried (document jsonb, filter jsonb, fires jsonb, series jsonb, id bigint);',
	(map { "INSERT INTO carried SELECT d->'document', d->'filter', d->'fires', d->'series' FROM (SELECT \$wb\$$_\$wb\$::jsonb) t(d);" } @lines),
	'UPDATE carried SET id = wb.import_automation(document);', 'ANALYZE carried;');
is($node->sql('SELECT count(DISTINCT id) FROM carried'), scalar @lines, 'every document is imported');
is($node->sql(q(
	SELECT string_agg(DISTINCT document->>'triggeringEventType', ' ' ORDER BY document->>'triggeringEventType') FROM carried)),
	'ADD_ARTIFACT_ALIAS ADD_ARTIFACT_TAG ADD_COLLECTION_TAG CREATE_ARTIFACT LINK_MODEL REMOVE_ARTIFACT_TAG REMOVE_COLLECTION_TAG '
	. 'RUN_METRIC RUN_METRIC_CHANGE RUN_METRIC_ZSCORE RUN_STATE UNLINK_ARTIFACT', 'every event is among them');
is($node->sql(q(
	SELECT string_agg(document->>'name', ', ') FROM carried
	WHERE (wb.export_automation(id)->>'eventFilter')::jsonb IS DISTINCT FROM filter)), '',
	'every filter is exported as it came');
is($node->sql(q(
	SELECT string_agg(document->>'name', ', ') FROM carried
	WHERE wb.export_automation(id)->>'eventFilter' <> document->>'eventFilter' AND document->>'name' !~ '^metric lte(:| in)')), '',
	'even to the letter, but for 1e-7, which jsonb writes out');
is($node->sql(q(
	SELECT string_agg(document->>'name', ', ') FROM carried, wb.export_automation(id) e(e)
	WHERE e #- '{eventFilter}' #- '{scopeID}' #- '{triggeredActionConfig,notificationActionInput,integrationID}'
			#- '{triggeredActionConfig,genericWebhookActionInput,integrationID}'
		<> document #- '{eventFilter}' #- '{scopeID}' #- '{triggeredActionConfig,notificationActionInput,integrationID}'
			#- '{triggeredActionConfig,genericWebhookActionInput,integrationID}')), '',
	'all else, but for the form of ids, as well');
is($node->sql(q(SELECT count(*) FROM wb.automation_list WHERE event = '' OR action = '' OR scope = '')), '0',
	'all are listed');

# What the client can ask for and we do not do is refused, and the refusal says what is done.
for my $line (@refused)
{
	my (undef, undef, $refusal) =
	  $node->psql('postgres', "SELECT wb.import_automation(d->'refused') FROM (SELECT \$wb\$$line\$wb\$::jsonb) t(d)");
	like($refusal, qr/unknown action type "ARIA".*GENERIC_WEBHOOK/s, 'an action that is not built is refused');
}

# The world that wandb_automations.py has in mind: runs come, log and end ...
$node->sql(qq(
	SELECT wb.start_run($project, name) FROM unnest('{prod,prod-1,staging,europe-west}'::text[]) name;
	INSERT INTO wb.run_metrics (run_id, name, step, value)
	SELECT r.id, s.name, v.step, v.value::double precision
	FROM (SELECT DISTINCT s.key AS run, m.key AS name, m.value AS logged FROM carried, jsonb_each(series) s, jsonb_each(s.value) m) s
		JOIN wb.runs r ON r.display_name = s.run, jsonb_array_elements_text(s.logged) WITH ORDINALITY v(value, step)
	ORDER BY r.id, s.name, v.step;
	SELECT wb.finish_run(id, CASE display_name WHEN 'prod' THEN 1 WHEN 'prod-1' THEN 0 ELSE 254 END)
	FROM wb.runs WHERE display_name <> 'europe-west';));

# ... and versions are logged, linked and unlinked, tagged and untagged.
$node->sql(qq(
	SELECT wb.log_artifact($project, 'model', 'model', aliases => '{prod,prod-1}', tags => '{prod}') AS v1 \\gset
	SELECT wb.log_artifact($project, 'model', 'model') AS v2 \\gset
	SELECT wb.link_artifact(:v1, $registry, 'target', '{staging}'), wb.link_artifact(:v2, $registry, 'target');
	SELECT wb.unlink_artifact(:v1, $registry, 'target'), wb.unlink_artifact(:v2, $registry, 'target');
	SELECT wb.add_tag(:v2, 'europe-west'), wb.remove_tag(:v1, 'prod');
	SELECT wb.remove_tag(:v2, 'europe-west');
	SELECT wb.add_collection_tag($collections[0], 'staging'), wb.add_collection_tag($collections[0], 'europe-west');
	SELECT wb.remove_collection_tag($collections[0], 'staging');));

# Each fired on all that it must, and on nothing else.
$node->sql(q(
	CREATE TABLE fired AS SELECT automation_id AS id, jsonb_agg(what ORDER BY what COLLATE "C") AS fires
	FROM (SELECT h.automation_id, coalesce(h.event->>'runName', concat_ws(' ', h.artifact, coalesce(h.event->>'alias', h.event->>'tag'))) AS what
		FROM wb.automation_history h WHERE h.state <> 'SKIPPED') h GROUP BY 1;));
for my $part ([ 'OnCreate', 'new versions' ], [ 'OnLink', 'links' ], [ 'OnUnlink', 'ends of links' ], [ 'OnAddArtifactAlias', 'aliases' ],
	[ 'On(Add|Remove)ArtifactTag', 'tags of versions' ], [ 'On(Add|Remove)CollectionTag', 'tags of collections' ],
	[ 'metric', 'metrics' ], [ '(threshold|change|zscore|not ascii)', 'metrics of runs by name' ], [ 'state', 'states' ])
{
	my ($pattern, $title) = @$part;
	my $which = "FROM carried c LEFT JOIN fired f USING (id) WHERE document->>'name' ~ '^$pattern'";
	is($node->sql(qq(SELECT document->>'name', c.fires AS must, f.fires AS did $which AND c.fires <> coalesce(f.fires, '[]') ORDER BY 1 LIMIT 20)), '',
		"automations on $title fire where they must, and nowhere else");
	is($node->sql(qq(SELECT bool_or(c.fires <> '[]') AND bool_or(c.fires = '[]' OR jsonb_array_length(c.fires) < 4) $which)), 't',
		"some of those on $title fire, and some do not");
}

# And what they ask for is queued for the right receiver.
is($node->sql(qq(
	SELECT string_agg(DISTINCT concat(e.action_type, ' ', CASE d.integration_id WHEN $slack THEN 'slack' WHEN $webhook THEN 'webhook' ELSE 'nobody' END), ', ')
	FROM wb.executions e JOIN wb.deliveries d ON d.execution_id = e.id)), 'GENERIC_WEBHOOK webhook, NOTIFICATION slack, NO_OP nobody',
	'every action goes where it belongs');
is($node->sql(q(
	SELECT count(*) FROM wb.executions e JOIN carried c ON c.id = e.automation_id
	WHERE e.action_type <> c.document->>'triggeredActionType')), '0', 'and none is mistaken for another');

done_testing();
