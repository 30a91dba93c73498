/*-------------------------------------------------------------------------
 *
 * hand.c
 *		What the worker has in hand: claimed, and not yet recorded.
 *
 * The rows of a claimed execution are not touched until its outcome is
 * recorded, so the queue still shows it, and only this memory keeps the
 * worker from claiming it again.  Should the worker die, the journal in
 * wb.delivery_claims tells the next one (see crash.c).
 *
 * IDENTIFICATION
 *		src/deliver/hand.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "deliver/worker.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Rows may become visible this much later than others with a later time. */
#define OUT_OF_ORDER_MS		100

#define IDLE_MS				60000

/* How many executions in hand belong to an integration, or to a claim. */
typedef struct Tally
{
	int64		id;
	int			count;
	TimestampTz since;			/* its queue was read up to here */
} Tally;

static HTAB *executions = NULL; /* of int64 */
static HTAB *integrations = NULL;	/* of Tally */
static HTAB *claims = NULL;		/* of Tally */
static MemoryContext deliveries_context = NULL;

static HTAB *
make_table(const char *name, Size entry_bytes)
{
	HASHCTL		control = {.keysize = sizeof(int64),.entrysize = entry_bytes};

	return hash_create(name, 256, &control, HASH_ELEM | HASH_BLOBS);
}

/* Called once, when the worker starts. */
void
wb_hand_start(void)
{
	executions = make_table("wb executions in hand", sizeof(int64));
	integrations = make_table("wb integrations in hand", sizeof(Tally));
	claims = make_table("wb claims in hand", sizeof(Tally));
	deliveries_context = AllocSetContextCreate(TopMemoryContext,
											   "wb deliveries",
											   ALLOCSET_DEFAULT_SIZES);
}

/* An empty delivery, in a memory context of its own. */
WbDelivery *
wb_hand_new_delivery(int64 execution_id)
{
	MemoryContext context = AllocSetContextCreate(deliveries_context,
												  "wb delivery",
												  ALLOCSET_SMALL_SIZES);
	WbDelivery *delivery = MemoryContextAllocZero(context,
												  sizeof(WbDelivery));

	delivery->context = context;
	delivery->execution_id = execution_id;
	return delivery;
}

static Tally *
find_tally(HTAB *table, int64 id)
{
	bool		found;
	Tally	   *tally = hash_search(table, &id, HASH_ENTER, &found);

	if (!found)
	{
		tally->count = 0;
		tally->since = DT_NOBEGIN;
	}
	return tally;
}

/* Take a delivery in hand that was not. */
void
wb_hand_take(const WbDelivery *delivery)
{
	hash_search(executions, &delivery->execution_id, HASH_ENTER, NULL);
	find_tally(integrations, delivery->integration_id)->count++;
}

/* A delivery in hand has become part of a claim. */
void
wb_hand_join_claim(WbDelivery *delivery, int64 claim_id)
{
	delivery->claim_id = claim_id;
	find_tally(claims, claim_id)->count++;
}

/*
 * Let go of a delivery that has its outcome.  Returns whether it was the last
 * of its claim.  One that was never taken is let go without effect.
 */
bool
wb_hand_release(const WbDelivery *delivery)
{
	bool		found;

	hash_search(executions, &delivery->execution_id, HASH_REMOVE, &found);
	if (!found)
		return false;
	find_tally(integrations, delivery->integration_id)->count--;
	if (delivery->claim_id == WB_NO_ID ||
		--find_tally(claims, delivery->claim_id)->count > 0)
		return false;
	hash_search(claims, &delivery->claim_id, HASH_REMOVE, NULL);
	return true;
}

/* All that is visible of an integration's queue is taken up to this time. */
void
wb_hand_advance(int64 integration_id, TimestampTz due_at)
{
	find_tally(integrations, integration_id)->since =
		TimestampTzPlusMilliseconds(due_at, -OUT_OF_ORDER_MS);
}

/* Forget the integrations that had nothing in hand for a while. */
void
wb_hand_forget_idle(TimestampTz now)
{
	TimestampTz since = TimestampTzPlusMilliseconds(now, -IDLE_MS);
	HASH_SEQ_STATUS status;
	Tally	   *tally;

	hash_seq_init(&status, integrations);
	while ((tally = hash_seq_search(&status)) != NULL)
	{
		if (tally->count == 0 && tally->since < since)
			hash_search(integrations, &tally->id, HASH_REMOVE, NULL);
	}
}

/* Free deliveries whose outcomes are committed. */
void
wb_hand_free(dlist_head *deliveries)
{
	while (!dlist_is_empty(deliveries))
	{
		dlist_node *node = dlist_pop_head_node(deliveries);

		MemoryContextDelete(dlist_container(WbDelivery, node, node)->context);
	}
}

bool
wb_hand_has(int64 execution_id)
{
	return hash_search(executions, &execution_id, HASH_FIND, NULL) != NULL;
}

int
wb_hand_count(void)
{
	return (int) hash_get_num_entries(executions);
}

/* List what is in hand, as arrays in the current memory context. */
void
wb_hand_list(WbHandList *list)
{
	MemoryContext context = CurrentMemoryContext;
	ArrayBuildState *ids = initArrayResult(INT8OID, context, false);
	ArrayBuildState *receivers = initArrayResult(INT8OID, context, false);
	ArrayBuildState *counts = initArrayResult(INT4OID, context, false);
	ArrayBuildState *since = initArrayResult(TIMESTAMPTZOID, context, false);
	HASH_SEQ_STATUS status;
	int64	   *id;
	Tally	   *tally;

	hash_seq_init(&status, executions);
	while ((id = hash_seq_search(&status)) != NULL)
		accumArrayResult(ids, Int64GetDatum(*id), false, INT8OID, context);
	hash_seq_init(&status, integrations);
	while ((tally = hash_seq_search(&status)) != NULL)
	{
		accumArrayResult(receivers, Int64GetDatum(tally->id), false, INT8OID,
						 context);
		accumArrayResult(counts, Int32GetDatum(tally->count), false, INT4OID,
						 context);
		accumArrayResult(since, TimestampTzGetDatum(tally->since), false,
						 TIMESTAMPTZOID, context);
	}
	list->executions = makeArrayResult(ids, context);
	list->integrations = makeArrayResult(receivers, context);
	list->counts = makeArrayResult(counts, context);
	list->since = makeArrayResult(since, context);
}
