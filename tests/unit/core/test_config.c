/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/harness/ms_check.h"

#define SECOND_NS 1000000000ULL

static char path[] = "/tmp/ms-config-XXXXXX";

static void write_config(const char *text)
{
	ms_cleanup(ms_close_fd) int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void remove_config(void)
{
	unlink(path);
	strcpy(path + strlen(path) - 6, "XXXXXX");
}

static int read_config(const char *text, struct ms_config *config, struct ms_error *err)
{
	int r;

	write_config(text);
	r = ms_config_read(config, path, err);
	remove_config();
	return r;
}

START_TEST(every_key_is_read)
{
	ms_cleanup(ms_config_fini) struct ms_config config = { 0 };
	struct ms_error err = MS_ERROR_INIT;
	char said[1024];
	int r;

	ck_assert_int_eq(ms_config_init(&config), 0);
	r = read_config(
		"policy: /srv/policy\n"
		"limits: { sessions: 4096, half_open: auto, session_table: set, rules: 500, "
		"set_members: 4000, events: 20 }\n"
		"timeouts: { tcp_syn: 1s, tcp_established: 2h, tcp_fin: 3s, udp_oneway: 4s, "
		"udp_twoway: 5m, icmp: 6s, other: 7s }\n"
		"adopt_grace: 0s\n"
		"scheduling: normal\n"
		"log: { level: debug, events: all }\n"
		"plugins: {}\n",
		&config, &err);
	ck_assert_msg(r == 0, "%s", ms_error_format(&err, said, sizeof(said)));
	ck_assert_str_eq(config.policy, "/srv/policy");
	ck_assert_uint_eq(config.sessions, 4096);
	ck_assert_uint_eq(config.half_open, 0);
	ck_assert_int_eq(config.session_table, MS_SESSION_TABLE_SET);
	ck_assert_uint_eq(config.rules_max, 500);
	ck_assert_uint_eq(config.set_members_max, 4000);
	ck_assert_uint_eq(config.events_max, 20);
	ck_assert_uint_eq(config.timeouts_ns[MS_TIMEOUT_TCP_SYN], SECOND_NS);
	ck_assert_uint_eq(config.timeouts_ns[MS_TIMEOUT_TCP_ESTABLISHED], 7200 * SECOND_NS);
	ck_assert_uint_eq(config.timeouts_ns[MS_TIMEOUT_TCP_FIN], 3 * SECOND_NS);
	ck_assert_uint_eq(config.timeouts_ns[MS_TIMEOUT_UDP_ONEWAY], 4 * SECOND_NS);
	ck_assert_uint_eq(config.timeouts_ns[MS_TIMEOUT_UDP_TWOWAY], 300 * SECOND_NS);
	ck_assert_uint_eq(config.timeouts_ns[MS_TIMEOUT_ICMP], 6 * SECOND_NS);
	ck_assert_uint_eq(config.timeouts_ns[MS_TIMEOUT_OTHER], 7 * SECOND_NS);
	ck_assert_uint_eq(config.adopt_grace_ns, 0);
	ck_assert(!config.realtime);
	ck_assert_int_eq(config.log_level, MS_LOG_DEBUG);
	ck_assert_int_eq(config.log_events, MS_LOG_EVENTS_ALL);
}
END_TEST

/* One that is loaded by itself stands where the file has it. */
START_TEST(a_plugin_is_put_in_its_place)
{
	ms_cleanup(ms_config_fini) struct ms_config into = { 0 };
	ms_cleanup(ms_config_fini) struct ms_config from = { 0 };
	static const char *const names[] = { "a", "c", "e", "d" };
	struct ms_config_plugins *plugins = &into.plugins;

	ck_assert_int_eq(ms_config_init(&into), 0);
	ck_assert_int_eq(ms_config_init(&from), 0);
	ck_assert_int_eq(read_config("plugins: { c: { before: true }, d: {} }\n", &into, NULL), 0);
	ck_assert_int_eq(
		read_config("plugins: { a: {}, b: {}, c: {}, e: { before: true } }\n", &from, NULL),
		0);
	ck_assert_int_eq(ms_config_plugins_put(plugins, &from.plugins, "e"), 0);
	ck_assert_int_eq(ms_config_plugins_put(plugins, &from.plugins, "a"), 0);
	ck_assert_uint_eq(plugins->count, 4);
	for (size_t i = 0; i < 4; i++) {
		ck_assert_str_eq(plugins->list[i].name, names[i]);
		ck_assert_uint_eq(ms_config_plugins_rank(plugins, names[i]), i);
		ck_assert_int_eq(ms_config_plugins_is_before(plugins, names[i]), i == 1 || i == 2);
	}
	ck_assert(!ms_config_plugins_same_order(plugins, &from.plugins));
	ck_assert(ms_config_plugins_same_order(plugins, plugins));
}
END_TEST

/* Nothing, comments only, and the file that is installed say the same: the defaults. */
START_TEST(what_is_not_said_is_the_default)
{
	static const char *const texts[] = { "", "# nothing\n", "log: { level: info }\n", NULL };
	ms_cleanup(ms_config_fini) struct ms_config config = { 0 };

	ck_assert_int_eq(ms_config_init(&config), 0);
	if (texts[_i])
		ck_assert_int_eq(read_config(texts[_i], &config, NULL), 0);
	else
		ck_assert_int_eq(ms_config_read(&config, MS_CONFIG_EXAMPLE, NULL), 0);
	ck_assert_str_eq(config.policy, "/etc/microseg/policy.d");
	ck_assert_uint_eq(config.sessions, 0);
	ck_assert_int_eq(config.session_table, MS_SESSION_TABLE_SET);
	ck_assert_uint_eq(config.rules_max, 100000);
	ck_assert_uint_eq(config.set_members_max, 2097152);
	ck_assert_uint_eq(config.events_max, 10000);
	ck_assert_uint_eq(config.timeouts_ns[MS_TIMEOUT_TCP_SYN], 20 * SECOND_NS);
	ck_assert_uint_eq(config.timeouts_ns[MS_TIMEOUT_TCP_ESTABLISHED], 86400 * SECOND_NS);
	ck_assert_uint_eq(config.timeouts_ns[MS_TIMEOUT_OTHER], 60 * SECOND_NS);
	ck_assert_uint_eq(config.adopt_grace_ns, 60 * SECOND_NS);
	ck_assert(config.realtime);
	ck_assert_int_eq(config.log_level, MS_LOG_INFO);
	ck_assert_int_eq(config.log_events, MS_LOG_EVENTS_DENY);
}
END_TEST

static const struct {
	const char *text, *word;
	unsigned int line, column;
} refused[] = {
	{ "policy: /a\npolcy: /b\n", "polcy", 2, 1 },
	{ "policy: policy.d\n", "policy.d", 1, 9 },
	{ "policy: 5\n", "5", 1, 9 },
	{ "limits: { session: 5 }\n", "session", 1, 11 },
	{ "limits: { sessions: 5 }\n", "5", 1, 21 },
	{ "limits: { session_table: hash }\n", "hash", 1, 26 },
	{ "limits: { sessions: \"4096\" }\n", "4096", 1, 21 },
	{ "limits: { rules: 0 }\n", "0", 1, 18 },
	{ "limits: { rules: 100001 }\n", "100001", 1, 18 },
	{ "limits: { set_members: 1023 }\n", "1023", 1, 24 },
	{ "limits: { set_members: 2097153 }\n", "2097153", 1, 24 },
	{ "limits:\n", "limits", 1, 1 },
	{ "timeouts: { tcp: 5s }\n", "tcp", 1, 13 },
	{ "timeouts: { icmp: 5 }\n", "5", 1, 19 },
	{ "timeouts: { icmp: 0s }\n", "0s", 1, 19 },
	{ "adopt_grace: 2h\n", "2h", 1, 14 },
	{ "scheduling: batch\n", "batch", 1, 13 },
	{ "log: { level: verbose }\n", "verbose", 1, 15 },
	{ "log: { events: drop }\n", "drop", 1, 16 },
	{ "plugins: { Rate: {} }\n", "Rate", 1, 12 },
	{ "plugins: { rate: { a: 1 }, rate: {} }\n", "rate", 1, 28 },
	{ "plugins: { rate: { a: 1, a: 2 } }\n", "a", 1, 26 },
	{ "plugins: { rate: { a: [] } }\n", "[]", 1, 23 },
	{ "plugins: { rate: }\n", "rate", 1, 12 },
	{ "plugins: [ratelimit]\n", "[", 1, 10 },
	{ "- policy\n", "-", 1, 1 },
	{ "log: &a { level: info }\n", "&a", 1, 6 },
	{ "log: { level: info, level: info }\n", "level", 1, 21 },
	{ "policy: /a\n---\npolicy: /b\n", "---", 2, 1 },
};

START_TEST(is_refused_at_its_word_and_nothing_changes)
{
	ms_cleanup(ms_config_fini) struct ms_config config = { 0 };
	struct ms_error err = MS_ERROR_INIT;
	struct ms_config before;

	ck_assert_int_eq(ms_config_init(&config), 0);
	before = config;
	ck_assert_int_eq(read_config(refused[_i].text, &config, &err), -EINVAL);
	ck_assert_str_eq(err.word, refused[_i].word);
	ck_assert_uint_eq(err.line, refused[_i].line);
	ck_assert_uint_eq(err.column, refused[_i].column);
	ck_assert_mem_eq(&config, &before, sizeof(config));
	ck_assert_str_eq(config.policy, MS_CONFIG_POLICY);
}
END_TEST

/* Which option of a plugin is a secret is not known while the file is read, so none is repeated;
 * `%s` is what must not be. */
static const struct {
	const char *text;
	unsigned int line, column;
} unrepeated[] = {
	{ "plugins: { feed: %s }\n", 1, 18 },
	{ "plugins: { feed: \"%s\" }\n", 1, 18 },
	{ "plugins: { feed: { lists: [a, [%s]] } }\n", 1, 31 },
	{ "plugins:\n  feed:\n    lists:\n      - - %s\n", 4, 9 },
	{ "plugins:\n  feed:\n    lists:\n      %s: b\n", 4, 7 },
	{ "plugins:\n  feed:\n    lists: a\n    u:%s: b\n", 4, 5 },
	{ "plugins: { feed: { lists: &%s } }\n", 1, 27 },
	{ "plugins: { feed: { lists: *%s } }\n", 1, 27 },
	{ "plugins: { feed: { lists: !%s } }\n", 1, 27 },
	{ "plugins: { feed: { lists: @%s } }\n", 1, 27 },
	{ "plugins: { feed: { lists: `%s } }\n", 1, 27 },
	{ "plugins: { feed: { lists: \"%s } }\n", 1, 27 },
	{ "plugins: { feed: { lists: \"\\q%s\" } }\n", 1, 27 },
	{ "plugins: { feed: { lists: \"\\n%s\" } }\n", 1, 27 },
	{ "plugins: { feed: { lists: [a: %s] } }\n", 1, 28 },
	{ "plugins: { feed: { lists: [%s: a] } }\n", 1, 28 },
	{ "plugins:\n  feed:\n    lists: a: %s\n", 3, 13 },
	{ "plugins:\n  feed:\n    lists: \"a\" %s\n", 3, 16 },
	{ "plugins:\n  feed: { lists: a }\n---\n%s\n", 3, 1 },
	{ "plugins: { feed: { before: %s } }\n", 1, 28 },
	/* Lines that slipped out of their plugin, or of all. */
	{ "plugins:\n  feed: { lists: a }\n  u:%s: b\n", 3, 3 },
	{ "plugins:\n  feed: { lists: a }\n  \"u=%s\": b\n", 3, 3 },
	{ "plugins:\n  feed: { lists: a }\n  u:%s:\n", 3, 3 },
	{ "plugins:\n  feed: { lists: a }\na123456789012345%s: b\n", 3, 1 },
	{ "plugins:\n  feed: { lists: a }\npassword=%s: b\n", 3, 1 },
	{ "plugins:\n  feed: { lists: a }\npassword: %s\n", 3, 1 },
};

static void expect_unrepeated(const char *text, unsigned int line, unsigned int column)
{
	ms_cleanup(ms_config_fini) struct ms_config config = { 0 };
	struct ms_error err = MS_ERROR_INIT;

	ck_assert_int_eq(ms_config_init(&config), 0);
	ck_assert_int_eq(read_config(text, &config, &err), -EINVAL);
	ck_assert_msg(!strstr(err.message, "hush"), "%s", err.message);
	ck_assert_msg(!strstr(err.word, "hush"), "%s", err.word);
	ck_assert_msg(err.line == line && err.column == column, "%u:%u: %s", err.line, err.column,
		      err.message);
}

START_TEST(no_value_of_a_plugin_is_repeated)
{
	char text[256];

	/* The place is that of the table; what is said is not looked at. */
	strcpy(text, unrepeated[_i].text);
	*strchr(text, '%') = '\0';
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "hush%s",
		 strchr(unrepeated[_i].text, '%') + 2);
	expect_unrepeated(text, unrepeated[_i].line, unrepeated[_i].column);
}
END_TEST

/* One value too long, and one too many; both also where a thread reads the file ahead. */
START_TEST(no_value_beyond_a_limit_is_repeated)
{
	ms_cleanup(ms_free) char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	ck_assert_ptr_nonnull(out);
	for (int i = 0; i < (_i & 1 ? 2000 : 0); i++)
		fprintf(out, "# %060d\n", i);
	fputs("plugins: { feed: { lists: [", out);
	for (int i = 0; _i & 2 && i < 64; i++)
		fputs("1,", out);
	fprintf(out, "hush%0*d] } }\n", _i & 2 ? 1 : 1021, 0);
	ck_assert_int_eq(fclose(out), 0);
	expect_unrepeated(text, _i & 1 ? 2001 : 1, _i & 2 ? 156 : 28);
}
END_TEST

START_TEST(absent_file_is_told_apart)
{
	ms_cleanup(ms_config_fini) struct ms_config config = { 0 };

	ck_assert_int_eq(ms_config_init(&config), 0);
	ck_assert_int_eq(ms_config_read(&config, "/nonexistent/microseg.yaml", NULL), -ENOENT);
}
END_TEST

/* While the thread that reads ahead has most of it still before it. */
START_TEST(a_long_one_is_refused_at_its_first_word)
{
	ms_cleanup(ms_config_fini) struct ms_config config = { 0 };
	ms_cleanup(ms_free) char *text = NULL;
	struct ms_error err = MS_ERROR_INIT;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	ck_assert_ptr_nonnull(out);
	fputs("bogus: 1\nplugins:\n", out);
	for (int i = 0; i < 8000; i++)
		fprintf(out, "  p%d: { k: [ %060d, %060d ] }\n", i, i, i);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_int_eq(ms_config_init(&config), 0);
	ck_assert_int_eq(read_config(text, &config, &err), -EINVAL);
	ck_assert_uint_eq(err.line, 1);
	ck_assert_uint_eq(err.column, 1);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("config");
	TCase *tcase = tcase_create("config");

	tcase_add_test(tcase, every_key_is_read);
	tcase_add_test(tcase, a_plugin_is_put_in_its_place);
	tcase_add_loop_test(tcase, what_is_not_said_is_the_default, 0, 4);
	tcase_add_loop_test(tcase, is_refused_at_its_word_and_nothing_changes, 0,
			    ms_array_size(refused));
	tcase_add_loop_test(tcase, no_value_of_a_plugin_is_repeated, 0, ms_array_size(unrepeated));
	tcase_add_loop_test(tcase, no_value_beyond_a_limit_is_repeated, 0, 4);
	tcase_add_test(tcase, absent_file_is_told_apart);
	tcase_add_loop_test(tcase, a_long_one_is_refused_at_its_first_word, 0, 20);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return ms_check_run(make_suite());
}
