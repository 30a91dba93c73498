/*-------------------------------------------------------------------------
 *
 * authorities.c
 *		Authorities of certificates that a test makes itself.
 *
 * Preloaded into a server (LD_PRELOAD), it opens the file that WB_TEST_CA names
 * wherever the system's list of trusted authorities would be opened.  Debian's
 * libcurl has the name of that list built in, and asks no variable.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *
choose(const char *name)
{
	const char *ours = getenv("WB_TEST_CA");
	const char *last = strrchr(name, '/');

	if (ours != NULL && last != NULL &&
		(strcmp(last, "/ca-certificates.crt") == 0 ||
		 strcmp(last, "/ca-bundle.crt") == 0 ||
		 strcmp(last, "/tls-ca-bundle.pem") == 0 ||
		 strcmp(last, "/cert.pem") == 0))
		return ours;
	return name;
}

FILE *
fopen(const char *name, const char *mode)
{
	FILE	   *(*next) (const char *, const char *) =
		(FILE * (*) (const char *, const char *)) dlsym(RTLD_NEXT, "fopen");

	return next(choose(name), mode);
}

FILE *
fopen64(const char *name, const char *mode)
{
	FILE	   *(*next) (const char *, const char *) =
		(FILE * (*) (const char *, const char *)) dlsym(RTLD_NEXT, "fopen64");

	return next(choose(name), mode);
}
