/*-------------------------------------------------------------------------
 *
 * shared.c
 *		Sets up what this library keeps in shared memory.
 *
 * Only numbers for people are kept there; see shared.h.
 *
 * IDENTIFICATION
 *		src/deliver/shared.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "deliver/deliver.h"
#include "deliver/shared.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"

WbShared   *wb_shared = NULL;

static shmem_request_hook_type next_request_hook = NULL;
static shmem_startup_hook_type next_startup_hook = NULL;

static Size
shared_size(void)
{
	return add_size(offsetof(WbShared, workers),
					mul_size(max_worker_processes, sizeof(WbWorkerStat)));
}

static void
request(void)
{
	if (next_request_hook)
		next_request_hook();
	RequestAddinShmemSpace(shared_size());
	RequestNamedLWLockTranche("wb_automations", 1);
}

static void
start_up(void)
{
	bool		is_found;

	if (next_startup_hook)
		next_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	wb_shared = ShmemInitStruct("wb_automations", shared_size(), &is_found);
	if (!is_found)
	{
		memset(wb_shared, 0, shared_size());
		wb_shared->lock = &GetNamedLWLockTranche("wb_automations")->lock;
		wb_shared->worker_count = max_worker_processes;
	}
	LWLockRelease(AddinShmemInitLock);
}

/* Called once, from _PG_init; does nothing where it is too late for it. */
void
wb_shared_register(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	next_request_hook = shmem_request_hook;
	shmem_request_hook = request;
	next_startup_hook = shmem_startup_hook;
	shmem_startup_hook = start_up;
}
