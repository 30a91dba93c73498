-- What the worker looks for once a minute: runs that say nothing any more.  A
-- row of metrics never costs a write to wb.runs; its time is found here, by one
-- probe a metric, and only for runs whose heartbeat is old.

CREATE FUNCTION wb.last_logged_at(run_id bigint, metric text = NULL) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	newest timestamptz;
BEGIN
	WITH RECURSIVE names AS (
		(SELECT m.name FROM wb.run_metrics m WHERE m.run_id = last_logged_at.run_id
			AND m.name >= coalesce(last_logged_at.metric, '') ORDER BY m.name LIMIT 1)
		UNION ALL
		SELECT (SELECT m.name FROM wb.run_metrics m WHERE m.run_id = last_logged_at.run_id AND m.name > n.name
			ORDER BY m.name LIMIT 1)
		FROM names n WHERE n.name IS NOT NULL AND last_logged_at.metric IS NULL)
	SELECT max((SELECT m.logged_at FROM wb.run_metrics m WHERE m.run_id = last_logged_at.run_id AND m.name = n.name
		ORDER BY m.step DESC LIMIT 1))
	INTO newest FROM names n WHERE n.name = coalesce(last_logged_at.metric, n.name);
	RETURN newest;
END $$;
COMMENT ON FUNCTION wb.last_logged_at(bigint, text) IS
'When the newest step of a run was logged, of one metric or of any; NULL where there is none.';

CREATE FUNCTION wb.judge_silence(automation_id bigint, run_id bigint, metric text, last_sign_at timestamptz) RETURNS void
LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'wb_sql_judge_silence';
COMMENT ON FUNCTION wb.judge_silence(bigint, bigint, text, timestamptz) IS
'Fires an automation for a run that has been silent since a moment, if its filter matches and its cooldown is over. Part of wb.sweep().';
REVOKE EXECUTE ON FUNCTION wb.judge_silence(bigint, bigint, text, timestamptz) FROM PUBLIC;

CREATE FUNCTION wb.sweep_crashes(now timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	since timestamptz := sweep_crashes.now - current_setting('wb_automations.crash_timeout')::interval;
BEGIN
	-- whoever holds a run is about to say something about it
	WITH old AS (
		SELECT r.id, r.heartbeat_at, r.state FROM wb.runs r
		WHERE r.state IN ('running', 'preempting', 'crashed') AND r.heartbeat_at < since
			AND (r.state <> 'crashed' OR r.exit_code IS NULL AND r.heartbeat_at > since - interval '1 day')
		ORDER BY r.heartbeat_at LIMIT 1000 FOR UPDATE SKIP LOCKED),
	seen AS (SELECT o.*, greatest(o.heartbeat_at, wb.last_logged_at(o.id)) AS last_sign_at FROM old o)
	UPDATE wb.runs r SET heartbeat_at = s.last_sign_at,
		state = CASE WHEN s.last_sign_at >= since THEN CASE s.state WHEN 'crashed' THEN 'running' ELSE s.state END
			WHEN s.state = 'preempting' THEN 'preempted' ELSE 'crashed' END
	FROM seen s WHERE r.id = s.id AND (s.last_sign_at >= since OR s.state <> 'crashed');
END $$;
COMMENT ON FUNCTION wb.sweep_crashes(timestamptz) IS
'Makes runs crashed, or preempted, that sent a heartbeat once and have given no sign of life for wb_automations.crash_timeout; and '
'running again those that speak again within a day. Part of wb.sweep().';

CREATE FUNCTION wb.sweep_silences(now timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	rule record;
BEGIN
	FOR rule IN SELECT a.id, a.scope_id, f.filter->>'metric' AS metric,
			make_interval(secs => (f.filter->>'silent_for')::double precision) AS silent_for
		FROM wb.automations a, LATERAL (SELECT a.event_filter->'run_silent_filter' AS filter) f
		WHERE a.event_source = 'run_silent' AND a.event_key = '' AND a.enabled AND a.scope_type = 'PROJECT'
			AND jsonb_typeof(f.filter->'silent_for') = 'number'
	LOOP
		PERFORM wb.judge_silence(rule.id, r.id, rule.metric, r.last_sign_at)
		FROM (SELECT r.id, CASE WHEN rule.metric IS NULL
				THEN greatest(r.created_at, r.heartbeat_at, wb.last_logged_at(r.id))
				ELSE greatest(r.created_at, wb.last_logged_at(r.id, rule.metric)) END AS last_sign_at
			FROM wb.runs r WHERE r.project_id = rule.scope_id AND r.state = 'running'
				AND r.created_at < sweep_silences.now - rule.silent_for) r
		WHERE r.last_sign_at < sweep_silences.now - rule.silent_for;
	END LOOP;
END $$;
COMMENT ON FUNCTION wb.sweep_silences(timestamptz) IS
'Judges the running runs that are silent for longer than an automation allows. Part of wb.sweep().';

CREATE FUNCTION wb.sweep(now timestamptz = clock_timestamp()) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM wb.require_setup();
	PERFORM wb.sweep_crashes(sweep.now);
	PERFORM wb.sweep_silences(sweep.now);
END $$;
COMMENT ON FUNCTION wb.sweep(timestamptz) IS
'Looks for runs that have fallen silent, as of a moment. The worker calls it once a minute, more often with a short '
'wb_automations.crash_timeout; it may be called by hand where no worker runs.';
REVOKE EXECUTE ON FUNCTION wb.sweep_crashes(timestamptz), wb.sweep_silences(timestamptz), wb.sweep(timestamptz) FROM PUBLIC;
