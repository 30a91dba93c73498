/*-------------------------------------------------------------------------
 *
 * complaint.c
 *		Writes attempts that failed into the server's log.
 *
 * History has every one of them; the log has enough for whoever watches it,
 * and no more in a minute than he can read.  Errors carry no secret by the
 * time they come here.
 *
 * IDENTIFICATION
 *		src/deliver/complaint.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "deliver/deliver.h"
#include "support/clock.h"

#define PERIOD_MS			60000
#define LINES_PER_PERIOD	60

static int64 period_start_ms = 0;
static int64 lines = 0;

/* May another line be written?  Tells at last how many were not. */
static bool
has_room(void)
{
	int64		now_ms = wb_clock_monotonic_ms();

	if (period_start_ms == 0 || now_ms - period_start_ms >= PERIOD_MS)
	{
		if (lines > LINES_PER_PERIOD)
			ereport(LOG,
					(errmsg(INT64_FORMAT " more failed attempts of automations were not logged",
							lines - LINES_PER_PERIOD)));
		period_start_ms = now_ms;
		lines = 0;
	}
	return ++lines <= LINES_PER_PERIOD;
}

/* "label "name"", or nothing where there is no name. */
static char *
named(const char *label, const char *name)
{
	return name ? psprintf("%s \"%s\"", label, name) : "";
}

/* Log an attempt, unless it went well. */
void
wb_complain(const WbDelivery *delivery)
{
	const WbOutcome *outcome = &delivery->outcome;
	const WbIntegration *integration = delivery->integration;
	const WbRequest *request = delivery->request;

	if (outcome->kind != WB_OUTCOME_RETRY &&
		outcome->kind != WB_OUTCOME_FAILED)
		return;
	if (!has_room())
		return;
	ereport(LOG,
			(errmsg("execution " INT64_FORMAT "%s%s%s: attempt %d failed: %s",
					delivery->execution_id,
					named(" of automation", delivery->automation_name),
					named(", integration",
						  integration ? integration->name : NULL),
					named(", host", request ? request->host : NULL),
					delivery->attempt,
					outcome->error ? outcome->error : "no reason"),
			 outcome->kind == WB_OUTCOME_RETRY ?
			 errdetail("The next attempt is due in %d seconds.",
					   (int) (outcome->retry_in_ms / 1000)) :
			 errdetail("There will be no other attempt.")));
}
