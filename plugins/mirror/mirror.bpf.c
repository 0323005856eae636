/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sends a copy of the packet out of another interface. The rule names that interface; the plugin
 * keeps the number that it has now in `taps`. A copy that is to be shorter is cut by `mirror_cut`
 * on the interface's own egress, since cutting before copying would cut the packet itself.
 */
#include "microseg/action.bpf.h"

#include <linux/errno.h>

#include "mirror.h"

/* Sets what is cut in cb[4], which is the action's and travels with the copy. The upper bits tell
 * it from what somebody else may have left there. */
#define CUT_MARK 0x6d730000u
#define CUT_MASK 0xffff0000u

struct mirror_name {
	char name[MIRROR_NAME_SIZE];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MIRROR_PLACES);
	__type(key, struct mirror_name);
	__type(value, __u32); /* ifindex */
} taps SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MIRROR_COUNTS);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

/* What became of a copy. An interface that has frames takes none from one that has no link headers,
 * and says so. */
static __u32 send_copy(struct __sk_buff *skb, __u32 ifindex)
{
	switch (bpf_clone_redirect(skb, ifindex, 0)) {
	case 0:
		return MIRROR_COPIED;
	case -ERANGE:
		return MIRROR_UNFRAMED;
	default:
		return MIRROR_FAILED;
	}
}

SEC("tc")
int mirror(struct __sk_buff *skb)
{
	const struct mirror_args *args;
	struct mirror_name name;
	struct ms_action_ctx ctx;
	const __u32 *found;
	__u32 ifindex, cut;

	if (ms_action_begin(skb, &ctx) < 0)
		return ms_action_next(skb);
	args = ctx.args;
	/* Without arguments it is the host that tries the program: no copy was asked for. */
	if (!args->to[0])
		return ms_action_next(skb);
	if (args->one_in > 1 && bpf_get_prandom_u32() % args->one_in)
		return ms_action_next(skb);
	__builtin_memcpy(&name, args->to, sizeof(name));
	cut = args->snap ? CUT_MARK | (args->snap & ~CUT_MASK) : 0;
	found = bpf_map_lookup_elem(&taps, &name);
	ifindex = found ? *found : 0;
	/* A copy that comes back the same way would be copied without end. */
	if (!ifindex || ifindex == skb->ifindex) {
		ms_action_tally(&counts, MIRROR_FAILED);
		return ms_action_next(skb);
	}
	MS_CB_STORE(skb, 4, cut);
	ms_action_tally(&counts, send_copy(skb, ifindex));
	return ms_action_next(skb);
}

/* The kernel cuts nothing off before the end of a checksum that is still to be filled in, which
 * every packet of a local sender has: then the copy ends there, or, deeper in, there is none. */
SEC("tc")
int mirror_cut(struct __sk_buff *skb)
{
	__u32 cut = MS_CB_LOAD(skb, 4), length = cut & ~CUT_MASK;

	if ((cut & CUT_MASK) != CUT_MARK || skb->len <= length ||
	    bpf_skb_change_tail(skb, length, 0) == 0)
		return TC_ACT_UNSPEC;
	for (int i = 0; i < MIRROR_HEADERS / 2; i++) {
		length = (length + 2) & ~1u; /* where headers end */
		if (length > MIRROR_HEADERS)
			break;
		if (skb->len <= length || bpf_skb_change_tail(skb, length, 0) == 0)
			return TC_ACT_UNSPEC;
	}
	return TC_ACT_SHOT;
}

char mirror_license[] SEC("license") = "GPL";
