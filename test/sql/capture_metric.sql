-- Metric rows are judged one by one, in the order in which they arrive and
-- however they arrive; executions are exactly those of the committed rows.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_project('capture_metric', 'p') AS project \gset
SELECT wb.create_automation('high', wb.on_run_metric(wb.project('capture_metric', 'p'), wb.metric('loss', '>', 5)),
	wb.do_nothing(), cooldown => '0') \gset
SELECT wb.create_automation('mean', wb.on_run_metric(wb.project('capture_metric', 'p'), wb.avg('loss', '>', 5, 3)),
	wb.do_nothing(), cooldown => '0') \gset
PREPARE fired(bigint) AS
SELECT automation_name, string_agg(format('%s:%s', event->>'step', left(event->>'observed', 4)), ' ' ORDER BY id) AS steps
FROM wb.executions WHERE run_id = $1 GROUP BY automation_name ORDER BY automation_name;

-- rows in statements of their own
SELECT wb.start_run(:project) AS run \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 0, 1);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 1, 6);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 2, 9);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 3, 3);
EXECUTE fired(:run);

-- the same rows in one statement
SELECT wb.start_run(:project) AS run \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES
	(:run, 'loss', 0, 1), (:run, 'loss', 1, 6), (:run, 'loss', 2, 9), (:run, 'loss', 3, 3);
EXECUTE fired(:run);

-- in one transaction
SELECT wb.start_run(:project) AS run \gset
BEGIN;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 0, 1), (:run, 'loss', 1, 6);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 2, 9), (:run, 'loss', 3, 3);
COMMIT;
EXECUTE fired(:run);

-- COPY in the order of steps
INSERT INTO wb.runs (id, project_id) VALUES (91701, :project), (91702, :project), (91703, :project);
COPY wb.run_metrics (run_id, name, step, value) FROM stdin;
91701	loss	0	1
91701	loss	1	6
91701	loss	2	9
91701	loss	3	3
\.
EXECUTE fired(91701);

-- COPY in the opposite order: a late step goes to its place, and is judged
-- there
COPY wb.run_metrics (run_id, name, step, value) FROM stdin;
91702	loss	3	3
91702	loss	2	9
91702	loss	1	6
91702	loss	0	1
\.
EXECUTE fired(91702);

-- COPY shuffled
COPY wb.run_metrics (run_id, name, step, value) FROM stdin;
91703	loss	1	6
91703	loss	3	3
91703	loss	0	1
91703	loss	2	9
\.
EXECUTE fired(91703);

-- INSERT ... SELECT of several runs, against window functions
INSERT INTO wb.runs (id, project_id) SELECT g, :project FROM generate_series(91711, 91714) g;
INSERT INTO wb.run_metrics (run_id, name, step, value)
SELECT r, 'loss', s, (s * 7919 + r * 31) % 97 / 10.0 FROM generate_series(0, 99) s, generate_series(91711, 91714) r ORDER BY s, r;
SELECT count(*) AS expected, count(e.id) AS found, count(*) FILTER (WHERE e.observed IS DISTINCT FROM x.observed) AS wrong
FROM (SELECT run_id, step, 'high' AS automation, value AS observed FROM wb.run_metrics WHERE run_id BETWEEN 91711 AND 91714
	UNION ALL
	SELECT run_id, step, 'mean', CASE WHEN count(*) OVER w = 3 THEN avg(value) OVER w END
	FROM wb.run_metrics WHERE run_id BETWEEN 91711 AND 91714
	WINDOW w AS (PARTITION BY run_id ORDER BY step ROWS 2 PRECEDING)) x
FULL JOIN (SELECT id, run_id, automation_name, (event->>'step')::bigint AS step, (event->>'observed')::float8 AS observed
	FROM wb.executions WHERE run_id BETWEEN 91711 AND 91714) e
	ON (e.run_id, e.step, e.automation_name) = (x.run_id, x.step, x.automation)
WHERE x.observed > 5 OR e.id IS NOT NULL;

-- a step given again replaces, and its row is judged; the same value is no
-- news, and a row that ON CONFLICT leaves out is none
SELECT wb.start_run(:project) AS run \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT :run, 'loss', g, 1 FROM generate_series(0, 3) g;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 3, 6), (:run, 'loss', 2, 9)
ON CONFLICT (run_id, name, step) DO UPDATE SET value = excluded.value;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 3, 6), (:run, 'loss', 2, 9)
ON CONFLICT (run_id, name, step) DO UPDATE SET value = excluded.value;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 3, 50)
ON CONFLICT DO NOTHING;
EXECUTE fired(:run);

-- one upsert that replaces, adds, and reaches back
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 3, 6), (:run, 'loss', 4, 7), (:run, 'loss', 1, 30)
ON CONFLICT (run_id, name, step) DO UPDATE SET value = excluded.value;
EXECUTE fired(:run);

-- wb.log replaces alike
SELECT wb.log(:run, '{"loss": 8}', 4);
EXECUTE fired(:run);

-- UPDATE of values: each row sees those before it changed, and those after it
-- as they were
SELECT wb.start_run(:project) AS run \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 0, 1), (:run, 'loss', 1, 2), (:run, 'loss', 2, 3);
UPDATE wb.run_metrics SET value = value + 10 WHERE run_id = :run;
EXECUTE fired(:run);

-- UPDATE of another column, or of NaN to NaN, is no news
SELECT wb.create_automation('nan', wb.on_run_metric(wb.project('capture_metric', 'p'), wb.is_nan('gap')),
	wb.do_nothing(), cooldown => '0') \gset
SELECT wb.start_run(:project) AS run \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'gap', 0, 'NaN');
UPDATE wb.run_metrics SET value = 'NaN' WHERE run_id = :run;
UPDATE wb.run_metrics SET logged_at = logged_at - interval '1 hour' WHERE run_id = :run;
EXECUTE fired(:run);

-- UPDATE that moves steps: judged on the series as the statement leaves it
SELECT wb.start_run(:project) AS run \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES
	(:run, 'loss', 0, 1), (:run, 'loss', 1, 2), (:run, 'loss', 2, 3), (:run, 'loss', 3, 9);
UPDATE wb.run_metrics SET step = 13 - step WHERE run_id = :run;
EXECUTE fired(:run);
UPDATE wb.run_metrics SET step = 123 - step WHERE run_id = :run;
EXECUTE fired(:run);

-- UPDATE that moves points to another run, or gives them another name
SELECT wb.start_run(:project) AS other \gset
UPDATE wb.run_metrics SET run_id = :other WHERE run_id = :run AND step >= 112;
EXECUTE fired(:other);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:other, 'acc', 200, 20);
UPDATE wb.run_metrics SET name = 'loss' WHERE run_id = :other AND name = 'acc';
EXECUTE fired(:other);

-- a run and its metrics from one statement, either way round
\set run 91720
WITH r AS (INSERT INTO wb.runs (id, project_id) VALUES (:run, :project) RETURNING id)
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT id, 'loss', s, 5 + s FROM r, generate_series(0, 3) s;
EXECUTE fired(:run);
WITH m AS (INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT 91721, 'loss', s, 5 + s FROM generate_series(0, 3) s)
INSERT INTO wb.runs (id, project_id) VALUES (91721, :project);
EXECUTE fired(91721);

-- what a savepoint takes back leaves neither an execution nor a value behind
SELECT wb.start_run(:project) AS run \gset
BEGIN;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 0, 6);
SAVEPOINT a;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 1, 70), (:run, 'loss', 2, 70);
ROLLBACK TO SAVEPOINT a;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 1, 2);
SAVEPOINT b;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 2, 9);
RELEASE SAVEPOINT b;
COMMIT;
EXECUTE fired(:run);

-- nor does a transaction that is rolled back, or a statement that fails
BEGIN;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 3, 80);
ROLLBACK;
\set VERBOSITY terse
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 3, 90), (:run, 'loss', 2, 90);
\set VERBOSITY default
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 3, 8);
EXECUTE fired(:run);

-- with capture off nothing fires, and the values count afterwards
SELECT wb.start_run(:project) AS run \gset
SET wb_automations.capture = off;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 0, 20), (:run, 'loss', 1, 20);
EXECUTE fired(:run);
SET wb_automations.capture = on;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 2, 2);
EXECUTE fired(:run);

-- the same for rows that replication applies
\set run 91730
INSERT INTO wb.runs (id, project_id) VALUES (:run, :project);
SET session_replication_role = replica;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 0, 20), (:run, 'loss', 1, 20);
RESET session_replication_role;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 2, 2);
EXECUTE fired(:run);

-- an unknown run is refused, whether a rule is on the metric or not, and again
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (919901, 'loss', 0, 1);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (919901, 'loss', 0, 1);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (919901, 'unwatched', 0, 1);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (919901, 'unwatched', 0, 1);

-- one among known ones, and the statement leaves nothing
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'unwatched', 0, 1), (919902, 'unwatched', 0, 1);
SELECT count(*) FROM wb.run_metrics WHERE run_id = :run AND name = 'unwatched';

-- in a transaction after a savepoint too
BEGIN;
SAVEPOINT a;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (919903, 'unwatched', 0, 1);
ROLLBACK TO SAVEPOINT a;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (919903, 'unwatched', 0, 1);
ROLLBACK;

-- a run that was rolled back is unknown again
BEGIN;
INSERT INTO wb.runs (id, project_id) VALUES (919904, :project);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (919904, 'unwatched', 0, 1);
ROLLBACK;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (919904, 'unwatched', 0, 1);
BEGIN;
SAVEPOINT a;
INSERT INTO wb.runs (id, project_id) VALUES (919904, :project);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (919904, 'unwatched', 0, 1);
ROLLBACK TO SAVEPOINT a;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (919904, 'unwatched', 0, 1);
ROLLBACK;

-- deleting a run deletes its metrics and no others, and makes it unknown
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'unwatched', 0, 1), (:run, 'loss', 3, 6);
DELETE FROM wb.runs WHERE id = :run;
SELECT count(*) FROM wb.run_metrics WHERE run_id = :run;
SELECT count(*) FROM wb.run_metrics WHERE run_id = 91701;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'unwatched', 1, 1);
-- its history stays
EXECUTE fired(:run);

-- within one transaction as well
\set run 91731
INSERT INTO wb.runs (id, project_id) VALUES (:run, :project);
BEGIN;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'unwatched', 0, 1);
DELETE FROM wb.runs WHERE id = :run;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'unwatched', 1, 1);
ROLLBACK;

-- a user's trigger that derives a metric: both series are judged, each with
-- what was there before it
CREATE FUNCTION pg_temp.derive() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (NEW.run_id, 'double', NEW.step, 2 * NEW.value);
	RETURN NULL;
END $$;
SELECT wb.create_automation('double', wb.on_run_metric(wb.project('capture_metric', 'p'), wb.avg('double', '>', 10, 2)),
	wb.do_nothing(), cooldown => '0') \gset
SELECT wb.start_run(:project) AS run \gset
BEGIN;
CREATE TRIGGER a_derive AFTER INSERT ON wb.run_metrics FOR EACH ROW WHEN (NEW.name = 'loss') EXECUTE FUNCTION pg_temp.derive();
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES
	(:run, 'loss', 0, 4), (:run, 'loss', 1, 7), (:run, 'loss', 2, 4), (:run, 'loss', 3, 5);
DROP TRIGGER a_derive ON wb.run_metrics;
CREATE TRIGGER z_derive AFTER INSERT ON wb.run_metrics FOR EACH ROW WHEN (NEW.name = 'loss') EXECUTE FUNCTION pg_temp.derive();
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 4, 6), (:run, 'loss', 5, 6);
DROP TRIGGER z_derive ON wb.run_metrics;
COMMIT;
EXECUTE fired(:run);

-- every execution waits for the worker, with a delivery of its own
SELECT count(*) > 100 AS many, count(*) FILTER (WHERE e.state <> 'PENDING') AS settled, count(*) - count(d) AS without_delivery
FROM wb.executions e LEFT JOIN wb.deliveries d ON d.execution_id = e.id AND d.attempts = 0 AND d.integration_id = 0
WHERE e.project_id = :project;
