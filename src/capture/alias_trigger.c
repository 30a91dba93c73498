/*-------------------------------------------------------------------------
 *
 * alias_trigger.c
 *		A version got an alias: judge it.
 *
 * An alias that moves is an UPDATE of its row, and one event for the version
 * that has it now.  Giving a version an alias that it has is no event.
 *
 * IDENTIFICATION
 *		src/capture/alias_trigger.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "capture/capture.h"
#include "decide/decide.h"
#include "support/compat.h"

WB_FUNCTION_INFO_V1(wb_sql_capture_alias);

/* Does an UPDATE leave the alias where it was? */
static bool
is_unmoved(const TriggerData *trigger)
{
	HeapTuple	old_row = trigger->tg_trigtuple;
	HeapTuple	new_row = trigger->tg_newtuple;

	if (!TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		return false;
	return wb_trigger_id(trigger, old_row, "artifact_id") ==
		wb_trigger_id(trigger, new_row, "artifact_id") &&
		strcmp(wb_trigger_text(trigger, old_row, "alias"),
			   wb_trigger_text(trigger, new_row, "alias")) == 0;
}

/* wb.capture_alias() returns trigger */
Datum
wb_sql_capture_alias(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = wb_trigger_check(fcinfo, "wb.capture_alias",
											TRIGGER_EVENT_UPDATE,
											WB_TABLE_ARTIFACT_ALIASES);
	HeapTuple	row;
	WbEvent		event = {.type = WB_EVENT_ADD_ARTIFACT_ALIAS};

	if (trigger == NULL || is_unmoved(trigger))
		return PointerGetDatum(NULL);

	row = wb_trigger_new_row(trigger);
	if (!wb_collection_read(wb_trigger_id(trigger, row, "collection_id"),
							&event) ||
		!wb_artifact_read(wb_trigger_id(trigger, row, "artifact_id"), &event))
		return PointerGetDatum(NULL);
	event.alias = wb_trigger_text(trigger, row, "alias");
	event.username = wb_trigger_text(trigger, row, "created_by");
	wb_judge_event(&event);
	return PointerGetDatum(NULL);
}
