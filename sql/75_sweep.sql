-- What the worker looks for once a minute: runs that say nothing any more, and
-- schedules that are due.  A row of metrics never costs a write to wb.runs; its time is found here, by one
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

CREATE FUNCTION wb.concerns_everybody(code text) RETURNS boolean
LANGUAGE C IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'wb_sql_concerns_everybody';
COMMENT ON FUNCTION wb.concerns_everybody(text) IS
'Whether an error says nothing about what was being done, by its code: a deadlock or serialization failure, lock_timeout, no memory or disk, a cancel, an '
'error of the system. Raises invalid_parameter_value for what is no code of five characters. Part of wb.sweep().';

CREATE FUNCTION wb.note_signs(ids bigint[], since timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	-- whoever holds a run is about to say something about it
	WITH old AS (
		SELECT r.id, r.heartbeat_at, r.state FROM wb.runs r
		WHERE r.id = ANY (note_signs.ids) AND r.heartbeat_at < note_signs.since ORDER BY r.id FOR UPDATE SKIP LOCKED),
	seen AS (SELECT o.*, greatest(o.heartbeat_at, wb.last_logged_at(o.id)) AS last_sign_at FROM old o)
	UPDATE wb.runs r SET heartbeat_at = s.last_sign_at,
		state = CASE WHEN s.last_sign_at >= note_signs.since THEN CASE s.state WHEN 'crashed' THEN 'running' ELSE s.state END
			WHEN s.state = 'preempting' THEN 'preempted' ELSE 'crashed' END
	FROM seen s WHERE r.id = s.id AND s.state IN ('running', 'preempting', 'crashed')
		AND (s.last_sign_at >= note_signs.since OR s.state <> 'crashed');
END $$;
COMMENT ON FUNCTION wb.note_signs(bigint[], timestamptz) IS
'Makes those of these runs crashed, or preempted, that have given no sign of life since a moment; the others have theirs noted. Part of wb.sweep_crashes().';

CREATE FUNCTION wb.sweep_crashes(now timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	since timestamptz := sweep_crashes.now - current_setting('wb_automations.crash_timeout')::interval;
	ids bigint[];
	single bigint;
	first_refused text;
	refused bigint := 0;
BEGIN
	-- A thousand of either kind, in another order each time: what cannot be
	-- written, or has nothing to say, is not in the way of the others for long.
	ids := ARRAY(SELECT r.id FROM wb.runs r WHERE r.state IN ('running', 'preempting') AND r.heartbeat_at < since
			ORDER BY hashint8extended(r.id, extract(epoch FROM sweep_crashes.now)::bigint) LIMIT 1000)
		|| ARRAY(SELECT r.id FROM wb.runs r WHERE r.state = 'crashed' AND r.exit_code IS NULL
			AND r.heartbeat_at < since AND r.heartbeat_at > since - interval '1 day'
			ORDER BY hashint8extended(r.id, extract(epoch FROM sweep_crashes.now)::bigint) LIMIT 1000);
	BEGIN
		PERFORM wb.note_signs(ids, since);
	EXCEPTION WHEN OTHERS THEN
		IF wb.concerns_everybody(SQLSTATE) THEN
			RAISE;
		END IF;
		-- one of them, by a trigger say: only it stays as it is
		FOREACH single IN ARRAY ids LOOP
			BEGIN
				PERFORM wb.note_signs(ARRAY[single], since);
			EXCEPTION WHEN OTHERS THEN
				IF wb.concerns_everybody(SQLSTATE) THEN
					RAISE;
				END IF;
				refused := refused + 1;
				first_refused := coalesce(first_refused, format('run %s: %s', single, SQLERRM));
			END;
		END LOOP;
		IF refused > 0 THEN
			RAISE WARNING 'could not end % silent runs; %', refused, first_refused
			USING ERRCODE = 'triggered_action_exception';
		END IF;
	END;
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
	FOR rule IN SELECT a.id, a.scope_type, a.scope_id, f.filter->>'metric' AS metric,
			make_interval(secs => (f.filter->>'silent_for')::double precision) AS silent_for
		FROM wb.automations a, LATERAL (SELECT a.event_filter->'run_silent_filter' AS filter) f
		WHERE a.event_source = 'run_silent' AND a.event_key = '' AND a.enabled
			AND jsonb_typeof(f.filter->'silent_for') = 'number'
	LOOP
		PERFORM wb.judge_silence(rule.id, r.id, rule.metric, r.last_sign_at)
		FROM (SELECT r.id, CASE WHEN rule.metric IS NULL
				THEN greatest(r.created_at, r.heartbeat_at, wb.last_logged_at(r.id))
				ELSE greatest(r.created_at, wb.last_logged_at(r.id, rule.metric)) END AS last_sign_at
			FROM wb.projects p JOIN wb.entities e ON e.id = p.entity_id JOIN wb.runs r ON r.project_id = p.id
			WHERE CASE rule.scope_type WHEN 'PROJECT' THEN p.id = rule.scope_id
				ELSE rule.scope_id IN (e.id, e.organization_id) END AND r.state = 'running'
				AND r.created_at < sweep_silences.now - rule.silent_for) r
		WHERE r.last_sign_at < sweep_silences.now - rule.silent_for;
	END LOOP;
END $$;
COMMENT ON FUNCTION wb.sweep_silences(timestamptz) IS
'Judges the running runs that are silent for longer than an automation allows. Part of wb.sweep().';

-- Local time for months and days, so that nine o'clock stays nine o'clock;
-- elapsed time for hours and minutes.  The anchor is a Monday, so that every
-- seven days means every Monday.
CREATE FUNCTION wb.last_tick(schedule jsonb, now timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	zone text := last_tick.schedule->>'timezone';
	months integer := coalesce((last_tick.schedule->>'months')::integer, 0);
	days integer := coalesce((last_tick.schedule->>'days')::integer, 0);
	seconds integer := coalesce((last_tick.schedule->>'seconds')::integer, 0);
	anchor timestamp := timestamp '2001-01-01' + make_interval(secs => coalesce((last_tick.schedule->>'at_seconds')::integer, 0));
	local timestamp := last_tick.now AT TIME ZONE zone;
	step interval := make_interval(months => months, days => days);
	count integer;
	tick timestamptz;
BEGIN
	-- the search below ends for these alone
	IF zone IS NULL OR last_tick.now IS NULL OR least(months, days, seconds) < 0 OR greatest(months, days, seconds) = 0 THEN
		RAISE EXCEPTION 'schedule % is never due', last_tick.schedule
		USING ERRCODE = 'invalid_parameter_value', HINT = 'wb.on_schedule() makes one.';
	END IF;
	IF seconds > 0 THEN
		RETURN (anchor AT TIME ZONE zone) + make_interval(secs =>
			floor(extract(epoch FROM last_tick.now - (anchor AT TIME ZONE zone)) / seconds) * seconds);
	END IF;
	count := CASE WHEN months > 0 THEN (extract(year FROM age(local, anchor)) * 12 + extract(month FROM age(local, anchor)))::integer / months
		ELSE (local::date - anchor::date) / days END + 1;
	-- one too late to begin with: a clock that is put forward or back moves a tick
	LOOP
		tick := (anchor + count * step) AT TIME ZONE zone;
		EXIT WHEN tick <= last_tick.now;
		count := count - 1;
	END LOOP;
	RETURN tick;
END $$;
COMMENT ON FUNCTION wb.last_tick(jsonb, timestamptz) IS
'The latest time up to a moment at which a schedule_filter of wb.on_schedule is due. Errors: invalid_parameter_value for another document.';

CREATE FUNCTION wb.project_summary(project_ids bigint[], since timestamptz, before timestamptz, metrics text[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	summary jsonb;
	metric text;
	found jsonb;
BEGIN
	SELECT jsonb_build_object('since', project_summary.since, 'before', project_summary.before,
		'runsStarted', count(*) FILTER (WHERE r.created_at >= project_summary.since),
		'runsFinished', count(*) FILTER (WHERE r.state = 'finished' AND r.finished_at >= project_summary.since),
		'runsFailed', count(*) FILTER (WHERE r.state = 'failed' AND r.finished_at >= project_summary.since),
		'runsCrashed', count(*) FILTER (WHERE r.state = 'crashed' AND coalesce(r.finished_at, r.heartbeat_at) >= project_summary.since),
		'firings', (SELECT count(*) FROM wb.executions e WHERE e.project_id = ANY (project_summary.project_ids)
			AND e.triggered_at >= project_summary.since AND e.triggered_at < project_summary.before AND e.state <> 'SKIPPED'))
	INTO summary FROM wb.runs r WHERE r.project_id = ANY (project_summary.project_ids) AND r.created_at < project_summary.before;

	FOREACH metric IN ARRAY project_summary.metrics LOOP
		SELECT jsonb_agg(jsonb_build_object('run', r.run, 'last', m.last::text, 'min', m.min::text, 'max', m.max::text) ORDER BY r.id DESC)
		INTO found FROM (SELECT n.id, coalesce(n.display_name, n.name) AS run FROM wb.runs n
			WHERE n.project_id = ANY (project_summary.project_ids) AND n.created_at < project_summary.before ORDER BY n.id DESC LIMIT 10) r,
			LATERAL (SELECT (array_agg(p.value ORDER BY p.step DESC))[1] AS last, min(p.value) FILTER (WHERE p.value <> 'NaN') AS min,
				max(p.value) FILTER (WHERE p.value <> 'NaN') AS max
			FROM wb.run_metrics p WHERE p.run_id = r.id AND p.name = metric) m
		WHERE m.last IS NOT NULL;
		summary := summary || jsonb_build_object('metrics', coalesce(summary->'metrics', '{}') ||
			jsonb_build_object(metric, coalesce(found, '[]')));
	END LOOP;
	RETURN summary;
END $$;
COMMENT ON FUNCTION wb.project_summary(bigint[], timestamptz, timestamptz, text[]) IS
'What happened in projects between two moments: runs started, finished, failed and crashed, firings, and of each metric the last, '
'least and greatest value in the ten newest runs. The payload of a schedule.';

CREATE FUNCTION wb.judge_tick(automation_id bigint, scope_type text, scope_id bigint, tick_at timestamptz, summary jsonb) RETURNS void
LANGUAGE C STRICT VOLATILE AS 'MODULE_PATHNAME', 'wb_sql_judge_tick';
COMMENT ON FUNCTION wb.judge_tick(bigint, text, bigint, timestamptz, jsonb) IS
'Fires an automation whose time has come. Part of wb.sweep().';

CREATE FUNCTION wb.sweep_schedules(now timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	rule record;
	tick timestamptz;
BEGIN
	FOR rule IN SELECT a.id, a.name, a.scope_type, a.scope_id, a.event_filter->'schedule_filter' AS schedule,
			coalesce(k.tick_at, a.created_at) AS since
		FROM wb.automations a LEFT JOIN wb.schedule_ticks k ON k.automation_id = a.id
		WHERE a.event_source = 'schedule' AND a.event_key = '' AND a.enabled AND a.scope_type IN ('PROJECT', 'ENTITY')
	LOOP
		BEGIN
			tick := wb.last_tick(rule.schedule, sweep_schedules.now);
			CONTINUE WHEN tick IS NULL OR tick <= rule.since;
			-- first the tick, so that two sweeps at once fire it once
			INSERT INTO wb.schedule_ticks AS k (automation_id, tick_at) VALUES (rule.id, tick)
			ON CONFLICT (automation_id) DO UPDATE SET tick_at = excluded.tick_at WHERE k.tick_at < excluded.tick_at;
			IF FOUND THEN
				PERFORM wb.judge_tick(rule.id, rule.scope_type, rule.scope_id, tick, wb.project_summary(ARRAY(
					SELECT p.id FROM wb.projects p JOIN wb.entities e ON e.id = p.entity_id
					WHERE CASE rule.scope_type WHEN 'PROJECT' THEN p.id = rule.scope_id
						ELSE rule.scope_id IN (e.id, e.organization_id) END), rule.since, tick,
					ARRAY(SELECT jsonb_array_elements_text(rule.schedule->'metrics'))));
			END IF;
		EXCEPTION WHEN OTHERS THEN
			-- one that was written past the check, or that a trigger refuses, must
			-- not stop the others
			IF wb.concerns_everybody(SQLSTATE) THEN
				RAISE;
			END IF;
			RAISE WARNING 'schedule of automation "%" cannot be used: %', rule.name, SQLERRM
			USING ERRCODE = 'data_exception';
		END;
	END LOOP;
	DELETE FROM wb.schedule_ticks k WHERE NOT EXISTS (SELECT FROM wb.automations a WHERE a.id = k.automation_id);
END $$;
COMMENT ON FUNCTION wb.sweep_schedules(timestamptz) IS
'Fires the automations whose time has come since it was looked last, each once, however many times it missed. Part of wb.sweep().';

CREATE FUNCTION wb.sweep(now timestamptz = clock_timestamp()) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM wb.require_setup();
	PERFORM wb.sweep_crashes(sweep.now);
	PERFORM wb.sweep_silences(sweep.now);
	PERFORM wb.sweep_schedules(sweep.now);
END $$;
COMMENT ON FUNCTION wb.sweep(timestamptz) IS
'Looks for runs that have fallen silent and for schedules that are due, as of a moment. The worker calls it once a minute, more often with a short '
'wb_automations.crash_timeout; it may be called by hand where no worker runs.';
REVOKE EXECUTE ON FUNCTION wb.note_signs(bigint[], timestamptz), wb.sweep_crashes(timestamptz), wb.sweep_silences(timestamptz), wb.sweep_schedules(timestamptz),
	wb.judge_tick(bigint, text, bigint, timestamptz, jsonb), wb.sweep(timestamptz) FROM PUBLIC;
