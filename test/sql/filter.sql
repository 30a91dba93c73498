-- Filters on runs and aliases: every operator, on fields that are there and
-- fields that are not.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_project('filter', 'runs') AS project \gset
CREATE TEMP TABLE filters (n serial, filter text);
-- the runs that a filter lets through; an automation for each filter
CREATE FUNCTION pg_temp.matches(project bigint) RETURNS TABLE (filter text, runs text) LANGUAGE sql AS $$
	SELECT f.filter, coalesce((SELECT string_agg(r.name, ' ' ORDER BY r.id) FROM wb.executions e JOIN wb.runs r ON r.id = e.run_id
		WHERE e.project_id = project AND e.automation_name = f.n::text), '-') FROM filters f ORDER BY f.n;
$$;
INSERT INTO filters (filter) VALUES
	-- nothing asked
	('{}'), ('{"$and": []}'), ('{"$or": []}'), ('{"$nor": []}'), ('{"$or": [{"$and": []}]}'),
	-- comparison
	('{"display_name": {"$eq": "bert-1"}}'), ('{"display_name": "bert-1"}'), ('{"display_name": {"$ne": "bert-1"}}'),
	('{"display_name": {"$gt": "bert-1"}}'), ('{"display_name": {"$gte": "bert-1"}}'),
	('{"display_name": {"$lt": "bert-1"}}'), ('{"display_name": {"$lte": "bert-1"}}'),
	('{"display_name": {"$in": ["bert-1", "gpt", 7]}}'), ('{"display_name": {"$nin": ["bert-1", "gpt"]}}'),
	('{"display_name": {"$in": []}}'), ('{"display_name": {"$nin": []}}'),
	-- patterns are searched for anywhere, and case counts
	('{"display_name": {"$regex": "ert"}}'), ('{"display_name": {"$regex": "^ert"}}'), ('{"display_name": {"$regex": "(?i)^bert-\\d$"}}'),
	('{"display_name": {"$regex": ""}}'), ('{"display_name": {"$regex": "a|1$"}}'), ('{"display_name": {"$regex": "(?:b|B)ert"}}'),
	('{"display_name": {"$contains": "ert-"}}'), ('{"display_name": {"$contains": "ERT"}}'), ('{"display_name": {"$contains": ""}}'),
	('{"display_name": {"$contains": "é"}}'), ('{"display_name": {"$regex": "^.$"}}'),
	-- \b is the edge of a word, as RE2 has it
	('{"display_name": {"$regex": "\\bbert\\b"}}'), ('{"display_name": {"$regex": "ber\\b"}}'),
	-- types are strict: a name is no number
	('{"display_name": {"$eq": 7}}'), ('{"display_name": {"$eq": "7"}}'), ('{"display_name": {"$ne": 7}}'), ('{"display_name": {"$gt": 0}}'),
	('{"display_name": {"$lt": true}}'), ('{"display_name": {"$eq": null}}'),
	-- a field without a value: positive operators are false of it, negative ones true
	('{"username": {"$eq": "ann"}}'), ('{"username": {"$ne": "ann"}}'), ('{"username": {"$in": ["ann"]}}'), ('{"username": {"$nin": ["ann"]}}'),
	('{"username": {"$exists": true}}'), ('{"username": {"$exists": false}}'), ('{"username": {"$regex": ""}}'), ('{"username": {"$contains": ""}}'),
	('{"username": {"$gte": ""}}'), ('{"username": {"$eq": null}}'), ('{"username": {"$not": {"$eq": "ann"}}}'),
	-- several conditions hold together
	('{"display_name": {"$regex": "bert", "$ne": "bert-1"}}'), ('{"display_name": {"$regex": "^bert"}, "username": "ann"}'),
	('{"$and": [{"display_name": {"$regex": "^bert"}}, {"username": "bob"}]}'),
	('{"$or": [{"display_name": "gpt"}, {"username": "bob"}]}'),
	-- negation; $nor of one condition negates it, and nested $nor is not flattened
	('{"$not": {"display_name": "gpt"}}'), ('{"display_name": {"$not": {"$regex": "bert"}}}'), ('{"$not": {"$not": {"display_name": "gpt"}}}'),
	('{"$nor": [{"display_name": "gpt"}]}'), ('{"$nor": [{"display_name": "gpt"}, {"username": "ann"}]}'),
	('{"$nor": [{"$nor": [{"display_name": "gpt"}, {"username": "ann"}]}, {"username": "ann"}]}'),
	-- nesting
	('{"$and": [{"$or": [{"username": "ann"}, {"username": "bob"}]}, {"$not": {"display_name": {"$contains": "-2"}}}, {"$nor": [{"display_name": "gpt"}]}]}');
INSERT INTO wb.automations (name, scope_type, scope_id, event_type, event_filter, action_type, action_config)
SELECT n::text, 'PROJECT', :project, 'RUN_STATE', jsonb_build_object('run_filter', filter::jsonb, 'run_state_filter', '{"states": ["RUNNING"]}'::jsonb),
	'NO_OP', '{"noOpActionInput": {"noOp": true}}' FROM filters;
-- r5 has no display name, and goes by its name; r5 and r6 have no user
INSERT INTO wb.runs (project_id, name, display_name, username) VALUES (:project, 'r1', 'bert-1', 'ann'), (:project, 'r2', 'bert-2', 'bob'),
	(:project, 'r3', 'gpt', 'ann'), (:project, 'r4', 'Bert-1', 'bob'), (:project, 'r5', NULL, NULL), (:project, 'r6', '7', NULL), (:project, 'r7', 'é', 'zoë');
SELECT * FROM pg_temp.matches(:project);

-- W&B's form, JSON text inside JSON, means the same
SELECT wb.create_project('filter', 'text') AS project \gset
INSERT INTO wb.automations (name, scope_type, scope_id, event_type, event_filter, action_type, action_config)
SELECT n::text, 'PROJECT', :project, 'RUN_STATE', jsonb_build_object('run_filter', filter, 'run_state_filter', '{"states": ["RUNNING"]}'::jsonb),
	'NO_OP', '{"noOpActionInput": {"noOp": true}}' FROM filters;
INSERT INTO wb.runs (project_id, name, display_name, username) SELECT :project, name, display_name, username FROM wb.runs
WHERE project_id = wb.project_id('filter', 'runs') ORDER BY id;
SELECT count(*) AS filters, count(*) FILTER (WHERE a.runs <> b.runs) AS differ
FROM pg_temp.matches(wb.project_id('filter', 'runs')) a JOIN pg_temp.matches(:project) b USING (filter);

-- and no filter at all, or null, lets every run through
SELECT wb.create_project('filter', 'none') AS project \gset
INSERT INTO wb.automations (name, scope_type, scope_id, event_type, event_filter, action_type, action_config) VALUES
	('missing', 'PROJECT', :project, 'RUN_STATE', '{"run_state_filter": {"states": ["RUNNING"]}}', 'NO_OP', '{"noOpActionInput": {"noOp": true}}'),
	('null', 'PROJECT', :project, 'RUN_STATE', '{"run_filter": null, "run_state_filter": {"states": ["RUNNING"]}}', 'NO_OP', '{"noOpActionInput": {"noOp": true}}');
SELECT wb.start_run(:project) \gset
SELECT automation_name FROM wb.executions WHERE project_id = :project ORDER BY 1;

-- every field of a run; a list matches where one of its elements does, negated operators where none does
SELECT wb.create_project('filter', 'fields') AS project \gset
TRUNCATE filters RESTART IDENTITY;
INSERT INTO filters (filter) VALUES
	('{"name": "r1"}'), ('{"state": "running"}'), ('{"job_type": "train"}'), ('{"job_type": {"$exists": false}}'), ('{"group_name": {"$ne": "g"}}'),
	('{"duration": {"$gte": 90}}'), ('{"duration": {"$lt": 90.5}}'), ('{"duration": 90}'), ('{"duration": "90"}'),
	('{"tags": "a"}'), ('{"tags": {"$ne": "a"}}'), ('{"tags": {"$not": {"$eq": "a"}}}'), ('{"tags": {"$in": ["b", "z"]}}'), ('{"tags": {"$nin": ["b", "z"]}}'),
	('{"tags": ["a", "b"]}'), ('{"tags": ["b", "a"]}'), ('{"tags": {"$ne": ["a", "b"]}}'), ('{"tags": []}'), ('{"tags": {"$exists": true}}'),
	('{"tags": {"$size": 0}}'), ('{"tags": {"$size": 2}}'), ('{"tags": {"$all": ["b", "a"]}}'), ('{"tags": {"$all": []}}'),
	('{"tags": {"$regex": "^b"}}'), ('{"tags": {"$contains": "c"}}'), ('{"tags": {"$gt": "b"}}'),
	('{"config.lr": 0.1}'), ('{"config.lr": {"$gt": 0.01}}'), ('{"config.lr": {"$gt": "0.01"}}'), ('{"config.lr": "0.1"}'), ('{"config.lr": {"$exists": false}}'),
	('{"config.model.layers": 12}'), ('{"config.model.layers.deep": 12}'), ('{"config.model": {"$exists": true}}'), ('{"config.model": {"$ne": 1}}'),
	('{"config.sizes": {"$gt": 5}}'), ('{"config.sizes": {"$size": 2}}'), ('{"config.none": null}'), ('{"config.none": {"$exists": true}}'), ('{"config.flag": true}'),
	('{"summary.val.loss": {"$lt": 1}}'), ('{"summary.a/b": {"$in": ["x", 7]}}'),
	('{"$nor": [{"tags": "a"}, {"config.lr": 0.1}]}');
INSERT INTO wb.automations (name, scope_type, scope_id, event_type, event_filter, action_type, action_config)
SELECT n::text, 'PROJECT', :project, 'RUN_STATE', jsonb_build_object('run_filter', filter::jsonb, 'run_state_filter', '{"states": ["RUNNING"]}'::jsonb),
	'NO_OP', '{"noOpActionInput": {"noOp": true}}' FROM filters;
INSERT INTO wb.runs (project_id, name, job_type, group_name, tags, config, summary, created_at, finished_at) VALUES
	(:project, 'r1', 'train', 'g', '{a,b}', '{"lr": 0.10, "model": {"layers": 12}, "none": null}', '{"val.loss": 0.5}', '2030-01-01 00:00:00Z', '2030-01-01 00:01:30Z'),
	(:project, 'r2', NULL, NULL, '{}', '{"lr": "0.1", "sizes": [3, 9], "flag": true}', '{"val": {"loss": 0.25}, "a/b": 7}', '2030-01-01 00:00:00Z', '2030-01-01 00:01:30.25Z'),
	(:project, 'r3', 'eval', 'h', '{c}', '[1]', '7', '-infinity', NULL);
SELECT * FROM pg_temp.matches(:project);
-- a metric's rule reads them too, for a run of which the statement has only the id
SELECT wb.create_automation('lr of a metric', wb.on_run_metric(wb.project('filter', 'fields'), wb.metric('loss', '>', 1), wb.all_of(wb."where"('config.lr', '>', 0.01),
	wb."where"('tags', 'all', ARRAY['a', 'b']), wb."where"('state', '=', 'running'), wb."where"('duration', '<', 100), wb."where"('tags', 'size', 2))), wb.do_nothing()) \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT id, 'loss', 1, 5 FROM wb.runs WHERE project_id = :project;
SELECT r.name FROM wb.executions e JOIN wb.runs r ON r.id = e.run_id WHERE e.automation_name = 'lr of a metric';
-- a large config is fetched as well, and only the run's own transaction may know it yet
WITH run AS (INSERT INTO wb.runs (project_id, name, tags, config) VALUES (:project, 'r4', '{a,b}',
	jsonb_build_object('lr', 1, 'big', (SELECT string_agg(gen_random_uuid()::text, '') FROM generate_series(1, 3000)))) RETURNING id)
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT id, 'loss', 1, 5 FROM run;
SELECT r.name FROM wb.executions e JOIN wb.runs r ON r.id = e.run_id WHERE e.automation_name = 'lr of a metric' ORDER BY 1;

-- patterns mean what they mean in RE2: pattern, value, whether it matches
SELECT wb.create_project('filter', 'patterns') AS project \gset
CREATE TEMP TABLE patterns (n serial, pattern text, subject text, expected boolean);
INSERT INTO patterns (pattern, subject, expected) VALUES
	('a.c', E'a\nc', false), ('(?s)a.c', E'a\nc', true), ('^b', E'a\nb', false), ('(?m)^b', E'a\nb', true), ('a$', E'a\nb', false), ('(?m)a$', E'a\nb', true),
	('a\z', E'a\n', false), ('\Aa', 'ba', false), ('(?i)BERT', 'my bert', true), ('(?im)^B', E'a\nb', true), ('(?U)a+?b', 'aab', true),
	('\bcaf\b', 'café', true), ('\bcaf\B', 'cafe', true), ('\w', 'é', false), ('[\W]', 'é', true), ('[^\W]', 'é', false), ('\d{3}', 'a123', true), ('\D', '123', false),
	('[\d-]+x', '1-2x', true), ('[\s\S]', E'\n', true), ('[^a]', E'\n', true), ('\s', E'\x0b', false), ('[[:space:]]', E'\x0b', true), ('[[:alpha:]]', 'é', false),
	('[[:^alpha:]]', 'é', true), ('[]a]', ']', true), ('[^]a]', ']', false), ('[a-]', '-', true), ('[\]]', ']', true), ('[.]', 'x', false), ('[[.]', '.', true),
	('(?P<year>\d+)-(?P<m>\d+)', '2024-05', true), ('(?<y>a)b', 'ab', true), ('(?:a|b)c', 'bc', true), ('\Qa.b*\E+', 'a.b**', true), ('\Qa.b', 'axb', false),
	('a{2}', 'aa', true), ('a{,2}', 'a{,2}', true), ('a{2,}b', 'aaab', true), ('a{x', 'a{x', true), ('\x41\x{e9}', 'Aé', true), ('\x4', '', NULL), ('\t', E'\t', true),
	('\.', 'x', false), ('\_', '_', true), ('\é', 'é', true), ('a|', '', true), ('()', '', true), ('x*', '', true), (']', ']', true), ('}', '}', true), ('a#b c', 'a#b c', true),
	('(?:(?:a*)*)*b', repeat('a', 4000), false), ('^(a+)+$', repeat('a', 4000) || 'b', false), ('(a|aa)+$', repeat('a', 4000) || 'b', false), ('[ab]*a[ab]{200}c', repeat('ab', 2000), false),
	('(.*)(.*)(.*)(.*)(.*)[^a]\z', repeat('a', 4000), false), ('((a?){7}){6}b', repeat('a', 4000), false), ('(\b.?){100}z', repeat('a ', 2000), NULL);
CREATE FUNCTION pg_temp.try(n int, pattern text, subject text, project bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO wb.automations (name, scope_type, scope_id, event_type, event_filter, action_type, action_config) VALUES ('p' || n, 'PROJECT', project, 'RUN_STATE',
		jsonb_build_object('run_filter', jsonb_build_object('display_name', jsonb_build_object('$regex', pattern)), 'run_state_filter', '{"states": ["RUNNING"]}'::jsonb),
		'NO_OP', '{"noOpActionInput": {"noOp": true}}');
	INSERT INTO wb.runs (project_id, name, display_name) VALUES (project, 'p' || n, subject);
	DELETE FROM wb.automations a WHERE a.name = 'p' || try.n AND a.scope_id = project;
	RETURN EXISTS (SELECT FROM wb.executions e WHERE e.project_id = project AND e.automation_name = 'p' || try.n);
EXCEPTION WHEN invalid_parameter_value THEN
	RETURN NULL;
END $$;
-- none of them takes long, the last seven neither
SET statement_timeout = '20s';
SELECT n, pattern, left(subject, 20) AS subject, expected, matched FROM (SELECT *, pg_temp.try(n, pattern, subject, :project) AS matched FROM patterns OFFSET 0) p
WHERE matched IS DISTINCT FROM expected ORDER BY n;
RESET statement_timeout;

-- the builder functions make the same documents
SELECT wb."where"('display_name', '~', '^bert'), wb."where"('username', 'in', ARRAY['ann', 'bob']), wb."where"('username', 'exists', true),
	wb."where"('display_name', '<>', 7), wb."where"('username', '$nin', ARRAY['ann']);
SELECT wb.all_of(wb."where"('username', '=', 'ann'), wb.none_of(wb."where"('display_name', 'contains', 'x'))) AS all_of,
	wb.any_of(wb."where"('username', 'not in', ARRAY['ann'])) AS any_of;
SELECT wb.on_run_state(wb.project('filter', 'runs') || '{"scope_id": 0}', '{failed}', wb."where"('username', '=', 'ann')) #>> '{event_filter,run_filter}' AS wrapped,
	wb.on_run_state(wb.project('filter', 'runs') || '{"scope_id": 0}', '{failed}', wb.all_of(wb."where"('username', '=', 'ann'))) #>> '{event_filter,run_filter}' AS as_it_is,
	wb.on_run_state(wb.project('filter', 'runs') || '{"scope_id": 0}', '{failed}') #>> '{event_filter,run_filter}' AS empty;

-- the collection, its type and the version's metadata are fields of an artifact; a tag is missing from an alias's event
SELECT wb.create_project('filter', 'artifacts') AS project \gset
CREATE TEMP TABLE artifact_filters (n serial, filter text);
INSERT INTO artifact_filters (filter) VALUES ('{"artifact_collection_name": {"$regex": "^mod"}}'), ('{"artifact_type": "dataset"}'), ('{"metadata.acc": {"$gt": 0.5}}'),
	('{"metadata.acc": {"$exists": false}}'), ('{"tag": "x"}'), ('{"tag": {"$ne": "x"}}'), ('{"tag": {"$exists": false}}'), ('{"alias": {"$in": ["prod"]}, "metadata.acc": 0.9}');
INSERT INTO wb.automations (name, scope_type, scope_id, event_type, event_filter, action_type, action_config)
SELECT n::text, 'PROJECT', :project, 'ADD_ARTIFACT_ALIAS', filter::jsonb, 'NO_OP', '{"noOpActionInput": {"noOp": true}}' FROM artifact_filters;
SELECT wb.log_artifact(:project, 'model', 'model', metadata => '{"acc": 0.9}', aliases => '{prod}') \gset
SELECT wb.log_artifact(:project, 'data', 'dataset', aliases => '{prod}') \gset
SELECT f.filter, coalesce((SELECT string_agg(e.event->>'artifactCollectionName', ' ' ORDER BY e.id) FROM wb.executions e
	WHERE e.project_id = :project AND e.automation_name = f.n::text AND e.event->>'alias' = 'prod'), '-') AS collections FROM artifact_filters f ORDER BY n;

-- filters on the alias; NULL in a field of none does not matter here
SELECT wb.create_project('filter', 'aliases') AS project \gset
CREATE TEMP TABLE alias_filters (n serial, filter text);
INSERT INTO alias_filters (filter) VALUES ('{}'), ('{"$or": [{"$and": []}]}'), ('{"alias": "prod"}'), ('{"$or": [{"$and": [{"alias": {"$regex": "^prod"}}]}]}'),
	('{"$or": [{"$and": [{"alias": {"$in": ["prod", "staging"]}}]}]}'),
	('{"$or": [{"$and": [{"alias": {"$regex": "^prod"}}, {"$not": {"alias": {"$eq": "prod"}}}]}]}'), ('{"$nor": [{"alias": "prod"}, {"alias": "latest"}]}');
INSERT INTO wb.automations (name, scope_type, scope_id, event_type, event_filter, action_type, action_config)
SELECT n::text, 'PROJECT', :project, 'ADD_ARTIFACT_ALIAS', filter::jsonb, 'NO_OP', '{"noOpActionInput": {"noOp": true}}' FROM alias_filters;
SELECT wb.log_artifact(:project, 'model', 'model', aliases => '{prod,prod-eu,staging}') \gset
SELECT f.filter, coalesce((SELECT string_agg(e.event->>'alias', ' ' ORDER BY e.id) FROM wb.executions e
	WHERE e.project_id = :project AND e.automation_name = f.n::text), '-') AS aliases FROM alias_filters f ORDER BY n;

-- what a filter cannot be
CREATE FUNCTION pg_temp.refusal(filter text, event_type text, project bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	INSERT INTO wb.automations (name, scope_type, scope_id, event_type, event_filter, action_type, action_config)
	VALUES ('refused ' || gen_random_uuid(), 'PROJECT', project, refusal.event_type, CASE refusal.event_type WHEN 'RUN_STATE' THEN
		jsonb_build_object('run_filter', refusal.filter::jsonb, 'run_state_filter', '{"states": ["RUNNING"]}'::jsonb) ELSE refusal.filter::jsonb END,
		'NO_OP', '{"noOpActionInput": {"noOp": true}}');
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN concat(SQLSTATE, ': ', SQLERRM, E'\n  HINT: ' || nullif(hint, ''));
END $$;
\pset format unaligned
\pset tuples_only on
SELECT filter || E'\n  ' || pg_temp.refusal(filter, 'RUN_STATE', :project) FROM unnest(ARRAY[
	'{"nonsense": "x"}', '{"alias": "x"}', '{"config": 1}', '{"config.": 1}', '{"metadata.a": 1}', '{"names": "x"}', '{"display_name": {"$like": "x"}}', '{"$xor": []}', '{"display_name": {"$and": []}}',
	'{"$eq": "x"}', '{"$and": {}}', '{"$and": ["x"]}', '{"$or": [[]]}', '{"$not": []}', '{"$not": "x"}', '{"display_name": {}}',
	'{"tags": {"$size": "1"}}', '{"tags": {"$size": -1}}', '{"tags": {"$size": 1.5}}', '{"tags": {"$all": "a"}}', '{"tags": {"$gt": ["a"]}}', '{"tags": [["a"]]}',
	'{"display_name": {"$in": "x"}}', '{"display_name": {"$in": [[]]}}', '{"display_name": {"$nin": {}}}', '{"display_name": {"$eq": {"a": 1}}}', '{"display_name": {"$eq": [{}]}}',
	'{"display_name": {"$exists": 1}}', '{"display_name": {"$regex": 1}}', '{"display_name": {"$contains": null}}', '{"display_name": {"$not": ["x"]}}',
	'{"display_name": {"$regex": "("}}', '{"display_name": {"$regex": "[z-a]"}}', '{"display_name": {"$regex": "a**"}}',
	'{"display_name": {"$regex": "(a)\\1"}}', '{"display_name": {"$regex": "a(?=b)"}}', '{"display_name": {"$regex": "a(?!b)"}}',
	'{"display_name": {"$regex": "(?<=a)b"}}', '{"display_name": {"$regex": "***=a"}}',
	'{"display_name": {"$regex": "\\pL"}}', '{"display_name": {"$regex": "a(?i)b"}}', '{"display_name": {"$regex": "(?i:a)"}}', '{"display_name": {"$regex": "(?x)a"}}',
	'{"display_name": {"$regex": "a*+"}}', '{"display_name": {"$regex": "\\Z"}}', '{"display_name": {"$regex": "\\y"}}', '{"display_name": {"$regex": "\\"}}',
	'{"display_name": {"$regex": "[[:nonsense:]]"}}', '{"display_name": {"$regex": "(?P<>a)"}}', '{"display_name": {"$regex": "a)"}}',
	'{"display_name": {"$regex": "a{2,1}"}}', '{"display_name": {"$regex": "a{256}"}}', '{"display_name": {"$regex": "((a?){15}){15}b"}}', '{"display_name": {"$regex": "a{120}(a?){120}b"}}', '{"display_name": {"$regex": "((a{20}){20}){20}"}}',
	'{"display_name": {"$regex": "\\x{110000}"}}', '{"display_name": {"$regex": "\\0"}}',
	'[]', '7', '"{"', '"7"', '"[]"', 'true']) WITH ORDINALITY f(filter, n) ORDER BY n;
SELECT filter || E'\n  ' || pg_temp.refusal(filter, 'ADD_ARTIFACT_ALIAS', :project) FROM unnest(ARRAY[
	'{"display_name": "x"}', '{"config.lr": 1}', '{"metadata": 1}', '{"alias": {"$regex": "["}}', '[]', '"{}"', 'null']) WITH ORDINALITY f(filter, n) ORDER BY n;
-- nor may it be nested so deep that a writer would run out of stack
SELECT pg_temp.refusal(repeat('{"$not": ', 200) || '{}' || repeat('}', 200), 'RUN_STATE', :project);
-- 1000 characters of a pattern are allowed, 1001 are not
SELECT pg_temp.refusal(format('{"display_name": {"$regex": "%s"}}', repeat('é', 1001)), 'RUN_STATE', :project) LIKE '22023: regular expression "ééé%" cannot be used: it is too long%';
SELECT pg_temp.refusal(format('{"display_name": {"$regex": "%s"}}', repeat('é', 1000)), 'RUN_STATE', :project);
