/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rig as tests of plugins' programs use it: one group g that denies, and one rule r. */
#ifndef MS_TESTS_BPF_RIG_PLUGIN_H
#define MS_TESTS_BPF_RIG_PLUGIN_H

#include "tests/bpf/rig.h"

/* What a policy begins with; rules follow. */
#define MS_RIG_PLUGIN_HEAD                                                                         \
	"version: 1\n"                                                                             \
	"groups:\n"                                                                                \
	"  - { name: g, match: { name: [\"*\"] }, default: { in: deny, out: deny } }\n"            \
	"failsafe: { in: [], out: [] }\n"                                                          \
	"rules:\n"

/* Checked fixture. */
void ms_rig_plugin_setup(void);
/* One rule r for everything, with this action and these keys behind it. */
void ms_rig_plugin_rule(const char *action, const char *rest);
/* Runs it and holds what was counted to "verdict reason author". */
void ms_rig_plugin_expect(enum ms_rig_hook hook, const struct ms_pkt *pkt, const char *text);
/* Over all CPUs, of the program's own map `counts`. */
uint64_t ms_rig_plugin_count(struct bpf_object *object, uint32_t what);

#endif
