/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interfaces by the hundred in one netlink batch: what is attached is read from the kernel, not
 * from the daemon; and a second round costs the daemon nothing that the first did not.
 */
#include <bpf/bpf.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/traffic.h"

#define PAIRS MS_CHECK_ROUNDS(500)
#define MANY_PAIRS 4000
#define SAMPLES 20
#define BATCH MS_NETNS_DIR "/batch"

static const char policy[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: work, match: { name: \"guarded*\" }, default: { in: deny, out: deny } }\n";

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

static void write_batch(const char *format, int count)
{
	FILE *batch = fopen(BATCH, "we");

	ck_assert_ptr_nonnull(batch);
	for (int i = 0; i < count; i++)
		fprintf(batch, format, i, i, i, i);
	ck_assert_int_eq(fclose(batch), 0);
	ms_netns_run_command("ip -batch " BATCH);
}

static bool all_are_protected(void *user)
{
	json_auto_t *lines = ms_ctl(microsegd, "iface", "list", NULL);

	(void)user;
	return ms_ctl_count(lines, "interfaces", "state", "protected") == PAIRS;
}

static bool all_are_gone(void *user)
{
	json_auto_t *lines = ms_ctl(microsegd, "iface", "list", NULL);

	(void)user;
	return ms_ctl_count(lines, "interfaces", "group", "work") == 0;
}

static void create(void)
{
	write_batch("link add guarded%d type veth peer name peer%d\n"
		    "link set guarded%d up\nlink set peer%d up\n",
		    PAIRS);
	ck_assert_msg(ms_netns_wait(all_are_protected, NULL, 60),
		      "not every interface is protected");
}

static void destroy(void)
{
	write_batch("link del guarded%d\n", PAIRS);
	ck_assert_msg(ms_netns_wait(all_are_gone, NULL, 60), "interfaces are left");
}

/* Our filters on one hook of one interface, as tc shows them, and what hangs there by tcx. */
static void expect_attached(const char *interface, unsigned int expected)
{
	static const enum bpf_attach_type hooks[] = { 46, 47 }; /* BPF_TCX_INGRESS, _EGRESS */
	char shown[256];

	ms_netns_read_command(
		shown, sizeof(shown),
		"tc filter show dev %s ingress | grep -c ' ms_[a-z]* .*direct-action'; "
		"tc filter show dev %s egress | grep -c ' ms_[a-z]* .*direct-action' "
		"|| :",
		interface, interface);
	for (int i = 0; i < 2; i++) {
		unsigned int by_tc = shown[i * 2] - '0';
		__u32 by_tcx = 0;

		LIBBPF_OPTS(bpf_prog_query_opts, opts);
		/* Kernels without tcx refuse the question: nothing can hang there. */
		if (bpf_prog_query_opts((int)if_nametoindex(interface), hooks[i], &opts) == 0)
			by_tcx = opts.prog_cnt;
		ck_assert_msg(by_tc + by_tcx == expected, "%s hook %d: %u by tc, %u by tcx",
			      interface, i, by_tc, by_tcx);
	}
}

static json_int_t dropped(const char *interface, const char *key)
{
	json_auto_t *shown = ms_ctl_iface(microsegd, interface);

	return ms_ctl_int(shown, key);
}

static void expect_denied_both_ways(const char *guarded, const char *peer)
{
	json_int_t in = dropped(guarded, "in_dropped_packets");
	json_int_t out = dropped(guarded, "out_dropped_packets");
	int towards = ms_traffic_raw(NULL, guarded), from = ms_traffic_raw(NULL, peer);

	ms_netns_wait_carrier(guarded);
	ms_netns_wait_carrier(peer);
	ms_traffic_raw_udp(towards, "10.9.0.1", 1, "10.9.0.2", 2, 0);
	ms_traffic_raw_udp(from, "10.9.0.2", 3, "10.9.0.1", 4, 0);
	ck_assert_int_eq(dropped(guarded, "in_dropped_packets"), in + 1);
	ck_assert_int_eq(dropped(guarded, "out_dropped_packets"), out + 1);
	close(towards);
	close(from);
}

/* A sanitizer keeps freed memory back for a while. */
#ifdef __SANITIZE_ADDRESS__
#define SLACK (256u << 20)
#else
#define SLACK (1u << 20)
#endif

/* The connection of the last command may not be closed yet: the fewest of a while are its own. */
static bool fewest_fds(void *user)
{
	unsigned int *fewest = user, now = ms_proc_open_fds(microsegd);

	*fewest = now < *fewest ? now : *fewest;
	return false;
}

static bool has_fds(void *user)
{
	return ms_proc_open_fds(microsegd) == *(unsigned int *)user;
}

START_TEST(five_hundred_pairs_are_protected_once_each)
{
	unsigned int seed = 20261123, fds = UINT_MAX;
	size_t rss;

	ms_proc_init(microsegd, "one");
	ms_proc_write_policy(microsegd, "10-test.yaml", policy);
	/* The kernel's own packets on new links would be counted between ours. */
	ms_netns_run_command("echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6");
	ms_proc_start(microsegd, NULL);
	create();
	for (int i = 0; i < PAIRS; i++) {
		char guarded[32], peer[32];

		snprintf(guarded, sizeof(guarded), "guarded%d", i);
		snprintf(peer, sizeof(peer), "peer%d", i);
		expect_attached(guarded, 1);
		if (i % 25 == 0)
			expect_attached(peer, 0);
	}
	for (int i = 0; i < SAMPLES; i++) {
		int chosen = rand_r(&seed) % PAIRS;
		char guarded[32], peer[32];

		snprintf(guarded, sizeof(guarded), "guarded%d", chosen);
		snprintf(peer, sizeof(peer), "peer%d", chosen);
		expect_denied_both_ways(guarded, peer);
	}
	destroy();
	ms_netns_wait_exactly(fewest_fds, &fds, 1);
	rss = ms_proc_rss_bytes(microsegd);
	create();
	destroy();
	ck_assert_msg(ms_netns_wait(has_fds, &fds, 5), "%u fds became %u", fds,
		      ms_proc_open_fds(microsegd));
	ck_assert_msg(ms_proc_rss_bytes(microsegd) <= rss + SLACK, "RSS grew from %zu to %zu", rss,
		      ms_proc_rss_bytes(microsegd));
	ms_proc_stop(microsegd);
}
END_TEST

static bool many_are_protected(void *user)
{
	json_auto_t *status = ms_ctl(microsegd, "status", NULL);

	(void)user;
	return ms_ctl_int(status, "0.interfaces.protected") == MANY_PAIRS;
}

/* As tc shows them: a line for each filter of that name on that hook. */
static unsigned int filters_shown(const char *hook)
{
	char text[32];

	ms_netns_read_command(text, sizeof(text),
			      "for i in $(seq 0 %d); do echo filter show dev guarded$i %s; done | "
			      "tc -batch - | grep -c ' ms_%s direct-action '",
			      MANY_PAIRS - 1, hook, hook);
	return (unsigned int)strtoul(text, NULL, 10);
}

START_TEST(of_four_thousand_none_is_lost)
{
	ms_proc_init(microsegd, "many");
	ms_proc_write_policy(microsegd, "10-test.yaml", policy);
	ms_proc_start(microsegd, NULL);
	write_batch("link add guarded%d type veth peer name peer%d\n", MANY_PAIRS);
	ck_assert_msg(ms_netns_wait(many_are_protected, NULL, 120),
		      "not every interface is protected");
	ck_assert_uint_eq(filters_shown("ingress"), MANY_PAIRS);
	ck_assert_uint_eq(filters_shown("egress"), MANY_PAIRS);
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/churn");
	TCase *tcase = tcase_create("churn");

	tcase_add_checked_fixture(tcase, ms_netns_setup, NULL);
	tcase_set_timeout(tcase, 240);
	tcase_add_test(tcase, five_hundred_pairs_are_protected_once_each);
	suite_add_tcase(suite, tcase);
	tcase = tcase_create("many");
	tcase_add_checked_fixture(tcase, ms_netns_setup, NULL);
	tcase_set_timeout(tcase, 240);
	tcase_add_test(tcase, of_four_thousand_none_is_lost);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
