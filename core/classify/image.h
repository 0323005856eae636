/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A compiled policy: the exact bytes that go into one half of the datapath's tables. Pure. Made by
 * ms_compile() from a merged policy and the stable numbers (slots, groups, set ids) it is told,
 * loaded by ms_dataplane_load_image(), which knows tables only as bytes: another classifier engine
 * is another compile file, other tables and another bpf/lib/classify header, nothing else.
 */
#ifndef MS_CORE_CLASSIFY_IMAGE_H
#define MS_CORE_CLASSIFY_IMAGE_H

#include <stdint.h>

#include "bpf/lib/layout.h"
#include "core/base/error.h"
#include "core/policy/model.h"

/* The datapath map a table goes into; rows of one half start at half * capacity. */
struct ms_image_table {
	const char *map;   /* "ms_rules" ... */
	uint32_t capacity; /* rows per half */
	size_t row_size;
	uint32_t n_rows;
	void *rows; /* owned */
};

#define MS_IMAGE_TABLES_MAX 16

struct ms_image {
	uint32_t generation;
	const char *engine; /* "linear" */
	struct ms_group groups[MS_GROUPS_MAX];
	struct ms_failsafe failsafe[MS_FAILSAFE_MAX];
	struct ms_image_table tables[MS_IMAGE_TABLES_MAX];
	size_t n_tables;
};

/* The numbers that must stay the same over generations, handed in. Each returns 0 = unknown. */
struct ms_numbering {
	uint32_t (*slot)(void *user, const char *rule_id);
	uint16_t (*group)(void *user, const char *name); /* 1..MS_GROUPS_MAX-1 */
	uint32_t (*set)(void *user, const char *name);
	void *user;
};

/* -ENOSPC with a sentence if the engine cannot hold the policy. `*ret_image` is new. */
int ms_compile(const struct ms_policy *policy, uint32_t generation,
	       const struct ms_numbering *numbering, struct ms_image **ret_image,
	       struct ms_error *err);
struct ms_image *ms_image_free(struct ms_image *image); /* returns NULL */

/*
 * Ids of slots that are no operator's rule, for the numbering:
 * "default/GROUP/in", "default/GROUP/out", "failsafe/in", "failsafe/out", "panic", and the
 * built-ins' own ids.
 */
char *ms_image_default_id(const char *group, enum ms_dir dir, char *buf, size_t size);

#endif
