/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `plugins: feed:` in microseg.yaml says. */
#ifndef MS_PLUGINS_FEED_CONFIG_H
#define MS_PLUGINS_FEED_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "list.h"
#include "microseg/plugin.h"
#include "plugins/lib/tls.h"

#define MS_FEED_CONFIG_ITEMS 11

/* Which set a list fills, and where it is. */
struct ms_feed_address {
	char *set, *url;
	char *shown;      /* the URL without what may be secret in it */
	const char *path; /* of file://, within `url`; NULL = HTTP(S) */
};

struct ms_feed_config {
	uint64_t interval_ns, timeout_ns;
	struct ms_feed_limits limits;
	struct ms_tls tls;
	struct ms_feed_address *addresses;
	size_t count;
};

extern const struct ms_plugin_item ms_feed_config_items[MS_FEED_CONFIG_ITEMS];

/* Fills a zeroed `config`, which after a failure too is for fini. -EINVAL has set `error`, -ENOMEM
 * has not. */
int ms_feed_config_read(struct ms_feed_config *config, const struct ms_plugin_host *host,
			const struct ms_plugin_values *values, struct ms_plugin_error *error);
void ms_feed_config_fini(struct ms_feed_config *config);

#endif
