/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hit: a live session answers for its packets. Anything less plain is the slow program's. */
#ifndef MS_BPF_LIB_FAST_H
#define MS_BPF_LIB_FAST_H

#include "bpf/lib/judge.h"
#include "bpf/lib/session.h"

/* Would this packet change what a one-way session is? (ms_half_step) */
static __always_inline int ms_fast_moves_half(const struct ms_session *half, struct ms_flow *flow,
					      const struct ms_scene *scene,
					      const struct ms_pkt *pkt, __u32 word)
{
	__u32 tcp = ms_session_tcp(word), replied = word & MS_SESS_REPLIED;
	int from_origin = ms_session_from_origin(flow, word);

	if (tcp == MS_TCP_CLOSING)
		return 0;
	if (tcp == MS_TCP_SYN)
		return !(from_origin && (pkt->tcp_flags & MS_TCP_SYN_FLAG));
	/* Of an adopted flow the answers are known; its beginner is who has still to be heard. */
	if (word & MS_SESS_ADOPTED)
		return from_origin;
	/* While the two-way table is full, becoming two-way is tried once a tick. */
	if (replied)
		return MS_READ_ONCE(half->last_seen) != scene->now;
	return !from_origin;
}

/* What a session says of its packets. */
static __always_inline void ms_fast_answer(struct ms_answer *answer, __u32 word)
{
	answer->slot = word & MS_SESS_SLOT_MASK;
	answer->verdict = word & MS_SESS_AUDIT ? MS_VERDICT_AUDIT : MS_VERDICT_ALLOW;
	if (word & MS_SESS_DENIED)
		answer->verdict = MS_VERDICT_DENY;
	answer->reason = MS_REASON_SESSION;
	answer->flags = word & MS_SESS_LOG ? MS_DECISION_LOG : 0;
	if (word & MS_SESS_ACTIONS)
		answer->flags |= MS_DECISION_ACTIONS;
}

/* 1 = answered and counted. */
static __noinline int ms_fast_hit(const struct ms_scene *scene, const struct ms_pkt *pkt,
				  struct ms_flow *flow, struct ms_answer *answer)
{
	struct ms_session *session = ms_session_find(flow);
	int is_half = 0;
	__u32 word;

	if (!session || MS_READ_ONCE(session->epoch) == MS_EPOCH_DEAD) {
		session = ms_half_find(flow);
		is_half = 1;
	}
	if (!session || MS_READ_ONCE(session->epoch) != scene->epoch ||
	    ms_session_expired(session, pkt->proto, scene->now))
		return 0;
	word = MS_READ_ONCE(session->word);
	if ((word & MS_SESS_DENIED) ||
	    (ms_session_tcp(word) == MS_TCP_CLOSING && ms_pkt_is_syn(pkt)))
		return 0;
	if (is_half && ms_fast_moves_half(session, flow, scene, pkt, word))
		return 0;
	if (is_half)
		session = ms_half_hold(flow, session);
	if (session && pkt->proto == MS_PROTO_TCP)
		ms_session_tcp_step(session, flow, pkt);
	if (is_half) {
		ms_half_count(session, word, flow, scene);
		if (session)
			ms_half_let_go(flow);
	} else if (session) {
		ms_session_count(session, flow, scene);
	}
	ms_fast_answer(answer, word);
	return 1;
}

#endif
