-- Conditions on metrics, rule by rule: G078-G121 of docs/conformance.md.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_project('conform_metric', 'p') AS project \gset
-- logs values as steps 1, 2, ... of a run of its own, and says which of them a rule held at, and what it observed
CREATE FUNCTION pg_temp.fires(metric jsonb, VARIADIC v float8[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	run bigint := wb.start_run(wb.project_id('conform_metric', 'p'));
	made bigint := wb.create_automation('try', wb.on_run_metric(wb.project('conform_metric', 'p'), metric), wb.do_nothing(), cooldown => '0');
	held text;
BEGIN
	INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT run, 'm', i, x FROM unnest(v) WITH ORDINALITY u(x, i);
	SELECT string_agg(format('#%s (%s)', event->>'step', round((event->>'observed')::numeric, 3)), ' ' ORDER BY id) INTO held
	FROM wb.executions WHERE run_id = run;
	PERFORM wb.delete_automation(made);
	RETURN coalesce(held, 'silent');
END $$;
CREATE FUNCTION pg_temp.refusal(metric text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
	condition jsonb;
BEGIN
	EXECUTE 'SELECT ' || metric INTO condition;
	PERFORM wb.delete_automation(wb.create_automation('refused', wb.on_run_metric(wb.project('conform_metric', 'p'), condition), wb.do_nothing()));
	RETURN 'accepted: ' || condition::text;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n  HINT: ', SQLSTATE || ': ' || SQLERRM, nullif(hint, ''));
END $$;
-- what fired in a project, by run
CREATE FUNCTION pg_temp.fired(project bigint) RETURNS TABLE (automation text, run text, steps text) LANGUAGE sql AS $$
	SELECT e.automation_name, r.name, string_agg(e.event->>'step', ' ' ORDER BY e.id)
	FROM wb.executions e JOIN wb.runs r ON r.id = e.run_id WHERE e.project_id = project GROUP BY 1, 2 ORDER BY 1, 2;
$$;
\pset format unaligned
\pset tuples_only on

-- G078 a single value is compared: of 9, 10 and 11 only 11 is above 10
SELECT pg_temp.fires(wb.metric('m', '>', 10), 9, 10, 11);

-- G079 the average of the last five: of 1 to 6, that of 2 to 6 is the first above 3
SELECT pg_temp.fires(wb.avg('m', '>', 3, 5), 1, 2, 3, 4, 5, 6);

-- G080 the least and the greatest of the last values
SELECT pg_temp.fires(wb.min('m', '>=', 2, 3), 1, 2, 3, 4);
SELECT pg_temp.fires(wb.max('m', '<', 1, 2), 2, 0.5, 0.4);

-- G081 a value equal to the threshold fires with >= and <=, and not with > and <
SELECT c, pg_temp.fires(wb.metric('m', c, 5), 4, 5, 6) FROM unnest('{>,>=,<,<=}'::text[]) WITH ORDINALITY c(c, n) ORDER BY n;

-- G082 equal fires on the threshold itself, not equal on any other value
SELECT c, pg_temp.fires(wb.metric('m', c, 5), 4, 5, 6) FROM unnest('{=,<>}'::text[]) WITH ORDINALITY c(c, n) ORDER BY n;
SELECT c, pg_temp.fires(format('{"threshold_filter": {"name": "m", "cmp_op": "%s", "threshold": 5}}', c)::jsonb, 4, 5, 6) FROM unnest('{$eq,$ne}'::text[]) WITH ORDINALITY c(c, n) ORDER BY n;

-- G083 a window without an aggregation is ignored
SELECT pg_temp.fires('{"threshold_filter": {"name": "m", "agg_op": null, "window_size": 5, "cmp_op": "$gt", "threshold": 10}}', 11, 9, 12);

-- G084 the window is 5 values where a builder makes the rule, and 1 where the document does not say
SELECT f->'threshold_filter'->'window_size' FROM (VALUES (wb.avg('m', '>', 1)), (wb.min('m', '>', 1)), (wb.max('m', '>', 1)), (wb.metric('m', '>', 1))) v(f);
SELECT pg_temp.fires('{"threshold_filter": {"name": "m", "agg_op": "AVERAGE", "cmp_op": "$gt", "threshold": 10}}', 11, 9, 12);

-- G085 aggregations are average, also as avg, min and max, in any case; there is no sum
SELECT a, wb.changes_by('m', diff => 1, agg => a) #>> '{change_filter,agg_op}' FROM unnest('{average,Average,AVG,avg,Min,MAX}'::text[]) WITH ORDINALITY a(a, n) ORDER BY n;
SELECT pg_temp.refusal($$wb.changes_by('m', diff => 1, agg => 'sum')$$);
SELECT pg_temp.refusal($$'{"threshold_filter": {"name": "m", "agg_op": "SUM", "cmp_op": "$gt", "threshold": 10}}'::jsonb$$);

-- G086 a window holds at least one value
SELECT pg_temp.refusal(format($$wb.avg('m', '>', 1, %s)$$, w)) FROM unnest('{0,-1}'::int[]) WITH ORDINALITY w(w, n) ORDER BY n;
SELECT pg_temp.refusal(format($$'{"threshold_filter": {"name": "m", "agg_op": "MIN", "window_size": %s, "cmp_op": "$gt", "threshold": 10}}'::jsonb$$, w)) FROM unnest('{0,-1}'::int[]) WITH ORDINALITY w(w, n) ORDER BY n;

-- G087 a threshold is a finite number: no text, no truth value, no NaN or Infinity
SELECT pg_temp.refusal(format($$wb.metric('m', '>', '%s')$$, t)) FROM unnest('{NaN,Infinity,-Infinity}'::text[]) WITH ORDINALITY t(t, n) ORDER BY n;
SELECT pg_temp.refusal(format($$'{"threshold_filter": {"name": "m", "cmp_op": "$gt", "threshold": %s}}'::jsonb$$, t)) FROM unnest(ARRAY['"1"', 'true', '"NaN"', '"Infinity"', '1e400', 'null']) WITH ORDINALITY t(t, n) ORDER BY n;

-- G088 another metric does not fire
SELECT wb.create_project('conform_metric', 'other metric') AS project \gset
SELECT wb.create_automation('accuracy', wb.on_run_metric(wb.project('conform_metric', 'other metric'), wb.metric('accuracy', '>', 0)), wb.do_nothing()) \gset
SELECT wb.create_automation('prefix', wb.on_run_metric(wb.project('conform_metric', 'other metric'), wb.metric('los', '>', 0)), wb.do_nothing()) \gset
SELECT wb.log(wb.start_run(:project, name => 'a'), '{"loss": 1, "Accuracy": 1, "val/accuracy": 1}', 1) \gset
SELECT count(*) FROM wb.executions WHERE project_id = :project;
SELECT wb.log(wb.run('conform_metric/other metric/a'), '{"accuracy": 1}', 2) \gset
SELECT * FROM pg_temp.fired(:project);

-- G089 a metric's name may have slashes
SELECT wb.create_project('conform_metric', 'slash') AS project \gset
SELECT wb.create_automation('val/loss', wb.on_run_metric(wb.project('conform_metric', 'slash'), wb.metric('val/loss', '>', 1)), wb.do_nothing()) \gset
SELECT wb.log(wb.start_run(:project, name => 'a'), '{"loss": 5, "val": {"loss": 6}}', 1) \gset
SELECT wb.log(wb.run('conform_metric/slash/a'), '{"val/loss": 7}', 2) \gset
SELECT * FROM pg_temp.fired(:project);

-- G090 a system metric is a metric like any other, by its own name
SELECT wb.create_project('conform_metric', 'system') AS project \gset
SELECT wb.create_automation('cpu', wb.on_run_metric(wb.project('conform_metric', 'system'), wb.avg('cpu', '>', 90, 2)), wb.do_nothing()) \gset
SELECT wb.start_run(:project, name => 'a') AS run \gset
SELECT wb.log(:run, '{"cpu": 80}', 1), wb.log(:run, '{"cpu": 99}', 2), wb.log(:run, '{"cpu": 97}', 3) \gset ignored_
SELECT * FROM pg_temp.fired(:project);

-- G091 each run has its own window: one run's values do not fill another's
SELECT wb.create_project('conform_metric', 'apart') AS project \gset
SELECT wb.create_automation('two high', wb.on_run_metric(wb.project('conform_metric', 'apart'), wb.min('m', '>', 5, 2)), wb.do_nothing(), cooldown => '0') \gset
SELECT wb.start_run(:project, name => 'a') AS a, wb.start_run(:project, name => 'b') AS b \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:a, 'm', 1, 9), (:b, 'm', 2, 9), (:a, 'm', 3, 1), (:b, 'm', 4, 8);
SELECT * FROM pg_temp.fired(:project);

-- G092 two runs with three values each never make a window of five
SELECT wb.create_project('conform_metric', 'inside') AS project \gset
SELECT wb.create_automation('five', wb.on_run_metric(wb.project('conform_metric', 'inside'), wb.avg('m', '>', 0, 5)), wb.do_nothing(), cooldown => '0') \gset
SELECT wb.start_run(:project, name => 'a') AS a, wb.start_run(:project, name => 'b') AS b \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:a, 'm', 1, 1), (:b, 'm', 2, 1), (:a, 'm', 3, 1), (:b, 'm', 4, 1), (:a, 'm', 5, 1), (:b, 'm', 6, 1);
SELECT count(*) FROM wb.executions WHERE project_id = :project;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:a, 'm', 7, 1), (:a, 'm', 8, 1);
SELECT * FROM pg_temp.fired(:project);

-- G093 a run is spoken about once in 24 hours, and again after them
SELECT wb.create_project('conform_metric', 'once') AS project \gset
SELECT wb.create_automation('high', wb.on_run_metric(wb.project('conform_metric', 'once'), wb.metric('m', '>', 5)), wb.do_nothing()) \gset
SELECT wb.start_run(:project, name => 'a') AS run \gset
SELECT wb.log(:run, '{"m": 9}', 1) \gset
SET wb_automations.clock_offset = '1439min';
SELECT wb.log(:run, '{"m": 9}', 2) \gset
SET wb_automations.clock_offset = '86401s';
SELECT wb.log(:run, '{"m": 9}', 3) \gset
RESET wb_automations.clock_offset;
SELECT event->>'step', state FROM wb.executions WHERE project_id = :project ORDER BY id;

-- G094 another run still fires
SELECT wb.create_project('conform_metric', 'runs') AS project \gset
SELECT wb.create_automation('high', wb.on_run_metric(wb.project('conform_metric', 'runs'), wb.metric('m', '>', 5)), wb.do_nothing()) \gset
SELECT wb.start_run(:project, name => 'a') AS a, wb.start_run(:project, name => 'b') AS b \gset
SELECT wb.log(:a, '{"m": 9}', 1) \gset
SELECT wb.log(:a, '{"m": 9}', 2) \gset
SELECT wb.log(:b, '{"m": 9}', 1) \gset
SELECT r.name, e.event->>'step', e.state FROM wb.executions e JOIN wb.runs r ON r.id = e.run_id WHERE e.project_id = :project ORDER BY e.id;

-- G095 two automations on one run do not know of each other
SELECT wb.create_project('conform_metric', 'two') AS project \gset
SELECT wb.create_automation('first', wb.on_run_metric(wb.project('conform_metric', 'two'), wb.metric('m', '>', 5)), wb.do_nothing()) \gset
SELECT wb.create_automation('second', wb.on_run_metric(wb.project('conform_metric', 'two'), wb.metric('m', '>', 8)), wb.do_nothing()) \gset
SELECT wb.start_run(:project, name => 'a') AS run \gset
SELECT wb.log(:run, '{"m": 6}', 1) \gset
SELECT wb.log(:run, '{"m": 9}', 2) \gset
SELECT automation_name, event->>'step', state FROM wb.executions WHERE project_id = :project ORDER BY id;

-- G096 a name is the display name: a run whose id alone has the pattern is silent
SELECT wb.create_project('conform_metric', 'names') AS project \gset
SELECT wb.create_automation('bert', wb.on_run_metric(wb.project('conform_metric', 'names'), wb.metric('m', '>', 5), wb."where"('display_name', '~', '^bert-')), wb.do_nothing()) \gset
SELECT wb.log(wb.start_run(:project, 'gpt', 'bert-1'), '{"m": 9}', 1), wb.log(wb.start_run(:project, 'bert-2', 'x2'), '{"m": 9}', 1), wb.log(wb.start_run(:project, 'my bert-3', 'x3'), '{"m": 9}', 1) \gset ignored_
SELECT * FROM pg_temp.fired(:project);

-- G097 conditions on the run: a part of its name, one of two, and not
SELECT wb.create_project('conform_metric', 'filters') AS project \gset
SELECT wb.create_automation(n, wb.on_run_metric(wb.project('conform_metric', 'filters'), wb.metric('m', '>', 5), f), wb.do_nothing()) IS NOT NULL FROM (VALUES
	('contains', '{"$and":[{"display_name":{"$contains":"my-run"}}]}'::jsonb), ('not', '{"$and":[{"$not":{"display_name":{"$contains":"y"}}}]}'),
	('or', '{"$and":[{"$or":[{"display_name":{"$eq":"x"}},{"display_name":{"$contains":"y"}}]}]}')) f(n, f);
SELECT wb.log(wb.start_run(:project, n, n), '{"m": 9}', 1) AS logged FROM unnest('{x,a-my-run-1,My-Run,xx}'::text[]) n;
SELECT automation, string_agg(run, ' ' ORDER BY run COLLATE "C") FROM pg_temp.fired(:project) GROUP BY 1 ORDER BY 1;

-- G098 a filter by user: the runs of others are silent
SELECT wb.create_project('conform_metric', 'users') AS project \gset
SELECT wb.create_automation('of ann', wb.on_run_metric(wb.project('conform_metric', 'users'), wb.metric('m', '>', 5), wb."where"('username', '=', 'ann')), wb.do_nothing()) \gset
SELECT wb.log(wb.start_run(:project, name => 'r-of-' || u, username => u), '{"m": 9}', 1) AS logged FROM unnest('{ann,bob,Ann}'::text[]) u;
SELECT * FROM pg_temp.fired(:project);

-- G099 the two windows of a change follow each other, and the newest value is in the second
SELECT wb.create_project('conform_metric', 'windows') AS project \gset
SELECT wb.create_automation('drop', wb.on_run_metric(wb.project('conform_metric', 'windows'), wb.decreases_by('m', frac => 0.25, window_size => 2, prior_window_size => 3)), wb.do_nothing()) \gset
SELECT wb.start_run(:project, name => 'a') AS run \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT :run, 'm', i, x FROM unnest('{10,10,10,8,7}'::float8[]) WITH ORDINALITY u(x, i);
SELECT event->'metricValues', event->'observed' FROM wb.executions WHERE project_id = :project;
SELECT pg_temp.fires(wb.decreases_by('m', frac => 0.25, window_size => 2, prior_window_size => 3), 10, 10, 10, 8, 7.1);

-- G100 a relative change is a fraction: 0.1 is 10 %
SELECT pg_temp.fires(wb.increases_by('m', frac => 0.1, agg => NULL), 200, 221);
SELECT pg_temp.fires(wb.increases_by('m', frac => 0.1, agg => NULL), 200, 219);

-- G101 an absolute change is a difference
SELECT pg_temp.fires(wb.changes_by('m', diff => 2, agg => NULL), 50, 52);
SELECT pg_temp.fires(wb.changes_by('m', diff => 2, agg => NULL), 50, 51.9);

-- G102 a change has a direction, or goes either way
SELECT 'increase', pg_temp.fires(wb.increases_by('m', diff => 2, agg => NULL), 5, 8, 5);
SELECT 'decrease', pg_temp.fires(wb.decreases_by('m', diff => 2, agg => NULL), 5, 8, 5);
SELECT 'any', pg_temp.fires(wb.changes_by('m', diff => 2, agg => NULL), 5, 8, 5);

-- G103 a change of just the amount is enough
SELECT pg_temp.fires(wb.increases_by('m', frac => 0.25, agg => NULL), 4, 5), pg_temp.fires(wb.increases_by('m', frac => 0.25, agg => NULL), 4, 4.999);
SELECT pg_temp.fires(wb.decreases_by('m', frac => 0.25, agg => NULL), 4, 3), pg_temp.fires(wb.changes_by('m', diff => 1, agg => NULL), 4, 3, 4);

-- G104 where the builder is told nothing, the average of 10 is compared with that of the 50 before
SELECT f->'change_filter'->>'agg_op', f->'change_filter'->>'current_window_size', f->'change_filter'->>'prior_window_size', f->'change_filter'->>'change_type'
FROM (VALUES (wb.increases_by('m', frac => 0.1)), (wb.decreases_by('m', frac => 0.1)), (wb.changes_by('m', frac => 0.1))) v(f);

-- G105 where a document is silent, the window before is as large as the newest, and there is no aggregation
SELECT pg_temp.fires('{"change_filter": {"name": "m", "agg_op": "MAX", "current_window_size": 2, "change_type": "ABSOLUTE", "change_dir": "ANY", "change_amount": 1}}', 9, 0, 1, 1, 1);
SELECT pg_temp.fires('{"change_filter": {"name": "m", "change_type": "ABSOLUTE", "change_amount": 1}}', 9, 9.5, 8);

-- G106 the amount of a change is above zero
SELECT pg_temp.refusal(format($$wb.changes_by('m', frac => %s)$$, a)) FROM unnest('{0,-0.1}'::numeric[]) WITH ORDINALITY a(a, n) ORDER BY n;
SELECT pg_temp.refusal(format($$'{"change_filter": {"name": "m", "change_type": "ABSOLUTE", "change_amount": %s}}'::jsonb$$, a)) FROM unnest('{0,-1,1e400}'::text[]) WITH ORDINALITY a(a, n) ORDER BY n;

-- G107 a change is given as a fraction or as a difference, never both or neither
SELECT pg_temp.refusal($$wb.changes_by('m')$$);
SELECT pg_temp.refusal($$wb.changes_by('m', frac => 0.5, diff => 2)$$);

-- G108 from zero every change is infinite, and none is none
SELECT pg_temp.fires(wb.increases_by('m', frac => 100, agg => NULL), 0, 0, 1), pg_temp.fires(wb.decreases_by('m', frac => 100, agg => NULL), 0, 0, -1);
SELECT pg_temp.fires(wb.changes_by('m', frac => 0.1, agg => NULL), 0, 0, 0), pg_temp.fires(wb.decreases_by('m', frac => 0.1, agg => NULL), 0, 1);

-- G109 from -10 to -5 is a rise by half
SELECT pg_temp.fires(wb.increases_by('m', frac => 0.5, agg => NULL), -10, -5), pg_temp.fires(wb.decreases_by('m', frac => 0.5, agg => NULL), -10, -5);

-- G110 without an aggregation the last value is compared with the one before, whatever the windows
SELECT pg_temp.fires(wb.changes_by('m', diff => 2, agg => NULL, window_size => 10, prior_window_size => 50), 5, 7);
SELECT pg_temp.fires(wb.changes_by('m', diff => 2, agg => NULL, window_size => 10, prior_window_size => 50), 5, 6.9);

-- G111 a z-score is over 30 values, by 3 deviations, either way, unless it says otherwise
SELECT wb.zscore('m');
SELECT pg_temp.fires('{"zscore_filter": {"name": "m"}}', VARIADIC ARRAY(SELECT 10 + 1 - 2 * (g % 2) FROM generate_series(1, 29) g)::float8[] || '{20,60}'::float8[]);
SELECT pg_temp.fires('{"zscore_filter": {"name": "m"}}', VARIADIC ARRAY(SELECT 10 + 1 - 2 * (g % 2) FROM generate_series(1, 30) g)::float8[] || '{13}'::float8[]);
SELECT pg_temp.fires('{"zscore_filter": {"name": "m"}}', VARIADIC ARRAY(SELECT 10 + 1 - 2 * (g % 2) FROM generate_series(1, 30) g)::float8[] || '{6}'::float8[]);

-- G112 a z-score looks above, below, or either way
SELECT d, pg_temp.fires(wb.zscore('m', 4, 3, d), 9, 11, 9, 11, 20, 10), pg_temp.fires(wb.zscore('m', 4, 3, d), 9, 11, 9, 11, 0, 10) FROM unnest('{above,below,any}'::text[]) WITH ORDINALITY d(d, n) ORDER BY n;

-- G113 the threshold of a z-score is above zero
SELECT pg_temp.refusal(format($$wb.zscore('m', 30, %s)$$, t)) FROM unnest('{0,-1}'::int[]) WITH ORDINALITY t(t, n) ORDER BY n;
SELECT pg_temp.refusal(format($$'{"zscore_filter": {"name": "m", "threshold": %s}}'::jsonb$$, t)) FROM unnest('{0,-1}'::int[]) WITH ORDINALITY t(t, n) ORDER BY n;

-- G114 the sample deviation of the values before the newest: after 9 and 11 five times, 13.1 is 2.941 away and 13.2 is 3.036
SELECT x, pg_temp.fires(wb.zscore('m', 10), VARIADIC '{9,11,9,11,9,11,9,11,9,11}'::float8[] || x) FROM unnest('{13.1,13.2,6.9,6.8}'::float8[]) WITH ORDINALITY x(x, n) ORDER BY n;

-- G115 after values that are all the same, the same is silent, and any other is infinitely far
SELECT pg_temp.fires(wb.zscore('m', 3), 1, 1, 1, 1), pg_temp.fires(wb.zscore('m', 3, direction => 'above'), 1, 1, 1, 0.9) AS below;
SELECT pg_temp.fires(wb.zscore('m', 3), 1, 1, 1, 1.1);

-- G116 a z-score against other runs: the last value of each of the newest runs that have the metric
SELECT wb.create_project('conform_metric', 'others') AS project \gset
INSERT INTO wb.runs (project_id, name) SELECT :project, 'run' || g FROM generate_series(1, 32) g;
INSERT INTO wb.run_metrics (run_id, name, step, value)
SELECT r.id, 'accuracy', s, CASE s WHEN 1 THEN 0.99 ELSE 0.5 + row_number() OVER (PARTITION BY s ORDER BY r.id) % 3 * 0.01 END
FROM wb.runs r, generate_series(1, 2) s WHERE r.project_id = :project AND r.name NOT IN ('run31', 'run32');
SELECT wb.create_automation('unlike the others', wb.on_run_metric(wb.project('conform_metric', 'others'), wb.zscore('accuracy', 30, 3, baseline => 'project_runs')), wb.do_nothing()) \gset
SELECT wb.log(wb.run('conform_metric/others/run31'), '{"accuracy": 0.52}', 1) \gset
SELECT wb.log(wb.run('conform_metric/others/run32'), '{"accuracy": 0.9}', 1) \gset
SELECT * FROM pg_temp.fired(:project);

-- G117 nothing is judged before the window is full, and a late step at its own place
SELECT pg_temp.fires(wb.avg('m', '>=', 1, 5), 7, 7, 7, 7), pg_temp.fires(wb.avg('m', '>=', 1, 5), 7, 7, 7, 7, 7);
SELECT pg_temp.fires(wb.changes_by('m', diff => 1, window_size => 1, prior_window_size => 3), 1, 2, 9), pg_temp.fires(wb.changes_by('m', diff => 1, window_size => 1, prior_window_size => 3), 1, 2, 3, 9);
SELECT pg_temp.fires(wb.zscore('m', 3), 1, 1, 9), pg_temp.fires(wb.plateau('m', 2, 2), 1, 1, 1);
SELECT wb.create_project('conform_metric', 'straggler') AS project \gset
SELECT wb.start_run(:project) AS run \gset
SELECT wb.create_automation('straggler', wb.on_run_metric(wb.project('conform_metric', 'straggler'), wb.avg('m', '>', 0, 3)), wb.do_nothing(), cooldown => '0') AS straggler \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT :run, 'm', s, s FROM generate_series(10, 100, 10) s;
DELETE FROM wb.executions WHERE project_id = :project;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'm', 15, 15), (:run, 'm', 45, 45);
SELECT event->>'step' AS step, event->'metricValues' AS judged FROM wb.executions WHERE project_id = :project ORDER BY id;

-- G118 NaN is above, below and equal to nothing, and not equal to everything; in a window it is left out of the result
SELECT c, pg_temp.fires(wb.metric('m', c, 1), 'NaN') FROM unnest('{>,>=,<,<=,=,<>}'::text[]) WITH ORDINALITY c(c, n) ORDER BY n;
SELECT pg_temp.fires(wb.avg('m', '>', 1, 2), 5, 'NaN', 5), pg_temp.fires(wb.min('m', '<', 9, 2), 5, 'NaN', 5), pg_temp.fires(wb.max('m', '>', 1, 2), 5, 'NaN', 5), pg_temp.fires(wb.changes_by('m', diff => 1, agg => NULL), 5, 'NaN', 5), pg_temp.fires(wb.zscore('m', 2), 5, 'NaN', 5, 9);

-- G119 Infinity is above every number, and below none
SELECT pg_temp.fires(wb.metric('m', '>', 1e300), 'Infinity'), pg_temp.fires(wb.metric('m', '<', -1e300), '-Infinity'), pg_temp.fires(wb.metric('m', '<', 1e300), 'Infinity');
SELECT pg_temp.fires(wb.avg('m', '>', 0, 2), 'Infinity', '-Infinity') AS neither, pg_temp.fires(wb.avg('m', '>', 0, 2), 1e308, 1.1e308) AS overflow;

-- G120 a loss that becomes NaN can be asked for, and fires once
SELECT wb.create_project('conform_metric', 'nan') AS project \gset
SELECT wb.create_automation('loss is NaN', wb.on_run_metric(wb.project('conform_metric', 'nan'), wb.is_nan('loss')), wb.do_nothing()) \gset
SELECT wb.start_run(:project, name => 'a') AS run \gset
SELECT wb.log(:run, '{"loss": 1e300}', 1), wb.log(:run, '{"loss": "Infinity"}', 2), wb.log(:run, '{"loss": "NaN"}', 3), wb.log(:run, '{"loss": "NaN"}', 4), wb.log(:run, '{"loss": "NaN"}', 5) \gset ignored_
SELECT event->>'step', state, why FROM wb.executions WHERE project_id = :project ORDER BY id;
SELECT pg_temp.fires(wb.is_nan('m'), 1, 'Infinity', '-Infinity'), pg_temp.fires(wb.is_not_finite('m'), 1, 'Infinity');

-- G121 a rule does not look back: old values never fire by themselves, but they count in the window of a new one
SELECT wb.create_project('conform_metric', 'late') AS project \gset
SELECT wb.start_run(:project, name => 'a') AS run, wb.start_run(:project, name => 'b') AS other \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT r, 'm', s, 20 FROM unnest(ARRAY[:run, :other]) r, generate_series(1, 5) s;
SELECT wb.create_automation('late', wb.on_run_metric(wb.project('conform_metric', 'late'), wb.min('m', '>', 10, 3)), wb.do_nothing()) AS late \gset
SELECT wb.disable_automation(:late), wb.enable_automation(:late) \gset ignored_
SELECT count(*) FROM wb.executions WHERE project_id = :project;
SELECT wb.log(:run, '{"m": 30}', 6) \gset
SELECT r.name, e.event->'metricValues' FROM wb.executions e JOIN wb.runs r ON r.id = e.run_id WHERE e.project_id = :project;
