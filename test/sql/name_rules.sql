-- What things may be called: the longest name, the characters that are refused,
-- and those that are not.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_project('name_rules', 'p') AS project \gset
SELECT wb.create_team('name_rules team', 'name_rules org') \gset
SELECT wb.create_registry('name_rules org', 'r') AS registry \gset
SELECT wb.log_artifact(:project, 'c', 'model') AS artifact \gset
SELECT id AS collection FROM wb.collections WHERE project_id = :project \gset
-- tries a statement in which $1 is a name, and says what the server says, without the row
CREATE FUNCTION pg_temp.refusal(statement text, name text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement USING name;
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ': ' || regexp_replace(SQLERRM, 'n{20,}', 'nnn...');
END $$;
-- how each name fares, those of one answer together
CREATE FUNCTION pg_temp.tried(statement text, VARIADIC names text[]) RETURNS TABLE (answer text, names text) LANGUAGE sql AS $$
	SELECT t.answer, string_agg(replace(replace(replace(regexp_replace(quote_literal(t.name), 'n{20,}', length(t.name) || ' characters'), E'\n', '\n'), E'\r', '\r'), E'\t', '\t'), ' ' ORDER BY n)
	FROM (SELECT n, name, pg_temp.refusal(statement, name) AS answer FROM unnest(names) WITH ORDINALITY u(name, n) OFFSET 0) t GROUP BY t.answer ORDER BY min(n);
$$;
SELECT format('SELECT wb.create_project(''name_rules'', $1)') AS make_project, format('SELECT wb.create_team($1)') AS make_team, format('SELECT wb.create_registry(''name_rules org'', $1)') AS make_registry,
	format('SELECT wb.start_run(%s, name => $1)', :project) AS make_run, format('SELECT wb.log_artifact(%s, $1, ''model'')', :project) AS make_collection,
	format('SELECT wb.add_alias(%s, $1)', :artifact) AS make_alias, format('SELECT wb.add_tag(%s, $1)', :artifact) AS make_tag, format('SELECT wb.add_collection_tag(%s, $1)', :collection) AS make_collection_tag \gset
\pset format unaligned
\pset tuples_only on

-- teams, projects, registries and runs: 1 to 128 characters, none of / \ # ? % : and no line end
SELECT * FROM pg_temp.tried(:'make_project', 'name_rules-b', 'b c', 'b.c', 'B''s', 'プロジェクト', repeat('n', 128), repeat('n', 129), '', 'b/c', 'b\c', 'b#c', 'b?c', 'b%c', 'b:c', E'b\nc', E'b\rc');
SELECT * FROM pg_temp.tried(:'make_team', 'name_rules-b', 'name_rules b.c', 'name_rules' || repeat('n', 118), repeat('n', 129), '', 'b/c', 'b\c', 'b#c', 'b?c', 'b%c', 'b:c', E'b\nc', E'b\rc');
SELECT * FROM pg_temp.tried(:'make_registry', 'b', 'b c', repeat('n', 128), repeat('n', 129), '', 'b/c', 'b\c', 'b#c', 'b?c', 'b%c', 'b:c', E'b\nc', E'b\rc');
SELECT * FROM pg_temp.tried(:'make_run', 'b', 'b c', repeat('n', 128), repeat('n', 129), '', 'b/c', 'b\c', 'b#c', 'b?c', 'b%c', 'b:c', E'b\nc', E'b\rc');

-- collections: no slash, and none of what a path to a version needs
SELECT * FROM pg_temp.tried(:'make_collection', 'b', 'b c', 'b#c', repeat('n', 128), repeat('n', 129), '', 'b/c', 'b:c', E'b\nc');

-- aliases: no / and :, and nothing that reads like the number of a version
SELECT * FROM pg_temp.tried(:'make_alias', 'prod', 'v', 'v1.2', 'v1a', 'V1', 'vnext', 'xv1', repeat('n', 128), repeat('n', 129), '', 'a/b', 'a:b', 'v0', 'v12', 'v123456789012');

-- tags: words of letters, digits, _ and -, with blanks between them
SELECT * FROM pg_temp.tried(:'make_tag', 'a', 'a b', 'a-b', 'a_b', 'a  b', '-', repeat('n', 128), repeat('n', 129), '', ' a', 'a ', 'a/b', 'a:b', 'a.b', E'a\tb', E'a\nb');
SELECT * FROM pg_temp.tried(:'make_collection_tag', 'a', 'a b', 'a-b', 'a  b', repeat('n', 128), repeat('n', 129), '', ' a', 'a ', 'a/b', E'a\nb');

-- webhooks: as tags, up to 64 characters; secrets: letters, digits and _
SELECT * FROM pg_temp.tried($$SELECT wb.create_webhook_integration('name_rules', $1, 'https://example.com')$$, 'my hook', 'a  b', 'a-b_c d', repeat('n', 64), repeat('n', 65), '', ' a', 'a ', 'bad/name', 'a.b', E'a\nb');
SELECT * FROM pg_temp.tried($$INSERT INTO wb.secrets (entity_id, name, key_id, sealed) SELECT e.id, $1, '', '' FROM wb.entities e WHERE e.name = 'name_rules'$$, 'TOKEN', 'token_2', '2', repeat('n', 128), repeat('n', 129), '', 'a b', 'a-b', 'é', E'a\n');

-- automations: 1 to 255 characters, whatever they are
SELECT * FROM pg_temp.tried($$SELECT wb.create_automation($1, wb.on_run_state(wb.project('name_rules', 'p'), '{failed}'), wb.do_nothing())$$, 'a', ' ', 'a/b:c%', E'a\nb', repeat('n', 255), repeat('n', 256), '');
