-- A run that appears in a state, or changes to it, makes automations fire.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_project('capture_run', 'states') AS project \gset
SELECT wb.create_automation('on running', wb.on_run_state(wb.project('capture_run', 'states'), '{running}'), wb.do_nothing()) \gset
SELECT wb.create_automation('on finished', wb.on_run_state(wb.project('capture_run', 'states'), '{FINISHED}'), wb.do_nothing()) \gset
SELECT wb.create_automation('on failed', wb.on_run_state(wb.project('capture_run', 'states'), '{Failed,failed}'), wb.do_nothing()) \gset
PREPARE fired(bigint) AS
SELECT r.display_name AS run, e.automation_name, e.event->>'newRunState' AS new_state, e.event->>'reportedState' AS reported, e.why, e.state
FROM wb.executions e JOIN wb.runs r ON r.id = e.run_id WHERE e.project_id = $1 ORDER BY e.id;

-- the first appearance counts; a crash is a failure; killed, pending,
-- preempting and preempted fire nothing
INSERT INTO wb.runs (project_id, display_name, state) SELECT :project, 'first ' || s, s
FROM unnest('{running,finished,failed,crashed,killed,pending,preempting,preempted}'::text[]) s;
EXECUTE fired(:project);

-- so does every change to it
SELECT wb.create_project('capture_run', 'changes') AS project \gset
SELECT wb.create_automation('on running', wb.on_run_state(wb.project('capture_run', 'changes'), '{running}'), wb.do_nothing(), cooldown => '0') \gset
SELECT wb.create_automation('on finished', wb.on_run_state(wb.project('capture_run', 'changes'), '{finished}'), wb.do_nothing(), cooldown => '0') \gset
SELECT wb.create_automation('on failed', wb.on_run_state(wb.project('capture_run', 'changes'), '{failed}'), wb.do_nothing(), cooldown => '0') \gset
SELECT wb.start_run(:project, 'r', username => 'ann', state => 'pending') AS run \gset
UPDATE wb.runs SET state = 'running' WHERE id = :run;
UPDATE wb.runs SET state = 'preempting' WHERE id = :run;
UPDATE wb.runs SET state = 'preempted' WHERE id = :run;
UPDATE wb.runs SET state = 'running' WHERE id = :run;
UPDATE wb.runs SET state = 'crashed' WHERE id = :run;
UPDATE wb.runs SET state = 'killed' WHERE id = :run;
SELECT wb.finish_run(:run, 1);
SELECT wb.finish_run(:run);
SELECT wb.finish_run(:run, 254);
EXECUTE fired(:project);

-- the same state again does not, whatever else changes; nor does a rename
UPDATE wb.runs SET state = 'crashed' WHERE id = :run;
UPDATE wb.runs SET state = 'crashed', exit_code = 3, heartbeat_at = '2026-01-01' WHERE id = :run;
UPDATE wb.runs SET display_name = 'renamed' WHERE id = :run;
SELECT wb.heartbeat(:run);
SELECT count(*) FROM wb.executions WHERE project_id = :project;

-- many runs in one statement fire one by one, and a rollback takes all back
SELECT wb.create_project('capture_run', 'many') AS project \gset
SELECT wb.create_automation('on failed', wb.on_run_state(wb.project('capture_run', 'many'), '{failed}'), wb.do_nothing()) \gset
INSERT INTO wb.runs (project_id, display_name) SELECT :project, 'r' || g FROM generate_series(1, 5) g;
BEGIN;
UPDATE wb.runs SET state = 'failed' WHERE project_id = :project;
ROLLBACK;
UPDATE wb.runs SET state = 'failed' WHERE project_id = :project AND display_name <> 'r3';
SELECT count(*), string_agg(event->>'runName', ' ' ORDER BY event->>'runName') AS runs FROM wb.executions WHERE project_id = :project;

-- one automation on several states counts them together, says so, and stays
-- silent for the second; the suppressed one is noted
SELECT wb.create_project('capture_run', 'several') AS project \gset
SET client_min_messages = notice;
SELECT wb.create_automation('together', wb.on_run_state(wb.project('capture_run', 'several'), '{running,failed,finished}'),
	wb.do_nothing()) IS NOT NULL AS made;
-- with once_per => 'run_state' each counts apart
SELECT wb.create_automation('apart', wb.on_run_state(wb.project('capture_run', 'several'), '{running,failed,finished}'),
	wb.do_nothing(), once_per => 'run_state') IS NOT NULL AS made;
-- one state needs no notice
SELECT wb.create_automation('one', wb.on_run_state(wb.project('capture_run', 'several'), '{killed}'), wb.do_nothing());
SELECT wb.create_automation('one', wb.on_run_state(wb.project('capture_run', 'several'), '{finished,FINISHED}'),
	wb.do_nothing()) IS NOT NULL AS made;
SET client_min_messages = error;
SELECT wb.start_run(:project, 'r') AS run \gset
SELECT wb.finish_run(:run, 1) \gset
UPDATE wb.runs SET state = 'running' WHERE id = :run;
SELECT wb.finish_run(:run) \gset
SELECT automation_name, event->>'newRunState' AS new_state, state, cooldown_key FROM wb.executions
WHERE project_id = :project ORDER BY automation_name, id;

-- runs are chosen by display name and by user
SELECT wb.create_project('capture_run', 'filters') AS project \gset
SELECT wb.create_automation('bert', wb.on_run_state(wb.project('capture_run', 'filters'), '{running}',
	wb.where('display_name', '~', '^bert-')), wb.do_nothing()) \gset
SELECT wb.create_automation('of ann', wb.on_run_state(wb.project('capture_run', 'filters'), '{running}',
	wb.where('username', '=', 'ann')), wb.do_nothing()) \gset
SELECT wb.create_automation('both', wb.on_run_state(wb.project('capture_run', 'filters'), '{running}',
	wb.all_of(wb.where('display_name', '~', '^bert-'), wb.where('username', '=', 'ann'))), wb.do_nothing()) \gset
SELECT wb.start_run(:project, 'bert-1', username => 'ann') \gset
SELECT wb.start_run(:project, 'bert-2', username => 'bob') \gset
SELECT wb.start_run(:project, 'gpt-1', username => 'ann') \gset
-- a run without a display name goes by its name
SELECT wb.start_run(:project, name => 'bert-3', username => NULL) \gset
SELECT e.automation_name, string_agg(e.event->>'runName', ' ' ORDER BY e.id) AS runs FROM wb.executions e
WHERE project_id = :project GROUP BY 1 ORDER BY 1;

-- an automation of another project, a switched off one and a deleted one are silent
SELECT wb.create_project('capture_run', 'silent') AS project \gset
SELECT wb.create_automation('off', wb.on_run_state(wb.project('capture_run', 'silent'), '{running}'), wb.do_nothing(), enabled => false) AS off \gset
SELECT wb.create_automation('gone', wb.on_run_state(wb.project('capture_run', 'silent'), '{running}'), wb.do_nothing()) AS gone \gset
SELECT wb.delete_automation(:gone) \gset
SELECT wb.start_run(:project) \gset
SELECT count(*) FROM wb.executions WHERE project_id = :project;
SELECT wb.enable_automation(:off) \gset
SELECT wb.start_run(:project) \gset
SELECT automation_name FROM wb.executions WHERE project_id = :project;

-- what history and messages are told
SELECT jsonb_pretty(event - 'runId' - 'runPath') AS event FROM wb.executions
WHERE event->>'runName' = 'bert-1' AND automation_name = 'both';
SELECT event->>'runPath' = format('capture_run/filters/%s', r.name) AS path_is_right, event->>'runId' = r.name AS id_is_right
FROM wb.executions e JOIN wb.runs r ON r.id = e.run_id WHERE r.display_name = 'bert-1' AND automation_name = 'both';

-- capture off keeps a run silent
SET wb_automations.capture = off;
SELECT wb.start_run(:project) AS run \gset
SELECT count(*) FROM wb.executions WHERE run_id = :run;
