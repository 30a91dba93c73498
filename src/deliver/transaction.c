/*-------------------------------------------------------------------------
 *
 * transaction.c
 *		The worker's transactions.
 *
 * Each is short, and runs as the owner of our tables: whatever functions the
 * owner's indexes, triggers and policies call must not run as a superuser.
 * No socket is touched between wb_worker_begin and wb_worker_commit.
 *
 * IDENTIFICATION
 *		src/deliver/transaction.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/dbcommands.h"
#include "deliver/deliver.h"
#include "deliver/worker.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "support/clock.h"
#include "support/compat.h"
#include "support/owner.h"
#include "support/plan.h"
#include "support/relation.h"
#include "support/setting.h"
#include "support/shape.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/snapmgr.h"

/* A plan is kept for this many transactions. */
#define PLAN_TRANSACTIONS	256

#define HOLD_MS				1000
#define WARNING_INTERVAL_MS	60000

static WbIdentity identity_before;
static int	transaction_count = 0;

/* Say, once a minute, that tables that C cannot read hold everything. */
static void
warn_of_shape(void)
{
	static int64 next_warning_ms = 0;
	int64		now_ms = wb_clock_monotonic_ms();
	char	   *remedy;
	char	   *problems;

	if (now_ms < next_warning_ms)
		return;
	next_warning_ms = now_ms + WARNING_INTERVAL_MS;
	problems = wb_shape_problems(&remedy);
	ereport(WARNING,
			(errmsg("deliveries in database \"%s\" are held: %s",
					get_database_name(MyDatabaseId),
					problems),
			 errhint("%s", remedy)));
}

/*
 * Wait until our tables are as C expects them.  What is in hand stays there;
 * where the worker is told to end meanwhile, its successor finds it in the
 * journal.
 */
static void
wait_for_shape(void)
{
	static uint32 wait_event = 0;
	bool		was_held = false;

	while (OidIsValid(wb_relation_oid(WB_TABLE_EXECUTIONS)) &&
		   !wb_shape_is_right())
	{
		warn_of_shape();
		CommitTransactionCommand();
		pgstat_report_activity(STATE_IDLE, NULL);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT |
						 WL_EXIT_ON_PM_DEATH, HOLD_MS,
						 wb_wait_event(&wait_event, "WbWorkerHold"));
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (wb_session_must_leave() || !wb_setting_worker)
			proc_exit(0);
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		SetCurrentStatementStartTimestamp();
		StartTransactionCommand();
		AcceptInvalidationMessages();
		was_held = true;
	}
	/* whatever woke us is still to be done */
	if (was_held)
		SetLatch(MyLatch);
}

/*
 * Begin a transaction, connected to SPI and with a snapshot.  Where our tables
 * are gone the worker ends here, for good.  "activity" is static.
 */
void
wb_worker_begin(const char *activity)
{
	if (++transaction_count % PLAN_TRANSACTIONS == 0)
		wb_plan_renew();
	pgstat_report_activity(STATE_RUNNING, activity);
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	wait_for_shape();
	if (!wb_owner_become(&identity_before))
	{
		ereport(LOG,
				(errmsg("the tables of wb_automations are gone from database \"%s\", so its worker ends",
						get_database_name(MyDatabaseId))));
		proc_exit(0);
	}
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	PushActiveSnapshot(GetTransactionSnapshot());
}

/* Commit, and leave the worker without a transaction. */
void
wb_worker_commit(void)
{
	SPI_finish();
	PopActiveSnapshot();
	wb_owner_leave(&identity_before);
	CommitTransactionCommand();
}

/*
 * Do work that is no delivery, in a transaction of its own.  An error in it,
 * of a user's trigger say, is logged as "could not do this" and stops no
 * delivery.  Returns whether there was none.
 */
bool
wb_worker_try(const char *activity, const char *what, WbGuarded work,
			  void *argument)
{
	ErrorData  *error;

	wb_worker_begin(activity);
	error = wb_guard_try(work, argument);
	if (error != NULL)
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg("could not %s: %s", what, error->message)));
	wb_worker_commit();
	return error == NULL;
}
