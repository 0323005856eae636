/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Puts a merged policy in force as one numbered generation: slots, sets, compiled image, the
 * interfaces' groups, then one atomic switch. Until that switch packets see nothing of it; after
 * it, nothing of the old one.
 */
#ifndef MS_CORE_COMMITTER_H
#define MS_CORE_COMMITTER_H

#include <stdint.h>

#include "bpf/dataplane.h"
#include "core/base/error.h"
#include "core/classify/engine.h"
#include "core/classify/unobserved.h"
#include "core/encoding.h"
#include "core/policy/amend.h"
#include "core/policy/model.h"
#include "core/policy/numbering.h"
#include "core/set_table/set_table.h"
#include "microseg/chain.h"

struct ms_committer;

struct ms_committer_hooks {
	/* Writes every interface's group and side for `half` under `policy`; nothing visible yet.
	 * `policy` NULL: the one before comes to nothing. */
	int (*prepare)(void *user, const struct ms_policy *policy, unsigned int half);
	/* Panic of one group, put into its line. */
	enum ms_panic (*panic_of)(void *user, const char *group);
	/* `user` is this one. NULL = there are no actions. Called before `away`, never from what
	 * that does. */
	ms_encoding_ask action;
	ms_encoding_leave leave;
	/* Does what takes long, and returns what that did. Everything but interfaces stands still
	 * meanwhile. */
	int (*away)(void *user, int (*work)(void *arg), void *arg);
	void *user;
};

/* Takes over slots and sets that an earlier daemon left in the pinned maps. `set_members` is the
 * limit of ms_set_table_new(). */
int ms_committer_new(struct ms_dataplane *dp, struct ms_numbering_table *numbers,
		     uint32_t set_members, const struct ms_committer_hooks *hooks,
		     struct ms_committer **ret_committer);
struct ms_committer *ms_committer_free(struct ms_committer *committer);

/*
 * First half: everything but the switch. `*ret_half` is complete and may be asked by trace. On
 * failure nothing changed. Ends with ms_committer_publish() and ms_committer_settle(), or with
 * ms_committer_abandon(), in the same turn of the loop. `policy` is borrowed until then.
 */
int ms_committer_load(struct ms_committer *committer, const struct ms_policy *policy,
		      uint32_t generation, unsigned int *ret_half, struct ms_error *err);
/*
 * The same for a policy in force that was amended, if the change can be put beside what is in force
 * as late rules (bpf/lib/rules.h): its cost is that of the change. 1 = as ms_committer_load(),
 * `*ret_half` may be asked by trace; `amend` is borrowed, too. 0 = it has to be loaded, nothing
 * changed. No interface's line is touched, so the keeper need not be told.
 */
int ms_committer_amend(struct ms_committer *committer, const struct ms_policy *policy,
		       const struct ms_amend *amend, uint32_t generation, unsigned int *ret_half,
		       struct ms_error *err);
/* Is anything in force that could be the author of a verdict called so? */
bool ms_committer_has_id(const struct ms_committer *committer, const char *id);
/* What must be so before the switch: new slots have their names, for a packet is never judged by
 * somebody unknown, and sets too large to stand beside what they were are changed. On failure:
 * ms_committer_abandon(). */
int ms_committer_ready(struct ms_committer *committer, struct ms_error *err);
/* The switch. Cannot fail. After ms_committer_ready(). */
void ms_committer_publish(struct ms_committer *committer);
/* What follows it at once: members that are gone from sets that were changed in place. True = there
 * were some, and sessions are to be judged again. */
bool ms_committer_settle_sets(struct ms_committer *committer);
/* And in no hurry: where each rule stands, and which rules are gone. */
void ms_committer_settle(struct ms_committer *committer);
void ms_committer_abandon(struct ms_committer *committer);

/* Group numbers of a policy: its place in `policy->groups`, from 1. 0 = no such group. */
uint16_t ms_committer_group_number(const struct ms_policy *policy, const char *name);

/* The sets in force, to be changed in place. Borrowed. */
struct ms_set_table *ms_committer_sets(const struct ms_committer *committer);

/* After a sweep round: slots of rules that are gone and that no session carries are free again. */
void ms_committer_round_done(struct ms_committer *committer, bool (*saw)(void *user, uint32_t slot),
			     void *user);
uint32_t ms_committer_slot(const struct ms_committer *committer, const char *rule_id);
/* What the plugin made of an action of the policy in force, by its address; NULL = no plugin had
 * it. Lent until the next policy is. */
const struct ms_action_args *ms_committer_args(const struct ms_committer *committer,
					       const struct ms_rule_action *action);
/* Why its plugin refuses an action of the policy in force, which is as if it were not there; NULL =
 * it does not. Lent as above. */
const struct ms_error *ms_committer_refused(const struct ms_committer *committer,
					    const struct ms_rule_action *action);
/* MS_ENGINE_FAMILIES of them: of the policy in force, and of the one that ms_committer_load() took
 * last, whether it came into force or was only asked. */
const struct ms_engine_choice *ms_committer_engines(const struct ms_committer *committer);
const struct ms_engine_choice *ms_committer_engines_asked(const struct ms_committer *committer);
/* The same of rules that are looked at by nobody in audit mode. */
const struct ms_unobserved *ms_committer_unobserved(const struct ms_committer *committer);
const struct ms_unobserved *ms_committer_unobserved_asked(const struct ms_committer *committer);

#endif
