/*-------------------------------------------------------------------------
 *
 * slack.c
 *		The request of a Slack notification.
 *
 * The title is the message's own text, which is also what a phone shows; the
 * rest stands below it beside a bar in the colour of the severity.  Whatever
 * a run or a user wrote is escaped, so that no name can call the channel.
 *
 * The address of an incoming webhook is its own password: it is a secret.
 *
 * IDENTIFICATION
 *		src/deliver/slack.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "deliver/deliver.h"
#include "mb/pg_wchar.h"
#include "support/json.h"
#include "support/setting.h"
#include "utils/json.h"

/* Slack takes 3000 characters a block; the markup around a text needs some. */
#define TEXT_MAX_BYTES		2900
#define TITLE_MAX_BYTES		300

static const struct
{
	const char *severity;
	const char *color;
}			severities[] =

{
	{"INFO", "#2f80ed"},
	{"WARN", "#f2a60d"},
	{"ERROR", "#d92d20"},
};

/* What the user wrote, expanded. */
typedef struct Notification
{
	const char *title;
	const char *message;
	const char *severity;
	const char *color;
	const char *title_url;		/* NULL: no link */
} Notification;

/* Append text that Slack reads as text only, cut where it grows too long. */
static void
append_escaped(StringInfo out, const char *text, int max_bytes)
{
	int			start = out->len;
	int			length;

	for (; *text != '\0'; text += length)
	{
		length = pg_mblen(text);
		if (out->len - start + Max(length, 5) > max_bytes)
		{
			appendStringInfoString(out, "...");
			return;
		}
		if (*text == '&')
			appendStringInfoString(out, "&amp;");
		else if (*text == '<')
			appendStringInfoString(out, "&lt;");
		else if (*text == '>')
			appendStringInfoString(out, "&gt;");
		else
			appendBinaryStringInfo(out, text, length);
	}
}

/* The link, with every byte encoded that would end it or break the markup. */
static char *
encode_url(const char *url)
{
	StringInfoData out;

	initStringInfo(&out);
	for (; *url != '\0'; url++)
	{
		unsigned char byte = (unsigned char) *url;

		if (byte <= ' ' || byte >= 0x7f || strchr("<>|\"\\^`{}", byte) != NULL)
			appendStringInfo(&out, "%%%02X", byte);
		else
			appendStringInfoChar(&out, *url);
	}
	return out.data;
}

/* The link to the run; NULL where none is configured, or no run. */
static char *
make_title_url(WbDelivery *delivery)
{
	char	   *url;

	if (wb_setting_run_url == NULL || wb_setting_run_url[0] == '\0' ||
		wb_json_get(&delivery->event->root, "runName") == NULL)
		return NULL;
	url = wb_template_expand(wb_setting_run_url, delivery, false,
							 &delivery->outcome);
	return url == NULL ? NULL : encode_url(url);
}

/* A member of the action's input, expanded; empty where it is missing. */
static char *
expand_input(WbDelivery *delivery, const char *key)
{
	JsonbValue *input = wb_json_get(&delivery->action_config->root,
									"notificationActionInput");
	char	   *text = NULL;

	if (input != NULL && input->type == jbvBinary)
		text = wb_json_get_text(input->val.binary.data, key);
	return wb_template_expand(text == NULL ? "" : text, delivery, false,
							  &delivery->outcome);
}

/* Read the action; false on failure, with the outcome filled. */
static bool
read_notification(WbDelivery *delivery, Notification *notification)
{
	const char *severity = expand_input(delivery, "severity");

	notification->title = expand_input(delivery, "title");
	notification->message = expand_input(delivery, "message");
	if (severity == NULL || notification->title == NULL ||
		notification->message == NULL)
		return false;
	if (notification->title[0] == '\0')
		notification->title = psprintf("Automation %s fired",
									   delivery->automation_name);

	notification->severity = severities[0].severity;
	notification->color = severities[0].color;
	for (size_t i = 0; i < lengthof(severities); i++)
	{
		if (strcmp(severity, severities[i].severity) == 0)
		{
			notification->severity = severities[i].severity;
			notification->color = severities[i].color;
		}
	}
	notification->title_url = make_title_url(delivery);
	return true;
}

static void
record_action(WbDelivery *delivery, const Notification *notification)
{
	const WbIntegration *integration = delivery->integration;
	StringInfoData where;
	StringInfoData action;

	wb_json_begin(&where);
	wb_json_add_integer(&where, "id", integration->id);
	wb_json_add_text(&where, "channelName", integration->name);
	wb_json_add_text(&where, "teamName", integration->team_name);
	wb_json_end(&where);

	wb_json_begin(&action);
	wb_json_add_text(&action, "actionType", "NOTIFICATION");
	wb_json_add_raw(&action, "integration", where.data);
	wb_json_add_text(&action, "title", notification->title);
	wb_json_add_text(&action, "text", notification->message);
	wb_json_add_text(&action, "severity", notification->severity);
	wb_json_add_text(&action, "titleURL", notification->title_url);
	delivery->request->recorded_action = wb_json_end(&action);
}

/* Append a section with a text as it is. */
static void
append_section(StringInfo blocks, const char *text)
{
	StringInfoData escaped;

	initStringInfo(&escaped);
	append_escaped(&escaped, text, TEXT_MAX_BYTES);
	if (blocks->len > 1)
		appendStringInfoString(blocks, ", ");
	appendStringInfoString(blocks,
						   "{\"type\": \"section\", \"text\": {\"type\": \"mrkdwn\", \"text\": ");
	escape_json(blocks, escaped.data);
	appendStringInfoString(blocks, "}}");
}

/* Append the small line that says what the message is about. */
static void
append_context(StringInfo blocks, const WbDelivery *delivery)
{
	JsonbContainer *event = &delivery->event->root;
	char	   *entity = wb_json_get_text(event, "entityName");
	char	   *project = wb_json_get_text(event, "projectName");
	char	   *run = wb_json_get_text(event, "runName");
	char	   *version = wb_json_get_text(event, "artifactVersionString");
	StringInfoData line;

	initStringInfo(&line);
	append_escaped(&line, delivery->automation_name, TITLE_MAX_BYTES);
	if (entity != NULL && project != NULL)
	{
		appendStringInfoString(&line, " | ");
		append_escaped(&line, psprintf("%s/%s", entity, project),
					   TITLE_MAX_BYTES);
	}
	if (run != NULL || version != NULL)
	{
		appendStringInfoString(&line, " | ");
		append_escaped(&line, run != NULL ? run : version, TITLE_MAX_BYTES);
	}
	appendStringInfoString(blocks,
						   ", {\"type\": \"context\", \"elements\": [{\"type\": \"mrkdwn\", \"text\": ");
	escape_json(blocks, line.data);
	appendStringInfoString(blocks, "}]}");
}

static char *
make_body(const WbDelivery *delivery, const Notification *notification)
{
	StringInfoData title;
	StringInfoData blocks;
	StringInfoData attachment;
	StringInfoData body;

	initStringInfo(&title);
	appendStringInfoChar(&title, '*');
	if (notification->title_url != NULL)
		appendStringInfo(&title, "<%s|", notification->title_url);
	append_escaped(&title, notification->title, TITLE_MAX_BYTES);
	appendStringInfoString(&title, notification->title_url ? ">*" : "*");

	initStringInfo(&blocks);
	appendStringInfoChar(&blocks, '[');
	if (notification->message[0] != '\0')
		append_section(&blocks, notification->message);
	append_section(&blocks, delivery->why);
	append_context(&blocks, delivery);
	appendStringInfoChar(&blocks, ']');

	wb_json_begin(&attachment);
	wb_json_add_text(&attachment, "color", notification->color);
	wb_json_add_raw(&attachment, "blocks", blocks.data);
	wb_json_end(&attachment);

	wb_json_begin(&body);
	wb_json_add_text(&body, "text", title.data);
	wb_json_add_raw(&body, "attachments", psprintf("[%s]", attachment.data));
	wb_json_end(&body);
	return body.data;
}

/*
 * Fill delivery->request, all but the host.  Returns false on failure, with
 * the outcome filled.
 */
bool
wb_slack_prepare(WbDelivery *delivery)
{
	WbRequest  *request = delivery->request;
	Notification notification;

	if (!read_notification(delivery, &notification))
		return false;
	record_action(delivery, &notification);

	request->is_slack = true;
	request->url = wb_request_open_secret(delivery,
										  delivery->integration->url_secret,
										  &delivery->outcome);
	if (request->url == NULL)
		return false;
	request->headers = list_make1(pstrdup("Content-Type: application/json"));
	request->body = make_body(delivery, &notification);
	if (GetDatabaseEncoding() != PG_SQL_ASCII)
		request->body = pg_server_to_any(request->body, strlen(request->body),
										 PG_UTF8);
	return true;
}
