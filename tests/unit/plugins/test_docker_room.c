/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The docker source where the host has no room left for all that labels ask for. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "microseg/trial.h"
#include "plugins/docker/policy.h"
#include "tests/harness/ms_check.h"

#define DENIED "bind docker-refused 1 155\n"

static unsigned int sets_left, members_left;

static int add_set_in_room(struct ms_plugin_builder *builder, const char *name,
			   struct ms_plugin_error *error)
{
	char line[128];

	snprintf(line, sizeof(line), "set %s\n", name);
	if (strstr(builder->text, line))
		return -EEXIST;
	if (sets_left == 0)
		return -E2BIG;
	sets_left--;
	return ms_trial_add_set(builder, name, error);
}

static int add_member_in_room(struct ms_plugin_builder *builder, const char *set,
			      const struct ms_plugin_cidr *member, uint64_t timeout_ns,
			      struct ms_plugin_error *error)
{
	if (members_left == 0)
		return -E2BIG;
	members_left--;
	return ms_trial_add_member(builder, set, member, timeout_ns, error);
}

static char name[] = "web", group[] = "front", project[] = "shop", service[] = "web";
static char sets[] = "a,b,c", pattern[] = "*", rules[] = "[{dir: in, action: allow}]";
static char *groups[] = { group }, *patterns[] = { pattern };
static struct ms_plugin_cidr addresses[] = { { { 10, 88, 0, 2 }, 4, 32, { 0 } } };
static char said[512];

static struct ms_docker_container web(void)
{
	return (struct ms_docker_container) { .id = "5f73c4b1c0dd",
					      .name = name,
					      .pid = 155,
					      .group = group,
					      .addresses = addresses,
					      .address_count = 1 };
}

/* What is told of it with room for so many sets and members. */
static const char *told(const struct ms_docker_container *container, unsigned int room_of_sets,
			unsigned int room_of_members, enum ms_docker_policy_result result)
{
	static const struct ms_docker_policy_limits limits = {
		.groups = groups, .group_count = 1, .sets = patterns, .set_count = 1, .rules = true
	};
	static struct ms_plugin_builder builder;
	static struct ms_plugin_host_state host;
	struct ms_docker_policy policy = { &host.table, &limits, &builder, false };
	struct ms_plugin_error error = { "" };
	enum ms_docker_policy_result is;

	ms_trial_init(&host);
	host.table.add_set = add_set_in_room;
	host.table.add_member = add_member_in_room;
	sets_left = room_of_sets;
	members_left = room_of_members;
	builder.text[0] = '\0';
	ck_assert_int_eq(ms_docker_policy_add(&policy, container, &is, said, &error), 0);
	ck_assert_msg(is == result, "%d: %s", is, said);
	return builder.text;
}

static void expect_cut_off(const char *text)
{
	ck_assert_msg(strlen(text) > strlen(DENIED) &&
			      strcmp(text + strlen(text) - strlen(DENIED), DENIED) == 0,
		      "%s", text);
	ck_assert_ptr_null(strstr(text, "bind front"));
}

/* A rule of the files that denies the set would not find it: it would be open. */
START_TEST(without_room_for_its_compose_set_a_container_is_cut_off)
{
	struct ms_docker_container container = web();

	container.project = project;
	container.service = service;
	ck_assert_str_eq(told(&container, 1, 1, MS_DOCKER_POLICY_TAKEN),
			 "set compose/shop/web\nmember compose/shop/web 10.88.0.2/32 0\n"
			 "bind front 1 155\n");
	expect_cut_off(told(&container, 0, 1, MS_DOCKER_POLICY_REFUSED_LABEL));
	ck_assert_str_eq(said, "compose/shop/web: all containers together have no room for it");
	expect_cut_off(told(&container, 1, 0, MS_DOCKER_POLICY_REFUSED_LABEL));
	/* It need not have a label of ours for that. */
	container.group = NULL;
	expect_cut_off(told(&container, 0, 1, MS_DOCKER_POLICY_REFUSED_LABEL));
	/* There are no links of its own to be cut off. */
	container.network = MS_DOCKER_CONTAINER_NETWORK_SHARED;
	ck_assert_str_eq(told(&container, 0, 1, MS_DOCKER_POLICY_REFUSED_WITHOUT_LINKS), "");
}
END_TEST

/* Of one that is refused for the last of its sets nothing is in the others. */
START_TEST(without_room_for_one_set_it_is_a_member_of_none)
{
	struct ms_docker_container container = web();

	container.sets = sets;
	if (_i == 1)
		container.rules = rules;
	for (unsigned int room = 0; room < 3 + (unsigned int)_i; room++) {
		const char *text = told(&container, room, 9, MS_DOCKER_POLICY_REFUSED_LABEL);

		expect_cut_off(text);
		ck_assert_ptr_null(strstr(text, "member "));
		ck_assert_ptr_null(strstr(text, "rule "));
		ck_assert_ptr_nonnull(strstr(said, "containers together have no room for it"));
	}
	ck_assert_ptr_nonnull(
		strstr(told(&container, 3 + (unsigned int)_i, 9, MS_DOCKER_POLICY_TAKEN),
		       "member c 10.88.0.2/32 0\n"));
	container.network = MS_DOCKER_CONTAINER_NETWORK_SHARED;
	ck_assert_str_eq(told(&container, 2, 9, MS_DOCKER_POLICY_REFUSED_WITHOUT_LINKS),
			 "set a\nset b\n");
}
END_TEST

/* The stand-in for the host, which these tests believe: rules of others stay, whose name begins so.
 */
START_TEST(rules_are_taken_back_from_one_origin)
{
	static const char *const origins[] = { "container web", "container web x", "container web",
					       "container web" };
	static struct ms_plugin_builder builder;
	struct ms_plugin_error error = { "" };

	for (int i = 0; i < 4; i++)
		ms_trial_add_rule(&builder, origins[i], "x", 1, &error);
	ms_trial_add_set(&builder, "a", &error);
	ms_trial_take_back(&builder, "container", &error);
	ms_trial_take_back(&builder, "container web x", &error);
	ck_assert_str_eq(builder.text, "rule container web x\nrule container web x x\n"
				       "rule container web x\nrule container web x\nset a\n");
	ms_trial_take_back(&builder, "container web", &error);
	ck_assert_str_eq(builder.text, "rule container web x\nrule container web x x\nset a\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("unit/plugins/docker_room");
	TCase *tcase = tcase_create("docker_room");

	tcase_add_test(tcase, without_room_for_its_compose_set_a_container_is_cut_off);
	tcase_add_loop_test(tcase, without_room_for_one_set_it_is_a_member_of_none, 0, 2);
	tcase_add_test(tcase, rules_are_taken_back_from_one_origin);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
