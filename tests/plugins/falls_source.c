/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A source and sink that crashes, or does not come back, in the callback it is called after; with
 * SOURCE_ALONE a source alone, which is told more. In a trial it does not: there it is told of no
 * control socket.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "microseg/plugin.h"
#include "tests/plugins/falls.h"

struct falls {
	const struct ms_plugin_host *host;
	int hangs;
	int pipe[2];
};

static void fall(const struct falls *falls, const char *at)
{
	if (falls->host->control_socket && strcmp(AT, at) == 0)
		ms_test_fall(falls->hangs);
}

static int create(const struct ms_plugin_host *host, const struct ms_plugin_values *config,
		  void **ret_self, struct ms_plugin_error *error)
{
	struct falls *falls = calloc(1, sizeof(*falls));

	(void)error;
	if (!falls || pipe(falls->pipe) < 0)
		return -ENOMEM;
	falls->host = host;
	falls->hangs = (int)host->value_uint(config, "hangs", 0);
	fall(falls, "create");
	*ret_self = falls;
	return 0;
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

/* Has it called by all that calls. */
static int start(void *self, struct ms_plugin_error *error)
{
	struct falls *falls = self;
	const struct ms_plugin_host *host = falls->host;
	struct ms_plugin_watch *watch;
	int r;

	(void)error;
	fall(falls, "start");
	host->wake(host->state);
	r = host->watch_time(host->state, 1, 0, due, falls, &watch);
	if (r == 0)
		r = host->watch_fd(host->state, falls->pipe[0], MS_PLUGIN_READABLE, ready, falls,
				   &watch);
	return r == 0 && write(falls->pipe[1], "", 1) != 1 ? -errno : r;
}

static void stop(void *self)
{
	fall(self, "stop");
}

static void destroy(void *self)
{
	struct falls *falls = self;

	fall(falls, "destroy");
	close(falls->pipe[0]);
	close(falls->pipe[1]);
	free(falls);
}

static void stats(void *self, struct ms_plugin_emit *to)
{
	(void)to;
	fall(self, "stats");
}

static void in_force(void *self, uint64_t number)
{
	(void)number;
	fall(self, "in_force");
}

static int snapshot(void *self, struct ms_plugin_builder *builder, struct ms_plugin_error *error)
{
	struct falls *falls = self;

	(void)error;
	fall(falls, "snapshot");
	falls->host->watch_in_force(builder, in_force, falls);
	return 0;
}

static const struct ms_plugin_item config[] = {
	{ .name = "hangs", .help = "or crashes", .type = MS_PLUGIN_BOOL, .def = "false" },
};

static const struct ms_plugin_source source = { .help = "says nothing", .snapshot = snapshot };

#ifdef SOURCE_ALONE
#define KINDS MS_PLUGIN_SOURCE
#define SINK NULL
#else
static void on_events(void *self, const struct ms_plugin_event *const *events, size_t count,
		      uint64_t lost)
{
	(void)events, (void)count, (void)lost;
	fall(self, "on_events");
}

static const struct ms_plugin_sink sink = { .help = "hears all", .on_events = on_events };
#define KINDS (MS_PLUGIN_SOURCE | MS_PLUGIN_SINK)
#define SINK &sink
#endif

MS_PLUGIN(KINDS, .name = PLUGIN_NAME, .version = "1.0", .summary = "falls",
	  .license = "GPL-2.0-or-later", .needs = MS_PLUGIN_NEEDS_UNIX, .config = config,
	  .config_count = 1, .create = create, .start = start, .stop = stop, .destroy = destroy,
	  .woken = woken, .stats = stats, .source = &source, .sink = SINK);
