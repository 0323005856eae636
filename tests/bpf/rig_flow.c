/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bpf/rig_flow.h"

#include "tests/harness/ms_check.h"

void ms_rig_flow_in_zone(uint16_t zone)
{
	ms_rig_iface(&(struct ms_rig_iface) { .group = "g", .zone = zone });
}

void ms_rig_flow_setup(void)
{
	ms_rig_setup();
	ms_rig_policy(HEAD WEB DNS PING);
	ms_rig_flow_in_zone(1);
}

struct ms_rig_result ms_rig_flow_in(uint8_t flags, const char *text)
{
	struct ms_pkt pkt = ms_pkt_tcp(A, 1000, B, 80, flags);

	return ms_rig_expect(MS_RIG_INGRESS, &pkt, text);
}

struct ms_rig_result ms_rig_flow_back(uint8_t flags, const char *text)
{
	struct ms_pkt pkt = ms_pkt_tcp(B, 80, A, 1000, flags);

	return ms_rig_expect(MS_RIG_EGRESS, &pkt, text);
}

void ms_rig_flow_connect(void)
{
	ms_rig_flow_in(MS_PKT_SYN, "allow rule web");
	ms_rig_flow_back(MS_PKT_SYN | MS_PKT_ACK, "allow session web");
	ms_rig_flow_in(MS_PKT_ACK, "allow session web");
}

struct ms_rig_session ms_rig_flow_session(void)
{
	struct ms_rig_session session;

	ck_assert_uint_eq(ms_rig_sessions(&session, 1), 1);
	return session;
}
