-- Run states, rule by rule: G122-G134 of docs/conformance.md.
-- A database of its own, because it sweeps, at moments that it says.
SET client_min_messages = error;
CREATE DATABASE regression_conform_state TEMPLATE template0;
\connect regression_conform_state
\set SHOW_CONTEXT never
SET client_min_messages = error;
CREATE EXTENSION wb_automations;
SELECT wb.setup() \gset
SELECT wb.create_project('conform_state', 'p') AS project \gset
-- one automation for each state that can be asked for, on every project of the team
SELECT count(wb.create_automation(s, wb.on_run_state(wb.entity('conform_state'), ARRAY[s]), wb.do_nothing(), cooldown => '0')) FROM unnest('{running,finished,failed}'::text[]) s;
-- takes a run through states, and says what fired
CREATE FUNCTION pg_temp.through(VARIADIC states text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	run bigint := wb.start_run(wb.project_id('conform_state', 'p'), state => states[1]);
	next text;
BEGIN
	FOREACH next IN ARRAY states[2:] LOOP
		UPDATE wb.runs SET state = next WHERE id = run;
	END LOOP;
	RETURN coalesce((SELECT string_agg(automation_name, ' ' ORDER BY id) FROM wb.executions WHERE run_id = run), 'silent');
END $$;
CREATE FUNCTION pg_temp.refusal(states text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	EXECUTE format('SELECT wb.create_automation(''refused'', wb.event(wb.project(''conform_state'', ''p''), ''RUN_STATE'', jsonb_build_object(''run_state_filter'',
		jsonb_build_object(''states'', %s))), wb.do_nothing())', states);
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n  HINT: ', SQLSTATE || ': ' || SQLERRM, nullif(hint, ''));
END $$;
-- what the automations said of a run
CREATE FUNCTION pg_temp.said(run bigint) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(concat_ws(' ', automation_name, lower(nullif(state, 'PENDING'))), ', ' ORDER BY id), 'silent') FROM wb.executions WHERE run_id = run;
$$;
\pset format unaligned
\pset tuples_only on

-- G122 running, finished and failed fire once each, on the change to them; a new run counts as one
SELECT pg_temp.through('running'), pg_temp.through('running', 'finished'), pg_temp.through('running', 'failed'), pg_temp.through('pending', 'running', 'failed');

-- G123 one automation may wait for several states, which are sorted and named once each
SELECT wb.on_run_state(wb.project('conform_state', 'p'), '{finished,failed,Finished}') #> '{event_filter,run_state_filter,states}';
SELECT wb.create_project('conform_state', 'several') AS project \gset
SELECT wb.create_automation('ended', wb.on_run_state(wb.project('conform_state', 'several'), '{finished,failed,finished}'), wb.do_nothing(), once_per => 'run_state') AS ended \gset
SELECT wb.start_run(:project) AS a, wb.start_run(:project) AS b \gset
SELECT wb.finish_run(:a), wb.finish_run(:b, 1) \gset ignored_
SELECT event->>'newRunState', state FROM wb.executions WHERE automation_id = :ended ORDER BY id;

-- G124 a crash counts as a failure, and can be told apart
SELECT pg_temp.through('running', 'crashed');
SELECT wb.create_automation('crashes only', wb.on_run_state(wb.project('conform_state', 'p'), '{failed}', wb."where"('state', '=', 'crashed')), wb.do_nothing()) \gset
SELECT pg_temp.through('running', 'crashed'), pg_temp.through('running', 'failed');
SELECT wb.delete_automation(wb.automation('crashes only')) \gset

-- G125 "crashed" is no state to wait for; the message says what is
SELECT pg_temp.refusal($$'["crashed"]'::jsonb$$);
SELECT pg_temp.refusal($$'["CRASHED"]'::jsonb$$);
SELECT pg_temp.refusal($$'["asleep"]'::jsonb$$);

-- G126 a run that is killed fires nothing
SELECT pg_temp.through('killed'), pg_temp.through('running', 'killed');
SELECT pg_temp.refusal($$'["KILLED"]'::jsonb$$);

-- G127 pending, preempting and preempted fire nothing
SELECT pg_temp.through('pending'), pg_temp.through('preempting'), pg_temp.through('preempted'), pg_temp.through('running', 'preempting', 'preempted');

-- G128 exit code 0 is finished, 254 crashed, and any other failed
SELECT wb.create_project('conform_state', 'codes') AS project \gset
INSERT INTO wb.runs (project_id, name) SELECT :project, 'exit' || c FROM unnest('{0,1,255,254}'::int[]) c;
SELECT count(wb.finish_run(id, substr(name, 5)::int)) FROM wb.runs WHERE project_id = :project;
SELECT name, state, pg_temp.said(id) FROM wb.runs WHERE project_id = :project ORDER BY id;

-- G129 a run that sent heartbeats and gives no sign of life for five minutes has crashed, which fires FAILED
SELECT wb.create_project('conform_state', 'silent') AS project \gset
SELECT wb.start_run(:project, name => 'beats') AS beats, wb.start_run(:project, name => 'never beat') AS never, wb.start_run(:project, name => 'logs') AS logs \gset
SELECT wb.heartbeat(:beats), wb.heartbeat(:logs) \gset ignored_
INSERT INTO wb.run_metrics (run_id, name, step, value, logged_at) VALUES (:logs, 'm', 1, 1, clock_timestamp() + interval '2 minutes');
SELECT wb.sweep(clock_timestamp() + interval '4 minutes 50 seconds') \gset
SELECT name, state, pg_temp.said(id) FROM wb.runs WHERE project_id = :project ORDER BY id;
SELECT wb.sweep(clock_timestamp() + interval '5 minutes 10 seconds') \gset
SELECT name, state, pg_temp.said(id) FROM wb.runs WHERE project_id = :project ORDER BY id;

-- G130 a crashed run that speaks again is running, and fires RUNNING; one that ended with a code stays what it is
SELECT wb.create_project('conform_state', 'again') AS project \gset
INSERT INTO wb.runs (project_id, name, state, heartbeat_at) VALUES (:project, 'beats', 'crashed', now() - interval '1 hour'), (:project, 'logs', 'crashed', now() - interval '1 hour'), (:project, 'says nothing', 'crashed', now() - interval '1 hour');
INSERT INTO wb.runs (project_id, name, state, exit_code) VALUES (:project, 'ended', 'crashed', 254);
SELECT count(wb.heartbeat(id)) FROM wb.runs WHERE project_id = :project AND name IN ('beats', 'ended');
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT id, 'm', 1, 1 FROM wb.runs WHERE project_id = :project AND name = 'logs';
SELECT wb.sweep() \gset
SELECT name, state, pg_temp.said(id) FROM wb.runs WHERE project_id = :project ORDER BY id;

-- G131 the same state again is no change
SELECT pg_temp.through('running', 'running', 'failed', 'failed', 'failed');
SELECT wb.start_run(wb.project_id('conform_state', 'p')) AS run \gset
UPDATE wb.runs SET summary = '{"loss": 1}', display_name = 'renamed' WHERE id = :run;
SELECT pg_temp.said(:run);

-- G132 a filter narrows the runs whose state counts
SELECT wb.create_project('conform_state', 'names') AS project \gset
SELECT wb.create_automation('mine', wb.on_run_state(wb.project('conform_state', 'names'), '{failed}', '{"$and":[{"display_name":{"$contains":"my-run"}}]}'), wb.do_nothing()) AS mine \gset
SELECT count(wb.finish_run(wb.start_run(:project, n), 1)) FROM unnest('{a-my-run-1,your-run,My-Run}'::text[]) n;
SELECT r.display_name FROM wb.executions e JOIN wb.runs r ON r.id = e.run_id WHERE e.automation_id = :mine;

-- G133 no state at all could never fire, and is refused
SELECT pg_temp.refusal($$'[]'::jsonb$$);
SELECT pg_temp.refusal($$NULL::jsonb$$);

-- G134 a run that is resumed keeps its window and its 24 hours: its second failure is skipped, and old values count
SELECT wb.create_project('conform_state', 'resumed') AS project \gset
SELECT wb.create_automation('fails', wb.on_run_state(wb.project('conform_state', 'resumed'), '{failed}'), wb.do_nothing()) AS fails \gset
SELECT wb.create_automation('three', wb.on_run_metric(wb.project('conform_state', 'resumed'), wb.min('m', '>', 5, 3)), wb.do_nothing()) AS three \gset
SELECT wb.start_run(:project) AS run \gset
SELECT wb.log(:run, '{"m": 8}', 1), wb.log(:run, '{"m": 9}', 2), wb.finish_run(:run, 1) \gset ignored_
SET wb_automations.clock_offset = '2h';
UPDATE wb.runs SET state = 'running', exit_code = NULL, finished_at = NULL WHERE id = :run;
SELECT wb.log(:run, '{"m": 10}', 3), wb.finish_run(:run, 1) \gset ignored_
SELECT automation_name, state, event->'metricValues' FROM wb.executions WHERE automation_id IN (:fails, :three) ORDER BY id;
SET wb_automations.clock_offset = '25h';
UPDATE wb.runs SET state = 'running' WHERE id = :run;
SELECT wb.finish_run(:run, 1) \gset
SELECT automation_name, state FROM wb.executions WHERE automation_id = :fails ORDER BY id;
RESET wb_automations.clock_offset;
