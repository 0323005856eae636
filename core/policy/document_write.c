/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Documents as a person would write them: block lists of groups and rules, one flow mapping a
 * rule. JSON is the same with every word in quotes, one rule a line too.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/parse.h"
#include "core/base/proto.h"
#include "core/policy/document.h"
#include "core/policy/document_words.h"

static const char *verdict_word(enum ms_verdict verdict)
{
	return verdict == MS_VERDICT_DENY ? "deny" : "allow";
}

static void put_cidr(const struct ms_document_words *writer, const struct ms_cidr *cidr)
{
	char text[MS_CIDR_TEXT];

	ms_document_words_text(writer, ms_cidr_format(cidr, text, sizeof(text)));
}

static void put_duration(const struct ms_document_words *writer, uint64_t ns)
{
	char text[32];

	ms_document_words_text(writer, ms_format_duration(ns, text, sizeof(text)));
}

/* ---- rules ---- */

static void put_groups(const struct ms_document_words *writer, const struct ms_rule *rule)
{
	ms_document_words_open_list(writer, rule->n_groups);
	for (size_t i = 0; i < rule->n_groups; i++) {
		ms_document_words_comma(writer, i);
		ms_document_words_text(writer, rule->groups[i]);
	}
	ms_document_words_close_list(writer, rule->n_groups);
}

static void put_addresses(const struct ms_document_words *writer,
			  const struct ms_address *addresses, size_t count)
{
	ms_document_words_open_list(writer, count);
	for (size_t i = 0; i < count; i++) {
		ms_document_words_comma(writer, i);
		if (addresses[i].kind == MS_ADDRESS_SET)
			fprintf(writer->out, "\"set:%s\"", addresses[i].set);
		else
			put_cidr(writer, &addresses[i].cidr);
	}
	ms_document_words_close_list(writer, count);
}

static void put_protos(const struct ms_document_words *writer, const struct ms_rule *rule)
{
	char text[16];

	ms_document_words_open_list(writer, rule->n_protos);
	for (size_t i = 0; i < rule->n_protos; i++) {
		ms_document_words_comma(writer, i);
		ms_document_words_word(writer,
				       ms_proto_format(rule->protos[i], text, sizeof(text)));
	}
	ms_document_words_close_list(writer, rule->n_protos);
}

static void put_ports(const struct ms_document_words *writer, const struct ms_port_range *ranges,
		      size_t count)
{
	ms_document_words_open_list(writer, count);
	for (size_t i = 0; i < count; i++) {
		char text[16];

		ms_document_words_comma(writer, i);
		if (ranges[i].first == ranges[i].last) {
			fprintf(writer->out, "%u", ranges[i].first);
			continue;
		}
		snprintf(text, sizeof(text), "%u-%u", ranges[i].first, ranges[i].last);
		ms_document_words_text(writer, text);
	}
	ms_document_words_close_list(writer, count);
}

static void put_icmps(const struct ms_document_words *writer, const struct ms_rule *rule)
{
	uint8_t proto = rule->n_protos ? rule->protos[0] : IPPROTO_ICMP;

	ms_document_words_open_list(writer, rule->n_icmps);
	for (size_t i = 0; i < rule->n_icmps; i++) {
		const struct ms_icmp_match *icmp = &rule->icmps[i];
		const char *name = ms_proto_icmp_name(proto, icmp->type);
		char text[64];

		ms_document_words_comma(writer, i);
		if (name)
			snprintf(text, sizeof(text), "%s", name);
		else
			snprintf(text, sizeof(text), "%u", icmp->type);
		if (icmp->code >= 0)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "/%d",
				 icmp->code);
		if (strspn(text, "0123456789") == strlen(text))
			fputs(text, writer->out);
		else
			ms_document_words_text(writer, text);
	}
	ms_document_words_close_list(writer, rule->n_icmps);
}

static void put_vlans(const struct ms_document_words *writer, const struct ms_rule *rule)
{
	ms_document_words_open_list(writer, rule->n_vlans);
	for (size_t i = 0; i < rule->n_vlans; i++) {
		ms_document_words_comma(writer, i);
		fprintf(writer->out, "%u", rule->vlans[i]);
	}
	ms_document_words_close_list(writer, rule->n_vlans);
}

static void put_dscps(const struct ms_document_words *writer, const struct ms_rule *rule)
{
	char text[8];

	ms_document_words_open_list(writer, rule->n_dscps);
	for (size_t i = 0; i < rule->n_dscps; i++) {
		ms_document_words_comma(writer, i);
		ms_document_words_word(writer,
				       ms_proto_dscp_format(rule->dscps[i], text, sizeof(text)));
	}
	ms_document_words_close_list(writer, rule->n_dscps);
}

static void put_match(const struct ms_document_words *writer, const struct ms_rule *rule,
		      bool *is_first)
{
	if (rule->n_groups) {
		ms_document_words_next_key(writer, is_first, "group");
		put_groups(writer, rule);
	}
	if (rule->dirs == 1 << MS_DIR_IN || rule->dirs == 1 << MS_DIR_OUT) {
		ms_document_words_next_key(writer, is_first, "dir");
		ms_document_words_word(writer, rule->dirs == 1 << MS_DIR_IN ? "in" : "out");
	}
	if (rule->n_from) {
		ms_document_words_next_key(writer, is_first, "from");
		put_addresses(writer, rule->from, rule->n_from);
	}
	if (rule->n_to) {
		ms_document_words_next_key(writer, is_first, "to");
		put_addresses(writer, rule->to, rule->n_to);
	}
	if (rule->n_protos) {
		ms_document_words_next_key(writer, is_first, "proto");
		put_protos(writer, rule);
	}
	if (rule->n_sports) {
		ms_document_words_next_key(writer, is_first, "sport");
		put_ports(writer, rule->sports, rule->n_sports);
	}
	if (rule->n_dports) {
		ms_document_words_next_key(writer, is_first, "dport");
		put_ports(writer, rule->dports, rule->n_dports);
	}
	if (rule->n_icmps) {
		ms_document_words_next_key(writer, is_first, "icmp");
		put_icmps(writer, rule);
	}
	if (rule->n_vlans) {
		ms_document_words_next_key(writer, is_first, "vlan");
		put_vlans(writer, rule);
	}
	if (rule->n_dscps) {
		ms_document_words_next_key(writer, is_first, "dscp");
		put_dscps(writer, rule);
	}
}

/* A number or a boolean stays one, whether it was written in quotes or not. */
static void put_value(const struct ms_document_words *writer, const char *text)
{
	bool is_number = text[0] && text[strspn(text, "0123456789")] == '\0' &&
			 (text[0] != '0' || text[1] == '\0');

	if (is_number || strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
		ms_document_words_word(writer, text);
	else
		ms_document_words_text(writer, text);
}

static void put_values(const struct ms_document_words *writer, const struct ms_rule_action_arg *arg)
{
	ms_document_words_open_list(writer, arg->n_values);
	for (size_t i = 0; i < arg->n_values; i++) {
		ms_document_words_comma(writer, i);
		put_value(writer, arg->values[i].text);
	}
	ms_document_words_close_list(writer, arg->n_values);
}

static void put_action(const struct ms_document_words *writer, const struct ms_rule_action *action)
{
	bool is_first = true;

	if (action->n_args == 0) {
		ms_document_words_text(writer, action->name);
		return;
	}
	fputs("{ ", writer->out);
	ms_document_words_key(writer, action->name);
	if (!action->args[0].name) {
		put_values(writer, &action->args[0]);
	} else {
		fputs("{ ", writer->out);
		for (size_t i = 0; i < action->n_args; i++) {
			ms_document_words_next_key(writer, &is_first, action->args[i].name);
			put_values(writer, &action->args[i]);
		}
		fputs(" }", writer->out);
	}
	fputs(" }", writer->out);
}

static void put_actions(const struct ms_document_words *writer, const struct ms_rule *rule)
{
	if (rule->n_actions == 0) {
		ms_document_words_word(writer, verdict_word(rule->verdict));
		return;
	}
	fputc('[', writer->out);
	for (size_t i = 0; i < rule->n_actions; i++) {
		put_action(writer, &rule->actions[i]);
		fputs(", ", writer->out);
	}
	ms_document_words_word(writer, verdict_word(rule->verdict));
	fputc(']', writer->out);
}

static void put_attributes(const struct ms_document_words *writer, const struct ms_rule *rule,
			   bool *is_first)
{
	char text[32];

	if (rule->log) {
		ms_document_words_next_key(writer, is_first, "log");
		if (rule->log_every_ns) {
			fputs("{ ", writer->out);
			ms_document_words_key(writer, "every");
			put_duration(writer, rule->log_every_ns);
			fputs(" }", writer->out);
		} else {
			ms_document_words_word(writer, "true");
		}
	}
	if (rule->established != MS_ESTABLISHED_RECHECK) {
		ms_document_words_next_key(writer, is_first, "established");
		ms_document_words_word(writer,
				       rule->established == MS_ESTABLISHED_KEEP ? "keep" : "reset");
	}
	if (rule->mode == MS_MODE_AUDIT || rule->mode == MS_MODE_ENFORCE) {
		ms_document_words_next_key(writer, is_first, "mode");
		ms_document_words_word(writer, rule->mode == MS_MODE_AUDIT ? "audit" : "enforce");
	}
	if (rule->priority != MS_RULE_PRIORITY_DEFAULT) {
		ms_document_words_next_key(writer, is_first, "priority");
		fprintf(writer->out, "%u", rule->priority);
	}
	if (rule->fallback != MS_VERDICT_DENY || rule->n_actions > 0) {
		ms_document_words_next_key(writer, is_first, "fallback");
		ms_document_words_word(writer, verdict_word(rule->fallback));
	}
	if (rule->expires) {
		ms_document_words_next_key(writer, is_first, "expires");
		ms_document_words_quoted(writer, ms_format_time(rule->expires, text, sizeof(text)));
	}
	if (rule->comment) {
		ms_document_words_next_key(writer, is_first, "comment");
		ms_document_words_text(writer, rule->comment);
	}
}

static void put_rule(const struct ms_document_words *writer, const struct ms_rule *rule)
{
	bool is_first = true;

	fputs("{ ", writer->out);
	if (rule->id) {
		ms_document_words_next_key(writer, &is_first, "id");
		ms_document_words_text(writer, rule->id);
	}
	put_match(writer, rule, &is_first);
	ms_document_words_next_key(writer, &is_first, "action");
	put_actions(writer, rule);
	put_attributes(writer, rule, &is_first);
	fputs(" }", writer->out);
}

/* ---- groups, sets, failsafe ---- */

static void put_patterns(const struct ms_document_words *writer, const struct ms_pattern *patterns,
			 size_t count)
{
	ms_document_words_open_list(writer, count);
	for (size_t i = 0; i < count; i++) {
		ms_document_words_comma(writer, i);
		ms_document_words_text(writer, patterns[i].text);
	}
	ms_document_words_close_list(writer, count);
}

static void put_selector(const struct ms_document_words *writer, const struct ms_selector *selector)
{
	bool is_first = true;

	fputs("{ ", writer->out);
	if (selector->n_names) {
		ms_document_words_next_key(writer, &is_first, "name");
		put_patterns(writer, selector->names, selector->n_names);
	}
	if (selector->n_kinds) {
		ms_document_words_next_key(writer, &is_first, "kind");
		ms_document_words_open_list(writer, selector->n_kinds);
		for (size_t i = 0; i < selector->n_kinds; i++) {
			ms_document_words_comma(writer, i);
			ms_document_words_word(writer, selector->kinds[i]);
		}
		ms_document_words_close_list(writer, selector->n_kinds);
	}
	if (selector->n_masters) {
		ms_document_words_next_key(writer, &is_first, "master");
		put_patterns(writer, selector->masters, selector->n_masters);
	}
	fputs(" }", writer->out);
}

static void put_selectors(const struct ms_document_words *writer,
			  const struct ms_selector *selectors, size_t count)
{
	ms_document_words_open_list(writer, count);
	for (size_t i = 0; i < count; i++) {
		ms_document_words_comma(writer, i);
		put_selector(writer, &selectors[i]);
	}
	ms_document_words_close_list(writer, count);
}

/* A group's keys are a line each in YAML; `separator` stands between them. */
static void put_group(const struct ms_document_words *writer, const struct ms_group_def *group,
		      const char *separator)
{
	static const char *const sides[] = { "auto", "host", "workload" };
	static const char *const modes[] = { "disabled", "audit", "enforce" };
	static const char *const attaches[] = { "auto", "tc", "tcx" };
	const struct {
		const char *key, *word;
		bool is_default;
	} rest[] = {
		{ "side", sides[group->side], group->side == MS_SIDE_CHOICE_AUTO },
		{ "mode", modes[group->mode], false },
		{ "attach", attaches[group->attach], group->attach == MS_ATTACH_AUTO },
		{ "non_ip", verdict_word(group->non_ip), group->non_ip == MS_VERDICT_ALLOW },
		{ "unready", "guard", group->unready == MS_UNREADY_OPEN },
	};

	ms_document_words_key(writer, "name");
	ms_document_words_text(writer, group->name);
	if (group->n_match) {
		fputs(separator, writer->out);
		ms_document_words_key(writer, "match");
		put_selectors(writer, group->match, group->n_match);
	}
	if (group->n_exclude) {
		fputs(separator, writer->out);
		ms_document_words_key(writer, "exclude");
		put_selectors(writer, group->exclude, group->n_exclude);
	}
	fputs(separator, writer->out);
	ms_document_words_key(writer, "default");
	fputs("{ ", writer->out);
	ms_document_words_key(writer, "in");
	ms_document_words_word(writer, verdict_word(group->default_verdict[MS_DIR_IN]));
	fputs(", ", writer->out);
	ms_document_words_key(writer, "out");
	ms_document_words_word(writer, verdict_word(group->default_verdict[MS_DIR_OUT]));
	fputs(" }", writer->out);
	for (size_t i = 0; i < ms_array_size(rest); i++) {
		if (rest[i].is_default)
			continue;
		fputs(separator, writer->out);
		ms_document_words_key(writer, rest[i].key);
		ms_document_words_word(writer, rest[i].word);
	}
}

static void put_member(const struct ms_document_words *writer, const struct ms_set_member *member)
{
	if (!member->timeout_ns) {
		put_cidr(writer, &member->cidr);
		return;
	}
	fputs("{ ", writer->out);
	ms_document_words_key(writer, "addr");
	put_cidr(writer, &member->cidr);
	fputs(", ", writer->out);
	ms_document_words_key(writer, "timeout");
	put_duration(writer, ms_set_def_timeout(member));
	fputs(" }", writer->out);
}

/* Few on one line; many on lines of eight, which no reader has to hold in memory. */
static void put_members(const struct ms_document_words *writer, const struct ms_set_def *set)
{
	fputc('[', writer->out);
	for (size_t i = 0; i < set->n_members; i++) {
		if (i > 0)
			fputs(i % 8 ? ", " : ",\n    ", writer->out);
		put_member(writer, &set->members[i]);
	}
	fputc(']', writer->out);
}

static void put_entry(const struct ms_document_words *writer, const struct ms_failsafe_entry *entry)
{
	char text[16 + MS_CIDR_TEXT + 16], proto[16], peer[MS_CIDR_TEXT];

	ms_proto_format(entry->proto, proto, sizeof(proto));
	ms_cidr_format(&entry->peer, peer, sizeof(peer));
	if (!entry->has_peer)
		snprintf(text, sizeof(text), "%s:%u", proto, entry->port);
	else if (entry->peer.addr.family == 6)
		snprintf(text, sizeof(text), "%s:[%s]:%u", proto, peer, entry->port);
	else
		snprintf(text, sizeof(text), "%s:%s:%u", proto, peer, entry->port);
	ms_document_words_quoted(writer, text);
}

static void put_failsafe(const struct ms_document_words *writer,
			 const struct ms_failsafe_def *failsafe)
{
	static const char *const keys[] = { [MS_DIR_IN] = "in", [MS_DIR_OUT] = "out" };
	bool is_first = true;

	fputs("{ ", writer->out);
	for (int dir = 0; dir < MS_DIR__COUNT; dir++) {
		ms_document_words_next_key(writer, &is_first, keys[dir]);
		fputc('[', writer->out);
		for (size_t i = 0; i < failsafe->n_entries[dir]; i++) {
			ms_document_words_comma(writer, i);
			put_entry(writer, &failsafe->entries[dir][i]);
		}
		fputc(']', writer->out);
	}
	fputs(" }", writer->out);
}

/* ---- the document ---- */

/* Built-in rules are everywhere without being written. */
static bool is_written(const struct ms_rule *rule)
{
	return rule->origin.source != MS_SOURCE_BUILTIN;
}

static size_t count_written(const struct ms_policy *policy)
{
	size_t count = 0;

	for (size_t i = 0; i < policy->n_rules; i++)
		count += is_written(&policy->rules[i]);
	return count;
}

/* An emptied set has no form in a document: an empty list there is an error. */
static void write_sets(const struct ms_document_words *writer, const struct ms_policy *policy)
{
	const char *before = writer->json ? ",\n  \"sets\": {\n    " : "sets:\n  ";

	for (size_t i = 0; i < policy->n_sets; i++) {
		const struct ms_set_def *set = &policy->sets[i];

		fputs(before, writer->out);
		ms_document_words_text(writer, set->name);
		fputs(": ", writer->out);
		put_members(writer, set);
		if (!writer->json)
			fputc('\n', writer->out);
		before = writer->json ? ",\n    " : "  ";
	}
	if (writer->json && policy->n_sets)
		fputs("\n  }", writer->out);
}

static void write_yaml(const struct ms_document_words *writer, const struct ms_policy *policy)
{
	FILE *out = writer->out;

	fputs("version: 1\n", out);
	if (policy->n_groups)
		fputs("groups:\n", out);
	for (size_t i = 0; i < policy->n_groups; i++) {
		fputs("  - ", out);
		put_group(writer, &policy->groups[i], "\n    ");
		fputc('\n', out);
	}
	if (policy->failsafe.present) {
		fputs("failsafe: ", out);
		put_failsafe(writer, &policy->failsafe);
		fputc('\n', out);
	}
	write_sets(writer, policy);
	if (count_written(policy))
		fputs("rules:\n", out);
	for (size_t i = 0; i < policy->n_rules; i++) {
		if (!is_written(&policy->rules[i]))
			continue;
		fputs("  - ", out);
		put_rule(writer, &policy->rules[i]);
		fputc('\n', out);
	}
}

static void write_json(const struct ms_document_words *writer, const struct ms_policy *policy)
{
	FILE *out = writer->out;
	bool is_first = true;

	fputs("{\n  \"version\": 1", out);
	if (policy->n_groups)
		fputs(",\n  \"groups\": [", out);
	for (size_t i = 0; i < policy->n_groups; i++) {
		fputs(i ? ",\n    { " : "\n    { ", out);
		put_group(writer, &policy->groups[i], ", ");
		fputs(" }", out);
	}
	if (policy->n_groups)
		fputs("\n  ]", out);
	if (policy->failsafe.present) {
		fputs(",\n  \"failsafe\": ", out);
		put_failsafe(writer, &policy->failsafe);
	}
	write_sets(writer, policy);
	if (count_written(policy))
		fputs(",\n  \"rules\": [", out);
	for (size_t i = 0; i < policy->n_rules; i++) {
		if (!is_written(&policy->rules[i]))
			continue;
		fputs(is_first ? "\n    " : ",\n    ", out);
		is_first = false;
		put_rule(writer, &policy->rules[i]);
	}
	if (!is_first)
		fputs("\n  ]", out);
	fputs("\n}\n", out);
}

int ms_document_write(const struct ms_policy *policy, bool json, FILE *out)
{
	const struct ms_document_words writer = { out, json };

	if (json)
		write_json(&writer, policy);
	else
		write_yaml(&writer, policy);
	return ferror(out) ? -EIO : 0;
}

int ms_document_write_rule(const struct ms_rule *rule, bool json, FILE *out)
{
	const struct ms_document_words writer = { out, json };

	put_rule(&writer, rule);
	return ferror(out) ? -EIO : 0;
}
