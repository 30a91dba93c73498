/*-------------------------------------------------------------------------
 *
 * filter.h
 *		A filter as a tree, between its parser and its evaluation.
 *
 * Private to filter.c, filter_parse.c and pattern.c.
 *
 * IDENTIFICATION
 *		src/decide/filter.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef WB_FILTER_H
#define WB_FILTER_H

#include "decide/decide.h"
#include "regex/regex.h"

typedef enum WbFilterOperator
{
	WB_FILTER_AND,
	WB_FILTER_OR,
	WB_FILTER_NOR,
	WB_FILTER_NOT,
	WB_FILTER_EQ,
	WB_FILTER_NE,
	WB_FILTER_GT,
	WB_FILTER_GTE,
	WB_FILTER_LT,
	WB_FILTER_LTE,
	WB_FILTER_IN,
	WB_FILTER_NIN,
	WB_FILTER_EXISTS,
	WB_FILTER_REGEX,
	WB_FILTER_CONTAINS
} WbFilterOperator;

typedef enum WbFilterField
{
	WB_FIELD_ALIAS,
	WB_FIELD_DISPLAY_NAME,
	WB_FIELD_USERNAME
} WbFilterField;

struct WbFilter
{
	WbFilterOperator op;
	List	   *children;		/* of WbFilter *, for the logical operators */
	WbFilterField field;		/* for all others */
	List	   *operands;		/* of JsonbValue *: one, or the list of $in */
	regex_t    *regex;
};

/* decide/pattern.c */
extern regex_t *wb_pattern_compile(const char *pattern, WbProblem *problem);

#endif							/* WB_FILTER_H */
