/*-------------------------------------------------------------------------
 *
 * pattern_translate.c
 *		RE2's patterns in the words of PostgreSQL's engine.
 *
 * W&B's patterns follow RE2.  Everything that means something else to
 * PostgreSQL's engine is written in another way here, and what that engine
 * does not have is refused: nothing of a pattern may be passed on unread.
 *
 * Repetitions are counted before the engine sees them, because it copies what
 * is repeated, and joins what may be left out to all that comes after.  The
 * limits are those of all patterns of a filter together.
 *
 * IDENTIFICATION
 *		src/decide/pattern_translate.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "decide/filter.h"
#include "decide/pattern.h"

/* Most characters that patterns may stand for, repetitions written out. */
#define EXPANDED_MAX	1000

/* The time to compile repetitions grows faster than their size. */
#define GROWTH_MAX		255

/* Characters that the engine may ask for their other case. */
#define FOLDED_MAX		100000

bool
wb_pattern_looking_at(const WbTranslation *t, const char *text)
{
	const pg_wchar *at = t->at;

	for (; *text; text++, at++)
	{
		if (at == t->end || *at != (unsigned char) *text)
			return false;
	}
	return true;
}

bool
wb_pattern_skip(WbTranslation *t, const char *text)
{
	if (!wb_pattern_looking_at(t, text))
		return false;
	t->at += strlen(text);
	return true;
}

/* Flags at the start of the pattern: they hold for all of it. */
static bool
translate_flags(WbTranslation *t, int *flags)
{
	while (wb_pattern_looking_at(t, "(?") && t->at + 2 < t->end &&
		   strchr("imsU", (int) t->at[2]) && t->at[2] < 0x7f)
	{
		t->at += 2;
		while (t->at < t->end && *t->at != ')')
		{
			switch (*t->at++)
			{
				case 'i':
					*flags |= REG_ICASE;
					t->is_folded = true;
					break;
				case 'm':
					*flags |= REG_NLANCH;
					break;
				case 's':
					t->is_dot_all = true;
					break;
				case 'U':
					/* greedy or not, there is a match or there is none */
					break;
				default:
					return wb_pattern_refuse(t, "flags are i, m, s and U, as in (?i), and hold for the whole pattern");
			}
		}
		if (!wb_pattern_skip(t, ")"))
			return wb_pattern_refuse(t, "parentheses () not balanced");
	}
	return true;
}

/* A group's opening, from behind the parenthesis. */
static bool
translate_open(WbTranslation *t)
{
	if (wb_pattern_looking_at(t, "?=") || wb_pattern_looking_at(t, "?!") || wb_pattern_looking_at(t, "?<=") ||
		wb_pattern_looking_at(t, "?<!"))
		return wb_pattern_refuse(t, "there is no looking around");
	if (wb_pattern_skip(t, "?P<") || wb_pattern_skip(t, "?<"))
	{
		const pg_wchar *start = t->at;

		while (t->at < t->end && wb_pattern_is_word(*t->at))
			t->at++;
		if (t->at == start || !wb_pattern_skip(t, ">"))
			return wb_pattern_refuse(t, "the name of a group is invalid");
	}
	else if (!wb_pattern_skip(t, "?:") && wb_pattern_looking_at(t, "?"))
		return wb_pattern_refuse(t, "flags stand at the start of the pattern only");
	wb_pattern_put_text(t, "(?:");
	t->outer_sizes = lappend_int(t->outer_sizes, t->size);
	t->size = 0;
	t->atom_size = 0;
	return true;
}

static bool
translate_close(WbTranslation *t)
{
	if (t->outer_sizes == NIL)
		return wb_pattern_refuse(t, "parentheses () not balanced");
	wb_pattern_put(t, ')');
	t->atom_size = t->size + 1;
	t->size = t->atom_size + llast_int(t->outer_sizes);
	t->outer_sizes = list_delete_last(t->outer_sizes);
	return true;
}

/* The bounds of {n}, {n,} or {n,m}; false where it is no repetition. */
static bool
read_bounds(WbTranslation *t, int *least, int *most)
{
	const pg_wchar *at = t->at + 1;
	int			numbers[2] = {0, -1};
	int			count = 0;

	for (; count < 2; count++)
	{
		int			number = 0;
		const pg_wchar *start = at;

		for (; at < t->end && *at >= '0' && *at <= '9'; at++)
			number = Min(number * 10 + (int) (*at - '0'), 100000);
		if (at == start && count == 0)
			return false;
		if (at > start)
			numbers[count] = number;
		if (at == t->end || *at != ',' || count == 1)
			break;
		at++;
	}
	if (at == t->end || *at != '}')
		return false;
	t->at = at + 1;
	*least = numbers[0];
	*most = count == 0 ? numbers[0] : numbers[1];
	return true;
}

/* Does a repetition come next?  Then it is translated, or refused. */
static bool
translate_repetition(WbTranslation *t)
{
	const pg_wchar *start = t->at;
	int			least = 0;
	int			most = -1;
	int			growth;

	if (*t->at == '?')
		most = 1;
	if (*t->at == '*' || *t->at == '+' || *t->at == '?')
		t->at++;
	else if (*t->at != '{' || !read_bounds(t, &least, &most))
		return false;

	/* an atom that may be left out, or come again, counts as two */
	growth = t->atom_size * Max(Max(least, most) - 1,
								least == 1 && most == 1 ? 0 : 1);
	if (t->atom_size == 0)
		t->reason = "quantifier operand invalid";
	else if (most >= 0 && most < least)
		t->reason = "invalid repetition count(s)";
	else if (t->cost->growth + growth >= GROWTH_MAX)
		t->reason = "repetitions add more than 254 characters when written out";
	else
	{
		t->cost->growth += growth;
		t->size += growth;
		while (start < t->at)
			wb_pattern_put(t, *start++);
		/* greedy or not, there is a match or there is none */
		wb_pattern_skip(t, "?");
	}
	t->atom_size = 0;
	return true;
}

static bool
translate_next(WbTranslation *t)
{
	pg_wchar	c;

	if (translate_repetition(t))
		return t->reason == NULL;
	c = *t->at++;
	if (c == '(')
		return translate_open(t);
	if (c == ')')
		return translate_close(t);
	if (c == '|' || c == '^' || c == '$')
	{
		wb_pattern_put(t, c);
		t->atom_size = 0;
		return true;
	}
	if (c == '[')
		wb_pattern_translate_brackets(t);
	else if (c == '\\')
		wb_pattern_translate_escape(t);
	else if (c == '.' && t->is_dot_all)
		wb_pattern_put(t, '.');
	else if (c == '.')
	{
		wb_pattern_put_text(t, "[^");
		wb_pattern_put(t, '\n');
		wb_pattern_put(t, ']');
	}
	else
		wb_pattern_put_literal(t, c);
	t->atom_size = 1;
	t->size++;
	return t->reason == NULL;
}

/*
 * Translate a pattern of "length" characters, and say which flags the engine
 * needs; "cost" is that of the filter's patterns so far, and gets more.  Returns
 * NULL with a reason where that cannot be.
 */
pg_wchar *
wb_pattern_translate(const pg_wchar *pattern, int *length, int *flags,
					 WbPatternCost *cost, const char **reason)
{
	WbTranslation t = {.at = pattern,.end = pattern + *length,.cost = cost};

	initStringInfo(&t.out);
	if (translate_flags(&t, flags))
	{
		while (t.at < t.end && translate_next(&t))
		{
			if (cost->size + t.size > EXPANDED_MAX)
			{
				t.reason = "repetitions written out it would be too long";
				break;
			}
		}
	}
	if (t.reason == NULL && t.outer_sizes != NIL)
		t.reason = "parentheses () not balanced";
	if (t.reason == NULL && cost->folded > FOLDED_MAX)
		t.reason = "ranges have too many characters for (?i)";
	cost->size += t.size;
	*reason = t.reason;
	*length = t.out.len / sizeof(pg_wchar);
	return t.reason ? NULL : (pg_wchar *) t.out.data;
}
