/*-------------------------------------------------------------------------
 *
 * metric_rule.c
 *		Does a window of values meet a rule?
 *
 * Arithmetic is IEEE 754, and so are the comparisons: NaN satisfies none but
 * "not equal".  SQL's own order, in which NaN is the greatest number, must
 * never be used here.  An average is the sum in the order of the values over
 * their count, as PostgreSQL's avg(float8) has it, except that an overflow
 * gives Infinity and raises nothing.
 *
 * IDENTIFICATION
 *		src/decide/metric_rule.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "decide/decide.h"

static float8
average(const float8 *values, int count)
{
	float8		sum = 0;

	for (int i = 0; i < count; i++)
		sum += values[i];
	return sum / count;
}

/* The smallest value, or the largest; NaN where any value is NaN. */
static float8
extreme(const float8 *values, int count, bool is_max)
{
	float8		found = values[0];

	for (int i = 0; i < count; i++)
	{
		if (isnan(values[i]))
			return values[i];
		if (is_max ? values[i] > found : values[i] < found)
			found = values[i];
	}
	return found;
}

static float8
aggregate(WbAggregate kind, const float8 *values, int count)
{
	switch (kind)
	{
		case WB_AGGREGATE_AVERAGE:
			return average(values, count);
		case WB_AGGREGATE_MIN:
			return extreme(values, count, false);
		case WB_AGGREGATE_MAX:
			return extreme(values, count, true);
		case WB_AGGREGATE_LAST:
			break;
	}
	return values[count - 1];
}

/*
 * Judge a full window: rule->window_size values, oldest first.  "observed" is
 * what was compared, whether or not the rule holds.
 */
bool
wb_metric_rule_holds(const WbRule *rule, const float8 *values,
					 float8 *observed)
{
	*observed = aggregate(rule->aggregate, values, rule->window_size);
	switch (rule->comparison)
	{
		case WB_COMPARISON_GT:
			return *observed > rule->threshold;
		case WB_COMPARISON_GTE:
			return *observed >= rule->threshold;
		case WB_COMPARISON_LT:
			return *observed < rule->threshold;
		case WB_COMPARISON_LTE:
			return *observed <= rule->threshold;
		case WB_COMPARISON_EQ:
			return *observed == rule->threshold;
		case WB_COMPARISON_NE:
			return *observed != rule->threshold;
		case WB_COMPARISON_IS_NAN:
			return isnan(*observed);
	}
	return false;
}
