-- The executor asks the WHEN clause of the trigger on wb.run_metrics, which
-- lets rows pass that nobody looks at, and does nothing for whoever calls it.
\set SHOW_CONTEXT never
SET client_min_messages = error;
CREATE DATABASE regression_watched TEMPLATE template0;
\connect regression_watched
SET client_min_messages = error;
CREATE EXTENSION wb_automations;
SELECT wb.setup() \gset
INSERT INTO wb.runs (id, project_id) VALUES (1, wb.create_project('watched', 'p'));
SELECT wb.create_automation('any', wb.on_run_metric(wb.project('watched', 'p'), wb.metric('loss', '>', 0)),
	wb.do_nothing(), cooldown => '0') AS automation \gset
CREATE FUNCTION fired() RETURNS text LANGUAGE sql AS
'WITH gone AS (DELETE FROM wb.executions RETURNING id, event->>''step'' AS step) SELECT string_agg(step, '' '' ORDER BY id) FROM gone';
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'step %', NEW.step; RETURN NULL; END $$;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (1, 'loss', 1, 1), (1, 'other', 1, 1);
SELECT fired();

-- a trigger of the user's keeps its own clause, before ours and after it
SET client_min_messages = warning;
CREATE TRIGGER a_tell AFTER INSERT ON wb.run_metrics FOR EACH ROW WHEN (NEW.step = 3) EXECUTE FUNCTION tell();
CREATE TRIGGER z_tell AFTER INSERT ON wb.run_metrics FOR EACH ROW WHEN (NEW.step = 4) EXECUTE FUNCTION tell();
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (1, 'loss', 2, 1), (1, 'loss', 3, 1), (1, 'loss', 4, 1);
SELECT fired();
DROP TRIGGER a_tell ON wb.run_metrics;
DROP TRIGGER z_tell ON wb.run_metrics;
SET client_min_messages = error;

-- a clause that says more than ours is asked as it stands
CREATE OR REPLACE TRIGGER wb_capture AFTER INSERT OR UPDATE ON wb.run_metrics
	FOR EACH ROW WHEN (wb.watched(NEW.run_id, NEW.name) AND NEW.step > 5) EXECUTE FUNCTION wb.capture_run_metric();
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (1, 'loss', 5, 1), (1, 'loss', 6, 1);
SELECT fired();
-- so is one with other arguments
CREATE OR REPLACE TRIGGER wb_capture AFTER INSERT OR UPDATE ON wb.run_metrics
	FOR EACH ROW WHEN (wb.watched(NEW.run_id, 'loss')) EXECUTE FUNCTION wb.capture_run_metric();
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (1, 'other', 7, 1), (1, 'loss', 7, 1);
SELECT fired();
SELECT wb.setup() \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (1, 'loss', 8, 1);
SELECT fired();

-- a disabled trigger is not asked
ALTER TABLE wb.run_metrics DISABLE TRIGGER wb_capture;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (1, 'loss', 9, 1);
SELECT fired();
ALTER TABLE wb.run_metrics ENABLE ALWAYS TRIGGER wb_capture;

-- an update, an upsert and a function's statement are asked about too
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (1, 'loss', 10, 2), (1, 'loss', 11, 2)
	ON CONFLICT (run_id, name, step) DO UPDATE SET value = excluded.value;
SELECT fired();
UPDATE wb.run_metrics SET value = 3 WHERE step = 11 AND name = 'loss';
SELECT fired();
DO $$ BEGIN FOR i IN 20 .. 22 LOOP INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (1, 'loss', i, 1); END LOOP; END $$;
SELECT fired();

-- a run that does not exist is refused, and so is one that was only prepared
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (2, 'other', 1, 1);
BEGIN;
INSERT INTO wb.runs (id, project_id) SELECT 2, project_id FROM wb.runs;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (2, 'other', 1, 1);
PREPARE TRANSACTION 'watched';
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (2, 'other', 2, 1);
COMMIT PREPARED 'watched';
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (2, 'other', 2, 1);
SELECT count(*) FROM wb.run_metrics WHERE run_id = 2;

-- a trigger of the user's with a clause of the same shape is asked what it says
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (1, 'other', 2, 1);
CREATE FUNCTION never(bigint, text) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE TRIGGER z_tell AFTER INSERT ON wb.run_metrics FOR EACH ROW WHEN (never(NEW.step, NEW.name)) EXECUTE FUNCTION tell();
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (7, 'other', 1, 1);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (1, 'loss', 30, 1);
SELECT fired();
DROP TRIGGER z_tell ON wb.run_metrics;

-- to call wb.watched by hand makes no run known
SELECT wb.watched(424242, 'zz');
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (424242, 'zz', 1, 1);
SELECT wb.lost(1, 'loss');

-- for a role that cannot write to wb.run_metrics they do nothing; a column suffices
CREATE ROLE regress_watched;
GRANT USAGE ON SCHEMA wb TO regress_watched;
SET ROLE regress_watched;
SELECT wb.watched(1, 'unheard') AS nothing, wb.watched(424242, 'zz') AS nor_that, wb.lost(1, 'loss') AS not_this;
RESET ROLE;
GRANT INSERT (run_id) ON wb.run_metrics TO regress_watched;
SET ROLE regress_watched;
SELECT wb.watched(1, 'loss') AS a_column, wb.watched(1, 'unheard') AS no_rule, wb.watched(424242, 'unheard') AS no_run;
RESET ROLE;
REVOKE INSERT (run_id) ON wb.run_metrics FROM regress_watched;
GRANT DELETE ON wb.run_metrics TO regress_watched;
SET ROLE regress_watched;
SELECT wb.watched(1, 'loss') AS may_delete;
RESET ROLE;
REVOKE DELETE ON wb.run_metrics FROM regress_watched;

-- whoever writes through a view has no right to the table, and is judged all the same
CREATE VIEW mine AS SELECT run_id, name, step, value FROM wb.run_metrics WHERE run_id > 0 WITH CHECK OPTION;
GRANT INSERT, SELECT, UPDATE, DELETE ON mine TO regress_watched;
SELECT wb.create_automation('largest', wb.on_run_metric(wb.project('watched', 'p'), wb.max('acc', '>', 100, 3)), wb.do_nothing(), cooldown => '0') \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (1, 'acc', 1, 1);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (1, 'acc', 2, 1);
SET ROLE regress_watched;
INSERT INTO mine VALUES (1, 'loss', 40, 1), (1, 'unheard', 40, 1), (1, 'acc', 3, 1000);
INSERT INTO mine VALUES (4711, 'loss', 1, 1);
RESET ROLE;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (1, 'acc', 4, 1);
SELECT fired();
-- and so is what he takes away
SET ROLE regress_watched;
DELETE FROM mine WHERE step = 3 AND name = 'acc';
RESET ROLE;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (1, 'acc', 5, 1);
SELECT fired();
SET ROLE regress_watched;
UPDATE mine SET step = 6, value = 1000 WHERE step = 1 AND name = 'acc';
RESET ROLE;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (1, 'acc', 7, 1);
SELECT fired();
DROP VIEW mine;

-- a rule that is made while a statement runs: the rows of a series that had
-- begun are not judged by it, those of one that begins afterwards are
CREATE FUNCTION make_rules() RETURNS float8 LANGUAGE plpgsql AS $$
BEGIN
	PERFORM wb.create_automation('on ' || m, wb.on_run_metric(wb.project('watched', 'p'), wb.max(m, '>', 0, 2)), wb.do_nothing(), cooldown => '0')
	FROM unnest('{begun,later}'::text[]) m;
	RETURN 5;
END $$;
INSERT INTO wb.run_metrics (run_id, name, step, value)
SELECT 1, CASE WHEN s <= 10 THEN 'begun' ELSE 'later' END, s, CASE s WHEN 5 THEN make_rules() ELSE s END FROM generate_series(1, 14) s;
SELECT automation_name, event->>'step' AS step, event->>'metricValues' AS judged FROM wb.executions ORDER BY id;
DELETE FROM wb.executions;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (1, 'begun', 21, 21), (1, 'later', 21, 21);
SELECT automation_name, event->>'step' AS step, event->>'metricValues' AS judged FROM wb.executions ORDER BY id;

DROP OWNED BY regress_watched;
DROP ROLE regress_watched;
\connect contrib_regression
DROP DATABASE regression_watched;
