/*-------------------------------------------------------------------------
 *
 * clock_jump.c
 *		Keeps the queue moving when the server's clock is put back.
 *
 * Due times are times of the wall, because they must mean the same after a
 * restart.  When that clock is put back by an hour, all that waits would wait
 * for an hour more; so it becomes due by as much earlier.  When the clock is
 * put forward, what waits for its next attempt is due the sooner, and nothing
 * needs to be done.
 *
 * IDENTIFICATION
 *		src/deliver/clock_jump.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "deliver/worker.h"
#include "support/clock.h"
#include "support/plan.h"
#include "utils/timestamp.h"

/* What a clock may be put back by without our doing anything. */
#define TOLERANCE_MS	1000

static WbPlan make_due_earlier = {
	"UPDATE wb.deliveries SET due_at = due_at - $1 * interval '1 ms'"
	" WHERE due_at > $2",
	2,
	{FLOAT8OID, TIMESTAMPTZOID},
	NULL
};

/* By how much the wall clock is ahead of the one that never jumps. */
static int64 lead_ms = 0;
static int64 lost_ms = 0;

static void
follow(void)
{
	Datum		values[2];

	values[0] = Float8GetDatum((float8) lost_ms);
	values[1] = TimestampTzGetDatum(wb_clock_now());
	wb_plan_run(&make_due_earlier, values, NULL, SPI_OK_UPDATE);
}

/* Called before each look at the queue. */
void
wb_clock_jump_follow(void)
{
	int64		before_ms = lead_ms;

	lead_ms = wb_clock_now() / 1000 - wb_clock_monotonic_ms();
	lost_ms = before_ms - lead_ms;
	if (before_ms == 0 || lost_ms <= TOLERANCE_MS)
		return;
	ereport(LOG,
			(errmsg("the clock was put back by " INT64_FORMAT " seconds, so what waits is due as much earlier",
					lost_ms / 1000)));
	(void) wb_worker_try("following the clock", "follow the clock", follow);
}
