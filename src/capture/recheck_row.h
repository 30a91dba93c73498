/*-------------------------------------------------------------------------
 *
 * recheck_row.h
 *		Rows of wb.rechecks: what is to be judged again.
 *
 * IDENTIFICATION
 *		src/capture/recheck_row.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef WB_RECHECK_ROW_H
#define WB_RECHECK_ROW_H

#include "nodes/pg_list.h"

typedef struct WbRecheck
{
	int64		id;
	int64		run_id;
	char	   *name;
	int64		from_step;
	uint64		newest_writer;
	uint64		older_writers;
} WbRecheck;

extern List *wb_recheck_rows_take(int *waiting);

#endif							/* WB_RECHECK_ROW_H */
