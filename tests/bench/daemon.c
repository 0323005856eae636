/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "tests/bench/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/bench/bench.h"
#include "tests/bench/world.h"

#define DIR MS_BENCH_DAEMON_DIR
#define READY_MS 60000

static pid_t daemon_pid;

static int listen_notify(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = DIR "/notify" };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	unlink(addr.sun_path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		ms_bench_fail("%s: %s", addr.sun_path, strerror(errno));
	return fd;
}

static void write_document(const char *document, size_t length)
{
	ms_cleanup(ms_close_file) FILE *file = fopen(DIR "/policy/bench.yaml", "we");

	if (!file || fwrite(document, 1, length, file) != length || fflush(file) != 0)
		ms_bench_fail("the policy cannot be written");
}

static void run_daemon(void)
{
	int log = open(DIR "/log", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setenv("NOTIFY_SOCKET", DIR "/notify", 1);
	dup2(log, 1);
	dup2(log, 2);
	execl(MS_BENCH_BIN_DIR "/microsegd", "microsegd", "--config", DIR "/microseg.yaml",
	      "--policy", DIR "/policy", "--bpffs", MS_BENCH_RUN_DIR "/microseg", "--run-dir",
	      DIR "/run", "--state-dir", DIR "/state", NULL);
	_exit(127);
}

static pid_t spawn(void (*run)(void))
{
	pid_t pid = fork();

	if (pid < 0)
		ms_bench_fail("fork: %s", strerror(errno));
	if (pid == 0) {
		ms_bench_roam();
		run();
	}
	return pid;
}

void ms_bench_daemon_start(const char *document, size_t length)
{
	ms_cleanup(ms_close_fd) int notify = -1;
	struct pollfd wait = { .events = POLLIN };
	FILE *config;
	char text[512];

	mkdir(DIR, 0755);
	mkdir(DIR "/policy", 0755);
	mkdir(DIR "/run", 0755);
	mkdir(DIR "/state", 0700);
	config = fopen(DIR "/microseg.yaml", "we");
	if (!config)
		ms_bench_fail("%s: %s", DIR, strerror(errno));
	fclose(config);
	write_document(document, length);
	notify = wait.fd = listen_notify();
	daemon_pid = spawn(run_daemon);
	for (;;) {
		ssize_t n;

		if (poll(&wait, 1, READY_MS) != 1 || waitpid(daemon_pid, NULL, WNOHANG) != 0)
			break;
		n = recv(notify, text, sizeof(text) - 1, 0);
		text[n > 0 ? n : 0] = '\0';
		if (strstr(text, "READY=1"))
			return;
	}
	if (system("tail -20 " DIR "/log >&2") != 0)
		fputs("it left no log\n", stderr);
	ms_bench_fail("the daemon did not become ready");
}

void ms_bench_daemon_stop(void)
{
	kill(daemon_pid, SIGKILL);
	waitpid(daemon_pid, NULL, 0);
	daemon_pid = 0;
}

void ms_bench_daemon_pause(void)
{
	siginfo_t info;

	if (kill(daemon_pid, SIGSTOP) < 0 || waitid(P_PID, (id_t)daemon_pid, &info, WSTOPPED) < 0)
		ms_bench_fail("the daemon cannot be stopped: %s", strerror(errno));
}

void ms_bench_daemon_go_on(void)
{
	kill(daemon_pid, SIGCONT);
}

int ms_bench_daemon_connect(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = DIR "/run/control.sock" };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		ms_bench_fail("%s: %s", addr.sun_path, strerror(errno));
	return fd;
}

void ms_bench_daemon_ask(int fd, const char *request)
{
	size_t length = strlen(request) + 1;

	if (send(fd, request, length, MSG_NOSIGNAL) != (ssize_t)length)
		ms_bench_fail("%s: not sent", request);
}

void ms_bench_daemon_answer(int fd)
{
	char text[4096];
	size_t length = 0;
	ssize_t n;

	do {
		n = recv(fd, text + length, sizeof(text) - length, 0);
		if (n <= 0)
			ms_bench_fail("the daemon did not answer");
		length += (size_t)n;
	} while (text[length - 1] != '\0');
	if (strstr(text, "\"error\""))
		ms_bench_fail("the daemon answered %s", text);
}

uint64_t ms_bench_daemon_rss_bytes(void)
{
	ms_cleanup(ms_close_file) FILE *file = NULL;
	unsigned long long size, resident = 0;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)daemon_pid);
	file = fopen(path, "re");
	if (!file || fscanf(file, "%llu %llu", &size, &resident) != 2)
		ms_bench_fail("the daemon's memory is not known");
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static char command[1024];

static void run_command(void)
{
	execl("/bin/sh", "sh", "-c", command, NULL);
	_exit(127);
}

int ms_bench_daemon_ctl(const char *format, ...)
{
	int n = snprintf(command, sizeof(command),
			 "exec %s/microsegctl --socket %s/run/control.sock ", MS_BENCH_BIN_DIR,
			 DIR);
	va_list args;

	va_start(args, format);
	vsnprintf(command + n, sizeof(command) - (size_t)n, format, args);
	va_end(args);
	strncat(command, " >" MS_BENCH_DAEMON_SAID " 2>&1", sizeof(command) - strlen(command) - 1);
	return spawn(run_command);
}

bool ms_bench_daemon_ctl_has_ended(int pid)
{
	siginfo_t info = { .si_pid = 0 };

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid;
}

void ms_bench_daemon_ctl_end(int pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || status != 0) {
		if (system("cat " MS_BENCH_DAEMON_SAID " >&2 2>/dev/null") != 0)
			fputs("it said nothing\n", stderr);
		ms_bench_fail("failed: %s", command);
	}
}

static pid_t repeating;

void ms_bench_daemon_ctl_repeat(const char *words)
{
	snprintf(command, sizeof(command),
		 "while %s/microsegctl --socket %s/run/control.sock %s >/dev/null; do "
		 "echo >>" DIR "/repeated; done",
		 MS_BENCH_BIN_DIR, DIR, words);
	unlink(DIR "/repeated");
	repeating = spawn(run_command);
}

unsigned int ms_bench_daemon_ctl_rest(void)
{
	ms_cleanup(ms_close_file) FILE *file = NULL;
	unsigned int count = 0;

	kill(repeating, SIGKILL);
	waitpid(repeating, NULL, 0);
	/* Behind the one that is under way. */
	ms_bench_daemon_ctl_end(ms_bench_daemon_ctl("status"));
	file = fopen(DIR "/repeated", "re");
	while (file && fgetc(file) != EOF)
		count++;
	return count;
}

void ms_bench_command(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	ms_bench_daemon_ctl_end(spawn(run_command));
}
