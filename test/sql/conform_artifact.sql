-- Versions, links, aliases and tags: what makes automations fire, and what does not.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_team('conform_artifact', 'conform_artifact org') \gset
SELECT wb.create_project('conform_artifact', 'p') AS p, wb.create_registry('conform_artifact org', 'models') AS registry,
	wb.create_registry('conform_artifact org', 'others') AS others \gset
\set in_p 'wb.project(''conform_artifact'', ''p'')'
\set in_registry 'wb.registry(''conform_artifact org'', ''models'')'
-- an automation, with those of other parts switched off
CREATE FUNCTION pg_temp.watch(name text, event jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	UPDATE wb.automations SET enabled = false WHERE enabled AND automations.name LIKE 'g0%' AND left(automations.name, 4) <> left(watch.name, 4);
	PERFORM pg_temp.news();
	RETURN wb.create_automation(watch.name, event, wb.do_nothing());
END $$;
-- what they did since the last look
CREATE TEMP TABLE seen AS SELECT coalesce(max(id), 0) AS id FROM wb.executions;
CREATE FUNCTION pg_temp.news() RETURNS TABLE (automation text, event_type text, artifact text, alias text, tag text) LANGUAGE plpgsql AS $$
DECLARE
	last bigint := (SELECT id FROM seen);
BEGIN
	UPDATE seen SET id = (SELECT coalesce(max(e.id), 0) FROM wb.executions e);
	RETURN QUERY SELECT h.automation_name, h.event->>'eventType', h.artifact, h.event->>'alias', h.event->>'tag' FROM wb.automation_history h
	WHERE h.execution_id > last AND h.automation_name LIKE 'g0%' ORDER BY h.execution_id;
END $$;
CREATE FUNCTION pg_temp.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN concat(SQLSTATE, ': ', regexp_replace(SQLERRM, 'version \d+', 'version <id>'), '; ' || nullif(hint, ''));
END $$;

-- G041 a version that is committed fires, each once: by the function, by INSERT, and by UPDATE
SELECT pg_temp.watch('g041', wb.on_create_artifact(:in_p)) \gset
SELECT wb.log_artifact(:p, 'g041', 'model') AS v \gset
SELECT wb.log_artifact(:p, 'g041', 'model') \gset
SELECT wb.collection_of(:v) AS c \gset
INSERT INTO wb.artifacts (collection_id) VALUES (:c);
INSERT INTO wb.artifacts (collection_id, state) VALUES (:c, 'PENDING') RETURNING id AS pending \gset
UPDATE wb.artifacts SET state = 'COMMITTED' WHERE id = :pending;
UPDATE wb.artifacts SET digest = 'd' WHERE id = :pending;
SELECT * FROM pg_temp.news();

-- G042 one that is pending, or given up, does not, whatever aliases and tags it gets, until it is committed
SELECT pg_temp.watch('g042 created', wb.on_create_artifact(:in_p)) \gset
SELECT pg_temp.watch('g042 alias', wb.on_add_artifact_alias(:in_p, wb."where"('alias', '=', 'early'))) \gset
SELECT pg_temp.watch('g042 tag', wb.on_add_artifact_tag(:in_p)) \gset
INSERT INTO wb.artifacts (collection_id, state) VALUES (:c, 'PENDING') RETURNING id AS given_up \gset
INSERT INTO wb.artifacts (collection_id, state) VALUES (:c, 'PENDING') RETURNING id AS pending \gset
SELECT wb.add_alias(:pending, 'early'), wb.add_tag(:pending, 'early') \gset
UPDATE wb.artifacts SET state = 'DELETED' WHERE id = :given_up;
SELECT * FROM pg_temp.news();
UPDATE wb.artifacts SET state = 'COMMITTED' WHERE id = :pending;
SELECT * FROM pg_temp.news();

-- G043 the digest of the newest version makes no version and no event
SELECT pg_temp.watch('g043', wb.on_create_artifact(:in_p)) \gset
SELECT wb.log_artifact(:p, 'g043', 'model', 'd0') AS v0 \gset
SELECT wb.log_artifact(:p, 'g043', 'model', 'd0') = :v0 AS is_same, wb.log_artifact(:p, 'g043', 'model', 'd1') = :v0 AS is_same;
SELECT wb.log_artifact(:p, 'g043', 'model', 'd0') = :v0 AS is_same;
SELECT * FROM pg_temp.news();

-- G044 versions are numbered from v0, in each collection by itself, without gaps
SELECT wb.log_artifact(:p, 'g044 ' || c, 'model') > 0 AS is_made FROM unnest('{a,a,b,a,b}'::text[]) c;
SELECT c.name, string_agg('v' || a.version, ' ' ORDER BY a.id) AS versions FROM wb.artifacts a JOIN wb.collections c ON c.id = a.collection_id
WHERE c.project_id = :p AND c.name LIKE 'g044%' GROUP BY 1 ORDER BY 1;

-- G045 a linked collection numbers its links by itself
SELECT wb.artifact('conform_artifact/p/g044 a:v2') AS third, wb.artifact('conform_artifact/p/g044 a:v1') AS second \gset
SELECT wb.link_artifact(:third, :registry, 'g045') \gset
SELECT wb.link_artifact(:second, :registry, 'g045') \gset
SELECT 'v' || a.version AS source, 'v' || l.version AS linked FROM wb.artifact_links l JOIN wb.artifacts a ON a.id = l.artifact_id
WHERE l.artifact_id IN (:second, :third) ORDER BY l.id;

-- G046 each version that is logged gets the alias latest, which is an event, and takes it from the one before
SELECT pg_temp.watch('g046', wb.on_add_artifact_alias(:in_p)) \gset
SELECT wb.log_artifact(:p, 'g046', 'model') \gset
SELECT wb.log_artifact(:p, 'g046', 'model') AS v \gset
SELECT * FROM pg_temp.news();
SELECT alias, artifact_id = :v AS is_newest FROM wb.artifact_aliases WHERE collection_id = wb.collection_of(:v);

-- G047 a link fires, and its event is called LINK_ARTIFACT
SELECT pg_temp.watch('g047', wb.on_link_artifact(:in_registry)) \gset
SELECT wb.link_artifact(:v, :registry, 'g047') \gset
SELECT * FROM pg_temp.news();

-- G048 LINK_MODEL and LINK_ARTIFACT are one event: either is taken, the first is kept and exported, the second shown
UPDATE wb.automations SET enabled = false WHERE name = 'g047';
INSERT INTO wb.automations (name, scope_type, scope_id, event_type, event_filter, action_type, action_config)
SELECT 'g048 ' || t, 'REGISTRY', :registry, t, '{}', 'NO_OP', '{"noOpActionInput": {"noOp": true}}' FROM unnest('{LINK_MODEL,LINK_ARTIFACT}'::text[]) t;
SELECT name, event_type, wb.export_automation(id)->>'triggeringEventType' AS exported FROM wb.automations WHERE name LIKE 'g048%' ORDER BY name;
SELECT wb.import_automation(wb.export_automation(wb.automation('g048 LINK_MODEL')) || '{"name": "g048 imported", "triggeringEventType": "LINK_ARTIFACT"}') AS a \gset
SELECT event_type FROM wb.automations WHERE id = :a;
SELECT wb.link_artifact(:v, :registry, 'g048') \gset
SELECT * FROM pg_temp.news();

-- G049 a condition on the alias is about the aliases given with the link
SELECT pg_temp.watch('g049', wb.on_link_artifact(:in_registry, wb."where"('alias', '=', 'prod'))) \gset
SELECT wb.add_alias(:v, 'prod') \gset
SELECT wb.link_artifact(:v, :registry, 'g049 without') \gset
SELECT wb.link_artifact(:v, :registry, 'g049 other', '{staging,production}') \gset
SELECT * FROM pg_temp.news();
SELECT wb.link_artifact(:v, :registry, 'g049 with', '{staging,prod}') \gset
SELECT * FROM pg_temp.news();

-- G050 a version that is unlinked fires, with the number that it had there
SELECT pg_temp.watch('g050', wb.on_unlink_artifact(:in_registry)) \gset
SELECT wb.unlink_artifact(:v, :registry, 'g049 with') \gset
DELETE FROM wb.artifact_links WHERE artifact_id = :second;
SELECT * FROM pg_temp.news();

-- G051 an alias that is added later fires, by the function and by INSERT
SELECT pg_temp.watch('g051', wb.on_add_artifact_alias(:in_p)) \gset
SELECT wb.log_artifact(:p, 'g051', 'model') AS v0, wb.log_artifact(:p, 'g051', 'model') AS v1 \gset
SELECT count(*) AS latest FROM pg_temp.news();
SELECT wb.add_alias(:v0, 'by function') \gset
INSERT INTO wb.artifact_aliases (collection_id, alias, artifact_id) VALUES (wb.collection_of(:v0), 'by insert', :v0);
SELECT * FROM pg_temp.news();

-- G052 a collection has an alias once: given to another version it moves, and that is one event
SELECT pg_temp.watch('g052', wb.on_add_artifact_alias(:in_p)) \gset
SELECT wb.add_alias(:v0, 'prod'), wb.add_alias(:v1, 'prod') \gset
SELECT * FROM pg_temp.news();
SELECT 'v' || a.version AS holder FROM wb.artifact_aliases l JOIN wb.artifacts a ON a.id = l.artifact_id WHERE l.collection_id = wb.collection_of(:v0) AND l.alias = 'prod';
SELECT pg_temp.try(format('INSERT INTO wb.artifact_aliases (collection_id, alias, artifact_id) VALUES (%s, ''prod'', %s)', wb.collection_of(:v0), :v0));

-- G053 an alias that the version has already is no event
SELECT pg_temp.watch('g053', wb.on_add_artifact_alias(:in_p)) \gset
SELECT wb.add_alias(:v1, 'prod') \gset
UPDATE wb.artifact_aliases SET created_by = 'somebody' WHERE artifact_id = :v1;
SELECT * FROM pg_temp.news();

-- G054 two aliases given at once are two events, and the filter decides on each
SELECT pg_temp.watch('g054 any', wb.on_add_artifact_alias(:in_p, wb."where"('alias', '<>', 'latest'))) \gset
SELECT pg_temp.watch('g054 b', wb.on_add_artifact_alias(:in_p, wb."where"('alias', '=', 'b'))) \gset
SELECT wb.log_artifact(:p, 'g054', 'model', aliases => '{a,b}') \gset
SELECT * FROM pg_temp.news();

-- G055 a pattern is found where it says: ^prod-.* is at the start
SELECT pg_temp.watch('g055', wb.on_add_artifact_alias(:in_p, wb."where"('alias', '~', '^prod-.*'))) \gset
SELECT count(wb.add_alias(:v0, a)) AS aliases FROM unnest('{prod-eu,preprod,a-prod-eu,prod,Prod-us,prod-us}'::text[]) a;
SELECT * FROM pg_temp.news();

-- G056 equal, in a list, one or the other, one and not the other
SELECT pg_temp.watch('g056 ' || n, wb.on_add_artifact_alias(:in_p, filter)) > 0 AS is_made FROM (VALUES
	('eq', '{"alias": {"$eq": "prod"}}'::jsonb), ('in', '{"alias": {"$in": ["staging", "production"]}}'),
	('or', '{"$or": [{"alias": {"$eq": "staging"}}, {"alias": {"$eq": "prod"}}]}'),
	('regex and not', '{"$and": [{"alias": {"$regex": "^p"}}, {"$not": {"alias": {"$eq": "prod"}}}]}')) f(n, filter);
SELECT count(wb.add_alias(:v0, a)) AS aliases FROM unnest('{prod,staging,production,canary}'::text[]) a;
SELECT alias, string_agg(automation, ', ' ORDER BY automation) AS fired FROM pg_temp.news() GROUP BY alias ORDER BY alias COLLATE "C";

-- G057 an alias belongs to one collection: neither the source nor another registry hears of it
SELECT wb.link_artifact(:v0, :registry, 'g057'), wb.link_artifact(:v0, :others, 'g057') \gset
SELECT pg_temp.watch('g057 source', wb.on_add_artifact_alias(:in_p)) \gset
SELECT pg_temp.watch('g057 models', wb.on_add_artifact_alias(:in_registry)) \gset
SELECT pg_temp.watch('g057 others', wb.on_add_artifact_alias(wb.registry('conform_artifact org', 'others'))) \gset
SELECT wb.add_alias(:v0, 'here', (wb.collection(:in_registry, 'g057')->>'scope_id')::bigint) \gset
SELECT * FROM pg_temp.news();
SELECT wb.add_alias(:v0, 'there') \gset
SELECT * FROM pg_temp.news();
SELECT c.name, c.registry_id = :registry AS is_models FROM wb.artifact_aliases l JOIN wb.collections c ON c.id = l.collection_id WHERE l.artifact_id = :v0 AND l.alias = 'here';

-- G058 a protected alias is given, moved and taken away only by roles that may update wb.registries, and so is a version that has it unlinked
UPDATE wb.registries SET protected_aliases = '{production}' WHERE id = :registry;
SELECT (wb.collection(:in_registry, 'g057')->>'scope_id') AS linked, wb.link_artifact(:v1, :registry, 'g057') AS link \gset
CREATE ROLE regress_member;
GRANT USAGE ON SCHEMA wb TO regress_member;
GRANT SELECT, INSERT, UPDATE, DELETE ON wb.artifact_links, wb.artifact_aliases TO regress_member;
GRANT SELECT, UPDATE (next_version), INSERT ON wb.collections TO regress_member;
GRANT SELECT, UPDATE (state) ON wb.artifacts TO regress_member;
CREATE FUNCTION pg_temp.try_all() RETURNS TABLE (what text, answer text) LANGUAGE plpgsql AS $$
DECLARE
	v0 bigint := wb.artifact('conform_artifact/p/g051:v0');
	v1 bigint := wb.artifact('conform_artifact/p/g051:v1');
	registry bigint := (SELECT id FROM wb.registries WHERE name = 'models' AND entity_id = wb.organization_id('conform_artifact org'));
	place bigint := (SELECT id FROM wb.collections WHERE registry_id = registry AND name = 'g057');
	statements text[] := ARRAY['give', format('SELECT wb.add_alias(%s, ''production'', %s)', v0, place), 'give again', format('SELECT wb.add_alias(%s, ''production'', %s)', v0, place),
		'give by INSERT', format('INSERT INTO wb.artifact_aliases (collection_id, alias, artifact_id) VALUES (%s, ''production'', %s) ON CONFLICT DO NOTHING', place, v0),
		'move', format('SELECT wb.add_alias(%s, ''production'', %s)', v1, place),
		'move by UPDATE', format('UPDATE wb.artifact_aliases SET artifact_id = %s WHERE collection_id = %s AND alias = ''production''', v1, place),
		'rename', format('UPDATE wb.artifact_aliases SET alias = ''free'' WHERE collection_id = %s AND alias = ''production''', place),
		'rename to it', format('UPDATE wb.artifact_aliases SET alias = ''production'' WHERE collection_id = %s AND alias = ''own''', place),
		'unlink', format('SELECT wb.unlink_artifact(%s, %s, ''g057'')', v0, registry),
		'link', format('SELECT wb.link_artifact(%s, %s, ''g057'', ''{production}'')', v0, registry),
		'unlink by DELETE', format('DELETE FROM wb.artifact_links WHERE artifact_id = %s AND collection_id = %s', v0, place),
		'link again', format('SELECT wb.link_artifact(%s, %s, ''g057'', ''{production,other}'')', v0, registry),
		'take away', format('SELECT wb.remove_alias(%s, ''production'', %s)', v0, place), 'delete the version', format('UPDATE wb.artifacts SET state = ''DELETED'' WHERE id = %s', v0)];
BEGIN
	SET LOCAL ROLE regress_member;
	FOR i IN 1 .. cardinality(statements) BY 2 LOOP
		what := statements[i];
		answer := split_part(pg_temp.try(statements[i + 1]), ';', 1);
		RETURN NEXT;
	END LOOP;
END $$;
-- free to give in another registry; other aliases are free here
SELECT wb.collection_of(:v0) AS home, wb.collection(wb.registry('conform_artifact org', 'others'), 'g057')->>'scope_id' AS elsewhere \gset
SET ROLE regress_member;
SELECT pg_temp.try(format('INSERT INTO wb.artifact_aliases (collection_id, alias, artifact_id) VALUES (%s, ''production'', %s), (%s, ''own'', %s)', :elsewhere, :v0, :linked, :v0)) AS free;
RESET ROLE;
BEGIN;
SELECT * FROM pg_temp.try_all();
ROLLBACK;
-- where an administrator has given it; an alias that is there already may be given again, as nothing happens
SELECT wb.add_alias(:v0, 'production', :linked) \gset
BEGIN;
SELECT * FROM pg_temp.try_all();
ROLLBACK;
-- who may change the list may do all that, be it by a right on this column alone
GRANT UPDATE (protected_aliases) ON wb.registries TO regress_member;
BEGIN;
SELECT * FROM pg_temp.try_all();
ROLLBACK;
REVOKE UPDATE (protected_aliases) ON wb.registries FROM regress_member;
SELECT pg_temp.try(format('UPDATE wb.registries SET protected_aliases = %L WHERE id = %s', a, :registry)) FROM unnest(ARRAY['{NULL}', '{a,b}']) a;

-- G059 an alias has no / and no :
SELECT a, pg_temp.try(format('SELECT wb.add_alias(%s, %L)', :v0, a)) AS answer FROM unnest(ARRAY['a/b', 'a:b', '', 'a b', 'a-b_c.1']) a;
SELECT pg_temp.try(format('INSERT INTO wb.artifact_aliases (collection_id, alias, artifact_id) VALUES (%s, %L, %s)', :home, 'p/q', :v0)) AS answer;

-- G060 v and a number is the number of a version, and no alias
SELECT a, pg_temp.try(format('SELECT wb.add_alias(%s, %L)', :v0, a)) AS answer FROM unnest(ARRAY['v0', 'v12', 'v', 'v1a', 'V1']) a;
SELECT pg_temp.try(format('INSERT INTO wb.artifact_aliases (collection_id, alias, artifact_id) VALUES (%s, %L, %s)', :home, 'v34', :v0)) AS answer;
SELECT wb.artifact('conform_artifact/p/g051:v1') = :v1 AS is_v1;

-- G061 a tag that is added to a version fires, once
SELECT pg_temp.watch('g061', wb.on_add_artifact_tag(:in_p)) \gset
SELECT wb.add_tag(:v0, 'blue') \gset
SELECT wb.add_tag(:v0, 'blue') \gset
INSERT INTO wb.artifact_tags (artifact_id, tag) VALUES (:v0, 'green');
SELECT * FROM pg_temp.news();

-- G062 a pattern: ^europe.* is at the start
SELECT pg_temp.watch('g062', wb.on_add_artifact_tag(:in_p, wb."where"('tag', '~', '^europe.*'))) \gset
SELECT count(wb.add_tag(:v0, t)) AS tags FROM unnest('{europe-west,us-europe,Europe,europe}'::text[]) t;
SELECT * FROM pg_temp.news();

-- G063 unlike an alias, one tag can be on many versions: each addition fires
SELECT pg_temp.watch('g063', wb.on_add_artifact_tag(:in_p)) \gset
SELECT wb.add_tag(:v0, 'shared') \gset
SELECT wb.add_tag(:v1, 'shared') \gset
SELECT * FROM pg_temp.news();
SELECT count(*) AS versions FROM wb.artifact_tags WHERE tag = 'shared' AND artifact_id IN (:v0, :v1);

-- G064 a tag that is removed fires
SELECT pg_temp.watch('g064', wb.on_remove_artifact_tag(:in_p)) \gset
SELECT wb.add_tag(:v0, 'new') \gset
SELECT wb.remove_tag(:v0, 'new') \gset
DELETE FROM wb.artifact_tags WHERE artifact_id = :v1 AND tag = 'shared';
SELECT * FROM pg_temp.news();

-- G065 so does a tag that is added to a collection, or removed, and no version is in the event
SELECT pg_temp.watch('g065 added', wb.on_add_collection_tag(:in_p)) \gset
SELECT pg_temp.watch('g065 removed', wb.on_remove_collection_tag(:in_p)) \gset
SELECT wb.add_collection_tag(:home, 'gold') \gset
SELECT wb.add_collection_tag(:home, 'gold') \gset
SELECT wb.remove_collection_tag(:home, 'gold') \gset
SELECT * FROM pg_temp.news();

-- G066 tags are of letters, digits, _ and -, with blanks between words only
SELECT t, split_part(pg_temp.try(format('SELECT wb.add_tag(%s, %L)', :v0, t)), ';', 1) AS of_version, split_part(pg_temp.try(format('SELECT wb.add_collection_tag(%s, %L)', :home, t)), ';', 1) AS of_collection
FROM unnest(ARRAY['a b', 'a  b', 'a-b_1', 'a/b', 'a.b', ' a', 'a ', '']) t;
SELECT pg_temp.try(format('INSERT INTO wb.artifact_tags (artifact_id, tag) VALUES (%s, %L)', :v0, 'p/q')) AS answer;
UPDATE wb.automations SET enabled = false WHERE name LIKE 'g0%' AND enabled;
DROP OWNED BY regress_member;
DROP ROLE regress_member;
