-- Random series, loaded in statements of every size, against an oracle that
-- replays arrival row by row in plain SQL: the two never disagree.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_project('rule_oracle', 'p') AS project \gset
SELECT setseed(0.42) \gset

-- the rules, with a cooldown of 0, so that every hold makes an execution
CREATE TEMP TABLE rules AS
SELECT format('%s %s(%s) %s %s', metric, agg, size, cmp, threshold) AS name, r.* FROM (VALUES
	('loss', 'last', 1, '>', 8), ('loss', 'last', 1, '<=', 1.5), ('loss', 'last', 1, '<>', 5), ('loss', 'last', 1, 'nan', 0), ('acc', 'last', 1, 'notfinite', 0),
	('loss', 'avg', 5, '>', 6), ('loss', 'avg', 2, '=', 5), ('loss', 'avg', 10, '<', 4), ('loss', 'avg', 3, '<>', 5),
	('loss', 'min', 3, '>=', 4), ('loss', 'max', 4, '<', 7), ('loss', 'max', 20, '>', 9), ('loss', 'max', 30, '<', 9.9),
	('loss', 'avg', 25, '>', 5.2), ('acc', 'avg', 40, '<=', 5.1), ('acc', 'min', 25, '>', 0), ('acc', 'avg', 20, '<>', 5),
	('acc', 'avg', 7, '>=', 5), ('acc', 'min', 2, '<', 2)) r(metric, agg, size, cmp, threshold);
SELECT count(wb.create_automation(name, wb.on_run_metric(wb.project('rule_oracle', 'p'), CASE agg
	WHEN 'last' THEN CASE cmp WHEN 'nan' THEN wb.is_nan(metric) WHEN 'notfinite' THEN wb.is_not_finite(metric) ELSE wb.metric(metric, cmp, threshold) END
	WHEN 'avg' THEN wb.avg(metric, cmp, threshold, size) WHEN 'min' THEN wb.min(metric, cmp, threshold, size)
	ELSE wb.max(metric, cmp, threshold, size) END), wb.do_nothing(), cooldown => '0')) FROM rules;
INSERT INTO wb.runs (id, project_id) SELECT 92000 + g, :project FROM generate_series(1, 5) g;

-- some thousands of rows: values on a coarse grid, so that equality happens,
-- some NaN and Infinity, most steps in order, some late, some given again
CREATE TEMP TABLE arrivals (n serial PRIMARY KEY, batch int, run_id bigint, name text, step bigint, value float8);
DO $$
DECLARE
	size int;
	kind float8;
	next_step bigint[] := '{0,0,0,0,0,0,0,0,0,0}';
	series int;
	at bigint;
BEGIN
	FOR b IN 1..300 LOOP
		size := CASE WHEN b % 50 = 0 THEN 200 WHEN b % 10 = 0 THEN 40 WHEN b % 3 = 0 THEN 1 ELSE 1 + floor(random() * 9) END;
		FOR i IN 1..size LOOP
			series := floor(random() * 10);
			kind := random();
			IF kind < 0.8 THEN
				next_step[series + 1] := next_step[series + 1] + 1 + floor(random() * 3);
				at := next_step[series + 1];
			ELSE
				at := greatest(0, next_step[series + 1] - floor(random() * 25));
			END IF;
			-- one statement cannot write one point twice
			CONTINUE WHEN EXISTS (SELECT FROM arrivals a WHERE a.batch = b AND a.run_id = 92001 + series / 2
				AND a.name = CASE series % 2 WHEN 0 THEN 'loss' ELSE 'acc' END AND a.step = at);
			kind := random();
			INSERT INTO arrivals (batch, run_id, name, step, value)
			VALUES (b, 92001 + series / 2, CASE series % 2 WHEN 0 THEN 'loss' ELSE 'acc' END, at,
				CASE WHEN kind < 0.01 THEN 'NaN' WHEN kind < 0.015 THEN 'Infinity' WHEN kind < 0.02 THEN '-Infinity'
					WHEN kind < 0.3 THEN 5 ELSE round((random() * 10)::numeric, 1)::float8 END);
		END LOOP;
	END LOOP;
END $$;

-- as users load them: statements, now and then several in one transaction,
-- some tried before in a block that fails
DO $$
BEGIN
	FOR b IN 1..300 LOOP
		IF b % 5 = 0 THEN
			BEGIN
				INSERT INTO wb.run_metrics (run_id, name, step, value)
				SELECT run_id, name, step, value * 2 FROM arrivals WHERE batch = b ORDER BY n
				ON CONFLICT (run_id, name, step) DO UPDATE SET value = excluded.value;
				RAISE division_by_zero;
			EXCEPTION WHEN division_by_zero THEN
				NULL;
			END;
		END IF;
		INSERT INTO wb.run_metrics (run_id, name, step, value)
		SELECT run_id, name, step, value FROM arrivals WHERE batch = b ORDER BY n
		ON CONFLICT (run_id, name, step) DO UPDATE SET value = excluded.value;
		IF b % 4 <> 0 THEN
			COMMIT;
		END IF;
	END LOOP;
END $$;

-- the oracle: put the row in its place, take the points up to there, as many as
-- each rule looks at, and judge the numbers among them
CREATE TEMP TABLE points (run_id bigint, name text, step bigint, value float8, PRIMARY KEY (run_id, name, step));
CREATE TEMP TABLE expected (n int, rule text, run_id bigint, step bigint, observed text);
DO $$
DECLARE
	a record;
	before float8;
	is_there boolean;
BEGIN
	FOR a IN SELECT * FROM arrivals ORDER BY n LOOP
		SELECT value INTO before FROM points p WHERE (p.run_id, p.name, p.step) = (a.run_id, a.name, a.step);
		is_there := FOUND;
		CONTINUE WHEN is_there AND float8send(before) = float8send(a.value);
		INSERT INTO points VALUES (a.run_id, a.name, a.step, a.value)
		ON CONFLICT (run_id, name, step) DO UPDATE SET value = excluded.value;
		INSERT INTO expected
		SELECT a.n, r.name, a.run_id, a.step, o.observed FROM rules r,
			LATERAL (SELECT count(*) AS count, avg(w.value ORDER BY w.step) FILTER (WHERE w.value <> 'NaN') AS avg,
					min(w.value) FILTER (WHERE w.value <> 'NaN') AS min, max(w.value) FILTER (WHERE w.value <> 'NaN') AS max
				FROM (SELECT p.step, p.value FROM points p WHERE p.run_id = a.run_id AND p.name = a.name AND p.step <= a.step
					ORDER BY p.step DESC LIMIT r.size) w) w,
			LATERAL (SELECT CASE r.agg WHEN 'last' THEN a.value WHEN 'max' THEN w.max WHEN 'min' THEN w.min
				ELSE CASE WHEN w.min = w.max THEN w.min ELSE w.avg END END AS observed) o
		WHERE r.metric = a.name AND w.count = r.size AND o.observed IS NOT NULL AND
			CASE WHEN o.observed = 'NaN' THEN r.cmp IN ('<>', 'nan', 'notfinite') ELSE CASE r.cmp WHEN '>' THEN o.observed > r.threshold
				WHEN '>=' THEN o.observed >= r.threshold WHEN '<' THEN o.observed < r.threshold
				WHEN '<=' THEN o.observed <= r.threshold WHEN '=' THEN o.observed = r.threshold
				WHEN '<>' THEN o.observed <> r.threshold WHEN 'notfinite' THEN abs(o.observed) = 'Infinity' ELSE false END END;
	END LOOP;
END $$;

-- all that is hard did happen: NaN and infinities, values at a threshold, late steps, values given again
SELECT count(*) FILTER (WHERE value = 'NaN') > 9 AS nan, count(*) FILTER (WHERE value = 'Infinity') > 4 AS infinity, count(*) FILTER (WHERE value = '-Infinity') > 4 AS minus_infinity,
	count(*) FILTER (WHERE value = 5) > 99 AS ties, count(*) FILTER (WHERE step < newest) > 99 AS late, count(*) FILTER (WHERE nth > 1) > 99 AS replaced
FROM (SELECT *, max(step) OVER (PARTITION BY run_id, name ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS newest,
	row_number() OVER (PARTITION BY run_id, name, step ORDER BY n) AS nth FROM arrivals) a;

-- the oracle ends with the table that we have
SELECT count(*) FROM (TABLE points EXCEPT SELECT run_id, name, step, value FROM wb.run_metrics WHERE run_id BETWEEN 92001 AND 92005) x;

-- the nth execution of each rule is the nth expected one
SELECT count(x) > 2000 AS many, count(DISTINCT x.rule) AS rules, count(*) FILTER (WHERE x.rule IS NULL) AS too_many,
	count(*) FILTER (WHERE e.rule IS NULL) AS missing, count(*) FILTER (WHERE x.run_id <> e.run_id OR x.step <> e.step) AS elsewhere,
	count(*) FILTER (WHERE x.observed::float8 <> e.observed::float8) AS observed_otherwise
FROM (SELECT rule, run_id, step, observed, row_number() OVER (PARTITION BY rule ORDER BY n) AS nth FROM expected) x
FULL JOIN (SELECT automation_name AS rule, run_id, (event->>'step')::bigint AS step, event->>'observed' AS observed,
		row_number() OVER (PARTITION BY automation_name ORDER BY id) AS nth
	FROM wb.executions WHERE project_id = :project) e USING (rule, nth);

-- and says what it judged: a window of the rule's size, with its extreme
SELECT count(*) AS wrong FROM wb.executions e, rules r, LATERAL (SELECT count(*) AS count, min(v) FILTER (WHERE v <> 'NaN') AS least, max(v) FILTER (WHERE v <> 'NaN') AS most
	FROM jsonb_array_elements_text(e.event->'metricValues') t(t), LATERAL (SELECT t::float8 AS v) v) w
WHERE e.project_id = :project AND r.name = e.automation_name AND (w.count <> r.size OR
	(e.event->>'observed')::float8 <> CASE r.agg WHEN 'max' THEN w.most WHEN 'min' THEN w.least ELSE (e.event->>'observed')::float8 END);
