/*-------------------------------------------------------------------------
 *
 * wake.c
 *		Wakes the worker when a transaction that fired commits.
 *
 * The worker is found by looking for it among the server's processes, so this
 * works whether or not the library was preloaded, and there is no address that
 * could be stale.  A worker that is just starting and is not found reads the
 * queue after it has become findable, and so sees what was committed before.
 *
 * NOTIFY would take a lock that all committing writers share.
 *
 * IDENTIFICATION
 *		src/deliver/wake.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "deliver/deliver.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "support/compat.h"

WB_FUNCTION_INFO_V1(wb_sql_announce_resume);
WB_FUNCTION_INFO_V1(wb_sql_launcher_pid);
WB_FUNCTION_INFO_V1(wb_sql_wake);
WB_FUNCTION_INFO_V1(wb_sql_worker_pid);

static bool must_wake_worker = false;
static bool must_wake_launcher = false;

/*
 * Find our background worker of a database, or of none.  Returns its process
 * id, 0 where it does not run, and its latch where "latch" is not NULL.  The
 * process may end at any moment; its latch stays.
 *
 * The process id is read here, once, and nowhere else: a process that ends
 * makes it 0, and kill(0) would reach whoever asks.
 */
pid_t
wb_wake_find(const char *type, Oid database, Latch **latch)
{
	for (uint32 i = 0; i < ProcGlobal->allProcCount; i++)
	{
		PGPROC	   *proc = &ProcGlobal->allProcs[i];
		pid_t		pid = ((volatile PGPROC *) proc)->pid;
		const char *found;

		if (pid == 0 || proc->databaseId != database ||
			!wb_proc_is_background_worker(proc))
			continue;
		found = GetBackgroundWorkerTypeByPid(pid);
		if (found == NULL || strcmp(found, type) != 0)
			continue;
		if (latch != NULL)
			*latch = &proc->procLatch;
		return pid;
	}
	return 0;
}

static void
wake_worker(void)
{
	Latch	   *latch;

	if (wb_wake_find(WB_WORKER_TYPE, MyDatabaseId, &latch) != 0)
		SetLatch(latch);
}

/*
 * A prepared transaction commits in another backend, which does not know what
 * fired: there, the command itself wakes the worker (database_command.c).
 */
void
wb_wake_end(XactEvent event)
{
	if (event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PRE_PREPARE ||
		event == XACT_EVENT_PARALLEL_PRE_COMMIT)
		return;
	if (event == XACT_EVENT_COMMIT)
	{
		if (must_wake_worker)
			wake_worker();
		if (must_wake_launcher)
			wb_launcher_call();
	}
	must_wake_worker = false;
	must_wake_launcher = false;
}

/* Wake this database's worker if the transaction commits. */
void
wb_wake_worker_at_commit(void)
{
	must_wake_worker = true;
}

/* Make the launcher look at the databases if the transaction commits. */
void
wb_wake_launcher_at_commit(void)
{
	must_wake_launcher = true;
}

/* wb.wake() returns void */
Datum
wb_sql_wake(PG_FUNCTION_ARGS)
{
	wb_wake_launcher_at_commit();
	wb_wake_worker_at_commit();
	PG_RETURN_VOID();
}

/* wb.announce_resume() returns trigger, of which the row is not looked at */
Datum
wb_sql_announce_resume(PG_FUNCTION_ARGS)
{
	wb_wake_worker_at_commit();
	return PointerGetDatum(NULL);
}

static Datum
pid_of(FunctionCallInfo fcinfo, const char *type, Oid database)
{
	pid_t		pid = wb_wake_find(type, database, NULL);

	if (pid == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(pid);
}

/* wb.worker_pid() returns integer: NULL where no worker runs */
Datum
wb_sql_worker_pid(PG_FUNCTION_ARGS)
{
	return pid_of(fcinfo, WB_WORKER_TYPE, MyDatabaseId);
}

/* wb.launcher_pid() returns integer: NULL where no launcher runs */
Datum
wb_sql_launcher_pid(PG_FUNCTION_ARGS)
{
	return pid_of(fcinfo, WB_LAUNCHER_TYPE, InvalidOid);
}
