/*-------------------------------------------------------------------------
 *
 * fire.c
 *		An automation is due to fire: does it, and what is said of it?
 *
 * Here it is decided whether a cooldown forbids it.  What comes of that is
 * written by batch.c, and guard.c lets no error of ours reach the user.
 *
 * IDENTIFICATION
 *		src/deliver/fire.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "deliver/deliver.h"
#include "deliver/fire.h"
#include "support/clock.h"
#include "utils/timestamp.h"

/*
 * Until when the cooldown of an automation forbids to fire on an event, where
 * history says so already; DT_NOBEGIN where that is not known.  The verdict
 * needs not be filled in.
 */
TimestampTz
wb_deliver_quiet_until(const WbVerdict *verdict)
{
	const WbAutomation *automation = verdict->automation;
	WbCooldown	cooldown = {0};

	if (wb_cooldown_applies(automation))
		cooldown = wb_cooldown_find(verdict, "event", "", wb_clock_now());
	if (!cooldown.is_active || !cooldown.is_noted)
		return DT_NOBEGIN;
	return wb_cooldown_end(cooldown.started_at, automation->cooldown);
}

/*
 * Fire an automation, or note that its cooldown forbids it.  Returns until
 * when it needs not be asked about this run again; DT_NOBEGIN if it must.
 */
TimestampTz
wb_deliver_fire(const WbVerdict *verdict)
{
	const WbAutomation *automation = verdict->automation;
	WbFiring	firing = {.verdict = verdict,.origin = "event",
		.state = "PENDING",.cooldown_key = "",.why = verdict->why,
	.now = wb_clock_now()};
	WbCooldown	cooldown;
	TimestampTz end;

	if (automation->is_once_per_state && verdict->reported_state != NULL)
		firing.cooldown_key = verdict->reported_state;
	if (!wb_cooldown_applies(automation))
	{
		wb_batch_add(&firing);
		return DT_NOBEGIN;
	}

	cooldown = wb_cooldown_find(verdict, firing.origin, firing.cooldown_key,
								firing.now);
	if (!cooldown.is_active)
	{
		/* only a suppressed match is known to stay so: ask once more */
		wb_batch_add(&firing);
		return DT_NOBEGIN;
	}

	end = wb_cooldown_end(cooldown.started_at, automation->cooldown);
	if (!cooldown.is_noted)
	{
		firing.state = "SKIPPED";
		firing.problem = psprintf("cooldown until %s",
								  timestamptz_to_str(end));
		wb_batch_add(&firing);
	}
	return end;
}

/*
 * Tell that an automation cannot be judged: one FAILED execution per run and
 * cooldown, without a delivery.  Returns as wb_deliver_fire does.
 */
TimestampTz
wb_deliver_fire_broken(const WbVerdict *verdict)
{
	const WbAutomation *automation = verdict->automation;
	WbFiring	firing = {.verdict = verdict,.origin = "error",
		.state = "FAILED",.cooldown_key = "",.problem = automation->broken,
	.now = wb_clock_now()};
	WbCooldown	cooldown = {0};

	firing.why = psprintf("automation \"%s\" could not be judged: %s",
						  automation->name, automation->broken);
	if (wb_cooldown_applies(automation))
		cooldown = wb_cooldown_find(verdict, firing.origin, "", firing.now);
	if (!cooldown.is_active)
	{
		cooldown.started_at = firing.now;
		wb_batch_add(&firing);
	}
	if (!wb_cooldown_applies(automation))
		return DT_NOBEGIN;
	return wb_cooldown_end(cooldown.started_at, automation->cooldown);
}
