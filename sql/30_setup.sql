-- wb.setup(): makes what is missing, and nothing twice.

CREATE FUNCTION wb.worker_pid() RETURNS integer
LANGUAGE C VOLATILE PARALLEL SAFE AS 'MODULE_PATHNAME', 'wb_sql_worker_pid';
COMMENT ON FUNCTION wb.worker_pid() IS
'Process id of this database''s worker, which delivers what automations ask for; NULL where none runs.';

CREATE FUNCTION wb.launcher_pid() RETURNS integer
LANGUAGE C VOLATILE PARALLEL SAFE AS 'MODULE_PATHNAME', 'wb_sql_launcher_pid';
COMMENT ON FUNCTION wb.launcher_pid() IS
'Process id of the launcher, which starts the workers of all databases; NULL where the library is not preloaded.';

CREATE FUNCTION wb.wake() RETURNS void
LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'wb_sql_wake';
COMMENT ON FUNCTION wb.wake() IS
'Makes the launcher look at all databases, and this database''s worker at its queue, when the transaction commits.';
REVOKE EXECUTE ON FUNCTION wb.wake() FROM PUBLIC;

CREATE FUNCTION wb.start_worker() RETURNS integer
LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'wb_sql_start_worker';
COMMENT ON FUNCTION wb.start_worker() IS
'Starts this database''s worker where the library is not preloaded, and returns its process id; that of the running one '
'if there is one. Errors: insufficient_privilege unless superuser or member of pg_signal_backend; configuration_limit_exceeded where max_worker_processes '
'leaves no slot.';

CREATE FUNCTION wb.require_setup() RETURNS void
LANGUAGE C STABLE AS 'MODULE_PATHNAME', 'wb_sql_require_setup';
COMMENT ON FUNCTION wb.require_setup() IS
'Raises object_not_in_prerequisite_state where wb.setup() has not run in this database, and to a superuser where columns are of types that the owner of the tables made.';

CREATE FUNCTION wb.attach_triggers() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	-- the only triggers that the hot table has: rows that nothing looks at are
	-- not even queued, and of those that go only the WHEN clause hears.  ALWAYS,
	-- because a replicated row is not judged, but changes what is kept.
	CREATE OR REPLACE TRIGGER wb_capture AFTER INSERT OR UPDATE ON wb.run_metrics
		FOR EACH ROW WHEN (wb.watched(NEW.run_id, NEW.name)) EXECUTE FUNCTION wb.capture_run_metric();
	CREATE OR REPLACE TRIGGER wb_lost AFTER UPDATE OF run_id, name, step OR DELETE ON wb.run_metrics
		FOR EACH ROW WHEN (wb.lost(OLD.run_id, OLD.name)) EXECUTE FUNCTION wb.capture_run_metric();
	ALTER TABLE wb.run_metrics ENABLE ALWAYS TRIGGER wb_capture;
	ALTER TABLE wb.run_metrics ENABLE ALWAYS TRIGGER wb_lost;

	CREATE OR REPLACE TRIGGER wb_capture_insert AFTER INSERT ON wb.runs
		FOR EACH ROW EXECUTE FUNCTION wb.capture_run_state();
	CREATE OR REPLACE TRIGGER wb_capture_update AFTER UPDATE ON wb.runs
		FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION wb.capture_run_state();
	CREATE OR REPLACE TRIGGER wb_capture AFTER INSERT OR UPDATE ON wb.artifact_aliases
		FOR EACH ROW EXECUTE FUNCTION wb.capture_alias();
	CREATE OR REPLACE TRIGGER wb_check_insert AFTER INSERT ON wb.artifact_aliases
		FOR EACH ROW EXECUTE FUNCTION wb.check_alias();
	CREATE OR REPLACE TRIGGER wb_check_change BEFORE UPDATE OR DELETE ON wb.artifact_aliases
		FOR EACH ROW EXECUTE FUNCTION wb.check_alias();
	CREATE OR REPLACE TRIGGER wb_check BEFORE INSERT OR UPDATE OF entity_id ON wb.registries
		FOR EACH ROW EXECUTE FUNCTION wb.check_registry();

	-- triggers of one row fire in the order of their names: an event first, and
	-- then what wb_latest does to aliases, which are events of their own
	CREATE OR REPLACE TRIGGER wb_check BEFORE INSERT OR UPDATE ON wb.artifacts
		FOR EACH ROW EXECUTE FUNCTION wb.check_artifact();
	CREATE OR REPLACE TRIGGER wb_capture_insert AFTER INSERT ON wb.artifacts
		FOR EACH ROW WHEN (NEW.state = 'COMMITTED') EXECUTE FUNCTION wb.capture_artifact();
	CREATE OR REPLACE TRIGGER wb_capture_update AFTER UPDATE ON wb.artifacts
		FOR EACH ROW WHEN (OLD.state = 'PENDING' AND NEW.state = 'COMMITTED') EXECUTE FUNCTION wb.capture_artifact();
	CREATE OR REPLACE TRIGGER wb_latest_insert AFTER INSERT ON wb.artifacts
		FOR EACH ROW WHEN (NEW.state = 'COMMITTED') EXECUTE FUNCTION wb.follow_artifact();
	CREATE OR REPLACE TRIGGER wb_latest_update AFTER UPDATE ON wb.artifacts
		FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION wb.follow_artifact();
	CREATE OR REPLACE TRIGGER wb_check BEFORE INSERT OR UPDATE ON wb.artifact_links
		FOR EACH ROW EXECUTE FUNCTION wb.check_link();
	CREATE OR REPLACE TRIGGER wb_capture AFTER INSERT OR DELETE ON wb.artifact_links
		FOR EACH ROW EXECUTE FUNCTION wb.capture_link();
	CREATE OR REPLACE TRIGGER wb_latest AFTER INSERT OR DELETE ON wb.artifact_links
		FOR EACH ROW EXECUTE FUNCTION wb.follow_link();
	CREATE OR REPLACE TRIGGER wb_capture AFTER INSERT OR UPDATE OR DELETE ON wb.artifact_tags
		FOR EACH ROW EXECUTE FUNCTION wb.capture_artifact_tag();
	CREATE OR REPLACE TRIGGER wb_capture AFTER INSERT OR UPDATE OR DELETE ON wb.collection_tags
		FOR EACH ROW EXECUTE FUNCTION wb.capture_collection_tag();

	CREATE OR REPLACE TRIGGER wb_forget AFTER DELETE ON wb.runs
		FOR EACH ROW EXECUTE FUNCTION wb.forget_run();
	CREATE OR REPLACE TRIGGER wb_forget AFTER DELETE ON wb.projects
		FOR EACH ROW EXECUTE FUNCTION wb.forget_scope('PROJECT');
	CREATE OR REPLACE TRIGGER wb_forget AFTER DELETE ON wb.collections
		FOR EACH ROW EXECUTE FUNCTION wb.forget_scope('ARTIFACT_COLLECTION');

	CREATE OR REPLACE TRIGGER wb_forget AFTER DELETE ON wb.registries
		FOR EACH ROW EXECUTE FUNCTION wb.forget_scope('REGISTRY');
	CREATE OR REPLACE TRIGGER wb_forget AFTER DELETE ON wb.entities
		FOR EACH ROW EXECUTE FUNCTION wb.forget_scope('ENTITY');

	CREATE OR REPLACE TRIGGER wb_check BEFORE INSERT OR UPDATE ON wb.automations
		FOR EACH ROW EXECUTE FUNCTION wb.check_automation();
	CREATE OR REPLACE TRIGGER wb_check BEFORE INSERT OR UPDATE ON wb.integrations
		FOR EACH ROW EXECUTE FUNCTION wb.check_integration();
	CREATE OR REPLACE TRIGGER wb_announce AFTER UPDATE ON wb.integrations
		FOR EACH ROW WHEN (OLD.resumed_at IS DISTINCT FROM NEW.resumed_at) EXECUTE FUNCTION wb.announce_resume();

	-- a replicated change counts as well, and only triggers of rows see it: the
	-- apply worker of a subscription has no statements
	CREATE OR REPLACE TRIGGER wb_announce AFTER INSERT OR UPDATE OR DELETE ON wb.automations
		FOR EACH ROW EXECUTE FUNCTION wb.announce_change();
	ALTER TABLE wb.automations ENABLE ALWAYS TRIGGER wb_announce;
	CREATE OR REPLACE TRIGGER wb_announce_truncate AFTER TRUNCATE ON wb.automations
		FOR EACH STATEMENT EXECUTE FUNCTION wb.announce_change();
	ALTER TABLE wb.automations ENABLE ALWAYS TRIGGER wb_announce_truncate;
	CREATE OR REPLACE TRIGGER wb_announce AFTER DELETE ON wb.runs
		FOR EACH ROW EXECUTE FUNCTION wb.announce_change();
	ALTER TABLE wb.runs ENABLE ALWAYS TRIGGER wb_announce;
	CREATE OR REPLACE TRIGGER wb_announce_truncate AFTER TRUNCATE ON wb.runs
		FOR EACH STATEMENT EXECUTE FUNCTION wb.announce_change();
	ALTER TABLE wb.runs ENABLE ALWAYS TRIGGER wb_announce_truncate;
	-- sessions remember the project of a run
	CREATE OR REPLACE TRIGGER wb_announce_move AFTER UPDATE OF id, project_id ON wb.runs
		FOR EACH ROW WHEN (OLD.id <> NEW.id OR OLD.project_id <> NEW.project_id) EXECUTE FUNCTION wb.announce_change();
	ALTER TABLE wb.runs ENABLE ALWAYS TRIGGER wb_announce_move;
END $$;
COMMENT ON FUNCTION wb.attach_triggers() IS
'Attaches the triggers of the extension to its tables, again after DROP EXTENSION CASCADE has taken them away. Part of wb.setup().';

CREATE FUNCTION wb.create_views() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	-- no function of the extension in here: history must be readable without it
	CREATE OR REPLACE VIEW wb.automation_history WITH (security_invoker = true) AS
	SELECT e.id AS execution_id, e.triggered_at, e.automation_name, e.event_type, e.state,
		concat_ws('/', e.event->>'entityName', e.event->>'projectName') AS project,
		e.event->>'runName' AS run_name,
		nullif(concat_ws(':v', e.event->>'artifactCollectionName', e.event->>'artifactVersionIndex'), '') AS artifact,
		coalesce(d.attempts, a.attempt, 0)::integer AS attempts,
		a.status_code,
		coalesce(e.result #>> '{error,message}', d.last_error) AS error,
		CASE WHEN d.last_error IS NOT NULL THEN d.due_at END AS next_attempt_at,
		e.why, e.event, e.action, e.result,
		e.automation_id, e.run_id, e.artifact_id, e.project_id, e.scope_type, e.scope_id, e.origin
	FROM wb.executions e
	LEFT JOIN wb.deliveries d ON d.execution_id = e.id
	LEFT JOIN LATERAL (SELECT t.attempt, t.status_code FROM wb.delivery_attempts t
		WHERE t.execution_id = e.id ORDER BY t.attempt DESC LIMIT 1) a ON true
	ORDER BY e.id DESC;
	COMMENT ON VIEW wb.automation_history IS
	'What automations did, newest first: one row an execution, with what it met on its way and why it fired.';

	CREATE OR REPLACE VIEW wb.stat_automations WITH (security_invoker = true) AS
	SELECT a.id AS automation_id, a.name AS automation_name, a.enabled, e.pending, e.finished, e.failed, e.skipped,
		e.errors, e.last_fired_at, e.last_finished_at, e.last_failed_at, e.next_attempt_at
	FROM wb.automations a
	CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE x.state = 'PENDING') AS pending,
			count(*) FILTER (WHERE x.state = 'FINISHED') AS finished,
			count(*) FILTER (WHERE x.state = 'FAILED' AND x.origin <> 'error') AS failed,
			count(*) FILTER (WHERE x.state = 'SKIPPED') AS skipped,
			count(*) FILTER (WHERE x.origin = 'error') AS errors,
			max(x.triggered_at) FILTER (WHERE x.origin = 'event' AND x.state <> 'SKIPPED') AS last_fired_at,
			max(x.settled_at) FILTER (WHERE x.state = 'FINISHED') AS last_finished_at,
			max(x.settled_at) FILTER (WHERE x.state = 'FAILED' AND x.origin <> 'error') AS last_failed_at,
			min(d.due_at) AS next_attempt_at
		FROM wb.executions x LEFT JOIN wb.deliveries d ON d.execution_id = x.id
		WHERE x.automation_id = a.id) e;
	COMMENT ON VIEW wb.stat_automations IS
	'What each automation did, as far as history goes back: its executions by state, and times.';
	PERFORM wb.create_automation_list();
	PERFORM wb.create_stat_integrations();
END $$;
COMMENT ON FUNCTION wb.create_views() IS 'Makes the views over the tables. Part of wb.setup().';

CREATE FUNCTION wb.warn_without_worker() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF wb.worker_pid() IS NULL AND
		(wb.launcher_pid() IS NULL OR NOT current_setting('wb_automations.worker')::boolean) THEN
		RAISE WARNING 'no worker runs in database "%", so nothing will be delivered', current_database()
		USING HINT = CASE WHEN current_setting('wb_automations.worker')::boolean
			THEN 'Add wb_automations to shared_preload_libraries and restart the server, or call SELECT wb.start_worker();'
			ELSE 'The setting wb_automations.worker is off.' END;
	END IF;
END $$;
COMMENT ON FUNCTION wb.warn_without_worker() IS
'Warns where no worker runs and none is about to start.';

CREATE FUNCTION wb.table_problems(OUT problems text, OUT remedy text, OUT is_readable boolean)
LANGUAGE C STABLE AS 'MODULE_PATHNAME', 'wb_sql_table_problems';
COMMENT ON FUNCTION wb.table_problems() IS
'Where the tables differ from what wb.setup() makes, as far as the library reads them, and what to run about it; NULL where they do not. '
'is_readable: false where more than indexes is missing. Part of wb.status().';

-- Functions that run as the owner of our tables when somebody else's row makes
-- something fire or goes, and that look among that user's temporary tables before
-- others: where pg_temp is not named in a path, it is searched first.
CREATE FUNCTION wb.unpinned_functions(OUT names text, OUT remedy text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
WITH RECURSIVE tables (oid) AS (
	SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'wb'::regnamespace AND c.relkind IN ('r', 'p')
	UNION SELECT i.inhrelid FROM pg_inherits i JOIN tables t ON t.oid = i.inhparent),
parts (classid, objid) AS (
	SELECT 'pg_attrdef'::regclass, d.oid FROM pg_attrdef d JOIN tables t ON t.oid = d.adrelid
	UNION ALL SELECT 'pg_constraint'::regclass, k.oid FROM pg_constraint k JOIN tables t ON t.oid = k.conrelid
	UNION ALL SELECT 'pg_class'::regclass, i.indexrelid FROM pg_index i JOIN tables t ON t.oid = i.indrelid
	UNION ALL SELECT 'pg_policy'::regclass, p.oid FROM pg_policy p JOIN tables t ON t.oid = p.polrelid
	UNION ALL SELECT 'pg_rewrite'::regclass, r.oid FROM pg_rewrite r JOIN tables t ON t.oid = r.ev_class
	UNION ALL SELECT 'pg_trigger'::regclass, g.oid FROM pg_trigger g JOIN tables t ON t.oid = g.tgrelid),
functions (name) AS (SELECT DISTINCT f.oid::regprocedure
	FROM parts p JOIN pg_depend d ON d.classid = p.classid AND d.objid = p.objid AND d.refclassid = 'pg_proc'::regclass
	JOIN pg_proc f ON f.oid = d.refobjid JOIN pg_language l ON l.oid = f.prolang
	WHERE l.lanname NOT IN ('internal', 'c') AND f.prosqlbody IS NULL
		AND NOT EXISTS (SELECT FROM unnest(f.proconfig) s WHERE s ~ '^search_path=(.*, *)?"?pg_temp"?$'))
SELECT string_agg(name::text, ', ' ORDER BY name),
	'Run ' || string_agg(format('ALTER FUNCTION %s SET search_path = pg_catalog, pg_temp;', name), ' ' ORDER BY name)
	|| ' Schemas that such a function needs go before pg_temp, if nobody else may create anything in them.'
FROM functions
$$;
COMMENT ON FUNCTION wb.unpinned_functions() IS
'Functions of triggers, rules, policies, checks, defaults and indexes on the tables that set no search_path which ends with pg_temp, and what to run about it; '
'NULL where there are none. What they name without a schema may be a temporary table of whoever writes. Part of wb.status().';

CREATE FUNCTION wb.find_overloads(OUT detail text, OUT hint text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	SELECT string_agg(f.detail, '; ' ORDER BY f.detail), string_agg(f.hint, ' ' ORDER BY f.detail) INTO detail, hint
	FROM (SELECT format('%s may put functions beside those of the extension', coalesce('role "' || r.rolname || '"', 'everybody')),
			CASE WHEN r.oid = n.nspowner THEN 'Make a superuser the owner of schema wb.'
				ELSE format('Run REVOKE CREATE ON SCHEMA wb FROM %s;', coalesce(quote_ident(r.rolname), 'PUBLIC')) END
		FROM pg_namespace n CROSS JOIN aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
		LEFT JOIN pg_roles r ON r.oid = a.grantee
		WHERE n.nspname = 'wb' AND a.privilege_type = 'CREATE' AND NOT coalesce(r.rolsuper, false)
		UNION ALL
		SELECT format('%s stands beside a function of the extension', p.oid::regprocedure), format('Run DROP ROUTINE %s;', p.oid::regprocedure)
		FROM pg_proc p
		WHERE p.pronamespace = 'wb'::regnamespace
			AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
			AND EXISTS (SELECT FROM pg_proc o JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = o.oid AND d.deptype = 'e'
				WHERE o.pronamespace = p.pronamespace AND o.proname = p.proname)) f(detail, hint);
END $$;
COMMENT ON FUNCTION wb.find_overloads() IS
'Who but a superuser may make functions in schema wb, and which there have the name of one of the extension: whoever calls that one with other '
'types would run his. Both NULL where there is nothing. Part of wb.status() and wb.setup().';

CREATE FUNCTION wb.warn_of_overloads() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	found record;
BEGIN
	SELECT o.* INTO found FROM wb.find_overloads() o;
	IF found.detail IS NOT NULL THEN
		RAISE WARNING 'schema wb: %', found.detail USING HINT = found.hint;
	END IF;
END $$;
COMMENT ON FUNCTION wb.warn_of_overloads() IS 'Warns of what wb.find_overloads() finds. Part of wb.setup().';

CREATE FUNCTION wb.require_owner(caller text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	other record;
BEGIN
	-- any of them will do: each may have triggers
	SELECT c.relname AS name, pg_get_userbyid(c.relowner) AS owner INTO other FROM pg_class c
	JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE n.nspname = 'wb' AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND pg_get_userbyid(c.relowner) <> current_user
	ORDER BY c.relname <> 'executions', c.relname LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION '% was called by "%", but wb.% belongs to "%"', caller, current_user, other.name, other.owner
		USING ERRCODE = 'insufficient_privilege', HINT = format('Run SET ROLE %I; first.', other.owner);
	END IF;
END $$;
COMMENT ON FUNCTION wb.require_owner(text) IS
'Raises insufficient_privilege where a table in schema wb belongs to somebody else than the current user: a superuser who wrote it would run the triggers of '
'its owner. caller: the function that says so. Part of wb.setup() and wb.arm().';

CREATE FUNCTION wb.setup() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	unpinned record;
BEGIN
	PERFORM wb.require_owner('wb.setup()');
	PERFORM wb.create_tables();
	PERFORM wb.attach_triggers();
	PERFORM wb.create_views();
	-- an older version looked these rules up by another name
	UPDATE wb.automations SET event_source = 'add_artifact_alias' WHERE event_source = 'artifact_alias';
	INSERT INTO wb.installation (id, system_identifier, database_oid, schema_version)
	SELECT gen_random_uuid(), s.system_identifier, d.oid, 4
	FROM pg_control_system() s, pg_database d WHERE d.datname = current_database()
	ON CONFLICT (only_row) DO UPDATE SET schema_version = excluded.schema_version;
	PERFORM wb.make_secret_key();
	PERFORM wb.wake();
	PERFORM wb.warn_without_worker();
	PERFORM wb.warn_of_overloads();
	SELECT * INTO unpinned FROM wb.unpinned_functions();
	IF unpinned.names IS NOT NULL THEN
		RAISE WARNING 'functions on the tables set no search_path that ends with pg_temp: %', unpinned.names
		USING HINT = unpinned.remedy;
	END IF;
END $$;
COMMENT ON FUNCTION wb.setup() IS
'Makes the tables, views and triggers in schema wb, owned by the caller, and the key file that seals secrets. Run it after '
'CREATE EXTENSION and after ALTER EXTENSION ... UPDATE; what is there already stays as it is. Errors: insufficient_privilege '
'where the tables belong to another role. Warns where no worker would deliver, where somebody who is no superuser may make functions in schema wb, and of '
'functions of yours on the tables that set no search_path.';
REVOKE EXECUTE ON FUNCTION wb.setup(), wb.create_tables(), wb.attach_triggers(), wb.create_views() FROM PUBLIC;

CREATE FUNCTION wb.arm(backlog text) RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	installation uuid := gen_random_uuid();
BEGIN
	PERFORM wb.require_setup();
	PERFORM wb.require_owner('wb.arm()');
	IF backlog IS NULL OR backlog NOT IN ('send', 'discard') THEN
		RAISE EXCEPTION 'unknown backlog policy "%"', backlog
		USING ERRCODE = 'invalid_parameter_value',
			HINT = 'With ''send'' what is queued will be sent, with ''discard'' it will not.';
	END IF;
	UPDATE wb.installation i SET id = installation, system_identifier = s.system_identifier,
		database_oid = d.oid, armed_at = now()
	FROM pg_control_system() s, pg_database d WHERE d.datname = current_database();
	IF backlog = 'send' THEN
		UPDATE wb.deliveries SET installation_id = installation;
	ELSE
		UPDATE wb.executions e SET state = 'SKIPPED', settled_at = now(),
			result = jsonb_build_object('resultType', 'DEFAULT', 'error',
				jsonb_build_object('message', 'discarded by wb.arm()'))
		FROM wb.deliveries d WHERE d.execution_id = e.id AND e.state = 'PENDING';
		DELETE FROM wb.deliveries;
	END IF;
	PERFORM wb.wake();
	RETURN installation;
END $$;
COMMENT ON FUNCTION wb.arm(text) IS
'Lets a copy of a database deliver: makes this server and database the installation that wb.installation describes, and '
'returns its new id. backlog: ''send'' or ''discard'' what the copy brought along in its queue. Errors: '
'invalid_parameter_value for any other word; insufficient_privilege where the tables belong to another role.';
REVOKE EXECUTE ON FUNCTION wb.arm(text) FROM PUBLIC;
