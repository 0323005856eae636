/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/state/runtime.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/policy/document.h"
#include "tests/harness/ms_check.h"

static struct ms_runtime runtime;

static void set_up(void)
{
	ck_assert_int_eq(ms_runtime_init(&runtime), 0);
}

static void tear_down(void)
{
	ms_runtime_fini(&runtime);
}

static struct ms_cidr cidr(const char *text)
{
	struct ms_cidr parsed;

	ck_assert_msg(ms_cidr_parse(text, &parsed), "%s", text);
	return parsed;
}

static void add(const char *set, const char *member, int64_t expires_ms)
{
	struct ms_cidr parsed = cidr(member);

	ck_assert_int_eq(ms_runtime_set_add(&runtime, set, &parsed, expires_ms, NULL), 0);
}

START_TEST(members_are_sorted_and_never_twice)
{
	const struct ms_runtime_set *set;

	add("office", "10.0.0.9", 0);
	add("office", "10.0.0.1", 0);
	add("office", "2001:db8::1", 0);
	add("office", "10.0.0.9", 5000);
	set = ms_runtime_find_set(&runtime, "office");
	ck_assert_uint_eq(set->n_members, 3);
	for (size_t i = 1; i < set->n_members; i++)
		ck_assert_int_lt(ms_cidr_compare(&set->members[i - 1].cidr, &set->members[i].cidr),
				 0);
	ck_assert_int_eq(set->members[1].expires_ms, 5000);
}
END_TEST

START_TEST(an_emptied_set_stays)
{
	struct ms_cidr member = cidr("10.0.0.1");

	ck_assert_int_eq(ms_runtime_set_remove(&runtime, "office", &member), -ENOENT);
	add("office", "10.0.0.1", 0);
	ck_assert_int_eq(ms_runtime_set_remove(&runtime, "office", &member), 0);
	ck_assert_int_eq(ms_runtime_set_remove(&runtime, "office", &member), -ENOENT);
	ck_assert_ptr_nonnull(ms_runtime_find_set(&runtime, "office"));
}
END_TEST

START_TEST(only_what_is_due_expires)
{
	add("a", "10.0.0.1", 1000);
	add("a", "10.0.0.2", 0);
	add("b", "10.0.0.3", 3000);
	ck_assert_int_eq(ms_runtime_next_member_expiry(&runtime), 1000);
	ck_assert_uint_eq(ms_runtime_expire_members(&runtime, 999), 0);
	ck_assert_uint_eq(ms_runtime_expire_members(&runtime, 1000), 1);
	ck_assert_int_eq(ms_runtime_next_member_expiry(&runtime), 3000);
	ck_assert_uint_eq(ms_runtime_expire_members(&runtime, 5000), 1);
	ck_assert_int_eq(ms_runtime_next_member_expiry(&runtime), 0);
	ck_assert_uint_eq(ms_runtime_find_set(&runtime, "a")->n_members, 1);
}
END_TEST

static void add_rule(const char *text)
{
	struct ms_error err = MS_ERROR_INIT;
	struct ms_rule rule;

	ck_assert_msg(ms_document_parse_rule("test", text, &rule, &err) == 0, "%s", err.message);
	rule.origin.source = MS_SOURCE_RUNTIME;
	ck_assert_int_eq(ms_policy_add_rule(runtime.rules, &rule), 0);
	ms_rule_fini(&rule);
}

START_TEST(file_form_reads_back_to_the_same)
{
	struct ms_error err = MS_ERROR_INIT;
	struct ms_runtime back;
	uint64_t serial = 0;
	char *text = NULL;
	size_t length;

	add_rule("{ id: runtime/1, dir: in, proto: tcp, dport: 80, action: deny }");
	add_rule("{ id: web, from: 'set:office', action: allow, comment: \"a \\\"b\\\" c\" }");
	add("office", "10.0.0.0/24", 0);
	add("office", "2001:db8::/32", 12345);
	add("emptied", "10.0.0.1", 1);
	ms_runtime_expire_members(&runtime, 2);
	ck_assert_int_eq(ms_runtime_set_mode(&runtime, "uplinks", MS_MODE_AUDIT), 0);
	ck_assert_int_eq(ms_runtime_set_panic(&runtime, "", MS_PANIC_CLOSED), 0);
	runtime.next_rule = 17;

	ck_assert_int_eq(ms_runtime_encode(&runtime, 7, &text, &length), 0);
	ck_assert_int_eq(ms_runtime_init(&back), 0);
	ck_assert_msg(ms_runtime_decode(text, length, &back, &serial, &err) == 0, "%s",
		      err.message);
	ck_assert_uint_eq(serial, 7);
	free(text);
	ck_assert_uint_eq(back.next_rule, 17);
	ck_assert_uint_eq(back.rules->n_rules, 2);
	for (size_t i = 0; i < 2; i++)
		ck_assert(ms_rule_equal(&back.rules->rules[i], &runtime.rules->rules[i]));
	ck_assert_str_eq(back.rules->rules[1].comment, "a \"b\" c");
	ck_assert_uint_eq(ms_runtime_find_set(&back, "office")->n_members, 2);
	ck_assert_int_eq(ms_runtime_find_set(&back, "office")->members[1].expires_ms, 12345);
	ck_assert_uint_eq(ms_runtime_find_set(&back, "emptied")->n_members, 0);
	ck_assert_int_eq(ms_runtime_find_override(&back, "uplinks")->mode, MS_MODE_AUDIT);
	ck_assert_int_eq(ms_runtime_find_override(&back, "")->panic, MS_PANIC_CLOSED);
	ms_runtime_fini(&back);
}
END_TEST

START_TEST(panic_everywhere_ends_that_of_groups)
{
	static const enum ms_panic everywhere[] = { MS_PANIC_OFF, MS_PANIC_OPEN, MS_PANIC_CLOSED };

	ck_assert_int_eq(ms_runtime_set_panic(&runtime, "a", MS_PANIC_CLOSED), 0);
	ck_assert_int_eq(ms_runtime_set_panic(&runtime, "b", MS_PANIC_OPEN), 0);
	ck_assert_int_eq(ms_runtime_find_override(&runtime, "a")->panic, MS_PANIC_CLOSED);
	ck_assert_int_eq(ms_runtime_set_panic(&runtime, "", everywhere[_i]), 0);
	ck_assert_int_eq(ms_runtime_find_override(&runtime, "")->panic, everywhere[_i]);
	ck_assert_int_eq(ms_runtime_find_override(&runtime, "a")->panic, MS_PANIC_OFF);
	ck_assert_int_eq(ms_runtime_find_override(&runtime, "b")->panic, MS_PANIC_OFF);
}
END_TEST

START_TEST(a_change_is_a_line_that_makes_it_again)
{
	struct ms_cidr members[2];
	struct ms_runtime_change change = { .set = "office", .members = members, .count = 2 };
	struct ms_error err = MS_ERROR_INIT;
	char *line;

	ck_assert(ms_cidr_parse("10.0.0.1", &members[0]));
	ck_assert(ms_cidr_parse("2001:db8::/32", &members[1]));
	change.expires_ms = 12345;
	ck_assert_int_eq(ms_runtime_encode_change(&change, &line), 0);
	ck_assert_ptr_null(strchr(line, '\n'));
	ck_assert_int_eq(ms_runtime_replay(&runtime, line, strlen(line), &err), 0);
	free(line);
	ck_assert_uint_eq(ms_runtime_find_set(&runtime, "office")->n_members, 2);
	ck_assert_int_eq(ms_runtime_find_member(&runtime, "office", &members[1])->expires_ms,
			 12345);

	change.is_removal = true;
	change.count = 1;
	ck_assert_int_eq(ms_runtime_encode_change(&change, &line), 0);
	/* Twice: the first may have been one whose time was over. */
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(ms_runtime_replay(&runtime, line, strlen(line), &err), 0);
	free(line);
	ck_assert_ptr_null(ms_runtime_find_member(&runtime, "office", &members[0]));
	ck_assert_ptr_nonnull(ms_runtime_find_member(&runtime, "office", &members[1]));
}
END_TEST

static void expect_put_by(const struct ms_runtime *from, const char *member, const char *plugin)
{
	struct ms_cidr parsed = cidr(member);
	const struct ms_runtime_member *held = ms_runtime_find_member(from, "bad", &parsed);

	ck_assert_ptr_nonnull(held);
	ck_assert_pstr_eq(ms_runtime_put_by(from, held), plugin);
}

static void put_in(const char *member, const char *plugin)
{
	struct ms_cidr parsed = cidr(member);

	ck_assert_int_eq(ms_runtime_set_add(&runtime, "bad", &parsed, 0, plugin), 0);
}

START_TEST(who_put_a_member_in_goes_along)
{
	struct ms_error err = MS_ERROR_INIT;
	struct ms_runtime other;
	uint64_t serial = 0;
	size_t length;
	char *text;

	add("bad", "10.0.0.1", 0);
	put_in("10.0.0.2", "warden");
	put_in("10.0.0.3", "quarantine");
	put_in("10.0.0.4", "warden");
	put_in("10.0.0.5", "warden");
	/* Whoever changes it has taken it over. */
	add("bad", "10.0.0.4", 0);
	put_in("10.0.0.5", "quarantine");
	ck_assert_int_eq(ms_runtime_copy(&runtime, &other), 0);
	for (int i = 0; i < 2; i++) {
		expect_put_by(&other, "10.0.0.1", NULL);
		expect_put_by(&other, "10.0.0.2", "warden");
		expect_put_by(&other, "10.0.0.3", "quarantine");
		expect_put_by(&other, "10.0.0.4", NULL);
		expect_put_by(&other, "10.0.0.5", "quarantine");
		/* And from the file. */
		ck_assert_int_eq(ms_runtime_encode(&other, 1, &text, &length), 0);
		ck_assert_int_eq(ms_runtime_decode(text, length, &other, &serial, &err), 0);
		free(text);
	}
	ms_runtime_fini(&other);
}
END_TEST

START_TEST(a_line_says_who_put_it_in)
{
	/* As it was written before plugins had their names there. */
	static const char *const before =
		"{\"set\":\"bad\",\"add\":[\"10.0.0.1\"],\"expires_ms\":0}";
	struct ms_cidr member = cidr("10.0.0.1");
	struct ms_runtime_change change = { .set = "bad", .members = &member, .count = 1 };
	static const char *const plugins[] = { "warden", NULL, "warden" };
	struct ms_error err = MS_ERROR_INIT;
	char *line;

	for (size_t i = 0; i < ms_array_size(plugins); i++) {
		change.plugin = plugins[i];
		ck_assert_int_eq(ms_runtime_encode_change(&change, &line), 0);
		ck_assert_int_eq(ms_runtime_replay(&runtime, line, strlen(line), &err), 0);
		free(line);
		expect_put_by(&runtime, "10.0.0.1", plugins[i]);
	}
	ck_assert_int_eq(ms_runtime_replay(&runtime, before, strlen(before), &err), 0);
	expect_put_by(&runtime, "10.0.0.1", NULL);
}
END_TEST

static const char *const damaged_lines[] = {
	"",
	"[]",
	"{\"set\":\"a\"}",
	"{\"set\":\"a\",\"add\":[\"10.0.0.1/33\"],\"expires_ms\":0}",
	"{\"set\":\"a\",\"add\":[],\"remove\":[]}",
	"{\"set\":\"a\",\"add\":[7]}",
	"{\"set\":\"a\",\"add\":[],\"more\":1}",
	"{\"set\":\"a\",\"add\":[\"10.0.0.1\"],\"expires_ms\":0,\"plugin\":7}",
};

START_TEST(a_line_that_is_no_change_is_refused)
{
	const char *line = damaged_lines[_i];
	struct ms_error err = MS_ERROR_INIT;

	ck_assert_int_lt(ms_runtime_replay(&runtime, line, strlen(line), &err), 0);
	ck_assert(ms_error_is_set(&err));
}
END_TEST

static const char *const damaged[] = {
	"",
	"[]",
	"{}",
	"{\"version\": 2, \"next_rule\": 1, \"rules\": \"\", \"sets\": {}, \"overrides\": []}",
	"{\"version\": 1, \"next_rule\": 0, \"rules\": \"\", \"sets\": {}, \"overrides\": []}",
	"{\"version\": 1, \"next_rule\": 1, \"rules\": \"{\", \"sets\": {}, \"overrides\": []}",
	"{\"version\": 1, \"next_rule\": 1, \"rules\": \"{\\\"version\\\": 1}\", "
	"\"sets\": {\"a\": [{\"addr\": \"10.0.0.1/33\"}]}, \"overrides\": []}",
	"{\"version\": 1, \"next_rule\": 1, \"rules\": \"{\\\"version\\\": 1}\", \"sets\": {}, "
	"\"overrides\": [{\"group\": \"a\", \"mode\": 9, \"panic\": 0}]}",
};

START_TEST(damaged_file_is_refused_and_changes_nothing)
{
	struct ms_error err = MS_ERROR_INIT;
	uint64_t serial = 3;

	add("office", "10.0.0.1", 0);
	ck_assert_int_lt(
		ms_runtime_decode(damaged[_i], strlen(damaged[_i]), &runtime, &serial, &err), 0);
	ck_assert_uint_eq(serial, 3);
	ck_assert(ms_error_is_set(&err));
	ck_assert_uint_eq(ms_runtime_find_set(&runtime, "office")->n_members, 1);
}
END_TEST

START_TEST(copy_is_its_own)
{
	struct ms_runtime copy;
	struct ms_cidr other = cidr("10.0.0.2");

	add("office", "10.0.0.1", 0);
	ck_assert_int_eq(ms_runtime_copy(&runtime, &copy), 0);
	ck_assert_int_eq(ms_runtime_set_add(&copy, "office", &other, 0, NULL), 0);
	ck_assert_int_eq(ms_runtime_set_mode(&copy, "g", MS_MODE_AUDIT), 0);
	ck_assert_uint_eq(ms_runtime_find_set(&runtime, "office")->n_members, 1);
	ck_assert_ptr_null(ms_runtime_find_override(&runtime, "g"));
	ms_runtime_fini(&copy);
}
END_TEST

START_TEST(policy_form_has_rules_and_live_members_only)
{
	struct ms_policy *policy;

	add_rule("{ id: a, action: deny }");
	add("office", "10.0.0.1", 500);
	add("office", "10.0.0.2", 3000);
	ck_assert_int_eq(ms_runtime_policy(&runtime, 1000, &policy), 0);
	ck_assert_uint_eq(policy->n_rules, 1);
	ck_assert_uint_eq(policy->n_sets, 1);
	ck_assert_uint_eq(policy->sets[0].n_members, 1);
	ck_assert_uint_eq(policy->sets[0].members[0].timeout_ns, 2000000000ULL);
	ck_assert_int_eq(policy->sets[0].origin.source, MS_SOURCE_RUNTIME);
	ms_policy_free(policy);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("state/runtime");
	TCase *tcase = tcase_create("runtime");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, panic_everywhere_ends_that_of_groups, 0, 3);
	tcase_add_test(tcase, members_are_sorted_and_never_twice);
	tcase_add_test(tcase, an_emptied_set_stays);
	tcase_add_test(tcase, only_what_is_due_expires);
	tcase_add_test(tcase, file_form_reads_back_to_the_same);
	tcase_add_loop_test(tcase, damaged_file_is_refused_and_changes_nothing, 0,
			    sizeof(damaged) / sizeof(damaged[0]));
	tcase_add_test(tcase, copy_is_its_own);
	tcase_add_test(tcase, policy_form_has_rules_and_live_members_only);
	tcase_add_test(tcase, a_change_is_a_line_that_makes_it_again);
	tcase_add_test(tcase, who_put_a_member_in_goes_along);
	tcase_add_test(tcase, a_line_says_who_put_it_in);
	tcase_add_loop_test(tcase, a_line_that_is_no_change_is_refused, 0,
			    sizeof(damaged_lines) / sizeof(damaged_lines[0]));
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
