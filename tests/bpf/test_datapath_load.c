/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The shipped objects: load, within a budget, one of them without CAP_PERFMON; the clock is
 * jiffies.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bpf/lib/layout.h"
#include "microseg.skel.h"
#include "microseg_hardened.skel.h"
#include "microseg_set.skel.h"
#include "tests/bpf/private_bpffs.h"
#include "tests/harness/ms_check.h"

/* Measured on 6.1 and 6.18, and half as much again. Past it a loop or a branch got out of hand, and
 * some kernel will be the first to refuse the program. */
struct budget {
	const char *program;
	uint32_t verified_insns;
};

static const struct budget budgets[] = {
	{ "ms_ingress", 44000 }, { "ms_egress", 44000 }, { "ms_slow", 90000 },
	{ "ms_trace", 61000 },   { "ms_reap", 2100 },    { "ms_clock", 100 },
	{ "ms_resume", 8700 },
};

/* What stands behind the look for a session is verified for each line in which it may lie. */
static const struct budget set_budgets[] = {
	{ "ms_ingress", 114000 }, { "ms_egress", 114000 }, { "ms_slow", 112000 },
	{ "ms_trace", 84000 },    { "ms_reap", 17000 },    { "ms_clock", 100 },
	{ "ms_resume", 8700 },
};

static const struct budget hardened_budgets[] = {
	{ "ms_ingress", 31000 }, { "ms_egress", 31000 }, { "ms_slow", 79000 },
	{ "ms_trace", 49000 },   { "ms_reap", 2100 },    { "ms_clock", 100 },
	{ "ms_resume", 8700 },
};

static void hold_to(struct bpf_object *object, const struct budget *budget, size_t n_budgets)
{
	struct bpf_program *program;
	size_t count = 0;

	bpf_object__for_each_program(program, object) count++;
	ck_assert_uint_eq(count, n_budgets);
	for (size_t i = 0; i < count; i++) {
		struct bpf_prog_info info = { 0 };
		uint32_t length = sizeof(info);

		program = bpf_object__find_program_by_name(object, budget[i].program);
		ck_assert_ptr_nonnull(program);
		ck_assert_int_eq(bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &length),
				 0);
		printf("%-12s verified %6u of %6u, %5u instructions\n", budget[i].program,
		       info.verified_insns, budget[i].verified_insns, info.xlated_prog_len / 8);
		ck_assert_uint_le(info.verified_insns, budget[i].verified_insns);
	}
}

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

START_TEST(programs_stay_within_their_budget)
{
	struct microseg_bpf *skeleton = microseg_bpf__open_and_load();

	ck_assert_ptr_nonnull(skeleton);
	hold_to(skeleton->obj, budgets, sizeof(budgets) / sizeof(budgets[0]));
	microseg_bpf__destroy(skeleton);
}
END_TEST

START_TEST(programs_of_the_set_stay_within_their_budget)
{
	struct microseg_set_bpf *skeleton = microseg_set_bpf__open_and_load();

	ck_assert_ptr_nonnull(skeleton);
	hold_to(skeleton->obj, set_budgets, sizeof(set_budgets) / sizeof(set_budgets[0]));
	microseg_set_bpf__destroy(skeleton);
}
END_TEST

START_TEST(hardened_programs_stay_within_their_budget)
{
	struct microseg_hardened_bpf *skeleton = microseg_hardened_bpf__open_and_load();

	ck_assert_ptr_nonnull(skeleton);
	hold_to(skeleton->obj, hardened_budgets,
		sizeof(hardened_budgets) / sizeof(hardened_budgets[0]));
	microseg_hardened_bpf__destroy(skeleton);
}
END_TEST

START_TEST(the_hardened_object_loads_without_cap_perfmon)
{
	const uint64_t keep = 1ull << CAP_BPF | 1ull << CAP_NET_ADMIN;
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = {
		{ .effective = (uint32_t)keep, .permitted = (uint32_t)keep },
		{ .effective = keep >> 32, .permitted = keep >> 32 },
	};
	struct microseg_hardened_bpf *skeleton;

	ck_assert_int_eq(syscall(SYS_capset, &header, data), 0);
	libbpf_set_print(silent);
	skeleton = microseg_hardened_bpf__open_and_load();
	/* Older verifiers take any four bytes written over eight for an attack if they do not trust
	 * the loader with pointers. */
	if (ms_private_bpffs_loads_hardened())
		ck_assert_ptr_nonnull(skeleton);
	else
		ck_assert(!skeleton && (errno == EACCES || errno == E2BIG));
	microseg_hardened_bpf__destroy(skeleton);
}
END_TEST

START_TEST(the_clock_probe_reads_both_clocks)
{
	struct microseg_bpf *skeleton = microseg_bpf__open_and_load();
	static const uint8_t frame[64];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame));
	struct ms_clock_io io = { 0 };
	struct timespec now;
	uint32_t zero = 0;
	int64_t ns;

	ck_assert_ptr_nonnull(skeleton);
	ck_assert_int_eq(bpf_prog_test_run_opts(bpf_program__fd(skeleton->progs.ms_clock), &opts),
			 0);
	ck_assert_int_eq(bpf_map_lookup_elem(bpf_map__fd(skeleton->maps.ms_clock_io), &zero, &io),
			 0);
	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = now.tv_sec * 1000000000ll + now.tv_nsec - (int64_t)io.ktime_ns;
	ck_assert_int_ge(ns, 0);
	ck_assert_int_lt(ns, 10000000000ll);
	ck_assert_uint_gt(io.jiffies, 0);
	microseg_bpf__destroy(skeleton);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("datapath_load");
	TCase *tcase = tcase_create("load");

	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, ms_private_bpffs_setup, NULL);
	tcase_add_test(tcase, programs_stay_within_their_budget);
	tcase_add_test(tcase, programs_of_the_set_stay_within_their_budget);
	tcase_add_test(tcase, hardened_programs_stay_within_their_budget);
	tcase_add_test(tcase, the_hardened_object_loads_without_cap_perfmon);
	tcase_add_test(tcase, the_clock_probe_reads_both_clocks);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return ms_check_run(make_suite());
}
