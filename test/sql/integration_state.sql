-- Integrations can be paused and resumed, by the functions and by a plain
-- UPDATE, by whoever may update wb.integrations and by nobody else.
-- In a database of its own, because errors say its ids.
SET client_min_messages = error;
CREATE DATABASE regression_integration_state TEMPLATE template0;
\connect regression_integration_state
SET client_min_messages = error;
CREATE EXTENSION wb_automations;
SELECT wb.setup() \gset
SELECT wb.create_team('integration_state') AS team \gset
INSERT INTO wb.integrations (entity_id, kind, name, url) VALUES (:team, 'WEBHOOK', 'state hook', 'http://127.0.0.1/') RETURNING id AS hook \gset

-- a new one is active, unordered, and has not met anything yet
SELECT name, state, reason, paused_until, breaker, probe_at, waiting, oldest_due, in_flight, delivered, retried, failed, held, throttled,
	last_success_at, last_error, last_error_at
FROM wb.stat_integrations WHERE integration_id = :hook \gx
SELECT ordered, state, state_reason, resumed_at FROM wb.integrations WHERE id = :hook;

-- ordered is an argument
SELECT wb.create_webhook_integration('integration_state', 'in order', 'http://127.0.0.1/', ordered => true) AS in_order \gset
SELECT ordered, max_attempts FROM wb.integrations WHERE id = :in_order;

-- paused, by whom, and active again; the time of it is noted
SELECT wb.pause_integration(:hook);
SELECT state, state_reason = 'paused by ' || session_user AS says_who FROM wb.integrations WHERE id = :hook;
SELECT state, reason = 'paused by ' || session_user AS says_who FROM wb.stat_integrations WHERE integration_id = :hook;
SELECT wb.resume_integration(:hook);
SELECT state, state_reason, resumed_at IS NOT NULL AS is_resumed FROM wb.integrations WHERE id = :hook;

-- resuming what is active forgets what the worker had against the receiver
INSERT INTO wb.integration_states SELECT id, resumed_at, now() + interval '1 hour', 1, 7, 6, now(), 1, now(), 1, 2, 3, 4, 5
FROM wb.integrations WHERE id = :hook;
SELECT reason, paused_until IS NOT NULL AS is_paused, breaker, delivered, throttled FROM wb.stat_integrations WHERE integration_id = :hook;
SELECT wb.resume_integration(:hook);
SELECT reason, paused_until IS NOT NULL AS is_paused, breaker, delivered, throttled FROM wb.stat_integrations WHERE integration_id = :hook;
DELETE FROM wb.integration_states WHERE integration_id = :hook;

-- a plain UPDATE does the same
UPDATE wb.integrations SET state = 'disabled', state_reason = 'moved' WHERE id = :hook;
SELECT resumed_at AS before FROM wb.integrations WHERE id = :hook \gset
UPDATE wb.integrations SET state = 'active' WHERE id = :hook;
SELECT state, state_reason, resumed_at > :'before' AS is_resumed FROM wb.integrations WHERE id = :hook;

-- what there is not
SELECT wb.pause_integration(-1);
SELECT wb.resume_integration(NULL);
\set VERBOSITY terse
UPDATE wb.integrations SET state = 'asleep' WHERE id = :hook;

-- the right to update is what it takes
CREATE ROLE regress_state;
GRANT USAGE ON SCHEMA wb TO regress_state;
GRANT SELECT ON wb.integrations, wb.entities, wb.installation, wb.secrets TO regress_state;
SET ROLE regress_state;
SELECT wb.pause_integration(:hook);
SELECT wb.resume_integration(:hook);
RESET ROLE;
GRANT UPDATE ON wb.integrations TO regress_state;
SET ROLE regress_state;
SELECT wb.pause_integration(:hook);
SELECT wb.resume_integration(:hook);
RESET ROLE;
REVOKE ALL ON wb.integrations, wb.entities, wb.installation, wb.secrets FROM regress_state;
REVOKE ALL ON SCHEMA wb FROM regress_state;
DROP ROLE regress_state;

-- wb.setup() brings tables of an older version up to date, and their rows with them
DROP TABLE wb.integration_states CASCADE;
DROP INDEX wb.deliveries_put_back_idx;
ALTER TABLE wb.integrations DROP COLUMN ordered, DROP COLUMN state CASCADE, DROP COLUMN state_reason CASCADE, DROP COLUMN resumed_at CASCADE;
ALTER TABLE wb.delivery_attempts DROP COLUMN dns_ms, DROP COLUMN connect_ms, DROP COLUMN tls_ms, DROP COLUMN first_byte_ms;
SELECT wb.setup() \gset
SELECT wb.pause_integration(:hook);
SELECT wb.resume_integration(:hook);
SELECT name, ordered, state, resumed_at IS NOT NULL AS is_resumed FROM wb.integrations WHERE id = :hook;
SELECT name, state, breaker, delivered FROM wb.stat_integrations ORDER BY integration_id;
