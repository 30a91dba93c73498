/*-------------------------------------------------------------------------
 *
 * secret.c
 *		Seals secrets, and opens them where a request is prepared.
 *
 * SQL can seal and never open: the table holds ciphertext, and the key is in
 * a file outside the database that only the server's user may read.  So a
 * dump, a replica's logs or a role that reads every table learns nothing.
 *
 * IDENTIFICATION
 *		src/deliver/secret.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "deliver/deliver.h"
#include "deliver/seal.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "support/compat.h"
#include "support/owner.h"
#include "support/plan.h"
#include "support/relation.h"
#include "support/row.h"
#include "support/setting.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

WB_FUNCTION_INFO_V1(wb_sql_seal_secret);
WB_FUNCTION_INFO_V1(wb_sql_warn_of_missing_secret);

/* How long deliveries are held before the key is looked for again. */
#define HOLD_MS				60000

/* A secret opened in this transaction. */
typedef struct OpenedSecret
{
	int64		entity_id;
	char	   *name;
	char	   *value;
	struct OpenedSecret *next;
} OpenedSecret;

/*
 * A batch of deliveries mostly needs the same few secrets.  What is opened is
 * kept to the end of the transaction, which sees one state of the table.
 */
static OpenedSecret *opened_secrets = NULL;

static WbPlan find_secret_plan = {
	"SELECT key_id::text, sealed::bytea FROM wb.secrets"
	" WHERE entity_id = $1 AND name = $2",
	2, {INT8OID, TEXTOID}, NULL
};

/* Why a secret does not open in this database, or NULL. */
const char *
wb_secret_obstacle(bytea *sealed)
{
	WbSealOrigin origin;

	if (!wb_seal_read_origin(sealed, &origin) || wb_seal_is_here(&origin))
		return NULL;
	return origin.system == 0 ? "it was sealed by an older version" :
		"it was sealed in another database";
}

/* Callback at the end of the transaction. */
static void
forget_opened(void *argument)
{
	for (OpenedSecret *secret = opened_secrets; secret != NULL;
		 secret = secret->next)
		explicit_bzero(secret->value, strlen(secret->value));
	opened_secrets = NULL;
}

static void
remember_opened(int64 entity_id, const char *name, const char *value)
{
	MemoryContext before = MemoryContextSwitchTo(TopTransactionContext);
	OpenedSecret *secret = palloc(sizeof(OpenedSecret));

	secret->entity_id = entity_id;
	secret->name = pstrdup(name);
	secret->value = pstrdup(value);
	if (opened_secrets == NULL)
	{
		MemoryContextCallback *callback = palloc0(sizeof(*callback));

		callback->func = forget_opened;
		MemoryContextRegisterResetCallback(TopTransactionContext, callback);
	}
	secret->next = opened_secrets;
	opened_secrets = secret;
	MemoryContextSwitchTo(before);
}

static const char *
find_opened(int64 entity_id, const char *name)
{
	for (OpenedSecret *secret = opened_secrets; secret != NULL;
		 secret = secret->next)
	{
		if (secret->entity_id == entity_id && strcmp(secret->name, name) == 0)
			return secret->value;
	}
	return NULL;
}

static bool
hold(WbOutcome *outcome, char *error)
{
	outcome->kind = WB_OUTCOME_HELD;
	outcome->error = error;
	outcome->retry_in_ms = HOLD_MS;
	return false;
}

/*
 * Read the row, within SPI; "context" gets the result.  Where there is none,
 * or the table lost a NOT NULL, it is false.
 */
static bool
fetch_sealed(int64 entity_id, const char *name, MemoryContext context,
			 char **key_id, bytea **sealed)
{
	Datum		values[2];
	MemoryContext before;
	bool		is_null;

	values[0] = Int64GetDatum(entity_id);
	values[1] = CStringGetTextDatum(name);
	if (wb_plan_run(&find_secret_plan, values, NULL, SPI_OK_SELECT) == 0)
		return false;
	before = MemoryContextSwitchTo(context);
	*key_id = wb_row_text(SPI_tuptable, 0, 1);
	values[0] = wb_row_value(SPI_tuptable, 0, 2, BYTEAOID, &is_null);
	if (!is_null)
		*sealed = DatumGetByteaPCopy(values[0]);
	MemoryContextSwitchTo(before);
	return *key_id != NULL && !is_null;
}

/* Find and open a secret; false on failure, with the outcome filled. */
static bool
open_stored(int64 entity_id, const char *name, WbOutcome *outcome)
{
	const char *problem;
	char	   *key_id;
	bytea	   *sealed = NULL;
	char	   *value;
	bool		is_found;
	WbSecretKey key;
	WbSealOrigin here = wb_seal_here();
	MemoryContext context = CurrentMemoryContext;

	SPI_connect();
	is_found = fetch_sealed(entity_id, name, context, &key_id, &sealed);
	SPI_finish();
	if (!is_found)
		return wb_request_fail(outcome, "secret \"%s\" does not exist", name);

	problem = wb_secret_obstacle(sealed);
	if (problem == NULL)
		problem = wb_secret_key_read(key_id, &key);
	if (problem != NULL)
		return hold(outcome, psprintf("cannot open secret \"%s\": %s", name,
									  problem));

	value = wb_unseal(&key, &here, entity_id, name, sealed);
	explicit_bzero(&key, sizeof(key));
	if (value == NULL)
		return wb_request_fail(outcome,
							   "secret \"%s\" is damaged or was sealed for another row",
							   name);
	remember_opened(entity_id, name, value);
	explicit_bzero(value, strlen(value));
	pfree(value);
	return true;
}

/*
 * The plaintext of a secret, palloc'd.  NULL on failure, with the outcome
 * filled: FAILED where the secret is gone, HELD where the key is, or where it
 * was sealed in another database.
 *
 * Runs in a transaction, as the owner of our tables.
 */
char *
wb_secret_open(int64 entity_id, const char *name, WbOutcome *outcome)
{
	const char *value = find_opened(entity_id, name);

	if (value == NULL && open_stored(entity_id, name, outcome))
		value = find_opened(entity_id, name);
	return value == NULL ? NULL : pstrdup(value);
}

/*
 * Seal a value with the newest key, whose id goes into "key_id", and wipe it.
 * Raises where there is no key.
 */
bytea *
wb_secret_seal(int64 entity_id, const char *name, char *value, char **key_id)
{
	WbSecretKey key;
	bytea	   *sealed;
	const char *problem = wb_secret_key_read(NULL, &key);

	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot seal secret \"%s\": %s", name, problem),
				 errhint("Call \"SELECT wb.setup();\" to make the key, or restore the file named by \"wb_automations.secret_key_file\".")));
	sealed = wb_seal(&key, entity_id, name, value);
	*key_id = pstrdup(key.id);
	explicit_bzero(&key, sizeof(key));
	explicit_bzero(value, strlen(value));
	if (sealed == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not seal secret \"%s\"", name)));
	return sealed;
}

/*
 * wb.seal_secret(entity_id bigint, name text, value text,
 *				  OUT key_id text, OUT sealed bytea)
 */
Datum
wb_sql_seal_secret(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *value = text_to_cstring(PG_GETARG_TEXT_PP(2));
	Datum		columns[2];
	bool		nulls[2] = {false, false};
	TupleDesc	row;
	char	   *key_id;

	if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	columns[1] = PointerGetDatum(wb_secret_seal(PG_GETARG_INT64(0), name,
												value, &key_id));
	columns[0] = CStringGetTextDatum(key_id);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row),
													  columns, nulls)));
}

/* wb.warn_of_missing_secret(name text, integration text) returns void */
Datum
wb_sql_warn_of_missing_secret(PG_FUNCTION_ARGS)
{
	ereport(WARNING,
			(errmsg("secret \"%s\" of integration \"%s\" does not exist yet",
					text_to_cstring(PG_GETARG_TEXT_PP(0)),
					text_to_cstring(PG_GETARG_TEXT_PP(1))),
			 errhint("Set it with \"SELECT wb.set_secret(entity, name, value);\". Until then deliveries fail."),
			 errhidecontext(true)));
	PG_RETURN_VOID();
}
