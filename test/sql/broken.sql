-- An automation that cannot be judged, or whose firing cannot be written,
-- never stands in the way of the user's row.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_project('broken', 'p') AS project \gset
SELECT wb.start_run(:project, 'a') AS a \gset
SELECT wb.start_run(:project, 'b') AS b \gset
PREPARE told(bigint) AS
SELECT automation_name, event->>'runName' AS run, event->>'step' AS step, origin, state, why, result #>> '{error,message}' AS result
FROM wb.executions WHERE project_id = $1 ORDER BY id;

-- made broken behind the check's back: a pattern that is none
SELECT wb.create_automation('pattern', wb.on_run_metric(wb.project('broken', 'p'), wb.is_nan('loss'), wb."where"('display_name', '~', 'a')),
	wb.do_nothing()) AS pattern \gset
SELECT wb.create_automation('sound', wb.on_run_metric(wb.project('broken', 'p'), wb.is_nan('loss')), wb.do_nothing()) \gset
SET session_replication_role = replica;
UPDATE wb.automations SET event_filter = jsonb_set(event_filter, '{run_filter}', '"{\"display_name\": {\"$regex\": \"(\"}}"') WHERE id = :pattern;
RESET session_replication_role;
-- one FAILED execution for a run, whatever the values, and without a delivery;
-- another automation fires
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:a, 'loss', 1, 1), (:a, 'loss', 2, 2);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:a, 'loss', 3, 'NaN');
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:b, 'loss', 1, 1);
EXECUTE told(:project);
SELECT count(*) FROM wb.run_metrics WHERE run_id IN (:a, :b);
SELECT count(*) FROM wb.deliveries d JOIN wb.executions e ON e.id = d.execution_id WHERE e.project_id = :project AND e.origin = 'error';
-- one more after the cooldown
SET wb_automations.clock_offset = '25h';
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:a, 'loss', 4, 1), (:a, 'loss', 5, 1);
RESET wb_automations.clock_offset;
SELECT event->>'step' AS step, state FROM wb.executions WHERE automation_id = :pattern AND run_id = :a ORDER BY id;
-- repaired, it fires at once
UPDATE wb.automations SET event_filter = jsonb_set(event_filter, '{run_filter}', 'null') WHERE id = :pattern;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:b, 'loss', 2, 'NaN');
SELECT event->>'step' AS step, origin, state FROM wb.executions WHERE automation_id = :pattern AND run_id = :b ORDER BY id;

-- broken in other ways, with the check disabled
SELECT wb.create_project('broken', 'ways') AS project \gset
SELECT count(wb.create_automation(n, wb.on_run_metric(wb.project('broken', 'ways'), wb.avg('acc', '>', 1, 1)), wb.do_nothing()))
FROM unnest('{field,comparator,window,event type,other event,document,scalar,nothing}'::text[]) n;
ALTER TABLE wb.automations DISABLE TRIGGER wb_check;
UPDATE wb.automations SET event_filter = CASE name
		WHEN 'field' THEN jsonb_set(event_filter, '{run_filter}', '{"nonsense": 1}')
		WHEN 'comparator' THEN jsonb_set(event_filter, '{run_metric_filter,threshold_filter,cmp_op}', '"$like"')
		WHEN 'window' THEN jsonb_set(event_filter, '{run_metric_filter,threshold_filter,window_size}', '0')
		WHEN 'document' THEN '[]' WHEN 'scalar' THEN '"x"' WHEN 'nothing' THEN 'null' ELSE event_filter END,
	event_type = CASE name WHEN 'event type' THEN 'RUN_NONSENSE' WHEN 'other event' THEN 'RUN_STATE' ELSE event_type END
WHERE scope_id = :project;
ALTER TABLE wb.automations ENABLE TRIGGER wb_check;
SELECT wb.start_run(:project, 'c') AS c \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:c, 'acc', 1, 2);
SELECT automation_name, origin, state, result #>> '{error,message}' AS result FROM wb.executions WHERE project_id = :project ORDER BY automation_name;
-- one that is switched off says nothing
DELETE FROM wb.automations WHERE scope_id = :project AND name <> 'window';
UPDATE wb.automations SET enabled = false WHERE scope_id = :project;
SELECT wb.start_run(:project, 'd') AS d \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:d, 'acc', 1, 2);
SELECT count(*) FROM wb.executions WHERE run_id = :d;

-- broken automations on states and aliases
SELECT wb.create_project('broken', 'events') AS project \gset
SELECT wb.create_automation('state', wb.on_run_state(wb.project('broken', 'events'), '{failed}'), wb.do_nothing()) \gset
SELECT wb.create_automation('alias', wb.on_add_artifact_alias(wb.project('broken', 'events')), wb.do_nothing()) \gset
SET session_replication_role = replica;
UPDATE wb.automations SET event_filter = '{"run_state_filter": {"states": ["PENDING"]}}' WHERE scope_id = :project AND name = 'state';
UPDATE wb.automations SET event_filter = '{"colour": "x"}' WHERE scope_id = :project AND name = 'alias';
RESET session_replication_role;
SELECT wb.start_run(:project, 'e') AS e \gset
SELECT wb.finish_run(:e, 1) \gset
SELECT wb.log_artifact(:project, 'model', 'model') \gset
SELECT automation_name, origin, state, result #>> '{error,message}' AS result FROM wb.executions WHERE project_id = :project ORDER BY id;

-- an integration that was deleted afterwards is the worker's matter: the
-- firing is written, and an update that leaves the action alone is possible
SELECT wb.create_project('broken', 'gone') AS project \gset
SELECT wb.create_webhook_integration('broken', 'hook', 'http://127.0.0.1:1/') AS hook \gset
SELECT wb.create_automation('hook', wb.on_run_metric(wb.project('broken', 'gone'), wb.is_nan('loss')), wb.send_webhook(:hook)) AS id \gset
DELETE FROM wb.integrations WHERE id = :hook;
SELECT wb.start_run(:project, 'f') AS f \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:f, 'loss', 1, 'NaN');
SELECT e.state, d.integration_id = :hook AS is_of_hook FROM wb.executions e JOIN wb.deliveries d ON d.execution_id = e.id WHERE run_id = :f;
UPDATE wb.automations SET description = 'still here' WHERE id = :id;
SELECT wb.disable_automation(:id);

-- wb.executions cannot be written: the row stands, nothing is recorded, and
-- the server log says so
CREATE FUNCTION pg_temp.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE 'no history on Sundays';
END $$;
SELECT wb.create_project('broken', 'unwritable') AS project \gset
SELECT wb.create_automation('nan', wb.on_run_metric(wb.project('broken', 'unwritable'), wb.is_nan('loss')), wb.do_nothing()) \gset
SELECT wb.start_run(:project, 'g') AS g \gset
CREATE TRIGGER refuse BEFORE INSERT ON wb.executions FOR EACH ROW EXECUTE FUNCTION pg_temp.refuse();
SET client_min_messages = log;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:g, 'loss', 1, 'NaN');
SET client_min_messages = error;
SELECT count(*) FROM wb.run_metrics WHERE run_id = :g;
SELECT count(*) FROM wb.executions WHERE run_id = :g;
-- within a transaction, whose other work stands too
BEGIN;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:g, 'other', 1, 1);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:g, 'loss', 2, 'NaN');
UPDATE wb.runs SET state = 'failed' WHERE id = :g;
COMMIT;
SELECT name, step FROM wb.run_metrics WHERE run_id = :g ORDER BY 1, 2;
DROP TRIGGER refuse ON wb.executions;
-- an execution never stands without its delivery
CREATE TRIGGER refuse BEFORE INSERT ON wb.deliveries FOR EACH ROW EXECUTE FUNCTION pg_temp.refuse();
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:g, 'loss', 3, 'NaN');
SELECT count(*) FROM wb.executions WHERE run_id = :g;
DROP TRIGGER refuse ON wb.deliveries;
-- and afterwards all is well
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:g, 'loss', 4, 'NaN');
SELECT event->>'step' AS step, state FROM wb.executions WHERE run_id = :g;

-- without wb.installation's row nothing can be queued, and the row stands
SELECT wb.start_run(:project, 'h') AS h \gset
BEGIN;
DELETE FROM wb.installation;
SET LOCAL client_min_messages = log;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:h, 'loss', 1, 'NaN');
SET LOCAL client_min_messages = error;
SELECT count(*) FROM wb.executions WHERE run_id = :h;
ROLLBACK;

-- what the user asked for stays true: a statement that is cancelled is
-- cancelled, and the session goes on as after any error
CREATE FUNCTION pg_temp.work() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	LOOP
	END LOOP;
END $$;
CREATE TRIGGER work BEFORE INSERT ON wb.executions FOR EACH ROW EXECUTE FUNCTION pg_temp.work();
SET statement_timeout = '50ms';
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:h, 'loss', 2, 'NaN');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM wb.run_metrics WHERE run_id = :h;
-- also in a savepoint
BEGIN;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:h, 'other', 3, 1);
SAVEPOINT s;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:h, 'loss', 3, 'NaN');
ROLLBACK TO SAVEPOINT s;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:h, 'other', 4, 1);
COMMIT;
-- and in a block that catches it
CREATE PROCEDURE pg_temp.log_both(run bigint) LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (run, 'loss', 5, 'NaN');
	EXCEPTION WHEN query_canceled THEN
		NULL;
	END;
	INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (run, 'other', 5, 1);
END $$;
CALL pg_temp.log_both(:h);
RESET statement_timeout;
DROP TRIGGER work ON wb.executions;
SELECT name, step FROM wb.run_metrics WHERE run_id = :h ORDER BY 1, 2;
