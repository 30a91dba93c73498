/*-------------------------------------------------------------------------
 *
 * invalidation.h
 *		What makes void that which a session remembers.
 *
 * A generation is a number that moves when something of its kind may have
 * changed.  Who remembers something notes the generation before he reads, and
 * believes what he remembers for as long as it is the present one.
 *
 * IDENTIFICATION
 *		src/support/invalidation.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef WB_INVALIDATION_H
#define WB_INVALIDATION_H

#include "access/xact.h"

typedef enum WbGeneration
{
	WB_GENERATION_ABORTS,		/* a transaction or savepoint was undone, or a
								 * transaction was prepared */
	WB_GENERATION_AUTOMATIONS,	/* the rest: tables that are watched */
	WB_GENERATION_LOOKUPS,
	WB_GENERATION_QUEUE,
	WB_GENERATION_RUNS,
	WB_GENERATION_SERIES,
	WB_GENERATION_TABLES,
	WB_GENERATION_COUNT
} WbGeneration;

/* Who has something to do when a transaction ends. */
typedef enum WbEnding
{
	WB_ENDING_SERIES,
	WB_ENDING_MARKS,
	WB_ENDING_WAKE,
	WB_ENDING_COUNT
} WbEnding;

typedef void (*WbEndingFunction) (XactEvent event);

/* Read through wb_generation; written by invalidation.c alone. */
extern uint64 wb_generations[WB_GENERATION_COUNT];

static inline uint64
wb_generation(WbGeneration generation)
{
	return wb_generations[generation];
}

extern void wb_invalidation_register(const WbEndingFunction *endings);
extern void wb_generation_watch(WbGeneration generation, Oid table);

#endif							/* WB_INVALIDATION_H */
