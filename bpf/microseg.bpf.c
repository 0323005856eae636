/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The programs: orchestration only, one concern per header below lib/. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "lib/maps.h"

SEC("tc")
int ms_ingress(struct __sk_buff *skb)
{
	return TC_ACT_UNSPEC;
}

SEC("tc")
int ms_egress(struct __sk_buff *skb)
{
	return TC_ACT_UNSPEC;
}

SEC("tc")
int ms_slow(struct __sk_buff *skb)
{
	return TC_ACT_UNSPEC;
}

SEC("tc")
int ms_trace(struct __sk_buff *skb)
{
	return TC_ACT_UNSPEC;
}

SEC("tc")
int ms_reap(struct __sk_buff *skb)
{
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
