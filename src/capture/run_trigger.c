/*-------------------------------------------------------------------------
 *
 * run_trigger.c
 *		A run appeared, or its state changed: judge it.
 *
 * The first appearance of a run in a state counts as a change to it; the same
 * state again does not.  The WHEN clause of the trigger keeps all other
 * updates of a run away from here.
 *
 * IDENTIFICATION
 *		src/capture/run_trigger.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "capture/capture.h"
#include "decide/decide.h"
#include "support/compat.h"
#include "utils/rel.h"

WB_FUNCTION_INFO_V1(wb_sql_capture_run_state);

/* wb.capture_run_state() returns trigger */
Datum
wb_sql_capture_run_state(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = wb_trigger_check(fcinfo, "wb.capture_run_state",
											TRIGGER_EVENT_UPDATE,
											WB_TABLE_RUNS);
	HeapTuple	row;
	WbEvent		event = {.type = WB_EVENT_RUN_STATE};

	if (trigger == NULL)
		return PointerGetDatum(NULL);

	row = wb_trigger_new_row(trigger);
	event.run_id = wb_trigger_id(trigger, row, "id");
	event.project_id = wb_trigger_id(trigger, row, "project_id");
	event.run_name = wb_trigger_text(trigger, row, "name");
	event.display_name = wb_trigger_text(trigger, row, "display_name");
	event.username = wb_trigger_text(trigger, row, "username");
	event.run_state = wb_trigger_text(trigger, row, "state");
	event.run_row = row;
	event.run_row_type = RelationGetDescr(trigger->tg_relation);
	wb_judge_event(&event);
	return PointerGetDatum(NULL);
}
