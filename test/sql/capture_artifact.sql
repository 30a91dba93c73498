-- A version that is committed makes automations fire; "latest" follows by
-- itself, whoever writes the row.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_project('capture_artifact', 'p') AS project \gset
INSERT INTO wb.collections (project_id, name, type) VALUES (:project, 'data', 'dataset') RETURNING id AS data \gset
SELECT wb.create_automation('created', wb.on_create_artifact(wb.project('capture_artifact', 'p')), wb.do_nothing()) \gset
SELECT wb.create_automation('in data', wb.on_create_artifact(wb.collection(wb.project('capture_artifact', 'p'), 'data')), wb.do_nothing()) \gset
SELECT wb.create_automation('alias', wb.on_add_artifact_alias(wb.project('capture_artifact', 'p')), wb.do_nothing()) \gset
SELECT wb.create_automation('tag', wb.on_add_artifact_tag(wb.project('capture_artifact', 'p')), wb.do_nothing()) \gset
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

-- a plain INSERT numbers the version, makes its event, and moves "latest"
INSERT INTO wb.artifacts (collection_id) VALUES (:data);
SELECT * FROM pg_temp.news();
-- several in one statement are counted one after the other
INSERT INTO wb.artifacts (collection_id, metadata) VALUES (:data, '{"rows": 1}'), (:data, '{"rows": 2}');
SELECT * FROM pg_temp.news();
SELECT a.version, a.metadata, array_agg(l.alias) FILTER (WHERE l.alias IS NOT NULL) AS aliases
FROM wb.artifacts a LEFT JOIN wb.artifact_aliases l ON l.artifact_id = a.id WHERE a.collection_id = :data GROUP BY 1, 2 ORDER BY 1;
-- a number that is given is taken, and counting goes on behind it
INSERT INTO wb.artifacts (collection_id, version) VALUES (:data, 10), (:data, NULL);
SELECT * FROM pg_temp.news();

-- a version that is not committed has no events: not its own, nor of its
-- aliases and tags; they come when it is
INSERT INTO wb.artifacts (collection_id, state) VALUES (:data, 'PENDING') RETURNING id AS pending \gset
SELECT wb.add_alias(:pending, 'best') \gset
SELECT wb.add_tag(:pending, 'europe west') \gset
SELECT * FROM pg_temp.news();
SELECT wb.artifact('capture_artifact/p/data:latest') = :pending AS is_latest;
UPDATE wb.artifacts SET state = 'COMMITTED' WHERE id = :pending;
SELECT * FROM pg_temp.news();
SELECT wb.artifact('capture_artifact/p/data:latest') = :pending AS is_latest;
-- once is enough
UPDATE wb.artifacts SET state = 'COMMITTED', metadata = '{"late": true}' WHERE id = :pending;
SELECT * FROM pg_temp.news();

-- uploads that end in another order: "latest" stays with the newest
INSERT INTO wb.artifacts (collection_id, state) VALUES (:data, 'PENDING') RETURNING id AS slow \gset
INSERT INTO wb.artifacts (id, collection_id) VALUES (95000, :data);
UPDATE wb.artifacts SET state = 'COMMITTED' WHERE id = :slow;
SELECT * FROM pg_temp.news();
SELECT wb.artifact('capture_artifact/p/data:latest') = 95000 AS is_newest;

-- an upload that is given up makes no event
INSERT INTO wb.artifacts (id, collection_id, state) VALUES (95001, :data, 'PENDING');
UPDATE wb.artifacts SET state = 'DELETED' WHERE id = 95001;
-- nor does a version that is deleted, which loses its aliases
UPDATE wb.artifacts SET state = 'DELETED' WHERE id = :pending;
SELECT count(*) AS aliases FROM wb.artifact_aliases WHERE artifact_id = :pending;
SELECT * FROM pg_temp.news();
-- there is no way back
\set VERBOSITY terse
UPDATE wb.artifacts SET state = 'COMMITTED' WHERE id = 95001;
UPDATE wb.artifacts SET state = 'PENDING' WHERE id = 95000;
\set VERBOSITY default

-- wb.log_artifact gives everything at once
SELECT wb.log_artifact(:project, 'model', 'model', 'd0', aliases => '{staging,best}', tags => '{europe}') AS v0 \gset
SELECT * FROM pg_temp.news();
-- an unchanged digest makes no version, but takes what is new
SELECT wb.log_artifact(:project, 'model', 'model', 'd0', aliases => '{best,prod}', tags => '{europe,asia}') = :v0 AS is_same;
SELECT * FROM pg_temp.news();
-- that of a version which was deleted is new
UPDATE wb.artifacts SET state = 'DELETED' WHERE id = :v0;
SELECT wb.log_artifact(:project, 'model', 'model', 'd0') <> :v0 AS is_new;
SELECT * FROM pg_temp.news();
-- a rollback leaves nothing
BEGIN;
SELECT wb.log_artifact(:project, 'model', 'model', 'd1') IS NULL AS made;
ROLLBACK;
SELECT * FROM pg_temp.news();

-- the event as history and messages have it
SELECT jsonb_pretty(event - 'artifactId' - 'eventAuthor') AS event, (event->>'artifactId')::bigint = artifact_id AS is_version
FROM wb.executions WHERE automation_name = 'in data' ORDER BY id LIMIT 1;
SELECT DISTINCT event->>'eventAuthor' = current_user AS author_is_user, cooldown FROM wb.executions WHERE automation_name = 'in data';

-- bulk import, silently
SET wb_automations.capture = off;
INSERT INTO wb.artifacts (collection_id) VALUES (:data) RETURNING version \gset
RESET wb_automations.capture;
SELECT * FROM pg_temp.news();
SELECT a.version = :version AS is_latest FROM wb.artifacts a WHERE a.id = wb.artifact('capture_artifact/p/data:latest');
