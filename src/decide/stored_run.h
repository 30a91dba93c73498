/*-------------------------------------------------------------------------
 *
 * stored_run.h
 *		Runs and their points as a caller may see them.
 *
 * Private to stored_run.c, backtest.c and explain.c.  All of it is read by
 * plain queries of the caller, within SPI: rights, policies, partitions and
 * the snapshot are those of any query.
 *
 * IDENTIFICATION
 *		src/decide/stored_run.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef WB_STORED_RUN_H
#define WB_STORED_RUN_H

#include "decide/decide.h"
#include "executor/spi.h"

/* Called with each point of a series; the memory context is its own. */
typedef void (*WbPointFunction) (void *argument, int64 step, float8 value,
								 TimestampTz logged_at);

/* decide/stored_run.c */
extern Portal wb_stored_runs_open(const char *scope_type, int64 scope_id);
extern bool wb_stored_run_find(int64 run_id, WbEvent *event);
extern void wb_stored_run_use(HeapTuple row, TupleDesc type, WbEvent *event);
extern void wb_stored_points_visit(const WbEvent *event,
								   WbPointFunction function, void *argument);
extern int	wb_stored_window_read(const WbEvent *event, int size,
								  Datum **steps, Datum **values);
extern void wb_stored_baseline_read(WbCandidate *candidate,
									const WbEvent *event);

#endif							/* WB_STORED_RUN_H */
