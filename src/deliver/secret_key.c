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

WB_FUNCTION_INFO_V1(wb_sql_add_secret_key);
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
	int			file = OpenTransientFile(path, O_RDONLY | PG_BINARY);
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

/* The name of a new file is durable only when its directory is. */
static void
sync_directory_of(const char *path)
{
	char		directory[MAXPGPATH];

	strlcpy(directory, path, sizeof(directory));
	get_parent_directory(directory);
	fsync_fname(directory[0] == '\0' ? "." : directory, true);
}

/*
 * Write keys to a new file, which is removed again where that fails.  Raises,
 * with the path.
 */
static void
write_file(int file, const char *path, KeyFile *content)
{
	size_t		bytes = (size_t) content->count * WB_SECRET_KEY_BYTES;
	bool		is_written;
	int			failure;

	errno = 0;
	is_written = write(file, content->keys, bytes) == (ssize_t) bytes &&
		pg_fsync(file) == 0;
	failure = errno ? errno : ENOSPC;
	explicit_bzero(content, sizeof(*content));
	CloseTransientFile(file);
	if (!is_written)
	{
		/* half a key would keep the next call from making a whole one */
		unlink(path);
		errno = failure;
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not write file \"%s\": %m", path)));
	}
}

/* Make a file for keys; -1 where it is there already. */
static int
create_file(const char *path)
{
	int			file = OpenTransientFilePerm(path, O_WRONLY | O_CREAT |
											 O_EXCL | PG_BINARY,
											 S_IRUSR | S_IWUSR);

	if (file < 0 && errno != EEXIST)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not create file \"%s\": %m", path),
				 errhint("Name a file in a directory that the server may write to in \"wb_automations.secret_key_file\".")));
	return file;
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
 * wb.make_secret_key(): make the file, unless it is there.  Returns whether
 * it was made.
 */
Datum
wb_sql_make_secret_key(PG_FUNCTION_ARGS)
{
	const char *path = wb_setting_secret_key_file;
	KeyFile		content = {.count = 1};
	int			file;

	make_key(&content);
	file = create_file(path);
	if (file < 0)
	{
		explicit_bzero(&content, sizeof(content));
		PG_RETURN_BOOL(false);
	}
	write_file(file, path, &content);
	sync_directory_of(path);
	PG_RETURN_BOOL(true);
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
 * wb.add_secret_key(): put a new key before those that the file holds.  The
 * file is replaced in one step, so at each moment, and after a crash, every
 * key that something was sealed with is in it.
 */
Datum
wb_sql_add_secret_key(PG_FUNCTION_ARGS)
{
	const char *path = wb_setting_secret_key_file;
	char	   *new_path = psprintf("%s.new", path);
	KeyFile		content;
	const char *problem;
	int			file;

	lock_file();
	problem = read_file(&content);
	if (problem == NULL && content.count == WB_SECRET_KEYS_MAX)
		problem = psprintf("file \"%s\" is full with %d keys", path,
						   WB_SECRET_KEYS_MAX);
	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot add a key: %s", problem)));

	memmove(content.keys[1], content.keys[0],
			(size_t) content.count * WB_SECRET_KEY_BYTES);
	content.count++;
	make_key(&content);
	unlink(new_path);			/* left over from a crash */
	file = create_file(new_path);
	if (file < 0)
		elog(ERROR, "file \"%s\" exists", new_path);
	write_file(file, new_path, &content);
	durable_rename(new_path, path, ERROR);
	PG_RETURN_VOID();
}
