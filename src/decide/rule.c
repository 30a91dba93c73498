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

#include "datatype/timestamp.h"
#include "decide/decide.h"
#include "pgtime.h"
#include "support/json.h"

#define SILENCE_MAX_SECONDS	(365.0 * 24 * 3600)

/*
 * Events by W&B's names for them.  "source" is what rules are looked up by:
 * events that one kind of row causes.  It is stored in wb.automations, so it
 * stays what it is.
 */
static const struct
{
	const char *name;
	const char *source;
	bool		is_of_run;
}			event_types[] =

{
	[WB_EVENT_RUN_METRIC] = {"RUN_METRIC", "run_metric", true},
	[WB_EVENT_RUN_METRIC_CHANGE] = {"RUN_METRIC_CHANGE", "run_metric", true},
	[WB_EVENT_RUN_METRIC_ZSCORE] = {"RUN_METRIC_ZSCORE", "run_metric", true},
	[WB_EVENT_RUN_STATE] = {"RUN_STATE", "run_state", true},
	[WB_EVENT_RUN_SILENT] = {"RUN_SILENT", "run_silent", true},
	[WB_EVENT_SCHEDULE] = {"SCHEDULE", "schedule", true},
	[WB_EVENT_CREATE_ARTIFACT] = {"CREATE_ARTIFACT", "create_artifact", false},
	[WB_EVENT_LINK_MODEL] = {"LINK_MODEL", "link_model", false},
	[WB_EVENT_UNLINK_ARTIFACT] = {"UNLINK_ARTIFACT", "unlink_artifact", false},
	[WB_EVENT_ADD_ARTIFACT_ALIAS] = {"ADD_ARTIFACT_ALIAS",
	"add_artifact_alias", false},
	[WB_EVENT_ADD_ARTIFACT_TAG] = {"ADD_ARTIFACT_TAG", "add_artifact_tag",
	false},
	[WB_EVENT_REMOVE_ARTIFACT_TAG] = {"REMOVE_ARTIFACT_TAG",
	"remove_artifact_tag", false},
	[WB_EVENT_ADD_COLLECTION_TAG] = {"ADD_COLLECTION_TAG",
	"add_collection_tag", false},
	[WB_EVENT_REMOVE_COLLECTION_TAG] = {"REMOVE_COLLECTION_TAG",
	"remove_collection_tag", false},
};

/* W&B stores one name of this event and shows the other. */
#define LINK_SHOWN	"LINK_ARTIFACT"

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

/* Does an event happen to a run, and not to an artifact? */
bool
wb_event_is_of_run(WbEventType type)
{
	return event_types[type].is_of_run;
}

/* See event_types. */
const char *
wb_event_source(WbEventType type)
{
	return event_types[type].source;
}

static bool
find_type(const char *name, WbEventType *type)
{
	if (strcmp(name, LINK_SHOWN) == 0)
		name = event_types[WB_EVENT_LINK_MODEL].name;
	for (size_t i = 0; i < lengthof(event_types); i++)
	{
		if (strcmp(event_types[i].name, name) == 0)
		{
			*type = (WbEventType) i;
			return true;
		}
	}
	return false;
}

/* Is this the name of an event type? */
bool
wb_event_type_is_known(const char *name)
{
	WbEventType type;

	return find_type(name, &type);
}

/* W&B's own word for an event type, as automations have it. */
const char *
wb_event_type_name(WbEventType type)
{
	return event_types[type].name;
}

/* The same as history and messages show it. */
const char *
wb_event_type_shown(WbEventType type)
{
	return type == WB_EVENT_LINK_MODEL ? LINK_SHOWN : event_types[type].name;
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
	return wb_problem_note(problem, psprintf("unknown run state \"%s\"",
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
		return wb_problem_note(problem, pstrdup("event_filter has no run_state_filter with a list of states"),
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

/* Ours: how long a run, or one metric of it, may say nothing. */
static bool
parse_silence(WbRule *rule, JsonbContainer *filter, WbProblem *problem)
{
	JsonbValue *value = wb_json_get(filter, "run_silent_filter");
	JsonbContainer *silence;

	if (value == NULL || value->type != jbvBinary)
		return wb_problem_note(problem, pstrdup("event_filter has no run_silent_filter"),
							   "Make it with wb.on_run_silent(scope, silent_for).");
	silence = value->val.binary.data;
	if (!wb_json_get_number(silence, "silent_for", &rule->threshold) ||
		rule->threshold < 1 || rule->threshold > SILENCE_MAX_SECONDS)
		return wb_problem_note(problem, pstrdup("silent_for is out of range"),
							   "Silence is from 1 second to 365 days.");
	rule->silent_metric = wb_json_get_text(silence, "metric");
	return true;
}

/* A number of a schedule; 0 where it is missing, -1 where it is not one. */
static int64
schedule_number(JsonbContainer *schedule, const char *key, int64 most)
{
	int64		number = 0;

	if (wb_json_get(schedule, key) == NULL)
		return 0;
	if (!wb_json_get_integer(schedule, key, &number) || number < 0 ||
		number > most)
		return -1;
	return number;
}

/* Ours: the numbers of wb.on_schedule; what they mean is wb.last_tick's. */
static bool
parse_schedule(JsonbContainer *filter, WbProblem *problem)
{
	JsonbValue *value = wb_json_get(filter, "schedule_filter");
	JsonbContainer *schedule;
	char	   *timezone;
	int64		months;
	int64		days;
	int64		seconds;

	if (value == NULL || value->type != jbvBinary)
		return wb_problem_note(problem, pstrdup("event_filter has no schedule_filter"),
							   "Make it with wb.on_schedule(scope, every).");
	schedule = value->val.binary.data;
	months = schedule_number(schedule, "months", 120);
	days = schedule_number(schedule, "days", 3650);
	seconds = schedule_number(schedule, "seconds", SECS_PER_DAY);
	if (months < 0 || days < 0 || seconds < 0 ||
		(months > 0) + (days > 0) + (seconds > 0) != 1 ||
		(seconds > 0 && seconds < SECS_PER_MINUTE))
		return wb_problem_note(problem, pstrdup("interval of a schedule is not possible"),
							   "Give months, or days, or from 1 minute to 24 hours.");
	if (schedule_number(schedule, "at_seconds", SECS_PER_DAY - 1) < 0)
		return wb_problem_note(problem, pstrdup("time of day of a schedule is out of range"), NULL);
	timezone = wb_json_get_text(schedule, "timezone");
	if (timezone == NULL || pg_tzset(timezone) == NULL)
		return wb_problem_note(problem, psprintf("unknown time zone \"%s\"",
												 timezone ? timezone : "not a string"),
							   "See pg_timezone_names.");
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
			return wb_problem_note(problem, pstrdup("run_filter is not JSON"), NULL);
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
		case WB_EVENT_SCHEDULE:
			return parse_schedule(filter, problem);
		case WB_EVENT_RUN_SILENT:
			return parse_run_filter(rule, filter, problem) &&
				parse_silence(rule, filter, problem);
		case WB_EVENT_RUN_STATE:
			return parse_run_filter(rule, filter, problem) &&
				parse_states(rule, filter, problem);
		case WB_EVENT_CREATE_ARTIFACT:
		case WB_EVENT_LINK_MODEL:
		case WB_EVENT_UNLINK_ARTIFACT:
		case WB_EVENT_ADD_ARTIFACT_ALIAS:
		case WB_EVENT_ADD_ARTIFACT_TAG:
		case WB_EVENT_REMOVE_ARTIFACT_TAG:
		case WB_EVENT_ADD_COLLECTION_TAG:
		case WB_EVENT_REMOVE_COLLECTION_TAG:
			rule->filter = wb_filter_parse(filter, rule->event_type, problem);
			return rule->filter != NULL;
	}
	return false;
}

/* A run event waits for a metric or for a state, never for both. */
static bool
check_single(const WbRule *rule, JsonbContainer *filter, WbProblem *problem)
{
	const char *other = rule->event_type == WB_EVENT_RUN_STATE ?
	"run_metric_filter" : "run_state_filter";
	JsonbValue *value = wb_json_get(filter, other);

	if (value == NULL || value->type == jbvNull)
		return true;
	return wb_problem_note(problem,
						   psprintf("event_filter of %s has a %s too",
									wb_event_type_name(rule->event_type),
									other),
						   "Make an automation for each event.");
}

/*
 * Parse a rule into the current memory context, which frees it.  Returns NULL
 * with a problem where it cannot be used.
 */
WbRule *
wb_rule_parse(const char *event_type, Jsonb *event_filter, WbProblem *problem)
{
	WbRule	   *rule = palloc0(sizeof(WbRule));

	if (find_type(event_type, &rule->event_type))
		return parse_filter(rule, &event_filter->root, problem) &&
			check_single(rule, &event_filter->root, problem) ? rule : NULL;
	if (strcmp(event_type, "UPDATE_ARTIFACT_ALIAS") == 0)
		wb_problem_note(problem, psprintf("event %s cannot be assigned to automations",
										  event_type),
						"Use ADD_ARTIFACT_ALIAS: an alias that moves is added to another version.");
	else
		wb_problem_note(problem, psprintf("unknown event type \"%s\"", event_type),
						"Event types are RUN_METRIC, RUN_METRIC_CHANGE, RUN_METRIC_ZSCORE, "
						"RUN_STATE, RUN_SILENT, SCHEDULE, CREATE_ARTIFACT, LINK_ARTIFACT, UNLINK_ARTIFACT, "
						"ADD_ARTIFACT_ALIAS, ADD_ARTIFACT_TAG, REMOVE_ARTIFACT_TAG, "
						"ADD_COLLECTION_TAG and REMOVE_COLLECTION_TAG.");
	return NULL;
}
