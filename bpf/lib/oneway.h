/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one-way sessions of the engine `set`: lines as lines.h has them, in sets of their own. A new
 * flow takes a free line of its one set, or the place of one that has been there for long and was
 * not met of late. So one-way flows push out one another and nothing else.
 *
 * What is in a set its head says (struct ms_head): a tag for each line, and whether a CPU has the
 * line in hand. Whoever changes anything of a line has it in hand: fills it, counts in it, takes a
 * step of its state, makes it two-way. Nobody waits for a line: who does not get it goes without,
 * and its packet is counted in slot and zone alone. So a count is never another flow's.
 *
 * A line is read without having it in hand, and may become another flow's meanwhile: what was read
 * counts if the key was there before and after and no line of the set was filled between. It is
 * read into a place of this CPU's (ms_seen), so what is decided by it does not change any more.
 *
 * Filling: the line is taken in hand and tagged by one swap of all tags, so that of two CPUs with
 * the same flow the second sees the first; the epoch goes HELD before the key changes, and comes
 * last. Loads and stores are taken to be in order, as in lines.h.
 */
#ifndef MS_BPF_LIB_ONEWAY_H
#define MS_BPF_LIB_ONEWAY_H

#include "bpf/lib/lines.h"

/* The top bits of all bytes of a head's tags. */
#define MS_ONEWAY_ALL_HELD (MS_HEAD_HELD * MS_TAG_EACH)
#define MS_ONEWAY_TRIES 3
#define MS_ONEWAY_AGAIN (-11)

static __always_inline struct ms_head *ms_oneway_head(__u32 set, __u32 sets, const int wide)
{
	__u32 index = ms_lines_tags_index(set, sets, wide);

	return bpf_map_lookup_elem(&ms_heads, &index);
}

static __always_inline void *ms_oneway_set(__u32 set, const int wide)
{
	return wide ? (void *)bpf_map_lookup_elem(&ms_oneway6, &set)
		    : (void *)bpf_map_lookup_elem(&ms_oneway4, &set);
}

static __always_inline struct ms_session *ms_oneway_by_number(int number)
{
	__u32 index = (__u32)(number & ~MS_LINES_NUMBER_WIDE) / MS_SET_WAYS;
	void *set;

	if (number < 0)
		return NULL;
	if (number & MS_LINES_NUMBER_WIDE) {
		set = ms_oneway_set(index, 1);
		return set ? ms_lines_at(set, number, 1) : NULL;
	}
	set = ms_oneway_set(index, 0);
	return set ? ms_lines_at(set, number, 0) : NULL;
}

/* The byte of a line in its head's tags. Of a line in hand nobody else changes it, so whoever has
 * it lets go by a store, which waits for nothing: an atomic would wait until the line is filled. */
static __always_inline __u8 *ms_oneway_byte(struct ms_head *head, __u32 way)
{
	return (__u8 *)&head->tags + way % MS_SET_WAYS;
}

/* The set where the flow's line lies, if it has one. */
static __always_inline __u32 ms_oneway_index(const struct ms_control *control, const __u64 *key,
					     const int wide)
{
	return ms_lines_index(ms_lines_place(key, wide, control->session_seed).first,
			      control->oneway_sets);
}

static __always_inline struct ms_head *ms_oneway_head_of(const struct ms_flow *flow)
{
	const struct ms_control *control = ms_scene_control();
	const __u64 *key = flow->key.words;

	if (!control)
		return NULL;
	if (flow->key.mark == MS_KEY_NARROW)
		return ms_oneway_head(ms_oneway_index(control, key, 0), control->oneway_sets, 0);
	return ms_oneway_head(ms_oneway_index(control, key, 1), control->oneway_sets, 1);
}

/* Both lines that a new flow will need are asked for here, long before. */
static __always_inline void ms_oneway_touch(const struct ms_control *control, const __u64 *key,
					    const int wide)
{
	struct ms_lines_place place = ms_lines_place(key, wide, control->session_seed);
	__u32 sets = control->oneway_sets, index = ms_lines_index(place.first, sets);
	struct ms_head *head = ms_oneway_head(index, sets, wide);
	void *set = ms_oneway_set(index, wide);

	if (!head || !set)
		return;
	(void)MS_READ_ONCE(head->tags);
	(void)MS_READ_ONCE(ms_lines_at(set, place.way, wide)->epoch);
}

/* ---- looking ---- */

/* Number of a line that is tagged and has the key, -1 = none. */
static __always_inline int ms_oneway_number(const __u64 *key, const int wide)
{
	const struct ms_control *control = ms_scene_control();
	struct ms_lines_place place;
	const struct ms_head *head;
	__u32 sets, index;
	__u64 tagged;
	void *set;

	if (!control)
		return -1;
	sets = control->oneway_sets;
	place = ms_lines_place(key, wide, control->session_seed);
	index = ms_lines_index(place.first, sets);
	head = ms_oneway_head(index, sets, wide);
	set = ms_oneway_set(index, wide);
	if (!head || !set)
		return -1;
	tagged = ms_lines_tagged(MS_READ_ONCE(head->tags), place.tag, 0);
	if (!tagged)
		return -1;
	MS_UNROLL
	for (int i = 0; i < MS_SET_WAYS; i++)
		if (ms_lines_is_tagged(tagged, i) &&
		    ms_lines_is(ms_lines_at(set, i, wide), key, wide))
			return (int)(index * MS_SET_WAYS + i) | (wide ? MS_LINES_NUMBER_WIDE : 0);
	return -1;
}

__noinline int ms_oneway_locate(struct ms_flow *flow)
{
	if (!flow)
		return -1;
	if (flow->key.mark == MS_KEY_NARROW)
		return ms_oneway_number(flow->key.words, 0);
	return ms_oneway_number(flow->key.words, 1);
}

/* Is the line of this number the flow's? */
static __always_inline int ms_oneway_is(int number, const struct ms_flow *flow)
{
	struct ms_session *line = ms_oneway_by_number(number);

	if (!line)
		return 0;
	if (number & MS_LINES_NUMBER_WIDE)
		return ms_lines_is(line, flow->key.words, 1);
	return ms_lines_is(line, flow->key.words, 0);
}

/* Reads the flow's session, but for its counts, into this CPU's place. 1 = there is one. */
__noinline int ms_oneway_look(struct ms_flow *flow)
{
	struct ms_session *line, *seen;
	const struct ms_head *head;
	__u32 zero = 0;
	__u64 fills;
	int number;

	seen = bpf_map_lookup_elem(&ms_seen, &zero);
	if (!flow || !seen)
		return 0;
	MS_LOOP_OF_CALLS
	for (int i = 0; i < MS_ONEWAY_TRIES; i++) {
		number = ms_oneway_locate(flow);
		/* Of most that ask: nothing more is looked for. */
		if (number < 0)
			return 0;
		line = ms_oneway_by_number(number);
		head = ms_oneway_head_of(flow);
		if (!line || !head)
			return 0;
		fills = MS_READ_ONCE(head->fills) / MS_HEAD_FILL;
		if (!ms_oneway_is(number, flow))
			continue;
		/* The epoch before the word: what was judged again has its word first. */
		seen->epoch = MS_READ_ONCE(line->epoch);
		seen->last_seen = MS_READ_ONCE(line->last_seen);
		seen->word = MS_READ_ONCE(line->word);
		seen->first_seen = MS_READ_ONCE(line->first_seen);
		if (ms_lines_is_in(seen->epoch, MS_LINES_LIVE) && ms_oneway_is(number, flow) &&
		    MS_READ_ONCE(head->fills) / MS_HEAD_FILL == fills)
			return 1;
	}
	return 0;
}

/* ---- changing ---- */

/* Takes the flow's line in hand, which flow->way says from then on. 0 = there is none, or another
 * CPU has it. */
__noinline int ms_oneway_hold(struct ms_flow *flow)
{
	struct ms_head *head;
	__u64 held, old;
	int number;

	if (!flow)
		return 0;
	number = ms_oneway_locate(flow);
	head = ms_oneway_head_of(flow);
	if (number < 0 || !head)
		return 0;
	held = ms_lines_tag_at(MS_HEAD_HELD, number);
	old = __sync_fetch_and_or(&head->tags, held);
	if (old & held)
		return 0;
	if (!(old & ms_lines_tag_at(MS_TAG_MASK, number)) || !ms_oneway_is(number, flow)) {
		__sync_fetch_and_and(&head->tags, ~held);
		return 0;
	}
	flow->way = number % MS_SET_WAYS;
	held = 1u << number % MS_SET_WAYS;
	if (!(MS_READ_ONCE(head->fills) & held))
		__sync_fetch_and_or(&head->fills, held);
	return 1;
}

/* The line in hand. A function for the sake of its callers' stack. */
static __noinline struct ms_session *ms_oneway_held(const struct ms_flow *flow)
{
	const struct ms_control *control = ms_scene_control();
	const __u64 *key = flow->key.words;
	void *set;

	if (!control)
		return NULL;
	if (flow->key.mark == MS_KEY_NARROW) {
		set = ms_oneway_set(ms_oneway_index(control, key, 0), 0);
		return set ? ms_lines_at(set, flow->way, 0) : NULL;
	}
	set = ms_oneway_set(ms_oneway_index(control, key, 1), 1);
	return set ? ms_lines_at(set, flow->way, 1) : NULL;
}

/* Out of hand again; `mask` is what its byte of the tags loses by it. */
__noinline int ms_oneway_let_go(struct ms_flow *flow, __u32 mask)
{
	struct ms_head *head;
	__u8 *own;

	if (!flow)
		return 0;
	head = ms_oneway_head_of(flow);
	if (!head)
		return 0;
	own = ms_oneway_byte(head, flow->way);
	MS_WRITE_ONCE(*own, MS_READ_ONCE(*own) & ~mask);
	return 0;
}

/* ---- storing ---- */

/* Of what is one bit a byte, number of the first byte from `start` on that has it. */
static __always_inline __u32 ms_oneway_first(__u64 bits, __u32 start)
{
	__u32 turn = start % MS_SET_WAYS * 8;

	bits = bits >> turn | bits << (-turn & 63);
	bits &= -bits;
	return (((bits >> 7) * 0x0001020304050607ull >> 56) + start) % MS_SET_WAYS;
}

/* Way for a new flow: a free one, from `start` on; or one that was not met since it was passed by,
 * from the one whose turn it is on, which has been there longest; or that one. -1 = all are in
 * somebody's hands. */
static __always_inline int ms_oneway_choose(__u64 tags, __u64 fills, __u32 start)
{
	__u64 open = ~tags & MS_ONEWAY_ALL_HELD, bits = ms_lines_tagged(tags, 0, 0) & open;

	if (bits)
		return ms_oneway_first(bits, start);
	if (!open)
		return -1;
	/* The low byte, a bit to a byte, which is its top bit then. */
	bits = (fills & 0xff) * MS_TAG_EACH & 0x8040201008040201ull;
	bits = ~(bits + MS_TAG_MASK * MS_TAG_EACH) & open;
	return ms_oneway_first(bits ? bits : open, fills / MS_HEAD_FILL);
}

/* In hand already. */
static __always_inline void ms_oneway_fill(struct ms_session *line, const __u64 *key,
					   const struct ms_session *fresh, const int wide)
{
	__u64 *own = ms_lines_key(line);

	MS_WRITE_ONCE(line->epoch, MS_EPOCH_HELD);
	for (int i = 0; i < (wide ? MS_LINE6_WORDS : MS_LINE4_WORDS); i++)
		MS_WRITE_ONCE(own[i], key[i]);
	for (int i = 0; i < 2; i++) {
		MS_WRITE_ONCE(line->packets[i], fresh->packets[i]);
		MS_WRITE_ONCE(line->bytes[i], fresh->bytes[i]);
	}
	MS_WRITE_ONCE(line->word, fresh->word);
	MS_WRITE_ONCE(line->first_seen, fresh->first_seen);
	MS_WRITE_ONCE(line->last_seen, fresh->last_seen);
	MS_WRITE_ONCE(line->epoch, fresh->epoch);
}

static __always_inline int ms_oneway_store_in(const struct ms_control *control, const __u64 *key,
					      const struct ms_session *fresh, const int wide)
{
	struct ms_lines_place place = ms_lines_place(key, wide, control->session_seed);
	__u32 sets = control->oneway_sets, index = ms_lines_index(place.first, sets), eldest;
	struct ms_head *head = ms_oneway_head(index, sets, wide);
	void *set = ms_oneway_set(index, wide);
	__u64 tags, fills, tagged, filled;
	int way;

	if (!head || !set)
		return MS_LINES_FULL;
	tags = MS_READ_ONCE(head->tags);
	fills = MS_READ_ONCE(head->fills);
	tagged = ms_lines_tagged(tags, place.tag, 0);
	if (tagged) {
		MS_UNROLL
		for (int i = 0; i < MS_SET_WAYS; i++) {
			if (!ms_lines_is_tagged(tagged, i))
				continue;
			if (ms_lines_is(ms_lines_at(set, i, wide), key, wide))
				return MS_LINES_EXISTS;
			/* It may be about to have the key. */
			if (tags & ms_lines_tag_at(MS_HEAD_HELD, i))
				return MS_ONEWAY_AGAIN;
		}
	}
	way = ms_oneway_choose(tags, fills, place.way);
	if (way < 0)
		return MS_LINES_FULL;
	tagged = (tags & ~ms_lines_tag_at(MS_TAG_MASK, way)) |
		 ms_lines_tag_at(place.tag | MS_HEAD_HELD, way);
	if (__sync_val_compare_and_swap(&head->tags, tags, tagged) != tags)
		return MS_ONEWAY_AGAIN;
	/* Out of turn it is passed by once. */
	eldest = fills / MS_HEAD_FILL % MS_SET_WAYS;
	filled = (fills + MS_HEAD_FILL) & ~(1ull << eldest);
	if (way != (int)eldest)
		filled |= 1u << way;
	if (__sync_val_compare_and_swap(&head->fills, fills, filled) != fills)
		__sync_fetch_and_add(&head->fills, MS_HEAD_FILL);
	ms_oneway_fill(ms_lines_at(set, way, wide), key, fresh, wide);
	MS_WRITE_ONCE(*ms_oneway_byte(head, way), place.tag);
	return 0;
}

/* 0, MS_LINES_EXISTS, MS_LINES_FULL, or MS_ONEWAY_AGAIN = another CPU came between. */
__noinline int ms_oneway_store(struct ms_flow *flow, struct ms_session *fresh)
{
	const struct ms_control *control = ms_scene_control();

	if (!flow || !fresh || !control)
		return MS_LINES_FULL;
	if (flow->key.mark == MS_KEY_NARROW)
		return ms_oneway_store_in(control, flow->key.words, fresh, 0);
	return ms_oneway_store_in(control, flow->key.words, fresh, 1);
}

#endif
