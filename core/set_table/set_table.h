/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sets of the generation in force in the datapath's two tables of members, and of the one being
 * loaded. A set that changes with a generation is loaded beside what it was, so that packets see
 * the old members until the switch; if the table has no room for both, it is changed in place
 * around the switch. A set that stays as it is stays where it is, also over a restart of the
 * daemon.
 *
 * One thread's, but for this: while another one is in ms_set_table_load(), _ready(), _abandon()
 * or _settle(), the first may call ms_set_table_hold(), _tell_some(), and what only reads sets in
 * force. It waits for some hundreds of members at most; for all of a set that is changed in place.
 */
#ifndef MS_CORE_SET_TABLE_H
#define MS_CORE_SET_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/dataplane.h"
#include "core/base/error.h"
#include "core/policy/model.h"

struct ms_set_table;

/*
 * Takes over what an earlier daemon left in the pinned maps. `dp` is borrowed. `limit`: how many
 * members of each family all sets but set:host may have, at most MS_SET_MEMBERS_MAX; what an
 * earlier daemon put in beyond it stays until it changes.
 */
int ms_set_table_new(struct ms_dataplane *dp, uint32_t limit, struct ms_set_table **ret_table);
struct ms_set_table *ms_set_table_free(struct ms_set_table *table);

/*
 * The sets of `policy`, beside those in force. The half that is idle must be so for packets, too.
 * -ENOSPC with a sentence if they do not fit. Whatever it returns, it ends with
 * ms_set_table_abandon(), or after success with ms_set_table_ready(), the switch,
 * ms_set_table_publish() and ms_set_table_settle().
 */
int ms_set_table_load(struct ms_set_table *table, const struct ms_policy *policy,
		      struct ms_error *err);
/* Right before the switch: what could not be put beside. On failure: ms_set_table_abandon(). */
int ms_set_table_ready(struct ms_set_table *table, struct ms_error *err);
void ms_set_table_abandon(struct ms_set_table *table);
/* Right after the switch, and at once. */
void ms_set_table_publish(struct ms_set_table *table);
/* What follows that, before anything but ms_set_table_hold() changes sets in force: what they no
 * longer have goes, and where others left something it has waited for packets. Takes long. True =
 * sessions are to be judged again. */
bool ms_set_table_settle(struct ms_set_table *table);
/* Id of a set of the generation being loaded, 0 = there is none. */
uint32_t ms_set_table_find(const struct ms_set_table *table, const char *name);

/* The same of the generation in force. */
uint32_t ms_set_table_find_live(const struct ms_set_table *table, const char *name);

/*
 * One prefix of a set in force, at once. `held` has the set's name and an entry for each who holds
 * `member`, and nothing else: it is in until the last of them lets it go, and out if nobody holds
 * it. -ENOENT if no set of that name is, -ENOSPC. The caller bumps the epoch, so that several
 * changes cost one. 1 = it is in force when ms_set_table_tell_some() is through, and so is the
 * epoch to be bumped. Whatever it returns, there may be something to tell.
 */
int ms_set_table_hold(struct ms_set_table *table, const struct ms_set_def *held,
		      const struct ms_cidr *member);
/* Around several of these, which are one turn then: a worker's does not come between them. */
void ms_set_table_take_turn(struct ms_set_table *table);
void ms_set_table_end_turn(struct ms_set_table *table);
/* The same of the generation being loaded, behind ms_set_table_ready(). 1 = it is not to come in
 * force before ms_set_table_tell_some() is through. */
int ms_set_table_hold_next(struct ms_set_table *table, const struct ms_set_def *held,
			   const struct ms_cidr *member);
/*
 * What is told of what lies within a wide prefix is told by rounds: of `most` prefixes in each,
 * until it returns false. What is taken out is in force, and all flows can be judged again, when
 * they are over; what is put in mostly is at once, since addresses are asked of its set meanwhile.
 */
bool ms_set_table_tell_some(struct ms_set_table *table, size_t most);
/* How many members of a set in force lie within `cidr`, itself included; it counts to `most`. */
size_t ms_set_table_within(const struct ms_set_table *table, const char *name,
			   const struct ms_cidr *cidr, size_t most);
/*
 * The members of a set in force are those of `def` from now on: what differs is written, and no
 * more of the datapath is touched. -ENOENT if no set of that name is; -ENOSPC, with a sentence and
 * nothing changed. The caller bumps the epoch.
 */
int ms_set_table_replace(struct ms_set_table *table, const struct ms_set_def *def,
			 struct ms_error *err);
/* This machine's addresses, for set:host. Room for some thousands is kept free of other sets. On
 * failure those that fit are in. `*ret_changed` is told in any case. */
int ms_set_table_set_host(struct ms_set_table *table, const struct ms_addr *addresses, size_t count,
			  bool *ret_changed);
/* Time a member of a set in force has left, ns; UINT64_MAX = it stays, 0 = it has expired. -ENOENT
 */
int ms_set_table_left(const struct ms_set_table *table, const char *name,
		      const struct ms_cidr *member, uint64_t *ret_left_ns);
/* Whether the set in force (also set:host) has, now, an address in common with `cidr`. */
bool ms_set_table_meets(const struct ms_set_table *table, const char *name,
			const struct ms_cidr *cidr);
/* Prefixes of the set in force, those that have expired too; 0 also if there is none. */
size_t ms_set_table_count(const struct ms_set_table *table, const char *name);
/* When the next member of a set in force expires, ns from now; UINT64_MAX = none will. Sessions
 * it let in must be judged again then. */
uint64_t ms_set_table_next_expiry(struct ms_set_table *table);
/* Addresses are told what sets they are members of; false = each new flow is asked of every set,
 * since that could not be stored. */
bool ms_set_table_is_told(const struct ms_set_table *table);
/* Members whose time is over give their room back, wherever they come from, and so does a part of
 * what an earlier generation left. Addresses are told no more of sets that have grown, and what
 * they could not be told is tried again. Takes long. */
void ms_set_table_clear_ended(struct ms_set_table *table);

#endif
