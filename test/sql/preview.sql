-- wb.preview: what would be sent, and nothing is.
SET client_min_messages = error;
\set SHOW_CONTEXT never
SELECT wb.setup();
SELECT wb.create_project('preview', 'p') > 0 AS made;
SELECT wb.set_secret('preview', 'TOKEN', 'token-value'), wb.set_secret('preview', 'KEY', 'key-value'), wb.set_secret('preview', 'OLD_KEY', 'old-value');
SELECT wb.create_webhook_integration('preview', 'plain', 'https://plain.example/in') > 0 AS made;
SELECT wb.create_webhook_integration('preview', 'signed', 'https://ci.example:8443/hook?x=1', 'TOKEN', 'KEY', signature_encoding => 'base64') > 0 AS made;
SELECT wb.create_slack_integration('preview', 'https://hooks.slack.example/services/s3cr3t') > 0 AS made;
SELECT wb.start_run(wb.project_id('preview', 'p'), 'bert', 'run1', 'ann') AS run \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 1, 0.25), (:run, 'loss', 7, 0.5);
CREATE FUNCTION pg_temp.make(name text, action jsonb) RETURNS bigint LANGUAGE sql AS
	$$ SELECT wb.create_automation(name, wb.on_run_metric(wb.project('preview', 'p'), wb.metric('loss', '>', 1)), action, cooldown => '0') $$;
-- Shown without what differs from run to run.
CREATE FUNCTION pg_temp.show(automation_id bigint, run_id bigint = NULL, artifact_id bigint = NULL)
RETURNS TABLE (method text, host text, headers text, body text) LANGUAGE sql AS $$
	SELECT method, host, regexp_replace(regexp_replace(headers, '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', '<uuid>'),
			'timestamp: \d+', 'timestamp: <seconds>'),
		regexp_replace(body, 'wb.explain\(\d+, \d+', 'wb.explain(<automation>, <run>')
	FROM wb.preview(automation_id, run_id, artifact_id) $$;

-- Of a run: its newest point; secrets and signatures are asterisks.
SELECT pg_temp.make('signed', wb.send_webhook(wb.webhook_integration('preview', 'signed'),
	'{"run": "${run_path}", "at": "${step}", "loss": "${observed}", "values": "${metric_values}", "token": "${ACCESS_TOKEN}", "key": "${KEY}", "why": "${why}", "tag": "${tag}"}')) AS id \gset
SELECT * FROM pg_temp.show(:id, :run) \gx

-- With a key that is being changed there are two signatures.
UPDATE wb.integrations SET signing_secret = 'KEY', previous_secret = 'OLD_KEY' WHERE id = wb.webhook_integration('preview', 'signed');
SELECT headers FROM pg_temp.show(:id, :run);

-- Of no run: only what is always known.
SELECT body FROM pg_temp.show(:id);

-- Once it has fired: what it fired on last, on this run or on any.
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 8, 4);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 9, 0);
SELECT body FROM pg_temp.show(:id, :run);
SELECT body FROM pg_temp.show(:id);
SELECT count(*) AS executions FROM wb.executions WHERE automation_id = :id;

-- A Slack message has no host to show, because its address is a secret.
SELECT pg_temp.make('slack', wb.send_notification(wb.slack_integration('preview'), title => 'loss of ${run_name}')) AS id \gset
SELECT * FROM pg_temp.show(:id, :run) \gx

-- A version, a run state, a channel of the database, and nothing.
SELECT wb.log_artifact(wb.project_id('preview', 'p'), 'model', 'model', metadata => '{"lr": 0.1}', aliases => '{prod}', tags => '{good}') AS version \gset
SELECT body FROM pg_temp.show(wb.create_automation('version', wb.on_add_artifact_tag(wb.project('preview', 'p')),
	wb.send_webhook(wb.webhook_integration('preview', 'plain'),
		'{"version": "${artifact_version_string}", "tag": "${tag}", "lr": "${artifact_metadata.lr}", "type": "${event_type}"}')), artifact_id => :version);
SELECT body FROM pg_temp.show(wb.create_automation('state', wb.on_run_state(wb.project('preview', 'p'), '{failed}'),
	wb.send_webhook(wb.webhook_integration('preview', 'plain'), '{"state": "${run_status}"}')), :run);
SELECT * FROM pg_temp.show(pg_temp.make('notify', wb.send_notify('stop_${run_id}', '${run_name} at ${step}')), :run);
SELECT * FROM pg_temp.show(pg_temp.make('nothing', wb.do_nothing()), :run);

-- What could not be sent is an error that says why; so is what does not exist.
SELECT * FROM wb.preview(pg_temp.make('long', wb.send_notify('stop', repeat('x', 8000))));
UPDATE wb.integrations SET kind = 'SLACK', url = NULL, url_secret = 'KEY' WHERE id = wb.webhook_integration('preview', 'plain');
SELECT * FROM wb.preview((SELECT id FROM wb.automations WHERE name = 'state' AND scope_id = wb.project_id('preview', 'p')));
SELECT * FROM wb.preview(0);
SELECT * FROM wb.preview(NULL);
SELECT * FROM wb.preview(:id, run_id => 0);
SELECT * FROM wb.preview(:id, artifact_id => 0);
SELECT * FROM wb.render_request('{}', '{}', '{}', 0, '');
SELECT * FROM wb.render_request('{"id": 1, "name": "x", "action_type": "GENERIC_WEBHOOK", "action_config": {"genericWebhookActionInput": {}}}',
	'{}', '{"eventType": "RUN_STATE", "why": "x"}', 0, 'x');
SELECT * FROM wb.render_request('{"id": 1, "name": "x", "action_type": "QUEUE_JOB", "action_config": {}}', '{}', '{"eventType": "RUN_STATE", "why": "x"}', 0, 'x');
SELECT * FROM wb.render_request('[1]', '[1]', '[1]', 0, 'x');
