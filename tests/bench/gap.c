/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What passes new interfaces before they are attached: both ends of every pair are sent to from
 * before they are up, the policy lets nothing through, and so what the receiver counts is what was
 * not judged. The receiver is the IP layer of the namespace that both ends are in: it counts what
 * came in by any device, past the hooks of those that have some.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
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
#include "tests/bench/daemon.h"
#include "tests/bench/drive.h"
#include "tests/bench/result.h"
#include "tests/bench/world.h"

#define BATCH "/run/batch"
#define ENDS_MAX 20000
#define LATE_NS 10000000ull
#define PATIENCE_NS (120 * 1000000000ull)
#define PAUSE_NS 20000000ull
#define RECEIVE_BYTES (64 << 20)

static const char policy[] = "version: 1\n"
			     "groups:\n"
			     "  - { name: new, match: { name: \"w*\" }, non_ip: deny,\n"
			     "      default: { in: deny, out: deny } }\n"
			     "failsafe: { in: [], out: [] }\n";

enum way {
	AT_ONCE, /* brought up by the burst itself */
	LATE,    /* brought up here LATE_NS after they were heard of */
	PAUSED,  /* as AT_ONCE, and the daemon does nothing until PAUSE_NS after the last */
	WAYS,
};

static struct {
	int ifindexes[ENDS_MAX]; /* in the order in which they were heard of */
	uint64_t heard_ns[ENDS_MAX];
	atomic_uint count;
	atomic_bool is_over;
	enum way way;
	int events, sender;
} ends;

/* ---- the ends ---- */

static int open_netlink(unsigned int groups)
{
	struct sockaddr_nl local = { .nl_family = AF_NETLINK, .nl_groups = groups };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), size = RECEIVE_BYTES;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0 ||
	    bind(fd, (struct sockaddr *)&local, sizeof(local)) < 0)
		ms_bench_fail("links cannot be watched: %s", strerror(errno));
	return fd;
}

static void hear_of(int ifindex)
{
	unsigned int count = atomic_load(&ends.count);

	if (count > 0 && ifindex <= ends.ifindexes[count - 1])
		return;
	if (count == ENDS_MAX)
		ms_bench_fail("more than %u ends", ENDS_MAX);
	ends.ifindexes[count] = ifindex;
	ends.heard_ns[count] = ms_bench_wall_ns();
	atomic_store(&ends.count, count + 1);
}

static void read_events(void)
{
	static char buf[1 << 20] __attribute__((aligned(8)));
	ssize_t n = recv(ends.events, buf, sizeof(buf), MSG_DONTWAIT);
	struct nlmsghdr *message = (struct nlmsghdr *)buf;

	if (n < 0 && errno == ENOBUFS)
		ms_bench_fail("messages of links were lost");
	for (unsigned int left = n > 0 ? (unsigned int)n : 0; NLMSG_OK(message, left);
	     message = NLMSG_NEXT(message, left)) {
		const struct ifinfomsg *info = NLMSG_DATA(message);

		if (message->nlmsg_type == RTM_NEWLINK && !(info->ifi_flags & IFF_LOOPBACK))
			hear_of(info->ifi_index);
	}
}

static void bring_up(int fd, int ifindex)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg info;
	} request = {
		.header = { .nlmsg_len = sizeof(request),
			    .nlmsg_type = RTM_NEWLINK,
			    .nlmsg_flags = NLM_F_REQUEST },
		.info = { .ifi_index = ifindex, .ifi_flags = IFF_UP, .ifi_change = IFF_UP },
	};

	if (send(fd, &request, sizeof(request), 0) < 0)
		ms_bench_fail("link %d cannot be brought up: %s", ifindex, strerror(errno));
}

/* Numbers come in order, a pair's two one behind the other: none is missed. */
static void *follow(void *user)
{
	struct pollfd wait = { .fd = ends.events, .events = POLLIN };
	const struct timespec moment = { .tv_nsec = 200000 };
	ms_cleanup(ms_close_fd) int fd = open_netlink(0);
	unsigned int up = 0;

	(void)user;
	while (!atomic_load(&ends.is_over)) {
		if (ppoll(&wait, 1, &moment, NULL) > 0)
			read_events();
		while (ends.way == LATE && up < atomic_load(&ends.count) &&
		       ms_bench_wall_ns() - ends.heard_ns[up] >= LATE_NS)
			bring_up(fd, ends.ifindexes[up++]);
	}
	return NULL;
}

/* One after the other, for ever; a link that is down refuses, which is the point. */
static void *send_all(void *user)
{
	struct ms_bench_frame frame = ms_bench_frame(4, IPPROTO_UDP, 0, 0);

	(void)user;
	/* To whom it may concern: nobody here has the server's address. */
	memset(frame.bytes, 0xff, 6);
	while (!atomic_load(&ends.is_over)) {
		unsigned int count = atomic_load(&ends.count);

		for (unsigned int i = 0; i < count; i++) {
			struct sockaddr_ll to = {
				.sll_family = AF_PACKET,
				.sll_ifindex = ends.ifindexes[i],
				.sll_halen = 6,
			};

			(void)!sendto(ends.sender, frame.bytes, frame.length, MSG_DONTWAIT,
				      (struct sockaddr *)&to, sizeof(to));
		}
		if (count == 0)
			sched_yield();
	}
	return NULL;
}

/* ---- what was counted ---- */

static uint64_t received(void)
{
	ms_cleanup(ms_close_file) FILE *file = fopen("/proc/thread-self/net/snmp", "re");
	unsigned long long forwarding, ttl, count;
	char line[1024];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Ip: %llu %llu %llu", &forwarding, &ttl, &count) == 3)
			return count;
	ms_bench_fail("the namespace does not say what it received");
}

struct tally {
	unsigned int protected_, exact;
	uint64_t unfiltered, denied;
};

/* Of all that the line says under this key. */
static uint64_t sum(const char *line, const char *key, unsigned int *ret_count)
{
	uint64_t all = 0;

	*ret_count = 0;
	for (const char *at = line; (at = strstr(at, key)); ++*ret_count) {
		at += strlen(key);
		all += strtoull(at, NULL, 10);
	}
	return all;
}

static struct tally ask(void)
{
	ms_cleanup(ms_close_file) FILE *file = NULL;
	ms_cleanup(ms_free) char *line = NULL;
	struct tally tally = { 0 };
	unsigned int sides;
	size_t size = 0;

	ms_bench_daemon_ctl_end(ms_bench_daemon_ctl("iface list --state protected -o json"));
	file = fopen(MS_BENCH_DAEMON_SAID, "re");
	if (!file || getline(&line, &size, file) < 0)
		ms_bench_fail("the daemon says nothing of its interfaces");
	sum(line, "\"unfiltered_exact\":true", &tally.exact);
	tally.unfiltered = sum(line, "\"unfiltered_packets\":", &tally.protected_);
	tally.denied = sum(line, "\"in_dropped_packets\":", &sides);
	tally.denied += sum(line, "\"out_dropped_packets\":", &sides);
	return tally;
}

/* Until `pairs` are so, or nothing has changed for long: some are lost then. */
static struct tally wait_for(unsigned int pairs, bool is_exact)
{
	const struct timespec moment = { .tv_nsec = 200000000 };
	uint64_t began = ms_bench_wall_ns();
	struct tally tally = ask();

	while ((is_exact ? tally.exact : tally.protected_) < pairs &&
	       ms_bench_wall_ns() - began < PATIENCE_NS) {
		ppoll(NULL, 0, &moment, NULL);
		tally = ask();
	}
	return tally;
}

static void write_batch(unsigned int pairs, enum way way)
{
	ms_cleanup(ms_close_file) FILE *file = fopen(BATCH, "we");
	bool is_late = way == LATE;

	for (unsigned int i = 0; file && i < pairs; i++) {
		fprintf(file, "link add w%u %stype veth peer name p%u\n", i, is_late ? "" : "up ",
			i);
		/* The other end can be up only when it has one that is. */
		if (!is_late)
			fprintf(file, "link set p%u up\n", i);
	}
	if (!file || fflush(file) != 0)
		ms_bench_fail("%s: %s", BATCH, strerror(errno));
}

static void make_pairs(enum way way)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };

	if (way == PAUSED)
		ms_bench_daemon_pause();
	ms_bench_command("ip -batch " BATCH);
	if (way == PAUSED) {
		ppoll(NULL, 0, &pause, NULL);
		ms_bench_daemon_go_on();
	}
}

static void measure(const struct ms_bench *bench, unsigned int pairs, enum way way,
		    unsigned int round)
{
	static const char *const names[] = {
		[AT_ONCE] = "up at once",
		[LATE] = "up 10 ms after they are heard of",
		[PAUSED] = "up while the daemon is stopped",
	};
	pthread_t follower, sender;
	struct tally tally;
	uint64_t before, came;
	char row[64];

	ms_bench_world_enter();
	ms_bench_command("echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6");
	write_batch(pairs, way);
	ends.way = way;
	ends.events = open_netlink(RTMGRP_LINK);
	ends.sender = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	ms_bench_daemon_start(policy, sizeof(policy) - 1);
	before = received();
	if (ends.sender < 0 || pthread_create(&follower, NULL, follow, NULL) != 0 ||
	    pthread_create(&sender, NULL, send_all, NULL) != 0)
		ms_bench_fail("nobody can send: %s", strerror(errno));
	make_pairs(way);
	tally = wait_for(pairs, false);
	atomic_store(&ends.is_over, true);
	pthread_join(follower, NULL);
	pthread_join(sender, NULL);
	tally = wait_for(pairs, true);
	came = received() - before;
	snprintf(row, sizeof(row), "%u, %s", pairs, names[way]);
	ms_bench_sample(bench, "gap", row, "interfaces lost", round, pairs - tally.protected_);
	ms_bench_sample(bench, "gap", row, "received before", round, (double)came);
	ms_bench_sample(bench, "gap", row, "unfiltered_packets", round, (double)tally.unfiltered);
	ms_bench_sample(bench, "gap", row, "denied then", round, (double)tally.denied);
	ms_bench_sample(bench, "gap", row, "apart", round,
			came > tally.unfiltered ? (double)(came - tally.unfiltered)
						: (double)(tally.unfiltered - came));
	ms_bench_daemon_stop();
	if (bench->smoke)
		return;
	if (tally.denied < pairs)
		ms_bench_fail("%u pairs, and no more than %llu packets were sent", pairs,
			      (unsigned long long)tally.denied);
	if (tally.protected_ != pairs || tally.exact != pairs || tally.unfiltered != came)
		ms_bench_fail("of %u pairs %u are protected and %u counted; %llu packets were let "
			      "by, and %llu counted",
			      pairs, tally.protected_, tally.exact, (unsigned long long)came,
			      (unsigned long long)tally.unfiltered);
	if (way == PAUSED && came == 0)
		ms_bench_fail("a stopped daemon let nothing by");
}

void ms_bench_gap(const struct ms_bench *bench)
{
	static const unsigned int sizes[] = { 100, 1000, 4000 };
	bool has_failed = false;

	for (size_t i = 0; i < ms_array_size(sizes); i++) {
		unsigned int rounds = bench->quick ? 1 : 3;

		if ((bench->smoke && sizes[i] > 100) || (bench->quick && sizes[i] > 1000))
			continue;
		for (unsigned int turn = 0; turn < WAYS * rounds; turn++) {
			int status;
			pid_t pid = fork();

			if (pid == 0) {
				measure(bench, sizes[i], turn % WAYS, turn / WAYS);
				exit(0);
			}
			if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
				has_failed = true;
		}
	}
	if (has_failed)
		ms_bench_fail("not every interface was attached, or not every packet counted");
}
