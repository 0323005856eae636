/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/harness/stage.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/harness/netns.h"

#define COMMIT "commit"

#define PATH_SIZE 256

/* Returns `path`. */
static char *pipe_path(const struct ms_proc *daemon, const char *stage, const char *which,
		       char path[PATH_SIZE])
{
	snprintf(path, PATH_SIZE, "%s/%s-%s", daemon->dir, stage, which);
	return path;
}

static void make_pipe(const struct ms_proc *daemon, const char *stage, const char *which)
{
	char path[PATH_SIZE];

	ck_assert_int_eq(mkfifo(pipe_path(daemon, stage, which, path), 0600), 0);
}

static void open_pipe(const struct ms_proc *daemon, const char *stage, const char *which, int flags)
{
	char path[PATH_SIZE];
	int fd = open(pipe_path(daemon, stage, which, path), flags | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(unlink(path), 0);
}

void ms_stage_bar(const struct ms_proc *daemon, const char *stage)
{
	make_pipe(daemon, stage, "go");
	make_pipe(daemon, stage, "there");
}

void ms_stage_unbar(const struct ms_proc *daemon, const char *stage)
{
	char path[PATH_SIZE];

	unlink(pipe_path(daemon, stage, "there", path)); /* who has come has taken it away */
	ck_assert_int_eq(unlink(pipe_path(daemon, stage, "go", path)), 0);
}

void ms_stage_wait(const struct ms_proc *daemon, const char *stage)
{
	open_pipe(daemon, stage, "there", O_RDONLY);
}

void ms_stage_let_go(const struct ms_proc *daemon, const char *stage)
{
	open_pipe(daemon, stage, "go", O_WRONLY);
}

void ms_stage_send(const struct ms_proc *daemon, const char *name, const char *words)
{
	ms_netns_run_command("(" MS_TEST_BIN_DIR "/microsegctl --socket %s/run/control.sock %s; "
			     "echo $? >%s/%s-code) >%s/%s 2>&1 </dev/null &",
			     daemon->dir, words, daemon->dir, name, daemon->dir, name);
}

static bool are_connected(void *user)
{
	char count[16];

	ms_netns_read_command(count, sizeof(count),
			      "echo $(($(ss -Hx | grep -c run/control.sock) + "
			      "$(ss -Hxl | awk '/run.control.sock/ { print $3 }')))");
	return (unsigned int)atoi(count) == *(const unsigned int *)user;
}

void ms_stage_wait_connected(unsigned int count)
{
	ck_assert_msg(ms_netns_wait(are_connected, &count, 20), "%u commands are not there", count);
}

bool ms_stage_has_answered(const struct ms_proc *daemon, const char *name)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "%s/%s-code", daemon->dir, name);
	return access(path, F_OK) == 0;
}

struct command {
	const struct ms_proc *daemon;
	const char *name;
};

static bool has_answered(void *user)
{
	const struct command *command = user;

	return ms_stage_has_answered(command->daemon, command->name);
}

void ms_stage_expect(const struct ms_proc *daemon, const char *name, const char *code)
{
	struct command command = { daemon, name };
	char path[PATH_SIZE], text[16], said[512];

	ck_assert_msg(ms_netns_wait(has_answered, &command, 30), "%s: no answer", name);
	snprintf(path, sizeof(path), "%s/%s", daemon->dir, name);
	ms_netns_read_command(text, sizeof(text), "until [ -s %s-code ]; do :; done; cat %s-code",
			      path, path);
	ck_assert_msg(strcmp(text, code) == 0, "%s ends with %s: %s", name, text,
		      ms_stage_answer(daemon, name, said, sizeof(said)));
}

char *ms_stage_answer(const struct ms_proc *daemon, const char *name, char *buf, size_t size)
{
	return ms_netns_read_command(buf, size, "cat %s/%s", daemon->dir, name);
}

void ms_stage_begin(const struct ms_proc *daemon, const char *stage, const char *words)
{
	ms_stage_bar(daemon, stage);
	ms_stage_send(daemon, COMMIT, words);
	ms_stage_wait(daemon, stage);
}

void ms_stage_end(const struct ms_proc *daemon, const char *stage, const char *code)
{
	ck_assert(!ms_stage_has_answered(daemon, COMMIT));
	ms_stage_let_go(daemon, stage);
	ms_stage_expect(daemon, COMMIT, code);
}
