/*-------------------------------------------------------------------------
 *
 * crash.c
 *		What a worker that died has left in hand.
 *
 * Nobody knows whether the receiver has it, so it is sent again, with the
 * same id.  It may also be what the worker died of.  That is decided only on
 * proof: an execution is given up when the worker died for the third time
 * with it in hand, and with nothing else.  A worker that is told to end, or
 * ends because the server lacks something, queues what it has in hand itself:
 * neither stopping a server nor a full disk proves anything against a message.
 *
 * IDENTIFICATION
 *		src/deliver/crash.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "deliver/worker.h"
#include "miscadmin.h"
#include "record/record.h"
#include "support/clock.h"
#include "support/plan.h"
#include "support/row.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#define RETRY_MS		1000

static const char reason[] =
"the worker stopped before it recorded the answer";

/*
 * A row that is due after its claim was recorded with a later attempt; its
 * claim only had others that were not.
 */
static WbPlan read_claims = {
	"SELECT d.execution_id, d.integration_id, d.attempts::bigint,"
	" d.crashes::bigint"
	" FROM wb.delivery_claims c CROSS JOIN unnest(c.execution_ids) AS taken(id)"
	" JOIN wb.deliveries d ON d.execution_id = taken.id"
	" WHERE d.due_at <= c.claimed_at",
	0,
	{0},
	NULL
};

static WbPlan put_back = {
	"UPDATE wb.deliveries SET attempts = attempts + 1,"
	" crashes = least(crashes + $2, $3), due_at = $4, last_error = $5"
	" WHERE execution_id = ANY ($1)",
	5,
	{INT8ARRAYOID, INT2OID, INT2OID, TIMESTAMPTZOID, TEXTOID},
	NULL
};

static WbPlan delete_claims = {
	"DELETE FROM wb.delivery_claims", 0, {0}, NULL
};

/* Queue all of them again; "crashes" is what this counts as, 1 or 0. */
static void
put_all_back(SPITupleTable *rows, uint64 count, int crashes)
{
	ArrayBuildState *ids = initArrayResult(INT8OID, CurrentMemoryContext,
										   false);
	Datum		values[5];

	for (uint64 row = 0; row < count; row++)
		accumArrayResult(ids, Int64GetDatum(wb_row_id(rows, row, 1)), false,
						 INT8OID, CurrentMemoryContext);
	values[0] = makeArrayResult(ids, CurrentMemoryContext);
	values[1] = Int16GetDatum(crashes);
	values[2] = Int16GetDatum(WB_CRASHES_UNTIL_ALONE);
	values[3] = TimestampTzGetDatum(TimestampTzPlusMilliseconds(wb_clock_now(),
																RETRY_MS));
	values[4] = CStringGetTextDatum(reason);
	wb_plan_run(&put_back, values, NULL, SPI_OK_UPDATE);
}

/* The only one in hand, again: it will not be sent any more. */
static void
give_up(SPITupleTable *rows)
{
	WbDelivery *delivery = wb_hand_new_delivery(wb_row_id(rows, 0, 1));
	dlist_head	settled = DLIST_STATIC_INIT(settled);

	delivery->integration_id = wb_row_id(rows, 0, 2);
	delivery->attempt = 1 + (int) wb_row_id(rows, 0, 3);
	delivery->outcome.kind = WB_OUTCOME_FAILED;
	delivery->outcome.started_at = wb_clock_now();
	delivery->outcome.error = psprintf("%s: %d times, the last one with nothing else in hand",
									   reason, WB_CRASHES_UNTIL_ALONE + 1);
	dlist_push_tail(&settled, &delivery->node);
	wb_record_write(&settled);
	wb_hand_free(&settled);
}

/*
 * Called once, by the only worker, before its first claim.  Returns whether
 * an earlier worker died with something in hand.
 */
bool
wb_crash_recover(void)
{
	SPITupleTable *rows;
	uint64		count;

	wb_worker_begin("recovering deliveries");
	count = wb_plan_run(&read_claims, NULL, NULL, SPI_OK_SELECT);
	rows = SPI_tuptable;
	if (count == 1 && wb_row_id(rows, 0, 4) >= WB_CRASHES_UNTIL_ALONE)
		give_up(rows);
	else if (count > 0)
		put_all_back(rows, count, 1);
	wb_plan_run(&delete_claims, NULL, NULL, SPI_OK_DELETE);
	wb_worker_commit();
	if (count > 0)
		ereport(LOG,
				(errmsg("an earlier worker left " UINT64_FORMAT " deliveries without an answer",
						count)));
	return count > 0;
}

/* Queue again what the journal says is in hand. */
static void
put_journal_back(void)
{
	uint64		count;

	wb_worker_begin("handing deliveries back");
	count = wb_plan_run(&read_claims, NULL, NULL, SPI_OK_SELECT);
	if (count > 0)
		put_all_back(SPI_tuptable, count, 0);
	wb_plan_run(&delete_claims, NULL, NULL, SPI_OK_DELETE);
	wb_destination_write(true);
	wb_worker_commit();
}

/*
 * Called by a worker that ends, but not because of what it has in hand:
 * records "ended", and queues the rest again, so that its successor finds an
 * empty journal.  Whoever stops the server does not wait for more than a
 * moment, and a failure here costs no more than a crash does.  Returns the
 * error code of that, or 0.
 */
int
wb_crash_avert(dlist_head *ended)
{
	volatile int code = 0;

	/* the transactions here must not end by the signal that brought us here */
	QueryCancelPending = false;
	pqsignal(SIGINT, StatementCancelHandler);	/* what lock_timeout sends */
	SetConfigOption("lock_timeout", "500", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("synchronous_commit", "local", PGC_SUSET, PGC_S_OVERRIDE);
	PG_TRY();
	{
		wb_record_outcomes(ended);
		put_journal_back();
	}
	PG_CATCH();
	{
		code = geterrcode();
		EmitErrorReport();
		FlushErrorState();
		AbortOutOfAnyTransaction();
	}
	PG_END_TRY();
	return code;
}
