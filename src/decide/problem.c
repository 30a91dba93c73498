/*-------------------------------------------------------------------------
 *
 * problem.c
 *		Notes why something that a user wrote cannot be used, and raises it.
 *
 * Rule: what parses a rule only notes.  A rule that does not parse is an error
 * to whoever writes it, and must be none to whoever fires it later.
 *
 * IDENTIFICATION
 *		src/decide/problem.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "decide/decide.h"

/*
 * Fill in a problem, and return false.  The message is kept, in the memory
 * context of the caller; the hint, which may be NULL, is copied.
 */
bool
wb_problem_note(WbProblem *problem, char *message, const char *hint)
{
	problem->message = message;
	problem->hint = hint ? pstrdup(hint) : NULL;
	return false;
}

/* Raise a problem as invalid_parameter_value; hint may be NULL. */
void
wb_problem_raise(const char *message, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s", message),
			 hint ? errhint("%s", hint) : 0));
}
