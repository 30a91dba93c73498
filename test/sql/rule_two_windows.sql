-- Rules that compare the newest values with those before them.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_project('rule_two_windows', 'p') AS project \gset

-- loads values as steps 0, 1, ... of a run of its own, and says at which steps a rule held
CREATE FUNCTION pg_temp.steps(metric jsonb, VARIADIC v float8[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	run bigint := wb.start_run(wb.project_id('rule_two_windows', 'p'));
	made bigint := wb.create_automation('try', wb.on_run_metric(wb.project('rule_two_windows', 'p'), metric), wb.do_nothing(), cooldown => '0');
	held text;
BEGIN
	INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT run, 'm', i - 1, x FROM unnest(v) WITH ORDINALITY u(x, i);
	SELECT string_agg(event->>'step', ' ' ORDER BY id) INTO held FROM wb.executions WHERE run_id = run;
	PERFORM wb.delete_automation(made);
	RETURN coalesce(held, '-');
END $$;

-- windows are consecutive and full, and the comparison is inclusive
SELECT pg_temp.steps(wb.decreases_by('m', frac => 0.25, window_size => 2, prior_window_size => 3), 10, 10, 10, 8, 7);
SELECT pg_temp.steps(wb.decreases_by('m', frac => 0.25, window_size => 2, prior_window_size => 3), 10, 10, 10, 8, 7.1);
-- without an aggregate: the last value against the one before, whatever the windows
SELECT pg_temp.steps(wb.changes_by('m', diff => 2, agg => NULL), 5, 7, 6.9, 4.9);
-- a fraction is of the size of the value before, so signs keep their meaning
SELECT pg_temp.steps(wb.increases_by('m', frac => 0.5, agg => NULL), -10, -5, -5);
-- against zero any change is infinite, and none is none
SELECT pg_temp.steps(wb.increases_by('m', frac => 100, agg => NULL), 0, 0, 1);
SELECT pg_temp.steps(wb.decreases_by('m', frac => 100, agg => NULL), 0, 0, -1);
-- NaN is no change
SELECT pg_temp.steps(wb.changes_by('m', diff => 1, agg => NULL), 1, 'NaN', 9, 10);

-- a z-score is over the values before the newest one, by the sample deviation
SELECT pg_temp.steps(wb.zscore('m', 10), 9, 11, 9, 11, 9, 11, 9, 11, 9, 11, 13.1);
SELECT pg_temp.steps(wb.zscore('m', 10), 9, 11, 9, 11, 9, 11, 9, 11, 9, 11, 13.2);
SELECT pg_temp.steps(wb.zscore('m', 10, direction => 'above'), 9, 11, 9, 11, 9, 11, 9, 11, 9, 11, 6.8);
SELECT pg_temp.steps(wb.zscore('m', 10, direction => 'below'), 9, 11, 9, 11, 9, 11, 9, 11, 9, 11, 6.8);
-- out of a constant series any other value is infinitely far, the same is not
SELECT pg_temp.steps(wb.zscore('m', 3), 1, 1, 1, 1, 1.1);

-- a plateau: the best of the last values hardly beats the best before
SELECT pg_temp.steps(wb.plateau('m', 2, 3, 0.1), 10, 9, 8, 7.5, 7.3, 7, 6.9, 3, 2);
SELECT pg_temp.steps(wb.plateau('m', 2, 3, 0.1, 'maximize'), 1, 2, 3, 3.1, 3.2, 5, 5);
SELECT pg_temp.steps(wb.plateau('m', 1, 2, 0.1), 1, 'NaN', 1, 1, 1);

-- not finite: NaN and both infinities
SELECT pg_temp.steps(wb.is_not_finite('m'), 1, 'NaN', 1e308, 'Infinity', '-Infinity');

-- a z-score against the last values of the newest other runs that have the metric
SELECT wb.create_project('rule_two_windows', 'runs') AS project \gset
INSERT INTO wb.runs (id, project_id) SELECT 98000 + g, :project FROM generate_series(1, 8) g;
INSERT INTO wb.run_metrics (run_id, name, step, value)
SELECT 98000 + g, 'accuracy', s, CASE s WHEN 1 THEN 100 ELSE 0.5 + g * 0.01 END FROM generate_series(1, 5) g, generate_series(1, 2) s;
SELECT wb.create_automation('unlike the others', wb.on_run_metric(wb.project('rule_two_windows', 'runs'),
	wb.zscore('accuracy', 5, 2, 'above', 'project_runs')), wb.do_nothing()) \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (98007, 'accuracy', 1, 0.56);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (98008, 'accuracy', 1, 0.9);
SELECT run_id, why, event->'metricValues' AS judged FROM wb.executions WHERE project_id = :project;

-- why, and the rule as an expression
SELECT wb.create_project('rule_two_windows', 'words') AS project \gset
SELECT wb.create_automation(n, wb.on_run_metric(wb.project('rule_two_windows', 'words'), m), wb.do_nothing()) IS NOT NULL AS made FROM (VALUES
	('a', wb.increases_by('m', frac => 0.25, window_size => 2, prior_window_size => 3)), ('b', wb.decreases_by('m', diff => 2, agg => NULL)),
	('c', wb.zscore('m', 4, 1, 'below')), ('d', wb.plateau('m', 2, 3)), ('e', wb.changes_by('m', frac => 0.5, agg => 'max', window_size => 1, prior_window_size => 1))) v(n, m);
SELECT wb.start_run(:project) AS run \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT :run, 'm', i, x FROM unnest('{4,4,4,8,6,3}'::float8[]) WITH ORDINALITY u(x, i);
SELECT automation_name AS n, event_type, why, event->>'metricFilter' AS filter, event->>'metricFilterShort' AS short FROM wb.executions
WHERE project_id = :project AND state <> 'SKIPPED' ORDER BY automation_name;

-- what builders and the check refuse
CREATE FUNCTION pg_temp.refusal(expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
	metric jsonb;
BEGIN
	EXECUTE 'SELECT ' || expression INTO metric;
	PERFORM wb.create_automation('refused', wb.on_run_metric(wb.project('rule_two_windows', 'p'), metric), wb.do_nothing());
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n  HINT: ', SQLSTATE || ': ' || SQLERRM, nullif(hint, ''));
END $$;
\pset format unaligned
\pset tuples_only
SELECT pg_temp.refusal($$wb.changes_by('m')$$);
SELECT pg_temp.refusal($$wb.changes_by('m', frac => 1, diff => 1)$$);
SELECT pg_temp.refusal($$wb.changes_by('m', frac => 0)$$);
SELECT pg_temp.refusal($$wb.changes_by('m', diff => 'Infinity')$$);
SELECT pg_temp.refusal($$wb.changes_by('m', diff => 1, agg => 'sum')$$);
SELECT pg_temp.refusal($$wb.changes_by('m', diff => 1, window_size => 0)$$);
SELECT pg_temp.refusal($$wb.changes_by('m', diff => 1, prior_window_size => 10001)$$);
SELECT pg_temp.refusal($$wb.zscore('m', threshold => 0)$$);
SELECT pg_temp.refusal($$wb.zscore('m', threshold => -1)$$);
SELECT pg_temp.refusal($$wb.zscore('m', window_size => 1)$$);
SELECT pg_temp.refusal($$wb.zscore('m', direction => 'up')$$);
SELECT pg_temp.refusal($$wb.zscore('m', baseline => 'all')$$);
SELECT pg_temp.refusal($$wb.plateau('m', goal => 'best')$$);
SELECT pg_temp.refusal($$wb.plateau('m', min_delta => 0)$$);
SELECT pg_temp.refusal($$wb.metric('m', '>', 1) || wb.zscore('m')$$);
