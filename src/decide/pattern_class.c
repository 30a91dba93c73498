/*-------------------------------------------------------------------------
 *
 * pattern_class.c
 *		Characters and classes of them, from RE2 into PostgreSQL's engine.
 *
 * RE2's \d, \s, \w, \b and [:alpha:] are of ASCII whatever the locale, and
 * PostgreSQL's are not; so they are written out.
 *
 * IDENTIFICATION
 *		src/decide/pattern_class.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "decide/pattern.h"

/* Characters that a class knows by name lie below. */
#define ASCII_END	0x80

/* Matches nothing: a character behind the end. */
#define NOTHING		"(?:\\Z.)"

/* What a bracket expression has of ASCII, and whether it has all the rest. */
typedef struct Members
{
	bool		has[ASCII_END];
	bool		has_rest;
} Members;

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

bool
wb_pattern_refuse(WbTranslation *t, const char *reason)
{
	t->reason = reason;
	return false;
}

void
wb_pattern_put(WbTranslation *t, pg_wchar c)
{
	appendBinaryStringInfo(&t->out, (const char *) &c, sizeof(c));
}

void
wb_pattern_put_text(WbTranslation *t, const char *text)
{
	while (*text)
		wb_pattern_put(t, (unsigned char) *text++);
}

static bool
is_digit(pg_wchar c)
{
	return c >= '0' && c <= '9';
}

bool
wb_pattern_is_word(pg_wchar c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		c == '_';
}

/* A character that stands for itself, within brackets or without. */
void
wb_pattern_put_literal(WbTranslation *t, pg_wchar c)
{
	if (c > ' ' && c < 0x7f && !wb_pattern_is_word(c))
		wb_pattern_put(t, '\\');
	wb_pattern_put(t, c);
}

static void
put_range(WbTranslation *t, pg_wchar first, pg_wchar last)
{
	wb_pattern_put_literal(t, first);
	wb_pattern_put(t, '-');
	wb_pattern_put_literal(t, last);
}

static void
add_members(Members *members, pg_wchar first, pg_wchar last)
{
	for (pg_wchar c = first; c <= last && c < ASCII_END; c++)
		members->has[c] = true;
}

/* A class by its ranges, or all that is not in it. */
static void
add_class(WbTranslation *t, Members *members, const char *ranges,
		  bool is_negated)
{
	pg_wchar	next = 1;

	for (; *ranges; ranges += 2)
	{
		pg_wchar	first = (unsigned char) ranges[0];
		pg_wchar	last = (unsigned char) ranges[1];

		if (is_negated)
			add_members(members, next, first - 1);
		else
		{
			add_members(members, first, last);
			put_range(t, first, last);
		}
		next = last + 1;
	}
	if (is_negated)
	{
		add_members(members, next, ASCII_END - 1);
		members->has_rest = true;
	}
}

/* Letters of either case where the pattern does not tell them apart. */
static void
fold_members(Members *members)
{
	for (int upper = 'A'; upper <= 'Z'; upper++)
	{
		int			lower = upper - 'A' + 'a';

		members->has[upper] = members->has[lower] =
			members->has[upper] || members->has[lower];
	}
}

/*
 * A bracket expression with a negated class, written as what is not in it:
 * with (?i) the engine walks through every character of a range.
 */
static void
put_complement(WbTranslation *t, Members *members, bool is_negated)
{
	int			count = 0;

	if (t->is_folded)
		fold_members(members);
	for (int c = 1; c < ASCII_END; c++)
		count += !members->has[c];
	if (count == 0)
	{
		wb_pattern_put_text(t, is_negated ? NOTHING : ".");
		return;
	}
	wb_pattern_put_text(t, is_negated ? "[" : "[^");
	for (int c = 1; c < ASCII_END; c++)
	{
		if (!members->has[c])
			wb_pattern_put_literal(t, c);
	}
	wb_pattern_put(t, ']');
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
read_hex(WbTranslation *t, pg_wchar *c)
{
	bool		is_braced = wb_pattern_skip(t, "{");
	int			digits = 0;

	*c = 0;
	while (t->at < t->end && hex_value(*t->at) >= 0 &&
		   digits < (is_braced ? 8 : 2))
	{
		*c = *c * 16 + hex_value(*t->at++);
		digits++;
	}
	if (digits == 0 || (is_braced ? !wb_pattern_skip(t, "}") : digits != 2) ||
		*c > 0x10ffff)
		return wb_pattern_refuse(t, "\\x is not followed by a character's code");
	if (*c == 0 || (*c > 0x7f && GetDatabaseEncoding() != PG_UTF8))
		return wb_pattern_refuse(t, "the encoding has no such character");
	return true;
}

/* The character that an escape stands for, from behind the backslash. */
static bool
read_escape(WbTranslation *t, pg_wchar *c)
{
	static const char names[] = "aftnrv";
	static const char values[] = "\a\f\t\n\r\v";
	const char *name;

	if (t->at == t->end)
		return wb_pattern_refuse(t, "it ends with a backslash");
	*c = *t->at++;
	if (*c == 'x')
		return read_hex(t, c);
	if (is_digit(*c))
		return wb_pattern_refuse(t, "there are no references back to a group");
	if (*c == 'p' || *c == 'P')
		return wb_pattern_refuse(t, "there are no classes \\p by Unicode property");
	if (*c > 0x7f || *c == '_' || !wb_pattern_is_word(*c))
		return true;
	name = strchr(names, (char) *c);
	if (name == NULL)
		return wb_pattern_refuse(t, psprintf("there is no escape \\%c here", (char) *c));
	*c = (unsigned char) values[name - names];
	return true;
}

/* [:name:] within brackets; false where there is none, or with a reason. */
static bool
translate_named_class(WbTranslation *t, Members *members)
{
	bool		is_negated;

	if (!wb_pattern_skip(t, "[:"))
		return false;
	is_negated = wb_pattern_skip(t, "^");
	for (size_t i = 0; i < lengthof(classes); i++)
	{
		const pg_wchar *before = t->at;

		if (wb_pattern_skip(t, classes[i].name) && wb_pattern_skip(t, ":]"))
		{
			add_class(t, members, classes[i].ranges, is_negated);
			return true;
		}
		t->at = before;
	}
	return wb_pattern_refuse(t, "the class between [: and :] is unknown");
}

static bool
read_bracket_character(WbTranslation *t, pg_wchar *c)
{
	*c = *t->at++;
	return *c != '\\' || read_escape(t, c);
}

/* A character within brackets, or a range of them. */
static bool
translate_range(WbTranslation *t, Members *members)
{
	pg_wchar	first;
	pg_wchar	last;

	if (!read_bracket_character(t, &first))
		return false;
	last = first;
	wb_pattern_put_literal(t, first);
	if (t->at + 1 < t->end && t->at[0] == '-' && t->at[1] != ']')
	{
		t->at++;
		if (!read_bracket_character(t, &last))
			return false;
		if (last < first)
			return wb_pattern_refuse(t, "invalid character range");
		wb_pattern_put(t, '-');
		wb_pattern_put_literal(t, last);
		if (t->is_folded)
			t->cost->folded += last - first;
	}
	add_members(members, first, last);
	return true;
}

/* A bracket expression, from behind the bracket. */
bool
wb_pattern_translate_brackets(WbTranslation *t)
{
	Members		members = {0};
	int			start = t->out.len;
	bool		is_first = true;
	bool		is_negated = wb_pattern_skip(t, "^");

	wb_pattern_put_text(t, is_negated ? "[^" : "[");
	for (; t->at < t->end && (is_first || *t->at != ']'); is_first = false)
	{
		if (translate_named_class(t, &members))
			continue;
		if (t->reason)
			return false;
		if (*t->at == '\\' && t->at + 1 < t->end && perl_class(t->at[1]))
		{
			add_class(t, &members, perl_class(t->at[1]), t->at[1] < 'a');
			t->at += 2;
			continue;
		}
		if (!translate_range(t, &members))
			return false;
	}
	if (!wb_pattern_skip(t, "]"))
		return wb_pattern_refuse(t, "brackets [] not balanced");
	if (members.has_rest)
	{
		t->out.len = start;
		put_complement(t, &members, is_negated);
	}
	else
		wb_pattern_put(t, ']');
	return true;
}

/* An escape outside of brackets, from behind the backslash. */
bool
wb_pattern_translate_escape(WbTranslation *t)
{
	static const char edge[] =
	"(?:(?<=[0-9A-Z_a-z])(?![0-9A-Z_a-z])|(?<![0-9A-Z_a-z])(?=[0-9A-Z_a-z]))";
	static const char inside[] =
	"(?:(?<=[0-9A-Z_a-z])(?=[0-9A-Z_a-z])|(?<![0-9A-Z_a-z])(?![0-9A-Z_a-z]))";
	pg_wchar	c = t->at < t->end ? *t->at : 0;

	if (perl_class(c))
	{
		Members		members = {0};

		wb_pattern_put_text(t, c < 'a' ? "[^" : "[");
		add_class(t, &members, perl_class(c), false);
		wb_pattern_put(t, ']');
	}
	else if (c == 'b' || c == 'B')
		wb_pattern_put_text(t, c == 'b' ? edge : inside);
	else if (c == 'A' || c == 'z')
		wb_pattern_put_text(t, c == 'A' ? "(?:\\A)" : "(?:\\Z)");
	else if (c == 'Q')
	{
		t->at++;
		for (; t->at < t->end && !wb_pattern_looking_at(t, "\\E"); t->size++)
			wb_pattern_put_literal(t, *t->at++);
		wb_pattern_skip(t, "\\E");
		return true;
	}
	else
	{
		if (!read_escape(t, &c))
			return false;
		wb_pattern_put_literal(t, c);
		return true;
	}
	t->at++;
	return true;
}
