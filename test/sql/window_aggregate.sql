-- Window aggregates give what rules compare.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_project('window_aggregate', 'p') AS project \gset
INSERT INTO wb.runs (id, project_id) VALUES (6503001, :project), (6503002, :project);
SELECT setseed(0.7) \gset
-- the example of the reference: the average of the last five values, beside them
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT 6503001, 'loss', s, 10 - s FROM generate_series(1, 8) s;
SELECT step, value, wb.window_avg(value, 5) OVER (ORDER BY step) FROM wb.run_metrics WHERE run_id = 6503001 AND name = 'loss' ORDER BY step;
-- of a group: the newest values
SELECT wb.window_avg(value, 3 ORDER BY step) AS avg, wb.window_min(value, 3 ORDER BY step) AS min, wb.window_max(value, 3 ORDER BY step) AS max,
	wb.window_stddev(value, 3 ORDER BY step) AS stddev, wb.window_change(value, 2, 4 ORDER BY step) AS change, wb.window_zscore(value, 5 ORDER BY step) AS zscore
FROM wb.run_metrics WHERE run_id = 6503001 AND name = 'loss';

-- the same as a rule observes, at every step, whatever the frame
CREATE TEMP TABLE points AS SELECT s AS step, CASE WHEN random() < 0.01 THEN 'NaN' ELSE random() END AS value FROM generate_series(1, 400) s;
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT 6503002, 'acc', step, value FROM points;
CREATE TEMP TABLE seen AS
SELECT step, wb.window_avg(value, 20) OVER s AS avg, wb.window_min(value, 20) OVER s AS min, wb.window_max(value, 20) OVER s AS max,
	wb.window_change(value, 5, 25) OVER s AS change, wb.window_zscore(value, 30) OVER s AS zscore, wb.window_stddev(value, 20) OVER s AS stddev,
	wb.window_avg(value, 20) OVER (s ROWS 19 PRECEDING) AS moving_avg, wb.window_min(value, 20) OVER (s ROWS 25 PRECEDING) AS moving_min,
	wb.window_zscore(value, 30) OVER (s ROWS 30 PRECEDING) AS moving_zscore, wb.window_change(value, 5, 25) OVER (s ROWS 40 PRECEDING) AS moving_change,
	stddev_samp(nullif(value, 'NaN')) OVER (s ROWS 19 PRECEDING) AS sql_stddev
FROM points WINDOW s AS (ORDER BY step);
SELECT count(*) FILTER (WHERE avg IS DISTINCT FROM moving_avg OR min IS DISTINCT FROM moving_min OR zscore IS DISTINCT FROM moving_zscore
		OR change IS DISTINCT FROM moving_change) AS otherwise_by_frame,
	count(avg) AS avg, count(min) AS min, count(max) AS max, count(stddev) AS stddev, count(change) AS change, count(zscore) AS zscore,
	count(*) FILTER (WHERE stddev <> sql_stddev) AS stddev_otherwise FROM seen;
-- rules that hold of every number tell what they observed
SELECT m.measure, count(*) FILTER (WHERE v <> 'NaN') > 5 AS many, count(*) FILTER (WHERE observed IS NOT NULL) = count(*) FILTER (WHERE v <> 'NaN') AS all_observed,
	count(*) FILTER (WHERE v <> 'NaN' AND v IS DISTINCT FROM observed) AS otherwise
FROM seen, LATERAL (VALUES ('avg', avg), ('min', min), ('max', max), ('change', abs(change)), ('zscore', abs(zscore))) m(measure, v)
LEFT JOIN LATERAL (SELECT abs(b.observed) AS observed FROM wb.backtest_event(wb.on_run_metric(wb.project('window_aggregate', 'p'), CASE measure
		WHEN 'avg' THEN wb.avg('acc', '>', -1, 20) WHEN 'min' THEN wb.min('acc', '>', -1, 20) WHEN 'max' THEN wb.max('acc', '>', -1, 20)
		WHEN 'change' THEN wb.changes_by('acc', frac => 1e-300, window_size => 5, prior_window_size => 25) ELSE wb.zscore('acc', 30, 1e-300) END)) b
	WHERE b.step = seen.step) b ON true
WHERE seen.step % 20 = 0 AND v IS NOT NULL GROUP BY m.measure ORDER BY m.measure;

-- NaN, infinities and overflow are IEEE's; NULL is passed over; too few are NULL
SELECT i, wb.window_avg(v, 2) OVER w AS avg, wb.window_max(v, 2) OVER w AS max, wb.window_stddev(v, 2) OVER w AS stddev, wb.window_change(v, 1, 1) OVER w AS change
FROM unnest('{1,NULL,3,NaN,2,Infinity,1e308,1e308,0,5}'::float8[]) WITH ORDINALITY u(v, i) WINDOW w AS (ORDER BY i) ORDER BY i;
SELECT wb.window_avg(v, 1 ORDER BY v) AS last, wb.window_stddev(v, 1 ORDER BY v) AS stddev, wb.window_zscore(v, 1 ORDER BY v) AS zscore FROM unnest('{1,2,3}'::float8[]) v;
SELECT wb.window_avg(v, 2) FROM unnest('{}'::float8[]) v;
-- sizes that cannot be
SELECT wb.window_avg(v, 0) FROM unnest('{1}'::float8[]) v;
SELECT wb.window_avg(v, 10001) FROM unnest('{1}'::float8[]) v;
SELECT wb.window_avg(v, NULL) FROM unnest('{1}'::float8[]) v;
SELECT wb.window_change(v, 1, -1) FROM unnest('{1}'::float8[]) v;
SELECT wb.window_avg(v, i::int) FROM unnest('{1,2}'::float8[]) WITH ORDINALITY u(v, i);
