/*-------------------------------------------------------------------------
 *
 * silence.c
 *		A run says nothing: judge it.
 *
 * Silence is no row, so no trigger sees it.  wb.sweep(), which the worker
 * calls, looks for runs without a sign of life and hands each one over here,
 * where filter and cooldown are those of any other event.
 *
 * IDENTIFICATION
 *		src/capture/silence.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "capture/capture.h"
#include "decide/decide.h"
#include "support/compat.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

WB_FUNCTION_INFO_V1(wb_sql_judge_silence);

/*
 * wb.judge_silence(automation_id bigint, run_id bigint, metric text,
 *					last_sign_at timestamptz) returns void
 */
Datum
wb_sql_judge_silence(PG_FUNCTION_ARGS)
{
	WbEvent		event = {.type = WB_EVENT_RUN_SILENT};

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(3) ||
		!wb_run_read(PG_GETARG_INT64(1), &event))
		PG_RETURN_VOID();
	if (!PG_ARGISNULL(2))
		event.silent_metric = text_to_cstring(PG_GETARG_TEXT_PP(2));
	event.last_sign_at = PG_GETARG_TIMESTAMPTZ(3);
	wb_judge_one(PG_GETARG_INT64(0), &event);
	PG_RETURN_VOID();
}
