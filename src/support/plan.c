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

static SPIPlanPtr
prepare(WbPlan *plan)
{
	SPIPlanPtr	prepared = plan->prepared;

	if (prepared != NULL)
		return prepared;
	prepared = SPI_prepare(plan->sql, plan->argument_count,
						   plan->argument_types);
	if (prepared == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", plan->sql,
			 SPI_result_code_string(SPI_result));
	SPI_keepplan(prepared);
	plan->prepared = prepared;
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
	int			code = SPI_execute_plan(prepare(plan), values, nulls, false,
										0);

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

	options.params = makeParamList(plan->argument_count);
	for (int i = 0; i < plan->argument_count; i++)
	{
		ParamExternData *parameter = &options.params->params[i];

		parameter->value = values[i];
		parameter->isnull = false;
		parameter->pflags = PARAM_FLAG_CONST;
		parameter->ptype = plan->argument_types[i];
	}
	check_result(plan, SPI_execute_plan_extended(prepare(plan), &options),
				 SPI_OK_SELECT);
}

/* A cursor over the rows of a query, under the same snapshot. */
Portal
wb_plan_open(WbPlan *plan, Datum *values)
{
	return SPI_cursor_open(NULL, prepare(plan), values, NULL, true);
}
