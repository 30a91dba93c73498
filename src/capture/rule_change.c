/*-------------------------------------------------------------------------
 *
 * rule_change.c
 *		Tells every backend that rules or runs have changed.
 *
 * wb.announce_change() is a trigger that stands ENABLE ALWAYS, so that
 * replicated changes count as well.  It sends a relation cache message
 * about its own table: with the commit to all backends, at the next command to
 * this one, and once more to this one if the transaction aborts.  No lock is
 * taken and no writer waits.
 *
 * IDENTIFICATION
 *		src/capture/rule_change.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "capture/capture.h"
#include "support/compat.h"
#include "utils/inval.h"
#include "utils/rel.h"

WB_FUNCTION_INFO_V1(wb_sql_announce_change);

/* wb.announce_change() returns trigger */
Datum
wb_sql_announce_change(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		!TRIGGER_FIRED_AFTER(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be fired after a change",
						"wb.announce_change")));
	CacheInvalidateRelcache(trigger->tg_relation);
	return PointerGetDatum(NULL);
}
