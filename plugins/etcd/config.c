/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_S 1000000000ULL
#define MAX_ENDPOINTS 16

const struct ms_plugin_item ms_etcd_config_items[MS_ETCD_CONFIG_ITEMS] = {
	{ .name = "endpoints",
	  .help = "http:// or https://, address or name, and port of a member, or of several",
	  .type = MS_PLUGIN_STRING,
	  .flags = MS_PLUGIN_REQUIRED | MS_PLUGIN_LIST,
	  .max = 255 },
	{ .name = "hostname",
	  .help = "this host's name below /microseg/v1/hosts/; default: the machine's",
	  .type = MS_PLUGIN_STRING,
	  .min = 1,
	  .max = MS_ETCD_HOSTNAME_MAX },
	{ .name = "user", .help = "etcd's name for us", .type = MS_PLUGIN_STRING, .max = 255 },
	{ .name = "password_file",
	  .help = "its password is this file's first line",
	  .type = MS_PLUGIN_STRING,
	  .flags = MS_PLUGIN_FILE,
	  .max = MS_PLUGIN_VALUE_MAX },
	MS_TLS_ITEMS,
	{ .name = "check",
	  .help = "how often a quiet etcd is asked whether all is as it was",
	  .type = MS_PLUGIN_DURATION,
	  .min = NS_PER_S,
	  .def = "30s" },
	{ .name = "max_bytes",
	  .help = "longest answer",
	  .type = MS_PLUGIN_BYTES,
	  .min = 4096,
	  .def = "64MiB" },
};

void ms_etcd_config_fini(struct ms_etcd_config *config)
{
	for (size_t i = 0; i < config->count; i++)
		free(config->endpoints[i]);
	free(config->endpoints);
	free(config->hostname);
	free(config->user);
	free(config->password_file);
	ms_tls_fini(&config->tls);
	memset(config, 0, sizeof(*config));
}

static int read_endpoints(struct ms_etcd_config *config, const struct ms_plugin_host *host,
			  const struct ms_plugin_values *values, struct ms_plugin_error *error)
{
	uint32_t count = host->value_count(values, "endpoints");

	if (count > MAX_ENDPOINTS) {
		host->error_set(error, "`endpoints` has %u entries, and %d are the most", count,
				MAX_ENDPOINTS);
		return -EINVAL;
	}
	config->endpoints = calloc(count, sizeof(*config->endpoints));
	for (uint32_t i = 0; config->endpoints && i < count; i++) {
		const char *text = host->value_string(values, "endpoints", i);
		const char *rest = strncmp(text, "http://", 7) == 0    ? text + 7
				   : strncmp(text, "https://", 8) == 0 ? text + 8
								       : "";
		size_t name = strcspn(rest, "/?#@");

		if (name == 0 || (rest[name] && strcmp(rest + name, "/") != 0)) {
			host->error_set(error,
					"entry %u of `endpoints`, %s, is not http:// or https:// "
					"and an address and port alone",
					i + 1, text);
			return -EINVAL;
		}
		config->endpoints[i] = strndup(text, (size_t)(rest - text) + name);
		config->count++;
		if (!config->endpoints[i])
			return -ENOMEM;
	}
	return config->endpoints ? 0 : -ENOMEM;
}

static int read_hostname(struct ms_etcd_config *config, const struct ms_plugin_host *host,
			 const struct ms_plugin_values *values, struct ms_plugin_error *error)
{
	char name[MS_ETCD_HOSTNAME_MAX + 1] = "";
	int r = ms_tls_read_text(host, values, "hostname", &config->hostname);

	if (r == 0 && !config->hostname) {
		if (gethostname(name, sizeof(name)) < 0)
			name[0] = '\0';
		name[sizeof(name) - 1] = '\0';
		config->hostname = strdup(name);
	}
	if (!config->hostname)
		return -ENOMEM;
	if (config->hostname[0] && !strchr(config->hostname, '/'))
		return 0;
	host->error_set(error, "`hostname` must be one part of a key, and '%s' is not",
			config->hostname);
	return -EINVAL;
}

static int read_login(struct ms_etcd_config *config, const struct ms_plugin_host *host,
		      const struct ms_plugin_values *values, struct ms_plugin_error *error)
{
	int r = ms_tls_read_text(host, values, "user", &config->user);

	if (r == 0)
		r = ms_tls_read_text(host, values, "password_file", &config->password_file);
	if (r == 0 && !config->user != !config->password_file) {
		host->error_set(error, "`user` and `password_file` go together");
		r = -EINVAL;
	}
	return r < 0 ? r : ms_tls_check_path("password_file", config->password_file, host, error);
}

int ms_etcd_config_read(const struct ms_plugin_host *host, const struct ms_plugin_values *values,
			struct ms_etcd_config *ret_config, struct ms_plugin_error *error)
{
	struct ms_etcd_config config = { .check_ns = host->value_uint(values, "check", 0),
					 .max_bytes = host->value_uint(values, "max_bytes", 0) };
	int r = read_endpoints(&config, host, values, error);

	if (r == 0)
		r = read_login(&config, host, values, error);
	if (r == 0)
		r = ms_tls_read(&config.tls, host, values, error);
	if (r == 0)
		r = read_hostname(&config, host, values, error);
	if (r == -ENOMEM)
		host->error_set(error, "out of memory");
	if (r < 0)
		ms_etcd_config_fini(&config);
	else
		*ret_config = config;
	return r;
}
