-- Rules that compare two windows (change, z-score, plateau) on random series,
-- against an oracle in plain SQL that replays arrival row by row.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_project('two_windows', 'p') AS project \gset
SELECT setseed(0.17) \gset

-- what the oracle knows of a rule; size and prior are the windows, newest first
CREATE TEMP TABLE rules AS
SELECT * FROM (VALUES
	('relative increase', 'change', 'avg', 2, 3, 'INCREASE', true, 0.25, wb.increases_by('m', frac => 0.25, window_size => 2, prior_window_size => 3)),
	('relative decrease of minima', 'change', 'min', 3, 4, 'DECREASE', true, 0.5, wb.decreases_by('m', frac => 0.5, agg => 'min', window_size => 3, prior_window_size => 4)),
	('relative, either way, of maxima', 'change', 'max', 4, 2, 'ANY', true, 1, wb.changes_by('m', frac => 1, agg => 'max', window_size => 4, prior_window_size => 2)),
	('absolute, one value', 'change', 'last', 1, 1, 'ANY', false, 2, wb.changes_by('m', diff => 2, agg => NULL)),
	('absolute increase', 'change', 'avg', 1, 5, 'INCREASE', false, 3, wb.increases_by('m', diff => 3, window_size => 1, prior_window_size => 5)),
	('relative, one value', 'change', 'last', 1, 1, 'DECREASE', true, 0.1, wb.decreases_by('m', frac => 0.1, agg => NULL)),
	('z-score', 'zscore', '', 1, 6, 'ANY', false, 1.5, wb.zscore('m', 6, 1.5)),
	('z-score above', 'zscore', '', 1, 2, 'INCREASE', false, 3, wb.zscore('m', 2, direction => 'above')),
	('z-score below', 'zscore', '', 1, 10, 'DECREASE', false, 1, wb.zscore('m', 10, 1, 'below')),
	('large z-score', 'zscore', '', 1, 40, 'ANY', false, 1.5, wb.zscore('m', 40, 1.5)),
	('large windows', 'change', 'avg', 7, 30, 'ANY', true, 0.8, wb.changes_by('m', frac => 0.8, window_size => 7, prior_window_size => 30)),
	('large absolute change', 'change', 'avg', 20, 20, 'INCREASE', false, 0.5, wb.increases_by('m', diff => 0.5, window_size => 20, prior_window_size => 20)),
	('large extremes', 'change', 'max', 5, 20, 'DECREASE', false, 1, wb.decreases_by('m', diff => 1, agg => 'max', window_size => 5, prior_window_size => 20)),
	('large plateau', 'plateau', 'min', 10, 25, '', false, 0.1, wb.plateau('m', 10, 25, 0.1)),
	('plateau', 'plateau', 'min', 3, 5, '', false, 0.1, wb.plateau('m', 3, 5, 0.1)),
	('plateau upwards', 'plateau', 'max', 2, 6, '', false, 0.5, wb.plateau('m', 2, 6, 0.5, 'maximize'))
) r(name, kind, agg, size, prior, direction, is_relative, amount, metric);
SELECT count(wb.create_automation(name, wb.on_run_metric(wb.project('two_windows', 'p'), metric), wb.do_nothing(), cooldown => '0')) FROM rules;
INSERT INTO wb.runs (id, project_id) SELECT 93000 + g, :project FROM generate_series(1, 4) g;

-- values on a coarse grid around zero, so that ties, zero priors, negative
-- priors and zero deviations happen; some NaN and Infinity; late and replaced
CREATE TEMP TABLE arrivals AS
SELECT row_number() OVER () AS n, run_id, step, value FROM (
	SELECT 93001 + g % 4 AS run_id, CASE WHEN random() < 0.9 THEN g / 4 ELSE greatest(0, g / 4 - floor(random() * 12)) END::bigint AS step,
		CASE WHEN kind < 0.01 THEN 'NaN' WHEN kind < 0.015 THEN 'Infinity' WHEN kind < 0.02 THEN '-Infinity'
			WHEN kind < 0.4 THEN 2 WHEN kind < 0.5 THEN 0 ELSE floor(random() * 13) - 6 END::float8 AS value
	FROM generate_series(1, 2400) g, LATERAL (SELECT random() + g * 0 AS kind) k) x;

DO $$
DECLARE
	a record;
BEGIN
	FOR a IN SELECT * FROM arrivals ORDER BY n LOOP
		INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (a.run_id, 'm', a.step, a.value)
		ON CONFLICT (run_id, name, step) DO UPDATE SET value = excluded.value;
	END LOOP;
END $$;

CREATE FUNCTION pg_temp.aggregate(agg text, v float8[]) RETURNS float8 LANGUAGE sql AS $$
	SELECT CASE WHEN agg NOT IN ('avg', 'min', 'max') THEN v[cardinality(v)] WHEN agg = 'min' OR min(x) = max(x) THEN min(x)
		WHEN agg = 'avg' THEN avg(x ORDER BY i) ELSE max(x) END
	FROM unnest(v) WITH ORDINALITY u(x, i) WHERE x <> 'NaN' $$;
-- what is compared, as IEEE arithmetic has it where SQL raises
CREATE FUNCTION pg_temp.observed(r rules, prior float8[], newest float8[]) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	p float8 := pg_temp.aggregate(r.agg, prior);
	c float8 := pg_temp.aggregate(r.agg, newest);
	spread float8;
BEGIN
	IF r.kind = 'zscore' THEN
		SELECT pg_temp.aggregate('avg', prior), CASE WHEN min(x) = max(x) AND abs(min(x)) <> 'Infinity' THEN 0 * count(*) / nullif(count(*) - 1, 0)
			ELSE stddev_samp(x ORDER BY i) END, newest[1] INTO p, spread, c FROM unnest(prior) WITH ORDINALITY u(x, i) WHERE x <> 'NaN';
		IF spread IS NULL OR 'NaN' IN (p, spread, c) OR c - p = 'NaN' THEN RETURN 'NaN'; END IF;
		RETURN CASE WHEN spread > 0 THEN (c - p) / spread WHEN c = p THEN 0 WHEN c > p THEN 'Infinity' ELSE '-Infinity' END;
	END IF;
	IF r.kind = 'plateau' THEN
		RETURN CASE r.agg WHEN 'max' THEN c - p ELSE p - c END;
	END IF;
	IF NOT r.is_relative OR 'NaN' IN (c, p) THEN RETURN c - p; END IF;
	IF c = p THEN RETURN 0; END IF;
	IF p = 0 THEN RETURN CASE WHEN c > 0 THEN 'Infinity' ELSE '-Infinity' END; END IF;
	IF abs(p) = 'Infinity' THEN RETURN 'NaN'; END IF;
	RETURN (c - p) / abs(p);
END $$;
CREATE FUNCTION pg_temp.holds(r rules, prior float8[], observed float8) RETURNS boolean LANGUAGE sql AS $$
	SELECT observed <> 'NaN' AND CASE WHEN r.kind = 'plateau' THEN
			r.amount * abs(pg_temp.aggregate(r.agg, prior)) <> 'NaN' AND observed < r.amount * abs(pg_temp.aggregate(r.agg, prior))
		WHEN r.direction = 'INCREASE' THEN observed >= r.amount WHEN r.direction = 'DECREASE' THEN observed <= -r.amount
		ELSE abs(observed) >= r.amount END $$;

CREATE TEMP TABLE points (run_id bigint, step bigint, value float8, PRIMARY KEY (run_id, step));
CREATE TEMP TABLE expected (n int, rule text, run_id bigint, step bigint, observed float8, prior float8, spread float8);
DO $$
DECLARE
	a record;
	before float8;
BEGIN
	FOR a IN SELECT * FROM arrivals ORDER BY n LOOP
		SELECT value INTO before FROM points p WHERE (p.run_id, p.step) = (a.run_id, a.step);
		CONTINUE WHEN FOUND AND float8send(before) = float8send(a.value);
		INSERT INTO points VALUES (a.run_id, a.step, a.value) ON CONFLICT (run_id, step) DO UPDATE SET value = excluded.value;
		INSERT INTO expected
		SELECT a.n, r.name, a.run_id, a.step, o.observed, CASE WHEN r.is_relative THEN pg_temp.aggregate(r.agg, w.v[:r.prior]) END,
			CASE r.kind WHEN 'zscore' THEN (SELECT stddev_samp(x) FROM unnest(w.v[:r.prior]) x) END FROM rules r,
			LATERAL (SELECT array_agg(p.value ORDER BY p.step) AS v, min(p.step) AS first
				FROM (SELECT * FROM points WHERE run_id = a.run_id AND step <= a.step ORDER BY step DESC LIMIT r.size + r.prior) p) w,
			LATERAL (SELECT pg_temp.observed(r, w.v[:r.prior], w.v[r.prior + 1:]) AS observed) o
		WHERE cardinality(w.v) = r.size + r.prior AND pg_temp.holds(r, w.v[:r.prior], o.observed);
	END LOOP;
END $$;

-- all that is hard did happen, the latter four among what made a rule fire
SELECT count(*) FILTER (WHERE value = 'NaN') > 9 AS nan, count(*) FILTER (WHERE value = 'Infinity') > 4 AS infinity, count(*) FILTER (WHERE value = '-Infinity') > 4 AS minus_infinity,
	count(*) FILTER (WHERE step < newest) > 99 AS late, count(*) FILTER (WHERE nth > 1) > 99 AS replaced
FROM (SELECT *, max(step) OVER (PARTITION BY run_id ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS newest,
	row_number() OVER (PARTITION BY run_id, step ORDER BY n) AS nth FROM arrivals) a;
SELECT count(*) FILTER (WHERE x.prior = 0) > 9 AS zero_prior, count(*) FILTER (WHERE x.prior < 0) > 9 AS negative_prior, count(*) FILTER (WHERE x.spread = 0) > 9 AS zero_deviation,
	count(*) FILTER (WHERE abs(x.observed) = r.amount) > 9 AS ties FROM expected x JOIN rules r ON r.name = x.rule;

-- the nth execution of each rule is the nth expected one, with what it observed
SELECT count(x) > 2000 AS many, count(DISTINCT x.rule) AS rules, count(*) FILTER (WHERE x.rule IS NULL) AS too_many,
	count(*) FILTER (WHERE e.rule IS NULL) AS missing, count(*) FILTER (WHERE x.run_id <> e.run_id OR x.step <> e.step) AS elsewhere,
	count(*) FILTER (WHERE x.observed <> e.observed::float8) AS observed_otherwise
FROM (SELECT rule, run_id, step, observed, row_number() OVER (PARTITION BY rule ORDER BY n) AS nth FROM expected) x
FULL JOIN (SELECT automation_name AS rule, run_id, (event->>'step')::bigint AS step, event->>'observed' AS observed,
		row_number() OVER (PARTITION BY automation_name ORDER BY id) AS nth
	FROM wb.executions WHERE project_id = :project) e USING (rule, nth);
