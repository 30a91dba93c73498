-- What people do about single executions, and what keeps history and queue
-- from growing without end.

CREATE FUNCTION wb.settle_unsent(ids bigint[], reason text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	settled bigint[];
BEGIN
	-- the worker records in the same order: executions, then deliveries
	WITH done AS (
		UPDATE wb.executions e SET state = 'SKIPPED', settled_at = clock_timestamp(),
			result = jsonb_build_object('resultType', 'DEFAULT', 'error', jsonb_build_object('message', settle_unsent.reason))
		WHERE e.id = ANY (settle_unsent.ids) AND e.state = 'PENDING' RETURNING e.id)
	SELECT array_agg(d.id) INTO settled FROM done d;
	DELETE FROM wb.deliveries d WHERE d.execution_id = ANY (settled);
	RETURN coalesce(cardinality(settled), 0);
END $$;
COMMENT ON FUNCTION wb.settle_unsent(bigint[], text) IS
'Makes the PENDING ones among these executions SKIPPED, for a reason, takes them off the queue, and returns how many there were. '
'Part of wb.cancel() and wb.shorten_queue().';

CREATE FUNCTION wb.cancel(execution_id bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	found_state text;
BEGIN
	PERFORM wb.require_setup();
	IF wb.settle_unsent(ARRAY[cancel.execution_id], format('cancelled by %s', current_user)) > 0 THEN
		RETURN;
	END IF;
	SELECT e.state INTO found_state FROM wb.executions e WHERE e.id = cancel.execution_id;
	IF found_state IS NULL THEN
		RAISE EXCEPTION 'execution % does not exist', coalesce(cancel.execution_id::text, 'null')
			USING ERRCODE = 'undefined_object', HINT = 'See execution_id in wb.automation_history.';
	END IF;
	RAISE EXCEPTION 'execution % is % already', cancel.execution_id, found_state
		USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Only what is PENDING can be cancelled.';
END $$;
COMMENT ON FUNCTION wb.cancel(bigint) IS
'Makes a PENDING execution SKIPPED and takes it off the queue. execution_id: see wb.automation_history. A request that is on its way '
'at this moment still arrives. Raises undefined_object for an unknown id and object_not_in_prerequisite_state for one that is settled.';

CREATE FUNCTION wb.replay(execution_id bigint) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	old record;
	present record;
	new_id bigint;
BEGIN
	PERFORM wb.require_setup();
	SELECT e.* INTO old FROM wb.executions e WHERE e.id = replay.execution_id;
	IF old.id IS NULL THEN
		RAISE EXCEPTION 'execution % does not exist', coalesce(replay.execution_id::text, 'null')
			USING ERRCODE = 'undefined_object', HINT = 'See execution_id in wb.automation_history.';
	ELSIF old.state = 'PENDING' THEN
		RAISE EXCEPTION 'execution % is PENDING still', old.id
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Wait for it, or call wb.cancel() first.';
	ELSIF old.origin = 'error' THEN
		RAISE EXCEPTION 'execution % tells of an automation that could not be judged', old.id
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Nothing fired, so there is nothing to carry out again.';
	END IF;

	-- What was sent is kept as it was rendered, so the automation is asked first.
	-- Without one, what history has is passed on as it is: in this form the worker
	-- sends it as it stands, and takes nothing in it for a variable.
	SELECT coalesce(a.action_type, old.action_type) AS type, coalesce(a.action_config, old.action) AS config INTO present
	FROM (SELECT) nothing LEFT JOIN wb.automations a ON a.id = old.automation_id;

	INSERT INTO wb.executions (automation_id, automation_name, origin, triggered_at, event_type, project_id, run_id,
		artifact_id, why, event, action_type, action)
	VALUES (old.automation_id, old.automation_name, 'replay', clock_timestamp(), old.event_type, old.project_id, old.run_id,
		old.artifact_id, old.why, old.event, present.type, present.config)
	RETURNING id INTO new_id;
	INSERT INTO wb.deliveries (execution_id, integration_id, installation_id, due_at)
	SELECT new_id, coalesce(present.config #>> '{genericWebhookActionInput,integrationID}',
		present.config #>> '{notificationActionInput,integrationID}', present.config #>> '{integration,id}', '0')::bigint,
		i.id, clock_timestamp()
	FROM wb.installation i;
	PERFORM wb.wake();
	RETURN new_id;
END $$;
COMMENT ON FUNCTION wb.replay(bigint) IS
'Carries a settled execution out once more, as a new execution with origin ''replay'' and a new webhook-id, and returns its id. The event '
'is the one of then; the action is the automation''s present one, or, where the automation is gone, what was sent, with the names of '
'secrets that stood in its payload and not their values. No cooldown '
'applies. Raises undefined_object for an unknown id and object_not_in_prerequisite_state for one that is PENDING or that says that the '
'automation could not be judged.';

CREATE FUNCTION wb.forget_executions(ids bigint[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	forgotten bigint;
BEGIN
	DELETE FROM wb.delivery_attempts t WHERE t.execution_id = ANY (forget_executions.ids);
	DELETE FROM wb.executions e WHERE e.id = ANY (forget_executions.ids);
	GET DIAGNOSTICS forgotten = ROW_COUNT;
	RETURN forgotten;
END $$;
COMMENT ON FUNCTION wb.forget_executions(bigint[]) IS
'Deletes executions with their attempts, and returns how many there were. Part of wb.prune().';

CREATE FUNCTION wb.prune_batch(before timestamptz, INOUT after_id bigint, OUT pruned bigint)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	seen record;
	ids bigint[];
	single bigint;
BEGIN
	SELECT max(w.id) AS last_id, count(*) AS total, count(*) FILTER (WHERE w.triggered_at < prune_batch.before) AS old,
		array_agg(w.id) FILTER (WHERE w.triggered_at < prune_batch.before AND w.state <> 'PENDING'
			AND w.triggered_at + greatest(w.cooldown, a.cooldown, interval '0') < clock_timestamp()) AS ids
	INTO seen
	FROM (SELECT e.id, e.triggered_at, e.state, e.cooldown, e.automation_id FROM wb.executions e
		WHERE e.id > prune_batch.after_id ORDER BY e.id LIMIT 1000) w
	LEFT JOIN wb.automations a ON a.id = w.automation_id;

	-- what somebody else holds is left for another time
	ids := ARRAY(SELECT e.id FROM wb.executions e WHERE e.id = ANY (seen.ids) ORDER BY e.id FOR UPDATE SKIP LOCKED);
	BEGIN
		pruned := wb.forget_executions(ids);
	EXCEPTION WHEN integrity_constraint_violation THEN
		-- rows of the user's own refer to some of these: only they stay
		pruned := 0;
		FOREACH single IN ARRAY ids LOOP
			BEGIN
				pruned := pruned + wb.forget_executions(ARRAY[single]);
			EXCEPTION WHEN integrity_constraint_violation THEN
				NULL;
			END;
		END LOOP;
	END;
	-- ids are given in the order of time, or nearly so
	after_id := CASE WHEN seen.total = 1000 AND seen.old > 0 THEN seen.last_id END;
END $$;
COMMENT ON FUNCTION wb.prune_batch(timestamptz, bigint) IS
'Looks at the thousand executions behind an id, and deletes those that fired before a moment, are settled and are older than their cooldown, '
'with their attempts. Returns where to go on, NULL at the end, and how many were deleted. Part of wb.prune().';

-- No SET clause: with one, a procedure may not commit.
CREATE PROCEDURE wb.prune(older_than interval, INOUT pruned bigint DEFAULT 0)
LANGUAGE plpgsql AS $$
DECLARE
	place bigint := 0;
	batch bigint;
BEGIN
	PERFORM wb.require_setup();
	IF older_than IS NULL OR older_than OPERATOR(pg_catalog.<) pg_catalog.make_interval() THEN
		RAISE EXCEPTION 'invalid age of history to prune: %', older_than
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give an interval that is not negative, such as ''90 days''.';
	END IF;
	pruned := 0;
	WHILE place IS NOT NULL LOOP
		SELECT b.after_id, b.pruned INTO place, batch
		FROM wb.prune_batch(pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) older_than, place) b;
		pruned := pruned OPERATOR(pg_catalog.+) batch;
		COMMIT;
	END LOOP;
END $$;
COMMENT ON PROCEDURE wb.prune(interval, bigint) IS
'Deletes history: executions that are settled, fired longer ago than older_than, and are older than their cooldown, with their '
'attempts. Works in batches of a thousand and commits after each, so it cannot run inside a transaction block. pruned: returns how many '
'were deleted. Raises invalid_parameter_value for a negative interval.';

CREATE FUNCTION wb.queue_surplus(most bigint) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	-- of 76 bytes at least
	rows_per_page integer := current_setting('block_size')::integer / 76;
	surplus bigint;
BEGIN
	-- counting reads all of it, so the size of the table is asked first
	IF pg_relation_size('wb.deliveries') / current_setting('block_size')::bigint * rows_per_page <= queue_surplus.most THEN
		RETURN 0;
	END IF;
	SELECT count(*) - queue_surplus.most INTO surplus FROM wb.deliveries;
	RETURN greatest(surplus, 0);
END $$;
COMMENT ON FUNCTION wb.queue_surplus(bigint) IS
'How many deliveries wait beyond "most". Part of wb.shorten_queue().';

CREATE FUNCTION wb.shorten_queue(most bigint, INOUT surplus bigint DEFAULT NULL)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	ids bigint[];
	skipped bigint;
BEGIN
	surplus := coalesce(shorten_queue.surplus, wb.queue_surplus(shorten_queue.most));
	IF shorten_queue.surplus = 0 THEN
		RETURN;
	END IF;

	-- the automation that has the most among the oldest gives way, not the one
	-- that fires once a day; what somebody else holds is left to him
	WITH oldest AS (
		SELECT d.execution_id, e.automation_id
		FROM (SELECT q.execution_id FROM wb.deliveries q ORDER BY q.execution_id LIMIT 10000) d
		JOIN wb.executions e ON e.id = d.execution_id
		WHERE d.execution_id NOT IN (SELECT unnest(c.execution_ids) FROM wb.delivery_claims c)),
	chosen AS (
		SELECT o.execution_id FROM oldest o
		WHERE o.automation_id = (SELECT t.automation_id FROM oldest t GROUP BY t.automation_id
			ORDER BY count(*) DESC, t.automation_id LIMIT 1)
		ORDER BY o.execution_id LIMIT least(shorten_queue.surplus, 1000)),
	held AS (
		SELECT e.id FROM wb.executions e WHERE e.id IN (SELECT c.execution_id FROM chosen c)
		ORDER BY e.id FOR UPDATE SKIP LOCKED)
	SELECT array_agg(h.id ORDER BY h.id) INTO ids FROM held h;
	skipped := wb.settle_unsent(ids, format('the queue was longer than %s', shorten_queue.most));
	surplus := CASE WHEN skipped = 0 THEN 0 ELSE shorten_queue.surplus - skipped END;
END $$;
COMMENT ON FUNCTION wb.shorten_queue(bigint, bigint) IS
'Where more deliveries wait than "most", makes up to a thousand of them SKIPPED: the oldest of the automation that has the most among the '
'ten thousand that have waited longest. surplus: how many are too many, counted where it is NULL. Returns how many are left to skip. '
'The worker calls it with wb_automations.queue_limit.';
REVOKE EXECUTE ON FUNCTION wb.queue_surplus(bigint), wb.shorten_queue(bigint, bigint) FROM PUBLIC;
