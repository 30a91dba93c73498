-- wb.sweep: every silent run is found in time, and one that cannot be written
-- keeps nothing from the others.
\set SHOW_CONTEXT never
SET client_min_messages = error;
-- a database of its own: a sweep looks at all runs and schedules there are
CREATE DATABASE regression_sweep_crashes TEMPLATE template0;
\connect regression_sweep_crashes
SET client_min_messages = error;
CREATE EXTENSION wb_automations;
SELECT wb.setup() \gset
SELECT wb.create_project('sweep_crashes', 'p') AS project \gset
CREATE FUNCTION pg_temp.at(text) RETURNS timestamptz LANGUAGE sql AS $$SELECT ('2019-05-01 ' || $1 || '+00')::timestamptz$$;

-- runs that crashed within a day do not keep the worker from those that fell
-- silent since
INSERT INTO wb.runs (project_id, name, state, heartbeat_at) SELECT :project, 'old' || g, 'crashed', pg_temp.at('10:00') FROM generate_series(1, 1200) g;
INSERT INTO wb.runs (project_id, name, heartbeat_at) SELECT :project, 'new' || g, pg_temp.at('11:00') FROM generate_series(1, 1500) g;
SELECT wb.sweep(pg_temp.at('12:00'));
SELECT wb.sweep(pg_temp.at('12:01'));
SELECT state, count(*) FROM wb.runs WHERE project_id = :project AND name ~ '^new' GROUP BY 1;

-- each of many that crashed is found when it speaks again, in a few sweeps
INSERT INTO wb.run_metrics (run_id, name, step, value, logged_at)
SELECT id, 'loss', 1, 1, pg_temp.at('12:00') FROM wb.runs WHERE project_id = :project AND name ~ '^(old|new)' ORDER BY id DESC LIMIT 5;
SELECT wb.sweep(pg_temp.at('12:02') + g * interval '1 second') FROM generate_series(1, 40) g \g /dev/null
SELECT state, count(*) FROM wb.runs WHERE project_id = :project AND EXISTS (SELECT FROM wb.run_metrics m WHERE m.run_id = runs.id) GROUP BY 1;
DELETE FROM wb.runs WHERE project_id = :project;

-- a trigger that refuses one run: the others are ended, and a warning says so;
-- silence and schedules are looked at all the same
INSERT INTO wb.runs (id, project_id, name, heartbeat_at) SELECT 6750000 + g, :project, 'r' || g, pg_temp.at('11:00') FROM generate_series(1, 3) g;
CREATE FUNCTION public.sweep_crashes_refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'not this one'; END$$;
CREATE TRIGGER sweep_crashes_refuse BEFORE UPDATE ON wb.runs FOR EACH ROW WHEN (OLD.id = 6750002) EXECUTE FUNCTION public.sweep_crashes_refuse();
SET client_min_messages = warning;
SELECT wb.sweep(pg_temp.at('12:00'));
SET client_min_messages = error;
SELECT name, state FROM wb.runs WHERE project_id = :project ORDER BY 1;
-- but an error that any write would meet is not the run's
CREATE OR REPLACE FUNCTION public.sweep_crashes_refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'deadlock' USING ERRCODE = 'deadlock_detected'; END$$;
SELECT wb.sweep(pg_temp.at('12:00'));
\echo :LAST_ERROR_SQLSTATE

-- nor does a schedule that cannot be written stop the others
DROP TRIGGER sweep_crashes_refuse ON wb.runs;
DROP FUNCTION public.sweep_crashes_refuse();
SELECT wb.create_automation('refused', wb.on_schedule(wb.project('sweep_crashes', 'p'), '1 hour'), wb.do_nothing()) AS refused \gset
SELECT wb.create_automation('taken', wb.on_schedule(wb.project('sweep_crashes', 'p'), '1 hour'), wb.do_nothing()) AS taken \gset
CREATE FUNCTION public.sweep_crashes_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF EXISTS (SELECT FROM wb.automations a WHERE a.id = NEW.automation_id AND a.name = 'refused') THEN
		RAISE 'not this one';
	END IF;
	RETURN NEW;
END$$;
CREATE TRIGGER sweep_crashes_refuse BEFORE INSERT ON wb.schedule_ticks FOR EACH ROW EXECUTE FUNCTION public.sweep_crashes_refuse();
SET client_min_messages = warning;
SELECT wb.sweep(now() + interval '2 hours');
SET client_min_messages = error;
SELECT automation_name, count(*) FROM wb.executions WHERE automation_id IN (:refused, :taken) GROUP BY 1;
\connect contrib_regression
DROP DATABASE regression_sweep_crashes;
