-- Trust: what a rule would have done, and why it did or did not.  All of it
-- runs with the caller's rights on the tables; nothing here writes.

--
-- Backtest
--
CREATE FUNCTION wb.backtest_rows(scope_type text, scope_id bigint, event_type text, event_filter jsonb, cooldown interval,
	since timestamptz, before timestamptz)
RETURNS TABLE (run_id bigint, step bigint, at timestamptz, observed double precision, threshold double precision,
	would_fire boolean, reason text)
LANGUAGE C STABLE SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan SET jit = off
AS 'MODULE_PATHNAME', 'wb_sql_backtest_rows';
COMMENT ON FUNCTION wb.backtest_rows(text, bigint, text, jsonb, interval, timestamptz, timestamptz) IS
'Part of wb.backtest.';

CREATE FUNCTION wb.backtest_totals(scope_type text, scope_id bigint, event_type text, event_filter jsonb, cooldown interval,
	since timestamptz, before timestamptz, OUT runs_judged bigint, OUT runs_hit bigint, OUT firings bigint,
	OUT earliest timestamptz, OUT firings_per_1000_runs double precision)
LANGUAGE C STABLE SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan SET jit = off
AS 'MODULE_PATHNAME', 'wb_sql_backtest_totals';
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

--
-- Explain
--
CREATE FUNCTION wb.explain_condition(condition jsonb, run_id bigint) RETURNS boolean
LANGUAGE C STRICT STABLE AS 'MODULE_PATHNAME', 'wb_sql_explain_condition';
COMMENT ON FUNCTION wb.explain_condition(jsonb, bigint) IS
'Whether a run, as it is now, meets a condition of a filter. Arguments: wb.where() and its like; id of a run. Errors: '
'invalid_parameter_value for another document, undefined_object for an unknown run.';

CREATE FUNCTION wb.explain_window(event_type text, event_filter jsonb, run_id bigint, step bigint, OUT rule text, OUT metric text,
	OUT size integer, OUT steps bigint[], OUT points double precision[], OUT observed double precision, OUT holds boolean, OUT why text)
LANGUAGE C STRICT STABLE SET enable_seqscan = off SET enable_bitmapscan = off AS 'MODULE_PATHNAME', 'wb_sql_explain_window';
COMMENT ON FUNCTION wb.explain_window(text, jsonb, bigint, bigint) IS
'What a rule on a metric makes of a run''s points up to a step: the rule, its window, what it compares, whether it holds and why. Part of wb.explain.';

CREATE FUNCTION wb.filter_conditions(filter jsonb) RETURNS SETOF jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	word text;
	document jsonb;
BEGIN
	FOR word, document IN SELECT key, value FROM jsonb_each(filter_conditions.filter) LOOP
		IF word = '$and' OR word = '$or' AND jsonb_array_length(document) = 1 THEN
			RETURN QUERY SELECT c FROM jsonb_array_elements(document) d, LATERAL wb.filter_conditions(d) c;
		ELSE
			RETURN NEXT jsonb_build_object(word, document);
		END IF;
	END LOOP;
END $$;
COMMENT ON FUNCTION wb.filter_conditions(jsonb) IS
'The conditions of a filter that must all be met, one a row. Argument: a filter in W&B''s form.';

CREATE FUNCTION wb.explain(automation_id bigint, run_id bigint, step bigint = NULL) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO' SET intervalstyle = 'postgres' AS $$
#variable_conflict use_variable
DECLARE
	a record;
	r record;
	w record;
	e record;
	failed jsonb[];
	filter jsonb;
	obstacle text;
	reported text;
	pause interval;
	is_of_metric boolean;
	judged text;
	verdict text;
	rule text;
	logged timestamptz;
	later bigint[] := ARRAY[]::bigint[];
	sign timestamptz;
BEGIN
	PERFORM wb.require_setup();
	SELECT t.* INTO a FROM wb.automations t WHERE t.id = automation_id;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'automation % does not exist', automation_id USING ERRCODE = 'undefined_object';
	END IF;
	IF a.event_type NOT LIKE 'RUN\_%' THEN
		RAISE EXCEPTION 'automation "%" is not about runs: its event is %', a.name, a.event_type
		USING ERRCODE = 'feature_not_supported', HINT = 'See wb.automation_history for what it did.';
	END IF;
	SELECT t.*, p.name AS project, n.name AS entity, n.id AS entity_id, n.organization_id INTO r FROM wb.runs t
	JOIN wb.projects p ON p.id = t.project_id JOIN wb.entities n ON n.id = p.entity_id WHERE t.id = run_id;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'run % does not exist', run_id USING ERRCODE = 'undefined_object';
	END IF;

	-- scope
	IF a.scope_id = r.project_id AND a.scope_type = 'PROJECT' OR a.scope_id IN (r.entity_id, r.organization_id) AND a.scope_type = 'ENTITY' THEN
		RETURN NEXT format('scope: run %s (%s/%s/%s) is in it', run_id, r.entity, r.project, r.name);
	ELSE
		obstacle := format('the scope is %s %s, and the run is in project %s', lower(a.scope_type), a.scope_id, r.project_id);
		RETURN NEXT 'scope: ' || obstacle;
	END IF;
	IF NOT a.enabled THEN
		obstacle := coalesce(obstacle, 'the automation is switched off now');
		RETURN NEXT 'switch: the automation is off';
	END IF;

	-- filter
	filter := CASE jsonb_typeof(a.event_filter->'run_filter') WHEN 'string' THEN (a.event_filter->>'run_filter')::jsonb
		WHEN 'object' THEN a.event_filter->'run_filter' END;
	SELECT array_agg(c) INTO failed FROM wb.filter_conditions(filter) c WHERE NOT wb.explain_condition(c, run_id);
	IF failed IS NOT NULL THEN
		obstacle := coalesce(obstacle, format('the run does not meet %s', array_to_string(failed, ' and ')));
		RETURN NEXT format('filter: the run does not meet %s', array_to_string(failed, ' and '));
	ELSE
		RETURN NEXT 'filter: ' || CASE WHEN EXISTS (SELECT FROM wb.filter_conditions(filter)) THEN 'the run matches it' ELSE 'none' END;
	END IF;

	-- window
	is_of_metric := a.event_type LIKE 'RUN\_METRIC%';
	SELECT l.event INTO rule FROM wb.automation_list l WHERE l.id = automation_id;
	RETURN NEXT 'rule: ' || rule;
	IF is_of_metric THEN
		SELECT * INTO w FROM wb.explain_window(a.event_type, a.event_filter, run_id, coalesce(step, 9223372036854775807));
		judged := w.metric;
		IF step IS NULL THEN
			-- the row that was written last need not be that of the last step
			SELECT m.step INTO step FROM wb.run_metrics m WHERE m.run_id = r.id AND m.name = judged ORDER BY m.logged_at DESC, m.step DESC LIMIT 1;
			IF step < w.steps[cardinality(w.steps)] THEN
				SELECT * INTO w FROM wb.explain_window(a.event_type, a.event_filter, run_id, step);
			END IF;
		END IF;
		verdict := w.why;
		SELECT m.logged_at INTO logged FROM wb.run_metrics m WHERE (m.run_id, m.name, m.step) = (r.id, judged, step);
		later := ARRAY(SELECT m.step FROM wb.run_metrics m WHERE m.run_id = r.id AND m.name = judged AND m.step = ANY (w.steps)
			AND m.logged_at > logged ORDER BY m.step);
		RETURN NEXT format('window: %s of %s values of %s%s', cardinality(w.steps), w.size, w.metric, CASE WHEN w.steps <> '{}' THEN
			format(', steps %s to %s: %s', w.steps[1], w.steps[cardinality(w.steps)], array_to_string(w.points[greatest(1, cardinality(w.points) - 19):], ', '))
			|| CASE WHEN cardinality(w.points) > 20 THEN ' (the last 20)' ELSE '' END END);
		IF step IS DISTINCT FROM w.steps[cardinality(w.steps)] THEN
			obstacle := coalesce(obstacle, format('step %s of %s is not stored', coalesce(step::text, '(any)'), w.metric));
		ELSIF w.observed IS NULL THEN
			obstacle := coalesce(obstacle, CASE WHEN cardinality(w.steps) < w.size THEN 'the window is not full'
				WHEN a.event_filter #>> '{run_metric_filter,zscore_filter,baseline}' = 'project_runs' THEN 'there are not enough other runs that came to a number'
				ELSE 'too few of the values are numbers' END);
		ELSE
			RETURN NEXT format('compared: %s, so the rule %s', w.observed, CASE WHEN w.holds THEN 'holds' ELSE 'does not hold' END);
			IF NOT w.holds THEN
				obstacle := coalesce(obstacle, format('the rule does not hold of %s', w.observed));
			END IF;
		END IF;
		IF later <> '{}' THEN
			RETURN NEXT format('later: when step %s was logged, the values that are stored now for these steps were not there: %s', step,
				array_to_string(later[:20], ', ') || CASE WHEN cardinality(later) > 20 THEN ', ...' ELSE '' END);
		END IF;
	ELSIF a.event_type = 'RUN_STATE' THEN
		reported := CASE r.state WHEN 'running' THEN 'RUNNING' WHEN 'finished' THEN 'FINISHED' WHEN 'failed' THEN 'FAILED' WHEN 'crashed' THEN 'FAILED' END;
		RETURN NEXT format('state: %s; the automation waits for %s', r.state,
			(SELECT string_agg(s, ', ') FROM jsonb_array_elements_text(a.event_filter #> '{run_state_filter,states}') s));
		IF NOT coalesce(a.event_filter #> '{run_state_filter,states}' ? reported, false) THEN
			obstacle := coalesce(obstacle, format('the run is %s', r.state));
		END IF;
	ELSIF a.event_type = 'RUN_SILENT' THEN
		judged := a.event_filter #>> '{run_silent_filter,metric}';
		sign := greatest(r.created_at, CASE WHEN judged IS NULL THEN r.heartbeat_at END, wb.last_logged_at(r.id, judged));
		RETURN NEXT format('silence: the run is %s, and its last sign%s was at %s', r.state, ' of ' || judged, sign);
		IF r.state <> 'running' THEN
			obstacle := coalesce(obstacle, format('the run is %s, and only running ones are looked at', r.state));
		ELSIF sign > clock_timestamp() - make_interval(secs => (a.event_filter #>> '{run_silent_filter,silent_for}')::double precision) THEN
			obstacle := coalesce(obstacle, format('its last sign was at %s', sign));
		END IF;
	END IF;

	-- cooldown, and what history says
	pause := coalesce(a.cooldown, interval '24 hours');
	SELECT t.* INTO e FROM wb.executions t WHERE t.automation_id = a.id AND t.run_id = r.id AND t.origin = 'event'
		AND t.state <> 'SKIPPED' ORDER BY t.id DESC LIMIT 1;
	RETURN NEXT 'cooldown: ' || CASE WHEN pause = '0' THEN 'none'
		WHEN e.id IS NULL THEN format('%s; it has not fired on this run', pause)
		ELSE format('%s; fired last at %s (execution %s), so until %s', pause, e.triggered_at, e.id, e.triggered_at + pause) END;
	SELECT t.* INTO e FROM wb.executions t WHERE t.automation_id = a.id AND t.run_id = r.id AND t.origin IN ('event', 'error')
		AND (NOT is_of_metric OR (t.event->>'step')::bigint = step) ORDER BY t.state = 'SKIPPED', t.id DESC LIMIT 1;
	RETURN NEXT CASE
		WHEN e.id IS NOT NULL AND e.state <> 'SKIPPED' THEN format('It fired (execution %s, %s): %s', e.id, e.state, e.why) ||
			CASE WHEN is_of_metric AND e.origin = 'event' AND verdict IS DISTINCT FROM e.why THEN '. What is stored has changed since' ELSE '' END
		WHEN e.id IS NOT NULL THEN format('It did not fire: %s. It held: %s', e.result #>> '{error,message}', e.why)
		WHEN obstacle IS NOT NULL THEN format('It did not fire: %s', obstacle)
		WHEN a.event_type = 'RUN_STATE' THEN
			format('It has not fired on this run: it was %s before the automation was made or changed (%s), or nothing was judged when it became so',
				r.state, coalesce(a.updated_at, a.created_at))
		WHEN NOT is_of_metric THEN 'It has not fired on this run: the worker has not looked since'
		WHEN logged < coalesce(a.updated_at, a.created_at) THEN
			format('It did not fire: step %s was logged at %s, before the automation was made or changed (%s). Would be: %s',
				step, logged, coalesce(a.updated_at, a.created_at), verdict)
		WHEN later <> '{}' THEN format('It did not fire: it did not hold of what was stored when step %s was logged. Would be now: %s', step, verdict)
		WHEN EXISTS (SELECT FROM wb.executions t JOIN wb.run_metrics m ON (m.run_id, m.name, m.step) = (t.run_id, judged, step)
				WHERE t.automation_id = a.id AND t.run_id = r.id AND t.origin = 'event' AND t.state <> 'SKIPPED'
				AND m.logged_at BETWEEN t.triggered_at - pause AND t.triggered_at + pause) THEN
			format('It did not fire: cooldown. It held: %s', verdict)
		ELSE format('It did not fire: the row of step %s was not judged (capture was off, it was replicated, or the automation was off), or the run has changed since. Would be: %s',
			step, verdict) END;
END $$;
COMMENT ON FUNCTION wb.explain(bigint, bigint, bigint) IS
'Why an automation fired on a run, or did not, in a few lines: scope, filter, window, what is compared, cooldown, and the answer. Arguments: id of an '
'automation on runs, id of a run, a step, absent: that of the row that was logged last. What is stored now is what it looks at, and the answer of history comes first. Needs SELECT on '
'the tables that it reads. Errors: undefined_object for an unknown automation or run, feature_not_supported for automations that are not about runs.';

--
-- Window aggregates
--
CREATE FUNCTION wb.window_add(state internal, value double precision, window_size integer) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'wb_sql_window_add';
COMMENT ON FUNCTION wb.window_add(internal, double precision, integer) IS 'Part of wb.window_avg and its like.';

CREATE FUNCTION wb.window_add(state internal, value double precision, window_size integer, prior_window_size integer) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'wb_sql_window_add';
COMMENT ON FUNCTION wb.window_add(internal, double precision, integer, integer) IS 'Part of wb.window_change.';

CREATE FUNCTION wb.window_take_away(state internal, value double precision, window_size integer) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'wb_sql_window_take_away';
COMMENT ON FUNCTION wb.window_take_away(internal, double precision, integer) IS 'Part of wb.window_avg and its like.';

CREATE FUNCTION wb.window_take_away(state internal, value double precision, window_size integer, prior_window_size integer) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'wb_sql_window_take_away';
COMMENT ON FUNCTION wb.window_take_away(internal, double precision, integer, integer) IS 'Part of wb.window_change.';

CREATE FUNCTION wb.window_avg_result(state internal) RETURNS double precision
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'wb_sql_window_avg';
COMMENT ON FUNCTION wb.window_avg_result(internal) IS 'Part of wb.window_avg.';
CREATE AGGREGATE wb.window_avg(value double precision, window_size integer) (
	SFUNC = wb.window_add, STYPE = internal, FINALFUNC = wb.window_avg_result, PARALLEL = SAFE,
	MSFUNC = wb.window_add, MINVFUNC = wb.window_take_away, MSTYPE = internal, MFINALFUNC = wb.window_avg_result);
COMMENT ON AGGREGATE wb.window_avg(double precision, integer) IS
'The average of the newest window_size values, as the rule wb.avg compares it. In the order of OVER (ORDER BY ...) or of wb.window_avg(... ORDER BY ...); NULL values are passed over. NaN counts as a value and is left out of what is computed. NULL until there are enough values, and where too few of them are numbers. '
'Errors: invalid_parameter_value where a size is not 1 to 10000, or not constant.';

CREATE FUNCTION wb.window_min_result(state internal) RETURNS double precision
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'wb_sql_window_min';
COMMENT ON FUNCTION wb.window_min_result(internal) IS 'Part of wb.window_min.';
CREATE AGGREGATE wb.window_min(value double precision, window_size integer) (
	SFUNC = wb.window_add, STYPE = internal, FINALFUNC = wb.window_min_result, PARALLEL = SAFE,
	MSFUNC = wb.window_add, MINVFUNC = wb.window_take_away, MSTYPE = internal, MFINALFUNC = wb.window_min_result);
COMMENT ON AGGREGATE wb.window_min(double precision, integer) IS
'The minimum of the newest window_size values, as the rule wb.min compares it. In the order of OVER (ORDER BY ...) or of wb.window_min(... ORDER BY ...); NULL values are passed over. NaN counts as a value and is left out of what is computed. NULL until there are enough values, and where too few of them are numbers. '
'Errors: invalid_parameter_value where a size is not 1 to 10000, or not constant.';

CREATE FUNCTION wb.window_max_result(state internal) RETURNS double precision
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'wb_sql_window_max';
COMMENT ON FUNCTION wb.window_max_result(internal) IS 'Part of wb.window_max.';
CREATE AGGREGATE wb.window_max(value double precision, window_size integer) (
	SFUNC = wb.window_add, STYPE = internal, FINALFUNC = wb.window_max_result, PARALLEL = SAFE,
	MSFUNC = wb.window_add, MINVFUNC = wb.window_take_away, MSTYPE = internal, MFINALFUNC = wb.window_max_result);
COMMENT ON AGGREGATE wb.window_max(double precision, integer) IS
'The maximum of the newest window_size values, as the rule wb.max compares it. In the order of OVER (ORDER BY ...) or of wb.window_max(... ORDER BY ...); NULL values are passed over. NaN counts as a value and is left out of what is computed. NULL until there are enough values, and where too few of them are numbers. '
'Errors: invalid_parameter_value where a size is not 1 to 10000, or not constant.';

CREATE FUNCTION wb.window_stddev_result(state internal) RETURNS double precision
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'wb_sql_window_stddev';
COMMENT ON FUNCTION wb.window_stddev_result(internal) IS 'Part of wb.window_stddev.';
CREATE AGGREGATE wb.window_stddev(value double precision, window_size integer) (
	SFUNC = wb.window_add, STYPE = internal, FINALFUNC = wb.window_stddev_result, PARALLEL = SAFE,
	MSFUNC = wb.window_add, MINVFUNC = wb.window_take_away, MSTYPE = internal, MFINALFUNC = wb.window_stddev_result);
COMMENT ON AGGREGATE wb.window_stddev(double precision, integer) IS
'The sample deviation of the newest window_size values; NaN where one of them is infinite. In the order of OVER (ORDER BY ...) or of wb.window_stddev(... ORDER BY ...); NULL values are passed over. NaN counts as a value and is left out of what is computed. NULL until there are enough values, and where too few of them are numbers. '
'Errors: invalid_parameter_value where a size is not 1 to 10000, or not constant.';

CREATE FUNCTION wb.window_change_result(state internal) RETURNS double precision
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'wb_sql_window_change';
COMMENT ON FUNCTION wb.window_change_result(internal) IS 'Part of wb.window_change.';
CREATE AGGREGATE wb.window_change(value double precision, window_size integer, prior_window_size integer) (
	SFUNC = wb.window_add, STYPE = internal, FINALFUNC = wb.window_change_result, PARALLEL = SAFE,
	MSFUNC = wb.window_add, MINVFUNC = wb.window_take_away, MSTYPE = internal, MFINALFUNC = wb.window_change_result);
COMMENT ON AGGREGATE wb.window_change(double precision, integer, integer) IS
'The change of the average of the newest window_size values against that of the prior_window_size before, as a fraction, as the rule wb.changes_by(frac => ...) compares it. In the order of OVER (ORDER BY ...) or of wb.window_change(... ORDER BY ...); NULL values are passed over. NaN counts as a value and is left out of what is computed. NULL until there are enough values, and where too few of them are numbers. '
'Errors: invalid_parameter_value where a size is not 1 to 10000, or not constant.';

CREATE FUNCTION wb.window_zscore_result(state internal) RETURNS double precision
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'wb_sql_window_zscore';
COMMENT ON FUNCTION wb.window_zscore_result(internal) IS 'Part of wb.window_zscore.';
CREATE AGGREGATE wb.window_zscore(value double precision, window_size integer) (
	SFUNC = wb.window_add, STYPE = internal, FINALFUNC = wb.window_zscore_result, PARALLEL = SAFE,
	MSFUNC = wb.window_add, MINVFUNC = wb.window_take_away, MSTYPE = internal, MFINALFUNC = wb.window_zscore_result);
COMMENT ON AGGREGATE wb.window_zscore(double precision, integer) IS
'How many deviations the newest value is from the mean of the window_size before it, as the rule wb.zscore compares it. In the order of OVER (ORDER BY ...) or of wb.window_zscore(... ORDER BY ...); NULL values are passed over. NaN counts as a value and is left out of what is computed. NULL until there are enough values, and where too few of them are numbers. '
'Errors: invalid_parameter_value where a size is not 1 to 10000, or not constant.';
