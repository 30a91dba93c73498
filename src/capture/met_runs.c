/*-------------------------------------------------------------------------
 *
 * met_runs.c
 *		Lets nearly every metric row pass without queueing a trigger.
 *
 * wb.watched(run_id, name) stands in the WHEN clause of the trigger on
 * wb.run_metrics, which PostgreSQL asks before it queues a row: one probe, no
 * trigger queue memory for rows that no rule looks at.  It is
 * true for a metric with a rule, and once for each run that this backend has
 * not met, so that the trigger can check that the run exists; there is no
 * foreign key, which would cost several times as much as everything here.
 *
 * A run is met as soon as its first row is queued.  If that row's transaction
 * or savepoint then aborts, its trigger may never have run, so any abort makes
 * us forget all runs; so does any message about wb.runs, such as a deletion's.
 *
 * IDENTIFICATION
 *		src/capture/met_runs.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "capture/capture.h"
#include "common/hashfn.h"
#include "decide/decide.h"
#include "support/compat.h"
#include "support/invalidation.h"
#include "support/relation.h"
#include "support/setting.h"
#include "utils/inval.h"
#include "utils/memutils.h"

/* More runs than this in one backend are forgotten and met again. */
#define MET_RUNS_MAX	65536

typedef struct MetRun
{
	int64		run_id;
	int64		project_id;		/* WB_NO_ID until its row was read */
	char		status;			/* simplehash's own */
} MetRun;

#define SH_PREFIX met
#define SH_ELEMENT_TYPE MetRun
#define SH_KEY_TYPE int64
#define SH_KEY run_id
#define SH_HASH_KEY(tb, k) \
	murmurhash32((uint32) (k) ^ (uint32) ((uint64) (k) >> 32))
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

static met_hash *met_runs = NULL;
static bool has_met = false;
static uint64 met_since = 0;	/* stamp of the runs when they were met */
static int64 last_run_id = 0;

/*
 * A metric of a run that was let pass, and will be as long as the stamp is the
 * present one.  Short names only; the slot of a pair is what its hash says,
 * and the latest comer has it.
 */
typedef struct Passed
{
	uint64		stamp;
	int64		run_id;
	int			length;
	char		name[44];
} Passed;

StaticAssertDecl(sizeof(Passed) == 64, "a slot is a cache line");

#define PASSED_BITS	10

static Passed passed[1 << PASSED_BITS];

WB_FUNCTION_INFO_V1(wb_sql_lost);
WB_FUNCTION_INFO_V1(wb_sql_watched);

/* Moves when a run that was met may not be there any more. */
static inline uint64
runs_stamp(void)
{
	return wb_generation(WB_GENERATION_RUNS) +
		wb_generation(WB_GENERATION_ABORTS);
}

static void
forget_runs(void)
{
	met_since = runs_stamp();
	wb_generation_watch(WB_GENERATION_RUNS, wb_relation_oid(WB_TABLE_RUNS));
	if (met_runs == NULL)
		met_runs = met_create(CacheMemoryContext, 256, NULL);
	else
		met_reset(met_runs);
	has_met = false;
}

/* Meet a run; false where it was met before. */
bool
wb_met_runs_add(int64 run_id)
{
	bool		is_found;
	MetRun	   *run;

	if (met_runs == NULL || met_since != runs_stamp() ||
		met_runs->members >= MET_RUNS_MAX)
		forget_runs();
	else if (has_met && run_id == last_run_id)
		return false;
	run = met_insert(met_runs, run_id, &is_found);
	if (!is_found)
		run->project_id = WB_NO_ID;
	last_run_id = run_id;
	has_met = true;
	return !is_found;
}

static MetRun *
find_run(int64 run_id)
{
	if (met_runs == NULL || met_since != runs_stamp())
		return NULL;
	return met_lookup(met_runs, run_id);
}

/* The project of a run, or WB_NO_ID: read its row. */
int64
wb_met_runs_project(int64 run_id)
{
	const MetRun *run = find_run(run_id);

	return run != NULL ? run->project_id : WB_NO_ID;
}

/* Remember the project of a run that was just read. */
void
wb_met_runs_learn(int64 run_id, int64 project_id)
{
	MetRun	   *run = find_run(run_id);

	if (run != NULL)
		run->project_id = project_id;
}

/* Both only ever grow, so their sum stays only where both do. */
static inline uint64
present_stamp(void)
{
	return wb_rules_generation() + runs_stamp();
}

/* Where it is noted that a metric of a run may pass. */
static inline Passed *
passed_slot(int64 run_id, const char *name, int length)
{
	uint64		first = 0;
	uint64		last = 0;

	if (length >= (int) sizeof(uint64))
	{
		memcpy(&first, name, sizeof(uint64));
		memcpy(&last, name + length - sizeof(uint64), sizeof(uint64));
	}
	else if (length > 0)
	{
		first = (unsigned char) name[0] |
			(unsigned char) name[length / 2] << 8;
		last = (unsigned char) name[length - 1];
	}
	first = (first ^ (uint64) run_id) * UINT64CONST(0x9E3779B97F4A7C15);
	last = (last ^ length) * UINT64CONST(0xC2B2AE3D27D4EB4F);
	return &passed[(first ^ last) >> (64 - PASSED_BITS)];
}

/*
 * A point was written that nobody judges, or taken away: whoever keeps the
 * series must read it again.
 */
void
wb_met_runs_lose(int64 run_id, const char *name, int length)
{
	wb_writer_slot_mark(run_id, name, length);
	wb_series_cache_void();
}

/* wb.lost(run_id bigint, name text) returns boolean: never true */
Datum
wb_sql_lost(PG_FUNCTION_ARGS)
{
	text	   *name = PG_GETARG_TEXT_PP(1);

	wb_met_runs_lose(PG_GETARG_INT64(0), VARDATA_ANY(name),
					 VARSIZE_ANY_EXHDR(name));
	PG_RETURN_BOOL(false);
}

/*
 * Must a row's trigger be called?  "is_first" says that it is the first row of
 * its statement.  Never raises, but for lack of memory.
 */
bool
wb_met_runs_watch(int64 run_id, const char *name, int length, bool is_first)
{
	Passed	   *slot;
	uint64		stamp;

	/* the trigger is ENABLE ALWAYS only so that we hear of it */
	if (!wb_setting_capture ||
		SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA)
	{
		wb_met_runs_lose(run_id, name, length);
		return false;
	}

	/*
	 * The server reads messages from other backends when it takes a lock for
	 * the first time, which a transaction that goes on writing to one table
	 * no longer does.  So they are read here, once a statement.  Others count
	 * on it that we have our transaction id by then (series_cache.c).
	 */
	if (is_first)
		AcceptInvalidationMessages();
	slot = passed_slot(run_id, name, length);
	stamp = present_stamp();
	if (slot->stamp == stamp && slot->run_id == run_id &&
		slot->length == length && memcmp(slot->name, name, length) == 0)
		return false;

	if (wb_met_runs_add(run_id) || wb_rules_watch_metric(name, length))
		return true;
	if (length <= (int) sizeof(slot->name))
	{
		slot->stamp = stamp;	/* as of before the answer was looked for */
		slot->run_id = run_id;
		slot->length = length;
		memcpy(slot->name, name, length);
	}
	return false;
}

/* wb.watched(run_id bigint, name text) returns boolean */
Datum
wb_sql_watched(PG_FUNCTION_ARGS)
{
	int64		run_id = PG_GETARG_INT64(0);
	text	   *name = PG_GETARG_TEXT_PP(1);
	bool		is_first = fcinfo->flinfo->fn_extra == NULL;

	fcinfo->flinfo->fn_extra = passed;
	PG_RETURN_BOOL(wb_met_runs_watch(run_id, VARDATA_ANY(name),
									 VARSIZE_ANY_EXHDR(name), is_first));
}
