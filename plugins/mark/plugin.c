/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mark: the packet's mark, priority and DSCP. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mark.h"
#include "mark.skel.h"
#include "microseg/action.h"
#include "microseg/plugin.h"

struct mark {
	const struct ms_plugin_host *host;
	struct mark_bpf *object; /* of the last load, NULL before */
};

_Static_assert(sizeof(struct mark_args) <= MS_PLUGIN_ARGS_SIZE, "arguments fit");

/* Names of RFC 2474, 2597, 3246, 5865 and 8622, and those that rules have of nft. */
static const struct {
	const char *name;
	uint8_t dscp;
} classes[] = {
	{ "cs0", 0 },   { "cs1", 8 },   { "cs2", 16 },  { "cs3", 24 },  { "cs4", 32 },
	{ "cs5", 40 },  { "cs6", 48 },  { "cs7", 56 },  { "le", 1 },    { "af11", 10 },
	{ "af12", 12 }, { "af13", 14 }, { "af21", 18 }, { "af22", 20 }, { "af23", 22 },
	{ "af31", 26 }, { "af32", 28 }, { "af33", 30 }, { "af41", 34 }, { "af42", 36 },
	{ "af43", 38 }, { "va", 44 },   { "ef", 46 },   { "df", 0 },    { "be", 0 },
	{ "lephb", 1 },
};

static const struct ms_plugin_item arguments[] = {
	{ .name = "mark",
	  .type = MS_PLUGIN_UINT,
	  .help = "the mark that routing rules, tc and netfilter see",
	  .max = UINT32_MAX },
	{ .name = "mask",
	  .type = MS_PLUGIN_UINT,
	  .help = "which bits of the mark are replaced; default: all",
	  .min = 1,
	  .max = UINT32_MAX },
	{ .name = "priority",
	  .type = MS_PLUGIN_UINT,
	  .help = "the priority that qdiscs see",
	  .max = UINT32_MAX },
	{ .name = "dscp",
	  .type = MS_PLUGIN_STRING,
	  .help = "0 to 63, or a name: ef, af11, cs6, le, ...",
	  .min = 1,
	  .max = 5 },
};

static int create(const struct ms_plugin_host *host, const struct ms_plugin_values *config,
		  void **ret_self, struct ms_plugin_error *error)
{
	(void)config;
	return ms_action_new(host, sizeof(struct mark), ret_self, error);
}

static void destroy(void *user)
{
	struct mark *self = user;

	mark_bpf__destroy(self->object);
	free(self);
}

/* 0 to 63, or -EINVAL. */
static int parse_dscp(const char *text)
{
	unsigned long number;
	char *end;

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (strcmp(text, classes[i].name) == 0)
			return classes[i].dscp;
	if (*text < '0' || *text > '9')
		return -EINVAL;
	number = strtoul(text, &end, 10);
	return *end || number > 63 ? -EINVAL : (int)number;
}

static int encode_args(void *user, const struct ms_plugin_values *values,
		       uint8_t ret_args[MS_PLUGIN_ARGS_SIZE], struct ms_plugin_error *error)
{
	const struct mark *self = user;
	const struct ms_plugin_host *host = self->host;
	struct mark_args args = { 0 };
	int dscp = 0;

	if (host->value_count(values, "mark")) {
		args.sets |= MARK_SETS_MARK;
		args.mark = (uint32_t)host->value_uint(values, "mark", 0);
		args.mask = UINT32_MAX;
	}
	if (host->value_count(values, "mask")) {
		args.mask = (uint32_t)host->value_uint(values, "mask", 0);
		if (!(args.sets & MARK_SETS_MARK) || args.mark & ~args.mask) {
			host->error_set(error,
					"'mask' goes with a 'mark' that has no bit outside of it");
			return -EINVAL;
		}
	}
	if (host->value_count(values, "priority")) {
		args.sets |= MARK_SETS_PRIORITY;
		args.priority = (uint32_t)host->value_uint(values, "priority", 0);
	}
	if (host->value_count(values, "dscp")) {
		dscp = parse_dscp(host->value_string(values, "dscp", 0));
		if (dscp < 0) {
			host->error_set(error, "'%s' is no DSCP: 0 to 63, or a name as ef or af11",
					host->value_string(values, "dscp", 0));
			return -EINVAL;
		}
		args.sets |= MARK_SETS_DSCP;
		args.dscp = (uint8_t)dscp;
	}
	if (!args.sets) {
		host->error_set(error, "nothing is set: give it 'mark', 'priority' or 'dscp'");
		return -EINVAL;
	}
	memcpy(ret_args, &args, sizeof(args));
	return 0;
}

static int load(void *user, const struct ms_plugin_env *env, int *ret_prog_fd,
		struct ms_plugin_error *error)
{
	struct mark *self = user;
	struct mark_bpf *object = mark_bpf__open();
	int r = ms_action_load(self->host, object ? object->skeleton : NULL, NULL, env, error);

	if (r < 0) {
		mark_bpf__destroy(object);
		return r;
	}
	mark_bpf__destroy(self->object);
	self->object = object;
	*ret_prog_fd = bpf_program__fd(object->progs.mark);
	return 0;
}

static const struct ms_plugin_action actions[] = {
	{ .name = "mark",
	  .help = "sets the packet's mark, priority or DSCP",
	  .flags = MS_PLUGIN_ACTION_MODIFY,
	  .args = arguments,
	  .arg_count = sizeof(arguments) / sizeof(arguments[0]),
	  .short_arg = "mark",
	  .encode_args = encode_args,
	  .load = load },
};

MS_PLUGIN(MS_PLUGIN_ACTION, .name = "mark", .version = "1.0",
	  .summary = "sets mark, priority and DSCP", .license = "GPL-2.0-or-later",
	  .create = create, .destroy = destroy, .actions = actions,
	  .action_count = sizeof(actions) / sizeof(actions[0]));
