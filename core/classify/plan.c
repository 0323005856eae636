/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/classify/plan.h"

#include <string.h>

#include "core/base/cleanup.h"
#include "core/classify/compile.h"
#include "core/policy/name_index.h"

struct planner {
	const struct ms_policy *policy;
	struct ms_name_index sets;
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

int ms_plan_engines(const struct ms_policy *policy, struct ms_engine_choice *ret_choices,
		    struct ms_error *err)
{
	ms_cleanup(free_planner) struct planner planner = { .policy = policy };
	const struct ms_numbering numbering = {
		.slot = slot_of,
		.group = group_of,
		.set = set_of,
		.user = &planner,
	};
	struct ms_image *image;
	int r = 0;

	for (size_t i = 0; r == 0 && i < policy->n_sets; i++)
		r = ms_name_index_add(&planner.sets, policy->sets[i].name, i);
	if (r == 0)
		r = ms_compile(policy, 1, &numbering, MS_ENGINE_FASTEST, NULL, &image, err);
	if (r < 0)
		return r;
	memcpy(ret_choices, image->engines, sizeof(image->engines));
	ms_image_free(image);
	return 0;
}
