/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a container to what the host is told of it: sets, rules, and the group its links are bound
 * to. A label that is wrong, or a set that there is no room for, hurts its own container alone,
 * whose links are then bound to a group that denies all; one that has none of its own is refused
 * its labels. Pure but for the calls of the host's builder.
 */
#ifndef MS_PLUGINS_DOCKER_POLICY_H
#define MS_PLUGINS_DOCKER_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "plugins/docker/container.h"

#define MS_DOCKER_POLICY_SETS_MAX 16 /* that one microseg.set may name */

/* The group of containers with a wrong label. */
#define MS_DOCKER_POLICY_REFUSED "docker-refused"

/* What the operator lets labels say: what is not listed is refused. */
struct ms_docker_policy_limits {
	char *group;   /* of containers that have rules and name no group; NULL = none */
	char **groups; /* names; `group` is allowed too, and nothing else */
	size_t group_count;
	char **sets; /* shell patterns of what microseg.set may name */
	size_t set_count;
	char **actions; /* names; rules ask for no other, but for those of the language itself */
	size_t action_count;
	bool rules;
};

/* One transaction. */
struct ms_docker_policy {
	const struct ms_plugin_host *host;
	const struct ms_docker_policy_limits *limits;
	struct ms_plugin_builder *builder;
	bool has_refused_group;
};

enum ms_docker_policy_result {
	MS_DOCKER_POLICY_TAKEN,
	MS_DOCKER_POLICY_IGNORED, /* a label without a meaning for this container */
	MS_DOCKER_POLICY_REFUSED_LABEL,
	MS_DOCKER_POLICY_REFUSED_WITHOUT_LINKS /* the same, but there are none to be denied */
};

/*
 * Adds one container. `ret_why` is "" or a sentence about one of its labels. A negative errno means
 * that the transaction as a whole cannot be made.
 */
int ms_docker_policy_add(struct ms_docker_policy *policy,
			 const struct ms_docker_container *container,
			 enum ms_docker_policy_result *ret_result, char ret_why[512],
			 struct ms_plugin_error *error);

#endif
