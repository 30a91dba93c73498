-- What a baseline of other runs may cost the writer of a point, counted in
-- looks into indexes.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_project('baseline_cost', 'p') AS project \gset
CREATE FUNCTION pg_temp.looks() RETURNS bigint LANGUAGE sql VOLATILE AS $$
	SELECT pg_stat_get_xact_numscans('wb.run_metrics'::regclass) + coalesce(sum(pg_stat_get_xact_numscans(indexrelid)), 0)::bigint
	FROM pg_index WHERE indrelid = 'wb.run_metrics'::regclass;
$$;
CREATE FUNCTION pg_temp.looks_of(run bigint, step bigint, value float8) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	before bigint := pg_temp.looks();
BEGIN
	INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (run, 'loss', step, value);
	RETURN pg_temp.looks() - before;
END $$;
-- a baseline of more than 100 runs is refused
SELECT wb.create_automation('large', wb.on_run_metric(wb.project('baseline_cost', 'p'), wb.zscore('loss', 101, 3, baseline => 'project_runs')), wb.do_nothing());
-- runs without the metric are passed over, and not all of them
SELECT wb.create_automation('high', wb.on_run_metric(wb.project('baseline_cost', 'p'), wb.zscore('loss', 100, 3, baseline => 'project_runs')), wb.do_nothing()) \gset
INSERT INTO wb.runs (project_id, name) SELECT :project, 'empty ' || n FROM generate_series(1, 1500) n;
SELECT wb.start_run(:project) AS run \gset
SELECT pg_temp.looks_of(:run, 1, 1) <= 1010 AS is_bounded;
-- within its cooldown an automation reads no baseline
INSERT INTO wb.runs (project_id, name) SELECT :project, 'full ' || n FROM generate_series(1, 100) n;
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT id, 'loss', 1, id % 7 FROM wb.runs WHERE project_id = :project AND name LIKE 'full %';
SELECT pg_temp.looks_of(:run, 2, 100) >= 100 AS fires;
SELECT pg_temp.looks_of(:run, 3, 100) >= 100 AS notes_its_cooldown;
SELECT pg_temp.looks_of(:run, 4, 100) < 10 AS is_quiet;
SELECT state FROM wb.executions WHERE project_id = :project ORDER BY id;
