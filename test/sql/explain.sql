-- wb.explain: why an automation fired on a run, and why it did not.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SET timezone = 'UTC';
SELECT wb.create_project('explain', 'p') AS project \gset
SELECT wb.create_project('explain', 'q') AS other \gset
INSERT INTO wb.runs (id, project_id, name, display_name, config) VALUES (6502001, :project, 'r1', 'bert-1', '{"lr": 0.1}'),
	(6502002, :project, 'r2', 'gpt-1', '{"lr": 3}'), (6502003, :other, 'r3', 'bert-2', '{}');
SELECT wb.create_automation('high', wb.on_run_metric(wb.project('explain', 'p'), wb.avg('loss', '>', 3, 3),
	wb.all_of(wb.where('display_name', '~', '^bert'), wb.where('config.lr', '<', 1))), wb.do_nothing()) AS high \gset
-- ids and times are not the same in every run
CREATE FUNCTION pg_temp.explain(automation bigint, run bigint, step bigint = NULL) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT regexp_replace(regexp_replace(t, '\m(execution|project) \d+', '\1 N', 'g'), '\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[.\d]*\+00', 'TIME', 'g')
	FROM wb.explain(automation, run, step) t $$;
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT run, 'loss', s, s FROM unnest('{6502001,6502002,6502003}'::bigint[]) run, generate_series(1, 6) s;

-- it fired, and says the same as history
SELECT * FROM pg_temp.explain(:high, 6502001, 5);
SELECT why FROM wb.executions WHERE automation_id = :high AND state <> 'SKIPPED';
-- it held again, within the cooldown
SELECT * FROM pg_temp.explain(:high, 6502001);
-- it does not hold; the window is not full; no such step; no such metric
SELECT * FROM pg_temp.explain(:high, 6502001, 3);
SELECT * FROM pg_temp.explain(:high, 6502001, 2);
SELECT * FROM pg_temp.explain(:high, 6502001, 7);
-- the filter does not match, and which condition it is; not in scope
SELECT * FROM pg_temp.explain(:high, 6502002);
SELECT * FROM pg_temp.explain(:high, 6502003);
-- a run without the metric
SELECT wb.start_run(:project, 'bert-3', config => '{"lr": 0}') AS empty \gset
SELECT regexp_replace(t, '^scope: .*', 'scope') FROM pg_temp.explain(:high, :empty) t;
-- switched off
SELECT wb.disable_automation(:high);
SELECT * FROM pg_temp.explain(:high, 6502001, 3) t WHERE t ~ '^(switch|It)';
-- a NaN, and no cooldown; no more than twenty values are shown
SELECT wb.create_automation('nan', wb.on_run_metric(wb.project('explain', 'p'), wb.max('acc', '<', 5, 25)), wb.do_nothing(), cooldown => '0') AS nan \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT 6502001, 'acc', s, CASE s WHEN 30 THEN 'NaN'::float8 ELSE 1 END FROM generate_series(1, 30) s;
SELECT * FROM pg_temp.explain(:nan, 6502001);
SELECT * FROM pg_temp.explain(:nan, 6502001, 29);
-- it holds of what is stored, but nobody was there when it was written
SET wb_automations.capture = off;
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT 6502002, 'acc', s, 1 FROM generate_series(1, 30) s;
RESET wb_automations.capture;
SELECT * FROM pg_temp.explain(:nan, 6502002) t WHERE t ~ '^(cooldown|It)';
-- states
SELECT wb.create_automation('failed', wb.on_run_state(wb.project('explain', 'p'), '{failed}'), wb.do_nothing()) AS failed \gset
SELECT * FROM pg_temp.explain(:failed, 6502001);
SELECT wb.finish_run(6502001, 1);
SELECT * FROM pg_temp.explain(:failed, 6502001);
-- what cannot be explained
SELECT * FROM wb.explain(-1, 6502001);
SELECT * FROM wb.explain(:high, -1);
SELECT wb.create_automation('alias', wb.on_add_artifact_alias(wb.project('explain', 'p')), wb.do_nothing()) AS alias \gset
SELECT * FROM wb.explain(:alias, 6502001);
-- its parts, called by hand
SELECT * FROM wb.explain_window('RUN_STATE', '{"run_state_filter": {"states": ["FAILED"]}}', 6502001, 1);
SELECT * FROM wb.explain_window('RUN_METRIC', '5', 6502001, 1);
SELECT wb.explain_condition('5', 6502001);
SELECT wb.explain_condition('[1]', 6502001);
SELECT wb.explain_condition('{}', 6502001) AS always, wb.explain_condition(wb.where('config.lr', '>', 1), 6502001) AS large;
SELECT wb.explain_condition('{}', -1);
-- others against other runs
INSERT INTO wb.runs (id, project_id, name) SELECT 6502100 + g, :project, 'z' || g FROM generate_series(1, 4) g;
SELECT wb.create_automation('far', wb.on_run_metric(wb.project('explain', 'p'), wb.zscore('final', 3, baseline => 'project_runs')), wb.do_nothing()) AS far \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT 6502100 + g, 'final', 1, g FROM generate_series(1, 3) g;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (6502104, 'final', 1, 50);
SELECT t FROM pg_temp.explain(:far, 6502104) t WHERE t ~ '^(window|compared|It)';
SELECT t FROM pg_temp.explain(:far, 6502102) t WHERE t ~ '^(window|compared|It)';
