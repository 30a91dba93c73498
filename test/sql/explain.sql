-- wb.explain: why an automation fired on a run, and why it did not.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SET timezone = 'UTC';
SELECT wb.create_project('explain', 'p') AS project \gset
SELECT wb.create_project('explain', 'q') AS other \gset
INSERT INTO wb.runs (id, project_id, name, display_name, config) VALUES (97001, :project, 'r1', 'bert-1', '{"lr": 0.1}'),
	(97002, :project, 'r2', 'gpt-1', '{"lr": 3}'), (97003, :other, 'r3', 'bert-2', '{}');
SELECT wb.create_automation('high', wb.on_run_metric(wb.project('explain', 'p'), wb.avg('loss', '>', 3, 3),
	wb.all_of(wb.where('display_name', '~', '^bert'), wb.where('config.lr', '<', 1))), wb.do_nothing()) AS high \gset
-- ids and times are not the same in every run
CREATE FUNCTION pg_temp.explain(automation bigint, run bigint, step bigint = NULL) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT regexp_replace(regexp_replace(t, '\m(execution|project) \d+', '\1 N', 'g'), '\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[.\d]*\+00', 'TIME', 'g')
	FROM wb.explain(automation, run, step) t $$;
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT run, 'loss', s, s FROM unnest('{97001,97002,97003}'::bigint[]) run, generate_series(1, 6) s;

-- it fired, and says the same as history
SELECT * FROM pg_temp.explain(:high, 97001, 5);
SELECT why FROM wb.executions WHERE automation_id = :high AND state <> 'SKIPPED';
-- it held again, within the cooldown
SELECT * FROM pg_temp.explain(:high, 97001);
-- it does not hold; the window is not full; no such step; no such metric
SELECT * FROM pg_temp.explain(:high, 97001, 3);
SELECT * FROM pg_temp.explain(:high, 97001, 2);
SELECT * FROM pg_temp.explain(:high, 97001, 7);
-- the filter does not match, and which condition it is; not in scope
SELECT * FROM pg_temp.explain(:high, 97002);
SELECT * FROM pg_temp.explain(:high, 97003);
-- a run without the metric
SELECT wb.start_run(:project, 'bert-3', config => '{"lr": 0}') AS empty \gset
SELECT regexp_replace(t, '^scope: .*', 'scope') FROM pg_temp.explain(:high, :empty) t;
-- switched off
SELECT wb.disable_automation(:high);
SELECT * FROM pg_temp.explain(:high, 97001, 3) t WHERE t ~ '^(switch|It)';
-- a NaN, and no cooldown; no more than twenty values are shown
SELECT wb.create_automation('nan', wb.on_run_metric(wb.project('explain', 'p'), wb.max('acc', '<', 5, 25)), wb.do_nothing(), cooldown => '0') AS nan \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT 97001, 'acc', s, CASE s WHEN 30 THEN 'NaN'::float8 ELSE 1 END FROM generate_series(1, 30) s;
SELECT * FROM pg_temp.explain(:nan, 97001);
SELECT * FROM pg_temp.explain(:nan, 97001, 29);
-- it holds of what is stored, but nobody was there when it was written
SET wb_automations.capture = off;
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT 97002, 'acc', s, 1 FROM generate_series(1, 30) s;
RESET wb_automations.capture;
SELECT * FROM pg_temp.explain(:nan, 97002) t WHERE t ~ '^(cooldown|It)';
-- states
SELECT wb.create_automation('failed', wb.on_run_state(wb.project('explain', 'p'), '{failed}'), wb.do_nothing()) AS failed \gset
SELECT * FROM pg_temp.explain(:failed, 97001);
SELECT wb.finish_run(97001, 1);
SELECT * FROM pg_temp.explain(:failed, 97001);
-- what cannot be explained
SELECT * FROM wb.explain(-1, 97001);
SELECT * FROM wb.explain(:high, -1);
SELECT wb.create_automation('alias', wb.on_add_artifact_alias(wb.project('explain', 'p')), wb.do_nothing()) AS alias \gset
SELECT * FROM wb.explain(:alias, 97001);
