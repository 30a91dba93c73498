/*-------------------------------------------------------------------------
 *
 * recheck_row.h
 *		What is to be judged again, and by which rules.
 *
 * IDENTIFICATION
 *		src/capture/recheck_row.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef WB_RECHECK_ROW_H
#define WB_RECHECK_ROW_H

#include "wb_automations.h"

/* A row of wb.rechecks. */
typedef struct WbRecheck
{
	int64		id;
	int64		run_id;
	char	   *name;
	int64		from_step;
	uint64		newest_writer;
	uint64		older_writers;
	uint64		writer;
} WbRecheck;

extern List *wb_recheck_take(int *waiting);
extern List *wb_recheck_series(const List *rows, int from);
extern const WbRecheck *wb_recheck_start(const WbAutomation *automation,
										 const List *rows);

#endif							/* WB_RECHECK_ROW_H */
