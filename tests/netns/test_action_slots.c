/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * There are 64 slots for actions, and each is somebody's by its name. Plugins that are gone give
 * theirs back when one is wanted, unless a list of the datapath calls it. Names and lists of theirs
 * are written by another hand.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bpf/lib/layout.h"
#include "core/base/cleanup.h"
#include "microseg/chain.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"
#include "tests/harness/traffic.h"

#define GUARDED "10.1.0.2"
#define SOON 3000
#define GONE 400
#define SPARE_RULE (MS_SLOTS_MAX - 1) /* its line in the index is no rule's */
#define SPARE_LIST (MS_ACTION_LISTS - 2)

static const char policy[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: work, match: { name: \"veth-*\" }, default: { in: deny, out: allow } }\n"
	"rules:\n"
	"  - { id: counted, group: work, dir: in, proto: tcp, dport: 80,\n"
	"      action: [{ tally: 3 }, allow], fallback: deny }\n";

static const char all_taken[] =
	"tally: all 64 slots for actions are taken, by plugins that are loaded and by rules; what "
	"a rule called is free after two changes of the policy without it";

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

static void setup(void)
{
	ms_plugin_folder_setup(microsegd, policy);
	ms_plugin_folder_add("tally");
}

static int open_map(const char *name)
{
	char path[256];
	int fd;

	ms_netns_read_command(path, sizeof(path), "find " MS_NETNS_BPFFS " -name %s", name);
	path[strcspn(path, "\n")] = '\0';
	fd = bpf_obj_get(path);
	ck_assert_msg(fd >= 0, "%s: %s", name, path);
	return fd;
}

static void put(int fd, uint32_t key, const void *value)
{
	ck_assert_int_eq(bpf_map_update_elem(fd, &key, value, BPF_ANY), 0);
}

/* Each slot is of an action of a plugin that is gone. */
static void name_all_slots(void)
{
	ms_cleanup(ms_close_fd) int names = open_map("ms_actname");
	struct ms_action_name named = { 0 };

	for (uint32_t slot = 0; slot < MS_ACTION_SLOTS; slot++) {
		snprintf(named.name, sizeof(named.name), "gone_%u", slot);
		put(names, slot, &named);
	}
}

static uint32_t half_in_force(void)
{
	ms_cleanup(ms_close_fd) int fd = open_map("ms_control");
	struct ms_control control;
	uint32_t key = 0;

	ck_assert_int_eq(bpf_map_lookup_elem(fd, &key, &control), 0);
	return control.half & MS_HALF_MASK;
}

/* By eight rules of this half, eight each. */
static void call_all_slots(uint32_t half)
{
	const uint32_t first_list = half * MS_ACTION_LISTS, first_line = half * MS_SLOTS_MAX;
	ms_cleanup(ms_close_fd) int lists = open_map("ms_action_lists");
	ms_cleanup(ms_close_fd) int lines = open_map("ms_action_index");

	for (uint32_t i = 0; i < MS_ACTION_SLOTS / MS_ACTION_LIST_MAX; i++) {
		struct ms_action_list list = { .count = MS_ACTION_LIST_MAX };
		struct ms_action_index line = { .list = SPARE_LIST - i, .mode = MS_MODE_ENFORCE };

		for (uint64_t j = 0; j < MS_ACTION_LIST_MAX; j++)
			list.slots |= (i * MS_ACTION_LIST_MAX + j) << 8 * j;
		put(lists, first_list + SPARE_LIST - i, &list);
		put(lines, first_line + SPARE_RULE - i, &line);
	}
}

static void load_tally(void)
{
	ms_ctl_do(microsegd, "plugin", "load", "tally", NULL);
	ck_assert_int_eq(ms_traffic_reach(NULL, GUARDED, 80, SOON), 0);
}

START_TEST(plugins_that_are_gone_give_their_slots_back)
{
	ms_plugin_folder_start(microsegd, NULL);
	name_all_slots();
	ck_assert_int_eq(ms_traffic_reach(NULL, GUARDED, 80, GONE), -ETIMEDOUT);
	load_tally();
	ms_proc_stop(microsegd);
}
END_TEST

static void expect_refused(const char *why)
{
	char text[1024];

	ck_assert_int_eq(
		ms_ctl_status(microsegd, text, sizeof(text), "plugin", "load", "tally", NULL), 1);
	ck_assert_msg(strstr(text, why) != NULL, "%s", text);
	ck_assert_int_eq(ms_traffic_reach(NULL, GUARDED, 80, GONE), -ETIMEDOUT);
}

/* A packet may be on its way to any of them, in either half: the one in force, and the one before,
 * which the next policy takes. */
START_TEST(not_those_that_lists_call)
{
	const uint32_t half = (uint32_t)_i;

	ms_plugin_folder_start(microsegd, NULL);
	name_all_slots();
	call_all_slots(half);
	expect_refused(all_taken);
	if (half_in_force() == half) {
		ms_ctl_do(microsegd, "policy", "apply", NULL);
		ck_assert_uint_ne(half_in_force(), half);
		expect_refused(all_taken);
	}
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	ck_assert_uint_eq(half_in_force(), half);
	load_tally();
	ms_proc_stop(microsegd);
}
END_TEST

/* Nothing that the operator could change. */
START_TEST(what_cannot_be_found_out_is_not_taken)
{
	ms_proc_start_program(microsegd, MS_TEST_NO_LISTS, "--plugin-dir", MS_PLUGIN_FOLDER, NULL);
	name_all_slots();
	expect_refused("tally: no slot is found for action tally: Cannot allocate memory");
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/action_slots");
	TCase *tcase = tcase_create("slots");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, plugins_that_are_gone_give_their_slots_back);
	tcase_add_loop_test(tcase, not_those_that_lists_call, 0, 2);
	tcase_add_test(tcase, what_cannot_be_found_out_is_not_taken);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
