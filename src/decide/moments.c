/*-------------------------------------------------------------------------
 *
 * moments.c
 *		Average and deviation of a window, within bounds, at a cost that does
 *		not depend on its size.
 *
 * What a rule compares is the result of adding up the window from its oldest
 * value to its newest (metric_rule.c); a sum that follows the window rounds
 * otherwise.  So nothing here is ever shown or compared as if it were the
 * result: all that is given is a range in which the result lies for certain.
 * Whoever changes the arithmetic must derive the bounds anew; the derivation
 * is docs/decisions/010-running-windows.md.
 *
 * In short: n values, |value| <= L and |value - shift| <= R since the start.
 * A start adds n values, and there are at most n moves of two operations, so
 * each sum has seen at most 3n roundings of sums of at most n + 1 values.  To
 * that comes what the sequential result is off by itself.
 *
 * NaN is left out of the result, so n is then the number of the others; the
 * sums have seen no fewer roundings than those bounds allow for, as they are
 * taken for the whole size.  Where all values since the start are the shift,
 * the result is known exactly.  Infinities, and values so large that a square
 * might overflow, are counted and not added.
 *
 * IDENTIFICATION
 *		src/decide/moments.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "decide/running.h"
#include "utils/float.h"

#define LARGEST_ADDED	1e140

/* More than all that underflow can take away; of an average, of squares. */
#define TINY			1e-300
#define TINY_ROOT		1e-150

/* May a value be added?  If not, it is counted. */
static inline bool
is_added(WbOutliers *outliers, float8 value, int count)
{
	if (likely(fabs(value) <= LARGEST_ADDED))
		return true;
	if (isnan(value))
		outliers->nans += count;
	else if (!isinf(value))
		outliers->huge += count;
	else if (value > 0)
		outliers->infinities += count;
	else
		outliers->minus_infinities += count;
	return false;
}

static inline void
add(WbMoments *moments, float8 value)
{
	float8		rest = value - moments->shift;

	moments->sum += rest;
	moments->squares += rest * rest;
	moments->largest = Max(moments->largest, fabs(value));
	moments->reach = Max(moments->reach, fabs(rest));
}

static inline void
take_away(WbMoments *moments, float8 value)
{
	float8		rest = value - moments->shift;

	moments->sum -= rest;
	moments->squares -= rest * rest;
}

/* A value of the window that may be added, the newest if possible; or 0. */
static float8
find_shift(const WbRunning *running, const WbSeries *series)
{
	for (int i = 0; i < running->shape.size; i++)
	{
		float8		value = wb_series_value(series,
											running->shape.skipped + i);

		if (fabs(value) <= LARGEST_ADDED)
			return value;
	}
	return 0;
}

/* Add up a whole window. */
void
wb_moments_start(WbRunning *running, const WbSeries *series)
{
	WbMoments  *moments = &running->u.moments;

	memset(moments, 0, sizeof(WbMoments));
	moments->shift = find_shift(running, series);
	for (int i = running->shape.size - 1; i >= 0; i--)
	{
		float8		value = wb_series_value(series,
											running->shape.skipped + i);

		if (is_added(&moments->outliers, value, 1))
			add(moments, value);
	}
}

/* The window moved by one point. */
void
wb_moments_move(WbRunning *running, const WbSeries *series)
{
	WbMoments  *moments = &running->u.moments;
	float8		entered = wb_series_value(series, running->shape.skipped);
	float8		left = wb_series_value(series, running->shape.skipped +
									   running->shape.size);

	if (is_added(&moments->outliers, entered, 1))
		add(moments, entered);
	if (is_added(&moments->outliers, left, -1))
		take_away(moments, left);
}

static inline WbRange
range_of(float8 low, float8 high)
{
	return (WbRange)
	{
		low, high
	};
}

static inline WbRange
no_number(void)
{
	return range_of(get_float8_nan(), get_float8_nan());
}

/*
 * The range of the average as metric_rule.c computes it, of "size" values of
 * which some may be NaN; false where nothing is known.
 */
bool
wb_moments_average(const WbMoments *moments, int size, WbRange *range)
{
	const WbOutliers *outliers = &moments->outliers;
	int			numbers = size - outliers->nans;
	float8		average;
	float8		error;

	if (numbers == 0 ||
		(outliers->infinities > 0 && outliers->minus_infinities > 0))
		*range = no_number();
	else if (outliers->huge > 0)
		return false;
	else if (outliers->infinities > 0)
		*range = range_of(get_float8_infinity(), get_float8_infinity());
	else if (outliers->minus_infinities > 0)
		*range = range_of(-get_float8_infinity(), -get_float8_infinity());
	else if (moments->reach == 0)
		*range = range_of(moments->shift, moments->shift);
	else
	{
		average = moments->shift + moments->sum / numbers;
		error = DBL_EPSILON * (size + 4) *
			(2 * moments->reach + moments->largest) * size / numbers + TINY;
		*range = range_of(average - error, average + error);
	}
	return true;
}

/* As wb_moments_average, for the deviation. */
bool
wb_moments_deviation(const WbMoments *moments, int size, WbRange *range)
{
	const WbOutliers *outliers = &moments->outliers;
	int			numbers = size - outliers->nans;
	float8		n = size;
	float8		squares;
	float8		error;

	if (numbers < 2 || outliers->infinities > 0 ||
		outliers->minus_infinities > 0)
		*range = no_number();
	else if (outliers->huge > 0)
		return false;
	else if (moments->reach == 0)
		*range = range_of(0, 0);
	else
	{
		squares = moments->squares - moments->sum * moments->sum / numbers;
		error = (5 * DBL_EPSILON * (n + 2) * (n + 2) *
				 moments->reach * moments->reach) * n / numbers + TINY;
		range->low = sqrt(Max(squares - error, 0) / (numbers - 1));
		range->high = sqrt(Max(squares + error, 0) / (numbers - 1));
		error = DBL_EPSILON * (n + 8) * (moments->largest + moments->reach +
										 range->high) + TINY_ROOT;
		range->low = Max(range->low - error, 0);
		range->high += error;
	}
	return true;
}
