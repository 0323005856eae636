/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The datapath's look-up of what an address is told (bpf/lib/members.h), over tables of the test.
 */
#ifndef MS_TESTS_BPF_MEMBER_LOOK_UP_H
#define MS_TESTS_BPF_MEMBER_LOOK_UP_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/lib/layout.h"

/* Of the table of that name; false = nothing is there. */
typedef bool (*ms_member_read)(const char *table, const void *key, struct ms_member_sets *ret_sets);

/* `addr` as on the wire; 4 or 16 bytes. False = it is told nothing. */
bool ms_member_look_up(const struct ms_asked *asked, ms_member_read read, unsigned int family,
		       const uint8_t *addr, struct ms_member_sets *ret_sets);

#endif
