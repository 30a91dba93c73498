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
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "support/plan.h"
#include "support/relation.h"
#include "utils/snapmgr.h"

/* A plan is kept for this many transactions. */
#define PLAN_TRANSACTIONS	256

static WbIdentity identity_before;
static int	transaction_count = 0;

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
	if (!wb_relation_become_owner(&identity_before))
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
	wb_relation_restore_identity(&identity_before);
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
