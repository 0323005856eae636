/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the maps hold: sessions and counters. */
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/lib/flow_key.h"
#include "core/base/cleanup.h"
#include "tests/bpf/rig_private.h"
#include "tests/harness/ms_check.h"

/* ---- sessions ---- */

static size_t walk(const char *map, int family, bool is_half, bool dead,
		   struct ms_rig_session *sessions, size_t max, size_t count)
{
	struct ms_rig_session session = { .family = family, .is_half = is_half };
	struct ms_key6 key, next;
	void *previous = NULL;

	while (bpf_map_get_next_key(ms_rig_fd(map), previous, &next) == 0) {
		key = next;
		previous = &key;
		if (bpf_map_lookup_elem(ms_rig_fd(map), &key, &session.value) < 0 ||
		    (dead ? session.value.epoch != MS_EPOCH_DEAD
			  : !ms_session_is_live(&session.value)))
			continue;
		session.key = key;
		if (sessions && count < max)
			sessions[count] = session;
		count++;
	}
	return count;
}

/* The same over lines. */
static size_t walk_lines(const struct ms_dataplane_lines *lines, bool wide, bool dead,
			 struct ms_rig_session *sessions, size_t max, size_t count)
{
	for (uint32_t i = 0; i < lines->sets * MS_SET_WAYS; i++) {
		struct ms_rig_session session = { .is_half = lines->half_open };
		struct ms_session_raw raw;

		if (!ms_dataplane_lines_read(lines, wide, i, &raw) ||
		    (dead ? raw.value.epoch != MS_EPOCH_DEAD : !ms_session_is_live(&raw.value)))
			continue;
		session.family = raw.family;
		session.value = raw.value;
		memcpy(&session.key, &raw.key, sizeof(session.key));
		if (sessions && count < max)
			sessions[count] = session;
		count++;
	}
	return count;
}

static size_t walk_two_way(bool dead, struct ms_rig_session *sessions, size_t max, size_t count)
{
	if (ms_rig.lines.sets) {
		count = walk_lines(&ms_rig.lines, false, dead, sessions, max, count);
		return walk_lines(&ms_rig.lines, true, dead, sessions, max, count);
	}
	count = walk("ms_sess4", 4, false, dead, sessions, max, count);
	return walk("ms_sess6", 6, false, dead, sessions, max, count);
}

size_t ms_rig_sessions(struct ms_rig_session *ret_sessions, size_t max)
{
	size_t count = 0;

	if (ms_rig.oneway.sets) {
		count = walk_lines(&ms_rig.oneway, false, false, ret_sessions, max, count);
		count = walk_lines(&ms_rig.oneway, true, false, ret_sessions, max, count);
	} else {
		count = walk("ms_half4", 4, true, false, ret_sessions, max, count);
		count = walk("ms_half6", 6, true, false, ret_sessions, max, count);
	}
	return walk_two_way(false, ret_sessions, max, count);
}

size_t ms_rig_dead_sessions(void)
{
	return walk_two_way(true, NULL, 0, 0);
}

size_t ms_rig_places(bool *ret_are_lines)
{
	*ret_are_lines = ms_rig.lines.sets > 0;
	return *ret_are_lines ? (size_t)ms_rig.lines.sets * MS_SET_WAYS : MS_RIG_SESSIONS;
}

size_t ms_rig_beside(bool wide)
{
	const struct ms_dataplane_lines *lines = &ms_rig.lines;
	const struct ms_lines4 *four = lines->tables[0].at;
	const struct ms_lines6 *six = lines->tables[1].at;
	size_t count = 0;

	for (uint32_t i = 0; i < lines->sets * MS_SET_WAYS; i++) {
		uint32_t set = i / MS_SET_WAYS, way = i % MS_SET_WAYS;
		const __u64 *key = wide ? six[set].way[way].key : four[set].way[way].key;
		struct ms_session_raw raw;

		if (!ms_dataplane_lines_read(lines, wide, i, &raw) ||
		    !ms_session_is_live(&raw.value))
			continue;
		count += ms_lines_index(ms_lines_place(key, wide, lines->seed).first,
					lines->sets) != set;
	}
	return count;
}

static void run_reaper(struct ms_reap_io *io)
{
	static const uint8_t frame[64];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame));
	uint32_t zero = 0;

	ms_rig_put("ms_reap_io", &zero, io);
	ck_assert_int_eq(bpf_prog_test_run_opts(ms_rig_program_fd("ms_reap"), &opts), 0);
	ck_assert_int_eq(bpf_map_lookup_elem(ms_rig_fd("ms_reap_io"), &zero, io), 0);
}

void ms_rig_reap_step(const struct ms_rig_session *sessions, size_t count, bool force, int step,
		      uint32_t *ret_results)
{
	for (size_t i = 0; i < count; i++) {
		struct ms_reap_io io = {
			.count = 1,
			.family = (uint8_t)sessions[i].family,
			.half_open = sessions[i].is_half,
			.force = force,
			.step = (uint8_t)step,
		};

		memcpy(&io.keys[0].k6, &sessions[i].key, sizeof(io.keys[0].k6));
		io.keys[0].epoch = sessions[i].value.epoch;
		io.keys[0].last_seen = sessions[i].value.last_seen;
		run_reaper(&io);
		ret_results[i] = io.keys[0].result;
	}
}

size_t ms_rig_reap(const struct ms_rig_session *sessions, size_t count, bool force)
{
	ms_cleanup(ms_free) uint32_t *results = calloc(count ? count : 1, sizeof(*results));
	const int steps[] = { MS_REAP_END, MS_REAP_MARK, MS_REAP_DELETE };
	size_t deleted = 0;

	ck_assert_ptr_nonnull(results);
	for (size_t step = 0; step < sizeof(steps) / sizeof(steps[0]); step++) {
		ms_rig_reap_step(sessions, count, force, steps[step], results);
		for (size_t i = 0; i < count; i++)
			deleted += results[i] == MS_REAPED_DELETED;
	}
	return deleted;
}

/* ---- counters ---- */

static struct ms_slot_count slot_count(uint32_t slot)
{
	struct ms_slot_count *values = calloc(ms_rig.cpus, sizeof(*values)), sum = { 0 };

	ck_assert_ptr_nonnull(values);
	ck_assert_int_eq(bpf_map_lookup_elem(ms_rig_fd("ms_slotcnt"), &slot, values), 0);
	for (unsigned int i = 0; i < ms_rig.cpus; i++) {
		sum.packets += values[i].packets;
		sum.bytes += values[i].bytes;
	}
	free(values);
	return sum;
}

/* Everything counted for each author, live two-way sessions included; returns how many sessions. */
void ms_rig_take_totals(struct ms_slot_count *totals, int *ret_half, int *ret_sess)
{
	static struct ms_rig_session sessions[4 * MS_RIG_SESSIONS];
	size_t count = ms_rig_sessions(sessions, 4 * MS_RIG_SESSIONS);

	*ret_half = *ret_sess = 0;
	for (uint32_t slot = 0; slot < ms_rig.n_authors; slot++)
		totals[slot] = slot_count(slot);
	for (size_t i = 0; i < count; i++) {
		const struct ms_session *value = &sessions[i].value;
		uint32_t slot = value->word & MS_SESS_SLOT_MASK;

		if (sessions[i].is_half) {
			++*ret_half;
			continue;
		}
		++*ret_sess;
		totals[slot].packets += value->packets[0] + value->packets[1];
		totals[slot].bytes += value->bytes[0] + value->bytes[1];
	}
}

static uint32_t author_slot(const char *author)
{
	for (uint32_t i = 0; i < ms_rig.n_authors; i++)
		if (strcmp(ms_rig.authors[i], author) == 0)
			return i;
	ck_abort_msg("no author %s", author);
	return 0;
}

uint64_t ms_rig_total(const char *author)
{
	struct ms_slot_count totals[MS_RIG_AUTHORS_MAX];
	int half, sess;

	ms_rig_take_totals(totals, &half, &sess);
	return totals[author_slot(author)].packets;
}

uint64_t ms_rig_folded(const char *author)
{
	return slot_count(author_slot(author)).packets;
}

uint64_t ms_rig_hits(const char *author)
{
	uint32_t slot = author_slot(author);
	struct ms_slot_meta meta;
	struct ms_slot_log log;

	ck_assert_int_eq(bpf_map_lookup_elem(ms_rig_fd("ms_slotmeta"), &slot, &meta), 0);
	ck_assert_int_eq(bpf_map_lookup_elem(ms_rig_fd("ms_slotlog"), &slot, &log), 0);
	return meta.hits + log.again;
}

void ms_rig_gap(uint16_t zone, uint64_t ret_frames[2])
{
	struct ms_zone_gap gap;
	uint32_t key = zone;

	ck_assert_int_eq(bpf_map_lookup_elem(ms_rig_fd("ms_zonegap"), &key, &gap), 0);
	ret_frames[0] = gap.frames[0];
	ret_frames[1] = gap.frames[1];
}

uint64_t ms_rig_zone_packets(uint16_t zone, enum ms_dir dir, bool dropped)
{
	static struct ms_rig_session sessions[4 * MS_RIG_SESSIONS];
	size_t count = ms_rig_sessions(sessions, 4 * MS_RIG_SESSIONS);
	struct ms_zone_count value;
	uint32_t key = zone;
	uint64_t sum;

	ck_assert_int_eq(bpf_map_lookup_elem(ms_rig_fd("ms_zonecnt"), &key, &value), 0);
	sum = value.packets[dir][dropped];
	for (size_t i = 0; i < count && !dropped; i++) {
		const struct ms_key4 *k4 = (const struct ms_key4 *)&sessions[i].key;
		bool is4 = sessions[i].family == 4;
		uint8_t flags = is4 ? k4->flags : sessions[i].key.flags;

		if (sessions[i].is_half || (is4 ? k4->zone : sessions[i].key.zone) != zone)
			continue;
		for (unsigned int j = 0; j < 2; j++)
			if (ms_session_dir(flags, j) == dir)
				sum += sessions[i].value.packets[j];
	}
	return sum;
}

void ms_rig_take_stats(struct ms_stats *ret_stats)
{
	struct ms_stats *values = calloc(ms_rig.cpus, sizeof(*values));
	uint64_t *sum = (uint64_t *)ret_stats;
	uint32_t zero = 0;

	ck_assert_ptr_nonnull(values);
	ck_assert_int_eq(bpf_map_lookup_elem(ms_rig_fd("ms_stats"), &zero, values), 0);
	memset(ret_stats, 0, sizeof(*ret_stats));
	for (unsigned int i = 0; i < ms_rig.cpus; i++)
		for (size_t j = 0; j < sizeof(*ret_stats) / sizeof(*sum); j++)
			sum[j] += ((const uint64_t *)&values[i])[j];
	free(values);
}

uint64_t ms_rig_stat(enum ms_stat stat)
{
	struct ms_stats stats;

	ms_rig_take_stats(&stats);
	return stats.other[stat];
}

uint64_t ms_rig_denied_again(void)
{
	struct ms_denied *lines = calloc(ms_rig.cpus, sizeof(*lines));
	uint64_t sum = 0;

	ck_assert_ptr_nonnull(lines);
	for (uint32_t i = 0; i < MS_DENIED_LINES; i++) {
		ck_assert_int_eq(bpf_map_lookup_elem(ms_rig_fd("ms_denied"), &i, lines), 0);
		for (unsigned int cpu = 0; cpu < ms_rig.cpus; cpu++)
			sum += lines[cpu].hits;
	}
	free(lines);
	return sum;
}
