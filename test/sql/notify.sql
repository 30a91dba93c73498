-- wb.send_notify as an action: what is refused, how it is listed, and how it travels.
SET client_min_messages = error;
\set SHOW_CONTEXT never
SELECT wb.setup() \gset
SELECT wb.create_project('notify', 'p') \gset
CREATE FUNCTION pg_temp.make(name text, action jsonb) RETURNS bigint LANGUAGE sql AS
	$$ SELECT wb.create_automation(name, wb.on_run_metric(wb.project('notify', 'p'), wb.metric('loss', '>', 1)), action) $$;

-- The JSON that it is.
SELECT wb.send_notify('stop'), wb.send_notify('stop_${run_id}', 'because ${why}');

-- A channel that LISTEN could not name is refused, and so is anything but text as payload.
SELECT pg_temp.make('null', wb.send_notify(NULL));
SELECT pg_temp.make('empty', wb.send_notify(''));
SELECT pg_temp.make('long', wb.send_notify(repeat('x', 64)));
SELECT pg_temp.make('number', '{"action_type": "NOTIFY", "action_config": {"notifyActionInput": {"channel": 5}}}');
SELECT pg_temp.make('payload', '{"action_type": "NOTIFY", "action_config": {"notifyActionInput": {"channel": "stop", "payload": {"a": 1}}}}');
SELECT pg_temp.make('keys', '{"action_type": "NOTIFY", "action_config": {"noOpActionInput": {}}}');
SELECT pg_temp.make('63 bytes', wb.send_notify(repeat('x', 63))) > 0 AS made;

-- In words.
SELECT pg_temp.make('words', wb.send_notify('stop_${run_id}')) AS id \gset
SELECT action FROM wb.automation_list WHERE id = :id;

-- Exported and imported, under a type that W&B does not have.
SELECT wb.export_automation(:id)->'triggeredActionType' AS type, wb.export_automation(:id)->'triggeredActionConfig' AS config;
SELECT wb.import_automation(wb.export_automation(:id) || '{"name": "again"}') AS again \gset
SELECT action_type, action_config FROM wb.automations WHERE id = :again;
SELECT wb.import_automation(wb.export_automation(:id) || '{"name": "none", "triggeredActionConfig": {"notifyActionInput": {}}}');

-- It waits for the worker like any other, with no integration.
SELECT wb.start_run(wb.project_id('notify', 'p')) AS run \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 1, 2);
SELECT e.state, e.action_type, e.action, d.integration_id
FROM wb.executions e JOIN wb.deliveries d ON d.execution_id = e.id WHERE e.automation_id = :id;
