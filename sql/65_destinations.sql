-- How it goes with integrations: what the worker has learnt about them, and how
-- people stop and start what is sent there.

CREATE FUNCTION wb.create_stat_integrations() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	-- what the worker learnt before an integration was resumed is not true any more
	CREATE OR REPLACE VIEW wb.stat_integrations WITH (security_invoker = true) AS
	SELECT i.id AS integration_id, n.name AS entity, i.kind, i.name, i.state,
		coalesce(i.state_reason, CASE WHEN s.refusals >= 5 AND l.is_current
			THEN format('refused %s times in a row', s.refusals) END) AS reason,
		CASE WHEN l.is_current THEN s.paused_until END AS paused_until,
		CASE WHEN s.breaker_opened_at IS NOT NULL AND l.is_current THEN 'open' ELSE 'closed' END AS breaker,
		CASE WHEN l.is_current THEN s.breaker_opened_at END AS breaker_opened_at,
		CASE WHEN l.is_current THEN s.probe_at END AS probe_at,
		q.waiting - c.in_flight AS waiting, q.oldest_due, c.in_flight,
		coalesce(s.delivered, 0) AS delivered, coalesce(s.retried, 0) AS retried,
		coalesce(s.failed, 0) AS failed, coalesce(s.held, 0) AS held,
		coalesce(s.throttled, 0) AS throttled, s.last_success_at, s.last_error, s.last_error_at
	FROM wb.integrations i
	JOIN wb.entities n ON n.id = i.entity_id
	LEFT JOIN wb.integration_states s ON s.integration_id = i.id
	CROSS JOIN LATERAL (SELECT s.resumed_at IS NOT DISTINCT FROM i.resumed_at AS is_current) l
	CROSS JOIN LATERAL (SELECT count(*) AS waiting, min(d.due_at) AS oldest_due
		FROM wb.deliveries d WHERE d.integration_id = i.id) q
	CROSS JOIN LATERAL (SELECT count(*) AS in_flight
		FROM wb.delivery_claims k CROSS JOIN unnest(k.execution_ids) AS taken(id)
		JOIN wb.deliveries d ON d.execution_id = taken.id
		WHERE d.integration_id = i.id AND d.due_at <= k.claimed_at) c
	ORDER BY i.id;
	COMMENT ON VIEW wb.stat_integrations IS
	'How it goes with each integration: its state and why, what waits for it, what came of the rest, and what it answered last.';
END $$;
COMMENT ON FUNCTION wb.create_stat_integrations() IS 'Makes the view wb.stat_integrations. Part of wb.setup().';
REVOKE EXECUTE ON FUNCTION wb.create_stat_integrations() FROM PUBLIC;

CREATE FUNCTION wb.announce_resume() RETURNS trigger
LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'wb_sql_announce_resume';
REVOKE EXECUTE ON FUNCTION wb.announce_resume() FROM PUBLIC;

COMMENT ON FUNCTION wb.announce_resume() IS
'Trigger function of wb.integrations, after an UPDATE that resumes one: wakes the worker at commit, whoever resumes it.';

CREATE FUNCTION wb.pause_integration(id bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	PERFORM wb.require_setup();
	UPDATE wb.integrations i SET state = 'paused', state_reason = 'paused by ' || session_user
	WHERE i.id = pause_integration.id;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'integration % does not exist', coalesce(pause_integration.id::text, 'null')
			USING ERRCODE = 'undefined_object', HINT = 'See the ids in wb.integrations.';
	END IF;
END $$;

COMMENT ON FUNCTION wb.pause_integration(bigint) IS
'Holds all deliveries of an integration, until wb.resume_integration(id); what is on its way already still arrives. id: of the integration. Needs the right to update wb.integrations. Raises undefined_object where there is no such integration.';

CREATE FUNCTION wb.resume_integration(id bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	PERFORM wb.require_setup();
	UPDATE wb.integrations i SET state = 'active', state_reason = NULL, resumed_at = clock_timestamp()
	WHERE i.id = resume_integration.id;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'integration % does not exist', coalesce(resume_integration.id::text, 'null')
			USING ERRCODE = 'undefined_object', HINT = 'See the ids in wb.integrations.';
	END IF;
END $$;

COMMENT ON FUNCTION wb.resume_integration(bigint) IS
'Sends to an integration again, whether it was paused by wb.pause_integration or disabled by the worker; what waited is taken at once, and what the worker had against the receiver is forgotten: a pause that it asked for, and the breaker. id: of the integration. Needs the right to update wb.integrations. Raises undefined_object where there is no such integration.';
