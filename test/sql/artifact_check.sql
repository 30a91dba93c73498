-- What may be written of registries, versions and aliases, by plain statements
-- as by the functions.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_team('artifact_check', 'artifact_check org') \gset
SELECT wb.create_project('artifact_check', 'p') AS p \gset
CREATE FUNCTION pg_temp.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN concat(SQLSTATE, ': ', SQLERRM, '; ' || nullif(hint, ''));
END $$;

-- an alias is of a version that is logged in the collection, or linked to it; the foreign keys say what does not exist at all
INSERT INTO wb.registries (id, entity_id, name) VALUES (7796200, wb.entity_id('artifact_check org'), 'fixed');
INSERT INTO wb.collections (id, project_id, registry_id, name, type) VALUES (7796200, :p, NULL, 'fixed', 'model'), (7796201, :p, NULL, 'fixed 2', 'model'), (7796202, NULL, 7796200, 'fixed', 'model');
INSERT INTO wb.artifacts (id, collection_id) VALUES (7796200, 7796200), (7796201, 7796201);
SELECT pg_temp.try(format('INSERT INTO wb.artifact_aliases (collection_id, alias, artifact_id) VALUES (%s, ''x'', %s)', c, a)) AS insert, c, a
FROM (VALUES (7796200, 7796200), (7796201, 7796200), (7796202, 7796200), (7796201, -1), (-1, 7796200)) v(c, a);
SELECT pg_temp.try('INSERT INTO wb.artifact_aliases (collection_id, artifact_id) VALUES (7796200, 7796200)');
SELECT pg_temp.try('SELECT wb.add_alias(7796200, ''x'', 7796202)');
SELECT pg_temp.try('UPDATE wb.artifact_aliases SET artifact_id = 7796201 WHERE collection_id = 7796200 AND alias = ''x''');
INSERT INTO wb.artifact_links (id, collection_id, artifact_id) VALUES (7796200, 7796202, 7796200);
SELECT pg_temp.try('INSERT INTO wb.artifact_aliases (collection_id, alias, artifact_id) VALUES (7796202, ''x'', 7796200)');
-- a registry belongs to an organization
SELECT pg_temp.try(format('INSERT INTO wb.registries (entity_id, name) VALUES (%s, ''x'')', wb.entity_id('artifact_check')));
SELECT pg_temp.try(format('UPDATE wb.registries SET entity_id = %s WHERE id = 7796200', wb.entity_id('artifact_check')));
SELECT pg_temp.try('UPDATE wb.registries SET entity_id = -1 WHERE id = 7796200');
-- metadata has at most 100 keys; what a key holds counts as one
SELECT n, pg_temp.try(format('INSERT INTO wb.artifacts (collection_id, metadata) SELECT 7796200, jsonb_object_agg(''k'' || i, 1) FROM generate_series(1, %s) i', n)) FROM unnest('{100,101}'::integer[]) n;
SELECT pg_temp.try($$INSERT INTO wb.artifacts (collection_id, metadata) SELECT 7796200, jsonb_build_object('k', jsonb_object_agg('k' || i, 1)) FROM generate_series(1, 101) i$$);
SELECT pg_temp.try($$UPDATE wb.artifacts SET metadata = (SELECT jsonb_object_agg('k' || i, 1) FROM generate_series(1, 101) i) WHERE id = 7796200$$);
SELECT pg_temp.try($$UPDATE wb.artifacts SET metadata = '[]' WHERE id = 7796200$$);
SELECT pg_temp.try($$UPDATE wb.artifacts SET metadata = '{"score": Infinity}' WHERE id = 7796200$$);
-- versions that had more before keep them, and change their state
SET session_replication_role = replica;
UPDATE wb.artifacts SET metadata = (SELECT jsonb_object_agg('k' || i, 1) FROM generate_series(1, 101) i) WHERE id = 7796201;
RESET session_replication_role;
SELECT pg_temp.try($$UPDATE wb.artifacts SET state = 'DELETED' WHERE id = 7796201$$);

-- what is not the business of a role that only gives aliases is not read as this role
CREATE ROLE regress_aliaser;
GRANT USAGE ON SCHEMA wb TO regress_aliaser;
GRANT INSERT ON wb.artifact_aliases TO regress_aliaser;
SET ROLE regress_aliaser;
INSERT INTO wb.artifact_aliases (collection_id, alias, artifact_id) VALUES (7796202, 'hers', 7796200);
INSERT INTO wb.artifact_aliases (collection_id, alias, artifact_id) VALUES (7796201, 'hers', 7796200);
RESET ROLE;
-- whoever may delete rows of wb.artifacts deletes what hangs on them, protected aliases too
UPDATE wb.registries SET protected_aliases = '{hers}' WHERE id = 7796200;
GRANT SELECT, DELETE ON wb.artifacts, wb.artifact_aliases TO regress_aliaser;
SET ROLE regress_aliaser;
DELETE FROM wb.artifacts WHERE id = 7796200;
RESET ROLE;
SELECT count(*) AS aliases FROM wb.artifact_aliases WHERE collection_id = 7796202;
DROP OWNED BY regress_aliaser;
DROP ROLE regress_aliaser;

-- used otherwise, the trigger function says how it must be used
CREATE TABLE public.regress_wrong (id bigint);
CREATE TRIGGER wrong BEFORE INSERT ON public.regress_wrong FOR EACH ROW EXECUTE FUNCTION wb.check_alias();
INSERT INTO public.regress_wrong VALUES (1);
DROP TABLE public.regress_wrong;
