/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `plugins:` of microseg.yaml names: a value of its own, since it is read again by a daemon
 * that runs. */
#ifndef MS_CORE_CONFIG_PLUGINS_H
#define MS_CORE_CONFIG_PLUGINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/policy/model.h"

#define MS_CONFIG_PLUGINS_MAX 64

/* Zeroed = none. */
struct ms_config_plugins {
	/* Each with its configuration as arguments; in their order. */
	struct ms_rule_action *list;
	size_t count;
	/* A bit per plugin: a source whose rules are judged before the operator's (`before: true`,
	 * a key that every plugin has). */
	uint64_t before;
	char *file; /* what was read, as messages name it; NULL = there is no file */
};

/* Of the file that this daemon is configured by, as it is now. One that need not be there and is
 * not names none. -errno with its place; `ret_plugins` is untouched then. */
struct ms_config;
int ms_config_plugins_read(const struct ms_config *config, struct ms_config_plugins *ret_plugins,
			   struct ms_error *err);
int ms_config_plugins_copy(const struct ms_config_plugins *from,
			   struct ms_config_plugins *ret_plugins); /* -ENOMEM */
void ms_config_plugins_fini(struct ms_config_plugins *plugins);

/* What `from` says of this one, in the place of what `into` said, or where `from` has it among
 * those that both have. -ENOMEM: nothing changed. */
int ms_config_plugins_put(struct ms_config_plugins *into, const struct ms_config_plugins *from,
			  const char *name);

/* NULL = it is not named. */
const struct ms_rule_action *ms_config_plugins_find(const struct ms_config_plugins *plugins,
						    const char *name);
/* Its place among those that are named; behind them all if it is not. */
size_t ms_config_plugins_rank(const struct ms_config_plugins *plugins, const char *name);
bool ms_config_plugins_same_order(const struct ms_config_plugins *a,
				  const struct ms_config_plugins *b);
bool ms_config_plugins_is_before(const struct ms_config_plugins *plugins, const char *name);

#endif
