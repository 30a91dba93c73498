-- wb.status() says what stands between a firing and its delivery.
\set SHOW_CONTEXT never
CREATE DATABASE regression_status TEMPLATE template0;
\connect regression_status
SET client_min_messages = error;
CREATE EXTENSION wb_automations;
SELECT wb.status();
SELECT wb.setup() \gset
PREPARE status AS
SELECT item, ok, regexp_replace(regexp_replace(detail, '[0-9a-f]{8}-[0-9a-f-]+, armed at .*', 'UUID, armed at TIME'),
	'(process|due at) [^:]+(:\d\d[^:]*)*', '\1 X') AS detail, hint FROM wb.status();

-- nothing queued; no worker runs here
EXECUTE status;

-- rows that are not judged, and why
SET wb_automations.capture = off;
SELECT item, ok, detail, hint FROM wb.status() WHERE item = 'capture';
RESET wb_automations.capture;
ALTER TABLE wb.run_metrics DISABLE TRIGGER wb_capture;
DROP TRIGGER wb_capture ON wb.artifact_aliases;
SELECT item, ok, detail, hint FROM wb.status() WHERE item = 'capture';
ALTER TABLE wb.run_metrics ENABLE ALWAYS TRIGGER wb_capture;
SELECT wb.setup() \gset
SELECT item, ok, detail, hint FROM wb.status() WHERE item = 'capture';

-- ENABLE TRIGGER ALL, which a restore with --disable-triggers ends with, makes
-- ORIGIN of ALWAYS; wb.setup() makes it right again
ALTER TABLE wb.run_metrics DISABLE TRIGGER ALL;
ALTER TABLE wb.run_metrics ENABLE TRIGGER ALL;
ALTER TABLE wb.automations DISABLE TRIGGER ALL;
ALTER TABLE wb.automations ENABLE TRIGGER ALL;
SELECT item, ok, detail, hint FROM wb.status() WHERE item = 'capture';
SELECT wb.setup() \gset
SELECT item, ok, detail, hint FROM wb.status() WHERE item = 'capture';

-- a firing waits
SELECT wb.create_project('status', 'p') AS project \gset
SELECT wb.create_webhook_integration('status', 'hook', 'http://127.0.0.1:1/') AS hook \gset
SELECT wb.create_automation('nan', wb.on_run_metric(wb.project('status', 'p'), wb.is_nan('loss')), wb.send_webhook(:hook)) AS nan \gset
SELECT wb.start_run(:project) AS run \gset
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'loss', 1, 'NaN');
SELECT item, ok, regexp_replace(detail, 'due at .*', 'due at TIME') AS detail, hint FROM wb.status() WHERE item = 'queue';
-- for too long
UPDATE wb.deliveries SET due_at = '2026-01-01 00:00+00';
SELECT item, ok, detail, hint FROM wb.status() WHERE item = 'queue';
-- after an attempt that failed there is nothing to do, until it has failed for
-- a quarter of an hour
UPDATE wb.deliveries SET attempts = 1, last_error = 'connection refused', due_at = '2100-01-01 00:00+00';
SELECT item, ok, detail, hint FROM wb.status() WHERE item = 'queue';
UPDATE wb.executions SET triggered_at = '2026-01-01 00:00+00';
SELECT item, ok, detail, hint FROM wb.status() WHERE item = 'queue';
UPDATE wb.deliveries SET due_at = '2026-01-01 00:00+00';
-- while something holds it, which is said
UPDATE wb.deliveries SET attempts = 0, last_error = 'could not open file "wb_automations.key"';
SELECT item, ok, detail, hint FROM wb.status() WHERE item = 'queue';

-- an integration that is gone
DELETE FROM wb.integrations;
SELECT item, ok, detail, hint FROM wb.status() WHERE item = 'integrations';
SELECT wb.disable_automation(:nan) \gset
SELECT item, ok, detail, hint FROM wb.status() WHERE item = 'integrations';

-- tables of an older version
UPDATE wb.installation SET schema_version = 1;
SELECT item, ok, detail, hint FROM wb.status() WHERE item NOT IN ('launcher', 'worker', 'capture', 'delivery');
UPDATE wb.installation SET schema_version = 4;

-- a copy of another database: nothing is sent, and it says so
UPDATE wb.installation SET system_identifier = 0;
SELECT item, ok, detail, hint FROM wb.status() WHERE item = 'installation';
-- wb.setup() does not arm it
SELECT wb.setup() \gset
SELECT item, ok FROM wb.status() WHERE item = 'installation';
-- rows that another installation queued
UPDATE wb.deliveries SET installation_id = '00000000-0000-0000-0000-000000000000', attempts = 0, last_error = NULL, due_at = '2026-01-01 00:00+00';
SELECT item, ok, detail, hint FROM wb.status() WHERE item = 'queue';
-- armed, it sends what it brought along
SELECT id AS before FROM wb.installation \gset
SELECT wb.arm('send') AS armed \gset
SELECT :'before' <> :'armed' AS is_new, i.id = :'armed' AS is_stored, d.installation_id = i.id AS is_taken_over FROM wb.installation i, wb.deliveries d;
SELECT item, ok FROM wb.status() WHERE item IN ('installation', 'queue') ORDER BY 1;
-- or discards it
SELECT wb.arm('discard') <> :'armed' AS is_new;
SELECT e.state, e.result #>> '{error,message}' AS result, e.settled_at IS NOT NULL AS is_settled, (SELECT count(*) FROM wb.deliveries) AS queued FROM wb.executions e;
EXECUTE status;

-- the row of wb.installation is missing
DELETE FROM wb.installation;
SELECT item, ok, detail, hint FROM wb.status() WHERE item = 'installation';
