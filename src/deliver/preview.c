/*-------------------------------------------------------------------------
 *
 * preview.c
 *		Shows what would be sent, and helps to send a test.
 *
 * A preview is prepared by the very code that prepares a request, in the
 * caller's session and with the caller's rights.  No secret is opened there:
 * where its value would stand, and where it would sign, there are asterisks.
 *
 * IDENTIFICATION
 *		src/deliver/preview.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "deliver/deliver.h"
#include "funcapi.h"
#include "support/compat.h"
#include "support/json.h"
#include "utils/builtins.h"

WB_FUNCTION_INFO_V1(wb_sql_render_request);
WB_FUNCTION_INFO_V1(wb_sql_wake_for_test);

/* Has a document what the checks of the table see to? */
static bool
is_whole(const WbIntegration *integration)
{
	return integration->name != NULL && integration->team_name != NULL &&
		(integration->is_slack ?
		 integration->url == NULL && integration->url_secret != NULL :
		 integration->url != NULL && integration->url_secret == NULL) &&
		(integration->previous_secret == NULL ||
		 integration->signing_secret != NULL);
}

static char *
integration_text(void *row, WbIntegrationText text)
{
	static const char *const columns[] = {
		[WB_INTEGRATION_KIND] = "kind",
		[WB_INTEGRATION_NAME] = "name",
		[WB_INTEGRATION_TEAM_NAME] = "team_name",
		[WB_INTEGRATION_URL] = "url",
		[WB_INTEGRATION_URL_SECRET] = "url_secret",
		[WB_INTEGRATION_ACCESS_TOKEN] = "access_token",
		[WB_INTEGRATION_SIGNING_SECRET] = "signing_secret",
		[WB_INTEGRATION_PREVIOUS_SECRET] = "previous_secret",
		[WB_INTEGRATION_SIGNATURE_ENCODING] = "signature_encoding",
	};

	Jsonb	   *document = row;

	return wb_json_get_text(&document->root, columns[text]);
}

/* An integration from its row as a document; NULL where there is none. */
static WbIntegration *
read_integration(Jsonb *row)
{
	WbIntegration *integration = wb_integration_read(integration_text, row);

	if (integration == NULL ||
		!wb_json_get_integer(&row->root, "id", &integration->id))
		return NULL;
	if (!is_whole(integration))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the integration is no row of wb.integrations"),
				 errdetail("One of kind \"SLACK\" has name, team_name and url_secret, one of kind \"WEBHOOK\" name, team_name and url.")));
	return integration;
}

/* The action of an automation's row; an error where it is of no known type. */
static void
read_action(JsonbContainer *automation, WbDelivery *delivery)
{
	JsonbValue *config = wb_json_get(automation, "action_config");
	char	   *type = wb_json_get_text(automation, "action_type");

	if (type == NULL || config == NULL || config->type != jbvBinary ||
		!wb_delivery_action_type(type, &delivery->action_type))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("action of type \"%s\" has no preview",
						type ? type : "")));
	delivery->action_config = JsonbValueToJsonb(config);
}

/* The headers, one a line; NULL without any. */
static char *
join_headers(const WbRequest *request)
{
	StringInfoData lines;
	ListCell   *cell;

	initStringInfo(&lines);
	foreach(cell, request->headers)
		appendStringInfo(&lines, "%s%s", lines.len > 0 ? "\n" : "",
						 (char *) lfirst(cell));
	return lines.len > 0 ? lines.data : NULL;
}

static void
set_text(Datum *columns, bool *nulls, int column, const char *text)
{
	nulls[column] = text == NULL;
	if (text != NULL)
		columns[column] = CStringGetTextDatum(text);
}

static void
render(WbDelivery *delivery)
{
	bool		is_notify = delivery->action_type == WB_ACTION_NOTIFY;

	if (is_notify)
		wb_notify_prepare(delivery);
	else if (delivery->action_type != WB_ACTION_NO_OP)
		wb_request_prepare(delivery);
	if (delivery->outcome.kind == WB_OUTCOME_FAILED)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("this would not be sent: %s",
						delivery->outcome.error)));
}

/*
 * wb.render_request(automation jsonb, integration jsonb, event jsonb,
 *					 run_id bigint, webhook_id text,
 *					 OUT method text, OUT host text, OUT headers text,
 *					 OUT body text)
 *
 * The first two are rows as documents.
 */
Datum
wb_sql_render_request(PG_FUNCTION_ARGS)
{
	JsonbContainer *automation = &PG_GETARG_JSONB_P(0)->root;
	WbDelivery	delivery = {.context = CurrentMemoryContext,
		.is_preview = true,.event = PG_GETARG_JSONB_P(2),
		.run_id = PG_GETARG_INT64(3),
	.webhook_id = text_to_cstring(PG_GETARG_TEXT_PP(4))};
	WbRequest  *request;
	Datum		columns[4];
	bool		nulls[4] = {true, true, true, true};
	TupleDesc	row;

	if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	delivery.integration = read_integration(PG_GETARG_JSONB_P(1));
	delivery.automation_name = wb_json_get_text(automation, "name");
	delivery.event_type = wb_json_get_text(&delivery.event->root, "eventType");
	delivery.why = wb_json_get_text(&delivery.event->root, "why");
	if (!wb_json_get_integer(automation, "id", &delivery.automation_id) ||
		delivery.automation_name == NULL || delivery.event_type == NULL ||
		delivery.why == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the automation lacks id or name, or the event lacks eventType or why")));
	read_action(automation, &delivery);
	render(&delivery);

	request = delivery.request;
	if (request != NULL && request->channel != NULL)
		set_text(columns, nulls, 0, psprintf("NOTIFY %s", request->channel));
	else if (request != NULL)
		set_text(columns, nulls, 0, "POST");
	if (request != NULL)
	{
		set_text(columns, nulls, 1, request->host);
		set_text(columns, nulls, 2, join_headers(request));
		set_text(columns, nulls, 3, request->body);
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row),
													  columns, nulls)));
}

/*
 * wb.wake_for_test() returns void: wakes the worker at commit, which must be
 * the caller's to make.
 */
Datum
wb_sql_wake_for_test(PG_FUNCTION_ARGS)
{
	if (IsTransactionBlock())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("wb.test_integration cannot run inside a transaction block"),
				 errdetail("The worker sends the test, and sees only what is committed."),
				 errhint("CALL it outside of BEGIN and COMMIT, and from no function.")));
	wb_wake_worker_at_commit();
	PG_RETURN_VOID();
}
