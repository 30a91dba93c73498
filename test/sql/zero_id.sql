-- 0 stands for "none" in history and queue, so nothing has it as its id.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_project('zero_id', 'p') AS project \gset
\set VERBOSITY terse
INSERT INTO wb.entities (id, name) VALUES (0, 'zero_id none');
INSERT INTO wb.projects (id, entity_id, name) VALUES (0, wb.entity_id('zero_id'), 'none');
INSERT INTO wb.runs (id, project_id) VALUES (0, :project);
INSERT INTO wb.collections (id, project_id, name, type) VALUES (0, :project, 'none', 'model');
INSERT INTO wb.collections (project_id, name, type) VALUES (:project, 'some', 'model') RETURNING id AS some \gset
INSERT INTO wb.artifacts (id, collection_id) VALUES (0, :some);
INSERT INTO wb.secrets (id, entity_id, name, key_id, sealed) VALUES (0, wb.entity_id('zero_id'), 'none', '', '');
INSERT INTO wb.integrations (id, entity_id, kind, name, url) VALUES (0, wb.entity_id('zero_id'), 'WEBHOOK', 'none', 'http://127.0.0.1/');
INSERT INTO wb.automations (id, name, scope_type, scope_id, event_type, event_filter, action_type, action_config)
SELECT 0, 'none', 'PROJECT', :project, e->>'event_type', e->'event_filter', 'NO_OP', '{"noOpActionInput": {}}' FROM wb.on_run_metric(wb.project('zero_id', 'p'), wb.is_nan('loss')) e;
UPDATE wb.projects SET id = 0 WHERE id = :project;
\set VERBOSITY default

-- every table with such an id has the check
SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'id' AND a.attidentity = 'd'
WHERE c.relnamespace = 'wb'::regnamespace AND c.relkind IN ('r', 'p') AND NOT EXISTS (
	SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND pg_get_constraintdef(k.oid) ~ '^CHECK \(\(id <> 0\)\)');
