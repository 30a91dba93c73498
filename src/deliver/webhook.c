/*-------------------------------------------------------------------------
 *
 * webhook.c
 *		The request of a webhook: the user's payload, signed twice.
 *
 * The body is the user's payload and nothing else.  Its signature is sent in
 * W&B's form and in that of the Standard Webhooks, which also covers the id
 * and the time: a receiver that checks the second can refuse what is old, and
 * tell a repeated attempt by its id.
 *
 * IDENTIFICATION
 *		src/deliver/webhook.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "deliver/deliver.h"
#include "mb/pg_wchar.h"
#include "support/clock.h"
#include "support/document.h"
#include "support/json.h"
#include "utils/timestamp.h"

#define SIGNATURE_BYTES		32
#define WHSEC_PREFIX		"whsec_"

/* The user's payload, parsed; NULL where the action has none that is JSON. */
static Jsonb *
find_payload(const WbDelivery *delivery)
{
	JsonbContainer *input = wb_request_input(delivery);
	JsonbValue *payload = input == NULL ? NULL :
	wb_json_get(input, "requestPayload");
	char	   *text;

	if (payload == NULL || payload->type == jbvNull)
		return wb_json_parse_text("{}");
	if (payload->type == jbvBinary)
		return JsonbValueToJsonb(payload);
	text = wb_json_value_text(payload);
	return text == NULL ? NULL : wb_json_parse_text(text);
}

/* The action for history, with the payload as it may be shown. */
static void
record_action(WbDelivery *delivery, Jsonb *shown)
{
	const WbIntegration *integration = delivery->integration;
	WbDocument	where;
	WbDocument	action;

	wb_document_begin(&where);
	wb_document_add_integer(&where, "id", integration->id);
	wb_document_add_text(&where, "name", integration->name);

	wb_document_begin(&action);
	wb_document_add_text(&action, "actionType", "GENERIC_WEBHOOK");
	wb_document_add_jsonb(&action, "integration", wb_document_end(&where));
	wb_document_add_jsonb(&action, "requestPayload", shown);
	delivery->request->recorded_action = wb_document_end(&action);
}

/*
 * Expand the payload, and note it for history with the names of secrets only.
 * Returns NULL on failure, with the outcome filled.
 */
static Jsonb *
expand_payload(WbDelivery *delivery, Jsonb *payload)
{
	WbOutcome  *outcome = &delivery->outcome;
	bool		has_secret = false;
	Jsonb	   *shown = payload;

	if (!wb_request_is_rendered(delivery))
		shown = wb_template_expand_json(payload, delivery, false, &has_secret,
										outcome);
	if (shown == NULL)
		return NULL;
	record_action(delivery, shown);
	if (!has_secret)
		return shown;
	return wb_template_expand_json(payload, delivery, true, &has_secret,
								   outcome);
}

static void
add_header(WbRequest *request, char *header)
{
	request->headers = lappend(request->headers, header);
}

/* HMAC-SHA256 of a text; false only where the library fails. */
static bool
compute_signature(const char *key, int key_bytes, const char *text,
				  uint8 *signature)
{
	unsigned int length = 0;

	return HMAC(EVP_sha256(), key, key_bytes, (const unsigned char *) text,
				strlen(text), signature, &length) != NULL &&
		length == SIGNATURE_BYTES;
}

/* W&B's header, over the body: hexadecimal digits, once it was base64. */
static bool
add_wandb_signature(WbRequest *request, const char *secret, bool is_base64)
{
	uint8		signature[SIGNATURE_BYTES];
	char		text[2 * SIGNATURE_BYTES + 1];

	if (!compute_signature(secret, strlen(secret), request->body, signature))
		return false;
	if (is_base64)
		EVP_EncodeBlock((unsigned char *) text, signature, SIGNATURE_BYTES);
	else
	{
		for (int i = 0; i < SIGNATURE_BYTES; i++)
			snprintf(text + 2 * i, 3, "%02x", signature[i]);
	}
	add_header(request, psprintf("X-Wandb-Signature: %s", text));
	return true;
}

/*
 * The key of a Standard Webhooks secret: what its base64 stands for behind
 * the prefix, or else the bytes of the secret.
 */
static char *
standard_key(const char *secret, int *key_bytes)
{
	const char *encoded = secret + strlen(WHSEC_PREFIX);
	char	   *key;
	int			decoded = -1;

	if (strncmp(secret, WHSEC_PREFIX, strlen(WHSEC_PREFIX)) == 0)
	{
		key = palloc(strlen(encoded) + 1);
		decoded = EVP_DecodeBlock((unsigned char *) key,
								  (const unsigned char *) encoded,
								  strlen(encoded));
		/* padding counts as bytes there */
		for (const char *at = strchr(encoded, '='); at && *at == '='; at++)
			decoded--;
	}
	if (decoded <= 0)
	{
		*key_bytes = strlen(secret);
		return pstrdup(secret);
	}
	*key_bytes = decoded;
	return key;
}

/* Append a signature in the form of the Standard Webhooks. */
static bool
append_signature(StringInfo out, const char *secret, const char *signed_text)
{
	uint8		signature[SIGNATURE_BYTES];
	char		encoded[4 * ((SIGNATURE_BYTES + 2) / 3) + 1];
	int			key_bytes;
	char	   *key = standard_key(secret, &key_bytes);
	bool		is_signed = compute_signature(key, key_bytes, signed_text,
											  signature);

	explicit_bzero(key, key_bytes);
	pfree(key);
	EVP_EncodeBlock((unsigned char *) encoded, signature, SIGNATURE_BYTES);
	appendStringInfo(out, " v1,%s", encoded);
	return is_signed;
}

/* Sign with one secret, or with two while the receiver changes its own. */
static bool
add_signatures(WbDelivery *delivery, const char *timestamp)
{
	const WbIntegration *integration = delivery->integration;
	const char *names[] = {integration->signing_secret,
	integration->previous_secret};
	WbRequest  *request = delivery->request;
	char	   *signed_text = psprintf("%s.%s.%s", delivery->webhook_id,
									   timestamp, request->body);
	bool		is_signed = true;
	StringInfoData standard;

	if (delivery->is_preview && names[0] != NULL)
	{
		add_header(request, "X-Wandb-Signature: " WB_SECRET_MASK);
		add_header(request, names[1] == NULL ?
				   "webhook-signature: v1," WB_SECRET_MASK :
				   "webhook-signature: v1," WB_SECRET_MASK
				   " v1," WB_SECRET_MASK);
		return true;
	}
	initStringInfo(&standard);
	appendStringInfoString(&standard, "webhook-signature:");
	for (size_t i = 0; i < lengthof(names) && names[i] != NULL; i++)
	{
		char	   *secret = wb_request_open_secret(delivery, names[i],
													&delivery->outcome);

		if (secret == NULL)
			return false;
		if (i == 0)
			is_signed = add_wandb_signature(request, secret,
											integration->is_base64);
		is_signed = is_signed && append_signature(&standard, secret,
												  signed_text);
		explicit_bzero(secret, strlen(secret));
	}
	if (names[0] != NULL)
		add_header(request, standard.data);
	pfree(signed_text);
	return is_signed ? true :
		wb_request_fail(&delivery->outcome, "could not sign the request");
}

static bool
add_authorization(WbDelivery *delivery)
{
	const char *name = delivery->integration->access_token;
	char	   *token;

	if (name == NULL)
		return true;
	token = wb_request_open_secret(delivery, name, &delivery->outcome);
	if (token == NULL)
		return false;
	for (const char *at = token; *at != '\0'; at++)
	{
		/* a line break would start a header of its own */
		if ((unsigned char) *at < ' ' || *at == 0x7f)
			return wb_request_fail(&delivery->outcome,
								   "secret \"%s\" holds a character that a header cannot carry",
								   name);
	}
	add_header(delivery->request, psprintf("Authorization: Bearer %s", token));
	explicit_bzero(token, strlen(token));
	return true;
}

/* The body is UTF-8 whatever the encoding of the database. */
static char *
body_text(Jsonb *payload)
{
	char	   *text = JsonbToCString(NULL, &payload->root, -1);

	if (GetDatabaseEncoding() == PG_SQL_ASCII)
		return text;
	return pg_server_to_any(text, strlen(text), PG_UTF8);
}

/*
 * Fill delivery->request, all but the host.  Returns false on failure, with
 * the outcome filled.
 */
bool
wb_webhook_prepare(WbDelivery *delivery)
{
	WbRequest  *request = delivery->request;
	WbOutcome  *outcome = &delivery->outcome;
	Jsonb	   *payload = find_payload(delivery);
	char	   *timestamp;

	if (payload == NULL || !JsonContainerIsObject(&payload->root))
		return wb_request_fail(outcome, "requestPayload is not a JSON object");
	payload = expand_payload(delivery, payload);
	if (payload == NULL)
		return false;

	request->url = pstrdup(delivery->integration->url);
	request->body = body_text(payload);
	timestamp = psprintf(INT64_FORMAT,
						 (int64) timestamptz_to_time_t(wb_clock_now()));
	add_header(request, pstrdup("Content-Type: application/json"));
	add_header(request, psprintf("webhook-id: %s", delivery->webhook_id));
	add_header(request, psprintf("webhook-timestamp: %s", timestamp));
	return add_authorization(delivery) && add_signatures(delivery, timestamp);
}
