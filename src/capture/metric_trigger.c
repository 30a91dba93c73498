/*-------------------------------------------------------------------------
 *
 * metric_trigger.c
 *		A metric row was written: judge it.
 *
 * All that is kept between the rows of a statement hangs on the trigger's
 * fn_extra, which the executor frees with the statement: the run, the rules
 * that match it, and the series (see series.c), unless a session may keep it
 * for longer (series_cache.c).  A statement inside another
 * one's trigger has an fn_extra of its own, so neither sees the other's state.
 * Rules are those of the moment when the statement's first row of a series is
 * judged.
 *
 * Every row is judged once, at its own step, and none because of another; see
 * series.c for what it is judged on.
 *
 * An UPDATE that moves a point to another run, name or step is judged on the
 * table as the whole statement leaves it, because what it takes away from a
 * series is more than the series can follow.
 *
 * IDENTIFICATION
 *		src/capture/metric_trigger.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "capture/capture.h"
#include "catalog/pg_trigger.h"
#include "common/hashfn.h"
#include "decide/decide.h"
#include "support/compat.h"
#include "support/relation.h"
#include "support/shape.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* One metric of one run, within one statement. */
typedef struct SeriesKey
{
	int64		run_id;
	char	   *name;
} SeriesKey;

typedef struct SeriesEntry
{
	SeriesKey	key;
	char		status;			/* simplehash's own */
	WbEvent		event;			/* what all rows of the series share */
	List	   *candidates;		/* of WbCandidate * */
	WbSeries   *series;			/* NULL where no rule needs it */
	WbLateWindow *late;			/* NULL until a row needs it */
} SeriesEntry;

static inline uint32
hash_series(SeriesKey key)
{
	return hash_combine(murmurhash32((uint32) key.run_id),
						hash_bytes((const unsigned char *) key.name,
								   strlen(key.name)));
}

#define SH_PREFIX series
#define SH_ELEMENT_TYPE SeriesEntry
#define SH_KEY_TYPE SeriesKey
#define SH_KEY key
#define SH_HASH_KEY(tb, k) hash_series(k)
#define SH_EQUAL(tb, a, b) \
	((a).run_id == (b).run_id && strcmp((a).name, (b).name) == 0)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* What the trigger remembers while one statement is judged. */
typedef struct StatementState
{
	MemoryContext context;		/* the statement's */
	MemoryContext row_context;	/* reset after each row */
	WbSeriesSource source;
	AttrNumber	run_id;
	AttrNumber	name;
	series_hash *entries;
	bool		has_warned;		/* of rows that cannot be judged */
} StatementState;

typedef struct MetricRow
{
	int64		run_id;
	char	   *name;
	int64		step;
	float8		value;
} MetricRow;

WB_FUNCTION_INFO_V1(wb_sql_capture_run_metric);

static Datum
read_column(HeapTuple tuple, Relation table, AttrNumber column)
{
	bool		is_null;		/* never: they are NOT NULL */

	return heap_getattr(tuple, column, RelationGetDescr(table), &is_null);
}

static MetricRow
read_row(const StatementState *state, Relation table, HeapTuple tuple)
{
	const WbSeriesSource *source = &state->source;
	MetricRow	row;

	row.run_id = DatumGetInt64(read_column(tuple, table, state->run_id));
	row.name = TextDatumGetCString(read_column(tuple, table, state->name));
	row.step = DatumGetInt64(read_column(tuple, table, source->step));
	row.value = DatumGetFloat8(read_column(tuple, table, source->value));
	return row;
}

/*
 * The command that wrote a row.  A table access method without heap headers
 * does not tell; then it is the current one.
 */
static CommandId
command_of(HeapTuple tuple)
{
	HeapTupleHeader header = tuple->t_data;

	if (TransactionIdIsValid(HeapTupleHeaderGetRawXmin(header)) &&
		TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(header)))
		return HeapTupleHeaderGetCmin(header);
	return GetCurrentCommandId(false);
}

/* The state of the statement, made at its first row. */
static StatementState *
find_state(FunctionCallInfo fcinfo, Relation table, HeapTuple tuple)
{
	MemoryContext context = fcinfo->flinfo->fn_mcxt;
	StatementState *state = fcinfo->flinfo->fn_extra;

	if (state != NULL)
		return state;
	state = MemoryContextAllocZero(context, sizeof(StatementState));
	state->context = context;
	state->row_context = AllocSetContextCreate(context, "wb metric row",
											   ALLOCSET_SMALL_SIZES);
	state->run_id = wb_relation_attribute(table, "run_id");
	state->name = wb_relation_attribute(table, "name");
	state->source.table = table;
	state->source.context = context;
	state->source.step = wb_relation_attribute(table, "step");
	state->source.value = wb_relation_attribute(table, "value");
	state->source.index_oid = wb_relation_index(table, "run_id", "name",
												"step");
	state->source.before = command_of(tuple);
	state->source.judged = wb_judged_rows_create(context);
	state->source.may_keep =
		wb_series_cache_may_keep(table, fcinfo->flinfo->fn_oid,
								 state->source.before);
	state->entries = series_create(context, 1, NULL);
	wb_rules_hold(context);
	fcinfo->flinfo->fn_extra = state;
	return state;
}

/* The largest window among the rules on a series; 0 where none needs one. */
static int
largest_window(const List *candidates)
{
	int			largest = 0;
	ListCell   *cell;

	foreach(cell, candidates)
	{
		const WbAutomation *automation =
		((WbCandidate *) lfirst(cell))->automation;

		if (automation->broken == NULL)
			largest = Max(largest, wb_metric_rule_size(automation->rule));
	}
	return largest;
}

/*
 * Take the series of an entry, as large as its rules need it, and tell others
 * that we write to it.  Even if no rule needs it here: it may be another one
 * for them.  A series that does not follow this statement's rows is not kept.
 */
static void
take_series(SeriesEntry *entry, const WbSeriesSource *source)
{
	int			capacity = largest_window(entry->candidates);
	WbMark	   *mark = wb_writer_slot_mark(entry->key.run_id, entry->key.name,
										   strlen(entry->key.name));

	entry->series = NULL;
	entry->late = NULL;
	if (capacity > 0)
		entry->series = wb_series_cache_take(source, entry->key.run_id,
											 entry->key.name, capacity, mark);
	else
		wb_series_cache_forget(source->table, entry->key.run_id,
							   entry->key.name);
}

/*
 * Find an event's run; its names are for later, if this session knows it.
 * Raises foreign_key_violation where there is no such run: this is the check
 * that a foreign key would make.
 */
static void
find_run(WbEvent *event, int64 run_id, MemoryContext context)
{
	event->run_id = run_id;
	event->project_id = wb_met_runs_project(run_id);
	event->unread = context;
	if (event->project_id != WB_NO_ID)
		return;
	if (!wb_run_read(run_id, event))
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("run " INT64_FORMAT " does not exist", run_id),
				 errhint("Make it with wb.start_run(), or by INSERT into wb.runs.")));
	wb_met_runs_learn(run_id, event->project_id);
}

/* The entry of a row's series. */
static SeriesEntry *
find_entry(StatementState *state, const MetricRow *row)
{
	SeriesKey	key = {row->run_id, row->name};
	bool		is_found;
	SeriesEntry *entry = series_insert(state->entries, key, &is_found);
	MemoryContext before;

	if (is_found)
		return entry;
	before = MemoryContextSwitchTo(state->context);
	entry->key.name = pstrdup(row->name);
	entry->event = (WbEvent)
	{
		.type = WB_EVENT_RUN_METRIC,
			.metric_name = entry->key.name
	};
	find_run(&entry->event, row->run_id, state->context);
	entry->candidates = wb_judge_find_candidates(&entry->event);
	take_series(entry, &state->source);
	MemoryContextSwitchTo(before);
	return entry;
}

/* What a row is judged on. */
static void
find_window(StatementState *state, SeriesEntry *entry, const MetricRow *row,
			WbWindow *window)
{
	bool		is_known = wb_series_put(entry->series, row->step, row->value,
										 window);

	if (!is_known && entry->late == NULL)
	{
		MemoryContext before = MemoryContextSwitchTo(state->context);

		entry->late = wb_late_window_create(&state->source, row->run_id,
											entry->key.name,
											entry->series->capacity);
		MemoryContextSwitchTo(before);
	}
	if (!is_known)
		wb_late_window_put(entry->late, row->step, row->value, window);
	else if (entry->late != NULL)
		wb_late_window_follow(entry->late, row->step, row->value);
}

/* Judge one row against every rule on its series. */
static void
judge_row(StatementState *state, SeriesEntry *entry, const MetricRow *row,
		  HeapTuple tuple)
{
	WbWindow	window = {0};
	ListCell   *cell;

	if (entry->series != NULL)
		find_window(state, entry, row, &window);
	wb_judged_rows_add(state->source.judged, &tuple->t_self);
	entry->event.step = row->step;

	foreach(cell, entry->candidates)
		wb_judge_metric(lfirst(cell), &entry->event, entry->series, &window,
						&state->source);
}

/* A row that cannot be judged: whoever keeps its series reads it again. */
static void
pass_over(StatementState *state, const MetricRow *row)
{
	wb_met_runs_lose(row->run_id, row->name, strlen(row->name));
	if (!state->has_warned)
		wb_frozen_row_warn();
	state->has_warned = true;
}

/* Did an UPDATE leave the row where it was in its series? */
static bool
is_same_place(const MetricRow *old_row, const MetricRow *new_row)
{
	return old_row->run_id == new_row->run_id &&
		old_row->step == new_row->step &&
		strcmp(old_row->name, new_row->name) == 0;
}

/* Whoever keeps the series of a row must read it again. */
static void
lose_row(const TriggerData *trigger, HeapTuple row)
{
	char	   *name;

	if (!wb_shape_is_readable(trigger->tg_relation, WB_TABLE_RUN_METRICS))
	{
		wb_series_cache_void();
		return;
	}
	name = wb_trigger_text(trigger, row, "name");
	wb_met_runs_lose(wb_trigger_id(trigger, row, "run_id"), name,
					 strlen(name));
}

/* The trigger that notes what goes calls: wb.lost left that to us. */
static Datum
note_loss(FunctionCallInfo fcinfo)
{
	const TriggerData *trigger = (TriggerData *) fcinfo->context;

	(void) wb_trigger_check(fcinfo, "wb.capture_run_metric",
							TRIGGER_EVENT_DELETE, WB_TABLE_RUN_METRICS);
	lose_row(trigger, trigger->tg_trigtuple);
	return PointerGetDatum(NULL);
}

/* wb.capture_run_metric() returns trigger */
Datum
wb_sql_capture_run_metric(PG_FUNCTION_ARGS)
{
	TriggerData *trigger;
	StatementState *state;
	MemoryContext before;
	HeapTuple	tuple;
	MetricRow	row;
	SeriesEntry *entry;

	trigger = (TriggerData *) fcinfo->context;
	if (CALLED_AS_TRIGGER(fcinfo) &&
		TRIGGER_FOR_DELETE(trigger->tg_trigger->tgtype))
		return note_loss(fcinfo);
	trigger = wb_trigger_check(fcinfo, "wb.capture_run_metric",
							   TRIGGER_EVENT_UPDATE, WB_TABLE_RUN_METRICS);
	if (trigger == NULL)
	{
		trigger = (TriggerData *) fcinfo->context;
		lose_row(trigger, wb_trigger_new_row(trigger));
		return PointerGetDatum(NULL);
	}
	tuple = wb_trigger_new_row(trigger);
	state = find_state(fcinfo, trigger->tg_relation, tuple);
	before = MemoryContextSwitchTo(state->row_context);
	row = read_row(state, trigger->tg_relation, tuple);

	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
	{
		MetricRow	old_row = read_row(state, trigger->tg_relation,
									   trigger->tg_trigtuple);

		if (is_same_place(&old_row, &row))
		{
			/* the same value again is no news, NaN included */
			if (memcmp(&old_row.value, &row.value, sizeof(float8)) == 0)
				goto done;
		}
		else if (state->source.before != WB_ALL_COMMANDS)
		{
			state->source.before = WB_ALL_COMMANDS;
			state->source.may_keep = false;
			state->entries = series_create(state->context, 16, NULL);
		}
	}

	entry = find_entry(state, &row);
	if (wb_frozen_row_is(tuple))
		pass_over(state, &row);
	else
		judge_row(state, entry, &row, tuple);

done:
	MemoryContextSwitchTo(before);
	MemoryContextReset(state->row_context);
	return PointerGetDatum(NULL);
}
