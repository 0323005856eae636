/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bpf/told.h"

#include <string.h>

#include "tests/harness/ms_check.h"

static int store(void *user, const struct ms_cidr *cidr, const struct ms_member_sets *sets)
{
	return ms_dataplane_member_put(user, cidr, sets);
}

static int drop(void *user, const struct ms_cidr *cidr)
{
	return ms_dataplane_member_remove(user, cidr);
}

void ms_told_open(struct ms_told *told, struct ms_dataplane *dp)
{
	const struct ms_member_tree_hooks hooks = { store, drop, dp };

	*told = (struct ms_told) { dp, ms_member_tree_new(&hooks) };
	ck_assert_ptr_nonnull(told->tree);
}

void ms_told_close(struct ms_told *told)
{
	told->tree = ms_member_tree_free(told->tree);
}

static void change(struct ms_told *told, uint32_t set, const struct ms_cidr *member, bool add)
{
	int r = add ? ms_dataplane_set_add(told->dp, set, member, 0, 0)
		    : ms_dataplane_set_remove(told->dp, set, member);

	ck_assert_int_eq(r, 0);
	r = add ? ms_member_tree_put(told->tree, set, member, 0)
		: ms_member_tree_remove(told->tree, set, member);
	ck_assert_int_eq(r, 0);
}

void ms_told_change(struct ms_told *told, const struct ms_random_policy *policy, bool add)
{
	for (uint32_t set = 0; policy && set < MS_RANDOM_SETS; set++) {
		for (size_t m = 0; m < policy->sets[set].n_members; m++) {
			const struct ms_oracle_cidr *member = &policy->members[set][m];
			struct ms_cidr cidr = { .addr.family = (uint8_t)member->family,
						.len = (uint8_t)member->len };

			memcpy(cidr.addr.bytes, member->addr, sizeof(cidr.addr.bytes));
			change(told, set + 1, &cidr, add);
		}
	}
}

void ms_told_choose(struct ms_told *told, bool is_told)
{
	const struct ms_asked asked = { .is_ready = is_told };

	ms_dataplane_asked_put(told->dp, &asked);
}
