/*-------------------------------------------------------------------------
 *
 * digest.c
 *		One Slack message for many executions that wait for the same channel.
 *
 * Slack takes a message a second, and a person reads fewer.  Where more than
 * DIGEST_AFTER executions of one automation wait for one channel, the first
 * of them is sent as the digest of all: the others are claimed with it, and
 * end as it ends.  They count as in hand all that time, and stand in the same
 * claim, so a crash loses none of them.
 *
 * IDENTIFICATION
 *		src/deliver/digest.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "deliver/worker.h"
#include "support/plan.h"
#include "support/row.h"
#include "utils/timestamp.h"

#define DIGEST_AFTER		20

/* How much of a channel's queue one digest looks at. */
#define LOOK_AT_MOST		1000

/*
 * Of one channel and one automation.  All that waits was due no earlier than
 * the oldest of them fired, and what is read before that is dead.
 */
static WbPlan find_waiting = {
	"SELECT d.execution_id FROM (SELECT execution_id FROM wb.deliveries"
	" WHERE integration_id = $1 AND due_at BETWEEN $3 AND $4"
	" AND installation_id = $5 AND crashes < $6"
	" ORDER BY due_at, execution_id LIMIT $7) d"
	" CROSS JOIN LATERAL (SELECT automation_id FROM wb.executions"
	" WHERE id = d.execution_id OFFSET 0) e"
	" WHERE e.automation_id = $2 AND d.execution_id <> ALL ($8)",
	8,
	{INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, UUIDOID, INT2OID,
	INT4OID, INT8ARRAYOID},
	NULL
};

/* Executions in hand that need no request of their own. */
static int	covered_count = 0;

int
wb_digest_covered_count(void)
{
	return covered_count;
}

static bool
can_share(const WbDelivery *one, const WbDelivery *other)
{
	return one->action_type == WB_ACTION_NOTIFICATION &&
		other->action_type == WB_ACTION_NOTIFICATION &&
		one->integration_id == other->integration_id &&
		one->automation_id == other->automation_id;
}

/* How many of a list one message could tell of. */
static int
count_alike(dlist_head *to_send, const WbDelivery *first)
{
	int			count = 0;
	dlist_iter	iter;

	dlist_foreach(iter, to_send)
		count += can_share(dlist_container(WbDelivery, node, iter.cur), first);
	return count;
}

/* What else waits to be told of, besides what was picked or is in hand. */
static ArrayType *
find_more(const WbDelivery *first, ArrayType *picked, TimestampTz now,
		  pg_uuid_t *installation, int *count)
{
	MemoryContext context = CurrentMemoryContext;
	ArrayBuildState *ids = initArrayResult(INT8OID, context, false);
	Datum		values[8];
	uint64		found;

	values[0] = Int64GetDatum(first->integration_id);
	values[1] = Int64GetDatum(first->automation_id);
	values[2] = TimestampTzGetDatum(first->triggered_at);
	values[3] = TimestampTzGetDatum(now);
	values[4] = UUIDPGetDatum(installation);
	values[5] = Int16GetDatum(WB_CRASHES_UNTIL_ALONE);
	values[6] = Int32GetDatum(LOOK_AT_MOST);
	values[7] = PointerGetDatum(picked);
	found = wb_plan_run(&find_waiting, values, NULL, SPI_OK_SELECT);
	*count = 0;
	for (uint64 row = 0; row < found; row++)
	{
		int64		id = wb_row_id(SPI_tuptable, row, 1);

		if (wb_hand_has(id))
			continue;
		accumArrayResult(ids, Int64GetDatum(id), false, INT8OID, context);
		(*count)++;
	}
	return DatumGetArrayTypeP(makeArrayResult(ids, context));
}

/*
 * Called with what was picked and loaded, before it is claimed: loads what
 * one message can tell of besides, and notes whose message that is.
 */
void
wb_digest_widen(ArrayType *picked, TimestampTz now, pg_uuid_t *installation,
				dlist_head *to_send, dlist_head *settled)
{
	dlist_iter	iter;

	dlist_foreach(iter, to_send)
	{
		WbDelivery *first = dlist_container(WbDelivery, node, iter.cur);
		ArrayType  *more;
		int			more_count;
		dlist_iter	other;

		/* a suspect is sent alone, and a test is of no automation */
		if (first->digest != NULL || !can_share(first, first) ||
			first->automation_id == WB_NO_ID || wb_pick_must_wait())
			continue;
		more = find_more(first, picked, now, installation, &more_count);
		if (count_alike(to_send, first) + more_count <= DIGEST_AFTER)
			continue;
		wb_load_deliveries(more, to_send, settled);
		dlist_foreach(other, to_send)
		{
			WbDelivery *same = dlist_container(WbDelivery, node, other.cur);

			if (can_share(same, first))
				same->digest = first;
		}
	}
}

/* Called once all are claimed: leaves one of each digest to be sent. */
void
wb_digest_fold(dlist_head *to_send)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, to_send)
	{
		WbDelivery *delivery = dlist_container(WbDelivery, node, iter.cur);

		if (delivery->digest == NULL || delivery->digest == delivery)
			continue;
		dlist_delete(iter.cur);
		dlist_push_tail(&delivery->digest->covered, iter.cur);
		delivery->digest->covered_count++;
		covered_count++;
	}
}

/*
 * Called with a delivery that has its outcome: gives the same one to those
 * that it covered, and appends them to "settled".  An attempt counts for the
 * one that was sent.
 */
void
wb_digest_settle(WbDelivery *delivery, dlist_head *settled)
{
	const WbOutcome *outcome = &delivery->outcome;

	while (!dlist_is_empty(&delivery->covered))
	{
		dlist_node *node = dlist_pop_head_node(&delivery->covered);
		WbDelivery *covered = dlist_container(WbDelivery, node, node);

		covered->outcome.kind = outcome->kind == WB_OUTCOME_RETRY ?
			WB_OUTCOME_HELD : outcome->kind;
		covered->outcome.started_at = outcome->started_at;
		covered->outcome.retry_in_ms = outcome->retry_in_ms;
		covered->outcome.digest_id = delivery->execution_id;
		if (outcome->error != NULL)
			covered->outcome.error = MemoryContextStrdup(covered->context,
														 outcome->error);
		dlist_push_tail(settled, node);
		covered_count--;
	}
	delivery->covered_count = 0;
}
