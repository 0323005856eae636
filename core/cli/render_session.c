/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sessions, events, trace. */
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/plural.h"
#include "core/cli/render.h"
#include "core/cli/value.h"

#define text_of ms_cli_value_text
#define int_of ms_cli_value_int

/* "10.0.0.5:41234", "[2001:db8::5]:443"; without a port the address alone. */
static void format_end(const json_t *session, const char *addr_key, const char *port_key, char *buf,
		       size_t size)
{
	const char *addr = text_of(session, addr_key);
	json_int_t port = int_of(session, port_key);

	if (!port || !json_is_null(json_object_get(session, "icmp")))
		snprintf(buf, size, "%s", addr);
	else if (strchr(addr, ':'))
		snprintf(buf, size, "[%s]:%lld", addr, (long long)port);
	else
		snprintf(buf, size, "%s:%lld", addr, (long long)port);
}

static void add_bytes(struct ms_cli_table *table, const struct ms_cli_style *style,
		      const json_t *session, const char *sent, const char *received)
{
	char out[32], back[32];

	ms_cli_table_add(table, MS_CLI_PLAIN, "%s/%s",
			 ms_cli_style_bytes(style, int_of(session, sent), out, sizeof(out)),
			 ms_cli_style_bytes(style, int_of(session, received), back, sizeof(back)));
}

static void add_session(struct ms_cli_table *table, const struct ms_cli_style *style,
			const json_t *session)
{
	bool audit = ms_cli_value_is(session, "audit");
	char text[80];

	ms_cli_table_add(table, MS_CLI_PLAIN, "%s", text_of(session, "iface"));
	ms_cli_table_add(table, MS_CLI_PLAIN, "%s", text_of(session, "dir"));
	if (style->numeric)
		ms_cli_table_add(table, MS_CLI_PLAIN, "%lld",
				 (long long)int_of(session, "proto_number"));
	else
		ms_cli_table_add(table, MS_CLI_PLAIN, "%s", text_of(session, "proto"));
	format_end(session, "from", "sport", text, sizeof(text));
	ms_cli_table_add(table, MS_CLI_PLAIN, "%s", text);
	format_end(session, "to", "dport", text, sizeof(text));
	ms_cli_table_add(table, MS_CLI_PLAIN, "%s", text);
	ms_cli_table_add(table, MS_CLI_PLAIN, "%s", text_of(session, "state"));
	add_bytes(table, style, session, "sent_bytes", "received_bytes");
	ms_cli_table_add(
		table, MS_CLI_PLAIN, "%s",
		ms_cli_style_age(style, json_object_get(session, "age_ms"), text, sizeof(text)));
	ms_cli_table_add(
		table, MS_CLI_PLAIN, "%s",
		ms_cli_style_age(style, json_object_get(session, "idle_ms"), text, sizeof(text)));
	ms_cli_table_add(table, audit ? MS_CLI_UNSURE : MS_CLI_DIM, "%s%s",
			 text_of(session, "rule"), audit ? " would=deny" : "");
}

struct ms_cli_table *ms_cli_render_session_table(void)
{
	static const struct ms_cli_column columns[] = {
		{ "IFACE", false, 6, 0 },     { "DIR", false, 0, 0 }, { "PROTO", false, 0, 0 },
		{ "FROM", false, 12, 0 },     { "TO", false, 12, 0 }, { "STATE", false, 0, 1 },
		{ "BYTES >/<", true, 0, -2 }, { "AGE", true, 0, 2 },  { "IDLE", true, 0, -1 },
		{ "RULE", false, 6, 0 },
	};

	return ms_cli_table_new(columns, ms_array_size(columns));
}

void ms_cli_render_session_rows(struct ms_cli_table *table, const struct ms_cli_style *style,
				const json_t *reply)
{
	const json_t *session;
	size_t i;

	json_array_foreach (json_object_get(reply, "sessions"), i, session)
		add_session(table, style, session);
	ms_cli_table_print(table, style);
}

void ms_cli_render_session_list(const struct ms_cli_style *style, const json_t *reply)
{
	struct ms_cli_table *table = ms_cli_render_session_table();

	ms_cli_render_session_rows(table, style, reply);
	ms_cli_table_free(table);
}

void ms_cli_render_session_top(const struct ms_cli_style *style, const json_t *reply)
{
	static const struct ms_cli_column columns[] = { { "", false, 12, 0 },
							{ "SESSIONS", true, 0, 0 },
							{ "PACKETS", true, 0, 0 },
							{ "BYTES", true, 0, 0 },
							{ "BYTES/S", true, 0, 0 } };
	struct ms_cli_column titled[ms_array_size(columns)];
	struct ms_cli_table *table;
	const json_t *row;
	char count[32], title[16];
	size_t i;

	memcpy(titled, columns, sizeof(columns));
	snprintf(title, sizeof(title), "%s", text_of(reply, "by"));
	for (char *p = title; *p; p++)
		*p = (char)(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p);
	titled[0].title = title;
	table = ms_cli_table_new(titled, ms_array_size(titled));
	json_array_foreach (json_object_get(reply, "rows"), i, row) {
		const char *key = text_of(row, "key");

		ms_cli_table_add(table, MS_CLI_PLAIN, "%s", *key ? key : "-");
		ms_cli_table_add(
			table, MS_CLI_PLAIN, "%s",
			ms_cli_style_count(style, int_of(row, "sessions"), count, sizeof(count)));
		ms_cli_table_add(
			table, MS_CLI_PLAIN, "%s",
			ms_cli_style_count(style, int_of(row, "packets"), count, sizeof(count)));
		ms_cli_table_add(
			table, MS_CLI_PLAIN, "%s",
			ms_cli_style_bytes(style, int_of(row, "bytes"), count, sizeof(count)));
		if (json_object_get(row, "bytes_per_s"))
			ms_cli_style_bytes(style, int_of(row, "bytes_per_s"), count, sizeof(count));
		else
			snprintf(count, sizeof(count), "-");
		ms_cli_table_add(table, MS_CLI_PLAIN, "%s", count);
	}
	ms_cli_table_print(table, style);
	ms_cli_table_free(table);
}

void ms_cli_render_session_flush(const struct ms_cli_style *style, const json_t *reply)
{
	bool dry_run = ms_cli_value_is(reply, "dry_run");
	json_int_t count = int_of(reply, dry_run ? "matched" : "ended");

	fprintf(style->out, "%lld session%s %s\n", (long long)count, ms_plural(count),
		dry_run ? "would be forgotten" : "forgotten; the next packet is judged anew");
}

/* ---- events ---- */

/* The daemon's own line, its verdict in colour. */
static void render_event(const struct ms_cli_style *style, const json_t *event)
{
	const char *text = text_of(event, "text");
	const char *verdict = strchr(text, ' ');
	enum ms_cli_tint tint = ms_cli_style_verdict(text_of(event, "verdict"));
	size_t head = verdict ? (size_t)(verdict - text) + 1 : 0;
	size_t word = strcspn(text + head, " ");

	fwrite(text, 1, head, style->out);
	ms_cli_style_begin(style, tint);
	fwrite(text + head, 1, word, style->out);
	ms_cli_style_end(style, tint);
	fprintf(style->out, "%s\n", text + head + word);
}

void ms_cli_render_observe(const struct ms_cli_style *style, const json_t *reply,
			   json_int_t *ring_lost)
{
	json_int_t lost = int_of(reply, "lost"), ring = int_of(reply, "ring_lost");
	const json_t *event;
	size_t i;

	json_array_foreach (json_object_get(reply, "events"), i, event)
		render_event(style, event);
	if (!lost && ring <= *ring_lost)
		return;
	ms_cli_style_begin(style, MS_CLI_UNSURE);
	fprintf(style->out, "lost=%lld (too slow a reader %lld, full ring %lld)",
		(long long)(lost + ring - *ring_lost), (long long)lost,
		(long long)(ring - *ring_lost));
	ms_cli_style_end(style, MS_CLI_UNSURE);
	fputc('\n', style->out);
	*ring_lost = ring;
}

/* What the packet would have met besides: no plugin sees what nobody sends. */
static void render_actions(const struct ms_cli_style *style, const json_t *actions)
{
	const json_t *action;
	size_t i;

	json_array_foreach (actions, i, action)
		fprintf(style->out, "%s%s", i ? ", " : "  actions ", json_string_value(action));
	if (json_array_size(actions))
		fputs(", which are not run here and may end otherwise\n", style->out);
}

void ms_cli_render_trace(const struct ms_cli_style *style, const json_t *reply)
{
	const char *verdict = text_of(reply, "verdict"), *rule = text_of(reply, "rule");
	enum ms_cli_tint tint = ms_cli_style_verdict(verdict);

	ms_cli_style_begin(style, tint);
	fputs(strcmp(verdict, "audit") == 0 ? "allow (would=deny)" : verdict, style->out);
	ms_cli_style_end(style, tint);
	fprintf(style->out, ": %s, %s on %s (group %s)\n", text_of(reply, "packet"),
		text_of(reply, "dir"), text_of(reply, "iface"), text_of(reply, "group"));
	fprintf(style->out, "  reason %s: %s\n", text_of(reply, "reason"), text_of(reply, "about"));
	if (*rule)
		fprintf(style->out, "  rule %s, from %s\n", rule, text_of(reply, "origin"));
	render_actions(style, json_object_get(reply, "actions"));
	fprintf(style->out, "  generation %lld%s%s\n", (long long)int_of(reply, "generation"),
		ms_cli_value_is(reply, "session") ? ", a live session would have answered" : "",
		ms_cli_value_is(reply, "would_log") ? ", would be logged" : "");
}
