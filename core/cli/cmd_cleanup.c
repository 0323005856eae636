/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
/* cleanup: `microsegd --cleanup` does the work, since it needs no daemon that answers. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/cli/command.h"

/* microsegd as seen from this program, wherever that is: a build tree, an installation. */
static int find_near(const char *place, char *buf, size_t size)
{
	ssize_t length = readlink("/proc/self/exe", buf, size - 1);
	char *slash;

	if (length < 0)
		return -errno;
	buf[length] = '\0';
	slash = strrchr(buf, '/');
	if (!slash || (size_t)(slash - buf) + strlen(place) >= size)
		return -ENOENT;
	snprintf(slash, size - (size_t)(slash - buf), "%s", place);
	return access(buf, X_OK) < 0 ? -errno : 0;
}

/* Removing what a living daemon would at once put back, or worse, half of it: refused. */
static int refuse_alive(const struct ms_cli *cli)
{
	struct ms_error err = MS_ERROR_INIT;

	ms_error_set(&err, -EBUSY,
		     "microsegd is running: stop it first ('systemctl stop microsegd', or Ctrl-C "
		     "where it runs), then run cleanup again");
	return ms_cli_fail(cli, MS_CLI_FAILED, "busy", &err);
}

static void become(char *const *words)
{
	char path[4096];

	if (find_near("/microsegd", path, sizeof(path)) == 0 ||
	    find_near("/../sbin/microsegd", path, sizeof(path)) == 0)
		execv(path, words);
	execvp("microsegd", words);
}

static int say_not_found(const struct ms_cli *cli)
{
	struct ms_error err = MS_ERROR_INIT;

	ms_error_set(&err, -ENOENT,
		     "microsegd, which does the work, was not found beside "
		     "microsegctl nor in PATH");
	return ms_cli_fail(cli, MS_CLI_FAILED, "not_found", &err);
}

/* ---- as JSON ---- */

#define NOT_FOUND 127

/* `words` in a child whose two outputs are read here. */
static FILE *start(char *const *words, pid_t *ret_pid)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return NULL;
	*ret_pid = fork();
	if (*ret_pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		become(words);
		_exit(NOT_FOUND);
	}
	close(ends[1]);
	if (*ret_pid > 0)
		return fdopen(ends[0], "re");
	close(ends[0]);
	return NULL;
}

/* "removed WHAT from PLACE", "would remove WHAT from PLACE" (core/removal.h). */
static json_t *shape_line(const char *line)
{
	static const char *const verbs[] = { "removed ", "would remove " };

	for (size_t i = 0; i < ms_array_size(verbs); i++) {
		const char *what = line + strlen(verbs[i]), *from;

		if (strncmp(line, verbs[i], strlen(verbs[i])) != 0)
			continue;
		from = strstr(what, " from ");
		if (from)
			return json_pack("{s:s%, s:s}", "what", what, (size_t)(from - what), "from",
					 from + strlen(" from "));
	}
	return NULL;
}

static int print_as_json(const struct ms_cli *cli, char *const *words)
{
	struct ms_error err = MS_ERROR_INIT;
	json_auto_t *removed = json_array(), *reply = NULL;
	char line[4096], last[4096] = "";
	pid_t pid = -1;
	ms_cleanup(ms_close_file) FILE *said = start(words, &pid);
	int status = 0;

	if (!said) {
		ms_error_set(&err, -errno, "cannot run microsegd: %s", strerror(errno));
		return ms_cli_fail(cli, MS_CLI_FAILED, "internal", &err);
	}
	while (fgets(line, sizeof(line), said)) {
		line[strcspn(line, "\n")] = '\0';
		json_array_append_new(removed, shape_line(line));
		memcpy(last, line, sizeof(last));
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND)
		return say_not_found(cli);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		const char *prefix = "microsegd: ";

		ms_error_set(&err, -EIO, "%s",
			     strncmp(last, prefix, strlen(prefix)) ? last : last + strlen(prefix));
		return ms_cli_fail(cli, MS_CLI_FAILED, "failed", &err);
	}
	reply = json_pack("{s:O, s:b}", "removed", removed, "dry_run", cli->options->dry_run);
	ms_cli_print_json(cli, reply);
	return MS_CLI_OK;
}

int ms_cli_cmd_cleanup(const struct ms_cli *cli)
{
	struct ms_cli_client *client = NULL;
	char *words[6] = { (char *)"microsegd", (char *)"--cleanup" };
	size_t n = 2;

	/* What would go is what one asks before stopping. */
	if (!cli->options->dry_run && ms_cli_client_open(cli->options->socket, &client) == 0) {
		ms_cli_client_close(client);
		return refuse_alive(cli);
	}
	if (cli->options->dry_run)
		words[n++] = (char *)"--dry-run";
	if (cli->options->bpffs) {
		words[n++] = (char *)"--bpffs";
		words[n++] = (char *)cli->options->bpffs;
	}
	fflush(NULL);
	if (cli->options->output == MS_CLI_JSON)
		return print_as_json(cli, words);
	become(words);
	return say_not_found(cli);
}
