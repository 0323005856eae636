/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "actions.skel.h"
#include "core/base/cleanup.h"
#include "microseg/chain.h"
#include "tests/bpf/rig_private.h"
#include "tests/harness/ms_check.h"

static const char *const names[] = { "pass_on", "end_deny", "end_allow", "take", "tell" };

/* By slot, from 3 on: nothing may depend on the first. */
static int slot_of(const char *name)
{
	for (size_t i = 0; i < ms_array_size(names); i++)
		if (strcmp(names[i], name) == 0)
			return (int)i + 3;
	return -ENOENT;
}

int ms_rig_action(void *user, const struct ms_rule_action *action, uint8_t *ret_slot,
		  struct ms_action_args *ret_args, struct ms_error *err)
{
	int slot = slot_of(action->name);

	(void)user;
	(void)err;
	if (slot < 0)
		return slot;
	if (action->n_args)
		ret_args->bytes[0] = (__u8)atoi(action->args[0].values[0].text);
	*ret_slot = (uint8_t)slot;
	return 0;
}

void ms_rig_add_actions(void)
{
	static const char *const shared[] = { "ms_progs", "ms_actions", "ms_action_lists",
					      "ms_action_args" };
	struct actions_bpf *actions = actions_bpf__open();

	ck_assert_ptr_nonnull(actions);
	for (size_t i = 0; i < ms_array_size(shared); i++)
		ck_assert_int_eq(
			bpf_map__reuse_fd(bpf_object__find_map_by_name(actions->obj, shared[i]),
					  ms_rig_fd(shared[i])),
			0);
	ck_assert_int_eq(actions_bpf__load(actions), 0);
	for (size_t i = 0; i < ms_array_size(names); i++) {
		uint32_t slot = (uint32_t)slot_of(names[i]);
		int program =
			bpf_program__fd(bpf_object__find_program_by_name(actions->obj, names[i]));

		ms_rig_put("ms_actions", &slot, &program);
	}
	ms_rig.actions = actions;
}

void ms_rig_remove_action(const char *name)
{
	uint32_t slot = (uint32_t)slot_of(name);

	ck_assert_int_eq(bpf_map_delete_elem(ms_rig_fd("ms_actions"), &slot), 0);
}

struct test_action_seen ms_rig_seen(void)
{
	static const struct test_action_seen none;
	int table = bpf_map__fd(ms_rig.actions->maps.test_seen);
	struct test_action_seen seen;
	uint32_t zero = 0;

	ck_assert_int_eq(bpf_map_lookup_elem(table, &zero, &seen), 0);
	ck_assert_int_eq(bpf_map_update_elem(table, &zero, &none, BPF_ANY), 0);
	return seen;
}
