/*-------------------------------------------------------------------------
 *
 * relation.c
 *		Finds our tables, and reads their rows.
 *
 * A scan of the write path must answer with what is committed at this moment,
 * whatever the user's isolation level, and must not make a SERIALIZABLE
 * transaction fail because of an automation.  It therefore takes a snapshot of
 * its own.  Where predicate locks would be left behind, the index is walked
 * under SnapshotAny, which leaves none, and each row version is then tested
 * against the snapshot; one MVCC snapshot decides in both cases.
 *
 * OIDs are kept until the relation cache says that something changed.
 *
 * IDENTIFICATION
 *		src/support/relation.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "support/compat.h"
#include "support/invalidation.h"
#include "support/relation.h"
#include "support/shape.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

WB_FUNCTION_INFO_V1(wb_sql_require_setup);

static const char *const table_names[WB_TABLE_COUNT] = {
	[WB_TABLE_ARTIFACT_ALIASES] = "artifact_aliases",
	[WB_TABLE_ARTIFACT_LINKS] = "artifact_links",
	[WB_TABLE_ARTIFACT_TAGS] = "artifact_tags",
	[WB_TABLE_ARTIFACTS] = "artifacts",
	[WB_TABLE_AUTOMATIONS] = "automations",
	[WB_TABLE_COLLECTION_TAGS] = "collection_tags",
	[WB_TABLE_COLLECTIONS] = "collections",
	[WB_TABLE_DELIVERIES] = "deliveries",
	[WB_TABLE_DELIVERY_ATTEMPTS] = "delivery_attempts",
	[WB_TABLE_DELIVERY_CLAIMS] = "delivery_claims",
	[WB_TABLE_ENTITIES] = "entities",
	[WB_TABLE_EXECUTIONS] = "executions",
	[WB_TABLE_INSTALLATION] = "installation",
	[WB_TABLE_INTEGRATION_STATES] = "integration_states",
	[WB_TABLE_INTEGRATIONS] = "integrations",
	[WB_TABLE_PROJECTS] = "projects",
	[WB_TABLE_REGISTRIES] = "registries",
	[WB_TABLE_RUN_METRICS] = "run_metrics",
	[WB_TABLE_RUNS] = "runs",
	[WB_TABLE_SECRETS] = "secrets",
};

static Oid	table_oids[WB_TABLE_COUNT];
static uint64 oids_since = 0;	/* generation of the tables */

/* OID of one of our tables, or InvalidOid before wb.setup() made it. */
Oid
wb_relation_oid(WbTable table)
{
	if (oids_since != wb_generation(WB_GENERATION_TABLES))
	{
		memset(table_oids, 0, sizeof(table_oids));
		oids_since = wb_generation(WB_GENERATION_TABLES);
	}
	if (!OidIsValid(table_oids[table]))
	{
		Oid			schema = get_namespace_oid("wb", true);

		if (!OidIsValid(schema))
			return InvalidOid;
		table_oids[table] = get_relname_relid(table_names[table], schema);
		if (OidIsValid(table_oids[table]))
			wb_generation_watch(WB_GENERATION_TABLES, table_oids[table]);
	}
	return table_oids[table];
}

const char *
wb_relation_name(WbTable table)
{
	return table_names[table];
}

/*
 * Open one of our tables to read its rows.  Raises, with the way out, where it
 * is missing or C cannot read it; capture and worker ask first, see shape.h.
 */
Relation
wb_relation_open(WbTable table)
{
	Oid			oid = wb_relation_oid(table);
	Relation	relation;

	if (!OidIsValid(oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table wb.%s does not exist", table_names[table]),
				 errhint("Run SELECT wb.setup(); to make it.")));
	relation = table_open(oid, AccessShareLock);
	wb_shape_require_readable(relation, table);
	return relation;
}

/*
 * May this table's rows make automations fire?  Only those of whoever owns the
 * history: anybody could attach a trigger of ours to a table of their own.
 */
bool
wb_relation_is_ours(Relation relation)
{
	Oid			executions = wb_relation_oid(WB_TABLE_EXECUTIONS);
	HeapTuple	tuple;
	bool		is_ours;

	if (!OidIsValid(executions))
		return false;
	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(executions));
	if (!HeapTupleIsValid(tuple))
		return false;
	is_ours = ((Form_pg_class) GETSTRUCT(tuple))->relowner ==
		relation->rd_rel->relowner;
	ReleaseSysCache(tuple);
	return is_ours;
}

/* Raise, with the way out, where wb.setup() has not run. */
void
wb_relation_require_setup(void)
{
	if (!OidIsValid(wb_relation_oid(WB_TABLE_INSTALLATION)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("wb_automations is not set up in database \"%s\"",
						get_database_name(MyDatabaseId)),
				 errhint("Run SELECT wb.setup(); to make its tables.")));
}

/*
 * A registered snapshot of this moment.  Of the own transaction's work it
 * shows what commands before "before" did; WB_ALL_COMMANDS shows everything.
 * The caller unregisters it.
 */
Snapshot
wb_scan_take_snapshot(CommandId before)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());

	/* registering a static snapshot copied it, so this one is ours */
	snapshot->curcid = before;
	return snapshot;
}

static void
begin(WbScan *scan, Relation table, Oid index_oid, ScanKey keys,
	  int key_count, Snapshot snapshot, ScanDirection direction,
	  bool is_filtered)
{
	scan->table = table;
	scan->index = index_open(index_oid, AccessShareLock);
	scan->owns_table = false;
	scan->owns_snapshot = snapshot == NULL;
	scan->snapshot = snapshot ? snapshot :
		wb_scan_take_snapshot(WB_ALL_COMMANDS);
	scan->is_filtered = is_filtered;
	scan->direction = direction;
	scan->slot = table_slot_create(table, NULL);

	/* a comparison under another collation would descend to the wrong page */
	for (int i = 0; i < key_count; i++)
		keys[i].sk_collation = scan->index->rd_indcollation[i];

	scan->scan = wb_index_beginscan(table, scan->index, scan->is_filtered ?
									SnapshotAny : scan->snapshot, key_count);
	index_rescan(scan->scan, keys, key_count, NULL, 0);
}

/*
 * Start an index scan.  The keys stand for the index's leading columns, in
 * order; equality, but for the last.  "table" stays the caller's; "snapshot"
 * NULL means: take one here and drop it at the end.
 */
void
wb_scan_begin(WbScan *scan, Relation table, Oid index_oid, ScanKey keys,
			  int key_count, Snapshot snapshot, ScanDirection direction)
{
	begin(scan, table, index_oid, keys, key_count, snapshot, direction,
		  IsolationIsSerializable());
}

/*
 * The same for wb_scan_next_version: all versions of rows, of which those that
 * the snapshot shows are told by wb_scan_version_is_visible.
 */
void
wb_scan_begin_versions(WbScan *scan, Relation table, Oid index_oid,
					   ScanKey keys, int key_count, Snapshot snapshot,
					   ScanDirection direction)
{
	begin(scan, table, index_oid, keys, key_count, snapshot, direction, true);
}

/* Go to the next version of a row, visible or not; false: there is none. */
bool
wb_scan_next_version(WbScan *scan)
{
	CHECK_FOR_INTERRUPTS();
	return index_getnext_slot(scan->scan, scan->direction, scan->slot);
}

/* Does the scan's snapshot show the version that it is at? */
bool
wb_scan_version_is_visible(WbScan *scan)
{
	return table_tuple_satisfies_snapshot(scan->table, scan->slot,
										  scan->snapshot);
}

/* Go to the next visible row, in scan->slot; false when there is none. */
bool
wb_scan_next(WbScan *scan)
{
	while (wb_scan_next_version(scan))
	{
		if (!scan->is_filtered || wb_scan_version_is_visible(scan))
			return true;
	}
	return false;
}

/* End a scan; the table stays open if the caller opened it. */
void
wb_scan_end(WbScan *scan)
{
	ExecDropSingleTupleTableSlot(scan->slot);
	index_endscan(scan->scan);
	index_close(scan->index, AccessShareLock);
	if (scan->owns_snapshot)
		UnregisterSnapshot(scan->snapshot);
	if (scan->owns_table)
		table_close(scan->table, AccessShareLock);
}

/*
 * Start a scan of the rows of one of our tables that have this id in a column.
 * False: there is no such table or index, and nothing to end.
 */
bool
wb_scan_begin_by_id(WbTable table, const char *column, int64 id, WbScan *scan)
{
	Oid			index_oid;
	Relation	relation;
	ScanKeyData key;

	if (!OidIsValid(wb_relation_oid(table)))
		return false;
	relation = wb_relation_open(table);
	index_oid = wb_relation_index(relation, column, NULL, NULL);
	if (!OidIsValid(index_oid))
	{
		wb_shape_require(relation, table);
		table_close(relation, AccessShareLock);
		return false;
	}
	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(id));
	wb_scan_begin(scan, relation, index_oid, &key, 1, NULL,
				  ForwardScanDirection);
	scan->owns_table = true;
	return true;
}

/*
 * Find the row with this id in one of our tables.  True: the row is in the
 * scan, which the caller ends.  False: there is none, and nothing to end.
 */
bool
wb_scan_row_by_id(WbTable table, int64 id, WbScan *scan)
{
	if (!wb_scan_begin_by_id(table, "id", id, scan))
		return false;
	if (wb_scan_next(scan))
		return true;
	wb_scan_end(scan);
	return false;
}

/* A column of the row that the scan is at; valid until the scan moves. */
Datum
wb_scan_column(WbScan *scan, const char *column, bool *is_null)
{
	return slot_getattr(scan->slot,
						wb_relation_attribute(scan->table, column), is_null);
}

/* A text column as a C string of the caller's context, or NULL. */
char *
wb_scan_text(WbScan *scan, const char *column)
{
	bool		is_null;
	Datum		value = wb_scan_column(scan, column, &is_null);

	return is_null ? NULL : TextDatumGetCString(value);
}

/* A bigint column, or WB_NO_ID (0) where it is null. */
int64
wb_scan_id(WbScan *scan, const char *column)
{
	bool		is_null;
	Datum		value = wb_scan_column(scan, column, &is_null);

	return is_null ? 0 : DatumGetInt64(value);
}

/* wb.require_setup() returns void */
Datum
wb_sql_require_setup(PG_FUNCTION_ARGS)
{
	wb_relation_require_setup();
	if (superuser())
		wb_shape_require_plain();
	PG_RETURN_VOID();
}
