/*-------------------------------------------------------------------------
 *
 * template.c
 *		Replaces ${name} in messages and payloads.
 *
 * Only strings of a parsed document are expanded, so no value can break out
 * of the JSON around it, and each only once, so no value is itself a
 * template: a run called "${ACCESS_TOKEN}" stays a name.
 *
 * A name that is unknown, or that the event does not have, becomes nothing.
 * Names of secrets stay as they stand unless the caller asks for secrets,
 * which only the request itself may: what is recorded never does.
 *
 * IDENTIFICATION
 *		src/deliver/template.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <openssl/evp.h>

#include "deliver/deliver.h"
#include "support/json.h"
#include "utils/builtins.h"
#include "utils/jsonfuncs.h"

/* What an expanded text may have in all; a receiver would not take more. */
#define EXPANDED_MAX_BYTES	(1024 * 1024)

#define METADATA_PREFIX		"artifact_metadata."

/* One call's way through a document. */
typedef struct Expansion
{
	const WbDelivery *delivery;
	WbOutcome  *outcome;		/* filled on failure */
	bool		with_secrets;
	bool		has_failed;
	bool		has_secret;
	size_t		expanded_bytes;
} Expansion;

/* The names that stand for one member of the event. */
static const struct
{
	const char *name;
	const char *member;
}			variables[] =

{
	{"alias", "alias"},
	{"artifact_collection_name", "artifactCollectionName"},
	{"artifact_version_index", "artifactVersionIndex"},
	{"artifact_version_string", "artifactVersionString"},
	{"entity_name", "entityName"},
	{"event_author", "eventAuthor"},
	{"last_sign_at", "lastSignAt"},
	{"metric_filter", "metricFilter"},
	{"metric_filter_short", "metricFilterShort"},
	{"metric_name", "metricName"},
	{"metric_values", "metricValues"},
	{"observed", "observed"},
	{"project_name", "projectName"},
	{"run_id", "runId"},
	{"run_name", "runName"},
	{"run_path", "runPath"},
	{"run_status", "newRunState"},
	{"step", "step"},
	{"summary", "summary"},
	{"tag", "tag"},
	{"threshold", "threshold"},
	{"tick_at", "tickAt"},
};

/* Any value as text: strings as they are, the rest as JSON. */
static char *
value_text(const JsonbValue *value)
{
	Datum		number;

	if (value == NULL)
		return NULL;
	switch (value->type)
	{
		case jbvString:
			return wb_json_value_text(value);
		case jbvNumeric:
			number = NumericGetDatum(value->val.numeric);
			return DatumGetCString(DirectFunctionCall1(numeric_out, number));
		case jbvBool:
			return pstrdup(value->val.boolean ? "true" : "false");
		case jbvBinary:
			return JsonbToCString(NULL, value->val.binary.data,
								  value->val.binary.len);
		default:
			return NULL;
	}
}

/* A version as W&B writes its address: the base64 of "Artifact:<id>". */
static char *
artifact_address(JsonbContainer *event)
{
	char	   *id = value_text(wb_json_get(event, "artifactId"));
	char	   *plain;
	char	   *encoded;

	if (id == NULL)
		return NULL;
	plain = psprintf("Artifact:%s", id);
	encoded = palloc(4 * (strlen(plain) / 3 + 1) + 1);
	EVP_EncodeBlock((unsigned char *) encoded, (unsigned char *) plain,
					strlen(plain));
	return psprintf("wandb-artifact://_id/%s", encoded);
}

static char *
metadata_text(JsonbContainer *event, const char *key)
{
	JsonbValue *metadata = wb_json_get(event, "artifactMetadata");

	if (metadata == NULL || metadata->type != jbvBinary)
		return NULL;
	return value_text(wb_json_get(metadata->val.binary.data, key));
}

/* The value of a name that is no secret's; NULL where there is none. */
static char *
find_value(const WbDelivery *delivery, const char *name)
{
	JsonbContainer *event = &delivery->event->root;

	for (size_t i = 0; i < lengthof(variables); i++)
	{
		if (strcmp(name, variables[i].name) == 0)
			return value_text(wb_json_get(event, variables[i].member));
	}
	if (strcmp(name, "automation_name") == 0)
		return delivery->automation_name;
	if (strcmp(name, "event_type") == 0)
		return delivery->event_type;
	if (strcmp(name, "why") == 0 ||
		(strcmp(name, "metric_current_status") == 0 &&
		 wb_json_get(event, "metricName") != NULL))
		return delivery->why;
	if (strcmp(name, "artifact_version") == 0)
		return artifact_address(event);
	if (strncmp(name, METADATA_PREFIX, strlen(METADATA_PREFIX)) == 0)
		return metadata_text(event, name + strlen(METADATA_PREFIX));
	return NULL;
}

/* The secret that a name stands for in this delivery; NULL where none. */
static const char *
find_secret(const WbDelivery *delivery, const char *name)
{
	const WbIntegration *integration = delivery->integration;

	if (integration == NULL)
		return NULL;
	if (strcmp(name, "ACCESS_TOKEN") == 0)
		return integration->access_token;
	if (integration->signing_secret != NULL &&
		strcmp(name, integration->signing_secret) == 0)
		return integration->signing_secret;
	return NULL;
}

/* Append what "${name}" stands for. */
static void
append_variable(StringInfo out, Expansion *expansion, const char *name)
{
	const char *secret = find_secret(expansion->delivery, name);
	char	   *value;

	if (secret != NULL)
		expansion->has_secret = true;
	if (secret == NULL)
		value = find_value(expansion->delivery, name);
	else if (!expansion->with_secrets)
		value = psprintf("${%s}", name);
	else
	{
		value = wb_request_open_secret(expansion->delivery, secret,
									   expansion->outcome);
		if (value == NULL)
			expansion->has_failed = true;
	}
	if (value == NULL)
		return;

	expansion->expanded_bytes += strlen(value);
	if (expansion->expanded_bytes > EXPANDED_MAX_BYTES)
	{
		wb_request_fail(expansion->outcome,
						"the expanded variables exceed %d kB",
						EXPANDED_MAX_BYTES / 1024);
		expansion->has_failed = true;
		return;
	}
	appendStringInfoString(out, value);
}

/* Expand one string; after a failure the rest stays as it is. */
static char *
expand_string(Expansion *expansion, const char *text, int length)
{
	StringInfoData out;
	int			at = 0;

	initStringInfo(&out);
	while (at < length)
	{
		const char *end = NULL;

		if (text[at] == '$' && at + 1 < length && text[at + 1] == '{' &&
			!expansion->has_failed)
			end = memchr(text + at, '}', length - at);
		if (end == NULL)
		{
			appendStringInfoCharMacro(&out, text[at]);
			at++;
			continue;
		}
		append_variable(&out, expansion,
						pnstrdup(text + at + 2, end - (text + at + 2)));
		at = end - text + 1;
	}
	return out.data;
}

static text *
expand_member(void *state, char *string, int length)
{
	return cstring_to_text(expand_string(state, string, length));
}

/*
 * Expand a text, without secrets.  Returns NULL on failure, with the outcome
 * filled; that can only be for sheer size.
 */
char *
wb_template_expand(const char *text, const WbDelivery *delivery,
				   WbOutcome *outcome)
{
	Expansion	expansion = {.delivery = delivery,.outcome = outcome};
	char	   *expanded = expand_string(&expansion, text, strlen(text));

	return expansion.has_failed ? NULL : expanded;
}

/*
 * The same for every string value of a document, however deep, and with
 * secrets where they are asked for; keys stay.  *has_secret tells whether one
 * of them names a secret.
 */
Jsonb *
wb_template_expand_json(Jsonb *document, const WbDelivery *delivery,
						bool with_secrets, bool *has_secret,
						WbOutcome *outcome)
{
	Expansion	expansion = {.delivery = delivery,.outcome = outcome,
	.with_secrets = with_secrets};
	Jsonb	   *expanded = transform_jsonb_string_values(document, &expansion,
														 expand_member);

	*has_secret = expansion.has_secret;
	return expansion.has_failed ? NULL : expanded;
}
