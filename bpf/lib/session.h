/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sessions: key, find, hit, insert, promote, re-judge, end.
 *
 * Counting. A two-way session carries its packets until it ends and is then folded into its slot
 * and zone. A one-way session may be evicted at any time, so its packets are counted at once, and
 * taken back from slot and zone when the session becomes two-way and starts to carry them.
 *
 * Ending. Whoever ends a two-way session first swaps its epoch for MS_EPOCH_DEAD and only then
 * takes the counters out. A packet that finds DEAD after adding itself takes out what is left and
 * folds that too. So every packet is folded or carried, never both, never neither. The memory stays
 * the flow's own until the reaper deletes it a grace period later.
 */
#ifndef MS_BPF_LIB_SESSION_H
#define MS_BPF_LIB_SESSION_H

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/lib/flow_key.h"
#include "bpf/lib/l4.h"
#ifdef MS_SET_TABLE
#include "bpf/lib/lines.h"
#include "bpf/lib/oneway.h"
#endif
#include "bpf/lib/maps.h"
#include "bpf/lib/packet.h"
#include "bpf/lib/scene.h"
#include "bpf/lib/stats.h"

static __always_inline int ms_flow_src_is_lower(const struct ms_pkt *pkt, int ports)
{
	for (int i = 0; i < 4; i++) {
		if (pkt->src[i] != pkt->dst[i])
			return pkt->src[i] < pkt->dst[i];
		if (pkt->family == 4)
			break;
	}
	return !ports || pkt->sport <= pkt->dport;
}

/*
 * `flow` comes zeroed; `dir` is the packet's (that of a quoted packet is not the scene's). The key
 * is written in the words that it is read in: a processor hands no two stores on to one load. As in
 * lean.h they are put together as memory has them where the lowest byte comes first.
 */
static __always_inline void ms_flow_set(struct ms_flow *flow, const struct ms_scene *scene,
					const struct ms_pkt *pkt, __u8 dir)
{
	int icmp = ms_pkt_is_icmp(pkt), is_reply = 0;
	int src_is_lower = ms_flow_src_is_lower(pkt, !icmp);
	__be16 lo_port = MS_CHOOSE(src_is_lower, pkt->sport, pkt->dport);
	__be16 hi_port = MS_CHOOSE(src_is_lower, pkt->dport, pkt->sport);
	__u8 flags = 0, index = !src_is_lower;
	__u64 *words = flow->key.words, tail;
	__u32 tags;

	if (icmp) {
		int requester_lo = src_is_lower;

		hi_port = ms_l4_icmp_class(pkt->family, pkt->icmp_type, pkt->icmp_code, &is_reply);
		lo_port = pkt->sport;
		/* A host that pings itself is both endpoints; only the type tells them apart. */
		if (is_reply && (pkt->src[0] != pkt->dst[0] || pkt->src[1] != pkt->dst[1] ||
				 pkt->src[2] != pkt->dst[2] || pkt->src[3] != pkt->dst[3]))
			requester_lo = !src_is_lower;
		if (requester_lo)
			flags |= MS_KEY_REQUESTER_LO;
		index = is_reply ? requester_lo : !requester_lo;
	}
	if (!(scene->iface_flags & MS_IFACE_LOOPBACK) && (index == 0) == (dir == MS_DIR_OUT))
		flags |= MS_KEY_LO_OUT;
	flow->family = pkt->family;
	flow->index = index;
	flow->flags = flags;
	flow->zone = scene->zone;
	tail = lo_port | (__u32)hi_port << 16 | (__u64)scene->zone << 32 | (__u64)pkt->proto << 48 |
	       (__u64)flags << 56;
	tags = pkt->vlan_outer | (__u32)pkt->vlan_inner << 16;
	if (pkt->family == 4) {
		__u32 lo = MS_CHOOSE(src_is_lower, pkt->src[0], pkt->dst[0]);
		__u32 hi = MS_CHOOSE(src_is_lower, pkt->dst[0], pkt->src[0]);

		words[0] = lo | (__u64)hi << 32;
		words[1] = tail;
		words[2] = tags;
		words[5] = tags ? (__u64)MS_KEY_WIDE4 << 32 : 0;
		return;
	}
	for (int i = 0; i < 2; i++) {
		__u32 lo = MS_CHOOSE(src_is_lower, pkt->src[2 * i], pkt->dst[2 * i]);
		__u32 lo_too = MS_CHOOSE(src_is_lower, pkt->src[2 * i + 1], pkt->dst[2 * i + 1]);
		__u32 hi = MS_CHOOSE(src_is_lower, pkt->dst[2 * i], pkt->src[2 * i]);
		__u32 hi_too = MS_CHOOSE(src_is_lower, pkt->dst[2 * i + 1], pkt->src[2 * i + 1]);

		words[i] = lo | (__u64)lo_too << 32;
		words[2 + i] = hi | (__u64)hi_too << 32;
	}
	words[4] = tail;
	words[5] = tags | (__u64)MS_KEY_WIDE6 << 32;
}

/* The same, out of line: for all but the hit. */
__noinline int ms_flow_place(struct ms_flow *flow, struct ms_scene *scene, struct ms_pkt *pkt,
			     __u32 dir)
{
	if (!flow || !scene || !pkt)
		return 0;
	__builtin_memset(flow, 0, sizeof(*flow));
	ms_flow_set(flow, scene, pkt, dir);
	return 0;
}

/* ---- tables ---- */

#ifdef MS_SET_TABLE
static __always_inline struct ms_session *ms_session_find(struct ms_flow *flow)
{
	return ms_lines_by_number(ms_lines_locate(flow, MS_LINES_LIVE, -1));
}

/* One that was dead. It may be anybody's by now, so it is for those alone who ask again when they
 * hold it (ms_session_is_of). */
static __always_inline struct ms_session *ms_session_find_dead(struct ms_flow *flow)
{
	return ms_lines_by_number(ms_lines_locate(flow, MS_LINES_DEAD, -1));
}
#else
/* May be dead. */
static __always_inline struct ms_session *ms_session_find(struct ms_flow *flow)
{
	if (flow->family == 4)
		return bpf_map_lookup_elem(&ms_sess4, &flow->key.k4);
	return bpf_map_lookup_elem(&ms_sess6, &flow->key.k6);
}

static __always_inline struct ms_session *ms_session_find_dead(struct ms_flow *flow)
{
	return ms_session_find(flow);
}
#endif

/*
 * A one-way session is looked at as ms_half_find() has it, and changed only as ms_half_hold() has
 * it, until ms_half_let_go() or ms_half_drop(), which ends it. It may not be to be had: NULL.
 */
#ifdef MS_SET_TABLE
/* This CPU's copy, without counts, until it looks for the next one. */
static __always_inline struct ms_session *ms_half_find(struct ms_flow *flow)
{
	__u32 zero = 0;

	return ms_oneway_look(flow) ? bpf_map_lookup_elem(&ms_seen, &zero) : NULL;
}

/* The one in hand. */
static __always_inline struct ms_session *ms_half_held(struct ms_flow *flow,
						       struct ms_session *seen)
{
	return ms_oneway_held(flow);
}

static __always_inline struct ms_session *ms_half_hold(struct ms_flow *flow,
						       struct ms_session *seen)
{
	return ms_oneway_hold(flow) ? ms_oneway_held(flow) : NULL;
}

static __always_inline void ms_half_let_go(struct ms_flow *flow)
{
	ms_oneway_let_go(flow, MS_HEAD_HELD);
}

static __always_inline void ms_half_drop(struct ms_flow *flow)
{
	ms_oneway_let_go(flow, MS_HEAD_HELD | MS_TAG_MASK);
}

/* What was seen of one that may have been judged again since. */
static __always_inline void ms_half_see(struct ms_session *seen, const struct ms_session *held)
{
	seen->epoch = MS_READ_ONCE(held->epoch);
	seen->word = MS_READ_ONCE(held->word);
}

static __always_inline long ms_half_insert(struct ms_flow *flow, struct ms_session *session)
{
	int r = MS_ONEWAY_AGAIN;

	MS_LOOP_OF_CALLS
	for (int i = 0; r == MS_ONEWAY_AGAIN && i < MS_ONEWAY_TRIES; i++)
		r = ms_oneway_store(flow, session);
	return r;
}
#else
static __always_inline struct ms_session *ms_half_find(struct ms_flow *flow)
{
	if (flow->family == 4)
		return bpf_map_lookup_elem(&ms_half4, &flow->key.k4);
	return bpf_map_lookup_elem(&ms_half6, &flow->key.k6);
}

static __always_inline struct ms_session *ms_half_held(struct ms_flow *flow,
						       struct ms_session *seen)
{
	return seen;
}

static __always_inline struct ms_session *ms_half_hold(struct ms_flow *flow,
						       struct ms_session *seen)
{
	return seen;
}

static __always_inline void ms_half_let_go(struct ms_flow *flow)
{
}

static __always_inline void ms_half_see(struct ms_session *seen, const struct ms_session *held)
{
}

static __always_inline long ms_half_insert(struct ms_flow *flow, const struct ms_session *session)
{
	if (flow->family == 4)
		return bpf_map_update_elem(&ms_half4, &flow->key.k4, session, BPF_NOEXIST);
	return bpf_map_update_elem(&ms_half6, &flow->key.k6, session, BPF_NOEXIST);
}

static __always_inline void ms_half_drop(struct ms_flow *flow)
{
	if (flow->family == 4)
		bpf_map_delete_elem(&ms_half4, &flow->key.k4);
	else
		bpf_map_delete_elem(&ms_half6, &flow->key.k6);
}
#endif

/* ---- state ---- */

static __always_inline __u32 ms_session_tcp(__u32 word)
{
	return (word & MS_SESS_TCP_MASK) >> MS_SESS_TCP_SHIFT;
}

static __always_inline int ms_session_from_origin(struct ms_flow *flow, __u32 word)
{
	return flow->index == !!(word & MS_SESS_ORIGIN_HI);
}

/* Ticks of one of the timeouts; global for the sake of the index (stats.h). */
__noinline int ms_session_limit(__u32 timeout)
{
	const struct ms_control *control = ms_scene_control();

	if (!control || timeout >= MS_TIMEOUT__COUNT)
		return 0;
	return control->timeouts[timeout];
}

static __always_inline int ms_session_expired(const struct ms_session *session, __u8 proto,
					      __u32 now)
{
	__u32 limit = ms_session_limit(ms_session_timeout(proto, session->word));

	return (__s32)(now - MS_READ_ONCE(session->last_seen)) > (__s32)limit;
}

/*
 * FIN and RST shorten the timeout. A RST is taken back when the endpoint that seemed to send it
 * goes on sending: then somebody else did.
 */
static __always_inline void ms_session_tcp_step(struct ms_session *session, struct ms_flow *flow,
						const struct ms_pkt *pkt)
{
	__u32 word = MS_READ_ONCE(session->word);
	__u32 own_rst = flow->index ? MS_SESS_RST_HI : MS_SESS_RST_LO;
	__u32 closing = (__u32)MS_TCP_CLOSING << MS_SESS_TCP_SHIFT;

	if (pkt->tcp_flags & MS_TCP_RST_FLAG) {
		if (ms_session_tcp(word) != MS_TCP_CLOSING)
			__sync_fetch_and_or(&session->word, closing | own_rst);
	} else if (pkt->tcp_flags & MS_TCP_FIN_FLAG) {
		if (ms_session_tcp(word) != MS_TCP_CLOSING)
			__sync_fetch_and_or(&session->word, closing);
		else if (word & (MS_SESS_RST_LO | MS_SESS_RST_HI))
			__sync_fetch_and_and(&session->word, ~(MS_SESS_RST_LO | MS_SESS_RST_HI));
	} else if (!(pkt->tcp_flags & MS_TCP_SYN_FLAG) && (word & own_rst)) {
		/* closing is 3, established 2 */
		__sync_fetch_and_and(&session->word,
				     ~(MS_SESS_RST_LO | MS_SESS_RST_HI | 1u << MS_SESS_TCP_SHIFT));
	}
}

/* ---- counting ---- */

/* Packets that a session carried become its slot's and zone's, `sign` -1 takes them back. */
static __always_inline void ms_session_credit(__u32 slot, __u32 zone, __u32 key_flags,
					      const __u64 *packets, const __u64 *bytes, __s64 sign)
{
	ms_stats_slot(slot, sign * (packets[0] + packets[1]), sign * (bytes[0] + bytes[1]));
	for (int i = 0; i < 2; i++)
		if (packets[i])
			ms_stats_zone(zone, ms_session_dir(key_flags, i), 0, sign * packets[i],
				      sign * bytes[i]);
}

/* Takes out what a dead session still carries. */
__noinline int ms_session_fold(struct ms_session *session, __u32 zone, __u32 key_flags, __u32 word)
{
	__u64 packets[2], bytes[2];

	if (!session)
		return 0;
	packets[0] = __sync_lock_test_and_set(&session->packets[0], 0);
	packets[1] = __sync_lock_test_and_set(&session->packets[1], 0);
	bytes[0] = __sync_lock_test_and_set(&session->bytes[0], 0);
	bytes[1] = __sync_lock_test_and_set(&session->bytes[1], 0);
	ms_session_credit(word & MS_SESS_SLOT_MASK, zone, key_flags, packets, bytes, 1);
	return 0;
}

static __always_inline void ms_session_add(struct ms_session *session, __u32 index,
					   const struct ms_scene *scene)
{
#ifdef MS_HARDENED
	if (index) {
		/* Keeps the two ways apart: one address computed from a chosen offset is refused
		 * where the verifier hardens against speculation (no CAP_PERFMON). */
		asm volatile("" : "+r"(session));
		__sync_fetch_and_add(&session->packets[1], scene->packets);
		__sync_fetch_and_add(&session->bytes[1], scene->bytes);
	} else {
		__sync_fetch_and_add(&session->packets[0], scene->packets);
		__sync_fetch_and_add(&session->bytes[0], scene->bytes);
	}
#else
	__sync_fetch_and_add(&session->packets[index & 1], scene->packets);
	__sync_fetch_and_add(&session->bytes[index & 1], scene->bytes);
#endif
	if (MS_READ_ONCE(session->last_seen) != scene->now)
		MS_WRITE_ONCE(session->last_seen, scene->now);
}

/* A packet of a two-way session. */
static __always_inline void ms_session_count(struct ms_session *session, struct ms_flow *flow,
					     const struct ms_scene *scene)
{
	ms_session_add(session, flow->index, scene);
	if (MS_READ_ONCE(session->epoch) == MS_EPOCH_DEAD)
		ms_session_fold(session, flow->zone, flow->flags, MS_READ_ONCE(session->word));
}

/* A packet of a one-way session. `held` is NULL if it is not to be had: then slot and zone alone
 * count the packet, and the session has not seen it. */
static __always_inline void ms_half_count(struct ms_session *held, __u32 word, struct ms_flow *flow,
					  const struct ms_scene *scene)
{
	if (held)
		ms_session_add(held, flow->index, scene);
	ms_stats_slot(word & MS_SESS_SLOT_MASK, scene->packets, scene->bytes);
	ms_stats_zone(scene->zone, ms_session_dir(flow->flags, flow->index), 0, scene->packets,
		      scene->bytes);
}

/* ---- ends ---- */

/* True for the one caller that ended it. `epoch` is what the caller saw. */
static __always_inline int ms_session_end(struct ms_session *session, struct ms_flow *flow,
					  __u32 epoch)
{
	if (!ms_session_is_free_to_change(epoch) ||
	    __sync_val_compare_and_swap(&session->epoch, epoch, MS_EPOCH_DEAD) != epoch)
		return 0;
	ms_session_fold(session, flow->zone, flow->flags, MS_READ_ONCE(session->word));
	return 1;
}

/* ---- beginnings ---- */

/* The mark of a session that one CPU revives. */
#ifdef MS_SET_TABLE
#define MS_SESSION_HELD MS_EPOCH_HELD
#else
#define MS_SESSION_HELD MS_EPOCH_BUSY
#endif

/* Is a session that was dead when it was found, and is held by us now, still the flow's own? */
static __always_inline int ms_session_is_of(const struct ms_session *session, struct ms_flow *flow)
{
#ifdef MS_SET_TABLE
	return ms_lines_is_of(session, flow);
#else
	return 1;
#endif
}

/*
 * Looks round after a session became live, or may be ended again: of two CPUs that did so with two
 * sessions of one flow, the later one sees the earlier's, because what made it live is a full
 * barrier. Whoever sees another ends its own. True = the session stays. `number` is its line's, if
 * known, or -1.
 */
#ifdef MS_SET_TABLE
__noinline int ms_session_is_alone(struct ms_session *session, struct ms_flow *flow, int number)
{
	if (!session || !flow)
		return 0;
	if (ms_lines_has_twin(flow, session, number)) {
		ms_session_end(session, flow, MS_READ_ONCE(session->epoch));
		return 0;
	}
	return 1;
}
#else
static __always_inline int ms_session_is_alone(struct ms_session *session, struct ms_flow *flow,
					       int number)
{
	return 1;
}
#endif

/* The counts of a session that has just become live come last, as a packet's would: whoever ended
 * it before takes nothing of them. */
__noinline int ms_session_bring(struct ms_session *session, struct ms_flow *flow,
				struct ms_session *fresh)
{
	if (!session || !flow || !fresh)
		return 0;
	__sync_fetch_and_add(&session->packets[0], fresh->packets[0]);
	__sync_fetch_and_add(&session->packets[1], fresh->packets[1]);
	__sync_fetch_and_add(&session->bytes[0], fresh->bytes[0]);
	__sync_fetch_and_add(&session->bytes[1], fresh->bytes[1]);
	if (MS_READ_ONCE(session->epoch) == MS_EPOCH_DEAD)
		ms_session_fold(session, flow->zone, flow->flags, MS_READ_ONCE(session->word));
	return 0;
}

/*
 * Makes a dead session of the same tuple live again as `fresh`, in place: its memory may still be
 * held by a packet that will add itself to it, which must not be another flow's by then. False if
 * it was not dead (any more), or the flow has another one.
 */
static __always_inline int ms_session_revive(struct ms_session *dead, struct ms_flow *flow,
					     struct ms_session *fresh)
{
	if (__sync_val_compare_and_swap(&dead->epoch, MS_EPOCH_DEAD, MS_SESSION_HELD) !=
	    MS_EPOCH_DEAD)
		return 0;
	if (!ms_session_is_of(dead, flow)) {
		__sync_lock_test_and_set(&dead->epoch, MS_EPOCH_DEAD);
		return 0;
	}
	ms_session_fold(dead, flow->zone, flow->flags, MS_READ_ONCE(dead->word));
	MS_WRITE_ONCE(dead->word, fresh->word);
	MS_WRITE_ONCE(dead->first_seen, fresh->first_seen);
	MS_WRITE_ONCE(dead->last_seen, fresh->last_seen);
	__sync_lock_test_and_set(&dead->epoch, fresh->epoch);
	if (!ms_session_is_alone(dead, flow, -1))
		return 0;
	ms_session_bring(dead, flow, fresh);
	return 1;
}

#ifdef MS_SET_TABLE
/* Stores a new session, unless one of the key is there, be it dead. */
static __always_inline long ms_session_insert(struct ms_flow *flow, struct ms_session *fresh)
{
	struct ms_session *line;
	int number;

	if (ms_lines_locate(flow, MS_LINES_ANY, -1) >= 0)
		return MS_LINES_EXISTS;
	number = ms_lines_store(flow, fresh, 0);
	if (number < 0)
		number = ms_lines_store(flow, fresh, 1);
	if (number < 0)
		number = ms_lines_store(flow, fresh, 2);
	line = ms_lines_by_number(number);
	if (!line)
		return MS_LINES_FULL;
	if (!ms_session_is_alone(line, flow, number))
		return MS_LINES_EXISTS;
	ms_session_bring(line, flow, fresh);
	return 0;
}
#else
static __always_inline long ms_session_insert(struct ms_flow *flow,
					      const struct ms_session *session)
{
	if (flow->family == 4)
		return bpf_map_update_elem(&ms_sess4, &flow->key.k4, session, BPF_NOEXIST);
	return bpf_map_update_elem(&ms_sess6, &flow->key.k6, session, BPF_NOEXIST);
}
#endif

#endif
