/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which engine a policy gets, the bound that is in the way of the faster one, and how it is told.
 */
#include "core/classify/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/classify/blocks.h"
#include "core/classify/plan.h"
#include "core/policy/document.h"
#include "core/policy/merge.h"
#include "tests/harness/ms_check.h"

static struct ms_plan plan;
static const struct ms_engine_choice *const choices = plan.engines;
static struct ms_error err;

/* ---- policies ---- */

static int plan_as(const char *name, const char *text, size_t length)
{
	struct ms_policy *document = ms_policy_new(), *merged = NULL;
	struct ms_merge_inputs inputs = { .files = document };
	int r;

	err = (struct ms_error)MS_ERROR_INIT;
	r = ms_document_parse(name, text, length, MS_SOURCE_FILE, document, &err);
	if (r == 0)
		r = ms_policy_merge(&inputs, &merged, &err);
	ck_assert_msg(r == 0, "%s", err.message);
	memset(&plan, 0xff, sizeof(plan));
	r = ms_plan_make(merged, NULL, NULL, &plan, &err);
	ms_policy_free(merged);
	ms_policy_free(document);
	return r;
}

/* Rules of `more`, which may ask for a set and a group, with ports of their own or none. */
static int plan_rules(unsigned int count, const char *more, bool has_ports)
{
	ms_cleanup(ms_free) char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	ck_assert_ptr_nonnull(out);
	fputs("version: 1\n"
	      "groups:\n"
	      "  - { name: g, match: { name: [\"*\"] }, default: { in: deny, out: deny } }\n"
	      "sets: { s: [10.0.0.1] }\n"
	      "rules:\n",
	      out);
	for (unsigned int i = 0; i < count; i++) {
		fprintf(out, "  - { id: r%u, proto: tcp, action: allow, %s", i, more);
		if (has_ports)
			fprintf(out, ", dport: %u", i + 1);
		fputs(" }\n", out);
	}
	ck_assert_int_eq(fclose(out), 0);
	return plan_as("a.yaml", text, length);
}

/* Rows of the built-in rules besides: 4 of IPv4, 12 of IPv6. */
static const struct {
	unsigned int count;
	const char *more;
	bool has_ports;
	int r;
	enum ms_engine engines[MS_ENGINE_FAMILIES];
	enum ms_engine_limit limits[MS_ENGINE_FAMILIES];
} policies[] = {
	/* So few that no look-up is wanted. */
	{ 20, "dscp: 46", false, 0, { MS_ENGINE_LINEAR, MS_ENGINE_LINEAR }, { 0, 0 } },
	{ 28, "dscp: 46", false, 0, { MS_ENGINE_LINEAR, MS_ENGINE_PAIRS }, { 0, 0 } },
	{ 29, "dscp: 46", false, 0, { MS_ENGINE_PAIRS, MS_ENGINE_PAIRS }, { 0, 0 } },
	/* Each is another look-up where rows are walked. */
	{ 4, "from: set:s", false, 0, { MS_ENGINE_LINEAR, MS_ENGINE_LINEAR }, { 0, 0 } },
	{ 5, "from: set:s", false, 0, { MS_ENGINE_PAIRS, MS_ENGINE_PAIRS }, { 0, 0 } },
	/* Ports part them, so each has a short list. */
	{ 3000, "dscp: 46", true, 0, { MS_ENGINE_PAIRS, MS_ENGINE_PAIRS }, { 0, 0 } },
	/* They stand with their set: an eighth of a step each. */
	{ 15000, "from: set:s", false, 0, { MS_ENGINE_PAIRS, MS_ENGINE_PAIRS }, { 0, 0 } },
	/* Each is a step that the other set is asked for, and the walk may come to a set twice. */
	{ 4000,
	  "from: set:s, to: set:s",
	  false,
	  0,
	  { MS_ENGINE_PAIRS, MS_ENGINE_PAIRS },
	  { 0, 0 } },
	{ 8300,
	  "from: set:s, to: set:s",
	  false,
	  0,
	  { MS_ENGINE_LINEAR, MS_ENGINE_LINEAR },
	  { MS_ENGINE_STEPS, MS_ENGINE_STEPS } },
	/* One family is as fast as it would be without the other. */
	{ 8300,
	  "dscp: 46, to: 10.0.0.0/8",
	  false,
	  0,
	  { MS_ENGINE_LINEAR, MS_ENGINE_LINEAR },
	  { MS_ENGINE_STEPS, MS_ENGINE_UNLIMITED } },
	/* More than is walked, too. */
	{ 16300, "dscp: 46", false, -ENOSPC, { 0, 0 }, { 0, 0 } },
};

START_TEST(a_policy_gets_the_fastest_engine_that_holds_it)
{
	int r = plan_rules(policies[_i].count, policies[_i].more, policies[_i].has_ports);

	ck_assert_msg(r == policies[_i].r, "%d: %s", r, err.message);
	if (r < 0) {
		ck_assert_ptr_nonnull(strstr(err.message, "steps, 8192 is the bound"));
		ck_assert_ptr_nonnull(strstr(err.message, "16304 rows of IPv4"));
		return;
	}
	for (int i = 0; i < MS_ENGINE_FAMILIES; i++) {
		bool is_short = policies[_i].limits[i] != MS_ENGINE_UNLIMITED;

		ck_assert_uint_eq(choices[i].engine, policies[_i].engines[i]);
		ck_assert_uint_eq(choices[i].bound.limit, policies[_i].limits[i]);
		ck_assert_uint_eq(choices[i].bound.most, is_short ? MS_PAIRS_STEPS : 0);
		ck_assert_int_eq(choices[i].bound.needed > MS_PAIRS_STEPS, is_short);
	}
	ck_assert_uint_eq(choices[0].n_rows, policies[_i].count + 4);
}
END_TEST

/* ---- many sets ---- */

/* Each rule is between two of the sets, and becomes two rows. */
static int plan_sets(unsigned int n_sets, unsigned int n_rules)
{
	ms_cleanup(ms_free) char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	ck_assert_ptr_nonnull(out);
	fputs("version: 1\nsets:\n", out);
	for (unsigned int i = 0; i < n_sets; i++)
		fprintf(out, "  s%u: [10.0.0.1]\n", i);
	fputs("rules:\n", out);
	for (unsigned int i = 0; i < n_rules; i++)
		fprintf(out,
			"  - { id: r%u, from: \"set:s%u\", to: \"set:s%u\", vlan: [1, 2], action: "
			"allow }\n",
			i, i % n_sets, (i + i / n_sets) % n_sets);
	ck_assert_int_eq(fclose(out), 0);
	return plan_as("a.yaml", text, length);
}

/* An address is told fifteen of its sets, so what counts is how long the rows of those are; all of
 * them only where it cannot be told. */
static const struct {
	unsigned int n_sets, n_rules;
	const char *bound; /* NULL = none is in the way */
} between[] = {
	{ 30000, 30000, NULL },
	{ 200, 40000, NULL },
	{ 15, 4200, "steps, 8192 is the bound" },
	{ 2000, 66000, "steps, 131072 is the bound" },
};

START_TEST(rules_between_many_sets_are_looked_up)
{
	int r = plan_sets(between[_i].n_sets, between[_i].n_rules);
	char why[128];

	ck_assert_msg(r == 0 || (r == -ENOSPC && between[_i].bound &&
				 strstr(err.message, between[_i].bound)),
		      "%d: %s", r, err.message);
	for (int i = 0; r == 0 && i < MS_ENGINE_FAMILIES; i++) {
		ck_assert_int_eq(choices[i].engine,
				 between[_i].bound ? MS_ENGINE_LINEAR : MS_ENGINE_PAIRS);
		if (between[_i].bound)
			ck_assert_ptr_nonnull(
				strstr(ms_engine_explain(&choices[i].bound, why, sizeof(why)),
				       between[_i].bound));
	}
}
END_TEST

/* ---- memory ---- */

static const struct {
	size_t before; /* words that are given out */
	size_t count;
	int r;
	enum ms_engine_limit limit;
	uint64_t most, needed; /* words */
} requests[] = {
	{ 0, MS_BLOCK_WORDS, 0, MS_ENGINE_UNLIMITED, 0, 0 },
	{ 0, MS_BLOCK_WORDS + 1, -E2BIG, MS_ENGINE_BLOCK, MS_BLOCK_WORDS, MS_BLOCK_WORDS + 1 },
	{ MS_BLOCKS_WORDS - 32, 16, 0, MS_ENGINE_UNLIMITED, 0, 0 },
	{ MS_BLOCKS_WORDS - 32, 48, -ENOSPC, MS_ENGINE_MEMORY, MS_BLOCKS_WORDS,
	  MS_BLOCKS_WORDS + 48 },
	{ MS_BLOCKS_WORDS - 4, 8, -ENOSPC, MS_ENGINE_MEMORY, MS_BLOCKS_WORDS, MS_BLOCKS_WORDS + 8 },
};

START_TEST(memory_that_is_refused_says_how_much_it_would_have_been)
{
	struct ms_blocks blocks;
	uint32_t at;
	int r;

	ck_assert_int_eq(ms_blocks_init(&blocks), 0);
	if (requests[_i].before)
		blocks.count = requests[_i].before;
	r = ms_blocks_alloc(&blocks, requests[_i].count, &at);
	ck_assert_int_eq(r, requests[_i].r);
	ck_assert_uint_eq(blocks.bound.limit, requests[_i].limit);
	ck_assert_uint_eq(blocks.bound.most, 4 * requests[_i].most);
	ck_assert_uint_eq(blocks.bound.needed, 4 * requests[_i].needed);
	ms_blocks_fini(&blocks);
}
END_TEST

/* ---- words ---- */

static const struct {
	struct ms_engine_choice choices[MS_ENGINE_FAMILIES];
	const char *names, *warnings[MS_ENGINE_FAMILIES];
} told[] = {
	{ { { MS_ENGINE_LINEAR, 5, { 0 } }, { MS_ENGINE_LINEAR, 13, { 0 } } },
	  "linear",
	  { "", "" } },
	{ { { MS_ENGINE_PAIRS, 50, { 0 } }, { MS_ENGINE_PAIRS, 90, { 0 } } }, "pairs", { "", "" } },
	{ { { MS_ENGINE_PAIRS, 50, { 0 } },
	    { MS_ENGINE_LINEAR, 4000, { MS_ENGINE_STEPS, 2048, 3000 } } },
	  "pairs for IPv4, linear for IPv6",
	  { "", "new flows of IPv6 are judged slowly: its 4000 rows are walked one by one, as a "
		"look-up cannot hold them (bound 'steps': one packet might take 3000 steps, 2048 "
		"is the bound)" } },
	{ { { MS_ENGINE_LINEAR, 7, { MS_ENGINE_MEMORY, 20, 21 } }, { MS_ENGINE_PAIRS, 40, { 0 } } },
	  "linear for IPv4, pairs for IPv6",
	  { "new flows of IPv4 are judged slowly: its 7 rows are walked one by one, as a look-up "
	    "cannot hold them (bound 'memory': the tables of both families take at least 21 "
	    "bytes, 20 is the bound)",
	    "" } },
	{ { { MS_ENGINE_LINEAR, 7, { MS_ENGINE_BLOCK, 20, 21 } },
	    { MS_ENGINE_LINEAR, 8, { MS_ENGINE_STEPS, 8, 9 } } },
	  "linear",
	  { "new flows of IPv4 are judged slowly: its 7 rows are walked one by one, as a look-up "
	    "cannot hold them (bound 'block': one list of rules takes 21 bytes, 20 is the bound)",
	    "new flows of IPv6 are judged slowly: its 8 rows are walked one by one, as a look-up "
	    "cannot hold them (bound 'steps': one packet might take 9 steps, 8 is the bound)" } },
};

START_TEST(what_is_slower_is_told_with_its_bound)
{
	char names[MS_ENGINE_NAMES];

	ck_assert_str_eq(ms_engine_describe(told[_i].choices, names, sizeof(names)),
			 told[_i].names);
	for (unsigned int i = 0; i < MS_ENGINE_FAMILIES; i++) {
		char text[MS_ENGINE_SENTENCE] = "";

		ck_assert_int_eq(ms_engine_warn(told[_i].choices, i, text, sizeof(text)),
				 told[_i].warnings[i][0] != '\0');
		ck_assert_str_eq(text, told[_i].warnings[i]);
	}
}
END_TEST

/* Hosts of 10.0.0.0/8 with a port from anywhere, and rules of `general` for all. */
static int plan_hosts(unsigned int hosts, const char *const *general, unsigned int n_general)
{
	ms_cleanup(ms_free) char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	ck_assert_ptr_nonnull(out);
	/* JSON, which is read in a third of the time. */
	fputs("{\"version\":1,\"rules\":[{\"id\":\"hosts\",\"proto\":\"tcp\",\"dport\":443,"
	      "\"action\":\"allow\",\"to\":[",
	      out);
	for (unsigned int i = 0; i < hosts; i++)
		fprintf(out, "%s\"10.%u.%u.%u\"", i ? "," : "", i >> 16, i >> 8 & 255, i & 255);
	fputs("]}", out);
	for (unsigned int i = 0; i < n_general; i++)
		fprintf(out, ",{\"id\":\"general%u\",%s,\"action\":\"allow\"}", i, general[i]);
	fputs("]}", out);
	ck_assert_int_eq(fclose(out), 0);
	return plan_as("a.json", text, length);
}

static const struct {
	unsigned int hosts, n_general;
} many_hosts[] = {
	/* Around what one cut by place has keys for, and where two hosts share one. */
	{ 65532, 0 }, { 65533, 0 }, { 65534, 0 }, { 65535, 0 }, { 65536, 0 },
	{ 65536, 1 }, { 65536, 2 }, { 65536, 3 }, { 90000, 1 },
};

START_TEST(general_rules_do_not_cost_many_hosts_their_engine)
{
	static const char *const general[] = { "\"proto\":\"icmp\"",
					       "\"proto\":\"tcp\",\"dport\":22",
					       "\"proto\":\"udp\",\"dport\":53" };
	int r = plan_hosts(many_hosts[_i].hosts, general, many_hosts[_i].n_general);

	ck_assert_msg(r == 0, "%s", err.message);
	ck_assert_uint_eq(choices[0].engine, MS_ENGINE_PAIRS);
	ck_assert_uint_ge(choices[0].n_rows, many_hosts[_i].hosts);
}
END_TEST

static void put_list(FILE *out, const char *key, unsigned int first, unsigned int count)
{
	fprintf(out, "\"%s\":[", key);
	for (unsigned int i = 0; i < count; i++)
		fprintf(out, "%s\"10.%u.%u.0/24\"", i ? "," : "", first + (i >> 8), i & 255);
	fputs("],", out);
}

/* One rule of so many addresses on either side and ports, between others. */
static const struct {
	unsigned int from, to, ports, others;
	int r;
	const char *says;
} multiples[] = {
	{ 50, 50, 40, 1, 0, NULL },
	{ 200, 200, 100, 1, -E2BIG,
	  "rule m does not fit: it becomes 4000000 rows of IPv4, one for each combination of what "
	  "it lists: more than 1048576" },
	/* It has room among rows, and none where they are looked up. */
	{ 100, 100, 90, 1, -E2BIG,
	  "rule m does not fit: it becomes 900000 rows of IPv4, one for each combination of what "
	  "it lists: more than the linear engine can walk, which are 16256, and more "
	  "than the fast one can order: the tables of both families take at least " },
	/* Who lists least is the last straw and not to blame. */
	{ 100, 100, 95, 100000, -ENOSPC,
	  "the policy does not fit: 1050004 rows of IPv4 are more than 1048576; the most, 950000, "
	  "are of rule m, one for each combination of what it lists" },
	/* The look-up would hold it without the others. */
	{ 60, 60, 90, 100000, -ENOSPC,
	  "the policy does not fit: 424004 rows of IPv4 are more than the linear engine can walk, "
	  "which are 16256, and more than the fast one can order: the tables of both families "
	  "take at least " },
};

START_TEST(a_rule_that_multiplies_is_named)
{
	ms_cleanup(ms_free) char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	ck_assert_ptr_nonnull(out);
	fputs("{\"version\":1,\"rules\":[\n{\"id\":\"m\",\"proto\":\"tcp\",", out);
	put_list(out, "from", 0, multiples[_i].from);
	put_list(out, "to", 1, multiples[_i].to);
	fputs("\"dport\":[1", out);
	for (unsigned int i = 1; i < multiples[_i].ports; i++)
		fprintf(out, ",%u", 2 * i + 1);
	fputs("],\"action\":\"allow\"}", out);
	for (unsigned int i = 0; i < multiples[_i].others; i++)
		fprintf(out,
			",\n{\"id\":\"r%u\",\"proto\":\"tcp\",\"dport\":%u,"
			"\"from\":\"10.2.%u.%u\",\"action\":\"allow\"}",
			i, i % 4096 + 1, i >> 8 & 255, i & 255);
	fputs("]}", out);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_int_eq(plan_as("a.json", text, length), multiples[_i].r);
	if (!multiples[_i].says)
		return;
	ck_assert_msg(strncmp(err.message, multiples[_i].says, strlen(multiples[_i].says)) == 0,
		      "%s", err.message);
	ck_assert_ptr_nonnull(strstr(err.message, "rule m"));
	ck_assert_str_eq(err.file, "a.json");
	ck_assert_uint_eq(err.line, 2);
	ck_assert_str_eq(err.word, "m");
}
END_TEST

/* A list of sources with a list of destinations, and three rules from the same sources to anywhere
 * that have to look at a set. */
START_TEST(what_stands_in_many_runs_goes_apart_where_memory_is_short)
{
	ms_cleanup(ms_free) char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	ck_assert_ptr_nonnull(out);
	fputs("{\"version\":1,\"sets\":{\"s\":[\"192.0.2.1\"]},\"rules\":[{\"id\":\"r\",", out);
	put_list(out, "from", 1, 1000);
	put_list(out, "to", 100, 97);
	fputs("\"proto\":\"tcp\",\"dport\":443,\"action\":\"allow\"}", out);
	for (unsigned int i = 0; i < 3; i++) {
		fprintf(out, ",{\"id\":\"s%u\",", i);
		put_list(out, "from", 1, 1000);
		fprintf(out, "\"to\":\"set:s\",\"proto\":\"udp\",\"dport\":%u,\"action\":\"deny\"}",
			i + 1);
	}
	fputs("]}", out);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_int_eq(plan_as("a.json", text, length), 0);
	ck_assert_uint_eq(choices[0].engine, MS_ENGINE_PAIRS);
	ck_assert_uint_ge(choices[0].n_rows, 100000);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("classify_engine");
	TCase *tcase = tcase_create("engine");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, rules_between_many_sets_are_looked_up, 0,
			    (int)(sizeof(between) / sizeof(between[0])));
	tcase_add_loop_test(tcase, a_policy_gets_the_fastest_engine_that_holds_it, 0,
			    (int)ms_array_size(policies));
	tcase_add_loop_test(tcase, a_rule_that_multiplies_is_named, 0,
			    (int)ms_array_size(multiples));
	tcase_add_loop_test(tcase, memory_that_is_refused_says_how_much_it_would_have_been, 0,
			    (int)ms_array_size(requests));
	tcase_add_loop_test(tcase, what_is_slower_is_told_with_its_bound, 0,
			    (int)ms_array_size(told));
	tcase_add_loop_test(tcase, general_rules_do_not_cost_many_hosts_their_engine, 0,
			    (int)ms_array_size(many_hosts));
	tcase_add_test(tcase, what_stands_in_many_runs_goes_apart_where_memory_is_short);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return ms_check_run(make_suite());
}
