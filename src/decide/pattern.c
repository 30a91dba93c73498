/*-------------------------------------------------------------------------
 *
 * pattern.c
 *		Compiles the regular expressions of filters.
 *
 * Patterns follow RE2, so what RE2 leaves out because it may not end, such as
 * references back to a group, is refused here too.  PostgreSQL's own engine
 * runs what is left, and can be interrupted.
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

/* Free a compiled pattern together with the context it belongs to. */
static void
free_pattern(void *regex)
{
	pg_regfree(regex);
}

/* Does the pattern use what RE2 does not have? */
static bool
is_beyond_re2(const char *pattern)
{
	bool		in_brackets = false;

	for (const char *c = pattern; *c; c++)
	{
		if (*c == '\\' && c[1])
		{
			c++;
			if (!in_brackets && *c >= '1' && *c <= '9')
				return true;
		}
		else if (*c == '[')
			in_brackets = true;
		else if (*c == ']')
			in_brackets = false;
		else if (!in_brackets && c[0] == '(' && c[1] == '?' &&
				 (c[2] == '=' || c[2] == '!' || c[2] == '<'))
			return true;
	}
	return strncmp(pattern, "***", 3) == 0;
}

/*
 * RE2's pattern in PostgreSQL's words: the edge of a word is \b there and \y
 * here, where \b is a backspace; the end of the text is \z there and \Z here.
 */
static char *
translate(const char *pattern)
{
	char	   *translated = pstrdup(pattern);
	bool		in_brackets = false;

	for (char *c = translated; *c; c++)
	{
		if (*c == '\\' && c[1])
		{
			c++;
			if (!in_brackets)
				*c = *c == 'b' ? 'y' : *c == 'B' ? 'Y' : *c == 'z' ? 'Z' : *c;
		}
		else if (*c == '[')
			in_brackets = true;
		else if (*c == ']')
			in_brackets = false;
	}
	return translated;
}

/*
 * Compile a pattern; it is freed with the current memory context.  Returns
 * NULL with a problem where it cannot be used.
 */
regex_t *
wb_pattern_compile(const char *pattern, WbProblem *problem)
{
	int			length = strlen(pattern);
	pg_wchar   *wide;
	int			wide_length;
	regex_t    *regex;
	int			code;
	MemoryContextCallback *callback;

	if (pg_mbstrlen(pattern) > WB_PATTERN_MAX || is_beyond_re2(pattern))
	{
		problem->message =
			psprintf("regular expression \"%s\" is not supported", pattern);
		problem->hint = pstrdup("Patterns follow RE2: no references back, no "
								"looking around, at most 1000 characters.");
		return NULL;
	}

	wide = palloc((length + 1) * sizeof(pg_wchar));
	wide_length = pg_mb2wchar_with_len(translate(pattern), wide, length);
	regex = palloc0(sizeof(regex_t));
	code = pg_regcomp(regex, wide, wide_length, REG_ADVANCED | REG_NOSUB,
					  DEFAULT_COLLATION_OID);
	pfree(wide);
	if (code != REG_OKAY)
	{
		char		reason[100];

		pg_regerror(code, regex, reason, sizeof(reason));
		problem->message = psprintf("invalid regular expression \"%s\": %s",
									pattern, reason);
		return NULL;
	}

	callback = palloc0(sizeof(MemoryContextCallback));
	callback->func = free_pattern;
	callback->arg = regex;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	return regex;
}
