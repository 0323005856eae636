/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/lib/http.h"

#define NS_PER_S 1000000000ULL
#define MAX_ADDRESSES 64
#define SET_NAME_MAX 48       /* in the policy language */
#define MEMBERS_MAX (1 << 21) /* the host takes no more of one source */

enum bad_lines { SKIP, REFUSE };
static const char *const bad_lines_words[] = { "skip", "refuse", NULL };

const struct ms_plugin_item ms_feed_config_items[MS_FEED_CONFIG_ITEMS] = {
	{ .name = "lists",
	  .help = "SET=URL, or several: http://, https:// or file:/// with a full path",
	  .type = MS_PLUGIN_STRING,
	  .flags = MS_PLUGIN_REQUIRED | MS_PLUGIN_LIST | MS_PLUGIN_SECRET | MS_PLUGIN_FILE,
	  .max = MS_PLUGIN_VALUE_MAX },
	{ .name = "interval",
	  .help = "how often a server is asked, a tenth more or less",
	  .type = MS_PLUGIN_DURATION,
	  .min = NS_PER_S,
	  .def = "1h" },
	{ .name = "timeout",
	  .help = "how long one download may take",
	  .type = MS_PLUGIN_DURATION,
	  .min = NS_PER_S,
	  .def = "5m" },
	{ .name = "max_bytes",
	  .help = "longest list, unpacked",
	  .type = MS_PLUGIN_BYTES,
	  .min = 1,
	  .def = "64MiB" },
	{ .name = "max_entries",
	  .help = "most entries of one list",
	  .type = MS_PLUGIN_UINT,
	  .min = 1,
	  .max = MEMBERS_MAX,
	  .def = "1000000" },
	{ .name = "bad_lines",
	  .help = "skip: the rest of the list is used; refuse: nothing of it",
	  .type = MS_PLUGIN_ENUM,
	  .words = bad_lines_words,
	  .def = "skip" },
	{ .name = "may_be_empty",
	  .help = "whether a list without an entry is one",
	  .type = MS_PLUGIN_BOOL,
	  .def = "false" },
	{ .name = "may_match_all",
	  .help = "whether 0.0.0.0/0 and ::/0 are entries, and not bad lines",
	  .type = MS_PLUGIN_BOOL,
	  .def = "false" },
	MS_TLS_ITEMS,
};

/* Name and password stand before the host, keys behind the question mark. */
static char *without_secrets(const char *url)
{
	char *shown = strdup(url), *host = shown ? strstr(shown, "://") : NULL, *at;

	if (!host)
		return shown;
	shown[strcspn(shown, "?#")] = '\0';
	host += strlen("://");
	at = memrchr(host, '@', strcspn(host, "/"));
	if (at)
		memmove(host, at + 1, strlen(at + 1) + 1);
	return shown;
}

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* Of the policy language, and not the one that is the host's own. */
static bool is_set(const char *name, size_t length)
{
	return length >= 1 && length <= SET_NAME_MAX && !strchr("._/-", name[0]) &&
	       !(length == strlen("host") && strncmp(name, "host", length) == 0);
}

/* "SET=URL", the next one. */
static int read_address(struct ms_feed_config *config, const struct ms_plugin_host *host,
			const char *text, struct ms_plugin_error *error)
{
	struct ms_feed_address *address = &config->addresses[config->count];
	size_t name = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789._/-");
	const char *url = text[name] == '=' ? text + name + 1 : "";

	if (!is_set(text, name) || (!begins(url, "file:///") && !ms_http_is_url(url))) {
		host->error_set(error,
				"entry %zu of `lists` is not SET=URL, with the name of a set and "
				"http://, https:// or file:///",
				config->count + 1);
		return -EINVAL;
	}
	config->count++; /* half of it is freed too */
	address->set = strndup(text, name);
	address->url = strdup(url);
	address->shown = without_secrets(url);
	if (!address->set || !address->url || !address->shown)
		return -ENOMEM;
	if (begins(url, "file://"))
		address->path = address->url + strlen("file://");
	for (const struct ms_feed_address *other = config->addresses; other < address; other++) {
		if (strcmp(other->set, address->set) != 0 || strcmp(other->url, address->url) != 0)
			continue;
		host->error_set(error, "`lists` has %s twice for the set %s", address->shown,
				address->set);
		return -EINVAL;
	}
	return 0;
}

static int read_addresses(struct ms_feed_config *config, const struct ms_plugin_host *host,
			  const struct ms_plugin_values *values, struct ms_plugin_error *error)
{
	uint32_t count = host->value_count(values, "lists");
	int r = 0;

	if (count == 0 || count > MAX_ADDRESSES) {
		host->error_set(error, "`lists` has %u lists, and 1 to %d are possible", count,
				MAX_ADDRESSES);
		return -EINVAL;
	}
	config->addresses = calloc(count, sizeof(config->addresses[0]));
	if (!config->addresses)
		return -ENOMEM;
	for (uint32_t i = 0; r == 0 && i < count; i++)
		r = read_address(config, host, host->value_string(values, "lists", i), error);
	return r;
}

int ms_feed_config_read(struct ms_feed_config *config, const struct ms_plugin_host *host,
			const struct ms_plugin_values *values, struct ms_plugin_error *error)
{
	int r;

	config->interval_ns = host->value_uint(values, "interval", 0);
	config->timeout_ns = host->value_uint(values, "timeout", 0);
	config->limits.max_bytes = host->value_uint(values, "max_bytes", 0);
	config->limits.max_entries = host->value_uint(values, "max_entries", 0);
	config->limits.may_be_empty = host->value_uint(values, "may_be_empty", 0) != 0;
	config->limits.may_match_all = host->value_uint(values, "may_match_all", 0) != 0;
	config->limits.bad_lines_refuse = host->value_uint(values, "bad_lines", 0) == REFUSE;
	r = ms_tls_read(&config->tls, host, values, error);
	return r < 0 ? r : read_addresses(config, host, values, error);
}

void ms_feed_config_fini(struct ms_feed_config *config)
{
	for (size_t i = 0; i < config->count; i++) {
		free(config->addresses[i].set);
		free(config->addresses[i].url);
		free(config->addresses[i].shown);
	}
	free(config->addresses);
	ms_tls_fini(&config->tls);
}
