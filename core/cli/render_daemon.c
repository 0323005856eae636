/* SPDX-License-Identifier: GPL-2.0-or-later */
/* status, stats, version, panic. */
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/plural.h"
#include "core/cli/render.h"
#include "core/cli/value.h"

#define text_of ms_cli_value_text
#define int_of ms_cli_value_int

static void title(const struct ms_cli_style *style, const char *name)
{
	ms_cli_style_begin(style, MS_CLI_BOLD);
	fprintf(style->out, "%-11s ", name);
	ms_cli_style_end(style, MS_CLI_BOLD);
}

static void render_ifaces(const struct ms_cli_style *style, const json_t *counts)
{
	static const char *const states[] = { "protected", "pending", "failed", "excluded" };
	bool any = false;

	title(style, "Interfaces");
	for (size_t i = 0; i < ms_array_size(states); i++) {
		json_int_t count = int_of(counts, states[i]);
		bool is_bad = i == 1 || i == 2;

		if (!count && i)
			continue;
		fputs(any ? ", " : "", style->out);
		ms_cli_style_begin(style, is_bad ? MS_CLI_BAD : MS_CLI_PLAIN);
		fprintf(style->out, "%lld %s", (long long)count, states[i]);
		ms_cli_style_end(style, is_bad ? MS_CLI_BAD : MS_CLI_PLAIN);
		any = true;
	}
	fputc('\n', style->out);
}

static void render_sessions(const struct ms_cli_style *style, const json_t *sessions)
{
	title(style, "Sessions");
	fprintf(style->out, "%lld IPv4, %lld IPv6, room for %lld each; ",
		(long long)int_of(sessions, "ipv4"), (long long)int_of(sessions, "ipv6"),
		(long long)int_of(sessions, "sessions_max"));
	fprintf(style->out, "half-open %lld and %lld, room for %lld each\n",
		(long long)int_of(sessions, "half_open_ipv4"),
		(long long)int_of(sessions, "half_open_ipv6"),
		(long long)int_of(sessions, "half_open_max"));
}

static void render_classifier(const struct ms_cli_style *style, const json_t *engines)
{
	const json_t *engine;
	size_t i;

	title(style, "Classifier");
	ms_cli_render_engines(style, engines);
	json_array_foreach (engines, i, engine) {
		if (!json_object_get(engine, "warning"))
			continue;
		fprintf(style->out, "%-*s", 12, "");
		ms_cli_style_begin(style, MS_CLI_UNSURE);
		fprintf(style->out, "warning: %s", text_of(engine, "warning"));
		ms_cli_style_end(style, MS_CLI_UNSURE);
		fputc('\n', style->out);
	}
}

static void render_policy(const struct ms_cli_style *style, const json_t *reply)
{
	json_int_t applied = int_of(reply, "generation_applied");
	json_int_t desired = int_of(reply, "generation_desired");

	title(style, "Policy");
	fprintf(style->out, "generation %lld in force since %s, from %s\n", (long long)applied,
		text_of(reply, "applied_at"), text_of(reply, "policy_source"));
	if (applied != desired)
		fprintf(style->out, "%-11s generation %lld is wanted\n", "", (long long)desired);
	if (ms_cli_value_is(reply, "policy_is_applied"))
		fprintf(style->out,
			"%-11s these documents stand in for the policy directory until 'policy "
			"apply' without a path\n",
			"");
	title(style, "Rules");
	fprintf(style->out, "%lld rule%s, %lld group%s, %lld set%s",
		(long long)int_of(reply, "rules"), ms_plural(int_of(reply, "rules")),
		(long long)int_of(reply, "groups"), ms_plural(int_of(reply, "groups")),
		(long long)int_of(reply, "sets"), ms_plural(int_of(reply, "sets")));
	if (int_of(reply, "rules_on_fallback")) {
		ms_cli_style_begin(style, MS_CLI_BAD);
		fprintf(style->out, "; %lld on %s fallback",
			(long long)int_of(reply, "rules_on_fallback"),
			int_of(reply, "rules_on_fallback") == 1 ? "its" : "their");
		ms_cli_style_end(style, MS_CLI_BAD);
	}
	fputc('\n', style->out);
	render_classifier(style, json_object_get(reply, "engines"));
}

static void render_overrides(const struct ms_cli_style *style, const json_t *overrides)
{
	const json_t *of;
	size_t i;

	if (json_array_size(overrides) == 0)
		return;
	title(style, "By hand");
	json_array_foreach (overrides, i, of)
		fprintf(style->out, "%sgroup %s in mode %s (policy: %s)", i ? ", " : "",
			text_of(of, "group"), text_of(of, "mode"), text_of(of, "policy_mode"));
	fputc('\n', style->out);
}

static void render_problems(const struct ms_cli_style *style, const json_t *problems)
{
	const json_t *problem;
	size_t i;

	title(style, "Health");
	if (json_array_size(problems) == 0) {
		ms_cli_style_begin(style, MS_CLI_GOOD);
		fputs("all as desired", style->out);
		ms_cli_style_end(style, MS_CLI_GOOD);
		fputc('\n', style->out);
		return;
	}
	json_array_foreach (problems, i, problem) {
		fprintf(style->out, "%-*s", i ? 12 : 0, "");
		ms_cli_style_begin(style, MS_CLI_BAD);
		fputs(json_string_value(problem), style->out);
		ms_cli_style_end(style, MS_CLI_BAD);
		fputc('\n', style->out);
	}
}

void ms_cli_render_status(const struct ms_cli_style *style, const json_t *reply)
{
	const json_t *netlink = json_object_get(reply, "netlink");

	title(style, "Daemon");
	fprintf(style->out, "microseg %s, pid %lld, since %s\n", text_of(reply, "version"),
		(long long)int_of(reply, "pid"), text_of(reply, "started_at"));
	render_policy(style, reply);
	render_overrides(style, json_object_get(reply, "mode_overrides"));
	render_ifaces(style, json_object_get(reply, "interfaces"));
	render_sessions(style, json_object_get(reply, "sessions"));
	title(style, "Events");
	fprintf(style->out, "%lld lost, %lld held back in the log\n",
		(long long)int_of(reply, "events_lost"),
		(long long)int_of(reply, "events_suppressed_in_log"));
	title(style, "Netlink");
	fprintf(style->out, "%lld overrun%s, %lld resync%s, %lld hook%s put back\n",
		(long long)int_of(netlink, "overruns"), ms_plural(int_of(netlink, "overruns")),
		(long long)int_of(netlink, "resyncs"), ms_plural(int_of(netlink, "resyncs")),
		(long long)int_of(reply, "repairs"), ms_plural(int_of(reply, "repairs")));
	if (ms_cli_value_is(reply, "hardened_load")) {
		title(style, "Load");
		fputs("hardened load: slow (the daemon lacks CAP_PERFMON)\n", style->out);
	}
	render_problems(style, json_object_get(reply, "problems"));
}

/* ---- stats ---- */

struct line {
	const char *key;
	int depth;
};

static void render_sum(const struct ms_cli_style *style, const json_t *reply,
		       const struct line *line)
{
	char count[32];

	fprintf(style->out, "%*s%-*s %12s\n", line->depth * 2, "", 22 - line->depth * 2, line->key,
		ms_cli_style_count(style, int_of(reply, line->key), count, sizeof(count)));
}

static void render_reasons(const struct ms_cli_style *style, const json_t *reasons)
{
	static const struct ms_cli_column columns[] = {
		{ "REASON", false, 0, 0 }, { "ALLOWED", true, 0, 0 }, { "DENIED", true, 0, 0 },
		{ "AUDITED", true, 0, 0 }, { "ABOUT", false, 20, 0 },
	};
	static const char *const keys[] = { "allowed_packets", "denied_packets",
					    "audited_packets" };
	struct ms_cli_table *table = ms_cli_table_new(columns, ms_array_size(columns));
	const json_t *reason;
	char count[32];
	size_t i;

	json_array_foreach (reasons, i, reason) {
		json_int_t any = 0;

		for (size_t k = 0; k < ms_array_size(keys); k++)
			any |= int_of(reason, keys[k]);
		if (!any)
			continue;
		ms_cli_table_add(table, MS_CLI_PLAIN, "%s", text_of(reason, "reason"));
		for (size_t k = 0; k < ms_array_size(keys); k++)
			ms_cli_table_add(table, MS_CLI_PLAIN, "%s",
					 ms_cli_style_count(style, int_of(reason, keys[k]), count,
							    sizeof(count)));
		ms_cli_table_add(table, MS_CLI_DIM, "%s", text_of(reason, "about"));
	}
	ms_cli_table_print(table, style);
	ms_cli_table_free(table);
}

void ms_cli_render_stats(const struct ms_cli_style *style, const json_t *reply)
{
	static const struct line lines[] = {
		{ "total", 0 },           { "allowed", 1 },     { "audited", 2 },
		{ "dropped", 1 },         { "denied", 2 },      { "malformed", 2 },
		{ "dropped_other", 2 },   { "session_hit", 1 }, { "policy_hit", 1 },
		{ "builtin", 1 },         { "failsafe", 1 },    { "unparsed", 1 },
		{ "non_ip", 1 },          { "new_session", 0 }, { "existing_session", 0 },
		{ "expired_session", 0 }, { "midflow", 0 },     { "insert_failed", 0 },
		{ "logged", 0 },          { "suppressed", 0 },  { "events_lost", 0 },
	};

	for (size_t i = 0; i < ms_array_size(lines); i++)
		render_sum(style, reply, &lines[i]);
	fputc('\n', style->out);
	render_reasons(style, json_object_get(reply, "reasons"));
}

/* ---- version, panic ---- */

void ms_cli_render_version(const struct ms_cli_style *style, const json_t *reply)
{
	const json_t *daemon = json_object_get(reply, "daemon");

	fprintf(style->out, "microsegctl %s\n", text_of(reply, "version"));
	if (json_is_object(daemon))
		fprintf(style->out, "microsegd %s (pid %lld), kernel %s\n",
			text_of(daemon, "version"), (long long)int_of(daemon, "pid"),
			text_of(daemon, "kernel"));
	else
		fprintf(style->out, "microsegd: %s\n", text_of(reply, "unreachable"));
}

void ms_cli_render_panic(const struct ms_cli_style *style, const json_t *reply)
{
	const char *state = text_of(reply, "state"), *group = text_of(reply, "group");
	bool dry_run = ms_cli_value_is(reply, "dry_run");
	const char *what = "policy judges again";

	if (strcmp(state, "open") == 0)
		what = "everything passes";
	else if (strcmp(state, "closed") == 0)
		what = "nothing passes";
	fprintf(style->out, "%spanic %s %s%s: %s", dry_run ? "would set: " : "", state,
		*group ? "for group " : "everywhere", group, what);
	if (strcmp(state, "off") != 0)
		fprintf(style->out, " until 'microsegctl panic off%s%s'", *group ? " --group " : "",
			group);
	fputc('\n', style->out);
	if (!json_is_false(json_object_get(reply, "saved")))
		return;
	ms_cli_style_begin(style, MS_CLI_BAD);
	fputs("It could not be saved and ends with a restart of the daemon or a reboot: "
	      "'microsegctl status' says why",
	      style->out);
	ms_cli_style_end(style, MS_CLI_BAD);
	fputc('\n', style->out);
}
