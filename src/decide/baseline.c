/*-------------------------------------------------------------------------
 *
 * baseline.c
 *		What other runs of the project came to, for a z-score against them.
 *
 * The baseline is the last value of the metric in each of the newest other
 * runs that have it.  It is read once per statement and rule, as the tables
 * were before the statement; a run without the metric is passed over, and
 * after enough of them the search ends, so that the work is bounded.
 *
 * On a partitioned table it looks at the runs of the same partition.
 *
 * IDENTIFICATION
 *		src/decide/baseline.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "access/table.h"
#include "decide/decide.h"
#include "support/relation.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"

/* The last value of the metric in one run; false where it has none. */
static bool
read_last_value(int64 run_id, const char *name, const WbSeriesSource *source,
				float8 *value)
{
	WbSeries	series;

	wb_series_load(&series, 1, source, run_id, name);
	if (series.count == 0)
		return false;
	wb_series_copy_window(&series, 1, value);
	return true;
}

/* Walk through the project's runs, newest first. */
static void
collect(WbCandidate *candidate, const WbEvent *event,
		const WbSeriesSource *source, int wanted)
{
	Relation	table = table_open(wb_relation_oid(WB_TABLE_RUNS),
								   AccessShareLock);
	Oid			index_oid = wb_relation_index(table, "project_id", "id", NULL);
	int			looks_left = wanted * WB_BASELINE_LOOKS;
	WbScan		scan;
	ScanKeyData key;

	if (OidIsValid(index_oid))
	{
		ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ,
					Int64GetDatum(event->project_id));
		wb_scan_begin(&scan, table, index_oid, &key, 1, NULL,
					  BackwardScanDirection);
		while (candidate->baseline_count < wanted && looks_left-- > 0 &&
			   wb_scan_next(&scan))
		{
			int64		run_id = wb_scan_id(&scan, "id");
			int			place = wanted - 1 - candidate->baseline_count;

			if (run_id != event->run_id &&
				read_last_value(run_id, event->metric_name, source,
								&candidate->baseline[place]))
				candidate->baseline_count++;
		}
		wb_scan_end(&scan);
	}
	table_close(table, AccessShareLock);
}

/* Average and deviation of a baseline that is full; else there are none. */
void
wb_baseline_sum_up(WbCandidate *candidate)
{
	int			wanted = candidate->automation->rule->prior_size;

	if (candidate->baseline_count < wanted)
		return;
	candidate->baseline_average = wb_metric_average(candidate->baseline,
													wanted);
	candidate->baseline_deviation = wb_metric_deviation(candidate->baseline,
														wanted);
}

/*
 * Read a candidate's baseline, oldest run first, into the statement's memory.
 * Where there are too few runs, baseline_count says so.
 */
void
wb_baseline_read(WbCandidate *candidate, const WbEvent *event,
				 const WbSeriesSource *source)
{
	int			wanted = candidate->automation->rule->prior_size;

	candidate->baseline = MemoryContextAlloc(source->context,
											 sizeof(float8) * wanted);
	candidate->baseline_count = 0;
	collect(candidate, event, source, wanted);
	wb_baseline_sum_up(candidate);
}
