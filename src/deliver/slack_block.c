/*-------------------------------------------------------------------------
 *
 * slack_block.c
 *		The blocks of a Slack message.
 *
 * Slack refuses a whole message for one block that is empty or too long, so
 * every text is cut here.  Whatever a run or a user wrote is escaped, so that
 * no name can call the channel.
 *
 * IDENTIFICATION
 *		src/deliver/slack_block.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "deliver/slack.h"
#include "mb/pg_wchar.h"
#include "support/json.h"
#include "utils/json.h"

/*
 * Slack takes 3000 characters a text, 2000 a field and ten fields; the markup
 * around a text needs some.
 */
#define TEXT_MAX_BYTES		2900
#define DETAIL_MAX_BYTES	300

/* What a message says in words of its own. */
static const struct
{
	const char *event_type;
	const char *words;
}			events[] =

{
	{"RUN_METRIC", "a metric met a condition"},
	{"RUN_METRIC_CHANGE", "a metric changed"},
	{"RUN_METRIC_ZSCORE", "a metric stood out"},
	{"RUN_STATE", "a run changed its state"},
	{"RUN_SILENT", "a run went silent"},
	{"SCHEDULE", "a time came"},
	{"CREATE_ARTIFACT", "a version was created"},
	{"LINK_ARTIFACT", "a version was linked"},
	{"UNLINK_ARTIFACT", "a version was unlinked"},
	{"ADD_ARTIFACT_ALIAS", "an alias was added"},
	{"ADD_ARTIFACT_TAG", "a tag was added to a version"},
	{"REMOVE_ARTIFACT_TAG", "a tag was removed from a version"},
	{"ADD_COLLECTION_TAG", "a tag was added to a collection"},
	{"REMOVE_COLLECTION_TAG", "a tag was removed from a collection"},
};

/* What is shown of an event, where it has that member. */
static const struct
{
	const char *label;
	const char *member;
	const char *text;
}			details[] =

{
	{"Project", "projectName", "${entity_name}/${project_name}"},
	{"Run", "runName", "${run_name}"},
	{"Collection", "artifactCollectionName", "${artifact_collection_name}"},
	{"Version", "artifactVersionString", "${artifact_version_string}"},
	{"Author", "eventAuthor", "${event_author}"},
	{"Metric", "metricName", "${metric_name}"},
	{"Step", "step", "${step}"},
	{"Observed", "observed", "${observed}"},
	{"Threshold", "threshold", "${threshold}"},
	{"State", "newRunState", "${run_status}"},
	{"Alias", "alias", "${alias}"},
	{"Tag", "tag", "${tag}"},
	{"Due at", "tickAt", "${tick_at}"},
};

/* Append text that Slack reads as text only, cut where it grows too long. */
void
wb_slack_append_escaped(StringInfo out, const char *text, int max_bytes)
{
	int			start = out->len;
	int			length;

	for (; *text != '\0'; text += length)
	{
		length = pg_mblen(text);
		if (out->len - start + Max(length, 5) > max_bytes)
		{
			appendStringInfoString(out, "...");
			return;
		}
		if (*text == '&')
			appendStringInfoString(out, "&amp;");
		else if (*text == '<')
			appendStringInfoString(out, "&lt;");
		else if (*text == '>')
			appendStringInfoString(out, "&gt;");
		else
			appendBinaryStringInfo(out, text, length);
	}
}

/* Append a member of a list, with what separates it from the one before. */
static void
append_member(StringInfo list, const char *json)
{
	if (list->len > 1)
		appendStringInfoString(list, ", ");
	appendStringInfoString(list, json);
}

/* A text with markup, as an object. */
static char *
make_text(const char *markup)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoString(&text, "{\"type\": \"mrkdwn\", \"text\": ");
	escape_json(&text, markup);
	appendStringInfoChar(&text, '}');
	return text.data;
}

/* Add a section with a text as it is; an empty one would be refused. */
void
wb_slack_add_section(StringInfo blocks, const char *text)
{
	StringInfoData escaped;

	if (text[0] == '\0')
		return;
	initStringInfo(&escaped);
	wb_slack_append_escaped(&escaped, text, TEXT_MAX_BYTES);
	append_member(blocks, psprintf("{\"type\": \"section\", \"text\": %s}",
								   make_text(escaped.data)));
}

/* Add a section with what the event holds, two columns wide. */
void
wb_slack_add_details(StringInfo blocks, WbDelivery *delivery)
{
	StringInfoData fields;

	initStringInfo(&fields);
	appendStringInfoChar(&fields, '[');
	for (size_t i = 0; i < lengthof(details); i++)
	{
		StringInfoData field;
		char	   *text;

		if (wb_json_get(&delivery->event->root, details[i].member) == NULL)
			continue;
		text = wb_template_expand(details[i].text, delivery,
								  &delivery->outcome);
		if (text == NULL || text[0] == '\0')
			continue;
		initStringInfo(&field);
		appendStringInfo(&field, "*%s*\n", details[i].label);
		wb_slack_append_escaped(&field, text, DETAIL_MAX_BYTES);
		append_member(&fields, make_text(field.data));
	}
	if (fields.len > 1)
		append_member(blocks,
					  psprintf("{\"type\": \"section\", \"fields\": %s]}",
							   fields.data));
}

/*
 * Add the small line that says whose message this is.  "pointer" is where to
 * learn more, with its markup; NULL for none.
 */
void
wb_slack_add_context(StringInfo blocks, const WbDelivery *delivery,
					 const char *pointer)
{
	StringInfoData elements;
	StringInfoData line;

	initStringInfo(&line);
	wb_slack_append_escaped(&line, delivery->automation_name,
							DETAIL_MAX_BYTES);
	for (size_t i = 0; i < lengthof(events); i++)
	{
		if (strcmp(delivery->event_type, events[i].event_type) == 0)
			appendStringInfo(&line, ": %s", events[i].words);
	}
	initStringInfo(&elements);
	appendStringInfoChar(&elements, '[');
	append_member(&elements, make_text(line.data));
	if (pointer != NULL)
		append_member(&elements, make_text(pointer));
	append_member(blocks,
				  psprintf("{\"type\": \"context\", \"elements\": %s]}",
						   elements.data));
}
