/*-------------------------------------------------------------------------
 *
 * filter.h
 *		A filter as a tree, between its parser and its evaluation.
 *
 * Private to filter.c, filter_field.c, filter_parse.c and the files of
 * patterns.
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
	WB_FILTER_CONTAINS,
	WB_FILTER_SIZE,
	WB_FILTER_ALL
} WbFilterOperator;

typedef enum WbFilterField
{
	WB_FIELD_NAME,
	WB_FIELD_DISPLAY_NAME,
	WB_FIELD_USERNAME,
	WB_FIELD_STATE,
	WB_FIELD_TAGS,
	WB_FIELD_JOB_TYPE,
	WB_FIELD_GROUP_NAME,
	WB_FIELD_DURATION,
	WB_FIELD_CONFIG,
	WB_FIELD_SUMMARY,
	WB_FIELD_ALIAS,
	WB_FIELD_TAG,
	WB_FIELD_ARTIFACT_COLLECTION_NAME,
	WB_FIELD_ARTIFACT_TYPE,
	WB_FIELD_METADATA
} WbFilterField;

/* What a condition is about: a column, or a path into a document. */
typedef struct WbFilterTarget
{
	WbFilterField field;
	char	   *path;			/* keys with dots between, or NULL */
} WbFilterTarget;

struct WbFilter
{
	WbFilterOperator op;
	List	   *children;		/* of WbFilter *, for the logical operators */
	WbFilterTarget target;		/* for all others */
	List	   *operands;		/* of JsonbValue *: one, or those of a list */
	JsonbValue **sorted;		/* of a list, each of its operands once */
	int			sorted_count;
	bool		is_list;		/* the operand of $eq or $ne is a list */
	int64		size;			/* of $size */
	regex_t    *regex;
};

/*
 * A field of an event that has it.  Elements of an array that are arrays or
 * objects themselves are of type jbvBinary, and equal to nothing.
 */
typedef struct WbFilterValue
{
	bool		is_array;
	int			count;			/* 1 unless it is an array */
	JsonbValue *elements;
} WbFilterValue;

/*
 * What the patterns of one filter take to compile; a writer waits for it, so
 * their sum has a limit.
 */
typedef struct WbPatternCost
{
	int			size;			/* characters, repetitions written out */
	int			growth;			/* those that repetitions added */
	int64		folded;			/* in ranges that (?i) walks through */
} WbPatternCost;

/* decide/filter.c */
extern void wb_filter_sort_operands(WbFilter *filter);

/* decide/filter_field.c */
extern bool wb_filter_field_find(const char *name, bool is_of_run,
								 WbFilterTarget *target);
extern const char *wb_filter_field_hint(bool is_of_run);
extern bool wb_filter_field_read(WbEvent *event, const WbFilterTarget *target,
								 WbFilterValue *value);

/* decide/pattern.c */
extern regex_t *wb_pattern_compile(const char *pattern, WbPatternCost *cost,
								   WbProblem *problem);
extern bool wb_pattern_matches(regex_t *regex, const char *text, int length);

/* decide/pattern_translate.c */
extern pg_wchar *wb_pattern_translate(const pg_wchar *pattern, int *length,
									  int *flags, WbPatternCost *cost,
									  const char **reason);

#endif							/* WB_FILTER_H */
