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

#include "deliver/deliver.h"
#include "deliver/fire.h"
#include "support/json.h"
#include "support/relation.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

/* Where an event happened, in words. */
typedef struct Place
{
	char	   *project;
	char	   *entity;
} Place;

static Place
read_place(const WbEvent *event)
{
	Place		place = {NULL, NULL};
	bool		is_registry = event->registry_id != WB_NO_ID;
	WbScan		scan;
	int64		entity_id = event->entity_id;

	if (entity_id == WB_NO_ID)
	{
		if (!wb_scan_row_by_id(is_registry ? WB_TABLE_REGISTRIES :
							   WB_TABLE_PROJECTS,
							   is_registry ? event->registry_id :
							   event->project_id, &scan))
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

static void
add_run(StringInfo out, const WbEvent *event, const Place *place)
{
	wb_json_add_text(out, "runName", event->display_name ?
					 event->display_name : event->run_name);
	wb_json_add_text(out, "runId", event->run_name);
	if (place->entity != NULL)
		wb_json_add_text(out, "runPath", psprintf("%s/%s/%s", place->entity,
												  place->project,
												  event->run_name));
}

static void
add_metric(StringInfo out, const WbVerdict *verdict)
{
	wb_json_add_text(out, "metricName", verdict->event->metric_name);
	wb_json_add_integer(out, "step", verdict->event->step);
	if (!verdict->has_observed)
		return;
	wb_json_add_floats(out, "metricValues", verdict->values,
					   verdict->value_count);
	wb_json_add_float(out, "observed", verdict->observed);
	if (!isnan(verdict->threshold))
		wb_json_add_float(out, "threshold", verdict->threshold);
	wb_json_add_text(out, "metricFilter", verdict->metric_filter);
	wb_json_add_text(out, "metricFilterShort", verdict->metric_filter_short);
}

static void
add_version(StringInfo out, const WbEvent *event, const Place *place)
{
	char	   *number = psprintf("v%d", event->artifact_version);

	wb_json_add_integer(out, "artifactVersionIndex", event->artifact_version);
	wb_json_add_integer(out, "artifactId", event->artifact_id);
	if (place->entity != NULL)
		wb_json_add_text(out, "artifactVersionString",
						 psprintf("%s/%s/%s:%s", place->entity, place->project,
								  event->collection_name,
								  event->alias ? event->alias : number));
	if (event->artifact_metadata != NULL)
		wb_json_add_raw(out, "artifactMetadata",
						JsonbToCString(NULL, &event->artifact_metadata->root,
									   VARSIZE(event->artifact_metadata)));
}

static void
add_artifact(StringInfo out, const WbEvent *event, const Place *place)
{
	wb_json_add_text(out, "alias", event->alias);
	wb_json_add_text(out, "tag", event->tag);
	wb_json_add_text(out, "artifactCollectionName", event->collection_name);
	wb_json_add_text(out, "artifactCollectionType", event->collection_type);
	if (event->artifact_id != WB_NO_ID)
		add_version(out, event, place);
}

/* The event of a verdict, as a document in the current memory context. */
Jsonb *
wb_snapshot_event(const WbVerdict *verdict)
{
	const WbEvent *event = verdict->event;
	Place		place = read_place(event);
	StringInfoData out;

	wb_json_begin(&out);
	wb_json_add_text(&out, "eventType",
					 wb_event_type_shown(verdict->automation->event_type));
	wb_json_add_text(&out, "eventAuthor", event->username);
	wb_json_add_text(&out, "entityName", place.entity);
	wb_json_add_text(&out, "projectName", place.project);
	switch (event->type)
	{
		case WB_EVENT_RUN_METRIC:
		case WB_EVENT_RUN_METRIC_CHANGE:
		case WB_EVENT_RUN_METRIC_ZSCORE:
			add_run(&out, event, &place);
			add_metric(&out, verdict);
			break;
		case WB_EVENT_SCHEDULE:
			wb_json_add_text(&out, "tickAt",
							 timestamptz_to_str(event->tick_at));
			wb_json_add_raw(&out, "summary",
							JsonbToCString(NULL, &event->tick_summary->root,
										   VARSIZE(event->tick_summary)));
			break;
		case WB_EVENT_RUN_SILENT:
			add_run(&out, event, &place);
			wb_json_add_text(&out, "metricName", event->silent_metric);
			wb_json_add_text(&out, "lastSignAt",
							 timestamptz_to_str(event->last_sign_at));
			break;
		case WB_EVENT_RUN_STATE:
			add_run(&out, event, &place);
			wb_json_add_text(&out, "newRunState", verdict->reported_state);
			wb_json_add_text(&out, "reportedState", event->run_state);
			break;
		case WB_EVENT_CREATE_ARTIFACT:
		case WB_EVENT_LINK_MODEL:
		case WB_EVENT_UNLINK_ARTIFACT:
		case WB_EVENT_ADD_ARTIFACT_ALIAS:
		case WB_EVENT_ADD_ARTIFACT_TAG:
		case WB_EVENT_REMOVE_ARTIFACT_TAG:
		case WB_EVENT_ADD_COLLECTION_TAG:
		case WB_EVENT_REMOVE_COLLECTION_TAG:
			add_artifact(&out, event, &place);
			break;
	}
	wb_json_add_text(&out, "why", verdict->why);
	return wb_json_end(&out);
}
