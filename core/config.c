/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/policy/array.h"
#include "core/policy/document.h"
#include "core/policy/document_parts.h"
#include "core/policy/document_schema.h"
#include "core/policy/rule_action.h"

#define SECOND_NS 1000000000ULL
#define HOUR_NS (3600 * SECOND_NS)
#define DAY_NS (24 * HOUR_NS)
#define PLUGIN_NAME_MAX 31

int ms_config_init(struct ms_config *config)
{
	static const uint64_t timeouts_ns[MS_TIMEOUT__COUNT] = {
		[MS_TIMEOUT_TCP_SYN] = 20 * SECOND_NS,
		[MS_TIMEOUT_TCP_ESTABLISHED] = 24 * HOUR_NS,
		[MS_TIMEOUT_TCP_FIN] = 30 * SECOND_NS,
		[MS_TIMEOUT_UDP_ONEWAY] = 30 * SECOND_NS,
		[MS_TIMEOUT_UDP_TWOWAY] = 180 * SECOND_NS,
		[MS_TIMEOUT_ICMP] = 10 * SECOND_NS,
		[MS_TIMEOUT_OTHER] = 60 * SECOND_NS,
	};
	ms_cleanup(ms_config_fini) struct ms_config defaults = {
		.policy = strdup(MS_CONFIG_POLICY),
		.bpffs = strdup(MS_CONFIG_BPFFS),
		.run_dir = strdup(MS_CONFIG_RUN_DIR),
		.state_dir = strdup(MS_CONFIG_STATE_DIR),
		.rules_max = 100000,
		.set_members_max = MS_SET_MEMBERS_MAX,
		.events_max = 10000,
		.adopt_grace_ns = 60 * SECOND_NS,
		.realtime = true,
		.session_table = MS_SESSION_TABLE_SET,
		.log_level = MS_LOG_INFO,
		.log_events = MS_LOG_EVENTS_DENY,
	};

	if (!defaults.policy || !defaults.bpffs || !defaults.run_dir || !defaults.state_dir)
		return -ENOMEM;
	memcpy(defaults.timeouts_ns, timeouts_ns, sizeof(timeouts_ns));
	*config = defaults;
	defaults = (struct ms_config) { 0 };
	return 0;
}

void ms_config_fini(struct ms_config *config)
{
	for (size_t i = 0; i < config->n_interfaces; i++)
		free(config->interfaces[i]);
	free(config->interfaces);
	free(config->policy);
	free(config->bpffs);
	free(config->run_dir);
	free(config->state_dir);
	ms_config_plugins_fini(&config->plugins);
	free(config->file);
	free(config->plugin_dir);
	*config = (struct ms_config) { 0 };
}

/* ---- the keys; `into` is the struct ms_config being changed ---- */

static int read_policy(struct ms_document_reader *reader, void *into)
{
	struct ms_config *config = into;
	int r = ms_document_schema_text(reader, "a directory or file");

	if (r < 0)
		return r;
	if (reader->value[0] != '/')
		return ms_document_reader_refuse(reader, reader->place, reader->value,
						 "'%s' is not a path from the root: /...",
						 reader->value);
	config->policy = strdup(reader->value);
	return config->policy ? 0 : -ENOMEM;
}

/* `auto`, which is 0, or a number. */
static int read_size(struct ms_document_reader *reader, uint32_t *ret_size)
{
	uint64_t size;
	int r;

	if (reader->event == MS_DOCUMENT_SCALAR && strcmp(reader->value, "auto") == 0) {
		*ret_size = 0;
		return 0;
	}
	r = ms_document_schema_number(reader, "auto or a number from 1024 to 16777216", 1024,
				      16777216, &size);
	if (r == 0)
		*ret_size = (uint32_t)size;
	return r;
}

static int read_sessions(struct ms_document_reader *reader, void *into)
{
	return read_size(reader, &((struct ms_config *)into)->sessions);
}

static int read_half_open(struct ms_document_reader *reader, void *into)
{
	return read_size(reader, &((struct ms_config *)into)->half_open);
}

static int read_rules(struct ms_document_reader *reader, void *into)
{
	uint64_t count;
	int r = ms_document_schema_number(reader, "a number of rules from 1 to 100000", 1, 100000,
					  &count);

	if (r == 0)
		((struct ms_config *)into)->rules_max = (uint32_t)count;
	return r;
}

static int read_set_members(struct ms_document_reader *reader, void *into)
{
	uint64_t count;
	int r = ms_document_schema_number(reader, "a number of members from 1024 to 2097152", 1024,
					  MS_SET_MEMBERS_MAX, &count);

	if (r == 0)
		((struct ms_config *)into)->set_members_max = (uint32_t)count;
	return r;
}

static int read_events(struct ms_document_reader *reader, void *into)
{
	uint64_t count;
	int r = ms_document_schema_number(reader, "a number of events from 1 to 1000000", 1,
					  1000000, &count);

	if (r == 0)
		((struct ms_config *)into)->events_max = (uint32_t)count;
	return r;
}

static int read_session_table(struct ms_document_reader *reader, void *into)
{
	static const char *const words[] = {
		[MS_SESSION_TABLE_LRU_HASH] = "lru_hash", [MS_SESSION_TABLE_SET] = "set"
	};
	unsigned int word;
	int r = ms_document_schema_word(reader, "set or lru_hash", words, ms_array_size(words),
					&word);

	if (r == 0)
		((struct ms_config *)into)->session_table = (enum ms_session_table)word;
	return r;
}

static const struct ms_document_key limit_keys[] = {
	{ "sessions", read_sessions, false },           { "half_open", read_half_open, false },
	{ "session_table", read_session_table, false }, { "rules", read_rules, false },
	{ "set_members", read_set_members, false },     { "events", read_events, false },
};

static int read_limits(struct ms_document_reader *reader, void *into)
{
	return ms_document_schema_mapping(reader, "limits", limit_keys, ms_array_size(limit_keys),
					  NULL, into);
}

static int read_timeout(struct ms_document_reader *reader, void *into, enum ms_timeout timeout)
{
	struct ms_config *config = into;

	return ms_document_schema_duration(reader, SECOND_NS, 365 * DAY_NS,
					   &config->timeouts_ns[timeout]);
}

#define READ_TIMEOUT(name, timeout)                                                                \
	static int name(struct ms_document_reader *reader, void *into)                             \
	{                                                                                          \
		return read_timeout(reader, into, timeout);                                        \
	}
READ_TIMEOUT(read_tcp_syn, MS_TIMEOUT_TCP_SYN)
READ_TIMEOUT(read_tcp_established, MS_TIMEOUT_TCP_ESTABLISHED)
READ_TIMEOUT(read_tcp_fin, MS_TIMEOUT_TCP_FIN)
READ_TIMEOUT(read_udp_oneway, MS_TIMEOUT_UDP_ONEWAY)
READ_TIMEOUT(read_udp_twoway, MS_TIMEOUT_UDP_TWOWAY)
READ_TIMEOUT(read_icmp, MS_TIMEOUT_ICMP)
READ_TIMEOUT(read_other, MS_TIMEOUT_OTHER)
#undef READ_TIMEOUT

static const struct ms_document_key timeout_keys[] = {
	{ "tcp_syn", read_tcp_syn, false },
	{ "tcp_established", read_tcp_established, false },
	{ "tcp_fin", read_tcp_fin, false },
	{ "udp_oneway", read_udp_oneway, false },
	{ "udp_twoway", read_udp_twoway, false },
	{ "icmp", read_icmp, false },
	{ "other", read_other, false },
};
_Static_assert(ms_array_size(timeout_keys) == MS_TIMEOUT__COUNT, "one key a timeout");

static int read_timeouts(struct ms_document_reader *reader, void *into)
{
	return ms_document_schema_mapping(reader, "timeouts", timeout_keys,
					  ms_array_size(timeout_keys), NULL, into);
}

static int read_adopt_grace(struct ms_document_reader *reader, void *into)
{
	return ms_document_schema_duration(reader, 0, HOUR_NS,
					   &((struct ms_config *)into)->adopt_grace_ns);
}

static int read_scheduling(struct ms_document_reader *reader, void *into)
{
	static const char *const words[] = { "normal", "realtime" };
	unsigned int word;
	int r = ms_document_schema_word(reader, "realtime or normal", words, ms_array_size(words),
					&word);

	if (r == 0)
		((struct ms_config *)into)->realtime = word == 1;
	return r;
}

static int read_level(struct ms_document_reader *reader, void *into)
{
	const char *names[MS_LOG__COUNT];
	unsigned int level;
	int r;

	for (unsigned int i = 0; i < MS_LOG__COUNT; i++)
		names[i] = ms_log_level_name((enum ms_log_level)i);
	r = ms_document_schema_word(reader, "error, warn, notice, info or debug", names,
				    MS_LOG__COUNT, &level);
	if (r == 0)
		((struct ms_config *)into)->log_level = (enum ms_log_level)level;
	return r;
}

static int read_log_events(struct ms_document_reader *reader, void *into)
{
	static const char *const words[] = {
		[MS_LOG_EVENTS_OFF] = "off",
		[MS_LOG_EVENTS_DENY] = "deny",
		[MS_LOG_EVENTS_ALL] = "all",
	};
	unsigned int i;
	int r = ms_document_schema_word(reader, "off, deny or all", words, ms_array_size(words),
					&i);

	if (r == 0)
		((struct ms_config *)into)->log_events = (enum ms_config_log_events)i;
	return r;
}

static const struct ms_document_key log_keys[] = {
	{ "level", read_level, false },
	{ "events", read_log_events, false },
};

static int read_log(struct ms_document_reader *reader, void *into)
{
	return ms_document_schema_mapping(reader, "log", log_keys, ms_array_size(log_keys), NULL,
					  into);
}

static int find_before(const struct ms_rule_action *plugin)
{
	for (size_t i = 0; i < plugin->n_args; i++) {
		if (plugin->args[i].name && strcmp(plugin->args[i].name, "before") == 0)
			return (int)i;
	}
	return -ENOENT;
}

/* The one key that is ours among a plugin's own: it is taken out before the plugin sees them. */
static int take_before(struct ms_document_reader *reader, struct ms_config_plugins *plugins,
		       size_t nth)
{
	struct ms_rule_action *plugin = &plugins->list[nth];
	int at = find_before(plugin);
	struct ms_rule_action_arg *arg;
	const char *text;

	if (at < 0)
		return 0;
	arg = &plugin->args[at];
	text = arg->values[0].text;
	if (arg->n_values != 1 || (strcmp(text, "true") != 0 && strcmp(text, "false") != 0))
		return ms_document_reader_refuse(reader, arg->values[0].place, arg->name,
						 "'before' is true or false");
	if (strcmp(text, "true") == 0)
		plugins->before |= 1ull << nth;
	ms_rule_action_remove_arg(plugin, (size_t)at);
	return 0;
}

static int read_plugin(struct ms_document_reader *reader, const char *name, struct ms_place place,
		       void *into)
{
	struct ms_config_plugins *plugins = &((struct ms_config *)into)->plugins;
	struct ms_rule_action plugin = { .place = place };
	const char *shown;
	char buf[32];
	int r;

	/* An option that slipped out of the plugin above it. */
	shown = ms_document_reader_key(reader, name, place, buf, sizeof(buf));
	if (ms_document_schema_is_typed(name) ||
	    !ms_document_schema_is_name(name, "_", PLUGIN_NAME_MAX))
		return ms_document_reader_refuse(reader, place, shown,
						 "'%s' is no name of a plugin", shown);
	if (ms_config_plugins_find(plugins, name))
		return ms_document_reader_refuse(reader, place, name, "plugin '%s' is there twice",
						 name);
	if (plugins->count == MS_CONFIG_PLUGINS_MAX)
		return ms_document_reader_refuse(reader, place, name, "more than %d plugins",
						 MS_CONFIG_PLUGINS_MAX);
	plugin.name = strdup(name);
	r = plugin.name ? ms_array_append(&plugins->list, &plugins->count, plugin) : -ENOMEM;
	if (r < 0) {
		free(plugin.name);
		return r;
	}
	r = ms_document_action_read_config(reader, &plugins->list[plugins->count - 1]);
	return r < 0 ? r : take_before(reader, plugins, plugins->count - 1);
}

static int read_plugins(struct ms_document_reader *reader, void *into)
{
	return ms_document_schema_entries_or_none(reader, "plugins", read_plugin, into);
}

static const struct ms_document_key config_keys[] = {
	{ "policy", read_policy, false },         { "limits", read_limits, false },
	{ "timeouts", read_timeouts, false },     { "adopt_grace", read_adopt_grace, false },
	{ "scheduling", read_scheduling, false }, { "log", read_log, false },
	{ "plugins", read_plugins, false },
};

/* A file of nothing but comments says that all is as it is by default. */
static int read_config(struct ms_document_reader *reader, struct ms_config *config)
{
	int r = ms_document_reader_next(reader);

	if (r < 0 || reader->event == MS_DOCUMENT_END)
		return r;
	r = ms_document_schema_mapping(reader, "the configuration", config_keys,
				       ms_array_size(config_keys), NULL, config);
	return r < 0 ? r : ms_document_reader_next(reader);
}

int ms_config_read(struct ms_config *config, const char *path, struct ms_error *err)
{
	ms_cleanup(ms_free) char *text = NULL; /* freed behind the reader, which reads it ahead */
	ms_cleanup(ms_document_reader_close) struct ms_document_reader reader = { 0 };
	struct ms_config changed = *config; /* borrows all but `policy` and `plugins` */
	const char *slash = strrchr(path, '/');
	size_t length;
	int r = ms_document_read_file(path, &text, &length, err);

	if (r < 0)
		return r;
	/* What is marked as secret is known to the plugins alone, which nobody has asked yet. */
	reader.secrets = memmem(text, length, "plugins", strlen("plugins"));
	changed.policy = NULL;
	changed.plugins = (struct ms_config_plugins) { 0 };
	r = ms_document_reader_open(&reader, slash ? slash + 1 : path, text, length, err);
	if (r == 0 && !(changed.plugins.file = strdup(reader.name)))
		r = -ENOMEM;
	if (r == 0)
		r = read_config(&reader, &changed);
	if (r < 0) {
		free(changed.policy);
		ms_config_plugins_fini(&changed.plugins);
		return ms_error_set(err, r, "out of memory");
	}
	if (changed.policy)
		free(config->policy);
	else
		changed.policy = config->policy;
	ms_config_plugins_fini(&config->plugins);
	*config = changed;
	return 0;
}

void ms_config_control_socket(const char *run_dir, char *buf, size_t size)
{
	snprintf(buf, size, "%s/control.sock", run_dir);
}
