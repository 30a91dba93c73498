-- A firing is written as an INSERT would write it, whatever a user has made of
-- the tables; one that is refused takes neither the user's row nor another
-- firing with it.  Changes of the tables are rolled back, for other tests.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_project('firing', 'p') AS project \gset
SELECT wb.create_automation('high', wb.on_run_metric(wb.project('firing', 'p'), wb.metric('loss', '>', 0)), wb.do_nothing(), cooldown => '0') AS high \gset
SELECT wb.start_run(:project, 'a') AS a \gset
SELECT wb.start_run(:project, 'b') AS b \gset
PREPARE fired(bigint) AS
SELECT array_agg(event->>'step' ORDER BY e.id) AS steps, count(d.execution_id) AS deliveries
FROM wb.executions e LEFT JOIN wb.deliveries d ON d.execution_id = e.id WHERE run_id = $1;

-- many firings of one statement: in the order of the rows, and each with a delivery
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT :a, 'loss', g, 1 FROM generate_series(1, 1000) g;
SELECT count(*), count(d.execution_id) AS deliveries, bool_and(e.ordinal = (event->>'step')::bigint) AS in_order
FROM (SELECT *, row_number() OVER (ORDER BY id) AS ordinal FROM wb.executions WHERE run_id = :a) e LEFT JOIN wb.deliveries d ON d.execution_id = e.id;
-- in as few subtransactions as hold 64 each
SELECT count(DISTINCT xmin::text) AS subtransactions FROM wb.executions WHERE run_id = :a;
-- the same by COPY
INSERT INTO wb.runs (id, project_id, name) VALUES (98901, :project, 'copied');
COPY wb.run_metrics (run_id, name, step, value) FROM stdin WITH (DELIMITER ' ');
98901 loss 1 1
98901 loss 2 1
98901 loss 3 0
98901 loss 4 1
\.
EXECUTE fired(98901);
-- the next command of the transaction sees them; a savepoint takes its own back
BEGIN;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:b, 'loss', 1, 1), (:b, 'loss', 2, 1);
EXECUTE fired(:b);
SAVEPOINT s;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:b, 'loss', 3, 1), (:b, 'loss', 4, 1);
EXECUTE fired(:b);
ROLLBACK TO SAVEPOINT s;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:b, 'loss', 5, 1);
COMMIT;
EXECUTE fired(:b);
-- and so does a block that catches an error after rows that fired
DO $$ BEGIN
	INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT id, 'loss', 6, 1 FROM wb.runs WHERE display_name = 'b' AND project_id = wb.create_project('firing', 'p');
	BEGIN
		INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT id, 'loss', 7, 1 FROM wb.runs WHERE display_name = 'b' AND project_id = wb.create_project('firing', 'p');
		RAISE division_by_zero;
	EXCEPTION WHEN division_by_zero THEN
	END;
END $$;
EXECUTE fired(:b);
-- a statement that fails half way, after rows that fired, leaves no firing
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:b, 'loss', 8, 1), (0, 'loss', 8, 1);
EXECUTE fired(:b);

-- a cooldown knows what the same statement did: one fires, one is noted
SELECT wb.create_automation('daily', wb.on_run_metric(wb.project('firing', 'p'), wb.metric('daily', '>', 0)), wb.do_nothing()) AS daily \gset
INSERT INTO wb.run_metrics (run_id, name, step, value)
SELECT r, 'daily', g, 1 FROM unnest(ARRAY[:a, :b]::bigint[]) r, generate_series(1, 3) g ORDER BY g, r;
SELECT event->>'runName' AS run, event->>'step' AS step, state FROM wb.executions WHERE automation_id = :daily ORDER BY id;

-- a user's trigger on history sees each firing
BEGIN;
CREATE TABLE firing_seen (automation text, step text);
CREATE FUNCTION pg_temp.see() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO public.firing_seen VALUES (new.automation_name, new.event->>'step');
	RETURN new;
END $$;
CREATE TRIGGER see AFTER INSERT ON wb.executions FOR EACH ROW EXECUTE FUNCTION pg_temp.see();
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:b, 'loss', 11, 1), (:b, 'loss', 12, 1);
SELECT * FROM firing_seen ORDER BY step;
-- also one that was made later than the session's first firing, by SQL of any kind
DROP TRIGGER see ON wb.executions;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:b, 'loss', 13, 1);
CREATE RULE see AS ON INSERT TO wb.deliveries DO ALSO INSERT INTO firing_seen VALUES ('rule', NULL);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:b, 'loss', 14, 1);
SELECT automation, count(*) FROM firing_seen GROUP BY 1 ORDER BY 1;
ROLLBACK;

-- a trigger that swallows the row swallows the firing, and nothing is queued
BEGIN;
CREATE FUNCTION pg_temp.swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER swallow BEFORE INSERT ON wb.executions FOR EACH ROW EXECUTE FUNCTION pg_temp.swallow();
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:b, 'loss', 21, 1);
EXECUTE fired(:b);
SELECT count(*) FROM wb.run_metrics WHERE run_id = :b AND step = 21;
ROLLBACK;

-- a user's trigger on metrics sees what the row before it made fire
BEGIN;
CREATE TABLE firing_seen (step bigint, executions bigint);
CREATE FUNCTION pg_temp.see_all() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO public.firing_seen SELECT new.step, count(*) FROM wb.executions WHERE run_id = new.run_id AND (event->>'step')::bigint > 30;
	RETURN new;
END $$;
CREATE TRIGGER zz_see AFTER INSERT ON wb.run_metrics FOR EACH ROW EXECUTE FUNCTION pg_temp.see_all();
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:b, 'loss', 31, 1), (:b, 'loss', 32, 1);
SELECT * FROM firing_seen ORDER BY step;
ROLLBACK;

-- a user's check holds, and takes one firing out of three
BEGIN;
ALTER TABLE wb.executions ADD CONSTRAINT no_42 CHECK (event->>'step' <> '42') NOT VALID;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:b, 'loss', 41, 1), (:b, 'loss', 42, 1), (:b, 'loss', 43, 1);
SELECT step FROM wb.run_metrics WHERE run_id = :b AND step > 40 ORDER BY 1;
SELECT event->>'step' AS step FROM wb.executions WHERE run_id = :b AND (event->>'step')::bigint > 40 ORDER BY id;
ALTER TABLE wb.executions DROP CONSTRAINT no_42;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:a, 'loss', 2042, 1);
SELECT event->>'step' AS step FROM wb.executions WHERE run_id = :a AND event->>'step' = '2042';
ROLLBACK;
-- so does one that calls a function of theirs
BEGIN;
CREATE FUNCTION pg_temp.is_odd(event jsonb) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN (event->>'step')::bigint % 2 = 1; END $$;
ALTER TABLE wb.executions ADD CONSTRAINT odd CHECK (pg_temp.is_odd(event)) NOT VALID;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:b, 'loss', 51, 1), (:b, 'loss', 52, 1), (:b, 'loss', 53, 1);
SELECT event->>'step' AS step FROM wb.executions WHERE run_id = :b AND (event->>'step')::bigint > 50 ORDER BY id;
ROLLBACK;
-- so does a unique index, immediate or deferred, and NOT NULL
BEGIN;
DELETE FROM wb.executions;
CREATE UNIQUE INDEX ON wb.executions (run_id, (event->>'metricName'), (event->>'observed'));
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:b, 'loss', 63, 1), (:b, 'loss', 64, 1), (:b, 'loss', 65, 2);
SELECT event->>'step' AS step FROM wb.executions WHERE run_id = :b ORDER BY id;
SELECT count(*) FROM wb.run_metrics WHERE run_id = :b AND step IN (63, 64, 65);
ROLLBACK;
BEGIN;
ALTER TABLE wb.executions ADD CONSTRAINT once UNIQUE (run_id, id) DEFERRABLE INITIALLY DEFERRED;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:b, 'loss', 66, 1);
SET CONSTRAINTS ALL IMMEDIATE;
SELECT event->>'step' AS step FROM wb.executions WHERE run_id = :b AND event->>'step' = '66';
ROLLBACK;
BEGIN;
DELETE FROM wb.executions;
ALTER TABLE wb.executions ALTER artifact_id SET NOT NULL;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:b, 'loss', 68, 1);
SELECT (SELECT count(*) FROM wb.executions) AS executions, (SELECT count(*) FROM wb.run_metrics WHERE run_id = :b AND step = 68) AS rows;
ROLLBACK;

-- columns of theirs get their defaults, computed ones too
BEGIN;
ALTER TABLE wb.executions ADD COLUMN team text DEFAULT 'vision', ADD COLUMN words text GENERATED ALWAYS AS (upper(why)) STORED;
ALTER TABLE wb.executions DROP COLUMN team, ADD COLUMN team2 text DEFAULT 'speech';
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:b, 'loss', 71, 1);
SELECT team2, words FROM wb.executions WHERE run_id = :b AND event->>'step' = '71';
ALTER TABLE wb.executions DROP COLUMN team2, DROP COLUMN words;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:b, 'loss', 72, 1);
SELECT why FROM wb.executions WHERE run_id = :b AND event->>'step' = '72';
ROLLBACK;

-- a policy that binds the owner too holds
BEGIN;
CREATE ROLE regress_firing_owner;
GRANT USAGE ON SCHEMA wb TO regress_firing_owner;
CREATE POLICY even ON wb.executions USING (true) WITH CHECK ((event->>'step')::bigint % 2 = 0);
ALTER TABLE wb.executions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
DO $$ DECLARE t record; BEGIN
	FOR t IN SELECT c.oid::regclass AS name FROM pg_class c WHERE relnamespace = 'wb'::regnamespace AND relkind = 'r' LOOP
		EXECUTE format('ALTER TABLE %s OWNER TO regress_firing_owner', t.name);
	END LOOP;
END $$;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:b, 'loss', 81, 1), (:b, 'loss', 82, 1), (:b, 'loss', 83, 1);
SELECT event->>'step' AS step FROM wb.executions WHERE run_id = :b AND (event->>'step')::bigint > 80 ORDER BY id;
SELECT count(*) FROM wb.run_metrics WHERE run_id = :b AND step > 80;
ROLLBACK;

-- history in partitions
BEGIN;
DELETE FROM wb.deliveries;	-- their ids begin anew below
ALTER TABLE wb.executions RENAME TO executions_old;
CREATE TABLE wb.executions (LIKE wb.executions_old INCLUDING DEFAULTS INCLUDING IDENTITY INCLUDING CONSTRAINTS) PARTITION BY LIST (state);
CREATE TABLE wb.executions_pending PARTITION OF wb.executions FOR VALUES IN ('PENDING');
CREATE TABLE wb.executions_others PARTITION OF wb.executions DEFAULT;
CREATE INDEX ON wb.executions (run_id, automation_id, id);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:b, 'loss', 91, 1), (:b, 'loss', 92, 1);
SELECT tableoid::regclass AS partition, event->>'step' AS step FROM wb.executions ORDER BY id;
ROLLBACK;

-- setup() gives older tables the room that settling needs, and respects a choice
BEGIN;
ALTER TABLE wb.executions SET (fillfactor = 80);
SELECT wb.setup();
SELECT reloptions FROM pg_class WHERE oid = 'wb.executions'::regclass;
ALTER TABLE wb.executions SET (fillfactor = 70);
SELECT wb.setup();
SELECT reloptions FROM pg_class WHERE oid = 'wb.executions'::regclass;
ROLLBACK;

-- everything as it was: the tables are learnt anew after each change
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:b, 'loss', 99, 1);
SELECT event->>'step' AS step FROM wb.executions WHERE run_id = :b AND event->>'step' = '99';

-- numbers and texts of every kind stand in the document as they are
SELECT wb.create_automation('odd', wb.on_run_metric(wb.project('firing', 'p'), wb.metric('odd "metric" \ü', '<>', 0.1)), wb.do_nothing(), cooldown => '0') AS odd \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:b, 'odd "metric" \ü', 1, '-0'), (:b, 'odd "metric" \ü', 2, 'Infinity'), (:b, 'odd "metric" \ü', 3, 'NaN'),
	(:b, 'odd "metric" \ü', 4, 1e30), (:b, 'odd "metric" \ü', 5, 0.30000000000000004), (:b, 'odd "metric" \ü', 9223372036854775807, -123456789012345678);
SELECT event->'step' AS step, event->'observed' AS observed, event->'metricValues' AS metric_values, event->>'metricName' AS name, event = event::text::jsonb AS is_canonical
FROM wb.executions WHERE automation_id = :odd ORDER BY id;
