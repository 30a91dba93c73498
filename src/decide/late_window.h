/*-------------------------------------------------------------------------
 *
 * late_window.h
 *		Reading what a late row is judged on.
 *
 * Private to late_window.c and late_reader.c.
 *
 * IDENTIFICATION
 *		src/decide/late_window.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef WB_LATE_WINDOW_H
#define WB_LATE_WINDOW_H

#include "decide/decide.h"
#include "support/relation.h"

typedef struct WbLateReader
{
	const WbSeriesSource *source;
	WbScan		scan;
	Snapshot	snapshot;
	bool		is_overlaid;	/* rows of the statement were judged */
	bool		is_ended;		/* a scan that is asked again starts anew */
	bool		has_row;		/* in "row", which may yet be replaced */
	WbPoint		row;
} WbLateReader;

/* decide/late_reader.c */
extern void wb_late_reader_open(WbLateReader *reader,
								const WbSeriesSource *source, int64 run_id,
								const char *name, int64 step,
								ScanDirection direction);
extern bool wb_late_reader_next(WbLateReader *reader, WbPoint *point);
extern void wb_late_reader_close(WbLateReader *reader);

#endif							/* WB_LATE_WINDOW_H */
