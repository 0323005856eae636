/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/source/offer.h"

#include <errno.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "tests/harness/ms_check.h"

#define GROUP "{ name: web, match: { name: web* }, default: { in: deny, out: allow } }"

static void add_text(struct ms_source_offer *offer, enum ms_source_text_kind kind,
		     const char *origin, const char *text)
{
	ck_assert_int_eq(ms_source_offer_add_text(offer, kind, origin, text, strlen(text)), 0);
}

static void add_member(struct ms_source_offer *offer, const char *set, const char *cidr,
		       uint64_t timeout_ns)
{
	struct ms_source_member member = { .timeout_ns = timeout_ns };

	ck_assert(ms_cidr_parse(cidr, &member.cidr));
	ck_assert_int_eq(ms_source_offer_add_member(offer, set, &member), 0);
}

static void fill(struct ms_source_offer *offer)
{
	add_text(offer, MS_SOURCE_TEXT_GROUP, "container web", GROUP);
	add_text(offer, MS_SOURCE_TEXT_RULE, "container web", "{ group: web, action: allow }");
	add_text(offer, MS_SOURCE_TEXT_RULE, "container web", "{ group: web, action: deny }");
	add_text(offer, MS_SOURCE_TEXT_RULE, "container db", "{ id: db/in, action: deny }");
	add_text(offer, MS_SOURCE_TEXT_DOCUMENT, "/base:7",
		 "version: 1\nrules:\n  - { id: base/x, from: set:bad, action: deny }\n");
	ck_assert_int_eq(ms_source_offer_add_set(offer, "bad"), 0);
	ck_assert_int_eq(ms_source_offer_add_set(offer, "empty"), 0);
	add_member(offer, "bad", "198.51.100.0/24", 7);
	add_member(offer, "bad", "192.0.2.1", 5);
	add_member(offer, "bad", "192.0.2.1", 9);
	add_member(offer, "bad", "198.51.100.0/24", 0);
	ms_source_offer_finish(offer);
}

static void expect_members(const struct ms_source_offer *offer)
{
	char text[MS_CIDR_TEXT];

	ck_assert_uint_eq(offer->n_members, 2);
	ck_assert_uint_eq(offer->sets[0].n_members, 2);
	ck_assert_uint_eq(offer->sets[1].n_members, 0);
	ck_assert_str_eq(ms_cidr_format(&offer->sets[0].members[0].cidr, text, sizeof(text)),
			 "192.0.2.1");
	ck_assert_uint_eq(offer->sets[0].members[0].timeout_ns, 9);
	ck_assert_uint_eq(offer->sets[0].members[1].timeout_ns, 0);
}

START_TEST(travels_whole)
{
	ms_cleanup(ms_source_offer_fini) struct ms_source_offer offer = { 0 }, back = { 0 };
	ms_cleanup(ms_source_wire_buffer_fini) struct ms_source_wire_buffer buffer = { 0 };

	fill(&offer);
	ck_assert_int_eq(ms_source_offer_add_bind(&offer, 1, 4711, "web"), 0);
	ck_assert_int_eq(ms_source_offer_leave_out(&offer, "container bad", "a\nwrong \xff"), 0);
	expect_members(&offer);
	ck_assert_int_eq(ms_source_offer_encode(&offer, &buffer), 0);
	ck_assert_int_eq(ms_source_offer_decode(buffer.bytes, buffer.length, &back, NULL), 0);
	expect_members(&back);
	ck_assert(ms_source_offer_equal_but_members(&offer, &back));
	ck_assert_uint_eq(back.binds[0].workload, 4711);
	ck_assert_str_eq(back.binds[0].group, "web");
	ck_assert_uint_eq(back.n_left_out, 1);
	ck_assert_str_eq(back.left_out[0].origin, "container bad");
	ck_assert_str_eq(back.left_out[0].why, "a wrong ?");
}
END_TEST

/* Cut anywhere, or with anything behind it, it is no transaction at all. */
START_TEST(a_half_is_nothing)
{
	ms_cleanup(ms_source_offer_fini) struct ms_source_offer offer = { 0 }, back = { 0 };
	ms_cleanup(ms_source_wire_buffer_fini) struct ms_source_wire_buffer buffer = { 0 };
	size_t whole;

	fill(&offer);
	ck_assert_int_eq(ms_source_offer_encode(&offer, &buffer), 0);
	whole = buffer.length;
	for (size_t length = 0; length < whole; length++) {
		struct ms_error err = MS_ERROR_INIT;

		ck_assert_int_eq(ms_source_offer_decode(buffer.bytes, length, &back, &err),
				 -EPROTO);
		ck_assert_str_ne(err.message, "");
	}
	ck_assert_int_eq(ms_source_offer_encode(&offer, &buffer), 0);
	ck_assert_int_eq(ms_source_offer_decode(buffer.bytes, whole + 8, &back, NULL), -EPROTO);
	ck_assert_uint_eq(back.n_texts, 0);
}
END_TEST

/* The sets that stay get what is in force, and are left out if that is nothing. */
START_TEST(what_stays_is_taken_from_before)
{
	ms_cleanup(ms_source_offer_fini) struct ms_source_offer before = { 0 }, offer = { 0 };
	ms_cleanup(ms_source_offer_fini) struct ms_source_offer back = { 0 };
	ms_cleanup(ms_source_wire_buffer_fini) struct ms_source_wire_buffer buffer = { 0 };
	const struct ms_source_member member = { .cidr = { .addr = { .family = 4 }, .len = 32 } };

	fill(&before);
	ck_assert_int_eq(ms_source_offer_keep_set(&offer, "unheard-of"), 0);
	ck_assert_int_eq(ms_source_offer_keep_set(&offer, "bad"), 0);
	ck_assert_int_eq(ms_source_offer_add_set(&offer, "bad"), -EEXIST);
	ck_assert_int_eq(ms_source_offer_add_member(&offer, "bad", &member), -EINVAL);
	ck_assert_int_eq(ms_source_offer_add_set(&offer, "empty"), 0);
	add_member(&offer, "empty", "192.0.2.9", 0);
	ms_source_offer_finish(&offer);
	ck_assert_int_eq(ms_source_offer_encode(&offer, &buffer), 0);
	ck_assert_int_eq(ms_source_offer_decode(buffer.bytes, buffer.length, &back, NULL), 0);
	ck_assert_int_eq(ms_source_offer_keep(&back, _i ? &before : NULL, NULL), 1);
	ck_assert_uint_eq(back.n_sets, _i ? 2 : 1);
	ck_assert_uint_eq(back.n_members, _i ? 3 : 1);
	ck_assert_uint_eq(back.sets[back.n_sets - 1].n_members, 1);
	ck_assert_str_eq(back.sets[0].name, _i ? "bad" : "empty");
	if (_i)
		ck_assert_uint_eq(back.sets[0].members[0].timeout_ns, 9);
	/* As though all had been said. */
	ck_assert_int_eq(ms_source_offer_keep(&back, NULL, NULL), 0);
	back.n_members = MS_SOURCE_OFFER_MEMBERS_MAX + 1;
	ck_assert_int_eq(ms_source_offer_keep(&back, NULL, NULL), -E2BIG);
}
END_TEST

/* Of one author all or nothing; what others said stays, and so does what is no rule. */
START_TEST(rules_of_an_origin_are_taken_back)
{
	ms_cleanup(ms_source_offer_fini) struct ms_source_offer offer = { 0 };
	static const struct {
		enum ms_source_text_kind kind;
		const char *origin;
	} texts[] = {
		{ MS_SOURCE_TEXT_RULE, "a" },  { MS_SOURCE_TEXT_RULE, "b" },
		{ MS_SOURCE_TEXT_GROUP, "a" }, { MS_SOURCE_TEXT_RULE, "a" },
		{ MS_SOURCE_TEXT_RULE, "a" },
	};

	for (size_t i = 0; i < ms_array_size(texts); i++)
		ck_assert_int_eq(
			ms_source_offer_add_text(&offer, texts[i].kind, texts[i].origin, "some", 4),
			0);
	ms_source_offer_take_back(&offer, "b");
	ck_assert_uint_eq(offer.n_texts, 5);
	ms_source_offer_take_back(&offer, "a");
	ck_assert_uint_eq(offer.n_texts, 3);
	ck_assert_uint_eq(offer.text_bytes, 12);
	ck_assert_int_eq(offer.texts[2].kind, MS_SOURCE_TEXT_GROUP);
	ms_source_offer_take_back(&offer, "a");
	ck_assert_uint_eq(offer.n_texts, 3);
}
END_TEST

START_TEST(a_builder_says_no)
{
	ms_cleanup(ms_source_offer_fini) struct ms_source_offer offer = { 0 };
	const struct ms_source_member member = { .cidr = { .addr = { .family = 4 }, .len = 32 } };
	char origin[MS_SOURCE_WIRE_ORIGIN_MAX + 2];

	memset(origin, 'o', sizeof(origin));
	origin[sizeof(origin) - 1] = '\0';
	ck_assert_int_eq(ms_source_offer_add_set(&offer, "bad"), 0);
	ck_assert_int_eq(ms_source_offer_add_set(&offer, "bad"), -EEXIST);
	ck_assert_int_eq(ms_source_offer_add_set(&offer, "Bad"), -EINVAL);
	ck_assert_int_eq(ms_source_offer_add_set(&offer, "host"), -EINVAL);
	ck_assert_int_eq(ms_source_offer_add_member(&offer, "good", &member), -ENOENT);
	ck_assert_int_eq(ms_source_offer_add_text(&offer, MS_SOURCE_TEXT_RULE, origin, "", 0),
			 -EMSGSIZE);
	ck_assert_int_eq(ms_source_offer_add_bind(&offer, 1, 1, ""), -EMSGSIZE);
	ck_assert_int_eq(ms_source_offer_leave_out(&offer, origin, "o"), -EMSGSIZE);
	for (size_t i = 0; i < MS_SOURCE_OFFER_LEFT_OUT_MAX; i++)
		ck_assert_int_eq(ms_source_offer_leave_out(&offer, "o", "o"), 0);
	ck_assert_int_eq(ms_source_offer_leave_out(&offer, "o", "o"), -E2BIG);
	offer.n_members = MS_SOURCE_OFFER_MEMBERS_MAX;
	ck_assert_int_eq(ms_source_offer_add_member(&offer, "bad", &member), -E2BIG);
	offer.text_bytes = MS_SOURCE_OFFER_TEXT_MAX;
	ck_assert_int_eq(ms_source_offer_add_text(&offer, MS_SOURCE_TEXT_RULE, "o", "x", 1),
			 -E2BIG);
	ck_assert_uint_eq(offer.n_texts, 0);
}
END_TEST

/* A taken-over child cannot say what the builder would not. */
START_TEST(frames_say_no_more_than_a_builder)
{
	static const struct ms_source_wire_message messages[] = {
		{ .kind = MS_SOURCE_WIRE_SET, .text = "host", .length = 4 },
		{ .kind = MS_SOURCE_WIRE_SET, .text = "A b", .length = 3 },
		{ .kind = MS_SOURCE_WIRE_MEMBERS, .number = 1 },
		{ .kind = MS_SOURCE_WIRE_BEGIN },
		{ .kind = MS_SOURCE_WIRE_LOG, .text = "x", .length = 1 },
	};
	ms_cleanup(ms_source_offer_fini) struct ms_source_offer offer = { 0 };
	struct ms_error err = MS_ERROR_INIT;

	ck_assert_int_eq(ms_source_offer_add(&offer, &messages[_i], &err), -EPROTO);
	ck_assert_str_ne(err.message, "");
}
END_TEST

/* It would stand in every answer about the rules of it. */
START_TEST(an_origin_is_a_line_of_utf8)
{
	static const char *const origins[] = { "a\xff", "half \xc3", "a\nb", "\x1b[2J", "a\x7f" };
	ms_cleanup(ms_source_offer_fini) struct ms_source_offer offer = { 0 };
	struct ms_error err = MS_ERROR_INIT;
	const char *text = "{ action: deny }";

	for (size_t i = 0; i < ms_array_size(origins); i++) {
		ck_assert_int_eq(ms_source_offer_add_text(&offer, MS_SOURCE_TEXT_RULE, origins[i],
							  text, strlen(text)),
				 -EINVAL);
		err.code = 0;
		ck_assert_int_eq(ms_source_offer_check_text("u8", MS_SOURCE_TEXT_RULE, origins[i],
							    text, strlen(text), &err),
				 -EINVAL);
		ck_assert_ptr_nonnull(strstr(err.message, "UTF-8"));
	}
	ck_assert_uint_eq(offer.n_texts, 0);
	ck_assert_int_eq(ms_source_offer_add_text(&offer, MS_SOURCE_TEXT_RULE, "b\xc3\xbcro", text,
						  strlen(text)),
			 0);
}
END_TEST

START_TEST(becomes_a_policy)
{
	ms_cleanup(ms_source_offer_fini) struct ms_source_offer offer = { 0 };
	struct ms_policy *policy = NULL;
	struct ms_error err = MS_ERROR_INIT;
	char origin[MS_ORIGIN_MAX];

	fill(&offer);
	ck_assert_msg(ms_source_offer_policy(&offer, "docker", NULL, &policy, &err) == 0, "%s",
		      err.message);
	ck_assert_uint_eq(policy->n_groups, 1);
	ck_assert_uint_eq(policy->n_sets, 2);
	ck_assert_uint_eq(policy->sets[0].n_members, 2);
	ck_assert_uint_eq(policy->n_rules, 4);
	ck_assert_str_eq(policy->rules[0].id, "docker/container_web/2");
	ck_assert_str_eq(policy->rules[1].id, "docker/container_web/3");
	ck_assert_str_eq(policy->rules[2].id, "db/in");
	ck_assert_str_eq(policy->rules[3].id, "base/x");
	ck_assert_int_eq(policy->rules[3].origin.source, MS_SOURCE_PLUGIN);
	ck_assert_str_eq(ms_origin_format(&policy->rules[3].origin, origin, sizeof(origin)),
			 "docker:/base:7:3");
	ck_assert_str_eq(ms_origin_format(&policy->sets[0].origin, origin, sizeof(origin)),
			 "docker");
	ms_policy_free(policy);
}
END_TEST

/* One bad text is none at all, with its place. */
static const struct {
	enum ms_source_text_kind kind;
	const char *text, *message;
} bad_texts[] = {
	{ MS_SOURCE_TEXT_RULE, "{ action: drop }", "deny" },
	{ MS_SOURCE_TEXT_RULE, "", "empty" },
	{ MS_SOURCE_TEXT_RULE, "{ action: deny }\n---\n{ action: deny }", "" },
	{ MS_SOURCE_TEXT_GROUP, "{ name: web, match: { name: x } }", "default" },
	{ MS_SOURCE_TEXT_DOCUMENT, "version: 2\n", "" },
	{ MS_SOURCE_TEXT_DOCUMENT, "version: 1\nfailsafe: { in: [\"tcp:22\"], out: [] }\n",
	  "failsafe" },
};

START_TEST(a_bad_text_refuses_all)
{
	ms_cleanup(ms_source_offer_fini) struct ms_source_offer offer = { 0 };
	struct ms_policy *policy = NULL;
	struct ms_error err = MS_ERROR_INIT, alone = MS_ERROR_INIT;

	fill(&offer);
	add_text(&offer, bad_texts[_i].kind, "thing", bad_texts[_i].text);
	ck_assert_int_lt(ms_source_offer_policy(&offer, "etcd", NULL, &policy, &err), 0);
	ck_assert_ptr_null(policy);
	ck_assert_str_eq(err.file, "etcd:thing");
	ck_assert_uint_gt(err.line, 0);
	ck_assert_ptr_nonnull(strstr(err.message, bad_texts[_i].message));
	ck_assert_int_lt(ms_source_offer_check_text("etcd", bad_texts[_i].kind, "thing",
						    bad_texts[_i].text, strlen(bad_texts[_i].text),
						    &alone),
			 0);
	ck_assert_str_eq(alone.message, err.message);
}
END_TEST

START_TEST(long_origins_make_ids)
{
	ms_cleanup(ms_source_offer_fini) struct ms_source_offer offer = { 0 };
	struct ms_policy *policy = NULL;

	add_text(&offer, MS_SOURCE_TEXT_RULE,
		 "/microseg/v1/hosts/a-machine-with-a-very-long-name.Example.ORG/policy/ba:se",
		 "{ action: deny }");
	ck_assert_int_eq(ms_source_offer_policy(&offer, "etcd", NULL, &policy, NULL), 0);
	ck_assert_uint_lt(strlen(policy->rules[0].id), MS_RULE_ID_MAX);
	ck_assert_ptr_nonnull(strstr(policy->rules[0].id, ".example.org/policy/ba_se/1"));
	ms_policy_free(policy);
}
END_TEST

START_TEST(only_members_differ)
{
	ms_cleanup(ms_source_offer_fini) struct ms_source_offer a = { 0 }, b = { 0 };

	fill(&a);
	fill(&b);
	add_member(&b, "empty", "203.0.113.9", 0);
	ck_assert(ms_source_offer_equal_but_members(&a, &b));
	ck_assert_int_eq(ms_source_offer_add_set(&b, "more"), 0);
	ck_assert(!ms_source_offer_equal_but_members(&a, &b));
	ck_assert_int_eq(ms_source_offer_add_set(&a, "else"), 0);
	ck_assert(!ms_source_offer_equal_but_members(&a, &b));
	a.texts[0].text[2] = 'N';
	a.n_sets--, b.n_sets--;
	ck_assert(!ms_source_offer_equal_but_members(&a, &b));
	a.n_sets++, b.n_sets++;
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("source_offer");
	TCase *cases = tcase_create("offer");

	tcase_add_test(cases, travels_whole);
	tcase_add_test(cases, a_half_is_nothing);
	tcase_add_test(cases, rules_of_an_origin_are_taken_back);
	tcase_add_test(cases, a_builder_says_no);
	tcase_add_loop_test(cases, what_stays_is_taken_from_before, 0, 2);
	tcase_add_loop_test(cases, frames_say_no_more_than_a_builder, 0, 5);
	tcase_add_test(cases, an_origin_is_a_line_of_utf8);
	tcase_add_test(cases, becomes_a_policy);
	tcase_add_loop_test(cases, a_bad_text_refuses_all, 0, (int)ms_array_size(bad_texts));
	tcase_add_test(cases, long_origins_make_ids);
	tcase_add_test(cases, only_members_differ);
	suite_add_tcase(suite, cases);
	return ms_check_run(suite);
}
