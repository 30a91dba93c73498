/*-------------------------------------------------------------------------
 *
 * partition.c
 *		Finds the partitions of our tables, and the one that a series lies in.
 *
 * A trigger is given the partition that its row went to.  What a rule wants to
 * know of another run may lie in another one, which is found as the server
 * would route the row: by the bounds, level by level.  That works for keys on
 * run_id and name, which are all that is known of a series.
 *
 * No lock is waited for: whoever detaches or rewrites a partition must not
 * hold up those who write to its neighbours.
 *
 * IDENTIFICATION
 *		src/support/partition.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "storage/lmgr.h"
#include "support/relation.h"
#include "utils/builtins.h"
#include "utils/partcache.h"

/* The table that a partition is part of, or InvalidOid for a plain table. */
Oid
wb_partition_root(Relation table)
{
	List	   *ancestors;

	if (!table->rd_rel->relispartition)
		return InvalidOid;
	ancestors = get_partition_ancestors(RelationGetRelid(table));
	return ancestors == NIL ? InvalidOid : llast_oid(ancestors);
}

static Relation
open_without_waiting(Oid oid)
{
	Relation	table;

	if (!ConditionalLockRelationOid(oid, AccessShareLock))
		return NULL;
	table = try_table_open(oid, NoLock);
	if (table == NULL)
		UnlockRelationOid(oid, AccessShareLock);
	return table;
}

/*
 * Open the tables that have the rows of a table, which is open: itself, or its
 * partitions, but for those that somebody has locked.  The caller closes them.
 */
List *
wb_partition_open_leaves(Relation table)
{
	Oid			oid = RelationGetRelid(table);
	List	   *leaves = NIL;
	ListCell   *cell;

	if (table->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		return list_make1(table_open(oid, AccessShareLock));
	foreach(cell, find_all_inheritors(oid, NoLock, NULL))
	{
		Relation	leaf = open_without_waiting(lfirst_oid(cell));

		if (leaf != NULL && leaf->rd_rel->relkind == RELKIND_RELATION)
			leaves = lappend(leaves, leaf);
		else if (leaf != NULL)
			table_close(leaf, AccessShareLock);
	}
	return leaves;
}

/* What a series has in the columns of a key; false where one is another. */
static bool
read_key(Relation table, PartitionKey key, int64 run_id, const char *name,
		 Datum *values)
{
	for (int i = 0; i < key->partnatts; i++)
	{
		AttrNumber	column = key->partattrs[i];
		const char *column_name;

		if (column <= 0)
			return false;
		column_name = NameStr(TupleDescAttr(RelationGetDescr(table),
											column - 1)->attname);
		if (strcmp(column_name, "run_id") == 0)
			values[i] = Int64GetDatum(run_id);
		else if (strcmp(column_name, "name") == 0)
			values[i] = CStringGetTextDatum(name);
		else
			return false;
	}
	return true;
}

/* The child that a key routes to, or InvalidOid where there is none. */
static Oid
find_child(PartitionKey key, PartitionDesc children, Datum *values)
{
	PartitionBoundInfo bounds = children->boundinfo;
	bool		nulls[PARTITION_MAX_KEYS] = {false};
	int			child = -1;
	int			bound;
	bool		is_equal = false;
	uint64		hash;

	if (children->nparts == 0)
		return InvalidOid;
	switch (key->strategy)
	{
		case PARTITION_STRATEGY_HASH:
			hash = compute_partition_hash_value(key->partnatts,
												key->partsupfunc,
												key->partcollation, values,
												nulls);
			child = bounds->indexes[hash % bounds->nindexes];
			break;
		case PARTITION_STRATEGY_LIST:
			bound = partition_list_bsearch(key->partsupfunc,
										   key->partcollation, bounds,
										   values[0], &is_equal);
			if (bound >= 0 && is_equal)
				child = bounds->indexes[bound];
			break;
		case PARTITION_STRATEGY_RANGE:
			bound = partition_range_datum_bsearch(key->partsupfunc,
												  key->partcollation, bounds,
												  key->partnatts, values,
												  &is_equal);
			child = bounds->indexes[bound + 1];
			break;
	}
	if (child < 0)
		child = bounds->default_index;
	return child < 0 ? InvalidOid : children->oids[child];
}

/* The next level down, or NULL. */
static Relation
open_child(Relation table, int64 run_id, const char *name)
{
	PartitionKey key = RelationGetPartitionKey(table);
	PartitionDesc children = RelationGetPartitionDesc(table, false);
	Datum		values[PARTITION_MAX_KEYS];
	Oid			child;

	if (!read_key(table, key, run_id, name, values))
		return NULL;
	child = find_child(key, children, values);
	return OidIsValid(child) ? open_without_waiting(child) : NULL;
}

/*
 * Open the partition that has a series.  NULL where there is none, where it is
 * locked, or where it is no table of ours; the caller closes it, and its lock.
 */
Relation
wb_partition_open(Oid root, int64 run_id, const char *name)
{
	Relation	table = open_without_waiting(root);

	while (table != NULL &&
		   table->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
	{
		Relation	child = open_child(table, run_id, name);

		table_close(table, AccessShareLock);
		table = child;
	}
	if (table != NULL && (table->rd_rel->relkind != RELKIND_RELATION ||
						  !wb_relation_is_ours(table)))
	{
		table_close(table, AccessShareLock);
		return NULL;
	}
	return table;
}
