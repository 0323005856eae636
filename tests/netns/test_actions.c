/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Our own action plugins in a daemon, with clients that are real. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/cleanup.h"
#include "plugins/mirror/mirror.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"
#include "tests/harness/site.h"
#include "tests/harness/traffic.h"

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

static void setup(void)
{
	ms_plugin_folder_setup(microsegd, NULL);
}

/* A daemon with one plugin; rules may name its action. */
static void start(const char *plugin)
{
	char config[64];

	ms_plugin_folder_add(plugin);
	snprintf(config, sizeof(config), "plugins: { %s: {} }\n", plugin);
	ms_plugin_folder_start(microsegd, config);
}

/* One more rule in front of everything for port 80, and for datagrams to port 9000. */
static void rule(const char *action)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "version: 1\nrules:\n"
		 "  - { id: r, dir: in, proto: tcp, dport: 80, fallback: deny, action: %s }\n"
		 "  - { id: u, dir: in, proto: udp, dport: 9000, fallback: deny, action: %s }\n",
		 action, action);
	ms_proc_write_policy(microsegd, "05-action.yaml", text);
	ms_ctl_do(microsegd, "policy", "apply", NULL);
}

static json_int_t stat_of(const char *plugin, const char *name)
{
	json_auto_t *lines = ms_ctl(microsegd, "plugin", "show", plugin, NULL);
	json_t *number = ms_ctl_find(lines, "stats", "name", name);

	return number ? json_integer_value(json_object_get(number, "value")) : -1;
}

/* `what` is bytes or packets. */
static uint64_t received_by(const char *ifname, const char *what)
{
	char text[32];

	return strtoull(ms_netns_read_command(text, sizeof(text),
					      "ip -s -j link show dev %s | jq .[0].stats64.rx.%s",
					      ifname, what),
			NULL, 10);
}

/* Datagrams of `size` bytes to port 9000 of "a", where somebody listens; returns the traffic class
 * (RFC 2474) of the last one as it came. */
static int send_datagrams(unsigned int count, size_t size)
{
	ms_cleanup(ms_close_fd) int there = ms_traffic_udp("a", "10.1.0.1", 4000, 9000);
	ms_cleanup(ms_close_fd) int here = ms_traffic_udp(NULL, "10.1.0.2", 9000, 4000);
	struct pollfd ready = { .fd = there, .events = POLLIN };
	char payload[1400] = { 0 }, control[CMSG_SPACE(1)];
	struct iovec data = { payload, sizeof(payload) };
	struct msghdr message = { 0 };
	int on = 1;

	ck_assert_int_eq(setsockopt(there, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on)), 0);
	for (; count; count--) {
		ck_assert_int_eq(send(here, payload, size, 0), (int)size);
		ck_assert_int_eq(poll(&ready, 1, MS_SITE_SOON), 1);
		message = (struct msghdr) { .msg_iov = &data,
					    .msg_iovlen = 1,
					    .msg_control = control,
					    .msg_controllen = sizeof(control) };
		ck_assert_int_eq(recvmsg(there, &message, 0), (int)size);
	}
	ck_assert_ptr_nonnull(CMSG_FIRSTHDR(&message));
	return *(const uint8_t *)CMSG_DATA(CMSG_FIRSTHDR(&message));
}

START_TEST(a_rejected_client_is_refused_at_once)
{
	start("reject");
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_SOON), 0);
	rule("[reject, deny]");
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_SOON), -ECONNREFUSED);
	/* The twin: denied without an answer. */
	rule("deny");
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_GONE), -ETIMEDOUT);
	ms_proc_stop(microsegd);
}
END_TEST

/* What a live connection hears, `ms` after it said something: -errno. */
static int hear(int fd, int ms)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	char byte = 1;

	ck_assert_int_eq(send(fd, &byte, 1, MSG_NOSIGNAL), 1);
	if (poll(&ready, 1, ms) == 0)
		return -ETIMEDOUT;
	return recv(fd, &byte, 1, 0) < 0 ? -errno : 0;
}

/* The answer comes back through the session that has just been denied. */
START_TEST(a_live_connection_is_reset)
{
	ms_cleanup(ms_close_fd) int fd = -1;
	ms_cleanup(ms_close_fd) int other = -1;

	start("reject");
	fd = ms_traffic_connect(NULL, "10.1.0.2", 80, MS_SITE_SOON);
	other = ms_traffic_connect(NULL, "10.1.0.2", 80, MS_SITE_SOON);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_ge(other, 0);
	/* The twin: denied without an answer. */
	rule("deny");
	ck_assert_int_eq(hear(fd, MS_SITE_GONE), -ETIMEDOUT);
	rule("[reject, deny]");
	ck_assert_int_eq(hear(other, MS_SITE_SOON), -ECONNRESET);
	ck_assert_int_eq(stat_of("reject", "unanswered"), 0);
	ms_proc_stop(microsegd);
}
END_TEST

static void rule_out(const char *action)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "version: 1\nrules:\n"
		 "  - { id: o, dir: out, proto: tcp, dport: 82, fallback: deny, action: %s }\n",
		 action);
	ms_proc_write_policy(microsegd, "05-action.yaml", text);
	ms_ctl_do(microsegd, "policy", "apply", NULL);
}

/* The other direction, where the answer goes back into the link it came from. */
START_TEST(a_workload_is_refused_at_once)
{
	pid_t server = ms_traffic_server(NULL, 82);

	start("reject");
	ck_assert_int_eq(ms_traffic_reach("a", "10.1.0.1", 82, MS_SITE_SOON), 0);
	rule_out("[reject, deny]");
	ck_assert_int_eq(ms_traffic_reach("a", "10.1.0.1", 82, MS_SITE_SOON), -ECONNREFUSED);
	ck_assert_int_eq(stat_of("reject", "answered"), 1);
	rule_out("deny");
	ck_assert_int_eq(ms_traffic_reach("a", "10.1.0.1", 82, MS_SITE_GONE), -ETIMEDOUT);
	ck_assert_int_eq(stat_of("reject", "answered"), 1);
	ms_proc_end(server);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(what_is_over_the_rate_does_not_arrive)
{
	start("ratelimit");
	/* One byte a second: the first packet fits a full bucket, the next one has to wait for it.
	 */
	rule("[{ ratelimit: { bytes: 1, burst: 1 } }, allow]");
	ck_assert_int_ne(ms_site_reach(80, MS_SITE_GONE), 0);
	ck_assert_int_gt(stat_of("ratelimit", "excess"), 0);
	ck_assert_int_eq(stat_of("ratelimit", "within"), 1);
	rule("[{ ratelimit: { pps: 100000, burst: 1000 } }, allow]");
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_SOON), 0);
	ms_proc_stop(microsegd);
}
END_TEST

/* A byte a second: for a minute what one packet has taken is not there again. */
START_TEST(what_was_taken_from_a_rate_stays_taken_over_the_daemons_end)
{
	start("ratelimit");
	rule("[{ ratelimit: { bytes: 1, burst: 1 } }, allow]");
	ck_assert_int_ne(ms_site_reach(80, MS_SITE_GONE), 0);
	ck_assert_int_eq(stat_of("ratelimit", "within"), 1);
	ms_proc_kill(microsegd);
	ms_plugin_folder_start(microsegd, NULL);
	ck_assert_int_ne(ms_site_reach(80, MS_SITE_GONE), 0);
	ck_assert_int_eq(stat_of("ratelimit", "within"), 1);
	ms_proc_stop(microsegd);
}
END_TEST

/* A request and its answer, each of full size and of the rule's. */
START_TEST(a_slow_rate_lets_an_exchange_through)
{
	static const char *const arguments[] = { "pps: 1", "bytes: 1000", "pps: 1, burst: 1",
						 "bytes: 1000, burst: 1500" };
	char text[512];

	snprintf(text, sizeof(text),
		 "version: 1\nrules:\n  - { id: p, dir: in, proto: icmp, fallback: deny,\n"
		 "      action: [{ ratelimit: { %s } }, allow] }\n",
		 arguments[_i]);
	start("ratelimit");
	ms_proc_write_policy(microsegd, "05-action.yaml", text);
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	ms_netns_run_command("%s ping -q -c 1 -W 1 -s 1400 10.1.0.2 > /dev/null",
			     _i < 2 ? "" : "!");
	ck_assert_int_eq(stat_of("ratelimit", "within"), _i < 2 ? 2 : 1);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(a_mark_arrives)
{
	start("mark");
	rule("allow");
	ck_assert_int_eq(send_datagrams(1, 100), 0);
	rule("[{ mark: { dscp: ef } }, allow]");
	ck_assert_int_eq(send_datagrams(1, 100), 46 << 2);
	/* By each name that a rule may ask for. */
	rule("[{ mark: { dscp: lephb } }, allow]");
	ck_assert_int_eq(send_datagrams(1, 100), 1 << 2);
	rule("[{ mark: { dscp: cs7 } }, { mark: { dscp: be } }, allow]");
	ck_assert_int_eq(send_datagrams(1, 100), 0);
	rule("[{ mark: { dscp: cs7 } }, { mark: { dscp: df } }, allow]");
	ck_assert_int_eq(send_datagrams(1, 100), 0);
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- without the daemon ---- */

static void start_again(void)
{
	ms_plugin_folder_start(microsegd, NULL);
}

/* As send_datagrams(), for those that need not arrive. They have been judged when this returns: the
 * hook is on the sender's way. */
static void send_unheard(unsigned int count, size_t size)
{
	ms_cleanup(ms_close_fd) int there = ms_traffic_udp("a", "10.1.0.1", 4000, 9000);
	ms_cleanup(ms_close_fd) int here = ms_traffic_udp(NULL, "10.1.0.2", 9000, 4000);
	char payload[1400] = { 0 };

	ck_assert_int_ge(there, 0);
	for (; count; count--)
		ck_assert_int_eq(send(here, payload, size, 0), (int)size);
}

/* A byte a second, so that nothing comes back within the test: five of 128 bytes fit. */
START_TEST(a_rate_is_kept_and_counted_without_the_daemon)
{
	start("ratelimit");
	rule("[{ ratelimit: { bytes: 1, burst: 640 } }, allow]");
	send_unheard(2, 100);
	ck_assert_int_eq(stat_of("ratelimit", "within"), 2);
	ms_proc_kill(microsegd);
	send_unheard(8, 100);
	start_again();
	ck_assert_int_eq(stat_of("ratelimit", "within"), 5);
	ck_assert_int_eq(stat_of("ratelimit", "excess"), 5);
	send_unheard(4, 100);
	ck_assert_int_eq(stat_of("ratelimit", "within"), 5);
	ck_assert_int_eq(stat_of("ratelimit", "excess"), 9);
	ck_assert_int_eq(ms_ctl_rule_packets(microsegd, "u"), 14);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(a_mark_is_set_without_the_daemon)
{
	start("mark");
	rule("[{ mark: { dscp: ef } }, allow]");
	ms_proc_kill(microsegd);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(send_datagrams(1, 100), 46 << 2);
	start_again();
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(send_datagrams(1, 100), 46 << 2);
	ck_assert_int_eq(ms_ctl_rule_packets(microsegd, "u"), 5);
	/* The next daemon's word counts, too. */
	rule("[{ mark: { dscp: le } }, allow]");
	ck_assert_int_eq(send_datagrams(1, 100), 1 << 2);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(a_rejection_is_sent_without_the_daemon)
{
	start("reject");
	rule("[reject, deny]");
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_SOON), -ECONNREFUSED);
	ms_proc_kill(microsegd);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(ms_site_reach(80, MS_SITE_SOON), -ECONNREFUSED);
	start_again();
	ck_assert_int_eq(stat_of("reject", "answered"), 4);
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_SOON), -ECONNREFUSED);
	ck_assert_int_eq(stat_of("reject", "answered"), 5);
	/* Those and their answers. */
	ck_assert_int_eq(ms_ctl_rule_packets(microsegd, "r"), 10);
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- mirror ---- */

START_TEST(copies_are_as_long_as_the_rule_says)
{
	uint64_t bytes, packets;

	ms_netns_tap();
	start("mirror");
	rule("[{ mirror: { to: tap0 } }, allow]");
	bytes = received_by("tap1", "bytes");
	send_datagrams(10, 1000);
	ck_assert_uint_eq(received_by("tap1", "bytes") - bytes, 10 * (14 + 28 + 1000));
	rule("[{ mirror: { to: tap0, snap: 100 } }, allow]");
	bytes = received_by("tap1", "bytes");
	packets = received_by("tap1", "packets");
	send_datagrams(10, 1000);
	ck_assert_uint_eq(received_by("tap1", "packets") - packets, 10);
	ck_assert_uint_eq(received_by("tap1", "bytes") - bytes, 10 * 100);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(one_in_so_many_is_copied)
{
	ms_netns_tap();
	start("mirror");
	rule("[{ mirror: { to: tap0, one_in: 2 } }, allow]");
	send_datagrams(400, 100);
	/* 200, give or take ten standard deviations. */
	ck_assert_int_ge(stat_of("mirror", "copied"), 100);
	ck_assert_int_le(stat_of("mirror", "copied"), 300);
	ms_proc_stop(microsegd);
}
END_TEST

/* Its copies would be judged, and copied, without an end. */
START_TEST(a_protected_interface_is_no_tap)
{
	start("mirror");
	rule("[{ mirror: { to: veth-a } }, allow]");
	send_datagrams(10, 100);
	ck_assert_int_eq(stat_of("mirror", "copied"), 0);
	ck_assert_int_eq(stat_of("mirror", "failed"), 10);
	ck_assert_int_eq(ms_ctl_rule_packets(microsegd, "u"), 10);
	ck_assert(ms_proc_logged(microsegd, "nothing is copied to veth-a: it is protected itself"));
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(copies_follow_the_name_of_their_interface)
{
	uint64_t before;

	start("mirror");
	rule("[{ mirror: { to: tap0 } }, allow]");
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_SOON), 0);
	ck_assert_int_gt(stat_of("mirror", "failed"), 0);
	ck_assert_int_eq(stat_of("mirror", "copied"), 0);
	/* It appears while the daemon runs, without an address of its own. */
	ms_netns_tap();
	ms_ctl_do(microsegd, "status", NULL); /* the loop has been round */
	before = received_by("tap1", "packets");
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_SOON), 0);
	ck_assert_int_gt(stat_of("mirror", "copied"), 0);
	ck_assert_uint_eq(received_by("tap1", "packets") - before,
			  (uint64_t)stat_of("mirror", "copied"));
	/* And goes: the packets themselves do not mind. */
	ms_netns_run_command("ip link del tap0");
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_SOON), 0);
	ms_proc_stop(microsegd);
}
END_TEST

struct wanted {
	int code;         /* of status --check */
	const char *says; /* in its problems */
};

static bool status_is(void *user)
{
	const struct wanted *wanted = user;
	char text[4096];

	return ms_ctl_status(microsegd, text, sizeof(text), "status", "--check", NULL) ==
		       wanted->code &&
	       strstr(text, wanted->says);
}

static void expect_problem(const char *says)
{
	struct wanted wanted = { .code = 4, .says = says };

	ck_assert_msg(ms_netns_wait(status_is, &wanted, 10), "status does not say: %s", says);
}

static void expect_no_problem(void)
{
	struct wanted wanted = { .says = "" };

	ck_assert_msg(ms_netns_wait(status_is, &wanted, 10), "status has a problem");
}

START_TEST(a_tap_that_takes_nothing_is_a_problem)
{
	ms_netns_tap();
	start("mirror");
	rule("[{ mirror: { to: tap0 } }, allow]");
	expect_no_problem();
	ms_netns_run_command("ip link set tap0 down");
	expect_problem("plugin mirror: nothing is copied to tap0: it is down (since ");
	{
		json_auto_t *lines = ms_ctl(microsegd, "plugin", "show", "mirror", NULL);
		json_t *entry = json_object_get(json_array_get(lines, 0), "entry");

		ck_assert_str_eq(ms_ctl_text(entry, "state"), "loaded");
		ck_assert_str_eq(ms_ctl_text(entry, "reason"),
				 "nothing is copied to tap0: it is down");
	}
	ms_netns_run_command("ip link set tap0 up");
	expect_no_problem();
	ms_netns_run_command("ip link set tap1 down");
	expect_problem("nothing is copied to tap0: it has no carrier");
	ms_netns_run_command("ip link del tap0");
	expect_problem("nothing is copied to tap0: there is no such interface");
	/* Two of them; then neither is wanted any more. */
	ms_proc_write_policy(microsegd, "06-more.yaml",
			     "version: 1\nrules:\n  - { id: more, dir: in, proto: tcp, dport: 81, "
			     "fallback: deny, action: [{ mirror: tap7 }, allow] }\n");
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	expect_problem("there is no such interface (interfaces without copies: 2)");
	ms_proc_write_policy(microsegd, "06-more.yaml", "version: 1\n");
	rule("allow");
	expect_no_problem();
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- places for taps ---- */

/* `count` rules that copy to interfaces called PREFIX and a number, none of which there is. */
static void write_taps(const char *prefix, unsigned int count)
{
	static char text[16384];
	size_t at = (size_t)snprintf(text, sizeof(text), "version: 1\nrules:\n");

	for (unsigned int i = 0; i < count; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at,
				       "  - { id: %s/%u, dir: in, proto: udp, dport: %u, fallback: "
				       "deny, action: [{ mirror: %s%u }, allow] }\n",
				       prefix, i, 20000 + i, prefix, i);
	ck_assert_uint_lt(at, sizeof(text));
	ms_proc_write_policy(microsegd, "05-action.yaml", text);
}

static int try_taps(const char *prefix, unsigned int count, const char *dry_run)
{
	char answer[4096];

	write_taps(prefix, count);
	return ms_ctl_status(microsegd, answer, sizeof(answer), "policy", "apply", dry_run, NULL);
}

static bool has_names(void *user)
{
	char text[16];

	return strcmp(ms_netns_read_command(text, sizeof(text),
					    "bpftool -j map dump pinned $(find " MS_NETNS_BPFFS
					    " -path '*/action-mirror/taps') | jq length"),
		      user) == 0;
}

START_TEST(what_no_rule_copies_to_has_no_place)
{
	start("mirror");
	for (unsigned int i = 0; i < 5; i++) {
		char prefix[8];

		snprintf(prefix, sizeof(prefix), "t%u-", i);
		ck_assert_int_eq(try_taps(prefix, MIRROR_TAPS, NULL), 0);
		/* What is only tried takes none either. */
		snprintf(prefix, sizeof(prefix), "d%u-", i);
		ck_assert_int_eq(try_taps(prefix, MIRROR_TAPS, "--dry-run"), 0);
	}
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(one_policy_has_so_many_taps)
{
	char answer[4096], file[256];

	start("mirror");
	snprintf(file, sizeof(file), "%s/policy.d/05-action.yaml", microsegd->dir);
	for (int i = 0; i < 2; i++) {
		write_taps("many", MIRROR_TAPS + 1);
		ck_assert_int_eq(ms_ctl_status(microsegd, answer, sizeof(answer), "policy",
					       i ? "apply" : "check", i ? NULL : "--plugin-dir",
					       MS_PLUGIN_FOLDER, file, NULL),
				 1);
		ck_assert_msg(strstr(answer, "the rules name more than 64 interfaces to copy to: "
					     "'many64' is one too many") &&
				      strstr(answer, "05-action.yaml") &&
				      strstr(answer, "\"line\":67"),
			      "%s", answer);
	}
	/* The twin. */
	ck_assert_int_eq(try_taps("many", MIRROR_TAPS, NULL), 0);
	ms_proc_stop(microsegd);
}
END_TEST

/* The name of a tap goes with the last rule that names it, also over the daemon's end. */
START_TEST(a_tap_that_is_named_no_more_is_forgotten)
{
	ms_netns_tap();
	start("mirror");
	rule("[{ mirror: { to: tap0, snap: 100 } }, allow]");
	ck_assert(ms_netns_wait(has_names, (void *)"1", 10));
	rule("allow");
	ck_assert(ms_netns_wait(has_names, (void *)"0", 10));
	rule("[{ mirror: tap0 }, allow]");
	send_datagrams(10, 1000);
	ck_assert_int_eq(stat_of("mirror", "copied"), 10);
	ms_proc_kill(microsegd);
	ms_proc_write_policy(microsegd, "05-action.yaml", "version: 1\n");
	start_again();
	ck_assert(ms_netns_wait(has_names, (void *)"0", 10));
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/actions");
	TCase *tcase = tcase_create("actions");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, a_rejected_client_is_refused_at_once);
	tcase_add_test(tcase, a_live_connection_is_reset);
	tcase_add_test(tcase, a_workload_is_refused_at_once);
	tcase_add_test(tcase, what_is_over_the_rate_does_not_arrive);
	tcase_add_test(tcase, what_was_taken_from_a_rate_stays_taken_over_the_daemons_end);
	tcase_add_loop_test(tcase, a_slow_rate_lets_an_exchange_through, 0, 4);
	tcase_add_test(tcase, a_mark_arrives);
	tcase_add_test(tcase, a_rate_is_kept_and_counted_without_the_daemon);
	tcase_add_test(tcase, a_mark_is_set_without_the_daemon);
	tcase_add_test(tcase, a_rejection_is_sent_without_the_daemon);
	tcase_add_test(tcase, copies_are_as_long_as_the_rule_says);
	tcase_add_test(tcase, one_in_so_many_is_copied);
	tcase_add_test(tcase, a_protected_interface_is_no_tap);
	tcase_add_test(tcase, copies_follow_the_name_of_their_interface);
	tcase_add_test(tcase, a_tap_that_takes_nothing_is_a_problem);
	tcase_add_test(tcase, what_no_rule_copies_to_has_no_place);
	tcase_add_test(tcase, one_policy_has_so_many_taps);
	tcase_add_test(tcase, a_tap_that_is_named_no_more_is_forgotten);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
