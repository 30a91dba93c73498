-- Errors while a firing is written: which reach the writer, and which do not.
SET client_min_messages = error;
SELECT wb.setup();
SELECT wb.create_project('firing_errors', 'p') AS project \gset
SELECT wb.start_run(:project, 'r') AS run \gset
SELECT wb.create_automation('nan', wb.on_run_metric(wb.project('firing_errors', 'p'), wb.is_nan('loss')), wb.do_nothing(), cooldown => '0') AS automation \gset

-- a trigger of somebody's on history raises what it is told
CREATE FUNCTION fail_as_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.automation_name = 'nan' AND current_setting('firing_errors.code', true) <> '' THEN
		RAISE EXCEPTION 'as told' USING ERRCODE = current_setting('firing_errors.code');
	END IF;
	RETURN NEW;
END $$;
CREATE TRIGGER fail_as_told BEFORE INSERT ON wb.executions FOR EACH ROW EXECUTE FUNCTION fail_as_told();

CREATE FUNCTION log_under(run bigint, code text, at bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('firing_errors.code', code, true);
	INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (run, 'loss', at, 'NaN');
	RETURN 'written';
EXCEPTION WHEN OTHERS OR query_canceled THEN
	RETURN 'fails with ' || SQLSTATE;
END $$;

-- those that would have hit any statement at that moment do, and leave nothing
SELECT code, log_under(:run, code, n) FROM unnest(ARRAY['40001', '40P01', '55P03', '53100', '53200', '57014', '58030']) WITH ORDINALITY c (code, n) ORDER BY n;
SELECT count(*) AS points FROM wb.run_metrics WHERE run_id = :run;
-- all others are the log's
SELECT code, log_under(:run, code, n + 100) FROM unnest(ARRAY['22012', '23505', '42501', '55006', '55000', 'P0001', 'XX000']) WITH ORDINALITY c (code, n) ORDER BY n;
SELECT count(*) AS points FROM wb.run_metrics WHERE run_id = :run;
SELECT count(*) AS firings FROM wb.executions WHERE automation_id = :automation;
DROP TRIGGER fail_as_told ON wb.executions;
DROP FUNCTION fail_as_told();
