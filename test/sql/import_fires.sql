-- Every form of W&B's JSON, imported as its client writes it, leaves as it came
-- and fires on what matches it.
-- A database of its own, so that ids are those in the documents.
SET client_min_messages = error;
CREATE DATABASE regression_import_fires TEMPLATE template0;
\connect regression_import_fires
\set SHOW_CONTEXT never
SET client_min_messages = error;
CREATE EXTENSION wb_automations;
SELECT wb.setup() \gset
-- Entity:3, Project:7, ArtifactCollection:9 (linked), Int:1 and Int:2
INSERT INTO wb.entities (id, name, kind) VALUES (2, 'org', 'organization');
INSERT INTO wb.entities (id, name, organization_id) VALUES (3, 'team', 2);
INSERT INTO wb.projects (id, entity_id, name) VALUES (7, 3, 'p'), (8, 3, 'another');
INSERT INTO wb.registries (id, entity_id, name) VALUES (5, 2, 'models');
INSERT INTO wb.collections (id, registry_id, name, type) VALUES (9, 5, 'linked', 'model');
INSERT INTO wb.integrations (id, entity_id, kind, name, url, url_secret) VALUES (1, 3, 'WEBHOOK', 'hook', 'http://127.0.0.1/', NULL), (2, 3, 'SLACK', 'alerts', NULL, 'SLACK');
CREATE TEMP TABLE forms (n text COLLATE "C", type text, filter text, scope_type text DEFAULT 'PROJECT', scope_id text DEFAULT 'UHJvamVjdDo3',
	action_type text DEFAULT 'NO_OP', action text DEFAULT '{"noOpActionInput":{"noOp":true}}');
INSERT INTO forms (n, type, filter) VALUES
	('01', 'RUN_METRIC', '{"run_filter":"{\"$and\":[]}","run_metric_filter":{"threshold_filter":{"name":"custom-metric","agg_op":null,"window_size":1,"cmp_op":"$gt","threshold":10}},"metric_filter":null}'),
	('02', 'RUN_METRIC', '{"run_filter":"{\"$and\":[]}","run_metric_filter":{"threshold_filter":{"name":"val/loss","agg_op":"AVERAGE","window_size":5,"cmp_op":"$gte","threshold":0.25}},"metric_filter":null}'),
	('03', 'RUN_METRIC', '{"run_filter":"{\"$and\":[{\"display_name\":{\"$regex\":\"^bert-.*\"}}]}","run_metric_filter":{"threshold_filter":{"name":"acc","agg_op":"MIN","window_size":10,"cmp_op":"$lt","threshold":0.6}},"metric_filter":null}'),
	('04', 'RUN_METRIC_CHANGE', '{"run_filter":"{\"$and\":[]}","run_metric_filter":{"change_filter":{"name":"loss","agg_op":"AVERAGE","current_window_size":10,"change_amount":0.25,"prior_window_size":10,"change_type":"RELATIVE","change_dir":"DECREASE"}},"metric_filter":null}'),
	('05', 'RUN_METRIC_CHANGE', '{"run_filter":"{\"$and\":[]}","run_metric_filter":{"change_filter":{"name":"loss","agg_op":"AVERAGE","current_window_size":10,"change_amount":0.1,"prior_window_size":50,"change_type":"RELATIVE","change_dir":"INCREASE"}},"metric_filter":null}'),
	('06', 'RUN_METRIC_CHANGE', '{"run_filter":"{\"$and\":[]}","run_metric_filter":{"change_filter":{"name":"loss","agg_op":null,"current_window_size":1,"change_amount":2,"prior_window_size":1,"change_type":"ABSOLUTE","change_dir":"ANY"}},"metric_filter":null}'),
	('07', 'RUN_METRIC_ZSCORE', '{"run_filter":"{\"$and\":[]}","run_metric_filter":{"zscore_filter":{"name":"loss","window_size":30,"threshold":3,"change_dir":"ANY"}},"metric_filter":null}'),
	('08', 'RUN_METRIC_ZSCORE', '{"run_filter":"{\"$and\":[]}","run_metric_filter":{"zscore_filter":{"name":"loss","window_size":30,"threshold":2.5,"change_dir":"DECREASE"}},"metric_filter":null}'),
	('09', 'RUN_STATE', '{"run_filter":"{\"$and\":[]}","run_state_filter":{"states":["FAILED","FINISHED"]}}'),
	('10', 'RUN_STATE', '{"run_filter":"{\"$and\":[{\"display_name\":{\"$contains\":\"my-run\"}}]}","run_state_filter":{"states":["FAILED"]}}'),
	('11', 'RUN_STATE', '{"run_filter":"{\"$and\":[{\"$or\":[{\"display_name\":{\"$eq\":\"x\"}},{\"display_name\":{\"$contains\":\"y\"}}]}]}","run_state_filter":{"states":["RUNNING"]}}'),
	('11 not', 'RUN_STATE', '{"run_filter":"{\"$and\":[{\"$not\":{\"display_name\":{\"$contains\":\"y\"}}}]}","run_state_filter":{"states":["RUNNING"]}}'),
	('26', 'RUN_METRIC', '{"run_filter":"{\"$and\":[]}","run_metric_filter":null,"metric_filter":"{\"name\":\"old\",\"agg_op\":null,\"window_size\":1,\"cmp_op\":\"$gt\",\"threshold\":10}"}');
INSERT INTO forms (n, type, filter, scope_type, scope_id) SELECT n, type, format('{"$or":[{"$and":[%s]}]}', filter), 'ARTIFACT_COLLECTION', 'QXJ0aWZhY3RDb2xsZWN0aW9uOjk=' FROM (VALUES
	('12', 'LINK_MODEL', ''), ('13', 'ADD_ARTIFACT_ALIAS', '{"alias":{"$eq":"prod"}}'), ('14', 'ADD_ARTIFACT_ALIAS', '{"alias":{"$regex":"^prod-.*"}}'),
	('15', 'ADD_ARTIFACT_ALIAS', '{"$or":[{"alias":{"$eq":"staging"}},{"alias":{"$eq":"production"}}]}'), ('16', 'ADD_ARTIFACT_ALIAS', '{"alias":{"$in":["staging","production"]}}'),
	('17', 'ADD_ARTIFACT_ALIAS', '{"alias":{"$regex":"^v"}},{"$not":{"alias":{"$eq":"latest"}}}'), ('18', 'ADD_ARTIFACT_TAG', '{"tag":{"$regex":"^europe.*"}}'),
	('19', 'LINK_MODEL', '{"alias":{"$eq":"prod"}},{"tag":{"$eq":"x"}}')) f(n, type, filter);
INSERT INTO forms (n, type, filter, scope_type, scope_id) VALUES
	('21', 'RUN_STATE', '{"run_filter":"{\"$and\":[]}","run_state_filter":{"states":["FAILED"]}}', 'ENTITY', 'RW50aXR5OjM=');
INSERT INTO forms (n, type, filter, action_type, action) SELECT n, 'RUN_STATE', '{"run_filter":"{\"$and\":[{\"display_name\":{\"$eq\":\"acts\"}}]}","run_state_filter":{"states":["RUNNING"]}}', type, action FROM (VALUES
	('22', 'NOTIFICATION', '{"notificationActionInput":{"integrationID":"SW50OjI=","message":"hello","severity":"WARN","title":"T"}}'),
	('23', 'GENERIC_WEBHOOK', '{"genericWebhookActionInput":{"integrationID":"SW50OjE=","requestPayload":"{\"event\":\"${event_type}\",\"n\":1}"}}'),
	('24', 'NO_OP', '{"noOpActionInput":{"noOp":true}}')) f(n, type, action);
\pset format unaligned
\pset tuples_only on

-- what goes in as text comes out as the same text; the old key of a threshold too
CREATE TEMP TABLE made AS SELECT f.*, wb.import_automation(jsonb_build_object('enabled', true, 'name', n, 'eventFilter', filter, 'scopeID', scope_id, 'scopeType', scope_type,
	'triggeredActionConfig', action::jsonb, 'triggeredActionType', action_type, 'triggeringEventType', type)) AS id FROM forms f ORDER BY n;
SELECT count(*), count(*) FILTER (WHERE wb.export_automation(id)->>'eventFilter' = filter) AS same_filter,
	count(*) FILTER (WHERE wb.export_automation(id)->>'triggeringEventType' = type AND wb.export_automation(id)->>'triggeredActionType' = action_type) AS same_types,
	count(*) FILTER (WHERE split_part(convert_from(decode(scope_id, 'base64'), 'UTF8'), ':', 2) = wb.export_automation(id)->>'scopeID') AS same_scope FROM made;

-- forms 20 and 27: as W&B returns them
SELECT wb.import_automation(jsonb_build_object('__typename', 'Trigger', 'id', 'VHJpZ2dlcjo0Mg==', 'name', n, 'enabled', true, 'scope', scope::jsonb,
	'event', jsonb_build_object('__typename', 'FilterEventTriggeringCondition', 'eventType', type, 'filter', filter), 'action', '{"__typename":"NoOpTriggeredAction","noOp":true}'::jsonb)) IS NOT NULL FROM (VALUES
	('20', '{"__typename":"ArtifactPortfolio","id":"QXJ0aWZhY3RDb2xsZWN0aW9uOjk=","name":"linked"}', 'LINK_MODEL', '{"filter":"{\"$or\":[{\"$and\":[{\"alias\":{\"$eq\":\"latest\"}}]}]}"}'),
	('27 Project', '{"__typename":"Project","id":"UHJvamVjdDo3","name":"p"}', 'RUN_STATE', '{"run_filter":"{\"$and\":[]}","run_state_filter":{"states":["FINISHED"]}}'),
	('27 Entity', '{"__typename":"Entity","id":"RW50aXR5OjM=","name":"team","entityType":"team"}', 'RUN_STATE', '{"run_filter":"{\"$and\":[]}","run_state_filter":{"states":["FINISHED"]}}')) s(n, scope, type, filter);

-- what each run made fire: a steady one, one whose loss falls, one whose loss rises, one for the thresholds
INSERT INTO wb.runs (id, project_id, name) VALUES (1, 7, 'steady'), (2, 7, 'falls'), (3, 7, 'rises'), (4, 8, 'elsewhere'), (7, 7, 'acts');
INSERT INTO wb.runs (id, project_id, name, display_name) VALUES (5, 7, 'thresholds', 'bert-my-run-y'), (6, 7, 'bert-x', 'x');
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT r, 'loss', s, CASE WHEN s <= 60 OR r = 1 THEN 10 + 0.1 * (s % 2) WHEN r = 3 THEN 12.5 ELSE 7.5 END
FROM unnest(ARRAY[1, 2, 3, 4]) r, generate_series(1, 80) s;
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT r, n, s, v FROM unnest(ARRAY[1, 4, 5, 6]) r, generate_series(1, 10) s,
	LATERAL (VALUES ('custom-metric', CASE r WHEN 1 THEN 10 ELSE 11 END), ('val/loss', CASE r WHEN 1 THEN 0.2 ELSE 0.25 END), ('acc', CASE r WHEN 1 THEN 0.6 ELSE 0.5 END), ('old', CASE r WHEN 1 THEN 10 ELSE 11 END)) m(n, v);
SELECT count(wb.finish_run(id, CASE id WHEN 1 THEN 0 ELSE 1 END)) FROM wb.runs;
SELECT r.name, string_agg(e.automation_name, ', ' ORDER BY e.automation_name COLLATE "C") FROM wb.runs r LEFT JOIN wb.executions e ON e.run_id = r.id AND e.state <> 'SKIPPED' GROUP BY r.id ORDER BY r.id;
-- actions are those of the document
SELECT automation_name, action_type, action FROM wb.executions WHERE run_id = 7 AND automation_name >= '22' AND automation_name < '25' ORDER BY automation_name;

-- what each link, alias and tag made fire
CREATE TEMP TABLE marks (what text, up_to bigint);
CREATE FUNCTION pg_temp.fired(what text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	before bigint := coalesce((SELECT max(up_to) FROM marks), (SELECT max(id) FROM wb.executions WHERE run_id IS NOT NULL));
BEGIN
	INSERT INTO marks SELECT fired.what, max(id) FROM wb.executions;
	RETURN what || ': ' || coalesce((SELECT string_agg(automation_name, ', ' ORDER BY automation_name COLLATE "C") FROM wb.executions WHERE id > before), 'nothing');
END $$;
SELECT wb.log_artifact(7, 'model', 'model', 'one', tags => '{x}') AS one, wb.log_artifact(7, 'model', 'model', 'two') AS two \gset
SELECT wb.link_artifact(:one, 5, 'linked', '{prod}') \gset
SELECT pg_temp.fired('linked as prod, tag x');
SELECT wb.link_artifact(:two, 5, 'linked', '{latest}') \gset
SELECT pg_temp.fired('linked as latest');
SELECT wb.add_alias(:two, 'prod-eu', 9) \gset
SELECT pg_temp.fired('alias prod-eu');
SELECT wb.add_alias(:two, 'staging', 9) \gset
SELECT pg_temp.fired('alias staging');
SELECT wb.add_alias(:two, 'vnext', 9) \gset
SELECT pg_temp.fired('alias vnext');
SELECT wb.add_alias(:two, 'preprod', 9) \gset
SELECT pg_temp.fired('alias preprod');
SELECT wb.add_tag(:two, 'europe-west') \gset
SELECT pg_temp.fired('tag europe-west');
SELECT wb.add_tag(:two, 'us-europe') \gset
SELECT pg_temp.fired('tag us-europe');

-- form 25: an update changes what it holds, and fires as it then is
SELECT wb.import_automation(jsonb_build_object('id', encode(convert_to('Trigger:' || id, 'UTF8'), 'base64'), 'name', '25', 'eventFilter', replace(filter, 'prod-', 'pre'))) = id FROM made WHERE n = '14';
SELECT wb.add_alias(:one, 'preview', 9) \gset
SELECT pg_temp.fired('alias preview');
