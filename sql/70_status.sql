-- wb.status(): everything that stands between a firing and its delivery.

CREATE FUNCTION wb.stat_worker(OUT pid integer, OUT state text, OUT started_at timestamptz, OUT starts bigint, OUT in_flight bigint,
	OUT wakes bigint, OUT looks bigint, OUT claims bigint, OUT claimed bigint, OUT records bigint, OUT delivered bigint,
	OUT retried bigint, OUT failed bigint, OUT skipped bigint, OUT held bigint, OUT rows_per_claim double precision,
	OUT full_look_ms bigint, OUT memory bigint, OUT last_error text, OUT last_error_at timestamptz)
LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'wb_sql_stat_worker';
COMMENT ON FUNCTION wb.stat_worker() IS
'What this database''s worker did since the server started: one row. state: stopped, idle or sending. looks: at the queue; claims: looks '
'that took something, claimed: rows; records: transactions; full_look_ms: what reading all of the queue took last; memory: bytes. '
'NULL from started_at on where the library is not preloaded.';
REVOKE EXECUTE ON FUNCTION wb.stat_worker() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wb.stat_worker() TO pg_monitor;

CREATE FUNCTION wb.status() RETURNS TABLE (item text, ok boolean, detail text, hint text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	installed record;
	queue record;
	foreign_secrets record;
	missing bigint;
	captures boolean;
	is_standby boolean := pg_is_in_recovery();
	deaf text;
	origin_only text;
	most bigint;
	is_stuck boolean;
	is_late boolean;
	troubled text;
	tables record;
BEGIN
	SELECT * INTO tables FROM wb.table_problems();
	captures := current_setting('wb_automations.capture')::boolean;
	SELECT string_agg(p.proname, ', ' ORDER BY p.proname) INTO deaf FROM pg_proc p
	WHERE p.pronamespace = 'wb'::regnamespace AND p.proname ~ '^capture_' AND (
		NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgfoid = p.oid)
		OR EXISTS (SELECT FROM pg_trigger t WHERE t.tgfoid = p.oid AND t.tgenabled NOT IN ('O', 'A')));
	-- what wb.attach_triggers() enables ALWAYS, ENABLE TRIGGER ALL makes ORIGIN
	SELECT string_agg(format('%s on %s', t.tgname, t.tgrelid::regclass), ', ' ORDER BY t.tgrelid::regclass::text, t.tgname) INTO origin_only
	FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
	WHERE p.pronamespace = 'wb'::regnamespace AND p.proname IN ('capture_run_metric', 'announce_change') AND t.tgenabled <> 'A';
	RETURN QUERY SELECT 'capture', captures AND deaf IS NULL AND origin_only IS NULL,
		CASE WHEN deaf IS NOT NULL THEN 'triggers are missing or disabled: ' || deaf
			WHEN origin_only IS NOT NULL THEN 'triggers are not enabled ALWAYS, so what is replicated goes unnoticed: ' || origin_only
			WHEN captures THEN 'rows are judged' ELSE 'rows that this session writes are not judged' END,
		CASE WHEN deaf IS NOT NULL THEN 'Run SELECT wb.setup(); if they are missing, ALTER TABLE ... ENABLE TRIGGER if they are disabled.'
			WHEN origin_only IS NOT NULL THEN 'Run SELECT wb.setup();'
			WHEN NOT captures THEN 'The setting wb_automations.capture is off.' END;

	RETURN QUERY SELECT 'tables', tables.problems IS NULL,
		coalesce('neither judged nor sent: ' || tables.problems, 'they are as wb.setup() makes them'), tables.remedy;
	RETURN QUERY SELECT 'functions', names IS NULL,
		coalesce('these set no search_path that ends with pg_temp: ' || names, 'those on the tables set a search_path that ends with pg_temp'), remedy
	FROM wb.unpinned_functions();

	RETURN QUERY SELECT 'launcher', is_standby OR wb.launcher_pid() IS NOT NULL,
		CASE WHEN is_standby THEN 'does not run: this server is a standby, and the primary delivers'
			ELSE coalesce('runs as process ' || wb.launcher_pid(), 'does not run: the library is not preloaded') END,
		CASE WHEN NOT is_standby AND wb.launcher_pid() IS NULL THEN
			'Add wb_automations to shared_preload_libraries and restart the server; until then wb.start_worker() starts a worker by hand.' END;

	RETURN QUERY SELECT 'worker', is_standby OR wb.worker_pid() IS NOT NULL,
		CASE WHEN is_standby THEN 'does not run: this server is a standby, and the primary delivers'
			ELSE coalesce('runs as process ' || wb.worker_pid(), format('does not run in database "%s"', current_database())) END,
		CASE WHEN NOT is_standby AND wb.worker_pid() IS NULL THEN
			CASE WHEN NOT current_setting('wb_automations.worker')::boolean
				THEN 'The setting wb_automations.worker is off.'
				WHEN wb.launcher_pid() IS NOT NULL THEN 'The launcher starts it within a minute; see the server log if it does not stay.'
				ELSE 'Call SELECT wb.start_worker();' END END;

	RETURN QUERY SELECT 'delivery', current_setting('wb_automations.delivery') = 'on',
		'the setting wb_automations.delivery is ' || current_setting('wb_automations.delivery'),
		CASE current_setting('wb_automations.delivery') WHEN 'off' THEN 'Nothing is taken from the queue.'
			WHEN 'dry_run' THEN 'Requests are rendered into history and not sent.' END;

	-- what follows reads the tables
	IF NOT tables.is_readable THEN
		RETURN;
	END IF;

	SELECT i.*, i.system_identifier = s.system_identifier AND i.database_oid = d.oid AS is_here INTO installed
	FROM wb.installation i, pg_control_system() s, pg_database d WHERE d.datname = current_database();
	RETURN QUERY SELECT 'installation', coalesce(installed.is_here AND installed.schema_version >= 4, false),
		CASE WHEN installed.id IS NULL THEN 'wb.installation has no row'
			WHEN installed.schema_version < 4 THEN 'the tables are of an older version, so nothing is sent'
			WHEN installed.is_here THEN format('%s, armed at %s', installed.id, installed.armed_at)
			ELSE 'this database is a copy of another one, so nothing is sent' END,
		CASE WHEN installed.id IS NULL OR installed.schema_version < 4 THEN 'Run SELECT wb.setup();'
			WHEN NOT installed.is_here THEN 'Call SELECT wb.arm(''send''); or SELECT wb.arm(''discard'');' END;
	-- what follows asks for columns that they may not have
	IF installed.schema_version < 4 THEN
		RETURN;
	END IF;

	RETURN QUERY SELECT 'schema', o.detail IS NULL, coalesce(o.detail, 'only superusers may make functions in schema wb'), o.hint
	FROM wb.find_overloads() o;

	SELECT sum(o.total) AS total,
		string_agg(format('%s in %s: %s', o.total, CASE o.origin WHEN 'unknown' THEN 'an older version'
			ELSE coalesce(format('database "%s" of this server', o.database_name), 'database ' || o.origin) END, o.names), '; ' ORDER BY o.origin) AS origins,
		string_agg(format('SELECT wb.adopt_secrets(%L);', o.origin), ' ' ORDER BY o.origin) AS calls
	INTO foreign_secrets
	FROM (SELECT f.origin, count(*) AS total, max(d.datname) AS database_name,
			string_agg(CASE WHEN f.number <= 5 THEN f.name WHEN f.number = 6 THEN '...' END, ', ' ORDER BY f.number) AS names
		FROM (SELECT wb.secret_origin(s.sealed) AS origin, concat_ws('/', e.name, s.name) AS name,
				row_number() OVER (PARTITION BY wb.secret_origin(s.sealed) ORDER BY s.id) AS number
			FROM wb.secrets s LEFT JOIN wb.entities e ON e.id = s.entity_id) f
		CROSS JOIN pg_control_system() c
		LEFT JOIN pg_database d ON f.origin = concat_ws('/', c.system_identifier, d.oid)
		WHERE f.origin <> (SELECT concat_ws('/', c.system_identifier, h.oid) FROM pg_database h WHERE h.datname = current_database())
		GROUP BY f.origin) o;
	RETURN QUERY SELECT 'secrets', foreign_secrets.total IS NULL,
		coalesce(format('%s were sealed elsewhere and do not open here: ', foreign_secrets.total) || foreign_secrets.origins,
			'all were sealed in this database'),
		CASE WHEN foreign_secrets.total > 0 THEN format('Messages that need them are held. Once you know how these rows came here, call %s as a superuser; or set them anew.',
			foreign_secrets.calls) END;

	SELECT count(*) AS total, min(d.due_at) AS oldest, count(*) FILTER (WHERE d.attempts > 0) AS failing,
		count(*) FILTER (WHERE d.attempts = 0 AND d.last_error IS NOT NULL) AS held,
		count(*) FILTER (WHERE d.installation_id <> installed.id) AS foreign_rows,
		(SELECT e.triggered_at FROM wb.executions e WHERE e.id = min(d.execution_id) FILTER (WHERE d.attempts > 0)) AS failing_since,
		coalesce(max(d.last_error) FILTER (WHERE d.last_error LIKE 'cannot open secret %'), max(d.last_error)) AS error
	INTO queue FROM wb.deliveries d;
	most := current_setting('wb_automations.queue_limit')::bigint;
	-- a failed attempt is nothing to do: the next one comes by itself
	is_stuck := coalesce(queue.failing_since < clock_timestamp() - interval '15 minutes', false);
	is_late := coalesce(queue.oldest < clock_timestamp() - interval '1 minute', false);
	RETURN QUERY SELECT 'queue', queue.total <= most AND queue.held = 0 AND queue.foreign_rows = 0 AND NOT is_stuck AND NOT is_late,
		format('%s waiting, %s of them after a failed attempt, %s held%s', queue.total, queue.failing, queue.held,
			coalesce('; oldest due at ' || queue.oldest, '')) || coalesce(': ' || queue.error, ''),
		CASE WHEN queue.foreign_rows > 0 THEN
			format('%s belong to another installation; call SELECT wb.arm(''send''); or SELECT wb.arm(''discard'');', queue.foreign_rows)
			WHEN queue.total > most THEN format('More than wb_automations.queue_limit, %s: the worker skips the oldest of the automation that has most of them.', most)
			WHEN queue.held > 0 THEN 'They are sent as soon as what holds them is mended; nothing is lost meanwhile.'
			WHEN is_stuck THEN format('The oldest of these fired at %s: see next_attempt_at and error in wb.automation_history.', queue.failing_since)
			WHEN is_late THEN 'The oldest is late: see the items above, or the server log.' END;

	SELECT count(*) INTO missing FROM wb.automations t
	WHERE t.enabled AND t.action_type IN ('NOTIFICATION', 'GENERIC_WEBHOOK') AND NOT EXISTS (SELECT FROM wb.integrations i WHERE i.id = coalesce(
		t.action_config #>> '{notificationActionInput,integrationID}',
		t.action_config #>> '{genericWebhookActionInput,integrationID}')::bigint);
	SELECT string_agg(format('%s %s', i.name, coalesce(CASE WHEN i.state <> 'active'
			THEN 'is ' || i.state || coalesce(': ' || i.state_reason, '') END,
			format('refused %s times in a row', s.refusals))), '; ' ORDER BY i.id) INTO troubled
	FROM wb.integrations i LEFT JOIN wb.integration_states s
		ON s.integration_id = i.id AND s.resumed_at IS NOT DISTINCT FROM i.resumed_at
	WHERE i.state <> 'active' OR s.refusals >= 5;
	RETURN QUERY SELECT 'integrations', missing = 0 AND troubled IS NULL,
		format('%s automations name an integration that does not exist', missing) || coalesce('; ' || troubled, ''),
		nullif(concat_ws(' ', CASE WHEN missing > 0 THEN 'Their executions will be FAILED.' END,
			CASE WHEN troubled IS NOT NULL THEN
				'See wb.stat_integrations, and call wb.resume_integration(id) once the receiver is well.' END), '');
END $$;
COMMENT ON FUNCTION wb.status() IS
'Whether what automations ask for can be delivered: one row an item, with what to do where ok is false. Errors: '
'object_not_in_prerequisite_state before wb.setup().';
