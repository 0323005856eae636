/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/plugin/host.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/cleanup.h"
#include "core/base/log.h"
#include "core/base/utf8.h"
#include "core/plugin/note.h"
#include "core/plugin/values.h"

#define NS_PER_S 1000000000ull

const char *ms_plugin_host_sentence(const char *name, const char *sentence)
{
	size_t length = strlen(name);

	if (!sentence || strncmp(sentence, name, length) != 0 ||
	    strncmp(sentence + length, ": ", 2) != 0)
		return sentence;
	return sentence + length + 2;
}

static void host_log(struct ms_plugin_host_state *state, uint32_t level, const char *format, ...)
{
	static const enum ms_log_level levels[] = {
		[MS_PLUGIN_LOG_ERROR] = MS_LOG_ERROR,   [MS_PLUGIN_LOG_WARNING] = MS_LOG_WARN,
		[MS_PLUGIN_LOG_NOTICE] = MS_LOG_NOTICE, [MS_PLUGIN_LOG_INFO] = MS_LOG_INFO,
		[MS_PLUGIN_LOG_DEBUG] = MS_LOG_DEBUG,
	};
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	ms_utf8_tidy(text);
	ms_log_write(level < ms_array_size(levels) ? levels[level] : MS_LOG_DEBUG, "plugin",
		     "%s: %s", state->name, ms_plugin_host_sentence(state->name, text));
}

static void host_trouble(struct ms_plugin_host_state *state, const char *sentence)
{
	char text[sizeof(state->trouble)];

	snprintf(text, sizeof(text), "%s",
		 sentence ? ms_plugin_host_sentence(state->name, sentence) : "");
	ms_utf8_tidy(text);
	if (strcmp(text, state->trouble) == 0)
		return;
	if (text[0])
		ms_log_warn("plugin", "%s: %s", state->name, text);
	else
		ms_log_notice("plugin", "%s: it is over: %s", state->name, state->trouble);
	if (!state->trouble[0])
		state->trouble_since = (int64_t)time(NULL);
	memcpy(state->trouble, text, sizeof(text));
}

static void host_error_set(struct ms_plugin_error *error, const char *format, ...)
{
	va_list args;

	if (!error)
		return;
	va_start(args, format);
	vsnprintf(error->sentence, sizeof(error->sentence), format, args);
	va_end(args);
	ms_utf8_tidy(error->sentence);
}

static const char *host_error_get(const struct ms_plugin_error *error)
{
	return error ? error->sentence : "";
}

static uint64_t host_now_ns(struct ms_plugin_host_state *state)
{
	struct timespec now;

	(void)state;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void host_emit(struct ms_plugin_emit *to, const char *name, const char *help,
		      const char *rule, uint64_t value, uint32_t is_gauge)
{
	/* What memory is short for is left out. */
	json_array_append_new(to->numbers,
			      json_pack("{s:s, s:s, s:s?, s:I, s:s}", "name", name, "help", help,
					"rule", rule, "value", (json_int_t)value, "kind",
					is_gauge ? "gauge" : "counter"));
}

/* ---- what a process may have no use for ---- */

static int no_watch_fd(struct ms_plugin_host_state *state, int fd, uint32_t wanted,
		       void (*ready)(void *self, int fd, uint32_t what), void *self,
		       struct ms_plugin_watch **ret_watch)
{
	(void)state, (void)fd, (void)wanted, (void)ready, (void)self, (void)ret_watch;
	return -ENOTSUP;
}

static int no_watch_time(struct ms_plugin_host_state *state, uint64_t first_ns, uint64_t every_ns,
			 void (*due)(void *self), void *self, struct ms_plugin_watch **ret_watch)
{
	(void)state, (void)first_ns, (void)every_ns, (void)due, (void)self, (void)ret_watch;
	return -ENOTSUP;
}

static void no_unwatch(struct ms_plugin_host_state *state, struct ms_plugin_watch *watch)
{
	(void)state, (void)watch;
}

static void no_wake(struct ms_plugin_host_state *state)
{
	(void)state;
}

static int no_iface_foreach(struct ms_plugin_host_state *state,
			    int (*each)(void *user, const struct ms_plugin_iface *iface),
			    void *user)
{
	(void)state, (void)each, (void)user;
	return -ENOTSUP;
}

static int no_set_add(struct ms_plugin_host_state *state, const char *set,
		      const struct ms_plugin_cidr *member, uint64_t ttl_ns)
{
	(void)state, (void)set, (void)member, (void)ttl_ns;
	return -ENOTSUP;
}

static int no_set_del(struct ms_plugin_host_state *state, const char *set,
		      const struct ms_plugin_cidr *member)
{
	(void)state, (void)set, (void)member;
	return -ENOTSUP;
}

static void no_source_changed(struct ms_plugin_host_state *state)
{
	(void)state;
}

static int no_add_text(struct ms_plugin_builder *builder, const char *origin, const char *text,
		       size_t size, struct ms_plugin_error *error)
{
	(void)builder, (void)origin, (void)text, (void)size, (void)error;
	return -ENOTSUP;
}

static int no_set(struct ms_plugin_builder *builder, const char *name,
		  struct ms_plugin_error *error)
{
	(void)builder, (void)name, (void)error;
	return -ENOTSUP;
}

static int no_leave_out(struct ms_plugin_builder *builder, const char *origin, const char *why,
			struct ms_plugin_error *error)
{
	(void)builder, (void)origin, (void)why, (void)error;
	return -ENOTSUP;
}

static int no_take_back(struct ms_plugin_builder *builder, const char *origin,
			struct ms_plugin_error *error)
{
	(void)builder, (void)origin, (void)error;
	return -ENOTSUP;
}

static uint64_t no_watch_in_force(struct ms_plugin_builder *builder,
				  void (*in_force)(void *self, uint64_t number), void *self)
{
	(void)builder, (void)in_force, (void)self;
	return 0;
}

static int no_add_member(struct ms_plugin_builder *builder, const char *set,
			 const struct ms_plugin_cidr *member, uint64_t timeout_ns,
			 struct ms_plugin_error *error)
{
	(void)builder, (void)set, (void)member, (void)timeout_ns, (void)error;
	return -ENOTSUP;
}

static int no_bind(struct ms_plugin_builder *builder, const char *group, uint32_t kind,
		   uint64_t workload, struct ms_plugin_error *error)
{
	(void)builder, (void)group, (void)kind, (void)workload, (void)error;
	return -ENOTSUP;
}

static const char *no_rule_id(struct ms_plugin_host_state *state, uint32_t rule)
{
	(void)state, (void)rule;
	return NULL;
}

void ms_plugin_host_init(struct ms_plugin_host *host, struct ms_plugin_host_state *state)
{
	*host = (struct ms_plugin_host) {
		.struct_size = sizeof(*host),
		.abi_minor = MS_PLUGIN_ABI_MINOR,
		.state = state,
		.log = host_log,
		.error_set = host_error_set,
		.now_ns = host_now_ns,
		.value_count = ms_plugin_values_count,
		.value_uint = ms_plugin_values_uint,
		.value_string = ms_plugin_values_string,
		.value_cidr = ms_plugin_values_cidr,
		.watch_fd = no_watch_fd,
		.watch_time = no_watch_time,
		.unwatch = no_unwatch,
		.wake = no_wake,
		.iface_foreach = no_iface_foreach,
		.set_add = no_set_add,
		.set_del = no_set_del,
		.emit = host_emit,
		.source_changed = no_source_changed,
		.source_trouble = host_trouble,
		.add_document = no_add_text,
		.add_group = no_add_text,
		.add_rule = no_add_text,
		.add_set = no_set,
		.add_member = no_add_member,
		.bind = no_bind,
		.rule_id = no_rule_id,
		.error_get = host_error_get,
		.keep_set = no_set,
		.leave_out = no_leave_out,
		.take_back = no_take_back,
		.watch_in_force = no_watch_in_force,
	};
}

void ms_plugin_host_note(const struct ms_plugin_host_state *state, const char *callback)
{
	ms_plugin_note_set(state->page, callback ? state->name : NULL, callback);
}

int ms_plugin_host_failed(const struct ms_plugin_host_state *state, const char *callback, int r,
			  const struct ms_plugin_error *error, struct ms_error *err)
{
	/* A plugin that says what is none of errno's must not look like success. */
	int code = r < 0 && r > -4096 ? r : -EPROTO;

	if (!error->sentence[0])
		return ms_error_set(err, code, "%s: failed while it %s: %s", state->name, callback,
				    strerror(-code));
	return ms_error_set(err, code, "%s: %s", state->name,
			    ms_plugin_host_sentence(state->name, error->sentence));
}
