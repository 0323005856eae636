/* SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause */
/*
 * For the BPF program of an action. It is of type sched_cls (SEC("tc")), sees packets of both
 * hooks, and has this shape:
 *
 *	SEC("tc") int name(struct __sk_buff *skb)
 *	{
 *		struct ms_action_ctx ctx;
 *
 *		if (ms_action_begin(skb, &ctx) < 0)
 *			return ms_action_next(skb);
 *		...
 *		return ms_action_next(skb);
 *	}
 *
 * It returns what one of next, end and taken returned, at once, and never a TC code of its own.
 * Of skb->cb[] it owns cb[4]; cb[0] to cb[3] are the host's and must be as they were. It runs for
 * every packet of every rule that names the action, those of known sessions and the answers too
 * (their dir is the other one), and for the rule's place in the order that the rule gives. Under a
 * verdict of `deny` as well: `[reject, deny]`.
 *
 * Of a list in audit mode whose end would be deny only the actions run that say that they observe
 * (MS_PLUGIN_ACTION_OBSERVES). The packet is let through, whatever they return.
 *
 * Before a program gets its place it is tried on packets of the host's, under arguments that are
 * all zero: it does nothing then that reaches further than the packet and its own maps.
 *
 * The maps below are the datapath's own. Declared here, they are in the action's object under the
 * same names, and load() puts the host's in their place (<microseg/action.h>). A program only uses
 * them through the functions of this header.
 */
#ifndef MICROSEG_ACTION_BPF_H
#define MICROSEG_ACTION_BPF_H

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stddef.h>

#include <bpf/bpf_helpers.h>

#include "microseg/abi.h"
#include "microseg/chain.h"

/* ms_action_ctx.flags */
#define MS_ACTION_AUDIT (1u << 0)    /* a deny of this action would be let through: do no harm */
#define MS_ACTION_SESSION (1u << 1)  /* the packet is of a session that is known */
#define MS_ACTION_FRAGMENT (1u << 2) /* a later fragment: there is no transport header */
#define MS_ACTION_DENIED (1u << 3)   /* the list ends in deny */
#define MS_ACTION_EGRESS (1u << 4)   /* the hook, which is not the direction */

struct ms_action_ctx {
	__u8 dir;        /* enum ms_dir */
	__u8 ip_version; /* 4 or 6 */
	__u8 l4_proto;   /* after extension headers */
	__u8 flags;      /* MS_ACTION_* */
	__u16 l3_off;    /* of the IP header, from the start of the frame */
	__u16 l4_off;    /* of the transport header */
	__u32 rule;      /* a number that stays the rule's while its id exists */
	__u32 ifindex;
	const void *args; /* MS_ACTION_ARGS_SIZE bytes that encode_args() made */
};

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u32);
} ms_progs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, MS_ACTION_SLOTS);
	__type(key, __u32);
	__type(value, __u32);
} ms_actions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * MS_ACTION_LISTS);
	__type(key, __u32);
	__type(value, struct ms_action_list);
} ms_action_lists SEC(".maps");

/* By list * MS_ACTION_LIST_MAX + place. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * MS_ACTION_LISTS * MS_ACTION_LIST_MAX);
	__type(key, __u32);
	__type(value, struct ms_action_args);
} ms_action_args SEC(".maps");

/*
 * Loads and stores of cb[] as single instructions at a fixed offset: left to itself the compiler
 * takes the array's address once, and the verifier refuses a context pointer that was moved.
 */
#define MS_CB_STORE(skb, index, value)                                                             \
	asm volatile("*(u32 *)(%0 + %1) = %2"                                                      \
		     :                                                                             \
		     : "r"(skb), "i"(offsetof(struct __sk_buff, cb) + 4 * (index)),                \
		       "r"((__u32)(value))                                                         \
		     : "memory")

#define MS_CB_LOAD(skb, index)                                                                     \
	({                                                                                         \
		__u32 ms_loaded_;                                                                  \
		asm volatile("%0 = *(u32 *)(%1 + %2)"                                              \
			     : "=r"(ms_loaded_)                                                    \
			     : "r"(skb), "i"(offsetof(struct __sk_buff, cb) + 4 * (index)));       \
		ms_loaded_;                                                                        \
	})

/* All five words, in as few stores as there can be. */
#define MS_CB_CLEAR(skb)                                                                           \
	asm volatile("*(u64 *)(%0 + %1) = %2\n"                                                    \
		     "*(u64 *)(%0 + %1 + 8) = %2\n"                                                \
		     "*(u32 *)(%0 + %1 + 16) = %2"                                                 \
		     :                                                                             \
		     : "r"(skb), "i"(offsetof(struct __sk_buff, cb)), "r"(0ull)                    \
		     : "memory")

/* ---- what an action calls ---- */

/* Fills `ctx`. -1 = the host's state is not there (ctx is not filled): return ms_action_next(). */
static __always_inline int ms_action_begin(struct __sk_buff *skb, struct ms_action_ctx *ctx)
{
	__u32 rule = MS_CB_LOAD(skb, MS_CHAIN_RULE), list = MS_CB_LOAD(skb, MS_CHAIN_LIST);
	__u32 offsets = MS_CB_LOAD(skb, MS_CHAIN_OFFSETS), rest = MS_CB_LOAD(skb, MS_CHAIN_REST);
	__u32 place = (rule & MS_CHAIN_STEP_MASK) >> MS_CHAIN_STEP_SHIFT;
	__u32 index = (list & MS_CHAIN_INDEX_MASK) * MS_ACTION_LIST_MAX + place;

	ctx->args = bpf_map_lookup_elem(&ms_action_args, &index);
	if (!ctx->args)
		return -1;
	ctx->dir = rule & MS_CHAIN_OUT ? MS_DIR_OUT : MS_DIR_IN;
	ctx->ip_version = rule & MS_CHAIN_IP6 ? 6 : 4;
	ctx->l4_proto = rest & MS_CHAIN_PROTO_MASK;
	ctx->flags = (rule & MS_CHAIN_AUDIT ? MS_ACTION_AUDIT : 0) |
		     (rule & MS_CHAIN_SESSION ? MS_ACTION_SESSION : 0) |
		     (rule & MS_CHAIN_FRAGMENT ? MS_ACTION_FRAGMENT : 0) |
		     (rest & MS_CHAIN_DENIED ? MS_ACTION_DENIED : 0) |
		     (rule & MS_CHAIN_EGRESS ? MS_ACTION_EGRESS : 0);
	ctx->l3_off = offsets;
	ctx->l4_off = offsets >> 16;
	ctx->rule = rule & MS_CHAIN_RULE_MASK;
	ctx->ifindex = skb->ifindex;
	return 0;
}

/* Not for actions: hands the packet back to the host. */
static __always_inline int ms_action_finish(struct __sk_buff *skb, __u32 how, __u32 code)
{
	__u32 rule = MS_CB_LOAD(skb, MS_CHAIN_RULE) & ~MS_CHAIN_END_MASK;
	__u32 list = MS_CB_LOAD(skb, MS_CHAIN_LIST) & ~MS_CHAIN_CODE_MASK;

	MS_CB_STORE(skb, MS_CHAIN_RULE, rule | how << MS_CHAIN_END_SHIFT);
	MS_CB_STORE(skb, MS_CHAIN_LIST, list | (code << MS_CHAIN_CODE_SHIFT & MS_CHAIN_CODE_MASK));
	bpf_tail_call(skb, &ms_progs, MS_CHAIN_RESUME);
	return TC_ACT_SHOT; /* the datapath is not there: nobody may let it pass */
}

/* Not for actions: the end of the list. Where nothing is left to be done, no other program is
 * asked: the verdict is the one of a packet that is let pass. */
static __always_inline int ms_action_through(struct __sk_buff *skb, __u32 list)
{
	if (!(list & MS_CHAIN_SETTLED))
		return ms_action_finish(skb, MS_CHAIN_RUNS, 0);
	MS_CB_CLEAR(skb);
	return TC_ACT_UNSPEC;
}

/* Goes on with the rule's list: the next action, or at its end the rule's verdict. */
static __always_inline int ms_action_next(struct __sk_buff *skb)
{
	__u32 rule = MS_CB_LOAD(skb, MS_CHAIN_RULE), list = MS_CB_LOAD(skb, MS_CHAIN_LIST);
	__u32 place = ((rule & MS_CHAIN_STEP_MASK) >> MS_CHAIN_STEP_SHIFT) + 1;
	__u32 index = list & MS_CHAIN_INDEX_MASK, count = list >> MS_CHAIN_COUNT_SHIFT;
	const struct ms_action_list *entry;

	if (count && place >= count)
		return ms_action_through(skb, list);
	entry = bpf_map_lookup_elem(&ms_action_lists, &index);
	if (!entry)
		return ms_action_finish(skb, MS_CHAIN_MISSING, 0);
	if (place >= entry->count || place >= MS_ACTION_LIST_MAX)
		return ms_action_through(skb, list);
	MS_CB_STORE(skb, MS_CHAIN_RULE,
		    (rule & ~MS_CHAIN_STEP_MASK) | place << MS_CHAIN_STEP_SHIFT);
	bpf_tail_call(skb, &ms_actions, entry->slots >> 8 * place & 0xff);
	return ms_action_finish(skb, MS_CHAIN_MISSING, 0);
}

/*
 * Stops: `verdict` (ALLOW or DENY) is counted under the rule, reason `action`. The session stays as
 * it is; its next packet comes to the action again. In audit mode a DENY is let through.
 */
static __always_inline int ms_action_end(struct __sk_buff *skb, enum ms_verdict verdict)
{
	return ms_action_finish(skb, MS_CHAIN_ENDED, verdict);
}

/*
 * Stops: the action has dealt with the packet itself. It is counted under the rule with the verdict
 * at the end of its list, reason `action`, and `tc_act` (TC_ACT_REDIRECT, TC_ACT_STOLEN or
 * TC_ACT_SHOT) is returned to the kernel.
 *
 * Of minor 4. What a denied packet was turned into and is redirected back as, by its interface in
 * the other direction, passes there once, whatever the rules say: a TCP reset or an ICMP error that
 * goes from where the packet went to where that came from, in its tags, no longer than 96 bytes
 * from its IP header on, unchanged, within 100 ms. It is counted as allowed under the rule, reason
 * `action`.
 */
static __always_inline int ms_action_taken(struct __sk_buff *skb, int tc_act)
{
	return ms_action_finish(skb, MS_CHAIN_TAKEN, tc_act);
}

/* ---- what many actions need ---- */

/* One more in a per-CPU array of 64-bit counters; ms_action_count() gives the sum. */
static __always_inline void ms_action_tally(void *counts, __u32 index)
{
	__u64 *value = bpf_map_lookup_elem(counts, &index);

	if (value)
		*value += 1;
}

/* The 64-bit value of `key` in a hash, made as 0 if there is none; NULL = there is no room. */
static __always_inline __u64 *ms_action_bucket(void *buckets, const void *key)
{
	__u64 *bucket = bpf_map_lookup_elem(buckets, key), none = 0;

	if (bucket)
		return bucket;
	bpf_map_update_elem(buckets, key, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(buckets, key);
}

/* More exchanges lost to other CPUs than that, and the packet is over the rate. */
#define MS_ACTION_PACE_TRIES 8

/*
 * A token bucket in one word: the time at which nothing is owed any more, 0 = never used. A packet
 * moves it on by `cost`, the share of a second that it takes at the rate, and is over the rate if
 * that is more than `burst` ahead of `now`; one that finds nothing owed always fits. Times are in
 * one unit of the caller's, of bpf_ktime_get_boot_ns() or finer. There is nothing to refill, and
 * one exchange is all that several CPUs need (the "virtual scheduling" form of the generic cell
 * rate algorithm, ITU-T I.371 annex A). 1 = within the rate, and taken from the bucket.
 */
static __always_inline int ms_action_pace(__u64 *bucket, __u64 now, __u64 cost, __u64 burst)
{
	__u64 seen = *bucket, next;

	for (int i = 0; i < MS_ACTION_PACE_TRIES; i++) {
		__u64 before = seen;

		next = (before > now ? before : now) + cost;
		if (next - now > burst && before > now)
			return 0;
		seen = __sync_val_compare_and_swap(bucket, before, next);
		if (seen == before)
			return 1;
	}
	return 0;
}

#endif
