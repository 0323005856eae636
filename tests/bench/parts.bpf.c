/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The entry program of the engine `set` that ends early or leaves a part out (bpf/lib/stage.h).
 * Built once for each.
 */
/* What is not reached is in the same headers. */
#pragma clang diagnostic ignored "-Wunused-function"
#include "bpf/lib/enter.h"

SEC("tc")
int ms_b_part(struct __sk_buff *skb)
{
	return ms_enter(skb, 0);
}

char ms_b_license[] SEC("license") = "GPL";
