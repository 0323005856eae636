/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values as they come to this program: a JSON object of lists of texts. */
#ifndef MS_CORE_PLUGINHOST_CONFIG_H
#define MS_CORE_PLUGINHOST_CONFIG_H

#include <jansson.h>

#include "core/base/error.h"
#include "core/plugin/values.h"

/* Checked against the items, completed by their defaults; ms_plugin_values_free()'s. What is no
 * object is none: defaults alone. The sentence has no name of the plugin in it. */
int ms_pluginhost_config_read(const struct ms_plugin_item *items, uint32_t count,
			      const json_t *config, struct ms_plugin_values **ret_values,
			      struct ms_error *err);

#endif
