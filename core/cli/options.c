/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/cli/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/parse.h"
#include "core/cli/options_table.h"
#include "core/control/message.h"

#define NS_PER_MS 1000000ULL
#define INTERVAL_DEFAULT_MS 1000

int ms_cli_options_init(struct ms_cli_options *options)
{
	*options = (struct ms_cli_options) {
		.socket = MS_CONTROL_SOCKET,
		.since_ms = -1,
		.last = -1,
		.interval_ms = INTERVAL_DEFAULT_MS,
		.match = json_object(),
		.rule = json_object(),
		.args = calloc(MS_CLI_ARGS_MAX, sizeof(char *)),
	};
	if (options->match && options->rule && options->args)
		return 0;
	ms_cli_options_fini(options);
	return -ENOMEM;
}

void ms_cli_options_fini(struct ms_cli_options *options)
{
	json_decref(ms_take_ptr(options->match));
	json_decref(ms_take_ptr(options->rule));
	free(ms_take_ptr(options->args));
}

/* ---- values ---- */

static error_t complain(struct ms_cli_options *options, const char *word, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static error_t complain(struct ms_cli_options *options, const char *word, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	ms_error_set_at(&options->error, -EINVAL, NULL, 0, 0, word, "%s", text);
	return EINVAL;
}

static error_t take_uint(struct ms_cli_options *options, const char *name, const char *arg,
			 uint64_t min, uint64_t max, uint64_t *ret_value)
{
	if (ms_parse_uint(arg, min, max, ret_value))
		return 0;
	return complain(options, arg, "--%s: '%s' is not a number from %llu to %llu", name, arg,
			(unsigned long long)min, (unsigned long long)max);
}

static error_t take_ms(struct ms_cli_options *options, const char *name, const char *arg,
		       uint64_t min_ms, uint64_t *ret_ms)
{
	const char *unit = arg + strspn(arg, "0123456789");
	char one[8];
	uint64_t ns;

	if (!ms_parse_duration(arg, &ns)) {
		/* With a smaller number it would be one? */
		snprintf(one, sizeof(one), "1%s", unit);
		return complain(options, arg,
				unit != arg && *arg != '0' && ms_parse_duration(one, &ns)
					? "--%s: '%s' is too long a time"
					: "--%s: '%s' is not a time such as 30s, 5m or 24h",
				name, arg);
	}
	if (ns / NS_PER_MS < min_ms)
		return complain(options, arg, "--%s: '%s' is too short a time", name, arg);
	*ret_ms = ns / NS_PER_MS;
	return 0;
}

/* One of the words of `choices`, which end with NULL: its place. */
static error_t take_choice(struct ms_cli_options *options, const char *name, const char *arg,
			   const char *const *choices, int *ret_choice)
{
	char list[128] = "";

	for (int i = 0; choices[i]; i++) {
		if (strcmp(arg, choices[i]) == 0) {
			*ret_choice = i;
			return 0;
		}
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", i ? ", " : "",
			 choices[i]);
	}
	return complain(options, arg, "%s: '%s' is none of %s", name, arg, list);
}

/* Numbers go as numbers, so that the language's own rules about types hold for words too. */
static json_t *value_of(const char *text, size_t length, bool may_be_number)
{
	char word[32];
	uint64_t number;

	if (may_be_number && length < sizeof(word)) {
		memcpy(word, text, length);
		word[length] = '\0';
		if (ms_parse_uint(word, 0, UINT32_MAX, &number))
			return json_integer((json_int_t)number);
	}
	return json_stringn(text, length);
}

/* A repeated option and a comma both mean "or". */
static error_t add_words(struct ms_cli_options *options, const char *name, const char *arg,
			 bool may_be_number)
{
	json_t *list = json_object_get(options->match, name);
	const char *end;

	if (!list) {
		list = json_array();
		if (json_object_set_new(options->match, name, list) < 0)
			return ENOMEM;
	}
	for (;; arg = end + 1) {
		end = strchrnul(arg, ',');
		if (end == arg)
			return complain(options, arg, "--%s: a word is missing", name);
		if (json_array_append_new(list, value_of(arg, (size_t)(end - arg), may_be_number)) <
		    0)
			return complain(options, arg, "--%s: not UTF-8 text", name);
		if (!*end)
			return 0;
	}
}

static error_t set_word(struct ms_cli_options *options, json_t *object, const char *name,
			const char *arg)
{
	for (const char *p = arg; *p; p++) {
		if (iscntrl((unsigned char)*p))
			return complain(options, arg,
					"--%s: a line break or control character cannot be in it",
					name);
	}
	if (json_object_set_new(object, name, json_string(arg)) < 0)
		return complain(options, NULL, "--%s: not UTF-8 text", name);
	return 0;
}

/* The language has one direction or, without the key, both. */
static error_t take_dir(struct ms_cli_options *options, const char *arg)
{
	static const char *const choices[] = { "in", "out", NULL };
	const char *before = json_string_value(json_object_get(options->match, "dir"));
	int choice;
	error_t r = take_choice(options, "--dir", arg, choices, &choice);

	if (r)
		return r;
	if (before && strcmp(before, arg) != 0)
		return complain(options, arg, "--dir: leave it out for both directions");
	return set_word(options, options->match, "dir", arg);
}

static error_t take_output(struct ms_cli_options *options, const char *arg)
{
	static const char *const plain[] = { "table", "json", NULL };
	static const char *const yaml[] = { "yaml", "json", NULL };
	bool is_yaml = options->takes & MS_CLI_TAKES_YAML;
	int choice = 0;
	error_t r;

	if (options->stop_at_args && strcmp(arg, "yaml") == 0) {
		options->output = MS_CLI_YAML;
		return 0;
	}
	r = take_choice(options, "-o", arg, is_yaml ? yaml : plain, &choice);
	if (r)
		return r;
	options->output = choice == 1 ? MS_CLI_JSON : (is_yaml ? MS_CLI_YAML : MS_CLI_TABLE);
	return 0;
}

static error_t take_color(struct ms_cli_options *options, const char *arg)
{
	static const char *const choices[] = { "auto", "always", "never", NULL };
	int choice;
	error_t r = take_choice(options, "--color", arg, choices, &choice);

	if (!r)
		options->color = (enum ms_cli_color)choice;
	return r;
}

static error_t check_choice(struct ms_cli_options *options, const char *name, const char *arg,
			    const char *const *choices, const char **ret_word)
{
	int choice;
	error_t r = take_choice(options, name, arg, choices, &choice);

	if (!r)
		*ret_word = arg;
	return r;
}

static error_t take_priority(struct ms_cli_options *options, const char *arg)
{
	uint64_t number;
	error_t r = take_uint(options, "priority", arg, 0, 65535, &number);

	if (!r &&
	    json_object_set_new(options->rule, "priority", json_integer((json_int_t)number)) < 0)
		return ENOMEM;
	return r;
}

static error_t take_number(struct ms_cli_options *options, const char *name, const char *arg,
			   uint64_t min, int64_t *ret_number)
{
	uint64_t number;
	error_t r = take_uint(options, name, arg, min, INT32_MAX, &number);

	if (!r)
		*ret_number = (int64_t)number;
	return r;
}

static error_t take_since(struct ms_cli_options *options, const char *arg)
{
	uint64_t ms = 0;
	error_t r = take_ms(options, "since", arg, 0, &ms);

	if (!r)
		options->since_ms = (int64_t)ms;
	return r;
}

/* ---- parsers: MATCH words, what verbs take, what everybody takes ---- */

static error_t parse_match(int key, char *arg, struct ms_cli_options *options)
{
	switch (key) {
	case KEY_GROUP:
		return add_words(options, "group", arg, false);
	case KEY_IFACE:
		return set_word(options, options->match, "iface", arg);
	case KEY_RULE:
		return set_word(options, options->match, "rule", arg);
	case KEY_DIR:
		return take_dir(options, arg);
	case KEY_FROM:
	case KEY_TO:
		return add_words(options, key == KEY_FROM ? "from" : "to", arg, false);
	case KEY_PROTO:
		return add_words(options, "proto", arg, true);
	case KEY_SPORT:
		return add_words(options, "sport", arg, true);
	case KEY_DPORT:
		return add_words(options, "dport", arg, true);
	case KEY_ICMP:
		return add_words(options, "icmp", arg, true);
	case KEY_VLAN:
	case KEY_DSCP:
		return add_words(options, key == KEY_VLAN ? "vlan" : "dscp", arg, true);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse_flag(int key, struct ms_cli_options *options)
{
	switch (key) {
	case KEY_DRY_RUN:
		options->dry_run = true;
		return 0;
	case KEY_ALL:
		options->all = true;
		return 0;
	case KEY_REPLACE:
		options->replace = true;
		return 0;
	case 'f':
		options->follow = true;
		return 0;
	case KEY_CHECK:
		options->check = true;
		return 0;
	case KEY_STRICT:
		options->strict = true;
		return 0;
	case KEY_LOG:
		return json_object_set_new(options->rule, "log", json_true()) < 0 ? ENOMEM : 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse_value(int key, char *arg, struct ms_cli_options *options)
{
	static const char *const verdicts[] = { "allow", "deny", "audit", NULL };
	static const char *const bys[] = { "from", "to", "iface", "rule", NULL };
	static const char *const sorts[] = { "idle", "age", "packets", "bytes", NULL };
	static const char *const sources[] = { "file", "runtime", "builtin", NULL };
	static const char *const states[] = { "protected", "pending", "failed", "excluded", NULL };

	switch (key) {
	case KEY_ID:
		return set_word(options, options->rule, "id", arg);
	case KEY_COMMENT:
		return set_word(options, options->rule, "comment", arg);
	case KEY_PRIORITY:
		return take_priority(options, arg);
	case KEY_FOR:
		return take_ms(options, "for", arg, 1, &options->for_ms);
	case KEY_INTERVAL:
		return take_ms(options, "interval", arg, 100, &options->interval_ms);
	case KEY_SINCE:
		return take_since(options, arg);
	case KEY_LAST:
		return take_number(options, "last", arg, 0, &options->last);
	case KEY_LIMIT:
		return take_number(options, "limit", arg, 1, &options->limit);
	case KEY_VERDICT:
		return check_choice(options, "--verdict", arg, verdicts, &options->verdict);
	case KEY_BY:
		return check_choice(options, "--by", arg, bys, &options->by);
	case KEY_SORT:
		return check_choice(options, "--sort", arg, sorts, &options->sort);
	case KEY_SOURCE:
		return check_choice(options, "--source", arg, sources, &options->source);
	case KEY_STATE:
		return check_choice(options, "--state", arg, states, &options->state);
	case KEY_REASON:
		options->reason = arg;
		return 0;
	case KEY_PLUGIN_DIR:
		options->plugin_dir = arg;
		return 0;
	case KEY_CONFIG:
		options->config = arg;
		return 0;
	case KEY_BPFFS:
		options->bpffs = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse_global(int key, char *arg, struct ms_cli_options *options)
{
	switch (key) {
	case 'o':
		return take_output(options, arg);
	case KEY_COLOR:
		return take_color(options, arg);
	case KEY_SOCKET:
		options->socket = arg;
		return 0;
	case 'n':
		options->numeric = true;
		return 0;
	case 'h':
		options->help = true;
		return 0;
	case 'V':
		options->version = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t take_arg(struct ms_cli_options *options, char *arg, struct argp_state *state)
{
	if (options->stop_at_args) {
		options->args_at = state->next - 1;
		state->next = state->argc;
		return 0;
	}
	if (options->n_args == MS_CLI_ARGS_MAX)
		return complain(options, arg, "more than %d words", MS_CLI_ARGS_MAX);
	options->args[options->n_args++] = arg;
	return 0;
}

static error_t refuse_letters(struct ms_cli_options *options, const char *word)
{
	const struct argp_option *option;

	for (const char *p = word + 1; *p; p++) {
		option = ms_cli_options_table_find(options->takes, NULL, 0, *p);
		if (!option)
			return complain(options, word, "no option '-%c' here", *p);
		if (option->arg)
			return complain(options, word, "-%c needs %s", *p, option->arg);
	}
	return 0;
}

/* argp tells nobody which word it could not read, only where it would have gone on: behind that
 * word, or at it if letters are left in it. */
static error_t refuse_option(struct ms_cli_options *options, const struct argp_state *state)
{
	const struct argp_option *option;
	int at = state->next - 1;
	const char *word;
	size_t length;

	if (at < state->argc - 1 && (at < 1 || state->argv[at][0] != '-'))
		at++;
	if (at < 1 || at >= state->argc || state->argv[at][0] != '-')
		return 0;
	word = state->argv[at];
	if (word[1] != '-')
		return refuse_letters(options, word);
	length = strcspn(word + 2, "=");
	option = ms_cli_options_table_find(options->takes, word + 2, length, 0);
	if (!option)
		return complain(options, word, "no option '%.*s' here", (int)length + 2, word);
	if (option->arg)
		return complain(options, word, "%s needs %s", word, option->arg);
	return complain(options, word, "--%s takes no value", option->name);
}

static error_t parse_one(int key, char *arg, struct argp_state *state)
{
	struct ms_cli_options *options = state->input;
	error_t r;

	if (key == ARGP_KEY_ARG)
		return take_arg(options, arg, state);
	if (key == ARGP_KEY_ERROR)
		return options->error.code ? 0 : refuse_option(options, state);
	r = parse_global(key, arg, options);
	if (r == ARGP_ERR_UNKNOWN)
		r = parse_match(key, arg, options);
	if (r == ARGP_ERR_UNKNOWN)
		r = parse_flag(key, options);
	if (r == ARGP_ERR_UNKNOWN)
		r = parse_value(key, arg, options);
	return r;
}

int ms_cli_options_parse(struct ms_cli_options *options, unsigned int takes, int n_words,
			 char **words)
{
	ms_cleanup(ms_free) struct argp_option *table = ms_cli_options_table(takes);
	const struct argp argp = { .options = table, .parser = parse_one };
	unsigned int flags = ARGP_NO_ERRS | ARGP_NO_HELP | ARGP_NO_EXIT;
	error_t r;

	if (!table)
		return -ENOMEM;
	options->takes = takes;
	options->args_at = n_words;
	if (options->stop_at_args)
		flags |= ARGP_IN_ORDER;
	r = argp_parse(&argp, n_words, words, flags, NULL, options);
	if (!r)
		return 0;
	ms_error_set(&options->error, -EINVAL, "these words are no command");
	return -EINVAL;
}

int ms_cli_options_help(unsigned int takes, const char *name, const char *args, const char *doc,
			FILE *out)
{
	ms_cleanup(ms_free) struct argp_option *table = ms_cli_options_table(takes);
	const struct argp argp = { .options = table, .args_doc = args, .doc = doc };

	if (!table)
		return -ENOMEM;
	argp_help(&argp, out,
		  ARGP_HELP_USAGE | ARGP_HELP_PRE_DOC | ARGP_HELP_LONG | ARGP_HELP_POST_DOC,
		  (char *)name);
	return 0;
}
