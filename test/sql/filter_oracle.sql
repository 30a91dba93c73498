-- Random filters on random runs and artifacts, on every field there is, against
-- an evaluator written in plpgsql from the manual: the two never disagree.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_project('filter_oracle', 'p') AS project \gset
SELECT setseed(0.7) \gset

-- Few values and few fields, so that conditions are met as often as not.
CREATE FUNCTION pg_temp.pick(choices text[]) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT choices[1 + floor(random() * cardinality(choices))::int];
$$;
CREATE FUNCTION pg_temp.random_scalar() RETURNS jsonb LANGUAGE sql VOLATILE AS $$
	SELECT pg_temp.pick('{"1","1.0","2","10","-3","0.5","\"1\"","\"2\"","\"a\"","\"ab\"","\"b\"","\"B\"","\"\"","\"failed\"","true","false","null"}')::jsonb;
$$;
CREATE FUNCTION pg_temp.random_list(most int) RETURNS jsonb LANGUAGE sql VOLATILE AS $$
	SELECT coalesce(jsonb_agg(pg_temp.random_scalar()), '[]') FROM generate_series(1, floor(random() * (most + 1))::int);
$$;
CREATE FUNCTION pg_temp.random_value() RETURNS jsonb LANGUAGE sql VOLATILE AS $$
	SELECT CASE WHEN r < 0.6 THEN pg_temp.random_scalar() WHEN r < 0.85 THEN pg_temp.random_list(3)
		WHEN r < 0.95 THEN jsonb_build_object('x', pg_temp.random_scalar()) ELSE '[[1], {"x": 1}, 1]' END FROM (SELECT random() AS r) t;
$$;
CREATE FUNCTION pg_temp.random_document() RETURNS jsonb LANGUAGE sql VOLATILE AS $$
	SELECT coalesce(jsonb_object_agg(k, pg_temp.random_value()) FILTER (WHERE random() < 0.7), '{}') FROM unnest('{a,b,c,b.x}'::text[]) k;
$$;
CREATE FUNCTION pg_temp.random_operators(depth int) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	op text := pg_temp.pick('{$eq,$ne,$gt,$gte,$lt,$lte,$in,$nin,$exists,$regex,$contains,$size,$all,$not}');
	condition jsonb;
BEGIN
	IF op = '$not' AND depth = 0 THEN
		op := '$eq';
	END IF;
	condition := jsonb_build_object(op, CASE
		WHEN op = '$not' THEN pg_temp.random_operators(depth - 1)
		WHEN op IN ('$in', '$nin', '$all') THEN pg_temp.random_list(3)
		WHEN op IN ('$eq', '$ne') AND random() < 0.3 THEN pg_temp.random_list(2)
		WHEN op = '$exists' THEN to_jsonb(random() < 0.5)
		WHEN op = '$regex' THEN to_jsonb(pg_temp.pick('{a,^a,b$,^$,a|1,^[ab]+$,(?i)^b$,""}'))
		WHEN op = '$contains' THEN to_jsonb(pg_temp.pick('{a,b,ab,1,""}'))
		WHEN op = '$size' THEN to_jsonb(floor(random() * 3))
		ELSE pg_temp.random_scalar() END);
	RETURN CASE WHEN random() < 0.2 THEN condition || pg_temp.random_operators(depth) ELSE condition END;
END $$;
CREATE FUNCTION pg_temp.random_filter(depth int, fields text[]) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	op text := pg_temp.pick('{$and,$or,$nor,$not}');
	field text := pg_temp.pick(fields);
BEGIN
	IF depth > 0 AND random() < 0.6 THEN
		RETURN jsonb_build_object(op, CASE op WHEN '$not' THEN pg_temp.random_filter(depth - 1, fields) ELSE
			(SELECT coalesce(jsonb_agg(pg_temp.random_filter(depth - 1, fields)), '[]') FROM generate_series(1, floor(random() * 4)::int)) END);
	END IF;
	IF random() < 0.2 THEN
		RETURN jsonb_build_object(field, CASE WHEN random() < 0.7 THEN pg_temp.random_scalar() ELSE pg_temp.random_list(2) END);
	END IF;
	RETURN jsonb_build_object(field, pg_temp.random_operators(2));
END $$;

-- The oracle.  A field's value is NULL where the run or artifact does not have it.
CREATE FUNCTION pg_temp.field(subject jsonb, field text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	whole jsonb := subject->split_part(field, '.', 1);
	path text := substr(field, strpos(field, '.') + 1);
BEGIN
	IF field NOT LIKE '%.%' THEN
		RETURN nullif(whole, 'null');
	END IF;
	RETURN coalesce(whole->path, whole #> string_to_array(path, '.'));
END $$;
-- the fields of a run, as the manual has them
CREATE FUNCTION pg_temp.subject(run wb.runs) RETURNS jsonb LANGUAGE sql AS $$
	SELECT to_jsonb(run) || jsonb_build_object('display_name', coalesce(run.display_name, run.name), 'duration',
		CASE WHEN isfinite(run.created_at) THEN extract(epoch FROM coalesce(run.finished_at, clock_timestamp()) - run.created_at) END);
$$;
CREATE FUNCTION pg_temp.kind_and_order(a jsonb, b jsonb) RETURNS int LANGUAGE sql AS $$
	SELECT CASE WHEN jsonb_typeof(a) <> jsonb_typeof(b) THEN NULL
		WHEN jsonb_typeof(a) = 'number' THEN sign(a::text::numeric - b::text::numeric)::int
		WHEN jsonb_typeof(a) = 'string' THEN CASE WHEN a = b THEN 0 WHEN (a #>> '{}') COLLATE "C" < (b #>> '{}') COLLATE "C" THEN -1 ELSE 1 END END;
$$;
CREATE FUNCTION pg_temp.element_meets(v jsonb, op text, x jsonb) RETURNS boolean LANGUAGE sql AS $$
	SELECT coalesce(CASE op WHEN '$eq' THEN v = x AND jsonb_typeof(v) NOT IN ('array', 'object')
		WHEN '$in' THEN jsonb_typeof(v) NOT IN ('array', 'object') AND EXISTS (SELECT FROM jsonb_array_elements(x) e WHERE e = v)
		WHEN '$gt' THEN pg_temp.kind_and_order(v, x) > 0 WHEN '$gte' THEN pg_temp.kind_and_order(v, x) >= 0
		WHEN '$lt' THEN pg_temp.kind_and_order(v, x) < 0 WHEN '$lte' THEN pg_temp.kind_and_order(v, x) <= 0
		WHEN '$regex' THEN jsonb_typeof(v) = 'string' AND (v #>> '{}') ~ (x #>> '{}')
		WHEN '$contains' THEN jsonb_typeof(v) = 'string' AND strpos(v #>> '{}', x #>> '{}') > 0 END, false);
$$;
CREATE FUNCTION pg_temp.meets(v jsonb, op text, x jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	elements jsonb := CASE jsonb_typeof(v) WHEN 'array' THEN v ELSE jsonb_build_array(v) END;
BEGIN
	CASE
		WHEN op = '$not' THEN RETURN NOT (SELECT bool_and(pg_temp.meets(v, o.key, o.value)) FROM jsonb_each(x) o);
		WHEN op = '$ne' THEN RETURN NOT pg_temp.meets(v, '$eq', x);
		WHEN op = '$nin' THEN RETURN NOT pg_temp.meets(v, '$in', x);
		WHEN op = '$exists' THEN RETURN (v IS NOT NULL) = x::boolean;
		WHEN v IS NULL THEN RETURN false;
		WHEN op = '$size' THEN RETURN jsonb_typeof(v) = 'array' AND jsonb_array_length(elements) = x::int;
		WHEN op = '$all' THEN RETURN x <> '[]' AND NOT EXISTS (SELECT FROM jsonb_array_elements(x) wanted
			WHERE NOT pg_temp.meets(v, '$eq', wanted));
		WHEN op = '$eq' AND jsonb_typeof(x) = 'array' THEN RETURN v = x;
		ELSE RETURN EXISTS (SELECT FROM jsonb_array_elements(elements) e WHERE pg_temp.element_meets(e, op, x));
	END CASE;
END $$;
CREATE FUNCTION pg_temp.oracle(subject jsonb, filter jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT coalesce(bool_and(CASE
		WHEN f.key = '$and' THEN NOT EXISTS (SELECT FROM jsonb_array_elements(f.value) c WHERE NOT pg_temp.oracle(subject, c))
		WHEN f.key = '$or' THEN EXISTS (SELECT FROM jsonb_array_elements(f.value) c WHERE pg_temp.oracle(subject, c))
		WHEN f.key = '$nor' THEN NOT EXISTS (SELECT FROM jsonb_array_elements(f.value) c WHERE pg_temp.oracle(subject, c))
		WHEN f.key = '$not' THEN NOT pg_temp.oracle(subject, f.value)
		WHEN jsonb_typeof(f.value) = 'object' THEN (SELECT bool_and(pg_temp.meets(pg_temp.field(subject, f.key), o.key, o.value)) FROM jsonb_each(f.value) o)
		ELSE pg_temp.meets(pg_temp.field(subject, f.key), '$eq', f.value) END), true) FROM jsonb_each(filter) f);
END $$;

-- 240 filters, each an automation, on 40 runs: 9600 pairs; a run that has not ended is a day old, and one began before all time
CREATE TEMP TABLE filters AS SELECT n, pg_temp.random_filter(1 + n % 3,
	'{config.a,config.b,config.c,config.b.x,summary.a,summary.b.x,tags,job_type,group_name,username,display_name,name,state,duration}') AS filter FROM generate_series(1, 240) n;
INSERT INTO wb.automations (name, scope_type, scope_id, event_type, event_filter, action_type, action_config, cooldown)
SELECT n::text, 'PROJECT', :project, 'RUN_STATE', jsonb_build_object('run_filter', filter, 'run_state_filter', '{"states": ["RUNNING", "FINISHED", "FAILED"]}'::jsonb),
	'NO_OP', '{"noOpActionInput": {"noOp": true}}', '0' FROM filters;
INSERT INTO wb.runs (project_id, name, display_name, username, job_type, group_name, tags, config, summary, state, created_at, finished_at)
SELECT :project, 'r' || n, nullif(pg_temp.pick('{a,ab,b,NULL}'), 'NULL'), nullif(pg_temp.pick('{a,B,1,NULL}'), 'NULL'), nullif(pg_temp.pick('{a,b,"",NULL}'), 'NULL'),
	nullif(pg_temp.pick('{ab,b,2,NULL}'), 'NULL'), ARRAY(SELECT pg_temp.pick('{a,b,ab,1}') FROM generate_series(1, n % 4)),
	pg_temp.random_document(), pg_temp.random_document(), pg_temp.pick('{running,failed,finished,crashed}'),
	CASE WHEN n = 7 THEN '-infinity' WHEN n % 4 = 0 THEN now() - interval '1 day' ELSE '2030-01-01' END,
	CASE WHEN n % 4 <> 0 THEN timestamptz '2030-01-01' + make_interval(secs => pg_temp.pick('{0.5,1,2,10,-3,0.500001}')::float8) END FROM generate_series(1, 40) n;
CREATE TEMP TABLE verdicts AS
SELECT f.n, f.filter, r.id, pg_temp.oracle(r.subject, f.filter) AS expected, x.name IS NOT NULL AS fired FROM filters f
CROSS JOIN (SELECT r.id, pg_temp.subject(r) FROM wb.runs r WHERE r.project_id = :project OFFSET 0) r
LEFT JOIN (SELECT DISTINCT run_id, automation_name AS name FROM wb.executions WHERE project_id = :project) x ON x.run_id = r.id AND x.name = f.n::text;

-- a good share of both answers, and not one difference
SELECT count(*) AS pairs, count(*) FILTER (WHERE expected) BETWEEN 2400 AND 7200 AS is_balanced,
	count(*) FILTER (WHERE expected <> fired) AS differ FROM verdicts;
SELECT n, filter, count(*) AS runs FROM verdicts WHERE expected IS DISTINCT FROM fired GROUP BY n, filter ORDER BY length(filter::text) LIMIT 5;

-- 60 filters on artifacts, each for a version that is made, an alias and a tag, on 25 versions
SELECT wb.create_project('filter_oracle', 'artifacts') AS project \gset
CREATE TEMP TABLE artifact_filters AS SELECT n, pg_temp.random_filter(1 + n % 3,
	'{alias,tag,artifact_collection_name,artifact_type,metadata.a,metadata.b,metadata.c,metadata.b.x}') AS filter FROM generate_series(1, 60) n;
INSERT INTO wb.automations (name, scope_type, scope_id, event_type, event_filter, action_type, action_config)
SELECT format('%s %s', n, t), 'PROJECT', :project, t, filter, 'NO_OP', '{"noOpActionInput": {"noOp": true}}'
FROM artifact_filters, unnest('{CREATE_ARTIFACT,ADD_ARTIFACT_ALIAS,ADD_ARTIFACT_TAG}'::text[]) t;
CREATE TEMP TABLE versions AS SELECT n, pg_temp.pick('{a,ab,b}') AS collection, pg_temp.random_document() AS metadata,
	(ARRAY['{}', '{a}', '{a,ab}', '{b}', '{1,ab,b}'])[1 + n % 5]::text[] AS aliases, (ARRAY['{}', '{b}', '{1,a}', '{ab}'])[1 + n % 4]::text[] AS tags FROM generate_series(1, 25) n;
ALTER TABLE versions ADD id bigint;
UPDATE versions SET id = wb.log_artifact(:project, collection, 'type ' || collection, metadata => metadata, aliases => aliases, tags => tags);
-- a version knows all that it was given, an alias and a tag know themselves; "latest" comes by itself
CREATE TEMP TABLE events AS
SELECT v.id, e.type, e.mark, jsonb_build_object('artifact_collection_name', v.collection, 'artifact_type', 'type ' || v.collection, 'metadata', v.metadata) || e.subject AS subject
FROM versions v, LATERAL (
	SELECT 'CREATE_ARTIFACT' AS type, NULL AS mark, jsonb_build_object('alias', nullif(to_jsonb(v.aliases), '[]'), 'tag', nullif(to_jsonb(v.tags), '[]')) AS subject
	UNION ALL SELECT 'ADD_ARTIFACT_ALIAS', a, jsonb_build_object('alias', a) FROM unnest(v.aliases || '{latest}') a
	UNION ALL SELECT 'ADD_ARTIFACT_TAG', t, jsonb_build_object('tag', t) FROM unnest(v.tags) t) e;
CREATE TEMP TABLE artifact_verdicts AS
SELECT f.n, f.filter, e.type, pg_temp.oracle(e.subject, f.filter) AS expected, x.name IS NOT NULL AS fired FROM artifact_filters f CROSS JOIN events e
LEFT JOIN (SELECT DISTINCT artifact_id, automation_name AS name, coalesce(event->>'alias', event->>'tag', '') AS mark FROM wb.executions WHERE project_id = :project) x
	ON x.artifact_id = e.id AND x.name = format('%s %s', f.n, e.type) AND x.mark = coalesce(e.mark, '');
SELECT type, count(*) AS pairs, count(*) FILTER (WHERE expected) BETWEEN 0.2 * count(*) AND 0.8 * count(*) AS is_balanced,
	count(*) FILTER (WHERE expected <> fired) AS differ FROM artifact_verdicts GROUP BY type ORDER BY type;
SELECT n, type, filter, count(*) AS events FROM artifact_verdicts WHERE expected IS DISTINCT FROM fired GROUP BY n, type, filter ORDER BY length(filter::text) LIMIT 5;
-- and nothing fired for any other reason
SELECT count(*) = (SELECT count(*) FROM artifact_verdicts WHERE expected) AS all_told FROM wb.executions WHERE project_id = :project;
