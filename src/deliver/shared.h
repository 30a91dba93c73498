/*-------------------------------------------------------------------------
 *
 * shared.h
 *		What this library keeps in shared memory: numbers, and nothing that
 *		a decision rests on.
 *
 * There is none where the library is not preloaded; then nothing is counted,
 * and all else works.  All of it is gone after a restart of the server.
 *
 * IDENTIFICATION
 *		src/deliver/shared.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef WB_SHARED_H
#define WB_SHARED_H

#include "datatype/timestamp.h"
#include "storage/lwlock.h"

#define WB_LAST_ERROR_SIZE	256

/*
 * What a database's worker did.  The worker of that database alone writes it,
 * without a lock but for last_error; it stays when the worker has ended.
 */
typedef struct WbWorkerStat
{
	Oid			database;		/* InvalidOid: free */
	TimestampTz started_at;
	int64		starts;
	int64		in_flight;
	int64		wakes;
	int64		looks;			/* at the queue */
	int64		claims;			/* looks that found something */
	int64		claimed;
	int64		records;		/* transactions */
	int64		delivered;
	int64		retried;
	int64		failed;
	int64		skipped;
	int64		held;
	int64		full_look_ms;	/* how long the newest one took */
	int64		memory;			/* bytes */
	TimestampTz last_error_at;
	char		last_error[WB_LAST_ERROR_SIZE];
} WbWorkerStat;

typedef struct WbShared
{
	LWLock	   *lock;			/* who is in the list below; last_error */
	int			worker_count;
	WbWorkerStat workers[FLEXIBLE_ARRAY_MEMBER];
} WbShared;

extern WbShared *wb_shared;		/* NULL where the library is not preloaded */

#endif							/* WB_SHARED_H */
