/*-------------------------------------------------------------------------
 *
 * slack.c
 *		The request of a Slack notification.
 *
 * The title is the message's own text, which is also what a phone shows; the
 * rest stands below it beside a bar in the colour of the severity.  A digest
 * (see digest.c) says in the same place what happened how often.
 *
 * The address of an incoming webhook is its own password: it is a secret.
 *
 * IDENTIFICATION
 *		src/deliver/slack.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "deliver/slack.h"
#include "mb/pg_wchar.h"
#include "support/document.h"
#include "support/json.h"
#include "support/setting.h"
#include "utils/json.h"

#define TITLE_MAX_BYTES		300

/* How many of the newest a digest tells of, and how much of each. */
#define DIGEST_LINES		10
#define LINE_MAX_BYTES		250

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
	char	   *title;
	char	   *message;
	const char *severity;
	const char *color;
	const char *title_url;		/* NULL: no link */
} Notification;

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
	url = wb_template_expand(wb_setting_run_url, delivery,
							 &delivery->outcome);
	return url == NULL ? NULL : encode_url(wb_request_utf8(url));
}

/* A title is one line, or its markup would not hold. */
static char *
flatten(char *title)
{
	for (char *at = title; *at != '\0'; at++)
	{
		if ((unsigned char) *at < ' ')
			*at = ' ';
	}
	return title;
}

/* One line of a digest. */
static void
append_line(StringInfo out, const WbDelivery *delivery)
{
	char	   *run = wb_json_get_text(&delivery->event->root, "runName");
	char	   *line = run == NULL ? delivery->why :
	psprintf("%s: %s", run, delivery->why);
	int			length = pg_mbcliplen(line, strlen(line), LINE_MAX_BYTES);

	appendStringInfo(out, "%s- %.*s", out->len > 0 ? "\n" : "", length, line);
}

/* What is said in place of the user's own title and message. */
static void
summarize(WbDelivery *delivery, Notification *notification)
{
	int			count = delivery->covered_count + 1;
	int			shown = 0;
	StringInfoData message;
	dlist_iter	iter;

	initStringInfo(&message);
	dlist_reverse_foreach(iter, &delivery->covered)
	{
		if (shown++ == DIGEST_LINES)
			break;
		append_line(&message, dlist_container(WbDelivery, node, iter.cur));
	}
	if (shown < DIGEST_LINES)
		append_line(&message, delivery);
	else if (count > DIGEST_LINES)
		appendStringInfo(&message,
						 "\nand %d more; all are in wb.automation_history",
						 count - DIGEST_LINES);
	notification->title = psprintf("Automation %s fired %d times",
								   delivery->automation_name, count);
	notification->message = message.data;
}

/* Read the action; false on failure, with the outcome filled. */
static bool
read_notification(WbDelivery *delivery, Notification *notification)
{
	const char *severity = wb_request_text(delivery, "severity", "severity",
										   "");

	notification->title = wb_request_text(delivery, "title", "title", "");
	notification->message = wb_request_text(delivery, "message", "text", "");
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
	notification->title_url = NULL;
	if (delivery->covered_count > 0)
		summarize(delivery, notification);
	else
		notification->title_url = make_title_url(delivery);
	notification->title = flatten(notification->title);
	return true;
}

static void
record_action(WbDelivery *delivery, const Notification *notification)
{
	const WbIntegration *integration = delivery->integration;
	WbDocument	where;
	WbDocument	action;

	wb_document_begin(&where);
	wb_document_add_integer(&where, "id", integration->id);
	wb_document_add_text(&where, "channelName", integration->name);
	wb_document_add_text(&where, "teamName", integration->team_name);

	wb_document_begin(&action);
	wb_document_add_text(&action, "actionType", "NOTIFICATION");
	wb_document_add_jsonb(&action, "integration", wb_document_end(&where));
	wb_document_add_text(&action, "title", notification->title);
	wb_document_add_text(&action, "text", notification->message);
	wb_document_add_text(&action, "severity", notification->severity);
	wb_document_add_text(&action, "titleURL", notification->title_url);
	delivery->request->recorded_action = wb_document_end(&action);
}

/* The text of the message: the title, with its link. */
static char *
make_text(const Notification *notification)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoChar(&text, '*');
	if (notification->title_url != NULL)
		appendStringInfo(&text, "<%s|", notification->title_url);
	wb_slack_append_escaped(&text, notification->title, TITLE_MAX_BYTES);
	appendStringInfoString(&text, notification->title_url ? ">*" : "*");
	return text.data;
}

/* How to learn more about a run where no link leads to it; NULL: no way. */
static char *
make_pointer(const WbDelivery *delivery, const Notification *notification)
{
	int64		step;

	if (delivery->covered_count > 0 || notification->title_url != NULL ||
		delivery->run_id == WB_NO_ID ||
		strncmp(delivery->event_type, "RUN_", 4) != 0)
		return NULL;
	if (wb_json_get_integer(&delivery->event->root, "step", &step))
		return psprintf("`SELECT * FROM wb.explain(" INT64_FORMAT ", "
						INT64_FORMAT ", " INT64_FORMAT ");`",
						delivery->automation_id, delivery->run_id, step);
	return psprintf("`SELECT * FROM wb.explain(" INT64_FORMAT ", "
					INT64_FORMAT ");`",
					delivery->automation_id, delivery->run_id);
}

static char *
make_body(WbDelivery *delivery, const Notification *notification)
{
	StringInfoData blocks;
	StringInfoData body;

	initStringInfo(&blocks);
	appendStringInfoChar(&blocks, '[');
	wb_slack_add_section(&blocks, notification->message);
	if (delivery->covered_count == 0)
	{
		wb_slack_add_section(&blocks, delivery->why);
		wb_slack_add_details(&blocks, delivery);
	}
	wb_slack_add_context(&blocks, delivery,
						 make_pointer(delivery, notification));
	appendStringInfoChar(&blocks, ']');

	initStringInfo(&body);
	appendStringInfoString(&body, "{\"text\": ");
	escape_json(&body, make_text(notification));
	appendStringInfo(&body,
					 ", \"attachments\": [{\"color\": \"%s\", \"blocks\": %s}]}",
					 notification->color, blocks.data);
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
