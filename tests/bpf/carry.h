/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a random packet of the differential test gets to the programs: through BPF_PROG_TEST_RUN
 * (carry_run.c), or over real devices (carry_devices.c), where the kernel takes VLAN tags off the
 * frame and there may be no Ethernet header.
 */
#ifndef MS_TESTS_BPF_CARRY_H
#define MS_TESTS_BPF_CARRY_H

#include "bpf/dataplane.h"
#include "tests/bpf/random_packet.h"
#include "tests/harness/oracle.h"

extern const uint64_t ms_carry_packets; /* how many are worth the time */

/* After ms_netns_setup(). `dp` is borrowed. */
void ms_carry_open(const struct ms_dataplane *dp);
/* The device behind an interface of the test, and whether it has no Ethernet header. */
uint32_t ms_carry_ifindex(unsigned int iface);
bool ms_carry_is_l3(unsigned int iface);
/* Makes of the packet one that this way can carry; `ret_seen` is what the hook will see of it
 * (bytes in `packet`, time not set). False = not even so. */
bool ms_carry_prepare(struct ms_random_packet *packet, struct ms_oracle_packet *ret_seen);
/* Carries it; whether it came through the hook. Everything is counted when this returns. */
bool ms_carry(const struct ms_random_packet *packet);

#endif
