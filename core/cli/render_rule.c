/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules, in words and in tables, and sets. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/plural.h"
#include "core/cli/render.h"
#include "core/cli/value.h"

#define text_of ms_cli_value_text
#define int_of ms_cli_value_int

#define WORDS 512
#define LIST_SHOWN 2

static void say(char *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Appends; `buf` is WORDS long. */
static void say(char *buf, const char *format, ...)
{
	size_t used = strlen(buf);
	va_list args;

	va_start(args, format);
	vsnprintf(buf + used, WORDS - used, format, args);
	va_end(args);
}

/* "to 127.0.0.1:8000", "to port 80,443", "to [2001:db8::9]:53", "" */
static void say_end(char *buf, const json_t *rule, const char *word, const char *addr_key,
		    const char *port_key)
{
	char addr[WORDS], port[WORDS];
	bool is_single =
		ms_cli_value_count(rule, addr_key) == 1 && ms_cli_value_count(rule, port_key) == 1;

	ms_cli_value_words(rule, addr_key, addr, sizeof(addr));
	ms_cli_value_words(rule, port_key, port, sizeof(port));
	if (!*addr && !*port)
		return;
	/* A prefix or a set with a port glued to it would read as something else. */
	if (*addr && *port && is_single && !strchr(addr, '/') && strncmp(addr, "set:", 4) != 0)
		say(buf, strchr(addr, ':') ? " %s [%s]:%s" : " %s %s:%s", word, addr, port);
	else if (*addr && *port)
		say(buf, " %s %s port %s", word, addr, port);
	else if (*addr)
		say(buf, " %s %s", word, addr);
	else
		say(buf, " %s port %s", word, port);
}

/* A list of which a line of a table can only hold the beginning. */
static json_t *shorten(const json_t *rule)
{
	json_t *copy = json_copy((json_t *)rule), *value;
	const char *key;
	void *next;

	json_object_foreach_safe (copy, next, key, value) {
		size_t count = json_array_size(value);
		json_t *shown;

		/* The last of these is the verdict. */
		if (count <= LIST_SHOWN + 1 || strcmp(key, "action") == 0)
			continue;
		shown = json_array();
		for (size_t i = 0; i < LIST_SHOWN; i++)
			json_array_append(shown, json_array_get(value, i));
		json_array_append_new(shown, json_sprintf("+%zu", count - LIST_SHOWN));
		json_object_set_new(copy, key, shown);
	}
	return copy;
}

/* "tcp to 127.0.0.1:8000", "everything" */
static const char *say_match(const json_t *rule, char *buf)
{
	char words[WORDS];

	snprintf(buf, WORDS, "%s", ms_cli_value_words(rule, "proto", words, sizeof(words)));
	if (!*buf)
		say(buf, "everything");
	if (*ms_cli_value_words(rule, "icmp", words, sizeof(words)))
		say(buf, " %s", words);
	say_end(buf, rule, "from", "from", "sport");
	say_end(buf, rule, "to", "to", "dport");
	if (*ms_cli_value_words(rule, "vlan", words, sizeof(words)))
		say(buf, " vlan %s", words);
	if (*ms_cli_value_words(rule, "dscp", words, sizeof(words)))
		say(buf, " dscp %s", words);
	return buf;
}

static const char *say_dirs(const json_t *rule)
{
	const json_t *dir = json_object_get(rule, "dir");

	if (json_is_array(dir) && json_array_size(dir) == 1)
		dir = json_array_get(dir, 0);
	return json_is_string(dir) ? json_string_value(dir) : "in and out";
}

static const char *say_groups(const json_t *rule, char *buf)
{
	char words[WORDS];

	buf[0] = '\0';
	if (*ms_cli_value_words(rule, "group", words, sizeof(words)))
		say(buf, "group %s", words);
	else
		say(buf, "every group");
	return buf;
}

/* "tally 3", "ratelimit {pps: 100, by: source}" */
static void say_one_action(char *buf, const json_t *action)
{
	const char *name, *key;
	json_t *arguments, *value;
	bool is_first = true;

	if (json_is_string(action))
		say(buf, "%s", json_string_value(action));
	json_object_foreach ((json_t *)action, name, arguments) {
		char words[WORDS];

		say(buf, "%s ", name);
		if (!json_is_object(arguments)) {
			say(buf, "%s", ms_cli_value_words(action, name, words, sizeof(words)));
			continue;
		}
		say(buf, "{");
		json_object_foreach (arguments, key, value) {
			say(buf, "%s%s: %s", is_first ? "" : ", ", key,
			    ms_cli_value_words(arguments, key, words, sizeof(words)));
			is_first = false;
		}
		say(buf, "}");
	}
}

/* Of plugins, before its verdict; then the fallback is part of what is done. */
static bool has_actions(const json_t *rule)
{
	return json_is_array(json_object_get(rule, "action"));
}

/* What is done: plain words stay as they are, actions with arguments are shown as written. */
static const char *say_action(const json_t *rule, char *buf)
{
	const json_t *action = json_object_get(rule, "action"), *item;
	size_t i;

	if (!has_actions(rule)) {
		ms_cli_value_words(rule, "action", buf, WORDS);
		return buf;
	}
	buf[0] = '\0';
	json_array_foreach (action, i, item) {
		say(buf, "%s", i ? ", " : "");
		say_one_action(buf, item);
	}
	return buf;
}

/* The verdict that holds without an action: what would, or, as one is missing or refused, what
 * does. */
static const char *say_fallback(const json_t *rule, char *buf)
{
	const char *missing = text_of(rule, "missing_action");

	buf[0] = '\0';
	if (*text_of(rule, "refused"))
		say(buf, ", now %s: %s is refused", text_of(rule, "fallback"), missing);
	else if (*missing)
		say(buf, ", now %s: no %s", text_of(rule, "fallback"), missing);
	else if (has_actions(rule))
		say(buf, ", else %s", text_of(rule, "fallback"));
	return buf;
}

static bool is_logged(const json_t *rule)
{
	const json_t *log = json_object_get(rule, "log");

	return json_is_true(log) || json_is_object(log);
}

/* ---- list, show ---- */

static void add_rule(struct ms_cli_table *table, const struct ms_cli_style *style,
		     const json_t *rule)
{
	char words[WORDS], fallback[WORDS], count[32];
	const char *action = say_action(rule, words);

	ms_cli_table_add(table, MS_CLI_PLAIN, "%s", text_of(rule, "id"));
	ms_cli_table_add(
		table, *text_of(rule, "missing_action") ? MS_CLI_BAD : ms_cli_style_verdict(action),
		"%s%s%s", action, is_logged(rule) ? "+log" : "", say_fallback(rule, fallback));
	ms_cli_table_add(table, MS_CLI_PLAIN, "%s", say_match(rule, words));
	ms_cli_table_add(table, MS_CLI_PLAIN, "%s",
			 strchr(say_dirs(rule), ' ') ? "both" : say_dirs(rule));
	if (!*ms_cli_value_words(rule, "group", words, sizeof(words)))
		snprintf(words, sizeof(words), "every");
	ms_cli_table_add(table, MS_CLI_PLAIN, "%s", words);
	ms_cli_table_add(table, MS_CLI_PLAIN, "%s",
			 ms_cli_style_count(style, int_of(rule, "hits"), count, sizeof(count)));
	ms_cli_table_add(table, MS_CLI_PLAIN, "%s",
			 ms_cli_style_count(style, int_of(rule, "packets"), count, sizeof(count)));
	ms_cli_table_add(table, MS_CLI_PLAIN, "%s",
			 ms_cli_style_age(style, json_object_get(rule, "last_hit_ms"), count,
					  sizeof(count)));
	ms_cli_table_add(table, MS_CLI_DIM, "%s", text_of(rule, "origin"));
}

void ms_cli_render_rule_list(const struct ms_cli_style *style, const json_t *reply)
{
	static const struct ms_cli_column columns[] = {
		{ "RULE", false, 10, 0 },  { "ACTION", false, 0, 0 }, { "WHAT", false, 16, 0 },
		{ "DIR", false, 0, 0 },    { "GROUP", false, 5, 0 },  { "HITS", true, 0, -1 },
		{ "PACKETS", true, 0, 2 }, { "LAST", true, 0, 1 },    { "FROM", false, 7, 0 },
	};
	struct ms_cli_table *table = ms_cli_table_new(columns, ms_array_size(columns));
	const json_t *rule;
	size_t i;

	json_array_foreach (json_object_get(reply, "rules"), i, rule) {
		json_auto_t *shown = shorten(rule);

		add_rule(table, style, shown);
	}
	ms_cli_table_print(table, style);
	ms_cli_table_free(table);
}

static void line(const struct ms_cli_style *style, const char *name, const char *value)
{
	if (!*value)
		return;
	ms_cli_style_begin(style, MS_CLI_BOLD);
	fprintf(style->out, "%-12s ", name);
	ms_cli_style_end(style, MS_CLI_BOLD);
	fprintf(style->out, "%s\n", value);
}

void ms_cli_render_rule_show(const struct ms_cli_style *style, const json_t *reply)
{
	static const char *const plain[] = { "established", "mode",    "priority", "fallback",
					     "expires",     "comment", "source",   "origin" };
	const json_t *rule = json_object_get(reply, "rule");
	char words[WORDS], count[32];

	line(style, "rule", text_of(rule, "id"));
	line(style, "action", say_action(rule, words));
	line(style, "what", say_match(rule, words));
	line(style, "direction", say_dirs(rule));
	line(style, "where", say_groups(rule, words));
	if (is_logged(rule))
		line(style, "log", "yes");
	if (*text_of(rule, "refused")) {
		snprintf(words, sizeof(words), "%s, its fallback: its action '%s' is refused: %s",
			 text_of(rule, "fallback"), text_of(rule, "missing_action"),
			 text_of(rule, "refused"));
		line(style, "in force", words);
	} else if (*text_of(rule, "missing_action")) {
		snprintf(words, sizeof(words),
			 "%s, its fallback: no plugin that is loaded has the action '%s'",
			 text_of(rule, "fallback"), text_of(rule, "missing_action"));
		line(style, "in force", words);
	}
	for (size_t i = 0; i < ms_array_size(plain); i++)
		line(style, plain[i], ms_cli_value_words(rule, plain[i], words, sizeof(words)));
	line(style, "hits", ms_cli_style_count(style, int_of(rule, "hits"), count, sizeof(count)));
	line(style, "packets",
	     ms_cli_style_count(style, int_of(rule, "packets"), count, sizeof(count)));
	line(style, "bytes",
	     ms_cli_style_bytes(style, int_of(rule, "bytes"), count, sizeof(count)));
	line(style, "last hit",
	     ms_cli_style_age(style, json_object_get(rule, "last_hit_ms"), count, sizeof(count)));
}

/* ---- add, del, import ---- */

void ms_cli_render_ends(const struct ms_cli_style *style, const json_t *reply, bool is_done)
{
	json_int_t count = int_of(reply, "sessions_end");
	bool is_minimum = ms_cli_value_is(reply, "sessions_end_is_minimum");

	if (count == 0 && !is_minimum)
		return;
	fprintf(style->out, " %s%lld live session%s %s now.", is_minimum ? "At least " : "",
		(long long)count, ms_plural(count),
		!is_done ? "would end" : (count == 1 ? "ends" : "end"));
}

void ms_cli_render_rule_add(const struct ms_cli_style *style, const json_t *reply)
{
	const json_t *rule = json_object_get(reply, "rule");
	bool dry_run = ms_cli_value_is(reply, "dry_run");
	char match[WORDS], action[WORDS], groups[WORDS];

	fprintf(style->out, "%s %s (generation %lld): %s %s, %s, %s.", text_of(rule, "id"),
		dry_run ? "would be in force" : "in force", (long long)int_of(reply, "generation"),
		say_action(rule, action), say_match(rule, match), say_groups(rule, groups),
		say_dirs(rule));
	if (*text_of(rule, "expires"))
		fprintf(style->out, " Until %s.", text_of(rule, "expires"));
	ms_cli_render_ends(style, reply, !ms_cli_value_is(reply, "dry_run"));
	if (!dry_run)
		fprintf(style->out, " Undo: microsegctl rule del %s", text_of(rule, "id"));
	fputc('\n', style->out);
	ms_cli_render_warnings(style, json_object_get(reply, "warnings"));
}

void ms_cli_render_rule_del(const struct ms_cli_style *style, const json_t *reply)
{
	fprintf(style->out, "%s %s (generation %lld).", text_of(reply, "id"),
		ms_cli_value_is(reply, "dry_run") ? "would be removed" : "removed",
		(long long)int_of(reply, "generation"));
	ms_cli_render_ends(style, reply, !ms_cli_value_is(reply, "dry_run"));
	fputc('\n', style->out);
}

void ms_cli_render_rule_import(const struct ms_cli_style *style, const json_t *reply)
{
	json_int_t changes = int_of(reply, "changes");

	fprintf(style->out, "%lld rule%s %s (generation %lld).", (long long)changes,
		ms_plural(changes), ms_cli_value_is(reply, "dry_run") ? "would change" : "changed",
		(long long)int_of(reply, "generation"));
	ms_cli_render_ends(style, reply, !ms_cli_value_is(reply, "dry_run"));
	fputc('\n', style->out);
}

/* ---- sets ---- */

void ms_cli_render_set_list(const struct ms_cli_style *style, const json_t *reply)
{
	static const struct ms_cli_column columns[] = {
		{ "SET", false, 8, 0 },
		{ "MEMBERS", true, 0, 0 },
		{ "RULES", true, 0, 0 },
		{ "FROM", false, 8, 0 },
	};
	struct ms_cli_table *table = ms_cli_table_new(columns, ms_array_size(columns));
	const json_t *set;
	size_t i;

	json_array_foreach (json_object_get(reply, "sets"), i, set) {
		ms_cli_table_add(table, MS_CLI_PLAIN, "%s", text_of(set, "name"));
		ms_cli_table_add(table, MS_CLI_PLAIN, "%lld", (long long)int_of(set, "members"));
		ms_cli_table_add(table, MS_CLI_PLAIN, "%lld", (long long)int_of(set, "rules"));
		ms_cli_table_add(table, MS_CLI_DIM, "%s", text_of(set, "origin"));
	}
	ms_cli_table_print(table, style);
	ms_cli_table_free(table);
}

void ms_cli_render_set_show(const struct ms_cli_style *style, const json_t *reply)
{
	static const struct ms_cli_column columns[] = { { "ADDRESS", false, 0, 0 },
							{ "TIMEOUT", true, 0, 0 },
							{ "FROM", false, 8, 0 } };
	struct ms_cli_table *table = ms_cli_table_new(columns, ms_array_size(columns));
	const json_t *member;
	char age[32];
	size_t i;

	json_array_foreach (json_object_get(reply, "members"), i, member) {
		const json_t *left = json_object_get(member, "timeout_ms");
		bool is_over = json_is_integer(left) && json_integer_value(left) == 0;

		ms_cli_table_add(table, MS_CLI_PLAIN, "%s", text_of(member, "addr"));
		ms_cli_table_add(table, MS_CLI_PLAIN, "%s",
				 is_over ? "over"
					 : ms_cli_style_age(style, left, age, sizeof(age)));
		ms_cli_table_add(table, MS_CLI_DIM, "%s", text_of(member, "origin"));
	}
	ms_cli_table_print(table, style);
	ms_cli_table_free(table);
}

static void render_members(const struct ms_cli_style *style, const json_t *reply, const char *done,
			   const char *would, const char *preposition)
{
	json_int_t count = int_of(reply, "members");
	char age[32];

	fprintf(style->out, "%lld member%s %s %s %s", (long long)count, ms_plural(count),
		ms_cli_value_is(reply, "dry_run") ? would : done, preposition,
		text_of(reply, "name"));
	if (json_is_integer(json_object_get(reply, "timeout_ms")))
		fprintf(style->out, " for %s",
			ms_cli_style_age(style, json_object_get(reply, "timeout_ms"), age,
					 sizeof(age)));
	fputc('\n', style->out);
}

void ms_cli_render_set_add(const struct ms_cli_style *style, const json_t *reply)
{
	render_members(style, reply, "now", "would be", "in");
}

void ms_cli_render_set_del(const struct ms_cli_style *style, const json_t *reply)
{
	render_members(style, reply, "removed", "would go", "from");
}
