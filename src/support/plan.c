/*-------------------------------------------------------------------------
 *
 * plan.c
 *		Prepares and runs fixed SQL statements.
 *
 * Callers are connected to SPI, and run as the owner of our tables (see
 * wb_relation_become_owner), because a kept plan checks the rights of whoever
 * runs it.
 *
 * IDENTIFICATION
 *		src/support/plan.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "support/plan.h"
#include "utils/memutils.h"

/* A plan that is kept for as long as it is of the current age. */
typedef struct WbPreparedPlan
{
	SPIPlanPtr	plan;
	uint32		age;
} WbPreparedPlan;

static uint32 current_age = 0;

/*
 * Make every plan anew when it is run next: what was made for empty tables may
 * have kept an index that is wrong for full ones.  Not while one is running.
 */
void
wb_plan_renew(void)
{
	current_age++;
}

static void
prepare(WbPlan *plan)
{
	SPIPlanPtr	prepared = SPI_prepare(plan->sql, plan->argument_count,
									   plan->argument_types);

	if (prepared == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", plan->sql,
			 SPI_result_code_string(SPI_result));
	SPI_keepplan(prepared);
	if (plan->prepared == NULL)
		plan->prepared = MemoryContextAllocZero(TopMemoryContext,
												sizeof(WbPreparedPlan));
	else
		SPI_freeplan(plan->prepared->plan);
	plan->prepared->plan = prepared;
	plan->prepared->age = current_age;
}

/*
 * Run a statement and return how many rows it touched; rows that it returns
 * are in SPI_tuptable.  "expected" is the SPI result code of success, such as
 * SPI_OK_INSERT; any other is a bug of ours.
 */
uint64
wb_plan_run(WbPlan *plan, Datum *values, const char *nulls, int expected)
{
	int			code;

	if (plan->prepared == NULL || plan->prepared->age != current_age)
		prepare(plan);

	code = SPI_execute_plan(plan->prepared->plan, values, nulls, false, 0);
	if (code != expected)
		elog(ERROR, "unexpected result of \"%s\": %s", plan->sql,
			 SPI_result_code_string(code));
	return SPI_processed;
}
