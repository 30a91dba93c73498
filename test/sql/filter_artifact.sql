-- What conditions on aliases and tags see of each artifact event.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_team('filter_artifact', 'filter_artifact org') \gset
SELECT wb.create_project('filter_artifact', 'p') AS project \gset
SELECT wb.create_registry('filter_artifact org', 'models') AS registry \gset
CREATE TEMP TABLE conditions AS SELECT * FROM (VALUES
	('alias is prod', wb."where"('alias', '=', 'prod')), ('alias is not prod', wb."where"('alias', '<>', 'prod')),
	('alias is latest', wb."where"('alias', '=', 'latest')), ('has an alias', wb."where"('alias', 'exists', true)),
	('tag like ^europe', wb."where"('tag', '~', '^europe')), ('tag is not europe', wb."where"('tag', '<>', 'europe'))) c(name, condition);
SELECT count(wb.create_automation(concat_ws(': ', e.name, c.name), e.event, wb.do_nothing())) FROM conditions c, LATERAL (VALUES
	('created', wb.on_create_artifact(wb.entity('filter_artifact'), c.condition)), ('linked', wb.on_link_artifact(wb.registry('filter_artifact org', 'models'), c.condition)),
	('unlinked', wb.on_unlink_artifact(wb.registry('filter_artifact org', 'models'), c.condition)),
	('aliased', wb.on_add_artifact_alias(wb.entity('filter_artifact org'), c.condition)), ('tagged', wb.on_add_artifact_tag(wb.entity('filter_artifact org'), c.condition)),
	('untagged', wb.on_remove_artifact_tag(wb.entity('filter_artifact org'), c.condition)),
	('collection tagged', wb.on_add_collection_tag(wb.entity('filter_artifact org'), c.condition))) e(name, event);
CREATE TEMP TABLE seen AS SELECT coalesce(max(id), 0) AS id FROM wb.executions;
CREATE FUNCTION pg_temp.news() RETURNS TABLE (automation text, artifact text, times bigint) LANGUAGE plpgsql AS $$
DECLARE
	last bigint := (SELECT id FROM seen);
BEGIN
	UPDATE seen SET id = (SELECT max(e.id) FROM wb.executions e);
	RETURN QUERY SELECT h.automation_name, h.artifact, count(*) FROM wb.automation_history h WHERE h.execution_id > last GROUP BY 1, 2 ORDER BY 1, 2;
END $$;

-- a version knows what it was given; "latest" comes later, as an alias
SELECT wb.log_artifact(:project, 'c', 'model', aliases => '{staging,prod}', tags => '{europe-west}') AS v0 \gset
SELECT * FROM pg_temp.news();
SELECT wb.log_artifact(:project, 'c', 'model') AS v1 \gset
SELECT * FROM pg_temp.news();
-- a link knows the aliases that came with it, and the tags of the version
SELECT wb.link_artifact(:v0, :registry, 'c', '{canary,prod}') \gset
SELECT * FROM pg_temp.news();
SELECT wb.link_artifact(:v1, :registry, 'c') \gset
SELECT * FROM pg_temp.news();
-- and the end of a link those that go
SELECT wb.unlink_artifact(:v0, :registry, 'c');
SELECT * FROM pg_temp.news();
-- the event of a tag knows the tag
SELECT wb.add_tag(:v1, 'europe');
SELECT * FROM pg_temp.news();
SELECT wb.remove_tag(:v1, 'europe');
SELECT wb.add_collection_tag(wb.collection_of(:v1), 'europe north');
SELECT * FROM pg_temp.news();
