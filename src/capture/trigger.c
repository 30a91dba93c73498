/*-------------------------------------------------------------------------
 *
 * trigger.c
 *		What all capture triggers have in common.
 *
 * Rows of a table make automations fire only if the table belongs to whoever
 * owns the history.  Otherwise anybody could forge events from a table of
 * their own.
 *
 * IDENTIFICATION
 *		src/capture/trigger.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "capture/capture.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "support/relation.h"
#include "support/setting.h"
#include "support/shape.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/rel.h"

/*
 * Make sure that a function runs as an AFTER ROW trigger on a table of ours,
 * and return how it was called.  "allowed" is TRIGGER_EVENT_INSERT;
 * TRIGGER_EVENT_UPDATE for a function that serves inserts and updates; or
 * TRIGGER_EVENT_DELETE for one that serves inserts, updates and deletions.
 * Returns NULL where there is nothing to capture: capture is off, or C cannot
 * read our tables, or the trigger's own one as "table".
 */
TriggerData *
wb_trigger_check(FunctionCallInfo fcinfo, const char *name,
				 TriggerEvent allowed, WbTable table)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		!TRIGGER_FIRED_AFTER(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
		(TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) &&
		 allowed == TRIGGER_EVENT_INSERT) ||
		(TRIGGER_FIRED_BY_DELETE(trigger->tg_event) &&
		 allowed != TRIGGER_EVENT_DELETE) ||
		TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be fired after a row change",
						name)));
	if (!wb_setting_capture)
		return NULL;
	if (!wb_relation_is_ours(trigger->tg_relation))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("table \"%s\" cannot make automations fire",
						RelationGetRelationName(trigger->tg_relation)),
				 errdetail("Its owner is not the owner of wb.executions.")));
	if (!wb_shape_is_right() || !wb_shape_fits(trigger->tg_relation, table))
		return NULL;
	return trigger;
}

/* The row as it is now. */
HeapTuple
wb_trigger_new_row(const TriggerData *trigger)
{
	return TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ?
		trigger->tg_newtuple : trigger->tg_trigtuple;
}

static Datum
read_column(const TriggerData *trigger, HeapTuple row, const char *column,
			bool *is_null)
{
	Relation	table = trigger->tg_relation;

	return heap_getattr(row, wb_relation_attribute(table, column),
						RelationGetDescr(table), is_null);
}

/* A text column of a row, or NULL. */
char *
wb_trigger_text(const TriggerData *trigger, HeapTuple row, const char *column)
{
	bool		is_null;
	Datum		value = read_column(trigger, row, column, &is_null);

	return is_null ? NULL : TextDatumGetCString(value);
}

/* A bigint column of a row, or WB_NO_ID. */
int64
wb_trigger_id(const TriggerData *trigger, HeapTuple row, const char *column)
{
	bool		is_null;
	Datum		value = read_column(trigger, row, column, &is_null);

	return is_null ? WB_NO_ID : DatumGetInt64(value);
}

/* An integer column of a row that is never null. */
int
wb_trigger_integer(const TriggerData *trigger, HeapTuple row,
				   const char *column)
{
	bool		is_null;

	return DatumGetInt32(read_column(trigger, row, column, &is_null));
}

/* A text[] column of a row, as a list of C strings. */
List *
wb_trigger_texts(const TriggerData *trigger, HeapTuple row, const char *column)
{
	bool		is_null;
	Datum		value = read_column(trigger, row, column, &is_null);
	Datum	   *elements;
	int			count;
	List	   *texts = NIL;

	if (is_null)
		return NIL;
	deconstruct_array(DatumGetArrayTypeP(value), TEXTOID, -1, false,
					  TYPALIGN_INT, &elements, NULL, &count);
	for (int i = 0; i < count; i++)
		texts = lappend(texts, TextDatumGetCString(elements[i]));
	return texts;
}

/* Who is writing, for rows that say nothing of it because they go. */
char *
wb_trigger_user(void)
{
	return GetUserNameFromId(GetUserId(), true);
}
