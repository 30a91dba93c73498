/*-------------------------------------------------------------------------
 *
 * owner.h
 *		Acting as the owner of our tables, and finding only what is theirs.
 *
 * IDENTIFICATION
 *		src/support/owner.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef WB_OWNER_H
#define WB_OWNER_H

/* What a caller had before it became the owner of our tables. */
typedef struct WbIdentity
{
	Oid			user_id;
	int			security_context;
	int			path_level;
} WbIdentity;

extern bool wb_owner_become(WbIdentity *before);
extern void wb_owner_leave(const WbIdentity *before);
extern int	wb_owner_pin_path(void);
extern void wb_owner_release_path(int level);

#endif							/* WB_OWNER_H */
