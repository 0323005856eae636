/* SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause */
/*
 * For load() of an action that uses libbpf. Apart from plugin.h, which needs no library.
 */
#ifndef MICROSEG_ACTION_H
#define MICROSEG_ACTION_H

#include <errno.h>
#include <stdio.h>

#include <bpf/libbpf.h>

#include "microseg/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Between open and load of the action's object: puts the datapath's maps in the place of those that
 * <microseg/action.bpf.h> declared. Maps of the action's own are left alone. 0 or -errno.
 */
static inline int ms_action_share_maps(struct bpf_object *object, const struct ms_plugin_env *env)
{
	for (uint32_t i = 0; i < env->map_count; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(object, env->maps[i].name);
		int r = map ? bpf_map__reuse_fd(map, env->maps[i].fd) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * Between open and load: `map`, one of the action's own, goes on from what an earlier load left
 * under its name, and stays when the daemon ends. In a trial it is a map like any other. What was
 * kept must have the same type, sizes and entries or the load fails: a map whose layout changes
 * gets another name ("hits" -> "hits2"). 0 or -errno.
 */
static inline int ms_action_keep_map(struct bpf_map *map, const struct ms_plugin_env *env)
{
	char path[64];
	int n;

	if (env->pin_dir_fd < 0)
		return 0;
	n = snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", env->pin_dir_fd,
		     bpf_map__name(map));
	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	return bpf_map__set_pin_path(map, path);
}

#ifdef __cplusplus
}
#endif

#endif
