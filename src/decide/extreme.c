/*-------------------------------------------------------------------------
 *
 * extreme.c
 *		Minimum and maximum of a window that moves.
 *
 * Kept are the values that no later one beats, oldest first: the first is the
 * extreme, and each value is put in once and taken out once.  Of equal values
 * the oldest counts, as in metric_rule.c, so the result is the very same, the
 * sign of a zero included.  NaN is not kept.
 *
 * IDENTIFICATION
 *		src/decide/extreme.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "decide/running.h"
#include "utils/float.h"
#include "utils/memutils.h"

#define FIRST_ALLOCATED	16

static inline WbRecord *
record_at(const WbExtreme *extreme, int index)
{
	return &extreme->records[(extreme->first + index) &
							 (extreme->allocated - 1)];
}

/* Twice the room, and the ring starts at the front of it. */
static void
grow(WbExtreme *extreme, MemoryContext context)
{
	WbRecord   *records = MemoryContextAlloc(context, sizeof(WbRecord) *
											 Max(FIRST_ALLOCATED,
												 2 * extreme->allocated));

	for (int i = 0; i < extreme->count; i++)
		records[i] = *record_at(extreme, i);
	if (extreme->records != NULL)
		pfree(extreme->records);
	extreme->records = records;
	extreme->allocated = Max(FIRST_ALLOCATED, 2 * extreme->allocated);
	extreme->first = 0;
}

/* A value enters the window. */
static void
enter(WbRunning *running, const WbSeries *series, int distance)
{
	WbExtreme  *extreme = &running->u.extreme;
	bool		is_max = running->shape.kind == WB_RUNNING_MAX;
	float8		value = wb_series_value(series, distance);

	if (isnan(value))
		return;
	while (extreme->count > 0)
	{
		float8		last = record_at(extreme, extreme->count - 1)->value;

		if (!(is_max ? value > last : value < last))
			break;
		extreme->count--;
	}
	if (extreme->count == extreme->allocated)
		grow(extreme, series->context);
	*record_at(extreme, extreme->count) = (WbRecord)
	{
		series->newest_number - distance, value
	};
	extreme->count++;
}

/* Look at a whole window. */
void
wb_extreme_start(WbRunning *running, const WbSeries *series)
{
	WbExtreme  *extreme = &running->u.extreme;

	extreme->first = 0;
	extreme->count = 0;
	for (int i = running->shape.size - 1; i >= 0; i--)
		enter(running, series, running->shape.skipped + i);
}

/* The window moved by one point. */
void
wb_extreme_move(WbRunning *running, const WbSeries *series)
{
	WbExtreme  *extreme = &running->u.extreme;
	int			left = running->shape.skipped + running->shape.size;

	if (extreme->count > 0 &&
		record_at(extreme, 0)->number == series->newest_number - left)
	{
		extreme->first = (extreme->first + 1) & (extreme->allocated - 1);
		extreme->count--;
	}
	enter(running, series, running->shape.skipped);
}

/* The extreme, which is exact; NaN where there is no number. */
WbRange
wb_extreme_range(const WbExtreme *extreme)
{
	float8		value = extreme->count == 0 ? get_float8_nan() :
	record_at(extreme, 0)->value;

	return (WbRange)
	{
		value, value
	};
}
