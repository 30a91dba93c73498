/*-------------------------------------------------------------------------
 *
 * guard.c
 *		Keeps errors of ours from the user whose row made something fire.
 *
 * The user's write must not fail because of an automation.  An error is logged
 * and swallowed, unless it would have hit any write at that moment: the
 * transaction cannot go on beside others (class 40) or did not get a lock in
 * time (55P03), the server lacks something (53), was told to stop this (57) or
 * met an error of its system (58).  Such an error goes on to the user, who
 * tries again, and then the row and what it fires are written together.
 *
 * Rule: whatever reads or writes a table runs within a subtransaction, which
 * gives back the locks, buffers and rows of what failed.  What only computes
 * needs none.
 *
 * IDENTIFICATION
 *		src/deliver/guard.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "deliver/deliver.h"
#include "deliver/fire.h"
#include "support/compat.h"
#include "utils/builtins.h"
#include "utils/resowner.h"

#define SQLSTATE_CHARACTERS "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

WB_FUNCTION_INFO_V1(wb_sql_concerns_everybody);

/*
 * Does an error say nothing about what was being done, by its code?  The list
 * is the one at the top; docs/architecture.md and README.md have it too.
 */
bool
wb_guard_concerns_everybody(int code)
{
	if (code == ERRCODE_LOCK_NOT_AVAILABLE)
		return true;
	switch (ERRCODE_TO_CATEGORY(code))
	{
		case MAKE_SQLSTATE('4', '0', '0', '0', '0'):	/* rolled back */
		case MAKE_SQLSTATE('5', '3', '0', '0', '0'):	/* no resources */
		case MAKE_SQLSTATE('5', '7', '0', '0', '0'):	/* cancelled */
		case MAKE_SQLSTATE('5', '8', '0', '0', '0'):	/* system error */
			return true;
		default:
			return false;
	}
}

/* wb.concerns_everybody(code text) returns boolean */
Datum
wb_sql_concerns_everybody(PG_FUNCTION_ARGS)
{
	char	   *code = text_to_cstring(PG_GETARG_TEXT_PP(0));

	if (strlen(code) != 5 || strspn(code, SQLSTATE_CHARACTERS) != 5)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is no error code", code),
				 errhint("An error code has five digits or capital letters.")));
	PG_RETURN_BOOL(wb_guard_concerns_everybody(MAKE_SQLSTATE(code[0], code[1],
															 code[2], code[3],
															 code[4])));
}

/* The row that fired is in the statement, or in what called it: neither. */
static void
log_loss(const char *automation_name, const ErrorData *error)
{
	ereport(LOG,
			(errcode(error->sqlerrcode),
			 errmsg("could not record that automation \"%s\" fired: %s",
					automation_name, error->message),
			 errhidestmt(true), errhidecontext(true)));
}

/*
 * Call a function within a subtransaction.  Returns NULL, or the error that it
 * raised, in the caller's memory context, and then nothing of it is left.
 */
ErrorData *
wb_guard_try(WbGuarded function, void *argument)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		function(argument);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return error;
}

/*
 * The same for what a writer's row made fire.  False where it raised; the log
 * says so if a name is given.
 */
bool
wb_guard_write(WbGuarded function, void *argument,
			   const char *automation_name)
{
	ErrorData  *error = wb_guard_try(function, argument);

	if (error == NULL)
		return true;
	/* outside of a block, nobody above would end our subtransaction */
	if (wb_guard_concerns_everybody(error->sqlerrcode))
		ReThrowError(error);
	if (automation_name != NULL)
		log_loss(automation_name, error);
	FreeErrorData(error);
	return false;
}

/* Call a function that only computes; false where it raised. */
bool
wb_guard_compute(WbGuarded function, void *argument,
				 const char *automation_name)
{
	MemoryContext context = CurrentMemoryContext;
	volatile bool is_done = false;

	PG_TRY();
	{
		function(argument);
		is_done = true;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (wb_guard_concerns_everybody(error->sqlerrcode))
			PG_RE_THROW();
		FlushErrorState();
		log_loss(automation_name, error);
		FreeErrorData(error);
	}
	PG_END_TRY();
	return is_done;
}
