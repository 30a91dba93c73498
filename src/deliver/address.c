/*-------------------------------------------------------------------------
 *
 * address.c
 *		Which addresses may be connected to: public ones, and those that the
 *		administrator named.
 *
 * Whoever may write an integration decides where the server connects to.  So
 * that nobody reaches the machines behind it that way, an address is judged
 * at the moment it is connected to, when no resolver can change it any more.
 *
 * wb_address_refusal runs inside a callback of the HTTP library: nothing on
 * its path allocates memory or raises an error.
 *
 * IDENTIFICATION
 *		src/deliver/address.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "deliver/deliver.h"
#include "support/setting.h"

/*
 * Every address is held as 16 bytes; IPv4 in its mapped form ::ffff:a.b.c.d,
 * so that both spellings of one address are one address.
 */
typedef struct Address
{
	uint8		bytes[16];
} Address;

typedef struct Network
{
	Address		address;
	int			bits;
} Network;

#define IPV4_PREFIX_BITS	96
#define NETWORK_TEXT_BYTES	(INET6_ADDRSTRLEN + 8)

static const uint8 ipv4_prefix[12] = {[10] = 0xff,[11] = 0xff};

/*
 * What is not the public internet, from the registries of special purpose
 * addresses.  The forms that carry an IPv4 address in an IPv6 one are here as
 * a whole, because a gateway turns them into any address.
 */
static const char *const closed_networks[] = {
	"0.0.0.0/8",				/* this network */
	"10.0.0.0/8",				/* private */
	"100.64.0.0/10",			/* shared by a carrier's customers */
	"127.0.0.0/8",				/* loopback */
	"168.63.129.16/32",			/* a cloud's host, under a public number */
	"169.254.0.0/16",			/* link-local, and clouds' metadata */
	"172.16.0.0/12",			/* private */
	"192.0.0.0/24",				/* protocol assignments */
	"192.0.2.0/24",				/* documentation */
	"192.88.99.0/24",			/* 6to4 relays */
	"192.168.0.0/16",			/* private */
	"198.18.0.0/15",			/* benchmarks */
	"198.51.100.0/24",			/* documentation */
	"203.0.113.0/24",			/* documentation */
	"224.0.0.0/4",				/* multicast */
	"240.0.0.0/4",				/* reserved, and broadcast */
	"2001::/23",				/* protocol assignments, with Teredo */
	"2001:db8::/32",			/* documentation */
	"2002::/16",				/* 6to4 */
	"3fff::/20",				/* documentation */
};

/*
 * All that is assigned for global use in IPv6.  Outside lie loopback,
 * link-local, unique local, NAT64, multicast and what nobody has yet.
 */
static const char *const ipv6_global = "2000::/3";

/* Read an address as text, without brackets; false where it is none. */
static bool
read_address(const char *text, Address *address)
{
	if (inet_pton(AF_INET6, text, address->bytes) == 1)
		return true;
	memcpy(address->bytes, ipv4_prefix, sizeof(ipv4_prefix));
	return inet_pton(AF_INET, text, address->bytes + sizeof(ipv4_prefix)) == 1;
}

static bool
is_ipv4(const Address *address)
{
	return memcmp(address->bytes, ipv4_prefix, sizeof(ipv4_prefix)) == 0;
}

/*
 * Read "address/bits", or an address alone for itself only; false where the
 * text is neither.  Bits behind the mask mean nothing.
 */
static bool
read_network(const char *text, Network *network)
{
	char		copy[NETWORK_TEXT_BYTES];
	char	   *slash;
	int			least = 0;

	if (strlcpy(copy, text, sizeof(copy)) >= sizeof(copy))
		return false;
	slash = strchr(copy, '/');
	if (slash != NULL)
		*slash = '\0';
	if (!read_address(copy, &network->address))
		return false;
	if (strchr(copy, ':') == NULL)
		least = IPV4_PREFIX_BITS;

	network->bits = 128;
	if (slash != NULL)
	{
		const char *digits = slash + 1;

		if (*digits == '\0' || strlen(digits) > 3 ||
			strspn(digits, "0123456789") != strlen(digits))
			return false;
		network->bits = least + atoi(digits);
	}
	return network->bits <= 128;
}

static bool
is_inside(const Address *address, const Network *network)
{
	int			bytes = network->bits / 8;
	int			rest = network->bits % 8;
	uint8		mask = (uint8) (0xff << (8 - rest));

	if (memcmp(address->bytes, network->address.bytes, bytes) != 0)
		return false;
	return rest == 0 ||
		((address->bytes[bytes] ^ network->address.bytes[bytes]) & mask) == 0;
}

/*
 * Take the next member off a comma-separated list, without the blanks around
 * it, as far as it fits; false at the end.
 */
static bool
next_member(const char **list, char *member, size_t size)
{
	const char *start = *list;
	size_t		length;

	if (*start == '\0')
		return false;
	length = strcspn(start, ",");
	*list = start + length + (start[length] == ',' ? 1 : 0);

	while (length > 0 && isspace((unsigned char) *start))
		start++, length--;
	while (length > 0 && isspace((unsigned char) start[length - 1]))
		length--;
	length = Min(length, size - 1);
	memcpy(member, start, length);
	member[length] = '\0';
	return true;
}

/*
 * The list is read anew each time: that happens once a connection, costs a
 * microsecond, and leaves nothing that a reload could find out of date.
 */
static bool
is_allowed(const Address *address)
{
	const char *list = wb_setting_allowed_networks;
	char		member[NETWORK_TEXT_BYTES];
	Network		network;

	while (list != NULL && next_member(&list, member, sizeof(member)))
	{
		if (read_network(member, &network) && is_inside(address, &network))
			return true;
	}
	return false;
}

static bool
is_public(const Address *address)
{
	Network		network;

	for (size_t i = 0; i < lengthof(closed_networks); i++)
	{
		if (!read_network(closed_networks[i], &network) ||
			is_inside(address, &network))
			return false;
	}
	return is_ipv4(address) ||
		(read_network(ipv6_global, &network) && is_inside(address, &network));
}

static const char *
refuse_address(const Address *address)
{
	static char refusal[INET6_ADDRSTRLEN + 32];
	char		text[INET6_ADDRSTRLEN];

	if (is_public(address) || is_allowed(address))
		return NULL;
	if (is_ipv4(address))
		inet_ntop(AF_INET, address->bytes + sizeof(ipv4_prefix),
				  text, sizeof(text));
	else
		inet_ntop(AF_INET6, address->bytes, text, sizeof(text));
	snprintf(refusal, sizeof(refusal), "address %s is not public", text);
	return refusal;
}

/*
 * Why an address must not be connected to; NULL where it may.  The text is
 * static, and valid until the next call.
 */
const char *
wb_address_refusal(const struct sockaddr *address)
{
	Address		found;

	if (address->sa_family == AF_INET)
	{
		struct sockaddr_in ipv4;

		memcpy(&ipv4, address, sizeof(ipv4));
		memcpy(found.bytes, ipv4_prefix, sizeof(ipv4_prefix));
		memcpy(found.bytes + sizeof(ipv4_prefix), &ipv4.sin_addr, 4);
	}
	else if (address->sa_family == AF_INET6)
	{
		struct sockaddr_in6 ipv6;

		memcpy(&ipv6, address, sizeof(ipv6));
		memcpy(found.bytes, &ipv6.sin6_addr, sizeof(found.bytes));
	}
	else
		return "only addresses of the internet may be connected to";
	return refuse_address(&found);
}

/* The same for an address as text; NULL for a text that is no address too. */
const char *
wb_address_refusal_text(const char *address)
{
	Address		found;

	return read_address(address, &found) ? refuse_address(&found) : NULL;
}

/* Check hook of wb_automations.allowed_networks. */
bool
wb_address_check_networks(char **newval, void **extra, GucSource source)
{
	const char *list = *newval;
	char		member[NETWORK_TEXT_BYTES];
	Network		network;

	while (next_member(&list, member, sizeof(member)))
	{
		if (read_network(member, &network))
			continue;
		GUC_check_errdetail("\"%s\" is not a network.", member);
		GUC_check_errhint("Name networks as \"10.1.0.0/16\" or \"fd00::/8\", separated by commas.");
		return false;
	}
	return true;
}
