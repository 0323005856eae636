/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sets that are asked of when all places for that are taken: by a policy that is loaded then, and
 * by a wide prefix that comes while one is on its way. The tests are 10.1.0.1.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/site.h"
#include "tests/harness/stage.h"

#define HERE "10.1.0.1"
#define WIDE "10.0.0.0/8"
#define OTHERS "10.0.0.0/16" /* has many, and not the test */
#define PLACES 128
#define TOLD_MAX 4096      /* members of a set that addresses are told of */
#define MANY 600           /* more than are told with the change */
#define CROWD 6            /* sets more than are asked of one by one */
#define LARGE "10.0.100.1" /* a member of the large set */

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

static const char policy[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: work, match: { name: \"veth-*\" }, default: { in: allow, out: allow } }\n"
	"rules:\n"
	"  - { id: some, group: work, dir: in, proto: tcp, dport: 80, from: \"set:some\", action: "
	"deny }\n";

/* `some` has so many members that are nobody here, and `more`. */
static void write_sets(unsigned int n_members, const char *more)
{
	ms_cleanup(ms_free) char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	fprintf(out, "version: 1\nsets:\n  some: [");
	for (unsigned int i = 0; i < n_members; i++)
		fprintf(out, "10.0.%u.%u, ", 100 + i / 256, i % 256);
	fprintf(out, "%s]\n  others: [", more);
	for (unsigned int i = 0; i < MANY; i++)
		fprintf(out, "10.0.%u.%u, ", i / 256, i % 256);
	fprintf(out, "192.0.2.99]\n");
	for (unsigned int i = 0; i < CROWD; i++)
		fprintf(out, "  crowd%u: [192.0.2.%u]\n", i, i);
	for (unsigned int i = 0; i < PLACES; i++)
		fprintf(out, "  fill%u: []\n", i);
	ms_site_put_crowd(out, CROWD);
	ck_assert_int_eq(fclose(out), 0);
	ms_proc_write_policy(microsegd, "20-sets.yaml", text);
}

static void setup(void)
{
	ms_site_setup(microsegd);
	setenv("MS_TEST_HELD", microsegd->dir, 1);
	ms_proc_write_policy(microsegd, "10-test.yaml", policy);
	write_sets(0, "");
	ms_proc_start_program(microsegd, MS_TEST_HELD_DAEMON, NULL);
	ms_ctl_wait_iface(microsegd, "veth-a", "protected");
}

/* ---- what the datapath has ---- */

static unsigned int n_asked(void)
{
	char text[32];

	return (unsigned int)atoi(ms_netns_read_command(
		text, sizeof(text),
		"bpftool -j map dump pinned $(find " MS_NETNS_BPFFS
		" -name ms_asked) | jq '[.. | .sets? // empty | .[] | select(. != 0)] | length'"));
}

static bool is_told(const char *member)
{
	char text[32], key[64];

	snprintf(key, sizeof(key), "%s", member);
	for (char *at = key; *at; at++)
		*at = *at == '.' ? ' ' : *at;
	ms_netns_read_command(
		text, sizeof(text),
		"bpftool -j map lookup pinned $(find " MS_NETNS_BPFFS
		" -name ms_told4) key 32 0 0 0 %s 2>/dev/null | grep -c value || true",
		key);
	return atoi(text) > 0;
}

static bool is_one_asked(void *user)
{
	(void)user;
	return n_asked() == 1;
}

static bool is_untold(void *user)
{
	return !is_told(user);
}

/* ---- what a test does ---- */

static void put_half(void)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/half", microsegd->dir);
	ms_netns_put_file(path, "");
}

static void take_half(void)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/half", microsegd->dir);
	ck_assert_int_eq(unlink(path), 0);
}

/* Each that gets a wide prefix is asked of until the daemon clears members, which it does not as
 * long as there is that file. */
static void take_all_places(void)
{
	char set[16];

	put_half();
	for (unsigned int i = 0; i < PLACES; i++) {
		snprintf(set, sizeof(set), "fill%u", i);
		ms_ctl_do(microsegd, "set", "add", set, OTHERS, NULL);
	}
	ck_assert_uint_eq(n_asked(), PLACES);
}

static void expect_shut_out(void)
{
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_GONE), -ETIMEDOUT);
}

static void expect_let_in(void)
{
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_SOON), 0);
}

static bool is_shut(void *user)
{
	(void)user;
	return ms_site_reach(80, MS_SITE_GONE) == -ETIMEDOUT;
}

/* ---- a load ---- */

/* Addresses are told of it, and of no others later: it is asked of once there is a place. */
START_TEST(a_large_set_that_finds_no_place_gets_one_later)
{
	char large[] = LARGE;

	expect_let_in();
	take_all_places();
	write_sets(TOLD_MAX, HERE);
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	expect_shut_out();
	ck_assert_uint_eq(n_asked(), PLACES);
	ck_assert(is_told(LARGE));
	take_half();
	ck_assert_msg(ms_netns_wait(is_one_asked, NULL, 60), "%u are asked", n_asked());
	expect_shut_out();
	ck_assert_msg(ms_netns_wait(is_untold, large, 60), "it is told still");
	expect_shut_out();
	/* The next load leaves it so. */
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	expect_shut_out();
	ck_assert_uint_eq(n_asked(), 1);
	ck_assert(!is_told(LARGE));
	write_sets(TOLD_MAX + 1, "");
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	expect_let_in();
	ms_proc_stop(microsegd);
}
END_TEST

/* No packet asks it any more when the answer comes. */
START_TEST(what_a_policy_leaves_gives_its_place_back)
{
	write_sets(TOLD_MAX, HERE);
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	ck_assert_uint_eq(n_asked(), 1);
	for (unsigned int i = 1; i <= 3; i++) {
		write_sets(TOLD_MAX + i, HERE);
		ms_ctl_do(microsegd, "policy", "apply", NULL);
		ck_assert_uint_eq(n_asked(), 1);
		expect_shut_out();
	}
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- a member that comes meanwhile ---- */

/* It is told by rounds then, and not behind the policy. */
START_TEST(a_wide_prefix_without_a_place_does_not_wait)
{
	take_all_places();
	ms_stage_begin(microsegd, "compile", "policy apply");
	expect_let_in();
	take_half();
	ms_stage_send(microsegd, "add", "set add some " WIDE);
	ck_assert(ms_netns_wait(is_shut, NULL, 20));
	ck_assert_uint_eq(n_asked(), PLACES);
	ck_assert(!ms_stage_has_answered(microsegd, "commit"));
	ms_stage_end(microsegd, "compile", "0");
	ms_stage_expect(microsegd, "add", "0");
	expect_shut_out();
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/asked_places");
	TCase *tcase = tcase_create("asked_places");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 180);
	tcase_add_test(tcase, a_large_set_that_finds_no_place_gets_one_later);
	tcase_add_test(tcase, what_a_policy_leaves_gives_its_place_back);
	tcase_add_test(tcase, a_wide_prefix_without_a_place_does_not_wait);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
