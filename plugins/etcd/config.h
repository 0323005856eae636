/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `plugins: etcd:` in microseg.yaml says. */
#ifndef MS_PLUGINS_ETCD_CONFIG_H
#define MS_PLUGINS_ETCD_CONFIG_H

#include "documents.h"
#include "microseg/plugin.h"
#include "plugins/lib/tls.h"

#define MS_ETCD_CONFIG_ITEMS 9

extern const struct ms_plugin_item ms_etcd_config_items[MS_ETCD_CONFIG_ITEMS];

struct ms_etcd_config {
	char **endpoints; /* "https://10.0.0.1:2379", without a '/' at the end */
	size_t count;
	char *hostname;
	char *user, *password_file; /* NULL = none */
	struct ms_tls tls;
	uint64_t check_ns;
	uint64_t max_bytes;
};

/* -EINVAL, -ENOMEM; `ret_config` needs no fini then. */
int ms_etcd_config_read(const struct ms_plugin_host *host, const struct ms_plugin_values *values,
			struct ms_etcd_config *ret_config, struct ms_plugin_error *error);
void ms_etcd_config_fini(struct ms_etcd_config *config);

#endif
