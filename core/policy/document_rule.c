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
	{ "action", ms_document_action_read, true },
	{ "log", read_log, false },
	{ "established", read_established, false },
	{ "mode", read_mode, false },
	{ "priority", read_priority, false },
	{ "fallback", read_fallback, false },
	{ "expires", read_expires, false },
	{ "comment", read_comment, false },
};
enum { KEY_SPORT = 6, KEY_DPORT = 7, KEY_ICMP = 8, KEY_FALLBACK = 16, KEY__COUNT = 19 };
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
	if (r == 0)
		r = ms_document_action_check(reader, &draft.rule);
	if (r < 0)
		return r;
	draft.rule.states_fallback = places[KEY_FALLBACK].line != 0;
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
