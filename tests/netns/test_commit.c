/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a load takes and gives back: one that only asks, one that is refused, one too many. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"

static const char policy[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: loopback, match: { kind: loopback }, default: { in: allow, out: allow } }\n"
	"rules:\n"
	"  - { id: shut, proto: udp, dport: 81, action: deny }\n";

/* The same rule further down, and one that is new. */
static const char other[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: loopback, match: { kind: loopback }, default: { in: allow, out: allow } }\n"
	"rules:\n"
	"  - { id: new, proto: udp, dport: 82, action: deny }\n"
	"  - { id: shut, proto: udp, dport: 81, action: deny }\n";

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;
static char path[256];

static void write_other(const char *text)
{
	FILE *file;

	snprintf(path, sizeof(path), "%s/other.yaml", microsegd->dir);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

static void setup(void)
{
	ms_netns_setup();
	ms_netns_run_command("ip link set lo up");
	ms_proc_init(microsegd, "one");
	ms_proc_write_policy(microsegd, "10-test.yaml", policy);
	write_other(other);
	ms_proc_start(microsegd, NULL);
}

static void teardown(void)
{
	ms_proc_stop(microsegd);
}

static void expect_origin(const char *origin)
{
	json_auto_t *told = ms_ctl(microsegd, "trace", "udp 127.0.0.1:5 > 127.0.0.1:81", "--iface",
				   "lo", "--dir", "in", NULL);

	ck_assert_str_eq(ms_ctl_text(told, "0.verdict"), "deny");
	ck_assert_str_eq(ms_ctl_text(told, "0.rule"), "shut");
	ck_assert_msg(strstr(ms_ctl_text(told, "0.origin"), origin), "%s instead of %s",
		      ms_ctl_text(told, "0.origin"), origin);
}

static void expect_difference(void)
{
	char text[512];

	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "policy", "diff", path, NULL),
			 4);
}

static unsigned int names_in_datapath(void)
{
	char count[64];

	return (unsigned int)atoi(
		ms_netns_read_command(count, sizeof(count),
				      "bpftool -j map dump pinned $(find " MS_NETNS_BPFFS
				      " -name ms_slotname) | grep -o formatted | wc -l"));
}

START_TEST(the_author_of_a_verdict_is_told_by_the_policy_in_force_alone)
{
	unsigned int names = names_in_datapath();
	char text[512];

	expect_origin("10-test.yaml:5");
	expect_difference();
	expect_origin("10-test.yaml:5");
	ms_ctl_do(microsegd, "policy", "apply", path, "--dry-run", NULL);
	expect_origin("10-test.yaml:5");
	/* One that gets as far as the disk. */
	ms_netns_run_command("mkdir %s/state/.applied.json.new", microsegd->dir);
	ck_assert_int_eq(
		ms_ctl_status(microsegd, text, sizeof(text), "policy", "apply", path, NULL), 1);
	expect_origin("10-test.yaml:5");
	ck_assert_uint_eq(names_in_datapath(), names);
	/* And its twin. */
	ms_netns_run_command("rmdir %s/state/.applied.json.new", microsegd->dir);
	ms_ctl_do(microsegd, "policy", "apply", path, NULL);
	expect_origin("other.yaml:6");
	ck_assert_uint_eq(names_in_datapath(), names + 1);
}
END_TEST

static void write_many_rules(unsigned int round)
{
	char *text;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	ck_assert_ptr_nonnull(out);
	fputs(policy, out);
	for (int i = 0; i < 16000; i++)
		fprintf(out, "  - { id: many%u/%d, proto: tcp, dport: %d, action: deny }\n", round,
			i, i + 1);
	ck_assert_int_eq(fclose(out), 0);
	write_other(text);
	free(text);
}

/* Together more rules than there are slots. */
START_TEST(asking_uses_nothing_up)
{
	for (unsigned int round = 0; round < 9; round++) {
		write_many_rules(round);
		expect_difference();
	}
	ms_ctl_do(microsegd, "rule", "add", "--proto", "tcp", "--dport", "5", "deny", NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/commit");
	TCase *tcase = tcase_create("commit");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, the_author_of_a_verdict_is_told_by_the_policy_in_force_alone);
	tcase_add_test(tcase, asking_uses_nothing_up);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
