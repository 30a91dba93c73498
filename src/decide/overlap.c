/*-------------------------------------------------------------------------
 *
 * overlap.c
 *		Notes that two transactions wrote to one series at the same time.
 *
 * Neither saw the window that both make together.  The one that marked the
 * series later knows of the other, and leaves a row in wb.rechecks; once both
 * are over, wb.recheck() judges the points from there on again, with all that
 * was committed.  A row names the first step, and each step that comes before
 * all others leaves another: windows of older points only are not in doubt,
 * and an automation that is younger than they are must not fire on them.  Rows
 * are few, though; the last that a transaction leaves for a series reaches
 * back to the oldest point it holds.
 *
 * A row that cannot be written must not fail the user's write, any more than
 * a firing may.
 *
 * IDENTIFICATION
 *		src/decide/overlap.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "decide/decide.h"
#include "deliver/deliver.h"
#include "support/plan.h"
#include "support/relation.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/xid8.h"

#define ROWS_MAX	8			/* of a transaction, for one series */

typedef struct NoteKey
{
	int64		run_id;
	const char *name;
} NoteKey;

/* How far back this transaction has already asked for a series. */
typedef struct Note
{
	NoteKey		key;
	char		status;			/* simplehash's own */
	int64		from_step;
	int			row_count;
} Note;

#define SH_PREFIX notes
#define SH_ELEMENT_TYPE Note
#define SH_KEY_TYPE NoteKey
#define SH_KEY key
#define SH_HASH_KEY(tb, k) \
	hash_combine(murmurhash32((uint32) (k).run_id), \
				 hash_bytes((const unsigned char *) (k).name, \
							strlen((k).name)))
#define SH_EQUAL(tb, a, b) \
	((a).run_id == (b).run_id && strcmp((a).name, (b).name) == 0)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

static notes_hash *notes = NULL;
static bool has_noted = false;

static WbPlan insert_recheck = {
	"INSERT INTO wb.rechecks (run_id, name, from_step, newest_writer,"
	" older_writers) VALUES ($1, $2, $3, $4, $5)",
	5,
	{INT8OID, TEXTOID, INT8OID, XID8OID, XID8OID},
	NULL
};

/* The memory of the notes goes with the transaction's. */
static void
forget_notes(XactEvent event, void *argument)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT &&
		event != XACT_EVENT_PREPARE)
		return;
	if (event == XACT_EVENT_COMMIT && has_noted)
		wb_overlap_noticed();
	notes = NULL;
	has_noted = false;
}

/* Rows of a savepoint may be gone, so they are no longer counted on. */
static void
forget_notes_of_savepoint(SubXactEvent event, SubTransactionId own,
						  SubTransactionId parent, void *argument)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		notes = NULL;
}

/*
 * Called once, from _PG_init; after wb_wake_register_callbacks, because the
 * server calls the callback that came last first, and the worker must not be
 * woken before it can see that there is something to do.
 */
void
wb_overlap_register(void)
{
	RegisterXactCallback(forget_notes, NULL);
	RegisterSubXactCallback(forget_notes_of_savepoint, NULL);
}

static void
write_row(const WbMark *mark, const Note *note)
{
	FullTransactionId newest = FullTransactionIdFromU64(mark->newest);
	FullTransactionId older = FullTransactionIdFromU64(mark->older);
	WbIdentity	before;
	Datum		values[5];

	values[0] = Int64GetDatum(note->key.run_id);
	values[1] = CStringGetTextDatum(note->key.name);
	values[2] = Int64GetDatum(note->from_step);
	values[3] = FullTransactionIdGetDatum(newest);
	values[4] = FullTransactionIdGetDatum(older);
	if (!wb_relation_become_owner(&before))
		return;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	wb_plan_run(&insert_recheck, values, NULL, SPI_OK_INSERT);
	SPI_finish();
	wb_relation_restore_identity(&before);
}

/* Log an error that was caught, unless all of the server suffers from it. */
static void
swallow_error(ErrorData *error)
{
	if (wb_guard_concerns_everybody(error->sqlerrcode))
		ReThrowError(error);
	ereport(LOG,
			(errcode(error->sqlerrcode),
			 errmsg("could not note that a metric has two writers: %s",
					error->message)));
	FreeErrorData(error);
}

/* Write a row; where that fails, log it and leave nothing. */
static void
write_guarded(const WbMark *mark, const Note *note)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		write_row(mark, note);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	if (error != NULL)
		swallow_error(error);
}

/* Does a series hold all points there are, and not only the newest ones? */
static bool
is_whole(const WbSeries *series)
{
	return series->count < series->capacity;
}

/*
 * This transaction put a step into a series that another one has open; "mark"
 * knows which.  The step is among those that the series holds.
 */
void
wb_overlap_note(const WbMark *mark, const WbSeries *series, int64 run_id,
				const char *name, int64 step)
{
	NoteKey		key = {run_id, name};
	Note	   *note;
	Note		written;
	bool		is_found;

	if (notes == NULL)
		notes = notes_create(TopTransactionContext, 8, NULL);
	note = notes_insert(notes, key, &is_found);
	if (!is_found)
	{
		note->key.name = MemoryContextStrdup(TopTransactionContext, name);
		note->row_count = 0;
	}
	else if (note->row_count == ROWS_MAX || note->from_step <= step)
		return;
	note->from_step = step;
	if (++note->row_count == ROWS_MAX)
		note->from_step = is_whole(series) ? PG_INT64_MIN :
			series->points[series->start].step;

	/* an error forgets all notes */
	written = *note;
	write_guarded(mark, &written);
	has_noted = true;
	wb_wake_worker_at_commit();
}
