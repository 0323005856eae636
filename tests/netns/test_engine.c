/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules that the look-up cannot hold: they are judged as written, and that it is slower is said by
 * `policy check`, by the daemon's answers and status, and in its log.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"

#define SLOW_ROWS 8320
#define GROUP                                                                                      \
	"groups:\n"                                                                                \
	"  - { name: loopback, match: { kind: loopback }, default: { in: allow, out: allow } }\n"

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;
static char path[256];

/* So many rules that differ in their source alone, by sets: each may have to be asked. */
/* `is_slow`: with so many rows that ask for nothing but what a look-up cannot part them by. */
static void write_rules(unsigned int count, bool is_slow)
{
	FILE *file;

	snprintf(path, sizeof(path), "%s/rules.yaml", microsegd->dir);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fputs("version: 1\n" GROUP "sets:\n", file);
	for (unsigned int i = 0; i < count; i++)
		fprintf(file, "  s%u: [10.9.%u.%u]\n", i, i / 256, i % 256);
	fputs("rules:\n", file);
	for (unsigned int i = 0; i < count; i++)
		fprintf(file,
			"  - { id: r%u, from: set:s%u, proto: udp, dport: 81, action: deny }\n", i,
			i);
	for (unsigned int vlan = 1; is_slow && vlan <= SLOW_ROWS / 64; vlan++) {
		fprintf(file, "  - { id: tagged%u, vlan: %u, action: allow, dscp: [0", vlan, vlan);
		for (unsigned int dscp = 1; dscp < 64; dscp++)
			fprintf(file, ", %u", dscp);
		fputs("] }\n", file);
	}
	ck_assert_int_eq(fclose(file), 0);
}

static void setup(void)
{
	ms_netns_setup();
	ms_netns_run_command("ip link set lo up");
	ms_proc_init(microsegd, "one");
	ms_proc_write_policy(microsegd, "10-test.yaml", "version: 1\n" GROUP);
	ms_proc_start(microsegd, NULL);
}

static void teardown(void)
{
	ms_proc_stop(microsegd);
}

static void expect(const char *from, const char *verdict, const char *rule)
{
	char packet[64];
	json_auto_t *told = NULL;

	snprintf(packet, sizeof(packet), "udp %s:5 > 127.0.0.1:81", from);
	told = ms_ctl(microsegd, "trace", packet, "--iface", "lo", "--dir", "in", NULL);
	ck_assert_msg(strcmp(ms_ctl_text(told, "0.verdict"), verdict) == 0, "%s: %s", from,
		      ms_ctl_text(told, "0.verdict"));
	ck_assert_str_eq(ms_ctl_text(told, "0.rule"), rule);
}

static bool warns(json_t *reply)
{
	json_t *warning = ms_ctl_find(reply, "warnings", "kind", "slow_engine");

	if (!warning)
		return false;
	ck_assert_ptr_nonnull(strstr(ms_ctl_text(warning, "message"), "8192 is the bound"));
	return true;
}

/* The same of both families. */
static void expect_engines(json_t *reply, const char *engine, bool is_slow)
{
	json_t *engines = ms_ctl_at(reply, "0.engines");

	ck_assert_uint_eq(json_array_size(engines), 2);
	for (int i = 0; i < 2; i++) {
		json_t *of = json_array_get(engines, i);

		ck_assert_str_eq(ms_ctl_text(of, "family"), i ? "ipv6" : "ipv4");
		ck_assert_str_eq(ms_ctl_text(of, "engine"), engine);
		ck_assert_int_eq(json_object_get(of, "warning") != NULL, is_slow);
		if (!is_slow)
			continue;
		ck_assert_str_eq(ms_ctl_text(of, "bound"), "steps");
		ck_assert_int_eq(ms_ctl_int(of, "limit"), 8192);
		ck_assert_int_gt(ms_ctl_int(of, "needed"), 8192);
	}
}

static void expect_status(const char *engine, bool is_slow)
{
	json_auto_t *status = ms_ctl(microsegd, "status", NULL);
	char text[8192];

	expect_engines(status, engine, is_slow);
	ck_assert_str_eq(ms_ctl_text(status, "0.engine"), engine);
	ms_ctl_status(microsegd, text, sizeof(text), "status", NULL);
	ck_assert_int_eq(strstr(text, "rows are walked one by one") != NULL, is_slow);
	ck_assert_msg(strstr(text, engine), "no engine in: %s", text);
}

START_TEST(what_the_look_up_cannot_hold_is_judged_as_written_and_said_everywhere)
{
	static const struct {
		unsigned int rules;
		const char *engine;
		bool is_slow;
	} steps[] = { { 1000, "pairs", false },
		      { 7400, "linear", true },
		      { 1000, "pairs", false } };
	char text[4096];

	for (size_t i = 0; i < ms_array_size(steps); i++) {
		json_auto_t *checked = NULL, *asked = NULL, *applied = NULL;

		write_rules(steps[i].rules, steps[i].is_slow);
		checked = ms_ctl(microsegd, "policy", "check", path, NULL);
		ck_assert_int_eq(warns(checked), steps[i].is_slow);
		expect_engines(checked, steps[i].engine, steps[i].is_slow);
		ms_ctl_status(microsegd, text, sizeof(text), "policy", "check", path, NULL);
		ck_assert_ptr_nonnull(strstr(text, steps[i].engine));
		ck_assert_int_eq(strstr(text, "(bound 'steps': ") != NULL, steps[i].is_slow);
		asked = ms_ctl(microsegd, "policy", "apply", path, "--dry-run", NULL);
		ck_assert_int_eq(warns(asked), steps[i].is_slow);
		/* Said of what was asked about only, and not logged. */
		ck_assert_int_eq(ms_proc_logged(microsegd, "rows are walked one by one"), i == 2);
		applied = ms_ctl(microsegd, "policy", "apply", path, NULL);
		ck_assert_int_eq(warns(applied), steps[i].is_slow);
		ck_assert_int_eq(ms_proc_logged(microsegd, "rows are walked one by one"), i > 0);
		ck_assert_int_eq(ms_proc_logged(microsegd, "the rules of IPv6 are looked up again"),
				 i == 2);
		expect_status(steps[i].engine, steps[i].is_slow);
		expect("10.9.0.0", "deny", "r0");
		expect("10.9.3.231", "deny", "r999");
		expect("10.9.28.231", steps[i].is_slow ? "deny" : "allow",
		       steps[i].is_slow ? "r7399" : "default/loopback/out");
		expect("10.9.28.232", "allow", "default/loopback/out");
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/engine");
	TCase *tcase = tcase_create("engine");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase,
		       what_the_look_up_cannot_hold_is_judged_as_written_and_said_everywhere);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
