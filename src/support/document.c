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

static void
add(WbDocument *document, const char *key, JsonbValue value)
{
	JsonbValue	name = text_value(key);

	pushJsonbValue(&document->state, WJB_KEY, &name);
	pushJsonbValue(&document->state, WJB_VALUE, &value);
}

/* Start an object, in the current memory context. */
void
wb_document_begin(WbDocument *document)
{
	document->state = NULL;
	pushJsonbValue(&document->state, WJB_BEGIN_OBJECT, NULL);
}

/* Add a string; nothing where the value is NULL. */
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
	JsonbValue	name = text_value(key);

	pushJsonbValue(&document->state, WJB_KEY, &name);
	pushJsonbValue(&document->state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < count; i++)
	{
		JsonbValue	value = float_value(values[i]);

		pushJsonbValue(&document->state, WJB_ELEM, &value);
	}
	pushJsonbValue(&document->state, WJB_END_ARRAY, NULL);
}

/* Add an object or an array; nothing where it is NULL. */
void
wb_document_add_jsonb(WbDocument *document, const char *key, Jsonb *value)
{
	JsonbValue	part = {.type = jbvBinary};

	if (value == NULL)
		return;
	part.val.binary.data = &value->root;
	part.val.binary.len = VARSIZE(value) - VARHDRSZ;
	add(document, key, part);
}

/* Finish the object. */
Jsonb *
wb_document_end(WbDocument *document)
{
	JsonbValue *whole = pushJsonbValue(&document->state, WJB_END_OBJECT, NULL);

	return JsonbValueToJsonb(whole);
}
