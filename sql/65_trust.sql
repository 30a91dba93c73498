-- Trust: what a rule would have done, and why it did or did not.  All of it
-- runs with the caller's rights on the tables; nothing here writes.

--
-- Backtest
--
CREATE FUNCTION wb.backtest_rows(scope_type text, scope_id bigint, event_type text, event_filter jsonb, cooldown interval,
	since timestamptz, before timestamptz)
RETURNS TABLE (run_id bigint, step bigint, at timestamptz, observed double precision, threshold double precision,
	would_fire boolean, reason text)
LANGUAGE C STABLE SET enable_seqscan = off SET enable_bitmapscan = off AS 'MODULE_PATHNAME', 'wb_sql_backtest_rows';
COMMENT ON FUNCTION wb.backtest_rows(text, bigint, text, jsonb, interval, timestamptz, timestamptz) IS
'Part of wb.backtest.';

CREATE FUNCTION wb.backtest_totals(scope_type text, scope_id bigint, event_type text, event_filter jsonb, cooldown interval,
	since timestamptz, before timestamptz, OUT runs_judged bigint, OUT runs_hit bigint, OUT firings bigint,
	OUT earliest timestamptz, OUT firings_per_1000_runs double precision)
LANGUAGE C STABLE SET enable_seqscan = off SET enable_bitmapscan = off AS 'MODULE_PATHNAME', 'wb_sql_backtest_totals';
COMMENT ON FUNCTION wb.backtest_totals(text, bigint, text, jsonb, interval, timestamptz, timestamptz) IS
'Part of wb.backtest_summary.';

CREATE FUNCTION wb.automation_event(automation_id bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	found jsonb;
BEGIN
	PERFORM wb.require_setup();
	SELECT jsonb_build_object('scope_type', t.scope_type, 'scope_id', t.scope_id, 'event_type', t.event_type,
		'event_filter', t.event_filter, 'cooldown', t.cooldown) INTO found
	FROM wb.automations t WHERE t.id = automation_event.automation_id;
	IF found IS NULL THEN
		RAISE EXCEPTION 'automation % does not exist', automation_event.automation_id USING ERRCODE = 'undefined_object';
	END IF;
	RETURN found;
END $$;
COMMENT ON FUNCTION wb.automation_event(bigint) IS
'The event of an automation, as wb.on_...() made it, and its cooldown. Errors: undefined_object for an unknown automation.';

CREATE FUNCTION wb.backtest_event(event jsonb, cooldown interval = NULL, since timestamptz = NULL, before timestamptz = NULL)
RETURNS TABLE (run_id bigint, step bigint, at timestamptz, observed double precision, threshold double precision,
	would_fire boolean, reason text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN QUERY SELECT * FROM wb.backtest_rows(backtest_event.event->>'scope_type', (backtest_event.event->>'scope_id')::bigint,
		backtest_event.event->>'event_type', backtest_event.event->'event_filter', backtest_event.cooldown,
		backtest_event.since, backtest_event.before);
END $$;
COMMENT ON FUNCTION wb.backtest_event(jsonb, interval, timestamptz, timestamptz) IS
'What an event on a metric would have done on stored rows: a row for each step at which it holds. Arguments: wb.on_run_metric(); the cooldown, '
'absent: 24 hours; only points logged since, and before, these moments are judged. would_fire is false within the cooldown, whose clock is logged_at. '
'Points are taken in the order of step. Needs SELECT on wb.runs and wb.run_metrics. Errors: invalid_parameter_value where the event cannot be '
'judged, feature_not_supported for events that are not on metrics.';

CREATE FUNCTION wb.backtest(automation_id bigint, since timestamptz = NULL, before timestamptz = NULL)
RETURNS TABLE (run_id bigint, step bigint, at timestamptz, observed double precision, threshold double precision,
	would_fire boolean, reason text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	event jsonb := wb.automation_event(backtest.automation_id);
BEGIN
	RETURN QUERY SELECT * FROM wb.backtest_event(event, (event->>'cooldown')::interval, backtest.since, backtest.before);
END $$;
COMMENT ON FUNCTION wb.backtest(bigint, timestamptz, timestamptz) IS
'What an automation on a metric would have done on stored rows, switched on or not: wb.backtest_event with its event and cooldown. Arguments: '
'id of an automation; only points logged since, and before, these moments are judged. Errors: undefined_object for an unknown automation; else as wb.backtest_event.';

CREATE FUNCTION wb.backtest_summary(event jsonb, cooldown interval = NULL, since timestamptz = NULL, before timestamptz = NULL,
	OUT runs_judged bigint, OUT runs_hit bigint, OUT firings bigint, OUT earliest timestamptz,
	OUT firings_per_1000_runs double precision)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	SELECT t.* INTO runs_judged, runs_hit, firings, earliest, firings_per_1000_runs
	FROM wb.backtest_totals(backtest_summary.event->>'scope_type', (backtest_summary.event->>'scope_id')::bigint,
		backtest_summary.event->>'event_type', backtest_summary.event->'event_filter', backtest_summary.cooldown,
		backtest_summary.since, backtest_summary.before) t;
END $$;
COMMENT ON FUNCTION wb.backtest_summary(jsonb, interval, timestamptz, timestamptz) IS
'wb.backtest_event in one row: runs judged (those in scope that match the filter and have a point in the time), runs at which the event holds, '
'firings, the earliest of them, firings per 1,000 runs (NULL without runs). Arguments and errors: as wb.backtest_event.';

CREATE FUNCTION wb.backtest_summary(automation_id bigint, since timestamptz = NULL, before timestamptz = NULL,
	OUT runs_judged bigint, OUT runs_hit bigint, OUT firings bigint, OUT earliest timestamptz,
	OUT firings_per_1000_runs double precision)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	event jsonb := wb.automation_event(backtest_summary.automation_id);
BEGIN
	SELECT t.* INTO runs_judged, runs_hit, firings, earliest, firings_per_1000_runs
	FROM wb.backtest_summary(event, (event->>'cooldown')::interval, backtest_summary.since, backtest_summary.before) t;
END $$;
COMMENT ON FUNCTION wb.backtest_summary(bigint, timestamptz, timestamptz) IS
'wb.backtest in one row, as wb.backtest_summary of an event. Arguments and errors: as wb.backtest.';
