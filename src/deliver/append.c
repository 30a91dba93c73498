/*-------------------------------------------------------------------------
 *
 * append.c
 *		Adds rows to a table of ours without planning a statement.
 *
 * To run an INSERT costs several times what it takes to store the row: the
 * executor is started, the table's constraints are read from their text, and
 * all is thrown away.  What is needed of that is kept here from one firing to
 * the next, until the relation cache says that the table changed.
 *
 * Rule: no row may enter this way that an INSERT would have refused, changed
 * or sent elsewhere.  A table with a trigger on INSERT, a rule, partitions, a
 * forced policy, or a column that is not ours is left to SQL; so is a row
 * that a check refuses, because the error is SQL's to word.
 *
 * IDENTIFICATION
 *		src/deliver/append.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "commands/sequence.h"
#include "deliver/append.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "support/compat.h"
#include "support/invalidation.h"
#include "utils/memutils.h"

static bool
has_insert_trigger(Relation table)
{
	const TriggerDesc *triggers = table->trigdesc;

	return triggers != NULL &&
		(triggers->trig_insert_before_row || triggers->trig_insert_after_row ||
		 triggers->trig_insert_instead_row ||
		 triggers->trig_insert_before_statement ||
		 triggers->trig_insert_after_statement);
}

/* The caller's column that an attribute is, or -1. */
static int
find_column(const WbAppendTarget *target, Form_pg_attribute attribute)
{
	for (int i = 0; i < target->column_count; i++)
	{
		if (strcmp(NameStr(attribute->attname), target->columns[i].name) == 0)
			return i;
	}
	return -1;
}

/* Has the table our columns and no others, each of the very type we write? */
static bool
learn_columns(WbAppendTarget *target, Relation table)
{
	TupleDesc	row_type = RelationGetDescr(table);
	int			found = 0;

	target->sequence = InvalidOid;
	for (int i = 0; i < row_type->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(row_type, i);
		int			column;

		if (attribute->attisdropped)
			continue;
		column = find_column(target, attribute);
		if (column < 0 || attribute->attgenerated != '\0' ||
			attribute->atttypid != target->columns[column].type ||
			attribute->atttypmod != -1)
			return false;
		target->attributes[column] = attribute->attnum;
		found++;
		if (target->identity != NULL &&
			strcmp(target->columns[column].name, target->identity) == 0)
		{
			if (attribute->attidentity == '\0')
				return false;
			target->sequence = wb_identity_sequence(table,
													attribute->attnum);
		}
	}
	return found == target->column_count;
}

static bool
is_users_function(Oid function, void *context)
{
	return function >= FirstNormalObjectId;
}

/*
 * Does a check do anything but compare?  A function of a user's may be
 * replaced at any time, and may itself make an automation fire.
 */
static bool
is_complex(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, CoerceToDomain) ||
		check_functions_in_node(node, is_users_function, context))
		return true;
	return expression_tree_walker(node, is_complex, context);
}

/* Make the table's checks ready to run; false where SQL must run them. */
static bool
learn_checks(WbAppendTarget *target, Relation table)
{
	TupleConstr *constraints = RelationGetDescr(table)->constr;
	MemoryContext before;
	bool		is_simple = true;

	if (target->context == NULL)
		target->context = AllocSetContextCreate(CacheMemoryContext,
												"wb table checks",
												ALLOCSET_SMALL_SIZES);
	target->checks = NIL;
	MemoryContextReset(target->context);
	if (constraints == NULL)
		return true;

	before = MemoryContextSwitchTo(target->context);
	for (int i = 0; i < constraints->num_check; i++)
	{
		Node	   *check = stringToNode(constraints->check[i].ccbin);
		Expr	   *planned = expression_planner((Expr *) check);

		is_simple = is_simple && !is_complex(check, NULL);
		target->checks = lappend(target->checks, ExecInitExpr(planned, NULL));
	}
	MemoryContextSwitchTo(before);
	return is_simple;
}

/* Look at a table that is new to us, or has changed. */
static void
learn(WbAppendTarget *target, Relation table)
{
	uint64		now = wb_generation(WB_GENERATION_QUEUE);

	if (target->learnt_at == now && target->oid == RelationGetRelid(table))
		return;

	wb_generation_watch(WB_GENERATION_QUEUE, RelationGetRelid(table));
	target->learnt_at = 0;
	target->oid = RelationGetRelid(table);
	target->is_simple = table->rd_rel->relkind == RELKIND_RELATION &&
		!table->rd_rel->relispartition &&
		!table->rd_rel->relforcerowsecurity &&
		table->rd_rules == NULL && !has_insert_trigger(table) &&
		learn_columns(target, table) && learn_checks(target, table);
	target->learnt_at = now;	/* reading may have brought more messages */
}

/*
 * Open a table to append to; the caller closes it and keeps the lock.  NULL,
 * and nothing to close: it takes an INSERT to do justice to this table.
 */
Relation
wb_append_open(WbAppendTarget *target)
{
	Oid			oid = wb_relation_oid(target->table);
	Relation	table;

	if (!OidIsValid(oid))
		return NULL;
	table = table_open(oid, RowExclusiveLock);
	learn(target, table);
	if (target->is_simple)
		return table;
	table_close(table, NoLock);
	return NULL;
}

/* The next number of the target's identity column. */
int64
wb_append_next_id(const WbAppendTarget *target)
{
	return nextval_internal(target->sequence, false);
}

static void
fill_slot(TupleTableSlot *slot, const WbAppendTarget *target,
		  const WbAppendRow *row)
{
	ExecClearTuple(slot);
	/* attributes that were dropped stay null */
	memset(slot->tts_isnull, true,
		   sizeof(bool) * slot->tts_tupleDescriptor->natts);
	for (int i = 0; i < target->column_count; i++)
	{
		int			position = target->attributes[i] - 1;

		slot->tts_values[position] = row->values[i];
		slot->tts_isnull[position] = row->nulls[i];
	}
	ExecStoreVirtualTuple(slot);
}

/* Would the table take this row? */
static bool
is_acceptable(const WbAppendTarget *target, TupleTableSlot *slot,
			  EState *estate)
{
	TupleDesc	row_type = slot->tts_tupleDescriptor;
	ExprContext *context = GetPerTupleExprContext(estate);
	ListCell   *cell;

	for (int i = 0; i < row_type->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(row_type, i);

		if (attribute->attnotnull && !attribute->attisdropped &&
			slot->tts_isnull[i])
			return false;
	}
	context->ecxt_scantuple = slot;
	foreach(cell, target->checks)
	{
		if (!ExecCheck(lfirst(cell), context))
			return false;
	}
	return true;
}

/* Does each index know at once whether it takes an entry? */
static bool
are_indexes_immediate(const ResultRelInfo *result)
{
	for (int i = 0; i < result->ri_NumIndices; i++)
	{
		if (!result->ri_IndexRelationDescs[i]->rd_index->indimmediate)
			return false;
	}
	return true;
}

/*
 * Append rows to a table from wb_append_open.  False, and nothing is written:
 * SQL must do it, because something would refuse a row.
 */
bool
wb_append_rows(WbAppendTarget *target, Relation table, WbAppendRow **rows,
			   int count)
{
	EState	   *estate = CreateExecutorState();
	ResultRelInfo *result = makeNode(ResultRelInfo);
	TupleTableSlot **slots = palloc(sizeof(TupleTableSlot *) * count);
	bool		is_welcome = true;

	InitResultRelInfo(result, table, 0, NULL, 0);
	ExecOpenIndices(result, false);
	is_welcome = are_indexes_immediate(result);
	for (int i = 0; i < count; i++)
	{
		slots[i] = table_slot_create(table, NULL);
		fill_slot(slots[i], target, rows[i]);
		is_welcome = is_welcome && is_acceptable(target, slots[i], estate);
	}
	if (is_welcome)
	{
		table_multi_insert(table, slots, count, GetCurrentCommandId(true), 0,
						   NULL);
		for (int i = 0; i < count; i++)
		{
			ResetPerTupleExprContext(estate);
			wb_insert_index_entries(result, slots[i], estate);
		}
	}

	for (int i = 0; i < count; i++)
		ExecDropSingleTupleTableSlot(slots[i]);
	ExecCloseIndices(result);
	FreeExecutorState(estate);
	return is_welcome;
}
