/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The source `feed` in a daemon, with a web server that is none of ours. A rule of the operator's
 * denies port 80 to the addresses of a set that only the list fills; the tests come from 10.1.0.1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/traffic.h"

#define FOLDER MS_NETNS_DIR "/plugins"
#define PAGES MS_NETNS_DIR "/pages"
#define LIST PAGES "/list"
#define GUARDED "10.1.0.2"
#define WEB_PORT 8099
#define WEB_PORT_TEXT "8099"
#define SOON 3000
#define GONE 400

static const char policy[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: work, match: { name: \"veth-*\" }, default: { in: allow, out: allow } }\n"
	"sets: { listed: [] }\n"
	"rules:\n"
	"  - { id: blocked, group: work, dir: in, proto: tcp, dport: 80, from: \"set:listed\",\n"
	"      action: deny, log: true }\n";

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;
static pid_t web; /* 0 = none runs */

/* A program of another's, in the pages' folder, that keeps what it has to say to itself. */
static void serve(void *user)
{
	char *const *argv = user;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (chdir(PAGES) == 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(null, STDOUT_FILENO) >= 0 &&
	    dup2(null, STDERR_FILENO) >= 0)
		execvp(argv[0], argv);
	_exit(127);
}

static bool is_serving(void *user)
{
	(void)user;
	return ms_traffic_reach(NULL, "127.0.0.1", WEB_PORT, SOON) == 0;
}

static void start_web(void)
{
	static const char *const argv[] = { "python3", "-m",        "http.server", WEB_PORT_TEXT,
					    "--bind",  "127.0.0.1", NULL };

	web = ms_proc_fork(NULL, serve, (void *)argv);
	ck_assert(ms_netns_wait(is_serving, NULL, 20));
}

static void stop_web(void)
{
	ms_proc_end(web);
	web = 0;
}

/* Renamed into its place, so that no half of it is ever served. */
static void list(const char *lines)
{
	FILE *file = fopen(LIST ".new", "we");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(lines, file), 0);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(rename(LIST ".new", LIST), 0);
}

static void configure(const char *url, const char *more)
{
	char config[512];

	snprintf(config, sizeof(config),
		 "plugins:\n"
		 "  feed:\n"
		 "    lists: [\"listed=%s/list\"]\n"
		 "    interval: 1s\n%s",
		 url, more);
	ms_proc_write_config(microsegd, config);
}

static void start(void)
{
	ms_proc_start(microsegd, "--plugin-dir", FOLDER, NULL);
}

static void setup(void)
{
	ms_netns_setup();
	/* The tests' own tmpfs, which anybody may write. */
	ck_assert_int_eq(chmod("/run", 0755), 0);
	ck_assert_int_eq(mkdir(FOLDER, 0755), 0);
	ck_assert_int_eq(mkdir(PAGES, 0755), 0);
	ms_netns_add("a");
	ms_netns_veth("veth-a", "a", "10.1.0.", NULL);
	ms_traffic_server("a", 80);
	ms_traffic_server("a", 81);
	ms_proc_init(microsegd, "one");
	ms_proc_write_policy(microsegd, "10-test.yaml", policy);
	configure("http://127.0.0.1:" WEB_PORT_TEXT, "");
	ms_netns_run_command("install -m 0755 " MS_TEST_PLUGIN_DIR "/feed.so " FOLDER "/");
	start_web();
}

/* ---- what is expected, sooner or later ---- */

/* A part of what `source show feed` has at a path; NULL = null. */
struct expectation {
	const char *path, *part;
};

static bool is_shown(void *user)
{
	const struct expectation *expected = user;
	json_auto_t *lines = ms_ctl(microsegd, "source", "show", "feed", NULL);
	json_t *value = ms_ctl_at(json_array_get(lines, 0), expected->path);
	const char *text = json_string_value(value);

	return expected->part ? text && strstr(text, expected->part) : json_is_null(value);
}

static void expect_trouble(const char *part)
{
	struct expectation expected = { "source.trouble", part };

	ck_assert_msg(ms_netns_wait(is_shown, &expected, 30), "trouble is not %s",
		      part ? part : "over");
}

static json_int_t number(const char *path)
{
	json_auto_t *lines = ms_ctl(microsegd, "source", "show", "feed", NULL);

	return ms_ctl_int(json_array_get(lines, 0), path);
}

static bool has_transactions(void *user)
{
	return number("transactions") >= *(json_int_t *)user;
}

static void expect_transaction(json_int_t nth)
{
	ck_assert_msg(ms_netns_wait(has_transactions, &nth, 30), "there was no transaction %lld",
		      (long long)nth);
}

static void expect_open(uint16_t port)
{
	ck_assert_int_eq(ms_traffic_reach(NULL, GUARDED, port, SOON), 0);
}

/* By this rule and for this reason, and nothing else: the other port stays open. */
static void expect_denied(void)
{
	json_int_t before = ms_ctl_rule_packets(microsegd, "blocked");
	json_auto_t *event = NULL;

	ck_assert_int_eq(ms_traffic_reach(NULL, GUARDED, 80, GONE), -ETIMEDOUT);
	ck_assert_int_gt(ms_ctl_rule_packets(microsegd, "blocked"), before);
	event = ms_ctl_event(microsegd, "blocked", "deny");
	ck_assert_str_eq(ms_ctl_text(event, "reason"), "rule");
	expect_open(81);
}

/* ---- the tests ---- */

START_TEST(who_is_listed_is_denied_and_who_is_not_arrives)
{
	list("# two\n10.9.0.0/16\n10.1.0.1 ; us\nnobody\n");
	start();
	expect_transaction(1);
	expect_denied();
	ck_assert_int_eq(number("source.members"), 2);
	ck_assert(ms_proc_logged(microsegd, "line 4 is no address or prefix: 'nobody'"));
	list("10.9.0.0/16\n");
	expect_transaction(2);
	expect_open(80);
	list("10.9.0.0/16\n10.1.0.0/24\n");
	expect_transaction(3);
	expect_denied();
	ck_assert(ms_proc_logged(microsegd, "feed: 0 members added, 1 removed, 1 in all"));
	ck_assert(ms_proc_logged(microsegd, "feed: 1 members added, 0 removed, 2 in all"));
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(what_is_in_force_outlives_the_server)
{
	list("10.1.0.1\n");
	start();
	expect_transaction(1);
	expect_trouble(NULL);
	stop_web();
	expect_trouble("http://127.0.0.1:8099/list: ");
	ck_assert_int_ge(number("source.age_ms"), 0);
	ck_assert_int_eq(number("source.members"), 1);
	expect_denied();
	list(""); /* the server is back, and has nothing to say */
	start_web();
	expect_trouble("http://127.0.0.1:8099/list: it is empty");
	expect_denied();
	list("10.9.0.1\n");
	expect_trouble(NULL);
	expect_transaction(2);
	expect_open(80);
	ms_proc_stop(microsegd);
}
END_TEST

/* A daemon that starts while the server is gone has what the last one was told. */
START_TEST(and_the_daemon_too)
{
	list("10.1.0.1\n");
	start();
	expect_transaction(1);
	ms_proc_kill(microsegd);
	stop_web();
	start();
	expect_trouble("http://127.0.0.1:8099/list: ");
	expect_denied();
	list("10.9.0.1\n");
	start_web();
	expect_transaction(1);
	expect_open(80);
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- over TLS ---- */

static void make_certificate(const char *name, const char *more)
{
	ms_netns_run_command("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 "
			     "-nodes -days 2 -subj /CN=%s -keyout " PAGES "/%s.key -out " PAGES
			     "/%s.pem %s 2>" PAGES "/openssl.log",
			     name, name, name, more);
}

/* Files are whole answers to it, and who has not our certificate gets none. */
static void start_tls_web(void)
{
	static const char *const argv[] = { "openssl",
					    "s_server",
					    "-HTTP",
					    "-accept",
					    "127.0.0.1:" WEB_PORT_TEXT,
					    "-cert",
					    "server.pem",
					    "-key",
					    "server.key",
					    "-CAfile",
					    "client.pem",
					    "-Verify",
					    "1",
					    "-verify_return_error",
					    NULL };

	web = ms_proc_fork(NULL, serve, (void *)argv);
	ck_assert(ms_netns_wait(is_serving, NULL, 20));
}

#define TLS_CA "    ca_file: " PAGES "/server.pem\n"
#define TLS_CLIENT                                                                                 \
	"    cert_file: " PAGES "/client.pem\n"                                                    \
	"    key_file: " PAGES "/client.key\n"

static const struct {
	const char *more, *trouble; /* NULL = it comes */
} trusts[] = {
	{ TLS_CA TLS_CLIENT, NULL },
	{ TLS_CLIENT, "SSL certificate problem" },
	{ TLS_CA, "alert" },
	{ "    ca_file: " PAGES "/client.pem\n" TLS_CLIENT, "SSL certificate problem" },
};

START_TEST(certificates_are_asked_for_and_shown)
{
	stop_web();
	make_certificate("server", "-addext subjectAltName=IP:127.0.0.1");
	make_certificate("client", "");
	list("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n10.1.0.1\n");
	configure("https://127.0.0.1:" WEB_PORT_TEXT, trusts[_i].more);
	start_tls_web();
	start();
	if (trusts[_i].trouble) {
		expect_trouble(trusts[_i].trouble);
		ck_assert_int_eq(number("transactions"), 0);
		expect_open(80);
	} else {
		expect_transaction(1);
		expect_denied();
	}
	ms_proc_stop(microsegd);
}
END_TEST

static Suite *feed_source_suite(void)
{
	Suite *suite = suite_create("feed_source");
	TCase *force = tcase_create("force");

	tcase_add_checked_fixture(force, setup, NULL);
	tcase_set_timeout(force, 120);
	tcase_add_test(force, who_is_listed_is_denied_and_who_is_not_arrives);
	tcase_add_test(force, what_is_in_force_outlives_the_server);
	tcase_add_test(force, and_the_daemon_too);
	tcase_add_loop_test(force, certificates_are_asked_for_and_shown, 0,
			    sizeof(trusts) / sizeof(trusts[0]));
	suite_add_tcase(suite, force);
	return suite;
}

int main(void)
{
	return ms_netns_run(feed_source_suite());
}
