/*-------------------------------------------------------------------------
 *
 * fire.h
 *		The writer's side of the queue, between its own files.
 *
 * Private to fire.c, cooldown.c and snapshot.c, which all run inside the
 * user's transaction.
 *
 * IDENTIFICATION
 *		src/deliver/fire.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef WB_FIRE_H
#define WB_FIRE_H

#include "wb_automations.h"

/* What stands between an automation and another execution on the same run. */
typedef struct WbCooldown
{
	bool		is_active;
	bool		is_noted;		/* a SKIPPED execution tells of it already */
	TimestampTz started_at;
} WbCooldown;

/* deliver/cooldown.c */
extern WbCooldown wb_cooldown_find(const WbVerdict *verdict,
								   const char *origin, const char *key,
								   TimestampTz now);
extern TimestampTz wb_cooldown_end(TimestampTz start,
								   const Interval *cooldown);

/* deliver/snapshot.c */
extern Jsonb *wb_snapshot_event(const WbVerdict *verdict);

#endif							/* WB_FIRE_H */
