/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An action that crashes, or does not come back, in the callback that its configuration names.
 * Until it was asked for its numbers once it does not: so it passes its trials, is loaded and acts
 * first.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "microseg/action.h"
#include "tally.skel.h"
#include "tests/plugins/falls.h"

struct falls {
	const struct ms_plugin_host *host;
	struct tally_bpf *skeleton;
	const char *at;
	int hangs;
	int pipe[2];
};

/* The next instance falls, too: the code stays in the process. */
static int is_armed;

static void fall(const struct falls *falls, const char *at)
{
	if (is_armed && strcmp(falls->at, at) == 0)
		ms_test_fall(falls->hangs);
}

static const char *const places[] = {
	"create",  "load",        "start",    "reconfigure", "stop",
	"destroy", "encode_args", "in_force", "rule_gone",   "on_event",
	"stats",   "woken",       "ready",    "due",         NULL,
};

static int create(const struct ms_plugin_host *host, const struct ms_plugin_values *config,
		  void **ret_self, struct ms_plugin_error *error)
{
	struct falls *falls = calloc(1, sizeof(*falls));

	(void)error;
	if (!falls || pipe(falls->pipe) < 0)
		return -ENOMEM;
	falls->host = host;
	falls->at = places[host->value_uint(config, "at", 0)];
	falls->hangs = (int)host->value_uint(config, "hangs", 0);
	fall(falls, "create");
	*ret_self = falls;
	return 0;
}

static int load(void *self, const struct ms_plugin_env *env, int *ret_fd,
		struct ms_plugin_error *error)
{
	struct falls *falls = self;
	struct tally_bpf *skeleton = tally_bpf__open();
	int r = ms_action_load(falls->host, skeleton ? skeleton->skeleton : NULL, NULL, env, error);

	fall(falls, "load");
	if (r < 0) {
		tally_bpf__destroy(skeleton);
		return r;
	}
	tally_bpf__destroy(falls->skeleton);
	falls->skeleton = skeleton;
	*ret_fd = bpf_program__fd(skeleton->progs.tally);
	return 0;
}

static int start(void *self, struct ms_plugin_error *error)
{
	(void)error;
	fall(self, "start");
	return 0;
}

__attribute__((unused)) static int take(void *self, const struct ms_plugin_values *values,
					struct ms_plugin_error *error)
{
	(void)values, (void)error;
	fall(self, "reconfigure");
	return 0;
}

/* Without it, another configuration is another instance. */
#ifdef RECONFIGURES
#define TAKES take
#else
#define TAKES NULL
#endif

static void stop(void *self)
{
	fall(self, "stop");
}

static void destroy(void *self)
{
	struct falls *falls = self;

	fall(falls, "destroy");
	tally_bpf__destroy(falls->skeleton);
	close(falls->pipe[0]);
	close(falls->pipe[1]);
	free(falls);
}

static int encode(void *self, const struct ms_plugin_values *values,
		  uint8_t ret_args[MS_PLUGIN_ARGS_SIZE], struct ms_plugin_error *error)
{
	(void)values, (void)ret_args, (void)error;
	fall(self, "encode_args");
	return 0;
}

static void in_force(void *self, const struct ms_plugin_in_force *rules, size_t count)
{
	(void)rules, (void)count;
	fall(self, "in_force");
}

static void rule_gone(void *self, uint32_t rule)
{
	(void)rule;
	fall(self, "rule_gone");
}

static void on_event(void *self, const struct ms_plugin_event *event)
{
	(void)event;
	fall(self, "on_event");
}

static void woken(void *self)
{
	fall(self, "woken");
}

static void ready(void *self, int fd, uint32_t what)
{
	char byte;

	(void)what;
	fall(self, "ready");
	(void)!read(fd, &byte, 1);
}

static void due(void *self)
{
	fall(self, "due");
}

/* What it is asked for a second time has it called by all that calls. */
static void stats(void *self, struct ms_plugin_emit *to)
{
	struct falls *falls = self;
	const struct ms_plugin_host *host = falls->host;
	struct ms_plugin_watch *watch;

	(void)to;
	fall(falls, "stats");
	if (!is_armed) {
		is_armed = 1;
		return;
	}
	host->wake(host->state);
	host->watch_time(host->state, 1, 0, due, falls, &watch);
	host->watch_fd(host->state, falls->pipe[0], MS_PLUGIN_READABLE, ready, falls, &watch);
	(void)!write(falls->pipe[1], "", 1);
}

static const struct ms_plugin_item config[] = {
	{ .name = "at", .help = "where", .type = MS_PLUGIN_ENUM, .words = places, .def = "due" },
	{ .name = "hangs", .help = "or crashes", .type = MS_PLUGIN_BOOL, .def = "false" },
	{ .name = "word", .help = "nothing comes of it", .type = MS_PLUGIN_UINT },
};

static const struct ms_plugin_item args[] = {
	{ .name = "rate", .help = "nothing comes of it", .type = MS_PLUGIN_UINT },
};

static const struct ms_plugin_action actions[] = {
	{ .name = PLUGIN_NAME,
	  .help = "does nothing",
	  .arg_count = 1,
	  .args = args,
	  .encode_args = encode,
	  .load = load,
	  .on_event = on_event,
	  .rule_gone = rule_gone,
	  .in_force = in_force },
};

MS_PLUGIN(MS_PLUGIN_ACTION, .name = PLUGIN_NAME, .version = "1.0", .summary = "falls",
	  .license = "GPL-2.0-or-later", .config = config, .config_count = 3, .create = create,
	  .start = start, .reconfigure = TAKES, .stop = stop, .destroy = destroy, .woken = woken,
	  .stats = stats, .actions = actions, .action_count = 1);
