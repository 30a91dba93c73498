/*-------------------------------------------------------------------------
 *
 * destination.h
 *		What the worker knows of a receiver, between the files that keep it.
 *
 * Memory leads, and wb.integration_states follows with every record: what is
 * true of a receiver now must hold for the next claim, not for the next
 * commit.
 *
 * IDENTIFICATION
 *		src/deliver/destination.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef WB_DESTINATION_H
#define WB_DESTINATION_H

#include "deliver/worker.h"
#include "utils/hsearch.h"

#define WB_DESTINATION_TEXT_BYTES	400

/* While requests are open, counts alone are written this often. */
#define WB_DESTINATION_WRITE_MS		100

/* What happened since the last record. */
typedef struct WbDestinationNews
{
	int64		delivered;
	int64		retried;
	int64		failed;
	int64		held;
	int64		throttled;
	TimestampTz last_success_at;	/* DT_NOBEGIN: none, as below */
	TimestampTz last_error_at;
	char		last_error[WB_DESTINATION_TEXT_BYTES];
} WbDestinationNews;

typedef struct WbDestination
{
	int64		id;				/* must be first; WB_NO_ID needs no network */
	int			in_hand;
	TimestampTz since;			/* its queue was read up to here */
	TimestampTz token_at;		/* not before this, where there is a rate */

	/* as wb.integrations has it */
	bool		is_slack;
	bool		is_ordered;
	bool		is_active;
	TimestampTz resumed_at;		/* what is below holds since then */

	/* as wb.integration_states has it; DT_NOBEGIN: not so */
	TimestampTz paused_until;
	int			pauses;			/* in a row, without a time given */
	int			failures;		/* in a row */
	int			refusals;		/* in a row */
	TimestampTz opened_at;		/* the breaker; then it stays open */
	TimestampTz probe_at;
	int			openings;		/* in a row */

	TimestampTz pause_seen_at;	/* of answers from before, one counts */
	TimestampTz opening_seen_at;
	char		disable_reason[WB_DESTINATION_TEXT_BYTES];	/* to be written */
	bool		is_changed;
	bool		is_urgent;		/* not in its counts alone */
	WbDestinationNews news;
} WbDestination;

/* deliver/destination.c */
extern WbDestination *wb_destination_find(int64 id);
extern WbDestination *wb_destination_next(HASH_SEQ_STATUS *status);
extern void wb_destination_reset(WbDestination *destination);

#endif							/* WB_DESTINATION_H */
