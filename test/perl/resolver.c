/*-------------------------------------------------------------------------
 *
 * resolver.c
 *		A resolver for tests, in front of the system's.
 *
 * Preloaded into a server (LD_PRELOAD), it answers for names that end with
 * ".test", which no name server knows: "NAME.hang.test" never has an answer,
 * and names that WB_TEST_HOSTS lists ("name=address,address ...") have those
 * addresses.  Every other name goes on to the system.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int (*Resolver) (const char *, const char *,
						 const struct addrinfo *, struct addrinfo **);

/* The addresses of a name, as text that the caller frees; NULL: not listed. */
static char *
find_addresses(const char *name)
{
	const char *list = getenv("WB_TEST_HOSTS");
	size_t		length = strlen(name);

	while (list != NULL && *list != '\0')
	{
		size_t		entry = strcspn(list, " ");

		if (entry > length && strncasecmp(list, name, length) == 0 &&
			list[length] == '=')
			return strndup(list + length + 1, entry - length - 1);
		list += entry + strspn(list + entry, " ");
	}
	return NULL;
}

static int
ends_with(const char *text, const char *end)
{
	size_t		length = strlen(text);

	return length >= strlen(end) &&
		strcasecmp(text + length - strlen(end), end) == 0;
}

int
getaddrinfo(const char *name, const char *service,
			const struct addrinfo *hints, struct addrinfo **result)
{
	Resolver	system_resolver = (Resolver) dlsym(RTLD_NEXT, "getaddrinfo");
	struct addrinfo **end = result;
	char	   *addresses;
	char	   *rest;
	int			failure = EAI_NONAME;

	if (name == NULL || !ends_with(name, ".test"))
		return system_resolver(name, service, hints, result);
	while (ends_with(name, ".hang.test"))
		pause();
	addresses = find_addresses(name);
	for (char *one = addresses ? strtok_r(addresses, ",", &rest) : NULL;
		 one != NULL; one = strtok_r(NULL, ",", &rest))
	{
		/* the lists of the parts become one, which freeaddrinfo takes */
		*end = NULL;
		if (system_resolver(one, service, hints, end) != 0)
			continue;
		failure = 0;
		while (*end != NULL)
			end = &(*end)->ai_next;
	}
	free(addresses);
	return failure;
}
