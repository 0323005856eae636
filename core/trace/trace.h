/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `trace`'s packet in words ('tcp 10.0.0.5:41234 > [2001:db8::9]:5432 syn', 'icmp echo-request A >
 * B', 'proto 47 A > B', optional 'vlan N', 'len N', 'dscp N') to a frame that ms_dataplane_trace()
 * can run. Pure.
 */
#ifndef MS_CORE_TRACE_TRACE_H
#define MS_CORE_TRACE_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

#define MS_TRACE_FRAME_MAX 256

struct ms_trace_packet {
	uint8_t frame[MS_TRACE_FRAME_MAX];
	size_t frame_len;
};

/* -EINVAL with the offending word. */
int ms_trace_build(const char *words, struct ms_trace_packet *ret_packet, struct ms_error *err);

#endif
