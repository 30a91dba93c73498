/*-------------------------------------------------------------------------
 *
 * sentence.c
 *		Says in one sentence why an automation fired.
 *
 * The sentence stands in history and in messages.  It names the metric, what
 * was observed, what was asked for and the step, so that a reader can check it
 * with plain SQL.
 *
 * IDENTIFICATION
 *		src/decide/sentence.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "decide/decide.h"

static const char *const comparison_words[] = {
	[WB_COMPARISON_GT] = "above",
	[WB_COMPARISON_GTE] = "at or above",
	[WB_COMPARISON_LT] = "below",
	[WB_COMPARISON_LTE] = "at or below",
	[WB_COMPARISON_EQ] = "equal to",
	[WB_COMPARISON_NE] = "not equal to",
	[WB_COMPARISON_IS_NAN] = "NaN",
};

static const char *const comparison_signs[] = {
	[WB_COMPARISON_GT] = ">",
	[WB_COMPARISON_GTE] = ">=",
	[WB_COMPARISON_LT] = "<",
	[WB_COMPARISON_LTE] = "<=",
	[WB_COMPARISON_EQ] = "=",
	[WB_COMPARISON_NE] = "<>",
	[WB_COMPARISON_IS_NAN] = "is NaN",
};

static const char *const aggregate_words[] = {
	[WB_AGGREGATE_LAST] = "",
	[WB_AGGREGATE_AVERAGE] = "average",
	[WB_AGGREGATE_MIN] = "minimum",
	[WB_AGGREGATE_MAX] = "maximum",
};

static const char *const aggregate_names[] = {
	[WB_AGGREGATE_LAST] = "",
	[WB_AGGREGATE_AVERAGE] = "AVERAGE",
	[WB_AGGREGATE_MIN] = "MIN",
	[WB_AGGREGATE_MAX] = "MAX",
};

/* A number in as few digits as tell it apart from every other. */
static char *
number_text(float8 value)
{
	char	   *digits = palloc(DOUBLE_SHORTEST_DECIMAL_LEN);

	if (isnan(value))
		return pstrdup("NaN");
	if (isinf(value))
		return pstrdup(value > 0 ? "Infinity" : "-Infinity");
	double_to_shortest_decimal_buf(value, digits);
	return digits;
}

static char *
metric_why(const WbRule *rule, const WbVerdict *verdict)
{
	const WbEvent *event = verdict->event;
	char	   *observed = number_text(verdict->observed);
	char	   *subject;

	if (rule->aggregate == WB_AGGREGATE_LAST)
		subject = pstrdup(event->metric_name);
	else
		subject = psprintf("%s of the last %d values of %s",
						   aggregate_words[rule->aggregate],
						   rule->window_size, event->metric_name);
	if (rule->comparison == WB_COMPARISON_IS_NAN)
		return psprintf("%s was NaN at step " INT64_FORMAT,
						subject, event->step);
	return psprintf("%s was %s, %s %s, at step " INT64_FORMAT,
					subject, observed, comparison_words[rule->comparison],
					number_text(rule->threshold), event->step);
}


/*
 * The rule of a metric event as an expression, like "AVERAGE(loss) > 1"; the
 * short form leaves the window out.
 */
static char *
metric_filter(const WbRule *rule, bool is_short)
{
	char	   *subject = rule->metric_name;

	if (rule->aggregate != WB_AGGREGATE_LAST)
	{
		subject = is_short ?
			psprintf("%s(%s)", aggregate_names[rule->aggregate],
					 rule->metric_name) :
			psprintf("%s(%s, %d)", aggregate_names[rule->aggregate],
					 rule->metric_name, rule->window_size);
	}
	if (rule->comparison == WB_COMPARISON_IS_NAN)
		return psprintf("%s is NaN", subject);
	return psprintf("%s %s %s", subject, comparison_signs[rule->comparison],
					number_text(rule->threshold));
}

/*
 * Fill in the words of a verdict, in the current memory context.  The
 * automation must not be broken.
 */
void
wb_sentence_describe(WbVerdict *verdict)
{
	const WbRule *rule = verdict->automation->rule;
	const WbEvent *event = verdict->event;

	switch (event->type)
	{
		case WB_EVENT_RUN_METRIC:
			verdict->why = metric_why(rule, verdict);
			verdict->metric_filter = metric_filter(rule, false);
			verdict->metric_filter_short = metric_filter(rule, true);
			break;
		case WB_EVENT_RUN_STATE:
			verdict->why = psprintf("run %s is %s", event->display_name ?
									event->display_name : event->run_name,
									event->run_state);
			verdict->reported_state = wb_rule_reported_state(event->run_state);
			break;
		case WB_EVENT_ADD_ARTIFACT_ALIAS:
			verdict->why = psprintf("alias \"%s\" was added to %s:v%d",
									event->alias, event->collection_name,
									event->artifact_version);
			break;
	}
}
