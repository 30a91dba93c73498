/*-------------------------------------------------------------------------
 *
 * json.h
 *		Reading and writing jsonb, in the small forms that all stages share.
 *
 * Readers never raise on a document's shape: a missing key or another type
 * is an answer.
 *
 * IDENTIFICATION
 *		src/support/json.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef WB_JSON_H
#define WB_JSON_H

#include "lib/stringinfo.h"
#include "utils/jsonb.h"

extern JsonbValue *wb_json_get(JsonbContainer *object, const char *key);
extern char *wb_json_get_text(JsonbContainer *object, const char *key);
extern char *wb_json_value_text(const JsonbValue *value);
extern bool wb_json_value_integer(const JsonbValue *value, int64 *integer);
extern bool wb_json_get_number(JsonbContainer *object, const char *key,
							   float8 *number);
extern bool wb_json_get_integer(JsonbContainer *object, const char *key,
								int64 *integer);
extern Jsonb *wb_json_parse_text(const char *text);

/*
 * A writer for one flat object: begin, add keys, end.  Members whose value
 * is NULL are left out.
 */
extern void wb_json_begin(StringInfo out);
extern void wb_json_add_text(StringInfo out, const char *key,
							 const char *value);
extern void wb_json_add_integer(StringInfo out, const char *key, int64 value);
extern void wb_json_add_raw(StringInfo out, const char *key,
							const char *json);
extern Jsonb *wb_json_end(StringInfo out);

#endif							/* WB_JSON_H */
