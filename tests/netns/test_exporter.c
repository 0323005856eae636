/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sink `exporter` beside a real daemon, scraped by a real Prometheus. A stand-in for its host
 * starts it; what it says is compared with the daemon's own numbers.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <microseg/trial.h>

#include "core/base/cleanup.h"
#include "core/source/sandbox.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/netns/prometheus.h"

#define FOLDER "/run/own"
#define TCP "127.0.0.1:9477"
#define UNIX "metrics.sock"
#define PACKETS 50
#define SOON 30

static const char policy[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: work, match: { name: \"veth-*\" }, default: { in: allow, out: allow } }\n"
	"rules:\n"
	"  - { id: no/udp, group: work, dir: in, proto: udp, dport: 9999, action: deny }\n"
	"  - { id: other/1, group: work, dir: in, proto: udp, dport: 1, action: allow }\n"
	"  - { id: other/2, group: work, dir: in, proto: udp, dport: 2, action: allow }\n"
	"  - { id: other/3, group: work, dir: in, proto: udp, dport: 3, action: allow }\n";

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;
static struct ms_plugin_host_state host;
static struct ms_plugin_error error;
static void *self;
static char control[sizeof(((struct sockaddr_un *)NULL)->sun_path)];

/* ---- the plugin ---- */

static int create(const char *listen_on, uint64_t rules)
{
	const struct ms_trial_value list[] = {
		{ .name = "listen", .string = listen_on },
		{ .name = "control", .string = control },
		{ .name = "rules", .number = rules },
	};
	const struct ms_plugin_values config = { list, ms_array_size(list) };

	ms_trial_init(&host);
	host.table.state_dir = FOLDER;
	return ms_plugin_descriptor.create(&host.table, &config, &self, &error);
}

static void start(const char *listen_on, uint64_t rules)
{
	ck_assert_msg(create(listen_on, rules) == 0, "%s", error.sentence);
	ck_assert_msg(ms_plugin_descriptor.start(self, &error) == 0, "%s", error.sentence);
}

static void end(void)
{
	ms_plugin_descriptor.stop(self);
	ms_plugin_descriptor.destroy(self);
}

/* ---- the world ---- */

static void setup(void)
{
	ms_netns_setup();
	ck_assert_int_eq(mkdir(FOLDER, 0700), 0);
	ms_proc_init(microsegd, "one");
	ck_assert_int_lt(snprintf(control, sizeof(control), "%s/run/control.sock", microsegd->dir),
			 (int)sizeof(control));
}

static void start_daemon(void)
{
	ms_netns_add("a");
	ms_netns_veth("veth-a", "a", "10.1.0.", NULL);
	ms_proc_write_policy(microsegd, "10-test.yaml", policy);
	ms_proc_start(microsegd, NULL);
	ms_ctl_wait_iface(microsegd, "veth-a", "protected");
}

static void send_denied(unsigned int count)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
					.sin_port = htons(9999),
					.sin_addr.s_addr = inet_addr("10.1.0.2") };
	ms_cleanup(ms_close_fd) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	for (unsigned int i = 0; i < count; i++)
		ck_assert_int_eq(sendto(fd, "x", 1, 0, (const struct sockaddr *)&to, sizeof(to)),
				 1);
}

/* ---- HTTP ---- */

static int dial(const char *listen_on)
{
	struct sockaddr_in tcp = { .sin_family = AF_INET,
				   .sin_port = htons(9477),
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = FOLDER "/" UNIX };
	bool is_tcp = strchr(listen_on, ':') != NULL;
	int fd = socket(is_tcp ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	if (connect(fd, is_tcp ? (struct sockaddr *)&tcp : (struct sockaddr *)&un,
		    is_tcp ? sizeof(tcp) : sizeof(un)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void request(int fd, const char *method, const char *path)
{
	char text[256];
	int length = snprintf(text, sizeof(text),
			      "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
			      "Accept: application/openmetrics-text\r\n\r\n",
			      method, path);

	ck_assert_int_eq(send(fd, text, (size_t)length, MSG_NOSIGNAL), length);
}

static char answer[1 << 20];

static const char *receive(int fd)
{
	size_t length = 0;
	ssize_t n;

	while ((n = recv(fd, answer + length, sizeof(answer) - 1 - length, 0)) > 0)
		length += (size_t)n;
	answer[length] = '\0';
	close(fd);
	return answer;
}

static const char *get(const char *listen_on, const char *path)
{
	int fd = dial(listen_on);

	ck_assert_int_ge(fd, 0);
	request(fd, "GET", path);
	return receive(fd);
}

static bool has(const char *line)
{
	char whole[256];

	snprintf(whole, sizeof(whole), "\n%s\n", line);
	return strstr(answer, whole) != NULL;
}

static void expect(const char *line)
{
	ck_assert_msg(has(line), "no line '%s' in\n%.4000s", line, answer);
}

/* The number behind this name with its labels. */
static unsigned long long value_of(const char *sample)
{
	char start_of[256];
	const char *at;

	snprintf(start_of, sizeof(start_of), "\n%s ", sample);
	at = strstr(answer, start_of);
	ck_assert_msg(at != NULL, "no %s in\n%.4000s", sample, answer);
	return strtoull(at + strlen(start_of), NULL, 10);
}

static bool ends_well(void)
{
	size_t length = strlen(answer);

	return length > 6 && strcmp(answer + length - 6, "# EOF\n") == 0;
}

/* ---- what it says ---- */

static bool counts_all(void *user)
{
	get(user, "/metrics");
	return value_of("microseg_packets_total{verdict=\"deny\",reason=\"rule\"}") == PACKETS;
}

START_TEST(its_numbers_are_the_daemons)
{
	const char *first;

	start_daemon();
	start(TCP, 1000);
	send_denied(PACKETS);
	ck_assert(ms_netns_wait(counts_all, (void *)TCP, SOON));
	ck_assert_int_eq(ms_ctl_stat(microsegd, "denied"), PACKETS);
	ck_assert_int_eq(strncmp(answer, "HTTP/1.1 200", 12), 0);
	ck_assert_ptr_nonnull(
		strstr(answer, "\r\nContent-Type: application/openmetrics-text; version=1.0.0; "
			       "charset=utf-8\r\n"));
	ck_assert(ends_well());
	expect("# TYPE microseg_packets counter");
	expect("# UNIT microseg_bytes bytes");
	expect("microseg_up 1");
	expect("microseg_degraded 0");
	expect("microseg_panic{state=\"off\"} 1");
	expect("microseg_interfaces{state=\"protected\"} 1");
	expect("microseg_policy_generation{state=\"applied\"} 1");
	expect("microseg_group_interfaces{group=\"work\"} 1");
	expect("microseg_group_mode{group=\"work\",mode=\"enforce\"} 1");
	expect("microseg_rule_packets_total{rule=\"no/udp\"} 50");
	expect("microseg_rule_hits_total{rule=\"other/1\"} 0");
	/* One of four rules of this name, which share their counts. */
	first = strstr(answer, "\nmicroseg_rule_hits_total{rule=\"builtin/dhcp\"}");
	ck_assert(first && !strstr(first + 1, "\nmicroseg_rule_hits_total{rule=\"builtin/dhcp\"}"));
	expect("microseg_exporter_rules_left_out 0");
	ck_assert_uint_gt(value_of("microseg_rule_last_hit_timestamp_seconds{rule=\"no/udp\"}"),
			  1600000000);
	ck_assert_ptr_null(strstr(answer, "last_hit_timestamp_seconds{rule=\"other/1\"}"));
	ck_assert_uint_gt(value_of("microseg_start_time_seconds"), 1600000000);
	ck_assert_ptr_nonnull(strstr(answer, "\nmicroseg_build_info{version=\""));
	end();
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(rules_have_metrics_up_to_a_limit)
{
	uint64_t all;

	start_daemon();
	start(TCP, 1000);
	get(TCP, "/metrics");
	all = value_of("microseg_rules");
	expect("microseg_rule_hits_total{rule=\"other/3\"} 0");
	expect("microseg_rules_on_fallback 0");
	end();
	/* Built-in ones come first. */
	start(TCP, all - 2);
	get(TCP, "/metrics");
	expect("microseg_rule_hits_total{rule=\"no/udp\"} 0");
	expect("microseg_rule_hits_total{rule=\"other/1\"} 0");
	ck_assert_ptr_null(strstr(answer, "other/2"));
	expect("microseg_exporter_rules_left_out 2");
	ck_assert(ends_well());
	end();
	start(TCP, 0);
	get(TCP, "/metrics");
	expect("microseg_up 1");
	ck_assert_ptr_null(strstr(answer, "microseg_rule_hits"));
	end();
	ms_proc_stop(microsegd);
}
END_TEST

/* Samples of the answer whose name begins so. */
static unsigned int count_of(const char *name)
{
	unsigned int count = 0;
	const char *at;

	for (at = strstr(answer, "\r\n\r\n"); at; at = strchr(at + 1, '\n'))
		count += strncmp(at + 1, name, strlen(name)) == 0;
	return count;
}

/* But for those that a rule has from its first hit on. */
static unsigned int count_lasting_samples(void)
{
	get(TCP, "/metrics");
	return count_of("microseg_") - count_of("microseg_rule_last_hit_timestamp_seconds");
}

/* A host of containers makes thousands a day: what comes changes numbers, not how many there are.
 */
START_TEST(interfaces_that_appear_are_counted_and_add_no_samples)
{
	unsigned int before;

	start_daemon();
	start(TCP, 1000);
	before = count_lasting_samples();
	expect("microseg_attach_latency_seconds_count 0");
	ms_netns_add("b");
	for (int i = 0; i < 5; i++) {
		ms_netns_veth("veth-b", "b", "10.2.0.", NULL);
		ms_ctl_wait_iface(microsegd, "veth-b", "protected");
		ms_netns_run_command("ip link del veth-b");
	}
	ck_assert_uint_eq(count_lasting_samples(), before);
	expect("microseg_attach_latency_seconds_count 5");
	expect("microseg_attach_latency_seconds_bucket{le=\"+Inf\"} 5");
	ck_assert_ptr_null(strstr(answer, "veth-"));
	end();
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(without_the_daemon_it_says_so)
{
	struct ms_plugin_emit numbers = { "" };

	start(TCP, 1000);
	get(TCP, "/metrics");
	ck_assert_int_eq(strncmp(answer, "HTTP/1.1 200", 12), 0);
	expect("microseg_up 0");
	ck_assert_ptr_null(strstr(answer, "\nmicroseg_packets"));
	ck_assert(ends_well());
	/* And it asks anew each time. */
	start_daemon();
	get(TCP, "/metrics");
	expect("microseg_up 1");
	expect("microseg_exporter_scrapes_total 2");
	ms_plugin_descriptor.stats(self, &numbers);
	ck_assert_str_eq(numbers.text, "scrapes 2\nfailed 1\nlost 0\n");
	end();
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(events_that_were_lost_are_a_metric)
{
	const struct ms_plugin_event event = { .struct_size = sizeof(event) };
	const struct ms_plugin_event *const events[] = { &event, &event };

	start(TCP, 0);
	ms_plugin_descriptor.sink->on_events(self, events, 2, 7);
	ms_plugin_descriptor.sink->on_events(self, events, 1, 0);
	get(TCP, "/metrics");
	expect("microseg_exporter_events_total 3");
	expect("microseg_events_lost_total{where=\"exporter\"} 7");
	end();
}
END_TEST

START_TEST(a_daemon_that_says_nothing_is_not_waited_for)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	ms_cleanup(ms_close_fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ms_netns_run_command("mkdir -p %s/run", microsegd->dir);
	memcpy(at.sun_path, control, sizeof(control));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	start(TCP, 0);
	get(TCP, "/metrics");
	expect("microseg_up 0");
	ck_assert(ends_well());
	end();
}
END_TEST

/* ---- HTTP's odd ends ---- */

START_TEST(other_requests_are_refused)
{
	int fd;

	start(TCP, 0);
	get(TCP, "/");
	ck_assert_int_eq(strncmp(answer, "HTTP/1.1 404", 12), 0);
	fd = dial(TCP);
	ck_assert_int_ge(fd, 0);
	request(fd, "POST", "/metrics");
	receive(fd);
	ck_assert_int_eq(strncmp(answer, "HTTP/1.1 501", 12), 0);
	ck_assert_ptr_null(strstr(answer, "microseg_up"));
	end();
}
END_TEST

START_TEST(many_at_once_are_answered_and_those_that_left_are_forgotten)
{
	int fds[64];
	size_t answered = 0;

	start_daemon();
	start(TCP, 0);
	for (size_t i = 0; i < ms_array_size(fds); i++) {
		fds[i] = dial(TCP);
		ck_assert_int_ge(fds[i], 0);
		request(fds[i], "GET", "/metrics");
		if (i % 2)
			close(fds[i]);
	}
	for (size_t i = 0; i < ms_array_size(fds); i += 2) {
		receive(fds[i]);
		if (strncmp(answer, "HTTP/1.1 503", 12) == 0)
			continue;
		ck_assert(has("microseg_up 1") && ends_well());
		answered++;
	}
	ck_assert_uint_gt(answered, 0);
	get(TCP, "/metrics");
	expect("microseg_up 1");
	end();
	ms_proc_stop(microsegd);
}
END_TEST

/* A stop while the daemon is asked, and while a client is silent. */
START_TEST(it_stops_at_any_time)
{
	start_daemon();
	for (int i = 0; i < 50; i++) {
		ms_cleanup(ms_close_fd) int busy = -1, silent = -1;

		start(TCP, 1000);
		busy = dial(TCP);
		silent = dial(TCP);
		ck_assert(busy >= 0 && silent >= 0);
		request(busy, "GET", "/metrics");
		end();
	}
	ms_proc_stop(microsegd);
}
END_TEST

static const struct {
	const char *listen_on;
	const char *says; /* NULL = fine */
} places[] = {
	{ "127.0.0.1:9477", NULL },
	{ "127.9.9.9:1", NULL },
	{ "[::1]:9477", NULL },
	{ "metrics.sock", NULL },
	{ "0.0.0.0:9477", "others can reach" },
	{ "[::]:9477", "others can reach" },
	{ "192.0.2.1:9477", "others can reach" },
	{ "127.0.0.1", "is neither" },
	{ "127.0.0.1:0", "is neither" },
	{ "127.0.0.1:", "is neither" },
	{ "localhost:9477", "is neither" },
	{ "/tmp/x.sock", "is neither" },
	{ "../x.sock", "is neither" },
	{ "", "is neither" },
};

START_TEST(it_listens_where_others_cannot_reach)
{
	int r = create(places[_i].listen_on, 0);

	if (!places[_i].says) {
		ck_assert_msg(r == 0, "%s: %s", places[_i].listen_on, error.sentence);
		ms_plugin_descriptor.destroy(self);
		return;
	}
	ck_assert_msg(r == -EINVAL && strstr(error.sentence, places[_i].says), "%s: %d, %s",
		      places[_i].listen_on, r, error.sentence);
}
END_TEST

START_TEST(a_port_that_is_taken_is_an_error)
{
	void *first;

	start(TCP, 0);
	first = self;
	ck_assert_int_eq(create(TCP, 0), 0);
	ck_assert_int_eq(ms_plugin_descriptor.start(self, &error), -EADDRINUSE);
	ck_assert_ptr_nonnull(strstr(error.sentence, TCP));
	ms_plugin_descriptor.destroy(self);
	self = first;
	end();
}
END_TEST

/* ---- what it needs is enough ---- */

static bool answers_there(void *user)
{
	int fd = dial(user);

	if (fd < 0)
		return false;
	request(fd, "GET", "/metrics");
	receive(fd);
	return true;
}

static const char *const ways[] = { TCP, UNIX };

START_TEST(the_sandbox_leaves_it_what_it_needs)
{
	int say_stop[2], status;
	char byte;
	pid_t pid;

	start_daemon();
	ck_assert_int_eq(pipe2(say_stop, O_CLOEXEC), 0);
	/* One that was killed before it leaves its socket behind. */
	ms_netns_run_command("touch " FOLDER "/" UNIX);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		close(say_stop[1]);
		if (ms_source_sandbox_drop(NULL) < 0 ||
		    ms_source_sandbox_enter(ms_plugin_descriptor.needs, FOLDER, NULL, NULL) < 0 ||
		    create(ways[_i], 1000) != 0 || ms_plugin_descriptor.start(self, &error) != 0)
			_exit(1);
		status = read(say_stop[0], &byte, 1) == 0 ? 0 : 2;
		end();
		_exit(status);
	}
	ck_assert(ms_netns_wait(answers_there, (void *)ways[_i], SOON));
	expect("microseg_up 1");
	expect("microseg_rule_hits_total{rule=\"no/udp\"} 0");
	ck_assert(ends_well());
	close(say_stop[0]);
	close(say_stop[1]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- Prometheus ---- */

/* Rules that are hit for the first time have one more, so both are asked until they agree. */
static bool took_all(void *user)
{
	char samples[16];

	(void)user;
	get(TCP, "/metrics");
	snprintf(samples, sizeof(samples), "%u", count_of("microseg_"));
	return ms_prometheus_says("scrape_samples_scraped", samples);
}

START_TEST(prometheus_reads_all_of_it)
{
	pid_t prometheus;

	start_daemon();
	start(TCP, 1000);
	send_denied(PACKETS);
	ck_assert(ms_netns_wait(counts_all, (void *)TCP, SOON));
	prometheus = ms_prometheus_start(TCP);
	ms_prometheus_expect("up{job=\"microseg\"}", "1");
	ck_assert(ms_netns_wait(took_all, NULL, SOON));
	ms_prometheus_expect("microseg_packets_total{verdict=\"deny\",reason=\"rule\"}", "50");
	ms_prometheus_expect("microseg_rule_packets_total{rule=\"no/udp\"}", "50");
	ms_prometheus_expect("microseg_up", "1");
	ms_prometheus_expect_metadata("microseg_packets", "counter", "");
	ms_prometheus_expect_metadata("microseg_bytes", "counter", "bytes");
	ms_prometheus_expect_metadata("microseg_rule_last_hit_timestamp_seconds", "gauge",
				      "seconds");
	ms_prometheus_expect_metadata("microseg_attach_latency_seconds", "histogram", "seconds");
	ms_prometheus_expect_metadata("microseg_build", "info", "");
	send_denied(PACKETS);
	ms_prometheus_expect("microseg_packets_total{verdict=\"deny\",reason=\"rule\"}", "100");
	ms_proc_end(prometheus);
	end();
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("exporter");
	TCase *cases = tcase_create("exporter");

	tcase_add_checked_fixture(cases, setup, NULL);
	tcase_set_timeout(cases, 120);
	tcase_add_test(cases, its_numbers_are_the_daemons);
	tcase_add_test(cases, rules_have_metrics_up_to_a_limit);
	tcase_add_test(cases, interfaces_that_appear_are_counted_and_add_no_samples);
	tcase_add_test(cases, without_the_daemon_it_says_so);
	tcase_add_test(cases, events_that_were_lost_are_a_metric);
	tcase_add_test(cases, a_daemon_that_says_nothing_is_not_waited_for);
	tcase_add_test(cases, other_requests_are_refused);
	tcase_add_test(cases, many_at_once_are_answered_and_those_that_left_are_forgotten);
	tcase_add_test(cases, it_stops_at_any_time);
	tcase_add_loop_test(cases, it_listens_where_others_cannot_reach, 0,
			    (int)ms_array_size(places));
	tcase_add_test(cases, a_port_that_is_taken_is_an_error);
	tcase_add_loop_test(cases, the_sandbox_leaves_it_what_it_needs, 0,
			    (int)ms_array_size(ways));
	tcase_add_test(cases, prometheus_reads_all_of_it);
	suite_add_tcase(suite, cases);
	return ms_netns_run(suite);
}
