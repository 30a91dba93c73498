/*-------------------------------------------------------------------------
 *
 * series.c
 *		The newest points of one metric of one run, while rows are judged one
 *		by one.
 *
 * Rows are judged in the order in which they arrived, each at its own step, on
 * the newest points at or before that step: of what is committed, what earlier
 * commands of the transaction wrote, and those rows of its own statement that
 * were judged already.  AFTER ROW triggers fire when the whole statement is in
 * the table, so reading the table would show a row its own future.  A series
 * is therefore read once, as the table was before the statement, and from then
 * on follows the rows by wb_series_put.  Where that is sure to be the same as
 * reading again, it outlives the statement (see series_cache.c).
 *
 * Points stand in the order of step.  A step that is there already is
 * replaced, a late step goes to its place.  What a row needs that is older
 * than these points is late_window.c's to find.
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

/* Points kept beyond the largest window, for steps that change places. */
#define SPARE_POINTS	8

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
 * largest window that anyone will ask for.  Somewhat more is kept: the point
 * that has just left the largest window, for windows that run.
 */
void
wb_series_init(WbSeries *series, int capacity)
{
	memset(series, 0, sizeof(WbSeries));
	series->context = CurrentMemoryContext;
	series->capacity = capacity;
	series->kept = capacity > 1 ? capacity + SPARE_POINTS : capacity;
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

/* Index of the first of some points at or after a step. */
int
wb_points_find(const WbPoint *points, int count, int64 step)
{
	int			low = 0;
	int			high = count;

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
 * A row that is older than all points of the series, which holds no more.
 * Only a rule that looks at nothing but the row needs no others.
 */
static bool
stand_alone(WbSeries *series, int64 step, float8 value, WbWindow *window)
{
	series->alone = (WbPoint)
	{
		step, value
	};
	window->end = &series->alone + 1;
	window->count = 1;
	window->is_newest = false;
	return series->capacity == 1;
}

/*
 * Put a row into the series and tell its window, which is valid until the next
 * row.  False where a rule may look further back than the series reaches.
 */
bool
wb_series_put(WbSeries *series, int64 step, float8 value, WbWindow *window)
{
	WbPoint    *points = series->points + series->start;
	int			place = wb_points_find(points, series->count, step);
	bool		is_there = place < series->count && points[place].step == step;

	if (!is_there)
	{
		if (series->count == series->kept)
		{
			if (place == 0)
				return stand_alone(series, step, value, window);
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
	window->end = points + place + 1;
	window->count = place + 1;
	window->is_newest = place == series->count - 1;

	/* one that is not full has all points there are */
	return window->count >= series->capacity || series->count < series->kept;
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
