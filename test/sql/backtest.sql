-- wb.backtest: what a rule would have done on stored rows is what the trigger
-- did when they were written.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_project('backtest', 'p') AS project \gset
SELECT setseed(0.5) \gset
CREATE TEMP TABLE rules AS SELECT * FROM (VALUES
	('last', wb.metric('loss', '>', 0.97)), ('nan', wb.is_nan('loss')), ('small', wb.avg('loss', '>', 0.8, 5)),
	('large', wb.avg('loss', '>=', 0.62, 25)), ('max', wb.max('loss', '<', 0.9, 20)), ('zscore', wb.zscore('loss', 30, 1.6)),
	('change', wb.changes_by('loss', frac => 0.3, window_size => 5, prior_window_size => 30)), ('plateau', wb.plateau('loss', 5, 20))) r(name, metric);
SELECT count(wb.create_automation(name || ' ' || coalesce(cooldown, 'day'), wb.on_run_metric(wb.project('backtest', 'p'), metric, wb.where('display_name', '~', '^a')),
	wb.do_nothing(), cooldown => cooldown::interval)) FROM rules, unnest(array[NULL, '0', '1 minute']) cooldown;
INSERT INTO wb.runs (id, project_id, display_name) SELECT 6501000 + g, :project, CASE WHEN g % 4 = 0 THEN 'b' ELSE 'a' END || g FROM generate_series(1, 8) g;
INSERT INTO wb.run_metrics (run_id, name, step, value, logged_at)
SELECT 6501000 + r, 'loss', s, CASE WHEN random() < 0.01 THEN 'NaN' ELSE random() END, now() FROM generate_series(1, 8) r, generate_series(1, 300) s
ORDER BY s, r;

-- every firing of the trigger, and no other, with what it observed and why
SELECT a.name, count(*) > 1 AS fires, count(*) FILTER (WHERE e.id IS NULL OR b.run_id IS NULL) AS otherwise,
	count(*) FILTER (WHERE (e.event->>'observed')::float8 <> b.observed OR e.why <> b.reason OR e.event->>'threshold' <> b.threshold::text) AS described_otherwise
FROM (SELECT x.id, x.name, y.* FROM wb.automations x, LATERAL wb.backtest(x.id) y WHERE x.scope_id = :project AND y.would_fire) b
FULL JOIN (SELECT *, (event->>'step')::bigint AS step FROM wb.executions WHERE project_id = :project AND state <> 'SKIPPED') e
	ON e.automation_id = b.id AND e.run_id = b.run_id AND e.step = b.step
JOIN wb.automations a ON a.id = coalesce(b.id, e.automation_id) GROUP BY a.name ORDER BY a.name;

-- a rule that is not there yet; points before "since" are in windows, and only
-- those after it are judged
CREATE TEMP TABLE past AS SELECT '2026-01-01 00:00+00'::timestamptz AS start;
INSERT INTO wb.runs (id, project_id, display_name) VALUES (6501101, :project, 'past'), (6501102, :project, 'quiet'), (6501103, :project, NULL);
INSERT INTO wb.run_metrics (run_id, name, step, value, logged_at)
SELECT run, 'acc', s, CASE WHEN run = 6501101 THEN s ELSE 0 END, start + s * interval '1 hour' FROM past, unnest('{6501101,6501102}'::bigint[]) run, generate_series(1, 60) s;
SET timezone = 'UTC';
SELECT * FROM wb.backtest_event(wb.on_run_metric(wb.project('backtest', 'p'), wb.avg('acc', '>', 40.5, 3)),
	since => '2026-01-02 20:00+00', before => '2026-01-02 23:00+00');
SELECT step, at, would_fire FROM wb.backtest_event(wb.on_run_metric(wb.project('backtest', 'p'), wb.metric('acc', '>', 10)), '10 hours') WHERE would_fire;
SELECT * FROM wb.backtest_summary(wb.on_run_metric(wb.project('backtest', 'p'), wb.metric('acc', '>', 10)));
SELECT * FROM wb.backtest_summary(wb.on_run_metric(wb.entity('backtest'), wb.metric('acc', '>', 10)), cooldown => '10 hours', since => '2026-01-03');
SELECT * FROM wb.backtest_summary(wb.on_run_metric(wb.project('backtest', 'p'), wb.metric('nothing', '>', 10)));
SELECT * FROM wb.backtest_summary(wb.automation('last day', 'backtest')) x(runs, hit, firings), LATERAL (SELECT hit > 0 AS is_hit, firings = hit AS once) y
	\gset
SELECT :runs AS runs, :'is_hit' AS is_hit, :'once' AS once;

-- a z-score against other runs sees those made before
INSERT INTO wb.runs (id, project_id) SELECT 6501200 + g, :project FROM generate_series(1, 6) g;
INSERT INTO wb.run_metrics (run_id, name, step, value, logged_at) SELECT 6501200 + g, 'final', 1, CASE g WHEN 5 THEN 100 ELSE g % 2 END, start FROM past, generate_series(1, 6) g;
SELECT run_id, observed > 3 AS is_far, reason ~ 'of the 4 newest other runs' AS reason FROM wb.backtest_event(wb.on_run_metric(wb.project('backtest', 'p'), wb.zscore('final', 4, baseline => 'project_runs')));

-- what cannot be tried
SELECT * FROM wb.backtest(-1);
SELECT * FROM wb.backtest_event(wb.on_run_state(wb.project('backtest', 'p'), '{failed}'));
SELECT * FROM wb.backtest_event(wb.on_add_artifact_alias(wb.project('backtest', 'p')));
SELECT * FROM wb.backtest_event('{}');
SELECT * FROM wb.backtest_event(NULL);
SELECT * FROM wb.backtest_event('{"scope_type": "PROJECT", "scope_id": 1, "event_type": "RUN_METRIC", "event_filter": 5}');
SELECT * FROM wb.backtest_event('{"scope_type": "PROJECT", "scope_id": 1, "event_type": "RUN_OTHER", "event_filter": {}}');
SELECT count(*) FROM wb.backtest_event(wb.on_run_metric(wb.project('backtest', 'p'), wb.metric('acc', '>', 10)), since => 'infinity', before => '-infinity');
SELECT * FROM wb.backtest_event(wb.on_run_metric(wb.project('backtest', 'p'), wb.metric('acc', '>', 10)) || '{"scope_type": "REGISTRY"}');
SELECT * FROM wb.backtest_event(wb.on_run_metric(wb.project('backtest', 'p'), '{"threshold_filter": {"name": "acc"}}'));

-- a long one can be stopped
SELECT wb.create_project('backtest', 'long') AS long \gset
INSERT INTO wb.runs (id, project_id) VALUES (6501301, :long);
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT 6501301, 'loss', s, 1 FROM generate_series(1, 100000) s;
SET statement_timeout = '2ms';
SELECT count(*) FROM wb.backtest_event(wb.on_run_metric(wb.project('backtest', 'long'), wb.metric('loss', '>', 10)));
RESET statement_timeout;

-- everybody sees what they may read, and no more
CREATE ROLE regress_backtest;
GRANT USAGE ON SCHEMA wb TO regress_backtest;
SET ROLE regress_backtest;
SELECT * FROM wb.backtest_summary(jsonb_build_object('scope_type', 'PROJECT', 'scope_id', :project, 'event_type', 'RUN_METRIC', 'event_filter',
	jsonb_build_object('run_metric_filter', wb.metric('acc', '>', 10))));
RESET ROLE;
GRANT SELECT ON wb.runs, wb.run_metrics TO regress_backtest;
BEGIN;
CREATE POLICY own ON wb.run_metrics FOR SELECT TO regress_backtest USING (run_id = 6501102);
ALTER TABLE wb.run_metrics ENABLE ROW LEVEL SECURITY;
SET LOCAL ROLE regress_backtest;
SELECT * FROM wb.backtest_summary(jsonb_build_object('scope_type', 'PROJECT', 'scope_id', :project, 'event_type', 'RUN_METRIC', 'event_filter',
	jsonb_build_object('run_metric_filter', wb.metric('acc', '>=', 0))));
ROLLBACK;
REVOKE ALL ON wb.runs, wb.run_metrics FROM regress_backtest;
REVOKE ALL ON SCHEMA wb FROM regress_backtest;
DROP ROLE regress_backtest;
