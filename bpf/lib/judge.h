/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Order of judgement for a tuple in one direction: failsafe, rules (the built-in ones stand first
 * among the rows), the group's default. Reads only: trace asks the same function.
 */
#ifndef MS_BPF_LIB_JUDGE_H
#define MS_BPF_LIB_JUDGE_H

#include <bpf/bpf_endian.h>

#include "bpf/lib/classify.h"
#include "bpf/lib/l4.h"
#include "bpf/lib/packet.h"
#include "bpf/lib/scene.h"

struct ms_answer {
	__u32 slot;
	__u32 log_every_ms;
	__u8 verdict;
	__u8 reason;
	__u8 established;
	__u8 mode;  /* enum ms_mode; INHERIT = the group's */
	__u8 flags; /* MS_DECISION_* */
	__u8 pad[3];
};

/* A deny that no rule spoke. */
static __always_inline void ms_answer_deny(struct ms_answer *answer, __u8 reason)
{
	__builtin_memset(answer, 0, sizeof(*answer));
	answer->verdict = MS_VERDICT_DENY;
	answer->reason = reason;
	answer->mode = MS_MODE_INHERIT;
}

static __always_inline __u32 ms_judge_where(const struct ms_scene *scene, const struct ms_pkt *pkt)
{
	return MS_WHERE_VLAN(pkt->vlan_outer) | MS_WHERE_GROUP(scene->group & 0xff) |
	       MS_WHERE_SIDE(scene->side);
}

/* The question a packet asks, in its own direction. Global, like all that need only be fast enough
 * for first packets: what is inlined here is stack that the caller does not have (512 bytes in
 * all).
 */
__noinline int ms_judge_ask(struct ms_query *query, struct ms_scene *scene, struct ms_pkt *pkt)
{
	const struct ms_policy_head *policy;

	if (!query || !scene || !pkt)
		return 0;
	policy = ms_scene_policy(scene);

	for (int i = 0; i < 4; i++) {
		query->src[i] = pkt->src[i];
		query->dst[i] = pkt->dst[i];
	}
	query->what = MS_WHAT_PROTO(pkt->proto) | MS_WHAT_ICMP_TYPE(pkt->icmp_type) |
		      MS_WHAT_ICMP_CODE(pkt->icmp_code) | MS_WHAT_DSCP(pkt->dscp);
	query->what_known = ~0u;
	query->where = ms_judge_where(scene, pkt);
	query->half = scene->half;
	query->bank = scene->bank;
	query->rows_end = scene->half * MS_RULES_ROWS;
	if (policy)
		query->rows_end += MS_CHOOSE(pkt->family == 4, policy->rows4, policy->rows6);
	query->now = scene->now;
	query->sport = bpf_ntohs(pkt->sport);
	query->dport = bpf_ntohs(pkt->dport);
	query->family = pkt->family;
	query->dirs = scene->dirs;
	query->partial = 0;
	query->failsafe = scene->side == MS_SIDE_HOST && !(scene->iface_flags & MS_IFACE_LOOPBACK);
	query->dir = scene->dir;
	query->side = scene->side;
	query->group = scene->group;
	return 0;
}

/* The same flow the other way round. On loopback both directions apply anyway. */
__noinline int ms_judge_reverse(struct ms_query *query)
{
	__u16 port;
	__u8 type;
	int is_reply;

	if (!query)
		return 0;
	type = query->what >> 8;
	port = query->sport;

	for (int i = 0; i < 4; i++) {
		__be32 addr = query->src[i];

		query->src[i] = query->dst[i];
		query->dst[i] = addr;
	}
	query->sport = query->dport;
	query->dport = port;
	if ((query->what & MS_WHAT_PROTO_MASK) ==
	    (query->family == 4 ? MS_PROTO_ICMP : MS_PROTO_ICMPV6)) {
		ms_l4_icmp_class(query->family, type, query->what >> 16, &is_reply);
		if (is_reply)
			query->what = (query->what & ~MS_WHAT_ICMP_TYPE_MASK) |
				      MS_WHAT_ICMP_TYPE(ms_l4_icmp_request(query->family, type));
	}
	query->dir ^= 1;
	if (query->dirs != (1 << MS_DIR_IN | 1 << MS_DIR_OUT))
		query->dirs ^= 1 << MS_DIR_IN | 1 << MS_DIR_OUT;
	return 0;
}

/* Is `peer` within the entry's prefix? */
static __always_inline int ms_failsafe_covers(const struct ms_failsafe *entry, const __be32 *peer)
{
	const __be32 *want = (const __be32 *)entry->addr;
	__u32 left = entry->len;

	MS_UNROLL
	for (int i = 0; i < 4; i++) {
		__u32 mask = left >= 32 ? ~0u : left ? ~0u << (32 - left) : 0;

		if ((peer[i] ^ want[i]) & bpf_htonl(mask))
			return 0;
		left = left > 32 ? left - 32 : 0;
	}
	return 1;
}

/* Entry `index` of the half: 1 = it lets the query pass, 0 = not, -1 = the list ends here. */
__noinline int ms_failsafe_asks(struct ms_query *query, __u32 index)
{
	const struct ms_failsafe *entry;
	__be32 peer[4];

	if (!query)
		return -1;
	index += query->half * MS_FAILSAFE_MAX;
	entry = bpf_map_lookup_elem(&ms_failsafe, &index);
	if (!entry || entry->proto == 0)
		return -1;
	if (entry->dir != query->dir || entry->proto != (query->what & query->what_known & 0xff))
		return 0;
	if (!query->partial && entry->port != bpf_htons(query->dport))
		return 0;
	if (entry->family == 0)
		return 1;
	if (entry->family != query->family)
		return 0;
	for (int i = 0; i < 4; i++)
		peer[i] = MS_CHOOSE(query->dir == MS_DIR_IN, query->src[i], query->dst[i]);
	return ms_failsafe_covers(entry, peer);
}

/* Slot of the failsafe entry that opens the door, -1 = none. */
__noinline int ms_failsafe_find(struct ms_query *query)
{
	if (!query)
		return -1;
	MS_UNROLL
	for (__u32 i = 0; i < MS_FAILSAFE_MAX; i++) {
		int asks = ms_failsafe_asks(query, i);

		if (asks < 0)
			return -1;
		if (asks > 0) {
			__u32 index = query->half * MS_FAILSAFE_MAX + i;
			const struct ms_failsafe *entry = bpf_map_lookup_elem(&ms_failsafe, &index);

			return entry ? (int)entry->slot : -1;
		}
	}
	return -1;
}

/* No rule matched. Where both directions apply, one that denies is enough. */
static __always_inline void ms_judge_default(const struct ms_query *query, struct ms_answer *answer)
{
	__u32 index = query->half * MS_GROUPS_MAX + (query->group & (MS_GROUPS_MAX - 1));
	const struct ms_group *group = bpf_map_lookup_elem(&ms_groups, &index);
	__u32 dir = query->dir & 1;

	answer->reason = MS_REASON_DEFAULT;
	answer->verdict = MS_VERDICT_DENY;
	if (!group)
		return;
	if (query->dirs == (1 << MS_DIR_IN | 1 << MS_DIR_OUT))
		dir = group->verdict[MS_DIR_IN] == MS_VERDICT_DENY ? MS_DIR_IN : MS_DIR_OUT;
	answer->verdict = MS_CHOOSE(dir, group->verdict[1], group->verdict[0]);
	answer->slot = MS_CHOOSE(dir, group->slot[1], group->slot[0]);
}

/* Fills `answer`; verdict is ALLOW or DENY, modes come later (verdict.h). */
__noinline int ms_judge(struct ms_query *query, struct ms_answer *answer)
{
	const struct ms_decision *decision;
	__u32 index;
	int found;

	if (!query || !answer)
		return -1;
	answer->slot = MS_SLOT_NONE;
	answer->log_every_ms = 0;
	answer->verdict = MS_VERDICT_ALLOW;
	answer->established = MS_ESTABLISHED_RECHECK;
	answer->mode = MS_MODE_INHERIT;
	answer->flags = 0;
	if (query->failsafe) {
		found = ms_failsafe_find(query);
		if (found >= 0) {
			answer->slot = found;
			answer->reason = MS_REASON_FAILSAFE;
			return 0;
		}
	}
	found = ms_classify(query);
	index = query->half * MS_DECISIONS + found;
	decision = found >= 0 ? bpf_map_lookup_elem(&ms_decisions, &index) : NULL;
	if (!decision) {
		ms_judge_default(query, answer);
		return 0;
	}
	answer->slot = decision->slot;
	answer->log_every_ms = decision->log_every_ms;
	answer->verdict = decision->verdict;
	answer->established = decision->established;
	answer->mode = decision->mode;
	answer->flags = decision->flags;
	answer->reason = decision->flags & MS_DECISION_BUILTIN ? MS_REASON_BUILTIN : MS_REASON_RULE;
	return 0;
}

#endif
