/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What applications see: TCP throughput, requests over one connection, and whole connections, from
 * one namespace into another over a veth pair that nothing, microseg (the daemon's own set-up,
 * whose namespace is ours) or nftables with conntrack looks at. Each path's server is in a
 * namespace of its own, so that none pays for the hooks of another's. Clients are one thread, so is
 * each server; the wall clock counts.
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
	int client, serving; /* namespaces */
	int listener;
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
	const struct path *path = user;
	char buf[BLOCK];

	for (;;) {
		ms_cleanup(ms_close_fd) int fd = accept4(path->listener, NULL, NULL, SOCK_CLOEXEC);
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

static int open_netns(const char *name)
{
	char file[64];
	int fd;

	snprintf(file, sizeof(file), "/run/netns/%s", name);
	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		ms_bench_fail("%s: %s", file, strerror(errno));
	return fd;
}

/* Pair number `n`: w0 with 10.N.0.1 in the namespace `serving`, its peer in one of its own. */
static void make_path(struct path *path, unsigned int n, int serving)
{
	char client[16], address[32];

	path->serving = serving;
	snprintf(client, sizeof(client), "c%u", n);
	snprintf(address, sizeof(address), "10.%u.0.1", n);
	go(serving);
	ms_bench_command("ip netns add %s && ip link set lo up && "
			 "ip link add w0 type veth peer name eth0 netns %s && "
			 "ip addr add %s/24 dev w0 && ip link set w0 up && "
			 "ip -n %s addr add 10.%u.0.2/24 dev eth0 && ip -n %s link set eth0 up",
			 client, client, address, client, n, client);
	go(own_netns);
	path->client = open_netns(client);
	path->server = (struct sockaddr_in) { .sin_family = AF_INET, .sin_port = htons(PORT) };
	inet_pton(AF_INET, address, &path->server.sin_addr);
}

static int new_netns(const char *name)
{
	ms_bench_command("ip netns add %s", name);
	return open_netns(name);
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

static void start_server(struct path *path)
{
	pthread_t thread;

	go(path->serving);
	path->listener = listen_here();
	if (pthread_create(&thread, NULL, serve, path) != 0)
		ms_bench_fail("no thread to serve");
	go(own_netns);
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

static void track(const struct path *path)
{
	go(path->serving);
	ms_bench_command(
		"printf '%%s\\n' 'table ip tracked {' 'chain in {' 'type filter hook input "
		"priority 0; policy drop;' 'ct state established,related accept' "
		"'ip saddr 10.0.0.0/8 accept' '}' '}' | nft -f -");
	go(own_netns);
}

void ms_bench_tcp(const struct ms_bench *bench)
{
	enum { NOTHING, MICROSEG, TRACKED, PATHS };
	struct path paths[PATHS] = { [NOTHING] = { .column = "nothing" },
				     [MICROSEG] = { .column = "microseg" },
				     [TRACKED] = { .column = "nft ct state" } };
	struct ms_bench_variant variants[PATHS];

	ms_bench_world_enter();
	own_netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	make_path(&paths[NOTHING], 0, new_netns("s0"));
	make_path(&paths[MICROSEG], 1, own_netns);
	make_path(&paths[TRACKED], 2, new_netns("s2"));
	track(&paths[TRACKED]);
	start_daemon();
	for (int i = 0; i < PATHS; i++)
		start_server(&paths[i]);
	for (int kind = 0; kind < KIND__COUNT; kind++) {
		for (int i = 0; i < PATHS; i++) {
			paths[i].kind = kind;
			paths[i].duration_ns = bench->smoke   ? 50000000
					       : bench->quick ? 200000000
							      : 500000000;
			variants[i] =
				(struct ms_bench_variant) { paths[i].column, measure, &paths[i] };
		}
		ms_bench_compare(bench, "tcp", rows[kind], variants, PATHS);
	}
	ms_bench_daemon_stop();
}
