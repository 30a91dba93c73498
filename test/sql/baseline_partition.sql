-- A z-score against the other runs of a project looks for each of them in its
-- own partition of wb.run_metrics, whichever partition the new row went to.
\set SHOW_CONTEXT never
CREATE DATABASE regression_baseline_partition TEMPLATE template0;
\connect regression_baseline_partition
SET client_min_messages = error;
CREATE EXTENSION wb_automations;
SELECT wb.setup() \gset
SELECT wb.create_project('baseline_partition', 'p') AS project \gset
SELECT wb.create_automation('unlike', wb.on_run_metric(wb.project('baseline_partition', 'p'), wb.zscore('acc', 6, 3, baseline => 'project_runs')),
	wb.do_nothing(), cooldown => '0') \gset
INSERT INTO wb.runs (id, project_id) SELECT id, :project FROM unnest('{10,20,1010,1020,1500,2010,2020,9000,9010}'::bigint[]) id;

-- by range of runs, one range by the hash of the run and the name, one by name, and a partition for the rest
DROP TABLE wb.run_metrics;
CREATE TABLE wb.run_metrics (run_id bigint NOT NULL, name text NOT NULL, step bigint NOT NULL, value float8 NOT NULL,
	logged_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (run_id, name, step)) PARTITION BY RANGE (run_id);
CREATE TABLE wb.metrics_0 PARTITION OF wb.run_metrics FOR VALUES FROM (0) TO (1000);
CREATE TABLE wb.metrics_1 PARTITION OF wb.run_metrics FOR VALUES FROM (1000) TO (2000) PARTITION BY HASH (name, run_id);
CREATE TABLE wb.metrics_1a PARTITION OF wb.metrics_1 FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE wb.metrics_1b PARTITION OF wb.metrics_1 FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE wb.metrics_1c PARTITION OF wb.metrics_1 FOR VALUES WITH (MODULUS 3, REMAINDER 2);
-- its columns stand in another order
CREATE TABLE wb.metrics_2 (value float8 NOT NULL, gone int, step bigint NOT NULL, logged_at timestamptz NOT NULL DEFAULT now(), name text NOT NULL, run_id bigint NOT NULL)
	PARTITION BY LIST (name);
ALTER TABLE wb.metrics_2 DROP COLUMN gone;
ALTER TABLE wb.run_metrics ATTACH PARTITION wb.metrics_2 FOR VALUES FROM (2000) TO (3000);
CREATE TABLE wb.metrics_2_acc PARTITION OF wb.metrics_2 FOR VALUES IN ('acc', 'val/acc');
CREATE TABLE wb.metrics_2_rest PARTITION OF wb.metrics_2 DEFAULT;
CREATE TABLE wb.metrics_rest PARTITION OF wb.run_metrics DEFAULT;
SELECT wb.setup() \gset

-- the first value of each is far from the others, and does not count; other metrics neither
INSERT INTO wb.run_metrics (run_id, name, step, value)
SELECT id, n, s, CASE WHEN s = 1 OR n <> 'acc' THEN 50 ELSE 0.5 + id % 3 * 0.01 END FROM unnest('{10,1010,1020,1500,2010,9000}'::bigint[]) id, unnest('{acc,loss}'::text[]) n, generate_series(1, 2) s;
SELECT tableoid::regclass, count(*) > 0 AS has_acc FROM wb.run_metrics WHERE name = 'acc' GROUP BY 1 ORDER BY 1;

-- a row in any partition is compared with all six
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (20, 'acc', 1, 0.9);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (2020, 'acc', 1, 0.5);
INSERT INTO wb.metrics_rest (run_id, name, step, value) VALUES (9010, 'acc', 1, 0.1);
SELECT run_id, round((event->>'observed')::numeric, 2) AS observed, event->'metricValues' AS judged FROM wb.executions ORDER BY id;
DELETE FROM wb.run_metrics WHERE run_id IN (20, 2020, 9010);

-- a partition of another owner is not read, and then there are too few
CREATE ROLE regress_baseline_owner;
ALTER TABLE wb.metrics_2_acc OWNER TO regress_baseline_owner;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (20, 'acc', 1, 0.9);
SELECT count(*) FROM wb.executions;
DELETE FROM wb.run_metrics WHERE run_id = 20;
ALTER TABLE wb.metrics_2_acc OWNER TO CURRENT_USER;
DROP ROLE regress_baseline_owner;

-- nor one that was detached, and one of a key that a series does not have is passed over
ALTER TABLE wb.run_metrics DETACH PARTITION wb.metrics_2;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (20, 'acc', 1, 0.9);
DELETE FROM wb.run_metrics WHERE run_id = 20;
CREATE TABLE wb.metrics_3 PARTITION OF wb.run_metrics FOR VALUES FROM (2000) TO (3000) PARTITION BY RANGE (step);
CREATE TABLE wb.metrics_3a PARTITION OF wb.metrics_3 DEFAULT;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (2010, 'acc', 1, 0.5);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (20, 'acc', 1, 0.9);
SELECT count(*) FROM wb.executions;
