/*-------------------------------------------------------------------------
 *
 * late_window.c
 *		What a row is judged on that is not among the newest points.
 *
 * A row is judged at its own step, on the points at or before it.  Where the
 * series (series.c) does not reach back that far, they are read here: the
 * table as it was before the statement, and over it those rows of the
 * statement that were judged already.
 *
 * A stretch of the series is kept for the rows that follow, because late rows
 * come in swarms: a run that is resumed writes a thousand steps again, in
 * order.  The stretch holds every point between its two ends, follows each
 * row that is judged between them, and is read anew for a row that lies
 * elsewhere; it looks further ahead each time that happens.  Its size is
 * bounded, whatever the statement writes.
 *
 * Rule: a row that has been judged and lies in the stretch must be put there
 * by wb_late_window_follow before the next one is judged.
 *
 * IDENTIFICATION
 *		src/decide/late_window.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "decide/decide.h"
#include "support/relation.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#define FIRST_AHEAD		64
#define MOST_AHEAD		1024

struct WbLateWindow
{
	const WbSeriesSource *source;
	int64		run_id;
	const char *name;
	int			capacity;		/* points that a rule may look at */
	int			ahead;			/* points to read after the next row */
	bool		is_from_start;	/* there is no point before the first */
	int64		low;			/* every point from here ... */
	int64		high;			/* ... to here is in the stretch */
	int			allocated;
	int			count;
	WbPoint    *points;
};

/* One of the two scans that a stretch is read by, and the row it is at. */
typedef struct Cursor
{
	WbScan		scan;
	Snapshot	snapshot;
	bool		has_row;
	WbPoint		point;
} Cursor;

typedef struct Reader
{
	const WbSeriesSource *source;
	ScanDirection direction;
	Cursor		before;			/* the table before the statement */
	Cursor		own;			/* and with the statement's rows */
	bool		has_own;
} Reader;

/*
 * For the rows of one series in one statement; "source" and "name" outlive it.
 * Memory is the current context's.
 */
WbLateWindow *
wb_late_window_create(const WbSeriesSource *source, int64 run_id,
					  const char *name, int capacity)
{
	WbLateWindow *late = palloc0(sizeof(WbLateWindow));

	late->source = source;
	late->run_id = run_id;
	late->name = name;
	late->capacity = capacity;
	late->low = PG_INT64_MAX;
	late->high = PG_INT64_MIN;
	late->allocated = capacity + 8;
	late->points = palloc(sizeof(WbPoint) * late->allocated);
	return late;
}

static void
advance(const Reader *reader, Cursor *cursor)
{
	bool		is_null;		/* never: they are NOT NULL */
	TupleTableSlot *slot = cursor->scan.slot;

	cursor->has_row = wb_scan_next(&cursor->scan);
	if (!cursor->has_row)
		return;
	cursor->point.step =
		DatumGetInt64(slot_getattr(slot, reader->source->step, &is_null));
	cursor->point.value =
		DatumGetFloat8(slot_getattr(slot, reader->source->value, &is_null));
}

static void
open_cursor(const Reader *reader, Cursor *cursor, const WbLateWindow *late,
			int64 step, CommandId before)
{
	bool		is_back = ScanDirectionIsBackward(reader->direction);
	ScanKeyData keys[3];

	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(late->run_id));
	ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(late->name));
	ScanKeyInit(&keys[2], 3, is_back ? BTLessEqualStrategyNumber :
				BTGreaterStrategyNumber, is_back ? F_INT8LE : F_INT8GT,
				Int64GetDatum(step));
	cursor->snapshot = wb_scan_take_snapshot(before);
	wb_scan_begin(&cursor->scan, reader->source->table,
				  reader->source->index_oid, keys, 3, cursor->snapshot,
				  reader->direction);
	advance(reader, cursor);
}

static void
close_cursor(Cursor *cursor)
{
	wb_scan_end(&cursor->scan);
	UnregisterSnapshot(cursor->snapshot);
}

/* Read from a step back, itself included, or forward from the one after it. */
static void
open_reader(Reader *reader, const WbLateWindow *late, int64 step,
			ScanDirection direction)
{
	const WbSeriesSource *source = late->source;

	reader->source = source;
	reader->direction = direction;
	open_cursor(reader, &reader->before, late, step, source->before);
	reader->has_own = source->before != WB_ALL_COMMANDS &&
		wb_judged_rows_exist(source->judged);
	if (reader->has_own)
		open_cursor(reader, &reader->own, late, step, source->before + 1);
}

static void
close_reader(Reader *reader)
{
	close_cursor(&reader->before);
	if (reader->has_own)
		close_cursor(&reader->own);
}

/* Has the cursor over the statement's rows come no further than the other? */
static bool
is_own_next(const Reader *reader)
{
	const Cursor *own = &reader->own;
	const Cursor *before = &reader->before;

	if (!reader->has_own || !own->has_row)
		return false;
	if (!before->has_row)
		return true;
	return ScanDirectionIsBackward(reader->direction) ?
		own->point.step >= before->point.step :
		own->point.step <= before->point.step;
}

/*
 * The next point: a row of the statement that was judged, or else what was
 * there before.  Both scans go on side by side, so that neither runs through
 * the whole series for want of a row that it may give.
 */
static bool
read_point(Reader *reader, WbPoint *point)
{
	while (is_own_next(reader))
	{
		Cursor	   *own = &reader->own;
		Cursor	   *before = &reader->before;
		bool		is_judged = wb_judged_rows_have(reader->source->judged,
													&own->scan.slot->tts_tid);

		*point = own->point;
		if (is_judged && before->has_row &&
			before->point.step == own->point.step)
			advance(reader, before);
		advance(reader, own);
		if (is_judged)
			return true;
	}
	if (!reader->before.has_row)
		return false;
	*point = reader->before.point;
	advance(reader, &reader->before);
	return true;
}

static void
make_room(WbLateWindow *late, int count)
{
	if (count <= late->allocated)
		return;
	late->allocated = Max(count, 2 * late->allocated);
	late->points = repalloc(late->points, sizeof(WbPoint) * late->allocated);
}

/* Read up to "wanted" points at or before a step, oldest first. */
static void
read_back(WbLateWindow *late, int64 step, int wanted)
{
	Reader		reader;

	make_room(late, wanted);
	late->count = 0;
	open_reader(&reader, late, step, BackwardScanDirection);
	while (late->count < wanted &&
		   read_point(&reader, &late->points[late->count]))
		late->count++;
	close_reader(&reader);
	for (int low = 0, high = late->count - 1; low < high; low++, high--)
	{
		WbPoint		point = late->points[low];

		late->points[low] = late->points[high];
		late->points[high] = point;
	}
	late->is_from_start = late->count < wanted;
	late->low = late->is_from_start ? PG_INT64_MIN : late->points[0].step;
}

/* Read up to "wanted" points after a step. */
static void
read_ahead(WbLateWindow *late, int64 step, int wanted)
{
	int			most = late->count + wanted;
	Reader		reader;

	late->high = step;
	if (wanted == 0)
		return;
	make_room(late, most);
	open_reader(&reader, late, step, ForwardScanDirection);
	while (late->count < most &&
		   read_point(&reader, &late->points[late->count]))
		late->high = late->points[late->count++].step;
	close_reader(&reader);
}

static void
read_stretch(WbLateWindow *late, int64 step)
{
	MemoryContext scans = AllocSetContextCreate(CurrentMemoryContext,
												"wb late window",
												ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(scans);

	read_back(late, step, late->capacity);
	read_ahead(late, step, late->ahead);
	late->ahead = late->ahead == 0 ? FIRST_AHEAD :
		Min(2 * late->ahead, MOST_AHEAD);
	MemoryContextSwitchTo(before);
	MemoryContextDelete(scans);
}

/* Let go of what is farthest from a place, where the stretch is too long. */
static int
shorten(WbLateWindow *late, int place)
{
	int			gone;

	if (late->count < 4 * late->capacity + 2 * MOST_AHEAD)
		return place;
	if (place < late->count / 2)
	{
		late->count = place + (late->count - place) / 2;
		late->high = late->points[late->count - 1].step;
		return place;
	}
	gone = place - late->capacity;
	late->count -= gone;
	memmove(late->points, late->points + gone, sizeof(WbPoint) * late->count);
	late->is_from_start = false;
	late->low = late->points[0].step;
	return place - gone;
}

/* Put a row into the stretch; returns its place there. */
static int
put(WbLateWindow *late, int64 step, float8 value)
{
	int			place = wb_points_find(late->points, late->count, step);

	if (place == late->count || late->points[place].step != step)
	{
		place = shorten(late, place);
		make_room(late, late->count + 1);
		memmove(late->points + place + 1, late->points + place,
				sizeof(WbPoint) * (late->count - place));
		late->count++;
	}
	late->points[place].step = step;
	late->points[place].value = value;
	return place;
}

static bool
is_within(const WbLateWindow *late, int64 step)
{
	return step >= late->low && step <= late->high;
}

/* Does the stretch have all that a rule may look at, at a step? */
static bool
reaches(const WbLateWindow *late, int64 step)
{
	return is_within(late, step) &&
		(late->is_from_start ||
		 wb_points_find(late->points, late->count,
						step) >= late->capacity - 1);
}

/*
 * The window of a row that the series cannot give.  It is valid until the next
 * call.
 */
void
wb_late_window_put(WbLateWindow *late, int64 step, float8 value,
				   WbWindow *window)
{
	int			place;

	if (!reaches(late, step))
		read_stretch(late, step);
	place = put(late, step, value);
	window->end = late->points + place + 1;
	window->count = place + 1;
	window->is_newest = false;
}

/* A row was judged on the series itself. */
void
wb_late_window_follow(WbLateWindow *late, int64 step, float8 value)
{
	if (is_within(late, step))
		put(late, step, value);
}
