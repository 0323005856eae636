/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the entry programs do: the short path, or else the slow program by tail call. A loader
 * without CAP_PERFMON has the hardened one, which goes by fast.h.
 */
#ifndef MS_BPF_LIB_ENTER_H
#define MS_BPF_LIB_ENTER_H

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "bpf/lib/chain.h"
#include "bpf/lib/denied.h"
#include "bpf/lib/fast.h"
#include "bpf/lib/lean.h"
#include "bpf/lib/maps.h"
#include "bpf/lib/parse.h"
#include "bpf/lib/tailcall.h"
#include "bpf/lib/verdict.h"

/* The slow program is not there: nobody judges, so nothing passes that enforce mode would keep. */
static __always_inline int ms_enter_say_incomplete(struct ms_pkt *pkt, struct ms_scene *scene,
						   struct ms_answer *answer)
{
	ms_answer_deny(answer, MS_REASON_INCOMPLETE);
	if (scene->group == 0) {
		answer->verdict = MS_VERDICT_ALLOW;
		answer->reason = MS_REASON_EXCLUDED;
	}
	ms_verdict_temper(scene, answer);
	return ms_verdict(pkt, scene, answer, 0);
}

#ifdef MS_HARDENED
static __always_inline int ms_enter(struct __sk_buff *skb, const int egress)
{
	struct ms_control *control = ms_scene_control();
	struct ms_answer answer = {};
	struct ms_scene scene = {};
	union ms_control_word word;
	struct ms_flow flow = {};
	struct ms_pkt pkt = {};
	int first = -1;

	if (!control)
		return TC_ACT_SHOT;
	word.word = MS_READ_ONCE(*(__u64 *)control);
	ms_scene_set(&scene, word, skb->ifindex, egress);
	/* Loopback shows every packet twice; ingress judges. */
	if (egress && (scene.iface_flags & MS_IFACE_LOOPBACK))
		return TC_ACT_UNSPEC;
	if (scene.iface_flags & MS_IFACE_YOUNG)
		ms_stats_gap(scene.zone, egress, 1);
	ms_scene_measure(&scene, skb);
	if (scene.group != 0 &&
	    ms_parse(skb, &pkt, scene.iface_flags & MS_IFACE_L3) == MS_PARSED_IP &&
	    pkt.fragment == MS_FRAGMENT_NOT) {
		ms_flow_set(&flow, &scene, &pkt, scene.dir);
		if (ms_fast_hit(&scene, &pkt, &flow, &answer)) {
			if (answer.flags & MS_DECISION_ACTIONS)
				first = ms_chain_begin(skb, &scene, &pkt, &answer,
						       MS_CHAIN_SESSION | MS_CHAIN_COUNTED |
							       ms_chain_counted_out(&flow) |
							       (egress ? MS_CHAIN_EGRESS : 0));
			if (first >= 0)
				return ms_chain_call(skb, first);
			return ms_verdict(&pkt, &scene, &answer, 1);
		}
		if (ms_denied_is_known(skb, &scene, &pkt, &flow))
			return TC_ACT_SHOT;
	}
	ms_tailcall_slow(skb, word.word, egress);
	ms_tailcall_clear(skb);
	return ms_enter_say_incomplete(&pkt, &scene, &answer);
}
#else
/* Global, so that its stack is not the hit's. */
__noinline int ms_enter_incomplete(struct __sk_buff *skb, __u64 control_word, __u32 egress)
{
	union ms_control_word word = { .word = control_word };
	struct ms_answer answer = {};
	struct ms_scene scene = {};
	struct ms_pkt pkt = {};

	ms_scene_set(&scene, word, skb->ifindex, egress);
	ms_scene_measure(&scene, skb);
	if (scene.group != 0)
		ms_parse(skb, &pkt, scene.iface_flags & MS_IFACE_L3);
	return ms_enter_say_incomplete(&pkt, &scene, &answer);
}

static __always_inline int ms_enter(struct __sk_buff *skb, const int egress)
{
	struct ms_control *control = ms_scene_control();
	union ms_control_word word;
	struct ms_iface *iface;
	int result = MS_LEAN_NOT;

	if (!control)
		return TC_ACT_SHOT;
	word.word = MS_READ_ONCE(*(__u64 *)control);
	iface = ms_scene_iface(skb->ifindex);
	/* Loopback shows every packet twice; ingress judges. */
	if (egress && iface && (iface->flags & MS_IFACE_LOOPBACK))
		return TC_ACT_UNSPEC;
	if (iface && (iface->flags & MS_IFACE_YOUNG))
		ms_stats_gap(iface->zone, egress, 1);
	if (iface)
		result = ms_lean_hit(skb, control, word, iface, egress);
	if (result >= MS_LEAN_ACTS)
		return ms_chain_call(skb, result - MS_LEAN_ACTS);
	if (result != MS_LEAN_NOT)
		return result == MS_LEAN_DENIED ? TC_ACT_SHOT : TC_ACT_UNSPEC;
	ms_tailcall_slow(skb, word.word, egress);
	ms_tailcall_clear(skb);
	return ms_enter_incomplete(skb, word.word, egress);
}
#endif

#endif
