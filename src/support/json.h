/*-------------------------------------------------------------------------
 *
 * json.h
 *		Reading jsonb, in the small forms that all stages share.
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

#endif							/* WB_JSON_H */
