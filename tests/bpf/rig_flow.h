/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One TCP flow on the bench, between A (port 1000, outside) and B (port 80, inside), under the
 * small policies of the session tests: the group's defaults deny, rules let in.
 */
#ifndef MS_TESTS_BPF_RIG_FLOW_H
#define MS_TESTS_BPF_RIG_FLOW_H

#include "tests/bpf/rig.h"

#define A "10.0.0.5"
#define B "10.0.0.9"
#define SECOND MS_RIG_TICKS_PER_SECOND

#define HEAD                                                                                       \
	"version: 1\n"                                                                             \
	"groups:\n"                                                                                \
	"  - { name: g, match: { name: [\"*\"] }, default: { in: deny, out: deny } }\n"            \
	"  - { name: watch, match: { name: [\"*\"] }, mode: audit,\n"                              \
	"      default: { in: deny, out: deny } }\n"                                               \
	"failsafe: { in: [], out: [] }\n"                                                          \
	"rules:\n"

#define WEB "  - { id: web, dir: in, proto: tcp, dport: 80, action: allow }\n"
#define DNS "  - { id: dns, dir: in, proto: udp, dport: 53, action: allow }\n"
#define PING "  - { id: ping, dir: in, proto: [icmp, icmpv6], action: allow }\n"

/* A checked fixture: the rig under WEB, DNS and PING, its interface in group g and zone 1. */
void ms_rig_flow_setup(void);
void ms_rig_flow_in_zone(uint16_t zone);
/* In = from A to B through ingress, back = the other way through egress; `text` as for
 * ms_rig_expect(). */
struct ms_rig_result ms_rig_flow_in(uint8_t flags, const char *text);
struct ms_rig_result ms_rig_flow_back(uint8_t flags, const char *text);
/* The three steps of the handshake, under a rule called web. */
void ms_rig_flow_connect(void);
/* The one session there is. */
struct ms_rig_session ms_rig_flow_session(void);

#endif
