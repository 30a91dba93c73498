/*-------------------------------------------------------------------------
 *
 * destination.c
 *		What the worker has learnt about each receiver, and how much it may
 *		send there now.
 *
 * Four things hold a receiver's queue back, and none of them uses up an
 * attempt: a receiver that asked for a pause, a breaker that opened after
 * failures, a rate, and order.  Nothing here waits; each limit that ends at a
 * known time only says when to look again.
 *
 * A clock that is set back must not stretch a limit, so none is believed to
 * end later than the longest of its kind.
 *
 * IDENTIFICATION
 *		src/deliver/destination.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "deliver/destination.h"
#include "mb/pg_wchar.h"
#include "support/clock.h"
#include "utils/timestamp.h"

#define SECONDS				INT64CONST(1000)
#define MINUTES				(60 * SECONDS)
#define HOURS				(60 * MINUTES)

/* Slack takes a message a second from each incoming webhook. */
#define SLACK_INTERVAL_MS	(1 * SECONDS)

/* How long to pause where an answer says that, and how long where not. */
#define PAUSE_MIN_MS		(1 * SECONDS)
#define PAUSE_MAX_MS		(1 * HOURS)
#define PAUSE_FIRST_MS		(30 * SECONDS)
#define PAUSE_LAST_MS		(10 * MINUTES)

/* The breaker. */
#define FAILURES_TO_OPEN	5
#define OPEN_FIRST_MS		(30 * SECONDS)
#define OPEN_LAST_MS		(10 * MINUTES)
#define OPEN_TOO_LONG_MS	(72 * HOURS)

/* Rows may become visible this much later than others with a later time. */
#define OUT_OF_ORDER_MS		100

#define IDLE_MS				(1 * MINUTES)
#define DISABLE_RETRY_MS	(5 * SECONDS)

static HTAB *destinations = NULL;

/* Called once, when the worker starts. */
void
wb_destination_start(void)
{
	HASHCTL		control = {.keysize = sizeof(int64),
	.entrysize = sizeof(WbDestination)};

	destinations = hash_create("wb destinations", 256, &control,
							   HASH_ELEM | HASH_BLOBS);
}

/* Forget what was learnt: it starts anew, as a new one does. */
void
wb_destination_reset(WbDestination *destination)
{
	destination->paused_until = DT_NOBEGIN;
	destination->pauses = 0;
	destination->failures = 0;
	destination->refusals = 0;
	destination->opened_at = DT_NOBEGIN;
	destination->probe_at = DT_NOBEGIN;
	destination->openings = 0;
	destination->pause_seen_at = DT_NOBEGIN;
	destination->opening_seen_at = DT_NOBEGIN;
	destination->disable_reason[0] = '\0';
}

/* The destination with this id, known or not. */
WbDestination *
wb_destination_find(int64 id)
{
	bool		found;
	WbDestination *destination = hash_search(destinations, &id, HASH_ENTER,
											 &found);

	if (!found)
	{
		memset(destination, 0, sizeof(WbDestination));
		destination->id = id;
		destination->is_active = true;
		destination->since = DT_NOBEGIN;
		destination->token_at = DT_NOBEGIN;
		destination->resumed_at = DT_NOBEGIN;
		destination->news.last_success_at = DT_NOBEGIN;
		destination->news.last_error_at = DT_NOBEGIN;
		wb_destination_reset(destination);
	}
	return destination;
}

bool
wb_destination_is_known(int64 id)
{
	return hash_search(destinations, &id, HASH_FIND, NULL) != NULL;
}

/* All of them, one a call; a status of zeros starts. */
WbDestination *
wb_destination_next(HASH_SEQ_STATUS *status)
{
	if (status->hashp == NULL)
		hash_seq_init(status, destinations);
	return hash_seq_search(status);
}

/* Forget those with nothing in hand that were quiet for a while. */
void
wb_destination_forget_idle(TimestampTz now)
{
	TimestampTz since = TimestampTzPlusMilliseconds(now, -IDLE_MS);
	HASH_SEQ_STATUS status = {0};
	WbDestination *destination;

	while ((destination = wb_destination_next(&status)) != NULL)
	{
		if (destination->in_hand == 0 && destination->since < since &&
			destination->token_at < since && !destination->is_changed &&
			destination->disable_reason[0] == '\0')
			hash_search(destinations, &destination->id, HASH_REMOVE, NULL);
	}
}

/* One more in hand, or one less. */
void
wb_destination_add(int64 id, int count)
{
	wb_destination_find(id)->in_hand += count;
}

/* A request is about to be sent there. */
void
wb_destination_spend(int64 id)
{
	WbDestination *destination = wb_destination_find(id);

	if (destination->is_slack)
		destination->token_at = TimestampTzPlusMilliseconds(wb_clock_now(),
															SLACK_INTERVAL_MS);
}

/* All that is visible of its queue is taken up to this time. */
void
wb_destination_advance(int64 id, TimestampTz due_at)
{
	wb_destination_find(id)->since =
		TimestampTzPlusMilliseconds(due_at, -OUT_OF_ORDER_MS);
}

/* A limit that ends at "at", and lasts no longer than max_ms. */
static TimestampTz
bound(TimestampTz at, TimestampTz now, int64 max_ms)
{
	return Min(at, TimestampTzPlusMilliseconds(now, max_ms));
}

/* Until when nothing may be sent there; DT_NOBEGIN: it may. */
static TimestampTz
closed_until(const WbDestination *destination, TimestampTz now)
{
	TimestampTz until = bound(destination->paused_until, now, PAUSE_MAX_MS);

	if (destination->disable_reason[0] != '\0')
		return TimestampTzPlusMilliseconds(now, DISABLE_RETRY_MS);
	until = Max(until, bound(destination->token_at, now, SLACK_INTERVAL_MS));
	if (destination->opened_at != DT_NOBEGIN)
		until = Max(until, bound(destination->probe_at, now, OPEN_LAST_MS));
	return until > now ? until : DT_NOBEGIN;
}

/*
 * How many more may be claimed, of the "free" ones there are.  No receiver may
 * use up all: each may have twice as many open as are left free, so one busy
 * receiver gets two thirds, and any number of hanging ones leave some free.
 */
int
wb_destination_room(const WbDestination *destination, TimestampTz now,
					int free)
{
	if (!destination->is_active ||
		closed_until(destination, now) != DT_NOBEGIN)
		return 0;
	if (destination->is_ordered || destination->opened_at != DT_NOBEGIN)
		return destination->in_hand == 0 && free > 0 ? 1 : 0;
	if (destination->is_slack)
		return Min(free, 1);
	return Max(2 * free - destination->in_hand + 2, 0) / 3;
}

/*
 * When the first limit ends that holds a queue back, or counts are to be
 * written; DT_NOEND: not at all.
 */
TimestampTz
wb_destination_next_change(TimestampTz now)
{
	HASH_SEQ_STATUS status = {0};
	TimestampTz next = DT_NOEND;
	WbDestination *destination;
	bool		is_changed = false;

	while ((destination = wb_destination_next(&status)) != NULL)
	{
		TimestampTz until = closed_until(destination, now);

		if (until != DT_NOBEGIN && destination->is_active)
			next = Min(next, until);
		is_changed |= destination->is_changed;
	}
	if (is_changed)
		next = Min(next,
				   TimestampTzPlusMilliseconds(now, WB_DESTINATION_WRITE_MS));
	return next;
}

/* first_ms, doubled for each time but the first, up to last_ms. */
static int64
doubled(int64 first_ms, int64 last_ms, int count)
{
	int64		delay_ms = first_ms;

	while (--count > 0 && delay_ms < last_ms)
		delay_ms *= 2;
	return Min(delay_ms, last_ms);
}

/* Keep a text, cut where it is too long. */
static void
keep_text(char *kept, const char *text)
{
	int			length = pg_mbcliplen(text, strlen(text),
									  WB_DESTINATION_TEXT_BYTES - 1);

	memcpy(kept, text, length);
	kept[length] = '\0';
}

/* It asks for a pause; the outcome tells how long. */
static void
learn_pause(WbDestination *destination, WbOutcome *outcome, TimestampTz now)
{
	int64		pause_ms = outcome->retry_after_ms;
	TimestampTz until;

	if (pause_ms != 0)
		pause_ms = Min(Max(pause_ms, PAUSE_MIN_MS), PAUSE_MAX_MS);
	else
	{
		/* what was under way already tells nothing new */
		if (outcome->started_at >= destination->pause_seen_at)
			destination->pauses++;
		pause_ms = doubled(PAUSE_FIRST_MS, PAUSE_LAST_MS,
						   destination->pauses);
	}
	until = TimestampTzPlusMilliseconds(now, pause_ms);
	destination->pause_seen_at = now;
	destination->paused_until = Max(until, bound(destination->paused_until,
												 now, PAUSE_MAX_MS));
	outcome->retry_in_ms = (destination->paused_until - now) / 1000;
	destination->news.throttled++;
}

/* It answered, whatever it said. */
static void
close_breaker(WbDestination *destination)
{
	destination->failures = 0;
	destination->opened_at = DT_NOBEGIN;
	destination->probe_at = DT_NOBEGIN;
	destination->openings = 0;
}

/* No answer came, or one that says that the receiver is broken. */
static void
learn_failure(WbDestination *destination, const WbOutcome *outcome,
			  TimestampTz now)
{
	if (++destination->failures < FAILURES_TO_OPEN ||
		outcome->started_at < destination->opening_seen_at)
		return;
	if (destination->opened_at == DT_NOBEGIN)
		destination->opened_at = now;
	destination->openings++;
	destination->opening_seen_at = now;
	destination->probe_at =
		TimestampTzPlusMilliseconds(now, doubled(OPEN_FIRST_MS, OPEN_LAST_MS,
												 destination->openings));
	if (now > TimestampTzPlusMilliseconds(destination->opened_at,
										  OPEN_TOO_LONG_MS))
		keep_text(destination->disable_reason,
				  psprintf("no request succeeded for 72 hours: %s",
						   outcome->error));
}

/*
 * Take in what an answer, or the lack of one, says about the receiver.  Where
 * it asks for a pause, the outcome gets its retry_in_ms.
 */
void
wb_destination_learn(WbDelivery *delivery)
{
	WbDestination *destination = wb_destination_find(delivery->integration_id);
	WbOutcome  *outcome = &delivery->outcome;
	TimestampTz now = wb_clock_now();

	destination->is_changed = true;
	destination->is_urgent |= outcome->effect != WB_EFFECT_ANSWER ||
		destination->failures > 0 || destination->refusals > 0 ||
		destination->pauses > 0;
	if (outcome->effect == WB_EFFECT_FAILURE)
	{
		learn_failure(destination, outcome, now);
		return;
	}
	close_breaker(destination);
	if (outcome->effect == WB_EFFECT_REFUSAL)
		destination->refusals++;
	else if (outcome->effect == WB_EFFECT_PAUSE)
		learn_pause(destination, outcome, now);
	else if (outcome->effect == WB_EFFECT_DISABLE)
		keep_text(destination->disable_reason, outcome->error);
	else
	{
		destination->refusals = 0;
		if (outcome->started_at >= destination->pause_seen_at)
			destination->pauses = 0;
	}
}

/* Count what became of a delivery, for the next wb_destination_write. */
void
wb_destination_count(const WbDelivery *delivery, TimestampTz now)
{
	const WbOutcome *outcome = &delivery->outcome;
	WbDestination *destination = wb_destination_find(delivery->integration_id);
	WbDestinationNews *news = &destination->news;

	destination->is_changed = true;
	news->delivered += outcome->kind == WB_OUTCOME_DONE;
	news->retried += outcome->kind == WB_OUTCOME_RETRY;
	news->failed += outcome->kind == WB_OUTCOME_FAILED ||
		outcome->kind == WB_OUTCOME_EXPIRED;
	news->held += outcome->kind == WB_OUTCOME_HELD;
	if (outcome->kind == WB_OUTCOME_DONE)
		news->last_success_at = now;
	else if (outcome->error != NULL)
	{
		news->last_error_at = now;
		keep_text(news->last_error, outcome->error);
	}
}
