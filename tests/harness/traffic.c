/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "tests/harness/traffic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
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

	if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1)
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
	uint8_t packet[8] = { v4 ? ICMP_ECHO : ICMPV6_ECHO_REQUEST }, answer[256];
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
	if (sendto(fd, packet, sizeof(packet), 0, (void *)&to, size) != sizeof(packet))
		return -errno;
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
