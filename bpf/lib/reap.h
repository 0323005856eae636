/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ending sessions on behalf of user space, without losing a packet that comes meanwhile. */
#ifndef MS_BPF_LIB_REAP_H
#define MS_BPF_LIB_REAP_H

#include "bpf/lib/session.h"

static __always_inline int ms_reap_unchanged(const struct ms_session *session,
					     const struct ms_reap_key *key)
{
	return MS_READ_ONCE(session->epoch) == key->epoch &&
	       MS_READ_ONCE(session->last_seen) == key->last_seen;
}

static __always_inline __u32 ms_reap_half(struct ms_flow *flow, const struct ms_reap_key *key,
					  int force)
{
	struct ms_session *half = ms_half_find(flow);

	if (half)
		half = ms_half_hold(flow, half);
	if (!half)
		return MS_REAPED_NOT;
	if (!force && !ms_reap_unchanged(half, key)) {
		ms_half_let_go(flow);
		return MS_REAPED_NOT;
	}
	ms_half_drop(flow);
	if (!force)
		ms_stats_note(MS_STAT_EXPIRED_SESSION);
	return MS_REAPED_DELETED;
}

static __always_inline int ms_reap_hold(struct ms_session *dead)
{
	return __sync_val_compare_and_swap(&dead->epoch, MS_EPOCH_DEAD, MS_SESSION_HELD) ==
	       MS_EPOCH_DEAD;
}

static __always_inline void ms_reap_let_go(struct ms_session *held)
{
	__sync_lock_test_and_set(&held->epoch, MS_EPOCH_DEAD);
}

/*
 * What is dead goes a grace period after it was marked, and not if it has lived since: then a
 * packet may have found it live meanwhile.
 */
static __always_inline __u32 ms_reap_mark(struct ms_flow *flow)
{
	struct ms_session *dead = ms_session_find_dead(flow);

	if (!dead || !ms_reap_hold(dead))
		return MS_REAPED_NOT;
	if (ms_session_is_of(dead, flow))
		MS_WRITE_ONCE(dead->first_seen, MS_SEEN_DEAD);
	ms_reap_let_go(dead);
	return MS_REAPED_ENDED;
}

static __always_inline int ms_reap_is_marked(const struct ms_session *held)
{
	return MS_READ_ONCE(held->first_seen) == MS_SEEN_DEAD;
}

static __always_inline __u32 ms_reap_end(struct ms_flow *flow, const struct ms_reap_key *key,
					 int force)
{
	struct ms_session *session = ms_session_find(flow);
	__u32 epoch = session ? MS_READ_ONCE(session->epoch) : MS_EPOCH_DEAD;

	if (epoch == MS_EPOCH_DEAD)
		return ms_session_find_dead(flow) ? MS_REAPED_ENDED : MS_REAPED_NOT;
	if ((!force && !ms_reap_unchanged(session, key)) || !ms_session_end(session, flow, epoch))
		return MS_REAPED_NOT;
	if (!force)
		ms_stats_note(MS_STAT_EXPIRED_SESSION);
	return MS_REAPED_ENDED;
}

#ifdef MS_SET_TABLE
static __always_inline __u32 ms_reap_line(struct ms_flow *flow, int number, const int wide)
{
	__u32 index = (__u32)(number & ~MS_LINES_NUMBER_WIDE) / MS_SET_WAYS;
	const struct ms_control *control = ms_scene_control();
	void *set = ms_lines_set(index, wide);
	struct ms_session *line;
	__u64 *tags;

	if (!set || !control)
		return MS_REAPED_NOT;
	tags = ms_lines_tags(index, control->session_sets, wide);
	if (!tags)
		return MS_REAPED_NOT;
	line = ms_lines_at(set, number, wide);
	if (!ms_reap_hold(line))
		return MS_REAPED_NOT;
	if (!ms_lines_is(line, flow->key.words, wide) || !ms_reap_is_marked(line)) {
		ms_reap_let_go(line);
		return MS_REAPED_NOT;
	}
	ms_session_fold(line, flow->zone, flow->flags, MS_READ_ONCE(line->word));
	ms_lines_clear(line, tags, number, wide);
	return MS_REAPED_DELETED;
}

static __always_inline __u32 ms_reap_delete(struct ms_flow *flow)
{
	int number = ms_lines_locate(flow, MS_LINES_DEAD, -1);

	if (number < 0)
		return MS_REAPED_NOT;
	if (number & MS_LINES_NUMBER_WIDE)
		return ms_reap_line(flow, number, 1);
	return ms_reap_line(flow, number, 0);
}
#else
/* The claim keeps a new session of the tuple from moving in while the entry goes. */
static __always_inline __u32 ms_reap_delete(struct ms_flow *flow)
{
	struct ms_session *session = ms_session_find(flow);

	if (!session || !ms_reap_hold(session))
		return MS_REAPED_NOT;
	if (!ms_reap_is_marked(session)) {
		ms_reap_let_go(session);
		return MS_REAPED_NOT;
	}
	ms_session_fold(session, flow->zone, flow->flags, MS_READ_ONCE(session->word));
	if (flow->family == 4)
		bpf_map_delete_elem(&ms_sess4, &flow->key.k4);
	else
		bpf_map_delete_elem(&ms_sess6, &flow->key.k6);
	return MS_REAPED_DELETED;
}
#endif

__noinline int ms_reap_one(__u32 index)
{
	struct ms_reap_key *key;
	struct ms_flow flow = {};
	struct ms_reap_io *io;
	__u32 zero = 0;

	io = bpf_map_lookup_elem(&ms_reap_io, &zero);
	if (!io || index >= io->count || index >= MS_REAP_MAX)
		return 0;
	key = &io->keys[index];
	flow.family = io->family;
	if (io->family == 4) {
		flow.key.k4 = key->k4;
		flow.flags = key->k4.flags;
		flow.zone = key->k4.zone;
	} else {
		flow.key.k6 = key->k6;
		flow.flags = key->k6.flags;
		flow.zone = key->k6.zone;
	}
	ms_flow_key_mark(&flow.key, io->family);
	if (io->half_open)
		key->result = io->step == MS_REAP_END ? ms_reap_half(&flow, key, io->force)
						      : MS_REAPED_NOT;
	else if (io->step == MS_REAP_END)
		key->result = ms_reap_end(&flow, key, io->force);
	else if (io->step == MS_REAP_MARK)
		key->result = ms_reap_mark(&flow);
	else
		key->result = ms_reap_delete(&flow);
	return 1;
}

#endif
