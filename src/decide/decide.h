/*-------------------------------------------------------------------------
 *
 * decide.h
 *		From an event to verdicts: which automations fire, and why.
 *
 * Nothing here raises because of an automation.  Whatever can be wrong with
 * a rule is found when it is parsed, and is then a WbProblem: an error to
 * whoever writes the automation, a FAILED execution to whoever comes after.
 *
 * IDENTIFICATION
 *		src/decide/decide.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef WB_DECIDE_H
#define WB_DECIDE_H

#include "access/attnum.h"
#include "access/htup.h"
#include "access/xact.h"
#include "utils/rel.h"
#include "utils/snapshot.h"
#include "wb_automations.h"

#define WB_WINDOW_MAX	10000
#define WB_PATTERN_MAX	1000

/*
 * Other runs in a baseline at most, and runs looked at for each value of it.
 * Every statement with a new point may look at as many as both together.
 */
#define WB_BASELINE_MAX		100
#define WB_BASELINE_LOOKS	10

/* Windows of so few values are judged from the values alone. */
#define WB_EXACT_SIZE	16

/* Why something that a user wrote cannot be used. */
typedef struct WbProblem
{
	char	   *message;		/* NULL: no problem */
	char	   *hint;			/* what is allowed */
} WbProblem;

typedef enum WbAggregate
{
	WB_AGGREGATE_LAST,
	WB_AGGREGATE_AVERAGE,
	WB_AGGREGATE_MIN,
	WB_AGGREGATE_MAX
} WbAggregate;

typedef enum WbComparison
{
	WB_COMPARISON_GT,
	WB_COMPARISON_GTE,
	WB_COMPARISON_LT,
	WB_COMPARISON_LTE,
	WB_COMPARISON_EQ,
	WB_COMPARISON_NE,
	WB_COMPARISON_IS_NAN,
	WB_COMPARISON_IS_NOT_FINITE
} WbComparison;

typedef enum WbDirection
{
	WB_DIRECTION_ANY,
	WB_DIRECTION_INCREASE,
	WB_DIRECTION_DECREASE
} WbDirection;

/* What a metric rule asks of a window; see metric_rule.c for the formulas. */
typedef enum WbMetricCondition
{
	WB_CONDITION_THRESHOLD,
	WB_CONDITION_CHANGE,
	WB_CONDITION_ZSCORE,
	WB_CONDITION_PLATEAU
} WbMetricCondition;

typedef enum WbReportedState
{
	WB_STATE_RUNNING = 1 << 0,
	WB_STATE_FINISHED = 1 << 1,
	WB_STATE_FAILED = 1 << 2
} WbReportedState;

typedef struct WbFilter WbFilter;
struct WbScan;

/* What an automation waits for, parsed from event_type and event_filter. */
typedef struct WbRule
{
	WbEventType event_type;
	WbFilter   *filter;			/* NULL matches everything */
	char	   *metric_name;
	WbMetricCondition condition;
	WbAggregate aggregate;
	int			current_size;	/* values in the newest window */
	int			prior_size;		/* values just before it, or 0 */
	WbComparison comparison;	/* of a threshold */
	WbDirection direction;		/* of a change or a z-score */
	bool		is_relative;	/* a change, as a fraction */
	bool		is_maximized;	/* a plateau: greater is better */
	bool		is_against_runs;	/* a z-score against other runs */
	float8		threshold;
	int			states;			/* set of WbReportedState */
	char	   *silent_metric;	/* NULL: any sign of life counts */
} WbRule;

/* An automation, and until when it has nothing new to say about its run. */
typedef struct WbCandidate
{
	const WbAutomation *automation;
	TimestampTz quiet_until;
	float8	   *baseline;		/* values of other runs, once they are read */
	int			baseline_count;
	float8		baseline_average;
	float8		baseline_deviation;
} WbCandidate;

typedef struct WbPoint
{
	int64		step;
	float8		value;
} WbPoint;

/*
 * What a row is judged on: the points of its series up to the row itself, as
 * many as are known.
 */
typedef struct WbWindow
{
	const WbPoint *end;			/* one after the row's own point */
	int			count;
	bool		is_newest;		/* no point of the series comes after it */
} WbWindow;

typedef struct WbJudgedRows WbJudgedRows;
typedef struct WbLateWindow WbLateWindow;

/* The numbers that a rule compares; see metric_rule.c. */
typedef struct WbFigures
{
	float8		prior;			/* aggregate of the prior window */
	float8		spread;			/* deviation of the prior window */
	float8		current;		/* aggregate of the newest window */
} WbFigures;

/*
 * The newest points of one metric of one run, in the order of step.  See
 * series.c for what belongs in it.
 */
typedef struct WbSeries
{
	MemoryContext context;		/* of all that hangs on it */
	int			capacity;		/* the largest window */
	int			kept;			/* points kept at most */
	int			allocated;		/* room in points[], at most twice that */
	int			start;			/* oldest point in points[] */
	int			count;
	WbPoint    *points;
	WbPoint		alone;			/* a row that is older than all points */
	int64		newest_number;	/* points that came at the end */
	bool		is_late;		/* the last point did not come at the end */
	int			running_count;
	int			running_next;	/* where to look first */
	struct WbRunning **running; /* see running.c */
} WbSeries;

/* Where the points of a series are stored: a table of the user's statement. */
typedef struct WbSeriesSource
{
	Relation	table;
	Oid			index_oid;		/* on (run_id, name, step) */
	AttrNumber	step;
	AttrNumber	value;
	CommandId	before;			/* the statement that is being judged */
	WbJudgedRows *judged;		/* its rows that were */
	MemoryContext context;		/* lives as long as that statement */
	bool		may_keep;		/* its series may outlive it */
} WbSeriesSource;

/* Who else was writing to a series when this transaction marked its slot. */
typedef enum WbCompany
{
	WB_COMPANY_UNKNOWN,
	WB_COMPANY_NONE,
	WB_COMPANY_OPEN
} WbCompany;

/* A slot that this transaction has marked; see writer_slot.c. */
typedef struct WbMark
{
	uint32		slot;
	char		status;			/* simplehash's own */
	WbCompany	company;
	uint64		version;		/* of the slot, moved by this mark */
	uint64		newest;			/* whose mark was the last one then */
	uint64		older;			/* no open one before it is newer than this */
} WbMark;

/* decide/action_check.c */
extern bool wb_action_type_is_known(const char *name);
extern void wb_action_check(const char *type, Jsonb *config, int64 entity_id);

/* decide/baseline.c */
extern void wb_baseline_read(WbCandidate *candidate, const WbEvent *event,
							 const WbSeriesSource *source);
extern void wb_baseline_sum_up(WbCandidate *candidate);

/* decide/filter_parse.c, decide/filter.c */
extern WbFilter *wb_filter_parse(JsonbContainer *document, WbEventType type,
								 WbProblem *problem);
extern bool wb_filter_is_void(const WbFilter *filter);
extern bool wb_filter_matches(const WbFilter *filter, WbEvent *event);

/* decide/judge.c */
extern List *wb_judge_find_candidates(const WbEvent *event);
extern bool wb_judge_holds(WbCandidate *candidate, const WbEvent *event,
						   WbSeries *series, const WbWindow *window,
						   const WbSeriesSource *source, WbVerdict *verdict);
extern void wb_judge_metric(WbCandidate *candidate, WbEvent *event,
							WbSeries *series, const WbWindow *window,
							const WbSeriesSource *source);
extern void wb_judge_event(const WbEvent *event);
extern void wb_judge_one(int64 automation_id, const WbEvent *event);
extern void wb_judge_faces(List *faces);

/* decide/judged_rows.c */
extern WbJudgedRows *wb_judged_rows_create(MemoryContext context);
extern void wb_judged_rows_add(WbJudgedRows *judged,
							   const ItemPointerData *place);
extern bool wb_judged_rows_have(const WbJudgedRows *judged,
								const ItemPointerData *place);
extern bool wb_judged_rows_exist(const WbJudgedRows *judged);

/* decide/late_window.c */
extern WbLateWindow *wb_late_window_create(const WbSeriesSource *source,
										   int64 run_id, const char *name,
										   int capacity);
extern void wb_late_window_put(WbLateWindow *late, int64 step, float8 value,
							   WbWindow *window);
extern void wb_late_window_follow(WbLateWindow *late, int64 step,
								  float8 value);

/* decide/metric_rule.c */
extern bool wb_metric_average(const float8 *values, int count,
							  float8 *average);
extern bool wb_metric_deviation(const float8 *values, int count,
								float8 *deviation);
extern bool wb_metric_compare(WbComparison comparison, float8 observed,
							  float8 threshold);
extern int	wb_metric_rule_size(const WbRule *rule);
extern bool wb_metric_rule_compute(const WbRule *rule, const float8 *values,
								   WbFigures *figures);
extern bool wb_metric_rule_compare(const WbRule *rule,
								   const WbFigures *figures, float8 *observed);
extern bool wb_metric_rule_holds(const WbRule *rule, const float8 *values,
								 float8 *observed);

/* decide/metric_parse.c */
extern bool wb_metric_parse(WbRule *rule, JsonbContainer *metric,
							WbProblem *problem);

/* decide/parsed_rule.c */
extern void wb_rules_hold(MemoryContext context);
extern void wb_parsed_rules_sweep(uint64 generation);
extern WbAutomation *wb_parsed_rule_find(struct WbScan *scan,
										 WbEventType type, uint64 generation);

/* decide/problem.c */
extern bool wb_problem_note(WbProblem *problem, char *message,
							const char *hint);
extern void wb_problem_raise(const char *message, const char *hint);

/* decide/rule.c */
extern bool wb_event_type_is_known(const char *name);
extern WbRule *wb_rule_parse(const char *event_type, Jsonb *event_filter,
							 WbProblem *problem);
extern int	wb_rule_state_of(const char *run_state);
extern const char *wb_rule_reported_state(const char *run_state);

/* decide/rule_cache.c */
extern uint64 wb_rules_generation(void);
extern bool wb_rules_watch_metric(const char *name, int length);
extern bool wb_rules_exist(WbEventType type, const char *key,
						   WbScopeType scope_type);
extern List *wb_rules_find(WbEventType type, const char *key,
						   WbScopeType scope_type, int64 scope_id);

/* decide/observation.c */
extern bool wb_observation_is_complete(Relation table, Oid function);
extern bool wb_observation_is_by_all(Snapshot snapshot);

/* decide/rule_out.c */
extern bool wb_rule_is_out(const WbCandidate *candidate, WbSeries *series);

/* decide/run_row.c */
extern bool wb_run_read(int64 run_id, WbEvent *event);
extern bool wb_run_complete(WbEvent *event);

/* decide/scope.c */
extern int64 wb_scope_check(const char *name, int64 id, WbScopeType *type);
extern List *wb_scope_find_rules(const WbEvent *event);
extern const char *wb_scope_name(WbScopeType type);
extern int64 wb_scope_organization(int64 entity_id);

/* decide/sentence.c */
extern void wb_sentence_describe(WbVerdict *verdict);

/* decide/series.c */
extern void wb_series_init(WbSeries *series, int capacity);
extern void wb_series_load(WbSeries *series, int capacity,
						   const WbSeriesSource *source, int64 run_id,
						   const char *name);
extern int	wb_points_find(const WbPoint *points, int count, int64 step);
extern bool wb_series_put(WbSeries *series, int64 step, float8 value,
						  WbWindow *window);
extern void wb_series_copy_window(const WbSeries *series, int count,
								  float8 *values);

/* decide/series_cache.c */
extern void wb_series_cache_end(XactEvent event);
extern bool wb_series_cache_may_keep(Relation table, Oid function,
									 CommandId command);
extern WbSeries *wb_series_cache_take(const WbSeriesSource *source,
									  int64 run_id, const char *name,
									  int capacity, WbMark *mark);
extern void wb_series_cache_void(void);
extern void wb_series_cache_forget(Relation table, int64 run_id,
								   const char *name);

/* decide/unknown_type.c */
extern void wb_unknown_type_protect(Relation table, HeapTuple old_row,
									HeapTuple new_row);

/* decide/writer_slot.c */
extern void wb_writer_slot_register(void);
extern void wb_writer_slot_end(XactEvent event);
extern WbMark *wb_writer_slot_mark(int64 run_id, const char *name, int length);
extern uint64 wb_writer_slot_version(const WbMark *mark);
extern uint64 wb_writer_slot_widen(TransactionId xid);
extern void wb_writer_slot_settle(WbMark *mark, Snapshot snapshot);

#endif							/* WB_DECIDE_H */
