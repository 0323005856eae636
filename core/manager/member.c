/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Members that plugins put into sets. They go where the CLI's go, with the plugin's name, so they
 * are on disk and outlive the daemon. Who changes a member takes it over.
 */
#include <errno.h>
#include <string.h>

#include "core/manager/internal.h"

#define NS_PER_MS 1000000ULL

/* ---- what is protected ---- */

static bool meet(const struct ms_cidr *a, const struct ms_cidr *b)
{
	return ms_cidr_covers(a, b) || ms_cidr_covers(b, a);
}

/* A peer of /0 is anybody: no address of the failsafe, as if it were not there. */
static bool is_of_failsafe(const struct ms_failsafe_def *failsafe, const struct ms_cidr *member)
{
	for (int dir = 0; dir < MS_DIR__COUNT; dir++) {
		for (size_t i = 0; i < failsafe->n_entries[dir]; i++) {
			const struct ms_failsafe_entry *entry = &failsafe->entries[dir][i];

			if (entry->has_peer && entry->peer.len && meet(&entry->peer, member))
				return true;
		}
	}
	return false;
}

static bool meets_any(const struct ms_manager *manager, const struct ms_address *addresses,
		      size_t count, const char *set, const struct ms_cidr *member)
{
	for (size_t i = 0; i < count; i++) {
		const char *name = addresses[i].set;

		/* What is in the set itself may be put in again. */
		if (addresses[i].kind == MS_ADDRESS_SET && strcmp(name, set) != 0 &&
		    ms_set_table_meets(ms_committer_sets(manager->committer), name, member))
			return true;
	}
	return false;
}

/* Of a set that a rule which allows names. */
static bool is_allow_listed(const struct ms_manager *manager, const char *set,
			    const struct ms_cidr *member)
{
	const struct ms_policy *policy = ms_sources_merged(manager->sources);

	for (size_t i = 0; i < policy->n_rules; i++) {
		const struct ms_rule *rule = &policy->rules[i];

		if (rule->verdict == MS_VERDICT_ALLOW &&
		    (meets_any(manager, rule->from, rule->n_from, set, member) ||
		     meets_any(manager, rule->to, rule->n_to, set, member)))
			return true;
	}
	return false;
}

/* ---- whose a member is ---- */

static const struct ms_runtime_member *find_runtime(const struct ms_manager *manager,
						    const char *set, const struct ms_cidr *cidr)
{
	return ms_runtime_find_member(ms_sources_runtime(manager->sources), set, cidr);
}

/* NULL = the CLI. */
static const char *put_by(const struct ms_manager *manager, const struct ms_runtime_member *held)
{
	return ms_runtime_put_by(ms_sources_runtime(manager->sources), held);
}

static bool is_of(const struct ms_manager *manager, const struct ms_runtime_member *held,
		  const char *plugin)
{
	const char *name = put_by(manager, held);

	return name && strcmp(name, plugin) == 0;
}

const char *ms_manager_set_put_by(const struct ms_manager *manager, const char *set,
				  const struct ms_cidr *member)
{
	const struct ms_runtime_member *held = find_runtime(manager, set, member);

	return held ? put_by(manager, held) : NULL;
}

struct offering {
	const struct ms_set_member *member;
	const char *source; /* NULL = none yet */
};

/* Of several that offer the prefix the one whose time it is. */
static int name_source(void *user, const char *source, const struct ms_set_member *offered)
{
	struct offering *offering = user;
	bool is_it = offered->timeout_ns == offering->member->timeout_ns &&
		     offered->began_ns == offering->member->began_ns;

	if (is_it || !offering->source)
		offering->source = source;
	return is_it;
}

const char *ms_manager_set_offered_by(const struct ms_manager *manager, const char *set,
				      const struct ms_set_member *member)
{
	struct offering offering = { .member = member };

	ms_sources_offers_foreach(ms_sources_offers(manager->sources), set, &member->cidr,
				  name_source, &offering);
	return offering.source;
}

/* ---- add, del ---- */

static bool has_set(const struct ms_manager *manager, const char *set)
{
	const struct ms_policy *policy = ms_sources_merged(manager->sources);

	/* Plugins are there before the first policy is. */
	return policy && ms_policy_find_set(policy, set);
}

/* Files and sources do not count: what they hold they may let go. */
static bool is_in_for(const struct ms_runtime_member *held, uint64_t ttl_ns)
{
	return held->expires_ms == 0 ||
	       (ttl_ns && held->expires_ms >= ms_sources_wall_ms() + (int64_t)(ttl_ns / NS_PER_MS));
}

int ms_manager_member_add(struct ms_manager *manager, const char *plugin, const char *set,
			  const struct ms_cidr *cidr, uint64_t ttl_ns)
{
	const struct ms_runtime_member *held;
	bool is_own;

	if (!has_set(manager, set))
		return -ENOENT;
	if (is_of_failsafe(&ms_sources_merged(manager->sources)->failsafe, cidr) ||
	    is_allow_listed(manager, set, cidr))
		return -EPERM;
	held = find_runtime(manager, set, cidr);
	is_own = !held || is_of(manager, held, plugin) ||
		 (held->expires_ms && held->expires_ms <= ms_sources_wall_ms());
	if (!is_own && is_in_for(held, ttl_ns))
		return 1;
	/* What is somebody else's stays his, for longer. */
	return ms_manager_set_put_in(manager, set, cidr, ttl_ns,
				     is_own ? plugin : put_by(manager, held));
}

int ms_manager_member_del(struct ms_manager *manager, const char *plugin, const char *set,
			  const struct ms_cidr *cidr)
{
	const struct ms_runtime_member *held = find_runtime(manager, set, cidr);

	if (!has_set(manager, set) || !held || !is_of(manager, held, plugin))
		return -ENOENT;
	/* The policy that comes may have it already: see ms_manager_early_note(). */
	if (manager->is_away || manager->is_coming)
		return -EAGAIN;
	return ms_manager_set_take_out(manager, set, cidr);
}
