-- Windows of every size over series that tempt rounding: a rule whose threshold
-- is the very number that an oracle computes holds where the oracle says so.
-- The oracle adds up the numbers of each window from the oldest, in plain SQL.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_project('rule_window', 'p') AS project \gset
INSERT INTO wb.runs (id, project_id) VALUES (6504001, :project);
SELECT setseed(0.3) \gset

-- more points than two windows of 5, 50 and 1,000, so that sums are started
-- again on the way; 10,000 is as large as a window can be
CREATE TEMP TABLE points AS
SELECT kind || ' ' || size AS name, kind, size, step, CASE kind
		WHEN 'noise' THEN random()
		WHEN 'curve' THEN 3 / sqrt(step) + 0.01 * random()
		WHEN 'huge' THEN (step % 2 * 2 - 1) * 1e308
		WHEN 'offset' THEN 1e16 + floor(random() * 10)
		WHEN 'constant' THEN 0.1
		WHEN 'burst' THEN CASE WHEN step BETWEEN size / 2 AND size / 2 + 7 THEN 'NaN' ELSE random() - 0.5 END
		WHEN 'endless' THEN CASE WHEN step IN (size / 2, size + 3) THEN '-Infinity' ELSE random() END
		WHEN 'spike' THEN CASE WHEN step = size / 2 THEN 1e100 ELSE random() END
		WHEN 'tiny' THEN random() * 1e-310
	END::float8 AS value
FROM (VALUES (5, 300), (50, 700), (1000, 2030), (10000, 10040)) s(size, length),
	unnest('{noise,curve,huge,offset,constant,burst,endless,spike,tiny}'::text[]) kind,
	generate_series(1, length) step
WHERE size < 1000 OR kind IN ('noise', 'offset', 'burst') OR size = 1000 AND kind IN ('spike', 'constant', 'curve');

-- every measure at every step, where its windows are full
CREATE TEMP TABLE measures (name text, kind text, size int, step bigint, measure text, value float8);
DO $$
DECLARE
	n int;
BEGIN
	FOREACH n IN ARRAY '{5,50,1000,10000}'::int[] LOOP
		EXECUTE format($query$
			INSERT INTO measures SELECT name, kind, size, step, measure, m.value FROM (
				SELECT name, kind, size, step, value, row_number() OVER s AS count,
					CASE WHEN min(number) OVER w = max(number) OVER w THEN min(number) OVER w ELSE sum(number) OVER w / count(number) OVER w END AS avg,
					min(number) OVER w AS min, max(number) OVER w AS max,
					sum(number) OVER b / nullif(count(number) OVER b, 0) AS mean, stddev_samp(CASE WHEN kind <> 'huge' THEN number END) OVER b AS spread,
					min(number) OVER b = max(number) OVER b AS is_constant,
					sum(number) OVER c / nullif(count(number) OVER c, 0) AS current, sum(number) OVER p / nullif(count(number) OVER p, 0) AS prior
				FROM points, LATERAL (SELECT nullif(value, 'NaN') AS number) n WHERE size = %1$s
				WINDOW s AS (PARTITION BY name ORDER BY step), w AS (s ROWS %1$s - 1 PRECEDING), c AS (s ROWS 2 PRECEDING),
					b AS (s ROWS BETWEEN %1$s PRECEDING AND 1 PRECEDING), p AS (s ROWS BETWEEN %1$s + 2 PRECEDING AND 3 PRECEDING)) x,
				LATERAL (VALUES ('avg', CASE WHEN count >= size THEN avg END),
					('min', CASE WHEN count >= size THEN min END),
					('max', CASE WHEN count >= size THEN max END),
					('zscore', CASE WHEN count > size AND spread > 0 AND NOT is_constant THEN (value - mean) / spread END),
					('fraction', CASE WHEN count > size + 2 AND prior <> 0 AND current <> prior AND abs(prior) <> 'Infinity' THEN
						(current - prior) / abs(prior) END),
					('difference', CASE WHEN count > size + 2 THEN current - prior END)) m(measure, value)
			WHERE m.value <> 'NaN'$query$, n);
	END LOOP;
END $$;

-- a threshold at which a rule holds some twenty times, and not five hundred
CREATE TEMP TABLE rules AS
SELECT name || ' ' || measure || ' ' || cmp AS rule, name, measure, cmp, threshold FROM (
	SELECT name, size, measure, value AS threshold, count(*) OVER (PARTITION BY name, measure ORDER BY value DESC) AS count,
		row_number() OVER (PARTITION BY name, measure ORDER BY value DESC) AS nth
	FROM measures) x, LATERAL unnest(CASE WHEN measure IN ('avg', 'min', 'max') THEN '{>,>=}'::text[] ELSE '{>=}' END) cmp
WHERE nth = CASE size WHEN 10000 THEN 3 ELSE 20 END AND count < 60 AND abs(threshold) < 'Infinity' AND (threshold > 0 OR measure IN ('avg', 'min', 'max'))
UNION ALL
-- a constant is never on either side of itself
SELECT name || ' avg ' || cmp, name, 'avg', cmp, max(value) FROM measures, unnest('{>,<,<>}'::text[]) cmp
WHERE kind = 'constant' AND measure = 'avg' GROUP BY name, cmp;
SELECT count(wb.create_automation(rule, wb.on_run_metric(wb.project('rule_window', 'p'), CASE measure
		WHEN 'avg' THEN wb.avg(name, cmp, threshold, size) WHEN 'min' THEN wb.min(name, cmp, threshold, size)
		WHEN 'max' THEN wb.max(name, cmp, threshold, size) WHEN 'zscore' THEN wb.zscore(name, size, threshold, 'above')
		WHEN 'fraction' THEN wb.increases_by(name, frac => threshold, window_size => 3, prior_window_size => size)
		ELSE wb.increases_by(name, diff => threshold, window_size => 3, prior_window_size => size) END),
	wb.do_nothing(), cooldown => '0')) > 100 AS many
FROM rules, LATERAL (SELECT split_part(name, ' ', 2)::int AS size) s;

INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT 6504001, name, step, value FROM points ORDER BY step, name;

SELECT count(x) > 800 AS many, count(DISTINCT x.rule) > 90 AS rules, count(*) FILTER (WHERE x.rule IS NULL) AS too_many,
	count(*) FILTER (WHERE e.rule IS NULL) AS missing, count(*) FILTER (WHERE x.observed <> e.observed) AS observed_otherwise
FROM (SELECT rule, step, m.value AS observed FROM rules r JOIN measures m USING (name, measure)
	WHERE CASE cmp WHEN '>' THEN value > threshold WHEN '<' THEN value < threshold WHEN '<>' THEN value <> threshold
		ELSE value >= threshold END) x
FULL JOIN (SELECT automation_name AS rule, (event->>'step')::bigint AS step, (event->>'observed')::float8 AS observed
	FROM wb.executions WHERE project_id = :project) e USING (rule, step);
