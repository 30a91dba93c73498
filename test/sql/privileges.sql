-- A role that may only insert runs and metrics makes automations fire, and
-- reads and does nothing else.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_project('privileges', 'p') AS project \gset
SELECT wb.set_secret('privileges', 'TOKEN', 'value') \gset
SELECT wb.create_webhook_integration('privileges', 'hook', 'http://127.0.0.1:1/', access_token => 'TOKEN') AS hook \gset
SELECT wb.create_automation('nan', wb.on_run_metric(wb.project('privileges', 'p'), wb.is_nan('loss')), wb.send_webhook(:hook)) AS nan \gset
SELECT wb.create_automation('failed', wb.on_run_state(wb.project('privileges', 'p'), '{failed}'), wb.do_nothing()) \gset
CREATE ROLE regress_ann;
GRANT USAGE ON SCHEMA wb TO regress_ann;
GRANT INSERT ON wb.runs, wb.run_metrics TO regress_ann;

-- her NaN fires, and her failed run
SET ROLE regress_ann;
INSERT INTO wb.runs (id, project_id, name) VALUES (94001, :project, 'r1');
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (94001, 'loss', 1, 'NaN'), (94001, 'loss', 2, 1), (94001, 'loss', 3, 'NaN');
INSERT INTO wb.runs (id, project_id, name, state) VALUES (94002, :project, 'r2', 'failed');
-- who she is does not change on the way
SELECT current_user;
-- she is held to known runs
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (94999, 'loss', 1, 1);
-- and may hand metrics in by COPY
COPY wb.run_metrics (run_id, name, step, value) FROM stdin;
94002	loss	1	NaN
\.
RESET ROLE;
SELECT e.automation_name, e.event->>'runName' AS run, e.event->>'step' AS step, e.state, e.event->>'eventAuthor' AS author, d.execution_id IS NOT NULL AS is_queued
FROM wb.executions e LEFT JOIN wb.deliveries d ON d.execution_id = e.id WHERE project_id = :project ORDER BY e.id;

-- she reads nothing of it
SET ROLE regress_ann;
SELECT count(*) FROM wb.integrations;
SELECT count(*) FROM wb.secrets;
SELECT count(*) FROM wb.executions;
SELECT count(*) FROM wb.deliveries;
SELECT count(*) FROM wb.automations;
SELECT count(*) FROM wb.automation_history;
SELECT count(*) FROM wb.run_metrics;
\echo :LAST_ERROR_SQLSTATE
-- nor writes any
INSERT INTO wb.executions (automation_id, automation_name, triggered_at, event_type, why, event, action_type, action)
VALUES (1, 'forged', '2026-01-01', 'RUN_METRIC', '', '{}', 'NO_OP', '{}');
DELETE FROM wb.runs WHERE id = 94001;
UPDATE wb.run_metrics SET value = 0;
SELECT wb.disable_automation(1);
SELECT wb.status();

-- she calls none of the functions that act for the extension
SELECT wb.setup();
SELECT wb.create_tables();
SELECT wb.attach_triggers();
SELECT wb.create_views();
SELECT wb.arm('discard');
SELECT wb.make_secret_key();
SELECT wb.seal_secret(1, 'x', 'y');
SELECT wb.start_worker();
SELECT wb.wake();
SELECT wb.set_secret('privileges', 'TOKEN', 'mine');
SELECT wb.capture_run_metric();
SELECT wb.forget_run();
SELECT wb.check_automation();

-- nor makes triggers of them; what the WHEN clause asks is harmless
CREATE TEMP TABLE mine (id bigint, run_id bigint, name text, step bigint, value float8, state text, project_id bigint);
CREATE TRIGGER mine AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION wb.capture_run_metric();
CREATE TRIGGER mine AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION wb.capture_run_state();
CREATE TRIGGER mine AFTER DELETE ON mine FOR EACH ROW EXECUTE FUNCTION wb.forget_run();
CREATE TRIGGER mine AFTER DELETE ON mine FOR EACH ROW EXECUTE FUNCTION wb.forget_scope('PROJECT');
CREATE TRIGGER mine AFTER INSERT ON mine EXECUTE FUNCTION wb.announce_change();
SELECT wb.watched(94001, 'loss') IS NOT NULL AS answers;

-- she cannot move the clock, and can keep her own rows from being judged
SET wb_automations.clock_offset = '1h';
SET wb_automations.allow_http = on;
SET wb_automations.capture = off;
INSERT INTO wb.runs (id, project_id, name, state) VALUES (94003, :project, 'r3', 'failed');
RESET wb_automations.capture;
\set VERBOSITY sqlstate
SHOW wb_automations.secret_key_file;
\set VERBOSITY default
RESET ROLE;
SELECT count(*) FROM wb.executions WHERE run_id = 94003;

-- a table of hers that a superuser gave our triggers fires and deletes nothing
CREATE TABLE public.regress_mine (id bigint, run_id bigint, name text, step bigint, value float8, state text, project_id bigint, display_name text, username text);
ALTER TABLE public.regress_mine OWNER TO regress_ann;
CREATE TRIGGER capture_metric AFTER INSERT ON public.regress_mine FOR EACH ROW WHEN (NEW.name = 'loss') EXECUTE FUNCTION wb.capture_run_metric();
CREATE TRIGGER capture_state AFTER INSERT ON public.regress_mine FOR EACH ROW WHEN (NEW.state IS NOT NULL) EXECUTE FUNCTION wb.capture_run_state();
CREATE TRIGGER forget_run AFTER DELETE ON public.regress_mine FOR EACH ROW WHEN (OLD.name = 'run') EXECUTE FUNCTION wb.forget_run();
CREATE TRIGGER forget_scope AFTER DELETE ON public.regress_mine FOR EACH ROW WHEN (OLD.name = 'scope') EXECUTE FUNCTION wb.forget_scope('PROJECT');
SET ROLE regress_ann;
INSERT INTO public.regress_mine (run_id, name, step, value) VALUES (94001, 'loss', 1, 'NaN');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO public.regress_mine (id, project_id, name, state) VALUES (94001, :project, 'x', 'failed');
INSERT INTO public.regress_mine (id, name) VALUES (94001, 'run'), (:project, 'scope');
DELETE FROM public.regress_mine WHERE name = 'run';
DELETE FROM public.regress_mine WHERE name = 'scope';
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
SELECT count(*) FROM wb.run_metrics WHERE run_id = 94001;

-- used otherwise, a trigger function says how it must be used
CREATE TABLE public.regress_theirs (id bigint);
CREATE TRIGGER wrong BEFORE INSERT ON public.regress_theirs FOR EACH ROW EXECUTE FUNCTION wb.capture_run_metric();
INSERT INTO public.regress_theirs VALUES (1);
DROP TRIGGER wrong ON public.regress_theirs;
CREATE TRIGGER wrong AFTER DELETE ON public.regress_theirs FOR EACH STATEMENT EXECUTE FUNCTION wb.forget_run();
DELETE FROM public.regress_theirs;
DROP TRIGGER wrong ON public.regress_theirs;
CREATE TRIGGER wrong BEFORE INSERT ON public.regress_theirs FOR EACH ROW EXECUTE FUNCTION wb.announce_change();
INSERT INTO public.regress_theirs VALUES (1);
DROP TRIGGER wrong ON public.regress_theirs;
CREATE TRIGGER wrong AFTER INSERT ON public.regress_theirs FOR EACH ROW EXECUTE FUNCTION wb.check_automation();
INSERT INTO public.regress_theirs VALUES (1);
\echo :LAST_ERROR_SQLSTATE
SELECT wb.capture_run_metric();
DROP TABLE public.regress_mine, public.regress_theirs;

-- with SELECT on what it asks for, wb.start_run and wb.log serve her as well
GRANT SELECT ON wb.runs, wb.run_metrics TO regress_ann;
SET ROLE regress_ann;
SELECT wb.start_run(:project) AS run \gset
SELECT wb.log(:run, '{"loss": "NaN"}');
RESET ROLE;
SELECT automation_name FROM wb.executions WHERE run_id = :run;
