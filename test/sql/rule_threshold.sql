-- A threshold on the last value, or on the average, minimum or maximum of a
-- window; numbers compare as IEEE 754 has it.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
PREPARE fired(bigint) AS
SELECT automation_name, string_agg(event->>'step', ' ' ORDER BY id) AS steps
FROM wb.executions WHERE run_id = $1 GROUP BY automation_name ORDER BY automation_name;

-- six comparators, and is_nan; NaN satisfies only <>
SELECT wb.create_project('rule_threshold', 'comparators') AS project \gset
SELECT count(wb.create_automation('m ' || c || ' 10', wb.on_run_metric(wb.project('rule_threshold', 'comparators'),
	wb.metric('m', c, 10)), wb.do_nothing(), cooldown => '0')) FROM unnest('{>,>=,<,<=,=,<>}'::text[]) c;
SELECT wb.create_automation('m is nan', wb.on_run_metric(wb.project('rule_threshold', 'comparators'), wb.is_nan('m')),
	wb.do_nothing(), cooldown => '0') \gset
SELECT wb.start_run(:project) AS run \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES
	(:run, 'm', 9, 9), (:run, 'm', 10, 10), (:run, 'm', 11, 11),
	(:run, 'm', 12, 'NaN'), (:run, 'm', 13, 'Infinity'), (:run, 'm', 14, '-Infinity'), (:run, 'm', 15, 10.000000000000002);
SELECT a.name, e.steps FROM wb.automations a LEFT JOIN LATERAL
	(SELECT string_agg(event->>'step', ' ' ORDER BY id) AS steps FROM wb.executions WHERE automation_id = a.id) e ON true
WHERE a.scope_id = :project ORDER BY a.id;

-- the comparators in W&B's words, and != for <>
SELECT wb.metric('m', '$gt', 1) = wb.metric('m', '>', 1) AND wb.metric('m', '$gte', 1) = wb.metric('m', '>=', 1) AND
	wb.metric('m', '$lt', 1) = wb.metric('m', '<', 1) AND wb.metric('m', '$lte', 1) = wb.metric('m', '<=', 1) AND
	wb.metric('m', '$eq', 1) = wb.metric('m', '=', 1) AND wb.metric('m', '$ne', 1) = wb.metric('m', '<>', 1) AND
	wb.metric('m', '!=', 1) = wb.metric('m', '<>', 1) AS are_same;

-- average above 3 of 1 2 3 4 5 6 is first reached by the sixth
SELECT wb.create_project('rule_threshold', 'windows') AS project \gset
SELECT wb.create_automation('avg(5) > 3', wb.on_run_metric(wb.project('rule_threshold', 'windows'), wb.avg('a', '>', 3)), wb.do_nothing(), cooldown => '0') \gset
SELECT wb.create_automation('min(3) >= 2', wb.on_run_metric(wb.project('rule_threshold', 'windows'), wb.min('b', '>=', 2, 3)), wb.do_nothing(), cooldown => '0') \gset
SELECT wb.create_automation('max(2) < 1', wb.on_run_metric(wb.project('rule_threshold', 'windows'), wb.max('c', '<', 1, 2)), wb.do_nothing(), cooldown => '0') \gset
SELECT wb.create_automation('m > 10', wb.on_run_metric(wb.project('rule_threshold', 'windows'), wb.metric('d', '>', 10)), wb.do_nothing(), cooldown => '0') \gset
SELECT wb.start_run(:project) AS run \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT :run, 'a', g, g FROM generate_series(1, 6) g;
-- minimum at or above 2 of 1 2 3 4 by the fourth
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT :run, 'b', g, g FROM generate_series(1, 4) g;
-- maximum below 1 of 2 0.5 0.4 by the third
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'c', 1, 2), (:run, 'c', 2, 0.5), (:run, 'c', 3, 0.4);
-- above 10 of 9 10 11 by the third
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'd', 1, 9), (:run, 'd', 2, 10), (:run, 'd', 3, 11);
EXECUTE fired(:run);

-- nothing before the window is full, however the values come
SELECT wb.start_run(:project) AS run \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT :run, 'a', g, 100 FROM generate_series(1, 4) g;
EXECUTE fired(:run);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'a', 5, 100);
EXECUTE fired(:run);

-- steps without the metric leave no gap in a window
SELECT wb.start_run(:project) AS run \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES
	(:run, 'b', 1, 2), (:run, 'other', 2, 0), (:run, 'b', 100, 2), (:run, 'other', 101, 0), (:run, 'b', 10000, 2);
EXECUTE fired(:run);

-- each run has windows of its own
SELECT wb.start_run(:project) AS run \gset
SELECT wb.start_run(:project) AS other \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES
	(:run, 'b', 1, 5), (:other, 'b', 1, 5), (:run, 'b', 2, 5), (:other, 'b', 2, 5), (:other, 'b', 3, 1), (:run, 'b', 3, 5);
EXECUTE fired(:run);
EXECUTE fired(:other);

-- NaN counts towards a window, and is left out of average, minimum and maximum
SELECT wb.start_run(:project) AS run \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES
	(:run, 'b', 1, 5), (:run, 'b', 2, 'NaN'), (:run, 'b', 3, 5), (:run, 'b', 4, 5), (:run, 'b', 5, 5),
	(:run, 'c', 1, 'NaN'), (:run, 'c', 2, 0), (:run, 'c', 3, 0),
	(:run, 'a', 1, 9), (:run, 'a', 2, 'NaN'), (:run, 'a', 3, 9), (:run, 'a', 4, 9), (:run, 'a', 5, 9), (:run, 'a', 6, 9), (:run, 'a', 7, 9);
EXECUTE fired(:run);

-- Infinity counts; Infinity less Infinity is NaN; an average that overflows is Infinity and no error
SELECT wb.start_run(:project) AS run \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES
	(:run, 'a', 1, 0), (:run, 'a', 2, 0), (:run, 'a', 3, 0), (:run, 'a', 4, 0), (:run, 'a', 5, 'Infinity'), (:run, 'a', 6, '-Infinity'),
	(:run, 'c', 1, '-Infinity'), (:run, 'c', 2, '-Infinity');
EXECUTE fired(:run);
SELECT wb.start_run(:project) AS run \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT :run, 'a', g, 1e308 + g * 1e300 FROM generate_series(1, 5) g;
SELECT event->>'observed' AS observed FROM wb.executions WHERE run_id = :run;

-- a negative average, and = and <> of an average
SELECT wb.create_project('rule_threshold', 'negative') AS project \gset
SELECT wb.create_automation('avg(2) = -1.5', wb.on_run_metric(wb.project('rule_threshold', 'negative'), wb.avg('a', '=', -1.5, 2)), wb.do_nothing(), cooldown => '0') \gset
SELECT wb.create_automation('avg(2) <> -1.5', wb.on_run_metric(wb.project('rule_threshold', 'negative'), wb.avg('a', '<>', -1.5, 2)), wb.do_nothing(), cooldown => '0') \gset
SELECT wb.create_automation('avg(1) > 0', wb.on_run_metric(wb.project('rule_threshold', 'negative'), wb.avg('a', '>', 0, 1)), wb.do_nothing(), cooldown => '0') \gset
SELECT wb.start_run(:project) AS run \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'a', 1, -1), (:run, 'a', 2, -2), (:run, 'a', 3, 0.5), (:run, 'a', 4, 'NaN');
EXECUTE fired(:run);

-- the largest window
SELECT wb.create_automation('max(10000) < 1', wb.on_run_metric(wb.project('rule_threshold', 'negative'), wb.max('long', '<', 1, 10000)), wb.do_nothing(), cooldown => '0') \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT :run, 'long', g, 0 FROM generate_series(1, 9999) g;
EXECUTE fired(:run);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'long', 10000, 0), (:run, 'long', 10001, 0);
SELECT event->>'step' AS step, jsonb_array_length(event->'metricValues') AS judged FROM wb.executions
WHERE run_id = :run AND automation_name = 'max(10000) < 1' ORDER BY id;

-- names with a slash, blanks, quotes and other alphabets; upper and lower case differ
SELECT wb.create_project('rule_threshold', 'names') AS project \gset
SELECT count(wb.create_automation('on ' || n, wb.on_run_metric(wb.project('rule_threshold', 'names'), wb.metric(n, '>', 0)),
	wb.do_nothing(), cooldown => '0')) FROM unnest(ARRAY['val/loss', 'val loss', 'it''s "it"', 'потеря', 'Loss']) n;
SELECT wb.start_run(:project) AS run \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT :run, n, 1, 1
FROM unnest(ARRAY['val/loss', 'val loss', 'it''s "it"', 'потеря', 'loss', 'val', 'val/loss/x']) n;
SELECT automation_name, event->>'metricName' AS metric FROM wb.executions WHERE run_id = :run ORDER BY id;

-- two automations on one metric count their cooldown apart
SELECT wb.create_project('rule_threshold', 'two') AS project \gset
SELECT wb.create_automation('first', wb.on_run_metric(wb.project('rule_threshold', 'two'), wb.metric('m', '>', 1)), wb.do_nothing()) \gset
SELECT wb.create_automation('second', wb.on_run_metric(wb.project('rule_threshold', 'two'), wb.metric('m', '>', 2)), wb.do_nothing()) \gset
SELECT wb.start_run(:project) AS run \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'm', 1, 1.5), (:run, 'm', 2, 2.5), (:run, 'm', 3, 3.5);
SELECT automation_name, event->>'step' AS step, state FROM wb.executions WHERE run_id = :run ORDER BY automation_name, id;

-- what history and messages are told: the values judged, oldest first, and why
SELECT wb.create_project('rule_threshold', 'snapshot') AS project \gset
SELECT wb.create_automation('avg', wb.on_run_metric(wb.project('rule_threshold', 'snapshot'), wb.avg('loss', '>', 0.25, 3)), wb.do_nothing()) \gset
SELECT wb.create_automation('last', wb.on_run_metric(wb.project('rule_threshold', 'snapshot'), wb.metric('loss', '<=', -1e-07)), wb.do_nothing()) \gset
SELECT wb.create_automation('max', wb.on_run_metric(wb.project('rule_threshold', 'snapshot'), wb.max('acc', '<>', 1, 2)), wb.do_nothing()) \gset
SELECT wb.create_automation('min', wb.on_run_metric(wb.project('rule_threshold', 'snapshot'), wb.min('acc', '=', 0.1, 2)), wb.do_nothing()) \gset
SELECT wb.create_automation('nan', wb.on_run_metric(wb.project('rule_threshold', 'snapshot'), wb.is_nan('gap')), wb.do_nothing()) \gset
SELECT wb.start_run(:project, 'bert', name => 'r1', username => 'ann') AS run \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES
	(:run, 'loss', 10, 0.1), (:run, 'loss', 30, 0.3), (:run, 'loss', 20, 1e-05), (:run, 'loss', 40, 0.5), (:run, 'loss', 50, -1),
	(:run, 'acc', 1, 0.1), (:run, 'acc', 2, 'Infinity'), (:run, 'gap', 7, 'NaN');
SELECT automation_name, jsonb_pretty(event) AS event FROM wb.executions WHERE run_id = :run AND automation_name IN ('avg', 'nan') ORDER BY id;
SELECT automation_name, event->'metricValues' AS "values", event->'observed' AS observed, event->'threshold' AS threshold,
	event->>'metricFilter' AS filter, event->>'metricFilterShort' AS short, why
FROM wb.executions WHERE run_id = :run ORDER BY id;

-- and of the action and the cooldown, as they were then
SELECT automation_name, event_type, action_type, action, cooldown, origin, state, result, settled_at FROM wb.executions
WHERE run_id = :run AND automation_name = 'avg';

-- W&B's own document: a window without an aggregation is ignored, and a missing one is 1
SELECT wb.create_project('rule_threshold', 'wire') AS project \gset
INSERT INTO wb.automations (name, scope_type, scope_id, event_type, event_filter, action_type, action_config, cooldown)
SELECT n, 'PROJECT', :project, 'RUN_METRIC', f::jsonb, 'NO_OP', '{"noOpActionInput": {"noOp": true}}', '0'
FROM (VALUES ('window ignored', '{"run_filter":"{\"$and\":[]}","run_metric_filter":{"threshold_filter":{"name":"m","agg_op":null,"window_size":9,"cmp_op":"$gt","threshold":10}},"metric_filter":null}'),
	('no window', '{"run_filter":"{\"$and\":[]}","run_metric_filter":{"threshold_filter":{"name":"m","cmp_op":"$gt","threshold":10}}}'),
	('no run filter', '{"run_metric_filter":{"threshold_filter":{"name":"m","agg_op":"MIN","window_size":2,"cmp_op":"$gte","threshold":11}}}')) v(n, f);
SELECT name, event_source, event_key FROM wb.automations WHERE scope_id = :project AND scope_type = 'PROJECT' ORDER BY id;
SELECT wb.start_run(:project) AS run \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'm', 1, 11), (:run, 'm', 2, 12);
EXECUTE fired(:run);

-- a number is kept as it was given, however the session shows numbers
SET extra_float_digits = -15;
SELECT wb.metric('x', '>', 1.25)->'threshold_filter'->'threshold' AS threshold, wb.changes_by('x', diff => 1.25)->'change_filter'->'change_amount' AS change,
	wb.zscore('x', 3, 1.25)->'zscore_filter'->'threshold' AS zscore, wb.plateau('x', 3, 3, 1.25)->'plateau_filter'->'min_delta' AS plateau;
RESET extra_float_digits;
