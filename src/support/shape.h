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

#include "support/relation.h"

#define WB_SHAPE_COLUMNS	22
#define WB_SHAPE_INDEXES	2

typedef struct WbColumn
{
	const char *name;			/* NULL after the last */
	Oid			type;
	bool		is_not_null;
} WbColumn;

/* What C reads of a table, and by which indexes; see shape_list.c. */
typedef struct WbShape
{
	bool		may_be_partitioned;
	WbColumn	columns[WB_SHAPE_COLUMNS];
	const char *indexes[WB_SHAPE_INDEXES][WB_INDEX_COLUMNS];
} WbShape;

extern const WbShape wb_shapes[WB_TABLE_COUNT];

extern bool wb_shape_is_right(void);
extern void wb_shape_require_right(void);
extern bool wb_shape_fits(Relation relation, WbTable table);
extern bool wb_shape_is_readable(Relation relation, WbTable table);
extern void wb_shape_require_readable(Relation relation, WbTable table);
extern void wb_shape_require(Relation relation, WbTable table);
extern char *wb_shape_problems(char **remedy);

#endif							/* WB_SHAPE_H */
