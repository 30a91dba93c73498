/*
 * callback_slots.c
 *		A library that listens to the relation cache as often as seven others.
 *
 * A backend has room for ten such callbacks.  The server itself takes two, so
 * one is left: another library may need no more.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/inval.h"

#define TAKEN	7

PG_MODULE_MAGIC;

extern __attribute__((visibility("default"))) void _PG_init(void);

static void
ignore_message(Datum argument, Oid relation)
{
}

void
_PG_init(void)
{
	for (int i = 0; i < TAKEN; i++)
		CacheRegisterRelcacheCallback(ignore_message, (Datum) 0);
}
