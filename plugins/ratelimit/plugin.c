/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ratelimit: so many packets or bytes a second, by rule, source or session. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "microseg/action.h"
#include "microseg/plugin.h"
#include "ratelimit.h"
#include "ratelimit.skel.h"

#define BURST_MAX 1000000000u /* times the 1/16 ns of a second it still fits 64 bits */
/* What comes at once by default, however slow the rate (docs/adr/0165). */
#define BURST_PACKETS 5u
#define PACKET_BYTES 1500u

struct ratelimit {
	const struct ms_plugin_host *host;
	struct ratelimit_bpf *object; /* of the last load, NULL before */
};

_Static_assert(sizeof(struct ratelimit_args) <= MS_PLUGIN_ARGS_SIZE, "arguments fit");

static const char *const by_words[] = { "rule", "source", "session", NULL };
static const char *const verdict_words[] = { "allow", "deny", NULL };

static const struct ms_plugin_item arguments[] = {
	{ .name = "pps",
	  .type = MS_PLUGIN_RATE,
	  .help = "packets per second; either this or bytes",
	  .min = 1,
	  .max = 1000000000 },
	{ .name = "bytes",
	  .type = MS_PLUGIN_BYTES,
	  .help = "bytes per second, from the IP header on",
	  .min = 1,
	  .max = 1000000000000 },
	{ .name = "burst",
	  .type = MS_PLUGIN_BYTES,
	  .help = "packets or bytes that may come at once; default: a tenth of a second's, "
		  "five packets (of 1500 bytes) at least",
	  .min = 1,
	  .max = BURST_MAX },
	{ .name = "by",
	  .type = MS_PLUGIN_ENUM,
	  .help = "what has a bucket of its own",
	  .words = by_words,
	  .def = "rule" },
	{ .name = "excess",
	  .type = MS_PLUGIN_ENUM,
	  .help = "the verdict of what is over the rate",
	  .words = verdict_words,
	  .def = "deny" },
};

static int create(const struct ms_plugin_host *host, const struct ms_plugin_values *config,
		  void **ret_self, struct ms_plugin_error *error)
{
	(void)config;
	return ms_action_new(host, sizeof(struct ratelimit), ret_self, error);
}

static void destroy(void *user)
{
	struct ratelimit *self = user;

	ratelimit_bpf__destroy(self->object);
	free(self);
}

/* FNV-1a: limits that differ in anything have buckets of their own, the same one keeps its buckets
 * over a reload. */
static uint32_t hash(const void *bytes, size_t size)
{
	const uint8_t *at = bytes;
	uint32_t sum = 2166136261u;

	for (size_t i = 0; i < size; i++)
		sum = (sum ^ at[i]) * 16777619u;
	return sum;
}

static uint64_t default_burst(const struct ratelimit_args *args)
{
	uint64_t least = args->is_bytes ? BURST_PACKETS * PACKET_BYTES : BURST_PACKETS;
	uint64_t burst = args->rate / 10;

	if (burst < least)
		return least;
	return burst < BURST_MAX ? burst : BURST_MAX;
}

static int encode_args(void *user, const struct ms_plugin_values *values,
		       uint8_t ret_args[MS_PLUGIN_ARGS_SIZE], struct ms_plugin_error *error)
{
	const struct ratelimit *self = user;
	const struct ms_plugin_host *host = self->host;
	struct ratelimit_args args = { 0 };

	args.is_bytes = host->value_count(values, "bytes") > 0;
	if (args.is_bytes == (host->value_count(values, "pps") > 0)) {
		host->error_set(error, "it takes either 'pps' or 'bytes'");
		return -EINVAL;
	}
	args.rate = host->value_uint(values, args.is_bytes ? "bytes" : "pps", 0);
	args.burst = host->value_uint(values, "burst", 0);
	if (!args.burst)
		args.burst = default_burst(&args);
	args.by = (uint8_t)host->value_uint(values, "by", 0);
	args.excess =
		host->value_uint(values, "excess", 0) == 0 ? MS_VERDICT_ALLOW : MS_VERDICT_DENY;
	args.id = hash(&args, sizeof(args));
	memcpy(ret_args, &args, sizeof(args));
	return 0;
}

static int load(void *user, const struct ms_plugin_env *env, int *ret_prog_fd,
		struct ms_plugin_error *error)
{
	static const char *const kept[] = { "buckets", "counts", NULL };
	struct ratelimit *self = user;
	struct ratelimit_bpf *object = ratelimit_bpf__open();
	int r = ms_action_load(self->host, object ? object->skeleton : NULL, kept, env, error);

	if (r < 0) {
		ratelimit_bpf__destroy(object);
		return r;
	}
	ratelimit_bpf__destroy(self->object);
	self->object = object;
	*ret_prog_fd = bpf_program__fd(object->progs.ratelimit);
	return 0;
}

static void stats(void *user, struct ms_plugin_emit *to)
{
	const struct ratelimit *self = user;

	if (!self->object)
		return;
	self->host->emit(to, "within", "packets within their rate", NULL,
			 ms_action_count(self->object->maps.counts, RATELIMIT_WITHIN), 0);
	self->host->emit(to, "excess", "packets over their rate", NULL,
			 ms_action_count(self->object->maps.counts, RATELIMIT_EXCESS), 0);
}

static const struct ms_plugin_action actions[] = {
	{ .name = "ratelimit",
	  .help = "so many packets or bytes a second",
	  .flags = MS_PLUGIN_ACTION_ENDS,
	  .args = arguments,
	  .arg_count = sizeof(arguments) / sizeof(arguments[0]),
	  .short_arg = "pps",
	  .encode_args = encode_args,
	  .load = load },
};

MS_PLUGIN(MS_PLUGIN_ACTION, .name = "ratelimit", .version = "1.0",
	  .summary = "limits packets or bytes a second", .license = "GPL-2.0-or-later",
	  .create = create, .destroy = destroy, .stats = stats, .actions = actions,
	  .action_count = sizeof(actions) / sizeof(actions[0]));
