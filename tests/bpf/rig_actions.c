/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actions.skel.h"
#include "core/base/cleanup.h"
#include "core/policy/rule_action.h"
#include "tests/bpf/rig_private.h"
#include "tests/harness/ms_check.h"

static const char *const names[] = { "pass_on", "end_deny", "end_allow",
				     "take",    "tell",     "end_as_before" };
/* Programs of ours under names of those that say they only look. */
static const struct {
	const char *name, *program;
} observers[] = {
	{ "watch", "tell" },
	{ "watch_deny", "end_deny" },
	{ "watch_allow", "end_allow" },
	{ "watch_take", "take" },
};

/* NULL = it does not say so. */
static const char *observer(const char *name)
{
	for (size_t i = 0; i < ms_array_size(observers); i++)
		if (strcmp(observers[i].name, name) == 0)
			return observers[i].program;
	return NULL;
}

/* By slot, from 3 on: nothing may depend on the first. */
static int slot_of(const char *name)
{
	if (ms_rig.only_action && strcmp(name, ms_rig.only_action) == 0)
		return (int)ms_rig.only_slot;
	for (size_t i = 0; i < ms_array_size(names); i++)
		if (strcmp(names[i], name) == 0)
			return (int)i + 3;
	return -ENOENT;
}

int ms_rig_action(void *user, const struct ms_rule_action *action,
		  struct ms_rule_action_call *ret_call, struct ms_error *err)
{
	const char *observes = observer(action->name);
	int slot = slot_of(observes ? observes : action->name);

	(void)user;
	(void)err;
	for (size_t i = 0; i < ms_rig.n_plugins; i++) {
		if (strcmp(action->name, ms_rig.plugins[i].name) != 0)
			continue;
		ret_call->args = ms_rig.plugins[i].args;
		ret_call->slot = (uint8_t)(MS_RIG_PLUGIN_SLOT + i);
		ret_call->observes = ms_rig.plugins[i].observes;
		return 0;
	}
	if (slot < 0)
		return slot;
	if (action->n_args)
		ret_call->args.bytes[0] = (__u8)atoi(action->args[0].values[0].text);
	ret_call->slot = (uint8_t)slot;
	ret_call->observes = observes != NULL;
	return 0;
}

static void share_maps(struct bpf_object *object)
{
	static const char *const shared[] = { "ms_progs", "ms_actions", "ms_action_lists",
					      "ms_action_args" };

	for (size_t i = 0; i < ms_array_size(shared); i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(object, shared[i]);

		ck_assert_int_eq(bpf_map__reuse_fd(map, ms_rig_fd(shared[i])), 0);
	}
}

struct bpf_object *ms_rig_add_plugin(const char *name, const void *args, size_t size)
{
	struct ms_rig_plugin *plugin = &ms_rig.plugins[ms_rig.n_plugins];
	uint32_t slot = (uint32_t)(MS_RIG_PLUGIN_SLOT + ms_rig.n_plugins++);
	struct bpf_object *object;
	char path[512];
	int program;

	ck_assert_uint_le(ms_rig.n_plugins, MS_RIG_PLUGINS_MAX);
	ck_assert_uint_le(size, sizeof(plugin->args));
	snprintf(plugin->name, sizeof(plugin->name), "%s", name);
	memcpy(&plugin->args, args, size);
	snprintf(path, sizeof(path), MS_TEST_PLUGINS "/%s/%s.bpf.o", name, name);
	object = bpf_object__open_file(path, NULL);
	ck_assert_msg(object != NULL, "%s: %s", path, strerror(errno));
	plugin->object = object;
	plugin->observes = false;
	share_maps(object);
	ck_assert_int_eq(bpf_object__load(object), 0);
	program = bpf_program__fd(bpf_object__find_program_by_name(object, name));
	ms_rig_put("ms_actions", &slot, &program);
	return object;
}

void ms_rig_plugin_observes(void)
{
	ck_assert_uint_gt(ms_rig.n_plugins, 0);
	ms_rig.plugins[ms_rig.n_plugins - 1].observes = true;
}

void ms_rig_add_actions(void)
{
	struct actions_bpf *actions = actions_bpf__open();

	ck_assert_ptr_nonnull(actions);
	share_maps(actions->obj);
	ck_assert_int_eq(actions_bpf__load(actions), 0);
	ms_rig.only_action = NULL;
	for (uint32_t slot = 0; slot < MS_ACTION_SLOTS; slot++)
		bpf_map_delete_elem(ms_rig_fd("ms_actions"), &slot);
	for (size_t i = 0; i < ms_array_size(names); i++) {
		uint32_t slot = (uint32_t)slot_of(names[i]);
		int program =
			bpf_program__fd(bpf_object__find_program_by_name(actions->obj, names[i]));

		ms_rig_put("ms_actions", &slot, &program);
	}
	ms_rig.actions = actions;
}

void ms_rig_only_action(const char *name, uint32_t slot)
{
	const struct bpf_program *program =
		bpf_object__find_program_by_name(ms_rig.actions->obj, name);
	int fd = bpf_program__fd(program);

	for (uint32_t other = 0; other < MS_ACTION_SLOTS; other++)
		bpf_map_delete_elem(ms_rig_fd("ms_actions"), &other);
	ms_rig_put("ms_actions", &slot, &fd);
	ms_rig.only_action = name;
	ms_rig.only_slot = slot;
}

int ms_rig_littered(enum ms_rig_hook hook)
{
	uint32_t slot = TEST_LITTER_SLOT;
	int program = ms_rig_program(hook);

	ms_rig_put("ms_progs", &slot, &program);
	return bpf_program__fd(ms_rig.actions->progs.litter);
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

void ms_rig_expect_packet(enum ms_rig_hook hook, const struct ms_pkt *pkt, int code,
			  const char *text)
{
	struct ms_rig_result result = ms_rig_run(hook, pkt);
	char got[128];

	snprintf(got, sizeof(got), "%s %s %s", result.verdict, result.reason, result.author);
	ck_assert_str_eq(got, text);
	ck_assert_int_eq(result.code, code);
}

void ms_rig_expect_tcp(const char *a, const char *b, int code, const char *first, const char *next)
{
	static uint16_t sport = 1000;
	struct ms_pkt syn = ms_pkt_tcp(a, ++sport, b, 80, MS_PKT_SYN);
	struct ms_pkt back = ms_pkt_tcp(b, 80, a, sport, MS_PKT_SYN | MS_PKT_ACK);
	struct ms_pkt ack = ms_pkt_tcp(a, sport, b, 80, MS_PKT_ACK);

	ms_rig_expect_packet(MS_RIG_INGRESS, &syn, code, first);
	ms_rig_expect_packet(MS_RIG_EGRESS, &back, code, next);
	ms_rig_expect_packet(MS_RIG_INGRESS, &ack, code, next);
	back = ms_pkt_tcp(b, 80, a, sport, MS_PKT_ACK);
	ms_rig_expect_packet(MS_RIG_EGRESS, &back, code, next);
	ms_rig_expect_packet(MS_RIG_INGRESS, &ack, code, next);
}
