/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is found out about a plugin before anybody relies on it, and what is never run. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/include/microseg/plugin.h"
#include "tests/harness/ctl.h"
#include "tests/harness/plugin_folder.h"
#include "tests/plugins/faulty.h"

#define FOLDER MS_PLUGIN_FOLDER

/* Nobody listens: a probe needs no daemon. */
static struct ms_proc nobody;
static char text[8192];

static void setup(void)
{
	ms_netns_setup();
	ms_plugin_folder_make();
	ms_proc_init(&nobody, "nobody");
}

static void install(const char *name, const char *as)
{
	ms_netns_run_command("install -m 0755 " MS_TEST_PLUGINS "/%s.so " FOLDER "/%s.so", name,
			     as);
}

static int probe(const char *name)
{
	return ms_ctl_status(&nobody, text, sizeof(text), "plugin", "probe", name, "--plugin-dir",
			     FOLDER, NULL);
}

static bool constructor_ran(void)
{
	return access(MS_TEST_CONSTRUCTOR_MARK, F_OK) == 0;
}

START_TEST(a_good_one_is_described_and_tried)
{
	install("tally", "tally");
	ck_assert_msg(probe("tally") == 0, "%s", text);
	ck_assert_msg(strstr(text, "\"tried\": true") || strstr(text, "\"tried\":true"), "%s",
		      text);
	ck_assert_ptr_nonnull(strstr(text, "\"counter\""));
	install("fine", "fine");
	ck_assert_msg(probe("fine") == 0, "%s", text);
	/* The mark tells: without this every assertion of its absence would be empty. */
	ck_assert(constructor_ran());
}
END_TEST

/* Built before the host had its latest words, and one that uses them. */
static const struct {
	const char *name, *abi, *observes;
} ages[] = {
	{ "older_0", "\"abi\":\"1.0\"", "\"observes\":false" },
	{ "older_1", "\"abi\":\"1.1\"", "\"observes\":false" },
	{ "older_2", "\"abi\":\"1.2\"", "\"observes\":false" },
	{ "older_3", "\"abi\":\"1.3\"", "\"observes\":false" },
	{ "fine", "\"abi\":\"1.4\"", "\"observes\":false" },
	{ "observes", "\"abi\":\"1.4\"", "\"observes\":true" },
};

START_TEST(one_of_any_minor_version_so_far_is_taken)
{
	install(ages[_i].name, ages[_i].name);
	ck_assert_msg(probe(ages[_i].name) == 0, "%s", text);
	ck_assert_msg(strstr(text, ages[_i].abi) && strstr(text, ages[_i].observes), "%s", text);
}
END_TEST

static int probe_as(const char *name, const char *settings)
{
	ms_netns_put_file(MS_NETNS_DIR "/settings.yaml", settings);
	return ms_ctl_status(&nobody, text, sizeof(text), "plugin", "probe", name, "--plugin-dir",
			     FOLDER, "--config", MS_NETNS_DIR "/settings.yaml", NULL);
}

/* Its configuration must say something: without that it can only be described. */
START_TEST(one_is_tried_as_it_is_configured)
{
	install("script", "script");
	ck_assert_msg(probe_as("script", "plugins: {}\n") == 0, "%s", text);
	ck_assert_msg(strstr(text, "\"untried\":\"file is missing\"") != NULL, "%s", text);
	ck_assert_ptr_nonnull(strstr(text, "\"config_file\":null"));
	ck_assert_msg(probe_as("script", "plugins: { script: { file: /nowhere } }\n") == 0, "%s",
		      text);
	ck_assert_msg(strstr(text, "\"tried\":true") != NULL, "%s", text);
	ck_assert_ptr_nonnull(strstr(text, "\"config_file\":\"settings.yaml\""));
	ck_assert_int_eq(probe_as("script", "plugins: { script: { nosuch: 1 } }\n"), 1);
	ck_assert_msg(strstr(text, "there is no item 'nosuch'") != NULL, "%s", text);
}
END_TEST

/* What a plugin says is the most that it takes can be written. */
START_TEST(a_value_may_be_as_long_as_it_says)
{
	char settings[MS_PLUGIN_VALUE_MAX + 64], url[MS_PLUGIN_VALUE_MAX + 2];

	memset(url, 'x', sizeof(url));
	memcpy(url, "known=http://", 13);
	ms_plugin_folder_add("feed");
	for (int i = 0; i < 2; i++) {
		snprintf(settings, sizeof(settings), "plugins: { feed: { lists: \"%.*s\" } }\n",
			 MS_PLUGIN_VALUE_MAX + i, url);
		ck_assert_msg(probe_as("feed", settings) == i, "%s", text);
		ck_assert_ptr_nonnull(strstr(text, i ? "a value of more than 1024 bytes"
						     : "\"file\":true,\"min\":0,\"max\":1024"));
		ck_assert_ptr_null(strstr(text, "known="));
	}
}
END_TEST

/* A quote is cut at so many bytes, and may end within a letter then. */
START_TEST(a_value_that_is_quoted_in_part_is_refused_in_words)
{
	char settings[256] = "plugins: { tally: { top: \"a";

	for (int i = 0; i < 45; i++)
		strcat(settings, "\xc3\xbc");
	strcat(settings, "\" } }\n");
	install("tally", "tally");
	ck_assert_int_eq(probe_as("tally", settings), 1);
	ck_assert_msg(strstr(text, "top must be a whole number, not 'a\xc3\xbc") != NULL, "%s",
		      text);
}
END_TEST

static const struct {
	const char *name, *says;
	bool runs; /* its constructor may */
} faults[] = {
	{ "abi_major", "is for plugin ABI 9.4, this microseg has 1.4", false },
	{ "abi_minor", "is for plugin ABI 1.77, this microseg has 1.4", false },
	{ "struct_size", "have not the sizes of plugin ABI 1.4", false },
	{ "no_note", "has no note of microseg", false },
	{ "runpath", "has a RUNPATH", false },
	{ "execstack", "asks for an executable stack", false },
	{ "textrel", "has TEXTREL", false },
	{ "other_name", "calls itself somebody", true },
	{ "no_create", "it has no create()", true },
	{ "no_destroy", "it has no destroy()", true },
	{ "no_load", "action no_load has no load()", true },
	{ "no_help", "rate has no help", true },
	{ "bad_type", "item rate is of type 99", true },
	{ "bad_default", "the default of item rate: rate must not be below 1", true },
	{ "bad_file", "item rate names a file and is no STRING", true },
	{ "twice_the_item", "there are two items rate", true },
	{ "short_arg", "short_arg of action short_arg is none of its items", true },
	{ "two_minds", "only observes, and that it may end, take or change a packet", true },
	{ "too_early_0", "action too_early_0 has flags that there are not: 0x8", true },
	{ "too_early_2", "action too_early_2 has flags that there are not: 0x8", true },
	{ "boolean_action", "boolean_action: no action may be called yes", true },
	{ "number_action", "no action may be called 0x1", true },
	{ "verdict_action", "no action may be called allow", true },
	{ "foreign_action", "no action may be called drop", true },
	{ "on", "on: no plugin may be called on", true },
	{ "constructor_crashes", "crashed while it was loaded", true },
	{ "create_fails", "create_fails: no more of these", true },
	{ "create_crashes", "crashed while it was set up", true },
	{ "create_exits", "ended its process while it was set up (status 7)", true },
	{ "load_fails", "load_fails: out of luck", true },
	{ "load_crashes", "crashed while it loaded its action load_crashes", true },
	{ "destroy_crashes", "crashed while it was taken down", true },
	{ "own_code", "own_code: action own_code ended a TCP packet with a code of its own, 2",
	  true },
	{ "bad_word", "changed cb[2], which is the host's, for a TCP packet", true },
	{ "bad_verdict", "ended a TCP packet with verdict 7", true },
	{ "bad_taken", "ended a TCP packet with the TC code 0", true },
	{ "unverifiable", "the verifier said no", true },
};

START_TEST(a_faulty_one_is_refused_in_words)
{
	install(faults[_i].name, faults[_i].name);
	ck_assert_int_eq(probe(faults[_i].name), 1);
	ck_assert_msg(strstr(text, faults[_i].says) != NULL, "%s: %s", faults[_i].name, text);
	ck_assert_msg(constructor_ran() == faults[_i].runs, "%s: its constructor %s",
		      faults[_i].name, faults[_i].runs ? "did not run" : "ran");
}
END_TEST

static const struct {
	const char *name, *says;
} endless[] = {
	{ "create_hangs", "did not come back within 10 s while it was set up" },
	{ "constructor_hangs", "did not come back within 10 s while it was loaded" },
	{ "load_hangs", "did not come back within 10 s while it loaded its action load_hangs" },
	{ "destroy_hangs", "did not come back within 10 s while it was taken down" },
};

START_TEST(an_endless_one_is_ended)
{
	install(endless[_i].name, endless[_i].name);
	ck_assert_int_eq(probe(endless[_i].name), 1);
	ck_assert_msg(strstr(text, endless[_i].says) != NULL, "%s", text);
}
END_TEST

static const struct {
	const char *spoil, *name, *says;
} places[] = {
	{ "chmod 0757 " FOLDER "/fine.so", "fine", "can be written by others than root" },
	{ "chmod 0775 " FOLDER "/fine.so", "fine", "can be written by others than root" },
	{ "chown 65534 " FOLDER "/fine.so", "fine", "belongs to uid 65534, not to root" },
	{ "chmod 0777 " FOLDER, "fine", "can be written by others than root" },
	{ "chown 65534 " FOLDER, "fine", "belongs to uid 65534, not to root" },
	{ "chmod 0777 " MS_NETNS_DIR, "fine", "can be written by others than root" },
	{ "mv " FOLDER "/fine.so " FOLDER "/x && ln -s x " FOLDER "/fine.so", "fine",
	  "is a symbolic link" },
	{ "mv " FOLDER " " FOLDER "2 && ln -s plugins2 " FOLDER, "fine", "is a symbolic link" },
	{ "ln " FOLDER "/fine.so " FOLDER "/other.so", "fine", "has another name elsewhere" },
	{ "rm " FOLDER "/fine.so && mkfifo " FOLDER "/fine.so", "fine", "is no regular file" },
	{ "rm " FOLDER "/fine.so && mkdir " FOLDER "/fine.so", "fine", "is no regular file" },
	{ "rm " FOLDER "/fine.so", "fine", "there is no plugin 'fine' in" },
	{ "echo text > " FOLDER "/fine.so", "fine", "is no shared object" },
	{ "truncate -s 200 " FOLDER "/fine.so", "fine", "fine.so" },
	{ "true", "../plugins/fine", "is no name of a plugin" },
	{ "true", "Fine", "is no name of a plugin" },
	{ "true", "a23456789012345678901234567890123", "is no name of a plugin" },
};

START_TEST(a_file_or_folder_that_is_not_roots_alone_is_not_loaded)
{
	install("fine", "fine");
	ms_netns_run_command("%s", places[_i].spoil);
	ck_assert_int_eq(probe(places[_i].name), 1);
	ck_assert_msg(strstr(text, places[_i].says) != NULL, "%s: %s", places[_i].spoil, text);
	ck_assert_msg(!constructor_ran(), "%s: the constructor ran", places[_i].spoil);
}
END_TEST

/* The daemon and its program are of one version, or the file would be what was not tried. */
START_TEST(a_copy_is_where_both_say)
{
	static const char command[] = MS_TEST_BIN_DIR
		"/../libexec/microseg/microseg-plugin-host --describe --plugin-dir " FOLDER
		" --copy '%s' fine 2>&1";

	install("fine", "fine");
	ck_assert_int_eq(ms_netns_try_command(command, ""), 0);
	ck_assert_int_eq(ms_netns_try_command(command, "4"), 2);
	ck_assert_int_eq(ms_netns_try_command(command, "3 "), 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/plugin_probe");
	TCase *tcase = tcase_create("plugin_probe");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, a_good_one_is_described_and_tried);
	tcase_add_loop_test(tcase, one_of_any_minor_version_so_far_is_taken, 0,
			    ms_array_size(ages));
	tcase_add_test(tcase, one_is_tried_as_it_is_configured);
	tcase_add_test(tcase, a_value_may_be_as_long_as_it_says);
	tcase_add_test(tcase, a_value_that_is_quoted_in_part_is_refused_in_words);
	tcase_add_loop_test(tcase, a_faulty_one_is_refused_in_words, 0, ms_array_size(faults));
	tcase_add_loop_test(tcase, an_endless_one_is_ended, 0, ms_array_size(endless));
	tcase_add_loop_test(tcase, a_file_or_folder_that_is_not_roots_alone_is_not_loaded, 0,
			    ms_array_size(places));
	tcase_add_test(tcase, a_copy_is_where_both_say);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
