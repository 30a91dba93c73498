-- What history keeps, and how it is asked, by the numbers of
-- docs/conformance.md.  No worker runs here, so what fires stays PENDING.
\set SHOW_CONTEXT never
\pset format unaligned
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_team('conform_history', 'conform_history org') \gset
SELECT wb.create_registry('conform_history org', 'models') AS registry \gset
CREATE FUNCTION pg_temp.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLERRM;
END $$;

-- G166 each firing is a row of history, and what does not fire is none
SELECT wb.create_project('conform_history', 'g166') AS project \gset
SELECT count(wb.create_automation(n, wb.on_run_metric(wb.project('conform_history', 'g166'), wb.metric('loss', '>', n::int)), wb.do_nothing()))
FROM unnest('{1,5,9}'::text[]) n \gset ignored_
SELECT wb.start_run(:project, 'a') AS a, wb.start_run(:project, 'b') AS b \gset
INSERT INTO wb.run_metrics VALUES (:a, 'loss', 1, 7), (:b, 'loss', 1, 3), (:b, 'other', 1, 100);
SELECT automation_name, run_name, state, why FROM wb.automation_history WHERE project_id = :project ORDER BY 1, 2;

-- G168 the first match that a cooldown suppresses is a row that says SKIPPED, and until when; later ones are not
SELECT wb.create_project('conform_history', 'g168') AS project \gset
SELECT wb.create_automation('once', wb.on_run_metric(wb.project('conform_history', 'g168'), wb.is_nan('loss')), wb.do_nothing()) \gset
SELECT wb.start_run(:project, 'a') AS a \gset
INSERT INTO wb.run_metrics SELECT :a, 'loss', g, 'NaN' FROM generate_series(1, 4) g;
SELECT event->>'step' AS step, state, regexp_replace(error, 'until .*', 'until ...') AS error FROM wb.automation_history WHERE project_id = :project ORDER BY execution_id;
SELECT count(*) AS deliveries FROM wb.deliveries d JOIN wb.executions e ON e.id = d.execution_id WHERE e.project_id = :project;

-- G169 the snapshot of an event has what its type is about, under W&B's names and some of ours
SELECT wb.create_project('conform_history', 'g169') AS project \gset
SELECT wb.log_artifact(:project, 'data', 'dataset', metadata => '{"lr": 0.1, "n": {"deep": 1}}') AS version \gset
SELECT wb.create_automation('metric', wb.on_run_metric(wb.project('conform_history', 'g169'), wb.avg('loss', '>', 1, 2)), wb.do_nothing()),
	wb.create_automation('change', wb.on_run_metric(wb.project('conform_history', 'g169'), wb.increases_by('loss', diff => 1, window_size => 1, prior_window_size => 1)), wb.do_nothing()),
	wb.create_automation('zscore', wb.on_run_metric(wb.project('conform_history', 'g169'), wb.zscore('acc', 2, 1)), wb.do_nothing()),
	wb.create_automation('state', wb.on_run_state(wb.project('conform_history', 'g169'), '{failed}'), wb.do_nothing()),
	wb.create_automation('created', wb.on_create_artifact(wb.project('conform_history', 'g169')), wb.do_nothing()),
	wb.create_automation('alias', wb.on_add_artifact_alias(wb.project('conform_history', 'g169'), wb.where('alias', '=', 'best')), wb.do_nothing()),
	wb.create_automation('tagged', wb.on_add_artifact_tag(wb.project('conform_history', 'g169')), wb.do_nothing()),
	wb.create_automation('untagged', wb.on_remove_artifact_tag(wb.project('conform_history', 'g169')), wb.do_nothing()),
	wb.create_automation('collection tagged', wb.on_add_collection_tag(wb.project('conform_history', 'g169')), wb.do_nothing()),
	wb.create_automation('collection untagged', wb.on_remove_collection_tag(wb.project('conform_history', 'g169')), wb.do_nothing()),
	wb.create_automation('linked', wb.on_link_artifact(wb.registry('conform_history org', 'models')), wb.do_nothing()),
	wb.create_automation('unlinked', wb.on_unlink_artifact(wb.registry('conform_history org', 'models')), wb.do_nothing()) \gset ignored_
SELECT wb.start_run(:project, 'bert-1', 'abc123', 'ann') AS run \gset
INSERT INTO wb.run_metrics VALUES (:run, 'loss', 1, 1), (:run, 'loss', 2, 2.5), (:run, 'acc', 1, 1), (:run, 'acc', 2, 3), (:run, 'acc', 3, 9);
SELECT wb.finish_run(:run, 254) \gset
SELECT wb.log_artifact(:project, 'data', 'dataset') AS next \gset
SELECT wb.add_alias(:version, 'best'), wb.add_tag(:version, 'eu'), wb.remove_tag(:version, 'eu'),
	wb.add_collection_tag(wb.collection_of(:version), 'raw'), wb.remove_collection_tag(wb.collection_of(:version), 'raw') \gset ignored_
SELECT wb.link_artifact(:version, :registry, 'released'), wb.unlink_artifact(:version, :registry, 'released') \gset ignored_
SELECT automation_name, jsonb_pretty(event || jsonb_build_object('eventAuthor', replace(event->>'eventAuthor', current_user, 'me')) ||
	CASE WHEN event ? 'artifactId' THEN jsonb_build_object('artifactId', event->'artifactId' IN (to_jsonb(:version), to_jsonb(:next))) ELSE '{}' END) AS event
FROM wb.automation_history WHERE state = 'PENDING' AND (project_id = :project OR scope_type = 'REGISTRY' AND scope_id = :registry) ORDER BY execution_id;

-- G170 metricValues are the values that were judged, oldest first
SELECT wb.create_project('conform_history', 'g170') AS project \gset
SELECT count(wb.create_automation(n, wb.on_run_metric(wb.project('conform_history', 'g170'), m), wb.do_nothing())) FROM (VALUES
	('last value', wb.metric('loss', '>', 5)), ('average of 3', wb.avg('loss', '>', 4, 3)),
	('change of 2 against 2', wb.increases_by('loss', diff => 4, window_size => 2, prior_window_size => 2)),
	('z-score of 1 against 3', wb.zscore('loss', 3, 2)), ('nan', wb.is_nan('loss'))) a(n, m) \gset ignored_
SELECT wb.start_run(:project, 'a') AS a \gset
INSERT INTO wb.run_metrics VALUES (:a, 'loss', 10, 1), (:a, 'loss', 20, 2), (:a, 'loss', 30, 3), (:a, 'loss', 40, 8.5), (:a, 'loss', 50, 'NaN');
SELECT automation_name, event->>'step' AS step, event->'metricValues' AS "metricValues", why FROM wb.automation_history WHERE project_id = :project AND state = 'PENDING' ORDER BY 1;

-- G173 history is listed newest first; a page goes on behind the last id of the page before, and the total is a count
SELECT wb.create_project('conform_history', 'g173') AS project \gset
SELECT wb.create_automation('new run', wb.on_run_state(wb.project('conform_history', 'g173'), '{running}'), wb.do_nothing()) AS automation \gset
SELECT count(wb.start_run(:project, n)) FROM unnest('{r1,r2,r3,r4,r5}'::text[]) n \gset ignored_
SELECT run_name FROM wb.automation_history WHERE automation_id = :automation;
SELECT array_agg(run_name) AS first_page, min(execution_id) AS last_id FROM (SELECT * FROM wb.automation_history WHERE automation_id = :automation LIMIT 2) h \gset
SELECT :'first_page' AS first_page, array_agg(run_name) AS second_page FROM
	(SELECT * FROM wb.automation_history WHERE automation_id = :automation AND execution_id < :last_id LIMIT 2) h;
SELECT count(*) AS total FROM wb.automation_history WHERE automation_id = :automation;

-- G174 history is asked by automation, by project with its collections or without them, and by collection; deletion changes no answer
SELECT wb.create_project('conform_history', 'g174') AS project, wb.create_project('conform_history', 'g174 other') AS other \gset
SELECT wb.log_artifact(:project, 'data', 'dataset') AS version, wb.log_artifact(:project, 'model', 'model') AS model \gset
SELECT wb.collection_of(:version) AS data \gset
SELECT wb.create_automation('on the project', wb.on_run_state(wb.project('conform_history', 'g174'), '{running}'), wb.do_nothing()) AS on_project,
	wb.create_automation('on data', wb.on_add_artifact_alias(wb.collection(wb.project('conform_history', 'g174'), 'data')), wb.do_nothing()) AS on_data,
	wb.create_automation('on model', wb.on_add_artifact_alias(wb.collection(wb.project('conform_history', 'g174'), 'model')), wb.do_nothing()) AS on_model,
	wb.create_automation('elsewhere', wb.on_run_state(wb.project('conform_history', 'g174 other'), '{running}'), wb.do_nothing()) AS elsewhere,
	wb.create_automation('on the team', wb.on_run_state(wb.entity('conform_history'), '{running}', wb.where('display_name', '=', 'g174')), wb.do_nothing()) AS on_team \gset
SELECT wb.start_run(:project, 'g174'), wb.start_run(:other, 'g174'), wb.add_alias(:version, 'a'), wb.add_alias(:version, 'b'), wb.add_alias(:model, 'c') \gset ignored_
CREATE FUNCTION pg_temp.listed(condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	names text;
BEGIN
	EXECUTE 'SELECT string_agg(automation_name, '', '') FROM (SELECT automation_name FROM wb.automation_history WHERE ' || condition || ') h' INTO names;
	RETURN names;
END $$;
PREPARE lists AS SELECT what, pg_temp.listed(condition) FROM (VALUES
	(1, 'of one automation', format('automation_id = %s', :on_data)),
	(2, 'of all that happened in the project', format('project_id = %s', :project)),
	(3, 'of the automations of the project itself', format('project_id = %s AND scope_type = ''PROJECT''', :project)),
	(4, 'of those of one of its collections', format('scope_type = ''ARTIFACT_COLLECTION'' AND scope_id = %s', :data)),
	(5, 'of the team''s', format('automation_id = %s AND scope_type = ''ENTITY'' AND scope_id = %s', :on_team, (SELECT entity_id FROM wb.projects WHERE id = :project)))) l(n, what, condition) ORDER BY n;
EXECUTE lists;
SELECT count(wb.delete_automation(a)) FROM unnest(ARRAY[:on_project, :on_data, :on_team]) a \gset ignored_
EXECUTE lists;

-- G175 history keeps the name that an automation had, and outlives it and what it was about
SELECT wb.create_project('conform_history', 'g175') AS project \gset
SELECT wb.create_automation('the old name', wb.on_run_state(wb.project('conform_history', 'g175'), '{running}'), wb.do_nothing()) AS automation \gset
SELECT wb.start_run(:project, 'r1') AS run \gset
SELECT wb.update_automation(:automation, '{"name": "the new name"}') \gset
SELECT wb.start_run(:project, 'r2') \gset
SELECT automation_name, project, run_name, why FROM wb.automation_history WHERE automation_id = :automation;
SELECT wb.delete_automation(:automation) \gset
DELETE FROM wb.runs WHERE project_id = :project;
DELETE FROM wb.projects WHERE id = :project;
SELECT automation_name, project, run_name, why FROM wb.automation_history WHERE automation_id = :automation;

-- G176 last_executed_at is null, then the time of the last firing; what was SKIPPED does not count
SELECT wb.create_project('conform_history', 'g176') AS project \gset
SELECT wb.create_automation('watch', wb.on_run_metric(wb.project('conform_history', 'g176'), wb.is_nan('loss')), wb.do_nothing(), cooldown => '1 hour') AS automation \gset
SELECT wb.start_run(:project, 'a') AS a \gset
PREPARE last_executed AS SELECT l.executions, l.last_executed_at IS NULL AS is_null,
	(SELECT event->>'step' FROM wb.executions e WHERE e.automation_id = l.id AND e.triggered_at = l.last_executed_at) AS step FROM wb.automation_list l WHERE id = :automation;
EXECUTE last_executed;
INSERT INTO wb.run_metrics VALUES (:a, 'loss', 1, 'NaN');
SET wb_automations.clock_offset = '30min';
INSERT INTO wb.run_metrics VALUES (:a, 'loss', 2, 'NaN');
EXECUTE last_executed;
SET wb_automations.clock_offset = '2h';
INSERT INTO wb.run_metrics VALUES (:a, 'loss', 3, 'NaN');
EXECUTE last_executed;
RESET wb_automations.clock_offset;

-- G178 types of event and action that W&B only reads are refused for automations, new or changed; one that is there can be read
SELECT wb.create_project('conform_history', 'g178') AS project \gset
SELECT wb.create_automation('plain', wb.on_add_artifact_alias(wb.project('conform_history', 'g178')), wb.do_nothing()) AS plain,
	wb.create_automation('old event', wb.on_add_artifact_alias(wb.project('conform_history', 'g178')), wb.do_nothing()) AS old_event,
	wb.create_automation('old action', wb.on_add_artifact_alias(wb.project('conform_history', 'g178')), wb.do_nothing()) AS old_action \gset
SELECT t AS event, pg_temp.attempt(format('UPDATE wb.automations SET event_type = %L WHERE id = %s', t, :plain)) AS result FROM unnest('{UPDATE_ARTIFACT_ALIAS}'::text[]) t;
SELECT t AS action, pg_temp.attempt(format('UPDATE wb.automations SET action_type = %L, action_config = %L WHERE id = %s', t, c, :plain)) AS result
FROM (VALUES ('QUEUE_JOB', '{"queueJobActionInput": {}}'), ('PUSH_NOTIFICATION', '{"pushNotificationActionInput": {}}')) a(t, c);
SET session_replication_role = replica;
UPDATE wb.automations SET event_type = 'UPDATE_ARTIFACT_ALIAS' WHERE id = :old_event;
UPDATE wb.automations SET action_type = 'QUEUE_JOB', action_config = '{"queueJobActionInput": {"queueID": "q"}}' WHERE id = :old_action;
RESET session_replication_role;
SELECT name, event, action FROM wb.automation_list WHERE id IN (:plain, :old_event, :old_action) ORDER BY name;
SELECT x->>'triggeringEventType' AS event, x->'triggeredActionConfig' AS action FROM unnest(ARRAY[:old_event, :old_action]) i, wb.export_automation(i) x;

-- G179 a threshold under the older key metric_filter is one like any other
SELECT wb.create_project('conform_history', 'g179') AS project \gset
SELECT count(wb.import_automation(jsonb_build_object('name', n, 'scopeType', 'PROJECT', 'scopeID', :project, 'triggeringEventType', 'RUN_METRIC', 'eventFilter', f,
	'triggeredActionType', 'NO_OP', 'triggeredActionConfig', '{"noOpActionInput": {"noOp": true}}'::jsonb))) FROM (VALUES
	('new key', '{"run_metric_filter":{"threshold_filter":{"name":"loss","agg_op":"AVERAGE","window_size":2,"cmp_op":"$gt","threshold":10}},"metric_filter":null}'),
	('old key', '{"run_metric_filter":null,"metric_filter":"{\"name\":\"loss\",\"agg_op\":\"AVERAGE\",\"window_size\":2,\"cmp_op\":\"$gt\",\"threshold\":10}"}')) i(n, f) \gset ignored_
SELECT wb.start_run(:project, 'a') AS a \gset
INSERT INTO wb.run_metrics VALUES (:a, 'loss', 1, 10), (:a, 'loss', 2, 9), (:a, 'loss', 3, 11.5);
SELECT automation_name, state, why FROM wb.automation_history WHERE project_id = :project ORDER BY 1;

-- G180 a run filter comes as an object or as the text of one, and goes out as text
SELECT wb.create_project('conform_history', 'g180') AS project \gset
CREATE TEMP TABLE imported AS SELECT n, wb.import_automation(jsonb_build_object('name', n, 'scopeType', 'PROJECT', 'scopeID', :project, 'triggeringEventType', 'RUN_STATE', 'eventFilter',
	jsonb_build_object('run_filter', f, 'run_state_filter', '{"states": ["RUNNING"]}'::jsonb), 'triggeredActionType', 'NO_OP', 'triggeredActionConfig', '{"noOpActionInput": {"noOp": true}}'::jsonb)) AS id
FROM (VALUES ('object', '{"$and": [{"display_name": {"$eq": "bert"}}]}'::jsonb), ('text', to_jsonb('{"$and": [{"display_name": {"$eq": "bert"}}]}'::text))) i(n, f);
SELECT i.n AS given_as, jsonb_typeof(f->'run_filter') AS returned_as, f->>'run_filter' AS run_filter FROM imported i, LATERAL (SELECT (wb.export_automation(i.id)->>'eventFilter')::jsonb AS f) x ORDER BY 1;
SELECT wb.start_run(:project, 'gpt'), wb.start_run(:project, 'bert') \gset ignored_
SELECT automation_name, run_name FROM wb.automation_history WHERE project_id = :project ORDER BY 1;

-- G181 an automation that cannot be judged costs no user their row: history says what is wrong, and the others fire
SELECT wb.create_project('conform_history', 'g181') AS project \gset
SELECT count(wb.create_automation(n, wb.on_run_metric(wb.project('conform_history', 'g181'), wb.is_nan('loss'), wb.where('display_name', '~', 'a')), wb.do_nothing()))
FROM unnest('{broken,sound}'::text[]) n \gset ignored_
SET session_replication_role = replica;
UPDATE wb.automations SET event_filter = jsonb_set(event_filter, '{run_filter}', '"{\"display_name\": {\"$regex\": \"(\"}}"') WHERE name = 'broken' AND scope_id = :project;
RESET session_replication_role;
SELECT wb.start_run(:project, 'a') AS a \gset
INSERT INTO wb.run_metrics VALUES (:a, 'loss', 1, 'NaN');
SELECT count(*) AS rows_written FROM wb.run_metrics WHERE run_id = :a;
SELECT automation_name, state, error FROM wb.automation_history WHERE project_id = :project ORDER BY 1;

-- G182 what is rolled back has not fired, and stands in the way of nothing
SELECT wb.create_project('conform_history', 'g182') AS project \gset
SELECT wb.create_automation('nan', wb.on_run_metric(wb.project('conform_history', 'g182'), wb.is_nan('loss')), wb.do_nothing()) \gset
SELECT wb.start_run(:project, 'a') AS a \gset
BEGIN;
INSERT INTO wb.run_metrics VALUES (:a, 'loss', 1, 'NaN');
SELECT count(*) AS before_the_rollback FROM wb.automation_history WHERE project_id = :project;
ROLLBACK;
SELECT count(*) AS after_it FROM wb.automation_history WHERE project_id = :project;
INSERT INTO wb.run_metrics VALUES (:a, 'loss', 1, 'NaN');
SELECT event->>'step' AS step, state FROM wb.automation_history WHERE project_id = :project;

-- G183 in a broad scope the cooldown, which each automation has of its own, counts for each run; matches beyond it are skipped
SELECT wb.create_team('conform_history broad') \gset
SELECT wb.create_project('conform_history broad', 'p') AS p, wb.create_project('conform_history broad', 'q') AS q \gset
SELECT wb.create_automation('hourly', wb.on_run_metric(wb.entity('conform_history broad'), wb.is_nan('loss')), wb.do_nothing(), cooldown => '1 hour'),
	wb.create_automation('always', wb.on_run_metric(wb.entity('conform_history broad'), wb.is_nan('loss')), wb.do_nothing(), cooldown => '0') \gset ignored_
SELECT wb.start_run(:p, 'in p') AS a, wb.start_run(:q, 'in q') AS b \gset
INSERT INTO wb.run_metrics VALUES (:a, 'loss', 1, 'NaN'), (:a, 'loss', 2, 'NaN'), (:a, 'loss', 3, 'NaN'), (:b, 'loss', 1, 'NaN');
SELECT automation_name, run_name, string_agg(concat(event->>'step', ' ', state), ', ' ORDER BY execution_id) AS steps FROM wb.automation_history
WHERE run_id IN (:a, :b) GROUP BY 1, 2 ORDER BY 1, 2;
