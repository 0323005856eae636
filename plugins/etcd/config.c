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
	  .max = 4095 },
	{ .name = "ca_file",
	  .help = "certificates to trust instead of the system's, PEM",
	  .type = MS_PLUGIN_STRING,
	  .max = 4095 },
	{ .name = "cert_file",
	  .help = "this client's certificate, PEM",
	  .type = MS_PLUGIN_STRING,
	  .max = 4095 },
	{ .name = "key_file", .help = "and its key, PEM", .type = MS_PLUGIN_STRING, .max = 4095 },
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
	free(config->ca_file);
	free(config->cert_file);
	free(config->key_file);
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
					"`endpoints`: %s is not http:// or https:// and an address "
					"and port alone",
					text);
			return -EINVAL;
		}
		config->endpoints[i] = strndup(text, (size_t)(rest - text) + name);
		config->count++;
		if (!config->endpoints[i])
			return -ENOMEM;
	}
	return config->endpoints ? 0 : -ENOMEM;
}

static int read_string(const struct ms_plugin_host *host, const struct ms_plugin_values *values,
		       const char *name, char **ret_text)
{
	if (!host->value_count(values, name))
		return 0;
	*ret_text = strdup(host->value_string(values, name, 0));
	return *ret_text ? 0 : -ENOMEM;
}

static int read_hostname(struct ms_etcd_config *config, const struct ms_plugin_host *host,
			 const struct ms_plugin_values *values, struct ms_plugin_error *error)
{
	char name[MS_ETCD_HOSTNAME_MAX + 1] = "";
	int r = read_string(host, values, "hostname", &config->hostname);

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

static int check_pairs(const struct ms_etcd_config *config, const struct ms_plugin_host *host,
		       struct ms_plugin_error *error)
{
	const char *const files[] = { config->password_file, config->ca_file, config->cert_file,
				      config->key_file };

	if (!config->user != !config->password_file) {
		host->error_set(error, "`user` and `password_file` go together");
		return -EINVAL;
	}
	if (!config->cert_file != !config->key_file) {
		host->error_set(error, "`cert_file` and `key_file` go together");
		return -EINVAL;
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (!files[i] || files[i][0] == '/')
			continue;
		host->error_set(error, "a file is named by its full path, and %s is not", files[i]);
		return -EINVAL;
	}
	return 0;
}

int ms_etcd_config_read(const struct ms_plugin_host *host, const struct ms_plugin_values *values,
			struct ms_etcd_config *ret_config, struct ms_plugin_error *error)
{
	struct ms_etcd_config config = { .check_ns = host->value_uint(values, "check", 0),
					 .max_bytes = host->value_uint(values, "max_bytes", 0) };
	const struct {
		const char *name;
		char **to;
	} strings[] = {
		{ "user", &config.user },         { "password_file", &config.password_file },
		{ "ca_file", &config.ca_file },   { "cert_file", &config.cert_file },
		{ "key_file", &config.key_file },
	};
	int r = read_endpoints(&config, host, values, error);

	for (size_t i = 0; r == 0 && i < sizeof(strings) / sizeof(strings[0]); i++)
		r = read_string(host, values, strings[i].name, strings[i].to);
	if (r == 0)
		r = read_hostname(&config, host, values, error);
	if (r == 0)
		r = check_pairs(&config, host, error);
	if (r == -ENOMEM)
		host->error_set(error, "out of memory");
	if (r < 0)
		ms_etcd_config_fini(&config);
	else
		*ret_config = config;
	return r;
}
