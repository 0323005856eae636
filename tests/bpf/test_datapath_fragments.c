/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fragments: later ones follow the first, early ones wait on whether any first could be allowed. */
#include "tests/bpf/rig.h"
#include "tests/harness/ms_check.h"

#define A "10.0.0.5"
#define B "10.0.0.9"
#define A6 "2001:db8::5"
#define B6 "2001:db8::9"
#define SECOND MS_RIG_TICKS_PER_SECOND

#define HEAD                                                                                       \
	"version: 1\n"                                                                             \
	"groups:\n"                                                                                \
	"  - { name: g, match: { name: [\"*\"] }, default: { in: deny, out: deny } }\n"            \
	"  - { name: watch, match: { name: [\"*\"] }, mode: audit,\n"                              \
	"      default: { in: deny, out: deny } }\n"                                               \
	"failsafe: { in: [], out: [] }\n"                                                          \
	"rules:\n"
#define DNS "  - { id: dns, dir: in, proto: udp, dport: 53, action: allow }\n"

static void setup(void)
{
	ms_rig_setup();
	ms_rig_policy(HEAD DNS);
	ms_rig_iface(&(struct ms_rig_iface) { .group = "g", .zone = 1 });
}

/* A fragment of a datagram to `dport`; only the first one really has ports. */
static struct ms_pkt fragment(const char *src, const char *dst, uint16_t dport, uint32_t id,
			      uint16_t offset, bool more)
{
	struct ms_pkt pkt = ms_pkt_udp(src, 1000, dst, dport);

	if (offset) /* what would be ports is data that says 53 */
		pkt.frame[pkt.l4 + 3] = 53;
	ms_pkt_fragment(&pkt, id, offset, more);
	return pkt;
}

/* By family: the same tests for both. */
static const char *const sources[] = { A, A6 }, *const sinks[] = { B, B6 };

START_TEST(later_fragments_follow_an_allowed_first)
{
	struct ms_pkt pkt = fragment(sources[_i], sinks[_i], 53, 7, 0, true);

	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow rule dns");
	pkt = fragment(sources[_i], sinks[_i], 53, 7, 24, true);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow fragment dns");
	pkt = fragment(sources[_i], sinks[_i], 53, 7, 48, false);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow fragment dns");
	/* The second datagram's first is one more packet of the session. */
	pkt = fragment(sources[_i], sinks[_i], 53, 8, 0, true);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow session dns");
	pkt = fragment(sources[_i], sinks[_i], 53, 8, 24, false);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow fragment dns");
}
END_TEST

START_TEST(later_fragments_follow_a_denied_first)
{
	struct ms_pkt pkt = fragment(sources[_i], sinks[_i], 54, 7, 0, true);

	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny default default/g/in");
	pkt = fragment(sources[_i], sinks[_i], 54, 7, 24, false);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny fragment default/g/in");
}
END_TEST

START_TEST(an_early_fragment_passes_if_some_port_could_be_allowed)
{
	struct ms_pkt pkt = fragment(sources[_i], sinks[_i], 53, 7, 24, false);

	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow fragment_early dns");
	/* Its first is denied: the datagram is never put together. */
	pkt = fragment(sources[_i], sinks[_i], 54, 7, 0, true);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny default default/g/in");
	/* No rule could allow any port of these: not even in the other direction. */
	ms_rig_policy(HEAD "  - { id: tcp, proto: tcp, action: allow }\n");
	pkt = fragment(sources[_i], sinks[_i], 53, 9, 24, false);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny default default/g/in");
}
END_TEST

START_TEST(an_early_fragment_of_an_answer_passes)
{
	struct ms_pkt pkt = fragment(sinks[_i], sources[_i], 1000, 7, 24, false);

	ms_rig_expect(MS_RIG_EGRESS, &pkt, "allow fragment_early dns");
	pkt = fragment(sinks[_i], sources[_i], 1000, 7, 0, true);
	ms_rig_expect(MS_RIG_EGRESS, &pkt, "deny default default/g/out");
}
END_TEST

START_TEST(a_deny_for_some_ports_does_not_settle_it_a_deny_for_all_does)
{
	struct ms_pkt pkt = fragment(sources[_i], sinks[_i], 53, 7, 24, false);

	ms_rig_policy(HEAD "  - { id: some, proto: udp, dport: 1-1000, action: deny }\n" DNS);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow fragment_early dns");
	ms_rig_policy(HEAD "  - { id: every, proto: udp, action: deny }\n" DNS);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny rule every");
}
END_TEST

START_TEST(a_first_fragment_without_its_ports_is_tiny)
{
	struct ms_pkt pkt = fragment(sources[_i], sinks[_i], 53, 7, 0, true);

	ms_pkt_cut(&pkt, 8);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow rule dns");
	pkt = ms_pkt_tcp(sources[_i], 1, sinks[_i], 80, MS_PKT_SYN);
	ms_pkt_fragment(&pkt, 8, 0, true);
	ms_pkt_cut(&pkt, 16);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny fragment_tiny");
	ms_rig_iface(&(struct ms_rig_iface) { .group = "watch", .zone = 1 });
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "audit fragment_tiny");
}
END_TEST

START_TEST(a_fragment_that_rewrites_the_header_is_denied)
{
	struct ms_pkt pkt;

	ms_rig_policy(HEAD "  - { id: all, action: allow }\n");
	for (uint16_t offset = 8; offset <= 24; offset += 8) {
		pkt = ms_pkt_tcp(sources[_i], 1, sinks[_i], 80, MS_PKT_SYN);
		ms_pkt_fragment(&pkt, 8, offset, false);
		ms_rig_expect(MS_RIG_INGRESS, &pkt,
			      offset < 20 ? "deny fragment_overlap" : "allow fragment_early all");
	}
	pkt = fragment(sources[_i], sinks[_i], 53, 9, 8, false);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow fragment_early all");
}
END_TEST

START_TEST(another_datagram_zone_vlan_or_direction_is_not_followed)
{
	struct ms_pkt first = fragment(sources[_i], sinks[_i], 53, 7, 0, true);
	struct ms_pkt later = fragment(sources[_i], sinks[_i], 53, 7, 24, false), other;

	ms_rig_expect(MS_RIG_INGRESS, &first, "allow rule dns");
	other = fragment(sources[_i], sinks[_i], 53, 8, 24, false);
	ms_rig_expect(MS_RIG_INGRESS, &other, "allow fragment_early dns");
	other = later;
	ms_pkt_tag(&other, 0x8100, 3);
	ms_rig_expect(MS_RIG_INGRESS, &other, "allow fragment_early dns");
	ms_rig_expect(MS_RIG_EGRESS, &later, "allow fragment_early dns");
	ms_rig_iface(&(struct ms_rig_iface) { .group = "g", .zone = 2 });
	ms_rig_expect(MS_RIG_INGRESS, &later, "allow fragment_early dns");
	ms_rig_iface(&(struct ms_rig_iface) { .group = "g", .zone = 1 });
	ms_rig_expect(MS_RIG_INGRESS, &later, "allow fragment dns");
	/* What was said in an earlier epoch or long ago is said no more. */
	ms_rig_advance(60 * SECOND);
	ms_rig_expect(MS_RIG_INGRESS, &later, "allow fragment dns");
	ms_rig_advance(1);
	ms_rig_expect(MS_RIG_INGRESS, &later, "allow fragment_early dns");
	ms_rig_expect(MS_RIG_INGRESS, &first, "allow rule dns");
	ms_rig_expect(MS_RIG_INGRESS, &later, "allow fragment dns");
	ms_rig_bump_epoch();
	ms_rig_expect(MS_RIG_INGRESS, &later, "allow fragment_early dns");
}
END_TEST

START_TEST(headers_inside_the_fragmented_part_move_the_limit)
{
	struct ms_pkt first = ms_pkt_udp(A6, 1000, B6, 53), later = first;

	ms_pkt_fragment(&first, 7, 0, true);
	ms_pkt_extension(&first, 60, 24); /* ports end 32 bytes into the datagram */
	ms_rig_expect(MS_RIG_INGRESS, &first, "allow rule dns");
	ms_pkt_fragment(&later, 7, 24, false);
	/* Such a fragment names the first header of the part, not UDP. */
	later.frame[later.l4 - 8] = 60;
	ms_rig_expect(MS_RIG_INGRESS, &later, "deny fragment_overlap");
	later.frame[later.l4 - 5] = 32;
	ms_rig_expect(MS_RIG_INGRESS, &later, "allow fragment dns");
	/* With the first not known, nothing near the front is let by. */
	later.frame[later.l4 - 1] = 8;
	ms_rig_expect(MS_RIG_INGRESS, &later, "deny fragment_overlap");
	later.frame[later.l4 - 6] = 2; /* 544 bytes in */
	/* Its protocol is not known either, so any rule that allows something could be it. */
	ms_rig_expect(MS_RIG_INGRESS, &later, "allow fragment_early builtin/nd");
}
END_TEST

START_TEST(an_atomic_fragment_is_a_packet_and_two_are_malformed)
{
	struct ms_pkt pkt = ms_pkt_udp(A6, 1000, B6, 53);

	ms_pkt_fragment(&pkt, 7, 0, false);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow rule dns");
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow session dns");
	ms_pkt_fragment(&pkt, 8, 0, true);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny malformed");
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("datapath_fragments");
	TCase *tcase = tcase_create("fragments");

	tcase_set_timeout(tcase, 120);
	tcase_add_unchecked_fixture(tcase, ms_rig_load, NULL);
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_loop_test(tcase, later_fragments_follow_an_allowed_first, 0, 2);
	tcase_add_loop_test(tcase, later_fragments_follow_a_denied_first, 0, 2);
	tcase_add_loop_test(tcase, an_early_fragment_passes_if_some_port_could_be_allowed, 0, 2);
	tcase_add_loop_test(tcase, an_early_fragment_of_an_answer_passes, 0, 2);
	tcase_add_loop_test(tcase, a_deny_for_some_ports_does_not_settle_it_a_deny_for_all_does, 0,
			    2);
	tcase_add_loop_test(tcase, a_first_fragment_without_its_ports_is_tiny, 0, 2);
	tcase_add_loop_test(tcase, a_fragment_that_rewrites_the_header_is_denied, 0, 2);
	tcase_add_loop_test(tcase, another_datagram_zone_vlan_or_direction_is_not_followed, 0, 2);
	tcase_add_test(tcase, headers_inside_the_fragmented_part_move_the_limit);
	tcase_add_test(tcase, an_atomic_fragment_is_a_packet_and_two_are_malformed);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return ms_check_run(make_suite());
}
