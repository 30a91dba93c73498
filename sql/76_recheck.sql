-- Metrics that two transactions wrote at the same time.

CREATE FUNCTION wb.recheck() RETURNS integer
LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'wb_sql_recheck';
COMMENT ON FUNCTION wb.recheck() IS
'Judges again what two transactions wrote to one metric at the same time, now that both can be seen (wb.rechecks). Returns how many rows still wait for '
'a transaction to end, be it one that judges again itself. The worker calls it when there is something to do; it may be called by hand where no worker runs.';
REVOKE EXECUTE ON FUNCTION wb.recheck() FROM PUBLIC;
