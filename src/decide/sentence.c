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
#include "utils/timestamp.h"

static const char *const comparison_words[] = {
	[WB_COMPARISON_GT] = "above",
	[WB_COMPARISON_GTE] = "at or above",
	[WB_COMPARISON_LT] = "below",
	[WB_COMPARISON_LTE] = "at or below",
	[WB_COMPARISON_EQ] = "equal to",
	[WB_COMPARISON_NE] = "not equal to",
};

static const char *const comparison_signs[] = {
	[WB_COMPARISON_GT] = ">",
	[WB_COMPARISON_GTE] = ">=",
	[WB_COMPARISON_LT] = "<",
	[WB_COMPARISON_LTE] = "<=",
	[WB_COMPARISON_EQ] = "=",
	[WB_COMPARISON_NE] = "<>",
	[WB_COMPARISON_IS_NAN] = "is NaN",
	[WB_COMPARISON_IS_NOT_FINITE] = "is not finite",
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

/*
 * What was observed, for people: an integer whole, anything else in six
 * significant digits, unless these would stand on another side of the
 * threshold.  History has all digits in "observed".
 */
static char *
observed_text(float8 value, float8 threshold)
{
	char	   *digits;
	float8		shown;

	if (!isfinite(value) || (value == rint(value) && fabs(value) < 1e15))
		return number_text(value);
	digits = psprintf("%.6g", value);
	shown = strtod(digits, NULL);
	if ((value < threshold) != (shown < threshold) ||
		(value > threshold) != (shown > threshold) ||
		(fabs(value) < threshold) != (fabs(shown) < threshold) ||
		(fabs(value) > threshold) != (fabs(shown) > threshold))
		return number_text(value);
	return digits;
}

/* A fraction as a percentage, without the digits that only rounding made. */
static char *
percent_text(float8 fraction)
{
	return isinf(fraction) ? number_text(fraction) :
		psprintf("%.6g", fraction * 100);
}

/* "loss", or "average of the last 5 values of loss". */
static char *
window_words(const WbRule *rule, int size)
{
	if (rule->aggregate == WB_AGGREGATE_LAST)
		return pstrdup(rule->metric_name);
	if (size == 1)
		return psprintf("the last value of %s", rule->metric_name);
	return psprintf("%s of the last %d values of %s",
					aggregate_words[rule->aggregate], size,
					rule->metric_name);
}

static char *
threshold_why(const WbRule *rule, const WbVerdict *verdict)
{
	char	   *subject = window_words(rule, rule->current_size);
	char	   *observed = observed_text(verdict->observed, rule->threshold);

	if (rule->comparison == WB_COMPARISON_IS_NAN ||
		rule->comparison == WB_COMPARISON_IS_NOT_FINITE)
		return psprintf("%s was %s", subject, observed);
	return psprintf("%s was %s, %s %s", subject, observed,
					comparison_words[rule->comparison],
					number_text(rule->threshold));
}

static char *
change_why(const WbRule *rule, const WbVerdict *verdict)
{
	const char *verb = verdict->observed < 0 ? "fell" : "rose";
	float8		size = fabs(verdict->observed);
	char	   *before = rule->prior_size == 1 ?
	pstrdup("the value before") :
	psprintf("the %d before", rule->prior_size);

	return rule->is_relative ?
		psprintf("%s %s by %s %% against %s, at least %s %%",
				 window_words(rule, rule->current_size), verb,
				 percent_text(size), before,
				 percent_text(rule->threshold)) :
		psprintf("%s %s by %s against %s, at least %s",
				 window_words(rule, rule->current_size), verb,
				 observed_text(size, rule->threshold), before,
				 number_text(rule->threshold));
}

static char *
zscore_why(const WbRule *rule, const WbVerdict *verdict)
{
	return psprintf("%s was %s deviations from the mean of the %d %s, at least %s",
					rule->metric_name,
					observed_text(verdict->observed, rule->threshold),
					rule->prior_size, rule->is_against_runs ?
					"newest other runs" : "values before",
					number_text(rule->threshold));
}

static char *
plateau_why(const WbRule *rule, const WbVerdict *verdict)
{
	char	   *subject = rule->current_size == 1 ?
	psprintf("the last value of %s", rule->metric_name) :
	psprintf("the best of the last %d values of %s", rule->current_size,
			 rule->metric_name);
	char	   *before = rule->prior_size == 1 ?
	pstrdup("the value before") :
	psprintf("the best of the %d before", rule->prior_size);

	if (verdict->observed <= 0)
		return psprintf("%s did not beat %s", subject, before);
	return psprintf("%s beat %s by %s, less than %s %%", subject, before,
					observed_text(verdict->observed, rule->threshold),
					percent_text(rule->threshold));
}

static char *
metric_why(const WbRule *rule, const WbVerdict *verdict)
{
	char	   *why = NULL;

	switch (rule->condition)
	{
		case WB_CONDITION_THRESHOLD:
			why = threshold_why(rule, verdict);
			break;
		case WB_CONDITION_CHANGE:
			why = change_why(rule, verdict);
			break;
		case WB_CONDITION_ZSCORE:
			why = zscore_why(rule, verdict);
			break;
		case WB_CONDITION_PLATEAU:
			why = plateau_why(rule, verdict);
			break;
	}
	return psprintf("%s%s at step " INT64_FORMAT, why,
					isfinite(rule->threshold) ? "," : "",
					verdict->event->step);
}

/* "loss", "AVERAGE(loss)", or with its window "AVERAGE(loss, 5)". */
static char *
subject_text(const WbRule *rule, bool is_short)
{
	const char *name = aggregate_names[rule->aggregate];

	if (rule->aggregate == WB_AGGREGATE_LAST)
		return rule->metric_name;
	return is_short ? psprintf("%s(%s)", name, rule->metric_name) :
		psprintf("%s(%s, %d)", name, rule->metric_name, rule->current_size);
}

static char *
threshold_filter(const WbRule *rule, bool is_short)
{
	char	   *subject = subject_text(rule, is_short);

	if (rule->comparison == WB_COMPARISON_IS_NAN ||
		rule->comparison == WB_COMPARISON_IS_NOT_FINITE)
		return psprintf("%s %s", subject, comparison_signs[rule->comparison]);
	return psprintf("%s %s %s", subject, comparison_signs[rule->comparison],
					number_text(rule->threshold));
}

static char *
change_filter(const WbRule *rule, bool is_short)
{
	static const char *const verbs[] = {
		[WB_DIRECTION_ANY] = "changes",
		[WB_DIRECTION_INCREASE] = "increases",
		[WB_DIRECTION_DECREASE] = "decreases",
	};

	return psprintf("%s %s by %s%s", subject_text(rule, is_short),
					verbs[rule->direction],
					rule->is_relative ? percent_text(rule->threshold) :
					number_text(rule->threshold),
					rule->is_relative ? " %" : "");
}

static char *
zscore_filter(const WbRule *rule, bool is_short)
{
	static const char *const signs[] = {
		[WB_DIRECTION_ANY] = "> +/-",
		[WB_DIRECTION_INCREASE] = "> +",
		[WB_DIRECTION_DECREASE] = "< -",
	};

	return is_short ?
		psprintf("zscore(%s) %s%s", rule->metric_name, signs[rule->direction],
				 number_text(rule->threshold)) :
		psprintf("zscore(%s, %d) %s%s", rule->metric_name, rule->prior_size,
				 signs[rule->direction], number_text(rule->threshold));
}

/*
 * The rule of a metric event as an expression, like "AVERAGE(loss, 5) > 1";
 * the short form leaves the window out.
 */
static char *
metric_filter(const WbRule *rule, bool is_short)
{
	switch (rule->condition)
	{
		case WB_CONDITION_THRESHOLD:
			return threshold_filter(rule, is_short);
		case WB_CONDITION_CHANGE:
			return change_filter(rule, is_short);
		case WB_CONDITION_ZSCORE:
			return zscore_filter(rule, is_short);
		case WB_CONDITION_PLATEAU:
			break;
	}
	return is_short ? psprintf("plateau(%s)", rule->metric_name) :
		psprintf("plateau(%s, %d, %d) < %s", rule->metric_name,
				 rule->current_size, rule->prior_size,
				 number_text(rule->threshold));
}

/* What a run did, or is: every state that wb.runs allows. */
static const char *
state_words(const char *state)
{
	static const char *const words[][2] = {
		{"finished", "finished"}, {"failed", "failed"},
		{"crashed", "crashed"}, {"killed", "was killed"},
		{"preempting", "is being preempted"}, {"preempted", "was preempted"},
	};

	for (int i = 0; i < (int) lengthof(words); i++)
	{
		if (strcmp(state, words[i][0]) == 0)
			return words[i][1];
	}
	return psprintf("is %s", state);
}

/* "model:v3", or "collection model" where the event is about all of it. */
static char *
artifact_name(const WbEvent *event)
{
	return event->artifact_id == WB_NO_ID ?
		psprintf("collection %s", event->collection_name) :
		psprintf("%s:v%d", event->collection_name, event->artifact_version);
}

static char *
artifact_why(const WbEvent *event)
{
	char	   *name = artifact_name(event);

	switch (event->type)
	{
		case WB_EVENT_CREATE_ARTIFACT:
			return psprintf("version %s was created", name);
		case WB_EVENT_LINK_MODEL:
			return psprintf("version %s was linked", name);
		case WB_EVENT_UNLINK_ARTIFACT:
			return psprintf("version %s was unlinked", name);
		case WB_EVENT_ADD_ARTIFACT_ALIAS:
			return psprintf("alias \"%s\" was added to %s", event->alias, name);
		case WB_EVENT_ADD_ARTIFACT_TAG:
		case WB_EVENT_ADD_COLLECTION_TAG:
			return psprintf("tag \"%s\" was added to %s", event->tag, name);
		default:
			return psprintf("tag \"%s\" was removed from %s", event->tag, name);
	}
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
		case WB_EVENT_RUN_METRIC_CHANGE:
		case WB_EVENT_RUN_METRIC_ZSCORE:
			verdict->why = metric_why(rule, verdict);
			verdict->metric_filter = metric_filter(rule, false);
			verdict->metric_filter_short = metric_filter(rule, true);
			break;
		case WB_EVENT_SCHEDULE:
			verdict->why = psprintf("it was due at %s",
									timestamptz_to_str(event->tick_at));
			break;
		case WB_EVENT_RUN_SILENT:
			verdict->why = psprintf("%s%s has been silent since %s",
									event->silent_metric ?
									psprintf("%s of run ", event->silent_metric) :
									"run ", event->display_name ?
									event->display_name : event->run_name,
									timestamptz_to_str(event->last_sign_at));
			break;
		case WB_EVENT_RUN_STATE:
			verdict->why = psprintf("run %s %s", event->display_name ?
									event->display_name : event->run_name,
									state_words(event->run_state));
			verdict->reported_state = wb_rule_reported_state(event->run_state);
			break;
		case WB_EVENT_CREATE_ARTIFACT:
		case WB_EVENT_LINK_MODEL:
		case WB_EVENT_UNLINK_ARTIFACT:
		case WB_EVENT_ADD_ARTIFACT_ALIAS:
		case WB_EVENT_ADD_ARTIFACT_TAG:
		case WB_EVENT_REMOVE_ARTIFACT_TAG:
		case WB_EVENT_ADD_COLLECTION_TAG:
		case WB_EVENT_REMOVE_COLLECTION_TAG:
			verdict->why = artifact_why(event);
			break;
	}
}
