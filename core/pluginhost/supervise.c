/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/pluginhost/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/base/utf8.h"

#define WHEN_MAX 112

struct supervision {
	char callback[96];
	bool is_done; /* the answer is whole */
};

void ms_pluginhost_supervise_note(void *supervision, const char *callback)
{
	struct supervision *shared = supervision;

	snprintf(shared->callback, sizeof(shared->callback), "%s", callback ? callback : "");
}

/* ---- the child ---- */

/* JSON carries no half of a letter, which is what a quote that was cut may end in. */
static json_t *shape_error(struct ms_error *err, int r)
{
	return json_pack("{s:i, s:s, s:s}", "code", r, "message",
			 err->message[0] ? ms_utf8_tidy(err->message) : strerror(-r), "word",
			 ms_utf8_tidy(err->word));
}

static _Noreturn void run_child(int out, struct supervision *shared, pid_t parent,
				int (*work)(void *user, void *supervision, json_t **ret_answer,
					    struct ms_error *err),
				void *user)
{
	const struct rlimit no_core = { 0, 0 };
	struct ms_error err = MS_ERROR_INIT;
	json_t *answer = NULL;
	int r;

	/* What it starts is killed with it, and it dies with its supervisor. */
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	setrlimit(RLIMIT_CORE, &no_core);
	/* Standard output has one answer, and it is the supervisor's to give. */
	dup2(2, 1);
	r = work(user, shared, &answer, &err);
	if (r < 0)
		answer = shape_error(&err, r);
	if (answer && json_dumpfd(answer, out, JSON_COMPACT) == 0)
		shared->is_done = true;
	_exit(0);
}

/* ---- the supervisor ---- */

static int wait_for(pid_t pid, unsigned int seconds)
{
	ms_cleanup(ms_close_fd) int fd = pidfd_open(pid, 0);
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	if (fd < 0)
		return -errno;
	return poll(&wait, 1, (int)seconds * 1000);
}

static const char *say_when(const struct supervision *shared, char *buf, size_t size)
{
	if (shared->callback[0])
		snprintf(buf, size, "while it %s", shared->callback);
	else
		snprintf(buf, size, "in microseg-plugin-host itself");
	return buf;
}

static int explain(const char *name, const struct supervision *shared, int status,
		   struct ms_error *err)
{
	char when[WHEN_MAX];

	say_when(shared, when, sizeof(when));
	if (WIFSIGNALED(status))
		return ms_error_set(err, -EFAULT, "%s: crashed %s (%s)", name, when,
				    sigdescr_np(WTERMSIG(status)));
	return ms_error_set(err, -EFAULT, "%s: ended its process %s (status %d)", name, when,
			    WEXITSTATUS(status));
}

static int read_answer(const char *name, int fd, json_t **ret_answer, struct ms_error *err)
{
	json_auto_t *answer = NULL;
	int code;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	answer = json_loadfd(fd, 0, NULL);
	if (!json_is_object(answer))
		return ms_error_set(err, -EPROTO, "%s: its description cannot be read", name);
	code = (int)json_integer_value(json_object_get(answer, "code"));
	if (code < 0)
		return ms_error_set_at(err, code, NULL, 0, 0,
				       json_string_value(json_object_get(answer, "word")), "%s",
				       json_string_value(json_object_get(answer, "message")));
	*ret_answer = json_incref(answer);
	return 0;
}

static int supervise(const char *name, unsigned int seconds, pid_t pid, int fd,
		     const struct supervision *shared, json_t **ret_answer, struct ms_error *err)
{
	int status = 0, r = wait_for(pid, seconds);
	char when[WHEN_MAX];

	/* All it started, then itself: it may have left the group. */
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	if (r < 0)
		return ms_error_set(err, r, "cannot wait for the trial of %s: %s", name,
				    strerror(-r));
	if (r == 0)
		return ms_error_set(err, -ETIMEDOUT, "%s: did not come back within %u s %s", name,
				    seconds, say_when(shared, when, sizeof(when)));
	if (!shared->is_done)
		return explain(name, shared, status, err);
	return read_answer(name, fd, ret_answer, err);
}

int ms_pluginhost_supervise(const char *name, unsigned int seconds,
			    int (*work)(void *user, void *supervision, json_t **ret_answer,
					struct ms_error *err),
			    void *user, json_t **ret_answer, struct ms_error *err)
{
	ms_cleanup(ms_close_fd) int fd = memfd_create("answer", MFD_CLOEXEC);
	struct supervision *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
					  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t self = getpid(), pid;
	int r;

	if (fd < 0 || shared == MAP_FAILED)
		return -ENOMEM;
	pid = fork();
	if (pid == 0)
		run_child(fd, shared, self, work, user);
	r = pid < 0 ? -errno : supervise(name, seconds, pid, fd, shared, ret_answer, err);
	munmap(shared, sizeof(*shared));
	return r;
}
