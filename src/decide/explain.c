/*-------------------------------------------------------------------------
 *
 * explain.c
 *		What a rule looks at, and what it makes of it.
 *
 * wb.explain() puts these parts into words (sql/65_trust.sql).  They come
 * from the code that judges rows, over what is stored now: what a run's
 * filter sees, and the points up to a step, may since have changed.
 *
 * IDENTIFICATION
 *		src/decide/explain.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "decide/stored_run.h"
#include "funcapi.h"
#include "support/compat.h"
#include "utils/array.h"
#include "utils/builtins.h"

WB_FUNCTION_INFO_V1(wb_sql_explain_condition);
WB_FUNCTION_INFO_V1(wb_sql_explain_window);

static void
find_run(int64 run_id, WbEvent *event)
{
	if (!wb_stored_run_find(run_id, event))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("run " INT64_FORMAT " does not exist", run_id)));
}

/* wb.explain_condition(condition jsonb, run_id bigint) returns boolean */
Datum
wb_sql_explain_condition(PG_FUNCTION_ARGS)
{
	Jsonb	   *condition = PG_GETARG_JSONB_P(0);
	WbProblem	problem = {0};
	WbEvent		event = {.type = WB_EVENT_RUN_STATE};
	WbFilter   *filter;
	bool		is_match;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	filter = wb_filter_parse(&condition->root, event.type, &problem);
	if (filter == NULL)
		wb_problem_raise(problem.message, problem.hint);
	find_run(PG_GETARG_INT64(1), &event);
	is_match = wb_filter_matches(filter, &event);
	SPI_finish();
	PG_RETURN_BOOL(is_match);
}

/* The window of a rule: the newest points, oldest first. */
typedef struct Window
{
	int			count;
	Datum	   *steps;
	Datum	   *values;
} Window;

static Datum
make_array(Datum *elements, int count, Oid type)
{
	ArrayType  *array = construct_array(elements, count, type, sizeof(int64),
										FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);

	return PointerGetDatum(array);
}

/* Judge a full window, with its baseline in front of it. */
static bool
judge(const WbCandidate *candidate, const Window *window,
	  WbVerdict *verdict)
{
	const WbRule *rule = candidate->automation->rule;
	int			other = rule->is_against_runs ? rule->prior_size : 0;
	float8	   *values = palloc(sizeof(float8) * (other + window->count));
	WbFigures	figures;

	if (candidate->baseline_count < other)
		return false;
	if (other > 0)
		memcpy(values, candidate->baseline, sizeof(float8) * other);
	for (int i = 0; i < window->count; i++)
		values[other + i] = DatumGetFloat8(window->values[i]);
	verdict->threshold = rule->threshold;
	verdict->has_observed = wb_metric_rule_compute(rule, values, &figures);
	return verdict->has_observed &&
		wb_metric_rule_compare(rule, &figures, &verdict->observed);
}

/* The row of wb.explain_window, in the caller's memory. */
static Datum
make_row(TupleDesc type, const WbVerdict *verdict, const Window *window,
		 bool holds)
{
	HeapTuple	row;
	Datum		values[8];
	bool		nulls[8] = {false};

	values[0] = CStringGetTextDatum(verdict->metric_filter);
	values[1] = CStringGetTextDatum(verdict->event->metric_name);
	values[2] = Int32GetDatum(wb_metric_rule_size(verdict->automation->rule));
	values[3] = make_array(window->steps, window->count, INT8OID);
	values[4] = make_array(window->values, window->count, FLOAT8OID);
	values[5] = Float8GetDatum(verdict->observed);
	nulls[5] = !verdict->has_observed;
	values[6] = BoolGetDatum(holds);
	values[7] = CStringGetTextDatum(verdict->why);
	nulls[7] = !holds;
	row = heap_form_tuple(type, values, nulls);
	return PointerGetDatum(SPI_returntuple(row, type));
}

/*
 * wb.explain_window(event_type text, event_filter jsonb, run_id bigint,
 *					 step bigint) returns record
 */
Datum
wb_sql_explain_window(PG_FUNCTION_ARGS)
{
	WbProblem	problem = {0};
	WbAutomation automation = {0};
	WbCandidate candidate = {.automation = &automation};
	WbEvent		event = {.type = WB_EVENT_RUN_METRIC};
	WbVerdict	verdict = {.automation = &automation,.event = &event};
	Window		window = {0};
	TupleDesc	type;
	bool		holds = false;
	Datum		row;

	if (get_call_result_type(fcinfo, NULL, &type) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	type = BlessTupleDesc(type);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	automation.rule = wb_rule_parse(text_to_cstring(PG_GETARG_TEXT_PP(0)),
									PG_GETARG_JSONB_P(1), &problem);
	if (automation.rule == NULL)
		wb_problem_raise(problem.message, problem.hint);
	if (automation.rule->metric_name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("event %s has no window",
						wb_event_type_shown(automation.rule->event_type))));
	find_run(PG_GETARG_INT64(2), &event);
	event.metric_name = automation.rule->metric_name;
	event.step = PG_GETARG_INT64(3);

	window.count = wb_stored_window_read(&event,
										 wb_metric_rule_size(automation.rule),
										 &window.steps, &window.values);
	if (window.count > 0)
		event.step = DatumGetInt64(window.steps[window.count - 1]);
	if (automation.rule->is_against_runs)
		wb_stored_baseline_read(&candidate, &event);
	if (window.count == wb_metric_rule_size(automation.rule))
		holds = judge(&candidate, &window, &verdict);
	wb_sentence_describe(&verdict);
	row = make_row(type, &verdict, &window, holds);
	SPI_finish();
	PG_RETURN_DATUM(row);
}
