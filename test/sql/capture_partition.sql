-- A wb.run_metrics that its owner partitioned by run_id is captured like a
-- plain table once wb.setup() has attached the triggers again.
\set SHOW_CONTEXT never
CREATE DATABASE regression_partition TEMPLATE template0;
\connect regression_partition
SET client_min_messages = error;
CREATE EXTENSION wb_automations;
SELECT wb.setup() \gset
SELECT wb.create_project('capture_partition', 'p') AS project \gset
INSERT INTO wb.runs (id, project_id) VALUES (10, :project), (20, :project), (1010, :project), (5000, :project);
SELECT wb.create_automation('high', wb.on_run_metric(wb.project('capture_partition', 'p'), wb.metric('loss', '>', 5)),
	wb.do_nothing(), cooldown => '0') \gset
SELECT wb.create_automation('mean', wb.on_run_metric(wb.project('capture_partition', 'p'), wb.avg('loss', '>', 5, 3)),
	wb.do_nothing(), cooldown => '0') \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (10, 'loss', 0, 4), (10, 'loss', 1, 4);
PREPARE fired(bigint) AS
SELECT automation_name, string_agg(format('%s:%s', event->>'step', left(event->>'observed', 4)), ' ' ORDER BY id) AS steps
FROM wb.executions WHERE run_id = $1 GROUP BY automation_name ORDER BY automation_name;

BEGIN;
ALTER TABLE wb.run_metrics RENAME TO old_metrics;
ALTER TABLE wb.old_metrics RENAME CONSTRAINT run_metrics_pkey TO old_metrics_pkey;
DROP TRIGGER wb_capture ON wb.old_metrics;
DROP TRIGGER wb_lost ON wb.old_metrics;
CREATE TABLE wb.run_metrics (LIKE wb.old_metrics INCLUDING DEFAULTS INCLUDING CONSTRAINTS, PRIMARY KEY (run_id, name, step))
	PARTITION BY RANGE (run_id);
CREATE TABLE wb.run_metrics_0 PARTITION OF wb.run_metrics FOR VALUES FROM (0) TO (1000);
CREATE TABLE wb.run_metrics_1 PARTITION OF wb.run_metrics FOR VALUES FROM (1000) TO (2000);
CREATE TABLE wb.run_metrics_rest PARTITION OF wb.run_metrics DEFAULT;
SET LOCAL wb_automations.capture = off;
INSERT INTO wb.run_metrics SELECT * FROM wb.old_metrics;
SELECT wb.setup() \gset
COMMIT;

-- the copy fired nothing, and a second wb.setup() changes nothing
SELECT wb.setup() \gset
SELECT count(*) FROM wb.executions;
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgfoid = 'wb.capture_run_metric'::regproc ORDER BY tgrelid::regclass::text, tgname;

-- a window reaches back to the rows that were copied
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (10, 'loss', 2, 9);
EXECUTE fired(10);

-- one statement into all partitions: each series is judged row by row
COPY wb.run_metrics (run_id, name, step, value) FROM stdin;
20	loss	0	1
1010	loss	0	9
5000	loss	0	3
20	loss	1	6
1010	loss	1	3
5000	loss	1	6
20	loss	2	9
1010	loss	2	6
5000	loss	2	9
5000	loss	3	0
\.
EXECUTE fired(20);
EXECUTE fired(1010);
EXECUTE fired(5000);

-- a row written to a partition directly
INSERT INTO wb.run_metrics_1 (run_id, name, step, value) VALUES (1010, 'loss', 3, 8);
EXECUTE fired(1010);

-- upsert, and an UPDATE that moves a point to another partition
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (20, 'loss', 2, 10)
ON CONFLICT (run_id, name, step) DO UPDATE SET value = excluded.value;
EXECUTE fired(20);
UPDATE wb.run_metrics SET run_id = 5000, step = 4 WHERE run_id = 20 AND step = 2;
EXECUTE fired(5000);

-- unknown runs are refused, and deleting a run deletes its metrics
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (1999, 'loss', 0, 1);
\echo :LAST_ERROR_SQLSTATE
DELETE FROM wb.runs WHERE id IN (10, 5000);
SELECT run_id, count(*) FROM wb.run_metrics GROUP BY run_id ORDER BY run_id;

-- a partition made later is captured too
CREATE TABLE wb.run_metrics_9 PARTITION OF wb.run_metrics FOR VALUES FROM (9000) TO (10000);
INSERT INTO wb.runs (id, project_id) VALUES (9000, :project);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (9000, 'loss', 0, 7);
EXECUTE fired(9000);

-- one that another role owns is not
CREATE ROLE regress_partition_owner;
ALTER TABLE wb.run_metrics_9 OWNER TO regress_partition_owner;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (9000, 'loss', 1, 7);
\echo :LAST_ERROR_SQLSTATE
