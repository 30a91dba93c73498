/*-------------------------------------------------------------------------
 *
 * metric_parse.c
 *		Reads the condition on a metric out of run_metric_filter.
 *
 * The documents are W&B's own: threshold_filter, change_filter and
 * zscore_filter.  What W&B has no word for is added: the comparators "$isnan"
 * and "$notfinite" with a null threshold, the key "baseline" of a z-score, and
 * plateau_filter, which counts as a change.
 *
 * Nothing is raised; see filter_parse.c for why.
 *
 * IDENTIFICATION
 *		src/decide/metric_parse.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "decide/decide.h"
#include "support/json.h"
#include "utils/float.h"

/* A word of W&B's, and what it stands for. */
typedef struct Word
{
	const char *text;
	int			meaning;
} Word;

static const Word comparisons[] = {
	{"$gt", WB_COMPARISON_GT},
	{"$gte", WB_COMPARISON_GTE},
	{"$lt", WB_COMPARISON_LT},
	{"$lte", WB_COMPARISON_LTE},
	{"$eq", WB_COMPARISON_EQ},
	{"$ne", WB_COMPARISON_NE},
	{"$isnan", WB_COMPARISON_IS_NAN},
	{"$notfinite", WB_COMPARISON_IS_NOT_FINITE},
	{NULL, 0}
};

static const Word aggregates[] = {
	{"AVERAGE", WB_AGGREGATE_AVERAGE},
	{"MIN", WB_AGGREGATE_MIN},
	{"MAX", WB_AGGREGATE_MAX},
	{NULL, 0}
};

static const Word directions[] = {
	{"ANY", WB_DIRECTION_ANY},
	{"INCREASE", WB_DIRECTION_INCREASE},
	{"DECREASE", WB_DIRECTION_DECREASE},
	{NULL, 0}
};

static const Word change_types[] = {
	{"ABSOLUTE", false},
	{"RELATIVE", true},
	{NULL, 0}
};

static const Word baselines[] = {
	{"run", false},
	{"project_runs", true},
	{NULL, 0}
};

static const Word goals[] = {
	{"minimize", false},
	{"maximize", true},
	{NULL, 0}
};

/* Is every key of an object among those allowed? */
static bool
check_keys(JsonbContainer *object, const char *const *allowed,
		   const char *what, WbProblem *problem)
{
	JsonbIterator *iterator = JsonbIteratorInit(object);
	JsonbIteratorToken token;
	JsonbValue	key;

	while ((token = JsonbIteratorNext(&iterator, &key, true)) != WJB_DONE)
	{
		bool		is_known = token != WJB_KEY;
		char	   *name = is_known ? NULL : wb_json_value_text(&key);

		for (int i = 0; !is_known && allowed[i]; i++)
			is_known = strcmp(name, allowed[i]) == 0;
		if (!is_known)
			return wb_problem_note(problem, psprintf("unknown key \"%s\" in %s",
													 name, what), NULL);
	}
	return true;
}

/*
 * Read a key whose value is one of a few words.  "what" is what the word
 * names, for the message; the hint lists the words.
 */
static bool
parse_word(JsonbContainer *object, const char *key, const Word *words,
		   const char *what, int *meaning, WbProblem *problem)
{
	char	   *given = wb_json_get_text(object, key);
	StringInfoData hint;

	initStringInfo(&hint);
	for (int i = 0; words[i].text; i++)
	{
		if (given && strcmp(words[i].text, given) == 0)
		{
			*meaning = words[i].meaning;
			return true;
		}
		appendStringInfo(&hint, "%s%s", i > 0 ? ", " : "One of ", words[i].text);
	}
	appendStringInfoChar(&hint, '.');
	return wb_problem_note(problem, psprintf("unknown %s \"%s\"", what,
											 given ? given : "not a string"),
						   hint.data);
}

/* As parse_word, where the key may be missing or null. */
static bool
parse_optional_word(JsonbContainer *object, const char *key, const Word *words,
					const char *what, int *meaning, WbProblem *problem)
{
	JsonbValue *value = wb_json_get(object, key);

	return value == NULL || value->type == jbvNull ||
		parse_word(object, key, words, what, meaning, problem);
}

/* Read the size of a window, which may be missing. */
static bool
parse_size(JsonbContainer *object, const char *key, int least, int *size,
		   WbProblem *problem)
{
	int64		given;

	if (wb_json_get(object, key) == NULL)
		return true;
	if (wb_json_get_integer(object, key, &given) &&
		given >= least && given <= WB_WINDOW_MAX)
	{
		*size = (int) given;
		return true;
	}
	return wb_problem_note(problem, wb_json_get_integer(object, key, &given) ?
						   psprintf("%s " INT64_FORMAT " is out of range", key, given) :
						   psprintf("%s is not a whole number", key),
						   psprintf("A window holds %d to %d values.", least,
									WB_WINDOW_MAX));
}

static bool
parse_name(WbRule *rule, JsonbContainer *object, WbProblem *problem)
{
	rule->metric_name = wb_json_get_text(object, "name");
	if (rule->metric_name != NULL && rule->metric_name[0] != '\0')
		return true;
	return wb_problem_note(problem, pstrdup("metric name is empty"),
						   "Give the name under which the metric is logged.");
}

static bool
parse_aggregate(WbRule *rule, JsonbContainer *object, WbProblem *problem)
{
	int			aggregate = WB_AGGREGATE_LAST;

	if (!parse_optional_word(object, "agg_op", aggregates, "aggregation",
							 &aggregate, problem))
	{
		problem->hint = pstrdup("One of AVERAGE, MIN, MAX, or null for the last value.");
		return false;
	}
	rule->aggregate = (WbAggregate) aggregate;
	return true;
}

static bool
parse_direction(WbRule *rule, JsonbContainer *object, WbProblem *problem)
{
	int			direction = WB_DIRECTION_ANY;

	if (!parse_optional_word(object, "change_dir", directions,
							 "direction of change", &direction, problem))
		return false;
	rule->direction = (WbDirection) direction;
	return true;
}

/* Read a number that must be finite and, if so asked, above zero. */
static bool
parse_amount(WbRule *rule, JsonbContainer *object, const char *key,
			 bool must_be_positive, WbProblem *problem)
{
	if (!wb_json_get_number(object, key, &rule->threshold) ||
		!isfinite(rule->threshold))
		return wb_problem_note(problem, psprintf("%s is not a finite number", key),
							   NULL);
	if (must_be_positive && rule->threshold <= 0)
		return wb_problem_note(problem, psprintf("%s %g is not above zero", key,
												 rule->threshold), NULL);
	return true;
}

static bool
parse_threshold(WbRule *rule, JsonbContainer *object, WbProblem *problem)
{
	static const char *const keys[] = {
		"name", "agg_op", "window_size", "cmp_op", "threshold", NULL
	};
	JsonbValue *threshold = wb_json_get(object, "threshold");
	int			comparison;

	if (!check_keys(object, keys, "threshold_filter", problem) ||
		!parse_name(rule, object, problem) ||
		!parse_word(object, "cmp_op", comparisons, "comparator", &comparison,
					problem) ||
		!parse_size(object, "window_size", 1, &rule->current_size, problem) ||
		!parse_aggregate(rule, object, problem))
		return false;
	rule->comparison = (WbComparison) comparison;
	if (rule->aggregate == WB_AGGREGATE_LAST)
		rule->current_size = 1;

	if (rule->comparison == WB_COMPARISON_IS_NAN ||
		rule->comparison == WB_COMPARISON_IS_NOT_FINITE)
	{
		rule->threshold = get_float8_nan();
		return threshold == NULL || threshold->type == jbvNull ||
			wb_problem_note(problem,
							psprintf("comparator \"%s\" takes no threshold",
									 wb_json_get_text(object, "cmp_op")),
							"Leave threshold out, or null.");
	}
	if (parse_amount(rule, object, "threshold", false, problem))
		return true;
	problem->hint = pstrdup("To ask for NaN, use wb.is_nan(name), which writes the comparator \"$isnan\".");
	return false;
}

static bool
parse_change(WbRule *rule, JsonbContainer *object, WbProblem *problem)
{
	static const char *const keys[] = {
		"name", "agg_op", "current_window_size", "prior_window_size",
		"change_type", "change_dir", "change_amount", NULL
	};
	int			is_relative;

	if (!check_keys(object, keys, "change_filter", problem) ||
		!parse_name(rule, object, problem) ||
		!parse_aggregate(rule, object, problem) ||
		!parse_size(object, "current_window_size", 1, &rule->current_size,
					problem))
		return false;
	rule->prior_size = rule->current_size;
	if (!parse_size(object, "prior_window_size", 1, &rule->prior_size,
					problem) ||
		!parse_word(object, "change_type", change_types, "type of change",
					&is_relative, problem) ||
		!parse_direction(rule, object, problem) ||
		!parse_amount(rule, object, "change_amount", true, problem))
		return false;
	rule->is_relative = is_relative;

	/* without an aggregate the last value is compared with the one before */
	if (rule->aggregate == WB_AGGREGATE_LAST)
		rule->current_size = rule->prior_size = 1;
	return true;
}

static bool
parse_zscore(WbRule *rule, JsonbContainer *object, WbProblem *problem)
{
	static const char *const keys[] = {
		"name", "window_size", "threshold", "change_dir", "baseline", NULL
	};
	int			is_against_runs = false;

	rule->current_size = 1;
	rule->prior_size = 30;
	rule->threshold = 3;
	if (!check_keys(object, keys, "zscore_filter", problem) ||
		!parse_name(rule, object, problem) ||
		!parse_size(object, "window_size", 2, &rule->prior_size, problem) ||
		!parse_direction(rule, object, problem) ||
		!parse_optional_word(object, "baseline", baselines, "baseline",
							 &is_against_runs, problem))
		return false;
	rule->is_against_runs = is_against_runs;
	if (is_against_runs && rule->prior_size > WB_BASELINE_MAX)
		return wb_problem_note(problem, psprintf("window_size %d is out of range",
												 rule->prior_size),
							   psprintf("A baseline of other runs holds 2 to %d values.",
										WB_BASELINE_MAX));
	return wb_json_get(object, "threshold") == NULL ||
		parse_amount(rule, object, "threshold", true, problem);
}

static bool
parse_plateau(WbRule *rule, JsonbContainer *object, WbProblem *problem)
{
	static const char *const keys[] = {
		"name", "current_window_size", "prior_window_size", "min_delta",
		"goal", NULL
	};
	int			is_maximized = false;

	rule->current_size = 10;
	rule->prior_size = 50;
	if (!check_keys(object, keys, "plateau_filter", problem) ||
		!parse_name(rule, object, problem) ||
		!parse_size(object, "current_window_size", 1, &rule->current_size,
					problem) ||
		!parse_size(object, "prior_window_size", 1, &rule->prior_size,
					problem) ||
		!parse_optional_word(object, "goal", goals, "goal", &is_maximized,
							 problem))
		return false;
	rule->is_maximized = is_maximized;
	return parse_amount(rule, object, "min_delta", true, problem);
}

static const struct
{
	const char *key;
	WbMetricCondition condition;
	WbEventType event_type;
	bool		(*parse) (WbRule *rule, JsonbContainer *object,
						  WbProblem *problem);
}			conditions[] =

{
	{"threshold_filter", WB_CONDITION_THRESHOLD, WB_EVENT_RUN_METRIC,
	parse_threshold},
	{"change_filter", WB_CONDITION_CHANGE, WB_EVENT_RUN_METRIC_CHANGE,
	parse_change},
	{"zscore_filter", WB_CONDITION_ZSCORE, WB_EVENT_RUN_METRIC_ZSCORE,
	parse_zscore},
	{"plateau_filter", WB_CONDITION_PLATEAU, WB_EVENT_RUN_METRIC_CHANGE,
	parse_plateau},
};

/*
 * Fill in a rule, whose event type is known, from a run_metric_filter, which
 * may be NULL.  Returns false with a problem where it cannot be used.
 */
bool
wb_metric_parse(WbRule *rule, JsonbContainer *metric, WbProblem *problem)
{
	rule->current_size = 1;
	for (size_t i = 0; i < lengthof(conditions); i++)
	{
		JsonbValue *found;

		if (metric == NULL)
			break;
		found = wb_json_get(metric, conditions[i].key);
		if (found == NULL || found->type != jbvBinary ||
			conditions[i].event_type != rule->event_type)
			continue;
		if (JsonContainerSize(metric) != 1)
			return wb_problem_note(problem, pstrdup("run_metric_filter has more than one condition"), NULL);
		rule->condition = conditions[i].condition;
		return conditions[i].parse(rule, found->val.binary.data, problem);
	}
	return wb_problem_note(problem,
						   psprintf("event_filter of %s has no condition on a metric",
									wb_event_type_name(rule->event_type)),
						   "Make it with wb.on_run_metric(scope, metric).");
}
