/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The programs: orchestration only, one concern per header below lib/.
 *
 *	ms_ingress, ms_egress   parse, find the session, count; anything else goes to
 *	ms_slow                 the judgement, by tail call
 *	ms_resume               what follows a rule's actions, by tail call of the last one, unless
 *	                        nothing does
 *	ms_trace                the judgement without a write, for a frame nobody sent
 *	ms_reap                 ends sessions for user space
 *	ms_clock                reads both clocks, so that user space can find HZ
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "bpf/lib/chain.h"
#include "bpf/lib/enter.h"
#include "bpf/lib/maps.h"
#include "bpf/lib/parse.h"
#include "bpf/lib/reap.h"
#include "bpf/lib/returned.h"
#include "bpf/lib/slow.h"
#include "bpf/lib/tailcall.h"
#include "bpf/lib/verdict.h"

SEC("tc")
int ms_ingress(struct __sk_buff *skb)
{
	return ms_enter(skb, 0);
}

SEC("tc")
int ms_egress(struct __sk_buff *skb)
{
	return ms_enter(skb, 1);
}

SEC("tc")
int ms_slow(struct __sk_buff *skb)
{
	struct ms_answer answer = {};
	struct ms_scene scene = {};
	struct ms_query query = {};
	union ms_control_word word;
	struct ms_flow flow = {};
	struct ms_pkt pkt = {};
	__u32 egress, known;
	int result, first;

	word.word = MS_CB_LOAD(skb, MS_CB_WORD_LO) | (__u64)MS_CB_LOAD(skb, MS_CB_WORD_HI) << 32;
	egress = MS_CB_LOAD(skb, MS_CB_EGRESS);
	ms_scene_set(&scene, word, MS_CB_LOAD(skb, MS_CB_IFINDEX), egress);
	ms_tailcall_clear(skb);
	ms_scene_measure(&scene, skb);
	result = ms_slow_consider(skb, &scene, &pkt, &flow, &query, &answer, 0);
	if (answer.flags & MS_DECISION_ACTIONS) {
		known = (result & MS_SLOW_COUNTED) * MS_CHAIN_COUNTED |
			(result & MS_SLOW_SESSION) / MS_SLOW_SESSION * MS_CHAIN_SESSION |
			(egress & 1) * MS_CHAIN_EGRESS | ms_chain_counted_out(&flow);
		first = ms_chain_begin(skb, &scene, &pkt, &answer, known);
		if (first >= 0)
			return ms_chain_call(skb, first);
	}
	return ms_verdict(&pkt, &scene, &answer, result & MS_SLOW_COUNTED);
}

/* An end that is to be thought about. Apart, so that the other one does without its memory. */
static __always_inline int resume(struct __sk_buff *skb, struct ms_chain *chain)
{
	struct ms_answer answer = {};
	struct ms_scene scene = {};
	struct ms_pkt pkt = {};
	int code;

	ms_chain_scene(skb, &scene, chain);
	/* It is counted below, as whatever became of it. */
	if (ms_chain_is_settled(chain))
		ms_stats_packet(ms_chain_reason(chain), MS_VERDICT_ALLOW, -(__u64)scene.packets,
				-(__u64)scene.bytes);
	ms_chain_answer(chain, &scene, &answer);
	/* Only an event tells of the packet. */
	if (answer.verdict != MS_VERDICT_ALLOW || (answer.flags & MS_DECISION_LOG))
		ms_chain_packet(skb, chain, &scene, &pkt);
	if (answer.verdict == MS_VERDICT_DENY && ms_chain_is_taken(chain) &&
	    ms_chain_code(chain) == TC_ACT_REDIRECT)
		ms_returned_note(skb, &scene, &pkt, &answer);
	code = ms_verdict(&pkt, &scene, &answer, chain->rule & MS_CHAIN_COUNTED);
	return ms_chain_is_taken(chain) ? ms_chain_code(chain) : code;
}

SEC("tc")
int ms_resume(struct __sk_buff *skb)
{
	struct ms_chain chain;

	ms_chain_load(skb, &chain);
	/* cb[] is left for user space to look at. */
	if (ms_chain_is_trial(&chain))
		return MS_CHAIN_TRIED | ms_chain_how(&chain) << 8 | ms_chain_code(&chain);
	ms_tailcall_clear(skb);
	/* As ms_action_next() does, but not the one that an older plugin was built with. */
	if (ms_chain_is_settled(&chain) && ms_chain_how(&chain) == MS_CHAIN_RUNS)
		return TC_ACT_UNSPEC;
	return resume(skb, &chain);
}

SEC("tc")
int ms_trace(struct __sk_buff *skb)
{
	struct ms_control *control = ms_scene_control();
	const struct ms_policy_head *policy;
	struct ms_answer answer = {};
	struct ms_scene scene = {};
	struct ms_query query = {};
	union ms_control_word word;
	struct ms_flow flow = {};
	struct ms_trace_io *io;
	struct ms_pkt pkt = {};
	__u32 zero = 0;
	int result;

	io = bpf_map_lookup_elem(&ms_trace_io, &zero);
	if (!control || !io)
		return TC_ACT_SHOT;
	word.word = MS_READ_ONCE(*(__u64 *)control);
	/* Under the other half every session is to be judged again. */
	if (word.half != io->half)
		word.epoch = MS_EPOCH_DEAD;
	word.half = io->half;
	ms_scene_set(&scene, word, io->ifindex, io->egress);
	scene.iface_flags &= ~MS_IFACE_L3; /* the frame is Ethernet, whatever the device is */
	ms_scene_measure(&scene, skb);
	result = ms_slow_consider(skb, &scene, &pkt, &flow, &query, &answer, 1);
	policy = ms_scene_policy(&scene);
	io->slot = answer.slot;
	io->generation = policy ? policy->generation : 0;
	io->verdict = answer.verdict;
	io->reason = answer.reason;
	io->dir = scene.dir;
	io->family = pkt.family;
	io->session = !!(result & MS_SLOW_SESSION);
	io->would_log = answer.verdict != MS_VERDICT_ALLOW || (answer.flags & MS_DECISION_LOG);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int ms_reap(struct __sk_buff *skb)
{
	MS_UNROLL
	for (__u32 i = 0; i < MS_REAP_MAX; i++)
		if (!ms_reap_one(i))
			break;
	return TC_ACT_UNSPEC;
}

SEC("tc")
int ms_clock(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct ms_clock_io *io = bpf_map_lookup_elem(&ms_clock_io, &zero);

	if (io) {
		io->jiffies = bpf_jiffies64();
		io->ktime_ns = bpf_ktime_get_ns();
	}
	return TC_ACT_UNSPEC;
}

char ms_license[] SEC("license") = "GPL";
