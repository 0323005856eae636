/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every option microsegctl has, said once: which commands take which is a mask in the command
 * table (core/cli/command). Values are checked here, so that a wrong one is a usage error and the
 * daemon need not be asked.
 */
#ifndef MS_CORE_CLI_OPTIONS_H
#define MS_CORE_CLI_OPTIONS_H

#include <argp.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

enum {
	MS_CLI_TAKES_MATCH = 1 << 0,
	MS_CLI_TAKES_GROUP = 1 << 1,
	MS_CLI_TAKES_HOOK = 1 << 2, /* --iface and --dir of trace */
	MS_CLI_TAKES_RULE = 1 << 3, /* --id --priority --log --comment */
	MS_CLI_TAKES_FOR = 1 << 4,
	MS_CLI_TAKES_DRY_RUN = 1 << 5,
	MS_CLI_TAKES_ALL = 1 << 6,
	MS_CLI_TAKES_REPLACE = 1 << 7,
	MS_CLI_TAKES_OBSERVE = 1 << 8, /* -f --last --since --verdict --reason */
	MS_CLI_TAKES_BY = 1 << 9,
	MS_CLI_TAKES_SORT = 1 << 10,
	MS_CLI_TAKES_LIMIT = 1 << 11,
	MS_CLI_TAKES_SOURCE = 1 << 12,
	MS_CLI_TAKES_CHECK = 1 << 13,
	MS_CLI_TAKES_STRICT = 1 << 14,
	MS_CLI_TAKES_STATE = 1 << 15,
	MS_CLI_TAKES_YAML = 1 << 16, /* -o may be yaml, and is by default */
	MS_CLI_TAKES_INTERVAL = 1 << 17,
	MS_CLI_TAKES_BPFFS = 1 << 18,
	MS_CLI_TAKES_PLUGIN_DIR = 1 << 19,
	MS_CLI_TAKES_CONFIG = 1 << 20,
};

enum ms_cli_output { MS_CLI_TABLE, MS_CLI_JSON, MS_CLI_YAML };
enum ms_cli_color { MS_CLI_COLOR_AUTO, MS_CLI_COLOR_ALWAYS, MS_CLI_COLOR_NEVER };

#define MS_CLI_ARGS_MAX 4096 /* documents, set members */

/* Texts are argv's. */
struct ms_cli_options {
	const char *socket;
	enum ms_cli_output output;
	bool output_is_set;
	enum ms_cli_color color;
	bool numeric, help, version;

	json_t *match; /* MATCH words: {"proto": ["tcp"], ...} */
	json_t *rule;  /* id, priority, log, comment */
	bool dry_run, all, replace, follow, check, strict;
	uint64_t for_ms;  /* 0 = not given */
	int64_t since_ms; /* -1 = not given */
	int64_t last;     /* -1 = not given */
	int64_t limit;    /* 0 = not given */
	uint64_t interval_ms;
	const char *verdict, *reason, *by, *sort, *source, *state, *bpffs, *plugin_dir, *config;

	const char **args; /* MS_CLI_ARGS_MAX long */
	size_t n_args;

	/* While parsing. */
	unsigned int takes;
	bool stop_at_args; /* the words before the command: leave everything behind alone */
	int args_at;
	const char *object; /* help of its commands was asked for, NULL = of all */
	struct ms_error error;
};

int ms_cli_options_init(struct ms_cli_options *options);
void ms_cli_options_fini(struct ms_cli_options *options);

/* `words[0]` is skipped. -EINVAL with options->error. */
int ms_cli_options_parse(struct ms_cli_options *options, unsigned int takes, int n_words,
			 char **words);
/* The help page of a command: usage line, `doc` (argp's two parts), options. */
int ms_cli_options_help(unsigned int takes, const char *name, const char *args, const char *doc,
			FILE *out);

#endif
