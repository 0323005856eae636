/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The containers of an engine, followed over its API on a unix socket: a list, one answer per
 * container, and events. The events are asked for from a moment before the list, so nothing falls
 * between; after a loss, and now and then, all containers are asked for again. What was known stays
 * known until the engine says otherwise.
 */
#ifndef MS_PLUGINS_DOCKER_ENGINE_H
#define MS_PLUGINS_DOCKER_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugins/docker/container.h"
#include "plugins/docker/gap.h"

struct ms_docker_engine_entry {
	char id[MS_DOCKER_CONTAINER_ID_MAX + 1];
	struct ms_docker_container *container; /* NULL = not answered yet */
	/* The reader's to keep: since when its labels are in force, what they came to in the last
	 * transaction, and the last that was said about them; NULL = "". */
	struct ms_docker_gap gap;
	int result;
	char *why, *said;
};

struct ms_docker_engine_stats {
	uint64_t events, syncs, losses;
};

struct ms_docker_engine;

/* Returns NULL without memory. Nothing is asked before start(). free ends everything; NULL is fine.
 * `resync_ns`: how often all is asked for again. */
struct ms_docker_engine *ms_docker_engine_new(const struct ms_plugin_host *host,
					      const char *socket_path, uint64_t resync_ns);
void ms_docker_engine_free(struct ms_docker_engine *engine);
int ms_docker_engine_start(struct ms_docker_engine *engine);

/* Has every container been asked for once? Before that the list must not be taken for all. */
bool ms_docker_engine_is_known(const struct ms_docker_engine *engine);
/* Lent until the next callback of the host. */
struct ms_docker_engine_entry *ms_docker_engine_entries(struct ms_docker_engine *engine,
							size_t *ret_count);
/* What the host is told as trouble while the engine can be reached; "" = nothing. */
void ms_docker_engine_complain(struct ms_docker_engine *engine, const char *sentence);
const struct ms_docker_engine_stats *ms_docker_engine_stats(const struct ms_docker_engine *engine);

#endif
