/*-------------------------------------------------------------------------
 *
 * schedule.c
 *		The time of an automation has come: fire it.
 *
 * When that is, is wb.sweep's to say, which the worker calls; here a tick
 * becomes an event like any other, with what happened since the one before.
 *
 * IDENTIFICATION
 *		src/capture/schedule.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "capture/capture.h"
#include "decide/decide.h"
#include "support/compat.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

WB_FUNCTION_INFO_V1(wb_sql_judge_tick);

/*
 * wb.judge_tick(automation_id bigint, scope_type text, scope_id bigint,
 *				 tick_at timestamptz, summary jsonb) returns void
 */
Datum
wb_sql_judge_tick(PG_FUNCTION_ARGS)
{
	WbEvent		event = {.type = WB_EVENT_SCHEDULE};

	if (strcmp(text_to_cstring(PG_GETARG_TEXT_PP(1)), "ENTITY") == 0)
		event.entity_id = PG_GETARG_INT64(2);
	else
		event.project_id = PG_GETARG_INT64(2);
	event.tick_at = PG_GETARG_TIMESTAMPTZ(3);
	event.tick_summary = PG_GETARG_JSONB_P(4);
	wb_judge_one(PG_GETARG_INT64(0), &event);
	PG_RETURN_VOID();
}
