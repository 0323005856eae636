/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A rule's actions, between its verdict and the funnel: one tail call each, and one to ms_resume if
 * something is left to do. What is known of the packet travels in cb[] (microseg/action.bpf.h): no
 * action has to find it out again, none can make the host see another packet than it judged.
 *
 * The list is found by the rule's slot in the half that judges, so a session, which carries its
 * slot, runs what the policy in force says.
 */
#ifndef MS_BPF_LIB_CHAIN_H
#define MS_BPF_LIB_CHAIN_H

#include <bpf/bpf_helpers.h>

#include "bpf/lib/access.h"
#include "bpf/lib/judge.h"
#include "bpf/lib/maps.h"
#include "bpf/lib/packet.h"
#include "bpf/lib/parse.h"
#include "bpf/lib/scene.h"
#include "bpf/lib/session.h"
#include "bpf/lib/stats.h"
#include "bpf/lib/tailcall.h"
#include "bpf/lib/verdict.h"
#include "microseg/action.bpf.h"

/* cb[0] to cb[3]. */
struct ms_chain {
	__u32 rule, list, offsets, rest;
};

_Static_assert(MS_CHAIN_RULE_MASK == MS_SLOTS_MAX - 1, "a slot fits");
_Static_assert(MS_CHAIN_INDEX_MASK == 2 * MS_ACTION_LISTS - 1, "an index fits");
_Static_assert((int)MS_PROG_RESUME == (int)MS_CHAIN_RESUME, "one number");

static __always_inline int ms_chain_audits(__u32 half, __u32 group, __u8 mode)
{
	const struct ms_group *of;

	if (mode != MS_MODE_INHERIT)
		return mode != MS_MODE_ENFORCE;
	of = ms_scene_group_of(half, group);
	return of && of->mode != MS_MODE_ENFORCE;
}

/* As cb[1] has it, without the length, which is the whole list's. */
static __always_inline __u32 ms_chain_observing(const struct ms_action_index *found)
{
	return (found->list & MS_CHAIN_INDEX_MASK) + found->observing - MS_OBSERVING_LIST;
}

/*
 * Sets cb[] for the list of the rule that `chain` names: it has all of it but the list's place and
 * whether it runs in audit mode. `half` and `group` are those that judge; `audited` = the rule's
 * deny is let through, so only what observes runs. Returns the slot of the first action; -1 = there
 * is no list, and cb[] is as it was. A session that is kept may be of a rule that has none any
 * more.
 */
static __always_inline int ms_chain_put(struct __sk_buff *skb, const struct ms_chain *chain,
					__u32 half, __u32 group, int audited)
{
	__u32 index = (half & MS_HALF_MASK) * MS_SLOTS_MAX + (chain->rule & MS_CHAIN_RULE_MASK);
	const struct ms_action_index *found = bpf_map_lookup_elem(&ms_action_index, &index);
	/* A session that is kept may have it from when its group was in audit mode. */
	__u32 audit = audited ? MS_CHAIN_AUDIT : 0;

	if (!found || found->mode == MS_MODE_DISABLED)
		return -1;
	if (audited && found->observing == MS_OBSERVING_NONE)
		return -1;
	if (ms_chain_audits(half, group, found->mode))
		audit = MS_CHAIN_AUDIT;
	MS_CB_STORE(skb, MS_CHAIN_RULE, chain->rule | audit);
	MS_CB_STORE(skb, MS_CHAIN_LIST,
		    chain->list | (audited ? ms_chain_observing(found) : found->list) |
			    (half & MS_HALF_MASK) * MS_ACTION_LISTS);
	MS_CB_STORE(skb, MS_CHAIN_OFFSETS, chain->offsets);
	MS_CB_STORE(skb, MS_CHAIN_REST, chain->rest);
	MS_CB_STORE(skb, MS_CHAIN_ACTION, 0);
	return MS_CHOOSE(audited, found->observing_first, found->first);
}

/* By interface: an action may send a clone, which another interface judges before it is done. */
static __always_inline struct ms_judged *ms_chain_judged(__u32 ifindex)
{
	__u32 index = ifindex & (MS_JUDGED - 1);

	return bpf_map_lookup_elem(&ms_judged, &index);
}

/* An action may change the packet: what an event will tell of it is put by. */
static __always_inline void ms_chain_keep(const struct ms_chain *chain, __u32 ifindex,
					  const struct ms_pkt *pkt)
{
	struct ms_judged *judged = ms_chain_judged(ifindex);

	if (!judged)
		return;
	judged->ifindex = ifindex;
	judged->slot = chain->rule & MS_CHAIN_RULE_MASK;
	judged->rest = chain->rest;
	judged->pkt = *pkt;
}

static __always_inline __u32 ms_chain_counted_out(const struct ms_flow *flow)
{
	return ms_session_dir(flow->flags, flow->index) == MS_DIR_OUT ? MS_CHAIN_COUNTED_OUT : 0;
}

/*
 * The same for a packet that has been parsed and answered. `known` = MS_CHAIN_SESSION, _COUNTED,
 * _COUNTED_OUT and _EGRESS. One of which nothing is to be told, and that a session has counted, is
 * settled: its cell of ms_stats is counted here.
 */
__noinline int ms_chain_begin(struct __sk_buff *skb, struct ms_scene *scene, struct ms_pkt *pkt,
			      struct ms_answer *answer, __u32 known)
{
	struct ms_chain chain;
	int first;

	if (!scene || !pkt || !answer || answer->slot >= MS_SLOTS_MAX)
		return -1;
	chain.rule = answer->slot | (known & ~MS_CHAIN_COUNTED_OUT);
	if (scene->dir == MS_DIR_OUT)
		chain.rule |= MS_CHAIN_OUT;
	if (pkt->family == 6)
		chain.rule |= MS_CHAIN_IP6;
	if (answer->flags & MS_DECISION_LOG)
		chain.rule |= MS_CHAIN_LOG;
	if (pkt->fragment == MS_FRAGMENT_LATER)
		chain.rule |= MS_CHAIN_FRAGMENT;
	chain.list = (__u32)answer->reason << MS_CHAIN_REASON_SHIFT;
	if (scene->bank)
		chain.list |= MS_CHAIN_BANK;
	chain.offsets = pkt->l3_off | pkt->l4_off << 16;
	chain.rest =
		pkt->proto | (known & MS_CHAIN_COUNTED_OUT) | scene->bytes << MS_CHAIN_BYTES_SHIFT;
	if (answer->verdict != MS_VERDICT_ALLOW)
		chain.rest |= MS_CHAIN_DENIED;
	if ((known & MS_CHAIN_COUNTED) && answer->verdict == MS_VERDICT_ALLOW &&
	    !(answer->flags & MS_DECISION_LOG))
		chain.list |= MS_CHAIN_SETTLED;
	first = ms_chain_put(skb, &chain, scene->half, scene->group,
			     answer->verdict == MS_VERDICT_AUDIT);
	if (first < 0)
		return first;
	/* Only where a list begins, at whose end the line is taken. */
	if (answer->verdict != MS_VERDICT_ALLOW || (answer->flags & MS_DECISION_LOG))
		ms_chain_keep(&chain, scene->ifindex, pkt);
	if (chain.list & MS_CHAIN_SETTLED)
		ms_stats_packet(answer->reason, MS_VERDICT_ALLOW, scene->packets, scene->bytes);
	return first;
}

/* A jump to a slot that the program names is patched to be a direct one, where one that it has in
 * a register is indirect, and dear where the kernel guards those (docs/adr/0161). */
#define MS_CHAIN_JUMP(n)                                                                           \
	case n:                                                                                    \
		bpf_tail_call_static(skb, &ms_actions, n);                                         \
		break

/* Hands over to the first action, or, if that is not there, to what follows the list. */
static __always_inline int ms_chain_call(struct __sk_buff *skb, __u32 first)
{
	switch (first) {
		MS_CHAIN_JUMP(0);
		MS_CHAIN_JUMP(1);
		MS_CHAIN_JUMP(2);
		MS_CHAIN_JUMP(3);
		MS_CHAIN_JUMP(4);
		MS_CHAIN_JUMP(5);
		MS_CHAIN_JUMP(6);
		MS_CHAIN_JUMP(7);
	default:
		bpf_tail_call(skb, &ms_actions, first);
	}
	return ms_action_finish(skb, MS_CHAIN_MISSING, 0);
}

/* ---- afterwards ---- */

static __always_inline void ms_chain_load(struct __sk_buff *skb, struct ms_chain *chain)
{
	chain->rule = MS_CB_LOAD(skb, MS_CHAIN_RULE);
	chain->list = MS_CB_LOAD(skb, MS_CHAIN_LIST);
	chain->offsets = MS_CB_LOAD(skb, MS_CHAIN_OFFSETS);
	chain->rest = MS_CB_LOAD(skb, MS_CHAIN_REST);
}

/*
 * The packet as it was judged. Nothing is kept of one that was let pass without a log: should an
 * action deny it, it is what the actions before that one have made of it.
 */
static __always_inline void ms_chain_packet(struct __sk_buff *skb, const struct ms_chain *chain,
					    const struct ms_scene *scene, struct ms_pkt *ret_pkt)
{
	struct ms_judged *judged = ms_chain_judged(scene->ifindex);

	if (judged && judged->ifindex == scene->ifindex && judged->rest == chain->rest &&
	    judged->slot == (chain->rule & MS_CHAIN_RULE_MASK)) {
		*ret_pkt = judged->pkt;
		judged->ifindex = 0;
		return;
	}
	ms_parse(skb, ret_pkt, scene->iface_flags & MS_IFACE_L3);
}

/*
 * A deny that the judgement did not know of: let through in audit mode; else the interface sees
 * dropped what the session has counted as passed. The rule's own count stays the session's.
 */
static __always_inline void ms_chain_deny(const struct ms_chain *chain,
					  const struct ms_scene *scene, struct ms_answer *answer)
{
	if (answer->verdict != MS_VERDICT_DENY)
		return;
	if (chain->rule & MS_CHAIN_AUDIT) {
		answer->verdict = MS_VERDICT_AUDIT;
	} else if (chain->rule & MS_CHAIN_COUNTED) {
		ms_stats_zone(scene->zone, !!(chain->rest & MS_CHAIN_COUNTED_OUT), 0,
			      -(__u64)scene->packets, -(__u64)scene->bytes);
		ms_stats_zone(scene->zone, scene->dir, 1, scene->packets, scene->bytes);
	}
}

/* One of the actions is not there. */
static __always_inline void ms_chain_fall_back(const struct ms_chain *chain,
					       const struct ms_action_list *list,
					       const struct ms_scene *scene,
					       struct ms_answer *answer)
{
	answer->reason = MS_REASON_MISSING_ACTION;
	answer->verdict = list->fallback;
	ms_chain_deny(chain, scene, answer);
}

static __always_inline void ms_chain_scene(struct __sk_buff *skb, struct ms_scene *scene,
					   const struct ms_chain *chain)
{
	union ms_control_word word = {};

	word.half = (chain->list & MS_CHAIN_INDEX_MASK) >= MS_ACTION_LISTS;
	if (chain->list & MS_CHAIN_BANK)
		word.half |= MS_HALF_BANK;
	ms_scene_set(scene, word, skb->ifindex, !!(chain->rule & MS_CHAIN_EGRESS));
	scene->packets = ms_scene_packets(skb);
	scene->bytes = chain->rest >> MS_CHAIN_BYTES_SHIFT;
}

static __always_inline __u32 ms_chain_how(const struct ms_chain *chain)
{
	return (chain->rule & MS_CHAIN_END_MASK) >> MS_CHAIN_END_SHIFT;
}

static __always_inline __u32 ms_chain_code(const struct ms_chain *chain)
{
	return (chain->list & MS_CHAIN_CODE_MASK) >> MS_CHAIN_CODE_SHIFT;
}

static __always_inline int ms_chain_is_trial(const struct ms_chain *chain)
{
	return (chain->list & MS_CHAIN_INDEX_MASK) == MS_ACTION_TRIAL_LIST;
}

/* Its rule denies it, and it is let through: those that look on say nothing to that. */
static __always_inline int ms_chain_is_audited(const struct ms_chain *chain)
{
	return (chain->rule & MS_CHAIN_AUDIT) && (chain->rest & MS_CHAIN_DENIED);
}

static __always_inline int ms_chain_is_taken(const struct ms_chain *chain)
{
	return ms_chain_how(chain) == MS_CHAIN_TAKEN && !ms_chain_is_audited(chain);
}

/* Let pass by what was judged, and counted as such already (ms_chain_begin, ms_lean_take). */
static __always_inline int ms_chain_is_settled(const struct ms_chain *chain)
{
	return chain->list & MS_CHAIN_SETTLED;
}

static __always_inline __u32 ms_chain_reason(const struct ms_chain *chain)
{
	return (chain->list & MS_CHAIN_REASON_MASK) >> MS_CHAIN_REASON_SHIFT;
}

/* What the packet gets after its actions: the end of the list, or of the action that ended it. */
__noinline int ms_chain_answer(struct ms_chain *chain, struct ms_scene *scene,
			       struct ms_answer *answer)
{
	const struct ms_action_list *list;
	__u32 index, how;

	if (!chain || !scene || !answer)
		return 0;
	index = chain->list & MS_CHAIN_INDEX_MASK;
	list = bpf_map_lookup_elem(&ms_action_lists, &index);
	if (!list) {
		ms_answer_deny(answer, MS_REASON_INCOMPLETE);
		return 0;
	}
	how = ms_chain_how(chain);
	answer->slot = chain->rule & MS_CHAIN_RULE_MASK;
	answer->flags = chain->rule & MS_CHAIN_LOG ? MS_DECISION_LOG : 0;
	answer->verdict = chain->rest & MS_CHAIN_DENIED ? MS_VERDICT_DENY : MS_VERDICT_ALLOW;
	answer->reason = ms_chain_reason(chain);
	if (ms_chain_is_audited(chain)) {
		answer->verdict = MS_VERDICT_AUDIT;
		return 0;
	}
	if (how == MS_CHAIN_MISSING) {
		ms_chain_fall_back(chain, list, scene, answer);
		return 0;
	}
	/* What was judged stands, unless an action gave a verdict of its own. */
	if (how == MS_CHAIN_ENDED)
		answer->verdict = ms_chain_code(chain) == MS_VERDICT_ALLOW ? MS_VERDICT_ALLOW
									   : MS_VERDICT_DENY;
	if (how != MS_CHAIN_RUNS)
		answer->reason = MS_REASON_ACTION;
	ms_chain_deny(chain, scene, answer);
	return 0;
}

#endif
