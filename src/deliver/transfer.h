/*-------------------------------------------------------------------------
 *
 * transfer.h
 *		What lies between the transfers and the HTTP library.
 *
 * The functions of http.c below are called with all signals blocked, and
 * raise nothing.
 *
 * IDENTIFICATION
 *		src/deliver/transfer.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef WB_TRANSFER_H
#define WB_TRANSFER_H

#include "deliver/answer.h"
#include "deliver/deliver.h"

#define WB_TRANSFER_ERROR_BYTES	256

/*
 * One request on its way.  It lives in plain memory, for the library's
 * callbacks write to it, and is used again for later requests.
 */
typedef struct WbTransfer
{
	dlist_node	node;			/* idle, or ended */
	void	   *handle;			/* of the library */
	void	   *headers;		/* the library's list of them */
	WbDelivery *delivery;
	WbAnswer	answer;
	char		error[WB_TRANSFER_ERROR_BYTES]; /* in the library's words */
} WbTransfer;

/* A socket on which something can be done. */
typedef struct WbReadySocket
{
	int			socket;
	bool		can_read;
	bool		can_write;
	bool		has_failed;
} WbReadySocket;

/* deliver/http.c */
extern bool wb_http_open_library(void);
extern bool wb_http_open_handle(WbTransfer *transfer);
extern bool wb_http_begin(WbTransfer *transfer);
extern void wb_http_forget(WbTransfer *transfer);
extern void wb_http_run(dlist_head *ended);
extern int64 wb_http_timer(void);

/* deliver/poll.c */
extern bool wb_poll_open(void);
extern void wb_poll_watch(int watched, bool to_read, bool to_write);
extern void wb_poll_forget(int watched);
extern int	wb_poll_look(WbReadySocket *ready, int most);

#endif							/* WB_TRANSFER_H */
