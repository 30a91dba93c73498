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
 * Callbacks only compute and return: an error raised in one would jump over
 * the library's own state.  And the library keeps its own memory, which no
 * reset of a memory context may take from it.
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
#include <sys/socket.h>

#include "deliver/transfer.h"
#include "support/clock.h"
#include "support/setting.h"

#if LIBCURL_VERSION_NUM < 0x075800
#error "wb_automations needs libcurl 7.88 or newer"
#endif

StaticAssertDecl(WB_TRANSFER_ERROR_BYTES == CURL_ERROR_SIZE,
				 "the library's error text must fit");

#ifndef WB_VERSION
#define WB_VERSION "development"
#endif

static CURLM *multi = NULL;
static int64 timer_at = -1;		/* when the library wants to be called */

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
	/* a busy connection too learns of a new address */
	{CURLOPT_MAXLIFETIME_CONN, 60},
};

/*
 * Callback: watch a socket.  One that cannot be watched ends in the time-out
 * of its request, which is an outcome like any other.
 */
static int
watch_socket(CURL *easy, curl_socket_t watched, int what, void *argument,
			 void *socket_argument)
{
	if (what == CURL_POLL_REMOVE)
		wb_poll_forget(watched);
	else
		wb_poll_watch(watched, (what & CURL_POLL_IN) != 0,
					  (what & CURL_POLL_OUT) != 0);
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
open_socket(void *argument, curlsocktype purpose,
			struct curl_sockaddr *address)
{
	WbAnswer   *answer = argument;

	if (wb_answer_refuse(answer, wb_address_refusal(&address->addr)))
		return CURL_SOCKET_BAD;
	answer->has_socket = true;
	return socket(address->family, address->socktype | SOCK_CLOEXEC,
				  address->protocol);
}

/* Callback: is the address still allowed?  The connection may be older. */
static int
check_connection(void *argument, char *address, char *local_address, int port,
				 int local_port)
{
	WbAnswer   *answer = argument;

	answer->is_stale = wb_answer_refuse(answer,
										wb_address_refusal_text(address));
	return answer->is_stale ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
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
set_fixed_options(WbTransfer *transfer)
{
	CURL	   *easy = transfer->handle;
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
	SET_OPTION(easy, CURLOPT_PREREQFUNCTION, check_connection);
	SET_OPTION(easy, CURLOPT_PREREQDATA, answer);
	SET_OPTION(easy, CURLOPT_HEADERFUNCTION, keep_header);
	SET_OPTION(easy, CURLOPT_HEADERDATA, answer);
	SET_OPTION(easy, CURLOPT_WRITEFUNCTION, keep_body);
	SET_OPTION(easy, CURLOPT_WRITEDATA, answer);
	return is_set;
}

/* Set what differs from request to request; false where memory ran out. */
static bool
set_request_options(WbTransfer *transfer, const WbRequest *request)
{
	CURL	   *easy = transfer->handle;
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

/* Give a new transfer its handle; false where memory ran out. */
bool
wb_http_open_handle(WbTransfer *transfer)
{
	transfer->handle = curl_easy_init();
	if (transfer->handle != NULL && set_fixed_options(transfer))
		return true;
	curl_easy_cleanup(transfer->handle);
	return false;
}

/* Start to send transfer->delivery; false where memory ran out. */
bool
wb_http_begin(WbTransfer *transfer)
{
	long		connections = wb_setting_max_in_flight;

	curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections);
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, connections);
	return set_request_options(transfer, transfer->delivery->request) &&
		curl_multi_add_handle(multi, transfer->handle) == CURLM_OK;
}

/* Make the library forget a request, all but the handle. */
void
wb_http_forget(WbTransfer *transfer)
{
	struct curl_slist *header;

	curl_easy_setopt(transfer->handle, CURLOPT_URL, NULL);
	curl_easy_setopt(transfer->handle, CURLOPT_HTTPHEADER, NULL);
	curl_easy_setopt(transfer->handle, CURLOPT_POSTFIELDS, NULL);
	for (header = transfer->headers; header != NULL; header = header->next)
		explicit_bzero(header->data, strlen(header->data));
	curl_slist_free_all(transfer->headers);
	transfer->headers = NULL;
}

/*
 * Why a request met no complete answer.  The library's longer words are taken
 * only for failures whose words are about host, port, time or certificate.
 */
static const char *
explain_failure(const WbTransfer *transfer, CURLcode result)
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

static const CURLINFO moments[WB_MOMENT_COUNT] = {
	CURLINFO_NAMELOOKUP_TIME_T, CURLINFO_CONNECT_TIME_T,
	CURLINFO_APPCONNECT_TIME_T, CURLINFO_PRETRANSFER_TIME_T,
	CURLINFO_STARTTRANSFER_TIME_T, CURLINFO_TOTAL_TIME_T
};

/* Take the transfers that ended away from the library. */
static void
collect_ended(dlist_head *ended)
{
	CURLMsg    *message;
	int			left;

	while ((message = curl_multi_info_read(multi, &left)) != NULL)
	{
		CURL	   *easy = message->easy_handle;
		CURLcode	result = message->data.result;
		char	   *owner = NULL;
		long		status_code = 0;
		curl_off_t	retry_after_s = 0;
		WbTransfer *transfer;

		curl_easy_getinfo(easy, CURLINFO_PRIVATE, &owner);
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status_code);
		curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry_after_s);
		transfer = (WbTransfer *) owner;
		for (int i = 0; i < WB_MOMENT_COUNT; i++)
			curl_easy_getinfo(easy, moments[i],
							  &transfer->answer.microseconds[i]);
		curl_multi_remove_handle(multi, easy);
		transfer->answer.retry_after_s = retry_after_s;
		transfer->answer.status_code = (int) status_code;
		transfer->answer.failure = explain_failure(transfer, result);
		dlist_push_tail(ended, &transfer->node);
	}
}

/* Let the library read, write and keep its time, without waiting. */
static void
run_library(void)
{
	WbReadySocket ready[256];
	int			count = wb_poll_look(ready, lengthof(ready));
	int			running;

	for (int i = 0; i < count; i++)
		curl_multi_socket_action(multi, ready[i].socket,
								 (ready[i].can_read ? CURL_CSELECT_IN : 0) |
								 (ready[i].can_write ? CURL_CSELECT_OUT : 0) |
								 (ready[i].has_failed ? CURL_CSELECT_ERR : 0),
								 &running);
	if (timer_at >= 0 && timer_at <= wb_clock_monotonic_ms())
	{
		timer_at = -1;
		curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
}

/* Go on with all transfers without waiting, and collect those that ended. */
void
wb_http_run(dlist_head *ended)
{
	run_library();
	collect_ended(ended);
}

/* When the library wants to run, by the monotonic clock; -1: it does not. */
int64
wb_http_timer(void)
{
	return timer_at;
}

/* Prepare the library; false, with errno set, where that fails. */
bool
wb_http_open_library(void)
{
	errno = ENOMEM;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return false;
	multi = curl_multi_init();
	if (multi == NULL)
		return false;
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);

	return wb_poll_open();
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
