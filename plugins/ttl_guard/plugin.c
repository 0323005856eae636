// SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause
/*
 * ttl_guard: an action that denies packets whose TTL or hop limit is below its argument, as what
 * came a longer way than it should have.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <microseg/action.h>
#include <microseg/plugin.h>

#include "ttl_guard.h"
#include "ttl_guard.skel.h"

struct state {
	const struct ms_plugin_host *host;
	struct ttl_guard_bpf *bpf; /* of the last load; NULL before */
};

static int create(const struct ms_plugin_host *host, const struct ms_plugin_values *config,
		  void **ret_self, struct ms_plugin_error *error)
{
	(void)config;
	return ms_action_new(host, sizeof(struct state), ret_self, error);
}

static void destroy(void *self)
{
	struct state *state = self;

	ttl_guard_bpf__destroy(state->bpf); /* takes NULL */
	free(state);
}

/* ---- the action ---- */

static int encode_args(void *self, const struct ms_plugin_values *values,
		       uint8_t ret_args[MS_PLUGIN_ARGS_SIZE], struct ms_plugin_error *error)
{
	const struct state *state = self;
	struct ttl_guard_args args = {
		.min = (uint8_t)state->host->value_uint(values, "min", 0),
		.dir = (uint8_t)state->host->value_uint(values, "dir", 0),
	};

	(void)error; /* what the item's type, min and max say has been checked */
	_Static_assert(sizeof(args) <= MS_PLUGIN_ARGS_SIZE, "arguments fit in their room");
	memcpy(ret_args, &args, sizeof(args));
	return 0;
}

static int load(void *self, const struct ms_plugin_env *env, int *ret_prog_fd,
		struct ms_plugin_error *error)
{
	static const char *const kept[] = { "ttl_seen", NULL };
	struct state *state = self;
	struct ttl_guard_bpf *bpf = ttl_guard_bpf__open();
	int r = ms_action_load(state->host, bpf ? bpf->skeleton : NULL, kept, env, error);

	if (r < 0) {
		ttl_guard_bpf__destroy(bpf);
		return r;
	}
	/* The program of the last load goes on in the host's hands until this one takes over. */
	ttl_guard_bpf__destroy(state->bpf);
	state->bpf = bpf;
	*ret_prog_fd = bpf_program__fd(bpf->progs.ttl_guard);
	return 0;
}

static void rule_gone(void *self, uint32_t rule)
{
	const struct state *state = self;

	if (state->bpf)
		bpf_map_delete_elem(bpf_map__fd(state->bpf->maps.ttl_seen), &rule);
}

/* ---- statistics ---- */

static void emit_rule(const struct state *state, struct ms_plugin_emit *to, uint32_t rule,
		      const struct ttl_guard_seen *cpus, int count)
{
	const char *id = state->host->rule_id(state->host->state, rule);
	struct ttl_guard_seen sum = { 0 };

	if (!id)
		return;
	for (int i = 0; i < count; i++) {
		sum.low += cpus[i].low;
		sum.fine += cpus[i].fine;
		sum.unread += cpus[i].unread;
	}
	state->host->emit(to, "low", "packets below the least TTL", id, sum.low, 0);
	state->host->emit(to, "fine", "packets that went on", id, sum.fine, 0);
	state->host->emit(to, "unread", "packets too short to have a TTL", id, sum.unread, 0);
}

static void stats(void *self, struct ms_plugin_emit *to)
{
	const struct state *state = self;
	int count = libbpf_num_possible_cpus(), map;
	struct ttl_guard_seen *cpus;
	uint32_t rule, *previous = NULL;

	if (!state->bpf || count < 0)
		return;
	cpus = calloc((size_t)count, sizeof(*cpus));
	map = bpf_map__fd(state->bpf->maps.ttl_seen);
	while (cpus && bpf_map_get_next_key(map, previous, &rule) == 0) {
		if (bpf_map_lookup_elem(map, &rule, cpus) == 0)
			emit_rule(state, to, rule, cpus, count);
		previous = &rule;
	}
	free(cpus);
}

/* ---- what the host reads before it runs any of this ---- */

static const char *const dirs[] = { "in", "out", "both", NULL }; /* as enum ttl_guard_dir */

static const struct ms_plugin_item args[] = {
	{ .name = "min",
	  .help = "the least TTL or hop limit that goes on",
	  .type = MS_PLUGIN_UINT,
	  .flags = MS_PLUGIN_REQUIRED,
	  .min = 1,
	  .max = 255 },
	{ .name = "dir",
	  .help = "which packets of the flow are looked at",
	  .type = MS_PLUGIN_ENUM,
	  .words = dirs,
	  .def = "in" },
};

static const struct ms_plugin_action actions[] = {
	{ .name = "ttl_guard",
	  .help = "deny what has a TTL or hop limit below `min`",
	  .flags = MS_PLUGIN_ACTION_ENDS,
	  .args = args,
	  .arg_count = 2,
	  .short_arg = "min",
	  .encode_args = encode_args,
	  .load = load,
	  .rule_gone = rule_gone },
};

MS_PLUGIN(MS_PLUGIN_ACTION, .name = "ttl_guard", .version = "1.0",
	  .summary = "denies packets with a low TTL", .license = "GPL-2.0-or-later OR BSD-2-Clause",
	  .create = create, .destroy = destroy, .stats = stats, .actions = actions,
	  .action_count = 1);
