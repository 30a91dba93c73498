-- Filters in a database whose characters can begin in the middle of others,
-- by their bytes: what is contained must be whole characters.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT current_database() AS database \gset
CREATE DATABASE wb_filter_encoding ENCODING 'EUC_JP' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
\c wb_filter_encoding
SET client_min_messages = error;
CREATE EXTENSION wb_automations;
SELECT wb.setup() \gset
SELECT wb.create_project('filter_encoding', 'p') AS project \gset
CREATE FUNCTION pg_temp.contains(name text, part bytea) RETURNS bigint LANGUAGE sql AS $$
	SELECT wb.create_automation(name, wb.on_run_state(wb.project('filter_encoding', 'p'), '{running}', wb."where"('display_name', 'contains', convert_from(part, 'EUC_JP'))), wb.do_nothing());
$$;
-- the value is A4A2 A4A4 61 A2A4: the first half is in it, the second too, and what lies across them only at the end
SELECT pg_temp.contains('first', '\xA4A2'), pg_temp.contains('second', '\xA4A4'), pg_temp.contains('both', '\xA4A2A4A4'), pg_temp.contains('letter', '\x61'), pg_temp.contains('across', '\xA2A4'), pg_temp.contains('across and on', '\xA2A461'), pg_temp.contains('empty', '') \gset
INSERT INTO wb.runs (project_id, name, display_name) VALUES (:project, 'halves', convert_from('\xA4A2A4A461', 'EUC_JP')), (:project, 'later', convert_from('\xA4A2A4A461A2A4', 'EUC_JP'));
SELECT r.name, e.automation_name FROM wb.executions e JOIN wb.runs r ON r.id = e.run_id ORDER BY r.id, 2;
\c :database
DROP DATABASE wb_filter_encoding;
