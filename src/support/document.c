/*-------------------------------------------------------------------------
 *
 * document.c
 *		Writes flat jsonb objects for our tables, without JSON text between.
 *
 * Numbers that JSON has no word for become the strings "NaN", "Infinity" and
 * "-Infinity", as PostgreSQL's float8 spells them.  All others have the digits
 * that float8 prints, so a reader gets back the number that was judged.
 *
 * IDENTIFICATION
 *		src/support/document.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "support/document.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

static JsonbValue
text_value(const char *text)
{
	JsonbValue	value = {.type = jbvString};

	/* never written to: the finished document has a copy */
	value.val.string.val = unconstify(char *, text);
	value.val.string.len = strlen(text);
	return value;
}

static JsonbValue
float_value(float8 number)
{
	JsonbValue	value = {.type = jbvNumeric};
	char		digits[DOUBLE_SHORTEST_DECIMAL_LEN];
	Datum		numeric;

	if (isnan(number))
		return text_value("NaN");
	if (isinf(number))
		return text_value(number > 0 ? "Infinity" : "-Infinity");

	/* a whole number prints the same by the cheaper way */
	if (number == rint(number) && fabs(number) < 1e15)
		value.val.numeric = int64_to_numeric((int64) number);
	else
	{
		double_to_shortest_decimal_buf(number, digits);
		numeric = DirectFunctionCall3(numeric_in, CStringGetDatum(digits),
									  ObjectIdGetDatum(InvalidOid),
									  Int32GetDatum(-1));
		value.val.numeric = DatumGetNumeric(numeric);
	}
	return value;
}

/*
 * Where a key belongs among those of a document.  jsonb orders keys by their
 * length first.
 */
static int
find_position(const WbDocument *document, const JsonbValue *key)
{
	int			position = document->count;
	int			length = key->val.string.len;

	while (position > 0)
	{
		const JsonbValue *other = &document->pairs[position - 1].key;
		int			difference = other->val.string.len - length;

		if (difference == 0)
			difference = memcmp(other->val.string.val, key->val.string.val,
								length);
		Assert(difference != 0);
		if (difference < 0)
			break;
		position--;
	}
	return position;
}

/*
 * Members are put in order as they come.  jsonb would sort them in the end,
 * and by a way that takes longer than all the rest of a document.
 */
static void
add(WbDocument *document, const char *key, JsonbValue value)
{
	JsonbValue	name = text_value(key);
	int			position = find_position(document, &name);
	JsonbPair  *pair;

	if (document->count == document->allocated)
	{
		document->allocated *= 2;
		document->pairs = repalloc(document->pairs,
								   sizeof(JsonbPair) * document->allocated);
	}
	pair = &document->pairs[position];
	memmove(pair + 1, pair,
			sizeof(JsonbPair) * (document->count - position));
	pair->key = name;
	pair->value = value;
	document->count++;
}

/* Start an object, in the current memory context. */
void
wb_document_begin(WbDocument *document)
{
	document->allocated = 20;
	document->count = 0;
	document->pairs = palloc(sizeof(JsonbPair) * document->allocated);
}

/* Add a string; nothing where the value is NULL.  It is not copied. */
void
wb_document_add_text(WbDocument *document, const char *key, const char *value)
{
	if (value != NULL)
		add(document, key, text_value(value));
}

void
wb_document_add_integer(WbDocument *document, const char *key, int64 value)
{
	JsonbValue	number = {.type = jbvNumeric};

	number.val.numeric = int64_to_numeric(value);
	add(document, key, number);
}

void
wb_document_add_float(WbDocument *document, const char *key, float8 value)
{
	add(document, key, float_value(value));
}

/* Add an array of numbers. */
void
wb_document_add_floats(WbDocument *document, const char *key,
					   const float8 *values, int count)
{
	JsonbValue	array = {.type = jbvArray};

	array.val.array.nElems = count;
	array.val.array.rawScalar = false;
	array.val.array.elems = palloc(sizeof(JsonbValue) * count);
	for (int i = 0; i < count; i++)
		array.val.array.elems[i] = float_value(values[i]);
	add(document, key, array);
}

/* Add an object or an array; nothing where it is NULL. */
void
wb_document_add_jsonb(WbDocument *document, const char *key, Jsonb *value)
{
	JsonbParseState *state = NULL;
	JsonbValue	part = {.type = jbvBinary};
	JsonbValue *unpacked;

	if (value == NULL)
		return;
	part.val.binary.data = &value->root;
	part.val.binary.len = VARSIZE(value) - VARHDRSZ;

	/* an array takes a packed value apart, which add() needs */
	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	pushJsonbValue(&state, WJB_ELEM, &part);
	unpacked = pushJsonbValue(&state, WJB_END_ARRAY, NULL);
	add(document, key, unpacked->val.array.elems[0]);
}

/* Finish the object. */
Jsonb *
wb_document_end(WbDocument *document)
{
	JsonbValue	whole = {.type = jbvObject};

	whole.val.object.nPairs = document->count;
	whole.val.object.pairs = document->pairs;
	return JsonbValueToJsonb(&whole);
}
