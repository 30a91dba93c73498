/*-------------------------------------------------------------------------
 *
 * invalidation.c
 *		Listens to the relation cache and to transactions, for everyone.
 *
 * A backend has room for ten callbacks of the relation cache, and ends with a
 * FATAL error where an eleventh is asked for.  All other libraries share that
 * room, so there is one callback here and none elsewhere.
 *
 * Rule: the callback only counts.  It runs wherever the server reads messages,
 * which may be in the middle of code that uses what becomes void; and it must
 * not read catalogs.  So each table is named before it is read, by
 * wb_generation_watch.
 *
 * IDENTIFICATION
 *		src/support/invalidation.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "support/invalidation.h"
#include "utils/inval.h"

/* Places for tables; half of them stay empty, so that each is found soon. */
#define PLACE_COUNT	1024

typedef struct Watched
{
	Oid			table;			/* InvalidOid: nothing here */
	uint32		generations;	/* a bit for each */
} Watched;

uint64		wb_generations[WB_GENERATION_COUNT] = {1, 1, 1, 1, 1, 1, 1};

StaticAssertDecl(WB_GENERATION_COUNT == 7, "all of them start at 1");

static Watched places[PLACE_COUNT];
static int	watched_count = 0;
static uint32 watching_all = 0; /* generations that any table moves */
static const WbEndingFunction *endings = NULL;

/* The place that a table has, or would have. */
static Watched *
find_place(Oid table)
{
	uint32		place = murmurhash32(table) % PLACE_COUNT;

	while (OidIsValid(places[place].table) && places[place].table != table)
		place = (place + 1) % PLACE_COUNT;
	return &places[place];
}

static void
move(uint32 generations)
{
	for (int i = 0; i < WB_GENERATION_COUNT; i++)
	{
		if (generations & ((uint32) 1 << i))
			wb_generations[i]++;
	}
}

static void
count_message(Datum argument, Oid table)
{
	const uint32 tables = ~((uint32) 1 << WB_GENERATION_ABORTS);

	if (!OidIsValid(table))
		move(tables);
	else
		move(watching_all | find_place(table)->generations);
}

/*
 * A run that was only prepared is not there for anybody yet, so to prepare
 * counts as to undo.
 */
static void
end_transaction(XactEvent event, void *argument)
{
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		wb_generations[WB_GENERATION_ABORTS]++;
	for (int i = 0; i < WB_ENDING_COUNT; i++)
		endings[i] (event);
}

static void
end_subtransaction(SubXactEvent event, SubTransactionId own,
				   SubTransactionId parent, void *argument)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		wb_generations[WB_GENERATION_ABORTS]++;
}

/*
 * Called once, from _PG_init, with a static array of WB_ENDING_COUNT functions
 * that are called at the end of each transaction, in their order.
 */
void
wb_invalidation_register(const WbEndingFunction *all_endings)
{
	endings = all_endings;
	CacheRegisterRelcacheCallback(count_message, (Datum) 0);
	RegisterXactCallback(end_transaction, NULL);
	RegisterSubXactCallback(end_subtransaction, NULL);
}

/* Start anew: what is still of interest will be watched again. */
static void
forget_all(void)
{
	memset(places, 0, sizeof(places));
	watched_count = 0;
	move(~(uint32) 0);
}

/*
 * Have messages about a table move a generation from now on.  InvalidOid
 * stands for one that is not there yet, and so might be any, until another is
 * named.  To be called again whenever the generation has moved.
 */
void
wb_generation_watch(WbGeneration generation, Oid table)
{
	uint32		bit = (uint32) 1 << generation;
	Watched    *place;

	if (!OidIsValid(table))
	{
		watching_all |= bit;
		return;
	}
	watching_all &= ~bit;
	place = find_place(table);
	if (!OidIsValid(place->table))
	{
		if (watched_count >= PLACE_COUNT / 2)
		{
			forget_all();
			place = find_place(table);
		}
		place->table = table;
		watched_count++;
	}
	place->generations |= bit;
}
