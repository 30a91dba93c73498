-- Whoever waits for patterns can stop waiting: a statement whose rows meet a
-- slow pattern is cancelled by statement_timeout, and leaves nothing.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_project('filter_cancel', 'p') AS project \gset
-- the engine makes a new state of its automaton for nearly every character of these
SELECT wb.create_automation('slow', wb.on_run_state(wb.project('filter_cancel', 'p'), '{running}', wb."where"('display_name', '~', '[ab]*a[ab]{200}c')), wb.do_nothing()) \gset
CREATE TEMP TABLE names AS SELECT n, (SELECT string_agg(translate(md5(concat(n, ' ', g)), '0123456789cdef', 'aaaaabbbbbabab'), '') FROM generate_series(1, 128) g) AS name FROM generate_series(1, 700) n;
-- all of it takes many seconds, a single match some milliseconds, the insertion alone next to nothing
SET statement_timeout = '500ms';
INSERT INTO wb.runs (project_id, name, display_name) SELECT :project, 'r' || n, name FROM names;
\echo :LAST_ERROR_SQLSTATE
RESET statement_timeout;
SELECT count(*) FROM wb.runs WHERE project_id = :project;
-- the session goes on as before
INSERT INTO wb.runs (project_id, name, display_name) VALUES (:project, 'match', 'a' || repeat('ab', 100) || 'c'), (:project, 'none', 'abc');
SELECT r.name FROM wb.executions e JOIN wb.runs r ON r.id = e.run_id WHERE e.project_id = :project;

-- a large text and large lists take as long as it takes to read them once
SELECT wb.create_project('filter_cancel', 'large') AS project \gset
SELECT wb.create_automation('contains', wb.on_run_state(wb.project('filter_cancel', 'large'), '{running}', jsonb_build_object('config.text', jsonb_build_object('$contains', repeat('a', 1000000) || 'b'))), wb.do_nothing()) \gset
SELECT wb.create_automation('in', wb.on_run_state(wb.project('filter_cancel', 'large'), '{running}', jsonb_build_object('config.list', jsonb_build_object('$in', (SELECT jsonb_agg(n) FROM generate_series(1, 100000) n)))), wb.do_nothing()) \gset
SELECT wb.create_automation('all', wb.on_run_state(wb.project('filter_cancel', 'large'), '{running}', jsonb_build_object('config.list', jsonb_build_object('$all', (SELECT jsonb_agg(-n) FROM generate_series(1, 100000) n)))), wb.do_nothing()) \gset
SET statement_timeout = '20s';
INSERT INTO wb.runs (project_id, name, config) SELECT :project, 'none', jsonb_build_object('text', repeat('a', 4000000), 'list', (SELECT jsonb_agg(-n) FROM generate_series(2, 100001) n));
INSERT INTO wb.runs (project_id, name, config) SELECT :project, 'all', jsonb_build_object('text', repeat('a', 4000000) || 'b', 'list', (SELECT jsonb_agg(-n) FROM generate_series(-100000, 100000) n));
RESET statement_timeout;
SELECT r.name, e.automation_name FROM wb.executions e JOIN wb.runs r ON r.id = e.run_id WHERE e.project_id = :project ORDER BY 1, 2;
-- values that are equal to several operands, or to none, and types that differ
SELECT wb.create_project('filter_cancel', 'lists') AS project \gset
INSERT INTO wb.automations (name, scope_type, scope_id, event_type, event_filter, action_type, action_config)
SELECT name, 'PROJECT', :project, 'RUN_STATE', jsonb_build_object('run_filter', filter::jsonb, 'run_state_filter', '{"states": ["RUNNING"]}'::jsonb),
	'NO_OP', '{"noOpActionInput": {"noOp": true}}' FROM (VALUES ('mixed', '{"config.list": {"$in": [1, "1", true, null]}}'), ('twice', '{"config.list": {"$all": [1.0, 1, "b"]}}'),
	('none', '{"config.list": {"$nin": [1, "1", true, null]}}'), ('empty', '{"config.list": {"$all": []}}')) AS f(name, filter);
INSERT INTO wb.runs (project_id, name, config) SELECT :project, list, jsonb_build_object('list', list::jsonb)
FROM unnest(ARRAY['[1]', '["1"]', '[true]', '[false]', '[null]', '["b", 1.00]', '["b", "1"]', '[[1]]', '1', '[]']) list;
SELECT e.automation_name, string_agg(r.name, ' ' ORDER BY r.id) FROM wb.executions e JOIN wb.runs r ON r.id = e.run_id WHERE e.project_id = :project GROUP BY 1 ORDER BY 1;
