/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Our own sinks in a daemon, with packets that are real. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"

#define PACKETS 40
#define SOON 30

static const char policy[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: work, match: { name: \"veth-*\" }, default: { in: allow, out: allow } }\n"
	"rules:\n"
	"  - { id: no/udp, group: work, dir: in, proto: udp, dport: 9999, action: deny }\n";

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;
static char text[1 << 17], file[200];

static void setup(void)
{
	ms_plugin_folder_setup(microsegd, policy);
	ms_plugin_folder_add("journal");
	ms_plugin_folder_add("exporter");
	snprintf(file, sizeof(file), "%s/state/plugin-journal/events.json", microsegd->dir);
	/* The run directory is not the default one, and nobody tells the exporter. */
	ms_proc_write_config(microsegd, "plugins: { journal: { to: file }, exporter: {} }\n");
	ms_plugin_folder_start(microsegd, NULL);
	ms_ctl_wait_iface(microsegd, "veth-a", "protected");
}

static void send_denied(uint16_t from, unsigned int count)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
					.sin_port = htons(9999),
					.sin_addr.s_addr = inet_addr("10.1.0.2") };
	const struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(from) };
	ms_cleanup(ms_close_fd) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	for (unsigned int i = 0; i < count; i++)
		ck_assert_int_eq(sendto(fd, "x", 1, 0, (const struct sockaddr *)&to, sizeof(to)),
				 1);
}

/* ---- journal ---- */

/* The first line about a packet from this port. */
static bool is_written(void *user)
{
	ms_netns_read_command(text, sizeof(text),
			      "grep -m 1 '\"sport\":%u,' %s 2>/dev/null || true",
			      *(unsigned int *)user, file);
	return text[0] == '{';
}

static json_t *line_of(unsigned int from)
{
	json_t *line;

	ck_assert_msg(ms_netns_wait(is_written, &from, SOON), "no line about port %u", from);
	line = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_ptr_nonnull(line);
	return line;
}

START_TEST(journal_has_what_the_daemon_judged)
{
	json_auto_t *line = NULL, *event = NULL;

	send_denied(4001, 1);
	line = line_of(4001);
	event = ms_ctl_event(microsegd, "no/udp", "deny");
	ck_assert_str_eq(ms_ctl_text(line, "verdict"), "deny");
	ck_assert_str_eq(ms_ctl_text(line, "reason"), "rule");
	ck_assert_str_eq(ms_ctl_text(line, "rule"), "no/udp");
	ck_assert_str_eq(ms_ctl_text(line, "iface"), "veth-a");
	ck_assert_str_eq(ms_ctl_text(line, "group"), "work");
	ck_assert_str_eq(ms_ctl_text(line, "dir"), "in");
	ck_assert_str_eq(ms_ctl_text(line, "proto"), "udp");
	ck_assert_str_eq(ms_ctl_text(line, "to"), "10.1.0.2");
	ck_assert_int_eq(ms_ctl_int(line, "dport"), 9999);
	/* The same words as `observe` has. */
	ck_assert_str_eq(ms_ctl_text(line, "time"), ms_ctl_text(event, "time"));
	ck_assert_str_eq(ms_ctl_text(line, "origin"), ms_ctl_text(event, "origin"));
	ck_assert_int_eq(ms_ctl_int(line, "length_bytes"), ms_ctl_int(event, "length_bytes"));
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- exporter ---- */

static unsigned long long exported(const char *sample)
{
	char start_of[128];
	const char *at;

	ms_netns_read_command(text, sizeof(text),
			      "wget -q -O - http://127.0.0.1:9477/metrics || true");
	snprintf(start_of, sizeof(start_of), "\n%s ", sample);
	at = strstr(text, start_of);
	return at ? strtoull(at + strlen(start_of), NULL, 10) : ~0ull;
}

static bool has_all(void *user)
{
	return exported("microseg_packets_total{verdict=\"deny\",reason=\"rule\"}") ==
	       *(unsigned int *)user;
}

START_TEST(exporter_counts_every_packet)
{
	unsigned int sent = PACKETS;

	send_denied(4002, PACKETS);
	ck_assert(ms_netns_wait(has_all, &sent, SOON));
	ck_assert_uint_eq(exported("microseg_rule_packets_total{rule=\"no/udp\"}"), PACKETS);
	ck_assert_uint_eq(exported("microseg_plugin_loaded{plugin=\"journal\"}"), 1);
	ck_assert_uint_eq(exported("microseg_degraded"), 0);
	send_denied(4002, PACKETS);
	sent = 2 * PACKETS;
	ck_assert(ms_netns_wait(has_all, &sent, SOON));
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- in the daemon's list ---- */

static json_int_t stat_of(const char *plugin, const char *name)
{
	json_auto_t *lines = ms_ctl(microsegd, "plugin", "show", plugin, NULL);
	json_t *number = ms_ctl_find(lines, "stats", "name", name);

	return number ? json_integer_value(json_object_get(number, "value")) : -1;
}

static bool has_written(void *user)
{
	(void)user;
	return stat_of("journal", "written") >= 1;
}

START_TEST(the_daemon_shows_and_unloads_them)
{
	json_auto_t *lines = ms_ctl(microsegd, "plugin", "list", NULL),
		    *sources = ms_ctl(microsegd, "source", "list", NULL);

	ck_assert_str_eq(ms_ctl_text(ms_ctl_find(lines, "plugins", "name", "journal"), "state"),
			 "loaded");
	ck_assert_str_eq(
		ms_ctl_text(ms_ctl_find(lines, "plugins", "name", "exporter"), "provides.0"),
		"sink");
	ck_assert_ptr_null(ms_ctl_find(sources, "sources", "name", "journal"));
	send_denied(4003, 1);
	ck_assert(ms_netns_wait(has_written, NULL, SOON));
	ms_ctl_do(microsegd, "plugin", "reload", "journal", NULL);
	send_denied(4004, 1);
	json_decref(line_of(4004));
	ms_ctl_do(microsegd, "plugin", "unload", "exporter", NULL);
	ck_assert_uint_eq(exported("microseg_up"), ~0ull);
	ms_ctl_do(microsegd, "plugin", "load", "exporter", NULL);
	ck_assert(ms_netns_wait(has_written, NULL, SOON));
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- its end ---- */

/* The daemon has collected it. */
static bool is_gone(void *user)
{
	return kill(*(pid_t *)user, 0) != 0;
}

static pid_t pid_of_journal(void)
{
	ms_netns_read_command(text, sizeof(text), "pgrep -P %d -f -- '-- journal$'",
			      (int)microsegd->pid);
	return (pid_t)atoi(text);
}

/* What is told to one that is dying dies with it: events wait from its end on. */
START_TEST(a_sink_that_is_killed_comes_back)
{
	pid_t daemon = microsegd->pid, sink;

	send_denied(4005, 1);
	json_decref(line_of(4005));
	sink = pid_of_journal();
	ck_assert_int_eq(kill(sink, SIGKILL), 0);
	ck_assert(ms_netns_wait(is_gone, &sink, SOON));
	/* Whether it is told before it is back, or after, it is told. */
	send_denied(4006, 1);
	json_decref(line_of(4006));
	ck_assert(ms_proc_is_alive(microsegd) && microsegd->pid == daemon);
	ms_proc_stop(microsegd);
}
END_TEST

static json_int_t lost_of_journal(void)
{
	json_auto_t *lines = ms_ctl(microsegd, "plugin", "list", NULL);

	return ms_ctl_int(ms_ctl_find(lines, "plugins", "name", "journal"), "events_lost");
}

static bool has_come_to_exporter(void *user)
{
	return exported("microseg_exporter_events_total") > *(const uint64_t *)user;
}

/* It has been handed the event, as the exporter has, and never got to it. */
START_TEST(what_a_sink_that_is_killed_was_handed_is_counted)
{
	uint64_t before = exported("microseg_exporter_events_total");
	pid_t sink;

	send_denied(4005, 1);
	json_decref(line_of(4005));
	ck_assert(ms_netns_wait(has_come_to_exporter, &before, SOON));
	sink = pid_of_journal();
	ck_assert_int_eq(kill(sink, SIGSTOP), 0);
	before = exported("microseg_exporter_events_total");
	send_denied(4006, 1);
	ck_assert(ms_netns_wait(has_come_to_exporter, &before, SOON));
	ck_assert_int_eq(lost_of_journal(), 0);
	ck_assert_int_eq(kill(sink, SIGKILL), 0);
	ck_assert(ms_netns_wait(is_gone, &sink, SOON));
	ck_assert_int_eq(lost_of_journal(), 1);
	ck_assert_uint_eq(exported("microseg_sink_events_lost_total{plugin=\"journal\"}"), 1);
	ck_assert_uint_eq(exported("microseg_sink_events_lost_total{plugin=\"exporter\"}"), 0);
	ms_proc_stop(microsegd);
}
END_TEST

/* What a sink was handed before it is told to stop it takes, and that is none that is lost. It has
 * half a second: where this process got no turn for so long, nothing is seen. */
START_TEST(what_a_sink_that_stops_was_handed_is_taken)
{
	uint64_t before = exported("microseg_exporter_events_total"), begun;
	pid_t sink = pid_of_journal();

	ck_assert_int_eq(kill(sink, SIGSTOP), 0);
	send_denied(4100, 1);
	ck_assert(ms_netns_wait(has_come_to_exporter, &before, SOON));
	begun = ms_netns_now_ns();
	ms_ctl_do(microsegd, "plugin", "reload", "journal", NULL);
	ck_assert_int_eq(kill(sink, SIGCONT), 0);
	if (ms_netns_now_ns() - begun < 300000000) {
		json_decref(line_of(4100));
		ck_assert(ms_netns_wait(is_gone, &sink, SOON));
		ck_assert_int_eq(lost_of_journal(), 0);
	}
	ms_proc_stop(microsegd);
}
END_TEST

/* Whatever there is of it is killed, until the daemon has had enough of that. */
static bool is_left_alone(void *user)
{
	json_auto_t *lines = ms_ctl(microsegd, "plugin", "list", NULL);

	(void)user;
	if (strcmp(ms_ctl_text(ms_ctl_find(lines, "plugins", "name", "journal"), "state"),
		   "failed") == 0)
		return true;
	ms_netns_run_command("pkill -KILL -P %d -f -- '-- journal$' || true", (int)microsegd->pid);
	return false;
}

/* A problem of the daemon's, by a part of its sentence. */
static bool has_problem(void *user)
{
	json_auto_t *lines = ms_ctl(microsegd, "status", NULL);
	char *all = json_dumps(json_object_get(json_array_get(lines, 0), "problems"), 0);
	bool has = strstr(all, user) != NULL;

	free(all);
	return has;
}

static bool has_none(void *user)
{
	return !has_problem(user);
}

/* The clock says more than when the exporter was loaded. */
static bool is_later(void *user)
{
	json_auto_t *lines = ms_ctl(microsegd, "plugin", "list", NULL);

	(void)user;
	ms_netns_read_command(text, sizeof(text), "date -u +%%Y-%%m-%%dT%%H:%%M:%%SZ");
	return strcmp(text,
		      ms_ctl_text(ms_ctl_find(lines, "plugins", "name", "exporter"), "since")) > 0;
}

START_TEST(one_that_crashes_too_often_is_a_problem_since_then)
{
	json_auto_t *lines = NULL;
	json_t *entry;

	ck_assert(ms_netns_wait(is_later, NULL, SOON));
	ck_assert(ms_netns_wait(is_left_alone, NULL, SOON));
	ck_assert(has_problem((void *)"sink journal: "));
	ck_assert(has_problem((void *)"(since 20"));
	ck_assert_uint_eq(exported("microseg_plugin_trouble{plugin=\"journal\"}"), 1);
	ck_assert_uint_eq(exported("microseg_plugin_trouble{plugin=\"exporter\"}"), 0);
	lines = ms_ctl(microsegd, "plugin", "list", NULL);
	entry = ms_ctl_find(lines, "plugins", "name", "journal");
	ck_assert_str_gt(ms_ctl_text(entry, "since"),
			 ms_ctl_text(ms_ctl_find(lines, "plugins", "name", "exporter"), "since"));
	/* That it crashed is over when it is there again. */
	ms_ctl_do(microsegd, "plugin", "reload", "journal", NULL);
	ck_assert(ms_netns_wait(has_none, (void *)"sink journal", SOON));
	ck_assert_uint_eq(exported("microseg_plugin_trouble{plugin=\"journal\"}"), 0);
	ms_proc_stop(microsegd);
}
END_TEST

/* No syslog, then one: from the first event that is missing to the first that is not. */
START_TEST(a_journal_that_cannot_write_is_a_problem)
{
	struct sockaddr_un at = { AF_UNIX, MS_NETNS_DIR "/syslog" };
	ms_cleanup(ms_close_fd) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ms_proc_stop(microsegd);
	snprintf(text, sizeof(text),
		 "plugins: { exporter: {}, journal: { to: syslog, socket: %s } }\n", at.sun_path);
	ms_plugin_folder_start(microsegd, text);
	ms_ctl_wait_iface(microsegd, "veth-a", "protected");
	ck_assert(has_none((void *)"sink journal"));
	send_denied(4007, 1);
	ck_assert(ms_netns_wait(has_problem,
				(void *)"sink journal: cannot write to syslog: No such", SOON));
	ck_assert_uint_eq(exported("microseg_plugin_trouble{plugin=\"journal\"}"), 1);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	send_denied(4008, 1);
	ck_assert(ms_netns_wait(has_none, (void *)"sink journal", SOON));
	/* It is the process's, and over with it. */
	unlink(at.sun_path);
	send_denied(4009, 1);
	ck_assert(ms_netns_wait(has_problem, (void *)"sink journal: cannot write", SOON));
	ms_ctl_do(microsegd, "plugin", "reload", "journal", NULL);
	ck_assert(ms_netns_wait(has_none, (void *)"sink journal", SOON));
	ms_proc_stop(microsegd);
}
END_TEST

/* Nobody answers where it asks. */
START_TEST(a_source_in_trouble_is_a_metric)
{
	ms_proc_stop(microsegd);
	ms_plugin_folder_add("docker");
	ms_plugin_folder_add("feed");
	ms_netns_put_file(MS_NETNS_DIR "/list", "10.8.0.0/16\n");
	ms_plugin_folder_start(microsegd,
			       "plugins: { exporter: {}, docker: { socket: /run/nobody.sock }, "
			       "feed: { lists: \"known=file://" MS_NETNS_DIR "/list\" } }\n");
	ck_assert(ms_netns_wait(has_problem, (void *)"source docker: ", SOON));
	ck_assert_uint_eq(exported("microseg_source_trouble{source=\"docker\"}"), 1);
	ck_assert_uint_eq(exported("microseg_plugin_trouble{plugin=\"docker\"}"), 1);
	/* Another one is well. */
	ck_assert(ms_netns_wait(has_none, (void *)"source feed: ", SOON));
	ck_assert_uint_eq(exported("microseg_source_trouble{source=\"feed\"}"), 0);
	ck_assert_uint_eq(exported("microseg_plugin_trouble{plugin=\"feed\"}"), 0);
	ck_assert_uint_eq(exported("microseg_degraded"), 1);
	ms_proc_stop(microsegd);
}
END_TEST

/* What it said is not taken, while it is in reach: the other half of the same metric. */
START_TEST(a_refused_transaction_is_a_metric)
{
	ms_proc_stop(microsegd);
	ms_plugin_folder_add("script");
	ms_netns_put_file(MS_NETNS_DIR "/script",
			  "rule { id: bad, group: nowhere, action: deny }\n");
	ms_plugin_folder_start(microsegd, "plugins: { exporter: {}, script: { file: " MS_NETNS_DIR
					  "/script } }\n");
	ck_assert(ms_netns_wait(has_problem, (void *)"there is no group 'nowhere'", SOON));
	ck_assert_uint_eq(exported("microseg_source_trouble{source=\"script\"}"), 1);
	ms_netns_put_file(MS_NETNS_DIR "/script", "");
	ck_assert(ms_netns_wait(has_none, (void *)"source script: ", SOON));
	ck_assert_uint_eq(exported("microseg_source_trouble{source=\"script\"}"), 0);
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- rules that come and go ---- */

#define ROUNDS 10

static unsigned int count_lines(const char *pattern)
{
	ms_netns_read_command(text, sizeof(text),
			      "wget -q -O - http://127.0.0.1:9477/metrics | grep -c '%s' || true",
			      pattern);
	return (unsigned int)strtoul(text, NULL, 10);
}

static bool is_offered(void *user)
{
	json_auto_t *rules = ms_ctl(microsegd, "rule", "list", NULL);

	return ms_ctl_find(rules, "rules", "id", user) != NULL;
}

/* Containers with rules, one after the other, each of another name. */
static unsigned int follow_rounds(const char *pattern)
{
	unsigned int lines = 0;
	char script[256], id[32];

	for (unsigned int i = 0; i < ROUNDS; i++) {
		snprintf(id, sizeof(id), "container/c%u/web", i);
		snprintf(script, sizeof(script),
			 "rule { id: %s, group: work, dir: in, proto: tcp, dport: 80, "
			 "action: allow }\n",
			 id);
		ms_netns_put_file(MS_NETNS_DIR "/script", script);
		ck_assert(ms_netns_wait(is_offered, id, SOON));
		lines += count_lines(pattern);
	}
	return lines;
}

/* Who scrapes keeps each series for months. */
START_TEST(rules_that_a_source_offers_leave_no_series)
{
	static const char *const settings[] = { "{}", "{ source_rules: true }" };
	bool is_wanted = _i == 1;
	char config[256];

	ms_proc_stop(microsegd);
	ms_plugin_folder_add("script");
	ms_netns_put_file(MS_NETNS_DIR "/script", "");
	snprintf(config, sizeof(config),
		 "plugins: { exporter: %s, script: { file: " MS_NETNS_DIR "/script } }\n",
		 settings[_i]);
	ms_plugin_folder_start(microsegd, config);
	/* Hits, packets and bytes of each; the last hit is that of none. */
	ck_assert_uint_eq(follow_rounds("^microseg.*rule=\"container/"),
			  is_wanted ? 3 * ROUNDS : 0);
	/* It is known that they are there, and whose. */
	ck_assert_uint_eq(exported("microseg_exporter_rules_left_out"), is_wanted ? 0 : 1);
	ck_assert_uint_eq(exported("microseg_source_entries{source=\"script\",kind=\"rules\"}"), 1);
	ck_assert_uint_eq(exported("microseg_rule_hits_total{rule=\"no/udp\"}"), 0);
	ms_proc_stop(microsegd);
}
END_TEST

/* Nor do they take the place of others, though they are judged first. */
START_TEST(rules_that_a_source_offers_leave_no_rule_out)
{
	char script[4096];
	size_t used = 0;

	for (unsigned int i = 0; i < 40; i++)
		used += (size_t)sprintf(script + used,
					"rule { id: s%u, group: work, dir: in, action: allow }\n",
					i);
	ms_proc_stop(microsegd);
	ms_plugin_folder_add("script");
	ms_netns_put_file(MS_NETNS_DIR "/script", script);
	ms_plugin_folder_start(microsegd,
			       "plugins:\n  exporter: { rules: 30 }\n"
			       "  script: { file: " MS_NETNS_DIR "/script, before: true }\n");
	ck_assert(ms_netns_wait(is_offered, (char[]) { "s39" }, SOON));
	ck_assert_uint_eq(count_lines("^microseg_rule_hits_total{rule=\"no/udp\"} 0"), 1);
	ck_assert_uint_eq(count_lines("^microseg.*rule=\"s"), 0);
	ck_assert_uint_eq(exported("microseg_exporter_rules_left_out"), 40);
	ms_proc_stop(microsegd);
}
END_TEST

/* Somebody else has its port, from the start or since: while that lasts it is a problem. */
START_TEST(a_port_that_is_taken_is_a_problem)
{
	static char taken[] = "sink exporter: cannot listen on 127.0.0.1:9477: Address already";
	const struct sockaddr_in at = { .sin_family = AF_INET,
					.sin_port = htons(9477),
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const int yes = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ms_proc_stop(microsegd);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)), 0);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	ms_plugin_folder_start(microsegd, NULL);
	ck_assert(ms_netns_wait(has_problem, taken, SOON));
	close(fd);
	ck_assert(ms_netns_wait(has_none, (void *)"sink exporter", SOON));
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- what a sink may not ---- */

static bool has_meddled(void *user)
{
	(void)user;
	return stat_of("meddler", "denied") >= 1;
}

START_TEST(a_sink_may_ask_and_not_change)
{
	char config[512];

	ms_proc_stop(microsegd);
	ms_plugin_folder_add("meddler");
	snprintf(config, sizeof(config), "plugins: { meddler: { control: %s/run/control.sock } }\n",
		 microsegd->dir);
	ms_plugin_folder_start(microsegd, config);
	send_denied(4007, 1);
	ck_assert(ms_netns_wait(has_meddled, NULL, SOON));
	ck_assert_int_ge(stat_of("meddler", "asked"), 1);
	ck_assert_int_eq(stat_of("meddler", "other"), 0);
	ck_assert(ms_proc_logged(microsegd, "panic is not for a plugin's process"));
	/* And root may. */
	ms_ctl_do(microsegd, "panic", "closed", NULL);
	ms_proc_stop(microsegd);
}
END_TEST

/* To whoever does not name OpenMetrics, as wget, the older form, which is what promtool reads. */
START_TEST(promtool_finds_nothing_wrong)
{
	send_denied(1024, PACKETS);
	ms_netns_read_command(text, sizeof(text),
			      "wget -q -S -O " MS_NETNS_DIR
			      "/metrics http://127.0.0.1:9477/metrics 2>&1");
	ck_assert_msg(strstr(text, "Content-Type: text/plain; version=0.0.4; charset=utf-8"), "%s",
		      text);
	ms_netns_read_command(text, sizeof(text), "cat " MS_NETNS_DIR "/metrics");
	ck_assert_ptr_nonnull(strstr(text, "\nmicroseg_up 1\n"));
	ms_netns_read_command(text, sizeof(text),
			      "promtool check metrics < " MS_NETNS_DIR "/metrics 2>&1; echo $?");
	ck_assert_str_eq(text, "0");
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sinks");
	TCase *cases = tcase_create("sinks");

	tcase_add_checked_fixture(cases, setup, NULL);
	tcase_set_timeout(cases, 90);
	tcase_add_test(cases, journal_has_what_the_daemon_judged);
	tcase_add_test(cases, exporter_counts_every_packet);
	tcase_add_test(cases, promtool_finds_nothing_wrong);
	tcase_add_test(cases, the_daemon_shows_and_unloads_them);
	tcase_add_test(cases, a_sink_that_is_killed_comes_back);
	tcase_add_test(cases, what_a_sink_that_is_killed_was_handed_is_counted);
	tcase_add_test(cases, what_a_sink_that_stops_was_handed_is_taken);
	tcase_add_test(cases, one_that_crashes_too_often_is_a_problem_since_then);
	tcase_add_test(cases, a_journal_that_cannot_write_is_a_problem);
	tcase_add_test(cases, a_source_in_trouble_is_a_metric);
	tcase_add_test(cases, a_refused_transaction_is_a_metric);
	tcase_add_loop_test(cases, rules_that_a_source_offers_leave_no_series, 0, 2);
	tcase_add_test(cases, rules_that_a_source_offers_leave_no_rule_out);
	tcase_add_test(cases, a_port_that_is_taken_is_a_problem);
	tcase_add_test(cases, a_sink_may_ask_and_not_change);
	suite_add_tcase(suite, cases);
	return ms_netns_run(suite);
}
