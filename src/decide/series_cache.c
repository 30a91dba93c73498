/*-------------------------------------------------------------------------
 *
 * series_cache.c
 *		Series that outlive the statement that read them.
 *
 * A kept series must be exactly what reading the table anew would give.  It is
 * kept only if, when it was read, nobody else had the series open (see
 * writer_slot.c) and nobody could be writing to it unnoticed (observation.c).
 * It is used again only if nobody has marked its slot since.  Whatever makes
 * that doubtful drops it: rules or the table changed, a (sub)transaction that
 * touched it aborted or was prepared, a command of ours deleted points or
 * wrote some that went into no series, a statement inside another one's
 * trigger wrote to it.  A drop costs one read, a series that is wrong costs an
 * answer.
 *
 * A series that is dropped may still be in use by a statement that took it
 * before; its memory goes when the next statement begins.  So does that of
 * the series that were not used for longest, where there are too many.
 *
 * IDENTIFICATION
 *		src/decide/series_cache.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "decide/decide.h"
#include "lib/ilist.h"
#include "support/invalidation.h"
#include "support/relation.h"
#include "support/setting.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

typedef struct KeptKey
{
	Oid			table;
	int64		run_id;
	const char *name;
} KeptKey;

typedef struct KeptSeries
{
	KeptKey		key;
	MemoryContext context;		/* this struct and all of the series */
	dlist_node	use;			/* in by_use */
	dlist_node	touch;			/* in touched, if is_touched */
	bool		is_touched;		/* by the current transaction */
	CommandId	command;		/* that touched it last */
	uint64		version;		/* of the slot, as of our last mark */
	uint64		generation;		/* of the rules */
	Size		size;			/* as counted in total_size */
	WbSeries	series;
} KeptSeries;

typedef struct KeptEntry
{
	KeptKey		key;
	char		status;			/* simplehash's own */
	KeptSeries *kept;
} KeptEntry;

static inline uint32
hash_key(KeptKey key)
{
	uint32		hash = hash_bytes((const unsigned char *) key.name,
								  strlen(key.name));

	return hash_combine(hash, murmurhash32((uint32) key.run_id ^ key.table));
}

#define SH_PREFIX kept
#define SH_ELEMENT_TYPE KeptEntry
#define SH_KEY_TYPE KeptKey
#define SH_KEY key
#define SH_HASH_KEY(tb, k) hash_key(k)
#define SH_EQUAL(tb, a, b) \
	((a).table == (b).table && (a).run_id == (b).run_id && \
	 strcmp((a).name, (b).name) == 0)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

static MemoryContext cache_context = NULL;
static MemoryContext dropped_context = NULL;
static kept_hash *cache = NULL;
static dlist_head by_use = DLIST_STATIC_INIT(by_use);	/* newest first */
static dlist_head touched = DLIST_STATIC_INIT(touched);
static Size total_size = 0;

static uint64 known_tables = 0; /* generation of the tables they are from */
static uint64 known_aborts = 0;
static bool must_drop_all = false;

/* Of the current transaction: the newest statement, the newest loss. */
static bool has_written = false;
static CommandId newest_statement = 0;
static bool has_lost = false;
static CommandId newest_loss = 0;

/* Take a series out of the cache; somebody may still be using it. */
static void
drop(KeptSeries *kept)
{
	if (kept->is_touched)
		dlist_delete(&kept->touch);
	dlist_delete(&kept->use);
	total_size -= kept->size;
	kept_delete(cache, kept->key);
	MemoryContextSetParent(kept->context, dropped_context);
}

/* What was touched by what is undone since is as it never was. */
static void
drop_undone(void)
{
	if (known_aborts == wb_generation(WB_GENERATION_ABORTS))
		return;
	known_aborts = wb_generation(WB_GENERATION_ABORTS);
	while (!dlist_is_empty(&touched))
		drop(dlist_head_element(KeptSeries, touch, &touched));
}

static void
drop_all(void)
{
	must_drop_all = false;
	known_tables = wb_generation(WB_GENERATION_SERIES);
	while (!dlist_is_empty(&by_use))
		drop(dlist_head_element(KeptSeries, use, &by_use));
}

static void
count_size(KeptSeries *kept)
{
	Size		size = MemoryContextMemAllocated(kept->context, false);

	total_size += size - kept->size;
	kept->size = size;
}

static Size
most_memory(void)
{
	return (Size) wb_setting_series_memory * 1024;
}

/* Free what nobody can be using, when no statement is being judged. */
static void
tidy(void)
{
	if (cache == NULL)
		return;
	/* leave a statement some room to keep what it reads */
	while (total_size > most_memory() / 8 * 7)
		drop(dlist_tail_element(KeptSeries, use, &by_use));
	MemoryContextDeleteChildren(dropped_context);
}

/* What a transaction touched is true of its commit, and of nothing else. */
void
wb_series_cache_end(XactEvent event)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT &&
		event != XACT_EVENT_PREPARE)
		return;
	drop_undone();
	while (!dlist_is_empty(&touched))
	{
		KeptSeries *kept = dlist_head_element(KeptSeries, touch, &touched);

		count_size(kept);
		kept->is_touched = false;
		dlist_delete(&kept->touch);
	}
	tidy();
	has_written = false;
	has_lost = false;
}

/*
 * Points were taken away, or written without being judged, by this session:
 * no series that it keeps follows that.
 */
void
wb_series_cache_void(void)
{
	has_lost = true;
	newest_loss = GetCurrentCommandId(false);
	must_drop_all = true;
}

/* A row was written that goes into no series of this session. */
void
wb_series_cache_forget(Relation table, int64 run_id, const char *name)
{
	KeptKey		key = {RelationGetRelid(table), run_id, name};
	KeptEntry  *entry = cache == NULL ? NULL : kept_lookup(cache, key);

	if (entry != NULL)
		drop(entry->kept);
}

/*
 * A statement begins to be judged, in the order of its command.  May it use
 * what others left, and leave something?  Not if it is inside of another one's
 * trigger, or began before one that was judged already: they see each other's
 * rows by halves.
 */
bool
wb_series_cache_may_keep(Relation table, Oid function, CommandId command)
{
	bool		is_nested = DatumGetInt32(DirectFunctionCall1(pg_trigger_depth,
															  (Datum) 0)) > 1;
	bool		is_newest = !has_written || command >= newest_statement;
	bool		is_new = !has_written || command > newest_statement;

	if (is_new && !is_nested)
		tidy();
	if (is_newest)
		newest_statement = command;
	has_written = true;
	return is_newest && !is_nested && most_memory() > 0 &&
		wb_observation_is_complete(table, function);
}

/* May a series be taken over from the statement that used it last? */
static bool
is_current(const KeptSeries *kept, const WbMark *mark, int capacity,
		   CommandId command)
{
	return kept->series.capacity >= capacity &&
		kept->generation == wb_rules_generation() &&
		(!kept->is_touched || kept->command < command) &&
		(kept->version == mark->version ||
		 kept->version == mark->version - 1) &&
		wb_writer_slot_version(mark) == mark->version;
}

static void
touch(KeptSeries *kept, const WbMark *mark, CommandId command)
{
	if (!kept->is_touched)
		dlist_push_head(&touched, &kept->touch);
	kept->is_touched = true;
	kept->command = command;
	kept->version = mark->version;
	dlist_move_head(&by_use, &kept->use);
	count_size(kept);
}

static KeptSeries *
keep(KeptKey key, const WbMark *mark)
{
	MemoryContext context;
	KeptSeries *kept;
	KeptEntry  *entry;
	bool		is_found;

	if (cache == NULL)
	{
		cache_context = AllocSetContextCreate(CacheMemoryContext,
											  "wb series cache",
											  ALLOCSET_DEFAULT_SIZES);
		dropped_context = AllocSetContextCreate(cache_context,
												"wb series dropped",
												ALLOCSET_SMALL_SIZES);
		cache = kept_create(cache_context, 64, NULL);
	}
	context = AllocSetContextCreate(cache_context, "wb series",
									ALLOCSET_SMALL_SIZES);
	kept = MemoryContextAllocZero(context, sizeof(KeptSeries));
	kept->context = context;
	kept->key = key;
	kept->key.name = MemoryContextStrdup(context, key.name);
	kept->generation = wb_rules_generation();
	wb_generation_watch(WB_GENERATION_SERIES, key.table);
	entry = kept_insert(cache, kept->key, &is_found);
	entry->kept = kept;
	dlist_push_head(&by_use, &kept->use);
	return kept;
}

/* Read a series, and keep it if nobody else can have a hand in it. */
static WbSeries *
read_anew(const WbSeriesSource *source, KeptKey key, int capacity,
		  WbMark *mark)
{
	bool		may_keep = source->may_keep && mark != NULL &&
	total_size < most_memory() &&
	!(has_lost && newest_loss >= source->before);
	KeptSeries *kept;
	MemoryContext before;

	if (mark != NULL)
	{
		/* what is over in this snapshot is seen by the next one, too */
		Snapshot	snapshot = wb_scan_take_snapshot(source->before);

		wb_writer_slot_settle(mark, snapshot);
		may_keep = may_keep && mark->company == WB_COMPANY_NONE &&
			wb_writer_slot_version(mark) == mark->version &&
			wb_observation_is_by_all(snapshot);
		UnregisterSnapshot(snapshot);
	}
	if (!may_keep)
	{
		WbSeries   *series = palloc(sizeof(WbSeries));

		wb_series_load(series, capacity, source, key.run_id, key.name);
		return series;
	}

	kept = keep(key, mark);
	touch(kept, mark, source->before);
	before = MemoryContextSwitchTo(kept->context);
	wb_series_load(&kept->series, capacity, source, key.run_id, key.name);
	MemoryContextSwitchTo(before);
	count_size(kept);
	return &kept->series;
}

/*
 * A series as it was before a statement, for this statement to go on with.
 * "mark" is this transaction's on the series' slot, or NULL.  Memory is the
 * current context's or the cache's; either way it outlives the statement.
 */
WbSeries *
wb_series_cache_take(const WbSeriesSource *source, int64 run_id,
					 const char *name, int capacity, WbMark *mark)
{
	KeptKey		key = {RelationGetRelid(source->table), run_id, name};
	KeptEntry  *entry;

	drop_undone();
	if (must_drop_all || known_tables != wb_generation(WB_GENERATION_SERIES))
		drop_all();
	entry = cache == NULL ? NULL : kept_lookup(cache, key);
	if (entry != NULL)
	{
		KeptSeries *kept = entry->kept;

		if (source->may_keep && mark != NULL &&
			!(has_lost && newest_loss >= source->before) &&
			is_current(kept, mark, capacity, source->before))
		{
			mark->company = WB_COMPANY_NONE;
			touch(kept, mark, source->before);
			return &kept->series;
		}
		drop(kept);
	}
	return read_anew(source, key, capacity, mark);
}
