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
 * is repeated.
 *
 * IDENTIFICATION
 *		src/decide/pattern_translate.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "decide/filter.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

/* Most characters that a pattern may stand for, repetitions written out. */
#define EXPANDED_MAX	1000
#define CHARACTER_MAX	0x7ffffffe	/* of PostgreSQL's engine */


typedef struct Translation
{
	const pg_wchar *at;
	const pg_wchar *end;
	StringInfoData out;			/* of pg_wchar */
	bool		is_dot_all;		/* a dot matches a line's end too */
	int			size;			/* of the group that is open */
	int			atom_size;		/* 0: nothing that could be repeated */
	List	   *outer_sizes;	/* of the groups around it */
	const char *reason;			/* why it cannot be used, or NULL */
} Translation;

/* Classes by name: pairs of first and last character, sorted. */
static const struct
{
	const char *name;
	const char *ranges;
}			classes[] =

{
	{"alnum", "09AZaz"},
	{"alpha", "AZaz"},
	{"blank", "\t\t  "},
	{"digit", "09"},
	{"graph", "!~"},
	{"lower", "az"},
	{"print", " ~"},
	{"punct", "!/:@[`{~"},
	{"space", "\t\r  "},
	{"upper", "AZ"},
	{"word", "09AZ__az"},
	{"xdigit", "09AFaf"},
};

static const char perl_digit[] = "09";
static const char perl_space[] = "\t\n\f\r  ";
static const char perl_word[] = "09AZ__az";

static bool
refuse(Translation *t, const char *reason)
{
	t->reason = reason;
	return false;
}

static void
put(Translation *t, pg_wchar c)
{
	appendBinaryStringInfo(&t->out, (const char *) &c, sizeof(c));
}

static void
put_text(Translation *t, const char *text)
{
	while (*text)
		put(t, (unsigned char) *text++);
}

static bool
is_digit(pg_wchar c)
{
	return c >= '0' && c <= '9';
}

static bool
is_word(pg_wchar c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		c == '_';
}

/* A character that stands for itself, within brackets or without. */
static void
put_literal(Translation *t, pg_wchar c)
{
	if (c > ' ' && c < 0x7f && !is_word(c))
		put(t, '\\');
	put(t, c);
}

static bool
looking_at(const Translation *t, const char *text)
{
	const pg_wchar *at = t->at;

	for (; *text; text++, at++)
	{
		if (at == t->end || *at != (unsigned char) *text)
			return false;
	}
	return true;
}

static bool
skip(Translation *t, const char *text)
{
	if (!looking_at(t, text))
		return false;
	t->at += strlen(text);
	return true;
}

/* Ranges, or all that is not in them, as part of a bracket expression. */
static void
put_ranges(Translation *t, const char *ranges, bool is_negated)
{
	pg_wchar	next = 1;

	for (; *ranges; ranges += 2)
	{
		pg_wchar	first = is_negated ? next : (unsigned char) ranges[0];
		pg_wchar	last = (unsigned char) ranges[is_negated ? 0 : 1] -
		(is_negated ? 1 : 0);

		next = (unsigned char) ranges[1] + 1;
		if (first > last)
			continue;
		put_literal(t, first);
		put(t, '-');
		put_literal(t, last);
	}
	if (is_negated)
	{
		put(t, next);
		put(t, '-');
		put(t, CHARACTER_MAX);
	}
}

/* The ranges of \d and its like; NULL for any other escape. */
static const char *
perl_class(pg_wchar c)
{
	switch (c)
	{
		case 'd':
		case 'D':
			return perl_digit;
		case 's':
		case 'S':
			return perl_space;
		case 'w':
		case 'W':
			return perl_word;
	}
	return NULL;
}

static int
hex_value(pg_wchar c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* \x7F or \x{10FFFF}, from behind the x. */
static bool
read_hex(Translation *t, pg_wchar *c)
{
	bool		is_braced = skip(t, "{");
	int			digits = 0;

	*c = 0;
	while (t->at < t->end && hex_value(*t->at) >= 0 &&
		   digits < (is_braced ? 8 : 2))
	{
		*c = *c * 16 + hex_value(*t->at++);
		digits++;
	}
	if (digits == 0 || (is_braced ? !skip(t, "}") : digits != 2) ||
		*c > 0x10ffff)
		return refuse(t, "\\x is not followed by a character's code");
	if (*c == 0 || (*c > 0x7f && GetDatabaseEncoding() != PG_UTF8))
		return refuse(t, "the encoding has no such character");
	return true;
}

/* The character that an escape stands for, from behind the backslash. */
static bool
read_escape(Translation *t, pg_wchar *c)
{
	static const char names[] = "aftnrv";
	static const char values[] = "\a\f\t\n\r\v";
	const char *name;

	if (t->at == t->end)
		return refuse(t, "it ends with a backslash");
	*c = *t->at++;
	if (*c == 'x')
		return read_hex(t, c);
	if (is_digit(*c))
		return refuse(t, "there are no references back to a group");
	if (*c == 'p' || *c == 'P')
		return refuse(t, "there are no classes \\p by Unicode property");
	if (*c > 0x7f || *c == '_' || !is_word(*c))
		return true;
	name = strchr(names, (char) *c);
	if (name == NULL)
		return refuse(t, psprintf("there is no escape \\%c here", (char) *c));
	*c = (unsigned char) values[name - names];
	return true;
}

/* [:name:] within brackets; false where there is none, or with a reason. */
static bool
translate_named_class(Translation *t)
{
	bool		is_negated;

	if (!skip(t, "[:"))
		return false;
	is_negated = skip(t, "^");
	for (size_t i = 0; i < lengthof(classes); i++)
	{
		const pg_wchar *before = t->at;

		if (skip(t, classes[i].name) && skip(t, ":]"))
		{
			put_ranges(t, classes[i].ranges, is_negated);
			return true;
		}
		t->at = before;
	}
	return refuse(t, "the class between [: and :] is unknown");
}

static bool
read_bracket_character(Translation *t, pg_wchar *c)
{
	*c = *t->at++;
	return *c != '\\' || read_escape(t, c);
}

/* A bracket expression, from behind the bracket. */
static bool
translate_brackets(Translation *t)
{
	bool		is_first = true;

	put(t, '[');
	if (skip(t, "^"))
		put(t, '^');
	for (; t->at < t->end && (is_first || *t->at != ']'); is_first = false)
	{
		pg_wchar	first;
		pg_wchar	last;

		if (translate_named_class(t))
			continue;
		if (t->reason)
			return false;
		if (*t->at == '\\' && t->at + 1 < t->end && perl_class(t->at[1]))
		{
			put_ranges(t, perl_class(t->at[1]), t->at[1] < 'a');
			t->at += 2;
			continue;
		}
		if (!read_bracket_character(t, &first))
			return false;
		put_literal(t, first);
		if (t->at + 1 >= t->end || t->at[0] != '-' || t->at[1] == ']')
			continue;
		t->at++;
		if (!read_bracket_character(t, &last))
			return false;
		if (last < first)
			return refuse(t, "invalid character range");
		put(t, '-');
		put_literal(t, last);
	}
	if (!skip(t, "]"))
		return refuse(t, "brackets [] not balanced");
	put(t, ']');
	return true;
}

/* An escape outside of brackets, from behind the backslash. */
static bool
translate_escape(Translation *t)
{
	static const char edge[] =
	"(?:(?<=[0-9A-Z_a-z])(?![0-9A-Z_a-z])|(?<![0-9A-Z_a-z])(?=[0-9A-Z_a-z]))";
	static const char inside[] =
	"(?:(?<=[0-9A-Z_a-z])(?=[0-9A-Z_a-z])|(?<![0-9A-Z_a-z])(?![0-9A-Z_a-z]))";
	pg_wchar	c = t->at < t->end ? *t->at : 0;

	if (perl_class(c))
	{
		put(t, '[');
		put_ranges(t, perl_class(c), c < 'a');
		put(t, ']');
	}
	else if (c == 'b' || c == 'B')
		put_text(t, c == 'b' ? edge : inside);
	else if (c == 'A' || c == 'z')
		put_text(t, c == 'A' ? "(?:\\A)" : "(?:\\Z)");
	else if (c == 'Q')
	{
		t->at++;
		for (; t->at < t->end && !looking_at(t, "\\E"); t->size++)
			put_literal(t, *t->at++);
		skip(t, "\\E");
		return true;
	}
	else
	{
		if (!read_escape(t, &c))
			return false;
		put_literal(t, c);
		return true;
	}
	t->at++;
	return true;
}

/* Flags at the start of the pattern: they hold for all of it. */
static bool
translate_flags(Translation *t, int *flags)
{
	while (looking_at(t, "(?") && t->at + 2 < t->end &&
		   strchr("imsU", (int) t->at[2]) && t->at[2] < 0x7f)
	{
		t->at += 2;
		while (t->at < t->end && *t->at != ')')
		{
			switch (*t->at++)
			{
				case 'i':
					*flags |= REG_ICASE;
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
					return refuse(t, "flags are i, m, s and U, as in (?i), and hold for the whole pattern");
			}
		}
		if (!skip(t, ")"))
			return refuse(t, "parentheses () not balanced");
	}
	return true;
}

/* A group's opening, from behind the parenthesis. */
static bool
translate_open(Translation *t)
{
	if (looking_at(t, "?=") || looking_at(t, "?!") || looking_at(t, "?<=") ||
		looking_at(t, "?<!"))
		return refuse(t, "there is no looking around");
	if (skip(t, "?P<") || skip(t, "?<"))
	{
		const pg_wchar *start = t->at;

		while (t->at < t->end && is_word(*t->at))
			t->at++;
		if (t->at == start || !skip(t, ">"))
			return refuse(t, "the name of a group is invalid");
	}
	else if (!skip(t, "?:") && looking_at(t, "?"))
		return refuse(t, "flags stand at the start of the pattern only");
	put_text(t, "(?:");
	t->outer_sizes = lappend_int(t->outer_sizes, t->size);
	t->size = 0;
	t->atom_size = 0;
	return true;
}

static bool
translate_close(Translation *t)
{
	if (t->outer_sizes == NIL)
		return refuse(t, "parentheses () not balanced");
	put(t, ')');
	t->atom_size = t->size + 1;
	t->size = t->atom_size + llast_int(t->outer_sizes);
	t->outer_sizes = list_delete_last(t->outer_sizes);
	return true;
}

/* The bounds of {n}, {n,} or {n,m}; false where it is no repetition. */
static bool
read_bounds(Translation *t, int *least, int *most)
{
	const pg_wchar *at = t->at + 1;
	int			numbers[2] = {0, -1};
	int			count = 0;

	for (; count < 2; count++)
	{
		int			number = 0;
		const pg_wchar *start = at;

		while (at < t->end && is_digit(*at))
			number = Min(number * 10 + (int) (*at++ - '0'), 100000);
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
translate_repetition(Translation *t)
{
	const pg_wchar *start = t->at;
	int			least = 1;
	int			most = 1;

	if (*t->at == '*' || *t->at == '+' || *t->at == '?')
		t->at++;
	else if (*t->at != '{' || !read_bounds(t, &least, &most))
		return false;
	if (t->atom_size == 0)
		t->reason = "quantifier operand invalid";
	else if (most >= 0 && most < least)
		t->reason = "invalid repetition count(s)";
	else if (Max(least, most) > 255)
		t->reason = "something is repeated more than 255 times";
	else
	{
		t->size += t->atom_size * (Max(Max(least, most), 1) - 1);
		while (start < t->at)
			put(t, *start++);
		/* greedy or not, there is a match or there is none */
		skip(t, "?");
	}
	t->atom_size = 0;
	return true;
}

static bool
translate_next(Translation *t)
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
		put(t, c);
		t->atom_size = 0;
		return true;
	}
	if (c == '[' || c == '\\')
	{
		if (!(c == '[' ? translate_brackets(t) : translate_escape(t)))
			return false;
	}
	else if (c == '.' && t->is_dot_all)
		put(t, '.');
	else if (c == '.')
	{
		put_text(t, "[^");
		put(t, '\n');
		put(t, ']');
	}
	else
		put_literal(t, c);
	t->atom_size = 1;
	t->size++;
	return true;
}

/*
 * Translate a pattern of "length" characters, and say which flags the engine
 * needs.  Returns NULL with a reason where that cannot be.
 */
pg_wchar *
wb_pattern_translate(const pg_wchar *pattern, int *length, int *flags,
					 const char **reason)
{
	Translation t = {.at = pattern,.end = pattern + *length};

	initStringInfo(&t.out);
	if (translate_flags(&t, flags))
	{
		while (t.at < t.end && translate_next(&t))
		{
			if (t.size > EXPANDED_MAX)
			{
				t.reason = "repetitions written out it would be too long";
				break;
			}
		}
	}
	if (t.reason == NULL && t.outer_sizes != NIL)
		t.reason = "parentheses () not balanced";
	*reason = t.reason;
	*length = t.out.len / sizeof(pg_wchar);
	return t.reason ? NULL : (pg_wchar *) t.out.data;
}
