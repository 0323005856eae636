/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/iface/set.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/list.h"

struct node {
	struct ms_iface_entry entry; /* first: an entry's node is found by its address */
	struct ms_list suspect;
	uint16_t indexed_zone; /* where by_zone points here, 0 = nowhere */
};

struct ms_iface_set {
	struct node **nodes; /* by ifindex: new numbers are nearly always the highest */
	size_t count, room;
	/* Those heard of or decided anew since a plan found nothing to do for them: in a burst a
	 * plan is made for every other interface, and must not look at all that came before. */
	struct ms_list suspects;
	/* The owner writes entry->zone when it likes, so this is only where a look-up found it the
	 * last time, and believed only if it is still so. */
	struct node *by_zone[MS_ZONES_MAX];
};

static const char *const state_names[] = {
	[MS_IFACE_EXCLUDED] = "excluded",
	[MS_IFACE_PENDING] = "pending",
	[MS_IFACE_PROTECTED] = "protected",
	[MS_IFACE_FAILED] = "failed",
};
_Static_assert(ms_array_size(state_names) == MS_IFACE_STATE__COUNT, "a name for each state");

const char *ms_iface_state_name(enum ms_iface_state state)
{
	return state_names[state];
}

int ms_iface_set_new(struct ms_iface_set **ret_set)
{
	struct ms_iface_set *set = calloc(1, sizeof(*set));

	if (!set)
		return -ENOMEM;
	ms_list_init(&set->suspects);
	*ret_set = set;
	return 0;
}

struct ms_iface_set *ms_iface_set_free(struct ms_iface_set *set)
{
	if (!set)
		return NULL;
	for (size_t i = 0; i < set->count; i++)
		free(set->nodes[i]);
	free(set->nodes);
	free(set);
	return NULL;
}

static size_t position(const struct ms_iface_set *set, uint32_t ifindex)
{
	size_t low = 0, high = set->count;

	if (high > 0 && set->nodes[high - 1]->entry.link.ifindex < ifindex)
		return high;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (set->nodes[middle]->entry.link.ifindex < ifindex)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct ms_iface_entry *ms_iface_set_find(const struct ms_iface_set *set, uint32_t ifindex)
{
	size_t at = position(set, ifindex);

	if (at == set->count || set->nodes[at]->entry.link.ifindex != ifindex)
		return NULL;
	return &set->nodes[at]->entry;
}

static void suspect(struct ms_iface_set *set, struct ms_iface_entry *entry)
{
	struct node *node = (struct node *)entry;

	if (ms_list_is_empty(&node->suspect))
		ms_list_append(&set->suspects, &node->suspect);
}

struct ms_iface_entry *ms_iface_set_put(struct ms_iface_set *set, const struct ms_link *link)
{
	struct ms_iface_entry *entry = ms_iface_set_find(set, link->ifindex);
	struct node *node;
	size_t at;

	if (entry) {
		entry->link = *link;
		suspect(set, entry);
		return entry;
	}
	if (set->count == set->room) {
		size_t room = set->room ? 2 * set->room : 64;
		struct node **nodes = realloc(set->nodes, room * sizeof(*nodes));

		if (!nodes)
			return NULL;
		set->nodes = nodes;
		set->room = room;
	}
	node = calloc(1, sizeof(*node));
	if (!node)
		return NULL;
	node->entry.link = *link;
	ms_list_init(&node->suspect);
	suspect(set, &node->entry);
	at = position(set, link->ifindex);
	memmove(&set->nodes[at + 1], &set->nodes[at], (set->count - at) * sizeof(node));
	set->nodes[at] = node;
	set->count++;
	return &node->entry;
}

struct ms_iface_entry *ms_iface_set_find_name(const struct ms_iface_set *set, const char *name)
{
	for (size_t i = 0; i < set->count; i++) {
		if (strcmp(set->nodes[i]->entry.link.name, name) == 0)
			return &set->nodes[i]->entry;
	}
	return NULL;
}

static void forget_zone(struct ms_iface_set *set, struct node *node)
{
	if (node->indexed_zone != 0 && set->by_zone[node->indexed_zone] == node)
		set->by_zone[node->indexed_zone] = NULL;
	node->indexed_zone = 0;
}

struct ms_iface_entry *ms_iface_set_find_zone(const struct ms_iface_set *set, uint16_t zone)
{
	/* What is remembered is no part of what the set says. */
	struct ms_iface_set *memory = (struct ms_iface_set *)set;
	struct node *node = set->by_zone[zone];

	if (zone == 0)
		return NULL;
	if (node && node->entry.zone == zone)
		return &node->entry;
	for (size_t i = 0; i < set->count; i++) {
		if (set->nodes[i]->entry.zone != zone)
			continue;
		forget_zone(memory, set->nodes[i]);
		set->nodes[i]->indexed_zone = zone;
		memory->by_zone[zone] = set->nodes[i];
		return &set->nodes[i]->entry;
	}
	return NULL;
}

void ms_iface_set_remove(struct ms_iface_set *set, uint32_t ifindex)
{
	size_t at = position(set, ifindex);

	if (at == set->count || set->nodes[at]->entry.link.ifindex != ifindex)
		return;
	forget_zone(set, set->nodes[at]);
	ms_list_remove(&set->nodes[at]->suspect);
	free(set->nodes[at]);
	memmove(&set->nodes[at], &set->nodes[at + 1], (set->count - at - 1) * sizeof(*set->nodes));
	set->count--;
}

size_t ms_iface_set_count(const struct ms_iface_set *set)
{
	return set->count;
}

void ms_iface_set_foreach(struct ms_iface_set *set,
			  void (*visit)(void *user, struct ms_iface_entry *entry), void *user)
{
	for (size_t i = 0; i < set->count; i++)
		visit(user, &set->nodes[i]->entry);
}

/* ---- decisions ---- */

static enum ms_iface_state state_of(const struct ms_iface_entry *entry, bool changed)
{
	if (entry->want == MS_ATTACHED_NONE)
		return MS_IFACE_EXCLUDED;
	if (entry->want == entry->have)
		return MS_IFACE_PROTECTED;
	/* What failed is not tried again for nothing. */
	return entry->state == MS_IFACE_FAILED && !changed ? MS_IFACE_FAILED : MS_IFACE_PENDING;
}

const struct ms_group_def *ms_iface_set_group(const struct ms_iface_entry *entry,
					      const struct ms_policy *policy, char *explain,
					      size_t explain_size)
{
	const struct ms_group_def *group = NULL;

	if (entry->bound[0])
		group = ms_iface_match_bound(policy, entry->bound, entry->bound_by, explain,
					     explain_size);
	return group ? group : ms_iface_match_group(policy, &entry->link, explain, explain_size);
}

char *ms_iface_set_explain(const struct ms_iface_entry *entry, const struct ms_policy *policy,
			   char *buf, size_t size)
{
	const struct ms_group_def *group = ms_iface_set_group(entry, policy, buf, size);
	size_t used = strlen(buf);

	if (group && group->mode == MS_MODE_DISABLED)
		snprintf(buf + used, size - used, ": disabled");
	return buf;
}

bool ms_iface_set_decide(struct ms_iface_set *set, struct ms_iface_entry *entry,
			 const struct ms_policy *policy, const struct ms_attacher *attacher)
{
	const struct ms_group_def *group = ms_iface_set_group(entry, policy, NULL, 0);
	enum ms_attach_how want = MS_ATTACHED_NONE;
	enum ms_side side = MS_SIDE_HOST;
	bool changed;

	if (group)
		side = ms_iface_match_side(group, &entry->link);
	if (group && group->mode != MS_MODE_DISABLED)
		want = ms_attacher_choose(attacher, group->attach, &entry->link);
	changed = want != entry->want || side != entry->side ||
		  strcmp(entry->group, group ? group->name : "") != 0;
	snprintf(entry->group, sizeof(entry->group), "%s", group ? group->name : "");
	entry->side = side;
	entry->want = want;
	entry->state = state_of(entry, changed);
	suspect(set, entry);
	return changed;
}

/* ---- plan ---- */

static bool is_due(const struct ms_iface_entry *entry)
{
	return entry->want != entry->have && entry->state != MS_IFACE_FAILED;
}

/* Nothing of ours can be on it by any means. */
static bool is_fresh(const struct ms_iface_entry *entry)
{
	return !entry->link.from_walk && entry->attached_ns == 0 && entry->error == 0 &&
	       entry->have == MS_ATTACHED_NONE;
}

static size_t append_jobs(struct ms_iface_set *set, bool on, struct ms_attach_job *jobs,
			  size_t used)
{
	struct node *node;

	ms_list_foreach (&set->suspects, node, struct node, suspect) {
		const struct ms_iface_entry *entry = &node->entry;

		if ((entry->want != MS_ATTACHED_NONE) != on)
			continue;
		jobs[used++] = (struct ms_attach_job) {
			.ifindex = entry->link.ifindex,
			.how = entry->want,
			.before = entry->have,
			.loopback = entry->link.is_loopback,
			.is_fresh = is_fresh(entry),
		};
	}
	return used;
}

int ms_iface_set_plan(struct ms_iface_set *set, struct ms_attach_job **ret_jobs, size_t *ret_count)
{
	struct ms_attach_job *jobs = NULL;
	struct node *node;
	size_t due = 0;

	ms_list_foreach (&set->suspects, node, struct node, suspect) {
		if (is_due(&node->entry))
			due++;
		else
			ms_list_remove(&node->suspect);
	}
	if (due > 0) {
		jobs = calloc(due, sizeof(*jobs));
		if (!jobs)
			return -ENOMEM;
		/* Whoever waits for protection goes before whoever is to lose it. */
		append_jobs(set, false, jobs, append_jobs(set, true, jobs, 0));
	}
	*ret_jobs = jobs;
	*ret_count = due;
	return 0;
}
