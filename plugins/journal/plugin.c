/* SPDX-License-Identifier: GPL-2.0-or-later */
/* journal: events as structured lines in systemd's journal, syslog, or a file that rotates. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "file.h"
#include "journald.h"
#include "microseg/plugin.h"
#include "record.h"
#include "syslog_socket.h"

enum target { TO_AUTO, TO_JOURNALD, TO_SYSLOG, TO_FILE };

struct journal {
	const struct ms_plugin_host *host;
	enum target to;
	char *socket; /* of syslog */
	struct ms_journal_file file;
	bool is_failing; /* and that has been said */
	uint64_t written, failed, lost;
};

static const char *const targets[] = { "auto", "journald", "syslog", "file", NULL };

static const struct ms_plugin_item config_items[] = {
	{ .name = "to",
	  .type = MS_PLUGIN_ENUM,
	  .help = "where lines go; auto: journald, or syslog where there is none",
	  .words = targets,
	  .def = "auto" },
	{ .name = "socket",
	  .type = MS_PLUGIN_STRING,
	  .help = "the socket of syslog, by its full path",
	  .min = 2,
	  .max = 107,
	  .def = "/dev/log" },
	{ .name = "file",
	  .type = MS_PLUGIN_STRING,
	  .help = "name of the file, in the plugin's state directory",
	  .min = 1,
	  .max = 200,
	  .def = "events.json" },
	{ .name = "size",
	  .type = MS_PLUGIN_BYTES,
	  .help = "a file that would grow past it is put aside",
	  .min = 4096,
	  .def = "10MiB" },
	{ .name = "keep",
	  .type = MS_PLUGIN_UINT,
	  .help = "files put aside that are kept",
	  .max = 1000,
	  .def = "5" },
};

/* ---- lifecycle ---- */

static void destroy(void *user)
{
	struct journal *self = user;

	free(self->socket);
	free(self);
}

static int take_file(struct journal *self, const struct ms_plugin_values *config,
		     struct ms_plugin_error *error)
{
	const struct ms_plugin_host *host = self->host;
	const char *name = host->value_string(config, "file", 0);
	int r = 0;

	if (strchr(name, '/') || name[0] == '.') {
		host->error_set(error,
				"`file` is a name in the plugin's state directory, and %s is not",
				name);
		return -EINVAL;
	}
	if (self->to == TO_FILE && MS_PLUGIN_HAS(host, state_dir) && host->state_dir)
		r = ms_journal_file_init(&self->file, host->state_dir, name,
					 host->value_uint(config, "size", 0),
					 (unsigned int)host->value_uint(config, "keep", 0));
	if (r < 0)
		host->error_set(error, "the path of %s is too long", name);
	return r;
}

static int take_socket(struct journal *self, struct ms_plugin_error *error)
{
	if (self->socket[0] == '/')
		return 0;
	self->host->error_set(error, "`socket` must be a full path, and %s is not", self->socket);
	return -EINVAL;
}

static int create(const struct ms_plugin_host *host, const struct ms_plugin_values *config,
		  void **ret_self, struct ms_plugin_error *error)
{
	struct journal *self = calloc(1, sizeof(*self));
	int r;

	if (self)
		self->socket = strdup(host->value_string(config, "socket", 0));
	if (!self || !self->socket) {
		free(self);
		host->error_set(error, "out of memory");
		return -ENOMEM;
	}
	self->host = host;
	self->file.fd = -1;
	self->to = (enum target)host->value_uint(config, "to", 0);
	r = take_socket(self, error);
	if (r == 0)
		r = take_file(self, config, error);
	if (r < 0)
		destroy(self);
	else
		*ret_self = self;
	return r;
}

static int start(void *user, struct ms_plugin_error *error)
{
	struct journal *self = user;
	int r;

	if (self->to != TO_FILE)
		return 0;
	if (!self->file.path[0]) {
		self->host->error_set(error, "there is no state directory to write to");
		return -ENOTSUP;
	}
	r = ms_journal_file_open(&self->file);
	if (r < 0)
		self->host->error_set(error, "cannot open %s: %s", self->file.path, strerror(-r));
	return r;
}

static void stop(void *user)
{
	struct journal *self = user;

	ms_journal_file_close(&self->file);
}

/* ---- events ---- */

/* Where a batch goes. */
struct way {
	enum target to; /* never auto */
	int fd;         /* of syslog, else -1 */
};

static int open_syslog(const struct journal *self, struct way *ret_way)
{
	int fd = ms_journal_syslog_socket_connect(self->socket);

	if (fd < 0)
		return fd;
	*ret_way = (struct way) { TO_SYSLOG, fd };
	return 0;
}

/* Asked anew for each batch: journald and syslog are restarted, come late, or go. */
static int open_way(const struct journal *self, struct way *ret_way)
{
	int r;

	*ret_way = (struct way) { self->to, -1 };
	if (self->to == TO_FILE)
		return 0;
	if (self->to == TO_SYSLOG)
		return open_syslog(self, ret_way);
	r = ms_journal_journald_is_there();
	if (r < 0 && self->to == TO_AUTO)
		return open_syslog(self, ret_way);
	ret_way->to = TO_JOURNALD;
	return r;
}

static int write_file(struct journal *self, const struct ms_journal_record *record)
{
	char *line = ms_journal_record_json(record);
	int r = line ? ms_journal_file_write(&self->file, line, strlen(line)) : -ENOMEM;

	free(line);
	return r;
}

static int write_record(struct journal *self, const struct way *way,
			const struct ms_journal_record *record)
{
	switch (way->to) {
	case TO_FILE:
		return write_file(self, record);
	case TO_SYSLOG:
		return ms_journal_syslog_socket_write(way->fd, record);
	default:
		return ms_journal_journald_write(record);
	}
}

static const char *place(const struct journal *self)
{
	switch (self->to) {
	case TO_FILE:
		return self->file.path;
	case TO_AUTO:
		return "journald or syslog";
	default:
		return targets[self->to];
	}
}

/* Once when it begins and once when it is over, however many events there are. */
static void tell(struct journal *self, int r)
{
	const char *where = place(self);
	char sentence[sizeof(self->file.path) + 128];

	if (r < 0 && !self->is_failing) {
		snprintf(sentence, sizeof(sentence),
			 "cannot write to %s: %s; events are missing there until it can be", where,
			 strerror(-r));
		self->host->log(self->host->state, MS_PLUGIN_LOG_WARNING, "%s", sentence);
		self->host->source_trouble(self->host->state, sentence);
	}
	if (r == 0 && self->is_failing) {
		self->host->log(self->host->state, MS_PLUGIN_LOG_NOTICE,
				"%s can be written to again; %llu event%s missing there so far",
				where, (unsigned long long)self->failed,
				self->failed == 1 ? " is" : "s are");
		self->host->source_trouble(self->host->state, NULL);
	}
	self->is_failing = r < 0;
}

static uint64_t wall_time_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Lost ones first, since they were before these. */
static int write_all(struct journal *self, const struct way *way,
		     const struct ms_plugin_event *const *events, size_t count, uint64_t lost)
{
	struct ms_journal_record record;
	int r = 0, worst = 0;

	if (lost) {
		ms_journal_record_lost(&record, lost, count ? events[0]->time_ns : wall_time_ns());
		worst = write_record(self, way, &record);
	}
	for (size_t i = 0; i < count; i++) {
		/* Who did not read for one event's time shall not hold up all of them for as long.
		 */
		if (r == -EAGAIN) {
			self->failed += count - i;
			break;
		}
		ms_journal_record_event(&record, events[i]);
		r = write_record(self, way, &record);
		self->written += r == 0;
		self->failed += r < 0;
		if (r < 0)
			worst = r;
	}
	return worst;
}

static void on_events(void *user, const struct ms_plugin_event *const *events, size_t count,
		      uint64_t lost)
{
	struct journal *self = user;
	struct way way;
	int r = open_way(self, &way);

	self->lost += lost;
	if (r < 0)
		self->failed += count;
	else
		r = write_all(self, &way, events, count, lost);
	tell(self, r);
	if (way.fd >= 0)
		close(way.fd);
}

static void stats(void *user, struct ms_plugin_emit *to)
{
	const struct journal *self = user;
	const struct ms_plugin_host *host = self->host;

	host->emit(to, "written", "events written", NULL, self->written, 0);
	host->emit(to, "failed", "events that could not be written", NULL, self->failed, 0);
	host->emit(to, "lost", "events that came too fast for it", NULL, self->lost, 0);
	if (self->to == TO_FILE)
		host->emit(to, "rotations", "files put aside", NULL, self->file.rotations, 0);
}

static const struct ms_plugin_sink sink = {
	.help = "events as structured lines",
	.on_events = on_events,
};

MS_PLUGIN(MS_PLUGIN_SINK, .name = "journal", .version = "1.0",
	  .summary = "events to systemd's journal, syslog or a file", .license = "GPL-2.0-or-later",
	  .needs = MS_PLUGIN_NEEDS_UNIX | MS_PLUGIN_NEEDS_WRITE, .config = config_items,
	  .config_count = sizeof(config_items) / sizeof(config_items[0]), .create = create,
	  .start = start, .stop = stop, .destroy = destroy, .stats = stats, .sink = &sink);
