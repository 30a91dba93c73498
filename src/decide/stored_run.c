/*-------------------------------------------------------------------------
 *
 * stored_run.c
 *		Reads stored runs and points for whoever asks about the past.
 *
 * Unlike the write path, which reads by direct scans, this is the caller's own
 * query through SPI.  Points are handed on row by row from the executor, so
 * the length of a series costs no memory.
 *
 * The functions that call this are created with enable_seqscan and
 * enable_bitmapscan off: points must come out of the index, in the order of
 * step, also where a table has never been analyzed.
 *
 * IDENTIFICATION
 *		src/decide/stored_run.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "decide/stored_run.h"
#include "support/plan.h"
#include "support/row.h"
#include "support/shape.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

static WbPlan runs_of_project = {
	"SELECT r.* FROM wb.runs r WHERE r.project_id = $1 ORDER BY r.id",
	1, {INT8OID}, NULL
};

static WbPlan runs_of_entity = {
	"SELECT r.* FROM wb.runs r WHERE r.project_id IN (SELECT p.id"
	" FROM wb.projects p JOIN wb.entities e ON e.id = p.entity_id"
	" WHERE $1 IN (e.id, e.organization_id)) ORDER BY r.id",
	1, {INT8OID}, NULL
};

static WbPlan one_run = {
	"SELECT r.* FROM wb.runs r WHERE r.id = $1",
	1, {INT8OID}, NULL
};

static WbPlan points = {
	"SELECT m.step, m.value, m.logged_at FROM wb.run_metrics m"
	" WHERE m.run_id = $1 AND m.name = $2 ORDER BY m.step",
	2, {INT8OID, TEXTOID}, NULL
};

static WbPlan window = {
	"SELECT m.step, m.value FROM wb.run_metrics m WHERE m.run_id = $1"
	" AND m.name = $2 AND m.step <= $3 ORDER BY m.step DESC LIMIT $4",
	4, {INT8OID, TEXTOID, INT8OID, INT8OID}, NULL
};

static WbPlan baseline = {
	"SELECT l.value FROM (SELECT r.id FROM wb.runs r WHERE r.project_id = $1"
	" AND r.id < $2 ORDER BY r.id DESC LIMIT $4) r, LATERAL (SELECT m.value"
	" FROM wb.run_metrics m WHERE m.run_id = r.id AND m.name = $3"
	" ORDER BY m.step DESC LIMIT 1) l ORDER BY r.id DESC LIMIT $5",
	5, {INT8OID, INT8OID, TEXTOID, INT8OID, INT8OID}, NULL
};

/* A receiver of rows that hands them to a function. */
typedef struct PointReceiver
{
	DestReceiver pub;
	WbPointFunction function;
	void	   *argument;
	MemoryContext context;
} PointReceiver;

static void
start_points(DestReceiver *self, int operation, TupleDesc type)
{
}

static bool
receive_point(TupleTableSlot *slot, DestReceiver *self)
{
	PointReceiver *receiver = (PointReceiver *) self;
	MemoryContext before = MemoryContextSwitchTo(receiver->context);

	slot_getallattrs(slot);
	receiver->function(receiver->argument,
					   DatumGetInt64(slot->tts_values[0]),
					   DatumGetFloat8(slot->tts_values[1]),
					   DatumGetTimestampTz(slot->tts_values[2]));
	MemoryContextSwitchTo(before);
	MemoryContextReset(receiver->context);
	return true;
}

static void
end_points(DestReceiver *self)
{
}

/*
 * Hand the points of an event's run and metric to a function, in the order of
 * step.
 */
void
wb_stored_points_visit(const WbEvent *event, WbPointFunction function,
					   void *argument)
{
	PointReceiver receiver = {.function = function,.argument = argument};
	Datum		values[2];

	receiver.pub.receiveSlot = receive_point;
	receiver.pub.rStartup = start_points;
	receiver.pub.rShutdown = end_points;
	receiver.pub.rDestroy = end_points;
	receiver.pub.mydest = DestTuplestore;
	receiver.context = AllocSetContextCreate(CurrentMemoryContext,
											 "wb stored point",
											 ALLOCSET_SMALL_SIZES);
	values[0] = Int64GetDatum(event->run_id);
	values[1] = CStringGetTextDatum(event->metric_name);
	wb_plan_stream(&points, values, &receiver.pub);
	MemoryContextDelete(receiver.context);
}

/* The runs in a scope that runs can be in, in the order of their ids. */
Portal
wb_stored_runs_open(const char *scope_type, int64 scope_id)
{
	Datum		value = Int64GetDatum(scope_id);

	wb_shape_require_right();
	if (strcmp(scope_type, "PROJECT") == 0)
		return wb_plan_open(&runs_of_project, &value);
	if (strcmp(scope_type, "ENTITY") == 0)
		return wb_plan_open(&runs_of_entity, &value);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("no runs are in scope %s", scope_type),
			 errhint("Runs are in the scopes PROJECT and ENTITY.")));
}

static char *
column_text(HeapTuple row, TupleDesc type, const char *column)
{
	return SPI_getvalue(row, type, SPI_fnumber(type, column));
}

static int64
column_id(HeapTuple row, TupleDesc type, const char *column)
{
	bool		is_null;

	return DatumGetInt64(wb_row_datum(row, type, SPI_fnumber(type, column),
									  INT8OID, &is_null));
}

/* Fill in what an event says about its run, from its row. */
void
wb_stored_run_use(HeapTuple row, TupleDesc type, WbEvent *event)
{
	event->run_id = column_id(row, type, "id");
	event->project_id = column_id(row, type, "project_id");
	event->run_name = column_text(row, type, "name");
	event->display_name = column_text(row, type, "display_name");
	event->username = column_text(row, type, "username");
	event->run_state = column_text(row, type, "state");
	event->run_row = row;
	event->run_row_type = type;
	event->config = NULL;
	event->summary = NULL;
}

/* Find one run; false where there is none that the caller may see. */
bool
wb_stored_run_find(int64 run_id, WbEvent *event)
{
	Datum		value = Int64GetDatum(run_id);

	wb_shape_require_right();
	if (wb_plan_run(&one_run, &value, NULL, SPI_OK_SELECT) == 0)
		return false;
	wb_stored_run_use(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, event);
	return true;
}

/*
 * What the runs made before this one came to: the nearest to what a z-score
 * against other runs saw when the run's rows were written.
 */
void
wb_stored_baseline_read(WbCandidate *candidate, const WbEvent *event)
{
	int			wanted = candidate->automation->rule->prior_size;
	Datum		values[5];
	SPITupleTable *rows;

	values[0] = Int64GetDatum(event->project_id);
	values[1] = Int64GetDatum(event->run_id);
	values[2] = CStringGetTextDatum(event->metric_name);
	values[3] = Int64GetDatum((int64) wanted * WB_BASELINE_LOOKS);
	values[4] = Int64GetDatum(wanted);
	candidate->baseline = palloc(sizeof(float8) * wanted);
	candidate->baseline_count = (int) wb_plan_run(&baseline, values, NULL,
												  SPI_OK_SELECT);
	rows = SPI_tuptable;
	for (int i = 0; i < candidate->baseline_count; i++)
		candidate->baseline[wanted - 1 - i] = wb_row_float(rows, i, 1);
	SPI_freetuptable(rows);
	wb_baseline_sum_up(candidate);
}

/*
 * The points up to an event's step, oldest first and no more than "size".
 * Returns how many there are; both arrays are of 8-byte values.
 */
int
wb_stored_window_read(const WbEvent *event, int size, Datum **steps,
					  Datum **values)
{
	Datum		arguments[4];
	int			count;

	arguments[0] = Int64GetDatum(event->run_id);
	arguments[1] = CStringGetTextDatum(event->metric_name);
	arguments[2] = Int64GetDatum(event->step);
	arguments[3] = Int64GetDatum(size);
	count = (int) wb_plan_run(&window, arguments, NULL, SPI_OK_SELECT);
	*steps = palloc(sizeof(Datum) * size);
	*values = palloc(sizeof(Datum) * size);
	for (int i = 0; i < count; i++)
	{
		bool		is_null;

		(*steps)[count - 1 - i] = wb_row_value(SPI_tuptable, i, 1, INT8OID,
											   &is_null);
		(*values)[count - 1 - i] = wb_row_value(SPI_tuptable, i, 2, FLOAT8OID,
												&is_null);
	}
	return count;
}
