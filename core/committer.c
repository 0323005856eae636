/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/committer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/classify/compile.h"
#include "core/membership.h"

struct sets {
	struct ms_membership *items;
	size_t count;
};

struct stale_member {
	uint32_t set;
	struct ms_cidr cidr;
};

struct ms_committer {
	struct ms_dataplane *dp;
	struct ms_numbering_table *numbers;
	struct ms_committer_hooks hooks;
	struct sets live;
	struct ms_membership host; /* set:host, always there, never part of a generation */
	uint32_t next_set;
	char engine[32];
	/* Members of sets that no generation uses any more. Packets that began under the old
	 * generation may still ask them: they go when the half they belonged to is idle. */
	struct stale_member *stale;
	size_t n_stale;

	/* between load and publish/abandon */
	const struct ms_policy *pending_policy;
	struct sets pending;
	uint32_t pending_generation;
	unsigned int pending_half;
	char pending_engine[32];
};

static uint32_t deadline(void *user, uint64_t timeout_ns)
{
	struct ms_dataplane *dp = user;
	uint32_t tick = ms_dataplane_tick_now(dp) + ms_dataplane_ns_to_ticks(dp, timeout_ns);

	return tick ? tick : 1; /* 0 means never */
}

/* ---- take-over ---- */

static bool adopt_slot(void *user, uint32_t slot, const struct ms_slot_name *name)
{
	struct ms_committer *committer = user;

	/* A name twice can only be a leftover of a crash between two writes; the first one stands.
	 */
	ms_numbering_adopt(committer->numbers, slot, name->rule);
	return true;
}

static int note_stale(struct ms_committer *committer, uint32_t set, const struct ms_cidr *cidr)
{
	struct stale_member *stale = committer->stale;

	if ((committer->n_stale & (committer->n_stale - 1)) == 0) {
		stale = reallocarray(stale, committer->n_stale ? 2 * committer->n_stale : 1,
				     sizeof(*stale));
		if (!stale)
			return -ENOMEM;
		committer->stale = stale;
	}
	stale[committer->n_stale++] = (struct stale_member) { .set = set, .cidr = *cidr };
	return 0;
}

static bool adopt_member(void *user, uint32_t set, const struct ms_cidr *cidr,
			 uint32_t expires_tick)
{
	struct ms_committer *committer = user;

	(void)expires_tick;
	if (set >= committer->next_set)
		committer->next_set = set + 1;
	return note_stale(committer, set, cidr) == 0;
}

int ms_committer_new(struct ms_dataplane *dp, struct ms_numbering_table *numbers,
		     const struct ms_committer_hooks *hooks, struct ms_committer **ret_committer)
{
	struct ms_committer *committer = calloc(1, sizeof(*committer));
	int r;

	if (!committer)
		return -ENOMEM;
	committer->dp = dp;
	committer->numbers = numbers;
	committer->hooks = *hooks;
	committer->next_set = 1;
	r = ms_dataplane_slot_foreach(dp, adopt_slot, committer);
	if (r == 0)
		r = ms_dataplane_set_foreach(dp, adopt_member, committer);
	committer->host.name = strdup(MS_SET_HOST);
	if (r == 0 && !committer->host.name)
		r = -ENOMEM;
	if (r < 0) {
		ms_committer_free(committer);
		return r;
	}
	committer->host.set = committer->next_set++;
	*ret_committer = committer;
	return 0;
}

static void free_sets(struct sets *sets)
{
	for (size_t i = 0; i < sets->count; i++)
		ms_membership_fini(&sets->items[i]);
	free(sets->items);
	*sets = (struct sets) { 0 };
}

struct ms_committer *ms_committer_free(struct ms_committer *committer)
{
	if (!committer)
		return NULL;
	free_sets(&committer->live);
	free_sets(&committer->pending);
	ms_membership_fini(&committer->host);
	free(committer->stale);
	free(committer);
	return NULL;
}

/* ---- sets of a generation ---- */

static struct ms_membership *find_set(const struct sets *sets, const char *name)
{
	for (size_t i = 0; i < sets->count; i++) {
		if (strcmp(sets->items[i].name, name) == 0)
			return &sets->items[i];
	}
	return NULL;
}

static int store_members(struct ms_committer *committer, const struct ms_membership *set,
			 struct ms_error *err)
{
	for (size_t i = 0; i < set->count; i++) {
		int r = ms_dataplane_set_add(committer->dp, set->set, &set->members[i].cidr,
					     set->members[i].expires_tick);

		if (r < 0)
			return ms_error_set(err, r, "set %s: the datapath's set table is full (%s)",
					    set->name, strerror(-r));
	}
	return 0;
}

static void unstore_members(struct ms_committer *committer, const struct ms_membership *set)
{
	for (size_t i = 0; i < set->count; i++)
		ms_dataplane_set_remove(committer->dp, set->set, &set->members[i].cidr);
}

/* A set whose members are what they were keeps its id and its entries; any other gets a new id,
 * so that the generation in force goes on seeing the old members until the switch. */
static int load_sets(struct ms_committer *committer, const struct ms_policy *policy,
		     struct ms_error *err)
{
	struct sets *pending = &committer->pending;

	pending->items = calloc(policy->n_sets + 1, sizeof(*pending->items));
	if (!pending->items)
		return -ENOMEM;
	for (size_t i = 0; i < policy->n_sets; i++) {
		const struct ms_membership *old = find_set(&committer->live, policy->sets[i].name);
		struct ms_membership *set = &pending->items[pending->count];
		int r = ms_membership_build(&policy->sets[i], old, deadline, committer->dp, set);

		if (r < 0)
			return r;
		pending->count++;
		if (old && ms_membership_equal(old, set)) {
			set->set = old->set;
			continue;
		}
		set->set = committer->next_set++;
		r = store_members(committer, set, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool is_shared(const struct sets *sets, uint32_t set)
{
	for (size_t i = 0; i < sets->count; i++) {
		if (sets->items[i].set == set)
			return true;
	}
	return false;
}

/* ---- slots ---- */

static int name_slot(struct ms_committer *committer, const char *id, const struct ms_origin *origin,
		     struct ms_error *err)
{
	struct ms_slot_name name = { 0 }, before;
	uint32_t slot;
	bool is_new;
	int r = ms_numbering_assign(committer->numbers, id, &slot, &is_new);

	if (r == -ENOSPC)
		return ms_error_set(err, r, "more than %u rules in force or still in sessions",
				    MS_SLOTS_MAX - 1);
	if (r < 0)
		return r;
	snprintf(name.rule, sizeof(name.rule), "%s", id);
	snprintf(name.source, sizeof(name.source), "%s", ms_source_name(origin->source));
	ms_origin_format(origin, name.origin, sizeof(name.origin));
	if (!is_new && ms_dataplane_get_slot(committer->dp, slot, &before) == 0 &&
	    memcmp(&before, &name, sizeof(name)) == 0)
		return 0;
	return ms_dataplane_put_slot(committer->dp, slot, &name);
}

/* Everything that can be the author of a verdict: `visit` is called with its id and its origin. */
static int each_author(const struct ms_policy *policy,
		       int (*visit)(struct ms_committer *committer, const char *id,
				    const struct ms_origin *origin, struct ms_error *err),
		       struct ms_committer *committer, struct ms_error *err)
{
	const struct ms_origin builtin = { .source = MS_SOURCE_BUILTIN };
	static const char *const fixed[] = { "failsafe/in", "failsafe/out", "panic" };
	char id[MS_RULE_ID_MAX + 16];
	int r = 0;

	for (size_t i = 0; r == 0 && i < policy->n_rules; i++)
		r = visit(committer, policy->rules[i].id, &policy->rules[i].origin, err);
	for (size_t i = 0; r == 0 && i < policy->n_groups; i++) {
		for (int dir = 0; r == 0 && dir < MS_DIR__COUNT; dir++) {
			ms_image_default_id(policy->groups[i].name, (enum ms_dir)dir, id,
					    sizeof(id));
			r = visit(committer, id, &policy->groups[i].origin, err);
		}
	}
	for (size_t i = 0; r == 0 && i < ms_array_size(fixed); i++)
		r = visit(committer, fixed[i],
			  i < 2 && policy->failsafe.present ? &policy->failsafe.origin : &builtin,
			  err);
	return r;
}

static int keep_slot(struct ms_committer *committer, const char *id, const struct ms_origin *origin,
		     struct ms_error *err)
{
	(void)origin;
	(void)err;
	ms_numbering_keep(committer->numbers, ms_numbering_find(committer->numbers, id));
	return 0;
}

/* ---- numbers for the compiler ---- */

static uint32_t slot_of(void *user, const char *id)
{
	struct ms_committer *committer = user;

	return ms_numbering_find(committer->numbers, id);
}

uint16_t ms_committer_group_number(const struct ms_policy *policy, const char *name)
{
	const struct ms_group_def *group = ms_policy_find_group(policy, name);

	return group ? (uint16_t)(group - policy->groups + 1) : 0;
}

static uint16_t group_of(void *user, const char *name)
{
	struct ms_committer *committer = user;

	return ms_committer_group_number(committer->pending_policy, name);
}

static uint32_t set_of(void *user, const char *name)
{
	struct ms_committer *committer = user;
	const struct ms_membership *set = find_set(&committer->pending, name);

	if (set)
		return set->set;
	return strcmp(name, MS_SET_HOST) == 0 ? committer->host.set : 0;
}

/* ---- a generation ---- */

static int compile(struct ms_committer *committer, uint32_t generation, struct ms_error *err)
{
	const struct ms_numbering numbering = { slot_of, group_of, set_of, committer };
	const struct ms_policy *policy = committer->pending_policy;
	struct ms_image *image;
	int r = ms_compile(policy, generation, &numbering, MS_ENGINE_FASTEST, &image, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < policy->n_groups; i++)
		image->groups[i + 1].panic = (uint8_t)committer->hooks.panic_of(
			committer->hooks.user, policy->groups[i].name);
	snprintf(committer->pending_engine, sizeof(committer->pending_engine), "%s", image->engine);
	r = ms_dataplane_load_image(committer->dp, committer->pending_half, image, err);
	ms_image_free(image);
	return r;
}

static void drop_stale(struct ms_committer *committer)
{
	for (size_t i = 0; i < committer->n_stale; i++)
		ms_dataplane_set_remove(committer->dp, committer->stale[i].set,
					&committer->stale[i].cidr);
	free(committer->stale);
	committer->stale = NULL;
	committer->n_stale = 0;
}

int ms_committer_load(struct ms_committer *committer, const struct ms_policy *policy,
		      uint32_t generation, unsigned int *ret_half, struct ms_error *err)
{
	bool first = !committer->live.items;
	int r;

	if (policy->n_groups >= MS_GROUPS_MAX)
		return ms_error_set(err, -ENOSPC, "%zu groups: at most %u are possible",
				    policy->n_groups, MS_GROUPS_MAX - 1);
	r = ms_dataplane_idle_half(committer->dp, &committer->pending_half);
	if (r < 0)
		return r;
	/* Until the first publish the sets found at start are those in force. */
	if (!first)
		drop_stale(committer);
	committer->pending_policy = policy;
	committer->pending_generation = generation;
	r = load_sets(committer, policy, err);
	if (r == 0)
		r = each_author(policy, name_slot, committer, err);
	if (r == 0)
		r = compile(committer, generation, err);
	if (r == 0)
		r = committer->hooks.prepare(committer->hooks.user, policy,
					     committer->pending_half);
	if (r < 0) {
		ms_committer_abandon(committer);
		return ms_error_set(err, r, "the datapath cannot take the policy: %s",
				    strerror(-r));
	}
	*ret_half = committer->pending_half;
	return 0;
}

void ms_committer_abandon(struct ms_committer *committer)
{
	for (size_t i = 0; i < committer->pending.count; i++) {
		if (!is_shared(&committer->live, committer->pending.items[i].set))
			unstore_members(committer, &committer->pending.items[i]);
	}
	free_sets(&committer->pending);
	committer->pending_policy = NULL;
}

void ms_committer_publish(struct ms_committer *committer)
{
	ms_dataplane_publish(committer->dp, committer->pending_half, committer->pending_generation);
	for (size_t i = 0; i < committer->live.count; i++) {
		const struct ms_membership *old = &committer->live.items[i];

		if (is_shared(&committer->pending, old->set))
			continue;
		/* Without memory for the note the members stay: unused ids match nothing. */
		for (size_t m = 0; m < old->count; m++)
			note_stale(committer, old->set, &old->members[m].cidr);
	}
	free_sets(&committer->live);
	committer->live = committer->pending;
	committer->pending = (struct sets) { 0 };
	memcpy(committer->engine, committer->pending_engine, sizeof(committer->engine));
	ms_numbering_begin(committer->numbers);
	each_author(committer->pending_policy, keep_slot, committer, NULL);
	ms_numbering_end(committer->numbers);
	committer->pending_policy = NULL;
}

/* ---- sets in place ---- */

static int put_member(struct ms_committer *committer, struct ms_membership *set,
		      const struct ms_member *member)
{
	int r = ms_dataplane_set_add(committer->dp, set->set, &member->cidr, member->expires_tick);

	return r < 0 ? r : ms_membership_put(set, member);
}

int ms_committer_set_add(struct ms_committer *committer, const char *name,
			 const struct ms_cidr *cidr, uint64_t timeout_ns)
{
	struct ms_membership *set = find_set(&committer->live, name);
	struct ms_member member = {
		.cidr = *cidr,
		.expires_tick = timeout_ns ? deadline(committer->dp, timeout_ns) : 0,
	};

	return set ? put_member(committer, set, &member) : -ENOENT;
}

int ms_committer_set_remove(struct ms_committer *committer, const char *name,
			    const struct ms_cidr *cidr)
{
	struct ms_membership *set = find_set(&committer->live, name);
	int r;

	if (!set || !ms_membership_remove(set, cidr))
		return -ENOENT;
	r = ms_dataplane_set_remove(committer->dp, set->set, cidr);
	return r == -ENOENT ? 0 : r;
}

static bool is_address(const struct ms_cidr *cidr, const struct ms_addr *addresses, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (ms_addr_compare(&cidr->addr, &addresses[i]) == 0)
			return true;
	}
	return false;
}

int ms_committer_set_host(struct ms_committer *committer, const struct ms_addr *addresses,
			  size_t count)
{
	struct ms_membership *host = &committer->host;
	int changed = 0;

	for (size_t i = host->count; i-- > 0;) {
		struct ms_cidr gone = host->members[i].cidr;

		if (is_address(&gone, addresses, count))
			continue;
		ms_dataplane_set_remove(committer->dp, host->set, &gone);
		ms_membership_remove(host, &gone);
		changed = 1;
	}
	for (size_t i = 0; i < count; i++) {
		struct ms_member member = {
			.cidr = { .addr = addresses[i],
				  .len = addresses[i].family == 4 ? 32 : 128 },
		};
		int r;

		if (ms_membership_find(host, &member.cidr))
			continue;
		r = put_member(committer, host, &member);
		if (r < 0)
			return r;
		changed = 1;
	}
	return changed;
}

int ms_committer_member_left(const struct ms_committer *committer, const char *name,
			     const struct ms_cidr *cidr, uint64_t *ret_left_ns)
{
	const struct ms_membership *set = find_set(&committer->live, name);
	const struct ms_member *member = set ? ms_membership_find(set, cidr) : NULL;
	int32_t left;

	if (!member)
		return -ENOENT;
	left = (int32_t)(member->expires_tick - ms_dataplane_tick_now(committer->dp));
	if (member->expires_tick == 0)
		*ret_left_ns = UINT64_MAX;
	else
		*ret_left_ns =
			left > 0 ? ms_dataplane_ticks_to_ns(committer->dp, (uint32_t)left) : 0;
	return 0;
}

uint64_t ms_committer_next_expiry(const struct ms_committer *committer)
{
	uint32_t now = ms_dataplane_tick_now(committer->dp);
	int32_t nearest = INT32_MAX;

	for (size_t i = 0; i < committer->live.count; i++) {
		const struct ms_membership *set = &committer->live.items[i];

		for (size_t m = 0; m < set->count; m++) {
			int32_t left = (int32_t)(set->members[m].expires_tick - now);

			if (set->members[m].expires_tick && left > 0 && left < nearest)
				nearest = left;
		}
	}
	if (nearest == INT32_MAX)
		return UINT64_MAX;
	return ms_dataplane_ticks_to_ns(committer->dp, (uint32_t)nearest);
}

/* ---- slots ---- */

struct round {
	struct ms_committer *committer;
	bool (*saw)(void *user, uint32_t slot);
	void *user;
};

static bool round_saw(void *user, uint32_t slot)
{
	struct round *round = user;

	return round->saw(round->user, slot);
}

static void forget_slot(void *user, uint32_t slot)
{
	struct round *round = user;

	ms_dataplane_remove_slot(round->committer->dp, slot);
}

void ms_committer_round_done(struct ms_committer *committer, bool (*saw)(void *user, uint32_t slot),
			     void *user)
{
	struct round round = { committer, saw, user };

	ms_numbering_round_done(committer->numbers, round_saw, forget_slot, &round);
}

uint32_t ms_committer_slot(const struct ms_committer *committer, const char *rule_id)
{
	return ms_numbering_find(committer->numbers, rule_id);
}

const char *ms_committer_engine(const struct ms_committer *committer)
{
	return committer->engine;
}
