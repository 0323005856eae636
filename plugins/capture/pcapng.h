/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Blocks of a pcapng file (draft-ietf-opsawg-pcapng), in this machine's byte order. Pure: each
 * function writes one whole block to `buf` and returns its size, at most MS_CAPTURE_PCAPNG_HEAD,
 * or for a packet that and what was captured.
 */
#ifndef MS_PLUGINS_CAPTURE_PCAPNG_H
#define MS_PLUGINS_CAPTURE_PCAPNG_H

#include <stddef.h>
#include <stdint.h>

#define MS_CAPTURE_PCAPNG_HEAD 512
#define MS_CAPTURE_PCAPNG_COMMENT_MAX 255

struct ms_capture_pcapng_packet {
	uint32_t interface; /* number of its block in the section, from 0 */
	uint64_t time_ns;   /* since 1970 */
	const uint8_t *bytes;
	uint32_t size;   /* of them */
	uint32_t length; /* on the wire */
	int is_out;      /* sent by the interface, not received */
	const char *comment;
};

/* What a file begins with. */
size_t ms_capture_pcapng_section(uint8_t *buf);
/* An Ethernet interface, times in nanoseconds. */
size_t ms_capture_pcapng_interface(uint8_t *buf, const char *name);
size_t ms_capture_pcapng_packet(uint8_t *buf, const struct ms_capture_pcapng_packet *packet);

#endif
