/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy check, diff, apply; warnings. */
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/plural.h"
#include "core/cli/render.h"
#include "core/cli/value.h"

#define text_of ms_cli_value_text
#define int_of ms_cli_value_int

static void render_place(const struct ms_cli_style *style, const json_t *warning)
{
	const char *file = text_of(warning, "file");
	json_int_t line = int_of(warning, "line"), column = int_of(warning, "column");

	if (!*file)
		return;
	fprintf(style->out, "%s:", file);
	if (line)
		fprintf(style->out, "%lld:", (long long)line);
	if (line && column)
		fprintf(style->out, "%lld:", (long long)column);
	fputc(' ', style->out);
}

void ms_cli_render_warnings(const struct ms_cli_style *style, const json_t *warnings)
{
	const json_t *warning;
	size_t i;

	json_array_foreach (warnings, i, warning) {
		render_place(style, warning);
		ms_cli_style_begin(style, MS_CLI_UNSURE);
		fputs("warning: ", style->out);
		ms_cli_style_end(style, MS_CLI_UNSURE);
		fprintf(style->out, "%s\n", text_of(warning, "message"));
	}
}

void ms_cli_render_engines(const struct ms_cli_style *style, const json_t *engines)
{
	const json_t *engine;
	size_t i;

	json_array_foreach (engines, i, engine)
		fprintf(style->out, "%s%s: %s engine, %lld row%s", i ? "; " : "",
			text_of(engine, "family"), text_of(engine, "engine"),
			(long long)int_of(engine, "rows"), ms_plural(int_of(engine, "rows")));
	if (i)
		fputc('\n', style->out);
}

void ms_cli_render_policy_check(const struct ms_cli_style *style, const json_t *reply)
{
	json_int_t groups = int_of(reply, "groups"), rules = int_of(reply, "rules");
	json_int_t sets = int_of(reply, "sets");
	json_int_t warnings = (json_int_t)json_array_size(json_object_get(reply, "warnings"));
	const json_t *name, *action;
	size_t i;

	ms_cli_render_warnings(style, json_object_get(reply, "warnings"));
	json_array_foreach (json_object_get(reply, "unknown_actions"), i, name)
		fprintf(style->out,
			"not checked: the arguments of action '%s', which no plugin here has\n",
			json_string_value(name));
	json_array_foreach (json_object_get(reply, "unjudged_actions"), i, action)
		fprintf(style->out, "not judged by its plugin: the arguments of action '%s' (%s)\n",
			text_of(action, "action"), text_of(action, "reason"));
	ms_cli_render_engines(style, json_object_get(reply, "engines"));
	fprintf(style->out, "valid: %lld group%s, %lld rule%s, %lld set%s, %lld warning%s\n",
		(long long)groups, ms_plural(groups), (long long)rules, ms_plural(rules),
		(long long)sets, ms_plural(sets), (long long)warnings, ms_plural(warnings));
}

static void render_change(const struct ms_cli_style *style, const json_t *change)
{
	const char *kind = text_of(change, "kind");
	enum ms_cli_tint tint = MS_CLI_UNSURE;
	char sign = '~';

	if (strcmp(kind, "added") == 0) {
		tint = MS_CLI_GOOD;
		sign = '+';
	} else if (strcmp(kind, "removed") == 0) {
		tint = MS_CLI_BAD;
		sign = '-';
	}
	ms_cli_style_begin(style, tint);
	fprintf(style->out, "%c %s %s", sign, text_of(change, "object"), text_of(change, "name"));
	ms_cli_style_end(style, tint);
	fprintf(style->out, "%s%s\n", *text_of(change, "detail") ? ": " : "",
		text_of(change, "detail"));
}

void ms_cli_render_policy_diff(const struct ms_cli_style *style, const json_t *reply)
{
	const json_t *changes = json_object_get(reply, "changes"), *change;
	json_int_t total = int_of(reply, "changes_total");
	json_int_t shown = (json_int_t)json_array_size(changes);
	size_t i;

	json_array_foreach (changes, i, change)
		render_change(style, change);
	if (total > shown)
		fprintf(style->out, "... and %lld more\n", (long long)(total - shown));
	ms_cli_render_warnings(style, json_object_get(reply, "warnings"));
	if (total)
		fprintf(style->out, "%lld change%s against generation %lld.", (long long)total,
			ms_plural(total), (long long)int_of(reply, "generation"));
	else
		fprintf(style->out, "No difference to generation %lld.",
			(long long)int_of(reply, "generation"));
	ms_cli_render_ends(style, reply, false);
	fputc('\n', style->out);
}

void ms_cli_render_policy_apply(const struct ms_cli_style *style, const json_t *reply)
{
	bool dry_run = ms_cli_value_is(reply, "dry_run");

	ms_cli_render_warnings(style, json_object_get(reply, "warnings"));
	if (dry_run)
		fprintf(style->out, "would be generation %lld.",
			(long long)int_of(reply, "generation"));
	else
		fprintf(style->out, "generation %lld in force, from %s.",
			(long long)int_of(reply, "generation"), text_of(reply, "policy_source"));
	ms_cli_render_ends(style, reply, !dry_run);
	fputc('\n', style->out);
}

void ms_cli_render_reload(const struct ms_cli_style *style, const json_t *reply)
{
	const char *would = ms_cli_value_is(reply, "dry_run") ? "would be " : "";
	const json_t *plugin;
	size_t i;

	json_array_foreach (json_object_get(reply, "plugins"), i, plugin)
		fprintf(style->out, "plugin %s: %s%s\n", text_of(plugin, "name"), would,
			text_of(plugin, "step"));
	ms_cli_render_policy_apply(style, reply);
}
