/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A compiled policy: the exact bytes that go into one half of the datapath's tables. Pure. Made by
 * ms_compile() (compile.h), loaded by ms_dataplane_load_image(), which knows tables only as bytes:
 * another classifier engine is another compile file, other tables and another bpf/lib/classify
 * header, nothing else.
 */
#ifndef MS_CORE_CLASSIFY_IMAGE_H
#define MS_CORE_CLASSIFY_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/lib/layout.h"
#include "core/classify/engine.h"
#include "core/classify/unobserved.h"

/* The datapath map a table goes into; rows of one half start at half * capacity. A map may be named
 * twice: its rows need not be in one piece. */
struct ms_image_table {
	const char *map;   /* "ms_rules" ... */
	uint32_t capacity; /* rows per half */
	uint32_t first;    /* where in the half the rows begin */
	size_t row_size;
	uint32_t n_rows;
	uint32_t n_allocated;
	void *rows; /* owned */
};

#define MS_IMAGE_TABLES_MAX 16

struct ms_image {
	uint32_t generation;
	struct ms_engine_choice engines[MS_ENGINE_FAMILIES];
	struct ms_unobserved unobserved;
	struct ms_group groups[MS_GROUPS_MAX];
	struct ms_failsafe failsafe[MS_FAILSAFE_MAX];
	struct ms_image_table tables[MS_IMAGE_TABLES_MAX];
	size_t n_tables;
};

/* A new image without tables; NULL = out of memory. */
struct ms_image *ms_image_new(uint32_t generation);
struct ms_image *ms_image_free(struct ms_image *image); /* returns NULL */

/*
 * Adds an empty table; rows are appended by ms_image_add_row(). NULL = no memory or no room for one
 * more table. The pointer is valid as long as the image.
 */
struct ms_image_table *ms_image_add_table(struct ms_image *image, const char *map,
					  uint32_t capacity, size_t row_size);
/* -ENOSPC past the capacity, -ENOMEM; the table is unchanged then. */
int ms_image_add_row(struct ms_image_table *table, const void *row);

/*
 * Ids of slots that are no operator's rule, for the numbering:
 * "default/GROUP/in", "default/GROUP/out", "failsafe/in", "failsafe/out", "panic", and the
 * built-ins' own ids.
 */
char *ms_image_default_id(const char *group, enum ms_dir dir, char *buf, size_t size);

#endif
