/*-------------------------------------------------------------------------
 *
 * observation.c
 *		Is every change of a series noticed, whoever makes it?
 *
 * A series can be kept only where nobody writes to its table without a mark
 * (see writer_slot.c).  Two things could let somebody do so: triggers of ours
 * that are missing or switched off, and a session that looked at the rules
 * when none was on the metric.
 *
 * IDENTIFICATION
 *		src/decide/observation.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "decide/decide.h"
#include "utils/snapmgr.h"

/* Whoever may not know these rules has an older transaction id. */
static uint64 rules_generation = 0;
static uint64 rules_known_from = 0;

/*
 * Does a table tell us of every row that comes, changes or goes, whoever
 * writes it?  Only if our triggers stand there ENABLE ALWAYS; and nothing may
 * change a key behind the back of UPDATE OF.
 */
bool
wb_observation_is_complete(Relation table, Oid function)
{
	const TriggerDesc *triggers = table->trigdesc;
	bool		sees_arrivals = false;
	bool		sees_losses = false;

	if (triggers->trig_update_before_row)
		return false;
	for (int i = 0; i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		if (trigger->tgfoid != function || trigger->tgqual == NULL ||
			trigger->tgenabled != TRIGGER_FIRES_ALWAYS ||
			!TRIGGER_FOR_ROW(trigger->tgtype) ||
			!TRIGGER_FOR_AFTER(trigger->tgtype) ||
			!TRIGGER_FOR_UPDATE(trigger->tgtype))
			continue;
		if (TRIGGER_FOR_DELETE(trigger->tgtype))
			sees_losses = true;
		else if (TRIGGER_FOR_INSERT(trigger->tgtype) && trigger->tgnattr == 0)
			sees_arrivals = true;
	}
	return sees_arrivals && sees_losses;
}

/*
 * Does everybody know the rules that we know, who was open when a snapshot was
 * taken?  Somebody who looked at the rules before they changed writes to a
 * metric without a mark; but he had his transaction id before we heard of the
 * change (see read_messages in met_runs.c).
 */
bool
wb_observation_is_by_all(Snapshot snapshot)
{
	uint64		generation = wb_rules_generation();

	if (rules_generation != generation)
	{
		FullTransactionId next = ReadNextFullTransactionId();

		rules_generation = generation;
		rules_known_from = U64FromFullTransactionId(next);
	}
	return wb_writer_slot_widen(snapshot->xmin) >= rules_known_from;
}
