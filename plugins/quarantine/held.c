/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "held.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#define AT_ONCE 1024

static struct quarantine_held key_of(const struct quarantine_case *told)
{
	struct quarantine_held key = { .set = told->set, .family = told->family };

	memcpy(key.addr, told->addr, sizeof(key.addr));
	return key;
}

int ms_quarantine_held_add(int map_fd, const struct quarantine_case *told, uint64_t until_ns,
			   bool *ret_is_new)
{
	const struct quarantine_held key = key_of(told);
	uint64_t before;
	bool is_new = bpf_map_lookup_elem(map_fd, &key, &before) < 0;

	if (bpf_map_update_elem(map_fd, &key, &until_ns, BPF_ANY) < 0)
		return -errno;
	*ret_is_new = is_new;
	return 0;
}

void ms_quarantine_held_remove(int map_fd, const struct quarantine_case *told)
{
	const struct quarantine_held key = key_of(told);

	bpf_map_delete_elem(map_fd, &key);
}

size_t ms_quarantine_held_clear(int map_fd, uint64_t now_ns)
{
	static struct quarantine_held keys[AT_ONCE];
	static uint64_t ends[AT_ONCE];
	uint32_t at, *from = NULL, count;
	size_t left = 0;
	int r;

	do {
		count = AT_ONCE;
		r = bpf_map_lookup_batch(map_fd, from, &at, keys, ends, &count, NULL);
		/* The last ones come with -ENOENT. */
		if (r < 0 && errno != ENOENT)
			break;
		for (uint32_t i = 0; i < count; i++) {
			if (ends[i] <= now_ns)
				bpf_map_delete_elem(map_fd, &keys[i]);
			else
				left++;
		}
		from = &at;
	} while (r == 0);
	return left;
}
