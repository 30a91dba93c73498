-- What an automation sees from where it stands.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_team('conform_scope', 'conform_scope org') AS team \gset
SELECT wb.create_team('conform_scope b', 'conform_scope org') AS team_b \gset
SELECT wb.create_project('conform_scope', 'p') AS p, wb.create_project('conform_scope', 'q') AS q, wb.create_project('conform_scope b', 'r') AS r \gset
SELECT wb.create_registry('conform_scope org', 'models') AS registry \gset
INSERT INTO wb.collections (project_id, name, type) VALUES (:p, 'one', 'model'), (:p, 'two', 'model');
INSERT INTO wb.entities (id, name, kind) VALUES (7796100, 'conform_scope ann', 'user');
\set in_p 'wb.project(''conform_scope'', ''p'')'
CREATE FUNCTION pg_temp.try(name text, event jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	PERFORM wb.create_automation(name, event, wb.do_nothing(), enabled => false);
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN concat(SQLSTATE, ': ', SQLERRM, '; ', hint);
END $$;
-- what happened since the last look; only one part's automations are switched on at a time
CREATE TEMP TABLE seen AS SELECT coalesce(max(id), 0) AS id FROM wb.executions;
CREATE FUNCTION pg_temp.news() RETURNS TABLE (automation text, place text, what text) LANGUAGE plpgsql AS $$
DECLARE
	last bigint := (SELECT id FROM seen);
BEGIN
	UPDATE seen SET id = (SELECT coalesce(max(e.id), 0) FROM wb.executions e);
	RETURN QUERY SELECT h.automation_name, h.project, coalesce(h.artifact, h.run_name) FROM wb.automation_history h
	WHERE h.execution_id > last AND h.automation_name LIKE 'g0%' ORDER BY h.automation_name, h.execution_id;
END $$;
CREATE FUNCTION pg_temp.watch(name text, event jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	UPDATE wb.automations SET enabled = false WHERE enabled AND automations.name LIKE 'g0%' AND left(automations.name, 4) <> left(watch.name, 4);
	RETURN wb.create_automation(watch.name, event, wb.do_nothing());
END $$;

-- G030 that of a project sees every run and every collection of it, and of no other
SELECT pg_temp.watch('g030 run', wb.on_run_state(:in_p, '{failed}')) \gset
SELECT pg_temp.watch('g030 alias', wb.on_add_artifact_alias(:in_p)) \gset
SELECT wb.start_run(:p, 'in p', state => 'failed') \gset
SELECT wb.start_run(:q, 'in q', state => 'failed') \gset
SELECT wb.log_artifact(:p, 'one', 'model') AS v \gset
SELECT wb.log_artifact(:p, 'two', 'model') \gset
SELECT wb.log_artifact(:q, 'one', 'model') \gset
SELECT * FROM pg_temp.news();

-- G031 also of collections that are made later
SELECT wb.log_artifact(:p, 'later', 'model') \gset
SELECT * FROM pg_temp.news();

-- G032 that of a collection sees nothing else
SELECT pg_temp.watch('g032 alias', wb.on_add_artifact_alias(wb.collection(:in_p, 'one'))) \gset
SELECT wb.log_artifact(:p, 'two', 'model') \gset
SELECT wb.log_artifact(:q, 'one', 'model') \gset
SELECT wb.log_artifact(:p, 'one', 'model') \gset
SELECT * FROM pg_temp.news();

-- G033 that of a team sees all its projects, later ones too, and no other team's
SELECT pg_temp.watch('g033 run', wb.on_run_state(wb.entity('conform_scope'), '{failed}')) \gset
SELECT wb.start_run(:p, 'in p', state => 'failed') \gset
SELECT wb.start_run(:q, 'in q', state => 'failed') \gset
SELECT wb.start_run(wb.create_project('conform_scope', 'later'), 'later', state => 'failed') \gset
SELECT wb.start_run(:r, 'of team b', state => 'failed') \gset
SELECT * FROM pg_temp.news();

-- G034 that of an organization sees all its teams and registries, and no other organization's
SELECT pg_temp.watch('g034 run', wb.on_run_state(wb.entity('conform_scope org'), '{failed}')) \gset
SELECT pg_temp.watch('g034 link', wb.on_link_artifact(wb.entity('conform_scope org'))) \gset
SELECT wb.create_team('conform_scope stranger', 'conform_scope strange org') \gset
SELECT wb.start_run(:p, 'in p', state => 'failed') \gset
SELECT wb.start_run(:r, 'in r', state => 'failed') \gset
SELECT wb.start_run(wb.create_project('conform_scope stranger', 's'), 'in s', state => 'failed') \gset
SELECT wb.link_artifact(:v, :registry, 'g034') \gset
SELECT * FROM pg_temp.news();

-- G035 a user is no scope, named or numbered
SELECT wb.entity('conform_scope ann');
SELECT pg_temp.try('g035', wb.on_run_state('{"scope_type": "ENTITY", "scope_id": 7796100}', '{failed}'));

-- G036 one event makes the automations of every level fire, each once
SELECT pg_temp.watch('g036 collection', wb.on_create_artifact(wb.collection(:in_p, 'one'))) \gset
SELECT pg_temp.watch('g036 project', wb.on_create_artifact(:in_p)) \gset
SELECT pg_temp.watch('g036 team', wb.on_create_artifact(wb.entity('conform_scope'))) \gset
SELECT pg_temp.watch('g036 organization', wb.on_create_artifact(wb.entity('conform_scope org'))) \gset
SELECT wb.log_artifact(:p, 'one', 'model') \gset
SELECT * FROM pg_temp.news();

-- G037 a new version can be waited for in a project, a team and an organization, not in a registry
SELECT n, pg_temp.try('g037 ' || n, wb.on_create_artifact(scope)) FROM (VALUES ('collection', wb.collection(:in_p, 'one')), ('project', :in_p), ('team', wb.entity('conform_scope')),
	('organization', wb.entity('conform_scope org')), ('registry', wb.registry('conform_scope org', 'models'))) v(n, scope);

-- G038 a collection has no runs
SELECT n, pg_temp.try('g038 ' || n, event) FROM (VALUES ('metric', wb.on_run_metric(wb.collection(:in_p, 'one'), wb.metric('loss', '>', 1))),
	('change', wb.on_run_metric(wb.collection(:in_p, 'one'), wb.increases_by('loss', diff => 1))), ('state', wb.on_run_state(wb.collection(:in_p, 'one'), '{failed}'))) v(n, event);

-- G039 a team and an organization have
SELECT n, pg_temp.try('g039 ' || n, event) FROM (VALUES ('metric of a team', wb.on_run_metric(wb.entity('conform_scope'), wb.metric('loss', '>', 1))),
	('state of an organization', wb.on_run_state(wb.entity('conform_scope org'), '{failed}'))) v(n, event);
SELECT pg_temp.watch('g039 metric', wb.on_run_metric(wb.entity('conform_scope'), wb.metric('loss', '>', 1))) \gset
SELECT wb.start_run(:p, 'in p') AS run \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 0, 1), (:run, 'loss', 1, 2);
SELECT * FROM pg_temp.news();

-- G040 in W&B's JSON a registry is a project, told by its name or its id; the bare prefix names none
SELECT name, wb.wire_scope(jsonb_build_object('scope', jsonb_build_object('__typename', 'Project', 'id', '7', 'name', name)))
FROM unnest('{wandb-registry-models,wandb-registry-x,wandb-registry-,my-wandb-registry-x,models}'::text[]) name;
SELECT wb.wire_scope(jsonb_build_object('scopeType', 'PROJECT', 'scopeID', id)) FROM unnest(ARRAY['7', encode('Project:7', 'base64'), encode('Registry:7', 'base64')]) id;
SELECT pg_temp.watch('g040', wb.on_link_artifact(wb.registry('conform_scope org', 'models'))) AS a \gset
SELECT x->>'scopeType' AS type, convert_from(decode(x->>'scopeID', 'base64'), 'UTF8') = 'Registry:' || :registry AS is_id FROM wb.export_automation(:a) x;
SELECT wb.import_automation(wb.export_automation(:a) || '{"name": "g040 again"}') AS b \gset
SELECT a.scope_type, a.scope_id = b.scope_id AS is_same, wb.export_automation(a.id) - 'name' = wb.export_automation(b.id) - 'name' AS is_equal
FROM wb.automations a, wb.automations b WHERE a.id = :a AND b.id = :b;
SELECT wb.link_artifact(:v, :registry, 'g040') \gset
SELECT * FROM pg_temp.news();
UPDATE wb.automations SET enabled = false WHERE name LIKE 'g0%' AND enabled;
