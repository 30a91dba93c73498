-- The same rules as triggers in plpgsql: what an experienced DBA would write
-- who has no extension.  The window is read newest first from the end of the
-- key's index and no further than it must be; the queries are fixed, so that
-- their plans are kept; ten rules share one trigger and one read.

CREATE SCHEMA peer;
CREATE TABLE peer.run_metrics (LIKE wb.run_metrics INCLUDING ALL);
CREATE TABLE peer.firings (
	id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	rule     text NOT NULL,
	run_id   bigint NOT NULL,
	step     bigint NOT NULL,
	fired_at timestamptz NOT NULL DEFAULT clock_timestamp());

-- avg(5) > 1e9
CREATE FUNCTION peer.judge_average() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	points   integer;
	observed double precision;
BEGIN
	SELECT count(*), avg(value) INTO points, observed FROM (
		SELECT value FROM peer.run_metrics
		WHERE run_id = NEW.run_id AND name = NEW.name AND step <= NEW.step
		ORDER BY step DESC LIMIT 5) newest;
	IF points = 5 AND observed > 1e9 THEN
		INSERT INTO peer.firings (rule, run_id, step) VALUES ('avg', NEW.run_id, NEW.step);
	END IF;
	RETURN NULL;
END $$;

-- The ten rules of WbAutomations::Bench, in their order.
CREATE FUNCTION peer.judge_ten() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	w    record;
	rule text;
BEGIN
	SELECT count(*) AS points,
		avg(value) FILTER (WHERE rank <= 5) AS avg5,
		max(value) FILTER (WHERE rank <= 5) AS max5,
		min(value) FILTER (WHERE rank <= 5) AS min5,
		avg(value) FILTER (WHERE rank <= 20) AS avg20,
		avg(value) FILTER (WHERE rank <= 10) AS newest,
		avg(value) FILTER (WHERE rank > 10) AS prior,
		avg(value) FILTER (WHERE rank BETWEEN 2 AND 31) AS mean,
		stddev_samp(value) FILTER (WHERE rank BETWEEN 2 AND 31) AS deviation
	INTO w FROM (
		SELECT value, row_number() OVER (ORDER BY step DESC) AS rank FROM peer.run_metrics
		WHERE run_id = NEW.run_id AND name = NEW.name AND step <= NEW.step
		ORDER BY step DESC LIMIT 60) points;

	FOREACH rule IN ARRAY array_remove(ARRAY[
		CASE WHEN NEW.value > 1e9 AND NEW.value <> 'NaN' THEN 'above' END,
		CASE WHEN NEW.value < -1e9 THEN 'below' END,
		CASE WHEN w.points >= 5 AND w.avg5 > 1e9 THEN 'avg' END,
		CASE WHEN w.points >= 5 AND w.max5 > 1e9 THEN 'max' END,
		CASE WHEN w.points >= 5 AND w.min5 < -1e9 THEN 'min' END,
		CASE WHEN w.points >= 20 AND w.avg20 > 1e9 THEN 'avg20' END,
		CASE WHEN w.points = 60 AND w.newest - w.prior >= 1e9 THEN 'increase' END,
		CASE WHEN w.points = 60 AND abs(w.newest - w.prior) >= 1e9 * abs(w.prior) THEN 'change' END,
		CASE WHEN w.points >= 31 AND abs(NEW.value - w.mean) >= 1e9 * w.deviation THEN 'zscore' END,
		CASE WHEN NEW.value = 'NaN' THEN 'nan' END], NULL)
	LOOP
		INSERT INTO peer.firings (rule, run_id, step) VALUES (rule, NEW.run_id, NEW.step);
	END LOOP;
	RETURN NULL;
END $$;

CREATE TRIGGER judge_average AFTER INSERT ON peer.run_metrics
	FOR EACH ROW WHEN (NEW.name = 'm0') EXECUTE FUNCTION peer.judge_average();
CREATE TRIGGER judge_ten AFTER INSERT ON peer.run_metrics
	FOR EACH ROW WHEN (NEW.name = 'm0') EXECUTE FUNCTION peer.judge_ten();
