/*-------------------------------------------------------------------------
 *
 * answer.h
 *		What comes back for a request, before it is an outcome.
 *
 * IDENTIFICATION
 *		src/deliver/answer.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef WB_ANSWER_H
#define WB_ANSWER_H

#include "deliver/deliver.h"

#define WB_ANSWER_KEPT_BYTES	8192

/* What the time is taken of; 0 where it was not needed, or not reached. */
enum
{
	WB_MOMENT_RESOLVED, WB_MOMENT_CONNECTED, WB_MOMENT_SECURED,
	WB_MOMENT_READY, WB_MOMENT_ANSWERED, WB_MOMENT_END,
	WB_MOMENT_COUNT
};

/* Plain memory, filled from within the HTTP library's callbacks. */
typedef struct WbAnswer
{
	int			status_code;	/* 0 where none came */
	int64		microseconds[WB_MOMENT_COUNT];	/* from the start */
	int64		retry_after_s;	/* 0: it does not say */
	const char *failure;		/* why it is incomplete, or NULL; static */
	bool		has_socket;		/* an address was good enough to try */
	bool		is_stale;		/* its connection may not be used any more */
	bool		is_cut;			/* we have seen enough of it, and hung up */
	char		refusal[128];	/* of the last address refused, or empty */
	size_t		header_bytes;
	size_t		body_bytes;
	size_t		kept_bytes;
	char		kept[WB_ANSWER_KEPT_BYTES];
} WbAnswer;

extern void wb_answer_reset(WbAnswer *answer);
extern bool wb_answer_refuse(WbAnswer *answer, const char *refusal);
extern bool wb_answer_keep_header(WbAnswer *answer, size_t count);
extern bool wb_answer_keep_body(WbAnswer *answer, const char *bytes,
								size_t count);
extern void wb_answer_conclude(const WbAnswer *answer, WbDelivery *delivery);
extern void wb_answer_wipe_request(WbRequest *request);

#endif							/* WB_ANSWER_H */
