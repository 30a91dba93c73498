-- Automations come in W&B's JSON, and leave in it.
-- A database of its own, because it lists and numbers what is in it.
SET client_min_messages = error;
CREATE DATABASE regression_manage_import TEMPLATE template0;
\connect regression_manage_import
SET client_min_messages = error;
CREATE EXTENSION wb_automations;
SELECT wb.setup() \gset
INSERT INTO wb.entities (id, name) VALUES (95000, 'import');
INSERT INTO wb.projects (id, entity_id, name) VALUES (95007, 95000, 'p');
INSERT INTO wb.runs (id, project_id, name, display_name) VALUES (95000, 95007, 'r', 'bert-1');
INSERT INTO wb.collections (id, project_id, name, type) VALUES (95009, 95007, 'model', 'model');
INSERT INTO wb.integrations (id, entity_id, kind, name, url, url_secret) VALUES
	(95000, 95000, 'WEBHOOK', 'hook', 'http://127.0.0.1/', NULL), (95001, 95000, 'SLACK', 'alerts', NULL, 'SLACK');
\pset format unaligned
\pset tuples_only on
CREATE FUNCTION pg_temp.refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN concat(SQLSTATE, ': ', SQLERRM, E'\n  HINT: ' || nullif(hint, ''));
END $$;
-- the way in and out, as two statements
CREATE FUNCTION pg_temp.through(document jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	made bigint := wb.import_automation(document);
BEGIN
	RETURN wb.export_automation(made);
END $$;
-- imports an input with this event, or says why not; "same": the export has the same text, "equal": the same JSON
CREATE FUNCTION pg_temp.carry(n integer, event_type text, filter text, scope_type text = 'PROJECT', scope_id text = 'UHJvamVjdDo5NTAwNw==') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	made bigint;
	exported jsonb;
BEGIN
	made := wb.import_automation(jsonb_build_object('enabled', true, 'name', 'form ' || n, 'eventFilter', filter, 'scopeID', scope_id, 'scopeType', scope_type,
		'triggeredActionConfig', '{"noOpActionInput": {"noOp": true}}'::jsonb, 'triggeredActionType', 'NO_OP', 'triggeringEventType', event_type));
	exported := wb.export_automation(made);
	RETURN concat_ws(' ', n, exported->>'triggeringEventType', exported->>'scopeType', exported->>'scopeID',
		CASE WHEN exported->>'eventFilter' = filter THEN 'same'
			WHEN (exported->>'eventFilter')::jsonb = filter::jsonb THEN 'equal' ELSE exported->>'eventFilter' END);
EXCEPTION WHEN invalid_parameter_value THEN
	RETURN concat_ws(' ', n, SQLERRM);
END $$;

-- form 1: the complete input; ids leave as plain numbers
SELECT jsonb_pretty(pg_temp.through($$
{"enabled": true,
 "eventFilter": "{\"run_filter\":\"{\\\"$and\\\":[]}\",\"run_metric_filter\":{\"threshold_filter\":{\"name\":\"custom-metric\",\"agg_op\":null,\"window_size\":1,\"cmp_op\":\"$gt\",\"threshold\":10}},\"metric_filter\":null}",
 "name": "n", "scopeID": "UHJvamVjdDo5NTAwNw==", "scopeType": "PROJECT",
 "triggeredActionConfig": {"noOpActionInput": {"noOp": true}},
 "triggeredActionType": "NO_OP", "triggeringEventType": "RUN_METRIC"}$$));

-- forms 2 to 8: conditions on metrics
SELECT pg_temp.carry(n, type, format('{"run_filter":"{\"$and\":[%s]}","run_metric_filter":{%s},"metric_filter":null}', run, metric)) FROM (VALUES
	(2, 'RUN_METRIC', '', '"threshold_filter":{"name":"val/loss","agg_op":"AVERAGE","window_size":5,"cmp_op":"$gte","threshold":0.25}'),
	(3, 'RUN_METRIC', '{\"display_name\":{\"$regex\":\"^bert-.*\"}}', '"threshold_filter":{"name":"acc","agg_op":"MIN","window_size":10,"cmp_op":"$lt","threshold":0.6}'),
	(4, 'RUN_METRIC_CHANGE', '', '"change_filter":{"name":"loss","agg_op":"AVERAGE","current_window_size":10,"change_amount":0.25,"prior_window_size":10,"change_type":"RELATIVE","change_dir":"DECREASE"}'),
	(5, 'RUN_METRIC_CHANGE', '', '"change_filter":{"name":"loss","agg_op":"AVERAGE","current_window_size":10,"change_amount":0.1,"prior_window_size":50,"change_type":"RELATIVE","change_dir":"INCREASE"}'),
	(6, 'RUN_METRIC_CHANGE', '', '"change_filter":{"name":"loss","agg_op":null,"current_window_size":1,"change_amount":2,"prior_window_size":1,"change_type":"ABSOLUTE","change_dir":"ANY"}'),
	(7, 'RUN_METRIC_ZSCORE', '', '"zscore_filter":{"name":"loss","window_size":30,"threshold":3,"change_dir":"ANY"}'),
	(8, 'RUN_METRIC_ZSCORE', '', '"zscore_filter":{"name":"loss","window_size":30,"threshold":2.5,"change_dir":"DECREASE"}')) f(n, type, run, metric) ORDER BY n;
SELECT pg_temp.carry(80, 'RUN_METRIC_ZSCORE', '{"run_filter":"{\"$and\":[]}","run_metric_filter":{"zscore_filter":{"name":"loss","window_size":30,"threshold":3.0,"change_dir":"ANY"}},"metric_filter":null}');

-- forms 9 to 11: states, and filters on runs
SELECT pg_temp.carry(n, 'RUN_STATE', format('{"run_filter":"{\"$and\":[%s]}","run_state_filter":{"states":["FAILED","FINISHED"]}}', run)) FROM (VALUES
	(9, ''), (10, '{\"display_name\":{\"$contains\":\"my-run\"}}'),
	(11, '{\"$or\":[{\"display_name\":{\"$eq\":\"x\"}},{\"display_name\":{\"$contains\":\"y\"}}]}'),
	(110, '{\"$not\":{\"display_name\":{\"$contains\":\"y\"}}}')) f(n, run) ORDER BY n;

-- forms 13 to 17: aliases, of a project and of a collection
SELECT pg_temp.carry(n, 'ADD_ARTIFACT_ALIAS', format('{"$or":[{"$and":[%s]}]}', filter), type, id) FROM (VALUES
	(12, '', 'PROJECT', '95007'), (13, '{"alias":{"$eq":"prod"}}', 'PROJECT', 'UHJvamVjdDo5NTAwNw=='), (14, '{"alias":{"$regex":"^prod-.*"}}', 'ARTIFACT_COLLECTION', 'QXJ0aWZhY3RDb2xsZWN0aW9uOjk1MDA5'),
	(15, '{"$or":[{"alias":{"$eq":"staging"}},{"alias":{"$eq":"production"}}]}', 'ARTIFACT_COLLECTION', '95009'),
	(16, '{"alias":{"$in":["staging","production"]}}', 'PROJECT', '95007'), (17, '{"alias":{"$regex":"^v"}},{"$not":{"alias":{"$eq":"latest"}}}', 'PROJECT', '95007')) f(n, filter, type, id) ORDER BY n;

-- LINK_ARTIFACT is W&B's other name of LINK_MODEL, RUN_METRIC_THRESHOLD of RUN_METRIC
SELECT wb.wire_event('{"triggeringEventType": "LINK_ARTIFACT", "eventFilter": "{\"$or\":[{\"$and\":[]}]}"}');
SELECT wb.wire_event('{"triggeringEventType": "run_metric_threshold"}');

-- forms 20 and 27: saved automations, whose filter is wrapped once more; the id there is W&B's
SELECT wb.wire_event('{"event": {"__typename":"FilterEventTriggeringCondition","eventType":"LINK_MODEL","filter":"{\"filter\":\"{\\\"$or\\\":[{\\\"$and\\\":[{\\\"alias\\\":{\\\"$eq\\\":\\\"latest\\\"}}]}]}\"}"}}');
SELECT wb.wire_scope(jsonb_build_object('scope', s::jsonb)) FROM unnest(ARRAY['{"__typename":"Project","id":"UHJvamVjdDo5NTAwNw==","name":"p"}', '{"__typename":"ArtifactSequence","id":"QXJ0aWZhY3RDb2xsZWN0aW9uOjk1MDA5","name":"model"}',
	'{"__typename":"ArtifactPortfolio","id":95009,"name":"model"}', '{"__typename":"Entity","id":"RW50aXR5OjM=","name":"e","entityType":"team"}']) WITH ORDINALITY s(s, n) ORDER BY n;
SELECT wb.import_automation('{"__typename": "Trigger", "id": "VHJpZ2dlcjox", "createdAt": "2026-01-01T00:00:00Z", "updatedAt": null, "name": "saved", "description": null, "enabled": false,
	"scope": {"__typename": "ArtifactPortfolio", "id": "QXJ0aWZhY3RDb2xsZWN0aW9uOjk1MDA5", "name": "model"},
	"event": {"__typename": "FilterEventTriggeringCondition", "eventType": "ADD_ARTIFACT_ALIAS", "filter": "{\"filter\":\"{\\\"$or\\\":[{\\\"$and\\\":[{\\\"alias\\\":{\\\"$eq\\\":\\\"latest\\\"}}]}]}\"}"},
	"action": {"__typename": "NotificationTriggeredAction", "integration": {"__typename": "SlackIntegration", "id": "SW50Ojk1MDAx", "teamName": "t", "channelName": "c"}, "title": "T", "message": null, "severity": "WARN"}}') AS saved \gset
SELECT enabled, scope_type, scope_id, event_filter, action_config FROM wb.automations WHERE id = :saved;
SELECT wb.wire_action('{"action": {"__typename": "GenericWebhookTriggeredAction", "integration": {"__typename": "GenericWebhookIntegration", "id": "SW50Ojk1MDAx"}, "requestPayload": "{\"n\":1}"}}');
SELECT wb.wire_action('{"action": {"__typename": "NoOpTriggeredAction", "noOp": null}}');

-- form 21: the scope of a team
SELECT wb.wire_scope('{"scopeID":"RW50aXR5OjM=","scopeType":"ENTITY"}');

-- forms 22 to 24: actions; the payload is text, or an object
SELECT pg_temp.through(jsonb_build_object('name', 'action ' || n, 'scopeType', 'PROJECT', 'scopeID', 95007, 'triggeringEventType', 'ADD_ARTIFACT_ALIAS', 'eventFilter', '{}',
	'triggeredActionType', type, 'triggeredActionConfig', config::jsonb))->'triggeredActionConfig' FROM (VALUES
	(1, 'NOTIFICATION', '{"notificationActionInput":{"integrationID":"SW50Ojk1MDAx","message":"hello","severity":"WARN","title":"T"}}'),
	(2, 'NOTIFICATION', '{"notificationActionInput":{"integrationID":"SW50Ojk1MDAx","message":"","severity":"INFO","title":""}}'),
	(3, 'NOTIFICATION', '{"notificationActionInput":{"integrationID":95001,"severity":"warn"}}'),
	(4, 'GENERIC_WEBHOOK', '{"genericWebhookActionInput":{"integrationID":"95000","requestPayload":"{\"event\":\"${event_type}\",\"n\":1}"}}'),
	(5, 'GENERIC_WEBHOOK', '{"genericWebhookActionInput":{"integrationID":"SW50Ojk1MDAw","requestPayload":{"event":"${event_type}","n":1}}}'),
	(6, 'GENERIC_WEBHOOK', '{"genericWebhookActionInput":{"integrationID":95000}}'),
	(7, 'NO_OP', '{"noOpActionInput":{"noOp":true}}')) a(n, type, config) ORDER BY n;

-- form 25: an update changes what it holds
SELECT encode(convert_to('Trigger:' || :saved, 'UTF8'), 'base64') AS saved_id \gset
SELECT wb.import_automation(jsonb_build_object('id', :'saved_id', 'name', 'updated', 'enabled', true)) = :saved;
SELECT wb.import_automation(jsonb_build_object('id', :'saved_id', 'name', 'updated', 'scopeType', 'PROJECT', 'scopeID', 'UHJvamVjdDo5NTAwNw==', 'triggeringEventType', 'RUN_METRIC',
	'eventFilter', '{"run_filter":"{\"$and\":[]}","run_metric_filter":{"threshold_filter":{"name":"loss","agg_op":null,"window_size":1,"cmp_op":"$gt","threshold":10}},"metric_filter":null}',
	'triggeredActionType', 'NO_OP', 'triggeredActionConfig', '{"noOpActionInput":{"noOp":true}}'::jsonb)) = :saved;
SELECT wb.export_automation(:saved);

-- form 26: a threshold in the old key, bare or named, holds as in the new one
SELECT pg_temp.carry(26, 'RUN_METRIC', '{"run_filter":"{\"$and\":[]}","run_metric_filter":null,"metric_filter":"{\"name\":\"old\",\"agg_op\":\"AVERAGE\",\"window_size\":2,\"cmp_op\":\"$gt\",\"threshold\":10}"}');
SELECT pg_temp.carry(260, 'RUN_METRIC', '{"run_filter":"{\"$and\":[]}","metric_filter":"{\"threshold_filter\":{\"name\":\"old\",\"agg_op\":\"AVERAGE\",\"window_size\":2,\"cmp_op\":\"$gt\",\"threshold\":10}}"}');
SELECT pg_temp.carry(n, 'RUN_METRIC', format('{"metric_filter":%s}', to_jsonb(f))) FROM (VALUES (261, 'no JSON'), (262, '7'), (263, '{"name":"old"}'), (264, '1}, "x": {"y": 1')) f(n, f) ORDER BY n;
INSERT INTO wb.run_metrics VALUES (95000, 'old', 0, 9), (95000, 'old', 1, 10), (95000, 'old', 2, 12);
SELECT automation_name, why FROM wb.executions WHERE run_id = 95000 ORDER BY id;

-- run_filter encoded twice, as an object, or missing, is stored as text encoded once
SELECT pg_temp.carry(n, 'RUN_STATE', format('{%s"run_state_filter":{"states":["FAILED"]}}', f)) FROM (VALUES (31, '"run_filter":"\"{\\\"$and\\\":[]}\"",'), (32, '"run_filter":{"$and":[]},'), (33, '')) f(n, f) ORDER BY n;

-- what W&B has no key for goes along in keys of ours
SELECT wb.create_automation('ours', wb.on_run_state(wb.project('import', 'p'), '{failed}'), wb.do_nothing(), 'mine', false, '1 hour', 'run_state') AS ours \gset
SELECT jsonb_pretty(wb.export_automation(:ours));
SELECT wb.import_automation(wb.export_automation(:ours) || '{"name": "copy"}') AS copy \gset
SELECT (to_jsonb(a) - '{id,name,created_at}'::text[]) = (to_jsonb(b) - '{id,name,created_at}'::text[]) FROM wb.automations a, wb.automations b WHERE a.id = :ours AND b.id = :copy;
-- whatever is here leaves and comes back the same
SELECT count(*) > 20, bool_and(pg_temp.through(wb.export_automation(id) || jsonb_build_object('name', 'again ' || id)) - 'name' = wb.export_automation(id) - 'name')
FROM wb.automations WHERE scope_id IN (95007, 95009) AND name <> ALL ('{copy}');

-- what cannot be read is refused
SELECT pg_temp.refusal(format('SELECT wb.import_automation(%L)', d)) FROM unnest(ARRAY[NULL, '[]', '{}', '{"name": "x", "colour": "red"}', '{"name": "x", "scopeType": "PROJECT", "scopeID": 95007}',
	'{"name": "x", "scopeType": "PROJECT", "scopeID": "RW50aXR5OjM="}', '{"name": "x", "scopeType": "PROJECT", "scopeID": "seven"}', '{"name": "x", "scopeType": "PROJECT", "scopeID": "//8="}',
	'{"name": "x", "eventFilter": "{", "triggeringEventType": "RUN_STATE"}', '{"id": "VHJpZ2dlcjo5OTk5OTk5OTk=", "name": "x"}', '{"id": "UHJvamVjdDo5NTAwNw==", "name": "x"}']) WITH ORDINALITY d(d, n) ORDER BY n;
SELECT pg_temp.refusal(format('SELECT wb.import_automation(%L)', '{"name": "x", "scopeType": "PROJECT", "scopeID": 95007, "triggeringEventType": "RUN_STATE", "eventFilter": "{\"run_state_filter\": {\"states\": [\"FAILED\"]}}",
	"triggeredActionType": "NO_OP", "triggeredActionConfig": {"noOpActionInput": {"noOp": true}}}'::jsonb || d::jsonb)) FROM unnest(ARRAY['{"scopeType": "GALAXY"}', '{"triggeringEventType": "RUN_PAUSED"}',
	'{"triggeringEventType": "UPDATE_ARTIFACT_ALIAS"}', '{"triggeredActionType": "QUEUE_JOB"}', '{"triggeredActionType": "PUSH_NOTIFICATION"}', '{"triggeredActionConfig": null}', '{"name": "copy", "triggeredActionConfig": "{}"}']) WITH ORDINALITY d(d, n) ORDER BY n;
SELECT pg_temp.refusal('SELECT wb.export_automation(-1)');
