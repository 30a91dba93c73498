/*-------------------------------------------------------------------------
 *
 * outcome.c
 *		Writes what became of deliveries into history and queue.
 *
 * A batch costs a few statements, whatever its size.  Settling an execution
 * touches no indexed column, so that its new version stays on its page.  Only
 * what is still PENDING is settled: somebody may have cancelled it meanwhile,
 * and then the delivery row is gone as well.
 *
 * IDENTIFICATION
 *		src/record/outcome.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "record/record.h"
#include "support/clock.h"
#include "support/document.h"
#include "support/plan.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* What the statements take, as one array each; in their order. */
typedef enum Column
{
	SETTLED_ID, SETTLED_STATE, SETTLED_RESULT, SETTLED_ACTION,
	QUEUED_ID, QUEUED_ATTEMPTS, QUEUED_DUE_AT, QUEUED_ERROR,
	TRIED_ID, TRIED_ATTEMPT, TRIED_STARTED_AT, TRIED_MILLISECONDS,
	TRIED_STATUS, TRIED_ERROR, TRIED_DNS, TRIED_CONNECT, TRIED_TLS,
	TRIED_FIRST_BYTE,
	CLAIM_ID,
	COLUMN_COUNT
} Column;

static const Oid column_types[COLUMN_COUNT] = {
	INT8OID, TEXTOID, JSONBOID, JSONBOID,
	INT8OID, INT2OID, TIMESTAMPTZOID, TEXTOID,
	INT8OID, INT2OID, TIMESTAMPTZOID, FLOAT8OID, INT4OID, TEXTOID,
	FLOAT4OID, FLOAT4OID, FLOAT4OID, FLOAT4OID,
	INT8OID
};

typedef struct Batch
{
	TimestampTz now;
	ArrayBuildState *columns[COLUMN_COUNT];
} Batch;

/*
 * The arrays are sorted by id, so width_bucket finds the place of an id in
 * them.  A join with unnest() would read better, and be planned as a scan of
 * the whole table while that is small.
 */
static WbPlan settle_executions = {
	"UPDATE wb.executions SET state = ($2)[width_bucket(id, $1)],"
	" result = ($3)[width_bucket(id, $1)],"
	" action = coalesce(($4)[width_bucket(id, $1)], action), settled_at = $5"
	" WHERE id = ANY ($1) AND state = 'PENDING'",
	5,
	{INT8ARRAYOID, TEXTARRAYOID, JSONBARRAYOID, JSONBARRAYOID, TIMESTAMPTZOID},
	NULL
};

static WbPlan delete_deliveries = {
	"DELETE FROM wb.deliveries WHERE execution_id = ANY ($1)",
	1,
	{INT8ARRAYOID},
	NULL
};

static WbPlan queue_again = {
	"UPDATE wb.deliveries SET"
	" attempts = ($2)[width_bucket(execution_id, $1)],"
	" due_at = ($3)[width_bucket(execution_id, $1)],"
	" last_error = ($4)[width_bucket(execution_id, $1)]"
	" WHERE execution_id = ANY ($1)",
	4,
	{INT8ARRAYOID, INT2ARRAYOID, TIMESTAMPTZARRAYOID, TEXTARRAYOID},
	NULL
};

static WbPlan insert_attempts = {
	"INSERT INTO wb.delivery_attempts (execution_id, attempt, started_at,"
	" milliseconds, status_code, error, dns_ms, connect_ms, tls_ms,"
	" first_byte_ms) SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9,"
	" $10) ON CONFLICT DO NOTHING",
	10,
	{INT8ARRAYOID, INT2ARRAYOID, TIMESTAMPTZARRAYOID, FLOAT8ARRAYOID,
		INT4ARRAYOID, TEXTARRAYOID, FLOAT4ARRAYOID, FLOAT4ARRAYOID,
	FLOAT4ARRAYOID, FLOAT4ARRAYOID},
	NULL
};

static WbPlan delete_claims = {
	"DELETE FROM wb.delivery_claims WHERE id = ANY ($1)",
	1,
	{INT8ARRAYOID},
	NULL
};

static void
add(Batch *batch, Column column, Datum value, bool is_null)
{
	/* kept with the transaction, because two statements take the same ids */
	if (batch->columns[column] == NULL)
		batch->columns[column] = initArrayResult(column_types[column],
												 CurrentMemoryContext, false);
	accumArrayResult(batch->columns[column], value, is_null,
					 column_types[column], CurrentMemoryContext);
}

static void
add_text(Batch *batch, Column column, const char *text)
{
	add(batch, column, text ? CStringGetTextDatum(text) : (Datum) 0,
		text == NULL);
}

/* Run a statement over the columns from "first" on, unless they are empty. */
static void
run(const Batch *batch, WbPlan *plan, Column first, int expected)
{
	MemoryContext context = CurrentMemoryContext;
	Datum		values[WB_PLAN_MAX_ARGUMENTS];
	int			count = 0;

	if (batch->columns[first] == NULL)
		return;
	while (count < plan->argument_count &&
		   plan->argument_types[count] != TIMESTAMPTZOID)
	{
		values[count] = makeArrayResult(batch->columns[first + count],
										context);

		/* in a flat array, elements of their own length have to be counted */
		if (count > 0)
			values[count] = expand_array(values[count], context, NULL);
		count++;
	}
	if (count < plan->argument_count)
		values[count] = TimestampTzGetDatum(batch->now);
	wb_plan_run(plan, values, NULL, expected);
}

/* What wb.executions.result says, in W&B's words. */
static Jsonb *
describe_result(const WbOutcome *outcome)
{
	WbDocument	error;
	WbDocument	result;

	wb_document_begin(&result);
	if (outcome->kind == WB_OUTCOME_SKIPPED && outcome->error == NULL)
		wb_document_add_text(&result, "resultType", "DRY_RUN");
	else if (outcome->status_code > 0)
	{
		wb_document_add_text(&result, "resultType", "HTTP_RESPONSE");
		wb_document_add_integer(&result, "statusCode", outcome->status_code);
		wb_document_add_text(&result, "body", outcome->body);
	}
	else if (outcome->digest_id != WB_NO_ID)
	{
		wb_document_add_text(&result, "resultType", "DIGEST");
		wb_document_add_integer(&result, "executionId", outcome->digest_id);
	}
	else
		wb_document_add_text(&result, "resultType", "DEFAULT");
	if (outcome->error != NULL)
	{
		wb_document_begin(&error);
		wb_document_add_text(&error, "message", outcome->error);
		wb_document_add_jsonb(&result, "error", wb_document_end(&error));
	}
	return wb_document_end(&result);
}

static void
add_settled(Batch *batch, const WbDelivery *delivery)
{
	const WbOutcome *outcome = &delivery->outcome;
	Jsonb	   *action = delivery->request ?
	delivery->request->recorded_action : NULL;

	add(batch, SETTLED_ID, Int64GetDatum(delivery->execution_id), false);
	add_text(batch, SETTLED_STATE,
			 outcome->kind == WB_OUTCOME_DONE ? "FINISHED" :
			 outcome->kind == WB_OUTCOME_SKIPPED ? "SKIPPED" : "FAILED");
	add(batch, SETTLED_RESULT, JsonbPGetDatum(describe_result(outcome)),
		false);
	add(batch, SETTLED_ACTION, PointerGetDatum(action), action == NULL);
}

static void
add_queued(Batch *batch, const WbDelivery *delivery)
{
	const WbOutcome *outcome = &delivery->outcome;
	bool		is_tried = outcome->kind == WB_OUTCOME_RETRY;

	add(batch, QUEUED_ID, Int64GetDatum(delivery->execution_id), false);
	add(batch, QUEUED_ATTEMPTS,
		Int16GetDatum(is_tried ? delivery->attempt : delivery->attempt - 1),
		false);
	add(batch, QUEUED_DUE_AT,
		TimestampTzGetDatum(TimestampTzPlusMilliseconds(batch->now,
														outcome->retry_in_ms)),
		false);
	add_text(batch, QUEUED_ERROR, outcome->error);
}

static void
add_tried(Batch *batch, const WbDelivery *delivery)
{
	const WbOutcome *outcome = &delivery->outcome;

	add(batch, TRIED_ID, Int64GetDatum(delivery->execution_id), false);
	add(batch, TRIED_ATTEMPT, Int16GetDatum(delivery->attempt), false);
	add(batch, TRIED_STARTED_AT, TimestampTzGetDatum(outcome->started_at),
		false);
	add(batch, TRIED_MILLISECONDS, Float8GetDatum(outcome->milliseconds),
		false);
	add(batch, TRIED_STATUS, Int32GetDatum(outcome->status_code),
		outcome->status_code == 0);
	add_text(batch, TRIED_ERROR, outcome->error);
	add(batch, TRIED_DNS, Float4GetDatum(outcome->timings.dns), false);
	add(batch, TRIED_CONNECT, Float4GetDatum(outcome->timings.connect), false);
	add(batch, TRIED_TLS, Float4GetDatum(outcome->timings.tls), false);
	add(batch, TRIED_FIRST_BYTE, Float4GetDatum(outcome->timings.first_byte),
		false);
}

static void
add_delivery(Batch *batch, const WbDelivery *delivery)
{
	wb_notify_issue(delivery);
	switch (delivery->outcome.kind)
	{
		case WB_OUTCOME_DONE:
		case WB_OUTCOME_FAILED:
			add_settled(batch, delivery);
			if (delivery->integration_id != WB_NO_ID &&
				delivery->outcome.digest_id == WB_NO_ID)
				add_tried(batch, delivery);
			break;
		case WB_OUTCOME_EXPIRED:
		case WB_OUTCOME_SKIPPED:
			add_settled(batch, delivery);
			break;
		case WB_OUTCOME_RETRY:
			add_queued(batch, delivery);
			add_tried(batch, delivery);
			break;
		case WB_OUTCOME_HELD:
			add_queued(batch, delivery);
			break;
	}
	if (delivery->integration != NULL &&
		delivery->outcome.kind != WB_OUTCOME_SKIPPED)
		wb_destination_count(delivery, batch->now);
	if (wb_hand_release(delivery))
		add(batch, CLAIM_ID, Int64GetDatum(delivery->claim_id), false);
}

static int
compare_ids(const ListCell *one, const ListCell *other)
{
	int64		id1 = ((const WbDelivery *) lfirst(one))->execution_id;
	int64		id2 = ((const WbDelivery *) lfirst(other))->execution_id;

	return id1 < id2 ? -1 : id1 > id2;
}

/*
 * Write the outcomes of deliveries, within the worker's transaction, and let
 * go of them.  The caller frees them once it has committed.
 */
void
wb_record_write(dlist_head *ended)
{
	Batch		batch = {.now = wb_clock_now()};
	List	   *deliveries = NIL;
	dlist_iter	iter;
	ListCell   *cell;

	dlist_foreach(iter, ended)
		deliveries = lappend(deliveries,
							 dlist_container(WbDelivery, node, iter.cur));
	list_sort(deliveries, compare_ids);
	foreach(cell, deliveries)
	{
		const WbDelivery *delivery = lfirst(cell);

		add_delivery(&batch, delivery);
		wb_stat_outcome(delivery->outcome.kind);
		wb_complain(delivery);
	}
	wb_stat_record();
	run(&batch, &settle_executions, SETTLED_ID, SPI_OK_UPDATE);
	run(&batch, &delete_deliveries, SETTLED_ID, SPI_OK_DELETE);
	run(&batch, &queue_again, QUEUED_ID, SPI_OK_UPDATE);
	run(&batch, &insert_attempts, TRIED_ID, SPI_OK_INSERT);
	run(&batch, &delete_claims, CLAIM_ID, SPI_OK_DELETE);
	wb_destination_write(false);
}

/*
 * Write the outcomes of deliveries in a transaction of its own, and free
 * them; the list is empty afterwards.
 */
void
wb_record_outcomes(dlist_head *ended)
{
	wb_worker_begin("recording outcomes");
	wb_record_write(ended);
	wb_worker_commit();
	wb_hand_free(ended);
}
