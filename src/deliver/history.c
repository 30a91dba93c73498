/*-------------------------------------------------------------------------
 *
 * history.c
 *		Writes firings into history and queue, in the user's transaction.
 *
 * Runs within a subtransaction of guard.c, as the owner of the tables.
 * Nothing here can wait for another session: rows are only inserted, no unique
 * key can collide, and there is no foreign key.
 *
 * Rows are appended directly where the tables are as wb.setup() made them, and
 * by SQL where a user put something on them that must see every row.
 *
 * IDENTIFICATION
 *		src/deliver/history.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "deliver/deliver.h"
#include "deliver/fire.h"
#include "support/document.h"
#include "support/owner.h"
#include "support/plan.h"
#include "support/row.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

/* Where a row of wb.executions has its id; SQL gives the other columns. */
#define EXECUTION_ID	19

static WbPlan insert_execution = {
	"INSERT INTO wb.executions (automation_id, automation_name, origin, state,"
	" triggered_at, settled_at, cooldown, cooldown_key, event_type, project_id,"
	" run_id, artifact_id, why, event, action_type, action, result,"
	" scope_type, scope_id)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,"
	" $15, $16, $17, $18, $19) RETURNING id",
	EXECUTION_ID,
	{INT8OID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
		INTERVALOID, TEXTOID, TEXTOID, INT8OID, INT8OID, INT8OID, TEXTOID,
	JSONBOID, TEXTOID, JSONBOID, JSONBOID, TEXTOID, INT8OID},
	NULL
};

static WbAppendTarget executions = {
	.table = WB_TABLE_EXECUTIONS,.identity = "id",.column_count = 20,
	.columns = {
		{"automation_id", INT8OID}, {"automation_name", TEXTOID},
		{"origin", TEXTOID}, {"state", TEXTOID},
		{"triggered_at", TIMESTAMPTZOID}, {"settled_at", TIMESTAMPTZOID},
		{"cooldown", INTERVALOID}, {"cooldown_key", TEXTOID},
		{"event_type", TEXTOID}, {"project_id", INT8OID},
		{"run_id", INT8OID}, {"artifact_id", INT8OID}, {"why", TEXTOID},
		{"event", JSONBOID}, {"action_type", TEXTOID}, {"action", JSONBOID},
		{"result", JSONBOID}, {"scope_type", TEXTOID}, {"scope_id", INT8OID},
		{"id", INT8OID}
	}
};

static WbPlan insert_delivery = {
	"INSERT INTO wb.deliveries (execution_id, integration_id, installation_id,"
	" due_at, attempts, crashes, last_error) VALUES ($1, $2, $3, $4, $5, $6, $7)",
	7,
	{INT8OID, INT8OID, UUIDOID, TIMESTAMPTZOID, INT2OID, INT2OID, TEXTOID},
	NULL
};

static WbAppendTarget deliveries = {
	.table = WB_TABLE_DELIVERIES,.column_count = 7,
	.columns = {
		{"execution_id", INT8OID}, {"integration_id", INT8OID},
		{"installation_id", UUIDOID}, {"due_at", TIMESTAMPTZOID},
		{"attempts", INT2OID}, {"crashes", INT2OID}, {"last_error", TEXTOID}
	}
};

/* Who this database is, as deliveries are stamped with it. */
static pg_uuid_t *
read_installation(void)
{
	Relation	table = wb_relation_open(WB_TABLE_INSTALLATION);
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
static Jsonb *
problem_result(const char *problem)
{
	WbDocument	error;
	WbDocument	result;

	wb_document_begin(&error);
	wb_document_add_text(&error, "message", problem);
	wb_document_begin(&result);
	wb_document_add_text(&result, "resultType", "DEFAULT");
	wb_document_add_jsonb(&result, "error", wb_document_end(&error));
	return wb_document_end(&result);
}

static void
put(WbAppendRow *row, int *column, Datum value, bool is_null)
{
	row->values[*column] = is_null ? (Datum) 0 : value;
	row->nulls[(*column)++] = is_null;
}

static void
put_text(WbAppendRow *row, int *column, const char *text)
{
	put(row, column, CStringGetTextDatum(text), false);
}

static void
put_id(WbAppendRow *row, int *column, int64 id)
{
	put(row, column, Int64GetDatum(id), id == WB_NO_ID);
}

/* The columns of wb.executions, in the order of "executions" above. */
static void
compose_execution(WbAppendRow *row, const WbFiring *firing, bool is_queued)
{
	const WbAutomation *automation = firing->verdict->automation;
	const WbEvent *event = firing->verdict->event;
	Datum		now = TimestampTzGetDatum(firing->now);
	int			n = 0;

	put_id(row, &n, automation->id);
	put_text(row, &n, automation->name);
	put_text(row, &n, firing->origin);
	put_text(row, &n, firing->state);
	put(row, &n, now, false);
	put(row, &n, now, is_queued);
	put(row, &n, IntervalPGetDatum(automation->cooldown),
		!wb_cooldown_applies(automation));
	put_text(row, &n, firing->cooldown_key);
	put_text(row, &n, wb_event_type_shown(automation->event_type));
	put_id(row, &n, event->project_id);
	put_id(row, &n, event->run_id);
	put_id(row, &n, event->artifact_id);
	put_text(row, &n, firing->why);
	put(row, &n, JsonbPGetDatum(wb_snapshot_event(firing->verdict)), false);
	put_text(row, &n, automation->action_type_name);
	put(row, &n, JsonbPGetDatum(automation->action_config), false);
	put(row, &n, JsonbPGetDatum(firing->problem ?
								problem_result(firing->problem) : NULL),
		firing->problem == NULL);
	put_text(row, &n, automation->scope_type);
	put_id(row, &n, automation->scope_id);
	Assert(n == EXECUTION_ID);
}

/* Make the rows of a firing, in the current memory context. */
WbRecord *
wb_history_compose(const WbFiring *firing)
{
	const WbAutomation *automation = firing->verdict->automation;
	WbRecord   *record = palloc(sizeof(WbRecord));

	record->automation_id = automation->id;
	record->automation_name = automation->name;
	record->run_id = firing->verdict->event->run_id;
	record->integration_id = automation->integration_id;
	record->now = firing->now;
	record->is_queued = strcmp(firing->state, "PENDING") == 0;
	compose_execution(&record->execution, firing, record->is_queued);
	return record;
}

/* Run a statement for one row; false where no row came of it. */
static bool
insert_row(WbPlan *plan, WbAppendRow *row, int expected)
{
	char		nulls[WB_PLAN_MAX_ARGUMENTS];
	bool		is_written;
	bool		is_null;

	for (int i = 0; i < plan->argument_count; i++)
		nulls[i] = row->nulls[i] ? 'n' : ' ';
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	is_written = wb_plan_run(plan, row->values, nulls, expected) > 0;
	if (is_written && expected == SPI_OK_INSERT_RETURNING)
		row->values[EXECUTION_ID] = wb_row_value(SPI_tuptable, 0, 1, INT8OID,
												 &is_null);
	SPI_finish();
	return is_written;
}

/*
 * Write executions, and give them their ids.  One that a trigger of the
 * user's swallowed is not queued either.
 */
static void
write_executions(WbRecord **records, int count)
{
	WbAppendRow **rows = palloc(sizeof(WbAppendRow *) * count);
	Relation	table = wb_append_open(&executions);
	bool		is_done = false;

	for (int i = 0; i < count; i++)
		rows[i] = &records[i]->execution;
	if (table != NULL)
	{
		for (int i = 0; i < count; i++)
		{
			rows[i]->values[EXECUTION_ID] =
				Int64GetDatum(wb_append_next_id(&executions));
			rows[i]->nulls[EXECUTION_ID] = false;
		}
		is_done = wb_append_rows(&executions, table, rows, count);
		table_close(table, NoLock);
	}
	for (int i = 0; !is_done && i < count; i++)
	{
		if (!insert_row(&insert_execution, rows[i], SPI_OK_INSERT_RETURNING))
			records[i]->is_queued = false;
	}
}

static void
compose_delivery(WbRecord *record, pg_uuid_t *installation)
{
	WbAppendRow *row = &record->delivery;
	int			n = 0;

	put(row, &n, record->execution.values[EXECUTION_ID], false);
	put(row, &n, Int64GetDatum(record->integration_id), false);
	put(row, &n, UUIDPGetDatum(installation), false);
	put(row, &n, TimestampTzGetDatum(record->now), false);
	put(row, &n, Int16GetDatum(0), false);
	put(row, &n, Int16GetDatum(0), false);
	put(row, &n, (Datum) 0, true);
}

/* Queue the executions that are to be delivered. */
static void
write_deliveries(WbRecord **records, int count)
{
	WbAppendRow **rows = palloc(sizeof(WbAppendRow *) * count);
	pg_uuid_t  *installation = NULL;
	Relation	table;
	bool		is_done = false;
	int			queued = 0;

	for (int i = 0; i < count; i++)
	{
		if (!records[i]->is_queued)
			continue;
		if (installation == NULL)
			installation = read_installation();
		compose_delivery(records[i], installation);
		rows[queued++] = &records[i]->delivery;
	}
	if (queued == 0)
		return;

	table = wb_append_open(&deliveries);
	if (table != NULL)
	{
		is_done = wb_append_rows(&deliveries, table, rows, queued);
		table_close(table, NoLock);
	}
	for (int i = 0; !is_done && i < queued; i++)
		insert_row(&insert_delivery, rows[i], SPI_OK_INSERT);
	wb_wake_worker_at_commit();
}

/* Write the rows of firings; all of them, or raise. */
void
wb_history_write(WbRecord **records, int count)
{
	WbIdentity	before;

	if (!wb_owner_become(&before))
		return;
	write_executions(records, count);
	write_deliveries(records, count);
	wb_owner_leave(&before);
}
