/* SPDX-License-Identifier: GPL-2.0-or-later */
/* iface list, show, explain. */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/cleanup.h"
#include "core/control/command.h"
#include "core/control/live.h"
#include "core/control/message.h"
#include "core/control/param.h"
#include "core/control/shape.h"
#include "core/iface/attach.h"
#include "core/iface/match.h"

#define SLICE 128

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

static const char *side_name(enum ms_side side)
{
	return side == MS_SIDE_WORKLOAD ? "workload" : "host";
}

static const char *mode_name(const struct ms_group_def *group)
{
	return group ? ms_control_shape_mode(group->mode) : "";
}

static json_t *shape_counts(const struct ms_zone_count *count)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "in_passed_packets",
			 (json_int_t)count->packets[MS_DIR_IN][0], "in_dropped_packets",
			 (json_int_t)count->packets[MS_DIR_IN][1], "out_passed_packets",
			 (json_int_t)count->packets[MS_DIR_OUT][0], "out_dropped_packets",
			 (json_int_t)count->packets[MS_DIR_OUT][1], "in_passed_bytes",
			 (json_int_t)count->bytes[MS_DIR_IN][0], "in_dropped_bytes",
			 (json_int_t)count->bytes[MS_DIR_IN][1], "out_passed_bytes",
			 (json_int_t)count->bytes[MS_DIR_OUT][0], "out_dropped_bytes",
			 (json_int_t)count->bytes[MS_DIR_OUT][1]);
}

/* Folded counts plus what live sessions still hold (`live`, by zone). */
static void sum_counts(struct ms_manager *manager, const struct ms_zone_count *live, uint16_t zone,
		       struct ms_zone_count *ret_count)
{
	struct ms_zone_count folded = { 0 };

	if (zone)
		ms_dataplane_zone_count(ms_manager_dataplane(manager), zone, &folded);
	for (int dir = 0; zone && dir < MS_DIR__COUNT; dir++) {
		for (int i = 0; i < 2; i++) {
			folded.packets[dir][i] += live[zone].packets[dir][i];
			folded.bytes[dir][i] += live[zone].bytes[dir][i];
		}
	}
	*ret_count = folded;
}

static json_t *shape_iface(struct ms_manager *manager, const struct ms_iface_entry *entry,
			   const struct ms_zone_count *live)
{
	const struct ms_group_def *group =
		ms_policy_find_group(ms_manager_policy(manager), entry->group);
	enum ms_panic panic =
		group ? ms_manager_effective_panic(manager, group->name) : MS_PANIC_OFF;
	struct ms_zone_count count;
	json_t *counts, *shape;
	char reason[256];

	sum_counts(manager, live, entry->zone, &count);
	counts = shape_counts(&count);
	shape = json_pack(
		"{s:o, s:I, s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:I, s:b, s:b, s:I, s:o, s:s}",
		"name", ms_message_text(entry->link.name), "ifindex",
		(json_int_t)entry->link.ifindex, "kind", entry->link.kind, "master",
		ms_message_text(entry->link.master_name), "state",
		ms_iface_state_name(entry->state), "group", entry->group, "mode", mode_name(group),
		"panic", ms_control_shape_panic(panic), "side",
		entry->group[0] ? side_name(entry->side) : "", "attach",
		ms_attach_how_name(entry->have), "zone", (int)entry->zone, "unfiltered_packets",
		(json_int_t)entry->gap.packets, "unfiltered_exact", ms_gap_is_exact(&entry->gap),
		"unfiltered_counted", ms_gap_is_counted(&entry->gap), "repairs",
		(json_int_t)entry->repairs, "reason",
		ms_message_text(ms_iface_set_explain(entry, ms_manager_policy(manager), reason,
						     sizeof(reason))),
		"error", entry->error ? ms_attach_explain(entry->error) : "");
	if (shape && entry->attached_ns)
		ms_control_shape_put(shape, "attached_ms",
				     ms_control_shape_ms(now_ns() - entry->attached_ns));
	if (!shape || !counts || json_object_update(shape, counts) < 0) {
		json_decref(shape);
		shape = NULL;
	}
	json_decref(counts);
	return shape;
}

/* ---- list ---- */

struct listing {
	struct ms_control_live live;
	json_t *ifaces;    /* of this slice */
	json_t *warnings;  /* of all, told with the last slice */
	uint32_t ifindex;  /* the last one told */
	const char *state; /* only these; NULL = all */
	char state_text[16];
	bool more;
};

static bool denies_by_default(struct ms_manager *manager, const struct ms_iface_entry *entry)
{
	const struct ms_group_def *group =
		ms_policy_find_group(ms_manager_policy(manager), entry->group);

	return entry->state == MS_IFACE_PROTECTED && group &&
	       (group->default_verdict[MS_DIR_IN] == MS_VERDICT_DENY ||
		group->default_verdict[MS_DIR_OUT] == MS_VERDICT_DENY);
}

/* The same packet is judged on both, so it needs two allow rules: rarely what was meant. */
static void warn_about_stack(struct listing *listing, const struct ms_iface_entry *entry)
{
	struct ms_iface_set *set = ms_manager_ifaces(listing->live.manager);
	uint32_t below = entry->link.master ? entry->link.master : entry->link.parent;
	const struct ms_iface_entry *other = below ? ms_iface_set_find(set, below) : NULL;
	char text[256];

	if (!other || !denies_by_default(listing->live.manager, entry) ||
	    !denies_by_default(listing->live.manager, other))
		return;
	snprintf(text, sizeof(text),
		 "%s and %s both deny by default: a packet that crosses both needs a rule for each",
		 entry->link.name, other->link.name);
	json_array_append_new(listing->warnings, ms_message_text(text));
}

static void list_one(void *user, struct ms_iface_entry *entry)
{
	struct listing *listing = user;

	if (entry->link.ifindex <= listing->ifindex || listing->more)
		return;
	if (json_array_size(listing->ifaces) >= SLICE) {
		listing->more = true;
		return;
	}
	listing->ifindex = entry->link.ifindex;
	warn_about_stack(listing, entry);
	if (listing->state && strcmp(listing->state, ms_iface_state_name(entry->state)) != 0)
		return;
	json_array_append_new(listing->ifaces, shape_iface(listing->live.manager, entry,
							   listing->live.counts.by_zone));
}

static int list_step(struct ms_control_live *live, json_t **ret_reply, struct ms_error *err)
{
	struct listing *listing = (struct listing *)live;

	(void)err;
	listing->more = false;
	listing->ifaces = json_array();
	ms_iface_set_foreach(ms_manager_ifaces(live->manager), list_one, listing);
	*ret_reply = json_pack("{s:o}", "interfaces", ms_take_ptr(listing->ifaces));
	if (!*ret_reply)
		return -ENOMEM;
	if (!listing->more)
		json_object_set(*ret_reply, "warnings", listing->warnings);
	return listing->more ? 1 : 0;
}

static void list_end(struct ms_control_live *live)
{
	json_decref(((struct listing *)live)->warnings);
}

int ms_control_cmd_iface_list(struct ms_manager *manager, struct ms_control_call *call,
			      json_t **ret_reply, struct ms_error *err)
{
	struct listing *listing;
	const char *state = NULL;
	int r = ms_control_unpack(call->parameters, err, "{s?s}", "state", &state);

	(void)ret_reply;
	if (r < 0)
		return r;
	listing = ms_control_live_new(sizeof(*listing), manager, list_step);
	if (!listing)
		return -ENOMEM;
	listing->live.on_end = list_end;
	listing->warnings = json_array();
	if (state) {
		snprintf(listing->state_text, sizeof(listing->state_text), "%s", state);
		listing->state = listing->state_text;
	}
	call->stream = &listing->live.stream;
	return 0;
}

/* ---- show, explain ---- */

static int find_iface(struct ms_manager *manager, const char *name,
		      struct ms_iface_entry **ret_entry, struct ms_error *err)
{
	struct ms_iface_entry *entry = ms_iface_set_find_name(ms_manager_ifaces(manager), name);

	if (!entry)
		return ms_error_set_at(err, -ENOENT, NULL, 0, 0, name,
				       "no interface '%s' in this network namespace", name);
	*ret_entry = entry;
	return 0;
}

static json_t *shape_hook(const char *name, const struct ms_attach_state *state, enum ms_hook hook)
{
	return json_pack("{s:s, s:b, s:I, s:i, s:i}", "hook", name, "present", state->present[hook],
			 "program_id", (json_int_t)state->program_id[hook], "before_us",
			 state->before_us[hook], "after_us", state->after_us[hook]);
}

static json_t *shape_hooks(const struct ms_attach_state *state)
{
	return json_pack("[o, o]", shape_hook("ingress", state, MS_HOOK_INGRESS),
			 shape_hook("egress", state, MS_HOOK_EGRESS));
}

struct showing {
	struct ms_control_live live;
	char name[IFNAMSIZ];
};

static int show_step(struct ms_control_live *live, json_t **ret_reply, struct ms_error *err)
{
	struct ms_iface_entry *entry = NULL;
	struct ms_attach_state state = { 0 };
	json_auto_t *shape = NULL;
	int r = find_iface(live->manager, ((struct showing *)live)->name, &entry, err);

	if (r == 0)
		r = ms_attacher_query(ms_manager_attacher(live->manager), entry->link.ifindex,
				      &state);
	if (r < 0)
		return r;
	shape = shape_iface(live->manager, entry, live->counts.by_zone);
	if (!shape || ms_control_shape_put(shape, "hooks", shape_hooks(&state)) < 0 ||
	    ms_control_shape_put(shape, "duplicate", json_boolean(state.duplicate)) < 0)
		return -ENOMEM;
	*ret_reply = json_pack("{s:O}", "interface", shape);
	return *ret_reply ? 0 : -ENOMEM;
}

int ms_control_cmd_iface_show(struct ms_manager *manager, struct ms_control_call *call,
			      json_t **ret_reply, struct ms_error *err)
{
	struct showing *showing;
	struct ms_iface_entry *entry = NULL;
	const char *name;
	int r = ms_control_unpack(call->parameters, err, "{s:s}", "name", &name);

	(void)ret_reply;
	if (r == 0)
		r = find_iface(manager, name, &entry, err);
	if (r < 0)
		return r;
	showing = ms_control_live_new(sizeof(*showing), manager, show_step);
	if (!showing)
		return -ENOMEM;
	snprintf(showing->name, sizeof(showing->name), "%s", name);
	call->stream = &showing->live.stream;
	return 0;
}

int ms_control_cmd_iface_explain(struct ms_manager *manager, struct ms_control_call *call,
				 json_t **ret_reply, struct ms_error *err)
{
	const struct ms_group_def *group;
	struct ms_iface_entry *entry = NULL;
	const char *name;
	char why[400] = "";
	int r = ms_control_unpack(call->parameters, err, "{s:s}", "name", &name);

	if (r == 0)
		r = find_iface(manager, name, &entry, err);
	if (r < 0)
		return r;
	group = ms_iface_set_group(entry, ms_manager_policy(manager), why, sizeof(why));
	*ret_reply = json_pack(
		"{s:s, s:s, s:o, s:b, s:b, s:s, s:s, s:s, s:s, s:o}", "name", entry->link.name,
		"kind", entry->link.kind, "master", ms_message_text(entry->link.master_name),
		"is_physical", entry->link.is_physical, "has_default_route",
		entry->link.has_default_route, "group", group ? group->name : "", "side",
		group ? side_name(ms_iface_match_side(group, &entry->link)) : "", "mode",
		mode_name(group), "state", ms_iface_state_name(entry->state), "explanation",
		ms_message_text(why));
	return *ret_reply ? 0 : -ENOMEM;
}
