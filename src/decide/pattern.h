/*-------------------------------------------------------------------------
 *
 * pattern.h
 *		A pattern on its way from RE2's words into PostgreSQL's.
 *
 * Private to pattern_translate.c and pattern_class.c.
 *
 * IDENTIFICATION
 *		src/decide/pattern.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef WB_PATTERN_H
#define WB_PATTERN_H

#include "decide/filter.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "nodes/pg_list.h"

typedef struct WbTranslation
{
	const pg_wchar *at;
	const pg_wchar *end;
	StringInfoData out;			/* of pg_wchar */
	bool		is_dot_all;		/* a dot matches a line's end too */
	bool		is_folded;		/* letters of either case are alike */
	int			size;			/* of the group that is open */
	int			atom_size;		/* 0: nothing that could be repeated */
	WbPatternCost *cost;
	List	   *outer_sizes;	/* of the groups around it */
	const char *reason;			/* why it cannot be used, or NULL */
} WbTranslation;

/* decide/pattern_class.c */
extern bool wb_pattern_refuse(WbTranslation *t, const char *reason);
extern void wb_pattern_put(WbTranslation *t, pg_wchar c);
extern void wb_pattern_put_text(WbTranslation *t, const char *text);
extern void wb_pattern_put_literal(WbTranslation *t, pg_wchar c);
extern bool wb_pattern_is_word(pg_wchar c);
extern bool wb_pattern_translate_brackets(WbTranslation *t);
extern bool wb_pattern_translate_escape(WbTranslation *t);

/* decide/pattern_translate.c */
extern bool wb_pattern_looking_at(const WbTranslation *t, const char *text);
extern bool wb_pattern_skip(WbTranslation *t, const char *text);

#endif							/* WB_PATTERN_H */
