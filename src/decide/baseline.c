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
 * On a partitioned table each run is looked for in its own partition; one in a
 * partition that somebody has locked is passed over as well.
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
#include "support/shape.h"
#include "utils/float.h"
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

/* The same, where it lies in a partition of "root". */
static bool
read_last_value_in(Oid root, int64 run_id, const char *name,
				   const WbSeriesSource *source, float8 *value)
{
	WbSeriesSource there = *source;
	bool		is_found;

	there.table = wb_partition_open(root, run_id, name);
	if (there.table == NULL)
		return false;
	if (!wb_shape_fits(there.table, WB_TABLE_RUN_METRICS))
	{
		table_close(there.table, AccessShareLock);
		return false;
	}
	there.index_oid = wb_relation_index(there.table, "run_id", "name", "step");
	there.step = wb_relation_attribute(there.table, "step");
	there.value = wb_relation_attribute(there.table, "value");
	is_found = read_last_value(run_id, name, &there, value);
	table_close(there.table, AccessShareLock);
	return is_found;
}

/* Walk through the project's runs, newest first. */
static void
collect(WbCandidate *candidate, const WbEvent *event,
		const WbSeriesSource *source, int wanted)
{
	Relation	table = wb_relation_open(WB_TABLE_RUNS);
	Oid			index_oid = wb_relation_index(table, "project_id", "id", NULL);
	int			looks_left = wanted * WB_BASELINE_LOOKS;
	Oid			root = wb_partition_root(source->table);
	const char *name = event->metric_name;
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
			float8	   *value = &candidate->baseline[place];

			if (run_id == event->run_id)
				continue;
			if (OidIsValid(root) ?
				read_last_value_in(root, run_id, name, source, value) :
				read_last_value(run_id, name, source, value))
				candidate->baseline_count++;
		}
		wb_scan_end(&scan);
	}
	table_close(table, AccessShareLock);
}

/*
 * Average and deviation of a baseline that is full; NaN, with which no rule
 * holds, where too few of its values are numbers.
 */
void
wb_baseline_sum_up(WbCandidate *candidate)
{
	int			wanted = candidate->automation->rule->prior_size;

	if (candidate->baseline_count < wanted)
		return;
	if (!wb_metric_average(candidate->baseline, wanted,
						   &candidate->baseline_average) ||
		!wb_metric_deviation(candidate->baseline, wanted,
							 &candidate->baseline_deviation))
		candidate->baseline_deviation = get_float8_nan();
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
