/*-------------------------------------------------------------------------
 *
 * seal.h
 *		What a sealed secret looks like, and where it was sealed.
 *
 * IDENTIFICATION
 *		src/deliver/seal.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef WB_SEAL_H
#define WB_SEAL_H

#include "deliver/secret_key.h"

/* A database, among those of all servers. */
typedef struct WbSealOrigin
{
	uint64		system;			/* 0 with an older form, which tells not */
	Oid			database;
} WbSealOrigin;

extern WbSealOrigin wb_seal_here(void);
extern bool wb_seal_is_here(const WbSealOrigin *origin);
extern bool wb_seal_read_origin(bytea *sealed, WbSealOrigin *origin);
extern char *wb_seal_origin_text(const WbSealOrigin *origin);
extern bytea *wb_seal(const WbSecretKey *key, int64 entity_id,
					  const char *name, const char *value);
extern char *wb_unseal(const WbSecretKey *key, const WbSealOrigin *origin,
					   int64 entity_id, const char *name, bytea *sealed);

#endif							/* WB_SEAL_H */
