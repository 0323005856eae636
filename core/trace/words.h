/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The words of a trace request, read strictly into a description of one packet. Pure.
 */
#ifndef MS_CORE_TRACE_WORDS_H
#define MS_CORE_TRACE_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/addr.h"
#include "core/base/error.h"

struct ms_trace_words {
	uint8_t proto;
	struct ms_addr src, dst; /* of one family */
	uint16_t sport, dport;   /* host order */
	uint8_t tcp_flags;
	uint8_t icmp_type, icmp_code;
	uint16_t vlan_outer, vlan_inner; /* 0 = no tag */
	uint8_t dscp;
	uint16_t len; /* of the frame, 0 = as short as the headers allow */
};

bool ms_trace_words_has_ports(uint8_t proto);
/* -EINVAL with the offending word and its column. */
int ms_trace_words_parse(const char *text, struct ms_trace_words *ret_words, struct ms_error *err);

#endif
