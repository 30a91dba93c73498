/*-------------------------------------------------------------------------
 *
 * destination_state.c
 *		Between the worker's memory of receivers and their tables.
 *
 * Reading is part of a full look at the queue, writing is part of a record
 * or a claim: a statement each, however many receivers there are, and not
 * with every record, where only counts changed.  The worker alone
 * writes wb.integration_states.  wb.integrations belongs to people, who may
 * hold its rows locked for as long as they like; so the one thing that the
 * worker writes there, it writes only where nobody is in the way.
 *
 * IDENTIFICATION
 *		src/deliver/destination_state.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "deliver/destination.h"
#include "support/clock.h"
#include "support/plan.h"
#include "support/row.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* Those that something waits for, and when the next of it is due. */
static WbPlan read_receivers = {
	"WITH RECURSIVE receiver AS ("
	"(SELECT integration_id AS id FROM wb.deliveries"
	" ORDER BY integration_id LIMIT 1)"
	" UNION ALL SELECT (SELECT n.integration_id FROM wb.deliveries n"
	" WHERE n.integration_id > r.id ORDER BY n.integration_id LIMIT 1)"
	" FROM receiver r WHERE r.id IS NOT NULL)"
	" SELECT r.id, i.kind = 'SLACK', i.ordered, i.state = 'active',"
	" i.resumed_at, (SELECT due_at FROM wb.deliveries"
	" WHERE integration_id = r.id AND due_at > $1 ORDER BY due_at LIMIT 1),"
	" s.resumed_at, s.paused_until, s.pauses, s.failures, s.refusals,"
	" s.breaker_opened_at, s.breaker_openings, s.probe_at FROM receiver r"
	" LEFT JOIN LATERAL (SELECT * FROM wb.integrations"
	" WHERE id = r.id OFFSET 0) i ON true"
	" LEFT JOIN LATERAL (SELECT * FROM wb.integration_states"
	" WHERE integration_id = r.id OFFSET 0) s ON true"
	" WHERE r.id IS NOT NULL",
	1,
	{TIMESTAMPTZOID},
	NULL
};

/* A column of these rows. */
enum
{
	ID = 1, IS_SLACK, IS_ORDERED, IS_ACTIVE, RESUMED_AT, NEXT_DUE_AT,
	STATE_RESUMED_AT, PAUSED_UNTIL, PAUSES, FAILURES, REFUSALS, OPENED_AT,
	OPENINGS, PROBE_AT
};

/* What the statement below takes, as one array each; in its order. */
typedef enum StateColumn
{
	STATE_ID, STATE_RESUMED, STATE_PAUSED_UNTIL, STATE_PAUSES, STATE_FAILURES,
	STATE_REFUSALS, STATE_OPENED_AT, STATE_OPENINGS, STATE_PROBE_AT,
	STATE_DELIVERED, STATE_RETRIED, STATE_FAILED, STATE_HELD, STATE_THROTTLED,
	STATE_SUCCESS_AT, STATE_ERROR, STATE_ERROR_AT,
	STATE_COLUMN_COUNT
} StateColumn;

static const Oid state_types[STATE_COLUMN_COUNT] = {
	INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID, INT4OID,
	INT4OID, TIMESTAMPTZOID, INT4OID, TIMESTAMPTZOID,
	INT8OID, INT8OID, INT8OID, INT8OID, INT8OID,
	TIMESTAMPTZOID, TEXTOID, TIMESTAMPTZOID
};

static WbPlan write_states = {
	"INSERT INTO wb.integration_states AS s (integration_id, resumed_at,"
	" paused_until, pauses, failures, refusals, breaker_opened_at,"
	" breaker_openings, probe_at, delivered, retried, failed, held,"
	" throttled, last_success_at, last_error, last_error_at)"
	" SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,"
	" $13, $14, $15, $16, $17) ON CONFLICT (integration_id) DO UPDATE SET"
	" resumed_at = excluded.resumed_at, paused_until = excluded.paused_until,"
	" pauses = excluded.pauses, failures = excluded.failures,"
	" refusals = excluded.refusals,"
	" breaker_opened_at = excluded.breaker_opened_at,"
	" breaker_openings = excluded.breaker_openings,"
	" probe_at = excluded.probe_at,"
	" delivered = s.delivered + excluded.delivered,"
	" retried = s.retried + excluded.retried,"
	" failed = s.failed + excluded.failed, held = s.held + excluded.held,"
	" throttled = s.throttled + excluded.throttled,"
	" last_success_at = coalesce(excluded.last_success_at, s.last_success_at),"
	" last_error = coalesce(excluded.last_error, s.last_error),"
	" last_error_at = coalesce(excluded.last_error_at, s.last_error_at)",
	STATE_COLUMN_COUNT,
	{INT8ARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID, INT4ARRAYOID,
		INT4ARRAYOID, INT4ARRAYOID, TIMESTAMPTZARRAYOID, INT4ARRAYOID,
		TIMESTAMPTZARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID,
		INT8ARRAYOID, INT8ARRAYOID, TIMESTAMPTZARRAYOID, TEXTARRAYOID,
	TIMESTAMPTZARRAYOID},
	NULL
};

static WbPlan disable = {
	"UPDATE wb.integrations SET state = 'disabled', state_reason = $2"
	" WHERE id = (SELECT id FROM wb.integrations"
	" WHERE id = $1 AND state <> 'disabled' FOR UPDATE SKIP LOCKED)",
	2,
	{INT8OID, TEXTOID},
	NULL
};

/* Take over what was kept of one that was not in memory. */
static void
read_kept(SPITupleTable *rows, uint64 row, WbDestination *destination)
{
	destination->resumed_at = wb_row_time(rows, row, STATE_RESUMED_AT);
	destination->paused_until = wb_row_time(rows, row, PAUSED_UNTIL);
	destination->pauses = wb_row_integer(rows, row, PAUSES);
	destination->failures = wb_row_integer(rows, row, FAILURES);
	destination->refusals = wb_row_integer(rows, row, REFUSALS);
	destination->opened_at = wb_row_time(rows, row, OPENED_AT);
	destination->openings = wb_row_integer(rows, row, OPENINGS);
	destination->probe_at = wb_row_time(rows, row, PROBE_AT);
}

static void
read_receiver(SPITupleTable *rows, uint64 row)
{
	bool		is_null;
	Datum		value;
	int64		id = wb_row_id(rows, row, ID);
	TimestampTz resumed_at = wb_row_time(rows, row, RESUMED_AT);
	bool		is_new = !wb_destination_is_known(id);
	WbDestination *destination = wb_destination_find(id);

	if (is_new)
		read_kept(rows, row, destination);
	destination->is_slack = wb_row_flag(rows, row, IS_SLACK);
	destination->is_ordered = wb_row_flag(rows, row, IS_ORDERED);

	/* what waits for one that is gone fails, and so must be claimed */
	value = wb_row_value(rows, row, IS_ACTIVE, BOOLOID, &is_null);
	destination->is_active = is_null || DatumGetBool(value);

	/* somebody says that all is well again */
	if (destination->resumed_at != resumed_at)
	{
		wb_destination_reset(destination);
		destination->resumed_at = resumed_at;
		destination->is_changed = true;
	}
}

/*
 * Get to know every receiver that something waits for.  Returns when the next
 * delivery is due that is not at "now", or DT_NOEND.
 */
TimestampTz
wb_destination_refresh(TimestampTz now)
{
	Datum		value = TimestampTzGetDatum(now);
	TimestampTz next_due = DT_NOEND;
	uint64		count = wb_plan_run(&read_receivers, &value, NULL,
									SPI_OK_SELECT);
	SPITupleTable *rows = SPI_tuptable;

	for (uint64 row = 0; row < count; row++)
	{
		TimestampTz due_at = wb_row_time(rows, row, NEXT_DUE_AT);

		read_receiver(rows, row);
		if (due_at != DT_NOBEGIN)
			next_due = Min(next_due, due_at);
	}
	wb_destination_disable();
	return next_due;
}

/*
 * List those with room, as arrays in the current memory context.  A full look
 * reads their queues from the start.
 */
void
wb_destination_list(TimestampTz now, int free, bool is_full,
					WbDestinationList *list)
{
	MemoryContext context = CurrentMemoryContext;
	ArrayBuildState *ids = initArrayResult(INT8OID, context, false);
	ArrayBuildState *rooms = initArrayResult(INT4OID, context, false);
	ArrayBuildState *since = initArrayResult(TIMESTAMPTZOID, context, false);
	ArrayBuildState *ordered = initArrayResult(BOOLOID, context, false);
	HASH_SEQ_STATUS status = {0};
	WbDestination *destination;

	while ((destination = wb_destination_next(&status)) != NULL)
	{
		int			room = wb_destination_room(destination, now, free);
		TimestampTz start = is_full ? DT_NOBEGIN : destination->since;

		if (room <= 0)
			continue;
		accumArrayResult(ids, Int64GetDatum(destination->id), false, INT8OID,
						 context);
		accumArrayResult(rooms, Int32GetDatum(room), false, INT4OID, context);
		accumArrayResult(since, TimestampTzGetDatum(start), false,
						 TIMESTAMPTZOID, context);
		accumArrayResult(ordered, BoolGetDatum(destination->is_ordered),
						 false, BOOLOID, context);
	}
	list->ids = makeArrayResult(ids, context);
	list->rooms = makeArrayResult(rooms, context);
	list->since = makeArrayResult(since, context);
	list->ordered = makeArrayResult(ordered, context);
}

static void
add(ArrayBuildState **columns, StateColumn column, Datum value, bool is_null)
{
	accumArrayResult(columns[column], value, is_null, state_types[column],
					 CurrentMemoryContext);
}

static void
add_time(ArrayBuildState **columns, StateColumn column, TimestampTz at)
{
	add(columns, column, TimestampTzGetDatum(at), at == DT_NOBEGIN);
}

static void
add_state(ArrayBuildState **columns, WbDestination *destination)
{
	WbDestinationNews *news = &destination->news;
	bool		has_error = news->last_error_at != DT_NOBEGIN;

	add(columns, STATE_ID, Int64GetDatum(destination->id), false);
	add_time(columns, STATE_RESUMED, destination->resumed_at);
	add_time(columns, STATE_PAUSED_UNTIL, destination->paused_until);
	add(columns, STATE_PAUSES, Int32GetDatum(destination->pauses), false);
	add(columns, STATE_FAILURES, Int32GetDatum(destination->failures), false);
	add(columns, STATE_REFUSALS, Int32GetDatum(destination->refusals), false);
	add_time(columns, STATE_OPENED_AT, destination->opened_at);
	add(columns, STATE_OPENINGS, Int32GetDatum(destination->openings), false);
	add_time(columns, STATE_PROBE_AT, destination->probe_at);
	add(columns, STATE_DELIVERED, Int64GetDatum(news->delivered), false);
	add(columns, STATE_RETRIED, Int64GetDatum(news->retried), false);
	add(columns, STATE_FAILED, Int64GetDatum(news->failed), false);
	add(columns, STATE_HELD, Int64GetDatum(news->held), false);
	add(columns, STATE_THROTTLED, Int64GetDatum(news->throttled), false);
	add_time(columns, STATE_SUCCESS_AT, news->last_success_at);
	add(columns, STATE_ERROR, has_error ?
		CStringGetTextDatum(news->last_error) : (Datum) 0, !has_error);
	add_time(columns, STATE_ERROR_AT, news->last_error_at);

	/* should the transaction fail, the worker ends, and its memory with it */
	memset(news, 0, sizeof(WbDestinationNews));
	news->last_success_at = DT_NOBEGIN;
	news->last_error_at = DT_NOBEGIN;
	destination->is_changed = false;
	destination->is_urgent = false;
}

/* Is there anything to write that cannot wait, or that waited long enough? */
static bool
is_write_due(bool must)
{
	static int64 written_ms = 0;
	int64		now_ms = wb_clock_monotonic_ms();
	HASH_SEQ_STATUS status = {0};
	WbDestination *destination;
	bool		is_changed = false;

	must |= wb_hand_count() == 0 ||
		now_ms >= written_ms + WB_DESTINATION_WRITE_MS;
	while ((destination = wb_destination_next(&status)) != NULL)
	{
		is_changed |= destination->is_changed;
		must |= destination->is_urgent;
	}
	if (is_changed && must)
		written_ms = now_ms;
	return is_changed && must;
}

/* Tell wb.integrations which receivers want nothing more. */
void
wb_destination_disable(void)
{
	HASH_SEQ_STATUS status = {0};
	WbDestination *destination;

	while ((destination = wb_destination_next(&status)) != NULL)
	{
		Datum		values[2];

		if (destination->disable_reason[0] == '\0')
			continue;
		values[0] = Int64GetDatum(destination->id);
		values[1] = CStringGetTextDatum(destination->disable_reason);
		if (wb_plan_run(&disable, values, NULL, SPI_OK_UPDATE) == 0)
			continue;
		destination->disable_reason[0] = '\0';
		destination->is_active = false;
	}
}

/*
 * Write what changed, within the worker's transaction.  What only counts may
 * wait for the next time, unless it must.
 */
void
wb_destination_write(bool must)
{
	ArrayBuildState *columns[STATE_COLUMN_COUNT];
	Datum		values[STATE_COLUMN_COUNT];
	HASH_SEQ_STATUS status = {0};
	WbDestination *destination;

	if (!is_write_due(must))
		return;
	for (int i = 0; i < STATE_COLUMN_COUNT; i++)
		columns[i] = initArrayResult(state_types[i], CurrentMemoryContext,
									 false);
	while ((destination = wb_destination_next(&status)) != NULL)
	{
		if (destination->id == WB_NO_ID || !destination->is_changed)
			continue;
		add_state(columns, destination);
	}
	for (int i = 0; i < STATE_COLUMN_COUNT; i++)
		values[i] = makeArrayResult(columns[i], CurrentMemoryContext);
	wb_plan_run(&write_states, values, NULL, SPI_OK_INSERT);
	wb_destination_disable();
}
