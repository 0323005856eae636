/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `trace`'s packet in words to a frame that ms_dataplane_trace() can run. Pure.
 *
 *	PROTO SOURCE > DESTINATION [OPTION...]
 *	tcp 10.0.0.5:41234 > 10.0.0.9:5432 syn
 *	udp [2001:db8::5]:53 > [2001:db8::9]:5353 len 120
 *	icmp echo-request 10.0.0.5 > 10.0.0.9          the type may follow the addresses, as in
 *events proto 47 10.0.0.5 > 10.0.0.9 vlan 100 dscp 46
 *
 * Options: TCP flags ("syn", "syn,ack"; none = syn), `vlan N` or `vlan N.M`, `len N` (bytes of the
 * whole frame), `dscp N` or a name of it. Checksums are right, so the packet is one a peer could
 *have sent.
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

/* -EINVAL with the offending word, `*ret_packet` untouched. */
int ms_trace_build(const char *words, struct ms_trace_packet *ret_packet, struct ms_error *err);

#endif
