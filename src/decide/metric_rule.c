/*-------------------------------------------------------------------------
 *
 * metric_rule.c
 *		Does a window of values meet a rule?
 *
 * Arithmetic is IEEE 754, and so are the comparisons: NaN satisfies none but
 * "not equal".  SQL's own order, in which NaN is the greatest number, must
 * never be used here.  An average is the sum in the order of the values over
 * their count, and a deviation follows the same order, as PostgreSQL's avg
 * and stddev_samp of float8 have it, except that an overflow gives Infinity
 * and raises nothing.
 *
 * IDENTIFICATION
 *		src/decide/metric_rule.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "decide/decide.h"
#include "utils/float.h"

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

/*
 * The sample deviation by the method of Youngs and Cramer, which is the
 * server's own.  A value that is not finite makes it NaN.
 */
static float8
deviation(const float8 *values, int count)
{
	float8		sum = 0;
	float8		squares = 0;

	for (int i = 0; i < count; i++)
	{
		float8		difference;

		if (!isfinite(values[i]))
			return get_float8_nan();
		sum += values[i];
		if (i == 0)
			continue;
		difference = values[i] * (i + 1) - sum;
		squares += difference * difference / ((float8) i * (i + 1));
	}
	return sqrt(squares / (count - 1));
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

static bool
compare(WbComparison comparison, float8 observed, float8 threshold)
{
	switch (comparison)
	{
		case WB_COMPARISON_GT:
			return observed > threshold;
		case WB_COMPARISON_GTE:
			return observed >= threshold;
		case WB_COMPARISON_LT:
			return observed < threshold;
		case WB_COMPARISON_LTE:
			return observed <= threshold;
		case WB_COMPARISON_EQ:
			return observed == threshold;
		case WB_COMPARISON_NE:
			return observed != threshold;
		case WB_COMPARISON_IS_NAN:
			return isnan(observed);
		case WB_COMPARISON_IS_NOT_FINITE:
			return !isfinite(observed);
	}
	return false;
}

/* Does a difference reach an amount in a direction?  NaN never does. */
static bool
reaches(WbDirection direction, float8 difference, float8 amount)
{
	switch (direction)
	{
		case WB_DIRECTION_INCREASE:
			return difference >= amount;
		case WB_DIRECTION_DECREASE:
			return difference <= -amount;
		case WB_DIRECTION_ANY:
			break;
	}
	return fabs(difference) >= amount;
}

/*
 * How far the newer window is from the one before it.  As a fraction it is of
 * the size of the prior value, so that the sign keeps its meaning for negative
 * metrics; against zero any change is infinite.
 */
static float8
change(const WbRule *rule, const float8 *values)
{
	float8		prior = aggregate(rule->aggregate, values, rule->prior_size);
	float8		current = aggregate(rule->aggregate, values + rule->prior_size,
									rule->current_size);

	if (!rule->is_relative)
		return current - prior;
	return current == prior ? 0 : (current - prior) / fabs(prior);
}

/*
 * How many deviations the newest value is from the mean of those before it.
 * Where they are all the same, any other value is infinitely far.
 */
static float8
zscore(const WbRule *rule, const float8 *values)
{
	float8		newest = values[rule->prior_size];
	float8		mean = average(values, rule->prior_size);
	float8		spread = deviation(values, rule->prior_size);

	if (spread == 0 && newest == mean)
		return 0;
	return (newest - mean) / spread;
}

/* By how much the best value of the prior window was beaten. */
static float8
improvement(const WbRule *rule, const float8 *values)
{
	float8		prior = extreme(values, rule->prior_size, rule->is_maximized);
	float8		current = extreme(values + rule->prior_size,
								  rule->current_size, rule->is_maximized);

	return rule->is_maximized ? current - prior : prior - current;
}

static bool
has_plateau(const WbRule *rule, const float8 *values, float8 gained)
{
	float8		prior = extreme(values, rule->prior_size, rule->is_maximized);

	return gained < rule->threshold * fabs(prior);
}

/* How many values of its own run a rule looks at. */
int
wb_metric_rule_size(const WbRule *rule)
{
	return rule->current_size + (rule->is_against_runs ? 0 : rule->prior_size);
}

/*
 * Judge a full window: prior_size values and then current_size, oldest first.
 * "observed" is what was compared, whether or not the rule holds.
 */
bool
wb_metric_rule_holds(const WbRule *rule, const float8 *values,
					 float8 *observed)
{
	switch (rule->condition)
	{
		case WB_CONDITION_THRESHOLD:
			*observed = aggregate(rule->aggregate, values, rule->current_size);
			return compare(rule->comparison, *observed, rule->threshold);
		case WB_CONDITION_CHANGE:
			*observed = change(rule, values);
			return reaches(rule->direction, *observed, rule->threshold);
		case WB_CONDITION_ZSCORE:
			*observed = zscore(rule, values);
			return reaches(rule->direction, *observed, rule->threshold);
		case WB_CONDITION_PLATEAU:
			*observed = improvement(rule, values);
			return has_plateau(rule, values, *observed);
	}
	return false;
}
