/*-------------------------------------------------------------------------
 *
 * window_aggregate.c
 *		What rules compute, as aggregates for anybody's queries.
 *
 * An aggregate looks at the newest values of its group or frame, in the order
 * in which they are given to it, and is NULL until there are enough of them.
 * So the default frame of OVER (PARTITION BY run_id ORDER BY step) will do; a
 * frame whose start moves works too, as values can be taken out again.
 *
 * The arithmetic is metric_rule.c's, of rules made up here, and must stay so:
 * these numbers are what a rule would have compared.
 *
 * IDENTIFICATION
 *		src/decide/window_aggregate.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "decide/decide.h"
#include "support/compat.h"

typedef struct WindowState
{
	int			size;			/* of the newest window */
	int			prior_size;		/* of the one before it, or 0 */
	int			kept;			/* values kept at most */
	int			first;			/* a ring */
	int			count;
	int64		seen;			/* values in the frame */
	float8		values[FLEXIBLE_ARRAY_MEMBER];
} WindowState;

WB_FUNCTION_INFO_V1(wb_sql_window_add);
WB_FUNCTION_INFO_V1(wb_sql_window_take_away);
WB_FUNCTION_INFO_V1(wb_sql_window_avg);
WB_FUNCTION_INFO_V1(wb_sql_window_min);
WB_FUNCTION_INFO_V1(wb_sql_window_max);
WB_FUNCTION_INFO_V1(wb_sql_window_stddev);
WB_FUNCTION_INFO_V1(wb_sql_window_change);
WB_FUNCTION_INFO_V1(wb_sql_window_zscore);

/* A size of a window, which is the argument "number" of an aggregate. */
static int
read_size(FunctionCallInfo fcinfo, int number)
{
	int			size = PG_ARGISNULL(number) ? 0 : PG_GETARG_INT32(number);

	if (size < 1 || size > WB_WINDOW_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 PG_ARGISNULL(number) ? errmsg("window_size is null") :
				 errmsg("window_size %d is out of range", size),
				 errhint("A window holds 1 to %d values.", WB_WINDOW_MAX)));
	return size;
}

/* One value more than the window is kept, because a z-score is about it. */
static WindowState *
make_state(FunctionCallInfo fcinfo, MemoryContext context)
{
	int			size = read_size(fcinfo, 2);
	int			prior_size = PG_NARGS() > 3 ? read_size(fcinfo, 3) : 0;
	int			kept = size + Max(prior_size, 1);
	WindowState *state;

	state = MemoryContextAlloc(context, offsetof(WindowState, values) +
							   sizeof(float8) * kept);
	state->size = size;
	state->prior_size = prior_size;
	state->kept = kept;
	state->first = 0;
	state->count = 0;
	state->seen = 0;
	return state;
}

static WindowState *
find_state(FunctionCallInfo fcinfo)
{
	MemoryContext context;
	WindowState *state;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "aggregate function called in non-aggregate context");
	if (PG_ARGISNULL(0))
		return make_state(fcinfo, context);
	state = (WindowState *) PG_GETARG_POINTER(0);
	if (read_size(fcinfo, 2) != state->size ||
		(PG_NARGS() > 3 && read_size(fcinfo, 3) != state->prior_size))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("window_size is not the same in all rows"),
				 errhint("Give a constant.")));
	return state;
}

static void
drop_oldest(WindowState *state)
{
	state->first = (state->first + 1) % state->kept;
	state->count--;
}

/* (state, value, window_size [, prior_window_size]): a value enters. */
Datum
wb_sql_window_add(PG_FUNCTION_ARGS)
{
	WindowState *state = find_state(fcinfo);

	if (!PG_ARGISNULL(1))
	{
		if (state->count == state->kept)
			drop_oldest(state);
		state->values[(state->first + state->count) % state->kept] =
			PG_GETARG_FLOAT8(1);
		state->count++;
		state->seen++;
	}
	PG_RETURN_POINTER(state);
}

/* The same arguments: the oldest value leaves the frame. */
Datum
wb_sql_window_take_away(PG_FUNCTION_ARGS)
{
	WindowState *state = find_state(fcinfo);

	if (!PG_ARGISNULL(1) && --state->seen < state->count)
		drop_oldest(state);
	PG_RETURN_POINTER(state);
}

/* The newest "count" values, oldest first; NULL where there are fewer. */
static float8 *
copy_newest(FunctionCallInfo fcinfo, int more)
{
	WindowState *state = PG_ARGISNULL(0) ? NULL :
	(WindowState *) PG_GETARG_POINTER(0);
	int			count;
	float8	   *values;

	if (state == NULL)
		return NULL;
	count = state->size + state->prior_size + more;
	if (state->count < count)
		return NULL;
	values = palloc(sizeof(float8) * count);
	for (int i = 0; i < count; i++)
		values[i] = state->values[(state->first + state->count - count + i) %
								  state->kept];
	return values;
}

static int
state_size(FunctionCallInfo fcinfo)
{
	return ((WindowState *) PG_GETARG_POINTER(0))->size;
}

/* What a rule observes of values; NULL where there is no verdict. */
static Datum
observe(FunctionCallInfo fcinfo, const WbRule *rule, float8 *values)
{
	WbFigures	figures;
	float8		observed;
	bool		is_known = wb_metric_rule_compute(rule, values, &figures);

	pfree(values);
	if (!is_known)
		PG_RETURN_NULL();
	wb_metric_rule_compare(rule, &figures, &observed);
	PG_RETURN_FLOAT8(observed);
}

static Datum
observe_aggregate(FunctionCallInfo fcinfo, WbAggregate aggregate)
{
	WbRule		rule = {.condition = WB_CONDITION_THRESHOLD,
	.aggregate = aggregate};
	float8	   *values = copy_newest(fcinfo, 0);

	if (values == NULL)
		PG_RETURN_NULL();
	rule.current_size = state_size(fcinfo);
	return observe(fcinfo, &rule, values);
}

Datum
wb_sql_window_avg(PG_FUNCTION_ARGS)
{
	return observe_aggregate(fcinfo, WB_AGGREGATE_AVERAGE);
}

Datum
wb_sql_window_min(PG_FUNCTION_ARGS)
{
	return observe_aggregate(fcinfo, WB_AGGREGATE_MIN);
}

Datum
wb_sql_window_max(PG_FUNCTION_ARGS)
{
	return observe_aggregate(fcinfo, WB_AGGREGATE_MAX);
}

/* A single value has no deviation. */
Datum
wb_sql_window_stddev(PG_FUNCTION_ARGS)
{
	float8	   *values = copy_newest(fcinfo, 0);
	float8		deviation;

	if (values == NULL ||
		!wb_metric_deviation(values, state_size(fcinfo), &deviation))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(deviation);
}

Datum
wb_sql_window_change(PG_FUNCTION_ARGS)
{
	WbRule		rule = {.condition = WB_CONDITION_CHANGE,
	.aggregate = WB_AGGREGATE_AVERAGE,.is_relative = true};
	float8	   *values = copy_newest(fcinfo, 0);

	if (values == NULL)
		PG_RETURN_NULL();
	rule.current_size = state_size(fcinfo);
	rule.prior_size = ((WindowState *) PG_GETARG_POINTER(0))->prior_size;
	return observe(fcinfo, &rule, values);
}

Datum
wb_sql_window_zscore(PG_FUNCTION_ARGS)
{
	WbRule		rule = {.condition = WB_CONDITION_ZSCORE,.current_size = 1};
	float8	   *values = copy_newest(fcinfo, 1);

	if (values == NULL || state_size(fcinfo) < 2)
		PG_RETURN_NULL();
	rule.prior_size = state_size(fcinfo);
	return observe(fcinfo, &rule, values);
}
