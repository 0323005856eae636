/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The judgement of a packet that no session answers at once. Written once for two programs: with
 * `dry` set at build time (ms_trace) every write is compiled out and the same verdict is found.
 */
#ifndef MS_BPF_LIB_SLOW_H
#define MS_BPF_LIB_SLOW_H

#include <linux/if_ether.h>

#include "bpf/lib/denied.h"
#include "bpf/lib/fast.h"
#include "bpf/lib/flow.h"
#include "bpf/lib/frag.h"
#include "bpf/lib/judge.h"
#include "bpf/lib/related.h"
#include "bpf/lib/returned.h"
#include "bpf/lib/session.h"
#include "bpf/lib/verdict.h"

enum {
	MS_SLOW_COUNTED = 1 << 0, /* a session carries the packet's count */
	MS_SLOW_SESSION = 1 << 1, /* a session answered */
};

static __always_inline int ms_slow_panic(const struct ms_scene *scene, const struct ms_group *group)
{
	if (scene->panic == MS_PANIC_CLOSED || group->panic == MS_PANIC_CLOSED)
		return MS_PANIC_CLOSED;
	return scene->panic | group->panic;
}

/* What is settled before rules and sessions are asked. 1 = `answer` is filled. */
static __always_inline int ms_slow_settled(const struct ms_scene *scene, const struct ms_pkt *pkt,
					   int parsed, struct ms_answer *answer)
{
	const struct ms_policy_head *policy = ms_scene_policy(scene);
	const struct ms_group *group = ms_scene_group(scene);
	int panic;

	if (scene->group == 0 || !group || group->mode == MS_MODE_DISABLED) {
		answer->mode = MS_MODE_ENFORCE;
		answer->reason = MS_REASON_EXCLUDED;
		return 1;
	}
	if (parsed == MS_PARSED_NON_IP) {
		answer->mode = MS_MODE_INHERIT;
		/* Without ARP there is no network to protect: it is never meant by "not IP". */
		if (pkt->ethertype != ETH_P_ARP)
			answer->verdict = group->non_ip;
		answer->reason = MS_REASON_NON_IP;
		return 1;
	}
	if (parsed != MS_PARSED_IP) {
		ms_answer_deny(answer, parsed == MS_PARSED_TINY ? MS_REASON_FRAGMENT_TINY
								: MS_REASON_MALFORMED);
		return 1;
	}
	panic = ms_slow_panic(scene, group);
	if (panic == MS_PANIC_OFF)
		return 0;
	answer->mode = MS_MODE_INHERIT;
	answer->verdict = panic == MS_PANIC_CLOSED ? MS_VERDICT_DENY : MS_VERDICT_ALLOW;
	answer->reason = MS_REASON_PANIC;
	answer->slot = policy ? policy->slot_panic : MS_SLOT_NONE;
	return 1;
}

static __always_inline int ms_slow_in_grace(const struct ms_scene *scene)
{
	return scene->grace_until && (__s32)(scene->grace_until - scene->now) > 0;
}

/*
 * Can this packet not be the first of a flow? Only then may its other direction speak for it: a TCP
 * packet that opens nothing. UDP and the rest carry no such sign, to adopt them would open every
 * door for the grace; their next packet in the allowed direction makes the session.
 */
static __always_inline int ms_slow_is_answer(const struct ms_pkt *pkt)
{
	return pkt->proto == MS_PROTO_TCP && !ms_pkt_is_syn(pkt);
}

/* No session: errors about a session, then the rules, then adoption. `query` is scratch. */
static __always_inline void ms_slow_judge(struct __sk_buff *skb, struct ms_scene *scene,
					  struct ms_pkt *pkt, struct ms_flow *flow,
					  struct ms_query *query, struct ms_answer *answer)
{
	const struct ms_policy_head *policy = ms_scene_policy(scene);

	if (ms_l4_is_icmp_error(pkt) && policy && (policy->flags & MS_POLICY_ICMP_ERROR)) {
		int related = ms_related(skb, scene, pkt, flow, query);

		if (related == MS_RELATED_STALE) {
			ms_judge(query, answer);
			if (answer->verdict == MS_VERDICT_ALLOW)
				related = MS_RELATED_LIVE;
		}
		if (related == MS_RELATED_LIVE) {
			__builtin_memset(answer, 0, sizeof(*answer));
			answer->slot = policy->slot_icmp_error;
			answer->mode = MS_MODE_INHERIT;
			answer->reason = MS_REASON_BUILTIN;
			answer->flags = MS_DECISION_STATELESS;
			return;
		}
		ms_flow_place(flow, scene, pkt, scene->dir);
	}
	ms_judge_ask(query, scene, pkt);
	ms_judge(query, answer);
	/* Before the group's default, but never instead of a rule that says no. */
	if (answer->verdict == MS_VERDICT_DENY && answer->reason == MS_REASON_DEFAULT &&
	    ms_slow_in_grace(scene) && ms_slow_is_answer(pkt)) {
		ms_judge_reverse(query);
		ms_judge(query, answer);
		if (answer->verdict == MS_VERDICT_ALLOW) {
			answer->reason = MS_REASON_ADOPTED;
			return;
		}
		/* It is the packet's own direction that says why it was denied. */
		ms_judge_ask(query, scene, pkt);
		ms_judge(query, answer);
	}
}

/* A later fragment. */
static __always_inline void ms_slow_fragment(struct ms_scene *scene, struct ms_pkt *pkt,
					     struct ms_query *query, struct ms_answer *answer)
{
	if (ms_frag_follow(scene, pkt, answer))
		return;
	ms_frag_ask(query, scene, pkt);
	ms_judge(query, answer);
	if (answer->verdict == MS_VERDICT_DENY) {
		ms_judge_reverse(query);
		ms_judge(query, answer);
		if (answer->verdict == MS_VERDICT_DENY) {
			ms_frag_ask(query, scene, pkt);
			ms_judge(query, answer);
			return;
		}
	}
	answer->reason = MS_REASON_FRAGMENT_EARLY;
	answer->flags &= ~MS_DECISION_LOG;
}

/* Does this allowed packet begin a session? */
static __always_inline int ms_slow_begins(const struct ms_pkt *pkt, const struct ms_answer *answer)
{
	int is_reply = 0;

	if ((answer->flags & MS_DECISION_STATELESS) || ms_pkt_is_rst(pkt) ||
	    ms_l4_is_icmp_error(pkt))
		return 0;
	/* From an answer nobody asked for, a session would admit the questions. */
	if (ms_pkt_is_icmp(pkt))
		ms_l4_icmp_class(pkt->family, pkt->icmp_type, pkt->icmp_code, &is_reply);
	return !is_reply;
}

/*
 * A session of the tuple that stands in the way of nothing: alive, not expired, not closing or
 * denied under a new SYN. `*ret_is_half` says of which table. Expired ones are ended on the way.
 * One that a SYN would begin anew is `*ret_old`: it ends when the SYN has been allowed and not
 * before, or anybody could end a flow by a SYN that is denied.
 */
static __always_inline struct ms_session *ms_slow_find(struct ms_scene *scene, struct ms_pkt *pkt,
						       struct ms_flow *flow, __u32 *ret_is_half,
						       struct ms_session **ret_old, const int dry)
{
	struct ms_session *session = ms_session_find(flow), *half;
	__u32 epoch = session ? MS_READ_ONCE(session->epoch) : MS_EPOCH_DEAD;
	__u32 word;
	int expired;

	*ret_is_half = 0;
	if (!ms_session_is_free_to_change(epoch)) {
		half = ms_half_find(flow);
		if (half || epoch != MS_EPOCH_BUSY) {
			session = half;
			*ret_is_half = 1;
		}
	}
	if (!session)
		return NULL;
	expired = ms_session_expired(session, pkt->proto, scene->now);
	word = MS_READ_ONCE(session->word);
	if (expired) {
		if (!dry && ms_flow_end(session, flow, *ret_is_half))
			ms_stats_note_here(MS_STAT_EXPIRED_SESSION);
		return NULL;
	}
	if (ms_pkt_is_syn(pkt) &&
	    ((word & MS_SESS_DENIED) || ms_session_tcp(word) == MS_TCP_CLOSING)) {
		*ret_old = session;
		return NULL;
	}
	return session;
}

/* Judges again, in the direction in which the flow began. 0 = it is over, `answer` says why. */
static __always_inline int ms_slow_rejudge(struct ms_session *session, struct ms_scene *scene,
					   struct ms_pkt *pkt, struct ms_flow *flow, __u32 is_half,
					   struct ms_query *query, struct ms_answer *answer,
					   const int dry)
{
	__u32 word = MS_READ_ONCE(session->word);

	if ((word & MS_SESS_ESTABLISHED_MASK) >> MS_SESS_ESTABLISHED_SHIFT == MS_ESTABLISHED_KEEP &&
	    !(word & MS_SESS_DENIED)) {
		if (!dry)
			ms_flow_kept(session, flow, scene, is_half);
		ms_fast_answer(answer, word);
		return 1;
	}
	ms_judge_ask(query, scene, pkt);
	if (!ms_session_from_origin(flow, word))
		ms_judge_reverse(query);
	ms_judge(query, answer);
	ms_verdict_temper(scene, answer);
	if (answer->verdict == MS_VERDICT_DENY) {
		if (!dry && pkt->proto != MS_PROTO_TCP)
			ms_flow_end(session, flow, is_half);
		else if (!dry && is_half)
			ms_flow_rejudged(session, flow, scene, answer, 1);
		else if (!dry)
			ms_flow_deny(session, flow, scene, answer);
		return 0;
	}
	if (!dry)
		ms_flow_rejudged(session, flow, scene, answer, is_half);
	return 1;
}

/* A packet that its session answers for. */
static __always_inline void ms_slow_carry(struct ms_session *session, struct ms_scene *scene,
					  struct ms_pkt *pkt, struct ms_flow *flow, __u32 is_half)
{
	if (is_half) {
		ms_half_step(session, flow, scene, pkt);
		return;
	}
	if (pkt->proto == MS_PROTO_TCP)
		ms_session_tcp_step(session, flow, pkt);
	ms_session_count(session, flow, scene);
}

/* Fills `answer`, returns MS_SLOW_*. `pkt`, `flow`, `query` and `answer` come zeroed. */
static __always_inline int ms_slow_consider(struct __sk_buff *skb, struct ms_scene *scene,
					    struct ms_pkt *pkt, struct ms_flow *flow,
					    struct ms_query *query, struct ms_answer *answer,
					    const int dry)
{
	int parsed = ms_parse(skb, pkt, scene->iface_flags & MS_IFACE_L3), result = 0;
	struct ms_session *session, *old = NULL;
	__u32 is_half = 0;

	if (ms_slow_settled(scene, pkt, parsed, answer)) {
		ms_verdict_temper(scene, answer);
		return 0;
	}
	if (pkt->fragment == MS_FRAGMENT_LATER) {
		ms_slow_fragment(scene, pkt, query, answer);
		ms_verdict_temper(scene, answer);
		return 0;
	}
	/* Before sessions: a reset of ours is of the session that was denied. */
	if (!dry && ms_returned_may_be(pkt) && ms_returned_take(skb, scene, pkt, answer))
		return 0;
	ms_flow_place(flow, scene, pkt, scene->dir);
	if (!dry)
		scene->begun = ms_denied_begun(flow);
	session = ms_slow_find(scene, pkt, flow, &is_half, &old, dry);
	if (!session) {
		ms_slow_judge(skb, scene, pkt, flow, query, answer);
		ms_verdict_temper(scene, answer);
		/* Another CPU may have begun the session since: look once more before a deny. */
		if (!dry && answer->verdict == MS_VERDICT_DENY &&
		    ms_fast_hit(scene, pkt, flow, answer)) {
			result = MS_SLOW_COUNTED | MS_SLOW_SESSION;
		} else if (!dry && answer->verdict != MS_VERDICT_DENY &&
			   ms_slow_begins(pkt, answer)) {
			if (old)
				ms_flow_end(old, flow, is_half);
			ms_flow_begin(flow, scene, pkt, answer);
		} else if (!dry && !old) {
			ms_denied_remember(flow, scene, pkt, answer);
		}
	} else if (MS_READ_ONCE(session->epoch) == scene->epoch) {
		ms_fast_answer(answer, MS_READ_ONCE(session->word));
		result = MS_SLOW_SESSION;
		if (answer->verdict == MS_VERDICT_DENY) {
			if (!dry)
				ms_flow_kept(session, flow, scene, is_half);
		} else if (!dry) {
			ms_slow_carry(session, scene, pkt, flow, is_half);
			result |= MS_SLOW_COUNTED;
		}
	} else if (ms_slow_rejudge(session, scene, pkt, flow, is_half, query, answer, dry)) {
		result = MS_SLOW_SESSION;
		/* A session that another CPU has in hand is not touched; the packet is counted
		 * as it goes. */
		if (!dry && MS_READ_ONCE(session->epoch) == scene->epoch) {
			ms_slow_carry(session, scene, pkt, flow, is_half);
			result |= MS_SLOW_COUNTED;
		}
	}
	if (!dry && answer->reason != MS_REASON_SESSION) {
		ms_stats_answer(answer->slot, scene->now);
		ms_event_set_limit(answer->slot, answer->log_every_ms);
	}
	if (!dry && pkt->fragment == MS_FRAGMENT_FIRST)
		ms_frag_remember(scene, pkt, answer);
	return result;
}

#endif
