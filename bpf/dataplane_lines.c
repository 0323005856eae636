/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lines of the engine `set` (bpf/lib/lines.h) as user space maps them: read at any time, under
 * traffic, and filled when sessions move in from another table.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>

#include "bpf/dataplane_private.h"
#include "bpf/lib/flow_key.h"

static int map_array(int fd, uint32_t value_size, void **ret_at, size_t *ret_size,
		     uint32_t *ret_entries)
{
	struct bpf_map_info info = { 0 };
	uint32_t length = sizeof(info);
	void *at;

	if (fd < 0)
		return fd;
	if (bpf_obj_get_info_by_fd(fd, &info, &length) < 0)
		return -errno;
	if (info.value_size != value_size)
		return -ENOTSUP;
	*ret_size = (size_t)info.max_entries * info.value_size;
	at = mmap(NULL, *ret_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	*ret_at = at;
	*ret_entries = info.max_entries;
	return 0;
}

int ms_dataplane_lines_open(int narrow_fd, int wide_fd, int tags_fd, uint32_t seed,
			    struct ms_dataplane_lines *ret_lines)
{
	struct ms_dataplane_lines lines = { .seed = seed };
	uint32_t entries;
	void *at;
	int r;

	r = map_array(narrow_fd, sizeof(*lines.narrow), &at, &lines.sizes[0], &lines.sets);
	if (r < 0)
		return r;
	lines.narrow = at;
	r = map_array(wide_fd, sizeof(*lines.wide), &at, &lines.sizes[1], &entries);
	if (r == 0 && entries != lines.sets)
		r = -EINVAL;
	if (r == 0)
		lines.wide = at;
	if (r == 0 && tags_fd >= 0) {
		r = map_array(tags_fd, sizeof(*lines.tags), &at, &lines.sizes[2], &entries);
		if (r == 0)
			lines.tags = at;
		if (r == 0 && entries != 2 * lines.sets)
			r = -EINVAL;
	}
	if (r < 0) {
		ms_dataplane_lines_close(&lines);
		return r;
	}
	*ret_lines = lines;
	return 0;
}

void ms_dataplane_lines_close(struct ms_dataplane_lines *lines)
{
	if (lines->narrow)
		munmap(lines->narrow, lines->sizes[0]);
	if (lines->wide)
		munmap(lines->wide, lines->sizes[1]);
	if (lines->tags)
		munmap(lines->tags, lines->sizes[2]);
	*lines = (struct ms_dataplane_lines) { 0 };
}

/* Words before the key, which the session is; `*ret_key` is behind it. */
static struct ms_session *line_at(const struct ms_dataplane_lines *lines, bool wide, uint32_t set,
				  uint32_t way, uint64_t **ret_key)
{
	if (wide) {
		struct ms_line6 *line = &lines->wide[set].way[way % MS_SET_WAYS];

		*ret_key = (uint64_t *)line->key;
		return &line->session;
	}
	*ret_key = (uint64_t *)lines->narrow[set].way[way % MS_SET_WAYS].key;
	return &lines->narrow[set].way[way % MS_SET_WAYS].session;
}

static size_t key_words(bool wide)
{
	return wide ? MS_LINE6_WORDS : MS_LINE4_WORDS;
}

bool ms_dataplane_lines_read(const struct ms_dataplane_lines *lines, bool wide, uint32_t number,
			     struct ms_session_raw *ret_raw)
{
	union ms_key key = { .mark = MS_KEY_NARROW };
	const struct ms_session *session;
	uint64_t *own;
	uint32_t epoch;

	session = line_at(lines, wide, number / MS_SET_WAYS, number % MS_SET_WAYS, &own);
	epoch = __atomic_load_n(&session->epoch, __ATOMIC_ACQUIRE);
	/* Somebody's hands are on it: what it was is over, what it will be has not begun. */
	if (epoch == MS_EPOCH_HELD)
		return false;
	memset(ret_raw, 0, sizeof(*ret_raw));
	ret_raw->value = *session;
	memcpy(key.words, own, key_words(wide) * sizeof(*own));
	if (!key.words[key_words(wide) - 1] ||
	    __atomic_load_n(&session->epoch, __ATOMIC_ACQUIRE) != epoch)
		return false;
	ret_raw->value.epoch = epoch;
	ret_raw->family = key.mark == MS_KEY_WIDE6 ? 6 : 4;
	if (ret_raw->family == 6)
		ret_raw->key.k6 = key.k6;
	else
		ret_raw->key.k4 = key.k4;
	return true;
}

static bool is_in_set(const struct ms_dataplane_lines *lines, bool wide, uint32_t set,
		      const union ms_key *key)
{
	for (uint32_t way = 0; way < MS_SET_WAYS; way++) {
		uint64_t *own;

		line_at(lines, wide, set, way, &own);
		if (memcmp(own, key->words, key_words(wide) * sizeof(*own)) == 0)
			return true;
	}
	return false;
}

/* As a program claims and fills it (lines.h). */
static bool put_in_set(const struct ms_dataplane_lines *lines, bool wide, uint32_t set,
		       const union ms_key *key, uint32_t tag, const struct ms_session *value)
{
	uint64_t *tags = &lines->tags[ms_lines_tags_index(set, lines->sets, wide)];

	for (uint32_t way = 0; way < MS_SET_WAYS; way++) {
		uint32_t unused = MS_EPOCH_DEAD;
		struct ms_session *session;
		uint64_t *own;

		session = line_at(lines, wide, set, way, &own);
		if (own[key_words(wide) - 1] ||
		    !__atomic_compare_exchange_n(&session->epoch, &unused, MS_EPOCH_HELD, false,
						 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			continue;
		if (own[key_words(wide) - 1]) {
			__atomic_store_n(&session->epoch, MS_EPOCH_DEAD, __ATOMIC_SEQ_CST);
			continue;
		}
		memcpy(own, key->words, key_words(wide) * sizeof(*own));
		session->last_seen = value->last_seen;
		session->first_seen = value->first_seen;
		session->word = value->word;
		memcpy(session->packets, value->packets, sizeof(session->packets));
		memcpy(session->bytes, value->bytes, sizeof(session->bytes));
		__atomic_fetch_or(tags, ms_lines_tag_at(tag, way), __ATOMIC_SEQ_CST);
		__atomic_store_n(&session->epoch, value->epoch, __ATOMIC_SEQ_CST);
		return true;
	}
	return false;
}

static uint32_t over_set(const struct ms_dataplane_lines *lines, uint32_t set, int step)
{
	while (step-- > 0)
		set = ms_lines_next(set, lines->sets);
	return set;
}

int ms_dataplane_lines_put(const struct ms_dataplane_lines *lines,
			   const struct ms_session_raw *session)
{
	union ms_key key = { .mark = MS_KEY_NARROW };
	struct ms_lines_place place;
	uint32_t first, second;
	bool wide;

	if (session->family == 6)
		key.k6 = session->key.k6;
	else
		key.k4 = session->key.k4;
	ms_flow_key_mark(&key, session->family);
	wide = key.mark != MS_KEY_NARROW;
	place = ms_lines_place((const __u64 *)key.words, wide, lines->seed);
	first = ms_lines_index(place.first, lines->sets);
	second = ms_lines_index(place.second, lines->sets);
	if (is_in_set(lines, wide, first, &key))
		return -EEXIST;
	for (int i = 0; i < MS_SET_OVER; i++)
		if (is_in_set(lines, wide, over_set(lines, second, i), &key))
			return -EEXIST;
	if (put_in_set(lines, wide, first, &key, place.tag, &session->value))
		return 0;
	__atomic_fetch_or(&lines->tags[ms_lines_tags_index(first, lines->sets, wide)], MS_TAGS_OVER,
			  __ATOMIC_SEQ_CST);
	for (int i = 0; i < MS_SET_OVER; i++)
		if (put_in_set(lines, wide, over_set(lines, second, i), &key, place.tag,
			       &session->value))
			return 0;
	return -E2BIG;
}
