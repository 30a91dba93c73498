/*-------------------------------------------------------------------------
 *
 * compat.h
 *		Every difference between the PostgreSQL majors that we build on.
 *
 * This is the one file that may test PG_VERSION_NUM.  Each wrapper has the
 * newest major's form, so that dropping an old major means deleting an #if.
 *
 * IDENTIFICATION
 *		src/support/compat.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef WB_COMPAT_H
#define WB_COMPAT_H

#include "access/genam.h"
#include "catalog/dependency.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "storage/proc.h"
#include "utils/rel.h"
#include "utils/wait_event.h"

#if PG_VERSION_NUM < 150000
#error "wb_automations needs PostgreSQL 15 or newer"
#endif

/* Before 16 the server did not declare its own entry point. */
#if PG_VERSION_NUM < 160000
extern PGDLLEXPORT void _PG_init(void);
#endif

/* From 18 on pg_get_loaded_modules() shows which library is loaded. */
#if PG_VERSION_NUM >= 180000
#define WB_MODULE_MAGIC \
	PG_MODULE_MAGIC_EXT(.name = "wb_automations", .version = WB_VERSION)
#else
#define WB_MODULE_MAGIC PG_MODULE_MAGIC
#endif

#define WB_FUNCTION_INFO_V1(fn) \
	extern PGDLLEXPORT Datum fn(PG_FUNCTION_ARGS); \
	PG_FUNCTION_INFO_V1(fn)

static inline IndexScanDesc
wb_index_beginscan(Relation table, Relation index, Snapshot snapshot,
				   int key_count)
{
#if PG_VERSION_NUM >= 180000
	return index_beginscan(table, index, snapshot, NULL, key_count, 0);
#else
	return index_beginscan(table, index, snapshot, key_count, 0);
#endif
}

/* Enter a row that is new and in the table already into all indexes. */
static inline void
wb_insert_index_entries(ResultRelInfo *target, TupleTableSlot *slot,
						EState *estate)
{
#if PG_VERSION_NUM >= 160000
	ExecInsertIndexTuples(target, slot, estate, false, false, NULL, NIL,
						  false);
#else
	ExecInsertIndexTuples(target, slot, estate, false, false, NULL, NIL);
#endif
}

static inline Oid
wb_identity_sequence(Relation table, AttrNumber column)
{
#if PG_VERSION_NUM >= 170000
	return getIdentitySequence(table, column, false);
#else
	return getIdentitySequence(RelationGetRelid(table), column, false);
#endif
}

/* This backend's current transaction, as far as it can be told apart. */
static inline LocalTransactionId
wb_local_transaction_id(void)
{
#if PG_VERSION_NUM >= 170000
	return MyProc->vxid.lxid;
#else
	return MyProc->lxid;
#endif
}

static inline bool
wb_proc_is_background_worker(const PGPROC *proc)
{
#if PG_VERSION_NUM >= 180000
	return !proc->isRegularBackend;
#else
	return proc->isBackgroundWorker;
#endif
}

/*
 * A wait event of ours, by its name, which pg_stat_activity shows from 17 on.
 * "event" keeps it, and starts as 0.
 */
static inline uint32
wb_wait_event(uint32 *event, const char *name)
{
#if PG_VERSION_NUM >= 170000
	if (*event == 0)
		*event = WaitEventExtensionNew(name);
#else
	*event = PG_WAIT_EXTENSION;
#endif
	return *event;
}

#endif							/* WB_COMPAT_H */
