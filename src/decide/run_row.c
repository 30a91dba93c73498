/*-------------------------------------------------------------------------
 *
 * run_row.c
 *		Reads the run that an event is about.
 *
 * The row is read as it is now, the whole of the own transaction included: a
 * run and its first metrics may come from one statement.
 *
 * To judge a metric takes no more than the run's project, which is remembered
 * (capture/met_runs.c).  Its names are read when a filter or a message asks.
 *
 * IDENTIFICATION
 *		src/decide/run_row.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "decide/decide.h"
#include "support/relation.h"
#include "utils/memutils.h"

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
	event->unread = NULL;
	wb_scan_end(&scan);
	return true;
}

/*
 * Read what an event has left for later.  Returns false where its run has gone
 * meanwhile.
 */
bool
wb_run_complete(WbEvent *event)
{
	MemoryContext before;
	bool		is_there;

	if (event->unread == NULL)
		return true;
	before = MemoryContextSwitchTo(event->unread);
	is_there = wb_run_read(event->run_id, event);
	MemoryContextSwitchTo(before);
	return is_there;
}
