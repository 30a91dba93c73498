/*-------------------------------------------------------------------------
 *
 * plan.h
 *		Fixed SQL statements, prepared once a backend and kept.
 *
 * The text of a statement stands next to its caller as a static WbPlan, and
 * is never put together at run time.
 *
 * IDENTIFICATION
 *		src/support/plan.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef WB_PLAN_H
#define WB_PLAN_H

#include "executor/spi.h"

#define WB_PLAN_MAX_ARGUMENTS	20

typedef struct WbPlan
{
	const char *sql;
	int			argument_count;
	Oid			argument_types[WB_PLAN_MAX_ARGUMENTS];
	struct WbPreparedPlan *prepared;	/* starts NULL; plan.c's own */
} WbPlan;

extern void wb_plan_renew(void);
extern uint64 wb_plan_run(WbPlan *plan, Datum *values, const char *nulls,
						  int expected);
extern void wb_plan_stream(WbPlan *plan, Datum *values,
						   DestReceiver *receiver);
extern Portal wb_plan_open(WbPlan *plan, Datum *values);

#endif							/* WB_PLAN_H */
