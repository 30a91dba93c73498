/*-------------------------------------------------------------------------
 *
 * automation_check.c
 *		Refuses an automation that could not work, when it is written.
 *
 * wb.check_automation() is the BEFORE ROW trigger of wb.automations, so a
 * plain INSERT is checked like a call of wb.create_automation().  It parses a
 * rule with the very code that judges it later, and fills in the columns that
 * writers look rules up by.
 *
 * An UPDATE is checked only in what it changes: an automation whose
 * integration has gone must still be possible to disable.
 *
 * IDENTIFICATION
 *		src/decide/automation_check.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "decide/decide.h"
#include "mb/pg_wchar.h"
#include "support/clock.h"
#include "support/compat.h"
#include "support/json.h"
#include "support/relation.h"
#include "support/shape.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

WB_FUNCTION_INFO_V1(wb_sql_check_automation);

/* A row of wb.automations, on its way into the table. */
typedef struct Draft
{
	Relation	table;
	HeapTuple	row;
	HeapTuple	old_row;		/* NULL with INSERT */
} Draft;

static Datum
read_column(const Draft *draft, HeapTuple row, const char *column,
			bool *is_null)
{
	return heap_getattr(row, wb_relation_attribute(draft->table, column),
						RelationGetDescr(draft->table), is_null);
}

/* A column that must have a value, as this comes before NOT NULL. */
static Datum
require_column(const Draft *draft, const char *column)
{
	bool		is_null;
	Datum		value = read_column(draft, draft->row, column, &is_null);

	if (is_null)
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("%s of an automation is missing", column)));
	return value;
}

static char *
require_text(const Draft *draft, const char *column)
{
	return TextDatumGetCString(require_column(draft, column));
}

static bool
is_changed(const Draft *draft, const char *column)
{
	AttrNumber	number = wb_relation_attribute(draft->table, column);
	Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(draft->table),
												number - 1);
	bool		old_is_null;
	bool		new_is_null;
	Datum		old_value;
	Datum		new_value;

	if (draft->old_row == NULL)
		return true;
	old_value = read_column(draft, draft->old_row, column, &old_is_null);
	new_value = read_column(draft, draft->row, column, &new_is_null);
	if (old_is_null || new_is_null)
		return old_is_null != new_is_null;
	return !datum_image_eq(old_value, new_value, attribute->attbyval,
						   attribute->attlen);
}

static int64
check_scope(const Draft *draft, WbScopeType *type)
{
	char	   *name = require_text(draft, "scope_type");
	int64		id = DatumGetInt64(require_column(draft, "scope_id"));

	return wb_scope_check(name, id, type);
}

/* Refuse an event that cannot happen in a scope. */
static void
check_combination(WbEventType event_type, WbScopeType scope_type)
{
	const char *event = wb_event_type_name(event_type);
	const char *place = scope_type == WB_SCOPE_REGISTRY ? "a registry" :
	scope_type == WB_SCOPE_ARTIFACT_COLLECTION ? "a collection" : NULL;

	if (wb_event_is_of_run(event_type) && place != NULL)
		wb_problem_raise(psprintf("event %s is not possible in the scope of %s", event,
								  place),
						 "Runs belong to projects: use wb.project(entity, name).");
	if (event_type == WB_EVENT_CREATE_ARTIFACT &&
		scope_type == WB_SCOPE_REGISTRY)
		wb_problem_raise(psprintf("event %s is not possible in the scope of a registry",
								  event),
						 "Versions are logged in projects and linked to registries: use wb.on_link_artifact(scope).");
}

/* Parse the rule as it will be parsed to be judged. */
static WbRule *
check_event(const Draft *draft, WbScopeType scope_type)
{
	char	   *event_type = require_text(draft, "event_type");
	Jsonb	   *filter = DatumGetJsonbP(require_column(draft, "event_filter"));
	WbProblem	problem = {0};
	WbRule	   *rule = wb_rule_parse(event_type, filter, &problem);

	if (rule == NULL)
		wb_problem_raise(problem.message, problem.hint);
	check_combination(rule->event_type, scope_type);
	return rule;
}

static void
check_action(const Draft *draft, int64 entity_id)
{
	char	   *type = require_text(draft, "action_type");
	Jsonb	   *config = DatumGetJsonbP(require_column(draft, "action_config"));

	wb_action_check(type, config, entity_id);
}

static Datum
make_interval_of_years(int years)
{
	Interval   *interval = palloc0(sizeof(Interval));

	interval->month = years * MONTHS_PER_YEAR;
	return IntervalPGetDatum(interval);
}

static void
check_name(const char *name)
{
	const char *hint = "A name has 1 to 255 characters.";

	if (name[0] == '\0')
		wb_problem_raise("name of an automation is empty", hint);
	if (pg_mbstrlen(name) > 255)
		wb_problem_raise(psprintf("name of an automation has %d characters",
								  pg_mbstrlen(name)), hint);
}

static void
check_cooldown(const Draft *draft)
{
	char	   *once_per = require_text(draft, "once_per");
	bool		is_null;
	Datum		value = read_column(draft, draft->row, "cooldown", &is_null);

	if (strcmp(once_per, "run") != 0 && strcmp(once_per, "run_state") != 0)
		wb_problem_raise(psprintf("unknown once_per \"%s\"", once_per),
						 "A cooldown counts by run or by run_state.");
	if (!is_null &&
		(DatumGetBool(DirectFunctionCall2(interval_lt, value,
										  make_interval_of_years(0))) ||
		 DatumGetBool(DirectFunctionCall2(interval_gt, value,
										  make_interval_of_years(10)))))
	{
		char	   *text = DatumGetCString(DirectFunctionCall1(interval_out,
															   value));

		wb_problem_raise(psprintf("cooldown %s is out of range", text),
						 "A cooldown lasts from 0 to 10 years.");
	}
}

/* What writers look the rule up by, and the one of W&B's names for it. */
static HeapTuple
fill_lookup_columns(const Draft *draft, const WbRule *rule)
{
	int			columns[3];
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	columns[0] = wb_relation_attribute(draft->table, "event_source");
	values[0] = CStringGetTextDatum(wb_event_source(rule->event_type));
	columns[1] = wb_relation_attribute(draft->table, "event_key");
	values[1] = CStringGetTextDatum(rule->metric_name ? rule->metric_name : "");
	columns[2] = wb_relation_attribute(draft->table, "event_type");
	values[2] = CStringGetTextDatum(wb_event_type_name(rule->event_type));
	return heap_modify_tuple_by_cols(draft->row,
									 RelationGetDescr(draft->table),
									 3, columns, values, nulls);
}

static HeapTuple
stamp(const Draft *draft, const char *name, Datum value)
{
	int			column = wb_relation_attribute(draft->table, name);
	bool		is_null = false;

	return heap_modify_tuple_by_cols(draft->row,
									 RelationGetDescr(draft->table),
									 1, &column, &value, &is_null);
}

/* wb.check_automation() returns trigger */
Datum
wb_sql_check_automation(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	Draft		draft;
	bool		is_scope_changed;
	bool		is_event_changed;
	bool		is_action_changed;
	WbScopeType scope_type;
	int64		entity_id = WB_NO_ID;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		!TRIGGER_FIRED_BEFORE(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
		TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be fired before a row is written",
						"wb.check_automation")));

	wb_shape_require_readable(trigger->tg_relation, WB_TABLE_AUTOMATIONS);
	draft.table = trigger->tg_relation;
	draft.row = trigger->tg_trigtuple;
	draft.old_row = NULL;
	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
	{
		draft.row = trigger->tg_newtuple;
		draft.old_row = trigger->tg_trigtuple;
		wb_unknown_type_protect(draft.table, draft.old_row, draft.row);
	}

	check_name(require_text(&draft, "name"));
	check_cooldown(&draft);
	is_scope_changed = is_changed(&draft, "scope_type") ||
		is_changed(&draft, "scope_id");
	is_event_changed = is_scope_changed || is_changed(&draft, "event_type") ||
		is_changed(&draft, "event_filter") ||
		is_changed(&draft, "event_source") || is_changed(&draft, "event_key");
	is_action_changed = is_scope_changed ||
		is_changed(&draft, "action_type") ||
		is_changed(&draft, "action_config");
	if (is_event_changed || is_action_changed)
		entity_id = check_scope(&draft, &scope_type);
	if (is_action_changed)
		check_action(&draft, entity_id);
	if (is_event_changed)
		draft.row = fill_lookup_columns(&draft,
										check_event(&draft, scope_type));
	if (draft.old_row != NULL)
		draft.row = stamp(&draft, "updated_at",
						  TimestampTzGetDatum(wb_clock_now()));
	return PointerGetDatum(draft.row);
}
