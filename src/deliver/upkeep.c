/*-------------------------------------------------------------------------
 *
 * upkeep.c
 *		Has old history removed, and the queue kept from growing without end.
 *
 * Both are done in small batches between deliveries, each in a transaction of
 * its own, and the next batch waits in proportion to what the last one took:
 * upkeep must never be what deliveries wait for.  What there is to do is SQL's
 * business; an error there is logged and stops no delivery.
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
#include "support/row.h"
#include "support/setting.h"
#include "utils/timestamp.h"

#define UPKEEP_INTERVAL_MS	60000

/*
 * After a batch that left work to do, rest so many times its duration.  A
 * queue that is too long grows while we rest.
 */
#define PRUNE_REST_FACTOR		9
#define SHORTEN_REST_FACTOR		1

static WbPlan prune = {
	"SELECT after_id FROM wb.prune_batch($1, $2)",
	2,
	{TIMESTAMPTZOID, INT8OID},
	NULL
};

static WbPlan shorten_queue = {
	"SELECT wb.shorten_queue($1, $2)", 2, {INT8OID, INT8OID}, NULL
};

static int64 next_prune_ms = 0;
static int64 next_shorten_ms = 0;

/* Where to go on; 0 for the beginning. */
static int64 prune_after_id = 0;

/* How many are to be skipped; -1 where they have to be counted. */
static int64 surplus = -1;

/* After how long there is upkeep to do; 0 where it is time. */
long
wb_upkeep_wait_ms(void)
{
	int64		next_ms = Min(next_prune_ms, next_shorten_ms);

	return (long) Max(next_ms - wb_clock_monotonic_ms(), 0);
}

/* Look at what there is to do at once, because settings may have changed. */
void
wb_upkeep_call(void)
{
	next_prune_ms = 0;
	next_shorten_ms = 0;
}

/* The number in the only row of a result, or "none" for null. */
static int64
read_number(int64 none)
{
	bool		is_null;
	Datum		value = wb_row_value(SPI_tuptable, 0, 1, INT8OID, &is_null);

	return is_null ? none : DatumGetInt64(value);
}

static void
prune_history(void)
{
	int64		age_us = (int64) wb_setting_retention * USECS_PER_MINUTE;
	Datum		values[2];

	values[0] = TimestampTzGetDatum(wb_clock_now() - age_us);
	values[1] = Int64GetDatum(prune_after_id);
	wb_plan_run(&prune, values, NULL, SPI_OK_SELECT);
	prune_after_id = read_number(0);
}

static void
shorten(void)
{
	Datum		values[2];

	values[0] = Int64GetDatum(wb_setting_queue_limit);
	values[1] = Int64GetDatum(surplus);
	wb_plan_run(&shorten_queue, values, surplus < 0 ? " n" : NULL,
				SPI_OK_SELECT);
	surplus = read_number(0);
}

/* When to go on, after a batch that started at a moment. */
static int64
next_batch_ms(int64 start_ms, bool is_more, int rest_factor)
{
	int64		end_ms = wb_clock_monotonic_ms();

	return end_ms + (is_more ? rest_factor * Max(end_ms - start_ms, 1) :
					 UPKEEP_INTERVAL_MS);
}

/* Do what it is time for. */
void
wb_upkeep_run(void)
{
	int64		start_ms = wb_clock_monotonic_ms();

	if (start_ms >= next_prune_ms)
	{
		bool		is_more;

		wb_suppressed_write();
		is_more = wb_setting_retention > 0 &&
			wb_worker_try("removing old history", "remove old history",
						  prune_history) && prune_after_id > 0;

		next_prune_ms = next_batch_ms(start_ms, is_more, PRUNE_REST_FACTOR);
	}

	start_ms = wb_clock_monotonic_ms();
	if (start_ms >= next_shorten_ms)
	{
		bool		is_more = wb_worker_try("shortening the queue",
											"shorten the queue", shorten) &&
		surplus > 0;

		if (!is_more)
			surplus = -1;
		next_shorten_ms = next_batch_ms(start_ms, is_more,
										SHORTEN_REST_FACTOR);
	}
}
