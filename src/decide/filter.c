/*-------------------------------------------------------------------------
 *
 * filter.c
 *		Does an event match a filter?
 *
 * A positive operator is true of an array where it is true of one element, and
 * of a missing field never.  A negative operator is its positive one, negated:
 * whoever adds an operator keeps to that.  Types are strict, so the number 1
 * never equals the string "1".  Strings are ordered by their bytes.
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
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

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
is_in_list(const JsonbValue *value, const List *list)
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

/* Does one element, or a scalar, satisfy a positive operator? */
static bool
element_satisfies(const WbFilter *filter, const JsonbValue *element)
{
	const JsonbValue *operand;
	int			order;

	if (filter->op == WB_FILTER_IN || filter->op == WB_FILTER_NIN)
		return is_in_list(element, filter->operands);

	operand = linitial(filter->operands);
	switch (filter->op)
	{
		case WB_FILTER_EQ:
		case WB_FILTER_NE:
			return is_equal(element, operand);
		case WB_FILTER_GT:
			return compare(element, operand, &order) && order > 0;
		case WB_FILTER_GTE:
			return compare(element, operand, &order) && order >= 0;
		case WB_FILTER_LT:
			return compare(element, operand, &order) && order < 0;
		case WB_FILTER_LTE:
			return compare(element, operand, &order) && order <= 0;
		case WB_FILTER_REGEX:
			return element->type == jbvString &&
				wb_pattern_matches(filter->regex, element->val.string.val,
								   element->val.string.len);
		case WB_FILTER_CONTAINS:
			return element->type == jbvString && contains(element, operand);
		default:
			return false;
	}
}

static bool
any_element_satisfies(const WbFilter *filter, const WbFilterValue *value)
{
	for (int i = 0; i < value->count; i++)
	{
		if (element_satisfies(filter, &value->elements[i]))
			return true;
	}
	return false;
}

/* Is the field an array of just these values, in this order? */
static bool
equals_list(const WbFilterValue *value, const List *list)
{
	if (!value->is_array || value->count != list_length(list))
		return false;
	for (int i = 0; i < value->count; i++)
	{
		if (!is_equal(&value->elements[i], list_nth(list, i)))
			return false;
	}
	return true;
}

/* Does the field have every value of a list?  An empty list asks nothing. */
static bool
has_all(const WbFilterValue *value, const List *list)
{
	ListCell   *cell;

	foreach(cell, list)
	{
		bool		is_found = false;

		for (int i = 0; i < value->count && !is_found; i++)
			is_found = is_equal(&value->elements[i], lfirst(cell));
		if (!is_found)
			return false;
	}
	return list != NIL;
}

/* Is the operator true of a field, seen as the positive one that it is? */
static bool
holds(const WbFilter *filter, WbEvent *event)
{
	WbFilterValue value;

	if (!wb_filter_field_read(event, &filter->target, &value))
		return false;
	switch (filter->op)
	{
		case WB_FILTER_EXISTS:
			return true;
		case WB_FILTER_SIZE:
			return value.is_array && value.count == filter->size;
		case WB_FILTER_ALL:
			return has_all(&value, filter->operands);
		case WB_FILTER_EQ:
		case WB_FILTER_NE:
			if (filter->is_list)
				return equals_list(&value, filter->operands);
			return any_element_satisfies(filter, &value);
		default:
			return any_element_satisfies(filter, &value);
	}
}

static bool
any_child_matches(const WbFilter *filter, WbEvent *event)
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
every_child_matches(const WbFilter *filter, WbEvent *event)
{
	ListCell   *cell;

	foreach(cell, filter->children)
	{
		if (!wb_filter_matches(lfirst(cell), event))
			return false;
	}
	return true;
}

/* Does a filter match whatever the event is, as W&B's word for none does? */
bool
wb_filter_is_void(const WbFilter *filter)
{
	ListCell   *cell;

	if (filter == NULL)
		return true;
	if (filter->op != WB_FILTER_AND && filter->op != WB_FILTER_OR)
		return false;
	foreach(cell, filter->children)
	{
		if (wb_filter_is_void(lfirst(cell)) != (filter->op == WB_FILTER_AND))
			return filter->op == WB_FILTER_OR;
	}
	return filter->op == WB_FILTER_AND;
}

/*
 * Does the event match?  A NULL filter matches everything.  What the filter
 * asks of a run beyond its names is read into the event, in the current
 * memory context, for the filters that come after.
 */
bool
wb_filter_matches(const WbFilter *filter, WbEvent *event)
{
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
		case WB_FILTER_NE:
		case WB_FILTER_NIN:
			return !holds(filter, event);
		case WB_FILTER_EXISTS:
			return holds(filter, event) ==
				((JsonbValue *) linitial(filter->operands))->val.boolean;
		default:
			return holds(filter, event);
	}
}
