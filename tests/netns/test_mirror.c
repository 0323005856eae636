/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a tap of the plugin mirror gets where not every device has Ethernet frames, what a policy
 * that is only tried does to copies, and what an older kernel is told. Plain copies are in
 * test_actions.c.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"
#include "tests/harness/site.h"
#include "tests/harness/traffic.h"

#define PAYLOAD 100
#define IP_UDP 28 /* bytes of their headers */

static const char policy[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: work, match: [{ name: \"veth-*\" }, { name: \"tun-*\" }],\n"
	"      default: { in: allow, out: allow } }\n";

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;
static char text[8192];

static void setup(void)
{
	ms_plugin_folder_setup(microsegd, policy);
	/* Its own router solicitations would be copies that nobody sent. */
	ms_netns_run_command("sysctl -qw net.ipv6.conf.default.disable_ipv6=1; "
			     "ip link add tap0 type veth peer name tap1; "
			     "ip link set tap1 up; ip link set tap0 up");
	ms_plugin_folder_add("mirror");
}

static void write_rule(const char *arguments)
{
	snprintf(text, sizeof(text),
		 "version: 1\nrules:\n"
		 "  - { id: u, proto: udp, dport: 9000, fallback: deny,\n"
		 "      action: [{ mirror: { %s } }, allow] }\n",
		 arguments);
	ms_proc_write_policy(microsegd, "05-action.yaml", text);
}

static void rule(const char *arguments)
{
	write_rule(arguments);
	ms_ctl_do(microsegd, "policy", "apply", NULL);
}

static json_int_t stat_of(const char *name)
{
	json_auto_t *lines = ms_ctl(microsegd, "plugin", "show", "mirror", NULL);
	json_t *number = ms_ctl_find(lines, "stats", "name", name);

	ck_assert_ptr_nonnull(number);
	return json_integer_value(json_object_get(number, "value"));
}

/* ---- devices without Ethernet ---- */

/* An L3 device of that name and address; the descriptor is its other end. */
static int open_tun(const char *name, const char *address)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };

	ck_assert_int_ge(fd, 0);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	ck_assert_int_eq(ioctl(fd, TUNSETIFF, &request), 0);
	ms_netns_run_command("ip link set %s up; [ -z '%s' ] || ip addr add %s dev %s", name,
			     address, address, name);
	return fd;
}

/* Datagrams to port 9000 there, of PAYLOAD bytes; they need not arrive. */
static void send_to(const char *address, unsigned int count)
{
	ms_cleanup(ms_close_fd) int fd = ms_traffic_udp(NULL, address, 9000, 4000);
	char payload[PAYLOAD] = { 0 };

	/* An answer that nobody listens there is told by a send that sends nothing. */
	while (count) {
		if (send(fd, payload, sizeof(payload), 0) == sizeof(payload))
			count--;
		else
			ck_assert_int_eq(errno, ECONNREFUSED);
	}
}

/* The next one is the datagram from its IP header on, or as much of it as `length`. */
static void expect_datagram(int fd, const char *to, size_t length)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	uint8_t packet[2048];
	struct in_addr address;

	ck_assert_int_eq(inet_pton(AF_INET, to, &address), 1);
	ck_assert_int_eq(poll(&ready, 1, MS_SITE_SOON), 1);
	ck_assert_int_eq(read(fd, packet, sizeof(packet)), (int)length);
	ck_assert_uint_eq(packet[0], 0x45);
	ck_assert_uint_eq(packet[9], IPPROTO_UDP);
	ck_assert_mem_eq(packet + 16, &address, sizeof(address));
	ck_assert_uint_eq(packet[22] << 8 | packet[23], 9000);
}

/* A frame cannot be made of what has no link header, and the packet itself is not touched. */
START_TEST(a_tap_of_frames_takes_none_from_a_device_without_them)
{
	ms_cleanup(ms_close_fd) int tun = open_tun("tun-a", "10.5.0.1/24");

	ms_plugin_folder_start(microsegd, "plugins: { mirror: {} }\n");
	ms_ctl_wait_iface(microsegd, "tun-a", "protected");
	rule("to: tap0");
	send_to("10.5.0.2", 3);
	for (int i = 0; i < 3; i++)
		expect_datagram(tun, "10.5.0.2", IP_UDP + PAYLOAD);
	ck_assert_int_eq(stat_of("unframed"), 3);
	ck_assert_int_eq(stat_of("copied"), 0);
	ck_assert_int_eq(stat_of("failed"), 0);
	/* The twin: frames are taken. */
	send_to("10.1.0.2", 2);
	ck_assert_int_eq(stat_of("copied"), 2);
	ck_assert_int_eq(stat_of("unframed"), 3);
	ms_proc_stop(microsegd);
}
END_TEST

static const struct device {
	const char *to; /* an address behind it */
	bool is_tun;
} devices[] = { { "10.1.0.2", false }, { "10.5.0.2", true } };

/* From whichever device: without a link header, and `snap` counts from the IP header on. */
START_TEST(a_tap_without_frames_takes_ip_packets)
{
	const char *to = devices[_i].to;
	ms_cleanup(ms_close_fd) int tun = open_tun("tun-a", "10.5.0.1/24");
	ms_cleanup(ms_close_fd) int tap = open_tun("ip0", "");

	ms_plugin_folder_start(microsegd, "plugins: { mirror: {} }\n");
	ms_ctl_wait_iface(microsegd, "tun-a", "protected");
	rule("to: ip0");
	send_to(to, 2);
	expect_datagram(tap, to, IP_UDP + PAYLOAD);
	expect_datagram(tap, to, IP_UDP + PAYLOAD);
	rule("to: ip0, snap: 60");
	send_to(to, 1);
	expect_datagram(tap, to, 60);
	if (devices[_i].is_tun)
		for (int i = 0; i < 3; i++)
			expect_datagram(tun, to, IP_UDP + PAYLOAD);
	ck_assert_int_eq(stat_of("copied"), 3);
	ck_assert_int_eq(stat_of("unframed"), 0);
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- what is only tried ---- */

struct sending {
	volatile uint64_t sent;
};

static void send_on(void *user)
{
	struct sending *sending = user;
	int fd = ms_traffic_udp(NULL, "10.1.0.2", 9000, 4000);

	for (;;) {
		if (send(fd, "x", 1, 0) == 1)
			sending->sent++;
		sched_yield();
	}
}

/* The folder of the plugin's pins has something else where the cutter's would be, so copies cannot
 * be shortened there. Those that are whole go on, packet by packet. */
START_TEST(a_policy_that_is_tried_takes_no_copies_away)
{
	struct sending *sending = mmap(NULL, sizeof(*sending), PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t sent;
	pid_t sender;

	ck_assert_ptr_ne(sending, MAP_FAILED);
	ms_plugin_folder_start(microsegd, "plugins: { mirror: {} }\n");
	rule("to: tap0");
	ms_netns_run_command("mkdir " MS_NETNS_BPFFS "/microseg/action-mirror/cut_%u",
			     if_nametoindex("tap0"));
	sender = ms_proc_fork(NULL, send_on, sending);
	write_rule("to: tap0, snap: 100");
	sent = sending->sent;
	for (int i = 0; i < 20; i++)
		ms_ctl_do(microsegd, "policy", "apply", "--dry-run", NULL);
	ck_assert_uint_gt(sending->sent - sent, 20);
	ms_proc_end(sender);
	ck_assert_int_gt(stat_of("copied"), 20);
	ck_assert_int_eq(stat_of("failed"), 0);
	/* In force it is a problem: whole ones were not asked for. */
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "status", "--check", NULL),
			 4);
	ck_assert_msg(strstr(text, "nothing is copied to tap0: its copies cannot be shortened"),
		      "%s", text);
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- an older kernel ---- */

/* It calls itself 2.6 for whoever asks from this process. */
static int check_on_older(void)
{
	ms_netns_read_command(text, sizeof(text),
			      "setarch --uname-2.6 " MS_TEST_BIN_DIR
			      "/microsegctl policy check -o json --plugin-dir " MS_PLUGIN_FOLDER
			      " %s/policy.d 2>&1; echo exit $?",
			      microsegd->dir);
	return strstr(text, "exit 0") ? 0 : 1;
}

static void expect_refused_with_its_place(void)
{
	ck_assert_msg(strstr(text, "'snap' needs kernel 6.6 or later") &&
			      strstr(text, "05-action.yaml") && strstr(text, "\"line\":4"),
		      "%s", text);
}

START_TEST(an_older_kernel_refuses_to_shorten_with_its_place)
{
	write_rule("to: tap0, snap: 100");
	ck_assert_int_eq(check_on_older(), 1);
	expect_refused_with_its_place();
	write_rule("to: tap0");
	ck_assert_msg(check_on_older() == 0, "%s", text);
}
END_TEST

static void expect_reload_refused(void)
{
	ck_assert_int_ne(ms_ctl_status(microsegd, text, sizeof(text), "reload", NULL), 0);
	expect_refused_with_its_place();
}

START_TEST(an_older_kernel_refuses_it_with_the_plugin_that_comes)
{
	/* A daemon refuses 2.6 itself. */
	setenv("LD_PRELOAD", MS_TEST_OLDER_KERNEL, 1);
	setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1);
	ms_plugin_folder_start(microsegd, "plugins: {}\n");
	ms_proc_write_config(microsegd, "plugins: { mirror: {} }\n");
	write_rule("to: tap0, snap: 100");
	expect_reload_refused();
	/* A rule that waits on its fallback for the plugin is none that was in force. */
	ms_proc_write_config(microsegd, "plugins: {}\n");
	ms_ctl_do(microsegd, "reload", NULL);
	ms_proc_write_config(microsegd, "plugins: { mirror: {} }\n");
	expect_reload_refused();
	ck_assert_int_eq(
		ms_ctl_status(microsegd, text, sizeof(text), "plugin", "load", "mirror", NULL), 1);
	ck_assert_msg(strstr(text, "'snap' needs kernel 6.6 or later"), "%s", text);
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "status", "--check", NULL),
			 4);
	ck_assert_msg(strstr(text, "rule u is on its fallback"), "%s", text);
	write_rule("to: tap0");
	ms_ctl_do(microsegd, "reload", NULL);
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/mirror");
	TCase *tcase = tcase_create("mirror");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, a_tap_of_frames_takes_none_from_a_device_without_them);
	tcase_add_loop_test(tcase, a_tap_without_frames_takes_ip_packets, 0,
			    (int)ms_array_size(devices));
	tcase_add_test(tcase, a_policy_that_is_tried_takes_no_copies_away);
	tcase_add_test(tcase, an_older_kernel_refuses_to_shorten_with_its_place);
	tcase_add_test(tcase, an_older_kernel_refuses_it_with_the_plugin_that_comes);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
