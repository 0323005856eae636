/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs that count how often they ran and let everything on to the next one: two under the
 * names by which we know our own, one that is somebody else's. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

__u64 runs[3];

static __always_inline int count(int program)
{
	__sync_fetch_and_add(&runs[program], 1);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int ms_ingress(struct __sk_buff *skb)
{
	return count(0);
}

SEC("tc")
int ms_egress(struct __sk_buff *skb)
{
	return count(1);
}

SEC("tc")
int foreign(struct __sk_buff *skb)
{
	return count(2);
}

char _license[] SEC("license") = "GPL";
