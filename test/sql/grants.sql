-- The rights that the operations manual grants are enough for what they are
-- granted for, and let nobody choose an id.
\set SHOW_CONTEXT never
CREATE DATABASE regression_grants TEMPLATE template0;
\connect regression_grants
SET client_min_messages = error;
CREATE EXTENSION wb_automations;
SELECT wb.setup() \gset
SELECT wb.create_project('grants', 'p') AS project \gset
SELECT wb.create_registry('org', 'models') AS registry \gset
SELECT wb.create_webhook_integration('grants', 'hook', 'https://example.com/') AS hook \gset
CREATE ROLE regress_grants_researcher;
GRANT USAGE ON SCHEMA wb TO regress_grants_researcher;
GRANT SELECT (id), INSERT (project_id, name, display_name, username, state, job_type, group_name, config, summary, tags) ON wb.runs TO regress_grants_researcher;
GRANT INSERT (run_id, name, step, value) ON wb.run_metrics TO regress_grants_researcher;

-- a researcher, by plain statements
SET ROLE regress_grants_researcher;
INSERT INTO wb.runs (project_id, name, config) VALUES (:project, 'plain', '{"lr": 1}') RETURNING id AS run \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 1, 1);
COPY wb.run_metrics (run_id, name, step, value) FROM stdin;
1	loss	2	1
\.
INSERT INTO wb.runs (id, project_id, name) VALUES (9223372036854775807, :project, 'mine');
INSERT INTO wb.runs VALUES (9223372036854775807, :project, 'mine');
UPDATE wb.runs SET id = 7;
INSERT INTO wb.run_metrics (run_id, name, step, value, logged_at) VALUES (:run, 'loss', 3, 1, '1970-01-01');
RESET ROLE;

-- and by the functions
GRANT SELECT, UPDATE (display_name, state, config, summary, tags, heartbeat_at, finished_at, exit_code) ON wb.runs TO regress_grants_researcher;
GRANT SELECT, UPDATE (value, logged_at) ON wb.run_metrics TO regress_grants_researcher;
GRANT SELECT ON wb.projects, wb.entities TO regress_grants_researcher;
SET ROLE regress_grants_researcher;
SELECT wb.start_run(wb.project_id('grants', 'p'), name => 'called', tags => '{x}') AS called \gset
SELECT wb.log(wb.run('grants/p/called'), '{"loss": 1}'), wb.log(:called, '{"loss": 2}', 0), wb.log(:called, '{"loss": 3}');
SELECT wb.heartbeat(:called), wb.finish_run(:called);
UPDATE wb.runs SET id = 7 WHERE id = :called;
UPDATE wb.runs SET project_id = 7 WHERE id = :called;
UPDATE wb.run_metrics SET run_id = 7;
RESET ROLE;

-- whoever logs and links versions
CREATE ROLE regress_grants_linker;
GRANT USAGE ON SCHEMA wb TO regress_grants_linker;
GRANT SELECT ON wb.entities, wb.projects, wb.registries TO regress_grants_linker;
GRANT SELECT, DELETE, INSERT (project_id, registry_id, name, type), UPDATE (next_version) ON wb.collections TO regress_grants_linker;
GRANT SELECT, DELETE, INSERT (collection_id, digest, state, metadata, run_id), UPDATE (state, metadata) ON wb.artifacts TO regress_grants_linker;
GRANT SELECT, DELETE, INSERT (collection_id, artifact_id, aliases) ON wb.artifact_links TO regress_grants_linker;
GRANT SELECT, DELETE, INSERT (collection_id, alias, artifact_id, created_by), UPDATE (artifact_id, created_by, created_at) ON wb.artifact_aliases TO regress_grants_linker;
GRANT SELECT, DELETE, INSERT (artifact_id, tag) ON wb.artifact_tags TO regress_grants_linker;
GRANT SELECT, DELETE, INSERT (collection_id, tag) ON wb.collection_tags TO regress_grants_linker;
SET ROLE regress_grants_linker;
SELECT wb.log_artifact(:project, 'model', 'model', 'd1', '{"a": 1}', '{best}', '{fast}') AS first \gset
SELECT wb.log_artifact(:project, 'model', 'model', 'd2') AS second \gset
SELECT wb.add_alias(:second, 'best'), wb.remove_alias(:second, 'best'), wb.add_tag(:second, 'slow'), wb.remove_tag(:second, 'slow');
SELECT wb.link_artifact(:first, :registry, 'released', '{prod}') IS NOT NULL AS linked, wb.unlink_artifact(:first, :registry, 'released');
SELECT wb.add_collection_tag(collection_id, 'good'), wb.remove_collection_tag(collection_id, 'good') FROM wb.artifacts WHERE id = :first;
UPDATE wb.artifacts SET state = 'DELETED' WHERE id = :second;
SELECT version, state, (SELECT string_agg(alias, ' ' ORDER BY alias) FROM wb.artifact_aliases l WHERE l.artifact_id = a.id) AS aliases FROM wb.artifacts a ORDER BY version;
INSERT INTO wb.collections (id, project_id, name, type) VALUES (7, :project, 'mine', 'model');
INSERT INTO wb.artifacts (id, collection_id) VALUES (7, 1);
INSERT INTO wb.artifacts (collection_id, version) VALUES (1, 7);
INSERT INTO wb.artifact_links (id, collection_id, artifact_id) VALUES (7, 1, 1);
UPDATE wb.artifacts SET id = 7;
RESET ROLE;

-- whoever writes automations
CREATE ROLE regress_grants_author;
GRANT USAGE ON SCHEMA wb TO regress_grants_author;
GRANT SELECT ON wb.projects, wb.registries, wb.entities, wb.collections, wb.integrations TO regress_grants_author;
GRANT SELECT, DELETE,
	INSERT (name, description, enabled, scope_type, scope_id, event_type, event_filter, action_type, action_config, cooldown, once_per),
	UPDATE (name, description, enabled, scope_type, scope_id, event_type, event_filter, action_type, action_config, cooldown, once_per)
	ON wb.automations TO regress_grants_author;
SET ROLE regress_grants_author;
SELECT wb.create_automation('nan', wb.on_run_metric(wb.project('grants', 'p'), wb.is_nan('loss')), wb.send_webhook(wb.webhook_integration('grants', 'hook')), cooldown => '0') AS nan \gset
SELECT wb.update_automation(:nan, '{"description": "told of NaN"}'), wb.disable_automation(:nan), wb.enable_automation(:nan);
SELECT wb.import_automation(jsonb_set(wb.export_automation(:nan), '{name}', '"copy"')) IS NOT NULL AS imported;
INSERT INTO wb.automations (id, name, scope_type, scope_id, event_type, event_filter, action_type, action_config)
SELECT 7, 'mine', scope_type, scope_id, event_type, event_filter, action_type, action_config FROM wb.automations WHERE id = :nan;
UPDATE wb.automations SET id = 7 WHERE id = :nan;
UPDATE wb.automations SET event_key = 'other' WHERE id = :nan;
SELECT wb.delete_automation(id) FROM wb.automations WHERE name <> 'nan';
RESET ROLE;

-- whoever cancels and replays
CREATE ROLE regress_grants_operator;
GRANT USAGE ON SCHEMA wb TO regress_grants_operator;
GRANT SELECT ON wb.automation_history, wb.automations, wb.installation, wb.delivery_attempts TO regress_grants_operator;
GRANT SELECT, UPDATE (state, settled_at, result),
	INSERT (automation_id, automation_name, origin, triggered_at, event_type, project_id, run_id, artifact_id, why, event, action_type, action)
	ON wb.executions TO regress_grants_operator;
GRANT SELECT, DELETE, INSERT (execution_id, integration_id, installation_id, due_at) ON wb.deliveries TO regress_grants_operator;
GRANT EXECUTE ON FUNCTION wb.wake() TO regress_grants_operator;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 9, 'NaN');
SET ROLE regress_grants_operator;
SELECT wb.cancel(execution_id) FROM wb.automation_history;
SELECT wb.replay(execution_id) IS NOT NULL AS replayed FROM wb.automation_history;
SELECT origin, state FROM wb.automation_history ORDER BY execution_id;
INSERT INTO wb.executions (id, automation_id, automation_name, triggered_at, event_type, why, event, action_type, action) OVERRIDING SYSTEM VALUE
VALUES (7, 1, 'mine', now(), 'RUN_METRIC', '', '{}', 'NO_OP', '{}');
UPDATE wb.executions SET action = '{}';
RESET ROLE;

-- a superuser does not write the tables of another owner, whose triggers would run as the superuser
CREATE ROLE regress_grants_owner;
CREATE ROLE regress_grants_super SUPERUSER;
CREATE FUNCTION give_all_to(owner name) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	item regclass;
BEGIN
	FOR item IN SELECT oid FROM pg_class WHERE relnamespace = 'wb'::regnamespace AND relkind IN ('r', 'v') LOOP
		EXECUTE format('ALTER TABLE %s OWNER TO %I', item, owner);
	END LOOP;
END $$;
SELECT give_all_to('regress_grants_owner');
SET ROLE regress_grants_super;
SELECT wb.setup();
SELECT wb.arm('discard');
-- nor where one table is left of that owner's, or one is missing
ALTER TABLE wb.executions OWNER TO regress_grants_super;
SELECT wb.arm('discard');
SELECT ok, detail LIKE '%wb.secrets and wb.executions belong to different roles%' AS is_named FROM wb.status() WHERE item = 'tables';
BEGIN;
ALTER TABLE wb.executions RENAME TO kept;
SELECT wb.setup();
ROLLBACK;
-- what he writes all the same, he writes as the owner
ALTER TABLE wb.executions OWNER TO regress_grants_owner;
RESET ROLE;
GRANT USAGE ON SCHEMA wb, public TO regress_grants_owner;
-- nor does anybody as the owner write a table of another
INSERT INTO wb.runs (project_id) SELECT min(id) FROM wb.projects;
ALTER TABLE wb.run_metrics OWNER TO regress_grants_super;
DELETE FROM wb.runs;
ALTER TABLE wb.run_metrics OWNER TO regress_grants_owner;
DELETE FROM wb.runs;
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'runs as %', current_user; RETURN NULL; END $$;
CREATE TRIGGER tell AFTER UPDATE ON wb.secrets FOR EACH STATEMENT EXECUTE FUNCTION tell();
INSERT INTO wb.secrets (entity_id, name, key_id, sealed) SELECT e.id, 'S', s.* FROM wb.entities e, wb.seal_secret(e.id, 'S', 'x') s LIMIT 1;
SET ROLE regress_grants_super;
SET client_min_messages = warning;
SELECT wb.rotate_secret_key() AS rotated;
SET client_min_messages = error;
RESET ROLE;
-- and he reads nothing of a type that the owner made, whose casts would run
CREATE TYPE reason AS ENUM ('x');
CREATE FUNCTION run_it(reason) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'runs as %', current_user; END $$;
CREATE CAST (reason AS text) WITH FUNCTION run_it(reason);
BEGIN;
DROP VIEW wb.stat_integrations;
ALTER TABLE wb.integrations ALTER state_reason TYPE reason USING NULL;
SELECT item, ok, detail, hint FROM wb.status() WHERE NOT ok AND item NOT IN ('launcher', 'worker');
SAVEPOINT before;
SELECT wb.webhook_integration('x', 'y');
ROLLBACK TO before;
SELECT wb.automation('x');
ROLLBACK;
SELECT give_all_to(current_user);
DROP TRIGGER tell ON wb.secrets;
DELETE FROM wb.secrets;

-- who may put a function beside one of ours is named, and so is the function
SELECT item, ok, detail, hint FROM wb.status() WHERE item = 'schema';
CREATE ROLE regress_grants_keeper;
GRANT USAGE, CREATE ON SCHEMA wb TO regress_grants_keeper;
SELECT ok, detail, hint FROM wb.status() WHERE item = 'schema';
SET client_min_messages = warning;
SELECT wb.setup();
SET client_min_messages = error;
SET ROLE regress_grants_keeper;
CREATE FUNCTION wb.cancel(integer) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION wb.of_mine() RETURNS void LANGUAGE sql AS '';
RESET ROLE;
REVOKE CREATE ON SCHEMA wb FROM regress_grants_keeper;
SELECT ok, detail, hint FROM wb.status() WHERE item = 'schema';
DROP FUNCTION wb.cancel(integer);
GRANT CREATE ON SCHEMA wb TO PUBLIC;
SELECT ok, detail, hint FROM wb.status() WHERE item = 'schema';
REVOKE CREATE ON SCHEMA wb FROM PUBLIC;
ALTER SCHEMA wb OWNER TO regress_grants_keeper;
SELECT ok, detail, hint FROM wb.status() WHERE item = 'schema';
\connect postgres
DROP DATABASE regression_grants;
DROP ROLE regress_grants_researcher, regress_grants_linker, regress_grants_author, regress_grants_operator, regress_grants_owner, regress_grants_super, regress_grants_keeper;
