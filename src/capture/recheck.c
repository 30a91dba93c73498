/*-------------------------------------------------------------------------
 *
 * recheck.c
 *		Judges again what two transactions wrote to one series at once.
 *
 * A row of wb.rechecks names the writers that were open when its own one
 * began to write.  Once they are over, everything that overlapped is
 * committed or gone, and the points from the row's step on are judged as if
 * they had come in the order of step, with the kernel and cooldown of the
 * trigger.  A step that an automation has fired on is not judged again: most
 * of these points were judged rightly when they came.
 *
 * The snapshot that finds the writers over must not be newer than the one that
 * reads the points.  What has fired is read under the same one as the points:
 * read before, it would lack what fired with a point that came in between, and
 * that point would fire twice.
 *
 * IDENTIFICATION
 *		src/capture/recheck.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "capture/capture.h"
#include "catalog/pg_type.h"
#include "decide/decide.h"
#include "miscadmin.h"
#include "support/compat.h"
#include "support/plan.h"
#include "support/relation.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/xid8.h"

#define POINTS_AT_ONCE	1000
#define ROWS_AT_ONCE	10000

WB_FUNCTION_INFO_V1(wb_sql_recheck);

static WbPlan find_rows = {
	"SELECT id, run_id, name, from_step, newest_writer, older_writers"
	" FROM wb.rechecks ORDER BY id LIMIT $1",
	1, {INT4OID}, NULL
};

static WbPlan delete_rows = {
	"DELETE FROM wb.rechecks WHERE id IN (SELECT id FROM wb.rechecks"
	" WHERE id = ANY ($1) FOR UPDATE SKIP LOCKED)"
	" RETURNING id, run_id, name, from_step, newest_writer, older_writers",
	1, {INT8ARRAYOID}, NULL
};

static WbPlan find_points_before = {
	"SELECT step, value FROM (SELECT step, value FROM wb.run_metrics"
	" WHERE run_id = $1 AND name = $2 AND step < $3"
	" ORDER BY step DESC LIMIT $4) p ORDER BY step",
	4, {INT8OID, TEXTOID, INT8OID, INT4OID}, NULL
};

static WbPlan find_points = {
	"SELECT step, value FROM wb.run_metrics"
	" WHERE run_id = $1 AND name = $2 AND step >= $3"
	" ORDER BY step LIMIT $4",
	4, {INT8OID, TEXTOID, INT8OID, INT4OID}, NULL
};

static WbPlan find_fired = {
	"SELECT DISTINCT (event->>'step')::bigint AS step FROM wb.executions"
	" WHERE run_id = $1 AND automation_id = $2 AND origin = 'event'"
	" AND (event->>'step')::bigint >= $3 ORDER BY step",
	3, {INT8OID, INT8OID, INT8OID}, NULL
};

/* A row of wb.rechecks. */
typedef struct Recheck
{
	int64		id;
	int64		run_id;
	char	   *name;
	int64		from_step;
	uint64		newest_writer;
	uint64		older_writers;
} Recheck;

/* An automation, and the steps on which it has fired already, in order. */
typedef struct Hearing
{
	WbCandidate *candidate;
	int64	   *fired;
	int			fired_count;
} Hearing;

static Datum
result(uint64 row, int column)
{
	bool		is_null;

	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
						 column, &is_null);
}

static uint64
result_xid(uint64 row, int column)
{
	return U64FromFullTransactionId(DatumGetFullTransactionId(result(row,
																	 column)));
}

static Recheck *
read_row(uint64 number)
{
	Recheck    *row = palloc(sizeof(Recheck));

	row->id = DatumGetInt64(result(number, 1));
	row->run_id = DatumGetInt64(result(number, 2));
	row->name = TextDatumGetCString(result(number, 3));
	row->from_step = DatumGetInt64(result(number, 4));
	row->newest_writer = result_xid(number, 5);
	row->older_writers = result_xid(number, 6);
	return row;
}

/* Is everybody over that a row waits for? */
static bool
is_ripe(const Recheck *row, Snapshot snapshot)
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
	const Recheck *one = lfirst(a);
	const Recheck *other = lfirst(b);
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
		Recheck    *row = read_row(i);

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
		Int64GetDatum(((Recheck *) lfirst(cell))->id);
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

static void
read_fired(Hearing *hearing, const Recheck *row, Snapshot snapshot)
{
	Datum		values[] = {Int64GetDatum(row->run_id),
		Int64GetDatum(hearing->candidate->automation->id),
	Int64GetDatum(row->from_step)};
	uint64		count = wb_plan_run_at(&find_fired, values, snapshot);

	hearing->fired = palloc(sizeof(int64) * Max(count, 1));
	hearing->fired_count = (int) count;
	for (uint64 i = 0; i < count; i++)
		hearing->fired[i] = DatumGetInt64(result(i, 1));
	SPI_freetuptable(SPI_tuptable);
}

/*
 * The automations whose windows may hold points of two writers, and the
 * largest of these windows.
 */
static List *
find_hearings(const WbEvent *event, const Recheck *row, Snapshot snapshot,
			  int *capacity)
{
	List	   *hearings = NIL;
	ListCell   *cell;

	*capacity = 0;
	foreach(cell, wb_judge_find_candidates(event))
	{
		WbCandidate *candidate = lfirst(cell);
		const WbAutomation *automation = candidate->automation;
		Hearing    *hearing;

		if (automation->broken != NULL || automation->rule->is_against_runs ||
			wb_metric_rule_size(automation->rule) < 2)
			continue;
		hearing = palloc0(sizeof(Hearing));
		hearing->candidate = candidate;
		read_fired(hearing, row, snapshot);
		hearings = lappend(hearings, hearing);
		*capacity = Max(*capacity, wb_metric_rule_size(automation->rule));
	}
	return hearings;
}

static bool
has_fired(const Hearing *hearing, int64 step)
{
	int			low = 0;
	int			high = hearing->fired_count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (hearing->fired[middle] == step)
			return true;
		if (hearing->fired[middle] < step)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

static void
judge_point(const List *hearings, WbEvent *event, WbSeries *series,
			WbPoint point)
{
	int			position = wb_series_put(series, point.step, point.value);
	ListCell   *cell;

	event->step = point.step;
	foreach(cell, hearings)
	{
		const Hearing *hearing = lfirst(cell);

		if (!has_fired(hearing, point.step))
			wb_judge_metric(hearing->candidate, event, series, position, NULL);
	}
}

/* Read points from a step on, or before it; returns how many. */
static int
read_points(WbPlan *plan, const Recheck *row, Snapshot snapshot, int64 step,
			int limit, WbPoint *points)
{
	Datum		values[] = {Int64GetDatum(row->run_id),
		CStringGetTextDatum(row->name), Int64GetDatum(step),
	Int32GetDatum(limit)};
	uint64		count = wb_plan_run_at(plan, values, snapshot);

	for (uint64 i = 0; i < count; i++)
	{
		points[i].step = DatumGetInt64(result(i, 1));
		points[i].value = DatumGetFloat8(result(i, 2));
	}
	SPI_freetuptable(SPI_tuptable);
	return (int) count;
}

/* Judge the points of a series from a row's step on. */
static void
judge_points(const Recheck *row, WbEvent *event, const List *hearings,
			 int capacity, Snapshot snapshot)
{
	WbPoint    *points = palloc(sizeof(WbPoint) *
								Max(POINTS_AT_ONCE, capacity));
	WbSeries	series;
	int			count;
	int64		step = row->from_step;

	wb_series_init(&series, capacity);
	count = read_points(&find_points_before, row, snapshot, step, capacity,
						points);
	for (int i = 0; i < count; i++)
		wb_series_put(&series, points[i].step, points[i].value);

	do
	{
		CHECK_FOR_INTERRUPTS();
		count = read_points(&find_points, row, snapshot, step, POINTS_AT_ONCE,
							points);
		for (int i = 0; i < count; i++)
			judge_point(hearings, event, &series, points[i]);
		if (count > 0)
			step = points[count - 1].step + 1;
	} while (count == POINTS_AT_ONCE && step != PG_INT64_MIN);
}

/* Judge a series, as it is now, from a row's step on. */
static void
judge_series(const Recheck *row)
{
	WbEvent		event = {.type = WB_EVENT_RUN_METRIC,
	.metric_name = row->name};
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	List	   *hearings = NIL;
	int			capacity;

	if (wb_run_read(row->run_id, &event))
		hearings = find_hearings(&event, row, snapshot, &capacity);
	if (hearings != NIL)
		judge_points(row, &event, hearings, capacity, snapshot);
	UnregisterSnapshot(snapshot);
}

/* Judge each series of the rows once, from the oldest step that is asked. */
static void
judge_rows(const List *rows)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "wb recheck",
												  ALLOCSET_DEFAULT_SIZES);
	const Recheck *last = NULL;
	ListCell   *cell;

	foreach(cell, rows)
	{
		const Recheck *row = lfirst(cell);
		MemoryContext before;

		if (last != NULL && last->run_id == row->run_id &&
			strcmp(last->name, row->name) == 0)
			continue;
		last = row;
		before = MemoryContextSwitchTo(context);
		judge_series(row);
		MemoryContextSwitchTo(before);
		MemoryContextReset(context);
	}
	MemoryContextDelete(context);
}

/* wb.recheck() returns integer: the rows that still wait */
Datum
wb_sql_recheck(PG_FUNCTION_ARGS)
{
	WbIdentity	before;
	List	   *rows;
	int			waiting;

	wb_relation_require_setup();
	wb_relation_become_owner(&before);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	rows = read_rows(&waiting);
	if (rows != NIL)
		judge_rows(take_rows(rows));
	SPI_finish();
	wb_relation_restore_identity(&before);
	PG_RETURN_INT32(waiting);
}
