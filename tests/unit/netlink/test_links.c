/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/links.h"

#include <linux/if.h>
#include <linux/if_arp.h>
#include <stdio.h>
#include <string.h>

#include "tests/harness/ms_check.h"

static struct ms_links *links;
static char told[4096];
static struct ms_link last;

static void say(const char *format, const char *name, uint32_t ifindex)
{
	size_t used = strlen(told);

	snprintf(told + used, sizeof(told) - used, format, name, ifindex);
}

static void on_link(void *user, enum ms_link_change change, const struct ms_link *link,
		    const struct ms_link *old, bool moved)
{
	(void)user;
	(void)old;
	last = *link;
	say(change == MS_LINK_NEW       ? "+%s/%u "
	    : change == MS_LINK_CHANGED ? "*%s/%u "
	    : moved                     ? "moved %s/%u "
					: "-%s/%u ",
	    link->name, link->ifindex);
}

static void on_tc(void *user, uint32_t ifindex)
{
	(void)user;
	say("%stc/%u ", "", ifindex);
}

static const char *tell(void)
{
	static const struct ms_monitor_callbacks callbacks = { .on_link = on_link, .on_tc = on_tc };

	told[0] = '\0';
	ms_links_tell(links, &callbacks, NULL);
	return told;
}

static struct ms_link veth(uint32_t ifindex, const char *name, uint8_t mac)
{
	struct ms_link link = {
		.ifindex = ifindex,
		.kind = "veth",
		.type = ARPHRD_ETHER,
		.address = { 2, 0, 0, 0, 0, mac },
		.address_length = 6,
	};

	snprintf(link.name, sizeof(link.name), "%s", name);
	return link;
}

static void put_as(const struct ms_link *link, enum ms_links_evidence evidence)
{
	ck_assert_int_eq(ms_links_put(links, link, evidence, 1, false), 0);
}

static void put(const struct ms_link *link)
{
	put_as(link, MS_LINKS_EVENT);
}

static void put_veth(uint32_t ifindex, const char *name)
{
	struct ms_link link = veth(ifindex, name, (uint8_t)ifindex);

	put(&link);
}

static void set_up(void)
{
	ck_assert_int_eq(ms_links_new(&links), 0);
}

static void tear_down(void)
{
	links = ms_links_free(links);
}

START_TEST(burst_is_told_as_its_result)
{
	for (int i = 0; i < 6; i++)
		put_veth(3, i < 4 ? "tmp" : "a0");
	ck_assert_str_eq(tell(), "+a0/3 ");
	put_veth(3, "b0");
	put_veth(3, "a0");
	ck_assert_str_eq(tell(), "");
	put_veth(4, "x");
	ms_links_remove(links, 4, false);
	ck_assert_str_eq(tell(), "");
	ck_assert_ptr_null(ms_links_find(links, 4));
}
END_TEST

START_TEST(new_devices_are_told_first_and_ends_last)
{
	put_veth(3, "a");
	put_veth(4, "b");
	tell();
	ms_links_remove(links, 3, false);
	put_veth(4, "bb");
	put_veth(5, "c");
	put_veth(6, "d");
	ck_assert_str_eq(tell(), "+c/5 +d/6 *bb/4 -a/3 ");
}
END_TEST

START_TEST(used_number_ends_the_one_before_it_begins_the_next)
{
	uint64_t incarnation;

	put_veth(3, "a");
	tell();
	incarnation = last.incarnation;
	ms_links_remove(links, 3, true);
	put_veth(3, "a");
	put_veth(4, "b");
	ck_assert_str_eq(tell(), "moved a/3 +a/3 +b/4 ");
	ck_assert_uint_ne(ms_links_find(links, 3)->incarnation, incarnation);
	/* twice in one burst: the one in between was never told */
	ms_links_remove(links, 3, false);
	put_veth(3, "x");
	ms_links_remove(links, 3, true);
	put_veth(3, "y");
	ck_assert_str_eq(tell(), "-a/3 +y/3 ");
}
END_TEST

static const struct {
	const char *what;
	struct ms_link was, is;
	bool same;
} pairs[] = {
#define MAC(last_byte) .address = { 2, 0, 0, 0, 0, last_byte }, .address_length = 6
	{ "nothing", { .kind = "veth", MAC(1) }, { .kind = "veth", MAC(1) }, true },
	{ "name",
	  { .kind = "veth", .name = "a", MAC(1) },
	  { .kind = "veth", .name = "b", MAC(1) },
	  true },
	{ "more packets",
	  { .kind = "veth", .packets = 5 },
	  { .kind = "veth", .packets = 9 },
	  true },
	{ "fewer packets",
	  { .kind = "veth", .packets = 9 },
	  { .kind = "veth", .packets = 5 },
	  false },
	{ "carrier", { .kind = "veth", .carrier_changes = 3 }, { .kind = "veth" }, false },
	{ "address", { .kind = "veth", MAC(1) }, { .kind = "veth", MAC(2) }, false },
	{ "address gone", { .kind = "veth", MAC(1) }, { .kind = "veth" }, false },
	{ "a bridge's address", { .kind = "bridge", MAC(1) }, { .kind = "bridge", MAC(2) }, true },
	{ "kind", { .kind = "veth", MAC(1) }, { .kind = "macvlan", MAC(1) }, false },
	{ "tap for tun", { .kind = "tun" }, { .kind = "tap" }, false },
	{ "type", { .type = ARPHRD_ETHER }, { .type = ARPHRD_NONE }, false },
	{ "reset counters of hardware",
	  { .is_physical = true, .packets = 9, MAC(1) },
	  { .is_physical = true, MAC(1) },
	  true },
	{ "lo", { .is_loopback = true, .packets = 9 }, { .is_loopback = true }, true },
#undef MAC
};

START_TEST(across_a_gap_devices_are_told_apart_by)
{
	struct ms_link was = pairs[_i].was, is = pairs[_i].is;
	uint64_t incarnation;

	was.ifindex = is.ifindex = 3;
	put(&was);
	tell();
	incarnation = last.incarnation;
	put_as(&is, MS_LINKS_GAP);
	ck_assert_msg((ms_links_find(links, 3)->incarnation == incarnation) == pairs[_i].same, "%s",
		      pairs[_i].what);

	/* Without a gap an end would have been announced. */
	ms_links_remove(links, 3, false);
	put(&was);
	incarnation = ms_links_find(links, 3)->incarnation;
	put(&is);
	ck_assert_uint_eq(ms_links_find(links, 3)->incarnation, incarnation);
}
END_TEST

START_TEST(ports_follow_the_name_of_their_master)
{
	struct ms_link port = veth(3, "p", 1), bridge = veth(4, "br", 2);

	port.master = 4;
	put(&port); /* before its master, as a dump may have it */
	put(&bridge);
	ck_assert_str_eq(tell(), "+p/3 +br/4 ");
	ck_assert_str_eq(ms_links_find(links, 3)->master_name, "br");
	strcpy(bridge.name, "br9");
	put(&bridge);
	ck_assert_str_eq(tell(), "*br9/4 *p/3 ");
	ck_assert_str_eq(ms_links_find(links, 3)->master_name, "br9");
	port.master = 0;
	put(&port);
	ck_assert_str_eq(tell(), "*p/3 ");
	ck_assert_str_eq(last.master_name, "");
}
END_TEST

START_TEST(what_only_tells_devices_apart_is_no_change)
{
	struct ms_link link = veth(3, "a", 1);

	put(&link);
	tell();
	link.packets = 1000;
	link.address[5] = 9;
	link.carrier_changes = 4;
	put(&link);
	ck_assert_str_eq(tell(), "");
	link.flags = IFF_UP;
	put(&link);
	ck_assert_str_eq(tell(), "*a/3 ");
}
END_TEST

START_TEST(default_routes_are_exactly_those_given)
{
	struct ms_ifindex_set set = MS_IFINDEX_SET_INIT;

	put_veth(3, "a");
	put_veth(4, "b");
	tell();
	ck_assert_int_eq(ms_ifindex_set_add(&set, 4), 0);
	ck_assert_int_eq(ms_ifindex_set_add(&set, 99), 0);
	ck_assert_int_eq(ms_ifindex_set_add(&set, 4), 0);
	ms_ifindex_set_seal(&set);
	ck_assert_uint_eq(set.count, 2);
	ms_links_set_default_routes(links, &set);
	ck_assert_str_eq(tell(), "*b/4 ");
	ck_assert(ms_links_find(links, 4)->has_default_route);
	/* and stays so whatever else is heard of the link */
	put_veth(4, "b");
	ck_assert(ms_links_find(links, 4)->has_default_route);
	ms_ifindex_set_fini(&set);
	ms_links_set_default_routes(links, &set);
	ck_assert_str_eq(tell(), "*b/4 ");
}
END_TEST

START_TEST(missing_are_those_not_put_since)
{
	for (uint32_t i = 1; i <= 5; i++)
		put_veth(i, "x");
	ms_links_begin_compare(links);
	put_veth(2, "x");
	put_veth(4, "x");
	ck_assert_uint_eq(ms_links_next_missing(links, 0), 1);
	ck_assert_uint_eq(ms_links_next_missing(links, 1), 3);
	ck_assert_uint_eq(ms_links_next_missing(links, 3), 5);
	ck_assert_uint_eq(ms_links_next_missing(links, 5), 0);
	/* what is being taken away is not missing any more */
	ms_links_remove(links, 3, false);
	ck_assert_uint_eq(ms_links_next_missing(links, 1), 5);
}
END_TEST

START_TEST(touched_hooks_are_told_once_and_only_of_living_devices)
{
	put_veth(3, "a");
	put_veth(4, "b");
	tell();
	ms_links_touch_tc(links, 3);
	ms_links_touch_tc(links, 3);
	ms_links_touch_tc(links, 4);
	ms_links_remove(links, 4, false);
	ms_links_touch_tc(links, 99);
	ck_assert_str_eq(tell(), "-b/4 tc/3 ");
	ck_assert_str_eq(tell(), "");
}
END_TEST

/* In any order of numbers, against a plain list. */
START_TEST(table_holds_what_was_put)
{
	bool there[200] = { false };
	unsigned int seed = 1;

	for (int i = 0; i < 5000; i++) {
		uint32_t ifindex;

		seed = seed * 1103515245 + 12345;
		ifindex = (seed >> 16) % 199 + 1;
		if (seed & 0x8000)
			put_veth(ifindex, "x");
		else
			ms_links_remove(links, ifindex, false);
		there[ifindex] = seed & 0x8000;
		if (i % 7 == 0)
			tell();
	}
	for (uint32_t i = 1; i < 200; i++)
		ck_assert_int_eq(ms_links_find(links, i) != NULL, there[i]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netlink/links");
	TCase *tcase = tcase_create("links");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, burst_is_told_as_its_result);
	tcase_add_test(tcase, new_devices_are_told_first_and_ends_last);
	tcase_add_test(tcase, used_number_ends_the_one_before_it_begins_the_next);
	tcase_add_loop_test(tcase, across_a_gap_devices_are_told_apart_by, 0,
			    sizeof(pairs) / sizeof(pairs[0]));
	tcase_add_test(tcase, ports_follow_the_name_of_their_master);
	tcase_add_test(tcase, what_only_tells_devices_apart_is_no_change);
	tcase_add_test(tcase, default_routes_are_exactly_those_given);
	tcase_add_test(tcase, missing_are_those_not_put_since);
	tcase_add_test(tcase, touched_hooks_are_told_once_and_only_of_living_devices);
	tcase_add_test(tcase, table_holds_what_was_put);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
