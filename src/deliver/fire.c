/*-------------------------------------------------------------------------
 *
 * fire.c
 *		Writes a firing into history and queue, in the user's transaction.
 *
 * The user's write must not fail because of an automation.  Everything is
 * written within a subtransaction, and an error there is logged and swallowed;
 * only what the whole server suffers from (a cancelled query, a shutdown, no
 * memory, no disk) goes on to the user.
 *
 * Nothing here can wait for another session: rows are only inserted, no unique
 * key can collide, and there is no foreign key.
 *
 * IDENTIFICATION
 *		src/deliver/fire.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "deliver/deliver.h"
#include "deliver/fire.h"
#include "support/clock.h"
#include "support/json.h"
#include "support/plan.h"
#include "support/relation.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

/* One row of wb.executions to be. */
typedef struct Firing
{
	const WbVerdict *verdict;
	const char *origin;
	const char *state;
	const char *cooldown_key;
	const char *why;
	const char *problem;		/* NULL, or what result says */
	TimestampTz now;
} Firing;

static WbPlan insert_execution = {
	"INSERT INTO wb.executions (automation_id, automation_name, origin, state,"
	" triggered_at, cooldown, cooldown_key, event_type, project_id, run_id,"
	" artifact_id, why, event, action_type, action, result, settled_at)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,"
	" $15, $16, CASE WHEN $4 <> 'PENDING' THEN $5 END) RETURNING id",
	16,
	{INT8OID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, INTERVALOID, TEXTOID,
		TEXTOID, INT8OID, INT8OID, INT8OID, TEXTOID, JSONBOID, TEXTOID,
	JSONBOID, JSONBOID},
	NULL
};

static WbPlan insert_delivery = {
	"INSERT INTO wb.deliveries (execution_id, integration_id, installation_id,"
	" due_at) VALUES ($1, $2, $3, $4)",
	4,
	{INT8OID, INT8OID, UUIDOID, TIMESTAMPTZOID},
	NULL
};

/* Who this database is, as deliveries are stamped with it. */
static pg_uuid_t *
read_installation(void)
{
	Oid			oid = wb_relation_oid(WB_TABLE_INSTALLATION);
	Relation	table = table_open(oid, AccessShareLock);
	WbScan		scan;
	ScanKeyData key;
	bool		is_null;
	pg_uuid_t  *id = NULL;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_BOOLEQ, BoolGetDatum(true));
	wb_scan_begin(&scan, table, wb_relation_index(table, "only_row", NULL, NULL),
				  &key, 1, NULL, ForwardScanDirection);
	if (wb_scan_next(&scan))
	{
		id = palloc(sizeof(pg_uuid_t));
		*id = *DatumGetUUIDP(wb_scan_column(&scan, "id", &is_null));
	}
	wb_scan_end(&scan);
	table_close(table, AccessShareLock);
	if (id == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("wb.installation has no row"),
				 errhint("Run SELECT wb.setup();.")));
	return id;
}

/* What result says of an execution that ends where it starts. */
static Datum
problem_result(const char *problem)
{
	StringInfoData error;
	StringInfoData result;

	wb_json_begin(&error);
	wb_json_add_text(&error, "message", problem);
	wb_json_end(&error);
	wb_json_begin(&result);
	wb_json_add_text(&result, "resultType", "DEFAULT");
	wb_json_add_raw(&result, "error", error.data);
	return JsonbPGetDatum(wb_json_end(&result));
}

static bool
has_cooldown(const WbAutomation *automation)
{
	const Interval *cooldown = automation->cooldown;

	return cooldown != NULL &&
		(cooldown->time != 0 || cooldown->day != 0 || cooldown->month != 0);
}

static int64
write_execution(const Firing *firing)
{
	const WbAutomation *automation = firing->verdict->automation;
	const WbEvent *event = firing->verdict->event;
	const char *event_type = wb_event_type_shown(automation->event_type);
	Datum		values[16];
	char		nulls[17] = "                ";
	bool		is_null;

	values[0] = Int64GetDatum(automation->id);
	values[1] = CStringGetTextDatum(automation->name);
	values[2] = CStringGetTextDatum(firing->origin);
	values[3] = CStringGetTextDatum(firing->state);
	values[4] = TimestampTzGetDatum(firing->now);
	values[5] = IntervalPGetDatum(automation->cooldown);
	nulls[5] = has_cooldown(automation) ? ' ' : 'n';
	values[6] = CStringGetTextDatum(firing->cooldown_key);
	values[7] = CStringGetTextDatum(event_type);
	values[8] = Int64GetDatum(event->project_id);
	nulls[8] = event->project_id == WB_NO_ID ? 'n' : ' ';
	values[9] = Int64GetDatum(event->run_id);
	nulls[9] = event->run_id == WB_NO_ID ? 'n' : ' ';
	values[10] = Int64GetDatum(event->artifact_id);
	nulls[10] = event->artifact_id == WB_NO_ID ? 'n' : ' ';
	values[11] = CStringGetTextDatum(firing->why);
	values[12] = JsonbPGetDatum(wb_snapshot_event(firing->verdict));
	values[13] = CStringGetTextDatum(automation->action_type_name);
	values[14] = JsonbPGetDatum(automation->action_config);
	values[15] = (Datum) 0;
	nulls[15] = 'n';
	if (firing->problem != NULL)
	{
		values[15] = problem_result(firing->problem);
		nulls[15] = ' ';
	}
	wb_plan_run(&insert_execution, values, nulls, SPI_OK_INSERT_RETURNING);
	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0],
									   SPI_tuptable->tupdesc, 1, &is_null));
}

static void
write_delivery(const Firing *firing, int64 execution_id)
{
	Datum		values[4];

	values[0] = Int64GetDatum(execution_id);
	values[1] = Int64GetDatum(firing->verdict->automation->integration_id);
	values[2] = UUIDPGetDatum(read_installation());
	values[3] = TimestampTzGetDatum(firing->now);
	wb_plan_run(&insert_delivery, values, NULL, SPI_OK_INSERT);
	wb_wake_worker_at_commit();
}

static void
write_rows(const Firing *firing)
{
	WbIdentity	before;

	if (!wb_relation_become_owner(&before))
		return;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	if (strcmp(firing->state, "PENDING") == 0)
		write_delivery(firing, write_execution(firing));
	else
		write_execution(firing);
	SPI_finish();
	wb_relation_restore_identity(&before);
}

/* Must the user hear of an error, because it is not about the automation? */
static bool
concerns_everybody(const ErrorData *error)
{
	switch (ERRCODE_TO_CATEGORY(error->sqlerrcode))
	{
		case MAKE_SQLSTATE('5', '3', '0', '0', '0'):	/* no resources */
		case MAKE_SQLSTATE('5', '7', '0', '0', '0'):	/* cancelled */
		case MAKE_SQLSTATE('5', '8', '0', '0', '0'):	/* system error */
			return true;
		default:
			return false;
	}
}

/* Write a firing; where that fails, log it and leave nothing. */
static void
write_guarded(const Firing *firing)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		write_rows(firing);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;

		/* outside of a block, nobody above would end our subtransaction */
		if (concerns_everybody(error))
			ReThrowError(error);
		ereport(LOG,
				(errcode(error->sqlerrcode),
				 errmsg("could not record that automation \"%s\" fired: %s",
						firing->verdict->automation->name, error->message)));
		FreeErrorData(error);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
}

/*
 * Fire an automation, or note that its cooldown forbids it.  Returns until
 * when it needs not be asked about this run again; DT_NOBEGIN if it must.
 */
TimestampTz
wb_deliver_fire(const WbVerdict *verdict)
{
	const WbAutomation *automation = verdict->automation;
	Firing		firing = {.verdict = verdict,.origin = "event",
		.state = "PENDING",.cooldown_key = "",.why = verdict->why,
	.now = wb_clock_now()};
	WbCooldown	cooldown;
	TimestampTz end;

	if (automation->is_once_per_state && verdict->reported_state != NULL)
		firing.cooldown_key = verdict->reported_state;
	if (!has_cooldown(automation))
	{
		write_guarded(&firing);
		return DT_NOBEGIN;
	}

	cooldown = wb_cooldown_find(verdict, firing.origin, firing.cooldown_key,
								firing.now);
	if (!cooldown.is_active)
	{
		/* only a suppressed match is known to stay so: ask once more */
		write_guarded(&firing);
		return DT_NOBEGIN;
	}

	end = wb_cooldown_end(cooldown.started_at, automation->cooldown);
	if (!cooldown.is_noted)
	{
		firing.state = "SKIPPED";
		firing.problem = psprintf("cooldown until %s",
								  timestamptz_to_str(end));
		write_guarded(&firing);
	}
	else
		wb_suppressed_count(automation->id);
	return end;
}

/*
 * Tell that an automation cannot be judged: one FAILED execution per run and
 * cooldown, without a delivery.  Returns as wb_deliver_fire does.
 */
TimestampTz
wb_deliver_fire_broken(const WbVerdict *verdict)
{
	const WbAutomation *automation = verdict->automation;
	Firing		firing = {.verdict = verdict,.origin = "error",
		.state = "FAILED",.cooldown_key = "",.problem = automation->broken,
	.now = wb_clock_now()};
	WbCooldown	cooldown = {0};

	firing.why = psprintf("automation \"%s\" could not be judged: %s",
						  automation->name, automation->broken);
	if (has_cooldown(automation))
		cooldown = wb_cooldown_find(verdict, firing.origin, "", firing.now);
	if (!cooldown.is_active)
	{
		cooldown.started_at = firing.now;
		write_guarded(&firing);
	}
	if (!has_cooldown(automation))
		return DT_NOBEGIN;
	return wb_cooldown_end(cooldown.started_at, automation->cooldown);
}
