/*-------------------------------------------------------------------------
 *
 * judged_rows.c
 *		Which rows of a statement have been judged.
 *
 * When a statement's rows are judged, all of them are in the table, and one
 * that comes later must not be seen by one that came before it.  A row is
 * known by its place in the table: a bit for each, in as many bytes a page as
 * a page can have rows, so that a statement of a million rows needs less than
 * one of its pages in a hundred and fifty.
 *
 * Rule: the set is that of one statement and one table, whose rows keep their
 * places as long as the statement runs.
 *
 * IDENTIFICATION
 *		src/decide/judged_rows.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "common/hashfn.h"
#include "decide/decide.h"

#define WORD_BITS	64
#define WORDS		((MaxHeapTuplesPerPage + WORD_BITS) / WORD_BITS)

typedef struct JudgedPage
{
	BlockNumber block;
	char		status;			/* simplehash's own */
	uint64		rows[WORDS];
} JudgedPage;

#define SH_PREFIX pages
#define SH_ELEMENT_TYPE JudgedPage
#define SH_KEY_TYPE BlockNumber
#define SH_KEY block
#define SH_HASH_KEY(tb, k) murmurhash32(k)
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct WbJudgedRows
{
	MemoryContext context;
	JudgedPage	first;			/* nearly every statement writes one page */
	pages_hash *others;			/* NULL: none */
};

static bool
is_ours(OffsetNumber row)
{
	return row < WORDS * WORD_BITS;
}

/* An empty set, in a memory context that lives as long as the statement. */
WbJudgedRows *
wb_judged_rows_create(MemoryContext context)
{
	WbJudgedRows *judged = MemoryContextAllocZero(context,
												  sizeof(WbJudgedRows));

	judged->context = context;
	judged->first.block = InvalidBlockNumber;
	return judged;
}

static JudgedPage *
find_page(WbJudgedRows *judged, BlockNumber block)
{
	JudgedPage *page;
	bool		is_found;

	if (judged->first.block == InvalidBlockNumber)
		judged->first.block = block;
	if (judged->first.block == block)
		return &judged->first;
	if (judged->others == NULL)
		judged->others = pages_create(judged->context, 16, NULL);
	page = pages_insert(judged->others, block, &is_found);
	if (!is_found)
		memset(page->rows, 0, sizeof(page->rows));
	return page;
}

/* A row has been judged.  One that cannot be remembered stays unseen. */
void
wb_judged_rows_add(WbJudgedRows *judged, const ItemPointerData *place)
{
	OffsetNumber row = ItemPointerGetOffsetNumberNoCheck(place);
	JudgedPage *page;

	if (!is_ours(row))
		return;
	page = find_page(judged, ItemPointerGetBlockNumberNoCheck(place));
	page->rows[row / WORD_BITS] |= UINT64CONST(1) << (row % WORD_BITS);
}

/* Has the row at a place been judged? */
bool
wb_judged_rows_have(const WbJudgedRows *judged, const ItemPointerData *place)
{
	OffsetNumber row = ItemPointerGetOffsetNumberNoCheck(place);
	BlockNumber block = ItemPointerGetBlockNumberNoCheck(place);
	const JudgedPage *page = &judged->first;

	if (!is_ours(row))
		return false;
	if (page->block != block)
		page = judged->others == NULL ? NULL :
			pages_lookup(judged->others, block);
	return page != NULL &&
		(page->rows[row / WORD_BITS] >> (row % WORD_BITS) & 1) != 0;
}

/* Has any row been judged? */
bool
wb_judged_rows_exist(const WbJudgedRows *judged)
{
	return judged->first.block != InvalidBlockNumber;
}
