/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/cli/options_table.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/cli/options.h"

#define EVERYBODY 0
#define SECTION_GLOBAL -1

static const struct {
	unsigned int takes; /* any of these, or EVERYBODY */
	struct argp_option option;
} all_options[] = {
	{ MS_CLI_TAKES_MATCH | MS_CLI_TAKES_GROUP,
	  { "group", KEY_GROUP, "GROUP", 0, "interfaces of this group", 1 } },
	{ MS_CLI_TAKES_MATCH | MS_CLI_TAKES_HOOK,
	  { "iface", KEY_IFACE, "NAME", 0, "this interface", 1 } },
	{ MS_CLI_TAKES_MATCH | MS_CLI_TAKES_HOOK,
	  { "dir", KEY_DIR, "in|out", 0, "towards the protected endpoint, or from it", 1 } },
	{ MS_CLI_TAKES_MATCH,
	  { "from", KEY_FROM, "ADDR", 0, "source: address, prefix or set:NAME", 1 } },
	{ MS_CLI_TAKES_MATCH,
	  { "to", KEY_TO, "ADDR", 0, "destination: address, prefix or set:NAME", 1 } },
	{ MS_CLI_TAKES_MATCH,
	  { "proto", KEY_PROTO, "PROTO", 0, "tcp, udp, sctp, icmp, icmpv6, 0-255", 1 } },
	{ MS_CLI_TAKES_MATCH,
	  { "sport", KEY_SPORT, "PORT", 0, "source port or range, e.g. 80 or 8000-8100", 1 } },
	{ MS_CLI_TAKES_MATCH, { "dport", KEY_DPORT, "PORT", 0, "destination port or range", 1 } },
	{ MS_CLI_TAKES_MATCH,
	  { "icmp", KEY_ICMP, "TYPE", 0, "ICMP type or type/code, by name or number", 1 } },
	{ MS_CLI_TAKES_MATCH, { "vlan", KEY_VLAN, "VID", 0, "outer VLAN tag, 0 = untagged", 1 } },
	{ MS_CLI_TAKES_MATCH, { "dscp", KEY_DSCP, "DSCP", 0, "0-63 or a name such as ef", 1 } },
	{ MS_CLI_TAKES_MATCH, { "rule", KEY_RULE, "ID", 0, "decided by this rule (a glob)", 1 } },
	{ MS_CLI_TAKES_RULE, { "id", KEY_ID, "ID", 0, "name of the rule, else runtime/N", 2 } },
	{ MS_CLI_TAKES_RULE,
	  { "priority", KEY_PRIORITY, "N", 0, "0-65535, lower is asked first (1000)", 2 } },
	{ MS_CLI_TAKES_RULE, { "log", KEY_LOG, NULL, 0, "an event for what it decides", 2 } },
	{ MS_CLI_TAKES_RULE, { "comment", KEY_COMMENT, "TEXT", 0, "shown back everywhere", 2 } },
	{ MS_CLI_TAKES_FOR, { "for", KEY_FOR, "TIME", 0, "ends by itself, e.g. 5m", 2 } },
	{ MS_CLI_TAKES_ALL, { "all", KEY_ALL, NULL, 0, "every one", 2 } },
	{ MS_CLI_TAKES_REPLACE,
	  { "replace", KEY_REPLACE, NULL, 0, "in place of all runtime rules", 2 } },
	{ MS_CLI_TAKES_OBSERVE, { "follow", 'f', NULL, 0, "go on with what happens", 2 } },
	{ MS_CLI_TAKES_OBSERVE, { "last", KEY_LAST, "N", 0, "the last N events (20)", 2 } },
	{ MS_CLI_TAKES_OBSERVE, { "since", KEY_SINCE, "TIME", 0, "of the last TIME, e.g. 5m", 2 } },
	{ MS_CLI_TAKES_OBSERVE,
	  { "verdict", KEY_VERDICT, "allow|deny|audit", 0, "only these", 2 } },
	{ MS_CLI_TAKES_OBSERVE, { "reason", KEY_REASON, "REASON", 0, "only this reason", 2 } },
	{ MS_CLI_TAKES_BY, { "by", KEY_BY, "from|to|iface|rule", 0, "sum by what (from)", 2 } },
	{ MS_CLI_TAKES_SORT,
	  { "sort", KEY_SORT, "idle|age|packets|bytes", 0, "which come first", 2 } },
	{ MS_CLI_TAKES_LIMIT, { "limit", KEY_LIMIT, "N", 0, "at most N lines", 2 } },
	{ MS_CLI_TAKES_INTERVAL,
	  { "interval", KEY_INTERVAL, "TIME", 0, "between two looks (1s)", 2 } },
	{ MS_CLI_TAKES_SOURCE,
	  { "source", KEY_SOURCE, "file|runtime|builtin", 0, "only what came from there", 2 } },
	{ MS_CLI_TAKES_STATE,
	  { "state", KEY_STATE, "STATE", 0, "protected, pending, failed or excluded", 2 } },
	{ MS_CLI_TAKES_CHECK,
	  { "check", KEY_CHECK, NULL, 0, "exit 4 if something is not as desired", 2 } },
	{ MS_CLI_TAKES_STRICT, { "strict", KEY_STRICT, NULL, 0, "exit 4 on warnings", 2 } },
	{ MS_CLI_TAKES_BPFFS, { "bpffs", KEY_BPFFS, "DIR", 0, "where the daemon's pins are", 2 } },
	{ MS_CLI_TAKES_PLUGIN_DIR,
	  { "plugin-dir", KEY_PLUGIN_DIR, "DIR", 0, "where plugins are, a path from the root",
	    2 } },
	{ MS_CLI_TAKES_CONFIG,
	  { "config", KEY_CONFIG, "FILE", 0,
	    "settings of plugins (default /etc/microseg/microseg.yaml)", 2 } },
	{ MS_CLI_TAKES_DRY_RUN,
	  { "dry-run", KEY_DRY_RUN, NULL, 0, "say what would happen, change nothing", 3 } },
	{ EVERYBODY, { "output", 'o', "table|json", 0, "for people, or for programs", 4 } },
	{ EVERYBODY, { "numeric", 'n', NULL, 0, "numbers instead of names and units", 4 } },
	{ EVERYBODY, { "color", KEY_COLOR, "auto|always|never", 0, "default: on a terminal", 4 } },
	{ EVERYBODY, { "socket", KEY_SOCKET, "PATH", 0, "the daemon's control socket", 4 } },
	{ EVERYBODY, { "help", 'h', NULL, 0, "this page", SECTION_GLOBAL } },
	{ EVERYBODY, { "version", 'V', NULL, 0, "version of this program", SECTION_GLOBAL } },
};

struct argp_option *ms_cli_options_table(unsigned int takes)
{
	struct argp_option *table = calloc(ms_array_size(all_options) + 1, sizeof(*table));
	size_t n = 0;

	for (size_t i = 0; table && i < ms_array_size(all_options); i++) {
		if (all_options[i].takes != EVERYBODY && !(all_options[i].takes & takes))
			continue;
		table[n] = all_options[i].option;
		/* `rule add` refuses these in words, and offers them to nobody. */
		if ((takes & MS_CLI_TAKES_RULE) &&
		    (table[n].key == KEY_IFACE || table[n].key == KEY_RULE))
			table[n].flags |= OPTION_HIDDEN;
		if (table[n].key == 'o' && (takes & MS_CLI_TAKES_YAML))
			table[n].arg = "yaml|json";
		n++;
	}
	return table;
}

const struct argp_option *ms_cli_options_table_find(unsigned int takes, const char *name,
						    size_t length, int letter)
{
	for (size_t i = 0; i < ms_array_size(all_options); i++) {
		const struct argp_option *option = &all_options[i].option;

		if (all_options[i].takes != EVERYBODY && !(all_options[i].takes & takes))
			continue;
		if (letter ? option->key == letter
			   : strncmp(option->name, name, length) == 0 && !option->name[length])
			return option;
	}
	return NULL;
}
