/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/policy/numbering.h"

#include <errno.h>
#include <stdio.h>

#include "tests/harness/ms_check.h"

struct round {
	uint32_t seen; /* the one slot that a session carries, 0 = none */
	uint32_t freed;
	unsigned int n_freed;
};

static bool saw(void *user, uint32_t slot)
{
	struct round *round = user;

	return slot == round->seen;
}

static void on_freed(void *user, uint32_t slot)
{
	struct round *round = user;

	round->freed = slot;
	round->n_freed++;
}

static void retire_all_but(struct ms_numbering_table *table, uint32_t slot)
{
	ms_numbering_begin(table);
	ms_numbering_keep(table, slot);
	ms_numbering_end(table);
}

static uint32_t assign(struct ms_numbering_table *table, const char *id, bool expect_new)
{
	uint32_t slot = 0;

	ck_assert_int_eq(ms_numbering_find(table, id) == 0, expect_new);
	ck_assert_int_eq(ms_numbering_assign(table, id, &slot), 0);
	ck_assert_uint_ne(slot, 0);
	return slot;
}

START_TEST(an_id_keeps_its_slot)
{
	struct ms_numbering_table *table;
	uint32_t a, b;

	ck_assert_int_eq(ms_numbering_new(16, &table), 0);
	a = assign(table, "web/http", true);
	b = assign(table, "db", true);
	ck_assert_uint_ne(a, b);
	ck_assert_uint_eq(assign(table, "web/http", false), a);
	ck_assert_uint_eq(ms_numbering_find(table, "db"), b);
	ck_assert_uint_eq(ms_numbering_find(table, "d"), 0);
	table = ms_numbering_free(table);
}
END_TEST

START_TEST(a_dead_slot_waits_for_a_whole_round_that_did_not_see_it)
{
	struct ms_numbering_table *table;
	struct round round = { .seen = 0 };
	uint32_t a, b, slot;

	ck_assert_int_eq(ms_numbering_new(3, &table), 0);
	a = assign(table, "a", true);
	b = assign(table, "b", true);
	retire_all_but(table, b);
	/* Waiting is not free. */
	ck_assert_int_eq(ms_numbering_assign(table, "c", &slot), -ENOSPC);

	/* This round was under way when the rule went. */
	ms_numbering_round_done(table, saw, on_freed, &round);
	ck_assert_uint_eq(round.n_freed, 0);
	/* A whole one, but a session still carries it. */
	round.seen = a;
	ms_numbering_round_done(table, saw, on_freed, &round);
	ck_assert_uint_eq(round.n_freed, 0);
	ck_assert_int_eq(ms_numbering_assign(table, "c", &slot), -ENOSPC);
	round.seen = 0;
	ms_numbering_round_done(table, saw, on_freed, &round);
	ck_assert_uint_eq(round.n_freed, 1);
	ck_assert_uint_eq(round.freed, a);
	ck_assert_uint_eq(ms_numbering_find(table, "a"), 0);
	ck_assert_uint_eq(assign(table, "c", true), a);
	ck_assert_uint_eq(ms_numbering_find(table, "b"), b);
	table = ms_numbering_free(table);
}
END_TEST

START_TEST(a_rule_that_comes_back_has_its_slot_again)
{
	struct ms_numbering_table *table;
	struct round round = { .seen = 0 };
	uint32_t a;

	ck_assert_int_eq(ms_numbering_new(8, &table), 0);
	a = assign(table, "a", true);
	retire_all_but(table, 0);
	ms_numbering_round_done(table, saw, on_freed, &round);
	ck_assert_uint_eq(assign(table, "a", false), a);
	retire_all_but(table, a);
	ms_numbering_round_done(table, saw, on_freed, &round);
	ms_numbering_round_done(table, saw, on_freed, &round);
	ck_assert_uint_eq(round.n_freed, 0);
	/* Gone a second time: the round of the first wait does not count. */
	retire_all_but(table, 0);
	ms_numbering_round_done(table, saw, on_freed, &round);
	ck_assert_uint_eq(round.n_freed, 0);
	ms_numbering_round_done(table, saw, on_freed, &round);
	ck_assert_uint_eq(round.n_freed, 1);
	table = ms_numbering_free(table);
}
END_TEST

START_TEST(adopted_slots_are_respected)
{
	struct ms_numbering_table *table;

	ck_assert_int_eq(ms_numbering_new(4, &table), 0);
	ck_assert_int_eq(ms_numbering_adopt(table, 1, "old"), 0);
	ck_assert_int_eq(ms_numbering_adopt(table, 1, "other"), -EEXIST);
	ck_assert_int_eq(ms_numbering_adopt(table, 2, "old"), -EEXIST);
	ck_assert_int_eq(ms_numbering_adopt(table, 0, "x"), -ERANGE);
	ck_assert_int_eq(ms_numbering_adopt(table, 4, "x"), -ERANGE);
	ck_assert_uint_eq(assign(table, "old", false), 1);
	ck_assert_uint_ne(assign(table, "new", true), 1);
	table = ms_numbering_free(table);
}
END_TEST

START_TEST(full_is_full_and_many_collide_harmlessly)
{
	struct ms_numbering_table *table;
	char id[32];
	uint32_t slot;

	ck_assert_int_eq(ms_numbering_new(1000, &table), 0);
	for (unsigned int i = 1; i < 1000; i++) {
		snprintf(id, sizeof(id), "rule/%u", i);
		assign(table, id, true);
	}
	slot = 77;
	ck_assert_int_eq(ms_numbering_assign(table, "one more", &slot), -ENOSPC);
	ck_assert_uint_eq(slot, 77);
	for (unsigned int i = 1; i < 1000; i++) {
		snprintf(id, sizeof(id), "rule/%u", i);
		assign(table, id, false);
	}
	table = ms_numbering_free(table);
	ck_assert_ptr_null(ms_numbering_free(NULL));
}
END_TEST

/* A diff, a dry run, a load that was refused: as if nobody had asked. */
START_TEST(single_ids_enter_and_leave)
{
	struct ms_numbering_table *table;
	struct round round = { .seen = 0 };
	uint32_t a, b;

	ck_assert_int_eq(ms_numbering_new(4, &table), 0);
	a = assign(table, "a", true);
	b = assign(table, "b", true);
	ms_numbering_enter(table, a);
	ck_assert(!ms_numbering_is_live(table, b));
	ms_numbering_enter(table, b);
	ck_assert(ms_numbering_is_live(table, b));
	ms_numbering_leave(table, b);
	ck_assert(!ms_numbering_is_live(table, b));
	ck_assert(!ms_numbering_is_new(table, b));
	/* It waits as any other, and what was not named stays. */
	ms_numbering_round_done(table, saw, on_freed, &round);
	ck_assert_uint_eq(round.n_freed, 0);
	ck_assert_uint_eq(ms_numbering_find(table, "b"), b);
	ms_numbering_round_done(table, saw, on_freed, &round);
	ck_assert_uint_eq(round.n_freed, 1);
	ck_assert_uint_eq(round.freed, b);
	ck_assert(ms_numbering_is_live(table, a));
	ck_assert(!ms_numbering_is_live(table, 0));
	table = ms_numbering_free(table);
}
END_TEST

START_TEST(what_is_abandoned_was_never_given_out)
{
	struct ms_numbering_table *table;
	struct round round = { .seen = 0 };
	char id[32];
	uint32_t a, b;

	ck_assert_int_eq(ms_numbering_new(16, &table), 0);
	a = assign(table, "a", true);
	b = assign(table, "b", true);
	ck_assert(ms_numbering_is_new(table, a));
	retire_all_but(table, b);
	ck_assert(!ms_numbering_is_new(table, b));
	for (unsigned int i = 0; i < 100; i++) {
		snprintf(id, sizeof(id), "asked/%u", i);
		ck_assert(ms_numbering_is_new(table, assign(table, id, true)));
		ck_assert_uint_eq(assign(table, "a", false), a);
		ck_assert_uint_eq(assign(table, "b", false), b);
		ms_numbering_abandon(table);
		ck_assert_uint_eq(ms_numbering_find(table, id), 0);
	}
	/* One that waits has gone on waiting. */
	ms_numbering_round_done(table, saw, on_freed, &round);
	ms_numbering_round_done(table, saw, on_freed, &round);
	ck_assert_uint_eq(round.freed, a);
	ck_assert_uint_eq(round.n_freed, 1);
	ck_assert_uint_eq(assign(table, "b", false), b);
	table = ms_numbering_free(table);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("policy/numbering");
	TCase *tcase = tcase_create("numbering");

	tcase_add_test(tcase, an_id_keeps_its_slot);
	tcase_add_test(tcase, a_dead_slot_waits_for_a_whole_round_that_did_not_see_it);
	tcase_add_test(tcase, a_rule_that_comes_back_has_its_slot_again);
	tcase_add_test(tcase, adopted_slots_are_respected);
	tcase_add_test(tcase, full_is_full_and_many_collide_harmlessly);
	tcase_add_test(tcase, single_ids_enter_and_leave);
	tcase_add_test(tcase, what_is_abandoned_was_never_given_out);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
