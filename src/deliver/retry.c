/*-------------------------------------------------------------------------
 *
 * retry.c
 *		What becomes of a delivery after an attempt, as tables.
 *
 * Whatever may be better later is asked for again.  The delays are those of
 * the Standard Webhooks, about three days in all, and scattered so that the
 * failures of one minute do not come back as one.  An answer may also be about
 * the receiver rather than the message; destination.c draws the conclusion.
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
#include "support/clock.h"
#include "support/json.h"
#include "utils/timestamp.h"

#define SECONDS		INT64CONST(1000)
#define MINUTES		(60 * SECONDS)
#define HOURS		(60 * MINUTES)

/* How long after failed attempt 1, 2, ... the next one is due. */
static const int64 delays_ms[] = {
	5 * SECONDS, 30 * SECONDS, 2 * MINUTES, 10 * MINUTES, 30 * MINUTES,
	2 * HOURS, 5 * HOURS, 10 * HOURS, 14 * HOURS, 20 * HOURS, 24 * HOURS
};

/* How old a message may become; the last attempt is made a little before. */
#define WEBHOOK_MAX_AGE_H	80
#define SLACK_MAX_AGE_H		24
#define LAST_CALL_MS		(1 * MINUTES)

/* What an answer will not improve by being asked for often. */
#define FEW_TRIES			3
#define ALL_TRIES			100

typedef enum Receiver
{
	ANY, WEBHOOK, SLACK
} Receiver;

/* What an answer means; the first match decides. */
static const struct
{
	Receiver	receiver;
	int			first;			/* of the statuses */
	int			last;
	WbOutcomeKind kind;
	WbEffect	effect;
	int			max_tries;		/* with RETRY */
}			answers[] =

{
	/* none came */
	{ANY, 0, 0, WB_OUTCOME_RETRY, WB_EFFECT_FAILURE, ALL_TRIES},

	{WEBHOOK, 200, 299, WB_OUTCOME_DONE, WB_EFFECT_ANSWER, 0},
	{SLACK, 200, 299, WB_OUTCOME_FAILED, WB_EFFECT_ANSWER, 0},
	{ANY, 401, 401, WB_OUTCOME_RETRY, WB_EFFECT_REFUSAL, ALL_TRIES},
	{ANY, 403, 404, WB_OUTCOME_RETRY, WB_EFFECT_REFUSAL, ALL_TRIES},
	{ANY, 408, 408, WB_OUTCOME_RETRY, WB_EFFECT_ANSWER, ALL_TRIES},
	{ANY, 410, 410, WB_OUTCOME_HELD, WB_EFFECT_DISABLE, 0},
	{ANY, 425, 425, WB_OUTCOME_RETRY, WB_EFFECT_ANSWER, ALL_TRIES},
	{ANY, 429, 429, WB_OUTCOME_HELD, WB_EFFECT_PAUSE, 0},
	{ANY, 500, 599, WB_OUTCOME_RETRY, WB_EFFECT_FAILURE, ALL_TRIES},

	/* redirects, which are not followed, and whatever is wrong with ours */
	{SLACK, 1, 999, WB_OUTCOME_FAILED, WB_EFFECT_ANSWER, 0},
	{WEBHOOK, 1, 999, WB_OUTCOME_RETRY, WB_EFFECT_ANSWER, FEW_TRIES},
};

/* Where Slack says one of these, that counts, and not the status. */
static const struct
{
	const char *word;
	WbOutcomeKind kind;
	WbEffect	effect;
}			slack_words[] =

{
	{"no_service", WB_OUTCOME_FAILED, WB_EFFECT_DISABLE},
	{"invalid_token", WB_OUTCOME_FAILED, WB_EFFECT_DISABLE},
	{"no_active_hooks", WB_OUTCOME_FAILED, WB_EFFECT_DISABLE},
	{"no_team", WB_OUTCOME_FAILED, WB_EFFECT_DISABLE},
	{"action_prohibited", WB_OUTCOME_FAILED, WB_EFFECT_DISABLE},
	{"channel_not_found", WB_OUTCOME_FAILED, WB_EFFECT_DISABLE},
	{"user_not_found", WB_OUTCOME_FAILED, WB_EFFECT_DISABLE},
	{"channel_is_archived", WB_OUTCOME_HELD, WB_EFFECT_DISABLE},
	{"invalid_payload", WB_OUTCOME_FAILED, WB_EFFECT_ANSWER},
	{"invalid_blocks", WB_OUTCOME_FAILED, WB_EFFECT_ANSWER},
	{"no_text", WB_OUTCOME_FAILED, WB_EFFECT_ANSWER},
	{"too_many_attachments", WB_OUTCOME_FAILED, WB_EFFECT_ANSWER},
};

/* Slack's answer as a word: "ok", or what is wrong. */
static char *
read_word(const char *body)
{
	size_t		length;
	Jsonb	   *document;
	JsonbValue *ok;
	char	   *word;

	while (isspace((unsigned char) *body))
		body++;
	length = strlen(body);
	while (length > 0 && isspace((unsigned char) body[length - 1]))
		length--;

	document = *body == '{' ? wb_json_parse_text(body) : NULL;
	if (document == NULL)
		return pnstrdup(body, length);
	ok = wb_json_get(&document->root, "ok");
	if (ok != NULL && ok->type == jbvBool && ok->val.boolean)
		return pstrdup("ok");
	word = wb_json_get_text(&document->root, "error");
	return word != NULL ? word : pnstrdup(body, length);
}

/* Slack's reason, which is a word; anything longer is cut. */
static char *
quote_answer(const char *body)
{
	int			length = pg_mbcliplen(body, strlen(body), 80);

	return psprintf("Slack answered \"%.*s\"", length, body);
}

/* What an answer that is no success says, in words. */
static char *
describe_answer(const WbRequest *request, const WbOutcome *outcome)
{
	if (outcome->status_code / 100 == 2)
		return quote_answer(outcome->body);
	return psprintf("\"%s\" answered with status %d%s", request->host,
					outcome->status_code, outcome->status_code / 100 == 3 ?
					", and redirects are not followed" : "");
}

/* Judge by the status; returns how many attempts that allows. */
static int
judge_status(const WbRequest *request, WbOutcome *outcome)
{
	Receiver	receiver = request->is_slack ? SLACK : WEBHOOK;
	int			status_code = outcome->status_code;
	size_t		i = 0;

	/* busy, and knows until when: that is no failure */
	if (status_code == 503 && outcome->retry_after_ms != 0)
		status_code = 429;
	while (i < lengthof(answers) - 1 &&
		   ((answers[i].receiver != ANY && answers[i].receiver != receiver) ||
			status_code < answers[i].first || status_code > answers[i].last))
		i++;
	outcome->kind = answers[i].kind;
	outcome->effect = answers[i].effect;
	if (outcome->kind == WB_OUTCOME_DONE)
		outcome->error = NULL;
	else if (outcome->error == NULL)
		outcome->error = describe_answer(request, outcome);
	return answers[i].max_tries;
}

/* Judge by what Slack says; false where it says nothing that we know. */
static bool
judge_word(const WbRequest *request, WbOutcome *outcome)
{
	char	   *word = read_word(outcome->body);

	if (outcome->status_code / 100 == 2 && strcmp(word, "ok") == 0)
	{
		outcome->kind = WB_OUTCOME_DONE;
		outcome->effect = WB_EFFECT_ANSWER;
		outcome->error = NULL;
		return true;
	}
	for (size_t i = 0; i < lengthof(slack_words); i++)
	{
		if (strcmp(word, slack_words[i].word) != 0)
			continue;
		outcome->kind = slack_words[i].kind;
		outcome->effect = slack_words[i].effect;
		outcome->error = psprintf("Slack answered with status %d: %s",
								  outcome->status_code, word);
		return true;
	}
	return false;
}

/* Judge an answer, or the lack of one; returns how many attempts it allows. */
static int
judge_answer(const WbRequest *request, WbOutcome *outcome)
{
	bool		is_cut = outcome->error != NULL;
	int			max_tries;

	if (request->is_slack && outcome->status_code > 0 &&
		judge_word(request, outcome))
		return ALL_TRIES;
	max_tries = judge_status(request, outcome);

	/* what was lost on the way may have been Slack's "ok" */
	if (request->is_slack && is_cut && outcome->kind == WB_OUTCOME_FAILED)
	{
		outcome->kind = WB_OUTCOME_RETRY;
		max_tries = ALL_TRIES;
	}
	return max_tries;
}

static int64
next_delay_ms(int attempt)
{
	int			index = Max(Min(attempt, (int) lengthof(delays_ms)), 1) - 1;
	float8		factor = 0.8 + 0.4 * pg_prng_double(&pg_global_prng_state);

	return (int64) (delays_ms[index] * factor);
}

static int
max_age_hours(const WbDelivery *delivery)
{
	return delivery->integration->is_slack ? SLACK_MAX_AGE_H :
		WEBHOOK_MAX_AGE_H;
}

/* When the last attempt may be made. */
static TimestampTz
last_call(const WbDelivery *delivery)
{
	return TimestampTzPlusMilliseconds(delivery->triggered_at,
									   max_age_hours(delivery) * HOURS -
									   LAST_CALL_MS);
}

static char *
describe_expiry(const WbDelivery *delivery, const char *error)
{
	return psprintf("expired after %d hours%s%s", max_age_hours(delivery),
					error != NULL ? ": " : "", error != NULL ? error : "");
}

/* Why a delivery is too old to be sent, or NULL. */
char *
wb_retry_expire(const WbDelivery *delivery)
{
	if (wb_clock_now() < TimestampTzPlusMilliseconds(last_call(delivery),
													 LAST_CALL_MS))
		return NULL;
	return describe_expiry(delivery, delivery->last_error);
}

/* Plan the next attempt, or do without one. */
static void
plan_retry(const WbDelivery *delivery, WbOutcome *outcome, int max_tries)
{
	int64		left_ms = (last_call(delivery) - wb_clock_now()) / 1000;

	if (outcome->kind == WB_OUTCOME_RETRY)
	{
		max_tries = Min(max_tries, delivery->integration->max_attempts);
		outcome->retry_in_ms = next_delay_ms(delivery->attempt);
		if (delivery->attempt >= max_tries)
		{
			outcome->kind = WB_OUTCOME_FAILED;
			return;
		}
	}
	if (left_ms <= 0)
	{
		outcome->kind = WB_OUTCOME_FAILED;
		outcome->error = describe_expiry(delivery, outcome->error);
	}
	else
		outcome->retry_in_ms = Min(outcome->retry_in_ms, left_ms);
}

/*
 * Judge the attempt that delivery->outcome describes, and let its receiver's
 * queue feel what it says.  An outcome of a kind other than RETRY was decided
 * before anything was sent, and stays.
 */
void
wb_retry_judge(WbDelivery *delivery)
{
	WbOutcome  *outcome = &delivery->outcome;
	MemoryContext before;
	int			max_tries;

	if (outcome->kind != WB_OUTCOME_RETRY)
		return;

	before = MemoryContextSwitchTo(delivery->context);
	max_tries = judge_answer(delivery->request, outcome);
	wb_destination_learn(delivery);
	if (outcome->kind == WB_OUTCOME_RETRY || outcome->kind == WB_OUTCOME_HELD)
		plan_retry(delivery, outcome, max_tries);
	MemoryContextSwitchTo(before);
}
