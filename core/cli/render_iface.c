/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interfaces and groups. */
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/plural.h"
#include "core/cli/render.h"
#include "core/cli/value.h"

#define text_of ms_cli_value_text
#define int_of ms_cli_value_int

static enum ms_cli_tint tint_of_state(const char *state)
{
	if (strcmp(state, "protected") == 0)
		return MS_CLI_GOOD;
	if (strcmp(state, "excluded") == 0)
		return MS_CLI_DIM;
	return strcmp(state, "failed") == 0 ? MS_CLI_BAD : MS_CLI_UNSURE;
}

/* A panic stands before the mode: while it lasts the mode judges nothing. */
static void add_mode(struct ms_cli_table *table, const json_t *of)
{
	const char *panic = text_of(of, "panic");

	if (*panic && strcmp(panic, "off") != 0)
		ms_cli_table_add(table, MS_CLI_BAD, "panic %s", panic);
	else
		ms_cli_table_add(table, MS_CLI_PLAIN, "%s", text_of(of, "mode"));
}

static void render_texts(const struct ms_cli_style *style, const char *before, const json_t *list)
{
	const json_t *item;
	size_t i;

	json_array_foreach (list, i, item) {
		ms_cli_style_begin(style, MS_CLI_UNSURE);
		fprintf(style->out, "%s%s", before, json_string_value(item));
		ms_cli_style_end(style, MS_CLI_UNSURE);
		fputc('\n', style->out);
	}
}

static void add_iface(struct ms_cli_table *table, const struct ms_cli_style *style,
		      const json_t *iface)
{
	const char *state = text_of(iface, "state");
	json_int_t passed =
		int_of(iface, "in_passed_packets") + int_of(iface, "out_passed_packets");
	json_int_t dropped =
		int_of(iface, "in_dropped_packets") + int_of(iface, "out_dropped_packets");
	const char *why =
		*text_of(iface, "error") ? text_of(iface, "error") : text_of(iface, "reason");
	char count[32];

	ms_cli_table_add(table, MS_CLI_PLAIN, "%s", text_of(iface, "name"));
	ms_cli_table_add(table, tint_of_state(state), "%s", state);
	ms_cli_table_add(table, MS_CLI_PLAIN, "%s", text_of(iface, "group"));
	add_mode(table, iface);
	ms_cli_table_add(table, MS_CLI_PLAIN, "%s", text_of(iface, "side"));
	ms_cli_table_add(table, MS_CLI_PLAIN, "%s", text_of(iface, "attach"));
	ms_cli_table_add(table, MS_CLI_PLAIN, "%s",
			 ms_cli_style_count(style, passed, count, sizeof(count)));
	ms_cli_table_add(table, dropped ? MS_CLI_BAD : MS_CLI_PLAIN, "%s",
			 ms_cli_style_count(style, dropped, count, sizeof(count)));
	ms_cli_table_add(table, MS_CLI_DIM, "%s", why);
}

void ms_cli_render_iface_list(const struct ms_cli_style *style, const json_t *reply)
{
	static const struct ms_cli_column columns[] = {
		{ "INTERFACE", false, 0, 0 }, { "STATE", false, 0, 0 },  { "GROUP", false, 8, 0 },
		{ "MODE", false, 0, -2 },     { "SIDE", false, 0, 1 },   { "HOOK", false, 0, 2 },
		{ "PASSED", true, 0, 0 },     { "DROPPED", true, 0, 0 }, { "WHY", false, 16, -3 },
	};
	struct ms_cli_table *table = ms_cli_table_new(columns, ms_array_size(columns));
	const json_t *iface;
	size_t i;

	json_array_foreach (json_object_get(reply, "interfaces"), i, iface)
		add_iface(table, style, iface);
	ms_cli_table_print(table, style);
	ms_cli_table_free(table);
	render_texts(style, "warning: ", json_object_get(reply, "warnings"));
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

static void render_traffic(const struct ms_cli_style *style, const json_t *iface, const char *dir)
{
	static const char *const parts[] = { "passed", "dropped" };
	char key[32], text[128] = "", count[32], bytes[32];

	for (size_t i = 0; i < ms_array_size(parts); i++) {
		snprintf(key, sizeof(key), "%s_%s_packets", dir, parts[i]);
		ms_cli_style_count(style, int_of(iface, key), count, sizeof(count));
		snprintf(key, sizeof(key), "%s_%s_bytes", dir, parts[i]);
		ms_cli_style_bytes(style, int_of(iface, key), bytes, sizeof(bytes));
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "%s%s %s packets, %s bytes", i ? "; " : "", parts[i], count, bytes);
	}
	line(style, dir, text);
}

static void render_hook(const struct ms_cli_style *style, const json_t *hook)
{
	char text[160];

	if (ms_cli_value_is(hook, "present"))
		snprintf(text, sizeof(text), "program %lld, %lld other%s before it, %lld after",
			 (long long)int_of(hook, "program_id"),
			 (long long)int_of(hook, "before_us"), ms_plural(int_of(hook, "before_us")),
			 (long long)int_of(hook, "after_us"));
	else
		snprintf(text, sizeof(text), "nothing of ours");
	line(style, text_of(hook, "hook"), text);
}

static void render_gaps(const struct ms_cli_style *style, const json_t *iface)
{
	char before[64] = "packets before it was attached not counted yet", text[128];

	if (ms_cli_value_is(iface, "unfiltered_counted"))
		snprintf(before, sizeof(before), "%s%lld packet%s before it was attached",
			 ms_cli_value_is(iface, "unfiltered_exact") ? "" : "at most ",
			 (long long)int_of(iface, "unfiltered_packets"),
			 ms_plural(int_of(iface, "unfiltered_packets")));
	snprintf(text, sizeof(text), "%s, put back %lld time%s", before,
		 (long long)int_of(iface, "repairs"), ms_plural(int_of(iface, "repairs")));
	line(style, "gaps", text);
}

void ms_cli_render_iface_show(const struct ms_cli_style *style, const json_t *reply)
{
	const json_t *iface = json_object_get(reply, "interface"), *hook;
	char text[64];
	size_t i;

	snprintf(text, sizeof(text), "%s (ifindex %lld)", text_of(iface, "name"),
		 (long long)int_of(iface, "ifindex"));
	line(style, "interface", text);
	line(style, "kind", text_of(iface, "kind"));
	line(style, "master", text_of(iface, "master"));
	line(style, "state", text_of(iface, "state"));
	line(style, "error", text_of(iface, "error"));
	line(style, "group", text_of(iface, "group"));
	line(style, "because", text_of(iface, "reason"));
	line(style, "mode", text_of(iface, "mode"));
	if (strcmp(text_of(iface, "panic"), "off") != 0)
		line(style, "panic", text_of(iface, "panic"));
	line(style, "side", text_of(iface, "side"));
	line(style, "attached by", text_of(iface, "attach"));
	if (json_object_get(iface, "attached_ms"))
		line(style, "attached",
		     ms_cli_style_age(style, json_object_get(iface, "attached_ms"), text,
				      sizeof(text)));
	json_array_foreach (json_object_get(iface, "hooks"), i, hook)
		render_hook(style, hook);
	if (ms_cli_value_is(iface, "duplicate"))
		line(style, "warning", "our program is on a hook more than once");
	render_traffic(style, iface, "in");
	render_traffic(style, iface, "out");
	render_gaps(style, iface);
}

void ms_cli_render_iface_explain(const struct ms_cli_style *style, const json_t *reply)
{
	const char *kind = text_of(reply, "kind"), *group = text_of(reply, "group");

	fprintf(style->out, "%s: kind %s%s%s%s\n", text_of(reply, "name"),
		*kind ? kind : (ms_cli_value_is(reply, "is_physical") ? "physical" : "none"),
		*text_of(reply, "master") ? ", master " : "", text_of(reply, "master"),
		ms_cli_value_is(reply, "has_default_route") ? ", carries a default route" : "");
	if (*group)
		fprintf(style->out, "group %s, side %s, mode %s, %s\n", group,
			text_of(reply, "side"), text_of(reply, "mode"), text_of(reply, "state"));
	else
		fputs("no group: left alone\n", style->out);
	fprintf(style->out, "%s\n", text_of(reply, "explanation"));
}

/* ---- groups ---- */

void ms_cli_render_group_list(const struct ms_cli_style *style, const json_t *reply)
{
	static const struct ms_cli_column columns[] = {
		{ "GROUP", false, 8, 0 }, { "MODE", false, 0, 0 },      { "IN", false, 0, 0 },
		{ "OUT", false, 0, 0 },   { "INTERFACES", true, 0, 0 }, { "RULES", true, 0, 0 },
		{ "SIDE", false, 0, -2 }, { "HOOK", false, 0, -3 },     { "FROM", false, 8, 0 },
	};
	static const char *const keys[] = { "default_in", "default_out" };
	struct ms_cli_table *table = ms_cli_table_new(columns, ms_array_size(columns));
	const json_t *group;
	size_t i;

	json_array_foreach (json_object_get(reply, "groups"), i, group) {
		ms_cli_table_add(table, MS_CLI_PLAIN, "%s", text_of(group, "name"));
		add_mode(table, group);
		for (size_t k = 0; k < ms_array_size(keys); k++)
			ms_cli_table_add(table, ms_cli_style_verdict(text_of(group, keys[k])), "%s",
					 text_of(group, keys[k]));
		ms_cli_table_add(table, MS_CLI_PLAIN, "%lld",
				 (long long)int_of(group, "interfaces"));
		ms_cli_table_add(table, MS_CLI_PLAIN, "%lld", (long long)int_of(group, "rules"));
		ms_cli_table_add(table, MS_CLI_PLAIN, "%s", text_of(group, "side"));
		ms_cli_table_add(table, MS_CLI_PLAIN, "%s", text_of(group, "attach"));
		ms_cli_table_add(table, MS_CLI_DIM, "%s", text_of(group, "origin"));
	}
	ms_cli_table_print(table, style);
	ms_cli_table_free(table);
}

void ms_cli_render_group_show(const struct ms_cli_style *style, const json_t *reply)
{
	const json_t *group = json_object_get(reply, "group");
	char text[1024];

	line(style, "group", text_of(group, "name"));
	line(style, "from", text_of(group, "origin"));
	line(style, "mode", text_of(group, "mode"));
	if (strcmp(text_of(group, "panic"), "off") != 0)
		line(style, "panic", text_of(group, "panic"));
	snprintf(text, sizeof(text), "in %s, out %s", text_of(group, "default_in"),
		 text_of(group, "default_out"));
	line(style, "default", text);
	line(style, "side", text_of(group, "side"));
	line(style, "attach", text_of(group, "attach"));
	line(style, "non_ip", text_of(group, "non_ip"));
	line(style, "unready", text_of(group, "unready"));
	snprintf(text, sizeof(text), "%lld", (long long)int_of(group, "rules"));
	line(style, "rules", text);
	line(style, "interfaces", ms_cli_value_words(group, "members", text, sizeof(text)));
}

void ms_cli_render_group_mode(const struct ms_cli_style *style, const json_t *reply)
{
	const char *mode = text_of(reply, "mode"), *name = text_of(reply, "name");
	bool dry_run = ms_cli_value_is(reply, "dry_run");

	if (strcmp(mode, "policy") == 0)
		fprintf(style->out, "group %s %s what the policy says, no longer %s\n", name,
			dry_run ? "would do" : "does", text_of(reply, "before"));
	else
		fprintf(style->out,
			"group %s %s in mode %s, before: %s. Undo: microsegctl group mode %s "
			"policy\n",
			name, dry_run ? "would be" : "is", mode, text_of(reply, "before"), name);
}
