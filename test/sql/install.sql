-- Installing, removing and installing again: code belongs to the extension,
-- tables belong to whoever called wb.setup().
\set SHOW_CONTEXT never
CREATE ROLE regress_install_owner SUPERUSER;
CREATE ROLE regress_install_other SUPERUSER;
CREATE DATABASE regression_install TEMPLATE template0;
\connect regression_install
SET ROLE regress_install_owner;

-- CREATE EXTENSION says what comes next
CREATE EXTENSION wb_automations;

-- it makes no table, view, index or sequence
SELECT relname FROM pg_class WHERE relnamespace = 'wb'::regnamespace;

-- before wb.setup(), every function says to call it
CREATE FUNCTION pg_temp.error_of(statement text, OUT error text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	error := 'none';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	error := format('%s: %s', SQLSTATE, SQLERRM);
END $$;
SELECT o.error, o.hint, count(*), array_agg(c.call ORDER BY c.n) FILTER (WHERE o.error !~ '^55000') AS others
FROM unnest(ARRAY[
	$$create_team('a')$$, $$create_project('a', 'b')$$, $$start_run(1)$$, $$log(1, '{"loss": 1}')$$, $$log(1, '{"loss": 1}', 2)$$,
	$$heartbeat(1)$$, $$finish_run(1)$$, $$run('a/b/c')$$, $$log_artifact(1, 'c', 'model')$$, $$artifact('a/b/c:v0')$$,
	$$add_alias(1, 'x')$$, $$remove_alias(1, 'x')$$, $$add_tag(1, 'x')$$, $$remove_tag(1, 'x')$$, $$add_collection_tag(1, 'x')$$, $$remove_collection_tag(1, 'x')$$,
	$$create_registry('a', 'b')$$, $$link_artifact(1, 1, 'c')$$, $$unlink_artifact(1, 1, 'c')$$, $$registry('a', 'b')$$, $$entity('a')$$,
	$$set_secret('a', 's', 'v')$$, $$delete_secret('a', 's')$$, $$create_slack_integration('a', 'https://example.com')$$,
	$$create_webhook_integration('a', 'w', 'https://example.com')$$, $$slack_integration('a')$$, $$webhook_integration('a', 'w')$$,
	$$project('a', 'b')$$, $$collection('{"scope_type": "PROJECT", "scope_id": 1}', 'c')$$, $$automation('a')$$,
	$$create_automation('a', wb.on_run_metric('{"scope_type": "PROJECT", "scope_id": 1}', wb.is_nan('loss')), wb.do_nothing())$$,
	$$enable_automation(1)$$, $$disable_automation(1)$$, $$delete_automation(1)$$,
	$$status()$$, $$arm('send')$$]) WITH ORDINALITY c(call, n),
	LATERAL pg_temp.error_of('SELECT * FROM wb.' || c.call) o
GROUP BY o.error, o.hint ORDER BY 1, 2;

-- functions that only make documents need no table
SELECT wb.metric('loss', '>', 1);

-- wb.setup() warns where nothing will be delivered
SELECT wb.setup();

-- called again it changes nothing
SELECT id AS installation FROM wb.installation \gset
SELECT wb.setup();
SELECT id = :'installation' AS is_same, schema_version FROM wb.installation;
SET client_min_messages = error;

-- what tables of an older version had besides is dropped
CREATE TABLE wb.automation_stats (automation_id bigint PRIMARY KEY, suppressed bigint NOT NULL, suppressed_at timestamptz NOT NULL);
DROP VIEW wb.stat_automations;
CREATE VIEW wb.stat_automations AS SELECT automation_id, suppressed FROM wb.automation_stats;
SELECT wb.setup();
SELECT to_regclass('wb.automation_stats') AS stats, count(*) FILTER (WHERE attname = 'suppressed') AS columns, count(*) > 5 AS is_anew
FROM pg_attribute WHERE attrelid = 'wb.stat_automations'::regclass AND attnum > 0;

-- all it made belongs to the caller
SELECT relkind, count(*) > 0 AS exist, bool_and(relowner = 'regress_install_owner'::regrole) AS is_owned
FROM pg_class WHERE relnamespace = 'wb'::regnamespace GROUP BY relkind ORDER BY relkind;

-- another role is refused, and told who may
SET ROLE regress_install_other;
SELECT wb.setup();
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_install_owner;

-- every function has a comment
SELECT p.oid::regprocedure FROM pg_proc p
WHERE p.pronamespace = 'wb'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL ORDER BY 1;

-- only triggers depend on the extension: no default, check, index or view does
SELECT DISTINCT CASE WHEN d.classid = 'pg_trigger'::regclass THEN 'triggers'
	ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END AS depends
FROM pg_depend d JOIN pg_depend m
	ON m.classid = d.refclassid AND m.objid = d.refobjid AND m.deptype = 'e'
	AND m.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'wb_automations')
WHERE NOT EXISTS (SELECT FROM pg_depend o WHERE o.classid = d.classid AND o.objid = d.objid AND o.deptype = 'e');

-- DROP EXTENSION is refused because the triggers need it
\set VERBOSITY terse
DROP EXTENSION wb_automations;
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default

-- CASCADE takes triggers and no data, and the tables go on working
SELECT wb.create_project('install', 'p') AS project \gset
SELECT wb.start_run(:project, name => 'r1') AS run \gset
SELECT wb.set_secret('install', 'TOKEN', 'value') \gset
SELECT wb.create_webhook_integration('install', 'hook', 'http://127.0.0.1:1/', access_token => 'TOKEN') AS hook \gset
SELECT wb.create_automation('nan', wb.on_run_metric(wb.project('install', 'p'), wb.is_nan('loss')),
	wb.send_webhook(:hook), cooldown => '0') \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 0, 'NaN');
DROP EXTENSION wb_automations CASCADE;
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 1, 'NaN');
SELECT e.id = (SELECT max(id) FROM wb.executions) AS is_newest, e.state, h.automation_name, h.run_name, h.why
FROM wb.executions e JOIN wb.automation_history h ON h.execution_id = e.id;

-- created and set up again, everything is there and fires again
CREATE EXTENSION wb_automations;
SELECT wb.setup() \gset
SELECT id = :'installation' AS is_same FROM wb.installation;
SELECT (SELECT count(*) FROM wb.automations) AS automations, (SELECT count(*) FROM wb.integrations) AS integrations,
	(SELECT count(*) FROM wb.secrets) AS secrets, (SELECT count(*) FROM wb.runs) AS runs,
	(SELECT count(*) FROM wb.run_metrics) AS metrics, (SELECT count(*) FROM wb.executions) AS executions;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 2, 'NaN');
SELECT event->>'step' AS step, state FROM wb.executions ORDER BY id;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (-1, 'loss', 2, 'NaN');
DELETE FROM wb.runs WHERE id = :run;
SELECT count(*) FROM wb.run_metrics;

-- the same in a session that meets the new extension first
\connect -
SET client_min_messages = error;
SET ROLE regress_install_owner;
SELECT wb.start_run(:project) AS run \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 0, 'NaN');
SELECT count(*) FROM wb.executions WHERE run_id = :run;

-- tables of an earlier version get what they miss
ALTER TABLE wb.registries DROP COLUMN protected_aliases;
SELECT wb.setup() \gset
SELECT wb.create_registry('install org', 'models') AS registry \gset
SELECT protected_aliases FROM wb.registries WHERE id = :registry;
DROP VIEW wb.automation_list;
DROP TABLE wb.artifact_links, wb.artifact_tags, wb.collection_tags;
ALTER TABLE wb.collections DROP COLUMN registry_id, ALTER COLUMN project_id SET NOT NULL;
DROP TABLE wb.registries;
SELECT wb.setup() \gset
SELECT wb.link_artifact(wb.log_artifact(:project, 'model', 'model', tags => '{t}'), wb.create_registry('install org', 'models'), 'model') IS NOT NULL AS is_linked;
\set VERBOSITY terse
INSERT INTO wb.collections (name, type) VALUES ('nowhere', 'model');
\set VERBOSITY default

-- what was deleted while the extension was gone does not fire from memory
DROP EXTENSION wb_automations CASCADE;
DELETE FROM wb.automations;
CREATE EXTENSION wb_automations;
SELECT wb.setup() \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 1, 'NaN');
SELECT count(*) FROM wb.executions WHERE run_id = :run;
