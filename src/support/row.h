/*-------------------------------------------------------------------------
 *
 * row.h
 *		Columns of the rows that a statement returned.
 *
 * Zero, false, NULL and DT_NOBEGIN stand for null.  Texts and documents are
 * copied into the current memory context; columns count from 1.
 *
 * IDENTIFICATION
 *		src/support/row.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef WB_ROW_H
#define WB_ROW_H

#include "datatype/timestamp.h"
#include "executor/spi.h"
#include "utils/jsonb.h"

extern Datum wb_row_datum(HeapTuple row, TupleDesc shape, int column, Oid type,
						  bool *is_null);
extern Datum wb_row_value(SPITupleTable *rows, uint64 row, int column,
						  Oid type, bool *is_null);
extern int64 wb_row_id(SPITupleTable *rows, uint64 row, int column);
extern int	wb_row_integer(SPITupleTable *rows, uint64 row, int column);
extern bool wb_row_flag(SPITupleTable *rows, uint64 row, int column);
extern float8 wb_row_float(SPITupleTable *rows, uint64 row, int column);
extern TimestampTz wb_row_time(SPITupleTable *rows, uint64 row, int column);
extern char *wb_row_text(SPITupleTable *rows, uint64 row, int column);
extern Jsonb *wb_row_json(SPITupleTable *rows, uint64 row, int column);

#endif							/* WB_ROW_H */
