/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every option there is, which commands take it, and what help says of it. */
#ifndef MS_CORE_CLI_OPTIONS_TABLE_H
#define MS_CORE_CLI_OPTIONS_TABLE_H

#include <argp.h>
#include <stddef.h>

/* Keys beyond the characters: options without a short form. */
enum ms_cli_option_key {
	KEY_SOCKET = 0x100,
	KEY_COLOR,
	KEY_GROUP,
	KEY_IFACE,
	KEY_DIR,
	KEY_FROM,
	KEY_TO,
	KEY_PROTO,
	KEY_SPORT,
	KEY_DPORT,
	KEY_ICMP,
	KEY_VLAN,
	KEY_DSCP,
	KEY_RULE,
	KEY_ID,
	KEY_PRIORITY,
	KEY_LOG,
	KEY_COMMENT,
	KEY_FOR,
	KEY_DRY_RUN,
	KEY_ALL,
	KEY_REPLACE,
	KEY_LAST,
	KEY_SINCE,
	KEY_VERDICT,
	KEY_REASON,
	KEY_BY,
	KEY_SORT,
	KEY_LIMIT,
	KEY_SOURCE,
	KEY_CHECK,
	KEY_STRICT,
	KEY_STATE,
	KEY_INTERVAL,
	KEY_BPFFS,
	KEY_PLUGIN_DIR,
	KEY_CONFIG,
};

/* The options of a command that takes these (MS_CLI_TAKES_*), ending as argp wants it. To be freed;
 * NULL = out of memory. */
struct argp_option *ms_cli_options_table(unsigned int takes);

/* One of them by the `length` first bytes of `name`, or by its letter if that is not 0. NULL = such
 * a command has none. */
const struct argp_option *ms_cli_options_table_find(unsigned int takes, const char *name,
						    size_t length, int letter);

#endif
