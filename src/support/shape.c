/*-------------------------------------------------------------------------
 *
 * shape.c
 *		Compares our tables with what C reads of them.
 *
 * A column of another type, a NULL where there should be none, a view in place
 * of a table: each would have C take numbers for addresses.  So all that C
 * counts on is listed in shape_list.c, is compared with the catalogs
 * (shape_check.c), and is compared again when a table changed.  Where
 * something does not fit, nothing is judged, the worker holds, and wb.status()
 * says what to do.
 *
 * Rule: no table is opened here, and so no lock is waited for.
 *
 * IDENTIFICATION
 *		src/support/shape.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "funcapi.h"
#include "support/compat.h"
#include "support/invalidation.h"
#include "support/shape.h"
#include "utils/builtins.h"
#include "utils/rel.h"

WB_FUNCTION_INFO_V1(wb_sql_table_problems);

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
begin_findings(WbFindings *findings)
{
	initStringInfo(&findings->problems);
	initStringInfo(&findings->remedy);
	findings->is_readable = true;
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
		is_right = wb_shape_check_relation(oid, i, NULL);
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
	entry->is_readable = wb_shape_check_columns(oid, table, NULL);
	entry->fits = entry->is_readable &&
		wb_shape_check_relation(oid, table, NULL);
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
	WbFindings	findings;

	begin_findings(&findings);
	(void) wb_shape_check_relation(RelationGetRelid(relation), table,
								   &findings);
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
find_all(WbFindings *findings)
{
	begin_findings(findings);
	for (int i = 0; i < WB_TABLE_COUNT; i++)
	{
		Oid			oid = wb_relation_oid(i);
		ListCell   *cell;

		if (!OidIsValid(oid))
		{
			findings->is_readable = false;
			wb_shape_find(findings, psprintf("table wb.%s does not exist",
											 wb_relation_name(i)),
						  "Run SELECT wb.setup();");
		}
		else if (!wb_shapes[i].may_be_partitioned)
			(void) wb_shape_check_relation(oid, i, findings);
		else
			foreach(cell, find_all_inheritors(oid, NoLock, NULL))
				(void) wb_shape_check_relation(lfirst_oid(cell), i, findings);
	}
}

/* What is wrong with the tables, and what to run. */
char *
wb_shape_problems(char **remedy)
{
	WbFindings	findings;

	find_all(&findings);
	*remedy = findings.remedy.data;
	return findings.problems.data;
}

static void
raise_findings(const WbFindings *findings)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the tables are not as wb.setup() makes them: %s",
					findings->problems.data),
			 errhint("%s", findings->remedy.data)));
}

/* Raise, with the way out, where our tables are not all as C expects them. */
void
wb_shape_require_right(void)
{
	WbFindings	findings;

	if (wb_shape_is_right())
		return;
	find_all(&findings);
	raise_findings(&findings);
}

/*
 * Raise, with the way out, where our tables belong to different roles: whoever
 * acts as one of them would run the triggers of the other's.
 */
void
wb_shape_require_one_owner(void)
{
	static uint64 since = 0;
	uint64		now = wb_generation(WB_GENERATION_TABLES);
	WbFindings	findings;

	if (since == now)
		return;
	begin_findings(&findings);
	for (int i = 0; i < WB_TABLE_COUNT; i++)
	{
		Oid			oid = wb_relation_oid(i);

		if (OidIsValid(oid))
			(void) wb_shape_check_owner(oid, &findings);
	}
	if (findings.problems.len > 0)
		raise_findings(&findings);
	since = now;
}

/*
 * Raise, with the way out, where reading our tables could run what their owner
 * made: their columns are of types of his own, or they are no tables.
 */
void
wb_shape_require_plain(void)
{
	WbFindings	findings;

	if (wb_shape_is_right())
		return;
	find_all(&findings);
	if (!findings.is_readable)
		raise_findings(&findings);
}

/*
 * wb.table_problems(OUT problems text, OUT remedy text,
 *					 OUT is_readable boolean)
 */
Datum
wb_sql_table_problems(PG_FUNCTION_ARGS)
{
	TupleDesc	row;
	WbFindings	findings;
	Datum		values[3];
	bool		nulls[3] = {false};

	wb_relation_require_setup();
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
