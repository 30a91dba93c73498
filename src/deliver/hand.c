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

/* How many executions in hand belong to a claim. */
typedef struct Tally
{
	int64		id;
	int			count;
} Tally;

static HTAB *executions = NULL; /* of int64 */
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
	claims = make_table("wb claims in hand", sizeof(Tally));
	wb_destination_start();
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

/* Take a delivery in hand that was not. */
void
wb_hand_take(const WbDelivery *delivery)
{
	hash_search(executions, &delivery->execution_id, HASH_ENTER, NULL);
	wb_destination_add(delivery->integration_id, 1);
}

/* A delivery in hand has become part of a claim. */
void
wb_hand_join_claim(WbDelivery *delivery, int64 claim_id)
{
	bool		found;
	Tally	   *tally = hash_search(claims, &claim_id, HASH_ENTER, &found);

	tally->count = found ? tally->count + 1 : 1;
	delivery->claim_id = claim_id;
	wb_destination_spend(delivery->integration_id);
}

/*
 * Let go of a delivery that has its outcome.  Returns whether it was the last
 * of its claim.  One that was never taken is let go without effect.
 */
bool
wb_hand_release(const WbDelivery *delivery)
{
	bool		found;
	Tally	   *tally;

	hash_search(executions, &delivery->execution_id, HASH_REMOVE, &found);
	if (!found)
		return false;
	wb_destination_add(delivery->integration_id, -1);
	tally = hash_search(claims, &delivery->claim_id, HASH_FIND, NULL);
	if (tally == NULL || --tally->count > 0)
		return false;
	hash_search(claims, &delivery->claim_id, HASH_REMOVE, NULL);
	return true;
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

/* The executions in hand, as a bigint[] in the current memory context. */
Datum
wb_hand_list(void)
{
	ArrayBuildState *ids = initArrayResult(INT8OID, CurrentMemoryContext,
										   false);
	HASH_SEQ_STATUS status;
	int64	   *id;

	hash_seq_init(&status, executions);
	while ((id = hash_seq_search(&status)) != NULL)
		accumArrayResult(ids, Int64GetDatum(*id), false, INT8OID,
						 CurrentMemoryContext);
	return makeArrayResult(ids, CurrentMemoryContext);
}
