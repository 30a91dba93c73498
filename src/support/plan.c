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

/*
 * Run a statement and return how many rows it touched; rows that it returns
 * are in SPI_tuptable.  "expected" is the SPI result code of success, such as
 * SPI_OK_INSERT; any other is a bug of ours.
 */
uint64
wb_plan_run(WbPlan *plan, Datum *values, const char *nulls, int expected)
{
	int			code;

	if (plan->prepared == NULL)
	{
		SPIPlanPtr	prepared = SPI_prepare(plan->sql, plan->argument_count,
										   plan->argument_types);

		if (prepared == NULL)
			elog(ERROR, "could not prepare \"%s\": %s", plan->sql,
				 SPI_result_code_string(SPI_result));
		SPI_keepplan(prepared);
		plan->prepared = prepared;
	}

	code = SPI_execute_plan(plan->prepared, values, nulls, false, 0);
	if (code != expected)
		elog(ERROR, "unexpected result of \"%s\": %s", plan->sql,
			 SPI_result_code_string(code));
	return SPI_processed;
}
