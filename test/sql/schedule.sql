-- Schedules: when they are due, and what they carry.  The moment of the sweep
-- is given, so nothing waits.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SELECT wb.setup() \gset
SELECT wb.create_project('schedule', 'p') AS project \gset

CREATE FUNCTION pg_temp.tick(every interval, at_time time, zone text, now timestamptz) RETURNS timestamptz LANGUAGE sql AS $$
	SELECT wb.last_tick(wb.on_schedule(wb.project('schedule', 'p'), every, at_time, zone) #> '{event_filter,schedule_filter}', now) $$;

-- every day at nine, by the clock on the wall, in winter and in summer
SELECT pg_temp.tick('1 day', '09:00', 'Europe/Berlin', '2026-01-10 08:00+00') AS winter, pg_temp.tick('1 day', '09:00', 'Europe/Berlin', '2026-07-10 07:00+00') AS summer,
	pg_temp.tick('1 day', '09:00', 'Europe/Berlin', '2026-07-10 06:59:59+00') AS a_second_before;
-- at a time that a clock put forward passes over, and at one that it shows twice: once each
SELECT pg_temp.tick('1 day', '02:30', 'Europe/Berlin', '2026-03-29 12:00+00') AS forward, pg_temp.tick('1 day', '02:30', 'Europe/Berlin', '2026-10-25 12:00+00') AS back;
-- in a year of half hours there are 365 of them, through both changes of the clock
SELECT zone, at, count(DISTINCT tick) AS ticks, bool_and(tick <= t) AS never_early, max(t - tick) AS longest
FROM (VALUES ('UTC', '00:00'), ('Europe/Berlin', '02:30'), ('America/New_York', '01:30'), ('Australia/Lord_Howe', '02:00')) z(zone, at),
	generate_series('2026-01-01 12:00+00'::timestamptz, '2026-12-31 11:30+00', '30 minutes') t,
	LATERAL (SELECT pg_temp.tick('1 day', at::time, zone, t) AS tick) k GROUP BY 1, 2 ORDER BY 1;
-- every week on Mondays, every month on the first, every two days
SELECT pg_temp.tick('7 days', '08:00', 'UTC', '2026-11-21 10:00+00') AS monday, pg_temp.tick('1 month', NULL, 'UTC', '2026-11-21 10:00+00') AS first_of_month,
	pg_temp.tick('3 months', NULL, 'UTC', '2026-11-21 10:00+00') AS quarter, pg_temp.tick('2 days', NULL, 'UTC', '2026-11-21 10:00+00') AS second_day;
-- hours and minutes are counted as they pass
SELECT pg_temp.tick('6 hours', NULL, 'UTC', '2026-11-21 10:00+00') AS six_hours, pg_temp.tick('15 minutes', '00:05', 'UTC', '2026-11-21 10:04+00') AS quarter_past_five;

-- a schedule fires when its time has come, not before, and once
SELECT wb.create_automation('daily', wb.on_schedule(wb.project('schedule', 'p'), '1 day', '09:00', metrics => '{loss}'), wb.do_nothing()) AS daily \gset
UPDATE wb.automations SET created_at = '2026-11-20 12:00+00' WHERE id = :daily;
SELECT wb.sweep('2026-11-21 08:59+00') \gset
SELECT count(*) FROM wb.executions WHERE automation_id = :daily;
SELECT wb.sweep('2026-11-21 09:01+00') \gset
SELECT wb.sweep('2026-11-21 09:02+00') \gset
SELECT wb.sweep('2026-11-22 08:00+00') \gset
SELECT why, state FROM wb.executions WHERE automation_id = :daily;
-- what was missed fires once, for the latest time
SELECT wb.sweep('2026-11-26 12:00+00') \gset
SELECT why FROM wb.executions WHERE automation_id = :daily ORDER BY id;
-- switched off it is silent
SELECT wb.disable_automation(:daily) \gset
SELECT wb.sweep('2026-11-27 12:00+00') \gset
SELECT count(*) FROM wb.executions WHERE automation_id = :daily;
-- and one that is deleted leaves no trace but its history
SELECT wb.delete_automation(:daily) \gset
SELECT wb.sweep('2026-11-27 12:00+00') \gset
SELECT count(*) FROM wb.schedule_ticks WHERE automation_id = :daily;

-- what it carries: what happened since the time before, and of a metric the last, least and greatest value of the newest runs
SELECT wb.create_project('schedule', 'carries') AS project \gset
SELECT wb.create_automation('daily', wb.on_schedule(wb.project('schedule', 'carries'), '1 day', metrics => '{loss,none}'), wb.do_nothing()) AS daily \gset
UPDATE wb.automations SET created_at = '2026-11-20 12:00+00' WHERE id = :daily;
INSERT INTO wb.runs (id, project_id, display_name, state, created_at, finished_at) VALUES
	(97001, :project, 'old', 'finished', '2026-11-01', '2026-11-02'), (97002, :project, 'good', 'finished', '2026-11-20 13:00+00', '2026-11-20 14:00+00'),
	(97003, :project, 'bad', 'failed', '2026-11-20 13:00+00', '2026-11-20 15:00+00'), (97004, :project, 'later', 'running', '2026-11-21 01:00+00', NULL);
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (97001, 'loss', 1, 5), (97002, 'loss', 1, 3), (97002, 'loss', 2, 1), (97002, 'loss', 3, 2), (97003, 'loss', 1, 'NaN');
SELECT wb.sweep('2026-11-21 00:00+00') \gset
SELECT jsonb_pretty(event->'summary') FROM wb.executions WHERE automation_id = :daily;

-- a filter that was written past the check does not stop the others
SELECT wb.create_automation('other', wb.on_schedule(wb.project('schedule', 'carries'), '1 hour'), wb.do_nothing()) AS other \gset
UPDATE wb.automations SET created_at = '2026-11-20 12:00+00' WHERE id = :other;
SET session_replication_role = replica;
UPDATE wb.automations SET event_filter = '{"schedule_filter": {"days": "x", "timezone": "Nowhere"}}' WHERE id = :daily;
RESET session_replication_role;
SELECT wb.sweep('2026-11-22 00:30+00') \gset
SELECT automation_name, why FROM wb.executions WHERE automation_id = :other;

-- of a team, and of an organization, it carries what happened in all projects that are below it then
SELECT wb.create_team('schedule team', 'schedule org'), wb.create_team('schedule team 2', 'schedule org'), wb.create_registry('schedule org', 'models') \gset
SELECT wb.create_automation(n, wb.on_schedule(wb.entity(n), '1 day', metrics => '{loss}'), wb.do_nothing()) > 0 AS is_made FROM unnest('{schedule team,schedule org}'::text[]) n;
UPDATE wb.automations SET created_at = '2026-11-20 12:00+00' WHERE name IN ('schedule team', 'schedule org');
INSERT INTO wb.runs (id, project_id, display_name, state, created_at, finished_at) VALUES
	(7797010, wb.create_project('schedule team', 'a'), 'one', 'finished', '2026-11-20 13:00+00', '2026-11-20 14:00+00'),
	(7797011, wb.create_project('schedule team', 'b'), 'two', 'failed', '2026-11-20 13:00+00', '2026-11-20 14:00+00'),
	(7797012, wb.create_project('schedule team 2', 'c'), 'three', 'failed', '2026-11-20 13:00+00', '2026-11-20 14:00+00');
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (7797010, 'loss', 1, 1), (7797011, 'loss', 1, 2), (7797012, 'loss', 1, 3);
SELECT wb.sweep('2026-11-21 00:00+00') \gset
SELECT wb.sweep('2026-11-21 01:00+00') \gset
SELECT automation_name, event->>'entityName' AS entity, event->>'projectName' AS project, project_id, (event->'summary') - '{since,before,metrics,firings}'::text[] AS summary,
	jsonb_path_query_array(event, '$.summary.metrics.loss[*].run') AS runs
FROM wb.executions WHERE automation_name IN ('schedule team', 'schedule org') ORDER BY 1;

-- what cannot be
\set VERBOSITY default
SELECT wb.create_automation('x', wb.on_schedule(wb.project('schedule', 'p'), '1 month 1 day'), wb.do_nothing());
SELECT wb.create_automation('x', wb.on_schedule(wb.project('schedule', 'p'), '30 seconds'), wb.do_nothing());
SELECT wb.create_automation('x', wb.on_schedule(wb.project('schedule', 'p'), '-1 day'), wb.do_nothing());
SELECT wb.create_automation('x', wb.on_schedule(wb.project('schedule', 'p'), '1 day', timezone => 'Europe/Atlantis'), wb.do_nothing());
SELECT wb.create_automation('x', wb.on_schedule(wb.registry('schedule org', 'models'), '1 day'), wb.do_nothing());

-- a document that no schedule has is refused, not searched for ever
SET statement_timeout = '10s';
SELECT wb.last_tick('{}', now());
SELECT wb.last_tick('{"timezone": "UTC", "days": 0}', '2026-01-01');
SELECT wb.last_tick('{"timezone": "UTC", "days": -1}', '2026-01-01');
SELECT wb.last_tick('{"timezone": "UTC", "days": 1}', NULL);
RESET statement_timeout;
