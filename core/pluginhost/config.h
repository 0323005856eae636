/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration as it comes to this program: a JSON object of lists of texts. */
#ifndef MS_CORE_PLUGINHOST_CONFIG_H
#define MS_CORE_PLUGINHOST_CONFIG_H

#include <jansson.h>

#include "core/base/error.h"
#include "core/plugin/values.h"

/* Checked against the plugin's items, completed by its defaults; ms_plugin_values_free()'s. What
 * is no object is none: defaults alone. The sentence has no name of the plugin in it. */
int ms_pluginhost_config_read(const struct ms_plugin *plugin, const json_t *config,
			      struct ms_plugin_values **ret_values, struct ms_error *err);

#endif
