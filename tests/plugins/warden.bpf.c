/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Does nothing with packets: what is tested is in the daemon. */
#include "microseg/action.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("tc") int warden(struct __sk_buff *skb)
{
	return ms_action_next(skb);
}
