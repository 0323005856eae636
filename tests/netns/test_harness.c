/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the other files of this lane rest on, without the daemon: that traffic passes when nothing
 * filters and stops when something does. Where this is red, the machine is wrong, not the firewall.
 */
#include "tests/harness/netns.h"

#include <errno.h>
#include <unistd.h>

#include "tests/harness/proc.h"
#include "tests/harness/traffic.h"

START_TEST(all_kinds_of_traffic_pass_an_empty_machine)
{
	static const char *const addresses[] = { "10.1.0.2", "fd01::2" };
	pid_t server;

	ms_netns_add("a");
	ms_netns_veth("veth-a", "a", "10.1.0.", "fd01::");
	server = ms_traffic_server("a", 80);
	for (int i = 0; i < 2; i++) {
		int fd = ms_traffic_connect(NULL, addresses[i], 80, 2000);

		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(ms_traffic_echo(fd, 7, 2000), 0);
		close(fd);
		ck_assert_int_eq(ms_traffic_get(NULL, addresses[i], 80, 2000), MS_TRAFFIC_ANSWER);
		fd = ms_traffic_udp(NULL, addresses[i], 80, 0);
		ck_assert_int_eq(ms_traffic_echo(fd, 9, 2000), 0);
		close(fd);
		ck_assert_int_eq(ms_traffic_ping(NULL, addresses[i], 2000), 0);
		ck_assert_int_eq(ms_traffic_connect(NULL, addresses[i], 81, 2000), -ECONNREFUSED);
	}
	ms_proc_end(server);
}
END_TEST

START_TEST(a_packet_filter_is_noticed)
{
	pid_t server;

	ms_netns_add("a");
	ms_netns_veth("veth-a", "a", "10.1.0.", "fd01::");
	server = ms_traffic_server("a", 80);
	ms_netns_run_command("ip netns exec a iptables -A INPUT -j DROP && "
			     "ip netns exec a ip6tables -A INPUT -p ipv6-icmp "
			     "--icmpv6-type echo-request -j DROP");
	ck_assert_int_eq(ms_traffic_connect(NULL, "10.1.0.2", 80, 200), -ETIMEDOUT);
	ck_assert_int_eq(ms_traffic_ping(NULL, "fd01::2", 200), -ETIMEDOUT);
	ms_proc_end(server);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/harness");
	TCase *tcase = tcase_create("harness");

	tcase_add_checked_fixture(tcase, ms_netns_setup, NULL);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, all_kinds_of_traffic_pass_an_empty_machine);
	tcase_add_test(tcase, a_packet_filter_is_noticed);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
