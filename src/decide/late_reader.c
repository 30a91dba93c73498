/*-------------------------------------------------------------------------
 *
 * late_reader.c
 *		Reads a series as it is in the middle of a statement.
 *
 * That is the table as it was before the statement, with those rows of the
 * statement over it that were judged already.  No snapshot shows this: the
 * index is walked with all versions of all rows, and each is taken if it was
 * judged, or was visible before.  Of two with the same step the judged one
 * counts, for it replaced the other.
 *
 * The walk passes the statement's other rows, which come later; whoever reads
 * keeps what was read, so that a stretch is not walked once for each row.
 *
 * IDENTIFICATION
 *		src/decide/late_reader.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "decide/late_window.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

/*
 * Read from a step back, itself included, or forward from the one after it.
 * The caller closes the reader, in the memory context of the call.
 */
void
wb_late_reader_open(WbLateReader *reader, const WbSeriesSource *source,
					int64 run_id, const char *name, int64 step,
					ScanDirection direction)
{
	bool		is_back = ScanDirectionIsBackward(direction);
	ScanKeyData keys[3];

	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(run_id));
	ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(name));
	ScanKeyInit(&keys[2], 3, is_back ? BTLessEqualStrategyNumber :
				BTGreaterStrategyNumber, is_back ? F_INT8LE : F_INT8GT,
				Int64GetDatum(step));
	reader->source = source;
	reader->has_row = false;
	reader->is_ended = false;
	reader->snapshot = wb_scan_take_snapshot(source->before);
	reader->is_overlaid = source->before != WB_ALL_COMMANDS &&
		wb_judged_rows_exist(source->judged);
	if (reader->is_overlaid)
		wb_scan_begin_versions(&reader->scan, source->table,
							   source->index_oid, keys, 3, reader->snapshot,
							   direction);
	else
		wb_scan_begin(&reader->scan, source->table, source->index_oid, keys,
					  3, reader->snapshot, direction);
}

void
wb_late_reader_close(WbLateReader *reader)
{
	wb_scan_end(&reader->scan);
	UnregisterSnapshot(reader->snapshot);
}

static WbPoint
scanned_point(const WbLateReader *reader)
{
	const WbSeriesSource *source = reader->source;
	TupleTableSlot *slot = reader->scan.slot;
	bool		is_null;		/* never: they are NOT NULL */
	WbPoint		point;

	point.step = DatumGetInt64(slot_getattr(slot, source->step, &is_null));
	point.value = DatumGetFloat8(slot_getattr(slot, source->value, &is_null));
	return point;
}

/* Take in one version; true where "point" now has the row before it. */
static bool
take_version(WbLateReader *reader, bool is_judged, WbPoint *point)
{
	WbPoint		next = scanned_point(reader);
	bool		is_same = reader->has_row && reader->row.step == next.step;
	bool		is_complete = reader->has_row && !is_same;

	if (is_complete)
		*point = reader->row;
	if (!is_same || is_judged)
		reader->row = next;
	reader->has_row = true;
	return is_complete;
}

/* The next point; false where there is none. */
bool
wb_late_reader_next(WbLateReader *reader, WbPoint *point)
{
	if (!reader->is_overlaid)
	{
		if (!wb_scan_next(&reader->scan))
			return false;
		*point = scanned_point(reader);
		return true;
	}
	while (!reader->is_ended)
	{
		bool		is_judged;

		if (!wb_scan_next_version(&reader->scan))
		{
			reader->is_ended = true;
			break;
		}
		is_judged = wb_judged_rows_have(reader->source->judged,
										&reader->scan.slot->tts_tid);
		if ((is_judged || wb_scan_version_is_visible(&reader->scan)) &&
			take_version(reader, is_judged, point))
			return true;
	}
	if (!reader->has_row)
		return false;
	*point = reader->row;
	reader->has_row = false;
	return true;
}
