/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bpf/rig_plugin.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/cleanup.h"
#include "tests/harness/ms_check.h"

void ms_rig_plugin_setup(void)
{
	ms_rig_setup();
	ms_rig_policy(MS_RIG_PLUGIN_HEAD "  - { id: none, action: deny }\n");
	ms_rig_iface(&(struct ms_rig_iface) { .group = "g", .zone = 1 });
}

void ms_rig_plugin_rule(const char *action, const char *rest)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 MS_RIG_PLUGIN_HEAD "  - { id: r, action: %s, fallback: deny%s }\n", action, rest);
	ms_rig_policy(text);
}

void ms_rig_plugin_expect(enum ms_rig_hook hook, const struct ms_pkt *pkt, const char *text)
{
	struct ms_rig_result result = ms_rig_run(hook, pkt);
	char got[128];

	snprintf(got, sizeof(got), "%s %s %s", result.verdict, result.reason, result.author);
	ck_assert_str_eq(got, text);
}

uint64_t ms_rig_plugin_count(struct bpf_object *object, uint32_t what)
{
	int map = bpf_object__find_map_fd_by_name(object, "counts"),
	    cpus = libbpf_num_possible_cpus();
	ms_cleanup(ms_free) uint64_t *values = calloc((size_t)cpus, sizeof(*values));
	uint64_t sum = 0;

	ck_assert_int_eq(bpf_map_lookup_elem(map, &what, values), 0);
	for (int i = 0; i < cpus; i++)
		sum += values[i];
	return sum;
}
