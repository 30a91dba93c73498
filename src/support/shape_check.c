/*-------------------------------------------------------------------------
 *
 * shape_check.c
 *		Compares one of our tables, as the catalogs have it, with its list.
 *
 * Rule: no table is opened here, and so no lock is waited for.
 *
 * IDENTIFICATION
 *		src/support/shape_check.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "miscadmin.h"
#include "support/shape.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* Add a finding: a problem, and what to run about it. */
void
wb_shape_find(WbFindings *findings, const char *problem, const char *remedy)
{
	if (findings->problems.len > 0)
	{
		appendStringInfoString(&findings->problems, "; ");
		appendStringInfoChar(&findings->remedy, ' ');
	}
	appendStringInfoString(&findings->problems, problem);
	appendStringInfoString(&findings->remedy, remedy);
}

static char *
show_type(Form_pg_attribute attribute)
{
	return format_type_with_typemod(attribute->atttypid,
									attribute->atttypmod);
}

static char *
show_table(Oid oid)
{
	char	   *schema = get_namespace_name(get_rel_namespace(oid));

	return quote_qualified_identifier(schema, get_rel_name(oid));
}

static bool
check_column(Oid oid, const WbColumn *column, WbFindings *findings)
{
	HeapTuple	tuple = SearchSysCacheAttName(oid, column->name);
	Form_pg_attribute attribute;
	bool		has_type;
	bool		fits;

	if (!HeapTupleIsValid(tuple))
	{
		if (findings != NULL)
			wb_shape_find(findings, psprintf("%s has no column \"%s\"",
											 show_table(oid), column->name),
						  psprintf("Run ALTER TABLE %s ADD %s %s;",
								   show_table(oid), column->name,
								   format_type_be(column->type)));
		return false;
	}
	attribute = (Form_pg_attribute) GETSTRUCT(tuple);
	has_type = column->is_unread ?
		attribute->atttypid < FirstNormalObjectId :
		attribute->atttypid == column->type &&
		attribute->atttypmod == -1 && attribute->attgenerated == '\0';
	fits = has_type && (attribute->attnotnull || !column->is_not_null);
	if (!has_type && findings != NULL)
		wb_shape_find(findings, psprintf("column \"%s\" of %s is of type %s",
										 column->name, show_table(oid),
										 show_type(attribute)),
					  psprintf("Run ALTER TABLE %s ALTER %s TYPE %s;", show_table(oid),
							   column->name, format_type_be(column->type)));
	else if (!fits && findings != NULL)
		wb_shape_find(findings, psprintf("column \"%s\" of %s may be null",
										 column->name, show_table(oid)),
					  psprintf("Run ALTER TABLE %s ALTER %s SET NOT NULL;",
							   show_table(oid), column->name));
	ReleaseSysCache(tuple);
	return fits;
}

/* Has a table an index that starts with these columns? */
static bool
has_index(Oid oid, const char *const *names)
{
	AttrNumber	columns[WB_INDEX_COLUMNS];
	int			count = 0;
	Relation	catalog;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	bool		is_found = false;

	while (count < WB_INDEX_COLUMNS && names[count] != NULL)
	{
		columns[count] = get_attnum(oid, names[count]);
		count++;
	}
	ScanKeyInit(&key, Anum_pg_index_indrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(oid));
	catalog = table_open(IndexRelationId, AccessShareLock);
	scan = systable_beginscan(catalog, IndexIndrelidIndexId, true, NULL, 1,
							  &key);
	while (!is_found && HeapTupleIsValid(tuple = systable_getnext(scan)))
		is_found = wb_index_serves(tuple, columns, count);
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return is_found;
}

static bool
check_indexes(Oid oid, WbTable table, WbFindings *findings)
{
	bool		fits = true;

	for (int i = 0; i < WB_SHAPE_INDEXES; i++)
	{
		const char *const *columns = wb_shapes[table].indexes[i];
		StringInfoData list;

		if (columns[0] == NULL || has_index(oid, columns))
			continue;
		fits = false;
		if (findings == NULL)
			break;
		initStringInfo(&list);
		for (int j = 0; j < WB_INDEX_COLUMNS && columns[j] != NULL; j++)
			appendStringInfo(&list, "%s%s", j > 0 ? ", " : "", columns[j]);
		wb_shape_find(findings, psprintf("%s has no valid btree index on (%s), ascending and without a condition",
										 show_table(oid), list.data),
					  psprintf("Run CREATE INDEX ON %s (%s);", show_table(oid), list.data));
	}
	return fits;
}

static Oid
owner_of(Oid table)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
	Oid			owner = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
		ReleaseSysCache(tuple);
	}
	return owner;
}

/*
 * Does a table belong to the owner of wb.executions?  Whoever acts as that
 * role writes the others too, and would run the triggers of theirs.
 */
bool
wb_shape_check_owner(Oid oid, WbFindings *findings)
{
	Oid			owner = owner_of(wb_relation_oid(WB_TABLE_EXECUTIONS));

	if (owner_of(oid) == owner)
		return true;
	if (findings != NULL && OidIsValid(owner))
		wb_shape_find(findings, psprintf("%s and wb.executions belong to different roles",
										 show_table(oid)),
					  psprintf("Run ALTER TABLE %s OWNER TO %s;",
							   show_table(oid),
							   quote_identifier(GetUserNameFromId(owner,
																  false))));
	return false;
}

bool
wb_shape_check_columns(Oid oid, WbTable table, WbFindings *findings)
{
	char		kind = get_rel_relkind(oid);
	bool		fits = wb_shape_check_owner(oid, findings);

	if (kind != RELKIND_RELATION &&
		(kind != RELKIND_PARTITIONED_TABLE ||
		 !wb_shapes[table].may_be_partitioned))
	{
		if (findings != NULL)
			wb_shape_find(findings, psprintf("%s is no plain table", show_table(oid)),
						  "Replace it by a table as wb.setup() makes it.");
		return false;
	}
	for (int i = 0; i < WB_SHAPE_COLUMNS; i++)
	{
		if (wb_shapes[table].columns[i].name != NULL)
			fits = check_column(oid, &wb_shapes[table].columns[i], findings) &&
				fits;
	}
	return fits;
}

/* Can C read this relation as one of our tables, and find its rows? */
bool
wb_shape_check_relation(Oid oid, WbTable table, WbFindings *findings)
{
	if (!wb_shape_check_columns(oid, table, findings))
	{
		if (findings != NULL)
			findings->is_readable = false;
		return false;
	}
	/* rows are read from partitions, each by an index of its own */
	return get_rel_relkind(oid) == RELKIND_PARTITIONED_TABLE ||
		check_indexes(oid, table, findings);
}
