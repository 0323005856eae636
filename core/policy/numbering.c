/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/policy/numbering.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"

enum state {
	FREE,
	NEW, /* given out for a generation that is not in force yet */
	LIVE,
	WAITING, /* its rule has gone; a session may still carry it */
};

struct entry {
	char *id;      /* owned; NULL = free */
	uint32_t next; /* in the bucket, 0 = last */
	uint8_t state;
	bool kept;  /* by the generation being marked */
	bool clean; /* waiting: a round has begun since, so the next end of one counts */
};

struct ms_numbering_table {
	uint32_t max;
	uint32_t hint; /* where the last slot was found: new ones go round before old come back */
	uint32_t n_buckets;
	uint32_t *buckets;
	struct entry *entries; /* by slot */
};

int ms_numbering_new(uint32_t max, struct ms_numbering_table **ret_table)
{
	struct ms_numbering_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	table->max = max;
	table->n_buckets = 1;
	while (table->n_buckets < max)
		table->n_buckets *= 2;
	table->buckets = calloc(table->n_buckets, sizeof(*table->buckets));
	table->entries = calloc(max, sizeof(*table->entries));
	if (!table->buckets || !table->entries) {
		ms_numbering_free(table);
		return -ENOMEM;
	}
	*ret_table = table;
	return 0;
}

struct ms_numbering_table *ms_numbering_free(struct ms_numbering_table *table)
{
	if (!table)
		return NULL;
	for (uint32_t slot = 0; table->entries && slot < table->max; slot++)
		free(table->entries[slot].id);
	free(table->entries);
	free(table->buckets);
	free(table);
	return NULL;
}

static uint32_t *find_bucket(const struct ms_numbering_table *table, const char *id)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (; *id; id++)
		hash = (hash ^ (unsigned char)*id) * 16777619u;
	return &table->buckets[hash & (table->n_buckets - 1)];
}

uint32_t ms_numbering_find(const struct ms_numbering_table *table, const char *id)
{
	uint32_t slot = *find_bucket(table, id);

	while (slot != 0 && strcmp(table->entries[slot].id, id) != 0)
		slot = table->entries[slot].next;
	return slot;
}

static int take(struct ms_numbering_table *table, uint32_t slot, const char *id, enum state state)
{
	uint32_t *bucket = find_bucket(table, id);
	char *copy = strdup(id);

	if (!copy)
		return -ENOMEM;
	table->entries[slot] = (struct entry) { .id = copy, .next = *bucket, .state = state };
	*bucket = slot;
	return 0;
}

static void give_back(struct ms_numbering_table *table, uint32_t slot)
{
	uint32_t *link = find_bucket(table, table->entries[slot].id);

	while (*link != slot)
		link = &table->entries[*link].next;
	*link = table->entries[slot].next;
	free(table->entries[slot].id);
	table->entries[slot] = (struct entry) { .id = NULL };
}

int ms_numbering_adopt(struct ms_numbering_table *table, uint32_t slot, const char *id)
{
	if (slot == 0 || slot >= table->max)
		return -ERANGE;
	if (table->entries[slot].state != FREE || ms_numbering_find(table, id) != 0)
		return -EEXIST;
	/* The first generation says which of them live. */
	return take(table, slot, id, LIVE);
}

static uint32_t find_free(struct ms_numbering_table *table)
{
	for (uint32_t tried = 0; tried < table->max; tried++) {
		table->hint = table->hint + 1 < table->max ? table->hint + 1 : 1;
		if (table->entries[table->hint].state == FREE)
			return table->hint;
	}
	return 0;
}

int ms_numbering_assign(struct ms_numbering_table *table, const char *id, uint32_t *ret_slot)
{
	uint32_t slot = ms_numbering_find(table, id);
	int r;

	if (slot == 0) {
		slot = table->max > 1 ? find_free(table) : 0;
		if (slot == 0)
			return -ENOSPC;
		r = take(table, slot, id, NEW);
		if (r < 0)
			return r;
	}
	*ret_slot = slot;
	return 0;
}

bool ms_numbering_is_new(const struct ms_numbering_table *table, uint32_t slot)
{
	return slot > 0 && slot < table->max && table->entries[slot].state == NEW;
}

void ms_numbering_abandon(struct ms_numbering_table *table)
{
	for (uint32_t slot = 1; slot < table->max; slot++) {
		if (table->entries[slot].state == NEW)
			give_back(table, slot);
	}
}

void ms_numbering_begin(struct ms_numbering_table *table)
{
	for (uint32_t slot = 1; slot < table->max; slot++)
		table->entries[slot].kept = false;
}

void ms_numbering_keep(struct ms_numbering_table *table, uint32_t slot)
{
	if (slot > 0 && slot < table->max)
		table->entries[slot].kept = true;
}

void ms_numbering_enter(struct ms_numbering_table *table, uint32_t slot)
{
	if (slot > 0 && slot < table->max)
		table->entries[slot].state = LIVE;
}

void ms_numbering_leave(struct ms_numbering_table *table, uint32_t slot)
{
	struct entry *entry = &table->entries[slot];

	if (slot == 0 || slot >= table->max || (entry->state != LIVE && entry->state != NEW))
		return;
	entry->state = WAITING;
	entry->clean = false;
}

bool ms_numbering_is_live(const struct ms_numbering_table *table, uint32_t slot)
{
	return slot > 0 && slot < table->max && table->entries[slot].state == LIVE;
}

void ms_numbering_end(struct ms_numbering_table *table)
{
	for (uint32_t slot = 1; slot < table->max; slot++) {
		if (table->entries[slot].kept)
			ms_numbering_enter(table, slot);
		else
			ms_numbering_leave(table, slot);
	}
}

void ms_numbering_round_done(struct ms_numbering_table *table,
			     bool (*saw)(void *user, uint32_t slot),
			     void (*on_freed)(void *user, uint32_t slot), void *user)
{
	for (uint32_t slot = 1; slot < table->max; slot++) {
		struct entry *entry = &table->entries[slot];

		if (entry->state != WAITING)
			continue;
		if (!entry->clean) {
			/* This round may have passed a session by before the rule went. */
			entry->clean = true;
			continue;
		}
		if (saw(user, slot))
			continue;
		give_back(table, slot);
		on_freed(user, slot);
	}
}
