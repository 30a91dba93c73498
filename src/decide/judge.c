/*-------------------------------------------------------------------------
 *
 * judge.c
 *		Which automations an event concerns, and whether one of them fires.
 *
 * One event may concern automations at several levels; each is judged on its
 * own.
 *
 * IDENTIFICATION
 *		src/decide/judge.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "decide/decide.h"
#include "deliver/deliver.h"
#include "support/clock.h"
#include "utils/timestamp.h"

/* What an automation says of an event it fires on. */
static TimestampTz
fire(const WbAutomation *automation, WbVerdict *verdict)
{
	if (automation->broken != NULL)
		return wb_deliver_fire_broken(verdict);
	wb_sentence_describe(verdict);
	return wb_deliver_fire(verdict);
}

/*
 * The automations whose scope and filter match an event, as WbCandidates of
 * the current context.  One that cannot be judged is among them: that it is
 * broken has to be told to somebody.
 */
List *
wb_judge_find_candidates(const WbEvent *event)
{
	const char *key = event->metric_name ? event->metric_name : "";
	List	   *in_scope;
	List	   *candidates = NIL;
	ListCell   *cell;

	in_scope = list_copy(wb_rules_find(event->type, key, WB_SCOPE_PROJECT,
									   event->project_id));
	if (event->collection_id != WB_NO_ID)
		in_scope = list_concat(in_scope,
							   wb_rules_find(event->type, key,
											 WB_SCOPE_ARTIFACT_COLLECTION,
											 event->collection_id));
	foreach(cell, in_scope)
	{
		WbAutomation *automation = lfirst(cell);
		WbCandidate *candidate;

		if (automation->broken == NULL &&
			!wb_filter_matches(automation->rule->filter, event))
			continue;
		candidate = palloc(sizeof(WbCandidate));
		candidate->automation = automation;
		candidate->quiet_until = DT_NOBEGIN;
		candidates = lappend(candidates, candidate);
	}
	list_free(in_scope);
	return candidates;
}

/*
 * Does a metric rule hold, after a row was put into its series at "position",
 * counted from the newest point?  A row outside of the rule's window changes
 * nothing that the rule looks at, so there is nothing to judge; nor is there
 * before the window is full.
 */
static bool
metric_holds(const WbRule *rule, const WbSeries *series, int position,
			 WbVerdict *verdict)
{
	float8	   *values;

	if (position < 0 || position >= rule->window_size ||
		series->count < rule->window_size)
		return false;

	values = palloc(sizeof(float8) * rule->window_size);
	wb_series_copy_window(series, rule->window_size, values);
	verdict->has_observed = true;
	verdict->threshold = rule->threshold;
	verdict->values = values;
	verdict->value_count = rule->window_size;
	if (wb_metric_rule_holds(rule, values, &verdict->observed))
		return true;
	pfree(values);
	return false;
}

/*
 * Judge a metric row against one rule, and fire if it holds.  "series" has
 * the row at "position", and may be NULL where the rule is broken.
 */
void
wb_judge_metric(WbCandidate *candidate, const WbEvent *event,
				const WbSeries *series, int position)
{
	const WbAutomation *automation = candidate->automation;
	WbVerdict	verdict = {.automation = automation,.event = event};

	if (automation->broken == NULL &&
		!metric_holds(automation->rule, series, position, &verdict))
		return;
	if (candidate->quiet_until <= wb_clock_now())
		candidate->quiet_until = fire(automation, &verdict);
}

/* Is the state of a run one that a rule waits for? */
static bool
concerns_state(const WbRule *rule, const WbEvent *event)
{
	return event->type != WB_EVENT_RUN_STATE ||
		(rule->states & wb_rule_state_of(event->run_state)) != 0;
}

/* Judge an event that is no metric, and fire what it makes fire. */
void
wb_judge_event(const WbEvent *event)
{
	List	   *candidates = wb_judge_find_candidates(event);
	ListCell   *cell;

	foreach(cell, candidates)
	{
		WbCandidate *candidate = lfirst(cell);
		const WbAutomation *automation = candidate->automation;
		WbVerdict	verdict = {.automation = automation,.event = event};

		if (automation->broken != NULL ||
			concerns_state(automation->rule, event))
			fire(automation, &verdict);
	}
}
