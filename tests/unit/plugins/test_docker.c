/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The docker source without an engine: recorded answers, labels as a table. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/policy/document.h"
#include "core/source/offer.h"
#include "microseg/trial.h"
#include "plugins/docker/container.h"
#include "plugins/docker/excerpt.h"
#include "plugins/docker/policy.h"
#include "plugins/docker/rules.h"
#include "tests/harness/ms_check.h"

#define WEB_ID "5f73c4b1c0ddde40cdae28f4328323a73b0073cbe8b8319c09c4fe9bfd090e6c"

static char *read_whole(const char *name, size_t *ret_size)
{
	char path[512], *text = malloc(1 << 20);
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", MS_TEST_DOCKER_DIR, name);
	file = fopen(path, "re");
	ck_assert_msg(file && text, "%s", path);
	*ret_size = fread(text, 1, 1 << 20, file);
	fclose(file);
	return text;
}

static struct ms_docker_container *recorded(const char *name)
{
	struct ms_docker_container *container;
	size_t size;
	char *text = read_whole(name, &size);

	ck_assert_int_eq(ms_docker_container_parse(text, size, &container), 0);
	free(text);
	return container;
}

static void expect_address(const struct ms_docker_container *container, size_t i, const char *is)
{
	char text[64];

	ck_assert_uint_lt(i, container->address_count);
	ms_trial_format_cidr(&container->addresses[i], text);
	ck_assert_str_eq(text, is);
}

/* ---- answers ---- */

START_TEST(a_running_container_of_podman_is_understood)
{
	struct ms_docker_container *web = recorded("podman-web.json");

	ck_assert_str_eq(web->id, WEB_ID);
	ck_assert_str_eq(web->name, "web");
	ck_assert_uint_eq(web->pid, 155);
	ck_assert(!web->is_new && ms_docker_container_is_alive(web));
	ck_assert_int_eq(web->network, MS_DOCKER_CONTAINER_NETWORK_OWN);
	ck_assert_uint_eq(web->mac, 0xba207e9b7020);
	ck_assert_uint_eq(web->started_ns, 1795895168685524688ULL);
	ck_assert_uint_eq(web->address_count, 1);
	expect_address(web, 0, "10.88.0.2/32");
	ck_assert_str_eq(web->group, "front");
	ck_assert_str_eq(web->sets, "a,b");
	ck_assert_ptr_null(web->rules);
	ck_assert_str_eq(web->project, "shop");
	ck_assert_str_eq(web->service, "web");
	ms_docker_container_free(web);
}
END_TEST

START_TEST(whose_network_it_is_is_told)
{
	struct ms_docker_container *host = recorded("podman-hostnet.json");
	struct ms_docker_container *shared = recorded("podman-shared.json");
	struct ms_docker_container *created = recorded("podman-notyet.json");

	ck_assert_int_eq(host->network, MS_DOCKER_CONTAINER_NETWORK_HOST);
	ck_assert_uint_eq(host->address_count, 0);
	ck_assert_int_eq(shared->network, MS_DOCKER_CONTAINER_NETWORK_SHARED);
	ck_assert_int_eq(created->network, MS_DOCKER_CONTAINER_NETWORK_OWN);
	ck_assert(created->is_new && ms_docker_container_is_alive(created));
	ck_assert_uint_eq(created->pid, 0);
	ck_assert_uint_eq(created->started_ns, 0);
	ms_docker_container_free(host);
	ms_docker_container_free(shared);
	ms_docker_container_free(created);
}
END_TEST

START_TEST(what_docker_knows_before_the_start_is_used)
{
	struct ms_docker_container *db = recorded("docker-created.json");

	ck_assert(db->is_new);
	ck_assert_uint_eq(db->mac, 0x0242ac120502);
	ck_assert_uint_eq(db->address_count, 2);
	expect_address(db, 0, "172.20.30.33/32");
	expect_address(db, 1, "2001:db8:abcd::3033/128");
	ms_docker_container_free(db);
}
END_TEST

static int count_id(void *user, const char *id)
{
	*(unsigned *)user += strlen(id) == 64;
	return 0;
}

START_TEST(a_list_gives_ids)
{
	unsigned count = 0;
	size_t size;
	char *text = read_whole("podman-list.json", &size);

	ck_assert_int_eq(ms_docker_container_list(text, size, count_id, &count), 0);
	ck_assert_uint_eq(count, 4);
	free(text);
}
END_TEST

START_TEST(what_is_no_answer_is_refused)
{
	static const char *const answers[] = { "",
					       "null",
					       "[]",
					       "{}",
					       "{\"message\":\"no such container\"}",
					       "{\"Id\":\"../../etc\",\"State\":{},\"Config\":{}}",
					       "{\"Id\":\"5f73c4b1c0dd\",\"State\":{}}",
					       "{\"Id\":\"5f73c4b1c0dd\",\"Config\":{}}" };
	struct ms_docker_container *container = NULL;
	const char *answer = answers[_i];
	unsigned count = 0;

	ck_assert_int_eq(ms_docker_container_parse(answer, strlen(answer), &container), -EINVAL);
	ck_assert_ptr_null(container);
	if (strcmp(answer, "[]") != 0)
		ck_assert_int_eq(ms_docker_container_list(answer, strlen(answer), count_id, &count),
				 -EINVAL);
	ck_assert_int_eq(ms_docker_container_list("[{\"Id\":\"a/b\"}]", 14, count_id, &count),
			 -EINVAL);
	ck_assert_uint_eq(count, 0);
}
END_TEST

/* ---- labels ---- */

static char name_web[] = "web", group_front[] = "front", sets_ab[] = "a, b";
static char project[] = "shop", service[] = "Web";
static char any_group[] = "containers", set_a[] = "a*", set_b[] = "[b-b]", action_mark[] = "mark";
static char *groups[] = { group_front }, *set_patterns[] = { set_a, set_b };
static char *actions[] = { action_mark };

static struct ms_plugin_cidr addresses[] = { { { 10, 88, 0, 2 }, 4, 32, { 0 } } };

/* The host refuses what the language does not know, and says what that is, and what the daemon
 * refused; here, whatever has this word. */
static int add_rule_or_refuse(struct ms_plugin_builder *builder, const char *origin,
			      const char *text, size_t size, struct ms_plugin_error *error)
{
	struct ms_error why = MS_ERROR_INIT;

	if (strstr(text, "judged")) {
		snprintf(error->sentence, sizeof(error->sentence), "it is wrong");
		return -EPERM;
	}
	if (ms_source_offer_check_text("docker", MS_SOURCE_TEXT_RULE, origin, text, size, &why) ==
	    0)
		/* What is behind very many, or a very long one, has its room, too. */
		return strlen(builder->text) + size > MS_TRIAL_TEXT / 2
			       ? 0
			       : ms_trial_add_rule(builder, origin, text, size, error);
	ms_error_format(&why, error->sentence, sizeof(error->sentence));
	return -EINVAL;
}

static struct ms_docker_container web(void)
{
	return (struct ms_docker_container) { .id = WEB_ID,
					      .name = name_web,
					      .pid = 155,
					      .addresses = addresses,
					      .address_count = 1 };
}

static struct ms_docker_policy_limits limits = { .groups = groups,
						 .group_count = 1,
						 .sets = set_patterns,
						 .set_count = 2,
						 .actions = actions,
						 .action_count = 1,
						 .rules = true };
static char said[512]; /* about the container that was added last */

/* Without the label's stamp, which each rule ends with. */
static void cut_stamps(char *text)
{
	char *at;

	while ((at = strstr(text, "} # ")) && strspn(at + 4, "0123456789abcdef") == 8)
		memmove(at + 1, at + 12, strlen(at + 12) + 1);
}

static const char *added(const struct ms_docker_container *container,
			 enum ms_docker_policy_result result)
{
	static struct ms_plugin_builder builder;
	static struct ms_plugin_host_state host;
	struct ms_docker_policy policy = { &host.table, &limits, &builder, false };
	struct ms_plugin_error error = { "" };
	enum ms_docker_policy_result is;

	ms_trial_init(&host);
	host.table.add_rule = add_rule_or_refuse;
	builder.text[0] = '\0';
	ck_assert_int_eq(ms_docker_policy_add(&policy, container, &is, said, &error), 0);
	ck_assert_msg(is == result, "%d: %s", is, said);
	cut_stamps(builder.text);
	return builder.text;
}

#define MEMBER(set) "set " set "\nmember " set " 10.88.0.2/32 0\n"
#define MEMBERS_AB "set a\nset b\nmember a 10.88.0.2/32 0\nmember b 10.88.0.2/32 0\n"
#define DENIED                                                                                                                        \
	"group a wrong label {name: docker-refused, match: {kind: loopback, name: docker-refused}, default: {in: deny, out: deny}}\n" \
	"bind docker-refused 1 155\n"

START_TEST(labels_become_groups_and_sets)
{
	struct ms_docker_container container = web();

	ck_assert_str_eq(added(&container, MS_DOCKER_POLICY_TAKEN), "");
	container.group = group_front;
	ck_assert_str_eq(added(&container, MS_DOCKER_POLICY_TAKEN), "bind front 1 155\n");
	container.sets = sets_ab;
	container.project = project;
	container.service = service;
	ck_assert_str_eq(added(&container, MS_DOCKER_POLICY_TAKEN),
			 MEMBER("compose/shop/web") MEMBERS_AB "bind front 1 155\n");
	/* Before the first start its sets are there, and its link is known by its address. */
	container.pid = 0;
	container.is_new = true;
	container.address_count = 0;
	container.mac = 0x0242ac120502;
	ck_assert_str_eq(added(&container, MS_DOCKER_POLICY_TAKEN),
			 "set compose/shop/web\nset a\nset b\nbind front 3 2485377959170\n");
	container.is_new = false;
	ck_assert_str_eq(added(&container, MS_DOCKER_POLICY_TAKEN), "");
}
END_TEST

START_TEST(a_compose_name_that_does_not_fit_hurts_nobody)
{
	struct ms_docker_container container = web();
	char odd[] = "shop of mine";

	container.project = odd;
	container.service = service;
	container.group = group_front;
	ck_assert_str_eq(added(&container, MS_DOCKER_POLICY_IGNORED), "bind front 1 155\n");
	ck_assert_str_eq(said, "compose/shop of mine/Web is no name of a set: it gets none");
}
END_TEST

#define RULE(id, dir, side, rest)                                                                  \
	"rule container web {id: \"container/web/" id "\", group: \"front\", dir: " dir ", " side  \
	": \"set:container/web\", " rest "}\n"

static const struct {
	const char *label;
	const char *adds;
} good_rules[] = {
	{ "- { dir: in, proto: tcp, dport: [80, 443], action: allow }",
	  RULE("1", "in", "to", "proto: tcp, dport: [80, 443], action: allow") },
	{ "- id: http\n  dir: in\n  from: 'set:office'\n  action: allow\n- action: deny\n",
	  RULE("http", "in", "to", "from: 'set:office', action: allow")
		  RULE("2/in", "in", "to", "action: deny")
			  RULE("2/out", "out", "from", "action: deny") "set office\n" },
	{ "[{\"dir\": \"out\", \"to\": [\"set:host\", \"set:x\"], \"action\": \"allow\"}]",
	  RULE("1", "out", "from",
	       "\"to\": [\"set:host\", \"set:x\"], \"action\": \"allow\"") "set x\n" },
	{ "- dir: in\n  comment: \"web, from office\"\n  action: allow\n",
	  RULE("1", "in", "to", "comment: \"web, from office\", action: allow") },
	{ "[{dir: in, action: [{mark: {dscp: 8}}, allow]}]",
	  RULE("1", "in", "to", "action: [{mark: {dscp: 8}}, allow]") },
};

START_TEST(rules_are_for_their_container_alone)
{
	struct ms_docker_container container = web();
	char label[512], expected[2048];

	snprintf(label, sizeof(label), "%s", good_rules[_i].label);
	snprintf(expected, sizeof(expected),
		 "%sset container/web\nmember container/web 10.88.0.2/32 0\nbind front 1 155\n",
		 good_rules[_i].adds);
	container.group = group_front;
	container.rules = label;
	ck_assert_str_eq(added(&container, MS_DOCKER_POLICY_TAKEN), expected);
	/* The group may be the operator's word. */
	container.group = NULL;
	limits.group = group_front;
	ck_assert_str_eq(added(&container, MS_DOCKER_POLICY_TAKEN), expected);
	limits.group = NULL;
}
END_TEST

/* Else the good rules of a label that was refused and mended would be refused with the bad one. */
START_TEST(no_rule_of_a_mended_label_is_the_same_text)
{
	struct ms_docker_rules refused, mended;

	ck_assert_int_eq(ms_docker_rules_parse("[{action: deny}, {dport: 1, action: deny}]", "web",
					       group_front, &refused),
			 0);
	ck_assert_int_eq(ms_docker_rules_parse("[{action: deny}, {dport: 2, action: deny}]", "web",
					       group_front, &mended),
			 0);
	ck_assert_str_ne(refused.list[0].text, mended.list[0].text);
	ms_docker_rules_fini(&refused);
	ms_docker_rules_fini(&mended);
}
END_TEST

/* For the place of a mistake the host is asked about a rule as it was written: never taken. */
START_TEST(what_the_author_wrote_is_never_taken)
{
	struct ms_error err = MS_ERROR_INIT;
	struct ms_rule rule;
	char *text;

	ck_assert_int_eq(ms_docker_excerpt_make(good_rules[_i].label, 1, &text), 0);
	ck_assert_int_eq(ms_document_parse_rule("label", text, &rule, &err), -EINVAL);
	ck_assert_ptr_ne(strstr(err.message, "a second document"), NULL);
	free(text);
}
END_TEST

START_TEST(a_name_that_is_none_of_the_language_gives_way_to_the_id)
{
	/* The last would call its rule "5f73c4b1c0dd/1" as the first one's is called. */
	static const char *const names[] = { "Web", "web_1 ",
					     "a-name-that-is-longer-than-a-set-may-be", "id" };
	struct ms_docker_container container = web();
	char label[] = "[{dir: in, action: deny}]";

	container.name = (char *)names[_i];
	container.group = group_front;
	container.rules = label;
	ck_assert_ptr_nonnull(strstr(added(&container, MS_DOCKER_POLICY_TAKEN),
				     "{id: \"container/id/5f73c4b1c0dd/1\","));
}
END_TEST

#define NO_QUARANTINE "label microseg.rules: `actions` in microseg.yaml does not allow quarantine"

static const struct {
	const char *group, *sets, *rules;
	const char *why;
} bad_labels[] = {
	{ "back", NULL, NULL, "label microseg.group: `groups` in microseg.yaml has no \"back\"" },
	{ "", NULL, NULL, "label microseg.group: `groups` in microseg.yaml has no \"\"" },
	{ "f*", NULL, NULL, "label microseg.group: `groups` in microseg.yaml has no \"f*\"" },
	{ NULL, "a,,b", NULL, "label microseg.set: \"\" is no name of a set" },
	{ NULL, "a,c", NULL, "label microseg.set: `sets` in microseg.yaml does not allow c" },
	{ NULL, "a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a", NULL,
	  "label microseg.set: it names 17 sets: a container may be in 16" },
	{ NULL, "a , a b", NULL, "label microseg.set: \"a b\" is no name of a set" },
	{ NULL, "container/web", NULL,
	  "label microseg.set: the set container/web is not for labels to fill" },
	{ NULL, "compose/shop/db", NULL,
	  "label microseg.set: the set compose/shop/db is not for labels to fill" },
	{ NULL, NULL, "- { dir: in, action: allow }",
	  "label microseg.rules: rules need a group: the label microseg.group, or `group` in "
	  "microseg.yaml" },
	/* libfyaml writes the comment without quotes, and behind its comma is an action. */
	{ "front", NULL,
	  "- dir: in\n  comment: x, \"action\":[{\"quarantine\":{\"set\":\"offices\"}},\"allow\"]\n",
	  "label microseg.rules: rule 1 has a text with a comma, brace or bracket in it" },
	{ "front", NULL, "", "label microseg.rules: it is not YAML" },
	{ "front", NULL, "allow", "label microseg.rules: it is not a list of rules" },
	{ "front", NULL, "[]", "label microseg.rules: it is not a list of rules" },
	{ "front", NULL, "{action: allow}", "label microseg.rules: it is not a list of rules" },
	{ "front", NULL, "[allow]", "label microseg.rules: rule 1 is not a mapping" },
	{ "front", NULL, "- {action: allow", "label microseg.rules: 2:1: " },
	{ "front", NULL, "[{action: allow, group: db}]",
	  "label microseg.rules: rule 1 has a `group`: it is for this container alone" },
	{ "front", NULL, "[{action: allow}, {dir: both, action: allow}]",
	  "label microseg.rules: `dir` of rule 2 is neither in nor out" },
	{ "front", NULL, "[{from: any, action: allow}]",
	  "label microseg.rules: rule 1 has `from` or `to` and needs a `dir`" },
	{ "front", NULL, "[{dir: in, to: any, action: allow}]",
	  "label microseg.rules: `to` of rule 1 is this container itself: leave it out" },
	{ "front", NULL, "[{dir: out, from: any, action: allow}]",
	  "label microseg.rules: `from` of rule 1 is this container itself: leave it out" },
	{ "front", NULL, "[{id: 'x\", group: \"db', dir: in, action: allow}]",
	  "label microseg.rules: `id` of rule 1 is no name" },
	{ "front", NULL, "[{id: a, dir: in, action: deny}, {id: a, dir: out, action: deny}]",
	  "label microseg.rules: two rules are called a" },
	{ "front", NULL, "[{dir: in, action: mark}]",
	  "label microseg.rules: rule 1: 1:20: a plugin's action needs a verdict behind it" },
	/* Line and column are the label's, however it is written. */
	{ "front", NULL, "[{dir: in, action: deny},\n  { dir: in, dprot: 80, action: allow }]",
	  "label microseg.rules: rule 2: 2:14: unknown key 'dprot' in a rule, did you mean" },
	{ "front", NULL,
	  "# web\n-   action: deny\n-   'dir': in\n    # who\n    from: [1.2.3.4,\n"
	  "           10.0.0.1/33]\n    action: allow\n- action: deny\n",
	  "label microseg.rules: rule 2: 6:12: " },
	{ "front", NULL, "- id: x\n  dport: 80\n  action: allow\n",
	  "label microseg.rules: rule 1: 2:3: " },
	{ "front", NULL, "[{proto: tcp}]", "label microseg.rules: rule 1: 1:2: " },
	{ "front", "a", "[{dir: in, action: deny, comment: judged}]",
	  "label microseg.rules: the daemon refused its rules: it is wrong" },
	{ "front", NULL, "[{dir: in, action: [{quarantine: {set: offices}}, allow]}]",
	  NO_QUARANTINE },
	{ "front", NULL, "[{dir: in, action: quarantine}]", NO_QUARANTINE },
	{ "front", NULL, "[{dir: in, action: [allow, 'quarantine']}]", NO_QUARANTINE },
	{ "front", NULL, "[{dir: in, action: {quarantine: 1}}]", NO_QUARANTINE },
	{ "front", NULL, "[{dir: in, action: [{mark: 1, quarantine: 1}, allow]}]", NO_QUARANTINE },
	{ "front", NULL, "[{dir: in, \"\\x61ction\": [{\"quarant\\u0069ne\": 1}, allow]}]",
	  NO_QUARANTINE },
	{ "front", NULL, "[{dir: in, action: [[quarantine]]}]",
	  "label microseg.rules: an action is called by its name" },
	{ "front", NULL, "[{dir: in, action: &a allow, \"\\x67roup\": back}]",
	  "label microseg.rules: rule 1 has a `group`: it is for this container alone" },
	{ "front", "a", "[{dir: in, action: allow}, {dir: in, dprot: 1, action: deny}]",
	  "label microseg.rules: rule 2: 1:38: unknown key 'dprot'" },
};

/* And leaves nothing else: no rule before the wrong one is in force, of a set that stays empty. */
START_TEST(a_wrong_label_denies_its_own_container_all)
{
	struct ms_docker_container container = web();

	container.group = (char *)bad_labels[_i].group;
	container.sets = (char *)bad_labels[_i].sets;
	container.rules = (char *)bad_labels[_i].rules;
	ck_assert_str_eq(added(&container, MS_DOCKER_POLICY_REFUSED_LABEL), DENIED);
	ck_assert_msg(strncmp(said, bad_labels[_i].why, strlen(bad_labels[_i].why)) == 0, "%s",
		      said);
}
END_TEST

/* A label's words reach what the operator lists, and nothing else. */
START_TEST(what_is_not_listed_is_not_for_labels)
{
	struct ms_docker_policy_limits all = limits;
	struct ms_docker_container container = web();
	char rules[] = "[{dir: in, action: [{mark: 1}, allow]}]";

	limits.set_count = limits.action_count = 0;
	container.group = group_front;
	container.sets = sets_ab;
	ck_assert_str_eq(added(&container, MS_DOCKER_POLICY_REFUSED_LABEL), DENIED);
	ck_assert_str_eq(said, "label microseg.set: `sets` in microseg.yaml does not allow a");
	container.sets = NULL;
	container.rules = rules;
	ck_assert_str_eq(added(&container, MS_DOCKER_POLICY_REFUSED_LABEL), DENIED);
	ck_assert_str_eq(said,
			 "label microseg.rules: `actions` in microseg.yaml does not allow mark");
	limits = all;
}
END_TEST

/* What all containers share is not one label's to use up. */
static const struct {
	const char *begin, *each, *end;
	unsigned int most;
	const char *why;
} excesses[] = {
	{ "[", "{dir: in, action: deny, comment: c%u},", "]", 64,
	  "label microseg.rules: it has 65 rules: a container may have 64" },
	{ "[{dir: in, action: deny, from: [", "'set:x%u',", "]}]", 16,
	  "label microseg.rules: it mentions 17 sets: a container's rules may mention 16" },
	{ "[{dir: in, action: deny, from: [", "192.0.2.100/32, ", "]}]", 4093,
	  "label microseg.rules: it has 65539 bytes: a container's rules may have 65536" },
};

START_TEST(what_all_share_is_not_one_labels_to_use_up)
{
	struct ms_docker_container container = web();
	const char *end = excesses[_i].end;
	static char label[1 << 17];

	container.group = group_front;
	container.rules = label;
	for (unsigned int more = 0; more < 2; more++) {
		size_t used = (size_t)sprintf(label, "%s", excesses[_i].begin);

		for (unsigned int i = 0; i < excesses[_i].most + more; i++)
			used += (size_t)sprintf(label + used, excesses[_i].each, i);
		sprintf(label + used, "%s", end);
		if (more == 0)
			added(&container, MS_DOCKER_POLICY_TAKEN);
		else
			ck_assert_str_eq(added(&container, MS_DOCKER_POLICY_REFUSED_LABEL), DENIED);
	}
	ck_assert_str_eq(said, excesses[_i].why);
}
END_TEST

/* The container that it would have cut off is open without it: whoever slips is told. */
START_TEST(a_label_that_does_not_exist_denies_its_own_container_all)
{
	static const char answer[] =
		"{\"Id\":\"5f73c4b1c0dd\",\"Name\":\"/web\",\"State\":{\"Status\":\"running\",\"Pid\":155},"
		"\"Config\":{\"Labels\":{\"microseg.group\":\"front\",\"maintainer\":\"x\",%s:\"[]\"}},"
		"\"HostConfig\":{\"NetworkMode\":\"bridge\"},\"NetworkSettings\":{\"Networks\":{}}}";
	static const struct {
		const char *label;
		bool is_known;
	} labels[] = { { "\"microseg.rule\"", false },
		       { "\"microseg.\"", false },
		       { "\"microsegment\"", true },
		       { "\"org.microseg.rule\"", true } };
	struct ms_docker_container *container = NULL;
	char text[sizeof(answer) + 32];
	const char *policy;
	int n = snprintf(text, sizeof(text), answer, labels[_i].label);

	ck_assert_int_eq(ms_docker_container_parse(text, (size_t)n, &container), 0);
	policy = added(container, labels[_i].is_known ? MS_DOCKER_POLICY_TAKEN
						      : MS_DOCKER_POLICY_REFUSED_LABEL);
	ck_assert_str_eq(policy, labels[_i].is_known ? "bind front 1 155\n" : DENIED);
	ck_assert_int_eq(strstr(said, "there is none of this name") != NULL, !labels[_i].is_known);
	ms_docker_container_free(container);
}
END_TEST

START_TEST(rules_may_be_switched_off)
{
	struct ms_docker_container container = web();
	char label[] = "[{dir: in, action: allow}]";

	limits.rules = false;
	limits.group = any_group;
	container.rules = label;
	ck_assert_str_eq(added(&container, MS_DOCKER_POLICY_REFUSED_LABEL), DENIED);
	ck_assert_str_eq(said, "label microseg.rules: `rules: false` in microseg.yaml");
	limits.rules = true;
	limits.group = NULL;
}
END_TEST

START_TEST(links_of_others_are_left_alone)
{
	struct ms_docker_container container = web();
	bool is_host = _i == 0;

	container.network =
		is_host ? MS_DOCKER_CONTAINER_NETWORK_HOST : MS_DOCKER_CONTAINER_NETWORK_SHARED;
	container.group = group_front;
	container.sets = sets_ab;
	ck_assert_str_eq(added(&container, MS_DOCKER_POLICY_IGNORED), MEMBERS_AB);
	ck_assert_str_eq(said, is_host ? "label microseg.group: its network is that of the host, "
					 "so it has no links"
				       : "label microseg.group: its network is that of another "
					 "container, so it has no links");
	/* A wrong one is no more than left aside. */
	container.sets = any_group;
	ck_assert_str_eq(added(&container, MS_DOCKER_POLICY_REFUSED_WITHOUT_LINKS), "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("unit/plugins/docker");
	TCase *tcase = tcase_create("docker");

	tcase_add_test(tcase, a_running_container_of_podman_is_understood);
	tcase_add_test(tcase, whose_network_it_is_is_told);
	tcase_add_test(tcase, what_docker_knows_before_the_start_is_used);
	tcase_add_test(tcase, a_list_gives_ids);
	tcase_add_loop_test(tcase, what_is_no_answer_is_refused, 0, 8);
	tcase_add_test(tcase, labels_become_groups_and_sets);
	tcase_add_test(tcase, a_compose_name_that_does_not_fit_hurts_nobody);
	tcase_add_loop_test(tcase, rules_are_for_their_container_alone, 0,
			    sizeof(good_rules) / sizeof(good_rules[0]));
	tcase_add_test(tcase, no_rule_of_a_mended_label_is_the_same_text);
	tcase_add_loop_test(tcase, what_the_author_wrote_is_never_taken, 0,
			    (int)(sizeof(good_rules) / sizeof(good_rules[0])));
	tcase_add_loop_test(tcase, a_name_that_is_none_of_the_language_gives_way_to_the_id, 0, 4);
	tcase_add_loop_test(tcase, a_wrong_label_denies_its_own_container_all, 0,
			    sizeof(bad_labels) / sizeof(bad_labels[0]));
	tcase_add_loop_test(tcase, a_label_that_does_not_exist_denies_its_own_container_all, 0, 4);
	tcase_add_test(tcase, what_is_not_listed_is_not_for_labels);
	tcase_add_loop_test(tcase, what_all_share_is_not_one_labels_to_use_up, 0,
			    sizeof(excesses) / sizeof(excesses[0]));
	tcase_add_test(tcase, rules_may_be_switched_off);
	tcase_add_loop_test(tcase, links_of_others_are_left_alone, 0, 2);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
