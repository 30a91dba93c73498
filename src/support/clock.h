/*-------------------------------------------------------------------------
 *
 * clock.h
 *		The time, as every other file of the project asks for it.
 *
 * No other file calls the server's or the system's clock: a test that moves
 * the clock must move it for all of us.
 *
 * IDENTIFICATION
 *		src/support/clock.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef WB_CLOCK_H
#define WB_CLOCK_H

#include "datatype/timestamp.h"

extern TimestampTz wb_clock_now(void);
extern int64 wb_clock_monotonic_ms(void);

#endif							/* WB_CLOCK_H */
