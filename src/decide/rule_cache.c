/*-------------------------------------------------------------------------
 *
 * rule_cache.c
 *		The automations that this backend has met, parsed.
 *
 * Rules are read when an event first asks for them, by (event, metric, scope),
 * and that there are none is remembered too.  A change of wb.automations
 * sends a relation cache message (capture/rule_change.c); the callback only
 * counts.  The next lookup sees that the count has moved and starts anew.
 *
 * What a lookup returned stays valid until the end of the transaction, also if
 * the cache was started anew in between: a firing may run other people's
 * triggers, and these may ask for rules in turn.
 *
 * Rules are read with a snapshot of their own, never with the transaction's.
 * Under REPEATABLE READ that one would show old rules, and they would be kept
 * as valid after the transaction had ended.
 *
 * IDENTIFICATION
 *		src/decide/rule_cache.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "access/table.h"
#include "access/xact.h"
#include "common/hashfn.h"
#include "decide/decide.h"
#include "support/invalidation.h"
#include "support/json.h"
#include "support/relation.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* What is asked; the number of index columns that it is about. */
typedef enum CacheQuestion
{
	ANY_AT_ALL = 3,
	ANY_OF_SCOPE_TYPE = 4,
	ALL_IN_SCOPE = 5
} CacheQuestion;

typedef struct CacheKey
{
	WbEventType type;
	CacheQuestion question;
	WbScopeType scope_type;
	int64		scope_id;
	const char *name;			/* metric, or "" */
	int			name_length;
} CacheKey;

typedef struct CacheEntry
{
	CacheKey	key;
	uint32		hash;
	char		status;			/* simplehash's own */
	bool		is_watched;
	List	   *automations;
} CacheEntry;

static inline uint32
hash_key(const CacheKey *key)
{
	uint32		hash = hash_bytes((const unsigned char *) key->name,
								  key->name_length);

	return hash_combine(hash, (uint32) key->type * 32 + key->question * 4 +
						key->scope_type + (uint32) key->scope_id * 1021);
}

static inline bool
is_same_key(const CacheKey *a, const CacheKey *b)
{
	return a->type == b->type && a->question == b->question &&
		a->scope_type == b->scope_type && a->scope_id == b->scope_id &&
		a->name_length == b->name_length &&
		memcmp(a->name, b->name, a->name_length) == 0;
}

#define SH_PREFIX rules
#define SH_ELEMENT_TYPE CacheEntry
#define SH_KEY_TYPE CacheKey
#define SH_KEY key
#define SH_HASH_KEY(tb, k) hash_key(&(k))
#define SH_EQUAL(tb, a, b) is_same_key(&(a), &(b))
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a) (a)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

static rules_hash *cache = NULL;
static MemoryContext cache_context = NULL;
static uint64 cache_generation = 0;

/* Start anew if something changed since the cache was started. */
static void
refresh_cache(void)
{
	uint64		generation = wb_rules_generation();

	if (cache_generation == generation)
		return;
	wb_generation_watch(WB_GENERATION_AUTOMATIONS,
						wb_relation_oid(WB_TABLE_AUTOMATIONS));

	/* handed-out rules live as long as the transaction that asked for them */
	if (cache_context != NULL)
		MemoryContextSetParent(cache_context, TopTransactionContext);
	cache = NULL;
	cache_context = AllocSetContextCreate(CacheMemoryContext,
										  "wb automation cache",
										  ALLOCSET_DEFAULT_SIZES);
	cache = rules_create(cache_context, 64, NULL);
	cache_generation = generation;
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
read_automation(WbScan *scan, WbEventType type)
{
	WbAutomation *automation = palloc0(sizeof(WbAutomation));
	WbProblem	problem = {0};
	char	   *event_type = wb_scan_text(scan, "event_type");

	automation->id = wb_scan_id(scan, "id");
	automation->name = wb_scan_text(scan, "name");
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

/* Find rows of wb.automations by key; the scan starts before the first. */
static bool
begin_scan(WbScan *scan, Relation *table, const CacheKey *key)
{
	Oid			oid = wb_relation_oid(WB_TABLE_AUTOMATIONS);
	Oid			index_oid;
	ScanKeyData keys[5];

	if (!OidIsValid(oid))
		return false;
	*table = table_open(oid, AccessShareLock);
	index_oid = wb_relation_index(*table, "event_source", "event_key",
								  "enabled");
	if (!OidIsValid(index_oid))
	{
		table_close(*table, AccessShareLock);
		return false;
	}
	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(wb_event_source(key->type)));
	ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_TEXTEQ,
				PointerGetDatum(cstring_to_text_with_len(key->name,
														 key->name_length)));
	ScanKeyInit(&keys[2], 3, BTEqualStrategyNumber, F_BOOLEQ,
				BoolGetDatum(true));
	ScanKeyInit(&keys[3], 4, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(wb_scope_name(key->scope_type)));
	ScanKeyInit(&keys[4], 5, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(key->scope_id));
	wb_scan_begin(scan, *table, index_oid, keys, key->question, NULL,
				  ForwardScanDirection);
	return true;
}

/* Those that were made first fire first. */
static int
compare_ids(const ListCell *a, const ListCell *b)
{
	const WbAutomation *first = lfirst(a);
	const WbAutomation *second = lfirst(b);

	return first->id < second->id ? -1 : first->id > second->id;
}

/* Fill an entry from the table; its memory is the cache's. */
static void
load_entry(CacheEntry *entry)
{
	WbScan		scan;
	Relation	table;
	MemoryContext before = MemoryContextSwitchTo(cache_context);

	if (begin_scan(&scan, &table, &entry->key))
	{
		while (wb_scan_next(&scan))
		{
			entry->is_watched = true;
			if (entry->key.question != ALL_IN_SCOPE)
				break;
			entry->automations =
				lappend(entry->automations,
						read_automation(&scan, entry->key.type));
		}
		wb_scan_end(&scan);
		table_close(table, AccessShareLock);
		list_sort(entry->automations, compare_ids);
	}
	MemoryContextSwitchTo(before);
}

/*
 * The entry of a key, read if need be.  An entry is put into the cache only
 * when it is complete, so that an error on the way leaves nothing behind.
 */
static CacheEntry *
find_entry(CacheKey key)
{
	CacheEntry *entry;
	CacheEntry	loaded = {0};
	bool		is_found;

	refresh_cache();
	entry = rules_lookup(cache, key);
	if (entry != NULL)
		return entry;

	loaded.key = key;
	loaded.key.name = MemoryContextStrdup(cache_context,
										  pnstrdup(key.name, key.name_length));
	load_entry(&loaded);
	entry = rules_insert(cache, loaded.key, &is_found);
	entry->key = loaded.key;
	entry->is_watched = loaded.is_watched;
	entry->automations = loaded.automations;
	return entry;
}

/* What wb_rules_watch_metric answered holds until this number moves. */
uint64
wb_rules_generation(void)
{
	return wb_generation(WB_GENERATION_AUTOMATIONS);
}

/* Is there an enabled automation on this metric, in any scope? */
bool
wb_rules_watch_metric(const char *name, int length)
{
	CacheKey	key = {.type = WB_EVENT_RUN_METRIC,.question = ANY_AT_ALL,
	.name = name,.name_length = length};

	return find_entry(key)->is_watched;
}

/* Is there an enabled automation on an event in any scope of a type? */
bool
wb_rules_exist(WbEventType type, const char *key_name, WbScopeType scope_type)
{
	CacheKey	key = {.type = type,.question = ANY_OF_SCOPE_TYPE,
		.scope_type = scope_type,.name = key_name,
	.name_length = strlen(key_name)};

	return find_entry(key)->is_watched;
}

/*
 * The enabled automations on an event in one scope; "key" is the metric's
 * name, or empty.  The list lives until the end of the transaction.
 */
List *
wb_rules_find(WbEventType type, const char *key_name, WbScopeType scope_type,
			  int64 scope_id)
{
	CacheKey	key = {.type = type,.question = ALL_IN_SCOPE,
		.scope_type = scope_type,
		.scope_id = scope_id,.name = key_name,
	.name_length = strlen(key_name)};

	return find_entry(key)->automations;
}
