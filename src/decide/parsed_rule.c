/*-------------------------------------------------------------------------
 *
 * parsed_rule.c
 *		The automations that this backend has read, each parsed once.
 *
 * A change of wb.automations makes the rule cache start anew, and may be about
 * any of them.  To parse a rule again, its patterns above all, is dear, so a
 * parsed one is kept as long as its row is the same, byte for byte.
 *
 * Rule: what was handed out may be freed when nobody holds rules any more.
 * Whoever asks for rules, and runs anything of other people's before being
 * done with them, calls wb_rules_hold before.
 *
 * IDENTIFICATION
 *		src/decide/parsed_rule.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "common/hashfn.h"
#include "decide/decide.h"
#include "support/json.h"
#include "support/relation.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

typedef struct ParsedRule
{
	int64		id;
	char		status;			/* simplehash's own */
	uint64		used;			/* generation of the last who asked */
	MemoryContext context;		/* of the next two */
	HeapTuple	row;
	WbAutomation *automation;
} ParsedRule;

#define SH_PREFIX parsed
#define SH_ELEMENT_TYPE ParsedRule
#define SH_KEY_TYPE int64
#define SH_KEY id
#define SH_HASH_KEY(tb, k) murmurhash32((uint32) (k))
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

static parsed_hash *rules = NULL;
static MemoryContext retired = NULL;
static int	holder_count = 0;

static void
release(void *argument)
{
	holder_count--;
}

/* Keep all rules that are handed out from now on, as long as a context. */
void
wb_rules_hold(MemoryContext context)
{
	MemoryContextCallback *callback =
	MemoryContextAlloc(context, sizeof(MemoryContextCallback));

	callback->func = release;
	callback->arg = NULL;
	MemoryContextRegisterResetCallback(context, callback);
	holder_count++;
}

/* A context becomes free as soon as nobody holds rules. */
static void
retire(MemoryContext context)
{
	if (holder_count == 0)
		MemoryContextDelete(context);
	else
		MemoryContextSetParent(context, retired);
}

/*
 * The rules may have changed: those that nobody asked for since "generation"
 * are not kept, because they may be gone.
 */
void
wb_parsed_rules_sweep(uint64 generation)
{
	parsed_iterator iterator;
	ParsedRule *rule;

	if (rules == NULL)
	{
		MemoryContext context = AllocSetContextCreate(CacheMemoryContext,
													  "wb parsed rules",
													  ALLOCSET_SMALL_SIZES);

		retired = AllocSetContextCreate(CacheMemoryContext,
										"wb retired rules",
										ALLOCSET_SMALL_SIZES);
		rules = parsed_create(context, 16, NULL);
	}
	if (holder_count == 0)
		MemoryContextReset(retired);

	parsed_start_iterate(rules, &iterator);
	while ((rule = parsed_iterate(rules, &iterator)) != NULL)
	{
		MemoryContext context = rule->context;

		if (rule->used >= generation)
			continue;
		parsed_delete_item(rules, rule);
		retire(context);
	}
}

/* The cooldown of an event type whose automation names none. */
static Interval *
default_cooldown(WbEventType type)
{
	Interval   *cooldown;

	if (!wb_event_is_of_run(type) || type == WB_EVENT_SCHEDULE)
		return NULL;
	cooldown = palloc0(sizeof(Interval));
	cooldown->time = 24 * USECS_PER_HOUR;
	return cooldown;
}

static void
read_cooldown(WbAutomation *automation, WbScan *scan)
{
	bool		is_null;
	Datum		value = wb_scan_column(scan, "cooldown", &is_null);

	if (is_null)
		automation->cooldown = default_cooldown(automation->event_type);
	else
	{
		automation->cooldown = palloc(sizeof(Interval));
		*automation->cooldown = *DatumGetIntervalP(value);
	}
}

static Jsonb *
read_jsonb(WbScan *scan, const char *column)
{
	bool		is_null;
	Datum		value = wb_scan_column(scan, column, &is_null);

	return is_null ? NULL : DatumGetJsonbPCopy(value);
}

/* The integration that an action names, or WB_NO_ID. */
static int64
integration_of(Jsonb *config)
{
	JsonbIterator *iterator = JsonbIteratorInit(&config->root);
	JsonbIteratorToken token;
	JsonbValue	value;
	int64		id = WB_NO_ID;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_VALUE && value.type == jbvBinary &&
			wb_json_get_integer(value.val.binary.data, "integrationID", &id))
			break;
	}
	return id;
}

/* The row that the scan is at, as an automation of the current context. */
static WbAutomation *
parse(WbScan *scan, WbEventType type)
{
	WbAutomation *automation = palloc0(sizeof(WbAutomation));
	WbProblem	problem = {0};
	char	   *event_type = wb_scan_text(scan, "event_type");

	automation->id = wb_scan_id(scan, "id");
	automation->name = wb_scan_text(scan, "name");
	ereport(DEBUG1,
			(errmsg_internal("parsing automation \"%s\"", automation->name)));
	automation->scope_type = wb_scan_text(scan, "scope_type");
	automation->scope_id = wb_scan_id(scan, "scope_id");
	automation->event_type = type;
	automation->action_type_name = wb_scan_text(scan, "action_type");
	automation->action_config = read_jsonb(scan, "action_config");
	automation->integration_id = integration_of(automation->action_config);
	automation->is_once_per_state =
		strcmp(wb_scan_text(scan, "once_per"), "run_state") == 0;
	read_cooldown(automation, scan);

	automation->rule = wb_rule_parse(event_type,
									 read_jsonb(scan, "event_filter"), &problem);
	if (automation->rule == NULL)
		automation->broken = problem.message;
	else
		automation->event_type = automation->rule->event_type;
	return automation;
}

static bool
is_same_row(HeapTuple a, HeapTuple b)
{
	return a->t_len == b->t_len &&
		a->t_data->t_hoff == b->t_data->t_hoff &&
		HeapTupleHeaderGetNatts(a->t_data) ==
		HeapTupleHeaderGetNatts(b->t_data) &&
		memcmp(a->t_data->t_bits, b->t_data->t_bits,
			   a->t_len - offsetof(HeapTupleHeaderData, t_bits)) == 0;
}

/*
 * The automation of the row that a scan is at, parsed for events of a type.
 * "generation" is that of the rules.
 */
WbAutomation *
wb_parsed_rule_find(WbScan *scan, WbEventType type, uint64 generation)
{
	int64		id = wb_scan_id(scan, "id");
	HeapTuple	row = ExecCopySlotHeapTuple(scan->slot);
	ParsedRule *rule = parsed_lookup(rules, id);
	ParsedRule	fresh = {.id = id};
	MemoryContext before;
	bool		is_found;

	if (rule == NULL || !is_same_row(rule->row, row))
	{
		fresh.context = AllocSetContextCreate(CurrentMemoryContext,
											  "wb parsed rule",
											  ALLOCSET_SMALL_SIZES);
		before = MemoryContextSwitchTo(fresh.context);
		fresh.row = heap_copytuple(row);
		fresh.automation = parse(scan, type);
		MemoryContextSwitchTo(before);
		MemoryContextSetParent(fresh.context, CacheMemoryContext);

		rule = parsed_insert(rules, id, &is_found);
		if (is_found)
			retire(rule->context);
		rule->context = fresh.context;
		rule->row = fresh.row;
		rule->automation = fresh.automation;
	}
	rule->used = generation;
	return rule->automation;
}
