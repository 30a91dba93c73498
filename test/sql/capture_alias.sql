-- A version that gets an alias makes automations fire, in the scope of its
-- collection and of its project.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_project('capture_alias', 'p') AS project \gset
SELECT wb.create_project('capture_alias', 'other') AS other_project \gset
INSERT INTO wb.collections (project_id, name, type) VALUES (:project, 'model', 'model'), (:project, 'data', 'dataset');
SELECT wb.create_automation('any', wb.on_add_artifact_alias(wb.project('capture_alias', 'p')), wb.do_nothing()) \gset
SELECT wb.create_automation('of model', wb.on_add_artifact_alias(wb.collection(wb.project('capture_alias', 'p'), 'model')), wb.do_nothing()) \gset
SELECT wb.create_automation('prod', wb.on_add_artifact_alias(wb.project('capture_alias', 'p'), wb.where('alias', '=', 'prod')), wb.do_nothing()) \gset
-- what happened since the last look
CREATE TEMP TABLE seen AS SELECT 0::bigint AS id;
CREATE FUNCTION pg_temp.news() RETURNS TABLE (automation text, why text, state text) LANGUAGE plpgsql AS $$
DECLARE
	last bigint := (SELECT id FROM seen);
BEGIN
	UPDATE seen SET id = (SELECT max(e.id) FROM wb.executions e);
	RETURN QUERY SELECT e.automation_name, e.why, e.state FROM wb.executions e
	WHERE e.id > last AND e.event->>'entityName' = 'capture_alias' ORDER BY e.id;
END $$;

-- a new version gets "latest"
SELECT wb.log_artifact(:project, 'model', 'model', 'd0') AS v0 \gset
SELECT * FROM pg_temp.news();

-- the next version takes it over: one event, for the new holder
SELECT wb.log_artifact(:project, 'model', 'model', 'd1', aliases => '{best}') AS v1 \gset
SELECT * FROM pg_temp.news();

-- an unchanged digest makes no version, and no event
SELECT wb.log_artifact(:project, 'model', 'model', 'd1') = :v1 AS is_same;
SELECT count(*) FROM wb.artifacts WHERE collection_id = wb.collection_of(:v1);
SELECT * FROM pg_temp.news();
-- only the newest version's digest counts
SELECT wb.log_artifact(:project, 'model', 'model', 'd0') <> :v0 AS is_new;
SELECT * FROM pg_temp.news();

-- a version that exists gets an alias
SELECT wb.add_alias(:v0, 'prod');
SELECT * FROM pg_temp.news();

-- the same alias again is no event
SELECT wb.add_alias(:v0, 'prod') \gset
UPDATE wb.artifact_aliases SET created_by = 'somebody' WHERE artifact_id = :v0;
SELECT * FROM pg_temp.news();

-- it moves
SELECT wb.add_alias(:v1, 'prod') \gset
SELECT * FROM pg_temp.news();
SELECT artifact_id = :v1 AS has_moved FROM wb.artifact_aliases WHERE alias = 'prod' AND collection_id = wb.collection_of(:v1);

-- by plain UPDATE too, and a renamed alias is a new one
UPDATE wb.artifact_aliases SET artifact_id = :v0 WHERE artifact_id = :v1 AND alias = 'prod';
UPDATE wb.artifact_aliases SET alias = 'staging' WHERE artifact_id = :v0 AND alias = 'prod';
SELECT * FROM pg_temp.news();

-- removing one is no event; what was removed can be added again
SELECT wb.remove_alias(:v0, 'staging');
SELECT * FROM pg_temp.news();
SELECT wb.add_alias(:v0, 'staging') \gset
SELECT * FROM pg_temp.news();

-- another collection: only the automations of the project
SELECT wb.log_artifact(:project, 'data', 'dataset') AS data \gset
SELECT * FROM pg_temp.news();
-- without a digest every call makes a version
SELECT wb.log_artifact(:project, 'data', 'dataset') <> :data AS is_new;
SELECT * FROM pg_temp.news();

-- another project: none
SELECT wb.log_artifact(:other_project, 'model', 'model') \gset
SELECT * FROM pg_temp.news();

-- a rollback leaves nothing
BEGIN;
SELECT wb.add_alias(:v1, 'prod') \gset
ROLLBACK;
SELECT * FROM pg_temp.news();

-- there is no cooldown unless one is given; it counts over all versions
SELECT wb.create_automation('rarely', wb.on_add_artifact_alias(wb.project('capture_alias', 'p'), wb.where('alias', '=', 'rare')),
	wb.do_nothing(), cooldown => '1 hour') \gset
SELECT wb.disable_automation(wb.automation('any', 'capture_alias')) \gset
SELECT wb.disable_automation(wb.automation('of model', 'capture_alias')) \gset
SELECT wb.add_alias(:v0, 'rare') \gset
SELECT wb.add_alias(:v1, 'rare') \gset
SELECT wb.add_alias(:v0, 'rare') \gset
SELECT * FROM pg_temp.news();
SET wb_automations.clock_offset = '61min';
SELECT wb.add_alias(:v1, 'rare') \gset
RESET wb_automations.clock_offset;
SELECT * FROM pg_temp.news();

-- what history and messages are told
SELECT wb.log_artifact(:project, 'model', 'model', 'd2', metadata => '{"score": 0.9, "note": "\"quoted\""}', aliases => '{prod}') AS v3 \gset
SELECT jsonb_pretty(event - 'artifactId' - 'eventAuthor') AS event, (event->>'artifactId')::bigint = :v3 AS is_version,
	artifact_id = :v3 AS is_of_version, run_id IS NULL AS has_no_run, cooldown, event_type
FROM wb.executions WHERE automation_name = 'prod' AND artifact_id = :v3;
SELECT event->>'eventAuthor' = current_user AS author_is_user FROM wb.executions WHERE automation_name = 'prod' AND artifact_id = :v3;

-- in one scope the automation that was made first fires first, also after it was switched off and on
SELECT wb.create_automation('order ' || n, wb.on_add_artifact_alias(wb.project('capture_alias', 'p'), wb.where('alias', '=', 'order')), wb.do_nothing()) > 0 AS is_made FROM generate_series(1, 3) n;
UPDATE wb.automations SET enabled = false WHERE name IN ('order 1', 'order 2');
UPDATE wb.automations SET enabled = true WHERE name IN ('order 1', 'order 2');
SELECT wb.add_alias(:v0, 'order') \gset
SELECT * FROM pg_temp.news() WHERE automation LIKE 'order%';
