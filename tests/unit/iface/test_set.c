/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/iface/set.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "tests/harness/ms_check.h"

/* The model owns its texts; these live as long as the program. */
#define TEXT(text) ((char[]) { text })

#define MANY 4000

static struct ms_iface_set *set;

static void set_up(void)
{
	ck_assert_int_eq(ms_iface_set_new(&set), 0);
}

static void tear_down(void)
{
	set = ms_iface_set_free(set);
}

static struct ms_iface_entry *put(uint32_t ifindex, const char *name)
{
	struct ms_link link = { .ifindex = ifindex, .kind = "veth" };
	struct ms_iface_entry *entry;

	snprintf(link.name, sizeof(link.name), "%s", name);
	entry = ms_iface_set_put(set, &link);
	ck_assert_ptr_nonnull(entry);
	return entry;
}

/* ---- the table ---- */

static uint32_t last_ifindex;

static void must_ascend(void *user, struct ms_iface_entry *entry)
{
	size_t *count = user;

	ck_assert_uint_gt(entry->link.ifindex, last_ifindex);
	last_ifindex = entry->link.ifindex;
	++*count;
}

START_TEST(entries_stay_where_they_are)
{
	struct ms_iface_entry *first = put(5000, "a");
	size_t visited = 0;

	first->zone = 9;
	for (uint32_t i = 1; i <= MANY; i++)
		put(i * 7 % 4001, "x");
	ck_assert_uint_eq(ms_iface_set_count(set), MANY + 1);
	ck_assert_ptr_eq(put(5000, "b"), first);
	ck_assert_str_eq(first->link.name, "b");
	ck_assert_uint_eq(first->zone, 9);
	ck_assert_ptr_eq(ms_iface_set_find_name(set, "b"), first);
	ck_assert_ptr_null(ms_iface_set_find_name(set, "a"));
	ms_iface_set_foreach(set, must_ascend, &visited);
	ck_assert_uint_eq(visited, MANY + 1);
}
END_TEST

START_TEST(removed_is_found_by_nothing)
{
	put(3, "a")->zone = 7;
	put(4, "b");
	ck_assert_ptr_nonnull(ms_iface_set_find_zone(set, 7));
	ms_iface_set_remove(set, 3);
	ms_iface_set_remove(set, 99);
	ck_assert_ptr_null(ms_iface_set_find(set, 3));
	ck_assert_ptr_null(ms_iface_set_find_name(set, "a"));
	ck_assert_ptr_null(ms_iface_set_find_zone(set, 7));
	ck_assert_ptr_nonnull(ms_iface_set_find(set, 4));
	ck_assert_uint_eq(ms_iface_set_count(set), 1);
}
END_TEST

START_TEST(zone_is_found_wherever_its_owner_puts_it)
{
	struct ms_iface_entry *a = put(3, "a"), *b = put(4, "b");

	ck_assert_ptr_null(ms_iface_set_find_zone(set, 0));
	ck_assert_ptr_null(ms_iface_set_find_zone(set, 5));
	a->zone = 5;
	b->zone = 6;
	ck_assert_ptr_eq(ms_iface_set_find_zone(set, 5), a);
	ck_assert_ptr_eq(ms_iface_set_find_zone(set, 6), b);
	a->zone = 6;
	b->zone = 5;
	ck_assert_ptr_eq(ms_iface_set_find_zone(set, 5), b);
	ck_assert_ptr_eq(ms_iface_set_find_zone(set, 6), a);
	a->zone = 0;
	ck_assert_ptr_null(ms_iface_set_find_zone(set, 6));
	/* remembered under one zone, removed under another */
	b->zone = 8;
	ms_iface_set_remove(set, 4);
	ck_assert_ptr_null(ms_iface_set_find_zone(set, 5));
	ck_assert_ptr_null(ms_iface_set_find_zone(set, 8));
}
END_TEST

/* ---- decisions ---- */

static struct ms_pattern name_a = { TEXT("a*") }, name_all = { TEXT("*") };
static struct ms_selector match_a = { .names = &name_a, .n_names = 1 };
static struct ms_selector match_all = { .names = &name_all, .n_names = 1 };
static char file[] = "p.yaml", as[] = "as", rest[] = "rest";
static struct ms_group_def groups[2];
static struct ms_policy policy = { .groups = groups, .n_groups = 2 };

static const char *why(const struct ms_iface_entry *entry)
{
	static char text[256];

	return ms_iface_set_explain(entry, &policy, text, sizeof(text));
}

static void set_up_policy(void)
{
	set_up();
	groups[0] = (struct ms_group_def) {
		.origin = { .source = MS_SOURCE_FILE, .file = file, .line = 2 },
		.name = as,
		.match = &match_a,
		.n_match = 1,
		.mode = MS_MODE_ENFORCE,
	};
	groups[1] = groups[0];
	groups[1].name = rest;
	groups[1].match = &match_all;
	policy.n_groups = 2;
}

START_TEST(wanted_is_what_the_policy_says)
{
	struct ms_iface_entry *entry = put(3, "a0");

	ck_assert(ms_iface_set_decide(set, entry, &policy, NULL));
	ck_assert_str_eq(entry->group, "as");
	ck_assert_int_eq(entry->side, MS_SIDE_WORKLOAD);
	ck_assert_int_eq(entry->want, MS_ATTACHED_TC);
	ck_assert_int_eq(entry->state, MS_IFACE_PENDING);
	ck_assert(!ms_iface_set_decide(set, entry, &policy, NULL));
	entry->have = MS_ATTACHED_TC;
	ck_assert(!ms_iface_set_decide(set, entry, &policy, NULL));
	ck_assert_int_eq(entry->state, MS_IFACE_PROTECTED);

	/* renamed out of the first group */
	strcpy(entry->link.name, "b0");
	ck_assert(ms_iface_set_decide(set, entry, &policy, NULL));
	ck_assert_str_eq(entry->group, "rest");
	ck_assert_int_eq(entry->state, MS_IFACE_PROTECTED);

	/* and out of every group */
	policy.n_groups = 1;
	ck_assert(ms_iface_set_decide(set, entry, &policy, NULL));
	ck_assert_str_eq(entry->group, "");
	ck_assert_int_eq(entry->want, MS_ATTACHED_NONE);
	ck_assert_int_eq(entry->state, MS_IFACE_EXCLUDED);
	ck_assert_str_eq(why(entry), "no group: no selector of 1 group matches");
}
END_TEST

START_TEST(side_alone_is_a_change)
{
	struct ms_iface_entry *entry = put(3, "a0");

	ms_iface_set_decide(set, entry, &policy, NULL);
	entry->link.has_default_route = true;
	ck_assert(ms_iface_set_decide(set, entry, &policy, NULL));
	ck_assert_int_eq(entry->side, MS_SIDE_HOST);
}
END_TEST

START_TEST(disabled_group_is_left_alone_and_named)
{
	struct ms_iface_entry *entry = put(3, "a0");

	groups[0].mode = MS_MODE_DISABLED;
	ms_iface_set_decide(set, entry, &policy, NULL);
	ck_assert_str_eq(entry->group, "as");
	ck_assert_int_eq(entry->want, MS_ATTACHED_NONE);
	ck_assert_int_eq(entry->state, MS_IFACE_EXCLUDED);
	ck_assert_str_eq(why(entry), "group as (p.yaml:2), selector 1, name like a*: disabled");
	groups[0].mode = MS_MODE_AUDIT;
	ck_assert(ms_iface_set_decide(set, entry, &policy, NULL));
	ck_assert_int_eq(entry->want, MS_ATTACHED_TC);
}
END_TEST

/* ---- plans ---- */

static struct ms_iface_entry *put_as(uint32_t ifindex, enum ms_attach_how want,
				     enum ms_attach_how have)
{
	struct ms_iface_entry *entry = put(ifindex, "x");

	entry->want = want;
	entry->have = have;
	return entry;
}

START_TEST(plan_is_the_difference_protection_first)
{
	ms_cleanup(ms_free) struct ms_attach_job *jobs = NULL;
	size_t count = 7;

	put_as(1, MS_ATTACHED_NONE, MS_ATTACHED_TC);
	put_as(2, MS_ATTACHED_TC, MS_ATTACHED_NONE)->link.is_loopback = true;
	put_as(3, MS_ATTACHED_TC, MS_ATTACHED_TC);
	put_as(4, MS_ATTACHED_TCX, MS_ATTACHED_TC);
	put_as(5, MS_ATTACHED_NONE, MS_ATTACHED_NONE);
	put_as(6, MS_ATTACHED_TC, MS_ATTACHED_NONE)->state = MS_IFACE_FAILED;

	ck_assert_int_eq(ms_iface_set_plan(set, &jobs, &count), 0);
	ck_assert_uint_eq(count, 3);
	ck_assert_uint_eq(jobs[0].ifindex, 2);
	ck_assert_int_eq(jobs[0].how, MS_ATTACHED_TC);
	ck_assert(jobs[0].loopback);
	ck_assert_uint_eq(jobs[1].ifindex, 4);
	ck_assert_int_eq(jobs[1].how, MS_ATTACHED_TCX);
	ck_assert_int_eq(jobs[1].before, MS_ATTACHED_TC);
	ck_assert_uint_eq(jobs[2].ifindex, 1);
	ck_assert_int_eq(jobs[2].how, MS_ATTACHED_NONE);
	ck_assert_int_eq(jobs[2].before, MS_ATTACHED_TC);
}
END_TEST

START_TEST(nothing_to_do_is_an_empty_plan)
{
	struct ms_attach_job *jobs = (void *)1;
	size_t count = 7;

	put(1, "a");
	ck_assert_int_eq(ms_iface_set_plan(set, &jobs, &count), 0);
	ck_assert_uint_eq(count, 0);
	ck_assert_ptr_null(jobs);
}
END_TEST

static size_t planned(void)
{
	ms_cleanup(ms_free) struct ms_attach_job *jobs = NULL;
	size_t count = 7;

	ck_assert_int_eq(ms_iface_set_plan(set, &jobs, &count), 0);
	return count;
}

START_TEST(plan_is_the_same_until_it_is_carried_out)
{
	struct ms_iface_entry *entry = put_as(3, MS_ATTACHED_TC, MS_ATTACHED_NONE);

	put_as(4, MS_ATTACHED_TC, MS_ATTACHED_NONE);
	ck_assert_uint_eq(planned(), 2);
	ck_assert_uint_eq(planned(), 2);
	ms_iface_set_remove(set, 4);
	ck_assert_uint_eq(planned(), 1);
	entry->have = MS_ATTACHED_TC;
	ck_assert_uint_eq(planned(), 0);
}
END_TEST

/* Else a burst of many would cost the square of their number. */
START_TEST(who_had_nothing_to_do_is_not_looked_at_until_it_is_heard_of)
{
	struct ms_iface_entry *entry = put_as(3, MS_ATTACHED_TC, MS_ATTACHED_TC);

	ck_assert_uint_eq(planned(), 0);
	entry->have = MS_ATTACHED_NONE;
	ck_assert_uint_eq(planned(), 0);
	put(3, "y");
	ck_assert_uint_eq(planned(), 1);
}
END_TEST

/* What was ours once, or was there before us, may carry what is to be taken off. */
START_TEST(fresh_is_what_appeared_after_us_and_was_never_tried)
{
	ms_cleanup(ms_free) struct ms_attach_job *jobs = NULL;
	size_t count;

	put_as(1, MS_ATTACHED_TC, MS_ATTACHED_NONE);
	put_as(2, MS_ATTACHED_TC, MS_ATTACHED_NONE)->link.from_walk = true;
	put_as(3, MS_ATTACHED_TC, MS_ATTACHED_NONE)->attached_ns = 1;
	put_as(4, MS_ATTACHED_TC, MS_ATTACHED_NONE)->error = -ENOBUFS;
	put_as(5, MS_ATTACHED_TC, MS_ATTACHED_TCX);
	ck_assert_int_eq(ms_iface_set_plan(set, &jobs, &count), 0);
	ck_assert_uint_eq(count, 5);
	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(jobs[i].is_fresh, jobs[i].ifindex == 1);
}
END_TEST

START_TEST(what_failed_is_planned_again_when_it_changes)
{
	struct ms_iface_entry *entry = put(3, "a0");
	struct ms_attach_job *jobs;
	size_t count;

	ms_iface_set_decide(set, entry, &policy, NULL);
	entry->state = MS_IFACE_FAILED;
	entry->error = -EBUSY;
	ms_iface_set_decide(set, entry, &policy, NULL);
	ck_assert_int_eq(entry->state, MS_IFACE_FAILED);
	ck_assert_int_eq(ms_iface_set_plan(set, &jobs, &count), 0);
	ck_assert_uint_eq(count, 0);
	strcpy(entry->link.name, "b0");
	ms_iface_set_decide(set, entry, &policy, NULL);
	ck_assert_int_eq(entry->state, MS_IFACE_PENDING);
	ck_assert_int_eq(ms_iface_set_plan(set, &jobs, &count), 0);
	ck_assert_uint_eq(count, 1);
	free(jobs);
}
END_TEST

START_TEST(who_is_decided_anew_is_looked_at_again)
{
	struct ms_iface_entry *entry = put(3, "none of a group");

	ck_assert_uint_eq(planned(), 0);
	strcpy(entry->link.name, "b0");
	ck_assert_uint_eq(planned(), 0);
	ms_iface_set_decide(set, entry, &policy, NULL);
	ck_assert_uint_eq(planned(), 1);
}
END_TEST

START_TEST(states_have_names)
{
	ck_assert_str_eq(ms_iface_state_name(MS_IFACE_EXCLUDED), "excluded");
	ck_assert_str_eq(ms_iface_state_name(MS_IFACE_PENDING), "pending");
	ck_assert_str_eq(ms_iface_state_name(MS_IFACE_PROTECTED), "protected");
	ck_assert_str_eq(ms_iface_state_name(MS_IFACE_FAILED), "failed");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("iface/set");
	TCase *table = tcase_create("table"), *decisions = tcase_create("decisions");

	tcase_add_checked_fixture(table, set_up, tear_down);
	tcase_add_test(table, entries_stay_where_they_are);
	tcase_add_test(table, removed_is_found_by_nothing);
	tcase_add_test(table, zone_is_found_wherever_its_owner_puts_it);
	tcase_add_test(table, plan_is_the_difference_protection_first);
	tcase_add_test(table, nothing_to_do_is_an_empty_plan);
	tcase_add_test(table, plan_is_the_same_until_it_is_carried_out);
	tcase_add_test(table, who_had_nothing_to_do_is_not_looked_at_until_it_is_heard_of);
	tcase_add_test(table, fresh_is_what_appeared_after_us_and_was_never_tried);
	tcase_add_test(table, states_have_names);
	suite_add_tcase(suite, table);
	tcase_add_checked_fixture(decisions, set_up_policy, tear_down);
	tcase_add_test(decisions, wanted_is_what_the_policy_says);
	tcase_add_test(decisions, side_alone_is_a_change);
	tcase_add_test(decisions, disabled_group_is_left_alone_and_named);
	tcase_add_test(decisions, what_failed_is_planned_again_when_it_changes);
	tcase_add_test(decisions, who_is_decided_anew_is_looked_at_again);
	suite_add_tcase(suite, decisions);
	return ms_check_run(suite);
}
