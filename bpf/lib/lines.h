/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of two-way sessions of the engine `set`: sets of eight lines, one element of an array
 * each, so that a set is found by one look-up and user space sees all of them by mmap. A session
 * lies in the first set of its key, or, once that has been full, in one of two others.
 *
 * Which lines of a set are worth a look its word of ms_tags says: a line is tagged by who holds it,
 * before it goes live, and loses its tag before it is free. So a session that lives has its tag,
 * and who looks for a key that has none reads one word instead of eight lines.
 *
 * A line is
 *   - free: epoch DEAD and no key. Taken by a swap of the epoch for HELD.
 *   - held: one CPU fills, revives or frees it.
 *   - live: any other epoch, BUSY (judged again) among them. The session's words change as
 *     session.h says, the key does not.
 *   - dead: epoch DEAD and a key. It waits for the reaper, or for its own flow to come back.
 *
 * Only the reaper makes a dead line free, and a grace period after it died. So whoever has seen a
 * line live may use it as that flow's to the end of its program, whatever becomes of it meanwhile.
 * Who has seen it dead may not: it looks at the key again when the line is in its hands.
 *
 * Loads are taken to be in order (the epoch before the key), which holds on x86; elsewhere this
 * engine is not used (docs/adr/0023).
 */
#ifndef MS_BPF_LIB_LINES_H
#define MS_BPF_LIB_LINES_H

#include <bpf/bpf_helpers.h>

#include "bpf/lib/access.h"
#include "bpf/lib/flow_key.h"
#include "bpf/lib/layout.h"
#include "bpf/lib/maps.h"
#include "bpf/lib/scene.h"

/* Errors, as a full hash and one that has the key say it. */
#define MS_LINES_FULL (-7)
#define MS_LINES_EXISTS (-17)

enum ms_lines_state { MS_LINES_LIVE, MS_LINES_DEAD, MS_LINES_HELD, MS_LINES_ANY };

/* A line's number: global functions return no pointers. */
#define MS_LINES_NUMBER_WIDE (1 << 30)

static __always_inline __u64 *ms_lines_tags(__u32 set, __u32 sets, const int wide)
{
	__u32 index = ms_lines_tags_index(set, sets, wide);

	return bpf_map_lookup_elem(&ms_tags, &index);
}

#define MS_TAG_EACH 0x0101010101010101ull

/* The top bit of each byte that has the tag, from that of `way` on; tag 0: of each free line. */
static __always_inline __u64 ms_lines_tagged(__u64 tags, __u32 tag, __u32 way)
{
	__u32 turn = way % MS_SET_WAYS * 8;

	tags ^= tag * MS_TAG_EACH;
	tags = ~((tags & MS_TAG_MASK * MS_TAG_EACH) + MS_TAG_MASK * MS_TAG_EACH) &
	       MS_TAGS_OVER * MS_TAG_EACH;
	return tags >> turn | tags << (-turn & 63);
}

/* Is it set in byte `i`? */
static __always_inline int ms_lines_is_tagged(__u64 tagged, int i)
{
	return (tagged >> (i * 8 + 7)) & 1;
}

static __always_inline void *ms_lines_set(__u32 set, const int wide)
{
	return wide ? (void *)bpf_map_lookup_elem(&ms_lines6, &set)
		    : (void *)bpf_map_lookup_elem(&ms_lines4, &set);
}

static __always_inline struct ms_session *ms_lines_at(void *set, __u32 way, const int wide)
{
	way &= MS_SET_WAYS - 1;
	return set + way * (wide ? sizeof(struct ms_line6) : sizeof(struct ms_line4));
}

static __always_inline __u64 *ms_lines_key(struct ms_session *session)
{
	return (__u64 *)(session + 1);
}

/* The word of a key that is never 0: zone and protocol, or the mark. */
static __always_inline __u64 ms_lines_used(struct ms_session *session, const int wide)
{
	return MS_READ_ONCE(ms_lines_key(session)[wide ? MS_LINE6_WORDS - 1 : MS_LINE4_WORDS - 1]);
}

static __always_inline int ms_lines_is(struct ms_session *session, const __u64 *key, const int wide)
{
	const __u64 *own = ms_lines_key(session);

	if (MS_READ_ONCE(own[0]) != key[0] || MS_READ_ONCE(own[1]) != key[1])
		return 0;
	return !wide || (MS_READ_ONCE(own[2]) == key[2] && MS_READ_ONCE(own[3]) == key[3] &&
			 MS_READ_ONCE(own[4]) == key[4] && MS_READ_ONCE(own[5]) == key[5]);
}

static __always_inline int ms_lines_is_in(__u32 epoch, enum ms_lines_state state)
{
	if (state == MS_LINES_DEAD)
		return epoch == MS_EPOCH_DEAD;
	if (state == MS_LINES_HELD)
		return epoch == MS_EPOCH_HELD;
	if (state == MS_LINES_ANY)
		return 1;
	return epoch != MS_EPOCH_DEAD && epoch != MS_EPOCH_HELD;
}

/* Number of the key's line in a state that is not `but`, in one of its sets; -1 = none. */
static __always_inline int ms_lines_number_in(__u32 index, __u64 tags, __u32 tag, const __u64 *key,
					      enum ms_lines_state state, int but, const int wide)
{
	int number = (int)(index * MS_SET_WAYS) | (wide ? MS_LINES_NUMBER_WIDE : 0);
	void *set = ms_lines_set(index, wide);

	tags = ms_lines_tagged(tags, tag, 0);
	if (!set || !tags)
		return -1;
	MS_UNROLL
	for (int i = 0; i < MS_SET_WAYS; i++) {
		struct ms_session *session = ms_lines_at(set, i, wide);

		if (ms_lines_is_tagged(tags, i) &&
		    ms_lines_is_in(MS_READ_ONCE(session->epoch), state) &&
		    ms_lines_is(session, key, wide) && number + i != but)
			return number + i;
	}
	return -1;
}

/* The same in the sets beside its first. */
static __always_inline int ms_lines_number_over(const struct ms_control *control, __u32 index,
						__u32 tag, const __u64 *key,
						enum ms_lines_state state, int but, const int wide)
{
	__u32 sets = control->session_sets;

	MS_UNROLL
	for (int i = 0; i < MS_SET_OVER; i++) {
		const __u64 *tags = ms_lines_tags(index, sets, wide);
		int number = -1;

		if (tags)
			number = ms_lines_number_in(index, MS_READ_ONCE(*tags), tag, key, state,
						    but, wide);
		if (number >= 0)
			return number;
		index = ms_lines_next(index, sets);
	}
	return -1;
}

static __always_inline struct ms_session *ms_lines_by_number(int number)
{
	__u32 index = (__u32)(number & ~MS_LINES_NUMBER_WIDE) / MS_SET_WAYS;
	void *set;

	if (number < 0)
		return NULL;
	if (number & MS_LINES_NUMBER_WIDE) {
		set = ms_lines_set(index, 1);
		return set ? ms_lines_at(set, number, 1) : NULL;
	}
	set = ms_lines_set(index, 0);
	return set ? ms_lines_at(set, number, 0) : NULL;
}

/* ---- the hit ---- */

static __always_inline struct ms_session *ms_lines_live_in(void *set, __u64 tags,
							   const struct ms_lines_place *place,
							   const __u64 *key, const int wide)
{
	struct ms_session *session = ms_lines_at(set, place->way, wide);

	/* Most lie where the search begins. */
	if ((tags >> place->way * 8 & MS_TAG_MASK) == place->tag &&
	    ms_lines_is_in(MS_READ_ONCE(session->epoch), MS_LINES_LIVE) &&
	    ms_lines_is(session, key, wide))
		return session;
	tags = ms_lines_tagged(tags, place->tag, place->way);
	/* None in a byte behind the first. */
	if (!(tags >> 8))
		return NULL;
	MS_UNROLL
	for (int i = 1; i < MS_SET_WAYS; i++) {
		session = ms_lines_at(set, place->way + i, wide);
		if (ms_lines_is_tagged(tags, i) &&
		    ms_lines_is_in(MS_READ_ONCE(session->epoch), MS_LINES_LIVE) &&
		    ms_lines_is(session, key, wide))
			return session;
	}
	return NULL;
}

/* A key as ms_lines_find() has it of a narrow line: no word behind it is anybody's. */
struct ms_lines_narrow {
	__u64 words[MS_LINE4_WORDS];
};

/* A live session beside its first set: its number, -1 = none. Few lie there, so the hit is verified
 * without. */
__noinline int ms_lines_elsewhere4(struct ms_lines_narrow *key, __u32 index, __u32 tag)
{
	const struct ms_control *control = ms_scene_control();

	if (!key || !control)
		return -1;
	return ms_lines_number_over(control, index, tag, key->words, MS_LINES_LIVE, -1, 0);
}

__noinline int ms_lines_elsewhere6(union ms_key *key, __u32 index, __u32 tag)
{
	const struct ms_control *control = ms_scene_control();

	if (!key || !control)
		return -1;
	return ms_lines_number_over(control, index, tag, key->words, MS_LINES_LIVE, -1, 1);
}

/* The live session of the key, two words or, of a wide one, all six; or NULL. */
static __always_inline struct ms_session *ms_lines_find(const struct ms_control *control,
							const __u64 *key, const int wide)
{
	struct ms_lines_place place = ms_lines_place(key, wide, control->session_seed);
	__u32 sets = control->session_sets, index = ms_lines_index(place.first, sets);
	const __u64 *word = ms_lines_tags(index, sets, wide);
	void *set = ms_lines_set(index, wide);
	struct ms_session *session;
	__u64 tags;

	if (!word || !set)
		return NULL;
	tags = MS_READ_ONCE(*word);
	session = ms_lines_live_in(set, tags, &place, key, wide);
	if (session || !(tags & MS_TAGS_OVER))
		return session;
	index = ms_lines_index(place.second, sets);
	if (wide)
		return ms_lines_by_number(
			ms_lines_elsewhere6((union ms_key *)key, index, place.tag));
	return ms_lines_by_number(
		ms_lines_elsewhere4((struct ms_lines_narrow *)key, index, place.tag));
}

/* Out of line: of the short path only IPv4 with a tag comes here. */
static __noinline struct ms_session *ms_lines_find_wide(const __u64 *key)
{
	const struct ms_control *control = ms_scene_control();

	return control ? ms_lines_find(control, key, 1) : NULL;
}

/* ---- the slow program's ---- */

static __always_inline int ms_lines_number(const __u64 *key, enum ms_lines_state state, int but,
					   const int wide)
{
	const struct ms_control *control = ms_scene_control();
	struct ms_lines_place place;
	const __u64 *word;
	__u32 sets, index;
	__u64 tags;
	int number;

	if (!control)
		return -1;
	sets = control->session_sets;
	place = ms_lines_place(key, wide, control->session_seed);
	index = ms_lines_index(place.first, sets);
	word = ms_lines_tags(index, sets, wide);
	if (!word)
		return -1;
	tags = MS_READ_ONCE(*word);
	number = ms_lines_number_in(index, tags, place.tag, key, state, but, wide);
	if (number >= 0 || !(tags & MS_TAGS_OVER))
		return number;
	index = ms_lines_index(place.second, sets);
	return ms_lines_number_over(control, index, place.tag, key, state, but, wide);
}

/* Number of the flow's line in a state (enum ms_lines_state) that is not `but`, -1 = none. */
__noinline int ms_lines_locate(struct ms_flow *flow, __u32 state, int but)
{
	if (!flow)
		return -1;
	if (flow->key.mark == MS_KEY_NARROW)
		return ms_lines_number(flow->key.words, state, but, 0);
	return ms_lines_number(flow->key.words, state, but, 1);
}

/* Is a line that the caller holds the flow's own? */
static __always_inline int ms_lines_is_of(const struct ms_session *session, struct ms_flow *flow)
{
	return session == ms_lines_by_number(ms_lines_locate(flow, MS_LINES_HELD, -1));
}

/* Has the flow a live line beside this one? `number` is this one's, if the caller knows it, or -1.
 */
static __always_inline int ms_lines_has_twin(struct ms_flow *flow, const struct ms_session *session,
					     int number)
{
	int other = ms_lines_locate(flow, MS_LINES_LIVE, number);

	if (other < 0 || number >= 0)
		return other >= 0;
	return session != ms_lines_by_number(other) ||
	       ms_lines_locate(flow, MS_LINES_LIVE, other) >= 0;
}

/* Way of a free line of the set that is HELD now, in the caller's hands; -1 = none. */
static __always_inline int ms_lines_claim(void *set, __u64 tags, __u32 start, const int wide)
{
	tags = ms_lines_tagged(tags, 0, start);
	MS_UNROLL
	for (int i = 0; i < MS_SET_WAYS; i++) {
		int way = (start + i) & (MS_SET_WAYS - 1);
		struct ms_session *session = ms_lines_at(set, way, wide);

		if (!ms_lines_is_tagged(tags, i) || MS_READ_ONCE(session->epoch) != MS_EPOCH_DEAD ||
		    ms_lines_used(session, wide) ||
		    __sync_val_compare_and_swap(&session->epoch, MS_EPOCH_DEAD, MS_EPOCH_HELD) !=
			    MS_EPOCH_DEAD)
			continue;
		/* It may have lived and died since it was seen free. */
		if (!ms_lines_used(session, wide))
			return way;
		__sync_lock_test_and_set(&session->epoch, MS_EPOCH_DEAD);
	}
	return -1;
}

/* `tag` in the place where `tags` has it. */
static __always_inline void ms_lines_fill(struct ms_session *line, __u64 *tags, __u64 tag,
					  const __u64 *key, const struct ms_session *fresh,
					  const int wide)
{
	__u64 *own = ms_lines_key(line);

	for (int i = 0; i < (wide ? MS_LINE6_WORDS : MS_LINE4_WORDS); i++)
		MS_WRITE_ONCE(own[i], key[i]);
	MS_WRITE_ONCE(line->word, fresh->word);
	MS_WRITE_ONCE(line->first_seen, fresh->first_seen);
	MS_WRITE_ONCE(line->last_seen, fresh->last_seen);
	__sync_fetch_and_or(tags, tag);
	__sync_lock_test_and_set(&line->epoch, fresh->epoch);
}

static __always_inline int ms_lines_store_in(const struct ms_control *control, const __u64 *key,
					     const struct ms_session *fresh, __u32 choice,
					     const int wide)
{
	struct ms_lines_place place = ms_lines_place(key, wide, control->session_seed);
	__u32 sets = control->session_sets, index = ms_lines_index(place.first, sets);
	__u64 *tags = ms_lines_tags(index, sets, wide);
	void *set;
	int way;

	if (choice) {
		if (tags)
			__sync_fetch_and_or(tags, MS_TAGS_OVER);
		index = ms_lines_index(place.second, sets);
		if (choice > 1)
			index = ms_lines_next(index, sets);
		tags = ms_lines_tags(index, sets, wide);
	}
	set = ms_lines_set(index, wide);
	if (!set || !tags)
		return MS_LINES_FULL;
	way = ms_lines_claim(set, MS_READ_ONCE(*tags), place.way, wide);
	if (way < 0)
		return MS_LINES_FULL;
	ms_lines_fill(ms_lines_at(set, way, wide), tags, ms_lines_tag_at(place.tag, way), key,
		      fresh, wide);
	return index * MS_SET_WAYS + way + (wide ? MS_LINES_NUMBER_WIDE : 0);
}

/* Stores `fresh`'s words, no counts, under the flow's key, in one of the sets where it may lie: 0
 * is its own. The line's number, or MS_LINES_FULL. A set each: the stack is short. */
__noinline int ms_lines_store(struct ms_flow *flow, struct ms_session *fresh, __u32 choice)
{
	const struct ms_control *control = ms_scene_control();

	if (!flow || !fresh || !control)
		return MS_LINES_FULL;
	if (flow->key.mark == MS_KEY_NARROW)
		return ms_lines_store_in(control, flow->key.words, fresh, choice, 0);
	return ms_lines_store_in(control, flow->key.words, fresh, choice, 1);
}

/* Makes a line free that the caller holds, a grace period after it died, its counts taken. */
static __always_inline void ms_lines_clear(struct ms_session *line, __u64 *tags, __u32 way,
					   const int wide)
{
	__u64 *own = ms_lines_key(line);

	MS_WRITE_ONCE(line->word, 0);
	for (int i = 0; i < (wide ? MS_LINE6_WORDS : MS_LINE4_WORDS); i++)
		MS_WRITE_ONCE(own[i], 0);
	__sync_fetch_and_and(tags, ~ms_lines_tag_at(MS_TAG_MASK, way));
	__sync_lock_test_and_set(&line->epoch, MS_EPOCH_DEAD);
}

#endif
