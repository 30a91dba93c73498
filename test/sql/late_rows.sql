-- Every row is judged once, at its own step: on the newest points at or before
-- it, of the table as it was before the statement and of those rows of the
-- statement that were judged already.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_project('late_rows', 'p') AS project \gset
-- rules that always hold show what each row was judged on
CREATE FUNCTION pg_temp.rules(project bigint, metric text) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(wb.create_automation(format('%s of %s', size, metric), wb.on_run_metric(wb.project('late_rows', 'p'), wb.max(metric, '>', -1, size)),
		wb.do_nothing(), cooldown => '0')) FROM unnest('{1,3,20}'::int[]) size $$;
SELECT pg_temp.rules(:project, 'loss');
CREATE FUNCTION pg_temp.judged(run bigint, size int) RETURNS TABLE (step bigint, judged text) LANGUAGE sql AS $$
	WITH gone AS (DELETE FROM wb.executions WHERE run_id = run RETURNING id, automation_name, event)
	SELECT (event->>'step')::bigint, translate(event->>'metricValues', ' ', '') FROM gone WHERE automation_name = size || ' of loss' ORDER BY id $$;

-- a straggler, and a value that is replaced, are judged where they stand; what
-- comes after them is not judged again
SELECT wb.start_run(:project) AS run \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT :run, 'loss', s, s FROM generate_series(10, 100, 10) s;
SELECT count(*) FROM pg_temp.judged(:run, 3);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 55, 55);
SELECT * FROM pg_temp.judged(:run, 3);
UPDATE wb.run_metrics SET value = 31 WHERE run_id = :run AND step = 30;
SELECT * FROM pg_temp.judged(:run, 3);
-- the same value again is no news
UPDATE wb.run_metrics SET value = 31 WHERE run_id = :run AND step = 30;
SELECT * FROM pg_temp.judged(:run, 3);
-- before there are enough points there is no verdict
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 5, 5), (:run, 'loss', 15, 15);
SELECT * FROM pg_temp.judged(:run, 3);
-- a rule on the row alone sees the oldest row of all
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', -9223372036854775808, 1);
SELECT * FROM pg_temp.judged(:run, 1);

-- a counter that restarts at 0, row by row
SELECT wb.start_run(:project) AS run \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT :run, 'loss', s, s FROM generate_series(1000, 1100) s;
SELECT count(*) FROM pg_temp.judged(:run, 3);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 0, 0);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 1, 1);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 2, 2);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 3, 3);
SELECT * FROM pg_temp.judged(:run, 3);

-- a resumed run in one statement sees its own rows, and those before the
-- checkpoint; in whatever order, and not those that come later in the statement
SELECT wb.start_run(:project) AS run \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT :run, 'loss', s, s FROM generate_series(0, 3000, 100) s;
SELECT count(*) FROM pg_temp.judged(:run, 3);
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT :run, 'loss', s, -s FROM (VALUES (1, 1050), (2, 1150), (3, 1250), (4, 1151), (5, 1049)) v(n, s) ORDER BY n;
SELECT * FROM pg_temp.judged(:run, 3);
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT :run, 'loss', s, s + 0.5 FROM generate_series(1000, 1300, 100) s ORDER BY s DESC
ON CONFLICT (run_id, name, step) DO UPDATE SET value = excluded.value;
SELECT * FROM pg_temp.judged(:run, 3);

-- every order gives what an oracle gives, for windows that are read from the
-- table and for those that are not
CREATE TEMP TABLE arrivals AS SELECT o.n AS shape, s.step, s.step + o.n / 10.0 AS value,
	row_number() OVER (PARTITION BY o.n ORDER BY CASE o.n WHEN 1 THEN s.step WHEN 2 THEN -s.step WHEN 3 THEN s.step * 7919 % 1009 ELSE s.step % 7 * 100000 + s.step END) AS n
FROM generate_series(1, 4) o(n), generate_series(1, 1500) s(step);
CREATE TEMP TABLE run_of AS SELECT o AS shape, wb.start_run(:project) AS run FROM generate_series(1, 4) o;
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT run, 'loss', s * 2, s * 2 FROM run_of, generate_series(1, 1000) s;
DELETE FROM wb.executions WHERE project_id = :project;
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT run, 'loss', step, value FROM arrivals JOIN run_of USING (shape) ORDER BY shape, n
ON CONFLICT (run_id, name, step) DO UPDATE SET value = excluded.value;
CREATE TEMP TABLE points (step bigint PRIMARY KEY, value float8);
CREATE TEMP TABLE expected (run bigint, size int, step bigint, judged jsonb);
DO $$
DECLARE
	a record;
BEGIN
	FOR a IN SELECT * FROM arrivals JOIN run_of USING (shape) ORDER BY shape, n LOOP
		IF a.n = 1 THEN
			TRUNCATE points;
			INSERT INTO points SELECT s * 2, s * 2 FROM generate_series(1, 1000) s;
		END IF;
		INSERT INTO points VALUES (a.step, a.value) ON CONFLICT (step) DO UPDATE SET value = excluded.value;
		INSERT INTO expected SELECT a.run, size, a.step, w.judged FROM unnest('{1,3,20}'::int[]) size,
			LATERAL (SELECT jsonb_agg(p.value ORDER BY p.step) AS judged FROM (SELECT * FROM points WHERE step <= a.step ORDER BY step DESC LIMIT size) p) w
		WHERE jsonb_array_length(w.judged) = size;
	END LOOP;
END $$;
SELECT count(x) AS due, count(*) FILTER (WHERE e IS NULL) AS missing, count(*) FILTER (WHERE x IS NULL) AS extra, count(*) FILTER (WHERE x.judged <> e.judged) AS otherwise
FROM expected x FULL JOIN (SELECT run_id AS run, split_part(automation_name, ' ', 1)::int AS size, (event->>'step')::bigint AS step, event->'metricValues' AS judged
	FROM wb.executions WHERE project_id = :project) e USING (run, size, step);

-- a window that a plain COPY of a resumed run needs is its own
SELECT wb.start_run(:project) AS run \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT :run, 'loss', s, s FROM generate_series(0, 2000, 10) s;
DELETE FROM wb.executions WHERE run_id = :run;
CREATE TEMP TABLE stream AS SELECT :run AS run_id, 'loss' AS name, s AS step, 5000 + s AS value FROM generate_series(1001, 1499) s WHERE s % 10 <> 0;
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT * FROM stream ORDER BY step;
SELECT * FROM pg_temp.judged(:run, 3) LIMIT 4;

-- NaN has its place in a window and is left out of what is computed; with no
-- number there is no verdict, and two make a deviation
CREATE FUNCTION pg_temp.try(metric jsonb, VARIADIC v float8[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	automation bigint := wb.create_automation('try', wb.on_run_metric(wb.project('late_rows', 'p'), metric), wb.do_nothing(), cooldown => '0');
	run bigint := wb.start_run(wb.create_project('late_rows', 'p'));
	fired text;
BEGIN
	INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT run, 'x', n, u FROM unnest(v) WITH ORDINALITY u(u, n);
	SELECT string_agg(format('%s: %s', event->>'step', event->>'observed'), ', ' ORDER BY id) INTO fired FROM wb.executions WHERE automation_id = automation;
	PERFORM wb.delete_automation(automation);
	RETURN fired;
END $$;
SELECT pg_temp.try(wb.avg('x', '>', 0, 3), 1, 'NaN', 3, 'NaN', 'NaN', 'NaN', 5) AS avg, pg_temp.try(wb.min('x', '>', 0, 2), 'NaN', 2, 1, 'NaN', 'NaN') AS min,
	pg_temp.try(wb.max('x', '>', 0, 2), 2, 'NaN', 'NaN', 4) AS max, pg_temp.try(wb.avg('x', '<>', 9, 2), 'NaN', 'NaN', 9, 'NaN', 8) AS other;
SELECT pg_temp.try(wb.zscore('x', 4, 3), 1, 2, 'NaN', 'NaN', 9) AS two, pg_temp.try(wb.zscore('x', 4, 3), 1, 'NaN', 'NaN', 'NaN', 9) AS one,
	pg_temp.try(wb.zscore('x', 2, 3), 1, 2, 'NaN', 9) AS newest;
SELECT pg_temp.try(wb.changes_by('x', diff => 3, window_size => 2, prior_window_size => 2), 1, 'NaN', 'NaN', 5, 'NaN', 'NaN') AS change,
	pg_temp.try(wb.changes_by('x', diff => 3, agg => NULL), 1, 'NaN', 5, 9) AS step, pg_temp.try(wb.plateau('x', 2, 2, 0.1), 1, 'NaN', 'NaN', 1, 'NaN', 'NaN') AS plateau;
-- of the row itself, comparisons are IEEE's
SELECT pg_temp.try(wb.metric('x', '<>', 1), 'NaN') AS other, pg_temp.try(wb.metric('x', '>', 1), 'NaN') AS above, pg_temp.try(wb.metric('x', '<=', 1), 'NaN') AS below;
-- infinities take part
SELECT pg_temp.try(wb.avg('x', '>', 1e300, 3), 1, 'Infinity', 'NaN') AS avg, pg_temp.try(wb.zscore('x', 2, 3), 'Infinity', 1, 5) AS zscore;

-- equal values have themselves as their mean, and no deviation
SELECT pg_temp.try(wb.zscore('x', 10, 3), VARIADIC array_fill(0.001::float8, '{20}')) AS zscore,
	pg_temp.try(wb.avg('x', '<>', 0.1, 10), VARIADIC array_fill(0.1::float8, '{20}')) AS avg,
	pg_temp.try(wb.changes_by('x', diff => 1e-300, window_size => 3, prior_window_size => 7), VARIADIC array_fill(0.1::float8, '{20}')) AS change,
	pg_temp.try(wb.zscore('x', 30, 3), VARIADIC array_fill(0.1::float8, '{60}')) AS running;
SELECT wb.window_avg(v, 10) = 0.1 AS avg, wb.window_stddev(v, 10) AS stddev, wb.window_zscore(v, 10) AS zscore FROM unnest(array_fill(0.1::float8, '{12}')) v;

-- a series that did not follow a row is not kept: the filter is off for one
SELECT wb.create_automation('tagged', wb.on_run_metric(wb.project('late_rows', 'p'), wb.max('kept', '>', 100, 3), wb.where('tags', 'contains', 'on')), wb.do_nothing(), cooldown => '0') \gset
SELECT wb.start_run(:project, tags => '{on}') AS run \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'kept', 1, 1);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'kept', 2, 2);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'kept', 3, 3);
BEGIN;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'kept', 4, 4);
UPDATE wb.runs SET tags = '{}' WHERE id = :run;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'kept', 5, 1000);
UPDATE wb.runs SET tags = '{on}' WHERE id = :run;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'kept', 6, 6);
COMMIT;
SELECT event->>'step' AS step, event->>'metricValues' AS judged FROM wb.executions WHERE run_id = :run ORDER BY id;

-- COPY FREEZE cannot be judged, and says so once; a run that is not there is
-- still refused
SET client_min_messages = warning;
CREATE DATABASE regression_late_rows TEMPLATE template0;
\connect regression_late_rows
SET client_min_messages = error;
CREATE EXTENSION wb_automations;
SELECT wb.setup() \gset
INSERT INTO wb.runs (id, project_id) VALUES (1, wb.create_project('late_rows', 'p'));
SELECT wb.create_automation('all', wb.on_run_metric(wb.project('late_rows', 'p'), wb.max('loss', '>', -1, 3)), wb.do_nothing(), cooldown => '0') \gset
SET client_min_messages = warning;
BEGIN;
TRUNCATE wb.run_metrics;
COPY wb.run_metrics (run_id, name, step, value) FROM stdin (FREEZE);
1	loss	1	1
1	loss	2	2
1	loss	3	3
1	loss	4	4
\.
COMMIT;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (1, 'loss', 5, 5);
SELECT event->>'step' AS step, event->>'metricValues' AS judged FROM wb.executions ORDER BY id;
BEGIN;
TRUNCATE wb.run_metrics;
COPY wb.run_metrics (run_id, name, step, value) FROM stdin (FREEZE);
2	loss	1	1
\.
ROLLBACK;
\connect contrib_regression
DROP DATABASE regression_late_rows;
