/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/links.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/list.h"

/* One ifindex. It may hold two devices at once: the one the listener knows, and the one that has
 * the number by now. */
struct slot {
	struct ms_list dirty;
	uint32_t ifindex;
	bool has_told, has_now;
	bool told_moved; /* how the device that was told ended */
	bool seen;       /* since begin_compare */
	bool tc_touched;
	struct ms_link told, now;
};

struct ms_links {
	struct slot **slots; /* by ifindex: new numbers are nearly always the highest */
	size_t count, room;
	struct ms_list dirty;
	uint64_t next_incarnation;
	/* Some port's master_name may be wrong: a device was renamed, or a port was heard of before
	 * its master. Looked at once per telling, not per message. */
	bool names_moved;
};

int ms_links_new(struct ms_links **ret_links)
{
	struct ms_links *links = calloc(1, sizeof(*links));

	if (!links)
		return -ENOMEM;
	ms_list_init(&links->dirty);
	links->next_incarnation = 1;
	*ret_links = links;
	return 0;
}

struct ms_links *ms_links_free(struct ms_links *links)
{
	if (!links)
		return NULL;
	for (size_t i = 0; i < links->count; i++)
		free(links->slots[i]);
	free(links->slots);
	free(links);
	return NULL;
}

/* Where `ifindex` is, or where it would have to be put. */
static size_t position(const struct ms_links *links, uint32_t ifindex)
{
	size_t low = 0, high = links->count;

	if (high > 0 && links->slots[high - 1]->ifindex < ifindex)
		return high;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (links->slots[middle]->ifindex < ifindex)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct slot *find_slot(const struct ms_links *links, uint32_t ifindex)
{
	size_t at = position(links, ifindex);

	return at < links->count && links->slots[at]->ifindex == ifindex ? links->slots[at] : NULL;
}

static struct slot *make_slot(struct ms_links *links, uint32_t ifindex)
{
	size_t at = position(links, ifindex);
	struct slot *slot;

	if (at < links->count && links->slots[at]->ifindex == ifindex)
		return links->slots[at];
	if (links->count == links->room) {
		size_t room = links->room ? 2 * links->room : 64;
		struct slot **slots = realloc(links->slots, room * sizeof(*slots));

		if (!slots)
			return NULL;
		links->slots = slots;
		links->room = room;
	}
	slot = calloc(1, sizeof(*slot));
	if (!slot)
		return NULL;
	slot->ifindex = ifindex;
	ms_list_init(&slot->dirty);
	memmove(&links->slots[at + 1], &links->slots[at],
		(links->count - at) * sizeof(*links->slots));
	links->slots[at] = slot;
	links->count++;
	return slot;
}

static void drop_slot(struct ms_links *links, struct slot *slot)
{
	size_t at = position(links, slot->ifindex);

	memmove(&links->slots[at], &links->slots[at + 1],
		(links->count - at - 1) * sizeof(*links->slots));
	links->count--;
	free(slot);
}

static void mark_dirty(struct ms_links *links, struct slot *slot)
{
	if (ms_list_is_empty(&slot->dirty))
		ms_list_append(&links->dirty, &slot->dirty);
}

static void end_device(struct ms_links *links, struct slot *slot, bool moved)
{
	if (slot->has_told && slot->told.incarnation == slot->now.incarnation)
		slot->told_moved = moved;
	slot->has_now = false;
	slot->tc_touched = false;
	mark_dirty(links, slot);
}

/* A message carries the master's number only. False: the master is not known yet. */
static bool name_master(const struct ms_links *links, struct ms_link *link)
{
	const struct ms_link *master = link->master ? ms_links_find(links, link->master) : NULL;

	memset(link->master_name, 0, sizeof(link->master_name));
	if (master)
		memcpy(link->master_name, master->name, sizeof(master->name));
	return master || !link->master;
}

int ms_links_put(struct ms_links *links, const struct ms_link *link,
		 enum ms_links_evidence evidence, uint64_t now_ns, bool from_walk)
{
	struct slot *slot = make_slot(links, link->ifindex);
	struct ms_link was;

	if (!slot)
		return -ENOMEM;
	if (slot->has_now && evidence == MS_LINKS_GAP && !ms_link_is_same_device(&slot->now, link))
		end_device(links, slot, false);
	was = slot->now;
	slot->seen = true;
	slot->now = *link;
	if (slot->has_now) {
		slot->now.seen_ns = was.seen_ns;
		slot->now.from_walk = was.from_walk;
		slot->now.incarnation = was.incarnation;
		slot->now.has_default_route = was.has_default_route;
		if (strcmp(was.name, link->name) != 0)
			links->names_moved = true;
	} else {
		slot->has_now = true;
		slot->now.seen_ns = now_ns;
		slot->now.from_walk = from_walk;
		slot->now.incarnation = links->next_incarnation++;
	}
	if (!name_master(links, &slot->now))
		links->names_moved = true;
	mark_dirty(links, slot);
	return 0;
}

void ms_links_remove(struct ms_links *links, uint32_t ifindex, bool moved)
{
	struct slot *slot = find_slot(links, ifindex);

	if (slot && slot->has_now)
		end_device(links, slot, moved);
}

void ms_links_touch_tc(struct ms_links *links, uint32_t ifindex)
{
	struct slot *slot = find_slot(links, ifindex);

	if (!slot || !slot->has_now)
		return;
	slot->tc_touched = true;
	mark_dirty(links, slot);
}

void ms_links_set_default_routes(struct ms_links *links, const struct ms_ifindex_set *carriers)
{
	for (size_t i = 0; i < links->count; i++) {
		struct slot *slot = links->slots[i];
		bool carries = ms_ifindex_set_has(carriers, slot->ifindex);

		if (!slot->has_now || slot->now.has_default_route == carries)
			continue;
		slot->now.has_default_route = carries;
		mark_dirty(links, slot);
	}
}

void ms_links_begin_compare(struct ms_links *links)
{
	for (size_t i = 0; i < links->count; i++)
		links->slots[i]->seen = false;
}

uint32_t ms_links_next_missing(const struct ms_links *links, uint32_t after)
{
	for (size_t i = position(links, after + 1); i < links->count; i++) {
		if (links->slots[i]->has_now && !links->slots[i]->seen)
			return links->slots[i]->ifindex;
	}
	return 0;
}

static void resolve_master_names(struct ms_links *links)
{
	links->names_moved = false;
	for (size_t i = 0; i < links->count; i++) {
		struct slot *slot = links->slots[i];

		if (!slot->has_now || !slot->now.master)
			continue;
		if (!name_master(links, &slot->now))
			links->names_moved = true;
		mark_dirty(links, slot);
	}
}

static void tell_gone(struct slot *slot, const struct ms_monitor_callbacks *callbacks, void *user)
{
	slot->has_told = false;
	if (callbacks->on_link)
		callbacks->on_link(user, MS_LINK_GONE, &slot->told, NULL, slot->told_moved);
	slot->told_moved = false;
}

/* The device told has ended; its number may have a new one. */
static bool is_over(const struct slot *slot)
{
	return slot->has_told &&
	       (!slot->has_now || slot->told.incarnation != slot->now.incarnation);
}

void ms_links_tell(struct ms_links *links, const struct ms_monitor_callbacks *callbacks, void *user)
{
	struct slot *slot;

	if (links->names_moved)
		resolve_master_names(links);
	ms_list_foreach (&links->dirty, slot, struct slot, dirty) {
		if (!slot->has_now || (slot->has_told && !is_over(slot)))
			continue;
		if (slot->has_told)
			tell_gone(slot, callbacks, user);
		slot->told = slot->now;
		slot->has_told = true;
		if (callbacks->on_link)
			callbacks->on_link(user, MS_LINK_NEW, &slot->now, NULL, false);
	}
	ms_list_foreach (&links->dirty, slot, struct slot, dirty) {
		struct ms_link old = slot->told;

		if (!slot->has_now || ms_link_is_equal(&slot->now, &old))
			continue;
		slot->told = slot->now;
		if (callbacks->on_link)
			callbacks->on_link(user, MS_LINK_CHANGED, &slot->now, &old, false);
	}
	ms_list_foreach (&links->dirty, slot, struct slot, dirty) {
		if (is_over(slot))
			tell_gone(slot, callbacks, user);
	}
	ms_list_foreach (&links->dirty, slot, struct slot, dirty) {
		bool touched = slot->tc_touched;

		ms_list_remove(&slot->dirty);
		slot->tc_touched = false;
		if (!slot->has_now)
			drop_slot(links, slot);
		else if (touched && callbacks->on_tc)
			callbacks->on_tc(user, slot->ifindex);
	}
}

const struct ms_link *ms_links_find(const struct ms_links *links, uint32_t ifindex)
{
	struct slot *slot = find_slot(links, ifindex);

	return slot && slot->has_now ? &slot->now : NULL;
}

const struct ms_link *ms_links_find_name(const struct ms_links *links, const char *name)
{
	for (size_t i = 0; i < links->count; i++) {
		if (links->slots[i]->has_now && strcmp(links->slots[i]->now.name, name) == 0)
			return &links->slots[i]->now;
	}
	return NULL;
}

void ms_links_foreach(const struct ms_links *links,
		      void (*visit)(void *user, const struct ms_link *link), void *user)
{
	for (size_t i = 0; i < links->count; i++) {
		if (links->slots[i]->has_now)
			visit(user, &links->slots[i]->now);
	}
}
