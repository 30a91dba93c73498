/*-------------------------------------------------------------------------
 *
 * filter_field.c
 *		The fields that filters know, and how an event gives their values.
 *
 * A value is read when a filter asks for it, and no sooner: a filter on
 * display_name costs no look at a run's config.  A column that is NULL, and a
 * path that leads nowhere, are a field that the event does not have.
 *
 * IDENTIFICATION
 *		src/decide/filter_field.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "decide/filter.h"
#include "miscadmin.h"
#include "support/clock.h"
#include "support/relation.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

static const struct
{
	const char *name;			/* of a document: with the dot behind it */
	WbFilterField field;
	bool		is_of_run;
	bool		is_document;
}			fields[] =

{
	{"alias", WB_FIELD_ALIAS, false, false},
	{"artifact_collection_name", WB_FIELD_ARTIFACT_COLLECTION_NAME, false, false},
	{"artifact_type", WB_FIELD_ARTIFACT_TYPE, false, false},
	{"config.", WB_FIELD_CONFIG, true, true},
	{"display_name", WB_FIELD_DISPLAY_NAME, true, false},
	{"duration", WB_FIELD_DURATION, true, false},
	{"group_name", WB_FIELD_GROUP_NAME, true, false},
	{"job_type", WB_FIELD_JOB_TYPE, true, false},
	{"metadata.", WB_FIELD_METADATA, false, true},
	{"name", WB_FIELD_NAME, true, false},
	{"state", WB_FIELD_STATE, true, false},
	{"summary.", WB_FIELD_SUMMARY, true, true},
	{"tag", WB_FIELD_TAG, false, false},
	{"tags", WB_FIELD_TAGS, true, false},
	{"username", WB_FIELD_USERNAME, true, false},
};

/* Find a field by the name that a filter gives it; false for any other. */
bool
wb_filter_field_find(const char *name, bool is_of_run, WbFilterTarget *target)
{
	for (size_t i = 0; i < lengthof(fields); i++)
	{
		size_t		length = strlen(fields[i].name);

		if (fields[i].is_of_run != is_of_run ||
			strncmp(name, fields[i].name, length) != 0 ||
			(name[length] == '\0') == fields[i].is_document)
			continue;
		target->field = fields[i].field;
		target->path = fields[i].is_document ? pstrdup(name + length) : NULL;
		return true;
	}
	return false;
}

/* The fields there are, for whoever named another. */
const char *
wb_filter_field_hint(bool is_of_run)
{
	return is_of_run ?
		"Fields of a run are name, display_name, username, state, tags, "
		"job_type, group_name, duration, config.* and summary.*." :
		"Fields of an artifact are alias, tag, artifact_collection_name, "
		"artifact_type and metadata.*.";
}

static bool
use_element(WbFilterValue *value, JsonbValue *element)
{
	value->is_array = false;
	value->count = 1;
	value->elements = element;
	return true;
}

static void
set_text(JsonbValue *element, char *text)
{
	element->type = jbvString;
	element->val.string.val = text;
	element->val.string.len = strlen(text);
}

static bool
use_text(WbFilterValue *value, char *text)
{
	JsonbValue *element;

	if (text == NULL)
		return false;
	element = palloc(sizeof(JsonbValue));
	set_text(element, text);
	return use_element(value, element);
}

/* The one string, or the list of them where there are several. */
static bool
use_texts(WbFilterValue *value, char *text, const List *texts)
{
	ListCell   *cell;

	if (text != NULL || texts == NIL)
		return use_text(value, text);
	value->is_array = true;
	value->count = 0;
	value->elements = palloc(sizeof(JsonbValue) * list_length(texts));
	foreach(cell, texts)
		set_text(&value->elements[value->count++], lfirst(cell));
	return true;
}

static bool
use_text_array(WbFilterValue *value, ArrayType *array)
{
	Datum	   *texts;
	bool	   *nulls;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &texts, &nulls,
					  &value->count);
	value->is_array = true;
	value->elements = palloc(sizeof(JsonbValue) * Max(value->count, 1));
	for (int i = 0; i < value->count; i++)
	{
		if (nulls[i])
			value->elements[i].type = jbvNull;
		else
			set_text(&value->elements[i], TextDatumGetCString(texts[i]));
	}
	return true;
}

static bool
use_json_array(WbFilterValue *value, JsonbContainer *array)
{
	JsonbIterator *iterator = JsonbIteratorInit(array);
	JsonbIteratorToken token;
	JsonbValue	element;

	value->is_array = true;
	value->count = 0;
	value->elements = palloc(sizeof(JsonbValue) *
							 Max(JsonContainerSize(array), 1));
	while ((token = JsonbIteratorNext(&iterator, &element, true)) != WJB_DONE)
	{
		CHECK_FOR_INTERRUPTS();
		if (token == WJB_ELEM)
			value->elements[value->count++] = element;
	}
	return true;
}

/*
 * The value at a path.  The names of metrics have dots in them, so the whole
 * of what is left of a path is tried as one key first, and then each part of
 * it that ends before a dot, the shortest first.
 *
 * A value has one way down to it, so none is looked at twice; and none lies
 * deeper than the document's writer could nest it.
 */
static JsonbValue *
find_path(JsonbContainer *object, const char *path)
{
	JsonbValue *found;

	CHECK_FOR_INTERRUPTS();
	if (!JsonContainerIsObject(object))
		return NULL;
	found = getKeyJsonValueFromContainer(object, path, strlen(path), NULL);
	for (const char *dot = strchr(path, '.'); found == NULL && dot != NULL;
		 dot = strchr(dot + 1, '.'))
	{
		JsonbValue *part = getKeyJsonValueFromContainer(object, path,
														dot - path, NULL);

		if (part != NULL && part->type == jbvBinary)
			found = find_path(part->val.binary.data, dot + 1);
	}
	return found;
}

static bool
use_path(WbFilterValue *value, Jsonb *document, const char *path)
{
	JsonbValue *found;

	if (document == NULL)
		return false;
	found = find_path(&document->root, path);
	if (found == NULL)
		return false;
	if (found->type == jbvBinary &&
		JsonContainerIsArray(found->val.binary.data))
		return use_json_array(value, found->val.binary.data);
	return use_element(value, found);
}

/* Read the event's run, unless its trigger brought it; false: it has gone. */
static bool
find_run_row(WbEvent *event)
{
	WbScan		scan;

	if (event->run_row != NULL)
		return true;
	if (!wb_scan_row_by_id(WB_TABLE_RUNS, event->run_id, &scan))
		return false;
	event->run_row = ExecCopySlotHeapTuple(scan.slot);

	/* with the values that rows older than a column have in it */
	event->run_row_type =
		CreateTupleDescCopyConstr(scan.slot->tts_tupleDescriptor);
	wb_scan_end(&scan);
	return true;
}

/* A column of the event's run; false where it is NULL. */
static bool
read_run_column(WbEvent *event, const char *column, Datum *value)
{
	TupleDesc	type;
	bool		is_null;

	if (!find_run_row(event))
		return false;
	type = event->run_row_type;
	for (int i = 0; i < type->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(type, i);

		if (attribute->attisdropped ||
			strcmp(NameStr(attribute->attname), column) != 0)
			continue;
		*value = heap_getattr(event->run_row, i + 1, type, &is_null);
		return !is_null;
	}
	return false;
}

static bool
use_run_text(WbFilterValue *value, WbEvent *event, const char *column)
{
	Datum		stored;

	return read_run_column(event, column, &stored) &&
		use_text(value, TextDatumGetCString(stored));
}

static bool
use_run_tags(WbFilterValue *value, WbEvent *event)
{
	Datum		tags;

	return read_run_column(event, "tags", &tags) &&
		use_text_array(value, DatumGetArrayTypeP(tags));
}

/* Seconds from the run's start to its end, or until now. */
static bool
use_run_duration(WbFilterValue *value, WbEvent *event)
{
	TimestampTz end = wb_clock_now();
	TimestampTz start;
	Datum		column;
	int64		microseconds;
	JsonbValue *element;

	if (!read_run_column(event, "created_at", &column))
		return false;
	start = DatumGetTimestampTz(column);
	if (read_run_column(event, "finished_at", &column))
		end = DatumGetTimestampTz(column);
	if (TIMESTAMP_NOT_FINITE(start) || TIMESTAMP_NOT_FINITE(end) ||
		pg_sub_s64_overflow(end, start, &microseconds))
		return false;
	element = palloc(sizeof(JsonbValue));
	element->type = jbvNumeric;
	element->val.numeric = int64_div_fast_to_numeric(microseconds, 6);
	return use_element(value, element);
}

/* A document of the run; unpacked once for all filters on it. */
static Jsonb *
read_run_document(WbEvent *event, const char *column, Jsonb **document)
{
	Datum		packed;

	if (*document == NULL && read_run_column(event, column, &packed))
		*document = DatumGetJsonbP(packed);
	return *document;
}

/*
 * Read a field; false where the event does not have it.  The value lives as
 * long as the event and the current memory context.
 */
bool
wb_filter_field_read(WbEvent *event, const WbFilterTarget *target,
					 WbFilterValue *value)
{
	switch (target->field)
	{
		case WB_FIELD_NAME:
			return use_text(value, event->run_name);
		case WB_FIELD_DISPLAY_NAME:
			/* a run without a display name is shown under its id */
			return use_text(value, event->display_name ?
							event->display_name : event->run_name);
		case WB_FIELD_USERNAME:
			return use_text(value, event->username);
		case WB_FIELD_STATE:
			return use_run_text(value, event, "state");
		case WB_FIELD_TAGS:
			return use_run_tags(value, event);
		case WB_FIELD_JOB_TYPE:
			return use_run_text(value, event, "job_type");
		case WB_FIELD_GROUP_NAME:
			return use_run_text(value, event, "group_name");
		case WB_FIELD_DURATION:
			return use_run_duration(value, event);
		case WB_FIELD_CONFIG:
			return use_path(value, read_run_document(event, "config",
													 &event->config),
							target->path);
		case WB_FIELD_SUMMARY:
			return use_path(value, read_run_document(event, "summary",
													 &event->summary),
							target->path);
		case WB_FIELD_ALIAS:
			return use_texts(value, event->alias, event->aliases);
		case WB_FIELD_TAG:
			return use_texts(value, event->tag, event->tags);
		case WB_FIELD_ARTIFACT_COLLECTION_NAME:
			return use_text(value, event->collection_name);
		case WB_FIELD_ARTIFACT_TYPE:
			return use_text(value, event->collection_type);
		case WB_FIELD_METADATA:
			return use_path(value, event->artifact_metadata, target->path);
	}
	return false;
}
