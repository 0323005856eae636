/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/classify/plan.h"

#include <string.h>

#include "core/base/cleanup.h"
#include "core/classify/compile.h"
#include "core/policy/name_index.h"

struct planner {
	const struct ms_policy *policy;
	struct ms_name_index sets;
	bool (*observes)(const void *user, const char *action);
	const void *user;
};

static void free_planner(struct planner *planner)
{
	ms_name_index_fini(&planner->sets);
}

/* No table is larger or smaller for who the author is. */
static uint32_t slot_of(void *user, const char *id)
{
	(void)user;
	(void)id;
	return 1;
}

static uint16_t group_of(void *user, const char *name)
{
	const struct planner *planner = user;
	const struct ms_group_def *group = ms_policy_find_group(planner->policy, name);

	return group ? (uint16_t)(group - planner->policy->groups + 1) : 0;
}

static uint32_t set_of(void *user, const char *name)
{
	const struct planner *planner = user;
	size_t at;

	if (strcmp(name, MS_SET_HOST) == 0)
		return (uint32_t)planner->policy->n_sets + 1;
	return ms_name_index_find(&planner->sets, name, &at) ? (uint32_t)at + 1 : 0;
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
	return ms_name_index_hash(hash, text ? text : "", text ? strlen(text) + 1 : 1);
}

/* Its arguments are whatever it says: nobody encodes them here. */
static int action_of(void *user, const struct ms_rule_action *action,
		     struct ms_rule_action_call *ret_call, struct ms_error *err)
{
	const struct planner *planner = user;
	uint64_t hash = hash_text(MS_NAME_HASH_INIT, action->name);

	(void)err;
	for (size_t i = 0; i < action->n_args; i++) {
		const struct ms_rule_action_arg *arg = &action->args[i];

		hash = hash_text(hash, arg->name);
		for (size_t j = 0; j < arg->n_values; j++)
			hash = hash_text(hash, arg->values[j].text);
	}
	memcpy(ret_call->args.bytes, &hash, sizeof(hash));
	ret_call->observes = planner->observes && planner->observes(planner->user, action->name);
	return 0;
}

int ms_plan_make(const struct ms_policy *policy,
		 bool (*observes)(const void *user, const char *action), const void *user,
		 struct ms_plan *ret_plan, struct ms_error *err)
{
	ms_cleanup(free_planner) struct planner planner = {
		.policy = policy,
		.observes = observes,
		.user = user,
	};
	const struct ms_numbering numbering = {
		.slot = slot_of,
		.group = group_of,
		.set = set_of,
		.user = &planner,
		.action = action_of,
	};
	struct ms_image *image;
	int r = 0;

	for (size_t i = 0; r == 0 && i < policy->n_sets; i++)
		r = ms_name_index_add(&planner.sets, policy->sets[i].name, i);
	if (r == 0)
		r = ms_compile(policy, 1, &numbering, MS_ENGINE_FASTEST, NULL, &image, err);
	if (r < 0)
		return r;
	memcpy(ret_plan->engines, image->engines, sizeof(ret_plan->engines));
	ret_plan->unobserved = image->unobserved;
	ms_image_free(image);
	return 0;
}
