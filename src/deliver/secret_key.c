/*-------------------------------------------------------------------------
 *
 * secret_key.c
 *		The file with the key that seals secrets.
 *
 * The file is outside the database, so that neither a dump nor a query can
 * hold it, and is read each time that a key is needed: whoever puts another
 * in its place, or takes it away, needs no restart.
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
#include "support/compat.h"
#include "support/setting.h"

WB_FUNCTION_INFO_V1(wb_sql_make_secret_key);

/* Read an open file; returns NULL, or what is wrong with it. */
static const char *
check_file(int file, WbSecretKey *key)
{
	const char *path = wb_setting_secret_key_file;
	struct stat status;
	uint8		surplus;
	uint8		hash[SHA256_DIGEST_LENGTH];

	if (fstat(file, &status) != 0)
		return psprintf("could not stat file \"%s\": %m", path);
	if (!S_ISREG(status.st_mode))
		return psprintf("\"%s\" is not a file", path);
	if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return psprintf("file \"%s\" has group or world access", path);
	if (read(file, key->bytes, WB_SECRET_KEY_BYTES) != WB_SECRET_KEY_BYTES ||
		read(file, &surplus, 1) != 0)
		return psprintf("file \"%s\" does not hold a key of %d bytes",
						path, WB_SECRET_KEY_BYTES);

	SHA256(key->bytes, WB_SECRET_KEY_BYTES, hash);
	for (int i = 0; i < WB_SECRET_KEY_ID_DIGITS / 2; i++)
		snprintf(key->id + 2 * i, 3, "%02x", hash[i]);
	return NULL;
}

/* Read the key; returns NULL, or why there is none. */
const char *
wb_secret_key_read(WbSecretKey *key)
{
	const char *path = wb_setting_secret_key_file;
	int			file = OpenTransientFile(path, O_RDONLY | PG_BINARY);
	const char *problem;

	if (file < 0)
		return psprintf("could not open file \"%s\": %m", path);
	problem = check_file(file, key);
	CloseTransientFile(file);
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
 * wb.make_secret_key(): make the file, unless it is there.  Returns whether
 * it was made.
 */
Datum
wb_sql_make_secret_key(PG_FUNCTION_ARGS)
{
	const char *path = wb_setting_secret_key_file;
	uint8		bytes[WB_SECRET_KEY_BYTES];
	int			file;
	bool		is_written;
	int			failure;

	file = OpenTransientFilePerm(path, O_WRONLY | O_CREAT | O_EXCL | PG_BINARY,
								 S_IRUSR | S_IWUSR);
	if (file < 0 && errno == EEXIST)
		PG_RETURN_BOOL(false);
	if (file < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not create file \"%s\": %m", path),
				 errhint("Name a file in a directory that the server may write to in \"wb_automations.secret_key_file\".")));

	errno = 0;
	is_written = pg_strong_random(bytes, WB_SECRET_KEY_BYTES) &&
		write(file, bytes, WB_SECRET_KEY_BYTES) == WB_SECRET_KEY_BYTES &&
		pg_fsync(file) == 0;
	failure = errno ? errno : ENOSPC;
	explicit_bzero(bytes, WB_SECRET_KEY_BYTES);
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
	sync_directory_of(path);
	PG_RETURN_BOOL(true);
}
