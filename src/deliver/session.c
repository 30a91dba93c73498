/*-------------------------------------------------------------------------
 *
 * session.c
 *		The worker's session: its signals, its settings, and that it is the
 *		only one of its database.
 *
 * The worker connects as the bootstrap superuser, because no other role can
 * be relied on, and acts as the owner of our tables in each transaction (see
 * transaction.c).  No setting of a database or a role may reach it that could
 * end its transactions or change what they read.
 *
 * IDENTIFICATION
 *		src/deliver/session.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "deliver/worker.h"
#include "miscadmin.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "support/setting.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"

/* Tells our lock from others of its type. */
#define WORKER_LOCK_KEY			0x77620001

static volatile sig_atomic_t must_end = false;
static volatile sig_atomic_t must_leave = false;
static bool is_connected = false;

/*
 * Plans are made once and kept, often while the tables are nearly empty.  So
 * nothing may make a scan of a whole table look cheap; each statement names
 * its rows in a way that leaves only the index.
 */
static const char *const settings[][2] = {
	{"statement_timeout", "0"},
	{"lock_timeout", "0"},
	{"idle_in_transaction_session_timeout", "0"},
	{"transaction_timeout", "0"},
	{"default_transaction_isolation", "read committed"},
	{"default_transaction_read_only", "off"},
	{"default_transaction_deferrable", "off"},
	{"search_path", "pg_catalog, pg_temp"},
	{"plan_cache_mode", "force_generic_plan"},
	{"enable_seqscan", "off"},
	{"enable_bitmapscan", "off"},
	{"jit", "off"},
};

/*
 * The server's own handler would end the worker in the midst of a transaction,
 * and what is in hand would count as what it died of.  So only what it does in
 * that transaction is cancelled, be it a wait, and the loop does the rest.
 */
static void
handle_end_signal(SIGNAL_ARGS)
{
	int			before = errno;

	if (!must_end)
	{
		must_end = true;
		QueryCancelPending = true;
		InterruptPending = true;
	}
	SetLatch(MyLatch);
	errno = before;
}

static void
handle_leave_signal(SIGNAL_ARGS)
{
	int			before = errno;

	must_leave = true;
	SetLatch(MyLatch);
	errno = before;
}

/*
 * A worker that cannot connect, because its database was dropped or closed to
 * connections, must not be started over and over again.
 */
static void
forget_unconnected(int code, Datum argument)
{
	if (!is_connected && code != 0)
		proc_exit(0);
}

/* Connect to a database as whoever owns the server's catalogs. */
void
wb_session_connect(Oid database)
{
	on_proc_exit(forget_unconnected, (Datum) 0);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, handle_end_signal);
	pqsignal(SIGINT, SIG_IGN);
	pqsignal(WB_WORKER_LEAVE_SIGNAL, handle_leave_signal);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	is_connected = true;

	for (size_t i = 0; i < lengthof(settings); i++)
	{
		if (GetConfigOption(settings[i][0], true, false) != NULL)
			SetConfigOption(settings[i][0], settings[i][1], PGC_SUSET,
							PGC_S_OVERRIDE);
	}
	/* a claim that is lost with the server would be sent a second time */
	if (synchronous_commit < SYNCHRONOUS_COMMIT_REMOTE_FLUSH)
		SetConfigOption("synchronous_commit", "on", PGC_SUSET,
						PGC_S_OVERRIDE);
}

/* Become the worker of this database, or end for want of anything to do. */
void
wb_session_become_worker(void)
{
	LOCKTAG		tag;
	bool		is_set_up;

	StartTransactionCommand();
	is_set_up = wb_installation_exists() && wb_installation_is_current();
	CommitTransactionCommand();
	if (!is_set_up || !wb_setting_worker)
		proc_exit(0);

	/* like an advisory lock, but out of the reach of SQL */
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, WORKER_LOCK_KEY, 0, 0);
	tag.locktag_type = LOCKTAG_USERLOCK;
	if (LockAcquire(&tag, ExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
		proc_exit(0);
}

/* Was the worker told to end, as by pg_terminate_backend? */
bool
wb_session_must_end(void)
{
	return must_end;
}

/* Was the worker asked to end, for good? */
bool
wb_session_must_leave(void)
{
	return must_leave;
}
