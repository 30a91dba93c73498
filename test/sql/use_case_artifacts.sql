-- The use cases of artifacts and of registries, each as its user would write
-- it: what fires, what does not, and who is told.  No worker runs here, so
-- executions stay PENDING.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_team('use_case_artifacts', 'use_case_artifacts org') \gset
SELECT wb.create_slack_integration('use_case_artifacts', 'https://hooks.slack.com/services/T0/B0/models', '#models') \gset
SELECT wb.create_webhook_integration('use_case_artifacts', 'ci', 'https://ci.example.com/hooks/models') \gset
-- versions that the parts below share; each part has a registry, or a project, of its own
SELECT wb.create_project('use_case_artifacts', 'training') AS training \gset
SELECT wb.log_artifact(:training, 'detector', 'model') AS v0 \gset
SELECT wb.log_artifact(:training, 'detector', 'model', metadata => '{"map": 0.5}') AS v1 \gset

-- what fired in a project or a registry, in order
CREATE FUNCTION pg_temp.fired(place text) RETURNS TABLE (automation text, artifact text, state text, told text, why text) LANGUAGE sql AS $$
	SELECT h.automation_name, h.artifact, h.state, lower(i.kind) || ' ' || i.name, h.why
	FROM wb.automation_history h LEFT JOIN wb.deliveries d USING (execution_id) LEFT JOIN wb.integrations i ON i.id = d.integration_id
	WHERE h.project IN ('use_case_artifacts/' || fired.place, 'use_case_artifacts org/' || fired.place) ORDER BY h.execution_id $$;

-- E24 a version is linked to the registry: test it
SELECT wb.create_registry('use_case_artifacts org', 'e24') AS registry, wb.create_registry('use_case_artifacts org', 'other') AS other \gset
SELECT wb.create_automation('evaluate', wb.on_link_artifact(wb.registry('use_case_artifacts org', 'e24')),
	wb.send_webhook(wb.webhook_integration('use_case_artifacts', 'ci'), '{"job": "evaluate", "version": "${artifact_version_string}"}')) AS automation \gset
SELECT wb.link_artifact(:v1, :registry, 'candidates'), wb.link_artifact(:v1, :other, 'candidates') \gset
SELECT * FROM pg_temp.fired('e24');
SELECT event->>'artifactVersionString' AS version, event->>'artifactMetadata' AS metadata FROM wb.executions WHERE automation_id = :automation;
SELECT count(*) AS elsewhere FROM pg_temp.fired('other');

-- E25 people hear of a new version: when it is logged, and when it is linked
SELECT wb.create_project('use_case_artifacts', 'e25') AS project, wb.create_registry('use_case_artifacts org', 'e25') AS registry \gset
SELECT wb.create_automation('new version', wb.on_create_artifact(wb.project('use_case_artifacts', 'e25')),
	wb.send_notification(wb.slack_integration('use_case_artifacts', '#models'), title => 'new: ${artifact_version_string}')) \gset
SELECT wb.create_automation('new in the registry', wb.on_link_artifact(wb.registry('use_case_artifacts org', 'e25')),
	wb.send_notification(wb.slack_integration('use_case_artifacts', '#models'), title => 'linked: ${artifact_version_string}')) \gset
SELECT wb.log_artifact(:project, 'm', 'model', digest => 'a') AS version \gset
SELECT wb.log_artifact(:project, 'm', 'model', digest => 'a') \gset
SELECT wb.link_artifact(:version, :registry, 'm') \gset
SELECT * FROM pg_temp.fired('e25');

-- E26 the alias production deploys, and no other alias does
SELECT wb.create_registry('use_case_artifacts org', 'e26') AS registry \gset
SELECT wb.create_automation('deploy', wb.on_add_artifact_alias(wb.registry('use_case_artifacts org', 'e26'), wb.where('alias', '=', 'production')),
	wb.send_webhook(wb.webhook_integration('use_case_artifacts', 'ci'), '{"job": "deploy", "version": "${artifact_version_string}"}')) \gset
SELECT wb.link_artifact(:v0, :registry, 'm', '{production}'), wb.link_artifact(:v1, :registry, 'm', '{candidate}') \gset
SELECT * FROM pg_temp.fired('e26');
SELECT wb.add_alias(:v1, 'production', (wb.collection(wb.registry('use_case_artifacts org', 'e26'), 'm')->>'scope_id')::bigint) \gset
SELECT * FROM pg_temp.fired('e26');

-- E27 staging or production, in the three ways to say so
SELECT wb.create_registry('use_case_artifacts org', 'e27') AS registry \gset
SELECT wb.create_automation('in a list', wb.on_add_artifact_alias(wb.registry('use_case_artifacts org', 'e27'), wb.where('alias', 'in', array['staging', 'production'])),
	wb.send_webhook(wb.webhook_integration('use_case_artifacts', 'ci'), '{"to": "${alias}"}')) \gset
SELECT wb.create_automation('one or the other', wb.on_add_artifact_alias(wb.registry('use_case_artifacts org', 'e27'),
	wb.any_of(wb.where('alias', '=', 'staging'), wb.where('alias', '=', 'production'))), wb.do_nothing()) \gset
SELECT wb.create_automation('by a pattern', wb.on_add_artifact_alias(wb.registry('use_case_artifacts org', 'e27'), wb.where('alias', '~', '^(staging|production)$')), wb.do_nothing()) \gset
SELECT wb.link_artifact(:v0, :registry, 'm', '{staging}'), wb.link_artifact(:v1, :registry, 'm', '{canary,production}') \gset
SELECT automation, artifact, told, why FROM pg_temp.fired('e27') ORDER BY 1, 2;

-- E29 a deployment somewhere else is told what it needs of the version's metadata
SELECT wb.create_registry('use_case_artifacts org', 'e29') AS registry \gset
SELECT wb.create_automation('to the endpoint', wb.on_add_artifact_alias(wb.registry('use_case_artifacts org', 'e29'), wb.all_of(wb.where('alias', '=', 'deploy'), wb.where('metadata.map', '>=', 0.5))),
	wb.send_webhook(wb.webhook_integration('use_case_artifacts', 'ci'), '{"model": "${artifact_version}", "map": "${artifact_metadata.map}", "instance_type": "ml.g5.xlarge"}')) AS automation \gset
SELECT wb.link_artifact(:v0, :registry, 'm', '{deploy}'), wb.link_artifact(:v1, :registry, 'm', '{deploy}') \gset
SELECT * FROM pg_temp.fired('e29');
SELECT event #>> '{artifactMetadata,map}' AS map, (event->>'artifactId')::bigint = :v1 AS is_v1 FROM wb.executions WHERE automation_id = :automation;

-- E30 latest moves to every new version, and tells of each
SELECT wb.create_project('use_case_artifacts', 'e30') AS project \gset
SELECT wb.create_automation('latest', wb.on_add_artifact_alias(wb.project('use_case_artifacts', 'e30'), wb.where('alias', '=', 'latest')), wb.do_nothing()) \gset
SELECT wb.log_artifact(:project, 'm', 'model', digest => d) FROM unnest('{a,b,b,c}'::text[]) d \g /dev/null
SELECT automation, artifact, why FROM pg_temp.fired('e30');

-- E31 the alias test-set-quality-check starts what follows the training
SELECT wb.create_project('use_case_artifacts', 'e31') AS project \gset
SELECT wb.create_automation('quality check', wb.on_add_artifact_alias(wb.project('use_case_artifacts', 'e31'), wb.where('alias', '=', 'test-set-quality-check')),
	wb.send_webhook(wb.webhook_integration('use_case_artifacts', 'ci'), '{"job": "quality", "version": "${artifact_version_string}"}')) \gset
SELECT wb.log_artifact(:project, 'm', 'model', aliases => '{test-set-quality-check}') AS m0, wb.log_artifact(:project, 'm', 'model', aliases => '{test-set}') AS m1 \gset
SELECT wb.add_alias(:m0, 'test-set-quality-check') \gset
SELECT * FROM pg_temp.fired('e31');
SELECT wb.add_alias(:m1, 'test-set-quality-check') \gset
SELECT artifact, why FROM pg_temp.fired('e31');

-- E32 the alias redaction on a dataset: names are taken out of it; on a model it means nothing
SELECT wb.create_project('use_case_artifacts', 'e32') AS project \gset
SELECT wb.create_automation('redact', wb.on_add_artifact_alias(wb.project('use_case_artifacts', 'e32'), wb.all_of(wb.where('alias', '=', 'redaction'), wb.where('artifact_type', '=', 'dataset'))),
	wb.send_webhook(wb.webhook_integration('use_case_artifacts', 'ci'), '{"job": "redact", "dataset": "${artifact_version_string}"}')) \gset
SELECT wb.add_alias(wb.log_artifact(:project, 'people', 'dataset'), 'redaction'), wb.add_alias(wb.log_artifact(:project, 'm', 'model'), 'redaction') \gset
SELECT * FROM pg_temp.fired('e32');

-- E33 a new version of one dataset starts the training; of another it does not
SELECT wb.create_project('use_case_artifacts', 'e33') AS project \gset
SELECT wb.log_artifact(:project, 'images', 'dataset'), wb.log_artifact(:project, 'texts', 'dataset') \gset
SELECT wb.create_automation('train', wb.on_create_artifact(wb.collection(wb.project('use_case_artifacts', 'e33'), 'images')),
	wb.send_webhook(wb.webhook_integration('use_case_artifacts', 'ci'), '{"job": "train", "on": "${artifact_version_string}"}')) \gset
SELECT wb.log_artifact(:project, 'images', 'dataset'), wb.log_artifact(:project, 'texts', 'dataset') \gset
SELECT * FROM pg_temp.fired('e33');

-- E34 a dataset of the team changes: its pipeline runs, and people hear of it
SELECT wb.create_project('use_case_artifacts', 'e34') AS project \gset
SELECT wb.create_automation('process', wb.on_create_artifact(wb.project('use_case_artifacts', 'e34'), wb.where('artifact_type', '=', 'dataset')),
	wb.send_webhook(wb.webhook_integration('use_case_artifacts', 'ci'), '{"job": "process", "on": "${artifact_version_string}"}')) \gset
SELECT wb.create_automation('tell', wb.on_add_artifact_alias(wb.project('use_case_artifacts', 'e34'), wb.all_of(wb.where('alias', '=', 'latest'), wb.where('artifact_type', '=', 'dataset'))),
	wb.send_notification(wb.slack_integration('use_case_artifacts', '#models'), message => '${artifact_collection_name} has a new version')) \gset
SELECT wb.log_artifact(:project, 'images', 'dataset'), wb.log_artifact(:project, 'm', 'model') \gset
SELECT * FROM pg_temp.fired('e34');

-- E35 a tag that begins with europe runs the work of that region
SELECT wb.create_project('use_case_artifacts', 'e35') AS project \gset
SELECT wb.create_automation('europe', wb.on_add_artifact_tag(wb.project('use_case_artifacts', 'e35'), wb.where('tag', '~', '^europe.*')),
	wb.send_webhook(wb.webhook_integration('use_case_artifacts', 'ci'), '{"region": "${tag}"}')) AS automation \gset
SELECT wb.log_artifact(:project, 'm', 'model', tags => '{europe-west,north-europe,asia}') \gset
SELECT * FROM pg_temp.fired('e35');
SELECT event->>'tag' AS tag FROM wb.executions WHERE automation_id = :automation;

-- E36 a version is tagged: deploy it; the same tag again does not
SELECT wb.create_project('use_case_artifacts', 'e36') AS project \gset
SELECT wb.create_automation('deploy', wb.on_add_artifact_tag(wb.project('use_case_artifacts', 'e36'), wb.where('tag', '=', 'approved')),
	wb.send_webhook(wb.webhook_integration('use_case_artifacts', 'ci'), '{"deploy": "${artifact_version_string}"}')) \gset
SELECT wb.log_artifact(:project, 'm', 'model') AS version \gset
SELECT count(*) AS untagged FROM pg_temp.fired('e36');
SELECT wb.add_tag(:version, 'approved') \gset
SELECT wb.add_tag(:version, 'approved') \gset
SELECT wb.add_tag(:version, 'seen') \gset
SELECT * FROM pg_temp.fired('e36');

-- E37 what is taken away: a tag of a version, tags of a collection, a link
SELECT wb.create_registry('use_case_artifacts org', 'e37') AS registry, wb.create_project('use_case_artifacts', 'e37') AS project \gset
SELECT wb.create_automation('tag removed', wb.on_remove_artifact_tag(wb.project('use_case_artifacts', 'e37')), wb.do_nothing()) \gset
SELECT wb.create_automation('collection tagged', wb.on_add_collection_tag(wb.registry('use_case_artifacts org', 'e37'), wb.where('tag', '=', 'frozen')), wb.do_nothing()) \gset
SELECT wb.create_automation('collection tag removed', wb.on_remove_collection_tag(wb.registry('use_case_artifacts org', 'e37')), wb.do_nothing()) \gset
SELECT wb.create_automation('unlinked', wb.on_unlink_artifact(wb.registry('use_case_artifacts org', 'e37')), wb.do_nothing()) \gset
SELECT wb.log_artifact(:project, 'm', 'model', tags => '{approved}') AS version \gset
SELECT wb.link_artifact(:version, :registry, 'm') \gset
SELECT (wb.collection(wb.registry('use_case_artifacts org', 'e37'), 'm')->>'scope_id')::bigint AS collection \gset
SELECT count(*) AS before FROM pg_temp.fired('e37');
SELECT wb.remove_tag(:version, 'approved') \gset
SELECT wb.add_collection_tag(:collection, 'frozen') \gset
SELECT wb.remove_collection_tag(:collection, 'frozen') \gset
SELECT wb.unlink_artifact(:version, :registry, 'm') \gset
SELECT automation, artifact, why FROM pg_temp.fired('e37');

-- E38 compliance hears of production anywhere in the organization, and nowhere else
SELECT wb.create_team('use_case_artifacts legal', 'use_case_artifacts law') \gset
SELECT wb.create_team('use_case_artifacts lab', 'use_case_artifacts law') \gset
SELECT wb.create_slack_integration('use_case_artifacts legal', 'https://hooks.slack.com/services/T0/B0/compliance', '#compliance') AS channel \gset
SELECT wb.create_automation('in production', wb.on_add_artifact_alias(wb.entity('use_case_artifacts law'), wb.where('alias', '=', 'production')),
	wb.send_notification(:channel, title => '${artifact_version_string} is in production')) AS automation \gset
SELECT wb.log_artifact(wb.create_project('use_case_artifacts lab', 'p'), 'm', 'model', aliases => '{production}') AS version \gset
SELECT wb.link_artifact(:version, wb.create_registry('use_case_artifacts law', 'models'), 'm', '{production}') \gset
SELECT wb.log_artifact(:training, 'elsewhere', 'model', aliases => '{production}') \gset
SELECT project, artifact, why FROM wb.automation_history WHERE automation_id = :automation ORDER BY execution_id;

-- E40 an automation of a registry covers collections that are made later
SELECT wb.create_registry('use_case_artifacts org', 'e40') AS registry \gset
SELECT wb.link_artifact(:v0, :registry, 'there before') \gset
SELECT wb.create_automation('whole registry', wb.on_link_artifact(wb.registry('use_case_artifacts org', 'e40')), wb.do_nothing()) \gset
SELECT wb.create_automation('one collection', wb.on_link_artifact(wb.collection(wb.registry('use_case_artifacts org', 'e40'), 'there before')), wb.do_nothing()) \gset
SELECT wb.link_artifact(:v1, :registry, 'there before'), wb.link_artifact(:v1, :registry, 'made later') \gset
SELECT automation, artifact, why FROM pg_temp.fired('e40') ORDER BY 2, 1;

-- E42 a deployment platform follows the registry: links, aliases and their end
SELECT wb.create_registry('use_case_artifacts org', 'e42') AS registry \gset
SELECT wb.create_automation('platform: ' || e.name, e.event, wb.send_webhook(wb.webhook_integration('use_case_artifacts', 'ci'),
	'{"event": "${event_type}", "collection": "${artifact_collection_name}", "version": "${artifact_version_index}", "alias": "${alias}"}'))
FROM wb.registry('use_case_artifacts org', 'e42') r, LATERAL (VALUES ('link', wb.on_link_artifact(r)), ('alias', wb.on_add_artifact_alias(r)), ('unlink', wb.on_unlink_artifact(r))) e(name, event) \g /dev/null
SELECT wb.link_artifact(:v1, :registry, 'm', '{staging}') \gset
SELECT wb.unlink_artifact(:v1, :registry, 'm') \gset
SELECT * FROM pg_temp.fired('e42');
SELECT event_type, event->>'artifactCollectionName' AS collection, event->>'artifactVersionIndex' AS version, event->>'alias' AS alias
FROM wb.automation_history WHERE project = 'use_case_artifacts org/e42' ORDER BY execution_id;

-- E43 one pipeline of CI/CD is started by runs and by versions
SELECT wb.create_project('use_case_artifacts', 'e43') AS project \gset
SELECT wb.create_automation('on a run', wb.on_run_state(wb.project('use_case_artifacts', 'e43'), '{finished}', wb.where('job_type', '=', 'train')),
	wb.send_webhook(wb.webhook_integration('use_case_artifacts', 'ci'), '{"ref": "main", "variables": {"CAUSE": "${event_type}", "RUN": "${run_path}"}}')) \gset
SELECT wb.create_automation('on a version', wb.on_create_artifact(wb.project('use_case_artifacts', 'e43'), wb.where('artifact_collection_name', '=', 'm')),
	wb.send_webhook(wb.webhook_integration('use_case_artifacts', 'ci'), '{"ref": "main", "variables": {"CAUSE": "${event_type}", "VERSION": "${artifact_version_string}"}}')) \gset
INSERT INTO wb.runs (project_id, display_name, job_type) VALUES (:project, 'training', 'train'), (:project, 'sweep', 'sweep');
SELECT wb.finish_run(id) FROM wb.runs WHERE project_id = :project ORDER BY id \g /dev/null
SELECT wb.log_artifact(:project, 'm', 'model'), wb.log_artifact(:project, 'logs', 'log') \gset
SELECT * FROM pg_temp.fired('e43');

-- E51 the alias package has the model packed, the alias report has a report made of it
SELECT wb.create_registry('use_case_artifacts org', 'e51') AS registry \gset
SELECT wb.create_automation(word, wb.on_add_artifact_alias(wb.registry('use_case_artifacts org', 'e51'), wb.where('alias', '=', word)),
	wb.send_webhook(wb.webhook_integration('use_case_artifacts', 'ci'), '{"job": "${alias}", "version": "${artifact_version_string}"}')) FROM unnest('{package,report}'::text[]) word \g /dev/null
SELECT wb.link_artifact(:v0, :registry, 'm', '{package}'), wb.link_artifact(:v1, :registry, 'm', '{report}') \gset
SELECT * FROM pg_temp.fired('e51');

-- E56 an automation is switched off, changed and deleted, and what it did is still there, newest first
SELECT wb.create_project('use_case_artifacts', 'e56') AS project \gset
SELECT wb.create_automation('watch', wb.on_create_artifact(wb.project('use_case_artifacts', 'e56')), wb.do_nothing()) AS watch,
	wb.create_automation('never', wb.on_remove_artifact_tag(wb.project('use_case_artifacts', 'e56')), wb.do_nothing()) AS never \gset
SELECT wb.log_artifact(:project, 'm', 'model') \gset
SELECT wb.disable_automation(:watch) \gset
SELECT wb.log_artifact(:project, 'm', 'model') \gset
SELECT wb.enable_automation(:watch) \gset
SELECT wb.update_automation(:watch, jsonb_build_object('name', 'watch models', 'action', wb.send_notification(wb.slack_integration('use_case_artifacts', '#models')),
	'event', wb.on_create_artifact(wb.project('use_case_artifacts', 'e56'), wb.where('artifact_type', '=', 'model')))) \gset
SELECT wb.log_artifact(:project, 'm', 'model'), wb.log_artifact(:project, 'd', 'dataset') \gset
SELECT name, scope, event, action, enabled, executions, last_executed_at IS NOT NULL AS has_executed FROM wb.automation_list
WHERE id IN (:watch, :never) ORDER BY last_executed_at DESC NULLS LAST;
SELECT wb.delete_automation(:watch) \gset
SELECT wb.log_artifact(:project, 'm', 'model') \gset
SELECT count(*) AS automations FROM wb.automation_list WHERE id = :watch;
SELECT automation_name, artifact, state FROM wb.automation_history WHERE automation_id = :watch;
