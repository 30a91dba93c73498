/*-------------------------------------------------------------------------
 *
 * claim.c
 *		Takes executions that are due off the queue, to send them, and records
 *		those that were sent.
 *
 * A claim is a row in wb.delivery_claims that names what the worker is about
 * to send, committed before a byte is sent; the queue itself stays untouched.
 * Requests are prepared after that, in a transaction of their own: should one
 * of them take the server down, the claim tells what was in hand.
 *
 * IDENTIFICATION
 *		src/deliver/claim.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "deliver/worker.h"
#include "miscadmin.h"
#include "record/record.h"
#include "support/clock.h"
#include "support/plan.h"
#include "support/setting.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* While nothing may be sent, look at the reason this often. */
#define HOLD_MS				5000
#define TROUBLE_RETRY_MS	60000

static WbPlan insert_claim = {
	"INSERT INTO wb.delivery_claims (worker_pid, execution_ids, claimed_at)"
	" VALUES ($1, $2, $3) RETURNING id",
	3,
	{INT4OID, INT8ARRAYOID, TIMESTAMPTZOID},
	NULL
};

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
	{
		WbDelivery *delivery = dlist_container(WbDelivery, node, iter.cur);

		accumArrayResult(ids, Int64GetDatum(delivery->execution_id), false,
						 INT8OID, CurrentMemoryContext);
	}
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

/* Claim what is due, and settle what needs no request; how many those were. */
static int
take(pg_uuid_t *installation, TimestampTz now, dlist_head *to_send,
	 dlist_head *settled, TimestampTz *next_look)
{
	int			before = wb_hand_count();
	int			taken;
	ArrayType  *picked = wb_pick_due(wb_worker_capacity(), now, installation,
									 next_look);

	wb_load_deliveries(picked, to_send, settled);
	wb_digest_widen(picked, now, installation, to_send, settled);
	if (!dlist_is_empty(to_send))
		write_claim(to_send, now);
	wb_digest_fold(to_send);
	wb_destination_write(false);
	taken = wb_hand_count() - before;

	/*
	 * No record will come that would make the worker look again, and whoever
	 * may have one at a time gets the next one at once.
	 */
	if (!dlist_is_empty(settled))
	{
		wb_record_write(settled);
		*next_look = now;
	}
	return taken;
}

/* May nothing be claimed, for now? */
static bool
is_held(void)
{
	return wb_setting_delivery == WB_DELIVERY_OFF || wb_pick_must_wait();
}

/* The first transaction: record what has ended, and claim. */
static void
turn_over(dlist_head *ended, dlist_head *to_send, TimestampTz *next_look)
{
	TimestampTz now = wb_clock_now();
	dlist_head	settled = DLIST_STATIC_INIT(settled);
	pg_uuid_t	installation;
	int			taken = 0;

	wb_worker_begin("claiming deliveries");
	if (!dlist_is_empty(ended))
		wb_record_write(ended);
	if (!wb_installation_exists())
		*next_look = DT_NOBEGIN;
	else if (!wb_installation_is_here(&installation))
		*next_look = TimestampTzPlusMilliseconds(now, HOLD_MS);
	else if (!is_held())
		taken = take(&installation, now, to_send, &settled, next_look);
	wb_worker_commit();
	wb_hand_free(ended);
	wb_hand_free(&settled);
	wb_stat_look(taken);
}

/* What becomes of a delivery whose preparation raised an error. */
static void
conclude_error(WbDelivery *delivery, const ErrorData *error)
{
	WbOutcome  *outcome = &delivery->outcome;

	outcome->error = MemoryContextStrdup(delivery->context, error->message);
	outcome->kind = WB_OUTCOME_FAILED;
	if (wb_guard_concerns_everybody(error->sqlerrcode))
	{
		outcome->kind = WB_OUTCOME_HELD;
		outcome->retry_in_ms = TROUBLE_RETRY_MS;
	}
}

typedef struct Preparation
{
	WbDelivery *delivery;
	bool		is_prepared;
} Preparation;

static void
prepare_request(void *argument)
{
	Preparation *preparation = argument;

	preparation->is_prepared = wb_request_prepare(preparation->delivery);
}

/*
 * Prepare a request.  An error in there is that delivery's own outcome; the
 * others must not suffer.
 */
static bool
prepare(WbDelivery *delivery)
{
	Preparation preparation = {delivery, false};
	ErrorData  *error = wb_guard_try(prepare_request, &preparation);
	bool		is_prepared = error == NULL && preparation.is_prepared;

	if (error != NULL && wb_session_must_end())
		ReThrowError(error);
	if (error != NULL)
		conclude_error(delivery, error);
	if (is_prepared && wb_setting_delivery == WB_DELIVERY_DRY_RUN)
	{
		delivery->outcome.kind = WB_OUTCOME_SKIPPED;
		return false;
	}
	return is_prepared;
}

/*
 * Record the outcomes in "ended", which is empty afterwards, and claim as many
 * deliveries as there is room for; in one transaction, because whoever has
 * recorded wants more, and each waits for the disk.  Those whose requests are
 * prepared are appended to "to_send", those that got an outcome instead to
 * "unsent".  *next_look is when to look again at the latest, unless something
 * is recorded or somebody wakes us; DT_NOBEGIN tells that the extension is
 * gone.
 */
void
wb_claim_batch(dlist_head *ended, dlist_head *to_send, dlist_head *unsent,
			   TimestampTz *next_look)
{
	dlist_mutable_iter iter;

	*next_look = DT_NOEND;
	if (dlist_is_empty(ended) && is_held())
	{
		wb_stat_look(0);
		return;
	}
	turn_over(ended, to_send, next_look);
	if (dlist_is_empty(to_send))
		return;

	wb_worker_begin("preparing requests");
	dlist_foreach_modify(iter, to_send)
	{
		WbDelivery *delivery = dlist_container(WbDelivery, node, iter.cur);

		if (prepare(delivery))
			continue;
		dlist_delete(iter.cur);
		dlist_push_tail(unsent, iter.cur);
	}
	wb_worker_commit();
}
