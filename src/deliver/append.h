/*-------------------------------------------------------------------------
 *
 * append.h
 *		Adds rows to a table of ours without planning a statement.
 *
 * Only to a table whose rows need nothing but to be stored, checked and
 * indexed.  Everything else a user may have made of the table, triggers or
 * partitions, is the business of SQL, and so the caller has a statement ready
 * that does the same.
 *
 * IDENTIFICATION
 *		src/deliver/append.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef WB_APPEND_H
#define WB_APPEND_H

#include "support/relation.h"

#define WB_APPEND_MAX_COLUMNS	20

/*
 * A table and its columns, as the caller orders them.  A static one keeps
 * what was learnt of the table.
 */
typedef struct WbAppendTarget
{
	WbTable		table;
	const char *identity;		/* column that a sequence numbers, or NULL */
	int			column_count;
	struct
	{
		const char *name;
		Oid			type;
	}			columns[WB_APPEND_MAX_COLUMNS];

	/* append.c's own */
	uint64		learnt_at;
	Oid			oid;
	bool		is_simple;
	Oid			sequence;
	AttrNumber	attributes[WB_APPEND_MAX_COLUMNS];
	MemoryContext context;
	List	   *checks;			/* of ExprState * */
} WbAppendTarget;

/* Values in the order of the target's columns. */
typedef struct WbAppendRow
{
	Datum		values[WB_APPEND_MAX_COLUMNS];
	bool		nulls[WB_APPEND_MAX_COLUMNS];
} WbAppendRow;

extern Relation wb_append_open(WbAppendTarget *target);
extern int64 wb_append_next_id(const WbAppendTarget *target);
extern bool wb_append_rows(WbAppendTarget *target, Relation table,
						   WbAppendRow **rows, int count);

#endif							/* WB_APPEND_H */
