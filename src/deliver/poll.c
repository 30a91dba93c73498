/*-------------------------------------------------------------------------
 *
 * poll.c
 *		The sockets of all requests, behind one descriptor.
 *
 * The server waits for its latch and for one more descriptor.  Requests come
 * and go with their sockets far too often to be waited for singly, so these
 * lie in an epoll descriptor of their own, and that one is readable whenever
 * any of them is ready.
 *
 * Called with all signals blocked; raises nothing.
 *
 * IDENTIFICATION
 *		src/deliver/poll.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/epoll.h>

#include "deliver/transfer.h"
#include "storage/fd.h"

#define READY_MAX	256

static int	epoll_socket = -1;

/* Make the descriptor; false, with errno set, where that fails. */
bool
wb_poll_open(void)
{
	epoll_socket = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_socket < 0)
		return false;
	ReserveExternalFD();
	return true;
}

/* Watch a socket, or watch it for something else. */
void
wb_poll_watch(int watched, bool to_read, bool to_write)
{
	struct epoll_event event = {0};

	event.data.fd = watched;
	if (to_read)
		event.events |= EPOLLIN;
	if (to_write)
		event.events |= EPOLLOUT;
	if (epoll_ctl(epoll_socket, EPOLL_CTL_MOD, watched, &event) != 0)
		epoll_ctl(epoll_socket, EPOLL_CTL_ADD, watched, &event);
}

void
wb_poll_forget(int watched)
{
	struct epoll_event event = {0};

	epoll_ctl(epoll_socket, EPOLL_CTL_DEL, watched, &event);
}

/* List sockets that are ready now, without waiting; returns how many. */
int
wb_poll_look(WbReadySocket *ready, int most)
{
	struct epoll_event events[READY_MAX];
	int			count = epoll_wait(epoll_socket, events, Min(most, READY_MAX),
								   0);

	for (int i = 0; i < count; i++)
	{
		ready[i].socket = events[i].data.fd;
		ready[i].can_read = (events[i].events & (EPOLLIN | EPOLLHUP)) != 0;
		ready[i].can_write = (events[i].events & EPOLLOUT) != 0;
		ready[i].has_failed = (events[i].events & EPOLLERR) != 0;
	}
	return Max(count, 0);
}

/* The descriptor that is readable whenever wb_http_drive has work. */
int
wb_http_wait_socket(void)
{
	return epoll_socket;
}
