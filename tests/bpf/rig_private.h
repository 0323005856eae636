/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rig's one state, shared by the files rig*.c only. */
#ifndef MS_TESTS_BPF_RIG_PRIVATE_H
#define MS_TESTS_BPF_RIG_PRIVATE_H

#include <bpf/libbpf.h>

#include "bpf/dataplane_private.h"
#include "core/membership.h"
#include "core/policy/model.h"
#include "microseg/chain.h"
#include "tests/bpf/rig.h"

#define MS_RIG_AUTHORS_MAX 512
#define MS_RIG_SETS_MAX 32
#define MS_RIG_SESSIONS 1024
#define MS_RIG_PLUGINS_MAX 4
#define MS_RIG_PLUGIN_SLOT 32

struct ms_rig {
	struct bpf_object *object;
	char *variables; /* mapped */
	volatile uint32_t *clock;
	struct ms_dataplane_lines lines, oneway; /* of the shape `set`, else no sets */
	struct ring_buffer *events;
	struct ms_event event;
	bool has_event;
	unsigned int cpus;
	char authors[MS_RIG_AUTHORS_MAX][MS_RULE_ID_MAX + 16]; /* by slot; 0 = "" */
	size_t n_authors;
	char sets[MS_RIG_SETS_MAX][64]; /* by set id - 1 */
	struct ms_membership members[MS_RIG_SETS_MAX];
	size_t n_sets;
	struct ms_policy *policy;
	struct ms_iface line;
	char group[64];
	uint32_t generation;
	struct actions_bpf *actions;
	const char *only_action; /* not in its own slot, but in only_slot; or NULL */
	uint32_t only_slot;
	struct ms_rig_plugin {
		char name[32];
		struct ms_action_args args;
		bool observes;
		struct bpf_object *object;
	} plugins[MS_RIG_PLUGINS_MAX]; /* in the slots from MS_RIG_PLUGIN_SLOT on */
	size_t n_plugins;
};

struct ms_rule_action;
struct ms_rule_action_call;
struct ms_error;
/* struct ms_numbering.action */
int ms_rig_action(void *user, const struct ms_rule_action *action,
		  struct ms_rule_action_call *ret_call, struct ms_error *err);

extern struct ms_rig ms_rig;

/* Maps as if they were new, but for what waits in the ring of events. */
void ms_rig_clear(void);

/* Of a map by name. */
int ms_rig_fd(const char *map);
void ms_rig_put(const char *map, const void *key, const void *value);
int ms_rig_program_fd(const char *name);
/* One of the programs' variables. */
volatile uint32_t *ms_rig_variable(const char *name);

/* Everything counted for each author, live two-way sessions included. */
void ms_rig_take_totals(struct ms_slot_count *ret_totals, int *ret_half, int *ret_sess);
void ms_rig_take_stats(struct ms_stats *ret_stats);

#endif
