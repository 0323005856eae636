/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stable slots for rule ids: the number under which the datapath counts and names what a rule did.
 * A rule keeps its slot as long as it lives in any generation; a slot whose rule has gone is given
 * out again only after a whole sweep, begun after that, met no session with it. Pure: storing
 * names in the pinned map is the caller's.
 *
 * (Group numbers and set ids need no such table: group numbers live within one half, set ids are
 * never used twice by one daemon and are all made anew by the next.)
 */
#ifndef MS_CORE_POLICY_NUMBERING_H
#define MS_CORE_POLICY_NUMBERING_H

#include <stdbool.h>
#include <stdint.h>

struct ms_numbering_table;

/* Slots 1..max-1; 0 is MS_SLOT_NONE. */
int ms_numbering_new(uint32_t max, struct ms_numbering_table **ret_table);
struct ms_numbering_table *ms_numbering_free(struct ms_numbering_table *table);

/* What an earlier daemon had given out, read from the pinned names; before anything is assigned.
 * -EEXIST if the slot or the id is known already, -ERANGE if there is no such slot. */
int ms_numbering_adopt(struct ms_numbering_table *table, uint32_t slot, const char *id);
/*
 * The id's slot for a generation being loaded; a new one if it has none. -ENOSPC: all in use or
 * waiting. Nothing is settled by it: begin(), keep(), end() put it in force, abandon() takes it
 * back, one of the two before the next round is done.
 */
int ms_numbering_assign(struct ms_numbering_table *table, const char *id, uint32_t *ret_slot);
/* Given out since, that is: no generation has used it yet. */
bool ms_numbering_is_new(const struct ms_numbering_table *table, uint32_t slot);
/* The new ones are free again. */
void ms_numbering_abandon(struct ms_numbering_table *table);
/* 0 = none. */
uint32_t ms_numbering_find(const struct ms_numbering_table *table, const char *id);

/*
 * Marks for one generation: begin(), keep() every id it names, end(): ids not kept wait for a
 * clean sweep. An id kept again meanwhile is back at once, with its slot.
 */
void ms_numbering_begin(struct ms_numbering_table *table);
void ms_numbering_keep(struct ms_numbering_table *table, uint32_t slot);
void ms_numbering_end(struct ms_numbering_table *table);

/* The same for a generation that differs in single ids: what was given out for one is in force, or
 * one that is no longer named waits. */
void ms_numbering_enter(struct ms_numbering_table *table, uint32_t slot);
void ms_numbering_leave(struct ms_numbering_table *table, uint32_t slot);
/* Is it the slot of an id that the generation in force names? */
bool ms_numbering_is_live(const struct ms_numbering_table *table, uint32_t slot);

/* A sweep round has ended. Each waiting slot that a whole round did not see is free again and
 * told to `on_freed` (which removes its pinned name and counters). */
void ms_numbering_round_done(struct ms_numbering_table *table,
			     bool (*saw)(void *user, uint32_t slot),
			     void (*on_freed)(void *user, uint32_t slot), void *user);

#endif
