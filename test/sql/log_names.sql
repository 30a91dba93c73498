-- wb.log: a name that a document gives twice, and a search for a step that
-- others keep taking.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.start_run(wb.create_project('log_names', 'p')) AS run \gset
SET statement_timeout = '60s';

-- a name is logged once, and the last value in the document wins; also with a step
SELECT wb.log(:run, '{"a": {"b": 1}, "a.b": 2, "c": 3}') AS step;
SELECT wb.log(:run, '{"a": {"b": 4}, "a.b": 5}', 7) AS step;
SELECT name, step, value FROM wb.run_metrics WHERE run_id = :run ORDER BY step, name;

-- names are written in one order, whatever that of the document, so that two
-- sessions which log the same names cannot wait for each other
SELECT wb.start_run(wb.project_id('log_names', 'p')) AS ordered \gset
SELECT wb.log(:ordered, '{"z": 1, "bb": 2, "a": {"zz": 3}}') AS step;
SELECT name FROM wb.run_metrics WHERE run_id = :ordered ORDER BY ctid;

-- where another session takes every step just before, the search ends with an
-- error, after as many transaction ids as it has tries
CREATE EXTENSION IF NOT EXISTS dblink SCHEMA public;
CREATE FUNCTION public.log_names_rival() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF current_setting('application_name') <> 'rival' THEN
		PERFORM public.dblink_exec(format('dbname=%s host=%s port=%s user=%s application_name=rival', current_database(),
			split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_user),
			format('INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (%s, %L, %s, 0)', NEW.run_id, NEW.name, NEW.step));
	END IF;
	RETURN NEW;
END $$;
SELECT wb.start_run(wb.project_id('log_names', 'p')) AS contended \gset
CREATE TRIGGER log_names_rival BEFORE INSERT ON wb.run_metrics FOR EACH ROW WHEN (NEW.name = 'contended') EXECUTE FUNCTION public.log_names_rival();
\set VERBOSITY sqlstate
SELECT wb.log(:contended, '{"contended": 1}');
\set VERBOSITY default
SELECT count(*) AS tries FROM wb.run_metrics WHERE run_id = :contended;
DROP TRIGGER log_names_rival ON wb.run_metrics;
DROP FUNCTION public.log_names_rival();
DROP EXTENSION dblink;
