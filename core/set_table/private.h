/* SPDX-License-Identifier: GPL-2.0-or-later */
/* struct ms_set_table, shared by the files of core/set_table and nobody else. */
#ifndef MS_CORE_SET_TABLE_PRIVATE_H
#define MS_CORE_SET_TABLE_PRIVATE_H

#include <pthread.h>

#include "core/membership.h"
#include "core/set_table/member_tree.h"
#include "core/set_table/set_table.h"

/* A set with more members costs each new flow a look-up, and not as much memory again. */
#define MS_SET_TABLE_TOLD_MAX 4096
/* Entries that are dropped at once where others wait for it, and where interfaces do. */
#define MS_SET_TABLE_DROPPED_MAX 2048
#define MS_SET_TABLE_DROPPED_AT_ONCE 64
/* Members that are stored between two pauses. */
#define MS_SET_TABLE_PUT_AT_ONCE 64

/* A member by hand with so many within it is told by rounds. */
#define MS_SET_TABLE_WIDE 512

/* set:host has one id for ever: the next daemon finds it by that. */
#define MS_SET_TABLE_HOST_ID 1

struct ms_set_table_sets {
	struct ms_membership *items;
	size_t count;
};

struct ms_set_table_stale {
	uint32_t set;
	struct ms_member *members;
	size_t first[2], end[2]; /* of those that have not been dropped, by family */
};

/* Of a set that is asked: it is told as well, until the next round of the worker. */
enum ms_set_table_both {
	MS_SET_TABLE_ASKED_ONLY,
	MS_SET_TABLE_STILL_TOLD,  /* and not any more then: it has outgrown that */
	MS_SET_TABLE_STILL_ASKED, /* and is not asked then: what is told of it was late */
};

struct ms_set_table {
	struct ms_dataplane *dp;
	pthread_mutex_t next, turn; /* turn.c */
	bool is_taken;              /* for several changes; of who has the turn */
	/* In force. Until the first publish: as found in the maps, without names. */
	struct ms_set_table_sets live;
	bool is_found;
	struct ms_set_table_sets pending;
	struct ms_set_table_sets before; /* in force until the switch, and not settled yet */
	struct ms_membership host;       /* always there, never part of a generation */
	uint32_t next_id;
	uint32_t limit;   /* entries of each family for sets other than set:host */
	uint32_t used[2]; /* entries by family, 4 and 6; what a load will need is in it */
	struct ms_set_table_stale *stale; /* sets that no generation uses, stale.c */
	size_t n_stale;
	bool is_left; /* no packet asks those any more */
	/* What the datapath is told of addresses, and of which sets it asks (members.c). */
	struct ms_member_tree *tree;
	struct ms_asked asked;
	enum ms_set_table_both both[MS_ASKED_MAX];
	bool is_untold;  /* it is not told all, and asks of every set */
	bool is_late;    /* what is wide is told by rounds */
	bool is_awaited; /* and was: what has changed is not in force before they are over */
};

/* ---- whose turn it is ---- */

/* Around all that changes the table, or looks at what the loop changes while a worker loads. */
void ms_set_table_enter(struct ms_set_table *table);
void ms_set_table_exit(struct ms_set_table *table);
/* Between the two: who waits has his turn, and sets in force may have changed after it. */
void ms_set_table_pause(struct ms_set_table *table);
/* The tree's, with pauses; nothing is late behind it. */
int ms_set_table_release(struct ms_set_table *table);

/* ---- entries ---- */

unsigned int ms_set_table_family(const struct ms_cidr *cidr);
/* ms_membership_build() by the datapath's ticks. */
int ms_set_table_build(const struct ms_set_table *table, const struct ms_set_def *def,
		       struct ms_membership *ret_set);
bool ms_set_table_is_over(const struct ms_member *member, uint32_t now);
/* Whether that member of `set` (NULL = no set) is stored. */
bool ms_set_table_has_entry(const struct ms_membership *set, const struct ms_cidr *cidr);
/* That member, for prefixes that are asked in their order (ms_membership_find_next()). NULL = it is
 * not stored. */
const struct ms_member *ms_set_table_next_entry(const struct ms_membership *set, size_t *at,
						const struct ms_cidr *cidr);
/* Nothing for one that is cleared. */
int ms_set_table_put_entry(struct ms_set_table *table, uint32_t set,
			   const struct ms_member *member);
void ms_set_table_erase_entry(struct ms_set_table *table, uint32_t set, const struct ms_cidr *cidr);
/* The entry that `set` has for this prefix, or that another generation has for it under the same
 * id, which is one and the same in the datapath; NULL = there is none. */
const struct ms_member *ms_set_table_shared_entry(const struct ms_set_table *table,
						  const struct ms_membership *set,
						  const struct ms_cidr *cidr);
/* Entries of that family that a set other than set:host may still take. */
uint32_t ms_set_table_room(const struct ms_set_table *table, unsigned int family);

/* ---- what a generation left ---- */

/* A set that was in force; its members are taken. */
void ms_set_table_leave(struct ms_set_table *table, struct ms_membership *set);
/* Until no packet asks what there is any more; at once if that is known. Pauses for as long. Places
 * of what is left are free then. */
void ms_set_table_wait_stale(struct ms_set_table *table);
/* Whether there is something, and no packet asks it any more. */
bool ms_set_table_stale_is_idle(const struct ms_set_table *table);
/* When it is idle: an entry of that family, false = there is none; and so many at most. */
bool ms_set_table_drop_one(struct ms_set_table *table, unsigned int family);
void ms_set_table_drop_stale(struct ms_set_table *table, size_t most);
bool ms_set_table_is_stale(const struct ms_set_table *table, uint32_t set);
void ms_set_table_free_stale(struct ms_set_table *table);

/* ---- what an address is told ---- */

/* All of it, from the sets in force and set:host; between them no load may be under way. On failure
 * the datapath asks of every set. */
int ms_set_table_tell_anew(struct ms_set_table *table);
/* `set` is to have so many members: is an address told of it, or asked? What it has already is told
 * no more then, which takes long. */
void ms_set_table_choose(struct ms_set_table *table, const struct ms_membership *set, size_t count);
/* The same on the loop: it is told, too, until ms_set_table_tell_less(). */
void ms_set_table_choose_early(struct ms_set_table *table, const struct ms_membership *set,
			       size_t count);
/* The same of all sets in force: where one found no place, there may be one now. */
void ms_set_table_choose_late(struct ms_set_table *table);
/* Of sets in force that are asked, addresses are told no more. */
void ms_set_table_tell_less(struct ms_set_table *table);
/* Of a member, before it is stored in its set; nothing where addresses are asked of the set. */
void ms_set_table_tell(struct ms_set_table *table, uint32_t set, const struct ms_member *member);
void ms_set_table_untell(struct ms_set_table *table, uint32_t set, const struct ms_cidr *cidr);
/* What has been told since ms_member_tree_hold(), with pauses. */
void ms_set_table_tell_held(struct ms_set_table *table);
/* Sets that are gone are not asked of. */
void ms_set_table_forget_asked(struct ms_set_table *table);

/* ---- sets ---- */

/* NULL = none */
struct ms_membership *ms_set_table_find_name(const struct ms_set_table_sets *sets,
					     const char *name);
struct ms_membership *ms_set_table_find_id(const struct ms_set_table_sets *sets, uint32_t set);

#endif
