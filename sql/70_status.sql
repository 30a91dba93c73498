-- wb.status(): everything that stands between a firing and its delivery.

CREATE FUNCTION wb.status() RETURNS TABLE (item text, ok boolean, detail text, hint text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	installed record;
	queue record;
	missing bigint;
BEGIN
	PERFORM wb.require_setup();

	RETURN QUERY SELECT 'launcher', wb.launcher_pid() IS NOT NULL,
		coalesce('runs as process ' || wb.launcher_pid(), 'does not run: the library is not preloaded'),
		CASE WHEN wb.launcher_pid() IS NULL THEN
			'Add wb_automations to shared_preload_libraries and restart the server; until then wb.start_worker() starts a worker by hand.' END;

	RETURN QUERY SELECT 'worker', wb.worker_pid() IS NOT NULL,
		coalesce('runs as process ' || wb.worker_pid(), format('does not run in database "%s"', current_database())),
		CASE WHEN wb.worker_pid() IS NULL THEN
			CASE WHEN NOT current_setting('wb_automations.worker')::boolean
				THEN 'The setting wb_automations.worker is off.'
				WHEN wb.launcher_pid() IS NOT NULL THEN 'The launcher starts it within a minute; see the server log if it does not stay.'
				ELSE 'Call SELECT wb.start_worker();' END END;

	RETURN QUERY SELECT 'delivery', current_setting('wb_automations.delivery') = 'on',
		'the setting wb_automations.delivery is ' || current_setting('wb_automations.delivery'),
		CASE current_setting('wb_automations.delivery') WHEN 'off' THEN 'Nothing is taken from the queue.'
			WHEN 'dry_run' THEN 'Requests are rendered into history and not sent.' END;

	SELECT i.*, i.system_identifier = s.system_identifier AND i.database_oid = d.oid AS is_here INTO installed
	FROM wb.installation i, pg_control_system() s, pg_database d WHERE d.datname = current_database();
	RETURN QUERY SELECT 'installation', coalesce(installed.is_here, false),
		CASE WHEN installed.id IS NULL THEN 'wb.installation has no row'
			WHEN installed.is_here THEN format('%s, armed at %s', installed.id, installed.armed_at)
			ELSE 'this database is a copy of another one, so nothing is sent' END,
		CASE WHEN installed.id IS NULL THEN 'Run SELECT wb.setup();'
			WHEN NOT installed.is_here THEN 'Call SELECT wb.arm(''send''); or SELECT wb.arm(''discard'');' END;

	SELECT count(*) AS total, min(d.due_at) AS oldest, count(*) FILTER (WHERE d.attempts > 0) AS failing,
		count(*) FILTER (WHERE d.attempts = 0 AND d.last_error IS NOT NULL) AS held,
		count(*) FILTER (WHERE d.installation_id <> installed.id) AS foreign_rows,
		coalesce(max(d.last_error) FILTER (WHERE d.last_error LIKE 'cannot open secret %'), max(d.last_error)) AS error
	INTO queue FROM wb.deliveries d;
	RETURN QUERY SELECT 'queue', queue.failing = 0 AND queue.held = 0 AND queue.foreign_rows = 0 AND
			coalesce(queue.oldest > clock_timestamp() - interval '1 minute', true),
		format('%s waiting, %s of them after a failed attempt, %s held%s', queue.total, queue.failing, queue.held,
			coalesce('; oldest due at ' || queue.oldest, '')) || coalesce(': ' || queue.error, ''),
		CASE WHEN queue.foreign_rows > 0 THEN
			format('%s belong to another installation; call SELECT wb.arm(''send''); or SELECT wb.arm(''discard'');', queue.foreign_rows)
			WHEN queue.held > 0 THEN 'They are sent as soon as what holds them is mended; nothing is lost meanwhile.'
			WHEN queue.failing > 0 THEN 'See next_attempt_at and error in wb.automation_history.'
			WHEN queue.oldest < clock_timestamp() - interval '1 minute' THEN 'The oldest is late: see the items above, or the server log.' END;

	SELECT count(*) INTO missing FROM wb.automations t
	WHERE t.enabled AND t.action_type <> 'NO_OP' AND NOT EXISTS (SELECT FROM wb.integrations i WHERE i.id = coalesce(
		t.action_config #>> '{notificationActionInput,integrationID}',
		t.action_config #>> '{genericWebhookActionInput,integrationID}')::bigint);
	RETURN QUERY SELECT 'integrations', missing = 0,
		format('%s automations name an integration that does not exist', missing),
		CASE WHEN missing > 0 THEN 'Their executions will be FAILED.' END;
END $$;
COMMENT ON FUNCTION wb.status() IS
'Whether what automations ask for can be delivered: one row an item, with what to do where ok is false. Errors: '
'object_not_in_prerequisite_state before wb.setup().';
