/*-------------------------------------------------------------------------
 *
 * series.c
 *		The newest points of one metric of one run, while rows are judged one
 *		by one.
 *
 * Rows are judged in the order in which they arrived, each against what was
 * there before it: what is committed, what earlier commands of the transaction
 * wrote, and those rows of its own statement that came first.  AFTER ROW
 * triggers fire when the whole statement is in the table, so reading the table
 * would show a row its own future.  A series is therefore read once, as the
 * table was before the statement, and from then on follows the rows by
 * wb_series_put.  Where that is sure to be the same as reading again, it
 * outlives the statement (see series_cache.c).
 *
 * Points stand in the order of step.  A step that is there already is
 * replaced, a late step goes to its place.
 *
 * IDENTIFICATION
 *		src/decide/series.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "decide/running.h"
#include "support/relation.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

/* Make room for one more point at the end. */
static void
make_room(WbSeries *series)
{
	int			most = 2 * series->kept;

	if (series->start + series->count < series->allocated)
		return;
	if (series->allocated < most)
	{
		series->allocated = Min(2 * series->allocated, most);
		series->points = repalloc(series->points,
								  sizeof(WbPoint) * series->allocated);
		return;
	}

	/* moving everything once per "kept" rows keeps a row's cost even */
	memmove(series->points, series->points + series->start,
			sizeof(WbPoint) * series->count);
	series->start = 0;
}

/* A scan backwards gives the newest point first: turn them around. */
static void
reverse_points(WbSeries *series)
{
	for (int low = 0, high = series->count - 1; low < high; low++, high--)
	{
		WbPoint		point = series->points[low];

		series->points[low] = series->points[high];
		series->points[high] = point;
	}
}

/*
 * A series without points, in the current memory context.  "capacity" is the
 * largest window that anyone will ask for; where windows run, the point that
 * has just left the largest is kept too.
 */
void
wb_series_init(WbSeries *series, int capacity)
{
	memset(series, 0, sizeof(WbSeries));
	series->context = CurrentMemoryContext;
	series->capacity = capacity;
	series->kept = capacity > WB_EXACT_SIZE ? capacity + 1 : capacity;
	series->allocated = Min(16, 2 * series->kept);
	series->points = palloc(sizeof(WbPoint) * series->allocated);
}

/*
 * Read a series as it was before a statement.  "capacity" is the largest
 * window that anyone will ask for.  Memory is the current context's.
 */
void
wb_series_load(WbSeries *series, int capacity, const WbSeriesSource *source,
			   int64 run_id, const char *name)
{
	WbScan		scan;
	ScanKeyData keys[2];
	Snapshot	snapshot = wb_scan_take_snapshot(source->before);

	wb_series_init(series, capacity);
	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(run_id));
	ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(name));
	wb_scan_begin(&scan, source->table, source->index_oid, keys, 2, snapshot,
				  BackwardScanDirection);
	while (series->count < series->kept && wb_scan_next(&scan))
	{
		bool		is_null;
		WbPoint    *point;

		make_room(series);
		point = &series->points[series->count++];
		point->step = DatumGetInt64(slot_getattr(scan.slot, source->step,
												 &is_null));
		point->value = DatumGetFloat8(slot_getattr(scan.slot, source->value,
												   &is_null));
	}
	wb_scan_end(&scan);
	UnregisterSnapshot(snapshot);
	reverse_points(series);
}

/* Index of the first point at or after a step, counted from the oldest. */
static int
find_place(const WbSeries *series, int64 step)
{
	const WbPoint *points = series->points + series->start;
	int			low = 0;
	int			high = series->count;

	/* a step nearly always comes after all others */
	if (high == 0 || points[high - 1].step < step)
		return high;
	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (points[middle].step < step)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Open a gap for one point before "place". */
static void
open_gap(WbSeries *series, int place)
{
	make_room(series);
	memmove(series->points + series->start + place + 1,
			series->points + series->start + place,
			sizeof(WbPoint) * (series->count - place));
	series->count++;
}

/* The running windows take notice of a row. */
static void
follow(WbSeries *series, int distance, bool is_replaced)
{
	if (distance > 0 || is_replaced)
		wb_running_void(series, distance);
	else
	{
		series->newest_number++;
		wb_running_follow(series);
	}
}

/*
 * Put a row into the series.  Returns its distance from the newest point, 0
 * for the newest itself, or -1 where it is older than all that is kept.
 */
int
wb_series_put(WbSeries *series, int64 step, float8 value)
{
	int			place = find_place(series, step);
	WbPoint    *points = series->points + series->start;
	bool		is_there = place < series->count && points[place].step == step;

	if (!is_there)
	{
		if (series->count == series->kept)
		{
			if (place == 0)
				return -1;
			series->start++;
			series->count--;
			place--;
		}
		open_gap(series, place);
		points = series->points + series->start;
	}
	points[place].step = step;
	points[place].value = value;
	follow(series, series->count - 1 - place, is_there);
	return series->count - 1 - place;
}

/* Copy the newest "count" values, oldest first; there must be as many. */
void
wb_series_copy_window(const WbSeries *series, int count, float8 *values)
{
	const WbPoint *oldest = series->points + series->start +
	series->count - count;

	Assert(count <= series->count);
	for (int i = 0; i < count; i++)
		values[i] = oldest[i].value;
}
