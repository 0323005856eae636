/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/source/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "microseg/plugin.h"
#include "tests/harness/netns.h"

/* ---- attempts: 0, or the errno of what was refused ---- */

static int told(long result)
{
	return result < 0 ? errno : 0;
}

static int read_a_file(void)
{
	return told(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int write_a_file(void)
{
	return told(open("/run/written", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int empty_a_file(void)
{
	return told(open("/run/kept", O_RDONLY | O_TRUNC | O_CLOEXEC));
}

static int remove_a_file(void)
{
	return told(unlink("/run/kept"));
}

static int open_by_openat2(void)
{
	return told(syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", NULL, 0));
}

static int make_unix(void)
{
	return told(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int make_tcp(void)
{
	return told(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
}

static int make_udp6(void)
{
	return told(socket(AF_INET6, SOCK_DGRAM, 0));
}

static int make_raw(void)
{
	return told(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
}

static int make_packet(void)
{
	return told(socket(AF_PACKET, SOCK_DGRAM, 0));
}

static int make_netlink(void)
{
	return told(socket(AF_NETLINK, SOCK_RAW, 0));
}

static int listen_on_it(void)
{
	int r = told(listen(-1, 1));

	return r == EBADF ? 0 : r;
}

static int run_a_program(void)
{
	return told(execl("/bin/true", "true", NULL));
}

static int make_a_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return told(pid);
}

static void *do_nothing(void *user)
{
	return user;
}

static int make_a_thread(void)
{
	pthread_t thread;
	int r = pthread_create(&thread, NULL, do_nothing, NULL);

	return r ? r : pthread_join(thread, NULL);
}

static int make_a_pair(void)
{
	int pair[2];

	return told(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
}

/* As the C library asks a name server; there is no socket here. */
static int send_by_sendmmsg(void)
{
	int r = told(sendmmsg(-1, NULL, 0, 0));

	return r == EBADF ? 0 : r;
}

static int signal_another(void)
{
	return told(kill(getppid(), 0));
}

static int trace_another(void)
{
	return told(ptrace(PTRACE_SEIZE, getppid(), NULL, NULL));
}

static int ask_bpf(void)
{
	return told(syscall(SYS_bpf, 0, NULL, 0));
}

static int get_code_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
			       MAP_FAILED
		       ? errno
		       : 0;
}

static int make_memory_code(void)
{
	void *memory = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return told(mprotect(memory, 4096, PROT_READ | PROT_EXEC));
}

static int lift_a_limit(void)
{
	const struct rlimit more = { 1 << 20, 1 << 20 };

	return told(setrlimit(RLIMIT_FSIZE, &more));
}

#define NONE 0
#define ALL                                                                                        \
	(MS_PLUGIN_NEEDS_UNIX | MS_PLUGIN_NEEDS_INET | MS_PLUGIN_NEEDS_LISTEN |                    \
	 MS_PLUGIN_NEEDS_FILES | MS_PLUGIN_NEEDS_THREADS)

/* Each thing with the need that opens it, and what it comes to with all others. */
static const struct {
	const char *what;
	int (*attempt)(void);
	uint32_t needs; /* 0 = nothing opens it */
} attempts[] = {
	{ "read a file", read_a_file, MS_PLUGIN_NEEDS_FILES },
	{ "write a file", write_a_file, NONE },
	{ "empty a file", empty_a_file, NONE },
	{ "remove a file", remove_a_file, NONE },
	{ "openat2", open_by_openat2, NONE },
	{ "a unix socket", make_unix, MS_PLUGIN_NEEDS_UNIX },
	{ "a TCP socket", make_tcp, MS_PLUGIN_NEEDS_INET },
	{ "a UDP socket", make_udp6, MS_PLUGIN_NEEDS_INET },
	{ "a raw socket", make_raw, NONE },
	{ "a packet socket", make_packet, NONE },
	{ "a netlink socket", make_netlink, NONE },
	{ "listen", listen_on_it, MS_PLUGIN_NEEDS_LISTEN },
	{ "a program", run_a_program, NONE },
	{ "a process", make_a_process, NONE },
	{ "a thread", make_a_thread, MS_PLUGIN_NEEDS_THREADS },
	{ "a pair of sockets", make_a_pair, MS_PLUGIN_NEEDS_THREADS },
	{ "sendmmsg", send_by_sendmmsg, MS_PLUGIN_NEEDS_THREADS },
	{ "another's signal", signal_another, NONE },
	{ "ptrace", trace_another, NONE },
	{ "bpf()", ask_bpf, NONE },
	{ "memory with code", get_code_memory, NONE },
	{ "memory turned code", make_memory_code, NONE },
	{ "a limit", lift_a_limit, NONE },
};

/* In a process of its own: 0, the errno of the refusal, or 255 if there is no sandbox at all. */
static int attempt_within(uint32_t needs, int (*attempt)(void))
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (ms_source_sandbox_drop(NULL) < 0 || ms_source_sandbox_enter(needs, NULL) < 0)
			_exit(255);
		_exit(attempt());
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

START_TEST(only_what_is_needed_works)
{
	uint32_t needs = attempts[_i].needs;
	/* Only with sockets is there something to listen on. */
	uint32_t with = needs == MS_PLUGIN_NEEDS_LISTEN ? needs | MS_PLUGIN_NEEDS_INET : needs;
	ms_cleanup(ms_close_fd) int kept = open("/run/kept", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ge(kept, 0);
	ck_assert_msg(attempt_within(ALL & ~needs, attempts[_i].attempt) == EPERM,
		      "%s: not refused", attempts[_i].what);
	if (needs)
		ck_assert_msg(attempt_within(with, attempts[_i].attempt) == 0, "%s: refused",
			      attempts[_i].what);
}
END_TEST

/* ---- privileges ---- */

static int has_a_capability(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data) < 0)
		return errno;
	for (size_t i = 0; i < ms_array_size(data); i++) {
		if (data[i].effective || data[i].permitted || data[i].inheritable)
			return EEXIST;
	}
	return 0;
}

/* chown() to another user needs one; a program's start gives none back to user 0. */
static int has_one_by_a_program(void)
{
	return WEXITSTATUS(system("chown 1 /run/kept 2>/dev/null")) == 0 ? EEXIST : 0;
}

static int writes(void)
{
	int fd = open("/run/kept", O_WRONLY | O_CLOEXEC);

	signal(SIGXFSZ, SIG_IGN);
	return fd < 0 ? errno : told(write(fd, "x", 1));
}

static int after_drop(int (*ask)(void))
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(ms_source_sandbox_drop(NULL) < 0 ? 255 : ask());
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

START_TEST(privileges_are_gone_before_code_is_loaded)
{
	ms_cleanup(ms_close_fd) int kept = open("/run/kept", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ge(kept, 0);
	ck_assert_int_eq(has_a_capability(), EEXIST);
	ck_assert_int_eq(after_drop(has_a_capability), 0);
	ck_assert_int_eq(after_drop(has_one_by_a_program), 0);
	ck_assert_int_eq(after_drop(writes), EFBIG);
	ck_assert_int_eq(has_one_by_a_program(), EEXIST);
}
END_TEST

START_TEST(writing_cannot_be_granted)
{
	struct ms_error err = MS_ERROR_INIT;

	ck_assert_int_eq(ms_source_sandbox_enter(MS_PLUGIN_NEEDS_WRITE, &err), -ENOTSUP);
	ck_assert_str_ne(err.message, "");
	ck_assert_int_eq(make_netlink(), 0); /* and nothing was entered */
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("source_sandbox");
	TCase *cases = tcase_create("sandbox");

	tcase_add_checked_fixture(cases, ms_netns_setup, NULL);
	tcase_add_loop_test(cases, only_what_is_needed_works, 0, (int)ms_array_size(attempts));
	tcase_add_test(cases, privileges_are_gone_before_code_is_loaded);
	tcase_add_test(cases, writing_cannot_be_granted);
	suite_add_tcase(suite, cases);
	return ms_netns_run(suite);
}
