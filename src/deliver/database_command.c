/*-------------------------------------------------------------------------
 *
 * database_command.c
 *		Makes a worker get out of the way of commands about its database.
 *
 * DROP DATABASE and its like fail while anybody is connected, and a worker
 * always is.  So before such a command its worker is asked to end, and after
 * a command that left the database in place it is started again.  Meanwhile
 * the command's own lock on the database, taken a little earlier here, keeps
 * every new worker waiting outside.  DROP EXTENSION only has to wake it, and
 * so has COMMIT PREPARED, because the session that fired is not the one that
 * commits.
 *
 * The hook stands in every backend that loaded the library: in all of them
 * where it is preloaded.
 *
 * IDENTIFICATION
 *		src/deliver/database_command.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "access/htup_details.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "deliver/worker.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/lmgr.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/syscache.h"

#define WAIT_STEP_MS		10
#define PATIENCE_MS			3000	/* until the worker is terminated */
#define WAIT_MS				5000

static ProcessUtility_hook_type next_hook = NULL;

/* The value of an option of a command, or NULL. */
static const char *
find_option(List *options, const char *name)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *option = lfirst_node(DefElem, cell);

		if (strcmp(option->defname, name) == 0 && option->arg != NULL)
			return defGetString(option);
	}
	return NULL;
}

/* The database that must be free of sessions for this command, or NULL. */
static const char *
find_database_name(Node *statement)
{
	if (IsA(statement, DropdbStmt))
		return castNode(DropdbStmt, statement)->dbname;
	if (IsA(statement, CreatedbStmt))
		return find_option(castNode(CreatedbStmt, statement)->options,
						   "template");
	if (IsA(statement, RenameStmt))
	{
		RenameStmt *rename = castNode(RenameStmt, statement);

		return rename->renameType == OBJECT_DATABASE ? rename->subname : NULL;
	}
	if (IsA(statement, AlterDatabaseStmt))
	{
		AlterDatabaseStmt *alter = castNode(AlterDatabaseStmt, statement);

		return find_option(alter->options, "tablespace") ? alter->dbname : NULL;
	}
	return NULL;
}

/* Whoever may not drop a database must not stop its worker either. */
static bool
is_owned(Oid database)
{
	HeapTuple	tuple = SearchSysCache1(DATABASEOID,
										ObjectIdGetDatum(database));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		return false;
	owner = ((Form_pg_database) GETSTRUCT(tuple))->datdba;
	ReleaseSysCache(tuple);
	return has_privs_of_role(GetUserId(), owner);
}

/* Stop the worker of a database, and wait for that, but not for ever. */
static void
stop_worker(Oid database)
{
	for (int waited_ms = 0; waited_ms < WAIT_MS; waited_ms += WAIT_STEP_MS)
	{
		pid_t		worker = wb_wake_find(WB_WORKER_TYPE, database, NULL);

		if (worker == 0)
			return;
		if (waited_ms == 0)
			kill(worker, WB_WORKER_LEAVE_SIGNAL);
		else if (waited_ms == PATIENCE_MS)
			kill(worker, SIGTERM);
		CHECK_FOR_INTERRUPTS();
		pg_usleep(WAIT_STEP_MS * 1000);
	}
}

/*
 * Make way for a command.  Returns the database whose worker was stopped, or
 * InvalidOid; what is wrong with the command is left to the command to say.
 */
static Oid
make_way(Node *statement)
{
	const char *name = find_database_name(statement);
	Oid			database = name ? get_database_oid(name, true) : InvalidOid;

	if (!OidIsValid(database) || !is_owned(database) ||
		wb_wake_find(WB_WORKER_TYPE, database, NULL) == 0)
		return InvalidOid;
	if (database == MyDatabaseId && !IsA(statement, CreatedbStmt))
		return InvalidOid;

	LockSharedObject(DatabaseRelationId, database, 0,
					 IsA(statement, CreatedbStmt) ? ShareLock :
					 AccessExclusiveLock);
	stop_worker(database);
	return database;
}

/* The new worker waits for our lock, and ends if the database is gone then. */
static void
start_again(Oid database)
{
	BackgroundWorkerHandle *handle;

	if (OidIsValid(database))
		wb_worker_register(database, 0, &handle);
}

/* Is there something for a worker to see once this command has committed? */
static bool
concerns_own_worker(Node *statement)
{
	if (IsA(statement, DropStmt))
		return castNode(DropStmt, statement)->removeType == OBJECT_EXTENSION;
	return IsA(statement, TransactionStmt) &&
		castNode(TransactionStmt, statement)->kind ==
		TRANS_STMT_COMMIT_PREPARED;
}

static void
run_command(PlannedStmt *planned, const char *query, bool is_read_only_tree,
			ProcessUtilityContext context, ParamListInfo parameters,
			QueryEnvironment *environment, DestReceiver *receiver,
			QueryCompletion *completion)
{
	Oid			stopped = make_way(planned->utilityStmt);
	ProcessUtility_hook_type next = next_hook ? next_hook :
	standard_ProcessUtility;

	if (concerns_own_worker(planned->utilityStmt))
		wb_wake_worker_at_commit();
	if (!OidIsValid(stopped))
	{
		next(planned, query, is_read_only_tree, context, parameters,
			 environment, receiver, completion);
		return;
	}

	PG_TRY();
	{
		next(planned, query, is_read_only_tree, context, parameters,
			 environment, receiver, completion);
	}
	PG_CATCH();
	{
		start_again(stopped);
		PG_RE_THROW();
	}
	PG_END_TRY();
	if (!IsA(planned->utilityStmt, DropdbStmt))
		start_again(stopped);
}

/* Watch for such commands in this backend; called once. */
void
wb_database_command_watch(void)
{
	next_hook = ProcessUtility_hook;
	ProcessUtility_hook = run_command;
}
