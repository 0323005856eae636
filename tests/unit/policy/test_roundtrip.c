/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is written is read back equal: random policies of everything the language has, as YAML and
 * as JSON. The seed is fixed, so that a failure is the same everywhere; MS_SEED=n tries another.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/policy/array.h"
#include "core/policy/document.h"
#include "tests/harness/ms_check.h"

#define ROUNDS 30 /* of a case; what is proven is so by all of them */

static unsigned int seed;

static unsigned int below(unsigned int n)
{
	return (unsigned int)rand_r(&seed) % n;
}

static bool often(void)
{
	return below(3) > 0;
}

#define ck_append(array, count, value) ck_assert_int_eq(ms_array_append(array, count, value), 0)

static struct ms_cidr random_cidr(int family)
{
	struct ms_cidr cidr = { .addr.family = (uint8_t)family };
	unsigned int width = family == 4 ? 32 : 128;

	cidr.len = (uint8_t)(often() ? below(width + 1) : width);
	for (unsigned int bit = 0; bit < cidr.len; bit++) {
		if (below(2))
			cidr.addr.bytes[bit / 8] |= (uint8_t)(0x80 >> (bit % 8));
	}
	return cidr;
}

/* Names that YAML would take for something else are the interesting ones. */
static char *random_name(const char *stem, size_t i)
{
	static const char *const odd[] = { "true", "null", "1e3", "0x1f", "no", "7", "a.b-c_d" };
	char buf[48];

	if (below(4) == 0)
		snprintf(buf, sizeof(buf), "%s", odd[below(ms_array_size(odd))]);
	else
		snprintf(buf, sizeof(buf), "%s", stem);
	/* Unique by its end; some stay as odd as they are. */
	if (i > 0)
		snprintf(buf + strlen(buf), sizeof(buf) - strlen(buf), "-%zu", i);
	return strdup(buf);
}

static char *random_comment(void)
{
	static const char *const comments[] = {
		"plain",
		"with, comma",
		"a: colon",
		"# no comment",
		"\"quoted\" \\ back",
		"'single'",
		"{ brace }",
		"[x]",
		" blank ends ",
		"-",
		"- dash",
		"? what",
		"*alias",
		"&anchor",
		"!tag",
		"%percent",
		"@at",
		"`tick`",
		"grün ☃ 😀",
		"yes",
		"12",
		"~",
		"<<",
		"|",
		">",
		"a #b",
		"x:",
		"=",
	};

	return strdup(comments[below(ms_array_size(comments))]);
}

static void add_addresses(struct ms_address **array, size_t *count, unsigned int families)
{
	size_t n = 1 + below(3);

	for (size_t i = 0; i < n; i++) {
		struct ms_address address = { .kind = MS_ADDRESS_CIDR };

		if (below(4) == 0) {
			address.kind = MS_ADDRESS_SET;
			address.set = strdup(below(2) ? "office" : MS_SET_HOST);
		} else {
			address.cidr = random_cidr(families == 1   ? 4
						   : families == 2 ? 6
						   : below(2)      ? 4
								   : 6);
		}
		ck_append(array, count, address);
	}
}

static void add_ports(struct ms_port_range **array, size_t *count)
{
	size_t n = 1 + below(4);

	for (size_t i = 0; i < n; i++) {
		struct ms_port_range range;

		range.first = (uint16_t)below(65536);
		range.last = (uint16_t)(below(2) ? range.first
						 : range.first + below(65536u - range.first));
		ck_append(array, count, range);
	}
}

static void add_match(struct ms_rule *rule)
{
	static const uint8_t port_protos[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP };
	/* Both lists of one family: others may be refused, which is another test's. */
	unsigned int families = 1 + below(2);

	if (below(4) == 0) {
		uint8_t proto = families == 1 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
		size_t n = below(4);

		ck_append(&rule->protos, &rule->n_protos, proto);
		for (size_t i = 0; i < n; i++) {
			struct ms_icmp_match icmp = { (uint8_t)below(256),
						      (int16_t)(below(2) ? -1 : (int)below(256)) };

			ck_append(&rule->icmps, &rule->n_icmps, icmp);
		}
	} else if (below(3)) {
		size_t n = 1 + below(3);

		for (size_t i = 0; i < n; i++)
			ck_append(&rule->protos, &rule->n_protos, port_protos[i]);
		if (often())
			add_ports(&rule->dports, &rule->n_dports);
		if (below(4) == 0)
			add_ports(&rule->sports, &rule->n_sports);
	} else {
		ck_append(&rule->protos, &rule->n_protos, (uint8_t)(140 + below(100)));
	}
	if (often())
		add_addresses(&rule->from, &rule->n_from, families);
	if (often())
		add_addresses(&rule->to, &rule->n_to, families);
	for (size_t i = below(8); i < 2; i++)
		ck_append(&rule->vlans, &rule->n_vlans, (uint16_t)below(4095));
	for (size_t i = below(4); i < 2; i++)
		ck_append(&rule->dscps, &rule->n_dscps, (uint8_t)below(64));
}

static void add_arg(struct ms_rule_action *action, char *name)
{
	static const char *const texts[] = { "100",  "eth1", "10ms",     "true",   "0x10", "",
					     "null", "007",  "a b: [c]", "set\"x", "-1",   "yes" };
	struct ms_rule_action_arg arg = { .name = name };

	for (size_t n = 1 + below(3); n > 0; n--) {
		struct ms_rule_action_value value = { .text = strdup(
							      texts[below(ms_array_size(texts))]) };

		ck_append(&arg.values, &arg.n_values, value);
	}
	ck_append(&action->args, &action->n_args, arg);
}

static void add_actions(struct ms_rule *rule)
{
	for (size_t i = below(MS_RULE_ACTIONS_MAX + 1); i > 0; i--) {
		struct ms_rule_action action = { .name = strdup(i % 2 ? "mirror" : "set_mark_2") };

		if (below(3) == 0) {
			add_arg(&action, NULL);
		} else {
			for (size_t n = below(3); n > 0; n--)
				add_arg(&action, strdup(n % 2 ? "on" : "burst_2"));
		}
		ck_append(&rule->actions, &rule->n_actions, action);
	}
}

static void add_rule(struct ms_policy *policy, size_t i)
{
	struct ms_rule rule = {
		.origin.source = MS_SOURCE_FILE,
		.id = random_name("web/http", i + 1),
		.dirs = (uint8_t)(1 + below(3)),
		.verdict = below(2) ? MS_VERDICT_DENY : MS_VERDICT_ALLOW,
		.log = below(2),
		.established = (enum ms_established)below(3),
		.mode = below(2)   ? MS_MODE_INHERIT
			: below(2) ? MS_MODE_AUDIT
				   : MS_MODE_ENFORCE,
		.priority = (uint16_t)(below(2) ? MS_RULE_PRIORITY_DEFAULT : below(65536)),
		.fallback = below(2) ? MS_VERDICT_DENY : MS_VERDICT_ALLOW,
		.expires = below(2) ? 0 : 1 + (int64_t)below(2000000000),
	};

	if (rule.log && below(2))
		rule.log_every_ns = (1 + below(100000)) * 1000000ULL;
	if (below(2))
		rule.comment = random_comment();
	for (size_t n = below(3); n > 0; n--)
		ck_append(&rule.groups, &rule.n_groups, random_name("web", n));
	add_match(&rule);
	if (below(3) == 0)
		add_actions(&rule);
	ck_append(&policy->rules, &policy->n_rules, rule);
}

static void add_patterns(struct ms_pattern **array, size_t *count)
{
	static const char *const patterns[] = {
		"eth0", "br-*", "/cali[0-9a-f]+/", "veth?", "/(a|b){2}[^x]$/", "[a-c]*", "true", "0"
	};

	for (size_t n = 1 + below(3); n > 0; n--) {
		struct ms_pattern pattern = { strdup(patterns[below(ms_array_size(patterns))]) };

		ck_append(array, count, pattern);
	}
}

static void add_selectors(struct ms_selector **array, size_t *count, size_t n)
{
	static const char *const kinds[] = { "veth", "loopback", "physical", "tap", "wireguard" };

	for (; n > 0; n--) {
		struct ms_selector selector = { 0 };

		for (size_t k = 1 + below(3); k > 0; k--)
			ck_append(&selector.kinds, &selector.n_kinds,
				  strdup(kinds[below(ms_array_size(kinds))]));
		if (below(2))
			add_patterns(&selector.names, &selector.n_names);
		if (below(2))
			add_patterns(&selector.masters, &selector.n_masters);
		ck_append(array, count, selector);
	}
}

static void add_group(struct ms_policy *policy, size_t i)
{
	struct ms_group_def group = {
		.origin.source = MS_SOURCE_FILE,
		.name = random_name("group", i + 1),
		.default_verdict = { (enum ms_verdict)below(2), (enum ms_verdict)below(2) },
		.side = (enum ms_side_choice)below(3),
		.mode = (enum ms_mode)below(3),
		.attach = (enum ms_attach_choice)below(3),
		.non_ip = (enum ms_verdict)below(2),
		.unready = MS_UNREADY_OPEN,
	};

	add_selectors(&group.match, &group.n_match, 1 + below(3));
	add_selectors(&group.exclude, &group.n_exclude, below(3));
	ck_append(&policy->groups, &policy->n_groups, group);
}

static void add_set(struct ms_policy *policy, size_t i)
{
	struct ms_set_def set = {
		.origin.source = MS_SOURCE_FILE,
		.name = random_name("office", i),
	};

	for (size_t n = 1 + below(40); n > 0; n--) {
		struct ms_set_member member = {
			.origin.source = MS_SOURCE_FILE,
			.cidr = random_cidr(below(2) ? 4 : 6),
			.timeout_ns = below(3) ? 0 : (1 + below(1000)) * 1000000000ULL,
		};
		bool is_new = true;

		for (size_t j = 0; j < set.n_members && is_new; j++)
			is_new = ms_cidr_compare(&set.members[j].cidr, &member.cidr) != 0;
		if (is_new)
			ck_append(&set.members, &set.n_members, member);
	}
	ck_append(&policy->sets, &policy->n_sets, set);
}

static void add_failsafe(struct ms_policy *policy)
{
	policy->failsafe.present = true;
	for (int dir = 0; dir < MS_DIR__COUNT; dir++) {
		for (size_t n = below(4); n > 0; n--) {
			struct ms_failsafe_entry entry = {
				.proto = below(2) ? IPPROTO_TCP : IPPROTO_UDP,
				.port = (uint16_t)(1 + below(65535)),
				.has_peer = below(2),
			};

			if (entry.has_peer)
				entry.peer = random_cidr(below(2) ? 4 : 6);
			ck_append(&policy->failsafe.entries[dir], &policy->failsafe.n_entries[dir],
				  entry);
		}
	}
}

static void make_policy(struct ms_policy *policy)
{
	for (size_t i = 0, n = below(4); i < n; i++)
		add_group(policy, i);
	for (size_t i = 0, n = below(4); i < n; i++)
		add_set(policy, i + 1);
	if (below(2))
		add_failsafe(policy);
	for (size_t i = 0, n = below(20); i < n; i++)
		add_rule(policy, i);
}

static char *write_policy(const struct ms_policy *policy, bool json)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(ms_document_write(policy, json, out), 0);
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

static void assert_equal(const struct ms_policy *a, const struct ms_policy *b, const char *text)
{
	ck_assert_msg(a->n_groups == b->n_groups && a->n_sets == b->n_sets &&
			      a->n_rules == b->n_rules,
		      "counts differ:\n%s", text);
	for (size_t i = 0; i < a->n_groups; i++)
		ck_assert_msg(ms_group_def_equal(&a->groups[i], &b->groups[i]),
			      "group %zu differs:\n%s", i, text);
	for (size_t i = 0; i < a->n_sets; i++)
		ck_assert_msg(ms_set_def_equal(&a->sets[i], &b->sets[i]), "set %zu differs:\n%s", i,
			      text);
	for (size_t i = 0; i < a->n_rules; i++) {
		const struct ms_rule *x = &a->rules[i], *y = &b->rules[i];

		ck_assert_msg(ms_rule_equal(x, y) && strcmp(x->id, y->id) == 0 &&
				      (x->comment ? y->comment && !strcmp(x->comment, y->comment)
						  : !y->comment),
			      "rule %s differs:\n%s", x->id, text);
	}
	ck_assert_msg(ms_failsafe_def_equal(&a->failsafe, &b->failsafe), "failsafe differs:\n%s",
		      text);
}

START_TEST(written_is_read_back_equal)
{
	bool json = _i % 2;

	seed = (unsigned int)_i;
	if (getenv("MS_SEED"))
		seed += (unsigned int)atoi(getenv("MS_SEED"));
	for (int round = 0; round < ROUNDS; round++) {
		ms_cleanup(ms_policy_fini) struct ms_policy policy = MS_POLICY_INIT;
		ms_cleanup(ms_policy_fini) struct ms_policy again = MS_POLICY_INIT;
		ms_cleanup(ms_free) char *text = NULL;
		struct ms_error err = MS_ERROR_INIT;
		struct ms_policy *copy;
		char said[1024];
		int r;

		make_policy(&policy);
		text = write_policy(&policy, json);
		r = ms_document_parse(json ? "a.json" : "a.yaml", text, strlen(text),
				      MS_SOURCE_FILE, &again, &err);
		ck_assert_msg(r == 0, "%s\n%s", ms_error_format(&err, said, sizeof(said)), text);
		assert_equal(&policy, &again, text);
		copy = ms_policy_copy(&again);
		assert_equal(copy, &policy, text);
		ms_policy_free(copy);
	}
}
END_TEST

/* JSON is YAML too: the same text under another name says the same. */
START_TEST(json_is_read_as_yaml_too)
{
	ms_cleanup(ms_policy_fini) struct ms_policy policy = MS_POLICY_INIT;
	ms_cleanup(ms_policy_fini) struct ms_policy again = MS_POLICY_INIT;
	ms_cleanup(ms_free) char *text = NULL;

	seed = (unsigned int)_i;
	make_policy(&policy);
	text = write_policy(&policy, true);
	ck_assert_int_eq(
		ms_document_parse("a.yaml", text, strlen(text), MS_SOURCE_FILE, &again, NULL), 0);
	assert_equal(&policy, &again, text);
}
END_TEST

START_TEST(rule_alone_is_read_back_equal)
{
	seed = (unsigned int)_i;
	for (int round = 0; round < ROUNDS; round++) {
		ms_cleanup(ms_policy_fini) struct ms_policy policy = MS_POLICY_INIT;
		ms_cleanup(ms_rule_fini) struct ms_rule again = { 0 };
		ms_cleanup(ms_free) char *text = NULL;
		size_t length;
		FILE *out = open_memstream(&text, &length);

		add_rule(&policy, 0);
		ck_assert_int_eq(ms_document_write_rule(&policy.rules[0], _i % 2, out), 0);
		fclose(out);
		ck_assert_ptr_null(strchr(text, '\n'));
		ck_assert_msg(ms_document_parse_rule("rule", text, &again, NULL) == 0, "%s", text);
		ck_assert_msg(ms_rule_equal(&again, &policy.rules[0]), "%s", text);
		ck_assert_str_eq(again.id, policy.rules[0].id);
	}
}
END_TEST

/* A member given by a command, some milliseconds later. */
START_TEST(time_left_is_written_as_seconds_that_can_be_read)
{
	static const struct {
		uint64_t left_ms;
		enum ms_source source;
		const char *written;
	} cases[] = {
		{ 31535999900, MS_SOURCE_RUNTIME, "timeout: 365d" },
		{ 799, MS_SOURCE_RUNTIME, "timeout: 1s" },
		{ 1000, MS_SOURCE_RUNTIME, "timeout: 1s" },
		{ 61001, MS_SOURCE_RUNTIME, "timeout: 62s" },
		{ 1500, MS_SOURCE_FILE, "timeout: 1500ms" },
	};
	struct ms_set_member member = { .timeout_ns = cases[_i].left_ms * 1000000,
					.origin = { .source = cases[_i].source } };
	struct ms_set_def set = { .name = (char *)"s", .members = &member, .n_members = 1 };
	const struct ms_policy policy = { .sets = &set, .n_sets = 1 };
	ms_cleanup(ms_policy_fini) struct ms_policy again = MS_POLICY_INIT;
	ms_cleanup(ms_free) char *text = NULL;

	ck_assert(ms_cidr_parse("192.0.2.1", &member.cidr));
	text = write_policy(&policy, false);
	ck_assert_msg(strstr(text, cases[_i].written) != NULL, "%s", text);
	ck_assert_int_eq(
		ms_document_parse("a.yaml", text, strlen(text), MS_SOURCE_FILE, &again, NULL), 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("policy/roundtrip");
	TCase *tcase = tcase_create("random");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, written_is_read_back_equal, 0, 80);
	tcase_add_loop_test(tcase, json_is_read_as_yaml_too, 0, 20);
	tcase_add_loop_test(tcase, rule_alone_is_read_back_equal, 0, 40);
	tcase_add_loop_test(tcase, time_left_is_written_as_seconds_that_can_be_read, 0, 5);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return ms_check_run(make_suite());
}
