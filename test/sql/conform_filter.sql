-- Filters on runs and artifacts, rule by rule: G067-G077 of docs/conformance.md.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_project('conform_filter', 'p') AS project \gset
-- four runs to be filtered; the second has no user and no display name, so it goes by its id
CREATE FUNCTION pg_temp.start_runs(project bigint) RETURNS void LANGUAGE sql AS $$
	INSERT INTO wb.runs (project_id, name, display_name, username, config) VALUES (project, 'r1', 'bert-1', 'ann', '{"lr": 1, "depth": "12"}'),
		(project, 'r2', NULL, NULL, '{"lr": "2"}'), (project, 'r3', 'my bert', 'bob', '{"lr": 2}'), (project, 'r4', 'Bert-1', 'ann', '{}');
$$;
-- the runs that a filter lets through, in a project of its own
CREATE FUNCTION pg_temp.runs(filter text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	project bigint := wb.create_project('conform_filter', md5(filter || clock_timestamp()::text));
BEGIN
	PERFORM wb.create_automation('try', wb.event(jsonb_build_object('scope_type', 'PROJECT', 'scope_id', project), 'RUN_STATE',
		jsonb_build_object('run_filter', filter, 'run_state_filter', '{"states": ["RUNNING"]}'::jsonb)), wb.do_nothing());
	PERFORM pg_temp.start_runs(project);
	RETURN coalesce((SELECT string_agg(r.name, ' ' ORDER BY r.id) FROM wb.executions e JOIN wb.runs r ON r.id = e.run_id WHERE e.project_id = project), 'none');
EXCEPTION WHEN invalid_parameter_value THEN
	RETURN SQLERRM;
END $$;
-- the events on artifacts that a filter lets through: aliases and tags given one by one, and a version logged and one linked with both
CREATE FUNCTION pg_temp.artifacts(type text, filter text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	place text := md5(type || filter || clock_timestamp()::text);
	project bigint := wb.create_project('conform_filter', place);
	registry bigint := wb.create_registry('conform_filter org', place);
	made bigint;
BEGIN
	PERFORM wb.create_automation('try', wb.event(jsonb_build_object('scope_type', CASE type WHEN 'LINK_MODEL' THEN 'REGISTRY' ELSE 'PROJECT' END,
		'scope_id', CASE type WHEN 'LINK_MODEL' THEN registry ELSE project END), type, filter::jsonb), wb.do_nothing());
	made := wb.log_artifact(project, 'model', 'model', aliases => '{prod}', tags => '{x}');
	PERFORM wb.add_alias(made, a) FROM unnest('{staging,prod-eu,vnext}'::text[]) a;
	PERFORM wb.add_tag(made, t) FROM unnest('{europe-west,us-europe}'::text[]) t;
	PERFORM wb.link_artifact(made, registry, 'models', '{prod}');
	PERFORM wb.link_artifact(wb.log_artifact(project, 'other', 'model', digest => 'other'), registry, 'models', '{staging}');
	RETURN coalesce((SELECT string_agg(coalesce(e.event->>'alias', e.event->>'tag', regexp_replace(e.event->>'artifactVersionString', '.*/', '')), ' ' ORDER BY e.id)
		FROM wb.executions e WHERE e.automation_id IN (SELECT id FROM wb.automations WHERE name = 'try' AND scope_id = CASE type WHEN 'LINK_MODEL' THEN registry ELSE project END
			AND scope_type = CASE type WHEN 'LINK_MODEL' THEN 'REGISTRY' ELSE 'PROJECT' END)), 'none');
EXCEPTION WHEN invalid_parameter_value THEN
	RETURN SQLERRM;
END $$;
\pset format unaligned
\pset tuples_only on

-- G067 a filter that asks nothing lets everything through
SELECT f, pg_temp.runs(f) FROM unnest(ARRAY['{"$and":[]}', '{}']) WITH ORDINALITY f(f, n) ORDER BY n;
SELECT f, pg_temp.artifacts('ADD_ARTIFACT_ALIAS', f) FROM unnest(ARRAY['{"$or":[{"$and":[]}]}', '{}']) WITH ORDINALITY f(f, n) ORDER BY n;

-- G068 W&B's own wrappings are read, and mean what is in them
SELECT f, pg_temp.runs(f) FROM unnest(ARRAY['{"$and":[{"display_name":{"$regex":"^bert-.*"}}]}', '{"$and":[{"display_name":{"$contains":"bert"}}]}',
	'{"$and":[{"$or":[{"display_name":{"$eq":"r2"}},{"display_name":{"$contains":"my"}}]}]}', '{"$and":[{"$not":{"display_name":{"$contains":"ert"}}}]}']) WITH ORDINALITY f(f, n) ORDER BY n;
SELECT f, pg_temp.artifacts('ADD_ARTIFACT_ALIAS', f) FROM unnest(ARRAY['{"$or":[{"$and":[{"alias":{"$eq":"prod"}}]}]}', '{"$or":[{"$and":[{"alias":{"$regex":"^prod-.*"}}]}]}',
	'{"$or":[{"$and":[{"$or":[{"alias":{"$eq":"staging"}},{"alias":{"$eq":"production"}}]}]}]}', '{"$or":[{"$and":[{"alias":{"$in":["staging","prod"]}}]}]}',
	'{"$or":[{"$and":[{"alias":{"$regex":"^(v|l)"}},{"$not":{"alias":{"$eq":"latest"}}}]}]}']) WITH ORDINALITY f(f, n) ORDER BY n;
SELECT f, pg_temp.artifacts('ADD_ARTIFACT_TAG', f) FROM unnest(ARRAY['{"$or":[{"$and":[{"tag":{"$regex":"^europe.*"}}]}]}']) f;
SELECT f, pg_temp.artifacts('LINK_MODEL', f) FROM unnest(ARRAY['{"$or":[{"$and":[]}]}', '{"$or":[{"$and":[{"alias":{"$eq":"prod"}},{"tag":{"$eq":"x"}}]}]}']) WITH ORDINALITY f(f, n) ORDER BY n;

-- G069 a saved filter is wrapped once more, in "filter"; it is stored as one that is not
SELECT wb.import_automation(jsonb_build_object('name', n, 'scopeType', 'PROJECT', 'scopeID', :project, 'triggeringEventType', 'ADD_ARTIFACT_ALIAS', 'eventFilter', f,
	'triggeredActionType', 'NO_OP', 'triggeredActionConfig', '{"noOpActionInput":{"noOp":true}}'::jsonb)) IS NOT NULL FROM (VALUES
	('as it goes in', '{"$or":[{"$and":[{"alias":{"$eq":"latest"}}]}]}'), ('as it comes back', '{"filter":"{\"$or\":[{\"$and\":[{\"alias\":{\"$eq\":\"latest\"}}]}]}"}')) v(n, f);
SELECT name, event_filter, wb.export_automation(id)->>'eventFilter' FROM wb.automations WHERE scope_type = 'PROJECT' AND scope_id = :project ORDER BY id;

-- G070 $contains finds a part anywhere, and case counts
SELECT f, pg_temp.runs(format('{"display_name":{"$contains":"%s"}}', f)) FROM unnest('{bert,Bert,-1,t,xyz,^bert}'::text[]) WITH ORDINALITY f(f, n) ORDER BY n;

-- G071 $regex is a search in RE2's words, and case counts
SELECT f, pg_temp.runs(jsonb_build_object('display_name', jsonb_build_object('$regex', f))::text) FROM unnest(ARRAY['bert', '^bert', 'bert$', '(?i)^bert', '^bert-\d$', '[a-z]+ [a-z]+', '(?P<n>\d)$', '\bbert\b'])
	WITH ORDINALITY f(f, n) ORDER BY n;

-- G072 a field that is not there meets no positive operator, and every negative one: r2 has no user, and no depth is in the config of r2 to r4
SELECT f, pg_temp.runs(f) FROM unnest(ARRAY['{"username":{"$eq":"ann"}}', '{"username":{"$ne":"ann"}}', '{"username":{"$in":["ann"]}}', '{"username":{"$nin":["ann"]}}',
	'{"username":{"$exists":true}}', '{"username":{"$exists":false}}', '{"username":{"$not":{"$eq":"ann"}}}', '{"$not":{"username":"ann"}}', '{"$nor":[{"username":"ann"},{"username":"bob"}]}',
	'{"config.depth":{"$exists":true}}', '{"config.depth":{"$ne":"12"}}', '{"config.depth":{"$gte":""}}', '{"config.depth":{"$not":{"$exists":true}}}']) WITH ORDINALITY f(f, n) ORDER BY n;

-- G073 $nor of one condition negates it, and a $nor inside another keeps its meaning
SELECT f, pg_temp.runs(f) FROM unnest(ARRAY['{"$nor":[{"username":{"$eq":"ann"}}]}', '{"$nor":[{"$nor":[{"username":"ann"},{"display_name":"r2"}]},{"display_name":"Bert-1"}]}',
	'{"$nor":[{"username":"ann"},{"display_name":"r2"},{"display_name":"Bert-1"}]}']) WITH ORDINALITY f(f, n) ORDER BY n;

-- G074 a bare value is equality, and conditions side by side must all hold
SELECT f, pg_temp.runs(f) FROM unnest(ARRAY['{"username":"ann"}', '{"username":{"$eq":"ann"}}', '{"username":"ann","display_name":{"$regex":"^b"}}',
	'{"$and":[{"username":"ann"},{"display_name":{"$regex":"^b"}}]}', '{"display_name":{"$regex":"ert","$ne":"bert-1"}}']) WITH ORDINALITY f(f, n) ORDER BY n;

-- G075 types are strict: a number is no string
SELECT f, pg_temp.runs(f) FROM unnest(ARRAY['{"config.lr":{"$gt":1}}', '{"config.lr":{"$gt":"1"}}', '{"config.lr":2}', '{"config.lr":"2"}', '{"config.lr":2.0}', '{"config.lr":{"$in":["1",2]}}', '{"config.lr":true}'])
	WITH ORDINALITY f(f, n) ORDER BY n;

-- G076 an operator that there is not is refused by name
SELECT f, pg_temp.runs(f) FROM unnest(ARRAY['{"display_name":{"$like":"bert%"}}', '{"$xor":[]}', '{"display_name":{"$and":[]}}', '{"$regex":"x"}']) WITH ORDINALITY f(f, n) ORDER BY n;
SELECT pg_temp.artifacts('ADD_ARTIFACT_ALIAS', '{"alias":{"$near":"prod"}}');

-- G077 a pattern that cannot be used is refused when the automation is made
SELECT f, pg_temp.runs(jsonb_build_object('display_name', jsonb_build_object('$regex', f))::text) FROM unnest(ARRAY['(', '[a', 'a**', '(?=a)', '\1', '*']) WITH ORDINALITY f(f, n) ORDER BY n;
