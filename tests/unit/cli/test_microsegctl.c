/* SPDX-License-Identifier: GPL-2.0-or-later */
/* microsegctl as a process, against the real socket server with answers of the test's own. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/base/log.h"
#include "core/cli/client.h"
#include "core/control/server.h"
#include "tests/harness/ms_check.h"

static char socket_path[64];
static pid_t daemon_pid;

/* ---- the daemon ---- */

static json_t *answer_session_list(json_t *parameters)
{
	const char *sort = json_string_value(json_object_get(parameters, "sort"));

	return json_pack("{s:i, s:[{s:s, s:s, s:s, s:s, s:s, s:s}]}", "total", 4711, "sessions",
			 "iface", "eth0", "dir", "in", "proto", "tcp", "from", "10.0.0.5", "to",
			 "10.0.0.9", "rule", sort ? sort : "unsorted");
}

struct listing {
	struct ms_control_stream stream;
	bool goes_on, changes;
};

static int list_step(struct ms_control_stream *stream, json_t **ret_reply, struct ms_error *err)
{
	struct listing *listing = (struct listing *)stream;

	if (listing->goes_on && listing->changes)
		return ms_error_set(err, -EAGAIN, "the policy changed while it was listed");
	*ret_reply = json_pack("{s:[s]}", "rules", listing->goes_on ? "second" : "first");
	listing->goes_on = !listing->goes_on;
	return listing->goes_on;
}

static void list_end(struct ms_control_stream *stream)
{
	free(stream);
}

/* The policy changes within each of the first four lists of runtime rules, and within every other.
 */
static struct ms_control_stream *list_rules(json_t *parameters)
{
	static unsigned int asked;
	struct listing *listing = calloc(1, sizeof(*listing));
	const char *source = json_string_value(json_object_get(parameters, "source"));

	listing->stream.on_step = list_step;
	listing->stream.on_end = list_end;
	listing->changes = strcmp(source, "runtime") != 0 || ++asked <= 4;
	return &listing->stream;
}

static int dispatch(void *user, struct ms_control_call *call, json_t **ret_reply,
		    struct ms_error *err)
{
	(void)user;
	switch (call->method) {
	case MS_METHOD_STATUS:
		*ret_reply = json_pack("{s:s, s:b, s:[s]}", "version", "9", "degraded", true,
				       "problems", "eth9 is not protected");
		return 0;
	case MS_METHOD_STATS:
		_exit(0); /* dies while somebody waits */
	case MS_METHOD_RULE_DEL:
		return ms_error_set_at(err, -EINVAL, "10-db.yaml", 14, 9, "x", "held by a file");
	case MS_METHOD_POLICY_DIFF:
		*ret_reply = json_pack(
			"{s:i, s:i, s:[]}", "generation", 3, "changes_total",
			(int)json_array_size(json_object_get(call->parameters, "documents")),
			"changes");
		return 0;
	case MS_METHOD_RULE_LIST:
		call->stream = list_rules(call->parameters);
		return 0;
	case MS_METHOD_SESSION_LIST:
		*ret_reply = answer_session_list(call->parameters);
		return 0;
	default:
		*ret_reply = json_pack("{s:s}", "state", "\033[2J");
		return 0;
	}
}

static void serve(int ready_fd)
{
	struct ms_control_server *server;
	struct ms_loop *loop;

	ms_log_set_level(MS_LOG_ERROR);
	if (ms_loop_new(&loop) < 0 ||
	    ms_control_server_open(loop, socket_path, dispatch, NULL, &server, NULL) < 0)
		_exit(1);
	(void)!write(ready_fd, "r", 1);
	ms_loop_run(loop);
	_exit(0);
}

static void set_up(void)
{
	int ready[2];
	char byte;

	snprintf(socket_path, sizeof(socket_path), "/tmp/ms-ctl-%d.sock", getpid());
	ck_assert_int_eq(pipe(ready), 0);
	daemon_pid = fork();
	if (daemon_pid == 0)
		serve(ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
}

static void tear_down(void)
{
	kill(daemon_pid, SIGKILL);
	waitpid(daemon_pid, NULL, 0);
	unlink(socket_path);
}

/* ---- the CLI ---- */

static char output[65536], errors[65536];

static void slurp(const char *path, char *buf, size_t size)
{
	FILE *file = fopen(path, "r");

	buf[fread(buf, 1, size - 1, file)] = '\0';
	fclose(file);
	unlink(path);
}

/* A shell line; its exit status, with both outputs kept. */
static int run(const char *arguments)
{
	char line[1024], out[80], err[80];
	int status;

	snprintf(out, sizeof(out), "%s.out", socket_path);
	snprintf(err, sizeof(err), "%s.err", socket_path);
	snprintf(line, sizeof(line), "COLUMNS= %s --socket %s %s >%s 2>%s", MS_CTL_PROGRAM,
		 socket_path, arguments, out, err);
	status = system(line);
	slurp(out, output, sizeof(output));
	slurp(err, errors, sizeof(errors));
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

START_TEST(zero_when_done)
{
	ck_assert_int_eq(run("status"), 0);
	ck_assert_ptr_nonnull(strstr(output, "eth9 is not protected"));
	ck_assert_str_eq(errors, "");
	ck_assert_int_eq(run("--help"), 0);
	ck_assert_int_eq(run("rule add --help"), 0);
	/* Of an object: its commands, and nothing of others. */
	ck_assert_int_eq(run("source --help"), 0);
	ck_assert_ptr_nonnull(strstr(output, "  source list "));
	ck_assert_ptr_nonnull(strstr(output, "  source show NAME "));
	ck_assert_ptr_null(strstr(output, "plugin list"));
	ck_assert_ptr_null(strstr(output, "MATCH"));
	/* What they say is explained, too. */
	ck_assert_int_eq(run("rule --help"), 0);
	ck_assert_ptr_nonnull(strstr(output, "MATCH: --group "));
	ck_assert_int_eq(run("session --help"), 0);
	ck_assert_ptr_nonnull(strstr(output, "MATCH: --group "));
	ck_assert_int_eq(run("--version"), 0);
}
END_TEST

START_TEST(one_when_refused)
{
	ck_assert_int_eq(run("rule del x"), 1);
	ck_assert_str_eq(errors, "10-db.yaml:14:9: held by a file\n");
	ck_assert_str_eq(output, "");
	ck_assert_int_eq(run("policy diff /nonexistent.yaml"), 1);
}
END_TEST

START_TEST(one_when_nothing_could_be_written)
{
	char line[256];

	snprintf(line, sizeof(line), "%s --socket %s status >/dev/full 2>/dev/null", MS_CTL_PROGRAM,
		 socket_path);
	ck_assert_int_eq(WEXITSTATUS(system(line)), 1);
}
END_TEST

START_TEST(refusals_are_json_for_programs)
{
	ck_assert_int_eq(run("-o json rule del x"), 1);
	ck_assert_str_eq(errors, "{\"error\":{\"code\":\"refused\",\"message\":\"held by a file\","
				 "\"file\":\"10-db.yaml\",\"line\":14,\"column\":9,\"word\":\"x\"}}"
				 "\n");
	ck_assert_int_eq(run("-o json rule frob"), 2);
	ck_assert_ptr_nonnull(strstr(errors, "{\"error\":{\"code\":\"usage\""));
}
END_TEST

START_TEST(two_when_misused)
{
	ck_assert_int_eq(run("rule"), 2);
	ck_assert_int_eq(run("rule add drop"), 2);
	ck_assert_ptr_nonnull(strstr(errors, "did you mean deny?"));
	ck_assert_int_eq(run("session watch"), 2);
}
END_TEST

START_TEST(three_when_nobody_answers)
{
	ck_assert_int_eq(run("stats"), 3);
	ck_assert_ptr_nonnull(strstr(errors, "closed the connection"));
	ck_assert_int_eq(run("status"), 3);
	ck_assert_ptr_nonnull(strstr(errors, "microsegd is not running"));
	ck_assert_ptr_nonnull(strstr(errors, "systemctl start microseg"));
	ck_assert_int_eq(run("-o json status"), 3);
	ck_assert_ptr_nonnull(strstr(errors, "\"code\":\"unreachable\""));
	/* What needs nobody works all the same. */
	ck_assert_int_eq(run("version"), 0);
	ck_assert_int_eq(run("completion"), 0);
}
END_TEST

START_TEST(four_when_not_as_asked_for)
{
	ck_assert_int_eq(run("status --check"), 4);
	ck_assert_int_eq(run("policy diff"), 0);
	ck_assert_int_eq(run("policy diff " MS_SOURCE_FILE), 4);
}
END_TEST

START_TEST(check_needs_no_daemon)
{
	tear_down();
	ck_assert_int_eq(run("policy check " MS_SOURCE_FILE), 0);
	ck_assert_ptr_nonnull(strstr(output, "valid: 3 groups"));
	ck_assert_int_eq(run("policy check -o json " MS_SOURCE_FILE), 0);
	ck_assert_ptr_nonnull(strstr(output, "\"warnings_total\":0,\"warnings\":[]"));
	ck_assert_int_eq(run("policy check /dev/null"), 1);
	ck_assert_ptr_nonnull(strstr(errors, "cannot read /dev/null: it is not a regular file"));
	daemon_pid = fork();
	if (daemon_pid == 0)
		_exit(0);
}
END_TEST

START_TEST(cleanup_leaves_a_living_daemon_alone)
{
	ck_assert_int_eq(run("cleanup"), 1);
	ck_assert_ptr_nonnull(strstr(errors, "microsegd is running"));
	ck_assert_int_eq(kill(daemon_pid, 0), 0);
}
END_TEST

START_TEST(answers_cannot_steer_the_terminal)
{
	ck_assert_int_eq(run("panic open"), 0);
	ck_assert_ptr_null(strchr(output, '\033'));
	ck_assert_ptr_nonnull(strstr(output, "?[2J"));
}
END_TEST

START_TEST(no_permission_says_what_to_do)
{
	struct ms_error err = MS_ERROR_INIT;

	ms_cli_client_explain("/run/microseg/control.sock", -EACCES, &err);
	ck_assert_str_eq(err.message, "no permission on /run/microseg/control.sock: use sudo, or "
				      "join group microseg");
}
END_TEST

START_TEST(a_list_that_changes_is_asked_for_again)
{
	ck_assert_int_eq(run("-o json rule list --source runtime"), 0);
	ck_assert_str_eq(output, "{\"rules\":[\"first\",\"second\"]}\n");
	ck_assert_str_eq(errors, "");
	ck_assert_int_eq(run("rule list --source file"), 1);
	ck_assert_str_eq(output, "");
	ck_assert_str_eq(errors,
			 "microsegctl: the policy changed while it was listed; asked 5 times\n");
}
END_TEST

/* ---- the live view ---- */

static char screen[1 << 20];
static size_t screen_length, screen_seen;

/* Reads until `text` has been drawn behind what the last call waited for. */
static void expect(int fd, const char *text)
{
	const char *found;

	while (!(found = memmem(screen + screen_seen, screen_length - screen_seen, text,
				strlen(text)))) {
		struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
		ssize_t n;

		ck_assert_msg(poll(&poll_fd, 1, 5000) == 1, "never drawn: %s", text);
		n = read(fd, screen + screen_length, sizeof(screen) - screen_length - 1);
		ck_assert_msg(n > 0, "gone before it drew %s", text);
		screen_length += (size_t)n;
	}
	screen_seen = (size_t)(found - screen) + strlen(text);
}

static int finish(pid_t pid, int fd)
{
	int status;
	ssize_t n;

	while ((n = read(fd, screen + screen_length, sizeof(screen) - screen_length - 1)) > 0)
		screen_length += (size_t)n;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	close(fd);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static pid_t start_watch(int *ret_fd)
{
	struct winsize size = { .ws_row = 24, .ws_col = 80 };
	pid_t pid = forkpty(ret_fd, NULL, NULL, &size);

	screen_length = screen_seen = 0;
	if (pid == 0) {
		setenv("TERM", "xterm", 1);
		unsetenv("COLUMNS");
		unsetenv("LINES");
		execl(MS_CTL_PROGRAM, "microsegctl", "--socket", socket_path, "session", "watch",
		      "--interval", "200ms", (char *)NULL);
		_exit(127);
	}
	return pid;
}

#define TERMINAL_IS_BACK "\033[?1049l"

START_TEST(watch_refreshes_resizes_and_restores_the_terminal)
{
	struct winsize size = { .ws_row = 10, .ws_col = 40 };
	int fd;
	pid_t pid = start_watch(&fd);

	expect(fd, "4711 sessions, by idle");
	expect(fd, "10.0.0.5");
	expect(fd, "q quit");
	(void)!write(fd, "s", 1);
	expect(fd, "bytes");
	ck_assert_int_eq(ioctl(fd, TIOCSWINSZ, &size), 0);
	/* The last line has moved, so it is drawn again. */
	expect(fd, "q quit");
	(void)!write(fd, "\003", 1);
	ck_assert_int_eq(finish(pid, fd), 0);
	ck_assert_ptr_nonnull(
		memmem(screen, screen_length, TERMINAL_IS_BACK, strlen(TERMINAL_IS_BACK)));
}
END_TEST

START_TEST(watch_says_when_the_daemon_goes)
{
	int fd;
	pid_t pid = start_watch(&fd);

	expect(fd, "4711 sessions, by idle");
	kill(daemon_pid, SIGKILL);
	ck_assert_int_eq(finish(pid, fd), 3);
	ck_assert_ptr_nonnull(
		memmem(screen, screen_length, TERMINAL_IS_BACK, strlen(TERMINAL_IS_BACK)));
	ck_assert_ptr_nonnull(strstr(screen, "microsegd went away"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cli/microsegctl");
	TCase *tcase = tcase_create("microsegctl");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, zero_when_done);
	tcase_add_test(tcase, one_when_refused);
	tcase_add_test(tcase, one_when_nothing_could_be_written);
	tcase_add_test(tcase, refusals_are_json_for_programs);
	tcase_add_test(tcase, two_when_misused);
	tcase_add_test(tcase, three_when_nobody_answers);
	tcase_add_test(tcase, four_when_not_as_asked_for);
	tcase_add_test(tcase, check_needs_no_daemon);
	tcase_add_test(tcase, cleanup_leaves_a_living_daemon_alone);
	tcase_add_test(tcase, answers_cannot_steer_the_terminal);
	tcase_add_test(tcase, no_permission_says_what_to_do);
	tcase_add_test(tcase, a_list_that_changes_is_asked_for_again);
	tcase_add_test(tcase, watch_refreshes_resizes_and_restores_the_terminal);
	tcase_add_test(tcase, watch_says_when_the_daemon_goes);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
