/*-------------------------------------------------------------------------
 *
 * snapshot.c
 *		What history keeps of an event: everything a reader or a message may
 *		want to know, as it was when the automation fired.
 *
 * The names are W&B's where it has one.  Messages are rendered from this
 * document alone, so that an attempt days later says what was true then.
 *
 * IDENTIFICATION
 *		src/deliver/snapshot.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "deliver/deliver.h"
#include "deliver/fire.h"
#include "support/compat.h"
#include "support/document.h"
#include "support/relation.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Where an event happened, in words. */
typedef struct Place
{
	char	   *project;
	char	   *entity;
} Place;

/* The place that was read last, and when. */
static struct
{
	bool		is_valid;
	LocalTransactionId transaction;
	CommandId	command;
	WbTable		table;
	int64		id;
	MemoryContext context;
	Place		place;
}			known;

static Place
read_place(WbTable table, int64 id)
{
	Place		place = {NULL, NULL};
	WbScan		scan;
	int64		entity_id = id;

	if (table != WB_TABLE_ENTITIES)
	{
		if (!wb_scan_row_by_id(table, id, &scan))
			return place;
		place.project = wb_scan_text(&scan, "name");
		entity_id = wb_scan_id(&scan, "entity_id");
		wb_scan_end(&scan);
	}
	if (!wb_scan_row_by_id(WB_TABLE_ENTITIES, entity_id, &scan))
		return place;
	place.entity = wb_scan_text(&scan, "name");
	wb_scan_end(&scan);
	return place;
}

static WbTable
place_table(const WbEvent *event)
{
	if (event->entity_id != WB_NO_ID)
		return WB_TABLE_ENTITIES;
	return event->registry_id != WB_NO_ID ? WB_TABLE_REGISTRIES :
		WB_TABLE_PROJECTS;
}

static int64
place_id(const WbEvent *event)
{
	if (event->entity_id != WB_NO_ID)
		return event->entity_id;
	return event->registry_id != WB_NO_ID ? event->registry_id :
		event->project_id;
}

/* Was the place of an event read during this command? */
bool
wb_snapshot_is_known(const WbEvent *event)
{
	return known.is_valid &&
		known.transaction == wb_local_transaction_id() &&
		known.command == GetCurrentCommandId(false) &&
		known.table == place_table(event) && known.id == place_id(event);
}

/*
 * Read where an event happened, for wb_snapshot_event, which reads nothing.
 */
void
wb_snapshot_visit(const WbEvent *event)
{
	MemoryContext before;

	if (known.context == NULL)
		known.context = AllocSetContextCreate(CacheMemoryContext, "wb place",
											  ALLOCSET_SMALL_SIZES);
	known.is_valid = false;
	MemoryContextReset(known.context);
	known.transaction = wb_local_transaction_id();
	known.command = GetCurrentCommandId(false);
	known.table = place_table(event);
	known.id = place_id(event);
	before = MemoryContextSwitchTo(known.context);
	known.place = read_place(known.table, known.id);
	MemoryContextSwitchTo(before);
	known.is_valid = true;
}

static void
add_run(WbDocument *out, const WbEvent *event, const Place *place)
{
	wb_document_add_text(out, "runName", event->display_name ?
						 event->display_name : event->run_name);
	wb_document_add_text(out, "runId", event->run_name);
	if (place->entity != NULL)
		wb_document_add_text(out, "runPath", psprintf("%s/%s/%s", place->entity,
													  place->project,
													  event->run_name));
}

static void
add_metric(WbDocument *out, const WbVerdict *verdict)
{
	wb_document_add_text(out, "metricName", verdict->event->metric_name);
	wb_document_add_integer(out, "step", verdict->event->step);
	if (!verdict->has_observed)
		return;
	wb_document_add_floats(out, "metricValues", verdict->values,
						   verdict->value_count);
	wb_document_add_float(out, "observed", verdict->observed);
	if (!isnan(verdict->threshold))
		wb_document_add_float(out, "threshold", verdict->threshold);
	wb_document_add_text(out, "metricFilter", verdict->metric_filter);
	wb_document_add_text(out, "metricFilterShort", verdict->metric_filter_short);
}

static void
add_version(WbDocument *out, const WbEvent *event, const Place *place)
{
	char	   *number = psprintf("v%d", event->artifact_version);

	wb_document_add_integer(out, "artifactVersionIndex", event->artifact_version);
	wb_document_add_integer(out, "artifactId", event->artifact_id);
	if (place->entity != NULL)
		wb_document_add_text(out, "artifactVersionString",
							 psprintf("%s/%s/%s:%s", place->entity, place->project,
									  event->collection_name,
									  event->alias ? event->alias : number));
	wb_document_add_jsonb(out, "artifactMetadata",
						  event->artifact_metadata);
}

static void
add_artifact(WbDocument *out, const WbEvent *event, const Place *place)
{
	wb_document_add_text(out, "alias", event->alias);
	wb_document_add_text(out, "tag", event->tag);
	wb_document_add_text(out, "artifactCollectionName", event->collection_name);
	wb_document_add_text(out, "artifactCollectionType", event->collection_type);
	if (event->artifact_id != WB_NO_ID)
		add_version(out, event, place);
}

/*
 * The event of a verdict, as a document in the current memory context.  Its
 * place was visited before.
 */
Jsonb *
wb_snapshot_event(const WbVerdict *verdict)
{
	const WbEvent *event = verdict->event;
	const Place *place = &known.place;
	WbDocument	out;

	wb_document_begin(&out);
	wb_document_add_text(&out, "eventType",
						 wb_event_type_shown(verdict->automation->event_type));
	wb_document_add_text(&out, "eventAuthor", event->username);
	wb_document_add_text(&out, "entityName", place->entity);
	wb_document_add_text(&out, "projectName", place->project);
	switch (event->type)
	{
		case WB_EVENT_RUN_METRIC:
		case WB_EVENT_RUN_METRIC_CHANGE:
		case WB_EVENT_RUN_METRIC_ZSCORE:
			add_run(&out, event, place);
			add_metric(&out, verdict);
			break;
		case WB_EVENT_SCHEDULE:
			wb_document_add_text(&out, "tickAt",
								 timestamptz_to_str(event->tick_at));
			wb_document_add_jsonb(&out, "summary", event->tick_summary);
			break;
		case WB_EVENT_RUN_SILENT:
			add_run(&out, event, place);
			wb_document_add_text(&out, "metricName", event->silent_metric);
			wb_document_add_text(&out, "lastSignAt",
								 timestamptz_to_str(event->last_sign_at));
			break;
		case WB_EVENT_RUN_STATE:
			add_run(&out, event, place);
			wb_document_add_text(&out, "newRunState", verdict->reported_state);
			wb_document_add_text(&out, "reportedState", event->run_state);
			break;
		case WB_EVENT_CREATE_ARTIFACT:
		case WB_EVENT_LINK_MODEL:
		case WB_EVENT_UNLINK_ARTIFACT:
		case WB_EVENT_ADD_ARTIFACT_ALIAS:
		case WB_EVENT_ADD_ARTIFACT_TAG:
		case WB_EVENT_REMOVE_ARTIFACT_TAG:
		case WB_EVENT_ADD_COLLECTION_TAG:
		case WB_EVENT_REMOVE_COLLECTION_TAG:
			add_artifact(&out, event, place);
			break;
	}
	wb_document_add_text(&out, "why", verdict->why);
	return wb_document_end(&out);
}
