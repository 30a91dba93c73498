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
#include "utils/memutils.h"
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
 * Does an automation's filter match an event, or can it not be judged?  What
 * the filters read of the run they share in "seen", which is a copy of the
 * event; it is gone afterwards, because a statement may be about many runs.
 */
static bool
is_concerned(const WbAutomation *automation, WbEvent *seen,
			 MemoryContext *context)
{
	MemoryContext before;
	bool		is_match;

	if (automation->broken != NULL ||
		wb_filter_is_void(automation->rule->filter))
		return true;
	if (*context == NULL)
		*context = AllocSetContextCreate(CurrentMemoryContext, "wb filter",
										 ALLOCSET_SMALL_SIZES);
	before = MemoryContextSwitchTo(*context);
	if (seen->unread != NULL)
		seen->unread = *context;
	is_match = wb_run_complete(seen) &&
		wb_filter_matches(automation->rule->filter, seen);
	MemoryContextSwitchTo(before);
	return is_match;
}

/*
 * The automations whose scope and filter match an event, as WbCandidates of
 * the current context, whose caller holds rules.  One that cannot be judged is
 * among them: that it is broken has to be told to somebody.
 */
List *
wb_judge_find_candidates(const WbEvent *event)
{
	List	   *in_scope = wb_scope_find_rules(event);
	List	   *candidates = NIL;
	WbEvent		seen = *event;
	MemoryContext context = NULL;
	WbCandidate *room;
	ListCell   *cell;

	if (in_scope == NIL)
		return NIL;
	room = palloc0(sizeof(WbCandidate) * list_length(in_scope));
	foreach(cell, in_scope)
	{
		const WbAutomation *automation = lfirst(cell);

		if (!is_concerned(automation, &seen, &context))
			continue;
		room->automation = automation;
		room->quiet_until = DT_NOBEGIN;
		candidates = lappend(candidates, room++);
	}
	list_free(in_scope);
	if (context != NULL)
		MemoryContextDelete(context);
	return candidates;
}

/* Is there a full window, and a baseline where the rule asks for one? */
static bool
has_window(WbCandidate *candidate, const WbEvent *event,
		   const WbWindow *window, const WbSeriesSource *source)
{
	const WbRule *rule = candidate->automation->rule;

	if (window->count < wb_metric_rule_size(rule))
		return false;
	if (!rule->is_against_runs)
		return true;
	if (candidate->baseline == NULL)
		wb_baseline_read(candidate, event, source);
	return candidate->baseline_count >= rule->prior_size;
}

/* The values that a rule looks at, oldest first. */
static float8 *
copy_values(const WbCandidate *candidate, const WbWindow *window)
{
	const WbRule *rule = candidate->automation->rule;
	int			own_size = wb_metric_rule_size(rule);
	int			other_size = rule->is_against_runs ? rule->prior_size : 0;
	float8	   *values = palloc(sizeof(float8) * (other_size + own_size));

	if (other_size > 0)
		memcpy(values, candidate->baseline, sizeof(float8) * other_size);
	for (int i = 0; i < own_size; i++)
		values[other_size + i] = window->end[i - own_size].value;
	return values;
}

/* Judge the values themselves, and fill in the verdict if the rule holds. */
static bool
holds(const WbCandidate *candidate, const WbWindow *window,
	  WbVerdict *verdict)
{
	const WbRule *rule = candidate->automation->rule;
	float8	   *values = copy_values(candidate, window);

	if (!wb_metric_rule_holds(rule, values, &verdict->observed))
	{
		pfree(values);
		return false;
	}
	verdict->has_observed = true;
	verdict->threshold = rule->threshold;
	verdict->values = values;
	verdict->value_count = rule->prior_size + rule->current_size;
	return true;
}

/* What runs along with the series knows nothing of a row that came late. */
static bool
is_out(const WbCandidate *candidate, WbSeries *series, const WbWindow *window)
{
	return window->is_newest && wb_rule_is_out(candidate, series);
}

/*
 * Does a rule hold of the window of a row that "series" has?  The verdict, if
 * so, is filled in but for its words.  "source" is where a baseline is read
 * from, unless the candidate has one.
 */
bool
wb_judge_holds(WbCandidate *candidate, const WbEvent *event,
			   WbSeries *series, const WbWindow *window,
			   const WbSeriesSource *source, WbVerdict *verdict)
{
	return has_window(candidate, event, window, source) &&
		!is_out(candidate, series, window) &&
		holds(candidate, window, verdict);
}

/*
 * Is it of no interest for now whether a rule holds?  A baseline is dear to
 * read, so its automation's cooldown is asked before.
 */
static bool
is_quiet(WbCandidate *candidate, const WbWindow *window,
		 const WbVerdict *verdict)
{
	const WbAutomation *automation = candidate->automation;

	if (automation->broken == NULL && automation->rule->is_against_runs &&
		candidate->baseline == NULL &&
		window->count >= wb_metric_rule_size(automation->rule))
		candidate->quiet_until = wb_deliver_quiet_until(verdict);
	return candidate->quiet_until != DT_NOBEGIN &&
		candidate->quiet_until > wb_clock_now();
}

/*
 * Judge a metric row against one rule, and fire if it holds.  The window is
 * not looked at where the rule is broken.
 */
void
wb_judge_metric(WbCandidate *candidate, WbEvent *event,
				WbSeries *series, const WbWindow *window,
				const WbSeriesSource *source)
{
	const WbAutomation *automation = candidate->automation;
	WbVerdict	verdict = {.automation = automation,.event = event};

	if (is_quiet(candidate, window, &verdict))
		return;
	if ((automation->broken != NULL ||
		 wb_judge_holds(candidate, event, series, window, source, &verdict)) &&
		wb_run_complete(event))
		candidate->quiet_until = fire(automation, &verdict);
}

/* Is the state of a run one that a rule waits for? */
static bool
concerns_state(const WbRule *rule, const WbEvent *event)
{
	return event->type != WB_EVENT_RUN_STATE ||
		(rule->states & wb_rule_state_of(event->run_state)) != 0;
}

static bool
has_fired(const List *fired, int64 automation_id)
{
	ListCell   *cell;

	foreach(cell, fired)
	{
		const WbCandidate *candidate = lfirst(cell);

		if (candidate->automation->id == automation_id)
			return true;
	}
	return false;
}

/*
 * Judge an event that is no metric.  "fired" has the WbCandidates that fired
 * on it, and gets more.
 */
static void
judge_face(const WbEvent *event, List **fired)
{
	List	   *candidates;
	ListCell   *cell;

	wb_rules_hold(CurrentMemoryContext);
	candidates = wb_judge_find_candidates(event);
	foreach(cell, candidates)
	{
		WbCandidate *candidate = lfirst(cell);
		const WbAutomation *automation = candidate->automation;
		WbVerdict	verdict = {.automation = automation,.event = event};

		if (has_fired(*fired, automation->id))
			continue;
		if (automation->broken != NULL ||
			concerns_state(automation->rule, event))
		{
			*fired = lappend(*fired, candidate);
			fire(automation, &verdict);
		}
	}
}

/*
 * As wb_judge_event, for one automation out of those that the event concerns;
 * nothing where it is not among them.
 */
void
wb_judge_one(int64 automation_id, const WbEvent *event)
{
	List	   *candidates;
	ListCell   *cell;

	wb_rules_hold(CurrentMemoryContext);
	candidates = wb_judge_find_candidates(event);
	foreach(cell, candidates)
	{
		WbCandidate *candidate = lfirst(cell);
		const WbAutomation *automation = candidate->automation;
		WbVerdict	verdict = {.automation = automation,.event = event};

		if (automation->id == automation_id)
			fire(automation, &verdict);
	}
}

/* Judge an event that is no metric, and fire what it makes fire. */
void
wb_judge_event(const WbEvent *event)
{
	List	   *fired = NIL;

	judge_face(event, &fired);
}

/*
 * Judge one event that happened in several collections at once; "faces" has a
 * WbEvent for each.  An automation fires at most once, on the first that it
 * matches.
 */
void
wb_judge_faces(List *faces)
{
	List	   *fired = NIL;
	ListCell   *cell;

	foreach(cell, faces)
		judge_face(lfirst(cell), &fired);
}
