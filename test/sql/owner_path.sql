-- What runs as the owner of the tables in a user's session finds nothing that
-- the user made, whatever search_path the user has set.
\set SHOW_CONTEXT never
CREATE DATABASE regression_owner_path TEMPLATE template0;
\connect regression_owner_path
SET client_min_messages = error;
CREATE EXTENSION wb_automations;
SELECT wb.setup() \gset
CREATE ROLE regress_linker;
CREATE ROLE regress_bystander;
GRANT USAGE ON SCHEMA wb TO regress_linker;
GRANT SELECT, INSERT, UPDATE, DELETE ON wb.collections, wb.projects, wb.runs, wb.run_metrics TO regress_linker;
CREATE SCHEMA regress_linker AUTHORIZATION regress_linker;
SELECT wb.log_artifact(wb.create_project('owner_path', 'p'), 'model', 'model') \gset
SELECT wb.project_id('owner_path', 'p') AS project \gset
SELECT wb.create_automation('nan', wb.on_run_metric(wb.project('owner_path', 'p'), wb.is_nan('loss')), wb.do_nothing(), cooldown => '0') AS nan \gset
INSERT INTO wb.runs (id, project_id) SELECT i, :project FROM generate_series(1, 5) i;
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT i, 'accuracy', 1, 1 FROM generate_series(1, 5) i;

-- everything that the user makes takes a role for her where it is called as the owner
CREATE FUNCTION caught() RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	is_caught boolean := pg_has_role('regress_linker', 'regress_bystander', 'MEMBER');
BEGIN
	REVOKE regress_bystander FROM regress_linker;
	RETURN is_caught;
END $$;
SET ROLE regress_linker;
CREATE FUNCTION regress_linker.strike() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF current_user OPERATOR(pg_catalog.<>) 'regress_linker' THEN
		EXECUTE 'GRANT regress_bystander TO regress_linker';
	END IF;
END $$;
CREATE FUNCTION regress_linker.text_equals(text, text) RETURNS bool LANGUAGE plpgsql AS
	$$BEGIN PERFORM regress_linker.strike(); RETURN pg_catalog.texteq($1, $2); END$$;
CREATE FUNCTION regress_linker.bigint_equals(bigint, bigint) RETURNS bool LANGUAGE plpgsql AS
	$$BEGIN PERFORM regress_linker.strike(); RETURN pg_catalog.int8eq($1, $2); END$$;
CREATE OPERATOR regress_linker.= (leftarg = text, rightarg = text, procedure = regress_linker.text_equals);
CREATE OPERATOR regress_linker.= (leftarg = bigint, rightarg = bigint, procedure = regress_linker.bigint_equals);
SET search_path = regress_linker, pg_catalog;

-- a collection is deleted, and its automations with it
DELETE FROM wb.collections WHERE name OPERATOR(pg_catalog.=) 'model';
SELECT public.caught();
-- a run, and its metrics with it
DELETE FROM wb.runs WHERE id OPERATOR(pg_catalog.=) 1;
SELECT public.caught();
RESET ROLE;
RESET search_path;
SELECT count(*) FROM wb.run_metrics WHERE run_id = 1;
-- a project, and its runs, their metrics and its automations with it
SELECT wb.create_project('owner_path', 'q') AS other \gset
INSERT INTO wb.runs (id, project_id) VALUES (6, :other);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (6, 'loss', 1, 1);
SELECT wb.create_automation('high', wb.on_run_metric(wb.project('owner_path', 'q'), wb.metric('loss', '>', 1)), wb.do_nothing()) \gset
SET ROLE regress_linker;
SET search_path = regress_linker, pg_catalog;
DELETE FROM wb.projects WHERE name OPERATOR(pg_catalog.=) 'q';
SELECT public.caught();
RESET ROLE;
RESET search_path;
SELECT count(*) FROM wb.run_metrics WHERE run_id = 6;
SELECT name FROM wb.automations;

-- the owner has a trigger on history, so firings are written by SQL
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.why := lower(NEW.why::varchar);
	RETURN NEW;
END $$;
CREATE TRIGGER audit BEFORE INSERT ON wb.executions FOR EACH ROW EXECUTE FUNCTION audit();
SET ROLE regress_linker;
SET search_path = regress_linker, pg_catalog;
-- a function of the user's in front of the server's
CREATE FUNCTION regress_linker.lower(varchar) RETURNS text LANGUAGE plpgsql AS
	$$BEGIN PERFORM regress_linker.strike(); RETURN 'mine'; END$$;
CREATE FUNCTION regress_linker.lower(text) RETURNS text LANGUAGE plpgsql AS
	$$BEGIN PERFORM regress_linker.strike(); RETURN 'mine'; END$$;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (2, 'loss', 1, 'NaN');
SELECT public.caught();
-- a type of the same name among the temporary objects, with a check
CREATE FUNCTION regress_linker.struck(varchar) RETURNS bool LANGUAGE plpgsql AS
	$$BEGIN PERFORM regress_linker.strike(); RETURN true; END$$;
CREATE DOMAIN pg_temp.varchar AS pg_catalog.varchar CHECK (regress_linker.struck(VALUE));
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (2, 'loss', 2, 'NaN');
SELECT public.caught();
RESET ROLE;
RESET search_path;
DROP TRIGGER audit ON wb.executions;
SELECT event->>'step' AS step, why = lower(why) AND why <> 'mine' AS is_lower FROM wb.executions ORDER BY id;

-- the user is again who it was, with the same path, whatever became of the firing
SET ROLE regress_linker;
SET search_path = regress_linker, pg_catalog;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (3, 'loss', 1, 'NaN');
SELECT current_user, current_setting('search_path');
RESET ROLE;
RESET search_path;
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
	$$BEGIN RAISE EXCEPTION 'no'; END$$;
CREATE TRIGGER refuse BEFORE INSERT ON wb.executions FOR EACH ROW EXECUTE FUNCTION public.refuse();
CREATE TRIGGER refuse BEFORE DELETE ON wb.run_metrics FOR EACH ROW EXECUTE FUNCTION public.refuse();
SET ROLE regress_linker;
SET search_path = regress_linker, pg_catalog;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (3, 'loss', 2, 'NaN');
SELECT current_user, current_setting('search_path');
BEGIN;
SAVEPOINT s;
DELETE FROM wb.runs WHERE id OPERATOR(pg_catalog.=) 3;
ROLLBACK TO s;
SELECT current_user, current_setting('search_path');
SET LOCAL search_path = regress_linker;
SET LOCAL client_min_messages = warning;
DO $$
BEGIN
	DELETE FROM wb.runs WHERE id OPERATOR(pg_catalog.=) 3;
EXCEPTION WHEN raise_exception THEN
	RAISE WARNING '% %', current_user, pg_catalog.current_setting('search_path');
END $$;
SELECT current_user, current_setting('search_path');
COMMIT;
SELECT current_user, current_setting('search_path');
RESET ROLE;
RESET search_path;
DROP TRIGGER refuse ON wb.executions;
DROP TRIGGER refuse ON wb.run_metrics;
SELECT count(*) FROM wb.executions WHERE run_id = 3;

-- what the owner's own functions name without a schema they find among the
-- user's temporary tables: so each that sets no path is named, and what to do
SELECT ok, detail, hint FROM wb.status() WHERE item = 'functions';
CREATE TABLE log (why text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
	$$BEGIN INSERT INTO log VALUES (NEW.why); RETURN NEW; END$$;
CREATE FUNCTION is_long(text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$BEGIN RETURN length($1) > 3; END$$;
CREATE FUNCTION may_see(bigint) RETURNS boolean STABLE LANGUAGE sql SET search_path = pg_catalog AS 'SELECT $1 > 0';
CREATE FUNCTION standing() RETURNS boolean STABLE LANGUAGE sql RETURN true;
CREATE TRIGGER note AFTER INSERT ON wb.executions FOR EACH ROW EXECUTE FUNCTION note();
CREATE INDEX ON wb.executions (is_long(why));
ALTER TABLE wb.runs ADD CONSTRAINT named CHECK (is_long(name)) NOT VALID;
CREATE POLICY visible ON wb.deliveries USING (may_see(execution_id) AND standing());
CREATE FUNCTION is_wanted(bigint) RETURNS boolean STABLE LANGUAGE sql AS 'SELECT $1 > 0';
CREATE RULE unwanted AS ON INSERT TO wb.deliveries WHERE NOT is_wanted(NEW.execution_id) DO INSTEAD NOTHING;
SELECT ok, detail, hint FROM wb.status() WHERE item = 'functions';
SET client_min_messages = warning;
SELECT wb.setup() \gset
SET client_min_messages = error;
-- as it is said
ALTER FUNCTION public.note() SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION public.is_long(text) SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION public.is_wanted(bigint) SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION public.may_see(bigint) SET search_path = pg_catalog, pg_temp;
SELECT ok, detail, hint FROM wb.status() WHERE item = 'functions';
