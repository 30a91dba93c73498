/*-------------------------------------------------------------------------
 *
 * slack.h
 *		The parts of a Slack message, between the files that make one.
 *
 * IDENTIFICATION
 *		src/deliver/slack.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef WB_SLACK_H
#define WB_SLACK_H

#include "deliver/deliver.h"

/* deliver/slack_block.c */
extern void wb_slack_append_escaped(StringInfo out, const char *text,
									int max_bytes);
extern void wb_slack_add_section(StringInfo blocks, const char *text);
extern void wb_slack_add_details(StringInfo blocks, WbDelivery *delivery);
extern void wb_slack_add_context(StringInfo blocks,
								 const WbDelivery *delivery,
								 const char *pointer);

#endif							/* WB_SLACK_H */
