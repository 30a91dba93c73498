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

/*
 * The automations whose scope and filter match an event.  One that cannot be
 * judged is among them: that it is broken has to be told to somebody.  The
 * list is the current context's, its members the cache's.
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

		if (automation->broken != NULL ||
			wb_filter_matches(automation->rule->filter, event))
			candidates = lappend(candidates, automation);
	}
	list_free(in_scope);
	return candidates;
}

/*
 * Judge a metric rule after a row was put into its series at "position",
 * counted from the newest point.  A row outside of the rule's window changes
 * nothing that the rule looks at, so there is nothing to judge; nor is there
 * before the window is full.
 */
bool
wb_judge_metric(const WbAutomation *automation, const WbEvent *event,
				const WbSeries *series, int position, WbVerdict *verdict)
{
	const WbRule *rule = automation->rule;
	float8	   *values;

	if (position < 0 || position >= rule->window_size ||
		series->count < rule->window_size)
		return false;

	values = palloc(sizeof(float8) * rule->window_size);
	wb_series_copy_window(series, rule->window_size, values);
	if (!wb_metric_rule_holds(rule, values, &verdict->observed))
	{
		pfree(values);
		return false;
	}
	verdict->automation = automation;
	verdict->event = event;
	verdict->has_observed = true;
	verdict->threshold = rule->threshold;
	verdict->values = values;
	verdict->value_count = rule->window_size;
	return true;
}

/* Judge an event that its filter has matched already. */
bool
wb_judge_event(const WbAutomation *automation, const WbEvent *event,
			   WbVerdict *verdict)
{
	const WbRule *rule = automation->rule;

	if (event->type == WB_EVENT_RUN_STATE &&
		(rule->states & wb_rule_state_of(event->run_state)) == 0)
		return false;
	verdict->automation = automation;
	verdict->event = event;
	verdict->has_observed = false;
	return true;
}
