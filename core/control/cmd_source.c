/* SPDX-License-Identifier: GPL-2.0-or-later */
/* source list, show. */
#include <errno.h>

#include "core/control/command.h"
#include "core/control/param.h"
#include "core/control/shape.h"
#include "core/source/follower.h"

static size_t count_members(const struct ms_policy *policy)
{
	size_t count = 0;

	for (size_t i = 0; i < policy->n_sets; i++)
		count += policy->sets[i].n_members;
	return count;
}

static const char *or_null(const char *text)
{
	return *text ? text : NULL;
}

/* A sink alone is none. */
static bool is_source(const struct ms_source_follower *follower)
{
	struct ms_source_status status;

	ms_source_follower_status(follower, &status);
	return status.is_source;
}

/* `delivered_at` and `age_ms` are null while nothing of it is in force. */
static json_t *shape_source(struct ms_manager *manager, const struct ms_source_follower *follower)
{
	const char *name = ms_source_follower_name(follower);
	const struct ms_policy *policy = ms_manager_offered(manager, name);
	struct ms_source_status status;

	ms_source_follower_status(follower, &status);
	return json_pack(
		"{s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:o, s:o, s:b, s:s?, s:o, s:s?, s:o}", "name",
		name, "state", ms_source_restart_state_name(status.state), "before",
		ms_manager_source_is_before(manager, name), "groups", (json_int_t)policy->n_groups,
		"rules", (json_int_t)policy->n_rules, "sets", (json_int_t)policy->n_sets, "members",
		(json_int_t)count_members(policy), "delivered_at",
		ms_control_shape_time(status.delivered_at), "age_ms",
		status.delivered_at ? json_integer((json_int_t)status.age_ms) : json_null(),
		"from_disk", status.is_saved, "trouble", or_null(status.trouble), "trouble_since",
		ms_control_shape_time(status.trouble_since), "error", or_null(status.last_error),
		"error_since", ms_control_shape_time(status.error_since));
}

int ms_control_cmd_source_list(struct ms_manager *manager, struct ms_control_call *call,
			       json_t **ret_reply, struct ms_error *err)
{
	const struct ms_source_follower *follower;
	json_auto_t *list = json_array();
	int r = ms_control_unpack(call->parameters, err, "{}");

	if (r < 0)
		return r;
	for (size_t i = 0; (follower = ms_manager_follower_at(manager, i)); i++) {
		if (!is_source(follower))
			continue;
		if (json_array_append_new(list, shape_source(manager, follower)) < 0)
			return -ENOMEM;
	}
	*ret_reply = json_pack("{s:O}", "sources", list);
	return *ret_reply ? 0 : -ENOMEM;
}

static json_t *shape_sets(const struct ms_policy *policy)
{
	json_t *list = json_array();

	for (size_t i = 0; i < policy->n_sets; i++)
		json_array_append_new(list,
				      json_pack("{s:s, s:I}", "name", policy->sets[i].name,
						"members", (json_int_t)policy->sets[i].n_members));
	return list;
}

static json_t *shape_left_out(const struct ms_source_offer *offer)
{
	json_t *list = json_array();

	for (size_t i = 0; offer && i < offer->n_left_out; i++)
		json_array_append_new(list,
				      json_pack("{s:s, s:s}", "origin", offer->left_out[i].origin,
						"why", offer->left_out[i].why));
	return list;
}

int ms_control_cmd_source_show(struct ms_manager *manager, struct ms_control_call *call,
			       json_t **ret_reply, struct ms_error *err)
{
	const struct ms_source_follower *follower;
	struct ms_source_status status;
	const char *name;
	int r = ms_control_unpack(call->parameters, err, "{s:s}", "name", &name);

	if (r < 0)
		return r;
	follower = ms_manager_follower(manager, name);
	if (!follower || !is_source(follower))
		return ms_error_set_at(err, -ENOENT, NULL, 0, 0, name,
				       "no source '%s': `source list` has those that there are",
				       name);
	ms_source_follower_status(follower, &status);
	*ret_reply = json_pack("{s:o, s:o, s:i, s:i, s:I, s:i, s:i, s:I, s:o, s:o, s:o}", "source",
			       shape_source(manager, follower), "pid",
			       status.pid ? json_integer(status.pid) : json_null(), "transactions",
			       (int)status.transactions, "refused", (int)status.refused,
			       "superseded", (json_int_t)status.superseded, "restarts",
			       (int)status.restarts, "crashes", (int)status.crashes,
			       "suppressed_lines", (json_int_t)status.suppressed_lines, "sets",
			       shape_sets(ms_manager_offered(manager, name)), "left_out",
			       shape_left_out(ms_source_follower_offer(follower)), "stats",
			       status.stats ? json_incref((json_t *)status.stats) : json_array());
	return *ret_reply ? 0 : -ENOMEM;
}
