/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the rules of a policy say to actions, judged by the plugins' own code before any of it is in
 * a daemon: each plugin in a process of its own, which needs no privilege and has the caller's.
 */
#ifndef MS_CORE_PLUGIN_JUDGE_H
#define MS_CORE_PLUGIN_JUDGE_H

#include <jansson.h>

#include "core/base/error.h"
#include "core/plugin/catalogue.h"
#include "core/policy/model.h"

struct ms_plugin_judge {
	const char *folder;                          /* the plugins', NULL = the installation's */
	const struct ms_plugin_catalogue *catalogue; /* those that are asked */
	/* What one is configured with, NULL = its defaults. */
	const struct ms_rule_action *(*config_of)(void *user, const char *plugin);
	ms_plugin_catalogue_leave leave; /* those are not judged, NULL = all are */
	void *user;
};

/*
 * `policy` is a merged one that ms_plugin_catalogue_check() or _check_known() has passed. -EINVAL
 * with the place and the plugin's sentence for the first argument that is refused. Waits.
 * `*ret_unjudged` is a list of { "action", "reason" }: the plugin could not be asked.
 */
int ms_plugin_judge_policy(const struct ms_plugin_judge *how, const struct ms_policy *policy,
			   json_t **ret_unjudged, struct ms_error *err);

#endif
