-- What the triggers call.  None is SECURITY DEFINER: a trigger reads our tables
-- by itself, and becomes their owner only to write a firing.

CREATE FUNCTION wb.watched(run_id bigint, name text) RETURNS boolean
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'wb_sql_watched';
COMMENT ON FUNCTION wb.watched(bigint, text) IS
'Whether a metric row must be looked at: an enabled automation is on this metric, or this session has not met the run. '
'True for a role that cannot write to wb.run_metrics. For the WHEN clause of the trigger on wb.run_metrics. Arguments: id of a run, name of a metric. Raises nothing.';

CREATE FUNCTION wb.lost(run_id bigint, name text) RETURNS boolean
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'wb_sql_lost';
COMMENT ON FUNCTION wb.lost(bigint, text) IS
'Notes that a metric row went, or moved to another key, so that no session goes on with the points that it keeps of the metric. '
'For the WHEN clause of a trigger on wb.run_metrics. Arguments: id of a run, name of a metric. True, and without effect, for a role that cannot write to '
'wb.run_metrics; else false. Raises nothing.';

CREATE FUNCTION wb.capture_run_metric() RETURNS trigger
LANGUAGE C AS 'MODULE_PATHNAME', 'wb_sql_capture_run_metric';
COMMENT ON FUNCTION wb.capture_run_metric() IS
'AFTER ROW trigger of wb.run_metrics: judges the row; one that is for DELETE too notes what wb.lost() left to it. Raises foreign_key_violation where the run does not exist.';

CREATE FUNCTION wb.capture_run_state() RETURNS trigger
LANGUAGE C AS 'MODULE_PATHNAME', 'wb_sql_capture_run_state';
COMMENT ON FUNCTION wb.capture_run_state() IS
'AFTER ROW trigger of wb.runs: judges a new run, or a run whose state changed.';

CREATE FUNCTION wb.capture_alias() RETURNS trigger
LANGUAGE C AS 'MODULE_PATHNAME', 'wb_sql_capture_alias';
COMMENT ON FUNCTION wb.capture_alias() IS
'AFTER ROW trigger of wb.artifact_aliases: judges an alias that was added or moved.';

CREATE FUNCTION wb.check_alias() RETURNS trigger
LANGUAGE C AS 'MODULE_PATHNAME', 'wb_sql_check_alias';
COMMENT ON FUNCTION wb.check_alias() IS
'Trigger of wb.artifact_aliases, AFTER INSERT and BEFORE UPDATE OR DELETE of a row. Raises foreign_key_violation for a version that is '
'not in the collection, insufficient_privilege for an alias that the registry protects and a role that may not update wb.registries.';

CREATE FUNCTION wb.capture_artifact() RETURNS trigger
LANGUAGE C AS 'MODULE_PATHNAME', 'wb_sql_capture_artifact';
COMMENT ON FUNCTION wb.capture_artifact() IS
'AFTER ROW trigger of wb.artifacts: judges a version that was committed, and the aliases and tags that it had before.';

CREATE FUNCTION wb.capture_link() RETURNS trigger
LANGUAGE C AS 'MODULE_PATHNAME', 'wb_sql_capture_link';
COMMENT ON FUNCTION wb.capture_link() IS
'AFTER ROW trigger of wb.artifact_links: judges a version that was linked or unlinked.';

CREATE FUNCTION wb.capture_artifact_tag() RETURNS trigger
LANGUAGE C AS 'MODULE_PATHNAME', 'wb_sql_capture_artifact_tag';
COMMENT ON FUNCTION wb.capture_artifact_tag() IS
'AFTER ROW trigger of wb.artifact_tags: judges a tag that was added to a version or removed.';

CREATE FUNCTION wb.capture_collection_tag() RETURNS trigger
LANGUAGE C AS 'MODULE_PATHNAME', 'wb_sql_capture_collection_tag';
COMMENT ON FUNCTION wb.capture_collection_tag() IS
'AFTER ROW trigger of wb.collection_tags: judges a tag that was added to a collection or removed.';

CREATE FUNCTION wb.announce_change() RETURNS trigger
LANGUAGE C AS 'MODULE_PATHNAME', 'wb_sql_announce_change';
COMMENT ON FUNCTION wb.announce_change() IS
'AFTER STATEMENT trigger: makes every session read automations, or runs, anew.';

CREATE FUNCTION wb.check_automation() RETURNS trigger
LANGUAGE C AS 'MODULE_PATHNAME', 'wb_sql_check_automation';
COMMENT ON FUNCTION wb.check_automation() IS
'BEFORE ROW trigger of wb.automations: refuses an automation that could not work, and fills in event_source and event_key.';

CREATE FUNCTION wb.forget_run() RETURNS trigger
LANGUAGE C AS 'MODULE_PATHNAME', 'wb_sql_forget_run';
COMMENT ON FUNCTION wb.forget_run() IS
'AFTER ROW trigger of wb.runs: deletes the metrics of a deleted run.';

CREATE FUNCTION wb.forget_scope() RETURNS trigger
LANGUAGE C AS 'MODULE_PATHNAME', 'wb_sql_forget_scope';
COMMENT ON FUNCTION wb.forget_scope() IS
'AFTER ROW trigger of wb.entities, wb.projects, wb.registries and wb.collections: deletes the automations of a deleted scope. Argument: the scope type.';

REVOKE EXECUTE ON FUNCTION wb.capture_run_metric(), wb.capture_run_state(), wb.capture_alias(),
	wb.capture_artifact(), wb.capture_link(), wb.capture_artifact_tag(), wb.capture_collection_tag(),
	wb.announce_change(), wb.check_alias(), wb.check_automation(), wb.forget_run(), wb.forget_scope() FROM PUBLIC;
