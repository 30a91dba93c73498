/*-------------------------------------------------------------------------
 *
 * guard.c
 *		Keeps errors of ours from the user whose row made something fire.
 *
 * The user's write must not fail because of an automation.  An error is logged
 * and swallowed; only what the whole server suffers from (a cancelled query, a
 * shutdown, no memory, no disk) goes on to the user.
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
#include "utils/resowner.h"

/* Is an error what the whole server suffers from, by its code? */
bool
wb_guard_concerns_everybody(int code)
{
	switch (ERRCODE_TO_CATEGORY(code))
	{
		case MAKE_SQLSTATE('5', '3', '0', '0', '0'):	/* no resources */
		case MAKE_SQLSTATE('5', '7', '0', '0', '0'):	/* cancelled */
		case MAKE_SQLSTATE('5', '8', '0', '0', '0'):	/* system error */
			return true;
		default:
			return false;
	}
}

static void
log_loss(const char *automation_name, const ErrorData *error)
{
	ereport(LOG,
			(errcode(error->sqlerrcode),
			 errmsg("could not record that automation \"%s\" fired: %s",
					automation_name, error->message)));
}

/*
 * Call a function within a subtransaction.  False where it raised, and then
 * nothing of it is left; the log says so if a name is given.
 */
bool
wb_guard_write(WbGuarded function, void *argument,
			   const char *automation_name)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool is_done = false;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		function(argument);
		ReleaseCurrentSubTransaction();
		is_done = true;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;

		/* outside of a block, nobody above would end our subtransaction */
		if (wb_guard_concerns_everybody(error->sqlerrcode))
			ReThrowError(error);
		if (automation_name != NULL)
			log_loss(automation_name, error);
		FreeErrorData(error);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return is_done;
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
