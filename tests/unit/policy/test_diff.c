/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/policy/diff.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/policy/document.h"
#include "core/policy/merge.h"
#include "tests/harness/ms_check.h"

static struct ms_policy *make_policy(const char *rest)
{
	ms_cleanup(ms_policy_fini) struct ms_policy files = MS_POLICY_INIT;
	struct ms_merge_inputs inputs = { .files = &files };
	struct ms_policy *merged = NULL;
	char text[2048];

	snprintf(text, sizeof(text), "version: 1\n%s", rest);
	ck_assert_int_eq(
		ms_document_parse("a.yaml", text, strlen(text), MS_SOURCE_FILE, &files, NULL), 0);
	ck_assert_int_eq(ms_policy_merge(&inputs, &merged, NULL), 0);
	return merged;
}

#define G(name, rest) "{ name: " name ", match: { kind: veth }, " rest " }"
#define IN_DENY "default: { in: deny, out: allow }"
#define IN_ALLOW "default: { in: allow, out: allow }"

/* From one policy to another: the one change, none if `name` is NULL. */
static const struct {
	const char *old, *new;
	enum ms_change_kind kind;
	enum ms_change_object object;
	const char *name, *part;
} cases[] = {
	{ "rules: { id: a, action: deny }\n", "rules: { id: a, action: deny }\n", 0, 0, NULL,
	  NULL },
	{ "rules: { id: a, action: deny }\n", "rules: { id: a, action: allow }\n",
	  MS_CHANGE_CHANGED, MS_CHANGE_RULE, "a", "action" },
	{ "rules: { id: a, proto: tcp, action: deny }\n",
	  "rules: { id: a, proto: udp, action: deny }\n", MS_CHANGE_CHANGED, MS_CHANGE_RULE, "a",
	  "match" },
	{ "rules: { id: a, action: deny }\n", "rules: { id: a, action: deny, comment: x }\n",
	  MS_CHANGE_CHANGED, MS_CHANGE_RULE, "a", "comment" },
	{ "rules: { id: a, action: deny }\n", "", MS_CHANGE_REMOVED, MS_CHANGE_RULE, "a", "deny" },
	{ "", "rules: { id: a, action: deny }\n", MS_CHANGE_ADDED, MS_CHANGE_RULE, "a", "deny" },
	{ "rules: [{ id: a, action: deny }, { id: b, action: deny }, { id: c, action: deny }]\n",
	  "rules: [{ id: c, action: deny }, { id: a, action: deny }, { id: b, action: deny }]\n",
	  MS_CHANGE_MOVED, MS_CHANGE_RULE, "c", "from place" },
	{ "groups: [" G("g", IN_DENY) "]\n", "groups: [" G("g", IN_ALLOW) "]\n", MS_CHANGE_CHANGED,
	  MS_CHANGE_GROUP, "g", "default" },
	{ "groups: [" G("g", IN_DENY) "]\n", "groups: [" G("g", IN_DENY ", mode: audit") "]\n",
	  MS_CHANGE_CHANGED, MS_CHANGE_GROUP, "g", "mode" },
	{ "groups: [" G("g", IN_DENY) "]\n", "groups: [" G("g", IN_DENY ", side: host") "]\n",
	  MS_CHANGE_CHANGED, MS_CHANGE_GROUP, "g", "" },
	{ "", "groups: [" G("g", IN_DENY) "]\n", MS_CHANGE_ADDED, MS_CHANGE_GROUP, "g", "" },
	{ "groups: [" G("g", IN_DENY) "]\n", "", MS_CHANGE_REMOVED, MS_CHANGE_GROUP, "g", "" },
	{ "sets: { s: [10.0.0.1, 10.0.0.2] }\n", "sets: { s: [10.0.0.2, 10.0.0.3, 10.0.0.4] }\n",
	  MS_CHANGE_CHANGED, MS_CHANGE_SET, "s", "2 members more, 1 less" },
	{ "sets: { s: 10.0.0.1 }\n", "sets: { s: [10.0.0.1, 10.0.0.2] }\n", MS_CHANGE_CHANGED,
	  MS_CHANGE_SET, "s", "1 member more, 0 less" },
	{ "sets: { s: 10.0.0.1 }\n", "", MS_CHANGE_REMOVED, MS_CHANGE_SET, "s", "" },
	{ "", "sets: { s: 10.0.0.1 }\n", MS_CHANGE_ADDED, MS_CHANGE_SET, "s", "" },
	{ "", "failsafe: []\n", MS_CHANGE_CHANGED, MS_CHANGE_FAILSAFE, "failsafe", "" },
	{ "",
	  "failsafe: { in: [\"tcp:22\", \"udp:68\", \"udp:546\"], "
	  "out: [\"udp:53\", \"tcp:53\", \"udp:67\", \"udp:547\"] }\n",
	  0, 0, NULL, NULL },
	{ "", "rules: { id: builtin/dhcp, proto: udp, action: deny }\n", MS_CHANGE_CHANGED,
	  MS_CHANGE_RULE, "builtin/dhcp", "action" },
};

START_TEST(says_this_change_and_no_other)
{
	struct ms_policy *old = make_policy(cases[_i].old), *new = make_policy(cases[_i].new);
	ms_cleanup(ms_free) struct ms_change *changes = NULL;
	const struct ms_change *found = NULL;
	size_t count, n_others = 0;

	ck_assert_int_eq(ms_policy_diff(old, new, &changes, &count), 0);
	for (size_t i = 0; i < count; i++) {
		/* An override of a built-in rule leaves its place too. */
		if (changes[i].kind == MS_CHANGE_MOVED && cases[_i].kind != MS_CHANGE_MOVED)
			continue;
		if (!found)
			found = &changes[i];
		else
			n_others++;
	}
	ck_assert_uint_eq(n_others, 0);
	if (!cases[_i].name) {
		ck_assert_ptr_null(found);
	} else {
		ck_assert_ptr_nonnull(found);
		ck_assert_int_eq(found->kind, cases[_i].kind);
		ck_assert_int_eq(found->object, cases[_i].object);
		ck_assert_str_eq(found->name, cases[_i].name);
		ck_assert_msg(strstr(found->detail, cases[_i].part) != NULL, "%s", found->detail);
	}
	ms_policy_free(old);
	ms_policy_free(new);
}
END_TEST

/* What the CLI gave for a time has less left at each look: that is no change. */
START_TEST(time_running_out_is_no_change)
{
	struct ms_policy *old = make_policy("sets: { s: [{ addr: 10.0.0.1, timeout: 1h }] }\n");
	struct ms_policy *new = make_policy("sets: { s: [{ addr: 10.0.0.1, timeout: 59m }] }\n");
	enum ms_source source = _i ? MS_SOURCE_RUNTIME : MS_SOURCE_FILE;
	ms_cleanup(ms_free) struct ms_change *changes = NULL;
	size_t count;

	old->sets[0].members[0].origin.source = source;
	new->sets[0].members[0].origin.source = source;
	ck_assert_int_eq(ms_policy_diff(old, new, &changes, &count), 0);
	ck_assert_uint_eq(count, _i ? 0 : 1);
	ms_policy_free(old);
	ms_policy_free(new);
}
END_TEST

/* ---- by chance ---- */

#define LETTERS 10

/* Some of the first ten letters as rules, in some order, a few of them denied. */
struct mix {
	size_t count;
	char ids[LETTERS];
	bool denies[LETTERS];
};

static struct mix make_mix(const struct mix *from)
{
	struct mix mix = { 0 };

	if (from)
		mix = *from;
	for (char id = 'a'; !from && id < 'a' + LETTERS; id++)
		mix.ids[mix.count++] = id;
	for (int changes = rand() % 4; changes > 0 && mix.count > 1; changes--) {
		size_t at = (size_t)rand() % mix.count, to = (size_t)rand() % mix.count;
		char id = mix.ids[at];

		switch (rand() % 3) {
		case 0:
			mix.denies[id - 'a'] ^= 1;
			break;
		case 1:
			memmove(&mix.ids[at], &mix.ids[at + 1], mix.count - at - 1);
			memmove(&mix.ids[to + 1], &mix.ids[to], mix.count - to - 1);
			mix.ids[to] = id;
			break;
		default:
			memmove(&mix.ids[at], &mix.ids[at + 1], --mix.count - at);
		}
	}
	return mix;
}

static struct ms_policy *policy_of(const struct mix *mix)
{
	char text[1024] = "rules:\n";
	size_t used = strlen(text);

	for (size_t i = 0; i < mix->count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "  - { id: %c, action: %s }\n", mix->ids[i],
					 mix->denies[mix->ids[i] - 'a'] ? "deny" : "allow");
	return make_policy(text);
}

static bool has(const struct mix *mix, char id)
{
	return memchr(mix->ids, id, mix->count) != NULL;
}

/* What is in both, but for a longest part that kept its order. */
static size_t count_moved(const struct mix *old, const struct mix *new)
{
	size_t best[LETTERS] = { 0 }, common = 0, longest = 0;

	for (size_t i = 0; i < new->count; i++) {
		const char *was = memchr(old->ids, new->ids[i], old->count);

		if (!was)
			continue;
		common++;
		best[i] = 1;
		for (size_t j = 0; j < i; j++) {
			const char *before = memchr(old->ids, new->ids[j], old->count);

			if (before && before < was && best[i] < best[j] + 1)
				best[i] = best[j] + 1;
		}
		if (longest < best[i])
			longest = best[i];
	}
	return common - longest;
}

/* A place counts the built-in rules, which come first. */
static void check_places(const struct ms_change *change, const struct ms_policy *old,
			 const struct ms_policy *new)
{
	size_t from, to;

	ck_assert_int_eq(sscanf(change->detail, "from place %zu to %zu", &from, &to), 2);
	ck_assert(from >= 1 && from <= old->n_rules && to >= 1 && to <= new->n_rules);
	ck_assert_str_eq(old->rules[from - 1].id, change->name);
	ck_assert_str_eq(new->rules[to - 1].id, change->name);
}

static void check_mixes(const struct mix *before, const struct mix *after)
{
	struct ms_policy *old = policy_of(before), *new = policy_of(after);
	ms_cleanup(ms_free) struct ms_change *changes = NULL;
	size_t kinds[4] = { 0 }, expected[4] = { 0 }, count;

	ck_assert_int_eq(ms_policy_diff(old, new, &changes, &count), 0);
	for (size_t i = 0; i < count; i++) {
		kinds[changes[i].kind]++;
		if (changes[i].kind == MS_CHANGE_MOVED)
			check_places(&changes[i], old, new);
	}
	for (char id = 'a'; id < 'a' + LETTERS; id++) {
		bool was = has(before, id), is = has(after, id);

		expected[MS_CHANGE_ADDED] += is && !was;
		expected[MS_CHANGE_REMOVED] += was && !is;
		expected[MS_CHANGE_CHANGED] +=
			was && is && before->denies[id - 'a'] != after->denies[id - 'a'];
	}
	expected[MS_CHANGE_MOVED] = count_moved(before, after);
	for (size_t kind = 0; kind < ms_array_size(kinds); kind++)
		ck_assert_uint_eq(kinds[kind], expected[kind]);
	ms_policy_free(old);
	ms_policy_free(new);
}

START_TEST(what_stays_in_its_place_hides_nothing)
{
	srand((unsigned int)_i);
	for (int i = 0; i < 25; i++) {
		struct mix before = make_mix(NULL), after = make_mix(&before);

		check_mixes(&before, &after);
		check_mixes(&after, &before);
	}
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("policy/diff");
	TCase *tcase = tcase_create("changes");

	tcase_add_loop_test(tcase, says_this_change_and_no_other, 0, ms_array_size(cases));
	tcase_add_loop_test(tcase, time_running_out_is_no_change, 0, 2);
	/* In parts, since the time of each is limited by itself. */
	tcase_add_loop_test(tcase, what_stays_in_its_place_hides_nothing, 1, 21);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return ms_check_run(make_suite());
}
