/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one table of microsegctl's commands: parsing, help, bash completion, and the tests of the
 * examples all come from it.
 */
#ifndef MS_CORE_CLI_COMMAND_H
#define MS_CORE_CLI_COMMAND_H

#include <stdio.h>

#include "core/cli/cli.h"

struct ms_cli_command {
	const char *object, *verb; /* verb NULL = the object alone is the command */
	const char *args;          /* as the usage line shows them */
	const char *doc;           /* a line */
	const char *examples;      /* one a line, without the program's name; tested */
	unsigned int takes;
	size_t min_args, max_args;
	/* What argp cannot know about the words; usage errors go to options->error. May be NULL.
	 */
	int (*check)(struct ms_cli_options *options);
	int (*run)(const struct ms_cli *cli);
	/* What completes its first word: "iface", "group", "rule", "set", "plugin", "source",
	 * "file", words, or NULL.
	 */
	const char *completes;
};

/* By index, NULL behind the last. */
const struct ms_cli_command *ms_cli_command_at(size_t index);

/* The command that `words` (words[-1] is the program's name) ask for, its options parsed and
 * checked. -EINVAL with options->error; -ENOENT if only help or a version was asked for, with
 * *ret_command set when it was of a command. */
int ms_cli_command_parse(int n_words, char **words, struct ms_cli_options *options,
			 const struct ms_cli_command **ret_command);

/* `object`: of its commands alone; NULL = of all. */
void ms_cli_command_overview(FILE *out, const char *object);
void ms_cli_command_help(const struct ms_cli_command *command, FILE *out);
/* The bash completion script. */
void ms_cli_command_completion(FILE *out);

/* The objects' commands, cmd_*.c */
int ms_cli_cmd_status(const struct ms_cli *cli);
int ms_cli_cmd_stats(const struct ms_cli *cli);
int ms_cli_cmd_version(const struct ms_cli *cli);
int ms_cli_cmd_cleanup(const struct ms_cli *cli);
int ms_cli_cmd_panic(const struct ms_cli *cli);
int ms_cli_cmd_panic_check(struct ms_cli_options *options);
int ms_cli_cmd_completion(const struct ms_cli *cli);
int ms_cli_cmd_iface_list(const struct ms_cli *cli);
int ms_cli_cmd_iface_show(const struct ms_cli *cli);
int ms_cli_cmd_iface_explain(const struct ms_cli *cli);
int ms_cli_cmd_group_list(const struct ms_cli *cli);
int ms_cli_cmd_group_show(const struct ms_cli *cli);
int ms_cli_cmd_group_mode(const struct ms_cli *cli);
int ms_cli_cmd_group_mode_check(struct ms_cli_options *options);
int ms_cli_cmd_policy_check(const struct ms_cli *cli);
int ms_cli_cmd_policy_diff(const struct ms_cli *cli);
int ms_cli_cmd_reload(const struct ms_cli *cli);
int ms_cli_cmd_policy_apply(const struct ms_cli *cli);
int ms_cli_cmd_policy_show(const struct ms_cli *cli);
int ms_cli_cmd_rule_list(const struct ms_cli *cli);
int ms_cli_cmd_rule_show(const struct ms_cli *cli);
int ms_cli_cmd_rule_add(const struct ms_cli *cli);
int ms_cli_cmd_rule_add_check(struct ms_cli_options *options);
int ms_cli_cmd_rule_del(const struct ms_cli *cli);
int ms_cli_cmd_rule_import(const struct ms_cli *cli);
int ms_cli_cmd_set_list(const struct ms_cli *cli);
int ms_cli_cmd_set_show(const struct ms_cli *cli);
int ms_cli_cmd_set_add(const struct ms_cli *cli);
int ms_cli_cmd_set_del(const struct ms_cli *cli);
int ms_cli_cmd_session_list(const struct ms_cli *cli);
int ms_cli_cmd_session_watch(const struct ms_cli *cli);
int ms_cli_cmd_session_top(const struct ms_cli *cli);
int ms_cli_cmd_session_flush(const struct ms_cli *cli);
int ms_cli_cmd_session_flush_check(struct ms_cli_options *options);
int ms_cli_cmd_plugin_list(const struct ms_cli *cli);
int ms_cli_cmd_plugin_show(const struct ms_cli *cli);
int ms_cli_cmd_plugin_load(const struct ms_cli *cli);
int ms_cli_cmd_plugin_reload(const struct ms_cli *cli);
int ms_cli_cmd_plugin_unload(const struct ms_cli *cli);
int ms_cli_cmd_plugin_probe(const struct ms_cli *cli);
int ms_cli_cmd_source_list(const struct ms_cli *cli);
int ms_cli_cmd_source_show(const struct ms_cli *cli);
int ms_cli_cmd_observe(const struct ms_cli *cli);
int ms_cli_cmd_trace(const struct ms_cli *cli);
int ms_cli_cmd_trace_check(struct ms_cli_options *options);

#endif
