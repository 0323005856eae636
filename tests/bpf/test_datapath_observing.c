/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists that end in deny, in audit mode: what only looks runs, what acts does not, and the packet
 * passes as one that would have been denied. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "microseg/abi.h"
#include "tests/bpf/rig.h"
#include "tests/harness/ms_check.h"

#define A "10.0.0.5"
#define B "10.0.0.9"
#define A6 "2001:db8::5"
#define B6 "2001:db8::9"
#define ZONE 7
#define STOLEN 4
/* As MS_ACTION_* has them, in a header for the BPF target only. */
#define AUDIT_FLAG (1 << 0)
#define SESSION_FLAG (1 << 1)
#define FRAGMENT_FLAG (1 << 2)
#define DENIED_FLAG (1 << 3)

#define GROUPS                                                                                     \
	"version: 1\n"                                                                             \
	"groups:\n"                                                                                \
	"  - { name: g, match: { name: [\"*\"] }, default: { in: deny, out: deny } }\n"            \
	"  - { name: watched, match: { name: [\"*\"] }, mode: audit,\n"                            \
	"      default: { in: deny, out: deny } }\n"                                               \
	"failsafe: { in: [], out: [] }\n"                                                          \
	"rules:\n"

/* One rule r for everything, with this action and these keys behind it. */
static void rule(const char *action, const char *rest)
{
	char text[1024];

	snprintf(text, sizeof(text), GROUPS "  - { id: r, action: %s%s }\n", action, rest);
	ms_rig_policy(text);
}

static void enter(const char *group)
{
	ms_rig_iface(&(struct ms_rig_iface) { .group = group, .zone = ZONE });
}

static void setup(void)
{
	ms_rig_setup();
	ms_rig_add_actions();
	rule("deny", "");
	enter("watched");
}

static const struct {
	const char *action;
	uint32_t sum; /* of five packets, by what looks */
} lists[] = {
	{ "[{ watch: 1 }, deny]", 11111 },
	{ "[{ watch: 1 }, { watch: 2 }, deny]", 1212121212 },
	{ "[{ tell: 1 }, { watch: 2 }, pass_on, { watch: 3 }, deny]", 2323232323 },
	/* What would end the list or take the packet is passed over. */
	{ "[end_allow, { watch: 4 }, deny]", 44444 },
	{ "[end_deny, { watch: 4 }, deny]", 44444 },
	{ "[take, { watch: 4 }, deny]", 44444 },
	{ "[nobody, { watch: 4 }, deny]", 44444 },
	{ "[{ tell: 1 }, pass_on, deny]", 0 },
	/* Eight of them, of which the first and the last look. */
	{ "[{ watch: 1 }, take, take, take, take, take, take, { watch: 3 }, deny]", 1313131313 },
};

START_TEST(what_looks_runs_and_what_acts_does_not)
{
	/* By the rule, and by its group. */
	static const struct {
		const char *group, *rest;
	} modes[] = { { "g", ", fallback: deny, mode: audit" },
		      { "watched", ", fallback: allow" },
		      { "watched", ", fallback: deny" } };

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		enter(modes[i].group);
		rule(lists[_i].action, modes[i].rest);
		ms_rig_expect_tcp(A, B, -1, "audit rule r", "audit session r");
		ck_assert_uint_eq(ms_rig_seen().sum, lists[_i].sum);
		ms_rig_expect_tcp(A6, B6, -1, "audit rule r", "audit session r");
		ck_assert_uint_eq(ms_rig_seen().sum, lists[_i].sum);
	}
}
END_TEST

#define SHARING 300 /* rules: more than stand before one list of what looks */
#define PORT 1000

/* Each by its own list, and from wherever that is to what looks, which is the same for all. */
START_TEST(what_looks_is_found_from_each_that_shares_it)
{
	static const uint16_t rules[] = { 0, 1, 45, 46, 253, 254, SHARING - 1 };
	static char text[SHARING * 160];
	size_t length = (size_t)snprintf(text, sizeof(text), GROUPS);
	char expected[32];

	for (int i = 0; i < SHARING; i++)
		length += (size_t)snprintf(text + length, sizeof(text) - length,
					   "  - { id: r/%d, proto: udp, dport: %d, fallback: deny, "
					   "action: [{ tell: 1 }, { watch: %d }, deny] }\n",
					   i, PORT + i, i == 45 ? 5 : 7);
	ms_rig_policy(text);
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct ms_pkt udp = ms_pkt_udp(A, 1, B, (uint16_t)(PORT + rules[i]));

		snprintf(expected, sizeof(expected), "audit rule r/%u", rules[i]);
		ms_rig_expect_packet(MS_RIG_INGRESS, &udp, -1, expected);
		ck_assert_uint_eq(ms_rig_seen().sum, rules[i] == 45 ? 5 : 7);
	}
}
END_TEST

/* The twin: an interface of the same policy whose group enforces, and a rule that does. */
START_TEST(where_it_is_enforced_all_of_the_list_runs)
{
	struct ms_pkt udp = ms_pkt_udp(A, 1, B, 2);

	rule("[{ tell: 1 }, { watch: 2 }, deny]", ", fallback: deny");
	enter("g");
	ms_rig_expect_packet(MS_RIG_INGRESS, &udp, 2, "deny rule r");
	ck_assert_uint_eq(ms_rig_seen().sum, 12);
	enter("watched");
	ms_rig_expect_packet(MS_RIG_INGRESS, &udp, -1, "audit rule r");
	ck_assert_uint_eq(ms_rig_seen().sum, 2);
	rule("[{ tell: 1 }, { watch: 2 }, deny]", ", fallback: deny, mode: enforce");
	ms_rig_expect_packet(MS_RIG_INGRESS, &udp, 2, "deny rule r");
	ck_assert_uint_eq(ms_rig_seen().sum, 12);
	/* A list that ends in allow runs whole in either mode. */
	rule("[{ tell: 1 }, { watch: 2 }, allow]", ", fallback: deny");
	ms_rig_expect_packet(MS_RIG_INGRESS, &udp, -1, "allow rule r");
	ck_assert_uint_eq(ms_rig_seen().sum, 12);
}
END_TEST

/* It said that it only looks; the packet passes all the same. */
static const char *const liars[] = {
	"[watch_deny, { watch: 1 }, deny]",
	"[watch_allow, { watch: 1 }, deny]",
	"[watch_take, { watch: 1 }, deny]",
	"[tell, watch_take, deny]",
};

START_TEST(nothing_it_returns_is_heeded)
{
	rule(liars[_i], ", fallback: deny");
	ms_rig_expect_tcp(A, B, -1, "audit rule r", "audit session r");
	ck_assert_uint_eq(ms_rig_seen().runs, 0);
	ck_assert_uint_eq(ms_rig_zone_packets(ZONE, MS_DIR_IN, true), 0);
	ck_assert_uint_eq(ms_rig_total("r"), 5);
}
END_TEST

/* Nor is the fallback: a list that is not run at all has none either. */
START_TEST(one_that_has_gone_changes_no_verdict)
{
	ms_rig_remove_action("tell");
	rule("[{ watch: 1 }, deny]", ", fallback: allow");
	ms_rig_expect_tcp(A, B, -1, "audit rule r", "audit session r");
	rule("[end_allow, { watch: 1 }, deny]", ", fallback: deny");
	ms_rig_expect_tcp(A, B, -1, "audit rule r", "audit session r");
}
END_TEST

START_TEST(it_is_told_what_would_have_been)
{
	struct ms_pkt udp = ms_pkt_udp(A, 1, B, 2);
	struct test_action_seen seen;

	rule("[pass_on, { watch: 200 }, deny]", ", fallback: deny");
	ms_rig_expect_packet(MS_RIG_INGRESS, &udp, -1, "audit rule r");
	seen = ms_rig_seen();
	ck_assert_uint_eq(seen.flags, AUDIT_FLAG | DENIED_FLAG);
	ck_assert_uint_eq(seen.arg, 200);
	ck_assert_uint_eq(seen.length, 0); /* the one that there is would be the whole list's */
	ck_assert_uint_eq(seen.l4_proto, 17);
	ck_assert_uint_eq(seen.l4_off, 34);
	ms_rig_expect_packet(MS_RIG_INGRESS, &udp, -1, "audit session r");
	ck_assert_uint_eq(ms_rig_seen().flags, AUDIT_FLAG | DENIED_FLAG | SESSION_FLAG);
}
END_TEST

START_TEST(all_that_is_counted_and_told_is_as_without_it)
{
	struct ms_pkt pkt = ms_pkt_udp(A, 3, B, 4);
	struct ms_event event;

	rule("[take, { watch: 1 }, deny]", ", fallback: deny");
	ms_rig_expect_packet(MS_RIG_INGRESS, &pkt, -1, "audit rule r");
	ms_rig_expect_packet(MS_RIG_INGRESS, &pkt, -1, "audit session r");
	ck_assert_uint_eq(ms_rig_seen().runs, 2);
	ck_assert_uint_eq(ms_rig_zone_packets(ZONE, MS_DIR_IN, false), 2);
	ck_assert_uint_eq(ms_rig_zone_packets(ZONE, MS_DIR_IN, true), 0);
	ck_assert_uint_eq(ms_rig_total("r"), 2);
	ck_assert(ms_rig_event(&event));
	ck_assert_uint_eq(event.verdict, MS_VERDICT_AUDIT);
	ck_assert_uint_eq(event.reason, MS_REASON_RULE);
	ck_assert_uint_eq(ntohs(event.sport), 3);
	ck_assert_uint_eq(ntohs(event.dport), 4);
	ck_assert(ms_rig_event(&event));
	ck_assert_uint_eq(event.verdict, MS_VERDICT_AUDIT);
	ck_assert_uint_eq(event.reason, MS_REASON_SESSION);
	ck_assert(!ms_rig_event(&event));
}
END_TEST

START_TEST(a_train_is_counted_once_and_whole)
{
	struct ms_pkt pkt = ms_pkt_tcp(A, 1, B, 80, MS_PKT_ACK);
	struct ms_rig_result result;

	rule("[{ watch: 1 }, deny]", ", fallback: deny");
	result = ms_rig_run_segments(MS_RIG_INGRESS, &pkt, 7, 10000);
	ck_assert_str_eq(result.verdict, "audit");
	result = ms_rig_run_segments(MS_RIG_INGRESS, &pkt, 7, 10000);
	ck_assert_str_eq(result.verdict, "audit");
	ck_assert_uint_eq(ms_rig_seen().runs, 2);
	ck_assert_uint_eq(ms_rig_total("r"), 14);
}
END_TEST

START_TEST(a_later_fragment_is_looked_at_too)
{
	struct ms_pkt pkt = ms_pkt_udp(A, 1000, B, 53);

	rule("[pass_on, { watch: 1 }, deny]", ", fallback: deny");
	ms_pkt_fragment(&pkt, 7, 0, true);
	ms_rig_expect_packet(MS_RIG_INGRESS, &pkt, -1, "audit rule r");
	pkt = ms_pkt_udp(A, 1000, B, 53);
	ms_pkt_fragment(&pkt, 7, 24, false);
	ms_rig_expect_packet(MS_RIG_INGRESS, &pkt, -1, "audit fragment r");
	ck_assert_uint_eq(ms_rig_seen().flags, AUDIT_FLAG | DENIED_FLAG | FRAGMENT_FLAG);
}
END_TEST

/* A session that is kept has the verdict of before, and meets the list of now. */
START_TEST(a_kept_session_runs_no_more_than_its_verdict_lets)
{
	struct ms_pkt pkt = ms_pkt_udp(A, 1, B, 2);

	rule("[{ watch: 1 }, deny]", ", fallback: deny, established: keep");
	ms_rig_expect_packet(MS_RIG_INGRESS, &pkt, -1, "audit rule r");
	ck_assert_uint_eq(ms_rig_seen().sum, 1);
	/* Let through for good, so nothing that may act runs; and here nobody looks on any more. */
	rule("[take, { watch: 2 }, deny]", ", fallback: deny, established: keep, mode: enforce");
	ms_rig_expect_packet(MS_RIG_INGRESS, &pkt, -1, "audit session r");
	rule("[take, { watch: 2 }, allow]", ", fallback: deny, established: keep");
	ms_rig_expect_packet(MS_RIG_INGRESS, &pkt, -1, "audit session r");
	ck_assert_uint_eq(ms_rig_seen().runs, 0);
	rule("[take, { watch: 2 }, deny]", ", fallback: deny, established: keep");
	ms_rig_expect_packet(MS_RIG_INGRESS, &pkt, -1, "audit session r");
	ck_assert_uint_eq(ms_rig_seen().sum, 2);
	/* Its group enforces now, and another one audits. */
	ms_rig_policy("version: 1\n"
		      "groups:\n"
		      "  - { name: g, match: { name: [\"*\"] }, mode: audit,\n"
		      "      default: { in: deny, out: deny } }\n"
		      "  - { name: watched, match: { name: [\"*\"] },\n"
		      "      default: { in: deny, out: deny } }\n"
		      "failsafe: { in: [], out: [] }\n"
		      "rules:\n"
		      "  - { id: r, action: [take, { watch: 3 }, deny], fallback: deny,\n"
		      "      established: keep }\n");
	ms_rig_expect_packet(MS_RIG_INGRESS, &pkt, -1, "audit session r");
	ck_assert_uint_eq(ms_rig_seen().sum, 3);
	pkt = ms_pkt_udp(A, 2, B, 2);
	ms_rig_expect_packet(MS_RIG_INGRESS, &pkt, STOLEN, "deny action r");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("datapath_observing");
	TCase *tcase = tcase_create("observing");

	tcase_set_timeout(tcase, 60);
	tcase_add_unchecked_fixture(tcase, ms_rig_load, NULL);
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_loop_test(tcase, what_looks_runs_and_what_acts_does_not, 0,
			    sizeof(lists) / sizeof(lists[0]));
	tcase_add_test(tcase, what_looks_is_found_from_each_that_shares_it);
	tcase_add_test(tcase, where_it_is_enforced_all_of_the_list_runs);
	tcase_add_loop_test(tcase, nothing_it_returns_is_heeded, 0,
			    sizeof(liars) / sizeof(liars[0]));
	tcase_add_test(tcase, one_that_has_gone_changes_no_verdict);
	tcase_add_test(tcase, it_is_told_what_would_have_been);
	tcase_add_test(tcase, all_that_is_counted_and_told_is_as_without_it);
	tcase_add_test(tcase, a_train_is_counted_once_and_whole);
	tcase_add_test(tcase, a_later_fragment_is_looked_at_too);
	tcase_add_test(tcase, a_kept_session_runs_no_more_than_its_verdict_lets);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
