/*-------------------------------------------------------------------------
 *
 * reseal.c
 *		Seals secrets anew, with a new key or for another database.
 *
 * What was sealed in another database waits for a superuser to adopt it (see
 * seal.c): only a person knows whether a row came with a restored dump, or was
 * put here to be sent to somebody else.  The file of keys belongs to all
 * databases of the server, so a new key is for superusers too.
 *
 * Rule: rows are written as the owner of our tables, for triggers of his must
 * not run as the superuser who calls.
 *
 * IDENTIFICATION
 *		src/deliver/reseal.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "deliver/deliver.h"
#include "deliver/seal.h"
#include "deliver/secret_key.h"
#include "miscadmin.h"
#include "support/compat.h"
#include "support/owner.h"
#include "support/plan.h"
#include "support/relation.h"
#include "support/row.h"
#include "support/shape.h"
#include "utils/builtins.h"

WB_FUNCTION_INFO_V1(wb_sql_adopt_secrets);
WB_FUNCTION_INFO_V1(wb_sql_rotate_secret_key);

/* Whoever sets a secret meanwhile waits, or would still use the old key. */
static WbPlan lock_plan = {
	"LOCK TABLE wb.secrets IN SHARE ROW EXCLUSIVE MODE",
	0, {0}, NULL
};

static WbPlan find_all_plan = {
	"SELECT entity_id::bigint, name::text, key_id::text, sealed::bytea"
	" FROM wb.secrets ORDER BY id FOR UPDATE",
	0, {0}, NULL
};

static WbPlan replace_plan = {
	"UPDATE wb.secrets SET key_id = $3, sealed = $4"
	" WHERE entity_id = $1 AND name = $2",
	4, {INT8OID, TEXTOID, TEXTOID, BYTEAOID}, NULL
};

/* A row of wb.secrets, as find_all_plan reads it. */
typedef struct SealedRow
{
	int64		entity_id;
	char	   *name;
	char	   *key_id;
	bytea	   *sealed;
} SealedRow;

/* False where the table lost a NOT NULL, and the row has one. */
static bool
read_row(SPITupleTable *rows, uint64 row, SealedRow *found)
{
	bool		is_null;
	Datum		sealed = wb_row_value(rows, row, 4, BYTEAOID, &is_null);

	found->entity_id = wb_row_id(rows, row, 1);
	found->name = wb_row_text(rows, row, 2);
	found->key_id = wb_row_text(rows, row, 3);
	if (found->name == NULL || found->key_id == NULL || is_null)
		return false;
	found->sealed = DatumGetByteaPP(sealed);
	return true;
}

/* Open what was sealed in the database "origin"; raises where it cannot. */
static char *
open_row(const WbSealOrigin *origin, const SealedRow *row)
{
	WbSecretKey key;
	char	   *value = NULL;
	const char *problem = wb_secret_key_read(row->key_id, &key);

	if (problem == NULL)
	{
		value = wb_unseal(&key, origin, row->entity_id, row->name,
						  row->sealed);
		explicit_bzero(&key, sizeof(key));
		if (value == NULL)
			problem = "it is damaged or was sealed for another row";
	}
	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot open secret \"%s\": %s", row->name, problem),
				 errhint("Set this secret anew, or delete it.")));
	return value;
}

/* Seal a row of the database "origin" anew, for this one. */
static bool
reseal_row(const WbSealOrigin *origin, const SealedRow *row)
{
	Datum		values[4];
	char	   *key_id;

	values[0] = Int64GetDatum(row->entity_id);
	values[1] = CStringGetTextDatum(row->name);
	values[3] = PointerGetDatum(wb_secret_seal(row->entity_id, row->name,
											   open_row(origin, row),
											   &key_id));
	values[2] = CStringGetTextDatum(key_id);
	return wb_plan_run(&replace_plan, values, NULL, SPI_OK_UPDATE) > 0;
}

/* The same, if it says that it is from "origin". */
static bool
adopt_row(const SealedRow *row, const char *origin)
{
	WbSealOrigin found;

	return wb_seal_read_origin(row->sealed, &found) &&
		!wb_seal_is_here(&found) &&
		strcmp(wb_seal_origin_text(&found), origin) == 0 &&
		reseal_row(&found, row);
}

/* Open a row of this database, and forget what is in it; raises. */
static void
require_opens(const WbSealOrigin *here, const SealedRow *row)
{
	const char *obstacle = wb_secret_obstacle(row->sealed);
	char	   *value;

	if (obstacle != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot open secret \"%s\": %s", row->name, obstacle),
				 errhint("See SELECT * FROM wb.status();.")));
	value = open_row(here, row);
	explicit_bzero(value, strlen(value));
}

/*
 * Act as the owner of our tables from here on, within SPI, and read all rows
 * of wb.secrets.  Raises where the caller is no superuser, or a table is
 * missing.
 */
static List *
begin(const char *action, const char *hint, bool must_lock,
	  WbIdentity *before)
{
	List	   *found = NIL;
	uint64		count;
	SPITupleTable *rows;

	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to %s", action),
				 errhint("%s", hint)));
	wb_relation_require_setup();
	wb_shape_require_plain();
	(void) wb_owner_become(before);
	SPI_connect();
	if (must_lock)
		wb_plan_run(&lock_plan, NULL, NULL, SPI_OK_UTILITY);
	count = wb_plan_run(&find_all_plan, NULL, NULL, SPI_OK_SELECT);
	rows = SPI_tuptable;
	for (uint64 i = 0; i < count; i++)
	{
		SealedRow  *row = palloc(sizeof(SealedRow));

		if (read_row(rows, i, row))
			found = lappend(found, row);
	}
	return found;
}

static void
end(const WbIdentity *before)
{
	SPI_finish();
	wb_owner_leave(before);
	wb_wake_worker_at_commit();
}

/* wb.adopt_secrets(origin text) returns bigint: how many there were */
Datum
wb_sql_adopt_secrets(PG_FUNCTION_ARGS)
{
	char	   *origin = text_to_cstring(PG_GETARG_TEXT_PP(0));
	int64		adopted = 0;
	WbIdentity	before;
	List	   *rows = begin("adopt secrets",
							 "Only superusers may use what was sealed in another database; others set the secrets anew.",
							 false, &before);
	ListCell   *cell;

	foreach(cell, rows)
		adopted += adopt_row(lfirst(cell), origin);
	end(&before);
	PG_RETURN_INT64(adopted);
}

/*
 * wb.rotate_secret_key() returns bigint: how many secrets were sealed with it
 *
 * The new key outlives a rollback, so what cannot be opened is met first.
 */
Datum
wb_sql_rotate_secret_key(PG_FUNCTION_ARGS)
{
	WbSealOrigin here = wb_seal_here();
	int64		resealed = 0;
	WbIdentity	before;
	List	   *rows = begin("rotate the key of secrets",
							 "Only superusers may, because all databases of the server share the file of keys.",
							 true, &before);
	ListCell   *cell;

	foreach(cell, rows)
		require_opens(&here, lfirst(cell));
	wb_secret_key_add();
	foreach(cell, rows)
		resealed += reseal_row(&here, lfirst(cell));
	end(&before);
	PG_RETURN_INT64(resealed);
}
