/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "tests/harness/traffic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/harness/netns.h"
#include "tests/harness/proc.h"

static socklen_t fill_address(const char *text, uint16_t port, struct sockaddr_storage *ret)
{
	struct sockaddr_in6 *v6 = (void *)ret;
	struct sockaddr_in *v4 = (void *)ret;

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		return sizeof(*v4);
	}
	ck_assert_int_eq(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	return sizeof(*v6);
}

static int socket_in(const char *ns, int family, int type, int protocol)
{
	int fd;

	ms_netns_go(ns);
	fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	ms_netns_go(NULL);
	ck_assert_int_ge(fd, 0);
	return fd;
}

/* 0 when `fd` has `events` before the deadline. */
static int wait_fd(int fd, short events, uint64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = events };
	uint64_t now = ms_netns_now_ns();

	if (now >= deadline || poll(&p, 1, (int)((deadline - now) / 1000000) + 1) == 0)
		return -ETIMEDOUT;
	return 0;
}

static uint64_t deadline_in(unsigned int ms)
{
	return ms_netns_now_ns() + ms * 1000000ull;
}

/* ---- server ---- */

struct server {
	int tcp, udp;
};

static int listen_on(const char *ns, int type, uint16_t port)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket_in(ns, AF_INET6, type, 0);
	int one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	ck_assert_int_eq(bind(fd, (void *)&any, sizeof(any)), 0);
	if (type == SOCK_STREAM)
		ck_assert_int_eq(listen(fd, 1024), 0);
	return fd;
}

static void answer_get(int fd)
{
	static char body[MS_TRAFFIC_ANSWER + 64];
	int n = snprintf(body, 64, "HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n",
			 MS_TRAFFIC_ANSWER);
	size_t left = n + MS_TRAFFIC_ANSWER;
	const char *at = body;

	memset(body + n, 'x', MS_TRAFFIC_ANSWER);
	fcntl(fd, F_SETFL, 0);
	while (left) {
		ssize_t sent = send(fd, at, left, MSG_NOSIGNAL);

		if (sent <= 0)
			break;
		at += sent;
		left -= sent;
	}
	shutdown(fd, SHUT_WR);
}

static void serve_connection(int epoll_fd, int fd)
{
	char text[4096];
	ssize_t n = recv(fd, text, sizeof(text), MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		close(fd);
	} else if (n >= 4 && !memcmp(text, "GET ", 4)) {
		answer_get(fd);
		epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		close(fd);
	} else {
		send(fd, text, n, MSG_NOSIGNAL);
	}
}

static void serve(void *user)
{
	struct server *server = user;
	struct epoll_event event = { .events = EPOLLIN, .data.fd = server->tcp };
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, server->tcp, &event);
	event.data.fd = server->udp;
	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, server->udp, &event);
	while (epoll_wait(epoll_fd, &event, 1, -1) == 1 || errno == EINTR) {
		int fd = event.data.fd;

		if (fd == server->udp) {
			struct sockaddr_storage peer;
			socklen_t size = sizeof(peer);
			char text[2048];
			ssize_t n = recvfrom(fd, text, sizeof(text), 0, (void *)&peer, &size);

			if (n >= 0)
				sendto(fd, text, n, 0, (void *)&peer, size);
		} else if (fd == server->tcp) {
			event.data.fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
			if (event.data.fd >= 0)
				epoll_ctl(epoll_fd, EPOLL_CTL_ADD, event.data.fd, &event);
		} else {
			serve_connection(epoll_fd, fd);
		}
	}
}

pid_t ms_traffic_server(const char *ns, uint16_t port)
{
	struct server server = { listen_on(ns, SOCK_STREAM, port),
				 listen_on(ns, SOCK_DGRAM, port) };
	pid_t pid = ms_proc_fork(ns, serve, &server);

	close(server.tcp);
	close(server.udp);
	return pid;
}

/* ---- clients ---- */

int ms_traffic_connect(const char *ns, const char *address, uint16_t port, unsigned int ms)
{
	struct sockaddr_storage to;
	socklen_t size = fill_address(address, port, &to);
	ms_cleanup(ms_close_fd) int fd = socket_in(ns, to.ss_family, SOCK_STREAM, 0);
	int error = 0;

	if (connect(fd, (void *)&to, size) != 0) {
		if (errno != EINPROGRESS)
			return -errno;
		if (wait_fd(fd, POLLOUT, deadline_in(ms)) != 0)
			return -ETIMEDOUT;
		size = sizeof(error);
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
		if (error)
			return -error;
	}
	return ms_take_fd(&fd);
}

int ms_traffic_reach(const char *ns, const char *address, uint16_t port, unsigned int ms)
{
	ms_cleanup(ms_close_fd) int fd = ms_traffic_connect(ns, address, port, ms);

	return fd < 0 ? fd : 0;
}

int ms_traffic_get(const char *ns, const char *address, uint16_t port, unsigned int ms)
{
	static const char request[] = "GET / HTTP/1.0\r\n\r\n";
	uint64_t deadline = deadline_in(ms);
	ms_cleanup(ms_close_fd) int fd = ms_traffic_connect(ns, address, port, ms);
	char chunk[65536];
	int body = 0;
	bool in_body = false;

	if (fd < 0)
		return fd;
	if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) != sizeof(request) - 1)
		return -EIO;
	for (;;) {
		ssize_t n = recv(fd, chunk, sizeof(chunk) - 1, 0);

		if (n == 0)
			return body;
		if (n < 0 && errno != EAGAIN)
			return -errno;
		if (n < 0) {
			if (wait_fd(fd, POLLIN, deadline) != 0)
				return -ETIMEDOUT;
			continue;
		}
		chunk[n] = 0;
		if (!in_body) { /* the head is sent with the first bytes of the body */
			char *end = strstr(chunk, "\r\n\r\n");

			in_body = end != NULL;
			n = end ? n - (end + 4 - chunk) : 0;
		}
		body += n;
	}
}

int ms_traffic_echo(int fd, uint8_t byte, unsigned int ms)
{
	uint64_t deadline = deadline_in(ms);

	if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1 && errno != ENOBUFS)
		return -errno;
	for (;;) {
		uint8_t answer;

		if (wait_fd(fd, POLLIN, deadline) != 0)
			return -ETIMEDOUT;
		if (recv(fd, &answer, 1, 0) != 1)
			return errno ? -errno : -EPIPE;
		if (answer == byte)
			return 0;
	}
}

int ms_traffic_udp(const char *ns, const char *address, uint16_t port, uint16_t sport)
{
	struct sockaddr_storage to, from;
	socklen_t size = fill_address(address, port, &to);
	int fd = socket_in(ns, to.ss_family, SOCK_DGRAM, 0);

	if (sport) {
		fill_address(to.ss_family == AF_INET ? "0.0.0.0" : "::", sport, &from);
		ck_assert_int_eq(bind(fd, (void *)&from, size), 0);
	}
	ck_assert_int_eq(connect(fd, (void *)&to, size), 0);
	return fd;
}

int ms_traffic_ping(const char *ns, const char *address, unsigned int ms)
{
	static uint16_t sequence;
	uint64_t deadline = deadline_in(ms);
	struct sockaddr_storage to;
	socklen_t size = fill_address(address, 0, &to);
	bool v4 = to.ss_family == AF_INET;
	ms_cleanup(ms_close_fd) int fd =
		socket_in(ns, to.ss_family, SOCK_RAW, v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	uint8_t packet[8] = { v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST }, answer[256];
	uint16_t id = getpid();
	uint32_t sum;

	sequence++;
	memcpy(packet + 4, &id, 2);
	memcpy(packet + 6, &sequence, 2);
	if (v4) { /* for IPv6 the kernel fills in the checksum */
		sum = packet[0] + id + sequence;
		sum = (sum & 0xffff) + (sum >> 16);
		sum = ~((sum & 0xffff) + (sum >> 16));
		packet[2] = sum;
		packet[3] = sum >> 8;
	}
	/* ENOBUFS: a hook on the way out dropped it, which for others only time can tell. */
	if (sendto(fd, packet, sizeof(packet), 0, (void *)&to, size) != sizeof(packet))
		return errno == ENOBUFS ? -ETIMEDOUT : -errno;
	for (;;) {
		const uint8_t *icmp = answer;
		ssize_t n;

		if (wait_fd(fd, POLLIN, deadline) != 0)
			return -ETIMEDOUT;
		n = recv(fd, answer, sizeof(answer), 0);
		if (v4)
			icmp += (answer[0] & 15) * 4;
		if (n >= icmp - answer + 8 && icmp[0] == (v4 ? 0 : 129) &&
		    !memcmp(icmp + 4, packet + 4, 4))
			return 0;
	}
}

/* ---- flows in the background ---- */

#define STALL_MS 300

struct pump_job {
	struct ms_traffic_pump *pump;
	int fd;
	unsigned int pause_ms;
};

static void pump(void *user)
{
	struct pump_job *job = user;
	uint8_t byte = 0;

	for (;;) {
		int r = ms_traffic_echo(job->fd, ++byte, STALL_MS);

		if (r == 0)
			job->pump->rounds++;
		else if (r == -ETIMEDOUT || r == -ECONNREFUSED)
			job->pump->stalls++;
		else
			job->pump->error = -r;
		if (job->pump->error)
			return;
		if (job->pause_ms)
			poll(NULL, 0, (int)job->pause_ms);
	}
}

struct ms_traffic_pump *ms_traffic_pump_start(const char *ns, enum ms_traffic_kind kind,
					      const char *address, uint16_t port,
					      unsigned int pause_ms)
{
	struct ms_traffic_pump *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
					      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct pump_job job = { .pump = shared, .pause_ms = pause_ms };

	ck_assert_ptr_ne(shared, MAP_FAILED);
	job.fd = kind == MS_TRAFFIC_TCP ? ms_traffic_connect(ns, address, port, 3000)
					: ms_traffic_udp(ns, address, port, 0);
	ck_assert_msg(job.fd >= 0, "%s:%u: %s", address, port, strerror(-job.fd));
	shared->pid = ms_proc_fork(NULL, pump, &job);
	close(job.fd);
	return shared;
}

struct advance {
	const struct ms_traffic_pump *pump;
	uint64_t rounds;
};

static bool has_advanced(void *user)
{
	const struct advance *advance = user;

	return advance->pump->rounds >= advance->rounds;
}

bool ms_traffic_pump_advances(struct ms_traffic_pump *pump, unsigned int rounds)
{
	struct advance advance = { pump, pump->rounds + rounds };

	return ms_netns_wait(has_advanced, &advance, 10);
}

struct silence {
	const struct ms_traffic_pump *pump;
	uint64_t rounds, stalls;
};

static bool is_silent(void *user)
{
	struct silence *silence = user;

	if (silence->pump->rounds != silence->rounds) {
		silence->rounds = silence->pump->rounds;
		silence->stalls = silence->pump->stalls;
	}
	return silence->pump->stalls >= silence->stalls + 2;
}

bool ms_traffic_pump_stops(struct ms_traffic_pump *pump)
{
	struct silence silence = { pump, pump->rounds, pump->stalls };

	return ms_netns_wait(is_silent, &silence, 20);
}

void ms_traffic_pump_end(struct ms_traffic_pump *pump)
{
	ms_proc_end(pump->pid);
	munmap(pump, sizeof(*pump));
}

/* ---- frames ---- */

int ms_traffic_raw(const char *ns, const char *interface)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int fd;

	ms_netns_go(ns);
	at.sll_ifindex = (int)if_nametoindex(interface);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL));
	ms_netns_go(NULL);
	ck_assert_int_ge(fd, 0);
	ck_assert_msg(bind(fd, (void *)&at, sizeof(at)) == 0, "no interface %s", interface);
	return fd;
}

void ms_traffic_raw_udp(int fd, const char *from, uint16_t sport, const char *to, uint16_t dport,
			uint16_t vlan)
{
	uint8_t frame[64] = { 0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2 };
	uint8_t *at = frame + 12;
	uint32_t sum = 0;

	if (vlan) {
		memcpy(at, (uint8_t[]) { 0x81, 0, vlan >> 8, vlan & 0xff }, 4);
		at += 4;
	}
	memcpy(at, (uint8_t[]) { 8, 0, 0x45, 0, 0, 29, 0, 0, 0, 0, 64, 17 }, 12);
	at += 2;
	ck_assert_int_eq(inet_pton(AF_INET, from, at + 12), 1);
	ck_assert_int_eq(inet_pton(AF_INET, to, at + 16), 1);
	for (int i = 0; i < 20; i += 2)
		sum += at[i] << 8 | at[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~(sum + (sum >> 16));
	at[10] = sum >> 8;
	at[11] = sum;
	at += 20;
	memcpy(at, (uint8_t[]) { sport >> 8, sport, dport >> 8, dport, 0, 9, 0, 0, 'x' }, 9);
	at += 9;
	/* A frame that the hook drops is sent all the same. */
	if (send(fd, frame, at - frame, 0) < 0)
		ck_assert_msg(errno == ENOBUFS, "send: %s", strerror(errno));
}

/* ---- a flow of datagrams ---- */

static void send_datagram(int fd)
{
	/* What the other end says to it (nobody listens) is no matter. */
	if (send(fd, "x", 1, 0) < 0)
		ck_assert_int_eq(send(fd, "x", 1, 0), 1);
}

void ms_traffic_flow(const char *address, uint16_t port, unsigned int count)
{
	const struct itimerspec each = { .it_interval.tv_nsec = 1000000,
					 .it_value.tv_nsec = 1000000 };
	ms_cleanup(ms_close_fd) int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	ms_cleanup(ms_close_fd) int fd = ms_traffic_udp(NULL, address, port, 0);
	uint64_t due;

	send_datagram(fd);
	count--;
	ck_assert_int_eq(timerfd_settime(timer, 0, &each, NULL), 0);
	while (count) {
		ck_assert_int_eq(read(timer, &due, sizeof(due)), sizeof(due));
		for (; due && count; due--, count--)
			send_datagram(fd);
	}
}
