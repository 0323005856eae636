/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/netns/hooks.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include "core/base/cleanup.h"
#include "hooks.skel.h"
#include "netlink/request.h"
#include "tests/harness/netns.h"

static struct hooks_bpf *skeleton;
static uint64_t forgotten[MS_HOOKS__COUNT];

bool ms_hooks_kernel_has_tcx(void)
{
	struct utsname system;
	unsigned int major, minor;

	if (uname(&system) != 0 || sscanf(system.release, "%u.%u", &major, &minor) != 2)
		return false;
	return major > 6 || (major == 6 && minor >= 6);
}

void ms_hooks_load(void)
{
	/* What was loaded before lives as long as it hangs somewhere. */
	if (skeleton)
		hooks_bpf__destroy(skeleton);
	skeleton = hooks_bpf__open_and_load();
	ck_assert_ptr_nonnull(skeleton);
	memset(forgotten, 0, sizeof(forgotten));
}

int ms_hooks_fd(enum ms_hooks_program program)
{
	switch (program) {
	case MS_HOOKS_INGRESS:
		return bpf_program__fd(skeleton->progs.ms_ingress);
	case MS_HOOKS_EGRESS:
		return bpf_program__fd(skeleton->progs.ms_egress);
	default:
		return bpf_program__fd(skeleton->progs.foreign);
	}
}

uint32_t ms_hooks_id(enum ms_hooks_program program)
{
	struct bpf_prog_info info = { .type = 0 };
	uint32_t size = sizeof(info);

	ck_assert_int_eq(bpf_obj_get_info_by_fd(ms_hooks_fd(program), &info, &size), 0);
	return info.id;
}

uint64_t ms_hooks_runs(enum ms_hooks_program program)
{
	return __atomic_load_n(&skeleton->bss->runs[program], __ATOMIC_RELAXED) -
	       forgotten[program];
}

void ms_hooks_forget_runs(void)
{
	for (int i = 0; i < MS_HOOKS__COUNT; i++)
		forgotten[i] += ms_hooks_runs((enum ms_hooks_program)i);
}

uint32_t ms_hooks_ifindex(const char *ifname)
{
	uint32_t ifindex = if_nametoindex(ifname);

	ck_assert_msg(ifindex != 0, "no interface %s", ifname);
	return ifindex;
}

void ms_hooks_up(const char *ifname, const char *peer)
{
	ms_netns_run_command("ip link set %s up && ip link set %s up", ifname, peer);
	ms_netns_wait_carrier(ifname);
	ms_netns_wait_carrier(peer);
}

void ms_hooks_send(const char *ifname, unsigned int count)
{
	const struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_ifindex = (int)ms_hooks_ifindex(ifname),
		.sll_halen = ETH_ALEN,
	};
	unsigned char frame[ETH_ZLEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	ms_cleanup(ms_close_fd) int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	frame[6] = 0x02;
	frame[12] = 0x88; /* for local experiments */
	frame[13] = 0xb5;
	for (unsigned int i = 0; i < count; i++)
		ck_assert_int_eq(sendto(fd, frame, sizeof(frame), 0, (const void *)&to, sizeof(to)),
				 sizeof(frame));
}

struct expectation {
	enum ms_hooks_program program;
	uint64_t runs;
};

static bool has_run(void *user)
{
	const struct expectation *expectation = user;

	return ms_hooks_runs(expectation->program) >= expectation->runs;
}

void ms_hooks_must_run(const char *ifname, unsigned int count, enum ms_hooks_program program)
{
	struct expectation expectation = { program, ms_hooks_runs(program) + count };

	ms_hooks_send(ifname, count);
	ck_assert_msg(ms_netns_wait(has_run, &expectation, 5), "program %d did not run by %s",
		      program, ifname);
	ck_assert_uint_eq(ms_hooks_runs(program), expectation.runs);
}

void ms_hooks_add_filter(const char *ifname, enum ms_hook hook, uint16_t priority, uint32_t handle,
			 const char *name, enum ms_hooks_program program)
{
	struct tcmsg header = {
		.tcm_ifindex = (int)ms_hooks_ifindex(ifname),
		.tcm_handle = handle,
		.tcm_parent = TC_H_MAKE(TC_H_CLSACT, hook == MS_HOOK_INGRESS ? TC_H_MIN_INGRESS
									     : TC_H_MIN_EGRESS),
		.tcm_info = TC_H_MAKE((uint32_t)priority << 16, htons(ETH_P_ALL)),
	};
	struct nl_msg *message = nlmsg_alloc_simple(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL);
	struct ms_request *request;
	struct nlattr *options;
	int result;

	ck_assert_ptr_nonnull(message);
	ck_assert_int_eq(nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO), 0);
	ck_assert_int_eq(nla_put_string(message, TCA_KIND, "bpf"), 0);
	options = nla_nest_start(message, TCA_OPTIONS);
	ck_assert_ptr_nonnull(options);
	ck_assert_int_eq(nla_put_u32(message, TCA_BPF_FD, (uint32_t)ms_hooks_fd(program)), 0);
	ck_assert_int_eq(nla_put_string(message, TCA_BPF_NAME, name), 0);
	ck_assert_int_eq(nla_put_u32(message, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT), 0);
	nla_nest_end(message, options);
	ck_assert_int_eq(ms_request_open(NETLINK_ROUTE, &request), 0);
	ck_assert_int_eq(ms_request_send(request, &message, 1, &result, NULL, NULL), 0);
	ck_assert_int_eq(result, 0);
	nlmsg_free(message);
	ms_request_close(request);
}

int ms_hooks_add_link(const char *ifname, enum ms_hook hook, enum ms_hooks_program program)
{
	const int tcx_ingress = 46, tcx_egress = 47;
	int fd = bpf_link_create(
		ms_hooks_fd(program), (int)ms_hooks_ifindex(ifname),
		(enum bpf_attach_type)(hook == MS_HOOK_INGRESS ? tcx_ingress : tcx_egress), NULL);

	ck_assert_int_ge(fd, 0);
	return fd;
}
