/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A rule's actions, between its verdict and the funnel: one tail call each, the last one's to
 * ms_resume. What is known of the packet travels in cb[] (microseg/action.bpf.h), so no action has
 * to find it out again and none can make the host see another packet than it judged.
 *
 * The list is found by the rule's slot in the half that judges, so a session, which carries its
 * slot, runs what the policy in force says.
 */
#ifndef MS_BPF_LIB_CHAIN_H
#define MS_BPF_LIB_CHAIN_H

#include <bpf/bpf_helpers.h>

#include "bpf/lib/judge.h"
#include "bpf/lib/maps.h"
#include "bpf/lib/packet.h"
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

static __always_inline int ms_chain_audits(const struct ms_scene *scene, __u8 mode)
{
	const struct ms_group *group = ms_scene_group(scene);

	if (mode == MS_MODE_INHERIT)
		mode = group ? group->mode : MS_MODE_ENFORCE;
	return mode != MS_MODE_ENFORCE;
}

/* Fills cb[], if there is a list to run. Returns the slot of its first action, -1 = there is none.
 * Global as all here that is cold or large: verified once, and its stack is not the caller's. */
__noinline int ms_chain_begin(struct __sk_buff *skb, struct ms_scene *scene, struct ms_pkt *pkt,
			      struct ms_answer *answer, __u32 known)
{
	const struct ms_policy_head *policy;
	const struct ms_action_list *list;
	__u32 index, *found, rule, rest;

	if (!scene || !pkt || !answer)
		return -1;
	policy = ms_scene_policy(scene);
	index = answer->slot;
	/* A session that is kept may be of a rule that this generation does not have. */
	if (!policy || index >= policy->action_slots || answer->verdict == MS_VERDICT_AUDIT)
		return -1;
	index += scene->half * MS_SLOTS_MAX;
	found = bpf_map_lookup_elem(&ms_action_index, &index);
	if (!found)
		return -1;
	index = scene->half * MS_ACTION_LISTS + (*found & (MS_ACTION_LISTS - 1));
	list = bpf_map_lookup_elem(&ms_action_lists, &index);
	if (!list || list->rule != answer->slot || list->count == 0)
		return -1;
	rule = (answer->slot & MS_CHAIN_RULE_MASK) | (known & ~MS_CHAIN_COUNTED_OUT);
	if (scene->dir == MS_DIR_OUT)
		rule |= MS_CHAIN_OUT;
	if (pkt->family == 6)
		rule |= MS_CHAIN_IP6;
	if (answer->flags & MS_DECISION_LOG)
		rule |= MS_CHAIN_LOG;
	if (pkt->fragment == MS_FRAGMENT_LATER)
		rule |= MS_CHAIN_FRAGMENT;
	if (ms_chain_audits(scene, list->mode))
		rule |= MS_CHAIN_AUDIT;
	rest = pkt->proto | (known & MS_CHAIN_COUNTED_OUT) | scene->bytes << MS_CHAIN_BYTES_SHIFT;
	if (answer->verdict == MS_VERDICT_DENY)
		rest |= MS_CHAIN_DENIED;
	MS_CB_STORE(skb, MS_CHAIN_RULE, rule);
	MS_CB_STORE(skb, MS_CHAIN_LIST, index | (__u32)answer->reason << MS_CHAIN_REASON_SHIFT);
	MS_CB_STORE(skb, MS_CHAIN_OFFSETS, pkt->l3_off | pkt->l4_off << 16);
	MS_CB_STORE(skb, MS_CHAIN_REST, rest);
	MS_CB_STORE(skb, MS_CB_ACTION, 0);
	return list->slots & 0xff;
}

static __always_inline void ms_chain_load(struct __sk_buff *skb, struct ms_chain *chain)
{
	chain->rule = MS_CB_LOAD(skb, MS_CHAIN_RULE);
	chain->list = MS_CB_LOAD(skb, MS_CHAIN_LIST);
	chain->offsets = MS_CB_LOAD(skb, MS_CHAIN_OFFSETS);
	chain->rest = MS_CB_LOAD(skb, MS_CHAIN_REST);
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

/* The first one, which was not called: cb[] is as ms_chain_begin() left it, and is cleared. */
__noinline int ms_chain_missing(struct __sk_buff *skb, struct ms_scene *scene,
				struct ms_answer *answer)
{
	const struct ms_action_list *list;
	struct ms_chain chain;
	__u32 index;

	if (!scene || !answer)
		return 0;
	ms_chain_load(skb, &chain);
	ms_tailcall_clear(skb);
	index = chain.list & MS_CHAIN_INDEX_MASK;
	list = bpf_map_lookup_elem(&ms_action_lists, &index);
	if (list)
		ms_chain_fall_back(&chain, list, scene, answer);
	else
		ms_answer_deny(answer, MS_REASON_INCOMPLETE);
	return 0;
}

/*
 * Runs the list, if there is one, and does not come back. It does if there is none, or its first
 * action is missing: then `answer` is what goes to the funnel. `known` = MS_CHAIN_SESSION, _COUNTED
 * and _EGRESS.
 */
static __always_inline void ms_chain_run(struct __sk_buff *skb, struct ms_pkt *pkt,
					 struct ms_scene *scene, struct ms_answer *answer,
					 __u32 known, const struct ms_flow *flow)
{
	int first;

	if (ms_session_dir(flow->flags, flow->index) == MS_DIR_OUT)
		known |= MS_CHAIN_COUNTED_OUT;
	first = ms_chain_begin(skb, scene, pkt, answer, known);
	if (first < 0)
		return;
	bpf_tail_call(skb, &ms_actions, first);
	ms_chain_missing(skb, scene, answer);
}

/* ---- afterwards ---- */

static __always_inline void ms_chain_scene(struct __sk_buff *skb, struct ms_scene *scene,
					   const struct ms_chain *chain)
{
	union ms_control_word word = {};

	word.half = (chain->list & MS_CHAIN_INDEX_MASK) >= MS_ACTION_LISTS;
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

static __always_inline int ms_chain_is_taken(const struct ms_chain *chain)
{
	return ms_chain_how(chain) == MS_CHAIN_TAKEN;
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
	answer->reason = (chain->list & MS_CHAIN_REASON_MASK) >> MS_CHAIN_REASON_SHIFT;
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
