/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names that others chose, of origins, files and interfaces: whatever bytes they are of, no answer
 * and no event fails for them. */
#include <bpf/bpf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bpf/lib/layout.h"
#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"
#include "tests/harness/traffic.h"

#define U10 "\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc"
#define U70 U10 U10 U10 U10 U10 U10 U10 /* 140 bytes */
#define U63 U10 U10 U10 U10 U10 U10 "\xc3\xbc\xc3\xbc\xc3\xbc"
#define RULE "rule { id: s/r, group: work, dir: in, proto: tcp, dport: 7, action: deny }\n"

static const char policy[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: work, match: { name: \"veth-*\" }, default: { in: allow, out: allow } }\n";

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

static void setup(void)
{
	ms_plugin_folder_setup_script(microsegd, policy, "set block\n");
}

static bool has_rule(void *user)
{
	json_auto_t *lines = ms_ctl(microsegd, "rule", "list", NULL);

	return ms_ctl_find(lines, "rules", "id", user) != NULL;
}

static bool is_refused(void *user)
{
	json_auto_t *lines = ms_ctl(microsegd, "source", "show", user, NULL);

	return json_is_string(ms_ctl_at(json_array_get(lines, 0), "source.error"));
}

/* In every answer that has it: a line, of which the end and what follows it are whole. */
static void expect_origin(const char *id, const char *start, const char *end)
{
	json_auto_t *lines = ms_ctl(microsegd, "rule", "list", NULL);
	json_auto_t *shown = ms_ctl(microsegd, "rule", "show", id, NULL);
	json_auto_t *traced = ms_ctl(microsegd, "trace", "tcp 10.1.0.1:4000 > 10.1.0.2:7",
				     "--iface", "veth-a", "--dir", "in", NULL);
	const char *origin = ms_ctl_text(ms_ctl_find(lines, "rules", "id", id), "origin");

	ck_assert_msg(strncmp(origin, start, strlen(start)) == 0, "%s", origin);
	ck_assert_uint_gt(strlen(origin), strlen(end));
	ck_assert_str_eq(origin + strlen(origin) - strlen(end), end);
	ck_assert_str_eq(ms_ctl_text(json_array_get(shown, 0), "rule.origin"), origin);
	ck_assert_str_eq(ms_ctl_text(json_array_get(traced, 0), "origin"), origin);
}

START_TEST(a_long_origin_is_shortened_between_two_letters)
{
	ms_plugin_folder_start(microsegd, NULL);
	ms_plugin_folder_say("origin " U63 "\n" RULE);
	ck_assert(ms_netns_wait(has_rule, (void *)"s/r", 20));
	expect_origin("s/r", "script:\xc3\xbc", "\xc3\xbc:1");
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(an_origin_that_is_no_line_is_refused)
{
	json_auto_t *lines = NULL;
	const char *error;

	ms_plugin_folder_start(microsegd, NULL);
	ms_plugin_folder_say("origin a\xff\n" RULE);
	ck_assert(ms_netns_wait(is_refused, (void *)"script", 20));
	lines = ms_ctl(microsegd, "source", "show", "script", NULL);
	error = ms_ctl_text(json_array_get(lines, 0), "source.error");
	ck_assert_msg(strstr(error, "script:a?: ") && strstr(error, "UTF-8"), "%s", error);
	ck_assert(!has_rule((void *)"s/r"));
	ms_proc_stop(microsegd);
}
END_TEST

#define BY_FILE                                                                                    \
	"version: 1\nrules:\n  - { id: f/r, group: work, dir: in, proto: tcp, dport: 7, action: "  \
	"deny }\n"

START_TEST(a_files_name_is_no_trouble_or_refused)
{
	char path[512], said[2048];

	ms_plugin_folder_start(microsegd, NULL);
	snprintf(path, sizeof(path), "%s/policy.d/20-" U70 ".yaml", microsegd->dir);
	ms_netns_put_file(path, BY_FILE);
	ms_ctl_do(microsegd, "reload", NULL);
	expect_origin("f/r", "20-\xc3\xbc", "\xc3\xbc.yaml:3");
	ck_assert_int_eq(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/policy.d/20-\xff\x1b.yaml", microsegd->dir);
	ms_netns_put_file(path, BY_FILE);
	ck_assert_int_ne(ms_ctl_status(microsegd, said, sizeof(said), "reload", NULL), 0);
	ck_assert_msg(strstr(said, "20-? .yaml") && strstr(said, "UTF-8"), "%s", said);
	ck_assert(ms_ctl_has_problem(microsegd, "20-? .yaml"));
	ms_proc_stop(microsegd);
}
END_TEST

/* One flow, from behind an interface that is there already. */
static void ask(void)
{
	int workload;

	ms_netns_wait_carrier("other");
	workload = ms_traffic_raw(NULL, "other");
	ms_traffic_raw_udp(workload, "10.9.0.2", 1000, "10.9.0.1", 53, 0);
	close(workload);
}

static void expect_sessions_of(const char *iface)
{
	json_auto_t *listed = NULL, *summed = NULL;

	ask();
	listed = ms_ctl(microsegd, "session", "list", NULL);
	ck_assert_ptr_nonnull(ms_ctl_find(listed, "sessions", "iface", iface));
	summed = ms_ctl(microsegd, "session", "top", "--by", "iface", NULL);
	ck_assert_ptr_nonnull(ms_ctl_find(summed, "rows", "key", iface));
}

START_TEST(an_interface_may_be_called_anything)
{
	json_auto_t *ifaces = NULL, *group = NULL;

	ms_plugin_folder_start(microsegd, NULL);
	ms_netns_run_command("odd=$(printf 'veth-\\377') && ip link add \"$odd\" type veth "
			     "peer name other && ip link set \"$odd\" up && ip link set other up");
	ms_ctl_wait_iface(microsegd, "veth-?", "protected");
	group = ms_ctl(microsegd, "group", "show", "work", NULL);
	ck_assert_int_eq(
		ms_ctl_int(json_array_get(group, 0), "group.interfaces"),
		(json_int_t)json_array_size(ms_ctl_at(json_array_get(group, 0), "group.members")));
	ifaces = ms_ctl(microsegd, "iface", "list", NULL);
	ck_assert_ptr_nonnull(ms_ctl_find(ifaces, "interfaces", "name", "veth-a"));
	expect_sessions_of("veth-?");
	ms_proc_stop(microsegd);
}
END_TEST

/* As older daemons shortened one; a session keeps its rule's number, and so the name of that. */
static void cut_origin(const char *rule)
{
	ms_cleanup(ms_close_fd) int names = -1;
	struct ms_slot_name name;
	char path[256];
	uint32_t slot = 0;

	ms_netns_read_command(path, sizeof(path), "find " MS_NETNS_BPFFS " -name ms_slotname");
	path[strcspn(path, "\n")] = '\0';
	names = bpf_obj_get(path);
	ck_assert_msg(names >= 0, "%s", path);
	while (bpf_map_lookup_elem(names, &slot, &name) < 0 || strcmp(name.rule, rule) != 0)
		ck_assert_uint_lt(++slot, MS_SLOTS_MAX);
	snprintf(name.origin, sizeof(name.origin), "\xc3");
	ck_assert_int_eq(bpf_map_update_elem(names, &slot, &name, BPF_EXIST), 0);
}

START_TEST(an_origin_that_was_cut_within_a_letter_is_told)
{
	json_auto_t *lines = NULL;
	char with_rule[1024];

	snprintf(with_rule, sizeof(with_rule),
		 "%srules:\n  - { id: gone, dir: out, proto: udp, dport: 53, action: allow }\n",
		 policy);
	ms_proc_write_policy(microsegd, "10-test.yaml", with_rule);
	ms_plugin_folder_start(microsegd, NULL);
	ms_netns_run_command("ip link add veth-x type veth peer name other && "
			     "ip link set veth-x up && ip link set other up");
	ms_ctl_wait_iface(microsegd, "veth-x", "protected");
	ask();
	ms_proc_stop(microsegd);
	cut_origin("gone");
	ms_proc_write_policy(microsegd, "10-test.yaml", policy);
	ms_plugin_folder_start(microsegd, NULL);
	lines = ms_ctl(microsegd, "session", "list", NULL);
	ck_assert_str_eq(ms_ctl_text(ms_ctl_find(lines, "sessions", "rule", "gone"), "origin"),
			 "?");
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("names");
	TCase *tcase = tcase_create("names");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, a_long_origin_is_shortened_between_two_letters);
	tcase_add_test(tcase, an_origin_that_is_no_line_is_refused);
	tcase_add_test(tcase, a_files_name_is_no_trouble_or_refused);
	tcase_add_test(tcase, an_interface_may_be_called_anything);
	tcase_add_test(tcase, an_origin_that_was_cut_within_a_letter_is_told);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
