-- Sentences for people have six significant digits of what was observed, and
-- stay true; JSON has all digits.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.start_run(wb.create_project('sentence', 'p'), 'bert') AS run \gset
SELECT wb.create_automation(name, wb.on_run_metric(wb.project('sentence', 'p'), metric), wb.do_nothing(), cooldown => '0') FROM (VALUES
	('far', wb.metric('far', '<', 0.5)), ('close', wb.metric('close', '>', 1)), ('whole', wb.metric('whole', '>', 1)), ('window', wb.avg('window', '>', 1, 1))) v(name, metric) \g /dev/null
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'far', 1, 0.48488799999999993), (:run, 'close', 1, 1.0000000001),
	(:run, 'whole', 1, 123456789), (:run, 'window', 1, 49.00000000000007);
SELECT automation_name, why, event->'observed' AS observed FROM wb.executions WHERE run_id = :run ORDER BY automation_name;
-- what a run did, and what it is
SELECT wb.create_automation('any', wb.on_run_state(wb.project('sentence', 'p'), '{failed,finished,running}'), wb.do_nothing(), cooldown => '0') \g /dev/null
INSERT INTO wb.runs (project_id, name, state) SELECT wb.project_id('sentence', 'p'), 'r-' || s, s FROM unnest('{failed,crashed,finished,running}'::text[]) s;
SELECT why FROM wb.executions WHERE automation_name = 'any' AND project_id = wb.project_id('sentence', 'p') ORDER BY id;
