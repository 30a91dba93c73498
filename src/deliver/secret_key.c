/*-------------------------------------------------------------------------
 *
 * secret_key.c
 *		The file with the keys that seal secrets.
 *
 * The file is outside the database, so that neither a dump nor a query can
 * hold it, and is read each time that a key is needed: whoever puts another
 * in its place, or takes it away, needs no restart.
 *
 * Its first key seals; those behind it only open what was sealed before the
 * key was rotated.  No key is ever taken out here, because all databases of
 * the server share the file, and none can see the secrets of another.
 *
 * IDENTIFICATION
 *		src/deliver/secret_key.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deliver/secret_key.h"
#include "storage/fd.h"
#include "storage/lock.h"
#include "support/compat.h"
#include "support/setting.h"

/* Tells our lock from others of its type. */
#define FILE_LOCK_KEY		0x77620002

WB_FUNCTION_INFO_V1(wb_sql_make_secret_key);

/* All keys of the file, newest first. */
typedef struct KeyFile
{
	int			count;
	uint8		keys[WB_SECRET_KEYS_MAX][WB_SECRET_KEY_BYTES];
} KeyFile;

/* Read an open file; returns NULL, or what is wrong with it. */
static const char *
check_file(int file, KeyFile *content)
{
	const char *path = wb_setting_secret_key_file;
	struct stat status;
	ssize_t		bytes;
	uint8		surplus;

	if (fstat(file, &status) != 0)
		return psprintf("could not stat file \"%s\": %m", path);
	if (!S_ISREG(status.st_mode))
		return psprintf("\"%s\" is not a file", path);
	if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return psprintf("file \"%s\" has group or world access", path);
	bytes = read(file, content->keys, sizeof(content->keys));
	if (bytes < 0)
		return psprintf("could not read file \"%s\": %m", path);
	if (bytes == 0 || bytes % WB_SECRET_KEY_BYTES != 0 ||
		read(file, &surplus, 1) != 0)
		return psprintf("file \"%s\" does not hold keys of %d bytes each, at most %d of them",
						path, WB_SECRET_KEY_BYTES, WB_SECRET_KEYS_MAX);
	content->count = bytes / WB_SECRET_KEY_BYTES;
	return NULL;
}

/* Read the file; returns NULL, or why that cannot be. */
static const char *
read_file(KeyFile *content)
{
	const char *path = wb_setting_secret_key_file;

	/* O_NONBLOCK, or a pipe at the path would stop whoever opens it */
	int			file = OpenTransientFile(path, O_RDONLY | O_NONBLOCK |
										 PG_BINARY);
	const char *problem;

	if (file < 0)
		return psprintf("could not open file \"%s\": %m", path);
	problem = check_file(file, content);
	CloseTransientFile(file);
	return problem;
}

static void
copy_key(const uint8 *bytes, WbSecretKey *key)
{
	uint8		hash[SHA256_DIGEST_LENGTH];

	memcpy(key->bytes, bytes, WB_SECRET_KEY_BYTES);
	SHA256(bytes, WB_SECRET_KEY_BYTES, hash);
	for (int i = 0; i < WB_SECRET_KEY_ID_DIGITS / 2; i++)
		snprintf(key->id + 2 * i, 3, "%02x", hash[i]);
}

/*
 * Read the key with an id, or the newest where "id" is NULL.  Returns NULL, or
 * why there is none.  The caller wipes the key.
 */
const char *
wb_secret_key_read(const char *id, WbSecretKey *key)
{
	KeyFile		content;
	const char *problem = read_file(&content);
	bool		is_found = false;

	for (int i = 0; problem == NULL && !is_found && i < content.count; i++)
	{
		copy_key(content.keys[i], key);
		is_found = id == NULL || strcmp(key->id, id) == 0;
	}
	explicit_bzero(&content, sizeof(content));
	if (problem == NULL && !is_found)
	{
		explicit_bzero(key, sizeof(*key));
		problem = psprintf("file \"%s\" holds another key than the one it was sealed with",
						   wb_setting_secret_key_file);
	}
	return problem;
}

/*
 * Put a file with these keys at a path, in one step: at no moment, and after
 * no crash, is there a part of it.  The path is followed to the end, for a
 * link in its place would leave the old keys where they are looked after.
 */
static void
replace_file(KeyFile *content)
{
	char		path[PATH_MAX];
	char	   *new_path;
	size_t		bytes = (size_t) content->count * WB_SECRET_KEY_BYTES;
	bool		is_written;
	int			file;

	if (realpath(wb_setting_secret_key_file, path) == NULL)
		strlcpy(path, wb_setting_secret_key_file, sizeof(path));
	new_path = psprintf("%s.new", path);
	unlink(new_path);			/* left over from a crash */
	file = OpenTransientFilePerm(new_path, O_WRONLY | O_CREAT | O_EXCL |
								 PG_BINARY, S_IRUSR | S_IWUSR);
	if (file < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not create file \"%s\": %m", new_path),
				 errhint("Name a file in a directory that the server may write to in \"wb_automations.secret_key_file\".")));

	errno = 0;
	is_written = write(file, content->keys, bytes) == (ssize_t) bytes;
	explicit_bzero(content, sizeof(*content));
	if (!is_written)
	{
		int			failure = errno ? errno : ENOSPC;

		unlink(new_path);
		errno = failure;
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not write file \"%s\": %m", new_path)));
	}
	CloseTransientFile(file);
	durable_rename(new_path, path, ERROR);
}

static void
make_key(KeyFile *content)
{
	if (!pg_strong_random(content->keys[0], WB_SECRET_KEY_BYTES))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate a random key")));
}

/*
 * Keep everybody else who changes the file out until the transaction ends, in
 * all databases of the server.
 */
static void
lock_file(void)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, InvalidOid, FILE_LOCK_KEY, 0, 0);
	tag.locktag_type = LOCKTAG_USERLOCK;
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

/*
 * wb.make_secret_key(): make the file, unless it is there.  Returns whether
 * it was made.
 */
Datum
wb_sql_make_secret_key(PG_FUNCTION_ARGS)
{
	KeyFile		content = {.count = 1};
	struct stat status;

	lock_file();
	if (stat(wb_setting_secret_key_file, &status) == 0)
		PG_RETURN_BOOL(false);
	if (errno != ENOENT)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not stat file \"%s\": %m",
						wb_setting_secret_key_file)));
	make_key(&content);
	replace_file(&content);
	PG_RETURN_BOOL(true);
}

/*
 * Put a new key before those that the file holds, so that every key that
 * something was sealed with stays in it.  Raises where there is no room.
 */
void
wb_secret_key_add(void)
{
	KeyFile		content = {.count = 0};
	const char *problem;

	lock_file();
	problem = read_file(&content);
	if (problem == NULL && content.count == WB_SECRET_KEYS_MAX)
		problem = psprintf("file \"%s\" is full with %d keys",
						   wb_setting_secret_key_file, WB_SECRET_KEYS_MAX);
	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot add a key: %s", problem),
				 content.count == WB_SECRET_KEYS_MAX ?
				 errhint("Cut off those at its end that nothing is sealed with any more; the operations manual says how.") : 0));

	memmove(content.keys[1], content.keys[0],
			(size_t) content.count * WB_SECRET_KEY_BYTES);
	content.count++;
	make_key(&content);
	replace_file(&content);
}
