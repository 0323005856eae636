/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets what later parts of the host go by: the packet's mark and priority, and its DSCP. */
#include "microseg/action.bpf.h"

#include <bpf/bpf_endian.h>
#include <linux/ip.h>

#include "mark.h"

#define ECN_BITS 2

/* The first 16 bits of the header hold all of the traffic class in both versions: IPv4 (RFC 791) in
 * the low byte, IPv6 (RFC 8200) four bits further up. DSCP is its upper six bits (RFC 2474). */
static __always_inline void set_dscp(struct __sk_buff *skb, const struct ms_action_ctx *ctx,
				     __u8 dscp)
{
	__u32 shift = ECN_BITS + (ctx->ip_version == 4 ? 0 : 4);
	__be16 old, new;

	if (bpf_skb_load_bytes(skb, ctx->l3_off, &old, sizeof(old)))
		return;
	new = bpf_htons((bpf_ntohs(old) & ~(0x3fu << shift)) | (__u32)dscp << shift);
	if (new == old)
		return;
	if (ctx->ip_version == 4) {
		/* Both changes cancel out in a checksum over the whole packet. */
		if (bpf_l3_csum_replace(skb, ctx->l3_off + offsetof(struct iphdr, check), old, new,
					sizeof(new)))
			return;
		bpf_skb_store_bytes(skb, ctx->l3_off, &new, sizeof(new), 0);
	} else {
		bpf_skb_store_bytes(skb, ctx->l3_off, &new, sizeof(new), BPF_F_RECOMPUTE_CSUM);
	}
}

SEC("tc")
int mark(struct __sk_buff *skb)
{
	const struct mark_args *args;
	struct ms_action_ctx ctx;

	if (ms_action_begin(skb, &ctx) < 0 || ctx.flags & MS_ACTION_AUDIT)
		return ms_action_next(skb);
	args = ctx.args;
	if (args->sets & MARK_SETS_MARK)
		skb->mark = (skb->mark & ~args->mask) | args->mark;
	if (args->sets & MARK_SETS_PRIORITY)
		skb->priority = args->priority;
	if (args->sets & MARK_SETS_DSCP)
		set_dscp(skb, &ctx, args->dscp & 0x3f);
	return ms_action_next(skb);
}

char mark_license[] SEC("license") = "GPL";
