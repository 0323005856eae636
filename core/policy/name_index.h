/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A name -> where it stands in an array: duplicates and look-ups over 100k ids. Pure. */
#ifndef MS_CORE_POLICY_NAME_INDEX_H
#define MS_CORE_POLICY_NAME_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ms_name_index {
	struct ms_name_slot {
		const char *name; /* borrowed, NULL = free */
		uint32_t hash;    /* its lower bits: another name is seldom looked at */
		uint32_t position;
	} * slots;
	size_t room, used; /* room is a power of two, or 0 */
};

void ms_name_index_fini(struct ms_name_index *index);
/* `name` is borrowed until fini, `position` below 2^32. -EEXIST if it is there already, index
 * unchanged; -ENOMEM. */
int ms_name_index_add(struct ms_name_index *index, const char *name, size_t position);
bool ms_name_index_find(const struct ms_name_index *index, const char *name, size_t *ret_position);
/* FNV-1a, for tables that hash more than a name. Start with MS_NAME_HASH_INIT. */
#define MS_NAME_HASH_INIT 14695981039346656037ULL
uint64_t ms_name_index_hash(uint64_t hash, const void *bytes, size_t length);

#endif
