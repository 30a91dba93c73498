/*-------------------------------------------------------------------------
 *
 * rule_out.c
 *		Rules out that a rule holds, without a look at its whole window.
 *
 * Nearly every row of a training run makes no rule hold.  The running windows
 * give each figure of a rule as a range in which it lies for certain.  Where
 * no figures out of these ranges make the rule hold, it does not; in every
 * other case the values themselves are judged (metric_rule.c).  So this file
 * decides nothing but "no", and the answer is always the one that the values
 * would give.
 *
 * Subtraction and division round monotonically, so their ends are those of the
 * operands' ranges, with no further error to add.  A comparison with NaN is
 * false here as there.
 *
 * IDENTIFICATION
 *		src/decide/rule_out.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "decide/running.h"

/* Ranges of WbFigures, and the running windows that they are from. */
typedef struct Ranges
{
	WbRange		prior;
	WbRange		spread;
	WbRange		current;
	int			count;
	WbRunning  *running[2];
} Ranges;

static inline bool
is_exact(WbRange range)
{
	return range.low == range.high || isnan(range.low);
}

static inline WbRange
exactly(float8 value)
{
	return (WbRange)
	{
		value, value
	};
}

static WbRunning *
find_running(Ranges *ranges, WbSeries *series, WbRunningKind kind,
			 int skipped, int size)
{
	WbRunning  *running = wb_running_find(series, kind, skipped, size);

	if (running != NULL)
		ranges->running[ranges->count++] = running;
	return running;
}

/* The range of an aggregate of one window; false where nothing is known. */
static bool
find_range(Ranges *ranges, WbSeries *series, WbAggregate aggregate,
		   int skipped, int size, WbRange *range)
{
	WbRunning  *running;

	if (aggregate == WB_AGGREGATE_LAST || size == 1)
	{
		*range = exactly(wb_series_value(series, skipped));
		return true;
	}
	if (aggregate == WB_AGGREGATE_AVERAGE)
	{
		running = find_running(ranges, series, WB_RUNNING_MOMENTS, skipped,
							   size);
		return running != NULL &&
			wb_moments_average(&running->u.moments, size, range);
	}
	running = find_running(ranges, series, aggregate == WB_AGGREGATE_MAX ?
						   WB_RUNNING_MAX : WB_RUNNING_MIN, skipped, size);
	if (running != NULL)
		*range = wb_extreme_range(&running->u.extreme);
	return running != NULL;
}

static bool
find_baseline(Ranges *ranges, const WbCandidate *candidate, WbSeries *series)
{
	const WbRule *rule = candidate->automation->rule;
	WbRunning  *running;

	if (rule->is_against_runs)
	{
		ranges->prior = exactly(candidate->baseline_average);
		ranges->spread = exactly(candidate->baseline_deviation);
		return true;
	}
	running = find_running(ranges, series, WB_RUNNING_MOMENTS, 1,
						   rule->prior_size);
	return running != NULL &&
		wb_moments_average(&running->u.moments, rule->prior_size,
						   &ranges->prior) &&
		wb_moments_deviation(&running->u.moments, rule->prior_size,
							 &ranges->spread);
}

static bool
find_ranges(Ranges *ranges, const WbCandidate *candidate, WbSeries *series)
{
	const WbRule *rule = candidate->automation->rule;
	WbAggregate aggregate = rule->aggregate;

	switch (rule->condition)
	{
		case WB_CONDITION_THRESHOLD:
			return find_range(ranges, series, aggregate, 0, rule->current_size,
							  &ranges->current);
		case WB_CONDITION_ZSCORE:
			ranges->current = exactly(wb_series_value(series, 0));
			return find_baseline(ranges, candidate, series);
		case WB_CONDITION_PLATEAU:
			aggregate = rule->is_maximized ? WB_AGGREGATE_MAX :
				WB_AGGREGATE_MIN;
			break;
		case WB_CONDITION_CHANGE:
			break;
	}
	return find_range(ranges, series, aggregate, rule->current_size,
					  rule->prior_size, &ranges->prior) &&
		find_range(ranges, series, aggregate, 0, rule->current_size,
				   &ranges->current);
}

/* May a number out of a range compare so? */
static bool
may_compare(WbComparison comparison, WbRange range, float8 threshold)
{
	if (comparison == WB_COMPARISON_EQ)
		return range.low <= threshold && threshold <= range.high;
	if (comparison == WB_COMPARISON_NE)
		return !is_exact(range) || range.low != threshold;
	return wb_metric_compare(comparison, range.low, threshold) ||
		wb_metric_compare(comparison, range.high, threshold);
}

/* The range of (current - prior) / size, whose range is not below zero. */
static WbRange
quotient(WbRange difference, WbRange size)
{
	return (WbRange)
	{
		difference.low / (difference.low < 0 ? size.low : size.high),
			difference.high / (difference.high > 0 ? size.low : size.high)
	};
}

static WbRange
magnitude(WbRange range)
{
	if (range.low > 0)
		return range;
	return (WbRange)
	{
		Max(-range.high, 0), Max(-range.low, range.high)
	};
}

static bool
may_reach(WbDirection direction, WbRange range, float8 amount)
{
	return (direction != WB_DIRECTION_DECREASE && range.high >= amount) ||
		(direction != WB_DIRECTION_INCREASE && range.low <= -amount);
}

static bool
may_hold(const WbRule *rule, const Ranges *ranges)
{
	WbFigures	figures = {ranges->prior.low, ranges->spread.low,
	ranges->current.low};
	WbRange		difference = {ranges->current.low - ranges->prior.high,
	ranges->current.high - ranges->prior.low};
	float8		observed;

	if (is_exact(ranges->prior) && is_exact(ranges->spread) &&
		is_exact(ranges->current))
		return wb_metric_rule_compare(rule, &figures, &observed);
	switch (rule->condition)
	{
		case WB_CONDITION_THRESHOLD:
			return may_compare(rule->comparison, ranges->current,
							   rule->threshold);
		case WB_CONDITION_CHANGE:
			return may_reach(rule->direction, rule->is_relative ?
							 quotient(difference, magnitude(ranges->prior)) :
							 difference, rule->threshold);
		case WB_CONDITION_ZSCORE:
			return may_reach(rule->direction,
							 quotient(difference, ranges->spread),
							 rule->threshold);
		case WB_CONDITION_PLATEAU:
			break;
	}
	return true;
}

/*
 * Is it certain that a rule does not hold at the newest point of a series?
 * There must be a full window, and a baseline where the rule asks for one.
 */
bool
wb_rule_is_out(const WbCandidate *candidate, WbSeries *series)
{
	const WbRule *rule = candidate->automation->rule;
	Ranges		ranges = {0};
	bool		is_known;
	float8		observed;

	if (!rule->is_against_runs && wb_metric_rule_size(rule) <= WB_EXACT_SIZE)
	{
		float8		values[WB_EXACT_SIZE];

		wb_series_copy_window(series, wb_metric_rule_size(rule), values);
		return !wb_metric_rule_holds(rule, values, &observed);
	}
	is_known = find_ranges(&ranges, candidate, series);
	if (is_known && !may_hold(rule, &ranges))
		return true;
	for (int i = 0; i < ranges.count; i++)
		wb_running_doubt(ranges.running[i]);
	return false;
}
