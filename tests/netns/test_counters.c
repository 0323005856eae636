/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The counters, added up after random traffic and held against what the kernel counts by itself:
 * for each interface the device's packets and bytes each way, and what its clsact qdisc dropped.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/traffic.h"

#define ROUNDS 400
#define SOON 3000
#define ETHERNET 14
#define TAG 4 /* taken off the one tagged frame of a veth before the hook sees it */

/* Some of everything: what a rule, a default, a built-in, a session and nobody at all decide. */
static const char policy[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: loopback, match: { kind: loopback }, default: { in: allow, out: allow } }\n"
	"  - { name: open, match: { name: \"open-*\" }, side: host, attach: tcx,\n"
	"      default: { in: allow, out: allow } }\n"
	"  - { name: work, match: { name: \"veth-*\" }, default: { in: deny, out: allow } }\n"
	"rules:\n"
	"  - { id: http, proto: tcp, dport: 80, action: allow }\n"
	"  - { id: dns, group: work, dir: in, proto: udp, dport: 53, action: log }\n"
	"  - { id: no-ping, group: work, dir: in, to: 10.2.0.0/24, proto: icmp, action: deny }\n"
	"  - { id: ping, group: work, dir: in, proto: [icmp, icmpv6], action: allow }\n"
	"  - { id: would, proto: udp, dport: 99, mode: audit, action: deny }\n"
	"  - { id: no-82, proto: tcp, dport: 82, action: deny }\n";

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

/* Whose ingress hook is `out`, and where every packet passes one hook only. */
static const struct {
	const char *name;
	bool workload, loopback, clsact;
} ifaces[] = {
	{ "lo", false, true, false },
	{ "open-c", false, false, false },
	{ "veth-a", true, false, true },
	{ "veth-b", true, false, true },
};
#define IFACES (sizeof(ifaces) / sizeof(ifaces[0]))

struct count {
	json_int_t passed[2], dropped[2]; /* ours, by hook: ingress, egress */
	json_int_t passed_bytes[2], dropped_bytes[2];
	json_int_t received, sent, received_bytes, sent_bytes; /* the device's */
	json_int_t hooked, refused;                            /* the qdisc's */
};

static void setup(void)
{
	static const char *const spaces[] = { "a", "b", "c" };

	ms_netns_setup();
	/* Nobody speaks unasked while the counters are read. */
	ms_netns_run_command("echo 0 >/proc/sys/net/ipv6/conf/default/router_solicitations");
	for (size_t i = 0; i < 3; i++) {
		ms_netns_add(spaces[i]);
		ms_netns_run_command("ip netns exec %s sh -c 'echo 0 "
				     ">/proc/sys/net/ipv6/conf/default/router_solicitations'",
				     spaces[i]);
	}
	ms_netns_veth("veth-a", "a", "10.1.0.", "fd01::");
	ms_netns_veth("veth-b", "b", "10.2.0.", "fd02::");
	ms_netns_veth("open-c", "c", "10.3.0.", "fd03::");
	/* The hook sees a large frame as the segments it stands for; let the device do so, too. */
	for (size_t i = 0; i < IFACES; i++)
		ms_netns_run_command("ethtool -K %s tso off", ifaces[i].name);
	for (size_t i = 0; i < 3; i++)
		ms_netns_run_command("ip netns exec %s ethtool -K eth0 tso off", spaces[i]);
	ms_netns_run_command("echo 1 >/proc/sys/net/ipv4/ip_forward && "
			     "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding");
	ms_traffic_server(NULL, 80);
	for (size_t i = 0; i < 3; i++) {
		ms_traffic_server(spaces[i], 80);
		ms_traffic_server(spaces[i], 53);
		ms_traffic_server(spaces[i], 82);
	}
	ms_proc_init(microsegd, "one");
	ms_proc_write_policy(microsegd, "10-test.yaml", policy);
	ms_proc_start(microsegd, NULL);
	for (size_t i = 0; i < IFACES; i++)
		ms_ctl_wait_iface(microsegd, ifaces[i].name, "protected");
}

static void teardown(void)
{
	ms_proc_stop(microsegd);
}

/* ---- traffic ---- */

static uint64_t random_state;

static unsigned int below(unsigned int limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 32) % limit;
}

/* Whether it comes through is not this test's question; it does not wait for what does not. */
static void send_something(void)
{
	static const char *const spaces[] = { NULL, "a", "b", "c" };
	static const char *const addresses[] = { "10.1.0.1", "10.1.0.2", "10.2.0.2",
						 "10.3.0.2", "fd01::1",  "fd01::2",
						 "fd02::2",  "fd03::2",  "127.0.0.1" };
	static const uint16_t ports[] = { 80, 80, 53, 82, 99, 1000 };
	const char *from = spaces[below(4)], *to = addresses[below(9)];
	uint16_t port = ports[below(6)];
	unsigned int n = 1 + below(5);
	int fd;

	switch (below(4)) {
	case 0:
		ms_traffic_ping(from, to, 3);
		break;
	case 1:
		ms_traffic_get(from, to, port, port == 80 ? 200 : 3);
		break;
	case 2:
		fd = ms_traffic_connect(from, to, port, 3);
		if (fd >= 0) {
			ms_traffic_echo(fd, n, 50);
			close(fd);
		}
		break;
	default:
		fd = ms_traffic_udp(from, to, port, 0);
		while (n--)
			ms_traffic_echo(fd, n, port == 53 ? 20 : 0);
		close(fd);
	}
}

/* What no socket sends: another VLAN, no IP, IP that is none. */
static void send_odd_frames(void)
{
	static const uint8_t frames[][40] = {
		{ 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xcc },
		{ 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00, 0x95 },
		{ 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd, 0x05 },
	};
	static const char *const spaces[] = { "a", "b", "c" };

	for (size_t i = 0; i < 3; i++) {
		int fd = ms_traffic_raw(spaces[i], "eth0");

		for (size_t k = 0; k < 3; k++)
			ck_assert_int_eq(write(fd, frames[k], sizeof(frames[k])),
					 sizeof(frames[k]));
		ms_traffic_raw_udp(fd, "10.9.0.2", 1000, "10.9.0.1", 53, 7);
		close(fd);
	}
}

/* ---- counters ---- */

static json_t *read_json(const char *command, const char *name)
{
	static char text[16384];
	json_t *json =
		json_loads(ms_netns_read_command(text, sizeof(text), command, name), 0, NULL);

	ck_assert_msg(json_is_array(json), "%s", text);
	return json;
}

static void read_kernel(size_t i, struct count *count)
{
	json_auto_t *link = read_json("ip -s -j link show dev %s", ifaces[i].name);
	json_auto_t *qdisc = NULL;

	count->received = ms_ctl_int(link, "0.stats64.rx.packets");
	count->received_bytes = ms_ctl_int(link, "0.stats64.rx.bytes");
	count->sent = ms_ctl_int(link, "0.stats64.tx.packets");
	count->sent_bytes = ms_ctl_int(link, "0.stats64.tx.bytes");
	if (!ifaces[i].clsact)
		return;
	qdisc = read_json("tc -s -j qdisc show dev %s clsact", ifaces[i].name);
	count->hooked = ms_ctl_int(qdisc, "0.packets");
	count->refused = ms_ctl_int(qdisc, "0.drops");
}

static void read_ours(size_t i, struct count *count)
{
	static const char *const dirs[] = { "in", "out" };
	json_auto_t *iface = ms_ctl_iface(microsegd, ifaces[i].name);

	for (int dir = 0; dir < 2; dir++) {
		/* On loopback the direction says which end sent: all of it is ingress. */
		int hook = ifaces[i].loopback ? 0 : dir ^ ifaces[i].workload;
		char name[64];

#define TAKE(field, suffix)                                                                        \
	(snprintf(name, sizeof(name), "%s_" suffix, dirs[dir]),                                    \
	 count->field[hook] += ms_ctl_int(iface, name))
		TAKE(passed, "passed_packets");
		TAKE(dropped, "dropped_packets");
		TAKE(passed_bytes, "passed_bytes");
		TAKE(dropped_bytes, "dropped_bytes");
#undef TAKE
	}
}

static void read_all(struct count counts[IFACES])
{
	memset(counts, 0, IFACES * sizeof(*counts));
	for (size_t i = 0; i < IFACES; i++) {
		read_kernel(i, &counts[i]);
		read_ours(i, &counts[i]);
	}
}

/* Differences since `before`; 0 = none. Told if `tell`. */
static unsigned int compare(size_t i, const struct count *before, const struct count *after,
			    bool tell)
{
	const json_int_t *was = (const void *)before, *is = (const void *)after;
	json_int_t received, received_bytes, link_bytes;
	struct count since;
	unsigned int wrong = 0;

	for (size_t k = 0; k < sizeof(since) / sizeof(*was); k++)
		((json_int_t *)&since)[k] = is[k] - was[k];
	received = since.passed[0] + since.dropped[0];
	received_bytes = since.passed_bytes[0] + since.dropped_bytes[0];
	/* Loopback leaves out the Ethernet header, which its frames have all the same. */
	link_bytes = since.received_bytes + (ifaces[i].loopback ? since.received * ETHERNET : -TAG);
#define SAME(what, ours, theirs)                                                                   \
	do {                                                                                       \
		if ((ours) == (theirs))                                                            \
			break;                                                                     \
		wrong++;                                                                           \
		if (tell)                                                                          \
			fprintf(stderr, "%s: %s: we count %lld, the kernel %lld\n",                \
				ifaces[i].name, what, (long long)(ours), (long long)(theirs));     \
	} while (0)
	SAME("packets received", received, since.received);
	SAME("bytes received", received_bytes, link_bytes);
	if (!ifaces[i].loopback) {
		SAME("packets sent", since.passed[1], since.sent);
		SAME("bytes sent", since.passed_bytes[1], since.sent_bytes);
	}
	if (ifaces[i].clsact) {
		SAME("packets dropped", since.dropped[0] + since.dropped[1], since.refused);
		SAME("packets judged", received + since.passed[1] + since.dropped[1], since.hooked);
	}
#undef SAME
	return wrong;
}

struct reading {
	struct count first[IFACES], second[IFACES];
};

/* Two readings in which nothing moved, ours or the kernel's. */
static bool is_quiet(void *user)
{
	struct reading *reading = user;

	memcpy(reading->first, reading->second, sizeof(reading->first));
	read_all(reading->second);
	return memcmp(reading->first, reading->second, sizeof(reading->first)) == 0;
}

static json_int_t sum(json_t *lines, const char *plural, const char *const *keys)
{
	json_int_t total = 0;
	json_t *line, *item;
	size_t i, k;

	json_array_foreach (lines, i, line)
		json_array_foreach (json_object_get(line, plural), k, item)
			for (const char *const *key = keys; *key; key++)
				total += ms_ctl_int(item, *key);
	return total;
}

static void the_statistics_add_up(void)
{
	static const char *const of_iface[] = { "in_passed_packets", "in_dropped_packets",
						"out_passed_packets", "out_dropped_packets", NULL };
	static const char *const of_reason[] = { "allowed_packets", "audited_packets",
						 "denied_packets", NULL };
	static const char *const denied[] = { "denied_packets", NULL };
	static const char *const audited[] = { "audited_packets", NULL };
	json_auto_t *lines = ms_ctl(microsegd, "stats", NULL);
	json_auto_t *list = ms_ctl(microsegd, "iface", "list", NULL);
	json_t *stats = json_array_get(lines, 0);

#define STAT(name) ms_ctl_int(stats, name)
	ck_assert_int_eq(STAT("total"), STAT("allowed") + STAT("dropped"));
	ck_assert_int_eq(STAT("dropped"),
			 STAT("denied") + STAT("malformed") + STAT("dropped_other"));
	ck_assert_int_eq(STAT("total"), STAT("session_hit") + STAT("policy_hit") + STAT("builtin") +
						STAT("failsafe") + STAT("unparsed") +
						STAT("non_ip"));
	ck_assert_int_eq(STAT("total"), sum(lines, "reasons", of_reason));
	ck_assert_int_eq(STAT("dropped"), sum(lines, "reasons", denied));
	ck_assert_int_eq(STAT("audited"), sum(lines, "reasons", audited));
	ck_assert_int_eq(STAT("total"), sum(list, "interfaces", of_iface));
	/* The sums are of something. */
	ck_assert_int_gt(STAT("denied"), 0);
	ck_assert_int_gt(STAT("audited"), 0);
	ck_assert_int_gt(STAT("malformed"), 0);
	ck_assert_int_gt(STAT("session_hit"), 0);
	ck_assert_int_gt(STAT("policy_hit"), 0);
	ck_assert_int_gt(STAT("builtin"), 0);
	ck_assert_int_gt(STAT("failsafe"), 0);
	ck_assert_int_gt(STAT("non_ip"), 0);
#undef STAT
}

START_TEST(our_counters_are_those_of_the_interfaces)
{
	static struct reading before, after;
	const char *seed = getenv("MS_COUNTERS_SEED");
	unsigned int wrong = 0;

	random_state = seed ? strtoull(seed, NULL, 10) : 20261128;
	ck_assert_msg(ms_netns_wait(is_quiet, &before, 20), "it is never quiet");
	for (int i = 0; i < ROUNDS; i++)
		send_something();
	send_odd_frames();
	ck_assert_msg(ms_netns_wait(is_quiet, &after, 20), "it is never quiet");
	for (size_t i = 0; i < IFACES; i++) {
		ck_assert_int_gt(after.second[i].received - before.second[i].received, 20);
		wrong += compare(i, &before.second[i], &after.second[i], true);
	}
	ck_assert_msg(wrong == 0, "%u numbers differ", wrong);
	the_statistics_add_up();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/counters");
	TCase *tcase = tcase_create("counters");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, our_counters_are_those_of_the_interfaces);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
