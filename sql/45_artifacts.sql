-- Artifacts: collections of projects and registries, versions, links, aliases
-- and tags.  The functions are pleasant forms of plain INSERT and DELETE; what
-- must hold either way is done by the triggers below.

--
-- Triggers
--
CREATE FUNCTION wb.take_version(collection_id bigint, chosen integer, OUT name text, OUT type text, OUT project_id bigint, OUT registry_id bigint, OUT number integer)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	widest_gap CONSTANT integer := 10000;
	next_number integer;
BEGIN
	-- locks the collection, so its versions are counted one after the other
	SELECT c.name, c.type, c.project_id, c.registry_id, coalesce(take_version.chosen, c.next_version), c.next_version
	INTO take_version.name, take_version.type, take_version.project_id, take_version.registry_id, take_version.number, next_number
	FROM wb.collections c WHERE c.id = take_version.collection_id FOR NO KEY UPDATE;
	IF number::bigint > next_number::bigint + widest_gap THEN
		RAISE EXCEPTION 'version % of collection "%" leaves a gap of more than %', number, name, widest_gap
		USING ERRCODE = 'check_violation',
			HINT = format('The next one is %s. For a wider gap, set next_version of the collection first.', next_number);
	END IF;
	UPDATE wb.collections c SET next_version = take_version.number + 1
	WHERE c.id = take_version.collection_id AND c.next_version <= take_version.number;
END $$;
COMMENT ON FUNCTION wb.take_version(bigint, integer) IS
'Has a collection count a version, with a number of the caller''s or else the next, and returns the collection and the number. Raises check_violation for a '
'number that is more than 10,000 ahead. Part of wb.check_artifact() and wb.check_link().';

CREATE FUNCTION wb.check_artifact() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	states CONSTANT text[] := '{PENDING,COMMITTED,DELETED}'::text[];
	home record;
	keys bigint := (SELECT count(*) FROM jsonb_object_keys(CASE jsonb_typeof(NEW.metadata) WHEN 'object' THEN NEW.metadata END));
BEGIN
	IF keys > 100 AND NEW.metadata IS DISTINCT FROM OLD.metadata THEN
		RAISE EXCEPTION 'metadata of an artifact version has % keys', keys
		USING ERRCODE = 'check_violation', HINT = 'At most 100 keys are allowed at its top.';
	END IF;
	IF TG_OP = 'UPDATE' THEN
		IF array_position(states, NEW.state) < array_position(states, OLD.state) THEN
			RAISE EXCEPTION 'state of artifact version % cannot change from % to %', NEW.id, OLD.state, NEW.state
			USING ERRCODE = 'check_violation', HINT = 'States follow each other: PENDING, COMMITTED, DELETED.';
		END IF;
		RETURN NEW;
	END IF;
	SELECT * INTO home FROM wb.take_version(NEW.collection_id, NEW.version);
	IF home.registry_id IS NOT NULL THEN
		RAISE EXCEPTION 'collection "%" belongs to a registry', home.name
		USING ERRCODE = 'check_violation',
			HINT = 'Log the version in a collection of a project, then link it with wb.link_artifact().';
	END IF;
	-- the foreign key refuses a collection that does not exist
	NEW.version := coalesce(home.number, NEW.version, 0);
	RETURN NEW;
END $$;
COMMENT ON FUNCTION wb.check_artifact() IS
'BEFORE ROW trigger of wb.artifacts: numbers a version without a number. Raises check_violation for a version in a collection of '
'a registry, for a state that goes back, for metadata of more than 100 keys, and for a number more than 10,000 ahead of the next.';

CREATE FUNCTION wb.check_link() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	home record;
	source record;
BEGIN
	IF TG_OP = 'UPDATE' THEN
		IF (NEW.collection_id, NEW.artifact_id) <> (OLD.collection_id, OLD.artifact_id) THEN
			RAISE EXCEPTION 'link % cannot be moved', NEW.id
			USING ERRCODE = 'check_violation', HINT = 'Delete it and make another.';
		END IF;
		RETURN NEW;
	END IF;
	SELECT * INTO home FROM wb.take_version(NEW.collection_id, NEW.version);
	SELECT a.state, c.type INTO source FROM wb.artifacts a JOIN wb.collections c ON c.id = a.collection_id
	WHERE a.id = NEW.artifact_id;
	IF home.project_id IS NOT NULL THEN
		RAISE EXCEPTION 'collection "%" belongs to a project', home.name
		USING ERRCODE = 'check_violation', HINT = 'Versions are linked to collections of a registry.';
	END IF;
	IF source.state <> 'COMMITTED' THEN
		RAISE EXCEPTION 'artifact version % is %', NEW.artifact_id, source.state
		USING ERRCODE = 'check_violation', HINT = 'Link it once it is COMMITTED.';
	END IF;
	IF source.type <> home.type THEN
		RAISE EXCEPTION 'artifact version % is of type "%", collection "%" of type "%"',
			NEW.artifact_id, source.type, home.name, home.type
		USING ERRCODE = 'check_violation', HINT = 'A collection holds versions of one type.';
	END IF;
	-- the foreign keys refuse what does not exist
	NEW.version := coalesce(home.number, NEW.version, 0);
	RETURN NEW;
END $$;
COMMENT ON FUNCTION wb.check_link() IS
'BEFORE ROW trigger of wb.artifact_links: numbers a link without a number. Raises check_violation for a collection of a project, '
'a version that is not committed or of another type, a link that moves, and a number more than 10,000 ahead of the next.';

CREATE FUNCTION wb.follow_artifact() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF NEW.state = 'COMMITTED' THEN
		-- versions may be committed in another order than they were begun
		INSERT INTO wb.artifact_aliases AS l (collection_id, alias, artifact_id, created_by)
		VALUES (NEW.collection_id, 'latest', NEW.id, NEW.created_by)
		ON CONFLICT (collection_id, alias) DO UPDATE
		SET artifact_id = excluded.artifact_id, created_by = excluded.created_by, created_at = excluded.created_at
		WHERE l.artifact_id <> excluded.artifact_id AND NOT EXISTS (
			SELECT FROM wb.artifacts a WHERE a.id = l.artifact_id AND a.version > NEW.version);
	ELSE
		DELETE FROM wb.artifact_links l WHERE l.artifact_id = NEW.id;
		DELETE FROM wb.artifact_aliases l WHERE l.artifact_id = NEW.id;
	END IF;
	RETURN NULL;
END $$;
COMMENT ON FUNCTION wb.follow_artifact() IS
'AFTER ROW trigger of wb.artifacts: gives "latest" to a version that was committed, unless a newer one has it; takes links and '
'aliases from one that became DELETED.';

CREATE FUNCTION wb.follow_link() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	word text;
BEGIN
	IF TG_OP = 'DELETE' THEN
		DELETE FROM wb.artifact_aliases l WHERE l.collection_id = OLD.collection_id AND l.artifact_id = OLD.artifact_id;
		RETURN NULL;
	END IF;
	FOREACH word IN ARRAY array_append(NEW.aliases, 'latest') LOOP
		PERFORM wb.add_alias(NEW.artifact_id, word, NEW.collection_id);
	END LOOP;
	RETURN NULL;
END $$;
COMMENT ON FUNCTION wb.follow_link() IS
'AFTER ROW trigger of wb.artifact_links: gives the aliases of a new link, and "latest"; takes them away with the link.';

CREATE FUNCTION wb.check_registry() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	owner record;
BEGIN
	-- the foreign key refuses an entity that does not exist
	SELECT e.name, e.kind INTO owner FROM wb.entities e WHERE e.id = NEW.entity_id;
	IF owner.kind <> 'organization' THEN
		RAISE EXCEPTION 'registry "%" cannot belong to entity "%", which is a %', NEW.name, owner.name, owner.kind
		USING ERRCODE = 'check_violation', HINT = 'Registries belong to organizations.';
	END IF;
	RETURN NEW;
END $$;
COMMENT ON FUNCTION wb.check_registry() IS
'BEFORE ROW trigger of wb.registries, with INSERT and a change of entity_id. Raises check_violation for a registry of an entity that is no organization.';

REVOKE EXECUTE ON FUNCTION wb.check_artifact(), wb.check_link(), wb.check_registry(), wb.follow_artifact(), wb.follow_link() FROM PUBLIC;

--
-- Registries
--
CREATE FUNCTION wb.create_registry(organization text, registry text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	PERFORM wb.require_setup();
	PERFORM wb.check_name('registry', create_registry.registry);
	INSERT INTO wb.entities (name, kind) VALUES (create_registry.organization, 'organization')
	ON CONFLICT (name) DO NOTHING;
	INSERT INTO wb.registries (entity_id, name)
	VALUES (wb.organization_id(create_registry.organization), create_registry.registry)
	ON CONFLICT (entity_id, name) DO NOTHING;
	RETURN wb.registry_id(create_registry.organization, create_registry.registry);
END $$;
COMMENT ON FUNCTION wb.create_registry(text, text) IS
'Makes a registry, and its organization if that is missing, and returns the id of the registry; again, the same id. Errors: '
'not_null_violation, check_violation for names that are not 1 to 128 characters without / \ # ? % : and line ends, '
'invalid_parameter_value where the name is that of a team. W&B: a registry is a project of the organization.';

CREATE FUNCTION wb.organization_id(name text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	found bigint := wb.entity_id(organization_id.name);
	what text;
BEGIN
	SELECT e.kind INTO what FROM wb.entities e WHERE e.id = found;
	IF what <> 'organization' THEN
		RAISE EXCEPTION 'entity "%" is a %, not an organization', organization_id.name, what
		USING ERRCODE = 'invalid_parameter_value', HINT = 'Registries belong to organizations: wb.create_team(name, organization) makes one.';
	END IF;
	RETURN found;
END $$;
COMMENT ON FUNCTION wb.organization_id(text) IS
'Id of an organization. Errors: undefined_object where there is no entity of that name, invalid_parameter_value where it is another kind.';

CREATE FUNCTION wb.registry_id(organization text, registry text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	owner bigint := wb.organization_id(registry_id.organization);
	found bigint;
BEGIN
	SELECT r.id INTO found FROM wb.registries r WHERE r.entity_id = owner AND r.name = registry_id.registry;
	IF found IS NULL THEN
		RAISE EXCEPTION 'registry "%/%" does not exist', registry_id.organization, registry_id.registry
		USING ERRCODE = 'undefined_object', HINT = 'Make it with wb.create_registry(organization, registry).';
	END IF;
	RETURN found;
END $$;
COMMENT ON FUNCTION wb.registry_id(text, text) IS
'Id of a registry. Arguments: names of its organization and of itself. Errors: undefined_object where either does not exist, '
'invalid_parameter_value where the first is no organization.';

--
-- Versions and links
--
CREATE FUNCTION wb.log_artifact(project_id bigint, collection text, type text, digest text = NULL, metadata jsonb = '{}',
	aliases text[] = '{}', tags text[] = '{}', run_id bigint = NULL) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	home bigint;
	newest record;
	found bigint;
	is_new boolean;
	word text;
BEGIN
	PERFORM wb.require_setup();
	PERFORM wb.check_name('collection', log_artifact.collection);
	INSERT INTO wb.collections (project_id, name, type)
	VALUES (log_artifact.project_id, log_artifact.collection, log_artifact.type)
	ON CONFLICT (project_id, name) DO NOTHING;
	-- of two sessions that log the same digest, one makes the version
	SELECT c.id INTO STRICT home FROM wb.collections c
	WHERE c.project_id = log_artifact.project_id AND c.name = log_artifact.collection FOR UPDATE;

	SELECT a.id, a.digest INTO newest FROM wb.artifacts a
	WHERE a.collection_id = home AND a.state = 'COMMITTED' ORDER BY a.version DESC LIMIT 1;
	is_new := newest.digest IS DISTINCT FROM log_artifact.digest OR log_artifact.digest IS NULL;
	found := newest.id;
	IF is_new THEN
		INSERT INTO wb.artifacts (collection_id, digest, state, metadata, run_id)
		VALUES (home, log_artifact.digest, 'PENDING', log_artifact.metadata, log_artifact.run_id)
		RETURNING id INTO found;
	END IF;
	FOREACH word IN ARRAY coalesce(log_artifact.aliases, '{}') LOOP
		PERFORM wb.add_alias(found, word);
	END LOOP;
	FOREACH word IN ARRAY coalesce(log_artifact.tags, '{}') LOOP
		PERFORM wb.add_tag(found, word);
	END LOOP;
	-- only now is there a version, and its event knows what was given with it
	IF is_new THEN
		UPDATE wb.artifacts a SET state = 'COMMITTED' WHERE a.id = found;
	ELSE
		PERFORM wb.add_alias(found, 'latest');
	END IF;
	RETURN found;
END $$;
COMMENT ON FUNCTION wb.log_artifact(bigint, text, text, text, jsonb, text[], text[], bigint) IS
'Adds a version to a collection, which is made if it is missing, and returns the version''s id. The digest of the newest '
'version makes no new one. aliases and tags are added, and "latest" besides. Errors: foreign_key_violation for an unknown '
'project, check_violation for a name, alias or tag that is not allowed. W&B: Run.log_artifact.';

CREATE FUNCTION wb.artifact(path text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	parts text[] := regexp_match(artifact.path, '^([^/]+)/([^/]+)/([^/:]+):([^/:]+)$');
	project bigint;
	collection bigint;
	found bigint;
BEGIN
	PERFORM wb.require_setup();
	IF parts IS NULL THEN
		RAISE EXCEPTION 'path "%" of an artifact version has another form', artifact.path
		USING ERRCODE = 'invalid_parameter_value', HINT = 'Write team/project/collection:v3, or an alias in place of v3.';
	END IF;
	project := wb.project_id(parts[1], parts[2]);
	SELECT c.id INTO collection FROM wb.collections c WHERE c.project_id = project AND c.name = parts[3];
	IF collection IS NULL THEN
		RAISE EXCEPTION 'collection "%" does not exist in project "%/%"', parts[3], parts[1], parts[2]
		USING ERRCODE = 'undefined_object';
	END IF;
	IF parts[4] ~ '^v\d{1,9}$' THEN
		SELECT a.id INTO found FROM wb.artifacts a
		WHERE a.collection_id = collection AND a.version = substr(parts[4], 2)::integer;
	ELSE
		SELECT l.artifact_id INTO found FROM wb.artifact_aliases l
		WHERE l.collection_id = collection AND l.alias = parts[4];
	END IF;
	IF found IS NULL THEN
		RAISE EXCEPTION 'version "%" does not exist in collection "%/%/%"', parts[4], parts[1], parts[2], parts[3]
		USING ERRCODE = 'undefined_object';
	END IF;
	RETURN found;
END $$;
COMMENT ON FUNCTION wb.artifact(text) IS
'Id of the version at a path team/project/collection:v3, or with an alias in place of v3. Errors: undefined_object, which says '
'what part does not exist; invalid_parameter_value for a path of another form.';

CREATE FUNCTION wb.collection_of(artifact_id bigint) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	found bigint;
BEGIN
	PERFORM wb.require_setup();
	SELECT a.collection_id INTO found FROM wb.artifacts a WHERE a.id = collection_of.artifact_id;
	IF found IS NULL THEN
		RAISE EXCEPTION 'artifact version % does not exist', collection_of.artifact_id
		USING ERRCODE = 'undefined_object', HINT = 'Find one with wb.artifact(''team/project/collection:v3'').';
	END IF;
	RETURN found;
END $$;
COMMENT ON FUNCTION wb.collection_of(bigint) IS
'Id of the collection that a version belongs to. Errors: undefined_object for an unknown version.';

CREATE FUNCTION wb.link_artifact(artifact_id bigint, registry_id bigint, collection text, aliases text[] = '{}') RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	source bigint := wb.collection_of(link_artifact.artifact_id);
	home bigint;
	found bigint;
	word text;
BEGIN
	PERFORM wb.check_name('collection', link_artifact.collection);
	INSERT INTO wb.collections (registry_id, name, type)
	SELECT link_artifact.registry_id, link_artifact.collection, c.type FROM wb.collections c WHERE c.id = source
	ON CONFLICT (registry_id, name) DO NOTHING;
	-- of two sessions that link the same version, one makes the link
	SELECT c.id INTO STRICT home FROM wb.collections c
	WHERE c.registry_id = link_artifact.registry_id AND c.name = link_artifact.collection FOR UPDATE;

	SELECT l.id INTO found FROM wb.artifact_links l
	WHERE l.collection_id = home AND l.artifact_id = link_artifact.artifact_id;
	IF found IS NULL THEN
		INSERT INTO wb.artifact_links (collection_id, artifact_id, aliases)
		VALUES (home, link_artifact.artifact_id, coalesce(link_artifact.aliases, '{}'))
		RETURNING id INTO found;
		RETURN found;
	END IF;
	FOREACH word IN ARRAY coalesce(link_artifact.aliases, '{}') LOOP
		PERFORM wb.add_alias(link_artifact.artifact_id, word, home);
	END LOOP;
	RETURN found;
END $$;
COMMENT ON FUNCTION wb.link_artifact(bigint, bigint, text, text[]) IS
'Links a version to a collection of a registry, which is made if it is missing, and returns the id of the link. The version gets '
'the aliases there, and "latest" besides; a link that exists only gets the aliases, and that is no link event. Errors: undefined_object '
'for an unknown version, foreign_key_violation for an unknown registry, check_violation for a version that is not committed or not '
'of the collection''s type, and for a name that is not allowed, insufficient_privilege for an alias that the registry protects. W&B: '
'Artifact.link.';

CREATE FUNCTION wb.unlink_artifact(artifact_id bigint, registry_id bigint, collection text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	PERFORM wb.collection_of(unlink_artifact.artifact_id);
	DELETE FROM wb.artifact_links l USING wb.collections c
	WHERE c.id = l.collection_id AND c.registry_id = unlink_artifact.registry_id
		AND c.name = unlink_artifact.collection AND l.artifact_id = unlink_artifact.artifact_id;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'artifact version % is not linked to collection "%" of registry %',
			unlink_artifact.artifact_id, unlink_artifact.collection, unlink_artifact.registry_id
		USING ERRCODE = 'undefined_object', HINT = 'See wb.artifact_links.';
	END IF;
END $$;
COMMENT ON FUNCTION wb.unlink_artifact(bigint, bigint, text) IS
'Takes a version out of a collection of a registry; the aliases that it has there go too. Errors: undefined_object where the '
'version does not exist or is not linked there, insufficient_privilege where it has an alias there that the registry protects. W&B: Artifact.unlink.';

--
-- Aliases and tags
--
CREATE FUNCTION wb.add_alias(artifact_id bigint, alias text, collection_id bigint = NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	home bigint := wb.collection_of(add_alias.artifact_id);
BEGIN
	PERFORM wb.check_name('alias', add_alias.alias);
	INSERT INTO wb.artifact_aliases AS l (collection_id, alias, artifact_id)
	VALUES (coalesce(add_alias.collection_id, home), add_alias.alias, add_alias.artifact_id)
	ON CONFLICT (collection_id, alias) DO UPDATE
	SET artifact_id = excluded.artifact_id, created_by = excluded.created_by, created_at = excluded.created_at
	WHERE l.artifact_id <> excluded.artifact_id;
END $$;
COMMENT ON FUNCTION wb.add_alias(bigint, text, bigint) IS
'Gives a version an alias, which moves from any other version of its collection; a version that has it keeps it, and that is '
'no event. collection_id: a collection that the version is linked to; absent: its own. Errors: undefined_object for an unknown '
'version, foreign_key_violation for one that is not linked there, check_violation for an alias with / or :, or like v3, '
'insufficient_privilege for one that the registry protects.';

CREATE FUNCTION wb.remove_alias(artifact_id bigint, alias text, collection_id bigint = NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	home bigint := wb.collection_of(remove_alias.artifact_id);
BEGIN
	DELETE FROM wb.artifact_aliases l
	WHERE l.artifact_id = remove_alias.artifact_id AND l.alias = remove_alias.alias
		AND l.collection_id = coalesce(remove_alias.collection_id, home);
	IF NOT FOUND THEN
		RAISE EXCEPTION 'artifact version % has no alias "%"', remove_alias.artifact_id, remove_alias.alias
		USING ERRCODE = 'undefined_object';
	END IF;
END $$;
COMMENT ON FUNCTION wb.remove_alias(bigint, text, bigint) IS
'Takes an alias away from a version, in its own collection or in one that it is linked to. Errors: undefined_object where the '
'version, or the alias, does not exist, insufficient_privilege for an alias that the registry protects.';

CREATE FUNCTION wb.add_tag(artifact_id bigint, tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	PERFORM wb.check_name('tag', add_tag.tag);
	PERFORM wb.collection_of(add_tag.artifact_id);
	INSERT INTO wb.artifact_tags (artifact_id, tag) VALUES (add_tag.artifact_id, add_tag.tag)
	ON CONFLICT (artifact_id, tag) DO NOTHING;
END $$;
COMMENT ON FUNCTION wb.add_tag(bigint, text) IS
'Gives a version a tag, which it has wherever it is linked; one that it has already is no event. Errors: undefined_object for an '
'unknown version, check_violation for a tag that is not of letters, digits, _ and - with single words between blanks.';

CREATE FUNCTION wb.remove_tag(artifact_id bigint, tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	PERFORM wb.collection_of(remove_tag.artifact_id);
	DELETE FROM wb.artifact_tags t WHERE t.artifact_id = remove_tag.artifact_id AND t.tag = remove_tag.tag;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'artifact version % has no tag "%"', remove_tag.artifact_id, remove_tag.tag
		USING ERRCODE = 'undefined_object';
	END IF;
END $$;
COMMENT ON FUNCTION wb.remove_tag(bigint, text) IS
'Takes a tag away from a version. Errors: undefined_object where the version, or the tag, does not exist.';

CREATE FUNCTION wb.add_collection_tag(collection_id bigint, tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	PERFORM wb.check_name('tag', add_collection_tag.tag);
	PERFORM wb.require_collection(add_collection_tag.collection_id);
	INSERT INTO wb.collection_tags (collection_id, tag) VALUES (add_collection_tag.collection_id, add_collection_tag.tag)
	ON CONFLICT (collection_id, tag) DO NOTHING;
END $$;
COMMENT ON FUNCTION wb.add_collection_tag(bigint, text) IS
'Gives a collection a tag; one that it has already is no event. Errors: undefined_object for an unknown collection, check_violation '
'for a tag as with wb.add_tag.';

CREATE FUNCTION wb.remove_collection_tag(collection_id bigint, tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	PERFORM wb.require_collection(remove_collection_tag.collection_id);
	DELETE FROM wb.collection_tags t
	WHERE t.collection_id = remove_collection_tag.collection_id AND t.tag = remove_collection_tag.tag;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'collection % has no tag "%"', remove_collection_tag.collection_id, remove_collection_tag.tag
		USING ERRCODE = 'undefined_object';
	END IF;
END $$;
COMMENT ON FUNCTION wb.remove_collection_tag(bigint, text) IS
'Takes a tag away from a collection. Errors: undefined_object where the collection, or the tag, does not exist.';

CREATE FUNCTION wb.require_collection(collection_id bigint) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM wb.require_setup();
	IF NOT EXISTS (SELECT FROM wb.collections c WHERE c.id = require_collection.collection_id) THEN
		RAISE EXCEPTION 'collection % does not exist', require_collection.collection_id
		USING ERRCODE = 'undefined_object', HINT = 'See wb.collections.';
	END IF;
END $$;
COMMENT ON FUNCTION wb.require_collection(bigint) IS 'Raises undefined_object for a collection that does not exist.';
