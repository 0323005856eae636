/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/iface/match.h"

#include <stdio.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "tests/harness/ms_check.h"

/* The model owns its texts; these live as long as the program. */
#define TEXT(text) ((char[]) { text })

static const struct {
	const char *pattern, *text;
	bool matches;
} patterns[] = {
	{ "eth0", "eth0", true },
	{ "eth0", "eth01", false },
	{ "eth*", "eth0", true },
	{ "eth*", "xeth0", false },
	{ "eth?", "eth10", false },
	{ "veth[0-9]", "veth7", true },
	{ "veth[!0-9]", "veth7", false },
	{ "*", "anything", true },
	{ "br-*", "br-1a2b", true },
	{ "eth0.100", "eth0x100", false },
	{ "/eth[0-9]+/", "eth10", true },
	/* anchored at both ends */
	{ "/eth[0-9]+/", "xeth10", false },
	{ "/eth[0-9]+/", "eth10x", false },
	/* alternatives together, not the first at one end and the last at the other */
	{ "/eth|wlan/", "eth0", false },
	{ "/eth|wlan/", "mywlan", false },
	{ "/eth|wlan/", "wlan", true },
	{ "/cali[0-9a-f]+/", "cali12ef", true },
	{ "/cali[0-9a-f]+/", "CALI12EF", false },
	{ "/a{2}/", "aa", true },
	{ "/a{2}/", "aaa", false },
	{ "//", "", true },
	{ "//", "x", false },
	/* a slash alone is no expression */
	{ "/", "/", true },
	{ "/eth0", "eth0", false },
	/* no expression at all: matches nothing, again and again */
	{ "/(/", "(", false },
	{ "/(/", "(", false },
};

START_TEST(pattern_matches)
{
	struct ms_pattern pattern = { .text = (char *)patterns[_i].pattern };

	ck_assert_msg(ms_iface_match_pattern(&pattern, patterns[_i].text) == patterns[_i].matches,
		      "%s on %s", patterns[_i].pattern, patterns[_i].text);
}
END_TEST

/* More expressions than are kept compiled, round and round. */
START_TEST(many_expressions_do_not_get_mixed_up)
{
	char text[32], name[32];

	for (int i = 0; i < 300; i++) {
		struct ms_pattern pattern = { .text = text };

		snprintf(text, sizeof(text), "/eth%d/", i % 70);
		snprintf(name, sizeof(name), "eth%d", i % 70);
		ck_assert(ms_iface_match_pattern(&pattern, name));
		snprintf(name, sizeof(name), "eth%d", i % 70 + 1);
		ck_assert(!ms_iface_match_pattern(&pattern, name));
	}
}
END_TEST

/* ---- selectors ---- */

static struct ms_pattern veth_names[] = { { TEXT("veth*") }, { TEXT("/tap[0-9]/") } };
static struct ms_pattern bridges[] = { { TEXT("docker0") }, { TEXT("br-*") } };
static char *virtual_kinds[] = { TEXT("veth"), TEXT("netkit") };

static struct ms_link link_of(const char *name, const char *kind, const char *master)
{
	struct ms_link link = { .ifindex = 7, .master = master[0] ? 8 : 0 };

	snprintf(link.name, sizeof(link.name), "%s", name);
	snprintf(link.kind, sizeof(link.kind), "%s", kind);
	snprintf(link.master_name, sizeof(link.master_name), "%s", master);
	link.is_loopback = strcmp(name, "lo") == 0;
	link.is_physical = !kind[0] && !link.is_loopback;
	return link;
}

static const struct {
	const char *name, *kind, *master;
	bool matches;
} selections[] = {
	{ "veth1", "veth", "docker0", true }, { "veth1", "netkit", "br-12", true },
	{ "tap3", "veth", "br-12", true },    { "veth1", "veth", "virbr0", false },
	{ "veth1", "veth", "", false },       { "veth1", "dummy", "docker0", false },
	{ "eth1", "veth", "docker0", false },
};

START_TEST(keys_are_and_values_are_or)
{
	const struct ms_selector selector = {
		.names = veth_names,
		.n_names = 2,
		.kinds = virtual_kinds,
		.n_kinds = 2,
		.masters = bridges,
		.n_masters = 2,
	};
	const struct ms_selector empty = { .n_names = 0 };
	struct ms_link link =
		link_of(selections[_i].name, selections[_i].kind, selections[_i].master);

	ck_assert_int_eq(ms_iface_match_selector(&selector, &link), selections[_i].matches);
	ck_assert(ms_iface_match_selector(&empty, &link));
}
END_TEST

START_TEST(having_no_master_matches_no_master_pattern)
{
	struct ms_pattern any = { TEXT("*") };
	const struct ms_selector selector = { .masters = &any, .n_masters = 1 };
	struct ms_link alone = link_of("veth1", "veth", ""), port = link_of("veth1", "veth", "x");

	ck_assert(!ms_iface_match_selector(&selector, &alone));
	ck_assert(ms_iface_match_selector(&selector, &port));
}
END_TEST

static const struct {
	const char *wanted, *name, *kind;
	bool matches;
} kinds[] = {
	{ "loopback", "lo", "", true },
	{ "loopback", "eth0", "", false },
	{ "physical", "eth0", "", true },
	{ "physical", "lo", "", false },
	{ "physical", "veth0", "veth", false },
	{ "tap", "t0", "tap", true },
	{ "tap", "t0", "tun", false },
	{ "tun", "t0", "tun", true },
	{ "tun", "t0", "tap", false },
	{ "bridge", "br0", "bridge", true },
	{ "", "eth0", "", false },
};

START_TEST(kinds_have_our_names_for_what_has_none)
{
	char *wanted = (char *)kinds[_i].wanted;
	const struct ms_selector selector = { .kinds = &wanted, .n_kinds = 1 };
	struct ms_link link = link_of(kinds[_i].name, kinds[_i].kind, "");

	ck_assert_int_eq(ms_iface_match_selector(&selector, &link), kinds[_i].matches);
}
END_TEST

/* ---- groups ---- */

static struct ms_pattern mgmt = { TEXT("veth-mgmt") }, all = { TEXT("*") };
static struct ms_selector container_match[] = { { .masters = bridges, .n_masters = 2 },
						{ .names = veth_names, .n_names = 2 } };
static struct ms_selector container_exclude = { .names = &mgmt, .n_names = 1 };
static struct ms_selector rest_match = { .names = &all, .n_names = 1 };
static struct ms_group_def groups[] = {
	{
		.origin = { .source = MS_SOURCE_FILE, .file = TEXT("10-a.yaml"), .line = 3 },
		.name = TEXT("containers"),
		.match = container_match,
		.n_match = 2,
		.exclude = &container_exclude,
		.n_exclude = 1,
	},
	{
		.origin = { .source = MS_SOURCE_FILE, .file = TEXT("20-b.yaml"), .line = 9 },
		.name = TEXT("rest"),
		.match = &rest_match,
		.n_match = 1,
	},
};

START_TEST(first_group_wins_and_says_why)
{
	const struct ms_policy policy = { .groups = groups, .n_groups = 2 };
	struct ms_link link = link_of("veth1", "veth", "");
	char why[256];

	ck_assert_ptr_eq(ms_iface_match_group(&policy, &link, why, sizeof(why)), &groups[0]);
	ck_assert_str_eq(why, "group containers (10-a.yaml:3), selector 2, name like veth*");
	link = link_of("x", "veth", "br-7");
	ck_assert_ptr_eq(ms_iface_match_group(&policy, &link, why, sizeof(why)), &groups[0]);
	ck_assert_str_eq(why, "group containers (10-a.yaml:3), selector 1, master br-7 like br-*");
	link = link_of("eth0", "", "");
	ck_assert_ptr_eq(ms_iface_match_group(&policy, &link, why, sizeof(why)), &groups[1]);
	ck_assert_str_eq(why, "group rest (20-b.yaml:9), selector 1, name like *");
}
END_TEST

START_TEST(excluded_goes_on_to_the_next_group)
{
	const struct ms_policy both = { .groups = groups, .n_groups = 2 };
	const struct ms_policy first = { .groups = groups, .n_groups = 1 };
	struct ms_link link = link_of("veth-mgmt", "veth", "docker0");
	char why[256];

	ck_assert_ptr_eq(ms_iface_match_group(&both, &link, NULL, 0), &groups[1]);
	ck_assert_ptr_null(ms_iface_match_group(&first, &link, why, sizeof(why)));
	ck_assert_str_eq(why, "no group: left out by group containers (10-a.yaml:3), exclude 1, "
			      "name like veth-mgmt, and no other matches");
}
END_TEST

START_TEST(no_group_says_so)
{
	const struct ms_policy policy = { .groups = groups, .n_groups = 1 },
			       none = { .groups = NULL };
	struct ms_link link = link_of("eth0", "", "");
	char why[256], little[8];

	ck_assert_ptr_null(ms_iface_match_group(&policy, &link, why, sizeof(why)));
	ck_assert_str_eq(why, "no group: no selector of 1 group matches");
	ck_assert_ptr_null(ms_iface_match_group(&none, &link, why, sizeof(why)));
	ck_assert_str_eq(why, "no group: no selector of 0 groups matches");
	ck_assert_ptr_null(ms_iface_match_group(&policy, &link, little, sizeof(little)));
	ck_assert_str_eq(little, "no grou");
}
END_TEST

static const struct {
	enum ms_side_choice choice;
	const char *kind;
	bool has_default_route;
	enum ms_side side;
} sides[] = {
	{ MS_SIDE_CHOICE_AUTO, "veth", false, MS_SIDE_WORKLOAD },
	{ MS_SIDE_CHOICE_AUTO, "netkit", false, MS_SIDE_WORKLOAD },
	{ MS_SIDE_CHOICE_AUTO, "tap", false, MS_SIDE_WORKLOAD },
	{ MS_SIDE_CHOICE_AUTO, "veth", true, MS_SIDE_HOST },
	{ MS_SIDE_CHOICE_AUTO, "tun", false, MS_SIDE_HOST },
	{ MS_SIDE_CHOICE_AUTO, "", false, MS_SIDE_HOST },
	{ MS_SIDE_CHOICE_AUTO, "bridge", false, MS_SIDE_HOST },
	{ MS_SIDE_CHOICE_HOST, "veth", false, MS_SIDE_HOST },
	{ MS_SIDE_CHOICE_WORKLOAD, "veth", true, MS_SIDE_WORKLOAD },
	{ MS_SIDE_CHOICE_WORKLOAD, "", false, MS_SIDE_WORKLOAD },
};

START_TEST(side_is_whose_the_interface_is)
{
	const struct ms_group_def group = { .side = sides[_i].choice };
	struct ms_link link = link_of("x", sides[_i].kind, "");

	link.has_default_route = sides[_i].has_default_route;
	ck_assert_int_eq(ms_iface_match_side(&group, &link), sides[_i].side);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("iface/match");
	TCase *tcase = tcase_create("match");

	tcase_add_loop_test(tcase, pattern_matches, 0, ms_array_size(patterns));
	tcase_add_test(tcase, many_expressions_do_not_get_mixed_up);
	tcase_add_loop_test(tcase, keys_are_and_values_are_or, 0, ms_array_size(selections));
	tcase_add_test(tcase, having_no_master_matches_no_master_pattern);
	tcase_add_loop_test(tcase, kinds_have_our_names_for_what_has_none, 0, ms_array_size(kinds));
	tcase_add_test(tcase, first_group_wins_and_says_why);
	tcase_add_test(tcase, excluded_goes_on_to_the_next_group);
	tcase_add_test(tcase, no_group_says_so);
	tcase_add_loop_test(tcase, side_is_whose_the_interface_is, 0, ms_array_size(sides));
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
