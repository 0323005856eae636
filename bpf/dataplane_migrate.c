/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * State that moves to tables of another layout or size. First everything, while no packet meets
 * the new tables; when the new programs are on every hook, the sessions that packets made in the
 * old ones meanwhile.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "bpf/dataplane_private.h"
#include "core/base/cleanup.h"

/* The first layout whose state below means what it means in this one. A layout that changes the
 * meaning of any of it raises this, or converts. */
#define STATE_SINCE 1

/* Entries of an array. */
#define COPIED_AT_ONCE 256

/* What outlives a policy. The rest the daemon writes anew before anything is attached. */
static const char *const state[] = {
	"ms_ifaces",  "ms_ifaces_far", "ms_slotname", "ms_slotmeta",
	"ms_slotcnt", "ms_zonecnt",    "ms_epochs",
};

/* Sessions of the engine `lru_hash`. Before layout 11 `set` had the first two of them as well. */
static const struct {
	const char *map;
	uint8_t family;
	bool half_open;
} hashes[] = {
	{ "ms_half4", 4, true },
	{ "ms_half6", 6, true },
	{ "ms_sess4", 4, false },
	{ "ms_sess6", 6, false },
};

static int open_old(const struct ms_dataplane *dp, const char *name)
{
	char path[128];

	return bpf_obj_get(ms_dataplane_pins_path(dp->pins.old_fd, name, path, sizeof(path)));
}

static int same_shape(int from, int to, struct bpf_map_info *ret_info)
{
	struct bpf_map_info other = { 0 };
	uint32_t length = sizeof(other);

	memset(ret_info, 0, sizeof(*ret_info));
	if (bpf_obj_get_info_by_fd(from, ret_info, &length) < 0)
		return -errno;
	length = sizeof(other);
	if (bpf_obj_get_info_by_fd(to, &other, &length) < 0)
		return -errno;
	return other.type == ret_info->type && other.key_size == ret_info->key_size &&
			       other.value_size == ret_info->value_size
		       ? 0
		       : -ENOTSUP;
}

/* Bytes of one entry's value as user space sees it. */
static size_t value_bytes(const struct ms_dataplane *dp, const struct bpf_map_info *info)
{
	size_t size = (info->value_size + 7) / 8 * 8;

	return info->type == BPF_MAP_TYPE_PERCPU_ARRAY ? size * dp->n_cpus : info->value_size;
}

static bool is_array(const struct bpf_map_info *info)
{
	return info->type == BPF_MAP_TYPE_ARRAY || info->type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

/* Arrays have all their entries always, hundreds of thousands together: not three calls for each.
 */
static int copy_array(const struct ms_dataplane *dp, int from, int to,
		      const struct bpf_map_info *info)
{
	ms_cleanup(ms_free) uint32_t *keys = calloc(COPIED_AT_ONCE, sizeof(*keys));
	ms_cleanup(ms_free) void *values = calloc(COPIED_AT_ONCE, value_bytes(dp, info));
	uint32_t position = 0;
	void *previous = NULL;
	bool end = false;

	if (!keys || !values)
		return -ENOMEM;
	while (!end) {
		uint32_t count = COPIED_AT_ONCE;

		if (bpf_map_lookup_batch(from, previous, &position, keys, values, &count, NULL) <
		    0) {
			if (errno != ENOENT)
				return -errno;
			end = true;
		}
		previous = &position;
		if (count > 0 && bpf_map_update_batch(to, keys, values, &count, NULL) < 0)
			return errno == E2BIG ? 0 : -errno;
	}
	return 0;
}

/* Every entry of `from` to `to`; an entry that `to` has already wins. A table too small for all
 * takes what fits: a flow that is left out is judged anew. */
static int copy(int from, int to, const struct bpf_map_info *info, uint64_t flags)
{
	ms_cleanup(ms_free) void *key = calloc(1, info->key_size);
	ms_cleanup(ms_free) void *next = calloc(1, info->key_size);
	ms_cleanup(ms_free) void *value = calloc(1, info->value_size);
	void *previous = NULL;

	if (!key || !next || !value)
		return -ENOMEM;
	while (bpf_map_get_next_key(from, previous, next) == 0) {
		memcpy(key, next, info->key_size);
		previous = key;
		if (bpf_map_lookup_elem(from, key, value) < 0)
			continue;
		if (bpf_map_update_elem(to, key, value, flags) < 0 && errno != EEXIST &&
		    errno != E2BIG && errno != ENOMEM)
			return -errno;
	}
	return 0;
}

static int copy_table(const struct ms_dataplane *dp, const char *name, uint64_t flags)
{
	ms_cleanup(ms_close_fd) int from = open_old(dp, name);
	int to = ms_dataplane_map(dp, name);
	struct bpf_map_info info;
	int r;

	if (from < 0)
		return from;
	if (to < 0)
		return to;
	r = same_shape(from, to, &info);
	if (r < 0)
		return r;
	return is_array(&info) ? copy_array(dp, from, to, &info) : copy(from, to, &info, flags);
}

/* What slots held back, and hits. Before layout 12 it was of another shape and had no hits, so it
 * is left: no event tells of what was held back then. */
static int copy_log(const struct ms_dataplane *dp)
{
	int r = copy_table(dp, "ms_slotlog", BPF_ANY);

	return r == -ENOTSUP || r == -ENOENT ? 0 : r;
}

/*
 * The counters. New reasons come at the end of the list, so an older layout has the same cells, in
 * shorter tables: packets, bytes, and the rest. `*ret_reasons` = how many it knew; -ENOTSUP.
 */
static int stats_reasons(const struct bpf_map_info *info, unsigned int *ret_reasons)
{
	const size_t row = 2 * MS_VERDICT__COUNT;
	size_t cells = info->value_size / sizeof(uint64_t);

	if (info->type != BPF_MAP_TYPE_PERCPU_ARRAY || info->value_size % sizeof(uint64_t) ||
	    cells <= MS_STAT__COUNT || (cells - MS_STAT__COUNT) % row ||
	    (cells - MS_STAT__COUNT) / row > MS_REASON__COUNT)
		return -ENOTSUP;
	*ret_reasons = (unsigned int)((cells - MS_STAT__COUNT) / row);
	return 0;
}

static int read_stats_info(const struct ms_dataplane *dp, int *ret_fd, unsigned int *ret_reasons)
{
	ms_cleanup(ms_close_fd) int fd = open_old(dp, "ms_stats");
	struct bpf_map_info info = { 0 };
	uint32_t length = sizeof(info);
	int r;

	if (fd < 0)
		return fd;
	if (bpf_obj_get_info_by_fd(fd, &info, &length) < 0)
		return -errno;
	r = stats_reasons(&info, ret_reasons);
	if (r == 0)
		*ret_fd = ms_take_fd(&fd);
	return r;
}

static int copy_stats(const struct ms_dataplane *dp)
{
	ms_cleanup(ms_close_fd) int from = -1;
	ms_cleanup(ms_free) struct ms_stats *stats = NULL;
	ms_cleanup(ms_free) uint64_t *cells = NULL;
	unsigned int reasons;
	size_t table, size;
	uint32_t zero = 0;
	int r = read_stats_info(dp, &from, &reasons);

	if (r < 0)
		return r;
	table = (size_t)reasons * MS_VERDICT__COUNT;
	size = 2 * table + MS_STAT__COUNT;
	cells = calloc(dp->n_cpus, size * sizeof(*cells));
	stats = calloc(dp->n_cpus, sizeof(*stats));
	if (!cells || !stats)
		return -ENOMEM;
	if (bpf_map_lookup_elem(from, &zero, cells) < 0)
		return -errno;
	for (unsigned int cpu = 0; cpu < dp->n_cpus; cpu++) {
		const uint64_t *old = cells + cpu * size;

		memcpy(stats[cpu].packets, old, table * sizeof(*old));
		memcpy(stats[cpu].bytes, old + table, table * sizeof(*old));
		memcpy(stats[cpu].other, old + 2 * table, sizeof(stats[cpu].other));
	}
	return bpf_map_update_elem(ms_dataplane_map(dp, "ms_stats"), &zero, stats, BPF_ANY) < 0
		       ? -errno
		       : 0;
}

/* ---- sessions, from either engine to either ---- */

static bool old_has_lines(const struct ms_dataplane *dp)
{
	size_t length = strlen(dp->pins.old);

	return length > 4 && strcmp(dp->pins.old + length - 4, "-set") == 0;
}

/* Of one-way sessions too? */
static bool old_has_oneway(const struct ms_dataplane *dp)
{
	ms_cleanup(ms_close_fd) int heads = open_old(dp, "ms_heads");

	return heads >= 0;
}

/* They are only read, in order: no seed is needed, and of two-way sessions no tags. */
static int open_old_lines(const struct ms_dataplane *dp, bool half_open,
			  struct ms_dataplane_lines *ret_lines)
{
	ms_cleanup(ms_close_fd) int narrow = open_old(dp, half_open ? "ms_oneway4" : "ms_lines4");
	ms_cleanup(ms_close_fd) int wide = open_old(dp, half_open ? "ms_oneway6" : "ms_lines6");
	ms_cleanup(ms_close_fd) int heads = half_open ? open_old(dp, "ms_heads") : -1;

	if (half_open && heads < 0)
		return heads;
	return ms_dataplane_lines_open(narrow, wide, heads, 0, ret_lines);
}

/* What finds no room is judged anew. */
static int put_session(struct ms_dataplane *dp, const struct ms_session_raw *session,
		       uint64_t flags)
{
	const char *map;

	if (dp->session_table == MS_SESSION_TABLE_SET) {
		int r = ms_dataplane_lines_put(session->half_open ? &dp->oneway : &dp->lines,
					       session);

		return r == -EEXIST || r == -E2BIG ? 0 : r;
	}
	if (session->half_open)
		map = session->family == 4 ? "ms_half4" : "ms_half6";
	else
		map = session->family == 4 ? "ms_sess4" : "ms_sess6";
	if (bpf_map_update_elem(ms_dataplane_map(dp, map), &session->key, &session->value, flags) <
		    0 &&
	    errno != EEXIST && errno != E2BIG && errno != ENOMEM)
		return -errno;
	return 0;
}

static int move_lines(struct ms_dataplane *dp, bool half_open, uint64_t flags)
{
	struct ms_dataplane_lines lines;
	int r = open_old_lines(dp, half_open, &lines);

	if (r < 0)
		return r;
	r = ms_dataplane_lines_map(&lines);
	for (int wide = 0; wide < 2; wide++) {
		for (uint32_t i = 0; r == 0 && i < lines.sets * MS_SET_WAYS; i++) {
			struct ms_session_raw session;

			if (ms_dataplane_lines_read(&lines, wide, i, &session) &&
			    session.value.epoch != MS_EPOCH_DEAD)
				r = put_session(dp, &session, flags);
		}
	}
	ms_dataplane_lines_close(&lines);
	return r;
}

static int move_hash(struct ms_dataplane *dp, size_t hash, uint64_t flags)
{
	ms_cleanup(ms_close_fd) int from = open_old(dp, hashes[hash].map);
	struct ms_session_raw session = {
		.family = hashes[hash].family,
		.half_open = hashes[hash].half_open,
	};
	struct ms_key6 key, next; /* the larger one */
	void *previous = NULL;

	if (from < 0)
		return from;
	while (bpf_map_get_next_key(from, previous, &next) == 0) {
		int r;

		key = next;
		previous = &key;
		memcpy(&session.key, &key, sizeof(session.key));
		if (bpf_map_lookup_elem(from, &key, &session.value) < 0 ||
		    session.value.epoch == MS_EPOCH_DEAD)
			continue;
		r = put_session(dp, &session, flags);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Which hashes are moved; lines are where they are not. */
static bool is_moved(const struct ms_dataplane *dp, size_t hash)
{
	return hashes[hash].half_open ? !old_has_oneway(dp) : !old_has_lines(dp);
}

static int move_sessions(struct ms_dataplane *dp, uint64_t flags)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ms_array_size(hashes); i++) {
		if (is_moved(dp, i))
			r = move_hash(dp, i, flags);
	}
	if (r == 0 && old_has_oneway(dp))
		r = move_lines(dp, true, flags);
	if (r == 0 && old_has_lines(dp))
		r = move_lines(dp, false, flags);
	return r;
}

static int copy_sessions(struct ms_dataplane *dp, uint64_t flags)
{
	int r = move_sessions(dp, flags);

	ms_dataplane_lines_unmap(&dp->lines);
	ms_dataplane_lines_unmap(&dp->oneway);
	return r;
}

static int copy_control(struct ms_dataplane *dp)
{
	ms_cleanup(ms_close_fd) int from = open_old(dp, "ms_control");
	struct ms_control old;
	struct bpf_map_info info;
	uint32_t zero = 0;
	int r;

	if (from < 0)
		return from;
	r = same_shape(from, ms_dataplane_map(dp, "ms_control"), &info);
	if (r < 0)
		return r;
	if (bpf_map_lookup_elem(from, &zero, &old) < 0)
		return -errno;
	old.half = 0;
	/* Where things lie is each table's own. */
	old.session_sets = dp->lines.sets;
	old.oneway_sets = dp->oneway.sets;
	old.session_seed = dp->lines.seed;
	*dp->control = old;
	return 0;
}

/* Is a session there what it is here? */
static bool is_hash_readable(const struct ms_dataplane *dp, size_t hash)
{
	const size_t key_size =
		hashes[hash].family == 4 ? sizeof(struct ms_key4) : sizeof(struct ms_key6);
	ms_cleanup(ms_close_fd) int from = open_old(dp, hashes[hash].map);
	struct bpf_map_info info = { 0 };
	uint32_t length = sizeof(info);

	return from >= 0 && bpf_obj_get_info_by_fd(from, &info, &length) == 0 &&
	       info.key_size == key_size && info.value_size == sizeof(struct ms_session);
}

static int check_readable(const struct ms_dataplane *dp)
{
	ms_cleanup(ms_close_fd) int stats = -1;
	unsigned int reasons;

	if (dp->pins.old_layout < STATE_SINCE || dp->pins.old_layout > MS_LAYOUT_VERSION)
		return -ENOTSUP;
	for (size_t i = 0; i < ms_array_size(state); i++) {
		ms_cleanup(ms_close_fd) int from = open_old(dp, state[i]);
		struct bpf_map_info info;

		if (from < 0 || same_shape(from, ms_dataplane_map(dp, state[i]), &info) < 0)
			return -ENOTSUP;
	}
	for (size_t i = 0; i < ms_array_size(hashes); i++) {
		if (is_moved(dp, i) && !is_hash_readable(dp, i))
			return -ENOTSUP;
	}
	for (int half_open = 0; half_open < 2; half_open++) {
		struct ms_dataplane_lines lines;

		if (half_open ? !old_has_oneway(dp) : !old_has_lines(dp))
			continue;
		if (open_old_lines(dp, half_open, &lines) < 0)
			return -ENOTSUP;
		ms_dataplane_lines_close(&lines);
	}
	return read_stats_info(dp, &stats, &reasons) < 0 ? -ENOTSUP : 0;
}

int ms_dataplane_migrate(struct ms_dataplane *dp)
{
	int r;

	r = check_readable(dp);
	if (r < 0) {
		snprintf(dp->note, sizeof(dp->note),
			 "tables of layout %u cannot be read by layout %u: flows are judged anew",
			 dp->pins.old_layout, MS_LAYOUT_VERSION);
		return r;
	}
	r = copy_control(dp);
	for (size_t i = 0; r == 0 && i < ms_array_size(state); i++)
		r = copy_table(dp, state[i], BPF_ANY);
	if (r == 0)
		r = copy_log(dp);
	if (r == 0)
		r = copy_stats(dp);
	if (r == 0)
		r = copy_sessions(dp, BPF_ANY);
	/* Old verdicts are the old policy's: nothing is taken from a session unasked. */
	if (r == 0)
		ms_dataplane_bump_epoch(dp);
	if (r == 0)
		snprintf(dp->note, sizeof(dp->note), "sessions moved from tables %s to %s",
			 dp->pins.old, dp->pins.tables + strlen("new-"));
	return r;
}

int ms_dataplane_migrate_rest(struct ms_dataplane *dp)
{
	int r = check_readable(dp);

	if (r == 0)
		r = copy_sessions(dp, BPF_NOEXIST);
	/* What was denied for want of one of them is not to be denied again (bpf/lib/denied.h). */
	if (r == 0)
		ms_dataplane_bump_epoch(dp);
	return r;
}
