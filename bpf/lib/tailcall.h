/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hand-over between programs through the pinned ms_progs. The caller goes on behind the call if
 * the slot is empty and must then decide for itself.
 */
#ifndef MS_BPF_LIB_TAILCALL_H
#define MS_BPF_LIB_TAILCALL_H

#include <stddef.h>

#include <bpf/bpf_helpers.h>

#include "bpf/lib/maps.h"

/* What the slow program must not find out again in another state than the fast one saw. */
enum { MS_CB_WORD_LO, MS_CB_WORD_HI, MS_CB_EGRESS, MS_CB_IFINDEX, MS_CB_ACTION };

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

/* All five words are ours from here: cb[] leaks from whoever had the frame before. */
static __always_inline void ms_tailcall_slow(struct __sk_buff *skb, __u64 word, __u32 egress)
{
	MS_CB_STORE(skb, MS_CB_WORD_LO, word);
	MS_CB_STORE(skb, MS_CB_WORD_HI, word >> 32);
	MS_CB_STORE(skb, MS_CB_EGRESS, egress);
	MS_CB_STORE(skb, MS_CB_IFINDEX, skb->ifindex);
	MS_CB_STORE(skb, MS_CB_ACTION, 0);
	bpf_tail_call(skb, &ms_progs, MS_PROG_SLOW);
}

static __always_inline void ms_tailcall_clear(struct __sk_buff *skb)
{
	MS_CB_STORE(skb, 0, 0);
	MS_CB_STORE(skb, 1, 0);
	MS_CB_STORE(skb, 2, 0);
	MS_CB_STORE(skb, 3, 0);
	MS_CB_STORE(skb, 4, 0);
}

#endif
