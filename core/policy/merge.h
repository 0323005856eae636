/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Several sources into the one policy that is judged, in the order of judgement:
 *   built-in rules, then runtime and file by (priority, runtime before file, position), then each
 *   plugin source by (priority, position); one that is to come before the operator stands there.
 * Pure. Refuses what only shows over all sources: duplicate names and ids, a second failsafe,
 * unknown groups and sets, reserved ids. The place in an error is that of the word itself, in the
 * document that comes later.
 */
#ifndef MS_CORE_POLICY_MERGE_H
#define MS_CORE_POLICY_MERGE_H

#include "core/base/error.h"
#include "core/policy/model.h"

struct ms_merge_plugin {
	const struct ms_policy *policy;
	bool before; /* the operator's rules, too: only where the operator says so */
};

struct ms_merge_inputs {
	const struct ms_policy *files;         /* may be NULL */
	const struct ms_policy *runtime;       /* may be NULL: rules and set members only */
	const struct ms_merge_plugin *plugins; /* in the order of the configuration */
	size_t n_plugins;
	int64_t now; /* rules whose `expires` has passed go to `expired`, not judged */
};

/*
 * `*ret_policy` is self-contained (deep copies). Set members of runtime and plugins are added to
 * the file's set of that name, or make one; a prefix is in it once for each who holds it. A
 * built-in rule (nd, dhcp, icmp-error) is left out if an operator's rule has its id; a plugin's
 * rule may not have one. The failsafe is the documents', or the defaults.
 */
int ms_policy_merge(const struct ms_merge_inputs *inputs, struct ms_policy **ret_policy,
		    struct ms_error *err);
/* The sets alone, as ms_policy_merge() would have them: for when nothing but members has changed.
 */
int ms_policy_merge_sets(const struct ms_merge_inputs *inputs, struct ms_policy **ret_policy,
			 struct ms_error *err);
/* Would a merge have refused this one rule of `merged`? Its id, groups and sets, as they are there;
 * whether the id is free is not asked. The cost is that of groups and sets, not of rules. */
int ms_policy_merge_check(struct ms_policy *merged, const struct ms_rule *rule,
			  struct ms_error *err);

#endif
