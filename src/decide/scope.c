/*-------------------------------------------------------------------------
 *
 * scope.c
 *		The levels that an automation can be about: a collection, a project or
 *		a registry, a team, an organization.
 *
 * An event belongs to one of each, and the automations of every level are
 * asked.  Levels are looked up when the event happens, so what is created
 * later is covered.
 *
 * Whose a project is costs two more reads, so nobody asks unless there is an
 * automation on that event in the scope of an entity at all.
 *
 * IDENTIFICATION
 *		src/decide/scope.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "decide/decide.h"
#include "support/relation.h"

#define SCOPES_HINT \
	"Scope types are PROJECT, ARTIFACT_COLLECTION, REGISTRY and ENTITY."

/* Stored in wb.automations. */
static const struct
{
	const char *name;
	WbTable		table;
	const char *kind;
	const char *hint;
}			scopes[] =

{
	[WB_SCOPE_PROJECT] = {"PROJECT", WB_TABLE_PROJECTS, "project",
	"Name a scope with wb.project(entity, name)."},
	[WB_SCOPE_ARTIFACT_COLLECTION] = {"ARTIFACT_COLLECTION",
		WB_TABLE_COLLECTIONS, "collection",
	"Name a scope with wb.collection(scope, name)."},
	[WB_SCOPE_REGISTRY] = {"REGISTRY", WB_TABLE_REGISTRIES, "registry",
	"Name a scope with wb.registry(organization, name)."},
	[WB_SCOPE_ENTITY] = {"ENTITY", WB_TABLE_ENTITIES, "entity",
	"Name a scope with wb.entity(name)."},
};

/* The word for a scope type that wb.automations has. */
const char *
wb_scope_name(WbScopeType type)
{
	return scopes[type].name;
}

static int64
read_id(WbTable table, int64 id, const char *column)
{
	WbScan		scan;
	int64		found;

	if (id == WB_NO_ID || !wb_scan_row_by_id(table, id, &scan))
		return WB_NO_ID;
	found = wb_scan_id(&scan, column);
	wb_scan_end(&scan);
	return found;
}

/* The organization of a team; WB_NO_ID where it has none. */
int64
wb_scope_organization(int64 entity_id)
{
	return read_id(WB_TABLE_ENTITIES, entity_id, "organization_id");
}

static void
add_rules(List **found, const WbEvent *event, WbScopeType type, int64 id)
{
	const char *key = event->metric_name ? event->metric_name : "";

	if (id != WB_NO_ID)
		*found = list_concat(*found,
							 wb_rules_find(event->type, key, type, id));
}

/*
 * The enabled automations on an event, of all levels that it belongs to.
 * They live as long as rules are held, the list in the current context.
 */
List *
wb_scope_find_rules(const WbEvent *event)
{
	const char *key = event->metric_name ? event->metric_name : "";
	List	   *found = NIL;
	int64		entity_id;

	add_rules(&found, event, WB_SCOPE_PROJECT, event->project_id);
	add_rules(&found, event, WB_SCOPE_REGISTRY, event->registry_id);
	add_rules(&found, event, WB_SCOPE_ARTIFACT_COLLECTION,
			  event->collection_id);
	if (!wb_rules_exist(event->type, key, WB_SCOPE_ENTITY))
		return found;

	if (event->entity_id != WB_NO_ID)
		entity_id = event->entity_id;
	else if (event->registry_id != WB_NO_ID)
		entity_id = read_id(WB_TABLE_REGISTRIES, event->registry_id,
							"entity_id");
	else
		entity_id = read_id(WB_TABLE_PROJECTS, event->project_id, "entity_id");
	add_rules(&found, event, WB_SCOPE_ENTITY, entity_id);
	add_rules(&found, event, WB_SCOPE_ENTITY,
			  wb_scope_organization(entity_id));
	return found;
}

static bool
find_type(const char *name, WbScopeType *type)
{
	for (size_t i = 0; i < lengthof(scopes); i++)
	{
		if (strcmp(scopes[i].name, name) == 0)
		{
			*type = (WbScopeType) i;
			return true;
		}
	}
	return false;
}

static void
refuse_user(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("entity \"%s\" is a user", name),
			 errhint("The scope of an automation can be a team or an organization.")));
}

/* The entity that a scope belongs to; raises where there is no such scope. */
int64
wb_scope_check(const char *name, int64 id, WbScopeType *type)
{
	WbScan		scan;
	int64		registry_id;
	int64		entity_id = id;

	if (!find_type(name, type))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown scope type \"%s\"", name),
				 errhint(SCOPES_HINT)));
	if (!wb_scan_row_by_id(scopes[*type].table, id, &scan))
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("%s " INT64_FORMAT " does not exist",
						scopes[*type].kind, id),
				 errhint("%s", scopes[*type].hint)));
	switch (*type)
	{
		case WB_SCOPE_PROJECT:
		case WB_SCOPE_REGISTRY:
			entity_id = wb_scan_id(&scan, "entity_id");
			break;
		case WB_SCOPE_ARTIFACT_COLLECTION:
			registry_id = wb_scan_id(&scan, "registry_id");
			entity_id = registry_id != WB_NO_ID ?
				read_id(WB_TABLE_REGISTRIES, registry_id, "entity_id") :
				read_id(WB_TABLE_PROJECTS, wb_scan_id(&scan, "project_id"),
						"entity_id");
			break;
		case WB_SCOPE_ENTITY:
			if (strcmp(wb_scan_text(&scan, "kind"), "user") == 0)
				refuse_user(wb_scan_text(&scan, "name"));
			break;
	}
	wb_scan_end(&scan);
	return entity_id;
}
