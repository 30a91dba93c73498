/*-------------------------------------------------------------------------
 *
 * secret_key.h
 *		The keys that seal secrets.
 *
 * IDENTIFICATION
 *		src/deliver/secret_key.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef WB_SECRET_KEY_H
#define WB_SECRET_KEY_H

#define WB_SECRET_KEY_BYTES			32
#define WB_SECRET_KEYS_MAX			16
#define WB_SECRET_KEY_ID_DIGITS		16

typedef struct WbSecretKey
{
	uint8		bytes[WB_SECRET_KEY_BYTES];
	char		id[WB_SECRET_KEY_ID_DIGITS + 1];	/* tells keys apart,
													 * reveals none */
} WbSecretKey;

extern void wb_secret_key_add(void);
extern const char *wb_secret_key_read(const char *id, WbSecretKey *key);

#endif							/* WB_SECRET_KEY_H */
