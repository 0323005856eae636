/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a frame: linear data in place, and only where that is too short a copy. Nothing is
 * pulled, so the frame is left as it came.
 */
#ifndef MS_BPF_LIB_CURSOR_H
#define MS_BPF_LIB_CURSOR_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define MS_CURSOR_MAX 0x3ff /* no header we read starts later; tells the verifier a bound */

/* `len` bytes at `off`, in the frame or copied to `buf`; NULL = the frame ends before. */
static __always_inline const void *ms_cursor_at(struct __sk_buff *skb, __u32 off, __u32 len,
						void *buf)
{
	const void *data, *end;

	asm volatile("%0 &= %1" : "+r"(off) : "i"(MS_CURSOR_MAX));
	data = (const void *)(long)skb->data;
	end = (const void *)(long)skb->data_end;
	if (data + off + len <= end)
		return data + off;
	if (bpf_skb_load_bytes(skb, off, buf, len))
		return NULL;
	return buf;
}

#endif
