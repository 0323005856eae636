/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is said of plugins, and that all of it is there where there is little room. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "tests/harness/ms_check.h"
#include "tests/unit/cli/rendered.h"

static char *text;

static void tear_down(void)
{
	free(ms_take_ptr(text));
}

static const char *render_as(struct ms_cli_style style, ms_cli_renderer renderer, const char *reply)
{
	return ms_rendered(&text, style, renderer, reply);
}

static const char *render(ms_cli_renderer renderer, const char *reply)
{
	return render_as((struct ms_cli_style) { .width = 80 }, renderer, reply);
}

START_TEST(limits_and_users_of_a_plugin_are_told_as_written)
{
	static const char shown[] =
		"{'entry': {'name': 'p', 'state': 'loaded', 'reason': null, 'since': "
		"'2026-03-01T14:02:11Z', 'used_by': ['a', 'b'], 'used_by_total': 7, "
		"'events_lost': 12345}, 'plugin': "
		"{'name': 'p', 'version': '1', 'config': [{'name': 'every', 'type': 'duration', "
		"'min': 1000000000, 'max': 3600000000000, 'help': 'h'}, {'name': 'size', 'type': "
		"'bytes', 'min': 65536, 'max': null, 'help': 'h'}, {'name': 'rate', 'type': "
		"'rate', 'min': 0, 'max': 10000, 'help': 'h'}]}, 'stats': []}";

	render_as((struct ms_cli_style) { .width = 0 }, ms_cli_render_plugin_show, shown);
	ck_assert_ptr_nonnull(strstr(text, "duration, 1s to 1h"));
	ck_assert_ptr_nonnull(strstr(text, "bytes, at least 64KiB"));
	ck_assert_ptr_nonnull(strstr(text, "rate, 0 to 10k"));
	ck_assert_ptr_nonnull(strstr(text, "a, b and 5 more"));
	ck_assert_ptr_nonnull(strstr(text, "events lost  12345"));
	ck_assert_ptr_nonnull(strstr(text, "2026-03-01T14:02:11Z"));
}
END_TEST

static const struct {
	const char *reply, *text;
} probed[] = {
	{ "{'plugin': {'name': 'p', 'actions': [{'name': 'p'}]}, 'tried': true}",
	  "\nTried: it was created, its programs were loaded and run.\n" },
	{ "{'plugin': {'name': 'p', 'actions': []}, 'tried': true, 'config_file': 'a.yaml'}",
	  "\nTried as a.yaml configures it: it was created, and not started; it has no\n"
	  "programs.\n" },
	{ "{'plugin': {'name': 'p', 'actions': []}, 'tried': false, 'untried': 'only described'}",
	  "\nNot tried: only described.\n" },
};

START_TEST(a_trial_says_what_was_tried)
{
	const char *said = render(ms_cli_render_plugin_probe, probed[_i].reply);
	const char *at = strstr(said, probed[_i].text);

	ck_assert_msg(at && strlen(at) == strlen(probed[_i].text), "%s", said);
}
END_TEST

START_TEST(values_in_force_stand_beside_what_may_be_written)
{
	static const char shown[] =
		"{'entry': {'name': 'p', 'state': 'loaded'}, 'plugin': {'name': 'p', 'version': "
		"'1', 'config': [{'name': 'every', 'type': 'duration', 'default': '1h', 'help': "
		"'h'}, {'name': 'key', 'type': 'string', 'help': 'h'}, {'name': 'none', 'type': "
		"'string', 'help': 'h'}]}, 'config': [{'name': 'every', 'values': ['5s', '6s'], "
		"'is_written': true, 'is_secret': false}, {'name': 'key', 'values': [], "
		"'is_written': true, 'is_secret': true}, {'name': 'none', 'values': [], "
		"'is_written': false, 'is_secret': true}], 'stats': []}";

	render_as((struct ms_cli_style) { .width = 0 }, ms_cli_render_plugin_show, shown);
	ck_assert_ptr_nonnull(strstr(text, "  ITEM   NOW       VALUES    DEFAULT  MEANING\n"
					   "  every  5s,6s     duration  1h       h\n"
					   "  key    (hidden)  string             h\n"
					   "  none             string             h\n"));
}
END_TEST

/* Not taken for another argument of the action that stands above them. */
START_TEST(statistics_of_a_plugin_stand_apart)
{
	static const char shown[] =
		"{'entry': {'name': 'p', 'state': 'loaded'}, 'plugin': {'name': 'p', 'version': "
		"'1', 'actions': [{'name': 'act', 'help': 'acts', 'args': [{'name': 'every', "
		"'type': 'duration', 'help': 'h'}]}]}, 'stats': [{'name': 'seen', 'help': "
		"'packets', 'rule': null, 'value': 7}, {'name': 'files_removed', 'help': 'h', "
		"'value': 1}]}";

	render_as((struct ms_cli_style) { .width = 0 }, ms_cli_render_plugin_show, shown);
	ck_assert_ptr_nonnull(strstr(text, "  every  duration           h\n\nstatistics\n"));
	ck_assert_ptr_nonnull(strstr(text, "seen          7  packets\nfiles_removed 1  h\n"));
}
END_TEST

static const struct {
	const char *flags, *says;
} deeds[] = {
	{ "'ends': true, 'takes': false, 'modifies': true, 'observes': false",
	  "\naction p: acts\n  may end the list with a verdict, change the packet or its mark\n" },
	{ "'ends': true, 'takes': true, 'modifies': true, 'observes': false",
	  "\naction p: acts\n"
	  "  may end the list with a verdict, take the packet, change the packet or its\n"
	  "    mark\n" },
	{ "'ends': false, 'takes': false, 'modifies': false, 'observes': true",
	  "\naction p: acts\n  only observes: in audit mode it runs under deny, too\n" },
	{ "'ends': false, 'takes': false, 'modifies': false, 'observes': false",
	  "\naction p: acts\n\nTried" },
	{ "'ends': false", "\naction p: acts\n\nTried" }, /* said by an older host */
};

START_TEST(what_an_action_may_do_is_told)
{
	char reply[512];

	snprintf(reply, sizeof(reply),
		 "{'plugin': {'name': 'p', 'actions': [{'name': 'p', 'help': 'acts', %s}]}, "
		 "'tried': true}",
		 deeds[_i].flags);
	render(ms_cli_render_plugin_probe, reply);
	ck_assert_msg(strstr(text, deeds[_i].says) != NULL, "%s", text);
}
END_TEST

/* No line is longer, and each of the words is there, if broken where it had no room. */
static void expect_all(size_t width, const char *const *sentences)
{
	for (const char *line = text; *line;) {
		size_t length = strcspn(line, "\n");

		ck_assert_msg(length <= width, "%zu: %.*s", length, (int)length, line);
		line += length + (line[length] == '\n');
	}
	for (; *sentences; sentences++) {
		ms_cleanup(ms_free) char *words = strdup(*sentences);
		char *rest = words, *word;

		while ((word = strsep(&rest, " ")))
			ck_assert_msg(strstr(text, word) != NULL, "%s: %s", word, text);
	}
}

#define SUMMARY                                                                                    \
	"follows lists of addresses that others publish, and keeps a set of this host for each "   \
	"of them"
#define REASON                                                                                     \
	"feed: create(): entry 2 of `lists` is no URL that this plugin can follow, nor a file "    \
	"below /etc/microseg/lists: known=gopher://198.51.100.1/list (since "                      \
	"2026-03-01T14:02:11Z)"
#define HELP "NAME=URL of a list, or several of them; what is behind the name is read anew whenever"
#define NOW                                                                                        \
	"known=https://lists.example.org/known.txt,bad=https://lists.example.org/a/very/long/"     \
	"path/of/addresses.txt"
#define DEEP "how many of them it remembers beside those that are in the set at the moment of it"

static const char *const said[] = {
	SUMMARY, REASON, HELP, DEEP, "1000000 (required) duration", NULL
};

START_TEST(all_of_a_plugin_fits_the_terminal)
{
	static const unsigned int widths[] = { 100, 80 };

	render_as((struct ms_cli_style) { .width = widths[_i] }, ms_cli_render_plugin_show,
		  "{'entry': {'name': 'feed', 'state': 'failed', 'reason': '" REASON "'}, "
		  "'plugin': {'name': 'feed', 'version': '1', 'summary': '" SUMMARY "', "
		  "'source': '" SUMMARY "', "
		  "'config': [{'name': 'lists', 'type': 'string', 'required': true, 'list': true, "
		  "'help': '" HELP
		  "'}, {'name': 'interval', 'type': 'duration', 'min': 1000000000, "
		  "'max': 86400000000000, 'default': '1h', 'help': '" DEEP "'}, {'name': 'format', "
		  "'type': 'enum', 'words': ['plain', 'json', 'csv', 'hosts', 'netset'], "
		  "'default': 'plain', 'help': 'what it is'}], "
		  "'actions': [{'name': 'act', 'help': '" SUMMARY "', 'ends': true, "
		  "'modifies': true, 'takes': true, 'args': [{'name': 'deep', 'type': "
		  "'uint', 'max': 1000000, 'help': '" DEEP "'}]}]}, "
		  "'config': [{'name': 'lists', 'values': ['" NOW "'], 'is_written': true}, "
		  "{'name': 'interval', 'values': ['1h'], 'is_written': false}, "
		  "{'name': 'format', 'values': ['plain'], 'is_written': false}], "
		  "'stats': [{'name': 'remembered', 'help': '" DEEP "', 'rule': "
		  "'compose/shop/web/a-rule-of-a-name-that-is-long', 'value': 7}]}");
	expect_all(widths[_i], said);
	ck_assert_ptr_nonnull(strstr(text, "plain,json,"));
	ck_assert_ptr_nonnull(strstr(text, "netset"));
	ck_assert_ptr_null(strstr(text, "~"));
}
END_TEST

START_TEST(a_line_goes_on_under_its_beginning)
{
	render(ms_cli_render_plugin_show,
	       "{'entry': {'name': 'feed', 'state': 'failed', 'reason': '" REASON "'}, "
	       "'stats': []}");
	ck_assert_str_eq(
		text,
		"plugin       feed\n"
		"state        failed\n"
		"reason       feed: create(): entry 2 of `lists` is no URL that this plugin can\n"
		"             follow, nor a file below /etc/microseg/lists:\n"
		"             known=gopher://198.51.100.1/list (since 2026-03-01T14:02:11Z)\n");
}
END_TEST

START_TEST(a_list_has_the_whole_reason)
{
	static const char *const reasons[] = { REASON, NULL };
	static const unsigned int widths[] = { 80, 60 };

	render_as((struct ms_cli_style) { .width = widths[_i] }, ms_cli_render_plugin_list,
		  "{'plugins': [{'name': 'feed', 'state': 'failed', 'version': '1.0', 'provides': "
		  "['source'], 'used_by': [], 'used_by_total': 0, 'reason': '" REASON "'}, "
		  "{'name': 'mark', 'state': 'loaded', 'version': '1.0', 'provides': ['action'], "
		  "'used_by': ['voice'], 'used_by_total': 1}]}");
	expect_all(widths[_i], reasons);
	ck_assert_ptr_nonnull(strstr(text, "\nmark    loaded  "));
	ck_assert_ptr_nonnull(strstr(text, "\nfeed    failed  feed: create(): entry 2 of"));
}
END_TEST

static const struct {
	const char *text, *folded;
} folds[] = {
	{ "", "\n" },
	{ "short", "short\n" },
	{ "just as long as it may be.......", "just as long as it may\n    be.......\n" },
	{ "1234567890 234567890 234", "1234567890 234567890 234\n" },
	{ "1234567890 234567890 2345", "1234567890 234567890\n    2345\n" },
	{ "two  blanks and more    of  them", "two  blanks and more\n    of  them\n" },
	{ "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p", "a,b,c,d,e,f,g,h,i,j,k,l,\n    m,n,o,p\n" },
	{ "https://example.org/a/path/that/is/long",
	  "https://example.org/a/pa\n    th/that/is/long\n" },
	{ "ääääääääää ääääääääää äää ä", "ääääääääää ääääääääää\n    äää ä\n" },
};

START_TEST(a_paragraph_breaks_where_it_may)
{
	struct ms_cli_style style = { .width = 24 };
	size_t length;

	style.out = open_memstream(&text, &length);
	ms_cli_style_paragraph(&style, 0, 4, folds[_i].text);
	fclose(style.out);
	ck_assert_str_eq(text, folds[_i].folded);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cli/render_plugin");
	TCase *tcase = tcase_create("render_plugin");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_test(tcase, limits_and_users_of_a_plugin_are_told_as_written);
	tcase_add_loop_test(tcase, a_trial_says_what_was_tried, 0, ms_array_size(probed));
	tcase_add_test(tcase, values_in_force_stand_beside_what_may_be_written);
	tcase_add_test(tcase, statistics_of_a_plugin_stand_apart);
	tcase_add_loop_test(tcase, what_an_action_may_do_is_told, 0, ms_array_size(deeds));
	tcase_add_loop_test(tcase, all_of_a_plugin_fits_the_terminal, 0, 2);
	tcase_add_test(tcase, a_line_goes_on_under_its_beginning);
	tcase_add_loop_test(tcase, a_list_has_the_whole_reason, 0, 2);
	tcase_add_loop_test(tcase, a_paragraph_breaks_where_it_may, 0, ms_array_size(folds));
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
