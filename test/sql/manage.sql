-- Automations that exist are changed, listed, switched and deleted.
-- A database of its own, because it lists and numbers what is in it.
SET client_min_messages = error;
CREATE DATABASE regression_manage TEMPLATE template0;
\connect regression_manage
SET client_min_messages = error;
CREATE EXTENSION wb_automations;
SELECT wb.setup() \gset
INSERT INTO wb.entities (id, name) VALUES (98000, 'manage');
INSERT INTO wb.projects (id, entity_id, name) VALUES (98000, 98000, 'p'), (98001, 98000, 'q');
INSERT INTO wb.runs (id, project_id, name) VALUES (98000, 98000, 'r'), (98001, 98001, 'r'), (98002, 98000, 's');
INSERT INTO wb.collections (id, project_id, name, type) VALUES (98000, 98000, 'model', 'model');
INSERT INTO wb.integrations (id, entity_id, kind, name, url, url_secret) VALUES
	(98000, 98000, 'WEBHOOK', 'hook', 'http://127.0.0.1/', NULL), (98001, 98000, 'SLACK', 'alerts', NULL, 'SLACK');
\pset format unaligned
\pset tuples_only on
\set p 'wb.project(''manage'', ''p'')'

-- what was given is read back; updated_at is NULL until it is changed
SELECT wb.create_automation('first', wb.on_run_metric(:p, wb.avg('loss', '>', 1, 2), wb."where"('display_name', '~', '^bert')),
	wb.do_nothing(), 'a description') AS a \gset
SELECT name, description, enabled, scope_type, scope_id, event_type, event_filter, action_type, action_config, cooldown, once_per,
	created_at IS NOT NULL, created_by = current_user, updated_at IS NULL FROM wb.automations WHERE id = :a;

-- a new name leaves all else as it was
CREATE TEMP TABLE before AS SELECT * FROM wb.automations WHERE id = :a;
SELECT wb.update_automation(:a, '{"name": "renamed"}');
SELECT n.key, n.value FROM wb.automations a, before b, jsonb_each(to_jsonb(a)) n
WHERE a.id = :a AND n.value IS DISTINCT FROM to_jsonb(b)->n.key AND n.key <> 'updated_at';
SELECT updated_at IS NOT NULL FROM wb.automations WHERE id = :a;

-- null clears description and cooldown
SELECT wb.update_automation(:a, '{"cooldown": "12 hours", "once_per": "run_state", "enabled": false}');
SELECT cooldown, once_per, enabled, description FROM wb.automations WHERE id = :a;
SELECT wb.update_automation(:a, '{"cooldown": null, "description": null, "enabled": true}');
SELECT cooldown IS NULL, once_per, enabled, description IS NULL FROM wb.automations WHERE id = :a;
-- no change is none
SELECT wb.update_automation(:a, '{}');

-- a new event takes the place of the old one; the scope inside it is ignored
SELECT wb.update_automation(:a, jsonb_build_object('event', wb.on_run_metric(wb.project('manage', 'q'), wb.metric('acc', '<', 0.5)), 'once_per', 'run'));
SELECT scope_id, event_filter->'run_metric_filter', event_key FROM wb.automations WHERE id = :a;
INSERT INTO wb.run_metrics VALUES (98000, 'loss', 0, 9), (98000, 'loss', 1, 9), (98001, 'acc', 0, 0.1), (98000, 'acc', 0, 0.1);
SELECT run_id, why FROM wb.executions WHERE automation_id = :a ORDER BY id;

-- a scope that is given is taken
SELECT wb.update_automation(:a, jsonb_build_object('scope', wb.project('manage', 'q')));
INSERT INTO wb.run_metrics VALUES (98002, 'acc', 0, 0.1), (98001, 'acc', 1, 0.2);
SELECT run_id, why FROM wb.executions WHERE automation_id = :a ORDER BY id;
-- an artifact event moves from project to collection and back
SELECT wb.create_automation('alias', wb.on_add_artifact_alias(:p, wb."where"('alias', '=', 'prod')), wb.do_nothing()) AS b \gset
SELECT wb.update_automation(:b, jsonb_build_object('scope', wb.collection(:p, 'model')));
SELECT scope_type, scope_id FROM wb.automations WHERE id = :b;
SELECT wb.update_automation(:b, jsonb_build_object('scope', :p));
SELECT scope_type, scope_id FROM wb.automations WHERE id = :b;

-- another payload, no action, and back
SELECT wb.update_automation(:a, jsonb_build_object('action', wb.send_webhook(98000, '{"n": 1}')));
SELECT action_type, action_config FROM wb.automations WHERE id = :a;
SELECT wb.update_automation(:a, jsonb_build_object('action', wb.do_nothing()));
SELECT action_type FROM wb.automations WHERE id = :a;
SELECT wb.update_automation(:a, jsonb_build_object('action', wb.send_webhook(98000, '{"n": 2}')));
INSERT INTO wb.runs (id, project_id, name) VALUES (98003, 98001, 't');
INSERT INTO wb.run_metrics VALUES (98003, 'acc', 0, 0.1);
SELECT action_type, action FROM wb.executions WHERE automation_id = :a AND run_id = 98003;

-- disabled it is silent, enabled it fires again
SELECT wb.disable_automation(:a);
INSERT INTO wb.runs (id, project_id, name) VALUES (98004, 98001, 'u');
INSERT INTO wb.run_metrics VALUES (98004, 'acc', 0, 0.1);
SELECT count(*) FROM wb.executions WHERE automation_id = :a AND run_id = 98004;
SELECT wb.enable_automation(:a);
INSERT INTO wb.run_metrics VALUES (98004, 'acc', 1, 0.1);
SELECT count(*) FROM wb.executions WHERE automation_id = :a AND run_id = 98004;

-- the list says in words what is there
SELECT wb.create_automation(e.n, e.event, wb.send_notification(98001, 'T')) > 0 FROM (VALUES
	('l01', wb.on_run_metric(:p, wb.metric('loss', '>', 10))), ('l02', wb.on_run_metric(:p, wb.min('loss', '<=', 0.5, 7))),
	('l03', wb.on_run_metric(:p, wb.is_nan('loss'))), ('l04', wb.on_run_metric(:p, wb.is_not_finite('loss'), wb."where"('username', '=', 'ann'))),
	('l05', wb.on_run_metric(:p, wb.increases_by('loss', frac => 0.25))), ('l06', wb.on_run_metric(:p, wb.changes_by('loss', diff => 2, agg => NULL))),
	('l07', wb.on_run_metric(:p, wb.zscore('loss'))), ('l08', wb.on_run_metric(:p, wb.zscore('loss', 20, 2.5, 'below', 'project_runs'))),
	('l09', wb.on_run_metric(:p, wb.plateau('loss'))),
	('l10', wb.on_run_state(:p, '{failed,finished}', wb.all_of(wb."where"('username', '=', 'ann'), wb."where"('display_name', '~', '^a')))),
	('l11', wb.on_add_artifact_alias(:p)), ('l12', wb.on_add_artifact_alias(wb.collection(:p, 'model'), wb."where"('alias', 'in', '{staging,production}'::text[])))) e(n, event);
SELECT name, scope, event, action FROM wb.automation_list WHERE name LIKE 'l%' ORDER BY name;
SELECT name, description, enabled, scope, event, action, cooldown, once_per, last_executed_at = (SELECT max(triggered_at) FROM wb.executions WHERE automation_id = :a),
	executions, created_at IS NOT NULL, created_by = current_user, updated_at IS NOT NULL FROM wb.automation_list WHERE id = :a;
SELECT executions, last_executed_at FROM wb.automation_list WHERE id = :b;
-- page after page, each after the last id of the one before
SELECT string_agg(name, ' ' ORDER BY id) FROM (SELECT * FROM wb.automation_list WHERE scope LIKE 'manage/%' AND id > :b ORDER BY id LIMIT 3) p;
-- by team
SELECT count(*) FROM wb.automation_list WHERE scope LIKE 'manage/%';

-- a row of a later version is listed, can be disabled and deleted, and is otherwise left alone
SET session_replication_role = replica;
INSERT INTO wb.automations (id, name, enabled, scope_type, scope_id, event_type, event_filter, action_type, action_config, event_source, event_key) VALUES
	(98100, 'new event', true, 'PROJECT', 98000, 'RUN_PAUSED', '{"run_filter": "not JSON", "paused": 7}', 'NO_OP', '{"noOpActionInput": {"noOp": true}}', 'run_paused', ''),
	(98101, 'new action', true, 'PROJECT', 98000, 'ADD_ARTIFACT_ALIAS', '{}', 'ARIA', '{"ariaActionInput": {"prompt": "x"}}', 'artifact_alias', ''),
	(98102, 'new scope', true, 'GALAXY', 5, 'ADD_ARTIFACT_ALIAS', '[]', 'NO_OP', '[]', 'artifact_alias', '');
RESET session_replication_role;
SELECT name, enabled, scope, event, action FROM wb.automation_list WHERE id >= 98100 ORDER BY id;
CREATE FUNCTION pg_temp.refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	RETURN concat(SQLSTATE, ': ', SQLERRM);
END $$;
SELECT pg_temp.refusal(format('SELECT wb.update_automation(%s, %L)', i, c)) FROM generate_series(98100, 98102) i,
	(VALUES (1, '{"name": "x"}'), (2, '{"cooldown": "1 hour"}'), (3, '{"enabled": false, "name": "x"}'), (4, '{"enabled": false}'), (5, '{"enabled": true}')) c(n, c) ORDER BY i, n;
SELECT name, enabled, updated_at IS NOT NULL FROM wb.automations WHERE id >= 98100 ORDER BY id;
SELECT pg_temp.refusal(format('SELECT wb.delete_automation(%s)', i)) FROM generate_series(98100, 98102) i;

-- deleting an automation leaves its history and what is queued; a second time it is not there
SELECT wb.delete_automation(:a);
SELECT state, count(*) FROM wb.executions WHERE automation_id = :a GROUP BY state;
SELECT pg_temp.refusal('SELECT wb.delete_automation(' || :a || ')') LIKE '42704: automation % does not exist';
