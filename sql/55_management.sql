-- Automations once they exist: changed, listed, and carried to and from W&B in
-- the JSON of its API (CreateFilterTriggerInput, UpdateFilterTriggerInput, and
-- the form in which saved automations are returned).

CREATE FUNCTION wb.update_automation(id bigint, changes jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	allowed jsonb := '{"name": "string", "description": "string", "enabled": "boolean", "event": "object", "action": "object",
		"cooldown": "string", "once_per": "string", "scope": "object"}'::jsonb;
	c ALIAS FOR update_automation.changes;
	key text;
	kind text;
BEGIN
	PERFORM wb.require_setup();
	IF jsonb_typeof(c) IS DISTINCT FROM 'object' THEN
		RAISE EXCEPTION 'changes of an automation must be an object, not %', coalesce(c::text, 'null')
		USING ERRCODE = 'invalid_parameter_value', HINT = 'Write for example jsonb_build_object(''name'', ''new name'').';
	END IF;
	FOR key, kind IN SELECT k.key, jsonb_typeof(k.value) FROM jsonb_each(c) k LOOP
		IF NOT allowed ? key THEN
			RAISE EXCEPTION 'unknown key "%" in the changes of an automation', key
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Keys are name, description, enabled, event, action, cooldown, once_per and scope.';
		ELSIF kind <> allowed->>key AND NOT (kind = 'null' AND key IN ('description', 'cooldown')) THEN
			RAISE EXCEPTION '% of an automation must be of type %, not %', key, allowed->>key, kind
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Null clears description and cooldown only.';
		END IF;
	END LOOP;

	UPDATE wb.automations t SET
		name = CASE WHEN c ? 'name' THEN c->>'name' ELSE t.name END,
		description = CASE WHEN c ? 'description' THEN c->>'description' ELSE t.description END,
		enabled = CASE WHEN c ? 'enabled' THEN (c->>'enabled')::boolean ELSE t.enabled END,
		scope_type = CASE WHEN c ? 'scope' THEN c #>> '{scope,scope_type}' ELSE t.scope_type END,
		scope_id = CASE WHEN c ? 'scope' THEN (c #>> '{scope,scope_id}')::bigint ELSE t.scope_id END,
		event_type = CASE WHEN c ? 'event' THEN c #>> '{event,event_type}' ELSE t.event_type END,
		event_filter = CASE WHEN c ? 'event' THEN c #> '{event,event_filter}' ELSE t.event_filter END,
		action_type = CASE WHEN c ? 'action' THEN c #>> '{action,action_type}' ELSE t.action_type END,
		action_config = CASE WHEN c ? 'action' THEN c #> '{action,action_config}' ELSE t.action_config END,
		cooldown = CASE WHEN c ? 'cooldown' THEN (c->>'cooldown')::interval ELSE t.cooldown END,
		once_per = CASE WHEN c ? 'once_per' THEN c->>'once_per' ELSE t.once_per END
	WHERE t.id = update_automation.id;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'automation % does not exist', update_automation.id USING ERRCODE = 'undefined_object';
	END IF;
EXCEPTION WHEN unique_violation THEN
	RAISE EXCEPTION 'another automation of this name exists in the scope of automation %', update_automation.id
	USING ERRCODE = 'unique_violation', HINT = 'Choose another name.';
END $$;
COMMENT ON FUNCTION wb.update_automation(bigint, jsonb) IS
'Changes an automation in the keys given: name, description, enabled, event, action, cooldown, once_per, scope. Null clears '
'description and cooldown. The scope stays unless scope is given; the one inside an event is ignored. Errors: undefined_object for an '
'unknown id; invalid_parameter_value and foreign_key_violation as wb.create_automation; unique_violation for a name that the scope '
'has. W&B: Api.update_automation.';

--
-- Listing
--
CREATE FUNCTION wb.create_automation_list() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	-- no cast in here that a row of a later version could break
	CREATE OR REPLACE VIEW wb.automation_list WITH (security_invoker = true) AS
	SELECT a.id, a.name, a.description, a.enabled,
		coalesce(CASE WHEN g.id IS NOT NULL THEN 'registry ' WHEN a.scope_type = 'ENTITY' THEN n.kind || ' ' ELSE '' END ||
			nullif(concat_ws('/', n.name, p.name, g.name, c.name), ''), concat(a.scope_type, ' ', a.scope_id)) AS scope,
		concat(CASE
			WHEN m.threshold IS NOT NULL THEN concat(
				CASE m.threshold->>'agg_op' WHEN 'AVERAGE' THEN 'avg(' WHEN 'MIN' THEN 'min(' WHEN 'MAX' THEN 'max(' END,
				m.threshold->>'name',
				CASE WHEN m.threshold->>'agg_op' IS NOT NULL THEN concat(', ', m.threshold->>'window_size', ')') END,
				CASE m.threshold->>'cmp_op' WHEN '$gt' THEN ' > ' WHEN '$gte' THEN ' >= ' WHEN '$lt' THEN ' < ' WHEN '$lte' THEN ' <= '
					WHEN '$eq' THEN ' = ' WHEN '$ne' THEN ' <> ' WHEN '$isnan' THEN ' is NaN' WHEN '$notfinite' THEN ' is not finite' END,
				m.threshold->>'threshold')
			WHEN m.change IS NOT NULL THEN concat(
				CASE m.change->>'agg_op' WHEN 'AVERAGE' THEN 'avg(' WHEN 'MIN' THEN 'min(' WHEN 'MAX' THEN 'max(' END,
				m.change->>'name',
				CASE WHEN m.change->>'agg_op' IS NOT NULL THEN
					concat(', ', m.change->>'current_window_size', ' against ', m.change->>'prior_window_size', ')') END,
				CASE m.change->>'change_dir' WHEN 'INCREASE' THEN ' increases by ' WHEN 'DECREASE' THEN ' decreases by ' ELSE ' changes by ' END,
				m.change->>'change_amount', CASE m.change->>'change_type' WHEN 'RELATIVE' THEN ' of itself' END)
			WHEN m.zscore IS NOT NULL THEN concat('zscore(', m.zscore->>'name', ', ', m.zscore->>'window_size',
				CASE m.zscore->>'change_dir' WHEN 'INCREASE' THEN ') >= ' WHEN 'DECREASE' THEN ') <= -' ELSE ') >= +/-' END,
				m.zscore->>'threshold', CASE m.zscore->>'baseline' WHEN 'project_runs' THEN ' against other runs' END)
			WHEN m.plateau IS NOT NULL THEN concat('plateau(', m.plateau->>'name', ', ', m.plateau->>'current_window_size', ' against ',
				m.plateau->>'prior_window_size', ')')
			WHEN m.states IS NOT NULL THEN concat('run state ', translate(m.states, '[]"', ''))
			WHEN m.silence IS NOT NULL THEN concat(coalesce(m.silence->>'metric' || ' of a run', 'run'), ' silent for ',
				regexp_replace(m.silence->>'silent_for', '\.0+$', ''), ' s')
			WHEN m.schedule IS NOT NULL THEN concat_ws(' ', 'every', nullif(m.schedule->>'months', '0') || ' months', nullif(m.schedule->>'days', '0') || ' days',
				nullif(m.schedule->>'seconds', '0') || ' s', CASE WHEN m.schedule->>'at_seconds' ~ '^[0-9]{1,5}$' THEN
					to_char(make_interval(secs => (m.schedule->>'at_seconds')::integer), '"at" HH24:MI') END, m.schedule->>'timezone')
			WHEN a.event_type = 'LINK_MODEL' THEN 'link artifact'
			ELSE lower(replace(a.event_type, '_', ' ')) END,
			-- a filter of one condition loses its braces
			CASE WHEN f.filter NOT IN ('{"$and": []}', '{"$and":[]}', '{"$or": [{"$and": []}]}', '{}') THEN concat(' where ', regexp_replace(f.filter,
				'^(?:\{"\$or": ?\[)?\{"\$and": ?\[\{"(\w+)": ?\{"\$(\w+)": ?("[^"\\]*"|[^{}]*)\}\}\]\}(?:\]\})?$', '\1 \2 \3')) END) AS event,
		CASE a.action_type
			WHEN 'NOTIFICATION' THEN concat('notification to ', coalesce('Slack ' || nullif(i.name, ''), 'Slack'),
				': ' || nullif(a.action_config #>> '{notificationActionInput,title}', ''))
			WHEN 'GENERIC_WEBHOOK' THEN concat_ws(' ', 'webhook', i.name)
			WHEN 'NOTIFY' THEN concat('notify ', a.action_config #>> '{notifyActionInput,channel}')
			ELSE lower(replace(a.action_type, '_', ' ')) END AS action,
		a.cooldown, a.once_per,
		(SELECT e.triggered_at FROM wb.executions e WHERE e.automation_id = a.id AND e.state <> 'SKIPPED'
			ORDER BY e.id DESC LIMIT 1) AS last_executed_at,
		(SELECT count(*) FROM wb.executions e WHERE e.automation_id = a.id AND e.state <> 'SKIPPED') AS executions,
		a.created_at, a.created_by, a.updated_at
	FROM wb.automations a
	LEFT JOIN wb.collections c ON a.scope_type = 'ARTIFACT_COLLECTION' AND c.id = a.scope_id
	LEFT JOIN wb.projects p ON p.id = CASE a.scope_type WHEN 'PROJECT' THEN a.scope_id ELSE c.project_id END
	LEFT JOIN wb.registries g ON g.id = CASE a.scope_type WHEN 'REGISTRY' THEN a.scope_id ELSE c.registry_id END
	LEFT JOIN wb.entities n ON n.id = CASE a.scope_type WHEN 'ENTITY' THEN a.scope_id ELSE coalesce(p.entity_id, g.entity_id) END
	LEFT JOIN wb.integrations i ON a.action_type IN ('NOTIFICATION', 'GENERIC_WEBHOOK') AND i.id::text = coalesce(
		a.action_config #>> '{notificationActionInput,integrationID}', a.action_config #>> '{genericWebhookActionInput,integrationID}')
	CROSS JOIN LATERAL (SELECT a.event_filter #> '{run_metric_filter,threshold_filter}' AS threshold,
		a.event_filter #> '{run_metric_filter,change_filter}' AS change, a.event_filter #> '{run_metric_filter,zscore_filter}' AS zscore,
		a.event_filter #> '{run_metric_filter,plateau_filter}' AS plateau, a.event_filter #>> '{run_state_filter,states}' AS states,
		a.event_filter->'run_silent_filter' AS silence, a.event_filter->'schedule_filter' AS schedule) m
	CROSS JOIN LATERAL (SELECT CASE WHEN a.event_type LIKE 'RUN\_%' THEN a.event_filter->>'run_filter'
		WHEN a.event_type <> 'SCHEDULE' THEN a.event_filter::text END AS filter) f
	ORDER BY a.id;
	COMMENT ON VIEW wb.automation_list IS
	'Automations, with scope, event and action in words, and what they did so far.';
END $$;
COMMENT ON FUNCTION wb.create_automation_list() IS 'Makes wb.automation_list. Part of wb.setup().';
REVOKE EXECUTE ON FUNCTION wb.create_automation_list() FROM PUBLIC;

--
-- W&B's JSON
--
CREATE FUNCTION wb.wire_text(document jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN CASE jsonb_typeof(wire_text.document)
	WHEN 'object' THEN (SELECT concat('{', string_agg(concat(to_jsonb(m.key), ':', wb.wire_text(m.value)), ',' ORDER BY
			array_position('{run_filter,run_metric_filter,run_state_filter,metric_filter,name,agg_op,window_size,cmp_op,threshold,
				current_window_size,change_amount,prior_window_size,change_type,change_dir}'::text[], m.key), m.key), '}')
		FROM jsonb_each(wire_text.document) m)
	WHEN 'array' THEN (SELECT concat('[', string_agg(wb.wire_text(e.value), ',' ORDER BY e.n), ']')
		FROM jsonb_array_elements(wire_text.document) WITH ORDINALITY e(value, n))
	ELSE wire_text.document::text END;
END $$;
COMMENT ON FUNCTION wb.wire_text(jsonb) IS
'JSON text as W&B''s client writes it: no blanks, the keys of filters in its own order.';

CREATE FUNCTION wb.parse_wire(document jsonb, key text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	value jsonb := parse_wire.document->parse_wire.key;
BEGIN
	-- encoded twice as well, which W&B's own answers are in places
	WHILE jsonb_typeof(value) = 'string' LOOP
		value := (value #>> '{}')::jsonb;
	END LOOP;
	RETURN nullif(value, 'null');
EXCEPTION WHEN data_exception THEN
	RAISE EXCEPTION '% is not JSON', parse_wire.key
	USING ERRCODE = 'invalid_parameter_value', HINT = 'W&B keeps a document here as JSON text.';
END $$;
COMMENT ON FUNCTION wb.parse_wire(jsonb, text) IS
'A member that is a document or the text of one, as a document; NULL where it is missing or null. Errors: invalid_parameter_value.';

CREATE FUNCTION wb.wire_id(value text, VARIADIC kinds text[]) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	plain text := wire_id.value;
	parts text[];
BEGIN
	IF plain !~ '^\d{1,18}$' THEN
		BEGIN
			plain := convert_from(decode(plain, 'base64'), 'SQL_ASCII');
		EXCEPTION WHEN data_exception OR character_not_in_repertoire THEN
			plain := NULL;
		END;
		parts := regexp_match(plain, '^(\w+):(\d{1,18})$');
		IF parts IS NULL OR parts[1] <> ALL (wire_id.kinds) THEN
			RAISE EXCEPTION '"%" is no id of %', wire_id.value, array_to_string(wire_id.kinds, ' or ')
			USING ERRCODE = 'invalid_parameter_value', HINT = format('Give a number, or W&B''s form: base64 of %s:<number>.', wire_id.kinds[1]);
		END IF;
		plain := parts[2];
	END IF;
	RETURN plain::bigint;
END $$;
COMMENT ON FUNCTION wb.wire_id(text, text[]) IS
'The number in an id: digits, or W&B''s base64 of Kind:digits. Arguments: the id; the kinds allowed. Errors: invalid_parameter_value.';

CREATE FUNCTION wb.wire_scope(document jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	saved jsonb := wire_scope.document->'scope';
	word text := upper(coalesce(wire_scope.document->>'scopeType', CASE saved->>'__typename' WHEN 'Project' THEN 'PROJECT'
		WHEN 'ArtifactSequence' THEN 'ARTIFACT_COLLECTION' WHEN 'ArtifactPortfolio' THEN 'ARTIFACT_COLLECTION'
		WHEN 'Entity' THEN 'ENTITY' ELSE saved->>'__typename' END));
	id text := coalesce(wire_scope.document->>'scopeID', saved->>'id');
BEGIN
	-- a registry is a project there, told by its name, and in what we write by its id
	IF word = 'PROJECT' AND (saved->>'name' LIKE 'wandb-registry-_%' OR starts_with(id, encode('Registry:', 'base64'))) THEN
		word := 'REGISTRY';
	END IF;
	RETURN nullif(jsonb_strip_nulls(jsonb_build_object('scope_type', word, 'scope_id', CASE word
		WHEN 'PROJECT' THEN wb.wire_id(id, 'Project')
		WHEN 'ARTIFACT_COLLECTION' THEN wb.wire_id(id, 'ArtifactCollection', 'ArtifactSequence', 'ArtifactPortfolio')
		WHEN 'ENTITY' THEN wb.wire_id(id, 'Entity')
		WHEN 'REGISTRY' THEN wb.wire_id(id, 'Registry', 'Project')
		ELSE 0 END)), '{"scope_id": 0}');
END $$;
COMMENT ON FUNCTION wb.wire_scope(jsonb) IS
'The scope of an automation in W&B''s JSON, input or saved, in our form; NULL where it has none. Errors: invalid_parameter_value for an id.';

CREATE FUNCTION wb.wire_event(document jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	saved jsonb := coalesce(nullif(wire_event.document->'event', 'null'), wire_event.document->'triggeringCondition');
	word text := upper(coalesce(wire_event.document->>'triggeringEventType', saved->>'eventType'));
	filter jsonb := coalesce(wb.parse_wire(wire_event.document, 'eventFilter'), wb.parse_wire(saved, 'filter'));
	run_filter jsonb;
BEGIN
	word := CASE word WHEN 'LINK_ARTIFACT' THEN 'LINK_MODEL' WHEN 'RUN_METRIC_THRESHOLD' THEN 'RUN_METRIC' ELSE word END;
	IF jsonb_typeof(filter) = 'object' THEN
		filter := filter - '__typename';
	END IF;
	-- a saved filter on artifacts is wrapped once more
	IF filter ? 'filter' AND (SELECT count(*) = 1 FROM jsonb_object_keys(filter)) THEN
		filter := coalesce(wb.parse_wire(filter, 'filter'), '{}');
	END IF;
	IF word LIKE 'RUN\_%' AND jsonb_typeof(filter) = 'object' THEN
		-- kept as W&B keeps it: text, encoded once
		run_filter := wb.parse_wire(filter, 'run_filter');
		IF jsonb_typeof(filter->'run_filter') IS DISTINCT FROM 'string' OR jsonb_typeof((filter->>'run_filter')::jsonb) = 'string' THEN
			filter := filter || jsonb_build_object('run_filter', wb.wire_text(coalesce(run_filter, '{"$and": []}')));
		END IF;
	END IF;
	RETURN nullif(jsonb_strip_nulls(jsonb_build_object('event_type', word)) ||
		CASE WHEN filter IS NULL THEN '{}' ELSE jsonb_build_object('event_filter', filter) END, '{}');
END $$;
COMMENT ON FUNCTION wb.wire_event(jsonb) IS
'The event of an automation in W&B''s JSON, input or saved, in our form, without scope; NULL where it has none. Errors: '
'invalid_parameter_value for text that is not JSON.';

CREATE FUNCTION wb.wire_action(document jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	saved jsonb := coalesce(nullif(wire_action.document->'action', 'null'), wire_action.document->'triggeredAction');
	kind text := saved->>'__typename';
	word text := upper(coalesce(wire_action.document->>'triggeredActionType', CASE kind WHEN 'NotificationTriggeredAction' THEN 'NOTIFICATION'
		WHEN 'GenericWebhookTriggeredAction' THEN 'GENERIC_WEBHOOK' WHEN 'NoOpTriggeredAction' THEN 'NO_OP' ELSE kind END));
	config jsonb := wb.parse_wire(wire_action.document, 'triggeredActionConfig');
	key text := CASE word WHEN 'NOTIFICATION' THEN 'notificationActionInput' WHEN 'GENERIC_WEBHOOK' THEN 'genericWebhookActionInput'
		WHEN 'NO_OP' THEN 'noOpActionInput' END;
	input jsonb;
BEGIN
	IF word IS NULL THEN
		RETURN NULL;
	END IF;
	IF saved IS NOT NULL THEN
		input := jsonb_strip_nulls(saved - '{__typename,integration}'::text[] ||
			jsonb_build_object('integrationID', saved #> '{integration,id}'));
		config := CASE WHEN key IS NULL THEN '{}' ELSE jsonb_build_object(key, input) END;
	END IF;
	IF key IS NULL OR jsonb_typeof(config->key) IS DISTINCT FROM 'object' THEN
		RETURN jsonb_build_object('action_type', word, 'action_config', coalesce(config, '{}'));
	END IF;
	input := config->key;
	IF word = 'NO_OP' THEN
		input := input || '{"noOp": true}';
	ELSIF input->>'integrationID' IS NOT NULL THEN
		input := input || jsonb_build_object('integrationID', wb.wire_id(input->>'integrationID', 'Int', 'Integration', 'SlackIntegration',
			'GenericWebhookIntegration'));
	END IF;
	IF word = 'NOTIFICATION' THEN
		input := '{"title": "", "message": "", "severity": "INFO"}' || jsonb_strip_nulls(input);
		input := input || jsonb_build_object('severity', upper(input->>'severity'));
	END IF;
	IF jsonb_typeof(input->'requestPayload') = 'object' THEN
		input := input || jsonb_build_object('requestPayload', wb.wire_text(input->'requestPayload'));
	END IF;
	RETURN jsonb_build_object('action_type', word, 'action_config', config || jsonb_build_object(key, input));
END $$;
COMMENT ON FUNCTION wb.wire_action(jsonb) IS
'The action of an automation in W&B''s JSON, input or saved, in our form; NULL where it has none. Errors: invalid_parameter_value for '
'an id, or text that is not JSON.';

CREATE FUNCTION wb.import_automation(document jsonb) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	d ALIAS FOR import_automation.document;
	known text[] := '{id,name,description,enabled,scopeType,scopeID,triggeringEventType,eventFilter,triggeredActionType,triggeredActionConfig,
		clientMutationId,cooldown,once_per,scope,event,action,triggeringCondition,triggeredAction,createdAt,updatedAt,createdBy,__typename}'::text[];
	strange text;
	missing text;
	changes jsonb;
	changed bigint;
BEGIN
	IF jsonb_typeof(d) IS DISTINCT FROM 'object' THEN
		RAISE EXCEPTION 'an automation in W&B''s JSON must be an object, not %', coalesce(d::text, 'null')
		USING ERRCODE = 'invalid_parameter_value', HINT = 'wb.export_automation(id) shows the form.';
	END IF;
	SELECT k INTO strange FROM jsonb_object_keys(d) k WHERE k <> ALL (known) LIMIT 1;
	IF strange IS NOT NULL THEN
		RAISE EXCEPTION 'unknown key "%" in an automation in W&B''s JSON', strange
		USING ERRCODE = 'invalid_parameter_value', HINT = 'wb.export_automation(id) shows the form.';
	END IF;
	-- the id of a saved automation is W&B's, not one of this database
	IF d ? 'id' AND NOT d ?| '{scope,event,action,triggeringCondition,triggeredAction}' THEN
		changed := wb.wire_id(d->>'id', 'Trigger');
		-- where one half of a pair is given, the automation has the other
		SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}') || d INTO d FROM jsonb_each(wb.export_automation(changed)) e
		JOIN (VALUES ('triggeringEventType', 'eventFilter'), ('eventFilter', 'triggeringEventType'), ('scopeType', 'scopeID'), ('scopeID', 'scopeType'),
			('triggeredActionType', 'triggeredActionConfig'), ('triggeredActionConfig', 'triggeredActionType')) p(key, given) USING (key)
		WHERE d->>p.given IS NOT NULL;
	END IF;
	changes := jsonb_strip_nulls(jsonb_build_object('name', d->'name', 'enabled', d->'enabled', 'once_per', d->'once_per')) ||
		CASE WHEN d ? 'description' THEN jsonb_build_object('description', d->'description') ELSE '{}' END ||
		CASE WHEN d ? 'cooldown' THEN jsonb_build_object('cooldown', d->'cooldown') ELSE '{}' END ||
		jsonb_build_object('scope', wb.wire_scope(d), 'event', wb.wire_event(d), 'action', wb.wire_action(d));
	SELECT coalesce(jsonb_object_agg(c.key, c.value), '{}') INTO changes FROM jsonb_each(changes) c
	WHERE c.value <> 'null' OR c.key IN ('description', 'cooldown');

	IF changed IS NOT NULL THEN
		PERFORM wb.update_automation(changed, changes);
		RETURN changed;
	END IF;
	SELECT string_agg(m, ', ' ORDER BY n) INTO missing FROM unnest('{name,scope,event,action}'::text[]) WITH ORDINALITY u(m, n)
	WHERE NOT changes ? m;
	IF missing IS NOT NULL THEN
		RAISE EXCEPTION 'an automation in W&B''s JSON lacks %', missing
		USING ERRCODE = 'invalid_parameter_value', HINT = 'wb.export_automation(id) shows the form.';
	END IF;
	RETURN wb.create_automation(changes->>'name', changes->'scope' || (changes->'event'), changes->'action', changes->>'description',
		coalesce((changes->>'enabled')::boolean, true), (changes->>'cooldown')::interval, coalesce(changes->>'once_per', 'run'));
END $$;
COMMENT ON FUNCTION wb.import_automation(jsonb) IS
'Makes an automation from W&B''s JSON and returns its id. Argument: CreateFilterTriggerInput; UpdateFilterTriggerInput, whose id names '
'the automation that it changes; or a saved automation as the API returns it. Ids, plain or in base64, are those of this database; a '
'PROJECT is a registry where its id is base64 of Registry:<number>, or its name is wandb-registry-<name>; '
'cooldown and once_per are keys of ours. Errors: as wb.create_automation and wb.update_automation; invalid_parameter_value for an '
'unknown key, a missing one, an id that is none, text that is not JSON. W&B: createFilterTrigger.';

CREATE FUNCTION wb.export_automation(id bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	t wb.automations;
	filter jsonb;
	key text;
	input jsonb;
BEGIN
	PERFORM wb.require_setup();
	SELECT a.* INTO t FROM wb.automations a WHERE a.id = export_automation.id;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'automation % does not exist', export_automation.id USING ERRCODE = 'undefined_object';
	END IF;
	filter := t.event_filter;
	IF jsonb_typeof(filter->'run_filter') = 'object' THEN
		filter := filter || jsonb_build_object('run_filter', wb.wire_text(filter->'run_filter'));
	END IF;
	SELECT k INTO key FROM jsonb_object_keys(t.action_config) k;
	input := t.action_config->key;
	IF input ? 'integrationID' THEN
		input := input || jsonb_build_object('integrationID', input->>'integrationID');
	END IF;
	IF jsonb_typeof(input->'requestPayload') = 'object' THEN
		input := input || jsonb_build_object('requestPayload', wb.wire_text(input->'requestPayload'));
	END IF;
	RETURN jsonb_strip_nulls(jsonb_build_object('name', t.name, 'description', t.description, 'enabled', t.enabled,
			'scopeType', CASE t.scope_type WHEN 'REGISTRY' THEN 'PROJECT' ELSE t.scope_type END,
			'scopeID', CASE t.scope_type WHEN 'REGISTRY' THEN encode(convert_to('Registry:' || t.scope_id, 'UTF8'), 'base64')
				ELSE t.scope_id::text END, 'triggeringEventType', t.event_type,
			'eventFilter', wb.wire_text(filter), 'triggeredActionType', t.action_type, 'cooldown', t.cooldown,
			'once_per', nullif(t.once_per, 'run'))) ||
		jsonb_build_object('triggeredActionConfig', CASE WHEN key IS NULL THEN t.action_config ELSE jsonb_build_object(key, input) END);
END $$;
COMMENT ON FUNCTION wb.export_automation(bigint) IS
'An automation as W&B''s CreateFilterTriggerInput. Ids are those of this database, as text; a registry is a PROJECT whose id is base64 of '
'Registry:<number>; cooldown and once_per are keys of ours, there where they are not the default. Errors: undefined_object for an unknown one. W&B: createFilterTrigger.';
