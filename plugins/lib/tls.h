/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The three files by which a plugin and a server know each other, as microseg.yaml names them. */
#ifndef MS_PLUGINS_LIB_TLS_H
#define MS_PLUGINS_LIB_TLS_H

#include "microseg/plugin.h"

/* Among a plugin's items. */
#define MS_TLS_ITEMS                                                                               \
	{ .name = "ca_file",                                                                       \
	  .help = "certificates to trust instead of the system's, PEM",                            \
	  .type = MS_PLUGIN_STRING,                                                                \
	  .flags = MS_PLUGIN_FILE,                                                                 \
	  .max = MS_PLUGIN_VALUE_MAX },                                                            \
		{ .name = "cert_file",                                                             \
		  .help = "this client's certificate, PEM",                                        \
		  .type = MS_PLUGIN_STRING,                                                        \
		  .flags = MS_PLUGIN_FILE,                                                         \
		  .max = MS_PLUGIN_VALUE_MAX },                                                    \
	{                                                                                          \
		.name = "key_file", .help = "and its key, PEM", .type = MS_PLUGIN_STRING,          \
		.flags = MS_PLUGIN_FILE, .max = MS_PLUGIN_VALUE_MAX                                \
	}

struct ms_tls {
	char *ca_file, *cert_file, *key_file; /* NULL = none */
};

/* Fills a zeroed `tls`, which after a failure too is for fini. Full paths, and a certificate with
 * its key: -EINVAL has set `error`, -ENOMEM has not. */
int ms_tls_read(struct ms_tls *tls, const struct ms_plugin_host *host,
		const struct ms_plugin_values *values, struct ms_plugin_error *error);
void ms_tls_fini(struct ms_tls *tls);
/* A text that may be absent, as a copy; NULL then. -ENOMEM */
int ms_tls_read_text(const struct ms_plugin_host *host, const struct ms_plugin_values *values,
		     const char *name, char **ret_text);
/* -EINVAL with a sentence unless `path`, which is what the item `name` says, is NULL or full. */
int ms_tls_check_path(const char *name, const char *path, const struct ms_plugin_host *host,
		      struct ms_plugin_error *error);

#endif
