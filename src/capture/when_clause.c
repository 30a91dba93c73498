/*-------------------------------------------------------------------------
 *
 * when_clause.c
 *		Asks the WHEN clause of the trigger on wb.run_metrics without parsing
 *		it.
 *
 * With each statement PostgreSQL reads the clause from its text, plans it and
 * looks its function up, which costs an INSERT of one row several times what
 * the answer does.  Here the place where the executor keeps the clause, ready
 * to run, is filled before it looks there: with a call of what wb.watched
 * calls.
 *
 * Rule: only a clause that is wb.watched(NEW.column, NEW.column) and nothing
 * else is stood in for, and only until the relation cache says that the table
 * changed.  Whatever we do not recognize is left to the executor, as are the
 * partitions to which it sends rows.
 *
 * IDENTIFICATION
 *		src/capture/when_clause.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "capture/capture.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "rewrite/prs2lock.h"
#include "utils/inval.h"

/* What is known of a table's trigger; a table that needs its slot takes it. */
typedef struct Clause
{
	Oid			table;			/* InvalidOid: nothing here */
	uint64		is_since;		/* "changes" when it was read */
	int			trigger;		/* its place among the triggers, or -1 */
	AttrNumber	run_id;
	AttrNumber	name;
} Clause;

/* The clause as the executor runs it, for one statement. */
typedef struct ClauseState
{
	ExprState	state;
	AttrNumber	run_id;
	AttrNumber	name;
	bool		is_asked;		/* of a row of this statement */
} ClauseState;

#define CLAUSE_SLOTS	16

static Clause clauses[CLAUSE_SLOTS];
static uint64 changes = 1;
static ExecutorStart_hook_type next_start = NULL;

static void
count_message(Datum argument, Oid relation)
{
	changes++;
}

/* What the executor calls for each row in place of the clause. */
static Datum
ask(ExprState *state, ExprContext *context, bool *is_null)
{
	ClauseState *clause = (ClauseState *) state;
	TupleTableSlot *row = context->ecxt_outertuple;
	bool		is_missing[2];
	Datum		run_id = slot_getattr(row, clause->run_id, &is_missing[0]);
	Datum		stored = slot_getattr(row, clause->name, &is_missing[1]);
	bool		is_first = !clause->is_asked;
	text	   *name;

	/* as a strict function; NOT NULL columns do not come here without value */
	*is_null = is_missing[0] || is_missing[1];
	if (*is_null)
		return BoolGetDatum(false);
	clause->is_asked = true;
	name = DatumGetTextPP(stored);
	return BoolGetDatum(wb_met_runs_watch(DatumGetInt64(run_id),
										  VARDATA_ANY(name),
										  VARSIZE_ANY_EXHDR(name), is_first));
}

/* The column of the new row that an argument is, or 0. */
static AttrNumber
new_column(const Node *argument, Oid type)
{
	const Var  *column = (const Var *) argument;

	if (!IsA(argument, Var) || column->varno != PRS2_NEW_VARNO ||
		column->varattno <= 0 || column->vartype != type)
		return InvalidAttrNumber;
	return column->varattno;
}

/* Is this our clause?  Fills in its columns, if so. */
static bool
is_watched(const char *text, Clause *clause)
{
	const FuncExpr *call = stringToNode(text);
	FmgrInfo	function;

	if (!IsA(call, FuncExpr) || list_length(call->args) != 2)
		return false;
	clause->run_id = new_column(linitial(call->args), INT8OID);
	clause->name = new_column(lsecond(call->args), TEXTOID);
	if (clause->run_id == InvalidAttrNumber ||
		clause->name == InvalidAttrNumber)
		return false;
	fmgr_info(call->funcid, &function);
	return function.fn_addr == wb_sql_watched;
}

/* What is known of a table's trigger, read if need be. */
static const Clause *
find_clause(const ResultRelInfo *target)
{
	Oid			table = RelationGetRelid(target->ri_RelationDesc);
	const TriggerDesc *triggers = target->ri_TrigDesc;
	Clause	   *clause = &clauses[table % CLAUSE_SLOTS];
	uint64		before = changes;

	if (clause->table == table && clause->is_since == changes)
		return clause;
	clause->table = table;
	clause->is_since = 0;
	clause->trigger = -1;
	for (int i = 0; i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		if (trigger->tgqual != NULL && TRIGGER_FOR_INSERT(trigger->tgtype) &&
			is_watched(trigger->tgqual, clause))
			clause->trigger = i;
	}
	clause->is_since = before;
	return clause;
}

/* Stand in for the clause of one table of a statement that starts. */
static void
prepare(EState *estate, ResultRelInfo *target)
{
	const Clause *clause;
	ClauseState *state;

	if (target->ri_TrigDesc == NULL ||
		!target->ri_TrigDesc->trig_insert_after_row)
		return;
	clause = find_clause(target);
	if (clause->trigger < 0)
		return;
	state = MemoryContextAllocZero(estate->es_query_cxt, sizeof(ClauseState));
	state->state.type = T_ExprState;
	state->state.flags = EEO_FLAG_IS_QUAL;
	state->state.evalfunc = ask;
	state->run_id = clause->run_id;
	state->name = clause->name;
	target->ri_TrigWhenExprs[clause->trigger] = &state->state;
}

static void
start_query(QueryDesc *query, int flags)
{
	ListCell   *cell;

	next_start(query, flags);
	if (query->operation != CMD_INSERT)
		return;
	foreach(cell, query->estate->es_opened_result_relations)
		prepare(query->estate, lfirst(cell));
}

/* Called once, from _PG_init. */
void
wb_when_clause_register(void)
{
	CacheRegisterRelcacheCallback(count_message, (Datum) 0);
	next_start = ExecutorStart_hook ? ExecutorStart_hook :
		standard_ExecutorStart;
	ExecutorStart_hook = start_query;
}
