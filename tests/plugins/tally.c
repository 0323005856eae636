/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An action that counts, with a skeleton as real ones have. It insists on being called on one
 * thread.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "microseg/action.h"
#include "tally.skel.h"

#ifndef ACTION_NAME
#define ACTION_NAME PLUGIN_NAME
#endif

/* A later version of the same, whose code lies elsewhere: where that of this one is there are
 * instructions that none survives. */
#ifdef NEWER
#undef PLUGIN_NAME
#define PLUGIN_NAME "tally"
#define VERSION "2.0"
__asm__(".pushsection .text.startup,\"ax\"\n.fill 32768, 1, 0xcc\n.popsection\n");
#else
#define VERSION "1.0"
#endif

struct tally {
	const struct ms_plugin_host *host;
	struct tally_bpf *skeleton;
	pthread_t thread;
	uint64_t top;                      /* the highest counter that a rule may name */
	uint64_t encoded, rules, counters; /* calls; of the rules in force, the sum of the last */
};

static int create(const struct ms_plugin_host *host, const struct ms_plugin_values *config,
		  void **ret_self, struct ms_plugin_error *error)
{
	struct tally *tally = calloc(1, sizeof(*tally));

	(void)error;
	if (!tally)
		return -ENOMEM;
	tally->top = host->value_uint(config, "top", 0);
	tally->host = host;
	tally->thread = pthread_self();
	*ret_self = tally;
	return 0;
}

static void destroy(void *self)
{
	struct tally *tally = self;

	tally_bpf__destroy(tally->skeleton);
	free(tally);
}

static int load(void *self, const struct ms_plugin_env *env, int *ret_fd,
		struct ms_plugin_error *error)
{
	struct tally *tally = self;
	struct tally_bpf *skeleton = tally_bpf__open();
	int r = skeleton ? ms_action_share_maps(skeleton->obj, env) : -errno;

	if (r == 0)
		r = ms_action_keep_map(skeleton->maps.tally_seen, env);
	if (r == 0)
		r = tally_bpf__load(skeleton);
	if (r < 0) {
		tally->host->error_set(error, "cannot load its program");
		tally_bpf__destroy(skeleton);
		return r;
	}
	tally_bpf__destroy(tally->skeleton);
	tally->skeleton = skeleton;
	*ret_fd = bpf_program__fd(skeleton->progs.tally);
	return 0;
}

static int encode(void *self, const struct ms_plugin_values *values,
		  uint8_t ret_args[MS_PLUGIN_ARGS_SIZE], struct ms_plugin_error *error)
{
	struct tally *tally = self;

	tally->encoded++;
	if (!pthread_equal(tally->thread, pthread_self())) {
		tally->host->error_set(error, "called on another thread");
		return -EXDEV;
	}
	if (tally->host->value_uint(values, "counter", 0) > tally->top) {
		tally->host->error_set(error, "there is no such counter");
		return -EINVAL;
	}
	ret_args[0] = (uint8_t)tally->host->value_uint(values, "counter", 0);
	return 0;
}

static void in_force(void *self, const struct ms_plugin_in_force *rules, size_t count)
{
	struct tally *tally = self;

	tally->rules = count;
	tally->counters = 0;
	for (size_t i = 0; i < count; i++)
		tally->counters += rules[i].args[0];
}

static uint64_t count_seen(const struct tally *tally)
{
	uint64_t sum = 0, value;

	for (uint32_t i = 0; i <= tally->top; i++)
		if (bpf_map__lookup_elem(tally->skeleton->maps.tally_seen, &i, sizeof(i), &value,
					 sizeof(value), 0) == 0)
			sum += value;
	return sum;
}

static void stats(void *self, struct ms_plugin_emit *to)
{
	const struct tally *tally = self;

	if (tally->skeleton)
		tally->host->emit(to, "seen", "packets", NULL, count_seen(tally), 0);
#ifdef NEWER
	tally->host->emit(to, "newer", "it is the later version", NULL, 1, 1);
#endif
	tally->host->emit(to, "encoded", "arguments that were asked for", NULL, tally->encoded, 0);
	tally->host->emit(to, "rules", "places of rules in force", NULL, tally->rules, 1);
	tally->host->emit(to, "counters", "sum of what they name", NULL, tally->counters, 1);
}

static const struct ms_plugin_item args[] = {
	{ .name = "counter",
	  .help = "which of its counters",
	  .type = MS_PLUGIN_UINT,
	  .max = 15,
	  .def = "0" },
};

static const struct ms_plugin_item config[] = {
	{ .name = "top",
	  .help = "the highest counter that rules may name",
	  .type = MS_PLUGIN_UINT,
	  .def = "15" },
};

static const struct ms_plugin_action actions[] = {
	{ .name = ACTION_NAME,
	  .help = "counts packets",
#ifdef OBSERVES
	  .flags = MS_PLUGIN_ACTION_OBSERVES,
#endif
	  .arg_count = 1,
	  .args = args,
	  .short_arg = "counter",
	  .encode_args = encode,
	  .load = load,
	  .in_force = in_force },
};

#ifdef OLDER
#undef MS_PLUGIN_ABI_MINOR
#define MS_PLUGIN_ABI_MINOR OLDER
#endif

MS_PLUGIN(MS_PLUGIN_ACTION, .name = PLUGIN_NAME, .version = VERSION, .summary = "counts packets",
	  .license = "GPL-2.0-or-later", .config = config, .config_count = 1, .create = create,
	  .destroy = destroy, .stats = stats, .actions = actions, .action_count = 1);
