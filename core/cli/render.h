/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every reply as a person reads it: functions from the reply's JSON to text, and nothing else, so
 * that what is shown is what -o json has. A key that is missing is shown as nothing.
 */
#ifndef MS_CORE_CLI_RENDER_H
#define MS_CORE_CLI_RENDER_H

#include "core/cli/cli.h"
#include "core/cli/table.h"

void ms_cli_render_status(const struct ms_cli_style *style, const json_t *reply);
void ms_cli_render_stats(const struct ms_cli_style *style, const json_t *reply);
void ms_cli_render_version(const struct ms_cli_style *style, const json_t *reply);
void ms_cli_render_panic(const struct ms_cli_style *style, const json_t *reply);

void ms_cli_render_iface_list(const struct ms_cli_style *style, const json_t *reply);
void ms_cli_render_iface_show(const struct ms_cli_style *style, const json_t *reply);
void ms_cli_render_iface_explain(const struct ms_cli_style *style, const json_t *reply);
void ms_cli_render_group_list(const struct ms_cli_style *style, const json_t *reply);
void ms_cli_render_group_show(const struct ms_cli_style *style, const json_t *reply);
void ms_cli_render_group_mode(const struct ms_cli_style *style, const json_t *reply);

void ms_cli_render_policy_check(const struct ms_cli_style *style, const json_t *reply);
void ms_cli_render_policy_diff(const struct ms_cli_style *style, const json_t *reply);
void ms_cli_render_reload(const struct ms_cli_style *style, const json_t *reply);
void ms_cli_render_policy_apply(const struct ms_cli_style *style, const json_t *reply);
/* The engine of each family, on one line. */
void ms_cli_render_engines(const struct ms_cli_style *style, const json_t *engines);
void ms_cli_render_warnings(const struct ms_cli_style *style, const json_t *warnings);
/* " 2 live sessions end now.", or nothing. */
void ms_cli_render_ends(const struct ms_cli_style *style, const json_t *reply, bool is_done);

void ms_cli_render_rule_list(const struct ms_cli_style *style, const json_t *reply);
void ms_cli_render_rule_show(const struct ms_cli_style *style, const json_t *reply);
void ms_cli_render_rule_add(const struct ms_cli_style *style, const json_t *reply);
void ms_cli_render_rule_del(const struct ms_cli_style *style, const json_t *reply);
void ms_cli_render_rule_import(const struct ms_cli_style *style, const json_t *reply);

void ms_cli_render_set_list(const struct ms_cli_style *style, const json_t *reply);
void ms_cli_render_set_show(const struct ms_cli_style *style, const json_t *reply);
void ms_cli_render_set_add(const struct ms_cli_style *style, const json_t *reply);
void ms_cli_render_set_del(const struct ms_cli_style *style, const json_t *reply);

void ms_cli_render_session_list(const struct ms_cli_style *style, const json_t *reply);
void ms_cli_render_session_top(const struct ms_cli_style *style, const json_t *reply);
void ms_cli_render_session_flush(const struct ms_cli_style *style, const json_t *reply);
/* The parts of a long list: title and widths come with the first. */
struct ms_cli_table *ms_cli_render_session_table(void);
void ms_cli_render_session_rows(struct ms_cli_table *table, const struct ms_cli_style *style,
				const json_t *reply);

void ms_cli_render_plugin_list(const struct ms_cli_style *style, const json_t *reply);
void ms_cli_render_plugin_show(const struct ms_cli_style *style, const json_t *reply);
void ms_cli_render_plugin_unload(const struct ms_cli_style *style, const json_t *reply);
/* Its statistics, a line each; also those of a source. */
void ms_cli_render_plugin_stats(const struct ms_cli_style *style, const json_t *stats);
void ms_cli_render_source_list(const struct ms_cli_style *style, const json_t *reply);
void ms_cli_render_source_show(const struct ms_cli_style *style, const json_t *reply);
void ms_cli_render_plugin_probe(const struct ms_cli_style *style, const json_t *reply);

/* Events, a line each. `ring_lost` carries what was said about losses from call to call. */
void ms_cli_render_observe(const struct ms_cli_style *style, const json_t *reply,
			   json_int_t *ring_lost);
void ms_cli_render_trace(const struct ms_cli_style *style, const json_t *reply);

#endif
