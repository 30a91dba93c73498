/*-------------------------------------------------------------------------
 *
 * integration.c
 *		Reads a row of wb.integrations, wherever it comes from.
 *
 * The worker has one from its query, a preview one as a document that anybody
 * may have written.
 *
 * IDENTIFICATION
 *		src/deliver/integration.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "deliver/deliver.h"

/*
 * An integration with all that its texts say, in the current memory context;
 * NULL for a row of NULLs, which a join gives where there is none.
 */
WbIntegration *
wb_integration_read(WbIntegrationReader read, void *row)
{
	char	   *kind = read(row, WB_INTEGRATION_KIND);
	char	   *encoding = read(row, WB_INTEGRATION_SIGNATURE_ENCODING);
	WbIntegration *integration;

	if (kind == NULL)
		return NULL;
	integration = palloc0(sizeof(WbIntegration));
	integration->is_slack = strcmp(kind, "SLACK") == 0;
	integration->name = read(row, WB_INTEGRATION_NAME);
	integration->team_name = read(row, WB_INTEGRATION_TEAM_NAME);
	integration->url = read(row, WB_INTEGRATION_URL);
	integration->url_secret = read(row, WB_INTEGRATION_URL_SECRET);
	integration->access_token = read(row, WB_INTEGRATION_ACCESS_TOKEN);
	integration->signing_secret = read(row, WB_INTEGRATION_SIGNING_SECRET);
	integration->previous_secret = read(row, WB_INTEGRATION_PREVIOUS_SECRET);
	integration->is_base64 = encoding != NULL &&
		strcmp(encoding, "base64") == 0;
	return integration;
}
