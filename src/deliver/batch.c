/*-------------------------------------------------------------------------
 *
 * batch.c
 *		Collects the firings of a statement, to write them together.
 *
 * A subtransaction that writes costs as much as the rows of a firing, and more
 * than 64 of them in one transaction make every other session's snapshots
 * dear.  So the firings of one statement share one, as many as fit a batch.
 * Where a batch fails, its firings are written again one by one, so that one
 * takes no other with it.
 *
 * Rule: whoever could look must find a firing.  A batch is open only while the
 * triggers at the end of a statement run, if that statement writes to one
 * table which has no AFTER triggers but ours, and is written before the
 * statement returns.  A cooldown that asks about something in the batch has it
 * written first.  Everywhere else each firing is written at once.
 *
 * IDENTIFICATION
 *		src/deliver/batch.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "deliver/deliver.h"
#include "deliver/fire.h"
#include "executor/executor.h"
#include "tcop/utility.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#define BATCH_MAX	64

typedef struct WbBatch
{
	MemoryContext parent;		/* lives as long as the statement */
	MemoryContext context;		/* of the records; NULL before the first */
	int			count;
	WbRecord   *records[BATCH_MAX];
} WbBatch;

static WbBatch *open_batch = NULL;
static ExecutorFinish_hook_type next_finish = NULL;
static ProcessUtility_hook_type next_utility = NULL;

/* Records to write together. */
typedef struct Share
{
	WbRecord  **records;
	int			count;
} Share;

static void
write_share(void *argument)
{
	Share	   *share = argument;

	wb_history_write(share->records, share->count);
}

/*
 * Write records together, or else each on its own, so that one that fails
 * takes no other with it.
 */
static void
write_records(WbRecord **records, int count)
{
	Share		all = {records, count};

	if (count > 1 && wb_guard_write(write_share, &all, NULL))
		return;
	for (int i = 0; i < count; i++)
	{
		Share		one = {&records[i], 1};

		wb_guard_write(write_share, &one, records[i]->automation_name);
	}
}

/*
 * Write what a batch holds.  No batch is open meanwhile: a trigger of the
 * user's on our tables may make something else fire.
 */
static void
write_batch(WbBatch *batch)
{
	WbBatch    *outer = open_batch;
	MemoryContext before;
	int			count = batch->count;

	if (count == 0)
		return;
	batch->count = 0;
	before = MemoryContextSwitchTo(batch->context);
	PG_TRY();
	{
		open_batch = NULL;
		write_records(batch->records, count);
	}
	PG_FINALLY();
	{
		open_batch = outer;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(before);
	MemoryContextReset(batch->context);
}

/* What it takes to make a record of a firing. */
typedef struct Composing
{
	const WbFiring *firing;
	WbRecord   *record;
} Composing;

static void
compose(void *argument)
{
	Composing  *composing = argument;

	composing->record = wb_history_compose(composing->firing);
}

static void
visit(void *argument)
{
	wb_snapshot_visit(argument);
}

static void
add_to(WbBatch *batch, const WbFiring *firing)
{
	MemoryContext before;
	Composing	composing = {firing, NULL};

	if (batch->context == NULL)
		batch->context = AllocSetContextCreate(batch->parent, "wb firings",
											   ALLOCSET_DEFAULT_SIZES);
	before = MemoryContextSwitchTo(batch->context);
	if (wb_guard_compute(compose, &composing,
						 firing->verdict->automation->name))
		batch->records[batch->count++] = composing.record;
	MemoryContextSwitchTo(before);
	if (batch->count == BATCH_MAX)
		write_batch(batch);
}

/* Write a firing, now or before the statement ends. */
void
wb_batch_add(const WbFiring *firing)
{
	const WbVerdict *verdict = firing->verdict;
	WbBatch		single = {.parent = CurrentMemoryContext};

	if (!wb_snapshot_is_known(verdict->event) &&
		!wb_guard_write(visit, unconstify(WbEvent *, verdict->event),
						verdict->automation->name))
		return;
	if (open_batch != NULL)
	{
		add_to(open_batch, firing);
		return;
	}
	add_to(&single, firing);
	write_batch(&single);
	MemoryContextDelete(single.context);
}

/* See to it that what an automation did to a run so far can be read. */
void
wb_batch_settle(int64 automation_id, int64 run_id)
{
	WbBatch    *batch = open_batch;

	for (int i = 0; batch != NULL && i < batch->count; i++)
	{
		if (batch->records[i]->automation_id == automation_id &&
			batch->records[i]->run_id == run_id)
			write_batch(batch);
	}
}

/*
 * Can nobody but us look at our tables while the table's triggers run?  Where
 * something fires, one of them is ours; so it is if all call one function.
 */
static bool
is_ours_alone(Relation table)
{
	const TriggerDesc *triggers = table->trigdesc;
	Oid			function = InvalidOid;

	if (table->rd_rel->relkind != RELKIND_RELATION || triggers == NULL)
		return false;
	for (int i = 0; i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		if (!TRIGGER_FOR_AFTER(trigger->tgtype))
			continue;
		if (OidIsValid(function) && trigger->tgfoid != function)
			return false;
		function = trigger->tgfoid;
	}
	return OidIsValid(function);
}

/* May the firings of a query be collected? */
static bool
is_query_simple(const QueryDesc *query)
{
	const EState *estate = query->estate;
	const ResultRelInfo *result;

	if (query->operation == CMD_SELECT ||
		query->plannedstmt->hasModifyingCTE ||
		estate->es_tuple_routing_result_relations != NIL ||
		list_length(estate->es_opened_result_relations) != 1)
		return false;
	result = linitial(estate->es_opened_result_relations);
	return is_ours_alone(result->ri_RelationDesc);
}

/* The same of a COPY. */
static bool
is_copy_simple(const Node *statement)
{
	const CopyStmt *copy;
	Relation	table;
	bool		is_simple;

	if (!IsA(statement, CopyStmt))
		return false;
	copy = (const CopyStmt *) statement;
	if (!copy->is_from || copy->relation == NULL)
		return false;
	table = table_openrv_extended(copy->relation, AccessShareLock, true);
	if (table == NULL)
		return false;
	is_simple = is_ours_alone(table);
	table_close(table, AccessShareLock);
	return is_simple;
}

/* AFTER triggers of a query run here. */
static void
finish_query(QueryDesc *query)
{
	WbBatch		batch = {.parent = CurrentMemoryContext};
	WbBatch    *outer = open_batch;

	if (outer == NULL && !is_query_simple(query))
	{
		next_finish(query);
		return;
	}
	PG_TRY();
	{
		open_batch = is_query_simple(query) ? &batch : NULL;
		next_finish(query);
		write_batch(&batch);
	}
	PG_FINALLY();
	{
		open_batch = outer;
	}
	PG_END_TRY();
}

/* ... and those of a COPY here. */
static void
run_utility(PlannedStmt *statement, const char *source, bool is_read_only,
			ProcessUtilityContext context, ParamListInfo parameters,
			QueryEnvironment *environment, DestReceiver *receiver,
			QueryCompletion *completion)
{
	WbBatch		batch = {.parent = CurrentMemoryContext};
	WbBatch    *outer = open_batch;
	volatile bool is_simple = is_copy_simple(statement->utilityStmt);

	if (outer == NULL && !is_simple)
	{
		next_utility(statement, source, is_read_only, context, parameters,
					 environment, receiver, completion);
		return;
	}
	PG_TRY();
	{
		open_batch = is_simple ? &batch : NULL;
		next_utility(statement, source, is_read_only, context, parameters,
					 environment, receiver, completion);
		write_batch(&batch);
	}
	PG_FINALLY();
	{
		open_batch = outer;
	}
	PG_END_TRY();
}

/* Called once, from _PG_init. */
void
wb_batch_register_hooks(void)
{
	next_finish = ExecutorFinish_hook ? ExecutorFinish_hook :
		standard_ExecutorFinish;
	ExecutorFinish_hook = finish_query;
	next_utility = ProcessUtility_hook ? ProcessUtility_hook :
		standard_ProcessUtility;
	ProcessUtility_hook = run_utility;
}
