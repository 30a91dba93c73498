-- Versions are linked to collections of registries, and unlinked.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_team('capture_link', 'capture_link org') \gset
SELECT wb.create_project('capture_link', 'p') AS project \gset

-- a registry is made with its organization, and again it is the same
SELECT wb.create_registry('capture_link org', 'models') AS registry \gset
SELECT wb.create_registry('capture_link org', 'models') = :registry AS is_same, wb.registry_id('capture_link org', 'models') = :registry AS is_found;
\set VERBOSITY terse
SELECT wb.create_registry('capture_link', 'models');
SELECT wb.create_registry('capture_link org', 'a:b');
SELECT wb.registry_id('capture_link org', 'nothing');
\set VERBOSITY default

SELECT wb.create_automation('linked', wb.on_link_artifact(wb.registry('capture_link org', 'models')), wb.do_nothing()) \gset
SELECT wb.create_automation('unlinked', wb.on_unlink_artifact(wb.registry('capture_link org', 'models')), wb.do_nothing()) \gset
SELECT wb.create_automation('alias', wb.on_add_artifact_alias(wb.registry('capture_link org', 'models')), wb.do_nothing()) \gset
SELECT wb.log_artifact(:project, 'detector', 'model', aliases => '{best}') AS v0 \gset
SELECT wb.log_artifact(:project, 'detector', 'model') AS v1 \gset
-- what happened since the last look
CREATE TEMP TABLE seen AS SELECT coalesce(max(id), 0) AS id FROM wb.executions;
CREATE FUNCTION pg_temp.news() RETURNS TABLE (automation text, event_type text, place text, artifact text, why text) LANGUAGE plpgsql AS $$
DECLARE
	last bigint := (SELECT id FROM seen);
BEGIN
	UPDATE seen SET id = (SELECT coalesce(max(e.id), 0) FROM wb.executions e);
	RETURN QUERY SELECT h.automation_name, h.event_type, h.project, h.artifact, h.why FROM wb.automation_history h
	WHERE h.execution_id > last ORDER BY h.execution_id;
END $$;

-- a link counts by itself, and brings its aliases and "latest" along; those of
-- the source stay there
SELECT wb.link_artifact(:v1, :registry, 'vision', '{staging,prod}') AS link \gset
SELECT * FROM pg_temp.news();
SELECT wb.link_artifact(:v0, :registry, 'vision') \gset
SELECT * FROM pg_temp.news();
SELECT c.name, l.version, l.artifact_id = :v1 AS is_v1, l.aliases, (SELECT array_agg(s.alias ORDER BY s.alias) FROM wb.artifact_aliases s
	WHERE s.artifact_id = l.artifact_id AND s.collection_id = c.id) AS has
FROM wb.artifact_links l JOIN wb.collections c ON c.id = l.collection_id WHERE c.registry_id = :registry ORDER BY 2;
SELECT id AS vision FROM wb.collections WHERE registry_id = :registry AND name = 'vision' \gset
SELECT count(*) AS of_source FROM wb.artifact_aliases WHERE artifact_id = :v1 AND collection_id <> :vision;

-- linked again it is the same link, and takes the aliases
SELECT wb.link_artifact(:v1, :registry, 'vision', '{prod,canary}') = :link AS is_same;
SELECT * FROM pg_temp.news();
-- an alias moves within the registry's collection
SELECT wb.add_alias(:v0, 'prod', :vision) \gset
SELECT wb.add_alias(:v0, 'prod', :vision) \gset
SELECT * FROM pg_temp.news();
-- one that is given in the source is no event here
SELECT wb.add_alias(:v0, 'canary') \gset
SELECT * FROM pg_temp.news();
SELECT wb.remove_alias(:v0, 'canary');
SELECT count(*) AS stays FROM wb.artifact_aliases WHERE collection_id = :vision AND alias = 'canary';
SELECT wb.remove_alias(:v1, 'canary', :vision);

-- a plain INSERT does the same
INSERT INTO wb.collections (registry_id, name, type) VALUES (:registry, 'plain', 'model') RETURNING id AS plain \gset
INSERT INTO wb.artifact_links (collection_id, artifact_id, aliases) VALUES (:plain, :v0, '{a}'), (:plain, :v1, '{a}');
SELECT * FROM pg_temp.news();

-- unlinked, the aliases that it has there go
DELETE FROM wb.artifact_links WHERE collection_id = :plain AND artifact_id = :v1;
SELECT wb.unlink_artifact(:v0, :registry, 'plain');
SELECT * FROM pg_temp.news();
SELECT count(*) AS aliases FROM wb.artifact_aliases WHERE collection_id = :plain;
-- linked once more it gets a new number
SELECT wb.link_artifact(:v0, :registry, 'plain') \gset
SELECT * FROM pg_temp.news();

-- what is deleted as a whole is not unlinked
DELETE FROM wb.collections WHERE id = :plain;
SELECT wb.log_artifact(:project, 'detector', 'model') AS v2 \gset
SELECT wb.link_artifact(:v2, :registry, 'vision') \gset
SELECT count(*) AS news FROM pg_temp.news();
DELETE FROM wb.artifacts WHERE id = :v2;
SELECT * FROM pg_temp.news();

-- the name of W&B's wire, its other name, and what is stored and shown
INSERT INTO wb.automations (name, scope_type, scope_id, event_type, event_filter, action_type, action_config) VALUES
	('by its new name', 'REGISTRY', :registry, 'LINK_ARTIFACT', '{}', 'NO_OP', '{"noOpActionInput": {"noOp": true}}'),
	('by its old name', 'REGISTRY', :registry, 'LINK_MODEL', '{}', 'NO_OP', '{"noOpActionInput": {"noOp": true}}')
RETURNING name, event_type, event_source;
SELECT wb.log_artifact(:project, 'detector', 'model', metadata => '{"score": 0.9}', tags => '{europe}') AS v3 \gset
SELECT wb.link_artifact(:v3, :registry, 'vision', '{prod}') \gset
SELECT * FROM pg_temp.news();
SELECT jsonb_pretty(event - 'artifactId' - 'eventAuthor') AS event, event_type, project_id
FROM wb.executions WHERE automation_name = 'by its old name';

-- what cannot be linked
INSERT INTO wb.registries (id, entity_id, name) VALUES (95100, wb.entity_id('capture_link org'), 'fixed');
INSERT INTO wb.collections (id, project_id, registry_id, name, type) VALUES (95100, NULL, 95100, 'vision', 'model'), (95101, :project, NULL, 'words', 'dataset');
INSERT INTO wb.artifacts (id, collection_id, state) VALUES (95101, 95101, 'COMMITTED'), (95102, wb.collection_of(:v0), 'PENDING'), (95103, wb.collection_of(:v0), 'COMMITTED');
INSERT INTO wb.artifact_links (id, collection_id, artifact_id) VALUES (95103, 95100, 95103);
\set VERBOSITY terse
SELECT wb.link_artifact(95101, 95100, 'vision');
\echo :LAST_ERROR_SQLSTATE
SELECT wb.link_artifact(-1, 95100, 'vision');
\echo :LAST_ERROR_SQLSTATE
SELECT wb.link_artifact(95103, -1, 'vision');
\echo :LAST_ERROR_SQLSTATE
SELECT wb.link_artifact(95103, 95100, 'a/b');
SELECT wb.link_artifact(95103, 95100, 'vision 2', '{v7}');
SELECT wb.unlink_artifact(95103, 95100, 'nothing');
\echo :LAST_ERROR_SQLSTATE
SELECT wb.add_alias(95101, 'x', 95100);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO wb.artifact_links (collection_id, artifact_id, aliases) VALUES (95100, 95103, '{NULL}');
INSERT INTO wb.artifact_links (collection_id, artifact_id) VALUES (95100, -1);
INSERT INTO wb.artifact_links (collection_id, artifact_id) VALUES (-1, 95103);
UPDATE wb.artifact_links SET artifact_id = :v3 WHERE collection_id = 95100 AND artifact_id = 95103;
INSERT INTO wb.artifacts (collection_id) VALUES (95100);
INSERT INTO wb.collections (name, type) VALUES ('nowhere', 'model');
INSERT INTO wb.collections (project_id, registry_id, name, type) VALUES (:project, 95100, 'both', 'model');
INSERT INTO wb.collections (registry_id, name, type) VALUES (95100, 'vision', 'model');
\set VERBOSITY default
SELECT wb.link_artifact(95102, 95100, 'vision 2');
INSERT INTO wb.artifact_links (collection_id, artifact_id) SELECT wb.collection_of(95103), :v1;
