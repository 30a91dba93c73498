/*-------------------------------------------------------------------------
 *
 * rule.c
 *		Reads what an automation waits for out of event_type and event_filter.
 *
 * The documents are W&B's own (RUN_METRIC, RUN_STATE, ADD_ARTIFACT_ALIAS), so
 * an automation can move between W&B and here.
 *
 * Nothing is raised; see filter_parse.c for why.
 *
 * IDENTIFICATION
 *		src/decide/rule.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "decide/decide.h"
#include "support/json.h"

static const char *const event_type_names[] = {
	[WB_EVENT_RUN_METRIC] = "RUN_METRIC",
	[WB_EVENT_RUN_METRIC_CHANGE] = "RUN_METRIC_CHANGE",
	[WB_EVENT_RUN_METRIC_ZSCORE] = "RUN_METRIC_ZSCORE",
	[WB_EVENT_RUN_STATE] = "RUN_STATE",
	[WB_EVENT_ADD_ARTIFACT_ALIAS] = "ADD_ARTIFACT_ALIAS",
};

/* What users see of the states in wb.runs; a crash is seen as a failure. */
static const struct
{
	const char *run_state;
	const char *reported;
	WbReportedState state;
}			reported_states[] =

{
	{"running", "RUNNING", WB_STATE_RUNNING},
	{"finished", "FINISHED", WB_STATE_FINISHED},
	{"failed", "FAILED", WB_STATE_FAILED},
	{"crashed", NULL, WB_STATE_FAILED},
};

/*
 * What rules are looked up by: events that one kind of row causes.  Stored in
 * wb.automations, so a name stays what it is.
 */
static const char *const event_sources[] = {
	[WB_EVENT_RUN_METRIC] = "run_metric",
	[WB_EVENT_RUN_METRIC_CHANGE] = "run_metric",
	[WB_EVENT_RUN_METRIC_ZSCORE] = "run_metric",
	[WB_EVENT_RUN_STATE] = "run_state",
	[WB_EVENT_ADD_ARTIFACT_ALIAS] = "artifact_alias",
};

/* See event_sources. */
const char *
wb_event_source(WbEventType type)
{
	return event_sources[type];
}

/* Is this the name of an event type? */
bool
wb_event_type_is_known(const char *name)
{
	for (size_t i = 0; i < lengthof(event_type_names); i++)
	{
		if (strcmp(event_type_names[i], name) == 0)
			return true;
	}
	return false;
}

/* W&B's own word for an event type. */
const char *
wb_event_type_name(WbEventType type)
{
	return event_type_names[type];
}

/* The reported state of a run's stored state; 0 where none is reported. */
int
wb_rule_state_of(const char *run_state)
{
	for (size_t i = 0; i < lengthof(reported_states); i++)
	{
		if (strcmp(reported_states[i].run_state, run_state) == 0)
			return reported_states[i].state;
	}
	return 0;
}

/* How a stored state is reported, or NULL where it is not. */
const char *
wb_rule_reported_state(const char *run_state)
{
	WbReportedState state = wb_rule_state_of(run_state);

	for (size_t i = 0; i < lengthof(reported_states); i++)
	{
		if (reported_states[i].state == state && reported_states[i].reported)
			return reported_states[i].reported;
	}
	return NULL;
}

static bool
complain(WbProblem *problem, char *message, const char *hint)
{
	problem->message = message;
	problem->hint = hint ? pstrdup(hint) : NULL;
	return false;
}

/* One state of run_state_filter.states. */
static bool
parse_state(WbRule *rule, const char *name, WbProblem *problem)
{
	for (size_t i = 0; name && i < lengthof(reported_states); i++)
	{
		if (reported_states[i].reported &&
			strcmp(reported_states[i].reported, name) == 0)
		{
			rule->states |= reported_states[i].state;
			return true;
		}
	}
	return complain(problem, psprintf("unknown run state \"%s\"",
									  name ? name : "not a string"),
					name && pg_strcasecmp(name, "crashed") == 0 ?
					"A crashed run fires FAILED." :
					"States are RUNNING, FINISHED and FAILED.");
}

static bool
parse_states(WbRule *rule, JsonbContainer *filter, WbProblem *problem)
{
	JsonbValue *state_filter = wb_json_get(filter, "run_state_filter");
	JsonbValue *states = NULL;
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	element;

	if (state_filter != NULL && state_filter->type == jbvBinary)
		states = wb_json_get(state_filter->val.binary.data, "states");
	if (states == NULL || states->type != jbvBinary ||
		!JsonContainerIsArray(states->val.binary.data) ||
		JsonContainerSize(states->val.binary.data) == 0)
		return complain(problem, pstrdup("event_filter has no run_state_filter with a list of states"),
						"States are RUNNING, FINISHED and FAILED.");

	iterator = JsonbIteratorInit(states->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &element, true)) != WJB_DONE)
	{
		if (token == WJB_ELEM &&
			!parse_state(rule, wb_json_value_text(&element), problem))
			return false;
	}
	return true;
}

/* run_filter is a document, or W&B's own form of it: JSON text inside JSON. */
static bool
parse_run_filter(WbRule *rule, JsonbContainer *filter, WbProblem *problem)
{
	JsonbValue *value = wb_json_get(filter, "run_filter");
	Jsonb	   *parsed;

	if (value == NULL || value->type == jbvNull)
		return true;
	if (value->type == jbvBinary)
		rule->filter = wb_filter_parse(value->val.binary.data,
									   rule->event_type, problem);
	else
	{
		char	   *text = wb_json_value_text(value);

		parsed = text ? wb_json_parse_text(text) : NULL;
		if (parsed == NULL)
			return complain(problem, pstrdup("run_filter is not JSON"), NULL);
		rule->filter = wb_filter_parse(&parsed->root, rule->event_type,
									   problem);
	}
	return rule->filter != NULL;
}

/*
 * The condition on a metric, or NULL.  Old automations of W&B's have a
 * threshold in metric_filter, as JSON text.
 */
static JsonbContainer *
find_metric_condition(JsonbContainer *filter)
{
	JsonbValue *value = wb_json_get(filter, "run_metric_filter");
	char	   *text = wb_json_get_text(filter, "metric_filter");
	Jsonb	   *old = text ? wb_json_parse_text(text) : NULL;

	if (value != NULL && value->type != jbvNull)
		return value->type == jbvBinary ? value->val.binary.data : NULL;
	if (old != NULL && wb_json_get(&old->root, "threshold_filter") == NULL)
		old = wb_json_parse_text(psprintf("{\"threshold_filter\": %s}", text));
	return old ? &old->root : NULL;
}

static bool
parse_filter(WbRule *rule, JsonbContainer *filter, WbProblem *problem)
{
	switch (rule->event_type)
	{
		case WB_EVENT_RUN_METRIC:
		case WB_EVENT_RUN_METRIC_CHANGE:
		case WB_EVENT_RUN_METRIC_ZSCORE:
			return parse_run_filter(rule, filter, problem) &&
				wb_metric_parse(rule, find_metric_condition(filter), problem);
		case WB_EVENT_RUN_STATE:
			return parse_run_filter(rule, filter, problem) &&
				parse_states(rule, filter, problem);
		case WB_EVENT_ADD_ARTIFACT_ALIAS:
			rule->filter = wb_filter_parse(filter, rule->event_type, problem);
			return rule->filter != NULL;
	}
	return false;
}

/*
 * Parse a rule into the current memory context, which frees it.  Returns NULL
 * with a problem where it cannot be used.
 */
WbRule *
wb_rule_parse(const char *event_type, Jsonb *event_filter, WbProblem *problem)
{
	WbRule	   *rule = palloc0(sizeof(WbRule));

	for (size_t i = 0; i < lengthof(event_type_names); i++)
	{
		if (strcmp(event_type_names[i], event_type) == 0)
		{
			rule->event_type = (WbEventType) i;
			return parse_filter(rule, &event_filter->root, problem) ?
				rule : NULL;
		}
	}
	complain(problem, psprintf("unknown event type \"%s\"", event_type),
			 "Event types are RUN_METRIC, RUN_METRIC_CHANGE, RUN_METRIC_ZSCORE, "
			 "RUN_STATE and ADD_ARTIFACT_ALIAS.");
	return NULL;
}
