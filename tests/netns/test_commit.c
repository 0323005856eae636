/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a load takes and gives back: one that only asks, one that is refused, one too many. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "bpf/lib/layout.h"
#include "core/base/cleanup.h"
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

/* What there is to be too many of: policies of millions would be read for minutes. */
#define MEMBERS 258048
#define MEMBERS_TEXT "258048"

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
	ms_proc_write_config(microsegd, "limits: { set_members: " MEMBERS_TEXT " }\n");
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

/* What is told is not read back at each commit, and must be told anew when it changes. */
START_TEST(a_rule_that_moves_is_told_where_it_stands)
{
	static const char *const texts[] = { other, other, policy, other };
	static const char *const origins[] = { "10-test.yaml:6", "10-test.yaml:6", "10-test.yaml:5",
					       "10-test.yaml:6" };

	for (size_t i = 0; i < ms_array_size(texts); i++) {
		ms_proc_write_policy(microsegd, "10-test.yaml", texts[i]);
		ms_ctl_do(microsegd, "policy", "apply", NULL);
		expect_origin(origins[i]);
	}
	ms_proc_write_policy(microsegd, "10-test.yaml", policy);
	ms_ctl_do(microsegd, "policy", "apply", path, NULL);
	expect_origin("other.yaml:6");
	/* By the next daemon, too, which finds the names of this one. */
	ms_proc_stop(microsegd);
	ms_proc_start(microsegd, NULL);
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	expect_origin("10-test.yaml:5");
}
END_TEST

static void expect_judged(unsigned int port, const char *verdict, const char *rule)
{
	char packet[64];
	json_auto_t *told = NULL;

	snprintf(packet, sizeof(packet), "udp 127.0.0.1:5 > 127.0.0.1:%u", port);
	told = ms_ctl(microsegd, "trace", packet, "--iface", "lo", "--dir", "in", NULL);
	ck_assert_str_eq(ms_ctl_text(told, "0.verdict"), verdict);
	ck_assert_str_eq(ms_ctl_text(told, "0.rule"), rule);
}

static bool is_listed(const char *rule)
{
	json_auto_t *list = ms_ctl(microsegd, "rule", "list", NULL);

	return ms_ctl_find(list, "rules", "id", rule) != NULL;
}

/* By what the first leaves undone the second would be refused, or taken. */
static void change_late_rules_twice(bool only_asks)
{
	const char *const asks = only_asks ? "--dry-run" : NULL;
	const int code = only_asks ? 0 : 1;
	char text[512];

	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "rule", "add", "--id",
					       "new", "--proto", "udp", "--dport", "82", "deny",
					       asks, NULL),
				 code);
		ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "rule", "del", "kept",
					       asks, NULL),
				 code);
	}
}

/* Rules that stand beside the others (docs/adr/0113) when all but the switch was done. */
START_TEST(late_rules_that_are_asked_or_cannot_be_saved_leave_nothing)
{
	unsigned int names;

	ms_ctl_do(microsegd, "rule", "add", "--id", "kept", "--priority", "1", "--proto", "udp",
		  "--dport", "81", "deny", NULL);
	names = names_in_datapath();
	if (_i == 1)
		ms_netns_run_command("mkdir %s/state/.runtime.json.new", microsegd->dir);
	change_late_rules_twice(_i == 0);
	ck_assert_uint_eq(names_in_datapath(), names);
	ck_assert(is_listed("kept") && !is_listed("new"));
	expect_judged(81, "deny", "kept");
	expect_judged(82, "allow", "default/loopback/out");
	if (_i == 1)
		ms_netns_run_command("rmdir %s/state/.runtime.json.new", microsegd->dir);
	/* Neither a whole policy that comes then nor the same changes miss anything. */
	ms_ctl_do(microsegd, "policy", "apply", path, NULL);
	expect_judged(82, "deny", "new");
	ck_assert_uint_eq(names_in_datapath(), names + 1);
	ms_ctl_do(microsegd, "rule", "add", "--id", "newer", "--proto", "udp", "--dport", "83",
		  "deny", NULL);
	ck_assert_uint_eq(names_in_datapath(), names + 2);
	ms_ctl_do(microsegd, "rule", "del", "kept", NULL);
	expect_judged(81, "deny", "shut");
	expect_judged(83, "deny", "newer");
}
END_TEST

#ifndef __SANITIZE_ADDRESS__ /* it takes as many as it takes, and minutes */
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
#endif

/* ---- sets ---- */

static void write_set(const char *file, unsigned int count, const char *more)
{
	char *text;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	ck_assert_ptr_nonnull(out);
	fprintf(out, "{\"version\":1,\"sets\":{\"big\":[%s", more);
	for (unsigned int i = 0; i < count; i++)
		fprintf(out, "%s\"10.%u.%u.%u\"", i || *more ? "," : "", i >> 16, i >> 8 & 255,
			i & 255);
	fprintf(out, "]},\"rules\":[{\"id\":\"big\",\"from\":\"set:big\",\"action\":\"deny\"}]}");
	ck_assert_int_eq(fclose(out), 0);
	ms_proc_write_policy(microsegd, file, text);
	free(text);
}

static void expect_from(const char *address, const char *verdict)
{
	char packet[64];
	json_auto_t *told = NULL;

	snprintf(packet, sizeof(packet), "udp %s:5 > 127.0.0.1:82", address);
	told = ms_ctl(microsegd, "trace", packet, "--iface", "lo", "--dir", "in", NULL);
	ck_assert_msg(strcmp(ms_ctl_text(told, "0.verdict"), verdict) == 0, "%s: %s", address,
		      ms_ctl_text(told, "0.verdict"));
}

static void expect_last_error(const char *text)
{
	json_auto_t *status = ms_ctl(microsegd, "status", NULL);

	ck_assert_msg(strstr(ms_ctl_text(status, "0.last_error"), text) != NULL,
		      "'%s' is not said in '%s'", text, ms_ctl_text(status, "0.last_error"));
}

static void expect_no_error(void)
{
	json_auto_t *status = ms_ctl(microsegd, "status", NULL);

	ck_assert_str_eq(ms_ctl_text(status, "0.last_error"), "");
}

/* With sanitizers for what is done with memory, in a tenth of the time. */
#define FIRST_OF_BIG "10.0.0.0"
#ifdef __SANITIZE_ADDRESS__
#define MORE_THAN_HALF 14000
#define LAST_OF_BIG "10.0.54.175"
#else
#define MORE_THAN_HALF 140000
#define LAST_OF_BIG "10.2.34.223"
#endif

START_TEST(a_set_of_more_than_half_the_table_lives_over_restarts_and_changes)
{
	char text[512];

	write_set("20-big.json", MORE_THAN_HALF, "");
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	expect_from(FIRST_OF_BIG, "deny");
	expect_from(LAST_OF_BIG, "deny");
	expect_from("192.0.2.1", "allow");

	ms_proc_kill(microsegd);
	ms_proc_start(microsegd, NULL);
	expect_no_error();
	expect_from(LAST_OF_BIG, "deny");

	/* One more, one less: asked, then done, then done while nobody is there. */
	write_set("20-big.json", MORE_THAN_HALF - 1, "\"192.0.2.1\"");
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "policy", "diff", NULL), 4);
	expect_from("192.0.2.1", "allow");
	expect_from(LAST_OF_BIG, "deny");
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	expect_from("192.0.2.1", "deny");
	expect_from(LAST_OF_BIG, "allow");
	expect_from(FIRST_OF_BIG, "deny");
	ms_proc_stop(microsegd);
	write_set("20-big.json", MORE_THAN_HALF, "");
	ms_proc_start(microsegd, NULL);
	expect_no_error();
	expect_from("192.0.2.1", "allow");
	expect_from(LAST_OF_BIG, "deny");
}
END_TEST

START_TEST(a_set_too_large_for_the_table_is_refused_with_a_sentence)
{
	char text[512];

	write_set("20-big.json", 1000, "");
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	write_set("20-big.json", 262000, "\"192.0.2.1\"");
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "policy", "apply", NULL), 1);
	ck_assert_msg(strstr(text, "set big has 262001 members: there is room for"), "%s", text);
	expect_from(FIRST_OF_BIG, "deny");
	expect_from("192.0.2.1", "allow");
	ms_proc_stop(microsegd);
	ms_proc_start(microsegd, NULL);
	expect_last_error("set big has 262001 members: there is room for");
	expect_from(FIRST_OF_BIG, "deny");
	expect_from("192.0.2.1", "allow");
}
END_TEST

static unsigned int entries_in_datapath(void)
{
	char count[64];

	return (unsigned int)atoi(
		ms_netns_read_command(count, sizeof(count),
				      "bpftool -j map dump pinned $(find " MS_NETNS_BPFFS
				      " -name 'ms_set4*') | grep -o formatted | wc -l"));
}

static bool are_entries(void *user)
{
	return entries_in_datapath() == *(unsigned int *)user;
}

START_TEST(members_of_a_file_end_and_give_their_room_back)
{
	unsigned int entries = entries_in_datapath(), with_one = entries + 1;

	ms_proc_write_policy(
		microsegd, "20-set.yaml",
		"version: 1\n"
		"sets:\n"
		"  nested: [10.0.0.0/8, { addr: 10.1.0.0/16, timeout: 1s },\n"
		"    { addr: 10.1.1.0/24, timeout: 1s }, { addr: 10.1.1.0/28, timeout: 1s },\n"
		"    { addr: 10.1.1.0/30, timeout: 1s }, { addr: 10.1.1.1, timeout: 1s }]\n"
		"rules:\n"
		"  - { id: nested, from: \"set:nested\", action: deny }\n");
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	expect_from("10.1.1.1", "deny");
	ck_assert_msg(ms_netns_wait(are_entries, &with_one, 20), "%u entries, not %u",
		      entries_in_datapath(), with_one);
	expect_from("10.1.1.1", "deny");
	/* A member of the CLI's within them changes what is wider than it in nothing. */
	ms_ctl_do(microsegd, "set", "add", "nested", "10.1.1.1", "11.0.0.1", NULL);
	expect_from("11.0.0.1", "deny");
	ms_ctl_do(microsegd, "set", "del", "nested", "11.0.0.1", NULL);
	expect_from("11.0.0.1", "allow");
	expect_from("10.1.1.1", "deny");
	/* And a commit does not revive them. */
	ms_ctl_do(microsegd, "rule", "add", "--proto", "tcp", "--dport", "5", "deny", NULL);
	expect_from("10.1.1.1", "deny");
}
END_TEST

#define BATCH 65536

/* Entries of nobody, written by another hand, until there is no room for one more. */
static void fill_the_table(void)
{
	ms_cleanup(ms_free) struct ms_set_key4 *keys = calloc(BATCH, sizeof(*keys));
	ms_cleanup(ms_free) struct ms_set_entry *entries = calloc(BATCH, sizeof(*entries));
	int fd = bpf_obj_get(path), r = 0;

	ck_assert_int_ge(fd, 0);
	ck_assert(keys && entries);
	for (uint32_t first = 0; r == 0; first += BATCH) {
		uint32_t count = BATCH;

		ck_assert_uint_le(first, MS_SET_MEMBERS_MAX);
		for (uint32_t i = 0; i < BATCH; i++)
			keys[i] = (struct ms_set_key4) { 64, UINT32_MAX, htonl(first + i) };
		r = bpf_map_update_batch(fd, keys, entries, &count, NULL);
	}
	ck_assert_int_eq(r, -ENOSPC);
	close(fd);
}

static bool is_host_complete(void *user)
{
	json_auto_t *status = ms_ctl(microsegd, "status", NULL);
	size_t problems = json_array_size(ms_ctl_at(status, "0.problems"));

	return (problems == 0) == *(bool *)user;
}

static bool is_in_host(void *user)
{
	char packet[64];
	json_auto_t *told = NULL;

	snprintf(packet, sizeof(packet), "tcp 192.0.2.99:5 > %s:22 syn", (const char *)user);
	told = ms_ctl(microsegd, "trace", packet, "--iface", "lo", "--dir", "in", NULL);
	return strcmp(ms_ctl_text(told, "0.rule"), "own") == 0;
}

START_TEST(the_hosts_addresses_have_room_and_are_never_missed_in_silence)
{
	const char *own =
		"version: 1\n"
		"rules:\n"
		"  - { id: own, to: \"set:host\", proto: tcp, dport: 22, action: deny }\n";
	static char first[] = "192.0.2.1", second[] = "192.0.2.2";
	bool yes = true, no = false;
	char text[512];

	/* As full as sets can make it. */
	ms_proc_write_policy(microsegd, "30-own.yaml", own);
	write_set("20-big.json", MEMBERS, "");
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "set", "add", "big",
				       "192.0.2.50", NULL),
			 1);
	ms_netns_run_command("ip addr add 192.0.2.1/32 dev lo");
	ck_assert_msg(ms_netns_wait(is_in_host, first, 10), "192.0.2.1 is not in set:host");
	ck_assert(!is_in_host(second));
	ck_assert(is_host_complete(&yes));

	ms_netns_read_command(path, sizeof(path), "find " MS_NETNS_BPFFS " -name ms_set4");
	path[strcspn(path, "\n")] = '\0';
	fill_the_table();
	ms_netns_run_command("ip addr add 192.0.2.2/32 dev lo");
	ck_assert_msg(ms_netns_wait(is_host_complete, &no, 20), "status does not tell");
	ck_assert(ms_proc_logged(microsegd, "set host lacks addresses"));

	/* Twice: the entries of a set go when the generation behind its own is loaded. */
	write_set("20-big.json", 1, "");
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	ck_assert_msg(ms_netns_wait(is_host_complete, &yes, 20), "it is not tried again");
	ck_assert(is_in_host(second));
	ck_assert(ms_proc_logged(microsegd, "set host has all addresses"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/commit");
	TCase *tcase = tcase_create("commit");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 180);
	tcase_add_test(tcase, the_author_of_a_verdict_is_told_by_the_policy_in_force_alone);
	tcase_add_test(tcase, a_rule_that_moves_is_told_where_it_stands);
#ifndef __SANITIZE_ADDRESS__
	tcase_add_test(tcase, asking_uses_nothing_up);
#endif
	tcase_add_test(tcase, a_set_of_more_than_half_the_table_lives_over_restarts_and_changes);
	tcase_add_test(tcase, a_set_too_large_for_the_table_is_refused_with_a_sentence);
	tcase_add_test(tcase, members_of_a_file_end_and_give_their_room_back);
	tcase_add_test(tcase, the_hosts_addresses_have_room_and_are_never_missed_in_silence);
	suite_add_tcase(suite, tcase);
	tcase = tcase_create("late");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, late_rules_that_are_asked_or_cannot_be_saved_leave_nothing, 0,
			    2);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
