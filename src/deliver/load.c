/*-------------------------------------------------------------------------
 *
 * load.c
 *		Reads executions that are due, and judges which of them may be sent.
 *
 * What need not be sent gets its outcome here: what has nothing to send, what
 * cannot be sent, and what a cooldown forbids.
 *
 * IDENTIFICATION
 *		src/deliver/load.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "deliver/worker.h"
#include "support/clock.h"
#include "support/plan.h"
#include "support/row.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

enum
{
	EXECUTION_ID = 1, INTEGRATION_ID, WEBHOOK_ID, ATTEMPTS, STATE, ORIGIN,
	AUTOMATION_ID, AUTOMATION_NAME, EVENT_TYPE, WHY, TRIGGERED_AT, EVENT,
	ACTION_TYPE, ACTION, RUN_ID, COOLDOWN, COOLDOWN_KEY,
	INTEGRATION_TEXTS,			/* in the order of WbIntegrationText */
	MAX_ATTEMPTS = INTEGRATION_TEXTS + WB_INTEGRATION_TEXTS, ENTITY_ID,
	INTEGRATION_STATE, LAST_ERROR
};

/* OFFSET 0 keeps these from becoming joins, which could go the other way. */
static WbPlan read_executions = {
	"SELECT d.execution_id, d.integration_id,"
	" d.installation_id || '-' || d.execution_id, d.attempts, e.state,"
	" e.origin, e.automation_id, e.automation_name, e.event_type, e.why,"
	" e.triggered_at, e.event, e.action_type, e.action, e.run_id,"
	" nullif(e.cooldown, '0'), e.cooldown_key, i.kind, i.name, i.team_name,"
	" i.url, i.url_secret, i.access_token, i.signing_secret,"
	" i.previous_secret, i.signature_encoding, i.max_attempts, i.entity_id,"
	" i.state, d.last_error FROM unnest($1) AS due(id)"
	" CROSS JOIN LATERAL (SELECT * FROM wb.deliveries"
	" WHERE execution_id = due.id OFFSET 0) d"
	" LEFT JOIN LATERAL (SELECT * FROM wb.executions"
	" WHERE id = due.id OFFSET 0) e ON true"
	" LEFT JOIN LATERAL (SELECT * FROM wb.integrations"
	" WHERE id = d.integration_id OFFSET 0) i ON true"
	" ORDER BY d.execution_id",
	1,
	{INT8ARRAYOID},
	NULL
};

static const struct
{
	const char *name;
	WbActionType type;
}			action_types[] =

{
	{"NO_OP", WB_ACTION_NO_OP},
	{"NOTIFY", WB_ACTION_NOTIFY},
	{"NOTIFICATION", WB_ACTION_NOTIFICATION},
	{"GENERIC_WEBHOOK", WB_ACTION_GENERIC_WEBHOOK},
};

/* Find an action type by its name; false where there is none. */
bool
wb_delivery_action_type(const char *name, WbActionType *type)
{
	for (size_t i = 0; i < lengthof(action_types); i++)
	{
		if (strcmp(name, action_types[i].name) != 0)
			continue;
		*type = action_types[i].type;
		return true;
	}
	return false;
}

typedef struct LoadedRow
{
	SPITupleTable *rows;
	uint64		row;
} LoadedRow;

static char *
integration_text(void *row, WbIntegrationText text)
{
	LoadedRow  *loaded = row;

	return wb_row_text(loaded->rows, loaded->row, INTEGRATION_TEXTS + text);
}

/* NULL where there is none. */
static WbIntegration *
read_integration(SPITupleTable *rows, uint64 row)
{
	LoadedRow	loaded = {rows, row};
	WbIntegration *integration;

	integration = wb_integration_read(integration_text, &loaded);
	if (integration == NULL)
		return NULL;
	integration->id = wb_row_id(rows, row, INTEGRATION_ID);
	integration->max_attempts = wb_row_integer(rows, row, MAX_ATTEMPTS);
	integration->entity_id = wb_row_id(rows, row, ENTITY_ID);
	return integration;
}

/* Fill a delivery from a row whose execution exists. */
static void
read_delivery(SPITupleTable *rows, uint64 row, WbDelivery *delivery)
{
	delivery->integration_id = wb_row_id(rows, row, INTEGRATION_ID);
	delivery->webhook_id = wb_row_text(rows, row, WEBHOOK_ID);
	delivery->attempt = 1 + wb_row_integer(rows, row, ATTEMPTS);
	delivery->automation_id = wb_row_id(rows, row, AUTOMATION_ID);
	delivery->run_id = wb_row_id(rows, row, RUN_ID);
	delivery->last_error = wb_row_text(rows, row, LAST_ERROR);
	delivery->automation_name = wb_row_text(rows, row, AUTOMATION_NAME);
	delivery->event_type = wb_row_text(rows, row, EVENT_TYPE);
	delivery->why = wb_row_text(rows, row, WHY);
	delivery->triggered_at = wb_row_time(rows, row, TRIGGERED_AT);
	delivery->event = wb_row_json(rows, row, EVENT);
	delivery->action_config = wb_row_json(rows, row, ACTION);
	delivery->integration = read_integration(rows, row);

	/* somebody waits for the answer to a test, whatever it is */
	if (delivery->integration != NULL &&
		strcmp(wb_row_text(rows, row, ORIGIN), "test") == 0)
		delivery->integration->max_attempts = 1;
}

/* Why the cooldown forbids an execution, or NULL. */
static char *
lose_to_rival(SPITupleTable *rows, uint64 row, const WbDelivery *delivery)
{
	WbContender contender = {.execution_id = delivery->execution_id,
	.triggered_at = delivery->triggered_at};
	bool		is_null;
	Datum		cooldown = wb_row_value(rows, row, COOLDOWN,
										INTERVALOID, &is_null);

	/* an attempt was made: others had to give way to this one */
	if (is_null || delivery->attempt > 1 ||
		strcmp(wb_row_text(rows, row, ORIGIN), "event") != 0)
		return NULL;
	contender.automation_id = delivery->automation_id;
	contender.run_id = delivery->run_id;
	contender.cooldown = DatumGetIntervalP(cooldown);
	contender.cooldown_key = wb_row_text(rows, row, COOLDOWN_KEY);
	return wb_contend_lose(&contender);
}

/* Give an outcome to what fails before it is sent. */
static void
fail(WbDelivery *delivery, char *error)
{
	delivery->outcome.kind = WB_OUTCOME_FAILED;
	delivery->outcome.error = error;
}

/*
 * Judge a delivery of an execution that waits for it.  Returns whether it is
 * to be sent; else it has its outcome.
 */
static bool
judge_action(SPITupleTable *rows, uint64 row, WbDelivery *delivery)
{
	char	   *name = wb_row_text(rows, row, ACTION_TYPE);

	if (!wb_delivery_action_type(name, &delivery->action_type))
	{
		fail(delivery, psprintf("unknown action type \"%s\"", name));
		return false;
	}
	if (delivery->action_type == WB_ACTION_NO_OP)
	{
		delivery->outcome.kind = WB_OUTCOME_DONE;
		return false;
	}
	if (delivery->action_type == WB_ACTION_NOTIFY)
	{
		wb_notify_prepare(delivery);
		return false;
	}
	if (delivery->integration == NULL)
	{
		fail(delivery, psprintf("integration " INT64_FORMAT " does not exist",
								delivery->integration_id));
		return false;
	}
	delivery->outcome.error = wb_retry_expire(delivery);
	if (delivery->outcome.error != NULL)
		delivery->outcome.kind = WB_OUTCOME_EXPIRED;
	return delivery->outcome.error == NULL;
}

/* Was its integration paused or disabled?  Then it just stays in the queue. */
static bool
is_closed(SPITupleTable *rows, uint64 row)
{
	char	   *state = wb_row_text(rows, row, INTEGRATION_STATE);

	return state != NULL && strcmp(state, "active") != 0;
}

/* As judge_action, for any row. */
static bool
judge_row(SPITupleTable *rows, uint64 row, WbDelivery *delivery)
{
	char	   *state = wb_row_text(rows, row, STATE);
	char	   *reason;

	delivery->outcome.started_at = wb_clock_now();
	delivery->outcome.kind = WB_OUTCOME_SKIPPED;

	/* recording such an outcome only removes the delivery */
	if (state == NULL || strcmp(state, "PENDING") != 0)
		return false;
	read_delivery(rows, row, delivery);
	reason = lose_to_rival(rows, row, delivery);
	if (reason != NULL)
	{
		delivery->outcome.error = reason;
		return false;
	}
	return judge_action(rows, row, delivery);
}

/*
 * Read deliveries.  Those to be sent are appended to "to_send", the others,
 * with their outcomes, to "settled".  Whatever counts as accepted is in hand
 * afterwards, because the next one in the batch may be its rival.
 */
void
wb_load_deliveries(ArrayType *execution_ids, dlist_head *to_send,
				   dlist_head *settled)
{
	Datum		value = PointerGetDatum(execution_ids);
	uint64		count = wb_plan_run(&read_executions, &value, NULL,
									SPI_OK_SELECT);
	SPITupleTable *rows = SPI_tuptable;

	for (uint64 row = 0; row < count; row++)
	{
		WbDelivery *delivery;
		MemoryContext before;
		bool		is_to_send;

		if (is_closed(rows, row))
			continue;
		delivery = wb_hand_new_delivery(wb_row_id(rows, row, EXECUTION_ID));
		before = MemoryContextSwitchTo(delivery->context);
		is_to_send = judge_row(rows, row, delivery);
		MemoryContextSwitchTo(before);
		dlist_push_tail(is_to_send ? to_send : settled, &delivery->node);
		if (delivery->outcome.kind != WB_OUTCOME_SKIPPED || is_to_send)
			wb_hand_take(delivery);
	}
}
