/*-------------------------------------------------------------------------
 *
 * shape.h
 *		Are our tables as C expects them?
 *
 * Their owner may alter them in any way.  Nobody reads a row of a table before
 * the table was found to fit.
 *
 * IDENTIFICATION
 *		src/support/shape.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef WB_SHAPE_H
#define WB_SHAPE_H

#include "lib/stringinfo.h"
#include "support/relation.h"

#define WB_SHAPE_COLUMNS	22
#define WB_SHAPE_INDEXES	2

typedef struct WbColumn
{
	const char *name;			/* NULL after the last */
	Oid			type;
	bool		is_not_null;
	bool		is_unread;		/* by C: any type of PostgreSQL's will do */
} WbColumn;

/* What C reads of a table, and by which indexes; see shape_list.c. */
typedef struct WbShape
{
	bool		may_be_partitioned;
	WbColumn	columns[WB_SHAPE_COLUMNS];
	const char *indexes[WB_SHAPE_INDEXES][WB_INDEX_COLUMNS];
} WbShape;

/* What is wrong, and what to run about it. */
typedef struct WbFindings
{
	StringInfoData problems;
	StringInfoData remedy;
	bool		is_readable;	/* but for indexes, all is well */
} WbFindings;

extern const WbShape wb_shapes[WB_TABLE_COUNT];

/* support/shape_check.c; findings NULL: only the answer is wanted */
extern void wb_shape_find(WbFindings *findings, const char *problem,
						  const char *remedy);
extern bool wb_shape_check_owner(Oid oid, WbFindings *findings);
extern bool wb_shape_check_columns(Oid oid, WbTable table,
								   WbFindings *findings);
extern bool wb_shape_check_relation(Oid oid, WbTable table,
									WbFindings *findings);

/* support/shape.c */
extern bool wb_shape_is_right(void);
extern void wb_shape_require_right(void);
extern bool wb_shape_fits(Relation relation, WbTable table);
extern bool wb_shape_is_readable(Relation relation, WbTable table);
extern void wb_shape_require_readable(Relation relation, WbTable table);
extern void wb_shape_require(Relation relation, WbTable table);
extern void wb_shape_require_plain(void);
extern void wb_shape_require_one_owner(void);
extern char *wb_shape_problems(char **remedy);

#endif							/* WB_SHAPE_H */
