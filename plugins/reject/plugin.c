/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reject: an answer to what is denied. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "microseg/action.h"
#include "microseg/plugin.h"
#include "reject.h"
#include "reject.skel.h"

struct reject {
	const struct ms_plugin_host *host;
	struct reject_bpf *object; /* of the last load, NULL before */
};

_Static_assert(sizeof(struct reject_args) <= MS_PLUGIN_ARGS_SIZE, "arguments fit");

static const struct ms_plugin_item arguments[] = {
	{ .name = "rate",
	  .type = MS_PLUGIN_RATE,
	  .help = "answers per second of one rule; the rest is denied without one",
	  .min = 1,
	  .max = 1000000,
	  .def = "1000" },
};

static int create(const struct ms_plugin_host *host, const struct ms_plugin_values *config,
		  void **ret_self, struct ms_plugin_error *error)
{
	(void)config;
	return ms_action_new(host, sizeof(struct reject), ret_self, error);
}

static void destroy(void *user)
{
	struct reject *self = user;

	reject_bpf__destroy(self->object);
	free(self);
}

static int encode_args(void *user, const struct ms_plugin_values *values,
		       uint8_t ret_args[MS_PLUGIN_ARGS_SIZE], struct ms_plugin_error *error)
{
	const struct reject *self = user;
	struct reject_args args = {
		.rate = (uint32_t)self->host->value_uint(values, "rate", 0),
	};

	(void)error;
	memcpy(ret_args, &args, sizeof(args));
	return 0;
}

static int load(void *user, const struct ms_plugin_env *env, int *ret_prog_fd,
		struct ms_plugin_error *error)
{
	static const char *const kept[] = { "counts", "buckets", NULL };
	struct reject *self = user;
	struct reject_bpf *object = reject_bpf__open();
	int r = ms_action_load(self->host, object ? object->skeleton : NULL, kept, env, error);

	if (r < 0) {
		reject_bpf__destroy(object);
		return r;
	}
	reject_bpf__destroy(self->object);
	self->object = object;
	*ret_prog_fd = bpf_program__fd(object->progs.reject);
	return 0;
}

static void stats(void *user, struct ms_plugin_emit *to)
{
	static const struct {
		const char *name, *help;
	} numbers[REJECT_COUNTS] = {
		[REJECT_ANSWERED] = { "answered", "packets answered" },
		[REJECT_OVER_RATE] = { "over_rate", "packets without an answer, over the rate" },
		[REJECT_UNANSWERED] = { "unanswered", "packets of a kind that gets no answer" },
	};
	const struct reject *self = user;

	if (!self->object)
		return;
	for (uint32_t i = 0; i < REJECT_COUNTS; i++)
		self->host->emit(to, numbers[i].name, numbers[i].help, NULL,
				 ms_action_count(self->object->maps.counts, i), 0);
}

static const struct ms_plugin_action actions[] = {
	{ .name = "reject",
	  .help = "answers a denied packet: TCP RST, or ICMP administratively prohibited",
	  .flags = MS_PLUGIN_ACTION_ENDS | MS_PLUGIN_ACTION_TAKES | MS_PLUGIN_ACTION_MODIFY,
	  .args = arguments,
	  .arg_count = sizeof(arguments) / sizeof(arguments[0]),
	  .short_arg = "rate",
	  .encode_args = encode_args,
	  .load = load },
};

MS_PLUGIN(MS_PLUGIN_ACTION, .name = "reject", .version = "1.0", .summary = "answers what is denied",
	  .license = "GPL-2.0-or-later", .create = create, .destroy = destroy, .stats = stats,
	  .actions = actions, .action_count = sizeof(actions) / sizeof(actions[0]));
