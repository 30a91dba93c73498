/*-------------------------------------------------------------------------
 *
 * artifact_trigger.c
 *		A version was committed: judge it.
 *
 * The aliases and tags that it has by then were given to something that did
 * not exist for automations, so their events come now, after its own.
 * "latest" moves later still, by the trigger wb_latest.
 *
 * IDENTIFICATION
 *		src/capture/artifact_trigger.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "capture/capture.h"
#include "decide/decide.h"
#include "support/compat.h"

WB_FUNCTION_INFO_V1(wb_sql_capture_artifact);

/* Judge what a version that is committed has already, one by one. */
static void
judge_given(const WbEvent *created)
{
	WbEvent		event = *created;
	ListCell   *cell;

	event.aliases = NIL;
	event.tags = NIL;
	event.type = WB_EVENT_ADD_ARTIFACT_ALIAS;
	foreach(cell, created->aliases)
	{
		event.alias = lfirst(cell);
		wb_judge_event(&event);
	}
	event.alias = NULL;
	event.type = WB_EVENT_ADD_ARTIFACT_TAG;
	foreach(cell, created->tags)
	{
		event.tag = lfirst(cell);
		wb_judge_event(&event);
	}
}

/* wb.capture_artifact() returns trigger */
Datum
wb_sql_capture_artifact(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = wb_trigger_check(fcinfo, "wb.capture_artifact",
											TRIGGER_EVENT_UPDATE,
											WB_TABLE_ARTIFACTS);
	HeapTuple	row;
	WbEvent		event = {.type = WB_EVENT_CREATE_ARTIFACT};

	if (trigger == NULL)
		return PointerGetDatum(NULL);

	row = wb_trigger_new_row(trigger);
	if (!wb_artifact_read(wb_trigger_id(trigger, row, "id"), &event))
		return PointerGetDatum(NULL);
	event.username = wb_trigger_text(trigger, row, "created_by");
	event.aliases = wb_artifact_aliases(event.artifact_id,
										event.collection_id);
	event.tags = wb_artifact_tags(event.artifact_id);
	wb_judge_event(&event);
	judge_given(&event);
	return PointerGetDatum(NULL);
}
