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

static void take_arguments(char *argv[ARGS_MAX], size_t n, va_list args)
{
	do {
		ck_assert_uint_lt(n, ARGS_MAX);
		argv[n] = va_arg(args, char *);
	} while (argv[n++]);
}

#define COMMANDS_MAX 64
#define COMMAND_LENGTH 32

/* Whether this test has asked the same before, by the first two words. */
static bool is_repeated(char *const *words)
{
	static char asked[COMMANDS_MAX][COMMAND_LENGTH];
	static size_t n;
	char command[COMMAND_LENGTH];

	snprintf(command, sizeof(command), "%s %s", words[0], words[1] ? words[1] : "");
	for (size_t i = 0; i < n; i++)
		if (strcmp(asked[i], command) == 0)
			return true;
	if (n < COMMANDS_MAX)
		memcpy(asked[n++], command, sizeof(command));
	return false;
}

/* For a sanitized command, most of which are asked until something is so: looking for leaks takes
 * it as long as all else. */
static void forgo_leaks(void)
{
	const char *options = getenv("ASAN_OPTIONS");
	char more[512];

	snprintf(more, sizeof(more), "%s:detect_leaks=0", options ? options : "");
	setenv("ASAN_OPTIONS", more, 1);
}

/* `words` = the command and its arguments, ending in NULL. */
static void run(const struct ms_proc *daemon, char *const *words, struct outcome *ret_outcome)
{
	char socket[256];
	char *argv[ARGS_MAX + 5] = { (char *)"microsegctl", (char *)"--socket", socket,
				     (char *)"-o", (char *)"json" };
	FILE *err = tmpfile();
	bool is_again = is_repeated(words);
	int out[2];
	pid_t pid;

	for (size_t n = 0; words[n]; n++)
		argv[n + 5] = words[n];
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
		if (is_again)
			forgo_leaks();
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
	char *argv[ARGS_MAX];
	va_list args;

	va_start(args, daemon);
	take_arguments(argv, 0, args);
	va_end(args);
	run(daemon, argv, &outcome);
	ck_assert_msg(outcome.status == 0, "microsegctl exits %d: %s%s", outcome.status,
		      outcome.err, outcome.out);
	return parse_lines(outcome.out);
}

void ms_ctl_do(const struct ms_proc *daemon, ...)
{
	ms_cleanup(outcome_fini) struct outcome outcome = { 0 };
	char *argv[ARGS_MAX];
	va_list args;

	va_start(args, daemon);
	take_arguments(argv, 0, args);
	va_end(args);
	run(daemon, argv, &outcome);
	ck_assert_msg(outcome.status == 0, "microsegctl exits %d: %s%s", outcome.status,
		      outcome.err, outcome.out);
}

int ms_ctl_status(const struct ms_proc *daemon, char *ret_text, size_t size, ...)
{
	ms_cleanup(outcome_fini) struct outcome outcome = { 0 };
	char *argv[ARGS_MAX];
	va_list args;

	va_start(args, size);
	take_arguments(argv, 0, args);
	va_end(args);
	run(daemon, argv, &outcome);
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

/* ---- questions that many tests ask ---- */

#define PATIENCE_SECONDS 10

static bool item_is(json_t *item, const char *key, const char *text)
{
	const char *value = json_string_value(json_object_get(item, key));

	return !key || (value && !strcmp(value, text));
}

static json_t *item_at(json_t *line, const char *plural, size_t index)
{
	json_t *list = json_object_get(line, plural);

	/* A line without such a list is itself the item. */
	return list ? json_array_get(list, index) : index == 0 ? line : NULL;
}

json_t *ms_ctl_find(json_t *lines, const char *plural, const char *key, const char *text)
{
	json_t *item;

	for (size_t i = 0; i < json_array_size(lines); i++)
		for (size_t k = 0; (item = item_at(json_array_get(lines, i), plural, k)); k++)
			if (item_is(item, key, text))
				return item;
	return NULL;
}

size_t ms_ctl_count(json_t *lines, const char *plural, const char *key, const char *text)
{
	json_t *item;
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(lines); i++)
		for (size_t k = 0; (item = item_at(json_array_get(lines, i), plural, k)); k++)
			n += item_is(item, key, text);
	return n;
}

void ms_ctl_rule_add(const struct ms_proc *daemon, char ret_id[MS_CTL_ID], ...)
{
	ms_cleanup(outcome_fini) struct outcome outcome = { 0 };
	char *argv[ARGS_MAX] = { (char *)"rule", (char *)"add" };
	json_auto_t *lines = NULL;
	va_list args;

	va_start(args, ret_id);
	take_arguments(argv, 2, args);
	va_end(args);
	run(daemon, argv, &outcome);
	ck_assert_msg(outcome.status == 0, "rule add exits %d: %s%s", outcome.status, outcome.err,
		      outcome.out);
	lines = parse_lines(outcome.out);
	snprintf(ret_id, MS_CTL_ID, "%s", ms_ctl_text(lines, "0.rule.id"));
}

void ms_ctl_rule_del(const struct ms_proc *daemon, const char *id)
{
	ms_ctl_do(daemon, "rule", "del", id, NULL);
}

json_int_t ms_ctl_rule_packets(const struct ms_proc *daemon, const char *id)
{
	json_auto_t *lines = ms_ctl(daemon, "rule", "list", NULL);
	json_t *rule = ms_ctl_find(lines, "rules", "id", id);

	ck_assert_msg(rule != NULL, "no rule %s", id);
	return ms_ctl_int(rule, "packets");
}

bool ms_ctl_has_problem(const struct ms_proc *daemon, const char *part)
{
	json_auto_t *status = ms_ctl(daemon, "status", NULL);
	ms_cleanup(ms_free) char *text = json_dumps(ms_ctl_at(status, "0.problems"), 0);

	return strstr(text, part) != NULL;
}

json_int_t ms_ctl_stat(const struct ms_proc *daemon, const char *name)
{
	json_auto_t *lines = ms_ctl(daemon, "stats", NULL);

	return ms_ctl_int(json_array_get(lines, 0), name);
}

struct awaited {
	const struct ms_proc *daemon;
	const char *name, *value;
	const char *reason; /* of an event */
	json_t *found;
};

static bool event_is_there(void *user)
{
	struct awaited *awaited = user;
	json_auto_t *lines = ms_ctl(awaited->daemon, "observe", "--last", "1", "--rule",
				    awaited->name, "--verdict", awaited->value,
				    awaited->reason ? "--reason" : NULL, awaited->reason, NULL);

	awaited->found = json_incref(ms_ctl_find(lines, "events", "rule", awaited->name));
	return awaited->found != NULL;
}

json_t *ms_ctl_event_for(const struct ms_proc *daemon, const char *rule, const char *verdict,
			 const char *reason)
{
	struct awaited awaited = { daemon, rule, verdict, reason, NULL };

	ck_assert_msg(ms_netns_wait(event_is_there, &awaited, PATIENCE_SECONDS),
		      "no %s event of %s%s%s", verdict, rule, reason ? " for reason " : "",
		      reason ? reason : "");
	return awaited.found;
}

json_t *ms_ctl_event(const struct ms_proc *daemon, const char *rule, const char *verdict)
{
	return ms_ctl_event_for(daemon, rule, verdict, NULL);
}

json_t *ms_ctl_iface(const struct ms_proc *daemon, const char *name)
{
	json_auto_t *lines = ms_ctl(daemon, "iface", "show", name, NULL);

	return json_incref(ms_ctl_at(lines, "0.interface"));
}

static bool iface_is_so(void *user)
{
	struct awaited *awaited = user;
	json_auto_t *lines = ms_ctl(awaited->daemon, "iface", "list", NULL);
	json_t *iface = ms_ctl_find(lines, "interfaces", "name", awaited->name);

	return iface && item_is(iface, "state", awaited->value);
}

void ms_ctl_wait_iface(const struct ms_proc *daemon, const char *name, const char *state)
{
	struct awaited awaited = { daemon, name, state, NULL, NULL };

	ck_assert_msg(ms_netns_wait(iface_is_so, &awaited, PATIENCE_SECONDS), "%s is not %s", name,
		      state);
}
