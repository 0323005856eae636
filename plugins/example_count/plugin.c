// SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause
/*
 * example_count: an action that counts the packets and bytes of each rule that names it, and those
 * longer than its argument. Shows arguments, a map of its own, statistics and what is kept.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <microseg/action.h>
#include <microseg/plugin.h>

#include "example_count.h"
#include "example_count.skel.h"

struct state {
	const struct ms_plugin_host *host;
	struct example_count_bpf *bpf; /* of the last load; NULL before */
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

	example_count_bpf__destroy(state->bpf); /* takes NULL */
	free(state);
}

/* ---- the action ---- */

static int encode_args(void *self, const struct ms_plugin_values *values,
		       uint8_t ret_args[MS_PLUGIN_ARGS_SIZE], struct ms_plugin_error *error)
{
	const struct state *state = self;
	struct example_count_args args = { .over = state->host->value_uint(values, "over", 0) };

	(void)error; /* what the item's type, min and max say has been checked */
	_Static_assert(sizeof(args) <= MS_PLUGIN_ARGS_SIZE, "arguments fit in their room");
	memcpy(ret_args, &args, sizeof(args));
	return 0;
}

static int load(void *self, const struct ms_plugin_env *env, int *ret_prog_fd,
		struct ms_plugin_error *error)
{
	static const char *const kept[] = { "sums", NULL };
	struct state *state = self;
	struct example_count_bpf *bpf = example_count_bpf__open();
	int r = ms_action_load(state->host, bpf ? bpf->skeleton : NULL, kept, env, error);

	if (r < 0) {
		example_count_bpf__destroy(bpf);
		return r;
	}
	/* The program of the last load goes on in the host's hands until this one takes over. */
	example_count_bpf__destroy(state->bpf);
	state->bpf = bpf;
	*ret_prog_fd = bpf_program__fd(bpf->progs.example_count);
	return 0;
}

static void rule_gone(void *self, uint32_t rule)
{
	const struct state *state = self;

	if (state->bpf)
		bpf_map_delete_elem(bpf_map__fd(state->bpf->maps.sums), &rule);
}

/* ---- statistics ---- */

static void emit_rule(const struct state *state, struct ms_plugin_emit *to, uint32_t rule,
		      const struct example_count_sums *cpus, int count)
{
	const char *id = state->host->rule_id(state->host->state, rule);
	struct example_count_sums sum = { 0 };

	if (!id)
		return;
	for (int i = 0; i < count; i++) {
		sum.packets += cpus[i].packets;
		sum.bytes += cpus[i].bytes;
		sum.large += cpus[i].large;
	}
	state->host->emit(to, "packets", "packets of the rule", id, sum.packets, 0);
	state->host->emit(to, "bytes", "bytes of the rule", id, sum.bytes, 0);
	state->host->emit(to, "large", "packets longer than `over`", id, sum.large, 0);
}

static void stats(void *self, struct ms_plugin_emit *to)
{
	const struct state *state = self;
	int count = libbpf_num_possible_cpus(), map;
	struct example_count_sums *cpus;
	uint32_t rule, *previous = NULL;

	if (!state->bpf || count < 0)
		return;
	cpus = calloc((size_t)count, sizeof(*cpus));
	map = bpf_map__fd(state->bpf->maps.sums);
	while (cpus && bpf_map_get_next_key(map, previous, &rule) == 0) {
		if (bpf_map_lookup_elem(map, &rule, cpus) == 0)
			emit_rule(state, to, rule, cpus, count);
		previous = &rule;
	}
	free(cpus);
}

/* ---- what the host reads before it runs any of this ---- */

static const struct ms_plugin_item args[] = {
	{ .name = "over",
	  .help = "frames longer than this count as large",
	  .type = MS_PLUGIN_BYTES,
	  .min = 1,
	  .max = 65535,
	  .def = "1500" },
};

static const struct ms_plugin_action actions[] = {
	{ .name = "count",
	  .help = "count packets, bytes and large packets of the rule",
	  .flags = MS_PLUGIN_ACTION_OBSERVES,
	  .args = args,
	  .arg_count = 1,
	  .short_arg = "over",
	  .encode_args = encode_args,
	  .load = load,
	  .rule_gone = rule_gone },
};

MS_PLUGIN(MS_PLUGIN_ACTION, .name = "example_count", .version = "1.0",
	  .summary = "counts the packets of a rule", .license = "GPL-2.0-or-later OR BSD-2-Clause",
	  .create = create, .destroy = destroy, .stats = stats, .actions = actions,
	  .action_count = 1);
