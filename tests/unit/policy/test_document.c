/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/policy/document.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "core/base/cleanup.h"
#include "core/policy/merge.h"
#include "tests/harness/ms_check.h"

static void parse(const char *name, const char *text, struct ms_policy *policy)
{
	struct ms_error err = MS_ERROR_INIT;
	char said[1024];
	int r = ms_document_parse(name, text, strlen(text), MS_SOURCE_FILE, policy, &err);

	ck_assert_msg(r == 0, "%s", ms_error_format(&err, said, sizeof(said)));
}

START_TEST(everything_the_language_has_is_read)
{
	static const char text[] =
		"version: 1\n"
		"groups:\n"
		"  - name: containers\n"
		"    match:\n"
		"      - { kind: [veth, netkit], master: [\"docker0\", \"br-*\"] }\n"
		"      - { name: [\"/cali[0-9a-f]+/\"] }\n"
		"    exclude: { name: [\"veth-mgmt\"] }\n"
		"    default: { in: deny, out: allow }\n"
		"    side: workload\n"
		"    mode: audit\n"
		"    attach: tcx\n"
		"    non_ip: deny\n"
		"    unready: open\n"
		"failsafe: { in: [\"tcp:22\", \"udp:[2001:db8::/32]:546\"], out: [] }\n"
		"sets:\n"
		"  office: [192.0.2.0/24, { addr: \"2001:db8::/32\", timeout: 1h }]\n"
		"rules:\n"
		"  - id: web/http\n"
		"    group: [containers]\n"
		"    dir: in\n"
		"    from: [\"set:office\", \"set:host\", 10.0.0.0/8]\n"
		"    to: any\n"
		"    proto: [tcp, 17]\n"
		"    sport: 1024-65535\n"
		"    dport: [80, 443, 8000-8100]\n"
		"    vlan: [0, 5]\n"
		"    dscp: [ef, 10, cs7]\n"
		"    action: [log, deny]\n"
		"    log: { every: 10s }\n"
		"    established: keep\n"
		"    mode: enforce\n"
		"    priority: 5\n"
		"    fallback: allow\n"
		"    expires: 2026-12-31T23:00:00+01:00\n"
		"    comment: shown back\n"
		"  - { id: ping, proto: icmp, icmp: [echo-request, 3/port-unreachable, 11/0], action: log }\n";
	ms_cleanup(ms_policy_fini) struct ms_policy policy = MS_POLICY_INIT;
	const struct ms_group_def *group;
	const struct ms_rule *rule;

	parse("10-web.yaml", text, &policy);
	ck_assert_uint_eq(policy.n_groups, 1);
	group = &policy.groups[0];
	ck_assert_str_eq(group->name, "containers");
	ck_assert_uint_eq(group->n_match, 2);
	ck_assert_str_eq(group->match[0].kinds[1], "netkit");
	ck_assert_str_eq(group->match[0].masters[1].text, "br-*");
	ck_assert_str_eq(group->match[1].names[0].text, "/cali[0-9a-f]+/");
	ck_assert_str_eq(group->exclude[0].names[0].text, "veth-mgmt");
	ck_assert_int_eq(group->default_verdict[MS_DIR_IN], MS_VERDICT_DENY);
	ck_assert_int_eq(group->default_verdict[MS_DIR_OUT], MS_VERDICT_ALLOW);
	ck_assert_int_eq(group->side, MS_SIDE_CHOICE_WORKLOAD);
	ck_assert_int_eq(group->mode, MS_MODE_AUDIT);
	ck_assert_int_eq(group->attach, MS_ATTACH_TCX);
	ck_assert_int_eq(group->non_ip, MS_VERDICT_DENY);
	ck_assert_int_eq(group->unready, MS_UNREADY_OPEN);

	ck_assert(policy.failsafe.present);
	ck_assert_uint_eq(policy.failsafe.n_entries[MS_DIR_IN], 2);
	ck_assert_uint_eq(policy.failsafe.n_entries[MS_DIR_OUT], 0);
	ck_assert_uint_eq(policy.failsafe.entries[MS_DIR_IN][1].peer.len, 32);
	ck_assert_uint_eq(policy.failsafe.entries[MS_DIR_IN][1].port, 546);

	ck_assert_uint_eq(policy.sets[0].n_members, 2);
	ck_assert_uint_eq(policy.sets[0].members[1].timeout_ns, 3600ULL * 1000000000);

	ck_assert_uint_eq(policy.n_rules, 2);
	rule = &policy.rules[0];
	ck_assert_str_eq(rule->id, "web/http");
	ck_assert_str_eq(rule->origin.file, "10-web.yaml");
	ck_assert_uint_eq(rule->origin.line, 18);
	ck_assert_uint_eq(rule->origin.column, 5);
	ck_assert_str_eq(rule->groups[0], "containers");
	ck_assert_uint_eq(rule->dirs, 1 << MS_DIR_IN);
	ck_assert_uint_eq(rule->n_from, 3);
	ck_assert_str_eq(rule->from[1].set, MS_SET_HOST);
	ck_assert_uint_eq(rule->n_to, 0);
	ck_assert_uint_eq(rule->protos[1], IPPROTO_UDP);
	ck_assert_uint_eq(rule->sports[0].last, 65535);
	ck_assert_uint_eq(rule->dports[2].first, 8000);
	ck_assert_uint_eq(rule->vlans[1], 5);
	ck_assert_uint_eq(rule->n_dscps, 3);
	ck_assert_uint_eq(rule->dscps[0], 46);
	ck_assert_uint_eq(rule->dscps[1], 10);
	ck_assert_uint_eq(rule->dscps[2], 56);
	ck_assert_int_eq(rule->verdict, MS_VERDICT_DENY);
	ck_assert(rule->log);
	ck_assert_uint_eq(rule->log_every_ns, 10ULL * 1000000000);
	ck_assert_int_eq(rule->established, MS_ESTABLISHED_KEEP);
	ck_assert_int_eq(rule->mode, MS_MODE_ENFORCE);
	ck_assert_uint_eq(rule->priority, 5);
	ck_assert_int_eq(rule->fallback, MS_VERDICT_ALLOW);
	ck_assert_int_eq(rule->expires, 1798754400);
	ck_assert_str_eq(rule->comment, "shown back");

	rule = &policy.rules[1];
	ck_assert_int_eq(rule->verdict, MS_VERDICT_ALLOW);
	ck_assert(rule->log);
	ck_assert_uint_eq(rule->icmps[0].type, 8);
	ck_assert_int_eq(rule->icmps[0].code, -1);
	ck_assert_uint_eq(rule->icmps[1].type, 3);
	ck_assert_int_eq(rule->icmps[1].code, 3);
	ck_assert_int_eq(rule->icmps[2].code, 0);
}
END_TEST

START_TEST(what_is_left_out_has_the_value_of_the_table)
{
	ms_cleanup(ms_policy_fini) struct ms_policy policy = MS_POLICY_INIT;
	const struct ms_group_def *group;
	const struct ms_rule *rule;

	parse("a.yaml",
	      "version: 1\n"
	      "groups: { name: x, match: { kind: veth }, default: { in: deny, out: deny } }\n"
	      "rules: { id: a, action: deny }\n",
	      &policy);
	group = &policy.groups[0];
	ck_assert_int_eq(group->side, MS_SIDE_CHOICE_AUTO);
	ck_assert_int_eq(group->mode, MS_MODE_ENFORCE);
	ck_assert_int_eq(group->attach, MS_ATTACH_AUTO);
	ck_assert_int_eq(group->non_ip, MS_VERDICT_ALLOW);
	ck_assert_int_eq(group->unready, MS_UNREADY_OPEN);
	rule = &policy.rules[0];
	ck_assert_uint_eq(rule->n_groups, 0);
	ck_assert_uint_eq(rule->dirs, 3);
	ck_assert_uint_eq(
		rule->n_from + rule->n_to + rule->n_protos + rule->n_vlans + rule->n_dscps, 0);
	ck_assert(!rule->log);
	ck_assert_int_eq(rule->established, MS_ESTABLISHED_RECHECK);
	ck_assert_int_eq(rule->mode, MS_MODE_INHERIT);
	ck_assert_uint_eq(rule->priority, MS_RULE_PRIORITY_DEFAULT);
	ck_assert_int_eq(rule->fallback, MS_VERDICT_DENY);
	ck_assert_int_eq(rule->expires, 0);
	ck_assert_ptr_null(rule->comment);
	ck_assert(!policy.failsafe.present);
}
END_TEST

/* Forms that are odd but right: to refuse them would be a defect too. */
static const char *const accepted[] = {
	"version: 1\n",
	"---\nversion: 1\n...\n",
	"version: 1\r\nrules:\r\n  - { id: a, action: deny }\r\n",
	"{\"version\": 1}",
	"# \xc3\xbc \xe2\x98\x83 \xf0\x9f\x98\x80\nversion: 1\n",
	"version:\t1\n",
	"version: 1\nrules:\n- id: a\n  action: deny\n",
	"version: 1\nrules:\n  - { id: \"7\", action: deny }\n",
	"version: 1\nrules:\n  - { id: a, comment: 'it''s # fine: yes', action: deny }\n",
	"version: 1\nrules:\n  - id: a\n    comment: >-\n      folded\n      text\n    action: deny\n",
	"version: 1\nrules:\n  - { id: a, proto: \"6\", dport: \"80\", action: deny }\n",
	"version: 1\nrules:\n  - { id: a, from: 0.0.0.0/0, to: 10.0.0.0/8, action: deny }\n",
	"version: 1\nrules:\n  - { id: a, from: [10.0.0.1, \"2001:db8::1\"], action: deny }\n",
	"version: 1\nrules:\n  - { id: a, from: \"set:host\", to: \"2001:db8::1\", action: deny }\n",
	"version: 1\nrules:\n  - { id: a, proto: icmp, icmp: 8, action: [allow] }\n",
	"version: 1\nrules:\n  - { id: a, dport: 80, proto: tcp, action: deny }\n",
	"version: 1\nrules:\n  - { id: builtin/nd, proto: icmpv6, action: deny }\n",
	"version: 1\nrules:\n  - { id: runtime/1, action: deny }\n",
	"version: 1\nrules: [\n  { id: a,\n    action: deny },\n  ]\n",
	"version: 1\nfailsafe: []\n",
	"version: 1\nfailsafe: { in: [] }\n",
	"version: 1\nfailsafe: { in: tcp:22 }\n",
	"version: 1\nsets: { a: 10.0.0.1, b: [10.0.0.1] }\n",
};

START_TEST(odd_but_right_is_accepted)
{
	ms_cleanup(ms_policy_fini) struct ms_policy policy = MS_POLICY_INIT;
	struct ms_policy *merged;

	parse("a.yaml", accepted[_i], &policy);
	ck_assert_int_eq(
		ms_policy_merge(&(struct ms_merge_inputs) { .files = &policy }, &merged, NULL), 0);
	ms_policy_free(merged);
}
END_TEST

START_TEST(failsafe_direction_not_mentioned_keeps_its_defaults)
{
	ms_cleanup(ms_policy_fini) struct ms_policy policy = MS_POLICY_INIT;

	parse("a.yaml", "version: 1\nfailsafe: { in: [\"tcp:192.0.2.0/24:22\"] }\n", &policy);
	ck_assert_uint_eq(policy.failsafe.n_entries[MS_DIR_IN], 1);
	ck_assert_uint_eq(policy.failsafe.n_entries[MS_DIR_OUT], 4);
}
END_TEST

START_TEST(rule_alone_may_have_no_id)
{
	ms_cleanup(ms_rule_fini) struct ms_rule rule = { 0 };
	struct ms_error err = MS_ERROR_INIT;

	ck_assert_int_eq(ms_document_parse_rule("rule",
						"{\"to\": \"127.0.0.1\", \"dport\": 22, "
						"\"proto\": \"tcp\", \"action\": \"deny\"}",
						&rule, &err),
			 0);
	ck_assert_ptr_null(rule.id);
	ck_assert_int_eq(rule.origin.source, MS_SOURCE_RUNTIME);
	ck_assert_uint_eq(rule.dports[0].first, 22);
}
END_TEST

static const struct {
	const char *text, *word;
	unsigned int column;
} refused_rules[] = {
	{ "{ action: drop }", "drop", 11 },
	{ "{ action: deny, proto: tcp } more", "more", 30 },
	{ "{ dport: 80, proto: tcp }", "action", 1 },
	{ "deny", "deny", 1 },
	{ "", "", 1 },
	{ "{ action: [{ odd: { on: 1 } }, allow] }", "on", 21 },
	{ "{ action: [{ odd: { \"On\": 1 } }, allow] }", "On", 21 },
	{ "{ action: deny }\n---\n{ action: deny }", "---", 1 },
};

START_TEST(rule_alone_is_refused_at_its_word)
{
	struct ms_rule rule = { .priority = 4711 };
	struct ms_error err = MS_ERROR_INIT;

	ck_assert_int_lt(ms_document_parse_rule("rule", refused_rules[_i].text, &rule, &err), 0);
	ck_assert_str_eq(err.word, refused_rules[_i].word);
	ck_assert_uint_eq(err.column, refused_rules[_i].column);
	ck_assert_uint_eq(rule.priority, 4711);
}
END_TEST

/* A source, an action or the CLI fills it. */
/* Leaving the key out, as elsewhere, would leave out the action; and whether it needs arguments
 * only its plugin knows. */
START_TEST(empty_braces_are_told_both_ways_out)
{
	static const char text[] = "{ action: [{ odd: {} }, allow] }";
	struct ms_rule rule = { 0 };
	struct ms_error err = MS_ERROR_INIT;

	ck_assert_int_lt(ms_document_parse_rule("rule", text, &rule, &err), 0);
	ck_assert_str_eq(err.word, "{}");
	ck_assert_uint_eq(err.column, 19);
	ck_assert_str_eq(err.message, "nothing stands in the braces; write the arguments that odd "
				      "needs, or odd alone if it needs none");
}
END_TEST

/* A plugin may call an argument so; in quotes it is that and no boolean. */
START_TEST(an_argument_may_be_called_on)
{
	ms_cleanup(ms_rule_fini) struct ms_rule rule = { 0 };

	ck_assert_int_eq(ms_document_parse_rule("rule",
						"{ action: [{ odd: { \"on\": 1 } }, allow] }",
						&rule, NULL),
			 0);
	ck_assert_str_eq(rule.actions[0].args[0].name, "on");
}
END_TEST

START_TEST(a_set_may_be_empty)
{
	static const char text[] = "version: 1\nsets: { office: [] }\n";
	ms_cleanup(ms_policy_fini) struct ms_policy policy = MS_POLICY_INIT;

	ck_assert_int_eq(
		ms_document_parse("a.yaml", text, strlen(text), MS_SOURCE_FILE, &policy, NULL), 0);
	ck_assert_uint_eq(policy.n_sets, 1);
	ck_assert_uint_eq(policy.sets[0].n_members, 0);
}
END_TEST

START_TEST(names_of_sets_have_parts)
{
	static const char text[] =
		"version: 1\n"
		"sets: { compose/shop/web: 10.0.0.1 }\n"
		"rules: [{ id: a, from: \"set:compose/shop/web\", action: deny }]\n";
	ms_cleanup(ms_policy_fini) struct ms_policy policy = MS_POLICY_INIT;

	ck_assert_int_eq(
		ms_document_parse("a.yaml", text, strlen(text), MS_SOURCE_FILE, &policy, NULL), 0);
	ck_assert_str_eq(policy.sets[0].name, "compose/shop/web");
	ck_assert_str_eq(policy.rules[0].from[0].set, "compose/shop/web");
}
END_TEST

/* ---- files ---- */

static char directory[] = "/tmp/ms-document-XXXXXX";

static void make_directory(void)
{
	ck_assert_ptr_nonnull(mkdtemp(directory));
}

static void remove_directory(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", directory);
	ck_assert_int_eq(system(command), 0);
}

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

START_TEST(directory_is_read_in_byte_order)
{
	ms_cleanup(ms_policy_fini) struct ms_policy policy = MS_POLICY_INIT;

	write_file("20-b.yaml", "version: 1\nrules: { id: b, action: deny }\n");
	write_file("10-a.json",
		   "{\"version\": 1, \"rules\": [{\"id\": \"a\", \"action\": \"deny\"}]}");
	write_file("Z.yml", "version: 1\nrules: { id: z, action: deny }\n");
	write_file("a.yaml", "version: 1\nrules: { id: last, action: deny }\n");
	write_file("b.yaml~", "no document\n");
	write_file(".hidden.yaml", "no document\n");
	write_file("README", "no document\n");
	ck_assert_int_eq(ms_document_parse_path(directory, MS_SOURCE_FILE, &policy, NULL), 0);
	ck_assert_uint_eq(policy.n_rules, 4);
	ck_assert_str_eq(policy.rules[0].id, "a");
	ck_assert_str_eq(policy.rules[0].origin.file, "10-a.json");
	ck_assert_str_eq(policy.rules[1].id, "b");
	ck_assert_str_eq(policy.rules[2].id, "z");
	ck_assert_str_eq(policy.rules[3].id, "last");
}
END_TEST

START_TEST(one_bad_file_leaves_the_policy_untouched)
{
	ms_cleanup(ms_policy_fini) struct ms_policy policy = MS_POLICY_INIT;
	struct ms_error err = MS_ERROR_INIT;

	parse("first.yaml", "version: 1\nrules: { id: first, action: deny }\n", &policy);
	write_file("10-a.yaml", "version: 1\nrules: { id: a, action: deny }\n");
	write_file("20-b.yaml", "version: 1\nrules: { id: b, action: drop }\n");
	ck_assert_int_eq(ms_document_parse_path(directory, MS_SOURCE_FILE, &policy, &err), -EINVAL);
	ck_assert_str_eq(err.file, "20-b.yaml");
	ck_assert_str_eq(err.word, "drop");
	ck_assert_uint_eq(policy.n_rules, 1);
}
END_TEST

START_TEST(what_is_no_regular_file_is_refused_not_waited_for)
{
	ms_cleanup(ms_policy_fini) struct ms_policy policy = MS_POLICY_INIT;
	struct ms_error err = MS_ERROR_INIT;
	char path[128];

	snprintf(path, sizeof(path), "%s/a.yaml", directory);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(ms_document_parse_path(directory, MS_SOURCE_FILE, &policy, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.message, "regular file"));
	snprintf(path, sizeof(path), "%s/none.yaml", directory);
	ck_assert_int_eq(ms_document_parse_path(path, MS_SOURCE_FILE, &policy, NULL), -ENOENT);
}
END_TEST

START_TEST(empty_directory_is_an_empty_policy)
{
	ms_cleanup(ms_policy_fini) struct ms_policy policy = MS_POLICY_INIT;

	ck_assert_int_eq(ms_document_parse_path(directory, MS_SOURCE_FILE, &policy, NULL), 0);
	ck_assert_uint_eq(policy.n_rules + policy.n_groups + policy.n_sets, 0);
}
END_TEST

/* ---- size ---- */

/* 100k rules as one line of JSON or a line each of YAML. The limits are wide: the machine may be
 * busy, and what they are to find is quadratic work or a document held as a tree. */
#ifdef __SANITIZE_ADDRESS__
#define MANY                                                                                       \
	5000 /* of what the limits are to find it would see nothing: they are another build's */
#else
#define MANY 100000
#endif

START_TEST(a_hundred_thousand_rules_are_cheap)
{
	ms_cleanup(ms_policy_fini) struct ms_policy policy = MS_POLICY_INIT;
	ms_cleanup(ms_free) char *text = NULL;
	bool json = _i;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	struct rusage before, after;
	struct timespec t0, t1;
	double seconds;

	fputs(json ? "{\"version\": 1, \"rules\": [" : "version: 1\nrules:\n", out);
	for (int i = 0; i < MANY; i++)
		fprintf(out,
			json ? "%s{\"id\": \"acl/r%d\", \"from\": \"10.%d.%d.0/24\", \"proto\": "
			       "\"tcp\", \"dport\": [80, \"8000-8100\"], \"action\": \"allow\"}"
			     : "%s  - { id: acl/r%d, from: 10.%d.%d.0/24, proto: tcp, dport: [80, "
			       "8000-8100], action: allow }\n",
			json && i ? "," : "", i, i >> 8 & 255, i & 255);
	fputs(json ? "]}" : "", out);
	fclose(out);
	getrusage(RUSAGE_SELF, &before);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t0);
	parse(json ? "a.json" : "a.yaml", text, &policy);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t1);
	getrusage(RUSAGE_SELF, &after);
	seconds = (double)(t1.tv_sec - t0.tv_sec) + (double)(t1.tv_nsec - t0.tv_nsec) / 1e9;
	ck_assert_uint_eq(policy.n_rules, MANY);
	ck_assert_msg(seconds < 15, "%.1f s of CPU", seconds);
#ifndef __SANITIZE_ADDRESS__
	ck_assert_msg(after.ru_maxrss - before.ru_maxrss < 300 * 1024, "%ld KiB more",
		      after.ru_maxrss - before.ru_maxrss);
#endif
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("policy/document");
	TCase *tcase = tcase_create("language");

	tcase_add_test(tcase, everything_the_language_has_is_read);
	tcase_add_test(tcase, what_is_left_out_has_the_value_of_the_table);
	tcase_add_loop_test(tcase, odd_but_right_is_accepted, 0, ms_array_size(accepted));
	tcase_add_test(tcase, failsafe_direction_not_mentioned_keeps_its_defaults);
	tcase_add_test(tcase, rule_alone_may_have_no_id);
	tcase_add_loop_test(tcase, rule_alone_is_refused_at_its_word, 0,
			    ms_array_size(refused_rules));
	tcase_add_test(tcase, empty_braces_are_told_both_ways_out);
	tcase_add_test(tcase, an_argument_may_be_called_on);
	tcase_add_test(tcase, a_set_may_be_empty);
	tcase_add_test(tcase, names_of_sets_have_parts);
	suite_add_tcase(suite, tcase);

	tcase = tcase_create("files");
	tcase_add_checked_fixture(tcase, make_directory, remove_directory);
	tcase_add_test(tcase, directory_is_read_in_byte_order);
	tcase_add_test(tcase, one_bad_file_leaves_the_policy_untouched);
	tcase_add_test(tcase, what_is_no_regular_file_is_refused_not_waited_for);
	tcase_add_test(tcase, empty_directory_is_an_empty_policy);
	suite_add_tcase(suite, tcase);

	tcase = tcase_create("size");
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, a_hundred_thousand_rules_are_cheap, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return ms_check_run(make_suite());
}
