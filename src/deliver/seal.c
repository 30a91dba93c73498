/*-------------------------------------------------------------------------
 *
 * seal.c
 *		Encrypts a secret for one row of one database, and decrypts it.
 *
 * A ciphertext is bound to its server, its database, its team and its name:
 * moved to another row it does not open, so nobody turns a secret that he may
 * read as ciphertext into one that he may send, not even in a database of his
 * own beside this one, which has the same keys.
 *
 * A sealed secret is one byte of version, where it was sealed, the nonce, the
 * ciphertext and the tag.  Where it was sealed is a note for people and for
 * wb.adopt_secrets(), and is not to be trusted: what opens here is opened as
 * of the server and the database that are running, whatever the note says.
 *
 * IDENTIFICATION
 *		src/deliver/seal.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <openssl/evp.h>

#include "access/xlog.h"
#include "deliver/seal.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "support/compat.h"
#include "utils/builtins.h"

WB_FUNCTION_INFO_V1(wb_sql_secret_origin);

/* The form of before, without a note: bound to team and name alone. */
#define VERSION_ANYWHERE	1
#define VERSION				2

#define NONCE_BYTES			12
#define TAG_BYTES			16

/* The parts of a sealed secret. */
typedef struct Seal
{
	int			header_bytes;
	uint8	   *nonce;
	uint8	   *ciphertext;
	int			length;			/* of the ciphertext */
	uint8	   *tag;
} Seal;

/* The version, the system identifier and the OID, in the order of networks. */
#define HEADER_BYTES		(1 + sizeof(uint64) + sizeof(uint32))

/* The database that this process is in. */
WbSealOrigin
wb_seal_here(void)
{
	WbSealOrigin origin = {GetSystemIdentifier(), MyDatabaseId};

	return origin;
}

bool
wb_seal_is_here(const WbSealOrigin *origin)
{
	return origin->system == GetSystemIdentifier() &&
		origin->database == MyDatabaseId;
}

/* Where a secret was sealed, as wb.adopt_secrets() wants to be told. */
char *
wb_seal_origin_text(const WbSealOrigin *origin)
{
	if (origin->system == 0)
		return pstrdup("unknown");
	return psprintf(UINT64_FORMAT "/%u", origin->system, origin->database);
}

/* Find the parts; false for bytes that are no sealed secret. */
static bool
take_apart(bytea *sealed, Seal *seal)
{
	uint8	   *bytes = (uint8 *) VARDATA_ANY(sealed);
	int			count = (int) VARSIZE_ANY_EXHDR(sealed);

	if (count == 0 || (bytes[0] != VERSION && bytes[0] != VERSION_ANYWHERE))
		return false;
	seal->header_bytes = bytes[0] == VERSION ? (int) HEADER_BYTES : 1;
	seal->length = count - seal->header_bytes - NONCE_BYTES - TAG_BYTES;
	if (seal->length < 0)
		return false;
	seal->nonce = bytes + seal->header_bytes;
	seal->ciphertext = seal->nonce + NONCE_BYTES;
	seal->tag = seal->ciphertext + seal->length;
	return true;
}

static void
write_header(uint8 *bytes, const WbSealOrigin *origin)
{
	uint64		system = pg_hton64(origin->system);
	uint32		database = pg_hton32(origin->database);

	bytes[0] = VERSION;
	memcpy(bytes + 1, &system, sizeof(system));
	memcpy(bytes + 1 + sizeof(system), &database, sizeof(database));
}

/* Where it says that it was sealed; false for bytes that are no seal. */
bool
wb_seal_read_origin(bytea *sealed, WbSealOrigin *origin)
{
	Seal		seal;
	uint64		system;
	uint32		database;

	if (!take_apart(sealed, &seal))
		return false;
	memset(origin, 0, sizeof(*origin));
	if (seal.header_bytes == 1)
		return true;
	memcpy(&system, VARDATA_ANY(sealed) + 1, sizeof(system));
	memcpy(&database, VARDATA_ANY(sealed) + 1 + sizeof(system),
		   sizeof(database));
	origin->system = pg_ntoh64(system);
	origin->database = pg_ntoh32(database);
	return true;
}

/* What a ciphertext is bound to. */
static char *
binding(const WbSealOrigin *origin, int64 entity_id, const char *name)
{
	if (origin->system == 0)
		return psprintf(INT64_FORMAT "/%s", entity_id, name);
	return psprintf(UINT64_FORMAT "/%u/" INT64_FORMAT "/%s", origin->system,
					origin->database, entity_id, name);
}

/*
 * Encrypt or decrypt, as "sealing" says; "bound_to" must match.  The tag is
 * written when sealing and checked when opening.  Returns false where it does
 * not match, or the library failed.
 */
static bool
run_cipher(bool sealing, const WbSecretKey *key, const Seal *seal,
		   const char *bound_to, const uint8 *input, uint8 *output)
{
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	int			length;
	bool		is_done;

	is_done = cipher != NULL &&
		EVP_CipherInit_ex(cipher, EVP_aes_256_gcm(), NULL, key->bytes,
						  seal->nonce, sealing ? 1 : 0) == 1 &&
		EVP_CipherUpdate(cipher, NULL, &length, (const uint8 *) bound_to,
						 strlen(bound_to)) == 1 &&
		EVP_CipherUpdate(cipher, output, &length, input, seal->length) == 1 &&
		(sealing || EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG,
										TAG_BYTES, seal->tag) == 1) &&
		EVP_CipherFinal_ex(cipher, output + length, &length) == 1 &&
		(!sealing || EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG,
										 TAG_BYTES, seal->tag) == 1);
	EVP_CIPHER_CTX_free(cipher);
	return is_done;
}

/*
 * Seal a value for a row of this database; NULL only where the library fails.
 */
bytea *
wb_seal(const WbSecretKey *key, int64 entity_id, const char *name,
		const char *value)
{
	WbSealOrigin here = wb_seal_here();
	Size		bytes = VARHDRSZ + HEADER_BYTES + NONCE_BYTES + strlen(value) +
	TAG_BYTES;
	bytea	   *sealed = palloc(bytes);
	Seal		seal;

	SET_VARSIZE(sealed, bytes);
	write_header((uint8 *) VARDATA(sealed), &here);
	take_apart(sealed, &seal);
	if (!pg_strong_random(seal.nonce, NONCE_BYTES) ||
		!run_cipher(true, key, &seal, binding(&here, entity_id, name),
					(const uint8 *) value, seal.ciphertext))
		return NULL;
	return sealed;
}

/*
 * Open what was sealed for a row of the database "origin", palloc'd; NULL
 * where it is damaged, or was sealed for anything else.
 */
char *
wb_unseal(const WbSecretKey *key, const WbSealOrigin *origin, int64 entity_id,
		  const char *name, bytea *sealed)
{
	Seal		seal;
	char	   *value;

	if (!take_apart(sealed, &seal))
		return NULL;
	value = palloc(seal.length + 1);
	value[seal.length] = '\0';
	if (!run_cipher(false, key, &seal, binding(origin, entity_id, name),
					seal.ciphertext, (uint8 *) value))
	{
		explicit_bzero(value, seal.length);
		pfree(value);
		return NULL;
	}
	return value;
}

/*
 * wb.secret_origin(sealed bytea) returns text: NULL for bytes that are no
 * sealed secret
 */
Datum
wb_sql_secret_origin(PG_FUNCTION_ARGS)
{
	WbSealOrigin origin;

	if (!wb_seal_read_origin(PG_GETARG_BYTEA_PP(0), &origin))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(wb_seal_origin_text(&origin)));
}
