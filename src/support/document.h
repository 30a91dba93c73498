/*-------------------------------------------------------------------------
 *
 * document.h
 *		Writes flat jsonb objects for our tables, without JSON text between.
 *
 * Members whose value is NULL are left out, and a key may be added once only.
 *
 * IDENTIFICATION
 *		src/support/document.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef WB_DOCUMENT_H
#define WB_DOCUMENT_H

#include "utils/jsonb.h"

typedef struct WbDocument
{
	JsonbPair  *pairs;			/* in jsonb's own order */
	int			count;
	int			allocated;
} WbDocument;

extern void wb_document_begin(WbDocument *document);
extern void wb_document_add_text(WbDocument *document, const char *key,
								 const char *value);
extern void wb_document_add_integer(WbDocument *document, const char *key,
									int64 value);
extern void wb_document_add_float(WbDocument *document, const char *key,
								  float8 value);
extern void wb_document_add_floats(WbDocument *document, const char *key,
								   const float8 *values, int count);
extern void wb_document_add_jsonb(WbDocument *document, const char *key,
								  Jsonb *value);
extern Jsonb *wb_document_end(WbDocument *document);

#endif							/* WB_DOCUMENT_H */
