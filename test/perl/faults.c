/*-------------------------------------------------------------------------
 *
 * faults.c
 *		A disk that is full and memory that is gone, for tests.
 *
 * Preloaded into a server (LD_PRELOAD), it looks into the directory that
 * WB_TEST_FAULTS names at each call that could fail:
 *
 *		disk		while this exists, files whose path has the text in it
 *					cannot grow: ENOSPC.  What they have can be written anew,
 *					as on a real disk.
 *		memory		while this exists, "N title", processes whose title has the
 *					rest of its text in it get no memory at each N-th call.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

/* The text of a file, cut where it is too long; the length, or -1. */
static ssize_t
read_text(const char *name, char *text, size_t size)
{
	int			file = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t		length;

	if (file < 0)
		return -1;
	length = read(file, text, size - 1);
	close(file);
	if (length >= 0)
		text[length] = '\0';
	return length;
}

/* Does what would be written until "end" have to be refused? */
static int
is_disk_full(int file, off_t end)
{
	const char *directory = getenv("WB_TEST_FAULTS");
	char		name[PATH_MAX];
	char		path[PATH_MAX];
	char		text[PATH_MAX];
	struct stat status;
	ssize_t		length;

	if (directory == NULL)
		return 0;
	snprintf(name, sizeof(name), "%s/disk", directory);
	if (read_text(name, text, sizeof(text)) < 0)
		return 0;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", file);
	length = readlink(name, path, sizeof(path) - 1);
	if (length < 0)
		return 0;
	path[length] = '\0';
	return strstr(path, text) != NULL && fstat(file, &status) == 0 &&
		end > status.st_size;
}

static ssize_t
refuse(void)
{
	errno = ENOSPC;
	return -1;
}

ssize_t
pwrite(int file, const void *bytes, size_t count, off_t at)
{
	static ssize_t (*next) (int, const void *, size_t, off_t);

	if (next == NULL)
		next = (ssize_t (*) (int, const void *, size_t, off_t))
			dlsym(RTLD_NEXT, "pwrite");
	return is_disk_full(file, at + (off_t) count) ? refuse() :
		next(file, bytes, count, at);
}

ssize_t
pwrite64(int file, const void *bytes, size_t count, off64_t at)
{
	return pwrite(file, bytes, count, at);
}

ssize_t
pwritev(int file, const struct iovec *pieces, int count, off_t at)
{
	static ssize_t (*next) (int, const struct iovec *, int, off_t);
	off_t		end = at;

	if (next == NULL)
		next = (ssize_t (*) (int, const struct iovec *, int, off_t))
			dlsym(RTLD_NEXT, "pwritev");
	for (int i = 0; i < count; i++)
		end += (off_t) pieces[i].iov_len;
	return is_disk_full(file, end) ? refuse() :
		next(file, pieces, count, at);
}

ssize_t
pwritev64(int file, const struct iovec *pieces, int count, off64_t at)
{
	return pwritev(file, pieces, count, at);
}

int
posix_fallocate(int file, off_t at, off_t length)
{
	static int	(*next) (int, off_t, off_t);

	if (next == NULL)
		next = (int (*) (int, off_t, off_t)) dlsym(RTLD_NEXT, "posix_fallocate");
	return is_disk_full(file, at + length) ? ENOSPC : next(file, at, length);
}

int
posix_fallocate64(int file, off64_t at, off64_t length)
{
	return posix_fallocate(file, at, length);
}

/* Is it this call's turn to get no memory?  Sets errno where it is. */
static int
is_memory_gone(void)
{
	static __thread int is_asking;
	static long calls;
	const char *directory = getenv("WB_TEST_FAULTS");
	char		name[PATH_MAX];
	char		text[256];
	char		title[256];
	char	   *word;
	long		each;
	int			before = errno;
	int			is_gone = 0;

	if (directory == NULL || is_asking)
		return 0;
	is_asking = 1;
	snprintf(name, sizeof(name), "%s/memory", directory);
	if (read_text(name, text, sizeof(text)) > 0 &&
		read_text("/proc/self/cmdline", title, sizeof(title)) > 0)
	{
		each = strtol(text, &word, 10);
		is_gone = strstr(title, word + strspn(word, " ")) != NULL &&
			++calls % each == 0;
	}
	is_asking = 0;
	errno = is_gone ? ENOMEM : before;
	return is_gone;
}

void *
malloc(size_t size)
{
	return is_memory_gone() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	return is_memory_gone() ? NULL : __libc_calloc(count, size);
}

void *
realloc(void *block, size_t size)
{
	return is_memory_gone() ? NULL : __libc_realloc(block, size);
}
