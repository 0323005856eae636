/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Policy sources that are plugins. */
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/plural.h"
#include "core/cli/render.h"
#include "core/cli/value.h"

#define text_of ms_cli_value_text
#define int_of ms_cli_value_int
#define SENTENCE_SIZE 1024

static enum ms_cli_tint tint_of(const json_t *source)
{
	const char *state = text_of(source, "state");

	if (strcmp(state, "running") == 0)
		return *text_of(source, "trouble") ? MS_CLI_UNSURE : MS_CLI_GOOD;
	return strcmp(state, "starting") == 0 ? MS_CLI_UNSURE : MS_CLI_BAD;
}

/* How old what is in force is; "-" = nothing is. */
static const char *age_of(const struct ms_cli_style *style, const json_t *source, char *buf,
			  size_t size)
{
	const json_t *ms = json_object_get(source, "age_ms");

	return json_is_integer(ms) ? ms_cli_style_age(style, ms, buf, size) : "-";
}

/* "cannot reach it (since 2026-11-02T09:30:00Z)", "" = there is none. */
static const char *with_since(const json_t *source, const char *key, const char *key_since,
			      char *buf, size_t size)
{
	const char *sentence = text_of(source, key), *since = text_of(source, key_since);

	if (*sentence && *since)
		snprintf(buf, size, "%s (since %s)", sentence, since);
	else
		snprintf(buf, size, "%s", sentence);
	return buf;
}

static const char *error_of(const json_t *source, char *buf, size_t size)
{
	return with_since(source, "error", "error_since", buf, size);
}

static const char *trouble_of(const json_t *source, char *buf, size_t size)
{
	return with_since(source, "trouble", "trouble_since", buf, size);
}

void ms_cli_render_source_list(const struct ms_cli_style *style, const json_t *reply)
{
	static const struct ms_cli_column columns[] = {
		{ "SOURCE", false, 0, 0 }, { "STATE", false, 0, 0 },    { "AGE", true, 0, 0 },
		{ "RULES", true, 0, 1 },   { "SETS", true, 0, 2 },      { "MEMBERS", true, 0, 1 },
		{ "GROUPS", true, 0, 3 },  { "TROUBLE", false, 20, 0 },
	};
	struct ms_cli_table *table = ms_cli_table_new(columns, ms_array_size(columns));
	const json_t *source;
	char age[32], text[SENTENCE_SIZE];
	size_t i;

	ms_cli_table_fold(table, ms_array_size(columns) - 1);
	json_array_foreach (json_object_get(reply, "sources"), i, source) {
		ms_cli_table_add(table, MS_CLI_PLAIN, "%s", text_of(source, "name"));
		ms_cli_table_add(table, tint_of(source), "%s", text_of(source, "state"));
		ms_cli_table_add(table, MS_CLI_PLAIN, "%s",
				 age_of(style, source, age, sizeof(age)));
		ms_cli_table_add(table, MS_CLI_PLAIN, "%lld", (long long)int_of(source, "rules"));
		ms_cli_table_add(table, MS_CLI_PLAIN, "%lld", (long long)int_of(source, "sets"));
		ms_cli_table_add(table, MS_CLI_PLAIN, "%lld", (long long)int_of(source, "members"));
		ms_cli_table_add(table, MS_CLI_PLAIN, "%lld", (long long)int_of(source, "groups"));
		if (!*error_of(source, text, sizeof(text)))
			trouble_of(source, text, sizeof(text));
		ms_cli_table_add(table, MS_CLI_UNSURE, "%s", text);
	}
	ms_cli_table_print(table, style);
	ms_cli_table_free(table);
}

static void number(const struct ms_cli_style *style, const char *key, const json_t *object,
		   const char *name)
{
	fprintf(style->out, "%-12s %lld\n", key, (long long)int_of(object, name));
}

static void render_sets(const struct ms_cli_style *style, const json_t *sets)
{
	const json_t *set;
	size_t i;

	json_array_foreach (sets, i, set)
		fprintf(style->out, "%-12s %s, %lld member%s\n", i ? "" : "sets",
			text_of(set, "name"), (long long)int_of(set, "members"),
			ms_plural(int_of(set, "members")));
}

static void render_left_out(const struct ms_cli_style *style, const json_t *list)
{
	const json_t *left_out;
	size_t i;

	json_array_foreach (list, i, left_out) {
		char text[SENTENCE_SIZE];

		snprintf(text, sizeof(text), "%s: %s", text_of(left_out, "origin"),
			 text_of(left_out, "why"));
		ms_cli_style_line(style, i ? "" : "left out", text);
	}
}

void ms_cli_render_source_show(const struct ms_cli_style *style, const json_t *reply)
{
	const json_t *source = json_object_get(reply, "source");
	char age[32], text[SENTENCE_SIZE];

	ms_cli_style_line(style, "source", text_of(source, "name"));
	ms_cli_style_line(style, "state", text_of(source, "state"));
	ms_cli_style_line(style, "trouble", trouble_of(source, text, sizeof(text)));
	ms_cli_style_line(style, "error", error_of(source, text, sizeof(text)));
	snprintf(text, sizeof(text), "%s%s", age_of(style, source, age, sizeof(age)),
		 ms_cli_value_is(source, "from_disk") ? ", from disk: it has said nothing yet"
						      : "");
	ms_cli_style_line(style, "age", text);
	ms_cli_style_line(style, "judged",
			  ms_cli_value_is(source, "before") ? "before the operator's rules"
							    : "after the operator's rules");
	number(style, "groups", source, "groups");
	number(style, "rules", source, "rules");
	render_sets(style, json_object_get(reply, "sets"));
	render_left_out(style, json_object_get(reply, "left_out"));
	if (int_of(reply, "pid"))
		number(style, "pid", reply, "pid");
	number(style, "transactions", reply, "transactions");
	number(style, "refused", reply, "refused");
	if (int_of(reply, "superseded"))
		number(style, "superseded", reply, "superseded");
	number(style, "restarts", reply, "restarts");
	number(style, "crashes", reply, "crashes");
	if (int_of(reply, "suppressed_lines"))
		number(style, "lines lost", reply, "suppressed_lines");
	ms_cli_render_plugin_stats(style, json_object_get(reply, "stats"));
}
