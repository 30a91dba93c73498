/*-------------------------------------------------------------------------
 *
 * pattern.c
 *		Compiles the regular expressions of filters, and tries them.
 *
 * PostgreSQL's own engine runs what RE2 and it have in common (see
 * pattern_translate.c).  It is asked only whether there is a match, never
 * where, so it goes through a value once.  Patterns and values have a largest
 * size, because a writer waits for the answer.
 *
 * IDENTIFICATION
 *		src/decide/pattern.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "decide/filter.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"

/* Longest value that a pattern is tried on; the rest is not looked at. */
#define SUBJECT_MAX		4096

/* Free a compiled pattern together with the context it belongs to. */
static void
free_pattern(void *regex)
{
	pg_regfree(regex);
}

static regex_t *
complain(const char *pattern, const char *reason, WbProblem *problem)
{
	problem->message = psprintf("regular expression \"%s\" cannot be used: %s",
								pattern, reason);
	problem->hint = psprintf("Patterns follow RE2, those of a filter together "
							 "up to %d characters, each repetition counted as "
							 "often as it may occur; without references back, looking around, "
							 "classes \\p, and flags other than at the start.",
							 WB_PATTERN_MAX);
	return NULL;
}

/*
 * Compile a pattern of a filter whose patterns so far have a cost, and add to
 * it.  It is freed with the current memory context.  Returns NULL with a
 * problem where it cannot be used.
 */
regex_t *
wb_pattern_compile(const char *pattern, WbPatternCost *cost,
				   WbProblem *problem)
{
	int			length = strlen(pattern);
	int			flags = REG_ADVANCED | REG_NOSUB;
	pg_wchar   *wide;
	const char *reason;
	regex_t    *regex;
	int			code;
	MemoryContextCallback *callback;

	if (pg_mbstrlen(pattern) > WB_PATTERN_MAX)
		return complain(pattern, "it is too long", problem);
	wide = palloc((length + 1) * sizeof(pg_wchar));
	length = pg_mb2wchar_with_len(pattern, wide, length);
	wide = wb_pattern_translate(wide, &length, &flags, cost, &reason);
	if (wide == NULL)
		return complain(pattern, reason, problem);

	regex = palloc0(sizeof(regex_t));
	code = pg_regcomp(regex, wide, length, flags, DEFAULT_COLLATION_OID);
	if (code != REG_OKAY)
	{
		char		text[100];

		CHECK_FOR_INTERRUPTS();
		pg_regerror(code, regex, text, sizeof(text));
		return complain(pattern, pstrdup(text), problem);
	}

	callback = palloc0(sizeof(MemoryContextCallback));
	callback->func = free_pattern;
	callback->arg = regex;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	return regex;
}

/* Does a pattern match anywhere in a text? */
bool
wb_pattern_matches(regex_t *regex, const char *text, int length)
{
	pg_wchar	subject[SUBJECT_MAX + 1];
	int			wide_length;
	int			code;

	wide_length = pg_mb2wchar_with_len(text, subject,
									   pg_mbcliplen(text, length,
													SUBJECT_MAX));
	code = pg_regexec(regex, subject, wide_length, 0, NULL, 0, NULL, 0);

	/* before 16 the engine only says that it was cancelled */
	if (code != REG_OKAY && code != REG_NOMATCH)
		CHECK_FOR_INTERRUPTS();
	return code == REG_OKAY;
}
