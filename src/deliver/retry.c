/*-------------------------------------------------------------------------
 *
 * retry.c
 *		What becomes of a delivery after an attempt, as tables.
 *
 * Only answers that can change by themselves are asked for again: a receiver
 * that is down or busy.  One that understood and said no will say no again.
 * The delays are those of the Standard Webhooks, about three days in all, and
 * scattered so that the failures of one minute do not come back as one.
 *
 * IDENTIFICATION
 *		src/deliver/retry.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "common/pg_prng.h"
#include "deliver/deliver.h"
#include "mb/pg_wchar.h"
#include "support/json.h"

#define SECONDS		INT64CONST(1000)
#define MINUTES		(60 * SECONDS)
#define HOURS		(60 * MINUTES)

/* How long after failed attempt 1, 2, ... the next one is due. */
static const int64 delays_ms[] = {
	5 * SECONDS, 30 * SECONDS, 2 * MINUTES, 10 * MINUTES, 30 * MINUTES,
	2 * HOURS, 5 * HOURS, 10 * HOURS, 14 * HOURS, 20 * HOURS, 24 * HOURS
};

/* What an answer means; the first match decides. */
static const struct
{
	int			first;
	int			last;
	WbOutcomeKind kind;
}			answers[] =

{
	{0, 0, WB_OUTCOME_RETRY},	/* none came */
	{200, 299, WB_OUTCOME_DONE},
	{408, 408, WB_OUTCOME_RETRY},	/* the receiver gave up waiting */
	{425, 425, WB_OUTCOME_RETRY},	/* too early */
	{429, 429, WB_OUTCOME_RETRY},	/* too many */
	{500, 599, WB_OUTCOME_RETRY},
	{1, 999, WB_OUTCOME_FAILED},	/* no other answer will improve */
};

static WbOutcomeKind
judge_status(int status_code)
{
	for (size_t i = 0; i < lengthof(answers); i++)
	{
		if (status_code >= answers[i].first && status_code <= answers[i].last)
			return answers[i].kind;
	}
	return WB_OUTCOME_FAILED;
}

/*
 * Slack says what it thinks of a message in the body: the word "ok", or an
 * object with "ok": true.
 */
static bool
is_slack_ok(const char *body)
{
	size_t		length;
	Jsonb	   *document;
	JsonbValue *ok;

	while (isspace((unsigned char) *body))
		body++;
	length = strlen(body);
	while (length > 0 && isspace((unsigned char) body[length - 1]))
		length--;
	if (length == 2 && strncmp(body, "ok", 2) == 0)
		return true;

	document = *body == '{' ? wb_json_parse_text(body) : NULL;
	ok = document ? wb_json_get(&document->root, "ok") : NULL;
	return ok != NULL && ok->type == jbvBool && ok->val.boolean;
}

/* Slack's reason, which is a word; anything longer is cut. */
static char *
quote_answer(const char *body)
{
	int			length = pg_mbcliplen(body, strlen(body), 80);

	return psprintf("Slack answered \"%.*s\"", length, body);
}

/* The outcome with an answer, by its status, and with Slack by its body. */
static void
judge_answer(const WbDelivery *delivery, WbOutcome *outcome)
{
	const WbRequest *request = delivery->request;

	outcome->kind = judge_status(outcome->status_code);
	if (outcome->kind == WB_OUTCOME_DONE && request->is_slack &&
		!is_slack_ok(outcome->body))
	{
		/* what was lost on the way may have been the "ok" */
		if (outcome->error != NULL)
			outcome->kind = WB_OUTCOME_RETRY;
		else
		{
			outcome->kind = WB_OUTCOME_FAILED;
			outcome->error = quote_answer(outcome->body);
		}
	}
	else if (outcome->kind == WB_OUTCOME_DONE)
		outcome->error = NULL;
	else if (outcome->error == NULL)
		outcome->error = psprintf("\"%s\" answered with status %d%s",
								  request->host, outcome->status_code,
								  outcome->status_code / 100 == 3 ?
								  ", and redirects are not followed" : "");
}

static int64
next_delay_ms(int attempt)
{
	int			index = Max(Min(attempt, (int) lengthof(delays_ms)), 1) - 1;
	float8		factor = 0.8 + 0.4 * pg_prng_double(&pg_global_prng_state);

	return (int64) (delays_ms[index] * factor);
}

/*
 * Judge the attempt that delivery->outcome describes.  An outcome of a kind
 * other than RETRY was decided before anything was sent, and stays.
 */
void
wb_retry_judge(WbDelivery *delivery)
{
	WbOutcome  *outcome = &delivery->outcome;
	MemoryContext before;

	if (outcome->kind != WB_OUTCOME_RETRY)
		return;

	before = MemoryContextSwitchTo(delivery->context);
	judge_answer(delivery, outcome);
	if (outcome->kind == WB_OUTCOME_RETRY)
	{
		if (delivery->attempt < delivery->integration->max_attempts)
			outcome->retry_in_ms = next_delay_ms(delivery->attempt);
		else
			outcome->kind = WB_OUTCOME_FAILED;
	}
	MemoryContextSwitchTo(before);
}
