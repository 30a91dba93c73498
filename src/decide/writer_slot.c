/*-------------------------------------------------------------------------
 *
 * writer_slot.c
 *		Who else writes to a series, told by shared memory.
 *
 * Series share a fixed number of slots, by hash.  A transaction marks a slot
 * before it commits its first row of a series there: it counts the slot's
 * version up and leaves its own transaction id.  Nothing is ever taken back,
 * so nothing can be left behind by a session that dies, and a prepared
 * transaction stays a writer for as long as it is prepared: whether a writer
 * is still there is asked of a snapshot.
 *
 * The rule: mark first, take the snapshot afterwards.  Then whoever marked
 * before is either over in the snapshot, and seen by it, or known to be open;
 * and whoever marks later moves the version.  Two series in one slot only
 * make each other read more often.  docs/decisions/012 has the proof.
 *
 * Shared memory exists only where the library is preloaded; without it, every
 * function here does nothing.
 *
 * IDENTIFICATION
 *		src/decide/writer_slot.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "common/hashfn.h"
#include "decide/decide.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "support/setting.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

typedef struct Slot
{
	slock_t		mutex;
	uint64		version;		/* moves with every mark */
	uint64		newest;			/* who marked last, or 0 */
	uint64		older;			/* of those before, who may be open is no
								 * newer */
} Slot;

static Slot *slots = NULL;
static shmem_request_hook_type next_request_hook = NULL;
static shmem_startup_hook_type next_startup_hook = NULL;

#define SH_PREFIX mark
#define SH_ELEMENT_TYPE WbMark
#define SH_KEY_TYPE uint32
#define SH_KEY slot
#define SH_HASH_KEY(tb, k) murmurhash32(k)
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* The slots that this transaction has marked. */
static mark_hash *marks = NULL;

static Size
memory_size(void)
{
	return mul_size(wb_setting_writer_slots, sizeof(Slot));
}

static void
request_memory(void)
{
	if (next_request_hook)
		next_request_hook();
	RequestAddinShmemSpace(memory_size());
}

static void
attach_memory(void)
{
	bool		is_found;

	if (next_startup_hook)
		next_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	slots = ShmemInitStruct("wb_automations writers", memory_size(),
							&is_found);
	if (!is_found)
	{
		memset(slots, 0, memory_size());
		for (int i = 0; i < wb_setting_writer_slots; i++)
			SpinLockInit(&slots[i].mutex);
	}
	LWLockRelease(AddinShmemInitLock);
}

/* The memory of the marks goes with the transaction's. */
void
wb_writer_slot_end(XactEvent event)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
		event == XACT_EVENT_PREPARE)
		marks = NULL;
}

/* Called once, from _PG_init. */
void
wb_writer_slot_register(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	next_request_hook = shmem_request_hook;
	shmem_request_hook = request_memory;
	next_startup_hook = shmem_startup_hook;
	shmem_startup_hook = attach_memory;
}

static uint32
slot_of(int64 run_id, const char *name, int length)
{
	uint32		hash = hash_bytes((const unsigned char *) name, length);

	hash = hash_combine(hash, murmurhash32((uint32) run_id));
	hash = hash_combine(hash, murmurhash32((uint32) ((uint64) run_id >> 32)));
	return hash_combine(hash, murmurhash32(MyDatabaseId)) %
		wb_setting_writer_slots;
}

/* Leave our transaction's id in a slot, and note who was there before. */
static void
leave_mark(WbMark *mark)
{
	Slot	   *slot = &slots[mark->slot];
	uint64		own = U64FromFullTransactionId(GetTopFullTransactionId());

	mark->company = WB_COMPANY_UNKNOWN;
	SpinLockAcquire(&slot->mutex);
	mark->newest = slot->newest;
	mark->older = slot->older;
	mark->version = ++slot->version;
	slot->older = Max(slot->older, slot->newest);
	slot->newest = own;
	SpinLockRelease(&slot->mutex);
}

/*
 * Tell others that this transaction writes to a series; once a transaction is
 * enough.  NULL where there is no shared memory, or nothing was written yet.
 * Valid until another slot is marked.
 */
WbMark *
wb_writer_slot_mark(int64 run_id, const char *name, int length)
{
	uint32		number;
	WbMark	   *mark;
	bool		is_found;

	if (slots == NULL ||
		!FullTransactionIdIsValid(GetTopFullTransactionIdIfAny()))
		return NULL;
	if (marks == NULL)
		marks = mark_create(TopTransactionContext, 8, NULL);
	number = slot_of(run_id, name, length);
	mark = mark_insert(marks, number, &is_found);
	if (!is_found)
		leave_mark(mark);
	return mark;
}

/* The version of a slot as it is now. */
uint64
wb_writer_slot_version(const WbMark *mark)
{
	Slot	   *slot = &slots[mark->slot];
	uint64		version;

	SpinLockAcquire(&slot->mutex);
	version = slot->version;
	SpinLockRelease(&slot->mutex);
	return version;
}

/* A transaction id of the last two thousand million, with its epoch. */
uint64
wb_writer_slot_widen(TransactionId xid)
{
	FullTransactionId next = ReadNextFullTransactionId();
	uint32		epoch = EpochFromFullTransactionId(next);

	if (xid > XidFromFullTransactionId(next))
		epoch--;
	return ((uint64) epoch << 32) | xid;
}

/* Was a writer over, committed or not, when a snapshot was taken? */
static bool
is_over(uint64 writer, Snapshot snapshot)
{
	if (writer < wb_writer_slot_widen(snapshot->xmin))
		return true;
	return !XidInMVCCSnapshot((TransactionId) writer, snapshot);
}

/*
 * Find out whether those who marked the slot before us were over when a
 * snapshot was taken, later than the mark.  If they were, the slot need not
 * remember them.
 */
void
wb_writer_slot_settle(WbMark *mark, Snapshot snapshot)
{
	Slot	   *slot = &slots[mark->slot];
	uint64		oldest = wb_writer_slot_widen(snapshot->xmin);

	if (mark->company != WB_COMPANY_UNKNOWN)
		return;
	if (mark->older >= oldest ||
		!is_over(mark->newest, snapshot))
	{
		mark->company = WB_COMPANY_OPEN;
		return;
	}
	mark->company = WB_COMPANY_NONE;
	SpinLockAcquire(&slot->mutex);
	if (slot->version == mark->version)
		slot->older = 0;
	SpinLockRelease(&slot->mutex);
}
