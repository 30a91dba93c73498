/*-------------------------------------------------------------------------
 *
 * sweep.c
 *		Has runs looked at now and then that may have fallen silent.
 *
 * What there is to do is SQL's business (wb.sweep); the worker only calls it,
 * once a minute or five times within the shortest silence that counts as a
 * crash.  An error there, of a user's trigger say, is logged and stops no
 * delivery.
 *
 * IDENTIFICATION
 *		src/deliver/sweep.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "deliver/deliver.h"
#include "support/clock.h"
#include "support/plan.h"
#include "support/setting.h"
#include "utils/timestamp.h"

#define SWEEP_INTERVAL_MS	60000
#define SWEEPS_PER_TIMEOUT	5

static WbPlan sweep = {
	"SELECT wb.sweep($1)", 1, {TIMESTAMPTZOID}, NULL
};

static int64 last_sweep_ms = 0;

/* After how long to sweep; 0 where it is time. */
long
wb_sweep_wait_ms(void)
{
	int64		interval_ms = Min(SWEEP_INTERVAL_MS,
								  (int64) wb_setting_crash_timeout * 1000 /
								  SWEEPS_PER_TIMEOUT);
	int64		next_ms = last_sweep_ms + interval_ms;

	return (long) Max(next_ms - wb_clock_monotonic_ms(), 0);
}

static void
run_sweep(void)
{
	Datum		now = TimestampTzGetDatum(wb_clock_now());

	wb_plan_run(&sweep, &now, NULL, SPI_OK_SELECT);
}

/* Sweep, in a transaction of its own. */
void
wb_sweep_runs(void)
{
	last_sweep_ms = wb_clock_monotonic_ms();
	(void) wb_worker_try("looking for silent runs", "look for silent runs",
						 run_sweep);
}
