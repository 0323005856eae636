/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bench/action.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "microseg/action.h"
#include "noop_action.skel.h"
#include "tests/bench/bench.h"

struct ms_bench_action {
	struct noop_action_bpf *skeleton;
};

static int share_maps(const struct ms_bench_world *world, struct bpf_object *object)
{
	struct ms_dataplane_shared_map shared[MS_DATAPLANE_SHARED_MAPS];
	struct ms_plugin_map maps[MS_DATAPLANE_SHARED_MAPS];
	const struct ms_plugin_env env = {
		.struct_size = sizeof(env),
		.map_count = MS_DATAPLANE_SHARED_MAPS,
		.maps = maps,
		.pin_dir_fd = -1,
	};

	ms_dataplane_action_maps(world->dp, shared);
	for (size_t i = 0; i < MS_DATAPLANE_SHARED_MAPS; i++)
		maps[i] = (struct ms_plugin_map) { shared[i].name, shared[i].fd };
	return ms_action_share_maps(object, &env);
}

static int fill_slot(const struct ms_bench_world *world, struct ms_bench_action *action,
		     struct ms_error *err)
{
	int r = share_maps(world, action->skeleton->obj);

	if (r == 0)
		r = noop_action_bpf__load(action->skeleton);
	return r < 0 ? r
		     : ms_dataplane_action_set(world->dp, 0, "noop", false,
					       bpf_program__fd(action->skeleton->progs.noop_action),
					       err);
}

struct ms_bench_action *ms_bench_action_put(struct ms_bench_world *world)
{
	static const char document[] =
		"version: 1\n"
		"groups:\n"
		"  - { name: bench, match: { kind: veth, name: \"w*\" }, default: { in: deny, out: deny } }\n"
		"rules:\n"
		"  - { id: r/0, from: 10.0.0.0/8, action: [noop, allow], fallback: deny }\n";
	struct ms_bench_action *action = calloc(1, sizeof(*action));
	struct ms_error error = MS_ERROR_INIT;
	int r = -ENOMEM;

	if (action)
		action->skeleton = noop_action_bpf__open();
	if (action && action->skeleton)
		r = fill_slot(world, action, &error);
	if (r < 0)
		ms_bench_fail("an action that does nothing: %s (%s)", error.message, strerror(-r));
	ms_bench_world_put(world, document, strlen(document));
	return action;
}

struct ms_bench_action *ms_bench_action_free(struct ms_bench_action *action)
{
	if (action)
		noop_action_bpf__destroy(action->skeleton);
	free(action);
	return NULL;
}
