/*-------------------------------------------------------------------------
 *
 * unknown_type.c
 *		Keeps automations of types that this version does not know.
 *
 * A dump of a later version may hold event types, action types and scope
 * types that are unknown here.  Such rows are listed, can be disabled and
 * deleted, and stay as they are otherwise: a change that nobody here can
 * check could only break them for the version that understands them.
 *
 * IDENTIFICATION
 *		src/decide/unknown_type.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "decide/decide.h"
#include "support/relation.h"
#include "utils/builtins.h"
#include "utils/datum.h"

static const char *const scope_types[] = {
	"PROJECT", "ARTIFACT_COLLECTION", "REGISTRY", "ENTITY"
};

static bool
is_scope_type(const char *name)
{
	for (size_t i = 0; i < lengthof(scope_types); i++)
	{
		if (strcmp(scope_types[i], name) == 0)
			return true;
	}
	return false;
}

/* A text column that is NOT NULL. */
static char *
read_text(Relation table, HeapTuple row, const char *column)
{
	AttrNumber	number = wb_relation_attribute(table, column);
	bool		is_null;

	return TextDatumGetCString(heap_getattr(row, number,
											RelationGetDescr(table),
											&is_null));
}

static bool
is_changed(Form_pg_attribute attribute, TupleDesc descriptor,
		   HeapTuple old_row, HeapTuple new_row)
{
	bool		old_is_null;
	bool		new_is_null;
	Datum		old_value = heap_getattr(old_row, attribute->attnum,
										 descriptor, &old_is_null);
	Datum		new_value = heap_getattr(new_row, attribute->attnum,
										 descriptor, &new_is_null);

	if (old_is_null || new_is_null)
		return old_is_null != new_is_null;
	return !datum_image_eq(old_value, new_value, attribute->attbyval,
						   attribute->attlen);
}

/* Is anything changed but that the automation is switched off? */
static bool
is_more_than_disabled(Relation table, HeapTuple old_row, HeapTuple new_row)
{
	TupleDesc	descriptor = RelationGetDescr(table);
	AttrNumber	enabled = wb_relation_attribute(table, "enabled");
	bool		is_null;

	for (int i = 0; i < descriptor->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(descriptor, i);

		if (attribute->attisdropped ||
			!is_changed(attribute, descriptor, old_row, new_row))
			continue;
		if (attribute->attnum != enabled ||
			DatumGetBool(heap_getattr(new_row, enabled, descriptor, &is_null)))
			return true;
	}
	return false;
}

/*
 * Refuse an update of an automation of an unknown type, unless it switches
 * the automation off.
 */
void
wb_unknown_type_protect(Relation table, HeapTuple old_row, HeapTuple new_row)
{
	char	   *scope_type = read_text(table, old_row, "scope_type");
	char	   *event_type = read_text(table, old_row, "event_type");
	char	   *action_type = read_text(table, old_row, "action_type");
	const char *what;
	const char *unknown;

	if (!is_scope_type(scope_type))
	{
		what = "scope";
		unknown = scope_type;
	}
	else if (!wb_event_type_is_known(event_type))
	{
		what = "event";
		unknown = event_type;
	}
	else if (!wb_action_type_is_known(action_type))
	{
		what = "action";
		unknown = action_type;
	}
	else
		return;

	if (is_more_than_disabled(table, old_row, new_row))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("automation \"%s\" is of the unknown %s type \"%s\" and cannot be changed",
						read_text(table, old_row, "name"), what, unknown),
				 errhint("It can be disabled and deleted.")));
}
