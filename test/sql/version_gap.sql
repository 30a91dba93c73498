-- Numbers of versions that somebody chose: a collection goes on counting.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_project('version_gap', 'p') AS project \gset
INSERT INTO wb.collections (id, project_id, name, type) VALUES (6760001, :project, 'model', 'model');

-- a number at the end of integer would leave none for those that follow
INSERT INTO wb.artifacts (collection_id, version) VALUES (6760001, 2147483646);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO wb.artifacts (collection_id, version) VALUES (6760001, 2147483647);
INSERT INTO wb.artifacts (collection_id, version) VALUES (6760001, 10001);
INSERT INTO wb.artifacts (collection_id) VALUES (6760001) RETURNING version;

-- a gap is left all the same, as wide as an import needs it
INSERT INTO wb.artifacts (collection_id, version) VALUES (6760001, 10001) RETURNING version;
INSERT INTO wb.artifacts (collection_id, version) VALUES (6760001, 5) RETURNING version;
SELECT wb.log_artifact(:project, 'model', 'model') \gset
SELECT max(version) FROM wb.artifacts WHERE collection_id = 6760001;
-- and wider for whoever may say so
UPDATE wb.collections SET next_version = 2000000 WHERE id = 6760001;
INSERT INTO wb.artifacts (collection_id, version) VALUES (6760001, 2000007) RETURNING version;

-- links are counted likewise
SELECT wb.create_registry('version_gap org', 'models') AS registry \gset
SELECT id AS artifact FROM wb.artifacts WHERE collection_id = 6760001 AND version = 5 \gset
INSERT INTO wb.collections (id, registry_id, name, type) VALUES (6760002, :registry, 'best', 'model');
INSERT INTO wb.artifact_links (collection_id, artifact_id, version) VALUES (6760002, :artifact, 2147483646);
INSERT INTO wb.artifact_links (collection_id, artifact_id) VALUES (6760002, :artifact) RETURNING version;
