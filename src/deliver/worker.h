/*-------------------------------------------------------------------------
 *
 * worker.h
 *		The worker's side of the queue, between its own files.
 *
 * All of this runs in the worker, but for wb_worker_register and the hook on
 * commands about databases.  The worker never goes on after an error: it ends
 * and is started anew, so nothing here undoes what it keeps in memory.
 *
 * IDENTIFICATION
 *		src/deliver/worker.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef WB_WORKER_H
#define WB_WORKER_H

#include "deliver/deliver.h"
#include "postmaster/bgworker.h"
#include "utils/array.h"
#include "utils/uuid.h"

/* Signal that asks a worker to end and not to be started again. */
#define WB_WORKER_LEAVE_SIGNAL	SIGUSR2

/* What was in hand when the worker died this often is claimed alone. */
#define WB_CRASHES_UNTIL_ALONE	2

/* An execution that is due, as far as its cooldown asks. */
typedef struct WbContender
{
	int64		execution_id;
	int64		automation_id;
	int64		run_id;			/* WB_NO_ID for none */
	TimestampTz triggered_at;
	Interval   *cooldown;
	char	   *cooldown_key;
} WbContender;

/* The receivers that something may be claimed for; the arrays go together. */
typedef struct WbDestinationList
{
	Datum		ids;			/* bigint[] */
	Datum		rooms;			/* integer[]: how many more for each */
	Datum		since;			/* timestamptz[]: see wb_destination_advance */
	Datum		ordered;		/* boolean[]: one after the other? */
} WbDestinationList;

/* deliver/chore.c */
extern void wb_chore_call(void);
extern long wb_chore_wait_ms(void);
extern void wb_chore_run(void);
extern void wb_chore_follow_clock(void);

/* deliver/claim.c */
extern void wb_claim_batch(dlist_head *ended, dlist_head *to_send,
						   dlist_head *unsent, TimestampTz *next_look);

/* deliver/contend.c */
extern char *wb_contend_lose(const WbContender *contender);

/* deliver/crash.c */
extern bool wb_crash_recover(void);
extern int	wb_crash_avert(dlist_head *ended);

/* deliver/database_command.c */
extern void wb_database_command_watch(void);

/* deliver/destination.c */
struct WbDestination;
extern void wb_destination_start(void);
extern void wb_destination_add(int64 id, int count);
extern void wb_destination_spend(int64 id);
extern void wb_destination_advance(int64 id, TimestampTz due_at);
extern bool wb_destination_is_known(int64 id);
extern int	wb_destination_room(const struct WbDestination *destination,
								TimestampTz now, int free);
extern TimestampTz wb_destination_next_change(TimestampTz now);
extern void wb_destination_forget_idle(TimestampTz now);

/* deliver/destination_state.c */
extern TimestampTz wb_destination_refresh(TimestampTz now);
extern void wb_destination_list(TimestampTz now, int free, bool is_full,
								WbDestinationList *list);
extern void wb_destination_disable(void);

/* deliver/digest.c */
extern void wb_digest_widen(ArrayType *picked, TimestampTz now,
							pg_uuid_t *installation, dlist_head *to_send,
							dlist_head *settled);
extern void wb_digest_fold(dlist_head *to_send);

/* deliver/hand.c */
extern void wb_hand_start(void);
extern void wb_hand_take(const WbDelivery *delivery);
extern void wb_hand_join_claim(WbDelivery *delivery, int64 claim_id);
extern bool wb_hand_has(int64 execution_id);
extern int	wb_hand_count(void);
extern Datum wb_hand_list(void);
extern WbDelivery *wb_hand_new_delivery(int64 execution_id);

/* deliver/installation.c */
extern bool wb_installation_exists(void);
extern bool wb_installation_is_current(void);
extern bool wb_installation_is_here(pg_uuid_t *id);

/* deliver/load.c */
extern void wb_load_deliveries(ArrayType *execution_ids, dlist_head *to_send,
							   dlist_head *settled);

/* deliver/pick.c */
extern bool wb_pick_must_wait(void);
extern ArrayType *wb_pick_due(int limit, TimestampTz now,
							  pg_uuid_t *installation,
							  TimestampTz *next_look);

/* deliver/session.c */
extern void wb_session_connect(Oid database);
extern void wb_session_become_worker(void);
extern bool wb_session_must_end(void);
extern bool wb_session_must_leave(void);

/* deliver/start_worker.c */
extern bool wb_worker_register(Oid database, pid_t notify_pid,
							   BackgroundWorkerHandle **handle);

/* deliver/worker_stat.c */
extern void wb_stat_start(void);
extern void wb_stat_wake(void);
extern void wb_stat_look(int claimed);
extern void wb_stat_full_look(int64 milliseconds);
extern void wb_stat_rest(int in_flight);
extern void wb_stat_error(const char *message);

/* deliver/worker.c */
extern int	wb_worker_capacity(void);

#endif							/* WB_WORKER_H */
