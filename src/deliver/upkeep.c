/*-------------------------------------------------------------------------
 *
 * upkeep.c
 *		Has old history removed, and the queue kept from growing without end.
 *
 * Both are done in small batches between deliveries, and the next batch waits
 * several times as long as the last one took: upkeep must never be what
 * deliveries wait for.  What there is to do is SQL's business.
 *
 * IDENTIFICATION
 *		src/deliver/upkeep.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "deliver/worker.h"
#include "support/clock.h"
#include "support/plan.h"
#include "support/setting.h"
#include "utils/timestamp.h"

#define UPKEEP_INTERVAL_MS	60000

/* After a batch that left work to do, rest this many times its duration. */
#define REST_FACTOR			9

static WbPlan prune = {
	"SELECT after_id FROM wb.prune_batch($1, $2)",
	2,
	{TIMESTAMPTZOID, INT8OID},
	NULL
};

static WbPlan shorten_queue = {
	"SELECT wb.shorten_queue($1)", 1, {INT8OID}, NULL
};

static int64 next_upkeep_ms = 0;
static int64 prune_after_id = 0;

/* After how long there is upkeep to do; 0 where it is time. */
long
wb_upkeep_wait_ms(void)
{
	return (long) Max(next_upkeep_ms - wb_clock_monotonic_ms(), 0);
}

/* One batch of pruning; true where there is more to do. */
static bool
prune_history(void)
{
	int64		age_us = (int64) wb_setting_retention * USECS_PER_MINUTE;
	Datum		values[2];
	Datum		value;
	bool		is_null;

	if (wb_setting_retention == 0)
		return false;
	values[0] = TimestampTzGetDatum(wb_clock_now() - age_us);
	values[1] = Int64GetDatum(prune_after_id);
	wb_plan_run(&prune, values, NULL, SPI_OK_SELECT);
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
						  &is_null);
	prune_after_id = is_null ? 0 : DatumGetInt64(value);
	return !is_null;
}

/* One batch off a queue that is too long; true where it may still be. */
static bool
shorten(void)
{
	Datum		most = Int64GetDatum(wb_setting_queue_limit);
	bool		is_null;

	wb_plan_run(&shorten_queue, &most, NULL, SPI_OK_SELECT);
	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0],
									   SPI_tuptable->tupdesc, 1,
									   &is_null)) > 0;
}

/* Do a batch of upkeep, in a transaction of its own. */
void
wb_upkeep_run(void)
{
	int64		start_ms = wb_clock_monotonic_ms();
	int64		end_ms;
	bool		is_more;

	wb_worker_begin("removing old history");
	is_more = prune_history();
	is_more = shorten() || is_more;
	wb_worker_commit();
	end_ms = wb_clock_monotonic_ms();
	next_upkeep_ms = end_ms + (is_more ?
							   REST_FACTOR * Max(end_ms - start_ms, 1) :
							   UPKEEP_INTERVAL_MS);
}
