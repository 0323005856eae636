/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The datapath's classifier on this machine: its own headers, which find what is in a map by the
 * includer's ms_host_look_up(). For one file of a program: they define what is global.
 */
#ifndef MS_TESTS_HARNESS_LOOK_UP_H
#define MS_TESTS_HARNESS_LOOK_UP_H

#include <stdint.h>

#include <linux/bpf.h>

/* Behind linux/bpf.h, which it needs. */
#include <bpf/bpf_helpers.h>

/* NULL = nothing is there. */
static void *ms_host_look_up(const void *map, const void *key);
#define bpf_map_lookup_elem(map, key) ms_host_look_up(map, key)

/* As the kernel's. */
#define bpf_loop(count, step, user, flags)                                                         \
	do {                                                                                       \
		for (uint32_t nth = 0; nth < (count) && !(step)(nth, user); nth++)                 \
			;                                                                          \
	} while (0)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wunknown-pragmas"
#include "bpf/lib/classify.h"
#pragma GCC diagnostic pop
#undef bpf_map_lookup_elem
#undef bpf_loop

#endif
