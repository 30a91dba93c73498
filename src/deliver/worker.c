/*-------------------------------------------------------------------------
 *
 * worker.c
 *		The process that delivers what a database's automations ask for.
 *
 * One thread does three kinds of work and never mixes them: it claims, it
 * sends, it records.  Claiming and recording are short transactions; while a
 * socket is open there is none, so no snapshot and no lock is held.
 *
 * A database has one worker: a second one does not get the lock and ends.
 * The worker does not go on after an error.  It ends, is started again, and
 * finds what it had in hand in its journal (see crash.c).  Where the error is
 * the server's it leaves the journal empty, however long that takes.
 *
 * IDENTIFICATION
 *		src/deliver/worker.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/dbcommands.h"
#include "deliver/worker.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "record/record.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "support/clock.h"
#include "support/compat.h"
#include "support/setting.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define LOOK_INTERVAL_MS		60000
#define RECORD_BATCH			100
#define RECORD_DELAY_MS			2

/*
 * A worker that fails sooner than this waits as long before it ends.  After a
 * crash of the whole server a new worker waits a little before it sends.
 */
#define REST_AFTER_FAILURE_MS	10000
#define REST_AFTER_CRASH_MS		1000

static uint32 wait_answer = 0;
static uint32 wait_work = 0;
static uint32 wait_rest = 0;

static bool is_serving = false;
static MemoryContext turn_context = NULL;

/* Deliveries with an outcome that is not recorded yet. */
static dlist_head ended = DLIST_STATIC_INIT(ended);
static int	ended_count = 0;
static int64 ended_since_ms = 0;

/* When to look at the queue: at once, or at these times. */
static bool must_look = true;
static TimestampTz next_look = DT_NOEND;
static int64 last_look_ms = 0;

static void
add_ended(dlist_head *fresh)
{
	while (!dlist_is_empty(fresh))
	{
		dlist_node *node = dlist_pop_head_node(fresh);

		wb_digest_settle(dlist_container(WbDelivery, node, node), fresh);
		dlist_push_tail(&ended, node);
		if (ended_count++ == 0)
			ended_since_ms = wb_clock_monotonic_ms();
	}
}

/* After how long outcomes are to be recorded; -1 where there are none. */
static long
record_wait_ms(void)
{
	int64		age_ms;

	if (ended_count == 0)
		return -1;
	if (ended_count >= RECORD_BATCH || ended_count == wb_hand_count())
		return 0;
	age_ms = wb_clock_monotonic_ms() - ended_since_ms;
	return (long) Max(RECORD_DELAY_MS - age_ms, 0);
}

/* Told to end: what is in hand is queued again. */
static void
hand_back(void)
{
	if (is_serving && (wb_hand_count() > 0 || ended_count > 0))
		(void) wb_crash_avert(&ended);
	is_serving = false;
}

/* The end is the server's own, with its message. */
static void
end_as_told(void)
{
	hand_back();
	ProcDiePending = true;
	InterruptPending = true;
	CHECK_FOR_INTERRUPTS();
}

static void
obey_signals(void)
{
	if (wb_session_must_end())
		end_as_told();
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
		must_look = true;
		wb_chore_call();
	}
	if (wb_session_must_leave() || !wb_setting_worker)
	{
		hand_back();
		proc_exit(0);
	}
}

/* How many more requests may be in hand. */
int
wb_worker_capacity(void)
{
	int			requests = wb_hand_count() - wb_digest_covered_count();

	return Max(wb_setting_max_in_flight - requests, 0);
}

/* After how long to look at the queue; -1 where a record must come first. */
static long
look_wait_ms(void)
{
	int64		wait_ms = last_look_ms + LOOK_INTERVAL_MS -
	wb_clock_monotonic_ms();

	if (record_wait_ms() == 0)
		return 0;
	if (wb_worker_capacity() == 0)
		return -1;
	if (must_look)
		return 0;
	if (next_look != DT_NOEND)
		wait_ms = Min(wait_ms, (next_look - wb_clock_now() + 999) / 1000);
	return (long) Max(wait_ms, 0);
}

/* Record what has ended, where that is due, and take more in hand. */
static void
look_at_queue(void)
{
	dlist_head	to_send = DLIST_STATIC_INIT(to_send);
	dlist_head	unsent = DLIST_STATIC_INIT(unsent);
	dlist_head	nothing = DLIST_STATIC_INIT(nothing);
	bool		must_record = record_wait_ms() == 0;

	must_look = false;
	last_look_ms = wb_clock_monotonic_ms();
	wb_chore_follow_clock();
	wb_claim_batch(must_record ? &ended : &nothing, &to_send, &unsent,
				   &next_look);
	if (must_record)
		ended_count = 0;
	if (next_look == DT_NOBEGIN)
	{
		ereport(LOG,
				(errmsg("extension wb_automations is gone, so its worker ends")));
		proc_exit(0);
	}
	add_ended(&unsent);

	Assert(!IsTransactionState());
	while (!dlist_is_empty(&to_send))
	{
		dlist_node *node = dlist_pop_head_node(&to_send);

		wb_http_send(dlist_container(WbDelivery, node, node));
	}
}

static void
drive_requests(void)
{
	dlist_head	fresh = DLIST_STATIC_INIT(fresh);
	dlist_iter	iter;

	Assert(!IsTransactionState());
	wb_http_drive(&fresh);
	dlist_foreach(iter, &fresh)
		wb_retry_judge(dlist_container(WbDelivery, node, iter.cur));
	add_ended(&fresh);
}

/* The shorter of two waits, of which -1 is no limit. */
static long
shorter(long one, long other)
{
	if (one < 0 || (other >= 0 && other < one))
		return other;
	return one;
}

static void
wait_for_work(void)
{
	long		own_ms = shorter(record_wait_ms(), wb_chore_wait_ms());
	long		wait_ms = shorter(own_ms, shorter(look_wait_ms(),
												  wb_http_wait_ms()));
	int			events;

	if (wait_ms != 0)
	{
		pgstat_report_stat(wb_hand_count() == 0);
		pgstat_report_activity(STATE_IDLE, NULL);
		wb_stat_rest(wb_hand_count());
	}
	events = WaitLatchOrSocket(MyLatch, WL_LATCH_SET | WL_SOCKET_READABLE |
							   WL_EXIT_ON_PM_DEATH |
							   (wait_ms < 0 ? 0 : WL_TIMEOUT),
							   wb_http_wait_socket(), wait_ms,
							   wb_hand_count() > 0 ?
							   wb_wait_event(&wait_answer, "WbWorkerAnswer") :
							   wb_wait_event(&wait_work, "WbWorkerIdle"));
	if (events & WL_LATCH_SET)
	{
		ResetLatch(MyLatch);
		must_look = true;
		wb_stat_wake();
	}
}

static void
rest(int64 time_ms)
{
	int64		until_ms = wb_clock_monotonic_ms() + time_ms;
	int64		left_ms = time_ms;

	while (left_ms > 0)
	{
		obey_signals();
		WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
				  (long) left_ms, wb_wait_event(&wait_rest, "WbWorkerRest"));
		ResetLatch(MyLatch);
		left_ms = until_ms - wb_clock_monotonic_ms();
	}
}

/* Deliver until told to end. */
static void
serve(void)
{
	wb_stat_start();
	wb_hand_start();
	if (wb_crash_recover())
		rest(REST_AFTER_CRASH_MS);
	wb_http_start();
	turn_context = AllocSetContextCreate(TopMemoryContext, "wb worker turn",
										 ALLOCSET_DEFAULT_SIZES);
	is_serving = true;
	for (;;)
	{
		MemoryContextSwitchTo(turn_context);
		MemoryContextReset(turn_context);
		obey_signals();
		if (look_wait_ms() == 0)
			look_at_queue();
		if (wb_chore_wait_ms() == 0)
			wb_chore_run();
		MemoryContextSwitchTo(turn_context);
		drive_requests();
		wait_for_work();
	}
}

/*
 * Does an error say nothing about what is in hand?  Then the server lacks
 * something, or somebody took a right away.
 */
static bool
is_blameless(int code)
{
	return wb_guard_concerns_everybody(code) ||
		code == ERRCODE_INSUFFICIENT_PRIVILEGE;
}

/*
 * What the receivers have answered must not be asked again and again, so the
 * worker stays until it can record that.
 */
static void
hand_back_after(int code)
{
	while (is_serving && is_blameless(code))
	{
		code = wb_crash_avert(&ended);
		if (code == 0)
			break;
		rest(REST_AFTER_FAILURE_MS);
	}
	is_serving = false;
}

static void
note_error(void)
{
	ErrorData  *error;

	LWLockReleaseAll();
	MemoryContextSwitchTo(TopMemoryContext);
	error = CopyErrorData();
	wb_stat_error(error->message);
	FreeErrorData(error);
}

/*
 * End after an error, to be started again; but one that comes right after
 * the start will come again, and must not fill the log.
 */
static void
end_after_error(int64 started_ms)
{
	int			code = geterrcode();

	/* what was cancelled because the worker is to end is no error of it */
	if (!wb_session_must_end() || code != ERRCODE_QUERY_CANCELED)
	{
		note_error();
		EmitErrorReport();
	}
	FlushErrorState();
	AbortOutOfAnyTransaction();
	hand_back_after(code);
	if (wb_clock_monotonic_ms() - started_ms < REST_AFTER_FAILURE_MS)
		rest(REST_AFTER_FAILURE_MS);
	proc_exit(1);
}

/* The worker process; the argument is the OID of its database. */
void
wb_worker_main(Datum argument)
{
	int64		started_ms = wb_clock_monotonic_ms();

	wb_session_connect(DatumGetObjectId(argument));
	PG_TRY();
	{
		wb_session_become_worker();
		serve();
	}
	PG_CATCH();
	{
		end_after_error(started_ms);
	}
	PG_END_TRY();
}
