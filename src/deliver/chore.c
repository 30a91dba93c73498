/*-------------------------------------------------------------------------
 *
 * chore.c
 *		What the worker does besides delivering.
 *
 * It has runs looked at that may have fallen silent, old history removed, a
 * queue shortened that is too long, and due times moved when the clock is put
 * back.  What there is to do is SQL's business.  Each chore is one record
 * here, and each batch of it a transaction of its own between deliveries: an
 * error in it, of a user's trigger say, is logged and stops no delivery.
 *
 * Rule: upkeep must never be what deliveries wait for.  After a batch that
 * left work to do, the next one waits in proportion to what it took.
 *
 * IDENTIFICATION
 *		src/deliver/chore.c
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

#define INTERVAL_MS			60000
#define SWEEPS_PER_TIMEOUT	5

/* What a clock may be put back by without our doing anything. */
#define TOLERANCE_MS		1000

/* "work" returns whether it left something to do. */
typedef struct Chore
{
	const char *activity;
	const char *what;			/* in "could not ..." */
	bool		(*work) (void);
	int			rest_factor;	/* of a batch's duration, where work is left */
	const int  *switch_setting; /* 0 there switches it off; NULL: always on */
	int64		(*interval_ms) (void);	/* NULL: a minute */
	int64		next_ms;
	bool		is_more;
} Chore;

static WbPlan sweep_plan = {
	"SELECT wb.sweep($1)", 1, {TIMESTAMPTZOID}, NULL
};

static WbPlan prune_plan = {
	"SELECT after_id FROM wb.prune_batch($1, $2)",
	2,
	{TIMESTAMPTZOID, INT8OID},
	NULL
};

static WbPlan shorten_plan = {
	"SELECT wb.shorten_queue($1, $2)", 2, {INT8OID, INT8OID}, NULL
};

/*
 * Due times are times of the wall, because they must mean the same after a
 * restart.  When that clock is put back by an hour, all that waits would wait
 * for an hour more; so it becomes due by as much earlier.  When the clock is
 * put forward, what waits for its next attempt is due the sooner, and nothing
 * needs to be done.
 */
static WbPlan follow_plan = {
	"UPDATE wb.deliveries SET due_at = due_at - $1 * interval '1 ms'"
	" WHERE due_at > $2",
	2,
	{FLOAT8OID, TIMESTAMPTZOID},
	NULL
};

/* Where pruning goes on; 0 for the beginning. */
static int64 prune_after_id = 0;

/* How many deliveries are too many; -1 where they have to be counted. */
static int64 surplus = -1;

/* By how much the wall clock is ahead of the one that never jumps. */
static int64 lead_ms = 0;
static int64 lost_ms = 0;

static bool
sweep(void)
{
	Datum		now = TimestampTzGetDatum(wb_clock_now());

	wb_plan_run(&sweep_plan, &now, NULL, SPI_OK_SELECT);
	return false;
}

/* So often that a silence which counts as a crash is not missed by much. */
static int64
sweep_interval_ms(void)
{
	return Min(INTERVAL_MS, (int64) wb_setting_crash_timeout * 1000 /
			   SWEEPS_PER_TIMEOUT);
}

static bool
prune(void)
{
	int64		age_us = (int64) wb_setting_retention * USECS_PER_MINUTE;
	Datum		values[2];

	values[0] = TimestampTzGetDatum(wb_clock_now() - age_us);
	values[1] = Int64GetDatum(prune_after_id);
	wb_plan_run(&prune_plan, values, NULL, SPI_OK_SELECT);
	prune_after_id = wb_row_id(SPI_tuptable, 0, 1);
	return prune_after_id > 0;
}

static bool
shorten(void)
{
	int64		left;
	Datum		values[2];

	values[0] = Int64GetDatum(wb_setting_queue_limit);
	values[1] = Int64GetDatum(surplus);
	surplus = -1;
	wb_plan_run(&shorten_plan, values,
				DatumGetInt64(values[1]) < 0 ? " n" : NULL, SPI_OK_SELECT);
	left = wb_row_id(SPI_tuptable, 0, 1);
	if (left > 0)
		surplus = left;
	return left > 0;
}

static bool
follow(void)
{
	Datum		values[2];

	values[0] = Float8GetDatum((float8) lost_ms);
	values[1] = TimestampTzGetDatum(wb_clock_now());
	wb_plan_run(&follow_plan, values, NULL, SPI_OK_UPDATE);
	return false;
}

static Chore chores[] = {
	{.activity = "looking for silent runs",.what = "look for silent runs",
	.work = sweep,.interval_ms = sweep_interval_ms},
	{.activity = "removing old history",.what = "remove old history",
		.work = prune,.rest_factor = 9,
	.switch_setting = &wb_setting_retention},
	/* a queue that is too long grows while we rest */
	{.activity = "shortening the queue",.what = "shorten the queue",
	.work = shorten,.rest_factor = 1},
};

static Chore clock_chore = {
	.activity = "following the clock",.what = "follow the clock",
	.work = follow
};

static void
run_work(void *argument)
{
	Chore	   *chore = argument;

	chore->is_more = chore->work();
}

static void
run(Chore *chore)
{
	int64		start_ms = wb_clock_monotonic_ms();
	int64		end_ms;
	int64		rest_ms = chore->interval_ms ? chore->interval_ms() :
	INTERVAL_MS;

	chore->is_more = false;
	if (chore->switch_setting == NULL || *chore->switch_setting > 0)
		(void) wb_worker_try(chore->activity, chore->what, run_work, chore);
	end_ms = wb_clock_monotonic_ms();
	if (chore->is_more)
		rest_ms = chore->rest_factor * Max(end_ms - start_ms, 1);
	chore->next_ms = end_ms + rest_ms;
}

/* Look at what there is to do at once, because settings may have changed. */
void
wb_chore_call(void)
{
	for (size_t i = 0; i < lengthof(chores); i++)
		chores[i].next_ms = 0;
}

/* After how long there is a chore to do; 0 where it is time. */
long
wb_chore_wait_ms(void)
{
	int64		next_ms = PG_INT64_MAX;

	for (size_t i = 0; i < lengthof(chores); i++)
		next_ms = Min(next_ms, chores[i].next_ms);
	return (long) Max(next_ms - wb_clock_monotonic_ms(), 0);
}

/* Do what it is time for. */
void
wb_chore_run(void)
{
	for (size_t i = 0; i < lengthof(chores); i++)
	{
		if (wb_clock_monotonic_ms() >= chores[i].next_ms)
			run(&chores[i]);
	}
}

/* Called before each look at the queue. */
void
wb_chore_follow_clock(void)
{
	int64		before_ms = lead_ms;

	lead_ms = wb_clock_now() / 1000 - wb_clock_monotonic_ms();
	lost_ms = before_ms - lead_ms;
	if (before_ms == 0 || lost_ms <= TOLERANCE_MS)
		return;
	ereport(LOG,
			(errmsg("the clock was put back by " INT64_FORMAT " seconds, so what waits is due as much earlier",
					lost_ms / 1000)));
	run(&clock_chore);
}
