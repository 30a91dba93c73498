-- Random filters on random runs, against an evaluator written in plpgsql from
-- the manual: the two never disagree.
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
	SELECT pg_temp.pick('{"1","1.0","2","10","-3","0.5","\"1\"","\"2\"","\"a\"","\"ab\"","\"b\"","\"B\"","\"\"","true","false","null"}')::jsonb;
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
CREATE FUNCTION pg_temp.random_filter(depth int) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	op text := pg_temp.pick('{$and,$or,$nor,$not}');
	field text := pg_temp.pick('{config.a,config.b,config.c,config.b.x,summary.a,summary.b.x,tags,job_type,group_name,username,display_name,name}');
BEGIN
	IF depth > 0 AND random() < 0.6 THEN
		RETURN jsonb_build_object(op, CASE op WHEN '$not' THEN pg_temp.random_filter(depth - 1) ELSE
			(SELECT coalesce(jsonb_agg(pg_temp.random_filter(depth - 1)), '[]') FROM generate_series(1, floor(random() * 4)::int)) END);
	END IF;
	IF random() < 0.2 THEN
		RETURN jsonb_build_object(field, CASE WHEN random() < 0.7 THEN pg_temp.random_scalar() ELSE pg_temp.random_list(2) END);
	END IF;
	RETURN jsonb_build_object(field, pg_temp.random_operators(2));
END $$;

-- The oracle.  A field's value is NULL where the run does not have it.
CREATE FUNCTION pg_temp.field(run wb.runs, field text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	whole jsonb := CASE split_part(field, '.', 1) WHEN 'config' THEN run.config ELSE run.summary END;
	path text := substr(field, strpos(field, '.') + 1);
BEGIN
	IF field NOT LIKE '%.%' THEN
		RETURN CASE field WHEN 'display_name' THEN to_jsonb(coalesce(run.display_name, run.name))
			ELSE nullif(to_jsonb(run)->field, 'null') END;
	END IF;
	RETURN coalesce(whole->path, whole #> string_to_array(path, '.'));
END $$;
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
CREATE FUNCTION pg_temp.oracle(run wb.runs, filter jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT coalesce(bool_and(CASE
		WHEN f.key = '$and' THEN NOT EXISTS (SELECT FROM jsonb_array_elements(f.value) c WHERE NOT pg_temp.oracle(run, c))
		WHEN f.key = '$or' THEN EXISTS (SELECT FROM jsonb_array_elements(f.value) c WHERE pg_temp.oracle(run, c))
		WHEN f.key = '$nor' THEN NOT EXISTS (SELECT FROM jsonb_array_elements(f.value) c WHERE pg_temp.oracle(run, c))
		WHEN f.key = '$not' THEN NOT pg_temp.oracle(run, f.value)
		WHEN jsonb_typeof(f.value) = 'object' THEN (SELECT bool_and(pg_temp.meets(pg_temp.field(run, f.key), o.key, o.value)) FROM jsonb_each(f.value) o)
		ELSE pg_temp.meets(pg_temp.field(run, f.key), '$eq', f.value) END), true) FROM jsonb_each(filter) f);
END $$;

-- 200 filters, each an automation, on 40 runs: 8000 pairs
CREATE TEMP TABLE filters AS SELECT n, pg_temp.random_filter(1 + n % 3) AS filter FROM generate_series(1, 200) n;
INSERT INTO wb.automations (name, scope_type, scope_id, event_type, event_filter, action_type, action_config, cooldown)
SELECT n::text, 'PROJECT', :project, 'RUN_STATE', jsonb_build_object('run_filter', filter, 'run_state_filter', '{"states": ["RUNNING"]}'::jsonb),
	'NO_OP', '{"noOpActionInput": {"noOp": true}}', '0' FROM filters;
INSERT INTO wb.runs (project_id, name, display_name, username, job_type, group_name, tags, config, summary)
SELECT :project, 'r' || n, nullif(pg_temp.pick('{a,ab,b,NULL}'), 'NULL'), nullif(pg_temp.pick('{a,B,1,NULL}'), 'NULL'), nullif(pg_temp.pick('{a,b,"",NULL}'), 'NULL'),
	nullif(pg_temp.pick('{ab,b,2,NULL}'), 'NULL'), ARRAY(SELECT pg_temp.pick('{a,b,ab,1}') FROM generate_series(1, n % 4)),
	pg_temp.random_document(), pg_temp.random_document() FROM generate_series(1, 40) n;
CREATE TEMP TABLE verdicts AS
SELECT f.n, f.filter, r.id, pg_temp.oracle(r, f.filter) AS expected,
	EXISTS (SELECT FROM wb.executions e WHERE e.project_id = :project AND e.run_id = r.id AND e.automation_name = f.n::text) AS fired
FROM filters f, wb.runs r WHERE r.project_id = :project;

-- a good share of both answers, and not one difference
SELECT count(*) AS pairs, count(*) FILTER (WHERE expected) BETWEEN 2000 AND 6000 AS is_balanced,
	count(*) FILTER (WHERE expected <> fired) AS differ FROM verdicts;
SELECT n, filter, count(*) AS runs FROM verdicts WHERE expected IS DISTINCT FROM fired GROUP BY n, filter ORDER BY length(filter::text) LIMIT 5;
