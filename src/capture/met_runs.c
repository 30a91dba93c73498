/*-------------------------------------------------------------------------
 *
 * met_runs.c
 *		Lets nearly every metric row pass without queueing a trigger.
 *
 * wb.watched(run_id, name) stands in the WHEN clause of the trigger on
 * wb.run_metrics, which PostgreSQL asks before it queues a row: one probe, no
 * trigger queue memory for rows that no rule looks at.  It is true for a
 * metric with a rule, and for a run that is not there, so that the trigger can
 * say so; there is no foreign key, which would cost several times as much as
 * everything here.
 *
 * A run is met when its row was read.  If the transaction that read it aborts,
 * or a part of it, the run may have been that transaction's own, so any abort
 * makes us forget all runs; so does any message about wb.runs, such as a
 * deletion's.
 *
 * Rule: for the rows of one series the answer is the one that the statement's
 * first of them got.  A rule that is made while a statement runs would
 * otherwise be judged on windows that lack the rows before it.
 *
 * Anybody may call wb.watched and wb.lost, with any arguments.  For a role
 * that cannot write to wb.run_metrics they do nothing and return true.  Such a
 * role writes only through a view, with the rights of the view's owner; then
 * the trigger does the work, which nobody can call without a row.
 *
 * IDENTIFICATION
 *		src/capture/met_runs.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "capture/capture.h"
#include "catalog/pg_inherits.h"
#include "common/hashfn.h"
#include "decide/decide.h"
#include "miscadmin.h"
#include "support/compat.h"
#include "support/invalidation.h"
#include "support/relation.h"
#include "support/setting.h"
#include "support/shape.h"
#include "utils/acl.h"
#include "utils/inval.h"
#include "utils/memutils.h"

/* More runs than this in one backend are forgotten and met again. */
#define MET_RUNS_MAX	65536

typedef struct MetRun
{
	int64		run_id;
	int64		project_id;
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
static uint64 met_since = 0;	/* stamp of the runs when they were met */

/* A series that a statement wrote to, and what its rows are told. */
typedef struct SeenKey
{
	int64		run_id;
	const char *name;
	int			length;
} SeenKey;

typedef struct SeenSeries
{
	SeenKey		key;
	char		status;			/* simplehash's own */
	bool		is_watched;
} SeenSeries;

static inline bool
is_same(SeenKey a, SeenKey b)
{
	return a.run_id == b.run_id && a.length == b.length &&
		memcmp(a.name, b.name, a.length) == 0;
}

static inline uint32
hash_seen(SeenKey key)
{
	return hash_combine(murmurhash32((uint32) key.run_id ^
									 (uint32) ((uint64) key.run_id >> 32)),
						hash_bytes((const unsigned char *) key.name,
								   key.length));
}

#define SH_PREFIX seen
#define SH_ELEMENT_TYPE SeenSeries
#define SH_KEY_TYPE SeenKey
#define SH_KEY key
#define SH_HASH_KEY(tb, k) hash_seen(k)
#define SH_EQUAL(tb, a, b) is_same(a, b)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* What is remembered between the calls of one statement, in its memory. */
typedef struct Statement
{
	uint64		number;			/* no other of this session has it */
	bool		may_write;
	MemoryContext context;
	SeenSeries	first;			/* name NULL: nothing yet */
	seen_hash  *others;			/* NULL: none */
} Statement;

static uint64 statement_count = 0;

/*
 * A series whose rows are let pass by a statement.  Short names only; the slot
 * of a pair is what its hash says, and the latest comer has it.
 */
typedef struct Passed
{
	uint64		statement;		/* its number */
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
	bool		is_found;

	if (met_runs == NULL)
		met_runs = met_create(CacheMemoryContext, 256, NULL);
	else if (met_since != runs_stamp() ||
			 met_runs->members >= MET_RUNS_MAX)
		met_reset(met_runs);
	met_since = runs_stamp();
	wb_generation_watch(WB_GENERATION_RUNS, wb_relation_oid(WB_TABLE_RUNS));
	met_insert(met_runs, run_id, &is_found)->project_id = project_id;
}

/* Is there such a run?  Where it was not met before, its row is read. */
static bool
is_there(int64 run_id)
{
	WbEvent		event = {.run_id = run_id};

	if (find_run(run_id) != NULL)
		return true;
	if (!wb_run_read(run_id, &event))
		return false;
	wb_met_runs_learn(run_id, event.project_id);
	return true;
}

/* May the current user write to a table, be it to one of its columns? */
static bool
may_write_to(Oid table)
{
	const		AclMode rights = ACL_INSERT | ACL_UPDATE | ACL_DELETE;

	return pg_class_aclcheck(table, GetUserId(), rights) == ACLCHECK_OK ||
		pg_attribute_aclcheck_all(table, GetUserId(), rights,
								  ACLMASK_ANY) == ACLCHECK_OK;
}

/* The same of wb.run_metrics, or of one of its partitions. */
static bool
may_write(void)
{
	Oid			metrics = wb_relation_oid(WB_TABLE_RUN_METRICS);
	ListCell   *cell;

	if (!OidIsValid(metrics))
		return false;
	if (may_write_to(metrics))
		return true;
	foreach(cell, find_all_inheritors(metrics, NoLock, NULL))
	{
		if (may_write_to(lfirst_oid(cell)))
			return true;
	}
	return false;
}

/*
 * What is remembered of the statement that calls.  The server reads messages
 * from other backends when it takes a lock for the first time, which a
 * transaction that goes on writing to one table no longer does, so they are
 * read here, once a statement.  Others count on it that we have our
 * transaction id by then (series_cache.c).
 */
static Statement *
find_statement(FunctionCallInfo fcinfo)
{
	Statement  *statement = fcinfo->flinfo->fn_extra;

	if (statement != NULL)
		return statement;
	AcceptInvalidationMessages();
	statement = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt,
									   sizeof(Statement));
	statement->number = ++statement_count;
	statement->may_write = may_write();
	statement->context = fcinfo->flinfo->fn_mcxt;
	fcinfo->flinfo->fn_extra = statement;
	return statement;
}

/* Where it is noted that the rows of a series may pass. */
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

/* wb.lost(run_id bigint, name text) returns boolean: is the trigger needed? */
Datum
wb_sql_lost(PG_FUNCTION_ARGS)
{
	text	   *name = PG_GETARG_TEXT_PP(1);

	if (!find_statement(fcinfo)->may_write)
		PG_RETURN_BOOL(true);
	wb_met_runs_lose(PG_GETARG_INT64(0), VARDATA_ANY(name),
					 VARSIZE_ANY_EXHDR(name));
	PG_RETURN_BOOL(false);
}

/* The entry of a series in a statement's memory; its name NULL: a new one. */
static SeenSeries *
find_series(Statement *statement, SeenKey key, bool *is_found)
{
	SeenSeries *first = &statement->first;
	SeenSeries *series;

	*is_found = first->key.name != NULL && is_same(first->key, key);
	if (*is_found)
		return first;
	if (first->key.name == NULL)
		series = first;
	else
	{
		if (statement->others == NULL)
			statement->others = seen_create(statement->context, 16, NULL);
		series = seen_insert(statement->others, key, is_found);
	}
	if (!*is_found)
	{
		char	   *name = MemoryContextAlloc(statement->context,
											  Max(key.length, 1));

		memcpy(name, key.name, key.length);
		series->key = key;
		series->key.name = name;
		series->is_watched = true;
	}
	return series;
}

/*
 * Must a row's trigger be called?  Never raises, but for lack of memory.
 */
static bool
is_watched(Statement *statement, SeenKey key)
{
	Passed	   *slot = passed_slot(key.run_id, key.name, key.length);
	SeenSeries *series;
	bool		is_found;

	if (slot->statement == statement->number && slot->run_id == key.run_id &&
		slot->length == key.length &&
		memcmp(slot->name, key.name, key.length) == 0)
		return false;

	series = find_series(statement, key, &is_found);
	if (!is_found)
		series->is_watched = wb_rules_watch_metric(key.name, key.length) ||
			!is_there(key.run_id);
	if (!series->is_watched && key.length <= (int) sizeof(slot->name))
	{
		slot->statement = statement->number;
		slot->run_id = key.run_id;
		slot->length = key.length;
		memcpy(slot->name, key.name, key.length);
	}
	return series->is_watched;
}

/* wb.watched(run_id bigint, name text) returns boolean */
Datum
wb_sql_watched(PG_FUNCTION_ARGS)
{
	text	   *name = PG_GETARG_TEXT_PP(1);
	SeenKey		key = {PG_GETARG_INT64(0), VARDATA_ANY(name),
	VARSIZE_ANY_EXHDR(name)};
	Statement  *statement = find_statement(fcinfo);

	if (!statement->may_write)
		PG_RETURN_BOOL(true);

	/* the trigger is ENABLE ALWAYS only so that we hear of it */
	if (!wb_setting_capture || !wb_shape_is_right() ||
		SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA)
	{
		wb_met_runs_lose(key.run_id, key.name, key.length);
		PG_RETURN_BOOL(false);
	}
	PG_RETURN_BOOL(is_watched(statement, key));
}
