/*-------------------------------------------------------------------------
 *
 * claim.c
 *		Takes executions that are due off the queue, to send them.
 *
 * A claim is a row in wb.delivery_claims that names what the worker is about
 * to send, committed before a byte is sent; the queue itself stays untouched.
 * Requests are prepared after that, in a transaction of their own: should one
 * of them take the server down, the claim tells what was in hand.
 *
 * No receiver may use up all requests that the worker has open at one time.
 * Each may have twice as many open as are left free, so one busy receiver
 * gets two thirds of them, and any number of hanging ones leave some free.
 *
 * What was in hand when the worker died twice is claimed alone, with nothing
 * else in hand: if the worker dies again, it is known why (see crash.c).
 *
 * IDENTIFICATION
 *		src/deliver/claim.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "deliver/worker.h"
#include "miscadmin.h"
#include "record/record.h"
#include "support/clock.h"
#include "support/plan.h"
#include "support/setting.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

/* While nothing may be sent, look at the reason this often. */
#define HOLD_MS				5000
#define TROUBLE_RETRY_MS	60000

/* Each receiver's oldest first, and the receivers in turn. */
#define DESTINATIONS \
	"WITH RECURSIVE destination AS (" \
	"(SELECT integration_id AS id FROM wb.deliveries" \
	" ORDER BY integration_id LIMIT 1)" \
	" UNION ALL SELECT (SELECT n.integration_id FROM wb.deliveries n" \
	" WHERE n.integration_id > d.id ORDER BY n.integration_id LIMIT 1)" \
	" FROM destination d WHERE d.id IS NOT NULL) "

static WbPlan pick_due = {
	DESTINATIONS
	"SELECT q.execution_id, q.crashes FROM destination d"
	" LEFT JOIN unnest($4, $5) AS busy(id, requests) ON busy.id = d.id"
	" CROSS JOIN LATERAL (SELECT execution_id, due_at, crashes,"
	" row_number() OVER (ORDER BY due_at, execution_id) AS rank"
	" FROM wb.deliveries WHERE integration_id = d.id AND due_at <= $1"
	" AND installation_id = $2 AND execution_id NOT IN (SELECT unnest($3))"
	" ORDER BY due_at, execution_id"
	" LIMIT greatest(2 * $6 - coalesce(busy.requests, 0) + 2, 0) / 3) q"
	" ORDER BY q.rank, q.due_at, q.execution_id LIMIT (2 * $6 + 2) / 3",
	6,
	{TIMESTAMPTZOID, UUIDOID, INT8ARRAYOID, INT8ARRAYOID, INT4ARRAYOID, INT4OID},
	NULL
};

static WbPlan find_next_due = {
	DESTINATIONS
	"SELECT min(q.due_at) FROM destination d CROSS JOIN LATERAL"
	" (SELECT due_at FROM wb.deliveries WHERE integration_id = d.id"
	" AND due_at > $1 ORDER BY due_at LIMIT 1) q",
	1,
	{TIMESTAMPTZOID},
	NULL
};

static WbPlan insert_claim = {
	"INSERT INTO wb.delivery_claims (worker_pid, execution_ids, claimed_at)"
	" VALUES ($1, $2, $3) RETURNING id",
	3,
	{INT4OID, INT8ARRAYOID, TIMESTAMPTZOID},
	NULL
};

/* The turn of those that are claimed alone. */
static bool is_alone = false;
static bool wants_to_be_alone = false;
static int64 alone_since_ms = 0;
static int64 next_alone_ms = 0;
static bool is_one_waiting = false;

/* Is nothing to be claimed until nothing is in hand? */
static bool
must_wait_for_empty_hand(void)
{
	int64		now_ms = wb_clock_monotonic_ms();

	if (wb_hand_count() > 0)
		return is_alone || wants_to_be_alone;

	/* the others get as much time as this took from them */
	if (is_alone)
		next_alone_ms = now_ms + (now_ms - alone_since_ms);
	is_alone = false;
	return false;
}

static int64
column_id(SPITupleTable *rows, uint64 row)
{
	bool		is_null;

	return DatumGetInt64(SPI_getbinval(rows->vals[row], rows->tupdesc, 1,
									   &is_null));
}

static bool
is_suspect(SPITupleTable *rows, uint64 row)
{
	bool		is_null;

	return DatumGetInt16(SPI_getbinval(rows->vals[row], rows->tupdesc, 2,
									   &is_null)) >= WB_CRASHES_UNTIL_ALONE;
}

/* Choose from what is due: all that is no suspect, or one suspect alone. */
static ArrayType *
choose(SPITupleTable *rows, uint64 count)
{
	ArrayBuildState *ids = initArrayResult(INT8OID, CurrentMemoryContext,
										   false);
	int64		now_ms = wb_clock_monotonic_ms();
	int64		suspect = WB_NO_ID;

	is_one_waiting = false;
	for (uint64 row = 0; row < count; row++)
	{
		if (!is_suspect(rows, row))
			accumArrayResult(ids, Int64GetDatum(column_id(rows, row)), false,
							 INT8OID, CurrentMemoryContext);
		else if (now_ms < next_alone_ms)
			is_one_waiting = true;
		else if (suspect == WB_NO_ID)
			suspect = column_id(rows, row);
	}
	if (suspect != WB_NO_ID)
	{
		if (!wants_to_be_alone)
			alone_since_ms = now_ms;
		ids = initArrayResult(INT8OID, CurrentMemoryContext, false);
		is_alone = wb_hand_count() == 0;
		if (is_alone)
			accumArrayResult(ids, Int64GetDatum(suspect), false, INT8OID,
							 CurrentMemoryContext);
	}
	wants_to_be_alone = suspect != WB_NO_ID && !is_alone;
	return DatumGetArrayTypeP(makeArrayResult(ids, CurrentMemoryContext));
}

/* Ids of executions that are due and may be claimed now. */
static ArrayType *
pick(int limit, TimestampTz now, pg_uuid_t *installation)
{
	ArrayType  *executions;
	ArrayType  *integrations;
	ArrayType  *counts;
	Datum		values[6];
	uint64		count;

	wb_hand_list(&executions, &integrations, &counts);
	values[0] = TimestampTzGetDatum(now);
	values[1] = UUIDPGetDatum(installation);
	values[2] = PointerGetDatum(executions);
	values[3] = PointerGetDatum(integrations);
	values[4] = PointerGetDatum(counts);
	values[5] = Int32GetDatum(limit);
	count = wb_plan_run(&pick_due, values, NULL, SPI_OK_SELECT);
	return choose(SPI_tuptable, count);
}

/* When the next delivery may be claimed that may not be at "now". */
static TimestampTz
read_next_due(TimestampTz now)
{
	Datum		value = TimestampTzGetDatum(now);
	bool		is_null;
	TimestampTz next = DT_NOEND;

	wb_plan_run(&find_next_due, &value, NULL, SPI_OK_SELECT);
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
						  &is_null);
	if (!is_null)
		next = DatumGetTimestampTz(value);
	if (is_one_waiting)
		next = Min(next, TimestampTzPlusMilliseconds(now, next_alone_ms -
													 wb_clock_monotonic_ms()));
	return next;
}

/* Write into the journal what is about to be sent. */
static void
write_claim(dlist_head *to_send, TimestampTz now)
{
	ArrayBuildState *ids = initArrayResult(INT8OID, CurrentMemoryContext,
										   false);
	Datum		values[3];
	int64		claim_id;
	bool		is_null;
	dlist_iter	iter;

	dlist_foreach(iter, to_send)
		accumArrayResult(ids,
						 Int64GetDatum(dlist_container(WbDelivery, node,
													   iter.cur)->execution_id),
						 false, INT8OID, CurrentMemoryContext);
	values[0] = Int32GetDatum(MyProcPid);
	values[1] = makeArrayResult(ids, CurrentMemoryContext);
	values[2] = TimestampTzGetDatum(now);
	wb_plan_run(&insert_claim, values, NULL, SPI_OK_INSERT_RETURNING);
	claim_id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0],
										   SPI_tuptable->tupdesc, 1,
										   &is_null));
	dlist_foreach(iter, to_send)
		wb_hand_join_claim(dlist_container(WbDelivery, node, iter.cur),
						   claim_id);
}

/* The first transaction: claim, and settle what needs no request. */
static void
claim(int limit, dlist_head *to_send, TimestampTz *next_look)
{
	TimestampTz now = wb_clock_now();
	dlist_head	settled = DLIST_STATIC_INIT(settled);
	pg_uuid_t	installation;

	wb_worker_begin("claiming deliveries");
	if (!wb_installation_exists())
		*next_look = DT_NOBEGIN;
	else if (!wb_installation_is_here(&installation))
		*next_look = TimestampTzPlusMilliseconds(now, HOLD_MS);
	else
	{
		wb_load_deliveries(pick(limit, now, &installation), to_send, &settled);
		if (!dlist_is_empty(to_send))
			write_claim(to_send, now);
		if (!dlist_is_empty(&settled))
			wb_record_write(&settled);
		*next_look = read_next_due(now);
	}
	wb_worker_commit();
	wb_hand_free(&settled);
}

/* What becomes of a delivery whose preparation raised an error. */
static void
conclude_error(WbDelivery *delivery, const ErrorData *error)
{
	WbOutcome  *outcome = &delivery->outcome;
	int			category = ERRCODE_TO_CATEGORY(error->sqlerrcode);

	outcome->error = MemoryContextStrdup(delivery->context, error->message);
	outcome->kind = WB_OUTCOME_FAILED;
	if (category == MAKE_SQLSTATE('5', '3', '0', '0', '0') ||
		category == MAKE_SQLSTATE('5', '8', '0', '0', '0'))
	{
		outcome->kind = WB_OUTCOME_HELD;
		outcome->retry_in_ms = TROUBLE_RETRY_MS;
	}
}

/*
 * Prepare a request.  An error in there is that delivery's own outcome; the
 * others must not suffer.
 */
static bool
prepare(WbDelivery *delivery)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool is_prepared = false;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		is_prepared = wb_request_prepare(delivery);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		conclude_error(delivery, error);
		FreeErrorData(error);
		is_prepared = false;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;

	if (is_prepared && wb_setting_delivery == WB_DELIVERY_DRY_RUN)
	{
		delivery->outcome.kind = WB_OUTCOME_SKIPPED;
		return false;
	}
	return is_prepared;
}

/*
 * Claim as many deliveries as "limit" allows, in transactions of our own.
 * Those whose requests are prepared are appended to "to_send", those that got
 * an outcome instead to "ended".  *next_look is when to look again at the
 * latest, unless something is recorded or somebody wakes us; DT_NOBEGIN tells
 * that the extension is gone.
 */
void
wb_claim_batch(int limit, dlist_head *to_send, dlist_head *ended,
			   TimestampTz *next_look)
{
	dlist_mutable_iter iter;

	*next_look = DT_NOEND;
	if (wb_setting_delivery == WB_DELIVERY_OFF || must_wait_for_empty_hand())
		return;
	claim(limit, to_send, next_look);
	if (dlist_is_empty(to_send))
		return;

	wb_worker_begin("preparing requests");
	dlist_foreach_modify(iter, to_send)
	{
		WbDelivery *delivery = dlist_container(WbDelivery, node, iter.cur);

		if (prepare(delivery))
			continue;
		dlist_delete(iter.cur);
		dlist_push_tail(ended, iter.cur);
	}
	wb_worker_commit();
}
