/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of which sets an address is a member: ms_member4/6 and ms_asked. */
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include "bpf/dataplane_private.h"

/* The key of either family, behind one pointer. */
union member_key {
	struct ms_member_key4 k4;
	struct ms_member_key6 k6;
};

static const char *make_key(const struct ms_cidr *cidr, union member_key *ret_key)
{
	memset(ret_key, 0, sizeof(*ret_key));
	ret_key->k4.prefixlen = cidr->len;
	if (cidr->addr.family == 4) {
		memcpy(&ret_key->k4.addr, cidr->addr.bytes, sizeof(ret_key->k4.addr));
		return "ms_member4";
	}
	memcpy(ret_key->k6.addr, cidr->addr.bytes, sizeof(ret_key->k6.addr));
	return "ms_member6";
}

int ms_dataplane_member_put(struct ms_dataplane *dp, const struct ms_cidr *cidr,
			    const struct ms_member_sets *sets)
{
	union member_key key;
	int fd = ms_dataplane_map(dp, make_key(cidr, &key));

	return fd < 0 ? fd : bpf_map_update_elem(fd, &key, sets, BPF_ANY);
}

int ms_dataplane_member_remove(struct ms_dataplane *dp, const struct ms_cidr *cidr)
{
	union member_key key;
	int fd = ms_dataplane_map(dp, make_key(cidr, &key));

	return fd < 0 ? fd : bpf_map_delete_elem(fd, &key);
}

/* The first key is the next one of whatever is gone: each time one less is there. */
static int clear_map(int fd)
{
	union member_key key;
	int r = fd < 0 ? fd : 0;

	while (r == 0) {
		r = bpf_map_get_next_key(fd, NULL, &key);
		if (r == 0)
			r = bpf_map_delete_elem(fd, &key);
	}
	return r == -ENOENT ? 0 : r;
}

int ms_dataplane_members_clear(struct ms_dataplane *dp)
{
	int r = clear_map(ms_dataplane_map(dp, "ms_member4"));

	return r < 0 ? r : clear_map(ms_dataplane_map(dp, "ms_member6"));
}

int ms_dataplane_asked_get(const struct ms_dataplane *dp, struct ms_asked *ret_asked)
{
	int fd = ms_dataplane_map(dp, "ms_asked");
	uint32_t zero = 0;

	return fd < 0 ? fd : bpf_map_lookup_elem(fd, &zero, ret_asked);
}

int ms_dataplane_asked_put(struct ms_dataplane *dp, const struct ms_asked *asked)
{
	int fd = ms_dataplane_map(dp, "ms_asked");
	uint32_t zero = 0;

	return fd < 0 ? fd : bpf_map_update_elem(fd, &zero, asked, BPF_ANY);
}
