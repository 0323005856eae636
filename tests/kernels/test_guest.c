/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the datapath takes for granted of a stock kernel, tried in the guest before anything of ours
 * is loaded: the kernel is one we support, the classifier's modules are not loaded and come by
 * themselves, and a program attached to a hook is run for a packet.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/harness/ms_check.h"

#define TC_ACT_SHOT 2

static bool module_is_loaded(const char *name)
{
	ms_cleanup(ms_close_file) FILE *modules = fopen("/proc/modules", "re");
	char line[256];

	ck_assert_ptr_nonnull(modules);
	while (fgets(line, sizeof(line), modules)) {
		if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ' ')
			return true;
	}
	return false;
}

static int load(int verdict)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = verdict },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "ms_guest", "GPL", insns,
			       ms_array_size(insns), NULL);

	ck_assert_int_ge(fd, 0);
	return fd;
}

/* Does a datagram sent over lo arrive? The answer is there at once: lo delivers in sendto(). */
static bool arrives(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
	ms_cleanup(ms_close_fd) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(addr);
	char byte = 'x';

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	ck_assert_int_eq(sendto(fd, &byte, 1, 0, (struct sockaddr *)&addr, len), 1);
	return recv(fd, &byte, 1, MSG_DONTWAIT) == 1;
}

START_TEST(kernel_is_supported)
{
	unsigned int major, minor;
	struct utsname uts;

	ck_assert_int_eq(uname(&uts), 0);
	ck_assert_int_eq(sscanf(uts.release, "%u.%u", &major, &minor), 2);
	ck_assert_msg(major > 6 || (major == 6 && minor >= 1), "kernel %s", uts.release);
}
END_TEST

START_TEST(classifier_modules_come_by_themselves_and_drop)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = 1, .attach_point = BPF_TC_INGRESS);
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, filter, .handle = 1, .priority = 1);
	ms_cleanup(ms_close_fd) int fd = load(TC_ACT_SHOT);

	ck_assert(!module_is_loaded("sch_ingress"));
	ck_assert(!module_is_loaded("cls_bpf"));
	ck_assert(arrives());
	ck_assert_int_eq(bpf_tc_hook_create(&hook), 0);
	filter.prog_fd = fd;
	ck_assert_int_eq(bpf_tc_attach(&hook, &filter), 0);
	ck_assert(module_is_loaded("sch_ingress"));
	ck_assert(module_is_loaded("cls_bpf"));
	ck_assert(!arrives());
	hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
	ck_assert_int_eq(bpf_tc_hook_destroy(&hook), 0);
	ck_assert(arrives());
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("kernels/guest");
	TCase *tcase = tcase_create("guest");

	tcase_add_test(tcase, kernel_is_supported);
	tcase_add_test(tcase, classifier_modules_come_by_themselves_and_drop);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
