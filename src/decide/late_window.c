/*-------------------------------------------------------------------------
 *
 * late_window.c
 *		What a row is judged on that is not among the newest points.
 *
 * A row is judged at its own step, on the points at or before it.  Where the
 * series (series.c) does not reach back that far, they are read here.
 *
 * What was read is kept for the rows that follow, because late rows come in
 * swarms: a run that is resumed writes a thousand steps again.  It is kept as
 * stretches, each with every point between its two ends, in the order of step.
 * A row that lies in one goes there; a hole between two is read when a window
 * reaches into it.  So the table is walked about once, whatever the order in
 * which the rows come.  There is a limit to what is kept; beyond, what is far
 * from the newest row is let go, and read again if need be.
 *
 * Rule: a row that has been judged and lies in a stretch must be put there, by
 * wb_late_window_follow if not here, before the next one is judged.
 *
 * IDENTIFICATION
 *		src/decide/late_window.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "decide/late_window.h"
#include "utils/memutils.h"

#define POINTS_MAX		16384	/* of one series; a window may add to them */
#define STRETCH_MAX		512
#define FIRST_AHEAD		64
#define MOST_AHEAD		256

typedef struct Stretch
{
	int64		low;			/* every point from here ... */
	int64		high;			/* ... to here is known */
	int			allocated;
	int			count;
	WbPoint    *points;
} Stretch;

struct WbLateWindow
{
	const WbSeriesSource *source;
	int64		run_id;
	const char *name;
	int			capacity;		/* points that a rule may look at */
	int64		last_step;		/* of the row before */
	int			ahead;			/* points to read after the next row */
	WbPoint    *window;			/* of the newest row, "capacity" of them */
	MemoryContext context;		/* of the stretches */
	int			point_count;
	int			allocated;
	int			count;
	Stretch   **stretches;		/* the lowest first */
};

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
	late->window = palloc(sizeof(WbPoint) * capacity);
	late->context = AllocSetContextCreate(CurrentMemoryContext,
										  "wb late window",
										  ALLOCSET_SMALL_SIZES);
	return late;
}

/* Index of the last stretch that begins at or before a step, or -1. */
static int
find_stretch(const WbLateWindow *late, int64 step)
{
	int			low = 0;
	int			high = late->count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (late->stretches[middle]->low <= step)
			low = middle + 1;
		else
			high = middle;
	}
	return low - 1;
}

/* An empty stretch, to be the one at an index. */
static Stretch *
add_stretch(WbLateWindow *late, int index, int64 low, int64 high)
{
	Stretch    *stretch = MemoryContextAllocZero(late->context,
												 sizeof(Stretch));

	if (late->count == late->allocated)
	{
		Size		size;

		late->allocated = Max(8, 2 * late->allocated);
		size = sizeof(Stretch *) * late->allocated;
		late->stretches = late->stretches == NULL ?
			MemoryContextAlloc(late->context, size) :
			repalloc(late->stretches, size);
	}
	memmove(late->stretches + index + 1, late->stretches + index,
			sizeof(Stretch *) * (late->count - index));
	late->stretches[index] = stretch;
	late->count++;
	stretch->low = low;
	stretch->high = high;
	return stretch;
}

/* Put a point at its place in a stretch. */
static void
insert_point(WbLateWindow *late, Stretch *stretch, int place, WbPoint point)
{
	if (stretch->count == stretch->allocated)
	{
		Size		size;

		stretch->allocated = Max(16, 2 * stretch->allocated);
		size = sizeof(WbPoint) * stretch->allocated;
		stretch->points = stretch->points == NULL ?
			MemoryContextAlloc(late->context, size) :
			repalloc(stretch->points, size);
	}
	memmove(stretch->points + place + 1, stretch->points + place,
			sizeof(WbPoint) * (stretch->count - place));
	stretch->points[place] = point;
	stretch->count++;
	late->point_count++;
}

/* Make two stretches of one that is long, side by side. */
static void
split(WbLateWindow *late, int index)
{
	Stretch    *stretch = late->stretches[index];
	int			half = stretch->count / 2;
	int64		middle = stretch->points[half].step;
	Stretch    *upper = add_stretch(late, index + 1, middle, stretch->high);

	upper->allocated = stretch->allocated;
	upper->count = stretch->count - half;
	upper->points = MemoryContextAlloc(late->context, sizeof(WbPoint) *
									   upper->allocated);
	memcpy(upper->points, stretch->points + half,
		   sizeof(WbPoint) * upper->count);
	stretch->count = half;
	stretch->high = middle - 1;
}

/* Put a row that lies in the stretch at an index there. */
static void
put(WbLateWindow *late, int index, int64 step, float8 value)
{
	Stretch    *stretch = late->stretches[index];
	int			place = wb_points_find(stretch->points, stretch->count, step);
	WbPoint		point = {step, value};

	if (place < stretch->count && stretch->points[place].step == step)
	{
		stretch->points[place] = point;
		return;
	}
	insert_point(late, stretch, place, point);
	if (stretch->count >= STRETCH_MAX)
		split(late, index);
}

/*
 * Read back from "high", which no stretch has, for as many points as wanted,
 * or down to the stretch below; that is a new stretch, at "index".
 */
static void
read_back(WbLateWindow *late, int index, int64 high, int wanted)
{
	int64		floor = index > 0 ? late->stretches[index - 1]->high + 1 :
	PG_INT64_MIN;
	Stretch    *stretch = add_stretch(late, index, floor, high);
	WbPoint    *points = palloc(sizeof(WbPoint) * wanted);
	int			count = 0;
	WbLateReader reader;
	WbPoint		point;

	wb_late_reader_open(&reader, late->source, late->run_id, late->name, high,
						BackwardScanDirection);
	while (count < wanted && wb_late_reader_next(&reader, &point) &&
		   point.step >= floor)
		points[count++] = point;
	wb_late_reader_close(&reader);

	if (count == wanted)
		stretch->low = points[count - 1].step;
	while (count > 0)
		insert_point(late, stretch, stretch->count, points[--count]);
}

/* Read on from a stretch's end, up to the next one at most. */
static void
read_ahead(WbLateWindow *late, int index, int wanted)
{
	Stretch    *stretch = late->stretches[index];
	int64		ceiling = index + 1 < late->count ?
	late->stretches[index + 1]->low : PG_INT64_MAX;
	WbLateReader reader;
	WbPoint		point;

	if (wanted == 0)
		return;
	wb_late_reader_open(&reader, late->source, late->run_id, late->name,
						stretch->high, ForwardScanDirection);
	for (; wanted > 0; wanted--)
	{
		if (!wb_late_reader_next(&reader, &point))
			break;
		if (point.step >= ceiling)
		{
			stretch->high = ceiling - 1;
			break;
		}
		insert_point(late, stretch, stretch->count, point);
		stretch->high = point.step;
	}
	wb_late_reader_close(&reader);
}

/* The index of the stretch that has a step, read if need be. */
static int
reach(WbLateWindow *late, int64 step)
{
	int			index = find_stretch(late, step);

	if (index >= 0 && late->stretches[index]->high >= step)
		return index;
	/* rows that go on where the last one was will do so again */
	if (index >= 0 && late->stretches[index]->low <= late->last_step &&
		late->stretches[index]->high >= late->last_step)
		late->ahead = Min(Max(2 * late->ahead, FIRST_AHEAD), MOST_AHEAD);
	else
		late->ahead = 0;
	read_back(late, index + 1, step, late->capacity);
	read_ahead(late, index + 1, late->ahead);
	return index + 1;
}

/*
 * Copy the points up to the row at a place of a stretch, from the last one on,
 * until there are enough or there are no more.  Returns how many.
 */
static int
copy_window(WbLateWindow *late, int index, int place)
{
	int			missing = late->capacity;

	for (;;)
	{
		const Stretch *stretch = late->stretches[index];
		int			count = Min(missing, place + 1);

		missing -= count;
		memcpy(late->window + missing, stretch->points + place + 1 - count,
			   sizeof(WbPoint) * count);
		if (missing == 0 || stretch->low == PG_INT64_MIN)
			return late->capacity - missing;
		if (index == 0 || late->stretches[index - 1]->high < stretch->low - 1)
			read_back(late, index, stretch->low - 1, missing);
		else
			index--;
		place = late->stretches[index]->count - 1;
	}
}

static void
drop_stretch(WbLateWindow *late, int index)
{
	Stretch    *stretch = late->stretches[index];

	late->point_count -= stretch->count;
	if (stretch->points != NULL)
		pfree(stretch->points);
	pfree(stretch);
	late->count--;
	memmove(late->stretches + index, late->stretches + index + 1,
			sizeof(Stretch *) * (late->count - index));
}

/* Let go of what is farthest from the row at hand, where there is too much. */
static void
let_go(WbLateWindow *late, int64 step)
{
	if (late->point_count <= POINTS_MAX)
		return;
	while (late->point_count > POINTS_MAX / 2 && late->count > 1)
	{
		int			index = find_stretch(late, step);

		drop_stretch(late, index < late->count / 2 ? late->count - 1 : 0);
	}
}

/*
 * The window of a row that the series cannot give.  It is valid until the next
 * call.
 */
void
wb_late_window_put(WbLateWindow *late, int64 step, float8 value,
				   WbWindow *window)
{
	MemoryContext reading = AllocSetContextCreate(late->context,
												  "wb late reading",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(reading);
	const Stretch *stretch;
	int			index;

	put(late, reach(late, step), step, value);
	index = find_stretch(late, step);
	stretch = late->stretches[index];
	window->count = copy_window(late, index,
								wb_points_find(stretch->points,
											   stretch->count, step));
	window->end = late->window + late->capacity;
	window->is_newest = false;
	MemoryContextSwitchTo(before);
	MemoryContextDelete(reading);
	late->last_step = step;
	let_go(late, step);
}

/* A row was judged on the series itself. */
void
wb_late_window_follow(WbLateWindow *late, int64 step, float8 value)
{
	int			index = find_stretch(late, step);

	if (index >= 0 && late->stretches[index]->high >= step)
		put(late, index, step, value);
}
