/*-------------------------------------------------------------------------
 *
 * owner.c
 *		Becomes the owner of our tables, for a moment, in a user's session.
 *
 * A user's search_path must not decide what a statement of ours means: an
 * operator or a function of the user's would be called with the rights of the
 * owner.  So nothing becomes the owner but by the function here, which fixes
 * the path as well.  The schema of temporary objects is named, and last: where
 * it is not named it is searched first, for tables and types.
 *
 * Rule: an error needs no wb_owner_leave.  Whoever catches one rolls back a
 * subtransaction, which restores both.
 *
 * IDENTIFICATION
 *		src/support/owner.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "support/owner.h"
#include "support/relation.h"
#include "support/shape.h"
#include "utils/guc.h"
#include "utils/syscache.h"

/*
 * Fix the search_path until wb_owner_release_path, or until the
 * (sub)transaction aborts.  Returns what the former wants to know.
 */
int
wb_owner_pin_path(void)
{
	int			level = NewGUCNestLevel();

	(void) set_config_option("search_path", "pg_catalog, pg_temp",
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
	return level;
}

void
wb_owner_release_path(int level)
{
	AtEOXact_GUC(true, level);
}

/*
 * Act as the owner of wb.executions, with a fixed search_path, until
 * wb_owner_leave, or until the (sub)transaction aborts.  Returns false, and
 * changes nothing, where the table does not exist; raises where another of our
 * tables has another owner.
 */
bool
wb_owner_become(WbIdentity *before)
{
	Oid			executions = wb_relation_oid(WB_TABLE_EXECUTIONS);
	HeapTuple	tuple;
	Oid			owner;

	if (!OidIsValid(executions))
		return false;
	wb_shape_require_one_owner();
	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(executions));
	if (!HeapTupleIsValid(tuple))
		return false;
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);

	GetUserIdAndSecContext(&before->user_id, &before->security_context);
	SetUserIdAndSecContext(owner, before->security_context |
						   SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION);
	before->path_level = wb_owner_pin_path();
	return true;
}

/* Be who one was before wb_owner_become. */
void
wb_owner_leave(const WbIdentity *before)
{
	wb_owner_release_path(before->path_level);
	SetUserIdAndSecContext(before->user_id, before->security_context);
}
