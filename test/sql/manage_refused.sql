-- What W&B's client or server refuses is refused here, whichever way it comes.
-- A database of its own, because it lists and numbers what is in it.
SET client_min_messages = error;
CREATE DATABASE regression_manage_refused TEMPLATE template0;
\connect regression_manage_refused
SET client_min_messages = error;
CREATE EXTENSION wb_automations;
SELECT wb.setup() \gset
INSERT INTO wb.entities (id, name) VALUES (96000, 'refused');
INSERT INTO wb.projects (id, entity_id, name) VALUES (96000, 96000, 'p');
INSERT INTO wb.collections (id, project_id, name, type) VALUES (96000, 96000, 'model', 'model');
INSERT INTO wb.integrations (id, entity_id, kind, name, url, url_secret) VALUES
	(96000, 96000, 'WEBHOOK', 'hook', 'http://127.0.0.1/', NULL), (96001, 96000, 'SLACK', 'alerts', NULL, 'SLACK');
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
-- an import of a whole document in which these keys are other ones; null takes a key away
CREATE FUNCTION pg_temp.import(changes jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.refusal(format('SELECT wb.import_automation(%L)', jsonb_strip_nulls(jsonb_build_object('name', 'x', 'scopeType', 'PROJECT', 'scopeID', 96000,
		'triggeringEventType', 'RUN_METRIC', 'eventFilter', '{"run_metric_filter":{"threshold_filter":{"name":"loss","cmp_op":"$gt","threshold":1}}}',
		'triggeredActionType', 'NO_OP', 'triggeredActionConfig', '{"noOpActionInput": {"noOp": true}}'::jsonb) || changes)));
$$;
CREATE FUNCTION pg_temp.import_filter(filter text, type text = 'RUN_METRIC') RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.import(jsonb_build_object('triggeringEventType', type, 'eventFilter', filter));
$$;

-- a name is needed, has at most 255 characters, and is not empty
SELECT pg_temp.import(c::jsonb) FROM unnest(ARRAY['{"name": null}', '{"name": ""}', jsonb_build_object('name', repeat('n', 256))::text,
	jsonb_build_object('name', repeat('n', 255))::text]) WITH ORDINALITY c(c, n) ORDER BY n;
-- so are an event and an action
SELECT pg_temp.import('{"triggeringEventType": null, "eventFilter": null}');
SELECT pg_temp.import('{"triggeringEventType": null}');
SELECT pg_temp.import('{"eventFilter": null}');
SELECT pg_temp.import('{"triggeredActionType": null, "triggeredActionConfig": null}');
-- a name that the scope has
SELECT wb.create_automation('taken', wb.on_add_artifact_alias(wb.project('refused', 'p')), wb.do_nothing()) AS taken \gset
SELECT pg_temp.import('{"name": "taken"}');

-- windows, thresholds, comparators, aggregations, other keys
SELECT pg_temp.import_filter(format('{"run_metric_filter":{"threshold_filter":%s}}', '{"name": "loss", "agg_op": "MIN", "window_size": 5, "cmp_op": "$gt", "threshold": 1}'::jsonb || c::jsonb)) FROM unnest(ARRAY[
	'{"window_size": 0}', '{"window_size": -1}', '{"threshold": true}', '{"threshold": "1"}', '{"threshold": "NaN"}', '{"threshold": "Infinity"}', '{"cmp_op": "=="}',
	'{"agg_op": "sum"}', '{"colour": "red"}']) WITH ORDINALITY c(c, n) ORDER BY n;
-- ours: "$ne" and "$eq" are comparators
SELECT pg_temp.import('{"name": "ne", "eventFilter": "{\"run_metric_filter\":{\"threshold_filter\":{\"name\":\"loss\",\"cmp_op\":\"$ne\",\"threshold\":1}}}"}');
-- amounts of change
SELECT pg_temp.import_filter(format('{"run_metric_filter":{"change_filter":%s}}', '{"name": "loss", "agg_op": "AVERAGE", "current_window_size": 10, "prior_window_size": 10,
	"change_type": "RELATIVE", "change_dir": "ANY", "change_amount": 1}'::jsonb || c::jsonb), 'RUN_METRIC_CHANGE') FROM unnest(ARRAY[
	'{"change_amount": "NaN"}', '{"change_amount": 1e400}', '{"change_amount": 0}', '{"change_amount": -1}']) WITH ORDINALITY c(c, n) ORDER BY n;
SELECT pg_temp.refusal('SELECT wb.' || f) FROM unnest(ARRAY[$$changes_by('loss')$$, $$changes_by('loss', frac => 1, diff => 1)$$, $$changes_by('loss', frac => 0)$$,
	$$changes_by('loss', diff => 'Infinity')$$]) WITH ORDINALITY f(f, n) ORDER BY n;
-- z-scores: the direction is a word, so a threshold has no sign
SELECT pg_temp.refusal('SELECT wb.' || f) FROM unnest(ARRAY[$$zscore('loss', 30, 0)$$, $$zscore('loss', 30, -3, 'below')$$, $$zscore('loss', 30, -3)$$, $$zscore('loss', 30, 3, '<')$$]) WITH ORDINALITY f(f, n) ORDER BY n;
SELECT pg_temp.import_filter('{"run_metric_filter":{"zscore_filter":{"name":"loss","window_size":30,"threshold":-1,"change_dir":"ANY"}}}', 'RUN_METRIC_ZSCORE');
-- no condition, two of them, or one of another event
SELECT pg_temp.import_filter(f) FROM unnest(ARRAY['{}', '{"run_filter": "{\"$and\":[]}", "run_metric_filter": null, "metric_filter": null}',
	'{"run_metric_filter":{"threshold_filter":{"name":"loss","cmp_op":"$gt","threshold":1},"zscore_filter":{"name":"loss"}}}',
	'{"run_state_filter":{"states":["FAILED"]}}']) WITH ORDINALITY f(f, n) ORDER BY n;

-- run events in a collection, also by an update
SELECT pg_temp.import('{"scopeType": "ARTIFACT_COLLECTION"}');
SELECT pg_temp.import('{"scopeType": "ARTIFACT_COLLECTION", "triggeringEventType": "RUN_STATE", "eventFilter": "{\"run_state_filter\":{\"states\":[\"FAILED\"]}}"}');
SELECT wb.create_automation('metric', wb.on_run_metric(wb.project('refused', 'p'), wb.is_nan('loss')), wb.do_nothing()) AS metric \gset
SELECT pg_temp.refusal(format($$SELECT wb.update_automation(%s, jsonb_build_object('scope', wb.collection(wb.project('refused', 'p'), 'model')))$$, :metric)) ~ '^22023: event RUN_METRIC is not possible in the scope of a collection';

-- severities, payloads, states
SELECT pg_temp.import('{"triggeredActionType": "NOTIFICATION", "triggeredActionConfig": {"notificationActionInput": {"integrationID": 96001, "severity": "fatal"}}}');
SELECT pg_temp.import('{"triggeredActionType": "GENERIC_WEBHOOK", "triggeredActionConfig": {"genericWebhookActionInput": {"integrationID": 96000, "requestPayload": "[1]"}}}');
SELECT pg_temp.import('{"triggeredActionType": "GENERIC_WEBHOOK", "triggeredActionConfig": {"genericWebhookActionInput": {"integrationID": 96000, "requestPayload": [1]}}}');
SELECT pg_temp.import_filter('{"run_state_filter":{"states":["crashed"]}}', 'RUN_STATE');
SELECT pg_temp.import_filter('{"run_state_filter":{"states":["CRASHED"]}}', 'RUN_STATE');

-- types that W&B reads and does not write
SELECT pg_temp.import('{"triggeringEventType": "UPDATE_ARTIFACT_ALIAS"}');
SELECT pg_temp.import('{"triggeredActionType": "QUEUE_JOB"}');
SELECT pg_temp.import('{"triggeredActionType": "PUSH_NOTIFICATION"}');
-- fields, operators and patterns that nothing could match
SELECT pg_temp.import_filter(format('{"run_filter": %s, "run_state_filter":{"states":["FAILED"]}}', to_jsonb(f)), 'RUN_STATE') FROM unnest(ARRAY['{"$and":[{"colour":{"$eq":"x"}}]}',
	'{"$and":[{"display_name":{"$like":"x"}}]}', '{"$and":[{"display_name":{"$regex":"("}}]}', '{"$and":']) WITH ORDINALITY f(f, n) ORDER BY n;

-- changes: of an unknown automation, of unknown keys, of another type, and of what must not be cleared
SELECT pg_temp.refusal(format('SELECT wb.update_automation(%s, %L)', i, c)) FROM (VALUES (1, -1, '{"name": "x"}'), (2, -1, NULL), (3, -1, '[]'), (4, -1, '{"nam": "x"}'), (5, -1, '{"id": 7}'),
	(6, -1, '{"name": 7}'), (7, -1, '{"enabled": "yes"}'), (8, -1, '{"event": "RUN_STATE"}'), (9, -1, '{"name": null}'), (10, -1, '{"enabled": null}'), (11, -1, '{"scope": null}'), (12, -1, '{"action": null}'),
	(13, -1, '{"once_per": null}'), (14, :metric, '{"name": ""}'), (16, :metric, '{"cooldown": "-1 second"}'), (17, :metric, '{"cooldown": "soon"}'),
	(18, :metric, '{"once_per": "project"}'), (19, :metric, '{"event": {}}'), (20, :metric, '{"action": {}}'), (21, :metric, '{"scope": {}}'), (22, :metric, '{"scope": {"scope_type": "PROJECT", "scope_id": -1}}'),
	(23, :metric, '{"event": {"event_type": "RUN_METRIC", "event_filter": {}}}')) c(n, i, c) ORDER BY n;
SELECT pg_temp.refusal(format('SELECT wb.update_automation(%s, %L)', :metric, '{"name": "taken"}')) ~ '^23505: another automation of this name exists in the scope of automation \d+\n';
-- one event is about one thing: a metric and a state, or a state and a metric
SELECT pg_temp.import_filter('{"run_metric_filter":{"threshold_filter":{"name":"loss","cmp_op":"$gt","threshold":1}},"run_state_filter":{"states":["FAILED"]}}');
SELECT pg_temp.import_filter('{"run_state_filter":{"states":["FAILED"]},"run_metric_filter":{"threshold_filter":{"name":"loss","cmp_op":"$gt","threshold":1}}}', 'RUN_STATE');
-- keys that a condition does not have, in each kind of them
SELECT pg_temp.import_filter(format('{"run_metric_filter":{"%s":{"name": "loss", "colour": "red"}}}', k), t) FROM (VALUES (1, 'threshold_filter', 'RUN_METRIC'), (2, 'change_filter', 'RUN_METRIC_CHANGE'),
	(3, 'zscore_filter', 'RUN_METRIC_ZSCORE'), (4, 'plateau_filter', 'RUN_METRIC_CHANGE')) v(n, k, t) ORDER BY n;
-- where one half of a pair is given, an update leaves the other as it is
SELECT pg_temp.refusal(format('SELECT wb.import_automation(%L)', jsonb_build_object('id', :metric) || c::jsonb)) FROM unnest(ARRAY['{"triggeringEventType": "RUN_STATE"}', '{"eventFilter": "{}"}', '{"scopeType": "ARTIFACT_COLLECTION"}',
	'{"scopeID": -1}', '{"triggeredActionType": "GENERIC_WEBHOOK"}', '{"triggeredActionConfig": {}}', '{"eventFilter": "{\"run_metric_filter\":{\"threshold_filter\":{\"name\":\"acc\",\"cmp_op\":\"$gt\",\"threshold\":1}}}"}']) WITH ORDINALITY c(c, n) ORDER BY n;
SELECT event_type, event_key FROM wb.automations WHERE id = :metric;
