/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/iface/bindings.h"
#include "tests/harness/ms_check.h"

static void add(struct ms_bindings *bindings, enum ms_binding_kind kind, uint64_t workload,
		const char *group)
{
	const struct ms_binding binding = {
		.kind = kind,
		.workload = workload,
		.group = group,
		.source = "docker",
	};

	ck_assert_int_eq(ms_bindings_add(bindings, &binding), 0);
}

static const char *group_of(struct ms_bindings *bindings, enum ms_binding_kind kind,
			    uint64_t workload)
{
	const struct ms_binding *found = ms_bindings_find(bindings, kind, workload);

	return found ? found->group : "";
}

START_TEST(each_kind_has_numbers_of_its_own)
{
	ms_cleanup(ms_bindings_fini) struct ms_bindings bindings = { 0 };

	ck_assert_str_eq(group_of(&bindings, MS_BINDING_NETNS, 7), "");
	add(&bindings, MS_BINDING_NETNS, 7, "web");
	add(&bindings, MS_BINDING_IFINDEX, 7, "db");
	ck_assert(!bindings.has_addresses);
	add(&bindings, MS_BINDING_ADDRESS, 7, "cache");
	ck_assert(bindings.has_addresses);
	ck_assert_str_eq(group_of(&bindings, MS_BINDING_NETNS, 7), "web");
	ck_assert_str_eq(group_of(&bindings, MS_BINDING_IFINDEX, 7), "db");
	ck_assert_str_eq(group_of(&bindings, MS_BINDING_ADDRESS, 7), "cache");
	ck_assert_str_eq(group_of(&bindings, MS_BINDING_NETNS, 8), "");
}
END_TEST

START_TEST(of_two_for_one_workload_the_first_counts)
{
	ms_cleanup(ms_bindings_fini) struct ms_bindings bindings = { 0 };
	char group[8];

	for (unsigned int i = 0; i < 100; i++) {
		snprintf(group, sizeof(group), "g%u", i);
		add(&bindings, MS_BINDING_NETNS, 99 - i, group);
		add(&bindings, MS_BINDING_NETNS, 99 - i, "later");
	}
	for (unsigned int i = 0; i < 100; i++) {
		snprintf(group, sizeof(group), "g%u", i);
		ck_assert_str_eq(group_of(&bindings, MS_BINDING_NETNS, 99 - i), group);
	}
	/* Also of one that comes after they were looked at. */
	add(&bindings, MS_BINDING_NETNS, 50, "latest");
	ck_assert_str_eq(group_of(&bindings, MS_BINDING_NETNS, 50), "g49");
}
END_TEST

/* What is bound outlives the offer that said so. */
START_TEST(texts_are_copies)
{
	ms_cleanup(ms_bindings_fini) struct ms_bindings bindings = { 0 };
	char group[] = "web";

	add(&bindings, MS_BINDING_NETNS, 1, group);
	memset(group, 'x', sizeof(group) - 1);
	ck_assert_str_eq(group_of(&bindings, MS_BINDING_NETNS, 1), "web");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bindings");
	TCase *cases = tcase_create("bindings");

	tcase_add_test(cases, each_kind_has_numbers_of_its_own);
	tcase_add_test(cases, of_two_for_one_workload_the_first_counts);
	tcase_add_test(cases, texts_are_copies);
	suite_add_tcase(suite, cases);
	return ms_check_run(suite);
}
