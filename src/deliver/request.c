/*-------------------------------------------------------------------------
 *
 * request.c
 *		From a claimed execution to the request that carries it out.
 *
 * Requests are prepared inside the claim's transaction, as the owner of our
 * tables, and everything lands in the delivery's own context.  What is wrong
 * with one delivery is its outcome and no error, because an error would take
 * the whole batch with it.
 *
 * IDENTIFICATION
 *		src/deliver/request.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "deliver/deliver.h"
#include "mb/pg_wchar.h"
#include "support/clock.h"
#include "support/json.h"
#include "utils/json.h"

/* Shorter parts of an address are words, and not what makes it secret. */
#define URL_PART_MIN_BYTES	16

/* Make an outcome FAILED, with the reason.  Returns false, for callers to. */
bool
wb_request_fail(WbOutcome *outcome, const char *format,...)
{
	StringInfoData text;

	initStringInfo(&text);
	for (;;)
	{
		va_list		arguments;
		int			needed;

		va_start(arguments, format);
		needed = appendStringInfoVA(&text, format, arguments);
		va_end(arguments);
		if (needed == 0)
			break;
		enlargeStringInfo(&text, needed);
	}
	outcome->kind = WB_OUTCOME_FAILED;
	outcome->error = text.data;
	return false;
}

/*
 * Was an action rendered before?  Then it is in the form that history keeps,
 * which alone has this key (an automation's has no other than its input), and
 * what it says is sent as it stands: a value in it that looks like a variable
 * is none.
 */
bool
wb_request_is_rendered(const WbDelivery *delivery)
{
	return wb_json_get(&delivery->action_config->root, "actionType") != NULL;
}

/* What the author of the action wrote; NULL where it is missing. */
static JsonbContainer *
find_input(const WbDelivery *delivery)
{
	static const char *const keys[] = {
		[WB_ACTION_NO_OP] = "noOpActionInput",
		[WB_ACTION_NOTIFY] = "notifyActionInput",
		[WB_ACTION_NOTIFICATION] = "notificationActionInput",
		[WB_ACTION_GENERIC_WEBHOOK] = "genericWebhookActionInput",
	};
	JsonbValue *input = wb_json_get(&delivery->action_config->root,
									keys[delivery->action_type]);

	return input != NULL && input->type == jbvBinary ?
		input->val.binary.data : NULL;
}

/* What the action says: as it was rendered, or as its author wrote it. */
JsonbContainer *
wb_request_input(const WbDelivery *delivery)
{
	return wb_request_is_rendered(delivery) ?
		&delivery->action_config->root : find_input(delivery);
}

/*
 * A text of the action: the member "key" of what its author wrote, or else
 * "otherwise", expanded; or, where it was rendered before, "rendered_key" of
 * that.  NULL where there is none, and on failure, with the outcome filled.
 */
char *
wb_request_text(WbDelivery *delivery, const char *key,
				const char *rendered_key, const char *otherwise)
{
	JsonbContainer *input = wb_request_input(delivery);
	bool		is_rendered = wb_request_is_rendered(delivery);
	char	   *text = input == NULL ? NULL :
	wb_json_get_text(input, is_rendered ? rendered_key : key);

	if (text == NULL && otherwise != NULL)
		text = pstrdup(otherwise);
	if (text == NULL || is_rendered)
		return text;
	return wb_template_expand(text, delivery, &delivery->outcome);
}

/*
 * The same text as a member of JSON, where writers of JSON make more than
 * they must safe: "/", or what HTML knows.
 */
static char *
json_form(const char *value, bool with_slashes, bool for_html)
{
	StringInfoData quoted;
	StringInfoData form;

	initStringInfo(&quoted);
	escape_json(&quoted, value);
	initStringInfo(&form);
	for (int at = 1; at < quoted.len - 1; at++)
	{
		char		character = quoted.data[at];

		if (character == '/' && with_slashes)
			appendStringInfoChar(&form, '\\');
		if (for_html && strchr("<>&", character) != NULL)
			appendStringInfo(&form, "\\u%04x", character);
		else
			appendStringInfoChar(&form, character);
	}
	explicit_bzero(quoted.data, quoted.len);
	return form.data;
}

/*
 * A text in UTF-8, as bodies are; NULL where the database has no other
 * encoding.  What has no equivalent ends it: this must not raise.
 */
static char *
utf8_form(const char *value)
{
	int			encoding = GetDatabaseEncoding();
	int			length = strlen(value);
	int			room = length * MAX_CONVERSION_GROWTH + 1;
	Oid			function;
	char	   *form;

	if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII)
		return NULL;
	function = FindDefaultConversionProc(encoding, PG_UTF8);
	if (!OidIsValid(function))
		return NULL;
	form = palloc0(room);
	pg_do_encoding_conversion_buf(function, encoding, PG_UTF8,
								  (unsigned char *) unconstify(char *, value),
								  length, (unsigned char *) form, room, true);
	return form;
}

/* A text as it leaves the server: in UTF-8, and itself where it is that. */
char *
wb_request_utf8(char *text)
{
	char	   *form = utf8_form(text);

	return form == NULL ? text : form;
}

/*
 * Have a text masked in whatever comes back, in every form in which a
 * receiver repeats what it was sent: as it is, out of JSON, and of an address
 * what stands behind the host, in the whole and in its longer parts.
 */
static void
remember_forms(WbRequest *request, const char *value)
{
	const char *path = strstr(value, "://");
	List	   *forms = list_make4(pstrdup(value),
								   json_form(value, false, false),
								   json_form(value, true, false),
								   json_form(value, false, true));

	request->secrets = list_concat(request->secrets, forms);
	path = path == NULL ? NULL : strpbrk(path + 3, "/?");
	if (path == NULL)
		return;
	request->secrets = lappend(request->secrets, pstrdup(path));
	request->secrets = lappend(request->secrets, json_form(path, true, false));
	while (*path != '\0')
	{
		size_t		length = strcspn(path, "/?&=#");

		if (length >= URL_PART_MIN_BYTES)
			request->secrets = lappend(request->secrets,
									   pnstrdup(path, length));
		path += length + (path[length] == '\0' ? 0 : 1);
	}
}

static void
remember_secret(WbRequest *request, const char *value)
{
	char	   *converted = utf8_form(value);

	remember_forms(request, value);
	if (converted == NULL)
		return;
	remember_forms(request, converted);
	explicit_bzero(converted, strlen(converted));
}

/*
 * Open a secret of the integration's team, and remember it, so that it is
 * masked in whatever comes back.  Returns NULL on failure, with the outcome
 * filled.  A preview opens none, and has the same mask in its place.
 */
char *
wb_request_open_secret(const WbDelivery *delivery, const char *name,
					   WbOutcome *outcome)
{
	WbRequest  *request = delivery->request;
	char	   *value;

	if (delivery->is_preview)
		return pstrdup(WB_SECRET_MASK);
	value = wb_secret_open(delivery->integration->entity_id, name, outcome);
	if (value != NULL)
		remember_secret(request, value);
	return value;
}

/* The policy may have become stricter since the integration was written. */
static bool
check_url(WbRequest *request, WbOutcome *outcome)
{
	const char *hint;
	const char *refusal = wb_url_refusal(request->url, &hint);
	WbUrl		parts;
	char	   *url;

	if (refusal != NULL)
		return wb_request_fail(outcome, "URL is not allowed: %s", refusal);
	wb_http_parse_url(request->url, &parts);
	request->host = parts.host;
	url = request->url;
	request->url = wb_request_utf8(url);
	if (request->url != url)
		explicit_bzero(url, strlen(url));
	return true;
}

static bool
prepare_request(WbDelivery *delivery)
{
	WbOutcome  *outcome = &delivery->outcome;
	bool		is_notification =
	delivery->action_type == WB_ACTION_NOTIFICATION;

	if (delivery->integration == NULL)
		return wb_request_fail(outcome, "the integration does not exist");
	if (delivery->integration->is_slack != is_notification)
		return wb_request_fail(outcome, "integration \"%s\" is not for %s",
							   delivery->integration->name,
							   is_notification ? "Slack" : "webhooks");

	delivery->request = palloc0(sizeof(WbRequest));
	if (is_notification ? !wb_slack_prepare(delivery) :
		!wb_webhook_prepare(delivery))
		return false;

	/* the address of an incoming webhook is a secret */
	if (delivery->is_preview && is_notification)
		return true;
	return check_url(delivery->request, outcome);
}

/*
 * Fill delivery->request.  Where that fails, or nothing is to be sent, the
 * result is false and delivery->outcome is complete; the request may then
 * have no more than its recorded_action.
 */
bool
wb_request_prepare(WbDelivery *delivery)
{
	MemoryContext before = MemoryContextSwitchTo(delivery->context);
	bool		is_prepared = false;

	memset(&delivery->outcome, 0, sizeof(WbOutcome));
	delivery->outcome.started_at = wb_clock_now();
	if (delivery->action_type == WB_ACTION_NO_OP)
		delivery->outcome.kind = WB_OUTCOME_DONE;
	else
		is_prepared = prepare_request(delivery);
	MemoryContextSwitchTo(before);
	return is_prepared;
}
