/*-------------------------------------------------------------------------
 *
 * cooldown.c
 *		Has an automation spoken about this run lately?
 *
 * The writer looks at what is committed and at what its own transaction did,
 * and waits for nobody.  Two open transactions may therefore both fire; the
 * worker, which sees both, lets one message through (claim.c).  Executions
 * that were replays, tests or errors neither block nor are blocked.
 *
 * IDENTIFICATION
 *		src/deliver/cooldown.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "access/table.h"
#include "deliver/deliver.h"
#include "deliver/fire.h"
#include "support/relation.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

/* Has it to be silent for a while after it fired? */
bool
wb_cooldown_applies(const WbAutomation *automation)
{
	const Interval *cooldown = automation->cooldown;

	return cooldown != NULL &&
		(cooldown->time != 0 || cooldown->day != 0 || cooldown->month != 0);
}

/* When a cooldown that started at a moment ends. */
TimestampTz
wb_cooldown_end(TimestampTz start, const Interval *cooldown)
{
	Datum		end = DirectFunctionCall2(timestamptz_pl_interval,
										  TimestampTzGetDatum(start),
										  IntervalPGetDatum(cooldown));

	return DatumGetTimestampTz(end);
}

/* When a cooldown that would end at a moment started. */
static TimestampTz
cooldown_start(TimestampTz end, const Interval *cooldown)
{
	Datum		start = DirectFunctionCall2(timestamptz_mi_interval,
											TimestampTzGetDatum(end),
											IntervalPGetDatum(cooldown));

	return DatumGetTimestampTz(start);
}

/*
 * Take one execution into account; newer ones came before.  Returns false
 * where older ones can no longer matter.
 */
static bool
look_at(WbScan *scan, const char *origin, const char *key,
		TimestampTz since, WbCooldown *found)
{
	bool		is_null;
	TimestampTz at = DatumGetTimestampTz(wb_scan_column(scan, "triggered_at",
														&is_null));

	if (at <= since)
		return false;
	if (strcmp(wb_scan_text(scan, "origin"), origin) != 0 ||
		strcmp(wb_scan_text(scan, "cooldown_key"), key) != 0)
		return true;
	if (strcmp(wb_scan_text(scan, "state"), "SKIPPED") == 0)
	{
		found->is_noted = true;
		return true;
	}
	found->is_active = true;
	found->started_at = at;
	return false;
}

/* Look into the table, or a partition of it. */
static WbCooldown
look_into(Relation table, const WbVerdict *verdict, const char *origin,
		  const char *key, TimestampTz since)
{
	int64		automation_id = verdict->automation->id;
	int64		run_id = verdict->event->run_id;
	bool		is_of_run = run_id != WB_NO_ID;
	Oid			index_oid = is_of_run ?
	wb_relation_index(table, "run_id", "automation_id", "id") :
	wb_relation_index(table, "automation_id", "id", NULL);
	WbCooldown	found = {0};
	WbScan		scan;
	ScanKeyData keys[2];

	/* somebody dropped it: firing once too often is the better mistake */
	if (!OidIsValid(index_oid))
		return found;
	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(is_of_run ? run_id : automation_id));
	ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(automation_id));
	wb_scan_begin(&scan, table, index_oid, keys, is_of_run ? 2 : 1, NULL,
				  BackwardScanDirection);
	while (wb_scan_next(&scan))
	{
		if (!look_at(&scan, origin, key, since, &found))
			break;
	}
	wb_scan_end(&scan);
	return found;
}

/*
 * Look for an execution of an automation on a run that is within the cooldown
 * at "now".  "origin" and "key" tell which ones count.
 */
WbCooldown
wb_cooldown_find(const WbVerdict *verdict, const char *origin,
				 const char *key, TimestampTz now)
{
	TimestampTz since = cooldown_start(now, verdict->automation->cooldown);
	WbCooldown	found = {0};
	Relation	table;
	ListCell   *cell;

	wb_batch_settle(verdict->automation->id, verdict->event->run_id);
	table = wb_relation_open(WB_TABLE_EXECUTIONS);
	foreach(cell, wb_partition_open_leaves(table))
	{
		Relation	leaf = lfirst(cell);
		WbCooldown	there = look_into(leaf, verdict, origin, key, since);

		found.is_noted = found.is_noted || there.is_noted;
		if (there.is_active &&
			(!found.is_active || there.started_at > found.started_at))
		{
			found.is_active = true;
			found.started_at = there.started_at;
		}
		table_close(leaf, AccessShareLock);
	}
	table_close(table, AccessShareLock);
	return found;
}
