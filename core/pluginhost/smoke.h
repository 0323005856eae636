/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Maps like the datapath's for an action's program to share, in which it is tried as the datapath
 * tries it. In place of the datapath's resume program stands one that says how a packet came there.
 */
#ifndef MS_CORE_PLUGINHOST_SMOKE_H
#define MS_CORE_PLUGINHOST_SMOKE_H

#include "core/base/error.h"
#include "core/include/microseg/plugin.h"

struct ms_pluginhost_smoke;

int ms_pluginhost_smoke_new(struct ms_pluginhost_smoke **ret_smoke, struct ms_error *err);
void ms_pluginhost_smoke_free(struct ms_pluginhost_smoke **smoke);
/* Lent. */
const struct ms_plugin_env *ms_pluginhost_smoke_env(const struct ms_pluginhost_smoke *smoke);
/* `fd` is what load() of `action` gave, with the maps of the env. */
int ms_pluginhost_smoke_run(int fd, const char *plugin, const struct ms_plugin_action *action,
			    struct ms_error *err);

#endif
