/*-------------------------------------------------------------------------
 *
 * json.c
 *		Reads members of jsonb objects.
 *
 * IDENTIFICATION
 *		src/support/json.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "support/json.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

/* A member of an object, palloc'd; NULL where there is none. */
JsonbValue *
wb_json_get(JsonbContainer *object, const char *key)
{
	if (!JsonContainerIsObject(object))
		return NULL;
	return getKeyJsonValueFromContainer(object, key, strlen(key), NULL);
}

/* A string as a C string; NULL for any other type. */
char *
wb_json_value_text(const JsonbValue *value)
{
	if (value == NULL || value->type != jbvString)
		return NULL;
	return pnstrdup(value->val.string.val, value->val.string.len);
}

/* A member that is a string; NULL where it is missing or of another type. */
char *
wb_json_get_text(JsonbContainer *object, const char *key)
{
	return wb_json_value_text(wb_json_get(object, key));
}

/* A number as float8; false for any other type. */
static bool
read_number(const JsonbValue *value, float8 *number)
{
	Datum		digits;

	if (value == NULL || value->type != jbvNumeric)
		return false;
	digits = NumericGetDatum(value->val.numeric);
	*number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
												 digits));
	return true;
}

/* A whole number of at most 18 digits; false for any other value. */
bool
wb_json_value_integer(const JsonbValue *value, int64 *integer)
{
	float8		number;

	if (!read_number(value, &number) ||
		number != rint(number) || fabs(number) >= 1e18)
		return false;
	*integer = (int64) number;
	return true;
}

/* A member that is a number; false where it is missing or not one. */
bool
wb_json_get_number(JsonbContainer *object, const char *key, float8 *number)
{
	return read_number(wb_json_get(object, key), number);
}

/* A member that is a whole number; see wb_json_value_integer. */
bool
wb_json_get_integer(JsonbContainer *object, const char *key, int64 *integer)
{
	return wb_json_value_integer(wb_json_get(object, key), integer);
}

/*
 * Parse JSON text.  Returns NULL, and raises nothing, where the text is not
 * JSON; what jsonb itself cannot hold (a NUL character, an absurd exponent)
 * counts as that.
 */
Jsonb *
wb_json_parse_text(const char *text)
{
	MemoryContext context = CurrentMemoryContext;
	Jsonb	   *volatile parsed = NULL;

	/* the input function only computes, so no subtransaction is needed */
	PG_TRY();
	{
		parsed = DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
													CStringGetDatum(text)));
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_DATA_EXCEPTION &&
			error->sqlerrcode != ERRCODE_UNTRANSLATABLE_CHARACTER)
			PG_RE_THROW();
		FlushErrorState();
		FreeErrorData(error);
	}
	PG_END_TRY();
	return parsed;
}
