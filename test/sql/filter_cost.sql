-- What filters may cost: patterns have limits that hold for a whole filter,
-- and a rule is parsed again only when it changed.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_project('filter_cost', 'p') AS project \gset
CREATE FUNCTION pg_temp.try(filter jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM wb.create_automation('try', wb.on_run_state(wb.project('filter_cost', 'p'), '{running}', filter), wb.do_nothing());
	RAISE EXCEPTION USING errcode = 'ZZ000';
EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
	RETURN 'accepted';
WHEN invalid_parameter_value THEN
	RETURN regexp_replace(SQLERRM, '^.*cannot be used: ', '');
END $$;
CREATE FUNCTION pg_temp.patterns(VARIADIC patterns text[]) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_object('$or', jsonb_agg(jsonb_build_object('display_name', jsonb_build_object('$regex', p)))) FROM unnest(patterns) p;
$$;
-- negated classes with (?i) take no longer than others: each of these walked through all characters there could be
SET statement_timeout = '10s';
SELECT pg_temp.try(pg_temp.patterns('(?i)^\S\W\D[\S][\W\D][^\s\W][[:^alpha:]]$'));
RESET statement_timeout;
-- a range that (?i) would walk through has a limit, and without (?i) it has none
SELECT pg_temp.try(pg_temp.patterns('(?i)[\x{80}-\x{10FFFF}]')), pg_temp.try(pg_temp.patterns('[\x{80}-\x{10FFFF}]'));
-- every quantifier counts
SELECT pg_temp.try(pg_temp.patterns('(' || repeat('a?', 254) || ')*'));
SELECT pg_temp.try(pg_temp.patterns(repeat('a?', 254))), pg_temp.try(pg_temp.patterns(repeat('a*', 255))), pg_temp.try(pg_temp.patterns(repeat('a+', 255)));
-- limits are those of all patterns of a filter together
SELECT pg_temp.try(pg_temp.patterns(repeat('a?', 200), repeat('b?', 54))), pg_temp.try(pg_temp.patterns(repeat('a?', 200), repeat('b?', 55)));
SELECT pg_temp.try(pg_temp.patterns(repeat('a', 500), repeat('b', 500))), pg_temp.try(pg_temp.patterns(repeat('a', 500), repeat('b', 501)));

-- classes beside others, negated or not, and letters of either case
CREATE TEMP TABLE cases (n serial, pattern text);
INSERT INTO cases (pattern) VALUES ('^\D$'), ('^[\D]$'), ('^[^\D]$'), ('^[a\W]$'), ('(?i)^[a\W]$'), ('(?i)^[^a\W]$'), ('^[\s\S]$'), ('^[^\s\S]$'), ('^[5\D]$'), ('^[[:^alpha:]]$'), ('^[^[:^alpha:]]$'), ('(?i)^[^[:^upper:]]$'), ('^[\Wa-f]$'), ('^[^\Wa-f]$');
INSERT INTO wb.automations (name, scope_type, scope_id, event_type, event_filter, action_type, action_config)
SELECT n::text, 'PROJECT', :project, 'RUN_STATE', jsonb_build_object('run_filter', jsonb_build_object('display_name', jsonb_build_object('$regex', pattern)), 'run_state_filter', '{"states": ["RUNNING"]}'::jsonb),
	'NO_OP', '{"noOpActionInput": {"noOp": true}}' FROM cases;
INSERT INTO wb.runs (project_id, name, display_name) SELECT :project, 'r' || n, c FROM unnest('{a,A,g,G,5,_,é,-," ","
"}'::text[]) WITH ORDINALITY AS u(c, n);
SELECT pattern, string_agg(to_json(r.display_name)::text, ' ' ORDER BY r.id) AS matches
FROM cases c LEFT JOIN wb.executions e ON e.project_id = :project AND e.automation_name = c.n::text LEFT JOIN wb.runs r ON r.id = e.run_id GROUP BY n, pattern ORDER BY n;

-- a change of one rule has no other parsed again
SELECT wb.create_project('filter_cost', 'q') AS project \gset
SELECT wb.create_automation('kept', wb.on_run_state(wb.project('filter_cost', 'q'), '{running}', wb."where"('display_name', '~', 'x')), wb.do_nothing()) \gset
SELECT wb.create_automation('edited', wb.on_run_state(wb.project('filter_cost', 'q'), '{running}', wb."where"('display_name', '~', 'y')), wb.do_nothing()) AS edited \gset
INSERT INTO wb.runs (project_id, name) VALUES (:project, 'first');
UPDATE wb.automations SET description = 'another' WHERE id = :edited;
SET client_min_messages = debug1;
INSERT INTO wb.runs (project_id, name) VALUES (:project, 'second');
SET client_min_messages = error;
