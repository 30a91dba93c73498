-- A session keeps the points of a metric from one statement to the next, and
-- reads them again whenever that could make a difference.  Each line shows the
-- window that the row was judged against, and whether it was read or kept.
\set SHOW_CONTEXT never
SET client_min_messages = error;
CREATE DATABASE regression_series_kept TEMPLATE template0;
\connect regression_series_kept
SET client_min_messages = error;
CREATE EXTENSION wb_automations;
SELECT wb.setup() \gset
SELECT wb.create_project('series_kept', 'p') AS project \gset
INSERT INTO wb.runs (id, project_id) SELECT g, :project FROM generate_series(1, 2000) g;
SELECT wb.create_automation('three', wb.on_run_metric(wb.project('series_kept', 'p'), wb.max('loss', '>', -1, 3)),
	wb.do_nothing(), cooldown => '0') AS three \gset

CREATE FUNCTION reads() RETURNS bigint LANGUAGE sql AS
'SELECT coalesce(sum(idx_scan), 0)::bigint FROM pg_stat_xact_user_tables WHERE relname LIKE ''run_metrics%''';
CREATE FUNCTION judged(bigint) RETURNS text LANGUAGE sql AS
'SELECT event->>''metricValues'' FROM wb.executions WHERE run_id = $1 ORDER BY id DESC LIMIT 1';
CREATE FUNCTION put(at bigint, run bigint = 1) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	before bigint := reads();
BEGIN
	INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (run, 'loss', at, at);
	RETURN format('%s %s', judged(run), CASE WHEN reads() = before THEN 'kept' ELSE 'read' END);
END $$;
SELECT put(1), put(2), put(3);

-- kept: over statements, transactions and isolation levels
SELECT put(4);
SELECT put(5);
BEGIN; SELECT put(6); SELECT put(7); COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT put(8); SELECT put(9); COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT put(10); COMMIT;
SELECT put(11);

-- kept: a late step, one that is too late, one that is replaced
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (1, 'loss', 20, 20), (1, 'loss', 30, 30);
SELECT put(25);
SELECT put(12);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (1, 'loss', 30, 31)
ON CONFLICT (run_id, name, step) DO UPDATE SET value = excluded.value;
SELECT put(40);
UPDATE wb.run_metrics SET value = 32 WHERE run_id = 1 AND step = 30;
SELECT put(41);

-- dropped: what a transaction or savepoint did is undone
BEGIN; SELECT put(50); ROLLBACK;
SELECT put(51);
BEGIN; SELECT put(52); SAVEPOINT s; SELECT put(53); ROLLBACK TO s; SELECT put(54); SELECT put(55); COMMIT;
SELECT put(56);
DO $$
BEGIN
	PERFORM put(57);
	RAISE division_by_zero;
EXCEPTION WHEN division_by_zero THEN
	NULL;
END $$;
SELECT put(58);

-- dropped: points go, or go elsewhere
SELECT put(60);
DELETE FROM wb.run_metrics WHERE run_id = 1 AND step = 60;
SELECT put(61);
UPDATE wb.run_metrics SET step = 1000 WHERE run_id = 1 AND step = 61;
SELECT put(1001);
UPDATE wb.run_metrics SET name = 'other' WHERE run_id = 1 AND step = 1001;
SELECT put(1002);
UPDATE wb.run_metrics SET run_id = 2 WHERE run_id = 1 AND step = 1002;
SELECT put(1003);
BEGIN; DELETE FROM wb.run_metrics WHERE run_id = 1 AND step = 1003; ROLLBACK;
SELECT put(1004);
-- in the very command that writes; what it deletes it still sees
WITH gone AS (DELETE FROM wb.run_metrics WHERE run_id = 1 AND step >= 1003 RETURNING 1)
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT 1, 'loss', 1005, 1005;
SELECT judged(1);
SELECT put(1006);
BEGIN; TRUNCATE wb.run_metrics; SELECT put(1), put(2), put(3); TRUNCATE wb.run_metrics; SELECT put(4); ROLLBACK;
SELECT put(1007);
TRUNCATE wb.run_metrics;
SELECT put(1), put(2), put(3);
SELECT put(4);
SELECT put(5);

-- dropped: points come that are not judged
SET wb_automations.capture = off;
SELECT put(6);
RESET wb_automations.capture;
SELECT put(7);
SELECT put(8);
SET session_replication_role = replica;
SELECT put(9);
RESET session_replication_role;
SELECT put(10);
ALTER TABLE wb.run_metrics DISABLE TRIGGER wb_capture;
SELECT put(11);
ALTER TABLE wb.run_metrics ENABLE ALWAYS TRIGGER wb_capture;
SELECT put(12);
SELECT put(13);
UPDATE wb.automations SET enabled = false;
SELECT put(14);
UPDATE wb.automations SET enabled = true;
SELECT put(15);
SELECT put(16);

-- never kept: a table that does not tell of everything, or a session that
-- wants no memory for it
ALTER TABLE wb.run_metrics ENABLE TRIGGER wb_capture;
SELECT put(17), put(18);
ALTER TABLE wb.run_metrics ENABLE ALWAYS TRIGGER wb_capture;
DROP TRIGGER wb_lost ON wb.run_metrics;
SELECT put(19), put(20);
SELECT wb.setup() \gset
SELECT put(21);
SELECT put(22);
SET wb_automations.series_memory = 0;
SELECT put(23), put(24);
RESET wb_automations.series_memory;
SELECT put(25);
SELECT put(26);

-- read again: a rule with a larger window
SELECT wb.create_automation('five', wb.on_run_metric(wb.project('series_kept', 'p'), wb.max('loss', '>', -1, 5)),
	wb.do_nothing(), cooldown => '0') AS five \gset
SELECT put(27);
SELECT put(28);
SELECT wb.delete_automation(:five) \gset

-- a prepared transaction is one that is open, whoever commits it
SELECT put(29);
BEGIN;
SELECT put(30);
PREPARE TRANSACTION 'series_kept';
SELECT put(31);
SELECT put(32);
COMMIT PREPARED 'series_kept';
SELECT put(33);
SELECT put(34);

-- a statement inside another one's trigger: neither follows the other's rows,
-- and who comes next sees both
CREATE FUNCTION echo() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (NEW.run_id, 'loss', NEW.step + 1, NEW.value + 1);
	RETURN NULL;
END $$;
CREATE TRIGGER wb_a_echo AFTER INSERT ON wb.run_metrics FOR EACH ROW WHEN (NEW.step IN (100, 200)) EXECUTE FUNCTION echo();
SELECT put(99);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (1, 'loss', 100, 100), (1, 'loss', 110, 110);
SELECT event->>'step' AS step, event->>'metricValues' AS judged FROM wb.executions
WHERE run_id = 1 AND (event->>'step')::bigint BETWEEN 99 AND 110 ORDER BY id;
SELECT put(111);
-- a function within the statement
CREATE FUNCTION inner_row(at bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (1, 'loss', at, at);
	RETURN at + 10;
END $$;
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT 1, 'loss', inner_row(s), s + 10 FROM (VALUES (120), (121)) v(s);
SELECT event->>'step' AS step, event->>'metricValues' AS judged FROM wb.executions
WHERE run_id = 1 AND (event->>'step')::bigint BETWEEN 120 AND 131 ORDER BY id;
SELECT put(132);
SELECT put(133);

-- more series than there is memory for: those that were used last are kept
SET wb_automations.series_memory = '256kB';
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT r, 'loss', s, s FROM generate_series(1, 3) s, generate_series(3, 2000) r;
SELECT count(*) FILTER (WHERE put LIKE '[2, 3, 4] %') AS right FROM (SELECT put(4, r) FROM generate_series(3, 2000) r) p;
SELECT put(5, 2000), put(5, 3);
SELECT sum(total_bytes) < 600000 AS is_bounded FROM pg_backend_memory_contexts WHERE name LIKE 'wb series%';


-- partitions: each tells of its own rows, wherever the statement was aimed at,
-- and a row that moves from one to another leaves the one and arrives in the other
RESET wb_automations.series_memory;
DROP TRIGGER wb_a_echo ON wb.run_metrics;
ALTER TABLE wb.run_metrics RENAME TO run_metrics_old;
ALTER TABLE wb.run_metrics_old RENAME CONSTRAINT run_metrics_pkey TO run_metrics_old_pkey;
DROP TRIGGER wb_capture ON wb.run_metrics_old;
DROP TRIGGER wb_lost ON wb.run_metrics_old;
CREATE TABLE wb.run_metrics (LIKE wb.run_metrics_old INCLUDING DEFAULTS INCLUDING CONSTRAINTS, PRIMARY KEY (run_id, name, step))
PARTITION BY RANGE (run_id);
CREATE TABLE wb.run_metrics_low PARTITION OF wb.run_metrics FOR VALUES FROM (0) TO (100);
SELECT wb.setup() \gset
CREATE TABLE wb.run_metrics_high PARTITION OF wb.run_metrics FOR VALUES FROM (100) TO (10000);
SELECT put(1), put(2), put(3);
SELECT put(1, 200), put(2, 200), put(3, 200);
SELECT put(4), put(4, 200);
SELECT put(5), put(5, 200);
DELETE FROM wb.run_metrics WHERE run_id = 1 AND step = 5;
SELECT put(6), put(6, 200);
DELETE FROM wb.run_metrics_high WHERE run_id = 200 AND step = 6;
SELECT put(7), put(7, 200);
UPDATE wb.run_metrics SET run_id = 200, step = 8 WHERE run_id = 1 AND step = 7;
SELECT put(9), put(9, 200);
TRUNCATE wb.run_metrics_low;
SELECT put(10), put(10, 200);
ALTER TABLE wb.run_metrics DETACH PARTITION wb.run_metrics_low;
CREATE TABLE wb.run_metrics_new PARTITION OF wb.run_metrics FOR VALUES FROM (0) TO (100);
SELECT put(11), put(12), put(13);
SELECT put(14);
SELECT put(15);
