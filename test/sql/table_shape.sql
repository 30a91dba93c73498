-- The owner may alter the tables in any way.  What C cannot read any more is
-- not judged, and wb.status() says so; a write goes through all the same.
\set SHOW_CONTEXT never
CREATE DATABASE regression_table_shape TEMPLATE template0;
\connect regression_table_shape
SET client_min_messages = error;
CREATE EXTENSION wb_automations;
SELECT wb.setup() \gset
SELECT wb.create_project('table_shape', 'p') AS project \gset
INSERT INTO wb.runs (id, project_id) VALUES (1, :project), (2, :project);
SELECT wb.create_automation('high', wb.on_run_metric(wb.project('table_shape', 'p'), wb.avg('loss', '>', 10, 2), wb.where_value('config.lr', '<', '1')),
	wb.do_nothing()) AS high \gset
UPDATE wb.runs SET config = '{"lr": 0.1}';
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (1, 'loss', 1, 1), (1, 'loss', 2, 1), (1, 'loss', 3, 1);
SELECT problems, remedy FROM wb.table_problems();

-- what a change comes to: is the row written, does it fire, what is said of it
DROP VIEW wb.automation_history, wb.stat_automations, wb.automation_list CASCADE;
CREATE FUNCTION try(VARIADIC changes text[]) RETURNS TABLE (written bigint, fired bigint, said text, remedy text) LANGUAGE plpgsql AS $$
DECLARE
	change text;
BEGIN
	FOREACH change IN ARRAY changes LOOP
		EXECUTE change;
	END LOOP;
	INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (1, 'loss', 4, 100);
	SELECT count(*) INTO written FROM wb.run_metrics WHERE run_id = 1;
	SELECT count(*) INTO fired FROM wb.executions;
	SELECT CASE WHEN s.ok THEN 'ok' ELSE s.detail END, s.hint INTO said, remedy FROM wb.status() s WHERE item = 'tables';
	RAISE EXCEPTION USING ERRCODE = 'P0099';
EXCEPTION WHEN SQLSTATE 'P0099' THEN
	RETURN NEXT;
END $$;
\x
SELECT * FROM try(VARIADIC '{}'::text[]);
SELECT * FROM try('ALTER TABLE wb.runs ALTER config DROP DEFAULT, ALTER config TYPE json');
SELECT * FROM try('ALTER TABLE wb.runs ALTER username TYPE name');
SELECT * FROM try('ALTER TABLE wb.runs ALTER name TYPE varchar(100)');
SELECT * FROM try('ALTER TABLE wb.run_metrics ALTER value TYPE real');
SELECT * FROM try('ALTER TABLE wb.executions ALTER automation_name TYPE bigint USING 1');
SELECT * FROM try('ALTER TABLE wb.executions ALTER run_id TYPE text');
SELECT * FROM try('ALTER TABLE wb.executions ALTER cooldown_key DROP NOT NULL, ALTER cooldown_key DROP DEFAULT',
	$$INSERT INTO wb.executions (automation_id, automation_name, triggered_at, event_type, run_id, why, event, action_type, action, cooldown_key)
	SELECT max(id), 'high', now(), 'RUN_METRIC', 1, '', '{}', 'NO_OP', '{}', NULL FROM wb.automations$$);
SELECT * FROM try('ALTER TABLE wb.automations ALTER once_per DROP NOT NULL', 'ALTER TABLE wb.automations DISABLE TRIGGER USER', 'UPDATE wb.automations SET once_per = NULL');
SELECT * FROM try('ALTER TABLE wb.automations DROP CONSTRAINT automations_cooldown_check', 'ALTER TABLE wb.automations ALTER cooldown TYPE text');
SELECT * FROM try('ALTER TABLE wb.entities ALTER name DROP NOT NULL', 'UPDATE wb.entities SET name = NULL');
SELECT * FROM try('ALTER TABLE wb.installation ALTER id TYPE text USING ''x''');
SELECT * FROM try('ALTER TABLE wb.projects RENAME name TO title');
SELECT * FROM try('ALTER TABLE wb.projects RENAME TO kept', 'CREATE VIEW wb.projects AS SELECT * FROM wb.kept');
SELECT * FROM try('ALTER TABLE wb.integrations DROP url CASCADE', 'ALTER TABLE wb.secrets ALTER sealed TYPE text');
-- other changes are none of our business
SELECT * FROM try('ALTER TABLE wb.runs ADD note json', 'ALTER TABLE wb.projects ALTER created_at TYPE date', 'ALTER TABLE wb.entities ADD x int DEFAULT 7');

-- every column of every table is known
CREATE FUNCTION unknown_columns() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	item record;
	said text;
BEGIN
	FOR item IN SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
		WHERE c.relnamespace = 'wb'::regnamespace AND c.relkind = 'r' AND c.relname <> 'schedule_ticks' ORDER BY 1, 2 LOOP
		BEGIN
			EXECUTE format('ALTER TABLE wb.%I RENAME %I TO other', item.relname, item.attname);
			SELECT problems INTO said FROM wb.table_problems();
			RAISE EXCEPTION USING ERRCODE = 'P0099';
		EXCEPTION WHEN SQLSTATE 'P0099' THEN
			IF said IS NULL THEN
				RETURN NEXT item.relname || '.' || item.attname;
			END IF;
		END;
	END LOOP;
END $$;
SELECT * FROM unknown_columns();

-- an index that finds not all rows, or in another order, does not serve
SELECT * FROM try('ALTER TABLE wb.run_metrics DROP CONSTRAINT run_metrics_pkey');
SELECT * FROM try('ALTER TABLE wb.run_metrics DROP CONSTRAINT run_metrics_pkey', 'CREATE INDEX ON wb.run_metrics (run_id, name, step DESC)');
SELECT * FROM try('ALTER TABLE wb.run_metrics DROP CONSTRAINT run_metrics_pkey', 'CREATE INDEX ON wb.run_metrics (run_id, name, step NULLS FIRST)');
SELECT * FROM try('ALTER TABLE wb.run_metrics DROP CONSTRAINT run_metrics_pkey', 'CREATE INDEX ON wb.run_metrics USING brin (run_id, name, step)');
SELECT * FROM try('ALTER TABLE wb.run_metrics DROP CONSTRAINT run_metrics_pkey', 'CREATE INDEX ON wb.run_metrics (run_id, name, step) WHERE step < 3');
SELECT * FROM try('ALTER TABLE wb.run_metrics DROP CONSTRAINT run_metrics_pkey', 'CREATE INDEX ON wb.run_metrics (run_id, name text_pattern_ops, step)');
SELECT * FROM try('ALTER TABLE wb.run_metrics DROP CONSTRAINT run_metrics_pkey', 'CREATE INDEX ON wb.run_metrics (run_id, name COLLATE "POSIX", step)');
SELECT * FROM try('ALTER TABLE wb.run_metrics DROP CONSTRAINT run_metrics_pkey', 'CREATE INDEX ON wb.run_metrics (run_id, (lower(name)), step)');
SELECT * FROM try('ALTER TABLE wb.run_metrics DROP CONSTRAINT run_metrics_pkey', 'CREATE INDEX ON wb.run_metrics (run_id, name) INCLUDE (step)');
SELECT * FROM try('ALTER TABLE wb.run_metrics DROP CONSTRAINT run_metrics_pkey', 'CREATE INDEX mine ON wb.run_metrics (run_id, name, step)',
	'UPDATE pg_index SET indisvalid = false WHERE indexrelid = ''wb.mine''::regclass');
SELECT * FROM try('ALTER TABLE wb.run_metrics DROP CONSTRAINT run_metrics_pkey', 'CREATE INDEX ON wb.run_metrics (run_id, name, step, value)');
SELECT * FROM try('ALTER TABLE wb.runs DROP CONSTRAINT runs_pkey CASCADE');
SELECT * FROM try('DROP INDEX wb.automations_event_idx');
SELECT * FROM try('DROP INDEX wb.automations_event_idx', 'CREATE INDEX ON wb.automations (event_source, event_key, enabled)');
SELECT * FROM try('ALTER TABLE wb.installation DROP CONSTRAINT installation_pkey');
\x

-- one that was made before the key, with the newest points last
BEGIN;
ALTER TABLE wb.run_metrics DROP CONSTRAINT run_metrics_pkey;
CREATE INDEX ON wb.run_metrics (run_id, name, step DESC);
ALTER TABLE wb.run_metrics ADD PRIMARY KEY (run_id, name, step);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (1, 'loss', 4, 100);
SELECT event->>'metricValues' AS judged FROM wb.executions;
ROLLBACK;

-- without a key a run goes all the same, and its points with it
BEGIN;
ALTER TABLE wb.runs DROP CONSTRAINT runs_pkey CASCADE;
ALTER TABLE wb.run_metrics DROP CONSTRAINT run_metrics_pkey;
DELETE FROM wb.runs WHERE id = 1;
SELECT count(*) FROM wb.run_metrics WHERE run_id = 1;
ROLLBACK;

-- a partition without the index is not judged, its neighbours are
BEGIN;
ALTER TABLE wb.run_metrics RENAME TO run_metrics_old;
CREATE TABLE wb.run_metrics (LIKE wb.run_metrics_old INCLUDING DEFAULTS) PARTITION BY RANGE (run_id);
CREATE TABLE wb.one PARTITION OF wb.run_metrics FOR VALUES FROM (1) TO (2);
CREATE TABLE wb.rest PARTITION OF wb.run_metrics FOR VALUES FROM (2) TO (100);
CREATE INDEX ON wb.one (run_id, name, step DESC);
CREATE INDEX ON wb.rest (run_id, name, step);
SELECT wb.attach_triggers() \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT r, 'loss', s, 100 FROM generate_series(1, 2) r, generate_series(1, 3) s;
SELECT run_id, event->>'metricValues' AS judged FROM wb.executions;
SELECT ok, detail, hint FROM wb.status() WHERE item = 'tables';
ROLLBACK;

-- whoever asks is told
BEGIN;
ALTER TABLE wb.runs ALTER tags DROP NOT NULL;
SELECT * FROM wb.explain(:high, 1);
ROLLBACK;
BEGIN;
ALTER TABLE wb.run_metrics ALTER value TYPE numeric;
SELECT * FROM wb.backtest_totals('PROJECT', :project, 'RUN_METRIC', wb.on_run_metric(wb.project('table_shape', 'p'), wb.metric('loss', '>', 0))->'event_filter', NULL, NULL, NULL);
ROLLBACK;
BEGIN;
ALTER TABLE wb.automations ALTER action_config TYPE text;
UPDATE wb.automations SET name = 'higher';
ROLLBACK;

-- all is as it was, and judged
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (1, 'loss', 4, 100);
SELECT event->>'metricValues' AS judged FROM wb.executions;

-- triggers of ours on a table with other columns, or without their argument
CREATE TABLE mine (id text, name bigint, alias int, collection_id bigint, artifact_id bigint);
CREATE TRIGGER capture AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION wb.capture_alias();
CREATE TRIGGER capture_run AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION wb.capture_run_state();
INSERT INTO mine VALUES ('x', 1, 2, 3, 4);
CREATE TRIGGER forget AFTER DELETE ON mine FOR EACH ROW EXECUTE FUNCTION wb.forget_run();
DELETE FROM mine;
DROP TRIGGER forget ON mine;
CREATE TRIGGER forget AFTER DELETE ON wb.runs FOR EACH ROW EXECUTE FUNCTION wb.forget_scope();
DELETE FROM wb.runs WHERE id = 2;
DROP TRIGGER forget ON wb.runs;

-- documents that the checks of the tables would refuse are no request
SELECT * FROM wb.render_request('{"id": 1, "name": "x", "action_type": "GENERIC_WEBHOOK", "action_config": {}}', '{"id": 1, "kind": "WEBHOOK"}', '{"eventType": "RUN_METRIC", "why": ""}', 1, 'x');
SELECT * FROM wb.render_request('{"id": 1, "name": "x", "action_type": "NOTIFICATION", "action_config": {}}', '{"id": 1, "kind": "SLACK", "name": "x"}', '{"eventType": "RUN_METRIC", "why": ""}', 1, 'x');
SELECT * FROM wb.render_request('{"id": 1, "name": "x", "action_type": "GENERIC_WEBHOOK", "action_config": {}}', '{"id": 1, "kind": "WEBHOOK", "name": "x", "team_name": "", "url": "http://h/", "previous_secret": "x"}', '{"eventType": "RUN_METRIC", "why": ""}', 1, 'x');
SELECT * FROM wb.render_request('{"id": 1, "name": "x", "action_type": "GENERIC_WEBHOOK", "action_config": {}}', '[]', '{"eventType": "RUN_METRIC", "why": ""}', 1, 'x');
