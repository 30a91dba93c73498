/*-------------------------------------------------------------------------
 *
 * deliver.h
 *		From a verdict to an answer: the queue, the worker, the network.
 *
 * Two kinds of process share this stage.  The writer's backend ends in
 * fire.c and wake.c, inside the user's transaction.  All the rest runs in the
 * worker, which never has a transaction open while a socket is.
 *
 * IDENTIFICATION
 *		src/deliver/deliver.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef WB_DELIVER_H
#define WB_DELIVER_H

#include "access/xact.h"
#include "lib/ilist.h"
#include "lib/stringinfo.h"
#include "utils/guc.h"
#include "wb_automations.h"

struct Latch;
struct sockaddr;

/* bgw_type of our processes; writers find the worker by it. */
#define WB_LAUNCHER_TYPE	"wb_automations launcher"
#define WB_WORKER_TYPE		"wb_automations worker"

/* What a preview shows where the value of a secret would stand. */
#define WB_SECRET_MASK		"****"

/* How an attempt ended, as far as the next step depends on it. */
typedef enum WbOutcomeKind
{
	WB_OUTCOME_DONE,			/* the receiver has it */
	WB_OUTCOME_RETRY,			/* may succeed later; the attempt counts */
	WB_OUTCOME_FAILED,			/* will not succeed */
	WB_OUTCOME_HELD,			/* to wait; nothing counts */
	WB_OUTCOME_EXPIRED,			/* not tried; too old to be */
	WB_OUTCOME_SKIPPED			/* not tried, and never will be */
} WbOutcomeKind;

/* What an attempt says about its receiver. */
typedef enum WbEffect
{
	WB_EFFECT_NONE,				/* nothing was sent */
	WB_EFFECT_ANSWER,			/* it is there */
	WB_EFFECT_FAILURE,			/* it is not, or is broken */
	WB_EFFECT_REFUSAL,			/* it does not want this from us */
	WB_EFFECT_PAUSE,			/* it wants nothing for a while */
	WB_EFFECT_DISABLE			/* it wants nothing any more */
} WbEffect;

/* Where the time of an attempt went, in milliseconds; 0: nowhere. */
typedef struct WbTimings
{
	float4		dns;
	float4		connect;
	float4		tls;
	float4		first_byte;		/* from then on until the answer began */
} WbTimings;

/* What an attempt met. */
typedef struct WbOutcome
{
	WbOutcomeKind kind;
	int			status_code;	/* HTTP status, 0 where there was none */
	char	   *error;			/* never carries a secret; NULL on success */
	char	   *body;			/* valid in the database encoding, cut short */
	TimestampTz started_at;
	float8		milliseconds;
	WbTimings	timings;
	int64		retry_after_ms; /* as the answer asked for; 0: it did not */
	int64		retry_in_ms;	/* with RETRY and HELD */
	int64		digest_id;		/* the execution whose message told of it */
	WbEffect	effect;
} WbOutcome;

/* What to send.  url and headers carry secrets, which stay in the worker. */
typedef struct WbRequest
{
	char	   *url;
	char	   *host;			/* the part of the URL that may be shown */
	List	   *headers;		/* of char *, "Name: value" */
	char	   *body;
	List	   *secrets;		/* of char *, masked in what comes back */
	bool		is_slack;		/* success means the body "ok" */
	Jsonb	   *recorded_action;	/* as rendered, without secrets */
	char	   *channel;		/* of a NOTIFY, whose payload is the body */
} WbRequest;

/* The parts of a URL that a policy is about, normalised by the URL parser. */
typedef struct WbUrl
{
	char	   *scheme;
	char	   *host;			/* an IPv6 address without its brackets */
	char	   *port;			/* NULL: the scheme's own */
	bool		has_login;		/* carries a user name or password */
} WbUrl;

/* Where an action goes: a row of wb.integrations. */
typedef struct WbIntegration
{
	int64		id;
	bool		is_slack;
	char	   *name;
	char	   *team_name;		/* Slack's workspace */
	char	   *url;			/* NULL for Slack */
	char	   *url_secret;		/* names of secrets of the same entity */
	char	   *access_token;
	char	   *signing_secret;
	char	   *previous_secret;	/* signs as well, while keys are changed */
	bool		is_base64;		/* how X-Wandb-Signature is written */
	int			max_attempts;
	int64		entity_id;
} WbIntegration;

/* The columns of that row which are texts. */
typedef enum WbIntegrationText
{
	WB_INTEGRATION_KIND,
	WB_INTEGRATION_NAME,
	WB_INTEGRATION_TEAM_NAME,
	WB_INTEGRATION_URL,
	WB_INTEGRATION_URL_SECRET,
	WB_INTEGRATION_ACCESS_TOKEN,
	WB_INTEGRATION_SIGNING_SECRET,
	WB_INTEGRATION_PREVIOUS_SECRET,
	WB_INTEGRATION_SIGNATURE_ENCODING,
	WB_INTEGRATION_TEXTS		/* how many there are */
} WbIntegrationText;

/* What a column of such a row says, palloc'd; NULL for NULL. */
typedef char *(*WbIntegrationReader) (void *row, WbIntegrationText text);

/*
 * One execution that the worker has claimed.  Everything it points to lives
 * in its own context, which the worker deletes once the outcome is recorded.
 */
typedef struct WbDelivery
{
	dlist_node	node;
	MemoryContext context;
	int64		execution_id;
	int64		integration_id; /* WB_NO_ID where none is needed */
	int64		claim_id;
	int64		automation_id;
	int64		run_id;			/* WB_NO_ID for none */
	int			attempt;		/* this one, counted from 1 */
	char	   *webhook_id;		/* the same at every attempt */
	char	   *last_error;		/* of the one before, or NULL */
	char	   *automation_name;
	char	   *event_type;
	char	   *why;
	TimestampTz triggered_at;
	Jsonb	   *event;
	WbActionType action_type;
	Jsonb	   *action_config;
	WbIntegration *integration; /* NULL: gone, or none needed */
	WbRequest  *request;		/* NULL until prepared */
	WbOutcome	outcome;
	bool		is_preview;		/* opens no secret, and masks each */
	struct WbDelivery *digest;	/* whose message tells of this one too */
	dlist_head	covered;		/* those whose digest this one is */
	int			covered_count;
} WbDelivery;

/* deliver/address.c */
extern bool wb_address_check_networks(char **newval, void **extra,
									  GucSource source);
extern const char *wb_address_refusal(const struct sockaddr *address);
extern const char *wb_address_refusal_text(const char *address);

/* deliver/batch.c */
extern void wb_batch_register_hooks(void);

/* deliver/complaint.c */
extern void wb_complain(const WbDelivery *delivery);

/* deliver/destination.c, destination_state.c */
extern void wb_destination_learn(WbDelivery *delivery);
extern void wb_destination_count(const WbDelivery *delivery, TimestampTz now);
extern void wb_destination_write(bool must);

/* deliver/digest.c */
extern void wb_digest_settle(WbDelivery *delivery, dlist_head *settled);
extern int	wb_digest_covered_count(void);

/* deliver/fire.c */
extern TimestampTz wb_deliver_quiet_until(const WbVerdict *verdict);
extern TimestampTz wb_deliver_fire(const WbVerdict *verdict);
extern TimestampTz wb_deliver_fire_broken(const WbVerdict *verdict);

/* deliver/guard.c */
typedef void (*WbGuarded) (void *argument);

extern bool wb_guard_concerns_everybody(int code);
extern ErrorData *wb_guard_try(WbGuarded function, void *argument);

/* deliver/hand.c */
extern bool wb_hand_release(const WbDelivery *delivery);
extern void wb_hand_free(dlist_head *deliveries);

/* deliver/http.c, poll.c, transfer.c */
extern void wb_http_start(void);
extern void wb_http_send(WbDelivery *delivery);
extern void wb_http_drive(dlist_head *ended);
extern int	wb_http_wait_socket(void);
extern long wb_http_wait_ms(void);
extern const char *wb_http_parse_url(const char *url, WbUrl *parts);

/* deliver/integration.c */
extern WbIntegration *wb_integration_read(WbIntegrationReader read,
										  void *row);

/* deliver/load.c */
extern bool wb_delivery_action_type(const char *name, WbActionType *type);

/* deliver/notify.c */
extern void wb_notify_prepare(WbDelivery *delivery);
extern void wb_notify_issue(const WbDelivery *delivery);

/* deliver/request.c, slack.c, webhook.c */
extern bool wb_request_prepare(WbDelivery *delivery);
extern bool wb_request_is_rendered(const WbDelivery *delivery);
extern char *wb_request_text(WbDelivery *delivery, const char *key,
							 const char *rendered_key, const char *otherwise);
extern bool wb_request_fail(WbOutcome *outcome, const char *format,...)
			__attribute__((format(printf, 2, 3)));
extern JsonbContainer *wb_request_input(const WbDelivery *delivery);
extern char *wb_request_utf8(char *text);
extern char *wb_request_open_secret(const WbDelivery *delivery,
									const char *name, WbOutcome *outcome);
extern bool wb_slack_prepare(WbDelivery *delivery);
extern bool wb_webhook_prepare(WbDelivery *delivery);

/* deliver/retry.c */
extern void wb_retry_judge(WbDelivery *delivery);
extern char *wb_retry_expire(const WbDelivery *delivery);

/* deliver/secret.c */
extern const char *wb_secret_obstacle(bytea *sealed);
extern char *wb_secret_open(int64 entity_id, const char *name,
							WbOutcome *outcome);
extern bytea *wb_secret_seal(int64 entity_id, const char *name, char *value,
							 char **key_id);

/* deliver/shared.c */
extern void wb_shared_register(void);

/* deliver/template.c */
extern char *wb_template_expand(const char *text, const WbDelivery *delivery,
								WbOutcome *outcome);
extern Jsonb *wb_template_expand_json(Jsonb *document,
									  const WbDelivery *delivery,
									  bool with_secrets, bool *has_secret,
									  WbOutcome *outcome);

/* deliver/transaction.c */
extern void wb_worker_begin(const char *activity);
extern void wb_worker_commit(void);
extern bool wb_worker_try(const char *activity, const char *what,
						  WbGuarded work, void *argument);

/* deliver/url.c */
extern const char *wb_url_refusal(const char *url, const char **hint);

/* deliver/wake.c */
extern pid_t wb_wake_find(const char *type, Oid database,
						  struct Latch **latch);
extern void wb_wake_end(XactEvent event);
extern void wb_wake_worker_at_commit(void);
extern void wb_wake_launcher_at_commit(void);

/* deliver/worker_stat.c */
extern void wb_stat_outcome(WbOutcomeKind kind);
extern void wb_stat_record(void);

/* deliver/launcher.c, deliver/worker.c */
extern void wb_launcher_register(void);
extern void wb_launcher_call(void);
extern PGDLLEXPORT void wb_launcher_main(Datum argument);
extern PGDLLEXPORT void wb_worker_main(Datum argument);

#endif							/* WB_DELIVER_H */
