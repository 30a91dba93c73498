/*
 * A library that does nothing but take slots of the server's tables of
 * callbacks, which are the same few for all extensions in a session: as many
 * as the setting callbacks.relcache says of ten, of which PostgreSQL itself
 * uses up to four, and pg_cron one.  For t/019_neighbours.pl.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/syscache.h"

PG_MODULE_MAGIC;

#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
extern void _PG_init(void);

static int	taken = 4;

static void
hear_relation(Datum argument, Oid relation)
{
}

static void
hear_syscache(Datum argument, int cache, uint32 hash)
{
}

void
_PG_init(void)
{
	DefineCustomIntVariable("callbacks.relcache", "How many slots are taken.",
							NULL, &taken, 4, 0, 10, PGC_POSTMASTER, 0,
							NULL, NULL, NULL);
	for (int slot = 0; slot < taken; slot++)
		CacheRegisterRelcacheCallback(hear_relation, (Datum) 0);
	for (int slot = 0; slot < 20; slot++)
		CacheRegisterSyscacheCallback(RELOID, hear_syscache, (Datum) 0);
}
