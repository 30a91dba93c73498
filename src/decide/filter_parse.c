/*-------------------------------------------------------------------------
 *
 * filter_parse.c
 *		Reads a filter document, in W&B's words, into a tree.
 *
 * The tree lives in the current memory context.  Nothing is raised: what
 * cannot be used becomes a WbProblem, because the same parser serves the user
 * who writes an automation and the user whose INSERT meets it later.
 *
 * IDENTIFICATION
 *		src/decide/filter_parse.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "decide/filter.h"
#include "miscadmin.h"
#include "support/json.h"

#define DEPTH_MAX		100

static const struct
{
	const char *name;
	WbFilterOperator op;
}			operators[] =

{
	{"$and", WB_FILTER_AND},
	{"$or", WB_FILTER_OR},
	{"$nor", WB_FILTER_NOR},
	{"$not", WB_FILTER_NOT},
	{"$eq", WB_FILTER_EQ},
	{"$ne", WB_FILTER_NE},
	{"$gt", WB_FILTER_GT},
	{"$gte", WB_FILTER_GTE},
	{"$lt", WB_FILTER_LT},
	{"$lte", WB_FILTER_LTE},
	{"$in", WB_FILTER_IN},
	{"$nin", WB_FILTER_NIN},
	{"$exists", WB_FILTER_EXISTS},
	{"$regex", WB_FILTER_REGEX},
	{"$contains", WB_FILTER_CONTAINS},
	{"$size", WB_FILTER_SIZE},
	{"$all", WB_FILTER_ALL},
};

/* What the parser carries along, down a document. */
typedef struct Parser
{
	bool		is_of_run;
	int			depth;
	WbPatternCost cost;			/* of the patterns so far */
	WbProblem  *problem;
} Parser;

static WbFilter *parse_document(Parser *parser, JsonbContainer *document);
static WbFilter *parse_condition(Parser *parser, const WbFilterTarget *target,
								 const JsonbValue *value);

static WbFilter *
make_filter(WbFilterOperator op)
{
	WbFilter   *filter = palloc0(sizeof(WbFilter));

	filter->op = op;
	return filter;
}

static WbFilter *
complain(Parser *parser, char *message, const char *hint)
{
	(void) wb_problem_note(parser->problem, message, hint);
	return NULL;
}

static char *
key_text(const JsonbValue *key)
{
	return pnstrdup(key->val.string.val, key->val.string.len);
}

static bool
find_operator(const char *name, WbFilterOperator *op)
{
	for (size_t i = 0; i < lengthof(operators); i++)
	{
		if (strcmp(operators[i].name, name) == 0)
		{
			*op = operators[i].op;
			return true;
		}
	}
	return false;
}

static WbFilter *
complain_of_operator(Parser *parser, const char *name)
{
	return complain(parser,
					psprintf("unknown operator \"%s\" in filter", name),
					"Operators of a document are $and, $or, $nor and $not; of a "
					"field $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists, "
					"$regex, $contains, $size, $all and $not.");
}

/*
 * Go down one level.  What evaluates the tree later must not run out of stack
 * within somebody's INSERT.
 */
static bool
descend(Parser *parser)
{
	if (++parser->depth <= DEPTH_MAX)
		return true;
	complain(parser, psprintf("filter is nested more than %d deep", DEPTH_MAX),
			 NULL);
	return false;
}

/* A scalar that outlives the document it was read from. */
static JsonbValue *
copy_scalar(const JsonbValue *value)
{
	JsonbValue *copy = palloc(sizeof(JsonbValue));

	*copy = *value;
	if (value->type == jbvString)
		copy->val.string.val = key_text(value);
	else if (value->type == jbvNumeric)
	{
		copy->val.numeric = palloc(VARSIZE_ANY(value->val.numeric));
		memcpy(copy->val.numeric, value->val.numeric,
			   VARSIZE_ANY(value->val.numeric));
	}
	return copy;
}

static bool
is_array(const JsonbValue *value)
{
	return value->type == jbvBinary &&
		JsonContainerIsArray(value->val.binary.data);
}

/* The elements of an array, which must be scalars. */
static WbFilter *
parse_list(Parser *parser, WbFilter *filter, const char *name,
		   JsonbContainer *array)
{
	JsonbIterator *iterator = JsonbIteratorInit(array);
	JsonbIteratorToken token;
	JsonbValue	value;

	filter->is_list = true;
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		CHECK_FOR_INTERRUPTS();
		if (token != WJB_ELEM)
			continue;
		if (value.type == jbvBinary)
			return complain(parser, psprintf("list of operator \"%s\" in filter holds a value that is not a scalar",
											 name), NULL);
		filter->operands = lappend(filter->operands, copy_scalar(&value));
	}
	wb_filter_sort_operands(filter);
	return filter;
}

/* The whole number of $size. */
static WbFilter *
parse_size(Parser *parser, WbFilter *filter, const JsonbValue *operand)
{
	if (operand->type != jbvNumeric ||
		!wb_json_value_integer(operand, &filter->size) || filter->size < 0)
		return complain(parser, pstrdup("operator \"$size\" in filter needs a whole number, 0 or more"), NULL);
	return filter;
}

/* The operand that an operator needs, and the tree's node with it. */
static WbFilter *
parse_operand(Parser *parser, WbFilter *filter, const char *name,
			  const JsonbValue *operand)
{
	WbFilterOperator op = filter->op;

	if (op == WB_FILTER_SIZE)
		return parse_size(parser, filter, operand);
	if (op == WB_FILTER_IN || op == WB_FILTER_NIN || op == WB_FILTER_ALL ||
		((op == WB_FILTER_EQ || op == WB_FILTER_NE) && is_array(operand)))
	{
		if (!is_array(operand))
			return complain(parser, psprintf("operator \"%s\" in filter needs a list", name), NULL);
		return parse_list(parser, filter, name, operand->val.binary.data);
	}
	if (operand->type == jbvBinary)
	{
		bool		is_list_too = op == WB_FILTER_EQ || op == WB_FILTER_NE;

		return complain(parser, psprintf("operator \"%s\" in filter needs %s", name,
										 is_list_too ? "a scalar or a list" :
										 "a scalar"), NULL);
	}
	if (op == WB_FILTER_EXISTS && operand->type != jbvBool)
		return complain(parser, psprintf("operator \"%s\" in filter needs true or false", name), NULL);
	if ((op == WB_FILTER_REGEX || op == WB_FILTER_CONTAINS) &&
		operand->type != jbvString)
		return complain(parser, psprintf("operator \"%s\" in filter needs a string", name), NULL);

	filter->operands = list_make1(copy_scalar(operand));
	if (op == WB_FILTER_REGEX)
	{
		filter->regex = wb_pattern_compile(wb_json_value_text(operand),
										   &parser->cost, parser->problem);
		if (filter->regex == NULL)
			return NULL;
	}
	return filter;
}

/* "$op": operand, under a field. */
static WbFilter *
parse_operator(Parser *parser, const WbFilterTarget *target, const char *name,
			   const JsonbValue *operand)
{
	WbFilterOperator op;
	WbFilter   *filter;
	WbFilter   *negated;

	if (!find_operator(name, &op) || op <= WB_FILTER_NOR)
		return complain_of_operator(parser, name);

	filter = make_filter(op);
	filter->target = *target;
	if (op != WB_FILTER_NOT)
		return parse_operand(parser, filter, name, operand);
	if (operand->type != jbvBinary || is_array(operand))
		return complain(parser, psprintf("operator \"%s\" in filter needs an object", name), NULL);
	negated = parse_condition(parser, target, operand);
	filter->children = list_make1(negated);
	return negated ? filter : NULL;
}

/* What stands after a field: a value, or operators that must all hold. */
static WbFilter *
parse_condition(Parser *parser, const WbFilterTarget *target,
				const JsonbValue *value)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	key;
	JsonbValue	operand;
	WbFilter   *all;

	if (value->type != jbvBinary || is_array(value))
		return parse_operator(parser, target, "$eq", value);
	if (!descend(parser))
		return NULL;

	all = make_filter(WB_FILTER_AND);
	iterator = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &key, true)) != WJB_DONE)
	{
		WbFilter   *part;

		if (token != WJB_KEY)
			continue;
		JsonbIteratorNext(&iterator, &operand, true);
		part = parse_operator(parser, target, key_text(&key), &operand);
		if (part == NULL)
			return NULL;
		all->children = lappend(all->children, part);
	}
	if (all->children == NIL)
		return complain(parser, pstrdup("a field in a filter has an object without operators"),
						"Give a value, a list, or operators such as {\"$eq\": 1}.");
	parser->depth--;
	return all;
}

/* "$and": [...] and its like, or "$not": {...}. */
static WbFilter *
parse_logical(Parser *parser, const char *name, const JsonbValue *value)
{
	WbFilterOperator op;
	WbFilter   *filter;
	WbFilter   *part;
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	element;

	if (!find_operator(name, &op) || op > WB_FILTER_NOT)
		return complain_of_operator(parser, name);
	if (is_array(value) == (op == WB_FILTER_NOT) || value->type != jbvBinary)
		return complain(parser, psprintf("operator \"%s\" in filter needs %s", name,
										 op == WB_FILTER_NOT ? "an object" : "a list"), NULL);

	filter = make_filter(op);
	if (op == WB_FILTER_NOT)
	{
		part = parse_document(parser, value->val.binary.data);
		filter->children = list_make1(part);
		return part ? filter : NULL;
	}

	iterator = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &element, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		if (element.type != jbvBinary)
			return complain(parser, psprintf("list of operator \"%s\" in filter needs objects", name), NULL);
		part = parse_document(parser, element.val.binary.data);
		if (part == NULL)
			return NULL;
		filter->children = lappend(filter->children, part);
	}
	return filter;
}

static WbFilter *
parse_field(Parser *parser, const char *name, const JsonbValue *value)
{
	WbFilterTarget target;

	if (!wb_filter_field_find(name, parser->is_of_run, &target))
		return complain(parser, psprintf("unknown field \"%s\" in filter", name),
						wb_filter_field_hint(parser->is_of_run));
	return parse_condition(parser, &target, value);
}

/* An object of fields and logical operators that must all hold. */
static WbFilter *
parse_document(Parser *parser, JsonbContainer *document)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	key;
	JsonbValue	value;
	WbFilter   *all;

	if (!JsonContainerIsObject(document))
		return complain(parser, pstrdup("a filter must be an object"), NULL);
	if (!descend(parser))
		return NULL;

	all = make_filter(WB_FILTER_AND);
	iterator = JsonbIteratorInit(document);
	while ((token = JsonbIteratorNext(&iterator, &key, true)) != WJB_DONE)
	{
		WbFilter   *part;
		char	   *name;

		if (token != WJB_KEY)
			continue;
		JsonbIteratorNext(&iterator, &value, true);
		name = key_text(&key);
		part = name[0] == '$' ? parse_logical(parser, name, &value) :
			parse_field(parser, name, &value);
		if (part == NULL)
			return NULL;
		all->children = lappend(all->children, part);
	}
	parser->depth--;
	return all;
}

/*
 * Parse a filter for events of a type.  Returns NULL with a problem where the
 * document cannot be used.  The tree, its patterns included, is freed with
 * the current memory context.
 */
WbFilter *
wb_filter_parse(JsonbContainer *document, WbEventType type, WbProblem *problem)
{
	Parser		parser = {.is_of_run = wb_event_is_of_run(type),
	.problem = problem};

	return parse_document(&parser, document);
}
