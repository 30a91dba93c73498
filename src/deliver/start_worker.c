/*-------------------------------------------------------------------------
 *
 * start_worker.c
 *		Has a worker started in a database.
 *
 * The server itself starts a worker again that ended with an error or with
 * the whole server, after a second; one that ended of its own accord it
 * forgets.  So a worker that finds nothing to do here exits with 0, and what
 * must come back exits with 1.
 *
 * IDENTIFICATION
 *		src/deliver/start_worker.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "deliver/worker.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "support/compat.h"
#include "support/relation.h"
#include "support/setting.h"
#include "utils/acl.h"

#define RESTART_SECONDS		1
#define CONNECT_POLL_MS		10

WB_FUNCTION_INFO_V1(wb_sql_start_worker);

static uint32 wait_start = 0;

/*
 * Ask for a worker in a database.  Returns false where no slot is free.  A
 * worker that is one too many ends by itself, so nobody needs to be sure that
 * none runs.
 */
bool
wb_worker_register(Oid database, pid_t notify_pid,
				   BackgroundWorkerHandle **handle)
{
	BackgroundWorker worker = {0};

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS |
		BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = RESTART_SECONDS;
	worker.bgw_main_arg = ObjectIdGetDatum(database);
	worker.bgw_notify_pid = notify_pid;
	snprintf(worker.bgw_library_name, sizeof(worker.bgw_library_name),
			 "wb_automations");
	snprintf(worker.bgw_function_name, sizeof(worker.bgw_function_name),
			 "wb_worker_main");
	snprintf(worker.bgw_type, sizeof(worker.bgw_type), WB_WORKER_TYPE);
	snprintf(worker.bgw_name, sizeof(worker.bgw_name),
			 WB_WORKER_TYPE " for database %u", database);
	return RegisterDynamicBackgroundWorker(&worker, handle);
}

static void
check_caller(void)
{
	if (!has_privs_of_role(GetUserId(), ROLE_PG_SIGNAL_BACKEND))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to start a worker"),
				 errhint("Only superusers and members of role \"%s\" may start one.",
						 "pg_signal_backend")));
	wb_relation_require_setup();
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot start a worker during recovery"),
				 errhint("Start it on the primary, or after the promotion of this server.")));
	if (!wb_setting_worker)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot start a worker while \"%s\" is off",
						"wb_automations.worker")));
}

/*
 * Wait until a worker that was asked for can be found in this database, or has
 * ended; returns whether it is there.
 */
static bool
wait_until_connected(BackgroundWorkerHandle *handle)
{
	pid_t		pid;

	while (wb_wake_find(WB_WORKER_TYPE, MyDatabaseId, NULL) == 0)
	{
		if (GetBackgroundWorkerPid(handle, &pid) == BGWH_STOPPED)
			return false;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT |
						 WL_EXIT_ON_PM_DEATH, CONNECT_POLL_MS,
						 wb_wait_event(&wait_start, "WbStartWorker"));
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	return true;
}

/*
 * wb.start_worker() returns integer: the process id of this database's
 * worker, which is started unless it runs already.
 */
Datum
wb_sql_start_worker(PG_FUNCTION_ARGS)
{
	pid_t		running;
	BackgroundWorkerHandle *handle;

	check_caller();
	running = wb_wake_find(WB_WORKER_TYPE, MyDatabaseId, NULL);
	if (running != 0)
		PG_RETURN_INT32(running);

	if (!wb_worker_register(MyDatabaseId, MyProcPid, &handle))
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("no slot for a background worker is free"),
				 errhint("You might need to increase \"%s\".",
						 "max_worker_processes")));
	if (!wait_until_connected(handle))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not start the worker"),
				 errhint("The server log may tell why.")));
	running = wb_wake_find(WB_WORKER_TYPE, MyDatabaseId, NULL);
	if (running == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(running);
}
