/*-------------------------------------------------------------------------
 *
 * recheck_row.c
 *		What is to be judged again: the rows of wb.rechecks.
 *
 * A row is taken when all are over that it waits for, by deleting it in the
 * transaction that judges its points, so it is there again if that fails.  One
 * session at a time takes any: two rows of one series may lead to the same
 * step, and each of two sessions would fire on it, because neither sees what
 * the other has fired.
 *
 * Rule: the snapshot that finds the writers over must not be newer than the
 * one that reads the points.
 *
 * IDENTIFICATION
 *		src/capture/recheck_row.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "capture/recheck_row.h"
#include "catalog/pg_type.h"
#include "decide/decide.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "support/plan.h"
#include "support/row.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/xid8.h"

#define ROWS_AT_ONCE	10000

/* Of a lock, beside those in src/deliver. */
#define RECHECK_LOCK_KEY	0x77620003

static WbPlan find_rows = {
	"SELECT id, run_id, name, from_step, newest_writer, older_writers, writer"
	" FROM wb.rechecks ORDER BY id LIMIT $1",
	1, {INT4OID}, NULL
};

static WbPlan delete_rows = {
	"DELETE FROM wb.rechecks WHERE id IN (SELECT id FROM wb.rechecks"
	" WHERE id = ANY ($1) FOR UPDATE SKIP LOCKED)"
	" RETURNING id, run_id, name, from_step, newest_writer, older_writers,"
	" writer",
	1, {INT8ARRAYOID}, NULL
};

/*
 * Was a rule made, enabled or changed when a row's writers were over already?
 * A snapshot of another server, before a restore, says nothing.
 */
static WbPlan find_younger = {
	"SELECT FROM wb.automations WHERE id = $1"
	" AND pg_snapshot_xmax(known_in) <= pg_snapshot_xmax(pg_current_snapshot())"
	" AND pg_visible_in_snapshot($2, known_in)"
	" AND pg_visible_in_snapshot($3, known_in)"
	" AND $4 < pg_snapshot_xmin(known_in)",
	4, {INT8OID, XID8OID, XID8OID, XID8OID}, NULL
};

static uint64
result_xid(uint64 row, int column)
{
	bool		is_null;
	Datum		xid = wb_row_value(SPI_tuptable, row, column, &is_null);

	return U64FromFullTransactionId(DatumGetFullTransactionId(xid));
}

static WbRecheck *
read_row(uint64 number)
{
	WbRecheck  *row = palloc(sizeof(WbRecheck));

	row->id = wb_row_id(SPI_tuptable, number, 1);
	row->run_id = wb_row_id(SPI_tuptable, number, 2);
	row->name = wb_row_text(SPI_tuptable, number, 3);
	row->from_step = wb_row_id(SPI_tuptable, number, 4);
	row->newest_writer = result_xid(number, 5);
	row->older_writers = result_xid(number, 6);
	row->writer = result_xid(number, 7);
	return row;
}

/* Is everybody over that a row waits for? */
static bool
is_ripe(const WbRecheck *row, Snapshot snapshot)
{
	uint64		next = U64FromFullTransactionId(ReadNextFullTransactionId());

	/* a transaction id to come is that of another server, before a restore */
	if (row->newest_writer < next &&
		!wb_writer_slot_is_over(row->newest_writer, snapshot))
		return false;
	return row->older_writers >= next ||
		row->older_writers < wb_writer_slot_widen(snapshot->xmin);
}

/* By series, and in it the one that reaches back the farthest first. */
static int
compare_rows(const ListCell *a, const ListCell *b)
{
	const WbRecheck *one = lfirst(a);
	const WbRecheck *other = lfirst(b);
	int			order;

	if (one->run_id != other->run_id)
		return one->run_id < other->run_id ? -1 : 1;
	order = strcmp(one->name, other->name);
	if (order != 0 || one->from_step == other->from_step)
		return order;
	return one->from_step < other->from_step ? -1 : 1;
}

/* The rows that are ripe; "waiting" counts the others. */
static List *
read_rows(int *waiting)
{
	Datum		limit = Int32GetDatum(ROWS_AT_ONCE);
	Snapshot	snapshot = RegisterSnapshot(GetTransactionSnapshot());
	uint64		count = wb_plan_run(&find_rows, &limit, NULL, SPI_OK_SELECT);
	List	   *rows = NIL;

	*waiting = 0;
	for (uint64 i = 0; i < count; i++)
	{
		WbRecheck  *row = read_row(i);

		if (is_ripe(row, snapshot))
			rows = lappend(rows, row);
		else
			(*waiting)++;
	}
	SPI_freetuptable(SPI_tuptable);
	UnregisterSnapshot(snapshot);
	return rows;
}

/* Delete rows, and return those that nobody else is about to judge. */
static List *
take_rows(const List *rows)
{
	Datum	   *ids = palloc(sizeof(Datum) * list_length(rows));
	List	   *taken = NIL;
	ListCell   *cell;
	Datum		array;
	uint64		count;

	foreach(cell, rows)
		ids[foreach_current_index(cell)] =
		Int64GetDatum(((WbRecheck *) lfirst(cell))->id);
	array = PointerGetDatum(construct_array(ids, list_length(rows), INT8OID,
											8, FLOAT8PASSBYVAL,
											TYPALIGN_DOUBLE));
	count = wb_plan_run(&delete_rows, &array, NULL, SPI_OK_DELETE_RETURNING);
	for (uint64 i = 0; i < count; i++)
		taken = lappend(taken, read_row(i));
	SPI_freetuptable(SPI_tuptable);
	list_sort(taken, compare_rows);
	return taken;
}

static Datum
xid_datum(uint64 xid)
{
	return FullTransactionIdGetDatum(FullTransactionIdFromU64(xid));
}

static bool
is_younger(const WbAutomation *automation, const WbRecheck *row)
{
	Datum		values[] = {Int64GetDatum(automation->id),
		xid_datum(row->writer), xid_datum(row->newest_writer),
	xid_datum(row->older_writers)};

	bool		is_found = wb_plan_run(&find_younger, values, NULL,
									   SPI_OK_SELECT) > 0;

	SPI_freetuptable(SPI_tuptable);
	return is_found;
}

/*
 * The row of a series from which on an automation is to be asked: the first
 * that is not older than its rule.  NULL where all are.  Needs SPI.
 */
const WbRecheck *
wb_recheck_start(const WbAutomation *automation, const List *rows)
{
	ListCell   *cell;

	foreach(cell, rows)
	{
		if (!is_younger(automation, lfirst(cell)))
			return lfirst(cell);
	}
	return NULL;
}

/*
 * Is nobody else judging again?  Then nobody does until our transaction ends.
 * Nobody waits for it either: who is late looks again soon.
 */
static bool
take_turn(void)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, RECHECK_LOCK_KEY, 0, 0);
	tag.locktag_type = LOCKTAG_USERLOCK;
	return LockAcquire(&tag, ExclusiveLock, false, true) !=
		LOCKACQUIRE_NOT_AVAIL;
}

/*
 * Take all rows off the table that are ripe, sorted by series, and in it the
 * one that reaches back the farthest first.  "waiting" counts what is left.
 * Needs SPI; the result lives in the current memory context.
 */
List *
wb_recheck_take(int *waiting)
{
	List	   *rows = read_rows(waiting);

	if (rows == NIL)
		return NIL;
	if (take_turn())
		return take_rows(rows);
	*waiting += list_length(rows);
	return NIL;
}

/* The rows of one series, from a place in the list on; a new list of them. */
List *
wb_recheck_series(const List *rows, int from)
{
	const WbRecheck *first = list_nth(rows, from);
	List	   *series = NIL;

	for (int i = from; i < list_length(rows); i++)
	{
		WbRecheck  *row = list_nth(rows, i);

		if (row->run_id != first->run_id ||
			strcmp(row->name, first->name) != 0)
			break;
		series = lappend(series, row);
	}
	return series;
}
