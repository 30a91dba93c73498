/*-------------------------------------------------------------------------
 *
 * shape.c
 *		Compares our tables with what C reads of them.
 *
 * A column of another type, a NULL where there should be none, a view in place
 * of a table: each would have C take numbers for addresses.  So all that C
 * counts on is listed in shape_list.c, is compared with the catalogs, and is
 * compared again when a table changed.  Where something does not fit, nothing
 * is judged, the worker holds, and wb.status() says what to do.
 *
 * Rule: no table is opened here, and so no lock is waited for.
 *
 * IDENTIFICATION
 *		src/support/shape.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "funcapi.h"
#include "support/compat.h"
#include "support/invalidation.h"
#include "support/shape.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

WB_FUNCTION_INFO_V1(wb_sql_table_problems);

/* What is wrong, and what to run about it. */
typedef struct Findings
{
	StringInfoData problems;
	StringInfoData remedy;
	bool		is_readable;	/* but for indexes, all is well */
} Findings;

/* Tables that are none of the above, such as partitions. */
typedef struct Known
{
	Oid			oid;
	WbTable		table;
	uint64		since;			/* generation of lookups */
	bool		is_readable;
	bool		fits;			/* is readable, and has the indexes */
} Known;

#define KNOWN_COUNT	64

static Known known[KNOWN_COUNT];
static uint64 right_since = 0;	/* generation of the tables */
static bool is_right = false;

static void
begin_findings(Findings *findings)
{
	initStringInfo(&findings->problems);
	initStringInfo(&findings->remedy);
	findings->is_readable = true;
}

static void
find(Findings *findings, const char *problem, const char *remedy)
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
check_column(Oid oid, const WbColumn *column, Findings *findings)
{
	HeapTuple	tuple = SearchSysCacheAttName(oid, column->name);
	Form_pg_attribute attribute;
	bool		has_type;
	bool		fits;

	if (!HeapTupleIsValid(tuple))
	{
		if (findings != NULL)
			find(findings, psprintf("%s has no column \"%s\"",
									show_table(oid), column->name),
				 psprintf("Run ALTER TABLE %s ADD %s %s;", show_table(oid),
						  column->name, format_type_be(column->type)));
		return false;
	}
	attribute = (Form_pg_attribute) GETSTRUCT(tuple);
	has_type = attribute->atttypid == column->type &&
		attribute->atttypmod == -1 && attribute->attgenerated == '\0';
	fits = has_type && (attribute->attnotnull || !column->is_not_null);
	if (!has_type && findings != NULL)
		find(findings, psprintf("column \"%s\" of %s is of type %s",
								column->name, show_table(oid),
								show_type(attribute)),
			 psprintf("Run ALTER TABLE %s ALTER %s TYPE %s;", show_table(oid),
					  column->name, format_type_be(column->type)));
	else if (!fits && findings != NULL)
		find(findings, psprintf("column \"%s\" of %s may be null",
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
check_indexes(Oid oid, WbTable table, Findings *findings)
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
		find(findings, psprintf("%s has no valid btree index on (%s), ascending and without a condition",
								show_table(oid), list.data),
			 psprintf("Run CREATE INDEX ON %s (%s);", show_table(oid), list.data));
	}
	return fits;
}

static bool
check_columns(Oid oid, WbTable table, Findings *findings)
{
	char		kind = get_rel_relkind(oid);
	bool		fits = true;

	if (kind != RELKIND_RELATION &&
		(kind != RELKIND_PARTITIONED_TABLE ||
		 !wb_shapes[table].may_be_partitioned))
	{
		if (findings != NULL)
			find(findings, psprintf("%s is no plain table", show_table(oid)),
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
static bool
check_relation(Oid oid, WbTable table, Findings *findings)
{
	if (!check_columns(oid, table, findings))
	{
		if (findings != NULL)
			findings->is_readable = false;
		return false;
	}
	/* rows are read from partitions, each by an index of its own */
	return get_rel_relkind(oid) == RELKIND_PARTITIONED_TABLE ||
		check_indexes(oid, table, findings);
}

/* Are all of our tables as C expects them?  Partitions apart. */
bool
wb_shape_is_right(void)
{
	uint64		now = wb_generation(WB_GENERATION_TABLES);

	if (right_since == now)
		return is_right;
	right_since = 0;
	is_right = true;
	for (int i = 0; is_right && i < WB_TABLE_COUNT; i++)
	{
		Oid			oid = wb_relation_oid(i);

		/* a table that is not there yet moves no generation */
		if (!OidIsValid(oid))
			return false;
		is_right = check_relation(oid, i, NULL);
	}
	right_since = now;
	return is_right;
}

static const Known *
look_at(Relation relation, WbTable table)
{
	Oid			oid = RelationGetRelid(relation);
	Known	   *entry = &known[(oid + table) % KNOWN_COUNT];
	uint64		now = wb_generation(WB_GENERATION_LOOKUPS);

	if (entry->oid == oid && entry->table == table && entry->since == now)
		return entry;
	wb_generation_watch(WB_GENERATION_LOOKUPS, oid);
	entry->since = 0;
	entry->oid = oid;
	entry->table = table;
	entry->is_readable = check_columns(oid, table, NULL);
	entry->fits = entry->is_readable && check_relation(oid, table, NULL);
	entry->since = now;
	return entry;
}

/*
 * Can C read this relation as one of our tables, and find its rows?  It is
 * that table, a partition of it, or whatever else a trigger of ours stands on.
 */
bool
wb_shape_fits(Relation relation, WbTable table)
{
	return look_at(relation, table)->fits;
}

/* The same, without the indexes by which rows are found. */
bool
wb_shape_is_readable(Relation relation, WbTable table)
{
	return look_at(relation, table)->is_readable;
}

static void
raise_problems(Relation relation, WbTable table)
{
	Findings	findings;

	begin_findings(&findings);
	(void) check_relation(RelationGetRelid(relation), table, &findings);
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("table \"%s\" is not as wb.setup() makes it: %s",
					RelationGetRelationName(relation), findings.problems.data),
			 errhint("%s", findings.remedy.data)));
}

/* Raise, with the way out, where it is not readable. */
void
wb_shape_require_readable(Relation relation, WbTable table)
{
	if (!wb_shape_is_readable(relation, table))
		raise_problems(relation, table);
}

/* Raise, with the way out, where it does not fit. */
void
wb_shape_require(Relation relation, WbTable table)
{
	if (!wb_shape_fits(relation, table))
		raise_problems(relation, table);
}

/* Look at all tables and partitions. */
static void
find_all(Findings *findings)
{
	begin_findings(findings);
	for (int i = 0; i < WB_TABLE_COUNT; i++)
	{
		Oid			oid = wb_relation_oid(i);
		ListCell   *cell;

		if (!OidIsValid(oid))
		{
			findings->is_readable = false;
			find(findings, psprintf("table wb.%s does not exist",
									wb_relation_name(i)),
				 "Run SELECT wb.setup();");
		}
		else if (!wb_shapes[i].may_be_partitioned)
			(void) check_relation(oid, i, findings);
		else
			foreach(cell, find_all_inheritors(oid, NoLock, NULL))
				(void) check_relation(lfirst_oid(cell), i, findings);
	}
}

/* What is wrong with the tables, and what to run. */
char *
wb_shape_problems(char **remedy)
{
	Findings	findings;

	find_all(&findings);
	*remedy = findings.remedy.data;
	return findings.problems.data;
}

/* Raise, with the way out, where our tables are not all as C expects them. */
void
wb_shape_require_right(void)
{
	char	   *remedy;
	char	   *problems;

	if (wb_shape_is_right())
		return;
	problems = wb_shape_problems(&remedy);
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the tables are not as wb.setup() makes them: %s",
					problems),
			 errhint("%s", remedy)));
}

/*
 * wb.table_problems(OUT problems text, OUT remedy text,
 *					 OUT is_readable boolean)
 */
Datum
wb_sql_table_problems(PG_FUNCTION_ARGS)
{
	TupleDesc	row;
	Findings	findings;
	Datum		values[3];
	bool		nulls[3] = {false};

	if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	find_all(&findings);
	nulls[0] = nulls[1] = findings.problems.len == 0;
	values[0] = CStringGetTextDatum(findings.problems.data);
	values[1] = CStringGetTextDatum(findings.remedy.data);
	values[2] = BoolGetDatum(findings.is_readable);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row),
													  values, nulls)));
}
