/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/cli/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/cli/options_table.h"

#define ANY_NUMBER SIZE_MAX

static const struct ms_cli_command commands[] = {
	{ "status", NULL, "", "what is protected, and is all as desired?",
	  "status\nstatus --check\nstatus -o json", MS_CLI_TAKES_CHECK, 0, 0, NULL,
	  ms_cli_cmd_status, NULL },
	{ "stats", NULL, "", "packets by verdict and reason", "stats\nstats --numeric", 0, 0, 0,
	  NULL, ms_cli_cmd_stats, NULL },
	{ "version", NULL, "", "versions of this program, the daemon and the kernel", "version", 0,
	  0, 0, NULL, ms_cli_cmd_version, NULL },
	{ "cleanup", NULL, "", "remove every trace of a stopped daemon",
	  "cleanup\ncleanup --dry-run\ncleanup --bpffs /sys/fs/bpf/microseg",
	  MS_CLI_TAKES_DRY_RUN | MS_CLI_TAKES_BPFFS, 0, 0, NULL, ms_cli_cmd_cleanup, NULL },
	{ "reload", NULL, "", "read the policy directory and microseg.yaml's plugins again",
	  "reload\nreload --dry-run", MS_CLI_TAKES_DRY_RUN, 0, 0, NULL, ms_cli_cmd_reload, NULL },
	{ "panic", NULL, "open|closed|off", "let everything or nothing pass until told otherwise",
	  "panic open\npanic closed --group containers\npanic off",
	  MS_CLI_TAKES_GROUP | MS_CLI_TAKES_DRY_RUN, 1, 1, ms_cli_cmd_panic_check, ms_cli_cmd_panic,
	  "open closed off" },

	{ "iface", "list", "", "interfaces, protected or not, and why",
	  "iface list\niface list --state failed\niface list -o json", MS_CLI_TAKES_STATE, 0, 0,
	  NULL, ms_cli_cmd_iface_list, NULL },
	{ "iface", "show", "IF", "one interface, with its hooks as the kernel has them",
	  "iface show eth0", 0, 1, 1, NULL, ms_cli_cmd_iface_show, "iface" },
	{ "iface", "explain", "IF", "which selector took it, or why none did", "iface explain eth0",
	  0, 1, 1, NULL, ms_cli_cmd_iface_explain, "iface" },

	{ "group", "list", "", "groups with mode and defaults", "group list", 0, 0, 0, NULL,
	  ms_cli_cmd_group_list, NULL },
	{ "group", "show", "G", "one group and its interfaces", "group show containers", 0, 1, 1,
	  NULL, ms_cli_cmd_group_show, "group" },
	{ "group", "mode", "G disabled|audit|enforce|policy",
	  "override a group's mode; `policy` ends that",
	  "group mode containers audit\ngroup mode containers policy --dry-run",
	  MS_CLI_TAKES_DRY_RUN, 2, 2, ms_cli_cmd_group_mode_check, ms_cli_cmd_group_mode, "group" },

	{ "policy", "check", "[PATH...]", "read a policy and say what is wrong; needs no daemon",
	  "policy check\npolicy check /etc/microseg/policy.d\npolicy check --strict a.yaml b.yaml",
	  MS_CLI_TAKES_STRICT | MS_CLI_TAKES_PLUGIN_DIR | MS_CLI_TAKES_CONFIG, 0, ANY_NUMBER, NULL,
	  ms_cli_cmd_policy_check, "file" },
	{ "policy", "diff", "[PATH...]", "what would change, and how many live sessions would end",
	  "policy diff\npolicy diff new.yaml", 0, 0, ANY_NUMBER, NULL, ms_cli_cmd_policy_diff,
	  "file" },
	{ "policy", "apply", "[PATH...]",
	  "put these documents in force, or the policy directory again",
	  "policy apply\npolicy apply new.yaml --dry-run\npolicy apply policy.d",
	  MS_CLI_TAKES_DRY_RUN, 0, ANY_NUMBER, NULL, ms_cli_cmd_policy_apply, "file" },
	{ "policy", "show", "", "the policy in force, ready to be put into a file",
	  "policy show\npolicy show --source runtime -o yaml\npolicy show -o json",
	  MS_CLI_TAKES_SOURCE | MS_CLI_TAKES_YAML, 0, 0, NULL, ms_cli_cmd_policy_show, NULL },

	{ "rule", "list", "", "rules in the order they are asked, with what they did",
	  "rule list\nrule list --source runtime", MS_CLI_TAKES_SOURCE, 0, 0, NULL,
	  ms_cli_cmd_rule_list, NULL },
	{ "rule", "show", "ID", "one rule, all of it", "rule show runtime/1", 0, 1, 1, NULL,
	  ms_cli_cmd_rule_show, "rule" },
	{ "rule", "add", "[MATCH] allow|deny|log", "put a rule in force now, over restarts too",
	  "rule add --to 127.0.0.1 --dport 8000 --proto tcp deny --for 5m\n"
	  "rule add --group containers --dir in --proto tcp --dport 80,443 allow --id web\n"
	  "rule add --from 192.0.2.0/24 --proto icmp --icmp echo-request deny --dry-run\n"
	  "rule add --to 2001:db8::9 deny --log --priority 10 --comment 'ticket 4711'",
	  MS_CLI_TAKES_MATCH | MS_CLI_TAKES_RULE | MS_CLI_TAKES_FOR | MS_CLI_TAKES_DRY_RUN, 1, 1,
	  ms_cli_cmd_rule_add_check, ms_cli_cmd_rule_add, "allow deny log" },
	{ "rule", "del", "ID", "remove a rule that was added by hand",
	  "rule del runtime/1\nrule del web --dry-run", MS_CLI_TAKES_DRY_RUN, 1, 1, NULL,
	  ms_cli_cmd_rule_del, "rule" },
	{ "rule", "import", "FILE", "add a document's rules by hand, all in one generation",
	  "rule import rules.yaml\nrule import rules.json --replace --dry-run",
	  MS_CLI_TAKES_REPLACE | MS_CLI_TAKES_DRY_RUN, 1, 1, NULL, ms_cli_cmd_rule_import, "file" },

	{ "set", "list", "", "address sets", "set list", 0, 0, 0, NULL, ms_cli_cmd_set_list, NULL },
	{ "set", "show", "NAME", "members of a set", "set show office", 0, 1, 1, NULL,
	  ms_cli_cmd_set_show, "set" },
	{ "set", "add", "NAME ADDR...", "add members, in force at once",
	  "set add blocked 192.0.2.7 2001:db8::/64 --for 1h\nset add blocked 192.0.2.8 --dry-run",
	  MS_CLI_TAKES_FOR | MS_CLI_TAKES_DRY_RUN, 2, ANY_NUMBER, NULL, ms_cli_cmd_set_add, "set" },
	{ "set", "del", "NAME ADDR...", "remove members that were added by hand",
	  "set del blocked 192.0.2.7", MS_CLI_TAKES_DRY_RUN, 2, ANY_NUMBER, NULL,
	  ms_cli_cmd_set_del, "set" },

	{ "session", "list", "", "live sessions that match",
	  "session list\nsession list --proto tcp --dport 443 --sort bytes --limit 20\n"
	  "session list --iface eth0 --rule 'web*' -o json",
	  MS_CLI_TAKES_MATCH | MS_CLI_TAKES_SORT | MS_CLI_TAKES_LIMIT, 0, 0, NULL,
	  ms_cli_cmd_session_list, NULL },
	{ "session", "watch", "", "live view; q ends it, s changes the order",
	  "session watch\nsession watch --group containers --sort bytes --interval 500ms",
	  MS_CLI_TAKES_MATCH | MS_CLI_TAKES_SORT | MS_CLI_TAKES_LIMIT | MS_CLI_TAKES_INTERVAL, 0, 0,
	  NULL, ms_cli_cmd_session_watch, NULL },
	{ "session", "top", "", "live view of the sums; once when not on a terminal",
	  "session top\nsession top --by rule --proto tcp\nsession top --by iface -o json",
	  MS_CLI_TAKES_MATCH | MS_CLI_TAKES_BY | MS_CLI_TAKES_LIMIT | MS_CLI_TAKES_INTERVAL, 0, 0,
	  NULL, ms_cli_cmd_session_top, NULL },
	{ "session", "flush", "MATCH | --all", "forget sessions: the next packet is judged anew",
	  "session flush --to 10.0.0.9\nsession flush --all --dry-run",
	  MS_CLI_TAKES_MATCH | MS_CLI_TAKES_ALL | MS_CLI_TAKES_DRY_RUN, 0, 0,
	  ms_cli_cmd_session_flush_check, ms_cli_cmd_session_flush, NULL },

	{ "plugin", "list", "", "plugins the daemon has loaded, or failed to, and why",
	  "plugin list\nplugin list -o json", 0, 0, 0, NULL, ms_cli_cmd_plugin_list, NULL },
	{ "plugin", "show", "NAME", "one of them: its configuration, actions and arguments",
	  "plugin show ratelimit", 0, 1, 1, NULL, ms_cli_cmd_plugin_show, "plugin" },
	{ "plugin", "load", "NAME", "load a plugin now, as microseg.yaml configures it",
	  "plugin load ratelimit", 0, 1, 1, NULL, ms_cli_cmd_plugin_load, "plugin" },
	{ "plugin", "reload", "NAME",
	  "load its actions' programs anew; begin a source or sink anew", "plugin reload ratelimit",
	  0, 1, 1, NULL, ms_cli_cmd_plugin_reload, "plugin" },
	{ "plugin", "unload", "NAME", "end a plugin that no rule uses", "plugin unload ratelimit",
	  0, 1, 1, NULL, ms_cli_cmd_plugin_unload, "plugin" },
	{ "plugin", "probe", "NAME", "try a plugin, say what it is and takes; needs no daemon",
	  "plugin probe ratelimit\nplugin probe ratelimit --plugin-dir /root/plugins -o json\n"
	  "plugin probe feed --config ./microseg.yaml",
	  MS_CLI_TAKES_PLUGIN_DIR | MS_CLI_TAKES_CONFIG, 1, 1, NULL, ms_cli_cmd_plugin_probe,
	  NULL },

	{ "source", "list", "", "plugins that policy comes from, how old it is, and their trouble",
	  "source list\nsource list -o json", 0, 0, 0, NULL, ms_cli_cmd_source_list, NULL },
	{ "source", "show", "NAME", "one of them: what it offers and how its process fares",
	  "source show feed", 0, 1, 1, NULL, ms_cli_cmd_source_show, "source" },

	{ "observe", NULL, "", "what was decided, and what is being decided",
	  "observe --last 20 --verdict deny\nobserve -f --iface eth0\n"
	  "observe --since 5m --reason default --proto tcp -o json",
	  MS_CLI_TAKES_MATCH | MS_CLI_TAKES_OBSERVE, 0, 0, NULL, ms_cli_cmd_observe, NULL },
	{ "trace", NULL, "'WORDS' --iface IF --dir in|out",
	  "what the datapath would do with a packet that nobody sends",
	  "trace 'tcp 10.0.0.5:41234 > 10.0.0.9:5432 syn' --iface eth0 --dir in\n"
	  "trace 'icmp echo-request 10.0.0.5 > 10.0.0.9' --iface eth0 --dir in",
	  MS_CLI_TAKES_HOOK, 1, 1, ms_cli_cmd_trace_check, ms_cli_cmd_trace, NULL },

	{ "completion", NULL, "", "the bash completion script on standard output", "completion", 0,
	  0, 0, NULL, ms_cli_cmd_completion, NULL },
};

const struct ms_cli_command *ms_cli_command_at(size_t index)
{
	return index < ms_array_size(commands) ? &commands[index] : NULL;
}

/* ---- parsing ---- */

/* `*ret_used` = words that named it. */
static const struct ms_cli_command *find(int n_words, char **words, int *ret_used,
					 bool *ret_object_known)
{
	*ret_object_known = false;
	for (size_t i = 0; i < ms_array_size(commands); i++) {
		const struct ms_cli_command *command = &commands[i];

		if (strcmp(words[0], command->object) != 0)
			continue;
		*ret_object_known = true;
		if (command->verb && (n_words < 2 || strcmp(words[1], command->verb) != 0))
			continue;
		*ret_used = command->verb ? 2 : 1;
		return command;
	}
	return NULL;
}

static int no_such(struct ms_cli_options *options, int n_words, char **words, bool object_known)
{
	if (!object_known)
		return ms_error_set_at(&options->error, -EINVAL, NULL, 0, 0, words[0],
				       "no command '%s'", words[0]);
	if (n_words < 2)
		return ms_error_set(&options->error, -EINVAL,
				    "%s what? See 'microsegctl %s --help'", words[0], words[0]);
	return ms_error_set_at(&options->error, -EINVAL, NULL, 0, 0, words[1], "no command '%s %s'",
			       words[0], words[1]);
}

static int check_words(const struct ms_cli_command *command, struct ms_cli_options *options)
{
	const char *verb = command->verb ? command->verb : "";
	const char *gap = command->verb ? " " : "";

	if (options->output == MS_CLI_YAML && !(command->takes & MS_CLI_TAKES_YAML))
		return ms_error_set_at(&options->error, -EINVAL, NULL, 0, 0, "yaml",
				       "-o: 'yaml' is none of table, json");
	if (options->output == MS_CLI_TABLE && (command->takes & MS_CLI_TAKES_YAML))
		options->output = MS_CLI_YAML;
	if (options->n_args < command->min_args)
		return ms_error_set(&options->error, -EINVAL, "%s%s%s needs %s", command->object,
				    gap, verb, command->args);
	if (options->n_args > command->max_args)
		return ms_error_set_at(
			&options->error, -EINVAL, NULL, 0, 0, options->args[command->max_args],
			"'%s' is one word too many for %s%s%s", options->args[command->max_args],
			command->object, gap, verb);
	return command->check ? command->check(options) : 0;
}

int ms_cli_command_parse(int n_words, char **words, struct ms_cli_options *options,
			 const struct ms_cli_command **ret_command)
{
	const struct ms_cli_command *command;
	bool object_known;
	int r, used = 0;

	*ret_command = NULL;
	/* argp skips the first word, which is the program's name for it. */
	options->stop_at_args = true;
	r = ms_cli_options_parse(options, 0, n_words + 1, words - 1);
	options->stop_at_args = false;
	if (r < 0)
		return r;
	if (options->version)
		return -ENOENT;
	words += options->args_at - 1;
	n_words -= options->args_at - 1;
	if (n_words <= 0)
		return options->help
			       ? -ENOENT
			       : ms_error_set(&options->error, -EINVAL, "a command is missing");
	command = find(n_words, words, &used, &object_known);
	if (!command && object_known)
		options->object = words[0];
	if (!command &&
	    (strcmp(words[n_words - 1], "--help") == 0 || strcmp(words[n_words - 1], "-h") == 0))
		return -ENOENT;
	if (!command)
		return options->help ? -ENOENT : no_such(options, n_words, words, object_known);
	*ret_command = command;
	r = ms_cli_options_parse(options, command->takes, n_words - used + 1, words + used - 1);
	if (r < 0)
		return r;
	return options->help || options->version ? -ENOENT : check_words(command, options);
}

/* ---- help ---- */

static void full_name(const struct ms_cli_command *command, char *buf, size_t size)
{
	snprintf(buf, size, "microsegctl %s%s%s", command->object, command->verb ? " " : "",
		 command->verb ? command->verb : "");
}

void ms_cli_command_overview(FILE *out, const char *object)
{
	bool has_match = false;

	fprintf(out,
		"Usage: microsegctl [-o table|json] [--socket PATH] [--color WHEN] [--numeric] "
		"%s%sCOMMAND\n\n",
		object ? object : "", object ? " " : "");
	for (size_t i = 0; i < ms_array_size(commands); i++) {
		char name[64];
		const struct ms_cli_command *command = &commands[i];

		if (object && strcmp(command->object, object) != 0)
			continue;
		has_match |= strstr(command->args, "MATCH") != NULL;
		snprintf(name, sizeof(name), "%s %s%s%s", command->object,
			 command->verb ? command->verb : "", command->verb ? " " : "",
			 command->args);
		if (!object && i && (command->verb || commands[i - 1].verb) &&
		    strcmp(command->object, commands[i - 1].object) != 0)
			fputc('\n', out);
		fprintf(out, "  %-43s %s\n", name, command->doc);
	}
	fputc('\n', out);
	if (has_match)
		fputs("MATCH: --group --iface --dir --from --to --proto --sport --dport --icmp "
		      "--vlan --dscp --rule\n",
		      out);
	fputs("Exit: 0 ok, 1 failed or refused, 2 usage, 3 daemon unreachable, 4 not as asked for\n"
	      "'microsegctl COMMAND --help' has a command's options and examples; see also "
	      "microsegctl(8).\n",
	      out);
}

void ms_cli_command_help(const struct ms_cli_command *command, FILE *out)
{
	ms_cleanup(ms_free) char *doc = NULL;
	ms_cleanup(ms_free) char *examples = strdup(command->examples);
	ms_cleanup(ms_close_file) FILE *text = NULL;
	char name[64], *rest = examples, *line;
	size_t length;

	text = open_memstream(&doc, &length);
	if (!text || !examples)
		return;
	fprintf(text, "%s\vExamples:\n", command->doc);
	while ((line = strsep(&rest, "\n")))
		fprintf(text, "  microsegctl %s\n", line);
	fflush(text);
	full_name(command, name, sizeof(name));
	ms_cli_options_help(command->takes, name, command->args, doc, out);
}

/* ---- completion ---- */

static void write_options(const struct ms_cli_command *command, FILE *out)
{
	ms_cleanup(ms_free) struct argp_option *table = ms_cli_options_table(command->takes);

	for (size_t i = 0; table && table[i].name; i++) {
		if (!(table[i].flags & OPTION_HIDDEN))
			fprintf(out, "%s--%s", i ? " " : "", table[i].name);
	}
}

static void write_case(const struct ms_cli_command *command, FILE *out)
{
	fprintf(out, "\t\"%s%s%s\")\n\t\toptions=\"", command->object, command->verb ? " " : "",
		command->verb ? command->verb : "");
	write_options(command, out);
	fprintf(out, "\"\n\t\tkind=\"%s\"\n\t\t;;\n", command->completes ? command->completes : "");
}

static void write_words(FILE *out)
{
	const char *object = "";

	fputs("\tcase \"${words[1]-}\" in\n", out);
	for (size_t i = 0; i < ms_array_size(commands); i++) {
		if (!commands[i].verb)
			continue;
		if (strcmp(object, commands[i].object) != 0) {
			fprintf(out, "%s\t%s) verbs=\"%s", *object ? "\" ;;\n" : "",
				commands[i].object, commands[i].verb);
			object = commands[i].object;
		} else {
			fprintf(out, " %s", commands[i].verb);
		}
	}
	fputs("\" ;;\n\tesac\n", out);
}

static void write_objects(FILE *out)
{
	const char *object = "";

	fputs("\tlocal objects=\"", out);
	for (size_t i = 0; i < ms_array_size(commands); i++) {
		if (strcmp(object, commands[i].object) != 0)
			fprintf(out, "%s%s", *object ? " " : "", commands[i].object);
		object = commands[i].object;
	}
	fputs("\"\n", out);
}

void ms_cli_command_completion(FILE *out)
{
	fputs("# bash completion for microsegctl, written by 'microsegctl completion'\n"
	      "# SPDX-License-Identifier: GPL-2.0-or-later\n"
	      "_microsegctl_names() {\n"
	      "\t# Names out of an answer; silent when the daemon is not there.\n"
	      "\tmicrosegctl -o json \"$1\" list 2>/dev/null | tr '{,' '\\n\\n' |\n"
	      "\t\tsed -n \"s/^\\\"$2\\\":\\\"\\([^\\\"]*\\)\\\".*/\\1/p\"\n"
	      "}\n"
	      "_microsegctl() {\n"
	      "\tlocal current=\"${COMP_WORDS[COMP_CWORD]}\" verbs=\"\" options=\"\" kind=\"\"\n"
	      "\tlocal words=(\"${COMP_WORDS[@]}\") wanted=\"\"\n",
	      out);
	write_objects(out);
	write_words(out);
	fputs("\tcase \"${words[1]-}${verbs:+ ${words[2]-}}\" in\n", out);
	for (size_t i = 0; i < ms_array_size(commands); i++)
		write_case(&commands[i], out);
	fputs("\tesac\n"
	      "\tif ((COMP_CWORD == 1)); then\n"
	      "\t\twanted=$objects\n"
	      "\telif [[ -n $verbs ]] && ((COMP_CWORD == 2)); then\n"
	      "\t\twanted=$verbs\n"
	      "\telif [[ $current == -* ]]; then\n"
	      "\t\twanted=$options\n"
	      "\telse\n"
	      "\t\tcase $kind in\n"
	      "\t\tfile) mapfile -t COMPREPLY < <(compgen -f -- \"$current\"); return ;;\n"
	      "\t\tiface | group | set | plugin | source) wanted=$(_microsegctl_names \"$kind\" name) ;;\n"
	      "\t\trule) wanted=$(_microsegctl_names rule id) ;;\n"
	      "\t\t*) wanted=$kind ;;\n"
	      "\t\tesac\n"
	      "\tfi\n"
	      "\tmapfile -t COMPREPLY < <(compgen -W \"$wanted\" -- \"$current\")\n"
	      "}\n"
	      "complete -F _microsegctl microsegctl\n",
	      out);
}
