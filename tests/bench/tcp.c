/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What applications see: TCP throughput, requests over one connection, and whole connections, from
 * a namespace into ours over a veth pair that nothing, microseg (the daemon's own set-up) or
 * nftables with conntrack looks at. Client and server are one thread each; the wall clock counts.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/bench/daemon.h"
#include "tests/bench/result.h"
#include "tests/bench/world.h"

#define PORT 5432
#define BLOCK (128 << 10)

enum kind { THROUGHPUT, REQUESTS, CONNECTIONS, KIND__COUNT };

static const char *const rows[KIND__COUNT] = { "throughput (MB/s)", "requests (1/s)",
					       "connections (1/s)" };

struct path {
	const char *column;
	int client; /* namespace */
	struct sockaddr_in server;
	enum kind kind;
	uint64_t duration_ns;
};

static int own_netns = -1;

/* Of the calling thread. */
static void go(int netns)
{
	if (setns(netns, CLONE_NEWNET) < 0)
		ms_bench_fail("a namespace cannot be entered: %s", strerror(errno));
}

static bool move(int fd, char *buf, size_t size, bool out)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = out ? send(fd, buf + done, size - done, MSG_NOSIGNAL)
				: recv(fd, buf + done, size - done, 0);

		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

static int dial(const struct path *path)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 || connect(fd, (const struct sockaddr *)&path->server, sizeof(path->server)) < 0)
		ms_bench_fail("%s: no connection: %s", path->column, strerror(errno));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

/* Ends with a reset, so that no port waits for a minute. */
static void hang_up(int fd)
{
	const struct linger now = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

/* One client after the other: takes all there is, and answers each byte that comes alone. */
static void *serve(void *user)
{
	int listener = *(int *)user;
	static char buf[BLOCK];

	for (;;) {
		ms_cleanup(ms_close_fd) int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		ssize_t n;

		if (fd < 0)
			return NULL;
		while ((n = recv(fd, buf, sizeof(buf), 0)) > 0)
			if (n == 1 && send(fd, buf, 1, MSG_NOSIGNAL) < 0)
				break;
	}
}

static double measure(void *user)
{
	static char buf[BLOCK];
	const struct path *path = user;
	uint64_t began, count = 0, spent;
	int fd;

	go(path->client);
	fd = dial(path);
	began = ms_bench_wall_ns();
	do {
		bool good;

		if (path->kind == THROUGHPUT) {
			good = move(fd, buf, sizeof(buf), true);
		} else {
			if (path->kind == CONNECTIONS) {
				hang_up(fd);
				fd = dial(path);
			}
			good = move(fd, buf, 1, true) && move(fd, buf, 1, false);
		}
		if (!good)
			ms_bench_fail("%s: the connection broke", path->column);
		count++;
		spent = ms_bench_wall_ns() - began;
	} while (spent < path->duration_ns);
	hang_up(fd);
	go(own_netns);
	return (double)count * (path->kind == THROUGHPUT ? BLOCK / 1e6 : 1) / ((double)spent / 1e9);
}

/* Pair number `n`: `name` here with 10.N.0.1, its peer in a namespace of its own. */
static void make_path(struct path *path, unsigned int n, const char *name)
{
	char file[64], address[32];

	ms_bench_command("ip netns add c%u && ip link add %s type veth peer name eth0 netns c%u && "
			 "ip addr add 10.%u.0.1/24 dev %s && ip link set %s up && "
			 "ip -n c%u addr add 10.%u.0.2/24 dev eth0 && ip -n c%u link set eth0 up",
			 n, name, n, n, name, name, n, n, n);
	snprintf(file, sizeof(file), "/run/netns/c%u", n);
	snprintf(address, sizeof(address), "10.%u.0.1", n);
	path->client = open(file, O_RDONLY | O_CLOEXEC);
	path->server = (struct sockaddr_in) { .sin_family = AF_INET, .sin_port = htons(PORT) };
	inet_pton(AF_INET, address, &path->server.sin_addr);
}

static int listen_here(void)
{
	const struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0 ||
	    listen(fd, 128) < 0)
		ms_bench_fail("a server: %s", strerror(errno));
	return fd;
}

static void start_daemon(void)
{
	struct ms_bench_rules rules = ms_bench_rules_make(MS_BENCH_SHAPE_MICRO, 8, 1);
	size_t length;
	char *text = ms_bench_rules_document(
		&rules, "  - { id: flows, from: 10.0.0.0/8, action: allow }\n", &length);

	ms_bench_daemon_start(text, length);
	free(text);
	ms_bench_rules_fini(&rules);
}

void ms_bench_tcp(const struct ms_bench *bench)
{
	struct path paths[] = { { .column = "nothing" },
				{ .column = "microseg" },
				{ .column = "nft ct state" } };
	struct ms_bench_variant variants[ms_array_size(paths)];
	pthread_t thread;
	int listener;

	ms_bench_world_enter();
	own_netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	ms_bench_command("ip link set lo up");
	make_path(&paths[0], 0, "a0");
	make_path(&paths[1], 1, "w0");
	make_path(&paths[2], 2, "a2");
	/* Only what comes by that device is tracked. */
	ms_bench_command(
		"printf '%%s\\n' 'table ip tracked {' 'chain early {' "
		"'type filter hook prerouting priority raw;' 'iifname != a2 notrack' '}' "
		"'chain out {' 'type filter hook output priority raw;' "
		"'oifname != a2 notrack' '}' 'chain in {' 'type filter hook input priority "
		"0; policy drop;' 'iifname != a2 accept' 'ct state established,related "
		"accept' 'ip saddr 10.0.0.0/8 accept' '}' '}' | nft -f -");
	start_daemon();
	listener = listen_here();
	if (pthread_create(&thread, NULL, serve, &listener) != 0)
		ms_bench_fail("no thread to serve");
	for (int kind = 0; kind < KIND__COUNT; kind++) {
		for (size_t i = 0; i < ms_array_size(paths); i++) {
			paths[i].kind = kind;
			paths[i].duration_ns = bench->smoke   ? 50000000
					       : bench->quick ? 200000000
							      : 500000000;
			variants[i] =
				(struct ms_bench_variant) { paths[i].column, measure, &paths[i] };
		}
		ms_bench_compare(bench, "tcp", rows[kind], variants, ms_array_size(paths));
	}
	ms_bench_daemon_stop();
}
