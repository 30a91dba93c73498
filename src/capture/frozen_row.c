/*-------------------------------------------------------------------------
 *
 * frozen_row.c
 *		Rows of COPY ... FREEZE, which cannot be judged.
 *
 * Everybody sees such a row at once, even with a snapshot of before the
 * statement, so nothing tells which rows came before it.
 *
 * IDENTIFICATION
 *		src/capture/frozen_row.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "capture/capture.h"

/* Was a row that the current transaction wrote frozen as it was written? */
bool
wb_frozen_row_is(HeapTuple tuple)
{
	HeapTupleHeader header = tuple->t_data;

	return HeapTupleHeaderXminFrozen(header) &&
		TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetRawXmin(header));
}

/* Say so; once a statement is enough. */
void
wb_frozen_row_warn(void)
{
	ereport(WARNING,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("automations do not judge rows of COPY FREEZE"),
			 errdetail("Such rows are visible before they are judged."),
			 errhint("Leave FREEZE out, or see wb.backtest() for what they would have caused."),
			 errhidecontext(true)));
}
