/*-------------------------------------------------------------------------
 *
 * secret.c
 *		Seals secrets, and opens them where a request is prepared.
 *
 * SQL can seal and never open: the table holds ciphertext, and the key is in
 * a file outside the database that only the server's user may read.  So a
 * dump, a replica's logs or a role that reads every table learns nothing.
 *
 * A ciphertext is bound to its team and its name: moved to another row it
 * does not open, so nobody turns a secret that he may set into one that he
 * may send.
 *
 * IDENTIFICATION
 *		src/deliver/secret.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <openssl/evp.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "deliver/deliver.h"
#include "deliver/secret_key.h"
#include "funcapi.h"
#include "support/compat.h"
#include "support/plan.h"
#include "support/row.h"
#include "support/setting.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

WB_FUNCTION_INFO_V1(wb_sql_reseal_secret);
WB_FUNCTION_INFO_V1(wb_sql_seal_secret);

/*
 * A sealed secret: one byte of version, the nonce, the ciphertext, the tag.
 */
#define SEAL_VERSION		1
#define NONCE_BYTES			12
#define TAG_BYTES			16
#define SEAL_EXTRA_BYTES	(1 + NONCE_BYTES + TAG_BYTES)

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
	"SELECT key_id, sealed FROM wb.secrets WHERE entity_id = $1 AND name = $2",
	2, {INT8OID, TEXTOID}, NULL
};

/*
 * Encrypt or decrypt, as "sealing" says, with the name as what must match.
 * "tag" is written when sealing and checked when opening.  Returns false
 * where it does not match, or the library failed.
 */
static bool
run_cipher(bool sealing, const WbSecretKey *key, const uint8 *nonce,
		   const char *name, const uint8 *input, int input_bytes,
		   uint8 *output, uint8 *tag)
{
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	int			length;
	bool		is_done;

	is_done = cipher != NULL &&
		EVP_CipherInit_ex(cipher, EVP_aes_256_gcm(), NULL, key->bytes, nonce,
						  sealing ? 1 : 0) == 1 &&
		EVP_CipherUpdate(cipher, NULL, &length, (const uint8 *) name,
						 strlen(name)) == 1 &&
		EVP_CipherUpdate(cipher, output, &length, input, input_bytes) == 1 &&
		(sealing || EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG,
										TAG_BYTES, tag) == 1) &&
		EVP_CipherFinal_ex(cipher, output + length, &length) == 1 &&
		(!sealing || EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG,
										 TAG_BYTES, tag) == 1);
	EVP_CIPHER_CTX_free(cipher);
	return is_done;
}

/* The name that a ciphertext is bound to. */
static char *
full_name(int64 entity_id, const char *name)
{
	return psprintf(INT64_FORMAT "/%s", entity_id, name);
}

/* Open a sealed secret; NULL where it is damaged, or not this row's. */
static char *
unseal(const WbSecretKey *key, int64 entity_id, const char *name,
	   bytea *sealed)
{
	uint8	   *bytes = (uint8 *) VARDATA_ANY(sealed);
	int			length = (int) VARSIZE_ANY_EXHDR(sealed) - SEAL_EXTRA_BYTES;
	char	   *value;

	if (length < 0 || bytes[0] != SEAL_VERSION)
		return NULL;
	value = palloc(length + 1);
	value[length] = '\0';
	if (!run_cipher(false, key, bytes + 1, full_name(entity_id, name),
					bytes + 1 + NONCE_BYTES, length, (uint8 *) value,
					bytes + 1 + NONCE_BYTES + length))
		return NULL;
	return value;
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

/* Read the row, within SPI; "context" gets the result. */
static bool
fetch_sealed(int64 entity_id, const char *name, MemoryContext context,
			 char **key_id, bytea **sealed)
{
	Datum		values[2];
	MemoryContext before;
	bool		is_null;
	Datum		value;

	values[0] = Int64GetDatum(entity_id);
	values[1] = CStringGetTextDatum(name);
	if (wb_plan_run(&find_secret_plan, values, NULL, SPI_OK_SELECT) == 0)
		return false;
	before = MemoryContextSwitchTo(context);
	*key_id = wb_row_text(SPI_tuptable, 0, 1);
	value = wb_row_value(SPI_tuptable, 0, 2, BYTEAOID, &is_null);
	*sealed = DatumGetByteaPCopy(value);
	MemoryContextSwitchTo(before);
	return true;
}

/* Find and open a secret; false on failure, with the outcome filled. */
static bool
open_stored(int64 entity_id, const char *name, WbOutcome *outcome)
{
	const char *problem;
	char	   *key_id;
	bytea	   *sealed;
	char	   *value;
	bool		is_found;
	WbSecretKey key;
	MemoryContext context = CurrentMemoryContext;

	SPI_connect();
	is_found = fetch_sealed(entity_id, name, context, &key_id, &sealed);
	SPI_finish();
	if (!is_found)
		return wb_request_fail(outcome, "secret \"%s\" does not exist", name);

	problem = wb_secret_key_read(key_id, &key);
	if (problem != NULL)
		return hold(outcome, psprintf("cannot open secret \"%s\": %s", name,
									  problem));

	value = unseal(&key, entity_id, name, sealed);
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
 * filled: FAILED where the secret is gone, HELD where only the key is.
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

static bytea *
seal(const WbSecretKey *key, int64 entity_id, const char *name,
	 const char *value)
{
	int			length = strlen(value);
	bytea	   *sealed = palloc(VARHDRSZ + length + SEAL_EXTRA_BYTES);
	uint8	   *bytes = (uint8 *) VARDATA(sealed);

	SET_VARSIZE(sealed, VARHDRSZ + length + SEAL_EXTRA_BYTES);
	bytes[0] = SEAL_VERSION;
	if (!pg_strong_random(bytes + 1, NONCE_BYTES) ||
		!run_cipher(true, key, bytes + 1, full_name(entity_id, name),
					(const uint8 *) value, length, bytes + 1 + NONCE_BYTES,
					bytes + 1 + NONCE_BYTES + length))
		return NULL;
	return sealed;
}

/* Seal a value as the result of a function, and wipe it. */
static Datum
return_sealed(FunctionCallInfo fcinfo, int64 entity_id, const char *name,
			  char *value)
{
	Datum		columns[2];
	bool		nulls[2] = {false, false};
	TupleDesc	row;
	bytea	   *sealed;
	const char *problem;
	WbSecretKey key;

	if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	problem = wb_secret_key_read(NULL, &key);
	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot seal secret \"%s\": %s", name, problem),
				 errhint("Call \"SELECT wb.setup();\" to make the key, or restore the file named by \"wb_automations.secret_key_file\".")));

	sealed = seal(&key, entity_id, name, value);
	columns[0] = CStringGetTextDatum(key.id);
	columns[1] = PointerGetDatum(sealed);
	explicit_bzero(&key, sizeof(key));
	explicit_bzero(value, strlen(value));
	if (sealed == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not seal secret \"%s\"", name)));
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), columns,
											 nulls));
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

	PG_RETURN_DATUM(return_sealed(fcinfo, PG_GETARG_INT64(0), name, value));
}

/*
 * wb.reseal_secret(entity_id bigint, name text, INOUT key_id text,
 *					INOUT sealed bytea)
 */
Datum
wb_sql_reseal_secret(PG_FUNCTION_ARGS)
{
	int64		entity_id = PG_GETARG_INT64(0);
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *key_id = text_to_cstring(PG_GETARG_TEXT_PP(2));
	char	   *value = NULL;
	WbSecretKey key;
	const char *problem = wb_secret_key_read(key_id, &key);

	if (problem == NULL)
	{
		value = unseal(&key, entity_id, name, PG_GETARG_BYTEA_PP(3));
		explicit_bzero(&key, sizeof(key));
		if (value == NULL)
			problem = "it is damaged or was sealed for another row";
	}
	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot open secret \"%s\": %s", name, problem),
				 errhint("Set this secret anew, or delete it.")));
	PG_RETURN_DATUM(return_sealed(fcinfo, entity_id, name, value));
}
