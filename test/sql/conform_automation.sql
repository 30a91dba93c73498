-- What an automation is, and how it is made, changed, found and deleted.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
INSERT INTO wb.entities (id, name) VALUES (7796000, 'conform_automation');
INSERT INTO wb.projects (id, entity_id, name) VALUES (7796000, 7796000, 'p'), (7796001, 7796000, 'q');
INSERT INTO wb.collections (id, project_id, name, type) VALUES (7796000, 7796000, 'model', 'model'), (7796001, 7796000, 'other', 'model');
INSERT INTO wb.integrations (id, entity_id, kind, name, url) VALUES (7796000, 7796000, 'WEBHOOK', 'hook', 'http://127.0.0.1/');
\set p 'wb.project(''conform_automation'', ''p'')'
\set q 'wb.project(''conform_automation'', ''q'')'
-- what a statement returns, or how it is refused
CREATE FUNCTION pg_temp.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
	hint text;
BEGIN
	EXECUTE statement INTO answer;
	RETURN concat('accepted ', answer);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN concat(SQLSTATE, ': ', regexp_replace(SQLERRM, 'automation \d+', 'automation <id>'), '; ' || nullif(hint, ''));
END $$;
-- a run of project p or q fails; what fired on it
CREATE FUNCTION pg_temp.fail(project bigint = 7796000) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	run bigint := wb.start_run(project, state => 'failed');
BEGIN
	RETURN coalesce((SELECT string_agg(automation_name, ', ' ORDER BY automation_name) FROM wb.executions WHERE run_id = run), 'nothing');
END $$;
-- loss of a new run of project p or q; what fired on it
CREATE FUNCTION pg_temp.log(metric text, value float8, project bigint = 7796000, display_name text = 'bert-1') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	run bigint := wb.start_run(project, display_name);
BEGIN
	INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (run, metric, 0, value);
	RETURN coalesce((SELECT string_agg(automation_name, ', ' ORDER BY automation_name) FROM wb.executions WHERE run_id = run), 'nothing');
END $$;

-- G001 an automation has a name, a description, a switch, a scope, an event, one action, and who made it when
SELECT wb.create_automation('g001', wb.on_run_state(:p, '{failed}'), wb.do_nothing(), 'what for', false) AS a \gset
SELECT name, description, enabled, scope_type, scope_id, event_type, action_type, created_by = current_user AS is_mine, created_at BETWEEN now() - interval '1 hour' AND now() AS is_of_now, updated_at
FROM wb.automations WHERE id = :a;
SELECT event_filter, action_config FROM wb.automations WHERE id = :a;

-- G003 when it was changed is not known before it is
SELECT updated_at IS NULL AS is_unchanged FROM wb.automations WHERE id = :a;
SELECT wb.update_automation(:a, '{"description": "another"}') \gset
SELECT updated_at IS NULL AS is_unchanged FROM wb.automations WHERE id = :a;

-- G004 a new one is switched on
SELECT wb.create_automation('g004', wb.on_run_state(:p, '{failed}'), wb.do_nothing()) AS a \gset
SELECT enabled FROM wb.automations WHERE id = :a;
SELECT pg_temp.fail();

-- G005 one that is switched off never fires
SELECT wb.disable_automation(:a) \gset
SELECT pg_temp.fail();

-- G006 switched on again it fires on what happens next, and not on what it missed
SELECT wb.enable_automation(:a) \gset
SELECT count(*) AS firings FROM wb.executions WHERE automation_id = :a;
SELECT pg_temp.fail();
SELECT wb.disable_automation(:a) \gset

-- G007 it must have a name
SELECT pg_temp.try(format('SELECT wb.create_automation(%L, wb.on_run_state(%s, ''{failed}''), wb.do_nothing(), enabled => false) > 0', n, $$wb.project('conform_automation', 'p')$$))
FROM unnest(ARRAY[NULL, '', 'g007']) n;

-- G008 of at most 255 characters, of whatever alphabet
SELECT n, pg_temp.try(format('SELECT wb.create_automation(repeat(''é'', %s), wb.on_run_state(%s, ''{failed}''), wb.do_nothing(), enabled => false) > 0', n, $$wb.project('conform_automation', 'p')$$))
FROM unnest('{255,256}'::integer[]) n;

-- G009 no two of one name in a scope, neither by the function, nor by INSERT, nor by another name later
SELECT wb.create_automation('g009', wb.on_run_state(:p, '{failed}'), wb.do_nothing(), 'first', false) AS a \gset
SELECT pg_temp.try($$SELECT wb.create_automation('g009', wb.on_run_state(wb.project('conform_automation', 'p'), '{running}'), wb.do_nothing())$$);
SELECT pg_temp.try($$INSERT INTO wb.automations (name, scope_type, scope_id, event_type, event_filter, action_type, action_config)
	VALUES ('g009', 'PROJECT', 7796000, 'RUN_STATE', '{"run_state_filter": {"states": ["FAILED"]}}', 'NO_OP', '{"noOpActionInput": {}}')$$);
SELECT wb.create_automation('g009 b', wb.on_run_state(:p, '{failed}'), wb.do_nothing(), enabled => false) AS b \gset
SELECT pg_temp.try(format($$SELECT wb.update_automation(%s, '{"name": "g009"}')$$, :b));

-- G010 the same name in another scope is another automation
SELECT wb.create_automation('g009', wb.on_run_state(:q, '{failed}'), wb.do_nothing(), enabled => false) <> :a AS is_another;

-- G011 asked for, the one that exists is returned, and nothing of it changes
SELECT wb.create_automation('g009', wb.on_run_state(:p, '{running}'), wb.send_webhook(7796000), 'second', true, fetch_existing => true) = :a AS is_the_first;
SELECT description, enabled, event_filter #>> '{run_state_filter,states}' AS states, action_type, updated_at IS NULL AS is_unchanged FROM wb.automations WHERE id = :a;

-- G012 it need not have a description
SELECT wb.create_automation('g012', wb.on_run_state(:p, '{failed}'), wb.do_nothing(), enabled => false) AS a \gset
SELECT description IS NULL AS has_none FROM wb.automations WHERE id = :a;

-- G013 a new name leaves event and filter as they were
SELECT wb.create_automation('g013', wb.on_run_metric(:p, wb.metric('g013', '>', 1), wb."where"('display_name', '~', '^bert')), wb.do_nothing()) AS a \gset
SELECT event_filter::text AS before FROM wb.automations WHERE id = :a \gset
SELECT wb.update_automation(:a, '{"name": "g013 renamed"}') \gset
SELECT name, event_filter::text = :'before' AS is_same, event_type, event_key FROM wb.automations WHERE id = :a;
SELECT pg_temp.log('g013', 2) AS bert, pg_temp.log('g013', 2, display_name => 'gpt-1') AS gpt;

-- G014 a new event takes the place of the old one, type and filter
SELECT wb.create_automation('g014', wb.on_run_metric(:p, wb.metric('g014', '>', 10)), wb.do_nothing()) AS a \gset
SELECT pg_temp.log('g014', 5) AS at_5, pg_temp.log('g014', 11) AS at_11;
SELECT wb.update_automation(:a, jsonb_build_object('event', wb.on_run_metric(:p, wb.metric('g014', '<', 10)))) \gset
SELECT pg_temp.log('g014', 5) AS at_5, pg_temp.log('g014', 11) AS at_11;
SELECT wb.update_automation(:a, jsonb_build_object('event', wb.on_run_state(:p, '{failed}'))) \gset
SELECT pg_temp.log('g014', 5) AS at_5, pg_temp.fail() AS failed;
SELECT wb.disable_automation(:a) \gset

-- G015 it keeps its scope, whatever scope a new event carries
SELECT wb.create_automation('g015', wb.on_run_metric(:p, wb.metric('g015', '>', 1)), wb.do_nothing()) AS a \gset
SELECT wb.update_automation(:a, jsonb_build_object('event', wb.on_run_metric(:q, wb.metric('g015', '>', 1)))) \gset
SELECT scope_id FROM wb.automations WHERE id = :a;
SELECT pg_temp.log('g015', 2) AS in_p, pg_temp.log('g015', 2, 7796001) AS in_q;

-- G016 the scope of an artifact event can become a registry, and a collection
SELECT wb.create_registry('conform_automation org', 'models') AS registry \gset
UPDATE wb.entities SET organization_id = (SELECT entity_id FROM wb.registries WHERE id = :registry) WHERE id = 7796000;
INSERT INTO wb.artifacts (id, collection_id, state) VALUES (7796000, 7796000, 'COMMITTED'), (7796001, 7796001, 'COMMITTED');
SELECT wb.create_automation('g016', wb.on_add_artifact_alias(:p), wb.do_nothing()) AS a \gset
CREATE FUNCTION pg_temp.alias(alias text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	last bigint := coalesce((SELECT max(id) FROM wb.executions), 0);
BEGIN
	PERFORM wb.add_alias(7796000, alias), wb.add_alias(7796001, alias);
	PERFORM wb.link_artifact(7796000, wb.registry_id('conform_automation org', 'models'), 'linked', ARRAY[alias]);
	RETURN (SELECT string_agg(event->>'artifactCollectionName', ', ' ORDER BY id) FROM wb.executions
		WHERE id > last AND automation_name = 'g016' AND event->>'alias' = alias.alias);
END $$;
SELECT pg_temp.alias('a') AS in_project;
SELECT wb.update_automation(:a, jsonb_build_object('scope', wb.registry('conform_automation org', 'models'))) \gset
SELECT pg_temp.alias('b') AS in_registry;
SELECT wb.update_automation(:a, jsonb_build_object('scope', wb.collection(:p, 'other'))) \gset
SELECT pg_temp.alias('c') AS in_collection;

-- G017 that of a run event cannot become a collection
SELECT wb.create_automation('g017', wb.on_run_metric(:p, wb.metric('g017', '>', 1)), wb.do_nothing()) AS a \gset
SELECT pg_temp.try(format($$SELECT wb.update_automation(%s, jsonb_build_object('scope', wb.collection(wb.project('conform_automation', 'p'), 'model')))$$, :a));
SELECT pg_temp.log('g017', 2) AS in_project;

-- G018 a new payload is sent from then on
SELECT wb.create_automation('g018', wb.on_run_metric(:p, wb.metric('g018', '>', 1)), wb.send_webhook(7796000, '{"n": 1}')) AS a \gset
SELECT pg_temp.log('g018', 2);
SELECT wb.update_automation(:a, jsonb_build_object('action', wb.send_webhook(7796000, '{"n": 2}'))) \gset
SELECT pg_temp.log('g018', 2);
SELECT action #>> '{genericWebhookActionInput,requestPayload}' AS payload FROM wb.executions WHERE automation_id = :a ORDER BY id;

-- G019 another action takes the place of the old one, and goes back
SELECT wb.update_automation(:a, jsonb_build_object('action', wb.do_nothing())) \gset
SELECT pg_temp.log('g018', 2);
SELECT wb.update_automation(:a, jsonb_build_object('action', wb.send_webhook(7796000, '{"n": 3}'))) \gset
SELECT pg_temp.log('g018', 2);
SELECT action_type, action FROM wb.executions WHERE automation_id = :a ORDER BY id OFFSET 2;

-- G020 one that does not exist cannot be changed
SELECT pg_temp.try($$SELECT wb.update_automation(-1, '{"name": "x"}')$$);

-- G022 it is deleted, and the answer is true
SELECT wb.create_automation('g022', wb.on_run_metric(:p, wb.metric('g022', '>', 1)), wb.do_nothing()) AS a \gset
SELECT wb.delete_automation(:a);
SELECT count(*) AS left FROM wb.automations WHERE id = :a;
SELECT pg_temp.log('g022', 2);

-- G023 once; a second time, or of an id that never was, is an error
SELECT pg_temp.try(format('SELECT wb.delete_automation(%s)', i)) FROM unnest(ARRAY[:a, -1]) i;

-- G024 by its id, or by its name
SELECT wb.create_automation('g024', wb.on_run_state(:p, '{failed}'), wb.do_nothing(), enabled => false) AS a \gset
SELECT wb.delete_automation(wb.automation('g024', 'conform_automation'));
SELECT count(*) AS left FROM wb.automations WHERE id = :a;

-- G025 what it had asked for before is still in the queue
SELECT wb.create_automation('g025', wb.on_run_metric(:p, wb.metric('g025', '>', 1)), wb.send_webhook(7796000)) AS a \gset
SELECT pg_temp.log('g025', 2);
SELECT wb.delete_automation(:a);
SELECT e.automation_name, e.state, d.integration_id FROM wb.executions e JOIN wb.deliveries d ON d.execution_id = e.id WHERE e.automation_id = :a;

-- G026 they are listed: of a scope, of one name and no other, all
SELECT wb.create_automation(n, wb.on_add_artifact_alias(scope), wb.do_nothing(), enabled => false) > 0 AS is_made
FROM (VALUES ('g026', :q), ('g026', wb.collection(:p, 'model')), ('g026', wb.registry('conform_automation org', 'models')), ('g026', wb.entity('conform_automation')),
	('g026', wb.entity('conform_automation org')), ('g026 more', wb.collection(wb.registry('conform_automation org', 'models'), 'linked')), ('g026 more', :q)) v(n, scope);
SELECT name FROM wb.automation_list WHERE scope = 'conform_automation/q' AND name LIKE 'g026%' ORDER BY name;
SELECT name, scope FROM wb.automation_list WHERE name = 'g026' ORDER BY scope COLLATE "C";
SELECT name, scope FROM wb.automation_list WHERE name LIKE 'g026%' ORDER BY name, scope COLLATE "C";

-- G027 page after page, each from where the one before ended
SELECT wb.create_automation('g027 ' || n, wb.on_add_artifact_alias(:q), wb.do_nothing(), enabled => false) > 0 AS is_made FROM generate_series(1, 3) n;
CREATE TEMP VIEW pages AS SELECT * FROM wb.automation_list WHERE name LIKE 'g027%';
SELECT name, id FROM pages LIMIT 1 \gset
\echo :name
SELECT name, id FROM pages WHERE id > :id LIMIT 1 \gset
\echo :name
SELECT name FROM pages WHERE id > :id;

-- G028 one is found by its name: none, or more than one, is an error
SELECT wb.automation('g027 1') = id AS is_found FROM wb.automations WHERE name = 'g027 1';
SELECT pg_temp.try(format('SELECT wb.automation(%L)', n)) FROM unnest('{g028,g026 more}'::text[]) n;
SELECT wb.automation('g026 more', 'conform_automation') = id AS is_found FROM wb.automations WHERE name = 'g026 more' AND scope_type = 'PROJECT';

-- G029 one of a type that is unknown here is listed, and cannot be changed; it can be switched off and deleted
SET session_replication_role = replica;
INSERT INTO wb.automations (id, name, scope_type, scope_id, event_type, event_filter, action_type, action_config, event_source, event_key) VALUES
	(7796090, 'g029 event', 'PROJECT', 7796000, 'RUN_PAUSED', '{"paused": 7}', 'NO_OP', '{"noOpActionInput": {"noOp": true}}', 'run_paused', ''),
	(7796091, 'g029 action', 'PROJECT', 7796000, 'ADD_ARTIFACT_ALIAS', '{}', 'ARIA', '{"ariaActionInput": {"prompt": "x"}}', 'x', ''),
	(7796092, 'g029 scope', 'GALAXY', 5, 'ADD_ARTIFACT_ALIAS', '{}', 'NO_OP', '[]', 'x', '');
RESET session_replication_role;
SELECT name, scope, event, action FROM wb.automation_list WHERE name LIKE 'g029%' ORDER BY id;
SELECT pg_temp.try(format($$SELECT wb.update_automation(%s, '{"name": "x"}')$$, i)) FROM generate_series(7796090, 7796092) i;
SELECT pg_temp.try(format($$SELECT wb.disable_automation(%s)$$, i)), pg_temp.try(format($$SELECT wb.delete_automation(%s)$$, i)) FROM generate_series(7796090, 7796092) i;
