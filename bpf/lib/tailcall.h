/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hand-over between programs through the pinned ms_progs. The caller goes on behind the call if
 * the slot is empty and must then decide for itself.
 */
#ifndef MS_BPF_LIB_TAILCALL_H
#define MS_BPF_LIB_TAILCALL_H

#include <bpf/bpf_helpers.h>

#include "bpf/lib/maps.h"
#include "microseg/action.bpf.h"

/* What the slow program must not find out again in another state than the fast one saw. */
enum { MS_CB_WORD_LO, MS_CB_WORD_HI, MS_CB_EGRESS, MS_CB_IFINDEX };

/* All five words are ours from here: cb[] leaks from whoever had the frame before. */
static __always_inline void ms_tailcall_slow(struct __sk_buff *skb, __u64 word, __u32 egress)
{
	MS_CB_STORE(skb, MS_CB_WORD_LO, word);
	MS_CB_STORE(skb, MS_CB_WORD_HI, word >> 32);
	MS_CB_STORE(skb, MS_CB_EGRESS, egress);
	MS_CB_STORE(skb, MS_CB_IFINDEX, skb->ifindex);
	MS_CB_STORE(skb, MS_CHAIN_ACTION, 0);
	bpf_tail_call(skb, &ms_progs, MS_PROG_SLOW);
}

static __always_inline void ms_tailcall_clear(struct __sk_buff *skb)
{
	MS_CB_CLEAR(skb);
}

#endif
