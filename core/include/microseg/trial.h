/* SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause */
/*
 * A stand-in for the host, for a plugin's own tests: include it, and nothing else of microseg, in a
 * test program that compiles the plugin's source too. No daemon, no root, no library.
 *
 *	struct ms_plugin_host_state host;
 *	struct ms_trial_value config[] = { { .name = "file", .string = "names" } };
 *	struct ms_plugin_values values = { config, 1 };
 *
 *	ms_trial_init(&host);
 *	ms_plugin_descriptor.create(&host.table, &values, &self, &error);
 *
 * What the plugin says is written down as lines of text, which a test compares. Values are given as
 * the plugin reads them: that they fit the schema, and defaults, is the real host's business, which
 * `microsegctl policy check` shows.
 */
#ifndef MICROSEG_TRIAL_H
#define MICROSEG_TRIAL_H

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "microseg/plugin.h"

#define MS_TRIAL_WATCHES 16
#define MS_TRIAL_TEXT 8192

/* One value of an item; several of the same name are a list. Only what its type reads is looked at.
 */
struct ms_trial_value {
	const char *name;
	uint64_t number;
	const char *string;
	struct ms_plugin_cidr cidr;
};

struct ms_plugin_values {
	const struct ms_trial_value *list;
	size_t count;
};

struct ms_plugin_error {
	char sentence[512]; /* "" = none was set */
};

/* One line a call: "set NAME", "member SET ADDR/LEN TIMEOUT_NS", "document ORIGIN TEXT", "group
 * ...", "rule ...", "bind GROUP KIND WORKLOAD". */
struct ms_plugin_builder {
	char text[MS_TRIAL_TEXT];
	size_t origins[MS_TRIAL_TEXT]; /* length of ORIGIN, by where a rule's line begins */
	uint64_t number;               /* counts calls of watch_in_force(), which gives this */
	void (*in_force)(void *self, uint64_t number); /* of the last call: for the test to call */
	void *self;
};

/* One line a number: "NAME VALUE" or "NAME{RULE} VALUE". */
struct ms_plugin_emit {
	char text[MS_TRIAL_TEXT];
};

struct ms_plugin_watch {
	int used;
	int fd; /* -1 = a timer */
	uint32_t wanted;
	uint64_t due_ns, every_ns; /* due_ns UINT64_MAX = it was due, once */
	void (*ready)(void *self, int fd, uint32_t what);
	void (*due)(void *self);
	void *self;
};

struct ms_plugin_host_state {
	struct ms_plugin_host table; /* what create() gets */
	uint64_t now_ns;
	unsigned wakes, changes; /* calls of wake() and source_changed() */
	char log[MS_TRIAL_TEXT]; /* "LEVEL LINE" */
	/* "add SET ADDR/LEN TTL_NS", "del SET ADDR/LEN" */
	char sets[MS_TRIAL_TEXT];
	char trouble[512]; /* "" = none */
	struct ms_plugin_watch watches[MS_TRIAL_WATCHES];
};

/* Appends a line; what does not fit is cut off. */
static inline void ms_trial_say(char *text, const char *format, ...) MS_PLUGIN_PRINTF(2, 3);
static inline void ms_trial_say(char *text, const char *format, ...)
{
	size_t used = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + used, MS_TRIAL_TEXT - used, format, args);
	va_end(args);
	used = strlen(text);
	if (used + 1 < MS_TRIAL_TEXT) {
		text[used] = '\n';
		text[used + 1] = '\0';
	}
}

static inline void ms_trial_format_cidr(const struct ms_plugin_cidr *cidr, char ret_text[64])
{
	char addr[INET6_ADDRSTRLEN] = "?";

	inet_ntop(cidr->family == 6 ? AF_INET6 : AF_INET, cidr->addr, addr, sizeof(addr));
	snprintf(ret_text, 64, "%s/%u", addr, (unsigned)cidr->len);
}

static inline void ms_trial_log(struct ms_plugin_host_state *state, uint32_t level,
				const char *format, ...)
{
	char line[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	ms_trial_say(state->log, "%u %s", (unsigned)level, line);
}

static inline void ms_trial_error_set(struct ms_plugin_error *error, const char *format, ...)
{
	va_list args;

	if (!error)
		return;
	va_start(args, format);
	vsnprintf(error->sentence, sizeof(error->sentence), format, args);
	va_end(args);
}

static inline const char *ms_trial_error_get(const struct ms_plugin_error *error)
{
	return error ? error->sentence : "";
}

static inline uint64_t ms_trial_now_ns(struct ms_plugin_host_state *state)
{
	return state->now_ns;
}

static inline const struct ms_trial_value *ms_trial_find(const struct ms_plugin_values *values,
							 const char *name, uint32_t index)
{
	for (size_t i = 0; values && i < values->count; i++)
		if (strcmp(values->list[i].name, name) == 0 && index-- == 0)
			return &values->list[i];
	return NULL;
}

static inline uint32_t ms_trial_value_count(const struct ms_plugin_values *values, const char *name)
{
	uint32_t count = 0;

	while (ms_trial_find(values, name, count))
		count++;
	return count;
}

static inline uint64_t ms_trial_value_uint(const struct ms_plugin_values *values, const char *name,
					   uint32_t index)
{
	const struct ms_trial_value *value = ms_trial_find(values, name, index);

	return value ? value->number : 0;
}

static inline const char *ms_trial_value_string(const struct ms_plugin_values *values,
						const char *name, uint32_t index)
{
	const struct ms_trial_value *value = ms_trial_find(values, name, index);

	return value && value->string ? value->string : "";
}

static inline int ms_trial_value_cidr(const struct ms_plugin_values *values, const char *name,
				      uint32_t index, struct ms_plugin_cidr *ret_cidr)
{
	const struct ms_trial_value *value = ms_trial_find(values, name, index);

	if (!value)
		return -ENOENT;
	*ret_cidr = value->cidr;
	return 0;
}

static inline int ms_trial_watch(struct ms_plugin_host_state *state,
				 const struct ms_plugin_watch *what,
				 struct ms_plugin_watch **ret_watch)
{
	for (size_t i = 0; i < MS_TRIAL_WATCHES; i++) {
		if (state->watches[i].used)
			continue;
		state->watches[i] = *what;
		state->watches[i].used = 1;
		*ret_watch = &state->watches[i];
		return 0;
	}
	return -ENOSPC;
}

static inline int ms_trial_watch_fd(struct ms_plugin_host_state *state, int fd, uint32_t wanted,
				    void (*ready)(void *self, int fd, uint32_t what), void *self,
				    struct ms_plugin_watch **ret_watch)
{
	struct ms_plugin_watch watch = { 1, fd, wanted, 0, 0, ready, NULL, self };

	return ms_trial_watch(state, &watch, ret_watch);
}

static inline int ms_trial_watch_time(struct ms_plugin_host_state *state, uint64_t first_ns,
				      uint64_t every_ns, void (*due)(void *self), void *self,
				      struct ms_plugin_watch **ret_watch)
{
	struct ms_plugin_watch watch = { 1,        -1,   0,   state->now_ns + first_ns,
					 every_ns, NULL, due, self };

	return ms_trial_watch(state, &watch, ret_watch);
}

static inline void ms_trial_unwatch(struct ms_plugin_host_state *state,
				    struct ms_plugin_watch *watch)
{
	(void)state;
	if (watch)
		watch->used = 0;
}

static inline void ms_trial_wake(struct ms_plugin_host_state *state)
{
	__atomic_add_fetch(&state->wakes, 1, __ATOMIC_SEQ_CST);
}

static inline int ms_trial_iface_foreach(struct ms_plugin_host_state *state,
					 int (*each)(void *user, const struct ms_plugin_iface *),
					 void *user)
{
	const struct ms_plugin_iface lo = { sizeof(lo), 1, "lo", "trial", 0, 0 };

	(void)state;
	return each(user, &lo);
}

static inline int ms_trial_set_add(struct ms_plugin_host_state *state, const char *set,
				   const struct ms_plugin_cidr *member, uint64_t ttl_ns)
{
	char text[64];

	ms_trial_format_cidr(member, text);
	ms_trial_say(state->sets, "add %s %s %llu", set, text, (unsigned long long)ttl_ns);
	return 0;
}

static inline int ms_trial_set_del(struct ms_plugin_host_state *state, const char *set,
				   const struct ms_plugin_cidr *member)
{
	char text[64];

	ms_trial_format_cidr(member, text);
	ms_trial_say(state->sets, "del %s %s", set, text);
	return 0;
}

static inline void ms_trial_emit(struct ms_plugin_emit *to, const char *name, const char *help,
				 const char *rule, uint64_t value, uint32_t is_gauge)
{
	(void)help;
	(void)is_gauge;
	if (rule)
		ms_trial_say(to->text, "%s{%s} %llu", name, rule, (unsigned long long)value);
	else
		ms_trial_say(to->text, "%s %llu", name, (unsigned long long)value);
}

static inline void ms_trial_source_changed(struct ms_plugin_host_state *state)
{
	state->changes++;
}

static inline void ms_trial_source_trouble(struct ms_plugin_host_state *state, const char *sentence)
{
	snprintf(state->trouble, sizeof(state->trouble), "%s", sentence ? sentence : "");
}

static inline int ms_trial_add_document(struct ms_plugin_builder *builder, const char *origin,
					const char *text, size_t size,
					struct ms_plugin_error *error)
{
	(void)error;
	ms_trial_say(builder->text, "document %s %.*s", origin, (int)size, text);
	return 0;
}

static inline int ms_trial_add_group(struct ms_plugin_builder *builder, const char *origin,
				     const char *text, size_t size, struct ms_plugin_error *error)
{
	(void)error;
	ms_trial_say(builder->text, "group %s %.*s", origin, (int)size, text);
	return 0;
}

static inline int ms_trial_add_rule(struct ms_plugin_builder *builder, const char *origin,
				    const char *text, size_t size, struct ms_plugin_error *error)
{
	(void)error;
	builder->origins[strlen(builder->text)] = strlen(origin);
	ms_trial_say(builder->text, "rule %s %.*s", origin, (int)size, text);
	return 0;
}

/* Whether the transaction has the line "WORD NAME". */
static inline int ms_trial_has_line(const struct ms_plugin_builder *builder, const char *word,
				    const char *name)
{
	char line[128];

	snprintf(line, sizeof(line), "%s %s\n", word, name);
	for (const char *at = builder->text; at && *at; at = strchr(at, '\n'), at += at != NULL)
		if (strncmp(at, line, strlen(line)) == 0)
			return 1;
	return 0;
}

static inline int ms_trial_say_set(struct ms_plugin_builder *builder, const char *word,
				   const char *name, struct ms_plugin_error *error)
{
	if (ms_trial_has_line(builder, "set", name) || ms_trial_has_line(builder, "keep", name)) {
		ms_trial_error_set(error, "the set %s is there already", name);
		return -EEXIST;
	}
	ms_trial_say(builder->text, "%s %s", word, name);
	return 0;
}

static inline int ms_trial_add_set(struct ms_plugin_builder *builder, const char *name,
				   struct ms_plugin_error *error)
{
	return ms_trial_say_set(builder, "set", name, error);
}

static inline int ms_trial_keep_set(struct ms_plugin_builder *builder, const char *name,
				    struct ms_plugin_error *error)
{
	return ms_trial_say_set(builder, "keep", name, error);
}

static inline int ms_trial_leave_out(struct ms_plugin_builder *builder, const char *origin,
				     const char *why, struct ms_plugin_error *error)
{
	(void)error;
	ms_trial_say(builder->text, "left out %s: %s", origin, why);
	return 0;
}

/* The last line that is a text of the policy language; NULL = there is none. */
static inline char *ms_trial_last_text(struct ms_plugin_builder *builder)
{
	char *last = NULL, *at = builder->text, *end;

	for (; (end = strchr(at, '\n')); at = end + 1)
		if (strncmp(at, "rule ", 5) == 0 || strncmp(at, "group ", 6) == 0 ||
		    strncmp(at, "document ", 9) == 0)
			last = at;
	return last;
}

/* Rules of one line each. */
static inline int ms_trial_take_back(struct ms_plugin_builder *builder, const char *origin,
				     struct ms_plugin_error *error)
{
	size_t length = strlen(origin);
	char *last, *behind;

	(void)error;
	while ((last = ms_trial_last_text(builder)) && strncmp(last, "rule ", 5) == 0 &&
	       builder->origins[last - builder->text] == length &&
	       strncmp(last + 5, origin, length) == 0) {
		behind = strchr(last, '\n') + 1;
		memmove(last, behind, strlen(behind) + 1);
	}
	return 0;
}

static inline uint64_t ms_trial_watch_in_force(struct ms_plugin_builder *builder,
					       void (*in_force)(void *self, uint64_t number),
					       void *self)
{
	builder->in_force = in_force;
	builder->self = self;
	return ++builder->number;
}

static inline int ms_trial_add_member(struct ms_plugin_builder *builder, const char *set,
				      const struct ms_plugin_cidr *member, uint64_t timeout_ns,
				      struct ms_plugin_error *error)
{
	char text[64];

	if (!ms_trial_has_line(builder, "set", set)) {
		ms_trial_error_set(error, "there is no set %s", set);
		return -ENOENT;
	}
	ms_trial_format_cidr(member, text);
	ms_trial_say(builder->text, "member %s %s %llu", set, text, (unsigned long long)timeout_ns);
	return 0;
}

static inline int ms_trial_bind(struct ms_plugin_builder *builder, const char *group, uint32_t kind,
				uint64_t workload, struct ms_plugin_error *error)
{
	(void)error;
	ms_trial_say(builder->text, "bind %s %u %llu", group, (unsigned)kind,
		     (unsigned long long)workload);
	return 0;
}

/* Every rule is known, and is called by its number. */
static inline const char *ms_trial_rule_id(struct ms_plugin_host_state *state, uint32_t rule)
{
	static char id[24];

	(void)state;
	snprintf(id, sizeof(id), "rule %u", (unsigned)rule);
	return id;
}

static inline void ms_trial_init(struct ms_plugin_host_state *state)
{
	struct ms_plugin_host *table = &state->table;

	memset(state, 0, sizeof(*state));
	table->struct_size = sizeof(*table);
	table->abi_minor = MS_PLUGIN_ABI_MINOR;
	table->state = state;
	table->log = ms_trial_log;
	table->error_set = ms_trial_error_set;
	table->now_ns = ms_trial_now_ns;
	table->value_count = ms_trial_value_count;
	table->value_uint = ms_trial_value_uint;
	table->value_string = ms_trial_value_string;
	table->value_cidr = ms_trial_value_cidr;
	table->watch_fd = ms_trial_watch_fd;
	table->watch_time = ms_trial_watch_time;
	table->unwatch = ms_trial_unwatch;
	table->wake = ms_trial_wake;
	table->iface_foreach = ms_trial_iface_foreach;
	table->set_add = ms_trial_set_add;
	table->set_del = ms_trial_set_del;
	table->emit = ms_trial_emit;
	table->source_changed = ms_trial_source_changed;
	table->source_trouble = ms_trial_source_trouble;
	table->add_document = ms_trial_add_document;
	table->add_group = ms_trial_add_group;
	table->add_rule = ms_trial_add_rule;
	table->add_set = ms_trial_add_set;
	table->add_member = ms_trial_add_member;
	table->bind = ms_trial_bind;
	table->rule_id = ms_trial_rule_id;
	table->error_get = ms_trial_error_get;
	table->keep_set = ms_trial_keep_set;
	table->leave_out = ms_trial_leave_out;
	table->take_back = ms_trial_take_back;
	table->watch_in_force = ms_trial_watch_in_force;
}

/* Lets `ns` pass: every timer that falls due is called, once. */
static inline void ms_trial_pass(struct ms_plugin_host_state *state, uint64_t ns)
{
	state->now_ns += ns;
	for (size_t i = 0; i < MS_TRIAL_WATCHES; i++) {
		struct ms_plugin_watch *watch = &state->watches[i];

		if (!watch->used || watch->fd >= 0 || watch->due_ns > state->now_ns)
			continue;
		/* One that was due once stays until unwatch(), as with the real host. */
		watch->due_ns = watch->every_ns ? state->now_ns + watch->every_ns : UINT64_MAX;
		watch->due(watch->self);
	}
}

/* Waits at most `timeout_ms` for watched descriptors and calls whoever is ready. How many were. */
static inline int ms_trial_poll(struct ms_plugin_host_state *state, int timeout_ms)
{
	struct pollfd fds[MS_TRIAL_WATCHES];
	int ready;

	for (size_t i = 0; i < MS_TRIAL_WATCHES; i++) {
		const struct ms_plugin_watch *watch = &state->watches[i];

		fds[i].fd = watch->used ? watch->fd : -1;
		fds[i].events = (short)((watch->wanted & MS_PLUGIN_READABLE ? POLLIN : 0) |
					(watch->wanted & MS_PLUGIN_WRITABLE ? POLLOUT : 0));
		fds[i].revents = 0;
	}
	ready = poll(fds, MS_TRIAL_WATCHES, timeout_ms);
	for (size_t i = 0; ready > 0 && i < MS_TRIAL_WATCHES; i++) {
		uint32_t what = (fds[i].revents & ~POLLOUT ? MS_PLUGIN_READABLE : 0) |
				(fds[i].revents & POLLOUT ? MS_PLUGIN_WRITABLE : 0);

		if (what && state->watches[i].used && state->watches[i].fd == fds[i].fd)
			state->watches[i].ready(state->watches[i].self, fds[i].fd, what);
	}
	return ready < 0 ? -errno : ready;
}

#endif
