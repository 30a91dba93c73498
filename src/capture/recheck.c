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
 * The snapshot that finds the writers over, in recheck_row.c, must not be
 * newer than the one that reads the points.  What has fired is read under the
 * same one as the points: read before, it would lack what fired with a point
 * that came in between, and that point would fire twice.
 *
 * IDENTIFICATION
 *		src/capture/recheck.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "capture/capture.h"
#include "capture/recheck_row.h"
#include "catalog/pg_type.h"
#include "decide/decide.h"
#include "miscadmin.h"
#include "support/compat.h"
#include "support/plan.h"
#include "support/relation.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#define POINTS_AT_ONCE	1000

WB_FUNCTION_INFO_V1(wb_sql_recheck);

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

static void
read_fired(Hearing *hearing, const WbRecheck *row, Snapshot snapshot)
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
find_hearings(const WbEvent *event, const WbRecheck *row, Snapshot snapshot,
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
read_points(WbPlan *plan, const WbRecheck *row, Snapshot snapshot, int64 step,
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
judge_points(const WbRecheck *row, WbEvent *event, const List *hearings,
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
judge_series(const WbRecheck *row)
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
	const WbRecheck *last = NULL;
	ListCell   *cell;

	foreach(cell, rows)
	{
		const WbRecheck *row = lfirst(cell);
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
	rows = wb_recheck_rows_take(&waiting);
	judge_rows(rows);
	SPI_finish();
	wb_relation_restore_identity(&before);
	PG_RETURN_INT32(waiting);
}
