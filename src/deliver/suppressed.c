/*-------------------------------------------------------------------------
 *
 * suppressed.c
 *		Counts the matches that a cooldown suppressed.
 *
 * There may be one for each row that is written, so a writer does no more
 * than add one to a number in shared memory.  The worker writes the numbers
 * into wb.automation_stats and starts again from zero.  They are for people:
 * a server that crashes may lose what was not written yet, and matches of a
 * transaction that is rolled back count too.
 *
 * IDENTIFICATION
 *		src/deliver/suppressed.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "deliver/shared.h"
#include "deliver/worker.h"
#include "miscadmin.h"
#include "support/clock.h"
#include "support/plan.h"
#include "utils/array.h"
#include "utils/timestamp.h"

/* Where this backend found the numbers of the automations that it counts. */
#define MEMORY_SIZE		64

typedef struct Taken
{
	int64		automation_id;
	uint64		count;
} Taken;

/* Automations that are deleted by now are left out. */
static WbPlan add_to_stats = {
	"INSERT INTO wb.automation_stats AS s"
	" (automation_id, suppressed, suppressed_at)"
	" SELECT n.id, n.count, $3 FROM unnest($1, $2) AS n(id, count)"
	" WHERE EXISTS (SELECT FROM wb.automations a WHERE a.id = n.id)"
	" ON CONFLICT (automation_id) DO UPDATE SET"
	" suppressed = s.suppressed + excluded.suppressed,"
	" suppressed_at = excluded.suppressed_at",
	3,
	{INT8ARRAYOID, INT8ARRAYOID, TIMESTAMPTZOID},
	NULL
};

static WbSuppressed *memory[MEMORY_SIZE];
static WbSuppressed lost[MEMORY_SIZE];	/* for which there was no room */
static Taken *taken = NULL;
static int	taken_count = 0;

static WbSuppressedKey
make_key(int64 automation_id)
{
	WbSuppressedKey key = {.automation_id = automation_id,
	.database = MyDatabaseId};

	return key;
}

/* Find an automation's number, or make one; NULL where there is no room. */
static WbSuppressed *
find(const WbSuppressedKey *key)
{
	WbSuppressed *entry;
	bool		is_found;

	LWLockAcquire(wb_shared->lock, LW_SHARED);
	entry = hash_search(wb_shared_suppressed, key, HASH_FIND, NULL);
	LWLockRelease(wb_shared->lock);
	if (entry != NULL)
		return entry;

	LWLockAcquire(wb_shared->lock, LW_EXCLUSIVE);
	entry = hash_search(wb_shared_suppressed, key, HASH_ENTER_NULL,
						&is_found);
	if (entry != NULL && !is_found)
		pg_atomic_init_u64(&entry->count, 0);
	LWLockRelease(wb_shared->lock);
	return entry;
}

/* Count one match of an automation that its cooldown suppressed. */
void
wb_suppressed_count(int64 automation_id)
{
	WbSuppressedKey key = make_key(automation_id);
	int			place = (int) ((uint64) automation_id % MEMORY_SIZE);

	if (wb_shared == NULL)
		return;
	/* the worker removes one that rests, and another may use its place */
	if (memory[place] == NULL ||
		memcmp(&memory[place]->key, &key, sizeof(key)) != 0)
	{
		memory[place] = find(&key);
		if (memory[place] == NULL)
		{
			memory[place] = &lost[place];
			lost[place].key = key;
		}
	}
	pg_atomic_fetch_add_u64(&memory[place]->count, 1);
}

/* List this database's numbers, and remove those that rest at zero. */
static void
take(void)
{
	HASH_SEQ_STATUS scan;
	WbSuppressed *entry;

	/* allocated before: an error must not leave the lock behind */
	taken = palloc(sizeof(Taken) * WB_SUPPRESSED_MAX);
	taken_count = 0;
	LWLockAcquire(wb_shared->lock, LW_EXCLUSIVE);
	hash_seq_init(&scan, wb_shared_suppressed);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		uint64		count = pg_atomic_read_u64(&entry->count);

		if (entry->key.database != MyDatabaseId)
			continue;
		if (count == 0)
		{
			hash_search(wb_shared_suppressed, &entry->key, HASH_REMOVE, NULL);
			continue;
		}
		taken[taken_count].automation_id = entry->key.automation_id;
		taken[taken_count++].count = count;
	}
	LWLockRelease(wb_shared->lock);
}

/* Forget databases that are not in a list: they were dropped. */
void
wb_suppressed_forget_others(const List *databases)
{
	HASH_SEQ_STATUS scan;
	WbSuppressed *entry;

	if (wb_shared == NULL)
		return;
	LWLockAcquire(wb_shared->lock, LW_EXCLUSIVE);
	hash_seq_init(&scan, wb_shared_suppressed);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		if (!list_member_oid(databases, entry->key.database))
			hash_search(wb_shared_suppressed, &entry->key, HASH_REMOVE, NULL);
	}
	LWLockRelease(wb_shared->lock);
}

static void
write_taken(void)
{
	ArrayBuildState *ids = initArrayResult(INT8OID, CurrentMemoryContext,
										   false);
	ArrayBuildState *counts = initArrayResult(INT8OID, CurrentMemoryContext,
											  false);
	Datum		values[3];

	for (int i = 0; i < taken_count; i++)
	{
		accumArrayResult(ids, Int64GetDatum(taken[i].automation_id), false,
						 INT8OID, CurrentMemoryContext);
		accumArrayResult(counts, Int64GetDatum((int64) taken[i].count), false,
						 INT8OID, CurrentMemoryContext);
	}
	values[0] = makeArrayResult(ids, CurrentMemoryContext);
	values[1] = makeArrayResult(counts, CurrentMemoryContext);
	values[2] = TimestampTzGetDatum(wb_clock_now());
	wb_plan_run(&add_to_stats, values, NULL, SPI_OK_INSERT);
}

/* Take off what is written down; writers may have added to it meanwhile. */
static void
subtract_taken(void)
{
	LWLockAcquire(wb_shared->lock, LW_SHARED);
	for (int i = 0; i < taken_count; i++)
	{
		WbSuppressedKey key = make_key(taken[i].automation_id);
		WbSuppressed *entry = hash_search(wb_shared_suppressed, &key,
										  HASH_FIND, NULL);

		if (entry != NULL)
			pg_atomic_fetch_sub_u64(&entry->count, (int64) taken[i].count);
	}
	LWLockRelease(wb_shared->lock);
}

/* Write the numbers of this database down, in a transaction of its own. */
void
wb_suppressed_write(void)
{
	if (wb_shared == NULL)
		return;
	take();
	if (taken_count > 0 &&
		wb_worker_try("counting suppressed matches",
					  "count suppressed matches", write_taken))
		subtract_taken();
	pfree(taken);
}
