-- Whoever waits for patterns can stop waiting: a statement whose rows meet a
-- slow pattern is cancelled by statement_timeout, and leaves nothing.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_project('filter_cancel', 'p') AS project \gset
-- the engine makes a new state of its automaton for nearly every character of these
SELECT wb.create_automation('slow', wb.on_run_state(wb.project('filter_cancel', 'p'), '{running}', wb."where"('display_name', '~', '[ab]*a[ab]{200}c')), wb.do_nothing()) \gset
CREATE TEMP TABLE names AS SELECT n, (SELECT string_agg(translate(md5(concat(n, ' ', g)), '0123456789cdef', 'aaaaabbbbbabab'), '') FROM generate_series(1, 128) g) AS name FROM generate_series(1, 700) n;
-- all of it takes many seconds, a single match some milliseconds, the insertion alone next to nothing
SET statement_timeout = '500ms';
INSERT INTO wb.runs (project_id, name, display_name) SELECT :project, 'r' || n, name FROM names;
\echo :LAST_ERROR_SQLSTATE
RESET statement_timeout;
SELECT count(*) FROM wb.runs WHERE project_id = :project;
-- the session goes on as before
INSERT INTO wb.runs (project_id, name, display_name) VALUES (:project, 'match', 'a' || repeat('ab', 100) || 'c'), (:project, 'none', 'abc');
SELECT r.name FROM wb.executions e JOIN wb.runs r ON r.id = e.run_id WHERE e.project_id = :project;
