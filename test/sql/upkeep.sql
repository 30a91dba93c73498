-- What people do about single executions, and what keeps history and queue
-- short.  No worker runs here, so an execution stays PENDING.
\set SHOW_CONTEXT never
CREATE DATABASE regression_upkeep TEMPLATE template0;
\connect regression_upkeep
SET client_min_messages = error;
CREATE EXTENSION wb_automations;
SELECT wb.setup() \gset
SELECT wb.create_project('upkeep', 'p') AS project \gset
SELECT wb.create_webhook_integration('upkeep', 'hook', 'https://example.com/') AS hook \gset
SELECT wb.create_automation('hook', wb.on_run_metric(wb.project('upkeep', 'p'), wb.metric('a', '>', 0)),
	wb.send_webhook(:hook, '{"run": "${run_name}"}'), cooldown => '0') AS hook_rule \gset
SELECT wb.create_automation('nothing', wb.on_run_metric(wb.project('upkeep', 'p'), wb.metric('b', '>', 0)),
	wb.do_nothing(), cooldown => '1 hour') \gset
INSERT INTO wb.runs (project_id, name) VALUES (:project, 'r1') RETURNING id AS run \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'a', 1, 1), (:run, 'a', 2, 1), (:run, 'b', 1, 1);
PREPARE history AS SELECT e.id, e.automation_name, e.origin, e.state, replace(e.result #>> '{error,message}', current_user, 'USER') AS error, d.execution_id IS NOT NULL AS waits
	FROM wb.executions e LEFT JOIN wb.deliveries d ON d.execution_id = e.id ORDER BY e.id;

-- what waits can be cancelled, and is off the queue
SELECT wb.cancel(1);
EXECUTE history;

-- but only once, and only what there is
SELECT wb.cancel(1);
SELECT wb.cancel(99);
SELECT wb.cancel(NULL);

-- what is settled can be carried out once more, under an id of its own and without a cooldown
SELECT wb.replay(1);
SELECT e.origin, e.cooldown, e.event = o.event AS same_event, e.why = o.why AS same_reason, e.action, d.integration_id = :hook AS same_hook
FROM wb.executions e JOIN wb.executions o ON o.id = 1 JOIN wb.deliveries d ON d.execution_id = e.id WHERE e.origin = 'replay';
-- one that waits cannot, nor one that does not exist
SELECT wb.replay(2);
SELECT wb.replay(99);

-- with the automation's present action
SELECT wb.update_automation(:hook_rule, jsonb_build_object('action', wb.send_webhook(:hook, '{"new": 1}'))) \gset
SELECT wb.replay(1) AS again \gset
SELECT action #>> '{genericWebhookActionInput,requestPayload}' AS payload FROM wb.executions WHERE id = :again;
-- and what was sent, where the automation is gone
SELECT wb.delete_automation(:hook_rule) \gset
UPDATE wb.executions SET action = jsonb_build_object('actionType', 'GENERIC_WEBHOOK',
	'integration', jsonb_build_object('id', :hook, 'name', 'hook'), 'requestPayload', '{"run": "r1"}'::jsonb) WHERE id = 1;
SELECT wb.replay(1) AS again \gset
SELECT action FROM wb.executions WHERE id = :again;

-- these rights are enough, and needed
CREATE ROLE regress_upkeep_operator;
SET ROLE regress_upkeep_operator;
SELECT wb.cancel(2);
RESET ROLE;
GRANT USAGE ON SCHEMA wb TO regress_upkeep_operator;
SET ROLE regress_upkeep_operator;
SELECT wb.cancel(2);
SELECT wb.replay(1);
CALL wb.prune('1 hour');
SELECT pid FROM wb.stat_worker();
SELECT wb.shorten_queue(0);
RESET ROLE;
GRANT SELECT ON wb.automation_history, wb.automations, wb.installation, wb.delivery_attempts TO regress_upkeep_operator;
GRANT SELECT, INSERT, UPDATE, DELETE ON wb.executions TO regress_upkeep_operator;
GRANT SELECT, INSERT, DELETE ON wb.deliveries TO regress_upkeep_operator;
GRANT DELETE ON wb.delivery_attempts TO regress_upkeep_operator;
GRANT EXECUTE ON FUNCTION wb.wake() TO regress_upkeep_operator;
GRANT pg_monitor TO regress_upkeep_operator;
SET ROLE regress_upkeep_operator;
SELECT wb.replay(1) AS mine \gset
SELECT wb.cancel(:mine);
SELECT state, replace(error, current_user, 'USER') AS error FROM wb.automation_history WHERE execution_id = :mine;
CALL wb.prune('1 hour');
SELECT state FROM wb.stat_worker();
RESET ROLE;
DELETE FROM wb.executions WHERE id = :mine;
DROP OWNED BY regress_upkeep_operator;
DROP ROLE regress_upkeep_operator;

-- all that failed, in one statement
UPDATE wb.executions SET state = 'FAILED', settled_at = now() WHERE id = 2;
DELETE FROM wb.deliveries WHERE execution_id = 2;
SELECT count(wb.replay(execution_id)) FROM wb.automation_history WHERE state = 'FAILED' AND origin <> 'error';

-- an automation that does something else by now does that
INSERT INTO wb.executions (automation_id, automation_name, state, triggered_at, event_type, why, event, action_type, action)
SELECT id, name, 'FINISHED', now(), 'RUN_METRIC', '', '{}', 'NO_OP', '{}' FROM wb.automations WHERE name = 'nothing' RETURNING id AS old, automation_id AS changed \gset
SELECT wb.update_automation(:changed, jsonb_build_object('action', wb.send_webhook(:hook, '{"late": 1}'))) \gset
SELECT wb.replay(:old) AS again \gset
SELECT e.action_type, d.integration_id = :hook AS same_hook FROM wb.executions e JOIN wb.deliveries d ON d.execution_id = e.id WHERE e.id = :again;
DELETE FROM wb.executions WHERE id IN (:old, :again);
DELETE FROM wb.deliveries WHERE execution_id = :again;

-- that an automation could not be judged is no firing, so there is nothing to carry out
INSERT INTO wb.executions (automation_id, automation_name, origin, state, triggered_at, event_type, why, event, action_type, action)
VALUES (1, 'broken', 'error', 'FAILED', now(), 'RUN_METRIC', '', '{}', 'NO_OP', '{}') RETURNING id AS error \gset
SELECT wb.replay(:error);
DELETE FROM wb.executions WHERE id = :error;

-- G177 history is pruned by age; what waits, and what a cooldown still asks about, stays
UPDATE wb.executions SET state = 'FINISHED', settled_at = now() WHERE automation_name = 'nothing';
INSERT INTO wb.delivery_attempts SELECT id, 1, now(), 1 FROM wb.executions;
CALL wb.prune('0');
EXECUTE history;
SELECT execution_id FROM wb.delivery_attempts ORDER BY 1;
UPDATE wb.executions SET triggered_at = triggered_at - interval '2 hours';
CALL wb.prune('3 hours');
CALL wb.prune('1 hour');
SELECT count(*) FROM wb.executions WHERE state <> 'PENDING';
CALL wb.prune('-1 day');
CALL wb.prune(NULL);
BEGIN; CALL wb.prune('1 hour'); ROLLBACK;

-- in batches of a thousand
INSERT INTO wb.executions (automation_id, automation_name, state, triggered_at, event_type, why, event, action_type, action)
SELECT 1, 'old', 'FINISHED', now() - interval '1 year', 'RUN_METRIC', '', '{}', 'NO_OP', '{}' FROM generate_series(1, 2500);
SELECT id AS place FROM wb.executions WHERE automation_name = 'old' ORDER BY id LIMIT 1 \gset
SELECT after_id - :place AS ids, pruned FROM wb.prune_batch(now() - interval '30 days', :place - 1);
CALL wb.prune('30 days');

-- a queue that is too long gives up the oldest of the automation that has most, and says so
TRUNCATE wb.executions, wb.deliveries;
INSERT INTO wb.executions (automation_id, automation_name, triggered_at, event_type, why, event, action_type, action)
SELECT CASE WHEN g % 10 = 0 THEN 2 ELSE 1 END, CASE WHEN g % 10 = 0 THEN 'seldom' ELSE 'often' END, now(), 'RUN_METRIC', '', '{}', 'NO_OP', '{}'
FROM generate_series(1, 100) g ORDER BY g;
INSERT INTO wb.deliveries SELECT e.id, 0, i.id, now() FROM wb.executions e, wb.installation i;
SELECT min(id) AS first FROM wb.executions \gset
INSERT INTO wb.delivery_claims (worker_pid, execution_ids) VALUES (1, ARRAY[:first]);
SELECT wb.shorten_queue(100), wb.shorten_queue(95), wb.shorten_queue(95);
SELECT id - :first AS place, automation_name, state, result #>> '{error,message}' AS error FROM wb.executions WHERE state <> 'PENDING' ORDER BY id;
SELECT count(*) FROM wb.deliveries;
-- in batches of a thousand, of which each says what is left
INSERT INTO wb.executions (automation_id, automation_name, triggered_at, event_type, why, event, action_type, action)
SELECT 1, 'often', now(), 'RUN_METRIC', '', '{}', 'NO_OP', '{}' FROM generate_series(1, 1105);
INSERT INTO wb.deliveries SELECT e.id, 0, i.id, now() FROM wb.executions e, wb.installation i WHERE e.state = 'PENDING' ON CONFLICT DO NOTHING;
SELECT wb.shorten_queue(50) AS surplus \gset
SELECT :surplus AS surplus, count(*) FROM wb.deliveries;
SELECT wb.shorten_queue(50, :surplus);
SELECT count(*) FROM wb.deliveries;
\connect postgres
DROP DATABASE regression_upkeep;
