/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the monitor follows beside devices: hooks, addresses, default routes, kinds, counters. */
#include "netlink/monitor.h"

#include <errno.h>
#include <string.h>

#include "tests/harness/netns.h"
#include "tests/netns/listener.h"

static struct ms_listener *const heard = &ms_listener;

START_TEST(hooks_touched_by_others_are_told)
{
	ms_netns_run_command("ip link add a0 type veth peer name a1");
	ms_listener_open();
	ms_netns_run_command("tc qdisc add dev a0 clsact");
	ms_listener_dispatch();
	ck_assert_uint_eq(heard->n_tc, 1);
	ck_assert_uint_eq(heard->last_tc, ms_listener_find("a0")->ifindex);
	ck_assert_uint_eq(heard->n_news, 0);

	ms_netns_run_command("tc filter add dev a0 egress bpf bytecode '1,6 0 0 0,'");
	ms_netns_run_command("tc filter add dev a0 ingress bpf bytecode '1,6 0 0 0,'");
	ms_listener_dispatch();
	ck_assert_uint_eq(heard->n_tc, 1); /* once per device and round */
	ms_netns_run_command("tc qdisc del dev a0 clsact");
	ms_listener_dispatch();
	ck_assert_uint_eq(heard->n_tc, 1);

	ms_netns_run_command("tc qdisc add dev a0 root pfifo limit 10");
	ms_listener_dispatch();
	ck_assert_uint_eq(heard->n_tc, 0);
}
END_TEST

static bool has_address(const char *text)
{
	struct ms_addr wanted;
	size_t count;
	const struct ms_addr *list = ms_monitor_addresses(heard->monitor, &count);

	ck_assert(ms_addr_parse(text, &wanted));
	for (size_t i = 0; i < count; i++) {
		if (ms_addr_compare(&list[i], &wanted) == 0)
			return true;
	}
	return false;
}

static bool heard_of_address(void *user)
{
	ck_assert_int_eq(ms_monitor_dispatch(heard->monitor), 0);
	return has_address(user);
}

START_TEST(addresses_are_followed)
{
	ms_netns_run_command("ip link add a0 type veth peer name a1");
	ms_listener_open();
	ck_assert(has_address("127.0.0.1"));
	ms_netns_run_command("ip addr add 10.1.0.1 peer 10.1.0.9 dev a0");
	ms_listener_dispatch();
	ck_assert_uint_eq(heard->n_address_changes, 1);
	ck_assert(has_address("10.1.0.1") && !has_address("10.1.0.9"));
	/* The kernel announces an IPv6 address when it gets round to it. */
	ms_netns_run_command("ip addr add fd01::1/64 dev a0 nodad");
	ck_assert(ms_netns_wait(heard_of_address, (char[]) { "fd01::1" }, 5));

	/* on a second device: still the same addresses of this machine */
	ms_netns_run_command("ip addr add 10.1.0.1/24 dev a1");
	ms_listener_dispatch();
	ck_assert_uint_eq(heard->n_address_changes, 0);
	ms_netns_run_command("ip addr flush dev a0");
	ms_listener_dispatch();
	ck_assert_uint_eq(heard->n_address_changes, 1);
	ck_assert(has_address("10.1.0.1") && !has_address("fd01::1"));
	ms_netns_run_command("ip link del a0");
	ms_listener_dispatch();
	ck_assert(!has_address("10.1.0.1"));
}
END_TEST

START_TEST(default_routes_are_followed_and_others_do_not_even_arrive)
{
	uint64_t messages;

	ms_netns_run_command("ip link add a0 type veth peer name a1");
	ms_netns_run_command("ip link set a0 up && ip link set a1 up");
	ms_netns_run_command("ip addr add 10.1.0.1/24 dev a0");
	ms_listener_open();
	ck_assert(!ms_listener_find("a0")->has_default_route);
	ms_listener_dispatch();
	messages = ms_monitor_stats(heard->monitor).messages;
	ms_netns_run_command("ip route add 10.9.0.0/16 via 10.1.0.2");
	ms_netns_run_command("ip -6 route add fd09::/64 dev a0");
	ms_listener_dispatch();
	ck_assert_uint_eq(ms_monitor_stats(heard->monitor).messages, messages);

	ms_netns_run_command("ip route add default via 10.1.0.2");
	ms_listener_dispatch();
	ck_assert_ptr_nonnull(ms_listener_find_news("a0", MS_LINK_CHANGED));
	ck_assert(ms_listener_find("a0")->has_default_route);

	/* The kernel drops the route with the link and says nothing of it. */
	ms_netns_run_command("ip link set a0 down");
	ms_listener_forget();
	ck_assert_int_eq(ms_monitor_resync(heard->monitor), 0);
	ck_assert(!ms_listener_find("a0")->has_default_route);
}
END_TEST

START_TEST(silent_loss_of_a_default_route_is_looked_for)
{
	ms_netns_run_command("ip link add a0 type veth peer name a1");
	ms_netns_run_command("ip link set a0 up && ip link set a1 up");
	ms_netns_run_command("ip addr add 10.1.0.1/24 dev a0");
	ms_netns_run_command("ip route add default via 10.1.0.2");
	ms_listener_open();
	ck_assert(ms_listener_find("a0")->has_default_route);
	ms_netns_run_command("ip link set a0 down");
	ms_listener_dispatch();
	ck_assert(!ms_listener_find("a0")->has_default_route);
}
END_TEST

START_TEST(tun_and_tap_are_told_apart)
{
	ms_listener_open();
	ms_netns_run_command("ip tuntap add dev t0 mode tun && ip tuntap add dev t1 mode tap");
	ms_netns_run_command("ip link add a0 type veth peer name a1");
	ms_netns_run_command("ip link add m0 link a0 type macvlan");
	ms_listener_dispatch();
	ck_assert_str_eq(ms_listener_find("t0")->kind, "tun");
	ck_assert(ms_listener_find("t0")->is_l3);
	ck_assert_str_eq(ms_listener_find("t1")->kind, "tap");
	ck_assert(!ms_listener_find("t1")->is_l3);
	ck_assert_uint_eq(ms_listener_find("m0")->parent, ms_listener_find("a0")->ifindex);
	ck_assert_uint_eq(ms_listener_find("a1")->parent, 0);
}
END_TEST

START_TEST(packet_counters_are_read)
{
	uint64_t received, sent;

	ms_listener_open();
	ms_netns_run_command("ping -q -c 3 -i 0.002 127.0.0.1");
	ck_assert_int_eq(ms_monitor_read_packets(heard->monitor, 1, &received, &sent), 0);
	ck_assert_uint_ge(received, 6);
	ck_assert_uint_eq(received, sent);
	ck_assert_int_eq(ms_monitor_read_packets(heard->monitor, 4711, &received, &sent), -ENODEV);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/surroundings");
	TCase *tcase = tcase_create("surroundings");

	tcase_add_checked_fixture(tcase, ms_listener_set_up, ms_listener_tear_down);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, hooks_touched_by_others_are_told);
	tcase_add_test(tcase, addresses_are_followed);
	tcase_add_test(tcase, default_routes_are_followed_and_others_do_not_even_arrive);
	tcase_add_test(tcase, silent_loss_of_a_default_route_is_looked_for);
	tcase_add_test(tcase, tun_and_tap_are_told_apart);
	tcase_add_test(tcase, packet_counters_are_read);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
