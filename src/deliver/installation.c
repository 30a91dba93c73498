/*-------------------------------------------------------------------------
 *
 * installation.c
 *		Is this database the one that its queue was written for?
 *
 * A restored or cloned database brings along a queue that the original will
 * deliver.  wb.installation says which server and database it describes, and
 * every delivery carries the id of that row; where either does not fit, the
 * worker holds until somebody calls wb.arm().
 *
 * IDENTIFICATION
 *		src/deliver/installation.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "access/table.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "deliver/worker.h"
#include "miscadmin.h"
#include "support/clock.h"
#include "support/plan.h"
#include "support/relation.h"
#include "support/row.h"
#include "support/shape.h"
#include "utils/fmgroids.h"

#define WARNING_INTERVAL_MS	60000

static const char arm_hint[] =
"Call SELECT wb.arm('send'); or SELECT wb.arm('discard');.";

static WbPlan read_installation = {
	"SELECT id, system_identifier = $1 AND database_oid = $2"
	" FROM wb.installation",
	2,
	{INT8OID, OIDOID},
	NULL
};

static WbPlan find_stranger = {
	"SELECT FROM wb.deliveries WHERE installation_id <> $1 LIMIT 1",
	1,
	{UUIDOID},
	NULL
};

/* Returns whether there is a row, and what it says. */
static bool
read_row(pg_uuid_t *id, bool *is_here)
{
	Datum		values[2];
	bool		is_null;

	values[0] = Int64GetDatum((int64) GetSystemIdentifier());
	values[1] = ObjectIdGetDatum(MyDatabaseId);
	if (wb_plan_run(&read_installation, values, NULL, SPI_OK_SELECT) == 0)
		return false;
	*id = *DatumGetUUIDP(wb_row_value(SPI_tuptable, 0, 1, UUIDOID, &is_null));
	*is_here = wb_row_flag(SPI_tuptable, 0, 2);
	return true;
}

/* Are the extension and its tables in this database?  In a transaction. */
bool
wb_installation_exists(void)
{
	return OidIsValid(get_extension_oid("wb_automations", true)) &&
		OidIsValid(wb_relation_oid(WB_TABLE_INSTALLATION)) &&
		OidIsValid(wb_relation_oid(WB_TABLE_EXECUTIONS));
}

/*
 * Are the tables of this version?  Else the worker says so and is not to run:
 * it would fail at the first column that it misses.  In a transaction.
 */
bool
wb_installation_is_current(void)
{
	Relation	table = table_open(wb_relation_oid(WB_TABLE_INSTALLATION),
								   AccessShareLock);
	Oid			index_oid;
	int			version = WB_SCHEMA_VERSION;
	WbScan		scan;
	ScanKeyData key;
	bool		is_null;

	/* what C cannot read makes the worker hold, not end */
	if (!wb_shape_fits(table, WB_TABLE_INSTALLATION))
	{
		table_close(table, AccessShareLock);
		return true;
	}
	index_oid = wb_relation_index(table, "only_row", NULL, NULL);
	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_BOOLEQ, BoolGetDatum(true));
	wb_scan_begin(&scan, table, index_oid, &key, 1, NULL,
				  ForwardScanDirection);
	if (wb_scan_next(&scan))
		version = DatumGetInt32(wb_scan_column(&scan, "schema_version",
											   &is_null));
	wb_scan_end(&scan);
	table_close(table, AccessShareLock);
	if (version < WB_SCHEMA_VERSION)
		ereport(WARNING,
				(errmsg("deliveries in database \"%s\" are held: its tables are of an older version",
						get_database_name(MyDatabaseId)),
				 errhint("Run SELECT wb.setup(); to bring them up to date.")));
	return version >= WB_SCHEMA_VERSION;
}

/* Warn, but only once a minute. */
static void
warn_of_hold(const char *what, const char *hint)
{
	static int64 next_warning_ms = 0;
	int64		now_ms = wb_clock_monotonic_ms();

	if (now_ms < next_warning_ms)
		return;
	next_warning_ms = now_ms + WARNING_INTERVAL_MS;
	ereport(WARNING,
			(errmsg("deliveries in database \"%s\" are held: %s",
					get_database_name(MyDatabaseId), what),
			 errhint("%s", hint)));
}

/* Is anything queued by another installation?  Looks once a minute. */
static bool
has_strangers(pg_uuid_t *id)
{
	static int64 next_search_ms = 0;
	int64		now_ms = wb_clock_monotonic_ms();
	Datum		value = UUIDPGetDatum(id);

	if (now_ms < next_search_ms)
		return false;
	next_search_ms = now_ms + WARNING_INTERVAL_MS;
	return wb_plan_run(&find_stranger, &value, NULL, SPI_OK_SELECT) > 0;
}

/*
 * Does wb.installation describe this server and database?  Then *id is what
 * its deliveries carry.  Warns of whatever is held.
 */
bool
wb_installation_is_here(pg_uuid_t *id)
{
	bool		is_here = false;

	if (!read_row(id, &is_here))
		warn_of_hold("wb.installation has no row", "Run SELECT wb.setup(); to write it.");
	else if (!is_here)
		warn_of_hold("the database is a copy of another one", arm_hint);
	else if (has_strangers(id))
		warn_of_hold("some were queued by another installation", arm_hint);
	return is_here;
}
