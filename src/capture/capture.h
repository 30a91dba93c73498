/*-------------------------------------------------------------------------
 *
 * capture.h
 *		From a changed row to an event: the trigger functions.
 *
 * Triggers run as the user who wrote the row, and read with direct scans, so
 * that this user needs no right on anything but the row's own table.
 *
 * IDENTIFICATION
 *		src/capture/capture.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef WB_CAPTURE_H
#define WB_CAPTURE_H

#include "commands/trigger.h"
#include "wb_automations.h"

/* capture/met_runs.c */
extern void wb_met_runs_register_callbacks(void);
extern bool wb_met_runs_add(int64 run_id);

/* capture/run_row.c */
extern bool wb_run_read(int64 run_id, WbEvent *event);

/* capture/trigger.c */
extern TriggerData *wb_trigger_check(FunctionCallInfo fcinfo, const char *name,
									 TriggerEvent allowed);
extern HeapTuple wb_trigger_new_row(const TriggerData *trigger);
extern char *wb_trigger_text(const TriggerData *trigger, HeapTuple row,
							 const char *column);
extern int64 wb_trigger_id(const TriggerData *trigger, HeapTuple row,
						   const char *column);

#endif							/* WB_CAPTURE_H */
