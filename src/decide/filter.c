/*-------------------------------------------------------------------------
 *
 * filter.c
 *		Does an event match a filter?
 *
 * A missing field equals nothing: the positive operators are false of it and
 * the negative ones true.  Types are strict, so the number 1 never equals the
 * string "1".  Strings are ordered by their bytes.
 *
 * Evaluation raises nothing but a cancelled query.
 *
 * IDENTIFICATION
 *		src/decide/filter.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "decide/filter.h"
#include "mb/pg_wchar.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

/* Longest value that a pattern is tried on; the rest is not looked at. */
#define SUBJECT_MAX		4096

static char *
field_text(const WbEvent *event, WbFilterField field)
{
	switch (field)
	{
		case WB_FIELD_ALIAS:
			return event->alias;
		case WB_FIELD_DISPLAY_NAME:
			/* a run without a display name is shown under its id */
			return event->display_name ? event->display_name : event->run_name;
		case WB_FIELD_USERNAME:
			return event->username;
	}
	return NULL;
}

/* The field's value; false where the event does not have it. */
static bool
read_field(const WbEvent *event, WbFilterField field, JsonbValue *value)
{
	char	   *text = field_text(event, field);

	if (text == NULL)
		return false;
	value->type = jbvString;
	value->val.string.val = text;
	value->val.string.len = strlen(text);
	return true;
}

static int
compare_numbers(const JsonbValue *a, const JsonbValue *b)
{
	return DatumGetInt32(DirectFunctionCall2(numeric_cmp,
											 NumericGetDatum(a->val.numeric),
											 NumericGetDatum(b->val.numeric)));
}

static bool
is_equal(const JsonbValue *a, const JsonbValue *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type)
	{
		case jbvNull:
			return true;
		case jbvBool:
			return a->val.boolean == b->val.boolean;
		case jbvString:
			return a->val.string.len == b->val.string.len &&
				memcmp(a->val.string.val, b->val.string.val,
					   a->val.string.len) == 0;
		case jbvNumeric:
			return compare_numbers(a, b) == 0;
		default:
			return false;
	}
}

/* Order of two values of one type; false where they have none. */
static bool
compare(const JsonbValue *a, const JsonbValue *b, int *order)
{
	if (a->type != b->type)
		return false;
	if (a->type == jbvString)
	{
		int			shorter = Min(a->val.string.len, b->val.string.len);

		*order = memcmp(a->val.string.val, b->val.string.val, shorter);
		if (*order == 0)
			*order = a->val.string.len - b->val.string.len;
		return true;
	}
	if (a->type == jbvNumeric)
	{
		*order = compare_numbers(a, b);
		return true;
	}
	return false;
}

static bool
is_in_list(const JsonbValue *value, List *list)
{
	ListCell   *cell;

	foreach(cell, list)
	{
		if (is_equal(value, lfirst(cell)))
			return true;
	}
	return false;
}

static bool
matches_pattern(const JsonbValue *value, regex_t *regex)
{
	pg_wchar	subject[SUBJECT_MAX + 1];
	const char *text = value->val.string.val;
	int			length;
	int			wide_length;

	length = pg_mbcliplen(text, value->val.string.len, SUBJECT_MAX);
	wide_length = pg_mb2wchar_with_len(text, subject, length);
	return pg_regexec(regex, subject, wide_length, 0, NULL, 0, NULL, 0) ==
		REG_OKAY;
}

static bool
contains(const JsonbValue *value, const JsonbValue *part)
{
	int			length = part->val.string.len;

	for (int i = 0; i + length <= value->val.string.len; i++)
	{
		if (memcmp(value->val.string.val + i, part->val.string.val,
				   length) == 0)
			return true;
	}
	return false;
}

/* Does a value that exists satisfy one operator? */
static bool
satisfies(const WbFilter *filter, const JsonbValue *value)
{
	const JsonbValue *operand =
	filter->operands ? linitial(filter->operands) : NULL;
	int			order;

	switch (filter->op)
	{
		case WB_FILTER_EQ:
			return is_equal(value, operand);
		case WB_FILTER_NE:
			return !is_equal(value, operand);
		case WB_FILTER_GT:
			return compare(value, operand, &order) && order > 0;
		case WB_FILTER_GTE:
			return compare(value, operand, &order) && order >= 0;
		case WB_FILTER_LT:
			return compare(value, operand, &order) && order < 0;
		case WB_FILTER_LTE:
			return compare(value, operand, &order) && order <= 0;
		case WB_FILTER_IN:
			return is_in_list(value, filter->operands);
		case WB_FILTER_NIN:
			return !is_in_list(value, filter->operands);
		case WB_FILTER_EXISTS:
			return operand->val.boolean;
		case WB_FILTER_REGEX:
			return value->type == jbvString &&
				matches_pattern(value, filter->regex);
		case WB_FILTER_CONTAINS:
			return value->type == jbvString && contains(value, operand);
		default:
			return false;
	}
}

/* What an operator says of a field that the event does not have. */
static bool
satisfied_by_missing(const WbFilter *filter)
{
	switch (filter->op)
	{
		case WB_FILTER_NE:
		case WB_FILTER_NIN:
			return true;
		case WB_FILTER_EXISTS:
			return !((JsonbValue *) linitial(filter->operands))->val.boolean;
		default:
			return false;
	}
}

static bool
any_child_matches(const WbFilter *filter, const WbEvent *event)
{
	ListCell   *cell;

	foreach(cell, filter->children)
	{
		if (wb_filter_matches(lfirst(cell), event))
			return true;
	}
	return false;
}

static bool
every_child_matches(const WbFilter *filter, const WbEvent *event)
{
	ListCell   *cell;

	foreach(cell, filter->children)
	{
		if (!wb_filter_matches(lfirst(cell), event))
			return false;
	}
	return true;
}

/* Does the event match?  A NULL filter matches everything. */
bool
wb_filter_matches(const WbFilter *filter, const WbEvent *event)
{
	JsonbValue	value;

	if (filter == NULL)
		return true;
	switch (filter->op)
	{
		case WB_FILTER_AND:
			return every_child_matches(filter, event);
		case WB_FILTER_OR:
			return any_child_matches(filter, event);
		case WB_FILTER_NOR:
		case WB_FILTER_NOT:
			return !any_child_matches(filter, event);
		default:
			return read_field(event, filter->field, &value) ?
				satisfies(filter, &value) : satisfied_by_missing(filter);
	}
}
