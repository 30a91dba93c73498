/*-------------------------------------------------------------------------
 *
 * fire.h
 *		The writer's side of the queue, between its own files.
 *
 * Private to fire.c, cooldown.c, snapshot.c, batch.c, guard.c and history.c,
 * which all run inside the user's transaction.
 *
 * IDENTIFICATION
 *		src/deliver/fire.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef WB_FIRE_H
#define WB_FIRE_H

#include "deliver/append.h"
#include "deliver/deliver.h"
#include "wb_automations.h"

/* What stands between an automation and another execution on the same run. */
typedef struct WbCooldown
{
	bool		is_active;
	bool		is_noted;		/* a SKIPPED execution tells of it already */
	TimestampTz started_at;
} WbCooldown;

/* What an automation has to say, before it is a row. */
typedef struct WbFiring
{
	const WbVerdict *verdict;
	const char *origin;
	const char *state;
	const char *cooldown_key;
	const char *why;
	const char *problem;		/* NULL, or what result says */
	TimestampTz now;
} WbFiring;

/* A row of wb.executions to be, and of wb.deliveries where it is queued. */
typedef struct WbRecord
{
	int64		automation_id;
	const char *automation_name;
	int64		run_id;
	int64		integration_id;
	TimestampTz now;
	bool		is_queued;
	WbAppendRow execution;
	WbAppendRow delivery;
} WbRecord;

/* deliver/batch.c */
extern void wb_batch_add(const WbFiring *firing);
extern void wb_batch_settle(int64 automation_id, int64 run_id);

/* deliver/cooldown.c */
extern WbCooldown wb_cooldown_find(const WbVerdict *verdict,
								   const char *origin, const char *key,
								   TimestampTz now);
extern TimestampTz wb_cooldown_end(TimestampTz start,
								   const Interval *cooldown);
extern bool wb_cooldown_applies(const WbAutomation *automation);

/* deliver/guard.c */
extern bool wb_guard_write(WbGuarded function, void *argument,
						   const char *automation_name);
extern bool wb_guard_compute(WbGuarded function, void *argument,
							 const char *automation_name);

/* deliver/history.c */
extern WbRecord *wb_history_compose(const WbFiring *firing);
extern void wb_history_write(WbRecord **records, int count);

/* deliver/snapshot.c */
extern bool wb_snapshot_is_known(const WbEvent *event);
extern void wb_snapshot_visit(const WbEvent *event);
extern Jsonb *wb_snapshot_event(const WbVerdict *verdict);

#endif							/* WB_FIRE_H */
