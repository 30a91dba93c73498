/*-------------------------------------------------------------------------
 *
 * answer.c
 *		Takes in what a receiver sends back, and makes an outcome of it.
 *
 * A receiver may send anything: gigabytes, bytes that are no text, or the
 * secrets of the request itself.  So little is kept of it, and nothing leaves
 * this file that is not text in the encoding of the database with every
 * secret of the request masked.
 *
 * The functions that keep bytes run in callbacks of the HTTP library: they
 * allocate nothing and raise nothing.
 *
 * IDENTIFICATION
 *		src/deliver/answer.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "deliver/answer.h"
#include "mb/pg_wchar.h"

#define BODY_MAX_BYTES		(64 * 1024)
#define HEADERS_MAX_BYTES	(64 * 1024)

/* A shorter secret would mask half of an innocent text. */
#define SECRET_MIN_BYTES	4

/* Of a long secret so much tells too much. */
#define SECRET_PIECE_BYTES	8

void
wb_answer_reset(WbAnswer *answer)
{
	memset(answer, 0, offsetof(WbAnswer, kept));
}

/* Keep why an address is refused, if it is; returns whether. */
bool
wb_answer_refuse(WbAnswer *answer, const char *refusal)
{
	if (refusal == NULL)
		return false;
	strlcpy(answer->refusal, refusal, sizeof(answer->refusal));
	return true;
}

/* Count a header; false where it is time to hang up. */
bool
wb_answer_keep_header(WbAnswer *answer, size_t count)
{
	answer->header_bytes += count;
	if (answer->header_bytes > HEADERS_MAX_BYTES)
		answer->is_cut = true;
	return !answer->is_cut;
}

/* Keep the start of a body; false where it is time to hang up. */
bool
wb_answer_keep_body(WbAnswer *answer, const char *bytes, size_t count)
{
	size_t		room = sizeof(answer->kept) - answer->kept_bytes;
	size_t		kept = Min(count, room);

	memcpy(answer->kept + answer->kept_bytes, bytes, kept);
	answer->kept_bytes += kept;
	answer->body_bytes += count;
	if (answer->body_bytes > BODY_MAX_BYTES)
		answer->is_cut = true;
	return !answer->is_cut;
}

/*
 * How much of a secret is masked wherever it stands.  Of an address only the
 * whole, because all begin alike; what stands behind its host comes besides.
 */
static size_t
piece_length(const char *secret)
{
	size_t		length = strlen(secret);

	if (strstr(secret, "://") != NULL)
		return length;
	return Max(SECRET_MIN_BYTES, Min(SECRET_PIECE_BYTES, length / 2));
}

/*
 * Mark each byte of a secret's pieces, also where they overlap: the receiver
 * may have shortened what it repeats.  Where the bytes were cut, their end may
 * be the start of a piece.
 */
static void
mark_secret(bool *marks, const char *bytes, size_t count, const char *secret,
			bool is_cut)
{
	size_t		length = strlen(secret);
	size_t		piece = piece_length(secret);

	if (length < SECRET_MIN_BYTES)
		return;
	for (size_t at = 0; at + piece <= count; at++)
	{
		if (memmem(secret, length, bytes + at, piece) != NULL)
			memset(marks + at, true, piece);
	}
	piece = is_cut ? Min(piece - 1, count) : 0;
	for (; piece > 0; piece--)
	{
		if (memcmp(bytes + count - piece, secret, piece) != 0)
			continue;
		memset(marks + count - piece, true, piece);
		break;
	}
}

/*
 * Overwrite all secrets, in place.  All are found before any is overwritten:
 * one that is part of another would else hide it, and leave the rest of it.
 */
static void
mask_secrets(char *bytes, size_t count, List *secrets, bool is_cut)
{
	bool	   *marks = palloc0(count * sizeof(bool));
	ListCell   *cell;

	foreach(cell, secrets)
		mark_secret(marks, bytes, count, (char *) lfirst(cell), is_cut);
	for (size_t at = 0; at < count; at++)
	{
		if (marks[at])
			bytes[at] = '*';
	}
	pfree(marks);
}

/*
 * A copy of bytes from outside as text, without secrets: what is invalid in
 * the encoding of the database, and each NUL, becomes a question mark.  The
 * secrets go first, while everything is as the receiver wrote it.  "is_cut":
 * more would have followed.
 */
static char *
clean_text(const char *bytes, size_t count, List *secrets, bool is_cut)
{
	int			encoding = GetDatabaseEncoding();
	char	   *text = palloc(count + 1);
	size_t		at = 0;

	memcpy(text, bytes, count);
	text[count] = '\0';
	mask_secrets(text, count, secrets, is_cut);
	while (at < count)
	{
		int			length = -1;

		if (text[at] != '\0')
			length = pg_encoding_verifymbchar(encoding, text + at, count - at);
		if (length > 0)
			at += length;
		else if (count - at < (size_t) pg_encoding_max_length(encoding) &&
				 is_cut && IS_HIGHBIT_SET(text[at]))
			text[count = at] = '\0';	/* a character cut in two */
		else
			text[at++] = '?';
	}
	return text;
}

/*
 * Wipe what is secret in a request that is over.  Only what may be shown is
 * left, so that a freed block of memory tells nothing.
 */
void
wb_answer_wipe_request(WbRequest *request)
{
	ListCell   *cell;

	foreach(cell, request->headers)
		explicit_bzero(lfirst(cell), strlen(lfirst(cell)));
	foreach(cell, request->secrets)
		explicit_bzero(lfirst(cell), strlen(lfirst(cell)));
	explicit_bzero(request->url, strlen(request->url));
	explicit_bzero(request->body, strlen(request->body));
	request->headers = NIL;
	request->secrets = NIL;
}

/* The length of each part of the time, in milliseconds. */
static void
conclude_timings(const int64 *at, WbOutcome *outcome)
{
	WbTimings  *timings = &outcome->timings;

	timings->dns = at[WB_MOMENT_RESOLVED] / 1000.0f;
	timings->connect = Max(at[WB_MOMENT_CONNECTED] -
						   at[WB_MOMENT_RESOLVED], 0) / 1000.0f;
	timings->tls = Max(at[WB_MOMENT_SECURED] -
					   at[WB_MOMENT_CONNECTED], 0) / 1000.0f;
	timings->first_byte = Max(at[WB_MOMENT_ANSWERED] -
							  at[WB_MOMENT_READY], 0) / 1000.0f;
	outcome->milliseconds = at[WB_MOMENT_END] / 1000.0;
}

/*
 * Fill delivery->outcome, all but the judgement of it: kind is FAILED where
 * the address was refused, else left as it is.
 */
void
wb_answer_conclude(const WbAnswer *answer, WbDelivery *delivery)
{
	WbRequest  *request = delivery->request;
	WbOutcome  *outcome = &delivery->outcome;
	bool		is_cut = answer->kept_bytes == WB_ANSWER_KEPT_BYTES ||
	answer->failure != NULL;
	MemoryContext before = MemoryContextSwitchTo(delivery->context);

	/* one below 200 announces an answer, and that never came */
	outcome->status_code = answer->status_code < 200 ? 0 : answer->status_code;
	conclude_timings(answer->microseconds, outcome);

	/*
	 * A date that is past says nothing: from some version on libcurl does not
	 * tell it from no header.  The limit is far above any pause that we make.
	 */
	outcome->retry_after_ms =
		Max(Min(answer->retry_after_s, 1000000), 0) * 1000;
	if (outcome->status_code > 0)
		outcome->body = clean_text(answer->kept, answer->kept_bytes,
								   request->secrets,
								   is_cut);

	if (answer->is_stale)
		outcome->error = pstrdup(answer->refusal);
	else if (answer->refusal[0] != '\0' && !answer->has_socket)
	{
		outcome->kind = WB_OUTCOME_FAILED;
		outcome->error = pstrdup(answer->refusal);
	}
	else if (answer->is_cut)
		outcome->error = outcome->status_code > 0 ? NULL :
			psprintf("\"%s\" sends too large an answer", request->host);
	else if (answer->failure != NULL)
		outcome->error = psprintf("could not send to \"%s\": %s", request->host,
								  clean_text(answer->failure,
											 strlen(answer->failure),
											 request->secrets, true));
	MemoryContextSwitchTo(before);
}
