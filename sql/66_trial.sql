-- What can be tried before it counts: an integration by a message that is sent
-- at once and leaves no trace, an automation by a message that is not sent.

CREATE FUNCTION wb.wake_for_test() RETURNS void
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'wb_sql_wake_for_test';
COMMENT ON FUNCTION wb.wake_for_test() IS
'Wakes the worker at commit. Part of wb.test_integration. Raises active_sql_transaction inside a transaction block.';

-- A test is an execution of no automation, first in its integration's queue.
CREATE FUNCTION wb.queue_test(integration_id bigint, payload jsonb) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	target record;
	config jsonb;
	queued bigint;
BEGIN
	PERFORM wb.require_setup();
	PERFORM wb.wake_for_test();
	SELECT i.id, i.kind INTO target FROM wb.integrations i WHERE i.id = queue_test.integration_id;
	IF target.id IS NULL THEN
		RAISE EXCEPTION 'integration % does not exist', coalesce(queue_test.integration_id::text, 'null')
			USING ERRCODE = 'undefined_object',
				HINT = 'Find one with wb.slack_integration(entity) or wb.webhook_integration(entity, name).';
	END IF;
	IF jsonb_typeof(coalesce(queue_test.payload, '{}')) <> 'object' THEN
		RAISE EXCEPTION 'payload of a test must be a JSON object, not %', queue_test.payload
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF current_setting('wb_automations.delivery') <> 'on' THEN
		RAISE EXCEPTION 'nothing is sent while wb_automations.delivery is %', current_setting('wb_automations.delivery')
			USING ERRCODE = 'object_not_in_prerequisite_state';
	END IF;
	IF wb.worker_pid() IS NULL THEN
		RAISE EXCEPTION 'no worker runs in database "%", and only a worker sends', current_database()
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = 'Preload the library, or call SELECT wb.start_worker();.';
	END IF;

	-- what somebody left behind who did not wait for the answer
	PERFORM wb.forget_test(e.id) FROM wb.executions e
	WHERE e.automation_id = 0 AND e.origin = 'test' AND e.triggered_at < clock_timestamp() - interval '1 hour';

	config := CASE target.kind
		WHEN 'SLACK' THEN jsonb_build_object('notificationActionInput', jsonb_build_object('integrationID', target.id,
			'title', 'Test of this Slack integration') || coalesce(queue_test.payload, '{}'))
		ELSE jsonb_build_object('genericWebhookActionInput', jsonb_build_object('integrationID', target.id,
			'requestPayload', coalesce(queue_test.payload, '{}')))
		END;
	INSERT INTO wb.executions (automation_id, automation_name, origin, triggered_at, event_type, why, event, action_type, action)
	VALUES (0, 'test', 'test', clock_timestamp(), 'TEST', 'this is a test', '{}',
		CASE target.kind WHEN 'SLACK' THEN 'NOTIFICATION' ELSE 'GENERIC_WEBHOOK' END, config)
	RETURNING id INTO queued;
	INSERT INTO wb.deliveries (execution_id, integration_id, installation_id, due_at)
	SELECT queued, target.id, i.id, to_timestamp(0) FROM wb.installation i;
	RETURN queued;
END $$;
COMMENT ON FUNCTION wb.queue_test(bigint, jsonb) IS
'Queues a test message and returns the id of its execution. Part of wb.test_integration, with its errors.';

CREATE FUNCTION wb.forget_test(execution_id bigint) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
	DELETE FROM wb.deliveries d USING wb.executions e
	WHERE d.execution_id = forget_test.execution_id AND e.id = d.execution_id AND e.origin = 'test';
	DELETE FROM wb.delivery_attempts a USING wb.executions e
	WHERE a.execution_id = forget_test.execution_id AND e.id = a.execution_id AND e.origin = 'test';
	DELETE FROM wb.executions e WHERE e.id = forget_test.execution_id AND e.origin = 'test';
$$;
COMMENT ON FUNCTION wb.forget_test(bigint) IS
'Deletes what a test left in the tables, and nothing of any other execution. Part of wb.test_integration.';

-- An answer that asks for another attempt is an answer too.
CREATE FUNCTION wb.test_waits(execution_id bigint) RETURNS boolean
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
	SELECT NOT EXISTS (
		SELECT FROM wb.executions e LEFT JOIN wb.deliveries d ON d.execution_id = e.id
		WHERE e.id = test_waits.execution_id AND (e.state <> 'PENDING' OR d.last_error IS NOT NULL
			OR e.triggered_at + interval '10 s' + current_setting('wb_automations.request_timeout')::interval < clock_timestamp()));
$$;
COMMENT ON FUNCTION wb.test_waits(bigint) IS
'Whether a test has no answer yet and may still get one. Part of wb.test_integration.';

CREATE FUNCTION wb.take_test(execution_id bigint, OUT has_answer boolean, OUT ok boolean, OUT status_code integer,
	OUT milliseconds double precision, OUT response text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	SELECT e.state <> 'PENDING' OR d.last_error IS NOT NULL, e.state = 'FINISHED', a.status_code, a.milliseconds,
		coalesce(e.result->>'body', e.result #>> '{error,message}', d.last_error)
	INTO has_answer, ok, status_code, milliseconds, response
	FROM wb.executions e LEFT JOIN wb.deliveries d ON d.execution_id = e.id
		LEFT JOIN wb.delivery_attempts a ON a.execution_id = e.id
	WHERE e.id = take_test.execution_id;
	PERFORM wb.forget_test(take_test.execution_id);
END $$;
COMMENT ON FUNCTION wb.take_test(bigint) IS
'The answer to a test, which is forgotten. Part of wb.test_integration.';

CREATE FUNCTION wb.conclude_test(has_answer boolean) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF NOT coalesce(has_answer, false) THEN
		RAISE EXCEPTION 'the worker did not send the test in time'
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'See SELECT * FROM wb.status();.';
	END IF;
END $$;
COMMENT ON FUNCTION wb.conclude_test(boolean) IS
'Raises object_not_in_prerequisite_state for a test without an answer. Part of wb.test_integration.';

-- A procedure that commits can have no setting of its own, so everything here
-- is named with its schema, and nothing is an operator.
CREATE PROCEDURE wb.test_integration(integration_id bigint, payload jsonb DEFAULT '{}', INOUT ok boolean DEFAULT NULL,
	INOUT status_code integer DEFAULT NULL, INOUT milliseconds double precision DEFAULT NULL, INOUT response text DEFAULT NULL)
LANGUAGE plpgsql AS $$
DECLARE
	execution_id bigint;
	has_answer boolean;
BEGIN
	execution_id := wb.queue_test(integration_id, payload);
	COMMIT;
	WHILE wb.test_waits(execution_id) LOOP
		COMMIT;
		PERFORM pg_catalog.pg_sleep(0.01);
	END LOOP;
	SELECT t.has_answer, t.ok, t.status_code, t.milliseconds, t.response
	INTO has_answer, ok, status_code, milliseconds, response FROM wb.take_test(execution_id) t;
	COMMIT;
	PERFORM wb.conclude_test(has_answer);
END $$;
COMMENT ON PROCEDURE wb.test_integration(bigint, jsonb, boolean, integer, double precision, text) IS
'Sends a test at once and waits for its answer; nothing of it stays. payload: the body for a webhook, title, message and severity for Slack. '
'Returns one row: whether the receiver took it, the HTTP status, NULL without an answer, how long it took, and what the receiver said, or else '
'why it was not sent. One attempt. Raises active_sql_transaction inside a transaction block, undefined_object for an unknown integration, '
'invalid_parameter_value for a payload that is no object, object_not_in_prerequisite_state where no worker sends. W&B: '
'testGenericWebhookIntegration.';

-- What an automation might be told, of a run or a version as it is now.
CREATE FUNCTION wb.sample_event(automation jsonb, run_id bigint, artifact_id bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	filter jsonb := sample_event.automation->'event_filter';
	shape jsonb := coalesce(filter #> '{run_metric_filter,threshold_filter}', filter #> '{run_metric_filter,change_filter}',
		filter #> '{run_metric_filter,zscore_filter}', filter #> '{run_metric_filter,plateau_filter}');
	sample jsonb := jsonb_build_object('why', 'this is a preview', 'eventType',
		CASE automation->>'event_type' WHEN 'LINK_MODEL' THEN 'LINK_ARTIFACT' ELSE automation->>'event_type' END);
	part jsonb;
BEGIN
	IF sample_event.run_id IS NOT NULL THEN
		SELECT jsonb_build_object('eventAuthor', r.username, 'entityName', n.name, 'projectName', p.name,
			'runName', coalesce(r.display_name, r.name), 'runId', r.name, 'runPath', concat_ws('/', n.name, p.name, r.name),
			'newRunState', filter #>> '{run_state_filter,states,0}', 'metricName', shape->>'name')
		INTO part FROM wb.runs r JOIN wb.projects p ON p.id = r.project_id JOIN wb.entities n ON n.id = p.entity_id
		WHERE r.id = sample_event.run_id;
		PERFORM wb.require_run(sample_event.run_id, FOUND);
		sample := sample || part;
		SELECT jsonb_build_object('step', m.step, 'observed', m.value, 'metricValues', jsonb_build_array(m.value),
			'threshold', shape->'threshold')
		INTO part FROM wb.run_metrics m WHERE m.run_id = sample_event.run_id AND m.name = shape->>'name' ORDER BY m.step DESC LIMIT 1;
		sample := sample || coalesce(part, '{}');
	END IF;
	IF sample_event.artifact_id IS NOT NULL THEN
		PERFORM wb.collection_of(sample_event.artifact_id);
		SELECT jsonb_build_object('eventAuthor', a.created_by, 'entityName', n.name, 'projectName', p.name,
			'artifactCollectionName', c.name, 'artifactCollectionType', c.type, 'artifactId', a.id,
			'artifactVersionIndex', a.version, 'artifactMetadata', a.metadata, 'alias', s.alias, 'tag', t.tag,
			'artifactVersionString', format('%s/%s/%s:%s', n.name, p.name, c.name, coalesce(s.alias, 'v' || a.version)))
		INTO part FROM wb.artifacts a JOIN wb.collections c ON c.id = a.collection_id JOIN wb.projects p ON p.id = c.project_id
			JOIN wb.entities n ON n.id = p.entity_id
			LEFT JOIN LATERAL (SELECT l.alias FROM wb.artifact_aliases l WHERE l.artifact_id = a.id ORDER BY l.alias LIMIT 1) s ON true
			LEFT JOIN LATERAL (SELECT g.tag FROM wb.artifact_tags g WHERE g.artifact_id = a.id ORDER BY g.tag LIMIT 1) t ON true
		WHERE a.id = sample_event.artifact_id;
		sample := sample || part;
	END IF;
	RETURN jsonb_strip_nulls(sample);
END $$;
COMMENT ON FUNCTION wb.sample_event(jsonb, bigint, bigint) IS
'An event as wb.preview makes it up for an automation, a row of wb.automations as a document: of a run, with the newest point of its '
'metric, or of an artifact version. Raises undefined_object for one that does not exist.';

CREATE FUNCTION wb.render_request(automation jsonb, integration jsonb, event jsonb, run_id bigint, webhook_id text,
	OUT method text, OUT host text, OUT headers text, OUT body text)
LANGUAGE c STRICT VOLATILE
AS 'MODULE_PATHNAME', 'wb_sql_render_request';
COMMENT ON FUNCTION wb.render_request(jsonb, jsonb, jsonb, bigint, text) IS
'The request of an automation and an integration, rows as documents, for an event. Part of wb.preview, with its errors.';

CREATE FUNCTION wb.preview(automation_id bigint, run_id bigint DEFAULT NULL, artifact_id bigint DEFAULT NULL,
	OUT method text, OUT host text, OUT headers text, OUT body text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	automation  jsonb;
	integration jsonb;
	event       jsonb;
	about       bigint;
BEGIN
	PERFORM wb.require_setup();
	SELECT to_jsonb(t) INTO automation FROM wb.automations t WHERE t.id = preview.automation_id;
	IF automation IS NULL THEN
		RAISE EXCEPTION 'automation % does not exist', coalesce(preview.automation_id::text, 'null')
			USING ERRCODE = 'undefined_object', HINT = 'See wb.automation_list.';
	END IF;
	SELECT to_jsonb(i) INTO integration FROM wb.integrations i WHERE i.id = coalesce(
		automation #>> '{action_config,notificationActionInput,integrationID}',
		automation #>> '{action_config,genericWebhookActionInput,integrationID}')::bigint;
	SELECT e.event, e.run_id INTO event, about FROM wb.executions e
	WHERE e.automation_id = preview.automation_id AND e.origin = 'event'
		AND (preview.run_id IS NULL OR e.run_id = preview.run_id)
		AND (preview.artifact_id IS NULL OR e.artifact_id = preview.artifact_id)
	ORDER BY e.id DESC LIMIT 1;
	IF NOT FOUND THEN
		event := wb.sample_event(automation, preview.run_id, preview.artifact_id);
		about := preview.run_id;
	END IF;
	SELECT r.* INTO method, host, headers, body
	FROM wb.render_request(automation, coalesce(integration, '{}'), event, coalesce(about, 0),
		(SELECT i.id || '-0' FROM wb.installation i)) r;
END $$;
COMMENT ON FUNCTION wb.preview(bigint, bigint, bigint) IS
'What an automation would send, and sends nothing: method, host (NULL for Slack, whose address is a secret), headers (one a line) and body. '
'Values of secrets and signatures are asterisks; of an execution''s id there is a 0. run_id, artifact_id: what about; absent: what it fired on last. '
'It shows the newest firing on that, or else an event made up of the run and the newest point of its metric, or of the version. All NULL for '
'wb.do_nothing(). Raises undefined_object for an unknown automation, run or version, and object_not_in_prerequisite_state, with the reason, '
'for what could not be sent.';
