/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a frame: linear data in place, and only where that is too short a copy. Nothing is
 * pulled, so the frame is left as it came.
 */
#ifndef MS_BPF_LIB_CURSOR_H
#define MS_BPF_LIB_CURSOR_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

/* Constant, so that it holds without CAP_PERFMON, where a packet pointer takes no variable. */
#define MS_CURSOR_IN_PLACE(at)                                                                     \
	case (at):                                                                                 \
		asm volatile("" : "+r"(data));                                                     \
		if (data + (at) + len <= end) {                                                    \
			*ret_at = data + (at);                                                     \
			return 0;                                                                  \
		}                                                                                  \
		break

/*
 * Points at `len` bytes from `off` on, in the frame or copied to `buf`; -1 = the frame ends before.
 * In place where headers usually are: behind nothing, behind Ethernet, behind IP without options on
 * either. (Not a pointer or NULL: comparing packet pointers with NULL takes CAP_PERFMON, too.)
 */
static __always_inline int ms_cursor_at(struct __sk_buff *skb, __u32 off, __u32 len, void *buf,
					const void **ret_at)
{
	const void *data = (const void *)(long)skb->data;
	const void *end = (const void *)(long)skb->data_end;

	switch (off) {
		MS_CURSOR_IN_PLACE(0);
		MS_CURSOR_IN_PLACE(14);
		MS_CURSOR_IN_PLACE(20);
		MS_CURSOR_IN_PLACE(34);
		MS_CURSOR_IN_PLACE(40);
		MS_CURSOR_IN_PLACE(54);
	default:
		break;
	}
	if (bpf_skb_load_bytes(skb, off, buf, len))
		return -1;
	*ret_at = buf;
	return 0;
}

#endif
