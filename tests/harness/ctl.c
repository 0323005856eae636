/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "tests/harness/ctl.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/harness/netns.h"

#define ARGS_MAX 48

struct outcome {
	int status;
	char *out, *err;
};

static void outcome_fini(struct outcome *outcome)
{
	free(outcome->out);
	free(outcome->err);
}

static char *drain(int fd)
{
	char *text = NULL, chunk[65536];
	size_t length = 0;
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) > 0) {
		text = realloc(text, length + n + 1);
		ck_assert_ptr_nonnull(text);
		memcpy(text + length, chunk, n);
		length += n;
	}
	if (!text)
		return strdup("");
	text[length] = 0;
	return text;
}

static void run(const struct ms_proc *daemon, va_list args, struct outcome *ret_outcome)
{
	char socket[256];
	char *argv[ARGS_MAX] = { (char *)"microsegctl", (char *)"--socket", socket, (char *)"-o",
				 (char *)"json" };
	FILE *err = tmpfile();
	int out[2];
	size_t n = 5;
	pid_t pid;

	do {
		ck_assert_uint_lt(n, ARGS_MAX);
		argv[n] = va_arg(args, char *);
	} while (argv[n++]);
	snprintf(socket, sizeof(socket), "%s/run/control.sock", daemon->dir);
	ck_assert_ptr_nonnull(err);
	ck_assert_int_eq(pipe(out), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		dup2(out[1], 1);
		dup2(fileno(err), 2);
		close(out[0]);
		close(out[1]);
		execv(MS_TEST_BIN_DIR "/microsegctl", argv);
		_exit(127);
	}
	close(out[1]);
	ret_outcome->out = drain(out[0]);
	close(out[0]);
	ck_assert_int_eq(waitpid(pid, &ret_outcome->status, 0), pid);
	rewind(err);
	ret_outcome->err = drain(fileno(err));
	fclose(err);
	ck_assert_msg(WIFEXITED(ret_outcome->status), "microsegctl died of signal %d: %s",
		      WTERMSIG(ret_outcome->status), ret_outcome->err);
	ret_outcome->status = WEXITSTATUS(ret_outcome->status);
}

static json_t *parse_lines(const char *text)
{
	json_t *lines = json_array();
	json_error_t error;

	while (*text) {
		json_t *line = json_loads(text, JSON_DISABLE_EOF_CHECK, &error);

		ck_assert_msg(line != NULL, "not JSON: %s: %s", error.text, text);
		json_array_append_new(lines, line);
		text += error.position;
		text += strspn(text, " \n\t");
	}
	return lines;
}

json_t *ms_ctl(const struct ms_proc *daemon, ...)
{
	ms_cleanup(outcome_fini) struct outcome outcome = { 0 };
	va_list args;

	va_start(args, daemon);
	run(daemon, args, &outcome);
	va_end(args);
	ck_assert_msg(outcome.status == 0, "microsegctl exits %d: %s%s", outcome.status,
		      outcome.err, outcome.out);
	return parse_lines(outcome.out);
}

void ms_ctl_do(const struct ms_proc *daemon, ...)
{
	ms_cleanup(outcome_fini) struct outcome outcome = { 0 };
	va_list args;

	va_start(args, daemon);
	run(daemon, args, &outcome);
	va_end(args);
	ck_assert_msg(outcome.status == 0, "microsegctl exits %d: %s%s", outcome.status,
		      outcome.err, outcome.out);
}

int ms_ctl_status(const struct ms_proc *daemon, char *ret_text, size_t size, ...)
{
	ms_cleanup(outcome_fini) struct outcome outcome = { 0 };
	va_list args;

	va_start(args, size);
	run(daemon, args, &outcome);
	va_end(args);
	snprintf(ret_text, size, "%s%s", outcome.out, outcome.err);
	return outcome.status;
}

json_t *ms_ctl_at(json_t *object, const char *path)
{
	char copy[256];
	char *rest = copy, *part;
	json_t *at = object;

	snprintf(copy, sizeof(copy), "%s", path);
	while ((part = strsep(&rest, "."))) {
		json_t *next = json_is_array(at) ? json_array_get(at, strtoul(part, NULL, 10))
						 : json_object_get(at, part);

		if (!next) {
			ms_cleanup(ms_free) char *text = json_dumps(at, JSON_INDENT(1));

			ck_abort_msg("no \"%s\" of \"%s\" in %s", part, path, text);
		}
		at = next;
	}
	return at;
}

json_int_t ms_ctl_int(json_t *object, const char *path)
{
	json_t *value = ms_ctl_at(object, path);

	ck_assert_msg(json_is_integer(value), "%s is no integer", path);
	return json_integer_value(value);
}

const char *ms_ctl_text(json_t *object, const char *path)
{
	json_t *value = ms_ctl_at(object, path);

	ck_assert_msg(json_is_string(value), "%s is no text", path);
	return json_string_value(value);
}
