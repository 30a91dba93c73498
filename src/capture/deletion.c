/*-------------------------------------------------------------------------
 *
 * deletion.c
 *		What goes with a run, a project or a collection when it is deleted.
 *
 * Metrics have no foreign key to their run, and automations none to their
 * scope, so the deletions that keys would cascade to are made here; as the
 * owner of the tables, as a cascade would make them.  History stays.
 *
 * IDENTIFICATION
 *		src/capture/deletion.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "capture/capture.h"
#include "catalog/pg_type.h"
#include "support/compat.h"
#include "support/owner.h"
#include "support/plan.h"
#include "support/relation.h"
#include "utils/builtins.h"

WB_FUNCTION_INFO_V1(wb_sql_forget_run);
WB_FUNCTION_INFO_V1(wb_sql_forget_scope);

static WbPlan delete_metrics = {
	"DELETE FROM wb.run_metrics WHERE run_id = $1", 1, {INT8OID}, NULL
};

static WbPlan delete_automations = {
	"DELETE FROM wb.automations WHERE scope_id = $1 AND scope_type = $2", 2,
	{INT8OID, TEXTOID}, NULL
};

static const TriggerData *
check_deletion(FunctionCallInfo fcinfo, const char *name)
{
	const TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		!TRIGGER_FIRED_AFTER(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
		!TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be fired after a row is deleted",
						name)));
	if (!wb_relation_is_ours(trigger->tg_relation))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("table \"%s\" cannot delete what belongs to wb.executions' owner",
						RelationGetRelationName(trigger->tg_relation))));
	return trigger;
}

/* The id of the row; its table may be any that a trigger of ours is put on. */
static Datum
deleted_id(const TriggerData *trigger)
{
	Relation	table = trigger->tg_relation;
	AttrNumber	number = wb_relation_attribute(table, "id");
	Oid			type = TupleDescAttr(RelationGetDescr(table),
									 number - 1)->atttypid;

	if (type != INT8OID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"id\" of table \"%s\" is of type %s, not bigint",
						RelationGetRelationName(table), format_type_be(type)),
				 errhint("What belongs to the row cannot be found.")));
	return Int64GetDatum(wb_trigger_id(trigger, trigger->tg_trigtuple, "id"));
}

static void
delete_as_owner(WbPlan *plan, Datum *values)
{
	WbIdentity	before;

	if (!wb_owner_become(&before))
		return;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	wb_plan_run(plan, values, NULL, SPI_OK_DELETE);
	SPI_finish();
	wb_owner_leave(&before);
}

/* wb.forget_run() returns trigger: the metrics of a run go with it */
Datum
wb_sql_forget_run(PG_FUNCTION_ARGS)
{
	const TriggerData *trigger = check_deletion(fcinfo, "wb.forget_run");
	Datum		values[1];

	values[0] = deleted_id(trigger);
	delete_as_owner(&delete_metrics, values);
	return PointerGetDatum(NULL);
}

/* wb.forget_scope(scope type) returns trigger: so do a scope's automations */
Datum
wb_sql_forget_scope(PG_FUNCTION_ARGS)
{
	const TriggerData *trigger = check_deletion(fcinfo, "wb.forget_scope");
	Datum		values[2];

	if (trigger->tg_trigger->tgnargs != 1)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" needs one argument, the type of the scope",
						"wb.forget_scope")));
	values[0] = deleted_id(trigger);
	values[1] = CStringGetTextDatum(trigger->tg_trigger->tgargs[0]);
	delete_as_owner(&delete_automations, values);
	return PointerGetDatum(NULL);
}
