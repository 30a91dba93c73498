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

-- the builder functions make the same documents
SELECT wb."where"('display_name', '~', '^bert'), wb."where"('username', 'in', ARRAY['ann', 'bob']), wb."where"('username', 'exists', true),
	wb."where"('display_name', '<>', 7), wb."where"('username', '$nin', ARRAY['ann']);
SELECT wb.all_of(wb."where"('username', '=', 'ann'), wb.none_of(wb."where"('display_name', 'contains', 'x'))) AS all_of,
	wb.any_of(wb."where"('username', 'not in', ARRAY['ann'])) AS any_of;
SELECT wb.on_run_state(wb.project('filter', 'runs') || '{"scope_id": 0}', '{failed}', wb."where"('username', '=', 'ann')) #>> '{event_filter,run_filter}' AS wrapped,
	wb.on_run_state(wb.project('filter', 'runs') || '{"scope_id": 0}', '{failed}', wb.all_of(wb."where"('username', '=', 'ann'))) #>> '{event_filter,run_filter}' AS as_it_is,
	wb.on_run_state(wb.project('filter', 'runs') || '{"scope_id": 0}', '{failed}') #>> '{event_filter,run_filter}' AS empty;

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
	VALUES ('refused', 'PROJECT', project, refusal.event_type, CASE refusal.event_type WHEN 'RUN_STATE' THEN
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
	'{"nonsense": "x"}', '{"alias": "x"}', '{"config.lr": 1}', '{"display_name": {"$like": "x"}}', '{"$xor": []}', '{"display_name": {"$and": []}}',
	'{"$eq": "x"}', '{"$and": {}}', '{"$and": ["x"]}', '{"$or": [[]]}', '{"$not": []}', '{"$not": "x"}', '{"display_name": []}',
	'{"display_name": {"$in": "x"}}', '{"display_name": {"$in": [[]]}}', '{"display_name": {"$nin": {}}}', '{"display_name": {"$eq": ["x"]}}',
	'{"display_name": {"$exists": 1}}', '{"display_name": {"$regex": 1}}', '{"display_name": {"$contains": null}}', '{"display_name": {"$not": ["x"]}}',
	'{"display_name": {"$regex": "("}}', '{"display_name": {"$regex": "[z-a]"}}', '{"display_name": {"$regex": "a**"}}',
	'{"display_name": {"$regex": "(a)\\1"}}', '{"display_name": {"$regex": "a(?=b)"}}', '{"display_name": {"$regex": "a(?!b)"}}',
	'{"display_name": {"$regex": "(?<=a)b"}}', '{"display_name": {"$regex": "***=a"}}',
	'[]', '7', '"{"', '"7"', '"[]"', 'true']) WITH ORDINALITY f(filter, n) ORDER BY n;
SELECT filter || E'\n  ' || pg_temp.refusal(filter, 'ADD_ARTIFACT_ALIAS', :project) FROM unnest(ARRAY[
	'{"display_name": "x"}', '{"tag": "x"}', '{"alias": {"$regex": "["}}', '[]', '"{}"', 'null']) WITH ORDINALITY f(filter, n) ORDER BY n;
-- 1000 characters of a pattern are allowed, 1001 are not
SELECT pg_temp.refusal(format('{"display_name": {"$regex": "%s"}}', repeat('é', 1001)), 'RUN_STATE', :project) LIKE '22023: regular expression "ééé%" is not supported%';
SELECT pg_temp.refusal(format('{"display_name": {"$regex": "%s"}}', repeat('é', 1000)), 'RUN_STATE', :project);
