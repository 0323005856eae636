/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The source `feed` in a daemon, with a web server that is none of ours. A rule of the operator's
 * denies port 80 to the addresses of a set that only the list fills; the tests come from 10.1.0.1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"
#include "tests/harness/site.h"
#include "tests/harness/traffic.h"
#include "tests/netns/new_flows.h"
#include "tests/netns/set_writes.h"

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
	ms_netns_put_file(LIST, lines);
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
	ms_plugin_folder_start(microsegd, NULL);
}

static void setup(void)
{
	ms_plugin_folder_setup(microsegd, policy);
	ck_assert_int_eq(mkdir(PAGES, 0755), 0);
	configure("http://127.0.0.1:" WEB_PORT_TEXT, "");
	ms_plugin_folder_add("feed");
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
	ck_assert_msg(ms_netns_wait(has_transactions, &nth, 60), "there was no transaction %lld",
		      (long long)nth);
}

static void expect_open(uint16_t port)
{
	ck_assert_int_eq(ms_traffic_reach(NULL, GUARDED, port, SOON), 0);
}

/* By this rule and for this reason, and nothing else: the other port stays open. */
static void expect_denied(void)
{
	ms_site_expect_denied(microsegd, 80, "blocked");
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
	ck_assert(ms_proc_logged(microsegd, "feed: 1 member added, 0 removed, 2 in all"));
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

/* What the process before this one could not have is no trouble of this one's. */
START_TEST(a_trouble_ends_with_another_process)
{
	list("10.1.0.1\n");
	stop_web();
	start();
	expect_trouble("http://127.0.0.1:8099/list: ");
	start_web();
	ms_ctl_do(microsegd, "plugin", "reload", "feed", NULL);
	expect_transaction(1);
	expect_trouble(NULL);
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- under traffic ---- */

/* Only who is listed may. */
static const char allow_policy[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: work, match: { name: \"veth-*\" }, default: { in: deny, out: allow } }\n"
	"sets: { listed: [] }\n"
	"rules:\n"
	"  - { id: let, group: work, dir: in, proto: tcp, dport: 80, from: \"set:listed\",\n"
	"      action: allow }\n"
	"  - { id: let-new, group: work, dir: in, proto: udp, from: \"set:listed\", action: allow }\n"
	"  - { id: others, group: work, dir: in, action: deny, log: true }\n";

#define LISTED 50

/* `us`, what it lies in and neighbours of it: each list has none of the other's. */
static void list_others(const char *us, bool odd)
{
	char lines[LISTED * 24 + 128];
	size_t used = (size_t)snprintf(lines, sizeof(lines), "%s10.1.0.0/%d\n", us, odd ? 31 : 32);

	if (odd && *us)
		used += (size_t)snprintf(lines + used, sizeof(lines) - used,
					 "10.0.0.0/8\n10.1.0.0/24\n");
	for (unsigned int i = 0; i < LISTED; i++)
		used += (size_t)snprintf(lines + used, sizeof(lines) - used, "10.1.0.%u\n",
					 4 + 2 * i + odd);
	list(lines);
}

START_TEST(who_stays_in_the_list_is_let_in_all_the_while)
{
	struct ms_traffic_pump *pump;
	struct new_flows *flows;
	json_auto_t *event = NULL;
	uint64_t rounds, sent;

	ms_proc_write_policy(microsegd, "10-test.yaml", allow_policy);
	configure("file://" PAGES, "");
	list_others("10.1.0.1\n", false);
	start();
	expect_transaction(1);
	pump = ms_traffic_pump_start(NULL, MS_TRAFFIC_TCP, GUARDED, 80, 0);
	flows = new_flows_start("veth-a", "10.1.0.1", GUARDED);
	for (json_int_t nth = 2; nth <= 11; nth++) {
		list_others("10.1.0.1\n", nth % 2 == 0);
		expect_transaction(nth);
	}
	ck_assert(ms_traffic_pump_advances(pump, 1));
	sent = new_flows_end(flows);
	ck_assert_int_eq(ms_ctl_stat(microsegd, "dropped"), 0);
	ck_assert_int_eq(ms_ctl_rule_packets(microsegd, "let-new"), (json_int_t)(2 * sent));
	ck_assert_int_eq(ms_ctl_rule_packets(microsegd, "others"), 0);

	list_others("", false);
	expect_transaction(12);
	event = ms_ctl_event(microsegd, "others", "deny");
	/* By the rule, or by what it made of the session a packet before. */
	ck_assert(strcmp(ms_ctl_text(event, "reason"), "rule") == 0 ||
		  strcmp(ms_ctl_text(event, "reason"), "session") == 0);
	rounds = pump->rounds;
	ck_assert(ms_traffic_pump_stops(pump));
	ck_assert_uint_eq(pump->rounds, rounds);
	ms_traffic_pump_end(pump);
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- a million ---- */

#ifdef __SANITIZE_ADDRESS__ /* which makes minutes of it */
#define MILLION 100000
#else
#define MILLION 1000000
#endif
#define CHANGED 10

static struct set_writes *writes; /* since the daemon before the last one started */

static void start_counting(void)
{
	writes = set_writes_make();
	ms_proc_start_program(microsegd, MS_TEST_SET_WRITES_DAEMON, "--plugin-dir",
			      MS_PLUGIN_FOLDER, NULL);
}

static void expect_writes(uint64_t added, uint64_t removed)
{
	ck_assert_uint_eq(writes->added, added);
	ck_assert_uint_eq(writes->removed, removed);
	writes->added = writes->removed = 0;
}

/* Both families, in no order; the first CHANGED are `us`, and neighbours of `name`. */
static void list_million(const char *us, unsigned int name)
{
	FILE *file = fopen(LIST ".new", "we");

	ck_assert_ptr_nonnull(file);
	fprintf(file, "%s\n", us);
	for (unsigned int i = 1; i < CHANGED; i++)
		fprintf(file, "192.0.%u.%u\n", name, i);
	for (unsigned int i = CHANGED; i < MILLION; i++) {
		unsigned int mixed = i * 2654435761u; /* odd: no two are one */

		if (i % 2)
			fprintf(file, "2001:db8:%x:%x::/64\n", mixed >> 16, mixed & 0xffff);
		else
			fprintf(file, "%u.%u.%u.%u/32\n", 64 + (mixed >> 26), mixed >> 18 & 255,
				mixed >> 10 & 255, mixed >> 2 & 255);
	}
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(rename(LIST ".new", LIST), 0);
}

static json_int_t number_of_its_own(const char *name)
{
	json_auto_t *lines = ms_ctl(microsegd, "source", "show", "feed", NULL);
	json_t *stats = ms_ctl_at(json_array_get(lines, 0), "stats"), *number;
	size_t i;

	json_array_foreach (stats, i, number) {
		if (strcmp(ms_ctl_text(number, "name"), name) == 0)
			return ms_ctl_int(number, "value");
	}
	return -1;
}

static bool is_asked_again(void *user)
{
	return number_of_its_own("unchanged") > *(json_int_t *)user;
}

static json_int_t generation_now(void)
{
	json_auto_t *status = ms_ctl(microsegd, "status", NULL);

	return ms_ctl_int(json_array_get(status, 0), "generation_applied");
}

/* This machine's addresses are in the same tables. */
static uint64_t host_members(void)
{
	json_auto_t *lines = ms_ctl(microsegd, "set", "list", NULL);

	return (uint64_t)ms_ctl_int(ms_ctl_find(lines, "sets", "name", "host"), "members");
}

#define MB 1000000ULL

/* A line of /proc/PID/status, in bytes. */
static uint64_t memory(pid_t pid, const char *what)
{
	char text[32];

	ms_netns_read_command(text, sizeof(text), "awk '/^%s:/ {print $2}' /proc/%d/status", what,
			      (int)pid);
	return strtoull(text, NULL, 10) * 1024;
}

/* What the README says of memory, with room for another libc's ways. */
static void expect_memory(void)
{
	json_auto_t *lines = ms_ctl(microsegd, "source", "show", "feed", NULL);
	pid_t plugin = (pid_t)ms_ctl_int(json_array_get(lines, 0), "pid");
	uint64_t held = memory(microsegd->pid, "VmRSS"), most = memory(microsegd->pid, "VmHWM");
	uint64_t plugins = memory(plugin, "VmHWM");

	ck_assert_msg(held < 250 * MB, "the daemon holds %llu bytes", (unsigned long long)held);
	ck_assert_msg(most < 450 * MB, "the daemon had %llu bytes", (unsigned long long)most);
	ck_assert_msg(plugins < 140 * MB, "the plugin had %llu bytes", (unsigned long long)plugins);
}

/* From a file and over HTTP. What is written to the datapath is what changed, and no more. */
START_TEST(a_million_members)
{
	bool is_file = _i == 1;
	json_int_t before, unchanged;

	list_million("10.1.0.1", 1);
	if (is_file)
		configure("file://" PAGES, "");
	start_counting();
	expect_transaction(1);
	ck_assert_int_eq(number("source.members"), MILLION);
	expect_denied();
	expect_writes(MILLION + host_members(), 0);

	before = generation_now();
	list_million("10.1.0.3", 2);
	expect_transaction(2);
	expect_open(80);
	expect_writes(CHANGED, CHANGED);
	ck_assert_int_eq(generation_now(), before);
	ck_assert(ms_proc_logged(microsegd, "feed: 10 members added, 10 removed, "));

	/* The same file again is not even read. */
	unchanged = number_of_its_own("unchanged");
	if (!is_file)
		ck_assert(ms_netns_wait(is_asked_again, &unchanged, 30));
	ck_assert_int_eq(number("transactions"), 2);
	expect_writes(0, 0);

	list_million("10.1.0.1", 1);
	expect_transaction(3);
	expect_denied();
	expect_writes(CHANGED, CHANGED);

	if (MILLION == 1000000) /* a sanitizer has more of its own */
		expect_memory();

	/* The next daemon finds them in force and on disk, and nothing to do. */
	ms_proc_kill(microsegd);
	stop_web();
	ck_assert_int_eq(unlink(LIST), 0);
	ms_proc_start_program(microsegd, MS_TEST_SET_WRITES_DAEMON, "--plugin-dir",
			      MS_PLUGIN_FOLDER, NULL);
	expect_denied();
	ck_assert_int_eq(number("source.members"), MILLION);
	expect_writes(0, 0);
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
	TCase *force = tcase_create("force"), *million = tcase_create("million");

	tcase_add_checked_fixture(force, setup, NULL);
	tcase_set_timeout(force, 120);
	tcase_add_test(force, who_is_listed_is_denied_and_who_is_not_arrives);
	tcase_add_test(force, what_is_in_force_outlives_the_server);
	tcase_add_test(force, and_the_daemon_too);
	tcase_add_test(force, a_trouble_ends_with_another_process);
	tcase_add_test(force, who_stays_in_the_list_is_let_in_all_the_while);
	tcase_add_loop_test(force, certificates_are_asked_for_and_shown, 0,
			    sizeof(trusts) / sizeof(trusts[0]));
	suite_add_tcase(suite, force);
	tcase_add_checked_fixture(million, setup, NULL);
	tcase_set_timeout(million, 300);
	tcase_add_loop_test(million, a_million_members, 0, 2);
	suite_add_tcase(suite, million);
	return suite;
}

int main(void)
{
	return ms_netns_run(feed_source_suite());
}
