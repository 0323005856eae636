/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/policy/merge.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/policy/builtin.h"
#include "core/policy/document.h"
#include "tests/harness/ms_check.h"

struct inputs {
	struct ms_policy files, runtime;
	struct ms_policy *merged;
	struct ms_error err;
};

static void fini_inputs(struct inputs *inputs)
{
	ms_policy_fini(&inputs->files);
	ms_policy_fini(&inputs->runtime);
	ms_policy_free(inputs->merged);
}

/* Texts may be NULL. Returns what the merge returned. */
static int merge(struct inputs *inputs, const char *file, const char *runtime, int64_t now)
{
	struct ms_merge_inputs in = { .now = now };

	if (file) {
		ck_assert_int_eq(ms_document_parse("10-a.yaml", file, strlen(file), MS_SOURCE_FILE,
						   &inputs->files, NULL),
				 0);
		in.files = &inputs->files;
	}
	if (runtime) {
		ck_assert_int_eq(ms_document_parse("runtime.yaml", runtime, strlen(runtime),
						   MS_SOURCE_RUNTIME, &inputs->runtime, NULL),
				 0);
		in.runtime = &inputs->runtime;
	}
	return ms_policy_merge(&in, &inputs->merged, &inputs->err);
}

/* The operator's ids in the order of judgement, with commas. */
static const char *order(const struct ms_policy *policy)
{
	static char buf[512];

	buf[0] = '\0';
	for (size_t i = 0; i < policy->n_rules; i++) {
		if (policy->rules[i].origin.source == MS_SOURCE_BUILTIN)
			continue;
		strcat(buf, buf[0] ? "," : "");
		strcat(buf, policy->rules[i].id);
	}
	return buf;
}

START_TEST(order_is_priority_then_runtime_then_position)
{
	ms_cleanup(fini_inputs) struct inputs inputs = { 0 };

	ck_assert_int_eq(merge(&inputs,
			       "version: 1\nrules:\n"
			       "  - { id: f1, action: deny }\n"
			       "  - { id: f2, action: deny, priority: 5 }\n"
			       "  - { id: f3, action: deny, priority: 65535 }\n"
			       "  - { id: f4, action: deny }\n",
			       "version: 1\nrules:\n"
			       "  - { id: r1, action: deny }\n"
			       "  - { id: r2, action: deny, priority: 0 }\n"
			       "  - { id: r3, action: deny, priority: 5 }\n",
			       0),
			 0);
	ck_assert_str_eq(order(inputs.merged), "r2,r3,f2,r1,f1,f4,f3");
	ck_assert_int_eq(inputs.merged->rules[0].origin.source, MS_SOURCE_BUILTIN);
}
END_TEST

/* Two plugins' documents beside one file; NULL = none of it. */
static int merge_plugins(struct inputs *inputs, const char *file, const char *first,
			 const char *second, bool second_before)
{
	ms_cleanup(ms_policy_fini) struct ms_policy a = MS_POLICY_INIT, b = MS_POLICY_INIT;
	const struct ms_merge_plugin plugins[] = { { &a, false }, { &b, second_before } };
	const struct ms_merge_inputs in = {
		.files = &inputs->files,
		.plugins = plugins,
		.n_plugins = ms_array_size(plugins),
	};

	ck_assert_int_eq(ms_document_parse("10-a.yaml", file, strlen(file), MS_SOURCE_FILE,
					   &inputs->files, NULL),
			 0);
	ck_assert_int_eq(
		ms_document_parse("docker:web", first, strlen(first), MS_SOURCE_PLUGIN, &a, NULL),
		0);
	ck_assert_int_eq(
		ms_document_parse("etcd:base", second, strlen(second), MS_SOURCE_PLUGIN, &b, NULL),
		0);
	return ms_policy_merge(&in, &inputs->merged, &inputs->err);
}

#define FILE_RULES                                                                                 \
	"version: 1\nrules:\n"                                                                     \
	"  - { id: f1, action: deny, priority: 9000 }\n  - { id: f2, action: deny }\n"
#define FIRST_RULES                                                                                \
	"version: 1\nrules:\n"                                                                     \
	"  - { id: a1, action: allow }\n  - { id: a2, action: allow, priority: 0 }\n"
#define SECOND_RULES                                                                               \
	"version: 1\nrules:\n"                                                                     \
	"  - { id: b1, action: allow }\n  - { id: b2, action: allow, priority: 0 }\n"

/* A priority counts within a source only: a container's label never overrides the operator. */
START_TEST(plugins_come_after_the_operator)
{
	ms_cleanup(fini_inputs) struct inputs inputs = { 0 }, before = { 0 };

	ck_assert_int_eq(merge_plugins(&inputs, FILE_RULES, FIRST_RULES, SECOND_RULES, false), 0);
	ck_assert_str_eq(order(inputs.merged), "f2,f1,a2,a1,b2,b1");
	ck_assert_int_eq(merge_plugins(&before, FILE_RULES, FIRST_RULES, SECOND_RULES, true), 0);
	ck_assert_str_eq(order(before.merged), "b2,b1,f2,f1,a2,a1");
	ck_assert_int_eq(before.merged->rules[0].origin.source, MS_SOURCE_BUILTIN);
}
END_TEST

/* A start without the source, or before it has spoken, could not have it in force. */
START_TEST(a_file_stands_without_its_sources)
{
	static const char *const rules[] = {
		"version: 1\nrules:\n  - { id: f1, from: set:only, action: deny }\n",
		"version: 1\nrules:\n  - { id: f1, group: web, action: deny }\n",
	};
	static const char *const words[] = { "set:only", "web" };
	ms_cleanup(fini_inputs) struct inputs inputs = { 0 };

	ck_assert_int_eq(merge_plugins(&inputs, rules[_i],
				       "version: 1\ngroups: { name: web, match: { name: w }, "
				       "default: { in: deny, out: deny } }\n"
				       "sets: { only: 192.0.2.3 }\n",
				       SECOND_RULES, false),
			 -EINVAL);
	ck_assert_str_eq(inputs.err.word, words[_i]);
	ck_assert_uint_eq(inputs.err.line, 3);
}
END_TEST

START_TEST(plugins_and_files_share_names)
{
	ms_cleanup(fini_inputs) struct inputs inputs = { 0 };
	const struct ms_set_def *set;

	ck_assert_int_eq(merge_plugins(&inputs,
				       "version: 1\nsets: { bad: 192.0.2.1, only: [] }\nrules:\n"
				       "  - { id: f1, from: set:only, action: deny }\n",
				       "version: 1\ngroups: { name: web, match: { name: w }, "
				       "default: { in: deny, out: deny } }\n"
				       "sets: { bad: [192.0.2.1, 192.0.2.2], only: 192.0.2.3 }\n",
				       "version: 1\nsets: { bad: 192.0.2.4 }\n", false),
			 0);
	set = ms_policy_find_set(inputs.merged, "bad");
	/* Once for each who holds it. */
	ck_assert_uint_eq(set->n_members, 4);
	ck_assert_int_eq(set->members[0].origin.source, MS_SOURCE_FILE);
	ck_assert_int_eq(set->members[1].origin.source, MS_SOURCE_PLUGIN);
	ck_assert_int_eq(ms_cidr_compare(&set->members[0].cidr, &set->members[1].cidr), 0);
}
END_TEST

static const struct {
	const char *second, *message;
} refused_plugins[] = {
	{ "version: 1\nrules: { id: f1, action: deny }\n", "10-a.yaml:3" },
	{ "version: 1\nrules: { id: a1, action: deny }\n", "docker:web:3" },
	{ "version: 1\nrules: { id: builtin/dhcp, action: deny }\n", "for the operator alone" },
	{ "version: 1\nrules: { id: b1, from: set:none, action: deny }\n", "no set 'none'" },
	{ "version: 1\nrules: { id: b1, group: none, action: deny }\n", "no group 'none'" },
	{ "version: 1\nsets: { none: 192.0.2.1 }\nrules: { id: b1, from: set:nix, action: deny }\n",
	  "no set 'nix'" },
};

START_TEST(what_a_plugin_may_not_say_is_refused_in_its_words)
{
	ms_cleanup(fini_inputs) struct inputs inputs = { 0 };

	ck_assert_int_eq(
		merge_plugins(&inputs, FILE_RULES, FIRST_RULES, refused_plugins[_i].second, false),
		-EINVAL);
	ck_assert_ptr_null(inputs.merged);
	ck_assert_str_eq(inputs.err.file, "etcd:base");
	ck_assert_ptr_nonnull(strstr(inputs.err.message, refused_plugins[_i].message));
}
END_TEST

static unsigned int count_id(const struct ms_policy *policy, const char *id)
{
	unsigned int count = 0;

	for (size_t i = 0; i < policy->n_rules; i++)
		count += strcmp(policy->rules[i].id, id) == 0;
	return count;
}

START_TEST(builtins_come_first_and_may_be_overridden)
{
	ms_cleanup(fini_inputs) struct inputs inputs = { 0 };
	ms_cleanup(fini_inputs) struct inputs overridden = { 0 };
	ms_cleanup(fini_inputs) struct inputs over = { 0 };

	ck_assert_int_eq(merge(&inputs, NULL, NULL, 0), 0);
	ck_assert_uint_eq(inputs.merged->n_rules, 6);
	ck_assert_uint_eq(count_id(inputs.merged, MS_BUILTIN_ND), 1);
	ck_assert_uint_eq(count_id(inputs.merged, MS_BUILTIN_ICMP_ERROR), 1);
	ck_assert_uint_eq(count_id(inputs.merged, MS_BUILTIN_DHCP), 4);

	ck_assert_int_eq(merge(&overridden,
			       "version: 1\nrules: { id: builtin/dhcp, action: deny, proto: udp, "
			       "dport: 67 }\n",
			       NULL, 0),
			 0);
	ck_assert_uint_eq(count_id(overridden.merged, MS_BUILTIN_DHCP), 1);
	ck_assert_int_eq(ms_policy_find_rule(overridden.merged, MS_BUILTIN_DHCP)->origin.source,
			 MS_SOURCE_FILE);

	/* When the override's time is over the built-in rule is back. */
	ck_assert_int_eq(merge(&over,
			       "version: 1\nrules: { id: builtin/dhcp, action: deny, expires: "
			       "2026-01-01T00:00:00Z }\n",
			       NULL, 1800000000),
			 0);
	ck_assert_uint_eq(count_id(over.merged, MS_BUILTIN_DHCP), 4);
	ck_assert_uint_eq(over.merged->n_expired, 1);
}
END_TEST

/* A workload may ask for an address and be answered; it may not answer. */
START_TEST(dhcp_is_the_client_side_only)
{
	ms_cleanup(fini_inputs) struct inputs inputs = { 0 };

	ck_assert_int_eq(merge(&inputs, NULL, NULL, 0), 0);
	for (size_t i = 0; i < inputs.merged->n_rules; i++) {
		const struct ms_rule *rule = &inputs.merged->rules[i];
		bool is_client_port;

		if (strcmp(rule->id, MS_BUILTIN_DHCP) != 0)
			continue;
		ck_assert(rule->workload_only);
		ck_assert_uint_eq(rule->n_sports, 1);
		ck_assert_uint_eq(rule->n_dports, 1);
		is_client_port = rule->sports[0].first == 68 || rule->sports[0].first == 546;
		ck_assert_uint_eq(rule->dirs, is_client_port ? 1 << MS_DIR_OUT : 1 << MS_DIR_IN);
		ck_assert_uint_eq(rule->sports[0].first + rule->dports[0].first,
				  rule->sports[0].first < 500 ? 68 + 67 : 546 + 547);
	}
}
END_TEST

START_TEST(expired_rules_are_kept_apart)
{
	static const char text[] = "version: 1\nrules:\n"
				   "  - { id: a, action: deny, expires: 2026-01-01T00:00:00Z }\n"
				   "  - { id: b, action: deny, expires: 2026-01-01T00:00:01Z }\n";
	ms_cleanup(fini_inputs) struct inputs inputs = { 0 };

	ck_assert_int_eq(merge(&inputs, text, NULL, 1767225600), 0);
	ck_assert_str_eq(order(inputs.merged), "b");
	ck_assert_uint_eq(inputs.merged->n_expired, 1);
	ck_assert_str_eq(inputs.merged->expired[0].id, "a");
}
END_TEST

START_TEST(runtime_members_join_the_files_set)
{
	ms_cleanup(fini_inputs) struct inputs inputs = { 0 };
	struct ms_set_def *office;

	ck_assert_int_eq(
		merge(&inputs,
		      "version: 1\nsets: { office: [192.0.2.1, { addr: 192.0.2.2, "
		      "timeout: 1h }] }\n",
		      "version: 1\nsets: { office: [192.0.2.2, 192.0.2.3], new: 10.0.0.1 }\n", 0),
		0);
	office = ms_policy_find_set(inputs.merged, "office");
	/* One that both hold is there twice, and the longer one stays. */
	ck_assert_uint_eq(office->n_members, 4);
	ck_assert_uint_eq(office->members[1].timeout_ns, 3600ULL * 1000000000);
	ck_assert_int_eq(office->members[1].origin.source, MS_SOURCE_FILE);
	ck_assert_int_eq(office->members[2].origin.source, MS_SOURCE_RUNTIME);
	ck_assert_int_eq(ms_set_def_keep_longest(office), 0);
	ck_assert_uint_eq(office->n_members, 3);
	ck_assert_uint_eq(office->members[1].timeout_ns, 0);
	ck_assert_int_eq(office->members[1].origin.source, MS_SOURCE_RUNTIME);
	ck_assert_uint_eq(ms_policy_find_set(inputs.merged, "new")->n_members, 1);
}
END_TEST

START_TEST(failsafe_is_the_documents_or_the_defaults)
{
	ms_cleanup(fini_inputs) struct inputs none = { 0 };
	ms_cleanup(fini_inputs) struct inputs empty = { 0 };

	ck_assert_int_eq(merge(&none, "version: 1\n", NULL, 0), 0);
	ck_assert(!none.merged->failsafe.present);
	ck_assert_uint_eq(none.merged->failsafe.n_entries[MS_DIR_IN], 3);
	ck_assert_uint_eq(none.merged->failsafe.n_entries[MS_DIR_OUT], 4);
	ck_assert_uint_eq(none.merged->failsafe.entries[MS_DIR_IN][0].port, 22);
	ck_assert_uint_eq(none.merged->failsafe.entries[MS_DIR_IN][0].proto, IPPROTO_TCP);

	ck_assert_int_eq(merge(&empty, "version: 1\nfailsafe: []\n", NULL, 0), 0);
	ck_assert(empty.merged->failsafe.present);
	ck_assert_uint_eq(empty.merged->failsafe.n_entries[MS_DIR_IN], 0);
}
END_TEST

static const struct {
	const char *file, *runtime;
	const char *word, *in_file;
	unsigned int line, column;
} refused[] = {
	{ "version: 1\nrules: { id: a, action: deny }\n",
	  "version: 1\nrules: { id: a, action: allow }\n", "a", "10-a.yaml", 2, 14 },
	{ "version: 1\n", "version: 1\nrules: { id: a, group: web, action: deny }\n", "web",
	  "runtime.yaml", 2, 24 },
	{ "version: 1\n", "version: 1\nrules: { id: a, to: \"set:x\", action: deny }\n", "set:x",
	  "runtime.yaml", 2, 21 },
	{ "version: 1\n", "version: 1\nrules: { id: default/x, action: deny }\n", "default/x",
	  "runtime.yaml", 2, 14 },
};

START_TEST(what_only_all_sources_show_is_refused)
{
	ms_cleanup(fini_inputs) struct inputs inputs = { 0 };

	ck_assert_int_eq(merge(&inputs, refused[_i].file, refused[_i].runtime, 0), -EINVAL);
	ck_assert_ptr_null(inputs.merged);
	ck_assert_str_eq(inputs.err.word, refused[_i].word);
	ck_assert_str_eq(inputs.err.file, refused[_i].in_file);
	ck_assert_uint_eq(inputs.err.line, refused[_i].line);
	ck_assert_uint_eq(inputs.err.column, refused[_i].column);
}
END_TEST

/* The merged policy must live when what it was made of is gone. */
START_TEST(merged_policy_owns_everything)
{
	static const char text[] =
		"version: 1\n"
		"groups: { name: g, match: { name: [\"eth*\", \"/x+/\"], kind: veth, master: br0 }, "
		"exclude: { name: eth9 }, default: { in: deny, out: deny } }\n"
		"sets: { office: 192.0.2.1 }\n"
		"failsafe: { in: [\"tcp:10.0.0.0/8:22\"] }\n"
		"rules: { id: a, group: g, from: \"set:office\", action: deny, comment: x }\n";
	struct inputs inputs = { 0 };
	struct ms_policy *merged, *copy;

	ck_assert_int_eq(merge(&inputs, text, NULL, 0), 0);
	merged = inputs.merged;
	inputs.merged = NULL;
	fini_inputs(&inputs);
	copy = ms_policy_copy(merged);
	ms_policy_free(merged);
	ck_assert_str_eq(copy->groups[0].match[0].names[1].text, "/x+/");
	ck_assert_str_eq(copy->rules[6].from[0].set, "office");
	ck_assert_str_eq(copy->rules[6].comment, "x");
	ck_assert_str_eq(copy->rules[6].origin.file, "10-a.yaml");
	ms_policy_free(copy);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("policy/merge");
	TCase *tcase = tcase_create("merge");

	tcase_add_test(tcase, plugins_come_after_the_operator);
	tcase_add_loop_test(tcase, a_file_stands_without_its_sources, 0, 2);
	tcase_add_test(tcase, plugins_and_files_share_names);
	tcase_add_loop_test(tcase, what_a_plugin_may_not_say_is_refused_in_its_words, 0,
			    (int)ms_array_size(refused_plugins));
	tcase_add_test(tcase, order_is_priority_then_runtime_then_position);
	tcase_add_test(tcase, builtins_come_first_and_may_be_overridden);
	tcase_add_test(tcase, dhcp_is_the_client_side_only);
	tcase_add_test(tcase, expired_rules_are_kept_apart);
	tcase_add_test(tcase, runtime_members_join_the_files_set);
	tcase_add_test(tcase, failsafe_is_the_documents_or_the_defaults);
	tcase_add_loop_test(tcase, what_only_all_sources_show_is_refused, 0,
			    ms_array_size(refused));
	tcase_add_test(tcase, merged_policy_owns_everything);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return ms_check_run(make_suite());
}
