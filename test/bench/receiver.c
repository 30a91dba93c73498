/*
 * receiver.c
 *		A receiver of webhooks that costs next to nothing: the sender is what
 *		is measured, and both run on the same few processors.
 *
 *	receiver FILE
 *
 * It listens on a free port of loopback, prints its number, answers every
 * request with 200 over connections that stay open, and ends when standard
 * input does.  For each request FILE gets a line of LINE_LENGTH bytes: the
 * microseconds since 1970 at which its last byte had arrived, and the number
 * at the end of its webhook-id.  A line is written before its answer is sent.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define LINE_LENGTH		36
#define CONNECTIONS_MAX 1100
#define REQUEST_MAX		65536

static const char answer[] =
"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";

typedef struct Connection
{
	int			used;
	char		bytes[REQUEST_MAX + 1];
} Connection;

/* By socket. */
static Connection *connections[CONNECTIONS_MAX];

static int	log_file;

/* The value of a header, or an empty string; head ends with a zero. */
static const char *
find_header(const char *head, const char *name)
{
	const char *found = strcasestr(head, name);

	return found ? found + strlen(name) : "";
}

static void
note_request(const char *head)
{
	char		line[LINE_LENGTH + 1];
	struct timeval now;
	const char *id = find_header(head, "\r\nwebhook-id: ");
	const char *end = id + strcspn(id, "\r");

	while (end > id && end[-1] != '-')
		end--;
	gettimeofday(&now, NULL);
	snprintf(line, sizeof(line), "%16lld %18lld\n",
			 now.tv_sec * 1000000LL + now.tv_usec, atoll(end));
	if (write(log_file, line, LINE_LENGTH) != LINE_LENGTH)
		err(1, "could not write a line");
}

/* Take whole requests out of what has come, and answer each. */
static void
answer_requests(int client, Connection *connection)
{
	char	   *body;

	while ((body = strstr(connection->bytes, "\r\n\r\n")) != NULL)
	{
		int			length;

		*body = '\0';
		length = (body + 4 - connection->bytes) +
			atoi(find_header(connection->bytes, "\r\ncontent-length: "));
		if (connection->used < length)
		{
			*body = '\r';
			return;
		}
		note_request(connection->bytes);
		connection->used -= length;
		memmove(connection->bytes, connection->bytes + length,
				connection->used + 1);
		if (send(client, answer, sizeof(answer) - 1, MSG_NOSIGNAL) < 0)
			return;
	}
}

static void
read_client(int client)
{
	Connection *connection = connections[client];
	ssize_t		got = read(client, connection->bytes + connection->used,
						   REQUEST_MAX - connection->used);

	if (got <= 0)
	{
		close(client);
		return;
	}
	connection->used += got;
	connection->bytes[connection->used] = '\0';
	answer_requests(client, connection);
}

static void
watch(int epoll, int descriptor)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) < 0)
		err(1, "epoll_ctl");
}

static void
accept_client(int epoll, int listener)
{
	int			client = accept(listener, NULL, NULL);
	int			on = 1;

	if (client < 0)
		return;
	if (client >= CONNECTIONS_MAX)
		errx(1, "more than %d connections", CONNECTIONS_MAX);
	setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connections[client] == NULL)
		connections[client] = malloc(sizeof(Connection));
	if (connections[client] == NULL)
		err(1, "malloc");
	connections[client]->used = 0;
	watch(epoll, client);
}

static int
listen_on_loopback(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t	size = sizeof(address);
	int			listener = socket(AF_INET, SOCK_STREAM, 0);

	if (listener < 0 || bind(listener, (struct sockaddr *) &address, size) < 0 ||
		listen(listener, 1024) < 0 ||
		getsockname(listener, (struct sockaddr *) &address, &size) < 0)
		err(1, "could not listen on loopback");
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	return listener;
}

int
main(int argc, char **argv)
{
	struct epoll_event events[256];
	int			epoll = epoll_create1(0);
	int			listener;

	if (argc != 2)
		errx(1, "usage: receiver FILE");
	log_file = open(argv[1], O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (log_file < 0)
		err(1, "could not open \"%s\"", argv[1]);
	listener = listen_on_loopback();
	watch(epoll, listener);
	watch(epoll, STDIN_FILENO);
	for (;;)
	{
		int			count = epoll_wait(epoll, events, 256, -1);

		for (int i = 0; i < count; i++)
		{
			if (events[i].data.fd == STDIN_FILENO)
				return 0;
			if (events[i].data.fd == listener)
				accept_client(epoll, listener);
			else
				read_client(events[i].data.fd);
		}
	}
}
