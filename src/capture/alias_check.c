/*-------------------------------------------------------------------------
 *
 * alias_check.c
 *		Refuses an alias that a version cannot have, or that is not the
 *		writer's to give.
 *
 * Reads what an alias refers to with direct scans: whoever may write
 * wb.artifact_aliases needs no right on the tables that say whether a version
 * is in a collection, and which aliases a registry protects.
 *
 * An UPDATE or DELETE is checked before it happens, so that a deletion which
 * a foreign key passes on counts as the table owner's at every version of the
 * server; an INSERT afterwards, so that an alias which was there already, and
 * stays, is nobody's offence.
 *
 * IDENTIFICATION
 *		src/capture/alias_check.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "capture/capture.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "support/compat.h"
#include "support/relation.h"
#include "support/shape.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

WB_FUNCTION_INFO_V1(wb_sql_check_alias);

/* A row of wb.artifact_aliases. */
typedef struct AliasRow
{
	int64		collection_id;
	int64		artifact_id;
	char	   *name;
} AliasRow;

static AliasRow
read_alias(const TriggerData *trigger, HeapTuple row)
{
	AliasRow	alias;

	alias.collection_id = wb_trigger_id(trigger, row, "collection_id");
	alias.artifact_id = wb_trigger_id(trigger, row, "artifact_id");
	alias.name = wb_trigger_text(trigger, row, "alias");
	return alias;
}

/* Is the version linked to the collection? */
static bool
is_linked(const AliasRow *alias)
{
	WbScan		scan;
	bool		is_found = false;

	if (!wb_scan_begin_by_id(WB_TABLE_ARTIFACT_LINKS, "artifact_id",
							 alias->artifact_id, &scan))
		return false;
	while (!is_found && wb_scan_next(&scan))
		is_found = wb_scan_id(&scan, "collection_id") == alias->collection_id;
	wb_scan_end(&scan);
	return is_found;
}

/* The version must be logged in the collection, or linked to it. */
static void
check_place(const AliasRow *alias)
{
	WbScan		scan;
	int64		home;

	/* the foreign key refuses a version that does not exist */
	if (!wb_scan_row_by_id(WB_TABLE_ARTIFACTS, alias->artifact_id, &scan))
		return;
	home = wb_scan_id(&scan, "collection_id");
	wb_scan_end(&scan);
	if (home == alias->collection_id || is_linked(alias))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
			 errmsg("artifact version " INT64_FORMAT " is not in collection " INT64_FORMAT,
					alias->artifact_id, alias->collection_id),
			 errhint("Give the alias in the version's own collection, or link the version first with wb.link_artifact().")));
}

static bool
has_text(Datum array, const char *word)
{
	Datum	   *elements;
	int			count;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false,
					  TYPALIGN_INT, &elements, NULL, &count);
	for (int i = 0; i < count; i++)
	{
		if (strcmp(TextDatumGetCString(elements[i]), word) == 0)
			return true;
	}
	return false;
}

/* The registry that protects an alias, or NULL. */
static char *
find_protector(const AliasRow *alias)
{
	WbScan		scan;
	int64		registry_id;
	char	   *registry = NULL;
	bool		is_null;
	Datum		list;

	if (!wb_scan_row_by_id(WB_TABLE_COLLECTIONS, alias->collection_id, &scan))
		return NULL;
	registry_id = wb_scan_id(&scan, "registry_id");
	wb_scan_end(&scan);
	if (registry_id == WB_NO_ID ||
		!wb_scan_row_by_id(WB_TABLE_REGISTRIES, registry_id, &scan))
		return NULL;
	list = wb_scan_column(&scan, "protected_aliases", &is_null);
	if (!is_null && has_text(list, alias->name))
		registry = wb_scan_text(&scan, "name");
	wb_scan_end(&scan);
	return registry;
}

/* May this role change the list of protected aliases? */
static bool
is_administrator(void)
{
	Oid			registries = wb_relation_oid(WB_TABLE_REGISTRIES);
	AttrNumber	list = get_attnum(registries, "protected_aliases");

	return pg_class_aclcheck(registries, GetUserId(),
							 ACL_UPDATE) == ACLCHECK_OK ||
		pg_attribute_aclcheck(registries, list, GetUserId(),
							  ACL_UPDATE) == ACLCHECK_OK;
}

static void
check_protection(const AliasRow *alias)
{
	char	   *registry = find_protector(alias);

	if (registry != NULL && !is_administrator())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("alias \"%s\" is protected in registry \"%s\"",
						alias->name, registry),
				 errhint("Roles that may update wb.registries may give it and take it away.")));
}

static bool
is_same(const AliasRow *a, const AliasRow *b)
{
	return a->collection_id == b->collection_id &&
		a->artifact_id == b->artifact_id && strcmp(a->name, b->name) == 0;
}

/* An UPDATE comes here before NOT NULL is checked. */
static bool
is_whole(const AliasRow *alias)
{
	return alias->name != NULL && alias->artifact_id != WB_NO_ID &&
		alias->collection_id != WB_NO_ID;
}

/* wb.check_alias() returns trigger */
Datum
wb_sql_check_alias(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	HeapTuple	row;
	AliasRow	written;
	AliasRow	before;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
		TRIGGER_FIRED_BEFORE(trigger->tg_event) ==
		TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be fired after a row is inserted, or before it is changed",
						"wb.check_alias")));

	wb_shape_require_readable(trigger->tg_relation,
							  WB_TABLE_ARTIFACT_ALIASES);
	row = wb_trigger_new_row(trigger);
	written = read_alias(trigger, row);
	before = read_alias(trigger, trigger->tg_trigtuple);
	if (!is_whole(&written))
		return PointerGetDatum(row);
	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
	{
		if (is_same(&before, &written))
			return PointerGetDatum(row);
		check_protection(&before);
	}
	check_protection(&written);
	if (!TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
		check_place(&written);
	return PointerGetDatum(row);
}
