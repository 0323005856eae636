/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "tests/harness/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/harness/netns.h"

#define READY_SECONDS 30 /* times the patience */
#define ARGS_MAX 32

static char *path_of(const struct ms_proc *daemon, const char *name, char *buf, size_t size)
{
	ck_assert_int_lt(snprintf(buf, size, "%s/%s", daemon->dir, name), (int)size);
	return buf;
}

static void write_file(const struct ms_proc *daemon, const char *name, const char *text)
{
	char path[256];
	ms_cleanup(ms_close_file) FILE *file = fopen(path_of(daemon, name, path, 256), "we");

	ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
	ck_assert_int_ge(fputs(text, file), 0);
}

void ms_proc_init(struct ms_proc *daemon, const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char path[256];

	memset(daemon, 0, sizeof(*daemon));
	snprintf(daemon->dir, sizeof(daemon->dir), MS_NETNS_DIR "/%s", name);
	ck_assert_int_eq(mkdir(daemon->dir, 0755), 0);
	ck_assert_int_eq(mkdir(path_of(daemon, "policy.d", path, sizeof(path)), 0755), 0);
	write_file(daemon, "microseg.yaml", "");
	daemon->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(daemon->notify_fd, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s",
		 path_of(daemon, "notify", path, 100));
	ck_assert_int_eq(bind(daemon->notify_fd, (void *)&address, sizeof(address)), 0);
}

void ms_proc_write_policy(const struct ms_proc *daemon, const char *file, const char *text)
{
	char name[128];

	snprintf(name, sizeof(name), "policy.d/%s", file);
	write_file(daemon, name, text);
}

void ms_proc_write_config(const struct ms_proc *daemon, const char *text)
{
	write_file(daemon, "microseg.yaml", text);
}

static void run_daemon(const struct ms_proc *daemon, const char *program, va_list args)
{
	char config[256], policy[256], run[256], state[256], notify[256], path[256];
	char *argv[ARGS_MAX] = {
		(char *)program,
		(char *)"--config",
		path_of(daemon, "microseg.yaml", config, sizeof(config)),
		(char *)"--policy",
		path_of(daemon, "policy.d", policy, sizeof(policy)),
		(char *)"--bpffs",
		(char *)MS_NETNS_BPFFS "/microseg",
		(char *)"--run-dir",
		path_of(daemon, "run", run, sizeof(run)),
		(char *)"--state-dir",
		path_of(daemon, "state", state, sizeof(state)),
	};
	size_t n = 11;
	int log_fd;

	do {
		argv[n] = va_arg(args, char *);
	} while (argv[n] && ++n < ARGS_MAX - 1);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setenv("NOTIFY_SOCKET", path_of(daemon, "notify", notify, sizeof(notify)), 1);
	log_fd = open(path_of(daemon, "daemon.log", path, sizeof(path)),
		      O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	dup2(log_fd, 1);
	dup2(log_fd, 2);
	execv(program, argv);
	_exit(127);
}

static void show_log(const struct ms_proc *daemon)
{
	char path[256], line[512];
	ms_cleanup(ms_close_file) FILE *log =
		fopen(path_of(daemon, "daemon.log", path, sizeof(path)), "re");

	while (log && fgets(line, sizeof(line), log))
		fprintf(stderr, "| %s", line);
}

static void spawn(struct ms_proc *daemon, const char *program, va_list args)
{
	ck_assert_int_eq(daemon->pid, 0);
	/* What an earlier daemon still had to say is not this one's. */
	while (recv(daemon->notify_fd, (char[512]) { 0 }, 512, MSG_DONTWAIT) > 0)
		;
	daemon->pid = fork();
	ck_assert_int_ge(daemon->pid, 0);
	if (daemon->pid == 0)
		run_daemon(daemon, program, args);
}

static uint64_t deadline_ns(void)
{
	return ms_netns_now_ns() + READY_SECONDS * ms_netns_patience() * 1000000000ull;
}

void ms_proc_wait_ready(struct ms_proc *daemon)
{
	uint64_t deadline = deadline_ns();
	struct pollfd wait = { .fd = daemon->notify_fd, .events = POLLIN };
	char text[512];
	int status;

	for (;;) {
		ssize_t n;

		if (poll(&wait, 1, 50) == 1) {
			n = recv(daemon->notify_fd, text, sizeof(text) - 1, 0);
			text[n > 0 ? n : 0] = 0;
			if (strstr(text, "READY=1"))
				return;
		}
		if (waitpid(daemon->pid, &status, WNOHANG) == daemon->pid) {
			show_log(daemon);
			daemon->pid = 0;
			ck_abort_msg("the daemon ended before it was ready, status %x", status);
		}
		if (ms_netns_now_ns() > deadline) {
			show_log(daemon);
			ck_abort_msg("the daemon is not ready after %u s",
				     READY_SECONDS * ms_netns_patience());
		}
	}
}

void ms_proc_start(struct ms_proc *daemon, ...)
{
	va_list args;

	va_start(args, daemon);
	spawn(daemon, MS_TEST_BIN_DIR "/microsegd", args);
	va_end(args);
	ms_proc_wait_ready(daemon);
}

void ms_proc_start_program(struct ms_proc *daemon, const char *program, ...)
{
	va_list args;

	va_start(args, program);
	spawn(daemon, program, args);
	va_end(args);
	ms_proc_wait_ready(daemon);
}

void ms_proc_begin_program(struct ms_proc *daemon, const char *program, ...)
{
	va_list args;

	va_start(args, program);
	spawn(daemon, program, args);
	va_end(args);
}

/* Collects a child that is on its way out, with a deadline. */
static int collect(pid_t pid)
{
	uint64_t deadline = deadline_ns();
	int status = 0;

	while (waitpid(pid, &status, WNOHANG) != pid) {
		ck_assert_msg(ms_netns_now_ns() < deadline, "process %d does not end", pid);
		poll(NULL, 0, 3);
	}
	return status;
}

int ms_proc_start_refused(struct ms_proc *daemon, ...)
{
	va_list args;
	int status;

	va_start(args, daemon);
	spawn(daemon, MS_TEST_BIN_DIR "/microsegd", args);
	va_end(args);
	status = collect(daemon->pid);
	daemon->pid = 0;
	ck_assert_msg(WIFEXITED(status), "the daemon died of signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

void ms_proc_kill(struct ms_proc *daemon)
{
	kill(daemon->pid, SIGKILL);
	collect(daemon->pid);
	daemon->pid = 0;
}

void ms_proc_stop(struct ms_proc *daemon)
{
	int status;

	kill(daemon->pid, SIGTERM);
	status = collect(daemon->pid);
	daemon->pid = 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		show_log(daemon);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
		      "the daemon ended with status %x", status);
}

void ms_proc_hangup(const struct ms_proc *daemon)
{
	ck_assert_int_eq(kill(daemon->pid, SIGHUP), 0);
}

bool ms_proc_is_alive(const struct ms_proc *daemon)
{
	siginfo_t info = { .si_pid = 0 };

	return daemon->pid && waitid(P_PID, daemon->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == 0;
}

bool ms_proc_has_ended(void *daemon)
{
	return !ms_proc_is_alive(daemon);
}

bool ms_proc_logged(const struct ms_proc *daemon, const char *text)
{
	char path[256], line[2048];
	ms_cleanup(ms_close_file) FILE *log =
		fopen(path_of(daemon, "daemon.log", path, sizeof(path)), "re");

	while (log && fgets(line, sizeof(line), log))
		if (strstr(line, text))
			return true;
	return false;
}

bool ms_proc_remembers(const struct ms_proc *daemon, const char *text)
{
	return ms_netns_try_command("cat %s/state/runtime.j* | grep -qF '%s'", daemon->dir, text) ==
	       0;
}

size_t ms_proc_rss_bytes(const struct ms_proc *daemon)
{
	char path[64];
	unsigned long total, resident;
	ms_cleanup(ms_close_file) FILE *statm = NULL;

	snprintf(path, sizeof(path), "/proc/%d/statm", daemon->pid);
	statm = fopen(path, "re");
	ck_assert_ptr_nonnull(statm);
	ck_assert_int_eq(fscanf(statm, "%lu %lu", &total, &resident), 2);
	return resident * (size_t)sysconf(_SC_PAGESIZE);
}

unsigned int ms_proc_open_fds(const struct ms_proc *daemon)
{
	char path[64];
	unsigned int n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", daemon->pid);
	dir = opendir(path);
	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

pid_t ms_proc_fork(const char *ns, void (*main_loop)(void *user), void *user)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (ns)
			ms_netns_go(ns);
		main_loop(user);
		_exit(0);
	}
	return pid;
}

void ms_proc_end(pid_t pid)
{
	kill(pid, SIGKILL);
	collect(pid);
}
