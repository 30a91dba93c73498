-- A role that may ask why, with the grants that docs/operations.md gives it,
-- and no right more: it reads, and writes nothing.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_project('ask_why', 'p') AS project \gset
SELECT wb.create_webhook_integration('ask_why', 'hook', 'http://127.0.0.1:1/t0ken') AS hook \gset
SELECT wb.create_automation('high', wb.on_run_metric(wb.project('ask_why', 'p'), wb.metric('loss', '>', 3)), wb.send_webhook(:hook)) AS high \gset
SELECT wb.start_run(:project, 'bert') AS run \gset
SELECT wb.log(:run, '{"loss": 4}') \gset
CREATE ROLE ask_why_asker;
SET ROLE ask_why_asker;
\set VERBOSITY terse
SELECT * FROM wb.explain(:high, :run);
\set VERBOSITY default
RESET ROLE;

GRANT USAGE ON SCHEMA wb TO ask_why_asker;
GRANT SELECT ON wb.automations, wb.automation_list, wb.projects, wb.entities, wb.registries, wb.collections, wb.runs, wb.run_metrics TO ask_why_asker;
GRANT SELECT ON wb.automation_history, wb.executions, wb.deliveries, wb.delivery_attempts TO ask_why_asker;
GRANT SELECT (id, name, state, state_reason, resumed_at) ON wb.integrations TO ask_why_asker;
GRANT SELECT ON wb.installation, wb.integration_states TO ask_why_asker;
GRANT SELECT (id, entity_id, name, sealed) ON wb.secrets TO ask_why_asker;

SET ROLE ask_why_asker;
SELECT regexp_replace(t, '\(execution \d+', '(execution N') FROM wb.explain(:high, :run) t WHERE t ~ '^(rule|It)';
SELECT step, observed, would_fire, reason FROM wb.backtest(:high);
SELECT runs_judged, firings FROM wb.backtest_summary(:high);
SELECT automation_name, why FROM wb.automation_history WHERE run_id = :run;
SELECT count(*) > 9 AS has_items FROM wb.status();
SELECT event FROM wb.automation_list WHERE id = :high;
-- but neither where messages go, nor a write
\set VERBOSITY terse
SELECT url FROM wb.integrations;
SELECT wb.log(:run, '{"loss": 5}');
SELECT wb.cancel(1);
SELECT wb.delete_automation(:high);
\set VERBOSITY default
RESET ROLE;
DROP OWNED BY ask_why_asker;
DROP ROLE ask_why_asker;
