/*-------------------------------------------------------------------------
 *
 * http.c
 *		Sends requests, many at a time, in one thread; the only file that
 *		knows the HTTP library.
 *
 * The library's sockets live in an epoll descriptor of their own, and that
 * descriptor is the one socket that the worker waits for: a set of wait
 * events cannot give up a socket without being built anew.
 *
 * Three rules hold here.  Callbacks only compute and return: an error raised
 * in one would jump over the library's own state.  The library keeps its own
 * memory, which no reset of a memory context may take from it.  And signals
 * are blocked around every call that can start a resolver thread, because a
 * thread inherits the mask, and a handler of the server must not run on it.
 *
 * Connections to one host are not limited: a request that waits for one
 * inside the library uses up its own time, and would fail as if the receiver
 * had been slow.  How much one receiver gets at a time is the claim's choice.
 *
 * IDENTIFICATION
 *		src/deliver/http.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <curl/curl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "deliver/answer.h"
#include "deliver/deliver.h"
#include "storage/fd.h"
#include "support/clock.h"
#include "support/setting.h"

#if LIBCURL_VERSION_NUM < 0x075800
#error "wb_automations needs libcurl 7.88 or newer"
#endif

#ifndef WB_VERSION
#define WB_VERSION "development"
#endif

/*
 * One request on its way.  The library's handle is kept and used again; all
 * else belongs to the request.
 */
typedef struct Transfer
{
	slist_node	idle_node;
	dlist_node	ended_node;
	CURL	   *easy;
	struct curl_slist *headers;
	WbDelivery *delivery;
	WbAnswer	answer;
	char		error[CURL_ERROR_SIZE];
} Transfer;

static CURLM *multi = NULL;
static int	epoll_socket = -1;
static int64 timer_at = -1;		/* when the library wants to be called */
static int	in_flight = 0;
static slist_head idle_transfers = SLIST_STATIC_INIT(idle_transfers);
static dlist_head never_started = DLIST_STATIC_INIT(never_started);

/*
 * The library's own limit of an answer's size is not among these: it would
 * drop the start of an answer that announces to be long.
 */
static const struct
{
	CURLoption	option;
	long		value;
}			long_options[] =
{
	{CURLOPT_NOSIGNAL, 1},
	{CURLOPT_QUICK_EXIT, 1},
	{CURLOPT_POST, 1},
	{CURLOPT_FOLLOWLOCATION, 0},
	{CURLOPT_SSL_VERIFYPEER, 1},
	{CURLOPT_SSL_VERIFYHOST, 2},
	{CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
	{CURLOPT_NETRC, CURL_NETRC_IGNORED},
	{CURLOPT_HTTP09_ALLOWED, 0},
	/* a busy connection too learns of a new address and a new policy */
	{CURLOPT_MAXLIFETIME_CONN, 60},
};

static void
block_signals(sigset_t *before)
{
	sigset_t	all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, before);
}

static void
restore_signals(const sigset_t *before)
{
	pthread_sigmask(SIG_SETMASK, before, NULL);
}

/*
 * Callback: watch a socket.  One that cannot be watched ends in the time-out
 * of its request, which is an outcome like any other.
 */
static int
watch_socket(CURL *easy, curl_socket_t watched, int what, void *argument,
			 void *socket_argument)
{
	struct epoll_event event = {0};

	event.data.fd = watched;
	if (what & CURL_POLL_IN)
		event.events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		event.events |= EPOLLOUT;
	if (what == CURL_POLL_REMOVE)
		epoll_ctl(epoll_socket, EPOLL_CTL_DEL, watched, &event);
	else if (epoll_ctl(epoll_socket, EPOLL_CTL_MOD, watched, &event) != 0)
		epoll_ctl(epoll_socket, EPOLL_CTL_ADD, watched, &event);
	return 0;
}

/* Callback: call the library again after a while, or not at all. */
static int
set_timer(CURLM *handle, long timeout_ms, void *argument)
{
	timer_at = timeout_ms < 0 ? -1 : wb_clock_monotonic_ms() + timeout_ms;
	return 0;
}

/* Callback: a socket, where its address may be connected to. */
static curl_socket_t
open_socket(void *argument, curlsocktype purpose, struct curl_sockaddr *address)
{
	WbAnswer   *answer = argument;
	const char *refusal = wb_address_refusal(&address->addr);

	if (refusal != NULL)
	{
		strlcpy(answer->refusal, refusal, sizeof(answer->refusal));
		return CURL_SOCKET_BAD;
	}
	answer->has_socket = true;
	return socket(address->family, address->socktype | SOCK_CLOEXEC,
				  address->protocol);
}

/* Callbacks: a header, and a piece of the body.  Too little taken hangs up. */
static size_t
keep_header(char *bytes, size_t one, size_t count, void *argument)
{
	return wb_answer_keep_header(argument, count) ? count : 0;
}

static size_t
keep_body(char *bytes, size_t one, size_t count, void *argument)
{
	return wb_answer_keep_body(argument, bytes, count) ? count : 0;
}

/* Set an option; "is_set" tells whether all were set so far. */
#define SET_OPTION(easy, option, value) \
	(is_set = curl_easy_setopt(easy, option, value) == CURLE_OK && is_set)

/* Set what is the same for every request; false where memory ran out. */
static bool
set_fixed_options(Transfer *transfer)
{
	CURL	   *easy = transfer->easy;
	WbAnswer   *answer = &transfer->answer;
	bool		is_set = true;

	for (size_t i = 0; i < lengthof(long_options); i++)
		SET_OPTION(easy, long_options[i].option, long_options[i].value);
	SET_OPTION(easy, CURLOPT_PROXY, "");
	SET_OPTION(easy, CURLOPT_USERAGENT, "wb_automations/" WB_VERSION);
	SET_OPTION(easy, CURLOPT_PRIVATE, transfer);
	SET_OPTION(easy, CURLOPT_ERRORBUFFER, transfer->error);
	SET_OPTION(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	SET_OPTION(easy, CURLOPT_OPENSOCKETDATA, answer);
	SET_OPTION(easy, CURLOPT_HEADERFUNCTION, keep_header);
	SET_OPTION(easy, CURLOPT_HEADERDATA, answer);
	SET_OPTION(easy, CURLOPT_WRITEFUNCTION, keep_body);
	SET_OPTION(easy, CURLOPT_WRITEDATA, answer);
	return is_set;
}

/* Set what differs from request to request; false where memory ran out. */
static bool
set_request_options(Transfer *transfer, const WbRequest *request)
{
	CURL	   *easy = transfer->easy;
	bool		is_set = true;
	struct curl_slist *headers;
	ListCell   *cell;

	/* the library would ask for leave to send a long body */
	headers = transfer->headers = curl_slist_append(NULL, "Expect:");
	foreach(cell, request->headers)
		headers = headers ? curl_slist_append(headers, lfirst(cell)) : NULL;
	if (headers == NULL)
		return false;

	SET_OPTION(easy, CURLOPT_HTTPHEADER, headers);
	SET_OPTION(easy, CURLOPT_URL, request->url);
	SET_OPTION(easy, CURLOPT_POSTFIELDSIZE, (long) strlen(request->body));
	SET_OPTION(easy, CURLOPT_POSTFIELDS, request->body);
	SET_OPTION(easy, CURLOPT_PROTOCOLS_STR,
			   wb_setting_allow_http ? "http,https" : "https");
	SET_OPTION(easy, CURLOPT_CONNECTTIMEOUT_MS,
			   (long) wb_setting_connect_timeout);
	SET_OPTION(easy, CURLOPT_TIMEOUT_MS, (long) wb_setting_request_timeout);
	return is_set;
}

/* An idle transfer, or a new one; NULL where memory ran out. */
static Transfer *
take_transfer(void)
{
	Transfer   *transfer;

	if (!slist_is_empty(&idle_transfers))
		return slist_container(Transfer, idle_node,
							   slist_pop_head_node(&idle_transfers));

	transfer = calloc(1, sizeof(Transfer));
	if (transfer == NULL)
		return NULL;
	transfer->easy = curl_easy_init();
	if (transfer->easy != NULL && set_fixed_options(transfer))
		return transfer;
	curl_easy_cleanup(transfer->easy);
	free(transfer);
	return NULL;
}

/* Make the library forget a request, and keep its handle for another. */
static void
release_transfer(Transfer *transfer)
{
	curl_easy_setopt(transfer->easy, CURLOPT_URL, NULL);
	curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, NULL);
	curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDS, NULL);
	for (struct curl_slist *header = transfer->headers; header != NULL;
		 header = header->next)
		explicit_bzero(header->data, strlen(header->data));
	curl_slist_free_all(transfer->headers);
	transfer->headers = NULL;
	slist_push_head(&idle_transfers, &transfer->idle_node);
}

static bool
start_transfer(WbDelivery *delivery)
{
	Transfer   *transfer = take_transfer();
	long		connections = wb_setting_max_in_flight;

	if (transfer == NULL)
		return false;
	transfer->delivery = delivery;
	transfer->error[0] = '\0';
	wb_answer_reset(&transfer->answer);

	curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections);
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, connections);
	if (!set_request_options(transfer, delivery->request) ||
		curl_multi_add_handle(multi, transfer->easy) != CURLM_OK)
	{
		release_transfer(transfer);
		return false;
	}
	delivery->transfer = transfer;
	return true;
}

/*
 * Start to send delivery->request.  The delivery is in no list now, and is
 * ours until wb_http_drive hands it out again with its outcome.  Raises
 * nothing: what goes wrong is an outcome.
 */
void
wb_http_send(WbDelivery *delivery)
{
	sigset_t	before;

	memset(&delivery->outcome, 0, sizeof(WbOutcome));
	delivery->outcome.kind = WB_OUTCOME_RETRY;
	delivery->outcome.started_at = wb_clock_now();

	block_signals(&before);
	in_flight++;
	if (!start_transfer(delivery))
		dlist_push_tail(&never_started, &delivery->node);
	restore_signals(&before);
}

/*
 * Why a request met no complete answer.  The library's longer words are taken
 * only for failures whose words are about host, port, time or certificate.
 */
static const char *
explain_failure(const Transfer *transfer, CURLcode result)
{
	if (transfer->error[0] != '\0' &&
		(result == CURLE_COULDNT_RESOLVE_HOST ||
		 result == CURLE_COULDNT_CONNECT ||
		 result == CURLE_OPERATION_TIMEDOUT ||
		 result == CURLE_SSL_CONNECT_ERROR ||
		 result == CURLE_PEER_FAILED_VERIFICATION))
		return transfer->error;
	return result == CURLE_OK ? NULL : curl_easy_strerror(result);
}

/* Take the transfers that ended away from the library. */
static void
collect_ended(dlist_head *transfers)
{
	CURLMsg    *message;
	int			left;

	while ((message = curl_multi_info_read(multi, &left)) != NULL)
	{
		CURL	   *easy = message->easy_handle;
		CURLcode	result = message->data.result;
		char	   *owner = NULL;
		long		status_code = 0;
		curl_off_t	microseconds = 0;
		Transfer   *transfer;

		curl_easy_getinfo(easy, CURLINFO_PRIVATE, &owner);
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status_code);
		curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME_T, &microseconds);
		curl_multi_remove_handle(multi, easy);

		transfer = (Transfer *) owner;
		transfer->answer.status_code = (int) status_code;
		transfer->answer.milliseconds = microseconds / 1000.0;
		transfer->answer.failure = explain_failure(transfer, result);
		dlist_push_tail(transfers, &transfer->ended_node);
	}
}

/* Let the library read, write and keep its time, without waiting. */
static void
run_library(void)
{
	struct epoll_event events[256];
	int			count = epoll_wait(epoll_socket, events, lengthof(events), 0);
	int			running;

	for (int i = 0; i < count; i++)
	{
		int			what = 0;

		if (events[i].events & (EPOLLIN | EPOLLHUP))
			what |= CURL_CSELECT_IN;
		if (events[i].events & EPOLLOUT)
			what |= CURL_CSELECT_OUT;
		if (events[i].events & EPOLLERR)
			what |= CURL_CSELECT_ERR;
		curl_multi_socket_action(multi, events[i].data.fd, what, &running);
	}
	if (timer_at >= 0 && timer_at <= wb_clock_monotonic_ms())
	{
		timer_at = -1;
		curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
}

/*
 * Go on with all transfers as far as possible without waiting, and append
 * the deliveries that ended to "ended".  Their outcomes are complete but for
 * wb_retry_judge, and their requests are wiped of everything secret.
 */
void
wb_http_drive(dlist_head *ended)
{
	dlist_head	transfers = DLIST_STATIC_INIT(transfers);
	sigset_t	before;

	while (!dlist_is_empty(&never_started))
	{
		dlist_node *node = dlist_pop_head_node(&never_started);
		WbDelivery *delivery = dlist_container(WbDelivery, node, node);

		delivery->outcome.error = MemoryContextStrdup(delivery->context,
													  "out of memory");
		dlist_push_tail(ended, node);
		in_flight--;
	}

	block_signals(&before);
	run_library();
	collect_ended(&transfers);
	restore_signals(&before);

	while (!dlist_is_empty(&transfers))
	{
		Transfer   *transfer = dlist_container(Transfer, ended_node,
											   dlist_pop_head_node(&transfers));
		WbDelivery *delivery = transfer->delivery;

		wb_answer_conclude(&transfer->answer, delivery);
		release_transfer(transfer);
		delivery->transfer = NULL;
		dlist_push_tail(ended, &delivery->node);
		in_flight--;
	}
}

/* Deliveries sent and not yet handed out. */
int
wb_http_in_flight(void)
{
	return in_flight;
}

/* The descriptor that is readable whenever wb_http_drive has work. */
int
wb_http_wait_socket(void)
{
	return epoll_socket;
}

/* How long to wait for it at most; -1: as long as you like. */
long
wb_http_wait_ms(void)
{
	if (!dlist_is_empty(&never_started))
		return 0;
	return timer_at < 0 ? -1 : (long) Max(timer_at - wb_clock_monotonic_ms(), 0);
}

/* Prepare the library; once, in the worker. */
void
wb_http_start(void)
{
	sigset_t	before;

	block_signals(&before);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		multi = curl_multi_init();
	if (multi != NULL)
	{
		curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
		curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer);
		curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
	}
	restore_signals(&before);
	if (multi == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("could not start the HTTP library")));

	ReserveExternalFD();
	epoll_socket = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_socket < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not create an epoll descriptor: %m")));
}

static char *
copy_part(CURLU *parser, CURLUPart part)
{
	char	   *text = NULL;
	char	   *copy;

	if (curl_url_get(parser, part, &text, 0) != CURLUE_OK)
		return NULL;
	copy = pstrdup(text);
	curl_free(text);
	return copy;
}

/*
 * Take a URL apart.  Returns NULL, or why it cannot be read; other spellings
 * of an IPv4 address come back as four decimal numbers.  Fit for any backend:
 * nothing here needs wb_http_start.
 */
const char *
wb_http_parse_url(const char *url, WbUrl *parts)
{
	CURLU	   *parser = curl_url();
	CURLUcode	result = CURLUE_OUT_OF_MEMORY;

	memset(parts, 0, sizeof(WbUrl));
	if (parser != NULL)
		result = curl_url_set(parser, CURLUPART_URL, url,
							  CURLU_NON_SUPPORT_SCHEME);
	if (result == CURLUE_OK)
	{
		parts->scheme = copy_part(parser, CURLUPART_SCHEME);
		parts->host = copy_part(parser, CURLUPART_HOST);
		parts->port = copy_part(parser, CURLUPART_PORT);
		parts->has_login = copy_part(parser, CURLUPART_USER) != NULL ||
			copy_part(parser, CURLUPART_PASSWORD) != NULL;
	}
	curl_url_cleanup(parser);
	if (result != CURLUE_OK)
		return curl_url_strerror(result);

	if (parts->host != NULL && parts->host[0] == '[')
	{
		parts->host[strlen(parts->host) - 1] = '\0';
		parts->host++;
	}
	return NULL;
}
