/*-------------------------------------------------------------------------
 *
 * row.c
 *		Reads columns of the rows that a statement returned.
 *
 * The type is the caller's to know: he wrote the statement.
 *
 * IDENTIFICATION
 *		src/support/row.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "support/row.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* Any column as it is; points into the row, for what is not by value. */
Datum
wb_row_value(SPITupleTable *rows, uint64 row, int column, bool *is_null)
{
	return SPI_getbinval(rows->vals[row], rows->tupdesc, column, is_null);
}

/* A bigint. */
int64
wb_row_id(SPITupleTable *rows, uint64 row, int column)
{
	bool		is_null;
	Datum		value = wb_row_value(rows, row, column, &is_null);

	return is_null ? 0 : DatumGetInt64(value);
}

/* An integer or a smallint. */
int
wb_row_integer(SPITupleTable *rows, uint64 row, int column)
{
	bool		is_null;
	Datum		value = wb_row_value(rows, row, column, &is_null);

	return is_null ? 0 : DatumGetInt32(value);
}

bool
wb_row_flag(SPITupleTable *rows, uint64 row, int column)
{
	bool		is_null;
	Datum		value = wb_row_value(rows, row, column, &is_null);

	return !is_null && DatumGetBool(value);
}

float8
wb_row_float(SPITupleTable *rows, uint64 row, int column)
{
	bool		is_null;
	Datum		value = wb_row_value(rows, row, column, &is_null);

	return is_null ? 0 : DatumGetFloat8(value);
}

TimestampTz
wb_row_time(SPITupleTable *rows, uint64 row, int column)
{
	bool		is_null;
	Datum		value = wb_row_value(rows, row, column, &is_null);

	return is_null ? DT_NOBEGIN : DatumGetTimestampTz(value);
}

char *
wb_row_text(SPITupleTable *rows, uint64 row, int column)
{
	bool		is_null;
	Datum		value = wb_row_value(rows, row, column, &is_null);

	return is_null ? NULL : TextDatumGetCString(value);
}

Jsonb *
wb_row_json(SPITupleTable *rows, uint64 row, int column)
{
	bool		is_null;
	Datum		value = wb_row_value(rows, row, column, &is_null);

	return is_null ? NULL : DatumGetJsonbPCopy(value);
}
