/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a tap of the plugin mirror gets where not every device has Ethernet frames, how short copies
 * of what this machine sends can be, and what a policy that is only tried does to them. Plain
 * copies are in test_actions.c, and what sits on a tap for short ones before kernel 6.6 in
 * test_mirror_filter.c.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/udp.h>
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
#include "plugins/mirror/mirror.h"
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
	ms_netns_tap();
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

/* ---- short copies ---- */

/* Frames of a tap, as they came. */
struct frames {
	int fd;
	unsigned int count;
	size_t longest; /* of them */
};

static struct frames watch_tap(const char *name)
{
	struct frames frames = { .fd = ms_traffic_raw(NULL, name) };
	int room = 64 << 20;

	ck_assert_int_eq(setsockopt(frames.fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)), 0);
	/* Until it was bound it heard others, too. */
	while (recv(frames.fd, NULL, 0, MSG_DONTWAIT) >= 0)
		;
	return frames;
}

static void take_frames(struct frames *frames)
{
	ssize_t size;

	while ((size = recv(frames->fd, NULL, 0, MSG_TRUNC | MSG_DONTWAIT)) > 0) {
		frames->count++;
		frames->longest = (size_t)size > frames->longest ? (size_t)size : frames->longest;
	}
	ck_assert_int_eq(errno, EAGAIN);
}

struct taps {
	struct frames cut, whole;
};

static bool are_all_there(void *user)
{
	struct taps *taps = user;
	json_int_t copied = stat_of("copied");

	take_frames(&taps->cut);
	take_frames(&taps->whole);
	return taps->cut.count + taps->whole.count == copied &&
	       taps->cut.count == taps->whole.count;
}

/* Small ones, and trains that the kernel has not cut into packets yet, both ways. */
static void talk(const char *address, int protocol)
{
	static char payload[60000];
	ms_cleanup(ms_close_fd) int fd = -1;
	int segment = 1000;

	if (protocol == IPPROTO_TCP) {
		ck_assert_int_eq(ms_traffic_get(NULL, address, 9000, MS_SITE_SOON),
				 MS_TRAFFIC_ANSWER);
		fd = ms_traffic_connect(NULL, address, 9000, MS_SITE_SOON);
		ck_assert_int_ge(fd, 0);
		ck_assert_int_gt(send(fd, payload, sizeof(payload), MSG_NOSIGNAL), 3000);
		return;
	}
	fd = ms_traffic_udp(NULL, address, 9000, 0);
	ck_assert_int_eq(ms_traffic_echo(fd, 1, MS_SITE_SOON), 0);
	ck_assert_int_eq(send(fd, payload, PAYLOAD, 0), PAYLOAD);
	ck_assert_int_eq(setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)), 0);
	ck_assert_int_eq(send(fd, payload, 10 * segment, 0), 10 * segment);
}

/* To two taps: shortened, and whole. */
static void copy_short(unsigned int snap)
{
	ms_netns_run_command("ip link add whole0 type veth peer name whole1; "
			     "ip link set whole1 up; ip link set whole0 up; "
			     "sysctl -qw net.ipv6.conf.default.disable_ipv6=0");
	ms_netns_add("b");
	ms_netns_veth("veth-b", "b", "10.2.0.", "fd02::");
	ms_traffic_server("b", 9000);
	ms_plugin_folder_start(microsegd, "plugins: { mirror: {} }\n");
	ms_ctl_wait_iface(microsegd, "veth-b", "protected");
	snprintf(text, sizeof(text),
		 "version: 1\nrules:\n"
		 "  - { id: s, proto: [tcp, udp], dport: 9000, fallback: deny, action:\n"
		 "      [{ mirror: { to: tap0, snap: %u } }, { mirror: whole0 }, allow] }\n",
		 snap);
	ms_proc_write_policy(microsegd, "05-action.yaml", text);
	ms_ctl_do(microsegd, "policy", "apply", NULL);
}

static const struct {
	const char *to;
	int protocol;
	size_t headers; /* to the end of the checksum, behind which a copy may end */
} talks[] = {
	{ "10.2.0.2", IPPROTO_TCP, 14 + 20 + 18 },
	{ "10.2.0.2", IPPROTO_UDP, 14 + 20 + 8 },
	{ "fd02::2", IPPROTO_TCP, 14 + 40 + 18 },
	{ "fd02::2", IPPROTO_UDP, 14 + 40 + 8 },
};
static const unsigned int snaps[] = { 14, 15, 64 };
#define SNAPS ((int)ms_array_size(snaps))

/* What this machine or a container sends has its checksum still to be filled in. */
START_TEST(a_copy_is_no_longer_than_asked_for_or_than_its_headers)
{
	size_t headers = talks[_i / SNAPS].headers, snap = snaps[_i % SNAPS];
	struct taps taps;

	copy_short((unsigned int)snap);
	taps = (struct taps) { .cut = watch_tap("tap1"), .whole = watch_tap("whole1") };
	talk(talks[_i / SNAPS].to, talks[_i / SNAPS].protocol);
	ck_assert_msg(ms_netns_wait(are_all_there, &taps, 10), "%u and %u of %" JSON_INTEGER_FORMAT,
		      taps.cut.count, taps.whole.count, stat_of("copied"));
	ck_assert_uint_gt(taps.whole.longest, 3000);
	ck_assert_uint_eq(taps.cut.longest, snap > headers ? snap : headers);
	ck_assert_int_eq(stat_of("failed"), 0);
	ms_proc_stop(microsegd);
}
END_TEST

#define OPTIONS 256 /* bytes of them in front of TCP */

static bool has_failed(void *user)
{
	(void)user;
	return stat_of("failed") > 0;
}

/* Whole it would be more than was asked for. */
START_TEST(what_has_its_headers_too_deep_in_is_not_copied)
{
	ms_cleanup(ms_close_fd) int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(9000) };
	uint8_t options[OPTIONS] = { [1] = OPTIONS / 8 - 1, [2] = 0x1e, [3] = OPTIONS - 4 };
	struct taps taps;

	copy_short(64);
	taps = (struct taps) { .cut = watch_tap("tap1"), .whole = watch_tap("whole1") };
	ck_assert_int_eq(inet_pton(AF_INET6, "fd02::2", &to.sin6_addr), 1);
	ck_assert_int_eq(setsockopt(fd, IPPROTO_IPV6, IPV6_DSTOPTS, options, sizeof(options)), 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), -1);
	ck_assert_int_eq(errno, EINPROGRESS);
	ck_assert(ms_netns_wait(has_failed, NULL, 10));
	take_frames(&taps.cut);
	take_frames(&taps.whole);
	ck_assert_uint_gt(taps.whole.longest, MIRROR_HEADERS);
	ck_assert_uint_le(taps.cut.longest, 14 + 40 + 18); /* an answer */
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- without the daemon ---- */

static bool are_five(void *user)
{
	struct frames *frames = user;

	take_frames(frames);
	return frames->count == 5;
}

START_TEST(copies_go_on_as_they_were_without_the_daemon)
{
	struct frames frames;

	ms_plugin_folder_start(microsegd, "plugins: { mirror: {} }\n");
	rule("to: tap0, snap: 100");
	send_to("10.1.0.2", 2);
	ck_assert_int_eq(stat_of("copied"), 2);
	ms_proc_kill(microsegd);
	frames = watch_tap("tap1");
	send_to("10.1.0.2", 5);
	ck_assert_msg(ms_netns_wait(are_five, &frames, 10), "%u copies", frames.count);
	ck_assert_uint_eq(frames.longest, 100);
	ms_plugin_folder_start(microsegd, NULL);
	ck_assert_int_eq(stat_of("copied"), 7);
	send_to("10.1.0.2", 3);
	ck_assert_int_eq(stat_of("copied"), 10);
	ck_assert_int_eq(stat_of("failed"), 0);
	ck_assert_int_eq(ms_ctl_rule_packets(microsegd, "u"), 10);
	ms_proc_stop(microsegd);
}
END_TEST

/* Pins of what shortens copies. */
static unsigned int count_pins(void)
{
	ms_netns_read_command(text, sizeof(text),
			      "ls " MS_NETNS_BPFFS "/microseg/action-mirror | grep -c _%u || :",
			      if_nametoindex("tap0"));
	return (unsigned int)atoi(text);
}

START_TEST(what_shortens_goes_with_the_plugin)
{
	ms_plugin_folder_start(microsegd, "plugins: { mirror: {} }\n");
	rule("to: tap0, snap: 100");
	ck_assert_uint_eq(count_pins(), 1);
	ms_proc_write_config(microsegd, "plugins: {}\n");
	ms_proc_write_policy(microsegd, "05-action.yaml", "version: 1\n");
	ms_ctl_do(microsegd, "reload", NULL);
	ck_assert_uint_eq(count_pins(), 0);
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

/* The folder of the plugin's pins has something else where the cutter's would be, whichever way it
 * is put there, so copies cannot be shortened. Those that are whole go on, packet by packet. */
START_TEST(a_policy_that_is_tried_takes_no_copies_away)
{
	struct sending *sending = mmap(NULL, sizeof(*sending), PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t sent;
	pid_t sender;

	ck_assert_ptr_ne(sending, MAP_FAILED);
	ms_plugin_folder_start(microsegd, "plugins: { mirror: {} }\n");
	rule("to: tap0");
	ms_netns_run_command("cd " MS_NETNS_BPFFS "/microseg/action-mirror; mkdir cut_%u filter_%u",
			     if_nametoindex("tap0"), if_nametoindex("tap0"));
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

int main(void)
{
	Suite *suite = suite_create("netns/mirror");
	TCase *tcase = tcase_create("mirror");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, a_tap_of_frames_takes_none_from_a_device_without_them);
	tcase_add_loop_test(tcase, a_tap_without_frames_takes_ip_packets, 0,
			    (int)ms_array_size(devices));
	tcase_add_loop_test(tcase, a_copy_is_no_longer_than_asked_for_or_than_its_headers, 0,
			    (int)ms_array_size(talks) * SNAPS);
	tcase_add_test(tcase, what_has_its_headers_too_deep_in_is_not_copied);
	tcase_add_test(tcase, copies_go_on_as_they_were_without_the_daemon);
	tcase_add_test(tcase, what_shortens_goes_with_the_plugin);
	tcase_add_test(tcase, a_policy_that_is_tried_takes_no_copies_away);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
