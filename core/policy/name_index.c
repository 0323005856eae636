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

static uint32_t hash_name(const char *name)
{
	return (uint32_t)ms_name_index_hash(MS_NAME_HASH_INIT, name, strlen(name));
}

/* The slot that holds `name`, or the free one where it belongs. */
static struct ms_name_slot *probe(const struct ms_name_index *index, const char *name,
				  uint32_t hash)
{
	size_t at = hash & (index->room - 1);

	while (index->slots[at].name &&
	       (index->slots[at].hash != hash || strcmp(index->slots[at].name, name) != 0))
		at = (at + 1) & (index->room - 1);
	return &index->slots[at];
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
		size_t at = index->slots[i].hash & (room - 1);

		if (!index->slots[i].name)
			continue;
		while (slots[at].name) /* all names differ */
			at = (at + 1) & (room - 1);
		slots[at] = index->slots[i];
	}
	free(index->slots);
	index->slots = slots;
	index->room = room;
	return 0;
}

int ms_name_index_add(struct ms_name_index *index, const char *name, size_t position)
{
	uint32_t hash = hash_name(name);
	struct ms_name_slot *slot;

	/* At most two thirds full, so that probing ends soon. */
	if (index->used * 3 >= index->room * 2 && grow(index) < 0)
		return -ENOMEM;
	slot = probe(index, name, hash);
	if (slot->name)
		return -EEXIST;
	*slot = (struct ms_name_slot) {
		.name = name,
		.hash = hash,
		.position = (uint32_t)position,
	};
	index->used++;
	return 0;
}

bool ms_name_index_find(const struct ms_name_index *index, const char *name, size_t *ret_position)
{
	const struct ms_name_slot *slot;

	if (!index->room)
		return false;
	slot = probe(index, name, hash_name(name));
	if (!slot->name)
		return false;
	*ret_position = slot->position;
	return true;
}
