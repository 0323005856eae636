/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/policy/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/cleanup.h"
#include "core/policy/document.h"
#include "core/policy/merge.h"
#include "tests/harness/ms_check.h"

#define NOW 1800000000 /* 2027 */

#define GROUPS                                                                                     \
	"groups:\n"                                                                                \
	"  - { name: up, match: { kind: physical }, default: { in: deny, out: allow } }\n"         \
	"  - { name: ct, match: { kind: veth }, default: { in: deny, out: allow } }\n"

/*
 * Each policy and the one warning it must give: its kind, the rule it is about, and a part of its
 * sentence. kind NULL = no warning at all, so that each warning has a twin that is right.
 */
static const struct {
	const char *text, *kind, *rule, *part;
} cases[] = {
	{ GROUPS, NULL, NULL, NULL },

	/* unreachable */
	{ "rules:\n  - { id: a, action: deny }\n  - { id: b, proto: tcp, action: allow }\n",
	  "unreachable", "b", "a (10-a.yaml:3)" },
	{ "rules:\n  - { id: b, proto: tcp, action: allow }\n  - { id: a, action: deny }\n", NULL,
	  NULL, NULL },
	{ "rules:\n  - { id: a, to: 10.0.0.0/8, action: deny }\n"
	  "  - { id: b, to: [10.1.0.0/16, 10.2.0.1], action: allow }\n",
	  "unreachable", "b", "never reached" },
	{ "rules:\n  - { id: a, to: 10.0.0.0/8, action: deny }\n"
	  "  - { id: b, to: [10.1.0.0/16, 11.2.0.1], action: allow }\n",
	  NULL, NULL, NULL },
	{ "rules:\n  - { id: a, proto: tcp, dport: [80, 90-100, 81-89], action: deny }\n"
	  "  - { id: b, proto: tcp, dport: 85-95, action: deny }\n",
	  "unreachable", "b", "never reached" },
	{ "rules:\n  - { id: a, proto: tcp, dport: [80-89, 91-100], action: deny }\n"
	  "  - { id: b, proto: tcp, dport: 85-95, action: deny }\n",
	  NULL, NULL, NULL },
	{ "rules:\n  - { id: a, dir: in, action: deny }\n  - { id: b, proto: tcp, action: deny }\n",
	  NULL, NULL, NULL },
	{ "rules:\n  - { id: a, dscp: ef, action: deny }\n  - { id: b, action: allow }\n", NULL,
	  NULL, NULL },
	{ "rules:\n  - { id: a, dscp: [ef, 10], action: deny }\n"
	  "  - { id: b, dscp: [10, 11], action: allow }\n",
	  NULL, NULL, NULL },
	{ "rules:\n  - { id: a, dscp: [ef, 10], action: deny }\n"
	  "  - { id: b, dscp: af11, action: allow }\n",
	  "unreachable", "b", "never reached" },
	{ "rules:\n  - { id: a, dscp: ef, action: deny }\n  - { id: b, dscp: 46, action: deny }\n",
	  "duplicate", "b", "has said already" },
	{ "rules:\n  - { id: a, vlan: 5, action: deny }\n  - { id: b, action: allow }\n", NULL,
	  NULL, NULL },
	{ "rules:\n  - { id: a, proto: icmp, icmp: 3, action: deny }\n"
	  "  - { id: b, proto: icmp, icmp: 3/1, action: allow }\n",
	  "unreachable", "b", "never reached" },
	{ "rules:\n  - { id: a, proto: icmp, icmp: 3/1, action: deny }\n"
	  "  - { id: b, proto: icmp, icmp: 3, action: allow }\n",
	  NULL, NULL, NULL },
	{ "sets: { s: 10.0.0.0/8 }\nrules:\n  - { id: a, from: \"set:s\", action: deny }\n"
	  "  - { id: b, from: \"set:s\", proto: tcp, action: allow }\n",
	  "unreachable", "b", "never reached" },
	{ "sets: { s: 10.0.0.0/8 }\nrules:\n  - { id: a, from: \"set:s\", action: deny }\n"
	  "  - { id: b, from: 10.0.0.1, action: allow }\n",
	  NULL, NULL, NULL },
	{ GROUPS "rules:\n  - { id: a, group: ct, action: deny }\n"
		 "  - { id: b, group: [ct, up], action: allow }\n",
	  NULL, NULL, NULL },
	{ "rules:\n  - { id: a, action: deny, expires: 2030-01-01T00:00:00Z }\n"
	  "  - { id: b, proto: tcp, action: deny }\n",
	  NULL, NULL, NULL },
	{ "rules:\n  - { id: a, proto: icmpv6, icmp: nd-neighbor-solicit, action: deny }\n",
	  "unreachable", "a", "builtin/nd" },
	{ "rules:\n  - { id: builtin/nd, proto: icmpv6, icmp: nd-neighbor-solicit, action: deny }\n",
	  NULL, NULL, NULL },
	{ "rules:\n  - { id: a, proto: icmp, icmp: 3, action: deny }\n", NULL, NULL, NULL },

	/* duplicate */
	{ "rules:\n  - { id: a, proto: tcp, action: deny }\n"
	  "  - { id: b, proto: tcp, action: deny }\n",
	  "duplicate", "b", "has said already" },

	/* failsafe */
	{ GROUPS "rules: { id: ssh/office, group: up, dir: in, from: 192.0.2.0/24, proto: tcp, "
		 "dport: 22, action: allow }\n",
	  "failsafe", "ssh/office",
	  "failsafe: { in: [\"tcp:192.0.2.0/24:22\", \"udp:68\", \"udp:546\"] }" },
	{ GROUPS "failsafe: { in: [\"tcp:192.0.2.0/24:22\"] }\n"
		 "rules: { id: ssh/office, group: up, dir: in, from: 192.0.2.0/24, proto: tcp, "
		 "dport: 22, action: allow }\n",
	  NULL, NULL, NULL },
	{ GROUPS "rules: { id: ssh/office, group: ct, dir: in, from: 192.0.2.0/24, proto: tcp, "
		 "dport: 22, action: allow }\n",
	  NULL, NULL, NULL },
	{ GROUPS
	  "rules: { id: ssh/all, group: up, dir: in, proto: tcp, dport: 22, action: allow }\n",
	  NULL, NULL, NULL },
	{ GROUPS "rules: { id: ssh/none, dir: in, proto: tcp, dport: [22, 23], action: deny }\n",
	  "failsafe", "ssh/none", "failsafe: { in: [\"udp:68\", \"udp:546\"] }" },
	{ GROUPS "rules: { id: tcp/none, group: up, dir: in, proto: tcp, action: deny }\n", NULL,
	  NULL, NULL },
	{ GROUPS "sets: { office: [192.0.2.0/24, \"2001:db8::/32\"] }\n"
		 "rules: { id: ssh, dir: in, from: \"set:office\", proto: tcp, dport: 22, action: "
		 "allow }\n",
	  "failsafe", "ssh",
	  "failsafe: { in: [\"tcp:192.0.2.0/24:22\", \"tcp:[2001:db8::/32]:22\", \"udp:68\", "
	  "\"udp:546\"] }" },
	{ GROUPS
	  "rules: { id: dns, dir: out, to: 192.0.2.53, proto: udp, dport: 53, action: deny }\n",
	  "failsafe", "dns", "udp:53" },
	{ GROUPS "failsafe: []\n", "empty_failsafe", "", "lock you out" },
	{ GROUPS "failsafe: { in: [], out: [\"udp:53\"] }\n", "empty_failsafe", "",
	  "lets nobody in" },

	/* sets, groups, time */
	{ "sets: { s: 10.0.0.0/8 }\n", "unused_set", "", "'s'" },
	{ "groups:\n"
	  "  - { name: a, match: { kind: veth }, default: { in: deny, out: allow } }\n"
	  "  - { name: b, match: { kind: veth, name: \"v*\" }, default: { in: deny, out: allow } "
	  "}\n",
	  "empty_group", "", "'b'" },
	{ "groups:\n"
	  "  - { name: a, match: { kind: veth }, exclude: { name: v0 }, default: { in: deny, out: "
	  "allow } }\n"
	  "  - { name: b, match: { kind: veth, name: \"v*\" }, default: { in: deny, out: allow } "
	  "}\n",
	  NULL, NULL, NULL },
	{ "groups: { name: a, match: { kind: veth }, exclude: { name: \"*\" }, default: { in: deny, "
	  "out: allow } }\n",
	  "empty_group", "", "'a'" },
	{ "groups: { name: a, match: { kind: veth }, mode: disabled, default: { in: deny, out: deny "
	  "} }\n"
	  "rules: { id: r, group: a, action: deny }\n",
	  "idle_rule", "r", "disabled" },
	{ "groups:\n"
	  "  - { name: br, match: { kind: bridge }, default: { in: deny, out: allow } }\n"
	  "  - { name: ct, match: { kind: veth }, default: { in: deny, out: allow } }\n",
	  "bridge_and_ports", "", "'br'" },
	{ "groups:\n"
	  "  - { name: br, match: { kind: bridge }, default: { in: allow, out: allow } }\n"
	  "  - { name: ct, match: { kind: veth }, default: { in: deny, out: allow } }\n",
	  NULL, NULL, NULL },
	{ "rules: { id: old, action: deny, expires: 2026-01-01T00:00:00Z }\n", "expired", "old",
	  "2026-01-01T00:00:00Z" },
};

static struct ms_policy *make_policy(const char *text)
{
	ms_cleanup(ms_policy_fini) struct ms_policy files = MS_POLICY_INIT;
	struct ms_merge_inputs inputs = { .files = &files, .now = NOW };
	struct ms_policy *merged = NULL;
	struct ms_error err = MS_ERROR_INIT;
	char said[1024];
	int r = ms_document_parse("10-a.yaml", text, strlen(text), MS_SOURCE_FILE, &files, &err);

	if (r == 0)
		r = ms_policy_merge(&inputs, &merged, &err);
	ck_assert_msg(r == 0, "%s\n%s", ms_error_format(&err, said, sizeof(said)), text);
	return merged;
}

START_TEST(warns_of_this_and_of_nothing_else)
{
	ms_cleanup(ms_free) struct ms_warning *warnings = NULL;
	struct ms_policy *policy;
	size_t count;
	char text[2048];

	snprintf(text, sizeof(text), "version: 1\n%s", cases[_i].text);
	policy = make_policy(text);
	ck_assert_int_eq(ms_policy_check(policy, &warnings, &count), 0);
	if (!cases[_i].kind) {
		ck_assert_msg(count == 0, "%s: %s", count ? warnings[0].kind : "",
			      count ? warnings[0].message : "");
	} else {
		ck_assert_msg(count == 1, "%zu warnings, first %s", count,
			      count ? warnings[0].message : "-");
		ck_assert_str_eq(warnings[0].kind, cases[_i].kind);
		ck_assert_str_eq(warnings[0].rule, cases[_i].rule);
		ck_assert_msg(strstr(warnings[0].message, cases[_i].part) != NULL, "%s",
			      warnings[0].message);
		ck_assert_str_eq(warnings[0].origin.file, "10-a.yaml");
		ck_assert_uint_gt(warnings[0].origin.line, 1);
	}
	ms_policy_free(policy);
}
END_TEST

/* The line that a warning gives must be one that ends it. */
START_TEST(the_line_to_write_instead_helps)
{
	static const char rules[] =
		GROUPS "sets: { office: [192.0.2.0/24, \"2001:db8::/32\"] }\n"
		       "rules: { id: ssh, dir: in, from: \"set:office\", proto: tcp, dport: 22, "
		       "action: allow }\n";
	ms_cleanup(ms_free) struct ms_warning *warnings = NULL;
	ms_cleanup(ms_free) struct ms_warning *after = NULL;
	struct ms_policy *policy;
	size_t count;
	char text[2048];

	snprintf(text, sizeof(text), "version: 1\n%s", rules);
	policy = make_policy(text);
	ck_assert_int_eq(ms_policy_check(policy, &warnings, &count), 0);
	ck_assert_uint_eq(count, 1);
	ms_policy_free(policy);
	snprintf(text, sizeof(text), "version: 1\n%s\n%s",
		 strstr(warnings[0].message, "failsafe: {"), rules);
	policy = make_policy(text);
	ck_assert_int_eq(ms_policy_check(policy, &after, &count), 0);
	ck_assert_uint_eq(count, 0);
	ms_policy_free(policy);
}
END_TEST

/* Shapes that make every rule a candidate for every other, or name the failsafe's port. */
static const char *const shapes[] = {
	"proto: tcp, dport: %u, action: deny",
	"dir: in, from: 10.0.0.0/8, proto: tcp, dport: 22, priority: %u, action: deny",
	"dir: in, from: 10.0.0.0/8, proto: tcp, dport: 22, priority: %u, action: allow",
	"to: 10.0.0.0/8, proto: tcp, sport: %u, dport: 80, action: allow",
};

/* Quadratic work takes minutes of so many. With sanitizers it is memory that is looked at. */
#ifdef __SANITIZE_ADDRESS__
#define MANY 1000
#else
#define MANY 100000
#endif

START_TEST(a_hundred_thousand_rules_are_checked_soon)
{
	ms_cleanup(ms_free) struct ms_warning *warnings = NULL;
	ms_cleanup(ms_free) char *text = NULL;
	struct ms_policy *policy;
	struct timespec t0, t1;
	size_t length, count;
	FILE *out = open_memstream(&text, &length);

	fputs("version: 1\n" GROUPS "rules:\n", out);
	for (unsigned int i = 0; i < MANY; i++) {
		fprintf(out, "  - { id: r%u, ", i);
		fprintf(out, shapes[_i], i % 65536);
		fputs(" }\n", out);
	}
	fclose(out);
	policy = make_policy(text);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t0);
	ck_assert_int_eq(ms_policy_check(policy, &warnings, &count), 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t1);
	ck_assert_int_lt(t1.tv_sec - t0.tv_sec, 20);
	ms_policy_free(policy);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("policy/check");
	TCase *tcase = tcase_create("warnings");

	tcase_add_loop_test(tcase, warns_of_this_and_of_nothing_else, 0, ms_array_size(cases));
	tcase_add_test(tcase, the_line_to_write_instead_helps);
	suite_add_tcase(suite, tcase);

	tcase = tcase_create("size");
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, a_hundred_thousand_rules_are_checked_soon, 0,
			    ms_array_size(shapes));
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return ms_check_run(make_suite());
}
