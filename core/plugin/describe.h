/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A descriptor as JSON: how anybody but the process that loaded the plugin knows it. */
#ifndef MS_CORE_PLUGIN_DESCRIBE_H
#define MS_CORE_PLUGIN_DESCRIBE_H

#include <jansson.h>
#include <stdbool.h>

#include "core/base/error.h"
#include "core/include/microseg/plugin.h"

/* New reference, NULL = out of memory. */
json_t *ms_plugin_describe(const struct ms_plugin *plugin);
/* The enum ms_plugin_type of the name that a description has; false = there is none. NULL is fine.
 */
bool ms_plugin_describe_type(const char *name, uint32_t *ret_type);

#endif
