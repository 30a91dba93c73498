/*-------------------------------------------------------------------------
 *
 * row.c
 *		Reads columns of the rows that a statement returned.
 *
 * Rule: the type that a caller reads is compared with the one that there is.
 * The caller wrote the statement, but others may alter the tables under it.
 *
 * IDENTIFICATION
 *		src/support/row.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "support/row.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/*
 * A column of a row as it is, which is of the type that the caller says;
 * points into the row, for what is not by value.
 */
Datum
wb_row_datum(HeapTuple row, TupleDesc shape, int column, Oid type,
			 bool *is_null)
{
	Oid			found = SPI_gettypeid(shape, column);

	if (found != type)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of a result is of type %s, not %s",
						SPI_fname(shape, column), format_type_be(found),
						format_type_be(type)),
				 errhint("See the item \"tables\" of wb.status().")));
	return SPI_getbinval(row, shape, column, is_null);
}

/* The same, of one of the rows that a statement returned. */
Datum
wb_row_value(SPITupleTable *rows, uint64 row, int column, Oid type,
			 bool *is_null)
{
	return wb_row_datum(rows->vals[row], rows->tupdesc, column, type, is_null);
}

/* A bigint. */
int64
wb_row_id(SPITupleTable *rows, uint64 row, int column)
{
	bool		is_null;
	Datum		value = wb_row_value(rows, row, column, INT8OID,
									 &is_null);

	return is_null ? 0 : DatumGetInt64(value);
}

/* An integer or a smallint. */
int
wb_row_integer(SPITupleTable *rows, uint64 row, int column)
{
	bool		is_small = SPI_gettypeid(rows->tupdesc, column) == INT2OID;
	bool		is_null;
	Datum		value = wb_row_value(rows, row, column,
									 is_small ? INT2OID : INT4OID, &is_null);

	if (is_null)
		return 0;
	return is_small ? DatumGetInt16(value) : DatumGetInt32(value);
}

bool
wb_row_flag(SPITupleTable *rows, uint64 row, int column)
{
	bool		is_null;
	Datum		value = wb_row_value(rows, row, column, BOOLOID,
									 &is_null);

	return !is_null && DatumGetBool(value);
}

float8
wb_row_float(SPITupleTable *rows, uint64 row, int column)
{
	bool		is_null;
	Datum		value = wb_row_value(rows, row, column, FLOAT8OID,
									 &is_null);

	return is_null ? 0 : DatumGetFloat8(value);
}

TimestampTz
wb_row_time(SPITupleTable *rows, uint64 row, int column)
{
	bool		is_null;
	Datum		value = wb_row_value(rows, row, column, TIMESTAMPTZOID,
									 &is_null);

	return is_null ? DT_NOBEGIN : DatumGetTimestampTz(value);
}

char *
wb_row_text(SPITupleTable *rows, uint64 row, int column)
{
	bool		is_null;
	Datum		value = wb_row_value(rows, row, column, TEXTOID,
									 &is_null);

	return is_null ? NULL : TextDatumGetCString(value);
}

Jsonb *
wb_row_json(SPITupleTable *rows, uint64 row, int column)
{
	bool		is_null;
	Datum		value = wb_row_value(rows, row, column, JSONBOID,
									 &is_null);

	return is_null ? NULL : DatumGetJsonbPCopy(value);
}
