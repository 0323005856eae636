/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The life of a session: begin, answer, become two-way, be judged again. Functions of their own, so
 * that their stack is not the slow program's; static where they take a session's key to a map
 * (kernel 6.1 takes keys from a caller's stack, but not from a global function's argument), else
 * global. Looking and counting are in session.h.
 */
#ifndef MS_BPF_LIB_FLOW_H
#define MS_BPF_LIB_FLOW_H

#include "bpf/lib/denied.h"
#include "bpf/lib/judge.h"
#include "bpf/lib/session.h"

/* Replaces some bits of the word; the old word, or ~0 after losing to other CPUs four times. */
static __always_inline __u32 ms_session_rewrite(struct ms_session *session, __u32 mask, __u32 bits)
{
	MS_UNROLL
	for (int i = 0; i < 4; i++) {
		__u32 old = MS_READ_ONCE(session->word);

		if (__sync_val_compare_and_swap(&session->word, old, (old & ~mask) | bits) == old)
			return old;
	}
	return ~0u;
}

/* Counts the packet in a session that is still being written. By masks: a chosen address is refused
 * without CAP_PERFMON. */
static __always_inline void ms_flow_include(struct ms_session *fresh, const struct ms_flow *flow,
					    const struct ms_scene *scene)
{
	__u64 from_hi = flow->index ? ~0ull : 0;

	fresh->packets[0] += scene->packets & ~from_hi;
	fresh->packets[1] += scene->packets & from_hi;
	fresh->bytes[0] += scene->bytes & ~from_hi;
	fresh->bytes[1] += scene->bytes & from_hi;
}

/* Takes back from slot and zone what a one-way session had counted, which is what the two-way one
 * begins with but for the packet in hand. */
__noinline int ms_half_take_back(struct ms_session *fresh, struct ms_flow *flow,
				 struct ms_scene *scene)
{
	__u64 packets[2], bytes[2], from_hi;

	if (!fresh || !flow || !scene)
		return 0;
	from_hi = flow->index ? ~0ull : 0;
	packets[0] = fresh->packets[0] - (scene->packets & ~from_hi);
	packets[1] = fresh->packets[1] - (scene->packets & from_hi);
	bytes[0] = fresh->bytes[0] - (scene->bytes & ~from_hi);
	bytes[1] = fresh->bytes[1] - (scene->bytes & from_hi);
	ms_session_credit(fresh->word & MS_SESS_SLOT_MASK, flow->zone, flow->flags, packets, bytes,
			  -1);
	return 0;
}

/*
 * One-way becomes two-way, this packet included. The insert itself decides between two CPUs that
 * try; whoever wins takes back what the one-way table had counted. The one-way entry goes last, so
 * that no packet finds neither. False = the session stays where it is (no room, or somebody else
 * was faster) and the packet is still to be counted. `half` is in hand, and gone on success.
 */
static __always_inline int ms_half_promote(const struct ms_session *half, struct ms_flow *flow,
					   struct ms_scene *scene, __u32 word)
{
	struct ms_session fresh = {
		.epoch = scene->epoch,
		.last_seen = scene->now,
		.word = word,
		.first_seen = half->first_seen,
	};
	struct ms_session *dead;
	long r;

	fresh.packets[0] = MS_READ_ONCE(half->packets[0]);
	fresh.packets[1] = MS_READ_ONCE(half->packets[1]);
	fresh.bytes[0] = MS_READ_ONCE(half->bytes[0]);
	fresh.bytes[1] = MS_READ_ONCE(half->bytes[1]);
	ms_flow_include(&fresh, flow, scene);
	r = ms_session_insert(flow, &fresh);
	if (r) {
		dead = ms_session_find_dead(flow);
		if (!dead && r != -17) /* EEXIST: another CPU has just stored it */
			ms_stats_note_here(MS_STAT_INSERT_FAILED);
		if (!dead || !ms_session_revive(dead, flow, &fresh))
			return 0;
	}
	ms_half_take_back(&fresh, flow, scene);
	ms_half_drop(flow);
	return 1;
}

/* The bits of the word that say what was decided. */
#define MS_FLOW_DECIDED                                                                            \
	(MS_SESS_SLOT_MASK | MS_SESS_ESTABLISHED_MASK | MS_SESS_LOG | MS_SESS_AUDIT |              \
	 MS_SESS_DENIED | MS_SESS_ACTIONS)

static __always_inline __u32 ms_flow_decided(const struct ms_answer *answer)
{
	__u32 word = answer->slot & MS_SESS_SLOT_MASK;

	word |= (__u32)answer->established << MS_SESS_ESTABLISHED_SHIFT & MS_SESS_ESTABLISHED_MASK;
	if (answer->flags & MS_DECISION_LOG)
		word |= MS_SESS_LOG;
	if (answer->flags & MS_DECISION_ACTIONS)
		word |= MS_SESS_ACTIONS;
	if (answer->verdict == MS_VERDICT_AUDIT)
		word |= MS_SESS_AUDIT;
	if (answer->verdict == MS_VERDICT_DENY)
		word |= MS_SESS_DENIED;
	return word;
}

/*
 * An allowed packet without a session begins one, one-way. Its own count goes to the slot like that
 * of every one-way packet (verdict.h does it). No room never changes the verdict.
 */
static __noinline int ms_flow_begin(struct ms_flow *flow, struct ms_scene *scene,
				    struct ms_pkt *pkt, struct ms_answer *answer)
{
	struct ms_session fresh = {};
	__u32 tcp = MS_TCP_NONE, from_hi;
	long r;

	fresh.epoch = scene->epoch;
	fresh.last_seen = scene->now;
	fresh.first_seen = ms_session_began(scene->now);
	fresh.word = ms_flow_decided(answer);
	ms_flow_include(&fresh, flow, scene);
	if (pkt->proto == MS_PROTO_TCP) {
		tcp = MS_TCP_SYN;
		if (!ms_pkt_is_syn(pkt))
			tcp = pkt->tcp_flags & MS_TCP_FIN_FLAG ? MS_TCP_CLOSING
							       : MS_TCP_ESTABLISHED;
		if (tcp != MS_TCP_SYN && answer->reason != MS_REASON_ADOPTED) {
			fresh.word |= MS_SESS_MIDFLOW;
			ms_stats_note_here(MS_STAT_MIDFLOW);
		}
	}
	fresh.word |= tcp << MS_SESS_TCP_SHIFT;
	/* An adopted flow was begun by the other end, and this is its answer. */
	from_hi = flow->index;
	if (answer->reason == MS_REASON_ADOPTED) {
		fresh.word |= MS_SESS_ADOPTED | MS_SESS_REPLIED;
		from_hi = !from_hi;
	}
	if (from_hi)
		fresh.word |= MS_SESS_ORIGIN_HI;
	if (ms_session_dir(flow->flags, from_hi) == MS_DIR_OUT)
		fresh.word |= MS_SESS_ORIGIN_OUT;
	r = ms_half_insert(flow, &fresh);
	ms_denied_forget(flow);
	if (r == 0)
		ms_stats_note_here(MS_STAT_NEW_SESSION);
	else if (r != -17) /* EEXIST: the flow's first packets came on two CPUs */
		ms_stats_note_here(MS_STAT_INSERT_FAILED);
	return 0;
}

/*
 * A packet of a live one-way session, counted here. An answer makes it two-way; with TCP only the
 * third step of the handshake does, because anybody can make a server send a SYN-ACK.
 */
static __noinline int ms_half_step(struct ms_session *seen, struct ms_flow *flow,
				   struct ms_scene *scene, struct ms_pkt *pkt)
{
	struct ms_session *half = ms_half_hold(flow, seen);
	int from_origin, both;
	__u32 word, tcp;

	if (!half) {
		ms_half_count(NULL, MS_READ_ONCE(seen->word), flow, scene);
		return 0;
	}
	if (pkt->proto == MS_PROTO_TCP)
		ms_session_tcp_step(half, flow, pkt);
	word = MS_READ_ONCE(half->word);
	tcp = ms_session_tcp(word);
	from_origin = ms_session_from_origin(flow, word);
	both = from_origin ? !!(word & MS_SESS_REPLIED) : !(word & MS_SESS_ADOPTED);
	if (tcp == MS_TCP_CLOSING)
		both = 0;
	if (tcp == MS_TCP_SYN) {
		__u32 established = (__u32)MS_TCP_ESTABLISHED << MS_SESS_TCP_SHIFT;

		if (!from_origin || (pkt->tcp_flags & MS_TCP_SYN_FLAG))
			both = 0;
		else if (ms_session_rewrite(half, MS_SESS_TCP_MASK, established) != ~0u)
			word = (word & ~MS_SESS_TCP_MASK) | established;
	}
	if (!from_origin && !(word & MS_SESS_REPLIED)) {
		__sync_fetch_and_or(&half->word, MS_SESS_REPLIED);
		word |= MS_SESS_REPLIED;
	}
	if (both && ms_half_promote(half, flow, scene, word))
		return 0;
	/* Found again, for the stack is short. */
	half = ms_half_held(flow, seen);
	if (half)
		ms_half_count(half, MS_READ_ONCE(half->word), flow, scene);
	ms_half_let_go(flow);
	return 0;
}

/* Gives a session that was judged again its new decision; ms_flow_rejudged() takes it in hand. */
static __always_inline void ms_flow_decide(struct ms_session *session, struct ms_flow *flow,
					   const struct ms_scene *scene,
					   const struct ms_answer *answer, __u32 is_half)
{
	__u64 packets[2], bytes[2];
	__u32 epoch = MS_READ_ONCE(session->epoch), old;

	if (!ms_session_is_free_to_change(epoch) || epoch == scene->epoch ||
	    __sync_val_compare_and_swap(&session->epoch, epoch, MS_EPOCH_BUSY) != epoch)
		return;
	old = ms_session_rewrite(session, MS_FLOW_DECIDED, ms_flow_decided(answer));
	if (old == ~0u) {
		__sync_lock_test_and_set(&session->epoch, epoch);
		if (!is_half)
			ms_session_is_alone(session, flow, -1);
		return;
	}
	old &= MS_SESS_SLOT_MASK;
	if (!is_half && old != answer->slot) {
		packets[0] = MS_READ_ONCE(session->packets[0]);
		packets[1] = MS_READ_ONCE(session->packets[1]);
		bytes[0] = MS_READ_ONCE(session->bytes[0]);
		bytes[1] = MS_READ_ONCE(session->bytes[1]);
		ms_stats_slot(old, packets[0] + packets[1], bytes[0] + bytes[1]);
		ms_stats_slot(answer->slot, -(packets[0] + packets[1]), -(bytes[0] + bytes[1]));
	}
	__sync_lock_test_and_set(&session->epoch, scene->epoch);
	/* While it was in hand nobody could end it for another's sake. */
	if (!is_half)
		ms_session_is_alone(session, flow, -1);
	ms_denied_forget(flow);
	ms_stats_note_here(MS_STAT_EXISTING_SESSION);
}

/*
 * Gives a session that was judged again its new decision. Two-way ones carry their packets on under
 * the new slot; what they had carried stays the old one's. Whoever loses the claim leaves it to the
 * winner.
 */
__noinline int ms_flow_rejudged(struct ms_session *session, struct ms_flow *flow,
				struct ms_scene *scene, struct ms_answer *answer, __u32 is_half)
{
	struct ms_session *half;

	if (!session || !flow || !scene || !answer)
		return 0;
	if (!is_half) {
		ms_flow_decide(session, flow, scene, answer, 0);
		return 0;
	}
	half = ms_half_hold(flow, session);
	if (!half)
		return 0;
	ms_flow_decide(half, flow, scene, answer, 1);
	ms_half_see(session, half);
	ms_half_let_go(flow);
	return 0;
}

/* A session whose decision stays, judged again or not: it is of this epoch, and seen now. */
__noinline int ms_flow_kept(struct ms_session *session, struct ms_flow *flow,
			    struct ms_scene *scene, __u32 is_half)
{
	struct ms_session *own;
	__u32 epoch;

	if (!session || !flow || !scene)
		return 0;
	epoch = MS_READ_ONCE(session->epoch);
	own = is_half ? ms_half_hold(flow, session) : session;
	if (!own)
		return 0;
	if (epoch == scene->epoch)
		MS_WRITE_ONCE(own->last_seen, scene->now);
	else if (ms_session_is_free_to_change(epoch))
		__sync_val_compare_and_swap(&own->epoch, epoch, scene->epoch);
	if (is_half) {
		ms_half_see(session, own);
		ms_half_let_go(flow);
	}
	return 0;
}

/*
 * A two-way session, judged again and denied. A TCP flow keeps its place as denied: its next packet
 * without a SYN would else be judged like any flow met in the middle, in its own direction, and an
 * answer may well be allowed there. What the session carried is folded; denied packets are counted
 * as they come.
 */
static __noinline int ms_flow_deny(struct ms_session *session, struct ms_flow *flow,
				   struct ms_scene *scene, struct ms_answer *answer)
{
	struct ms_session fresh = {};

	fresh.epoch = scene->epoch;
	fresh.last_seen = scene->now;
	fresh.first_seen = ms_session_began(MS_READ_ONCE(session->first_seen));
	fresh.word = (MS_READ_ONCE(session->word) & ~MS_FLOW_DECIDED) | ms_flow_decided(answer);
	if (ms_session_end(session, flow, MS_READ_ONCE(session->epoch)))
		ms_session_revive(session, flow, &fresh);
	ms_denied_forget(flow);
	return 0;
}

/* Ends a session, of whichever table. `epoch` is what was seen. 1 = it was us. */
static __noinline int ms_flow_end(struct ms_session *session, struct ms_flow *flow, __u32 is_half)
{
	if (is_half) {
		if (!ms_half_hold(flow, session))
			return 0;
		ms_half_drop(flow);
		return 1;
	}
	return ms_session_end(session, flow, MS_READ_ONCE(session->epoch));
}

#endif
