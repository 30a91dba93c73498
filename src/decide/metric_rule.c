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

float8
wb_metric_average(const float8 *values, int count)
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
float8
wb_metric_deviation(const float8 *values, int count)
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
			return wb_metric_average(values, count);
		case WB_AGGREGATE_MIN:
			return extreme(values, count, false);
		case WB_AGGREGATE_MAX:
			return extreme(values, count, true);
		case WB_AGGREGATE_LAST:
			break;
	}
	return values[count - 1];
}

/* Does what was observed compare so with a threshold? */
bool
wb_metric_compare(WbComparison comparison, float8 observed, float8 threshold)
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
change(const WbRule *rule, const WbFigures *figures)
{
	float8		difference = figures->current - figures->prior;

	if (!rule->is_relative)
		return difference;
	return figures->current == figures->prior ? 0 :
		difference / fabs(figures->prior);
}

/*
 * How many deviations the newest value is from the mean of those before it.
 * Where they are all the same, any other value is infinitely far.
 */
static float8
zscore(const WbFigures *figures)
{
	if (figures->spread == 0 && figures->current == figures->prior)
		return 0;
	return (figures->current - figures->prior) / figures->spread;
}

/* How many values of its own run a rule looks at. */
int
wb_metric_rule_size(const WbRule *rule)
{
	return rule->current_size + (rule->is_against_runs ? 0 : rule->prior_size);
}

/*
 * Does a rule hold of these figures?  "observed" is what was compared, whether
 * or not it does.
 */
bool
wb_metric_rule_compare(const WbRule *rule, const WbFigures *figures,
					   float8 *observed)
{
	switch (rule->condition)
	{
		case WB_CONDITION_THRESHOLD:
			*observed = figures->current;
			return wb_metric_compare(rule->comparison, *observed,
									 rule->threshold);
		case WB_CONDITION_CHANGE:
			*observed = change(rule, figures);
			return reaches(rule->direction, *observed, rule->threshold);
		case WB_CONDITION_ZSCORE:
			*observed = zscore(figures);
			return reaches(rule->direction, *observed, rule->threshold);
		case WB_CONDITION_PLATEAU:
			/* by how much the best of the prior window was beaten */
			*observed = rule->is_maximized ?
				figures->current - figures->prior :
				figures->prior - figures->current;
			return *observed < rule->threshold * fabs(figures->prior);
	}
	return false;
}

/*
 * Judge a full window: prior_size values and then current_size, oldest first.
 * As wb_metric_rule_compare.
 */
bool
wb_metric_rule_holds(const WbRule *rule, const float8 *values,
					 float8 *observed)
{
	const float8 *newest = values + rule->prior_size;
	WbFigures	figures = {0};

	switch (rule->condition)
	{
		case WB_CONDITION_CHANGE:
			figures.prior = aggregate(rule->aggregate, values,
									  rule->prior_size);
			/* FALLTHROUGH */
		case WB_CONDITION_THRESHOLD:
			figures.current = aggregate(rule->aggregate, newest,
										rule->current_size);
			break;
		case WB_CONDITION_ZSCORE:
			figures.prior = wb_metric_average(values, rule->prior_size);
			figures.spread = wb_metric_deviation(values, rule->prior_size);
			figures.current = *newest;
			break;
		case WB_CONDITION_PLATEAU:
			figures.prior = extreme(values, rule->prior_size,
									rule->is_maximized);
			figures.current = extreme(newest, rule->current_size,
									  rule->is_maximized);
			break;
	}
	return wb_metric_rule_compare(rule, &figures, observed);
}
