/*-------------------------------------------------------------------------
 *
 * clock.c
 *		Asks for the time, for everyone.
 *
 * Wall clock time decides what is due and what is within a cooldown, and can
 * be shifted by the setting wb_automations.clock_offset, which only a
 * superuser may set; that is how a test lives through 24 hours.  Time-outs of
 * sockets use the monotonic clock, which nothing shifts.
 *
 * IDENTIFICATION
 *		src/support/clock.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <time.h>

#include "support/clock.h"
#include "support/setting.h"
#include "utils/timestamp.h"

/* The wall clock, at any moment of a transaction. */
TimestampTz
wb_clock_now(void)
{
	return GetCurrentTimestamp() +
		(TimestampTz) wb_setting_clock_offset * USECS_PER_SEC;
}

/* Milliseconds of a clock that never jumps; only differences mean anything. */
int64
wb_clock_monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
