/*-------------------------------------------------------------------------
 *
 * run_row.c
 *		Reads the run that an event is about.
 *
 * The row is read as it is now, the whole of the own transaction included: a
 * run and its first metrics may come from one statement.
 *
 * IDENTIFICATION
 *		src/capture/run_row.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "capture/capture.h"
#include "support/relation.h"

/*
 * Fill in what an event says about its run.  Returns false, and fills in
 * nothing, where there is no such run.
 */
bool
wb_run_read(int64 run_id, WbEvent *event)
{
	WbScan		scan;

	if (!wb_scan_row_by_id(WB_TABLE_RUNS, run_id, &scan))
		return false;
	event->run_id = run_id;
	event->project_id = wb_scan_id(&scan, "project_id");
	event->run_name = wb_scan_text(&scan, "name");
	event->display_name = wb_scan_text(&scan, "display_name");
	event->username = wb_scan_text(&scan, "username");
	wb_scan_end(&scan);
	return true;
}
