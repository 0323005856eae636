/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/parse.h"
#include "core/policy/array.h"
#include "core/policy/document_parts.h"

#define MILLISECOND_NS 1000000ULL
#define LOG_EVERY_MAX_NS (86400000ULL * MILLISECOND_NS)

static void fini_draft(struct ms_document_rule_draft *draft)
{
	ms_rule_fini(&draft->rule);
	for (size_t i = 0; i < draft->n_icmps; i++)
		free(draft->icmps[i].text);
	free(draft->icmps);
}

static int refuse(struct ms_document_reader *reader, const char *complaint)
{
	return ms_document_reader_refuse(reader, reader->place, reader->value, "'%s' %s",
					 reader->value, complaint);
}

static int read_id(struct ms_document_reader *reader, void *into)
{
	struct ms_rule *rule = &((struct ms_document_rule_draft *)into)->rule;
	int r = ms_document_schema_name(reader, "an id", "._/-", MS_DOCUMENT_ID_MAX);

	if (r < 0)
		return r;
	rule->id_place = reader->place;
	rule->id = strdup(reader->value);
	return rule->id ? 0 : -ENOMEM;
}

static const char *const action_words[] = { "allow", "deny", "log" };
enum { ACTION_ALLOW, ACTION_DENY, ACTION_LOG };

/* An action by its name, the scalar the reader is at. What is none of ours is a plugin's, and is
 * unknown unless one brings it. */
static int read_action_name(struct ms_document_reader *reader, unsigned int *ret_action)
{
	const char *value = reader->value;
	int r = ms_document_schema_scalar(reader, "an action");

	for (unsigned int i = 0; r == 0 && i < ms_array_size(action_words); i++) {
		if (strcmp(value, action_words[i]) == 0) {
			*ret_action = i;
			return 0;
		}
	}
	return r < 0 ? r
		     : ms_document_schema_refuse_word(reader, "an action", action_words,
						      ms_array_size(action_words));
}

/* { NAME: { arguments } }: allow, deny and log have no arguments. */
static int read_action_mapping(struct ms_document_reader *reader)
{
	struct ms_place start = reader->place;
	unsigned int action;
	int r = ms_document_reader_next(reader);

	if (r < 0)
		return r;
	if (reader->event == MS_DOCUMENT_MAPPING_END)
		return ms_document_reader_refuse(reader, start, "{}", "an action without a name");
	r = read_action_name(reader, &action);
	if (r < 0)
		return r;
	if (action == ACTION_LOG)
		return refuse(reader,
			      "takes no arguments; write log: { every: 10s } beside action");
	return refuse(reader, "takes no arguments");
}

static void set_verdict(struct ms_document_rule_draft *draft, unsigned int action)
{
	draft->rule.verdict = action == ACTION_DENY ? MS_VERDICT_DENY : MS_VERDICT_ALLOW;
	if (action == ACTION_LOG)
		draft->rule.log = true;
}

/* [log, deny]: actions first, one verdict last. */
static int read_action_list(struct ms_document_reader *reader, struct ms_document_rule_draft *draft)
{
	struct ms_place start = reader->place, last = start;
	unsigned int action = ACTION_LOG;
	bool has_verdict = false, is_empty = true;
	int r = ms_document_reader_next(reader);

	while (r == 0 && reader->event != MS_DOCUMENT_SEQUENCE_END) {
		if (reader->event == MS_DOCUMENT_SCALAR && reader->is_null)
			return ms_document_reader_refuse(
				reader, reader->place, reader->value[0] ? reader->value : "-",
				"nothing stands here in the list of actions");
		if (has_verdict)
			return ms_document_reader_refuse(
				reader, reader->place, reader->value,
				"nothing can come behind %s, the rule's verdict",
				action_words[action]);
		last = reader->place;
		r = reader->event == MS_DOCUMENT_MAPPING ? read_action_mapping(reader)
							 : read_action_name(reader, &action);
		if (r < 0)
			return r;
		set_verdict(draft, action);
		has_verdict = action != ACTION_LOG;
		is_empty = false;
		r = ms_document_reader_next(reader);
	}
	if (r == 0 && is_empty)
		return ms_document_reader_refuse(reader, start, "[]",
						 "the list of actions is empty");
	if (r == 0 && !has_verdict)
		return ms_document_reader_refuse(reader, last, action_words[action],
						 "a list of actions ends in allow or deny");
	return r;
}

static int read_action(struct ms_document_reader *reader, void *into)
{
	struct ms_document_rule_draft *draft = into;
	unsigned int action;
	int r;

	if (reader->event == MS_DOCUMENT_SEQUENCE)
		return read_action_list(reader, draft);
	if (reader->event == MS_DOCUMENT_MAPPING)
		return read_action_mapping(reader);
	r = read_action_name(reader, &action);
	if (r == 0)
		set_verdict(draft, action);
	return r;
}

static int read_every(struct ms_document_reader *reader, void *into)
{
	return ms_document_schema_duration(
		reader, MILLISECOND_NS, LOG_EVERY_MAX_NS,
		&((struct ms_document_rule_draft *)into)->rule.log_every_ns);
}

static const struct ms_document_key log_keys[] = { { "every", read_every, true } };

static int read_log(struct ms_document_reader *reader, void *into)
{
	static const char *const words[] = { "true" };
	struct ms_document_rule_draft *draft = into;

	draft->rule.log = true;
	if (reader->event == MS_DOCUMENT_MAPPING)
		return ms_document_schema_mapping(reader, "log", log_keys, ms_array_size(log_keys),
						  NULL, into);
	if (reader->event == MS_DOCUMENT_SCALAR && !reader->is_quoted &&
	    strcmp(reader->value, "true") == 0)
		return 0;
	if (reader->event == MS_DOCUMENT_SCALAR && strcmp(reader->value, "false") == 0)
		return refuse(reader, "is what leaving log out says");
	if (reader->event == MS_DOCUMENT_SCALAR && !reader->is_quoted)
		return ms_document_schema_refuse_word(reader, "true or { every: 10s }", words, 1);
	return ms_document_reader_refuse(reader, reader->place,
					 reader->event == MS_DOCUMENT_SCALAR ? reader->value : "[",
					 "true (without quotes) or { every: 10s } expected");
}

static int read_established(struct ms_document_reader *reader, void *into)
{
	static const char *const words[] = {
		[MS_ESTABLISHED_RECHECK] = "recheck",
		[MS_ESTABLISHED_KEEP] = "keep",
		[MS_ESTABLISHED_RESET] = "reset",
	};
	unsigned int i;
	int r = ms_document_schema_word(reader, "recheck, keep or reset", words,
					ms_array_size(words), &i);

	if (r == 0)
		((struct ms_document_rule_draft *)into)->rule.established = (enum ms_established)i;
	return r;
}

static int read_mode(struct ms_document_reader *reader, void *into)
{
	static const char *const words[] = { "audit", "enforce" };
	unsigned int i;
	int r = ms_document_schema_word(reader, "audit or enforce", words, ms_array_size(words),
					&i);

	if (r == 0)
		((struct ms_document_rule_draft *)into)->rule.mode =
			i ? MS_MODE_ENFORCE : MS_MODE_AUDIT;
	return r;
}

static int read_priority(struct ms_document_reader *reader, void *into)
{
	uint64_t priority;
	int r = ms_document_schema_number(reader, "a priority (0-65535, lower first)", 0, 65535,
					  &priority);

	if (r == 0)
		((struct ms_document_rule_draft *)into)->rule.priority = (uint16_t)priority;
	return r;
}

static int read_fallback(struct ms_document_reader *reader, void *into)
{
	static const char *const words[] = { "allow", "deny" };
	unsigned int i;
	int r = ms_document_schema_word(reader, "allow or deny", words, ms_array_size(words), &i);

	if (r == 0)
		((struct ms_document_rule_draft *)into)->rule.fallback =
			i ? MS_VERDICT_DENY : MS_VERDICT_ALLOW;
	return r;
}

static int read_expires(struct ms_document_reader *reader, void *into)
{
	struct ms_rule *rule = &((struct ms_document_rule_draft *)into)->rule;
	int r = ms_document_schema_scalar(reader, "a time like 2026-12-31T23:00:00Z");

	if (r < 0)
		return r;
	if (!ms_parse_time(reader->value, &rule->expires) || rule->expires <= 0)
		return refuse(reader, "is not a time like 2026-12-31T23:00:00Z");
	return 0;
}

static int read_comment(struct ms_document_reader *reader, void *into)
{
	struct ms_rule *rule = &((struct ms_document_rule_draft *)into)->rule;
	int r = ms_document_schema_text(reader, "a comment");

	if (r < 0)
		return r;
	rule->comment = strdup(reader->value);
	return rule->comment ? 0 : -ENOMEM;
}

static const struct ms_document_key rule_keys[] = {
	{ "id", read_id, false },
	{ "group", ms_document_match_groups, false },
	{ "dir", ms_document_match_dir, false },
	{ "from", ms_document_match_from, false },
	{ "to", ms_document_match_to, false },
	{ "proto", ms_document_match_protos, false },
	{ "sport", ms_document_match_sports, false },
	{ "dport", ms_document_match_dports, false },
	{ "icmp", ms_document_match_icmps, false },
	{ "vlan", ms_document_match_vlans, false },
	{ "dscp", ms_document_match_dscps, false },
	{ "action", read_action, true },
	{ "log", read_log, false },
	{ "established", read_established, false },
	{ "mode", read_mode, false },
	{ "priority", read_priority, false },
	{ "fallback", read_fallback, false },
	{ "expires", read_expires, false },
	{ "comment", read_comment, false },
};
enum { KEY_SPORT = 6, KEY_DPORT = 7, KEY_ICMP = 8, KEY__COUNT = 19 };
_Static_assert(ms_array_size(rule_keys) == KEY__COUNT, "one place a key");

int ms_document_rule_read_one(struct ms_document_reader *reader, bool needs_id,
			      struct ms_rule *ret_rule)
{
	struct ms_place start = reader->place, places[KEY__COUNT];
	ms_cleanup(fini_draft) struct ms_document_rule_draft draft = {
		.rule = {
			.dirs = 1 << MS_DIR_IN | 1 << MS_DIR_OUT,
			.established = MS_ESTABLISHED_RECHECK,
			.mode = MS_MODE_INHERIT,
			.priority = MS_RULE_PRIORITY_DEFAULT,
			.fallback = MS_VERDICT_DENY,
		},
	};
	int r = ms_document_origin(reader, start, &draft.rule.origin);

	if (r == 0)
		r = ms_document_schema_mapping(reader, "a rule", rule_keys,
					       ms_array_size(rule_keys), places, &draft);
	if (r == 0 && needs_id && !draft.rule.id)
		r = ms_document_schema_refuse_missing(reader, start, "a rule", "id");
	if (r < 0)
		return r;
	r = ms_document_match_check(reader, &draft,
				    &(struct ms_document_match_places) {
					    .sport = places[KEY_SPORT],
					    .dport = places[KEY_DPORT],
					    .icmp = places[KEY_ICMP],
				    });
	if (r < 0)
		return r;
	*ret_rule = draft.rule;
	draft.rule = (struct ms_rule) { 0 };
	return 0;
}

int ms_document_rule_read(struct ms_document_reader *reader, void *into)
{
	struct ms_document_draft *draft = into;
	ms_cleanup(ms_rule_fini) struct ms_rule rule = { 0 };
	int r = ms_document_rule_read_one(reader, true, &rule);

	if (r < 0)
		return r;
	r = ms_name_index_add(&draft->rules, rule.id, draft->policy.n_rules);
	if (r == -EEXIST)
		return ms_document_reader_refuse(reader, rule.id_place, rule.id,
						 "there is a rule '%s' already", rule.id);
	if (r == 0)
		r = ms_array_append(&draft->policy.rules, &draft->policy.n_rules, rule);
	if (r == 0)
		rule = (struct ms_rule) { 0 };
	return r;
}
