/* SPDX-License-Identifier: GPL-2.0-or-later */
/* capture: packets of a rule in a rotating file that tcpdump and wireshark open. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "capture.skel.h"
#include "microseg/action.h"
#include "microseg/plugin.h"
#include "writer.h"

#define RETRY_NS 1000000000ull

struct capture {
	const struct ms_plugin_host *host;
	struct capture_bpf *object;       /* of the last load, NULL before */
	struct ms_capture_writer *writer; /* NULL = not started, or not yet */
	struct ms_plugin_watch *retry;    /* until there is one */
	char folder[MS_CAPTURE_FILE_FOLDER_MAX + 1];
	uint64_t file_size;
	uint32_t files;
};

_Static_assert(sizeof(struct capture_args) <= MS_PLUGIN_ARGS_SIZE, "arguments fit");

static const struct ms_plugin_item config_items[] = {
	{ .name = "folder",
	  .type = MS_PLUGIN_STRING,
	  .help = "where the files are; its last part is made if it is not there; "
		  "default: plugin-capture in the state directory",
	  .min = 2,
	  .max = MS_CAPTURE_FILE_FOLDER_MAX },
	{ .name = "file_size",
	  .type = MS_PLUGIN_BYTES,
	  .help = "the most that one file may have",
	  .min = 65536,
	  .max = 1ull << 32,
	  .def = "16MiB" },
	{ .name = "files",
	  .type = MS_PLUGIN_UINT,
	  .help = "how many files there may be; the oldest goes",
	  .min = 1,
	  .max = MS_CAPTURE_FILE_COUNT_MAX,
	  .def = "4" },
};

static const struct ms_plugin_item arguments[] = {
	{ .name = "pps",
	  .type = MS_PLUGIN_RATE,
	  .help = "packets a second of the rule; more are counted and left out",
	  .min = 1,
	  .max = 1000000,
	  .def = "1000" },
	{ .name = "snap",
	  .type = MS_PLUGIN_BYTES,
	  .help = "bytes of each packet, link header included",
	  .min = 14,
	  .max = CAPTURE_SNAP_MAX,
	  .def = "1514" },
};

/* ---- what the writer wants ---- */

static void ask(void *user)
{
	struct capture *self = user;

	self->host->wake(self->host->state);
}

static const char *rule_id(void *user, uint32_t rule)
{
	const struct capture *self = user;

	return self->host->rule_id(self->host->state, rule);
}

static void tell_unwritten(const struct capture *self, int r)
{
	char sentence[MS_CAPTURE_FILE_FOLDER_MAX + 160];

	snprintf(sentence, sizeof(sentence),
		 "cannot write packets to %s: %s; tried again every second", self->folder,
		 strerror(-r));
	self->host->source_trouble(self->host->state, sentence);
}

static void tell_trouble(const struct capture *self)
{
	struct ms_capture_writer_trouble trouble = ms_capture_writer_trouble(self->writer);
	const struct ms_plugin_host *host = self->host;
	char sentence[MS_CAPTURE_FILE_FOLDER_MAX + MS_CAPTURE_FILE_NAME_SIZE + 160];

	if (trouble.write < 0) {
		tell_unwritten(self, trouble.write);
		return;
	}
	if (trouble.stuck < 0)
		snprintf(sentence, sizeof(sentence),
			 "cannot remove or replace %s/%s: %s; packets are "
			 "written all the same",
			 self->folder, trouble.stuck_name, strerror(-trouble.stuck));
	host->source_trouble(host->state, trouble.stuck < 0 ? sentence : NULL);
}

static void woken(void *user)
{
	struct capture *self = user;

	if (!self->writer)
		return;
	ms_capture_writer_answer(self->writer, rule_id, self);
	tell_trouble(self);
}

/* ---- lifecycle ---- */

static int create(const struct ms_plugin_host *host, const struct ms_plugin_values *config,
		  void **ret_self, struct ms_plugin_error *error)
{
	const char *folder = host->value_string(config, "folder", 0);
	struct capture *self;

	if (!folder[0] && MS_PLUGIN_HAS(host, state_dir) && host->state_dir)
		folder = host->state_dir;
	/* A trial has no state directory, and writes nothing. */
	if (folder[0] && folder[0] != '/') {
		host->error_set(error, "'folder' must begin with a slash, unlike '%s'", folder);
		return -EINVAL;
	}
	if (strlen(folder) > MS_CAPTURE_FILE_FOLDER_MAX) {
		host->error_set(error, "the state directory's path is too long: give a 'folder'");
		return -ENAMETOOLONG;
	}
	self = calloc(1, sizeof(*self));
	if (!self) {
		host->error_set(error, "out of memory");
		return -ENOMEM;
	}
	self->host = host;
	snprintf(self->folder, sizeof(self->folder), "%s", folder);
	self->file_size = host->value_uint(config, "file_size", 0);
	self->files = (uint32_t)host->value_uint(config, "files", 0);
	*ret_self = self;
	return 0;
}

static int begin(struct capture *self)
{
	struct ms_capture_file *file;
	int r = ms_capture_file_new(self->folder, self->file_size, self->files, &file);

	if (r == 0)
		r = ms_capture_writer_new(file, ask, self, &self->writer);
	if (r == 0)
		r = ms_capture_writer_run(self->writer, bpf_map__fd(self->object->maps.packets));
	if (r < 0)
		self->writer = ms_capture_writer_free(self->writer);
	return r;
}

static void begin_late(void *user)
{
	struct capture *self = user;
	int r;

	if (ms_capture_writer_is_left())
		return;
	r = begin(self);
	if (r < 0) {
		tell_unwritten(self, r);
		return;
	}
	self->host->unwatch(self->host->state, self->retry);
	self->retry = NULL;
	self->host->source_trouble(self->host->state, NULL);
}

/* A hung write may last for days, and a plugin that was refused for it could not even go back to
 * the configuration it had. What the program takes waits in the ring. */
static int wait_for_left(struct capture *self, struct ms_plugin_error *error)
{
	const struct ms_plugin_host *host = self->host;
	int r = host->watch_time(host->state, RETRY_NS, RETRY_NS, begin_late, self, &self->retry);

	if (r < 0)
		host->error_set(error, "cannot wait for a write that hangs: %s", strerror(-r));
	else
		host->source_trouble(host->state,
				     "a write that was begun before it was loaded still hangs; "
				     "packets are written when that is over");
	return r;
}

static int start(void *user, struct ms_plugin_error *error)
{
	struct capture *self = user;
	int r;

	if (ms_capture_writer_is_left())
		return wait_for_left(self, error);
	r = begin(self);
	if (r < 0)
		self->host->error_set(error, "cannot write to %s: %s", self->folder, strerror(-r));
	return r;
}

static void stop(void *user)
{
	struct capture *self = user;

	self->retry = NULL; /* ends by itself */
	self->writer = ms_capture_writer_free(self->writer);
}

static void destroy(void *user)
{
	struct capture *self = user;

	capture_bpf__destroy(self->object);
	free(self);
}

static int encode_args(void *user, const struct ms_plugin_values *values,
		       uint8_t ret_args[MS_PLUGIN_ARGS_SIZE], struct ms_plugin_error *error)
{
	const struct capture *self = user;
	const struct capture_args args = {
		.snap = (uint32_t)self->host->value_uint(values, "snap", 0),
		.pps = (uint32_t)self->host->value_uint(values, "pps", 0),
	};

	(void)error;
	memcpy(ret_args, &args, sizeof(args));
	return 0;
}

/* The ring of this object from now on. */
static int follow(struct capture *self, const struct capture_bpf *object,
		  struct ms_plugin_error *error)
{
	int r = ms_capture_writer_pause(self->writer);

	if (r < 0) {
		self->host->error_set(error, "a write to %s has hung for more than a second",
				      self->folder);
		return r;
	}
	r = ms_capture_writer_run(self->writer, bpf_map__fd(object->maps.packets));
	if (r < 0) {
		self->host->error_set(error, "cannot follow its ring: %s", strerror(-r));
		/* It was possible a moment ago; if not any more, packets are lost. */
		ms_capture_writer_run(self->writer, bpf_map__fd(self->object->maps.packets));
	}
	return r;
}

static int load(void *user, const struct ms_plugin_env *env, int *ret_prog_fd,
		struct ms_plugin_error *error)
{
	static const char *const kept[] = { "packets", "paces", "counts", NULL };
	struct capture *self = user;
	struct capture_bpf *object = capture_bpf__open();
	int r = ms_action_load(self->host, object ? object->skeleton : NULL, kept, env, error);

	if (r == 0 && self->writer)
		r = follow(self, object, error);
	if (r < 0) {
		capture_bpf__destroy(object);
		return r;
	}
	capture_bpf__destroy(self->object);
	self->object = object;
	*ret_prog_fd = bpf_program__fd(object->progs.capture);
	return 0;
}

static void rule_gone(void *user, uint32_t rule)
{
	struct capture *self = user;

	if (self->writer)
		ms_capture_writer_forget(self->writer, rule);
}

static void stats(void *user, struct ms_plugin_emit *to)
{
	const struct capture *self = user;
	const struct ms_plugin_host *host = self->host;
	struct ms_capture_writer_numbers numbers = { 0 };

	if (self->writer)
		numbers = ms_capture_writer_numbers(self->writer);
	host->emit(to, "taken", "packets handed over by the program", NULL,
		   ms_action_count(self->object->maps.counts, CAPTURE_TAKEN), 0);
	host->emit(to, "over_rate", "packets over their rule's rate, left out", NULL,
		   ms_action_count(self->object->maps.counts, CAPTURE_OVER), 0);
	host->emit(to, "lost", "packets that the ring had no room for", NULL,
		   ms_action_count(self->object->maps.counts, CAPTURE_LOST), 0);
	host->emit(to, "written", "packets written to files", NULL, numbers.written, 0);
	host->emit(to, "failed", "packets that could not be written", NULL, numbers.failed, 0);
	host->emit(to, "files_begun", "files begun on the disk", NULL, numbers.files, 0);
	host->emit(to, "files_removed", "files removed while they were written to", NULL,
		   numbers.removed, 0);
}

static const struct ms_plugin_action actions[] = {
	{ .name = "capture",
	  .help = "writes packets to a file",
	  .flags = MS_PLUGIN_ACTION_OBSERVES,
	  .args = arguments,
	  .arg_count = sizeof(arguments) / sizeof(arguments[0]),
	  .short_arg = "pps",
	  .encode_args = encode_args,
	  .load = load,
	  .rule_gone = rule_gone },
};

MS_PLUGIN(MS_PLUGIN_ACTION, .name = "capture", .version = "1.0",
	  .summary = "writes packets to rotating pcapng files", .license = "GPL-2.0-or-later",
	  .config = config_items, .config_count = sizeof(config_items) / sizeof(config_items[0]),
	  .create = create, .start = start, .stop = stop, .destroy = destroy, .woken = woken,
	  .stats = stats, .actions = actions, .action_count = sizeof(actions) / sizeof(actions[0]));
