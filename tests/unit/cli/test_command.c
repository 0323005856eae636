/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/cli/command.h"
#include "core/cli/options_table.h"

#include <errno.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "tests/harness/ms_check.h"

#define WORDS_MAX 32

static struct ms_cli_options options;
static const struct ms_cli_command *command;

/* Splits a line as a shell would, as far as examples go: blanks and single quotes. In place. */
static int split(char *line, char **words)
{
	int n = 0;

	while (*line && n < WORDS_MAX - 1) {
		char end = ' ';

		if (*line == '\'')
			end = *line++;
		words[n++] = line;
		line += strcspn(line, end == ' ' ? " " : "'");
		if (*line)
			*line++ = '\0';
		while (*line == ' ')
			line++;
	}
	words[n] = NULL;
	return n;
}

static int parse(const char *text)
{
	static char line[1024];
	static char program[] = "microsegctl";
	static char *words[WORDS_MAX + 1];
	int n;

	snprintf(line, sizeof(line), "%s", text);
	words[0] = program;
	n = split(line, words + 1);
	ms_cli_options_fini(&options);
	ck_assert_int_eq(ms_cli_options_init(&options), 0);
	return ms_cli_command_parse(n, words + 1, &options, &command);
}

static void tear_down(void)
{
	ms_cli_options_fini(&options);
}

START_TEST(every_example_parses_as_its_command)
{
	for (size_t i = 0; ms_cli_command_at(i); i++) {
		ms_cleanup(ms_free) char *examples = strdup(ms_cli_command_at(i)->examples);
		char *rest = examples, *line;

		ck_assert(*examples);
		while ((line = strsep(&rest, "\n"))) {
			ck_assert_msg(parse(line) == 0, "%s: %s", line, options.error.message);
			ck_assert_ptr_eq(command, ms_cli_command_at(i));
		}
	}
}
END_TEST

/* The help page is what a person reads first: it must name every option the command takes. */
START_TEST(every_command_has_help)
{
	for (size_t i = 0; ms_cli_command_at(i); i++) {
		const struct ms_cli_command *each = ms_cli_command_at(i);
		ms_cleanup(ms_free) char *text = NULL;
		ms_cleanup(ms_free) struct argp_option *table = ms_cli_options_table(each->takes);
		size_t length;
		FILE *out = open_memstream(&text, &length);

		ms_cli_command_help(each, out);
		fclose(out);
		ck_assert_ptr_nonnull(strstr(text, each->doc));
		ck_assert_ptr_nonnull(strstr(text, "Examples:"));
		for (size_t j = 0; table[j].name; j++) {
			char option[64];

			snprintf(option, sizeof(option), "--%s", table[j].name);
			ck_assert_msg(!!strstr(text, option) == !(table[j].flags & OPTION_HIDDEN),
				      "%s %s: %s", each->object, each->verb ? each->verb : "",
				      option);
		}
	}
}
END_TEST

static bool offers(const char *object, const char *verb, const char *option)
{
	ms_cleanup(ms_free) char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	for (size_t i = 0; ms_cli_command_at(i); i++) {
		const struct ms_cli_command *each = ms_cli_command_at(i);

		if (each->verb && strcmp(each->object, object) == 0 &&
		    strcmp(each->verb, verb) == 0)
			ms_cli_command_help(each, out);
	}
	fclose(out);
	return strstr(text, option) != NULL;
}

/* A rule holds for groups, and has no other rule that decided it. */
START_TEST(a_rule_is_offered_what_it_can_have)
{
	ck_assert(offers("session", "list", "--iface"));
	ck_assert(offers("session", "list", "--rule"));
	ck_assert(offers("rule", "add", "--group"));
	ck_assert(!offers("rule", "add", "--iface"));
	ck_assert(!offers("rule", "add", "--rule"));
}
END_TEST

static const char *const wrong[] = {
	"",
	"nonsense",
	"iface",
	"iface frobnicate",
	"iface show",
	"iface show a b",
	"iface list --state sideways",
	"iface list --nosuch",
	"iface list --from 10.0.0.1",
	"status extra",
	"-o xml status",
	"status -o yaml",
	"-o yaml status",
	"status --color sometimes",
	"policy show -o table",
	"panic",
	"panic now",
	"panic open --group a --group b",
	"group mode containers",
	"group mode containers sideways",
	"rule add",
	"rule add drop",
	"rule add deny allow",
	"rule add deny --iface eth0",
	"rule add deny --rule x",
	"rule add deny --priority 70000",
	"rule add deny --priority 5x",
	"rule add deny --for 5",
	"rule add deny --for 0s",
	"rule add deny --dport 80,",
	"rule add deny --dport",
	"rule add deny --last 3",
	"rule import",
	"set add blocked",
	"set del blocked",
	"session list --dir in --dir out",
	"session flush",
	"session flush --all --proto tcp",
	"session list --sort size",
	"session list --limit 0",
	"session top --by colour",
	"session watch --interval 10ms",
	"observe --verdict drop",
	"observe --last x",
	"observe --since yesterday",
	"trace",
	"trace 'tcp a > b'",
	"trace 'tcp a > b' --iface eth0",
	"trace 'tcp a > b' --iface eth0 --dir in,out",
	"trace 'tcp a > b' --iface eth0 --dir up",
	"--socket",
};

START_TEST(wrong_words_are_refused_with_a_sentence)
{
	ck_assert_msg(parse(wrong[_i]) == -EINVAL, "%s", wrong[_i]);
	ck_assert(options.error.message[0]);
}
END_TEST

/* What is wrong with it, and nothing else. */
static const struct {
	const char *line, *message;
} sentences[] = {
	{ "session flush", "say which sessions to flush, e.g. --to 10.0.0.9, or --all" },
	{ "session flush --all --proto tcp",
	  "--all is every session: say --all or which ones, not both" },
	{ "rule add drop", "the action is allow, deny or log, not 'drop': did you mean deny?" },
	{ "rule add Allow", "the action is allow, deny or log, not 'Allow': did you mean allow?" },
	{ "rule add hop_floor",
	  "the action is allow, deny or log, not 'hop_floor': a plugin's is written in a document, "
	  "`microsegctl rule import FILE`" },
	{ "rule add reject",
	  "the action is allow, deny or log, not 'reject': a plugin's is written in a document, "
	  "`microsegctl rule import FILE`" },
	{ "rule add deny --for 99999999d", "--for: '99999999d' is too long a time" },
	{ "rule add deny --for 99999999",
	  "--for: '99999999' is not a time such as 30s, 5m or 24h" },
	{ "rule add deny --for 0s", "--for: '0s' is too short a time" },
	{ "rule add deny --comment 'a\nb'",
	  "--comment: a line break or control character cannot be in it" },
};

START_TEST(the_sentence_says_what_is_wrong)
{
	ck_assert_int_eq(parse(sentences[_i].line), -EINVAL);
	ck_assert_str_eq(options.error.message, sentences[_i].message);
}
END_TEST

/* An option that argp cannot read is named, wherever it stands. */
static const struct {
	const char *line, *word, *message;
} unread[] = {
	{ "status --bogus", "--bogus", "no option '--bogus' here" },
	{ "--bogus status", "--bogus", "no option '--bogus' here" },
	{ "iface show a --bogus=3 b", "--bogus=3", "no option '--bogus' here" },
	{ "status --dport 5", "--dport", "no option '--dport' here" },
	{ "status -nZ", "-nZ", "no option '-Z' here" },
	{ "status -Zn", "-Zn", "no option '-Z' here" },
	{ "-Zn status", "-Zn", "no option '-Z' here" },
	{ "session list --from", "--from", "--from needs ADDR" },
	{ "status -no", "-no", "-o needs table|json" },
	{ "--socket", "--socket", "--socket needs PATH" },
	{ "status --check=yes", "--check=yes", "--check takes no value" },
};

START_TEST(an_unreadable_option_is_named)
{
	ck_assert_int_eq(parse(unread[_i].line), -EINVAL);
	ck_assert_str_eq(options.error.word, unread[_i].word);
	ck_assert_str_eq(options.error.message, unread[_i].message);
}
END_TEST

static const char *const pages[] = { "--help",        "-h",        "iface --help",
				     "iface list -h", "--version", "rule add --help" };

START_TEST(help_is_no_mistake)
{
	ck_assert_int_eq(parse(pages[_i]), -ENOENT);
}
END_TEST

/* Options may stand before the command, between its words and behind them. */
START_TEST(options_stand_anywhere)
{
	static const char *const lines[] = {
		"-o json --socket /s -n session list --proto tcp",
		"session list --proto tcp -o json --socket /s -n",
		"-o json session list --socket /s --proto tcp --numeric",
	};

	ck_assert_int_eq(parse(lines[_i]), 0);
	ck_assert_int_eq(options.output, MS_CLI_JSON);
	ck_assert_str_eq(options.socket, "/s");
	ck_assert(options.numeric);
	ck_assert_str_eq(command->verb, "list");
}
END_TEST

START_TEST(match_words_become_the_languages_mapping)
{
	ms_cleanup(ms_free) char *text = NULL;

	ck_assert_int_eq(
		parse("session list --proto tcp,17 --from 10.0.0.0/8 --from set:a "
		      "--dport 80,8000-8100 --icmp 8/0 --vlan 5 --dscp ef,10 --dir in --rule web* "
		      "--iface eth0 --group g"),
		0);
	text = json_dumps(options.match, JSON_COMPACT);
	ck_assert_str_eq(text, "{\"proto\":[\"tcp\",17],\"from\":[\"10.0.0.0/8\",\"set:a\"],"
			       "\"dport\":[80,\"8000-8100\"],\"icmp\":[\"8/0\"],\"vlan\":[5],"
			       "\"dscp\":[\"ef\",10],"
			       "\"dir\":\"in\",\"rule\":\"web*\",\"iface\":\"eth0\","
			       "\"group\":[\"g\"]}");
}
END_TEST

START_TEST(values_arrive)
{
	ck_assert_int_eq(parse("rule add deny --for 5m --id a/b --priority 7 --log --comment "
			       "'two words' --dry-run"),
			 0);
	ck_assert_uint_eq(options.for_ms, 300000);
	ck_assert_str_eq(json_string_value(json_object_get(options.rule, "comment")), "two words");
	ck_assert_int_eq(json_integer_value(json_object_get(options.rule, "priority")), 7);
	ck_assert(json_is_true(json_object_get(options.rule, "log")));
	ck_assert(options.dry_run);
	ck_assert_str_eq(options.args[0], "deny");
	ck_assert_int_eq(parse("observe --since 250ms --last 0 -f"), 0);
	ck_assert_int_eq(options.since_ms, 250);
	ck_assert_int_eq(options.last, 0);
	ck_assert(options.follow);
}
END_TEST

/* Changing anything can be tried first; what only reads has nothing to try. */
START_TEST(every_changing_command_has_a_dry_run)
{
	static const char *const changing[] = {
		"cleanup", "panic", "mode", "apply", "add", "del", "import", "flush", "reload",
	};

	for (size_t i = 0; ms_cli_command_at(i); i++) {
		const struct ms_cli_command *each = ms_cli_command_at(i);
		const char *name = each->verb ? each->verb : each->object;
		bool changes = false;

		for (size_t j = 0; j < ms_array_size(changing); j++)
			changes |= strcmp(name, changing[j]) == 0;
		/* A plugin is tried by `plugin probe`. */
		if (strcmp(each->object, "plugin") == 0)
			changes = false;
		ck_assert_msg(!!(each->takes & MS_CLI_TAKES_DRY_RUN) == changes, "%s", name);
	}
}
END_TEST

START_TEST(manual_has_every_command)
{
	ms_cleanup(ms_close_file) FILE *file = fopen(MS_MANUAL_FILE, "r");
	static char manual[65536];

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_gt(fread(manual, 1, sizeof(manual) - 1, file), 0);
	for (size_t i = 0; ms_cli_command_at(i); i++) {
		const struct ms_cli_command *each = ms_cli_command_at(i);
		char item[64];

		snprintf(item, sizeof(item), "\n.It Cm %s%s%s", each->object, each->verb ? " " : "",
			 each->verb ? each->verb : "");
		ck_assert_msg(strstr(manual, item), "%s", item + 1);
	}
}
END_TEST

START_TEST(completion_knows_every_command)
{
	ms_cleanup(ms_free) char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	ms_cli_command_completion(out);
	fclose(out);
	for (size_t i = 0; ms_cli_command_at(i); i++) {
		const struct ms_cli_command *each = ms_cli_command_at(i);
		char label[64];

		snprintf(label, sizeof(label), "\t\"%s%s%s\")", each->object, each->verb ? " " : "",
			 each->verb ? each->verb : "");
		ck_assert_msg(strstr(text, label), "%s", label);
	}
}
END_TEST

static const struct {
	const char *command, *names; /* its first word is a name out of `NAMES list` */
} named[] = {
	{ "iface show", "iface" },     { "set show", "set" },         { "plugin show", "plugin" },
	{ "plugin reload", "plugin" }, { "plugin unload", "plugin" }, { "source show", "source" },
};

START_TEST(completion_asks_for_names)
{
	ms_cleanup(ms_free) char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	char label[64], kind[64];
	const char *at;

	ms_cli_command_completion(out);
	fclose(out);
	snprintf(label, sizeof(label), "\t\"%s\")", named[_i].command);
	at = strstr(text, label);
	ck_assert_ptr_nonnull(at);
	at = strstr(at, "kind=");
	snprintf(kind, sizeof(kind), "kind=\"%s\"\n", named[_i].names);
	ck_assert_msg(strncmp(at, kind, strlen(kind)) == 0, "%s: %.20s", label, at);
	/* And that kind is looked up. */
	at = strstr(text, "case $kind in");
	at = strstr(at, "iface");
	ck_assert_ptr_nonnull(at);
	snprintf(kind, sizeof(kind), "%s", named[_i].names);
	ck_assert_msg(strstr(at, kind) && strstr(at, kind) < strchr(at, ')'), "%s", kind);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cli/command");
	TCase *tcase = tcase_create("command");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_test(tcase, every_example_parses_as_its_command);
	tcase_add_test(tcase, every_command_has_help);
	tcase_add_test(tcase, a_rule_is_offered_what_it_can_have);
	tcase_add_loop_test(tcase, the_sentence_says_what_is_wrong, 0, ms_array_size(sentences));
	tcase_add_loop_test(tcase, wrong_words_are_refused_with_a_sentence, 0,
			    ms_array_size(wrong));
	tcase_add_loop_test(tcase, an_unreadable_option_is_named, 0, ms_array_size(unread));
	tcase_add_loop_test(tcase, help_is_no_mistake, 0, ms_array_size(pages));
	tcase_add_loop_test(tcase, options_stand_anywhere, 0, 3);
	tcase_add_test(tcase, match_words_become_the_languages_mapping);
	tcase_add_test(tcase, values_arrive);
	tcase_add_test(tcase, every_changing_command_has_a_dry_run);
	tcase_add_test(tcase, manual_has_every_command);
	tcase_add_test(tcase, completion_knows_every_command);
	tcase_add_loop_test(tcase, completion_asks_for_names, 0, ms_array_size(named));
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
