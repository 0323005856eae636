/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "tests/bpf/carry.h"
#include "tests/harness/ms_check.h"

/* Every interface of the test takes its turn as the one device a test run knows. */
#define DEVICE 1

/* TC_ACT_SHOT, or TC_ACT_UNSPEC so that the next program may still judge. */
#define DENIED 2
#define PASSED (-1)

#ifdef __SANITIZE_ADDRESS__ /* the programs are the same, what drives them is many times slower */
const uint64_t ms_carry_packets = 200000;
#else
const uint64_t ms_carry_packets = 1000000;
#endif

static const struct ms_dataplane *dataplane;

void ms_carry_open(const struct ms_dataplane *dp)
{
	dataplane = dp;
}

uint32_t ms_carry_ifindex(unsigned int iface)
{
	(void)iface;
	return DEVICE;
}

bool ms_carry_is_l3(unsigned int iface)
{
	(void)iface;
	return false;
}

bool ms_carry_prepare(struct ms_random_packet *packet, struct ms_oracle_packet *ret_seen)
{
	*ret_seen = (struct ms_oracle_packet) {
		.bytes = packet->frame,
		.len = packet->len,
		.egress = packet->egress,
	};
	return true;
}

bool ms_carry(const struct ms_random_packet *packet)
{
	struct __sk_buff context = { .ifindex = DEVICE };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet->frame, .data_size_in = packet->len,
		    .ctx_in = &context, .ctx_size_in = sizeof(context));
	enum ms_hook hook = packet->egress ? MS_HOOK_EGRESS : MS_HOOK_INGRESS;

	ck_assert_int_eq(bpf_prog_test_run_opts(ms_dataplane_program(dataplane, hook), &opts), 0);
	ck_assert((int)opts.retval == DENIED || (int)opts.retval == PASSED);
	return (int)opts.retval == PASSED;
}
