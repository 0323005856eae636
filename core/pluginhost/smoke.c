/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/pluginhost/smoke.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/dataplane_trial.h"
#include "core/base/cleanup.h"
#include "microseg/chain.h"

/* By the names and sizes of <microseg/action.bpf.h>. */
static const struct {
	const char *name;
	enum bpf_map_type type;
	uint32_t value_size, entries;
} wanted[] = {
	{ "ms_progs", BPF_MAP_TYPE_PROG_ARRAY, 4, 64 },
	{ "ms_actions", BPF_MAP_TYPE_PROG_ARRAY, 4, MS_ACTION_SLOTS },
	{ "ms_action_lists", BPF_MAP_TYPE_ARRAY, sizeof(struct ms_action_list),
	  2 * MS_ACTION_LISTS },
	{ "ms_action_args", BPF_MAP_TYPE_ARRAY, MS_ACTION_ARGS_SIZE,
	  2 * MS_ACTION_LISTS *MS_ACTION_LIST_MAX },
};

struct ms_pluginhost_smoke {
	struct ms_plugin_env env;
	struct ms_plugin_map maps[ms_array_size(wanted)];
};

void ms_pluginhost_smoke_free(struct ms_pluginhost_smoke **smoke)
{
	for (size_t i = 0; *smoke && i < (*smoke)->env.map_count; i++)
		close((*smoke)->maps[i].fd);
	free(*smoke);
}

#define CB(word) offsetof(struct __sk_buff, cb[word])

/* A program that says of a packet how it came there, as the datapath's does of a trial. */
static int make_resume(int progs)
{
	const struct bpf_insn code[] = {
		{ .code = BPF_LDX | BPF_MEM | BPF_W,
		  .dst_reg = BPF_REG_0,
		  .src_reg = BPF_REG_1,
		  .off = CB(MS_CHAIN_RULE) },
		{ .code = BPF_ALU | BPF_AND | BPF_K,
		  .dst_reg = BPF_REG_0,
		  .imm = MS_CHAIN_END_MASK },
		{ .code = BPF_ALU | BPF_RSH | BPF_K,
		  .dst_reg = BPF_REG_0,
		  .imm = MS_CHAIN_END_SHIFT - 8 },
		{ .code = BPF_LDX | BPF_MEM | BPF_W,
		  .dst_reg = BPF_REG_2,
		  .src_reg = BPF_REG_1,
		  .off = CB(MS_CHAIN_LIST) },
		{ .code = BPF_ALU | BPF_AND | BPF_K,
		  .dst_reg = BPF_REG_2,
		  .imm = MS_CHAIN_CODE_MASK },
		{ .code = BPF_ALU | BPF_RSH | BPF_K,
		  .dst_reg = BPF_REG_2,
		  .imm = MS_CHAIN_CODE_SHIFT },
		{ .code = BPF_ALU | BPF_OR | BPF_X, .dst_reg = BPF_REG_0, .src_reg = BPF_REG_2 },
		{ .code = BPF_ALU | BPF_OR | BPF_K, .dst_reg = BPF_REG_0, .imm = MS_CHAIN_TRIED },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	const uint32_t slot = MS_CHAIN_RESUME;
	ms_cleanup(ms_close_fd) int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "ms_resume", "GPL",
						       code, ms_array_size(code), NULL);

	if (fd < 0)
		return fd;
	return bpf_map_update_elem(progs, &slot, &fd, BPF_ANY) < 0 ? -errno : 0;
}

int ms_pluginhost_smoke_new(struct ms_pluginhost_smoke **ret_smoke, struct ms_error *err)
{
	ms_cleanup(ms_pluginhost_smoke_free) struct ms_pluginhost_smoke *smoke =
		calloc(1, sizeof(*smoke));
	int r;

	if (!smoke)
		return -ENOMEM;
	smoke->env.struct_size = sizeof(smoke->env);
	smoke->env.maps = smoke->maps;
	smoke->env.pin_dir_fd = -1;
	for (size_t i = 0; i < ms_array_size(wanted); i++) {
		int fd = bpf_map_create(wanted[i].type, wanted[i].name, 4, wanted[i].value_size,
					wanted[i].entries, NULL);

		if (fd < 0)
			return ms_error_set(err, fd, "cannot make maps for a trial: %s",
					    fd == -EPERM ? "that needs root" : strerror(-fd));
		smoke->maps[i] = (struct ms_plugin_map) { .name = wanted[i].name, .fd = fd };
		smoke->env.map_count++;
	}
	r = make_resume(smoke->maps[0].fd);
	if (r < 0)
		return ms_error_set(err, r, "cannot load a program for a trial: %s", strerror(-r));
	*ret_smoke = ms_take_ptr(smoke);
	return 0;
}

const struct ms_plugin_env *ms_pluginhost_smoke_env(const struct ms_pluginhost_smoke *smoke)
{
	return &smoke->env;
}

int ms_pluginhost_smoke_run(int fd, const char *plugin, const struct ms_plugin_action *action,
			    struct ms_error *err)
{
	struct ms_error why = MS_ERROR_INIT;
	int r = ms_dataplane_trial(fd, action->name, action->flags & MS_PLUGIN_ACTION_OBSERVES,
				   &why);

	return r < 0 ? ms_error_set(err, r, "%s: %s", plugin, why.message) : 0;
}
