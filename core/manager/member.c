/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Members that plugins put into sets. They go where the CLI's go, so they are on disk and outlive
 * the daemon; beside that each plugin has a list of what it put in, which is how set_del() knows.
 * An entry counts as long as the member still has the end that was given to it then: who else
 * changed it since has taken it over.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/manager/internal.h"

#define NS_PER_MS 1000000ULL

struct ms_manager_member {
	char *set;
	struct ms_cidr cidr;
	int64_t expires_ms; /* as in struct ms_runtime_member */
};

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

static int by_place(const struct ms_manager_member *at, const char *set, const struct ms_cidr *cidr)
{
	int order = strcmp(at->set, set);

	return order ? order : ms_cidr_compare(&at->cidr, cidr);
}

/* Where it stands, or would. */
static size_t find_place(const struct ms_manager_members *members, const char *set,
			 const struct ms_cidr *cidr, bool *ret_is_there)
{
	size_t low = 0, high = members->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (by_place(&members->list[middle], set, cidr) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*ret_is_there = low < members->count && by_place(&members->list[low], set, cidr) == 0;
	return low;
}

static void drop(struct ms_manager_members *members, size_t at)
{
	free(members->list[at].set);
	members->count--;
	memmove(&members->list[at], &members->list[at + 1],
		(members->count - at) * sizeof(*members->list));
}

static const struct ms_runtime_member *find_runtime(const struct ms_manager *manager,
						    const char *set, const struct ms_cidr *cidr)
{
	return ms_runtime_find_member(ms_sources_runtime(manager->sources), set, cidr);
}

static bool is_ours(const struct ms_manager *manager, const struct ms_manager_members *members,
		    const char *set, const struct ms_cidr *cidr)
{
	const struct ms_runtime_member *runtime = find_runtime(manager, set, cidr);
	bool is_there;
	size_t at = find_place(members, set, cidr, &is_there);

	return is_there && runtime && runtime->expires_ms == members->list[at].expires_ms;
}

/* Room for one more. What has ended goes first, when the list is full. */
static int make_room(struct ms_manager_members *members)
{
	struct ms_manager_member *list;
	int64_t now = ms_sources_wall_ms();
	size_t kept = 0, room;

	if (members->count < members->room)
		return 0;
	for (size_t i = 0; i < members->count; i++) {
		if (members->list[i].expires_ms && members->list[i].expires_ms <= now)
			free(members->list[i].set);
		else
			members->list[kept++] = members->list[i];
	}
	members->count = kept;
	if (kept < members->room / 2)
		return 0;
	room = members->room ? 2 * members->room : 16;
	list = reallocarray(members->list, room, sizeof(*list));
	if (!list)
		return -ENOMEM;
	members->list = list;
	members->room = room;
	return 0;
}

static void note(struct ms_manager_members *members, char *set, const struct ms_cidr *cidr,
		 int64_t expires_ms)
{
	bool is_there;
	size_t at = find_place(members, set, cidr, &is_there);

	if (is_there) {
		members->list[at].expires_ms = expires_ms;
		free(set);
		return;
	}
	memmove(&members->list[at + 1], &members->list[at],
		(members->count - at) * sizeof(*members->list));
	members->list[at] = (struct ms_manager_member) { set, *cidr, expires_ms };
	members->count++;
}

void ms_manager_members_begin(struct ms_manager *manager, struct ms_manager_members *members,
			      const char *plugin)
{
	members->plugin = plugin;
	members->next = manager->members;
	manager->members = members;
}

void ms_manager_members_end(struct ms_manager *manager, struct ms_manager_members *members)
{
	struct ms_manager_members **at = &manager->members;

	while (*at && *at != members)
		at = &(*at)->next;
	if (*at)
		*at = members->next;
	for (size_t i = 0; i < members->count; i++)
		free(members->list[i].set);
	free(members->list);
	*members = (struct ms_manager_members) { 0 };
}

const char *ms_manager_set_put_by(const struct ms_manager *manager, const char *set,
				  const struct ms_cidr *member)
{
	const struct ms_manager_members *members = manager->members;

	while (members && !is_ours(manager, members, set, member))
		members = members->next;
	return members ? members->plugin : NULL;
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

int ms_manager_member_add(struct ms_manager *manager, struct ms_manager_members *members,
			  const char *set, const struct ms_cidr *cidr, uint64_t ttl_ns)
{
	const struct ms_runtime_member *held;
	bool is_own;
	char *name;
	int r;

	if (!has_set(manager, set))
		return -ENOENT;
	if (is_of_failsafe(&ms_sources_merged(manager->sources)->failsafe, cidr) ||
	    is_allow_listed(manager, set, cidr))
		return -EPERM;
	held = find_runtime(manager, set, cidr);
	is_own = !held || is_ours(manager, members, set, cidr) ||
		 (held->expires_ms && held->expires_ms <= ms_sources_wall_ms());
	if (!is_own && is_in_for(held, ttl_ns))
		return 1;
	r = make_room(members);
	if (r < 0)
		return r;
	name = strdup(set);
	if (!name)
		return -ENOMEM;
	r = ms_manager_set_add(manager, set, cidr, 1, ttl_ns, false, NULL);
	if (r < 0 || !is_own) {
		free(name);
		return r;
	}
	note(members, name, cidr, find_runtime(manager, set, cidr)->expires_ms);
	return 0;
}

int ms_manager_member_del(struct ms_manager *manager, struct ms_manager_members *members,
			  const char *set, const struct ms_cidr *cidr)
{
	bool is_there;
	size_t at = find_place(members, set, cidr, &is_there);
	int r;

	if (!is_there)
		return -ENOENT;
	if (!has_set(manager, set) || !is_ours(manager, members, set, cidr))
		r = -ENOENT;
	else
		r = ms_manager_set_take_out(manager, set, cidr);
	if (r == 0 || r == -ENOENT)
		drop(members, at);
	return r;
}
