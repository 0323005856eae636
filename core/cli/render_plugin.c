/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plugins. */
#include <string.h>

#include "core/base/cleanup.h"
#include "core/cli/render.h"
#include "core/cli/value.h"
#include "core/plugin/describe.h"
#include "core/plugin/values.h"

#define text_of ms_cli_value_text

#define KEY_WIDTH 12
#define VALUES_SIZE 4096

/* What may be written for an item: "uint, 1 to 15", "a | b". */
static void describe_values(const json_t *item, char *buf, size_t size)
{
	const json_t *max = json_object_get(item, "max");
	json_int_t min = ms_cli_value_int(item, "min");
	char words[VALUES_SIZE / 2], least[32], most[32];
	uint32_t type = MS_PLUGIN_UINT;

	ms_plugin_describe_type(text_of(item, "type"), &type);
	ms_plugin_values_limit(type, (uint64_t)min, least, sizeof(least));

	ms_cli_value_words(item, "words", words, sizeof(words));
	if (*words)
		snprintf(buf, size, "%s", words);
	else if (json_is_integer(max))
		snprintf(buf, size, "%s, %s to %s", text_of(item, "type"), min ? least : "0",
			 ms_plugin_values_limit(type, (uint64_t)json_integer_value(max), most,
						sizeof(most)));
	else if (min)
		snprintf(buf, size, "%s, at least %s", text_of(item, "type"), least);
	else
		snprintf(buf, size, "%s", text_of(item, "type"));
	if (ms_cli_value_is(item, "list"))
		snprintf(buf + strlen(buf), size - strlen(buf), ", or a list");
}

/* What holds of the item: "10s", "(hidden)", "" = it is absent. */
static const char *say_value(const json_t *held, char *buf, size_t size)
{
	if (ms_cli_value_is(held, "is_secret"))
		return ms_cli_value_is(held, "is_written") ? "(hidden)" : "";
	return ms_cli_value_words(held, "values", buf, size);
}

/* `held` says what holds of each, in their order; NULL = nobody has them in force. */
static void render_items(const struct ms_cli_style *style, const json_t *items, const json_t *held)
{
	static const struct ms_cli_column alone[] = {
		{ "  ITEM", false, 0, 0 },
		{ "VALUES", false, 12, 0 },
		{ "DEFAULT", false, 10, 0 },
		{ "MEANING", false, 16, 0 },
	};
	static const struct ms_cli_column with_now[] = {
		{ "  ITEM", false, 0, 0 },   { "NOW", false, 10, 0 },
		{ "VALUES", false, 10, 0 },  { "DEFAULT", false, 8, -1 },
		{ "MEANING", false, 14, 0 },
	};
	struct ms_cli_table *table;
	const json_t *item;
	char values[VALUES_SIZE];
	size_t i;

	if (!json_array_size(items))
		return;
	table = held ? ms_cli_table_new(with_now, ms_array_size(with_now))
		     : ms_cli_table_new(alone, ms_array_size(alone));
	ms_cli_table_fold(table, 1);
	json_array_foreach (items, i, item) {
		const char *def = text_of(item, "default");
		const json_t *its = json_array_get(held, i);

		ms_cli_table_add(table, MS_CLI_PLAIN, "  %s", text_of(item, "name"));
		if (held)
			ms_cli_table_add(table,
					 ms_cli_value_is(its, "is_written") ? MS_CLI_PLAIN
									    : MS_CLI_DIM,
					 "%s", say_value(its, values, sizeof(values)));
		describe_values(item, values, sizeof(values));
		ms_cli_table_add(table, MS_CLI_PLAIN, "%s", values);
		ms_cli_table_add(table, MS_CLI_PLAIN, "%s",
				 ms_cli_value_is(item, "required") ? "(required)" : def);
		ms_cli_table_add(table, MS_CLI_DIM, "%s", text_of(item, "help"));
	}
	ms_cli_table_print(table, style);
	ms_cli_table_free(table);
}

/* What it says that it may do to a packet. */
static void render_deeds(const struct ms_cli_style *style, const json_t *action)
{
	static const struct {
		const char *key, *deed;
	} deeds[] = {
		{ "ends", "end the list with a verdict" },
		{ "takes", "take the packet" },
		{ "modifies", "change the packet or its mark" },
	};
	char text[128] = "";

	if (ms_cli_value_is(action, "observes"))
		snprintf(text, sizeof(text),
			 "only observes: in audit mode it runs under deny, too");
	for (size_t i = 0; i < ms_array_size(deeds); i++) {
		size_t used = strlen(text);

		if (ms_cli_value_is(action, deeds[i].key))
			snprintf(text + used, sizeof(text) - used, "%s%s", used ? ", " : "may ",
				 deeds[i].deed);
	}
	if (!*text)
		return;
	fputs("  ", style->out);
	ms_cli_style_paragraph(style, 2, 4, text);
}

/* `held`: see render_items(). */
static void render_description(const struct ms_cli_style *style, const json_t *plugin,
			       const json_t *held)
{
	const json_t *action;
	char text[256];
	size_t i;

	snprintf(text, sizeof(text), "%s %s", text_of(plugin, "name"), text_of(plugin, "version"));
	ms_cli_style_line(style, "plugin", text);
	ms_cli_style_line(style, "summary", text_of(plugin, "summary"));
	ms_cli_style_line(style, "license", text_of(plugin, "license"));
	ms_cli_style_line(style, "abi", text_of(plugin, "abi"));
	ms_cli_style_line(style, "provides",
			  ms_cli_value_words(plugin, "provides", text, sizeof(text)));
	ms_cli_style_line(style, "needs", ms_cli_value_words(plugin, "needs", text, sizeof(text)));
	ms_cli_style_line(style, "source", text_of(plugin, "source"));
	ms_cli_style_line(style, "sink", text_of(plugin, "sink"));
	if (json_array_size(json_object_get(plugin, "config"))) {
		fputs("\nconfiguration\n", style->out);
		render_items(style, json_object_get(plugin, "config"), held);
	}
	json_array_foreach (json_object_get(plugin, "actions"), i, action) {
		fprintf(style->out, "\naction %s: ", text_of(action, "name"));
		ms_cli_style_paragraph(style, strlen("action : ") + strlen(text_of(action, "name")),
				       2, text_of(action, "help"));
		render_deeds(style, action);
		render_items(style, json_object_get(action, "args"), NULL);
	}
}

void ms_cli_render_plugin_probe(const struct ms_cli_style *style, const json_t *reply)
{
	const json_t *plugin = json_object_get(reply, "plugin");
	const char *file = text_of(reply, "config_file");
	char said[VALUES_SIZE];

	render_description(style, plugin, NULL);
	if (!ms_cli_value_is(reply, "tried"))
		snprintf(said, sizeof(said), "Not tried: %s.", text_of(reply, "untried"));
	else
		snprintf(said, sizeof(said), "Tried%s%s%s: it was created%s.", *file ? " as " : "",
			 file, *file ? " configures it" : "",
			 json_array_size(json_object_get(plugin, "actions"))
				 ? ", its programs were loaded and run"
				 : ", and not started; it has no programs");
	fputc('\n', style->out);
	ms_cli_style_paragraph(style, 0, 0, said);
}

/* ---- as the daemon has them ---- */

static enum ms_cli_tint tint_of(const json_t *entry)
{
	return strcmp(text_of(entry, "state"), "loaded") == 0 ? MS_CLI_GOOD : MS_CLI_BAD;
}

/* "web, db and 3 more", as many as `size` holds. */
static const char *say_users(const json_t *entry, char *buf, size_t size)
{
	const json_t *users = json_object_get(entry, "used_by"), *user;
	json_int_t total = ms_cli_value_int(entry, "used_by_total");
	size_t used = 0, i;

	buf[0] = '\0';
	json_array_foreach (users, i, user) {
		const char *id = json_string_value(user);

		/* Room for the rest of the sentence stays. */
		if (!id || (i > 0 && used + strlen(id) + 24 > size))
			break;
		used += (size_t)snprintf(buf + used, size - used, "%s%.*s", i ? ", " : "",
					 (int)(size / 2), id);
	}
	if ((json_int_t)i < total)
		snprintf(buf + used, size - used, " and %lld more",
			 (long long)(total - (json_int_t)i));
	return buf;
}

void ms_cli_render_plugin_list(const struct ms_cli_style *style, const json_t *reply)
{
	static const struct ms_cli_column columns[] = {
		{ "PLUGIN", false, 0, 0 },   { "STATE", false, 0, 0 },   { "VERSION", false, 0, 2 },
		{ "PROVIDES", false, 0, 1 }, { "USED BY", false, 8, 3 }, { "REASON", false, 20, 0 },
	};
	struct ms_cli_table *table = ms_cli_table_new(columns, ms_array_size(columns));
	const json_t *entry;
	char text[256];
	size_t i;

	ms_cli_table_fold(table, ms_array_size(columns) - 1);
	json_array_foreach (json_object_get(reply, "plugins"), i, entry) {
		ms_cli_table_add(table, MS_CLI_PLAIN, "%s", text_of(entry, "name"));
		ms_cli_table_add(table, tint_of(entry), "%s", text_of(entry, "state"));
		ms_cli_table_add(table, MS_CLI_PLAIN, "%s", text_of(entry, "version"));
		ms_cli_table_add(table, MS_CLI_PLAIN, "%s",
				 ms_cli_value_words(entry, "provides", text, sizeof(text)));
		ms_cli_table_add(table, MS_CLI_PLAIN, "%s", say_users(entry, text, sizeof(text)));
		ms_cli_table_add(table, MS_CLI_UNSURE, "%s", text_of(entry, "reason"));
	}
	ms_cli_table_print(table, style);
	ms_cli_table_free(table);
}

static int width_of(const json_t *stats)
{
	const json_t *number;
	size_t i, width = KEY_WIDTH;

	json_array_foreach (stats, i, number) {
		size_t length = strlen(text_of(number, "name"));

		width = length > width ? length : width;
	}
	return (int)width;
}

void ms_cli_render_plugin_stats(const struct ms_cli_style *style, const json_t *stats)
{
	const json_t *number;
	int width = width_of(stats);
	size_t i;

	json_array_foreach (stats, i, number) {
		char count[32], text[VALUES_SIZE];
		int used = fprintf(style->out, "%-*s ", width, text_of(number, "name"));

		snprintf(text, sizeof(text), "%s  %s%s%s",
			 ms_cli_style_count(style,
					    json_integer_value(json_object_get(number, "value")),
					    count, sizeof(count)),
			 text_of(number, "help"), *text_of(number, "rule") ? ", rule " : "",
			 text_of(number, "rule"));
		ms_cli_style_paragraph(style, used > 0 ? (size_t)used : 0, (size_t)width + 1, text);
	}
}

void ms_cli_render_plugin_show(const struct ms_cli_style *style, const json_t *reply)
{
	const json_t *entry = json_object_get(reply, "entry");
	const json_t *plugin = json_object_get(reply, "plugin");
	const json_t *stats = json_object_get(reply, "stats");
	char text[256];

	if (!json_is_object(plugin))
		ms_cli_style_line(style, "plugin", text_of(entry, "name"));
	ms_cli_style_line(style, "state", text_of(entry, "state"));
	ms_cli_style_line(style, "reason", text_of(entry, "reason"));
	ms_cli_style_line(style, "since", text_of(entry, "since"));
	ms_cli_style_line(style, "used by", say_users(entry, text, sizeof(text)));
	if (json_is_integer(json_object_get(entry, "events_lost")))
		ms_cli_style_line(style, "events lost",
				  ms_cli_style_count(style, ms_cli_value_int(entry, "events_lost"),
						     text, sizeof(text)));
	if (json_is_object(plugin))
		render_description(style, plugin, json_object_get(reply, "config"));
	if (json_array_size(stats) > 0)
		fputs("\nstatistics\n", style->out);
	ms_cli_render_plugin_stats(style, stats);
}

void ms_cli_render_plugin_unload(const struct ms_cli_style *style, const json_t *reply)
{
	fprintf(style->out, "%s is unloaded. To load it again: microsegctl plugin load %s\n",
		text_of(reply, "name"), text_of(reply, "name"));
}
