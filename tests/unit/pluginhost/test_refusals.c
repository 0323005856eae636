/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules that the daemon refused: whose, which, and for how long. */
#include <stdio.h>
#include <string.h>

#include "core/pluginhost/refusals.h"
#include "tests/harness/ms_check.h"

#define HOUR MS_PLUGINHOST_REFUSALS_KEPT_NS

static struct ms_pluginhost_refusals refusals;

static void add(struct ms_source_offer *offer, enum ms_source_text_kind kind, const char *origin,
		const char *text)
{
	ck_assert_int_eq(ms_source_offer_add_text(offer, kind, origin, text, strlen(text)), 0);
}

static void tell(void)
{
	struct ms_source_offer offer = { 0 };

	add(&offer, MS_SOURCE_TEXT_RULE, "evil", "one");
	add(&offer, MS_SOURCE_TEXT_RULE, "evil", "two");
	add(&offer, MS_SOURCE_TEXT_RULE, "good", "one");
	add(&offer, MS_SOURCE_TEXT_DOCUMENT, "base", "one");
	ms_pluginhost_refusals_tell(&refusals, &offer);
	ck_assert_uint_eq(offer.n_texts, 0);
}

/* Of what was told last. */
static bool refused(const char *origin, const char *sentence, uint64_t now_ns)
{
	return ms_pluginhost_refusals_add(&refusals, refusals.number, origin, sentence, now_ns);
}

static const char *found(const char *origin, const char *text, uint64_t now_ns)
{
	return ms_pluginhost_refusals_find(&refusals, origin, text, strlen(text), now_ns);
}

START_TEST(rules_of_one_origin_are_refused)
{
	tell();
	ck_assert_ptr_null(found("evil", "one", 1));
	ck_assert(refused("evil", "it is wrong", 1));
	ck_assert_str_eq(found("evil", "one", 1), "it is wrong");
	ck_assert_str_eq(found("evil", "two", 1), "it is wrong");
	ck_assert_ptr_null(found("good", "one", 1));
	/* Other rules of it may be right. */
	ck_assert_ptr_null(found("evil", "three", 1));
	ck_assert_ptr_null(found("evil", "on", 1));
	ms_pluginhost_refusals_fini(&refusals);
}
END_TEST

/* Without this the source would be asked for ever. */
START_TEST(what_was_not_told_is_not_told_anew)
{
	tell();
	ck_assert(!refused("nobody", "it is wrong", 1));
	ck_assert(!refused("base", "it is wrong", 1));
	ck_assert(refused("evil", "it is wrong", 1));
	ck_assert(!refused("evil", "again", 1));
	ck_assert_str_eq(found("evil", "one", 1), "it is wrong");
	ms_pluginhost_refusals_fini(&refusals);
}
END_TEST

static void tell_one(const char *text)
{
	struct ms_source_offer offer = { 0 };

	add(&offer, MS_SOURCE_TEXT_RULE, "evil", text);
	add(&offer, MS_SOURCE_TEXT_RULE, "good", "one");
	ms_pluginhost_refusals_tell(&refusals, &offer);
}

/* The daemon has not seen yet what was told meanwhile. */
START_TEST(a_refusal_does_not_reach_what_was_told_later)
{
	tell();
	tell_one("two");
	tell_one("three");
	ck_assert(!ms_pluginhost_refusals_add(&refusals, 1, "evil", "it is wrong", 1));
	ck_assert(!ms_pluginhost_refusals_add(&refusals, 2, "evil", "it is wrong", 1));
	ck_assert_ptr_null(found("evil", "three", 1));
	/* What was the same text in all of them is refused, else it would be so again. */
	ck_assert(ms_pluginhost_refusals_add(&refusals, 1, "good", "it is wrong", 1));
	ck_assert_ptr_nonnull(found("good", "one", 1));
	/* One that went and came back is told anew. */
	tell_one("two");
	ck_assert(!ms_pluginhost_refusals_add(&refusals, 2, "evil", "it is wrong", 1));
	ck_assert(ms_pluginhost_refusals_add(&refusals, 4, "evil", "it is wrong", 1));
	ck_assert_ptr_nonnull(found("evil", "two", 1));
	ms_pluginhost_refusals_fini(&refusals);
}
END_TEST

/* If it did, a source that adds both each time would tell the one, the other, the one, ... */
START_TEST(a_refusal_does_not_end_an_earlier_one)
{
	tell_one("two");
	ck_assert(refused("evil", "two is wrong", 1));
	ck_assert_ptr_nonnull(found("evil", "two", 1));
	ck_assert_ptr_null(found("evil", "three", 1));
	tell_one("three");
	ck_assert(refused("evil", "three is wrong", 2));
	/* Each with its own sentence, and for its own time; the next transaction changes nothing.
	 */
	for (int i = 0; i < 2; i++) {
		ck_assert_str_eq(found("evil", "two", HOUR), "two is wrong");
		ck_assert_str_eq(found("evil", "three", HOUR), "three is wrong");
		ck_assert_ptr_null(found("evil", "four", HOUR));
		tell_one("four");
	}
	ck_assert_ptr_null(found("evil", "two", HOUR + 1));
	ck_assert_str_eq(found("evil", "three", HOUR + 1), "three is wrong");
	/* What is over is not kept. */
	tell_one("four");
	ck_assert_uint_eq(refusals.count, 1);
	ck_assert_str_eq(found("evil", "three", HOUR + 1), "three is wrong");
	ms_pluginhost_refusals_fini(&refusals);
}
END_TEST

START_TEST(it_is_forgotten_after_a_while)
{
	tell();
	ck_assert(refused("evil", "it is wrong", 1));
	ck_assert_ptr_nonnull(found("evil", "one", HOUR));
	ck_assert_ptr_null(found("evil", "one", HOUR + 1));
	tell();
	ck_assert(refused("evil", "again", HOUR + 1));
	ck_assert_str_eq(found("evil", "one", HOUR + 1), "again");
	ck_assert_uint_eq(refusals.count, 1);
	ms_pluginhost_refusals_fini(&refusals);
}
END_TEST

/* What a source does that has so many wrong origins and a good one: it asks for all, and tells
 * those that were not refused. Returns how many. */
static unsigned int tell_the_good_of(unsigned int wrong)
{
	struct ms_source_offer offer = { 0 };
	unsigned int told = 0;
	char origin[16];

	for (unsigned int i = 0; i <= wrong; i++) {
		snprintf(origin, sizeof(origin), i < wrong ? "wrong %u" : "good", i);
		if (found(origin, "one", 1))
			continue;
		add(&offer, MS_SOURCE_TEXT_RULE, origin, "one");
		told++;
	}
	ms_pluginhost_refusals_tell(&refusals, &offer);
	return told;
}

/* One that gave way to another would be told and refused again for ever. */
START_TEST(all_wrong_origins_are_left_out)
{
	enum { WRONG = 1500 };
	char origin[16];

	ck_assert_uint_eq(tell_the_good_of(WRONG), WRONG + 1);
	for (unsigned int i = 0; i < WRONG; i++) {
		snprintf(origin, sizeof(origin), "wrong %u", i * 7 % WRONG);
		ck_assert(refused(origin, "it is wrong", 1));
	}
	ck_assert_uint_eq(tell_the_good_of(WRONG), 1);
	ck_assert_uint_eq(tell_the_good_of(WRONG), 1);
	/* They are gone, and so is what was remembered of them. */
	ck_assert_uint_eq(tell_the_good_of(10), 1);
	ck_assert_uint_eq(refusals.count, 10);
	ms_pluginhost_refusals_fini(&refusals);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("unit/pluginhost/refusals");
	TCase *tcase = tcase_create("refusals");

	tcase_add_test(tcase, rules_of_one_origin_are_refused);
	tcase_add_test(tcase, what_was_not_told_is_not_told_anew);
	tcase_add_test(tcase, a_refusal_does_not_reach_what_was_told_later);
	tcase_add_test(tcase, a_refusal_does_not_end_an_earlier_one);
	tcase_add_test(tcase, it_is_forgotten_after_a_while);
	tcase_add_test(tcase, all_wrong_origins_are_left_out);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
