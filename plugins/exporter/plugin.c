/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exporter: the daemon's numbers as text for Prometheus, by HTTP on loopback or a unix socket. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "listener.h"
#include "microseg/plugin.h"
#include "server.h"

struct exporter {
	const struct ms_plugin_host *host;
	char *listen, *control;
	uint64_t rules_max;
	bool source_rules;
	struct ms_exporter_listener listener;
	struct ms_exporter_counts counts;
	struct ms_exporter_server *server; /* NULL = not started */
};

static const struct ms_plugin_item config_items[] = {
	{ .name = "listen",
	  .type = MS_PLUGIN_STRING,
	  .help = "a loopback address and port, or NAME.sock in the state directory",
	  .min = 1,
	  .max = 100,
	  .def = "127.0.0.1:9477" },
	{ .name = "control",
	  .type = MS_PLUGIN_STRING,
	  .help = "a control socket, by its full path; without it that of the daemon that it serves",
	  .min = 2,
	  .max = 107 },
	{ .name = "rules",
	  .type = MS_PLUGIN_UINT,
	  .help = "rules that have metrics of their own, the first ones; as many of plugins' numbers by rule",
	  .max = 100000,
	  .def = "1000" },
	{ .name = "source_rules",
	  .type = MS_PLUGIN_BOOL,
	  .help = "rules that plugin sources offer have metrics of their own, too",
	  .def = "false" },
};

static void destroy(void *user)
{
	struct exporter *self = user;

	free(self->listen);
	free(self->control);
	free(self);
}

/* -EINVAL: an address that others reach is wrong on every machine. */
static int parse_listen(struct exporter *self, struct ms_plugin_error *error)
{
	const struct ms_plugin_host *host = self->host;
	const char *folder = MS_PLUGIN_HAS(host, state_dir) ? host->state_dir : NULL;
	int r = ms_exporter_listener_parse(self->listen, folder, &self->listener);

	if (r == -EACCES)
		host->error_set(
			error,
			"`listen` is %s, which others can reach, and there is no TLS and no "
			"password here: listen on loopback and put a proxy in front",
			self->listen);
	else if (r < 0)
		host->error_set(
			error,
			"`listen` is a loopback address and port (127.0.0.1:9477, "
			"[::1]:9477) or a name without a slash (NAME.sock), and %s is neither",
			self->listen);
	return r == -EACCES ? -EINVAL : r;
}

static int take_control(const struct exporter *self, struct ms_plugin_error *error)
{
	if (self->control[0] == '/')
		return 0;
	self->host->error_set(error, "`control` must be a full path, and %s is not", self->control);
	return -EINVAL;
}

/* An older host does not tell where its socket is, and most have it here. */
static const char *find_control(const struct ms_plugin_host *host,
				const struct ms_plugin_values *config)
{
	if (host->value_count(config, "control"))
		return host->value_string(config, "control", 0);
	if (MS_PLUGIN_HAS(host, control_socket) && host->control_socket)
		return host->control_socket;
	return "/run/microseg/control.sock";
}

static int create(const struct ms_plugin_host *host, const struct ms_plugin_values *config,
		  void **ret_self, struct ms_plugin_error *error)
{
	struct exporter *self = calloc(1, sizeof(*self));
	int r;

	if (self) {
		self->listen = strdup(host->value_string(config, "listen", 0));
		self->control = strdup(find_control(host, config));
	}
	if (!self || !self->listen || !self->control) {
		if (self)
			destroy(self);
		host->error_set(error, "out of memory");
		return -ENOMEM;
	}
	self->host = host;
	self->rules_max = host->value_uint(config, "rules", 0);
	self->source_rules = host->value_uint(config, "source_rules", 0) != 0;
	r = parse_listen(self, error);
	if (r == 0)
		r = take_control(self, error);
	if (r < 0)
		destroy(self);
	else
		*ret_self = self;
	return r;
}

static int start(void *user, struct ms_plugin_error *error)
{
	struct exporter *self = user;
	int fd = -1, r;

	r = ms_exporter_listener_open(&self->listener, &fd);
	if (r == 0)
		r = ms_exporter_server_new(fd, self->control, self->rules_max, self->source_rules,
					   &self->counts, &self->server);
	if (r < 0)
		self->host->error_set(error, "cannot listen on %s: %s", self->listen, strerror(-r));
	return r;
}

static void stop(void *user)
{
	struct exporter *self = user;

	self->server = ms_exporter_server_free(self->server);
}

/* Nothing is counted by events: the kernel holds most of them back. */
static void on_events(void *user, const struct ms_plugin_event *const *events, size_t count,
		      uint64_t lost)
{
	struct exporter *self = user;

	(void)events;
	atomic_fetch_add(&self->counts.events, count);
	atomic_fetch_add(&self->counts.events_lost, lost);
}

static void stats(void *user, struct ms_plugin_emit *to)
{
	struct exporter *self = user;
	const struct ms_plugin_host *host = self->host;

	host->emit(to, "scrapes", "scrapes answered", NULL, atomic_load(&self->counts.scrapes), 0);
	host->emit(to, "failed", "scrapes that the daemon did not answer", NULL,
		   atomic_load(&self->counts.failed), 0);
	host->emit(to, "lost", "events that came too fast for it", NULL,
		   atomic_load(&self->counts.events_lost), 0);
}

static const struct ms_plugin_sink sink = {
	.help = "metrics for Prometheus and others that read OpenMetrics",
	.on_events = on_events,
};

MS_PLUGIN(MS_PLUGIN_SINK, .name = "exporter", .version = "1.0",
	  .summary = "metrics by HTTP, as OpenMetrics", .license = "GPL-2.0-or-later",
	  .needs = MS_PLUGIN_NEEDS_UNIX | MS_PLUGIN_NEEDS_INET | MS_PLUGIN_NEEDS_LISTEN |
		   MS_PLUGIN_NEEDS_WRITE | MS_PLUGIN_NEEDS_THREADS,
	  .config = config_items, .config_count = sizeof(config_items) / sizeof(config_items[0]),
	  .create = create, .start = start, .stop = stop, .destroy = destroy, .stats = stats,
	  .sink = &sink);
