/*-------------------------------------------------------------------------
 *
 * launcher.c
 *		Sees to it that every database that ran wb.setup() has its worker.
 *
 * The launcher cannot look into a database, so it starts a worker in each,
 * and the worker finds out whether there is anything to do.  One that finds
 * nothing ends for good, and its database is left alone until the launcher is
 * woken, which wb.setup() does when it commits.  A worker that fails is
 * started again by the server itself, whether the launcher runs or not; and
 * of two workers in one database the second ends (see worker.c).  Therefore
 * the launcher keeps no handles, needs no shared memory and hears of no exit:
 * all it knows is which databases it has seen, and which of them had a worker.
 *
 * Once a minute it looks for databases that are new, and for workers that are
 * gone though they were there before.  These it starts anew for as long as it
 * takes, once a minute: a worker that could not even connect is forgotten by
 * the server, and one that has nothing to do any more must not take a slot
 * again and again that another database waits for.
 *
 * IDENTIFICATION
 *		src/deliver/launcher.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "deliver/worker.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/sinval.h"
#include "support/clock.h"
#include "support/compat.h"
#include "support/setting.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#define LOOK_INTERVAL_MS		60000
#define RESTART_SECONDS			5

/* How long to wait for a free slot, where the last look got some, or none. */
#define SOME_STARTED_WAIT_MS	100
#define NONE_STARTED_WAIT_MS	10000

static uint32 wait_idle = 0;

static volatile sig_atomic_t is_called = false;

/* Those that were there at the last look, and those that ever had a worker. */
static List *seen_databases = NIL;
static List *served_databases = NIL;

/* From when on workers that are gone are started anew. */
static int64 next_revival_ms = 0;

/*
 * Called once, from _PG_init.  Does nothing where the library is loaded too
 * late for a launcher, but for what every backend needs.
 */
void
wb_launcher_register(void)
{
	BackgroundWorker launcher = {0};

	wb_database_command_watch();
	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
		return;

	launcher.bgw_flags = BGWORKER_SHMEM_ACCESS |
		BGWORKER_BACKEND_DATABASE_CONNECTION;
	launcher.bgw_start_time = BgWorkerStart_RecoveryFinished;
	launcher.bgw_restart_time = RESTART_SECONDS;
	snprintf(launcher.bgw_library_name, sizeof(launcher.bgw_library_name),
			 "wb_automations");
	snprintf(launcher.bgw_function_name, sizeof(launcher.bgw_function_name),
			 "wb_launcher_main");
	snprintf(launcher.bgw_type, sizeof(launcher.bgw_type), WB_LAUNCHER_TYPE);
	snprintf(launcher.bgw_name, sizeof(launcher.bgw_name), WB_LAUNCHER_TYPE);
	RegisterBackgroundWorker(&launcher);
}

/*
 * Make the launcher look at all databases now.  For any backend; raises
 * nothing.
 */
void
wb_launcher_call(void)
{
	pid_t		launcher = wb_wake_find(WB_LAUNCHER_TYPE, InvalidOid, NULL);

	if (launcher != 0)
		kill(launcher, SIGUSR2);
}

static void
handle_call(SIGNAL_ARGS)
{
	int			before = errno;

	is_called = true;
	SetLatch(MyLatch);
	errno = before;
}

/* The databases that may have a worker, in the caller's memory context. */
static List *
read_databases(void)
{
	MemoryContext context = CurrentMemoryContext;
	List	   *databases = NIL;
	Relation	table;
	TableScanDesc scan;
	HeapTuple	tuple;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	table = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(table, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);
		MemoryContext before;

		if (!database->datallowconn || database->datistemplate ||
			database->datconnlimit == DATCONNLIMIT_INVALID_DB)
			continue;
		before = MemoryContextSwitchTo(context);
		databases = lappend_oid(databases, database->oid);
		MemoryContextSwitchTo(before);
	}
	table_endscan(scan);
	table_close(table, AccessShareLock);
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	return databases;
}

static void
warn_of_missing_slot(Oid database)
{
	static int64 next_warning_ms = 0;

	if (wb_clock_monotonic_ms() < next_warning_ms)
		return;
	next_warning_ms = wb_clock_monotonic_ms() + LOOK_INTERVAL_MS;
	ereport(WARNING,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("no slot for a background worker is free, so database %u may have to wait for its deliveries",
					database),
			 errhint("You might need to increase \"%s\".",
					 "max_worker_processes")));
}

/*
 * Start what has to be started; "everywhere" means in every database that has
 * no worker.  Returns after how long to look again.
 */
static long
look_at_databases(bool everywhere)
{
	List	   *databases = read_databases();
	List	   *seen = NIL;
	List	   *served = NIL;
	int64		now_ms = wb_clock_monotonic_ms();
	bool		revives = everywhere || now_ms >= next_revival_ms;
	bool		has_started = false;
	bool		is_complete = true;
	ListCell   *cell;

	if (revives)
		next_revival_ms = now_ms + LOOK_INTERVAL_MS;
	foreach(cell, databases)
	{
		Oid			database = lfirst_oid(cell);
		bool		is_served = wb_wake_find(WB_WORKER_TYPE, database,
											 NULL) != 0;
		bool		was_served = list_member_oid(served_databases, database);
		BackgroundWorkerHandle *handle;

		if (is_served || was_served)
			served = lappend_oid(served, database);
		if (!is_served &&
			(everywhere || (was_served && revives) ||
			 !list_member_oid(seen_databases, database)))
		{
			if (!wb_worker_register(database, 0, &handle))
			{
				warn_of_missing_slot(database);
				is_complete = false;
				continue;
			}
			pfree(handle);
			has_started = true;
		}
		seen = lappend_oid(seen, database);
	}
	list_free(databases);
	list_free(seen_databases);
	list_free(served_databases);
	seen_databases = seen;
	served_databases = served;
	if (is_complete)
		return LOOK_INTERVAL_MS;
	return has_started ? SOME_STARTED_WAIT_MS : NONE_STARTED_WAIT_MS;
}

/*
 * Wait; returns whether somebody woke us.  The server wakes every process
 * that fell behind with invalidation messages too, as an idle one soon does.
 * A mere latch may then mean either, so the answer is no, and *is_doubtful is
 * set.
 */
static bool
wait_for_wake(long timeout_ms, bool *is_doubtful)
{
	int			events = WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT |
								   WL_EXIT_ON_PM_DEATH, timeout_ms,
								   wb_wait_event(&wait_idle, "WbLauncherIdle"));

	if ((events & WL_LATCH_SET) == 0)
		return false;
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
	if (catchupInterruptPending)
	{
		ProcessCatchupInterrupt();
		*is_doubtful = true;
	}
	else
		is_called = true;
	if (!is_called)
		return false;
	is_called = false;
	return true;
}

/* The launcher process. */
void
wb_launcher_main(Datum argument)
{
	MemoryContext context;
	bool		is_woken = true;
	bool		is_doubtful = false;
	int64		next_look_ms = 0;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	pqsignal(SIGUSR2, handle_call);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	pgstat_report_activity(STATE_IDLE, NULL);

	context = AllocSetContextCreate(TopMemoryContext, "wb launcher",
									ALLOCSET_DEFAULT_SIZES);
	for (;;)
	{
		int64		now_ms = wb_clock_monotonic_ms();

		MemoryContextSwitchTo(context);
		if (!wb_setting_worker)
			next_look_ms = now_ms + LOOK_INTERVAL_MS;
		else if (is_woken || now_ms >= next_look_ms)
		{
			next_look_ms = now_ms + look_at_databases(is_woken || is_doubtful);
			is_doubtful = false;
		}
		now_ms = wb_clock_monotonic_ms();
		is_woken = wait_for_wake(Max(next_look_ms - now_ms, 0), &is_doubtful);
	}
}
