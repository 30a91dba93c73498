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
};

static const struct
{
	const char *name;
	WbFilterField field;
	bool		is_of_run;
}			fields[] =

{
	{"alias", WB_FIELD_ALIAS, false},
	{"display_name", WB_FIELD_DISPLAY_NAME, true},
	{"username", WB_FIELD_USERNAME, true},
};

static WbFilter *parse_document(JsonbContainer *document, bool is_of_run,
								WbProblem *problem);
static WbFilter *parse_condition(WbFilterField field, const JsonbValue *value,
								 WbProblem *problem);

static WbFilter *
make_filter(WbFilterOperator op)
{
	WbFilter   *filter = palloc0(sizeof(WbFilter));

	filter->op = op;
	return filter;
}

static WbFilter *
complain(WbProblem *problem, char *message, const char *hint)
{
	problem->message = message;
	problem->hint = hint ? pstrdup(hint) : NULL;
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
complain_of_operator(const char *name, WbProblem *problem)
{
	return complain(problem,
					psprintf("unknown operator \"%s\" in filter", name),
					"Operators are $and, $or, $nor, $not, $eq, $ne, $gt, $gte, "
					"$lt, $lte, $in, $nin, $exists, $regex and $contains.");
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

/* The elements of an array, or NIL with a problem where one is no scalar. */
static List *
parse_list(JsonbContainer *array, const char *name, WbProblem *problem)
{
	JsonbIterator *iterator = JsonbIteratorInit(array);
	JsonbIteratorToken token;
	JsonbValue	value;
	List	   *list = NIL;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		if (value.type == jbvBinary)
		{
			complain(problem, psprintf("list of operator \"%s\" in filter holds a value that is not a scalar",
									   name), NULL);
			return NIL;
		}
		list = lappend(list, copy_scalar(&value));
	}
	return list;
}

/* "$op": operand, under a field. */
static WbFilter *
parse_operator(WbFilterField field, const char *name,
			   const JsonbValue *operand, WbProblem *problem)
{
	WbFilterOperator op;
	WbFilter   *filter;
	bool		is_array;

	if (!find_operator(name, &op) || op <= WB_FILTER_NOR)
		return complain_of_operator(name, problem);

	filter = make_filter(op);
	filter->field = field;
	if (op == WB_FILTER_NOT)
	{
		WbFilter   *negated = parse_condition(field, operand, problem);

		filter->children = list_make1(negated);
		return negated ? filter : NULL;
	}

	is_array = operand->type == jbvBinary &&
		JsonContainerIsArray(operand->val.binary.data);
	if (op == WB_FILTER_IN || op == WB_FILTER_NIN)
	{
		if (!is_array)
			return complain(problem, psprintf("operator \"%s\" in filter needs a list", name), NULL);
		filter->operands = parse_list(operand->val.binary.data, name, problem);
		return problem->message ? NULL : filter;
	}
	if (operand->type == jbvBinary)
		return complain(problem, psprintf("operator \"%s\" in filter needs a scalar", name), NULL);
	if (op == WB_FILTER_EXISTS && operand->type != jbvBool)
		return complain(problem, psprintf("operator \"%s\" in filter needs true or false", name), NULL);
	if ((op == WB_FILTER_REGEX || op == WB_FILTER_CONTAINS) &&
		operand->type != jbvString)
		return complain(problem, psprintf("operator \"%s\" in filter needs a string", name), NULL);

	filter->operands = list_make1(copy_scalar(operand));
	if (op == WB_FILTER_REGEX)
	{
		char	   *pattern = wb_json_value_text(operand);

		filter->regex = wb_pattern_compile(pattern, problem);
		if (filter->regex == NULL)
			return NULL;
	}
	return filter;
}

/* What stands after a field: a scalar, or operators that must all hold. */
static WbFilter *
parse_condition(WbFilterField field, const JsonbValue *value,
				WbProblem *problem)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	key;
	JsonbValue	operand;
	WbFilter   *all;

	if (value->type != jbvBinary)
		return parse_operator(field, "$eq", value, problem);
	if (!JsonContainerIsObject(value->val.binary.data))
		return complain(problem, pstrdup("a field in a filter needs a scalar or operators"), NULL);

	all = make_filter(WB_FILTER_AND);
	iterator = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &key, true)) != WJB_DONE)
	{
		WbFilter   *part;

		if (token != WJB_KEY)
			continue;
		JsonbIteratorNext(&iterator, &operand, true);
		part = parse_operator(field, key_text(&key), &operand, problem);
		if (part == NULL)
			return NULL;
		all->children = lappend(all->children, part);
	}
	return all;
}

/* "$and": [...] and its like, or "$not": {...}. */
static WbFilter *
parse_logical(const char *name, const JsonbValue *value, bool is_of_run,
			  WbProblem *problem)
{
	WbFilterOperator op;
	WbFilter   *filter;
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	element;
	bool		is_list;

	if (!find_operator(name, &op) || op > WB_FILTER_NOT)
		return complain_of_operator(name, problem);
	is_list = value->type == jbvBinary &&
		JsonContainerIsArray(value->val.binary.data);
	if (is_list == (op == WB_FILTER_NOT) || value->type != jbvBinary)
		return complain(problem, psprintf("operator \"%s\" in filter needs %s", name,
										  op == WB_FILTER_NOT ? "an object" : "a list"), NULL);

	filter = make_filter(op);
	if (op == WB_FILTER_NOT)
	{
		WbFilter   *negated = parse_document(value->val.binary.data, is_of_run,
											 problem);

		filter->children = list_make1(negated);
		return negated ? filter : NULL;
	}

	iterator = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &element, true)) != WJB_DONE)
	{
		WbFilter   *part;

		if (token != WJB_ELEM)
			continue;
		if (element.type != jbvBinary)
			return complain(problem, psprintf("list of operator \"%s\" in filter needs objects", name), NULL);
		part = parse_document(element.val.binary.data, is_of_run, problem);
		if (part == NULL)
			return NULL;
		filter->children = lappend(filter->children, part);
	}
	return filter;
}

static WbFilter *
parse_field(const char *name, const JsonbValue *value, bool is_of_run,
			WbProblem *problem)
{
	for (size_t i = 0; i < lengthof(fields); i++)
	{
		if (fields[i].is_of_run == is_of_run &&
			strcmp(fields[i].name, name) == 0)
			return parse_condition(fields[i].field, value, problem);
	}
	return complain(problem, psprintf("unknown field \"%s\" in filter", name),
					is_of_run ? "Fields of a run are display_name and username."
					: "Fields of an alias event are alias.");
}

/* An object of fields and logical operators that must all hold. */
static WbFilter *
parse_document(JsonbContainer *document, bool is_of_run, WbProblem *problem)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	key;
	JsonbValue	value;
	WbFilter   *all;

	/* a document from SQL may be nested as deep as jsonb allows */
	check_stack_depth();
	if (!JsonContainerIsObject(document))
		return complain(problem, pstrdup("a filter must be an object"), NULL);

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
		part = name[0] == '$' ?
			parse_logical(name, &value, is_of_run, problem) :
			parse_field(name, &value, is_of_run, problem);
		if (part == NULL)
			return NULL;
		all->children = lappend(all->children, part);
	}
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
	return parse_document(document, type != WB_EVENT_ADD_ARTIFACT_ALIAS,
						  problem);
}
