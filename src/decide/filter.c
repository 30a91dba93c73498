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
#include "lib/qunique.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
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

/* An order of all scalars, for a search: by type, and then by value. */
static int
order_scalars(const void *a, const void *b)
{
	const JsonbValue *first = *(const JsonbValue *const *) a;
	const JsonbValue *second = *(const JsonbValue *const *) b;
	int			order;

	if (first->type != second->type)
		return first->type < second->type ? -1 : 1;
	if (compare(first, second, &order))
		return order;
	if (first->type == jbvBool)
		return (int) first->val.boolean - (int) second->val.boolean;
	return 0;
}

/*
 * Put the operands of a list in order, each of them once, so that a value is
 * looked for without a walk through all of them.
 */
void
wb_filter_sort_operands(WbFilter *filter)
{
	ListCell   *cell;

	filter->sorted = palloc(sizeof(JsonbValue *) *
							Max(list_length(filter->operands), 1));
	filter->sorted_count = 0;
	foreach(cell, filter->operands)
		filter->sorted[filter->sorted_count++] = lfirst(cell);
	qsort(filter->sorted, filter->sorted_count, sizeof(JsonbValue *),
		  order_scalars);
	filter->sorted_count = qunique(filter->sorted, filter->sorted_count,
								   sizeof(JsonbValue *), order_scalars);
}

/* The place of a value among the operands of a list, or -1. */
static int
find_operand(const WbFilter *filter, const JsonbValue *value)
{
	JsonbValue **found;

	CHECK_FOR_INTERRUPTS();
	if (!IsAJsonbScalar(value))
		return -1;
	found = bsearch(&value, filter->sorted, filter->sorted_count,
					sizeof(JsonbValue *), order_scalars);
	return found ? found - filter->sorted : -1;
}

/*
 * Is a part in a text?  Bytes alone decide only where no character begins
 * within another one; elsewhere what they find must begin where one does.
 */
static bool
contains(const JsonbValue *value, const JsonbValue *part)
{
	const char *at = value->val.string.val;
	const char *end = at + value->val.string.len;
	const char *character = at;
	bool		is_exact = pg_database_encoding_max_length() == 1 ||
	GetDatabaseEncoding() == PG_UTF8;

	CHECK_FOR_INTERRUPTS();
	while ((at = memmem(at, end - at, part->val.string.val,
						part->val.string.len)) != NULL)
	{
		if (is_exact)
			return true;
		while (character < at)
		{
			CHECK_FOR_INTERRUPTS();
			character += pg_mblen(character);
		}
		if (character == at)
			return true;
		at = character;
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
		return find_operand(filter, element) >= 0;

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
		CHECK_FOR_INTERRUPTS();
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
		CHECK_FOR_INTERRUPTS();
		if (!is_equal(&value->elements[i], list_nth(list, i)))
			return false;
	}
	return true;
}

/* Does the field have every value of a list?  An empty list asks nothing. */
static bool
has_all(const WbFilter *filter, const WbFilterValue *value)
{
	bool	   *is_found = palloc0(Max(filter->sorted_count, 1));
	int			missing = filter->sorted_count;

	for (int i = 0; i < value->count && missing > 0; i++)
	{
		int			place = find_operand(filter, &value->elements[i]);

		if (place >= 0 && !is_found[place])
		{
			is_found[place] = true;
			missing--;
		}
	}
	pfree(is_found);
	return missing == 0 && filter->sorted_count > 0;
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
			return has_all(filter, &value);
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
	CHECK_FOR_INTERRUPTS();
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
