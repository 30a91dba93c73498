/*-------------------------------------------------------------------------
 *
 * recheck.c
 *		Has points judged again that two transactions wrote at once.
 *
 * What there is to do is wb.recheck()'s business; the worker only calls it,
 * when a transaction that left something has committed, when it is woken or a
 * moment has passed while something waits for a transaction that is still
 * open, and once a minute.  An error there is logged and stops no delivery.
 *
 * IDENTIFICATION
 *		src/deliver/recheck.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "deliver/deliver.h"
#include "support/clock.h"
#include "support/plan.h"
#include "wb_automations.h"

#define RECHECK_INTERVAL_MS		60000
#define RECHECK_WAITING_MS		100

static WbPlan recheck = {"SELECT wb.recheck()", 0, {0}, NULL};

static bool must_look = true;
static bool is_waiting = false;
static int64 last_look_ms = 0;
static uint64 last_count = 0;

/* After how long to look; 0 where it is time. */
long
wb_recheck_wait_ms(void)
{
	int64		next_ms = last_look_ms +
	(is_waiting ? RECHECK_WAITING_MS : RECHECK_INTERVAL_MS);

	if (must_look || last_count != wb_overlap_count())
		return 0;
	return (long) Max(next_ms - wb_clock_monotonic_ms(), 0);
}

/* Somebody woke the worker: what is waited for may be over. */
void
wb_recheck_hurry(void)
{
	must_look = must_look || is_waiting;
}

static void
run_recheck(void *argument)
{
	bool		is_null;

	wb_plan_run(&recheck, NULL, NULL, SPI_OK_SELECT);
	is_waiting = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0],
											 SPI_tuptable->tupdesc, 1,
											 &is_null)) > 0;
}

/* Look, in a transaction of its own. */
void
wb_recheck_look(void)
{
	must_look = false;
	is_waiting = false;
	last_look_ms = wb_clock_monotonic_ms();
	last_count = wb_overlap_count();
	wb_worker_try("judging metrics that had two writers",
				  "judge metrics that had two writers", run_recheck, NULL);
}
