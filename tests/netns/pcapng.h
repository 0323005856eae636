/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A pcapng file, read strictly: whatever is not as the format says fails the test, also what
 * readers bear, as half a block at the end. Only blocks and options that ours have are known.
 */
#ifndef MS_TESTS_NETNS_PCAPNG_H
#define MS_TESTS_NETNS_PCAPNG_H

#include <stddef.h>
#include <stdint.h>

struct ms_pcapng_packet {
	char interface[32];
	char comment[256];
	uint32_t flags; /* 1 = received, 2 = sent */
	uint64_t time_ns;
	uint32_t length, size;
	uint8_t bytes[2048]; /* the first of `size` */
};

/* In their order, `max` at most; returns how many there are. Fails if there is no such file. */
size_t ms_pcapng_read(const char *path, struct ms_pcapng_packet *ret_packets, size_t max);

#endif
