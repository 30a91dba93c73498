/*-------------------------------------------------------------------------
 *
 * plan.c
 *		Prepares and runs fixed SQL statements.
 *
 * Callers are connected to SPI.  A kept plan checks the rights of whoever runs
 * it: those who write firings run as the owner of our tables (see
 * wb_owner_become), those who ask about the past as themselves.
 *
 * Rule: a plan is made, and made anew after a change of tables, under a fixed
 * search_path, whoever runs it.
 *
 * IDENTIFICATION
 *		src/support/plan.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "support/owner.h"
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

/* The statement, ready to run. */
static SPIPlanPtr
prepare(WbPlan *plan)
{
	SPIPlanPtr	prepared;

	if (plan->prepared != NULL && plan->prepared->age == current_age)
		return plan->prepared->plan;
	prepared = SPI_prepare(plan->sql, plan->argument_count,
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
	return prepared;
}

static void
check_result(const WbPlan *plan, int code, int expected)
{
	if (code != expected)
		elog(ERROR, "unexpected result of \"%s\": %s", plan->sql,
			 SPI_result_code_string(code));
}

/*
 * Run a statement and return how many rows it touched; rows that it returns
 * are in SPI_tuptable.  "expected" is the SPI result code of success, such as
 * SPI_OK_INSERT; any other is a bug of ours.
 */
uint64
wb_plan_run(WbPlan *plan, Datum *values, const char *nulls, int expected)
{
	int			level = wb_owner_pin_path();
	int			code = SPI_execute_plan(prepare(plan), values, nulls, false,
										0);

	wb_owner_release_path(level);
	check_result(plan, code, expected);
	return SPI_processed;
}

/*
 * Run a query whose rows go to a receiver, under the snapshot of the caller's
 * own query.
 */
void
wb_plan_stream(WbPlan *plan, Datum *values, DestReceiver *receiver)
{
	SPIExecuteOptions options = {.read_only = true,.dest = receiver};
	int			level = wb_owner_pin_path();
	int			code;

	options.params = makeParamList(plan->argument_count);
	for (int i = 0; i < plan->argument_count; i++)
	{
		ParamExternData *parameter = &options.params->params[i];

		parameter->value = values[i];
		parameter->isnull = false;
		parameter->pflags = PARAM_FLAG_CONST;
		parameter->ptype = plan->argument_types[i];
	}
	code = SPI_execute_plan_extended(prepare(plan), &options);
	wb_owner_release_path(level);
	check_result(plan, code, SPI_OK_SELECT);
}

/* A cursor over the rows of a query, under the same snapshot. */
Portal
wb_plan_open(WbPlan *plan, Datum *values)
{
	int			level = wb_owner_pin_path();
	Portal		portal = SPI_cursor_open(NULL, prepare(plan), values, NULL,
										 true);

	wb_owner_release_path(level);
	return portal;
}
