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

-- without a step: the row that was logged last, and not that of the last step
SELECT wb.create_automation('late', wb.on_run_metric(wb.project('explain', 'p'), wb.avg('late', '>', 10, 2)), wb.do_nothing(), cooldown => '0') AS late \gset
INSERT INTO wb.run_metrics (run_id, name, step, value, logged_at) VALUES (6502001, 'late', 1, 1, now()), (6502001, 'late', 2, 30, now()), (6502001, 'late', 9, 1, now());
INSERT INTO wb.run_metrics (run_id, name, step, value, logged_at) VALUES (6502001, 'late', 5, 2, now() + interval '1 s');
SELECT t FROM pg_temp.explain(:late, 6502001) t WHERE t ~ '^(window|It)';
-- a row that came after the one that is asked about: that one was judged without it
INSERT INTO wb.run_metrics (run_id, name, step, value, logged_at) VALUES (6502001, 'late', 8, 90, now() + interval '2 s');
SELECT t FROM pg_temp.explain(:late, 6502001, 9) t WHERE t ~ '^(rule|window|later|It)';
-- a row that was replaced after it fired
UPDATE wb.run_metrics SET value = 0, logged_at = now() + interval '3 s' WHERE run_id = 6502001 AND name = 'late' AND step = 2;
SELECT t FROM pg_temp.explain(:late, 6502001, 2) t WHERE t ~ '^(window|later|It)';
-- a row that is older than the automation
INSERT INTO wb.run_metrics (run_id, name, step, value, logged_at) VALUES (6502001, 'early', 1, 30, now() - interval '1 hour');
SELECT wb.create_automation('early', wb.on_run_metric(wb.project('explain', 'p'), wb.metric('early', '>', 10)), wb.do_nothing()) AS early \gset
SELECT t FROM pg_temp.explain(:early, 6502001) t WHERE t ~ '^It';
-- silence, and a state that is older than the automation
SELECT wb.create_automation('silent', wb.on_run_silent(wb.project('explain', 'p'), '2 hours'), wb.do_nothing()) AS silent \gset
SELECT t FROM pg_temp.explain(:silent, 6502003) t WHERE t ~ '^(rule|silence|It)';
SELECT t FROM pg_temp.explain(:silent, 6502001) t WHERE t ~ '^(rule|silence|It)';
SELECT wb.create_automation('failed again', wb.on_run_state(wb.project('explain', 'p'), '{failed}'), wb.do_nothing()) AS again \gset
SELECT t FROM pg_temp.explain(:again, 6502001) t WHERE t ~ '^(rule|It)';

-- the list and wb.explain have the same words for every kind, and no JSON of a rule
SELECT wb.create_automation('k1', wb.on_run_metric(wb.project('explain', 'p'), wb.zscore('loss', 5, 2)), wb.do_nothing()),
	wb.create_automation('k2', wb.on_run_metric(wb.project('explain', 'p'), wb.decreases_by('loss', 0.25, agg => NULL)), wb.do_nothing()),
	wb.create_automation('k3', wb.on_run_metric(wb.project('explain', 'p'), wb.plateau('loss', 3, 3)), wb.do_nothing()),
	wb.create_automation('k4', wb.on_run_silent(wb.project('explain', 'p'), '30 minutes', 'loss'), wb.do_nothing()) \gset k
SELECT l.name, l.event, (SELECT t FROM wb.explain(l.id, 6502001) t WHERE t ~ '^rule') = 'rule: ' || l.event AS is_same
FROM wb.automation_list l WHERE l.scope = 'explain/p' AND l.event NOT LIKE '%alias%' ORDER BY l.id;
SELECT wb.create_automation('s1', wb.on_schedule(wb.project('explain', 'p'), '1 week', '09:00', 'Europe/Berlin'), wb.do_nothing()),
	wb.create_automation('s2', wb.on_schedule(wb.project('explain', 'p'), '1 hour'), wb.do_nothing()),
	wb.create_automation('s3', wb.on_link_artifact(wb.project('explain', 'p')), wb.do_nothing()) \gset s
SELECT name, event FROM wb.automation_list WHERE scope = 'explain/p' AND name ~ '^s[123]' ORDER BY id;
