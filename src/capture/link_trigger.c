/*-------------------------------------------------------------------------
 *
 * link_trigger.c
 *		A version was linked to a collection of a registry, or unlinked.
 *
 * The aliases of the event are those that were given with the link; what
 * wb_latest does with them afterwards are events of their own.
 *
 * IDENTIFICATION
 *		src/capture/link_trigger.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "capture/capture.h"
#include "decide/decide.h"
#include "support/compat.h"

WB_FUNCTION_INFO_V1(wb_sql_capture_link);

/* wb.capture_link() returns trigger */
Datum
wb_sql_capture_link(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = wb_trigger_check(fcinfo, "wb.capture_link",
											TRIGGER_EVENT_DELETE,
											WB_TABLE_ARTIFACT_LINKS);
	HeapTuple	row;
	bool		is_unlinked;
	WbEvent		event = {.type = WB_EVENT_LINK_MODEL};

	if (trigger == NULL || TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		return PointerGetDatum(NULL);

	is_unlinked = TRIGGER_FIRED_BY_DELETE(trigger->tg_event);
	row = wb_trigger_new_row(trigger);
	if (!wb_collection_read(wb_trigger_id(trigger, row, "collection_id"),
							&event) ||
		!wb_artifact_read(wb_trigger_id(trigger, row, "artifact_id"), &event))
		return PointerGetDatum(NULL);

	/* the row of a link that goes is no longer there to be read */
	event.artifact_version = wb_trigger_integer(trigger, row, "version");
	event.tags = wb_artifact_tags(event.artifact_id);
	if (is_unlinked)
	{
		event.type = WB_EVENT_UNLINK_ARTIFACT;
		event.username = wb_trigger_user();
		event.aliases = wb_artifact_aliases(event.artifact_id,
											event.collection_id);
	}
	else
	{
		event.username = wb_trigger_text(trigger, row, "created_by");
		event.aliases = wb_trigger_texts(trigger, row, "aliases");
	}
	wb_judge_event(&event);
	return PointerGetDatum(NULL);
}
