/*-------------------------------------------------------------------------
 *
 * contend.c
 *		Lets one execution through where several fired within a cooldown.
 *
 * Writers do not wait for each other, so two open transactions may both fire
 * (see cooldown.c).  The worker sees both, and asks of each, in the order of
 * their ids: has another of the same automation and run been accepted, with a
 * time less than the cooldown away?  Accepted is what was carried out, what
 * failed, what was attempted, and what the worker has in hand.  Executions
 * that were replays, tests or errors neither block nor are blocked.
 *
 * IDENTIFICATION
 *		src/deliver/contend.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "deliver/worker.h"
#include "support/plan.h"
#include "support/relation.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

/*
 * Ids are given in the order of time, or nearly so: after this many that are
 * too old in a row, the others are too.
 */
#define ENOUGH_TOO_OLD	10

static WbPlan find_attempt = {
	"SELECT FROM wb.deliveries WHERE execution_id = $1 AND attempts > 0",
	1,
	{INT8OID},
	NULL
};

static bool
is_accepted(WbScan *scan, int64 execution_id)
{
	const char *state = wb_scan_text(scan, "state");
	Datum		value = Int64GetDatum(execution_id);

	if (strcmp(state, "PENDING") != 0)
		return strcmp(state, "SKIPPED") != 0;
	return wb_hand_has(execution_id) ||
		wb_plan_run(&find_attempt, &value, NULL, SPI_OK_SELECT) > 0;
}

/* Is the scan at an execution that this one cannot stand beside? */
static bool
is_rival(WbScan *scan, const WbContender *contender)
{
	int64		execution_id = wb_scan_id(scan, "id");

	return execution_id != contender->execution_id &&
		strcmp(wb_scan_text(scan, "origin"), "event") == 0 &&
		strcmp(wb_scan_text(scan, "cooldown_key"),
			   contender->cooldown_key) == 0 &&
		is_accepted(scan, execution_id);
}

/* Start at the newest execution of the automation and run. */
static bool
begin_scan(WbScan *scan, Relation table, const WbContender *contender)
{
	bool		has_run = contender->run_id != WB_NO_ID;
	Oid			index_oid = has_run ?
	wb_relation_index(table, "run_id", "automation_id", "id") :
	wb_relation_index(table, "automation_id", "id", NULL);
	ScanKeyData keys[2];

	/* somebody dropped it: sending once too often is the better mistake */
	if (!OidIsValid(index_oid))
		return false;
	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(has_run ? contender->run_id :
							  contender->automation_id));
	ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(contender->automation_id));
	wb_scan_begin(scan, table, index_oid, keys, has_run ? 2 : 1, NULL,
				  BackwardScanDirection);
	return true;
}

static TimestampTz
shift(PGFunction operation, TimestampTz at, Interval *cooldown)
{
	Datum		start = TimestampTzGetDatum(at);
	Datum		length = IntervalPGetDatum(cooldown);

	return DatumGetTimestampTz(DirectFunctionCall2(operation, start, length));
}

/* Go on to the next rival; false where there is none. */
static bool
find_rival(WbScan *scan, const WbContender *contender, TimestampTz since,
		   TimestampTz until, TimestampTz *at)
{
	int			too_old_count = 0;

	while (too_old_count < ENOUGH_TOO_OLD && wb_scan_next(scan))
	{
		bool		is_null;

		*at = DatumGetTimestampTz(wb_scan_column(scan, "triggered_at",
												 &is_null));
		too_old_count = *at <= since ? too_old_count + 1 : 0;
		if (*at > since && *at < until && is_rival(scan, contender))
			return true;
	}
	return false;
}

/* Why a rival in a table, or a partition of it, forbids an execution. */
static char *
lose_in(Relation table, const WbContender *contender, TimestampTz since,
		TimestampTz until)
{
	Interval   *cooldown = contender->cooldown;
	WbScan		scan;
	TimestampTz at;
	char	   *reason = NULL;

	if (!begin_scan(&scan, table, contender))
		return NULL;
	if (find_rival(&scan, contender, since, until, &at))
	{
		at = shift(timestamptz_pl_interval, at, cooldown);
		reason = psprintf("cooldown until %s: execution " INT64_FORMAT
						  " was accepted", timestamptz_to_str(at),
						  wb_scan_id(&scan, "id"));
	}
	wb_scan_end(&scan);
	return reason;
}

/*
 * Why an execution must not be carried out, or NULL.  Called for each that
 * has a cooldown, in the order of their ids; the ones accepted before are in
 * hand by then.
 */
char *
wb_contend_lose(const WbContender *contender)
{
	Interval   *cooldown = contender->cooldown;
	TimestampTz since = shift(timestamptz_mi_interval,
							  contender->triggered_at, cooldown);
	TimestampTz until = shift(timestamptz_pl_interval,
							  contender->triggered_at, cooldown);
	Relation	table = wb_relation_open(WB_TABLE_EXECUTIONS);
	char	   *reason = NULL;
	ListCell   *cell;

	foreach(cell, wb_partition_open_leaves(table))
	{
		Relation	leaf = lfirst(cell);

		if (reason == NULL)
			reason = lose_in(leaf, contender, since, until);
		table_close(leaf, AccessShareLock);
	}
	table_close(table, AccessShareLock);
	return reason;
}
