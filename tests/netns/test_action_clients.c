/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What actions do as others see it: what a refused client's own calls say, where the kernel routes
 * a marked packet, what nft counts of it, and how much of a paced stream comes through a rate.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"
#include "tests/harness/site.h"
#include "tests/harness/traffic.h"

#define NS 1000000000ull

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

static void setup(void)
{
	ms_plugin_folder_setup(microsegd, NULL);
	/* The link's other family. */
	ms_netns_run_command("ip addr add fd01::1/64 dev veth-a nodad && "
			     "ip -n a addr add fd01::2/64 dev eth0 nodad");
}

/* `rule` is what is in the rule beside its id, action and fallback; NULL = there is none. */
static void put_rule(const char *rule, const char *action)
{
	char text[512] = "version: 1\n";

	if (rule)
		snprintf(text, sizeof(text),
			 "version: 1\nrules:\n"
			 "  - { id: r, %s, fallback: deny, action: %s }\n",
			 rule, action);
	ms_proc_write_policy(microsegd, "05-action.yaml", text);
	ms_ctl_do(microsegd, "policy", "apply", NULL);
}

static void start(const char *plugin)
{
	char config[64];

	ms_plugin_folder_add(plugin);
	snprintf(config, sizeof(config), "plugins: { %s: {} }\n", plugin);
	ms_plugin_folder_start(microsegd, config);
}

static json_int_t stat_of(const char *plugin, const char *name)
{
	json_auto_t *lines = ms_ctl(microsegd, "plugin", "show", plugin, NULL);
	json_t *number = ms_ctl_find(lines, "stats", "name", name);

	ck_assert_ptr_nonnull(number);
	return json_integer_value(json_object_get(number, "value"));
}

/* ---- reject ---- */

static const struct client {
	const char *ns, *address, *dir;
	int tcp, udp; /* errno that connect() has, and recv() behind a datagram */
} clients[] = {
	{ NULL, "10.1.0.2", "in", ECONNREFUSED, EHOSTUNREACH },
	{ NULL, "fd01::2", "in", ECONNREFUSED, EACCES },
	{ "a", "10.1.0.1", "out", ECONNREFUSED, EHOSTUNREACH },
	{ "a", "fd01::1", "out", ECONNREFUSED, EACCES },
};

/* errno that an unreachable peer leaves on a connected datagram socket, ETIMEDOUT = none. */
static int ask_by_udp(const struct client *client, int ms)
{
	ms_cleanup(ms_close_fd) int fd = ms_traffic_udp(client->ns, client->address, 82, 0);
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	char byte = 'x';

	ck_assert_int_eq(send(fd, &byte, 1, 0), 1);
	if (poll(&ready, 1, ms) == 0)
		return ETIMEDOUT;
	return recv(fd, &byte, 1, 0) < 0 ? errno : 0;
}

START_TEST(a_client_is_told_by_its_own_calls)
{
	const struct client *client = &clients[_i];
	char rule[64];

	/* In both places: who is asked is one of the two. */
	ms_traffic_server(NULL, 82);
	ms_traffic_server("a", 82);
	start("reject");
	/* The twins: allowed, and denied without an answer. */
	ck_assert_int_eq(ms_traffic_reach(client->ns, client->address, 82, MS_SITE_SOON), 0);
	ck_assert_int_eq(ask_by_udp(client, MS_SITE_SOON), 0);
	snprintf(rule, sizeof(rule), "dir: %s, proto: [tcp, udp], dport: 82", client->dir);
	put_rule(rule, "deny");
	ck_assert_int_eq(ms_traffic_reach(client->ns, client->address, 82, MS_SITE_GONE),
			 -ETIMEDOUT);
	ck_assert_int_eq(ask_by_udp(client, MS_SITE_GONE), ETIMEDOUT);
	ck_assert_int_eq(stat_of("reject", "answered"), 0);
	put_rule(rule, "[reject, deny]");
	ck_assert_int_eq(ms_traffic_reach(client->ns, client->address, 82, MS_SITE_SOON),
			 -client->tcp);
	ck_assert_int_eq(ask_by_udp(client, MS_SITE_SOON), client->udp);
	ck_assert_int_eq(stat_of("reject", "answered"), 2);
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- what is rejected under a default that denies ---- */

/* What the group says of the one way and of the other. */
static const struct {
	const char *in, *out;
} closed[] = { { "deny", "allow" }, { "deny", "deny" } };

static void close_by_default(int i)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "version: 1\ngroups:\n"
		 "  - { name: work, match: { name: \"veth-*\" }, default: { in: %s, out: %s } }\n",
		 closed[i].in, closed[i].out);
	ms_proc_write_policy(microsegd, "10-test.yaml", text);
}

static bool is_out(const struct client *client)
{
	return strcmp(client->dir, "out") == 0;
}

/* Packets on their way to the client that were denied. */
static json_int_t denied_back(const struct client *client)
{
	json_auto_t *iface = ms_ctl_iface(microsegd, "veth-a");

	return ms_ctl_int(iface, is_out(client) ? "in_dropped_packets" : "out_dropped_packets");
}

static void reject_them(const struct client *client, const char *action)
{
	char rule[80];

	snprintf(rule, sizeof(rule), "dir: %s, proto: [tcp, udp], dport: 82, log: true",
		 client->dir);
	put_rule(rule, action);
}

static int ask_by_tcp(const struct client *client, unsigned int ms)
{
	return -ms_traffic_reach(client->ns, client->address, 82, ms);
}

START_TEST(a_client_is_told_where_all_else_is_closed)
{
	const struct client *client = &clients[_i / (int)ms_array_size(closed)];
	int policy = _i % (int)ms_array_size(closed);
	const char *by_default = is_out(client) ? closed[policy].out : closed[policy].in;
	json_auto_t *denied = NULL;
	json_auto_t *answer = NULL;
	char author[32];

	ms_traffic_server(NULL, 82);
	ms_traffic_server("a", 82);
	close_by_default(policy);
	start("reject");
	reject_them(client, "[reject, deny]");
	ck_assert_int_eq(ask_by_tcp(client, MS_SITE_SOON), client->tcp);
	ck_assert_int_eq(ask_by_udp(client, MS_SITE_SOON), client->udp);
	ck_assert_int_eq(stat_of("reject", "answered"), 2);
	/* Both are of the rule, the packet and what answered it. */
	ck_assert_int_eq(ms_ctl_rule_packets(microsegd, "r"), 4);
	ck_assert_int_eq(denied_back(client), 0);
	answer = ms_ctl_event_for(microsegd, "r", "allow", "action");
	ck_assert_str_eq(ms_ctl_text(answer, "dir"), is_out(client) ? "in" : "out");
	/* The twins: denied without an answer, and without the rule. */
	reject_them(client, "deny");
	ck_assert_int_eq(ask_by_tcp(client, MS_SITE_GONE), ETIMEDOUT);
	ck_assert_int_eq(ask_by_udp(client, MS_SITE_GONE), ETIMEDOUT);
	json_decref(ms_ctl_event_for(microsegd, "r", "deny", "rule"));
	put_rule(NULL, NULL);
	if (strcmp(by_default, "allow") == 0) {
		ck_assert_int_eq(ask_by_tcp(client, MS_SITE_SOON), 0);
	} else {
		ck_assert_int_eq(ask_by_tcp(client, MS_SITE_GONE), ETIMEDOUT);
		ck_assert_int_eq(ask_by_udp(client, MS_SITE_GONE), ETIMEDOUT);
		snprintf(author, sizeof(author), "default/work/%s", client->dir);
		denied = ms_ctl_event_for(microsegd, author, "deny", "default");
	}
	ms_proc_stop(microsegd);
}
END_TEST

/* The next reset or ICMP error that comes in by it; its length. */
static size_t catch_answer(int fd, uint8_t *frame, size_t size)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	struct sockaddr_ll from;
	socklen_t length;
	ssize_t n;

	for (;;) {
		length = sizeof(from);
		ck_assert_msg(poll(&ready, 1, MS_SITE_SOON) == 1, "no answer was seen");
		n = recvfrom(fd, frame, size, 0, (struct sockaddr *)&from, &length);
		ck_assert_int_gt(n, 0);
		if (from.sll_pkttype == PACKET_OUTGOING)
			continue;
		if (frame[12] == 8 &&
		    (frame[23] == IPPROTO_ICMP || (frame[23] == IPPROTO_TCP && frame[47] & TH_RST)))
			return (size_t)n;
		if (frame[12] == 0x86 && ((frame[20] == IPPROTO_ICMPV6 && frame[54] == 1) ||
					  (frame[20] == IPPROTO_TCP && frame[67] & TH_RST)))
			return (size_t)n;
	}
}

/* The rule of the group's own for what comes to the client. */
static const char *back_by_default(const struct client *client)
{
	return is_out(client) ? "default/work/in" : "default/work/out";
}

/* Sends it the way that the answer came, and holds it to be denied by the group's default. */
static void expect_forged(int fd, const uint8_t *frame, size_t size, const struct client *client)
{
	json_int_t before = denied_back(client);

	if (send(fd, frame, size, 0) < 0)
		ck_assert_int_eq(errno, ENOBUFS); /* by the hook on its way */
	ck_assert_int_eq(denied_back(client), before + 1);
	json_decref(ms_ctl_event_for(microsegd, back_by_default(client), "deny", "default"));
}

/* By whoever is on the other side, be it the very same once more. */
START_TEST(what_looks_like_an_answer_is_denied)
{
	const struct client *client = &clients[_i / 2];
	ms_cleanup(ms_close_fd) int here = -1;
	ms_cleanup(ms_close_fd) int there = -1;
	uint8_t frame[256];
	size_t size;

	close_by_default(1);
	start("reject");
	reject_them(client, "[reject, deny]");
	here = ms_traffic_raw(client->ns, client->ns ? "eth0" : "veth-a");
	there = ms_traffic_raw(client->ns ? NULL : "a", client->ns ? "veth-a" : "eth0");
	if (_i % 2)
		ck_assert_int_eq(ask_by_udp(client, MS_SITE_SOON), client->udp);
	else
		ck_assert_int_eq(ask_by_tcp(client, MS_SITE_SOON), client->tcp);
	size = catch_answer(here, frame, sizeof(frame));
	expect_forged(there, frame, size, client);
	/* Another sequence number, or another quoted port. */
	frame[size - 1 - (_i % 2 ? 4 : 12)] ^= 1;
	expect_forged(there, frame, size, client);
	ck_assert_int_eq(stat_of("reject", "answered"), 1);
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- mark ---- */

#define BEHIND "10.9.0.1" /* in "b"; only a marked packet has a route there */

/* In "b", on any of its addresses. */
static int listen_behind(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(9000) };
	int fd;

	ms_netns_go("b");
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ms_netns_go(NULL);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

/* Datagrams from "a" to port 9000 there: how many arrive. */
static unsigned int send_behind(unsigned int count)
{
	ms_cleanup(ms_close_fd) int here = listen_behind();
	ms_cleanup(ms_close_fd) int there = ms_traffic_udp("a", BEHIND, 9000, 4000);
	struct pollfd ready = { .fd = here, .events = POLLIN };
	unsigned int arrived = 0;
	char byte = 'x';

	for (; count; count--) {
		if (send(there, &byte, 1, 0) < 0) /* what came back for the one before it */
			ck_assert_int_eq(send(there, &byte, 1, 0), 1);
		if (poll(&ready, 1, arrived ? MS_SITE_SOON : MS_SITE_GONE) == 1)
			arrived += recv(here, &byte, 1, 0) == 1;
	}
	return arrived;
}

static unsigned long counted(const char *name)
{
	char text[32];

	return strtoul(ms_netns_read_command(text, sizeof(text),
					     "nft -j list counter inet seen %s | "
					     "jq '.nftables[1].counter.packets'",
					     name),
		       NULL, 10);
}

START_TEST(a_mark_chooses_the_route_and_is_seen_by_nft)
{
	ms_netns_add("b");
	ms_netns_veth("veth-b", "b", "10.2.0.", NULL);
	ms_netns_run_command("echo 1 >/proc/sys/net/ipv4/ip_forward && "
			     "ip -n b addr add " BEHIND "/32 dev lo && "
			     "ip rule add fwmark 0x100/0xff00 lookup 100 && "
			     "ip route add " BEHIND " via 10.2.0.2 table 100 && "
			     "nft 'table inet seen { counter marked {} ; counter bare {} ; "
			     "chain seen { type filter hook prerouting priority 0; "
			     "meta mark 0x103 counter name marked ; "
			     "udp dport 9000 meta mark 0 counter name bare ; } ; }'");
	start("mark");
	put_rule(NULL, NULL);
	ck_assert_uint_eq(send_behind(2), 0);
	ck_assert_uint_eq(counted("marked"), 0);
	ck_assert_uint_eq(counted("bare"), 2);
	put_rule("dir: out, proto: udp, dport: 9000",
		 "[{ mark: 0x33 }, { mark: { mark: 0x100, mask: 0xfff0 } }, allow]");
	ck_assert_uint_eq(send_behind(3), 3);
	ck_assert_uint_eq(counted("marked"), 3);
	ck_assert_uint_eq(counted("bare"), 2);
	/* Another mark has no route. */
	put_rule("dir: out, proto: udp, dport: 9000", "[{ mark: 0x200 }, allow]");
	ck_assert_uint_eq(send_behind(2), 0);
	ck_assert_uint_eq(counted("marked"), 3);
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- ratelimit ---- */

#define RATE 1000.0 /* packets a second that each rule lets through */
#define BURST 100.0
#define PAYLOAD 100 /* with its headers 128 bytes */
#define STREAM 2400

static const char *const rates[] = { "pps: 1000, burst: 100", "bytes: 128000, burst: 12800" };

/* A full bucket, by the times at which the packets were really sent. */
struct bucket {
	double tokens;
	uint64_t at_ns; /* of the last packet */
	unsigned int let_through;
};

static void pour(struct bucket *bucket, uint64_t now_ns)
{
	double more = bucket->at_ns ? (double)(now_ns - bucket->at_ns) * RATE / NS : 0;

	bucket->tokens = fmin(BURST, bucket->tokens + more);
	bucket->at_ns = now_ns;
	if (bucket->tokens >= 1) {
		bucket->tokens -= 1;
		bucket->let_through++;
	}
}

/* One datagram each time that the timer is due, none made up for; what a bucket lets through. */
static unsigned int send_stream(int fd, unsigned int count, long every_ns)
{
	const struct itimerspec each = { .it_interval.tv_nsec = every_ns,
					 .it_value.tv_nsec = every_ns };
	ms_cleanup(ms_close_fd) int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	struct bucket bucket = { .tokens = BURST };
	char payload[PAYLOAD] = { 0 };
	uint64_t due, before;

	ck_assert_int_eq(timerfd_settime(timer, 0, &each, NULL), 0);
	for (; count; count--) {
		ck_assert_int_eq(read(timer, &due, sizeof(due)), sizeof(due));
		/* The hook is on the sender's way: the packet was judged between the two. */
		before = ms_netns_now_ns();
		ck_assert_int_eq(send(fd, payload, sizeof(payload), 0), sizeof(payload));
		pour(&bucket, before + (ms_netns_now_ns() - before) / 2);
	}
	return bucket.let_through;
}

static unsigned int drain(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	char payload[PAYLOAD];
	unsigned int count = 0;

	while (poll(&ready, 1, 0) == 1) {
		ck_assert_int_eq(recv(fd, payload, sizeof(payload), 0), PAYLOAD);
		count++;
	}
	return count;
}

START_TEST(a_stream_is_let_through_as_a_bucket_would)
{
	ms_cleanup(ms_close_fd) int there = ms_traffic_udp("a", "10.1.0.1", 4000, 9000);
	ms_cleanup(ms_close_fd) int here = ms_traffic_udp(NULL, "10.1.0.2", 9000, 4000);
	int room = 8 << 20;
	unsigned int expected, arrived;
	json_int_t within;
	char action[64];

	ck_assert_int_eq(setsockopt(there, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)), 0);
	snprintf(action, sizeof(action), "[{ ratelimit: { %s } }, allow]", rates[_i]);
	start("ratelimit");
	put_rule("dir: in, proto: udp, dport: 9000", action);
	/* Three times the rate. */
	expected = send_stream(here, STREAM, 333333);
	arrived = drain(there);
	ck_assert_msg(fabs((double)arrived - expected) <= 0.05 * expected,
		      "%u arrived, where a bucket lets through %u", arrived, expected);
	ck_assert_uint_lt(arrived, STREAM);
	within = stat_of("ratelimit", "within");
	ck_assert_int_eq(within, arrived);
	ck_assert_int_eq(stat_of("ratelimit", "excess"), STREAM - arrived);
	/* Half of it, from here on: all arrive. */
	ck_assert_uint_eq(send_stream(here, 300, 2000000), 300);
	ck_assert_uint_eq(drain(there), 300);
	ck_assert_int_eq(stat_of("ratelimit", "within"), within + 300);
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/action_clients");
	TCase *tcase = tcase_create("action_clients");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, a_client_is_told_by_its_own_calls, 0,
			    (int)ms_array_size(clients));
	tcase_add_loop_test(tcase, a_client_is_told_where_all_else_is_closed, 0,
			    (int)(ms_array_size(clients) * ms_array_size(closed)));
	tcase_add_loop_test(tcase, what_looks_like_an_answer_is_denied, 0,
			    2 * (int)ms_array_size(clients));
	tcase_add_test(tcase, a_mark_chooses_the_route_and_is_seen_by_nft);
	tcase_add_loop_test(tcase, a_stream_is_let_through_as_a_bucket_would, 0,
			    (int)ms_array_size(rates));
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
