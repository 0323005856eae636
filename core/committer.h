/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Puts a merged policy in force as one numbered generation: slots, sets, compiled image, the
 * interfaces' groups, then one atomic switch. Until that switch packets see nothing of it; after
 * it, nothing of the old one. Holds what must be known about the generation in force to change
 * sets in place.
 */
#ifndef MS_CORE_COMMITTER_H
#define MS_CORE_COMMITTER_H

#include <stdint.h>

#include "bpf/dataplane.h"
#include "core/base/error.h"
#include "core/policy/model.h"
#include "core/policy/numbering.h"

struct ms_committer;

struct ms_committer_hooks {
	/* Writes every interface's group and side for `half` under `policy`; nothing visible yet.
	 */
	int (*prepare)(void *user, const struct ms_policy *policy, unsigned int half);
	/* Panic of one group, put into its line. */
	enum ms_panic (*panic_of)(void *user, const char *group);
	void *user;
};

/* Takes over slots and sets that an earlier daemon left in the pinned maps. */
int ms_committer_new(struct ms_dataplane *dp, struct ms_numbering_table *numbers,
		     const struct ms_committer_hooks *hooks, struct ms_committer **ret_committer);
struct ms_committer *ms_committer_free(struct ms_committer *committer);

/*
 * First half: everything but the switch. `*ret_half` is complete and may be asked by trace. On
 * failure nothing changed. Ends with ms_committer_publish() or ms_committer_abandon(), in the same
 * turn of the loop. `policy` is borrowed until then.
 */
int ms_committer_load(struct ms_committer *committer, const struct ms_policy *policy,
		      uint32_t generation, unsigned int *ret_half, struct ms_error *err);
/* Names what the loaded generation adds, before the switch: a packet is never judged by somebody
 * unknown. On failure: ms_committer_abandon(). */
int ms_committer_name(struct ms_committer *committer, struct ms_error *err);
/* The switch. Cannot fail. After ms_committer_name(). */
void ms_committer_publish(struct ms_committer *committer);
void ms_committer_abandon(struct ms_committer *committer);

/* Group numbers of a policy: its place in `policy->groups`, from 1. 0 = no such group. */
uint16_t ms_committer_group_number(const struct ms_policy *policy, const char *name);

/* Members of a set of the generation in force, at once. -ENOENT if no set of that name is. The
 * caller bumps the epoch, so that several changes cost one. */
int ms_committer_set_add(struct ms_committer *committer, const char *set,
			 const struct ms_cidr *member, uint64_t timeout_ns);
int ms_committer_set_remove(struct ms_committer *committer, const char *set,
			    const struct ms_cidr *member);
/* This machine's addresses, for set:host. Returns 1 if anything changed. */
int ms_committer_set_host(struct ms_committer *committer, const struct ms_addr *addresses,
			  size_t count);
/* Time a member of a set in force has left, ns; UINT64_MAX = it stays, 0 = it has expired. -ENOENT
 */
int ms_committer_member_left(const struct ms_committer *committer, const char *set,
			     const struct ms_cidr *member, uint64_t *ret_left_ns);
/* When the next member of a set in force expires, ns from now; UINT64_MAX = none will. Sessions
 * it let in must be judged again then. */
uint64_t ms_committer_next_expiry(const struct ms_committer *committer);

/* After a sweep round: slots of rules that are gone and that no session carries are free again. */
void ms_committer_round_done(struct ms_committer *committer, bool (*saw)(void *user, uint32_t slot),
			     void *user);
uint32_t ms_committer_slot(const struct ms_committer *committer, const char *rule_id);
const char *ms_committer_engine(const struct ms_committer *committer);

#endif
