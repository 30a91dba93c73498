/*-------------------------------------------------------------------------
 *
 * backtest.c
 *		What a rule would have done on the rows that are stored.
 *
 * Stored points go through the code that judges rows when they are written:
 * the same filter, series and judge.  What storage does not know is how they
 * came: they are taken in the order of step, as if each had come once and in
 * its turn.  The clock of cooldowns is logged_at.
 *
 * IDENTIFICATION
 *		src/decide/backtest.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "decide/stored_run.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "support/compat.h"
#include "support/relation.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define RUNS_AT_A_TIME	100

typedef struct Backtest
{
	ReturnSetInfo *rows;		/* where rows go; NULL to count only */
	TimestampTz since;
	TimestampTz before;
	WbAutomation automation;
	WbCandidate candidate;
	/* the run that is being judged */
	WbEvent		event;
	WbSeries	series;
	bool		is_judged;
	bool		is_hit;
	bool		has_fired;
	TimestampTz fired_at;		/* last */
	/* all runs */
	int64		runs_judged;
	int64		runs_hit;
	int64		firings;
	TimestampTz earliest;
} Backtest;

WB_FUNCTION_INFO_V1(wb_sql_backtest_rows);
WB_FUNCTION_INFO_V1(wb_sql_backtest_totals);

/* Is a moment within the cooldown of the last firing on this run? */
static bool
is_quiet(const Backtest *backtest, TimestampTz at)
{
	const Interval *cooldown = backtest->automation.cooldown;
	Datum		start;

	if (!backtest->has_fired ||
		(cooldown->time == 0 && cooldown->day == 0 && cooldown->month == 0))
		return false;
	start = DirectFunctionCall2(timestamptz_mi_interval,
								TimestampTzGetDatum(at),
								IntervalPGetDatum(cooldown));
	return backtest->fired_at > DatumGetTimestampTz(start);
}

static const char *
quiet_reason(const Backtest *backtest, const char *why)
{
	const Interval *cooldown = backtest->automation.cooldown;
	Datum		end;

	end = DirectFunctionCall2(timestamptz_pl_interval,
							  TimestampTzGetDatum(backtest->fired_at),
							  IntervalPGetDatum(cooldown));
	return psprintf("%s; cooldown until %s", why,
					timestamptz_to_str(DatumGetTimestampTz(end)));
}

static void
put_row(const Backtest *backtest, WbVerdict *verdict, TimestampTz at,
		bool would_fire)
{
	Datum		values[7];
	bool		nulls[7] = {false};

	wb_sentence_describe(verdict);
	values[0] = Int64GetDatum(verdict->event->run_id);
	values[1] = Int64GetDatum(verdict->event->step);
	values[2] = TimestampTzGetDatum(at);
	values[3] = Float8GetDatum(verdict->observed);
	values[4] = Float8GetDatum(verdict->threshold);
	nulls[4] = isnan(verdict->threshold);
	values[5] = BoolGetDatum(would_fire);
	values[6] = CStringGetTextDatum(would_fire ? verdict->why :
									quiet_reason(backtest, verdict->why));
	tuplestore_putvalues(backtest->rows->setResult, backtest->rows->setDesc,
						 values, nulls);
}

/* The rule holds at a point. */
static void
note(Backtest *backtest, WbVerdict *verdict, TimestampTz at)
{
	bool		would_fire = !is_quiet(backtest, at);

	if (backtest->rows != NULL)
		put_row(backtest, verdict, at, would_fire);
	backtest->is_hit = true;
	if (!would_fire)
		return;
	if (backtest->firings++ == 0 || at < backtest->earliest)
		backtest->earliest = at;
	backtest->has_fired = true;
	backtest->fired_at = at;
}

/* Points before "since" are in windows, and no rule is asked about them. */
static void
judge_point(void *argument, int64 step, float8 value, TimestampTz logged_at)
{
	Backtest   *backtest = argument;
	WbVerdict	verdict = {.automation = &backtest->automation,
	.event = &backtest->event};
	WbWindow	window;

	if (logged_at >= backtest->before)
		return;
	wb_series_put(&backtest->series, step, value, &window);
	if (logged_at < backtest->since)
		return;
	backtest->is_judged = true;
	backtest->event.step = step;
	if (wb_judge_holds(&backtest->candidate, &backtest->event,
					   &backtest->series, &window, NULL, &verdict))
		note(backtest, &verdict, logged_at);
}

static void
judge_run(Backtest *backtest)
{
	const WbRule *rule = backtest->automation.rule;

	if (!wb_filter_matches(rule->filter, &backtest->event))
		return;
	backtest->is_judged = backtest->is_hit = backtest->has_fired = false;
	if (rule->is_against_runs)
		wb_stored_baseline_read(&backtest->candidate, &backtest->event);
	wb_series_init(&backtest->series, wb_metric_rule_size(rule));
	wb_stored_points_visit(&backtest->event, judge_point, backtest);
	backtest->runs_judged += backtest->is_judged;
	backtest->runs_hit += backtest->is_hit;
}

static void
judge_runs(Backtest *backtest, const char *scope_type, int64 scope_id)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "wb backtest run",
												  ALLOCSET_DEFAULT_SIZES);
	Portal		portal = wb_stored_runs_open(scope_type, scope_id);
	SPITupleTable *runs;
	uint64		count;

	do
	{
		SPI_cursor_fetch(portal, true, RUNS_AT_A_TIME);
		runs = SPI_tuptable;
		count = SPI_processed;
		for (uint64 i = 0; i < count; i++)
		{
			MemoryContext before = MemoryContextSwitchTo(context);

			CHECK_FOR_INTERRUPTS();
			wb_stored_run_use(runs->vals[i], runs->tupdesc, &backtest->event);
			judge_run(backtest);
			MemoryContextSwitchTo(before);
			MemoryContextReset(context);
		}
		SPI_freetuptable(runs);
	} while (count > 0);
	SPI_cursor_close(portal);
}

/* Arguments of both functions: 0 to 6, see sql/65_trust.sql. */
static void
read_rule(FunctionCallInfo fcinfo, Backtest *backtest)
{
	static Interval day = {.time = 24 * USECS_PER_HOUR};
	WbProblem	problem = {0};
	WbRule	   *rule;

	for (int i = 0; i < 4; i++)
	{
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("event is not complete"),
					 errhint("Make it with wb.on_run_metric(scope, metric).")));
	}
	rule = wb_rule_parse(text_to_cstring(PG_GETARG_TEXT_PP(2)),
						 PG_GETARG_JSONB_P(3), &problem);
	if (rule == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s", problem.message),
				 problem.hint ? errhint("%s", problem.hint) : 0));
	if (rule->metric_name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("event %s cannot be tried on stored rows",
						wb_event_type_shown(rule->event_type)),
				 errhint("Only metrics keep their past; a state, an alias or a tag leaves none when it changes.")));
	backtest->automation.rule = rule;
	backtest->automation.event_type = rule->event_type;
	backtest->automation.cooldown = PG_ARGISNULL(4) ? &day :
		PG_GETARG_INTERVAL_P(4);
	backtest->since = PG_ARGISNULL(5) ? DT_NOBEGIN : PG_GETARG_TIMESTAMPTZ(5);
	backtest->before = PG_ARGISNULL(6) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(6);
	backtest->candidate.automation = &backtest->automation;
	backtest->event.type = WB_EVENT_RUN_METRIC;
	backtest->event.metric_name = rule->metric_name;
}

static void
run_backtest(FunctionCallInfo fcinfo, Backtest *backtest)
{
	wb_relation_require_setup();
	read_rule(fcinfo, backtest);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	judge_runs(backtest, text_to_cstring(PG_GETARG_TEXT_PP(0)),
			   PG_GETARG_INT64(1));
	SPI_finish();
}

/* wb.backtest_rows(...) returns setof record */
Datum
wb_sql_backtest_rows(PG_FUNCTION_ARGS)
{
	Backtest	backtest = {0};

	InitMaterializedSRF(fcinfo, 0);
	backtest.rows = (ReturnSetInfo *) fcinfo->resultinfo;
	run_backtest(fcinfo, &backtest);
	return (Datum) 0;
}

/* wb.backtest_totals(...) returns record */
Datum
wb_sql_backtest_totals(PG_FUNCTION_ARGS)
{
	Backtest	backtest = {0};
	TupleDesc	type;
	Datum		values[5];
	bool		nulls[5] = {false};

	if (get_call_result_type(fcinfo, NULL, &type) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	run_backtest(fcinfo, &backtest);
	values[0] = Int64GetDatum(backtest.runs_judged);
	values[1] = Int64GetDatum(backtest.runs_hit);
	values[2] = Int64GetDatum(backtest.firings);
	values[3] = TimestampTzGetDatum(backtest.earliest);
	nulls[3] = backtest.firings == 0;
	values[4] = Float8GetDatum(backtest.runs_judged == 0 ? 0 :
							   1000.0 * backtest.firings /
							   backtest.runs_judged);
	nulls[4] = backtest.runs_judged == 0;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(type),
													  values, nulls)));
}
