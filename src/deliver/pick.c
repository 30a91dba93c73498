/*-------------------------------------------------------------------------
 *
 * pick.c
 *		Picks what is claimed next from the queue.
 *
 * The receivers take turns, each with as much as destination.c has room for.
 * An ordered one gets its lowest id or nothing: what was put back, which is
 * not in the order of time any more, has an index of its own, and the others
 * come in the order of time, which is that of their ids but for a few.
 *
 * What was delivered leaves dead rows at the head of the queue, and they stay
 * for as long as some session holds a snapshot.  Reading past all of them is
 * a full look, and gets a twentieth of the worker's time.  In between, a
 * quick look reads only on from where each receiver's queue was left, and a
 * little before that, because rows are committed out of order.
 *
 * What was in hand when the worker died twice is claimed alone, with nothing
 * else in hand: if the worker dies again, it is known why (see crash.c).
 *
 * IDENTIFICATION
 *		src/deliver/pick.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "deliver/worker.h"
#include "support/clock.h"
#include "support/plan.h"
#include "support/row.h"
#include "utils/timestamp.h"

#define FULL_LOOK_SHARE	20

/* A column of the rows below. */
enum
{
	EXECUTION_ID = 1, CRASHES, INTEGRATION_ID, DUE_AT
};

/* The receivers in turn, each one's oldest first. */
static WbPlan look = {
	"SELECT q.execution_id, q.crashes, r.id, q.due_at"
	" FROM unnest($4, $5, $6, $7) AS r(id, room, since, ordered)"
	" CROSS JOIN LATERAL ((SELECT execution_id, due_at, crashes,"
	" row_number() OVER (ORDER BY due_at, execution_id) AS rank"
	" FROM wb.deliveries WHERE NOT r.ordered AND integration_id = r.id"
	" AND due_at <= $1 AND due_at >= r.since AND installation_id = $2"
	" AND execution_id NOT IN (SELECT unnest($3))"
	" ORDER BY due_at, execution_id LIMIT r.room)"
	" UNION ALL SELECT execution_id, due_at, crashes, 1"
	" FROM wb.deliveries WHERE r.ordered AND execution_id ="
	" (SELECT min(head.id) FROM ((SELECT execution_id FROM wb.deliveries"
	" WHERE integration_id = r.id AND last_error IS NOT NULL"
	" ORDER BY integration_id, execution_id LIMIT 1)"
	" UNION ALL (SELECT execution_id FROM wb.deliveries"
	" WHERE integration_id = r.id ORDER BY due_at, execution_id LIMIT 64))"
	" AS head(id)) AND due_at <= $1 AND installation_id = $2) q"
	" ORDER BY q.rank, q.due_at, q.execution_id LIMIT (2 * $8 + 2) / 3",
	8,
	{TIMESTAMPTZOID, UUIDOID, INT8ARRAYOID, INT8ARRAYOID, INT4ARRAYOID,
	TIMESTAMPTZARRAYOID, BOOLARRAYOID, INT4OID},
	NULL
};

/* From when on the next full look may be taken. */
static int64 next_full_ms = 0;

/* The turn of those that are claimed alone. */
static bool is_alone = false;
static bool wants_to_be_alone = false;
static bool is_one_waiting = false;
static int64 alone_since_ms = 0;
static int64 next_alone_ms = 0;

/* Is nothing to be claimed until nothing is in hand? */
bool
wb_pick_must_wait(void)
{
	int64		now_ms = wb_clock_monotonic_ms();

	if (wb_hand_count() > 0)
		return is_alone || wants_to_be_alone;

	/* the others get as much time as this took from them */
	if (is_alone)
		next_alone_ms = now_ms + (now_ms - alone_since_ms);
	is_alone = false;
	return false;
}

static bool
is_suspect(SPITupleTable *rows, uint64 row)
{
	return wb_row_integer(rows, row, CRASHES) >=
		WB_CRASHES_UNTIL_ALONE;
}

/* The first suspect whose time has come, or WB_NO_ID. */
static int64
find_suspect(SPITupleTable *rows, uint64 count)
{
	is_one_waiting = false;
	for (uint64 row = 0; row < count; row++)
	{
		if (!is_suspect(rows, row))
			continue;
		if (wb_clock_monotonic_ms() >= next_alone_ms)
			return wb_row_id(rows, row, EXECUTION_ID);
		is_one_waiting = true;
	}
	return WB_NO_ID;
}

/* Choose from what is due: all that is no suspect, or one suspect alone. */
static ArrayType *
choose(SPITupleTable *rows, uint64 count)
{
	MemoryContext context = CurrentMemoryContext;
	ArrayBuildState *ids = initArrayResult(INT8OID, context, false);
	int64		suspect = find_suspect(rows, count);

	if (suspect != WB_NO_ID)
	{
		if (!wants_to_be_alone)
			alone_since_ms = wb_clock_monotonic_ms();
		is_alone = wb_hand_count() == 0;
		if (is_alone)
			accumArrayResult(ids, Int64GetDatum(suspect), false, INT8OID,
							 context);
		count = 0;
	}
	wants_to_be_alone = suspect != WB_NO_ID && !is_alone;

	for (uint64 row = 0; row < count; row++)
	{
		int64		id = wb_row_id(rows, row, EXECUTION_ID);

		if (is_suspect(rows, row))
			continue;
		accumArrayResult(ids, Int64GetDatum(id), false, INT8OID, context);
		wb_destination_advance(wb_row_id(rows, row, INTEGRATION_ID),
							   wb_row_time(rows, row, DUE_AT));
	}
	return DatumGetArrayTypeP(makeArrayResult(ids, context));
}

/*
 * Ids of executions that are due and may be claimed now, at most "limit".
 * *next_look is when to look again, unless something happens before that.
 */
ArrayType *
wb_pick_due(int limit, TimestampTz now, pg_uuid_t *installation,
			TimestampTz *next_look)
{
	int64		start_ms = wb_clock_monotonic_ms();
	bool		is_full = start_ms >= next_full_ms;
	TimestampTz next_due = DT_NOEND;
	WbDestinationList receivers;
	Datum		values[8];
	uint64		count;
	ArrayType  *chosen;

	if (is_full)
	{
		wb_destination_forget_idle(now);
		next_due = wb_destination_refresh(now);
	}
	wb_destination_list(now, limit, is_full, &receivers);
	values[0] = TimestampTzGetDatum(now);
	values[1] = UUIDPGetDatum(installation);
	values[2] = wb_hand_list();
	values[3] = receivers.ids;
	values[4] = receivers.rooms;
	values[5] = receivers.since;
	values[6] = receivers.ordered;
	values[7] = Int32GetDatum(limit);
	count = wb_plan_run(&look, values, NULL, SPI_OK_SELECT);
	chosen = choose(SPI_tuptable, count);
	if (is_full)
	{
		int64		end_ms = wb_clock_monotonic_ms();

		wb_stat_full_look(end_ms - start_ms);
		*next_look = Min(next_due, wb_destination_next_change(now));
		if (is_one_waiting)
			*next_look = Min(*next_look,
							 TimestampTzPlusMilliseconds(now, next_alone_ms -
														 end_ms));
		next_full_ms = end_ms + FULL_LOOK_SHARE * Max(end_ms - start_ms, 1);
	}
	else
		*next_look = TimestampTzPlusMilliseconds(now, next_full_ms - start_ms);
	return chosen;
}
