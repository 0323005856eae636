/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rate of the plugin ratelimit, with packets that are sent. What must pass is worked out from
 * the times at which they were, so that a busy machine may send them as it can.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"
#include "tests/harness/site.h"
#include "tests/harness/traffic.h"

#define PAYLOAD 100
#define SIZE (28 + PAYLOAD) /* from the IP header on */

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

static void setup(void)
{
	ms_plugin_folder_setup(microsegd, NULL);
	ms_plugin_folder_add("ratelimit");
}

static json_int_t stat_of(const char *name)
{
	json_auto_t *lines = ms_ctl(microsegd, "plugin", "show", "ratelimit", NULL);
	json_t *number = ms_ctl_find(lines, "stats", "name", name);

	ck_assert_ptr_nonnull(number);
	return json_integer_value(json_object_get(number, "value"));
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static unsigned long long arrived(void)
{
	char text[32];

	return strtoull(ms_netns_read_command(text, sizeof(text),
					      "ip -n a -s -j link show dev eth0 | "
					      "jq .[0].stats64.rx.packets"),
			NULL, 10);
}

/* What an exact one lets through. */
struct bucket {
	double rate, burst, tokens; /* packets */
	double at;
	unsigned int passed;
};

static void offer(struct bucket *bucket, double at)
{
	bucket->tokens += bucket->rate * (at - bucket->at);
	if (bucket->tokens > bucket->burst)
		bucket->tokens = bucket->burst;
	bucket->at = at;
	if (bucket->tokens < 1)
		return;
	bucket->tokens--;
	bucket->passed++;
}

static const struct {
	unsigned int rate; /* packets a second */
	const char *unit;
	unsigned int each; /* units that a packet has */
} limits[] = {
	{ 100, "pps", 1 },
	{ 10000, "pps", 1 },
	{ 100, "bytes", SIZE },
	{ 10000, "bytes", SIZE },
};

START_TEST(a_rate_is_kept_within_a_twentieth)
{
	unsigned int rate = limits[_i].rate, each = limits[_i].each, burst = rate / 4;
	/* Never read from: it is there so that no answer says that nobody listens. */
	ms_cleanup(ms_close_fd) int there = ms_traffic_udp("a", "10.1.0.1", 4000, 9000);
	ms_cleanup(ms_close_fd) int fd = ms_traffic_udp(NULL, "10.1.0.2", 9000, 4000);
	struct bucket bucket = { rate, burst, burst, 0, 0 };
	char text[512], payload[PAYLOAD] = { 0 };
	unsigned long long before;
	json_int_t sent = 0, within;
	double began, took;

	ck_assert_int_ge(there, 0);
	snprintf(text, sizeof(text),
		 "version: 1\nrules:\n"
		 "  - { id: r, dir: in, proto: udp, dport: 9000, fallback: deny,\n"
		 "      action: [{ ratelimit: { %s: %u, burst: %u } }, allow] }\n",
		 limits[_i].unit, rate * each, burst * each);
	ms_proc_write_policy(microsegd, "05-action.yaml", text);
	ms_plugin_folder_start(microsegd, "plugins: { ratelimit: {} }\n");
	before = arrived();
	began = bucket.at = now();
	do {
		offer(&bucket, now());
		ck_assert_int_eq(send(fd, payload, sizeof(payload), 0), sizeof(payload));
		sent++;
	} while (bucket.passed < burst + 2 * rate);
	took = now() - began;
	/* A sender that is slower than the rate would show nothing. */
	ck_assert_msg((double)sent > 1.5 * bucket.passed, "only %lld sent in %.3f s, %u may pass",
		      (long long)sent, took, bucket.passed);
	within = stat_of("within");
	ck_assert_msg((double)within > 0.95 * bucket.passed &&
			      (double)within < 1.05 * bucket.passed &&
			      (double)within < burst + 1.05 * rate * took,
		      "%lld of %lld in %.3f s, where %u are due", (long long)within,
		      (long long)sent, took, bucket.passed);
	ck_assert_int_eq(stat_of("excess"), sent - within);
	/* Those, and what the two say to each other by themselves. */
	before = arrived() - before;
	ck_assert_msg((double)before > 0.95 * (double)within && before < (unsigned)within + 20,
		      "%llu of %lld have arrived", before, (long long)within);
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/ratelimit");
	TCase *tcase = tcase_create("ratelimit");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, a_rate_is_kept_within_a_twentieth, 0,
			    (int)ms_array_size(limits));
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
