/*-------------------------------------------------------------------------
 *
 * tag_trigger.c
 *		A version or a collection got a tag, or lost it.
 *
 * One row is one event.  A version has its tags wherever it is linked, so its
 * event is seen by every collection that has it, and an automation that
 * several of them concern fires once.
 *
 * IDENTIFICATION
 *		src/capture/tag_trigger.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "capture/capture.h"
#include "decide/decide.h"
#include "support/compat.h"

WB_FUNCTION_INFO_V1(wb_sql_capture_artifact_tag);
WB_FUNCTION_INFO_V1(wb_sql_capture_collection_tag);

/* One of the two tables of tags. */
typedef struct TagTable
{
	const char *function;
	const char *owner;			/* column: whose tag it is */
	WbEventType added;
	WbEventType removed;
	void		(*judge) (int64 owner_id, WbEvent *event);
} TagTable;

static void
judge_artifact_tag(int64 artifact_id, WbEvent *event)
{
	if (wb_artifact_read(artifact_id, event))
		wb_judge_faces(wb_artifact_faces(event));
}

static void
judge_collection_tag(int64 collection_id, WbEvent *event)
{
	if (wb_collection_read(collection_id, event))
		wb_judge_event(event);
}

static const TagTable artifact_tags = {
	"wb.capture_artifact_tag", "artifact_id", WB_EVENT_ADD_ARTIFACT_TAG,
	WB_EVENT_REMOVE_ARTIFACT_TAG, judge_artifact_tag
};

static const TagTable collection_tags = {
	"wb.capture_collection_tag", "collection_id", WB_EVENT_ADD_COLLECTION_TAG,
	WB_EVENT_REMOVE_COLLECTION_TAG, judge_collection_tag
};

/* Does an UPDATE leave the tag where it was? */
static bool
is_unmoved(const TriggerData *trigger, const TagTable *table)
{
	HeapTuple	old_row = trigger->tg_trigtuple;
	HeapTuple	new_row = trigger->tg_newtuple;

	if (!TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		return false;
	return wb_trigger_id(trigger, old_row, table->owner) ==
		wb_trigger_id(trigger, new_row, table->owner) &&
		strcmp(wb_trigger_text(trigger, old_row, "tag"),
			   wb_trigger_text(trigger, new_row, "tag")) == 0;
}

static void
capture_tag(const TriggerData *trigger, const TagTable *table)
{
	HeapTuple	row = wb_trigger_new_row(trigger);
	WbEvent		removed = {.type = table->removed};
	WbEvent		added = {.type = table->added};

	if (is_unmoved(trigger, table))
		return;
	if (!TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
	{
		removed.tag = wb_trigger_text(trigger, trigger->tg_trigtuple, "tag");
		removed.username = wb_trigger_user();
		table->judge(wb_trigger_id(trigger, trigger->tg_trigtuple,
								   table->owner), &removed);
	}
	if (!TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
	{
		added.tag = wb_trigger_text(trigger, row, "tag");
		added.username = wb_trigger_text(trigger, row, "created_by");
		table->judge(wb_trigger_id(trigger, row, table->owner), &added);
	}
}

/* wb.capture_artifact_tag() returns trigger */
Datum
wb_sql_capture_artifact_tag(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = wb_trigger_check(fcinfo, artifact_tags.function,
											TRIGGER_EVENT_DELETE,
											WB_TABLE_ARTIFACT_TAGS);

	if (trigger != NULL)
		capture_tag(trigger, &artifact_tags);
	return PointerGetDatum(NULL);
}

/* wb.capture_collection_tag() returns trigger */
Datum
wb_sql_capture_collection_tag(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = wb_trigger_check(fcinfo, collection_tags.function,
											TRIGGER_EVENT_DELETE,
											WB_TABLE_COLLECTION_TAGS);

	if (trigger != NULL)
		capture_tag(trigger, &collection_tags);
	return PointerGetDatum(NULL);
}
