-- Automations, in the words of W&B's Python SDK.  Scopes, metrics, filters,
-- events and actions are jsonb in W&B's own form, so a rule made here reads the
-- same there.

--
-- Scopes
--
CREATE FUNCTION wb.project(entity text, name text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN jsonb_build_object('scope_type', 'PROJECT', 'scope_id', wb.project_id(project.entity, project.name));
END $$;
COMMENT ON FUNCTION wb.project(text, text) IS
'A project as the scope of an automation: all its runs and collections, future ones too. Errors: undefined_object where the '
'entity or the project does not exist. W&B: scope PROJECT.';

CREATE FUNCTION wb.registry(organization text, name text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN jsonb_build_object('scope_type', 'REGISTRY', 'scope_id', wb.registry_id(registry.organization, registry.name));
END $$;
COMMENT ON FUNCTION wb.registry(text, text) IS
'A registry as the scope of an automation: all its collections, future ones too. Errors: undefined_object where the organization or '
'the registry does not exist. W&B: scope PROJECT, because a registry is a project there.';

CREATE FUNCTION wb.entity(name text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	found bigint := wb.entity_id(entity.name);
BEGIN
	IF EXISTS (SELECT FROM wb.entities e WHERE e.id = found AND e.kind = 'user') THEN
		RAISE EXCEPTION 'entity "%" is a user', entity.name
		USING ERRCODE = 'invalid_parameter_value', HINT = 'The scope of an automation can be a team or an organization.';
	END IF;
	RETURN jsonb_build_object('scope_type', 'ENTITY', 'scope_id', found);
END $$;
COMMENT ON FUNCTION wb.entity(text) IS
'A team or an organization as the scope of an automation: everything that belongs to it, future things too; to an organization belong '
'its registries and its teams. Errors: undefined_object where it does not exist, invalid_parameter_value for a user. W&B: scope ENTITY.';

CREATE FUNCTION wb.collection(scope jsonb, name text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	home bigint := (collection.scope->>'scope_id')::bigint;
	kind text := collection.scope->>'scope_type';
	found bigint;
BEGIN
	PERFORM wb.require_setup();
	IF kind IS NULL OR kind NOT IN ('PROJECT', 'REGISTRY') THEN
		RAISE EXCEPTION 'a collection belongs to a project or a registry, not to %', coalesce(collection.scope::text, 'null')
		USING ERRCODE = 'invalid_parameter_value',
			HINT = 'Write wb.collection(wb.project(entity, name), collection), or wb.registry(organization, name) within.';
	END IF;
	SELECT c.id INTO found FROM wb.collections c
	WHERE c.name = collection.name AND CASE kind WHEN 'PROJECT' THEN c.project_id ELSE c.registry_id END = home;
	IF found IS NULL THEN
		RAISE EXCEPTION 'collection "%" does not exist in % %', collection.name, lower(kind), home
		USING ERRCODE = 'undefined_object', HINT = CASE kind
			WHEN 'PROJECT' THEN 'wb.log_artifact() makes it with its first version.'
			ELSE 'wb.link_artifact() makes it with its first link.' END;
	END IF;
	RETURN jsonb_build_object('scope_type', 'ARTIFACT_COLLECTION', 'scope_id', found);
END $$;
COMMENT ON FUNCTION wb.collection(jsonb, text) IS
'A collection of a project or of a registry as the scope of an automation. Arguments: the scope of either, the name. Errors: '
'undefined_object where it does not exist. W&B: scope ARTIFACT_COLLECTION.';

--
-- Metrics
--
CREATE FUNCTION wb.comparator(cmp text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	CASE comparator.cmp
	WHEN '>', '$gt' THEN RETURN '$gt';
	WHEN '>=', '$gte' THEN RETURN '$gte';
	WHEN '<', '$lt' THEN RETURN '$lt';
	WHEN '<=', '$lte' THEN RETURN '$lte';
	WHEN '=', '$eq' THEN RETURN '$eq';
	WHEN '<>', '!=', '$ne' THEN RETURN '$ne';
	ELSE
		RAISE EXCEPTION 'unknown comparator "%"', comparator.cmp
		USING ERRCODE = 'invalid_parameter_value',
			HINT = 'Comparators are > >= < <= = <>, or $gt $gte $lt $lte $eq $ne.';
	END CASE;
END $$;
COMMENT ON FUNCTION wb.comparator(text) IS
'W&B''s word for a comparator. Errors: invalid_parameter_value for any but > >= < <= = <> and their $ words.';

CREATE FUNCTION wb.threshold_filter(name text, agg text, window_size integer, cmp text, threshold double precision)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET extra_float_digits = 1 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	IF name IS NULL OR name = '' THEN
		RAISE EXCEPTION 'metric name is empty'
		USING ERRCODE = 'invalid_parameter_value', HINT = 'Give the name under which the metric is logged.';
	END IF;
	IF window_size IS NULL OR window_size NOT BETWEEN 1 AND 10000 THEN
		RAISE EXCEPTION 'window_size % of metric "%" is out of range', window_size, name
		USING ERRCODE = 'invalid_parameter_value', HINT = 'A window holds 1 to 10000 values.';
	END IF;
	IF cmp NOT IN ('$isnan', '$notfinite') AND (threshold IS NULL OR threshold IN ('NaN', 'Infinity', '-Infinity')) THEN
		RAISE EXCEPTION 'threshold % of metric "%" is not a finite number', threshold, name
		USING ERRCODE = 'invalid_parameter_value', HINT = 'To ask for NaN, use wb.is_nan(name).';
	END IF;
	RETURN jsonb_build_object('threshold_filter', jsonb_build_object('name', name, 'agg_op', agg,
		'window_size', window_size, 'cmp_op', cmp, 'threshold', threshold));
END $$;
COMMENT ON FUNCTION wb.threshold_filter(text, text, integer, text, double precision) IS
'A metric condition in W&B''s form. Arguments: metric; AVERAGE, MIN, MAX or null; values in the window, 1 to 10000; '
'comparator; threshold, a finite number. Errors: invalid_parameter_value, naming the value. W&B: MetricThresholdFilter.';

CREATE FUNCTION wb.metric(name text, cmp text, threshold double precision) RETURNS jsonb
LANGUAGE sql IMMUTABLE
RETURN wb.threshold_filter(name, NULL, 1, wb.comparator(cmp), threshold);
COMMENT ON FUNCTION wb.metric(text, text, double precision) IS
'The last value of a metric compares so to a threshold. Arguments: metric; one of > >= < <= = <>; a finite number. NaN compares '
'to nothing, except that it is <> everything. Errors: invalid_parameter_value. W&B: RunEvent.metric(name) > threshold.';

CREATE FUNCTION wb.avg(name text, cmp text, threshold double precision, window_size integer = 5) RETURNS jsonb
LANGUAGE sql IMMUTABLE
RETURN wb.threshold_filter(name, 'AVERAGE', window_size, wb.comparator(cmp), threshold);
COMMENT ON FUNCTION wb.avg(text, text, double precision, integer) IS
'The average of the last window_size values (1 to 10000) of a metric compares so to a threshold; not before there are that '
'many. Errors: invalid_parameter_value. W&B: RunEvent.metric(name).avg(window).';

CREATE FUNCTION wb.min(name text, cmp text, threshold double precision, window_size integer = 5) RETURNS jsonb
LANGUAGE sql IMMUTABLE
RETURN wb.threshold_filter(name, 'MIN', window_size, wb.comparator(cmp), threshold);
COMMENT ON FUNCTION wb.min(text, text, double precision, integer) IS
'The minimum of the last window_size values (1 to 10000) of a metric compares so to a threshold; not before there are that '
'many. Errors: invalid_parameter_value. W&B: RunEvent.metric(name).min(window).';

CREATE FUNCTION wb.max(name text, cmp text, threshold double precision, window_size integer = 5) RETURNS jsonb
LANGUAGE sql IMMUTABLE
RETURN wb.threshold_filter(name, 'MAX', window_size, wb.comparator(cmp), threshold);
COMMENT ON FUNCTION wb.max(text, text, double precision, integer) IS
'The maximum of the last window_size values (1 to 10000) of a metric compares so to a threshold; not before there are that '
'many. Errors: invalid_parameter_value. W&B: RunEvent.metric(name).max(window).';

CREATE FUNCTION wb.is_nan(name text) RETURNS jsonb
LANGUAGE sql IMMUTABLE
RETURN wb.threshold_filter(name, NULL, 1, '$isnan', NULL);
COMMENT ON FUNCTION wb.is_nan(text) IS
'The last value of a metric is NaN. Errors: invalid_parameter_value for an empty name. W&B has no word for it: the comparator '
'"$isnan" is ours.';

CREATE FUNCTION wb.is_not_finite(name text) RETURNS jsonb
LANGUAGE sql IMMUTABLE
RETURN wb.threshold_filter(name, NULL, 1, '$notfinite', NULL);
COMMENT ON FUNCTION wb.is_not_finite(text) IS
'The last value of a metric is NaN, Infinity or -Infinity. Errors: invalid_parameter_value for an empty name. W&B has no word for '
'it: the comparator "$notfinite" is ours.';

CREATE FUNCTION wb.change_filter(name text, direction text, frac double precision, diff double precision, agg text,
	window_size integer, prior_window_size integer) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET extra_float_digits = 1 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	amount double precision := coalesce(frac, diff);
	word text := CASE lower(agg) WHEN 'avg' THEN 'AVERAGE' WHEN 'average' THEN 'AVERAGE' WHEN 'min' THEN 'MIN' WHEN 'max' THEN 'MAX' END;
BEGIN
	IF num_nonnulls(frac, diff) <> 1 THEN
		RAISE EXCEPTION 'a change of metric "%" needs exactly one of frac and diff', name
		USING ERRCODE = 'invalid_parameter_value',
			HINT = 'Give frac for a part of the value before, like 0.25, or diff for a difference.';
	END IF;
	IF amount <= 0 OR amount IN ('NaN', 'Infinity') THEN
		RAISE EXCEPTION 'change % of metric "%" is not a finite number above zero', amount, name
		USING ERRCODE = 'invalid_parameter_value', HINT = 'The direction is in the name of the function.';
	END IF;
	IF agg IS NOT NULL AND word IS NULL THEN
		RAISE EXCEPTION 'unknown aggregation "%"', agg
		USING ERRCODE = 'invalid_parameter_value',
			HINT = 'Aggregations are avg, min and max, or null for the last value against the one before.';
	END IF;
	RETURN jsonb_build_object('change_filter', jsonb_build_object('name', name, 'agg_op', word,
		'current_window_size', window_size, 'prior_window_size', prior_window_size,
		'change_type', CASE WHEN frac IS NULL THEN 'ABSOLUTE' ELSE 'RELATIVE' END, 'change_dir', direction,
		'change_amount', amount));
END $$;
COMMENT ON FUNCTION wb.change_filter(text, text, double precision, double precision, text, integer, integer) IS
'A change condition in W&B''s form; see wb.changes_by. Errors: invalid_parameter_value, naming the value. W&B: MetricChangeFilter.';

CREATE FUNCTION wb.increases_by(name text, frac double precision = NULL, diff double precision = NULL, agg text = 'avg',
	window_size integer = 10, prior_window_size integer = 50) RETURNS jsonb
LANGUAGE sql IMMUTABLE
RETURN wb.change_filter(name, 'INCREASE', frac, diff, agg, window_size, prior_window_size);
COMMENT ON FUNCTION wb.increases_by(text, double precision, double precision, text, integer, integer) IS
'A metric rises by at least frac (a part of the value before, 0.25 for 25 %) or diff: the aggregate of its last window_size values '
'against that of the prior_window_size just before. agg: avg, min, max, or null for the last value against the one before. Errors: '
'invalid_parameter_value. W&B: metric.avg(window).increases_by().';

CREATE FUNCTION wb.decreases_by(name text, frac double precision = NULL, diff double precision = NULL, agg text = 'avg',
	window_size integer = 10, prior_window_size integer = 50) RETURNS jsonb
LANGUAGE sql IMMUTABLE
RETURN wb.change_filter(name, 'DECREASE', frac, diff, agg, window_size, prior_window_size);
COMMENT ON FUNCTION wb.decreases_by(text, double precision, double precision, text, integer, integer) IS
'A metric falls by at least frac or diff; otherwise as wb.increases_by. W&B: metric.avg(window).decreases_by().';

CREATE FUNCTION wb.changes_by(name text, frac double precision = NULL, diff double precision = NULL, agg text = 'avg',
	window_size integer = 10, prior_window_size integer = 50) RETURNS jsonb
LANGUAGE sql IMMUTABLE
RETURN wb.change_filter(name, 'ANY', frac, diff, agg, window_size, prior_window_size);
COMMENT ON FUNCTION wb.changes_by(text, double precision, double precision, text, integer, integer) IS
'A metric rises or falls by at least frac or diff; otherwise as wb.increases_by. W&B: metric.avg(window).changes_by().';

CREATE FUNCTION wb.zscore(name text, window_size integer = 30, threshold double precision = 3, direction text = 'any',
	baseline text = 'run') RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET extra_float_digits = 1 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	word text := CASE lower(direction) WHEN 'any' THEN 'ANY' WHEN 'above' THEN 'INCREASE' WHEN 'below' THEN 'DECREASE' END;
BEGIN
	IF word IS NULL THEN
		RAISE EXCEPTION 'unknown direction "%"', direction
		USING ERRCODE = 'invalid_parameter_value', HINT = 'Directions are any, above and below.';
	END IF;
	IF threshold IS NULL OR threshold <= 0 OR threshold IN ('NaN', 'Infinity') THEN
		RAISE EXCEPTION 'threshold % of a z-score is not a finite number above zero', threshold
		USING ERRCODE = 'invalid_parameter_value', HINT = 'With direction => ''below'' it still is the size of the distance.';
	END IF;
	RETURN jsonb_build_object('zscore_filter', jsonb_build_object('name', name, 'window_size', window_size,
		'threshold', threshold, 'change_dir', word) ||
		CASE WHEN baseline = 'run' THEN '{}' ELSE jsonb_build_object('baseline', baseline) END);
END $$;
COMMENT ON FUNCTION wb.zscore(text, integer, double precision, text, text) IS
'The last value of a metric is at least threshold sample deviations away from the mean of the window_size values (2 to 10000) '
'before it, in a direction: any, above or below. baseline: run, or project_runs for the last values of that many newest other runs '
'of the project that have the metric. Errors: invalid_parameter_value. W&B: metric.zscore(window).';

CREATE FUNCTION wb.plateau(name text, window_size integer = 10, prior_window_size integer = 50, min_delta double precision = 0.01,
	goal text = 'minimize') RETURNS jsonb
LANGUAGE sql IMMUTABLE SET extra_float_digits = 1
RETURN jsonb_build_object('plateau_filter', jsonb_build_object('name', name, 'current_window_size', window_size,
	'prior_window_size', prior_window_size, 'min_delta', min_delta, 'goal', goal));
COMMENT ON FUNCTION wb.plateau(text, integer, integer, double precision, text) IS
'A metric does not get better: the best of its last window_size values beats the best of the prior_window_size before by less than '
'min_delta times the size of that one. goal: minimize or maximize. What is wrong with the arguments is said by '
'wb.create_automation. W&B has no word for it: plateau_filter is ours, and counts as RUN_METRIC_CHANGE.';

--
-- Filters
--
CREATE FUNCTION wb.where_value(field text, cmp text, value jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	word text := CASE where_value.cmp
		WHEN '~' THEN '$regex' WHEN 'in' THEN '$in' WHEN 'not in' THEN '$nin' WHEN 'contains' THEN '$contains'
		WHEN 'exists' THEN '$exists' WHEN '$regex' THEN '$regex' WHEN '$in' THEN '$in' WHEN '$nin' THEN '$nin'
		WHEN '$contains' THEN '$contains' WHEN '$exists' THEN '$exists'
		WHEN 'size' THEN '$size' WHEN 'all' THEN '$all' WHEN '$size' THEN '$size' WHEN '$all' THEN '$all'
		END;
BEGIN
	IF word IS NULL THEN
		BEGIN
			word := wb.comparator(where_value.cmp);
		EXCEPTION WHEN invalid_parameter_value THEN
			RAISE EXCEPTION 'unknown comparator "%"', where_value.cmp
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Comparators are > >= < <= = <> ~ in, not in, contains, exists, size, all, or W&B''s words such as $gt and $regex.';
		END;
	END IF;
	RETURN jsonb_build_object(where_value.field, jsonb_build_object(word, where_value.value));
END $$;
COMMENT ON FUNCTION wb.where_value(text, text, jsonb) IS
'A condition on a field in W&B''s form. What fields and values are allowed is checked with the automation.';

CREATE FUNCTION wb."where"(field text, cmp text, value text) RETURNS jsonb
LANGUAGE sql IMMUTABLE RETURN wb.where_value(field, cmp, to_jsonb(value));
COMMENT ON FUNCTION wb."where"(text, text, text) IS
'A condition on a field of a run (name, display_name, username, state, tags, job_type, group_name, duration in seconds, config.*, '
'summary.*) or of an artifact (alias, tag, artifact_collection_name, artifact_type, metadata.*). cmp: > >= < <= = <>, ~ for a regular '
'expression, contains. Errors: invalid_parameter_value for another comparator. W&B: RunEvent.name.matches_regex() and its like.';

CREATE FUNCTION wb."where"(field text, cmp text, value numeric) RETURNS jsonb
LANGUAGE sql IMMUTABLE RETURN wb.where_value(field, cmp, to_jsonb(value));
COMMENT ON FUNCTION wb."where"(text, text, numeric) IS 'As wb.where(field, cmp, text), for a number; cmp size asks how many values a list has.';

CREATE FUNCTION wb."where"(field text, cmp text, value boolean) RETURNS jsonb
LANGUAGE sql IMMUTABLE RETURN wb.where_value(field, cmp, to_jsonb(value));
COMMENT ON FUNCTION wb."where"(text, text, boolean) IS
'As wb.where(field, cmp, text), for true and false; cmp exists asks whether the field has a value.';

CREATE FUNCTION wb."where"(field text, cmp text, value text[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE RETURN wb.where_value(field, cmp, to_jsonb(value));
COMMENT ON FUNCTION wb."where"(text, text, text[]) IS 'As wb.where(field, cmp, text), for a list, with in, not in or all; = and <> take it as the whole value.';

CREATE FUNCTION wb.all_of(VARIADIC conditions jsonb[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE RETURN jsonb_build_object('$and', to_jsonb(conditions));
COMMENT ON FUNCTION wb.all_of(jsonb[]) IS 'Every condition holds. W&B: And.';

CREATE FUNCTION wb.any_of(VARIADIC conditions jsonb[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE RETURN jsonb_build_object('$or', to_jsonb(conditions));
COMMENT ON FUNCTION wb.any_of(jsonb[]) IS 'One condition or more hold. W&B: Or.';

CREATE FUNCTION wb.none_of(VARIADIC conditions jsonb[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE RETURN jsonb_build_object('$nor', to_jsonb(conditions));
COMMENT ON FUNCTION wb.none_of(jsonb[]) IS 'No condition holds. W&B: Nor.';

--
-- Events
--
CREATE FUNCTION wb.event(scope jsonb, event_type text, event_filter jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF event.scope->>'scope_type' IS NULL OR event.scope->>'scope_id' IS NULL THEN
		RAISE EXCEPTION '% is no scope', coalesce(event.scope::text, 'null')
		USING ERRCODE = 'invalid_parameter_value',
			HINT = 'Make one with wb.project(), wb.registry(), wb.collection() or wb.entity().';
	END IF;
	RETURN event.scope || jsonb_build_object('event_type', event.event_type, 'event_filter', event.event_filter);
END $$;
COMMENT ON FUNCTION wb.event(jsonb, text, jsonb) IS
'An event for wb.create_automation, from its parts. Errors: invalid_parameter_value where scope is not one.';

-- W&B wants run filters as JSON text, always with $and at the top.
CREATE FUNCTION wb.run_filter_text(run_filter jsonb) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN CASE WHEN run_filter IS NULL THEN '{"$and": []}'
	WHEN run_filter ? '$and' AND (SELECT count(*) = 1 FROM jsonb_object_keys(run_filter)) THEN run_filter::text
	ELSE jsonb_build_object('$and', jsonb_build_array(run_filter))::text END;
COMMENT ON FUNCTION wb.run_filter_text(jsonb) IS 'A run filter as W&B keeps it: JSON text, with $and at the top.';

CREATE FUNCTION wb.on_run_metric(scope jsonb, metric jsonb, run_filter jsonb = NULL) RETURNS jsonb
LANGUAGE sql IMMUTABLE
RETURN wb.event(scope, CASE WHEN metric ? 'zscore_filter' THEN 'RUN_METRIC_ZSCORE'
		WHEN metric ?| ARRAY['change_filter', 'plateau_filter'] THEN 'RUN_METRIC_CHANGE' ELSE 'RUN_METRIC' END,
	jsonb_build_object('run_filter', wb.run_filter_text(run_filter), 'run_metric_filter', metric, 'metric_filter', NULL));
COMMENT ON FUNCTION wb.on_run_metric(jsonb, jsonb, jsonb) IS
'A metric of a run in the scope meets a condition. Arguments: wb.project(); wb.metric(), wb.avg(), wb.min(), wb.max(), '
'wb.is_nan(), wb.is_not_finite(), wb.increases_by() and its like, wb.zscore() or wb.plateau(); conditions on the run, if any. Errors: invalid_parameter_value. W&B: OnRunMetric.';

CREATE FUNCTION wb.on_run_state(scope jsonb, states text[], run_filter jsonb = NULL) RETURNS jsonb
LANGUAGE sql IMMUTABLE
RETURN wb.event(scope, 'RUN_STATE', jsonb_build_object('run_filter', wb.run_filter_text(run_filter),
	'run_state_filter', jsonb_build_object('states',
		(SELECT coalesce(jsonb_agg(DISTINCT upper(s) ORDER BY upper(s)), '[]') FROM unnest(states) s))));
COMMENT ON FUNCTION wb.on_run_state(jsonb, text[], jsonb) IS
'A run in the scope changes to one of these states: running, finished, failed; a crash counts as failed. Arguments: '
'wb.project(); the states; conditions on the run, if any. Errors: invalid_parameter_value. W&B: OnRunState.';

CREATE FUNCTION wb.on_schedule(scope jsonb, every interval, at_time time = NULL, timezone text = 'UTC', metrics text[] = '{}')
RETURNS jsonb
LANGUAGE sql IMMUTABLE
RETURN wb.event(scope, 'SCHEDULE', jsonb_build_object('schedule_filter', jsonb_build_object(
	'months', (extract(year FROM every) * 12 + extract(month FROM every))::integer, 'days', extract(day FROM every)::integer,
	'seconds', (extract(hour FROM every) * 3600 + extract(minute FROM every) * 60 + floor(extract(second FROM every)))::integer,
	'at_seconds', coalesce(extract(epoch FROM at_time), 0)::integer, 'timezone', timezone, 'metrics', to_jsonb(metrics))));
COMMENT ON FUNCTION wb.on_schedule(jsonb, interval, time, text, text[]) IS
'A time has come: every so many months or days at a time of day in a time zone, through changes of its clock, or every so many '
'hours or minutes counted from that time. Found by the worker, once a minute; a time that was missed while no worker ran fires once. '
'The event carries what happened in the project, or in all of the team or organization, since the time before: runs started, finished, failed and crashed, firings, and of '
'each of these metrics the last, least and greatest value in the ten newest runs. Arguments: wb.project() or wb.entity(); months, or days, or 1 '
'minute to 24 hours; a time of day, absent: midnight; a name of a time zone; names of metrics. Errors: invalid_parameter_value. W&B '
'has no word for it.';

CREATE FUNCTION wb.on_run_silent(scope jsonb, silent_for interval, metric text = NULL, run_filter jsonb = NULL) RETURNS jsonb
LANGUAGE sql IMMUTABLE
RETURN wb.event(scope, 'RUN_SILENT', jsonb_build_object('run_filter', wb.run_filter_text(run_filter),
	'run_silent_filter', jsonb_build_object('silent_for', extract(epoch FROM silent_for), 'metric', metric)));
COMMENT ON FUNCTION wb.on_run_silent(jsonb, interval, text, jsonb) IS
'A running run in the scope has given no sign of life for so long, or has not logged this metric. Found by the worker, once a '
'minute. Arguments: wb.project(); 1 second to 365 days; a metric, absent: any metric or heartbeat counts; conditions on the run, if '
'any. Errors: invalid_parameter_value. W&B has no word for it.';

-- W&B wants filters of artifact events always in this form.
CREATE FUNCTION wb.artifact_event(scope jsonb, event_type text, filter jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE
RETURN wb.event(scope, event_type, jsonb_build_object('$or', jsonb_build_array(jsonb_build_object('$and',
	CASE WHEN filter IS NULL THEN jsonb_build_array() ELSE jsonb_build_array(filter) END))));
COMMENT ON FUNCTION wb.artifact_event(jsonb, text, jsonb) IS
'An event on artifacts for wb.create_automation, from its parts. Errors: invalid_parameter_value where scope is not one.';

CREATE FUNCTION wb.on_create_artifact(scope jsonb, filter jsonb = NULL) RETURNS jsonb
LANGUAGE sql IMMUTABLE RETURN wb.artifact_event(scope, 'CREATE_ARTIFACT', filter);
COMMENT ON FUNCTION wb.on_create_artifact(jsonb, jsonb) IS
'A version is committed in a collection of a project; not in the scope of a registry. Arguments: a scope; conditions on the aliases and tags that it was given, if any. Errors: invalid_parameter_value. W&B: OnCreateArtifact.';

CREATE FUNCTION wb.on_link_artifact(scope jsonb, filter jsonb = NULL) RETURNS jsonb
LANGUAGE sql IMMUTABLE RETURN wb.artifact_event(scope, 'LINK_MODEL', filter);
COMMENT ON FUNCTION wb.on_link_artifact(jsonb, jsonb) IS
'A version is linked to a collection of a registry. Arguments: a scope; conditions on the aliases given with the link and the tags of the version, if any. Errors: invalid_parameter_value. W&B: OnLinkArtifact.';

CREATE FUNCTION wb.on_unlink_artifact(scope jsonb, filter jsonb = NULL) RETURNS jsonb
LANGUAGE sql IMMUTABLE RETURN wb.artifact_event(scope, 'UNLINK_ARTIFACT', filter);
COMMENT ON FUNCTION wb.on_unlink_artifact(jsonb, jsonb) IS
'A version is unlinked from a collection of a registry. Arguments: a scope; conditions on the aliases that it had there and the tags of the version, if any. Errors: invalid_parameter_value. W&B: OnUnlinkArtifact.';

CREATE FUNCTION wb.on_add_artifact_alias(scope jsonb, filter jsonb = NULL) RETURNS jsonb
LANGUAGE sql IMMUTABLE RETURN wb.artifact_event(scope, 'ADD_ARTIFACT_ALIAS', filter);
COMMENT ON FUNCTION wb.on_add_artifact_alias(jsonb, jsonb) IS
'A version gets an alias in a collection. Arguments: a scope; conditions on the alias, if any. Errors: invalid_parameter_value. W&B: OnAddArtifactAlias.';

CREATE FUNCTION wb.on_add_artifact_tag(scope jsonb, filter jsonb = NULL) RETURNS jsonb
LANGUAGE sql IMMUTABLE RETURN wb.artifact_event(scope, 'ADD_ARTIFACT_TAG', filter);
COMMENT ON FUNCTION wb.on_add_artifact_tag(jsonb, jsonb) IS
'A version gets a tag. Arguments: a scope; conditions on the tag, if any. Errors: invalid_parameter_value. W&B: OnAddArtifactTag.';

CREATE FUNCTION wb.on_remove_artifact_tag(scope jsonb, filter jsonb = NULL) RETURNS jsonb
LANGUAGE sql IMMUTABLE RETURN wb.artifact_event(scope, 'REMOVE_ARTIFACT_TAG', filter);
COMMENT ON FUNCTION wb.on_remove_artifact_tag(jsonb, jsonb) IS
'A version loses a tag. Arguments: a scope; conditions on the tag, if any. Errors: invalid_parameter_value. W&B: OnRemoveArtifactTag.';

CREATE FUNCTION wb.on_add_collection_tag(scope jsonb, filter jsonb = NULL) RETURNS jsonb
LANGUAGE sql IMMUTABLE RETURN wb.artifact_event(scope, 'ADD_COLLECTION_TAG', filter);
COMMENT ON FUNCTION wb.on_add_collection_tag(jsonb, jsonb) IS
'A collection gets a tag. Arguments: a scope; conditions on the tag, if any. Errors: invalid_parameter_value. W&B: OnAddCollectionTag.';

CREATE FUNCTION wb.on_remove_collection_tag(scope jsonb, filter jsonb = NULL) RETURNS jsonb
LANGUAGE sql IMMUTABLE RETURN wb.artifact_event(scope, 'REMOVE_COLLECTION_TAG', filter);
COMMENT ON FUNCTION wb.on_remove_collection_tag(jsonb, jsonb) IS
'A collection loses a tag. Arguments: a scope; conditions on the tag, if any. Errors: invalid_parameter_value. W&B: OnRemoveCollectionTag.';

--
-- Actions
--
CREATE FUNCTION wb.send_notification(integration bigint, title text = '', message text = '', severity text = 'INFO')
RETURNS jsonb
LANGUAGE sql IMMUTABLE
RETURN jsonb_build_object('action_type', 'NOTIFICATION', 'action_config', jsonb_build_object('notificationActionInput',
	jsonb_build_object('integrationID', integration, 'title', coalesce(title, ''), 'message', coalesce(message, ''),
		'severity', upper(btrim(coalesce(severity, 'INFO'))))));
COMMENT ON FUNCTION wb.send_notification(bigint, text, text, text) IS
'Sends a Slack message. Arguments: wb.slack_integration(); a title and a text, with variables like ${run_name}; INFO, WARN or '
'ERROR. What is wrong with them is said by wb.create_automation. W&B: SendNotification.';

CREATE FUNCTION wb.send_webhook(integration bigint, payload jsonb = NULL) RETURNS jsonb
LANGUAGE sql IMMUTABLE
RETURN jsonb_build_object('action_type', 'GENERIC_WEBHOOK', 'action_config', jsonb_build_object('genericWebhookActionInput',
	jsonb_build_object('integrationID', integration) ||
	CASE WHEN payload IS NULL THEN '{}' ELSE jsonb_build_object('requestPayload', payload::text) END));
COMMENT ON FUNCTION wb.send_webhook(bigint, jsonb) IS
'Posts to a webhook. Arguments: wb.webhook_integration(); the body, a JSON object whose strings may hold variables like '
'${run_name}; absent: {}. What is wrong with them is said by wb.create_automation. W&B: SendWebhook.';

CREATE FUNCTION wb.send_notify(channel text, payload text = NULL) RETURNS jsonb
LANGUAGE sql IMMUTABLE
RETURN jsonb_build_object('action_type', 'NOTIFY', 'action_config', jsonb_build_object('notifyActionInput',
	jsonb_build_object('channel', channel) ||
	CASE WHEN payload IS NULL THEN '{}' ELSE jsonb_build_object('payload', payload) END));
COMMENT ON FUNCTION wb.send_notify(text, text) IS
'Action: the worker issues NOTIFY, for programs that LISTEN, such as a trainer that stops itself. channel: 1 to 63 bytes; payload: less than '
'8000 bytes, NULL for a JSON object with execution_id, automation_name, event_type, run_id, run_name and why; both may hold variables. Not in W&B.';

CREATE FUNCTION wb.do_nothing() RETURNS jsonb
LANGUAGE sql IMMUTABLE
RETURN '{"action_type": "NO_OP", "action_config": {"noOpActionInput": {"noOp": true}}}'::jsonb;
COMMENT ON FUNCTION wb.do_nothing() IS
'Does nothing but leave an execution in history, to try an automation out. W&B: DoNothing.';

--
-- Automations
--
CREATE FUNCTION wb.create_automation(name text, event jsonb, action jsonb, description text = NULL, enabled boolean = true,
	cooldown interval = NULL, once_per text = 'run', fetch_existing boolean = false) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	made bigint;
	a ALIAS FOR create_automation.action;
	e ALIAS FOR create_automation.event;
BEGIN
	PERFORM wb.require_setup();
	SELECT t.id INTO made FROM wb.automations t
	WHERE t.scope_type = e->>'scope_type' AND t.scope_id = (e->>'scope_id')::bigint AND t.name = create_automation.name;
	IF made IS NOT NULL AND create_automation.fetch_existing THEN
		RETURN made;
	END IF;
	IF made IS NOT NULL THEN
		RAISE EXCEPTION 'automation "%" exists in this scope', create_automation.name
		USING ERRCODE = 'unique_violation',
			HINT = 'Choose another name, or fetch_existing => true to get the one that exists.';
	END IF;

	INSERT INTO wb.automations (name, description, enabled, scope_type, scope_id, event_type, event_filter, action_type,
		action_config, cooldown, once_per)
	VALUES (create_automation.name, create_automation.description, create_automation.enabled, e->>'scope_type',
		(e->>'scope_id')::bigint, e->>'event_type', e->'event_filter', a->>'action_type', a->'action_config',
		create_automation.cooldown, create_automation.once_per)
	RETURNING id INTO made;

	IF jsonb_array_length(e #> '{event_filter,run_state_filter,states}') > 1 AND create_automation.once_per = 'run' THEN
		RAISE NOTICE 'automation "%" fires once per run and cooldown: after one of its states it is silent for the others',
			create_automation.name
		USING HINT = 'With once_per => ''run_state'' each state counts apart.';
	END IF;
	PERFORM wb.warn_without_worker();
	RETURN made;
END $$;
COMMENT ON FUNCTION wb.create_automation(text, jsonb, jsonb, text, boolean, interval, text, boolean) IS
'Makes an automation and returns its id. Arguments: a name of 1 to 255 characters, unique in the scope; wb.on_...(); wb.send_...() or '
'wb.do_nothing(); a description; whether it is switched on; the least time between two firings on one run, absent: 24 hours for '
'run events and none for artifact events; run or run_state, what the cooldown counts by; whether one of that name is returned as '
'it is. Errors: unique_violation for a name that exists, invalid_parameter_value and foreign_key_violation naming what cannot work. '
'Warns where no worker would deliver. W&B: Api.create_automation.';

CREATE FUNCTION wb.automation(name text, entity text = NULL) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	found bigint[];
BEGIN
	PERFORM wb.require_setup();
	SELECT array_agg(t.id) INTO found FROM wb.automations t
	LEFT JOIN wb.collections c ON t.scope_type = 'ARTIFACT_COLLECTION' AND c.id = t.scope_id
	LEFT JOIN wb.projects p ON p.id = CASE t.scope_type WHEN 'PROJECT' THEN t.scope_id ELSE c.project_id END
	LEFT JOIN wb.registries r ON r.id = CASE t.scope_type WHEN 'REGISTRY' THEN t.scope_id ELSE c.registry_id END
	JOIN wb.entities n ON n.id = CASE t.scope_type WHEN 'ENTITY' THEN t.scope_id ELSE coalesce(p.entity_id, r.entity_id) END
	WHERE t.name = automation.name AND (automation.entity IS NULL OR n.name = automation.entity);
	IF found IS NULL THEN
		RAISE EXCEPTION 'automation "%" does not exist', automation.name USING ERRCODE = 'undefined_object';
	ELSIF cardinality(found) > 1 THEN
		RAISE EXCEPTION '% automations are called "%"', cardinality(found), automation.name
		USING ERRCODE = 'cardinality_violation', HINT = 'Name the entity, if that tells them apart, or look the id up in wb.automations.';
	END IF;
	RETURN found[1];
END $$;
COMMENT ON FUNCTION wb.automation(text, text) IS
'Id of the automation of this name. Errors: undefined_object where there is none, cardinality_violation where there are more. '
'W&B: Api.automation.';

CREATE FUNCTION wb.set_enabled(id bigint, enabled boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM wb.require_setup();
	UPDATE wb.automations t SET enabled = set_enabled.enabled WHERE t.id = set_enabled.id;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'automation % does not exist', set_enabled.id USING ERRCODE = 'undefined_object';
	END IF;
END $$;
COMMENT ON FUNCTION wb.set_enabled(bigint, boolean) IS
'Switches an automation on or off. Errors: undefined_object for an unknown one.';

CREATE FUNCTION wb.enable_automation(id bigint) RETURNS void
LANGUAGE sql RETURN wb.set_enabled(id, true);
COMMENT ON FUNCTION wb.enable_automation(bigint) IS
'Switches an automation on: rows written from now on are judged. Errors: undefined_object for an unknown one.';

CREATE FUNCTION wb.disable_automation(id bigint) RETURNS void
LANGUAGE sql RETURN wb.set_enabled(id, false);
COMMENT ON FUNCTION wb.disable_automation(bigint) IS
'Switches an automation off; what is in the queue is still sent. Errors: undefined_object for an unknown one.';

CREATE FUNCTION wb.delete_automation(id bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM wb.require_setup();
	DELETE FROM wb.automations t WHERE t.id = delete_automation.id;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'automation % does not exist', delete_automation.id USING ERRCODE = 'undefined_object';
	END IF;
	RETURN true;
END $$;
COMMENT ON FUNCTION wb.delete_automation(bigint) IS
'Deletes an automation and returns true. Its history stays, and what is in the queue is still sent. Errors: undefined_object for an '
'unknown one. W&B: Api.delete_automation.';
