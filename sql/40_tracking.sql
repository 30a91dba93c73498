-- Tracking: pleasant forms of plain INSERT, UPDATE and DELETE.

-- What a plain INSERT is refused for by a CHECK constraint, in words.
CREATE FUNCTION wb.check_name(kind text, name text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	allowed text;
BEGIN
	IF check_name.name IS NULL OR check_name.name ~ (CASE
			WHEN check_name.kind = 'collection' THEN '^[^/:\r\n]{1,128}$'
			WHEN check_name.kind = 'alias' THEN '^(?!v\d+$)[^/:\r\n]{1,128}$'
			WHEN check_name.kind = 'tag' THEN '^(?!.{129})[-\w]+( +[-\w]+)*$'
			ELSE '^[^/\\#?%:\r\n]{1,128}$' END) THEN
		RETURN;
	END IF;
	allowed := CASE check_name.kind
		WHEN 'collection' THEN 'Use 1 to 128 characters without /, : and line ends.'
		WHEN 'alias' THEN 'Use 1 to 128 characters without /, : and line ends, and not the form of a version, such as v3.'
		WHEN 'tag' THEN 'Use words of letters, digits, - and _ with blanks between them, at most 128 characters.'
		ELSE 'Use 1 to 128 characters without / \ # ? % : and line ends.' END;
	RAISE EXCEPTION 'invalid name of %: "%"', CASE check_name.kind WHEN 'alias' THEN 'an alias' ELSE 'a ' || check_name.kind END, check_name.name
		USING ERRCODE = 'check_violation', HINT = allowed;
END $$;
COMMENT ON FUNCTION wb.check_name(text, text) IS
'Raises check_violation, with what is allowed, where something cannot have this name. kind: team, organization, project, registry, run, collection, alias or tag.';

CREATE FUNCTION wb.create_team(name text, organization text = NULL) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	home bigint;
	team record;
BEGIN
	PERFORM wb.require_setup();
	PERFORM wb.check_name('team', create_team.name);
	IF create_team.organization IS NOT NULL THEN
		PERFORM wb.check_name('organization', create_team.organization);
		INSERT INTO wb.entities (name, kind) VALUES (create_team.organization, 'organization')
		ON CONFLICT (name) DO NOTHING;
		home := wb.organization_id(create_team.organization);
	END IF;
	INSERT INTO wb.entities (name, kind, organization_id) VALUES (create_team.name, 'team', home)
	ON CONFLICT (name) DO NOTHING;
	SELECT e.id, e.kind, e.organization_id, o.name AS organization INTO STRICT team
	FROM wb.entities e LEFT JOIN wb.entities o ON o.id = e.organization_id WHERE e.name = create_team.name;
	IF home IS NULL OR home = team.organization_id THEN
		RETURN team.id;
	END IF;
	IF team.kind <> 'team' THEN
		RAISE EXCEPTION 'entity "%" is not a team', create_team.name
		USING ERRCODE = 'invalid_parameter_value', HINT = format('Only teams belong to an organization; its kind is "%s".', team.kind);
	END IF;
	UPDATE wb.entities e SET organization_id = home
	WHERE e.id = team.id AND e.organization_id IS NULL;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'team "%" belongs to organization "%", not to "%"', create_team.name, team.organization, create_team.organization
		USING ERRCODE = 'invalid_parameter_value',
			HINT = format('To move it, run UPDATE wb.entities SET organization_id = %s WHERE id = %s;', home, team.id);
	END IF;
	RETURN team.id;
END $$;
COMMENT ON FUNCTION wb.create_team(text, text) IS
'Makes a team, and its organization if one is named, and returns the id of the team; again, the same id. A team that has no organization '
'gets the one that is named. Arguments: names of 1 to 128 characters without / \ # ? % : and line ends. Errors: not_null_violation, '
'check_violation for other names, invalid_parameter_value for a team of another organization, and for names of what is no team or no '
'organization.';

CREATE FUNCTION wb.entity_id(name text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	found bigint;
BEGIN
	PERFORM wb.require_setup();
	SELECT e.id INTO found FROM wb.entities e WHERE e.name = entity_id.name;
	IF found IS NULL THEN
		RAISE EXCEPTION 'entity "%" does not exist', entity_id.name
		USING ERRCODE = 'undefined_object', HINT = 'Make a team with wb.create_team(name).';
	END IF;
	RETURN found;
END $$;
COMMENT ON FUNCTION wb.entity_id(text) IS
'Id of a team, organization or user. Errors: undefined_object where there is none of that name.';

CREATE FUNCTION wb.project_id(entity text, project text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	found bigint;
	owner bigint := wb.entity_id(project_id.entity);
BEGIN
	SELECT p.id INTO found FROM wb.projects p WHERE p.entity_id = owner AND p.name = project_id.project;
	IF found IS NULL THEN
		RAISE EXCEPTION 'project "%/%" does not exist', project_id.entity, project_id.project
		USING ERRCODE = 'undefined_object', HINT = 'Make it with wb.create_project(entity, project).';
	END IF;
	RETURN found;
END $$;
COMMENT ON FUNCTION wb.project_id(text, text) IS
'Id of a project. Arguments: names of its entity and of itself. Errors: undefined_object where either does not exist.';

CREATE FUNCTION wb.create_project(entity text, project text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	owner bigint := wb.create_team(create_project.entity);
BEGIN
	PERFORM wb.check_name('project', create_project.project);
	INSERT INTO wb.projects (entity_id, name) VALUES (owner, create_project.project)
	ON CONFLICT (entity_id, name) DO NOTHING;
	RETURN wb.project_id(create_project.entity, create_project.project);
END $$;
COMMENT ON FUNCTION wb.create_project(text, text) IS
'Makes a project, and its team if that is missing, and returns the id of the project; again, the same id. Errors: '
'not_null_violation, check_violation for names that are not 1 to 128 characters without / \ # ? % : and line ends.';

CREATE FUNCTION wb.start_run(project_id bigint, display_name text = NULL, name text = NULL, username text = current_user,
	config jsonb = '{}', tags text[] = '{}', state text = 'running') RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	run_id bigint;
BEGIN
	PERFORM wb.require_setup();
	PERFORM wb.check_name('run', start_run.name);
	IF start_run.name IS NULL THEN
		INSERT INTO wb.runs (project_id, display_name, username, config, tags, state)
		VALUES (start_run.project_id, start_run.display_name, start_run.username, start_run.config,
			start_run.tags, start_run.state)
		RETURNING id INTO run_id;
	ELSE
		INSERT INTO wb.runs (project_id, display_name, name, username, config, tags, state)
		VALUES (start_run.project_id, start_run.display_name, start_run.name, start_run.username,
			start_run.config, start_run.tags, start_run.state)
		RETURNING id INTO run_id;
	END IF;
	RETURN run_id;
END $$;
COMMENT ON FUNCTION wb.start_run(bigint, text, text, text, jsonb, text[], text) IS
'Makes a run and returns its id. Arguments: the project''s id; the name for people; the run''s own name in its path, made of '
'8 characters where it is absent; who runs it; its configuration and tags; its first state. Errors: foreign_key_violation for '
'an unknown project, unique_violation for a name that the project has, check_violation for an unknown state.';

CREATE FUNCTION wb.metric_points(prefix text, document jsonb) RETURNS TABLE (name text, value double precision)
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	member record;
	path text;
BEGIN
	FOR member IN SELECT m.key, m.value FROM jsonb_each(metric_points.document) m LOOP
		path := concat_ws('.', metric_points.prefix, member.key);
		CASE jsonb_typeof(member.value)
		WHEN 'number' THEN
			RETURN QUERY SELECT path, (member.value #>> '{}')::double precision;
		WHEN 'boolean' THEN
			RETURN QUERY SELECT path, (member.value::boolean)::integer::double precision;
		WHEN 'object' THEN
			RETURN QUERY SELECT p.name, p.value FROM wb.metric_points(path, member.value) p;
		WHEN 'string' THEN
			IF member.value #>> '{}' ~* '^[-+]?(nan|inf|infinity)$' THEN
				RETURN QUERY SELECT path, (member.value #>> '{}')::double precision;
			END IF;
		ELSE NULL;
		END CASE;
	END LOOP;
END $$;
COMMENT ON FUNCTION wb.metric_points(text, jsonb) IS
'The numbers in a document of metrics, nested keys joined by a dot; booleans count as 0 and 1, the strings NaN, Infinity and '
'-Infinity as what they say, and everything else is left out.';

CREATE FUNCTION wb.next_step(run_id bigint) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	newest bigint;
BEGIN
	-- from name to name through the index, instead of through all points
	WITH RECURSIVE names AS (
		(SELECT m.name FROM wb.run_metrics m WHERE m.run_id = next_step.run_id ORDER BY m.name LIMIT 1)
		UNION ALL
		SELECT (SELECT m.name FROM wb.run_metrics m WHERE m.run_id = next_step.run_id AND m.name > n.name
			ORDER BY m.name LIMIT 1)
		FROM names n WHERE n.name IS NOT NULL)
	SELECT max((SELECT max(m.step) FROM wb.run_metrics m WHERE m.run_id = next_step.run_id AND m.name = n.name))
	INTO newest FROM names n WHERE n.name IS NOT NULL;
	RETURN coalesce(newest + 1, 0);
END $$;
COMMENT ON FUNCTION wb.next_step(bigint) IS 'The step after the greatest that a run has; 0 for a run without points.';

CREATE FUNCTION wb.log(run_id bigint, metrics jsonb, step bigint = NULL) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	tries CONSTANT integer := 100;
	at bigint := log.step;
	tried bigint;
	names text[];
	numbers double precision[];
BEGIN
	PERFORM wb.require_setup();
	IF log.metrics IS NULL OR jsonb_typeof(log.metrics) <> 'object' THEN
		RAISE EXCEPTION 'metrics of run % are not a JSON object', log.run_id
		USING ERRCODE = 'invalid_parameter_value', HINT = 'Give for example ''{"loss": 0.5}''.';
	END IF;
	-- "a.b" and b within a are one name.  In one order for all sessions, or two
	-- that log the same names could each wait for the other.
	SELECT array_agg(u.name ORDER BY u.name COLLATE "C"), array_agg(u.value ORDER BY u.name COLLATE "C") INTO names, numbers
	FROM (SELECT DISTINCT ON (p.name) p.name, p.value
		FROM wb.metric_points(NULL, log.metrics) WITH ORDINALITY p(name, value, number)
		ORDER BY p.name, p.number DESC) u;
	IF at IS NOT NULL THEN
		INSERT INTO wb.run_metrics (run_id, name, step, value)
		SELECT log.run_id, p.name, at, p.value FROM unnest(names, numbers) p(name, value)
		ON CONFLICT (run_id, name, step) DO UPDATE SET value = excluded.value, logged_at = excluded.logged_at;
		RETURN at;
	END IF;
	FOR number IN 1 .. tries LOOP
		at := wb.next_step(log.run_id);
		BEGIN
			INSERT INTO wb.run_metrics (run_id, name, step, value)
			SELECT log.run_id, p.name, at, p.value FROM unnest(names, numbers) p(name, value);
			EXIT;
		EXCEPTION WHEN unique_violation THEN
			-- another session took this step: take the next, never its point.  A
			-- step that is free still is not what collided, or out of sight.
			IF at = tried OR number = tries THEN
				RAISE;
			END IF;
			tried := at;
		END;
	END LOOP;
	RETURN at;
END $$;
COMMENT ON FUNCTION wb.log(bigint, jsonb, bigint) IS
'Logs metrics of a run and returns the step. metrics: an object of numbers, nested keys joined by a dot; "NaN", "Infinity" and '
'"-Infinity" as strings; of a name that is there twice, as "a.b" and as b within a, the last value counts. step: where it is absent, one '
'more than the greatest of the run; a step given again replaces. Errors: foreign_key_violation for an unknown run, '
'invalid_parameter_value where metrics are no object, unique_violation where another session took the step and this transaction cannot '
'see it, as in REPEATABLE READ, or where others took each of a hundred steps. As wandb''s Run.log.';

CREATE FUNCTION wb.require_run(run_id bigint, is_found boolean) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF NOT is_found THEN
		RAISE EXCEPTION 'run % does not exist', require_run.run_id
		USING ERRCODE = 'undefined_object', HINT = 'Make it with wb.start_run(project_id).';
	END IF;
END $$;
COMMENT ON FUNCTION wb.require_run(bigint, boolean) IS 'Raises undefined_object for a run that was not found.';

CREATE FUNCTION wb.heartbeat(run_id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM wb.require_setup();
	UPDATE wb.runs r SET heartbeat_at = clock_timestamp(),
		state = CASE WHEN r.state = 'crashed' AND r.exit_code IS NULL THEN 'running' ELSE r.state END
	WHERE r.id = heartbeat.run_id;
	PERFORM wb.require_run(heartbeat.run_id, FOUND);
END $$;
COMMENT ON FUNCTION wb.heartbeat(bigint) IS 'Notes a sign of life of a run; one that was thought crashed runs again. Errors: undefined_object for an unknown run.';

CREATE FUNCTION wb.finish_run(run_id bigint, exit_code integer = 0) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM wb.require_setup();
	UPDATE wb.runs r SET exit_code = finish_run.exit_code, finished_at = clock_timestamp(),
		state = CASE WHEN finish_run.exit_code = 0 THEN 'finished' WHEN r.state = 'preempting' THEN 'preempted'
			WHEN finish_run.exit_code = 254 THEN 'crashed' ELSE 'failed' END
	WHERE r.id = finish_run.run_id;
	PERFORM wb.require_run(finish_run.run_id, FOUND);
END $$;
COMMENT ON FUNCTION wb.finish_run(bigint, integer) IS
'Ends a run: exit code 0 makes it finished, 254 crashed, any other failed; but a preempting run is preempted. Errors: undefined_object for an unknown run.';

CREATE FUNCTION wb.run(path text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	parts text[] := string_to_array(run.path, '/');
	project bigint;
	found bigint;
BEGIN
	PERFORM wb.require_setup();
	IF coalesce(cardinality(parts), 0) <> 3 THEN
		RAISE EXCEPTION 'path "%" of a run does not have three parts', run.path
		USING ERRCODE = 'invalid_parameter_value', HINT = 'Write team/project/run, with the name that a run has in wb.runs.';
	END IF;
	project := wb.project_id(parts[1], parts[2]);
	SELECT r.id INTO found FROM wb.runs r WHERE r.project_id = project AND r.name = parts[3];
	IF found IS NULL THEN
		RAISE EXCEPTION 'run "%" does not exist in project "%/%"', parts[3], parts[1], parts[2]
		USING ERRCODE = 'undefined_object';
	END IF;
	RETURN found;
END $$;
COMMENT ON FUNCTION wb.run(text) IS
'Id of the run at a path team/project/run. Errors: undefined_object, which says what part does not exist; '
'invalid_parameter_value for a path of another form.';
