/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sink `journal` against what it writes to: systemd's own journald, a syslog socket, a file.
 * The daemon is not there; a stand-in for its host hands over the events.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <glob.h>
#include <jansson.h>
#include <signal.h>
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
#include "tests/harness/netns.h"

#define FOLDER "/run/own"
#define FILE_NAME FOLDER "/events.json"
#define SYSLOG "/run/dev-log"
#define SOON 10

enum { TO_AUTO, TO_JOURNALD, TO_SYSLOG, TO_FILE };

static struct ms_plugin_host_state host;
static struct ms_plugin_error error;
static void *self;

/* ---- the plugin ---- */

static int create(uint64_t to, const char *file, uint64_t size, uint64_t keep)
{
	const struct ms_trial_value list[] = {
		{ .name = "to", .number = to },     { .name = "socket", .string = SYSLOG },
		{ .name = "file", .string = file }, { .name = "size", .number = size },
		{ .name = "keep", .number = keep },
	};
	const struct ms_plugin_values config = { list, ms_array_size(list) };

	ms_trial_init(&host);
	host.table.state_dir = FOLDER;
	return ms_plugin_descriptor.create(&host.table, &config, &self, &error);
}

static void start(uint64_t to, uint64_t size, uint64_t keep)
{
	ck_assert_int_eq(create(to, "events.json", size, keep), 0);
	ck_assert_msg(ms_plugin_descriptor.start(self, &error) == 0, "%s", error.sentence);
}

static void end(void)
{
	ms_plugin_descriptor.stop(self);
	ms_plugin_descriptor.destroy(self);
}

static void tell(uint32_t generation, uint64_t lost)
{
	struct ms_plugin_event event = {
		.struct_size = sizeof(event),
		.ifindex = 7,
		.time_ns = 1795895560579281000,
		.generation = generation,
		.length = 60,
		.rule = "db/app",
		.origin = "10-db.yaml:14",
		.iface = "veth\xff",
		.group = "work",
		.src = { 10, 0, 0, 5 },
		.dst = { 10, 0, 0, 9 },
		.sport = 41234,
		.dport = 5432,
		.ethertype = 0x0800,
		.family = 4,
		.proto = IPPROTO_TCP,
		.tcp_flags = 2,
		.dir = MS_DIR_IN,
		.verdict = MS_VERDICT_DENY,
		.reason = MS_REASON_RULE,
	};
	const struct ms_plugin_event *events[] = { &event };

	ms_plugin_descriptor.sink->on_events(self, events, 1, lost);
}

static void expect_number(const char *name, unsigned long long number)
{
	struct ms_plugin_emit to = { "" };
	char line[64];

	ms_plugin_descriptor.stats(self, &to);
	snprintf(line, sizeof(line), "%s %llu\n", name, number);
	ck_assert_msg(strstr(to.text, line) != NULL, "no %s in %s", line, to.text);
}

static void expect_text(const json_t *object, const char *key, const char *text)
{
	const char *is = json_string_value(json_object_get(object, key));

	ck_assert_msg(is && strcmp(is, text) == 0, "%s is %s", key, is ? is : "no text");
}

/* ---- journald ---- */

static bool is_there(void *user)
{
	return access(user, F_OK) == 0;
}

static pid_t start_journald(void)
{
	pid_t pid;

	ms_netns_run_command("mkdir -p /run/systemd/journal /run/log/journal");
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		execl("/lib/systemd/systemd-journald", "systemd-journald", NULL);
		_exit(1);
	}
	ck_assert(ms_netns_wait(is_there, (void *)"/run/systemd/journal/socket", SOON));
	return pid;
}

static void end_journald(pid_t pid)
{
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

static char entry[8192];

/* The first line that matches, as journalctl shows it. */
static bool finds(void *match)
{
	ms_netns_read_command(entry, sizeof(entry),
			      "journalctl -q -D /run/log/journal -o json %s | head -n 1",
			      (const char *)match);
	return entry[0] == '{';
}

static json_t *find(const char *match)
{
	json_t *object;

	ck_assert_msg(ms_netns_wait(finds, (void *)match, SOON), "no entry with %s", match);
	object = json_loads(entry, 0, NULL);
	ck_assert_ptr_nonnull(object);
	return object;
}

START_TEST(journald_has_every_value_as_a_field)
{
	pid_t journald = start_journald();
	json_auto_t *event = NULL, *lost = NULL;

	start(TO_AUTO, 0, 0);
	tell(41, 3);
	event = find("MICROSEG_RULE=db/app");
	expect_text(event, "SYSLOG_IDENTIFIER", "microseg");
	expect_text(event, "PRIORITY", "5");
	expect_text(event, "MESSAGE",
		    "deny veth? in tcp 10.0.0.5:41234 > 10.0.0.9:5432 rule=db/app "
		    "src=10-db.yaml:14 reason=rule");
	expect_text(event, "MICROSEG_VERDICT", "deny");
	expect_text(event, "MICROSEG_REASON", "rule");
	expect_text(event, "MICROSEG_ORIGIN", "10-db.yaml:14");
	expect_text(event, "MICROSEG_IFACE", "veth?");
	expect_text(event, "MICROSEG_FROM", "10.0.0.5");
	expect_text(event, "MICROSEG_DPORT", "5432");
	expect_text(event, "MICROSEG_GENERATION", "41");
	expect_text(event, "MICROSEG_TIME", "2026-11-28T19:52:40.579Z");
	lost = find("MICROSEG_LOST=3");
	expect_text(lost, "PRIORITY", "4");
	expect_number("written", 1);
	expect_number("lost", 3);
	ck_assert_str_eq(host.log, "");
	end();
	end_journald(journald);
}
END_TEST

/* ---- syslog ---- */

static int listen_as_syslog(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX, .sun_path = SYSLOG };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static void expect_line(int fd)
{
	const char *sentence = "<29>microseg: deny veth? in tcp 10.0.0.5:41234 > 10.0.0.9:5432 "
			       "rule=db/app src=10-db.yaml:14 reason=rule ";
	char line[8192];
	ssize_t length = recv(fd, line, sizeof(line) - 1, MSG_DONTWAIT);
	json_auto_t *values = NULL;

	ck_assert_int_gt(length, 0);
	line[length] = '\0';
	ck_assert_msg(strncmp(line, sentence, strlen(sentence)) == 0, "%s", line);
	values = json_loads(line + strlen(sentence), JSON_REJECT_DUPLICATES, NULL);
	ck_assert_msg(values != NULL, "%s", line);
	expect_text(values, "rule", "db/app");
	ck_assert_int_eq(json_integer_value(json_object_get(values, "dport")), 5432);
}

START_TEST(without_journald_syslog_has_the_lines)
{
	ms_cleanup(ms_close_fd) int fd = listen_as_syslog();

	start(TO_AUTO, 0, 0);
	tell(1, 0);
	expect_line(fd);
	expect_number("written", 1);
	end();
}
END_TEST

START_TEST(nobody_there_is_said_once_and_counted)
{
	ms_cleanup(ms_close_fd) int fd = -1;

	start(TO_AUTO, 0, 0);
	tell(1, 0);
	tell(2, 0);
	expect_number("failed", 2);
	expect_number("written", 0);
	ck_assert_str_eq(host.log,
			 "1 cannot write to journald or syslog: No such file or directory; "
			 "events are missing there until it can be\n");
	fd = listen_as_syslog();
	tell(3, 0);
	expect_line(fd);
	expect_number("written", 1);
	ck_assert_ptr_nonnull(
		strstr(host.log, "\n2 journald or syslog can be written to again; 2 events"));
	end();
}
END_TEST

START_TEST(a_reader_that_does_not_read_holds_nothing_up)
{
	ms_cleanup(ms_close_fd) int fd = listen_as_syslog();
	struct ms_plugin_event event = {
		.struct_size = sizeof(event), .rule = "", .origin = "", .iface = "", .group = ""
	};
	const struct ms_plugin_event *events[1000];

	for (size_t i = 0; i < ms_array_size(events); i++)
		events[i] = &event;
	start(TO_SYSLOG, 0, 0);
	ms_plugin_descriptor.sink->on_events(self, events, ms_array_size(events), 0);
	/* A second each would be a quarter of an hour. */
	ck_assert_ptr_nonnull(strstr(host.log, "cannot write to syslog"));
	end();
}
END_TEST

/* ---- a file ---- */

/* Every line of the file must be one object: their number; the generation of the last to
 * `ret_last`, which must follow on each other from `first` (0 = from anything). */
static size_t read_lines(const char *path, json_int_t first, json_int_t *ret_last)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t size = 0, count = 0;
	ssize_t length;

	ck_assert_msg(file != NULL, "%s: %m", path);
	while ((length = getline(&line, &size, file)) > 0) {
		json_auto_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
		json_int_t is = json_integer_value(json_object_get(object, "generation"));

		ck_assert_msg(object && line[length - 1] == '\n', "%s: %s", path, line);
		if (first)
			ck_assert_int_eq(is, first + (json_int_t)count);
		*ret_last = is;
		count++;
	}
	free(line);
	fclose(file);
	return count;
}

START_TEST(a_file_has_one_object_a_line)
{
	json_auto_t *object = NULL;
	json_int_t last = 0;

	start(TO_FILE, 1 << 20, 1);
	tell(7, 0);
	tell(8, 0);
	ck_assert_uint_eq(read_lines(FILE_NAME, 7, &last), 2);
	end();
	start(TO_FILE, 1 << 20, 1);
	tell(9, 0);
	end();
	ck_assert_uint_eq(read_lines(FILE_NAME, 7, &last), 3);
	ms_netns_read_command(entry, sizeof(entry), "tail -n 1 " FILE_NAME);
	object = json_loads(entry, JSON_REJECT_DUPLICATES, NULL);
	expect_text(object, "time", "2026-11-28T19:52:40.579Z");
	expect_text(object, "verdict", "deny");
	expect_text(object, "from", "10.0.0.5");
	ck_assert_int_eq(json_integer_value(json_object_get(object, "sport")), 41234);
}
END_TEST

/* By hand, or by logrotate. */
START_TEST(a_file_that_went_is_begun_anew)
{
	static const char *const ways[] = { "rm " FILE_NAME, "mv " FILE_NAME " " FILE_NAME ".old",
					    "cp " FILE_NAME " " FOLDER "/copy; mv " FOLDER
					    "/copy " FILE_NAME };
	json_int_t last = 0;

	start(TO_FILE, 1 << 20, 1);
	tell(7, 0);
	ms_netns_run_command("%s", ways[_i]);
	tell(8, 0);
	read_lines(FILE_NAME, 0, &last);
	ck_assert_int_eq(last, 8);
	/* Without its folder it cannot be, and that is no secret. */
	ms_netns_run_command("mv " FOLDER " " FOLDER ".away");
	tell(9, 0);
	expect_number("failed", 1);
	ck_assert_ptr_nonnull(strstr(host.log, "cannot write to"));
	ms_netns_run_command("mv " FOLDER ".away " FOLDER);
	tell(10, 0);
	read_lines(FILE_NAME, 0, &last);
	ck_assert_int_eq(last, 10);
	expect_number("written", 3);
	end();
}
END_TEST

START_TEST(a_file_that_is_full_is_put_aside)
{
	static const char *const files[] = { FILE_NAME ".2", FILE_NAME ".1", FILE_NAME };
	json_int_t last = 0;
	struct stat is;
	glob_t found;

	start(TO_FILE, 4096, 2);
	for (uint32_t i = 1; i <= 200; i++)
		tell(i, 0);
	expect_number("written", 200);
	end();
	ck_assert_int_eq(glob(FOLDER "/*", 0, NULL, &found), 0);
	ck_assert_uint_eq(found.gl_pathc, 3);
	globfree(&found);
	for (size_t i = 0; i < ms_array_size(files); i++) {
		ck_assert_int_eq(stat(files[i], &is), 0);
		ck_assert_int_le(is.st_size, 4096);
		ck_assert_uint_gt(read_lines(files[i], i ? last + 1 : 0, &last), 0);
	}
	ck_assert_int_eq(last, 200);
}
END_TEST

START_TEST(with_none_kept_there_is_one_file)
{
	json_int_t last = 0;
	glob_t found;

	start(TO_FILE, 4096, 0);
	for (uint32_t i = 1; i <= 50; i++)
		tell(i, 0);
	end();
	ck_assert_int_eq(glob(FOLDER "/*", 0, NULL, &found), 0);
	ck_assert_uint_eq(found.gl_pathc, 1);
	globfree(&found);
	read_lines(FILE_NAME, 0, &last);
	ck_assert_int_eq(last, 50);
}
END_TEST

START_TEST(half_a_line_is_taken_off)
{
	json_int_t last = 0;

	start(TO_FILE, 1 << 20, 1);
	tell(1, 0);
	tell(2, 0);
	end();
	/* More of it than is looked at in one go. */
	ms_netns_run_command("printf '{\"half\":\"%%9000s' x >>" FILE_NAME);
	start(TO_FILE, 1 << 20, 1);
	tell(3, 0);
	end();
	ck_assert_uint_eq(read_lines(FILE_NAME, 1, &last), 3);
}
END_TEST

static bool is_long(void *user)
{
	struct stat is;

	(void)user;
	return stat(FILE_NAME ".1", &is) == 0;
}

START_TEST(a_killed_process_leaves_whole_lines)
{
	pid_t pid = fork();
	json_int_t last = 0;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		start(TO_FILE, 100000, 2);
		for (uint32_t i = 1;; i++)
			tell(i, 0);
	}
	ck_assert(ms_netns_wait(is_long, NULL, SOON));
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	start(TO_FILE, 100000, 2);
	end();
	read_lines(FILE_NAME ".1", 0, &last);
	read_lines(FILE_NAME, last + 1, &last);
}
END_TEST

START_TEST(a_full_disk_costs_events_and_no_line)
{
	json_int_t last = 0;

	ms_netns_run_command("mount -t tmpfs -o size=64k none " FOLDER);
	start(TO_FILE, 1 << 20, 2);
	for (uint32_t i = 1; i <= 400; i++)
		tell(i, 0);
	ck_assert_ptr_nonnull(strstr(host.log, "No space left on device"));
	ck_assert_uint_gt(read_lines(FILE_NAME, 1, &last), 0);
	ck_assert_int_lt(last, 400);
	expect_number("written", (unsigned long long)last);
	ms_netns_run_command("mount -o remount,size=1m " FOLDER);
	tell(401, 0);
	read_lines(FILE_NAME, 0, &last);
	ck_assert_int_eq(last, 401);
	end();
}
END_TEST

/* ---- refusals ---- */

START_TEST(a_file_elsewhere_is_refused)
{
	static const char *const names[] = { "/var/log/x", "../x", "a/b", ".hidden" };

	ck_assert_int_eq(create(TO_FILE, names[_i], 4096, 1), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error.sentence, names[_i]));
}
END_TEST

START_TEST(without_a_folder_it_does_not_start)
{
	const struct ms_trial_value list[] = {
		{ .name = "to", .number = TO_FILE },
		{ .name = "socket", .string = SYSLOG },
		{ .name = "file", .string = "events.json" },
	};
	const struct ms_plugin_values config = { list, ms_array_size(list) };

	ms_trial_init(&host);
	ck_assert_int_eq(ms_plugin_descriptor.create(&host.table, &config, &self, &error), 0);
	ck_assert_int_eq(ms_plugin_descriptor.start(self, &error), -ENOTSUP);
	ms_plugin_descriptor.destroy(self);
}
END_TEST

/* ---- what it needs is enough ---- */

static void tell_in_the_sandbox(uint64_t to)
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (ms_source_sandbox_drop(NULL) < 0 ||
		    ms_source_sandbox_enter(ms_plugin_descriptor.needs, FOLDER, NULL, NULL) < 0 ||
		    create(to, "events.json", 4096, 1) != 0 ||
		    ms_plugin_descriptor.start(self, &error) != 0)
			_exit(1);
		for (uint32_t i = 1; i <= (to == TO_SYSLOG ? 5 : 20); i++)
			tell(i, 0);
		end();
		_exit(host.log[0] ? 2 : 0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
}

START_TEST(the_sandbox_leaves_it_what_it_needs)
{
	ms_cleanup(ms_close_fd) int fd = listen_as_syslog();
	pid_t journald = start_journald();
	json_int_t last = 0;

	tell_in_the_sandbox(TO_FILE);
	read_lines(FILE_NAME, 0, &last);
	ck_assert_int_eq(last, 20);
	ck_assert_int_eq(access(FILE_NAME ".1", F_OK), 0);
	tell_in_the_sandbox(TO_JOURNALD);
	json_decref(find("MICROSEG_GENERATION=20"));
	tell_in_the_sandbox(TO_SYSLOG);
	expect_line(fd);
	end_journald(journald);
}
END_TEST

static void setup(void)
{
	ms_netns_setup();
	ck_assert_int_eq(mkdir(FOLDER, 0700), 0);
}

int main(void)
{
	Suite *suite = suite_create("journal");
	TCase *cases = tcase_create("journal");

	tcase_add_checked_fixture(cases, setup, NULL);
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, journald_has_every_value_as_a_field);
	tcase_add_test(cases, without_journald_syslog_has_the_lines);
	tcase_add_test(cases, nobody_there_is_said_once_and_counted);
	tcase_add_test(cases, a_reader_that_does_not_read_holds_nothing_up);
	tcase_add_test(cases, a_file_has_one_object_a_line);
	tcase_add_loop_test(cases, a_file_that_went_is_begun_anew, 0, 3);
	tcase_add_test(cases, a_file_that_is_full_is_put_aside);
	tcase_add_test(cases, with_none_kept_there_is_one_file);
	tcase_add_test(cases, half_a_line_is_taken_off);
	tcase_add_test(cases, a_killed_process_leaves_whole_lines);
	tcase_add_test(cases, a_full_disk_costs_events_and_no_line);
	tcase_add_loop_test(cases, a_file_elsewhere_is_refused, 0, 4);
	tcase_add_test(cases, without_a_folder_it_does_not_start);
	tcase_add_test(cases, the_sandbox_leaves_it_what_it_needs);
	suite_add_tcase(suite, cases);
	return ms_netns_run(suite);
}
