/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Slots of actions: which programs get one, and what of them outlives a daemon. */
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "actions.skel.h"
#include "bad_actions.skel.h"
#include "bpf/dataplane.h"
#include "core/base/cleanup.h"
#include "microseg/chain.h"
#include "tests/bpf/actions.h"
#include "tests/bpf/private_bpffs.h"
#include "tests/harness/ms_check.h"

static struct ms_dataplane_config config = {
	.pin_dir = MS_PRIVATE_BPFFS "/microseg",
	.sessions = 1024,
	.half_open = 512,
};
static struct ms_dataplane *dp;

static void open_dataplane(void)
{
	struct ms_error err = MS_ERROR_INIT;
	bool taken_over;

	ck_assert_msg(ms_dataplane_open(&config, &taken_over, &dp, &err) == 0, "%s", err.message);
}

static void setup(void)
{
	ms_private_bpffs_setup();
	open_dataplane();
}

static void teardown(void)
{
	ms_dataplane_close(dp);
}

/* As an action's load() does it. */
static void load_object(struct bpf_object *object)
{
	struct ms_dataplane_shared_map maps[MS_DATAPLANE_SHARED_MAPS];

	ck_assert_ptr_nonnull(object);
	ms_dataplane_action_maps(dp, maps);
	for (size_t i = 0; i < ms_array_size(maps); i++)
		ck_assert_int_eq(
			bpf_map__reuse_fd(bpf_object__find_map_by_name(object, maps[i].name),
					  maps[i].fd),
			0);
	ck_assert_int_eq(bpf_object__load(object), 0);
}

static int program(struct bpf_object *object, const char *name)
{
	return bpf_program__fd(bpf_object__find_program_by_name(object, name));
}

static uint32_t id_of(int fd)
{
	struct bpf_prog_info info = { 0 };
	uint32_t length = sizeof(info);

	ck_assert_int_eq(bpf_obj_get_info_by_fd(fd, &info, &length), 0);
	return info.id;
}

static void set(uint32_t slot, const char *name, int fd)
{
	struct ms_error err = MS_ERROR_INIT;
	int r = ms_dataplane_action_set(dp, slot, name, false, fd, &err);

	ck_assert_msg(r == 0, "%d %s", r, err.message);
}

static void expect(uint32_t slot, const char *name, uint32_t program_id)
{
	struct ms_dataplane_action action;

	ck_assert_int_eq(ms_dataplane_action_get(dp, slot, &action), 0);
	ck_assert_str_eq(action.name, name);
	ck_assert_uint_eq(action.program_id, program_id);
}

START_TEST(every_way_to_go_on_gets_a_slot)
{
	static const char *const names[] = { "pass_on", "end_deny", "end_allow", "take", "tell" };
	struct actions_bpf *actions = actions_bpf__open();

	load_object(actions->obj);
	for (uint32_t i = 0; i < ms_array_size(names); i++) {
		int fd = program(actions->obj, names[i]);

		set(i, names[i], fd);
		expect(i, names[i], id_of(fd));
	}
	set(MS_ACTION_SLOTS - 1, "pass_on", program(actions->obj, "pass_on"));
	ck_assert_int_eq(ms_dataplane_action_set(dp, MS_ACTION_SLOTS, "pass_on", false,
						 program(actions->obj, "pass_on"), NULL),
			 -ERANGE);
	actions_bpf__destroy(actions);
}
END_TEST

START_TEST(a_trial_sees_packets_and_counts_none)
{
	struct actions_bpf *actions = actions_bpf__open();
	struct ms_stats before, after;
	struct test_action_seen seen;
	uint32_t zero = 0;

	load_object(actions->obj);
	ck_assert_int_eq(ms_dataplane_stats(dp, &before), 0);
	set(0, "tell", program(actions->obj, "tell"));
	ck_assert_int_eq(ms_dataplane_stats(dp, &after), 0);
	ck_assert_mem_eq(&before, &after, sizeof(before));
	ck_assert_int_eq(bpf_map_lookup_elem(bpf_map__fd(actions->maps.test_seen), &zero, &seen),
			 0);
	ck_assert_uint_gt(seen.runs, 0);
	actions_bpf__destroy(actions);
}
END_TEST

static const struct {
	const char *program, *sentence;
	bool observes;
} bad[] = {
	{ "own_code", "ended a TCP packet with a code of its own, 0,", false },
	{ "own_code_for_ip6", "ended a TCP packet over IPv6 with a code of its own, -1,", false },
	{ "own_code_for_denied", "ended a TCP packet with a code of its own, 2,", false },
	{ "no_verdict", "ended a TCP packet with verdict 2", false },
	{ "lets_pass", "ended a TCP packet with the TC code 0", false },
	{ "spoils_cb", "changed cb[3], which is the host's", false },
	{ "of_another_type", "not of type sched_cls", false },
	/* What they may do that do not say of themselves that they only look. */
	{ "ends", "only observes, and ended a TCP packet", true },
	{ "takes", "only observes, and took a TCP packet", true },
	{ "marks", "only observes, and changed a TCP packet", true },
	{ "gives_priority", "only observes, and changed a TCP packet", true },
	{ "rewrites", "only observes, and changed a UDP packet", true },
	{ "cuts", "only observes, and changed a UDP packet", true },
};

START_TEST(what_says_nothing_of_itself_may_act)
{
	static const char *const names[] = { "ends",           "takes",    "marks",
					     "gives_priority", "rewrites", "cuts" };
	struct bad_actions_bpf *object = bad_actions_bpf__open();

	load_object(object->obj);
	for (uint32_t i = 0; i < ms_array_size(names); i++)
		set(i, names[i], program(object->obj, names[i]));
	bad_actions_bpf__destroy(object);
}
END_TEST

START_TEST(what_only_looks_gets_a_slot)
{
	struct actions_bpf *actions = actions_bpf__open();
	struct ms_error err = MS_ERROR_INIT;

	load_object(actions->obj);
	ck_assert_msg(ms_dataplane_action_set(dp, 3, "tell", true, program(actions->obj, "tell"),
					      &err) == 0,
		      "%s", err.message);
	actions_bpf__destroy(actions);
}
END_TEST

START_TEST(a_bad_program_is_refused_and_the_slot_stays_as_it_was)
{
	struct bad_actions_bpf *object = bad_actions_bpf__open();
	struct actions_bpf *actions = actions_bpf__open();
	struct ms_error err = MS_ERROR_INIT;
	int good, fd;

	load_object(object->obj);
	load_object(actions->obj);
	good = program(actions->obj, "pass_on");
	fd = program(object->obj, bad[_i].program);
	ck_assert_int_eq(ms_dataplane_action_set(dp, 3, "bad", bad[_i].observes, fd, &err),
			 -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.message, "action bad"));
	ck_assert_msg(strstr(err.message, bad[_i].sentence) != NULL, "%s", err.message);
	ck_assert_int_eq(ms_dataplane_action_get(dp, 3, &(struct ms_dataplane_action) { 0 }),
			 -ENOENT);
	set(3, "good", good);
	ck_assert_int_eq(ms_dataplane_action_set(dp, 3, "bad", bad[_i].observes, fd, &err),
			 -EINVAL);
	expect(3, "good", id_of(good));
	bad_actions_bpf__destroy(object);
	actions_bpf__destroy(actions);
}
END_TEST

START_TEST(what_is_no_program_is_refused)
{
	struct ms_dataplane_shared_map maps[MS_DATAPLANE_SHARED_MAPS];
	struct ms_error err = MS_ERROR_INIT;

	ms_dataplane_action_maps(dp, maps);
	ck_assert_int_eq(ms_dataplane_action_set(dp, 3, "map", false, maps[0].fd, NULL), -EINVAL);
	ck_assert_int_eq(ms_dataplane_action_set(dp, 3, "none", false, -1, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.message, "action none gave no BPF program"));
}
END_TEST

START_TEST(programs_and_names_outlive_the_daemon)
{
	struct actions_bpf *actions = actions_bpf__open();
	uint32_t old, new;

	load_object(actions->obj);
	old = id_of(program(actions->obj, "pass_on"));
	set(5, "pass_on", program(actions->obj, "pass_on"));
	set(6, "tell", program(actions->obj, "tell"));
	ck_assert_int_eq(ms_dataplane_action_clear(dp, 6), 0);
	actions_bpf__destroy(actions);
	ms_dataplane_close(dp);

	open_dataplane();
	expect(5, "pass_on", old);
	expect(6, "tell", 0);
	ck_assert_int_eq(ms_dataplane_action_get(dp, 4, &(struct ms_dataplane_action) { 0 }),
			 -ENOENT);
	actions = actions_bpf__open();
	load_object(actions->obj);
	new = id_of(program(actions->obj, "pass_on"));
	ck_assert_uint_ne(new, old);
	set(5, "pass_on", program(actions->obj, "pass_on"));
	expect(5, "pass_on", new);
	actions_bpf__destroy(actions);
}
END_TEST

START_TEST(a_slot_is_cleared_and_given_away)
{
	struct actions_bpf *actions = actions_bpf__open();

	load_object(actions->obj);
	set(5, "pass_on", program(actions->obj, "pass_on"));
	ck_assert_int_eq(ms_dataplane_action_clear(dp, 5), 0);
	ck_assert_int_eq(ms_dataplane_action_clear(dp, 5), 0);
	expect(5, "pass_on", 0);
	ck_assert_int_eq(ms_dataplane_action_forget(dp, 5), 0);
	ck_assert_int_eq(ms_dataplane_action_forget(dp, 5), 0);
	ck_assert_int_eq(ms_dataplane_action_get(dp, 5, &(struct ms_dataplane_action) { 0 }),
			 -ENOENT);
	ck_assert_int_eq(ms_dataplane_action_clear(dp, MS_ACTION_SLOTS), -ERANGE);
	ck_assert_int_eq(ms_dataplane_action_forget(dp, MS_ACTION_SLOTS), -ERANGE);
	actions_bpf__destroy(actions);
}
END_TEST

START_TEST(tables_of_another_size_begin_with_slots_of_nobody)
{
	struct actions_bpf *actions = actions_bpf__open();

	load_object(actions->obj);
	set(5, "pass_on", program(actions->obj, "pass_on"));
	actions_bpf__destroy(actions);
	ms_dataplane_close(dp);
	config.sessions = 2048;
	open_dataplane();
	ck_assert_int_eq(ms_dataplane_action_get(dp, 5, &(struct ms_dataplane_action) { 0 }),
			 -ENOENT);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bpf/dataplane_actions");
	TCase *tcase = tcase_create("actions");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, every_way_to_go_on_gets_a_slot);
	tcase_add_test(tcase, a_trial_sees_packets_and_counts_none);
	tcase_add_loop_test(tcase, a_bad_program_is_refused_and_the_slot_stays_as_it_was, 0,
			    ms_array_size(bad));
	tcase_add_test(tcase, what_is_no_program_is_refused);
	tcase_add_test(tcase, what_says_nothing_of_itself_may_act);
	tcase_add_test(tcase, what_only_looks_gets_a_slot);
	tcase_add_test(tcase, programs_and_names_outlive_the_daemon);
	tcase_add_test(tcase, a_slot_is_cleared_and_given_away);
	tcase_add_test(tcase, tables_of_another_size_begin_with_slots_of_nobody);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
