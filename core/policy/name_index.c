/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/policy/name_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

uint64_t ms_name_index_hash(uint64_t hash, const void *bytes, size_t length)
{
	const unsigned char *p = bytes;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ p[i]) * 1099511628211ULL;
	return hash;
}

/* The slot that holds `name`, or the free one where it belongs. */
static struct ms_name_slot *probe(struct ms_name_slot *slots, size_t room, const char *name)
{
	size_t at = ms_name_index_hash(MS_NAME_HASH_INIT, name, strlen(name)) & (room - 1);

	while (slots[at].name && strcmp(slots[at].name, name) != 0)
		at = (at + 1) & (room - 1);
	return &slots[at];
}

void ms_name_index_fini(struct ms_name_index *index)
{
	free(index->slots);
	*index = (struct ms_name_index) { 0 };
}

static int grow(struct ms_name_index *index)
{
	size_t room = index->room ? index->room * 2 : 64;
	struct ms_name_slot *slots = calloc(room, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < index->room; i++) {
		if (index->slots[i].name)
			*probe(slots, room, index->slots[i].name) = index->slots[i];
	}
	free(index->slots);
	index->slots = slots;
	index->room = room;
	return 0;
}

int ms_name_index_add(struct ms_name_index *index, const char *name, size_t position)
{
	struct ms_name_slot *slot;

	/* At most two thirds full, so that probing ends soon. */
	if (index->used * 3 >= index->room * 2 && grow(index) < 0)
		return -ENOMEM;
	slot = probe(index->slots, index->room, name);
	if (slot->name)
		return -EEXIST;
	*slot = (struct ms_name_slot) { .name = name, .position = position };
	index->used++;
	return 0;
}

bool ms_name_index_find(const struct ms_name_index *index, const char *name, size_t *ret_position)
{
	const struct ms_name_slot *slot;

	if (!index->room)
		return false;
	slot = probe(index->slots, index->room, name);
	if (!slot->name)
		return false;
	*ret_position = slot->position;
	return true;
}
