/*-------------------------------------------------------------------------
 *
 * action_check.c
 *		Refuses an action that could not be carried out.
 *
 * What passes here may still fail later, because an integration can be
 * deleted; what the action says by itself may not.
 *
 * IDENTIFICATION
 *		src/decide/action_check.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "decide/decide.h"
#include "support/json.h"
#include "support/relation.h"

static const struct
{
	const char *name;
	const char *key;
	bool		needs_integration;
}			actions[] =

{
	{"NOTIFICATION", "notificationActionInput", true},
	{"GENERIC_WEBHOOK", "genericWebhookActionInput", true},
	{"NOTIFY", "notifyActionInput", false},
	{"NO_OP", "noOpActionInput", false},
};

/* Is this the name of an action type? */
bool
wb_action_type_is_known(const char *name)
{
	for (size_t i = 0; i < lengthof(actions); i++)
	{
		if (strcmp(actions[i].name, name) == 0)
			return true;
	}
	return false;
}

/*
 * The integration that an action names must exist, and belong to the scope's
 * entity; to an organization belong those of its teams too.
 */
static void
check_integration(JsonbContainer *config, const char *action_type,
				  int64 entity_id)
{
	int64		id;
	WbScan		scan;
	char	   *kind;
	int64		owner;
	bool		is_slack = strcmp(action_type, "NOTIFICATION") == 0;

	if (!wb_json_get_integer(config, "integrationID", &id))
		wb_problem_raise(psprintf("action %s names no integrationID", action_type),
						 "Make it with wb.send_notification(integration, ...) or wb.send_webhook(integration, ...).");
	if (!wb_scan_row_by_id(WB_TABLE_INTEGRATIONS, id, &scan))
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("integration " INT64_FORMAT " does not exist", id),
				 errhint("Find one with wb.slack_integration(entity) or wb.webhook_integration(entity, name).")));
	kind = wb_scan_text(&scan, "kind");
	owner = wb_scan_id(&scan, "entity_id");
	wb_scan_end(&scan);
	if (is_slack != (strcmp(kind, "SLACK") == 0))
		wb_problem_raise(psprintf("integration " INT64_FORMAT " is of kind %s, which action %s cannot use",
								  id, kind, action_type), NULL);
	if (owner != entity_id && wb_scope_organization(owner) != entity_id)
		wb_problem_raise(psprintf("integration " INT64_FORMAT " belongs to another team", id),
						 "An automation uses the integrations of the team that owns its scope, or of any team of the organization that does.");
}

static void
check_webhook_payload(JsonbContainer *config)
{
	JsonbValue *payload = wb_json_get(config, "requestPayload");
	char	   *text = wb_json_value_text(payload);
	Jsonb	   *parsed;

	if (payload == NULL || payload->type == jbvNull)
		return;
	if (payload->type == jbvBinary &&
		JsonContainerIsObject(payload->val.binary.data))
		return;
	parsed = text ? wb_json_parse_text(text) : NULL;
	if (parsed == NULL || !JB_ROOT_IS_OBJECT(parsed))
		wb_problem_raise("requestPayload is not a JSON object",
						 "Give an object, or the text of one.");
}

static void
check_notification(JsonbContainer *config)
{
	JsonbValue *value = wb_json_get(config, "severity");
	char	   *severity = wb_json_value_text(value);

	if (value == NULL)
		return;
	if (severity == NULL ||
		(strcmp(severity, "INFO") != 0 && strcmp(severity, "WARN") != 0 &&
		 strcmp(severity, "ERROR") != 0))
		wb_problem_raise(psprintf("unknown severity \"%s\"",
								  severity ? severity : "not a string"),
						 "Severities are INFO, WARN and ERROR.");
}

static void
check_notify(JsonbContainer *config, const char *type)
{
	JsonbValue *payload = wb_json_get(config, "payload");
	char	   *channel = wb_json_value_text(wb_json_get(config, "channel"));

	if (strcmp(type, "NOTIFY") != 0)
		return;
	if (channel == NULL || channel[0] == '\0' ||
		strlen(channel) >= NAMEDATALEN)
		wb_problem_raise(psprintf("channel of action %s is \"%s\"", type,
								  channel ? channel : ""),
						 "Name a channel that LISTEN could name, of 1 to 63 bytes.");
	if (payload != NULL && payload->type != jbvNull &&
		payload->type != jbvString)
		wb_problem_raise(psprintf("payload of action %s is not a string", type),
						 "Give the text of the notification, or leave it out.");
}

/*
 * Raise where an action could not be carried out.  "entity_id" owns the scope
 * of the automation.
 */
void
wb_action_check(const char *type, Jsonb *config, int64 entity_id)
{
	for (size_t i = 0; i < lengthof(actions); i++)
	{
		JsonbValue *input;

		if (strcmp(actions[i].name, type) != 0)
			continue;
		input = wb_json_get(&config->root, actions[i].key);
		if (input == NULL || input->type != jbvBinary ||
			JsonContainerSize(&config->root) != 1)
			wb_problem_raise(psprintf("action_config of action %s must have the one key \"%s\"",
									  type, actions[i].key), NULL);
		if (actions[i].needs_integration)
			check_integration(input->val.binary.data, type, entity_id);
		check_webhook_payload(input->val.binary.data);
		check_notification(input->val.binary.data);
		check_notify(input->val.binary.data, type);
		return;
	}
	if (strcmp(type, "QUEUE_JOB") == 0 ||
		strcmp(type, "PUSH_NOTIFICATION") == 0)
		wb_problem_raise(psprintf("action %s cannot be assigned to automations", type),
						 "Action types are NOTIFICATION, GENERIC_WEBHOOK, NOTIFY and NO_OP.");
	wb_problem_raise(psprintf("unknown action type \"%s\"", type),
					 "Action types are NOTIFICATION, GENERIC_WEBHOOK, NOTIFY and NO_OP.");
}
