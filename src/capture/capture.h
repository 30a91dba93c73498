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
#include "fmgr.h"
#include "support/relation.h"
#include "wb_automations.h"

/* capture/artifact_row.c */
extern bool wb_collection_read(int64 collection_id, WbEvent *event);
extern bool wb_artifact_read(int64 artifact_id, WbEvent *event);
extern List *wb_artifact_aliases(int64 artifact_id, int64 collection_id);
extern List *wb_artifact_tags(int64 artifact_id);
extern List *wb_artifact_faces(WbEvent *event);

/* capture/frozen_row.c */
extern bool wb_frozen_row_is(HeapTuple tuple);
extern void wb_frozen_row_warn(void);

/* capture/met_runs.c */
extern int64 wb_met_runs_project(int64 run_id);
extern void wb_met_runs_learn(int64 run_id, int64 project_id);
extern void wb_met_runs_lose(int64 run_id, const char *name, int length);

/* capture/trigger.c */
extern TriggerData *wb_trigger_check(FunctionCallInfo fcinfo, const char *name,
									 TriggerEvent allowed, WbTable table);
extern HeapTuple wb_trigger_new_row(const TriggerData *trigger);
extern char *wb_trigger_text(const TriggerData *trigger, HeapTuple row,
							 const char *column);
extern int64 wb_trigger_id(const TriggerData *trigger, HeapTuple row,
						   const char *column);
extern int	wb_trigger_integer(const TriggerData *trigger, HeapTuple row,
							   const char *column);
extern List *wb_trigger_texts(const TriggerData *trigger, HeapTuple row,
							  const char *column);
extern char *wb_trigger_user(void);

#endif							/* WB_CAPTURE_H */
