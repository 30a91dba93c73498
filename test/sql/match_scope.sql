-- One event is seen at every level that it belongs to: collection, project or
-- registry, entity, organization; things that are made later too.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_team('match_scope', 'match_scope org') AS team \gset
SELECT wb.entity_id('match_scope org') AS organization \gset
SELECT wb.create_project('match_scope', 'p') AS project \gset
INSERT INTO wb.registries (id, entity_id, name) VALUES (95300, :organization, 'models');
\set registry 95300
INSERT INTO wb.entities (name, kind) VALUES ('match_scope ann', 'user') RETURNING id AS ann \gset
INSERT INTO wb.collections (project_id, registry_id, name, type) VALUES (:project, NULL, 'c', 'model'), (NULL, :registry, 'c', 'model');
-- one automation for each scope and event
CREATE TEMP TABLE scopes (name text, scope jsonb);
INSERT INTO scopes VALUES ('1 collection', wb.collection(wb.project('match_scope', 'p'), 'c')), ('2 project', wb.project('match_scope', 'p')),
	('3 linked collection', wb.collection(wb.registry('match_scope org', 'models'), 'c')), ('4 registry', wb.registry('match_scope org', 'models')),
	('5 team', wb.entity('match_scope')), ('6 organization', wb.entity('match_scope org'));
SELECT name, scope->>'scope_type' AS scope_type FROM scopes ORDER BY 1;
CREATE FUNCTION pg_temp.try(name text, event jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	PERFORM wb.create_automation(name, event, wb.do_nothing(), cooldown => '0');
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN concat(SQLERRM, '; ', hint);
END $$;

-- what can happen where
SELECT name, pg_temp.try(name || ' metric', wb.on_run_metric(scope, wb.is_nan('loss'))) AS metric FROM scopes ORDER BY 1;
SELECT name, pg_temp.try(name || ' state', wb.on_run_state(scope, '{failed}')) AS state FROM scopes ORDER BY 1;
SELECT name, pg_temp.try(name || ' created', wb.on_create_artifact(scope)) AS created FROM scopes ORDER BY 1;
SELECT e.event, count(*) AS accepted FROM scopes, LATERAL (VALUES
	('linked', wb.on_link_artifact(scope)), ('unlinked', wb.on_unlink_artifact(scope)), ('alias', wb.on_add_artifact_alias(scope)),
	('tag added', wb.on_add_artifact_tag(scope)), ('tag removed', wb.on_remove_artifact_tag(scope)),
	('collection tag added', wb.on_add_collection_tag(scope)), ('collection tag removed', wb.on_remove_collection_tag(scope))) e(event, built)
WHERE pg_temp.try(concat_ws(' ', name, e.event), e.built) = 'accepted' GROUP BY 1 ORDER BY 1;
-- what happened since the last look
CREATE TEMP TABLE seen AS SELECT coalesce(max(id), 0) AS id FROM wb.executions;
CREATE FUNCTION pg_temp.news() RETURNS TABLE (automation text, place text, artifact text) LANGUAGE plpgsql AS $$
DECLARE
	last bigint := (SELECT id FROM seen);
BEGIN
	UPDATE seen SET id = (SELECT coalesce(max(e.id), 0) FROM wb.executions e);
	RETURN QUERY SELECT h.automation_name, h.project, coalesce(h.artifact, h.run_name) FROM wb.automation_history h
	WHERE h.execution_id > last ORDER BY 1;
END $$;

-- runs, in a project that is there and in one that is made afterwards
SELECT wb.start_run(:project, 'here') AS run \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 0, 'NaN');
SELECT * FROM pg_temp.news();
UPDATE wb.runs SET state = 'failed' WHERE id = :run;
SELECT * FROM pg_temp.news();
SELECT wb.start_run(wb.create_project('match_scope', 'later'), 'later', state => 'failed') AS run \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 0, 'NaN');
SELECT * FROM pg_temp.news();
-- a team that joins the organization belongs to it from then on
SELECT wb.create_team('match_scope new') AS new_team \gset
SELECT wb.create_project('match_scope new', 'p') AS new_project \gset
SELECT wb.start_run(:new_project, 'before', state => 'failed') \gset
SELECT * FROM pg_temp.news();
UPDATE wb.entities SET organization_id = :organization WHERE id = :new_team;
SELECT wb.start_run(:new_project, 'after', state => 'failed') \gset
SELECT * FROM pg_temp.news();

-- a version, and its "latest"
SELECT wb.log_artifact(:project, 'c', 'model') AS v0 \gset
SELECT * FROM pg_temp.news();
-- its link, in the registry and above, but not in the project that it is from
SELECT wb.link_artifact(:v0, :registry, 'c') \gset
SELECT * FROM pg_temp.news();
-- a collection that is made with the link
SELECT wb.link_artifact(:v0, wb.create_registry('match_scope org', 'later'), 'later') \gset
SELECT * FROM pg_temp.news();
-- a tag, once for each automation
SELECT wb.add_tag(:v0, 't');
SELECT * FROM pg_temp.news();
-- tags of a collection, where it is and nowhere else
SELECT wb.add_collection_tag(wb.collection_of(:v0), 't');
SELECT * FROM pg_temp.news();
SELECT wb.add_collection_tag((wb.collection(wb.registry('match_scope org', 'models'), 'c')->>'scope_id')::bigint, 't');
SELECT * FROM pg_temp.news();
SELECT wb.unlink_artifact(:v0, :registry, 'c');
SELECT * FROM pg_temp.news();
-- found by name, whatever the scope
SELECT wb.automation('4 registry linked') = wb.automation('4 registry linked', 'match_scope org') AS is_same, wb.automation('5 team tag added', 'match_scope') IS NOT NULL AS of_team,
	wb.automation('3 linked collection alias', 'match_scope org') IS NOT NULL AS of_collection;

-- who may not be a scope, and what does not exist
SELECT wb.entity('match_scope ann');
SELECT wb.entity('match_scope nobody');
SELECT wb.registry('match_scope', 'models');
SELECT wb.registry('match_scope org', 'nothing');
SELECT wb.collection(wb.registry('match_scope org', 'models'), 'nothing');
SELECT wb.collection('{"scope_type": "ENTITY", "scope_id": 95300}', 'c');
SELECT pg_temp.try('user', wb.on_run_state(jsonb_build_object('scope_type', 'ENTITY', 'scope_id', :ann), '{failed}'));
SELECT pg_temp.try('nothing', wb.on_add_artifact_tag('{"scope_type": "REGISTRY", "scope_id": -1}'));
SELECT pg_temp.try('nothing', wb.on_add_artifact_tag('{"scope_type": "ENTITY", "scope_id": -1}'));

-- in the scope of an organization the integrations of its teams are allowed
INSERT INTO wb.integrations (entity_id, kind, name, url) VALUES (:team, 'WEBHOOK', 'hook', 'http://127.0.0.1/') RETURNING id AS hook \gset
SELECT wb.create_team('match_scope other', 'match_scope other org') AS other \gset
INSERT INTO wb.integrations (entity_id, kind, name, url) VALUES (:other, 'WEBHOOK', 'hook', 'http://127.0.0.1/') RETURNING id AS other_hook \gset
CREATE FUNCTION pg_temp.try_hook(scope jsonb, hook bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM wb.create_automation('hook', wb.on_add_artifact_alias(scope), wb.send_webhook(hook), enabled => false);
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
SELECT name, pg_temp.try_hook(scope, :other_hook) AS of_another_organization, pg_temp.try_hook(scope, :hook) AS of_team FROM scopes ORDER BY 1;
SELECT pg_temp.try_hook(wb.entity('match_scope other'), :hook) AS of_another_team;

-- what is deleted takes its automations along
SELECT scope_type, count(*) FROM wb.automations WHERE (scope_type, scope_id) IN (('REGISTRY', :registry), ('ENTITY', :team)) GROUP BY 1 ORDER BY 1;
DELETE FROM wb.registries WHERE id = :registry;
DELETE FROM wb.entities WHERE id = :team;
SELECT scope_type, count(*) FROM wb.automations WHERE (scope_type, scope_id) IN (('REGISTRY', :registry), ('ENTITY', :team)) GROUP BY 1 ORDER BY 1;
DELETE FROM wb.automations WHERE scope_type = 'ENTITY' AND scope_id = :organization;
