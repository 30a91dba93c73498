-- Tags of versions and of collections are given and taken away.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_team('capture_tag', 'capture_tag org') \gset
SELECT wb.create_project('capture_tag', 'p') AS project \gset
SELECT wb.create_registry('capture_tag org', 'models') AS registry \gset
SELECT wb.create_automation('added', wb.on_add_artifact_tag(wb.project('capture_tag', 'p')), wb.do_nothing()) \gset
SELECT wb.create_automation('removed', wb.on_remove_artifact_tag(wb.project('capture_tag', 'p')), wb.do_nothing()) \gset
SELECT wb.create_automation('collection added', wb.on_add_collection_tag(wb.project('capture_tag', 'p')), wb.do_nothing()) \gset
SELECT wb.create_automation('collection removed', wb.on_remove_collection_tag(wb.project('capture_tag', 'p')), wb.do_nothing()) \gset
SELECT wb.log_artifact(:project, 'data', 'dataset') AS v0 \gset
SELECT wb.log_artifact(:project, 'data', 'dataset') AS v1 \gset
SELECT wb.collection_of(:v0) AS data \gset
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

-- one event a tag, and many versions may have the same
SELECT wb.add_tag(:v0, 'europe');
INSERT INTO wb.artifact_tags (artifact_id, tag) VALUES (:v0, 'b'), (:v1, 'europe');
SELECT * FROM pg_temp.news();
-- again it is none
SELECT wb.add_tag(:v0, 'europe') \gset
UPDATE wb.artifact_tags SET created_by = 'somebody' WHERE artifact_id = :v0;
SELECT * FROM pg_temp.news();
-- removed
SELECT wb.remove_tag(:v0, 'europe');
DELETE FROM wb.artifact_tags WHERE artifact_id = :v1;
SELECT * FROM pg_temp.news();
-- renamed or moved, it is removed here and added there
UPDATE wb.artifact_tags SET tag = 'c' WHERE artifact_id = :v0 AND tag = 'b';
UPDATE wb.artifact_tags SET artifact_id = :v1 WHERE artifact_id = :v0;
SELECT * FROM pg_temp.news();
-- what goes with its version is not removed from it
DELETE FROM wb.artifacts WHERE id = :v1;
SELECT * FROM pg_temp.news();

-- tags of collections are others
SELECT wb.add_collection_tag(:data, 'gold standard');
SELECT wb.add_collection_tag(:data, 'gold standard') \gset
SELECT * FROM pg_temp.news();
SELECT jsonb_pretty(event - 'eventAuthor') AS event, artifact_id IS NULL AS has_no_version FROM wb.executions WHERE automation_name = 'collection added';
SELECT wb.remove_collection_tag(:data, 'gold standard');
SELECT * FROM pg_temp.news();
SELECT DISTINCT event->>'eventAuthor' = current_user AS author_is_user FROM wb.executions WHERE automation_name = 'collection removed';

-- a version that is linked has its tags everywhere: one event, in which an
-- automation is told of the collection that is in its scope, else the source,
-- and fires once even if several are
SELECT wb.link_artifact(:v0, :registry, 'first') \gset
SELECT wb.link_artifact(:v0, :registry, 'second') \gset
SELECT wb.create_automation('in registry', wb.on_add_artifact_tag(wb.registry('capture_tag org', 'models')), wb.do_nothing()) \gset
SELECT wb.create_automation('in second', wb.on_add_artifact_tag(wb.collection(wb.registry('capture_tag org', 'models'), 'second')), wb.do_nothing()) \gset
SELECT wb.create_automation('in organization', wb.on_add_artifact_tag(wb.entity('capture_tag org')), wb.do_nothing()) \gset
SELECT wb.add_tag(:v0, 'asia');
SELECT * FROM pg_temp.news();

-- what is not there, and what is no tag
INSERT INTO wb.collections (id, project_id, name, type) VALUES (95200, :project, 'fixed', 'model');
INSERT INTO wb.artifacts (id, collection_id) VALUES (95200, 95200);
\set VERBOSITY terse
SELECT wb.remove_tag(95200, 'nothing');
\echo :LAST_ERROR_SQLSTATE
SELECT wb.remove_collection_tag(95200, 'nothing');
\echo :LAST_ERROR_SQLSTATE
SELECT wb.add_tag(-1, 'x');
SELECT wb.remove_tag(-1, 'x');
SELECT wb.add_collection_tag(-1, 'x');
SELECT wb.remove_collection_tag(-1, 'x');
SELECT wb.add_tag(95200, tag) FROM unnest('{a  b-c_d}'::text[]) tag;
SELECT wb.add_tag(95200, '');
SELECT wb.add_tag(95200, ' a');
SELECT wb.add_tag(95200, 'a/b');
SELECT wb.add_tag(95200, NULL);
SELECT wb.add_collection_tag(95200, 'a:b');
