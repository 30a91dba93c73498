-- Actions, integrations, secrets and who may do what, by the numbers of
-- docs/conformance.md.  What a receiver gets is a matter of the TAP tests.
\set SHOW_CONTEXT never
\pset format unaligned
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_team('conform_action', 'conform_action org') \gset
SELECT wb.create_team('conform_action other') \gset
SELECT wb.create_project('conform_action', 'p') AS project \gset
SELECT wb.create_registry('conform_action org', 'models') AS registry \gset
SELECT wb.set_secret('conform_action', 'SLACK', 'https://127.0.0.1/x'), wb.set_secret('conform_action other', 'SLACK', 'https://127.0.0.1/y') \gset
SELECT wb.create_slack_integration('conform_action', url_secret => 'SLACK') AS slack \gset
SELECT wb.create_slack_integration('conform_action other', url_secret => 'SLACK') AS other_slack \gset
SELECT wb.create_webhook_integration('conform_action', 'hook', 'https://127.0.0.1/') AS hook \gset
SELECT wb.create_webhook_integration('conform_action other', 'hook', 'https://127.0.0.1/') AS other_hook \gset
CREATE FUNCTION pg_temp.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	-- ids differ from run to run
	RETURN regexp_replace(SQLERRM, 'integration \d+', 'integration N');
END $$;
-- what becomes of an automation with this action
CREATE FUNCTION pg_temp.create_with(action jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.attempt(format($f$SELECT wb.create_automation('a' || gen_random_uuid(), wb.on_run_state(wb.project('conform_action', 'p'), '{failed}'), %L)$f$, action))
$$;

-- G136 a notification needs an integration; title and message are empty and the severity is INFO unless they are given, or given as null
SELECT wb.send_notification(7);
SELECT wb.send_notification(7, NULL, NULL, NULL) = wb.send_notification(7) AS null_is_the_default;
SELECT wb.send_notification(7, 'a title', 'a message', 'WARN');
SELECT pg_temp.create_with(wb.send_notification(NULL, 'nowhere'));
SELECT pg_temp.create_with('{"action_type": "NOTIFICATION", "action_config": {"notificationActionInput": {"title": "nowhere"}}}');

-- G137 a severity is INFO, WARN or ERROR in any case and with blanks around it, and never FATAL
SELECT s AS given, wb.send_notification(:slack, severity => s) #>> '{action_config,notificationActionInput,severity}' AS kept,
	pg_temp.create_with(wb.send_notification(:slack, severity => s)) AS result
FROM unnest('{info,Warn," error ",FATAL,critical,""}'::text[]) WITH ORDINALITY s(s, n) ORDER BY n;

-- G139 an automation uses integrations of the team that its scope belongs to, and of no other
SELECT pg_temp.create_with(wb.send_notification(:slack)) AS own_slack, pg_temp.create_with(wb.send_webhook(:hook)) AS own_hook;
SELECT pg_temp.create_with(wb.send_notification(:other_slack)) AS other_slack;
SELECT pg_temp.create_with(wb.send_webhook(:other_hook)) AS other_hook;
SELECT pg_temp.create_with(wb.send_webhook(:slack)) AS slack_as_webhook;

-- G140 any number of automations may share an integration
SELECT wb.create_project('conform_action', 'shared') AS shared \gset
SELECT count(wb.create_automation(n, wb.on_run_state(wb.project('conform_action', 'shared'), '{failed}'), wb.send_notification(:slack, n))) FROM unnest('{one,two,three}'::text[]) n \gset ignored_
INSERT INTO wb.runs (project_id, name, state) VALUES (:shared, 'r', 'failed');
SELECT e.automation_name, d.integration_id = :slack AS goes_to_slack FROM wb.executions e JOIN wb.deliveries d ON d.execution_id = e.id
WHERE e.project_id = :shared ORDER BY 1;

-- G146 a payload is a JSON object, or the text of one; a list, a number or other text is refused
SELECT p AS payload, pg_temp.create_with(jsonb_build_object('action_type', 'GENERIC_WEBHOOK', 'action_config',
	jsonb_build_object('genericWebhookActionInput', jsonb_build_object('integrationID', :hook, 'requestPayload', p)))) AS result
FROM unnest(ARRAY['{"a": 1}', '"{\"a\": 1}"', 'null', '{}', '[1, 2]', '"[1, 2]"', '"a text"', '7', 'true']::jsonb[]) WITH ORDINALITY p(p, n) ORDER BY n;
SELECT pg_temp.create_with(wb.send_webhook(:hook, '{"a": 1}')) AS object, pg_temp.create_with(wb.send_webhook(:hook, '[1]')) AS list;

-- G157 the name of a webhook has 1 to 64 letters, digits, dashes and underscores, in words with blanks between them
SELECT n AS name, pg_temp.attempt(format('SELECT wb.create_webhook_integration(%L, %L, %L)', 'conform_action', n, 'https://127.0.0.1/')) AS result,
	pg_temp.attempt(format('INSERT INTO wb.integrations (entity_id, kind, name, url) VALUES (wb.entity_id(%L), %L, %L, %L)', 'conform_action other', 'WEBHOOK', n, 'https://127.0.0.1/')) AS by_insert
FROM unnest(ARRAY['my hook', 'a  b', 'a-b_c d', 'bad/name', '', ' leading', 'trailing ', repeat('n', 64), repeat('n', 65)]) WITH ORDINALITY n(n, i) ORDER BY i;
SELECT pg_temp.attempt($$SELECT wb.create_webhook_integration('conform_action', 'my hook', 'https://127.0.0.1/')$$) AS taken;

-- G158 an address that is not public is refused unless the administrator allows its network, as this server does with 127.0.0.0/8
SELECT u AS url, pg_temp.attempt(format('SELECT wb.check_url(%L)', u)) AS result
FROM unnest('{https://example.com/in,https://8.8.8.8/,https://10.0.0.1/,https://192.168.1.1/,https://172.16.0.1/,https://169.254.169.254/latest/meta-data,https://[::1]/,https://[fd00::1]/,https://167772161/,https://127.0.0.1/}'::text[]) WITH ORDINALITY u(u, n) ORDER BY n;

-- G160 the value of a secret can be replaced and never be read
SELECT wb.set_secret('conform_action', 'TOKEN', 'the value itself') \gset
SELECT sealed AS before FROM wb.secrets WHERE name = 'TOKEN' AND entity_id = wb.entity_id('conform_action') \gset
SELECT wb.set_secret('conform_action', 'TOKEN', 'the value itself') \gset
SELECT s.name, position(convert_to('the value itself', 'UTF8') IN s.sealed) AS found_at, s.sealed <> :'before' AS is_sealed_anew, count(*) OVER () AS rows
FROM wb.secrets s WHERE name = 'TOKEN' AND entity_id = wb.entity_id('conform_action');
SELECT array_agg(column_name::text ORDER BY ordinal_position) AS columns FROM information_schema.columns WHERE table_schema = 'wb' AND table_name = 'secrets';
-- of the functions that are about secrets one alone returns text or bytes, and those are sealed
SELECT p.proname AS function, (SELECT array_agg(concat_ws(' ', o.name, o.type::regtype)) FROM unnest(p.proargnames, p.proargmodes, p.proallargtypes) o(name, mode, type) WHERE o.mode IN ('o', 'b', 't')) AS returns
FROM pg_proc p WHERE p.pronamespace = 'wb'::regnamespace AND p.proname ~ 'secret' AND (p.prorettype IN ('text'::regtype, 'bytea'::regtype, 'jsonb'::regtype) OR p.proallargtypes IS NOT NULL) ORDER BY 1;

-- G161 the name of a secret has letters, digits and underscores
SELECT n AS name, pg_temp.attempt(format('SELECT wb.set_secret(%L, %L, %L)', 'conform_action', n, 'x')) AS result,
	pg_temp.attempt(format('INSERT INTO wb.secrets (entity_id, name, key_id, sealed) VALUES (wb.entity_id(%L), %L, %L, %L)', 'conform_action other', n, 'k', '')) AS by_insert
FROM unnest(ARRAY['TOKEN_2', 'lower', '_', '7', 'a-b', 'a b', 'a.b', '', 'a$b', repeat('n', 129)]) WITH ORDINALITY n(n, i) ORDER BY i;

-- G164 secrets and integrations are written by those to whom the owner has granted it, and by nobody else
CREATE ROLE regress_conform_viewer;
CREATE ROLE regress_conform_admin;
GRANT USAGE ON SCHEMA wb TO regress_conform_viewer, regress_conform_admin;
GRANT SELECT ON ALL TABLES IN SCHEMA wb TO regress_conform_viewer, regress_conform_admin;
GRANT INSERT, UPDATE, DELETE ON wb.secrets, wb.integrations TO regress_conform_admin;
GRANT EXECUTE ON FUNCTION wb.seal_secret(bigint, text, text) TO regress_conform_admin;
CREATE FUNCTION public.conform_action_try(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLERRM;
END $$;
\set writes 'SELECT current_user, public.conform_action_try($$SELECT wb.set_secret(\'conform_action\', \'ROLE\', \'x\')$$) AS set_secret, public.conform_action_try($$SELECT wb.create_webhook_integration(\'conform_action\', \'by role\', \'https://127.0.0.1/\', \'ROLE\')$$) AS create_webhook, public.conform_action_try($$DELETE FROM wb.integrations WHERE name = \'by role\'$$) AS delete_webhook, public.conform_action_try($$SELECT wb.delete_secret(\'conform_action\', \'ROLE\')$$) AS delete_secret'
\x on
SET ROLE regress_conform_viewer;
:writes;
SET ROLE regress_conform_admin;
:writes;
RESET ROLE;

-- G165 so it is with automations, those of a registry like any other: who may only read creates, changes and deletes none
CREATE ROLE regress_conform_member;
GRANT USAGE ON SCHEMA wb TO regress_conform_member;
GRANT SELECT ON ALL TABLES IN SCHEMA wb TO regress_conform_member;
GRANT INSERT, UPDATE, DELETE ON wb.automations TO regress_conform_member;
\set writes 'SELECT current_user, public.conform_action_try($$SELECT wb.create_automation(\'by role\', wb.on_link_artifact(wb.registry(\'conform_action org\', \'models\')), wb.send_webhook(wb.webhook_integration(\'conform_action\', \'hook\')))$$) AS create_automation, public.conform_action_try($$UPDATE wb.automations SET enabled = false WHERE name = \'by role\'$$) AS change, public.conform_action_try($$DELETE FROM wb.automations WHERE name = \'by role\'$$) AS delete'
SET ROLE regress_conform_viewer;
:writes;
SET ROLE regress_conform_member;
:writes;
RESET ROLE;
\x off
DROP FUNCTION public.conform_action_try;
DROP OWNED BY regress_conform_viewer, regress_conform_admin, regress_conform_member;
DROP ROLE regress_conform_viewer, regress_conform_admin, regress_conform_member;
