/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lines of the engine `set` (bpf/lib/lines.h, oneway.h) as user space maps them: read at any
 * time, under traffic, and filled when sessions move in from another table.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "bpf/dataplane_private.h"
#include "bpf/lib/flow_key.h"
#include "core/base/cleanup.h"

enum { NARROW, WIDE, TAGS };

/* Looks at a line that may be filled meanwhile. */
#define READ_TRIES 3

static int open_table(int fd, uint32_t value_size, uint32_t or_size,
		      struct ms_dataplane_lines_table *ret_table, uint32_t *ret_entries)
{
	struct bpf_map_info info = { 0 };
	uint32_t length = sizeof(info);
	int own;

	if (fd < 0)
		return fd;
	if (bpf_obj_get_info_by_fd(fd, &info, &length) < 0)
		return -errno;
	if (info.value_size != value_size && info.value_size != or_size)
		return -ENOTSUP;
	own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (own < 0)
		return -errno;
	*ret_table = (struct ms_dataplane_lines_table) {
		.fd = own,
		.size = (size_t)info.max_entries * info.value_size,
	};
	*ret_entries = info.max_entries;
	return 0;
}

int ms_dataplane_lines_open(int narrow_fd, int wide_fd, int tags_fd, uint32_t seed,
			    struct ms_dataplane_lines *ret_lines)
{
	struct ms_dataplane_lines lines = { .seed = seed };
	uint32_t entries;
	int r;

	r = open_table(narrow_fd, sizeof(struct ms_lines4), 0, &lines.tables[NARROW], &lines.sets);
	if (r == 0)
		r = open_table(wide_fd, sizeof(struct ms_lines6), 0, &lines.tables[WIDE], &entries);
	if (r == 0 && entries != lines.sets)
		r = -EINVAL;
	if (r == 0 && tags_fd >= 0) {
		r = open_table(tags_fd, sizeof(uint64_t), sizeof(struct ms_head),
			       &lines.tables[TAGS], &entries);
		if (r == 0 && entries != 2 * lines.sets)
			r = -EINVAL;
		lines.tag_words =
			entries ? lines.tables[TAGS].size / entries / sizeof(uint64_t) : 0;
		lines.half_open = lines.tag_words > 1;
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
	ms_dataplane_lines_unmap(lines);
	for (size_t i = 0; i < ms_array_size(lines->tables); i++) {
		if (lines->tables[i].size)
			close(lines->tables[i].fd);
	}
	*lines = (struct ms_dataplane_lines) { 0 };
}

/* ---- what is mapped ---- */

static void unmap(struct ms_dataplane_lines_table *table)
{
	if (table->at)
		munmap(table->at, table->length);
	table->at = NULL;
	table->first = table->length = 0;
}

/* The bytes from `first` to `end`, and what shares their pages. */
static int map(struct ms_dataplane_lines_table *table, size_t first, size_t end)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *at;

	if (table->at && first >= table->first && end <= table->first + table->length)
		return 0;
	unmap(table);
	first -= first % page;
	end += page - 1;
	end -= end % page;
	at = mmap(NULL, end - first, PROT_READ | PROT_WRITE, MAP_SHARED, table->fd, (off_t)first);
	if (at == MAP_FAILED)
		return -errno;
	table->at = at;
	table->first = first;
	table->length = end - first;
	return 0;
}

int ms_dataplane_lines_map(struct ms_dataplane_lines *lines)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ms_array_size(lines->tables); i++)
		if (lines->tables[i].size)
			r = map(&lines->tables[i], 0, lines->tables[i].size);
	return r;
}

int ms_dataplane_lines_map_some(struct ms_dataplane_lines *lines, bool wide, uint32_t number,
				uint32_t end)
{
	size_t size = wide ? sizeof(struct ms_lines6) : sizeof(struct ms_lines4);
	size_t last = (end + MS_SET_WAYS - 1) / MS_SET_WAYS;

	if (end <= number)
		return 0;
	return map(&lines->tables[wide ? WIDE : NARROW], number / MS_SET_WAYS * size, last * size);
}

static size_t tags_at(const struct ms_dataplane_lines *lines, bool wide, uint32_t set)
{
	return ms_lines_tags_index(set, lines->sets, wide) * lines->tag_words * sizeof(uint64_t);
}

/* Of one-way sessions the second word is struct ms_head's. */
static uint64_t *tags_of(const struct ms_dataplane_lines *lines, bool wide, uint32_t set)
{
	const struct ms_dataplane_lines_table *table = &lines->tables[TAGS];
	size_t first = tags_at(lines, wide, set);

	assert(table->at && first >= table->first &&
	       first + sizeof(uint64_t) <= table->first + table->length);
	return (uint64_t *)((char *)table->at + (first - table->first));
}

int ms_dataplane_lines_seek(struct ms_dataplane_lines *lines, bool wide, uint32_t *number,
			    uint32_t end)
{
	uint32_t set = *number / MS_SET_WAYS, last = (end + MS_SET_WAYS - 1) / MS_SET_WAYS;
	uint64_t held = 0;
	int r;

	if (end <= *number)
		return 0;
	if (!lines->tables[TAGS].size)
		return -EINVAL; /* opened without tags */
	for (uint32_t way = 0; way < MS_SET_WAYS; way++)
		held |= ms_lines_tag_at(MS_TAG_MASK, way);
	r = map(&lines->tables[TAGS], tags_at(lines, wide, set), tags_at(lines, wide, last));
	if (r < 0)
		return r;
	while (set < last &&
	       !(__atomic_load_n(tags_of(lines, wide, set), __ATOMIC_ACQUIRE) & held)) {
		set++;
		*number = set * MS_SET_WAYS;
	}
	if (*number > end)
		*number = end;
	return 0;
}

void ms_dataplane_lines_unmap(struct ms_dataplane_lines *lines)
{
	for (size_t i = 0; i < ms_array_size(lines->tables); i++)
		unmap(&lines->tables[i]);
}

/* ---- a line ---- */

static void *set_at(const struct ms_dataplane_lines *lines, bool wide, uint32_t set)
{
	const struct ms_dataplane_lines_table *table = &lines->tables[wide ? WIDE : NARROW];
	size_t size = wide ? sizeof(struct ms_lines6) : sizeof(struct ms_lines4);
	size_t first = set * size;

	assert(table->at && first >= table->first && first + size <= table->first + table->length);
	return (char *)table->at + (first - table->first);
}

/* Words before the key, which the session is; `*ret_key` is behind it. */
static struct ms_session *line_at(const struct ms_dataplane_lines *lines, bool wide, uint32_t set,
				  uint32_t way, uint64_t **ret_key)
{
	if (wide) {
		struct ms_lines6 *six = set_at(lines, true, set);

		*ret_key = (uint64_t *)six->way[way % MS_SET_WAYS].key;
		return &six->way[way % MS_SET_WAYS].session;
	}

	struct ms_lines4 *four = set_at(lines, false, set);

	*ret_key = (uint64_t *)four->way[way % MS_SET_WAYS].key;
	return &four->way[way % MS_SET_WAYS].session;
}

static size_t key_words(bool wide)
{
	return wide ? MS_LINE6_WORDS : MS_LINE4_WORDS;
}

static bool read_line(const struct ms_dataplane_lines *lines, bool wide, uint32_t number,
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
	memcpy(key.words, own, key_words(wide) * sizeof(*own));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	ret_raw->value = *session;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (!key.words[key_words(wide) - 1] ||
	    memcmp(key.words, own, key_words(wide) * sizeof(*own)) != 0 ||
	    __atomic_load_n(&session->epoch, __ATOMIC_ACQUIRE) != epoch)
		return false;
	ret_raw->value.epoch = epoch;
	ret_raw->half_open = lines->half_open;
	ret_raw->family = key.mark == MS_KEY_WIDE6 ? 6 : 4;
	if (ret_raw->family == 6)
		ret_raw->key.k6 = key.k6;
	else
		ret_raw->key.k4 = key.k4;
	return true;
}

static bool is_tagged(const uint64_t *tags, uint32_t way)
{
	return __atomic_load_n(tags, __ATOMIC_ACQUIRE) & ms_lines_tag_at(MS_TAG_MASK, way);
}

/* As a program does that has not got the line in hand (oneway.h). */
static bool read_oneway(const struct ms_dataplane_lines *lines, bool wide, uint32_t number,
			struct ms_session_raw *ret_raw)
{
	const uint64_t *head = tags_of(lines, wide, number / MS_SET_WAYS);
	uint32_t way = number % MS_SET_WAYS;

	for (int i = 0; i < READ_TRIES; i++) {
		uint64_t fills = __atomic_load_n(&head[1], __ATOMIC_ACQUIRE) / MS_HEAD_FILL;

		if (!is_tagged(head, way))
			return false;
		if (!read_line(lines, wide, number, ret_raw))
			continue;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&head[1], __ATOMIC_ACQUIRE) / MS_HEAD_FILL == fills)
			return true;
	}
	return false;
}

bool ms_dataplane_lines_read(const struct ms_dataplane_lines *lines, bool wide, uint32_t number,
			     struct ms_session_raw *ret_raw)
{
	return lines->half_open ? read_oneway(lines, wide, number, ret_raw)
				: read_line(lines, wide, number, ret_raw);
}

static bool has_key(const struct ms_dataplane_lines *lines, bool wide, uint32_t set, uint32_t way,
		    const union ms_key *key)
{
	uint64_t *own;

	line_at(lines, wide, set, way, &own);
	return memcmp(own, key->words, key_words(wide) * sizeof(*own)) == 0;
}

static bool is_in_set(const struct ms_dataplane_lines *lines, bool wide, uint32_t set,
		      const union ms_key *key)
{
	for (uint32_t way = 0; way < MS_SET_WAYS; way++) {
		if (has_key(lines, wide, set, way, key))
			return true;
	}
	return false;
}

static void fill(struct ms_session *session, uint64_t *own, bool wide, const union ms_key *key,
		 const struct ms_session *value)
{
	memcpy(own, key->words, key_words(wide) * sizeof(*own));
	session->last_seen = value->last_seen;
	session->first_seen = value->first_seen;
	session->word = value->word;
	memcpy(session->packets, value->packets, sizeof(session->packets));
	memcpy(session->bytes, value->bytes, sizeof(session->bytes));
}

/* Programs change the tags meanwhile: so often they are looked at again. */
#define ONEWAY_TRIES 1000

/* The way of a free line in these tags; -EEXIST: a line has the key; -EAGAIN: one may be about to
 * have it; -E2BIG: none is free. */
static int choose_oneway(const struct ms_dataplane_lines *lines, bool wide, uint32_t set,
			 const union ms_key *key, uint32_t tag, uint64_t tags)
{
	int chosen = -E2BIG;

	for (uint32_t way = 0; way < MS_SET_WAYS; way++) {
		uint64_t of_way = tags & ms_lines_tag_at(MS_TAG_MASK | MS_HEAD_HELD, way);

		/* Of what is free the key is another's, and may still be there. */
		if (of_way == ms_lines_tag_at(tag, way) && has_key(lines, wide, set, way, key))
			return -EEXIST;
		if (of_way == ms_lines_tag_at(tag | MS_HEAD_HELD, way))
			return -EAGAIN;
		if (!of_way && chosen < 0)
			chosen = (int)way;
	}
	return chosen;
}

/* As a program takes and fills it (oneway.h), but only one that is free. The word that was looked
 * at is the one that is swapped, so no flow is stored twice. */
static int put_oneway(const struct ms_dataplane_lines *lines, bool wide, uint32_t set,
		      const union ms_key *key, uint32_t tag, const struct ms_session *value)
{
	uint64_t *head = tags_of(lines, wide, set);
	int way = -EAGAIN;

	for (int i = 0; way == -EAGAIN && i < ONEWAY_TRIES; i++) {
		uint64_t tags = __atomic_load_n(&head[0], __ATOMIC_ACQUIRE);

		way = choose_oneway(lines, wide, set, key, tag, tags);
		if (way >= 0 && !__atomic_compare_exchange_n(
					&head[0], &tags,
					tags | ms_lines_tag_at(tag | MS_HEAD_HELD, (uint32_t)way),
					false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			way = -EAGAIN;
	}
	if (way >= 0) {
		uint64_t *own;
		struct ms_session *session = line_at(lines, wide, set, (uint32_t)way, &own);

		__atomic_fetch_add(&head[1], MS_HEAD_FILL, __ATOMIC_SEQ_CST);
		__atomic_exchange_n(&session->epoch, MS_EPOCH_HELD, __ATOMIC_SEQ_CST);
		fill(session, own, wide, key, value);
		__atomic_store_n(&session->epoch, value->epoch, __ATOMIC_SEQ_CST);
		__atomic_fetch_and(&head[0], ~ms_lines_tag_at(MS_HEAD_HELD, (uint32_t)way),
				   __ATOMIC_SEQ_CST);
		return 0;
	}
	/* A line that somebody has in hand for so long: there is no room, then. */
	return way == -EAGAIN ? -E2BIG : way;
}

/* As a program claims and fills it (lines.h). */
static bool put_in_set(const struct ms_dataplane_lines *lines, bool wide, uint32_t set,
		       const union ms_key *key, uint32_t tag, const struct ms_session *value)
{
	uint64_t *tags = tags_of(lines, wide, set);

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
		fill(session, own, wide, key, value);
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

int ms_dataplane_lines_put(struct ms_dataplane_lines *lines, const struct ms_session_raw *session)
{
	union ms_key key = { .mark = MS_KEY_NARROW };
	struct ms_lines_place place;
	uint32_t first, second;
	bool wide;
	int r = ms_dataplane_lines_map(lines);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ms_array_size(lines->tables); i++)
		if (!lines->tables[i].at)
			return -EINVAL; /* opened without tags */
	if (session->family == 6)
		key.k6 = session->key.k6;
	else
		key.k4 = session->key.k4;
	ms_flow_key_mark(&key, session->family);
	wide = key.mark != MS_KEY_NARROW;
	place = ms_lines_place((const __u64 *)key.words, wide, lines->seed);
	first = ms_lines_index(place.first, lines->sets);
	second = ms_lines_index(place.second, lines->sets);
	if (lines->half_open)
		return put_oneway(lines, wide, first, &key, place.tag, &session->value);
	if (is_in_set(lines, wide, first, &key))
		return -EEXIST;
	for (int i = 0; i < MS_SET_OVER; i++)
		if (is_in_set(lines, wide, over_set(lines, second, i), &key))
			return -EEXIST;
	if (put_in_set(lines, wide, first, &key, place.tag, &session->value))
		return 0;
	__atomic_fetch_or(tags_of(lines, wide, first), MS_TAGS_OVER, __ATOMIC_SEQ_CST);
	for (int i = 0; i < MS_SET_OVER; i++)
		if (put_in_set(lines, wide, over_set(lines, second, i), &key, place.tag,
			       &session->value))
			return 0;
	return -E2BIG;
}
