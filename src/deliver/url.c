/*-------------------------------------------------------------------------
 *
 * url.c
 *		Which URLs an integration may have.
 *
 * This is a judgement of the text alone, made when an integration is written
 * and again before each request: names of hosts are not resolved, because no
 * transaction may wait for a resolver.  What a name stands for is judged when
 * the connection is opened (see address.c).
 *
 * A URL can carry a token in its path or query: no message shows more of it
 * than its scheme and host.
 *
 * IDENTIFICATION
 *		src/deliver/url.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "deliver/deliver.h"
#include "support/compat.h"
#include "support/setting.h"
#include "utils/builtins.h"

WB_FUNCTION_INFO_V1(wb_sql_check_url);

static const char *const form_hint =
"Write it as \"https://host/path\", without a user name or a password.";

static const char *const http_hint =
"Use https; or a superuser can allow http with \"ALTER SYSTEM SET wb_automations.allow_http = on; SELECT pg_reload_conf();\".";

static const char *const network_hint =
"A superuser can open networks, for example with \"ALTER SYSTEM SET wb_automations.allowed_networks = '127.0.0.0/8, 10.1.0.0/16'; SELECT pg_reload_conf();\".";

static const char *const both_hint =
"A superuser can allow both, for example with \"ALTER SYSTEM SET wb_automations.allow_http = on; ALTER SYSTEM SET wb_automations.allowed_networks = '127.0.0.0/8, 10.1.0.0/16'; SELECT pg_reload_conf();\".";

/* Is this the machine itself, by the names reserved for it? */
static bool
is_localhost(const char *host)
{
	static const char suffix[] = ".localhost";
	size_t		length = strlen(host);

	if (pg_strcasecmp(host, "localhost") == 0)
		return true;
	return length >= sizeof(suffix) &&
		pg_strcasecmp(host + length - (sizeof(suffix) - 1), suffix) == 0;
}

/* Why a host, an address or a name, is refused; NULL where it is not. */
static const char *
refuse_host(char *host)
{
	size_t		length = strlen(host);

	/* a final dot says that a name is complete, and changes nothing else */
	if (length > 1 && host[length - 1] == '.')
		host[length - 1] = '\0';

	if (is_localhost(host) &&
		wb_address_refusal_text("127.0.0.1") != NULL &&
		wb_address_refusal_text("::1") != NULL)
		return psprintf("host \"%s\" is not public", host);
	return wb_address_refusal_text(host);
}

static const char *
refuse_parts(WbUrl *parts, const char **hint)
{
	bool		is_http = strcmp(parts->scheme, "http") == 0;
	const char *refusal;

	*hint = form_hint;
	if (!is_http && strcmp(parts->scheme, "https") != 0)
		return psprintf("scheme \"%s\" is not supported", parts->scheme);
	if (parts->host == NULL || parts->host[0] == '\0')
		return "it names no host";
	if (parts->has_login)
		return "it carries a user name or a password";

	refusal = refuse_host(parts->host);
	if (is_http && !wb_setting_allow_http)
	{
		*hint = refusal == NULL ? http_hint : both_hint;
		return refusal == NULL ? "http is not allowed" :
			psprintf("http is not allowed, and %s", refusal);
	}
	*hint = refusal == NULL ? NULL : network_hint;
	return refusal;
}

/*
 * Why a URL is refused, without the URL itself, and what can be done about
 * it; NULL where it is fine.  The texts are palloc'd or static.
 */
const char *
wb_url_refusal(const char *url, const char **hint)
{
	WbUrl		parts;
	const char *refusal;

	refusal = wb_http_parse_url(url, &parts);
	if (refusal != NULL)
	{
		*hint = form_hint;
		return psprintf("it cannot be read (%s)", refusal);
	}
	refusal = refuse_parts(&parts, hint);
	return refusal == NULL ? NULL : pstrdup(refusal);
}

/* wb.check_url(url text): raise where the URL is refused. */
Datum
wb_sql_check_url(PG_FUNCTION_ARGS)
{
	char	   *url = text_to_cstring(PG_GETARG_TEXT_PP(0));
	const char *hint = NULL;
	const char *refusal = wb_url_refusal(url, &hint);
	WbUrl		parts;

	if (refusal == NULL)
		PG_RETURN_VOID();

	if (wb_http_parse_url(url, &parts) != NULL || parts.host == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("URL is not allowed: %s", refusal),
				 errhint("%s", hint)));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("URL \"%s://%s\" is not allowed: %s",
					parts.scheme, parts.host, refusal),
			 errhint("%s", hint)));
}
