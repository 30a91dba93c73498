-- Where messages go, and the secrets that they need.  All of it can be done by
-- plain INSERT as well: the trigger on wb.integrations checks both ways alike.

CREATE FUNCTION wb.check_url(url text) RETURNS void
LANGUAGE c STRICT STABLE
AS 'MODULE_PATHNAME', 'wb_sql_check_url';

COMMENT ON FUNCTION wb.check_url(text) IS
'Raises invalid_parameter_value where a webhook must not be sent to this URL: not https (http with wb_automations.allow_http), no host, a user name or password in it, or an address that is not public and not in wb_automations.allowed_networks. Names of hosts are not resolved here; the address is checked again when it is connected to.';

CREATE FUNCTION wb.make_secret_key() RETURNS boolean
LANGUAGE c STRICT VOLATILE
AS 'MODULE_PATHNAME', 'wb_sql_make_secret_key';
REVOKE EXECUTE ON FUNCTION wb.make_secret_key() FROM PUBLIC;

COMMENT ON FUNCTION wb.make_secret_key() IS
'Makes the file wb_automations.secret_key_file with a new random key, unless it exists. Returns whether it was made. Raises an error with the path where that fails. wb.setup() calls it.';

CREATE FUNCTION wb.seal_secret(entity_id bigint, name text, value text, OUT key_id text, OUT sealed bytea)
LANGUAGE c STRICT VOLATILE
AS 'MODULE_PATHNAME', 'wb_sql_seal_secret';
REVOKE EXECUTE ON FUNCTION wb.seal_secret(bigint, text, text) FROM PUBLIC;

COMMENT ON FUNCTION wb.seal_secret(bigint, text, text) IS
'Encrypts a value for the row of wb.secrets of this database with this entity_id and name, and for no other. Returns the ciphertext and the id of the key. There is no function that decrypts. Raises object_not_in_prerequisite_state where the key file cannot be read.';

CREATE FUNCTION wb.secret_origin(sealed bytea) RETURNS text
LANGUAGE c STRICT IMMUTABLE
AS 'MODULE_PATHNAME', 'wb_sql_secret_origin';

COMMENT ON FUNCTION wb.secret_origin(bytea) IS
'Where a value of wb.secrets.sealed says that it was sealed: the system identifier of a server and the OID of a database, with a slash between them; ''unknown'' for one that an older version sealed; NULL for bytes that are no sealed secret.';

CREATE FUNCTION wb.adopt_secrets(origin text) RETURNS bigint
LANGUAGE c STRICT VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'wb_sql_adopt_secrets';
REVOKE EXECUTE ON FUNCTION wb.adopt_secrets(text) FROM PUBLIC;

COMMENT ON FUNCTION wb.adopt_secrets(text) IS
'Seals for this database what was sealed in another one, as wb.secret_origin and wb.status() name it, and returns how many secrets there were. Needed in a copy and after pg_upgrade, with the key file of then. Raises insufficient_privilege unless superuser, object_not_in_prerequisite_state where a key is not in the file, or a row was sealed for another row or is damaged.';

CREATE FUNCTION wb.rotate_secret_key() RETURNS bigint
LANGUAGE c STRICT VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'wb_sql_rotate_secret_key';
REVOKE EXECUTE ON FUNCTION wb.rotate_secret_key() FROM PUBLIC;

COMMENT ON FUNCTION wb.rotate_secret_key() IS
'Makes a new key, seals every secret of this database with it, and returns how many there were. Older keys stay in the file, for other databases and for a rollback. Raises object_not_in_prerequisite_state where the file cannot be read or is full, or a secret does not open; insufficient_privilege unless superuser.';

CREATE FUNCTION wb.set_secret(entity text, name text, value text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	owner_id bigint;
BEGIN
	PERFORM wb.require_setup();
	owner_id := wb.entity_id(set_secret.entity);
	IF set_secret.name IS NULL OR set_secret.name !~ '^[A-Za-z0-9_]{1,128}$' THEN
		RAISE EXCEPTION 'invalid name of a secret: "%"', set_secret.name
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Use letters, digits and underscores, at most 128.';
	END IF;
	IF coalesce(set_secret.value, '') = '' THEN
		RAISE EXCEPTION 'value of secret "%" must not be empty', set_secret.name
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'To remove a secret, call wb.delete_secret(entity, name).';
	END IF;

	INSERT INTO wb.secrets AS s (entity_id, name, key_id, sealed)
	SELECT owner_id, set_secret.name, sealed.key_id, sealed.sealed
	FROM wb.seal_secret(owner_id, set_secret.name, set_secret.value) sealed
	ON CONFLICT (entity_id, name) DO UPDATE
	SET key_id = excluded.key_id, sealed = excluded.sealed, created_at = now();
END $$;

COMMENT ON FUNCTION wb.set_secret(text, text, text) IS
'Stores a secret of an entity, or replaces it; encrypted, and readable by no query. entity: the team''s name. name: letters, digits and underscores. value: any text that is not empty. Raises undefined_object for an unknown entity, and invalid_parameter_value for a name or value that cannot be. A statement that contains the value may be logged by the server like any other.';

CREATE FUNCTION wb.set_secret_from_file(entity text, name text, path text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM wb.set_secret(set_secret_from_file.entity, set_secret_from_file.name,
		rtrim(pg_read_file(set_secret_from_file.path), E'\r\n'));
END $$;

COMMENT ON FUNCTION wb.set_secret_from_file(text, text, text) IS
'As wb.set_secret, with the value from a file on the server, without line ends behind it, so that no statement contains it. path: absolute, or relative to the data directory. The caller must be allowed to execute pg_read_file and, outside of the data directory, be a member of pg_read_server_files. Raises insufficient_privilege, undefined_file, and what wb.set_secret raises.';

CREATE FUNCTION wb.delete_secret(entity text, name text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	owner_id bigint;
BEGIN
	PERFORM wb.require_setup();
	owner_id := wb.entity_id(delete_secret.entity);
	DELETE FROM wb.secrets s WHERE s.entity_id = owner_id AND s.name = delete_secret.name;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'secret "%" of entity "%" does not exist', delete_secret.name, delete_secret.entity
			USING ERRCODE = 'undefined_object',
				HINT = 'See the names in wb.secrets.';
	END IF;
END $$;

COMMENT ON FUNCTION wb.delete_secret(text, text) IS
'Deletes a secret of an entity. Deliveries that need it fail from then on. Raises undefined_object where the entity or the secret does not exist.';

CREATE FUNCTION wb.warn_of_missing_secret(name text, integration text) RETURNS void
LANGUAGE c STRICT VOLATILE
AS 'MODULE_PATHNAME', 'wb_sql_warn_of_missing_secret';

COMMENT ON FUNCTION wb.warn_of_missing_secret(text, text) IS
'Warns that a secret of an integration does not exist yet. In C, because only there the context, which has the row where it comes by COPY, can be kept out of the server''s log. Part of wb.check_integration.';

-- Filled in by both ways of making an integration.  An unchanged URL is left
-- alone, so that a stricter policy does not stand in the way of other updates.
CREATE FUNCTION wb.check_integration() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	needed text;
BEGIN
	IF NEW.url IS NOT NULL AND (TG_OP = 'INSERT' OR NEW.url IS DISTINCT FROM OLD.url) THEN
		PERFORM wb.check_url(NEW.url);
	END IF;
	FOREACH needed IN ARRAY array_remove(ARRAY[NEW.url_secret, NEW.access_token, NEW.signing_secret, NEW.previous_secret], NULL) LOOP
		CONTINUE WHEN TG_OP = 'UPDATE'
			AND needed IN (OLD.url_secret, OLD.access_token, OLD.signing_secret, OLD.previous_secret);
		IF NOT EXISTS (SELECT FROM wb.secrets s WHERE s.entity_id = NEW.entity_id AND s.name = needed) THEN
			PERFORM wb.warn_of_missing_secret(needed, NEW.name);
		END IF;
	END LOOP;
	IF TG_OP = 'UPDATE' AND NEW.state = 'active' AND OLD.state <> 'active' THEN
		NEW.state_reason := NULL;
		NEW.resumed_at := clock_timestamp();
	END IF;
	RETURN NEW;
END $$;
REVOKE EXECUTE ON FUNCTION wb.check_integration() FROM PUBLIC;

COMMENT ON FUNCTION wb.check_integration() IS
'Trigger function of wb.integrations, before INSERT and UPDATE: refuses a URL that wb.check_url refuses, warns of a secret that does not exist, and notes when an integration is active again.';

CREATE FUNCTION wb.create_slack_integration(entity text, url text DEFAULT NULL, channel_name text DEFAULT '', team_name text DEFAULT '', url_secret text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	owner_id    bigint;
	new_id      bigint;
	base_name   text;
	secret_name text := create_slack_integration.url_secret;
	suffix      integer := 1;
BEGIN
	PERFORM wb.require_setup();
	owner_id := wb.entity_id(create_slack_integration.entity);
	IF num_nonnulls(create_slack_integration.url, create_slack_integration.url_secret) <> 1 THEN
		RAISE EXCEPTION 'a Slack integration needs either url or url_secret'
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Give the address of the incoming webhook as url, or the name of the secret that holds it as url_secret.';
	END IF;

	IF create_slack_integration.url IS NOT NULL THEN
		PERFORM wb.check_url(create_slack_integration.url);
		base_name := rtrim(left('SLACK_URL_' || upper(btrim(regexp_replace(
			coalesce(create_slack_integration.channel_name, ''), '[^A-Za-z0-9]+', '_', 'g'), '_')), 100), '_');
		secret_name := base_name;
		WHILE EXISTS (SELECT FROM wb.secrets s WHERE s.entity_id = owner_id AND s.name = secret_name) LOOP
			suffix := suffix + 1;
			secret_name := base_name || '_' || suffix;
		END LOOP;
		PERFORM wb.set_secret(create_slack_integration.entity, secret_name, create_slack_integration.url);
	END IF;

	BEGIN
		INSERT INTO wb.integrations (entity_id, kind, name, team_name, url_secret)
		VALUES (owner_id, 'SLACK', coalesce(create_slack_integration.channel_name, ''),
			coalesce(create_slack_integration.team_name, ''), secret_name)
		RETURNING id INTO new_id;
	EXCEPTION WHEN unique_violation THEN
		RAISE EXCEPTION 'entity "%" already has a Slack integration for channel "%"',
			create_slack_integration.entity, coalesce(create_slack_integration.channel_name, '')
			USING ERRCODE = 'unique_violation',
				HINT = 'Give another channel_name, or use wb.slack_integration(entity, channel_name).';
	END;
	RETURN new_id;
END $$;

COMMENT ON FUNCTION wb.create_slack_integration(text, text, text, text, text) IS
'Makes a Slack integration of an entity and returns its id. url: the address of an incoming webhook, which is stored as a secret of the entity; or url_secret: the name of the secret that holds it. channel_name: what tells the entity''s Slack integrations apart, and team_name, the workspace, are for people. Raises undefined_object for an unknown entity, invalid_parameter_value for an URL that is not allowed, and unique_violation where the channel has one already.';

CREATE FUNCTION wb.create_webhook_integration(entity text, name text, url text, access_token text DEFAULT NULL, secret text DEFAULT NULL, max_attempts integer DEFAULT 12, signature_encoding text DEFAULT 'hex', ordered boolean DEFAULT false) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	owner_id bigint;
	new_id   bigint;
BEGIN
	PERFORM wb.require_setup();
	owner_id := wb.entity_id(create_webhook_integration.entity);
	IF create_webhook_integration.url IS NULL THEN
		RAISE EXCEPTION 'url must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF create_webhook_integration.name IS NULL OR length(create_webhook_integration.name) > 64
		OR create_webhook_integration.name !~ '^[-\w]+([ ]+[-\w]+)*$' THEN
		RAISE EXCEPTION 'invalid name of a webhook integration: "%"', create_webhook_integration.name
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Use letters, digits, dashes, underscores and single words between spaces, at most 64 characters.';
	END IF;
	IF create_webhook_integration.max_attempts IS NULL
		OR create_webhook_integration.max_attempts NOT BETWEEN 1 AND 12 THEN
		RAISE EXCEPTION 'max_attempts must be between 1 and 12, not %',
			coalesce(create_webhook_integration.max_attempts::text, 'null')
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF create_webhook_integration.signature_encoding IS NULL
		OR create_webhook_integration.signature_encoding NOT IN ('hex', 'base64') THEN
		RAISE EXCEPTION 'signature_encoding must be hex or base64, not %',
			coalesce('"' || create_webhook_integration.signature_encoding || '"', 'null')
			USING ERRCODE = 'invalid_parameter_value';
	END IF;

	BEGIN
		INSERT INTO wb.integrations (entity_id, kind, name, url, access_token, signing_secret, max_attempts, signature_encoding, ordered)
		VALUES (owner_id, 'WEBHOOK', create_webhook_integration.name, create_webhook_integration.url,
			create_webhook_integration.access_token, create_webhook_integration.secret,
			create_webhook_integration.max_attempts, create_webhook_integration.signature_encoding,
			coalesce(create_webhook_integration.ordered, false))
		RETURNING id INTO new_id;
	EXCEPTION WHEN unique_violation THEN
		RAISE EXCEPTION 'entity "%" already has a webhook integration "%"',
			create_webhook_integration.entity, create_webhook_integration.name
			USING ERRCODE = 'unique_violation',
				HINT = 'Give another name, or use wb.webhook_integration(entity, name).';
	END;
	RETURN new_id;
END $$;

COMMENT ON FUNCTION wb.create_webhook_integration(text, text, text, text, text, integer, text, boolean) IS
'Makes a webhook integration of an entity and returns its id. name: unique among the entity''s webhooks. url: https, or http with wb_automations.allow_http. access_token, secret: names of secrets of the entity; the first is sent as a bearer token, the second signs the body. max_attempts: 1 to 12 attempts before a delivery fails, over about three days with 12. signature_encoding: of X-Wandb-Signature, hex as W&B writes it now, or base64 as it once did. ordered: true sends one message at a time, in the order of execution ids, so that one that fails holds up those behind it. Raises undefined_object for an unknown entity, invalid_parameter_value for an URL that is not allowed, and unique_violation for a name that is taken.';

CREATE FUNCTION wb.slack_integration(entity text, channel_name text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	owner_id bigint;
	found_id bigint;
	existing text;
BEGIN
	PERFORM wb.require_setup();
	owner_id := wb.entity_id(slack_integration.entity);
	SELECT i.id INTO found_id FROM wb.integrations i
	WHERE i.entity_id = owner_id AND i.kind = 'SLACK'
		AND (slack_integration.channel_name IS NULL OR i.name = slack_integration.channel_name)
	ORDER BY i.id LIMIT 1;
	IF found_id IS NOT NULL THEN
		RETURN found_id;
	END IF;

	SELECT string_agg(format('"%s"', i.name), ', ' ORDER BY i.name) INTO existing
	FROM wb.integrations i WHERE i.entity_id = owner_id AND i.kind = 'SLACK';
	IF existing IS NULL THEN
		RAISE EXCEPTION 'entity "%" has no Slack integration', slack_integration.entity
			USING ERRCODE = 'undefined_object',
				HINT = 'Make one with "SELECT wb.create_slack_integration(entity, url);".';
	END IF;
	RAISE EXCEPTION 'entity "%" has no Slack integration for channel "%"',
		slack_integration.entity, slack_integration.channel_name
		USING ERRCODE = 'undefined_object', HINT = 'It has ' || existing || '.';
END $$;

COMMENT ON FUNCTION wb.slack_integration(text, text) IS
'The id of an entity''s Slack integration: the one for channel_name, or its first. Raises undefined_object where there is none, and says which there are.';

CREATE FUNCTION wb.webhook_integration(entity text, name text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	owner_id bigint;
	found_id bigint;
	existing text;
BEGIN
	PERFORM wb.require_setup();
	owner_id := wb.entity_id(webhook_integration.entity);
	SELECT i.id INTO found_id FROM wb.integrations i
	WHERE i.entity_id = owner_id AND i.kind = 'WEBHOOK' AND i.name = webhook_integration.name;
	IF found_id IS NOT NULL THEN
		RETURN found_id;
	END IF;

	SELECT string_agg(format('"%s"', i.name), ', ' ORDER BY i.name) INTO existing
	FROM wb.integrations i WHERE i.entity_id = owner_id AND i.kind = 'WEBHOOK';
	RAISE EXCEPTION 'entity "%" has no webhook integration "%"',
		webhook_integration.entity, webhook_integration.name
		USING ERRCODE = 'undefined_object',
			HINT = coalesce('It has ' || existing || '.',
				'Make one with "SELECT wb.create_webhook_integration(entity, name, url);".');
END $$;

COMMENT ON FUNCTION wb.webhook_integration(text, text) IS
'The id of an entity''s webhook integration of this name. Raises undefined_object where there is none, and says which there are.';
