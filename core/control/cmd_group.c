/* SPDX-License-Identifier: GPL-2.0-or-later */
/* group list, show, mode. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/control/command.h"
#include "core/control/message.h"
#include "core/control/param.h"
#include "core/control/shape.h"
#include "core/event/event.h"

static const char *const side_names[] = { "auto", "host", "workload" };
static const char *const attach_names[] = { "auto", "tc", "tcx" };

struct members {
	const char *group;
	json_t *names; /* NULL = only count */
	int count;
};

static void count_member(void *user, struct ms_iface_entry *entry)
{
	struct members *members = user;

	if (strcmp(entry->group, members->group) != 0)
		return;
	members->count++;
	if (members->names)
		json_array_append_new(members->names, ms_message_text(entry->link.name));
}

static int count_rules(const struct ms_policy *policy, const char *group)
{
	int count = 0;

	for (size_t i = 0; i < policy->n_rules; i++) {
		const struct ms_rule *rule = &policy->rules[i];
		bool is_for_it = rule->n_groups == 0;

		for (size_t j = 0; j < rule->n_groups && !is_for_it; j++)
			is_for_it = strcmp(rule->groups[j], group) == 0;
		count += is_for_it;
	}
	return count;
}

/* `members` has been counted. */
static json_t *shape_group(struct ms_manager *manager, const struct ms_group_def *group,
			   const struct members *members)
{
	enum ms_panic panic = ms_manager_effective_panic(manager, group->name);
	char origin[MS_ORIGIN_MAX];

	return json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:s}", "name", group->name,
		"mode", ms_control_shape_mode(group->mode), "panic", ms_control_shape_panic(panic),
		"default_in", ms_verdict_name(group->default_verdict[MS_DIR_IN]), "default_out",
		ms_verdict_name(group->default_verdict[MS_DIR_OUT]), "side",
		side_names[group->side], "attach", attach_names[group->attach], "non_ip",
		ms_verdict_name(group->non_ip), "unready",
		group->unready == MS_UNREADY_GUARD ? "guard" : "open", "interfaces", members->count,
		"rules", count_rules(ms_manager_policy(manager), group->name), "origin",
		ms_origin_format(&group->origin, origin, sizeof(origin)));
}

int ms_control_cmd_group_list(struct ms_manager *manager, struct ms_control_call *call,
			      json_t **ret_reply, struct ms_error *err)
{
	const struct ms_policy *policy = ms_manager_policy(manager);
	json_auto_t *groups = json_array();
	int r = ms_control_unpack(call->parameters, err, "{}");

	if (r < 0)
		return r;
	for (size_t i = 0; i < policy->n_groups; i++) {
		struct members members = { .group = policy->groups[i].name };

		ms_iface_set_foreach(ms_manager_ifaces(manager), count_member, &members);
		if (json_array_append_new(groups,
					  shape_group(manager, &policy->groups[i], &members)) < 0)
			return -ENOMEM;
	}
	*ret_reply = json_pack("{s:O}", "groups", groups);
	return *ret_reply ? 0 : -ENOMEM;
}

static int find_group(struct ms_manager *manager, const char *name,
		      const struct ms_group_def **ret_group, struct ms_error *err)
{
	const struct ms_group_def *group = ms_policy_find_group(ms_manager_policy(manager), name);

	if (!group)
		return ms_error_set_at(err, -ENOENT, NULL, 0, 0, name, "no group '%s'", name);
	*ret_group = group;
	return 0;
}

int ms_control_cmd_group_show(struct ms_manager *manager, struct ms_control_call *call,
			      json_t **ret_reply, struct ms_error *err)
{
	const struct ms_group_def *group = NULL;
	json_auto_t *names = json_array();
	json_auto_t *shape = NULL;
	struct members members = { .names = names };
	const char *name;
	int r = ms_control_unpack(call->parameters, err, "{s:s}", "name", &name);

	if (r == 0)
		r = find_group(manager, name, &group, err);
	if (r < 0)
		return r;
	members.group = group->name;
	ms_iface_set_foreach(ms_manager_ifaces(manager), count_member, &members);
	shape = shape_group(manager, group, &members);
	if (!shape || json_object_set(shape, "members", names) < 0)
		return -ENOMEM;
	*ret_reply = json_pack("{s:O}", "group", shape);
	return *ret_reply ? 0 : -ENOMEM;
}

int ms_control_cmd_group_mode(struct ms_manager *manager, struct ms_control_call *call,
			      json_t **ret_reply, struct ms_error *err)
{
	const struct ms_group_def *group = NULL;
	const char *name, *word;
	int dry_run = false, r;
	enum ms_mode mode;

	r = ms_control_unpack(call->parameters, err, "{s:s, s:s, s?b}", "name", &name, "mode",
			      &word, "dry_run", &dry_run);
	if (r == 0)
		r = find_group(manager, name, &group, err);
	if (r < 0)
		return r;
	for (mode = MS_MODE_DISABLED; mode <= MS_MODE_INHERIT; mode++) {
		if (strcmp(word, ms_control_shape_mode(mode)) == 0)
			break;
	}
	if (mode > MS_MODE_INHERIT)
		return ms_error_set_at(err, -EINVAL, NULL, 0, 0, word,
				       "a mode is disabled, audit, enforce, or policy for what the "
				       "policy says, not '%s'",
				       word);
	/* The answer tells the mode that was: taken before the group's storage may change. */
	*ret_reply = json_pack("{s:s, s:s, s:s, s:b}", "name", name, "mode", word, "before",
			       ms_control_shape_mode(group->mode), "dry_run", dry_run);
	if (!*ret_reply)
		return -ENOMEM;
	r = ms_manager_group_mode(manager, name, mode, dry_run, err);
	if (r < 0) {
		json_decref(*ret_reply);
		*ret_reply = NULL;
	}
	return r;
}
