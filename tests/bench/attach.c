/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long a new interface stays unprotected: veth pairs made in one burst by `ip -batch`, watched
 * over rtnetlink from outside of the daemon. The time of an interface is from the first message
 * that it exists to the message of its second filter. The burst alone is measured without a daemon,
 * but with the watcher, which takes its share of the processors in both.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/bench/bare_loop.h"
#include "tests/bench/daemon.h"
#include "tests/bench/result.h"
#include "tests/bench/world.h"

#define BATCH "/run/batch"
#define LINKS_MAX 20000
#define PATIENCE_MS 60000
#define LATE_NS 10000 /* about what the daemon takes before its first message */
#define RECEIVE_BYTES (64 << 20)

/* By ifindex, in a new namespace small and never used again. */
static struct {
	uint64_t appeared_ns, done_ns;
	unsigned int filters;
} links[LINKS_MAX];

/* Columns of a table, ended by one without a name. */
struct quantile {
	const char *column;
	double share;
};

struct watch {
	int fd;
	unsigned int expected;
	bool protects; /* somebody is expected to put filters on */
	atomic_uint appeared, done;
	atomic_bool lost; /* the socket could not hold all messages */
};

static void on_link(struct watch *watch, const struct nlmsghdr *message, uint64_t now)
{
	const struct ifinfomsg *info = NLMSG_DATA(message);
	struct rtattr *attr = IFLA_RTA(info);
	int left = (int)IFLA_PAYLOAD(message);

	for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left)) {
		const char *name = RTA_DATA(attr);

		if (attr->rta_type != IFLA_IFNAME || name[0] != 'w')
			continue;
		if (info->ifi_index < LINKS_MAX && links[info->ifi_index].appeared_ns == 0) {
			links[info->ifi_index].appeared_ns = now;
			atomic_fetch_add(&watch->appeared, 1);
		}
	}
}

static void on_filter(struct watch *watch, const struct nlmsghdr *message, uint64_t now)
{
	const struct tcmsg *info = NLMSG_DATA(message);

	if (info->tcm_ifindex >= LINKS_MAX || links[info->tcm_ifindex].appeared_ns == 0)
		return;
	if (++links[info->tcm_ifindex].filters == 2) {
		links[info->tcm_ifindex].done_ns = now;
		atomic_fetch_add(&watch->done, 1);
	}
}

static void read_some(struct watch *watch, char *buf, size_t size)
{
	ssize_t n = recv(watch->fd, buf, size, 0);
	uint64_t now = ms_bench_wall_ns();
	struct nlmsghdr *message = (struct nlmsghdr *)buf;

	if (n < 0 && errno == ENOBUFS)
		atomic_store(&watch->lost, true);
	for (unsigned int left = n > 0 ? (unsigned int)n : 0; NLMSG_OK(message, left);
	     message = NLMSG_NEXT(message, left)) {
		if (message->nlmsg_type == RTM_NEWLINK)
			on_link(watch, message, now);
		else if (message->nlmsg_type == RTM_NEWTFILTER)
			on_filter(watch, message, now);
	}
}

static bool is_watching(struct watch *watch)
{
	unsigned int seen = atomic_load(watch->protects ? &watch->done : &watch->appeared);

	return seen < watch->expected && !atomic_load(&watch->lost);
}

static void *watch_links(void *user)
{
	static char buf[1 << 20] __attribute__((aligned(8)));
	struct watch *watch = user;
	struct pollfd wait = { .fd = watch->fd, .events = POLLIN };
	const struct sched_param first = { .sched_priority = 1 };

	/* A message is timed when it is read: at once, then, or late ones look as if together. */
	if (pthread_setschedparam(pthread_self(), SCHED_FIFO, &first) != 0)
		ms_bench_fail("no real-time priority");
	while (is_watching(watch)) {
		if (poll(&wait, 1, PATIENCE_MS) != 1)
			break;
		read_some(watch, buf, sizeof(buf));
	}
	return NULL;
}

static int open_watch(void)
{
	struct sockaddr_nl local = { .nl_family = AF_NETLINK,
				     .nl_groups = RTMGRP_LINK | 1u << (RTNLGRP_TC - 1) };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int size = RECEIVE_BYTES;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0 ||
	    bind(fd, (struct sockaddr *)&local, sizeof(local)) < 0)
		ms_bench_fail("links cannot be watched: %s", strerror(errno));
	return fd;
}

static void write_batch(unsigned int pairs)
{
	ms_cleanup(ms_close_file) FILE *file = fopen(BATCH, "we");

	for (unsigned int i = 0; file && i < pairs; i++)
		fprintf(file, "link add w%u up type veth peer name p%u\n", i, i);
	if (!file || fflush(file) != 0)
		ms_bench_fail("%s: %s", BATCH, strerror(errno));
}

static double burst(void)
{
	uint64_t began = ms_bench_wall_ns();

	ms_bench_command("ip -batch " BATCH);
	return (double)(ms_bench_wall_ns() - began) / 1e6;
}

static void report(const struct ms_bench *bench, const char *table, const char *row,
		   const struct quantile *quantiles, unsigned int round)
{
	static double times[LINKS_MAX];
	size_t count = 0;

	for (unsigned int i = 0; i < LINKS_MAX; i++)
		if (links[i].done_ns)
			times[count++] = (double)(links[i].done_ns - links[i].appeared_ns) / 1e6;
	for (; quantiles->column; quantiles++)
		ms_bench_sample(bench, table, row, quantiles->column, round,
				ms_bench_quantile(times, count, quantiles->share));
}

/* `column` NULL: what the burst took is told elsewhere. */
static void watched_burst(const struct ms_bench *bench, const char *row, const char *column,
			  struct watch *watch, unsigned int round)
{
	pthread_t thread;
	double took;

	watch->fd = open_watch();
	if (pthread_create(&thread, NULL, watch_links, watch) != 0)
		ms_bench_fail("no thread to watch links");
	took = burst();
	if (column)
		ms_bench_sample(bench, "burst", row, column, round, took);
	pthread_join(thread, NULL);
	close(watch->fd);
	if (atomic_load(&watch->lost))
		ms_bench_fail("messages of links were lost: the figures would be too good");
	if (atomic_load(&watch->appeared) != watch->expected)
		ms_bench_fail("%u of %u interfaces appeared", atomic_load(&watch->appeared),
			      watch->expected);
	if (watch->protects && atomic_load(&watch->done) != watch->expected)
		ms_bench_fail("%u of %u interfaces got both filters", atomic_load(&watch->done),
			      watch->expected);
}

static const struct quantile of_a_burst[] = {
	{ "p50", 0.5 }, { "p99", 0.99 }, { "max", 1 }, { NULL, 0 }
};
static const struct quantile of_a_late_loop[] = { { "p50, 10 us late", 0.5 },
						  { "p99, 10 us late", 0.99 },
						  { "max, 10 us late", 1 },
						  { NULL, 0 } };

static void with_bare_loop(const struct ms_bench *bench, const char *row, unsigned int pairs,
			   unsigned int round, bool is_late)
{
	struct watch watch = { .expected = pairs, .protects = true };

	ms_bench_bare_loop_start(is_late ? LATE_NS : 0);
	watched_burst(bench, row, is_late ? NULL : "bare loop", &watch, round);
	report(bench, "attach_bare", row, is_late ? of_a_late_loop : of_a_burst, round);
	ms_bench_bare_loop_stop();
}

static void with_daemon(const struct ms_bench *bench, const char *row, unsigned int pairs,
			unsigned int round)
{
	struct ms_bench_rules rules = ms_bench_rules_make(MS_BENCH_SHAPE_MICRO, 10, 1);
	struct watch watch = { .expected = pairs, .protects = true };
	size_t length;
	char *text = ms_bench_rules_document(&rules, "", &length);

	ms_bench_daemon_start(text, length);
	watched_burst(bench, row, "with microsegd", &watch, round);
	report(bench, "attach", row, of_a_burst, round);
	ms_bench_daemon_stop();
}

/* Namespaces of the measurement before are taken down by the kernel in its own time, and that takes
 * the same lock as a new link. */
static void settle(const struct ms_bench *bench)
{
	unsigned int quiet = 0;

	while (!bench->smoke && quiet < 20) {
		uint64_t began = ms_bench_wall_ns();

		ms_bench_command("ip link set lo mtu 65000");
		quiet = ms_bench_wall_ns() - began < 15000000 ? quiet + 1 : 0;
	}
}

enum contender { ALONE, BARE_LOOP, LATE_LOOP, DAEMON, CONTENDERS };

static void one_burst(const struct ms_bench *bench, unsigned int pairs, unsigned int round,
		      enum contender contender)
{
	struct watch alone = { .expected = pairs };
	char row[32];

	ms_bench_world_enter();
	write_batch(pairs);
	settle(bench);
	snprintf(row, sizeof(row), "%u", pairs);
	switch (contender) {
	case BARE_LOOP:
	case LATE_LOOP:
		with_bare_loop(bench, row, pairs, round, contender == LATE_LOOP);
		break;
	case DAEMON:
		with_daemon(bench, row, pairs, round);
		break;
	default:
		watched_burst(bench, row, "alone", &alone, round);
	}
}

/* ---- while a large document is reloaded ---- */

#define RELOADED_RULES 99000 /* limits.rules counts the built-in ones as well */

static const struct quantile at_rest[] = { { "p50 at rest", 0.5 },
					   { "last at rest", 1 },
					   { NULL, 0 } };
static const struct quantile during_reloads[] = { { "p50 during reloads", 0.5 },
						  { "last during reloads", 1 },
						  { NULL, 0 } };

static void burst_and_delete(const struct ms_bench *bench, const char *row,
			     const struct quantile *quantiles, unsigned int pairs,
			     unsigned int round)
{
	struct watch watch = { .expected = pairs, .protects = true };

	memset(links, 0, sizeof(links));
	watched_burst(bench, row, NULL, &watch, round);
	report(bench, "attach_reload", row, quantiles, round);
	ms_bench_command("sed -E 's/^link add (w[0-9]+) .*/link del \\1/' " BATCH " | ip -batch -");
}

static unsigned int burst_during_reloads(const struct ms_bench *bench, const char *row,
					 unsigned int pairs, unsigned int round)
{
	const struct timespec moment = { .tv_nsec = 300000000 };

	settle(bench);
	ms_bench_daemon_ctl_repeat("policy apply");
	/* Until one is under way; from then on there is always one. */
	ppoll(NULL, 0, &moment, NULL);
	burst_and_delete(bench, row, during_reloads, pairs, round);
	return ms_bench_daemon_ctl_rest();
}

static void burst_at_rest(const struct ms_bench *bench, const char *row, unsigned int pairs,
			  unsigned int round)
{
	settle(bench);
	burst_and_delete(bench, row, at_rest, pairs, round);
}

void ms_bench_reload(const struct ms_bench *bench)
{
	static const unsigned int sizes[] = { 1, 100 };
	struct ms_bench_rules rules = ms_bench_rules_make(MS_BENCH_SHAPE_MICRO,
							  bench->smoke   ? 1000
							  : bench->quick ? 10000
									 : RELOADED_RULES,
							  1);
	unsigned int rounds = bench->smoke ? 1 : bench->quick ? 3 : 10, reloads = 0;
	size_t length;
	char *text = ms_bench_rules_document(&rules, "", &length);

	ms_bench_world_enter();
	ms_bench_daemon_start(text, length);
	for (unsigned int turn = 0; turn < rounds * ms_array_size(sizes); turn++) {
		unsigned int pairs = sizes[turn % ms_array_size(sizes)];
		unsigned int round = turn / (unsigned int)ms_array_size(sizes);
		char row[32];

		snprintf(row, sizeof(row), "%u", pairs);
		write_batch(pairs);
		if (round % 2 == 0)
			burst_at_rest(bench, row, pairs, round);
		reloads += burst_during_reloads(bench, row, pairs, round);
		if (round % 2)
			burst_at_rest(bench, row, pairs, round);
	}
	if (reloads == 0)
		ms_bench_fail("nothing was reloaded");
	ms_bench_daemon_stop();
}

void ms_bench_attach(const struct ms_bench *bench)
{
	static const unsigned int sizes[] = { 1, 100, 1000, 4000 };

	for (size_t i = 0; i < ms_array_size(sizes); i++) {
		unsigned int rounds = bench->smoke ? 1 : bench->quick || sizes[i] > 1000 ? 3 : 10;

		if ((bench->quick && sizes[i] > 1000) || (bench->smoke && sizes[i] > 100))
			continue;
		for (unsigned int turn = 0; turn < CONTENDERS * rounds; turn++) {
			unsigned int round = turn / CONTENDERS;
			int status;
			pid_t pid = fork();

			if (pid == 0) {
				one_burst(bench, sizes[i], round, (turn + round) % CONTENDERS);
				exit(0);
			}
			if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
				ms_bench_fail("a burst of %u pairs failed", sizes[i]);
		}
	}
}
