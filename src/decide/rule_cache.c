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
 * The cache has lists of automations, which are kept parsed elsewhere
 * (parsed_rule.c), so it can be emptied at any time; and it is, where it has
 * too many entries: whoever writes chooses the names of metrics.
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
#include "support/relation.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"

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

/* Entries at most; without a rule they have some 200 bytes each. */
#define ENTRIES_MAX 8192

static rules_hash *cache = NULL;
static MemoryContext cache_context = NULL;
static uint64 cache_generation = 0;

static void
empty_cache(void)
{
	if (cache_context == NULL)
		cache_context = AllocSetContextCreate(CacheMemoryContext,
											  "wb automation cache",
											  ALLOCSET_DEFAULT_SIZES);
	cache = NULL;
	MemoryContextReset(cache_context);
	cache = rules_create(cache_context, 64, NULL);
}

/* Start anew if something changed since the cache was started. */
static void
refresh_cache(void)
{
	uint64		generation = wb_rules_generation();

	if (cache_generation != generation)
	{
		wb_generation_watch(WB_GENERATION_AUTOMATIONS,
							wb_relation_oid(WB_TABLE_AUTOMATIONS));
		wb_parsed_rules_sweep(cache_generation);
		empty_cache();
		cache_generation = generation;
	}
	else if (cache == NULL || cache->members >= ENTRIES_MAX)
		empty_cache();
}

/* Find rows of wb.automations by key; the scan starts before the first. */
static bool
begin_scan(WbScan *scan, Relation *table, const CacheKey *key)
{
	static const char *const columns[WB_INDEX_COLUMNS] = {"event_source",
	"event_key", "enabled", "scope_type", "scope_id"};
	Oid			index_oid;
	ScanKeyData keys[WB_INDEX_COLUMNS];

	if (!OidIsValid(wb_relation_oid(WB_TABLE_AUTOMATIONS)))
		return false;
	*table = wb_relation_open(WB_TABLE_AUTOMATIONS);
	index_oid = wb_relation_index_on(*table, columns);
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

static void
add_automation(CacheEntry *entry, WbScan *scan)
{
	WbAutomation *automation = wb_parsed_rule_find(scan, entry->key.type,
												   cache_generation);
	MemoryContext before = MemoryContextSwitchTo(cache_context);

	entry->automations = lappend(entry->automations, automation);
	MemoryContextSwitchTo(before);
}

/* Fill an entry from the table; only the list of it is the cache's. */
static void
load_entry(CacheEntry *entry)
{
	WbScan		scan;
	Relation	table;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "wb rule scan",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);

	if (begin_scan(&scan, &table, &entry->key))
	{
		while (wb_scan_next(&scan))
		{
			entry->is_watched = true;
			if (entry->key.question != ALL_IN_SCOPE)
				break;
			add_automation(entry, &scan);
		}
		wb_scan_end(&scan);
		table_close(table, AccessShareLock);
		list_sort(entry->automations, compare_ids);
	}
	MemoryContextSwitchTo(before);
	MemoryContextDelete(context);
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
	load_entry(&loaded);
	loaded.key.name = memcpy(MemoryContextAlloc(cache_context,
												key.name_length + 1),
							 key.name, key.name_length);
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
 * name, or empty.  The list is the cache's, and gone with the next question;
 * what is in it lives as long as rules are held (wb_rules_hold).
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
