/* SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause */
/*
 * For load() of an action that uses libbpf. Apart from plugin.h, which needs no library but the C
 * one.
 */
#ifndef MICROSEG_ACTION_H
#define MICROSEG_ACTION_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
 * Between open and load: has a map of the action's own outlive the daemon. It is pinned in the
 * plugin's directory under its name when the object is loaded, and found there by the next load,
 * with what it holds. A pinned map of another shape (an older version's) is let go and made anew.
 * In a trial, which has no directory, nothing happens. 0 or -errno.
 */
static inline int ms_action_keep_map(struct bpf_map *map, const struct ms_plugin_env *env)
{
	struct bpf_map_info info;
	__u32 size = sizeof(info);
	char path[96];
	int fd;

	if (env->pin_dir_fd < 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", env->pin_dir_fd, bpf_map__name(map));
	fd = bpf_obj_get(path);
	if (fd >= 0) {
		memset(&info, 0, sizeof(info));
		if (bpf_obj_get_info_by_fd(fd, &info, &size) < 0 ||
		    info.type != bpf_map__type(map) || info.key_size != bpf_map__key_size(map) ||
		    info.value_size != bpf_map__value_size(map) ||
		    info.max_entries != bpf_map__max_entries(map) ||
		    info.map_flags != bpf_map__map_flags(map))
			unlink(path);
		close(fd);
	} else if (errno != ENOENT) {
		return -errno;
	}
	return bpf_map__set_pin_path(map, path);
}

/*
 * The whole of load() between the skeleton's open and its first use: shares the datapath's maps,
 * keeps those that `kept` names (NULL-terminated; NULL = none), and loads. `skeleton` is the opened
 * object's field of that name; NULL = it could not be opened, and errno says why. On failure the
 * error is set and the object stays the caller's to destroy. 0 or -errno.
 */
static inline int ms_action_load(const struct ms_plugin_host *host,
				 struct bpf_object_skeleton *skeleton, const char *const *kept,
				 const struct ms_plugin_env *env, struct ms_plugin_error *error)
{
	int r = skeleton ? ms_action_share_maps(*skeleton->obj, env) : -errno;

	for (; r == 0 && kept && *kept; kept++) {
		struct bpf_map *map = bpf_object__find_map_by_name(*skeleton->obj, *kept);

		r = map ? ms_action_keep_map(map, env) : -ENOENT;
	}
	if (r == 0)
		r = bpf_object__load_skeleton(skeleton);
	if (r < 0)
		host->error_set(error, "cannot load the program: %s", strerror(-r));
	return r;
}

/*
 * create() of an action that has nothing to configure: `size` zeroed bytes whose first field is
 * `const struct ms_plugin_host *host`, and that field set. destroy() frees them with free(). 0 or
 * -ENOMEM with the error set.
 */
static inline int ms_action_new(const struct ms_plugin_host *host, size_t size, void **ret_self,
				struct ms_plugin_error *error)
{
	void *self = calloc(1, size);

	if (!self) {
		host->error_set(error, "out of memory");
		return -ENOMEM;
	}
	memcpy(self, &host, sizeof(host));
	*ret_self = self;
	return 0;
}

/* The sum over all CPUs of one 64-bit counter of a per-CPU array, for stats(). 0 if it cannot be
 * read. */
static inline uint64_t ms_action_count(const struct bpf_map *map, uint32_t index)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t *values = cpus > 0 ? (uint64_t *)calloc((size_t)cpus, sizeof(*values)) : NULL;
	uint64_t sum = 0;

	if (values && bpf_map_lookup_elem(bpf_map__fd(map), &index, values) == 0)
		for (int i = 0; i < cpus; i++)
			sum += values[i];
	free(values);
	return sum;
}

#ifdef __cplusplus
}
#endif

#endif
