/*-------------------------------------------------------------------------
 *
 * transfer.c
 *		Deliveries on their way: from the worker to the HTTP library and back.
 *
 * Signals are blocked around every call of the library.  It starts threads to
 * resolve names, a thread inherits the mask, and a signal handler of the
 * server must not run on one.
 *
 * Nothing that goes wrong with a request is an error here: it is the outcome
 * of that delivery, and the others go on.
 *
 * IDENTIFICATION
 *		src/deliver/transfer.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "deliver/transfer.h"
#include "support/clock.h"
#include "utils/memutils.h"

static dlist_head idle_transfers = DLIST_STATIC_INIT(idle_transfers);
static dlist_head never_started = DLIST_STATIC_INIT(never_started);

static void
block_signals(sigset_t *before)
{
	sigset_t	all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, before);
}

static void
restore_signals(const sigset_t *before)
{
	pthread_sigmask(SIG_SETMASK, before, NULL);
}

/* Prepare to send; once, in the worker. */
void
wb_http_start(void)
{
	sigset_t	before;
	bool		is_open;

	block_signals(&before);
	is_open = wb_http_open_library();
	restore_signals(&before);
	if (!is_open)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not start the HTTP library: %m")));
}

/* An idle transfer, or a new one; NULL where memory ran out. */
static WbTransfer *
take_transfer(void)
{
	WbTransfer *transfer;

	if (!dlist_is_empty(&idle_transfers))
		return dlist_container(WbTransfer, node,
							   dlist_pop_head_node(&idle_transfers));

	transfer = calloc(1, sizeof(WbTransfer));
	if (transfer == NULL || wb_http_open_handle(transfer))
		return transfer;
	free(transfer);
	return NULL;
}

static void
release_transfer(WbTransfer *transfer)
{
	wb_http_forget(transfer);
	transfer->delivery = NULL;
	dlist_push_head(&idle_transfers, &transfer->node);
}

static bool
start_transfer(WbDelivery *delivery)
{
	WbTransfer *transfer = take_transfer();

	if (transfer == NULL)
		return false;
	transfer->delivery = delivery;
	transfer->error[0] = '\0';
	wb_answer_reset(&transfer->answer);
	if (!wb_http_begin(transfer))
	{
		release_transfer(transfer);
		return false;
	}
	return true;
}

/*
 * Start to send delivery->request.  The delivery is in no list now, and is
 * ours until wb_http_drive hands it out again with its outcome.
 */
void
wb_http_send(WbDelivery *delivery)
{
	sigset_t	before;

	memset(&delivery->outcome, 0, sizeof(WbOutcome));
	delivery->outcome.kind = WB_OUTCOME_RETRY;
	delivery->outcome.started_at = wb_clock_now();

	block_signals(&before);
	if (!start_transfer(delivery))
		dlist_push_tail(&never_started, &delivery->node);
	restore_signals(&before);
}

static void
hand_out(WbDelivery *delivery, dlist_head *ended)
{
	wb_answer_wipe_request(delivery->request);
	dlist_push_tail(ended, &delivery->node);
}

/*
 * Go on with all transfers as far as possible without waiting, and append
 * the deliveries that ended to "ended".  Their outcomes are complete but for
 * wb_retry_judge, and their requests are wiped of everything secret.
 */
void
wb_http_drive(dlist_head *ended)
{
	dlist_head	transfers = DLIST_STATIC_INIT(transfers);
	sigset_t	before;

	while (!dlist_is_empty(&never_started))
	{
		dlist_node *node = dlist_pop_head_node(&never_started);
		WbDelivery *delivery = dlist_container(WbDelivery, node, node);

		delivery->outcome.error = MemoryContextStrdup(delivery->context,
													  "out of memory");
		hand_out(delivery, ended);
	}

	block_signals(&before);
	wb_http_run(&transfers);
	restore_signals(&before);

	while (!dlist_is_empty(&transfers))
	{
		dlist_node *node = dlist_pop_head_node(&transfers);
		WbTransfer *transfer = dlist_container(WbTransfer, node, node);
		WbDelivery *delivery = transfer->delivery;

		wb_answer_conclude(&transfer->answer, delivery);
		block_signals(&before);
		release_transfer(transfer);
		restore_signals(&before);
		hand_out(delivery, ended);
	}
}

/* How long wb_http_drive can wait at most; -1: as long as you like. */
long
wb_http_wait_ms(void)
{
	int64		timer = wb_http_timer();

	if (!dlist_is_empty(&never_started))
		return 0;
	return timer < 0 ? -1 : (long) Max(timer - wb_clock_monotonic_ms(), 0);
}
