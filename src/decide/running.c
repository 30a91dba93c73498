/*-------------------------------------------------------------------------
 *
 * running.c
 *		The running windows of a series: found by their shape, moved with each
 *		point at the end, void after any other.
 *
 * A window that nobody asked for since the last point is void too, so a rule
 * that is gone costs nothing.  What is void is started anew when it is asked
 * for, with one pass over the window.
 *
 * A window that has moved as often as it has values is started anew: that
 * bounds what rounding adds up to, see moments.c, and costs a constant per
 * value.
 *
 * IDENTIFICATION
 *		src/decide/running.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "decide/running.h"
#include "utils/memutils.h"

static void
start(WbRunning *running, const WbSeries *series)
{
	if (running->shape.kind == WB_RUNNING_MOMENTS)
		wb_moments_start(running, series);
	else
		wb_extreme_start(running, series);
	running->moves = 0;
	running->is_valid = true;
}

static void
move(WbRunning *running, const WbSeries *series)
{
	int			left = running->shape.skipped + running->shape.size;

	if (series->count <= left)
		running->is_valid = false;
	else if (running->shape.kind != WB_RUNNING_MOMENTS)
		wb_extreme_move(running, series);
	else if (running->moves++ < running->shape.size)
		wb_moments_move(running, series);
	else
		running->is_valid = false;
}

/* A point was appended; the one that leaves a window is still there. */
void
wb_running_follow(WbSeries *series)
{
	series->is_late = false;
	for (int i = 0; i < series->running_count; i++)
	{
		WbRunning  *running = series->running[i];

		if (running->is_valid && running->is_wanted)
			move(running, series);
		else
			running->is_valid = false;
		running->is_wanted = false;
	}
}

/* A point was changed or squeezed in, at a distance from the newest. */
void
wb_running_void(WbSeries *series, int distance)
{
	series->is_late = true;
	for (int i = 0; i < series->running_count; i++)
	{
		WbRunning  *running = series->running[i];

		if (distance < running->shape.skipped + running->shape.size)
			running->is_valid = false;
	}
}

static WbRunning *
add(WbSeries *series, WbShape shape)
{
	WbRunning  *running = MemoryContextAllocZero(series->context,
												 sizeof(WbRunning));
	Size		room = sizeof(WbRunning *) * (series->running_count + 1);

	running->shape = shape;
	series->running = series->running == NULL ?
		MemoryContextAlloc(series->context, room) :
		repalloc(series->running, room);
	series->running[series->running_count++] = running;
	return running;
}

/* Rules come in the same order with each point: look where the last ended. */
static WbRunning *
look_up(WbSeries *series, WbShape shape)
{
	for (int i = 0; i < series->running_count; i++)
	{
		WbRunning  *running;

		if (series->running_next >= series->running_count)
			series->running_next = 0;
		running = series->running[series->running_next++];
		if (running->shape.size == shape.size &&
			running->shape.skipped == shape.skipped &&
			running->shape.kind == shape.kind)
			return running;
	}
	return NULL;
}

/*
 * The running window of a shape; the series must have that many points.  NULL
 * where it is void and the newest row came late: so may the next, and to start
 * a window for a single row is dearer than to judge that row from its values.
 */
WbRunning *
wb_running_find(WbSeries *series, WbRunningKind kind, int skipped, int size)
{
	WbShape		shape = {kind, skipped, size};
	WbRunning  *running = look_up(series, shape);

	Assert(series->count >= skipped + size);
	if (running == NULL)
		running = add(series, shape);
	running->is_wanted = true;
	if (!running->is_valid)
	{
		if (series->is_late)
			return NULL;
		start(running, series);
	}
	return running;
}

/*
 * A range was too wide to tell.  Values that have left may be the reason, and
 * a new start forgets them; not too often, because it costs a pass.
 */
void
wb_running_doubt(WbRunning *running)
{
	if (running->shape.kind == WB_RUNNING_MOMENTS &&
		running->moves > running->shape.size / 8)
		running->is_valid = false;
}
