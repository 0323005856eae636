/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "plugins/docker/rules.h"

#include <errno.h>
#include <libfyaml.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_MAX 63 /* of a rule in the policy language */

struct label {
	const char *key, *group;
	struct fy_document *document;
	struct ms_docker_rules *rules;
	size_t number;  /* of the rule that is taken */
	uint32_t stamp; /* of all of it */
};

static int refuse(struct ms_docker_rules *rules, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static int refuse(struct ms_docker_rules *rules, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(rules->why, sizeof(rules->why), format, args);
	va_end(args);
	return -EINVAL;
}

/* Takes `name` over, also when it fails. */
static int append_name(char ***names, size_t *count, char *name)
{
	char **grown = name ? realloc(*names, (*count + 1) * sizeof(*grown)) : NULL;

	if (!grown) {
		free(name);
		return -ENOMEM;
	}
	*names = grown;
	grown[(*count)++] = name;
	return 0;
}

/* The same with the rule's text. */
static int append_rule(struct ms_docker_rules *rules, char *text, size_t number)
{
	struct ms_docker_rule *grown = realloc(rules->list, (rules->count + 1) * sizeof(*grown));

	if (!grown) {
		free(text);
		return -ENOMEM;
	}
	rules->list = grown;
	grown[rules->count++] = (struct ms_docker_rule) { text, number };
	return 0;
}

static struct fy_node *value_of(struct fy_node *rule, const char *key)
{
	return fy_node_mapping_lookup_by_string(rule, key, FY_NT);
}

/* ---- sets that a rule mentions ---- */

static int take_set(struct ms_docker_rules *rules, struct fy_node *node)
{
	size_t length = 0;
	const char *text = fy_node_is_scalar(node) ? fy_node_get_scalar(node, &length) : NULL;

	if (!text || length <= 4 || strncmp(text, "set:", 4) != 0)
		return 0;
	/* The host's own addresses, which need no set. */
	if (length == 8 && strncmp(text, "set:host", 8) == 0)
		return 0;
	return append_name(&rules->sets, &rules->set_count, strndup(text + 4, length - 4));
}

static int take_sets(struct ms_docker_rules *rules, struct fy_node *node)
{
	struct fy_node *item;
	void *at = NULL;
	int r = 0;

	if (!node || !fy_node_is_sequence(node))
		return node ? take_set(rules, node) : 0;
	while (r == 0 && (item = fy_node_sequence_iterate(node, &at)))
		r = take_set(rules, item);
	return r;
}

/* ---- actions that a rule asks for ---- */

static int take_action(struct label *label, struct fy_node *node)
{
	static const char *const own[] = { "allow", "deny", "log" };
	struct ms_docker_rules *rules = label->rules;
	size_t length = 0;
	const char *name = fy_node_is_scalar(node) ? fy_node_get_scalar(node, &length) : NULL;

	if (!name)
		return refuse(rules, "an action is called by its name");
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		if (length == strlen(own[i]) && memcmp(name, own[i], length) == 0)
			return 0;
	return append_name(&rules->actions, &rules->action_count, strndup(name, length));
}

/* NAME, or { NAME: arguments }. */
static int take_one_action(struct label *label, struct fy_node *node)
{
	struct fy_node_pair *pair;
	void *at = NULL;
	int r = 0;

	if (!fy_node_is_mapping(node))
		return take_action(label, node);
	while (r == 0 && (pair = fy_node_mapping_iterate(node, &at)))
		r = take_action(label, fy_node_pair_key(pair));
	return r;
}

static int take_actions(struct label *label, struct fy_node *node)
{
	struct fy_node *item;
	void *at = NULL;
	int r = 0;

	if (!node || !fy_node_is_sequence(node))
		return node ? take_one_action(label, node) : 0;
	while (r == 0 && (item = fy_node_sequence_iterate(node, &at)))
		r = take_one_action(label, item);
	return r;
}

/* ---- one rule ---- */

/* By the mapping's own key, which goes with its pair: any other one libfyaml frees only if it finds
 * it. */
static void remove_key(struct fy_node *rule, const char *key)
{
	struct fy_node_pair *pair = fy_node_mapping_lookup_pair_by_string(rule, key, FY_NT);

	if (pair)
		fy_node_free(fy_node_mapping_remove_by_key(rule, fy_node_pair_key(pair)));
}

/* Ids are unique in a policy, and one that is not has all of a transaction refused. */
static bool is_taken(const struct ms_docker_rules *rules, const char *id)
{
	char start[80];
	int length = snprintf(start, sizeof(start), "{id: \"%s\",", id);

	for (size_t i = 0; i < rules->count; i++)
		if (strncmp(rules->list[i].text, start, (size_t)length) == 0)
			return true;
	return false;
}

static int compose(struct label *label, const char *name, const char *suffix, const char *dir,
		   const char *rest)
{
	char id[ID_MAX + 1], *text;
	int length = snprintf(id, sizeof(id), "%s/%s%s", label->key, name, suffix);

	if (length < 0 || (size_t)length >= sizeof(id))
		return refuse(label->rules, "the id %s is too long by %d letter%s", name,
			      length - ID_MAX, length - ID_MAX == 1 ? "" : "s");
	if (is_taken(label->rules, id))
		return refuse(label->rules, "two rules are called %s", name);
	/* `rest` begins with the brace of its mapping. The host refuses a text again that it had to
	 * refuse with others of its origin: none of a label that was mended is the same. */
	if (asprintf(&text, "{id: \"%s\", group: \"%s\", dir: %s, %s: \"set:%s\", %s # %08x", id,
		     label->group, dir, strcmp(dir, "in") == 0 ? "to" : "from", label->key,
		     rest + 1, label->stamp) < 0)
		return -ENOMEM;
	return append_rule(label->rules, text, label->number);
}

/* What the author leaves out is the container itself, so that no label speaks for another one. */
static int check_sides(struct label *label, struct fy_node *rule, char ret_dir[4])
{
	size_t length = 0;
	struct fy_node *node = value_of(rule, "dir");
	const char *dir = node ? fy_node_get_scalar(node, &length) : NULL;
	bool in = dir && length == 2 && strncmp(dir, "in", 2) == 0;
	bool out = dir && length == 3 && strncmp(dir, "out", 3) == 0;

	if (value_of(rule, "group"))
		return refuse(label->rules,
			      "rule %zu has a `group`: it is for this container alone",
			      label->number);
	if (node && !in && !out)
		return refuse(label->rules, "`dir` of rule %zu is neither in nor out",
			      label->number);
	if (!node && (value_of(rule, "from") || value_of(rule, "to")))
		return refuse(label->rules, "rule %zu has `from` or `to` and needs a `dir`",
			      label->number);
	if ((in && value_of(rule, "to")) || (out && value_of(rule, "from")))
		return refuse(label->rules,
			      "`%s` of rule %zu is this container itself: leave it out",
			      in ? "to" : "from", label->number);
	snprintf(ret_dir, 4, "%s", in ? "in" : out ? "out" : "");
	return 0;
}

static int take_id(struct label *label, struct fy_node *rule, char ret_id[64])
{
	size_t length = 0;
	struct fy_node *node = value_of(rule, "id");
	const char *id = node ? fy_node_get_scalar(node, &length) : NULL;
	char text[64];

	snprintf(text, sizeof(text), "%zu", label->number);
	if (node && (!id || length == 0 || length >= sizeof(text) ||
		     strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789._/-") < length))
		return refuse(label->rules, "`id` of rule %zu is no name", label->number);
	if (node)
		snprintf(text, sizeof(text), "%.*s", (int)length, id);
	memcpy(ret_id, text, sizeof(text));
	return 0;
}

static void print_nothing(struct fy_diag *diag, void *user, const char *text, size_t length)
{
	(void)diag;
	(void)user;
	(void)text;
	(void)length;
}

/* Does the text say what the node says? libfyaml 0.7 leaves a plain scalar of block style without
 * quotes in flow style, where its commas and braces are read as keys that nobody has looked at. */
static bool says(const char *text, struct fy_node *node)
{
	const struct fy_diag_cfg diag_cfg = { .output_fn = print_nothing };
	struct fy_parse_cfg cfg = { .flags = FYPCF_QUIET, .diag = fy_diag_create(&diag_cfg) };
	struct fy_document *document =
		cfg.diag ? fy_document_build_from_string(&cfg, text, strlen(text)) : NULL;
	bool is_same = document && fy_node_compare(fy_document_root(document), node);

	fy_document_destroy(document);
	fy_diag_destroy(cfg.diag);
	return is_same;
}

static int rewrite(struct label *label, struct fy_node *rule)
{
	char dir[4], id[64], *rest;
	int r;

	if (!fy_node_is_mapping(rule))
		return refuse(label->rules, "rule %zu is not a mapping", label->number);
	r = check_sides(label, rule, dir);
	if (r == 0)
		r = take_id(label, rule, id);
	if (r == 0)
		r = take_sets(label->rules, value_of(rule, "from"));
	if (r == 0)
		r = take_sets(label->rules, value_of(rule, "to"));
	if (r == 0)
		r = take_actions(label, value_of(rule, "action"));
	if (r < 0)
		return r;
	remove_key(rule, "id");
	remove_key(rule, "dir");
	rest = fy_emit_node_to_string(rule, FYECF_MODE_FLOW_ONELINE | FYECF_WIDTH_INF);
	if (!rest)
		return -ENOMEM;
	if (rest[0] != '{')
		r = refuse(label->rules, "rule %zu is not a plain mapping", label->number);
	else if (!says(rest, rule))
		r = refuse(label->rules,
			   "rule %zu has a text with a comma, brace or bracket in it, or an alias: "
			   "put the text in quotes",
			   label->number);
	else if (*dir)
		r = compose(label, id, "", dir, rest);
	else
		r = compose(label, id, "/in", "in", rest);
	if (r == 0 && !*dir)
		r = compose(label, id, "/out", "out", rest);
	free(rest);
	return r;
}

/* ---- the whole label ---- */

/* FNV-1a. */
static uint32_t stamp_of(const char *text)
{
	uint32_t stamp = 2166136261u;

	for (; *text; text++)
		stamp = (stamp ^ (unsigned char)*text) * 16777619u;
	return stamp;
}

static int refuse_syntax(struct ms_docker_rules *rules, struct fy_diag *diag)
{
	void *at = NULL;
	const struct fy_diag_error *error = fy_diag_errors_iterate(diag, &at);

	if (!error || !error->msg)
		return refuse(rules, "it is not YAML");
	return refuse(rules, "%d:%d: %s", error->line, error->column, error->msg);
}

static int rewrite_all(struct label *label)
{
	struct fy_node *root = fy_document_root(label->document), *rule;
	void *at = NULL;
	int r = 0;

	if (!root || !fy_node_is_sequence(root) || fy_node_sequence_item_count(root) == 0)
		return refuse(label->rules, "it is not a list of rules");
	if (fy_node_sequence_item_count(root) > MS_DOCKER_RULES_MAX)
		return refuse(label->rules, "it has %d rules: a container may have %d",
			      fy_node_sequence_item_count(root), MS_DOCKER_RULES_MAX);
	while (r == 0 && (rule = fy_node_sequence_iterate(root, &at))) {
		label->number++;
		r = rewrite(label, rule);
	}
	if (r == 0 && label->rules->set_count > MS_DOCKER_RULES_SETS_MAX)
		r = refuse(label->rules, "it mentions %zu sets: a container's rules may mention %d",
			   label->rules->set_count, MS_DOCKER_RULES_SETS_MAX);
	return r;
}

int ms_docker_rules_parse(const char *text, const char *key, const char *group,
			  struct ms_docker_rules *ret_rules)
{
	const struct fy_diag_cfg diag_cfg = { .output_fn = print_nothing };
	struct fy_parse_cfg cfg = { .flags = FYPCF_QUIET, .diag = fy_diag_create(&diag_cfg) };
	struct label label = {
		.key = key, .group = group, .rules = ret_rules, .stamp = stamp_of(text)
	};
	int r;

	memset(ret_rules, 0, sizeof(*ret_rules));
	if (!cfg.diag)
		return -ENOMEM;
	if (strlen(text) > MS_DOCKER_RULES_BYTES_MAX) {
		fy_diag_destroy(cfg.diag);
		return refuse(ret_rules, "it has %zu bytes: a container's rules may have %d",
			      strlen(text), MS_DOCKER_RULES_BYTES_MAX);
	}
	fy_diag_set_collect_errors(cfg.diag, true);
	label.document = fy_document_build_from_string(&cfg, text, strlen(text));
	r = label.document ? rewrite_all(&label) : refuse_syntax(ret_rules, cfg.diag);
	fy_document_destroy(label.document);
	fy_diag_destroy(cfg.diag);
	return r;
}

void ms_docker_rules_fini(struct ms_docker_rules *rules)
{
	for (size_t i = 0; i < rules->count; i++)
		free(rules->list[i].text);
	for (size_t i = 0; i < rules->set_count; i++)
		free(rules->sets[i]);
	for (size_t i = 0; i < rules->action_count; i++)
		free(rules->actions[i]);
	free(rules->actions);
	free(rules->list);
	free(rules->sets);
	memset(rules, 0, sizeof(*rules));
}
