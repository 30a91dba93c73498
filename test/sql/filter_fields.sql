-- How filters find the value of a field: keys with dots in their names, and
-- columns that are younger than the row.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_project('filter_fields', 'p') AS project \gset
-- a key with dots is found wherever it stands in a path, and the whole of a path first
SELECT wb.create_automation('middle', wb.on_run_state(wb.project('filter_fields', 'p'), '{running}', '{"config.val.loss.min": 1}'), wb.do_nothing()) \gset
SELECT wb.create_automation('deep', wb.on_run_state(wb.project('filter_fields', 'p'), '{running}', '{"config.a.b.c.d.e": 2}'), wb.do_nothing()) \gset
INSERT INTO wb.runs (project_id, name, config) VALUES
	(:project, 'in the middle', '{"val.loss": {"min": 1}}'), (:project, 'whole', '{"val.loss.min": 1, "val": {"loss": {"min": 3}}}'),
	(:project, 'nested', '{"val": {"loss": {"min": 1}}}'), (:project, 'behind a dead end', '{"val": {"x": 1}, "val.loss": {"min": 1}}'),
	(:project, 'other', '{"val.loss": {"max": 1}}'),
	(:project, 'two of them', '{"a.b": {"c": 1, "c.d": {"e": 2}}}');
SELECT e.automation_name, r.name FROM wb.executions e JOIN wb.runs r ON r.id = e.run_id WHERE e.project_id = :project ORDER BY r.id;

-- a row that is older than a column with a default has the default in it
SELECT wb.create_project('filter_fields', 'young') AS project \gset
SELECT wb.start_run(:project) AS run \gset
BEGIN;
ALTER TABLE wb.runs RENAME group_name TO old_group_name;
ALTER TABLE wb.runs ADD group_name text DEFAULT 'night';
SELECT wb.create_automation('young', wb.on_run_metric(wb.project('filter_fields', 'young'), wb.metric('loss', '>', 0), '{"group_name": "night"}'), wb.do_nothing()) \gset
SELECT wb.log(:run, '{"loss": 1}') \gset
SELECT automation_name FROM wb.executions WHERE project_id = :project;
ROLLBACK;
