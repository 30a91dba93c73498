/*-------------------------------------------------------------------------
 *
 * notify.c
 *		Tells whoever listens on a channel of the database.
 *
 * The notification is part of the transaction that records its execution as
 * FINISHED: it goes out once, and exactly if history says so.  The worker
 * issues it and never a writer, because a transaction with a notification
 * takes a lock at its commit that all others of its kind wait for.
 *
 * IDENTIFICATION
 *		src/deliver/notify.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/async.h"
#include "deliver/deliver.h"
#include "support/document.h"
#include "support/json.h"
#include "support/setting.h"
#include "utils/fmgroids.h"

/* PostgreSQL takes less than this: 8000 with pages of the usual size. */
#define PAYLOAD_MAX_BYTES	(BLCKSZ - NAMEDATALEN - 128)

/*
 * A listener that sits in a transaction stops PostgreSQL's queue, and what
 * does not fit in makes the whole transaction fail.  So leave it to others
 * beyond this, and look again later.
 */
#define QUEUE_MAX_USAGE		0.5
#define QUEUE_RETRY_MS		60000

/* What a listener is told where the action does not say. */
static char *
describe_execution(const WbDelivery *delivery)
{
	JsonbContainer *event = &delivery->event->root;
	WbDocument	text;

	wb_document_begin(&text);
	wb_document_add_integer(&text, "execution_id", delivery->execution_id);
	wb_document_add_text(&text, "automation_name", delivery->automation_name);
	wb_document_add_text(&text, "event_type", delivery->event_type);
	wb_document_add_text(&text, "run_id", wb_json_get_text(event, "runId"));
	wb_document_add_text(&text, "run_name",
						 wb_json_get_text(event, "runName"));
	wb_document_add_text(&text, "why", delivery->why);
	return JsonbToCString(NULL, &wb_document_end(&text)->root, -1);
}

static void
record_action(WbRequest *request)
{
	WbDocument	action;

	wb_document_begin(&action);
	wb_document_add_text(&action, "actionType", "NOTIFY");
	wb_document_add_text(&action, "channel", request->channel);
	wb_document_add_text(&action, "payload", request->body);
	request->recorded_action = wb_document_end(&action);
}

static bool
is_queue_full(void)
{
	return DatumGetFloat8(OidFunctionCall0(F_PG_NOTIFICATION_QUEUE_USAGE)) >
		QUEUE_MAX_USAGE;
}

/* Fill delivery->request and its outcome; raises nothing. */
void
wb_notify_prepare(WbDelivery *delivery)
{
	WbRequest  *request = palloc0(sizeof(WbRequest));
	WbOutcome  *outcome = &delivery->outcome;

	outcome->kind = WB_OUTCOME_DONE;
	delivery->request = request;
	request->channel = wb_request_text(delivery, "channel", "channel", NULL);
	request->body = wb_request_text(delivery, "payload", "payload", NULL);
	if (outcome->kind == WB_OUTCOME_FAILED)
		return;
	if (request->body == NULL)
		request->body = describe_execution(delivery);
	record_action(request);

	if (request->channel == NULL || request->channel[0] == '\0' ||
		strlen(request->channel) >= NAMEDATALEN)
		wb_request_fail(outcome, "\"%s\" is not the name of a channel",
						request->channel ? request->channel : "");
	else if (strlen(request->body) >= PAYLOAD_MAX_BYTES)
		wb_request_fail(outcome,
						"the payload has %zu bytes, and a notification carries at most %d",
						strlen(request->body), PAYLOAD_MAX_BYTES - 1);
	else if (wb_setting_delivery == WB_DELIVERY_DRY_RUN)
		outcome->kind = WB_OUTCOME_SKIPPED;
	else if (is_queue_full())
	{
		outcome->kind = WB_OUTCOME_HELD;
		outcome->retry_in_ms = QUEUE_RETRY_MS;
		outcome->error = pstrdup("the server's queue of notifications is filling up, because a session that listens does not read it");
	}
}

/* Notify, where that is a delivery's action and it is done. */
void
wb_notify_issue(const WbDelivery *delivery)
{
	if (delivery->action_type == WB_ACTION_NOTIFY &&
		delivery->outcome.kind == WB_OUTCOME_DONE)
		Async_Notify(delivery->request->channel, delivery->request->body);
}
