-- Runs that say nothing: crashes found by the sweep, and silence as an event.
-- The moment of the sweep is given, so nothing waits.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_project('run_silent', 'p') AS project \gset
SELECT wb.create_automation('failed', wb.on_run_state(wb.project('run_silent', 'p'), '{failed}'), wb.do_nothing()) \gset
SELECT wb.create_automation('running', wb.on_run_state(wb.project('run_silent', 'p'), '{running}'), wb.do_nothing(), cooldown => '0') \gset
INSERT INTO wb.runs (id, project_id, name, state) VALUES (95001, :project, 'beats', 'running'), (95002, :project, 'never-beat', 'running'),
	(95003, :project, 'logs', 'running'), (95004, :project, 'preempting', 'preempting'), (95005, :project, 'done', 'running');
SELECT wb.heartbeat(id) FROM wb.runs WHERE id IN (95001, 95003, 95004, 95005) ORDER BY id \gset ignored_
SELECT wb.finish_run(95005) \gset

-- within five minutes nothing happens
SELECT wb.sweep(clock_timestamp() + interval '4 minutes') \gset
SELECT name, state FROM wb.runs WHERE project_id = :project ORDER BY id;

-- after that a run that sent heartbeats has crashed, unless it logs; one that
-- never sent any is left alone; a preempting one is preempted
INSERT INTO wb.run_metrics (run_id, name, step, value, logged_at) VALUES (95003, 'a', 1, 1, clock_timestamp() + interval '5 minutes'),
	(95003, 'b', 1, 1, clock_timestamp() + interval '1 minute');
SELECT wb.sweep(clock_timestamp() + interval '6 minutes') \gset
SELECT name, state FROM wb.runs WHERE project_id = :project ORDER BY id;
-- a crash fires FAILED, and history says that it was one
SELECT automation_name, run_id, event->>'newRunState' AS reported, event->>'reportedState' AS state, why FROM wb.executions
WHERE project_id = :project AND automation_name = 'failed';
-- the sign of life that was found is kept, so that it is not looked for again
SELECT name, heartbeat_at > clock_timestamp() + interval '4 minutes' AS is_kept FROM wb.runs WHERE id = 95003;

-- a crashed run that speaks again is running, by a heartbeat or by a metric
SELECT wb.heartbeat(95001) \gset
SELECT state FROM wb.runs WHERE id = 95001;
SELECT wb.sweep(clock_timestamp() + interval '6 minutes') \gset
SELECT state FROM wb.runs WHERE id = 95001;
INSERT INTO wb.run_metrics (run_id, name, step, value, logged_at) VALUES (95001, 'a', 1, 1, clock_timestamp() + interval '7 minutes');
SELECT wb.sweep(clock_timestamp() + interval '8 minutes') \gset
SELECT state FROM wb.runs WHERE id = 95001;
-- but not one that ended with an exit code
SELECT wb.finish_run(95001, 254) \gset
SELECT wb.heartbeat(95001) \gset
SELECT state FROM wb.runs WHERE id = 95001;
-- a preempting run that ends badly is preempted
UPDATE wb.runs SET state = 'preempting' WHERE id = 95003;
SELECT wb.finish_run(95003, 1) \gset
SELECT state FROM wb.runs WHERE id = 95003;

-- a sweep passes over what another session holds: see the isolation tests

-- silence as an event: of a whole run, of one metric, with a filter
SELECT wb.create_project('run_silent', 'events') AS project \gset
SELECT wb.create_automation('silent', wb.on_run_silent(wb.project('run_silent', 'events'), '30 minutes'), wb.do_nothing()) \gset
SELECT wb.create_automation('no loss', wb.on_run_silent(wb.project('run_silent', 'events'), '10 minutes', 'loss',
	wb."where"('display_name', '~', '^bert')), wb.do_nothing()) \gset
INSERT INTO wb.runs (id, project_id, name, display_name) VALUES (95011, :project, 'one', 'bert-1'), (95012, :project, 'two', 'bert-2'), (95013, :project, 'three', 'gpt-3');
INSERT INTO wb.run_metrics (run_id, name, step, value, logged_at) VALUES (95011, 'cpu', 1, 1, clock_timestamp() + interval '25 minutes'),
	(95012, 'loss', 1, 1, clock_timestamp() + interval '25 minutes');
SELECT wb.finish_run(95013) \gset
SELECT wb.sweep(clock_timestamp() + interval '20 minutes') \gset
SELECT automation_name, run_id, state FROM wb.executions WHERE project_id = :project ORDER BY id;
SELECT wb.sweep(clock_timestamp() + interval '56 minutes') \gset
SELECT automation_name, run_id, state, regexp_replace(why, 'since .*', 'since ...') AS why, event->>'metricName' AS metric FROM wb.executions
WHERE project_id = :project AND state <> 'SKIPPED' ORDER BY automation_name, run_id;
-- again and again it says nothing new
SELECT wb.sweep(clock_timestamp() + interval '57 minutes') \gset
SELECT wb.sweep(clock_timestamp() + interval '58 minutes') \gset
SELECT automation_name, run_id, count(*) FROM wb.executions WHERE project_id = :project GROUP BY 1, 2 ORDER BY 1, 2;

-- a whole team's runs
SELECT wb.create_automation('team', wb.on_run_silent(wb.entity('run_silent'), '1 hour', run_filter => wb."where"('display_name', '=', 'bert-1')), wb.do_nothing()) AS team \gset
SELECT wb.sweep(clock_timestamp() + interval '90 minutes') \gset
SELECT run_id FROM wb.executions WHERE automation_id = :team;

-- what cannot be
\set VERBOSITY terse
SELECT wb.create_automation('x', wb.on_run_silent(wb.project('run_silent', 'events'), '0'), wb.do_nothing());
SELECT wb.create_automation('x', wb.on_run_silent(wb.project('run_silent', 'events'), '2 years'), wb.do_nothing());
