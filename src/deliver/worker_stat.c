/*-------------------------------------------------------------------------
 *
 * worker_stat.c
 *		What the worker did, for wb.stat_worker().
 *
 * The worker counts in shared memory, where anybody may read.  Where there is
 * none, it counts in memory of its own, which nobody sees.
 *
 * IDENTIFICATION
 *		src/deliver/worker_stat.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "deliver/shared.h"
#include "deliver/worker.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "support/clock.h"
#include "support/compat.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define MEMORY_INTERVAL_MS	1000

/* The columns of wb.stat_worker(). */
enum
{
	PID, STATE, STARTED_AT, STARTS, IN_FLIGHT, WAKES, LOOKS, CLAIMS, CLAIMED,
	RECORDS, DELIVERED, RETRIED, FAILED, SKIPPED, HELD, ROWS_PER_CLAIM,
	FULL_LOOK_MS, MEMORY, LAST_ERROR, LAST_ERROR_AT,
	COLUMN_COUNT
};

WB_FUNCTION_INFO_V1(wb_sql_stat_worker);

static WbWorkerStat unshared;
static WbWorkerStat *own = &unshared;

/* A database's place; one for it where "is_new" allows, else NULL. */
static WbWorkerStat *
find(Oid database, bool is_new)
{
	WbWorkerStat *unused = NULL;

	for (int i = 0; i < wb_shared->worker_count; i++)
	{
		WbWorkerStat *stat = &wb_shared->workers[i];

		if (stat->database == database)
			return stat;
		/* a worker that has ended needs its place less than one that runs */
		if (is_new && unused == NULL &&
			(stat->database == InvalidOid ||
			 wb_wake_find(WB_WORKER_TYPE, stat->database, NULL) == 0))
			unused = stat;
	}
	if (unused == NULL)
		return NULL;
	memset(unused, 0, sizeof(WbWorkerStat));
	unused->database = database;
	return unused;
}

/* Called once, by the only worker of a database. */
void
wb_stat_start(void)
{
	if (wb_shared != NULL)
	{
		WbWorkerStat *found;

		LWLockAcquire(wb_shared->lock, LW_EXCLUSIVE);
		found = find(MyDatabaseId, true);
		if (found != NULL)
			own = found;
		LWLockRelease(wb_shared->lock);
	}
	own->started_at = wb_clock_now();
	own->starts++;
	own->in_flight = 0;
}

void
wb_stat_wake(void)
{
	own->wakes++;
}

/* A look at the queue that claimed so many. */
void
wb_stat_look(int claimed)
{
	own->looks++;
	if (claimed > 0)
		own->claims++;
	own->claimed += claimed;
}

/* A look that read all of the queue. */
void
wb_stat_full_look(int64 milliseconds)
{
	own->full_look_ms = milliseconds;
}

/* A transaction that recorded outcomes. */
void
wb_stat_record(void)
{
	own->records++;
}

void
wb_stat_outcome(WbOutcomeKind kind)
{
	switch (kind)
	{
		case WB_OUTCOME_DONE:
			own->delivered++;
			break;
		case WB_OUTCOME_RETRY:
			own->retried++;
			break;
		case WB_OUTCOME_FAILED:
		case WB_OUTCOME_EXPIRED:
			own->failed++;
			break;
		case WB_OUTCOME_HELD:
			own->held++;
			break;
		case WB_OUTCOME_SKIPPED:
			own->skipped++;
			break;
	}
}

/* Tell how things are, before the worker waits. */
void
wb_stat_rest(int in_flight)
{
	static int64 next_memory_ms = 0;
	int64		now_ms = wb_clock_monotonic_ms();

	own->in_flight = in_flight;
	if (now_ms < next_memory_ms)
		return;
	next_memory_ms = now_ms + MEMORY_INTERVAL_MS;
	own->memory = (int64) MemoryContextMemAllocated(TopMemoryContext, true);
}

/* The error that the worker ends with. */
void
wb_stat_error(const char *message)
{
	int			length = pg_mbcliplen(message, strlen(message),
									  WB_LAST_ERROR_SIZE - 1);

	if (wb_shared == NULL)
		return;
	LWLockAcquire(wb_shared->lock, LW_EXCLUSIVE);
	memcpy(own->last_error, message, length);
	own->last_error[length] = '\0';
	own->last_error_at = wb_clock_now();
	LWLockRelease(wb_shared->lock);
}

static void
fill_counters(const WbWorkerStat *stat, Datum *values, bool *nulls)
{
	const int64 counters[] = {
		stat->starts, stat->in_flight, stat->wakes, stat->looks, stat->claims,
		stat->claimed, stat->records, stat->delivered, stat->retried,
		stat->failed, stat->skipped, stat->held
	};

	memset(nulls + STARTED_AT, false, COLUMN_COUNT - STARTED_AT);
	values[STARTED_AT] = TimestampTzGetDatum(stat->started_at);
	for (size_t i = 0; i < lengthof(counters); i++)
		values[STARTS + i] = Int64GetDatum(counters[i]);
	nulls[ROWS_PER_CLAIM] = stat->claims == 0;
	values[ROWS_PER_CLAIM] = Float8GetDatum(stat->claims == 0 ? 0 :
											(float8) stat->claimed /
											(float8) stat->claims);
	values[FULL_LOOK_MS] = Int64GetDatum(stat->full_look_ms);
	values[MEMORY] = Int64GetDatum(stat->memory);
	nulls[LAST_ERROR] = nulls[LAST_ERROR_AT] = stat->last_error_at == 0;
	values[LAST_ERROR] = CStringGetTextDatum(stat->last_error);
	values[LAST_ERROR_AT] = TimestampTzGetDatum(stat->last_error_at);
}

/* wb.stat_worker() returns one row about this database's worker */
Datum
wb_sql_stat_worker(PG_FUNCTION_ARGS)
{
	pid_t		worker = wb_wake_find(WB_WORKER_TYPE, MyDatabaseId, NULL);
	WbWorkerStat copy = {0};
	TupleDesc	type;
	Datum		values[COLUMN_COUNT];
	bool		nulls[COLUMN_COUNT];

	if (get_call_result_type(fcinfo, NULL, &type) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (wb_shared != NULL)
	{
		WbWorkerStat *found;

		LWLockAcquire(wb_shared->lock, LW_SHARED);
		found = find(MyDatabaseId, false);
		if (found != NULL)
			copy = *found;
		LWLockRelease(wb_shared->lock);
	}

	memset(nulls, true, sizeof(nulls));
	if (copy.database != InvalidOid)
		fill_counters(&copy, values, nulls);
	nulls[PID] = worker == 0;
	values[PID] = Int32GetDatum(worker);
	nulls[STATE] = false;
	values[STATE] = CStringGetTextDatum(worker == 0 ? "stopped" :
										copy.in_flight > 0 ? "sending" :
										"idle");
	nulls[IN_FLIGHT] = nulls[IN_FLIGHT] || worker == 0;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(type),
													  values, nulls)));
}
