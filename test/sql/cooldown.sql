-- At most one firing per automation and run in the time of its cooldown, 24
-- hours unless it says otherwise.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_project('cooldown', 'p') AS project \gset
SELECT wb.create_automation('daily', wb.on_run_metric(wb.project('cooldown', 'p'), wb.is_nan('loss')), wb.do_nothing()) AS daily \gset
SELECT wb.start_run(:project, 'a') AS a \gset
SELECT wb.start_run(:project, 'b') AS b \gset
PREPARE fired(bigint) AS
SELECT automation_name, event->>'runName' AS run, event->>'step' AS step, state,
	regexp_replace(result #>> '{error,message}', '\d{4}-.*', '...') AS result, settled_at = triggered_at AS is_settled
FROM wb.executions WHERE project_id = $1 ORDER BY id;

-- the first match fires, the second leaves a note, and later ones nothing; the
-- other run fires
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:a, 'loss', 1, 'NaN');
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:a, 'loss', 2, 'NaN');
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:a, 'loss', 3, 'NaN'), (:a, 'loss', 4, 'NaN');
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:b, 'loss', 1, 'NaN');
EXECUTE fired(:project);
-- the note says when the cooldown ends, and what is suppressed has no delivery
SELECT substr(s.result #>> '{error,message}', length('cooldown until '))::timestamptz = f.triggered_at + interval '24 hours' AS says_when
FROM wb.executions f, wb.executions s WHERE f.run_id = :a AND f.state = 'PENDING' AND s.run_id = :a AND s.state = 'SKIPPED';
SELECT e.state, count(*) AS executions, count(d.execution_id) AS deliveries
FROM wb.executions e LEFT JOIN wb.deliveries d ON d.execution_id = e.id WHERE project_id = :project GROUP BY 1 ORDER BY 1;

-- within 24 hours nothing more, in this session or another
SET wb_automations.clock_offset = '23h';
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:a, 'loss', 5, 'NaN');
\connect -
SET client_min_messages = error;
SET wb_automations.clock_offset = '23h';
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:a, 'loss', 6, 'NaN');
SELECT count(*) FROM wb.executions WHERE run_id = :a;

-- after 24 hours it fires again, and the next one leaves a note again
SET wb_automations.clock_offset = '25h';
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:a, 'loss', 7, 'NaN'), (:a, 'loss', 8, 'NaN'), (:a, 'loss', 9, 'NaN');
SELECT event->>'step' AS step, state FROM wb.executions WHERE run_id = :a ORDER BY id;
-- the clock of executions is that of the cooldown
SELECT max(triggered_at) - min(triggered_at) BETWEEN '24:59' AND '25:59' AS is_shifted FROM wb.executions WHERE run_id = :a;
-- 24 hours count from the last firing, not from the first
SET wb_automations.clock_offset = '48h';
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:a, 'loss', 10, 'NaN');
SELECT count(*) FROM wb.executions WHERE run_id = :a;
RESET wb_automations.clock_offset;

-- one statement: the first fires, the second leaves the note
SELECT wb.start_run(:project, 'c') AS c \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT :c, 'loss', g, 'NaN' FROM generate_series(1, 50) g;
SELECT event->>'step' AS step, state FROM wb.executions WHERE run_id = :c ORDER BY id;

-- a firing that is rolled back starts no cooldown
SELECT wb.start_run(:project, 'd') AS d \gset
BEGIN;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:d, 'loss', 1, 'NaN');
SAVEPOINT s;
ROLLBACK;
BEGIN;
SAVEPOINT s;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:d, 'loss', 1, 'NaN');
ROLLBACK TO s;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:d, 'loss', 2, 'NaN');
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:d, 'loss', 3, 'NaN');
COMMIT;
SELECT event->>'step' AS step, state FROM wb.executions WHERE run_id = :d ORDER BY id;

-- the cooldown is counted in real time, also within one transaction
SELECT wb.create_project('cooldown', 'q') AS project \gset
SELECT wb.create_automation('hourly', wb.on_run_metric(wb.project('cooldown', 'q'), wb.is_nan('loss')), wb.do_nothing(), cooldown => '1 hour') AS hourly \gset
SELECT wb.create_automation('always', wb.on_run_metric(wb.project('cooldown', 'q'), wb.is_nan('loss')), wb.do_nothing(), cooldown => '0') \gset
SELECT wb.create_automation('monthly', wb.on_run_metric(wb.project('cooldown', 'q'), wb.is_nan('loss')), wb.do_nothing(), cooldown => '1 month') \gset
SELECT wb.start_run(:project, 'e') AS e \gset
BEGIN;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:e, 'loss', 1, 'NaN');
SET wb_automations.clock_offset = '59min';
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:e, 'loss', 2, 'NaN');
SET wb_automations.clock_offset = '61min';
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:e, 'loss', 3, 'NaN');
SET wb_automations.clock_offset = '32d';
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:e, 'loss', 4, 'NaN');
COMMIT;
RESET wb_automations.clock_offset;
SELECT automation_name, string_agg(concat(event->>'step', ' ', state), ', ' ORDER BY id) AS steps FROM wb.executions
WHERE run_id = :e GROUP BY 1 ORDER BY 1;

-- a changed cooldown counts at once; the automation's own clock goes on when
-- it is renamed, or switched off and on
SELECT wb.start_run(:project, 'f') AS f \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:f, 'loss', 1, 'NaN');
SELECT wb.disable_automation(:hourly) \gset
SELECT wb.enable_automation(:hourly) \gset
UPDATE wb.automations SET name = 'renamed' WHERE id = :hourly;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:f, 'loss', 2, 'NaN');
SET wb_automations.clock_offset = '2min';
UPDATE wb.automations SET cooldown = '1 minute' WHERE id = :hourly;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:f, 'loss', 3, 'NaN');
RESET wb_automations.clock_offset;
SELECT automation_name, event->>'step' AS step, state FROM wb.executions WHERE run_id = :f AND automation_id = :hourly ORDER BY id;

-- only what was done because of an event counts: neither errors, nor replays, nor tests
SELECT wb.start_run(:project, 'g') AS g \gset
INSERT INTO wb.executions (automation_id, automation_name, origin, state, triggered_at, event_type, project_id, run_id, why, event, action_type, action)
SELECT :hourly, 'renamed', o, s, clock_timestamp(), 'RUN_METRIC', :project, :g, 'made up', '{}', 'NO_OP', '{}'
FROM (VALUES ('error', 'FAILED'), ('replay', 'FINISHED'), ('test', 'FINISHED')) v(o, s);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:g, 'loss', 1, 'NaN');
SELECT origin, state FROM wb.executions WHERE run_id = :g AND automation_id = :hourly ORDER BY id;

-- without the index that it is looked up by, the cooldown is not kept, and nothing fails
SELECT wb.start_run(:project, 'h') AS h \gset
BEGIN;
DROP INDEX wb.executions_run_id_automation_id_id_idx;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:h, 'loss', 1, 'NaN');
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:h, 'loss', 2, 'NaN');
SELECT event->>'step' AS step, state FROM wb.executions WHERE run_id = :h AND automation_id = :hourly ORDER BY id;
ROLLBACK;
