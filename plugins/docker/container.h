/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a container engine says about one container: answers of the Docker API, which Podman speaks
 * too, as values. Pure.
 */
#ifndef MS_PLUGINS_DOCKER_CONTAINER_H
#define MS_PLUGINS_DOCKER_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "microseg/plugin.h"

#define MS_DOCKER_CONTAINER_ID_MAX 64 /* hexadecimal digits */

enum ms_docker_container_network {
	MS_DOCKER_CONTAINER_NETWORK_OWN,
	MS_DOCKER_CONTAINER_NETWORK_HOST,  /* it is the host, as far as packets go */
	MS_DOCKER_CONTAINER_NETWORK_SHARED /* that of another container or of a path */
};

struct ms_docker_container {
	char id[MS_DOCKER_CONTAINER_ID_MAX + 1];
	char *name;  /* without a slash before it */
	bool is_new; /* never started yet */
	enum ms_docker_container_network network;
	uint64_t pid;        /* 0 = does not run */
	uint64_t mac;        /* as MS_PLUGIN_WORKLOAD_MAC wants it, 0 = not known */
	uint64_t started_ns; /* CLOCK_REALTIME, 0 = not */
	struct ms_plugin_cidr *addresses;
	size_t address_count;
	size_t network_count; /* that it is in */
	/* Labels; NULL = there is none. */
	char *group, *sets, *rules, *project, *service;
	char *unknown; /* the first that is called microseg.SOMETHING and none of these */
};

/* The answer to GET /containers/ID/json. -EINVAL: it is not one; -ENOMEM. */
int ms_docker_container_parse(const char *json, size_t size,
			      struct ms_docker_container **ret_container);
void ms_docker_container_free(struct ms_docker_container *container);

/* Does it have a place in a policy: it runs, or is to run for the first time. */
bool ms_docker_container_is_alive(const struct ms_docker_container *container);

/* The ids in the answer to GET /containers/json, by each(); what that returns other than 0 ends it
 * and is returned. -EINVAL: the answer is not one. */
int ms_docker_container_list(const char *json, size_t size, int (*each)(void *user, const char *id),
			     void *user);

#endif
