/*-------------------------------------------------------------------------
 *
 * artifact_row.c
 *		Reads what an event tells of a version and its collection.
 *
 * Only what is committed in W&B's sense exists for automations: a version
 * that is PENDING or DELETED has no events.  Nor has what is going away
 * together with its collection.
 *
 * IDENTIFICATION
 *		src/capture/artifact_row.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "capture/capture.h"
#include "support/relation.h"

/* Fill in the collection; false where it does not exist. */
bool
wb_collection_read(int64 collection_id, WbEvent *event)
{
	WbScan		scan;

	if (!wb_scan_row_by_id(WB_TABLE_COLLECTIONS, collection_id, &scan))
		return false;
	event->collection_id = collection_id;
	event->project_id = wb_scan_id(&scan, "project_id");
	event->registry_id = wb_scan_id(&scan, "registry_id");
	event->collection_name = wb_scan_text(&scan, "name");
	event->collection_type = wb_scan_text(&scan, "type");
	wb_scan_end(&scan);
	return true;
}

/* Find the version's number in a collection that it is linked to. */
static bool
read_link(int64 artifact_id, WbEvent *event)
{
	WbScan		scan;
	bool		is_found = false;
	bool		is_null;

	if (!wb_scan_begin_by_id(WB_TABLE_ARTIFACT_LINKS, "artifact_id",
							 artifact_id, &scan))
		return false;
	while (!is_found && wb_scan_next(&scan))
	{
		if (wb_scan_id(&scan, "collection_id") != event->collection_id)
			continue;
		event->artifact_version =
			DatumGetInt32(wb_scan_column(&scan, "version", &is_null));
		is_found = true;
	}
	wb_scan_end(&scan);
	return is_found;
}

/*
 * Fill in the version, as the event's collection numbers it; without one, the
 * collection that it was logged in is taken.  False where there is nothing to
 * tell of.
 */
bool
wb_artifact_read(int64 artifact_id, WbEvent *event)
{
	WbScan		scan;
	bool		is_null;
	bool		is_committed;
	int64		home;

	if (!wb_scan_row_by_id(WB_TABLE_ARTIFACTS, artifact_id, &scan))
		return false;
	is_committed = strcmp(wb_scan_text(&scan, "state"), "COMMITTED") == 0;
	home = wb_scan_id(&scan, "collection_id");
	event->artifact_id = artifact_id;
	event->artifact_version =
		DatumGetInt32(wb_scan_column(&scan, "version", &is_null));
	event->artifact_metadata =
		DatumGetJsonbPCopy(wb_scan_column(&scan, "metadata", &is_null));
	wb_scan_end(&scan);
	if (!is_committed)
		return false;
	if (event->collection_id == WB_NO_ID)
		return wb_collection_read(home, event);
	if (event->collection_id != home)
		read_link(artifact_id, event);
	return true;
}

/* The aliases of a version in one collection, first given first. */
List *
wb_artifact_aliases(int64 artifact_id, int64 collection_id)
{
	WbScan		scan;
	List	   *aliases = NIL;

	if (!wb_scan_begin_by_id(WB_TABLE_ARTIFACT_ALIASES, "artifact_id",
							 artifact_id, &scan))
		return NIL;
	while (wb_scan_next(&scan))
	{
		if (wb_scan_id(&scan, "collection_id") == collection_id)
			aliases = lappend(aliases, wb_scan_text(&scan, "alias"));
	}
	wb_scan_end(&scan);
	return aliases;
}

/* The tags of a version. */
List *
wb_artifact_tags(int64 artifact_id)
{
	WbScan		scan;
	List	   *tags = NIL;

	if (!wb_scan_begin_by_id(WB_TABLE_ARTIFACT_TAGS, "artifact_id",
							 artifact_id, &scan))
		return NIL;
	while (wb_scan_next(&scan))
		tags = lappend(tags, wb_scan_text(&scan, "tag"));
	wb_scan_end(&scan);
	return tags;
}

/*
 * The event as each collection sees it that has the version: first the one
 * where it was logged, which "event" is about, then those that it is linked to.
 */
List *
wb_artifact_faces(WbEvent *event)
{
	List	   *faces = list_make1(event);
	WbScan		scan;
	bool		is_null;

	if (!wb_scan_begin_by_id(WB_TABLE_ARTIFACT_LINKS, "artifact_id",
							 event->artifact_id, &scan))
		return faces;
	while (wb_scan_next(&scan))
	{
		WbEvent    *face = palloc(sizeof(WbEvent));

		*face = *event;
		face->artifact_version =
			DatumGetInt32(wb_scan_column(&scan, "version", &is_null));
		if (wb_collection_read(wb_scan_id(&scan, "collection_id"), face))
			faces = lappend(faces, face);
	}
	wb_scan_end(&scan);
	return faces;
}
