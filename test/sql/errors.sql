-- What is refused, with what words, and under which SQLSTATE.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
INSERT INTO wb.entities (id, name) VALUES (93000, 'errors'), (93001, 'other team');
INSERT INTO wb.projects (id, entity_id, name) VALUES (93000, 93000, 'p');
INSERT INTO wb.runs (id, project_id, name) VALUES (93000, 93000, 'r');
INSERT INTO wb.collections (id, project_id, name, type) VALUES (93000, 93000, 'model', 'model');
INSERT INTO wb.secrets (entity_id, name, key_id, sealed) VALUES (93000, 'SLACK', '', ''), (93001, 'SLACK', '', '');
INSERT INTO wb.integrations (id, entity_id, kind, name, url, url_secret) VALUES
	(93000, 93000, 'WEBHOOK', 'hook', 'http://127.0.0.1/', NULL), (93001, 93001, 'WEBHOOK', 'hook', 'http://127.0.0.1/', NULL),
	(93002, 93000, 'SLACK', 'alerts', NULL, 'SLACK');
CREATE FUNCTION pg_temp.refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat(SQLSTATE, ': ', SQLERRM, E'\n  HINT: ' || nullif(hint, ''));
END $$;
-- an automation on the project, whose event, action and further arguments are given
CREATE FUNCTION pg_temp.automation(event text, action text = 'wb.do_nothing()', rest text = '') RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.refusal(format('SELECT wb.create_automation(''refused'', %s, %s%s)', event, action, rest));
$$;
-- a row of wb.automations, of which some columns are given
CREATE FUNCTION pg_temp.row_of(changes jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	full_row jsonb := '{"name": "plain", "scope_type": "PROJECT", "scope_id": 93000, "event_type": "RUN_METRIC",
		"event_filter": {"run_metric_filter": {"threshold_filter": {"name": "loss", "cmp_op": "$gt", "threshold": 1}}},
		"action_type": "NO_OP", "action_config": {"noOpActionInput": {"noOp": true}}, "enabled": true, "once_per": "run", "created_at": "2026-01-01"}';
BEGIN
	RETURN pg_temp.refusal(format('INSERT INTO wb.automations (name, scope_type, scope_id, event_type, event_filter, action_type, action_config, cooldown, once_per, enabled)
		SELECT name, scope_type, scope_id, event_type, event_filter, action_type, action_config, cooldown, once_per, enabled
		FROM jsonb_populate_record(NULL::wb.automations, %L)', full_row || changes));
END $$;
\pset format unaligned
\pset tuples_only on

-- what an automation is about has to exist
SELECT pg_temp.refusal($$SELECT wb.project('no such team', 'p')$$);
SELECT pg_temp.refusal($$SELECT wb.project('errors', 'no such project')$$);
SELECT pg_temp.refusal($$SELECT wb.project(NULL, NULL)$$);
SELECT pg_temp.refusal($$SELECT wb.collection(wb.project('errors', 'p'), 'no such collection')$$);
SELECT pg_temp.refusal($$SELECT wb.collection(NULL, 'model')$$);
SELECT pg_temp.refusal($$SELECT wb.collection(wb.collection(wb.project('errors', 'p'), 'model'), 'model')$$);
SELECT pg_temp.automation($$wb.on_run_metric('{}', wb.is_nan('loss'))$$);
SELECT pg_temp.automation($$wb.on_run_metric(NULL, wb.is_nan('loss'))$$);
SELECT pg_temp.automation($$wb.on_run_metric('{"scope_type": "PROJECT", "scope_id": -1}', wb.is_nan('loss'))$$);
SELECT pg_temp.automation($$wb.on_add_artifact_alias('{"scope_type": "ARTIFACT_COLLECTION", "scope_id": -1}')$$);
SELECT pg_temp.automation($$wb.on_run_metric('{"scope_type": "TEAM", "scope_id": 93000}', wb.is_nan('loss'))$$);

-- a run event has no meaning in a collection
SELECT pg_temp.automation($$wb.on_run_metric(wb.collection(wb.project('errors', 'p'), 'model'), wb.is_nan('loss'))$$);
SELECT pg_temp.automation($$wb.on_run_state(wb.collection(wb.project('errors', 'p'), 'model'), '{failed}')$$);

-- names
SELECT pg_temp.refusal($$SELECT wb.create_automation('', wb.on_run_metric(wb.project('errors', 'p'), wb.is_nan('loss')), wb.do_nothing())$$);
SELECT pg_temp.refusal($$SELECT wb.create_automation(NULL, wb.on_run_metric(wb.project('errors', 'p'), wb.is_nan('loss')), wb.do_nothing())$$);
SELECT pg_temp.refusal($$SELECT wb.create_automation(repeat('é', 256), wb.on_run_metric(wb.project('errors', 'p'), wb.is_nan('loss')), wb.do_nothing())$$);
SELECT pg_temp.refusal($$SELECT wb.create_automation(repeat('é', 255), wb.on_run_metric(wb.project('errors', 'p'), wb.is_nan('loss')), wb.do_nothing())$$);
-- a name is taken in its scope, by function and by row; elsewhere it is free
SELECT pg_temp.refusal($$SELECT wb.create_automation('taken', wb.on_run_metric(wb.project('errors', 'p'), wb.is_nan('loss')), wb.do_nothing())$$);
SELECT pg_temp.refusal($$SELECT wb.create_automation('taken', wb.on_run_state(wb.project('errors', 'p'), '{failed}'), wb.do_nothing())$$);
SELECT pg_temp.row_of('{"name": "taken"}');
SELECT pg_temp.refusal($$SELECT wb.create_automation('taken', wb.on_add_artifact_alias(wb.collection(wb.project('errors', 'p'), 'model')), wb.do_nothing())$$);
SELECT wb.create_automation('taken', wb.on_run_state(wb.project('errors', 'p'), '{failed}'), wb.do_nothing(), fetch_existing => true) =
	(SELECT id FROM wb.automations WHERE name = 'taken' AND scope_type = 'PROJECT' AND scope_id = 93000);
SELECT pg_temp.refusal($$SELECT wb.automation('no such automation')$$);
SELECT pg_temp.refusal($$SELECT wb.automation('taken', 'errors')$$);
SELECT pg_temp.refusal('SELECT wb.' || f) FROM unnest('{enable_automation(-1),disable_automation(-1),delete_automation(-1)}'::text[]) f;

-- conditions on metrics
SELECT pg_temp.refusal('SELECT wb.' || f) FROM unnest(ARRAY[
	$$metric('loss', '==', 1)$$, $$metric('loss', NULL, 1)$$, $$metric('loss', '>', 'NaN')$$, $$metric('loss', '>', '-Infinity')$$, $$metric('loss', '>', NULL)$$,
	$$metric('', '>', 1)$$, $$metric(NULL, '>', 1)$$, $$is_nan('')$$,
	$$avg('loss', '>', 1, 0)$$, $$avg('loss', '>', 1, -1)$$, $$min('loss', '>', 1, 10001)$$, $$max('loss', '>', 1, NULL)$$]) WITH ORDINALITY f(f, n) ORDER BY n;
SELECT pg_temp.automation($$wb.on_run_metric(wb.project('errors', 'p'), NULL)$$);
SELECT pg_temp.automation($$wb.on_run_metric(wb.project('errors', 'p'), '{}')$$);
SELECT pg_temp.automation(format($$wb.on_run_metric(wb.project('errors', 'p'), '{"threshold_filter": %s}')$$, f)) FROM unnest(ARRAY['7', '[]', '{}',
	'{"name": "loss", "cmp_op": "$like", "threshold": 1}', '{"name": "loss", "cmp_op": ">", "threshold": 1}', '{"name": "loss", "threshold": 1}',
	'{"name": "loss", "cmp_op": 1, "threshold": 1}', '{"name": "", "cmp_op": "$gt", "threshold": 1}', '{"name": 7, "cmp_op": "$gt", "threshold": 1}',
	'{"name": "loss", "cmp_op": "$gt"}', '{"name": "loss", "cmp_op": "$gt", "threshold": "1"}', '{"name": "loss", "cmp_op": "$gt", "threshold": true}',
	'{"name": "loss", "cmp_op": "$gt", "threshold": "NaN"}', '{"name": "loss", "cmp_op": "$gt", "threshold": 1e400}', '{"name": "loss", "cmp_op": "$isnan", "threshold": 1}',
	'{"name": "loss", "cmp_op": "$gt", "threshold": 1, "agg_op": "SUM", "window_size": 5}', '{"name": "loss", "cmp_op": "$gt", "threshold": 1, "agg_op": 5}',
	'{"name": "loss", "cmp_op": "$gt", "threshold": 1, "agg_op": "MIN", "window_size": 0}', '{"name": "loss", "cmp_op": "$gt", "threshold": 1, "agg_op": "MIN", "window_size": 1.5}',
	 '{"name": "loss", "cmp_op": "$gt", "threshold": 1, "window_size": "5"}',
	'{"name": "loss", "cmp_op": "$gt", "threshold": 1, "windowsize": 5}']) WITH ORDINALITY f(f, n) ORDER BY n;

-- conditions on states
SELECT pg_temp.automation(format($$wb.on_run_state(wb.project('errors', 'p'), %s)$$, s)) FROM unnest(ARRAY[
	$$'{crashed}'$$, $$'{killed}'$$, $$'{failed,nonsense}'$$, $$'{}'$$, 'NULL', 'ARRAY[NULL::text]', $$'{""}'$$]) WITH ORDINALITY s(s, n) ORDER BY n;
SELECT pg_temp.row_of(jsonb_build_object('event_type', 'RUN_STATE', 'event_filter', f::jsonb)) FROM unnest(ARRAY[
	'{}', '{"run_state_filter": {"states": "FAILED"}}', '{"run_state_filter": {"states": []}}', '{"run_state_filter": {"states": ["failed"]}}',
	'{"run_state_filter": {"states": [1]}}', '{"run_state_filter": []}']) WITH ORDINALITY f(f, n) ORDER BY n;

-- conditions on runs and aliases
SELECT pg_temp.automation($$wb.on_run_metric(wb.project('errors', 'p'), wb.is_nan('loss'), wb."where"('colour', '=', 'red'))$$);
SELECT pg_temp.automation($$wb.on_run_metric(wb.project('errors', 'p'), wb.is_nan('loss'), wb."where"('display_name', '~', '('))$$);
SELECT pg_temp.automation($$wb.on_run_metric(wb.project('errors', 'p'), wb.is_nan('loss'), wb."where"('display_name', 'like', 'a%'))$$);
SELECT pg_temp.automation($$wb.on_add_artifact_alias(wb.project('errors', 'p'), wb."where"('display_name', '=', 'x'))$$);

-- a cooldown, and what it counts by
SELECT pg_temp.automation($$wb.on_run_metric(wb.project('errors', 'p'), wb.is_nan('loss'))$$, rest => $$, cooldown => '-1 second'$$);
SELECT pg_temp.automation($$wb.on_run_metric(wb.project('errors', 'p'), wb.is_nan('loss'))$$, rest => $$, cooldown => '11 years'$$);
SELECT pg_temp.automation($$wb.on_run_metric(wb.project('errors', 'p'), wb.is_nan('loss'))$$, rest => $$, once_per => 'project'$$);
SELECT pg_temp.automation($$wb.on_run_metric(wb.project('errors', 'p'), wb.is_nan('loss'))$$, rest => $$, once_per => NULL$$);
SELECT pg_temp.automation($$wb.on_run_metric(wb.project('errors', 'p'), wb.is_nan('loss'))$$, rest => $$, enabled => NULL$$);

-- actions
SELECT pg_temp.automation($$wb.on_run_metric(wb.project('errors', 'p'), wb.is_nan('loss'))$$, a) FROM unnest(ARRAY[
	'NULL', $$'{}'$$, 'wb.send_webhook(-1)', 'wb.send_webhook(NULL)', 'wb.send_webhook(93001)', 'wb.send_webhook(93002)', 'wb.send_notification(93000)',
	$$wb.send_webhook(93000, '["a list"]')$$, $$wb.send_webhook(93000, '7')$$, $$wb.send_webhook(93000, 'null')$$,
	$$wb.send_notification(93002, severity => 'fatal')$$, $$wb.send_notification(93002, severity => ' warn ')$$]) WITH ORDINALITY a(a, n) ORDER BY n;

-- a plain INSERT is checked like a call
SELECT pg_temp.row_of(r::jsonb) FROM unnest(ARRAY['{"event_type": "RUN_NONSENSE"}', '{"event_type": "UPDATE_ARTIFACT_ALIAS"}', '{"event_type": null}',
	'{"action_type": "QUEUE_JOB"}', '{"action_type": "push"}', '{"action_type": null}', '{"action_config": null}', '{"action_config": {}}', '{"action_config": []}',
	'{"action_config": {"noOpActionInput": {"noOp": true}, "more": 1}}', '{"action_config": {"genericWebhookActionInput": {"integrationID": 93000}}}',
	'{"action_type": "GENERIC_WEBHOOK", "action_config": {"genericWebhookActionInput": {}}}', '{"action_type": "GENERIC_WEBHOOK", "action_config": {"genericWebhookActionInput": 7}}',
	'{"action_type": "GENERIC_WEBHOOK", "action_config": {"genericWebhookActionInput": {"integrationID": "SW50OjE="}}}',
	'{"action_type": "GENERIC_WEBHOOK", "action_config": {"genericWebhookActionInput": {"integrationID": 1.5}}}',
	'{"action_type": "GENERIC_WEBHOOK", "action_config": {"genericWebhookActionInput": {"integrationID": 93000, "requestPayload": "{"}}}',
	'{"action_type": "GENERIC_WEBHOOK", "action_config": {"genericWebhookActionInput": {"integrationID": 93000, "requestPayload": "[]"}}}',
	'{"action_type": "GENERIC_WEBHOOK", "action_config": {"genericWebhookActionInput": {"integrationID": 93000, "requestPayload": []}}}',
	'{"action_type": "NOTIFICATION", "action_config": {"notificationActionInput": {"integrationID": 93002, "severity": "FATAL"}}}',
	'{"action_type": "NOTIFICATION", "action_config": {"notificationActionInput": {"integrationID": 93002, "severity": 3}}}',
	'{"scope_type": "REGISTRY"}', '{"scope_type": null}', '{"scope_id": null}', '{"scope_id": 93001}', '{"name": ""}', '{"name": null}', '{"event_filter": null}', '{"event_filter": []}',
	'{"event_filter": {"run_metric_filter": {"change_filter": {}}}}']) WITH ORDINALITY r(r, n) ORDER BY n;
-- and so is an UPDATE, in what it changes
SELECT pg_temp.refusal($$UPDATE wb.automations SET event_filter = '{}' WHERE name = 'taken' AND scope_type = 'PROJECT' AND scope_id = 93000$$);
SELECT pg_temp.refusal($$UPDATE wb.automations SET scope_id = -1 WHERE name = 'taken' AND scope_type = 'PROJECT' AND scope_id = 93000$$);
SELECT pg_temp.refusal($$UPDATE wb.automations SET scope_type = 'ARTIFACT_COLLECTION' WHERE name = 'taken' AND scope_type = 'PROJECT' AND scope_id = 93000$$);
SELECT pg_temp.refusal($$UPDATE wb.automations SET action_type = 'NOTIFICATION' WHERE name = 'taken' AND scope_type = 'PROJECT' AND scope_id = 93000$$);
-- the columns that rules are looked up by cannot be forged
UPDATE wb.automations SET event_source = 'nonsense', event_key = 'acc' WHERE name = 'taken' AND scope_type = 'PROJECT' AND scope_id = 93000
RETURNING event_source, event_key, updated_at IS NOT NULL;

-- metric rows
SELECT pg_temp.refusal('INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES ' || v) FROM unnest(ARRAY[
	$$(93000, 'loss', NULL, 1)$$, $$(93000, 'loss', 0, NULL)$$, $$(93000, NULL, 0, 1)$$, $$(93000, '', 0, 1)$$, $$(NULL, 'loss', 0, 1)$$,
	$$(93999, 'loss', 0, 1)$$, $$(93000, 'loss', 0, 1), (93000, 'loss', 0, 2)$$]) WITH ORDINALITY v(v, n) ORDER BY n;
SELECT pg_temp.refusal($$INSERT INTO wb.run_metrics (run_id, name, value) VALUES (93000, 'loss', 1)$$);

-- runs
SELECT pg_temp.refusal('INSERT INTO wb.runs (project_id, name, state) VALUES ' || v) FROM unnest(ARRAY[
	$$(-1, 'x', 'running')$$, $$(93000, 'r', 'running')$$, $$(93000, 'a/b', 'running')$$, $$(93000, '', 'running')$$, $$(93000, 'x', 'RUNNING')$$, $$(93000, 'x', NULL)$$]) WITH ORDINALITY v(v, n) ORDER BY n;

-- integrations
SELECT pg_temp.refusal('SELECT wb.' || f) FROM unnest(ARRAY[
	$$create_webhook_integration('no such team', 'w', 'https://example.com')$$,
	$$create_webhook_integration('errors', 'hook', 'https://example.com')$$,
	$$create_webhook_integration('errors', 'bad/name', 'https://example.com')$$, $$create_webhook_integration('errors', '', 'https://example.com')$$,
	$$create_webhook_integration('errors', repeat('a', 65), 'https://example.com')$$, $$create_webhook_integration('errors', 'w', NULL)$$,
	$$create_webhook_integration('errors', 'w', 'https://example.com', max_attempts => 0)$$, $$create_webhook_integration('errors', 'w', 'https://example.com', max_attempts => 13)$$,
	$$create_slack_integration('errors')$$, $$create_slack_integration('errors', 'https://example.com', url_secret => 'SLACK')$$,
	$$create_slack_integration('errors', url_secret => 'SLACK', channel_name => 'alerts')$$, $$create_slack_integration('errors', 'ftp://example.com')$$,
	$$webhook_integration('errors', 'no such hook')$$, $$webhook_integration('errors', NULL)$$, $$slack_integration('errors', 'no such channel')$$,
	$$slack_integration('other team')$$, $$webhook_integration('no such team', 'hook')$$,
	$$set_secret('errors', 'bad-name', 'x')$$, $$set_secret('errors', NULL, 'x')$$, $$set_secret('errors', 'S', '')$$, $$set_secret('errors', 'S', NULL)$$,
	$$set_secret('no such team', 'S', 'x')$$, $$delete_secret('errors', 'NONE')$$]) WITH ORDINALITY f(f, n) ORDER BY n;
SELECT pg_temp.refusal('INSERT INTO wb.integrations (entity_id, kind, name, url, url_secret, max_attempts) VALUES ' || v) FROM unnest(ARRAY[
	$$(93000, 'EMAIL', 'x', 'https://example.com', NULL, 1)$$, $$(93000, 'WEBHOOK', 'x', NULL, 'S', 1)$$, $$(93000, 'SLACK', 'x', 'https://example.com', NULL, 1)$$,
	$$(93000, 'WEBHOOK', 'x/y', 'https://example.com', NULL, 1)$$, $$(93000, 'WEBHOOK', 'x', 'https://example.com', NULL, 0)$$,
	$$(93000, 'WEBHOOK', 'x', 'gopher://example.com', NULL, 1)$$, $$(-1, 'WEBHOOK', 'x', 'https://example.com', NULL, 1)$$]) WITH ORDINALITY v(v, n) ORDER BY n;
SELECT pg_temp.refusal($$UPDATE wb.integrations SET url = 'file:///etc/passwd' WHERE id = 93000$$);

-- URLs; no message shows more of one than its scheme and host
-- (what the URL parser says of one that it cannot read is its own)
SELECT u || E'\n  ' || regexp_replace(pg_temp.refusal(format('SELECT wb.check_url(%L)', u)), 'read \(.*?\)', 'read (...)') FROM unnest(ARRAY[
	'https://example.com/token', 'https://example.com:8443/', 'http://example.com/', 'http://127.0.0.1:8080/x', 'https://127.0.0.1/', 'https://1.1.1.1/',
	'', 'nonsense', 'example.com/token', 'https://', 'file:///etc/passwd', 'ftp://example.com/token', 'gopher://example.com',
	'https://user:password@example.com/token', 'https://user@example.com/', 'https://exa mple.com/',
	'https://10.0.0.1/token', 'https://192.168.1.1/', 'https://169.254.169.254/latest/meta-data', 'https://0.0.0.0/', 'https://[::1]/', 'https://[::ffff:10.0.0.1]/',
	'https://[fd00::1]/', 'https://[fe80::1]/', 'https://224.0.0.1/', 'https://167772161/', 'https://0x0a000001/', 'https://10.1/', 'https://012.0.0.1/']) WITH ORDINALITY u(u, n) ORDER BY n;

-- with the settings as they come: no http, and public addresses only
CREATE FUNCTION pg_temp.await(setting text, wanted text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF current_setting(setting) <> wanted THEN
		PERFORM count(*) FROM generate_series(1, 20000);
	END IF;
END $$;
ALTER SYSTEM SET wb_automations.allow_http = off;
ALTER SYSTEM SET wb_automations.allowed_networks = '';
SELECT pg_reload_conf();
\o /dev/null
\set ECHO none
SELECT $$SELECT pg_temp.await('wb_automations.allow_http', 'off')$$ FROM generate_series(1, 5000) \gexec
\set ECHO all
\o
SHOW wb_automations.allow_http;
SELECT u || E'\n  ' || pg_temp.refusal(format('SELECT wb.check_url(%L)', u)) FROM unnest(ARRAY[
	'https://example.com/', 'http://example.com/token', 'http://127.0.0.1/', 'https://127.0.0.1/', 'https://localhost/', 'https://LOCALHOST./', 'https://a.localhost/', 'https://[::1]/']) WITH ORDINALITY u(u, n) ORDER BY n;
SELECT pg_temp.refusal($$SELECT wb.create_webhook_integration('errors', 'w', 'http://127.0.0.1/token')$$);
SELECT pg_temp.refusal($$SELECT wb.create_slack_integration('errors', 'http://127.0.0.1/token')$$);
-- an integration that was made before can still be changed otherwise
UPDATE wb.integrations SET max_attempts = 3 WHERE id = 93000 RETURNING max_attempts;
ALTER SYSTEM RESET wb_automations.allow_http;
ALTER SYSTEM RESET wb_automations.allowed_networks;
SELECT pg_reload_conf();
\o /dev/null
\set ECHO none
SELECT $$SELECT pg_temp.await('wb_automations.allow_http', 'on')$$ FROM generate_series(1, 5000) \gexec
\set ECHO all
\o
SELECT pg_temp.refusal($$SELECT wb.create_webhook_integration('errors', 'w', 'http://127.0.0.1/token')$$);
-- networks that are none are refused
ALTER SYSTEM SET wb_automations.allowed_networks = '10.0.0.0/8, nonsense';

-- other functions
SELECT pg_temp.refusal($$SELECT wb.arm('later')$$);
SELECT pg_temp.refusal($$SELECT wb.arm(NULL)$$);
