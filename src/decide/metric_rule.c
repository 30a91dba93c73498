/*-------------------------------------------------------------------------
 *
 * metric_rule.c
 *		Does a window of values meet a rule?
 *
 * Arithmetic is IEEE 754, and so are the comparisons: NaN satisfies none but
 * "not equal".  SQL's own order, in which NaN is the greatest number, must
 * never be used here.  An aggregate is one of the numbers that are in its
 * window: a NaN has its place there, counts towards the size of the window,
 * and is left out of what is computed.  Where no number is left there is no
 * verdict.  An average is the sum in the order of the values over their count,
 * and a deviation follows the same order, as PostgreSQL's avg and stddev_samp
 * of float8 have it, except that an overflow gives Infinity and raises
 * nothing, and that numbers which are all the same have that number as their
 * average and no deviation, whatever the sum would be rounded to.
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

/*
 * The average of the numbers among values.  False where there is none.
 */
bool
wb_metric_average(const float8 *values, int count, float8 *average)
{
	float8		sum = 0;
	float8		first = get_float8_nan();
	bool		is_constant = true;
	int			numbers = 0;

	for (int i = 0; i < count; i++)
	{
		if (isnan(values[i]))
			continue;
		if (numbers++ == 0)
			first = values[i];
		else if (values[i] != first)
			is_constant = false;
		sum += values[i];
	}
	*average = is_constant ? first : sum / numbers;
	return numbers > 0;
}

/* The smallest of the numbers, or the largest; false where there is none. */
static bool
extreme(const float8 *values, int count, bool is_max, float8 *found)
{
	*found = get_float8_nan();
	for (int i = 0; i < count; i++)
	{
		if (isnan(*found) ||
			(is_max ? values[i] > *found : values[i] < *found))
			*found = values[i];
	}
	return !isnan(*found);
}

/*
 * The sample deviation of the numbers among values, by the method of Youngs
 * and Cramer, which is the server's own.  One that is infinite makes it NaN.
 * False where there are fewer than two.
 */
bool
wb_metric_deviation(const float8 *values, int count, float8 *deviation)
{
	float8		sum = 0;
	float8		squares = 0;
	float8		first = 0;
	bool		is_finite = true;
	bool		is_constant = true;
	int			numbers = 0;

	for (int i = 0; i < count; i++)
	{
		float8		difference;

		if (isnan(values[i]))
			continue;
		is_finite = is_finite && !isinf(values[i]);
		sum += values[i];
		if (numbers++ == 0)
		{
			first = values[i];
			continue;
		}
		is_constant = is_constant && values[i] == first;
		difference = values[i] * numbers - sum;
		squares += difference * difference /
			((float8) (numbers - 1) * numbers);
	}
	if (!is_finite)
		*deviation = get_float8_nan();
	else
		*deviation = is_constant ? 0 : sqrt(squares / (numbers - 1));
	return numbers > 1;
}

/* False where there is no number to make it of. */
static bool
aggregate(WbAggregate kind, const float8 *values, int count, float8 *figure)
{
	switch (kind)
	{
		case WB_AGGREGATE_AVERAGE:
			return wb_metric_average(values, count, figure);
		case WB_AGGREGATE_MIN:
			return extreme(values, count, false, figure);
		case WB_AGGREGATE_MAX:
			return extreme(values, count, true, figure);
		case WB_AGGREGATE_LAST:
			break;
	}
	*figure = values[count - 1];
	return true;
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
 * The figures of a full window: prior_size values and then current_size,
 * oldest first.  False where there are too few numbers for a verdict.
 */
bool
wb_metric_rule_compute(const WbRule *rule, const float8 *values,
					   WbFigures *figures)
{
	const float8 *newest = values + rule->prior_size;

	*figures = (WbFigures)
	{
		0
	};
	switch (rule->condition)
	{
		case WB_CONDITION_THRESHOLD:
			break;
		case WB_CONDITION_CHANGE:
			if (!aggregate(rule->aggregate, values, rule->prior_size,
						   &figures->prior))
				return false;
			break;
		case WB_CONDITION_ZSCORE:
			figures->current = *newest;
			return wb_metric_average(values, rule->prior_size,
									 &figures->prior) &&
				wb_metric_deviation(values, rule->prior_size,
									&figures->spread);
		case WB_CONDITION_PLATEAU:
			return extreme(values, rule->prior_size, rule->is_maximized,
						   &figures->prior) &&
				extreme(newest, rule->current_size, rule->is_maximized,
						&figures->current);
	}
	return aggregate(rule->aggregate, newest, rule->current_size,
					 &figures->current);
}

/*
 * Judge a full window, as wb_metric_rule_compute and wb_metric_rule_compare.
 * "observed" is NaN where there is no verdict.
 */
bool
wb_metric_rule_holds(const WbRule *rule, const float8 *values,
					 float8 *observed)
{
	WbFigures	figures;

	*observed = get_float8_nan();
	return wb_metric_rule_compute(rule, values, &figures) &&
		wb_metric_rule_compare(rule, &figures, observed);
}
