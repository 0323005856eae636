/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugins/lib/tls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int ms_tls_read_text(const struct ms_plugin_host *host, const struct ms_plugin_values *values,
		     const char *name, char **ret_text)
{
	char *text;

	if (!host->value_count(values, name))
		return 0;
	text = strdup(host->value_string(values, name, 0));
	if (!text)
		return -ENOMEM;
	*ret_text = text;
	return 0;
}

int ms_tls_check_path(const char *name, const char *path, const struct ms_plugin_host *host,
		      struct ms_plugin_error *error)
{
	if (!path || path[0] == '/')
		return 0;
	host->error_set(error, "`%s` must be a full path, and %s is not", name, path);
	return -EINVAL;
}

int ms_tls_read(struct ms_tls *tls, const struct ms_plugin_host *host,
		const struct ms_plugin_values *values, struct ms_plugin_error *error)
{
	const struct {
		const char *name;
		char **to;
	} files[] = {
		{ "ca_file", &tls->ca_file },
		{ "cert_file", &tls->cert_file },
		{ "key_file", &tls->key_file },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(files) / sizeof(files[0]); i++) {
		r = ms_tls_read_text(host, values, files[i].name, files[i].to);
		if (r == 0)
			r = ms_tls_check_path(files[i].name, *files[i].to, host, error);
	}
	if (r == 0 && !tls->cert_file != !tls->key_file) {
		host->error_set(error, "`cert_file` and `key_file` go together");
		r = -EINVAL;
	}
	return r;
}

void ms_tls_fini(struct ms_tls *tls)
{
	free(tls->ca_file);
	free(tls->cert_file);
	free(tls->key_file);
}
