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
#include "catalog/pg_index.h"
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
	AttrNumber	columns[3];		/* 0 after the last */
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

/* Does an index start with these columns, and hold every row? */
static bool
index_starts_with(Oid index_oid, const AttrNumber *columns, int count)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID,
										ObjectIdGetDatum(index_oid));
	Form_pg_index form;
	bool		matches;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_index) GETSTRUCT(tuple);
	matches = form->indisvalid && form->indnkeyatts >= count &&
		heap_attisnull(tuple, Anum_pg_index_indpred, NULL);
	for (int i = 0; matches && i < count; i++)
		matches = form->indkey.values[i] == columns[i];
	ReleaseSysCache(tuple);
	return matches;
}

static Oid
find_index(Relation table, const AttrNumber *columns, int count)
{
	Oid			found = InvalidOid;
	List	   *indexes;
	ListCell   *cell;

	indexes = RelationGetIndexList(table);
	foreach(cell, indexes)
	{
		if (index_starts_with(lfirst_oid(cell), columns, count))
		{
			found = lfirst_oid(cell);
			break;
		}
	}
	list_free(indexes);
	return found;
}

/*
 * OID of an index of the table that starts with the given columns (the last
 * ones may be NULL) and is not partial, or InvalidOid.  Found by columns and
 * not by name, so that partitions and shards work too.
 */
Oid
wb_relation_index(Relation table, const char *column1, const char *column2,
				  const char *column3)
{
	const char *names[] = {column1, column2, column3};
	Oid			oid = RelationGetRelid(table);
	AttrNumber	columns[3] = {0};
	int			count = 0;
	IndexMemo  *memo;
	uint64		before;

	while (count < 3 && names[count] != NULL)
	{
		columns[count] = wb_relation_attribute(table, names[count]);
		count++;
	}
	memo = &index_memo[(oid + columns[0] * 7 + columns[1] * 31 +
						columns[2] * 61) % MEMO_SIZE];
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
