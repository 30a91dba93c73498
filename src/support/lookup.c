/*-------------------------------------------------------------------------
 *
 * lookup.c
 *		Finds columns and indexes of a table, and remembers them.
 *
 * The write path asks the same few things with every firing, and to ask the
 * catalogs each time costs more than to read the rows.
 *
 * Rule: an answer holds until the relation cache tells of any change to a
 * table that something is remembered of.  What was read while such a message
 * came is not believed.
 *
 * IDENTIFICATION
 *		src/support/lookup.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "commands/defrem.h"
#include "support/invalidation.h"
#include "support/relation.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* Slots; a question that needs another one's slot takes it. */
#define MEMO_SIZE	128

typedef struct ColumnMemo
{
	Oid			table;			/* InvalidOid: nothing here */
	uint64		is_since;		/* the generation when it was found */
	AttrNumber	number;
	NameData	column;
} ColumnMemo;

typedef struct IndexMemo
{
	Oid			table;
	uint64		is_since;
	AttrNumber	columns[WB_INDEX_COLUMNS];	/* 0 after the last */
	Oid			index_oid;
} IndexMemo;

static ColumnMemo column_memo[MEMO_SIZE];
static IndexMemo index_memo[MEMO_SIZE];

static uint32
hash_column(const char *column)
{
	uint32		hash = 0;

	while (*column != '\0')
		hash = hash * 31 + (unsigned char) *column++;
	return hash;
}

static bool
is_btree(Oid index_oid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(index_oid));
	bool		is_one;

	if (!HeapTupleIsValid(tuple))
		return false;
	is_one = ((Form_pg_class) GETSTRUCT(tuple))->relam == BTREE_AM_OID;
	ReleaseSysCache(tuple);
	return is_one;
}

/*
 * Does a scan of this index, a row of pg_index, find every row by the first
 * columns, and return the rows of equal ones in the order of the others?  Only
 * if it is what wb.setup() would make.
 */
bool
wb_index_serves(HeapTuple index, const AttrNumber *columns, int count)
{
	Form_pg_index form = (Form_pg_index) GETSTRUCT(index);
	bool		is_null;
	int2vector *options;
	oidvector  *classes;
	oidvector  *collations;
	Datum		values[3];
	const AttrNumber attributes[3] = {Anum_pg_index_indoption,
	Anum_pg_index_indclass, Anum_pg_index_indcollation};

	if (!form->indisvalid || !form->indisready || !form->indislive ||
		form->indnkeyatts < count ||
		!heap_attisnull(index, Anum_pg_index_indpred, NULL) ||
		!heap_attisnull(index, Anum_pg_index_indexprs, NULL) ||
		!is_btree(form->indexrelid))
		return false;
	for (int i = 0; i < 3; i++)
		values[i] = SysCacheGetAttr(INDEXRELID, index, attributes[i],
									&is_null);
	options = (int2vector *) DatumGetPointer(values[0]);
	classes = (oidvector *) DatumGetPointer(values[1]);
	collations = (oidvector *) DatumGetPointer(values[2]);
	for (int i = 0; i < count; i++)
	{
		Oid			type;
		int32		modifier;
		Oid			collation;

		if (form->indkey.values[i] != columns[i] || options->values[i] != 0)
			return false;
		get_atttypetypmodcoll(form->indrelid, columns[i], &type, &modifier,
							  &collation);
		if (collations->values[i] != collation ||
			classes->values[i] != GetDefaultOpClass(type, BTREE_AM_OID))
			return false;
	}
	return true;
}

static bool
does_serve(Oid index_oid, const AttrNumber *columns, int count)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID,
										ObjectIdGetDatum(index_oid));
	bool		serves;

	if (!HeapTupleIsValid(tuple))
		return false;
	serves = wb_index_serves(tuple, columns, count);
	ReleaseSysCache(tuple);
	return serves;
}

static Oid
find_index(Relation table, const AttrNumber *columns, int count)
{
	Oid			found = InvalidOid;
	List	   *indexes;
	ListCell   *cell;

	/* the index of a partitioned table has no rows */
	if (table->rd_rel->relkind != RELKIND_RELATION)
		return InvalidOid;
	indexes = RelationGetIndexList(table);
	foreach(cell, indexes)
	{
		if (does_serve(lfirst_oid(cell), columns, count))
		{
			found = lfirst_oid(cell);
			break;
		}
	}
	list_free(indexes);
	return found;
}

/*
 * OID of an index of the table that serves to find rows by the given columns,
 * of which the last may be NULL, or InvalidOid; see wb_index_serves.  Found by
 * columns and not by name, so that partitions and shards work too.
 */
Oid
wb_relation_index_on(Relation table, const char *const *names)
{
	Oid			oid = RelationGetRelid(table);
	AttrNumber	columns[WB_INDEX_COLUMNS] = {0};
	uint32		hash = oid;
	int			count = 0;
	IndexMemo  *memo;
	uint64		before;

	while (count < WB_INDEX_COLUMNS && names[count] != NULL)
	{
		columns[count] = wb_relation_attribute(table, names[count]);
		hash = hash * 31 + columns[count];
		count++;
	}
	memo = &index_memo[hash % MEMO_SIZE];
	if (memo->table == oid &&
		memo->is_since == wb_generation(WB_GENERATION_LOOKUPS) &&
		memcmp(memo->columns, columns, sizeof(columns)) == 0)
		return memo->index_oid;

	before = wb_generation(WB_GENERATION_LOOKUPS);
	wb_generation_watch(WB_GENERATION_LOOKUPS, oid);
	memo->table = oid;
	memo->is_since = 0;
	memo->index_oid = find_index(table, columns, count);
	memcpy(memo->columns, columns, sizeof(columns));
	memo->is_since = before;
	return memo->index_oid;
}

/* The same, by three columns at most. */
Oid
wb_relation_index(Relation table, const char *column1, const char *column2,
				  const char *column3)
{
	const char *names[WB_INDEX_COLUMNS] = {column1, column2, column3};

	return wb_relation_index_on(table, names);
}

/* Number of a column that the table must have. */
AttrNumber
wb_relation_attribute(Relation relation, const char *column)
{
	Oid			oid = RelationGetRelid(relation);
	ColumnMemo *memo = &column_memo[(oid + hash_column(column)) % MEMO_SIZE];
	AttrNumber	number;
	uint64		before;

	if (memo->table == oid &&
		memo->is_since == wb_generation(WB_GENERATION_LOOKUPS) &&
		strcmp(NameStr(memo->column), column) == 0)
		return memo->number;

	before = wb_generation(WB_GENERATION_LOOKUPS);
	wb_generation_watch(WB_GENERATION_LOOKUPS, oid);
	memo->table = oid;
	memo->is_since = 0;
	number = get_attnum(oid, column);
	if (number == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist",
						column, RelationGetRelationName(relation)),
				 errhint("Run SELECT wb.setup(); to bring the tables up to date.")));
	memo->number = number;
	memo->is_since = before;
	namestrcpy(&memo->column, column);
	return number;
}
