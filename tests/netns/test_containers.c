/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Real containers: two on podman's bridge, one of them published through an uplink, a third party
 * behind it. Every connection is wget's.
 */
#include "tests/harness/netns.h"

#include <string.h>

#include "tests/harness/podman.h"

#define A "10.88.0.10"
#define B "10.88.0.11"
#define A_URL "http://" A "/"
#define B_URL "http://" B "/"
#define PUBLISHED "http://192.0.2.1:8080/"

static void make_uplink(void)
{
	ms_netns_add("third");
	ms_netns_veth("eth0", "third", "192.0.2.", NULL);
}

static void make_containers(void)
{
	ms_podman_run("a", A, NULL);
	ms_podman_run("b", B, "8080:80");
}

static int third_party_wget(void)
{
	return ms_netns_try_command("ip netns exec third timeout 2 busybox wget -qO /dev/null %s",
				    PUBLISHED);
}

START_TEST(without_a_firewall_everything_is_reached)
{
	char link_a[32], link_b[32];

	ms_podman_setup();
	make_uplink();
	make_containers();
	ck_assert_int_eq(ms_podman_wget("a", B_URL), 0);
	ck_assert_int_eq(ms_podman_wget("b", A_URL), 0);
	ck_assert_int_eq(third_party_wget(), 0);
	ck_assert_int_ne(ms_podman_wget("a", "http://" B ":81/"), 0);
	ms_podman_link("a", link_a, sizeof(link_a));
	ms_podman_link("b", link_b, sizeof(link_b));
	ck_assert_str_ne(link_a, link_b);
	ck_assert_int_eq(strncmp(link_a, "veth", 4), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/containers");
	TCase *tcase = tcase_create("containers");

	tcase_add_checked_fixture(tcase, ms_netns_setup, NULL);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, without_a_firewall_everything_is_reached);
	suite_add_tcase(suite, tcase);
	return ms_podman_run_suite(suite);
}
