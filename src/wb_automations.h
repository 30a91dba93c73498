/*-------------------------------------------------------------------------
 *
 * wb_automations.h
 *		The words that cross stages, and the map.
 *
 *	user's INSERT
 *		capture: a trigger makes a WbEvent of the row
 *		decide:  cached rules, filter and window make WbVerdicts of the event
 *		deliver: a verdict becomes rows in wb.executions and wb.deliveries
 *	user's COMMIT
 *		deliver: the worker, woken, claims, commits, and sends by libcurl with
 *				 no transaction open
 *		record:	 what came of it, in one short transaction
 *
 * The folders of src/ are the stages, and their alphabet is the path of a
 * row.  A stage includes this file, its own header, the next stage's header
 * and support/; nothing else.
 *
 * IDENTIFICATION
 *		src/wb_automations.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef WB_AUTOMATIONS_H
#define WB_AUTOMATIONS_H

#include "access/htup.h"
#include "access/tupdesc.h"
#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"

/* The tables this library works with; wb.setup() brings older ones here. */
#define WB_SCHEMA_VERSION	4

#define WB_NO_ID			INT64CONST(0)

typedef enum WbEventType
{
	WB_EVENT_RUN_METRIC,
	WB_EVENT_RUN_METRIC_CHANGE,
	WB_EVENT_RUN_METRIC_ZSCORE,
	WB_EVENT_RUN_STATE,
	WB_EVENT_RUN_SILENT,
	WB_EVENT_SCHEDULE,
	WB_EVENT_CREATE_ARTIFACT,
	WB_EVENT_LINK_MODEL,
	WB_EVENT_UNLINK_ARTIFACT,
	WB_EVENT_ADD_ARTIFACT_ALIAS,
	WB_EVENT_ADD_ARTIFACT_TAG,
	WB_EVENT_REMOVE_ARTIFACT_TAG,
	WB_EVENT_ADD_COLLECTION_TAG,
	WB_EVENT_REMOVE_COLLECTION_TAG
} WbEventType;

typedef enum WbScopeType
{
	WB_SCOPE_PROJECT,
	WB_SCOPE_ARTIFACT_COLLECTION,
	WB_SCOPE_REGISTRY,
	WB_SCOPE_ENTITY
} WbScopeType;

typedef enum WbActionType
{
	WB_ACTION_NO_OP,
	WB_ACTION_NOTIFY,
	WB_ACTION_NOTIFICATION,
	WB_ACTION_GENERIC_WEBHOOK
} WbActionType;

/*
 * A row changed in a way that automations may be about.  Lives in the memory
 * context of the trigger call; strings that do not apply are NULL.
 */
typedef struct WbEvent
{
	WbEventType type;
	int64		project_id;		/* WB_NO_ID in a registry */
	int64		entity_id;		/* of an event of all its projects, else
								 * WB_NO_ID */
	int64		run_id;			/* WB_NO_ID for artifact events */
	int64		registry_id;	/* WB_NO_ID in a project */
	int64		artifact_id;	/* WB_NO_ID for events of runs, collections */
	int64		collection_id;	/* where the version is logged or linked */
	char	   *run_name;		/* the run's id, as in its path */
	char	   *display_name;
	char	   *username;		/* who caused it */
	MemoryContext unread;		/* where these three are read to by
								 * wb_run_complete; NULL: nothing is left */
	char	   *metric_name;
	int64		step;
	char	   *run_state;		/* as stored, in lower case */
	char	   *silent_metric;	/* NULL: the whole run is silent */
	TimestampTz last_sign_at;	/* of a silent run */
	TimestampTz tick_at;		/* of a schedule */
	Jsonb	   *tick_summary;	/* what happened since the tick before */
	HeapTuple	run_row;		/* the run, as far as a filter asked for it */
	TupleDesc	run_row_type;
	Jsonb	   *config;			/* of run_row, as is the next */
	Jsonb	   *summary;
	char	   *alias;			/* the one that was added */
	List	   *aliases;		/* of char *: given with a version or a link */
	char	   *tag;			/* the one that was added or removed */
	List	   *tags;			/* of char *: of a version created or linked */
	char	   *collection_name;
	char	   *collection_type;
	int			artifact_version;	/* its number in the collection */
	Jsonb	   *artifact_metadata;
} WbEvent;

/* One automation, checked and ready to be judged; owned by the rule cache. */
typedef struct WbAutomation
{
	int64		id;
	const char *name;
	const char *scope_type;
	int64		scope_id;
	WbEventType event_type;
	struct WbRule *rule;
	const char *action_type_name;
	Jsonb	   *action_config;
	int64		integration_id; /* WB_NO_ID where the action needs none */
	Interval   *cooldown;		/* NULL: none */
	bool		is_once_per_state;
	const char *broken;			/* why it cannot be judged, or NULL */
} WbAutomation;

/*
 * An automation fires on an event, and why.  Memory as the event's.
 */
typedef struct WbVerdict
{
	const WbAutomation *automation;
	const WbEvent *event;
	const char *why;			/* one sentence, for people */
	const char *metric_filter;	/* the rule as an expression, or NULL */
	const char *metric_filter_short;
	const char *reported_state; /* RUNNING, FINISHED, FAILED, or NULL */
	bool		has_observed;
	float8		observed;		/* the value that met the rule */
	float8		threshold;
	const float8 *values;		/* the window judged, oldest first */
	int			value_count;
} WbVerdict;

extern bool wb_event_is_of_run(WbEventType type);
extern const char *wb_event_source(WbEventType type);
extern const char *wb_event_type_name(WbEventType type);
extern const char *wb_event_type_shown(WbEventType type);

#endif							/* WB_AUTOMATIONS_H */
