/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Policies that are long ways to walk: nothing is judged before the end of one. */
#include <stdio.h>

#include "bpf/lib/blocks.h"
#include "tests/bpf/rig.h"
#include "tests/harness/ms_check.h"

#define POLICY                                                                                     \
	"version: 1\n"                                                                             \
	"groups:\n"                                                                                \
	"  - { name: g, match: { name: [\"*\"] }, default: { in: deny, out: allow } }\n"           \
	"failsafe: { in: [], out: [] }\n"

static void setup(void)
{
	ms_rig_setup();
	ms_rig_policy(POLICY);
	ms_rig_iface(&(struct ms_rig_iface) { .group = "g", .zone = 1 });
}

static void tcp_from(const char *src, const char *expected)
{
	static uint16_t sport = 1000;
	struct ms_pkt pkt = ms_pkt_tcp(src, sport++, "10.0.0.9", 80, MS_PKT_SYN);

	ms_rig_expect(MS_RIG_INGRESS, &pkt, expected);
}

START_TEST(thousands_of_rows_are_walked_to_the_end)
{
	static char yaml[256 * 1024];
	size_t length = (size_t)snprintf(yaml, sizeof(yaml), "%srules:\n", POLICY);

	/* One id for all but the last: the bench knows few authors, the rows are what counts. */
	length += (size_t)snprintf(yaml + length, sizeof(yaml) - length,
				   "  - { id: many, from: [10.9.0.0");
	for (int i = 1; i < 8000; i++)
		length += (size_t)snprintf(yaml + length, sizeof(yaml) - length, ", 10.9.%d.%d",
					   i / 256, i % 256);
	snprintf(yaml + length, sizeof(yaml) - length,
		 "], action: deny }\n  - { id: last, from: 10.9.0.0/16, action: allow }\n");
	ms_rig_policy(yaml);
	tcp_from("10.9.0.0", "deny rule many");
	tcp_from("10.9.31.63", "deny rule many");
	tcp_from("10.9.31.64", "allow rule last");
	tcp_from("10.10.0.1", "deny default default/g/in");
}
END_TEST

/* An address in more sets than it can be told goes through the rows of all; the last one decides.
 */
START_TEST(thousands_of_rows_of_sets_are_walked_to_the_end)
{
	_Static_assert(20 * 64 * 8 > MS_PAIRS_STEPS, "the walk goes on");
	char sets[1024], rules[16384], yaml[20480], dscps[64 * 3 + 1];
	int n_sets = 0, n_rules = 0;

	for (int dscp = 0; dscp < 64; dscp++)
		sprintf(dscps + dscp * 3, "%2d,", dscp);
	for (int set = 0; set < 20; set++) {
		n_sets += sprintf(sets + n_sets, "  s%d: [10.9.0.0/16]\n", set);
		n_rules += sprintf(rules + n_rules,
				   "  - { id: r%d, from: \"set:s%d\", action: deny,\n"
				   "      vlan: [1, 2, 3, 4, 5, 6, 7, 8], dscp: [%s] }\n",
				   set, set, dscps);
	}
	snprintf(yaml, sizeof(yaml),
		 POLICY "sets:\n%srules:\n%s"
			"  - { id: last, from: \"set:s19\", action: allow }\n",
		 sets, rules);
	ms_rig_policy(yaml);
	tcp_from("10.9.0.1", "allow rule last");
	tcp_from("10.10.0.1", "deny default default/g/in");
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("datapath_walks");
	TCase *tcase = tcase_create("walks");

	tcase_set_timeout(tcase, 120);
	tcase_add_unchecked_fixture(tcase, ms_rig_load, NULL);
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, thousands_of_rows_are_walked_to_the_end);
	tcase_add_test(tcase, thousands_of_rows_of_sets_are_walked_to_the_end);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return ms_check_run(make_suite());
}
