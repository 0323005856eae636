/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tables that the daemon writes and packets read: policy halves, sets, interfaces; and those
 * that packets write: counters and slots.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>

#include "bpf/dataplane_private.h"
#include "core/base/cleanup.h"
#include "core/classify/image.h"

static int put(const struct ms_dataplane *dp, const char *map, const void *key, const void *value)
{
	int fd = ms_dataplane_map(dp, map);

	return fd < 0 ? fd : bpf_map_update_elem(fd, key, value, BPF_ANY);
}

static int get(const struct ms_dataplane *dp, const char *map, const void *key, void *value)
{
	int fd = ms_dataplane_map(dp, map);

	return fd < 0 ? fd : bpf_map_lookup_elem(fd, key, value);
}

static int erase(const struct ms_dataplane *dp, const char *map, const void *key)
{
	int fd = ms_dataplane_map(dp, map);

	return fd < 0 ? fd : bpf_map_delete_elem(fd, key);
}

/* ---- policy ---- */

/* Rows `first` on of an array, in one call to the kernel. */
static int put_rows(int fd, uint32_t first, const void *rows, uint32_t count)
{
	ms_cleanup(ms_free) uint32_t *keys = NULL;

	if (count == 0)
		return 0;
	keys = calloc(count, sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		keys[i] = first + i;
	return bpf_map_update_batch(fd, keys, rows, &count, NULL);
}

/* The same into a table that can be mapped: large ones, whose rows begin on a page. */
static int copy_rows(int fd, size_t first_byte, const void *rows, size_t size)
{
	void *into;

	if (size == 0)
		return 0;
	into = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)first_byte);
	if (into == MAP_FAILED)
		return -errno;
	memcpy(into, rows, size);
	munmap(into, size);
	return 0;
}

static int load_table(struct ms_dataplane *dp, unsigned int half,
		      const struct ms_image_table *table, struct ms_error *err)
{
	struct bpf_map_info info = { 0 };
	uint32_t length = sizeof(info);
	uint32_t first = (half & MS_HALF_MASK) * table->capacity + table->first;
	int fd = ms_dataplane_map(dp, table->map);
	int r;

	if (fd < 0)
		return ms_error_set(err, fd, "the datapath has no table %s", table->map);
	if (bpf_obj_get_info_by_fd(fd, &info, &length) < 0)
		return -errno;
	if (info.value_size != table->row_size || info.max_entries != 2 * table->capacity)
		return ms_error_set(err, -EPROTO, "the datapath's table %s has another shape",
				    table->map);
	if (table->n_rows > table->capacity || table->first > table->capacity - table->n_rows)
		return ms_error_set(err, -ENOSPC,
				    "the policy needs %u rows of table %s, which holds %u",
				    table->n_rows, table->map, table->capacity);
	if (info.map_flags & BPF_F_MMAPABLE)
		r = copy_rows(fd, first * table->row_size, table->rows,
			      table->n_rows * table->row_size);
	else
		r = put_rows(fd, first, table->rows, table->n_rows);
	if (r < 0)
		return ms_error_set(err, r, "table %s cannot be written: %s", table->map,
				    strerror(-r));
	return 0;
}

int ms_dataplane_load_tables(struct ms_dataplane *dp, unsigned int half,
			     const struct ms_image *image, struct ms_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < image->n_tables; i++)
		r = load_table(dp, half, &image->tables[i], err);
	return r;
}

int ms_dataplane_load_image(struct ms_dataplane *dp, unsigned int half,
			    const struct ms_image *image, struct ms_error *err)
{
	const struct ms_image_table groups = {
		.map = "ms_groups",
		.capacity = MS_GROUPS_MAX,
		.row_size = sizeof(image->groups[0]),
		.n_rows = MS_GROUPS_MAX,
		.rows = (void *)image->groups,
	};
	const struct ms_image_table failsafe = {
		.map = "ms_failsafe",
		.capacity = MS_FAILSAFE_MAX,
		.row_size = sizeof(image->failsafe[0]),
		.n_rows = MS_FAILSAFE_MAX,
		.rows = (void *)image->failsafe,
	};
	int r;

	r = load_table(dp, half, &groups, err);
	if (r == 0)
		r = load_table(dp, half, &failsafe, err);
	return r < 0 ? r : ms_dataplane_load_tables(dp, half, image, err);
}

int ms_dataplane_set_group(struct ms_dataplane *dp, unsigned int half, uint16_t group,
			   const struct ms_group *line)
{
	uint32_t key = (half & MS_HALF_MASK) * MS_GROUPS_MAX + group;

	return group < MS_GROUPS_MAX ? put(dp, "ms_groups", &key, line) : -ERANGE;
}

int ms_dataplane_get_group(const struct ms_dataplane *dp, unsigned int half, uint16_t group,
			   struct ms_group *ret_line)
{
	uint32_t key = (half & MS_HALF_MASK) * MS_GROUPS_MAX + group;

	return group < MS_GROUPS_MAX ? get(dp, "ms_groups", &key, ret_line) : -ERANGE;
}

/* ---- sets ---- */

/* The key of either family, behind one pointer. */
union set_key {
	struct ms_set_key4 k4;
	struct ms_set_key6 k6;
};

static const char *make_set_key(uint32_t set, const struct ms_cidr *member, union set_key *ret_key)
{
	memset(ret_key, 0, sizeof(*ret_key));
	if (member->addr.family == 4) {
		ret_key->k4.prefixlen = 32 + member->len;
		ret_key->k4.set = set;
		memcpy(&ret_key->k4.addr, member->addr.bytes, sizeof(ret_key->k4.addr));
		return "ms_set4";
	}
	ret_key->k6.prefixlen = 32 + member->len;
	ret_key->k6.set = set;
	memcpy(ret_key->k6.addr, member->addr.bytes, sizeof(ret_key->k6.addr));
	return "ms_set6";
}

int ms_dataplane_set_add(struct ms_dataplane *dp, uint32_t set, const struct ms_cidr *member,
			 uint32_t expires_tick, uint32_t until_tick)
{
	struct ms_set_entry entry = { .expires = expires_tick, .until = until_tick };
	union set_key key;

	return put(dp, make_set_key(set, member, &key), &key, &entry);
}

int ms_dataplane_set_remove(struct ms_dataplane *dp, uint32_t set, const struct ms_cidr *member)
{
	union set_key key;

	return erase(dp, make_set_key(set, member, &key), &key);
}

static int walk_set_table(const struct ms_dataplane *dp, unsigned int family, bool *stopped,
			  bool (*visit)(void *user, uint32_t set, const struct ms_cidr *member,
					uint32_t expires_tick),
			  void *user)
{
	int fd = ms_dataplane_map(dp, family == 4 ? "ms_set4" : "ms_set6");
	struct ms_cidr member = { .addr.family = (uint8_t)family };
	union set_key key, next;
	bool has_key = false;

	if (fd < 0)
		return fd;
	while (bpf_map_get_next_key(fd, has_key ? &key : NULL, &next) == 0) {
		struct ms_set_entry entry;
		uint32_t set;

		key = next;
		has_key = true;
		if (bpf_map_lookup_elem(fd, &key, &entry) < 0)
			continue;
		if (family == 4) {
			set = key.k4.set;
			member.len = (uint8_t)(key.k4.prefixlen - 32);
			memcpy(member.addr.bytes, &key.k4.addr, 4);
		} else {
			set = key.k6.set;
			member.len = (uint8_t)(key.k6.prefixlen - 32);
			memcpy(member.addr.bytes, key.k6.addr, 16);
		}
		if (!visit(user, set, &member, entry.expires)) {
			*stopped = true;
			return 0;
		}
	}
	return 0;
}

int ms_dataplane_set_foreach(const struct ms_dataplane *dp,
			     bool (*visit)(void *user, uint32_t set, const struct ms_cidr *member,
					   uint32_t expires_tick),
			     void *user)
{
	bool stopped = false;
	int r;

	r = walk_set_table(dp, 4, &stopped, visit, user);
	if (r == 0 && !stopped)
		r = walk_set_table(dp, 6, &stopped, visit, user);
	return r;
}

/* ---- interfaces ---- */

static const char *iface_map(uint32_t ifindex)
{
	return ifindex < MS_IFACES_MAX ? "ms_ifaces" : "ms_ifaces_far";
}

int ms_dataplane_put_iface(struct ms_dataplane *dp, const struct ms_iface *line)
{
	return line->ifindex ? put(dp, iface_map(line->ifindex), &line->ifindex, line) : -EINVAL;
}

int ms_dataplane_get_iface(const struct ms_dataplane *dp, uint32_t ifindex,
			   struct ms_iface *ret_line)
{
	struct ms_iface line;
	int r;

	r = get(dp, iface_map(ifindex), &ifindex, &line);
	if (r < 0)
		return r;
	if (ifindex == 0 || line.ifindex != ifindex)
		return -ENOENT;
	*ret_line = line;
	return 0;
}

int ms_dataplane_remove_iface(struct ms_dataplane *dp, uint32_t ifindex)
{
	static const struct ms_iface none;
	struct ms_iface line;
	int r;

	r = ms_dataplane_get_iface(dp, ifindex, &line);
	if (r < 0)
		return r;
	if (ifindex < MS_IFACES_MAX)
		return put(dp, "ms_ifaces", &ifindex, &none);
	return erase(dp, "ms_ifaces_far", &ifindex);
}

/* ---- slots ---- */

int ms_dataplane_put_slot(struct ms_dataplane *dp, uint32_t slot, const struct ms_slot_name *name)
{
	return slot < MS_SLOTS_MAX ? put(dp, "ms_slotname", &slot, name) : -ERANGE;
}

int ms_dataplane_get_slot(const struct ms_dataplane *dp, uint32_t slot,
			  struct ms_slot_name *ret_name)
{
	return get(dp, "ms_slotname", &slot, ret_name);
}

int ms_dataplane_remove_slot(struct ms_dataplane *dp, uint32_t slot)
{
	static const struct ms_slot_meta no_meta;
	static const struct ms_slot_log no_log;
	ms_cleanup(ms_free) struct ms_slot_count *no_counts = NULL;
	int r;

	if (slot >= MS_SLOTS_MAX)
		return -ERANGE;
	no_counts = calloc(dp->n_cpus, sizeof(*no_counts));
	if (!no_counts)
		return -ENOMEM;
	/* The name last: while it is there the slot still waits for all of this. */
	r = put(dp, "ms_slotcnt", &slot, no_counts);
	if (r == 0)
		r = put(dp, "ms_slotmeta", &slot, &no_meta);
	if (r == 0)
		r = put(dp, "ms_slotlog", &slot, &no_log);
	if (r == 0)
		r = erase(dp, "ms_slotname", &slot);
	return r;
}

int ms_dataplane_slot_foreach(const struct ms_dataplane *dp,
			      bool (*visit)(void *user, uint32_t slot,
					    const struct ms_slot_name *name),
			      void *user)
{
	int fd = ms_dataplane_map(dp, "ms_slotname");
	uint32_t slot, next;
	bool has_slot = false;

	if (fd < 0)
		return fd;
	while (bpf_map_get_next_key(fd, has_slot ? &slot : NULL, &next) == 0) {
		struct ms_slot_name name;

		slot = next;
		has_slot = true;
		if (bpf_map_lookup_elem(fd, &slot, &name) < 0)
			continue;
		/* Pinned memory: another hand may have written it. */
		name.rule[sizeof(name.rule) - 1] = '\0';
		name.origin[sizeof(name.origin) - 1] = '\0';
		name.source[sizeof(name.source) - 1] = '\0';
		if (!visit(user, slot, &name))
			break;
	}
	return 0;
}

/* ---- counters ---- */

int ms_dataplane_stats(const struct ms_dataplane *dp, struct ms_stats *ret_sum)
{
	ms_cleanup(ms_free) uint64_t *cells = NULL;
	const size_t n_cells = sizeof(struct ms_stats) / sizeof(uint64_t);
	struct ms_stats sum = { 0 };
	uint64_t *total = (uint64_t *)&sum;
	uint32_t zero = 0;
	int r;

	cells = calloc(dp->n_cpus, sizeof(struct ms_stats));
	if (!cells)
		return -ENOMEM;
	r = get(dp, "ms_stats", &zero, cells);
	if (r < 0)
		return r;
	for (size_t i = 0; i < dp->n_cpus * n_cells; i++)
		total[i % n_cells] += cells[i];
	*ret_sum = sum;
	return 0;
}

int ms_dataplane_slot_count(const struct ms_dataplane *dp, uint32_t slot,
			    struct ms_slot_count *ret_count, struct ms_slot_meta *ret_meta)
{
	ms_cleanup(ms_free) struct ms_slot_count *counts = NULL;
	struct ms_slot_count sum = { 0 };
	struct ms_slot_meta meta;
	struct ms_slot_log log;
	int r;

	counts = calloc(dp->n_cpus, sizeof(*counts));
	if (!counts)
		return -ENOMEM;
	r = get(dp, "ms_slotcnt", &slot, counts);
	if (r == 0)
		r = get(dp, "ms_slotmeta", &slot, &meta);
	if (r == 0)
		r = get(dp, "ms_slotlog", &slot, &log);
	if (r < 0)
		return r;
	/* The later one is the last; without hits there is none. */
	if (log.again && (!meta.hits || (int32_t)(log.last_again - meta.last_hit) > 0))
		meta.last_hit = log.last_again;
	meta.hits += log.again;
	/* One CPU's share may be below zero; the sum wraps back to what is right. */
	for (unsigned int cpu = 0; cpu < dp->n_cpus; cpu++) {
		sum.packets += counts[cpu].packets;
		sum.bytes += counts[cpu].bytes;
	}
	*ret_count = sum;
	*ret_meta = meta;
	return 0;
}

int ms_dataplane_zone_count(const struct ms_dataplane *dp, uint16_t zone,
			    struct ms_zone_count *ret_count)
{
	uint32_t key = zone;

	return get(dp, "ms_zonecnt", &key, ret_count);
}

int ms_dataplane_clear_zone(struct ms_dataplane *dp, uint16_t zone)
{
	static const struct ms_zone_count none;
	static const struct ms_zone_gap no_gap;
	uint32_t key = zone;
	int r = put(dp, "ms_zonecnt", &key, &none);

	return r < 0 ? r : put(dp, "ms_zonegap", &key, &no_gap);
}

int ms_dataplane_zone_gap(const struct ms_dataplane *dp, uint16_t zone, struct ms_zone_gap *ret_gap)
{
	uint32_t key = zone;

	return get(dp, "ms_zonegap", &key, ret_gap);
}
