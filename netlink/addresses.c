/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/addresses.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* The same address may be on several interfaces, or on one with two prefix lengths. */
struct entry {
	struct ms_addr addr;
	uint32_t ifindex;
	uint8_t prefix;
	bool seen; /* since begin_compare */
};

struct ms_addresses {
	struct entry *entries; /* sorted by compare_entries */
	size_t count, room;
	struct ms_addr *list;
	size_t list_count, list_room;
	bool changed;
};

int ms_addresses_new(struct ms_addresses **ret_addresses)
{
	struct ms_addresses *addresses = calloc(1, sizeof(*addresses));

	if (!addresses)
		return -ENOMEM;
	*ret_addresses = addresses;
	return 0;
}

struct ms_addresses *ms_addresses_free(struct ms_addresses *addresses)
{
	if (!addresses)
		return NULL;
	free(addresses->entries);
	free(addresses->list);
	free(addresses);
	return NULL;
}

static int compare_entries(const struct entry *a, const struct entry *b)
{
	int r = ms_addr_compare(&a->addr, &b->addr);

	if (r == 0)
		r = a->ifindex < b->ifindex ? -1 : a->ifindex > b->ifindex;
	if (r == 0)
		r = (int)a->prefix - (int)b->prefix;
	return r;
}

static size_t position(const struct ms_addresses *addresses, const struct entry *entry)
{
	size_t low = 0, high = addresses->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_entries(&addresses->entries[middle], entry) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int add(struct ms_addresses *addresses, const struct entry *entry, size_t at)
{
	if (addresses->count == addresses->room) {
		size_t room = addresses->room ? 2 * addresses->room : 32;
		struct entry *entries = realloc(addresses->entries, room * sizeof(*entries));

		if (!entries)
			return -ENOMEM;
		addresses->entries = entries;
		addresses->room = room;
	}
	memmove(&addresses->entries[at + 1], &addresses->entries[at],
		(addresses->count - at) * sizeof(*entry));
	addresses->entries[at] = *entry;
	addresses->count++;
	addresses->changed = true;
	return 0;
}

static void drop(struct ms_addresses *addresses, size_t at)
{
	memmove(&addresses->entries[at], &addresses->entries[at + 1],
		(addresses->count - at - 1) * sizeof(*addresses->entries));
	addresses->count--;
	addresses->changed = true;
}

static int parse(struct nlmsghdr *message, struct entry *ret_entry)
{
	struct nlattr *attributes[IFA_MAX + 1], *ours;
	const struct ifaddrmsg *header = nlmsg_data(message);
	struct entry entry = { .ifindex = 0 };
	int bytes;

	if (nlmsg_datalen(message) < (int)sizeof(*header))
		return -EBADMSG;
	if (header->ifa_family != AF_INET && header->ifa_family != AF_INET6)
		return -ENOMSG;
	if (nlmsg_parse(message, sizeof(*header), attributes, IFA_MAX, NULL) < 0)
		return -EBADMSG;
	/* On a point-to-point link IFA_ADDRESS is the other end's. */
	ours = attributes[IFA_LOCAL] ? attributes[IFA_LOCAL] : attributes[IFA_ADDRESS];
	bytes = header->ifa_family == AF_INET ? 4 : 16;
	if (!ours || nla_len(ours) != bytes)
		return -EBADMSG;
	entry.addr.family = header->ifa_family == AF_INET ? 4 : 6;
	memcpy(entry.addr.bytes, nla_data(ours), (size_t)bytes);
	entry.ifindex = header->ifa_index;
	entry.prefix = header->ifa_prefixlen;
	*ret_entry = entry;
	return 0;
}

int ms_addresses_apply(struct ms_addresses *addresses, struct nlmsghdr *message,
		       uint32_t *ret_ifindex)
{
	struct entry entry;
	bool known;
	size_t at;
	int r = parse(message, &entry);

	if (r < 0)
		return r;
	at = position(addresses, &entry);
	known = at < addresses->count && compare_entries(&addresses->entries[at], &entry) == 0;
	if (message->nlmsg_type == RTM_DELADDR && known)
		drop(addresses, at);
	else if (message->nlmsg_type == RTM_NEWADDR && !known)
		r = add(addresses, &entry, at);
	if (r == 0 && message->nlmsg_type == RTM_NEWADDR)
		addresses->entries[at].seen = true;
	if (r == 0)
		*ret_ifindex = entry.ifindex;
	return r;
}

void ms_addresses_begin_compare(struct ms_addresses *addresses)
{
	for (size_t i = 0; i < addresses->count; i++)
		addresses->entries[i].seen = false;
}

void ms_addresses_drop_missing(struct ms_addresses *addresses)
{
	size_t kept = 0;

	for (size_t i = 0; i < addresses->count; i++) {
		if (addresses->entries[i].seen)
			addresses->entries[kept++] = addresses->entries[i];
	}
	if (kept != addresses->count)
		addresses->changed = true;
	addresses->count = kept;
}

bool ms_addresses_settle(struct ms_addresses *addresses)
{
	size_t count = 0;
	bool differs = false;

	if (!addresses->changed)
		return false;
	if (addresses->list_room < addresses->count) {
		struct ms_addr *list =
			realloc(addresses->list, addresses->room * sizeof(*addresses->list));

		if (!list)
			return false; /* `changed` stays: the next settle tries again */
		addresses->list = list;
		addresses->list_room = addresses->room;
	}
	for (size_t i = 0; i < addresses->count; i++) {
		const struct ms_addr *addr = &addresses->entries[i].addr;

		if (count > 0 && ms_addr_compare(&addresses->list[count - 1], addr) == 0)
			continue;
		if (count >= addresses->list_count ||
		    ms_addr_compare(&addresses->list[count], addr) != 0)
			differs = true;
		addresses->list[count++] = *addr;
	}
	differs |= count != addresses->list_count;
	addresses->list_count = count;
	addresses->changed = false;
	return differs;
}

const struct ms_addr *ms_addresses_list(const struct ms_addresses *addresses, size_t *ret_count)
{
	*ret_count = addresses->list_count;
	return addresses->list;
}
