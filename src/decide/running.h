/*-------------------------------------------------------------------------
 *
 * running.h
 *		Aggregates of a window that follow the series from value to value.
 *
 * Private to series.c, running.c, moments.c, extreme.c and rule_out.c.  They
 * live in the memory context of their series and are thrown away with it.
 *
 * IDENTIFICATION
 *		src/decide/running.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef WB_RUNNING_H
#define WB_RUNNING_H

#include "decide/decide.h"

/*
 * What is known of a number: it lies between these two, ends included, and is
 * the one where they are the same.  NaN stands at both ends.
 */
typedef struct WbRange
{
	float8		low;
	float8		high;
} WbRange;

/* How many values of a window are in no sum. */
typedef struct WbOutliers
{
	int			nans;
	int			infinities;
	int			minus_infinities;
	int			huge;			/* finite, but squares might overflow */
} WbOutliers;

/* Sum and squares of the values of a window; see moments.c. */
typedef struct WbMoments
{
	WbOutliers	outliers;
	float8		shift;			/* taken from each value before it is added */
	float8		sum;
	float8		squares;
	float8		largest;		/* of all |value| since the start */
	float8		reach;			/* of all |value - shift| since the start */
} WbMoments;

typedef struct WbRecord
{
	int64		number;			/* of the point, in order of arrival */
	float8		value;
} WbRecord;

/* The values that are, or may become, a window's extreme; see extreme.c. */
typedef struct WbExtreme
{
	int			allocated;		/* a power of two */
	int			first;
	int			count;
	WbRecord   *records;		/* a ring */
} WbExtreme;

typedef enum WbRunningKind
{
	WB_RUNNING_MOMENTS,
	WB_RUNNING_MIN,
	WB_RUNNING_MAX
} WbRunningKind;

/* "size" values before the newest "skipped" ones, and what is asked of them. */
typedef struct WbShape
{
	WbRunningKind kind;
	int			skipped;
	int			size;
} WbShape;

/* Rules that ask for the same shape share one of these. */
typedef struct WbRunning
{
	WbShape		shape;
	bool		is_valid;
	bool		is_wanted;		/* asked for since the last point */
	int			moves;			/* of moments, since they were started */
	union
	{
		WbMoments	moments;
		WbExtreme	extreme;
	}			u;
} WbRunning;

/* The value at a distance from the newest point. */
static inline float8
wb_series_value(const WbSeries *series, int distance)
{
	return series->points[series->start + series->count - 1 - distance].value;
}

/* decide/extreme.c */
extern void wb_extreme_start(WbRunning *running, const WbSeries *series);
extern void wb_extreme_move(WbRunning *running, const WbSeries *series);
extern WbRange wb_extreme_range(const WbExtreme *extreme);

/* decide/moments.c */
extern void wb_moments_start(WbRunning *running, const WbSeries *series);
extern void wb_moments_move(WbRunning *running, const WbSeries *series);
extern bool wb_moments_average(const WbMoments *moments, int size,
							   WbRange *range);
extern bool wb_moments_deviation(const WbMoments *moments, int size,
								 WbRange *range);

/* decide/running.c */
extern void wb_running_follow(WbSeries *series);
extern void wb_running_void(WbSeries *series, int distance);
extern WbRunning *wb_running_find(WbSeries *series, WbRunningKind kind,
								  int skipped, int size);
extern void wb_running_doubt(WbRunning *running);

#endif							/* WB_RUNNING_H */
