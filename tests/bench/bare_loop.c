/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "tests/bench/bare_loop.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/base/thread.h"
#include "tests/bench/result.h"

#define LINKS_MAX 20000
#define RECEIVE_BYTES (16 << 20)
#define MESSAGES 3

struct order {
	struct nlmsghdr header;
	struct tcmsg tc;
	char attributes[64];
};

static pid_t loop_pid;

static int load_pass(void)
{
	const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = TC_ACT_UNSPEC },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "bare", "GPL", code, ms_array_size(code),
			       NULL);

	if (fd < 0)
		ms_bench_fail("a program that returns at once: %s", strerror(-fd));
	return fd;
}

static int open_links(void)
{
	const struct sockaddr_nl local = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int bytes = RECEIVE_BYTES;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0 ||
	    bind(fd, (const struct sockaddr *)&local, sizeof(local)) < 0)
		ms_bench_fail("links cannot be followed: %s", strerror(errno));
	return fd;
}

static struct rtattr *put(struct order *order, unsigned short type, const void *data, size_t size)
{
	struct rtattr *attr = (struct rtattr *)((char *)order + order->header.nlmsg_len);

	attr->rta_type = type;
	attr->rta_len = (unsigned short)RTA_LENGTH(size);
	if (size)
		memcpy(RTA_DATA(attr), data, size);
	order->header.nlmsg_len += RTA_ALIGN(attr->rta_len);
	return attr;
}

static void make(struct order *order, int type, int ifindex)
{
	*order = (struct order) {
		.header = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct tcmsg)),
			    .nlmsg_type = (unsigned short)type,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK },
		.tc = { .tcm_ifindex = ifindex },
	};
}

/* As who has something to work out: its processor is not given away. */
static void be_late(uint64_t ns)
{
	uint64_t began = ms_bench_wall_ns();

	while (ms_bench_wall_ns() - began < ns)
		;
}

static void attach(int fd, int program, int ifindex)
{
	static const uint32_t sides[] = { TC_H_MIN_INGRESS, TC_H_MIN_EGRESS };
	const uint32_t direct = TCA_BPF_FLAG_ACT_DIRECT;
	struct order orders[MESSAGES];
	struct iovec parts[MESSAGES];
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = MESSAGES };

	make(&orders[0], RTM_NEWQDISC, ifindex);
	orders[0].tc.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
	orders[0].tc.tcm_parent = TC_H_CLSACT;
	put(&orders[0], TCA_KIND, "clsact", sizeof("clsact"));
	for (int i = 0; i < 2; i++) {
		struct order *order = &orders[1 + i];
		struct rtattr *options;

		make(order, RTM_NEWTFILTER, ifindex);
		order->tc.tcm_parent = TC_H_MAKE(TC_H_CLSACT, sides[i]);
		order->tc.tcm_info = TC_H_MAKE(1u << 16, htons(ETH_P_ALL));
		put(order, TCA_KIND, "bpf", sizeof("bpf"));
		options = put(order, TCA_OPTIONS, NULL, 0);
		put(order, TCA_BPF_FD, &program, sizeof(program));
		put(order, TCA_BPF_NAME, "bare", sizeof("bare"));
		put(order, TCA_BPF_FLAGS, &direct, sizeof(direct));
		options->rta_len =
			(unsigned short)((char *)order + order->header.nlmsg_len - (char *)options);
	}
	for (int i = 0; i < MESSAGES; i++)
		parts[i] = (struct iovec) { &orders[i], orders[i].header.nlmsg_len };
	if (sendmsg(fd, &message, 0) < 0)
		_exit(1);
	for (int answers = 0; answers < MESSAGES; answers++) {
		char answer[1024];

		if (recv(fd, answer, sizeof(answer), 0) < 0)
			_exit(1);
	}
}

static bool is_wanted(const struct nlmsghdr *message)
{
	static bool known[LINKS_MAX];
	const struct ifinfomsg *info = NLMSG_DATA(message);
	struct rtattr *attr = IFLA_RTA(info);
	int left = (int)IFLA_PAYLOAD(message);

	if (message->nlmsg_type != RTM_NEWLINK || info->ifi_index >= LINKS_MAX ||
	    known[info->ifi_index])
		return false;
	known[info->ifi_index] = true;
	for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left)) {
		if (attr->rta_type == IFLA_IFNAME)
			return *(const char *)RTA_DATA(attr) == 'w';
	}
	return false;
}

static void follow(int links, int orders, int program, uint64_t late_ns)
{
	static char buffer[64 << 10] __attribute__((aligned(8)));

	for (;;) {
		ssize_t n = recv(links, buffer, sizeof(buffer), 0);
		struct nlmsghdr *message = (struct nlmsghdr *)buffer;

		for (unsigned int left = n > 0 ? (unsigned int)n : 0; NLMSG_OK(message, left);
		     message = NLMSG_NEXT(message, left)) {
			const struct ifinfomsg *info = NLMSG_DATA(message);

			if (!is_wanted(message))
				continue;
			be_late(late_ns);
			attach(orders, program, info->ifi_index);
		}
	}
}

void ms_bench_bare_loop_start(uint64_t late_ns)
{
	int program = load_pass(), links = open_links();
	int orders = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	loop_pid = orders < 0 ? -1 : fork();
	if (loop_pid < 0)
		ms_bench_fail("the bare loop: %s", strerror(errno));
	if (loop_pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		ms_bench_roam();
		/* As the daemon's loop. */
		if (ms_thread_go_first() < 0)
			ms_bench_fail("the bare loop: no realtime priority");
		follow(links, orders, program, late_ns);
	}
	close(links);
	close(orders);
	close(program);
}

void ms_bench_bare_loop_stop(void)
{
	kill(loop_pid, SIGKILL);
	waitpid(loop_pid, NULL, 0);
	loop_pid = 0;
}
