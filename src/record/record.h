/*-------------------------------------------------------------------------
 *
 * record.h
 *		From outcomes to history.
 *
 * Everything here runs in the worker, in one short transaction per batch.
 *
 * IDENTIFICATION
 *		src/record/record.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef WB_RECORD_H
#define WB_RECORD_H

#include "deliver/deliver.h"

/* record/outcome.c */
extern void wb_record_outcomes(dlist_head *ended);
extern void wb_record_write(dlist_head *ended);

#endif							/* WB_RECORD_H */
