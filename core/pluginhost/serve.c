/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/pluginhost/serve.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/loop.h"
#include "core/plugin/callback.h"
#include "core/plugin/copy.h"
#include "core/plugin/descriptor.h"
#include "core/plugin/library.h"
#include "core/plugin/watches.h"
#include "core/pluginhost/builder.h"
#include "core/pluginhost/config.h"
#include "core/pluginhost/files.h"
#include "core/source/events.h"
#include "core/source/sandbox.h"
#include "core/source/wire.h"

#define BEAT_MS 2000
#define READ_SIZE (64u << 10)
#define SNAPSHOT_MS 20 /* what changes in a burst is one transaction */

/* One per process, for the table's functions get only the state. */
struct serving {
	const struct ms_pluginhost_service *service;
	struct ms_loop *loop;
	struct ms_watch *on_daemon, *beat, *snapshot;
	struct ms_plugin plugin;
	struct ms_plugin_host host;
	struct ms_plugin_host_state state;
	struct ms_plugin_values *values; /* until create() has had them */
	struct ms_pluginhost_files files;
	struct ms_pluginhost_refusals refusals;
	struct ms_pluginhost_in_force in_force;
	void *self;
	bool is_created, is_started;
	struct ms_source_wire_buffer got; /* of the daemon's, not taken yet */
};

/* ---- what is said ---- */

/* Waits for the daemon. It is gone if this fails, and then nothing is left to do. */
static void send_all(const struct serving *serving, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t n = send(serving->service->fd, bytes, length, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			_exit(0);
		bytes += n;
		length -= (size_t)n;
	}
}

static void say(const struct serving *serving, enum ms_source_wire_kind kind, uint32_t number,
		const char *text)
{
	const struct ms_source_wire_message message = {
		.kind = kind,
		.number = number,
		.text = text,
		.length = text ? strnlen(text, MS_SOURCE_WIRE_SENTENCE_MAX) : 0,
	};
	ms_cleanup(ms_source_wire_buffer_fini) struct ms_source_wire_buffer buffer = { 0 };

	if (ms_source_wire_put(&buffer, &message) == 0)
		send_all(serving, buffer.bytes, buffer.length);
}

/* The daemon puts the name in front. */
static const char *own_words(const struct serving *serving, const char *sentence)
{
	return ms_plugin_host_sentence(serving->service->name, sentence);
}

static void say_failed(const struct serving *serving, const struct ms_error *err)
{
	char text[MS_SOURCE_WIRE_SENTENCE_MAX + 1];

	say(serving, MS_SOURCE_WIRE_FAILED, 0,
	    own_words(serving, ms_error_format(err, text, sizeof(text))));
}

/* ---- the table's functions ---- */

static struct serving *serving_of(const struct ms_plugin_host_state *state)
{
	return state->services;
}

static void host_log(struct ms_plugin_host_state *state, uint32_t level, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (text[0])
		say(serving_of(state), MS_SOURCE_WIRE_LOG, level,
		    own_words(serving_of(state), text));
}

static void source_changed(struct ms_plugin_host_state *state)
{
	struct serving *serving = serving_of(state);

	if (!ms_watch_is_armed(serving->snapshot))
		ms_watch_arm(serving->snapshot, SNAPSHOT_MS, false);
}

static void source_trouble(struct ms_plugin_host_state *state, const char *sentence)
{
	say(serving_of(state), MS_SOURCE_WIRE_TROUBLE, 0, own_words(serving_of(state), sentence));
}

/* ---- a transaction ---- */

static void send_offer(struct serving *serving, struct ms_plugin_builder *builder)
{
	ms_cleanup(ms_source_wire_buffer_fini) struct ms_source_wire_buffer buffer = { 0 };
	int r;

	ms_source_offer_finish(&builder->offer);
	r = ms_source_offer_encode(&builder->offer, &buffer);
	if (r < 0) {
		say(serving, MS_SOURCE_WIRE_ABORT, 0, strerror(-r));
		return;
	}
	send_all(serving, buffer.bytes, buffer.length);
	ms_pluginhost_refusals_tell(&serving->refusals, &builder->offer);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void on_snapshot(void *user)
{
	struct serving *serving = user;
	struct ms_plugin_builder builder = {
		.name = serving->service->name,
		.refusals = &serving->refusals,
		.now_ns = now_ns(),
		.number = serving->refusals.number + 1,
		.in_force = &serving->in_force,
	};
	struct ms_plugin_error error = { "" };
	int r = 0;

	/* A sink has none, and calls source_changed() in vain. */
	if (!serving->plugin.source)
		return;
	r = serving->plugin.source->snapshot(serving->self, &builder, &error);
	if (r == 0)
		send_offer(serving, &builder);
	else if (r != -EAGAIN)
		say(serving, MS_SOURCE_WIRE_ABORT, 0,
		    error.sentence[0] ? own_words(serving, error.sentence)
				      : strerror(r < 0 ? -r : EPROTO));
	ms_source_offer_fini(&builder.offer);
}

/* ---- the loop ---- */

static void say_stats(struct serving *serving)
{
	struct ms_plugin_emit emit = { .numbers = json_array() };
	ms_cleanup(ms_free) char *text = NULL;

	if (!emit.numbers)
		return;
	serving->plugin.stats(serving->self, &emit);
	text = json_dumps(emit.numbers, JSON_COMPACT);
	json_decref(emit.numbers);
	if (text) {
		const struct ms_source_wire_message message = {
			.kind = MS_SOURCE_WIRE_STATS,
			.text = text,
			.length = strlen(text),
		};
		ms_cleanup(ms_source_wire_buffer_fini) struct ms_source_wire_buffer buffer = { 0 };

		if (ms_source_wire_put(&buffer, &message) == 0)
			send_all(serving, buffer.bytes, buffer.length);
	}
}

/* What a process is let through to is settled when it begins, so another one takes its place. */
static bool has_lost_a_file(struct serving *serving)
{
	const char *path = ms_pluginhost_files_lost(&serving->files);
	struct ms_error why = MS_ERROR_INIT;

	if (!path)
		return false;
	ms_error_set(&why, -ESTALE, "%s is another file now, which a new process may read", path);
	say_failed(serving, &why);
	ms_loop_stop(serving->loop);
	return true;
}

static void on_beat(void *user)
{
	struct serving *serving = user;

	if (has_lost_a_file(serving))
		return;
	if (serving->plugin.stats)
		say_stats(serving);
	say(serving, MS_SOURCE_WIRE_BEAT, 0, NULL);
}

/* ---- what is told ---- */

/* What is left is told without these. */
static int take_refusal(struct serving *serving, const struct ms_source_wire_message *message)
{
	ms_cleanup(ms_free) char *origin = strndup(message->origin, message->origin_length);
	ms_cleanup(ms_free) char *sentence = strndup(message->text, message->length);

	if (!origin || !sentence)
		return -ENOMEM;
	if (ms_pluginhost_refusals_add(&serving->refusals, message->number, origin, sentence,
				       now_ns()))
		source_changed(&serving->state);
	return 0;
}

/* A daemon that does not hear it has gone, or told this process to stop: what it was told is taken
 * all the same. */
static void say_taken(const struct serving *serving, const struct ms_source_events *events)
{
	const struct ms_source_wire_message message = {
		.kind = MS_SOURCE_WIRE_TAKEN,
		.number = (uint32_t)events->count,
		.workload = events->lost,
	};
	ms_cleanup(ms_source_wire_buffer_fini) struct ms_source_wire_buffer buffer = { 0 };

	if (ms_source_wire_put(&buffer, &message) == 0)
		(void)send(serving->service->fd, buffer.bytes, buffer.length, MSG_NOSIGNAL);
}

static int take(struct serving *serving, const struct ms_source_wire_message *message)
{
	struct ms_source_events events;
	int r;

	if (message->kind == MS_SOURCE_WIRE_REFUSED && serving->plugin.source)
		return take_refusal(serving, message);
	if (message->kind == MS_SOURCE_WIRE_IN_FORCE && serving->plugin.source) {
		if (serving->in_force.tell)
			serving->in_force.tell(serving->in_force.self, message->number);
		return 0;
	}
	if (message->kind != MS_SOURCE_WIRE_EVENTS || !serving->plugin.sink)
		return -EPROTO;
	r = ms_source_events_decode(message->text, message->length, &events);
	if (r < 0)
		return r;
	serving->plugin.sink->on_events(serving->self, events.list, events.count, events.lost);
	say_taken(serving, &events);
	ms_source_events_fini(&events);
	return 0;
}

static int take_all(struct serving *serving)
{
	const char *bytes = serving->got.bytes;
	size_t left = serving->got.length;
	struct ms_source_wire_message message;
	int r;

	while ((r = ms_source_wire_take(&bytes, &left, &message, NULL)) > 0) {
		r = take(serving, &message);
		if (r < 0)
			return r;
	}
	memmove(serving->got.bytes, bytes, left);
	serving->got.length = left;
	return r;
}

/* The daemon says nothing else, and not much to a source: the rest is its end. */
static void on_daemon(void *user)
{
	struct serving *serving = user;
	static char bytes[READ_SIZE];
	ssize_t n = recv(serving->service->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || ms_source_wire_append(&serving->got, bytes, (size_t)n) < 0 ||
	    take_all(serving) < 0)
		ms_loop_stop(serving->loop);
}

static int watch(struct serving *serving)
{
	int r = ms_loop_add_fd(serving->loop, serving->service->fd, MS_LOOP_NETLINK, on_daemon,
			       serving, &serving->on_daemon);

	if (r == 0)
		r = ms_loop_add_timer(serving->loop, MS_LOOP_EVENTS, on_beat, serving,
				      &serving->beat);
	if (r == 0)
		r = ms_loop_add_timer(serving->loop, MS_LOOP_CONTROL, on_snapshot, serving,
				      &serving->snapshot);
	return r;
}

static int create(struct serving *serving, struct ms_error *err)
{
	struct ms_plugin_error error = { "" };
	int r;

	ms_plugin_host_init(&serving->host, &serving->state);
	serving->host.log = host_log;
	serving->host.state_dir =
		serving->plugin.needs & MS_PLUGIN_NEEDS_WRITE ? serving->service->own_folder : NULL;
	serving->host.control_socket = serving->plugin.needs & MS_PLUGIN_NEEDS_UNIX
					       ? serving->service->control_socket
					       : NULL;
	serving->host.source_changed = source_changed;
	serving->host.source_trouble = source_trouble;
	ms_pluginhost_builder_serve(&serving->host);
	r = ms_plugin_watches_begin(&serving->host, serving->loop);
	if (r == 0) {
		r = serving->plugin.create(&serving->host, serving->values, &serving->self, &error);
		if (r != 0)
			r = ms_plugin_host_failed(&serving->state, MS_PLUGIN_CALLBACK_CREATE, r,
						  &error, err);
		serving->is_created = r == 0;
		serving->state.self = serving->self;
		serving->state.woken = serving->plugin.woken;
	}
	serving->values = ms_plugin_values_free(serving->values);
	return r;
}

static int start(struct serving *serving, struct ms_error *err)
{
	struct ms_plugin_error error = { "" };
	int r = serving->plugin.start ? serving->plugin.start(serving->self, &error) : 0;

	if (r != 0)
		return ms_plugin_host_failed(&serving->state, MS_PLUGIN_CALLBACK_START, r, &error,
					     err);
	serving->is_started = true;
	return 0;
}

static void end(struct serving *serving)
{
	if (serving->is_started && serving->plugin.stop)
		serving->plugin.stop(serving->self);
	if (serving->state.watches)
		ms_plugin_watches_quiet(&serving->state);
	if (serving->is_created)
		serving->plugin.destroy(serving->self);
	if (serving->state.watches)
		ms_plugin_watches_end(&serving->state);
	ms_watch_free(serving->on_daemon);
	ms_watch_free(serving->beat);
	ms_watch_free(serving->snapshot);
	ms_loop_free(serving->loop);
	ms_source_wire_buffer_fini(&serving->got);
	ms_pluginhost_files_fini(&serving->files);
	ms_pluginhost_refusals_fini(&serving->refusals);
	ms_plugin_values_free(serving->values);
	ms_plugin_descriptor_free(&serving->plugin);
}

static int open_plugin(struct serving *serving, struct ms_error *err)
{
	const struct ms_pluginhost_service *service = serving->service;
	ms_cleanup(ms_close_fd) int copy = -1;
	/* Before it may write to no file any more, a copy neither. */
	int r = ms_plugin_copy_open(service->folder, service->name, &copy, err);

	if (r == 0)
		r = ms_source_sandbox_drop(err);
	if (r == 0)
		r = ms_plugin_library_open(copy, service->name, NULL, NULL, &serving->plugin, NULL,
					   err);
	if (r == 0 && !serving->plugin.source && !serving->plugin.sink)
		r = ms_error_set(err, -ENOTSUP, "%s: it is neither a source nor a sink",
				 service->name);
	/* The loop has its descriptors by now; what it needs later is open to everybody. */
	if (r == 0)
		r = ms_loop_new(&serving->loop);
	return r;
}

/* Which files it may read is in its configuration, so that is read before. */
static int enter_sandbox(struct serving *serving, struct ms_error *err)
{
	const struct ms_pluginhost_service *service = serving->service;
	int r = ms_pluginhost_config_read(serving->plugin.config, serving->plugin.config_count,
					  service->config, &serving->values, err);

	if (r == 0)
		r = ms_pluginhost_files_find(&serving->files, &serving->plugin, serving->values);
	if (r == 0)
		r = ms_source_sandbox_enter(serving->plugin.needs, service->own_folder,
					    (const char *const *)serving->files.beneath, err);
	if (r < 0)
		return r;
	ms_pluginhost_files_begin(&serving->files);
	if (r > 0)
		host_log(&serving->state, MS_PLUGIN_LOG_WARNING,
			 "this kernel runs without Landlock: it is not held to the files that its "
			 "configuration names, and may read whatever root may");
	return 0;
}

int ms_pluginhost_serve(const struct ms_pluginhost_service *service, struct ms_error *err)
{
	struct serving serving = {
		.service = service,
		.state = { .name = service->name, .services = &serving },
	};
	int r;

	/* A signal to the whole group is meant for the daemon, whose going ends this one in order.
	 */
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	/* It may not outlive the daemon, whose end of the socket may have been handed on. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	r = open_plugin(&serving, err);
	if (r == 0)
		r = enter_sandbox(&serving, err);
	if (r == 0)
		r = watch(&serving);
	if (r == 0)
		r = create(&serving, err);
	if (r == 0)
		r = start(&serving, err);
	if (r == 0) {
		say(&serving, MS_SOURCE_WIRE_READY, 0, NULL);
		ms_watch_arm(serving.beat, BEAT_MS, true);
		source_changed(&serving.state);
		r = ms_loop_run(serving.loop);
	}
	if (r < 0) {
		ms_error_set(err, r, "%s: %s", service->name, strerror(-r));
		say_failed(&serving, err);
	}
	end(&serving);
	return r;
}
